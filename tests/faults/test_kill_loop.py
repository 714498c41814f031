"""A run that is killed at every call that changes something, and a run whose every call fails: nothing is lost.

The calls are enumerated: call N of the run dies or fails, for N = 1, 2, ... until a run comes to its end untouched.
With KILOTAR_FAULTS=all every point is tried, as `.ci/run` does; else a few of each kind, others each day.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.faults.bench import Bench, Harm
from tests.faults.mutants import ERRNO_MUTANTS, KILL_MUTANTS
from tests.faults.shim import Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
SLICES = 8
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def points(bench: Bench, one_in: int, part: int = 0, parts: int = 1) -> Iterator[int]:
    """Give the numbers of calls to try, of one slice: all, or one of each `one_in` chosen by the seed."""
    step = 1 if ALL else one_in
    rng = random.Random(f"{SEED} {part}")
    for start in range(1 + part * step, bench.calls + 1, step * parts):
        yield start + rng.randrange(step)


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("mode", ["clean", "torn"])
def test_a_run_killed_at_any_call_goes_on_to_the_same_bytes(bench: Bench, mode: str, part: int) -> None:
    kills = 0
    for at in points(bench, 8, part, SLICES):
        kills += bench.break_and_mend(Fault(mode, at)).killed

    assert kills > 0


@pytest.mark.parametrize("mode", ["clean", "torn"])
def test_a_run_killed_again_while_it_recovers_goes_on_to_the_same_bytes(bench: Bench, mode: str) -> None:
    rng = random.Random(SEED)
    for at in points(bench, 40):
        bench.clear()
        bench.prepare(Fault(mode, at))
        for _ in range(3):
            bench.prepare(Fault(rng.choice(["clean", "torn"]), rng.randrange(1, 60)))
            bench.look_at_broken()
        bench.mend()


def test_a_run_killed_at_random_times_goes_on_to_the_same_bytes(bench: Bench) -> None:
    rng = random.Random(SEED)
    for _ in range(20):
        bench.clear()
        for _ in range(rng.randrange(1, 4)):
            bench.prepare(kill_after_s=rng.uniform(0.001, 0.08))
            bench.look_at_broken()
        bench.mend()


@pytest.mark.parametrize("number", ERRNOS, ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize("mode", ["once", "always"])
def test_a_call_that_fails_is_named_or_without_effect(bench: Bench, mode: str, number: int) -> None:
    failures = 0
    for at in points(bench, 20):
        failures += bench.break_and_mend(Fault(mode, at, number)).code != 0

    assert failures > 0


def test_writes_that_take_only_half_at_a_time_change_nothing(bench: Bench) -> None:
    assert bench.break_and_mend(Fault("short")).code == 0


@pytest.mark.parametrize("mutant", KILL_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_program_that_breaks_its_promise_is_caught_by_the_kill_loop(bench: Bench, mutant: Callable[[], None]) -> None:
    faults = [Fault(mode, at) for at in range(1, bench.calls) for mode in ("clean", "torn")]
    random.Random(0).shuffle(faults)

    assert is_caught(bench, mutant.__name__, faults)


@pytest.mark.parametrize("mutant", ERRNO_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_program_that_breaks_its_promise_is_caught_by_failing_calls(bench: Bench, mutant: Callable[[], None]) -> None:
    faults = [Fault("once", at, errno.ENOSPC) for at in range(1, bench.calls)]
    random.Random(0).shuffle(faults)

    assert is_caught(bench, mutant.__name__, [Fault("short"), *faults])


def is_caught(bench: Bench, mutant: str, faults: list[Fault]) -> bool:
    """Tell whether one of the faults does harm to a program that works undisturbed."""
    bench.clear()
    assert bench.prepare(mutant=mutant).code == 0
    bench.look_at_whole()
    return any(does_harm(bench, fault, mutant) for fault in faults)


def does_harm(bench: Bench, fault: Fault, mutant: str) -> bool:
    try:
        bench.break_and_mend(fault, mutant)
    except Harm:
        return True
    return False
