"""`verify s3://...`: an output in a store, proved by what it carries, without the root that it came from.

Rules guarded: an output counts as complete when its manifest stands, which is put last; nothing is written, there or
here.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kilotar.editions.load import load_edition
from kilotar.errors import EditionRefused, LayoutRefused, UsageError
from kilotar.events import Emit, Finding, Found, Outcome, RunStarted, ignore
from kilotar.model.report import OutputFact, ProofFact, Report
from kilotar.parse.remote import Remote
from kilotar.store.files import Folder, file_sha256
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST, Manifest, read_manifest, walk_files
from kilotar.store.objects import ObjectStore, open_store
from kilotar.work.ending import telling_end
from kilotar.work.labels import prove_labels
from kilotar.work.object_check import CHUNK_OBJECTS, ObjectCheck, digest_object, measure_object
from kilotar.work.spread import spread
from kilotar.work.verify import Level

__all__ = ["verify_remote"]


def verify_remote(remote: Remote, *, level: Level = Level.NORMAL, jobs: int = 0, emit: Emit = ignore) -> Report:
    """Check an output in a store against the list that it carries; give the report, which is stored nowhere.

    Args:
        level: "quick" asks for lengths and the digests that objects were given; "normal" reads them all.
    Raises: LayoutRefused where no complete output stands; StoreFailed; MissingExtra; UsageError for "deep".
    """
    if level is Level.DEEP:
        raise UsageError("--deep is for roots", seen=f"{remote} is an output", fix="kilotar verify ROOT --deep")
    started, store = time.monotonic(), open_store(remote)
    with tempfile.TemporaryDirectory(prefix="kilotar-verify-") as folder, telling_end("verify", emit):
        manifest = _fetch(store, remote, Path(folder))
        emit(RunStarted("verify", remote.url, 1, manifest.images, 0))
        look = measure_object if level is Level.QUICK else digest_object
        files = walk_files(Path(folder), manifest, OWN_FILES)
        chunks = iter(lambda: tuple(islice(files, CHUNK_OBJECTS)), ())
        work = (ObjectCheck(store, chunk, look) for chunk in chunks)
        found = [one for some in spread(work, jobs or os.cpu_count() or 1, "verify objects", emit) for one in some]
        proof = ProofFact("files", manifest.files, len(found), "sizes" if level is Level.QUICK else "sha256")
        findings = (*_labels(manifest), *found, *manifest.findings)
        for finding in findings:
            emit(Found(finding))
        sizes = manifest.files, manifest.images, manifest.size_bytes
        digest = file_sha256(Path(folder) / OWN_MANIFEST)[1]
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
            proofs=(proof,),
        )


def _fetch(store: ObjectStore, remote: Remote, folder: Path) -> Manifest:
    """Bring the manifest and the list of files. Raises LayoutRefused."""
    for name in (OWN_MANIFEST, OWN_FILES):
        if store.look(name) is None:
            raise LayoutRefused(
                f"no complete output stands at {remote.url}",
                seen=f"there is no {name}",
                fix="the address is that of --out; an export that was cut short goes on with its own command",
            )
        Folder(folder).publish(name, store.chunks(name))
    manifest = read_manifest(folder, OWN_MANIFEST)
    if manifest is None:
        raise LayoutRefused(f"{OWN_MANIFEST} at {remote.url} is gone again")
    return manifest


def _labels(manifest: Manifest) -> Iterator[Finding]:
    """Compare the order of labels with that of the edition, where it is one that is known by its name."""
    try:
        table = prove_labels(load_edition(manifest.edition)).table_sha256
    except (UsageError, EditionRefused):
        return
    if table != manifest.label_table_sha256:
        yield Finding("labels", manifest.output, f"made with other labels than edition {manifest.edition} has now")
