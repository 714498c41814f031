"""Rule: every step is told with what would be done with it and why, and nothing is changed by asking."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import SettingsDiffer
from kilotar.events import Event, Outcome, StepEnded
from kilotar.model.report import WhyRow
from tests.work.wishes import prepare, snapshot, wish


def why(root: Path, tiny: Tiny, **more: object) -> tuple[WhyRow, ...]:
    return kilotar.why(root, **wish(tiny, **more))


def stopped(root: Path, tiny: Tiny, after: int = 2) -> None:
    """Begin a root and stop after some steps."""
    left = [after]

    def stop(event: Event) -> None:
        if isinstance(event, StepEnded):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, **wish(tiny, jobs=1))


def test_in_a_new_root_every_step_is_new(root: Path, tiny: Tiny) -> None:
    rows = why(root, tiny)

    assert {row.key for row in rows} == {*(f"train/{s.wnid}" for s in tiny.edition.classes), "val/00000"}
    assert {(row.output, row.outcome, row.reason) for row in rows} == {("imagefolder", Outcome.DONE, "new")}
    assert not root.exists()


def test_in_a_finished_root_every_step_is_recorded(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    before = snapshot(root)

    rows = why(root, tiny)

    assert {(row.outcome, row.reason) for row in rows} == {(Outcome.KEPT, "recorded")}
    assert snapshot(root) == before


def test_after_a_stop_some_are_recorded_and_some_are_new(root: Path, tiny: Tiny) -> None:
    stopped(root, tiny)

    reasons = [row.reason for row in why(root, tiny)]

    assert sorted(reasons) == ["new", "new", "recorded", "recorded"]


@pytest.mark.parametrize(("damage", "reason"), [("folder", "lost"), ("file", "changed-size"), ("staging", "lost")])
def test_what_is_gone_from_the_staged_tree_is_done_again_with_the_reason(
    root: Path, tiny: Tiny, damage: str, reason: str
) -> None:
    stopped(root, tiny)
    staging = next(root.glob(".kilotar-*"))
    staged = [path for path in (staging / "train").iterdir() if any(path.iterdir())]
    if damage == "file":
        next(staged[0].iterdir()).unlink()
    else:
        shutil.rmtree({"folder": staged[0], "staging": staging}[damage])

    reasons = [row.reason for row in why(root, tiny)]
    prepare(root, tiny)

    assert reason in reasons
    assert kilotar.verify(root).problems == ()


def test_other_settings_are_refused_here_as_there(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    with pytest.raises(SettingsDiffer):
        why(root, tiny, classes=("half",))
