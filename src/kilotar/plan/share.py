"""Who brings which piece: one wish for each source, and no piece in two of them.

Rules guarded:

- what is wanted is given in order, first what somebody waits for;
- a swarm may have everything that no web server has claimed; a server claims what it brings in a few seconds, ahead of
  where the swarm works, or at the front where nothing moves there; of the last pieces each claims its share, by rates;
- a claim is given back when its server fails, is given up, or turns out to be slow: sources may change in the middle of
  an archive, and nobody waits for the slowest;
- a client that fetches whole archives only has all pieces or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kilotar.model.fetching import PieceWish

__all__ = ["Bringer", "Share"]

FIRST_CLAIM_BYTES = 16 << 20  # of a server that has brought nothing yet
CLAIM_BYTES = 256 << 20  # at most
CLAIM_S = 3.0
AHEAD_BYTES = 256 << 20
SPARE = 4  # pieces that may be on their way over the connections of a server, and are not taken from it


@dataclass(frozen=True, slots=True)
class Bringer:
    """A source as the division sees it.

    Attributes:
        rate_bytes_s: now; -1.0 where it was not asked yet.
        is_failing:   its last request failed: it may be asked for a piece, to see whether it is well again.
        takes_parts:  whether it can be told to leave pieces out.
    """

    name: str
    rate_bytes_s: float = -1.0
    is_failing: bool = False
    takes_parts: bool = True


@dataclass(slots=True)
class Share:
    """The division of one archive's pieces.

    Attributes:
        piece_bytes: of the archive.
    """

    piece_bytes: int
    _claims: dict[str, list[int]] = field(default_factory=dict)
    _measures: dict[str, int] = field(default_factory=dict)

    def divide(
        self, missing: Sequence[int], urgent: Sequence[int], swarm: Bringer | None, servers: Sequence[Bringer]
    ) -> dict[str, PieceWish]:
        """Give the wish of every source.

        Args:
            missing: pieces that are wanted and not there, in the order in which they are best brought.
            urgent:  those of them that somebody waits for.
            swarm:   the one source that takes pieces from many peers, None where none runs.
            servers: web servers that may be asked now.
        """
        still = set(missing)
        missing = list(dict.fromkeys([*(piece for piece in urgent if piece in still), *missing]))
        if swarm is not None and not swarm.takes_parts:
            swarm, servers = (None, servers) if servers and swarm.rate_bytes_s <= 0 else (swarm, ())
        names = {server.name for server in servers}
        self._measures = {}
        self._claims = {
            name: [piece for piece in claim if piece in still] for name, claim in self._claims.items() if name in names
        }
        if swarm is None and len(servers) == 1:
            self._claims = {servers[0].name: list(missing)}
        else:
            self._claim_all(missing, swarm, servers)
        claimed = {piece for claim in self._claims.values() for piece in claim}
        wishes = {name: _wish(claim, urgent) for name, claim in self._claims.items()}
        if swarm is not None:
            wishes[swarm.name] = _wish([piece for piece in missing if piece not in claimed], urgent)
        return wishes

    def is_low(self, missing: Iterable[int]) -> bool:
        """Tell whether some source has so little left to bring that it should be given more."""
        if not self._measures:
            return False  # one has it all
        still = set(missing)
        left = {name: sum(piece in still for piece in claim) for name, claim in self._claims.items()}
        is_all_claimed = len(still) == sum(left.values())
        return is_all_claimed or any(2 * left[name] <= measure for name, measure in self._measures.items())

    def _claim_all(self, missing: Sequence[int], swarm: Bringer | None, servers: Sequence[Bringer]) -> None:
        """Let every server claim up to its measure, and give back what is far above it."""
        swarm_rate = swarm.rate_bytes_s if swarm is not None and swarm.rate_bytes_s > 0 else 0.0
        for server in servers:
            self._measures[server.name] = self._measure(server, len(missing), swarm_rate, servers)
        for server in servers:
            self._claim(server, missing, ahead=swarm_rate > 0)

    def _measure(self, server: Bringer, missing: int, swarm_rate: float, servers: Sequence[Bringer]) -> int:
        """Give how many pieces a server may have claimed: those of a few seconds, of the last ones its share."""
        if server.is_failing:
            return 0 if swarm_rate and missing == 1 else 1
        is_new = server.rate_bytes_s < 0
        size = FIRST_CLAIM_BYTES if is_new else min(server.rate_bytes_s * CLAIM_S, CLAIM_BYTES)
        measure = max(1, int(size) // self.piece_bytes)
        known = sum(max(0.0, other.rate_bytes_s) for other in servers)
        share = 0.5 if is_new else max(0.0, server.rate_bytes_s) / ((known + swarm_rate) or 1.0)
        return min(measure, int(share * missing)) if swarm_rate else measure

    def _claim(self, server: Bringer, missing: Sequence[int], *, ahead: bool) -> None:
        claim = self._claims.setdefault(server.name, [])
        measure = self._measures[server.name]
        taken = {piece for other in self._claims.values() for piece in other}
        free = [piece for piece in missing if piece not in taken]
        spare = 0 if server.is_failing else SPARE
        if len(claim) > measure + spare + (measure // 2 if free else 0):
            del claim[measure + spare :]
        room = measure - len(claim)
        if room <= 0:
            return
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
