"""What is tried next when nothing comes: counters and the time in, moves out, nothing done here.

Rules guarded:

- web servers that are known and healthy work beside the swarm from the start;
- a rung is left only when the swarm itself brought nothing useful for its time, and there was somebody to bring it;
  who is only choked keeps his place in the queue, because a new session would lose it;
- every move says in words what was seen, what is tried, and why;
- nothing is given up before every rung was tried, and never for lack of time unless the person set a limit;
- a clock that jumped (a laptop that slept, a process that was stopped) is not silence.

Source of rungs and times: a client that tries µTP first gets nothing where large UDP is dropped, and TCP alone started
in 0.8 s there; a new session starts in 0.5 s where changed settings took 43 to 132 s (measured, libtorrent 2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.model.profile import FIRST, Profile
from kilotar.plan.moves import Diagnose, FinishTail, GiveUp, Move, UseHttp, UseProfile
from kilotar.plan.plural import plural
from kilotar.plan.silence import Silence, Tail

__all__ = ["OTHER_PORT", "Diagnose", "FinishTail", "GiveUp", "Ladder", "Move", "UseHttp", "UseProfile"]

OTHER_PORT = 42042
DIAGNOSE_AFTER_S = 60.0
TELL_EVERY_S = 600.0
PATIENCE_S = 600.0  # for choking peers, for a swarm of nobody, and for a rung that was tried before
JUMP_S = 30.0
SWITCH_S = 10.0  # after which a client that was not made anew is taken for one that cannot be
NO_LISTENER_S = 10.0
RUNG_S = (90.0, 120.0, 120.0)


class Ladder:
    """Which way to the bytes of one archive is tried now. Call `on` about once a second while anything is wanted.

    Args:
        has_swarm:       whether there is a client and a torrent; False leaves HTTP alone.
        rung:            to begin with: the one that worked the last time.
        other_port:      to listen on at the third rung.
        piece_bytes:     of the archive; the tail of a small wish is two pieces.
        give_up_after_s: silence after which the run ends, 0 for never. Shorter than the ladder, it hurries the rungs.
    """

    def __init__(
        self,
        *,
        has_swarm: bool = True,
        rung: int = 0,
        other_port: int = OTHER_PORT,
        piece_bytes: int = 2 << 20,
        give_up_after_s: float = 0.0,
    ) -> None:
        self._rungs = (
            FIRST,
            Profile("TCP and µTP", utp=True),
            Profile("TCP, encrypted, on another port", encryption="forced", port=other_port),
        )
        self._has_swarm = has_swarm
        self._rung = rung % len(self._rungs)
        self._tried = 0
        self._give_up_after_s = give_up_after_s
        self._hurry = min(1.0, give_up_after_s / sum(RUNG_S)) if give_up_after_s else 1.0
        self._now_s = -1.0
        self._anything = Silence()
        self._useful = Silence()
        self._session_age_s = 0.0
        self._tail = Tail(piece_bytes)
        self._told_s = -1.0
        self._switched_s = 0.0
        self._begun = self._switching = self._http_on = self._over = self._port_changed = False

    @property
    def rung(self) -> int:
        """The rung that is tried now, 0 to 2; worth remembering when bytes come."""
        return self._rung

    def on(
        self,
        now_s: float,
        verified_bytes: int,
        swarm: SwarmFacts | None,
        http: Sequence[HttpFacts],
        *,
        wanted_bytes: int = 0,
    ) -> tuple[Move, ...]:
        """Look at the counters and give what to do now, in this order; mostly nothing.

        Args:
            now_s:          of a clock that only rises.
            verified_bytes: of what is wanted, from any source and from before.
            swarm:          None while no client runs.
            http:           every address that is known, asked or not.
            wanted_bytes:   what `verified_bytes` should come to; 0 where not known, and then there is no tail.
        """
        if self._over:
            return ()
        self._look(now_s, verified_bytes, swarm)
        if 0 < wanted_bytes <= verified_bytes:
            self._rest(now_s)
            return ()
        moves = [*self._begin(), *self._switch_http(http)]
        moves += self._finish_tail(verified_bytes, wanted_bytes, http)
        moves += self._climb(swarm, http)
        moves += self._speak(swarm)
        return (*moves, *self._end(http))

    def _look(self, now_s: float, verified_bytes: int, swarm: SwarmFacts | None) -> None:
        """Note who brought something since the last call."""
        if self._now_s < 0 or now_s - self._now_s > JUMP_S:
            self._rest(now_s)
        self._now_s = now_s
        if self._anything.see(now_s, verified_bytes):
            self._told_s = -1.0
        is_ours = swarm is not None and self._is_of_this_session(swarm)
        if swarm is not None and is_ours and self._useful.see(now_s, swarm.received_bytes - swarm.wasted_bytes):
            self._tried = 0

    def _is_of_this_session(self, swarm: SwarmFacts) -> bool:
        """Tell the counters of the present client from the last ones of the client that is being closed."""
        is_new = swarm.age_s < self._session_age_s
        if self._switching and not is_new and self._now_s - self._switched_s < SWITCH_S:
            return False
        if is_new or self._switching:
            self._useful.count_from(0 if is_new else swarm.received_bytes - swarm.wasted_bytes)
        self._switching, self._session_age_s = False, swarm.age_s
        return True

    def _rest(self, now_s: float) -> None:
        self._anything.since_s = self._useful.since_s = now_s
        self._told_s = -1.0
        self._tail.forget()

    def _begin(self) -> list[Move]:
        if self._begun or not self._has_swarm:
            return []
        self._begun = True
        return [UseProfile(self._rungs[self._rung], f"looking for peers over {self._rungs[self._rung].name}")]

    def _switch_http(self, http: Sequence[HttpFacts]) -> list[Move]:
        """Begin with HTTP where an address is healthy; go back to peers alone where all were given up."""
        if not self._http_on and (healthy := [one for one in http if self._may_use(one)]):
            self._http_on = True
            beside = "beside the peers" if self._has_swarm else "alone"
            return [UseHttp(f"{healthy[0].url} is known; it brings pieces {beside}")]
        if self._http_on and not any(map(_usable, http)):
            self._http_on = False
            if self._has_swarm and self._useful.lasts_s(self._now_s) >= DIAGNOSE_AFTER_S:
                return [self._use(0, f"HTTP was given up ({_errors(http)}); back to peers")]
        return []

    def _may_use(self, http: HttpFacts) -> bool:
        """Whether to begin with an address: a failing one only where there is nothing else."""
        return _usable(http) and not (http.failures and self._has_swarm)

    def _finish_tail(self, verified_bytes: int, wanted_bytes: int, http: Sequence[HttpFacts]) -> list[Move]:
        slow = self._tail.slow(self._now_s, verified_bytes, wanted_bytes)
        if not slow:
            return []
        how = "web servers are asked for exactly these" if any(map(_usable, http)) else "slow peers are dropped"
        self._http_on = self._http_on or any(map(_usable, http))
        return [FinishTail(f"{slow}; {how}")]

    def _climb(self, swarm: SwarmFacts | None, http: Sequence[HttpFacts]) -> list[Move]:
        """Go to the next rung, or around to the first, where the present one had its time."""
        if not self._has_swarm or (swarm is not None and swarm.is_upload_only):
            return []  # the disk is the trouble, and no other way to the bytes mends it
        if swarm is not None and self._cannot_listen(swarm):
            self._port_changed = True
            return [self._use(len(self._rungs) - 1, f"no port could be opened ({swarm.listen_errors[-1]})")]
        silent_s = self._useful.lasts_s(self._now_s)
        if silent_s < self._rung_s(swarm):
            return []
        self._tried += 1
        why = f"{silent_s:.0f} s over {self._rungs[self._rung].name} brought nothing: {seen(swarm)}"
        moves: list[Move] = [self._use((self._rung + 1) % len(self._rungs), why)]
        if self._tried % len(self._rungs) == 0 and not self._http_on and any(map(_usable, http)):
            self._http_on = True
            moves.append(UseHttp("every way to the peers was tried; web servers are asked for what is missing"))
        return moves

    def _cannot_listen(self, swarm: SwarmFacts) -> bool:
        bound = swarm.listening or not swarm.listen_errors
        return not bound and not self._port_changed and swarm.age_s >= NO_LISTENER_S * self._hurry

    def _rung_s(self, swarm: SwarmFacts | None) -> float:
        """Give the time that the present rung may bring nothing."""
        limit_s = RUNG_S[self._rung] * self._hurry
        if self._give_up_after_s and self._tried < len(self._rungs):
            return limit_s
        waits = swarm is not None and (swarm.choked > 0 or not _somebody(swarm))
        return PATIENCE_S if waits or self._tried >= len(self._rungs) else limit_s

    def _use(self, rung: int, why: str) -> Move:
        self._rung = rung
        self._useful.since_s = self._switched_s = self._now_s
        self._switching = True
        return UseProfile(self._rungs[rung], f"{why}; trying {self._rungs[rung].name}")

    def _speak(self, swarm: SwarmFacts | None) -> list[Move]:
        silent_s = self._anything.lasts_s(self._now_s)
        was_told = self._told_s >= 0
        if was_told and self._now_s - self._told_s < TELL_EVERY_S:
            return []
        if not was_told and silent_s < DIAGNOSE_AFTER_S * self._hurry:
            return []
        self._told_s = self._now_s
        met = f": {seen(swarm)}" if self._has_swarm else ""
        return [Diagnose(f"no byte for {_lasting(silent_s)}{met}")]

    def _end(self, http: Sequence[HttpFacts]) -> list[Move]:
        silent_s = self._anything.lasts_s(self._now_s)
        if not self._has_swarm and not any(map(_usable, http)):
            why = f"no source is left: {_errors(http)}" if http else "no source is known: no peers, no web address"
        elif self._give_up_after_s and silent_s >= self._give_up_after_s and self._all_tried(http):
            why = f"no byte for {_lasting(silent_s)}, and every way was tried"
        else:
            return []
        self._over = True
        return [GiveUp(why)]

    def _all_tried(self, http: Sequence[HttpFacts]) -> bool:
        peers = not self._has_swarm or self._tried >= len(self._rungs)
        return peers and (self._http_on or not any(map(_usable, http)))


def seen(swarm: SwarmFacts | None) -> str:
    """Give in words what a client met: who is known, who is connected, and how connections failed."""
    if swarm is None:
        return "the client has said nothing yet"
    counts = (
        (swarm.tcp_timeouts, "TCP connect", "timed out"),
        (swarm.tcp_refused, "TCP connect", "refused"),
        (swarm.resets, "connection", "cut at the handshake"),
        (swarm.utp_timeouts, "µTP connect", "timed out"),
        (swarm.utp_read_timeouts, "µTP connection", "gone silent"),
        (swarm.choked, "peer", "with no room for us"),
        (swarm.hash_failures, "piece", "wrong"),
    )
    known = max(swarm.peers_known, swarm.seeds_known, swarm.peers)
    met = [f"{plural(number, noun)} {how}" for number, noun, how in counts if number]
    return ", ".join([f"{plural(known, 'peer')} known, {swarm.peers} connected", *met])


def _somebody(swarm: SwarmFacts) -> bool:
    return max(swarm.seeds_known, swarm.seeds, swarm.peers_known, swarm.peers) > 0


def _usable(http: HttpFacts) -> bool:
    return not http.is_given_up


def _errors(http: Sequence[HttpFacts]) -> str:
    return "; ".join(f"{one.url}: {one.error or 'given up'}" for one in http)


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
