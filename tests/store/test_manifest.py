"""Rules: the list of files is proved against the manifest; the same facts give the same bytes; damage is refused."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from kilotar.errors import LayoutRefused, MachineError
from kilotar.events import Finding
from kilotar.model.seams import Written
from kilotar.store import manifest as module
from kilotar.store.manifest import (
    Manifest,
    manifest_sha256,
    read_manifest,
    walk_files,
    write_files,
    write_manifest,
)
from tests.need import need_tool

CONTENT = {"train/n1/a.JPEG": b"a", "val/with space": b"bb", "list.txt": b""}
FILES = tuple(Written(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in CONTENT.items())


def manifest(files_sha256: str = "00") -> Manifest:
    return Manifest(
        schema=1,
        plan_id="ab" * 16,
        output="imagefolder",
        sink_version=1,
        edition="tiny",
        splits=("train", "val"),
        classes=(),
        options=(("kaggle", "yes"),),
        sources=(("train.tar", "sha256:aa"),),
        images=2,
        files=3,
        size_bytes=3,
        files_sha256=files_sha256,
        label_order="sorted-wnid, 0-based",
        label_table_sha256="cc",
        findings=(Finding("name", "where", "why"),),
        verified=True,
        made_by="kilotar 0",
    )


def written(folder: Path) -> Manifest:
    made = manifest(write_files(folder, FILES))
    write_manifest(folder, made)
    return made


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    made = written(tmp_path)

    assert read_manifest(tmp_path) == made
    assert tuple(walk_files(tmp_path, made)) == FILES


def test_the_digest_of_a_manifest_is_that_of_its_file(tmp_path: Path) -> None:
    digest = write_manifest(tmp_path, manifest())

    assert digest == manifest_sha256(tmp_path)
    assert digest == hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name)
        digests.add(manifest_sha256(tmp_path / name))

    assert len(digests) == 1


@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_the_list_does_not_depend_on_how_it_is_cut_into_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    whole = write_files(tmp_path, FILES)
    monkeypatch.setattr(module, "_LINES_A_CHUNK", lines)

    assert write_files(tmp_path, FILES) == whole
    assert (tmp_path / "files.tsv").read_text().count("\n") == len(FILES)


def test_the_list_proves_a_tree_without_this_program(tmp_path: Path) -> None:
    sha256sum = need_tool("sha256sum")
    for path, data in CONTENT.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    write_files(tmp_path, FILES)
    lines = f"cut -f1,3 files.tsv | sed 's/\\t/  /' | {sha256sum} -c --quiet"

    assert subprocess.run(["sh", "-c", lines], cwd=tmp_path, check=False).returncode == 0
    (tmp_path / "list.txt").write_bytes(b"x")
    assert subprocess.run(["sh", "-c", lines], cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_an_output_without_manifest_is_not_complete(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)

    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize("keep", [0, 1, 100, -2])
def test_a_damaged_manifest_is_refused(tmp_path: Path, keep: int) -> None:
    written(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(LayoutRefused, match="damaged"):
        read_manifest(tmp_path)


def test_a_manifest_that_cannot_be_read_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()

    with pytest.raises(MachineError, match="read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("change", ["flip", "cut", "add"])
def test_a_list_that_is_not_the_manifests_is_refused_before_its_first_line(tmp_path: Path, change: str) -> None:
    made = written(tmp_path)
    path = tmp_path / "files.tsv"
    lines = path.read_bytes()
    path.write_bytes({"flip": b"0" + lines[1:], "cut": lines[:-1], "add": lines + lines}[change])

    with pytest.raises(LayoutRefused, match="not the list that its manifest names"):
        next(walk_files(tmp_path, made))


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    made = written(tmp_path)
    shutil.move(tmp_path / "files.tsv", tmp_path / "gone")

    with pytest.raises(LayoutRefused, match=r"files\.tsv"):
        next(walk_files(tmp_path, made))


def test_a_manifest_holds_no_time_host_or_path(tmp_path: Path) -> None:
    written(tmp_path)

    names = set(msgspec.json.decode((tmp_path / "manifest.json").read_bytes()))
    assert names == set(Manifest.__struct_fields__)
    assert not any(word in name for name in names for word in ("time", "host", "folder", "root", "date"))
