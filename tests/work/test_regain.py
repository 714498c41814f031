"""Rules: any readable format becomes any other, with names, labels and bytes of the archives, however often killed."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import DiskFull, LayoutRefused, MachineError
from kilotar.events import Outcome
from kilotar.model.report import Report
from kilotar.model.sample import Split
from kilotar.sinks.base import find_sinks, pixels_of
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST
from kilotar.store.piles import Piles
from kilotar.work import regain
from kilotar.work.taking import FileRead, Taking
from tests.need import need_module
from tests.work.wishes import ALL, expected_tree, flip, prepare, tree_digests

SHARDS = tuple(s.ABOUT.name for s in find_sinks() if s.ABOUT.shards and pixels_of(s, s.Options()).form == "jpeg")


def convert(root: Path, source: Path, tiny: Tiny, *formats: str, **more: object) -> Report:
    return kilotar.export(root, *formats, origin=source, edition=str(tiny.toml), **more)  # type: ignore[arg-type]


def need(name: str) -> None:
    for package in next(sink for sink in find_sinks() if sink.ABOUT.name == name).ABOUT.needs:
        need_module(package)


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.problems}


def images(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in tree_digests(root).items() if path.endswith(".JPEG")}


@pytest.fixture
def moved(tiny: Tiny, tmp_path: Path) -> Path:
    """Give a webdataset of all splits in three shards of train, away from its root."""
    words = (("webdataset", "shards", "3"),)
    prepare(tmp_path / "first", tiny, formats=("webdataset",), splits=ALL, options=words)
    return (tmp_path / "first" / "webdataset").rename(tmp_path / "moved")


@pytest.mark.parametrize("name", SHARDS)
def test_every_format_becomes_the_tree_of_the_archives_byte_for_byte(
    name: str, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    need(name)
    prepare(tmp_path / "first", tiny, formats=(name,), splits=ALL)
    prepare(tmp_path / "straight", tiny, splits=ALL)
    report = convert(root, tmp_path / "first" / name, tiny, "imagefolder")
    assert images(root) == images(tmp_path / "straight") and len(images(root)) == 20
    assert report.exit_code == 0
    assert {finding.kind for finding in report.findings} >= {"from-export"}


@pytest.mark.parametrize(("one", "other"), [("tfds", "mds"), ("parquet", "webdataset"), ("mds", "tfrecord")])
def test_one_format_of_shards_becomes_another_as_if_from_the_archives(
    one: str, other: str, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    need(one), need(other)
    prepare(tmp_path / "first", tiny, formats=(one, other))
    convert(root, tmp_path / "first" / one, tiny, other)
    mine, straight = (tree_digests(place / other) for place in (root, tmp_path / "first"))
    own = {OWN_MANIFEST}  # it says of what it was made
    assert {p: d for p, d in mine.items() if p not in own} == {p: d for p, d in straight.items() if p not in own}


def test_a_tree_becomes_shards_and_a_root_stands_for_its_tree(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "first", tiny, formats=("imagefolder", "webdataset"))
    convert(root, tmp_path / "first", tiny, "webdataset", origin_format="imagefolder")
    mine, straight = (tree_digests(place / "webdataset") for place in (root, tmp_path / "first"))
    assert mine.keys() == straight.keys()
    assert {path for path in mine if mine[path] != straight[path]} == {OWN_MANIFEST}


def test_the_same_again_does_nothing_and_more_formats_need_the_export_no_more(
    root: Path, tiny: Tiny, moved: Path
) -> None:
    convert(root, moved, tiny, "imagefolder")
    assert convert(root, moved, tiny, "imagefolder").outputs[0].outcome is Outcome.KEPT
    shutil.rmtree(moved)
    kilotar.export(root, "lists", unverified=True)
    assert (root / "lists" / "caffe" / "train.txt").is_file()


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
def test_a_kill_between_files_and_within_one_costs_no_byte_and_no_image_twice(
    calls: int, root: Path, tiny: Tiny, moved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [calls]
    real = Taking.done

    def killed(self: Taking) -> FileRead:
        left[0] -= 1
        if not left[0]:
            self._intake.piles[Split.TRAIN].flush()
            raise MachineError("killed")
        return real(self)

    monkeypatch.setattr(Taking, "done", killed)
    with pytest.raises(MachineError, match="killed"):
        convert(root, moved, tiny, "imagefolder")
    monkeypatch.undo()
    convert(root, moved, tiny, "imagefolder")
    convert(tmp_path / "again", moved, tiny, "imagefolder")
    first, again = (
        {p.name: p.read_bytes() for p in r.glob(".kilotar/from/*/*.tar")} for r in (root, tmp_path / "again")
    )
    assert first == again and len(first) == 3
    assert not list(root.rglob("piles/*/*"))
    assert len(expected_tree(tiny).items() & images(root).items()) == 18


def test_a_damaged_shard_is_left_out_and_told_and_the_rest_is_there(root: Path, tiny: Tiny, moved: Path) -> None:
    flip(moved / "imagenet1k-train-0001.tar", at=700)
    report = convert(root, moved, tiny, "imagefolder")
    assert kinds(report) == {"digest", "count"} and report.exit_code == 3
    found = images(root)
    assert len([path for path in found if path.startswith("train")]) == 8
    assert found.items() <= {**expected_tree(tiny), **found}.items()
    assert json.loads((root / "report.json").read_bytes())["findings"]


def test_a_changed_list_of_names_is_refused_because_nothing_else_says_which_image_is_which(
    root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(tmp_path / "first", tiny, formats=("mds",))
    names = tmp_path / "first" / "mds" / "train" / "names.tsv"
    lines = names.read_text().splitlines(keepends=True)
    names.write_text("".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(LayoutRefused, match="not what was written"):
        convert(root, tmp_path / "first" / "mds", tiny, "imagefolder")


def test_an_export_of_some_classes_keeps_their_labels(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    wnids = tuple(synset.wnid for synset in tiny.edition.classes[1:])
    prepare(tmp_path / "first", tiny, formats=("webdataset",), classes=wnids)
    convert(root, tmp_path / "first" / "webdataset", tiny, "lists")
    assert (root / "lists" / "caffe" / "synsets.txt").read_text().split() == list(wnids)


def timm_tars(folder: Path, tiny: Tiny, straight: Path) -> None:
    """Write the images of a tree as the hub's set for timm has them: no wnid, sizes in the JSON, GNU headers."""
    labels = {synset.wnid: synset.label for synset in tiny.edition.classes}
    folder.mkdir()
    shards: dict[str, list[str]] = {}
    for split, name in (("train", "train"), ("val", "validation")):
        paths = sorted((straight / split).rglob("*.JPEG"), key=lambda path: path.name[::-1])
        for number, some in enumerate((paths[::2], paths[1::2])):
            shard = f"imagenet1k-{name}-{number:04d}.tar"
            shards.setdefault(name, []).append(shard)
            with tarfile.open(folder / shard, "w", format=tarfile.GNU_FORMAT) as tar:
                for path in some:
                    facts = {"label": labels[path.parent.name], "width": 1, "height": 1, "filename": path.name}
                    cls = str(facts["label"]).encode()
                    for ending, data in (
                        ("cls", cls),
                        ("jpg", path.read_bytes()),
                        ("json", json.dumps(facts).encode()),
                    ):
                        info = tarfile.TarInfo(f"{path.stem}.{ending}")
                        info.size, info.uname, info.mtime = len(data), "bigdata", 1_700_000_000
                        tar.addfile(info, io.BytesIO(data))
    splits = {name: {"name": name, "filenames": files} for name, files in shards.items()}
    (folder / "_info.json").write_text(json.dumps({"name": "imagenet1k", "splits": splits}))


@pytest.mark.parametrize("index", [True, False])
def test_tars_that_somebody_else_made_are_read_by_name_and_label(
    index: bool, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(tmp_path / "straight", tiny)
    timm_tars(tmp_path / "timm", tiny, tmp_path / "straight")
    if not index:
        (tmp_path / "timm" / "_info.json").unlink()
    report = convert(root, tmp_path / "timm", tiny, "imagefolder")
    assert images(root) == images(tmp_path / "straight") and report.exit_code == 0


def test_labels_that_contradict_the_names_leave_the_image_out(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "straight", tiny)
    timm_tars(tmp_path / "timm", tiny, tmp_path / "straight")
    path = tmp_path / "timm" / "imagenet1k-train-0000.tar"
    path.write_bytes(path.read_bytes().replace(b'"label": 0', b'"label": 1'))
    report = convert(root, tmp_path / "timm", tiny, "imagefolder")
    assert kinds(report) == {"label"}
    assert images(root).items() < images(tmp_path / "straight").items()


def test_a_root_with_archives_of_its_own_and_a_folder_that_is_no_export_are_refused(
    root: Path, tiny: Tiny, moved: Path, tmp_path: Path
) -> None:
    prepare(tmp_path / "straight", tiny)
    with pytest.raises(LayoutRefused, match="of its own"):
        convert(tmp_path / "straight", moved, tiny, "lists")
    with pytest.raises(LayoutRefused, match="no format"):
        convert(root, tiny.folder, tiny, "lists")
    (moved / OWN_FILES).unlink()
    with pytest.raises(LayoutRefused, match="gone"):
        convert(root, moved, tiny, "lists")


def test_boxes_come_from_their_archives_where_the_export_has_none(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "first", tiny, formats=("webdataset",))
    prepare(tmp_path / "boxed", tiny, formats=("webdataset",), boxes=True)
    convert(root, tmp_path / "first" / "webdataset", tiny, "webdataset", boxes=True)
    mine, straight = (tree_digests(place / "webdataset") for place in (root, tmp_path / "boxed"))
    assert {path for path in mine.keys() | straight.keys() if mine.get(path) != straight.get(path)} == {OWN_MANIFEST}
    moved = (tmp_path / "first" / "webdataset").rename(tmp_path / "moved")
    with pytest.raises(LayoutRefused, match="no boxes"):
        convert(tmp_path / "none", moved, tiny, "webdataset", boxes=True)


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_read(
    root: Path, tiny: Tiny, moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((512, 512, 9, 9, 9, 9, 9, 9, 0, 255)))
    with pytest.raises(DiskFull, match="no room"):
        convert(root, moved, tiny, "imagefolder")
    assert not list(root.rglob("piles/*/*"))


@pytest.mark.parametrize("at", ["published", "removed", "recorded"])
def test_a_kill_while_archives_are_made_loses_none_of_them(
    at: str, root: Path, tiny: Tiny, moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = {"published": Piles.remove, "removed": Piles.remove, "recorded": regain._Reading._record}[at]

    def killed(self: object, *args: object) -> None:
        if at == "recorded" and getattr(args[0], "file", ""):
            return real(self, *args)  # type: ignore[arg-type]
        if at == "removed":
            real(self, *args)  # type: ignore[arg-type]
        raise MachineError("killed")

    place = (regain._Reading, "_record") if at == "recorded" else (Piles, "remove")
    monkeypatch.setattr(*place, killed)
    with pytest.raises(MachineError, match="killed"):
        convert(root, moved, tiny, "imagefolder", splits=ALL)
    monkeypatch.undo()
    report = convert(root, moved, tiny, "imagefolder", splits=ALL)
    assert len(images(root)) == 20 and not report.problems
    assert not list(root.rglob("piles"))


def test_the_hubs_parquet_is_read_by_its_names(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    parquet = need_module("pyarrow.parquet")
    prepare(tmp_path / "straight", tiny, formats=("imagefolder", "parquet"))
    hub = tmp_path / "hub" / "data"
    hub.mkdir(parents=True)
    for path in (tmp_path / "straight" / "parquet" / "data").iterdir():
        rows = parquet.read_table(path, columns=["image", "label"]).replace_schema_metadata(None).to_pylist()
        for row in rows:  # the name has the wnid behind it there
            row["image"]["path"] = row["image"]["path"].replace(".JPEG", "_n01440764.JPEG")
        parquet.write_table(need_module("pyarrow").Table.from_pylist(rows), hub / path.name)
    report = convert(root, tmp_path / "hub", tiny, "imagefolder")
    assert images(root) == images(tmp_path / "straight") and not report.problems


def test_a_cut_tar_of_somebody_elses_gives_what_stands_before_the_cut(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "straight", tiny)
    timm_tars(tmp_path / "timm", tiny, tmp_path / "straight")
    path = tmp_path / "timm" / "imagenet1k-train-0001.tar"
    path.write_bytes(path.read_bytes()[:-12_000])
    report = convert(root, tmp_path / "timm", tiny, "imagefolder")
    assert kinds(report) == {"unreadable"} and report.exit_code == 3
    assert images(root).items() < images(tmp_path / "straight").items()


def test_shards_without_names_are_refused_because_a_validation_image_has_its_class_by_its_number(
    root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(tmp_path / "first", tiny, formats=("mds",))
    moved = (tmp_path / "first" / "mds").rename(tmp_path / "moved")
    for path in (*moved.glob("kilotar-*"), *moved.rglob("names.tsv")):
        path.unlink()
    with pytest.raises(LayoutRefused, match=r"names\.tsv is missing"):
        convert(root, moved, tiny, "imagefolder", origin_format="mds")
