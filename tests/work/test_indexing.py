from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.table import Rows
from kilotar.store.index import PartSpan
from kilotar.store.reading import open_archive
from kilotar.work import indexing, member_names
from kilotar.work.indexing import index_archive, index_part, walk_part
from kilotar.work.outline import open_index, outline_archive
from tests.doubles import tars
from tests.work.test_outline import FLAT, NESTED, flat, image, local

ONE, TWO = (b"n01440764_1.JPEG", b"x" * 700), (b"n01440764_22.JPEG", b"yy" * 512)


def nest(path: Path, inner: bytes, wnid: str = "n01440764") -> PartSpan:
    path.write_bytes(tars.tar([(f"{wnid}.tar".encode(), inner)]))
    return PartSpan(wnid, wnid, 512, 512 + len(inner), is_slice=False)


def both_ways(path: Path, span: PartSpan) -> tuple[list[tuple[str, int, int]], list[Finding]]:
    """Walk with and without the bytes, check that the two agree, and give what they found."""
    full, hops = list[Finding](), list[Finding]()
    walked = [(m.name, m.offset, bytes(m.data)) for m in walk_part(path, span, NESTED, full.append)]
    with open_archive(path) as file:
        rows = listed(index_part(file, span, NESTED, hops.append))
        assert all(file.read(offset, len(data)) == data for _, offset, data in walked)
    assert [(name, offset, len(data)) for name, offset, data in walked] == rows
    assert full == hops
    return rows, full


def listed(rows: Rows) -> list[tuple[str, int, int]]:
    return [(rows.name(row), rows.offsets[row], rows.sizes[row]) for row in range(len(rows))]


def test_members_of_a_class_tar_come_with_their_bytes_and_places(tmp_path: Path) -> None:
    span = nest(tmp_path / "train.tar", tars.tar([ONE, TWO]))

    assert both_ways(tmp_path / "train.tar", span) == (
        [("n01440764_1.JPEG", 1024, 700), ("n01440764_22.JPEG", 2560, 1024)],
        [],
    )


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"/n01440764_1.JPEG", "not a plain file name"),
        (b"../n01440764_1.JPEG", "not a plain file name"),
        (b"a/../../n01440764_1.JPEG", "not a plain file name"),
        (b"a//n01440764_1.JPEG", "not a plain file name"),
        (b"", "not a plain file name"),
        (b".", "not a plain file name"),
        (b"C:\\n01440764_1.JPEG", "not a plain file name"),
        (b"n01440764_1.JPEG\n", "not a plain file name"),
        (b"n01440764_\x1b[2J.JPEG", "not a plain file name"),
        (b"n01440764_1\xff.JPEG", "not a plain file name"),
        ("n01440764_\uff11.JPEG".encode(), "not a plain file name"),
        (b"n01440764_1.jpg", "not of the published form"),
        (b"n01440764_1.JPEG.JPEG", "not of the published form"),
        (b"n01440765_1.JPEG", "of class n01440765, in the tar of class n01440764"),
    ],
)
def test_a_name_that_is_not_as_published_is_left_out_with_its_offset_and_the_rest_is_kept(
    tmp_path: Path, raw: bytes, why: str
) -> None:
    span = nest(tmp_path / "train.tar", tars.tar([(raw, b"evil"), TWO]))

    rows, findings = both_ways(tmp_path / "train.tar", span)

    assert [name for name, _, _ in rows] == ["n01440764_22.JPEG"]
    assert [(f.kind, f.where, f.offset) for f in findings] == [("name", "train.tar, n01440764.tar", 1024)]
    assert why in findings[0].why
    assert findings[0].why.isprintable()


@pytest.mark.parametrize("raw", [b"./n01440764_1.JPEG", b"some/folder/n01440764_1.JPEG"])
def test_folders_of_a_name_are_dropped(tmp_path: Path, raw: bytes) -> None:
    span = nest(tmp_path / "train.tar", tars.tar([(raw, b"1")]))

    assert both_ways(tmp_path / "train.tar", span)[0] == [("n01440764_1.JPEG", 1024, 1)]


def test_the_report_of_what_is_left_out_is_bounded(tmp_path: Path) -> None:
    span = nest(tmp_path / "train.tar", tars.tar([(b"x%d" % number, b"1") for number in range(130)]))

    _, findings = both_ways(tmp_path / "train.tar", span)

    assert (len(findings), findings[-1].why) == (101, "30 more members left out")


def test_a_member_too_large_for_an_image_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_names, "LARGEST_IMAGE_BYTES", 1000)
    span = nest(tmp_path / "train.tar", tars.tar([ONE, TWO]))

    rows, findings = both_ways(tmp_path / "train.tar", span)

    assert (len(rows), [f.kind for f in findings]) == (1, ["size"])


def test_an_inner_tar_that_is_cut_short_is_refused_though_the_outer_one_is_whole(tmp_path: Path) -> None:
    whole = tars.tar([ONE, TWO])
    for length in range(0, len(whole), 512):
        path = tmp_path / "train.tar"
        span = nest(path, whole[:length])
        assert outline_archive(path, NESTED, open_index(tmp_path / "index", local(path, NESTED)))[0].parts == (span,)

        with pytest.raises(ArchiveRefused, match=r"train\.tar, n01440764\.tar: tar refused at byte \d+"):
            list(walk_part(path, span, NESTED, [].append))
        with open_archive(path) as file, pytest.raises(ArchiveRefused, match="cut short"):
            index_part(file, span, NESTED, [].append)


def test_a_tar_inside_a_class_tar_is_left_out_and_never_opened(tmp_path: Path) -> None:
    span = nest(tmp_path / "train.tar", tars.tar([(b"n01440764.tar", tars.tar([ONE])), TWO]))

    rows, findings = both_ways(tmp_path / "train.tar", span)

    assert ([name for name, _, _ in rows], len(findings)) == (["n01440764_22.JPEG"], 1)


def test_a_name_that_returns_is_given_twice_with_bytes_and_indexed_once(tmp_path: Path) -> None:
    path, found = tmp_path / "train.tar", list[Finding]()
    span = nest(path, tars.tar([ONE, TWO, ONE]))

    walked = [member.offset for member in walk_part(path, span, NESTED, found.append)]
    with open_archive(path) as file:
        rows = index_part(file, span, NESTED, found.append)

    assert (walked, list(rows.offsets)) == ([1024, 2560, 4096], [1024, 2560])
    assert [(f.kind, f.offset) for f in found] == [("duplicate", 4096)]


def test_a_name_that_returns_with_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.tar"
    span = nest(path, tars.tar([ONE, (ONE[0], b"x" * 699 + b"z")]))

    with open_archive(path) as file, pytest.raises(ArchiveRefused, match="two different files") as refused:
        index_part(file, span, NESTED, [].append)

    assert refused.value.seen == "data at bytes 1024 and 2560"


def test_the_runs_of_a_flat_archive_hold_every_image_once(tmp_path: Path) -> None:
    path, found = tmp_path / "val.tar", list[Finding]()
    path.write_bytes(flat(image(1), "junk", image(2), image(1), image(3), size=700))
    index = open_index(tmp_path / "index", local(path, FLAT))
    outline, _ = outline_archive(path, FLAT, index)

    rows = [row for _, rows in index_archive(path, FLAT, outline, index, found.append) for row in listed(rows)]

    each = 512 + 1024
    assert rows == [(image(1), 512, 700), (image(2), 2 * each + 512, 700), (image(3), 4 * each + 512, 700)]
    assert found == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("waits", [0, 10**12])
def test_an_archive_is_indexed_once_and_then_read_from_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, waits: int
) -> None:
    monkeypatch.setattr(indexing, "_WAITS", waits)  # as if every part were slow, or fast
    path = tmp_path / "train.tar"
    wnids = [f"n{number:08d}" for number in range(5)]
    path.write_bytes(tars.tar([(f"{w}.tar".encode(), tars.tar([(f"{w}_7.JPEG".encode(), b"1" * 9)])) for w in wnids]))
    index = open_index(tmp_path / "index", local(path, NESTED))
    outline, _ = outline_archive(path, NESTED, index)

    first = [
        (span.wnid, listed(rows))
        for span, rows in index_archive(path, NESTED, outline, index, [].append, threads=threads)
    ]
    path.write_bytes(b"")
    (tmp_path / "index" / f"{wnids[2]}.rows").rename(tmp_path / "kept")
    with pytest.raises(ArchiveRefused, match=wnids[2]):
        list(index_archive(path, NESTED, outline, index, [].append, threads=threads))
    (tmp_path / "kept").rename(tmp_path / "index" / f"{wnids[2]}.rows")
    again = [
        (span.wnid, listed(rows))
        for span, rows in index_archive(path, NESTED, outline, index, [].append, threads=threads)
    ]

    assert (again, [wnid for wnid, _ in first]) == (first, wnids)


def test_parts_that_hold_more_than_twice_the_images_together_are_refused(tmp_path: Path) -> None:
    path, archive = tmp_path / "train.tar", replace(NESTED, images=2)
    wnids = [f"n{number:08d}" for number in range(3)]
    members = [[(f"{w}_{n}.JPEG".encode(), b"1") for n in range(9)] for w in wnids]
    path.write_bytes(tars.tar([(f"{w}.tar".encode(), tars.tar(m)) for w, m in zip(wnids, members, strict=True)]))
    index = open_index(tmp_path / "index", local(path, archive))
    outline, _ = outline_archive(path, archive, index)

    with pytest.raises(ArchiveRefused, match="more than twice its images"):
        list(index_archive(path, archive, outline, index, [].append))
