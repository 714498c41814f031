"""The only loop: one queue in, the scheduler's commands out, performed.

Rules guarded: the engine decides nothing; what fails is kept and raised after everything that runs has ended and what
was written is committed; Ctrl-C once stops cleanly, a second time at once. Threads only: the work here is the kernel's
(read, write, hash, sync), and Python lets go of its lock for all of it. Where it is not, as for shards, a thread waits
for a process (`kilotar.work.shard_writers`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

from kilotar.errors import KilotarError, storage_error
from kilotar.events import Emit, Found, Landed, Outcome, StepEnded, StepStarted
from kilotar.exec.base import TaskEnded, TaskFailed, TaskResult
from kilotar.exec.threads import ThreadExecutor
from kilotar.plan import schedule
from kilotar.plan.schedule import Command, Happening, Scheduler
from kilotar.plan.steps import Step, StepDone
from kilotar.work.signals import interrupts_as_messages

__all__ = ["Engine", "Job", "ProofTask", "TellSteps", "way_for"]

log = logging.getLogger(__name__)
_PROOF, _OUTLINE, _COMMIT = "proof:", "outline:", "commit"
_WAY_FOR_PROOF = 5  # niceness: a proof is one thread and the last to end; given a core, it ends 1.2 times as soon
Message = TaskResult | Landed | schedule.StepsKnown | KeyboardInterrupt
TellSteps = Callable[[tuple[Step, ...]], None]


@dataclass(frozen=True, slots=True)
class ProofTask:
    """The proof of one archive: `run` reads or fetches it in a thread, tells what has landed and gives its digest;
    `judge` raises when it is wrong.
    """

    run: Callable[[Callable[[int, int], None]], str]
    judge: Callable[[str], None]
    allow: Callable[[int], None]
    cancel: Callable[[], None]
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that the engine performs for one output.

    Attributes:
        scheduler: decides.
        write:  gives the work of a step by its key.
        proofs: by archive, those that are still to be proved.
        commit: makes all that was written durable.
        record: appends finished steps to the journal.
        seal:   completes the output.
        outlines: by archive that is still growing, the walk over its headers, which tells steps as it finds them.
    """

    scheduler: Scheduler
    write: Callable[[str], Callable[[], StepDone]]
    proofs: Mapping[str, ProofTask]
    commit: Callable[[], None]
    record: Callable[[tuple[StepDone, ...]], None]
    seal: Callable[[], None]
    outlines: Mapping[str, Callable[[TellSteps], None]] = field(default_factory=dict)


def way_for(proofs: Mapping[str, ProofTask]) -> int:
    """Give the niceness of those who write beside proofs."""
    return _WAY_FOR_PROOF if proofs else 0


class Engine:
    """Runs one job to its end.

    Args:
        job:   what to do.
        slots: writer threads.
        emit:  gets an event for everything that happens, in this thread.
    """

    def __init__(self, job: Job, slots: int, emit: Emit) -> None:
        self._job = job
        self._emit = emit
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._workers = ThreadExecutor(slots, self._inbox.put, niceness=way_for(job.proofs))
        self._clerk = ThreadExecutor(1, self._inbox.put)
        self._prover = ThreadExecutor(max(1, len(job.proofs) + len(job.outlines)), self._inbox.put)
        self._begun: set[str] = set()
        self._written: dict[str, StepDone] = {}
        self._committing: tuple[str, ...] = ()
        self._error: KilotarError | None = None
        self._interrupt: KeyboardInterrupt | None = None
        self._outcome: Outcome | None = None
        self._sealing = False

    def run(self) -> None:
        """Perform until the scheduler says stop.

        Raises: KilotarError that stopped it; KeyboardInterrupt after a clean stop.
        """
        with self._workers, self._clerk, self._prover, interrupts_as_messages(self._inbox.put, self._at_once):
            try:
                self._perform(self._job.scheduler.start())
                for archive, walk in self._job.outlines.items():
                    self._prover.submit(_OUTLINE + archive, partial(walk, self._tell_steps))
                while self._outcome is None:
                    self._turn()
            finally:
                for proof in self._job.proofs.values():
                    proof.cancel()
        if self._error is not None:
            raise self._error
        if self._interrupt is not None:
            raise self._interrupt

    def _at_once(self) -> bool:
        """Tell whether an interrupt need not wait: it is the second, or sealing goes on, which can be repeated."""
        return self._interrupt is not None or self._sealing

    def _turn(self) -> None:
        message = self._inbox.get()
        try:
            happening = self._take(message)
        except KeyboardInterrupt as error:  # out of a listener, while it was told
            self._inbox.put(message)  # it was not dealt with yet, and its task would be waited for without end
            happening = self._interrupted(error)
        if happening is not None:
            self._perform(self._job.scheduler.on(happening))

    def _interrupted(self, error: KeyboardInterrupt) -> Happening:
        if self._interrupt is not None:
            raise error
        self._interrupt = error
        return schedule.Interrupted()

    def _take(self, message: Message) -> Happening | None:
        """Turn what came in into what the scheduler understands."""
        match message:
            case KeyboardInterrupt():
                return self._interrupted(message)
            case Landed(archive, start, stop, _):
                self._emit(message)
                return schedule.LandedRange(archive, start, stop)
            case schedule.StepsKnown():
                return message
            case TaskEnded(key, StepDone() as done):
                self._written[key] = done
                self._tell(done)
                return schedule.Written(key)
            case TaskEnded(key) if key == _COMMIT:
                return schedule.Committed(self._committing)
            case TaskEnded(key) if key.startswith(_OUTLINE):
                return schedule.Outlined(key.removeprefix(_OUTLINE))
            case TaskEnded(key, digest):
                return self._judge(key.removeprefix(_PROOF), digest)
            case TaskFailed(key, error):
                return self._fail(key, error)

    def _judge(self, archive: str, digest: str) -> Happening | None:
        if not digest:
            return None  # cancelled
        try:
            self._job.proofs[archive].judge(digest)
        except (KilotarError, OSError) as error:
            return self._fail(_PROOF + archive, error)
        return schedule.ProofEnded(archive)

    def _tell(self, done: StepDone) -> None:
        for finding in done.findings:
            self._emit(Found(finding))
        self._emit(StepEnded(done.key, Outcome.DONE, done.images, done.size_bytes))

    def _fail(self, key: str, error: KilotarError | OSError) -> Happening:
        trouble = storage_error(error, f"write {key}") if isinstance(error, OSError) else error
        log.warning("%s failed: %s", key, trouble)
        self._error = self._error or trouble
        self._emit(StepEnded(key, Outcome.FAILED, reason=trouble.what))
        if key == _COMMIT:
            self._perform(self._job.scheduler.on(schedule.Failed()))
            return schedule.Committed(())
        return schedule.Failed(key)

    def _perform(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case schedule.Want(archive, stop):
                self._want(archive, stop)
            case schedule.Start(step):
                self._emit(StepStarted(step.key))
                self._workers.submit(step.key, self._job.write(step.key))
            case schedule.Commit(keys):
                self._committing = keys
                self._clerk.submit(_COMMIT, self._job.commit)
            case schedule.Record(keys):
                self._attempt(lambda: self._job.record(tuple(self._written.pop(key) for key in keys)))
            case schedule.Seal() if self._error is None:  # the record just before it may have failed
                self._sealing = True
                self._attempt(self._job.seal, then=schedule.Sealed())
            case schedule.Stop(outcome):
                self._outcome = outcome

    def _want(self, archive: str, stop: int) -> None:
        proof = self._job.proofs[archive]
        proof.allow(stop)
        if archive not in self._begun:
            self._begun.add(archive)
            self._prover.submit(_PROOF + archive, lambda: proof.run(self._landed(archive, proof.total_bytes)))

    def _landed(self, archive: str, total_bytes: int) -> Callable[[int, int], None]:
        return lambda start, stop: self._inbox.put(Landed(archive, start, stop, total_bytes))

    def _tell_steps(self, steps: tuple[Step, ...]) -> None:
        self._inbox.put(schedule.StepsKnown(steps))

    def _attempt(self, action: Callable[[], None], then: Happening | None = None) -> None:
        """Do something in this thread; a failure ends the run like any other."""
        try:
            action()
        except (KilotarError, OSError) as error:
            self._perform(self._job.scheduler.on(self._fail("", error)))
            return
        if then is not None:
            self._perform(self._job.scheduler.on(then))
