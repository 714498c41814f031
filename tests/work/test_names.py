"""Rules: one format can be in a root with several settings, each under its name; no two outputs share a place."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import SettingsDiffer, UsageError
from kilotar.events import Outcome
from tests.work.wishes import prepare, tree_digests, wish


def test_one_format_stands_twice_with_other_settings(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",))
    wnid = tiny.edition.classes[0].wnid
    report = kilotar.export(root, "webdataset", name="wds-one", classes=(wnid,), shards=2)

    assert [(output.name, output.folder) for output in report.outputs] == [("wds-one", str(root / "wds-one"))]
    assert len(list((root / "wds-one").glob("*train*.tar"))) == 2
    assert kilotar.export(root, "webdataset").outcome is Outcome.KEPT
    assert kilotar.export(root, "webdataset", name="wds-one", classes=(wnid,), shards=2).outcome is Outcome.KEPT
    assert kilotar.verify(root).problems == ()
    assert [output.name for output in kilotar.verify(root).outputs] == ["wds-one", "webdataset"]


def test_the_refusal_of_other_settings_offers_a_name(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",))

    with pytest.raises(SettingsDiffer, match="output webdataset") as refusal:
        kilotar.export(root, "webdataset", per_class=1)
    assert "--name" in refusal.value.fix
    kilotar.export(root, "webdataset", per_class=1, name="few")
    with pytest.raises(SettingsDiffer, match="output few"):
        kilotar.export(root, "webdataset", per_class=2, name="few")


def test_the_same_settings_under_two_names_are_two_outputs(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",), name="one")
    rows = kilotar.why(root, **wish(tiny, formats=("webdataset",), name="two"))
    prepare(root, tiny, formats=("webdataset",), name="two")

    assert {row.reason for row in rows} == {"new"}
    one, two = tree_digests(root / "one"), tree_digests(root / "two")
    manifests = {one.pop("kilotar-manifest.json"), two.pop("kilotar-manifest.json")}
    assert one == two and len(manifests) == 2
    assert kilotar.verify(root).problems == ()


def test_state_and_reasons_are_told_by_name(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",), name="few", per_class=1)

    (state,) = kilotar.status(root).outputs
    assert (state.name, state.format, state.complete) == ("few", "webdataset", True)
    assert state.choice == "1 of each class, seed 0"
    rows = kilotar.why(root, **wish(tiny, formats=("webdataset",), name="few", per_class=1))
    assert {row.output for row in rows} == {"few"} and {row.outcome for row in rows} == {Outcome.KEPT}


def test_a_named_output_is_mended(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder",), name="small", per_class=2)
    before = tree_digests(root / "small")
    next((root / "small" / "train").glob("*/*")).unlink()

    assert [finding.kind for finding in kilotar.verify(root, repair=True).findings] == ["repaired"]
    assert tree_digests(root / "small") == before


def test_a_named_tree_is_linked_from_a_whole_one(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    report = prepare(root, tiny, formats=("imagefolder",), name="small", per_class=2)

    assert report.outputs[0].linked == report.outputs[0].images == 6 + 6
    assert kilotar.verify(root).problems == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"formats": ("webdataset",), "name": "x"}, {"formats": ("parquet",), "out": "x"}),
        ({"formats": ("webdataset",), "name": "x"}, {"formats": ("imagefolder",), "out": "x/tree"}),
        ({"formats": ("webdataset",), "out": "x/shards"}, {"formats": ("lists",), "name": "x"}),
        ({"formats": ("imagefolder",)}, {"formats": ("webdataset",), "out": "train/n01440764"}),
        ({"formats": ("imagefolder",)}, {"formats": ("imagefolder",), "name": "y", "out": "train"}),
        ({"formats": ("lists",), "out": "x"}, {"formats": ("webdataset",), "out": "other/../x"}),
    ],
)
def test_an_output_in_the_place_of_another_is_refused(
    root: Path, tiny: Tiny, first: dict[str, object], second: dict[str, object]
) -> None:
    placed = [wishes | ({"out": root / str(wishes["out"])} if "out" in wishes else {}) for wishes in (first, second)]
    prepare(root, tiny, **placed[0])
    before = tree_digests(root)

    with pytest.raises(UsageError, match="would stand where output"):
        prepare(root, tiny, **placed[1])
    assert tree_digests(root) == before


def test_two_outputs_of_one_command_are_held_apart_too(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder", "torchvision", "webdataset", "lists", "cls-loc"))

    assert kilotar.verify(root).problems == ()


@pytest.mark.parametrize("name", ["archives", "train", "parquet", "Upper", "a/b", "..", "report.json", ".hidden"])
def test_a_name_that_means_something_else_is_refused(root: Path, tiny: Tiny, name: str) -> None:
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        prepare(root, tiny, formats=("webdataset",), name=name)


def test_a_name_is_for_one_format(root: Path, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="one format at a time"):
        prepare(root, tiny, formats=("webdataset", "lists"), name="x")
