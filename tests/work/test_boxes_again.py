"""Rules: boxes that an export holds go along into the formats that it is turned into, as from archives."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.editions.tiny_boxes import write_xml
from kilotar.errors import LayoutRefused
from kilotar.model.pixels import PixelWish
from kilotar.model.report import Report
from kilotar.model.sample import Box
from kilotar.parse.boxes import parse_boxes
from kilotar.parse.image_size import ImageSize
from kilotar.sinks.base import find_sink
from kilotar.sinks.reading import boxes_of
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST
from kilotar.work.box_intake import write_boxes
from tests.doubles.detections import make_detections
from tests.need import need_module
from tests.work.wishes import ALL, prepare, tree_digests

HOLDERS = ("webdataset", "parquet", "lance", "mds", "hdf5", "lmdb", "litdata", "recordio")
ASKED = ("litdata", "recordio")  # whose readers give something else where there are boxes


def need(name: str) -> None:
    for package in find_sink(name).ABOUT.needs:
        need_module(package)


def wished(*names: str) -> dict[str, object]:
    """Give the keywords that make formats hold boxes."""
    return {"boxes": True, "options": tuple((name, "boxes", "yes") for name in ASKED if name in names)}


def convert(root: Path, source: Path, tiny: Tiny, *formats: str, **more: object) -> Report:
    return kilotar.export(root, *formats, origin=source, edition=str(tiny.toml), **more)  # type: ignore[arg-type]


def four(boxes: tuple[Box, ...]) -> list[tuple[object, ...]]:
    return [(box.wnid, box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes]


def held(folder: Path, name: str, tiny: Tiny) -> dict[str, list[tuple[object, ...]]]:
    """Give the boxes of an output's images by key, of those that have some."""
    found = find_sink(name).read(folder, load_edition(str(tiny.toml)))
    boxes = {row.name.removesuffix(".JPEG"): four(row.boxes()) for row in found if row.boxes is not None}
    return {key: sides for key, sides in boxes.items() if sides}


def truth(tiny: Tiny) -> dict[str, list[tuple[object, ...]]]:
    return {key: four(boxes) for key, boxes in tiny.boxes.items() if tiny.truth[key].split != "test"}


def own(folder: Path) -> dict[str, str]:
    """Give the digests of an output without what says of what it was made."""
    return {path: digest for path, digest in tree_digests(folder).items() if path != OWN_MANIFEST}


@pytest.fixture
def first(tiny: Tiny, tmp_path: Path) -> Path:
    """Give a webdataset with boxes, away from its root, which is gone."""
    prepare(tmp_path / "first", tiny, formats=("webdataset",), splits=ALL, boxes=True)
    moved = (tmp_path / "first" / "webdataset").rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "first")
    return moved


@pytest.mark.parametrize("name", HOLDERS)
def test_every_format_that_has_boxes_gives_them_back(name: str, root: Path, tiny: Tiny) -> None:
    need(name)
    prepare(root, tiny, formats=(name,), splits=ALL, **wished(name))
    assert held(root / name, name, tiny) == truth(tiny)
    prepare(root / "plain", tiny, formats=(name,))
    rows = find_sink(name).read(root / "plain" / name, load_edition(str(tiny.toml)))
    assert {row.boxes for row in rows} == {None}


def test_tfrecord_gives_back_the_boxes_of_the_images_own_class(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("tfrecord",), boxes=True)
    found, expected = held(root / "tfrecord", "tfrecord", tiny), truth(tiny)
    cut = {key: [(w, x, y, min(X, 24), min(Y, 16)) for w, x, y, X, Y in sides] for key, sides in expected.items()}
    assert found == cut and found


@pytest.mark.parametrize("name", [*HOLDERS, "tfrecord"])
def test_boxes_go_along_into_another_format_unasked(name: str, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    need(name)
    prepare(tmp_path / "first", tiny, formats=(name, "webdataset"), **wished(name))
    straight = own((tmp_path / "first" / "webdataset").rename(tmp_path / "straight"))
    export = (tmp_path / "first" / name if name != "webdataset" else tmp_path / "straight").rename(tmp_path / "export")
    if name == "webdataset":
        shutil.copytree(export, tmp_path / "straight")
    shutil.rmtree(tmp_path / "first")
    report = convert(root, export, tiny, "webdataset")
    assert report.exit_code == 0 and held(root / "webdataset", "webdataset", tiny) == truth(tiny)
    assert own(root / "webdataset") == straight
    told = [finding.why for finding in report.findings if finding.kind == "boxes"]
    assert told == [f"boxes of {len(truth(tiny))} images come from there, with class and four sides"]


def test_they_become_coco_as_from_the_archives(first: Path, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    convert(root, first, tiny, "coco")
    prepare(tmp_path / "straight", tiny, formats=("coco",))
    for name in ("instances_train", "instances_val"):
        mine, straight = (
            json.loads((place / "coco" / "annotations" / f"{name}.json").read_bytes())
            for place in (root, tmp_path / "straight")
        )
        plain = [
            [{k: v for k, v in one.items() if k not in ("truncated", "difficult", "pose")} for one in of["annotations"]]
            for of in (mine, straight)
        ]
        assert plain[0] == plain[1] and plain[0] and mine["images"] == straight["images"]


def test_a_tree_keeps_its_xml_byte_for_byte(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "first", tiny, formats=("cls-loc",), boxes=True, out=tmp_path / "tree")
    shutil.rmtree(tmp_path / "first")
    convert(root, tmp_path / "tree", tiny, "cls-loc", out=tmp_path / "again")
    found = [own(tmp_path / name) for name in ("tree", "again")]
    xml = [{path: digest for path, digest in one.items() if path.endswith(".xml")} for one in found]
    assert xml[0] == xml[1] and len(xml[0]) == len(truth(tiny))
    victim = next((tmp_path / "tree").rglob("*.xml"))
    victim.write_bytes(victim.read_bytes().replace(b"<xmin>", b"<xmin>1"))
    report = convert(tmp_path / "wary", tmp_path / "tree", tiny, "webdataset")
    assert next(f.why for f in report.problems if f.kind == "box").endswith("is not what was written")


def test_boxes_of_resized_images_are_theirs_and_not_those_of_the_archives(
    root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    small = PixelWish(resize="exact:12")
    prepare(tmp_path / "first", tiny, formats=("webdataset",), boxes=True, pixels=small)
    export = tmp_path / "first" / "webdataset"  # the root above it knows the published boxes
    convert(root, export, tiny, "parquet", boxes=True)
    assert held(root / "parquet", "parquet", tiny) == held(export, "webdataset", tiny) != truth(tiny)
    prepare(tmp_path / "bare", tiny, formats=("webdataset",), pixels=small)
    with pytest.raises(LayoutRefused, match="no boxes"):
        convert(tmp_path / "other", tmp_path / "bare" / "webdataset", tiny, "mds", boxes=True)


def test_published_boxes_go_before_those_of_the_export_and_say_more(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "first", tiny, formats=("webdataset",), boxes=True)
    convert(root, tmp_path / "first" / "webdataset", tiny, "voc")
    assert {p.name for p in (root / ".kilotar").glob("from/*/*_bbox_*")} == {
        path.name for path in tiny.folder.glob("*_bbox_*")
    }
    xml = b"".join(path.read_bytes() for path in (root / "voc").rglob("*.xml"))
    assert b"<pose>Frontal</pose>" in xml


def test_they_stay_behind_where_images_get_another_size_and_boxes_are_xml(first: Path, root: Path, tiny: Tiny) -> None:
    report = convert(root, first, tiny, "cls-loc", pixels=PixelWish(resize="exact:8"))
    assert report.exit_code == 0 and not list(root.rglob("*.xml"))


def test_a_second_format_of_the_same_export_has_them_too(first: Path, root: Path, tiny: Tiny) -> None:
    need("parquet")
    convert(root, first, tiny, "imagefolder")
    shutil.rmtree(first.parent / "elsewhere", ignore_errors=True)
    convert(root, first, tiny, "parquet")
    assert held(root / "parquet", "parquet", tiny) == truth(tiny)
    assert len(list(root.glob(".kilotar/from/*/boxes/*.tar"))) == 2


def test_boxes_that_cannot_be_read_are_told_and_their_images_stay(first: Path, root: Path, tiny: Tiny) -> None:
    (first / OWN_MANIFEST).unlink()
    (first / OWN_FILES).unlink()
    for path in first.glob("*.tar"):
        data = path.read_bytes()
        with tarfile.open(path) as tar:
            boxed = [member for member in tar if member.name.endswith(".boxes.txt") and member.size > 4]
        for member in boxed[:1]:
            at = member.offset_data
            path.write_bytes(data[:at] + b"<a> " + data[at + 4 :])
    report = convert(root, first, tiny, "webdataset")
    assert {finding.kind for finding in report.problems} == {"box"} and len(report.problems) == 2
    assert len(list(find_sink("webdataset").read(root / "webdataset", tiny.edition))) == 20
    assert len(held(root / "webdataset", "webdataset", tiny)) == len(truth(tiny)) - 2


def test_boxes_of_a_detection_edition_go_along(root: Path, tmp_path: Path) -> None:
    found = make_detections(tmp_path / "in")
    wish = {"source": found.folder, "edition": str(found.toml), "unverified": True}
    kilotar.prepare(root, formats=("webdataset",), **wish)  # type: ignore[arg-type]
    export = (root / "webdataset").rename(tmp_path / "moved")
    kilotar.export(tmp_path / "other", "webdataset", origin=export, edition=str(found.toml))
    edition = load_edition(str(found.toml))
    mine, theirs = (
        {row.name: row.boxes() for row in find_sink("webdataset").read(folder, edition) if row.boxes}
        for folder in (tmp_path / "other" / "webdataset", export)
    )
    assert mine == theirs and any(mine.values())


def test_what_is_written_is_what_is_read() -> None:
    boxes = (Box("n01440764", 0, 1, 24, 16), Box("n01440764", 3, 1, 2, 9))
    found = parse_boxes(write_boxes("n01440764", "n01440764_1", ImageSize(24, 16), boxes), "n01440764_1.xml")
    assert (found.boxes, found.width, found.height) == (boxes, 24, 16)
    assert (found.folder, found.filename) == ("n01440764", "n01440764_1")


@pytest.mark.parametrize(("wnids", "sides"), [(["a"], []), (["a"], [[1, 2, 3]]), (["a"], [[1, 2, 3, 4.5]])])
def test_boxes_that_do_not_fit_are_none(wnids: list[str], sides: list[list[int]]) -> None:
    with pytest.raises((ValueError, TypeError)):
        boxes_of(wnids, sides)


@pytest.mark.parametrize("name", [*HOLDERS, "tfrecord"])
def test_the_boxes_of_an_export_are_proved_against_the_archives(name: str, root: Path, tiny: Tiny) -> None:
    need(name)
    prepare(root, tiny, formats=(name,), splits=ALL, **wished(name))
    report = kilotar.verify(root / name)
    boxes = sum(map(len, truth(tiny).values()))
    assert not report.findings
    by = "boxes-kept" if name in ("recordio", "tfrecord") else "boxes"
    assert [(f.subject, f.checked, f.wrong, f.by) for f in report.proofs][2:] == [("boxes", boxes, 0, by)]


@pytest.mark.parametrize("name", ["recordio", "litdata"])
def test_a_side_that_is_another_one_in_a_record_or_chunk_is_told(name: str, root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=(name,), **wished(name))
    row = next(row for row in find_sink(name).read(root / name, tiny.edition) if row.boxes is not None and row.boxes())
    assert row.read is not None and row.split == "train"
    path = root / name / ("train.rec" if name == "recordio" else "train/chunk-0-0.bin")
    data = bytearray(path.read_bytes())
    image = data.index(row.read())
    data[image - 1 if name == "recordio" else image + len(row.read()) + 8 + 16] ^= 1  # last ymax, or first xmin
    path.write_bytes(data)
    report = kilotar.verify(root / name)
    assert [f.where.partition(": ")[2] for f in report.problems if f.kind == "box"] == [row.name]
    assert [(f.subject, f.wrong) for f in report.proofs][1:] == [("images", 0), ("boxes", 1)]


def test_the_class_of_a_box_is_proved_where_it_stands_in_a_list(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("litdata",), **wished("litdata"))
    path = root / "litdata" / "train" / "names.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    changed = next(line for line in lines if line[2])
    changed[2] = changed[2][:-1] + "x"
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    found = [f.where.partition(": ")[2] for f in kilotar.verify(root / "litdata").problems if f.kind == "box"]
    assert found == [changed[0]]


def odd_boxes(tiny: Tiny, boxes: tuple[Box, ...]) -> str:
    """Have these boxes in the archive for one training image; give its key."""
    path = next(tiny.folder.glob("*_bbox_train*"))
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
    name = min(files)
    files[name] = write_xml(name.partition("/")[0], Path(name).stem, boxes)
    with tarfile.open(path, "w:gz") as tar:
        for each, xml in files.items():
            member = tarfile.TarInfo(each)
            member.size = len(xml)
            tar.addfile(member, io.BytesIO(xml))
    return Path(name).stem


@pytest.mark.parametrize(("name", "held_of"), [("recordio", (0, 1, 3)), ("tfrecord", (1, 3)), ("litdata", range(4))])
def test_what_a_format_has_no_room_for_is_no_finding(
    name: str, held_of: Sequence[int], root: Path, tmp_path: Path
) -> None:
    tiny = make_tiny(tmp_path / "in")
    own, other, left_out = (synset.wnid for synset in tiny.edition.classes)
    boxes = (Box(other, 3, 2, 9, 8), Box(own, 1, 2, 30, 90), Box(left_out, 2, 3, 5, 6), Box(own, 3, 4, 24, 16))
    key = odd_boxes(tiny, boxes)
    prepare(root, tiny, formats=(name,), classes=(own, other), unverified=True, **wished(name))
    report = kilotar.verify(root / name)
    assert not report.problems and [f.subject for f in report.proofs] == ["files", "images", "boxes"]
    edge = (30, 90) if name == "litdata" else (24, 16)
    kept = [replace(box, xmax=min(box.xmax, edge[0]), ymax=min(box.ymax, edge[1])) for box in boxes]
    assert held(root / name, name, tiny)[key] == four(tuple(kept[at] for at in held_of))


@pytest.mark.parametrize("name", ASKED)
def test_where_boxes_cannot_be_compared_it_is_said(name: str, root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=(name,), boxes=True)
    report = kilotar.verify(root / name)
    assert [(f.kind, f.is_problem) for f in report.findings] == [("no-boxes", False)] and len(report.proofs) == 2


def test_a_box_that_was_moved_or_lost_is_told_by_its_image(root: Path, tiny: Tiny) -> None:
    small = PixelWish(resize="exact:12")
    prepare(root, tiny, formats=("webdataset",), boxes=True, pixels=small)
    assert not kilotar.verify(root / "webdataset").problems
    path = root / "webdataset" / "imagenet1k-train-0000.tar"
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        first, second, *_ = [member for member in tar if member.name.endswith(".boxes.txt") and member.size > 4]
    data[first.offset_data + 1] ^= 1  # another wnid
    data[second.offset_data : second.offset_data + second.size] = b"x" * second.size
    path.write_bytes(data)
    report = kilotar.verify(root / "webdataset")
    found = [finding for finding in report.problems if finding.kind == "box"]
    keys = {first.name.partition(".")[0], second.name.partition(".")[0]}
    assert {finding.where.partition(": ")[2] for finding in found} == {f"{key}.JPEG" for key in keys}
    assert [(f.subject, f.wrong) for f in report.proofs][1:] == [("images", 0), ("boxes", report.proofs[2].wrong)]
    assert report.proofs[2].wrong >= 2


def test_without_their_archives_it_says_that_boxes_were_not_compared(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "in")
    prepare(root, tiny, formats=("webdataset",), boxes=True)
    for path in tiny.folder.glob("*_bbox_*"):
        path.unlink()
    report = kilotar.verify(root / "webdataset")
    assert {finding.kind for finding in report.findings} == {"no-boxes"} and len(report.proofs) == 2
