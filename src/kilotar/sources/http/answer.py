"""What an answer is worth: is it the bytes that were asked for, of the object that is meant?

Rules guarded: a 200 to a request for a range is the whole from byte 0 and never appended to anything; a 206 is believed
only with a Content-Range that begins where it was asked to and names the size that is known; two lengths, encodings and
log-in pages are refused; a status is told as what it is.
"""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass

from kilotar.sources.http.failing import Cause, Failure, retry_after_s

__all__ = ["Answer", "Identity", "judge", "refuse_page"]

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,15})", re.ASCII)
_LENGTH = re.compile(r"\d{1,15}", re.ASCII)
_LOGIN = "you may need to log in: give --cookie or --header"
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_WORDS = {
    401: ("the server wants a user and a password", _LOGIN),
    403: ("the server does not let us have it", _LOGIN),
    404: ("the server has nothing at this address", "check the address"),
    407: ("the proxy wants a user and a password", "give them in the address of the proxy"),
    410: ("the server no longer has it", "use another mirror"),
    451: ("the server may not give it out here", "use another mirror"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one object at an address from another; "" and 0 where the server does not say."""

    etag: str
    modified: str
    size_bytes: int

    def is_same(self, other: Identity) -> bool:
        """Tell whether it may be the same object: nothing that both name differs."""
        mine = (self.etag, self.modified, self.size_bytes)
        theirs = (other.etag, other.modified, other.size_bytes)
        return all(one == two or not one or not two for one, two in zip(mine, theirs, strict=True))

    def __str__(self) -> str:
        return f"{self.size_bytes}|{self.modified}|{self.etag}"

    @classmethod
    def read(cls, text: str) -> Identity:
        """Read back what `str` gave; what is no identity differs from every object."""
        size, _, rest = text.partition("|")
        modified, _, etag = rest.partition("|")
        return cls(etag, modified, int(size) if size.isascii() and size.isdigit() else -1)


@dataclass(frozen=True, slots=True)
class Answer:
    """The body that follows holds the bytes `[start, stop)` of the object; `stop` is 0 where its length is not told."""

    start: int
    stop: int
    is_whole: bool
    identity: Identity


def judge(response: http.client.HTTPResponse, start: int, stop: int, size_bytes: int = 0) -> Answer:
    """Judge the head of an answer to a GET for the bytes `[start, stop)`.

    Args:
        size_bytes: of the object, 0 where it is not known.
    Raises: Failure.
    """
    if response.status == 206:
        return _part(response, start, stop, size_bytes)
    if response.status == 200:
        return _whole(response, size_bytes)
    raise _failure_of_status(response, size_bytes)


def _part(response: http.client.HTTPResponse, start: int, stop: int, size_bytes: int) -> Answer:
    length = _length(response)
    found = _CONTENT_RANGE.fullmatch(str(response.headers.get("Content-Range", "")).strip())
    if found is None or len(response.headers.get_all("Content-Range", ())) != 1:
        raise Failure(Cause.ANSWER, "206 without a valid Content-Range", status=206)
    first, last, total = (int(group) for group in found.groups())
    _same_size(total, size_bytes)
    if first != start or not start <= last < min(stop, total) or length not in {None, last + 1 - first}:
        text = f"206 with other bytes than were asked for: {first}-{last}, not {start}-{stop - 1}"
        raise Failure(Cause.ANSWER, text, status=206)
    return Answer(first, last + 1, False, _identity(response, total))


def _whole(response: http.client.HTTPResponse, size_bytes: int) -> Answer:
    length = _length(response)
    kind = str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise _not_the_archive()
    if length is not None:
        _same_size(length, size_bytes)
    return Answer(0, length or 0, True, _identity(response, length or 0))


def _same_size(total: int, size_bytes: int) -> None:
    if size_bytes and total != size_bytes:
        raise Failure(
            Cause.FOREIGN, f"another size: {total} bytes there, {size_bytes} expected", advice="check the address"
        )


def _length(response: http.client.HTTPResponse) -> int | None:
    """Give the length that the head tells, None where it tells none; refuse what would be read in two ways."""
    lengths = [str(value).strip() for value in response.headers.get_all("Content-Length", ())]
    framing = [str(value).strip().lower() for value in response.headers.get_all("Transfer-Encoding", ())]
    encoding = str(response.headers.get("Content-Encoding", "identity")).strip().lower()
    if len(lengths) > 1 or (lengths and framing):
        raise Failure(Cause.ANSWER, "an answer with two lengths", status=response.status)
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise Failure(Cause.ANSWER, f"an answer with the length {lengths[0][:30]!r}", status=response.status)
    if encoding not in {"identity", ""} or framing not in ([], ["chunked"]):
        name = encoding if encoding not in {"identity", ""} else ",".join(framing)
        raise Failure(
            Cause.ANSWER, f"an encoded answer ({name[:30]}), though identity was asked for", status=response.status
        )
    return int(lengths[0]) if lengths else None


def _identity(response: http.client.HTTPResponse, size_bytes: int) -> Identity:
    headers = response.headers
    return Identity(str(headers.get("ETag", ""))[:200], str(headers.get("Last-Modified", ""))[:64], size_bytes)


def _not_the_archive() -> Failure:
    return Failure(Cause.FOREIGN, "a web page instead of the archive", advice=_LOGIN, status=200)


def refuse_page(head: bytes | memoryview) -> None:
    """Raise where a body begins as HTML does; no archive of ours does. Raises: Failure."""
    if bytes(head[:64]).lstrip().lower().startswith(_PAGE):
        raise _not_the_archive()


def _failure_of_status(response: http.client.HTTPResponse, size_bytes: int) -> Failure:
    status, wait_s = response.status, retry_after_s(str(response.headers.get("Retry-After", "")).strip())
    told = f"{status} {http.client.responses.get(status, 'a status without a name')}"
    if status == 416 and (found := _UNSATISFIED.fullmatch(str(response.headers.get("Content-Range", "")).strip())):
        if size_bytes and int(found[1]) != size_bytes:
            return Failure(Cause.FOREIGN, f"{told}: {found[1]} bytes there, {size_bytes} expected", status=status)
        return Failure(Cause.ANSWER, f"{told}, though it has that range", status=status)
    if status in _LATER or wait_s:
        return Failure(Cause.BUSY, told, wait_s=wait_s, status=status)
    text, advice = _WORDS.get(status, ("", ""))
    cause = Cause.REFUSED if 400 <= status < 500 and status != 416 else Cause.ANSWER
    return Failure(cause, f"{told}: {text}" if text else told, advice=advice, status=status)
