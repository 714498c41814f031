"""One command to a verified ImageNet that your trainer can read.

The library. Everything here is public; the command line uses nothing else. Names are imported when they are used, so
that `import kilotar` costs next to nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import kilotar.plan  # noqa: F401 - first, so that no later import of this package hides the function `plan`
from kilotar.events import Event, ignore

if TYPE_CHECKING:
    from kilotar.model.catalogue import SearchResult
    from kilotar.model.checkup import Checkup
    from kilotar.model.edition import Edition, Synset
    from kilotar.model.pixels import PixelWish
    from kilotar.model.report import Forecast, Report, Status, WhyRow
    from kilotar.parse.remote import Remote
    from kilotar.sinks.base import Sink
    from kilotar.sources.http.options import HttpOptions
    from kilotar.work.dataset import Dataset
    from kilotar.work.request import Fetching, Request

__version__ = "0.1.0"
__all__ = [
    "Fetching",
    "HttpOptions",
    "PixelWish",
    "Remote",
    "adopt",
    "demo",
    "doctor",
    "edition",
    "export_positions",
    "find_classes",
    "find_sinks",
    "get",
    "index",
    "open",
    "place",
    "plan",
    "prepare",
    "repair",
    "search_archives",
    "seed",
    "status",
    "verify",
    "why",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a library says nothing unless it is asked

OnEvent = Callable[[Event], None]


_LAZY = {
    "Fetching": "kilotar.work.request",
    "HttpOptions": "kilotar.sources.http.options",
    "PixelWish": "kilotar.model.pixels",
    "Remote": "kilotar.parse.remote",
}


def __getattr__(name: str) -> object:
    """Import the classes of options when they are used."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


class Wish(TypedDict, total=False):
    """The keywords of `prepare`, `export`, `plan`, `why`, `index` and `get`; defaults are those of `Request`.

    `fetching` says how archives that are nowhere are fetched: `Fetching()` from peers and web servers,
    `Fetching(way="http")` from web servers alone.
    """

    source: Path | None
    fetching: Fetching | None
    formats: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    per_class: int
    fraction: float
    seed: int | None
    images: Path | None
    boxes: bool
    edition: str
    unverified: bool
    accept_terms: bool
    jobs: int
    options: tuple[tuple[str, str, str], ...]
    name: str
    out: Path | Remote | None
    link: str
    sync: bool
    pixels: PixelWish


def prepare(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Make verified outputs under `root` from archives on disk or on their way; the same call again resumes.

    Args:
        root: folder of the state and the outputs.
        on_event: gets every event of the run; see `kilotar.events`.
        wish: the keywords of `Wish`; what each means is said in `kilotar.work.request.Request`.
    Raises: KilotarError; KeyboardInterrupt after a clean stop.
    """
    from kilotar.work import prepare as verb

    return verb.prepare(_request(root, wish), on_event)


def export(
    root: Path | str,
    *names: str,
    order: str = "",
    shards: int | None = None,
    origin: Path | str | None = None,
    origin_format: str = "",
    on_event: OnEvent = ignore,
    **wish: Unpack[Wish],
) -> Report:
    """Write formats from the archives that `root` remembers, or out of another export; the same call again resumes.

    Args:
        names: of formats; see `find_sinks`.
        origin: folder of an export in any format that is read here; archives are made of it first and kept in `root`.
        origin_format: of an export that does not say it itself.
        order, shards: choices of every format named that has them, "" and None for the format's own.
        wish: as for `prepare`; its `seed` is that of the order too.
    Raises: LayoutRefused where the root knows no archives; UsageError for a choice that no format has; as `prepare`.
    """
    from kilotar.work import export as verb

    wish["formats"] = names or wish.get("formats", ())
    seed = wish.pop("seed", None)
    given = None if origin is None else verb.Origin(_path(origin), origin_format)
    return verb.export(_request(root, wish), verb.Shared(order, seed, shards), on_event, given)


def plan(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Forecast:
    """Say what `prepare` would do and need: bytes, files, inodes, time. Nothing is changed. Raises as `prepare`."""
    from kilotar.work import prepare as verb

    return verb.plan(_request(root, wish), on_event)


def why(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> tuple[WhyRow, ...]:
    """Give every step with what `prepare` would do with it, and the reason. Nothing is changed. Raises as `prepare`."""
    from kilotar.work import prepare as verb

    return verb.why(_request(root, wish), on_event)


def index(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Prove the archives and take the digest of every image in one pass, writing none. Raises as `prepare`."""
    from kilotar.work import index as verb

    return verb.index(_request(root, wish), on_event)


def get(root: Path | str, *, kit: bool = False, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Fetch archives and prove them, and nothing else; without `fetching` from peers. The same call again resumes.

    Args:
        kit: fetch the development kit too; nothing needs it.
    Raises: as `prepare`; NetworkError where no way to the bytes is left.
    """
    from kilotar.work import get as verb
    from kilotar.work.request import Fetching

    wish.setdefault("fetching", Fetching())
    return verb.get(_request(root, wish), on_event, kit=kit)


def adopt(
    path: Path | str,
    into: Path | str,
    *,
    taking: Literal["link", "copy", "move"] = "link",
    archive: str = "",
    edition: str = "",
    unverified: bool = False,
    fetching: Fetching | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Take an archive that another program fetched, whole or in part, into the root `into`, and prove what it holds.

    Args:
        path:   a file of aria2, Transmission, qBittorrent or of anybody; or a folder with such files.
        taking: "link" shares the bytes (or clones them) and needs no room; "copy"; "move". The file is never harmed.
        archive: name of the archive, where it is not that of the file.
        fetching: says how a .torrent is got; no archive is fetched.
    Raises: LayoutRefused, UsageError, MetadataMissing, DigestMismatch, MachineError.
    """
    from kilotar.work import adopt as verb
    from kilotar.work.request import Request

    request = Request(_path(into), edition=edition, unverified=unverified, fetching=fetching)
    return verb.adopt(request, _path(path), on_event, taking=taking, archive=archive)


def repair(
    path: Path | str,
    *,
    archive: str = "",
    edition: str = "",
    accept_terms: bool = False,
    fetching: Fetching | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Hash an archive from anywhere, or all archives of a root, and fetch only the pieces that are wrong or missing.

    Args:
        path:    a file, which keeps its name; or a root.
        archive: name of the archive, where it is not that of the file.
    Raises: LayoutRefused, UsageError, DecisionNeeded, MetadataMissing, DigestMismatch, NetworkError, MachineError.
    """
    from kilotar.work import mend_archive as verb
    from kilotar.work.request import Fetching

    words = {"edition": edition, "archive": archive}
    return verb.repair(_path(path), fetching or Fetching(), on_event, accept_terms=accept_terms, **words)


def seed(
    root: Path | str, *, for_s: float = 0.0, fetching: Fetching | None = None, on_event: OnEvent = ignore
) -> Report:
    """Give the archives of a root to peers until Ctrl-C, for `for_s` seconds, or up to a ratio.

    Args:
        fetching: its `swarm` says how, and its `seed_ratio` when it is enough.
    Raises: LayoutRefused where there is nothing to give; UsageError, MissingExtra, NetworkError, MachineError.
    """
    from kilotar.work import seed as verb
    from kilotar.work.request import Fetching

    return verb.seed(_path(root), fetching or Fetching(), on_event, for_s=for_s)


def verify(
    root: Path | Remote | str,
    *,
    level: str = "normal",
    repair: bool = False,
    against: Path | str | None = None,
    format_name: str = "",
    edition: str = "",
    jobs: int = 0,
    on_event: OnEvent = ignore,
) -> Report:
    """Prove what was prepared under a root, or an export that stands anywhere.

    Args:
        root:    a root; the folder of an export; or what `place` gives for an address in a store of objects.
        level:   "quick", "normal" or "deep".
        repair:  write bad files of a root anew.
        against: of an export, the root whose archives it is held against; by default the one above it.
        format_name, edition: of an export that does not say it itself.
    Raises: LayoutRefused where nothing was prepared; Busy; MachineError; StoreFailed; UsageError for another level,
        or for what is for roots alone.
    """
    where = place(root) if isinstance(root, str) else root
    if not isinstance(where, Path):
        only = repair or against is not None or bool(format_name)  # an edition may be set for all commands
        return _verify_remote(where, level, jobs, on_event, for_folders=only)
    from kilotar.work import verify as verb
    from kilotar.work.exported import is_root

    parsed, where, says = verb.parse_level(level), _path(where), {"format_name": format_name, "edition": edition}
    if against is None and not format_name and is_root(where):  # which knows its edition
        return verb.verify(where, level=parsed, repair=repair, jobs=jobs, emit=on_event)
    from kilotar.work.proving import verify_export

    other = None if against is None else _path(against)
    return verify_export(where, level=parsed, repair=repair, against=other, jobs=jobs, emit=on_event, **says)


def _verify_remote(remote: Remote, level: str, jobs: int, on_event: OnEvent, *, for_folders: bool) -> Report:
    from kilotar.errors import UsageError
    from kilotar.work.verify import parse_level
    from kilotar.work.verify_remote import verify_remote

    if for_folders:
        raise UsageError(
            "--repair, --against and --format are for folders",
            seen=f"{remote} is an address",
            fix="an output is repaired by its root: kilotar verify ROOT --repair",
        )
    return verify_remote(remote, level=parse_level(level), jobs=jobs, emit=on_event)


def status(root: Path | str) -> Status:
    """Give what is under a root and how far it is. Raises LayoutRefused where nothing was prepared."""
    from kilotar.work import status as verb

    return verb.status(_path(root))


def doctor(
    root: Path | str | None = None,
    *,
    offline: bool = False,
    trackers: tuple[str, ...] = (),
    ports: tuple[int, ...] = (0,),
    allow_private: bool = False,
    edition: str = "",
) -> Checkup:
    """Look at this machine, the disk of `root` and the network, in less than 15 seconds; nothing is changed.

    Raises: UsageError, EditionRefused for an edition that is none.
    """
    from kilotar.work import doctor as verb

    where = _path(root) if root is not None else None
    return verb.doctor(verb.Inquiry(where, edition, trackers, ports, is_offline=offline, allow_private=allow_private))


def open(root: Path | str, split: str, *, format_name: str = "", edition: str = "") -> Dataset:
    """Open a split of a prepared root, or of an export that stands anywhere, as a sequence of images read in place.

    Args:
        format_name, edition: of an export that does not say it itself.
    Raises: LayoutRefused where neither its archive nor a finished tree is there, or the export is none; UsageError for
        another split.
    """
    from kilotar.work.dataset import open_dataset

    return open_dataset(_path(root), split, format_name, edition)


def edition(name: str = "ilsvrc2012") -> Edition:
    """Give an edition by its name, or from a TOML file. Raises UsageError, EditionRefused."""
    from kilotar.editions.load import load_edition

    return load_edition(name)


def demo(folder: Path | str, *, on_event: OnEvent = ignore) -> tuple[Report, Report]:
    """Publish a tiny ImageNet on loopback, download, prepare and check it, in seconds; nothing leaves this machine.

    Args:
        folder: gets the archives as published, the state of those who serve them, and the root `imagenet`.
    Returns: the reports of `prepare` and of `verify`. Raises: KilotarError.
    """
    from kilotar.work import demo as verb

    return verb.demo(_path(folder), on_event)


def export_positions(root: Path | str, path: Path | str) -> int:
    """Write where in the archive each class lies, as far as `root` knows, for `Fetching.positions` of others.

    Returns: how many classes the table has.
    Raises: LayoutRefused where nothing is known; ArchiveRefused, MachineError.
    """
    from kilotar.work import places as verb

    return len(verb.export_positions(_path(root), _path(path)).rows)


def search_archives(
    text: str,
    *,
    edition: str = "ilsvrc2012",
    collection: str = "",
    refresh: bool = False,
    offline: bool = False,
    allow_private: bool = False,
    on_event: OnEvent = ignore,
) -> SearchResult:
    """Find torrents in the list of the edition's torrent site; the list is read once a day and searched here.

    Args:
        text: words that all stand in the title, or an infohash.
        edition: its site is searched, and its archives are marked.
        collection: search this collection of the site instead of all.
        refresh, offline: read the list anew; use the kept one only.
        allow_private: the site may lie in a private network.
    Raises: UsageError, EditionRefused, HttpFailed, TorrentRefused, MachineError.
    """
    from kilotar.editions.load import load_edition
    from kilotar.work.search import SearchWish, search

    wish = SearchWish(text, collection, refresh, offline, allow_private)
    return search(wish, load_edition(edition), on_event)


def find_classes(of: Edition, query: str) -> tuple[Synset, ...]:
    """Give the classes that a word, wnid, label, ilsvrc_id or parent means; see `kilotar.editions.choose`."""
    from kilotar.editions import choose

    return choose.find_classes(of, query)


def find_sinks() -> tuple[Sink, ...]:
    """Give every format that can be written."""
    from kilotar.sinks import base

    return base.find_sinks()


def place(out: Path | str, *, endpoint: str = "") -> Path | Remote:
    """Give where an output may go: a folder; or `s3://`, `gs://`, `az://` and what fsspec knows, as `out` of a wish.

    Args:
        endpoint: address of the server of `s3://` or `az://`, where it is not the store's own.
    Raises: UsageError, also for an address that holds a key or a password, which it does not repeat.
    """
    from kilotar.parse.remote import parse_place

    found = parse_place(str(out), endpoint) if isinstance(out, str) or endpoint else out
    return _path(found) if isinstance(found, Path | str) else found


def _path(root: Path | str) -> Path:
    return Path(root).expanduser()


def _request(root: Path | str, wish: Wish) -> Request:
    """Make the request; a person at a prompt may give folders as text."""
    from kilotar.work.request import Request

    if source := wish.get("source"):
        wish["source"] = _path(source)
    if images := wish.get("images"):
        wish["images"] = _path(images)
    if out := wish.get("out"):
        wish["out"] = place(out) if isinstance(out, Path | str) else out
    return Request(_path(root), **wish)
