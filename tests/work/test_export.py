"""`export`: formats out of what a root remembers, and the choices that they share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny
from kilotar.errors import LayoutRefused, SettingsDiffer, UsageError
from kilotar.events import Outcome
from kilotar.sinks import webdataset
from tests.work.wishes import prepare, tree_digests


def lengths(folder: Path) -> list[int]:
    info = json.loads((folder / "_info.json").read_bytes())
    return list(info["splits"]["train"]["shard_lengths"])


def test_the_root_remembers_its_archives_and_edition(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    report = kilotar.export(root, "webdataset")
    assert report.outcome is Outcome.DONE and report.exit_code == 0
    rows = list(webdataset.read(root / "webdataset", load_edition(str(tiny.toml))))
    assert {row.name.removesuffix(".JPEG") for row in rows} == {
        key for key, truth in tiny.truth.items() if truth.split != "test"
    }


def test_archives_that_were_only_indexed_are_enough(root: Path, tiny: Tiny) -> None:
    kilotar.index(root, source=tiny.folder, edition=str(tiny.toml))
    kilotar.export(root, "lists", "webdataset", splits=("val",))
    assert (root / "lists/caffe/val.txt").is_file()
    assert [path.name for path in root.glob("webdataset/*.tar")] == ["imagenet1k-validation-00.tar"]


def test_it_writes_the_bytes_that_prepare_writes(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny)
    kilotar.export(root, "webdataset", order="shuffled", seed=3, shards=2, boxes=True, splits=("train",))
    words = (("webdataset", "order", "shuffled"), ("webdataset", "seed", "3"), ("webdataset", "shards", "2"))
    prepare(tmp_path / "other", tiny, formats=("webdataset",), options=words, boxes=True, splits=("train",))
    assert tree_digests(root / "webdataset") == tree_digests(tmp_path / "other" / "webdataset")


def test_a_shared_choice_goes_to_the_formats_that_have_it(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    kilotar.export(root, "lists", "webdataset", shards=3)
    assert lengths(root / "webdataset") == [4, 4, 4]


def test_what_is_said_for_one_format_goes_before_what_is_said_for_all(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    kilotar.export(root, "webdataset", shards=3, options=(("webdataset", "shards", "2"),))
    assert lengths(root / "webdataset") == [6, 6]


@pytest.mark.parametrize("name", ["webdataset", "parquet"])
def test_the_number_of_workers_does_not_show(name: str, root: Path, tiny: Tiny) -> None:
    found = []
    for jobs in (1, 2, 4):
        prepare(root / str(jobs), tiny, formats=("lists",))
        kilotar.export(root / str(jobs), name, shards=5, boxes=True, jobs=jobs)
        found.append(tree_digests(root / str(jobs) / name))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 6


def test_the_same_again_does_nothing_and_another_choice_is_refused(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    kilotar.export(root, "webdataset", shards=3)
    before = tree_digests(root / "webdataset")
    assert kilotar.export(root, "webdataset", shards=3).outputs[0].outcome is Outcome.KEPT
    with pytest.raises(SettingsDiffer, match="webdataset"):
        kilotar.export(root, "webdataset", shards=2)
    assert tree_digests(root / "webdataset") == before


def test_an_output_goes_where_it_is_told(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny)
    kilotar.export(root, "webdataset", out=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "_info.json").is_file()
    assert not (root / "webdataset").exists()


def test_a_root_that_knows_no_archives_is_refused_and_not_made(root: Path) -> None:
    with pytest.raises(LayoutRefused, match="knows no archives"):
        kilotar.export(root, "webdataset")
    assert not root.exists()


def test_a_choice_that_no_format_has_is_refused_by_name(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    with pytest.raises(UsageError, match="shards"):
        kilotar.export(root, "imagefolder", "lists", shards=3)
    with pytest.raises(UsageError, match="webdatasat"):
        kilotar.export(root, "webdatasat")
    with pytest.raises(UsageError, match="sideways"):
        kilotar.export(root, "webdataset", order="sideways")
