"""The transfer of one archive by a Transmission daemon that runs already.

Rules guarded:

- the file keeps its name: the daemon looks for `NAME.part` where it misses `NAME`, and takes the `.part` away at the
  end; so it is told that the name is `NAME.part`, while it looks for its data where nothing is, for a rename touches
  what it finds;
- the daemon reads what is in the file before it begins, so nothing that is there is fetched again;
- the daemon's other torrents and its settings are left alone; ours is taken out at the end, its data never;
- a daemon that runs as another user may not write here: that is told as what it is.

Source: measured with Transmission 3.00: 40 MiB with 20 MiB in the file took 20,971,520 bytes from the seed.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from kilotar.errors import AccessDenied, ClientFailed, KilotarError
from kilotar.model.fetching import Landing, SwarmFacts, Tell, TrackerFact
from kilotar.model.pieces import Torrent
from kilotar.model.profile import ClientOptions
from kilotar.parse.address import plain_url
from kilotar.parse.torrent import write_torrent
from kilotar.sources.client_words import machine_error
from kilotar.sources.external import External, Reading, refuse_foreign
from kilotar.sources.transmission_rpc import CHECKING, Daemon, TorrentState, TrackerState

__all__ = ["transmission"]

PATIENCE_S = 15.0  # with a daemon that does not answer: it may be restarted
_NOWHERE = ".transmission-{infohash}"
_LOCAL_ERROR = 3
_STATES = ("stopped", "waits to check", "checking", "waits", "downloading", "waits to seed", "seeding")
_FIX = "see what the daemon says (transmission-remote -t all -i), then run the same command again"


def transmission(
    torrent: Torrent,
    landing: Landing,
    tell: Tell,
    *,
    url: str = "",
    user: str = "",
    password: str = "",
    options: ClientOptions | None = None,
    keep_seeding: bool = False,
    patience_s: float = PATIENCE_S,
) -> External:
    """Make the fetcher. Nothing is asked of the daemon until something is wanted.

    Args:
        torrent: with the trackers to ask; its web seeds are not handed over.
        landing: whose file the daemon writes; the daemon must see it under the same path.
        tell:    hears of troubles.
        url:     of the daemon's remote control, "" for port 9091 of this machine; may carry user and password.
        options: limits and trackers are handed over; what is a setting of the daemon cannot be had.
        keep_seeding: leave the torrent with the daemon when the archive is complete.
        patience_s: with a daemon that has stopped to answer.
    Raises: UsageError.
    """
    options = options or ClientOptions()
    asked = {"--peer": options.peers, "--proxy": options.proxy, "--interface": options.interface}
    refuse_foreign("Transmission", asked | {"--port": options.ports, "--encryption": options.encryption})
    daemon = Daemon(url, user=user, password=password)
    return External(_Transmission(daemon, torrent, landing, options, keep_seeding, patience_s), landing, tell)


class _Transmission:
    """One torrent of a daemon: a `Program`."""

    name = "transmission"
    trusts_us = False

    def __init__(
        self,
        daemon: Daemon,
        torrent: Torrent,
        landing: Landing,
        options: ClientOptions,
        is_seed: bool,
        patience_s: float,
    ) -> None:
        self._daemon, self._landing, self._options = daemon, landing, options
        self._is_seed, self._patience_s = is_seed, patience_s
        trackers = torrent.trackers + tuple((url,) for url in options.trackers)
        self._torrent = replace(torrent, trackers=trackers, web_seeds=())
        self._infohash = torrent.table.infohash
        self._file = Path(os.path.abspath(landing.path))
        self._client = "Transmission"
        self._is_there = self._is_checking = self._is_done = False
        self._last = Reading()
        self._heard_s = 0.0

    def start(self, bits: bytes) -> None:
        self._client = f"Transmission {self._daemon.version().partition(' ')[0]}"
        self._add()
        self._set_limits()
        self._heard_s = time.monotonic()
        self._is_checking = any(bits)
        if self._is_checking:
            self._daemon.verify(self._infohash)
        else:
            self._daemon.start(self._infohash)

    def _add(self) -> None:
        """Have the torrent there, stopped, over the landing's file."""
        nowhere = self._file.with_name(_NOWHERE.format(infohash=self._infohash[:8]))
        there = self._daemon.torrent(self._infohash)
        if there is not None and Path(there.download_dir) == nowhere:  # a run of ours was killed just here
            self._daemon.remove(self._infohash)
            there = None
        if there is not None:
            self._take_over(there)
            return
        limit = self._options.connections
        self._daemon.add(write_torrent(self._torrent), str(nowhere), peer_limit=limit)
        self._is_there = True
        self._daemon.rename(self._infohash, self._torrent.table.name, self._file.name)
        self._daemon.move(self._infohash, str(self._file.parent))

    def _take_over(self, there: TorrentState) -> None:
        """Go on with the torrent of an earlier run; refuse one that somebody else put there."""
        path = Path(there.download_dir) / there.name
        if path != self._file:
            raise ClientFailed(
                "the daemon has this torrent already, and not from us",
                seen=f"its data are at {str(path)!r}",
                fix=f"let it finish and run: kilotar adopt {path}; or take it out there (the data may stay)",
            )
        self._is_there = True
        self._daemon.pause(self._infohash)

    def _set_limits(self) -> None:
        options = self._options
        upload = 0 if options.no_upload else options.upload_limit_bytes_s or None
        self._daemon.limit(
            self._infohash,
            download_bytes_s=options.download_limit_bytes_s or None,
            upload_bytes_s=upload,
            ratio=options.seed_ratio,
        )

    def read(self) -> Reading:
        try:
            state = self._daemon.torrent(self._infohash)
        except ClientFailed:
            if time.monotonic() - self._heard_s > self._patience_s:
                raise
            return self._last
        if state is None:
            self._is_there = False
            raise ClientFailed("the daemon does not have the torrent any more", seen=self._infohash, fix=_FIX)
        self._heard_s = time.monotonic()
        self._go_on(state)
        self._last = Reading(state.bits, self._facts(state), self._is_done, self._error(state))
        return self._last

    def _go_on(self, state: TorrentState) -> None:
        """Start when the file was checked; stop when all is there and nobody wants to seed."""
        if state.status in CHECKING:
            return
        if self._is_checking:
            self._is_checking = False
            self._daemon.start(self._infohash)
        elif state.left_until_done == 0 and not self._is_done:
            self._is_done = True
            if not self._is_seed:
                self._daemon.pause(self._infohash)

    def _facts(self, state: TorrentState) -> SwarmFacts:
        return SwarmFacts(
            client=self._client,
            received_bytes=state.downloaded_ever + state.corrupt_ever,
            wasted_bytes=state.corrupt_ever,
            rate_bytes_s=state.rate_download,
            sent_bytes=state.uploaded_ever,
            sent_rate_bytes_s=state.rate_upload,
            peers=state.peers_connected,
            seeds_known=max((tracker.seeder_count for tracker in state.tracker_stats), default=-1),
            choked=max(0, state.peers_connected - state.peers_sending_to_us) if state.rate_download == 0 else 0,
            handshakes=state.peers_connected,
            trackers=tuple(map(_tracker, state.tracker_stats)),
            file_errors=(state.error_string,) if state.error == _LOCAL_ERROR else (),
            state=_STATES[state.status] if 0 <= state.status < len(_STATES) else str(state.status),
        )

    def _error(self, state: TorrentState) -> KilotarError | None:
        if state.error != _LOCAL_ERROR:  # the others are of trackers, and pass
            return None
        doing = f"write {self._file} with the daemon"
        cause = machine_error(state.error_string, doing)
        if isinstance(cause, AccessDenied):
            fix = "give its user the right to this folder and file, or run it as yourself, or leave out --client"
            return AccessDenied(
                f"could not {doing}, which runs as another user", seen=state.error_string[:200], fix=fix
            )
        return cause or ClientFailed("the daemon stopped the torrent", seen=state.error_string[:200], fix=_FIX)

    def pause(self) -> None:
        self._daemon.pause(self._infohash)

    def resume(self) -> None:
        self._daemon.start(self._infohash)

    def stop(self, grace_s: float) -> None:
        if not self._is_there:
            return
        self._daemon.hurry(max(1.0, grace_s / 2))
        if self._is_seed and self._is_done:
            self._daemon.rename(self._infohash, self._file.name, self._torrent.table.name)
        else:
            self._daemon.remove(self._infohash)
        self._is_there = False
        self._daemon.close()

    def kill(self) -> None:
        """Do nothing: it is not our process."""


def _tracker(state: TrackerState) -> TrackerFact:
    is_answer = state.last_announce_succeeded
    return TrackerFact(
        url=plain_url(state.announce),
        answered=is_answer,
        peers=state.last_announce_peer_count if is_answer else 0,
        error="" if is_answer or not state.has_announced else state.last_announce_result[:200],
    )
