"""The index on disk: which parts an archive has, and the columns of each part. A cache; delete it at any moment.

Rules guarded: what is absent, damaged, or made of another file or by other rules is None and never an error; a file
appears whole (temporary, rename) and is checked by its CRC when read, so that a crash costs a rebuild and nothing else.
Parts are read into memory rather than mapped: a mapping keeps a descriptor open each (1,000 class tars meet the usual
limit of 1,024), and a cache that someone cuts short would kill the process.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import struct
import sys
import zlib
from array import array
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import msgspec

from kilotar.errors import AccessDenied, ReadOnly, storage_error
from kilotar.events import Finding
from kilotar.model.edition import Archive
from kilotar.model.table import DIGEST_BYTES, Rows
from kilotar.parse.tar import WALKER_VERSION
from kilotar.store.files import PART_SUFFIX, publish, write_all

__all__ = ["ArchiveIdentity", "IndexFolder", "Outline", "PartSpan"]

_MAGIC = b"KTROWS01"
_HEADER = struct.Struct(
    "<8sIIQQ32s"
)  # magic, CRC-32 of all that follows, digest bytes a row, rows, name bytes, what of
_CRC_AT = 12
_KEY = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
_NOT_OURS = (ReadOnly, AccessDenied)  # who only reads a root has to do without a cache of their own
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class ArchiveIdentity:
    """What an index was made of: this very file, read by these rules.

    Attributes:
        name:  of the archive in the edition.
        size_bytes, mtime_ns, ctime_ns, inode: of the file.
        rules: hash of the walker's version, the archive's layout, strictness and member pattern.
    """

    name: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    rules: str

    @property
    def file(self) -> str:
        """The identity of the file alone, as text: see `kilotar.sources.local.FileIdentity`."""
        return f"{self.size_bytes}:{self.mtime_ns}:{self.ctime_ns}:{self.inode}"

    @classmethod
    def of(cls, archive: Archive, status: os.stat_result) -> ArchiveIdentity:
        """Give the identity of an archive as it lies on disk."""
        rules = repr((WALKER_VERSION, archive.layout.value, archive.member, astuple(archive.strictness)))
        return cls(
            archive.name,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            hashlib.sha256(rules.encode()).hexdigest()[:16],
        )


@dataclass(frozen=True, slots=True)
class PartSpan:
    """Where a part lies in its archive.

    Attributes:
        key:      unique in the archive: wnid of a class tar, or "00000", "00001" ... in a flat archive.
        wnid:     of the class tar, "" in a flat archive.
        start, stop: its bytes: a whole class tar, or a run of whole members.
        is_slice: a run of members, without an end marker of its own.
        members:  images in it, -1 where they were not counted yet.
    """

    key: str
    wnid: str
    start: int
    stop: int
    is_slice: bool
    members: int = -1


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of an archive in the order in which they lie, and what was found between them."""

    parts: tuple[PartSpan, ...]
    findings: tuple[Finding, ...] = ()


class _OutlineFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity: ArchiveIdentity
    outline: Outline


class IndexFolder:
    """The index of one archive in a folder of its own.

    Args:
        folder:   made with the first write.
        identity: what an index must have been made of to be taken.
    """

    def __init__(self, folder: Path, identity: ArchiveIdentity) -> None:
        self.folder = folder
        self.identity = identity

    def read_outline(self) -> Outline | None:
        """Give the outline, None where there is none of this very file."""
        try:
            crc, _, content = (self.folder / "outline.json").read_bytes().partition(b"\n")
            if crc != b"%08x" % zlib.crc32(content):
                return None
            stored = msgspec.json.decode(content, type=_OutlineFile)
        except (OSError, msgspec.MsgspecError):
            return None
        return stored.outline if stored.identity == self.identity else None

    def write_outline(self, outline: Outline) -> None:
        """Keep an outline, where the disk takes writes. Raises MachineError."""
        content = msgspec.json.encode(_OutlineFile(self.identity, outline))
        with suppress(*_NOT_OURS):
            self._make()
            publish(self.folder / "outline.json", [b"%08x\n" % zlib.crc32(content), content])

    def read_part(self, span: PartSpan) -> Rows | None:
        """Give the columns of a part, None where there are none of this very file and extent."""
        try:
            with open(self._path(span), "rb", buffering=0) as file:
                head = file.read(_HEADER.size)
                magic, crc, digest_bytes, count, name_bytes, made_of = _HEADER.unpack(head)
                length = count * (8 + 4 + 4 + digest_bytes) + name_bytes
                if (magic, made_of) != (_MAGIC, self._made_of(span)) or os.fstat(file.fileno()).st_size != length + len(
                    head
                ):
                    return None
                body = file.read(length)
        except (OSError, struct.error):
            return None
        if len(body) != length or zlib.crc32(body, zlib.crc32(head[_CRC_AT:])) != crc:
            return None
        return _unpack(memoryview(body), count, digest_bytes)

    def write_part(self, span: PartSpan, rows: Rows) -> None:
        """Keep the columns of a part, with digests if they have them, where the disk takes writes.

        Raises: MachineError.
        """
        digests = rows.digests if rows.has_digests else b""
        columns = [
            array("Q", rows.offsets).tobytes(),
            array("I", rows.sizes).tobytes(),
            array("I", rows.name_ends).tobytes(),
            digests,
            rows.names,
        ]
        head = _HEADER.pack(_MAGIC, 0, DIGEST_BYTES if digests else 0, len(rows), len(rows.names), self._made_of(span))
        crc = zlib.crc32(head[_CRC_AT:])
        for column in columns:
            crc = zlib.crc32(column, crc)
        path, content = self._path(span), b"".join([head[:8], crc.to_bytes(4, "little"), head[_CRC_AT:], *columns])
        with suppress(*_NOT_OURS):
            self._make()
            self._replace(path, content)

    def _path(self, span: PartSpan) -> Path:
        if not _KEY.fullmatch(span.key):
            raise ValueError(f"not the key of a part: {span.key!r}")
        return self.folder / f"{span.key}.rows"

    def _made_of(self, span: PartSpan) -> bytes:
        facts = (sys.byteorder, astuple(self.identity), span.key, span.start, span.stop, span.is_slice)
        return hashlib.sha256(repr(facts).encode()).digest()

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.folder}") from error

    def _replace(self, path: Path, content: bytes) -> None:
        # No fsync: a part that a power cut tears is found by its CRC and built again; 1,000 of them would take seconds.
        temporary = path.with_name(f".{os.getpid()}.{next(_counter)}{PART_SUFFIX}")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                write_all(fd, content)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise storage_error(error, f"write {path}") from error


def _unpack(body: memoryview, count: int, digest_bytes: int) -> Rows:
    sizes_at, ends_at, digests_at = 8 * count, 12 * count, 16 * count
    names_at = digests_at + digest_bytes * count
    return Rows(
        names=body[names_at:],
        name_ends=body[ends_at:digests_at].cast("I"),
        offsets=body[:sizes_at].cast("Q"),
        sizes=body[sizes_at:ends_at].cast("I"),
        digests=body[digests_at:names_at],
    )
