"""`verify s3://...`: an output in a store, proved by what it carries and by what its edition says, without its root.

Rules guarded: an output counts as complete when its manifest stands, which is put last; nothing is written there, and
here only what is read, a shard or a few at a time, into a folder that goes away; each object is read once; where its
images cannot be read here, that is told, and its files are proved nevertheless.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from kilotar.editions.load import load_edition
from kilotar.errors import DiskFull, EditionRefused, LayoutRefused, MissingExtra, UsageError
from kilotar.events import Emit, Finding, Found, Outcome, RunStarted, ignore
from kilotar.model.report import OutputFact, ProofFact, Report
from kilotar.parse.remote import Remote
from kilotar.store.files import file_sha256
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST, Manifest, walk_files
from kilotar.store.objects import open_store
from kilotar.store.workspace import Workspace
from kilotar.work.ending import telling_end
from kilotar.work.labels import prove_labels
from kilotar.work.object_check import CHUNK_OBJECTS, ObjectCheck, digest_object, measure_object
from kilotar.work.proving import ExportCheck
from kilotar.work.remote_export import fetch_manifest, open_remote_export
from kilotar.work.spread import spread
from kilotar.work.verify import Level

__all__ = ["verify_remote"]


def verify_remote(
    remote: Remote,
    *,
    level: Level = Level.NORMAL,
    against: Path | None = None,
    edition: str = "",
    jobs: int = 0,
    emit: Emit = ignore,
) -> Report:
    """Check an output in a store against the list that it carries, and its images against edition or archives.

    Args:
        level:   "quick" asks for lengths and the digests that objects were given; "normal" reads them all.
        against: a root whose archives its images are held against.
        edition: of an output of one that is not bundled.
    Returns: the report, which is stored nowhere.
    Raises: LayoutRefused where no complete output stands, or `against` is no root; StoreFailed; MissingExtra;
        UsageError for "deep".
    """
    if level is Level.DEEP:
        raise UsageError("--deep is for roots", seen=f"{remote} is an output", fix="kilotar verify ROOT --deep")
    started, threads, root = time.monotonic(), jobs or os.cpu_count() or 1, None
    if against is not None:
        root = Workspace(against)
        root.prepared()
    with (
        tempfile.TemporaryDirectory(prefix="kilotar-verify-") as name,
        telling_end("verify", emit),
        ExitStack() as stack,
    ):
        facts = Path(name)
        manifest = fetch_manifest(remote, facts)
        emit(RunStarted("verify", remote.url, 1, manifest.images, 0))
        unread: tuple[ProofFact, ...] = ()
        if level is not Level.QUICK:
            opened = open_remote_export(
                remote, manifest, facts, facts / "files", edition=edition, root=root, threads=threads, emit=emit
            )
            try:
                export, bringing = stack.enter_context(opened)
                bringing.refuse_when_full()
            except (LayoutRefused, EditionRefused, UsageError, MissingExtra, DiskFull) as error:
                if root is not None:
                    raise
                why = "; ".join(filter(None, (str(error), error.fix)))
                unread = (ProofFact("images", 0, 0, "unread", why),)
            else:
                check = ExportCheck(export, emit)
                check.brought(bringing, manifest, threads)
                for finding in manifest.findings:
                    check.found(finding)
                return check.report(time.monotonic() - started)
        return _prove_files(remote, manifest, facts, level, threads, unread, started, emit)


def _prove_files(
    remote: Remote,
    manifest: Manifest,
    facts: Path,
    level: Level,
    threads: int,
    unread: tuple[ProofFact, ...],
    started: float,
    emit: Emit,
) -> Report:
    """Hold the objects against their list and nothing more."""
    store, look = open_store(remote), measure_object if level is Level.QUICK else digest_object
    files = walk_files(facts, manifest, OWN_FILES)
    chunks = iter(lambda: tuple(islice(files, CHUNK_OBJECTS)), ())
    work = (ObjectCheck(store, chunk, look) for chunk in chunks)
    found = [one for some in spread(work, threads, "verify objects", emit) for one in some]
    proof = ProofFact("files", manifest.files, len(found), "sizes" if level is Level.QUICK else "sha256")
    findings = (*_labels(manifest), *found, *manifest.findings)
    for finding in findings:
        emit(Found(finding))
    sizes = manifest.files, manifest.images, manifest.size_bytes
    digest = file_sha256(facts / OWN_MANIFEST)[1]
    return Report(
        verb="verify",
        root=remote.url,
        edition=manifest.edition,
        outcome=Outcome.DONE,
        outputs=(OutputFact(manifest.output, remote.url, Outcome.DONE, *sizes, 0, 0, digest),),
        findings=tuple(sorted(set(findings), key=lambda f: (f.where, f.offset, f.kind, f.why))),
        checked=manifest.images,
        seconds=time.monotonic() - started,
        verified=manifest.verified,
        proofs=(proof, *unread),
    )


def _labels(manifest: Manifest) -> Iterator[Finding]:
    """Compare the order of labels with that of the edition, where it is one that is known by its name."""
    try:
        table = prove_labels(load_edition(manifest.edition)).table_sha256
    except (UsageError, EditionRefused):
        return
    if table != manifest.label_table_sha256:
        yield Finding("labels", manifest.output, f"made with other labels than edition {manifest.edition} has now")
