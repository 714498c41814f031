"""`verify --repair`: missing and bad files of an output, written anew.

Rules guarded: images and XML come from their archives and only with their recorded digest; side files are made again
and only kept when they are what the list says; what cannot be mended stays a problem; strangers are never removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kilotar.errors import KilotarError, LayoutRefused, MissingExtra, storage_error
from kilotar.events import Finding, ignore
from kilotar.model.edition import Edition
from kilotar.model.sample import Sample
from kilotar.model.seams import OutFolder, ShardFact, Written
from kilotar.pixels.decoders import find_library
from kilotar.sources.annotations import walk_annotations
from kilotar.store.files import Folder, file_sha256
from kilotar.store.manifest import IMAGES, Manifest, walk_files
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import Gatherer
from kilotar.work.output import Output
from kilotar.work.outputs import drop_spools
from kilotar.work.planning import plan_shards
from kilotar.work.reopen import survey_again
from kilotar.work.repair import rewrite
from kilotar.work.sharding import Sharding
from kilotar.work.spool import Spool
from kilotar.work.spooling import fill_spools
from kilotar.work.survey import Survey

__all__ = ["mend_output"]

_MENDABLE = frozenset(("missing", "truncated", "size", "digest", "unreadable", "not-jpeg"))
_PUTTABLE = frozenset(("missing",))  # in a store nothing is ever put over something


def mend_output(
    output: Output, findings: tuple[Finding, ...], workspace: Workspace, edition: Edition
) -> tuple[Finding, ...]:
    """Mend what can be mended; give the findings as they are then: a mended file is no problem any more.

    Raises: MachineError.
    """
    kinds = _MENDABLE if output.remote is None else _PUTTABLE
    bad = {finding.where: finding for finding in findings if finding.is_problem and finding.kind in kinds}
    if not bad or output.manifest is None:
        return findings
    try:
        images = _images(output, output.manifest)
        with survey_again(workspace, edition, splits=(), recipe=output.recipe, images=images) as surveyed:
            mended = set(_mend(output, output.manifest, frozenset(bad), surveyed, workspace))
            drop_spools(workspace)
    except KilotarError as error:
        if error.exit_code == 5:
            raise
        return (*findings, Finding("repair", output.name, str(error)))
    return tuple(
        replace(f, kind="repaired", why=f"was: {f.why}", is_problem=False) if f.where in mended else f for f in findings
    )


def _images(output: Output, manifest: Manifest) -> Path | None:
    """Give the list of the images that were selected, None where all were. Raises LayoutRefused, MachineError."""
    path = output.facts / IMAGES
    if not manifest.images_sha256:
        return None
    try:
        if file_sha256(path)[1] == manifest.images_sha256:
            return path
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    raise LayoutRefused(f"{path} is not the list that its manifest names", fix="export again")


def _refilled(output: Output, workspace: Workspace, surveyed: Survey) -> Spool | None:
    """Recode the images of an output again, as they were; None where none were.

    Raises: MissingExtra where other releases would do it now, and so give other bytes; MachineError.
    """
    recipe = output.recipe
    if recipe.pixels.is_nothing:
        return None
    recoder = find_library().stamps if recipe.recoder else ""
    if recoder != recipe.recoder:
        raise MissingExtra(
            f"{output.name} was recoded by other releases than are installed",
            seen=f"{recoder} now, {recipe.recoder} then",
            fix="install those, or export again",
        )
    spool = Spool.of(workspace, recipe.pixels, recoder, surveyed.edition, has_images=output.sink.ABOUT.images)
    fill_spools((spool,), Gatherer(surveyed).gather(False), surveyed, 0, ignore)
    return spool


def _mend(
    output: Output, manifest: Manifest, bad: frozenset[str], surveyed: Survey, workspace: Workspace
) -> Iterator[str]:
    """Give the path of every file that was mended."""
    spool = _refilled(output, workspace, surveyed)
    sharding = plan_shards(output.sink, output.options, surveyed, spool)
    if sharding is not None:
        yield from _mend_shards(output, manifest, bad, sharding)
        return
    collection = Gatherer(surveyed).gather(True, boxes=True)
    paths = {archive.local.name: archive.local.path for archive in surveyed.archives}
    recoded = spool.over(collection, surveyed) if spool else None
    if spool is not None and recoded is not None:
        collection, paths = recoded, paths | spool.files(recoded)
    folder = Folder(output.folder)
    recorded = {f.path: f.sha256 for f in walk_files(output.facts, manifest) if f.path in bad}
    images = set[str]()
    for sample in (sample for table in collection.tables for sample in table if output.sink.ABOUT.images):
        path = output.sink.place(sample)
        if path in bad:
            images.add(path)
            yield from _rewritten(paths[sample.at.archive], sample, folder, path, recorded[path])
    if bad - images:
        yield from _mend_annotations(output, recorded, surveyed, folder)
        side = output.sink.finish(collection, _Mended(folder, bad), output.options)
        yield from (f.path for f in side if recorded.get(f.path) == f.sha256)


def _mend_shards(output: Output, manifest: Manifest, bad: frozenset[str], sharding: Sharding) -> Iterator[str]:
    """Write bad shards anew, and side files; give those that are then what the list says."""
    recorded = {file.path: file for file in walk_files(output.facts, manifest)}
    write = replace(output, sharding=sharding).write_shard
    for key, shard in sharding.shards.items():
        if shard.path in bad and write(key, output.folder).listing_sha256 == recorded[shard.path].sha256:
            yield shard.path
    facts = (
        ShardFact(shard, recorded[shard.path].size_bytes, recorded[shard.path].sha256)
        for shard in sharding.shards.values()
        if shard.path in recorded
    )
    collection = replace(sharding.collection, shards=tuple(facts))
    side = output.sink.finish(collection, _Mended(output.out_folder(), bad), output.options)
    yield from (file.path for file in side if file.path in bad and recorded[file.path].sha256 == file.sha256)


class _Mended:
    """A folder in which only bad files are written; what a killed repair left of them is then swept away."""

    def __init__(self, folder: OutFolder, bad: frozenset[str]) -> None:
        self._folder = folder
        self._bad = bad

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        if path in self._bad:
            return self._folder.publish(path, chunks)
        digest, size_bytes = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size_bytes += len(chunk)
        return Written(path, size_bytes, digest.hexdigest())

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        return self._folder.read(path, offset, size_bytes)


def _mend_annotations(output: Output, recorded: Mapping[str, str], surveyed: Survey, folder: Folder) -> Iterator[str]:
    for box in surveyed.boxes if output.recipe.boxes else ():
        for note in walk_annotations(box.path, box.about.split, surveyed.edition):
            path = output.sink.place_annotation(note)
            if recorded.get(path) == hashlib.sha256(note.xml).hexdigest():
                folder.publish(path, [note.xml])
                yield path


def _rewritten(archive: Path, sample: Sample, folder: Folder, path: str, sha256: str) -> Iterator[str]:
    if sample.sha256.hex() == sha256:
        rewrite(archive, sample, folder, path)
        yield path
