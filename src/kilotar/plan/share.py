"""Who brings which piece: one wish for each source, and no piece in two of them.

Rules guarded:

- what is wanted is given in order, first what somebody waits for;
- a swarm may have everything that no web server has claimed; a web server claims a few runs of pieces at a time, a bit
  ahead of where the swarm works, or at the front where nothing moves there;
- a claim is given back when its server is given up, so that sources may change in the middle of an archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kilotar.model.fetching import PieceWish

__all__ = ["Share"]

CLAIM_BYTES = 64 << 20
AHEAD_BYTES = 256 << 20


@dataclass(slots=True)
class Share:
    """The division of one archive's pieces.

    Attributes:
        piece_bytes: of the archive.
    """

    piece_bytes: int
    _claims: dict[str, list[int]] = field(default_factory=dict)

    def divide(
        self, missing: Sequence[int], urgent: Sequence[int], swarm: str, servers: Sequence[str], *, swarm_moves: bool
    ) -> dict[str, PieceWish]:
        """Give the wish of every source.

        Args:
            missing: pieces that are wanted and not there, in the order in which they are best brought.
            urgent:  those of them that somebody waits for.
            swarm:   name of the one source that takes pieces from many peers, "" where none runs.
            servers: names of the web servers that may be asked now.
            swarm_moves: whether the swarm brings bytes.
        """
        still = set(missing)
        self._claims = {
            name: [piece for piece in claim if piece in still]
            for name, claim in self._claims.items()
            if name in servers
        }
        if not swarm and len(servers) == 1:
            self._claims = {servers[0]: list(missing)}
        else:
            for name in servers:
                self._extend(name, missing, ahead=bool(swarm) and swarm_moves)
        claimed = {piece for claim in self._claims.values() for piece in claim}
        wishes = {name: _wish(claim, urgent) for name, claim in self._claims.items()}
        if swarm:
            wishes[swarm] = _wish([piece for piece in missing if piece not in claimed], urgent)
        return wishes

    def is_low(self, missing: Iterable[int]) -> bool:
        """Tell whether some server has so little left to bring that it should be given more."""
        still = set(missing)
        enough = max(1, CLAIM_BYTES // self.piece_bytes // 2)
        return any(sum(piece in still for piece in claim) < enough for claim in self._claims.values())

    def _extend(self, name: str, missing: Sequence[int], *, ahead: bool) -> None:
        """Let a server claim more, up to its measure."""
        claim = self._claims.setdefault(name, [])
        room = max(1, CLAIM_BYTES // self.piece_bytes) - len(claim)
        if room <= 0:
            return
        taken = {piece for other in self._claims.values() for piece in other}
        free = [piece for piece in missing if piece not in taken]
        begin = min(AHEAD_BYTES // self.piece_bytes, max(0, len(free) - room)) if ahead else 0
        claim += free[begin : begin + room]


def _wish(pieces: Sequence[int], urgent: Sequence[int]) -> PieceWish:
    """Give pieces as runs; those that somebody waits for also by themselves."""
    mine = set(pieces)
    return PieceWish(tuple(piece for piece in urgent if piece in mine), tuple(_runs(pieces)))


def _runs(pieces: Iterable[int]) -> list[range]:
    """Give pieces as runs of neighbours, in the order in which they come."""
    runs: list[range] = []
    for piece in pieces:
        if runs and runs[-1].stop == piece:
            runs[-1] = range(runs[-1].start, piece + 1)
        else:
            runs.append(range(piece, piece + 1))
    return runs
