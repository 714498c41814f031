"""Rules: what was asked for stands whole and proved, or not at all; the same request again goes on where it stopped."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import FLAWS, Tiny, make_tiny
from kilotar.editions.tiny_toml import write_toml
from kilotar.errors import (
    ArchiveRefused,
    Busy,
    DecisionNeeded,
    DigestMismatch,
    LayoutRefused,
    SettingsDiffer,
    UsageError,
)
from kilotar.events import Event, Outcome, Proved, RunEnded, RunStarted, StepEnded
from kilotar.model.edition import Edition
from kilotar.store.lock import hold_lock
from kilotar.work import completing
from tests.work.wishes import ALL, expected_tree, flip, prepare, snapshot, tree_digests, wish

FACTS = Path(".kilotar/exports")


def images(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in tree_digests(root).items() if path.endswith(".JPEG")}


def manifest(root: Path, output: str = "imagefolder") -> dict[str, object]:
    return json.loads((root / FACTS / output / "manifest.json").read_bytes())


def facts_of(root: Path, output: str) -> tuple[bytes, bytes]:
    folder = root / FACTS / output
    return (folder / "manifest.json").read_bytes(), (folder / "files.tsv").read_bytes()


def test_the_first_run_gives_every_image_of_the_truth_and_nothing_else(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []

    report = prepare(root, tiny, events)

    assert images(root) == expected_tree(tiny)
    assert (report.outcome, report.exit_code, report.verified, report.problems) == (Outcome.DONE, 0, True, ())
    assert set(os.listdir(root)) == {"train", "val", "report.json", ".kilotar"}
    assert {event.archive for event in events if isinstance(event, Proved) and event.published} == {
        "tiny_img_train.tar",
        "tiny_img_val.tar",
    }
    assert isinstance(events[-1], RunEnded)


def test_the_report_counts_what_there_is(root: Path, tiny: Tiny) -> None:
    report = prepare(root, tiny)

    assert [(s.split, s.images, s.expected, s.classes) for s in report.splits] == [
        ("train", 12, 12, 3),
        ("val", 6, 6, 3),
    ]
    (output,) = report.outputs
    assert (output.files, output.images, output.linked) == (18, 18, 0)
    assert output.size_bytes == output.written_bytes == sum(s.size_bytes for s in report.splits)
    assert report.labels is not None
    assert report.labels.agrees
    stored = json.loads((root / "report.json").read_bytes())
    assert (stored["outcome"], stored["checked"]) == ("done", 18)


def test_the_run_tells_beforehand_how_much_it_will_do(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []

    prepare(root, tiny, events)

    (begun,) = (event for event in events if isinstance(event, RunStarted))
    ended = [event for event in events if isinstance(event, StepEnded)]
    assert begun.steps == len(ended) == 4
    assert begun.images == sum(event.images for event in ended) == 18


def test_every_file_is_in_the_list_with_its_digest(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    lines = (root / FACTS / "imagefolder" / "files.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    assert {path: digest for digest, _, path in rows} == expected_tree(tiny)
    assert all((root / path).stat().st_size == int(size) for _, size, path in rows)


def test_the_second_run_keeps_everything_and_writes_nothing(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder", "torchvision"))
    before = snapshot(root)
    events: list[Event] = []

    report = prepare(root, tiny, events, formats=("imagefolder", "torchvision"))

    after = snapshot(root)
    told = {"report.json", ".kilotar", ".kilotar/lock", "."}
    assert {path for path in before | after if before.get(path) != after.get(path)} <= told
    assert report.outcome is Outcome.KEPT
    assert [output.outcome for output in report.outputs] == [Outcome.KEPT, Outcome.KEPT]
    assert [output.written_bytes for output in report.outputs] == [0, 0]
    assert not any(isinstance(event, StepEnded | Proved) for event in events)


@pytest.mark.parametrize("gone", [("train",), ("val",), ("train", "val")])
def test_a_finished_tree_that_was_taken_away_is_made_again(root: Path, tiny: Tiny, gone: tuple[str, ...]) -> None:
    prepare(root, tiny)
    before = facts_of(root, "imagefolder")
    for split in gone:
        shutil.rmtree(root / split)

    report = prepare(root, tiny)

    assert images(root) == expected_tree(tiny)
    assert report.outcome is Outcome.DONE
    assert facts_of(root, "imagefolder") == before


def test_the_second_run_need_not_be_told_where_the_archives_are(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    report = prepare(root, tiny, source=None, formats=("imagefolder", "lists"))

    assert [output.outcome for output in report.outputs] == [Outcome.KEPT, Outcome.DONE]


@pytest.mark.parametrize(
    "changed",
    [
        {"classes": ("half",)},
        {"splits": ("train",)},
        {"splits": ALL},
    ],
)
def test_changed_settings_are_refused_and_touch_nothing(root: Path, tiny: Tiny, changed: dict[str, object]) -> None:
    prepare(root, tiny)
    before = images(root)

    with pytest.raises(SettingsDiffer, match="begun here with other settings") as caught:
        prepare(root, tiny, **changed)

    assert caught.value.exit_code == 9
    assert next(iter(changed)) in caught.value.seen
    assert images(root) == before


def test_another_folder_for_an_output_that_was_begun_is_refused(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny)

    with pytest.raises(SettingsDiffer) as caught:
        prepare(root, tiny, out=tmp_path / "elsewhere")
    assert str(tmp_path / "elsewhere") in caught.value.seen
    assert not (tmp_path / "elsewhere").exists()


def test_another_edition_in_a_root_is_refused(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny)
    other = tmp_path / "other.toml"
    other.write_text(write_toml(replace(tiny.edition, name="other")))

    with pytest.raises(SettingsDiffer, match="another edition") as caught:
        prepare(root, tiny, edition=str(other))
    assert caught.value.exit_code == 9


def test_an_edition_that_was_edited_meanwhile_is_refused_and_the_check_tells_it(root: Path, tmp_path: Path) -> None:
    """Two validation images change places in the edition's file: the tree of before has them under the wrong class."""
    own = make_tiny(tmp_path / "own")
    prepare(root, own)
    text = own.toml.read_text()
    numbers = re.search(r"val_ilsvrc_ids = \[(.*)\]", text)
    assert numbers is not None
    ids = numbers[1].split(", ")
    at = next(at for at in range(4, len(ids)) if ids[at] != ids[3])  # the first three are probes
    ids[3], ids[at] = ids[at], ids[3]
    own.toml.write_text(text.replace(numbers[1], ", ".join(ids)))

    with pytest.raises(SettingsDiffer, match="edition_sha256"):
        prepare(root, own)
    with pytest.raises(DecisionNeeded, match="there already"):  # a tree of other labels is not shared
        prepare(root, own, formats=("torchvision",))
    assert [finding.kind for finding in kilotar.verify(root).problems] == ["labels"]


def test_a_missing_archive_is_named_with_what_is_there(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    (tiny.folder / "tiny_img_val.tar").unlink()

    with pytest.raises(LayoutRefused, match="val images") as caught:
        prepare(root, tiny)
    assert "tiny_img_val.tar" in caught.value.seen
    assert "tiny_img_train.tar" in caught.value.seen
    assert prepare(root, tiny, splits=("train",)).exit_code == 0


def test_a_source_that_is_not_there_is_refused(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match="not a folder with archives"):
        prepare(root, tiny, source=tmp_path / "nowhere")


def padded(tmp_path: Path) -> Tiny:
    """Give a tiny edition whose training archive has another length: end blocks were added to it."""
    tiny = make_tiny(tmp_path / "source")
    with (tiny.folder / "tiny_img_train.tar").open("ab") as file:
        file.write(bytes(10240))
    return tiny


def test_an_archive_of_another_length_is_refused_before_anything_is_written(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch, match="not the published") as caught:
        prepare(root, padded(tmp_path))
    assert "10,240 bytes too many" in caught.value.seen
    assert images(root) == {}


def test_an_archive_of_another_length_is_used_unverified_and_every_record_says_so(root: Path, tmp_path: Path) -> None:
    tiny = padded(tmp_path)

    report = prepare(root, tiny, unverified=True)

    assert images(root) == expected_tree(tiny)
    assert (report.verified, report.exit_code) == (False, 0)
    assert [(fact.name, fact.published) for fact in report.archives] == [
        ("tiny_img_train.tar", False),
        ("tiny_img_val.tar", True),
    ]
    assert manifest(root)["verified"] is False
    assert kilotar.verify(root).verified is False


def test_an_archive_that_is_not_the_published_one_is_counted_by_itself(root: Path, tmp_path: Path) -> None:
    """Half an archive, let in unverified, lacks nothing: nobody promised more."""
    tiny = make_tiny(tmp_path / "source")
    val = tiny.folder / "tiny_img_val.tar"
    with tarfile.open(val) as whole:
        first = [(info, whole.extractfile(info)) for info in whole][:3]
        with tarfile.open(tmp_path / "half.tar", "w", format=tarfile.GNU_FORMAT) as half:
            for info, data in first:
                half.addfile(info, data)
    (tmp_path / "half.tar").replace(val)
    assert val.stat().st_size != tiny.edition.archive(val.name).size_bytes

    report = prepare(root, tiny, splits=("val",), unverified=True)

    assert [(split.images, split.expected) for split in report.splits] == [(3, -1)]
    assert (report.exit_code, report.findings) == (0, ())


def test_what_was_let_in_unverified_stays_refused_without_the_word(root: Path, tmp_path: Path) -> None:
    tiny = padded(tmp_path)
    prepare(root, tiny, unverified=True)

    with pytest.raises(DigestMismatch):
        prepare(root, tiny)


def damaged(tmp_path: Path) -> Tiny:
    """Give a tiny edition with one bit wrong in the last image of its training archive."""
    tiny = make_tiny(tmp_path / "source")
    path = tiny.folder / "tiny_img_train.tar"
    flip(path, path.read_bytes().rindex(b"\xff\xd9") - 10)
    return tiny


def test_one_wrong_byte_in_an_archive_is_found_and_no_folder_appears(root: Path, tmp_path: Path) -> None:
    tiny = damaged(tmp_path)

    with pytest.raises(DigestMismatch, match="not the published tiny_img_train") as caught:
        prepare(root, tiny)

    assert "bytes inside differ" in caught.value.seen
    assert not (root / "train").exists()
    assert not (root / "val").exists()
    assert not (root / FACTS / "imagefolder" / "manifest.json").exists()


def test_what_was_let_in_unverified_is_not_kept_without_the_word(root: Path, tmp_path: Path) -> None:
    """One byte of an image differs, the length is right; then the published archive is put back."""
    own = make_tiny(tmp_path / "own")
    archive = own.folder / "tiny_img_val.tar"
    good = archive.read_bytes()
    flip(archive, 1300)
    prepare(root, own, unverified=True)
    assert prepare(root, own, unverified=True).outcome is Outcome.KEPT
    archive.write_bytes(good)

    with pytest.raises(SettingsDiffer, match="unverified"):
        prepare(root, own)


def test_an_archive_that_was_touched_leaves_the_output_verified_and_unproved_itself(root: Path, tmp_path: Path) -> None:
    own = make_tiny(tmp_path / "own")
    prepare(root, own)
    os.utime(own.folder / "tiny_img_val.tar")

    assert prepare(root, own).verified
    assert [archive.published for archive in kilotar.status(root).archives] == [True, False]


def test_boxes_of_another_file_are_refused_and_let_in_unverified_the_manifest_says_so(
    root: Path, tmp_path: Path
) -> None:
    """An archive of the published length, packed anew with one box moved; and the published one put back."""
    own = make_tiny(tmp_path / "own")
    boxes = own.folder / "tiny_bbox_val.tgz"
    good = boxes.read_bytes()
    with gzip.open(boxes) as packed:
        moved = packed.read().replace(b"<xmin>1", b"<xmin>2")
    boxes.write_bytes(gzip.compress(moved))

    with pytest.raises(DigestMismatch, match=r"bbox_val.*published"):
        prepare(root, own, formats=("cls-loc",), boxes=True)
    prepare(root, own, formats=("cls-loc",), boxes=True, unverified=True)
    assert manifest(root, "cls-loc")["verified"] is False

    boxes.write_bytes(good)
    with pytest.raises(SettingsDiffer, match="boxes"):
        prepare(root, own, formats=("cls-loc",), boxes=True)


def test_boxes_that_are_wanted_and_not_there_are_missed(root: Path, tmp_path: Path) -> None:
    own = make_tiny(tmp_path / "own")
    for boxes in own.folder.glob("*bbox*"):
        boxes.unlink()

    with pytest.raises(LayoutRefused, match="boxes"):
        prepare(root, own, formats=("cls-loc",), boxes=True)


def test_after_a_damaged_archive_was_mended_the_same_request_gives_the_truth(root: Path, tmp_path: Path) -> None:
    """The steps were written and recorded from the damaged file: they must not be taken for the mended one's."""
    tiny = damaged(tmp_path)
    with pytest.raises(DigestMismatch):
        prepare(root, tiny)

    flip(tiny.folder / "tiny_img_train.tar", (tiny.folder / "tiny_img_train.tar").read_bytes().rindex(b"\xff\xd9") - 10)
    report = prepare(root, tiny)

    assert images(root) == expected_tree(tiny)
    assert report.exit_code == 0
    assert kilotar.verify(root).problems == ()


def test_an_archive_that_was_replaced_after_its_proof_is_refused(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    other = make_tiny(tmp_path / "other", seed=1)
    shutil.copy(other.folder / "tiny_img_val.tar", tiny.folder / "tiny_img_val.tar")

    with pytest.raises((DigestMismatch, SettingsDiffer)):
        prepare(root, tiny, formats=("cls-loc",))
    assert not (root / "ILSVRC2015" / "Data").exists()


@pytest.mark.parametrize("taken", ["train", "val"])
def test_a_folder_that_is_there_already_is_left_alone(root: Path, tiny: Tiny, taken: str) -> None:
    (root / taken).mkdir(parents=True)
    (root / taken / "mine.txt").write_text("mine")

    with pytest.raises(DecisionNeeded, match=f"{taken} is there already") as caught:
        prepare(root, tiny)

    assert caught.value.exit_code == 6
    assert tree_digests(root).keys() == {f"{taken}/mine.txt"}
    assert (root / taken / "mine.txt").read_text() == "mine"


def test_archives_named_by_a_relative_path_are_found_again_from_anywhere(
    root: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.folder.parent)
    kilotar.index(root, **wish(tiny, source=Path(tiny.folder.name)))
    monkeypatch.chdir(tmp_path)

    assert len(kilotar.open(root, "train")) == 12
    assert {fact.path for fact in kilotar.status(root).archives} == {
        str(tiny.folder / "tiny_img_train.tar"),
        str(tiny.folder / "tiny_img_val.tar"),
    }


def test_paths_may_be_text_and_begin_with_the_home_sign(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "archives").symlink_to(tiny.folder)

    prepare(Path("~/imagenet"), tiny, source="~/archives", out="~/tree", formats=["imagefolder"], splits=["val"])

    assert images(tmp_path / "tree") == expected_tree(tiny, ("val",))


def test_other_files_in_the_root_do_not_matter_and_stay(root: Path, tiny: Tiny) -> None:
    root.mkdir()
    (root / "notes.txt").write_text("mine")

    prepare(root, tiny)

    assert (root / "notes.txt").read_text() == "mine"


def test_chosen_classes_alone_are_written_in_every_split(root: Path, tiny: Tiny) -> None:
    wnid = tiny.edition.classes[1].wnid

    report = prepare(root, tiny, classes=(wnid,))

    assert images(root) == {path: sha for path, sha in expected_tree(tiny).items() if f"/{wnid}/" in path}
    assert [(s.split, s.images, s.expected) for s in report.splits] == [("train", 4, 4), ("val", 2, 2)]
    assert manifest(root)["classes"] == [wnid]


def test_a_named_subset_is_its_classes(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, classes=("half",))

    half = {tiny.edition.classes[0].wnid, tiny.edition.classes[2].wnid}
    assert {path.split("/")[1] for path in images(root)} == half


def test_labels_of_a_choice_are_those_of_the_whole_edition(root: Path, tiny: Tiny) -> None:
    last = tiny.edition.classes[-1]
    prepare(root, tiny, classes=(last.wnid,))

    lines = [image.label for image in kilotar.open(root, "train") if image.wnid == last.wnid]
    assert set(lines) == {last.label} == {2}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"classes": ("nothing of the kind",)}, UsageError),
        ({"formats": ("imagefoldr",)}, UsageError),
        ({"splits": ("trian",)}, UsageError),
        ({"formats": ()}, UsageError),
        ({"options": (("imagefolder", "nope", "yes"),)}, UsageError),
        ({"jobs": -1}, UsageError),
        ({"edition": "imagnet"}, UsageError),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_made(
    root: Path, tiny: Tiny, wrong: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        prepare(root, tiny, **wrong)
    assert images(root) == {}


@pytest.mark.parametrize("splits", [("train",), ("val",), ("val", "train"), ALL])
def test_only_the_chosen_splits_are_written(root: Path, tiny: Tiny, splits: tuple[str, ...]) -> None:
    prepare(root, tiny, splits=splits)

    assert images(root) == {
        **expected_tree(tiny, splits),
        **{path: sha for path, sha in images(root).items() if path.startswith("test/") and "test" in splits},
    }
    assert ("test" in splits) == (root / "test").is_dir()


def test_test_images_have_the_bytes_of_the_truth(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, splits=("test",))

    assert sorted(images(root).values()) == sorted(t.sha256 for t in tiny.truth.values() if t.split == "test")


CACHES = ("index", "index/tiny_img_train.tar", "parts", "outline")


def drop_cache(root: Path, cache: str) -> None:
    index = root / ".kilotar" / "index"
    if cache == "parts":
        for path in index.rglob("*.rows"):
            path.unlink()
    elif cache == "outline":
        for path in index.rglob("outline.json"):
            path.unlink()
    else:
        shutil.rmtree(root / ".kilotar" / cache)


@pytest.mark.parametrize("cache", CACHES)
def test_each_cache_may_be_deleted_at_any_moment(root: Path, tiny: Tiny, tmp_path: Path, cache: str) -> None:
    prepare(tmp_path / "whole", tiny, formats=("imagefolder", "cls-loc", "lists"))
    prepare(root, tiny)
    drop_cache(root, cache)

    report = prepare(root, tiny, formats=("imagefolder", "cls-loc", "lists"))

    assert report.exit_code == 0
    assert [output.outcome for output in report.outputs] == [Outcome.KEPT, Outcome.DONE, Outcome.DONE]
    for output in ("imagefolder", "cls-loc", "lists"):
        assert facts_of(root, output) == facts_of(tmp_path / "whole", output)
    drop_cache(root, cache)
    assert kilotar.verify(root).problems == ()


@pytest.mark.parametrize("damage", [b"", b"junk", b"\0" * 4000])
def test_a_damaged_cache_is_made_again(root: Path, tiny: Tiny, damage: bytes) -> None:
    prepare(root, tiny)
    for path in (root / ".kilotar" / "index").rglob("*.*"):
        if path.is_file():
            path.write_bytes(damage)

    assert prepare(root, tiny, formats=("lists",)).exit_code == 0
    assert [image.name for image in kilotar.open(root, "train")]


def test_the_facts_are_the_same_however_many_work_and_wherever(tmp_path: Path, tiny: Tiny) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tiny.folder, moved)
    found = set()
    for jobs, folder in ((1, tiny.folder), (2, tiny.folder), (4, moved)):
        root = tmp_path / f"root-{jobs}"
        prepare(root, tiny, jobs=jobs, source=folder, formats=("imagefolder", "cls-loc", "lists"), boxes=True)
        found.add(tuple(facts_of(root, output) for output in ("imagefolder", "cls-loc", "lists")))

    assert len(found) == 1


def test_the_order_of_formats_does_not_change_what_each_is(tmp_path: Path, tiny: Tiny) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    prepare(one, tiny, formats=("imagefolder", "cls-loc"))
    prepare(other, tiny, formats=("cls-loc", "imagefolder"))

    for output in ("imagefolder", "cls-loc"):
        assert facts_of(one, output) == facts_of(other, output)


def places(root: Path) -> tuple[Path, Path]:
    """Give one image in the first tree and in the second."""
    first = next(iter((root / "train").rglob("*.JPEG")))
    second = root / "ILSVRC2015" / "Data" / "CLS-LOC" / "train" / first.parent.name / first.name
    return first, second


@pytest.mark.parametrize("at_once", [True, False])
def test_a_second_tree_is_linked(root: Path, tiny: Tiny, at_once: bool) -> None:
    if not at_once:
        prepare(root, tiny)

    report = prepare(root, tiny, formats=("imagefolder", "cls-loc"))

    first, second = places(root)
    assert first.samefile(second)
    assert [output.linked for output in report.outputs] == [0, 18]
    assert report.outputs[1].written_bytes == 0


def test_a_second_tree_is_copied_where_links_are_not_wanted(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder", "cls-loc"), link="never")

    first, second = places(root)
    assert not first.samefile(second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("lost", ["image", "class", "split", "tree"])
def test_a_second_tree_is_whole_although_the_first_was_damaged_meanwhile(
    root: Path, tiny: Tiny, tmp_path: Path, lost: str
) -> None:
    out = tmp_path / "out"
    prepare(root, tiny, out=out)
    image = next(iter((out / "train").rglob("*.JPEG")))
    if lost == "image":
        image.unlink()
    else:
        shutil.rmtree({"class": image.parent, "split": out / "train", "tree": out}[lost])

    report = prepare(root, tiny, formats=("cls-loc",))

    assert report.exit_code == 0
    assert set(images(root / "ILSVRC2015").values()) == set(expected_tree(tiny).values())


def test_a_second_tree_does_not_take_over_a_cut_image(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    cut = next(iter((root / "train").rglob("*.JPEG")))
    os.truncate(cut, 10)

    prepare(root, tiny, formats=("cls-loc",))

    assert set(images(root / "ILSVRC2015").values()) == set(expected_tree(tiny).values())
    assert cut.stat().st_size == 10


def test_a_shared_tree_that_lost_an_image_has_it_again(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    next(iter((root / "train").rglob("*.JPEG"))).unlink()

    prepare(root, tiny, formats=("torchvision",))

    assert images(root) == expected_tree(tiny)


def test_an_image_folder_and_torchvision_share_one_tree(root: Path, tiny: Tiny) -> None:
    report = prepare(root, tiny, formats=("imagefolder", "torchvision"))

    assert images(root) == expected_tree(tiny)
    assert (root / "meta.bin").is_file()
    assert [(output.images, output.files) for output in report.outputs] == [(18, 18), (18, 19)]
    assert report.outputs[1].written_bytes == 0
    assert kilotar.verify(root).problems == ()


def test_what_was_indexed_before_is_prepared_from(root: Path, tiny: Tiny) -> None:
    indexed = kilotar.index(root, **wish(tiny))
    events: list[Event] = []

    report = prepare(root, tiny, events)

    assert indexed.exit_code == 0
    assert [fact.published for fact in indexed.archives] == [True, True]
    assert not any(isinstance(event, Proved) for event in events)
    assert (report.outcome, images(root)) == (Outcome.DONE, expected_tree(tiny))


def test_a_run_that_stopped_half_way_goes_on_and_gives_the_same_bytes(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "whole", tiny)
    left = [1]

    def stop(event: Event) -> None:
        if isinstance(event, StepEnded) and left[0]:
            left[0] = 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, **wish(tiny, jobs=1))
    assert images(root / "train") == {}
    (state,) = kilotar.status(root).outputs
    events: list[Event] = []
    report = prepare(root, tiny, events)

    assert 0 < state.steps_done < state.steps
    assert len([event for event in events if isinstance(event, StepEnded)]) == state.steps - state.steps_done
    assert report.outcome is Outcome.DONE
    assert facts_of(root, "imagefolder") == facts_of(tmp_path / "whole", "imagefolder")
    assert images(root) == expected_tree(tiny)


def test_a_run_that_failed_while_sealing_goes_on(root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(kilotar.errors.DiskFull):
        patch.setattr(completing, "write_manifest", fail)
        prepare(root, tiny)
    assert not (root / FACTS / "imagefolder" / "manifest.json").exists()

    assert prepare(root, tiny).outcome is Outcome.DONE
    assert images(root) == expected_tree(tiny)


def test_what_a_person_took_away_before_the_seal_is_written_anew(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, pytest.raises(kilotar.errors.StorageFailed):
        patch.setattr(completing, "write_manifest", fail)
        prepare(root, tiny)
    shutil.rmtree(next(iter((root / "train").iterdir())))
    os.truncate(next(iter((root / "val").rglob("*.JPEG"))), 3)
    prepare(root, tiny)

    assert images(root) == expected_tree(tiny)


def test_two_runs_at_once_are_refused(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    with hold_lock(root / ".kilotar" / "lock"), pytest.raises(Busy) as caught:
        prepare(root, tiny, formats=("lists",))
    assert caught.value.exit_code == 75


FOUND = {
    "html": (3, {"not-jpeg"}),
    "empty": (3, {"not-jpeg"}),
    "cmyk": (0, {"known-odd"}),
    "png": (0, {"known-odd"}),
    "unlisted-png": (3, {"not-jpeg"}),
    "extra-member": (3, {"name"}),
    "missing": (3, {"count"}),
    "wrong-class": (3, {"name"}),
    "val-missing": (3, {"count"}),
    "duplicate": (0, set()),
    # what only a decoder sees is found by the deep check
    "truncated": (0, set()),
    "unlisted-cmyk": (0, set()),
    "val-truncated": (0, set()),
}
FOUND_DEEP = {**FOUND, "truncated": (3, {"truncated"}), "val-truncated": (3, {"truncated"})}
FOUND_DEEP |= {"unlisted-cmyk": (0, {"odd"}), "html": (3, {"not-jpeg"}), "empty": (3, {"not-jpeg", "empty"})}


def test_every_flaw_is_tried_here() -> None:
    assert set(FOUND) == set(FLAWS)


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_of_the_data_is_found_and_the_good_rest_is_there(root: Path, tmp_path: Path, flaw: str) -> None:
    tiny = make_tiny(tmp_path / "source", flaws=(flaw,))

    report = prepare(root, tiny)

    assert (report.exit_code, {finding.kind for finding in report.findings}) == FOUND[flaw]
    assert images(root) == expected_tree(tiny)
    again = prepare(root, tiny)
    assert (again.exit_code, again.findings) == (report.exit_code, report.findings)


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_of_the_data_is_still_told_by_the_check(root: Path, tmp_path: Path, flaw: str) -> None:
    tiny = make_tiny(tmp_path / "source", flaws=(flaw,))
    prepare(root, tiny)

    report = kilotar.verify(root)

    assert (report.exit_code, {finding.kind for finding in report.findings}) == FOUND[flaw]


def smaller_edition(tiny: Tiny, folder: Path) -> tuple[Edition, Path]:
    """Give an edition of two of the three classes and half of the validation images, and its file."""
    classes = tuple(replace(s, ilsvrc_id=s.label + 1, parents=()) for s in tiny.edition.classes[:-1])
    edition = replace(
        tiny.edition,
        classes=classes,
        internal=(),
        counts={},
        val_labels=(0, 1, 0),
        label_probes=(),
        subsets=(),
        archives=tuple(archive for archive in tiny.edition.archives if archive.role == "images"),
    )
    path = folder / "smaller.toml"
    path.write_text(write_toml(edition))
    return edition, path


def test_what_the_edition_has_no_class_for_is_left_out_and_told(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    edition, path = smaller_edition(tiny, tmp_path)
    gone = tiny.edition.classes[-1].wnid

    report = prepare(root, tiny, edition=str(path))

    kinds = [finding.kind for finding in report.problems]
    assert {image.split("/")[1] for image in images(root)} == {synset.wnid for synset in edition.classes}
    assert [(split.split, split.images) for split in report.splits] == [("train", 8), ("val", 3)]
    assert (report.exit_code, kinds.count("label")) == (3, 1 + 3)
    assert any(gone in finding.where for finding in report.problems)
    assert kilotar.verify(root).exit_code == 3


def test_lists_leave_out_what_has_no_class_as_trees_do(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    _, path = smaller_edition(tiny, tmp_path)

    prepare(root, tiny, edition=str(path), formats=("lists",))

    lines = (root / "lists" / "caffe" / "val.txt").read_text().splitlines()
    assert len(lines) == 3
    assert all(line.endswith((" 0", " 1")) for line in lines)
    assert [image.label for image in kilotar.open(root, "val") if image.label < 0] == []


def test_a_class_that_is_missing_whole_is_named(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    lost = tiny.edition.classes[-1].wnid
    about = tiny.edition.archive("tiny_img_train.tar")
    with tarfile.open(tiny.folder / about.name) as whole, tarfile.open(tmp_path / about.name, "w") as rest:
        for info in whole:
            if not info.name.startswith(lost):
                rest.addfile(info, whole.extractfile(info))
    data = (tmp_path / about.name).read_bytes()
    archive = replace(about, size_bytes=len(data), md5="", sha1="", sha256=hashlib.sha256(data).hexdigest())
    path = tmp_path / "short.toml"
    path.write_text(write_toml(replace(tiny.edition, archives=(archive,))))

    report = kilotar.prepare(root, source=tmp_path, edition=str(path), splits=("train",))

    assert {finding.where for finding in report.problems} == {"train", f"train/{lost}"}


def test_a_tar_that_is_not_one_is_refused(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    size = (tiny.folder / "tiny_img_train.tar").stat().st_size
    (tiny.folder / "tiny_img_train.tar").write_bytes(b"<html>log in</html>".ljust(size, b" "))

    with pytest.raises(ArchiveRefused):
        prepare(root, tiny)
    assert images(root) == {}
