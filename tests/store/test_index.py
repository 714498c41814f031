from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilotar.errors import MachineError
from kilotar.events import Finding
from kilotar.model.edition import Archive, ArchiveRole, Layout, Strictness
from kilotar.model.table import Rows, RowsBuilder
from kilotar.store.index import ArchiveIdentity, IndexFolder, Outline, PartSpan

IDENTITY = ArchiveIdentity("train.tar", 10_000, 1, 2, 3, "rules")
SPAN = PartSpan("n01440764", "n01440764", 512, 8192, False, 3)
OUTLINE = Outline((SPAN, replace(SPAN, key="n01443537")), (Finding("name", "train.tar", "README", 77),))


def make_rows(count: int = 3, *, digests: bool = True) -> Rows:
    builder = RowsBuilder()
    for row in range(count):
        builder.add(
            f"n01440764_{row}.JPEG", (1 << 37) + 512 * row, 100 + row, bytes([row % 251]) * 32 if digests else b""
        )
    return builder.rows()


def columns(rows: Rows | None) -> tuple[object, ...]:
    assert rows is not None
    return (
        [rows.name(row) for row in range(len(rows))],
        list(rows.offsets),
        list(rows.sizes),
        rows.has_digests,
        [rows.digest(row) for row in range(len(rows))],
    )


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_a_part_is_read_back_as_it_was_written(tmp_path: Path, count: int, digests: bool) -> None:
    index = IndexFolder(tmp_path / "index" / "train.tar", IDENTITY)

    index.write_part(SPAN, make_rows(count, digests=digests))

    assert columns(index.read_part(SPAN)) == columns(make_rows(count, digests=digests))


def test_rows_that_were_read_can_be_written_again(tmp_path: Path) -> None:
    index = IndexFolder(tmp_path, IDENTITY)
    index.write_part(SPAN, make_rows())
    rows = index.read_part(SPAN)
    assert rows is not None

    index.write_part(replace(SPAN, key="n2"), rows)

    assert columns(index.read_part(replace(SPAN, key="n2"))) == columns(rows)


def test_an_outline_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    index = IndexFolder(tmp_path / "new", IDENTITY)

    index.write_outline(OUTLINE)

    assert index.read_outline() == OUTLINE


def test_what_is_absent_is_none(tmp_path: Path) -> None:
    index = IndexFolder(tmp_path / "nowhere", IDENTITY)

    assert (index.read_outline(), index.read_part(SPAN)) == (None, None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(IDENTITY, name="val.tar"),
        replace(IDENTITY, size_bytes=9_999),
        replace(IDENTITY, mtime_ns=9),
        replace(IDENTITY, ctime_ns=9),
        replace(IDENTITY, inode=9),
        replace(IDENTITY, rules="others"),
    ],
)
def test_an_index_of_another_file_or_other_rules_is_none(tmp_path: Path, changed: ArchiveIdentity) -> None:
    before = IndexFolder(tmp_path, IDENTITY)
    before.write_outline(OUTLINE)
    before.write_part(SPAN, make_rows())

    index = IndexFolder(tmp_path, changed)

    assert (index.read_outline(), index.read_part(SPAN)) == (None, None)


@pytest.mark.parametrize("changed", [{"start": 1024}, {"stop": 8191}, {"is_slice": True}])
def test_a_part_of_another_extent_is_none(tmp_path: Path, changed: dict[str, int]) -> None:
    index = IndexFolder(tmp_path, IDENTITY)
    index.write_part(SPAN, make_rows())

    assert index.read_part(replace(SPAN, **changed)) is None  # type: ignore[arg-type]


def test_damage_at_any_byte_and_a_cut_at_any_byte_give_none(tmp_path: Path) -> None:
    index = IndexFolder(tmp_path, IDENTITY)
    index.write_part(SPAN, make_rows(2))
    index.write_outline(OUTLINE)
    for path, read in (
        (tmp_path / "n01440764.rows", lambda: index.read_part(SPAN)),
        (tmp_path / "outline.json", index.read_outline),
    ):
        whole = path.read_bytes()
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
            assert read() is None
            path.write_bytes(whole[:at])
            assert read() is None
        path.write_bytes(whole + b"x")
        assert read() is None
        path.write_bytes(whole)
        assert read() is not None


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_junk_is_none_and_never_an_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    index = IndexFolder(tmp_path_factory.mktemp("junk"), IDENTITY)
    (index.folder / "n01440764.rows").write_bytes(junk)
    (index.folder / "outline.json").write_bytes(junk)

    assert (index.read_outline(), index.read_part(SPAN)) == (None, None)


def test_a_folder_where_a_part_should_be_is_none(tmp_path: Path) -> None:
    (tmp_path / "n01440764.rows").mkdir()
    (tmp_path / "outline.json").mkdir()
    index = IndexFolder(tmp_path, IDENTITY)

    assert (index.read_outline(), index.read_part(SPAN)) == (None, None)


def test_a_write_that_fails_is_the_machines_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "n01440764.rows").mkdir()
    index = IndexFolder(tmp_path, IDENTITY)

    with pytest.raises(MachineError):
        index.write_part(SPAN, make_rows())

    assert [entry.name for entry in tmp_path.iterdir()] == ["n01440764.rows"]


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    index = IndexFolder(tmp_path, IDENTITY)

    index.write_part(SPAN, make_rows())
    index.write_part(SPAN, make_rows(5))
    index.write_outline(OUTLINE)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["n01440764.rows", "outline.json"]


@pytest.mark.parametrize("key", ["../n1", "", "a/b", ".hidden", "n 1"])
def test_a_key_that_is_no_file_name_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        IndexFolder(tmp_path, IDENTITY).write_part(replace(SPAN, key=key), make_rows())


def test_the_rules_of_reading_are_part_of_the_identity(tmp_path: Path) -> None:
    archive = Archive("a.tar", ArchiveRole.IMAGES, layout=Layout.FLAT_TAR, member="x")
    (tmp_path / "a.tar").write_bytes(b"1")
    status = (tmp_path / "a.tar").stat()

    identities = {
        ArchiveIdentity.of(other, status)
        for other in (
            archive,
            replace(archive, member="y"),
            replace(archive, layout=Layout.TAR_OF_TARS),
            replace(archive, strictness=Strictness(directories=True)),
        )
    }

    assert len(identities) == 4
    assert ArchiveIdentity.of(replace(archive, summary="other words"), status) in identities
