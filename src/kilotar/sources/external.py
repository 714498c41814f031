"""A fetcher over an installed BitTorrent client: looks at what the client says it has, and lets the landing check it.

Rules guarded:

- a client's word marks no piece: it is the hint to read the file, and what does not match is read again later, for
  clients keep blocks back in memory;
- a client gets the whole archive or nothing: its protocol names no pieces, and to pretend that it has what nobody
  wants would make it hand out zeros to others; where others take over a part, it pauses;
- when it ends, does not answer, or cannot write, that is told once, with its own words, and is there as `failure`;
- a piece that was handed over as good and is found bad later makes it begin again, where it took our word for it;
- no thread but one talks to it; it is stopped within the grace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from kilotar.errors import ClientFailed, DiskFull, KilotarError, MachineError, UsageError
from kilotar.events import Trouble
from kilotar.model.fetching import Landing, PieceWish, SwarmFacts, Tell
from kilotar.sources.claims import Claims, bits_of, pieces_of

__all__ = ["External", "Program", "Reading", "refuse_foreign"]

POLL_S = 0.5
STALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a client says.

    Attributes:
        bits:    pieces that it takes for complete: a bit each, the first piece the highest bit of the first byte.
        facts:   its counters; `age_s` is filled in by who reads.
        is_done: it has all of the archive.
        failure: why it stopped by itself.
    """

    bits: bytes = b""
    facts: SwarmFacts = field(default_factory=SwarmFacts)
    is_done: bool = False
    failure: KilotarError | None = None


class Program(Protocol):
    """An installed client and one torrent. Every method but `kill` is called by one thread only.

    Any may raise ClientFailed or MachineError.

    Attributes:
        trusts_us: whether it takes pieces for good on our word, and does not read them.
    """

    @property
    def name(self) -> str: ...

    @property
    def trusts_us(self) -> bool: ...

    def start(self, bits: bytes) -> None:
        """Begin to fetch what the bits (as in `Reading`) do not name as verified."""
        ...

    def read(self) -> Reading: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def stop(self, grace_s: float) -> None:
        """End it, and leave the archive's file as it is; must also work when it never began."""
        ...

    def kill(self) -> None:
        """End it at once, from any thread."""
        ...


class External:
    """A `Fetcher` that hands the transfer of one archive to a `Program`.

    Args:
        program: what fetches.
        landing: checks what it wrote.
        tell:    hears of troubles.
        poll_s:  between two looks.
        stall_s: without a byte, until that is told; then twice as long each time.
    """

    def __init__(
        self, program: Program, landing: Landing, tell: Tell, *, poll_s: float = POLL_S, stall_s: float = STALL_S
    ) -> None:
        self._program, self._landing, self._tell = program, landing, tell
        self._poll_s = poll_s
        self._wish: PieceWish | None = None
        self._steered: PieceWish | None = None
        self._handed = b""
        self._reading = Reading()
        self._failure: KilotarError | None = None
        self._began_s = 0.0
        self._is_paused = False
        self._has_all = True
        self._grace_s = 5.0
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._claims = Claims(landing, program.name)
        self._silence = _Silence(landing.table.name, program.name, stall_s, tell)
        self._thread = threading.Thread(target=self._run, name=f"kilotar {program.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self._program.name

    @property
    def failure(self) -> KilotarError | None:
        """Why it brings nothing any more: ClientFailed, MachineError; None while it works. It was told as Trouble."""
        return self._failure

    def want(self, wish: PieceWish) -> None:
        """Say what is wanted: all that is missing; with less than that the client pauses, or does not begin."""
        self._wish = wish
        self._wake.set()

    def facts(self) -> SwarmFacts:
        age_s = time.monotonic() - self._began_s if self._began_s else 0.0
        return replace(self._reading.facts, age_s=age_s)

    def close(self, grace_s: float = 5.0) -> None:
        self._grace_s = grace_s
        self._closing.set()
        self._wake.set()
        self._thread.join(grace_s)
        if self._thread.is_alive():
            self._program.kill()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._turn()
                self._wake.wait(self._poll_s)
                self._wake.clear()
        except KilotarError as error:
            self._fail(error)
        finally:
            self._stop()

    def _turn(self) -> None:
        """Do what is wanted, look, and check what has come."""
        wish = self._wish
        if wish is None or not self._steer(wish):
            return
        self._reading = reading = self._program.read()
        for piece in self._claims.due(reading.bits, is_done=reading.is_done):
            if self._closing.is_set():
                return
            self._claims.checked(piece, self._landing.check(piece, self.name))
        if reading.failure is not None:
            raise reading.failure
        self._claims.give_up()
        self._silence.see(reading, is_wanted=bool(wish) and not self._is_paused)

    def _steer(self, wish: PieceWish) -> bool:
        """Start, pause or resume the client; False while it has not begun."""
        if wish is not self._steered:
            self._steered = wish
            self._forget_lies()
            self._has_all = not wish or not _is_missing_some(wish, self._landing)
            if not self._has_all:
                self._refuse_part()
        if not self._began_s:
            if wish:
                self._handed = bits_of(self._landing)
                self._program.start(self._handed)
                self._began_s = time.monotonic()
            return bool(wish)
        should_pause = not (wish and self._has_all) and not self._reading.is_done
        if should_pause != self._is_paused:
            (self._program.pause if should_pause else self._program.resume)()
            self._is_paused = should_pause
        return True

    def _refuse_part(self) -> None:
        """Refuse to begin with a part; pause where others have taken a part over later."""
        seen = f"{self.name} fetches whole archives only: its protocol cannot say which pieces are not wanted"
        if not self._began_s:
            fix = "leave out --client to fetch a part with the built-in client or over HTTP"
            raise ClientFailed(f"{self.name} cannot fetch a part of an archive", seen=seen, fix=fix)
        if not self._is_paused:
            self._tell(Trouble("client", self._landing.table.name, seen, "it pauses while others bring some of them"))

    def _forget_lies(self) -> None:
        """Stop a client that holds a piece for good on our word which is not: it is begun again with what is."""
        if (
            self._began_s
            and self._program.trusts_us
            and any(not self._landing.has(piece) for piece in pieces_of(self._handed, self._landing.table.count))
        ):
            self._program.stop(self._grace_s)
            self._began_s, self._is_paused = 0.0, False
            self._claims = Claims(self._landing, self.name)

    def _fail(self, error: KilotarError) -> None:
        if self._closing.is_set():
            return
        kind = {DiskFull: "disk-full", ClientFailed: "client"}.get(type(error), "storage")
        where = str(self._landing.path) if isinstance(error, MachineError) else self._landing.table.name
        self._failure = error
        self._tell(Trouble(kind, where, str(error), error.fix))

    def _stop(self) -> None:
        try:
            self._program.stop(self._grace_s)
        except KilotarError as error:
            if self._failure is None:
                self._tell(Trouble("client", self._landing.table.name, str(error), error.fix))


class _Silence:
    """Tells when no byte comes, ever less often."""

    def __init__(self, archive: str, name: str, stall_s: float, tell: Tell) -> None:
        self._archive, self._name, self._first_s, self._tell = archive, name, stall_s, tell
        self._bytes = -1
        self._since_s = 0.0
        self._next_s = stall_s

    def see(self, reading: Reading, *, is_wanted: bool) -> None:
        now_s = time.monotonic()
        if not is_wanted or reading.is_done or reading.facts.received_bytes != self._bytes:
            self._bytes, self._since_s, self._next_s = reading.facts.received_bytes, now_s, self._first_s
            return
        if (silent_s := now_s - self._since_s) >= self._next_s:
            self._next_s *= 2
            seen = f"no byte for {silent_s:.0f} s by {self._name}; peers: {reading.facts.peers}, {reading.facts.state}"
            self._tell(
                Trouble("stalled", self._archive, seen, "it is still tried; `kilotar doctor` looks for the cause")
            )


def refuse_foreign(name: str, asked: Mapping[str, object]) -> None:
    """Refuse what was asked of a client and cannot be had of an installed one.

    Args:
        asked: by flag; empty values were not asked for.
    Raises: UsageError.
    """
    if words := [flag for flag, value in asked.items() if value]:
        raise UsageError(
            f"{name} cannot be told of {' and '.join(words)}",
            seen="that is a setting of the program itself, or it has none such",
            fix="set it there, or leave out --client",
        )


def _is_missing_some(wish: PieceWish, landing: Landing) -> bool:
    """Tell whether the wish leaves out a piece that was not verified."""
    wished = set(wish.urgent).union(*wish.wanted)
    return any(piece not in wished and not landing.has(piece) for piece in range(landing.table.count))
