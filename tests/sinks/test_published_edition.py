"""Side files of the published edition at full size, against the digests of the files that others publish.

Source of the digests: the kits of 2012 and 2015 (ground truth, map_clsloc.txt) and copies of synset_words.txt.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from kilotar.editions import load_edition
from kilotar.model.sample import NO_LABEL, Split
from kilotar.model.seams import Collection
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.sinks import cls_loc, lists, torchvision
from kilotar.sinks.metabin import read_meta_bin
from tests.doubles.folders import PlainFolder


def numbered(split: Split, count: int) -> tuple[list[str], SampleTable]:
    """Make a flat table of `count` images in the order of an archive that is not sorted."""
    edition = load_edition("ilsvrc2012")
    names = [f"ILSVRC2012_{split}_{number:08d}.JPEG" for number in range(1, count + 1)]
    labels = [edition.val_labels[at] if split == Split.VAL else NO_LABEL for at in range(count)]
    rows = RowsBuilder()
    for at in reversed(range(count)):
        rows.add(names[at], 512, 1)
    wnids = [edition.classes[label].wnid if label != NO_LABEL else "" for label in reversed(labels)]
    return names, SampleTable(split, [Part("00000", f"{split}.tar", rows.rows(), wnids, labels[::-1])])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    edition = load_edition("ilsvrc2012")
    tables = (numbered(Split.VAL, len(edition.val_labels))[1], numbered(Split.TEST, 100_000)[1])
    collection = Collection(edition, tables, tuple(synset.wnid for synset in edition.classes))
    path = tmp_path_factory.mktemp("published")
    lists.finish(collection, PlainFolder(path), lists.Options())
    cls_loc.finish(collection, PlainFolder(path / "ILSVRC2015"), cls_loc.Options(kaggle=True))
    torchvision.finish(collection, PlainFolder(path), torchvision.Options())
    return path


@pytest.mark.parametrize(
    ("path", "md5"),
    [
        ("caffe/synset_words.txt", "4d234b58"),
        ("ILSVRC2015/LOC_synset_mapping.txt", "4d234b58"),
        ("ILSVRC2015/devkit/data/map_clsloc.txt", "95c373dfc73b1b467fb7fa8d41f2a3a8"),
        (
            "ILSVRC2015/devkit/data/ILSVRC2015_clsloc_validation_ground_truth.txt",
            "1cfce2418d86c664c2e10863eecd0aa3",
        ),
    ],
)
def test_a_table_has_the_digest_of_the_published_one(folder: Path, path: str, md5: str) -> None:
    found = hashlib.md5((folder / path).read_bytes(), usedforsecurity=False).hexdigest()
    assert found.startswith(md5)


def test_the_label_proof_holds_in_the_lists_complaint_31(folder: Path) -> None:
    first = (folder / "caffe/val.txt").read_text().splitlines()[:3]
    assert first == [
        f"ILSVRC2012_val_0000000{number} {at}".replace(" ", ".JPEG ") for number, at in ((1, 65), (2, 970), (3, 230))
    ]
    assert (folder / "ILSVRC2015/ImageSets/CLS-LOC/val.txt").read_text().splitlines()[
        -1
    ] == "ILSVRC2012_val_00050000 50000"


def test_the_class_index_has_1000_pairs_and_wnids_ascend(folder: Path) -> None:
    index = json.loads((folder / "keras/imagenet_class_index.json").read_text())
    wnids = [index[str(label)][0] for label in range(1000)]
    assert len(index) == 1000 and wnids == sorted(wnids)
    assert index["0"] == ["n01440764", "tench"] and wnids[999] == "n15075141"
    assert index["134"][1] == index["517"][1] == "crane"
    assert (folder / "tfds/labels.txt").stat().st_size == 10_000


def test_meta_bin_names_1000_classes_and_50000_images_of_val(folder: Path) -> None:
    names, val = read_meta_bin(folder / "meta.bin")
    assert (len(names), len(val), next(iter(names.items()))) == (
        1000,
        50_000,
        ("n02119789", ("kit fox", "Vulpes macrotis")),
    )
    assert val[:3] == [sorted(names)[label] for label in (65, 970, 230)]
    assert (folder / "meta.bin").stat().st_size < 400_000


def test_all_lists_are_read_back_with_the_editions_labels(folder: Path) -> None:
    edition = load_edition("ilsvrc2012")
    rows = list(lists.read(folder, edition))
    assert len(rows) == 150_000
    assert tuple(row.label for row in rows[:50_000]) == edition.val_labels
    assert all(row.label == edition.label_of(row.wnid) for row in rows[:50_000])
