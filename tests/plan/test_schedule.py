"""Rules: nothing starts before it landed, records follow their commit, the seal comes last, a stop is clean."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.events import Outcome
from kilotar.plan.schedule import (
    Command,
    Commit,
    Committed,
    Failed,
    Happening,
    Interrupted,
    LandedRange,
    Outlined,
    ProofEnded,
    Record,
    Scheduler,
    Seal,
    Sealed,
    Start,
    StepsKnown,
    Stop,
    Want,
    Written,
)
from kilotar.plan.steps import Step
from tests.plan.playbook import play

A, B, C = Step("a", "tar", 0, 10), Step("b", "tar", 10, 20), Step("c", "tar", 20, 30)
PROVED = {"tar": 30}


def proved(*steps: Step, slots: int = 4) -> Scheduler:
    """Give a scheduler whose one archive was proved before."""
    return Scheduler(steps, {}, landed=PROVED, slots=slots)


def unproved(*steps: Step, slots: int = 4, lead_bytes: int = 1000) -> Scheduler:
    return Scheduler(steps, PROVED, slots=slots, lead_bytes=lead_bytes)


def test_nothing_starts_before_it_landed() -> None:
    p = play(unproved(A, B)) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 9)
    p = p >> LandedRange("tar", 0, 10) << Start(A)
    p = p >> LandedRange("tar", 0, 19)
    p = p >> LandedRange("tar", 0, 25) << Start(B)
    p.done()


def test_small_steps_are_committed_together_when_a_kill_would_cost_enough() -> None:
    one, two, three = (Step(key, "tar", 0, 30, members) for key, members in (("1", 900), ("2", 1100), ("3", 5)))
    p = play(proved(one, two, three, slots=2)) << Start(one) << Start(two)

    p = p >> Written("1") << Start(three)
    p = p >> Written("2") << Commit(("1", "2"))
    p = p >> Written("3")
    p = p >> Committed(("1", "2")) << Record(("1", "2")) << Commit(("3",))
    p = p >> Committed(("3",)) << Record(("3",)) << Seal()
    p.done()


def test_small_steps_are_committed_at_once_where_nothing_else_runs_or_the_run_ends() -> None:
    small, late = Step("1", "tar", 0, 10, 5), Step("2", "tar", 10, 20, 5)
    p = play(unproved(small, late)) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 10) << Start(small)
    p = p >> Written("1") << Commit(("1",))  # the second waits for bytes
    p = p >> Committed(("1",)) << Record(("1",))
    p.done()

    p = play(proved(small, late, slots=2)) << Start(small) << Start(late)
    p = p >> Written("1")
    p = p >> Interrupted() << Commit(("1",))
    p.done()


def test_landed_bytes_do_not_go_away_when_an_older_message_comes_late() -> None:
    p = play(unproved(A, B, slots=1)) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 30) << Start(A)
    p = p >> LandedRange("tar", 0, 10)
    p = p >> Written("a") << Start(B) << Commit(("a",))
    p.done()


def test_at_most_as_many_run_as_there_are_slots() -> None:
    p = play(proved(A, B, C, slots=2)) << Start(A) << Start(B)

    p = p >> Written("b") << Start(C) << Commit(("b",))
    p.done()


def test_commits_are_grouped_and_one_at_a_time() -> None:
    p = play(proved(A, B, C)) << Start(A) << Start(B) << Start(C)

    p = p >> Written("b") << Commit(("b",))
    p = p >> Written("a")
    p = p >> Written("c")
    p = p >> Committed(("b",)) << Record(("b",)) << Commit(("a", "c"))
    p = p >> Committed(("a", "c")) << Record(("a", "c")) << Seal()
    p = p >> Sealed() << Stop(Outcome.DONE)
    p.done()


def test_a_step_is_recorded_only_after_its_commit() -> None:
    p = play(proved(A)) << Start(A)

    p = p >> Written("a") << Commit(("a",))
    p = p >> Committed(("a",)) << Record(("a",)) << Seal()
    p.done()


def test_the_seal_waits_for_the_last_proof() -> None:
    steps = (Step("x", "one", 0, 5), Step("y", "two", 0, 5))
    p = play(Scheduler(steps, {"one": 5, "two": 5}, slots=2)) << Want("one", 5) << Want("two", 5)

    p = p >> ProofEnded("one") << Start(steps[0])
    p = p >> Written("x") << Commit(("x",))
    p = p >> Committed(("x",)) << Record(("x",))
    p = p >> LandedRange("two", 0, 5) << Start(steps[1])
    p = p >> Written("y") << Commit(("y",))
    p = p >> Committed(("y",)) << Record(("y",))
    p = p >> ProofEnded("two") << Seal()
    p.done()


def test_the_seal_waits_for_the_last_record_where_the_proof_came_first() -> None:
    p = play(unproved(A)) << Want("tar", 30)

    p = p >> ProofEnded("tar") << Start(A)
    p = p >> Written("a") << Commit(("a",))
    p = p >> Committed(("a",)) << Record(("a",)) << Seal()
    p.done()


def test_an_empty_plan_with_everything_proved_is_sealed_at_once() -> None:
    p = play(proved()) << Seal()

    p = p >> Sealed() << Stop(Outcome.DONE)
    p.done()


def test_an_empty_plan_is_sealed_only_after_its_proof() -> None:
    p = play(unproved()) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 30)
    p = p >> ProofEnded("tar") << Seal()
    p.done()


def test_a_step_that_needs_no_archive_starts_at_once() -> None:
    free = Step("boxes/train", "", 0, 0)

    p = play(unproved(free)) << Start(free) << Want("tar", 30)
    p.done()


def test_the_source_runs_no_further_ahead_than_the_lead() -> None:
    p = play(unproved(A, B, C, slots=1, lead_bytes=12)) << Want("tar", 12)

    p = p >> LandedRange("tar", 0, 12) << Start(A)
    p = p >> Written("a") << Commit(("a",)) << Want("tar", 22)
    p = p >> Committed(("a",)) << Record(("a",))
    p = p >> LandedRange("tar", 0, 22) << Start(B)
    p = p >> Written("b") << Commit(("b",)) << Want("tar", 30)
    p.done()


def test_a_step_larger_than_the_lead_is_wanted_whole() -> None:
    p = play(unproved(A, B, C, lead_bytes=3)) << Want("tar", 10)

    p = p >> LandedRange("tar", 0, 10) << Start(A)
    p.done()


def test_after_the_last_step_the_rest_of_an_archive_is_wanted_for_its_proof() -> None:
    p = play(unproved(A, lead_bytes=3)) << Want("tar", 10)

    p = p >> LandedRange("tar", 0, 10) << Start(A)
    p = p >> Written("a") << Commit(("a",)) << Want("tar", 30)
    p.done()


def test_a_step_whose_bytes_landed_out_of_order_need_not_wait_for_those_before_it() -> None:
    p = play(unproved(A, B, C, slots=2)) << Want("tar", 30)

    p = p >> LandedRange("tar", 20, 30) << Start(C)
    p = p >> LandedRange("tar", 0, 9)
    p = p >> LandedRange("tar", 9, 12) << Start(A)
    p.done()


def test_steps_that_become_known_later_stand_behind_those_that_wait() -> None:
    p = play(Scheduler([], {"tar": 30}, growing=["tar"], slots=1)) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 20)
    p = p >> StepsKnown((A,)) << Start(A)
    p = p >> StepsKnown((B,))
    p = p >> StepsKnown((C,))
    p = p >> Written("a") << Start(B) << Commit(("a",))
    p = p >> Written("b")
    p = p >> LandedRange("tar", 20, 30) << Start(C)
    p.done()


def test_nothing_is_sealed_before_every_archive_is_outlined() -> None:
    p = play(Scheduler([], {"tar": 30}, growing=["tar"], slots=1)) << Want("tar", 30)

    p = p >> ProofEnded("tar")
    p = p >> Outlined("tar") << Seal()
    p.done()


def test_a_step_known_after_the_proof_is_done_before_the_seal() -> None:
    p = play(Scheduler([], {"tar": 30}, growing=["tar"], slots=1)) << Want("tar", 30)

    p = p >> ProofEnded("tar")
    p = p >> StepsKnown((A,)) << Start(A)
    p = p >> Outlined("tar")
    p = p >> Written("a") << Commit(("a",))
    p = p >> Committed(("a",)) << Record(("a",)) << Seal()
    p.done()


def test_a_failed_step_lets_what_runs_end_and_be_recorded_then_stops() -> None:
    p = play(proved(A, B, C, slots=2)) << Start(A) << Start(B)

    p = p >> Failed("a")
    p = p >> Written("b") << Commit(("b",))
    p = p >> Committed(("b",)) << Record(("b",)) << Stop(Outcome.FAILED)
    p.done()


def test_a_failed_proof_is_never_sealed_and_wants_no_more() -> None:
    p = play(unproved(A, B, slots=1, lead_bytes=10)) << Want("tar", 10)

    p = p >> LandedRange("tar", 0, 10) << Start(A)
    p = p >> Failed("proof:tar")
    p = p >> Written("a") << Commit(("a",))
    p = p >> Committed(("a",)) << Record(("a",)) << Stop(Outcome.FAILED)
    p.done()


def test_a_failed_commit_is_not_recorded_and_stops() -> None:
    p = play(proved(A)) << Start(A)

    p = p >> Written("a") << Commit(("a",))
    p = p >> Failed()
    p = p >> Committed(()) << Stop(Outcome.FAILED)
    p.done()


def test_a_failed_seal_stops_as_failed() -> None:
    p = play(proved()) << Seal()

    p = p >> Failed() << Stop(Outcome.FAILED)
    p.done()


def test_an_interrupt_lets_what_runs_end_and_be_recorded_then_stops_as_blocked() -> None:
    p = play(unproved(A, B, slots=1)) << Want("tar", 30)

    p = p >> LandedRange("tar", 0, 30) << Start(A)
    p = p >> Interrupted()
    p = p >> Written("a") << Commit(("a",))
    p = p >> Committed(("a",)) << Record(("a",)) << Stop(Outcome.BLOCKED)
    p.done()


def test_an_interrupt_with_nothing_running_stops_at_once() -> None:
    p = play(unproved(A)) << Want("tar", 30)

    p = p >> Interrupted() << Stop(Outcome.BLOCKED)
    p.done()


def test_a_failure_outweighs_an_interrupt_in_either_order() -> None:
    p = play(proved(A, B, slots=2)) << Start(A) << Start(B)
    p = p >> Interrupted()
    p = p >> Failed("a")
    p = p >> Failed("b") << Stop(Outcome.FAILED)
    p.done()

    p = play(proved(A, B, slots=2)) << Start(A) << Start(B)
    p = p >> Failed("a")
    p = p >> Interrupted()
    p = p >> Failed("b") << Stop(Outcome.FAILED)
    p.done()


@pytest.mark.parametrize("late", [LandedRange("tar", 0, 30), ProofEnded("tar"), Interrupted(), Failed("proof:tar")])
def test_after_the_stop_nothing_is_asked_for(late: Happening) -> None:
    p = play(unproved(A)) << Want("tar", 30)
    p = p >> Interrupted() << Stop(Outcome.BLOCKED)

    p = p >> late
    p.done()


class World:
    """Answers a scheduler's commands in a random order, checking its rules on the way."""

    def __init__(self, steps: tuple[Step, ...], sizes: dict[str, int], slots: int, lead: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.steps = {step.key: step for step in steps}
        self.sizes, self.slots, self.lead = sizes, slots, lead
        self.landed = dict.fromkeys(sizes, 0)
        self.wanted = dict.fromkeys(sizes, 0)
        self.waiting: list[Happening] = []
        self.running: set[str] = set()
        self.finished: set[str] = set()
        self.committed: set[str] = set()
        self.recorded: list[str] = []
        self.proved: set[str] = set()
        self.sealed = 0
        self.stop: Outcome | None = None
        scheduler = Scheduler(steps, sizes, slots=slots, lead_bytes=lead)
        self.do(scheduler.start())
        for _ in range(10_000):
            if self.stop is not None:
                return
            self.land()
            happening = self.waiting.pop(self.rng.randrange(len(self.waiting)))
            self.note(happening)
            self.do(scheduler.on(happening))

    def land(self) -> None:
        """Let some archive move on, as far as it is wanted; say when its end is reached."""
        for name in [name for name in self.sizes if self.landed[name] < self.wanted[name]]:
            if self.waiting and self.rng.random() < 0.5:
                continue
            self.landed[name] = self.rng.randint(self.landed[name] + 1, self.wanted[name])
            self.waiting.append(LandedRange(name, 0, self.landed[name]))
            if self.landed[name] == self.sizes[name]:
                self.waiting.append(ProofEnded(name))

    def note(self, happening: Happening) -> None:
        match happening:
            case Written(key):
                self.running.discard(key)
                self.finished.add(key)
            case Committed(keys):
                self.committed |= set(keys)
            case ProofEnded(archive):
                self.proved.add(archive)

    def do(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            match command:
                case Start(step):
                    self.running.add(step.key)
                    assert self.landed[step.archive] >= step.stop
                    assert len(self.running) <= self.slots
                    self.waiting.append(Written(step.key))
                case Want(archive, stop):
                    self.wanted[archive] = stop
                    unfinished = [s for s in self.steps.values() if s.archive == archive and s.key not in self.finished]
                    assert all(stop <= max(s.stop, s.start + self.lead) for s in unfinished[:1])
                case Commit(keys):
                    assert not any(isinstance(happening, Committed) for happening in self.waiting)
                    assert set(keys) <= self.finished
                    self.waiting.append(Committed(keys))
                case Record(keys):
                    assert set(keys) <= self.committed
                    self.recorded += keys
                case Seal():
                    assert self.proved == set(self.sizes)
                    assert sorted(self.recorded) == sorted(self.steps)
                    self.sealed += 1
                    self.waiting.append(Sealed())
                case Stop(outcome):
                    self.stop = outcome


@given(
    lengths=st.lists(st.lists(st.integers(1, 30), max_size=6), min_size=1, max_size=3),
    slots=st.integers(1, 4),
    lead=st.integers(1, 60),
    seed=st.integers(0, 10_000),
)
def test_every_order_of_arrival_records_each_step_once_and_seals_once(
    lengths: list[list[int]], slots: int, lead: int, seed: int
) -> None:
    steps, sizes = [], {}
    for number, row in enumerate(lengths):
        start = 0
        for size in row:
            steps.append(Step(f"{number}/{start}", f"tar{number}", start, start + size))
            start += size
        sizes[f"tar{number}"] = start + 1

    world = World(tuple(steps), sizes, slots, lead, seed)

    assert world.stop is Outcome.DONE
    assert sorted(world.recorded) == sorted(world.steps)
    assert world.sealed == 1
