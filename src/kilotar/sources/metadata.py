"""Where the .torrent of an archive comes from: one place after the other, each told, each answer checked.

Rules guarded: an answer counts only when its infohash, name and size are the catalogue's, whoever gave it; what came
instead is said to be what it is; a file that a person gave is taken or refused, never silently replaced by another
(ADR 0016); nothing is written here, the caller keeps `Found.to_save` in the workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.errors import MetadataMissing, NetworkError, TorrentRefused, UsageError, storage_error
from kilotar.events import Emit, Note, Trouble
from kilotar.model.pieces import Torrent
from kilotar.parse.bencode import MAX_BYTES
from kilotar.parse.torrent import parse_info, parse_torrent, write_torrent

__all__ = [
    "Found",
    "Place",
    "Wanted",
    "find_torrent",
    "given_place",
    "infohash_of",
    "saved_place",
    "site_place",
    "swarm_place",
]

Get = Callable[[str, int], bytes]
AskSwarm = Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which archive.

    Attributes:
        name:       its file name.
        infohash:   40 hex digits.
        size_bytes: its length, None where it is not known.
        trackers:   asked beside those that the torrent names.
    """

    name: str
    infohash: str
    size_bytes: int | None = None
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place that may have it.

    Attributes:
        name:     as a person knows it.
        ask:      gives the bytes, None where it has none. Raises KilotarError.
        is_info:  it gives the bare info dictionary.
        is_saved: it is the workspace's own copy.
        is_given: a person named it, so what it has is taken or refused, and no other place is asked.
    """

    name: str
    ask: Callable[[], bytes | None]
    is_info: bool = False
    is_saved: bool = False
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A torrent, and where it was found.

    Attributes:
        torrent: checked; its trackers are followed by those of `Wanted`.
        place:   name of the place.
        to_save: the .torrent to keep in the workspace, b"" where it came from there.
    """

    torrent: Torrent
    place: str
    to_save: bytes


def given_place(path: Path) -> Place:
    """Give the file that a person named; that it is not there is an error of usage."""
    return Place(f"the file {path}", lambda: _read(path, must_exist=True), is_given=True)


def infohash_of(path: Path) -> str:
    """Give the infohash of a .torrent file, to tell for which archive a person gave it.

    Raises: UsageError where it is not there; TorrentRefused; MachineError.
    """
    return parse_torrent(_read(path, must_exist=True) or b"", infohash="").table.infohash


def saved_place(path: Path) -> Place:
    """Give the workspace's copy, a file that need not be there."""
    return Place("the copy in the workspace", lambda: _read(path, must_exist=False), is_saved=True)


def site_place(site: str, infohash: str, get: Get) -> Place:
    """Give the site that lists the torrent.

    Args:
        site: its address without a slash at the end.
        get:  gives the body at an address, at most so many bytes; see `kilotar.sources.page`.
    """
    return Place(
        f"the site {site.partition('://')[2]}",
        lambda: get(f"{site}/download/{infohash}.torrent", MAX_BYTES),
    )


def swarm_place(ask: AskSwarm) -> Place:
    """Give the swarm; `ask` waits for the info dictionary and gives up by itself."""
    return Place("the swarm", ask, is_info=True)


def find_torrent(wanted: Wanted, places: Sequence[Place], emit: Emit, *, allow_private: bool = False) -> Found:
    """Ask the places in their order until one has the torrent that is wanted.

    Args:
        allow_private: keep trackers and web seeds that lead into private networks.
    Raises:
        MetadataMissing: no place has it; tells what each said.
        TorrentRefused, UsageError: a person named a file, and it is not this torrent, or not there.
        MachineError.
    """
    said: list[str] = []
    for place in places:
        emit(Note("info", f"{wanted.name}: asking {place.name} for the .torrent"))
        try:
            data = place.ask()
            found = None if data is None else _checked(wanted, place, data, emit, allow_private)
        except (NetworkError, TorrentRefused) as error:
            if place.is_given:
                raise
            emit(Trouble("metadata", place.name, str(error), "another place is asked"))
            said.append(f"{place.name}: {error}")
            continue
        if found is not None:
            emit(Note("info", f"{wanted.name}: {place.name} has the .torrent"))
            return found
        said.append(f"{place.name}: has none")
    raise MetadataMissing(
        f"the .torrent of {wanted.name} could not be had",
        seen="; ".join(said) or "there was no place to ask",
        fix=f"get {wanted.infohash}.torrent on another machine and give it: --torrent FILE",
    )


def _checked(wanted: Wanted, place: Place, data: bytes, emit: Emit, allow_private: bool) -> Found:
    """Give the torrent that a place's bytes are. Raises TorrentRefused."""

    def parse(allow: bool, leave_out: Callable[[str, str], None]) -> Torrent:
        return parse_torrent(
            data,
            infohash=wanted.infohash,
            name=wanted.name,
            size_bytes=wanted.size_bytes,
            allow_private=allow,
            leave_out=leave_out,
        )

    def tell(address: str, why: str) -> None:
        emit(Trouble("torrent-address", address, why, "it is left out; --allow-private lets it in"))

    if place.is_info:
        whole = parse_info(data, infohash=wanted.infohash, name=wanted.name, size_bytes=wanted.size_bytes)
        torrent = whole
    else:
        torrent = parse(allow_private, tell)
        whole = torrent if allow_private else parse(True, lambda address, why: None)
    to_save = b"" if place.is_saved else write_torrent(whole)
    return Found(_with_trackers(torrent, wanted.trackers), place.name, to_save)


def _with_trackers(torrent: Torrent, more: tuple[str, ...]) -> Torrent:
    known = {url for tier in torrent.trackers for url in tier}
    return replace(torrent, trackers=torrent.trackers + tuple((url,) for url in more if url not in known))


def _read(path: Path, *, must_exist: bool) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        if not must_exist:
            return None
        raise UsageError(f"there is no .torrent file {path}", fix="give the path of a .torrent file") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
