"""`export`: more formats of a root whose archives are known, with the choices that formats of shards share.

Rules guarded: a choice goes to every named format that has it, and is refused where none has; the seed is that of a
choice of images too; what is said for one format goes before what is said for all; everything else is `prepare`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from kilotar.errors import LayoutRefused, UsageError, storage_error
from kilotar.events import Emit, ignore
from kilotar.model.edition import ArchiveRole
from kilotar.model.report import Report
from kilotar.parse.remote import Remote
from kilotar.sinks.base import find_sink
from kilotar.sources.local import find_loose
from kilotar.store.lock import hold_lock
from kilotar.store.workspace import Workspace
from kilotar.work.box_intake import BOXES
from kilotar.work.exported import Export, find_export
from kilotar.work.output import takes_annotations
from kilotar.work.planning import with_boxes
from kilotar.work.prepare import prepare
from kilotar.work.regain import Regained, regain
from kilotar.work.remote_export import fetch_manifest, open_remote_export
from kilotar.work.request import Request
from kilotar.work.settling import settle

__all__ = ["Origin", "Shared", "export"]


@dataclass(frozen=True, slots=True)
class Shared:
    """Choices for all formats of a request; "" and None leave the choice to the format.

    Attributes:
        order, seed, shards: as in `kilotar.sinks.base.ShardOptions`.
    """

    order: str = ""
    seed: int | None = None
    shards: int | None = None

    def words(self) -> Iterator[tuple[str, str]]:
        """Give name and word of what was chosen."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in ("", None):
                yield field.name, str(value)


@dataclass(frozen=True, slots=True)
class Origin:
    """An export that stands for the archives.

    Attributes:
        place: folder of the export, or its address in a store, where it says itself what it is.
        format_name: of what it is, where it does not say so itself.
    """

    place: Path | Remote
    format_name: str = ""


def export(request: Request, shared: Shared = Shared(), emit: Emit = ignore, origin: Origin | None = None) -> Report:
    """Write formats from the archives that a root remembers, or out of an export; the same request again resumes.

    Args:
        origin: the export; archives are made of it first, and kept in the state of the root.
    Raises: LayoutRefused where nothing was begun and no folder of archives is named; as `prepare` and `regain`.
    """
    given = tuple(_spread(request, shared))
    seed = shared.seed if request.is_capped else None
    request = replace(request, options=(*given, *request.options), seed=seed)
    if origin is not None:
        return prepare(_from_export(request, origin, emit), emit)
    if request.source is None and request.fetching is None and Workspace(request.root).read_facts() is None:
        raise LayoutRefused(
            f"{request.root} knows no archives",
            seen="nothing was prepared or fetched there",
            fix="kilotar prepare ROOT --from DIR, or --from torrent",
        )
    return prepare(request, emit)


def _from_export(request: Request, origin: Origin, emit: Emit) -> Request:
    """Make archives of an export; give the request that writes formats from them, with the boxes that it holds."""
    workspace = Workspace(request.root)
    with _open(origin, request, workspace, emit) as found:
        request = replace(request, edition=request.edition or found.edition_word)
        _refuse_other_archives(workspace)
        settled = settle(request, found.edition, workspace)
        workspace.create()
        with hold_lock(workspace.lock):
            workspace.write_facts(settled)
            regained = regain(found, workspace.state, unverified=request.unverified, emit=emit)
            request = replace(request, boxes=request.boxes or _carries_boxes(request, regained))
            if with_boxes(request, found.edition).boxes:
                _link_boxes(found, workspace, regained)
    return replace(
        request,
        source=regained.folder,
        unverified=True,  # no archive that is made again has the published digest
        splits=request.splits or regained.splits,
        classes=request.classes or regained.classes,
        notes=regained.findings,
    )


@contextmanager
def _open(origin: Origin, request: Request, workspace: Workspace, emit: Emit) -> Iterator[Export]:
    """Give an export to read from. Raises as `find_export`, and as `open_remote_export`."""
    place, edition = origin.place, request.edition
    if isinstance(place, Path):
        yield find_export(place, format_name=origin.format_name, edition=edition)
        return
    if origin.format_name:
        raise UsageError("--from-format is for folders", seen=f"{place} says itself what it is", fix="leave it out")
    folder = workspace.state / "from" / f"{hashlib.sha256(place.url.encode()).hexdigest()[:12]}-files"
    with tempfile.TemporaryDirectory(prefix="kilotar-from-") as name:
        facts = Path(name)
        manifest = fetch_manifest(place, facts)
        opened = open_remote_export(place, manifest, facts, folder, edition=edition, threads=request.threads, emit=emit)
        with opened as (found, _):
            yield found


def _carries_boxes(request: Request, regained: Regained) -> bool:
    """Tell whether boxes of the export go along unasked: where there are some, but not onto XML of another size."""
    is_xml = any(takes_annotations(find_sink(name)) for name in request.formats)
    return bool(regained.boxes) and not (request.pixels.resize and is_xml)


def _link_boxes(found: Export, workspace: Workspace, regained: Regained) -> None:
    """Put the archives of boxes beside the archives that were made.

    The published ones go before those of the export, which tell less; but not where its images have another size. They
    are looked for in the root, and where the root above the export has them. Raises MachineError.
    """
    wanted = tuple(about for about in found.edition.archives if about.role is ArchiveRole.BOXES)
    places = [] if _is_resized(found) else list(_places_of_boxes(found, workspace))
    linked: set[str] = set()
    for place in (*places, regained.folder / BOXES):
        for local in find_loose(place, wanted) if place.is_dir() else ():
            if local.name in linked:
                continue
            linked.add(local.name)
            link = regained.folder / local.path.name
            try:
                _link(link, local.path.resolve(), workspace)
            except OSError as error:
                raise storage_error(error, f"link {local.path}") from error


def _link(link: Path, target: Path, workspace: Workspace) -> None:
    """Make a link where none stands that leads somewhere; one within the root goes along when that is moved."""
    if os.path.islink(link) and not link.exists():
        link.unlink()
    if not os.path.lexists(link):
        is_inside = workspace.root.resolve() in target.parents
        link.symlink_to(os.path.relpath(target, link.parent.resolve()) if is_inside else target)


def _is_resized(found: Export) -> bool:
    pixels = found.manifest.pixels if found.manifest else None
    return pixels is not None and "resize=" in pixels.done


def _places_of_boxes(found: Export, workspace: Workspace) -> Iterator[Path]:
    yield from (workspace.root, workspace.archives)
    if found.root is not None:
        yield from (found.root.root, found.root.archives)
        yield from (Path(record.path).parent for record in found.root.input_records())


def _refuse_other_archives(workspace: Workspace) -> None:
    """Refuse a root that has archives of its own. Raises LayoutRefused, MachineError."""
    own = (r for r in workspace.input_records() if workspace.state not in Path(r.path).parents)
    record = next(own, None)
    if record is not None:
        raise LayoutRefused(
            f"{workspace.root} has archives of its own",
            seen=record.path,
            fix="leave --from out to write from them, or give another root",
        )


def _spread(request: Request, shared: Shared) -> Iterator[tuple[str, str, str]]:
    """Give shared choices as (format, option, word). Raises UsageError."""
    own = {(sink, option) for sink, option, _ in request.options}
    has = {name: {field.name for field in fields(find_sink(name).Options)} for name in request.formats}
    for option, word in shared.words():
        takers = [name for name in has if option in has[name]]
        if not takers and not (option == "seed" and request.is_capped):
            raise UsageError(
                f"no format here has a choice of {option}",
                seen=f"formats: {', '.join(has)}",
                fix=f"leave --{option} out; formats of shards have it",
            )
        yield from ((name, option, word) for name in takers if (name, option) not in own)
