"""Members of a part: with their bytes, through a window; or their places only, by hopping from header to header.

Rules guarded: both ways run the same walker under the same rules and take the same names, so that rows are the same
whichever made them; a part that does not add up is refused even where the archive around it is whole.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.exec.threads import map_in_order
from kilotar.model.edition import Archive
from kilotar.model.table import Rows
from kilotar.parse.tar import walk_members
from kilotar.store.index import IndexFolder, Outline, PartSpan
from kilotar.store.reading import ArchiveFile, Window, open_archive
from kilotar.work.member_names import NameRule, SkipReport, most_members
from kilotar.work.repeats import Repeats

__all__ = ["HEADER_THREADS", "MemberBytes", "index_archive", "index_part", "read_members", "walk_part"]

Found = Callable[[Finding], None]
HEADER_THREADS = 8  # cold, each header is one random read of 4 kB: 8 in flight are 3 times as fast as one
_WAITS = 3  # times its CPU that a part takes which comes from a disk; from memory, threads are in each other's way
_SLOW_PARTS = 64  # that are read in threads before it is tried again whether the next come out of memory


@dataclass(frozen=True, slots=True)
class MemberBytes:
    """An image as it lies in its archive: `data` is valid until the next member is asked for."""

    name: str
    offset: int
    data: memoryview


def walk_part(path: Path, span: PartSpan, archive: Archive, found: Found) -> Iterator[MemberBytes]:
    """Read a part from front to back, image by image; names may repeat.

    Args:
        found: gets a finding for each member that is left out.
    Raises:
        ArchiveRefused: the part is damaged, cut short or hostile; images before that point were already given.
        MachineError:   the disk.
    """
    with open_archive(path) as file:
        window = Window(file).limit(span.stop)
        for name, offset, size in _walk(window.read, span, archive, found):
            yield MemberBytes(name, offset, window.view(offset, size))


def read_members(path: Path, rows: Rows) -> Iterator[MemberBytes]:
    """Read single images of a part, whose headers were walked before. Raises as `walk_part`."""
    with open_archive(path) as file:
        file.will_hop()
        for row in range(len(rows)):
            data = file.read(rows.offsets[row], rows.sizes[row])
            yield MemberBytes(rows.name(row), rows.offsets[row], memoryview(data))


def index_part(file: ArchiveFile, span: PartSpan, archive: Archive, found: Found) -> Rows:
    """Give the places of a part's images, reading headers only; without digests. Raises as `walk_part`."""
    members = list(_walk(file.read, span, archive, found))
    if len({name for name, _, _ in members}) < len(members):
        repeats = Repeats(file, _place(archive, span), found)
        members = [member for member in members if not repeats.is_repeat(*member)]
    return _columns(members)


def index_archive(
    path: Path, archive: Archive, outline: Outline, index: IndexFolder, found: Found, *, threads: int = HEADER_THREADS
) -> Iterator[tuple[PartSpan, Rows]]:
    """Give the rows of every part in the order of the outline, out of the index where they are in it.

    Parts that are read anew are remembered. Rows from an earlier full read have digests, others have none.

    Args:
        found:   gets findings, from any thread.
        threads: most parts read at once; 1 for disks that turn.
    Raises: as `walk_part`; ArchiveRefused also where all parts together hold more than twice the published images.
    """
    most = most_members(archive.images, outline.parts[-1].stop if outline.parts else 0)
    with open_archive(path) as file:

        def rows_of(span: PartSpan) -> Rows:
            rows = index.read_part(span)
            if rows is None:
                rows = index_part(file, span, archive, found)
                index.write_part(span, rows)
            return rows

        file.will_hop()
        for span, rows in _each(outline.parts, rows_of, threads):
            most -= len(rows)
            if most < 0:
                raise ArchiveRefused(f"{archive.name} holds more than twice its images", fix="fetch it again")
            yield span, rows


def _each(
    spans: tuple[PartSpan, ...], rows_of: Callable[[PartSpan], Rows], threads: int
) -> Iterator[tuple[PartSpan, Rows]]:
    """Read one part after the other while that is fast; after a slow one some in threads, then look again."""
    done = 0
    while done < len(spans):
        begin, cpu = time.perf_counter(), time.thread_time()
        rows = rows_of(spans[done])
        waits = time.perf_counter() - begin > _WAITS * (time.thread_time() - cpu)  # not a rate: others may be at work
        is_fast = threads == 1 or not waits
        yield spans[done], rows
        done += 1
        some = spans[done : done if is_fast else done + _SLOW_PARTS]
        yield from zip(some, map_in_order(rows_of, some, threads), strict=True)
        done += len(some)


def _walk(
    read: Callable[[int, int], bytes], span: PartSpan, archive: Archive, found: Found
) -> Iterator[tuple[str, int, int]]:
    rule = NameRule(archive, span.wnid)
    report = SkipReport(_place(archive, span), found)
    most = most_members(archive.images, span.stop - span.start)
    members = walk_members(read, span.start, span.stop, archive.strictness, slice_only=span.is_slice, max_members=most)
    try:
        for raw, offset, size in members:
            name = rule.name_of(raw, size)
            if name:
                yield name, offset, size
            elif not span.is_slice:  # what a flat archive leaves out is told by its outline
                report.skip(rule.why_not(raw, size), raw, offset)
    except ArchiveRefused as refused:
        what = f"{_place(archive, span)}: {refused.what}"
        raise ArchiveRefused(what, seen=refused.seen, fix=refused.fix) from refused
    report.close()


def _columns(members: list[tuple[str, int, int]]) -> Rows:
    return Rows(
        "".join([name for name, _, _ in members]).encode("ascii"),
        array("I", accumulate(len(name) for name, _, _ in members)),
        array("Q", [offset for _, offset, _ in members]),
        array("I", [size for _, _, size in members]),
    )


def _place(archive: Archive, span: PartSpan) -> str:
    return f"{archive.name}, {span.wnid}.tar" if span.wnid else f"{archive.name}, run {span.key}"
