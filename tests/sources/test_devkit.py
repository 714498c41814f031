"""Development kits of every form, whole and spoilt."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from kilotar.editions import load_edition
from kilotar.editions.kit_lists import ground_truth_lines, map_clsloc_lines
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.editions.tiny_kit import kit_files
from kilotar.errors import ArchiveRefused, KilotarError, LabelsRefused, MachineError
from kilotar.parse.devkit import Kit, compare_kit
from kilotar.sources.devkit import read_kit
from tests.budget import budget
from tests.doubles import mats
from tests.doubles.tars import tar

TRUTH = "ILSVRC2015_clsloc_validation_ground_truth.txt"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("tiny"), classes=4, val=8)


def later_kit(tiny: Tiny, year: str = "2015") -> dict[str, bytes]:
    """Give the files of a kit of 2013 to 2017."""
    rows = sorted(tiny.edition.classes, key=lambda synset: synset.ilsvrc_id)
    table = [(each.ilsvrc_id, each.wnid, each.words, each.gloss, each.train_images) for each in rows]
    folder = f"ILSVRC{year}/devkit/data"
    return {
        f"{folder}/map_clsloc.txt": "".join(map_clsloc_lines(tiny.edition)).encode(),
        f"{folder}/meta_clsloc.mat": mats.synsets(table, f"{year}_CLSLOC"),
        f"{folder}/ILSVRC{year}_clsloc_validation_ground_truth.txt": "".join(ground_truth_lines(tiny.edition)).encode(),
        f"{folder}/ILSVRC{year}_clsloc_validation_blacklist.txt": b"2\n5\n",
        f"{folder}/map_det.txt": b"not read\n",
        f"{folder}/._meta_clsloc.mat": b"not read",
    }


def written(folder: Path, files: Mapping[str, bytes], name: str) -> Path:
    """Write files as a .tar, a .tar.gz or a folder, by the name."""
    path = folder / name
    if not name.endswith((".tar", ".gz", ".tgz")):
        for inner, data in files.items():
            (path / inner).parent.mkdir(parents=True, exist_ok=True)
            (path / inner).write_bytes(data)
        return path
    data = tar((inner.encode(), data) for inner, data in files.items())
    path.write_bytes(data if name.endswith(".tar") else gzip.compress(data, mtime=0))
    return path


def without_names(kit: Kit) -> tuple[object, ...]:
    return kit.classes, kit.internal, kit.val_ilsvrc_ids, kit.blacklist


@pytest.mark.parametrize("name", ["kit.tar.gz", "kit.tgz", "kit.tar"])
def test_the_kit_of_2012_agrees_with_its_edition_in_every_form(tiny: Tiny, tmp_path: Path, name: str) -> None:
    kit = read_kit(written(tmp_path, kit_files(tiny.edition), name))
    assert compare_kit(kit, tiny.edition) == ()
    assert without_names(kit) == without_names(read_kit(tiny.folder / "tiny_devkit.tar.gz"))
    assert len(kit.internal) == len(tiny.edition.internal)


@pytest.mark.parametrize("below", [".", "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12/data"])
def test_an_unpacked_kit_is_found_from_three_folders(tiny: Tiny, tmp_path: Path, below: str) -> None:
    kit = read_kit(written(tmp_path, kit_files(tiny.edition), "folder") / below)
    assert compare_kit(kit, tiny.edition) == ()


@pytest.mark.parametrize("year", ["2013", "2014", "2015", "2016", "2017"])
def test_a_later_kit_agrees_with_the_edition(tiny: Tiny, tmp_path: Path, year: str) -> None:
    kit = read_kit(written(tmp_path, later_kit(tiny, year), f"ILSVRC{year}_devkit.tgz"))
    assert compare_kit(kit, tiny.edition) == ()
    assert kit.blacklist == (2, 5) and kit.internal == ()
    assert kit.classes[0].train_images == 4


def test_a_later_kit_without_its_table_is_read_from_its_map(tiny: Tiny, tmp_path: Path) -> None:
    files = {name: data for name, data in later_kit(tiny).items() if not name.endswith("meta_clsloc.mat")}
    kit = read_kit(written(tmp_path, files, "kit.tar"))
    assert compare_kit(kit, tiny.edition) == ()
    assert kit.table_file == "map_clsloc.txt" and kit.classes[0].train_images == -1


def test_a_kit_that_differs_is_read_and_told_line_by_line(tiny: Tiny, tmp_path: Path) -> None:
    files = later_kit(tiny)
    name = f"ILSVRC2015/devkit/data/{TRUTH}"
    lines = files[name].split()
    lines[4] = b"%d" % (int(lines[4]) % 4 + 1)
    files[name] = b"\n".join(lines) + b"\n"
    (finding,) = compare_kit(read_kit(written(tmp_path, files, "kit.tar")), tiny.edition)
    assert finding.where == f"{TRUTH}, line 5"


def spoilt(tiny: Tiny, **changes: bytes | None) -> dict[str, bytes]:
    """Give a later kit with files replaced by the first word of their name, or left out."""
    files = later_kit(tiny)
    short = {"truth": TRUTH, "map": "map_clsloc.txt", "meta": "meta_clsloc.mat"}
    short["blacklist"] = "ILSVRC2015_clsloc_validation_blacklist.txt"
    for word, data in changes.items():
        name = f"ILSVRC2015/devkit/data/{short[word]}"
        if data is None:
            del files[name]
        else:
            files[name] = data
    return files


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"truth": None}, "is no development kit"),
        ({"map": None, "meta": None}, "is no development kit"),
        ({"truth": b"1\n5\n"}, f"{TRUTH}, line 2: must be a number from 1 to 4"),
        ({"truth": b""}, f"{TRUTH} is empty"),
        ({"truth": b"1\r\n"}, f"{TRUTH}, line 1: a carriage return"),
        ({"map": b"n00000001 1 a\n"}, "map_clsloc.txt: has 1 classes"),
        ({"map": b"a\n"}, "map_clsloc.txt, line 1"),
        ({"blacklist": b"9\n"}, "blacklist.txt, line 1: must be a number from 1 to 8"),
        ({"meta": b"text"}, "meta_clsloc.mat: is no little-endian MAT file"),
        ({"meta": mats.HEADER + mats.number(1)}, "meta_clsloc.mat has no struct named synsets"),
        ({"meta": mats.HEADER + mats.matrix(6, (1, 1), mats.element(9, bytes(8)), name=b"synsets")}, "no struct named"),
        ({"meta": mats.HEADER + mats.struct_of([b"a"], (0, 0), [], name=b"synsets")}, "meta_clsloc.mat cannot be read"),
        ({"meta": mats.HEADER + mats.struct_of([b"a"], (1, 1), [mats.number(1)], name=b"synsets")}, "must have one"),
        ({"meta": mats.synsets([(1, "n1", "a", "", 3), (2, "n2", "b", "", 3)])}, "its WNID must be n and eight"),
        ({"meta": mats.synsets([(1, "n00000001", "a", "", 3), (1, "n00000002", "b", "", 3)])}, "stands twice"),
        ({"meta": mats.synsets([(1, "n00000001", "a", "", 3), (3, "n00000002", "b", "", 3)])}, "must be 1 to 2"),
    ],
    ids=range(16),
)
def test_a_spoilt_kit_is_refused_with_file_and_line(
    tiny: Tiny, tmp_path: Path, changes: dict[str, bytes | None], named: str
) -> None:
    with budget(), pytest.raises(LabelsRefused) as caught:
        read_kit(written(tmp_path, spoilt(tiny, **changes), "kit.tar"))
    assert named in str(caught.value)


def test_a_file_that_stands_twice_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    files = later_kit(tiny) | {"elsewhere/map_clsloc.txt": b"n00000001 1 a\n"}
    with pytest.raises(LabelsRefused, match="two files for its map"):
        read_kit(written(tmp_path, files, "kit.tar"))


@pytest.mark.parametrize(("name", "packed"), [("kit.tar.gz", False), ("kit.tgz", False), ("kit.tar", True)])
def test_a_name_that_says_something_else_is_refused(tiny: Tiny, tmp_path: Path, name: str, packed: bool) -> None:
    data = tar((inner.encode(), data) for inner, data in later_kit(tiny).items())
    (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(ArchiveRefused, match="not what its name says"):
        read_kit(tmp_path / name)


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", ["kit.tar", "kit.tar.gz"])
def test_a_kit_cut_short_is_refused(tiny: Tiny, tmp_path: Path, name: str, cut: float) -> None:
    path = written(tmp_path, later_kit(tiny), name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with budget(), pytest.raises(ArchiveRefused):
        read_kit(path)


def test_an_endless_kit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kit.tar.gz").write_bytes(gzip.compress(bytes(70 << 20), 1))
    with budget(5.0, megabytes=150), pytest.raises(ArchiveRefused, match="expands to more than"):
        read_kit(tmp_path / "kit.tar.gz")
    with (tmp_path / "kit.tar").open("wb") as file:
        file.truncate(1 << 40)
    with budget(5.0, megabytes=150), pytest.raises(LabelsRefused, match="too long"):
        read_kit(tmp_path / "kit.tar")


def test_a_kit_that_is_not_there_is_the_machines_error(tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        read_kit(tmp_path / "none.tar.gz")


def test_links_and_names_that_climb_do_no_harm(tiny: Tiny, tmp_path: Path) -> None:
    files = {f"../../{name}": data for name, data in later_kit(tiny).items()}
    before = sorted(tmp_path.parent.iterdir())
    assert compare_kit(read_kit(written(tmp_path, files, "kit.tar")), tiny.edition) == ()
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_damaged_kit_is_read_or_refused_and_never_anything_else(tiny: Tiny, tmp_path: Path) -> None:
    data = bytearray(written(tmp_path, later_kit(tiny), "kit.tar").read_bytes())
    for at in range(0, len(data), 97):
        was, data[at] = data[at], data[at] ^ 0x55
        (tmp_path / "kit.tar").write_bytes(data)
        data[at] = was
        try:
            read_kit(tmp_path / "kit.tar")
        except KilotarError as error:
            assert error.exit_code == 8, error


def test_the_published_kit_agrees_with_the_bundled_truth_on_every_line(shared_folder: Path) -> None:
    path = shared_folder / "facts" / "ILSVRC2012_devkit_t12.tar.gz"
    edition = load_edition("ilsvrc2012")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == edition.archive(path.name).sha256
    kit = read_kit(path)
    assert (len(kit.classes), len(kit.internal), len(kit.val_ilsvrc_ids)) == (1000, 860, 50_000)
    assert compare_kit(kit, edition) == ()
