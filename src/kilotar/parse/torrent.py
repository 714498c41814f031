"""A .torrent of one archive, taken apart and put together.

Rules guarded: the infohash is of the bytes as they were sent and is the one that was asked for; one plain file whose
name and size are the catalogue's; no links, no folders, no attributes; hashes fit the size; trackers and web seeds are
spoken to by http(s) or udp and do not lead into private networks; what is left out is told, with the reason.
Sources: BEP 3 (form), 12 (tiers), 17 and 19 (web seeds), 47 (attributes), 52 (v2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn
from urllib.parse import quote

from kilotar.errors import TorrentRefused
from kilotar.model.pieces import SHA1_BYTES, PieceTable, Torrent
from kilotar.parse.address import check_url, plain_url
from kilotar.parse.bencode import Value, encode, read_dictionary
from kilotar.parse.body import describe_body

__all__ = ["make_torrent", "parse_info", "parse_torrent", "write_torrent"]

LeaveOut = Callable[[str, str], None]

_MAX_PIECES = 1 << 21
_BLOCK_BYTES = 16 << 10  # what peers ask of one another; pieces are made of whole blocks
_MAX_PIECE_BYTES = 128 << 20
_MAX_NAME_BYTES = 240
_MAX_ADDRESSES = 100
_TRACKER_SCHEMES = frozenset({"http", "https", "udp"})
_SEED_SCHEMES = frozenset({"http", "https"})


def _nobody(address: str, why: str) -> None:
    """Be told what is left out, and say nothing."""


def parse_torrent(
    data: bytes,
    *,
    infohash: str,
    name: str | None = None,
    size_bytes: int | None = None,
    allow_private: bool = False,
    leave_out: LeaveOut = _nobody,
) -> Torrent:
    """Give what a .torrent says.

    Args:
        data:          the file, or what came in its place.
        infohash:      40 hex digits that it must have, "" to take it whatever it has.
        name:          file name that it must have, None for any plain one.
        size_bytes:    length that it must have, None for any.
        allow_private: keep trackers and web seeds that point into private networks or at this machine.
        leave_out:     called with (address as it may be shown, why) for each tracker and web seed that is left out.
    Raises: TorrentRefused.
    """
    if data[:1] != b"d":
        _refuse("this is not a .torrent", describe_body(data))
    # Only the inner part is hashed; sites add keys to the outer one, and line ends behind it.
    outer = read_dictionary(data.rstrip(b"\r\n"), sorted_keys=False)
    if b"info" not in outer.spans:
        _refuse("this is not a .torrent", _failure(outer.values))
    if b"piece layers" in outer.values:
        _refuse("this is a torrent of version 2", "it has piece layers")
    start, stop = outer.spans[b"info"]
    table = parse_info(data[start:stop], infohash=infohash, name=name, size_bytes=size_bytes).table
    check = _Addresses(allow_private, leave_out)
    return Torrent(table, data[start:stop], check.trackers(outer.values), check.web_seeds(outer.values, table.name))


def parse_info(info: bytes, *, infohash: str, name: str | None = None, size_bytes: int | None = None) -> Torrent:
    """Give what a bencoded info dictionary says, as the swarm sends it; no trackers, no web seeds.

    Arguments and errors are those of `parse_torrent`.
    """
    found = hashlib.sha1(info, usedforsecurity=False).hexdigest()
    if infohash and found != infohash.lower():
        _refuse("this is the .torrent of something else", f"infohash {found}, expected {infohash.lower()}")
    if info[:1] != b"d":
        _refuse("this is no torrent's info", describe_body(info))
    values = read_dictionary(info).values
    _check_kind(values)
    table = PieceTable(
        _name(values, name), _size(values, size_bytes), _piece_bytes(values), _sha1s(values), infohash=found
    )
    return Torrent(table, info)


def make_torrent(
    table: PieceTable,
    trackers: tuple[tuple[str, ...], ...] = (),
    web_seeds: tuple[str, ...] = (),
) -> Torrent:
    """Give the torrent of a table with hashes; its infohash is computed, whatever the table has."""
    info = encode(
        {
            b"length": table.size_bytes,
            b"name": table.name.encode(),
            b"piece length": table.piece_bytes,
            b"pieces": table.sha1s,
        }
    )
    return Torrent(parse_info(info, infohash="").table, info, trackers, web_seeds)


def write_torrent(torrent: Torrent) -> bytes:
    """Give the .torrent file; its info stands in it byte for byte. `parse_torrent` reads it back to an equal value."""
    parts: dict[bytes, bytes] = {b"info": torrent.info}
    if torrent.trackers:
        parts[b"announce"] = encode(torrent.trackers[0][0].encode())
        parts[b"announce-list"] = encode([[url.encode() for url in tier] for tier in torrent.trackers])
    if torrent.web_seeds:
        parts[b"url-list"] = encode([url.encode() for url in torrent.web_seeds])
    return b"d" + b"".join(encode(key) + parts[key] for key in sorted(parts)) + b"e"


def _refuse(what: str, seen: str) -> NoReturn:
    raise TorrentRefused(
        what, seen=seen, fix="fetch the .torrent again from its site, or give the file: --torrent FILE"
    )


def _failure(values: Mapping[bytes, Value]) -> str:
    reason = values.get(b"failure reason")
    if isinstance(reason, bytes):
        return f"it is the answer of a tracker: {reason[:200].decode('utf-8', 'backslashreplace')}"
    return f"it has no info; its keys are {sorted(values)[:8]}"


def _check_kind(values: Mapping[bytes, Value]) -> None:
    if b"meta version" in values or b"file tree" in values:
        _refuse("this is a torrent of version 2, or of both versions", "only version 1 has the published hashes")
    if b"files" in values:
        files = values[b"files"]
        number = len(files) if isinstance(files, list) else "no list of"
        _refuse("this torrent is a folder, and one file is expected", f"{number} files")
    if values.get(b"attr", b"") != b"" or b"symlink path" in values:
        seen = f"attr {values.get(b'attr')!r}, symlink path {values.get(b'symlink path')!r}"
        _refuse("this torrent makes something else than a plain file", seen[:200])


def _name(values: Mapping[bytes, Value], expected: str | None) -> str:
    raw = values.get(b"name")
    try:
        name = raw.decode("utf-8") if isinstance(raw, bytes) else ""
    except UnicodeDecodeError:
        name = ""
    plain = name.isprintable() and not set(name) & set('/\\:*?"<>|') and name[:1] not in ("", ".", "-", "~", " ")
    if not plain or len(name.encode()) > _MAX_NAME_BYTES or name[-1] in ". ":
        _refuse("this torrent's name is no plain file name", repr(raw)[:200])
    if values.get(b"name.utf-8", raw) != raw:
        _refuse("this torrent has two names", repr((raw, values[b"name.utf-8"]))[:200])
    if expected is not None and name != expected:
        _refuse("this torrent is of another file", f"name {name!r}, expected {expected!r}")
    return name


def _size(values: Mapping[bytes, Value], expected: int | None) -> int:
    size_bytes = _number(values, b"length")
    if expected is not None and size_bytes != expected:
        _refuse("this torrent's file has another size", f"{size_bytes} bytes, expected {expected}")
    return size_bytes


def _piece_bytes(values: Mapping[bytes, Value]) -> int:
    piece_bytes = _number(values, b"piece length")
    if piece_bytes % _BLOCK_BYTES or piece_bytes > _MAX_PIECE_BYTES:
        _refuse(
            "this torrent's piece length is not sane",
            f"{piece_bytes} bytes; whole blocks of {_BLOCK_BYTES} up to {_MAX_PIECE_BYTES} are",
        )
    return piece_bytes


def _number(values: Mapping[bytes, Value], key: bytes) -> int:
    number = values.get(key)
    if not isinstance(number, int) or number < 1:
        _refuse(f"this torrent has no {key.decode()}", repr(number)[:100])
    return number


def _sha1s(values: Mapping[bytes, Value]) -> bytes:
    sha1s = values.get(b"pieces")
    count = -(-_number(values, b"length") // _number(values, b"piece length"))
    if count > _MAX_PIECES:
        _refuse("this torrent has too many pieces", f"{count}, at most {_MAX_PIECES}")
    if not isinstance(sha1s, bytes) or len(sha1s) != count * SHA1_BYTES:
        seen = f"{len(sha1s)} bytes" if isinstance(sha1s, bytes) else repr(sha1s)[:100]
        _refuse("this torrent's hashes do not fit its size", f"{seen} of hashes for {count} pieces")
    return sha1s


class _Addresses:
    """Chooses which trackers and web seeds are kept."""

    def __init__(self, allow_private: bool, leave_out: LeaveOut) -> None:
        self._allow_private = allow_private
        self._leave_out = leave_out
        self._left = _MAX_ADDRESSES

    def trackers(self, values: Mapping[bytes, Value]) -> tuple[tuple[str, ...], ...]:
        """Give the tiers; `announce` counts only where there are none (BEP 12)."""
        tiers = values.get(b"announce-list") or [[values[b"announce"]] if b"announce" in values else []]
        if not isinstance(tiers, list) or any(not isinstance(tier, list) for tier in tiers):
            _refuse("this torrent's trackers are no list of lists", repr(tiers)[:100])
        kept = [tuple(self._kept(tier, _TRACKER_SCHEMES)) for tier in tiers if isinstance(tier, list)]
        return tuple(tier for tier in kept if tier)

    def web_seeds(self, values: Mapping[bytes, Value], name: str) -> tuple[str, ...]:
        """Give the addresses of the file, each once; a folder's address gets the name (BEP 19).

        One address may stand without a list. The seeds of BEP 17 speak another protocol and are passed over.
        """
        seeds = values.get(b"url-list", [])
        listed = seeds if isinstance(seeds, list) else [seeds]
        kept = self._kept([url for url in listed if url != b""], _SEED_SCHEMES)
        return tuple(dict.fromkeys(f"{url}{quote(name)}" if url.endswith("/") else url for url in kept))

    def _kept(self, urls: list[Value], schemes: frozenset[str]) -> Iterator[str]:
        for raw in urls:
            self._left -= 1
            if not isinstance(raw, bytes) or self._left < 0:
                _refuse("this torrent's addresses are absurd", f"more than {_MAX_ADDRESSES}, or no text: {raw!r}"[:200])
            url = raw.decode("utf-8", "replace").strip()
            if why := check_url(url, schemes, allow_private=self._allow_private):
                self._leave_out(plain_url(url), why)
            else:
                yield url
