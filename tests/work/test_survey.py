"""Rules: the steps of an output part its samples, each in one step; a survey reads headers and no image."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kilotar.editions.tiny import Tiny
from kilotar.events import Event, ignore
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.planning import plan_outputs
from kilotar.work.request import Request
from kilotar.work.survey import Survey, survey
from tests.work.wishes import ALL, prepare


def look(root: Path, tiny: Tiny, events: list[Event] | None = None, **more: object) -> tuple[Survey, Request]:
    """Survey a tiny edition for a request."""
    request = Request(root, source=tiny.folder, edition=str(tiny.toml), **more)  # type: ignore[arg-type]
    workspace = Workspace(root)
    workspace.create()
    with closing(Inputs.look(workspace, tiny.edition, unverified=False, emit=ignore)) as inputs:
        return survey(request, tiny.edition, workspace, inputs, ignore if events is None else events.append), request


@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("chosen", [(), ("half",)])
@given(splits=st.sets(st.sampled_from(ALL), min_size=1))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_steps_part_the_samples(
    tmp_path: Path, tiny: Tiny, splits: set[str], chosen: tuple[str, ...], boxes: bool
) -> None:
    surveyed, request = look(tmp_path, tiny, splits=tuple(splits), classes=chosen, boxes=boxes, formats=("cls-loc",))
    (output,) = plan_outputs(request, surveyed, Workspace(tmp_path))

    images = [step for step in output.steps if not step.key.startswith("boxes/")]
    samples = [sample for table in Gatherer(surveyed).gather(False).tables for sample in table]
    held = Counter(
        (sample.split, sample.name)
        for sample in samples
        for step in images
        if step.archive == sample.at.archive and step.start <= sample.at.offset and sample.at.stop <= step.stop
    )

    assert len({step.key for step in output.steps}) == len(output.steps)
    assert set(held.values()) == {1}
    assert len(held) == len(samples)
    assert {sample.split for sample in samples} == splits


@pytest.mark.parametrize("splits", [("val", "train"), ("test", "val", "train")])
def test_splits_come_in_their_order_whatever_was_asked(root: Path, tiny: Tiny, splits: tuple[str, ...]) -> None:
    surveyed, _ = look(root, tiny, splits=splits)

    assert [archive.split for archive in surveyed.archives] == [split for split in ALL if split in splits]


def test_a_choice_of_classes_needs_only_their_tars_and_all_of_the_flat_archives(root: Path, tiny: Tiny) -> None:
    surveyed, _ = look(root, tiny, classes=("half",))

    keys = [step.key for archive in surveyed.archives for step in archive.steps(surveyed.chosen)]
    half = tiny.edition.subsets[0].wnids
    assert keys == [*(f"train/{wnid}" for wnid in half), "val/00000"]


def test_a_whole_kit_is_in_order(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []

    surveyed, _ = look(root, tiny, events)

    assert surveyed.findings == ()
    assert events == []


def test_archives_are_named_by_the_published_digest(root: Path, tiny: Tiny) -> None:
    surveyed, _ = look(root, tiny)

    about = tiny.edition.archive("tiny_img_train.tar")
    assert surveyed.sources()[0].identity == f"sha256:{about.sha256}"


def test_the_plan_is_the_same_before_and_after_the_images_were_read(root: Path, tiny: Tiny) -> None:
    surveyed, request = look(root / "new", tiny)
    before = plan_outputs(request, surveyed, Workspace(root / "new"))[0].recipe.plan_id
    prepare(root, tiny)
    surveyed, request = look(root, tiny)

    assert plan_outputs(request, surveyed, Workspace(root))[0].recipe.plan_id == before
