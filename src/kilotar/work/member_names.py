"""Which members of an archive are images: decided by name and size, never by the archive.

Rules guarded: a member name is data; it is taken only if its last part is of the published form and a harmless file
name in ASCII; nothing of its folders survives; a member that is left out is reported with its offset, and the report
of a hostile archive is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kilotar.events import Finding
from kilotar.model.edition import Archive

__all__ = ["LARGEST_IMAGE_BYTES", "NameRule", "SkipReport", "most_members"]

LARGEST_IMAGE_BYTES = 64 << 20  # the largest published image is 15 MB; an image is held in memory while it is hashed
_MOST_REPORTED = 100
_FEW = 16  # directories and the like in an archive of a handful of images

# Printable ASCII without the characters that mean a folder, a drive or a stream somewhere; no leading dot.
_HARMLESS = re.compile(rb"[!-\-0-9;-\[\]-~](?:[ -.0-9;-\[\]-~]{0,254})").fullmatch


def most_members(images: int | None, size_bytes: int) -> int:
    """Give the most members that an archive, or a part of one, may have: twice what is expected in it.

    Args:
        images:     published count, None where not known: then one for each KiB, what a header and a byte of data take.
        size_bytes: of the archive or part.
    """
    return _FEW + (2 * images if images else size_bytes // 1024)


class NameRule:
    """Gives the image's name out of a raw member name.

    Args:
        archive: its `member` pattern is what names must match as a whole.
        wnid:    class of the tar that the member lies in, "" for none.
    """

    def __init__(self, archive: Archive, wnid: str = "") -> None:
        pattern = archive.member_pattern()
        self._match = pattern.fullmatch
        self._pattern = pattern.pattern
        self._wnid = wnid if "wnid" in pattern.groupindex else ""

    def name_of(self, raw: bytes, size_bytes: int) -> str:
        """Give the name of the image, "" where the member is none."""
        if b"/" in raw:
            raw = _last_part(raw)
        if not _HARMLESS(raw) or size_bytes > LARGEST_IMAGE_BYTES:
            return ""
        name = raw.decode("ascii")
        match = self._match(name)
        if not match or (self._wnid and match["wnid"] != self._wnid):
            return ""
        return name

    def why_not(self, raw: bytes, size_bytes: int) -> Finding:
        """Say why `name_of` gave nothing; `where` and `offset` are left to the caller."""
        name = _last_part(raw)
        if size_bytes > LARGEST_IMAGE_BYTES:
            return Finding("size", "", f"{size_bytes} bytes; an image has at most {LARGEST_IMAGE_BYTES}")
        if not _HARMLESS(name):
            return Finding("name", "", "not a plain file name in ASCII")
        match = self._match(name.decode("ascii"))
        if match:
            return Finding("name", "", f"of class {match['wnid']}, in the tar of class {self._wnid}")
        return Finding("name", "", f"not of the published form {self._pattern}")


def _last_part(raw: bytes) -> bytes:
    """Give the file name of a relative path, b"" for one that climbs, starts at the root or has empty parts."""
    parts = raw.removeprefix(b"./").split(b"/")
    return b"" if any(part in (b"", b".", b"..") for part in parts) else parts[-1]


class SkipReport:
    """Reports members that are left out: each of the first hundred, then how many more."""

    def __init__(self, where: str, found: Callable[[Finding], None]) -> None:
        self._where = where
        self._found = found
        self._count = 0

    def skip(self, why: Finding, raw: bytes, offset: int) -> None:
        """Report a member whose data are at byte `offset`."""
        self._count += 1
        if self._count <= _MOST_REPORTED:
            name = raw[:100].decode("ascii", "backslashreplace")
            self._found(Finding(why.kind, self._where, f"{name!r} left out: {why.why}", offset))

    def close(self) -> None:
        """Report how many were not reported one by one."""
        if self._count > _MOST_REPORTED:
            more = self._count - _MOST_REPORTED
            self._found(Finding("name", self._where, f"{more} more members left out", -1))
