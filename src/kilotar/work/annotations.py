"""The XML of boxes, written where an output wants it, byte for byte as published.

Rules guarded: the archive of XML is streamed once and never unpacked elsewhere; the list of what was written is kept
beside the plan, since XML has no place in the index of images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.errors import storage_error
from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.seams import Annotation, Written
from kilotar.plan.steps import StepDone
from kilotar.sources.boxes import walk_annotations
from kilotar.sources.local import LocalArchive
from kilotar.store.files import publish
from kilotar.store.staging import Staging
from kilotar.work.tasks import Listing

MOST_FINDINGS = 1000  # enough to see what is wrong with half a million files

__all__ = ["AnnotationTask", "read_listing", "write_annotations"]


@dataclass(frozen=True, slots=True)
class AnnotationTask:
    """One archive of XML, and where the list of written files is kept; `keys`: only of these images."""

    key: str
    local: LocalArchive
    edition: Edition
    chosen: frozenset[str] | None
    listing: Path
    keys: frozenset[str] | None = None


def write_annotations(task: AnnotationTask, place: Callable[[Annotation], str], staging: Staging) -> StepDone:
    """Write the XML of the chosen images to a staging folder.

    Raises: BoxesRefused, ArchiveRefused, MachineError, OSError.
    """
    listing, writer, lines = Listing(), staging.writer(), []
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        if len(findings) < MOST_FINDINGS:
            findings.append(finding)

    try:
        for note in walk_annotations(task.local.path, task.local.about.split, task.edition, report=report):
            if task.chosen is not None and note.wnid not in task.chosen:
                continue
            if task.keys is not None and note.key not in task.keys:
                continue
            path, digest = place(note), hashlib.sha256(note.xml).digest()
            writer.write(path, note.xml)
            listing.add(path, len(note.xml), digest)
            lines.append(f"{digest.hex()}\t{len(note.xml)}\t{path}\n")
    finally:
        writer.close()
    publish(task.listing, ["".join(lines).encode("ascii")])
    return replace(listing.done(task.key, tuple(findings), one_class=False), images=0)


def read_listing(path: Path) -> Iterator[Written]:
    """Give the files that `write_annotations` listed. Raises MachineError."""
    try:
        with open(path, encoding="ascii", newline="\n") as lines:
            for line in lines:
                sha256, size, name = line.rstrip("\n").split("\t", 2)
                yield Written(name, int(size), sha256)
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
