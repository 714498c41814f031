"""Pieces of one archive from one web server, by several connections.

Rules guarded: nothing is raised out of a thread; nothing lands after `close`; `want` never waits for the network.
"""

from __future__ import annotations

import threading
import time

from kilotar.events import Trouble
from kilotar.model.fetching import HttpFacts, Landing, PieceWish, Tell
from kilotar.sources.http.address import parse_address
from kilotar.sources.http.asking import Asking
from kilotar.sources.http.carrier import Carrier
from kilotar.sources.http.desk import Desk
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.pause import Clock
from kilotar.sources.http.wire import Wire

__all__ = ["HttpFetcher"]


class HttpFetcher:
    """A `Fetcher` over ranges of one address.

    Args:
        url:      http or https; user and password in it are sent to its host only, and never shown.
        landing:  must not keep the memory that it is given: it is used again.
        tell:     of troubles ("web-seed", "changed", "disk-full", "disk"); called from threads of its own.
        identity: `identity` of the run before, where the table has no hashes: another object is then refused.
        clock:    for tests.
    Raises: UsageError for what is no address.
    """

    def __init__(
        self,
        url: str,
        landing: Landing,
        options: HttpOptions,
        tell: Tell,
        *,
        identity: str = "",
        clock: Clock | None = None,
    ) -> None:
        clock = clock or Clock()
        self._address, self._tell = parse_address(url), tell
        self._desk = Desk(self._address, landing, options, tell, clock, identity)
        asking = Asking(self._address, options)
        self._wires = [Wire(options, clock.now) for _ in range(options.connections)]
        self._carriers = [
            Carrier(self.name, self._address, asking, wire, landing, self._desk, clock) for wire in self._wires
        ]
        self._threads: list[threading.Thread] = []

    @property
    def name(self) -> str:
        return f"web seed {self._address.authority}"

    @property
    def identity(self) -> str:
        """Tell which object the server has (size, date, tag), "" before it answered; to be kept for the next run."""
        return self._desk.identity

    @property
    def is_changed(self) -> bool:
        """Tell whether the object became another, and nothing tells the bytes of the two apart."""
        return self._desk.is_changed

    def want(self, wish: PieceWish) -> None:
        self._desk.replace(wish)
        if not self._threads and wish:
            self._threads = [
                threading.Thread(target=self._run, args=(carrier,), name=f"http {number}", daemon=True)
                for number, carrier in enumerate(self._carriers)
            ]
            for thread in self._threads:
                thread.start()

    def _run(self, carrier: Carrier) -> None:
        try:
            carrier.run()
        except Exception as error:  # noqa: BLE001 - a bug must be told, not die with its thread
            self._tell(Trouble("bug", self._address.shown, f"{type(error).__name__}: {error}"))

    def facts(self) -> HttpFacts:
        return self._desk.facts()

    def close(self, grace_s: float = 5.0) -> None:
        self._desk.close()
        for wire in self._wires:
            wire.cut()
        end_s = time.monotonic() + grace_s
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end_s - time.monotonic()))
