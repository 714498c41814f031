"""Asking a tracker the question that a client asks, over HTTP(S) or UDP, and keeping its answer as a value.

Rules guarded: an answer is read within bounds and strictly; a tracker out of a torrent may not make us knock at
addresses inside this network; user, password and passkey are not kept.
Source: BEP 3 (announce over HTTP), BEP 23 (compact peers), BEP 7 (IPv6), BEP 15 (UDP).
"""

from __future__ import annotations

import email.utils
import http.client
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote_from_bytes

from kilotar.errors import KilotarError, TorrentRefused
from kilotar.model.checkup import TrackerAnswer
from kilotar.parse.address import check_url, plain_url
from kilotar.parse.bencode import Value, read_dictionary
from kilotar.parse.body import describe_body
from kilotar.sources.http.address import parse_address
from kilotar.sources.http.failing import Failure
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.wire import Wire
from kilotar.sources.probe.compact import compact_peers
from kilotar.sources.probe.udp_tracker import ask_udp

__all__ = ["Question", "ask_tracker"]

SCHEMES = frozenset({"http", "https", "udp"})
MOST_BYTES = 256 << 10
_PEER_ID = b"-KT0100-"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every tracker.

    Attributes:
        infohash:   40 hex digits.
        left_bytes: of the archive.
        port:       that we would listen on.
        timeout_s:  for one answer.
        allow_private: trackers and peers may lie inside this network.
    """

    infohash: str
    left_bytes: int = 1
    port: int = 42042
    timeout_s: float = 5.0
    allow_private: bool = False


def ask_tracker(url: str, question: Question, clock: Callable[[], float] = time.time) -> TrackerAnswer:
    """Announce to a tracker and give what it says; every failure is a value.

    Args:
        url:   as the torrent has it.
        clock: seconds since 1970.
    """
    began_s = time.monotonic()
    if refusal := check_url(url, SCHEMES, allow_private=question.allow_private):
        return TrackerAnswer(plain_url(url), error=f"not asked: {refusal}")
    try:
        answer = _ask_udp(url, question) if url.startswith("udp:") else _ask_http(url, question, clock)
    except Failure as failure:
        answer = TrackerAnswer("", error=failure.text)
    except KilotarError as error:
        answer = TrackerAnswer("", error=f"not what a tracker says: {error.seen or error.what}")
    except TimeoutError:
        answer = TrackerAnswer("", error=f"timed out: no answer within {question.timeout_s:g} s")
    except OSError as error:
        answer = TrackerAnswer("", error=error.strerror or str(error))
    return replace(answer, url=plain_url(url), took_s=time.monotonic() - began_s)


def _ask_udp(url: str, question: Question) -> TrackerAnswer:
    seeds, leechers, peers = ask_udp(
        url,
        bytes.fromhex(question.infohash),
        _PEER_ID + secrets.token_bytes(12),
        left_bytes=question.left_bytes,
        port=question.port,
        timeout_s=question.timeout_s,
        allow_private=question.allow_private,
    )
    return TrackerAnswer("", seeds=seeds, leechers=leechers, peers=peers)


def _ask_http(url: str, question: Question, clock: Callable[[], float]) -> TrackerAnswer:
    address = parse_address(url + ("&" if "?" in url else "?") + _query(question))
    wire = Wire(HttpOptions(timeout_s=question.timeout_s, allow_private=question.allow_private))
    try:
        response = wire.ask(
            address, (("User-Agent", "kilotar"), ("Accept-Encoding", "identity"), ("Connection", "close"))
        )
        wire.allow(MOST_BYTES)
        buffer = memoryview(bytearray(MOST_BYTES))
        body = bytes(buffer[: wire.read(buffer, address.host)])
    finally:
        wire.close()
    answer = replace(_dated(response), asked_at_s=clock())
    if response.status != 200:
        words = _failure_reason(body) or http.client.responses.get(response.status, "")
        return replace(answer, error=f"status {response.status} {words}".rstrip())
    return _understood(answer, body)


def _query(question: Question) -> str:
    infohash = quote_from_bytes(bytes.fromhex(question.infohash), safe="")
    peer_id = quote_from_bytes(_PEER_ID, safe="-") + os.urandom(6).hex()
    return (
        f"info_hash={infohash}&peer_id={peer_id}&port={question.port}&uploaded=0&downloaded=0"
        f"&left={question.left_bytes}&compact=1&numwant=30"
    )


def _dated(response: http.client.HTTPResponse) -> TrackerAnswer:
    try:
        return TrackerAnswer("", date_s=email.utils.parsedate_to_datetime(response.headers["Date"] or "").timestamp())
    except (ValueError, TypeError, OverflowError):
        return TrackerAnswer("")


def _understood(answer: TrackerAnswer, body: bytes) -> TrackerAnswer:
    try:
        values = read_dictionary(body, sorted_keys=False).values
    except TorrentRefused:
        return replace(answer, error=f"not what a tracker says: {describe_body(body)}")
    if b"failure reason" in values:
        return replace(answer, error=_failure_reason(body) or "it refuses without a reason")
    peers = compact_peers(values.get(b"peers", b""), 4) + compact_peers(values.get(b"peers6", b""), 16)
    return replace(
        answer, seeds=_number(values.get(b"complete")), leechers=_number(values.get(b"incomplete")), peers=peers
    )


def _number(value: Value | None) -> int:
    return value if isinstance(value, int) and value >= 0 else -1


def _failure_reason(body: bytes) -> str:
    try:
        reason = read_dictionary(body, sorted_keys=False).values.get(b"failure reason", b"")
    except TorrentRefused:
        return ""
    return " ".join(reason[:200].decode("utf-8", "replace").split()) if isinstance(reason, bytes) else ""
