"""Rules: a root may be moved, with what stands in it; an output that stands elsewhere stays where it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import SettingsDiffer
from kilotar.events import Event, Outcome, Proved, StepEnded
from kilotar.store.journal import Journal, read_journal
from kilotar.store.workspace import InputRecord, Workspace, kept_path, standing_path
from tests.need import need_module
from tests.work.wishes import ALL, Published, prepare, tree_digests

FORMATS = ("imagefolder", "webdataset")


def as_former(root: Path) -> None:
    """Make the state of a root what a former release wrote: whole paths."""
    for path in root.glob(".kilotar/exports/*/plan.json"):
        plan = json.loads(path.read_bytes())
        if "://" not in plan["folder"]:
            plan["folder"] = str((root / plan["folder"]).resolve())
        del plan["rooted"]
        path.write_text(json.dumps(plan))
    workspace = Workspace(root)
    records = workspace.input_records()
    workspace.inputs.unlink()
    with Journal(workspace.inputs, InputRecord) as journal:
        journal.append(records)


def bytes_of(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in tree_digests(root).items() if path not in ("report.json", "verify.json")}


@pytest.fixture(params=["now", "former"])
def moved(request: pytest.FixtureRequest, root: Path, tiny: Tiny, tmp_path: Path) -> Path:
    """Give a root with two outputs that was moved, in the state of this release or of a former one."""
    prepare(root, tiny, formats=FORMATS)
    if request.param == "former":
        as_former(root)
    return root.rename(tmp_path / "elsewhere")


def test_its_outputs_are_kept_and_new_ones_are_made(moved: Path, tiny: Tiny, tmp_path: Path) -> None:
    before = bytes_of(moved)
    events: list[Event] = []
    report = prepare(moved, tiny, events, formats=FORMATS)
    assert [output.outcome for output in report.outputs] == [Outcome.KEPT, Outcome.KEPT]
    assert [output.folder for output in report.outputs] == [str(moved), str(moved / "webdataset")]
    assert bytes_of(moved) == before and not [event for event in events if isinstance(event, StepEnded)]
    assert kilotar.export(moved, "lists").exit_code == 0
    assert kilotar.verify(moved).problems == () and kilotar.verify(moved / "webdataset").problems == ()
    assert not (tmp_path / "root").exists()


def test_its_status_tells_where_outputs_stand_now(moved: Path) -> None:
    folders = {state.name: state.folder for state in kilotar.status(moved).outputs}
    assert folders == {"imagefolder": str(moved), "webdataset": str(moved / "webdataset")}
    assert len(kilotar.open(moved, "train")) == 12


@pytest.mark.parametrize("former", [False, True])
def test_what_was_begun_goes_on_where_it_was(former: bool, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    wish = {"formats": ("webdataset",), "options": (("webdataset", "shards", "4"),), "jobs": 1}
    prepare(tmp_path / "whole", tiny, **wish)
    ended: list[str] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, StepEnded):
            ended.append(event.key)
            if len(ended) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, source=tiny.folder, edition=str(tiny.toml), on_event=interrupt, **wish)  # type: ignore[arg-type]
    if former:
        as_former(root)
    moved = root.rename(tmp_path / "elsewhere")
    events: list[Event] = []
    prepare(moved, tiny, events, **wish)
    again = {event.key for event in events if isinstance(event, StepEnded)}
    assert again and not again & set(ended[:1])
    assert bytes_of(moved / "webdataset") == bytes_of(tmp_path / "whole" / "webdataset")
    assert not root.exists()


@pytest.mark.parametrize("former", [False, True])
def test_archives_in_the_root_come_along_and_their_proofs_too(former: bool, root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(root / "archives")
    kilotar.prepare(root, edition=str(tiny.toml), boxes=True, formats=("webdataset",))
    toml = shutil.copy(tiny.toml, tmp_path / "edition.toml")
    facts = json.loads((root / ".kilotar/root.json").read_bytes()) | {"source": str(toml)}
    (root / ".kilotar/root.json").write_text(json.dumps(facts))
    if former:
        as_former(root)
    moved = root.rename(tmp_path / "elsewhere")
    events: list[Event] = []
    report = kilotar.export(moved, "imagefolder", on_event=events.append)
    assert report.outcome is Outcome.DONE and not [event for event in events if isinstance(event, Proved)]
    assert {Path(archive.path).parent for archive in report.archives} == {moved / "archives"}
    report = kilotar.verify(moved)
    assert report.findings == () and {archive.path for archive in report.archives} == {
        str(path) for path in (moved / "archives").glob("*_img_*.tar") if "test" not in path.name
    }


@pytest.mark.parametrize("former", [False, True])
def test_a_root_that_was_made_of_an_export_needs_that_no_more(
    former: bool, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    need_module("pyarrow")
    prepare(tmp_path / "first", tiny, formats=("webdataset",), splits=ALL, boxes=True)
    export = (tmp_path / "first" / "webdataset").rename(tmp_path / "export")
    shutil.rmtree(tmp_path / "first")
    wish = {"origin": export, "edition": str(tiny.toml)}
    kilotar.export(root, "webdataset", **wish)  # type: ignore[arg-type]
    if former:
        as_former(root)
    moved = root.rename(tmp_path / "elsewhere")
    again = kilotar.export(moved, "webdataset", **wish)  # type: ignore[arg-type]
    assert again.outputs[0].outcome is Outcome.KEPT
    shutil.rmtree(export)
    report = kilotar.export(moved, "parquet", boxes=True, unverified=True)
    assert report.outcome is Outcome.DONE and report.exit_code == 0
    rows = kilotar.open(moved / "parquet", "train")
    assert len(rows) == 12 and not root.exists()


def test_archives_that_were_fetched_come_along(root: Path, published: Published, tmp_path: Path) -> None:
    kilotar.prepare(root, formats=("webdataset",), **published.wish("http"))
    moved = root.rename(tmp_path / "elsewhere")
    events: list[Event] = []
    report = kilotar.export(moved, "imagefolder", on_event=events.append)
    assert report.outcome is Outcome.DONE and not [event for event in events if isinstance(event, Proved)]
    assert kilotar.verify(moved).problems == () and not root.exists()


def test_an_output_that_stands_elsewhere_stays_where_it_is(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny, formats=("webdataset",), out=tmp_path / "out")
    moved = root.rename(tmp_path / "elsewhere")
    assert prepare(moved, tiny, formats=("webdataset",), out=tmp_path / "out").outputs[0].outcome is Outcome.KEPT
    with pytest.raises(SettingsDiffer, match="webdataset") as caught:
        prepare(moved, tiny, formats=("webdataset",))
    assert f"folder: {moved / 'webdataset'} now, {tmp_path / 'out'} then" in caught.value.seen


@pytest.mark.parametrize("former", [False, True])
def test_one_that_stood_elsewhere_and_is_gone_is_not_looked_for_in_the_root(
    former: bool, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    prepare(root, tiny, formats=("webdataset",), out=tmp_path / "webdataset")
    prepare(root, tiny, formats=("imagefolder",), out=tmp_path / "tree")
    if former:
        as_former(root)
    shutil.rmtree(tmp_path / "webdataset")
    shutil.rmtree(tmp_path / "tree")
    for name in ("webdataset", "imagefolder"):
        with pytest.raises(SettingsDiffer, match=name):
            prepare(root, tiny, formats=(name,))


def test_other_choices_are_refused_as_before(moved: Path, tiny: Tiny) -> None:
    with pytest.raises(SettingsDiffer, match="webdataset"):
        prepare(moved, tiny, formats=("webdataset",), splits=("train",))


def test_paths_in_the_state_are_relative_and_others_whole(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny, formats=FORMATS, out=None)
    plans = {
        path.parent.name: json.loads(path.read_bytes())["folder"] for path in root.glob(".kilotar/exports/*/plan.json")
    }
    assert plans == {"imagefolder": ".", "webdataset": "webdataset"}
    records = read_journal(root / ".kilotar/inputs.jsonl", InputRecord)
    assert {Path(record.path).parent for record in records} == {tiny.folder}


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/a/root", "."), ("/a/root/x/../y", "y"), ("/a/root2/y", "/a/root2/y"), ("/a", "/a"), ("s3/x", "s3/x")],
)
def test_a_path_is_kept_and_stands_again(path: str, kept: str, tmp_path: Path) -> None:
    assert kept_path(path, Path("/a/root")) == kept
    assert standing_path("y", tmp_path) == f"{tmp_path}/y" and standing_path(".", tmp_path) == str(tmp_path)
    (tmp_path / ".kilotar" / "from").mkdir(parents=True)
    assert standing_path("/gone/.kilotar/from", tmp_path) == f"{tmp_path}/.kilotar/from"
    assert standing_path("/gone/.kilotar/other", tmp_path) == "/gone/.kilotar/other"
