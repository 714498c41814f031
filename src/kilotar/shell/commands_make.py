"""Commands that make something: get, prepare, plan, index. Arguments to the library, its value to words."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

import kilotar
from kilotar.errors import UsageError
from kilotar.events import Emit, Outcome
from kilotar.model.report import Report
from kilotar.shell import machine
from kilotar.shell.flags import JOBS, WAYS, Talk, Wanted, listed
from kilotar.shell.network import Network
from kilotar.shell.show_plan import show_forecast
from kilotar.shell.show_report import show_report
from kilotar.shell.stage import Answer, perform
from kilotar.shell.terms import with_terms
from kilotar.shell.text import one_line
from kilotar.shell.units import counted

__all__ = ["answer_report", "ask_library", "get", "index", "place_of", "plan", "prepare"]

V = TypeVar("V")
_UNFINISHED = {Outcome.FAILED: 3, Outcome.BLOCKED: 130}
ROOT = Path("imagenet")


def prepare(
    root: Path = ROOT,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    network: Network = Network(),  # noqa: B008 - frozen
    dry_run: Annotated[bool, Parameter(name=("--dry-run", "-n"))] = False,
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Verify the archives and write them in the formats you want; the same command again resumes.

    Args:
        root: Folder of the data set.
        dry_run: Show the plan and change nothing.
    """
    if dry_run:
        return plan(root, wanted=wanted, network=network, talk=talk)
    return perform("prepare", talk, lambda emit: _prepare(root.expanduser(), wanted, network, emit), root.expanduser())


def _prepare(root: Path, wanted: Wanted, network: Network, emit: Emit) -> Answer:
    report = with_terms(
        lambda accepted: ask_library(kilotar.prepare, root, replace(wanted, accept_terms=accepted), network, emit),
        wanted.accept_terms,
    )
    return answer_report(report)


def ask_library(verb: Callable[..., V], root: Path, wanted: Wanted, network: Network, emit: Emit) -> V:
    """Call one of the verbs that take what `prepare` takes. Raises: UsageError, and whatever the verb raises."""
    fetching = network.fetching(wanted.source)  # also where it is not needed, so that a wrong word is told
    return verb(
        root,
        source=wanted.source_path(),
        fetching=fetching if wanted.is_fetched else None,
        formats=listed(wanted.formats),
        splits=listed(wanted.splits),
        classes=listed(wanted.classes),
        per_class=wanted.per_class,
        fraction=wanted.fraction,
        seed=wanted.seed,
        images=wanted.images,
        boxes=wanted.boxes,
        edition=wanted.edition,
        unverified=wanted.unverified,
        accept_terms=wanted.accept_terms,
        jobs=wanted.jobs,
        options=wanted.options(),
        name=wanted.name,
        out=place_of(wanted.out, wanted.endpoint),
        link=wanted.link,
        pixels=wanted.recoded.wish(),
        on_event=emit,
    )


def place_of(out: str, endpoint: str) -> Path | kilotar.Remote | None:
    """Give where an output goes, None for below ROOT; an endpoint may be a setting of all runs, and is for addresses.

    Raises: UsageError.
    """
    return kilotar.place(out, endpoint=endpoint if "://" in out else "") if out else None


def answer_report(report: Report) -> Answer:
    """Put a report into words. A run that did not come to its end is never exit 0."""
    return Answer(
        show_report(report), machine.as_object(report), report.exit_code or _UNFINISHED.get(report.outcome, 0)
    )


def plan(
    root: Path = ROOT,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Show what `prepare` would read, write and need, and how long it would take; change nothing.

    Args:
        root: Folder of the data set.
    """
    return perform("plan", talk, lambda emit: _plan(root.expanduser(), wanted, network, emit))


def _plan(root: Path, wanted: Wanted, network: Network, emit: Emit) -> Answer:
    forecast = ask_library(kilotar.plan, root, wanted, network, emit)
    return Answer(show_forecast(forecast), machine.as_object(forecast), 0 if forecast.fits else 5)


def get(
    root: Path = ROOT,
    *,
    source: Annotated[str, Parameter(name="--from")] = "torrent",
    splits: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    boxes: bool = False,
    kit: bool = False,
    accept_terms: bool = False,
    unverified: bool = False,
    edition: str = "",
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Fetch the archives and prove every piece; the same command again resumes, another adds to what is there.

    Args:
        root: Folder of the data set; the archives go to ROOT/archives.
        source: torrent: from peers and web servers together; http: from web servers alone.
        splits: Only these: train, val, test. Default: train and val.
        classes: Of the training archive only these classes: a subset's name, a file of wnids, or wnids.
        boxes: Fetch the bounding boxes too.
        kit: Fetch the development kit too; nothing needs it.
        accept_terms: Accept the data set's terms of use.
        unverified: Take archives that are not the published ones.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
    """
    root = root.expanduser()

    def work(emit: Emit) -> Answer:
        if source not in WAYS:
            raise UsageError(
                f"get fetches by torrent or http, not from {source}",
                seen="archives in a folder are read where they are",
                fix=f"kilotar prepare --from {shlex.quote(source)}, or kilotar adopt FILE --into ROOT",
            )
        fetching = network.fetching(source)
        return answer_report(
            with_terms(
                lambda accepted: kilotar.get(
                    root,
                    fetching=fetching,
                    splits=listed(splits),
                    classes=listed(classes),
                    boxes=boxes,
                    kit=kit,
                    accept_terms=accepted,
                    unverified=unverified,
                    edition=edition,
                    on_event=emit,
                ),
                accept_terms,
            )
        )

    return perform("get", talk, work, root)


def index(
    root: Path = ROOT,
    *,
    source: Annotated[str, Parameter(name="--from")] = "",
    splits: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    edition: str = "",
    accept_terms: bool = False,
    unverified: bool = False,
    jobs: Annotated[int, JOBS] = 0,
    export_positions: Path | None = None,
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Index the archives, so that images can be read in place; unpack nothing.

    Args:
        root: Folder of the data set.
        source: Folder that holds the archives; or torrent or http, to fetch them. Default: where this root found them.
        splits: Only these: train, val, test. Default: train and val.
        classes: Only these classes: a subset's name, a file of wnids, or wnids.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
        accept_terms: Accept the data set's terms of use; asked where archives are fetched.
        unverified: Take archives that are not the published ones.
        jobs: Workers at once. Default: one a core.
        export_positions: Only write to this file where each class lies in the archive; see --positions.
    """
    wanted = Wanted(
        source=source,
        splits=splits,
        classes=classes,
        edition=edition,
        unverified=unverified,
        jobs=jobs,
    )
    root = root.expanduser()
    if export_positions is not None:
        return perform("index", talk, lambda _: _export(root, export_positions))

    def work(emit: Emit) -> Answer:
        return answer_report(
            with_terms(
                lambda accepted: ask_library(
                    kilotar.index, root, replace(wanted, accept_terms=accepted), network, emit
                ),
                accept_terms,
            )
        )

    return perform("index", talk, work, root)


def _export(root: Path, path: Path) -> Answer:
    count = kilotar.export_positions(root, path.expanduser())
    return Answer([f"  {counted(count, 'place')} of classes in {one_line(str(path))}"], {"classes": count})
