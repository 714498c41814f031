"""The BitTorrent session of a run: one per profile, owned by one thread that reads its alerts.

Rules guarded: all alerts are read by one thread, and no callback of the library enters Python; a session that is done
is silenced and never destroyed; what is remembered (port, DHT, peers) is advice; a session does not survive a fork, so
workers are spawned.
Source: measured with libtorrent 2.1.1.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kilotar import __version__
from kilotar.events import Trouble
from kilotar.model.fetching import Landing, Tell
from kilotar.model.pieces import Torrent
from kilotar.model.profile import ClientOptions, Profile
from kilotar.sources.torrent.facts import Ledger
from kilotar.sources.torrent.fetcher import SwarmFetcher
from kilotar.sources.torrent.keeping import keep, kept
from kilotar.sources.torrent.library import abandon, libtorrent, trust_roots
from kilotar.sources.torrent.listening import choose_port
from kilotar.sources.torrent.magnet import ask_metadata
from kilotar.sources.torrent.settings import ALERTS, session_settings

__all__ = ["Swarm"]

WAIT_MS = 200
TICK_S = 0.5
MEET_S = 2.0
COUNT_S = 5.0  # the library answers this one while all threads wait
SAVE_S = 30.0
MOST_DHT_BYTES = 1 << 20


class Swarm:
    """A session with a profile.

    Args:
        options: the person's.
        profile: the rung of the ladder; another one is another `Swarm`.
        state_folder: where port, DHT and peers are remembered.
        tell:    hears troubles, from threads of this object.
    Raises: MissingExtra, UsageError.
    """

    def __init__(self, options: ClientOptions, profile: Profile, state_folder: Path, tell: Tell) -> None:
        self._lt = libtorrent()
        self._options, self._folder, self._tell = options, state_folder, tell
        trust_roots(options.tls_roots)
        port = choose_port(options, profile, state_folder, tell)
        self._session: Any = self._open(session_settings(options, profile, port))
        self._lock = threading.RLock()
        self._ledger = Ledger()
        self._fetchers: list[SwarmFetcher] = []
        self._stop = threading.Event()
        self._is_closed = False
        self._failures: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="swarm", daemon=True)
        self._thread.start()

    def _open(self, settings: dict[str, bool | int | str]) -> Any:
        lt = self._lt
        params = lt.session_params()
        dht = kept(self._folder / "dht", MOST_DHT_BYTES)
        if dht:
            with contextlib.suppress(RuntimeError):  # damaged: the bootstrap nodes are asked instead
                params.dht_state = lt.read_session_params(dht).dht_state
        mask = 0
        for name in ALERTS:
            mask |= getattr(lt.alert_category, name)
        agent = f"kilotar/{__version__} libtorrent/{lt.__version__}"
        params.settings = {**settings, "alert_mask": int(mask), "user_agent": agent}
        session = lt.session(params)
        session.set_peer_class_filter(self._one_class())
        return session

    def _one_class(self) -> Any:
        """Give a filter that puts all peers into one class: private addresses would escape all limits."""
        rule = self._lt.ip_filter()
        rule.add_rule("0.0.0.0", "255.255.255.255", 1)
        rule.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1)
        return rule

    def add(self, torrent: Torrent, landing: Landing) -> SwarmFetcher:
        """Join the swarm of a torrent, whose pieces land in `landing`; nothing is fetched before `want`.

        Without a wish it seeds what the landing has. Raises TorrentRefused, UsageError.
        """
        fetcher = SwarmFetcher(
            self._lt, self._session, torrent, landing, self._options, self._folder, self._ledger, self._lock, self._tell
        )
        with self._lock:
            fetcher.enter()
            self._fetchers.append(fetcher)
        return fetcher

    def metadata(self, infohash: str, timeout_s: float, trackers: tuple[str, ...] = ()) -> bytes | None:
        """Ask the swarm for the bencoded info dictionary of a torrent; None where nobody gave it in time.

        Args:
            infohash: 40 hex digits.
            trackers: to ask beside the DHT and those of the options.
        """
        for fetcher in self._fetchers:
            if fetcher.torrent.table.infohash == infohash:
                return fetcher.torrent.info
        asked = (*self._options.trackers, *trackers)
        return ask_metadata(self._lt, self._session, infohash, timeout_s, asked, self._options)

    def _run(self) -> None:
        """Read alerts and look after the torrents until the end; then silence the session."""
        due_s = dict.fromkeys(self._chores, 0.0) | {self._save: time.monotonic() + SAVE_S}
        while not self._stop.is_set():
            self._session.wait_for_alert(WAIT_MS)
            for alert in self._session.pop_alerts():
                self._safely(partial(self._hear, alert))
            for chore, every_s in self._chores.items():
                if time.monotonic() >= due_s[chore]:
                    due_s[chore] = time.monotonic() + every_s
                    self._safely(chore)
        self._safely(self._save)
        self._safely(partial(abandon, self._session))
        self._session = None

    @property
    def _chores(self) -> dict[Callable[[], None], float]:
        return {self._tick: TICK_S, self._meet: MEET_S, self._count_nodes: COUNT_S, self._save: SAVE_S}

    def _safely(self, work: Callable[[], None]) -> None:
        """Go on reading alerts whatever happens: where this thread ends, the download stands still and says nothing."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to; the person hears of it once
            if not self._is_closed and repr(error) not in self._failures:
                self._failures.add(repr(error))
                self._tell(Trouble("bug", "the BitTorrent session", repr(error), "it goes on; please report this"))

    def _hear(self, alert: Any) -> None:
        if alert.what() == "state_update":
            for status in alert.status:
                self._note(status.handle, status)
            return
        with self._lock:
            fetcher = self._owner(getattr(alert, "handle", None))
            (fetcher.ledger if fetcher else self._ledger).hear(alert)
        if fetcher:
            fetcher.hear(alert)

    def _owner(self, handle: Any) -> SwarmFetcher | None:
        return next((one for one in self._fetchers if handle is not None and one.owns(handle)), None)

    def _note(self, handle: Any, status: Any) -> None:
        with self._lock:
            fetcher = self._owner(handle)
            if fetcher:
                fetcher.ledger.status = status

    def _tick(self) -> None:
        self._session.post_torrent_updates()
        for fetcher in tuple(self._fetchers):
            fetcher.tick()

    def _meet(self) -> None:
        self._session.post_session_stats()
        for fetcher in tuple(self._fetchers):
            fetcher.meet()

    def _save(self) -> None:
        for fetcher in tuple(self._fetchers):
            fetcher.save()
        if self._options.dht:
            keep(self._folder / "dht", self._dht())

    def _dht(self) -> bytes:
        kind = self._lt.save_state_flags_t.save_dht_state
        return bytes(self._lt.write_session_params_buf(self._session.session_state(kind), kind))

    def _count_nodes(self) -> None:
        if self._options.dht:
            state = self._lt.bdecode(self._dht()).get(b"dht state", {})
            self._ledger.dht_nodes = (len(state.get(b"nodes", ())), len(state.get(b"nodes6", ())))

    def close(self, grace_s: float = 5.0) -> None:
        """Leave all swarms and stop, in at most `grace_s`; what came until now is checked and lands. May be repeated.

        Not to be called out of `tell`.
        """
        end_s = time.monotonic() + grace_s
        if self._is_closed:
            return
        self._is_closed = True
        for fetcher in self._fetchers:
            fetcher.close(max(1.0, grace_s / 2))
        self._stop.set()
        self._thread.join(max(0.1, end_s - time.monotonic()))
