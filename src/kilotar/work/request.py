"""What a person asked of `prepare`, as one value for the command line and the library."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from kilotar.errors import UsageError
from kilotar.events import Finding
from kilotar.model.edition import Archive
from kilotar.model.pixels import NO_WISH, PixelWish
from kilotar.model.profile import ClientOptions
from kilotar.model.sample import Split
from kilotar.parse.remote import Remote
from kilotar.plan.selection import Selection
from kilotar.sources.http.options import HttpOptions

__all__ = ["Fetching", "Request"]

Way = Literal["torrent", "http"]
Client = Literal["", "aria2", "transmission"]

_TAKEN = (*Split, "archives", "report.json", "verify.json")  # names in a root that outputs do not choose
MOST_THREADS = 4  # more gain nothing: the kernel is the limit


@dataclass(frozen=True, slots=True)
class Fetching:
    """How archives that are not there may be fetched.

    Attributes:
        way:      "torrent": from peers and web seeds; "http": from web addresses alone.
        client:   an installed program that fetches from peers instead of the built-in one.
        client_url: of a Transmission daemon's remote control, "" for the one of this machine.
        torrents: files that the person gives.
        urls:     addresses of archives: of the one whose name they end in, or of any.
        swarm:    options of the client of peers.
        http:     options of web servers.
        positions: a table of class tars that somebody has learnt.
        give_up_after_s: silence after which the run ends; 0 for never.
        allow_private: trackers and servers may lie in private networks.
        offline:  ask no site for a .torrent.
    """

    way: Way = "torrent"
    client: Client = ""
    client_url: str = ""
    torrents: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()
    swarm: ClientOptions = field(default_factory=ClientOptions)
    http: HttpOptions = field(default_factory=HttpOptions)
    positions: Path | None = None
    give_up_after_s: float = 0.0
    allow_private: bool = False
    offline: bool = False

    def client_options(self) -> ClientOptions:
        return replace(self.swarm, allow_private=self.swarm.allow_private or self.allow_private)

    def http_options(self, *, is_trusted: bool = True) -> HttpOptions:
        """Give how web servers are asked; one that is not trusted gets neither cookie nor headers."""
        own = self.http if is_trusted else replace(self.http, cookie="", headers=())
        return replace(own, allow_private=own.allow_private or self.allow_private)

    def urls_of(self, about: Archive) -> tuple[str, ...]:
        """Give the addresses that were named for an archive: those that end in its name, or do not name a tar."""
        ends = ((url, urlsplit(url).path.rpartition("/")[2]) for url in self.urls)
        return tuple(url if end else url + about.name for url, end in ends if end in ("", about.name))


@dataclass(frozen=True, slots=True)
class Request:
    """A wish.

    Attributes:
        root:     where state and outputs live.
        source:   folder with the archives; None means where the root found them before, and the root itself.
        fetching: how archives that are nowhere are fetched; None fetches nothing.
        formats:  names of sinks.
        splits:   "train", "val", "test"; () means train and val.
        classes:  words: wnid, named subset, parent, lemma or file; () means all.
        per_class: training images of each class, 0 for all.
        fraction: share of the training images of each class, 0 for all.
        seed:     of these two; None for 0.
        images:   file with the names of the images that are wanted; a split of which it names none is whole.
        boxes:    whether boxes and their XML are wanted.
        edition:  name or path of a TOML file; "" means the one that the root was begun with, or ilsvrc2012.
        unverified: whether files that are not the published ones may be used.
        accept_terms: whether the person accepts the edition's terms of use.
        jobs:     threads, and processes that write shards or decode; 0 for as many as help.
        options:  (format, option, word).
        name:     of the output, and of its folder below the root; "" for those of the format. For a single format, so
            that a root may have one format with several settings.
        out:      folder of the output instead of the one below the root, or where else; for a single format.
        link:     "auto" links a second tree to the first where the file system can; "never" copies.
        sync:     False leaves out the syncs of images, for throw-away disks and benches: a power cut may then cost the
            output.
        pixels:   what is done to images.
        notes:    what is known of the archives beforehand; findings of every output.
    """

    root: Path
    source: Path | None = None
    fetching: Fetching | None = None
    formats: tuple[str, ...] = ("imagefolder",)
    splits: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    per_class: int = 0
    fraction: float = 0.0
    seed: int | None = None
    images: Path | None = None
    boxes: bool = False
    edition: str = ""
    unverified: bool = False
    accept_terms: bool = False
    jobs: int = 0
    options: tuple[tuple[str, str, str], ...] = ()
    name: str = ""
    out: Path | Remote | None = None
    link: str = "auto"
    sync: bool = True
    pixels: PixelWish = NO_WISH
    notes: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        for path in (self.root, self.source, self.out, self.images):
            _check_text(path if isinstance(path, Path) else None)
        if not self.formats:
            raise UsageError("no format was asked for", fix="kilotar formats lists them")
        if self.out is not None and len(self.formats) != 1:
            raise UsageError("--out is for one format at a time", seen=f"formats: {', '.join(self.formats)}")
        self._check_name()
        if self.link not in ("auto", "never"):
            raise UsageError(f"--link is auto or never, not {self.link!r}")
        Selection(self.per_class, self.fraction)
        if self.seed is not None and not self.is_capped:
            raise UsageError(
                "--seed chooses nothing here",
                seen="it is of --per-class and --fraction",
                fix="leave it out; the seed of an order is --option FORMAT.seed=N",
            )
        if self.jobs < 0:
            raise UsageError(f"--jobs cannot be {self.jobs}")
        unknown = [word for word in self.splits if word not in tuple(Split)]
        if unknown:
            raise UsageError(f"there is no split {unknown[0]!r}", seen="splits: train, val, test")

    def _check_name(self) -> None:
        if self.name and len(set(self.formats)) != 1:
            raise UsageError("--name is for one format at a time", seen=f"formats: {', '.join(self.formats)}")
        if self.name in _TAKEN:
            raise UsageError(f"an output cannot be called {self.name}", seen="something else has this name in a root")

    @property
    def is_capped(self) -> bool:
        """Whether training images are chosen by a seed."""
        return bool(self.per_class or self.fraction)

    @property
    def chosen_splits(self) -> tuple[Split, ...]:
        """The splits in the order train, val, test."""
        return tuple(split for split in Split if split in (self.splits or (Split.TRAIN, Split.VAL)))

    @property
    def threads(self) -> int:
        return self.jobs or min(MOST_THREADS, os.cpu_count() or 1)

    def options_of(self, sink: str) -> tuple[tuple[str, str], ...]:
        """Give the (option, word) pairs of one format, sorted."""
        return tuple(sorted((name, word) for format_name, name, word in self.options if format_name == sink))


def _check_text(path: Path | None) -> None:
    """Refuse a path that cannot be written into a record. Raises UsageError."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the name of {path} is not UTF-8 text", fix="rename it, or link to it by another name"
        ) from error
