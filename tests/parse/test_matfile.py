"""MAT files looked through before they are read: one refusal a row, cheaply."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from mat4py import loadmat

from kilotar.editions.tiny import make_tiny
from kilotar.editions.tiny_kit import write_meta_mat
from kilotar.errors import LabelsRefused
from kilotar.parse.matfile import MAX_EXPANDED_BYTES, MAX_MAT_BYTES, expand_mat
from tests.budget import budget
from tests.doubles import mats
from tests.doubles.mats import HEADER, cell, char, compressed, element, matrix, number, numbers, small, struct_of

NAMES = [b"WNID", b"words"]
GOOD = struct_of(NAMES, (1, 1), [char("n01440764"), numbers(1, 2, 3)], name=b"synsets")


def nested(depth: int) -> bytes:
    inner = number(1)
    for _ in range(depth - 1):
        inner = cell(inner)
    return inner


def test_what_comes_out_reads_the_same_and_has_nothing_compressed(tmp_path: Path) -> None:
    data = write_meta_mat(make_tiny(tmp_path).edition)
    out = expand_mat(data, "meta.mat")
    assert loadmat(io.BytesIO(out)) == loadmat(io.BytesIO(data))
    assert out[128] == 14 and data[128] == 15


@pytest.mark.parametrize("good", [GOOD, compressed(GOOD), GOOD + compressed(nested(4)), number(2)])
def test_plain_and_compressed_variables_pass(good: bytes) -> None:
    assert loadmat(io.BytesIO(expand_mat(HEADER + good, "meta.mat")))


def test_small_elements_pass() -> None:
    value = matrix(6, (1, 1), small(2, b"\x07"), name=b"x")
    assert loadmat(io.BytesIO(expand_mat(HEADER + value, "meta.mat"))) == {"x": 7}


def struct_with(width: bytes, block: bytes) -> bytes:
    return matrix(2, (1, 1), element(5, width) + element(1, block) + number(1) * 4, name=b"s")


def bomb() -> bytes:
    """Give 70 MB of zeros packed into 70 kB."""
    packed = zlib.compress(bytes(MAX_EXPANDED_BYTES + (6 << 20)))
    return struct.pack("<II", 15, len(packed)) + packed


ROWS = {
    "huge dimensions": (matrix(6, (2**31 - 1, 2**31 - 1)), "its dimensions are refused"),
    "negative dimensions": (matrix(6, (-2, -3), element(9, bytes(48))), "its dimensions are refused"),
    "one negative dimension": (matrix(6, (-1, 0), element(9, b"")), "its dimensions are refused"),
    "a cell of 2^28": (matrix(1, (2**14, 2**14)), "its dimensions are refused"),
    "a cell of 900,000 without bytes": (matrix(1, (1, 900_000)), "promises more matrices"),
    "a struct of 900,000 without bytes": (struct_of(NAMES, (900, 1000), []), "promises more matrices"),
    "more than a million elements": (
        cell(*[matrix(4, (1, 300_000), element(16, bytes(300_000)))] * 4),
        "more than 1000000 elements",
    ),
    "a cell of 200,000 cells of nothing": (compressed(cell(*[cell()] * 200_000)), "more than 1000000 elements"),
    "three dimensions": (matrix(6, (1, 1, 1), element(9, bytes(8))), "must have two dimensions"),
    "a bomb": (bomb(), "expands to more than"),
    "nested too deep": (nested(5), "nested more than 4 deep"),
    "nested a thousand deep": (nested(1000), "nested more than 4 deep"),
    "sparse": (matrix(5, (1, 1), element(9, bytes(8))), "of a class that is not read; sparse"),
    "an object": (matrix(3, (1, 1)), "of a class that is not read; object"),
    "a function": (matrix(16, (1, 1)), "of a class that is not read; function"),
    "opaque": (matrix(17, (1, 1)), "of a class that is not read; opaque"),
    "single": (matrix(7, (1, 1), element(7, bytes(4))), "of a class that is not read; single"),
    "an unknown class": (matrix(99, (1, 1)), "of a class that is not read; 99"),
    "complex": (matrix(6, (1, 1), element(9, bytes(8)), flags=0x800), "of a class that is not read; complex"),
    "text as UTF-16": (char("ab", dims=(1, 1), stored=17), "stored in a type that is not read"),
    "numbers as text": (matrix(6, (1, 8), element(16, bytes(8))), "stored in a type that is not read"),
    "too few values": (matrix(6, (1, 2), element(9, bytes(8))), "do not fill its dimensions"),
    "too many values": (char("abc", dims=(1, 2)), "do not fill its dimensions"),
    "half a value": (matrix(6, (1, 1), element(9, bytes(7))), "do not fill its dimensions"),
    "a length beyond the end": (matrix(6, (1, 1), element(9, bytes(8)), size=10**6), "is cut short"),
    "an inner length beyond the end": (matrix(6, (1, 1), element(9, bytes(8), size=10**6)), "is cut short"),
    "a length of 4 GB": (element(14, b"", size=2**32 - 8), "is cut short"),
    "bytes left over": (matrix(6, (1, 1), element(9, bytes(8)) + bytes(8)), "has bytes left over"),
    "a small element too long": (matrix(6, (1, 1), small(2, b"\x07", size=5)), "longer than 4 bytes"),
    "wrong flags": (element(14, element(6, bytes(4))), "its flags are wrong"),
    "no flags": (element(14, b""), "is cut short"),
    "an empty cell without a head": (cell(element(14, b"")), "is cut short"),
    "a compressed cell": (cell(compressed(number(1))), "must be a matrix"),
    "no matrix": (element(9, bytes(8)), "must be a matrix; element type 9"),
    "damaged compression": (struct.pack("<II", 15, 8) + b"\x78\x9cABCDEF", "is damaged"),
    "compression cut short": (struct.pack("<II", 15, 12) + zlib.compress(GOOD)[:12], "cut short"),
    "compression without its checksum": (
        struct.pack("<II", 15, len(zlib.compress(GOOD)) - 4) + zlib.compress(GOOD)[:-4],
        "a compressed part is cut short",
    ),
    "bytes behind compression": (
        struct.pack("<II", 15, len(zlib.compress(GOOD)) + 4) + zlib.compress(GOOD) + b"more",
        "followed by other bytes",
    ),
    "two variables in one compression": (compressed(GOOD + GOOD), "has bytes left over"),
    "a bad field name": (struct_of([b"a b"], (1, 1), [number(1)]), "a field name is wrong"),
    "an unended field name": (struct_of([b"abcd"], (1, 1), [number(1)], width=4), "a field name is wrong"),
    "a field twice": (struct_of([b"a", b"a"], (1, 1), [number(1)] * 2), "field names are wrong"),
    "no field": (struct_of([], (1, 1), []), "field names are wrong"),
    "field names of 64 bytes": (struct_with(struct.pack("<i", 64), b"a".ljust(64, b"\0")), "length of its field names"),
    "field names of 0 bytes": (struct_with(struct.pack("<i", 0), b""), "length of its field names"),
    "field names of negative length": (struct_with(struct.pack("<i", -1), b"a"), "length of its field names"),
    "a third of a field name": (struct_with(struct.pack("<i", 32), bytes(40)), "field names are wrong"),
    "a bad variable name": (matrix(6, (1, 1), element(9, bytes(8)), name=b"__import__('os')"), "its name is wrong"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_bad_variable_is_refused(row: str) -> None:
    data, named = ROWS[row]
    with budget(15.0, megabytes=150), pytest.raises(LabelsRefused) as caught:
        expand_mat(HEADER + data, "meta.mat")
    assert named in str(caught.value)
    assert str(caught.value).startswith("meta.mat") and caught.value.fix


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "no little-endian MAT file of version 5"),
        (HEADER[:60], "no little-endian MAT file of version 5"),
        (HEADER, "holds no variable"),
        (b"<html>" + bytes(200), "no little-endian MAT file of version 5"),
        (b"a text file\n" * 40, "no little-endian MAT file of version 5"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "version 7.3"),
        (HEADER[:124] + b"\x00\x02IM" + GOOD, "version 7.3"),
        (HEADER[:124] + b"\x01\x00MI" + GOOD, "no little-endian MAT file of version 5"),
        (HEADER + bytes(MAX_MAT_BYTES), "is longer than"),
        (HEADER + b"\x0e\x00", "is cut short"),
    ],
    ids=range(10),
)
def test_what_is_no_mat_file_is_refused(data: bytes, named: str) -> None:
    with budget(), pytest.raises(LabelsRefused) as caught:
        expand_mat(data, "meta.mat")
    assert named in str(caught.value)


def test_the_field_at_fault_is_named() -> None:
    bad = struct_of(NAMES, (2, 1), [char("a"), char("b"), char("c"), matrix(5, (1, 1))], name=b"synsets")
    with pytest.raises(LabelsRefused, match=r"meta\.mat\[1\]\.words: is of a class"):
        expand_mat(HEADER + bad, "meta.mat")


def test_a_file_damaged_anywhere_is_refused_or_read_and_never_anything_else() -> None:
    rng = random.Random(7)
    good = mats.synsets([(1, "n00000001", "one", "the first", 3), (2, "n00000002", "two", "", 4)])
    plain = expand_mat(good, "meta.mat")
    refused = 0
    with budget(20.0):
        for _ in range(2000):
            data = bytearray(rng.choice((good, plain)))
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(124, len(data))] = rng.randrange(256)
            try:
                expand_mat(bytes(data[: rng.choice((len(data), rng.randrange(len(data))))]), "meta.mat")
            except LabelsRefused:
                refused += 1
    assert 1000 < refused < 2000
