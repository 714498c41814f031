"""Rules: `verify` and `why` take the name of an output, so that two of one format are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import UsageError
from kilotar.events import Outcome
from kilotar.model.pixels import PixelWish
from kilotar.model.report import WhyRow
from tests.need import need_module
from tests.work.wishes import flip, prepare, snapshot


@pytest.fixture
def two(root: Path, tiny: Tiny) -> Path:
    """Give a root with two outputs of one format."""
    prepare(root, tiny, formats=("webdataset",))
    prepare(root, tiny, formats=("webdataset",), name="few", per_class=2, seed=3, boxes=True)
    return root


def test_one_of_two_is_verified_and_the_archives_are_not_read(two: Path) -> None:
    flip(two / "few" / "imagenet1k-train-0000.tar")
    report = kilotar.verify(two, names=("webdataset",))
    assert [output.name for output in report.outputs] == ["webdataset"]
    assert report.problems == () and report.archives == () and report.checked == 18
    report = kilotar.verify(two, names=("few",))
    assert {finding.kind for finding in report.problems} == {"digest"}
    assert {fact.kind for fact in kilotar.verify(two, names=("few",), repair=True).findings} == {"repaired"}
    assert kilotar.verify(two).problems == () and len(kilotar.verify(two).outputs) == 2


def test_a_name_that_no_output_has_is_refused_with_the_near_one(two: Path) -> None:
    with pytest.raises(UsageError, match="no output 'webdatset'") as caught:
        kilotar.verify(two, names=("webdatset",))
    assert "few, webdataset" in caught.value.seen and "did you mean webdataset?" in caught.value.fix


def test_a_name_is_for_roots(two: Path) -> None:
    with pytest.raises(UsageError, match="of a root"):
        kilotar.verify(two / "few", names=("few",))
    with pytest.raises(UsageError, match="--name"):
        kilotar.verify("s3://bucket/few", names=("few",))


def reasons(rows: tuple[WhyRow, ...]) -> set[tuple[str, Outcome, str]]:
    return {(row.output, row.outcome, str(row.reason)) for row in rows}


@pytest.mark.parametrize("name", ["webdataset", "few"])
def test_why_takes_a_name_alone_and_knows_the_rest(name: str, two: Path) -> None:
    before = snapshot(two)
    assert reasons(kilotar.why(two, name=name)) == {(name, Outcome.KEPT, "recorded")}
    assert snapshot(two) == before


@pytest.mark.parametrize(
    ("format_name", "wish"),
    [
        ("imagefolder", {}),
        ("parquet", {"pixels": PixelWish("max:16", 70, "box", "convert"), "boxes": True}),
        ("npz", {"options": (("npz", "size", "16"),)}),
        ("tfrecord", {"splits": ("train", "val", "test"), "pixels": PixelWish(odd="keep"), "fraction": 0.5}),
        ("webdataset", {"options": (("webdataset", "shards", "2"),), "classes": ("n02640242",)}),
    ],
)
def test_every_setting_is_remembered(
    format_name: str, wish: dict[str, object], root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    for package in kilotar.find_sinks():
        if package.ABOUT.name == format_name:
            for need in package.ABOUT.needs:
                need_module(need)
    prepare(root, tiny, formats=(format_name,), name="mine", **wish)
    prepare(root, tiny, formats=(format_name,), out=tmp_path / "out", **wish)
    for name in ("mine", format_name):
        assert reasons(kilotar.why(root, name=name)) == {(name, Outcome.KEPT, "recorded")}


def test_a_name_with_settings_is_taken_at_its_word_and_an_unknown_one_is_new(two: Path, tiny: Tiny) -> None:
    assert {row.reason for row in kilotar.why(two, name="other", formats=("webdataset",))} == {"new"}
    assert {row.output for row in kilotar.why(two, name="more")} == {"more"}


def test_a_list_that_is_not_remembered_is_asked_for(two: Path, tiny: Tiny, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{key}\n" for key in sorted(tiny.truth)[:3]))
    prepare(two, tiny, formats=("webdataset",), name="listed", images=names)
    with pytest.raises(UsageError, match="by a list") as caught:
        kilotar.why(two, name="listed")
    assert "--images FILE" in caught.value.fix
