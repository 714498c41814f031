"""Rule: what is to do is the plan minus the recorded facts, each with its reason."""

from __future__ import annotations

from kilotar.plan.steps import Reason, Step, todo

STEPS = tuple(Step(f"train/{key}", "tar", at, at + 7) for at, key in enumerate(("new", "kept", "lost", "changed")))
DONE = {"train/kept": Reason.RECORDED, "train/lost": Reason.LOST, "train/changed": Reason.CHANGED}


def test_every_step_comes_with_its_reason_in_the_order_of_the_plan() -> None:
    assert todo(STEPS, DONE, lambda fact: fact) == tuple(
        zip(STEPS, (Reason.NEW, Reason.RECORDED, Reason.LOST, Reason.CHANGED), strict=True)
    )


def test_a_record_of_no_step_of_the_plan_is_passed_over() -> None:
    assert todo(STEPS[:1], {"train/other": Reason.LOST}, lambda fact: fact) == ((STEPS[0], Reason.NEW),)


def test_the_disk_is_looked_at_for_recorded_steps_only() -> None:
    looked: list[Reason] = []

    todo(STEPS, DONE, lambda fact: (looked.append(fact), fact)[1])

    assert looked == [Reason.RECORDED, Reason.LOST, Reason.CHANGED]


def test_a_step_is_as_long_as_the_bytes_it_needs() -> None:
    assert STEPS[2].size_bytes == 7
