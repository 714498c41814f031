"""The search joined to what brings pieces: asks first, tells at once, raises what cannot be."""

from __future__ import annotations

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.pieces import PieceTable
from kilotar.model.positions import Position, Positions
from kilotar.plan.locate import Locator
from kilotar.work.locating import locate
from tests.plan.class_tars import archive, class_tar, synsets, tar_of_tars

WNIDS = [synset.wnid for synset in synsets(8)]


class Bringer:
    """Has every piece of an archive, but gives only those that were asked for; a log of all calls."""

    def __init__(self, data: bytes, table: PieceTable) -> None:
        self.log: list[object] = []
        self._data, self._table = data, table
        self._asked: set[int] = set()

    def want(self, pieces: tuple[int, ...]) -> None:
        self.log.append(pieces)
        self._asked = set(pieces)

    def ready(self, piece: int) -> bytes:
        assert piece in self._asked
        return self._data[self._table.start(piece) : self._table.stop(piece)]


def test_classes_are_told_when_found_and_missing_ones_stop_nobody() -> None:
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [bytes([7]) * 3000] * 4)) for wnid in WNIDS if wnid != WNIDS[3]])
    table = PieceTable("train.tar", len(data), 4096)
    bringer = Bringer(data, table)
    findings: list[Finding] = []
    told: list[Position] = []
    locator = Locator(table, archive(), synsets(8), {WNIDS[3], WNIDS[6]})
    found = locate(locator, bringer.want, bringer.ready, located=told.append, found=findings.append)
    assert told == [truth[WNIDS[6]]]
    assert [(finding.kind, finding.is_problem) for finding in findings] == [("missing", True)]
    assert bringer.log and truth[WNIDS[6]] in found.rows
    known = Bringer(data, table)
    locate(Locator(table, archive(), synsets(8), {WNIDS[6]}, found), known.want, known.ready)
    assert len(known.log) == 1


def test_an_archive_that_cannot_be_searched_is_refused() -> None:
    data = b"no tar at all".ljust(102_400, b"!")
    table = PieceTable("train.tar", len(data), 4096)
    bringer = Bringer(data, table)
    known = Positions("train.tar", len(data))
    with pytest.raises(ArchiveRefused, match="classes cannot be found") as refused:
        locate(Locator(table, archive(), synsets(8), {WNIDS[6]}, known), bringer.want, bringer.ready)
    assert "whole archive" in refused.value.fix
