"""Commands that make something: prepare, plan, index. Arguments to the library, its value to words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

import kilotar
from kilotar.events import Emit, Outcome
from kilotar.model.report import Report
from kilotar.shell import machine
from kilotar.shell.flags import JOBS, Talk, Wanted, listed
from kilotar.shell.show_plan import show_forecast
from kilotar.shell.show_report import show_report
from kilotar.shell.stage import Answer, perform
from kilotar.shell.terms import with_terms

__all__ = ["answer_report", "ask_library", "index", "plan", "prepare"]

V = TypeVar("V")
_UNFINISHED = {Outcome.FAILED: 3, Outcome.BLOCKED: 130}
ROOT = Path("imagenet")


def prepare(
    root: Path = ROOT,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    dry_run: Annotated[bool, Parameter(name=("--dry-run", "-n"))] = False,
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Verify the archives and write them in the formats you want; the same command again resumes.

    Args:
        root: Folder of the data set.
        dry_run: Show the plan and change nothing.
    """
    if dry_run:
        return plan(root, wanted=wanted, talk=talk)
    return perform("prepare", talk, lambda emit: _prepare(root.expanduser(), wanted, emit), root.expanduser())


def _prepare(root: Path, wanted: Wanted, emit: Emit) -> Answer:
    report = with_terms(
        lambda accepted: ask_library(kilotar.prepare, root, replace(wanted, accept_terms=accepted), emit),
        wanted.accept_terms,
    )
    return answer_report(report)


def ask_library(verb: Callable[..., V], root: Path, wanted: Wanted, emit: Emit) -> V:
    """Call one of the verbs that take what `prepare` takes. Raises: UsageError, and whatever the verb raises."""
    return verb(
        root,
        source=wanted.source_path(),
        formats=listed(wanted.formats),
        splits=listed(wanted.splits),
        classes=listed(wanted.classes),
        boxes=wanted.boxes,
        edition=wanted.edition,
        unverified=wanted.unverified,
        accept_terms=wanted.accept_terms,
        jobs=wanted.jobs,
        options=wanted.options(),
        out=wanted.out,
        link=wanted.link,
        on_event=emit,
    )


def answer_report(report: Report) -> Answer:
    """Put a report into words. A run that did not come to its end is never exit 0."""
    return Answer(
        show_report(report), machine.as_object(report), report.exit_code or _UNFINISHED.get(report.outcome, 0)
    )


def plan(root: Path = ROOT, *, wanted: Wanted = Wanted(), talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Show what `prepare` would read, write and need, and how long it would take; change nothing.

    Args:
        root: Folder of the data set.
    """
    return perform("plan", talk, lambda emit: _plan(root.expanduser(), wanted, emit))


def _plan(root: Path, wanted: Wanted, emit: Emit) -> Answer:
    forecast = ask_library(kilotar.plan, root, wanted, emit)
    return Answer(show_forecast(forecast), machine.as_object(forecast), 0 if forecast.fits else 5)


def index(
    root: Path = ROOT,
    *,
    source: Annotated[str, Parameter(name="--from")] = "",
    edition: str = "",
    unverified: bool = False,
    jobs: Annotated[int, JOBS] = 0,
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Index the archives, so that images can be read in place; unpack nothing.

    Args:
        root: Folder of the data set.
        source: Folder that holds the archives. Default: where this root found them before, and ROOT.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
        unverified: Take archives that are not the published ones.
        jobs: Workers at once. Default: one a core.
    """
    wanted = Wanted(source=source)
    root = root.expanduser()

    def work(emit: Emit) -> Answer:
        return answer_report(
            kilotar.index(
                root,
                source=wanted.source_path(),
                edition=edition,
                unverified=unverified,
                jobs=jobs,
                on_event=emit,
            )
        )

    return perform("index", talk, work, root)
