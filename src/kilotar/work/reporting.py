"""The end of a run as a report: what there is, what it should be, and the proof of the labels.

Rules guarded: counts are compared with the published truth; the report is stored beside the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kilotar.events import SCHEMA, Finding, Outcome
from kilotar.model.report import OutputFact, Report, SplitFact
from kilotar.model.table import SampleTable
from kilotar.store.files import publish
from kilotar.store.manifest import manifest_sha256
from kilotar.store.workspace import Workspace
from kilotar.work.completing import findings_of
from kilotar.work.counts import count_findings, expected_images
from kilotar.work.coverage import COVERAGE
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.labels import prove_labels
from kilotar.work.output import Output
from kilotar.work.survey import Survey

__all__ = ["report_run", "seeding_steps", "store_report"]


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
    counts = count_findings(surveyed, tables)
    recorded = [finding for output in outputs for finding in findings_of(output.recorded(workspace))]
    manifests = (output.manifest for output in outputs if output.manifest)
    coverage = [
        one
        for made in manifests
        for one in made.findings
        if one.kind == COVERAGE or (made.pixels and made.pixels.recoder)
    ]
    findings = dict.fromkeys((*surveyed.findings, *recorded, *found, *counts, *coverage))
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
        verified=all(o.manifest.verified for o in outputs if o.manifest)
        if outputs
        else all(a.published for a in archives),
        path=str(workspace.report),
        next_steps=(*_next_steps(workspace, outputs), *seeding_steps(workspace, inputs)),
        downloads=inputs.downloads.facts(),
    )
    store_report(report, workspace.report)
    return report


def _next_steps(workspace: Workspace, outputs: Sequence[Output]) -> tuple[str, ...]:
    steps = [f"kilotar verify {workspace.root}"]
    for output in outputs:
        if output.sink.ABOUT.snippet and output.remote is None:
            steps.append(output.sink.ABOUT.snippet.format(folder=output.folder))
    return (*steps, f'kilotar.open("{workspace.root}", "train")[0].read()')


def seeding_steps(workspace: Workspace, inputs: Inputs) -> tuple[str, ...]:
    """Give the command that goes on seeding, where this run could have."""
    return (f"kilotar seed {workspace.root}",) if inputs.downloads.uses_swarm else ()


def store_report(report: Report, path: Path) -> None:
    """Write a report as JSON. Raises MachineError."""
    content = {"schema": SCHEMA, **msgspec.to_builtins(report)}
    publish(path, [msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"])


def _split_fact(surveyed: Survey, table: SampleTable) -> SplitFact:
    wnids = {wnid for part in table.parts for wnid in part.wnids if wnid}
    return SplitFact(table.split, len(table), expected_images(surveyed, table.split), len(wnids), table.size_bytes)


def _output_fact(now: Output, then: Output, workspace: Workspace) -> OutputFact:
    manifest, records = now.manifest, now.recorded(workspace)
    was_complete = then.manifest is not None
    return OutputFact(
        name=now.name,
        folder=now.where,
        outcome=Outcome.KEPT if was_complete else Outcome.DONE,
        files=manifest.files if manifest else 0,
        images=manifest.images if manifest else 0,
        size_bytes=manifest.size_bytes if manifest else 0,
        written_bytes=0 if was_complete else sum(record.written_bytes for record in records),
        linked=sum(record.linked for record in records),
        manifest_sha256=manifest_sha256(now.facts) if manifest else "",
    )
