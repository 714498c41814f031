"""The last of an output: its side files, its list of files, its manifest.

Rules guarded: every image is looked at once more, so that what a person or another program took away meanwhile is
written anew; the manifest is the last thing written; an output whose folder is its own carries a copy.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kilotar import __version__
from kilotar.errors import OurError
from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.report import ArchiveFact
from kilotar.model.sample import Sample
from kilotar.model.seams import Collection, OutFolder, ShardFact, Written
from kilotar.plan.selection import ALL_IMAGES
from kilotar.plan.steps import StepDone
from kilotar.plan.worlds import shard_sets
from kilotar.store.files import Folder
from kilotar.store.manifest import (
    METADATA,
    SCHEMA,
    Manifest,
    PixelFacts,
    carry_manifest,
    write_files,
    write_images,
    write_manifest,
)
from kilotar.work.annotations import read_listing
from kilotar.work.counts import count_findings
from kilotar.work.coverage import coverage_findings
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.labels import ORDER, prove_labels
from kilotar.work.output import Output
from kilotar.work.repair import rewrite, stands
from kilotar.work.sharding import shard_facts
from kilotar.work.survey import Survey

__all__ = ["complete", "findings_of"]


def complete(
    output: Output,
    survey: Survey,
    inputs: Inputs,
    gatherer: Gatherer,
    listings: tuple[Path, ...],
    records: tuple[StepDone, ...],
    written: Mapping[str, Written],
    *,
    resumed: bool,
    sync: bool,
) -> None:
    """Write side files, list of files and manifest of an output whose images stand in their place.

    Args:
        listings: lists of the XML that was written.
        records:  of the steps that were made.
        written:  side files that stand there already, by path.
        resumed:  whether an earlier run made some of them: then each image is looked at. What this run wrote itself
                  was checked when it was written; to look at it again is a read of each inode, of 1.3 million.
        sync:     whether what stands there is made durable before the manifest says so.
    Raises: DigestMismatch where a lost image cannot be had again; ArchiveRefused, MachineError.
    """
    if output.sharding is not None:
        done = {record.key: record for record in records}
        collection = replace(output.sharding.collection, shards=shard_facts(output.sharding, done))
    else:
        collection = _gather(output, survey, gatherer)
    are_many = output.sink.ABOUT.shards  # side files, one a shard: synced together; a tree has a few
    out = output.out_folder(durable=not are_many)
    side = output.sink.finish(collection, _Begun(out, output, written), output.options)
    paths = {archive.local.name: archive.local.path for archive in survey.archives}
    paths |= output.spool.files(collection) if output.spool else {}
    files = _Files(output, collection, paths, listings, side, resumed)
    files_sha256 = write_files(output.facts, files)
    recipe = output.recipe
    facts = [inputs.fact(archive.local.name) for archive in survey.archives]
    manifest = Manifest(
        schema=SCHEMA,
        plan_id=recipe.plan_id,
        output=output.name,
        sink_version=recipe.sink_version,
        edition=recipe.edition,
        splits=recipe.splits,
        classes=recipe.classes,
        options=recipe.options,
        sources=tuple(_source(survey.edition, fact) for fact in facts),
        images=files.images,
        files=files.count,
        size_bytes=files.size_bytes,
        files_sha256=files_sha256,
        label_order=ORDER,
        label_table_sha256=prove_labels(survey.edition).table_sha256,
        findings=_sorted(
            (
                *survey.findings,
                *findings_of(records),
                *count_findings(survey, collection.tables),
                *_coverage(output, collection),
                *(output.spool.findings(gatherer.gather(False), survey) if output.spool else ()),
            )
        ),
        verified=all(fact.published for fact in facts) and all(source.is_published for source in recipe.boxes),
        made_by=f"kilotar {__version__}",
        format=recipe.sink,
        edition_sha256=recipe.edition_sha256,
        boxes=tuple((source.archive, source.identity) for source in recipe.boxes),
        shards=shard_sets(fact.shard for fact in collection.shards),
        choice=recipe.choice,
        images_sha256=write_images(output.facts, _names(collection)) if recipe.choice != ALL_IMAGES else "",
        pixels=_pixel_facts(output, survey, collection),
        packages=tuple((name, _version(name)) for name in output.sink.ABOUT.needs),
    )
    if _is_alone(output):
        carry_manifest(output.facts, out, manifest)
    if are_many and sync:
        output.sync()
    write_manifest(output.facts, manifest)


def _source(edition: Edition, fact: ArchiveFact) -> tuple[str, str]:
    """Give name and digest of an archive; of the published one the published digest, however it was proved."""
    algorithm, digest = edition.archive(fact.name).digest if fact.published else (fact.algorithm, fact.digest)
    return fact.name, f"{algorithm or fact.algorithm}:{digest or fact.digest}"


def _is_alone(output: Output) -> bool:
    """Tell whether the folder is the output's own; that of a tree may be the root, which others share."""
    return output.sink.ABOUT.shards or output.folder != output.facts.parents[2]


def _gather(output: Output, survey: Survey, gatherer: Gatherer) -> Collection:
    """Give the samples of a tree as they are in it."""
    spool = output.spool
    if spool is None:
        return gatherer.gather(output.sink.ABOUT.images, boxes=True)
    has_digests = spool.has_images and not spool.pixels.every  # else the spool has those of all images
    collection = spool.over(gatherer.gather(has_digests, boxes=True), survey)
    if collection is None:
        raise OurError(f"recoded images of {output.name} went away")
    return collection


def _pixel_facts(output: Output, survey: Survey, collection: Collection) -> PixelFacts | None:
    """Give what was done to the images, None for an output that holds none."""
    if not output.sink.ABOUT.images:
        return None
    recipe, edition = output.recipe, survey.edition
    odd = sorted(edition.cmyk | edition.png)
    return PixelFacts(
        odd=recipe.pixels.odd or "keep",
        odd_images=tuple(name for name in odd if _holds(collection, name)),
        done=recipe.pixels.text,
        recoder=recipe.recoder,
        metadata=METADATA if recipe.recoder else "",
        recoded=sum(part.spooled.count(1) for table in collection.tables for part in table.parts),
    )


def _holds(collection: Collection, name: str) -> bool:
    """Tell whether a collection has an image of this name, by looking at parts that can have it."""
    parts = (part for table in collection.tables for part in table.parts)
    may = (part for part in parts if len(part.wnids) > 1 or name.startswith(f"{part.wnids[0]}_"))
    return any(part.rows.name(row) == name for part in may for row in range(len(part)))


def _coverage(output: Output, collection: Collection) -> Iterable[Finding]:
    """Tell how many images have boxes where that matters: it is asked for every image."""
    matters = output.sink.ABOUT.boxes or collection.edition.is_detection
    return coverage_findings(collection) if matters else ()


def _names(collection: Collection) -> Iterator[str]:
    for part in (part for table in collection.tables for part in table.parts):
        yield from map(part.rows.name, range(len(part)))


def _version(package: str) -> str:
    """Give the version of an installed package by the name it is imported by; "" where nobody knows it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # lance is called pylance where it is installed from
        names = importlib.metadata.packages_distributions().get(package, ())
        return next(map(importlib.metadata.version, names), "")


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (f.kind, f.where, f.offset, f.why)))


class _Begun:
    """A folder of which some files stand there already; they are not written again.

    Args:
        folder:  takes all others.
        output:  whose folder it is.
        written: what was written, by path.
    """

    def __init__(self, folder: OutFolder, output: Output, written: Mapping[str, Written]) -> None:
        self._folder = folder
        self._output = output
        self._written = written

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        file = self._written.get(path)
        return file if file is not None and self._output.holds(file) else self._folder.publish(path, chunks)

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        return self._folder.read(path, offset, size_bytes)


class _Files:
    """The files of a finished output, where `looks` asks so with every image that is gone or cut written anew.

    Counts are right after one pass.
    """

    def __init__(
        self,
        output: Output,
        collection: Collection,
        archives: Mapping[str, Path],
        listings: tuple[Path, ...],
        side: tuple[Written, ...],
        looks: bool,
    ) -> None:
        self._looks = looks
        self._output = output
        self._root = str(output.folder)
        self._collection = collection
        self._archives = archives
        self._listings = listings
        self._side = side
        self.images = self.count = self.size_bytes = 0

    def __iter__(self) -> Iterator[Written]:
        self.images = self.count = self.size_bytes = 0
        for file in self._all():
            self.count += 1
            self.size_bytes += file.size_bytes
            yield file

    def _all(self) -> Iterator[Written]:
        if self._output.sharding is not None:
            yield from map(self._shard, self._collection.shards)
        elif self._output.sink.ABOUT.images:
            for table in self._collection.tables:
                yield from map(self._image, table)
        for listing in self._listings:
            yield from read_listing(listing)
        yield from self._side

    def _shard(self, fact: ShardFact) -> Written:
        self.images += len(fact.shard.rows)
        file = Written(fact.shard.path, fact.size_bytes, fact.sha256)
        if not self._output.holds(file):
            self._output.write_shard(fact.shard.key, self._output.folder)
        return file

    def _image(self, sample: Sample) -> Written:
        self.images += 1
        path, size_bytes = self._output.sink.place(sample), sample.at.size_bytes
        if self._looks and not stands(f"{self._root}/{path}", size_bytes):  # a Path would cost more than the look
            rewrite(self._archives[sample.at.archive], sample, Folder(self._output.folder), path)
        return Written(path, size_bytes, sample.sha256.hex())


def findings_of(records: Iterable[StepDone]) -> tuple[Finding, ...]:
    """Give what was found in the data while the steps were made."""
    return tuple(finding for record in records for finding in record.findings)
