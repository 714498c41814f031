"""Rules: a bit is a proof, it outlives the process only behind its bytes, and no change of the file goes unseen."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.pieces import PieceTable
from kilotar.store import bitmap
from kilotar.store.pieces import PieceFile, open_pieces

PIECE = 64
CONTENT = b"".join(bytes([number]) * PIECE for number in range(1, 5)) + b"the end"


def _table(content: bytes = CONTENT, piece: int = PIECE) -> PieceTable:
    sha1s = b"".join(hashlib.sha1(content[at : at + piece]).digest() for at in range(0, len(content), piece))
    return PieceTable("a.tar", len(content), piece, sha1s, hashlib.sha1(sha1s).hexdigest())


def _open(tmp_path: Path, table: PieceTable | None = None) -> PieceFile:
    return open_pieces(tmp_path / "archives", "a.tar", tmp_path / "state", table or _table())


def _data(piece: int) -> bytes:
    return CONTENT[piece * PIECE : (piece + 1) * PIECE]


def _fill(file: PieceFile, *pieces: int) -> None:
    assert all(file.take(piece, _data(piece), "test") for piece in pieces)


def test_a_new_file_has_its_full_length_and_no_piece(tmp_path: Path) -> None:
    file = _open(tmp_path)

    assert (file.path.name, file.path.stat().st_size, file.count) == ("a.tar.part", len(CONTENT), 0)


def test_a_piece_with_the_right_hash_is_written_and_told(tmp_path: Path) -> None:
    file, told = _open(tmp_path), list[tuple[int, str]]()
    file.on_landed = lambda piece, source: told.append((piece, source))

    _fill(file, 2)
    _fill(file, 2)

    assert (told, file.read(2), file.has(2), file.brought) == ([(2, "test")], _data(2), True, {"test": PIECE})


@pytest.mark.parametrize("data", [b"", _data(1), _data(2) + b"x", _data(2)[:-1]])
def test_bytes_that_are_not_the_piece_are_not_written(tmp_path: Path, data: bytes) -> None:
    file = _open(tmp_path)

    assert not file.take(2, data, "test")
    assert (file.has(2), file.read(2)) == (False, bytes(PIECE))


def test_a_piece_that_somebody_else_wrote_counts_only_when_its_hash_is_right(tmp_path: Path) -> None:
    file = _open(tmp_path)
    with open(file.path, "r+b") as other:
        other.seek(PIECE)
        other.write(_data(1) + _data(0))

    assert (file.check(1, "peers"), file.check(2, "peers"), file.check(3, "peers")) == (True, False, False)


def test_without_hashes_nothing_that_others_wrote_is_believed(tmp_path: Path) -> None:
    file = _open(tmp_path, PieceTable.plain("a.tar", 10))

    assert not file.check(0, "peers")
    assert file.take(0, b"0123456789", "web")


def test_saved_pieces_are_there_again_after_a_clean_end(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 4)
    file.save()

    again = _open(tmp_path)

    assert (again.has(0), again.has(1), again.has(4), again.suspects) == (True, False, True, ())
    assert (again.born_ns, again.inode) == (file.born_ns, file.inode)


def test_pieces_that_were_not_saved_are_found_as_data_without_a_bit(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 3)

    again = _open(tmp_path)

    assert not again.has(3)
    again.suspect_data()
    assert 3 in again.suspects
    assert again.recheck(3)


def test_a_file_written_to_since_keeps_its_pieces_as_suspects(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1)
    file.save()
    with open(file.path, "r+b") as other:
        other.write(b"spoilt")

    again = _open(tmp_path)

    assert again.suspects == (0, 1)
    assert (again.recheck(0), again.recheck(1), again.suspects) == (False, True, ())
    assert (again.has(0), again.has(1)) == (False, True)


def test_suspicion_outlives_a_save(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0)
    file.save()
    file.path.touch()
    _open(tmp_path).save()

    assert _open(tmp_path).suspects == (0,)


def test_after_distrust_every_proved_piece_is_read_again_by_whoever_opens_the_file_next(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1)
    with open(file.path, "r+b") as other:
        other.write(b"spoilt")
    file.distrust()
    file.save()

    again = _open(tmp_path)

    assert again.suspects == (0, 1)
    assert (again.recheck(0), again.recheck(1)) == (False, True)


def test_after_distrust_nothing_is_believed_where_there_are_no_hashes(tmp_path: Path) -> None:
    file = _open(tmp_path, PieceTable.plain("a.tar", 10))
    file.take(0, b"0123456789", "web")
    file.distrust()

    again = _open(tmp_path, PieceTable.plain("a.tar", 10))

    assert (again.has(0), again.suspects) == (False, ())


def test_a_file_that_was_cut_has_its_length_again_and_no_piece_unchecked(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1, 2, 3, 4)
    file.save()
    os.truncate(file.path, PIECE)

    again = _open(tmp_path)

    assert again.path.stat().st_size == len(CONTENT)
    assert again.suspects == (0, 1, 2, 3, 4)


def test_another_file_under_the_same_name_has_no_pieces(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0)
    file.save()
    file.path.with_name("kept").hardlink_to(file.path)
    file.path.unlink()

    assert _open(tmp_path).count == 0


def test_a_longer_file_is_cut_to_the_length_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "a.tar").write_bytes(CONTENT + b"tail")

    file = _open(tmp_path)

    assert file.path.read_bytes() == CONTENT


def test_pieces_of_another_torrent_are_not_taken_over(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0)
    file.save()
    kept = next((tmp_path / "state").iterdir())
    other = _table(CONTENT[::-1])
    kept.rename(kept.with_name(f"{other.infohash}.bits"))

    assert _open(tmp_path, other).count == 0


def test_a_complete_file_gets_its_final_name_and_stays_known(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1, 2, 3)
    assert not file.finish()
    _fill(file, 4)

    assert file.finish()
    file.close()
    again = _open(tmp_path)

    assert (again.path, again.is_complete, again.suspects) == (tmp_path / "archives" / "a.tar", True, ())
    assert again.path.read_bytes() == CONTENT


def test_a_file_with_suspects_is_not_finished(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1, 2, 3, 4)
    file.save()
    file.path.touch()

    assert not _open(tmp_path).finish()


def test_a_bit_is_on_disk_only_behind_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, publish = os.fdatasync, bitmap.publish
    monkeypatch.setattr(os, "fdatasync", lambda fd: (order.append("bytes"), sync(fd)))
    monkeypatch.setattr(bitmap, "publish", lambda *a: (order.append("bits"), publish(*a))[1])
    file = _open(tmp_path)
    _fill(file, 1)

    file.save()

    assert order == ["bytes", "bits"]


@given(st.data())
def test_every_damage_of_the_bitmap_costs_bits_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("bits")
    file = _open(tmp_path)
    _fill(file, 0, 3)
    file.save()
    kept = next((tmp_path / "state").iterdir())
    content = bytearray(kept.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[at:]
    kept.write_bytes(content)

    assert _open(tmp_path).count == 0


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_are_packed_and_unpacked(bits: list[bool]) -> None:
    packed = bitmap._pack(bytes(bits))  # a proof is 1, and packed as a suspect is

    assert len(packed) == -(-len(bits) // 8)
    assert bitmap._unpack(packed, len(bits)) == bytes(bits)


@given(st.sets(st.integers(0, 4)))
def test_what_has_landed_is_the_sum_of_its_pieces(tmp_path_factory: pytest.TempPathFactory, chosen: set[int]) -> None:
    file = _open(tmp_path_factory.mktemp("landed"))
    _fill(file, *chosen)

    assert file.landed().size_bytes == file.landed_bytes() == sum(len(_data(piece)) for piece in chosen)
    assert set(file.missing(0, len(CONTENT))) == set(range(5)) - chosen
    assert file.covers(0, PIECE + 1) == ({0, 1} <= chosen)


def test_a_hole_is_as_good_as_the_zeros_of_a_piece_and_proves_no_content(tmp_path: Path) -> None:
    content = CONTENT[: 2 * PIECE] + bytes(PIECE + 5)
    file = _open(tmp_path, _table(content))

    file.doubt()
    assert file.suspects == (2, 3)
    assert [file.recheck(piece) for piece in file.suspects] == [True, True]
    assert (file.count, file.holds_content) == (2, False)
    _fill(file, 0)
    assert file.holds_content


def test_pieces_that_are_found_wrong_are_counted(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1)
    with open(file.path, "r+b") as other:
        other.write(b"x")

    assert (file.recheck(0), file.recheck(1), file.recheck(0), file.wrong) == (False, True, False, 1)


def test_a_doubted_file_counts_nothing_and_fetches_nothing_until_it_was_read(tmp_path: Path) -> None:
    file = _open(tmp_path)
    _fill(file, 0, 1)

    file.doubt()

    assert (file.count, file.covers(0, PIECE), file.missing(0, len(CONTENT))) == (0, False, ())
    assert [file.recheck(piece) for piece in file.suspects] == [True, True, False, False, False]
    assert (file.count, file.missing(0, len(CONTENT))) == (2, (2, 3, 4))
