"""One header block of a tar archive, read strictly.

Rules guarded: the checksum holds; the name ends where it ends; the size is one number to every reader; the type is a
plain file, or one of the few others that `Strictness` can switch on.
Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
import zlib

from kilotar.model.edition import Strictness
from kilotar.parse.tar_refusal import refusal

__all__ = [
    "BLOCK",
    "FILE",
    "LARGEST_RECORD_BYTES",
    "LONG_NAME",
    "RECORDS",
    "ZERO_BLOCK",
    "has_tar_header",
    "parse_header",
]

BLOCK = 512
LARGEST_RECORD_BYTES = 64 << 10  # a path is at most 4096 bytes; 64 kB is generous
ZERO_BLOCK = bytes(BLOCK)
_NAME_STOP, _PREFIX_AT, _PREFIX_STOP = 100, 345, 500
_NULS = tuple(bytes(n) for n in range(_NAME_STOP + 1))
_NO_PREFIX = bytes(_PREFIX_STOP - _PREFIX_AT)
_NO_REST = bytes(BLOCK - _PREFIX_AT)
FILE, _OLD_FILE, _DIRECTORY, LONG_NAME, _PAX = b"0"[0], 0, b"5"[0], b"L"[0], b"x"[0]
RECORDS = (LONG_NAME, _PAX)
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*").fullmatch
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"K": "a long link name",
    b"g": "a global pax header",
}


def has_tar_header(block: bytes) -> bool:
    """Tell whether 512 bytes are a tar header whose checksum holds."""
    return len(block) == BLOCK and block != ZERO_BLOCK and _checksum_holds(block)


def parse_header(header: bytes, at: int, rules: Strictness) -> tuple[bytes, int, int]:
    """Give name, size in bytes and type (a file is always `FILE`) of the member whose header is at byte `at`.

    Raises: ArchiveRefused.
    """
    if not _checksum_holds(header):
        raise refusal(at, "the checksum of a header is wrong", seen=f"header begins {header[:16]!r}")
    end = header.find(0, 0, _NAME_STOP)
    name = header[: end if end >= 0 else _NAME_STOP]
    if not header.startswith(_NULS[_NAME_STOP - len(name)], len(name)):
        raise refusal(at, "bytes follow the end of a member's name", seen=repr(header[:_NAME_STOP].rstrip(b"\0")))
    if not header.startswith(_NO_PREFIX, _PREFIX_AT):
        name = _prefix(header, at, rules) + b"/" + name
    size = _parse_size(header[124:136], at)
    kind = header[156]
    if kind == _OLD_FILE:
        kind = FILE
    if kind != FILE:
        _check_kind(kind, size, at, rules, name)
    return name, size, kind


def _checksum_holds(header: bytes) -> bool:
    # The low half of adler32 begun at 0 is the plain sum, exact up to 256 bytes (256 x 255 < 65,521); about ten times
    # as fast as sum(). The checksum's own eight bytes count as spaces.
    total = (zlib.adler32(header[:148], 0) & 0xFFFF) + (zlib.adler32(header[156:345], 0) & 0xFFFF) + 8 * 0x20
    if not header.endswith(_NO_REST):
        total += zlib.adler32(header[345:], 0) & 0xFFFF
    field = header[148:156]
    if field == b"%06o\0 " % total:
        return True
    digits = _OCTAL(field)
    return digits is not None and int(digits[1], 8) == total


def _parse_size(field: bytes, at: int) -> int:
    if field[11] == 0 and field.translate(None, b"01234567") == b"\0":  # the usual form: faster than the expression
        return int(field[:11], 8)
    digits = _OCTAL(field)
    if digits:
        return int(digits[1], 8)
    if field[0] == 0x80:  # base-256: one number to every reader, and bounded by the extent like any other size
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF or b"-" in field:
        raise refusal(at, "a negative size", seen=repr(field))
    raise refusal(at, "a size that is not a number", seen=repr(field))


def _prefix(header: bytes, at: int, rules: Strictness) -> bytes:
    prefix = header[_PREFIX_AT:_PREFIX_STOP].rstrip(b"\0")
    if header[257:263] != b"ustar\0" or b"\0" in prefix:
        raise refusal(at, "bytes where the name's prefix would be", seen=f"magic {header[257:265]!r}, {prefix!r}")
    if not rules.ustar_prefix:
        raise refusal(at, "a name with a prefix", seen=repr(prefix), switch="ustar_prefix")
    return prefix


def _check_kind(kind: int, size: int, at: int, rules: Strictness, name: bytes) -> None:
    allowed = {
        _DIRECTORY: ("directories", rules.directories, "a directory"),
        LONG_NAME: ("long_names", rules.long_names, "a long-name record"),
        _PAX: ("pax_headers", rules.pax_headers, "a pax header"),
    }
    if kind not in allowed:
        word = _KINDS.get(bytes([kind]), f"a member of unknown type {bytes([kind])!r}")
        raise refusal(at, f"{word} where only plain files are read", seen=repr(name))
    switch, is_on, word = allowed[kind]
    if not is_on:
        raise refusal(at, f"{word} where only plain files are read", seen=repr(name), switch=switch)
    most = 0 if kind == _DIRECTORY else LARGEST_RECORD_BYTES
    if size > most:
        raise refusal(at, f"{word} of {size} bytes", seen=f"{most} are the most")
