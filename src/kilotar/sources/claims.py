"""What a client claims to have, against what the file holds.

Rules guarded: a claim is a hint to read the piece, never more; a piece that is not in the file yet is looked at again,
ever later, for clients keep blocks back in memory; a client that claims much, or all, and has written none of it here
is found out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from kilotar.errors import ClientFailed
from kilotar.model.fetching import Landing

__all__ = ["Claims", "bits_of", "pieces_of"]

_LATE_S = 10.0  # a complete client has written everything by then
_LOST_BYTES = 256 << 20  # more than any client keeps back
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 4.0


class Claims:
    """Pieces that a client says it has and that were not verified yet: when to look at each.

    Args:
        landing: of the archive.
        name:    of the client, for messages.
    """

    def __init__(self, landing: Landing, name: str) -> None:
        self._landing = landing
        self._name = name
        self._verified = bytearray(bits_of(landing))
        self._tries: dict[int, int] = {}
        self._not_before_s: dict[int, float] = {}
        self._has_proved_some = False
        self._done_s = 0.0

    def due(self, bits: bytes, *, is_done: bool) -> Iterator[int]:
        """Give the pieces to check now.

        Args:
            bits:    those that it says it has: the first piece is the highest bit of the first byte.
            is_done: it says that it has all.
        """
        now_s = time.monotonic()
        self._done_s = (self._done_s or now_s) if is_done else 0.0
        news = bytes(there & ~known for there, known in zip(bits, self._verified, strict=False))
        for piece in pieces_of(news, self._landing.table.count):
            if self._landing.has(piece):
                self._mark(piece)
            elif self._not_before_s.get(piece, 0.0) <= now_s:
                yield piece

    def checked(self, piece: int, is_good: bool) -> None:
        """Note what a check said; a piece that was not there yet is due again later."""
        if is_good:
            self._has_proved_some = True
            self._mark(piece)
            return
        tries = self._tries[piece] = self._tries.get(piece, 0) + 1
        self._not_before_s[piece] = time.monotonic() + min(_FIRST_WAIT_S * 2**tries, _LONGEST_WAIT_S)

    def give_up(self) -> None:
        """Raise ClientFailed where the client's word is not what the file holds: it writes elsewhere, say."""
        lost = len(self._tries)
        is_late = self._done_s and time.monotonic() - self._done_s > _LATE_S
        if not lost or not (is_late or (not self._has_proved_some and self._bytes(lost) > _LOST_BYTES)):
            return
        raise ClientFailed(
            f"{self._name} says that it has pieces which are not in the file",
            seen=f"{lost} pieces, among them {min(self._tries)}, do not match in {str(self._landing.path)!r}",
            fix="let it see and write this very path (its user, its machine, its container), or leave out --client",
        )

    def _bytes(self, pieces: int) -> int:
        return pieces * self._landing.table.piece_bytes

    def _mark(self, piece: int) -> None:
        self._verified[piece >> 3] |= 0x80 >> (piece & 7)
        self._tries.pop(piece, None)
        self._not_before_s.pop(piece, None)


def bits_of(landing: Landing) -> bytes:
    """Give the verified pieces as bits: the first piece is the highest bit of the first byte."""
    bits = bytearray(-(-landing.table.count // 8))
    for piece in range(landing.table.count):
        if landing.has(piece):
            bits[piece >> 3] |= 0x80 >> (piece & 7)
    return bytes(bits)


def pieces_of(bits: bytes, count: int) -> Iterator[int]:
    """Give the numbers of the pieces whose bits are set, below `count`."""
    for at, byte in enumerate(bits):
        if byte:
            yield from (p for p in range(at * 8, min(at * 8 + 8, count)) if byte & (0x80 >> (p & 7)))
