"""A few classes of the training archive in its full length, whose bytes are made when they are read.

Rules guarded: the targets of the download: at most 12 % over the bytes of ten classes while positions are learnt, at
most 4 % with a known table, in few rounds.
"""

from __future__ import annotations

import random

import pytest

from kilotar.editions import load_edition
from kilotar.model.edition import Archive, Layout
from kilotar.model.pieces import PieceTable
from kilotar.model.positions import Positions
from kilotar.plan.locate import Locator
from tests.doubles.trains import GeneratedTrain
from tests.plan.class_tars import Outcome, overhead, search

EDITION = load_edition("ilsvrc2012")
WNIDS = [synset.wnid for synset in EDITION.classes]


def train_archive() -> Archive:
    return next(archive for archive in EDITION.archives if archive.layout is Layout.TAR_OF_TARS)


def find(
    train: GeneratedTrain, wanted: list[str], piece_bytes: int = 2 << 20, known: Positions | None = None
) -> tuple[Outcome, PieceTable]:
    table = PieceTable("train.tar", train.size_bytes, piece_bytes)
    outcome = search(Locator(table, train_archive(), EDITION.classes, wanted, known), table, train.read)
    truth = {tar.wnid: (tar.header_at, tar.start, tar.stop) for tar in train.tars}
    assert set(outcome.found) == set(wanted) and not outcome.has_walked
    assert all((row.header_at, row.start, row.stop) == truth[row.wnid] for row in outcome.found.values())
    return outcome, table


def generated(seed: int, spread: float = 0.16) -> GeneratedTrain:
    return GeneratedTrain(EDITION.classes, seed, spread=spread, size_bytes=train_archive().size_bytes)


@pytest.mark.parametrize("seed", range(3))
def test_ten_classes_cost_a_twelfth_while_learnt_and_a_twentyfifth_when_known(seed: int) -> None:
    train, wanted = generated(seed), random.Random(seed).sample(WNIDS, 10)
    learning, table = find(train, wanted)
    assert overhead(learning, table) <= 0.12
    assert learning.rounds <= 20
    knowing, table = find(train, wanted, known=learning.positions)
    assert overhead(knowing, table) <= 0.04
    assert knowing.rounds == 1
    assert len(knowing.looked) <= 20


@pytest.mark.parametrize("spread", [0.02, 0.5])
def test_even_or_wild_class_sizes_stay_within_the_target(spread: float) -> None:
    outcome, table = find(generated(7, spread), random.Random(7).sample(WNIDS, 10))
    assert overhead(outcome, table) <= 0.12


def test_the_first_and_last_classes_are_found() -> None:
    outcome, _ = find(generated(5), [WNIDS[0], WNIDS[-1]])
    assert outcome.rounds <= 20


def test_neighbours_are_found_by_the_length_of_the_one_before() -> None:
    wanted = WNIDS[300:340]
    outcome, table = find(generated(6), wanted)
    assert overhead(outcome, table) <= 0.02


@pytest.mark.parametrize("piece_bytes", [64 << 10, 16 << 20])
def test_other_piece_lengths_are_searched_as_well(piece_bytes: int) -> None:
    outcome, table = find(generated(4), random.Random(4).sample(WNIDS, 10), piece_bytes)
    assert overhead(outcome, table) <= (0.06 if piece_bytes < 1 << 20 else 0.5)
