"""One archive on its way: several sources, one file, and what is done when nothing comes.

Rules guarded:

- what has landed is told only after its own proof; pieces that may be on the disk already are read before they are
  used, and never fetched again when they are right;
- no piece is in two wishes, so that sources may change in the middle of an archive and nothing is fetched twice;
- proofs are saved every few seconds, so that a kill costs a look at the last pieces and not their download;
- every silence is told, with its cause and what is tried; the ladder decides, this module performs;
- a cancelled transfer ends within its grace, and the same request goes on where it stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from kilotar.errors import DiskFull, KilotarError, StorageFailed
from kilotar.events import Emit, Progress, Trouble
from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.model.ranges import ByteRange, Ranges
from kilotar.plan.ladder import Diagnose, FinishTail, GiveUp, Ladder, Move, UseHttp, UseProfile
from kilotar.plan.share import Share
from kilotar.store.pieces import PieceFile
from kilotar.work.fleet import Fleet, Ways
from kilotar.work.intact import refuse_changed
from kilotar.work.met import Met, given_up, waiting
from kilotar.work.meter import Meter
from kilotar.work.rehash import Recheck
from kilotar.work.room import MAKE_ROOM, Room
from kilotar.work.wants import Wants

__all__ = ["Cancelled", "Transfer"]

TICK_S = 0.2
SHARE_REST = 20.0  # times as long as a look at 70,000 pieces takes, until the next: at most a twentieth of a core

Landed = Callable[[int, int], None]


class Cancelled(Exception):
    """Whoever waited for bytes need not: the transfer was stopped."""


class Transfer:
    """Brings what is wanted of one archive. Say what with `want`, `close_wants` when that is all, and `run` it.

    Args:
        pieces: the file; its `on_landed` is taken over.
        ways:   to its bytes.
        ladder: decides what is tried.
        emit:   gets Progress and Trouble, from several threads.
        clock:  seconds that only rise.
    """

    def __init__(
        self, pieces: PieceFile, ways: Ways, ladder: Ladder, emit: Emit, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pieces = pieces
        self._ways, self._ladder, self._emit, self._clock = ways, ladder, emit, clock
        self._turn = threading.Condition()
        self._wants = Wants(pieces)
        self._arrived: list[int] = []
        self._over = False
        self._error: KilotarError | None = None
        self._fleet = Fleet(pieces, ways, self._told)
        self._share = Share(pieces.table.piece_bytes)
        self._is_stale = True
        self._recheck = Recheck(pieces, lambda: self._over, self._checked)
        self._room = Room(pieces)
        self._share_s = -1.0
        self._met = Met()
        self._meter = Meter(self._clock())
        pieces.on_landed = self._note

    @property
    def sent_bytes(self) -> int:
        """Bytes sent to peers."""
        return self._fleet.sent_bytes

    # What is wanted; from any thread

    def want(self, start: int, stop: int) -> None:
        """Want the bytes `[start, stop)`, after what was wanted before."""
        with self._turn:
            self._wants.add(start, stop)
            self._is_stale = True
            self._turn.notify_all()

    def hurry(self, pieces: Iterable[int]) -> None:
        """Want single pieces before all else."""
        with self._turn:
            self._wants.hurry(pieces)
            self._is_stale = True
            self._turn.notify_all()

    def close_wants(self) -> None:
        """Say that nothing more will be wanted: with the last piece the transfer ends."""
        with self._turn:
            self._wants.is_all = True
            self._turn.notify_all()

    def wait_for(self, start: int, stop: int) -> None:
        """Return when the bytes `[start, stop)` are proved. Raises Cancelled where they will not be."""
        with self._turn:
            self._turn.wait_for(lambda: self._over or self.pieces.covers(start, stop))
            if not self.pieces.covers(start, stop):
                raise Cancelled

    def cancel(self) -> None:
        """Make `run` return soon, and whoever waits."""
        with self._turn:
            self._over = True
            self._turn.notify_all()

    # The run

    def run(self, on_landed: Landed) -> bool:
        """Bring what is wanted; True when all of it is there, False when cancelled.

        Args:
            on_landed: is told of the bytes that are proved, in the calling thread: first of those from before.
        Raises: NetworkError where no way is left, MachineError.
        """
        for part in self.pieces.landed():
            on_landed(part.start, part.stop)
        self.pieces.suspect_data()
        self._recheck.start()
        try:
            while not self._turn_once(on_landed):
                with self._turn:
                    self._turn.wait(TICK_S)
            return not self._over
        finally:
            self.cancel()
            self._fleet.close()
            self._recheck.join()
            self._tell_landed(on_landed)
            if not self.pieces.is_saved:
                self._save()

    def _turn_once(self, on_landed: Landed) -> bool:
        """Do what is due; True when the run is over."""
        self._tell_landed(on_landed)
        if error := self._error or self._fleet.failure:
            raise error
        if self._over or self._is_done():
            self._progress()
            return True
        now_s = self._clock()
        self._meter.see(now_s, self.pieces.landed_bytes())
        if self._room.look(now_s, self._meter.last_rise_s):
            self._is_stale = True  # a source that rests begins again with its next wish
        self._redistribute(now_s)
        if self._meter.is_look_due(now_s):
            self._look(now_s)
        if self._meter.is_save_due(self._clock(), self.pieces.landed_bytes()):
            self._save()
        return False

    def _tell_landed(self, on_landed: Landed) -> None:
        """Tell what has landed since the last turn, in as few ranges as it makes."""
        with self._turn:
            arrived, self._arrived = self._arrived, []
        table = self.pieces.table
        for part in Ranges.of(ByteRange(table.start(piece), table.stop(piece)) for piece in arrived):
            on_landed(part.start, part.stop)

    def _is_done(self) -> bool:
        with self._turn:
            return self._wants.is_all and not self._recheck.is_running and self._wants.are_proved()

    def _note(self, piece: int, source: str) -> None:
        with self._turn:
            self._arrived.append(piece)
            self._wants.got(piece)
            self._turn.notify_all()

    # Sources

    def _redistribute(self, now_s: float) -> None:
        """Give every source its wish where something changed, or where one has little left to bring."""
        servers = self._fleet.able_servers()
        is_changed = self._fleet.changed(servers)
        with self._turn:
            is_stale, self._is_stale = self._is_stale or is_changed, False
            if not is_stale and (not servers or now_s < self._share_s):
                return
            urgent, missing = self._wants.urgent, self._wants.missing()
        swarm = self._fleet.swarm(now_s)
        if is_stale or (missing and self._share.is_low(missing)):
            self._fleet.want(self._share.divide(missing, urgent, swarm, self._fleet.bringers(servers)))
        ended_s = self._clock()
        self._share_s = ended_s + max(TICK_S, SHARE_REST * (ended_s - now_s))

    def _look(self, now_s: float) -> None:
        """Tell how it goes, and let the ladder judge it."""
        refuse_changed(self.pieces)
        self._progress()
        verified, wanted = self._amounts()
        if verified >= wanted:
            return  # nobody knows yet what is wanted, or it is all there
        swarm, http = self._fleet.facts()
        self._met.see(swarm, http)
        known = wanted if self._wants.is_all else 0
        moves = self._ladder.on(now_s, verified, swarm, http, wanted_bytes=known)
        is_over = any(isinstance(move, GiveUp) for move in moves)
        for move in moves:
            if not (is_over and isinstance(move, UseProfile)):
                self._perform(move)

    def _perform(self, move: Move) -> None:
        match move:
            case UseProfile(profile, why):
                self._fleet.use_profile(profile)
                if "looking for peers" not in why:
                    self._told(Trouble("no-bytes", self.pieces.table.name, why, "nothing is to be done"))
            case UseHttp(why):
                self._fleet.use_servers()
            case FinishTail(why):
                self._fleet.use_reserve()
                self._fleet.use_servers()
                self._told(Trouble("slow-end", self.pieces.table.name, why, "nothing is to be done"))
            case Diagnose(why):
                self._told(Trouble("no-bytes", self.pieces.table.name, why, "the run goes on; Ctrl-C stops it safely"))
                for trouble in self._ways.explain(*self._fleet.facts()):
                    self._told(trouble)
                self._fleet.use_reserve()
            case GiveUp(why):
                self._error = given_up(why, self.pieces, self._ways, self._met)
        with self._turn:
            self._is_stale = True

    # Troubles

    def _told(self, trouble: Trouble) -> None:
        """Pass a trouble on; a full disk is given a minute to be made room on, one that fails ends the run."""
        if trouble.kind == "disk-full":
            self._room.missing(self._clock())
        elif trouble.kind == "disk":
            what = f"the disk of {self.pieces.path} fails"
            fix = "check the disk (dmesg, smartctl), then run the same command again: it goes on from there"
            self._error = self._error or StorageFailed(what, seen=trouble.seen, fix=fix)
        self._emit(trouble)

    def _save(self) -> None:
        """Keep the proofs; where the disk is full that can wait, since pieces without a bit are read again."""
        try:
            self.pieces.save()
        except DiskFull as error:
            if not self._room.is_missing:
                self._told(Trouble("disk-full", self.pieces.table.name, str(error), MAKE_ROOM))

    def _checked(self, error: KilotarError | None) -> None:
        with self._turn:
            self._error = error or self._error
            self._is_stale = True
            self._turn.notify_all()

    # Numbers

    def _amounts(self) -> tuple[int, int]:
        """Give verified and wanted bytes of what is wanted, by whole pieces."""
        with self._turn:
            wanted = self._wants.ranges()
        return sum(self.pieces.landed_bytes(part.start, part.stop) for part in wanted), wanted.size_bytes

    def _progress(self) -> None:
        verified, wanted = self._amounts()
        rate = self._meter.rate_bytes_s
        swarm, http = self._fleet.facts()
        self._emit(
            Progress(
                self.pieces.table.name,
                verified,
                wanted,
                self.pieces.size_bytes,
                rate,
                (wanted - verified) / rate if rate else -1.0,
                swarm.peers if swarm else 0,
                max(swarm.seeds, 0) if swarm else 0,
                swarm.peers_known if swarm else 0,
                tuple(sorted(self.pieces.brought.items())),
                self._stage(swarm, http, rate),
            )
        )

    def _stage(self, swarm: SwarmFacts | None, http: tuple[HttpFacts, ...], rate: float) -> str:
        if self._recheck.is_running and not rate:
            return "checking what is there"
        return "downloading" if rate else waiting(swarm, http)
