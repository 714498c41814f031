"""An output in a store as an export that is read here, file by file.

Rules guarded: an output counts as complete when its manifest stands, which is put last; its own manifest says what it
is, and which of its files are shards, that come one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.events import Emit
from kilotar.model.sample import Split
from kilotar.parse.remote import Remote
from kilotar.sinks.base import as_shards, check_needs, find_sink
from kilotar.sinks.options import parse_options
from kilotar.store.files import publish
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST, Manifest, read_manifest
from kilotar.store.objects import open_store
from kilotar.store.workspace import Workspace
from kilotar.work.bringing import Bringing
from kilotar.work.exported import Export, find_edition
from kilotar.work.sharding import shard_path

__all__ = ["fetch_manifest", "open_remote_export"]


def fetch_manifest(remote: Remote, facts: Path) -> Manifest:
    """Bring the manifest of an output and the list of its files to a folder.

    Raises: LayoutRefused where no complete output stands; StoreFailed, MissingExtra, MachineError.
    """
    store = open_store(remote)
    for name in (OWN_MANIFEST, OWN_FILES):
        if store.look(name) is None:
            raise LayoutRefused(
                f"no complete output stands at {remote.url}",
                seen=f"there is no {name}",
                fix="the address is that of --out; an export that was cut short goes on with its own command",
            )
        publish(facts / name, store.chunks(name), durable=False)
    manifest = read_manifest(facts, OWN_MANIFEST)
    if manifest is None:
        raise LayoutRefused(f"{OWN_MANIFEST} at {remote.url} is gone again")
    return manifest


@contextmanager
def open_remote_export(
    remote: Remote,
    manifest: Manifest,
    facts: Path,
    folder: Path,
    *,
    edition: str = "",
    root: Workspace | None = None,
    threads: int,
    emit: Emit,
) -> Iterator[tuple[Export, Bringing]]:
    """Give an output as an export whose shards are read while they are `held`, and what brings them.

    Args:
        manifest, facts: as `fetch_manifest` gave it, and where to.
        folder:  where its files will come to; nothing is brought or made yet.
        edition: name or file; "" for what it says itself.
        root:    that knows the archives.
        threads: how many files come at once.
    Raises: LayoutRefused where it is not in shards, or of another edition; UsageError, EditionRefused, MissingExtra,
        MachineError.
    """
    word, found = find_edition(edition, manifest, root)
    sink = find_sink(manifest.format or manifest.output)
    check_needs(sink)
    export = Export(folder, sink, found, word, manifest, (facts, OWN_FILES), root, remote)
    files = tuple(export.files())
    shards = frozenset(islice(_shards(export), len(files)))
    if not shards:
        raise LayoutRefused(
            f"{remote.url} is not in shards, which are brought one by one",
            seen=f"format {sink.ABOUT.name}",
            fix="copy it to a folder, and give that",
        )
    with Bringing(open_store(remote), folder, files, shards, threads, emit) as bringing:
        yield replace(export, bringing=bringing), bringing


def _shards(export: Export) -> Iterator[str]:
    """Give the paths of the shards that the manifest tells of. Raises UsageError for options that are none."""
    sink, manifest = as_shards(export.sink), export.manifest
    if sink is None or manifest is None:
        return
    options = parse_options(export.sink, manifest.options)
    for some in (some for some in manifest.shards if some.split in tuple(Split)):
        for number in range(some.shards):
            yield shard_path(sink, options, Split(some.split), number, some.shards)
