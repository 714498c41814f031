"""Tar bytes by hand: honest archives quickly, and dishonest ones that no library would write."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from kilotar.model.edition import Strictness
from kilotar.parse.tar import Accounting, Need, RawMember, walk_tar

END = bytes(1024)
STRICT = Strictness()


def header(
    name: bytes,
    size: int = 0,
    *,
    kind: bytes = b"0",
    size_field: bytes | None = None,
    magic: bytes = b"ustar  \0",
    prefix: bytes = b"",
    link: bytes = b"",
    checksum: int | None = None,
) -> bytes:
    """Give a header block; every field can be made to lie."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[136:148] = b"%011o\0" % 0
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    return seal(block, checksum)


def seal(block: bytes | bytearray, checksum: int | None = None) -> bytes:
    """Give a header with its checksum (or another) written into it."""
    sealed = bytearray(block)
    sealed[148:156] = b" " * 8
    sealed[148:156] = b"%06o\0 " % (sum(sealed) if checksum is None else checksum)
    return bytes(sealed)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def member(name: bytes, data: bytes = b"") -> bytes:
    """Give header, data and padding of a plain file."""
    return header(name, len(data)) + padded(data)


def tar(members: Iterable[tuple[bytes, bytes]], end: bytes = END) -> bytes:
    """Give an archive of plain files."""
    return b"".join(member(name, data) for name, data in members) + end


def run(
    data: bytes, rules: Strictness = STRICT, *, start: int = 0, slice_only: bool = False, max_members: int = 1000
) -> tuple[list[RawMember], Accounting]:
    """Walk bytes in memory, checking that the walker never asks for bytes outside its extent, nor backwards."""
    walk = walk_tar(start, len(data), rules, slice_only=slice_only, max_members=max_members)
    return drive(walk, data)


def drive(walk: Generator[Need, bytes, Accounting], data: bytes) -> tuple[list[RawMember], Accounting]:
    members: list[RawMember] = []
    seen = 0
    offset, size, found = next(walk)
    while True:
        assert seen <= offset <= offset + size <= len(data)
        seen = offset + size
        if found:
            members.append(found)
        try:
            offset, size, found = walk.send(data[offset : offset + size])
        except StopIteration as end:
            return members, end.value
