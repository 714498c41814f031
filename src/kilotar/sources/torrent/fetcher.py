"""One archive in the swarm: what is wanted of it, what has come, and what to do when the disk or a piece fails.

Rules guarded: a wish becomes piece priorities (7 urgent, 4 wanted, 0 the rest) in sequential mode, without deadlines or
windows, which measured 35 against 1.9 MB/s; a piece is there when the landing has checked it; a piece that the client
believes in and the file has not is fetched anew, by taking the torrent out and adding it without that piece; a client
that stopped for a full disk goes on within seconds of there being room (by itself it waits 600 s).
Source: measured with libtorrent 2.1.1.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kilotar.events import Trouble
from kilotar.model.fetching import Landing, PieceWish, SwarmFacts, Tell
from kilotar.model.pieces import Torrent
from kilotar.model.profile import ClientOptions
from kilotar.sources.torrent.adding import kept_peers, torrent_params
from kilotar.sources.torrent.facts import Ledger, snapshot
from kilotar.sources.torrent.keeping import keep
from kilotar.sources.torrent.offering import Offers
from kilotar.sources.torrent.trackers import endpoints, usable
from kilotar.sources.torrent.troubles import Troubles
from kilotar.sources.torrent.verifying import Verifier

__all__ = ["SwarmFetcher"]

URGENT, WANTED = 7, 4
LATE_S = 0.1  # a third of the pieces is read in vain where they are read at once: 0.4 to 0.8 CPU s/GB
ROOM_BYTES = 16 << 20
RETRY_S = 30.0
RECONNECT_S = 10.0
LOST_TIMES = 3
GOODBYE_S = 2.0  # as long as the settings let a tracker have
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SwarmFetcher:
    """Brings pieces from peers. Made by `Swarm.add`; its `hear` and `tick` belong to the session's thread.

    Attributes:
        name:   "peers".
        ledger: its counters; changed by the session's thread under the session's lock.
    """

    name = "peers"

    def __init__(
        self,
        lt: Any,
        session: Any,
        torrent: Torrent,
        landing: Landing,
        options: ClientOptions,
        folder: Path,
        session_ledger: Ledger,
        guard: threading.RLock,
        tell: Tell,
    ) -> None:
        self.ledger = Ledger()
        self.torrent, self.landing = torrent, landing
        self._lt, self._session, self._options, self._tell = lt, session, options, tell
        self._session_ledger, self._guard = session_ledger, guard
        self._resume = folder / f"{torrent.table.infohash}.resume"
        self._lock = threading.RLock()
        self._wanted = bytearray(torrent.table.count)
        self._given = bytearray(torrent.table.count)  # what the library has, in its own belief
        self._lost: set[int] = set()
        self._times_lost: Counter[int] = Counter()
        self._flushed, self._removed = threading.Event(), threading.Event()
        self._is_closed = self._is_away = False
        self._troubles = Troubles(torrent.table.name, options, tell)
        self._retried_s = self._reconnected_s = time.monotonic()
        self._offers = Offers(landing)
        self._trackers = usable(torrent.trackers, options.trackers, options.allow_private, tell)
        self._asked = endpoints(options.peers)
        self._met = kept_peers(lt, self._resume, torrent.table.infohash)
        self._verifier = Verifier(landing, self.name, self._flush, self._lose, tell)
        self._handle: Any = None

    def enter(self) -> None:
        """Join the swarm; under the session's lock, so that no alert is heard before its owner is known."""
        self._handle = self._add()

    def _add(self) -> Any:
        """Hand the torrent to the library, with what the landing has now and what is wanted now."""
        peers = dict.fromkeys((*self._asked, *self._met))
        params = torrent_params(self._lt, self.torrent, self.landing, self._options, self._trackers, peers)
        self._given = bytearray(params.have_pieces)
        params.piece_priorities = list(self._wanted)
        self._path = self.landing.path
        return self._session.add_torrent(params)

    def owns(self, handle: Any) -> bool:
        """Tell whether an alert is about this torrent."""
        return bool(handle == self._handle)

    def want(self, wish: PieceWish) -> None:
        """Replace what is wanted. Pieces that are on their way may still arrive."""
        vector = bytearray(len(self._wanted))
        for run in wish.wanted:
            vector[run.start : run.stop] = bytes([WANTED]) * len(run)
        for piece in wish.urgent:
            vector[piece] = URGENT
        for piece, times in self._times_lost.items():
            if times >= LOST_TIMES:
                vector[piece] = 0
        with self._lock:
            pairs = zip(self._wanted, vector, strict=True)
            changes = [(piece, new) for piece, (old, new) in enumerate(pairs) if old != new]
            self._wanted = vector
            if changes and not (self._is_away or self._is_closed):
                self._handle.prioritize_pieces(changes)
            believed = [
                piece for piece, (wanted, given) in enumerate(zip(vector, self._given, strict=True)) if wanted and given
            ]
        for piece in believed:  # by the library only: the landing has dropped it, or checks it just now
            if not self.landing.has(piece):
                self._verifier.add(piece)

    def facts(self) -> SwarmFacts:
        """Give a snapshot of the counters; the session's are counted in."""
        client, is_upload_only = f"libtorrent {self._lt.__version__}", self._is_upload_only()
        with self._guard:
            return snapshot(client, self.ledger, self._session_ledger, is_upload_only)

    # The session's thread

    def hear(self, alert: Any) -> None:
        """Take an alert of this torrent in."""
        what = alert.what()
        if what == "piece_finished":
            self._given[alert.piece_index] = 1
            is_urgent = self._wanted[alert.piece_index] == URGENT
            self._verifier.add(alert.piece_index, 0.0 if is_urgent else LATE_S)
        elif what == "cache_flushed":
            self._flushed.set()
        elif what == "torrent_removed":
            self._removed.set()
        elif what == "save_resume_data":
            keep(self._resume, self._lt.write_resume_data_buf(alert.params))

    def meet(self) -> None:
        """Look who is connected."""
        if not (self._is_away or self._is_closed):
            peers = self._handle.get_peer_info()
            self._met = [peer.ip for peer in peers if not peer.flags & peer.local_connection] or self._met
            with self._guard:
                self.ledger.meet(peers)

    def save(self) -> None:
        """Have the library give its resume data."""
        if not (self._is_away or self._is_closed):
            self._handle.save_resume_data()

    def tick(self) -> None:
        """Look after the torrent, twice a second."""
        if self._is_closed:
            return
        if self._lost or self._is_away:
            self._renew()
        elif self.ledger.status is not None:
            self._troubles.look(self.facts(), self.ledger.error_number)
            self._go_on()
            self._follow()
            self._reconnect()
            self._offer()

    def _is_upload_only(self) -> bool:
        status = self.ledger.status
        return bool(status is not None and status.flags & self._lt.torrent_flags.upload_mode)

    def _lose(self, piece: int) -> None:
        """Note a piece that the library believes in and the file has not; the verifier's thread calls."""
        self._times_lost[piece] += 1
        advice = "it is fetched again"
        if self._times_lost[piece] >= LOST_TIMES:
            self._wanted[piece] = 0
            advice = "it is left to other sources; check the disk (dmesg, smartctl)"
        self._tell(Trouble("piece-lost", f"{self.torrent.table.name} piece {piece}", "not in the file", advice))
        self._lost.add(piece)

    def _renew(self) -> None:
        """Take the torrent out, let the library write what it holds, have that checked, and add what is there."""
        if not self._is_away:
            if self._is_upload_only() and not self._has_room():
                return
            with self._lock:
                self._is_away = True
                self._removed.clear()
                self._session.remove_torrent(self._handle)
        elif self._removed.is_set() and self._verifier.drain(0):
            with self._lock:
                if not self._is_closed:
                    self._lost.clear()
                    self.ledger.restart()
                    self._handle, self._is_away = self._add(), False

    def _go_on(self) -> None:
        """Wake a client that stopped for its disk."""
        has_failed = bool(self.ledger.status.errc.value())
        if not (self._is_upload_only() or has_failed):
            return
        waited_s = time.monotonic() - self._retried_s
        if waited_s < RETRY_S and (waited_s < 1 or self.ledger.error_number not in FULL or not self._has_room()):
            return
        self._retried_s = time.monotonic()
        self._handle.clear_error()
        self._handle.unset_flags(self._lt.torrent_flags.upload_mode)
        self._handle.resume()
        self._connect()

    def _has_room(self) -> bool:
        with contextlib.suppress(OSError):
            found = os.statvfs(self.landing.path.parent)
            return found.f_bavail * found.f_frsize >= max(ROOM_BYTES, 4 * self.torrent.table.piece_bytes)
        return False

    def _follow(self) -> None:
        """Follow a file that was given its final name."""
        path = self.landing.path
        if path != self._path:
            self._path = path
            self._handle.rename_file(0, str(path))

    def _reconnect(self) -> None:
        """Call on peers again that have gone: the library forgets an address after three failures."""
        if self.ledger.status.num_peers == 0 and time.monotonic() - self._reconnected_s >= RECONNECT_S:
            self._connect()

    def _connect(self) -> None:
        self._reconnected_s = time.monotonic()
        for endpoint in dict.fromkeys((*self._asked, *self._met)):
            self._handle.connect_peer(endpoint)

    def _offer(self) -> None:
        """Hand over pieces that came from elsewhere, while somebody is there who may want them."""
        status = self.ledger.status
        if not self._options.no_upload and status.num_peers > status.num_seeds and not self._is_upload_only():
            for piece, data in self._offers.some(self._given):
                self._handle.add_piece(piece, data, 0)

    def _flush(self) -> None:
        with self._lock:
            if not (self._is_away or self._is_closed):
                self._handle.flush_cache()

    def close(self, grace_s: float = 5.0) -> None:
        """Stop: let what has come be written and checked, keep the peers, and leave the session.

        Not to be called out of `tell`, whose thread it waits for.
        """
        end_s = time.monotonic() + grace_s
        with self._lock:
            is_repeated, self._is_closed = self._is_closed, True
        if is_repeated:
            return
        if not self._is_away:
            self._handle.pause()
            self._handle.save_resume_data()
            self._flushed.clear()
            self._handle.flush_cache()
            self._flushed.wait(max(0.0, (end_s - time.monotonic()) / 2))
            self._say_goodbye(min(end_s, time.monotonic() + GOODBYE_S))
        self._verifier.drain(max(0.0, end_s - time.monotonic() - 1))
        self._verifier.close(max(0.0, end_s - time.monotonic()))
        if not self._is_away:
            self._session.remove_torrent(self._handle)
            self._removed.wait(max(0.0, end_s - time.monotonic()))

    def _say_goodbye(self, end_s: float) -> None:
        """Wait a little for trackers to take the leave that a pause sends."""
        while self.ledger.asked and time.monotonic() < end_s:
            time.sleep(0.02)
