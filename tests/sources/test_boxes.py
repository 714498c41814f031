"""Boxes out of archives and folders: every box found, every odd file told, nothing unpacked."""

from __future__ import annotations

import gzip
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.editions.tiny_boxes import write_xml
from kilotar.errors import ArchiveRefused, MachineError
from kilotar.events import Finding
from kilotar.model.sample import Box, Split
from kilotar.parse.boxes import BoxLimits
from kilotar.sources.annotations import walk_annotations
from kilotar.sources.boxes import BoxBook, read_boxes
from tests.budget import budget
from tests.doubles.tars import tar


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def read(tiny: Tiny, path: Path, split: Split = Split.TRAIN) -> tuple[BoxBook, tuple[Finding, ...]]:
    return read_boxes([(path, split)], tiny.edition)


def written(folder: Path, files: list[tuple[str, bytes]], name: str = "boxes.tar.gz") -> Path:
    data = tar((inner.encode(), xml) for inner, xml in files)
    (folder / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith("gz") else data)
    return folder / name


def xmls(tiny: Tiny, split: Split) -> list[tuple[str, bytes]]:
    """Give the XML of the boxes of a split, in folders named by their class."""
    return [
        (f"{tiny.truth[key].wnid}/{key}.xml", write_xml(tiny.truth[key].wnid, key, boxes))
        for key, boxes in tiny.boxes.items()
        if tiny.truth[key].split is split
    ]


def test_every_box_of_both_splits_is_found_by_its_image(tiny: Tiny) -> None:
    sources = [
        (tiny.folder / "tiny_bbox_train.tar.gz", Split.TRAIN),
        (tiny.folder / "tiny_bbox_val.tgz", Split.VAL),
    ]
    book, findings = read_boxes(sources, tiny.edition)
    assert findings == ()
    assert {key: book.of(key) for key in tiny.boxes} == tiny.boxes
    assert len(book) == len(tiny.boxes) and book.boxes == sum(map(len, tiny.boxes.values()))
    assert max(map(len, tiny.boxes.values())) > 1


def test_an_image_without_boxes_has_none(tiny: Tiny) -> None:
    book, _ = read(tiny, tiny.folder / "tiny_bbox_train.tar.gz")
    for key in (*(set(tiny.truth) - set(tiny.boxes)), "", "zzz", "n", "ü"):
        assert book.of(key) == ()


@pytest.mark.parametrize("name", ["boxes.tar.gz", "boxes.tgz", "boxes.tar"])
def test_a_file_belongs_to_its_image_whatever_folder_it_lies_in(tiny: Tiny, tmp_path: Path, name: str) -> None:
    files = [(f"other/folders/{inner.rpartition('/')[2]}", xml) for inner, xml in xmls(tiny, Split.VAL)]
    book, findings = read(tiny, written(tmp_path, files, name), Split.VAL)
    assert findings == () and len(book) == 6
    assert all(book.of(key) == tiny.boxes[key] for key in tiny.boxes if tiny.truth[key].split is Split.VAL)


def test_a_folder_is_read_like_its_archive(tiny: Tiny, tmp_path: Path) -> None:
    for inner, xml in xmls(tiny, Split.TRAIN):
        (tmp_path / inner).parent.mkdir(exist_ok=True)
        (tmp_path / inner).write_bytes(xml)
    folder = list(walk_annotations(tmp_path, Split.TRAIN, tiny.edition))
    archive = list(walk_annotations(tiny.folder / "tiny_bbox_train.tar.gz", Split.TRAIN, tiny.edition))
    assert folder == sorted(archive, key=lambda each: (each.wnid, each.key)) and len(folder) == 9


def test_annotations_carry_split_class_key_and_the_very_bytes(tiny: Tiny) -> None:
    for each in walk_annotations(tiny.folder / "tiny_bbox_val.tgz", Split.VAL, tiny.edition):
        assert (each.split, each.wnid) == (Split.VAL, tiny.truth[each.key].wnid)
        assert each.xml == write_xml("val", each.key, tiny.boxes[each.key])


def test_files_of_no_image_are_told_and_the_others_go_on(tiny: Tiny, tmp_path: Path) -> None:
    good = xmls(tiny, Split.TRAIN)
    names = [
        "readme.txt",
        "n00000000_1.xml",
        "n00000000/n00000000_1.xml",
        "ILSVRC2012_val_00000001.xml",
        "../../../etc/cron.d/x.xml",
        good[0][0].replace("_", "_0"),
        "wü.xml",
        "\x1b[2J.xml",
    ]
    book, findings = read(tiny, written(tmp_path, [*((name, b"<annotation/>") for name in names), *good]))
    assert len(book) == len(good)
    assert [(finding.kind, finding.is_problem) for finding in findings] == [("name", True)] * len(names)


def test_numbers_beyond_the_validation_set_are_told(tiny: Tiny, tmp_path: Path) -> None:
    path = written(tmp_path, [(f"val/ILSVRC2012_val_{number:08d}.xml", b"<annotation/>") for number in (0, 7)])
    book, findings = read(tiny, path, Split.VAL)
    assert len(book) == 0 and len(findings) == 2


def test_a_refused_file_is_told_and_the_others_go_on(tiny: Tiny, tmp_path: Path) -> None:
    files = xmls(tiny, Split.TRAIN)
    files[1] = (files[1][0], b"<!DOCTYPE a>" + files[1][1])
    files[2] = (files[2][0], bytes((1 << 20) + 1))
    book, findings = read(tiny, written(tmp_path, files))
    assert len(book) == len(files) - 2
    assert ["DOCTYPE" in findings[0].why or "longer than" in findings[0].why, len(findings)] == [True, 2]
    assert all(finding.is_problem for finding in findings)


def test_of_two_files_for_one_image_the_first_counts(tiny: Tiny, tmp_path: Path) -> None:
    (name, xml), *_ = xmls(tiny, Split.TRAIN)
    key = name.rpartition("/")[2].removesuffix(".xml")
    other = write_xml(tiny.truth[key].wnid, key, (Box("n00000000", 0, 0, 1, 1),))
    book, findings = read(tiny, written(tmp_path, [(name, xml), (f"again/{key}.xml", other)]))
    assert book.of(key) == tiny.boxes[key]
    assert [finding.kind for finding in findings] == ["duplicate"]


def test_another_folder_inside_the_file_is_a_fact_and_no_problem(tiny: Tiny, tmp_path: Path) -> None:
    (name, xml), *_ = xmls(tiny, Split.TRAIN)
    path = written(tmp_path, [(name, xml.replace(b"<folder>n", b"<folder>m"))])
    _, (finding,) = read(tiny, path)
    assert (finding.kind, finding.is_problem) == ("name", False)


def test_complaints_are_listed_a_thousand_times_and_then_counted(tiny: Tiny, tmp_path: Path) -> None:
    path = written(tmp_path, [(f"x{number}.xml", b"") for number in range(1500)])
    _, findings = read(tiny, path)
    assert len(findings) == 1001 and findings[-1].why == "500 more of this kind"


def test_a_member_that_is_a_link_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    from tests.doubles.tars import END, header

    (tmp_path / "boxes.tar").write_bytes(header(b"val/x.xml", kind=b"2", link=b"/etc/passwd") + END)
    with pytest.raises(ArchiveRefused, match="symbolic link"):
        read(tiny, tmp_path / "boxes.tar")


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.99])
@pytest.mark.parametrize("name", ["boxes.tar", "boxes.tgz"])
def test_an_archive_cut_short_is_refused(tiny: Tiny, tmp_path: Path, name: str, cut: float) -> None:
    path = written(tmp_path, xmls(tiny, Split.TRAIN), name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with budget(), pytest.raises(ArchiveRefused):
        read(tiny, path)


def test_a_wrong_checksum_at_the_end_is_noticed(tiny: Tiny, tmp_path: Path) -> None:
    path = written(tmp_path, xmls(tiny, Split.TRAIN))
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused, match="damaged"):
        read(tiny, path)


@pytest.mark.parametrize("claim", [0, 512, 4096, 1 << 20, (1 << 32) - 1])
def test_a_wrong_claim_about_the_length_is_refused_cheaply(tiny: Tiny, tmp_path: Path, claim: int) -> None:
    path = written(tmp_path, xmls(tiny, Split.TRAIN))
    path.write_bytes(path.read_bytes()[:-4] + claim.to_bytes(4, "little"))
    with budget(megabytes=20), pytest.raises(ArchiveRefused):
        read(tiny, path)


def test_a_bomb_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "boxes.tgz").write_bytes(gzip.compress(bytes(100 << 20), 1))
    with budget(5.0, megabytes=20), pytest.raises(ArchiveRefused):
        read(tiny, tmp_path / "boxes.tgz")
    limits = BoxLimits(expanded_bytes=1000)
    with pytest.raises(ArchiveRefused, match="expands to more than 1000 bytes"):
        list(walk_annotations(written(tmp_path, xmls(tiny, Split.TRAIN)), Split.TRAIN, tiny.edition, limits))


def test_more_files_than_allowed_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    path = written(tmp_path, xmls(tiny, Split.TRAIN))
    with pytest.raises(ArchiveRefused, match="more than 3 members"):
        list(walk_annotations(path, Split.TRAIN, tiny.edition, BoxLimits(files=3)))


def test_a_name_that_says_something_else_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    path = written(tmp_path, xmls(tiny, Split.TRAIN), "boxes.tar").rename(tmp_path / "boxes.tgz")
    with pytest.raises(ArchiveRefused, match="not what its name says"):
        read(tiny, path)


def test_an_archive_that_is_not_there_is_the_machines_error(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        read(tiny, tmp_path / "none.tgz")


def test_the_book_is_compact_and_crosses_processes(tiny: Tiny, tmp_path: Path) -> None:
    path = tiny.folder / "tiny_bbox_train.tar.gz"
    book, _ = read(tiny, path)
    copy = pickle.loads(pickle.dumps(book))
    assert {key: copy.of(key) for key in tiny.boxes} == {key: book.of(key) for key in tiny.boxes}
    wnid = tiny.edition.classes[0].wnid
    many = written(
        tmp_path,
        [(f"{wnid}_{n}.xml", write_xml(wnid, f"{wnid}_{n}", (Box(wnid, 1, 2, 3, 4),))) for n in range(1, 3001)],
    )
    with budget(20.0, megabytes=4):  # a box object each would be 1.2 MB more, the XML 1.5 MB
        book, _ = read(tiny, many)
    assert len(book) == 3000 and len(pickle.dumps(book)) < 3000 * 60


def test_a_folder_with_pipes_and_loops_is_read_to_its_end(tiny: Tiny, tmp_path: Path) -> None:
    name, xml = xmls(tiny, Split.TRAIN)[0]
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(xml)
    os.mkfifo(tmp_path / "n00000001_1.xml")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "n00000002_1.xml").symlink_to("/dev/zero")
    with budget():
        book, findings = read(tiny, tmp_path)
    assert len(book) == 1 and findings == ()


def test_a_folder_with_more_files_than_allowed_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.xml").write_bytes(b"")
    with pytest.raises(ArchiveRefused, match="more than 3 files"):
        list(walk_annotations(tmp_path, Split.TRAIN, tiny.edition, BoxLimits(files=3)))


def test_an_editions_own_pattern_lets_no_harmful_name_through(tiny: Tiny, tmp_path: Path) -> None:
    lax = replace(
        tiny.edition,
        archives=tuple(replace(archive, member="(?P<number>.*)") for archive in tiny.edition.archives),
    )
    names = ["..xml", "a b.xml", "a,b.xml", "\x1b[2J.xml", "-rf.xml", "x" * 90 + ".xml", "٣.xml"]
    found = list(walk_annotations(written(tmp_path, [(name, b"") for name in names]), Split.VAL, lax))
    assert found == []


def test_bytes_behind_the_end_are_noticed_where_they_repeat_the_claim(tiny: Tiny, tmp_path: Path) -> None:
    """The walk never asks for them; only reading to the end finds them."""
    path = written(tmp_path, xmls(tiny, Split.TRAIN))
    path.write_bytes(path.read_bytes() + b"hidden" + path.read_bytes()[-4:])
    with pytest.raises(ArchiveRefused, match="bytes behind its end"):
        read(tiny, path)
