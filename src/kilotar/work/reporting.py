"""The end of a run as a report: what there is, what it should be, and the proof of the labels.

Rules guarded: counts are always compared with the published truth where the archive is the published one; a count that
differs is a problem, not a note; the report is stored beside the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from kilotar.events import SCHEMA, Finding, Outcome
from kilotar.model.report import OutputFact, Report, SplitFact
from kilotar.model.sample import Split
from kilotar.model.table import SampleTable
from kilotar.store.files import publish
from kilotar.store.manifest import manifest_sha256
from kilotar.store.workspace import Workspace
from kilotar.work.completing import findings_of
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.labels import prove_labels
from kilotar.work.output import Output
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["report_run", "store_report"]


def report_run(
    surveyed: Survey,
    inputs: Inputs,
    outputs: Sequence[Output],
    before: Sequence[Output],
    workspace: Workspace,
    seconds: float,
    found: Sequence[Finding] = (),
    verb: str = "prepare",
) -> Report:
    """Give and store the report of a run.

    Args:
        outputs: as they are now.
        before:  as they were planned, to tell what was kept.
        seconds: wall time of the run.
        found:   findings that no journal holds.
        verb:    of the run.
    Raises: LabelsRefused, MachineError.
    """
    tables = Gatherer(surveyed).gather(False).tables
    splits = tuple(_split_fact(surveyed, table) for table in tables)
    counts = [finding for table in tables for finding in _count_findings(surveyed, table)]
    recorded = [finding for output in outputs for finding in findings_of(output.recorded(workspace))]
    findings = dict.fromkeys((*surveyed.findings, *recorded, *found, *counts))
    archives = tuple(inputs.fact(archive.local.name) for archive in surveyed.archives)
    facts = tuple(_output_fact(now, then, workspace) for now, then in zip(outputs, before, strict=True))
    kept = bool(facts) and all(fact.outcome is Outcome.KEPT for fact in facts)
    report = Report(
        verb=verb,
        root=str(workspace.root),
        edition=surveyed.edition.name,
        outcome=Outcome.KEPT if kept else Outcome.DONE,
        archives=archives,
        splits=splits,
        outputs=facts,
        labels=prove_labels(surveyed.edition),
        findings=tuple(sorted(findings, key=lambda f: (f.where, f.offset, f.kind, f.why))),
        checked=sum(split.images for split in splits),
        seconds=seconds,
        verified=all(fact.published for fact in archives),
        path=str(workspace.report),
        next_steps=_next_steps(workspace, outputs),
    )
    store_report(report, workspace.report)
    return report


def _next_steps(workspace: Workspace, outputs: Sequence[Output]) -> tuple[str, ...]:
    steps = [f"kilotar verify {workspace.root}"]
    for output in outputs:
        if output.sink.ABOUT.snippet:
            steps.append(output.sink.ABOUT.snippet.format(folder=output.folder))
    return (*steps, f'kilotar.open("{workspace.root}", "train")[0].read()')


def store_report(report: Report, path: Path) -> None:
    """Write a report as JSON. Raises MachineError."""
    content = {"schema": SCHEMA, **msgspec.to_builtins(report)}
    publish(path, [msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"])


def _split_fact(surveyed: Survey, table: SampleTable) -> SplitFact:
    wnids = {wnid for part in table.parts for wnid in part.wnids if wnid}
    return SplitFact(table.split, len(table), _expected(surveyed, table.split), len(wnids), table.size_bytes)


def _expected(surveyed: Survey, split: Split) -> int:
    """Give the published number of the chosen images, -1 where the archive is not the published one."""
    archive, edition = surveyed.archive_of(split), surveyed.edition
    if archive is None or not is_published(archive):
        return -1
    if surveyed.chosen is None or split is Split.TEST:
        return edition.counts.get(split, -1)
    labels = {edition.label_of(wnid) for wnid in surveyed.classes}
    if split is Split.VAL:
        return sum(label in labels for label in edition.val_labels)
    return sum(edition.classes[label].train_images for label in labels)


def is_published(archive: SurveyedArchive) -> bool:
    """Tell whether a file has the published length; its digest was compared when it was proved."""
    return archive.local.about.size_bytes == archive.local.size_bytes


def _count_findings(surveyed: Survey, table: SampleTable) -> Iterable[Finding]:
    expected = _expected(surveyed, table.split)
    if expected not in (-1, len(table)):
        yield Finding("count", str(table.split), f"{len(table):,} images, published {expected:,}")
    if expected < 0 or table.split is not Split.TRAIN:
        return
    for part in table.parts:
        published = surveyed.edition.by_wnid[part.key].train_images
        if len(part) != published:
            yield Finding("count", f"train/{part.key}", f"{len(part):,} images, published {published:,}")


def _output_fact(now: Output, then: Output, workspace: Workspace) -> OutputFact:
    manifest, records = now.manifest, now.recorded(workspace)
    was_complete = then.manifest is not None
    return OutputFact(
        name=now.name,
        folder=str(now.folder),
        outcome=Outcome.KEPT if was_complete else Outcome.DONE,
        files=manifest.files if manifest else 0,
        images=manifest.images if manifest else 0,
        size_bytes=manifest.size_bytes if manifest else 0,
        written_bytes=0 if was_complete else sum(record.written_bytes for record in records),
        linked=sum(record.linked for record in records),
        manifest_sha256=manifest_sha256(now.facts) if manifest else "",
    )
