"""Hostile and broken archives, whole, through the real command: refused with the place, or skipped and told.

Rows of bad archives that public readers list in part, follow outside, or read for hours. For each: a named refusal
(exit 8) with nothing in place, or the member left out (exit 3) and all others written; bounded time; nothing written
outside the root.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.doubles.tars import END, header, member, padded, tar
from tests.faults.bench import Bench, refuse_bugs
from tests.faults.shim import Ended

LONGEST_S = 10.0
Files = list[tuple[bytes, bytes]]
Inner = Callable[[Files, bytes], bytes]  # images of a class, wnid -> bytes of its tar


def unpack(data: bytes) -> Files:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(m.name.encode(), archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]


def split_pair(files: Files) -> tuple[bytes, bytes]:
    """Give the first member, and all others with the end."""
    return member(*files[0]), tar(files[1:])


def with_block(block: bytes) -> Inner:
    """Put bytes between the first member and the second."""

    def build(files: Files, wnid: bytes) -> bytes:
        first, rest = split_pair(files)
        return first + block + rest

    return build


def named(name: bytes) -> Inner:
    """Add an image under a name."""
    return lambda files, wnid: with_block(member(name.replace(b"WNID", wnid), files[0][1]))(files, wnid)


def typed(kind: bytes, link: bytes = b"../../../sentinel/file", size: int = 0) -> Inner:
    """Add a member of a type that an archive of images has no use for."""
    return lambda files, wnid: with_block(header(wnid + b"_1.JPEG", size, kind=kind, link=link) + padded(b"x" * size))(
        files, wnid
    )


def sized(field: bytes) -> Inner:
    """Add a member whose size field lies."""
    return lambda files, wnid: with_block(header(wnid + b"_1.JPEG", size_field=field))(files, wnid)


def cut(where: Callable[[int, bytes], int]) -> Inner:
    """Cut a tar short at a place counted from the start of its last member."""

    def build(files: Files, wnid: bytes) -> bytes:
        last = len(tar(files[:-1], end=b""))
        return tar(files)[: where(last, files[-1][1])]

    return build


def pax(*pairs: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"%d %s=%s\n" % (len(k) + len(v) + 5, k, v) for k, v in pairs)


def record(kind: bytes, content: bytes) -> Inner:
    return with_block(header(b"././@PaxHeader", len(content), kind=kind) + padded(content))


def double(same: bool) -> Inner:
    def build(files: Files, wnid: bytes) -> bytes:
        return with_block(member(files[0][0], files[0][1] if same else files[1][1]))(files, wnid)

    return build


REFUSED_INSIDE: dict[str, Inner] = {
    "symbolic link": typed(b"2"),
    "symbolic link, then a file through it": lambda f, w: with_block(
        header(b"d", kind=b"2", link=b"../../sentinel") + member(b"d/file", b"PWNED")
    )(f, w),
    "hard link": typed(b"1"),
    "hard link to the archive itself": typed(b"1", b"."),
    "character device": typed(b"3"),
    "block device": typed(b"4"),
    "FIFO": typed(b"6"),
    "contiguous file": typed(b"7"),
    "sparse file of a terabyte": lambda f, w: with_block(
        header(w + b"_1.JPEG", kind=b"S", size_field=b"\x80" + (1 << 40).to_bytes(11, "big"))
    )(f, w),
    "unknown type": typed(b"Z"),
    "multi-volume": typed(b"M"),
    "directory with content": typed(b"5", size=10),
    "negative size, octal": sized(b"-0000000100\0"),
    "negative size, base 256": sized(b"\xff" * 12),
    "size of 2^62": sized(b"\x80" + (1 << 62).to_bytes(11, "big")),
    "size of 8 GB in a small file": sized(b"77777777777\0"),
    "size that is no number": sized(b"12x45678901\0"),
    "wrong checksum in the middle": with_block(header(b"x_1.JPEG", 0, checksum=1)),
    "wrong checksum in the first header": lambda f, w: header(*f[0][:1], len(f[0][1]), checksum=7) + tar(f),
    "zero block in the middle": with_block(bytes(512)),
    "end marker in the middle": with_block(END),
    "data after the end": lambda f, w: tar(f) + b"hidden".ljust(512, b"\0") + END,
    "two tars joined": lambda f, w: tar(f[:1]) + tar(f[1:]),
    "NUL in a name": named(b"WNID_1.JPEG\0/../../x"),
    "PAX record": record(b"x", pax((b"path", b"../../evil"))),
    "PAX record with another size": record(b"x", pax((b"size", b"1"))),
    "global PAX record": record(b"g", pax((b"path", b"evil"))),
    "PAX record whose length lies": record(b"x", b"999999 path=evil\n"),
    "PAX record of a gigabyte": lambda f, w: with_block(header(b"p", size_field=b"10000000000\0", kind=b"x"))(f, w),
    "long name": record(b"L", b"../../evil\0"),
    "long link": record(b"K", b"../../evil\0"),
    "3,000 long names in a chain": with_block((header(b"././@LongLink", 5, kind=b"L") + padded(b"evil\0")) * 3000),
    "truncated in a header": cut(lambda last, data: last + 100),
    "truncated in the data": cut(lambda last, data: last + 512 + len(data) // 2),
    "truncated in the padding": cut(lambda last, data: last + 512 + len(data) + 1),
    "no end marker": lambda f, w: tar(f, end=b""),
    "one zero block only": lambda f, w: tar(f, end=bytes(512)),
    "two images of one name that differ": double(same=False),
    "100,000 empty members": lambda f, w: with_block(header(b"junk") * 100_000)(f, w),
    "non-zero padding": lambda f, w: header(b"j.JPEG", 1) + b"x" + b"y" * 511 + tar(f),
    "a tar of tars in a class": lambda f, w: tar([(b"n00000001.tar", tar(f))])[:-600] + b"z" * 600,
}
LEFT_OUT_INSIDE: dict[str, Inner] = {
    "absolute name": named(b"/etc/WNID_1.JPEG"),
    "name that climbs": named(b"../../WNID_1.JPEG"),
    "name that climbs from within": named(b"a/../../../WNID_1.JPEG"),
    "backslashes": named(b"..\\..\\WNID_1.JPEG"),
    "drive letter": named(b"C:\\WNID_1.JPEG"),
    "empty name": named(b""),
    "dot": named(b"."),
    "dot dot": named(b".."),
    "escape sequences": named(b"\x1b]0;owned\x07\x1b[2J"),
    "newline": named(b"WNID_1.JPEG\nWNID_2.JPEG"),
    "not UTF-8": named(b"WNID_\xff\xfe.JPEG"),
    "right to left": named("WNID_\u202egnp.JPEG".encode()),
    "shell": named(b"-rf; rm x $(id) `id`.JPEG"),
    "markup": named(b"<script>alert(1)</script>"),
    "another class": named(b"n99999999_1.JPEG"),
    "another ending": named(b"WNID_1.exe"),
    "dot file": named(b".WNID_1.JPEG"),
    "a nested tar": lambda f, w: with_block(member(b"n00000001.tar", tar(f)))(f, w),
    "the same image twice": double(same=True),
}
Whole = Callable[[bytes], bytes]  # honest archive -> bytes


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("train.tar", data)
    return out.getvalue()


REFUSED_WHOLE: dict[str, Whole] = {
    "gzip under the name of a tar": lambda data: gzip.compress(data),
    "zip under the name of a tar": lambda data: zipped(data),
    "a log-in page": lambda data: b"<!DOCTYPE html><html><title>Sign in</title>" + b" " * 4096,
    "PDF": lambda data: b"%PDF-1.4\n" + bytes(4096),
    "empty": lambda data: b"",
    "one byte": lambda data: b"n",
    "zeros": lambda data: bytes(10240),
    "noise": lambda data: bytes(range(1, 256)) * 100,
    "one name twice": lambda data: tar([*unpack(data), (unpack(data)[0][0], unpack(data)[1][1])]),
    "truncated": lambda data: data[:1000],
    "without its end": lambda data: tar(unpack(data), end=b""),
    "with something after its end": lambda data: data + b"more",
    "flat images in the place of class tars": lambda data: unpack(data)[0][1],
    "a link in the outer tar": lambda data: header(b"n00000001.tar", kind=b"2", link=b"/etc/passwd") + data,
}


@dataclass(frozen=True)
class Field:
    """Where a hostile archive is tried: a root, and a tree beside it that nothing may touch."""

    bench: Bench
    tiny: Tiny
    folder: Path
    split: str = "train"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def archive(self) -> Path:
        named = next(a for a in self.tiny.edition.archives if a.split == self.split and a.member)
        return self.folder / "archives" / named.name

    def try_archive(self, data: bytes) -> Ended:
        """Put an archive in the place of the honest one and prepare; see that all stays within bounds."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.archive.write_bytes(data)
        before, started = surroundings(self.folder), time.monotonic()
        toml = self.folder / "archives" / self.tiny.toml.name
        words = ("--from", self.archive.parent, "--edition", toml, "--unverified", "-q")
        ended = self.bench.runner.run("prepare", self.root, *words)
        assert time.monotonic() - started < LONGEST_S
        assert surroundings(self.folder) == before
        refuse_bugs(ended)
        assert not set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", ended.out + ended.err))
        return ended


def surroundings(folder: Path) -> list[tuple[str, int, int, int, bytes]]:
    """Give everything beside the root: path, mode, size, time of change and content or link target."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if (folder / "root") not in (path, *path.parents)):
        status = path.lstat()
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found.append((str(path), status.st_mode, status.st_size, status.st_mtime_ns, content))
    return found


@pytest.fixture(scope="module")
def honest(quick_folder: Path) -> Iterator[Tiny]:
    folder = quick_folder / "field" / "archives"
    yield make_tiny(folder, classes=2, per_class=3, val=2, test=0, boxes=False)
    shutil.rmtree(folder.parent)


@pytest.fixture(params=["train", "val"])
def field(bench: Bench, honest: Tiny, request: pytest.FixtureRequest) -> Iterator[Field]:
    folder = honest.folder.parent
    sentinel = folder / "sentinel"
    sentinel.mkdir(exist_ok=True)
    (sentinel / "file").write_text("untouched")
    field = Field(bench, honest, folder, request.param)
    before = field.archive.read_bytes()
    yield field
    field.archive.write_bytes(before)
    shutil.rmtree(field.root, ignore_errors=True)


def rebuilt(field: Field, inner: Inner) -> bytes:
    """Give the archive with its first class built anew, or all of a flat one."""
    if field.split == "val":
        return inner(unpack(field.archive.read_bytes()), b"ILSVRC2012_val")
    (name, data), *others = unpack(field.archive.read_bytes())
    return tar([(name, inner(unpack(data), name.removesuffix(b".tar"))), *others])


def refused(field: Field, ended: Ended) -> None:
    assert ended.code == 8, ended.err or "taken"
    assert len(ended.err.splitlines()) >= 3, ended.err
    assert not (field.root / "train").exists()
    assert not (field.root / "val").exists()


@pytest.mark.parametrize("case", REFUSED_INSIDE)
def test_a_class_tar_that_cannot_be_trusted_is_refused_with_the_place(field: Field, case: str) -> None:
    ended = field.try_archive(rebuilt(field, REFUSED_INSIDE[case]))

    refused(field, ended)
    assert re.search(r"bytes? \d|it begins", ended.err), ended.err


@pytest.mark.parametrize("case", LEFT_OUT_INSIDE)
def test_a_member_of_another_name_is_left_out_and_told_with_the_place(field: Field, case: str) -> None:
    ended = field.try_archive(rebuilt(field, LEFT_OUT_INSIDE[case]))

    assert ended.code == 3, ended.err or "taken in silence"
    report = json.loads((field.root / "report.json").read_text())
    problems = [finding for finding in report["findings"] if finding["is_problem"]]
    assert len(problems) == 1 and problems[0]["offset"] >= 512, problems
    assert {path.stem for path in field.root.glob("*/n*/*")} == set(field.tiny.truth)


@pytest.mark.parametrize("case", REFUSED_WHOLE)
def test_a_file_that_is_no_such_archive_is_refused(field: Field, case: str) -> None:
    honest = field.archive.read_bytes()

    refused(field, field.try_archive(REFUSED_WHOLE[case](honest)))


def test_an_archive_of_the_right_length_with_one_wrong_byte_is_refused_before_anything_is_in_place(
    field: Field,
) -> None:
    data = bytearray(field.archive.read_bytes())
    data[len(data) // 2] ^= 1
    field.archive.write_bytes(bytes(data))
    toml = field.folder / "archives" / field.tiny.toml.name

    ended = field.bench.runner.run("prepare", field.root, "--from", field.archive.parent, "--edition", toml, "-q")

    assert (ended.code, "E-DIGEST" in ended.err or "E-ARCHIVE" in ended.err) == (8, True)
    assert not (field.root / "train").exists()
