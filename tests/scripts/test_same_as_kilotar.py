"""The plain lane gives what kilotar gives, byte for byte, under every Python from 3.6 on that is here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny
from kilotar.model.pieces import PieceTable, Torrent
from kilotar.parse.torrent import make_torrent, parse_torrent, write_torrent
from tests.scripts.conftest import files, run_script

PIECE_BYTES = 16 << 10


def find_pythons() -> Iterator[str]:
    """Give this Python, and those of 3.6, 3.7 and 3.8 that run: a shim may stand for one that is not there.

    None of the old ones has to be here; what does not need them is in test_form.py.
    """
    yield sys.executable
    homes = (Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions").glob("3.[678].*/bin/python")
    named = [shutil.which(f"python3.{minor}") for minor in (6, 7, 8)]
    seen = set()
    for path in [*map(str, sorted(homes)), *filter(None, named)]:
        command = [path, "-c", "import sys, zlib; print('%d.%d' % sys.version_info[:2])"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        version = ended.stdout.strip()
        if ended.returncode == 0 and version in {"3.6", "3.7", "3.8"} - seen:
            seen.add(version)
            yield path


PYTHONS = tuple(find_pythons())


@pytest.fixture(params=PYTHONS, ids=lambda path: "this" if path == sys.executable else path)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def torrent(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Torrent]:
    """Give the .torrent of the training archive."""
    archive = tiny.folder / "tiny_img_train.tar"
    made = make_torrent(table_of(archive), (("http://127.0.0.1:1/announce",),), ("http://127.0.0.1:1/seed",))
    path = tmp_path_factory.mktemp("torrents") / "train.torrent"
    path.write_bytes(write_torrent(made))
    return path, made


def table_of(archive: Path) -> PieceTable:
    import hashlib

    data = archive.read_bytes()
    sha1s = [hashlib.sha1(data[at : at + PIECE_BYTES]).digest() for at in range(0, len(data), PIECE_BYTES)]
    return PieceTable(archive.name, len(data), PIECE_BYTES, b"".join(sha1s))


def test_the_first_script_reads_of_a_torrent_what_kilotar_reads(python: str, torrent: tuple[Path, Torrent]) -> None:
    path, made = torrent
    table = parse_torrent(path.read_bytes(), infohash=made.table.infohash).table

    ended = run_script(1, path, "--pieces", python=python)

    assert ended.returncode == 0, ended.stderr
    head, rows = ended.stdout.splitlines()[:6], ended.stdout.splitlines()[6:]
    assert head == [
        f"name      {table.name}",
        f"size      {table.size_bytes} bytes",
        f"infohash  {table.infohash}",
        f"pieces    {table.count} of {PIECE_BYTES} bytes, each with its SHA-1",
        "tracker   http://127.0.0.1:1/announce",
        "web seed  http://127.0.0.1:1/seed",
    ]
    stops = [min((piece + 1) * PIECE_BYTES, table.size_bytes) for piece in range(table.count)]
    assert rows == [
        f"{piece}\t{piece * PIECE_BYTES}\t{stop}\t{table.sha1s[20 * piece : 20 * piece + 20].hex()}"
        for piece, stop in enumerate(stops)
    ]


def test_the_second_script_proves_a_whole_archive_and_names_what_is_wrong_in_another(
    python: str, torrent: tuple[Path, Torrent], tiny: Tiny, tmp_path: Path
) -> None:
    path, made = torrent
    archive = tiny.folder / "tiny_img_train.tar"
    good = run_script(2, archive, path, python=python)
    data = bytearray(archive.read_bytes())
    data[PIECE_BYTES + 7] ^= 1
    data[3 * PIECE_BYTES : 5 * PIECE_BYTES] = bytes(2 * PIECE_BYTES)
    (tmp_path / "part").write_bytes(data[: -PIECE_BYTES // 2])

    bad = run_script(2, tmp_path / "part", path, "-j", 3, python=python)

    count, size = made.table.count, made.table.size_bytes
    first = (size - PIECE_BYTES // 2) // PIECE_BYTES  # of the pieces that are not whole
    assert (good.returncode, good.stdout) == (0, f"all of {count} pieces are right\n"), good.stderr
    assert bad.returncode == 1
    assert bad.stdout.splitlines() == [
        f"bad\tpieces 1 to 1\tbytes {PIECE_BYTES} to {2 * PIECE_BYTES}",
        f"zeros\tpieces 3 to 4\tbytes {3 * PIECE_BYTES} to {5 * PIECE_BYTES}",
        f"missing\tpieces {first} to {count - 1}\tbytes {first * PIECE_BYTES} to {size}",
        f"{first - 3} of {count} pieces are right",
    ]


def test_the_third_script_unpacks_the_tree_of_kilotar(python: str, tiny: Tiny, root: Path, tmp_path: Path) -> None:
    ended = run_script(3, tiny.folder / "tiny_img_train.tar", tmp_path / "train", python=python)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"4 of 4 classes, 80 images in {tmp_path / 'train'}"
    assert files(tmp_path / "train") == files(root / "train")


def test_the_fourth_script_writes_the_lists_of_kilotar(python: str, tiny: Tiny, root: Path, tmp_path: Path) -> None:
    ended = run_script(4, tiny.folder / "tiny_devkit.tar.gz", tmp_path, python=python)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"4 classes, 9 images, the first of labels {[*tiny.edition.val_labels[:3]]}\n"
    counts = "".join(f"{synset.wnid}\t{synset.train_images}\n" for synset in tiny.edition.classes)
    assert files(tmp_path) == {
        "classes.tsv": (root / "lists/classes.tsv").read_bytes(),
        "val.txt": (root / "lists/caffe/val.txt").read_bytes(),
        "synsets.txt": (root / "lists/caffe/synsets.txt").read_bytes(),
        "synset_words.txt": (root / "lists/caffe/synset_words.txt").read_bytes(),
        "map_clsloc.txt": (root / "ILSVRC2015/devkit/data/map_clsloc.txt").read_bytes(),
        "counts.tsv": counts.encode(),
    }


def test_the_fifth_script_sorts_the_archive_as_kilotar_does(
    python: str, tiny: Tiny, labels: Path, root: Path, tmp_path: Path
) -> None:
    ended = run_script(5, tiny.folder / "tiny_img_val.tar", labels, tmp_path / "val", python=python)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"9 images in 4 classes in {tmp_path / 'val'}\n"
    assert files(tmp_path / "val") == files(root / "val")


def test_the_sixth_script_makes_the_tree_of_2015_as_kilotar_does(
    python: str, tiny: Tiny, labels: Path, root: Path, tmp_path: Path
) -> None:
    boxes = ["--boxes-train", tiny.folder / "tiny_bbox_train.tar.gz", "--boxes-val", tiny.folder / "tiny_bbox_val.tgz"]

    ended = run_script(6, root, labels, tmp_path, *boxes, python=python)

    assert (ended.returncode, ended.stdout) == (0, "80 train, 9 val, 3 test\n"), ended.stderr
    assert files(tmp_path / "ILSVRC2015") == files(root / "ILSVRC2015")


def test_the_seventh_script_finds_nothing_where_kilotar_finds_nothing(python: str, labels: Path, root: Path) -> None:
    ended = run_script(7, root, labels, python=python)

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout == "80 train, 9 val images; known odd ones: 0 CMYK, 0 PNG; 0 problems\n"


def test_the_eighth_script_lists_archives_as_kilotar_does(
    python: str, tiny: Tiny, labels: Path, root: Path, tmp_path: Path
) -> None:
    sources = ["--train", tiny.folder / "tiny_img_train.tar", "--val", tiny.folder / "tiny_img_val.tar"]

    ended = run_script(8, labels, tmp_path, *sources, python=python)

    assert ended.returncode == 0, ended.stderr
    made = files(root / "recordio")
    assert files(tmp_path) == {name: made[name] for name in ("train.lst", "val.lst")}


def test_the_eighth_script_lists_a_tree_by_class_and_name(labels: Path, root: Path, tmp_path: Path) -> None:
    run_script(8, labels, tmp_path, "--train", root / "train", "--val", root / "val")

    rows = [line.split("\t") for line in (tmp_path / "val.lst").read_text().splitlines()]
    assert [row[2] for row in rows] == sorted(path.removeprefix("val/") for path in files(root) if path[:4] == "val/")
    assert (tmp_path / "train.lst").read_bytes() == (root / "recordio/train.lst").read_bytes()


def test_the_eighth_script_shuffles_by_its_seed_alone(labels: Path, root: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run_script(8, labels, tmp_path / name, "--train", root / "train", "--shuffle", seed)
    lists = [(tmp_path / name / "train.lst").read_text().splitlines() for name in "abc"]

    assert lists[0] == lists[1] != lists[2]
    rows = [sorted(line.split("\t")[1:] for line in each) for each in lists]
    assert rows[0] == rows[2]
    assert [line.split("\t")[0] for line in lists[0]] == [str(number) for number in range(80)]


@pytest.mark.parametrize("table", ["meta", "map"])
def test_the_fourth_script_reads_the_kits_of_2013_to_2017(tiny: Tiny, labels: Path, tmp_path: Path, table: str) -> None:
    from tests.sources.test_devkit import later_kit, written

    left_out = ".mat" if table == "map" else "map_clsloc.txt"
    kit = {name: data for name, data in later_kit(tiny).items() if not name.endswith(left_out)}
    truth = "".join(f"{tiny.edition.classes[label].ilsvrc_id}\n" for label in tiny.edition.val_labels)
    assert truth.encode() in kit.values()

    ended = run_script(4, written(tmp_path, kit, "kit.tar.gz"), tmp_path / "out")

    assert ended.returncode == 0, ended.stderr
    found, expected = files(tmp_path / "out"), files(labels)
    if table == "map":  # which has the first word of a class alone, and no counts
        assert found.pop("counts.tsv") == b""
        for name in ("classes.tsv", "synset_words.txt", "counts.tsv"):
            del expected[name]
        first = [synset.lemmas[0] for synset in tiny.edition.classes]
        assert [row.split("\t")[4] for row in found.pop("classes.tsv").decode().splitlines()][1:] == first
        del found["synset_words.txt"]
    assert found == expected


def test_the_fourth_script_reads_the_published_kit(shared_folder: Path, tmp_path: Path) -> None:
    from kilotar.editions import load_edition

    ended = run_script(4, shared_folder / "facts" / "ILSVRC2012_devkit_t12.tar.gz", tmp_path)

    assert ended.stdout == "1000 classes, 50000 images, the first of labels [65, 970, 230]\n", ended.stderr
    edition = load_edition("ilsvrc2012")
    rows = [line.split("\t") for line in (tmp_path / "classes.tsv").read_text("utf-8").splitlines()][1:]
    assert rows == [[s.wnid, str(s.label), str(s.label), str(s.ilsvrc_id), s.words] for s in edition.classes]
    labels = [int(line.split()[1]) for line in (tmp_path / "val.txt").read_text().splitlines()]
    assert tuple(labels) == edition.val_labels
    counts = [int(line.split()[1]) for line in (tmp_path / "counts.tsv").read_text().splitlines()]
    assert counts == [synset.train_images for synset in edition.classes]


def test_the_known_odd_images_are_those_of_the_edition() -> None:
    import runpy

    from kilotar.editions import load_edition
    from tests.scripts.conftest import SCRIPTS

    names = runpy.run_path(str(SCRIPTS / "07_check_tree.py"))
    edition = load_edition("ilsvrc2012")

    assert (names["CMYK"], names["PNG"]) == (edition.cmyk, edition.png)


def test_the_first_script_finds_the_published_titles_and_takes_the_torrent_home(
    torrent: tuple[Path, Torrent], tmp_path: Path
) -> None:
    from tests.doubles.webs import answer, web

    path, made = torrent
    other = replace(made.table, infohash="0" * 40)
    items = "".join(
        f"<item><title>{title}</title><category>Dataset</category><infohash>{infohash}</infohash><size>5</size></item>"
        for title, infohash in (
            ("ImageNet LSVRC 2012 Training Set (Object Detection)", made.table.infohash),
            ("ImageNet LSVRC 2014", other.infohash),
            ("ImageNet LSVRC 2012 without a hash", ""),
        )
    )
    with web() as server:
        server.says["/database.xml"] = answer(f"<rss><channel>{items}</channel></rss>".encode())
        server.says["/x.torrent"] = answer(path.read_bytes())
        server.says["/page"] = answer(b"<!DOCTYPE html><html><body>log in</body></html>")
        found = run_script(1, f"{server.url}/database.xml", "imagenet", "2012")
        none = run_script(1, f"{server.url}/database.xml", "cifar")
        kept = run_script(1, f"{server.url}/x.torrent", "--save", tmp_path / "x.torrent")
        page = run_script(1, f"{server.url}/page", "--save", tmp_path / "page")
        gone = run_script(1, f"{server.url}/gone")

    assert found.stdout.split("  ")[0] == made.table.infohash and len(found.stdout.splitlines()) == 1
    assert (none.returncode, none.stdout) == (1, "")
    assert kept.returncode == 0 and (tmp_path / "x.torrent").read_bytes() == path.read_bytes()
    assert page.returncode == 1 and "DOCTYPE" in page.stderr
    assert gone.returncode == 2 and "404" in gone.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.torrent"]
