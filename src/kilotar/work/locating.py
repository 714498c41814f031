"""Join the search for class tars to whatever brings pieces.

Rules guarded: pieces are asked for before anybody waits for one; what is told on the way is told at once; a class that
the archive does not hold is a finding and stops nobody.
"""

from __future__ import annotations

from collections.abc import Callable

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.positions import Position, Positions
from kilotar.plan.locate import Locator
from kilotar.plan.locate_steps import Done, Located, Probe, Refused

__all__ = ["locate"]


def locate(
    locator: Locator,
    want_pieces: Callable[[tuple[int, ...]], None],
    piece_ready: Callable[[int], bytes | memoryview],
    *,
    located: Callable[[Position], None] = lambda position: None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Positions:
    """Find the wanted classes, and give all that is known now.

    Args:
        locator:     knows archive and classes.
        want_pieces: asks for pieces, most of which nobody wants otherwise; replaces what was asked before.
        piece_ready: waits for a verified piece and gives its bytes; pieces may be asked for again.
        located:     told of each class as soon as its place is known, so that its pieces can be fetched meanwhile.
        found:       told of missing classes, and of tables that are wrong.
    Raises: ArchiveRefused where the archive cannot be searched; whatever the callables raise.
    """
    while True:
        step = locator.next()
        if isinstance(step, Probe):
            want_pieces(step.pieces)
            for piece in step.pieces:
                locator.on(piece, piece_ready(piece))
        elif isinstance(step, Located):
            located(step.position)
        elif isinstance(step, Finding):
            found(step)
        elif isinstance(step, Refused):
            raise ArchiveRefused(step.why, seen=step.seen, fix="leave out --classes, and fetch the whole archive")
        elif isinstance(step, Done):
            return step.positions
