"""The whole way by the command line, from archives to images in a trainer's hands, against the truth of each image."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import kilotar
from kilotar.editions.tiny import make_tiny

FORMATS = "imagefolder,torchvision,cls-loc,lists"


class Image(NamedTuple):
    """What is true of an image: label -1 and wnid "" where it has no class."""

    split: str
    name: str
    wnid: str
    label: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Prepared:
    """A finished root: what was asked, what was answered, and the truth."""

    root: Path
    source: Path
    words: tuple[str, ...]
    report: dict[str, Any]
    truth: tuple[Image, ...]

    def of(self, *splits: str) -> set[Image]:
        return {image for image in self.truth if image.split in splits}


def command(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command with nobody at its stdin."""
    line = [sys.executable, "-m", "kilotar", *map(str, words)]
    return subprocess.run(line, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)


def prepared(folder: Path, source: Path, truth: Iterable[Image], *words: str) -> Prepared:
    root = folder / "root"
    line = ("--from", str(source), "--for", FORMATS, "--boxes", "--splits", "train,val,test", *words)
    ended = command("prepare", root, *line, "--json")
    assert ended.returncode == 0, ended.stderr
    return Prepared(root, source, line, json.loads(ended.stdout), tuple(truth))


def tiny_one(folder: Path) -> Prepared:
    tiny = make_tiny(folder / "archives", classes=5, per_class=6, val=15, test=4)
    truth = (
        Image(str(t.split), f"{key}.JPEG", t.wnid, t.label, t.size_bytes, t.sha256) for key, t in tiny.truth.items()
    )
    return prepared(folder, tiny.folder, truth, "--edition", str(tiny.toml))


def real_one(folder: Path, shared: Path) -> Prepared:
    source = folder / "archives"
    sizes = ("--classes", "12", "--per-class", "20", "--val", "60", "--test", "20", "--boxes")
    subprocess.run([sys.executable, shared / "tools/make_archives.py", source, *sizes], check=True, capture_output=True)
    rows = (line.split("\t") for line in (source / "truth.tsv").read_text().splitlines())
    truth = (Image(s, Path(name).name, wnid, int(label), int(size), sha) for s, name, wnid, label, size, sha in rows)
    return prepared(folder, source, truth, "--unverified", "--accept-terms")


@pytest.fixture(scope="module", params=["tiny", "real"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Give a root of the tiny edition, and one of real photographs under the published names."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "tiny":
        yield tiny_one(folder)
    else:
        yield real_one(folder, request.getfixturevalue("shared_folder"))
    shutil.rmtree(folder)


def images_below(folder: Path, split: str) -> Iterator[Path]:
    return (path for path in (folder / split).rglob("*") if path.is_file())


def facts(path: Path) -> tuple[str, int, str]:
    data = path.read_bytes()
    return path.name, len(data), hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_image_of_the_truth_is_in_the_class_folders_and_nothing_else(done: Prepared, split: str) -> None:
    """One name, one folder, one digest: nothing lost, changed, doubled or moved to another class."""
    found = Counter()
    for path in images_below(done.root, split):
        folder = path.parent.name if split != "test" else ""
        found[(folder, *facts(path))] += 1

    assert found == Counter((i.wnid, i.name, i.size_bytes, i.sha256) for i in done.of(split))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_image_of_the_truth_is_in_the_cls_loc_tree_and_nothing_else(done: Prepared, split: str) -> None:
    data = done.root / "ILSVRC2015/Data/CLS-LOC"
    found = Counter((path.parent.name, *facts(path)) for path in images_below(data, split))

    folder = "{0.wnid}" if split == "train" else split
    assert found == Counter((folder.format(i), i.name, i.size_bytes, i.sha256) for i in done.of(split))


def test_each_list_gives_each_image_its_label(done: Prepared) -> None:
    for split in ("train", "val"):
        expected = {i.name: i.label for i in done.of(split)}
        for file in (f"caffe/{split}.txt", f"paddleclas/{split}_list.txt", f"mmpretrain/meta/{split}.txt"):
            rows = [line.rsplit(" ", 1) for line in (done.root / "lists" / file).read_text().splitlines()]
            assert {path.rsplit("/", 1)[-1]: int(label) for path, label in rows} == expected, file
            assert len(rows) == len(expected), file


def test_the_official_lists_name_each_image_once(done: Prepared) -> None:
    for file, split in (("train_cls", "train"), ("val", "val"), ("test", "test")):
        lines = (done.root / f"ILSVRC2015/ImageSets/CLS-LOC/{file}.txt").read_text().splitlines()
        rows = [line.split() for line in lines]
        names = [f"{row[0].rsplit('/', 1)[-1]}.JPEG" for row in rows]
        assert sorted(names) == sorted(image.name for image in done.of(split))
        assert [int(row[-1]) for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_library_reads_every_image_in_place_with_its_label(done: Prepared, split: str) -> None:
    opened = kilotar.open(done.root, split)
    found = Counter(
        Image(split, i.name, i.wnid, i.label, len(data := i.read()), hashlib.sha256(data).hexdigest()) for i in opened
    )

    assert found == Counter(done.of(split))
    assert len(opened) == len(done.of(split))


def test_the_report_accounts_for_every_byte_and_no_tar_was_written(done: Prepared) -> None:
    """No intermediate tars: what was written for the first tree is what its images hold, and no more."""
    whole = sum(image.size_bytes for image in done.truth)
    outputs = {output["name"]: output for output in done.report["outputs"]}

    assert outputs["imagefolder"]["written_bytes"] == outputs["imagefolder"]["size_bytes"] == whole
    assert outputs["torchvision"]["written_bytes"] == 0
    assert outputs["cls-loc"]["linked"] == len(done.truth)
    annotations = files_of(done.root / "ILSVRC2015/Annotations")
    assert outputs["cls-loc"]["written_bytes"] == sum(path.stat().st_size for path in annotations)
    assert {s["split"]: s["images"] for s in done.report["splits"]} == Counter(image.split for image in done.truth)
    assert not [path for path in done.root.rglob("*") if path.suffix == ".tar" and path.is_file()]
    stored = json.loads((done.root / "report.json").read_text())
    assert stored["outputs"] == done.report["outputs"]


def test_the_disk_holds_each_image_once(done: Prepared) -> None:
    """Two trees are two names; what lies on the disk beyond the images is lists, XML and state."""
    seen = {(status.st_dev, status.st_ino): status.st_size for status in map(os.stat, files_of(done.root))}
    whole = sum(image.size_bytes for image in done.truth)
    extra = sum(seen.values()) - whole

    assert 0 < extra < 300 * len(done.truth) + 3_000_000


def files_of(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("level", ["--quick", "", "--deep"])
def test_the_check_finds_no_problem_at_any_level(done: Prepared, level: str) -> None:
    ended = command("verify", done.root, "--json", *([level] if level else []))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["problems"] == 0
    assert {output["outcome"] for output in answer["outputs"]} == {"done"}


def test_one_wrong_byte_anywhere_is_found_and_mended(done: Prepared) -> None:
    path = sorted(images_below(done.root, "train"))[7]
    before = path.read_bytes()
    path.unlink()  # the other tree keeps the good bytes
    path.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])

    found = command("verify", done.root, "--json")
    mended = command("verify", done.root, "--repair", "--json")

    assert found.returncode == 3
    assert {Path(f["where"]).name for f in json.loads(found.stdout)["findings"] if f["is_problem"]} == {path.name}
    assert path.read_bytes() == before, mended.stderr
    assert command("verify", done.root, "--json").returncode == 0


def test_the_same_command_again_writes_nothing(done: Prepared) -> None:
    before = {path: path.stat().st_mtime_ns for path in files_of(done.root) if ".kilotar" not in path.parts}
    ended = command("prepare", done.root, *done.words, "--json")
    after = {path: path.stat().st_mtime_ns for path in files_of(done.root) if ".kilotar" not in path.parts}

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["outcome"] == "kept"
    assert {path.name for path in after if after[path] != before.get(path)} <= {"report.json"}


def test_a_relative_source_is_found_again_from_anywhere(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "archives", classes=2, per_class=2, val=2, test=0)
    words = ("prepare", "root", "--from", "archives", "--edition", "archives/edition.toml")
    ended = command(*words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    checked = command("verify", tmp_path / "root", "--json", cwd=elsewhere)

    assert [f["kind"] for f in json.loads(checked.stdout)["findings"]] == []
    shutil.rmtree(tmp_path / "root/train")
    assert len(kilotar.open(tmp_path / "root", "train")) == 4
    assert kilotar.open(tmp_path / "root", "train")[0].sample.at.archive == tiny.edition.archives[0].name


def test_archives_that_were_moved_are_found_at_their_new_place(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "archives", classes=2, per_class=2, val=2, test=0)
    shutil.copy(tiny.toml, tmp_path / "edition.toml")
    words = ("prepare", tmp_path / "root", "--edition", tmp_path / "edition.toml")
    assert command(*words, "--from", tiny.folder).returncode == 0
    tiny.folder.rename(tmp_path / "moved")
    assert command(*words, "--from", tmp_path / "moved").returncode == 0

    checked = command("verify", tmp_path / "root", "--json")

    assert [f["kind"] for f in json.loads(checked.stdout)["findings"]] == []
    assert command(*words, "--for", "imagefolder,lists").returncode == 0
