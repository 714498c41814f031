"""Rules: a selection is the same in every format, however many work; its list travels with what was made of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import DecisionNeeded, SettingsDiffer, UsageError
from kilotar.events import Event, Outcome, StepEnded
from kilotar.sinks import coco, lists, voc, webdataset
from kilotar.store.manifest import IMAGES, OWN_IMAGES, OWN_MANIFEST, read_manifest
from kilotar.store.workspace import Workspace
from tests.work.wishes import Published, prepare, tree_digests, wish

CAP = {"per_class": 3, "seed": 5}
FORMATS = ("imagefolder", "webdataset", "lists", "coco", "voc")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("many"), classes=4, per_class=10, val=12, test=3, boxes=True)


def train_keys(root: Path) -> set[str]:
    return {path.stem for path in (root / "train").glob("*/*.JPEG")}


def listed(root: Path, name: str) -> set[str]:
    return set((Workspace(root).export(name) / IMAGES).read_text().splitlines())


def write_list(folder: Path, *names: str) -> Path:
    path = folder / "list.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def test_every_format_holds_the_same_images_of_each_class_and_all_of_val(many: Tiny, root: Path) -> None:
    report = prepare(root, many, formats=FORMATS, boxes=True, **CAP)

    chosen = train_keys(root)
    assert Counter(key[:9] for key in chosen) == {synset.wnid: 3 for synset in many.edition.classes}
    assert len(list((root / "val").glob("*/*"))) == 12
    for sink in (webdataset, lists, coco):
        rows = list(sink.read(root / sink.ABOUT.folder, many.edition))
        assert {row.name.removesuffix(".JPEG") for row in rows if row.split == "train"} == chosen, sink.ABOUT.name
        assert sum(row.split == "val" for row in rows) == 12
    standing = {path.stem for path in (root / "voc").rglob("*.xml") if not path.stem.startswith("ILSVRC2012_val")}
    assert standing and standing <= chosen
    assert {row.name.removesuffix(".JPEG") for row in voc.read(root / "voc", many.edition)} >= chosen
    assert [(split.images, split.expected) for split in report.splits] == [(12, 12), (12, 12)]
    assert report.problems == () and kilotar.verify(root).problems == ()


def test_images_have_the_bytes_of_the_truth_and_no_other_is_read(many: Tiny, root: Path) -> None:
    prepare(root, many, splits=("train",), **CAP)

    for path in (root / "train").glob("*/*.JPEG"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == many.truth[path.stem].sha256


@pytest.mark.parametrize("name", ["imagefolder", "webdataset"])
def test_the_number_of_workers_does_not_show(name: str, many: Tiny, tmp_path: Path) -> None:
    found = []
    for jobs in (1, 2, 4):
        prepare(tmp_path / str(jobs), many, formats=(name,), jobs=jobs, **CAP)
        found.append(tree_digests(tmp_path / str(jobs)))
        found[-1].pop("report.json")
    assert found[0] == found[1] == found[2]


def test_an_index_made_before_does_not_show(many: Tiny, root: Path, tmp_path: Path) -> None:
    kilotar.index(root, **wish(many))
    prepare(root, many, formats=("imagefolder", "torchvision"), **CAP)
    prepare(tmp_path / "other", many, formats=("imagefolder",), **CAP)

    assert train_keys(root) == train_keys(tmp_path / "other")
    assert kilotar.verify(root).problems == ()


def test_the_list_and_its_digest_travel_with_the_output(many: Tiny, root: Path) -> None:
    prepare(root, many, formats=("imagefolder", "webdataset"), **CAP)

    names = {path.name for path in root.glob("*/*/*.JPEG")}
    content = (root / "webdataset" / OWN_IMAGES).read_bytes()
    manifest = read_manifest(root / "webdataset", OWN_MANIFEST)
    assert listed(root, "imagefolder") == names == set(content.decode().splitlines())
    assert manifest is not None and manifest.images_sha256 == hashlib.sha256(content).hexdigest()
    assert (manifest.choice.per_class, manifest.choice.seed) == (3, 5)


def test_a_list_that_came_out_makes_the_same_output(many: Tiny, root: Path, tmp_path: Path) -> None:
    prepare(root, many, formats=("webdataset",), **CAP)
    prepare(tmp_path / "other", many, formats=("webdataset",), images=Workspace(root).export("webdataset") / IMAGES)

    first, second = tree_digests(root / "webdataset"), tree_digests(tmp_path / "other" / "webdataset")
    assert first.pop(OWN_MANIFEST) != second.pop(OWN_MANIFEST)
    assert first == second


def test_a_list_of_training_images_leaves_val_whole(many: Tiny, root: Path, tmp_path: Path) -> None:
    keys = sorted(key for key, truth in many.truth.items() if truth.split == "train")[::7]
    prepare(root, many, images=write_list(tmp_path, *(f"train/{key[:9]}/{key}.JPEG" for key in keys)))

    assert train_keys(root) == set(keys)
    assert len(list((root / "val").glob("*/*"))) == 12


def test_a_name_that_is_no_image_is_refused_with_the_nearest(many: Tiny, root: Path, tmp_path: Path) -> None:
    key = next(key for key, truth in many.truth.items() if truth.split == "train")
    path = write_list(tmp_path, key, f"{key}9.JPEG", "n99999999_1")

    with pytest.raises(UsageError, match="2 of 3 names") as refusal:
        prepare(root, many, images=path)
    assert f"{key}9" in refusal.value.seen and refusal.value.fix == f"did you mean {key}?"
    assert not (root / "train").exists()


def test_names_of_other_classes_and_splits_are_passed_over(many: Tiny, root: Path, tmp_path: Path) -> None:
    keys = sorted(key for key, truth in many.truth.items() if truth.split != "test")
    wnid = many.edition.classes[0].wnid
    prepare(root, many, images=write_list(tmp_path, *keys[::2]), classes=(wnid,), splits=("train",))

    assert train_keys(root) == {key for key in keys[::2] if key.startswith(wnid)}


def test_a_plan_counts_what_is_selected(many: Tiny, root: Path) -> None:
    whole = kilotar.plan(root, **wish(many, formats=("imagefolder", "webdataset")))
    part = kilotar.plan(root, **wish(many, formats=("imagefolder", "webdataset"), **CAP))

    assert (whole.images, part.images) == (52, 24)
    assert [step.images for step in part.steps] == [24, 24]
    assert part.write_bytes < whole.write_bytes


def test_a_stopped_run_goes_on_and_gives_the_same_bytes(many: Tiny, root: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StepEnded):
            raise KeyboardInterrupt

    formats = ("imagefolder", "webdataset")
    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, jobs=1, **wish(many, formats=formats, **CAP))
    prepare(root, many, formats=formats, **CAP)
    prepare(tmp_path / "other", many, formats=formats, **CAP)

    first, second = tree_digests(root), tree_digests(tmp_path / "other")
    assert first.pop("report.json") and second.pop("report.json")
    assert first == second
    assert prepare(root, many, formats=formats, **CAP).outcome is Outcome.KEPT


def test_another_choice_under_the_same_name_is_refused_in_words(many: Tiny, root: Path) -> None:
    prepare(root, many, **CAP)

    with pytest.raises(SettingsDiffer, match="4 of each class, seed 5 now, 3 of each class, seed 5 then"):
        prepare(root, many, per_class=4, seed=5)


def test_a_damaged_image_and_a_damaged_shard_are_mended(many: Tiny, root: Path) -> None:
    prepare(root, many, formats=("imagefolder", "webdataset"), **CAP)
    before = tree_digests(root)
    next((root / "train").glob("*/*.JPEG")).write_bytes(b"?")
    next((root / "webdataset").glob("*train*.tar")).write_bytes(b"?")

    assert len(kilotar.verify(root).problems) == 2
    assert kilotar.verify(root, repair=True).problems == ()
    after = tree_digests(root)
    assert {path: after[path] for path in before if path != "report.json"} == {
        path: digest for path, digest in before.items() if path != "report.json"
    }


def test_a_whole_tree_gives_its_images_to_a_selection_as_links(many: Tiny, root: Path, tmp_path: Path) -> None:
    prepare(root, many)
    report = prepare(root, many, formats=("cls-loc",), **CAP)

    assert report.outputs[0].linked == 12 + 12
    assert kilotar.verify(root).problems == ()


def test_a_selection_gives_nothing_to_a_whole_tree(many: Tiny, root: Path) -> None:
    kilotar.index(root, **wish(many))  # with digests at hand, a tree that holds all images is linked
    prepare(root, many, formats=("cls-loc",), **CAP)
    report = prepare(root, many)

    assert (report.outputs[0].linked, report.outputs[0].images) == (0, 52)
    assert kilotar.verify(root).problems == ()


def test_a_tree_of_selected_images_is_not_shared_by_one_of_all(many: Tiny, root: Path) -> None:
    prepare(root, many, **CAP)

    with pytest.raises(DecisionNeeded):
        prepare(root, many, formats=("torchvision",))
    assert prepare(root, many, formats=("torchvision",), **CAP).outputs[0].images == 24


def test_a_seed_without_a_choice_is_refused(many: Tiny, root: Path) -> None:
    with pytest.raises(UsageError, match="--seed"):
        prepare(root, many, seed=3)


def test_one_seed_of_export_is_of_the_choice_and_of_the_order(many: Tiny, root: Path) -> None:
    prepare(root, many)
    kilotar.export(root, "lists", "webdataset", per_class=2, seed=3)
    manifest = read_manifest(root / "webdataset", OWN_MANIFEST)

    assert manifest is not None
    assert (manifest.options, manifest.choice.seed) == ((("seed", "3"),), 3)


def test_images_in_place_stay_all_of_them(many: Tiny, root: Path) -> None:
    prepare(root, many, formats=("webdataset",), **CAP)

    assert len(kilotar.open(root, "train")) == 40


@pytest.mark.parametrize("formats", [("imagefolder",), ("webdataset",)])
def test_a_selection_waits_for_an_archive_that_comes(
    published: Published, root: Path, tmp_path: Path, formats: tuple[str, ...]
) -> None:
    order = (("webdataset", "order", "archive"),) if formats == ("webdataset",) else ()
    chosen = published.wish("http", formats=formats, options=order, per_class=4, splits=("train",))
    kilotar.prepare(root, **chosen)
    prepare(tmp_path / "other", published.tiny, formats=formats, options=order, per_class=4, splits=("train",))

    folder = "webdataset" if order else "train"
    first, second = tree_digests(root / folder), tree_digests(tmp_path / "other" / folder)
    for found in (first, second):
        found.pop(OWN_MANIFEST, None)
    assert first == second and len(first) > 2
    assert kilotar.verify(root).problems == ()
