"""JSON asked of another program over HTTP: a bounded answer, or the reason why there is none, in words.

Rules guarded: settings of the environment (proxies, .netrc) do not apply; a redirection is not followed; an answer of
any length or form costs bounded time and memory; a password is in no message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import requests

from kilotar.errors import ClientFailed
from kilotar.parse.address import plain_url
from kilotar.parse.body import describe_body

__all__ = ["Answer", "JsonPost", "read_json"]

_MAX_BYTES = 16 << 20  # a bitfield of two million pieces is 350 kB
_CHUNK_BYTES = 64 << 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP status, one header that was asked for, the body."""

    status: int
    header: str
    body: bytes


class JsonPost:
    """Sends JSON to one address.

    Args:
        program:   as a person knows it, for messages.
        url:       where it listens.
        user, password: for HTTP basic authentication, "" for none.
        timeout_s: for the connection, and between two pieces of the answer.
    """

    def __init__(self, program: str, url: str, *, user: str = "", password: str = "", timeout_s: float = 10.0) -> None:
        self._program, self._url, self.timeout_s = program, url, timeout_s
        self._session = requests.Session()
        self._session.trust_env = False
        if user or password:
            self._session.auth = (user, password)

    @property
    def shown_url(self) -> str:
        return plain_url(self._url)

    def ask(self, content: object, headers: dict[str, str] | None = None, wants_header: str = "") -> Answer:
        """Post and give the answer, whatever its status. Raises ClientFailed where there is none."""
        try:
            with self._session.post(
                self._url,
                data=msgspec.json.encode(content),
                headers={"Content-Type": "application/json", **(headers or {})},
                timeout=self.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.headers.get(wants_header, ""), self._body(response))
        except (requests.RequestException, ValueError) as error:
            raise ClientFailed(
                f"{self._program} does not answer", seen=f"{self.shown_url}: {_reason(error)}", fix=_FIX
            ) from error

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ClientFailed(
                    f"{self._program} answered without end", seen=f"more than {_MAX_BYTES} bytes", fix=_FIX
                )
        return bytes(body)

    def close(self) -> None:
        self._session.close()


_FIX = "see that it runs and that the address is its own, then run the same command again; or leave out --client"


def read_json(program: str, body: bytes, kind: type[T]) -> T:
    """Give a body as a value of `kind`; numbers may be sent as text. Raises ClientFailed."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        seen = f"{describe_body(body)}: {error}"
        raise ClientFailed(f"{program} answered with something else than was asked for", seen=seen, fix=_FIX) from error


def _reason(error: BaseException) -> str:
    """Give the innermost cause: requests wraps it in three layers of names and addresses of objects."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return f"{type(inner).__name__} {inner}".strip()
