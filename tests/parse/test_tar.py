"""One test a row of the catalogue of bad archives, and one a switch; the walker alone, without a disk."""

from __future__ import annotations

import io
import tarfile
from dataclasses import fields

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Strictness
from kilotar.parse.tar import LONGEST_TAIL_BYTES, walk_tar
from tests.doubles import tars
from tests.doubles.tars import END, STRICT, header, member, padded, tar

TWO = [(b"a.JPEG", b"x" * 700), (b"b.JPEG", b"y" * 512)]
A, B = (member(name, data) for name, data in TWO)
LAX = Strictness(**{field.name: True for field in fields(Strictness)})


def refused(data: bytes, rules: Strictness = STRICT, *, slice_only: bool = False) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as caught:
        tars.run(data, rules, slice_only=slice_only)
    return caught.value


def names(data: bytes, rules: Strictness = STRICT, *, slice_only: bool = False) -> list[bytes]:
    members, counted = tars.run(data, rules, slice_only=slice_only)
    assert counted.total_bytes == len(data)
    return [name for name, _, _ in members]


def record(kind: bytes, data: bytes) -> bytes:
    return header(b"././@Record", len(data), kind=kind) + padded(data)


def pax(*lines: bytes) -> bytes:
    """Give a pax record with honest lengths."""
    out = b""
    for line in lines:
        total = next(n for n in range(len(line) + 9) if n == len(line) + 2 + len(str(n)))
        out += b"%d %s\n" % (total, line)
    return record(b"x", out)


def test_members_are_reported_with_the_place_of_their_data() -> None:
    members, counted = tars.run(tar(TWO))

    assert members == [(b"a.JPEG", 512, 700), (b"b.JPEG", 2048, 512)]
    assert (
        counted.members,
        counted.data_bytes,
        counted.header_bytes,
        counted.padding_bytes,
        counted.tail_bytes,
    ) == (2, 1212, 1024, 324, 1024)


def test_every_byte_is_accounted_for_wherever_the_extent_begins() -> None:
    data = b"q" * 37 + tar(TWO, end=bytes(10240))

    members, counted = tars.run(data, start=37)

    assert members[0][1] == 37 + 512
    assert counted.total_bytes == len(data) - 37


def test_an_empty_archive_of_two_zero_blocks_has_no_members() -> None:
    assert names(END) == []


def test_a_member_is_told_before_the_bytes_behind_its_data_are_asked_for() -> None:
    data = tar(TWO)
    walk = walk_tar(0, len(data), STRICT)

    assert next(walk) == (0, 512, None)
    assert walk.send(data[:512]) == (1212, 324 + 512, (b"a.JPEG", 512, 700))


def test_old_archives_without_a_magic_and_with_a_nul_type_are_read() -> None:
    assert names(header(b"a", 3, kind=b"\0", magic=bytes(8)) + padded(b"abc") + END) == [b"a"]


def test_a_name_may_fill_its_field() -> None:
    assert names(member(b"n" * 100, b"1") + END) == [b"n" * 100]


@pytest.mark.parametrize(
    ("field", "size"),
    [
        (b"00000000012\0", 10),
        (b"000000000012", 10),
        (b"        12 \0", 10),
        (b"12\0\0\0\0\0\0\0\0\0\0", 10),
        (b"\x80" + (10).to_bytes(11, "big"), 10),
    ],
)
def test_every_honest_way_to_write_a_size_is_read(field: bytes, size: int) -> None:
    members, _ = tars.run(header(b"a", size_field=field) + padded(b"x" * 10) + END)

    assert members == [(b"a", 512, size)]


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (b"-0000000012\0", "a negative size"),
        (b"\xff" * 11 + b"\x00", "a negative size"),
        (b"00000000008\0", "not a number"),
        (b"0o000000012\0", "not a number"),
        (b"0_000000012\0", "not a number"),
        (b"+0000000012\0", "not a number"),
        (b"12 34\0\0\0\0\0\0\0", "not a number"),
        (b"12\0junkjunk\0", "not a number"),
        (b"0000000\0" + b"1234", "not a number"),
        (b"\0" * 12, "not a number"),
        (b" " * 12, "not a number"),
        (b"\x81" + bytes(11), "not a number"),
    ],
)
def test_a_size_that_readers_could_read_differently_is_refused(field: bytes, reason: str) -> None:
    error = refused(A + header(b"b", size_field=field) + END)

    assert error.what.startswith(f"tar refused at byte {len(A)}: ")
    assert reason in error.what


@pytest.mark.parametrize(
    "field", [b"77777777777\0", b"\x80" + (1 << 62).to_bytes(11, "big"), b"\x80" + b"\x7f" * 11, b"00000002001\0"]
)
def test_a_size_that_runs_past_the_end_is_refused_with_the_missing_bytes(field: bytes) -> None:
    size = int(field[:-1], 8) if field[0] != 0x80 else int.from_bytes(field[1:], "big")

    error = refused(header(b"a", size_field=field) + END)

    assert "cut short in the data of b'a'" in error.what
    assert f"at least {size - 1024} bytes are missing" in error.seen


# --- checksums, zero blocks, ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [STRICT, LAX])
@pytest.mark.parametrize("before", [b"", A])
def test_a_checksum_that_does_not_hold_is_refused_at_its_offset(before: bytes, rules: Strictness) -> None:
    error = refused(before + header(b"b", checksum=4711) + END, rules)

    assert f"byte {len(before)}: the checksum" in error.what


def test_a_checksum_of_signed_bytes_is_refused() -> None:
    block = bytearray(header(b"\xe9", 0))
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    signed = unsigned - 256  # one byte is above 127

    assert "checksum" in refused(tars.seal(block, signed) + END).what


@pytest.mark.parametrize("rules", [STRICT, LAX])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_zero_blocks_in_the_middle_are_refused(blocks: int, rules: Strictness) -> None:
    error = refused(A + bytes(512 * blocks) + B + END, rules)

    assert f"byte {len(A) + 512 * blocks}: data after the end of the archive at {len(A)}" in error.what


def test_two_archives_one_behind_the_other_are_refused() -> None:
    assert "data after the end" in refused(tar(TWO) + tar(TWO)).what


def test_one_byte_at_the_very_end_of_the_tail_is_refused_with_its_offset() -> None:
    data = tar(TWO, end=bytes(200_000) + b"!")

    assert f"byte {len(data) - 1}: data after" in refused(data).what


def test_a_long_tail_of_zeros_is_a_download_that_is_not_complete() -> None:
    assert names(tar(TWO, end=bytes(LONGEST_TAIL_BYTES))) == [b"a.JPEG", b"b.JPEG"]

    error = refused(tar(TWO, end=bytes(LONGEST_TAIL_BYTES + 1)))
    assert f"{LONGEST_TAIL_BYTES + 1} bytes follow" in error.what
    assert "let it finish" in error.fix


def test_an_archive_cut_short_at_any_byte_is_refused_and_says_how_many_bytes_are_missing() -> None:
    whole = tar(TWO)
    for length in range(len(whole)):
        error = refused(whole[:length])
        missing = int(error.seen.split("at least ")[1].split()[0])
        assert 0 < missing <= len(whole) - length
        assert "cut short" in error.what


def test_no_end_marker_is_refused_with_the_missing_bytes() -> None:
    error = refused(A)

    assert "cut short in the end marker" in error.what
    assert "at least 1024 bytes are missing" in error.seen


# --- types and records -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [STRICT, LAX])
@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (b"1", "a hard link"),
        (b"2", "a symbolic link"),
        (b"3", "a character device"),
        (b"4", "a block device"),
        (b"6", "a FIFO"),
        (b"7", "a contiguous file"),
        (b"S", "a sparse file"),
        (b"K", "a long link name"),
        (b"g", "a global pax header"),
        (b"V", "unknown type b'V'"),
        (b"\xff", "unknown type"),
    ],
)
def test_what_is_no_plain_file_is_refused_whatever_is_switched_on(kind: bytes, word: str, rules: Strictness) -> None:
    error = refused(A + header(b"b", kind=kind, link=b"/etc/passwd") + B + END, rules)

    assert f"byte {len(A)}: " in error.what
    assert word in error.what


def test_a_sparse_member_of_a_terabyte_is_refused_by_its_type() -> None:
    assert "a sparse file" in refused(header(b"a", kind=b"S", size_field=b"\x80" + (1 << 40).to_bytes(11, "big"))).what


def test_a_chain_of_records_is_refused_at_the_second() -> None:
    data = record(b"L", b"a" * 120 + b"\0") * 3000 + A + END

    assert f"byte {512 + 512}: a chain of metadata records" in refused(data, LAX).what


@pytest.mark.parametrize("kind", [b"L", b"x"])
def test_a_huge_record_is_refused_before_it_is_read(kind: bytes) -> None:
    assert "65536 are the most" in refused(header(b"l", (64 << 10) + 1, kind=kind) + bytes(70_000), LAX).seen


@pytest.mark.parametrize("data", [b"", b"\0", b"a\0b\0"])
def test_a_long_name_that_is_none_is_refused(data: bytes) -> None:
    assert "long name" in refused(record(b"L", data) + A + END, LAX).what


@pytest.mark.parametrize("end", [END, b""])
def test_a_record_without_a_member_is_refused(end: bytes) -> None:
    assert "a metadata record without a member" in refused(record(b"L", b"abc\0") + end, LAX).what


@pytest.mark.parametrize(
    "data",
    [
        b"99 path=a.JPEG\n",
        b"0 path=a.JPEG\n",
        b"1 \n",
        b"x path=a.JPEG\n",
        b"15 path=a.JPEG",
        b"15 path=a.JPEGx",
        b"8 noequ\n",
        b"5 =a\n",
        b"99999999999999999999 a=b\n",
        b"\0",
    ],
)
def test_a_pax_record_whose_length_lies_is_refused(data: bytes) -> None:
    assert "a pax header that cannot be parsed" in refused(record(b"x", data) + A + END, LAX).what


@pytest.mark.parametrize(
    "line",
    [
        b"size=0",
        b"size=-700",
        b"size=0700",
        b"size=701",
        b"path=b.JPEG",
        b"path=../a.JPEG",
        b"path=",
        b"linkpath=/etc/passwd",
        b"GNU.sparse.major=1",
        b"GNU.sparse.realsize=1099511627776",
        b"hdrcharset=BINARY",
    ],
)
def test_a_pax_record_that_makes_another_member_of_it_is_refused(line: bytes) -> None:
    assert "contradicts the member" in refused(pax(b"mtime=1.5", line) + A + END, LAX).what


def test_a_pax_record_that_agrees_is_read() -> None:
    assert names(pax(b"path=a.JPEG", b"size=700", b"mtime=1.5") + A + END, LAX) == [b"a.JPEG"]


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [STRICT, LAX])
def test_bytes_behind_the_nul_of_a_name_are_refused(rules: Strictness) -> None:
    assert "bytes follow the end of a member's name" in refused(header(b"a.JPEG\0.exe") + END, rules).what


@pytest.mark.parametrize("rules", [STRICT, LAX])
@pytest.mark.parametrize("kind", [b"0", b"\0"])
def test_a_file_whose_name_ends_in_a_slash_is_refused(kind: bytes, rules: Strictness) -> None:
    assert "ends in a slash" in refused(header(b"a/", kind=kind) + END, rules).what


@pytest.mark.parametrize(
    "name", [b"", b".", b"/etc/passwd", b"../../x", b"a/../../b", b"c:\\x", b"a\nb", b"\x1b[2J", b"\xff\xfe"]
)
def test_names_are_given_raw_and_judged_by_nobody_here(name: bytes) -> None:
    assert names(header(name, 1) + padded(b"1") + END) == [name]


@pytest.mark.parametrize("magic", [b"ustar  \0", bytes(8)])
def test_bytes_in_the_place_of_a_prefix_are_refused_where_the_format_has_none(magic: bytes) -> None:
    assert "prefix would be" in refused(header(b"a", magic=magic, prefix=b"evil") + END, LAX).what


def test_bytes_behind_the_nul_of_a_prefix_are_refused() -> None:
    assert "prefix would be" in refused(header(b"a", magic=b"ustar\x0000", prefix=b"a\0b") + END, LAX).what


# --- the switches: each refuses when off and tells its name, reads when on ------------------------------------------


@pytest.mark.parametrize(
    ("switch", "data", "expected"),
    [
        ("directories", header(b"val/", kind=b"5") + A + END, [b"a.JPEG"]),
        ("directories", A + header(b"val/", kind=b"5") + B + END, [b"a.JPEG", b"b.JPEG"]),
        ("ustar_prefix", header(b"a", magic=b"ustar\x0000", prefix=b"val/x") + END, [b"val/x/a"]),
        ("short_end", A, [b"a.JPEG"]),
        ("short_end", A + bytes(512), [b"a.JPEG"]),
        ("nonzero_padding", A[:-1] + b"!" + B + END, [b"a.JPEG", b"b.JPEG"]),
        ("nonzero_padding", B + A[:-1] + b"!" + END, [b"b.JPEG", b"a.JPEG"]),
        ("long_names", record(b"L", b"l" * 300 + b"\0") + A + B + END, [b"l" * 300, b"b.JPEG"]),
        ("pax_headers", pax(b"mtime=1.5") + A + B + END, [b"a.JPEG", b"b.JPEG"]),
    ],
)
def test_each_switch_opens_one_thing_and_nothing_else_does(switch: str, data: bytes, expected: list[bytes]) -> None:
    others = Strictness(**{field.name: field.name != switch for field in fields(Strictness)})

    assert names(data, Strictness(**{switch: True})) == expected
    assert f"set {switch} = true" in refused(data, others).fix


def test_every_switch_has_its_test() -> None:
    marks = test_each_switch_opens_one_thing_and_nothing_else_does.pytestmark  # type: ignore[attr-defined]

    assert {case[0] for case in marks[0].args[1]} == {field.name for field in fields(Strictness)}


def test_a_directory_with_contents_is_refused() -> None:
    assert "a directory of 1 bytes" in refused(header(b"d/", 1, kind=b"5") + padded(b"1") + END, LAX).what


def test_a_record_before_a_directory_ends_with_it() -> None:
    data = record(b"L", b"d" * 120 + b"/\0") + header(b"d" * 100, kind=b"5") + A + END

    assert names(data, LAX) == [b"a.JPEG"]


@pytest.mark.parametrize("length", [len(A) - 1, len(A) - 323, len(A) + 1, len(A) + 511])
def test_a_short_end_is_still_a_whole_number_of_members(length: int) -> None:
    assert "cut short" in refused((A + A)[:length], LAX).what


# --- slices, bounds, nesting ----------------------------------------------------------------------------------------


def test_a_slice_of_whole_members_needs_no_end_marker() -> None:
    assert names(A + B, slice_only=True) == [b"a.JPEG", b"b.JPEG"]
    assert names(B + A, slice_only=True) == [b"b.JPEG", b"a.JPEG"]
    assert names(b"", slice_only=True) == []


def test_a_slice_must_end_with_a_member() -> None:
    whole = A + B + A
    ends = {0, len(A), len(A + B), len(whole)}
    for length in set(range(len(whole))) - ends:
        assert "cut short" in refused(whole[:length], slice_only=True).what


def test_the_padding_of_the_last_member_of_a_slice_is_checked() -> None:
    assert "padding" in refused(A[:-1] + b"!", slice_only=True).what


def test_zeros_in_a_slice_are_no_end_but_a_broken_header() -> None:
    assert "checksum" in refused(A + END, slice_only=True).what


def test_ten_million_tiny_members_stop_at_the_cap() -> None:
    block, asked = header(b"n"), 0
    walk = walk_tar(0, 10_000_000 * 512 + 1024, STRICT, max_members=1000)
    _, size, _ = next(walk)
    with pytest.raises(ArchiveRefused, match="more than 1000 members"):
        while True:
            asked += 1
            _, size, _ = walk.send(block[:size])

    assert asked == 1001


def test_a_quine_is_one_member_and_is_never_entered() -> None:
    inner = tar([(b"r.tar", b"")])
    for _ in range(50):
        inner = tar([(b"r.tar", inner)])

    assert names(inner) == [b"r.tar"]


def test_archives_of_every_dialect_that_python_writes_are_read() -> None:
    for dialect in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w", format=dialect) as archive:
            info = tarfile.TarInfo("folder/n01440764_1.JPEG")
            info.size, info.mtime = 5, 1_600_000_000
            archive.addfile(info, io.BytesIO(b"12345"))

        assert names(buffer.getvalue()) == [b"folder/n01440764_1.JPEG"]
