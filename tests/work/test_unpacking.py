"""Rules: the packed detection archive is proved, taken apart once, and read like any other archives from then on."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.load import load_edition
from kilotar.errors import ArchiveRefused, DigestMismatch, DiskFull, LayoutRefused, SettingsDiffer
from kilotar.events import Event, Found, Proved
from kilotar.model.report import Report
from kilotar.model.sample import NO_LABEL, Split
from kilotar.sinks import coco, imagefolder, voc, webdataset
from kilotar.sources import packed as packed_source
from kilotar.work import unpacking
from tests.budget import budget
from tests.doubles.detections import (
    BOXES,
    CLASSES,
    TEST,
    TRAIN,
    VAL,
    Detections,
    make_detections,
    make_packed,
    packed_files,
)

NAMES = {f"{key}.JPEG" for keys in TRAIN.values() for key in keys}
NAME = "PACKED_DET.tar.gz"


@pytest.fixture
def found(tmp_path: Path) -> Detections:
    return make_packed(tmp_path / "in")


def prepare(found: Detections, root: Path, *formats: str, **wish: object) -> Report:
    wish = {"source": found.folder, "edition": str(found.toml), **wish}
    return kilotar.prepare(root, formats=formats, **wish)  # type: ignore[arg-type]


def pack(found: Detections, files: Mapping[str, bytes], *more: tarfile.TarInfo) -> None:
    """Write the packed archive anew: directories as GNU tar writes them, then these files and members."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        top = tarfile.TarInfo("./ILSVRC/")
        top.type = tarfile.DIRTYPE
        tar.addfile(top)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in more:
            tar.addfile(info)
    (found.folder / NAME).write_bytes(target.getvalue())


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def state(root: Path) -> Path:
    return root / ".kilotar" / "unpacked" / NAME


def test_every_image_is_written_once_with_its_bytes_and_the_counts_agree(found: Detections, tmp_path: Path) -> None:
    report = prepare(found, tmp_path / "root", "imagefolder", splits=("train", "val", "test"))

    rows = list(imagefolder.read(tmp_path / "root", load_edition(str(found.toml))))
    assert {row.name: row.read() for row in rows if row.read} == dict(found.images)
    assert {row.name for row in rows if row.split is Split.TRAIN} == NAMES
    assert {row.label for row in rows} == {NO_LABEL}
    assert [(one.split, one.images, one.expected) for one in report.splits[:2]] == [("train", 7, 7), ("val", 2, 2)]
    assert not [one for one in report.findings if one.is_problem]


@pytest.mark.parametrize("top", ["ILSVRC", "ILSVRC2015", "./ILSVRC"])
def test_coco_holds_all_boxes_whatever_the_top_folder_is_called_complaint_63(top: str, tmp_path: Path) -> None:
    found = make_packed(tmp_path / "in", top)

    prepare(found, tmp_path / "root", "coco")

    files = tmp_path / "root" / "coco" / "annotations"
    boxed = json.loads((files / "instances_train.json").read_text())
    names = {image["id"]: image["file_name"].removesuffix(".JPEG") for image in boxed["images"]}
    wnids = {category["id"]: category["wnid"] for category in boxed["categories"]}
    told = [(names[one["image_id"]], wnids[one["category_id"]]) for one in boxed["annotations"]]
    assert sorted(told) == sorted((key, box[0]) for key, boxes in BOXES.items() for box in boxes)
    bare = json.loads((files / "image_info_train.json").read_text())["images"]
    assert {image["file_name"] for image in bare} == {f"{key}.JPEG" for key in TRAIN["ILSVRC2013_train_extra0"]}
    assert len(list(coco.read(tmp_path / "root" / "coco", load_edition(str(found.toml))))) == 9


def test_voc_and_webdataset_are_those_of_the_archives_of_2013_and_2014(found: Detections, tmp_path: Path) -> None:
    before = make_detections(tmp_path / "before")

    prepare(found, tmp_path / "root", "voc", "webdataset")
    prepare(before, tmp_path / "old", "voc", "webdataset", unverified=True)

    now, then = tmp_path / "root", tmp_path / "old"
    assert tree(now / "voc" / "Annotations") == tree(then / "voc" / "Annotations")
    assert (now / "voc" / "ImageSets" / "Main" / "val.txt").read_bytes() == (
        then / "voc" / "ImageSets" / "Main" / "val.txt"
    ).read_bytes()
    assert {row.name for row in voc.read(now / "voc", load_edition(str(found.toml)))} == NAMES | {
        f"{key}.JPEG" for key in VAL
    }
    rows = list(webdataset.read(now / "webdataset", load_edition(str(found.toml))))
    assert {row.name: row.read() for row in rows if row.read} == dict(before.images)
    assert (now / "webdataset" / "imagenet1k-train-0000.tar").read_bytes().count(b"n02084071 ") == 30


def test_coverage_and_image_sets_are_told_and_are_no_problem_complaint_63(found: Detections, tmp_path: Path) -> None:
    report = prepare(found, tmp_path / "root", "coco")

    told = {(one.kind, one.where): one.why for one in report.findings}
    digest = hashlib.sha256((found.folder / NAME).read_bytes()).hexdigest()
    assert told == {
        ("coverage", "train"): "5 of 7 images have XML, 34 boxes, 1 without a box; 2 have no XML",
        ("coverage", "val"): "1 of 2 images have XML, 1 boxes, 0 without a box; 1 have no XML",
        ("image-set", "train"): "7 images in 3 lists, 3 of them negative in every list; 0 of them are not there, "
        "0 images are in no list",
        ("image-set", "val"): "2 images in 1 list; 0 of them are not there, 0 images are in no list",
        ("image-set", "test"): "2 images in 1 list; 0 of them are not there, 0 images are in no list",
        ("unpacked", NAME): f"sha256 {digest}, not compared with a published one",
        ("other", NAME): "1 files of other kinds",
    }
    assert not any(one.is_problem for one in report.findings)


def test_an_image_that_a_list_names_and_that_is_not_there_is_a_problem(found: Detections, tmp_path: Path) -> None:
    files = packed_files()
    del files[f"ILSVRC/Data/DET/val/{VAL[1]}.JPEG"]
    pack(found, files)

    report = prepare(found, tmp_path / "root", "coco")

    assert {(one.kind, one.where) for one in report.findings if one.is_problem} == {
        ("image-set", "val"),
        ("count", "val"),
    }


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("ILSVRC/Data/DET/train/elsewhere/n02672831_7.JPEG", "not in a folder that the edition knows"),
        ("ILSVRC/Data/DET/train/n02672831_7.JPEG", "not in a folder that the edition knows"),
        ("ILSVRC/Data/DET/val/../../../../n02672831_7.JPEG", "not in a folder that the edition knows"),
        ("/ILSVRC/Data/DET/val/ILSVRC2012_val_00000019.JPEG", "not in a folder that the edition knows"),
        ("ILSVRC/Data/DET/val/n02672831_7.JPEG", "not of the published form"),
        ("ILSVRC/Annotations/DET/val/..xml", "not a plain file name"),
        ("ILSVRC/Data/DET/val/\u00e9.JPEG", "not a plain file name"),
    ],
)
def test_a_file_at_a_wrong_place_is_left_out_and_told(found: Detections, tmp_path: Path, path: str, why: str) -> None:
    pack(found, packed_files() | {path: b"\xff\xd8\xff\xe0"})

    events: list[Event] = []
    report = prepare(found, tmp_path / "root", "imagefolder", on_event=events.append)

    assert len([one for one in events if isinstance(one, Found) and one.finding.is_problem]) == 1
    problems = [one for one in report.findings if one.is_problem]
    assert [(one.kind, one.where, why in one.why) for one in problems] == [("name", NAME, True)]
    assert problems[0].offset > 0
    assert {path.name for path in (tmp_path / "root" / "train").iterdir()} == NAMES
    assert not list(tmp_path.glob("n02672831_7*"))


def test_a_link_refuses_the_archive_and_leaves_nothing(found: Detections, tmp_path: Path) -> None:
    link = tarfile.TarInfo("ILSVRC/Data/DET/val/ILSVRC2012_val_00000019.JPEG")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    pack(found, packed_files(), link)

    with pytest.raises(ArchiveRefused, match=r"PACKED_DET\.tar\.gz.*a symbolic link"):
        prepare(found, tmp_path / "root", "imagefolder")

    assert sorted(path.name for path in state(tmp_path / "root").iterdir()) == ["journal.jsonl"]


def test_a_cut_gzip_is_refused_before_anything_is_unpacked(found: Detections, tmp_path: Path) -> None:
    packed = found.folder / NAME
    packed.write_bytes(packed.read_bytes()[:-100])

    with pytest.raises(ArchiveRefused, match="cut short"):
        prepare(found, tmp_path / "root", "coco")

    assert [path.name for path in state(tmp_path / "root").iterdir()] == ["journal.jsonl"]


def test_a_tar_that_was_cut_before_it_was_packed_is_refused(found: Detections, tmp_path: Path) -> None:
    packed = found.folder / NAME
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes())[:-10_240]))

    with pytest.raises(ArchiveRefused, match="cut short in the end marker"):
        prepare(found, tmp_path / "root", "coco")

    assert not (state(tmp_path / "root") / "new").exists()


def test_a_gzip_bomb_is_refused_at_four_times_its_length_and_64_mib(found: Detections, tmp_path: Path) -> None:
    (found.folder / NAME).write_bytes(gzip.compress(bytes(80 << 20), 1))

    with budget(10.0, megabytes=50), pytest.raises(ArchiveRefused, match="expands to more than"):
        prepare(found, tmp_path / "root", "coco")


def test_an_archive_of_other_things_is_refused(found: Detections, tmp_path: Path) -> None:
    pack(found, {"readme.txt": b"nothing here"})

    with pytest.raises(ArchiveRefused, match="holds nothing of what it should hold"):
        prepare(found, tmp_path / "root", "coco")


def test_the_digest_of_the_packed_file_is_compared_and_unverified_lets_another_in(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = found.toml.read_text()
    found.toml.write_text(text.replace('role = "packed"', f'role = "packed"\nmd5 = "{"0" * 32}"'))

    with pytest.raises(DigestMismatch, match="is not the published"):
        prepare(found, tmp_path / "root", "coco")
    assert not (state(tmp_path / "root") / "archives").exists()

    with monkeypatch.context() as patch:
        patch.delattr(unpacking, "prove_packed")  # what was read once is not read again
        prepare(found, tmp_path / "root", "coco", unverified=True)
    with pytest.raises(DigestMismatch, match="is not the published"):
        prepare(found, tmp_path / "root", "voc")


def test_the_published_digest_is_proved_by_the_same_reading(found: Detections, tmp_path: Path) -> None:
    md5 = hashlib.md5((found.folder / NAME).read_bytes()).hexdigest()
    text = found.toml.read_text()
    found.toml.write_text(text.replace('role = "packed"', f'role = "packed"\nmd5 = "{md5}"'))
    events: list[Event] = []

    report = prepare(found, tmp_path / "root", "coco", on_event=events.append)

    assert Proved(NAME, "md5", md5, published=True) in events
    assert [one.why for one in report.findings if one.kind == "unpacked"] == [f"md5 {md5}, the published one"]
    assert report.verified and all(archive.published for archive in report.archives)
    again = prepare(found, tmp_path / "root", "voc", source=None)
    assert again.verified and [str(one.outcome) for one in again.outputs] == ["done"]


def test_what_was_made_of_the_published_archive_must_have_the_bytes_it_was_made_with(
    found: Detections, tmp_path: Path
) -> None:
    md5 = hashlib.md5((found.folder / NAME).read_bytes()).hexdigest()
    text = found.toml.read_text()
    found.toml.write_text(text.replace('role = "packed"', f'role = "packed"\nmd5 = "{md5}"'))
    prepare(found, tmp_path / "root", "coco")
    made = state(tmp_path / "root") / "archives" / "DET_val.tar"
    made.write_bytes(made.read_bytes().replace(VAL[0].encode() * 2, VAL[1].encode() * 2))

    with pytest.raises(DigestMismatch, match=r"is not the published DET_val\.tar"):
        prepare(found, tmp_path / "root", "imagefolder")


def test_the_same_command_again_reads_nothing_of_the_packed_file_and_gives_the_same_bytes(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(found, tmp_path / "root", "webdataset")
    prepare(found, tmp_path / "other", "webdataset")
    monkeypatch.delattr(unpacking, "walk_packed")
    monkeypatch.delattr(unpacking, "prove_packed")

    again = prepare(found, tmp_path / "root", "webdataset")

    assert str(again.outcome) == "kept"
    assert tree(state(tmp_path / "root") / "archives") == tree(state(tmp_path / "other") / "archives")
    assert tree(tmp_path / "root" / "webdataset") == tree(tmp_path / "other" / "webdataset")


def test_a_copy_of_the_packed_file_is_proved_again_and_not_unpacked_again(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(found, tmp_path / "root", "coco")
    shutil.copytree(found.folder, tmp_path / "moved")
    monkeypatch.delattr(unpacking, "walk_packed")

    report = prepare(found, tmp_path / "root", "voc", source=tmp_path / "moved")

    assert report.outputs[0].images == 9 or report.outputs[0].files


def test_a_packed_file_that_changes_while_it_is_taken_apart_is_refused(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(path: Path, expanded_bytes: int, rules: object) -> object:
        yield from packed_source.walk_packed(path, expanded_bytes, rules)  # type: ignore[arg-type]
        path.touch()

    monkeypatch.setattr(unpacking, "walk_packed", touched)
    with pytest.raises(ArchiveRefused, match="changed while it was read"):
        prepare(found, tmp_path / "root", "coco")
    assert not (state(tmp_path / "root") / "archives").exists()


def test_another_packed_file_is_refused_for_a_root_that_was_made_of_one(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "coco")
    pack(found, packed_files())

    with pytest.raises(SettingsDiffer, match="not the archive that this root was made of"):
        prepare(found, tmp_path / "root", "voc")


def test_without_the_packed_file_other_formats_are_written_of_what_was_made(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "coco")
    (found.folder / NAME).unlink()

    report = kilotar.export(tmp_path / "root", "voc")

    assert (tmp_path / "root" / "voc" / "ImageSets" / "Main" / "val.txt").is_file()
    assert {one.kind for one in report.findings} == {"coverage", "image-set", "other", "unpacked"}
    assert kilotar.open(tmp_path / "root", "val")[0].read() in found.images.values()


def test_a_root_that_was_moved_goes_on_with_what_was_made(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "coco")
    (found.folder / NAME).unlink()
    (tmp_path / "root").rename(tmp_path / "moved")

    kilotar.export(tmp_path / "moved", "voc")

    assert (tmp_path / "moved" / "voc" / "ImageSets" / "Main" / "val.txt").is_file()
    assert not (tmp_path / "root").exists()


def test_what_was_made_is_made_again_when_it_was_removed(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "coco")
    made = tree(state(tmp_path / "root") / "archives")
    shutil.rmtree(state(tmp_path / "root") / "archives")

    prepare(found, tmp_path / "root", "voc", source=None)  # where the packed file was is remembered
    assert (tmp_path / "root" / "voc" / "ImageSets").is_dir()
    assert tree(state(tmp_path / "root") / "archives") == made


def test_a_run_that_was_killed_while_unpacking_goes_on_without_a_second_proof(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, expanded_bytes: int, rules: object) -> object:
        for number, file in enumerate(packed_source.walk_packed(path, expanded_bytes, rules)):  # type: ignore[arg-type]
            if number == 9:
                raise KeyboardInterrupt
            yield file

    prepare(found, tmp_path / "whole", "webdataset")
    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "walk_packed", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(found, tmp_path / "root", "webdataset")
    (state(tmp_path / "root") / "new").mkdir(exist_ok=True)
    (state(tmp_path / "root") / "new" / "DET_train.tar").write_bytes(b"left by a kill")
    monkeypatch.delattr(unpacking, "prove_packed")

    prepare(found, tmp_path / "root", "webdataset")

    assert tree(tmp_path / "root" / "webdataset") == tree(tmp_path / "whole" / "webdataset")
    assert not (state(tmp_path / "root") / "new").exists()


@pytest.mark.parametrize("form", ["tar", "folder"])
def test_what_somebody_unpacked_is_read_with_unverified(found: Detections, tmp_path: Path, form: str) -> None:
    whole = tmp_path / "whole"
    prepare(found, whole, "voc")
    packed = found.folder / NAME
    if form == "tar":
        (found.folder / "PACKED_DET.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    else:
        with tarfile.open(packed) as tar:
            tar.extractall(found.folder / "PACKED_DET", filter="data")
    packed.unlink()
    text = found.toml.read_text()

    prepare(found, tmp_path / "root", "voc")  # nothing is published of the tiny one
    found.toml.write_text(text.replace('role = "packed"', f'role = "packed"\nmd5 = "{"0" * 32}"'))
    with pytest.raises(DigestMismatch, match="is not the published"):
        prepare(found, tmp_path / "other", "voc")
    prepare(found, tmp_path / "other", "voc", unverified=True)

    assert tree(tmp_path / "root" / "voc" / "Annotations") == tree(whole / "voc" / "Annotations")
    assert tree(tmp_path / "other" / "voc" / "Annotations") == tree(whole / "voc" / "Annotations")


def test_outputs_are_verified_and_turned_into_one_another(found: Detections, tmp_path: Path) -> None:
    root = tmp_path / "root"
    prepare(found, root, "webdataset", "imagefolder", "coco")

    assert kilotar.verify(root).exit_code == 0
    proved = kilotar.verify(root / "webdataset")
    assert proved.exit_code == 0 and [(one.checked, one.wrong) for one in proved.proofs][1] == (9, 0)
    kilotar.export(tmp_path / "other", "imagefolder", "coco", origin=root / "webdataset", edition=str(found.toml))
    trees = ({path.name: path.read_bytes() for path in one.rglob("*.JPEG")} for one in (root, tmp_path / "other"))
    assert next(trees) == next(trees)
    boxed = [one / "coco" / "annotations" / "instances_train.json" for one in (root, tmp_path / "other")]
    counts = [[len(json.loads(path.read_text())[kind]) for kind in ("images", "annotations")] for path in boxed]
    assert counts == [[5, 34], [5, 34]]


def test_a_damaged_image_is_written_anew_out_of_what_was_made(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "imagefolder")
    path = tmp_path / "root" / "val" / f"{VAL[0]}.JPEG"
    path.chmod(0o644)
    path.write_bytes(b"damaged")

    assert kilotar.verify(tmp_path / "root").exit_code == 3
    kilotar.verify(tmp_path / "root", repair=True)
    assert path.read_bytes() == found.images[f"{VAL[0]}.JPEG"]


def test_the_plan_tells_what_unpacking_takes_and_changes_nothing(found: Detections, tmp_path: Path) -> None:
    plan = kilotar.plan(tmp_path / "root", source=found.folder, edition=str(found.toml), formats=("coco", "webdataset"))

    size_bytes = (found.folder / NAME).stat().st_size
    unpacked = [step for step in plan.steps if step.name.startswith("unpack ")]
    assert [step.name for step in unpacked] == ["unpack DET_train.tar", "unpack DET_val.tar"]
    assert abs(sum(step.write_bytes for step in unpacked) - size_bytes) <= 2
    assert plan.peak_bytes > size_bytes and plan.fetch_bytes == 0
    assert not (tmp_path / "root").exists()
    prepare(found, tmp_path / "root", "coco")
    again = kilotar.plan(tmp_path / "root", formats=("voc",))
    assert not [step for step in again.steps if step.name.startswith("unpack ")]


def test_a_disk_without_room_refuses_before_the_first_byte(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kilotar.work.packed.Packed.expanded_bytes", lambda self: 1 << 60)
    monkeypatch.delattr(unpacking, "prove_packed")

    with pytest.raises(DiskFull):
        prepare(found, tmp_path / "root", "coco")


def test_the_exact_length_is_asked_of_the_disk_too(
    found: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "prove_packed", lambda path, algorithm, landed: (1 << 60, "0" * 64))

    with pytest.raises(DiskFull, match="no room to unpack"):
        prepare(found, tmp_path / "root", "coco")


def test_a_folder_without_the_archive_is_told_with_the_name_that_was_looked_for(
    found: Detections, tmp_path: Path
) -> None:
    (found.folder / NAME).unlink()

    with pytest.raises(LayoutRefused) as caught:
        prepare(found, tmp_path / "root", "coco")

    assert f"looked for {NAME}" in caught.value.seen


@pytest.mark.parametrize("verb", [kilotar.prepare, kilotar.get, kilotar.plan], ids=["prepare", "get", "plan"])
def test_a_packed_archive_that_would_be_fetched_is_asked_for(
    found: Detections, tmp_path: Path, verb: Callable[..., object]
) -> None:
    with pytest.raises(LayoutRefused, match="packed archives are not fetched"):
        verb(tmp_path / "root", fetching=kilotar.Fetching(way="http"), edition=str(found.toml))


def test_test_images_that_the_archive_has_not_are_asked_for_by_name(found: Detections, tmp_path: Path) -> None:
    pack(found, {path: data for path, data in packed_files().items() if "_test_" not in path})

    with pytest.raises(LayoutRefused, match="the archive of the test images"):
        prepare(found, tmp_path / "root", "imagefolder", splits=("test",))


def test_index_reads_the_packed_archive_too(found: Detections, tmp_path: Path) -> None:
    report = kilotar.index(tmp_path / "root", source=found.folder, edition=str(found.toml))

    assert [(one.split, one.images) for one in report.splits] == [("train", 7), ("val", 2)]


def test_the_built_in_edition_reads_the_layouts_of_the_kit() -> None:
    edition = load_edition("ilsvrc2017-det")

    patterns = {archive.name: archive.within for archive in edition.archives if archive.within}
    assert {synset.wnid for synset in edition.classes} == {s.wnid for s in load_edition("ilsvrc2014-det").classes}
    assert set(CLASSES) <= {synset.wnid for synset in edition.classes} and len(edition.packed) == 3
    for top in ("ILSVRC", "ILSVRC2015", "ILSVRC2016", "ILSVRC2017"):
        for folder in (
            "ILSVRC2013_train/n02672831",
            "ILSVRC2013_train_extra10",
            "ILSVRC2013_DET_train_extra0",
            "ILSVRC2014_train_0006",
            "ILSVRC2014_DET_train_0000",
        ):
            assert re.fullmatch(patterns["ILSVRC_DET_train.tar"], f"{top}/Data/DET/train/{folder}")
            assert re.fullmatch(patterns["ILSVRC_DET_bbox_train.tar"], f"{top}/Annotations/DET/train/{folder}")
        assert re.fullmatch(patterns["ILSVRC_DET_test.tar"], f"{top}/Data/DET/test")
    assert all(edition.archive("ILSVRC_DET_test.tar").member_pattern().fullmatch(f"{key}.JPEG") for key in TEST)
