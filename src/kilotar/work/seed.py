"""`seed`: the archives of a root given to others, until a person says stop or enough was given.

Rules guarded: only pieces that were proved are given, and what may have changed is read again first; nothing is fetched
or written; the stop is clean, and says what was given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.errors import LayoutRefused, UsageError
from kilotar.events import Emit, Note, Outcome, Progress, RunStarted, ignore
from kilotar.model.edition import Archive, Edition
from kilotar.model.fetching import SwarmFacts
from kilotar.model.pieces import Torrent
from kilotar.model.profile import FIRST
from kilotar.model.report import DownloadFact, Report
from kilotar.sources.torrent import Swarm, SwarmFetcher
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.store.workspace import Workspace
from kilotar.work.downloads import fact_of
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.foreign import archive_path
from kilotar.work.rehash import rehash
from kilotar.work.reopen import edition_of
from kilotar.work.request import Fetching
from kilotar.work.ways import find_metadata

__all__ = ["seed"]

TELL_S = 2.0


def seed(root: Path, fetching: Fetching, emit: Emit = ignore, *, for_s: float = 0.0) -> Report:
    """Give the archives of a root to peers. Ends by itself after `for_s` seconds, or at the seed ratio; else for ever.

    Args:
        fetching: its `swarm` says how; `seed_ratio` counts what was sent over what is here, of all archives together.
        for_s:    0 for no end.
    Returns: the report, also after one KeyboardInterrupt.
    Raises: LayoutRefused where there is nothing to give; UsageError; MissingExtra; NetworkError; MachineError.
    """
    started, emit = time.monotonic(), one_by_one(emit)
    if fetching.swarm.no_upload or fetching.client:
        raise UsageError("seeding is done by the built-in client, and means to upload", fix="leave the flag out")
    workspace = Workspace(root)
    edition = edition_of(workspace.prepared())
    with telling_end("seed", emit), ExitStack() as open_things:
        offers = tuple(_offers(workspace, edition, fetching, emit, open_things))
        if not any(offer.pieces.count for offer in offers):
            raise LayoutRefused(f"{workspace.root} has nothing to seed", fix=f"kilotar get {workspace.root}")
        swarm = Swarm(fetching.client_options(), FIRST, workspace.swarm / "seed", emit)
        open_things.callback(swarm.close)
        given = tuple(_Given(one.about, one.pieces, swarm.add(one.torrent, one.pieces)) for one in offers)
        emit(RunStarted("seed", str(workspace.root), 0, 0, 0))
        emit(Note("info", "seeds until Ctrl-C" + (f" or ratio {r}" if (r := fetching.swarm.seed_ratio) else "")))
        _give(given, fetching.swarm.seed_ratio, started + for_s if for_s else float("inf"), emit)
        facts = tuple(one.fact() for one in given)
    return Report(
        verb="seed",
        root=str(workspace.root),
        edition=edition.name,
        outcome=Outcome.DONE,
        seconds=time.monotonic() - started,
        downloads=facts,
    )


@dataclass(frozen=True, slots=True)
class _Offer:
    """An archive that can be given."""

    about: Archive
    pieces: PieceFile
    torrent: Torrent


@dataclass(frozen=True, slots=True)
class _Given:
    """An archive that is being given."""

    about: Archive
    pieces: PieceFile
    fetcher: SwarmFetcher

    def facts(self) -> SwarmFacts:
        return self.fetcher.facts()

    def fact(self) -> DownloadFact:
        return replace(fact_of(self.about, self.pieces, None, 0), brought=(), sent_bytes=self.facts().sent_bytes)

    def tell(self, emit: Emit) -> None:
        facts, size_bytes = self.facts(), self.pieces.size_bytes
        landed = self.pieces.landed_bytes()
        stage = f"seeding: ratio {facts.sent_bytes / size_bytes:.2f}, sent {facts.sent_bytes:,} bytes"
        emit(
            Progress(
                self.about.name,
                landed,
                landed,
                size_bytes,
                rate_bytes_s=facts.sent_rate_bytes_s,
                peers=facts.peers,
                seeds=facts.seeds,
                peers_known=facts.peers_known,
                stage=stage,
            )
        )


def _offers(
    workspace: Workspace, edition: Edition, fetching: Fetching, emit: Emit, open_things: ExitStack
) -> Iterator[_Offer]:
    """Give the archives of a root that have a torrent; what was not proved yet is read."""
    for about in edition.archives:
        path = archive_path(workspace, about) if about.infohash else None
        torrent = find_metadata(about, edition, fetching, workspace, emit) if path else None
        if path is None or torrent is None:
            continue
        pieces = open_pieces(path.parent, path.name, workspace.pieces, torrent.table, writable=False)
        open_things.enter_context(closing(pieces))
        is_known = pieces.count > 0
        if not is_known:
            pieces.doubt()
        rehash(pieces, emit)
        if not is_known:
            pieces.save()
        yield _Offer(about, pieces, torrent)


def _give(given: tuple[_Given, ...], ratio: float, end_s: float, emit: Emit) -> None:
    """Tell how it goes until it is enough."""
    here = sum(one.pieces.landed_bytes() for one in given)
    never = threading.Event()
    try:
        while time.monotonic() < end_s:
            for one in given:
                one.tell(emit)
            if ratio and sum(one.facts().sent_bytes for one in given) >= ratio * here:
                return
            never.wait(min(TELL_S, max(0.0, end_s - time.monotonic())))
    except KeyboardInterrupt:
        emit(Note("info", "stops seeding"))
