"""Members of a tar as shards hold them: plain ustar headers, the same bytes on every machine.

Rules guarded: names are short and plain, owner, group and time are always the same; a tar ends with two zero blocks and
is not padded further, as a stream needs it.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["END", "header", "member", "member_bytes"]

_BLOCK = 512
_MODE = b"0000444\0"
END = bytes(2 * _BLOCK)


def member(name: str, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """Give a file as it stands in a tar: header, content, padding. `name` is at most 100 ASCII bytes."""
    yield header(name, len(data))
    yield data
    if padding := -len(data) % _BLOCK:
        yield bytes(padding)


def member_bytes(size_bytes: int) -> int:
    """Give how much of a tar a file of this length takes."""
    return _BLOCK + size_bytes + -size_bytes % _BLOCK


def header(name: str, size_bytes: int) -> bytes:
    """Give the header of a file, 512 bytes. Raises ValueError for a name or a length that has no room in it."""
    encoded = name.encode("ascii")
    if len(encoded) > 100:
        raise ValueError(f"the name is too long for a shard: {name!r}")
    if size_bytes >= 1 << 33:
        raise ValueError(f"{name} is too long for a tar: {size_bytes:,} bytes")
    named, length = encoded.ljust(100, b"\0"), b"%011o\0" % size_bytes
    total = b"%06o\0 " % (_FIXED_SUM + sum(encoded) + sum(length))
    return b"".join((named, _OWNERS, length, _TIME, total, _REST))


_OWNERS = _MODE + b"0000000\0" * 2  # mode, owner, group
_TIME = b"00000000000\0"
# Kind, link, magic, names of owner and group, device, prefix and padding.
_REST = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(155 + 12)
_FIXED_SUM = sum(_OWNERS) + sum(_TIME) + sum(_REST) + 8 * ord(" ")  # the sum itself counts as blanks
