"""Class tars are found where they are, with few looks, or said to be missing; never somewhere else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kilotar.model.pieces import PieceTable
from kilotar.model.positions import Position, Positions
from kilotar.plan import hunt
from kilotar.plan.locate import Locator
from kilotar.plan.locate_steps import Probe
from tests.doubles.tars import END, header
from tests.plan.class_tars import (
    Outcome,
    archive,
    class_tar,
    fake_tar,
    find,
    shifted,
    synsets,
    tar_of_tars,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOISE = random.Random(1).randbytes(1 << 16)
PIECES = st.sampled_from([512, 1024, 2048, 4096, 16384, 1 << 20])


@contextmanager
def looks_of(size_bytes: int) -> Iterator[None]:
    """Make a look small, so that a small archive is searched and not seen at a glance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hunt, "LOOK_BYTES", size_bytes)
        yield


@st.composite
def images(draw: st.DrawFn) -> list[bytes]:
    sizes = draw(st.lists(st.integers(0, 9000), max_size=12))
    return [NOISE[n * 7 : n * 7 + size] for n, size in enumerate(sizes)]


@dataclass(frozen=True)
class Case:
    """An archive with some of the classes, and what is wanted of it."""

    data: bytes = field(repr=False)
    truth: dict[str, Position]
    count: int
    wanted: set[str]
    piece_bytes: int

    def find(self, known: list[Position] | None = None) -> Outcome:
        table = Positions.of("train.tar", len(self.data), "", known) if known is not None else None
        return find(self.data, synsets(self.count), self.wanted, self.piece_bytes, table)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 9))
    wnids = [synset.wnid for synset in synsets(count)]
    tars: list[tuple[str, bytes]] = []
    for wnid in wnids:
        if draw(st.integers(0, 9)) == 0:
            tars.append(("README", b"odd"))
        if draw(st.integers(0, 6)):
            tars.append((wnid, class_tar(wnid, draw(images())) + bytes(512 * draw(st.integers(0, 18)))))
    data, truth = tar_of_tars(tars, END + bytes(512 * draw(st.integers(0, 40))))
    wanted = draw(st.sets(st.sampled_from(wnids), min_size=1))
    return Case(data, truth, count, wanted, draw(PIECES))


def check(outcome: Outcome, truth: dict[str, Position], wanted: set[str]) -> None:
    assert outcome.refused is None
    assert outcome.found == {wnid: truth[wnid] for wnid in wanted & set(truth)}
    assert outcome.missing == wanted - set(truth)
    assert outcome.positions is not None and set(outcome.found.values()) <= set(outcome.positions.rows)


@QUICK
@given(cases(), st.sampled_from([512, 4096, 65536]))
def test_every_wanted_class_is_found_where_it_is_or_told_missing(case: Case, look_bytes: int) -> None:
    with looks_of(look_bytes):
        outcome = case.find()
    check(outcome, case.truth, case.wanted)
    assert outcome.positions is not None and set(outcome.positions.rows) <= set(case.truth.values())


@QUICK
@given(cases(), st.integers(-40, 40), st.data())
def test_a_wrong_table_costs_looks_and_never_the_truth(case: Case, blocks: int, data: st.DataObject) -> None:
    rows = [row for row in shifted(case.truth, 512 * blocks) if row.header_at >= 0]
    with looks_of(4096):
        outcome = case.find([row for row in rows if data.draw(st.booleans())])
    check(outcome, case.truth, case.wanted)


@QUICK
@given(cases())
def test_a_true_table_needs_one_round_and_the_pieces_at_both_ends(case: Case) -> None:
    case.wanted.intersection_update(case.truth)
    outcome = case.find(list(case.truth.values()))
    check(outcome, case.truth, case.wanted)
    assert outcome.positions is not None and set(outcome.positions.rows) == set(case.truth.values())
    is_plain = b"README" not in case.data and not case.wanted & set(list(case.truth)[-1:])  # the end may be many pieces
    if is_plain:
        spans = [case.truth[wnid] for wnid in case.wanted]
        assert outcome.rounds == bool(spans)
        assert outcome.looked <= {at // case.piece_bytes for span in spans for at in (span.header_at, span.stop)}


@st.composite
def hidden(draw: st.DrawFn, wnids: list[str], is_outer: bool) -> bytes:
    """Draw an image that holds headers of images, and of one class tar, on block boundaries."""
    content = fake_tar(draw(st.sampled_from(wnids)), 512 * draw(st.integers(0, 60)), draw(images())[:6])
    return NOISE[: 512 * draw(st.integers(0, 4))] + content[0 if is_outer else 512 :] + NOISE[:2000]


@settings(QUICK, max_examples=300)
@given(st.data(), PIECES, st.sampled_from([512, 4096, 65536]), st.booleans())
def test_headers_inside_images_never_make_a_class(data: st.DataObject, piece: int, look: int, is_outer: bool) -> None:
    """Unless the false class tar by chance ends where one may end: then only the walk through it can tell."""
    count = data.draw(st.integers(2, 6))
    wnids = [synset.wnid for synset in synsets(count)]
    tars = [(wnid, class_tar(wnid, data.draw(images()))) for wnid in wnids]
    at = data.draw(st.integers(0, count - 1))
    bait = [data.draw(hidden(wnids, is_outer and n == 0)) for n in range(data.draw(st.integers(1, 3)))]
    tars[at] = (wnids[at], class_tar(wnids[at], [*bait, *data.draw(images())]))
    if data.draw(st.booleans()):
        tars.pop(data.draw(st.integers(0, count - 1)))
    content, truth = tar_of_tars(tars)
    wanted = data.draw(st.sets(st.sampled_from(wnids), min_size=1))
    with looks_of(look):
        outcome = find(content, synsets(count), wanted, piece)
    ends = {span.header_at for span in truth.values()} | set(range(len(content.rstrip(b"\0")), len(content) + 1))
    assume(all(span.stop not in ends for wnid, span in outcome.found.items() if span != truth.get(wnid)))
    check(outcome, truth, wanted)


@pytest.mark.parametrize("piece_bytes", [2048, 16384])
def test_a_single_header_in_an_image_changes_nothing(piece_bytes: int) -> None:
    wnids = [synset.wnid for synset in synsets(6)]
    bait = NOISE[:2048] + header(b"n00000030.tar", 4096) + NOISE[:3000]
    tars = [(wnid, class_tar(wnid, [NOISE[:900]] * 5 + [bait] + [NOISE[:900]] * 5)) for wnid in wnids]
    data, truth = tar_of_tars(tars)
    with looks_of(4096):
        outcome = find(data, synsets(6), {"n00000030", "n00000050"}, piece_bytes)
    check(outcome, truth, {"n00000030", "n00000050"})


def test_where_the_classes_do_not_ascend_the_archive_is_walked() -> None:
    wnids = [synset.wnid for synset in synsets(30)]
    mixed = random.Random(3).sample(wnids, 30)
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [NOISE[:9000]] * 5)) for wnid in mixed])
    wanted = {wnids[7], wnids[15], wnids[23], wnids[28]}
    with looks_of(4096):
        outcome = find(data, synsets(30), wanted, 4096)
    check(outcome, truth, wanted)
    assert outcome.has_walked


def test_an_archive_that_cannot_even_be_walked_is_refused() -> None:
    wnids = [synset.wnid for synset in synsets(30)]
    mixed = random.Random(3).sample(wnids, 30)
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [NOISE[:9000]] * 5)) for wnid in mixed])
    broken = truth[mixed[4]].header_at
    data = data[:broken] + b"n" + bytes(100) + data[broken + 101 :]
    with looks_of(4096):
        outcome = find(data, synsets(30), set(wnids), 4096)
    assert outcome.refused is not None and str(broken) in outcome.refused.seen


def test_a_class_with_two_tars_is_refused_by_the_walk() -> None:
    twice = [(wnid, class_tar(wnid, [NOISE[:900]])) for wnid in ("n00000020", "n00000010", "n00000020")]
    outcome = find(tar_of_tars(twice)[0], synsets(3), {"n00000010", "n00000030"}, 1 << 20)
    assert outcome.refused is not None and "two tars" in outcome.refused.seen


def test_bytes_behind_the_end_are_no_end() -> None:
    data, _ = tar_of_tars([("n00000010", class_tar("n00000010", [NOISE[:900]]))], END + bytes(4096) + b"more")
    outcome = find(data.ljust(len(data) + 508, b"\0"), synsets(1), {"n00000010"}, 4096)
    assert outcome.refused is not None and "other bytes behind" in outcome.refused.seen


def test_zeros_far_from_the_end_are_no_end() -> None:
    data, _ = tar_of_tars([("n00000010", class_tar("n00000010", [NOISE[:900]]))], bytes((1 << 20) + 512))
    outcome = find(data, synsets(1), {"n00000010"}, 1 << 20)
    assert outcome.refused is not None and "zeros at byte" in outcome.refused.seen
    assert find(data[:-512], synsets(1), {"n00000010"}, 1 << 20).refused is None


def test_images_larger_than_pieces_are_leapt_over() -> None:
    wnids = [synset.wnid for synset in synsets(12)]
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [NOISE] * 6)) for wnid in wnids])
    with looks_of(4096):
        outcome = find(data, synsets(12), {wnids[6]}, 4096)
    check(outcome, truth, {wnids[6]})


def test_a_table_of_another_archive_is_told_and_not_used() -> None:
    data, truth = tar_of_tars([("n00000010", class_tar("n00000010", [NOISE[:900]]))])
    known = Positions.of("train.tar", len(data) + 512, "", truth.values())
    outcome = find(data, synsets(1), {"n00000010"}, 4096, known)
    check(outcome, truth, {"n00000010"})
    assert outcome.has_distrusted


def test_a_table_that_is_wrong_is_told_once_and_forgotten() -> None:
    wnids = [synset.wnid for synset in synsets(4)]
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [NOISE[:900]])) for wnid in wnids])
    known = Positions.of("train.tar", len(data), "", [row for row in shifted(truth, 512) if row.stop < len(data)])
    outcome = find(data, synsets(4), set(wnids), 4096, known)
    check(outcome, truth, set(wnids))
    assert [finding.why[:40] for finding in outcome.findings] == ["the table of positions is wrong and drop"]


def test_pieces_that_cut_headers_are_refused() -> None:
    data, _ = tar_of_tars([("n00000010", class_tar("n00000010", []))])
    outcome = find(data, synsets(1), {"n00000010"}, 1000)
    assert outcome.refused is not None


def test_a_piece_of_another_length_is_an_error_of_the_caller() -> None:
    locator = Locator(PieceTable("train.tar", 10_240, 2048), archive(), synsets(1), {"n00000010"})
    with pytest.raises(ValueError, match="2048 bytes, not 10"):
        locator.on(0, b"0123456789")


def test_pieces_that_nobody_asked_for_help_as_well() -> None:
    wnids = [synset.wnid for synset in synsets(9)]
    data, truth = tar_of_tars([(wnid, class_tar(wnid, [NOISE[:5000]] * 9)) for wnid in wnids])
    table = PieceTable("train.tar", len(data), 4096)
    locator = Locator(table, archive(), synsets(9), {wnids[6]})
    for piece in range(table.count):
        locator.on(piece, data[table.start(piece) : table.stop(piece)])
    step = locator.next()
    assert step == Probe((truth[wnids[6]].stop // 4096,))  # all that is left is to read what stands behind it
    assert locator.pending == (wnids[6],)


def test_an_unknown_class_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        Locator(PieceTable("train.tar", 10_240, 2048), archive(), synsets(1), {"n00000020"})
