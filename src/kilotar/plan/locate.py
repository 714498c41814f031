"""Find the tars of a few classes in a tar of a thousand tars by looking at as few pieces as can be. No I/O.

Rules guarded:

- A position is told only after both its ends were read: the header of the class tar, by name, checksum and size, and
  behind its last byte the header of a later class, or the end of the archive. Nothing else is believed: what a table
  says, and what a search has found, are hints where to look.
- A hint that turns out wrong is told, and its table is dropped. Where the archive contradicts itself (classes do not
  ascend, an image holds a tar of its own) the search is given up and the archive is walked from header to header,
  which costs a piece a class and is misled by nothing.
- A piece is asked for only where it can decide something; one that was seen may be asked for again, as it is on disk.

The search: any stretch of 512 KiB shows the header of an image, and its name tells the class; so each look halves, or
better, the bytes in which the wanted tar must begin. Looks for several classes go on side by side.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

from kilotar.events import Finding
from kilotar.model.edition import Archive, Synset
from kilotar.model.pieces import PieceTable
from kilotar.model.positions import Position, Positions
from kilotar.parse.glimpse import Glimpser, Mark
from kilotar.parse.tar_header import BLOCK
from kilotar.plan.hunt import Hunt
from kilotar.plan.locate_steps import Done, Located, Probe, Refused, Step
from kilotar.plan.outer import Contradiction, End, Missing, OuterHeaders
from kilotar.plan.sightings import Sightings
from kilotar.plan.walk import Walk

__all__ = ["Locator"]

_CHAIN = 4  # so many class tars are stepped over rather than searched past: a search costs about as many pieces


class Locator:
    """Finds the tars of some classes in one archive.

    Args:
        table:   its pieces.
        archive: its facts in the edition.
        classes: all classes of the edition in the order of the archive, with their published counts.
        wanted:  wnids of classes to find. Raises KeyError for one that is none.
        known:   positions that somebody has learnt before.
    """

    def __init__(
        self,
        table: PieceTable,
        archive: Archive,
        classes: Sequence[Synset],
        wanted: Iterable[str],
        known: Positions | None = None,
    ) -> None:
        self._table = table
        self._name = archive.name
        self._ranks = {synset.wnid: rank for rank, synset in enumerate(classes)}
        self._wnids = tuple(self._ranks)
        self._seen: set[int] = set()
        self._wanted = dict.fromkeys(sorted(self._ranks[wnid] for wnid in wanted))  # not located or missed yet
        self._looking: dict[int, Hunt] = {}
        self._glimpser = Glimpser(archive, table.size_bytes, frozenset(self._ranks))
        self._sightings = Sightings(table.size_bytes, [synset.train_images for synset in classes])
        self._outer = OuterHeaders(self._glimpser, table.size_bytes, self._ranks)
        self._headers: dict[int, Mark] = {}  # by rank
        self._have: list[int] = []  # the ranks of headers, sorted
        self._told: deque[Located | Finding] = deque()
        self._known = Positions(archive.name, table.size_bytes, table.infohash)
        self._learnt: dict[str, Position] = {}
        self._walk: Walk | None = None
        self._refused: Refused | None = None
        self._hints = self._take_hints(known) if known else {}
        if table.piece_bytes % BLOCK:
            self._refused = Refused("pieces cut through tar headers", f"{table.piece_bytes} bytes a piece")

    @property
    def pending(self) -> tuple[str, ...]:
        """The wanted classes that were neither located nor told to be missing yet."""
        return tuple(self._wnids[rank] for rank in self._wanted)

    @property
    def positions(self) -> Positions:
        """All that is known now: what was learnt, and what a table says that was not found wrong."""
        return self._known.updated(self._learnt.values())

    def next(self) -> Step:
        """Give what is to be told or done next. Without new bytes a `Probe` stays the same."""
        pieces: tuple[int, ...] = ()
        if not self._told and not self._refused:
            try:
                pieces = self._pursue_all()
            except Contradiction as contradiction:
                self._lose(str(contradiction))
        if self._told:
            return self._told.popleft()
        if self._refused:
            return self._refused
        return Probe(pieces) if pieces else Done(self.positions)

    def on(self, piece: int, data: bytes | memoryview) -> None:
        """Take the bytes of a whole verified piece, asked for or not. Raises ValueError for another length."""
        if len(data) != self._table.length(piece):
            raise ValueError(f"piece {piece} has {self._table.length(piece)} bytes, not {len(data)}")
        start = self._table.start(piece)
        self._outer.take(start, data)
        if piece in self._seen or self._refused or self._walk:
            return
        self._seen.add(piece)
        try:
            self._sight(self._glimpser.glimpse(data, start))
        except Contradiction as contradiction:
            self._lose(str(contradiction))

    # What is told

    def _tell(self, kind: str, why: str, at: int = -1) -> None:
        self._told.append(Finding(kind, self._name, why, at, is_problem=kind == "missing"))

    def _locate(self, rank: int, header: Mark) -> None:
        """Tell a position whose both ends were read; of a class that nobody wants it is learnt."""
        position = Position(header.at, header.next_at, header.stop, header.wnid)
        self._learnt[header.wnid] = position
        if self._hints.get(header.wnid, position) != position:
            self._distrust(self._hints[header.wnid])
        if rank in self._wanted:
            del self._wanted[rank]
            self._told.append(Located(position))

    def _miss(self, rank: int) -> None:
        del self._wanted[rank]
        self._tell("missing", f"it holds no tar of class {self._wnids[rank]}")

    def _lose(self, why: str) -> None:
        """Give up the search for the walk, or the walk for good."""
        if self._walk:
            self._refused = Refused(f"classes cannot be found in {self._name}", why)
            return
        self._tell("positions", f"it is searched from header to header, a piece a class: {why}")
        self._walk = Walk(self._outer)

    # What was seen

    def _sight(self, chain: tuple[Mark, ...]) -> None:
        """Take what a piece shows; its first and last header enclose the images between."""
        for mark in chain:
            if mark.is_outer:
                self._keep(mark)
            elif mark in (chain[0], chain[-1]) and not self._sightings.add(mark, self._ranks[mark.wnid]):
                raise Contradiction(f"an image of {mark.wnid} at byte {mark.at} is out of the order of classes")

    def _keep(self, header: Mark) -> int:
        """Remember the header of a class tar, and give the rank of its class."""
        rank = self._ranks[header.wnid]
        if not self._sightings.add(header, rank):
            raise Contradiction(f"the tar of {header.wnid} at byte {header.at} is out of the order of classes")
        if rank not in self._headers:
            insort(self._have, rank)
            self._headers[rank] = header
        return rank

    # What is still to be seen: each gives pieces to wait for, or () after it got on

    def _pursue_all(self) -> tuple[int, ...]:
        if self._walk:
            return self._go_on(self._walk)
        return tuple(dict.fromkeys(piece for rank in tuple(self._wanted) for piece in self._pursue(rank)))

    def _pursue(self, rank: int) -> tuple[int, ...]:
        pieces: tuple[int, ...] = ()
        while rank in self._wanted and not pieces:
            if rank in self._headers:
                pieces = self._close(rank)
            elif self._wnids[rank] in self._hints:
                pieces = self._check_hint(rank)
            else:
                pieces = self._step_up(rank) if rank - self._below(rank) <= _CHAIN else self._search(rank)
        return pieces

    def _close(self, rank: int) -> tuple[int, ...]:
        """Read what stands behind a class tar."""
        header = self._headers[rank]
        behind = self._outer.at(header.beyond)
        if isinstance(behind, Missing):
            return (self._piece(behind.at),)
        if isinstance(behind, Mark):
            self._keep(behind)  # raises where it is not of a later class
        self._locate(rank, header)
        return ()

    def _step_up(self, rank: int) -> tuple[int, ...]:
        """Read the header behind the nearest class tar below."""
        below = self._below(rank)
        found = self._outer.at(self._headers[below].beyond if below >= 0 else 0)
        if isinstance(found, Missing):
            return (self._piece(found.at),)
        got = len(self._wnids) if isinstance(found, End) else self._keep(found)
        if got > rank:
            self._miss(rank)
        return ()

    def _below(self, rank: int) -> int:
        """Give the nearest lower class whose header is known; -1 stands for the beginning of the archive."""
        row = bisect_left(self._have, rank)
        return self._have[row - 1] if row else -1

    def _search(self, rank: int) -> tuple[int, ...]:
        """Look where the class tar may begin; where it is not, the class tar before it proves that it is missing."""
        bracket = self._sightings.bracket(rank)
        if bracket.start > bracket.stop:
            raise Contradiction(f"class tars overlap at byte {bracket.stop}")
        pieces = self._looking.setdefault(rank, Hunt(self._table, self._seen)).look(bracket)
        if pieces:
            return pieces
        if bracket.is_inside:
            raise Contradiction(f"{self._wnids[rank]} has an image before byte {bracket.stop}, and no tar")
        is_next = bracket.below < 0 or bracket.below in self._headers
        return self._step_up(rank) if is_next else self._search(bracket.below)

    def _piece(self, at: int) -> int:
        return at // self._table.piece_bytes

    # A table from elsewhere

    def _take_hints(self, known: Positions) -> dict[str, Position]:
        fits = known.is_of(self._table.size_bytes, self._table.infohash)
        if not fits or any(row.header_at % BLOCK or not 0 <= row.header_at < row.stop for row in known.rows):
            self._tell("positions", "the table of positions is of another archive and is not used")
            return {}
        self._known = self._known.updated(known.rows)
        return dict(known.by_wnid)

    def _check_hint(self, rank: int) -> tuple[int, ...]:
        """Read the header that a table names; what stands behind its tar is asked for at once."""
        hint = self._hints[self._wnids[rank]]
        try:
            found = self._outer.at(hint.header_at)
        except Contradiction:
            return self._distrust(hint)
        if isinstance(found, Missing):
            beyond = hint.stop + -hint.stop % BLOCK
            self._outer.want(beyond)
            behind = beyond if beyond + BLOCK <= self._table.size_bytes else hint.header_at
            return (self._piece(found.at), self._piece(behind))
        if isinstance(found, End) or (found.at, found.stop, found.wnid) != (hint.header_at, hint.stop, hint.wnid):
            return self._distrust(hint)
        self._keep(found)
        return ()

    def _distrust(self, hint: Position) -> tuple[int, ...]:
        self._tell("positions", f"the table of positions is wrong and dropped: no {hint.wnid} there", hint.header_at)
        self._hints = {}
        self._known = Positions(self._name, self._table.size_bytes, self._table.infohash)
        return ()

    # The walk

    def _go_on(self, walk: Walk) -> tuple[int, ...]:
        while self._wanted:
            found = walk.step()
            if isinstance(found, Missing):
                return (self._piece(found.at),)
            if isinstance(found, Mark):
                self._locate(self._ranks[found.wnid], found)
            else:
                for rank in tuple(self._wanted):
                    self._miss(rank)
        return ()
