"""Rules: the digest is of the buffer that is written; what is not of the published form is left out and told."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny
from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import Sample
from kilotar.model.table import Part
from kilotar.plan.steps import StepDone
from kilotar.store.index import ArchiveIdentity, IndexFolder, PartSpan
from kilotar.store.staging import Staging
from kilotar.work.labels import LabelJoin
from kilotar.work.tasks import PartTask, link_part, write_part
from tests.doubles.folders import tree
from tests.doubles.tars import tar

JPEG = b"\xff\xd8\xff\xe0 a picture"
PNG = b"\x89PNG\r\n\x1a\n a picture"


class Bench:
    """One class tar of the first class of a tiny edition, with members as given, and a place to write them to."""

    def __init__(self, folder: Path, edition: Edition) -> None:
        self.folder = folder
        self.edition = edition
        self.wnid = edition.classes[0].wnid
        self.about = edition.archive("tiny_img_train.tar")
        self.staging = Staging(folder / "out", "ab" * 16)
        self.staging.open()

    def name(self, number: int, label: int = 0) -> bytes:
        return f"{self.edition.classes[label].wnid}_{number}.JPEG".encode()

    def task(self, members: list[tuple[bytes, bytes]], chosen: frozenset[str] | None = None) -> PartTask:
        data = tar(members)
        path = self.folder / "class.tar"
        path.write_bytes(data)
        self.index = IndexFolder(self.folder / "index", ArchiveIdentity.of(self.about, path.stat()))
        span = PartSpan(self.wnid, self.wnid, 0, len(data), is_slice=False)
        join = LabelJoin.of(self.edition, self.about)
        return PartTask(f"train/{self.wnid}", path, self.about, span, self.edition, join, chosen, self.index)

    def write(self, members: list[tuple[bytes, bytes]], chosen: frozenset[str] | None = None) -> StepDone:
        return write_part(self.task(members, chosen), place, self.staging)

    def rows(self) -> list[tuple[str, bytes]]:
        rows = self.index.read_part(PartSpan(self.wnid, self.wnid, 0, self._size(), is_slice=False))
        assert rows is not None
        assert rows.has_digests
        return [(rows.name(row), rows.digest(row)) for row in range(len(rows))]

    def _size(self) -> int:
        return (self.folder / "class.tar").stat().st_size


def place(sample: Sample) -> str:
    return f"train/{sample.wnid}/{sample.name}"


@pytest.fixture
def bench(tmp_path: Path, tiny: Tiny) -> Bench:
    return Bench(tmp_path, tiny.edition)


def listing_sha256(files: dict[str, bytes]) -> str:
    lines = [f"{hashlib.sha256(data).hexdigest()} {len(data)} {path}\n" for path, data in files.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_every_image_is_written_hashed_listed_and_indexed(bench: Bench) -> None:
    images = {bench.name(number): JPEG + bytes([number]) * number for number in (3, 1, 20)}

    done = bench.write(list(images.items()))

    files = {f"train/{bench.wnid}/{name.decode()}": data for name, data in images.items()}
    assert tree(bench.staging.folder) == files
    assert bench.rows() == [(name.decode(), hashlib.sha256(data).digest()) for name, data in images.items()]
    size_bytes = sum(map(len, images.values()))
    assert (done.images, done.size_bytes, done.written_bytes) == (3, size_bytes, size_bytes)
    assert done.listing_sha256 == listing_sha256(files)
    assert (done.folder, done.exclusive, done.findings) == (f"train/{bench.wnid}", True, ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"README.txt", "name"),
        (b"../../etc/passwd", "name"),
        (b"/etc/passwd", "name"),
        (b"n01440764_1.jpeg", "name"),
        (b"a\x1b[2J.JPEG", "name"),
        (b"\xff\xfe.JPEG", "name"),
    ],
)
def test_a_bad_name_is_left_out_with_its_offset_and_the_rest_goes_on(bench: Bench, name: bytes, kind: str) -> None:
    done = bench.write([(bench.name(1), JPEG), (name, JPEG), (bench.name(2), JPEG)])

    (finding,) = done.findings
    assert (finding.kind, finding.offset, finding.is_problem) == (kind, 512 + 512 + 512, True)
    assert [path.rpartition("_")[2] for path in tree(bench.staging.folder)] == ["1.JPEG", "2.JPEG"]
    assert len(bench.rows()) == done.images == 2


def test_an_image_of_another_class_is_left_out(bench: Bench) -> None:
    done = bench.write([(bench.name(1, label=1), JPEG), (bench.name(2), JPEG)])

    assert [finding.kind for finding in done.findings] == ["name"]
    assert done.images == 1


def test_a_name_that_returns_with_the_same_bytes_is_kept_once(bench: Bench) -> None:
    done = bench.write([(bench.name(1), JPEG), (bench.name(2), JPEG), (bench.name(1), JPEG)])

    assert [(finding.kind, finding.offset) for finding in done.findings] == [("duplicate", 5 * 512)]
    assert (done.images, len(bench.rows())) == (2, 2)


def test_a_name_that_returns_with_other_bytes_refuses_the_archive(bench: Bench) -> None:
    with pytest.raises(ArchiveRefused, match="two different files of one name"):
        bench.write([(bench.name(1), JPEG), (bench.name(1), JPEG + b"x")])
    assert bench.index.read_part(bench.task([]).span) is None


@pytest.mark.parametrize(
    ("data", "words"), [(b"<html>", "b'<htm'"), (b"", "b''"), (PNG, "a PNG"), (b"\xff\xd8", "begins")]
)
def test_what_is_no_jpeg_is_kept_and_told(bench: Bench, data: bytes, words: str) -> None:
    done = bench.write([(bench.name(1), data)])

    (finding,) = done.findings
    assert (finding.kind, finding.offset, finding.is_problem) == ("not-jpeg", 512, True)
    assert words in finding.why
    assert list(tree(bench.staging.folder).values()) == [data]


@pytest.mark.parametrize(("field", "words"), [("cmyk", "a CMYK JPEG"), ("png", "a PNG under a JPEG name")])
def test_an_oddity_that_the_edition_knows_is_no_problem(tmp_path: Path, tiny: Tiny, field: str, words: str) -> None:
    name = f"{tiny.edition.classes[0].wnid}_1.JPEG"
    bench = Bench(tmp_path, replace(tiny.edition, **{field: frozenset({name})}))  # type: ignore[arg-type]

    done = bench.write([(name.encode(), PNG)])

    (finding,) = done.findings
    assert (finding.kind, finding.where, finding.is_problem) == ("known-odd", name, False)
    assert finding.why.startswith(words)


def test_classes_that_were_not_chosen_are_indexed_but_not_written(bench: Bench) -> None:
    done = bench.write([(bench.name(1), JPEG)], chosen=frozenset({"n00000000"}))

    assert (done.images, done.folder, tree(bench.staging.folder)) == (0, "", {})
    assert len(bench.rows()) == 1


def test_without_a_staging_folder_images_are_only_hashed(bench: Bench) -> None:
    done = write_part(bench.task([(bench.name(1), JPEG)]), place, None)

    assert done.images == 1
    assert bench.rows() == [(bench.name(1).decode(), hashlib.sha256(JPEG).digest())]
    assert tree(bench.staging.folder) == {}


def test_a_damaged_part_leaves_no_rows_in_the_index(bench: Bench) -> None:
    task = bench.task([(bench.name(1), JPEG), (bench.name(2), JPEG)])
    data = bytearray(task.path.read_bytes())
    data[1024 + 150] ^= 0xFF  # the checksum of the second header
    task.path.write_bytes(data)

    with pytest.raises(ArchiveRefused):
        write_part(task, place, bench.staging)
    assert bench.index.read_part(task.span) is None


def written(bench: Bench, members: list[tuple[bytes, bytes]]) -> tuple[StepDone, Part]:
    """Write a part as a finished tree; give what came of it, and its samples."""
    done = bench.write(members)
    rows = bench.index.read_part(bench.task(members).span)
    assert rows is not None
    return done, Part(bench.wnid, bench.about.name, rows, [bench.wnid], [0])


def test_a_linked_part_has_the_listing_of_a_written_one(bench: Bench, tmp_path: Path) -> None:
    done, part = written(bench, [(bench.name(number), JPEG * number) for number in (1, 2)])
    other = Staging(tmp_path / "other", "cd" * 16)
    other.open()
    source: Callable[[Sample], Path] = lambda sample: bench.staging.folder / place(sample)  # noqa: E731

    linked = link_part(done.key, bench.task([]).split, part, place, other, source, time.time_ns())

    assert (linked.linked, linked.written_bytes) == (2, 0)
    assert (linked.listing_sha256, linked.images, linked.size_bytes, linked.folder, linked.exclusive) == (
        done.listing_sha256,
        done.images,
        done.size_bytes,
        done.folder,
        done.exclusive,
    )
    assert tree(other.folder) == tree(bench.staging.folder)


def test_a_part_whose_source_is_gone_is_not_linked(bench: Bench, tmp_path: Path) -> None:
    done, part = written(bench, [(bench.name(1), JPEG)])

    with pytest.raises(FileNotFoundError):
        link_part(done.key, bench.task([]).split, part, place, bench.staging, lambda sample: tmp_path / "gone", 0)


def test_an_archive_that_is_another_file_by_now_is_not_read(bench: Bench) -> None:
    task = bench.task([(bench.name(1), JPEG)])
    task.path.write_bytes(task.path.read_bytes() + bytes(512))

    with pytest.raises(ArchiveRefused, match="changed"):
        write_part(task, place, bench.staging)
