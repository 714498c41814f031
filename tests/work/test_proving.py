"""Rules: an export is proved image by image against the archives, wherever it stands; what is not proved is said."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.report import Report
from kilotar.sinks.base import find_sinks, pixels_of
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST
from tests.doubles.detections import make_detections
from tests.need import need_module
from tests.work.wishes import ALL, flip, prepare, snapshot

SHARDS = tuple(s.ABOUT.name for s in find_sinks() if s.ABOUT.shards and pixels_of(s, s.Options()).form == "jpeg")


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.problems}


def proofs(report: Report) -> list[tuple[str, int, int, str]]:
    return [(fact.subject, fact.checked, fact.wrong, fact.by) for fact in report.proofs]


@pytest.fixture
def moved(root: Path, tiny: Tiny, tmp_path: Path) -> Path:
    """Give a webdataset of a root, moved elsewhere."""
    prepare(root, tiny, formats=("webdataset",), splits=ALL)
    return (root / "webdataset").rename(tmp_path / "moved")


@pytest.mark.parametrize("name", SHARDS)
def test_every_format_of_shards_is_proved_image_by_image(name: str, root: Path, tiny: Tiny) -> None:
    for package in next(sink for sink in find_sinks() if sink.ABOUT.name == name).ABOUT.needs:
        need_module(package)
    prepare(root, tiny, formats=(name,), splits=ALL)
    before = snapshot(root / name)
    report = kilotar.verify(root / name)
    assert not report.findings and report.exit_code == 0
    assert proofs(report)[1] == ("images", 20, 0, "archives")
    assert snapshot(root / name) == before


def test_an_export_that_was_moved_is_held_against_the_root_that_is_named(moved: Path, root: Path) -> None:
    report = kilotar.verify(moved, against=root)
    assert proofs(report) == [("files", 10, 0, "sha256"), ("images", 20, 0, "archives")] and not report.problems


def test_without_archives_it_says_what_is_not_proved(moved: Path, root: Path, tiny: Tiny) -> None:
    shutil.rmtree(root)
    report = kilotar.verify(moved, edition=str(tiny.toml))
    assert proofs(report) == [("files", 10, 0, "sha256"), ("images", 20, 0, "edition")] and not report.problems
    with pytest.raises(LayoutRefused, match="edition tiny"):
        kilotar.verify(moved)


def test_a_changed_byte_is_told_by_file_and_by_image(moved: Path, root: Path) -> None:
    flip(moved / "imagenet1k-train-0000.tar", at=700)
    report = kilotar.verify(moved, against=root)
    assert kinds(report) == {"digest", "bytes"} and report.exit_code == 3
    assert [fact.wrong for fact in report.proofs] == [1, 1]


def test_quick_reads_no_image(moved: Path, root: Path) -> None:
    flip(moved / "imagenet1k-train-0000.tar", at=700)
    report = kilotar.verify(moved, against=root, level="quick")
    assert proofs(report) == [("files", 10, 0, "sizes")] and not report.problems


def test_a_cut_shard_does_not_cost_the_others(moved: Path, root: Path) -> None:
    path = moved / "imagenet1k-train-0000.tar"
    path.write_bytes(path.read_bytes()[:3000])
    report = kilotar.verify(moved, against=root)
    assert {"truncated", "unreadable", "missing", "count"} == kinds(report)
    missing = {finding.where.partition("/")[0] for finding in report.problems if finding.kind == "missing"}
    assert missing == {"train"}


def test_strangers_and_a_manifest_that_does_not_fit_are_told(moved: Path, root: Path) -> None:
    (moved / "imagenet1k-train-0001.tar").write_bytes(bytes(1024))
    assert kinds(kilotar.verify(moved, against=root)) == {"extra"}
    flip(moved / OWN_FILES)
    assert "manifest" in kinds(kilotar.verify(moved, against=root))


def test_an_export_of_some_classes_or_images_misses_none_of_the_others(root: Path, tiny: Tiny) -> None:
    wnid = tiny.edition.classes[1].wnid
    prepare(root, tiny, formats=("webdataset",), classes=(wnid,))
    assert not kilotar.verify(root / "webdataset").problems
    prepare(root / "few", tiny, formats=("webdataset",), per_class=2)
    report = kilotar.verify(root / "few" / "webdataset")
    assert not report.problems and report.checked == 12


def test_a_tree_without_manifest_is_known_by_its_reader(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny)
    tree = shutil.copytree(root / "train", tmp_path / "tree" / "train").parent
    report = kilotar.verify(tree, against=root)
    assert proofs(report) == [("files", 0, 0, "no-list"), ("images", 12, 0, "archives")] and not report.problems
    victim = next(tree.rglob("*.JPEG"))
    shutil.copy(victim, victim.with_name("n00000001_1.JPEG"))
    flip(victim)
    assert kinds(kilotar.verify(tree, against=root)) == {"bytes", "strange"}


def test_labels_in_another_order_are_told(moved: Path, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    (moved / OWN_MANIFEST).unlink()
    (moved / OWN_FILES).unlink()
    for path in moved.glob("*.tar"):
        data = path.read_bytes()
        for a, b in ((b'"label":0', b'"label":9'), (b'"label":1', b'"label":0'), (b'"label":9', b'"label":1')):
            data = data.replace(a, b)
        path.write_bytes(data)
    assert kinds(kilotar.verify(moved, against=root)) == {"label"}


def test_an_image_that_stands_there_twice_is_told(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny, formats=("webdataset",), options=(("webdataset", "shards", "2"),))
    moved = (root / "webdataset").rename(tmp_path / "moved")
    (moved / OWN_MANIFEST).unlink()
    first, second = sorted(moved.glob("*train*.tar"))
    shutil.copy(first, second)
    assert kinds(kilotar.verify(moved, against=root)) == {"repeated", "missing"}


def test_what_is_no_export_is_refused_and_what_is_for_roots_too(moved: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutRefused, match="no format"):
        kilotar.verify(tmp_path / "empty")
    with pytest.raises(UsageError, match="for roots"):
        kilotar.verify(moved, level="deep")


def test_a_root_still_proves_all_its_outputs(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "tiny")
    prepare(root, tiny, formats=("imagefolder", "webdataset"))
    assert not kilotar.verify(root).problems
    flip(root / "webdataset" / "imagenet1k-train-0000.tar")
    assert kinds(kilotar.verify(root)) == {"digest"}
    assert json.loads((root / "verify.json").read_bytes())["verb"] == "verify"


def relist(folder: Path, text: str) -> None:
    """Put another list in the place of an export's, and its digest into the manifest."""
    (folder / OWN_FILES).write_text(text)
    facts = json.loads((folder / OWN_MANIFEST).read_bytes())
    facts["files_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / OWN_MANIFEST).write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "line", ["", "no tabs", "00\tmany\tx", "00\t1\t../x", "00\t1\t/etc/passwd", "00\t1\tb\u00e4h", "00\t-1\t"]
)
def test_a_list_that_is_none_or_leads_elsewhere_is_told_and_images_are_still_proved(
    line: str, moved: Path, root: Path
) -> None:
    relist(moved, f"{line}\n")
    report = kilotar.verify(moved, against=root)
    assert "manifest" in kinds(report) and proofs(report)[1] == ("images", 20, 0, "archives")


@pytest.mark.parametrize("place", ["_info.json", "a/b/c/d/e/f"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_nobody_waits_for_it(place: str, moved: Path, root: Path) -> None:
    (moved / place).parent.mkdir(parents=True, exist_ok=True)
    (moved / place).unlink(missing_ok=True)
    os.mkfifo(moved / place)
    with pytest.raises(LayoutRefused, match="no file"):
        kilotar.verify(moved, against=root)


def test_a_shard_that_is_a_link_is_told_and_read(moved: Path, root: Path) -> None:
    path = moved / "imagenet1k-train-0000.tar"
    path.symlink_to(path.rename(moved.parent / "elsewhere.tar"))
    report = kilotar.verify(moved, against=root)
    assert kinds(report) == {"unreadable"} and proofs(report)[1] == ("images", 20, 0, "archives")


def test_where_the_archives_are_gone_the_list_of_a_tree_made_of_them_stands_for_them(
    root: Path, tmp_path: Path
) -> None:
    tiny = make_tiny(tmp_path / "tiny")
    prepare(root, tiny, formats=("imagefolder", "webdataset"), splits=ALL)
    for path in tiny.folder.glob("*_img_*.tar"):
        path.unlink()
    report = kilotar.verify(root / "webdataset")
    assert proofs(report)[1] == ("images", 20, 0, "archives") and not report.problems
    assert {finding.kind for finding in report.findings} == {"no-archives"}
    flip(root / "webdataset" / "imagenet1k-train-0000.tar", at=700)
    assert kinds(kilotar.verify(root / "webdataset")) == {"digest", "bytes"}
    shutil.rmtree(root / ".kilotar" / "exports" / "imagefolder")
    assert proofs(kilotar.verify(root / "webdataset"))[1] == ("images", 20, 0, "edition")


def test_an_export_of_a_detection_edition_is_proved_and_turned_without_classes(root: Path, tmp_path: Path) -> None:
    found = make_detections(tmp_path / "in")
    wish = {"source": found.folder, "edition": str(found.toml), "unverified": True}
    kilotar.prepare(root, formats=("webdataset", "imagefolder"), **wish)  # type: ignore[arg-type]
    report = kilotar.verify(root / "webdataset")
    assert proofs(report)[1] == ("images", 9, 0, "archives") and not report.problems
    kilotar.export(tmp_path / "other", "imagefolder", origin=root / "webdataset", edition=str(found.toml))
    trees = ({p.name: p.read_bytes() for p in place.rglob("*.JPEG")} for place in (root, tmp_path / "other"))
    assert next(trees) == next(trees)
