"""Gzip files read within limits: damage, claims and tails are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kilotar.errors import ArchiveRefused, MachineError
from kilotar.sources.gunzip import claimed_bytes, read_gunzipped, walk_gunzipped
from tests.budget import budget

DATA = bytes(range(256)) * 4000
PACKED = gzip.compress(DATA, mtime=0)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "a.gz"
    path.write_bytes(data)
    return path


def test_the_contents_come_out_in_pieces(tmp_path: Path) -> None:
    path = written(tmp_path, PACKED)
    pieces = list(walk_gunzipped(path, len(DATA)))
    assert b"".join(pieces) == DATA and max(map(len, pieces)) <= 256 << 10
    assert claimed_bytes(path) == len(DATA)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (PACKED[:-1], "cut short"),
        (PACKED[: len(PACKED) // 2], "cut short"),
        (b"", "cut short"),
        (PACKED[:-8] + bytes(8), "damaged"),
        (PACKED[:-4] + bytes(4), "damaged"),
        (b"\x1f\x8b" + bytes(40), "damaged"),
        (PACKED[:600] + b"\xff" * 8 + PACKED[608:], "damaged"),
        (PACKED + b"\0", "bytes behind its end"),
        (PACKED + PACKED, "bytes behind its end"),
    ],
    ids=range(9),
)
def test_damage_is_refused(tmp_path: Path, data: bytes, named: str) -> None:
    with budget(), pytest.raises(ArchiveRefused, match=named):
        read_gunzipped(written(tmp_path, data), len(DATA))


def test_a_bomb_is_refused_at_its_limit(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(bytes(300 << 20), 1))
    with budget(5.0, megabytes=20), pytest.raises(ArchiveRefused, match="expands to more than 1000000 bytes"):
        for _ in walk_gunzipped(path, 1_000_000):
            pass


@pytest.mark.parametrize(("data", "named"), [(b"PK\x03\x04" + bytes(40), "no gzip file"), (PACKED[:10], "cut short")])
def test_a_claim_is_taken_only_from_a_gzip_file(tmp_path: Path, data: bytes, named: str) -> None:
    with pytest.raises(ArchiveRefused, match=named):
        claimed_bytes(written(tmp_path, data))


def test_a_file_that_is_not_there_is_the_machines_error(tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        read_gunzipped(tmp_path / "none.gz", 1)


def test_a_tail_is_noticed_where_the_stream_ends_with_a_piece_read(tmp_path: Path) -> None:
    """The file is read in pieces of 256 kB; the end of the stream and of a piece fall together."""
    piece = 256 << 10
    (data,) = (bytes(n) for n in range(piece - 60, piece) if len(gzip.compress(bytes(n), 0)) == piece)
    assert read_gunzipped(written(tmp_path, gzip.compress(data, 0)), piece) == data
    with pytest.raises(ArchiveRefused, match="bytes behind its end"):
        read_gunzipped(written(tmp_path, gzip.compress(data, 0) + b"\0"), piece)
