"""Archives that a root remembers, looked at again.

Rules guarded: an archive that is gone is a note, not a problem, where the outputs are complete without it; one that has
other bytes than were proved is a problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from kilotar.errors import TorrentRefused, storage_error
from kilotar.events import Finding
from kilotar.exec.batch import Batch
from kilotar.model.edition import Edition
from kilotar.model.report import ArchiveFact
from kilotar.model.sample import Split
from kilotar.parse.torrent import parse_torrent
from kilotar.pixels import OddNames
from kilotar.store.files import read_file
from kilotar.store.pieces import INCOMPLETE, open_pieces
from kilotar.store.reading import open_archive
from kilotar.store.workspace import InputRecord, Workspace
from kilotar.work.deep import extent_batches
from kilotar.work.gathering import header_rows
from kilotar.work.inputs import image_archives
from kilotar.work.reopen import survey_again

__all__ = ["archive_batches", "check_archives"]

_READ_BYTES = 4 << 20


def check_archives(
    workspace: Workspace, edition: Edition, *, digests: bool, found: Callable[[Finding], None]
) -> tuple[ArchiveFact, ...]:
    """Compare every remembered archive with what was proved of it.

    Args:
        digests: read each whole; else only its length is compared.
        found:   gets what differs.
    Raises: MachineError.
    """
    latest = {record.name: record for record in workspace.input_records()}
    facts = []
    for record in latest.values():
        finding = _compare(record, workspace, digests=digests)
        if finding is not None:
            found(finding)
        holds = finding is None and record.published
        facts.append(ArchiveFact(record.name, record.path, record.size_bytes, record.algorithm, record.digest, holds))
    return tuple(sorted(facts, key=lambda fact: fact.name))


def archive_batches(workspace: Workspace, edition: Edition, odd: OddNames) -> Iterator[Batch]:
    """Give the images of every remembered archive that is still there, in batches for `deep_check`.

    Raises: ArchiveRefused, MachineError.
    """
    names = {record.name for record in workspace.input_records() if Path(record.path).is_file()}
    splits = tuple(split for split in Split if names & {a.name for a in image_archives(edition, (split,))})
    with survey_again(workspace, edition, splits=splits) as surveyed:
        for archive in surveyed.archives:
            for rows in header_rows(archive, archive.outline.parts):
                yield from extent_batches(archive.local.path, rows, odd)


def _compare(record: InputRecord, workspace: Workspace, *, digests: bool) -> Finding | None:
    path = Path(record.path)
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        why = f"{error.strerror}; its outputs cannot be repaired without it"
        return Finding("archive-gone", record.path, why, is_problem=False)
    if size_bytes != record.size_bytes:
        return Finding("archive", record.path, f"{size_bytes:,} bytes, was {record.size_bytes:,}")
    if not digests or not record.digest:
        return None
    if record.algorithm == "btih":
        return _compare_pieces(path, record, workspace)
    digest = _digest(path, record.algorithm)
    if digest == record.digest:
        return None
    return Finding("archive", record.path, f"{record.algorithm} {digest}, was {record.digest}")


def _compare_pieces(path: Path, record: InputRecord, workspace: Workspace) -> Finding | None:
    """Compare the pieces of an archive that were proved with the hashes of its torrent; of all, where none is known."""
    content = read_file(workspace.torrent_of(record.digest))
    try:
        table = parse_torrent(content or b"", infohash=record.digest, size_bytes=record.size_bytes).table
    except TorrentRefused as error:
        why = f"cannot be compared: the kept .torrent cannot be read ({error.seen}); prepare again fetches it"
        return Finding("archive-unchecked", record.path, why, is_problem=False)
    pieces = open_pieces(path.parent, path.name.removesuffix(INCOMPLETE), workspace.pieces, table, writable=False)
    with closing(pieces):
        known = [piece for piece in range(table.count) if pieces.has(piece)]
        wrong = [piece for piece in known or range(table.count) if not pieces.recheck(piece)]
    if not wrong:
        return None
    why = f"{len(wrong):,} of {len(known):,} pieces have other bytes than their torrent, the first is {wrong[0]:,}"
    return Finding("archive", record.path, why, table.start(wrong[0]))


def _digest(path: Path, algorithm: str) -> str:
    digest, buffer = hashlib.new(algorithm), memoryview(bytearray(_READ_BYTES))
    with open_archive(path) as file, open(file.fd, "rb", buffering=0, closefd=False) as stream:
        file.will_stream()
        try:
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
        except OSError as error:
            raise storage_error(error, f"read {path}") from error
    return digest.hexdigest()
