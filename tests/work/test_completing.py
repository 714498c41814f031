"""Rules: an output of shards carries its manifest and its list of files, so that it can be proved where it is moved."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.events import Event, Note
from kilotar.plan.worlds import ShardSet
from kilotar.sinks.base import Sink, find_sinks
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST, read_manifest, walk_files
from kilotar.store.workspace import Workspace
from tests.need import need_module
from tests.work.wishes import prepare


def test_a_folder_of_shards_proves_itself_without_its_root(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny, formats=("webdataset",))
    facts = Workspace(root).export("webdataset")
    moved = (root / "webdataset").rename(tmp_path / "moved")

    assert (moved / OWN_MANIFEST).read_bytes() == (facts / "manifest.json").read_bytes()
    manifest = read_manifest(moved, OWN_MANIFEST)
    assert manifest is not None
    files = {file.path: file.sha256 for file in walk_files(moved, manifest, OWN_FILES)}
    standing = {str(path.relative_to(moved)): path for path in moved.rglob("*") if path.is_file()}
    assert standing.keys() - files.keys() == {OWN_MANIFEST, OWN_FILES}
    assert {path: hashlib.sha256(standing[path].read_bytes()).hexdigest() for path in files} == files


@pytest.mark.parametrize("sink", [sink for sink in find_sinks() if sink.ABOUT.shards], ids=lambda sink: sink.ABOUT.name)
def test_every_format_of_shards_says_numbers_lengths_and_versions_complaint_52(
    sink: Sink, root: Path, tiny: Tiny
) -> None:
    for package in sink.ABOUT.needs:
        need_module(package)
    prepare(root, tiny, formats=(sink.ABOUT.name,))
    manifest = read_manifest(root / sink.ABOUT.folder, OWN_MANIFEST)

    assert manifest is not None
    assert [(told.split, told.images) for told in manifest.shards] == [("train", 12), ("val", 6)]
    assert all(told.longest - told.shortest <= 1 and 1 in told.world_sizes for told in manifest.shards)
    assert [package for package, version in manifest.packages if version] == list(sink.ABOUT.needs)
    assert manifest.made_by == f"kilotar {kilotar.__version__}"


def test_the_manifest_says_what_it_is_made_of(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "tiny", boxes=True)
    prepare(root, tiny, formats=("parquet",), boxes=True)
    manifest = read_manifest(root / "parquet", OWN_MANIFEST)

    assert manifest is not None
    assert (manifest.output, manifest.format, manifest.edition) == ("parquet", "parquet", tiny.edition.name)
    assert len(manifest.plan_id) == 32 and len(manifest.edition_sha256) == 64
    assert manifest.sources and all(digest.startswith("sha256:") for _, digest in manifest.sources)
    assert manifest.boxes and all(digest for _, digest in manifest.boxes)
    assert manifest.label_order == "sorted-wnid, 0-based"
    assert manifest.packages == (("pyarrow", importlib.metadata.version("pyarrow")),)


def test_numbers_and_lengths_of_shards_are_told_with_the_worlds_they_fit_complaint_52(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("lists",))
    kilotar.export(root, "webdataset", shards=5)
    manifest = read_manifest(root / "webdataset", OWN_MANIFEST)

    assert manifest is not None
    assert manifest.shards == (ShardSet("train", 5, 12, 2, 3, (1,)), ShardSet("val", 1, 6, 6, 6, (1,)))


def test_a_tree_carries_none_where_its_folder_is_the_root(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    assert not (root / OWN_MANIFEST).exists()


@pytest.mark.parametrize("name", ["imagefolder", "cls-loc", "lists"])
def test_what_is_no_shards_carries_its_own_in_a_folder_of_its_own(
    root: Path, tiny: Tiny, tmp_path: Path, name: str
) -> None:
    prepare(root, tiny, formats=(name,), out=tmp_path / "out")

    manifest = read_manifest(tmp_path / "out", OWN_MANIFEST)
    assert manifest is not None and manifest.format == name
    standing = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    listed = {file.path for file in walk_files(tmp_path / "out", manifest, OWN_FILES)}
    assert standing == listed | {OWN_MANIFEST, OWN_FILES}
    assert kilotar.verify(root).problems == ()


def test_a_chosen_number_that_fits_few_worlds_is_told_while_it_is_made_complaint_52(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []
    prepare(root, tiny, events, formats=("webdataset",), options=(("webdataset", "shards", "6"),))
    again: list[Event] = []
    prepare(root, tiny, again, formats=("webdataset",), options=(("webdataset", "shards", "6"),))

    told = [event.text for event in events if isinstance(event, Note)]
    assert len(told) == 1 and told[0].startswith("webdataset: 6 shards of train go evenly to 2 processes")
    assert not [event for event in again if isinstance(event, Note)]
