"""Rules: a row is columns, never an object; a table is a sequence; what is pickled owns its memory."""

from __future__ import annotations

import pickle
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.sample import NO_LABEL, Box, Split
from kilotar.model.table import Part, Rows, RowsBuilder, SampleTable

OVER_4_GIB = (1 << 37) + 512


def rows_of(names: list[str], *, digests: bool = True, first: int = OVER_4_GIB) -> Rows:
    built = RowsBuilder()
    for row, name in enumerate(names):
        built.add(name, first + 1024 * row, 100 + row, bytes([row % 256]) * 32 if digests else b"")
    return built.rows()


def part(key: str, names: list[str], wnids: list[str], labels: list[int]) -> Part:
    return Part(key, "train.tar", rows_of(names), wnids, labels)


TENCH = part("n01440764", ["n01440764_3.JPEG", "n01440764_20.JPEG"], ["n01440764"], [0])
MIXED = part("00000", ["v1.JPEG", "v2.JPEG", "v3.JPEG"], ["n02", "n01440764", "n03"], [7, 0, 9])
TABLE = SampleTable(Split.TRAIN, [TENCH, part("empty", [], ["n9"], [5]), MIXED])


class OneBox:
    def of(self, key: str) -> tuple[Box, ...]:
        return (Box("n02", 1, 2, 3, 4),) if key == "v1" else ()

    def size(self, key: str) -> tuple[int, int]:
        return (0, 0)


@given(st.lists(st.text("abc_.123", min_size=1, max_size=9), max_size=20))
def test_rows_give_back_what_was_added(names: list[str]) -> None:
    rows = rows_of(names)

    assert [rows.name(row) for row in range(len(rows))] == names
    assert [rows.digest(row) for row in range(len(rows))] == [bytes([row]) * 32 for row in range(len(names))]
    assert rows.size_bytes == sum(100 + row for row in range(len(names)))


def test_rows_without_digests_say_so() -> None:
    rows = rows_of(["a", "b"], digests=False)

    assert not rows.has_digests
    assert rows.digest(1) == b""
    assert rows_of(["a", "b"]).has_digests


def test_a_digest_for_only_some_rows_counts_as_none() -> None:
    built = RowsBuilder()
    built.add("a", 0, 1, bytes(32))
    built.add("b", 0, 1)

    assert not built.rows().has_digests


def test_names_that_are_not_ascii_are_never_taken() -> None:
    with pytest.raises(UnicodeEncodeError):
        RowsBuilder().add("ä.JPEG", 0, 1)


def test_take_gives_these_rows_in_this_order() -> None:
    rows = rows_of(["a", "bb", "ccc"]).take([2, 0])

    assert [(rows.name(row), rows.offsets[row], rows.sizes[row], rows.digest(row)[0]) for row in (0, 1)] == [
        ("ccc", OVER_4_GIB + 2048, 102, 2),
        ("a", OVER_4_GIB, 100, 0),
    ]


def test_packed_rows_of_views_cross_a_process_boundary() -> None:
    made = rows_of(["a", "bb"])
    views = Rows(
        memoryview(bytes(made.names)),
        memoryview(array("I", made.name_ends)),
        memoryview(array("Q", made.offsets)),
        memoryview(array("I", made.sizes)),
        memoryview(bytes(made.digests)),
    )

    again = pickle.loads(pickle.dumps(views.packed()))

    assert again == made
    with pytest.raises(TypeError):
        pickle.dumps(views)


def test_a_packed_part_costs_its_columns_and_little_more() -> None:
    names = [f"n01440764_{row}.JPEG" for row in range(1000)]
    whole = part("n01440764", names, ["n01440764"], [0])

    size_bytes = len(pickle.dumps(Part(whole.key, whole.archive, whole.rows.packed(), whole.wnids, whole.labels)))

    assert size_bytes < 1000 * (len(names[-1]) + 4 + 8 + 4 + 32) + 1000


def test_samples_lie_in_the_order_of_their_parts() -> None:
    assert [sample.name for sample in TABLE] == [
        "n01440764_3.JPEG",
        "n01440764_20.JPEG",
        "v1.JPEG",
        "v2.JPEG",
        "v3.JPEG",
    ]
    assert [TABLE[index] for index in range(len(TABLE))] == list(TABLE)
    assert [sample.label for sample in TABLE] == [0, 0, 7, 0, 9]


def test_a_sample_knows_its_place_class_and_digest() -> None:
    sample = TABLE[3]

    assert (sample.split, sample.wnid, sample.label, sample.sha256) == (Split.TRAIN, "n01440764", 0, b"\1" * 32)
    assert (sample.at.archive, sample.at.offset, sample.at.size_bytes) == ("train.tar", OVER_4_GIB + 1024, 101)


@given(st.integers(-7, 7) | st.none(), st.integers(-7, 7) | st.none(), st.sampled_from([None, 1, 2, -1, -2]))
def test_slices_are_those_of_a_list(start: int | None, stop: int | None, step: int | None) -> None:
    assert TABLE[start:stop:step] == list(TABLE)[start:stop:step]


@pytest.mark.parametrize("index", [5, -6, 100])
def test_an_index_outside_the_table_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match=f"of {len(TABLE)}"):
        TABLE[index]


def test_a_negative_index_counts_from_the_end() -> None:
    assert TABLE[-1].name == "v3.JPEG"
    assert TABLE[-5].name == "n01440764_3.JPEG"


def test_only_keeps_the_samples_of_the_chosen_classes() -> None:
    chosen = TABLE.only(frozenset({"n01440764", "n03"}))

    assert [(s.name, s.wnid, s.label) for s in chosen] == [
        ("n01440764_3.JPEG", "n01440764", 0),
        ("n01440764_20.JPEG", "n01440764", 0),
        ("v2.JPEG", "n01440764", 0),
        ("v3.JPEG", "n03", 9),
    ]


def test_only_of_all_its_classes_is_the_part_itself() -> None:
    assert MIXED.only(frozenset({"n01440764", "n02", "n03"})) is MIXED


def test_only_of_no_class_leaves_an_empty_part_that_the_table_drops() -> None:
    nothing = MIXED.only(frozenset({"n77"}))

    assert (len(nothing), nothing.labels) == (0, [NO_LABEL])
    assert SampleTable(Split.VAL, [nothing]).parts == ()


def test_boxes_are_joined_by_the_key_of_the_image() -> None:
    table = SampleTable(Split.VAL, [MIXED], OneBox())

    assert [len(sample.boxes) for sample in table] == [1, 0, 0]


def test_the_bytes_of_a_table_are_those_of_its_images() -> None:
    assert TABLE.size_bytes == (100 + 101) + (100 + 101 + 102)
