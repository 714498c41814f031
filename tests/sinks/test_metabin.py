"""meta.bin: what torch.save would write, and a reader that runs nothing."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import LayoutRefused
from kilotar.sinks.metabin import build_meta_bin, read_meta_bin

NAMES = {"n2": ("crane",), "n1": ("tench", "Tinca tinca"), "n3": ("a", "b", "c", "d")}
VAL = ["n1", "n3", "n1"]


def zipped(pickled: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive:
        archive.writestr("meta/data.pkl", pickled)
    return whole.getvalue()


def test_a_pickle_reader_finds_plain_values_in_the_order_given() -> None:
    with zipfile.ZipFile(io.BytesIO(build_meta_bin(NAMES, VAL))) as archive:
        assert archive.testzip() is None
        names, val = pickle.loads(archive.read("archive/data.pkl"))
    assert (names, list(names), val) == (NAMES, list(NAMES), VAL)


def test_its_times_and_attributes_are_always_the_same() -> None:
    with zipfile.ZipFile(io.BytesIO(build_meta_bin(NAMES, VAL))) as archive:
        facts = {(info.date_time, info.create_system, info.external_attr >> 16) for info in archive.infolist()}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert facts == {((1980, 1, 1, 0, 0, 0), 3, 0o644)}


def test_equal_strings_that_are_other_objects_give_the_same_bytes() -> None:
    again = {"".join(list(wnid)): tuple("".join(list(word)) for word in words) for wnid, words in NAMES.items()}
    assert build_meta_bin(again, ["".join(list(wnid)) for wnid in VAL]) == build_meta_bin(NAMES, VAL)


@given(st.dictionaries(st.text(), st.lists(st.text()).map(tuple)), st.data())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    val = data.draw(st.lists(st.sampled_from(sorted(names)))) if names else []
    path = tmp_path_factory.mktemp("meta") / "meta.bin"
    path.write_bytes(build_meta_bin(names, val))
    assert read_meta_bin(path) == (names, val)


def test_what_python_itself_pickles_is_read(tmp_path: Path) -> None:
    path = tmp_path / "meta.bin"
    many = {f"n{number}": ("a", "b")[: number % 3] for number in range(3000)}
    for names, val in ((NAMES, VAL), (many, list(many) * 3), ({}, []), ({"n1": ()}, ["n1"])):
        path.write_bytes(zipped(pickle.dumps((names, val), protocol=2)))
        assert read_meta_bin(path) == (names, val)


class Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("ran",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"not a zip at all" * 100,
        zipped(pickle.dumps((NAMES, [Runs()]), protocol=2)),
        zipped(pickle.dumps((NAMES, VAL), protocol=2), zipfile.ZIP_DEFLATED),
        zipped(pickle.dumps((NAMES, VAL), protocol=4)),
        zipped(pickle.dumps({"n1": ("a",)}, protocol=2)),
        zipped(pickle.dumps(({"n1": ["a"]}, []), protocol=2)),
        zipped(pickle.dumps(({"n1": "a"}, []), protocol=2)),
        zipped(pickle.dumps((NAMES, [1]), protocol=2)),
        zipped(b""),
        zipped(b"\x80\x02}("),
        zipped(b"\x80\x02t."),
        zipped(b"\x80\x02h\x07."),
        zipped(b"\x80\x02X\xff\xff\xff\x7fabc."),
        zipped(b"\x80\x02}X\x01\x00\x00\x00a]s]s."),
        zipped(b"\x80\x02]](}e}a\x86u."),
        zipped(b"\x80\x02}]\x86}."),
        zipped(b"}" * 5_000_000),
        zipped(b"\x80\x02" + b"(" * 1_000_000 + b"t" * 1_000_000 + b"."),
        zipped(b"\x80\x02})" + b"\x85" * 1_000_000 + b"]s."),
        zipped(b"\x80\x02})" + b"q\x00h\x00\x86" * 200 + b"]s."),
    ],
    ids=lambda content: f"{len(content)}-bytes",
)
def test_anything_else_is_refused_and_nothing_runs(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "meta.bin"
    path.write_bytes(content)
    with pytest.raises(LayoutRefused, match=r"no meta\.bin"):
        read_meta_bin(path)
    assert capsys.readouterr().out == ""


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_changed_byte_is_read_or_refused_but_never_breaks(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    data = bytearray(build_meta_bin(NAMES, VAL))
    data[place % len(data)] = value
    path = tmp_path_factory.mktemp("meta") / "meta.bin"
    path.write_bytes(bytes(data))
    with contextlib.suppress(LayoutRefused):
        read_meta_bin(path)


@given(st.binary(max_size=200))
def test_no_bytes_in_the_place_of_the_pickle_break_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("meta") / "meta.bin"
    path.write_bytes(zipped(b"\x80\x02" + data + b"."))
    with contextlib.suppress(LayoutRefused):
        read_meta_bin(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match=r"there is no meta\.bin"):
        read_meta_bin(tmp_path / "meta.bin")
