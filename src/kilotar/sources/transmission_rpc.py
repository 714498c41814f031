"""The remote control of a Transmission daemon, as much of it as a download needs.

Rules guarded: the session id is taken from the daemon's own 409; user and password come from the person, are sent to
that address only, and are in no message; an answer of another form is refused by name.

Source: Transmission's RPC specification (`docs/rpc-spec.md`, version 4.0.6 for these names; 4.1 still understands
them); tried with 3.00.
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from kilotar.errors import ClientFailed, UsageError
from kilotar.sources.rpc import JsonPost, read_json

__all__ = ["CHECKING", "DEFAULT_URL", "Daemon", "TorrentState", "TrackerState"]

DEFAULT_URL = "http://127.0.0.1:9091/transmission/rpc"
CHECKING = (1, 2)  # waits for its turn; is being read
_SESSION = "X-Transmission-Session-Id"
_NAME = "transmission-daemon"
T = TypeVar("T")


class TrackerState(msgspec.Struct, frozen=True, rename="camel"):
    """What one tracker answered last."""

    announce: str = ""
    last_announce_succeeded: bool = False
    last_announce_peer_count: int = 0
    last_announce_result: str = ""
    has_announced: bool = False
    seeder_count: int = -1


class TorrentState(msgspec.Struct, frozen=True, rename="camel"):
    """What `torrent-get` tells of a torrent. Rates are bytes a second, `*_ever` bytes."""

    name: str = ""
    download_dir: str = ""
    status: int = 0
    error: int = 0
    error_string: str = ""
    pieces: str = ""
    left_until_done: int = -1
    rate_download: int = 0
    rate_upload: int = 0
    downloaded_ever: int = 0
    uploaded_ever: int = 0
    corrupt_ever: int = 0
    peers_connected: int = 0
    peers_sending_to_us: int = 0
    tracker_stats: tuple[TrackerState, ...] = ()

    @property
    def bits(self) -> bytes:
        """The pieces that it takes for complete; the first piece is the highest bit of the first byte."""
        try:
            return base64.b64decode(self.pieces, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ClientFailed(f"{_NAME} answered with something else than pieces", seen=self.pieces[:80]) from error


class _Session(msgspec.Struct, frozen=True):
    version: str = "?"


class _Torrents(msgspec.Struct, frozen=True):
    torrents: tuple[TorrentState, ...] = ()


class _Added(msgspec.Struct, frozen=True, rename="kebab"):
    torrent_added: TorrentState | None = None


class _Reply(msgspec.Struct, frozen=True):
    result: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


_FIELDS = [field.encode_name for field in msgspec.structs.fields(TorrentState)]


class Daemon:
    """One daemon. Every method may raise ClientFailed.

    Args:
        url:       where it listens; may carry user and password ("http://USER:PASSWORD@HOST:9091/transmission/rpc").
        user, password: "" for those of the address.
        timeout_s: it answers late while it reads from a slow disk.
    Raises: UsageError for an address that is none.
    """

    def __init__(self, url: str = "", *, user: str = "", password: str = "", timeout_s: float = 20.0) -> None:
        plain, own_user, own_password = _without_login(url or DEFAULT_URL)
        self._post = JsonPost(
            _NAME, plain, user=user or own_user, password=password or own_password, timeout_s=timeout_s
        )
        self._session_id = ""

    @property
    def shown_url(self) -> str:
        return self._post.shown_url

    def version(self) -> str:
        """Give its version, e.g. "3.00 (bb6b5a062e)"."""
        return self._call(_Session, "session-get").version

    def torrent(self, infohash: str) -> TorrentState | None:
        """Give the state of a torrent, None where it does not have it."""
        found = self._call(_Torrents, "torrent-get", ids=[infohash], fields=_FIELDS).torrents
        return found[0] if found else None

    def add(self, metainfo: bytes, folder: str, *, peer_limit: int) -> TorrentState | None:
        """Add a torrent, stopped; None where it had it before."""
        arguments = {"download-dir": folder, "peer-limit": peer_limit, "paused": True}
        content = base64.b64encode(metainfo).decode("ascii")
        return self._call(_Added, "torrent-add", metainfo=content, **arguments).torrent_added

    def rename(self, infohash: str, old: str, new: str) -> None:
        """Rename the file of a torrent; on the disk too, where it is there."""
        self._call(msgspec.Raw, "torrent-rename-path", ids=[infohash], path=old, name=new)

    def move(self, infohash: str, folder: str) -> None:
        """Say where the file is; nothing is moved."""
        self._call(msgspec.Raw, "torrent-set-location", ids=[infohash], location=folder, move=False)

    def limit(self, infohash: str, *, download_bytes_s: int | None, upload_bytes_s: int | None, ratio: float) -> None:
        """Set limits of one torrent, None for none; `ratio` 0 to seed for ever. It counts in kB/s."""
        arguments = {
            "downloadLimited": download_bytes_s is not None,
            "downloadLimit": -(-(download_bytes_s or 0) // 1000),
            "uploadLimited": upload_bytes_s is not None,
            "uploadLimit": -(-(upload_bytes_s or 0) // 1000),
            "seedRatioMode": 1 if ratio else 2,
            "seedRatioLimit": ratio,
        }
        self._call(msgspec.Raw, "torrent-set", ids=[infohash], **arguments)

    def verify(self, infohash: str) -> None:
        """Let it read the file and see what is there."""
        self._call(msgspec.Raw, "torrent-verify", ids=[infohash])

    def start(self, infohash: str) -> None:
        """Begin at once, whatever else waits in its queue."""
        self._call(msgspec.Raw, "torrent-start-now", ids=[infohash])

    def pause(self, infohash: str) -> None:
        self._call(msgspec.Raw, "torrent-stop", ids=[infohash])

    def remove(self, infohash: str) -> None:
        """Make it forget the torrent; the data stay."""
        self._call(msgspec.Raw, "torrent-remove", **{"ids": [infohash], "delete-local-data": False})

    def hurry(self, timeout_s: float) -> None:
        """Wait no longer than this for each answer from now on."""
        self._post.timeout_s = timeout_s

    def close(self) -> None:
        self._post.close()

    def _call(self, kind: type[T], method: str, **arguments: object) -> T:
        content = {"method": method, "arguments": arguments}
        for _ in range(2):
            answer = self._post.ask(content, {_SESSION: self._session_id}, _SESSION)
            if answer.status != 409 or not answer.header:
                break
            self._session_id = answer.header
        if answer.status != 200:
            raise self._refused(answer.status)
        reply = read_json(_NAME, answer.body, _Reply)
        if reply.result != "success":
            raise ClientFailed(f"{_NAME} refused {method}", seen=reply.result[:200], fix=_FIX)
        return read_json(_NAME, bytes(reply.arguments), kind)

    def _refused(self, status: int) -> ClientFailed:
        seen, fix = _BY_STATUS.get(status, (f"HTTP status {status}", _FIX))
        return ClientFailed(f"{_NAME} does not let us in", seen=f"{self.shown_url}: {seen}", fix=fix)


_FIX = "see that the address is that of transmission-daemon (http://HOST:9091/transmission/rpc)"
_BY_STATUS = {
    401: ("it wants a user and a password", "give them: http://USER:PASSWORD@HOST:9091/transmission/rpc"),
    403: ("this address or user is not on its list", "add it to rpc-whitelist in its settings.json"),
    409: ("it gives no session id", _FIX),
    421: ("this host name is not on its list", "add it to rpc-host-whitelist in its settings.json"),
}


def _without_login(url: str) -> tuple[str, str, str]:
    """Give the address without user and password, and these."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError("this is no address of a Transmission daemon", seen="it is no http address", fix=_FIX)
    plain = urlunsplit((parts.scheme, host, parts.path.rstrip("/") or "/transmission/rpc", parts.query, ""))
    return plain, unquote(parts.username or ""), unquote(parts.password or "")
