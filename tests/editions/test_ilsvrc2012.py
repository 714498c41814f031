"""The facts of the published release, as others published them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time

import pytest

from kilotar.editions import edition_names, load_edition
from kilotar.editions.kit_lists import ground_truth_lines, map_clsloc_lines
from kilotar.model.edition import ArchiveRole, Edition, Layout
from kilotar.model.sample import Split


@pytest.fixture(scope="module")
def edition() -> Edition:
    return load_edition("ilsvrc2012")


def test_the_first_validation_images_have_the_known_labels(edition: Edition) -> None:
    assert edition.val_labels[:3] == (65, 970, 230)
    assert edition.label_probes == ((1, 65), (2, 970), (3, 230))
    assert edition.val_wnid(1) == "n01751748"


def test_the_counts_are_the_published_ones(edition: Edition) -> None:
    assert sum(synset.train_images for synset in edition.classes) == 1_281_167
    assert edition.counts == {Split.TRAIN: 1_281_167, Split.VAL: 50_000, Split.TEST: 100_000}
    assert (len(edition.classes), len(edition.internal), len(edition.val_labels)) == (1000, 860, 50_000)


def test_every_class_has_fifty_validation_images(edition: Edition) -> None:
    assert {edition.val_labels.count(label) for label in (0, 1, 500, 998, 999)} == {50}


def test_labels_are_ranks_of_sorted_wnids_and_no_kit_number_agrees_with_one(edition: Edition) -> None:
    assert [synset.wnid for synset in edition.classes] == sorted(synset.wnid for synset in edition.classes)
    assert [synset.label for synset in edition.classes] == list(range(1000))
    assert not [synset for synset in edition.classes if synset.ilsvrc_id - 1 == synset.label]


def test_the_anchors_of_both_orders_hold(edition: Edition) -> None:
    assert edition.classes[0].wnid == "n01440764" and edition.classes[0].ilsvrc_id == 449
    assert edition.by_wnid["n02119789"].ilsvrc_id == 1
    assert edition.by_wnid["n02119789"].words == "kit fox, Vulpes macrotis"
    assert edition.internal[0].ilsvrc_id == 1001 and edition.internal[0].words == "entity"


def test_the_lists_of_the_kit_come_out_byte_for_byte(edition: Edition) -> None:
    made = {name: "".join(lines(edition)) for name, lines in (("map", map_clsloc_lines), ("truth", ground_truth_lines))}
    digests = {name: hashlib.md5(text.encode()).hexdigest() for name, text in made.items()}
    assert digests == {"map": "95c373dfc73b1b467fb7fa8d41f2a3a8", "truth": "1cfce2418d86c664c2e10863eecd0aa3"}


def test_the_torrents_have_a_site_and_trackers(edition: Edition) -> None:
    assert edition.torrent_site.startswith("https://")
    assert {url.partition(":")[0] for url in edition.trackers} == {"https", "udp"}
    assert {"ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"} <= {
        archive.name for archive in edition.archives if archive.infohash
    }


def test_the_23_odd_images_are_known(edition: Edition) -> None:
    assert len(edition.cmyk) == 22 and "n01739381_1309.JPEG" in edition.cmyk
    assert edition.png == {"n02105855_2933.JPEG"}


def test_named_subsets_carry_their_source_and_digest(edition: Edition) -> None:
    sizes = {subset.name: len(subset.wnids) for subset in edition.subsets}
    assert sizes == {"imagenette": 10, "imagewoof": 10, "imagenet100": 100}
    for subset in edition.subsets:
        assert hashlib.sha256("".join(f"{wnid}\n" for wnid in subset.wnids).encode()).hexdigest() == subset.sha256
        assert subset.source


@pytest.mark.parametrize(
    ("name", "size_bytes", "md5"),
    [
        ("ILSVRC2012_img_train.tar", 147_897_477_120, "1d675b47d978889d74fa0da5fadfb00e"),
        ("ILSVRC2012_img_val.tar", 6_744_924_160, "29b22e2961454d5413ddabcf34fc5622"),
        ("ILSVRC2012_devkit_t12.tar.gz", 2_568_145, "fa75699e90414af021442c21a62c3abf"),
        ("ILSVRC2012_img_test_v10102019.tar", None, "e1b8681fff3d63731c599df9b4b6fc02"),
        ("ILSVRC2012_bbox_train_v2.tar.gz", None, "9271167e2176350e65cfe4e546f14b17"),
        ("ILSVRC2012_bbox_val_v3.tgz", None, "f4cd18b5ea29fe6bbea62ec9c20d80f0"),
    ],
)
def test_archives_have_the_published_sizes_and_digests(
    edition: Edition, name: str, size_bytes: int | None, md5: str
) -> None:
    archive = edition.archive(name)
    assert (archive.size_bytes, archive.md5) == (size_bytes, md5)
    assert archive.summary and archive.source and archive.urls


def test_archives_looked_for_unasked_are_train_val_kit_and_their_boxes(edition: Edition) -> None:
    assert {archive.name for archive in edition.archives if archive.default} == {
        "ILSVRC2012_img_train.tar",
        "ILSVRC2012_img_val.tar",
        "ILSVRC2012_devkit_t12.tar.gz",
        "ILSVRC2012_bbox_train_v2.tar.gz",
        "ILSVRC2012_bbox_val_v3.tgz",
    }


@pytest.mark.parametrize(
    ("archive", "name", "matches"),
    [
        ("ILSVRC2012_img_train.tar", "n01440764_10026.JPEG", True),
        ("ILSVRC2012_img_train.tar", "n01440764_010.JPEG", False),
        ("ILSVRC2012_img_train.tar", "n01440764_1.jpg", False),
        ("ILSVRC2012_img_train.tar", "n0144076٤_1.JPEG", False),
        ("ILSVRC2012_img_val.tar", "ILSVRC2012_val_00000001.JPEG", True),
        ("ILSVRC2012_img_val.tar", "ILSVRC2012_val_1.JPEG", False),
        ("ILSVRC2012_img_test_v10102019.tar", "ILSVRC2012_test_00100000.JPEG", True),
    ],
)
def test_member_names_are_matched_whole(edition: Edition, archive: str, name: str, matches: bool) -> None:
    assert bool(edition.archive(archive).member_pattern().fullmatch(name)) is matches


def test_archives_that_are_not_read_are_told_apart(edition: Edition) -> None:
    assert edition.archive("ILSVRC2017_CLS-LOC.tar.gz").role is ArchiveRole.OTHER
    assert edition.archive("ILSVRC2012_img_train.tar").layout is Layout.TAR_OF_TARS
    assert re.fullmatch("[0-9a-f]{40}", edition.archive("ILSVRC2012_img_val.tar").infohash)


def test_the_edition_is_found_by_name_and_read_once() -> None:
    assert edition_names() == ("ilsvrc2012", "ilsvrc2014-det", "ilsvrc2017-det")
    assert load_edition("ilsvrc2012") is load_edition("ilsvrc2012")


def test_importing_the_package_reads_no_edition() -> None:
    code = (
        "import sys; opened = []; sys.addaudithook(lambda e, a: opened.append(a[0]) if e == 'open' else None);"
        "import kilotar.editions; print([p for p in opened if 'ilsvrc2012' in str(p)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_is_cheap() -> None:
    from kilotar.editions import load

    load._load.cache_clear()
    started = time.perf_counter()
    load_edition("ilsvrc2012")
    assert time.perf_counter() - started < 1.0  # 0.025 s measured; the bound only tells a parse from a disaster
