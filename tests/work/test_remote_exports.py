"""Rules: an output in a store is proved as one on disk is, and becomes any other format, file by file: little room is
taken meanwhile, each object is read once, and a store that does not answer costs nothing that was done.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import fsspec
import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import DiskFull, LayoutRefused, StoreFailed, UsageError
from kilotar.events import Outcome
from kilotar.model.report import Report
from kilotar.sinks.base import find_sinks, pixels_of
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST
from kilotar.work import bringing
from tests.doubles.buckets import Buckets, Fault, Gateway
from tests.need import need_module
from tests.work.wishes import ALL, prepare, tree_digests

need_module("obstore")
pytestmark = pytest.mark.usefixtures("impatient")

SHARDS = tuple(sink for sink in find_sinks() if sink.ABOUT.shards)
FILES = tuple(sink for sink in SHARDS if pixels_of(sink, sink.Options()).form == "jpeg")
FORMAT = "webdataset"
WORDS: dict[str, Any] = {"formats": (FORMAT,), "options": ((FORMAT, "shards", "5"),), "splits": ALL}


@pytest.fixture
def name(buckets: Buckets) -> str:
    return buckets.make()


@pytest.fixture
def out(name: str, gateway: Gateway, tiny: Tiny, tmp_path: Path) -> Any:
    """Give the address of a webdataset of all splits: five shards of train, one of val, one of test."""
    out = kilotar.place(f"s3://{name}/imagenet", endpoint=gateway.url)
    prepare(tmp_path / "first", tiny, **WORDS, out=out)
    gateway.asked.clear()
    return out


def verify(out: Any, tiny: Tiny, **more: Any) -> Report:
    return kilotar.verify(out, edition=str(tiny.toml), **more)


def convert(root: Path, origin: Any, tiny: Tiny, *formats: str, **more: Any) -> Report:
    return kilotar.export(root, *formats, origin=origin, edition=str(tiny.toml), **more)


def proofs(report: Report) -> list[tuple[str, int, int, str]]:
    return [(fact.subject, fact.checked, fact.wrong, fact.by) for fact in report.proofs]


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.problems}


def images(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in tree_digests(root).items() if path.endswith(".JPEG")}


def reads(gateway: Gateway) -> list[str]:
    """Give the objects that were read, as often as they were."""
    return [target.partition("/imagenet/")[2] for method, target, _ in gateway.asked if method == "GET"]


@pytest.mark.parametrize("sink", SHARDS, ids=lambda sink: str(sink.ABOUT.name))
def test_every_format_is_proved_in_a_store_as_on_disk(sink: Any, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    for package in sink.ABOUT.needs:
        need_module(package)
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    boxes = sink.ABOUT.name != "npz"
    prepare(root, tiny, formats=(sink.ABOUT.name,), splits=ALL, boxes=boxes, out=out)
    prepare(tmp_path / "other", tiny, formats=(sink.ABOUT.name,), splits=ALL, boxes=boxes)
    there, here = verify(out, tiny), verify((tmp_path / "other" / sink.ABOUT.name).rename(tmp_path / "moved"), tiny)
    assert (there.problems, there.checked) == ((), 20)
    assert (proofs(there), there.labels) == (proofs(here), here.labels)
    against = verify(out, tiny, against=root), verify(tmp_path / "moved", tiny, against=root)
    assert proofs(against[0]) == proofs(against[1])
    assert [f for f in against[0].findings if f.is_problem] == []


def test_each_object_is_read_once_and_nothing_is_written(
    out: Any, gateway: Gateway, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(tmp_path / "here", tiny, **WORDS)
    report = verify(out, tiny)
    assert sorted(reads(gateway)) == sorted(path for path in tree_digests(tmp_path / "here" / FORMAT))
    assert not {"PUT", "POST", "DELETE"} & gateway.methods().keys()
    assert proofs(report) == [("files", report.proofs[0].checked, 0, "sha256"), ("images", 20, 0, "edition")]


def test_what_is_wrong_is_told_by_file_and_by_image(
    out: Any, name: str, buckets: Buckets, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(root, tiny, formats=("lists",), splits=ALL)
    found = buckets.objects(name)
    gone, cut, changed, longer = (next(key for key in found if f"train-000{n}.tar" in key) for n in range(4))
    buckets.remove(name, gone)
    buckets.put(name, cut, found[cut][: len(found[cut]) // 2])
    buckets.put(name, changed, found[changed][:700] + b"?" + found[changed][701:])
    buckets.put(name, longer, found[longer] + bytes(1 << 20))

    report = verify(out, tiny, against=root)

    told = {(finding.kind, finding.where) for finding in report.problems}
    names = [path.rpartition("/")[2] for path in (gone, cut, changed, longer)]
    assert {*zip(("missing", "truncated", "digest", "size"), names, strict=True)} <= told
    assert ("unreadable", names[0]) in told and kinds(report) >= {"bytes", "count"}
    assert not [where for _, where in told if where.startswith((f"{names[3]}:", "imagenet1k-train-0004"))]
    assert (proofs(report)[0][2], report.exit_code) == (4, 3)


def test_a_side_file_that_is_not_what_was_written_is_told_and_every_shard_is_read_nevertheless(
    out: Any, name: str, buckets: Buckets, gateway: Gateway, tiny: Tiny
) -> None:
    buckets.put(name, "imagenet/_info.json", b"{")
    (changed,) = (key for key in buckets.objects(name) if "train-0002.tar" in key)
    buckets.put(name, changed, buckets.objects(name)[changed][::-1])

    report = verify(out, tiny)

    told = {(finding.kind, finding.where) for finding in report.problems}
    assert {("truncated", "_info.json"), ("digest", changed.partition("/")[2]), ("unreadable", FORMAT)} <= told
    assert len([path for path in reads(gateway) if path.endswith(".tar")]) == 7


def test_images_that_cannot_be_read_here_are_told_and_files_are_proved(out: Any, tiny: Tiny, root: Path) -> None:
    unknown = kilotar.verify(out)
    other = kilotar.verify(out, edition="ilsvrc2012")
    for report in (unknown, other):
        (files, images) = report.proofs
        assert (images.checked, images.by, files.wrong, report.exit_code) == (0, "unread", 0, 0)
        assert "edition" in images.source
    with pytest.raises(LayoutRefused):
        kilotar.verify(out, against=root)


def test_what_has_no_room_here_is_proved_by_its_files(out: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_the_disk(monkeypatch)
    report = verify(out, tiny)
    (_, images) = report.proofs
    assert "no room" in images.source and "TMPDIR" in images.source and report.exit_code == 0


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 10, 1, 1, 10, 10, 10, 0, 255))
    monkeypatch.setattr(bringing.os, "statvfs", lambda path: full)


def test_quick_reads_no_shard(out: Any, gateway: Gateway, tiny: Tiny) -> None:
    assert proofs(verify(out, tiny, level="quick"))[0][3] == "sizes"
    assert set(reads(gateway)) == {OWN_MANIFEST, OWN_FILES}


def test_resized_images_are_recoded_again_out_of_the_archives(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    prepare(root, tiny, **WORDS, pixels=kilotar.PixelWish("max:8"), out=out)
    report = verify(out, tiny, against=root)
    assert proofs(report)[1] == ("images", 20, 0, "recoded-again") and not report.problems


def test_a_store_that_fails_ends_it(out: Any, gateway: Gateway, tiny: Tiny) -> None:
    gateway.faults.append(Fault("GET", "train-0003.tar", "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        verify(out, tiny)


@pytest.mark.parametrize("sink", FILES, ids=lambda sink: str(sink.ABOUT.name))
def test_every_format_in_a_store_becomes_what_it_becomes_on_disk(
    sink: Any, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    for package in sink.ABOUT.needs:
        need_module(package)
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    prepare(tmp_path / "first", tiny, formats=(sink.ABOUT.name,), splits=ALL, boxes=True, out=out)
    prepare(tmp_path / "other", tiny, formats=(sink.ABOUT.name,), splits=ALL, boxes=True)

    there = convert(root, out, tiny, "imagefolder")
    moved = (tmp_path / "other" / sink.ABOUT.name).rename(tmp_path / "moved")
    here = convert(tmp_path / "again", moved, tiny, "imagefolder")

    assert tree_digests(root).keys() == tree_digests(tmp_path / "again").keys()
    assert images(root) == images(tmp_path / "again")
    assert [finding.kind for finding in there.findings] == [finding.kind for finding in here.findings]
    assert made(root) == made(tmp_path / "again")


def made(root: Path) -> dict[str, bytes]:
    """Give the archives that were made in a root; nothing else lies beside them."""
    found = [path for path in (root / ".kilotar" / "from").rglob("*") if path.is_file()]
    assert {path.suffix for path in found} <= {".tar", ".jsonl"}
    return {path.name: path.read_bytes() for path in found if path.suffix == ".tar"}


@pytest.mark.parametrize("part", ["train-0000.tar", "train-0003.tar", "_info.json", "validation-00.tar"])
def test_a_store_that_fails_costs_the_shards_that_were_not_read_yet(
    part: str, out: Any, gateway: Gateway, root: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "_AHEAD_BYTES", 0)
    gateway.faults.append(Fault("GET", part, "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        convert(root, out, tiny, "imagefolder")
    gateway.faults.clear()

    convert(root, out, tiny, "imagefolder")
    again = convert(root, out, tiny, "imagefolder")

    refused = [target for method, target, status in gateway.asked if status == 403]
    assert len([path for path in reads(gateway) if path.endswith(".tar")]) == 7 + (part.endswith(".tar") * len(refused))
    assert again.outputs[0].outcome is Outcome.KEPT
    convert(tmp_path / "straight", out, tiny, "imagefolder")
    assert made(root) == made(tmp_path / "straight") and len(images(root)) == 20


def test_a_damaged_shard_is_left_out_and_told(out: Any, name: str, buckets: Buckets, root: Path, tiny: Tiny) -> None:
    (changed,) = (key for key in buckets.objects(name) if "train-0002.tar" in key)
    buckets.put(name, changed, buckets.objects(name)[changed][::-1])
    report = convert(root, out, tiny, "imagefolder")
    assert kinds(report) == {"digest", "count"} and report.exit_code == 3
    assert 0 < len(images(root)) < 20


def test_side_files_that_are_not_what_was_written_are_refused(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    prepare(tmp_path / "first", tiny, formats=("mds",), out=out)
    memory = fsspec.filesystem("memory")
    path = f"/{tmp_path.name}/imagenet/train/names.tsv"
    memory.pipe_file(path, memory.cat_file(path).replace(b"n0", b"n1", 1))
    with pytest.raises(LayoutRefused, match="not what was written"):
        convert(root, out, tiny, "imagefolder")


def test_no_room_is_told_before_anything_is_brought(
    out: Any, gateway: Gateway, root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch)
    with pytest.raises(DiskFull, match="no room"):
        convert(root, out, tiny, "imagefolder")
    assert set(reads(gateway)) == {OWN_MANIFEST, OWN_FILES}


def test_what_is_no_output_in_shards_is_refused(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "first", tiny, out=tmp_path / "tree")
    place = f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").put(str(tmp_path / "tree"), f"/{tmp_path.name}/tree", recursive=True)
    with pytest.raises(LayoutRefused, match="not in shards"):
        convert(root, f"{place}/tree", tiny, "webdataset")
    with pytest.raises(LayoutRefused, match="no complete output"):
        convert(root, f"{place}/nothing", tiny, "webdataset")
    with pytest.raises(UsageError, match="for folders"):
        convert(root, f"{place}/tree", tiny, "webdataset", origin_format="imagefolder")
    assert not root.exists()
    assert verify(kilotar.place(f"{place}/tree"), tiny).exit_code == 0


def test_from_one_store_to_another(out: Any, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    need_module("pyarrow")
    there = kilotar.place(f"memory://{tmp_path.name}/parquet")
    convert(root, out, tiny, "parquet", out=there)
    assert verify(there, tiny).checked == 20


@pytest.mark.parametrize("path", ["../evil", "/evil", "a//evil", "a/\0evil"])
def test_a_list_that_leads_out_of_the_output_brings_nothing(
    path: str, name: str, buckets: Buckets, out: Any, root: Path, tiny: Tiny, gateway: Gateway
) -> None:
    found = buckets.objects(name)
    listed = found[f"imagenet/{OWN_FILES}"].replace(b"\t_info.json\n", f"\t{path}\n".encode())
    before, after = (hashlib.sha256(lines).hexdigest() for lines in (found[f"imagenet/{OWN_FILES}"], listed))
    manifest = found[f"imagenet/{OWN_MANIFEST}"].replace(before.encode(), after.encode())
    buckets.put(name, f"imagenet/{OWN_FILES}", listed)
    buckets.put(name, f"imagenet/{OWN_MANIFEST}", manifest)

    with pytest.raises(LayoutRefused, match="no list of files"):
        convert(root, out, tiny, "imagefolder")

    assert set(reads(gateway)) == {OWN_MANIFEST, OWN_FILES} and not root.exists()
