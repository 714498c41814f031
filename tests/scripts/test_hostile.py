"""Archives, kits, torrents and trees that lie: a script refuses them by name, in time, and writes nothing outside."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from tests.doubles import mats
from tests.doubles.tars import END, header, member, padded, tar
from tests.scripts.conftest import SCRIPTS, files, run_script

WNID = b"n00000001"
IMAGE = WNID + b"_1.JPEG"
GOOD = tar([(IMAGE, b"jpeg")])


def nested(inner: bytes, name: bytes = WNID + b".tar") -> bytes:
    return tar([(name, inner)])


STRANGE_CLASSES = {
    "a name that climbs": nested(GOOD, b"../" + WNID + b".tar"),
    "an absolute name": nested(GOOD, b"/tmp/" + WNID + b".tar"),
    "a file that is no class tar": tar([(b"readme.txt", b"")]),
    "a class that stands twice": tar([(WNID + b".tar", GOOD)] * 2),
    "a link": header(WNID + b".tar", kind=b"2", link=b"/etc/passwd") + END,
    "a size beyond the end": header(WNID + b".tar", 1 << 40) + padded(GOOD) + END,
    "a negative size": header(WNID + b".tar", size_field=b"\xff" * 12) + END,
    "a wrong checksum": header(WNID + b".tar", 0, checksum=1) + END,
    "no end mark": member(WNID + b".tar", GOOD),
    "bytes behind the end": nested(GOOD) + b"x" * 512,
    "nothing": b"",
    "a long name of pax": header(b"x", kind=b"x") + END,
    "gzip": gzip.compress(nested(GOOD)),
}
STRANGE_IMAGES = {
    "a name that climbs": tar([(b"../../" + IMAGE, b"x")]),
    "an image of another class": tar([(b"n00000002_1.JPEG", b"x")]),
    "an image that stands twice": tar([(IMAGE, b"x")] * 2),
    "a name with a newline": tar([(b"n00000001_1.JPEG\n", b"x")]),
    "a folder": header(WNID + b"/", kind=b"5") + END,
    "a hard link": header(IMAGE, kind=b"1", link=b"/etc/passwd") + END,
    "a damaged header": member(IMAGE, b"x") + b"\x01" * 512 + END,
    "no end mark": member(IMAGE, b"x"),
    "a size beyond the class tar": header(IMAGE, 1 << 20) + END,
}


@pytest.mark.parametrize("data", STRANGE_CLASSES.values(), ids=STRANGE_CLASSES)
def test_a_strange_training_archive_is_refused_and_nothing_is_written(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "train.tar").write_bytes(data)

    ended = run_script(3, tmp_path / "train.tar", tmp_path / "out")

    assert ended.returncode == 1, ended
    assert "is refused" in ended.stderr and "Traceback" not in ended.stderr
    assert sorted(files(tmp_path)) == ["train.tar"]


@pytest.mark.parametrize("inner", STRANGE_IMAGES.values(), ids=STRANGE_IMAGES)
def test_a_strange_class_gets_no_folder_and_the_others_do(tmp_path: Path, inner: bytes) -> None:
    other = tar([(b"n00000002_1.JPEG", b"whole")])
    (tmp_path / "train.tar").write_bytes(tar([(WNID + b".tar", inner), (b"n00000002.tar", other)]))

    ended = run_script(3, tmp_path / "train.tar", tmp_path / "out")

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("1 of 2 classes, 1 images")
    names = {name for name in files(tmp_path) if "/." not in name}
    assert names == {"train.tar", "out/n00000002/n00000002_1.JPEG"}


def test_unpacking_goes_on_with_the_classes_that_are_missing(tiny: Tiny, root: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "03_unpack_train.py"), str(tiny.folder / "tiny_img_train.tar")]
    first = tiny.edition.classes[0].wnid
    (tmp_path / f".{first}.part").mkdir()
    (tmp_path / f".{first}.part" / "half").write_bytes(b"left by a run that was killed")
    shutil.copytree(root / "train" / tiny.edition.classes[1].wnid, tmp_path / tiny.edition.classes[1].wnid)

    ended = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)

    assert "3 of 3" in ended.stdout  # the fourth class was there
    assert files(tmp_path) == files(root / "train")


def test_a_killed_unpacking_leaves_whole_classes_only(tmp_path: Path) -> None:
    inner = {b"n%08d" % number: b"" for number in range(1, 41)}
    many = {wnid: tar((wnid + b"_%d.JPEG" % at, b"x" * 999) for at in range(1, 200)) for wnid in inner}
    (tmp_path / "train.tar").write_bytes(tar((wnid + b".tar", data) for wnid, data in many.items()))
    command = [sys.executable, "-u", str(SCRIPTS / "03_unpack_train.py"), str(tmp_path / "train.tar"), "-j", "2"]
    running = subprocess.Popen(
        [*command, str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert running.stdout is not None
    for _ in range(3):
        running.stdout.readline()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(30)
    running.stdout.close()
    classes = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert len(classes) >= 3 and all(len(list(path.iterdir())) == 199 for path in classes)

    again = run_script(3, tmp_path / "train.tar", tmp_path / "out")

    assert again.stdout.splitlines()[-1].startswith("40 of 40 classes, 7960 images")
    assert all(len(list(path.iterdir())) == 199 for path in (tmp_path / "out").iterdir())


TORRENTS = {
    "no bencode": b"<html>",
    "nothing": b"",
    "a number": b"i1e",
    "deep": b"l" * 5000 + b"e" * 5000,
    "a text longer than the file": b"d4:info999999999:xe",
    "a key twice": b"d4:infod4:name1:a4:name1:bee",
    "bytes behind": b"d4:infod4:name1:aee0:",
    "too few hashes": b"d4:infod6:lengthi99999999999e4:name1:a12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee",
    "pieces of nothing": b"d4:infod6:lengthi1e4:name1:a12:piece lengthi0e6:pieces20:" + b"x" * 20 + b"ee",
    "a folder": b"d4:infod5:filesle4:name1:a12:piece lengthi16384e6:pieces0:ee",
    "not closed": b"d4:infod4:name1:a",
}


@pytest.mark.parametrize("data", TORRENTS.values(), ids=TORRENTS)
def test_a_strange_torrent_is_refused_by_both_scripts_that_read_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.torrent").write_bytes(data)
    (tmp_path / "file").write_bytes(b"x")

    found = run_script(1, tmp_path / "x.torrent", "--save", tmp_path / "kept")
    checked = run_script(2, tmp_path / "file", tmp_path / "x.torrent")

    assert (found.returncode, checked.returncode) == (1, 1), (found, checked)
    assert "Traceback" not in found.stderr + checked.stderr
    assert not (tmp_path / "kept").exists()


def test_control_characters_of_strangers_do_not_reach_the_terminal(tmp_path: Path) -> None:
    data = b"d4:infod6:lengthi1e4:name5:a\x1b[2J12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee"
    (tmp_path / "x.torrent").write_bytes(data)
    titles = "<rss><item><title>a\u009b2J</title><infohash>{}</infohash></item></rss>".format("a" * 40)
    (tmp_path / "database.xml").write_text(titles, encoding="utf-8")

    shown = run_script(1, tmp_path / "x.torrent").stdout + run_script(1, tmp_path / "database.xml").stdout

    assert "a?[2J" in shown and "a?2J" in shown
    assert shown.replace("\n", "").isprintable()


ROW = (1, "n00000001", "a", "", 3)
KITS = {
    "no table": {"x/ILSVRC2012_validation_ground_truth.txt": b"1\n"},
    "no truth": {"x/map_clsloc.txt": b"n00000001 1 a\n"},
    "an id that no class has": {"ILSVRC2012_validation_ground_truth.txt": b"2\n", "map_clsloc.txt": b"n00000001 1 a\n"},
    "labels from 0": {"ILSVRC2012_validation_ground_truth.txt": b"0\n", "map_clsloc.txt": b"n00000001 1 a\n"},
    "an empty truth": {"ILSVRC2012_validation_ground_truth.txt": b"", "map_clsloc.txt": b"n00000001 1 a\n"},
    "a word in the truth": {"ILSVRC2012_validation_ground_truth.txt": b"one\n", "map_clsloc.txt": b"n00000001 1 a\n"},
    "a wnid that climbs": {"ILSVRC2012_validation_ground_truth.txt": b"1\n", "map_clsloc.txt": b"../../../x 1 a\n"},
    "an id twice": {
        "ILSVRC2012_validation_ground_truth.txt": b"1\n",
        "map_clsloc.txt": b"n00000001 1 a\nn00000002 1 b\n",
    },
    "two tables": {"a/map_clsloc.txt": b"n00000001 1 a\n", "b/map_clsloc.txt": b"n00000001 1 a\n"},
}
TABLES = {
    "text": b"text",
    "a number": mats.HEADER + mats.number(1),
    "no variable": mats.HEADER,
    "structs without fields": mats.HEADER + mats.struct_of([], (1, 1), [], name=b"synsets"),
    "other fields": mats.HEADER + mats.struct_of([b"a"], (1, 1), [mats.number(1)], name=b"synsets"),
    "cut short": mats.synsets([ROW])[:-9],
    "a size that lies": mats.HEADER + mats.matrix(2, (1, 1), mats.number(1), name=b"synsets", size=1 << 31),
    "cells": mats.HEADER + mats.cell(mats.number(1)),
    "a wnid that climbs": mats.synsets([(1, "../../../x", "a", "", 3)]),
    "words with a newline": mats.synsets([(1, "n00000001", "a\nb", "", 3)]),
    "a wnid twice": mats.synsets([ROW, (2, "n00000001", "b", "", 3)]),
    "a wnid that is a number": mats.HEADER
    + mats.struct_of([b"X_ID", b"WNID", b"words", b"num_train_images"], (1, 1), [mats.number(1)] * 4, name=b"synsets"),
    "a bomb": mats.HEADER + mats.compressed(bytes(200 << 20)),
}


@pytest.mark.parametrize("kit", KITS.values(), ids=KITS)
def test_a_strange_kit_is_refused_and_nothing_is_written(tmp_path: Path, kit: dict[str, bytes]) -> None:
    (tmp_path / "kit.tar").write_bytes(tar((name.encode(), data) for name, data in kit.items()))

    ended = run_script(4, tmp_path / "kit.tar", tmp_path / "out")

    assert ended.returncode == 1, ended
    assert "is refused" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_strange_table_of_a_kit_is_refused_and_nothing_is_written(tmp_path: Path, table: bytes) -> None:
    kit = [(b"meta.mat", table), (b"ILSVRC2012_validation_ground_truth.txt", b"1\n")]
    (tmp_path / "kit.tar").write_bytes(tar(kit))

    started = time.monotonic()
    ended = run_script(4, tmp_path / "kit.tar", tmp_path / "out")

    assert ended.returncode == 1, ended
    assert "is refused" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()
    assert time.monotonic() - started < 30


def test_a_damaged_table_is_read_or_refused_and_never_anything_else() -> None:
    import runpy

    names = runpy.run_path(str(SCRIPTS / "04_read_devkit.py"))
    data = bytearray(
        mats.HEADER
        + mats.struct_of(
            [b"A_ID", b"WNID", b"words", b"num_train_images"],
            (2, 1),
            [
                part
                for at in (1, 2)
                for part in (mats.number(at), mats.char(f"n0000000{at}"), mats.char("a"), mats.number(3))
            ],
            name=b"synsets",
        )
    )
    assert len(names["parse_meta"](bytes(data))) == 2
    for at in range(120, len(data)):
        for flip in (0x01, 0x55, 0xFF):
            was, data[at] = data[at], data[at] ^ flip
            try:
                names["make_files"](sorted(names["parse_meta"](bytes(data))), [1])
            except names["BAD"]:
                pass
            data[at] = was


STRANGE_VAL = {
    "a name that climbs": tar([(b"../ILSVRC2012_val_00000001.JPEG", b"x")]),
    "an image without a label": tar([(b"ILSVRC2012_val_00000999.JPEG", b"x")]),
    "an image that stands twice": tar([(b"ILSVRC2012_val_00000001.JPEG", b"x")] * 2),
    "a link": header(b"ILSVRC2012_val_00000001.JPEG", kind=b"2", link=b"/etc/passwd") + END,
    "a damaged header": member(b"ILSVRC2012_val_00000001.JPEG", b"x") + b"\x01" * 512 + END,
    "an image of training": tar([(IMAGE, b"x")]),
}


@pytest.mark.parametrize("data", STRANGE_VAL.values(), ids=STRANGE_VAL)
def test_a_strange_validation_archive_is_refused(tmp_path: Path, labels: Path, data: bytes) -> None:
    (tmp_path / "val.tar").write_bytes(data)

    sorted_ = run_script(5, tmp_path / "val.tar", labels, tmp_path / "out")
    listed = run_script(8, labels, tmp_path / "lists", "--val", tmp_path / "val.tar")

    assert (sorted_.returncode, listed.returncode) == (1, 1)
    assert "Traceback" not in sorted_.stderr + listed.stderr
    written = {name for name in files(tmp_path) if name != "val.tar"}
    assert all(name.startswith("out/n") and name.endswith("/ILSVRC2012_val_00000001.JPEG") for name in written)


def test_missing_validation_images_are_told(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "val.tar").write_bytes(tar([(b"ILSVRC2012_val_00000001.JPEG", b"x")]))

    ended = run_script(5, tmp_path / "val.tar", labels, tmp_path / "out")

    assert ended.returncode == 1
    assert "8 images are missing, the first is ILSVRC2012_val_00000002.JPEG" in ended.stderr


def test_a_flat_folder_is_sorted_by_links_and_stays_as_it_was(tmp_path: Path, labels: Path, root: Path) -> None:
    (tmp_path / "flat").mkdir()
    for path in (root / "val").rglob("*.JPEG"):
        shutil.copy(path, tmp_path / "flat")
    before = files(tmp_path / "flat")
    wnid_of = {path.name: path.parent.name for path in (root / "val").rglob("*.JPEG")}
    first = min(before)
    (tmp_path / "val" / wnid_of[first]).mkdir(parents=True)
    (tmp_path / "val" / wnid_of[first] / first).write_bytes(b"half")  # left by something else
    os.link(tmp_path / "flat" / first, tmp_path / "val" / wnid_of[first] / f"{first}.part")  # left by a kill

    ended = run_script(5, tmp_path / "flat", labels, tmp_path / "val")

    assert ended.returncode == 0, ended.stderr
    assert files(tmp_path / "val") == files(root / "val")
    assert files(tmp_path / "flat") == before
    assert {path.stat().st_nlink for path in (tmp_path / "val").rglob("*.JPEG")} == {2}


STRANGE_BOXES = {
    "a name that climbs": tar([(b"../../../x.xml", b"<object>")]),
    "a link": header(b"n00000001/n00000001_1.xml", kind=b"2", link=b"/etc/passwd") + END,
    "an XML of validation": tar([(b"ILSVRC2012_val_00000001.xml", b"<object>")]),
    "a long XML": tar([(b"n00000001_1.xml", bytes(2 << 20))]),
    "no tar": b"text",
}


@pytest.mark.parametrize("data", STRANGE_BOXES.values(), ids=STRANGE_BOXES)
def test_strange_boxes_are_refused_and_nothing_is_written_outside(
    tmp_path: Path, labels: Path, root: Path, data: bytes
) -> None:
    (tmp_path / "boxes.tar.gz").write_bytes(gzip.compress(data))

    ended = run_script(6, root, labels, tmp_path / "out", "--boxes-train", tmp_path / "boxes.tar.gz")

    assert ended.returncode == 1, ended
    assert "refused" in ended.stderr and "Traceback" not in ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"boxes.tar.gz", "out"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ILSVRC2015"}


def test_a_stranger_in_the_tree_is_refused(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "tree/train" / WNID.decode()).mkdir(parents=True)
    (tmp_path / "tree/train" / WNID.decode() / "n00000002_1.JPEG").write_bytes(b"x")

    ended = run_script(6, tmp_path / "tree", labels, tmp_path / "out")

    assert ended.returncode == 1 and "n00000002_1.JPEG is no image of train" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_the_check_of_a_tree_names_what_kilotar_names(tmp_path: Path) -> None:
    flaws = ("truncated", "html", "empty", "unlisted-cmyk", "unlisted-png", "missing", "val-truncated")
    tiny = make_tiny(tmp_path / "archives", classes=3, per_class=9, val=6, boxes=False, flaws=flaws)
    labels, tree = tmp_path / "labels", tmp_path / "tree"
    for words in (
        (4, tiny.folder / "tiny_devkit.tar.gz", labels),
        (3, tiny.folder / "tiny_img_train.tar", tree / "train"),
        (5, tiny.folder / "tiny_img_val.tar", labels, tree / "val"),
    ):
        assert run_script(*words).returncode == 0
    report = kilotar.prepare(tmp_path / "root", source=tiny.folder, edition=str(tiny.toml))
    deep = kilotar.verify(tmp_path / "root", level="deep")

    ended = run_script(7, tree, labels)

    named = {line.split("\t")[0].split("/")[-1] for line in ended.stdout.splitlines() if "\t" in line}
    findings = json.dumps([str(finding) for each in (report, deep) for finding in each.findings])
    assert ended.returncode == 1
    assert len(named) == len(flaws)
    assert [name for name in named if name not in findings] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tree: (tree / "train" / "n00000000").mkdir(), "train/n00000000\tis no class of this kit"),
        (lambda tree: next((tree / "val").rglob("*.JPEG")).unlink(), "\tmissing"),
        (lambda tree: shutil.rmtree(next((tree / "train").iterdir())), "\t0 images, 20 expected"),
        (lambda tree: next((tree / "train").rglob("*.JPEG")).with_suffix(".txt").touch(), ".txt\tdoes not belong here"),
    ],
)
def test_the_check_of_a_tree_sees_what_was_changed(
    tmp_path: Path, root: Path, labels: Path, change: object, told: str
) -> None:
    for split in ("train", "val"):
        shutil.copytree(root / split, tmp_path / split)
    change(tmp_path)  # type: ignore[operator]

    ended = run_script(7, tmp_path, labels)

    assert ended.returncode == 1
    assert told in ended.stdout and "; 1 problems\n" in ended.stdout
