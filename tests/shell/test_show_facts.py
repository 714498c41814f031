"""Archives, classes and formats as tables, on the real facts."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import kilotar
from kilotar.shell.show_facts import option_names, show_archives, show_classes, show_formats
from tests.shell.conftest import EDITION


def test_archives_show_what_prepare_looks_for_and_what_each_is() -> None:
    assert show_archives(EDITION) == [
        "  ilsvrc2012: 2 archives; * is what `prepare` looks for",
        "* train.tar  147.90 GB (137.74 GiB), 1,281,167 images",
        "    md5      1d67",
        "  patch.tar  size unknown",
        "    for      a few fixes",
        "    url      https://example.org/patch.tar",
        "  terms    Only for research.",
    ]


def test_the_published_train_archive_is_shown_with_its_torrent() -> None:
    text = "\n".join(show_archives(kilotar.edition("ilsvrc2012")))

    assert "* ILSVRC2012_img_train.tar  147.90 GB (137.74 GiB), 1,281,167 images" in text
    assert "md5      1d675b47d978889d74fa0da5fadfb00e" in text
    assert "infohash a306397ccf9c2ead27155983c254227c0fd938e2" in text


def test_classes_show_label_and_ilsvrc_id_side_by_side() -> None:
    assert show_classes(EDITION.classes) == [
        "  label  wnid       ilsvrc_id  train  words",
        "      0  n01440764        449  1,300  tench, Tinca tinca",
        "      1  n01443537        450  1,300  goldfish, Carassius auratus",
        "  2 classes",
    ]


def test_dog_is_118_classes() -> None:
    assert show_classes(kilotar.find_classes(kilotar.edition("ilsvrc2012"), "dog"))[-1] == "  118 classes"


def test_every_format_that_exists_is_shown() -> None:
    text = "\n".join(show_formats(kilotar.find_sinks()))

    for name in ("imagefolder", "torchvision", "cls-loc", "lists"):
        assert f"  {name} " in text
    assert "--option cls-loc.kaggle=yes" in text


@dataclass
class Options:
    fast: bool = False


def test_a_format_that_lacks_a_package_says_how_to_get_it() -> None:
    about = SimpleNamespace(name="x", summary="s\x1b", folder="x", needs=("no_such_package_x", "json"), reader="r")
    sink = SimpleNamespace(ABOUT=about, Options=Options)

    assert show_formats([sink]) == [
        "  x            s\\x1b",
        "      folder   ROOT/x",
        "      read by  r",
        "      options  --option x.fast=yes",
        "      lacks    pip install no_such_package_x",
    ]
    assert option_names(sink) == ("fast",)
