"""Editions out of TOML files: what is missing, wrong or contradictory is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.editions import load_edition
from kilotar.errors import EditionRefused, UsageError
from kilotar.model.edition import Layout, Strictness
from kilotar.model.sample import Split
from tests.budget import budget

WHOLE = """\
name = "mine"
torrent_site = "https://example.org/at"
trackers = ["udp://example.org:6969/announce"]
val_ilsvrc_ids = [2, 1, 2]
label_probes = [[1, 1]]
cmyk = ["n00000001_3.JPEG"]

[counts]
train = 7
val = 3

[[classes]]
wnid = "n00000001"
ilsvrc_id = 1
words = "one, uno"
parents = ["n00000009"]
train_images = 3

[[classes]]
wnid = "n00000002"
ilsvrc_id = 2
words = "two"
parents = ["n00000009"]
train_images = 4

[[classes]]
wnid = "n00000009"
ilsvrc_id = 3
words = "number"

[[subsets]]
name = "first"
wnids = ["n00000001"]

[[archives]]
name = "train.tar"
role = "images"
split = "train"
layout = "tar-of-tars"
member = '(?P<wnid>n\\d{8})_\\d+\\.JPEG'
images = 7
size_bytes = 10240
md5 = "00000000000000000000000000000000"
strictness = { directories = true }
default = true
"""
Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes an edition file and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_whole_file_is_read(write: Write) -> None:
    edition = load_edition(write(WHOLE))
    assert [synset.wnid for synset in edition.classes] == ["n00000001", "n00000002"]
    assert edition.val_labels == (1, 0, 1)
    assert edition.counts == {Split.TRAIN: 7, Split.VAL: 3}
    archive = edition.archive("train.tar")
    assert (archive.layout, archive.size_bytes, archive.default) == (Layout.TAR_OF_TARS, 10240, True)
    assert archive.strictness == Strictness(directories=True)
    assert edition.torrent_site == "https://example.org/at"
    assert edition.trackers == ("udp://example.org:6969/announce",)
    assert edition.internal[0].words == "number" and edition.cmyk == {"n00000001_3.JPEG"}


def test_wnids_alone_are_enough_and_are_numbered_in_their_order(write: Write) -> None:
    edition = load_edition(write('name = "bare"\n[[classes]]\nwnid = "n00000005"\n[[classes]]\nwnid = "n00000003"\n'))
    assert [(synset.wnid, synset.label, synset.ilsvrc_id) for synset in edition.classes] == [
        ("n00000003", 0, 1),
        ("n00000005", 1, 2),
    ]


def test_a_changed_file_is_read_again(write: Write) -> None:
    assert load_edition(write(WHOLE)).name == "mine"
    assert load_edition(write(WHOLE.replace('"mine"', '"yours"'))).name == "yours"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "mine"\n', "", "field name: is missing"),
        ('name = "mine"', "name = 7", "field name"),
        ('name = "mine"', 'name = "../mine"', "field name"),
        ('name = "mine"', 'nam = "mine"\nname = "mine"', "field nam: is not known; did you mean name?"),
        ('"n00000001"\nilsvrc_id', '"n0000001"\nilsvrc_id', "classes[0], field wnid"),
        ('"n00000001"\nilsvrc_id', '"n00000002"\nilsvrc_id', "n00000002: its wnid or ilsvrc_id stands twice"),
        ("ilsvrc_id = 2", "ilsvrc_id = 1", "stands twice"),
        ("ilsvrc_id = 2\n", "", "either all have an ilsvrc_id or none"),
        ("ilsvrc_id = 2", "ilsvrc_id = 4", "must be 1 to 2, each once"),
        ("ilsvrc_id = 2", "ilsvrc_id = true", "classes[1], field ilsvrc_id"),
        ('"n00000009"]\ntrain_images = 3', '"n00000008"]\ntrain_images = 3', "parent that is not in the table"),
        ('words = "number"', 'words = "number"\nparents = ["n00000001"]', "is its own ancestor"),
        ('words = "two"', 'words = "two\\u001b[2J"', "classes[1], field words"),
        ("https://example.org/at", "example.org", "field torrent_site"),
        ("https://example.org/at", "file:///etc", "field torrent_site"),
        ("https://example.org/at", "https://example.org/?a=", "field torrent_site"),
        ("udp://example.org:6969", "wss://example.org", "field trackers"),
        ("train_images = 3", "train_images = -3", "classes[0], field train_images"),
        ("train = 7", "train = 8", "counts.train: the classes and lists say 7"),
        ("val = 3", "val = 4", "counts.val: the classes and lists say 3"),
        ("val = 3", "vol = 3", "field vol: is not known"),
        ("[2, 1, 2]", "[2, 3, 2]", "val_ilsvrc_ids, line 2"),
        ("[2, 1, 2]", "[2, 1, 0]", "val_ilsvrc_ids, line 3"),
        ("[2, 1, 2]", '[2, "1", 2]', "val_ilsvrc_ids, line 2"),
        ("[2, 1, 2]", '"../truth.txt"', "field val_ilsvrc_ids"),
        ("[2, 1, 2]", '"/etc/passwd"', "field val_ilsvrc_ids"),
        ("[2, 1, 2]", '"truth.txt"', "truth.txt of the edition is not there"),
        ("[[1, 1]]", "[[1, 0]]", "val 1 has not the label 0"),
        ("[[1, 1]]", "[[9, 0]]", "val 9"),
        ("[[1, 1]]", "[1, 1]", "label_probes"),
        ("tar-of-tars", "tarball", "field layout: must be one of"),
        ("tar-of-tars", "flat-tar", "field layout: a tar-of-tars"),
        ('role = "images"', 'role = "pictures"', "field role: must be one of"),
        ('split = "train"\n', "", "field split: is missing"),
        ("(?P<wnid>n", "(n", "field member: has no group wnid"),
        ("(?P<wnid>n", "(?P<wnid>n(", "field member: is no regular expression"),
        ("images = 7\nsize", "images = 6\nsize", "train.tar, field images: counts.train differs"),
        ("size_bytes = 10240", 'size_bytes = "10240"', "archives[0], field size_bytes"),
        ("size_bytes = 10240", "size_bytes = -1", "archives[0], field size_bytes"),
        ('md5 = "0', 'md5 = "g', "archives[0], field md5"),
        ("directories = true", "everything = true", "field everything: is not known"),
        ("directories = true", 'directories = "yes"', "field directories: must be true or false"),
        ('name = "train.tar"', 'name = "a/../train.tar"', "archives[0], field name"),
        ('wnids = ["n00000001"]', 'wnids = ["n00000009"]', "subsets[0]: must list classes"),
        ('wnids = ["n00000001"]', 'wnids = ["n00000002", "n00000001"]', "subsets[0]: must be sorted"),
        ('name = "first"', f'name = "first"\nsha256 = "{"0" * 64}"', "field sha256: is not the digest"),
        ('name = "mine"', 'name = "mine"\nsynsets = "synsets.tsv"', "stands beside synsets"),
        ('name = "mine"', 'name = "mine', "is not TOML"),
        ('name = "mine"', f"name = {'[' * 20_000}", "is not TOML"),
        ('name = "mine"', f'name = "mine"\nn = {"1" * 5000}', "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(write: Write, old: str, new: str, named: str) -> None:
    assert old in WHOLE
    with budget(), pytest.raises(EditionRefused) as caught:
        load_edition(write(WHOLE.replace(old, new, 1)))
    assert named in str(caught.value)


def test_a_name_that_stands_twice_among_archives_is_refused(write: Write) -> None:
    twice = WHOLE + WHOLE[WHOLE.index("[[archives]]") :]
    with pytest.raises(EditionRefused, match="a name stands twice"):
        load_edition(write(twice))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (b"wnid\tid\n", "synsets.tsv, line 1: must be the columns"),
        (b"n00000001\t1\tone\t\t3\n", "line 2: must have 6 cells"),
        (b"n1\t1\tone\tgloss\t\t3\n", "line 2: the wnid"),
        (b"n00000001\t01\tone\tgloss\t\t3\n", "line 2: ilsvrc_id and train_images"),
        (b"n00000001\t1e0\tone\tgloss\t\t3\n", "line 2: ilsvrc_id and train_images"),
        (b"n00000001\t\xd9\xa1\tone\tgloss\t\t3\n", "line 2: ilsvrc_id and train_images"),
        (b"n00000001\t1\t\tgloss\t\t3\n", "line 2: words and gloss"),
        (b"n00000001\t1\t\xff\tgloss\t\t3\n", "line 2: not utf-8 text"),
        (b"n00000001\t1\tone\tgloss\tn00000007\t3\n", "parent that is not in the table"),
        (b"", "classes: there is none"),
    ],
)
def test_a_table_of_synsets_is_refused_by_line(write: Write, tmp_path: Path, table: bytes, named: str) -> None:
    columns = b"wnid\tilsvrc_id\twords\tgloss\tparents\ttrain_images\n"
    (tmp_path / "synsets.tsv").write_bytes(table if table.startswith(b"wnid") else columns + table)
    with pytest.raises(EditionRefused) as caught:
        load_edition(write('name = "mine"\nsynsets = "synsets.tsv"\n'))
    assert named in str(caught.value)


def test_an_unknown_name_is_answered_with_the_near_one() -> None:
    with pytest.raises(UsageError) as caught:
        load_edition("ilsvrc2011")
    assert "did you mean ilsvrc2012" in caught.value.fix


def test_a_file_that_is_not_there_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no edition file"):
        load_edition(str(tmp_path / "none.toml"))


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with budget(), pytest.raises(EditionRefused, match="too long"):
        load_edition(str(path))


def test_the_example_in_the_docs_is_an_edition(write: Write) -> None:
    page = (Path(__file__).parents[2] / "docs" / "editions.md").read_text("utf-8")
    edition = load_edition(write(page.split("```toml\n")[1].split("```")[0]))
    assert edition.name == "birds" and edition.val_labels == (1, 0)
    assert len(edition.archives) == 2 and len(edition.classes) == 2


PACKED = """\
name = "mine"
is_detection = true

[[classes]]
wnid = "n00000001"

[[archives]]
name = "all.tar.gz"
role = "packed"
lists = 'sets/(?P<split>train|val)\\\\.txt'

[[archives]]
name = "train.tar"
role = "images"
split = "train"
layout = "flat-tar"
within = 'images/train'
member = '\\\\d+\\\\.JPEG'
"""


def test_archives_within_a_packed_one_are_read(write: Write) -> None:
    edition = load_edition(write(PACKED))
    assert [archive.name for archive in edition.packed] == ["all.tar.gz"]
    assert edition.archive("train.tar").within == "images/train"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('role = "packed"', 'role = "other"', "field within: is for images and boxes in an archive of role packed"),
        ("is_detection = true", "is_detection = false", r"has no group wnid|field within: is for editions with"),
        ("(?P<split>train|val)", "(train|val)", "field lists: has no group split"),
        ("'images/train'", "'images/(train'", "field within: is no regular expression"),
        ('layout = "flat-tar"', 'layout = "tar-of-tars"', "field layout"),
        ("within = 'images/train'", "", "field layout"),
    ],
)
def test_what_is_wrong_with_a_packed_archive_is_named(write: Write, old: str, new: str, named: str) -> None:
    assert PACKED.count(old) == 1
    with pytest.raises(EditionRefused, match=named):
        load_edition(write(PACKED.replace(old, new)))
