"""A packed archive as a stream of files: the same out of a .tar.gz, its .tar and its folder; bounded and strict."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Strictness
from kilotar.sources.packed import is_gzip, prove_packed, walk_packed
from tests.budget import budget

FILES = {"top/a/1.JPEG": b"first" * 300, "top/a/2.xml": b"", "top/b.txt": b"x" * 300_000}
RULES = Strictness(directories=True)


def tar(files: dict[str, bytes] = FILES, prefix: str = "") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name, data in files.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return target.getvalue()


def written(folder: Path, data: bytes, name: str = "a.tar.gz") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith("gz") else data)
    return path


def read(path: Path, expanded_bytes: int) -> dict[str, bytes]:
    return {file.path.decode(): file.read() for file in walk_packed(path, expanded_bytes, RULES)}


def test_proving_gives_the_length_and_the_digest_of_the_packed_bytes(tmp_path: Path) -> None:
    path, landed = written(tmp_path, tar()), []
    expanded_bytes, digest = prove_packed(path, "md5", landed.append)
    assert expanded_bytes == len(tar())
    assert digest == hashlib.md5(path.read_bytes()).hexdigest()
    assert landed[-1] == path.stat().st_size


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_tar_gz_a_tar_and_a_folder_hold_the_same_files(tmp_path: Path, prefix: str) -> None:
    data = tar(prefix=prefix)
    assert read(written(tmp_path, data), len(data)) == FILES
    assert read(written(tmp_path, data, "a.tar"), len(data)) == FILES
    with tarfile.open(fileobj=io.BytesIO(data)) as made:
        made.extractall(tmp_path / "a", filter="data")
    assert read(tmp_path / "a", 0) == FILES
    assert [is_gzip(tmp_path / name) for name in ("a.tar.gz", "a.tar", "a")] == [True, False, False]


def test_files_that_nobody_reads_are_passed_over(tmp_path: Path) -> None:
    data = tar()
    names = [file.path.decode() for file in walk_packed(written(tmp_path, data), len(data), RULES)]
    assert names == list(FILES)


def test_a_folder_gives_plain_files_alone(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not yours")
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "file").write_bytes(b"x")
    with budget(5.0):
        assert read(folder, 0) == {"file": b"x"}


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data.rstrip(b"\0"),
        lambda data: data + b"\1" * 512,
        lambda data: b"\1" + data[1:],
        lambda data: data[: len(data) // 2],
    ],
    ids=["short", "long", "checksum", "half"],
)
def test_a_tar_that_does_not_add_up_is_refused_by_the_name_of_the_file(tmp_path: Path, harm: object) -> None:
    data = harm(tar())  # type: ignore[operator]
    path = written(tmp_path, data)
    with pytest.raises(ArchiveRefused, match=r"^a\.tar\.gz"):
        read(path, len(data))


def test_a_length_that_is_not_that_of_the_stream_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, tar())
    for wrong in (-512, 512):
        with pytest.raises(ArchiveRefused):
            read(path, len(tar()) + wrong)


def test_one_file_is_held_in_memory_at_a_time(tmp_path: Path) -> None:
    data = tar({f"{number}": bytes([number]) * (4 << 20) for number in range(12)})
    path = written(tmp_path, data, "a.tar")
    with budget(20.0, megabytes=24):
        assert sum(len(file.read()) for file in walk_packed(path, len(data), RULES)) == 48 << 20
