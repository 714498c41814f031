from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import ArchiveRefused, MachineError
from kilotar.model.edition import Archive, ArchiveRole, Layout, Strictness
from kilotar.sources.local import FileIdentity, LocalArchive, identify
from kilotar.store.index import Outline
from kilotar.work.outline import PART_MEMBERS, open_index, outline_archive
from tests.doubles import tars

NESTED = Archive(
    "train.tar",
    ArchiveRole.IMAGES,
    layout=Layout.TAR_OF_TARS,
    member=r"(?P<wnid>n\d{8})_(?P<number>\d+)\.JPEG",
)
FLAT = Archive("val.tar", ArchiveRole.IMAGES, layout=Layout.FLAT_TAR, member=r"val_(?P<number>\d{8})\.JPEG")
INNER = tars.tar([(b"n01440764_1.JPEG", b"x" * 700)])


def local(path: Path, archive: Archive) -> LocalArchive:
    return LocalArchive(archive, path, identify(path))


def outline(tmp_path: Path, data: bytes, archive: Archive, *, sequential: bool = False) -> Outline:
    path = tmp_path / archive.name
    path.write_bytes(data)
    index = open_index(tmp_path / "index", local(path, archive))
    return outline_archive(path, archive, index, sequential=sequential)[0]


def flat(*names: str, size: int = 600) -> bytes:
    return tars.tar([(name.encode(), name[:1].encode() * size) for name in names])


def image(number: int) -> str:
    return f"val_{number:08d}.JPEG"


@pytest.mark.parametrize("sequential", [False, True])
def test_class_tars_are_the_parts_of_a_tar_of_tars(tmp_path: Path, sequential: bool) -> None:
    data = tars.tar([(b"n01443537.tar", INNER), (b"./n01440764.tar", INNER)])

    parts = outline(tmp_path, data, NESTED, sequential=sequential).parts

    assert [(p.key, p.wnid, p.start, p.stop, p.is_slice, p.members) for p in parts] == [
        ("n01443537", "n01443537", 512, 512 + len(INNER), False, -1),
        ("n01440764", "n01440764", 1024 + len(INNER), 1024 + 2 * len(INNER), False, -1),
    ]


def test_an_outer_member_that_is_no_class_tar_is_left_out_with_its_offset(tmp_path: Path) -> None:
    data = tars.tar([(b"README", b"hello"), (b"n01440764.tar", INNER), (b"n1.tar", INNER), (b"sub/n01443537.tar", b"")])

    found = outline(tmp_path, data, NESTED)

    assert [part.key for part in found.parts] == ["n01440764"]
    assert [(f.kind, f.where, f.offset) for f in found.findings] == [
        ("name", "train.tar", 512),
        ("name", "train.tar", 2048 + len(INNER)),
        ("name", "train.tar", 2560 + 2 * len(INNER)),
    ]
    assert "'README' left out: not the tar of a class" in found.findings[0].why


def test_two_tars_of_one_class_refuse_the_archive(tmp_path: Path) -> None:
    data = tars.tar([(b"n01440764.tar", INNER), (b"./n01440764.tar", INNER)])

    with pytest.raises(ArchiveRefused, match="class n01440764 has two tars") as refused:
        outline(tmp_path, data, NESTED)

    assert refused.value.seen == f"data at bytes 512 and {1024 + len(INNER)}"


def test_a_flat_archive_where_class_tars_should_be_is_refused_by_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="holds nothing of what it should") as refused:
        outline(tmp_path, flat(image(1)), NESTED)

    assert "not the tar of a class" in refused.value.seen


def test_a_saved_web_page_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused) as refused:
        outline(tmp_path, b"<!DOCTYPE html><title>Log in</title>", FLAT)

    assert (refused.value.what, "web page" in refused.value.seen) == ("val.tar is not a tar file", True)


def test_damage_on_the_outer_level_names_the_archive_and_the_byte(tmp_path: Path) -> None:
    data = tars.member(b"n01440764.tar", INNER) + b"junk" * 128 + tars.END

    with pytest.raises(ArchiveRefused, match=rf"train\.tar: tar refused at byte {512 + len(INNER)}: the checksum"):
        outline(tmp_path, data, NESTED)


@pytest.mark.parametrize("sequential", [False, True])
def test_a_flat_archive_is_cut_into_runs_of_whole_members(tmp_path: Path, sequential: bool) -> None:
    names = [image(number) for number in range(1, 2 * PART_MEMBERS + 4)]

    parts = outline(tmp_path, flat(*names), FLAT, sequential=sequential).parts

    each = 512 + 1024
    assert [(p.key, p.start, p.stop, p.members, p.is_slice) for p in parts] == [
        ("00000", 0, 1000 * each, 1000, True),
        ("00001", 1000 * each, 2000 * each, 1000, True),
        ("00002", 2000 * each, 2003 * each, 3, True),
    ]


def test_a_name_that_returns_with_the_same_bytes_is_cut_out_and_reported(tmp_path: Path) -> None:
    data = flat(image(1), image(2), image(1), image(3), image(2), image(3))

    found = outline(tmp_path, data, FLAT)

    each = 512 + 1024
    assert [(p.start, p.stop, p.members) for p in found.parts] == [(0, 2 * each, 2), (3 * each, 4 * each, 1)]
    assert [(f.kind, f.offset) for f in found.findings] == [
        ("duplicate", 2 * each + 512),
        ("duplicate", 4 * each + 512),
        ("duplicate", 5 * each + 512),
    ]


@pytest.mark.parametrize("other", [b"v" * 599 + b"w", b"v" * 599])
def test_a_name_that_returns_with_other_bytes_refuses_the_archive(tmp_path: Path, other: bytes) -> None:
    data = tars.tar([(image(1).encode(), b"v" * 600), (image(1).encode(), other)])

    with pytest.raises(ArchiveRefused, match=r"two different files named val_00000001\.JPEG"):
        outline(tmp_path, data, FLAT)


def test_what_a_flat_archive_leaves_out_is_told_once_and_bounded(tmp_path: Path) -> None:
    names = [f"x{number}" for number in range(150)]

    found = outline(tmp_path, flat(image(1), *names), FLAT)

    assert len(found.findings) == 101
    assert found.findings[-1].why == "50 more members left out"


def test_records_before_a_member_stay_with_its_run(tmp_path: Path) -> None:
    long_name = b"a" * 120 + b"/" + image(7).encode()
    record = tars.header(b"././@LongLink", len(long_name) + 1, kind=b"L") + tars.padded(long_name + b"\0")
    data = tars.header(b"val/", kind=b"5") + record + tars.member(b"a" * 100, b"1") + tars.END
    archive = replace(FLAT, strictness=Strictness(long_names=True, directories=True))

    assert [(p.start, p.stop, p.members) for p in outline(tmp_path, data, archive).parts] == [(0, 2560, 1)]


def test_more_members_than_twice_the_published_count_are_refused_in_bounded_time(tmp_path: Path) -> None:
    archive = replace(FLAT, images=3)

    with pytest.raises(ArchiveRefused, match="more than 22 members"):
        outline(tmp_path, flat(*(image(number) for number in range(100))), archive)


def test_an_archive_of_empty_members_is_refused_where_no_count_is_known(tmp_path: Path) -> None:
    data = b"".join(tars.header(image(number).encode()) for number in range(200)) + tars.END

    with pytest.raises(ArchiveRefused, match="more than 117 members"):
        outline(tmp_path, data, FLAT)


def test_a_second_look_takes_the_index_and_a_changed_file_is_walked_again(tmp_path: Path) -> None:
    path = tmp_path / "val.tar"
    path.write_bytes(flat(image(1), "junk"))
    before = outline_archive(path, FLAT, open_index(tmp_path / "index", local(path, FLAT)))
    kept = (tmp_path / "index" / "outline.json").stat().st_ino

    again = outline_archive(path, FLAT, open_index(tmp_path / "index", local(path, FLAT)))
    assert (again, (tmp_path / "index" / "outline.json").stat().st_ino) == (before, kept)

    path.write_bytes(flat(image(1), image(2)))
    changed, findings = outline_archive(path, FLAT, open_index(tmp_path / "index", local(path, FLAT)))
    assert (changed.parts[0].members, findings) == (2, ())


def test_an_archive_that_is_not_there_is_the_machines_error(tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        open_index(tmp_path, LocalArchive(FLAT, tmp_path / "none.tar", FileIdentity(0, 1, 1, 1)))


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "val.tar"
    for head, message in ((b"", "is not a tar file"), (flat(image(1)), "the archive ends here, but")):
        path.write_bytes(head)
        os.truncate(path, 1 << 40)

        with pytest.raises(ArchiveRefused, match=message):
            outline_archive(path, FLAT, open_index(tmp_path / "index", local(path, FLAT)))
