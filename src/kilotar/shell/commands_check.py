"""Commands that look: verify, status, why. They change nothing, except `verify --repair`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import kilotar
from kilotar.errors import UsageError
from kilotar.events import Emit
from kilotar.shell import machine
from kilotar.shell.commands_make import ROOT, answer_report, ask_library, place_of
from kilotar.shell.flags import JOBS, Talk, Wanted, listed
from kilotar.shell.network import Network
from kilotar.shell.show_plan import show_status, show_why
from kilotar.shell.stage import Answer, perform
from kilotar.shell.text import field

__all__ = ["status", "verify", "why"]

Level = Literal["quick", "normal", "deep"]

REPAIRABLE = ("missing", "truncated", "size", "digest", "unreadable")  # other kinds are for a person to decide


def verify(
    root: str = str(ROOT),
    *,
    quick: bool = False,
    deep: bool = False,
    repair: bool = False,
    name: tuple[str, ...] = (),
    endpoint: str = "",
    against: Path | None = None,
    format_name: Annotated[str, Parameter(name="--format")] = "",
    edition: str = "",
    jobs: Annotated[int, JOBS] = 0,
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Check what was prepared, or an export that stands anywhere: every digest. Exit 3 where something is wrong.

    Args:
        root: Folder of the data set, or of an export; or the address of an output in a store, as given to --out.
        quick: Manifest, sizes and counts only; no file is read.
        deep: Decode every image as well.
        repair: Write bad files again, from the archives.
        name: Of a data set: only the outputs of these names, and not the archives.
        endpoint: Address of the server of s3:// or az://, if it is not the store's own.
        against: Of an export: the data set whose archives it is held against. Default: the one above it.
        format_name: Of an export that does not say it itself: its format.
        edition: Of an export that does not say it itself: its edition.
        jobs: Workers at once. Default: one a core.
    """
    folder = None if "://" in root else Path(root).expanduser()

    def work(emit: Emit) -> Answer:
        report = kilotar.verify(
            place_of(root, endpoint) or root,
            level=_level(quick, deep),
            repair=repair,
            names=listed(name),
            against=against,
            format_name=format_name,
            edition=edition,
            jobs=jobs,
            on_event=emit,
        )
        answer = answer_report(report)
        is_root = folder is not None and not report.proofs
        fixes = is_root and not repair and any(problem.kind in REPAIRABLE for problem in report.problems)
        return replace(answer, lines=[*answer.lines, *([_repair_line(report.root, listed(name))] if fixes else [])])

    return perform("verify", talk, work, folder)


def _repair_line(root: str, names: tuple[str, ...]) -> str:
    chosen = f" --name {','.join(names)}" if names else ""
    return field("fix", f"kilotar verify {shlex.quote(root)}{chosen} --repair")


def _level(quick: bool, deep: bool) -> Level:
    if quick and deep:
        raise UsageError("--quick and --deep exclude each other", fix="give one of them, or neither")
    return "quick" if quick else "deep" if deep else "normal"


def status(root: Path = ROOT, *, talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Show what is under ROOT and how far it is, without reading images.

    Args:
        root: Folder of the data set.
    """

    def work(_: Emit) -> Answer:
        found = kilotar.status(root.expanduser())
        return Answer(show_status(found), machine.as_object(found))

    return perform("status", talk, work)


def why(root: Path = ROOT, *, wanted: Wanted = Wanted(), talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Say of each step why `prepare` would do it, or keep what there is.

    With --name and nothing else that says what is wanted: of the output of that name, as it was begun.

    Args:
        root: Folder of the data set.
    """

    def work(emit: Emit) -> Answer:
        rows = ask_library(kilotar.why, root.expanduser(), wanted, Network(), emit)
        return Answer(show_why(rows, talk.verbose), {"steps": [machine.as_object(row) for row in rows]})

    return perform("why", talk, work)
