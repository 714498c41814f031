"""What the connections to one address share: what is to be fetched, what was, and how the server behaves.

Rules guarded: one connection asks until the server has proved itself, and after every failure; a server is given up for
two wrong pieces that it did not mend, and never in silence; troubles are told without a lock held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kilotar.errors import DiskFull, MachineError
from kilotar.events import Trouble
from kilotar.model.fetching import HttpFacts, Landing, PieceWish, Tell
from kilotar.sources.http.address import Address
from kilotar.sources.http.answer import Answer, Identity
from kilotar.sources.http.failing import Cause, Failure
from kilotar.sources.http.gate import HostGate
from kilotar.sources.http.meter import RecentRate
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.pause import Clock, Pause
from kilotar.sources.http.wanted import Wanted
from kilotar.sources.http.wrong import WrongPieces

__all__ = ["Desk", "Errand"]

_LEAST_RANGE_BYTES = 8 << 20
_MOST_RANGE_BYTES = 64 << 20
_RANGE_S = 4.0  # of one connection at its last rate: few requests, and a new wish is soon followed
_HOSTS = HostGate()


@dataclass(slots=True)
class Errand:
    """A run of pieces that a connection is sent for; it is at `piece` now."""

    run: range
    epoch: int
    piece: int


class Desk:
    """Gives errands to connections, and keeps the book of the server. All methods are for any thread."""

    def __init__(
        self, address: Address, landing: Landing, options: HttpOptions, tell: Tell, clock: Clock, identity: str
    ) -> None:
        self._address, self._table, self._options = address, landing.table, options
        self._tell, self._clock = tell, clock
        self._turn = threading.Condition()
        self._wanted = Wanted(landing.has)
        self._pause = Pause(clock)
        self._rate = RecentRate()
        self._identity = Identity.read(identity) if identity else None
        self._most = options.connections
        self._places, self._busy, self._range_bytes = 1, 0, 0
        self._received = self._wasted = self._requests = 0
        self._wrong = WrongPieces()
        self._error = ""
        self._is_resting = self._is_whole = False
        self.is_closed = self.is_changed = False

    @property
    def identity(self) -> str:
        return str(self._identity) if self._identity else ""

    def replace(self, wish: PieceWish) -> None:
        with self._turn:
            self._wanted.replace(wish)
            self._is_resting = False
            self._turn.notify_all()

    def close(self) -> None:
        with self._turn:
            self.is_closed = True
            self._turn.notify_all()

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()

    def errand(self, on_idle: Callable[[], None]) -> Errand | None:
        """Wait for something to fetch; None at the end of all. `on_idle` is called before it waits."""
        with self._turn:
            while not self.is_closed:
                left_s = self._pause.left_s
                if self._is_idle():
                    on_idle()
                    self._turn.wait()
                elif left_s > 0:
                    on_idle()
                    self._clock.wait(self._turn, left_s)
                elif errand := self._next():
                    return errand
                else:
                    on_idle()
                    self._turn.wait()
            return None

    def _is_idle(self) -> bool:
        return self._is_resting or self._pause.is_over or self._busy >= self._places

    def _next(self) -> Errand | None:
        at_most = max(1, self._range_bytes // self._table.piece_bytes)
        run = self._wanted.next(at_most, self._places)
        if not run:
            return None
        if not _HOSTS.enter(self._address.authority, self._options.connections, self._wake):
            self._wanted.give_back(run)
            return None
        self._busy += 1
        self._requests += 1
        return Errand(run, self._pause.epoch, run.start)

    def end(self, errand: Errand) -> bool:
        """Take back what an errand did not bring; True where others wait for the connection to the host."""
        with self._turn:
            self._wanted.give_back(errand.run)
            self._busy -= 1
            self._turn.notify_all()
        return _HOSTS.leave(self._address.authority)

    def is_in_vain(self, pieces: range) -> bool:
        """Tell whether none of these pieces is worth reading any more."""
        with self._turn:
            return self.is_closed or self._pause.is_over or not any(map(self._wanted.is_wished, pieces))

    def next_wished(self, piece: int) -> int:
        with self._turn:
            return -1 if self.is_closed else self._wanted.next_wished(piece)

    def identify(self, answer: Answer) -> None:
        """Compare the object of an answer with the one known. Raises: Failure where it is another and nothing tells."""
        with self._turn:
            known, self._is_whole = self._identity, answer.is_whole
            if answer.is_whole:
                self._places = 1
            is_same = known is None or known.is_same(answer.identity)
            if is_same or self._table.has_hashes:
                self._identity = answer.identity
            else:
                self.is_changed = True
        if is_same:
            return
        if not self._table.has_hashes:
            advice = "what came from it cannot be told from the new one: it must be fetched anew"
            raise Failure(Cause.CHANGED, "the file on the server is another than before", advice=advice)
        advice = "every piece is hashed, so nothing is lost"
        self._tell(Trouble("changed", self._address.shown, "the file on the server has a new date or tag", advice))

    def received(self, count: int, wasted: int = 0) -> None:
        """Count bytes of a body, and those of them that were thrown away."""
        with self._turn:
            self._received += count
            self._wasted += wasted
            self._rate.add(self._clock.now(), count)

    def works(self, piece: int) -> None:
        """Count a good piece."""
        with self._turn:
            if self._pause.is_over:
                return  # on its way when the server was given up: the reason stays
            self._pause.works()
            self._error = ""
            self._range_bytes = max(self._range_bytes, _LEAST_RANGE_BYTES)
            self._wrong.mend(piece)
            if not self._is_whole and self._places != self._most:
                self._places = self._most
                self._turn.notify_all()

    def paced(self, rate_bytes_s: float) -> None:
        """Choose the length of ranges by the rate of one that was brought."""
        with self._turn:
            self._range_bytes = int(min(max(rate_bytes_s * _RANGE_S, _LEAST_RANGE_BYTES), _MOST_RANGE_BYTES))

    def fails(self, errand: Errand, failure: Failure) -> None:
        """Count a failure, decide what follows, and tell it."""
        with self._turn:
            if self.is_closed or self._pause.is_over:
                return
            is_wrong = failure.cause is Cause.CORRUPT
            if is_wrong:
                self._pause.is_over = self._wrong.add(errand.piece)
            if failure.cause is Cause.BUSY and self._busy > 1:
                self._most = max(1, self._most // 2)
            counts = self._pause.fails(failure, errand.epoch)
            self._places = 1
            self._error = failure.text
            lasts = self._pause.failures > 1 or failure.wait_s > 0 or failure.cause.is_final
            is_news = self._pause.is_over or is_wrong or (counts and lasts)
            trouble = self._trouble(failure)
            self._turn.notify_all()
        if is_news:
            self._tell(trouble)

    def _trouble(self, failure: Failure) -> Trouble:
        if self._pause.is_over:
            kind = "changed" if failure.cause is Cause.CHANGED else "web-seed"
            advice = "; ".join(part for part in (failure.advice, "this server is not asked again in this run") if part)
            return Trouble(kind, self._address.shown, failure.text, advice)
        return Trouble("web-seed", self._address.shown, failure.text, f"asked again in {self._pause.left_s:.0f} s")

    def rest(self, error: MachineError) -> None:
        """Ask for nothing until the next wish: the disk takes nothing."""
        with self._turn:
            was_resting, self._is_resting = self._is_resting, True
            self._error = str(error)
        if not was_resting:
            kind = "disk-full" if isinstance(error, DiskFull) else "disk"
            self._tell(Trouble(kind, self._table.name, str(error), error.fix))

    def facts(self) -> HttpFacts:
        with self._turn:
            return HttpFacts(
                self._address.shown,
                received_bytes=self._received,
                wasted_bytes=self._wasted,
                rate_bytes_s=self._rate.at(self._clock.now()),
                requests=self._requests,
                failures=self._pause.failures,
                error=self._error,
                is_given_up=self._pause.is_over,
                retry_in_s=0.0 if self._pause.is_over else self._pause.left_s,
            )
