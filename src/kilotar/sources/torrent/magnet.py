"""The info dictionary of a torrent out of the swarm itself, for when the site that lists it cannot be reached.

Rules guarded: nothing of the archive is fetched or written; what comes is believed only when its SHA-1 is the infohash.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from typing import Any

from kilotar.errors import UsageError
from kilotar.model.profile import ClientOptions
from kilotar.sources.torrent.trackers import endpoints

__all__ = ["ask_metadata"]

POLL_S = 0.1


def ask_metadata(
    lt: Any, session: Any, infohash: str, timeout_s: float, trackers: tuple[str, ...], options: ClientOptions
) -> bytes | None:
    """Give the bencoded info dictionary; None where no peer gave it within `timeout_s`. Raises UsageError."""
    try:
        params = lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{infohash}")
    except RuntimeError as error:
        raise UsageError("that is no infohash", seen=repr(infohash), fix="give 40 hex digits") from error
    params.trackers = list(trackers)
    params.peers = endpoints(options.peers)
    params.save_path = tempfile.gettempdir()  # never written: nothing is wanted
    params.flags = lt.torrent_flags.default_dont_download
    handle = session.add_torrent(params)
    try:
        return _wait(handle, infohash, time.monotonic() + timeout_s)
    finally:
        session.remove_torrent(handle)


def _wait(handle: Any, infohash: str, end_s: float) -> bytes | None:
    while time.monotonic() < end_s:
        found = handle.torrent_file()
        if found is not None:
            info = bytes(found.info_section())
            return info if hashlib.sha1(info, usedforsecurity=False).hexdigest() == infohash else None
        time.sleep(POLL_S)
    return None
