"""The tree with meta.bin; that torchvision itself takes it is tested in tests/interop."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused
from kilotar.sinks import imagefolder, torchvision
from kilotar.sinks.metabin import build_meta_bin, read_meta_bin
from tests.doubles.collections import CLASSES, make_small
from tests.doubles.folders import lay, tree


def test_it_is_the_imagefolder_tree_and_one_file(tmp_path: Path) -> None:
    lay(imagefolder, make_small(), tmp_path / "plain")
    lay(torchvision, make_small(), tmp_path / "meta")
    meta = tree(tmp_path / "meta")
    assert meta.pop("meta.bin")
    assert meta == tree(tmp_path / "plain")


def test_meta_bin_is_there_without_a_kit_and_names_leaves_only_in_the_kits_order_complaint_34(tmp_path: Path) -> None:
    small = make_small()
    lay(torchvision, small, tmp_path)
    names, val = read_meta_bin(tmp_path / "meta.bin")
    assert list(names) == [synset.wnid for synset in sorted(CLASSES, key=lambda synset: synset.ilsvrc_id)]
    assert names["n01440764"] == ("tench", "Tinca tinca")
    assert val == [small.collection.edition.val_wnid(number) for number in range(1, 8)]


def test_meta_bin_is_the_same_whichever_classes_and_splits_were_chosen(tmp_path: Path) -> None:
    lay(torchvision, make_small(), tmp_path / "all")
    lay(torchvision, make_small().only(["n02012849"]).with_tables(lambda _: None), tmp_path / "one")
    assert (tmp_path / "all/meta.bin").read_bytes() == (tmp_path / "one/meta.bin").read_bytes()


def test_a_class_that_meta_bin_does_not_name_is_refused(tmp_path: Path) -> None:
    small = make_small()
    lay(torchvision, small, tmp_path)
    (tmp_path / "meta.bin").write_bytes(build_meta_bin({"n01440764": ("tench",)}, []))
    with pytest.raises(LayoutRefused, match="does not name class n01484850"):
        list(torchvision.read(tmp_path, small.collection.edition))
