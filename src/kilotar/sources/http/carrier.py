"""One connection that fetches run after run, and lands every piece as soon as it is whole.

Rules guarded: a piece goes from the socket into one buffer that is used again and again, and from there through the
landing's hash; a body that ends early or goes on too long is a failure, and what was good before it stays; a whole file
where a range was asked for is read from its first byte, and never placed anywhere else.
"""

from __future__ import annotations

from kilotar.errors import MachineError
from kilotar.model.fetching import Landing
from kilotar.sources.http.address import Address
from kilotar.sources.http.answer import Answer, refuse_page
from kilotar.sources.http.asking import Asking
from kilotar.sources.http.desk import Desk, Errand
from kilotar.sources.http.failing import Cause, Failure
from kilotar.sources.http.pause import Clock
from kilotar.sources.http.wire import Wire

__all__ = ["Carrier"]


class Carrier:
    """Works off the errands of a desk over one wire.

    Args:
        name: who brought the pieces, for the landing.
    """

    def __init__(
        self, name: str, address: Address, asking: Asking, wire: Wire, landing: Landing, desk: Desk, clock: Clock
    ) -> None:
        self._name, self._host, self._asking, self._wire = name, address.host, asking, wire
        self._landing, self._table, self._desk, self._clock = landing, landing.table, desk, clock
        self._buffer = memoryview(bytearray(min(self._table.piece_bytes, self._table.size_bytes)))

    def run(self) -> None:
        """Fetch until the desk is closed."""
        while (errand := self._desk.errand(self._wire.close)) is not None:
            try:
                self._carry(errand)
            except Failure as failure:
                self._wire.close()
                self._desk.fails(errand, failure)
            except MachineError as error:
                self._wire.close()
                self._desk.rest(error)
            finally:
                if self._desk.end(errand):
                    self._wire.close()
        self._wire.close()

    def _carry(self, errand: Errand) -> None:
        start, stop = self._table.start(errand.run.start), self._table.stop(errand.run[-1])
        answer = self._asking.get(self._wire, start, stop, self._table.size_bytes)
        self._desk.identify(answer)
        if answer.is_whole:
            self._read_whole(errand)
            return
        begun_s = self._clock.now()
        self._read_part(errand, answer)
        seconds = max(self._clock.now() - begun_s, 0.001)
        self._desk.paced((self._table.stop(errand.piece) - start) / seconds)

    def _read_part(self, errand: Errand, answer: Answer) -> None:
        for piece in errand.run:
            if self._table.stop(piece) > answer.stop:
                self._wire.close()  # a server may give less than it was asked for, but at least a piece
                if piece == errand.run.start:
                    raise Failure(Cause.TRUNCATED, "less than a piece at a time")
                return
            errand.piece = piece
            self._land(piece, self._read(piece))
            left = range(piece + 1, errand.run.stop)
            if left and self._desk.is_in_vain(left):
                self._wire.close()
                return
        self._end_body(Cause.ANSWER)

    def _read_whole(self, errand: Errand) -> None:
        wished = -1
        for piece in range(self._table.count):
            if wished < piece:
                wished = self._desk.next_wished(piece)
            if wished < 0:
                self._wire.close()
                return
            errand.piece = piece
            data = self._read(piece)
            if piece == wished:
                self._land(piece, data)
            else:
                self._desk.received(0, wasted=len(data))
        self._end_body(Cause.FOREIGN)

    def _read(self, piece: int) -> memoryview:
        data = self._buffer[: self._table.length(piece)]
        before = self._wire.arrived
        try:
            count = self._wire.read(data, self._host)
        except Failure:
            lost = self._wire.arrived - before
            self._desk.received(lost, wasted=lost)
            raise
        is_short = count < len(data)
        self._desk.received(count, wasted=count if is_short else 0)
        if piece == 0:
            refuse_page(data[:count])
        if is_short:
            raise Failure(
                Cause.TRUNCATED, f"the answer ended {len(data) - count} bytes before the end of piece {piece}"
            )
        return data

    def _end_body(self, cause: Cause) -> None:
        if self._wire.read(memoryview(bytearray(1)), self._host):
            raise Failure(cause, "the answer is longer than what was asked for")

    def _land(self, piece: int, data: memoryview) -> None:
        if self._desk.is_closed or self._landing.has(piece):
            self._desk.received(0, wasted=len(data))
        elif self._landing.take(piece, data, self._name):
            self._desk.works(piece)
        else:
            self._desk.received(0, wasted=len(data))
            raise Failure(Cause.CORRUPT, f"piece {piece} has a wrong hash")
