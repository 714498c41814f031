"""Rules: what fails is raised after everything that runs has ended and what was written is committed and recorded."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kilotar.errors import ArchiveRefused, DigestMismatch, DiskFull, KilotarError, OurError, StorageFailed
from kilotar.events import Event, Finding, Found, Landed, Outcome, StepEnded, StepStarted
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import Step, StepDone
from kilotar.work.engine import Engine, Job, ProofTask

SIZE = 40
STEPS = tuple(Step(f"train/{key}", "tar", at, at + 10) for key, at in (("a", 0), ("b", 10), ("c", 20)))
WAIT_S = 20.0


def nothing() -> None:
    """Do nothing, as a hook."""


def done(key: str) -> StepDone:
    return StepDone(key, 2, 10, "00", "train", exclusive=True, findings=(Finding("name", key, "why"),))


@dataclass
class Stage:
    """A job whose every act is noted, and may be made to fail.

    Attributes:
        hooks: by the act ("write train/a", "proof", "judge", "commit", "record", "seal"): what it does first.
        acts:  what was done, in order.
    """

    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    allowed: list[int] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda event: None

    def run(self, steps: tuple[Step, ...] = STEPS, *, slots: int = 2, proved: bool = False) -> None:
        sizes = {} if proved else {"tar": SIZE}
        scheduler = Scheduler(steps, sizes, landed={"tar": SIZE}, slots=slots)
        proof = ProofTask(self._proof, self._judge, self.allowed.append, self.cancelled.set, SIZE)
        proofs = {} if proved else {"tar": proof}
        Engine(Job(scheduler, self._write, proofs, self._commit, self._record, self._seal), slots, self._emit).run()

    def _act(self, name: str) -> None:
        self.acts.append(name)
        self.hooks.get(name, nothing)()

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def _write(self, key: str) -> Callable[[], StepDone]:
        def write() -> StepDone:
            self._act(f"write {key}")
            return done(key)

        return write

    def _proof(self, on_landed: Callable[[int, int], None]) -> str:
        on_landed(0, SIZE)
        self._act("proof")
        return "" if self.cancelled.is_set() else "digest"

    def _judge(self, digest: str) -> None:
        assert digest == "digest"
        self._act("judge")

    def _commit(self) -> None:
        self._act("commit")

    def _record(self, parts: tuple[StepDone, ...]) -> None:
        self._act("record")
        self.recorded += [part.key for part in parts]

    def _seal(self) -> None:
        self._act("seal")


def raising(error: BaseException) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


def test_a_run_writes_proves_records_and_seals_last() -> None:
    stage = Stage()

    stage.run()

    assert sorted(stage.recorded) == [step.key for step in STEPS]
    assert stage.acts[-1] == "seal"
    assert stage.acts.count("judge") == stage.acts.count("proof") == stage.acts.count("seal") == 1


def test_every_step_is_told_when_it_starts_and_ends_with_what_was_found() -> None:
    stage = Stage()

    stage.run()

    for step in STEPS:
        assert StepStarted(step.key) in stage.events
        assert StepEnded(step.key, Outcome.DONE, 2, 10) in stage.events
        assert Found(Finding("name", step.key, "why")) in stage.events
    assert Landed("tar", 0, SIZE, SIZE) in stage.events


def test_proved_archives_are_not_proved_again() -> None:
    stage = Stage()

    stage.run(proved=True)

    assert "proof" not in stage.acts
    assert stage.acts[-1] == "seal"


def test_a_plan_without_steps_is_sealed() -> None:
    stage = Stage()

    stage.run((), proved=True)

    assert stage.acts == ["seal"]


REFUSED = ArchiveRefused("bad tar")


def test_a_worker_that_fails_ends_the_run_with_its_error_after_the_others_were_recorded() -> None:
    both = threading.Barrier(2)
    stage = Stage(
        {
            "write train/a": lambda: (both.wait(WAIT_S), raising(REFUSED)())[1],
            "write train/b": lambda: (both.wait(WAIT_S), None)[1],
        }
    )

    with pytest.raises(ArchiveRefused) as caught:
        stage.run()

    assert caught.value is REFUSED
    assert "train/b" in stage.recorded
    assert "train/a" not in stage.recorded
    assert "seal" not in stage.acts
    assert StepEnded("train/a", Outcome.FAILED, reason="bad tar") in stage.events


def test_a_disk_that_fills_in_a_worker_is_told_as_the_machines_fault() -> None:
    stage = Stage({"write train/a": raising(OSError(28, "No space left on device"))})

    with pytest.raises(DiskFull, match="write train/a"):
        stage.run(slots=1)
    assert "seal" not in stage.acts


def test_a_bug_in_a_worker_ends_the_run_as_a_bug() -> None:
    stage = Stage({"write train/b": raising(ZeroDivisionError("1/0"))})

    with pytest.raises(OurError, match="train/b"):
        stage.run(slots=1)
    assert stage.recorded == ["train/a"]


@pytest.mark.parametrize("act", ["proof", "judge"])
def test_a_proof_that_fails_ends_the_run_unsealed(act: str) -> None:
    wrong = DigestMismatch("not the published file")
    stage = Stage({act: raising(wrong)})

    with pytest.raises(DigestMismatch) as caught:
        stage.run()

    assert caught.value is wrong
    assert "seal" not in stage.acts
    assert set(stage.recorded) == {act.removeprefix("write ") for act in stage.acts if act.startswith("write")}


def test_a_judgement_that_cannot_be_written_down_ends_the_run() -> None:
    stage = Stage({"judge": raising(OSError(5, "Input/output error"))})

    with pytest.raises(StorageFailed):
        stage.run()
    assert "seal" not in stage.acts


def test_a_commit_that_fails_ends_the_run_with_nothing_recorded() -> None:
    stage = Stage({"commit": raising(StorageFailed("no sync"))})

    with pytest.raises(StorageFailed, match="no sync"):
        stage.run(slots=1)

    assert stage.recorded == []
    assert "seal" not in stage.acts


@pytest.mark.parametrize("error", [DiskFull("no room"), OSError(28, "No space left on device")])
def test_a_record_that_fails_ends_the_run_unsealed_also_when_it_was_the_last(error: Exception) -> None:
    stage = Stage({"record": raising(error)})

    with pytest.raises(DiskFull):
        stage.run(STEPS[:1], proved=True)

    assert stage.acts == ["write train/a", "commit", "record"]


@pytest.mark.parametrize("error", [DiskFull("no room"), OSError(28, "No space left on device")])
def test_a_seal_that_fails_ends_the_run_with_everything_recorded(error: Exception) -> None:
    stage = Stage({"seal": raising(error)})

    with pytest.raises(DiskFull):
        stage.run()

    assert sorted(stage.recorded) == [step.key for step in STEPS]
    assert stage.acts.count("seal") == 1


def test_the_first_error_is_the_one_that_is_raised() -> None:
    stage = Stage({"write train/a": raising(REFUSED), "commit": raising(StorageFailed("later"))})

    with pytest.raises(KilotarError) as caught:
        stage.run(slots=1, proved=True)
    assert caught.value is REFUSED


def test_after_the_end_a_proof_that_waits_is_cancelled() -> None:
    stage = Stage({"write train/a": raising(REFUSED)})
    stage.hooks["proof"] = lambda: (stage.cancelled.wait(WAIT_S), None)[1]

    with pytest.raises(ArchiveRefused):
        stage.run(slots=1)
    assert stage.cancelled.is_set()
    assert "judge" not in stage.acts


def interrupt_once(when: Callable[[Event], bool]) -> Callable[[Event], None]:
    """Give a reporter during which Ctrl-C is pressed once."""
    left = [1]

    def report(event: Event) -> None:
        if left[0] and when(event):
            left[0] = 0
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("kind", [StepEnded, Landed, Found])
def test_one_interrupt_lets_what_runs_end_and_be_recorded(kind: type[Event]) -> None:
    stage = Stage(on_event=interrupt_once(lambda event: isinstance(event, kind)))

    with pytest.raises(KeyboardInterrupt):
        stage.run(slots=1)

    written = [act.removeprefix("write ") for act in stage.acts if act.startswith("write")]
    assert stage.recorded == written
    assert len(written) < len(STEPS)
    assert "seal" not in stage.acts


def test_an_interrupt_while_a_proof_is_judged_is_a_clean_stop() -> None:
    left = [1]

    def interrupted() -> None:
        if left.pop() if left else 0:
            raise KeyboardInterrupt

    stage = Stage({"judge": interrupted})

    with pytest.raises(KeyboardInterrupt):
        stage.run((STEPS[0],), slots=1)
    assert "seal" not in stage.acts


def test_a_second_interrupt_leaves_at_once() -> None:
    stage = Stage(on_event=lambda event: raising(KeyboardInterrupt())() if isinstance(event, StepEnded) else None)

    with pytest.raises(KeyboardInterrupt):
        stage.run(slots=1)
    assert stage.recorded == []


def test_an_error_while_stopping_after_an_interrupt_is_raised_instead() -> None:
    stage = Stage({"commit": raising(StorageFailed("no sync"))})
    stage.on_event = interrupt_once(lambda event: isinstance(event, StepEnded))

    with pytest.raises(StorageFailed, match="no sync"):
        stage.run(slots=1)


def test_a_signal_while_sealing_leaves_at_once_since_sealing_can_be_repeated() -> None:
    stage = Stage({"seal": lambda: (signal.raise_signal(signal.SIGINT), stage.acts.append("sealed on"))[1]})

    with pytest.raises(KeyboardInterrupt):
        stage.run(slots=1)

    assert sorted(stage.recorded) == [step.key for step in STEPS]
    assert stage.acts[-1] == "seal"


def test_a_signal_while_a_record_is_written_waits_until_it_is() -> None:
    stage = Stage({"record": lambda: signal.raise_signal(signal.SIGINT) if not stage.recorded else None})

    with pytest.raises(KeyboardInterrupt):
        stage.run(slots=1, proved=True)

    written = [act.removeprefix("write ") for act in stage.acts if act.startswith("write")]
    assert stage.recorded == written
    assert "seal" not in stage.acts


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness of its own")
@pytest.mark.parametrize("proved", [False, True])
def test_writers_give_way_to_a_proof_and_to_nothing_else(proved: bool) -> None:
    def note() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) > usual)

    usual = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[bool] = []
    Stage({f"write {step.key}": note for step in STEPS}).run(proved=proved)
    assert found == [not proved and usual < 19] * 3
