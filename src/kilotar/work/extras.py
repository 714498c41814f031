"""Small archives that no torrent has, boxes and kits, fetched whole from the publisher's addresses.

Rules guarded: what stands under the final name has the published length and digest; a log-in page in its place is told
as one; one that is there already is not asked for again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from kilotar.errors import DigestMismatch, HttpFailed, storage_error
from kilotar.events import Emit, Note, Trouble
from kilotar.model.edition import Archive, ArchiveRole, Edition
from kilotar.parse.address import plain_url
from kilotar.parse.body import describe_body
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.page import walk_page
from kilotar.store.files import publish
from kilotar.work.inputs import Inputs
from kilotar.work.request import Request

__all__ = ["fetch_extra", "fetch_extras"]

_MOST_BYTES = 1 << 30
_MOST_S = 3600.0


def fetch_extras(
    request: Request, edition: Edition, inputs: Inputs, folder: Path, emit: Emit, *, kit: bool = False
) -> tuple[Path, ...]:
    """Fetch the boxes of a request that are nowhere yet; give those that came. Nothing where nothing may be fetched.

    Args:
        folder: gets them.
        kit:    the development kit too.
    Raises: as `fetch_extra`.
    """
    if request.fetching is None:
        return ()
    splits = set(request.chosen_splits) if request.boxes else set()
    boxes = tuple(a for a in edition.archives if a.role is ArchiveRole.BOXES and a.split in splits)
    kits = tuple(a for a in edition.archives if a.role is ArchiveRole.DEVKIT and a.default) if kit else ()
    here = {a.name for role in (ArchiveRole.BOXES, ArchiveRole.DEVKIT) for a in inputs.find_others(None, role)}
    here |= {
        a.name for role in (ArchiveRole.BOXES, ArchiveRole.DEVKIT) for a in inputs.find_others(request.source, role)
    }
    options = request.fetching.http_options()
    wanted = [about for about in (*boxes, *kits) if about.name not in here]
    return tuple(fetch_extra(about, folder, options, emit, unverified=request.unverified) for about in wanted)


def fetch_extra(about: Archive, folder: Path, options: HttpOptions, emit: Emit, *, unverified: bool = False) -> Path:
    """Give the path of a small archive in a folder, fetched if it is not there.

    Args:
        folder: made.
        unverified: take what is not the published file.
    Raises: HttpFailed, DigestMismatch with what the last address gave; MachineError.
    """
    path = folder / about.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            return path
    except OSError as error:
        raise storage_error(error, f"look for {path}") from error
    failure: HttpFailed | DigestMismatch = HttpFailed(
        f"{about.name} could not be fetched", seen="the edition names no address", fix="put it beside the archives"
    )
    for url in about.urls:
        emit(Note("info", f"fetching {about.name} from {plain_url(url)}"))
        chunks = walk_page(url, about.size_bytes or _MOST_BYTES, options, total_s=_MOST_S)
        try:
            publish(path, _published(chunks, about, unverified))
        except (HttpFailed, DigestMismatch) as error:
            emit(Trouble("web", plain_url(url), str(error), error.fix))
            failure = error
        else:
            return path
    raise failure


def _published(chunks: Iterable[bytes], about: Archive, unverified: bool) -> Iterator[bytes]:
    """Pass the parts on. Raises: HttpFailed; DigestMismatch in the end, where they were not the published file."""
    algorithm, expected = about.digest
    digest = hashlib.new(algorithm or "sha256", usedforsecurity=False)
    parts = iter(chunks)
    first = next(parts, b"")
    if first[:64].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head")):
        fix = "log in with a browser and give --cookie, or put the file beside the archives"
        raise HttpFailed(f"a web page instead of {about.name}", seen=describe_body(first), fix=fix)
    for part in chain((first,), parts):
        digest.update(part)
        yield part
    if expected and digest.hexdigest() != expected and not unverified:
        raise DigestMismatch(
            f"what was fetched is not the published {about.name}",
            seen=f"{algorithm} {digest.hexdigest()}, published {expected}",
            fix="get it from another place, or pass --unverified",
        )
