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
    fields = (
        encoded.ljust(100, b"\0"),
        _MODE,
        b"0000000\0" * 2,  # owner, group
        b"%011o\0" % size_bytes,
        b"00000000000\0",  # time
        b" " * 8,  # where the sum will be, counted as blanks
        b"0",
        bytes(100),
        b"ustar\x0000",
        bytes(32 + 32),  # names of owner and group
        b"0000000\0" * 2,  # device
        bytes(155 + 12),
    )
    block = bytearray(b"".join(fields))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
