"""Rules: each level finds what it must, repair gives back the recorded bytes and nothing else, nothing is deleted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import Busy, DiskFull, LayoutRefused, UsageError
from kilotar.events import Event, Found, RunEnded, RunStarted
from kilotar.store.lock import hold_lock
from kilotar.work import mending
from tests.work.wishes import expected_tree, flip, prepare, snapshot, tree_digests, wish

LEVELS = ("quick", "normal", "deep")


@pytest.fixture
def made(root: Path, tiny: Tiny) -> Path:
    """Give a root with a tree and its lists."""
    prepare(root, tiny, formats=("imagefolder", "torchvision"))
    return root


def image(root: Path) -> Path:
    return min((root / "train").rglob("*.JPEG"))


def kinds(root: Path, level: str = "normal", *, repair: bool = False) -> list[tuple[str, str]]:
    report = kilotar.verify(root, level=level, repair=repair)
    return sorted({(finding.kind, finding.where) for finding in report.problems})


@pytest.mark.parametrize("level", LEVELS)
def test_what_was_prepared_is_in_order_at_every_level(made: Path, level: str) -> None:
    report = kilotar.verify(made, level=level)

    assert (report.exit_code, report.findings, report.checked, report.verified) == (0, (), 36, True)
    assert report.labels is not None
    assert report.labels.agrees
    assert [output.name for output in report.outputs] == ["imagefolder", "torchvision"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_missing_file_is_found_at_every_level(made: Path, level: str) -> None:
    gone = image(made)
    gone.unlink()

    assert kinds(made, level) == [("missing", str(gone.relative_to(made)))]


def test_a_missing_class_is_found_image_by_image(made: Path) -> None:
    shutil.rmtree(image(made).parent)

    assert [kind for kind, _ in kinds(made, "quick")] == ["missing"] * 4


@pytest.mark.parametrize("level", ["quick", "normal"])
@pytest.mark.parametrize(("change", "kind"), [("cut", "truncated"), ("add", "size")])
def test_a_file_of_another_length_is_found_by_its_length(made: Path, level: str, change: str, kind: str) -> None:
    path = image(made)
    data = path.read_bytes()
    path.write_bytes(data[:-1] if change == "cut" else data + b"x")

    assert (kind, str(path.relative_to(made))) in kinds(made, level)


def test_a_wrong_byte_is_found_by_the_digest_and_not_by_a_quick_look(made: Path) -> None:
    path = image(made)
    flip(path)

    assert kinds(made, "quick") == []
    assert kinds(made, "normal") == [("digest", str(path.relative_to(made)))]
    assert ("digest", str(path.relative_to(made))) in kinds(made, "deep")


@pytest.mark.parametrize("level", LEVELS)
def test_a_strange_file_among_the_images_is_found_at_every_level(made: Path, level: str) -> None:
    stranger = image(made).with_name("copy.JPEG")
    stranger.write_bytes(b"x")

    assert kinds(made, level) == [("extra", str(stranger.relative_to(made)))]
    assert stranger.read_bytes() == b"x"


def test_a_strange_file_in_the_place_of_a_missing_one_is_found_too(made: Path) -> None:
    path = image(made)
    path.rename(path.with_name("renamed.JPEG"))

    assert ("missing", str(path.relative_to(made))) in kinds(made, "quick")


def test_a_strange_class_is_found(made: Path) -> None:
    (made / "train" / "n99999999").mkdir()
    (made / "train" / "n99999999" / "a.JPEG").write_bytes(b"x")

    assert kinds(made, "quick") == [("extra", "train/n99999999/a.JPEG")]


def test_a_class_folder_that_is_empty_or_a_link_is_found(made: Path, tmp_path: Path) -> None:
    """An ImageFolder makes a class of either, and every label behind it moves by one."""
    (made / "train" / "n00000001").mkdir()
    (made / "val" / "n00000002").symlink_to(tmp_path)

    assert kinds(made, "quick") == [("extra", "train/n00000001"), ("extra", "val/n00000002")]


def test_a_link_in_the_place_of_an_image_is_no_image(made: Path, tmp_path: Path) -> None:
    path = image(made)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert [where for _, where in kinds(made, "normal")] == [str(path.relative_to(made))]


def test_a_folder_in_the_place_of_an_image_is_a_finding(made: Path) -> None:
    path = image(made)
    path.unlink()
    path.mkdir()

    assert str(path.relative_to(made)) in {where for _, where in kinds(made)}


def test_a_changed_side_file_is_found_and_mended(made: Path) -> None:
    before = (made / "meta.bin").read_bytes()
    flip(made / "meta.bin")

    assert kinds(made) == [("digest", "meta.bin")]
    assert kinds(made, repair=True) == []
    assert (made / "meta.bin").read_bytes() == before


@pytest.mark.parametrize("change", ["append", "flip"])
def test_an_archive_that_changed_is_found(root: Path, tmp_path: Path, change: str) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    path = tiny.folder / "tiny_img_val.tar"
    if change == "append":
        path.write_bytes(path.read_bytes() + b"x")
    else:
        flip(path)

    assert kinds(root, "normal") == [("archive", str(path))]
    assert (kinds(root, "quick") == []) == (change == "flip")
    assert kilotar.verify(root).verified is False


def test_an_archive_that_is_gone_is_told_and_no_problem(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    (tiny.folder / "tiny_img_val.tar").unlink()

    report = kilotar.verify(root)

    assert [(finding.kind, finding.is_problem) for finding in report.findings] == [("archive-gone", False)]
    assert report.exit_code == 0


def test_repair_gives_back_the_identical_tree(made: Path, tiny: Tiny) -> None:
    before = tree_digests(made / "train")
    classes = sorted((made / "train").iterdir())
    os.truncate(min(classes[0].iterdir()), 7)
    flip(max(classes[0].iterdir()))
    shutil.rmtree(classes[1])

    report = kilotar.verify(made, repair=True)

    assert report.exit_code == 0
    assert {finding.kind for finding in report.findings} == {"repaired"}
    assert tree_digests(made / "train") == before
    assert {f"train/{path}": sha for path, sha in before.items()} == expected_tree(tiny, ("train",))
    assert kilotar.verify(made).findings == ()


def test_repair_touches_nothing_that_is_in_order(made: Path) -> None:
    before = snapshot(made / "train")

    kilotar.verify(made, repair=True)

    assert snapshot(made / "train") == before


def test_repair_leaves_strangers_and_says_so(made: Path) -> None:
    stranger = image(made).with_name("copy.JPEG")
    stranger.write_bytes(b"x")
    flip(image(made))

    report = kilotar.verify(made, repair=True)

    assert [finding.kind for finding in report.problems] == ["extra"]
    assert stranger.exists()


def test_repair_of_one_linked_tree_does_not_spoil_the_other(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder", "cls-loc"))
    flip(image(root))

    report = kilotar.verify(root, repair=True)

    assert report.exit_code == 0
    assert set(tree_digests(root / "ILSVRC2015" / "Data").values()) == set(expected_tree(tiny).values())
    assert kilotar.verify(root).findings == ()


def test_repair_without_the_archive_leaves_the_problem_and_says_why(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    shutil.rmtree(tiny.folder / "tiny_img_train.tar", ignore_errors=True)
    (tiny.folder / "tiny_img_train.tar").unlink()
    flip(image(root))

    report = kilotar.verify(root, repair=True)

    assert {finding.kind for finding in report.problems} == {"digest", "repair"}
    assert report.exit_code == 3


def test_repair_never_takes_other_bytes_from_a_changed_archive(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    tar = tiny.folder / "tiny_img_train.tar"
    gone = image(root)
    good = gone.read_bytes()
    flip(tar, tar.read_bytes().index(good) + len(good) // 2)
    gone.unlink()

    report = kilotar.verify(root, repair=True)

    assert {"missing", "archive"} <= {finding.kind for finding in report.problems}
    assert not gone.exists()


def test_repair_of_a_choice_of_classes_stays_within_it(root: Path, tiny: Tiny) -> None:
    wnid = tiny.edition.classes[1].wnid
    prepare(root, tiny, classes=(wnid,))
    before = tree_digests(root / "train")
    image(root).unlink()

    assert kilotar.verify(root, repair=True).exit_code == 0
    assert tree_digests(root / "train") == before


def test_a_disk_that_fills_during_the_repair_is_told_as_that(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DiskFull("no room")

    image(made).unlink()
    monkeypatch.setattr(mending, "rewrite", fail)

    with pytest.raises(DiskFull):
        kilotar.verify(made, repair=True)


def test_xml_that_is_damaged_is_mended_too(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("cls-loc",), boxes=True)
    before = tree_digests(root / "ILSVRC2015")
    first, second, *_ = sorted((root / "ILSVRC2015" / "Annotations").rglob("*.xml"))
    flip(first)
    second.unlink()
    assert len(kilotar.verify(root).problems) == 2

    report = kilotar.verify(root, repair=True)

    assert report.exit_code == 0
    assert tree_digests(root / "ILSVRC2015") == before


def test_an_output_that_is_not_complete_is_a_problem(root: Path, tiny: Tiny) -> None:
    def stop(event: Event) -> None:
        if type(event).__name__ == "StepEnded":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, **wish(tiny, jobs=1))

    report = kilotar.verify(root)

    assert [(finding.kind, finding.where) for finding in report.problems] == [("incomplete", "imagefolder")]
    assert "of 4 steps" in report.problems[0].why
    assert report.exit_code == 3


@pytest.mark.parametrize("name", ["files.tsv", "manifest.json"])
def test_a_damaged_list_of_files_or_manifest_is_never_believed(made: Path, name: str) -> None:
    path = made / ".kilotar" / "exports" / "imagefolder" / name
    flip(path, 0)

    try:
        assert ("manifest", "imagefolder") in kinds(made, "quick")
    except LayoutRefused as error:
        assert name in str(error)  # either is an answer, silence is not


def test_findings_are_told_as_they_are_made(made: Path) -> None:
    image(made).unlink()
    events: list[Event] = []

    report = kilotar.verify(made, on_event=events.append)

    assert {event.finding for event in events if isinstance(event, Found)} == set(report.findings)
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)


def test_a_folder_that_was_never_prepared_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()

    with pytest.raises(LayoutRefused):
        kilotar.verify(tmp_path)
    assert os.listdir(tmp_path) == ["train"]


def test_a_level_that_is_none_is_refused(made: Path) -> None:
    with pytest.raises(UsageError, match="no level 'thorough'"):
        kilotar.verify(made, level="thorough")


def test_a_check_waits_for_no_other_run(made: Path) -> None:
    with hold_lock(made / ".kilotar" / "lock"), pytest.raises(Busy):
        kilotar.verify(made)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_answer_does_not_depend_on_how_many_look(made: Path, jobs: int) -> None:
    for path in sorted((made / "train").rglob("*.JPEG"))[::3]:
        flip(path)

    report = kilotar.verify(made, jobs=jobs)

    assert [finding.kind for finding in report.problems] == ["digest"] * 4
    assert [finding.where for finding in report.problems] == sorted(finding.where for finding in report.problems)


def test_deep_decodes_the_archives_of_a_root_that_was_only_indexed(root: Path, tmp_path: Path) -> None:
    bad = make_tiny(tmp_path / "bad", flaws=("truncated",))
    kilotar.index(root, source=bad.folder, edition=str(bad.toml))

    report = kilotar.verify(root, level="deep")

    assert [finding.kind for finding in report.problems] == ["truncated"]
    assert report.checked == sum(truth.split != "test" for truth in bad.truth.values())


def test_what_was_in_order_when_an_output_was_made_is_no_problem_later(root: Path, tmp_path: Path) -> None:
    odd = make_tiny(tmp_path / "odd", flaws=("cmyk", "png"))
    prepare(root, odd)

    findings = kilotar.verify(root).findings

    assert {finding.kind for finding in findings} == {"known-odd"}
    assert not any(finding.is_problem for finding in findings)
