"""The strict tar walker: says which bytes it must see, and which members they hold; it never reads anything itself.

Rules guarded:

- Every byte is accounted for: headers, data, zero padding, two zero blocks, a zero tail to the end of the extent.
  Whatever does not add up is refused with its offset; nothing is passed over in silence and the walk never stops early.
- Only plain files are members. Links, devices, sparse files and metadata records are refused, unless a field of
  `Strictness` switches the one or the other on for one archive.
- Names are raw bytes and mean nothing here: whether a name is wanted is the caller's decision.
- Time and memory are bounded by `max_members`, `LARGEST_RECORD_BYTES` and `LONGEST_TAIL_BYTES`, whatever headers claim.

Source of the format: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from kilotar.model.edition import Strictness
from kilotar.parse.tar_header import BLOCK, FILE, LONG_NAME, RECORDS, ZERO_BLOCK, parse_header
from kilotar.parse.tar_records import check_pax_record, parse_long_name
from kilotar.parse.tar_refusal import refusal, truncation

__all__ = ["WALKER_VERSION", "Accounting", "Need", "RawMember", "walk_members", "walk_tar"]

WALKER_VERSION = 1  # raised whenever the same bytes would give other members
RawMember = tuple[bytes, int, int]
"""Name as it stands in the header, offset of the data, size of the data in bytes."""

Need = tuple[int, int, RawMember | None]
"""The next bytes to see as (offset, size), and the member that was found since the last question, if any."""

LONGEST_TAIL_BYTES = 1 << 20  # GNU tar pads to 10,240; 1 MiB is the record of a blocking factor of 2,048
_TAIL_CHUNK_BYTES = 64 << 10
_MOST_MEMBERS = 10_000_000

_ZEROS = tuple(bytes(n) for n in range(BLOCK))  # n zero bytes at index n: `startswith` needs no slice


@dataclass(frozen=True, slots=True)
class Accounting:
    """Where every byte of a walked extent went; the five byte counts add up to its length.

    Attributes:
        members:       plain files reported.
        data_bytes:    their contents.
        header_bytes:  header blocks, and the contents of metadata records.
        padding_bytes: between the end of contents and the next block.
        tail_bytes:    end marker and the zeros behind it.
    """

    members: int = 0
    data_bytes: int = 0
    header_bytes: int = 0
    padding_bytes: int = 0
    tail_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.data_bytes + self.header_bytes + self.padding_bytes + self.tail_bytes


def walk_tar(
    start: int,
    stop: int,
    rules: Strictness,
    *,
    slice_only: bool = False,
    max_members: int = _MOST_MEMBERS,
) -> Generator[Need, bytes, Accounting]:
    """Walk the tar archive that fills the bytes `[start, stop)` of a file.

    Yields `(offset, size, member)`: send exactly these bytes (size may be 0). Offsets rise. `member` is the file found
    since the last question, or None; its data lie within the extent and before the bytes now asked for.

    Args:
        start, stop: the extent.
        rules:       what is tolerated.
        slice_only:  the extent is a run of whole members out of an archive: no end marker, ends exactly at `stop`.
        max_members: most headers before the archive is refused.
    Returns:
        The accounting; its total is `stop - start`.
    Raises:
        ArchiveRefused: with the offset in the file and the reason.
    """
    at, pad = start, 0
    member: RawMember | None = None
    record: tuple[int, bytes] | None = None
    headers = members = data_bytes = record_bytes = padding_bytes = tail_bytes = 0
    while at + pad + BLOCK <= stop:
        block = yield at, pad + BLOCK, member
        member = None
        if not block.startswith(_ZEROS[pad]):
            _check_padding(block[:pad], at, rules)
        at += pad
        padding_bytes += pad
        header = block[pad:]
        if header == ZERO_BLOCK and not slice_only:
            tail_bytes = yield from _walk_tail(at, stop, rules)
            break
        name, size, kind = parse_header(header, at, rules)
        headers += 1
        if headers > max_members:
            raise refusal(at, f"more than {max_members} members", fix="check that this is the archive you meant")
        if at + BLOCK + size > stop:
            raise truncation(at, f"the data of {name!r}", at + BLOCK + size, stop)
        if kind in RECORDS:
            record = yield from _read_record(kind, size, at, record)
            record_bytes += size
        elif record:
            name, record = _apply_record(record, name, size, at), None
        if kind == FILE:
            if name.endswith(b"/"):  # readers differ: a file to some, a directory to others
                raise refusal(at, "a file whose name ends in a slash", seen=repr(name))
            member = name, at + BLOCK, size
            members += 1
            data_bytes += size
        at += BLOCK + size
        pad = -size % BLOCK
    else:
        _check_open_end(at + pad, stop, slice_only or rules.short_end)
        _check_padding((yield at, pad, member), at, rules)
        padding_bytes += pad
    if record:
        raise refusal(at, "a metadata record without a member")
    return Accounting(members, data_bytes, headers * BLOCK + record_bytes, padding_bytes, tail_bytes)


def walk_members(
    read: Callable[[int, int], bytes],
    start: int,
    stop: int,
    rules: Strictness,
    *,
    slice_only: bool = False,
    max_members: int = _MOST_MEMBERS,
) -> Generator[RawMember, None, Accounting]:
    """Walk an archive whose bytes are all there: `walk_tar`, answered by `read(offset, size)`, member by member.

    Each member is yielded before the bytes behind its data are read. Returns and raises as `walk_tar`.
    """
    walk = walk_tar(start, stop, rules, slice_only=slice_only, max_members=max_members)
    try:
        offset, size, member = next(walk)
        while True:
            if member:
                yield member
            offset, size, member = walk.send(read(offset, size))
    except StopIteration as end:
        accounting: Accounting = end.value
        return accounting


def _check_padding(padding: bytes, at: int, rules: Strictness) -> None:
    if padding.count(0) != len(padding) and not rules.nonzero_padding:
        raise refusal(at, "the padding of a member is not zero", seen=repr(padding[:16]), switch="nonzero_padding")


def _check_open_end(at: int, stop: int, may_end_here: bool) -> None:
    if at > stop:
        raise truncation(at, "the padding of the last member", at, stop)
    if at < stop:
        raise truncation(at, "a header", at + BLOCK, stop)
    if not may_end_here:
        raise truncation(at, "the end marker", at + 2 * BLOCK, stop, switch="short_end")


def _read_record(
    kind: int, size: int, at: int, earlier: tuple[int, bytes] | None
) -> Generator[Need, bytes, tuple[int, bytes]]:
    if earlier:
        raise refusal(at, "a chain of metadata records before one member")
    return kind, (yield at + BLOCK, size, None)


def _apply_record(record: tuple[int, bytes], name: bytes, size: int, at: int) -> bytes:
    kind, data = record
    if kind == LONG_NAME:
        return parse_long_name(data, at)
    check_pax_record(data, name, size, at)
    return name


def _walk_tail(at: int, stop: int, rules: Strictness) -> Generator[Need, bytes, int]:
    if stop - at < 2 * BLOCK and not rules.short_end:
        raise truncation(at, "the end marker", at + 2 * BLOCK, stop, switch="short_end")
    if stop - at > LONGEST_TAIL_BYTES:
        raise refusal(
            at,
            f"the archive ends here, but {stop - at} bytes follow",
            seen=f"at most {LONGEST_TAIL_BYTES} bytes of zeros may follow",
            fix="if a download has set the file to its full length, let it finish; else fetch the archive again",
        )
    for offset in range(at + BLOCK, stop, _TAIL_CHUNK_BYTES):
        chunk = yield offset, min(_TAIL_CHUNK_BYTES, stop - offset), None
        if chunk.count(0) != len(chunk):
            found = offset + len(chunk) - len(chunk.lstrip(b"\0"))
            raise refusal(found, f"data after the end of the archive at {at}")
    return stop - at
