"""Everything that is looked at before anything is written: archives, their parts, the kit, the chosen classes.

Rules guarded: the survey reads headers and small files only; what it finds wrong with a development kit is reported
line by line and the bundled truth stands; counts of a published archive are the published ones, counts of any other
come from the archive itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.editions.choose import choose_classes
from kilotar.errors import DigestMismatch, TheirError, storage_error
from kilotar.events import Emit, Finding, Found
from kilotar.model.edition import Archive, ArchiveRole, Edition, Layout
from kilotar.model.sample import Split
from kilotar.model.table import Rows
from kilotar.parse.devkit import compare_kit
from kilotar.plan.recipe import Source
from kilotar.plan.selection import EVERY, Selection
from kilotar.plan.steps import Step
from kilotar.sources.devkit import read_kit
from kilotar.sources.image_lists import read_image_list
from kilotar.sources.local import LocalArchive
from kilotar.sources.wnids import read_wnids
from kilotar.store.disks import turns
from kilotar.store.files import file_sha256
from kilotar.store.index import ArchiveIdentity, IndexFolder, Outline, PartSpan
from kilotar.store.workspace import Workspace
from kilotar.work.downloads import Download
from kilotar.work.growth import Growth
from kilotar.work.inputs import Inputs
from kilotar.work.labels import LabelJoin
from kilotar.work.outline import PART_MEMBERS, open_index, outline_archive
from kilotar.work.request import Request
from kilotar.work.tasks import PartTask

__all__ = ["Survey", "SurveyedArchive", "only_known", "survey"]


_NO_ROWS = Rows(b"", (), (), ())


@dataclass(frozen=True, slots=True)
class SurveyedArchive:
    """An archive of images with its parts.

    Attributes:
        growth: finds the parts of an archive that is still on its way; then `outline` has those that are known and
            there. None for one that is whole.
        picks:  the images that were selected, by part; None where all are taken, or it is not known yet.
    """

    local: LocalArchive
    split: Split
    outline: Outline
    index: IndexFolder
    join: LabelJoin
    growth: Growth | None = None
    picks: Mapping[str, Rows] | None = None

    def chosen_parts(self, classes: frozenset[str] | None) -> tuple[PartSpan, ...]:
        """Give the parts that can hold images of these classes; None means all."""
        spans = (span for span in self.outline.parts if self.picks is None or self.picks.get(span.key))
        return tuple(span for span in spans if classes is None or not span.wnid or span.wnid in classes)

    def picked(self, span: PartSpan) -> Rows | None:
        """Give the images of a part that were selected; None where all are taken, or it is not known yet."""
        return None if self.picks is None else self.picks.get(span.key, _NO_ROWS)

    def rows(self, span: PartSpan) -> Rows | None:
        """Give the rows of a part that are taken, with or without digests; None where the index has it not."""
        rows, picked = self.index.read_part(span), self.picked(span)
        if picked is None:
            return rows
        if rows is None or not rows.has_digests:
            return picked
        places = frozenset(picked.offsets)
        return rows.take(row for row in range(len(rows)) if rows.offsets[row] in places)

    def task(self, span: PartSpan, chosen: frozenset[str] | None) -> PartTask:
        """Give the work of reading a part whole, or what is taken of it."""
        key, local, join = f"{self.split}/{span.key}", self.local, self.join
        return PartTask(key, local.path, local.about, span, join.edition, join, chosen, self.index, self.picked(span))

    def steps(self, classes: frozenset[str] | None) -> tuple[Step, ...]:
        return tuple(map(self.step, self.chosen_parts(classes)))

    @property
    def is_coming(self) -> bool:
        """Whether its headers cannot all be read yet: it is on its way, or would be fetched."""
        return self.growth is not None or not self.local.identity.inode

    def step(self, span: PartSpan) -> Step:
        """Give the step of a part."""
        picked = self.picked(span)
        members = span.members if picked is None else len(picked)
        return Step(f"{self.split}/{span.key}", self.local.name, span.start, span.stop, members)

    def grown(self, parts: tuple[PartSpan, ...]) -> SurveyedArchive:
        """Give this archive when it has arrived, with all parts that are wanted of it."""
        stored = self.index.read_outline()
        outline = stored if stored and stored.parts == parts else Outline(parts)
        return replace(self, outline=only_known(outline, self.join.edition, self.local.name), growth=None)

    def foreseen(self) -> SurveyedArchive:
        """Give this archive with the parts that it will have by what is published; itself where it is there."""
        if self.growth is None:
            return self
        return replace(self, outline=expected_outline(self.local.about, self.join.edition))


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there and what was chosen.

    Attributes:
        archives: of images, one a split.
        classes:  the chosen wnids, sorted; () means all.
        boxes:    archives of boxes, where boxes are wanted.
        findings: about the kit and the outlines.
        trusted:  identities of files whose bytes may stand in an output: these, and those proved to be published.
        selection: of images of the chosen classes.
    """

    edition: Edition
    archives: tuple[SurveyedArchive, ...]
    classes: tuple[str, ...]
    boxes: tuple[LocalArchive, ...]
    findings: tuple[Finding, ...]
    trusted: frozenset[str]
    selection: Selection = EVERY

    @property
    def chosen(self) -> frozenset[str] | None:
        return frozenset(self.classes) if self.classes else None

    def sources(self) -> tuple[Source, ...]:
        return tuple(Source(a.local.name, _identity(a.local, a.outline)) for a in self.archives)

    def box_sources(self, *, unverified: bool) -> tuple[Source, ...]:
        """Give the archives of boxes, read whole and compared: they are small. Raises DigestMismatch, MachineError."""
        return tuple(Source(local.name, _box_identity(local, unverified=unverified)) for local in self.boxes)

    def foreseen(self) -> Survey:
        """Give the survey as it will be when everything has arrived, by what is published: itself where all is here."""
        if all(archive.growth is None for archive in self.archives):
            return self
        return replace(self, archives=tuple(archive.foreseen() for archive in self.archives))

    def standing(self, found: Mapping[str, LocalArchive]) -> Survey:
        """Give the survey with the archives where they stand now: what was fetched whole got its own name."""
        archives = (replace(archive, local=found[archive.local.name]) for archive in self.archives)
        return replace(self, archives=tuple(archives))

    def archive_of(self, split: Split) -> SurveyedArchive | None:
        return next((archive for archive in self.archives if archive.split is split), None)


def _published(local: LocalArchive) -> str:
    """The identity of a file that may be the published one, by its length; its proof comes later."""
    algorithm, digest = local.about.digest
    is_length = local.about.size_bytes in (None, local.size_bytes)
    return f"{algorithm}:{digest}" if digest and is_length else ""


def _identity(local: LocalArchive, outline: Outline) -> str:
    """Identify by the published digest; another file by the places and names of its parts, known without reading it."""
    spans = "".join(f"{span.key} {span.start} {span.stop}\n" for span in outline.parts)
    return _published(local) or f"unverified:{local.size_bytes}:{hashlib.sha256(spans.encode()).hexdigest()[:16]}"


def _box_identity(local: LocalArchive, *, unverified: bool) -> str:
    """Identify by the digest; what was unpacked or gunzipped meanwhile can be compared with nothing."""
    if not local.path.is_file():
        return "unverified:folder"
    algorithm, published = local.about.digest if local.path.name == local.name else ("", "")
    algorithm = algorithm or "sha256"
    try:
        with open(local.path, "rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise storage_error(error, f"read {local.path}") from error
    if published and digest != published and not unverified:
        raise DigestMismatch(
            f"{local.path} is not the published {local.name}",
            seen=f"{algorithm} {digest}, published {published}",
            fix="get it again, or pass --unverified to use this file as it is",
        )
    return f"{algorithm}:{digest}" if digest == published else f"unverified:{algorithm}:{digest}"


def survey(
    request: Request, edition: Edition, workspace: Workspace, inputs: Inputs, emit: Emit, *, kits: bool = True
) -> Survey:
    """Look at everything that a request needs; `kits` compares the development kits that lie there.

    Raises: LayoutRefused, DigestMismatch, ArchiveRefused, LabelsRefused, UsageError, MachineError.
    """
    classes = choose_classes(edition, request.classes, read_wnids) if request.classes else ()
    selection = _selection(request)
    findings = list(_check_kits(edition, inputs.find_others(request.source, ArchiveRole.DEVKIT))) if kits else []
    findings += request.notes
    archives = []
    chosen = frozenset(classes) if classes else None
    given = request.fetching.positions if request.fetching else None
    for local in inputs.find(request.source, request.chosen_splits):
        archive = _survey(edition, workspace, local, inputs.downloads.get(local.name), chosen, given)
        archives.append(archive)
        findings += archive.outline.findings
    boxes = inputs.find_others(request.source, ArchiveRole.BOXES) if request.boxes else ()
    for finding in findings:
        emit(Found(finding))
    wanted = tuple(box for box in boxes if box.about.split in request.chosen_splits)
    return Survey(edition, tuple(archives), classes, wanted, tuple(findings), inputs.trusted(), selection)


def _selection(request: Request) -> Selection:
    names = read_image_list(request.images) if request.images else frozenset[str]()
    return Selection(request.per_class, request.fraction, request.seed or 0, names)


def _check_kits(edition: Edition, kits: Iterable[LocalArchive]) -> Iterable[Finding]:
    """Compare kits with the edition; one that cannot be read is a problem, but nothing that stops: nothing needs it.

    The published kit itself is known by its digest, and its tables are those of the edition.
    """
    for kit in kits:
        if is_published_kit(kit):
            continue
        try:
            yield from compare_kit(read_kit(kit.path), edition)
        except TheirError as error:
            yield Finding("kit", str(kit.path), str(error))


def is_published_kit(kit: LocalArchive) -> bool:
    """Tell whether a kit is the published file, byte by byte. Raises MachineError."""
    if not kit.about.sha256 or not kit.path.is_file() or kit.size_bytes != kit.about.size_bytes:
        return False
    try:
        return file_sha256(kit.path.resolve())[1] == kit.about.sha256  # archives are often linked into a folder
    except OSError as error:
        raise storage_error(error, f"read {kit.path}") from error


def _survey(
    edition: Edition,
    workspace: Workspace,
    local: LocalArchive,
    download: Download | None,
    chosen: frozenset[str] | None,
    given: Path | None,
) -> SurveyedArchive:
    """Look at one archive: walk its headers, or prepare to do so while it arrives."""
    join = LabelJoin.of(edition, local.about)
    if download is None and not local.identity.inode:  # it would be fetched, and this is only a plan
        nowhere = IndexFolder(
            workspace.index_of(local.name), ArchiveIdentity(local.name, local.size_bytes, 0, 0, 0, "")
        )
        return SurveyedArchive(local, join.split, expected_outline(local.about, edition), nowhere, join)
    index = open_index(workspace.index_of(local.name), local)
    if download is not None and not download.is_settled:
        growth = Growth(download, edition, chosen, index, workspace, given)
        outline = index.read_outline() or Outline(growth.known_parts())
    else:
        growth = None
        outline, _ = outline_archive(local.path, local.about, index, sequential=turns(local.path))
    return SurveyedArchive(local, join.split, only_known(outline, edition, local.name), index, join, growth)


def only_known(outline: Outline, edition: Edition, archive: str) -> Outline:
    """Give an outline without the parts of classes that the edition has not; each is a finding."""
    known = {synset.wnid for synset in edition.classes} | {""}
    strange = tuple(span for span in outline.parts if span.wnid not in known)
    left_out = (Finding("label", f"{archive}: {s.wnid}.tar", "not a class of the edition", s.start) for s in strange)
    return Outline(tuple(span for span in outline.parts if span.wnid in known), (*outline.findings, *left_out))


def expected_outline(about: Archive, edition: Edition) -> Outline:
    """Give the parts that an archive will have by what is published of it; their places are guesses."""
    size_bytes, images = about.size_bytes or 0, about.images or 0
    counts = [(synset.wnid, synset.train_images) for synset in edition.classes]
    if about.layout is not Layout.TAR_OF_TARS:
        counts = [("", min(PART_MEMBERS, images - at)) for at in range(0, images, PART_MEMBERS)]
    parts: list[PartSpan] = []
    at = 0
    for number, (wnid, count) in enumerate(counts):
        stop = at + size_bytes * count // max(1, images)
        parts.append(PartSpan(wnid or f"{number:05d}", wnid, at, stop, is_slice=not wnid, members=count))
        at = stop
    return Outline(tuple(parts))
