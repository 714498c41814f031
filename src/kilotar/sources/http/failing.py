"""How one request fails, and what that means for the next.

Rules guarded: a failure has its true cause in words, never a bare number, and never "Success"; it is known whether
asking again can help, and how long the server wants to be left alone.
"""

from __future__ import annotations

import email.utils
import enum
import http.client
import ssl
import time
from socket import gaierror

__all__ = ["Cause", "Failure", "failure_of", "retry_after_s"]

_MOST_WAIT_S = 300.0


class Cause(enum.Enum):
    """Why; the value tells whether it makes no sense to ask again."""

    NETWORK = (1, False)  # no connection, or it was cut
    STALLED = (2, False)  # no byte, or too few
    BUSY = (3, False)  # 429, 5xx
    ANSWER = (4, False)  # something that HTTP does not allow, or that was not asked for
    TRUNCATED = (5, False)
    REFUSED = (6, True)  # 401, 403, 404, 410 ...
    FOREIGN = (7, True)  # an answer, but not the archive
    UNTRUSTED = (8, True)  # a certificate, a redirect or an address that is not accepted
    CHANGED = (9, True)
    CORRUPT = (10, False)  # a piece whose hash is wrong

    @property
    def is_final(self) -> bool:
        return self.value[1]


class Failure(Exception):
    """One request failed.

    Attributes:
        cause, text: why, for the code and for a person.
        advice:  what a person can do, "".
        wait_s:  what the server asked to wait, 0 where it did not.
        status:  of the answer, 0 where there was none.
    """

    def __init__(self, cause: Cause, text: str, *, advice: str = "", wait_s: float = 0.0, status: int = 0) -> None:
        super().__init__(text)
        self.cause, self.text, self.advice, self.wait_s, self.status = cause, text, advice, wait_s, status


def failure_of(error: Exception, host: str, timeout_s: float) -> Failure:
    """Give what went wrong on the wire in words.

    Args:
        error: an `OSError`, `ValueError` or `http.client.HTTPException`.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "check the clock and the CA bundle (SSL_CERT_FILE)"
        return Failure(
            Cause.UNTRUSTED, f"the certificate of {host} is not valid: {error.verify_message}", advice=advice
        )
    if isinstance(error, gaierror):
        return Failure(Cause.NETWORK, f"the name {host} could not be resolved: {error.strerror}")
    if isinstance(error, TimeoutError) and error.errno is None:  # of a read; one of the system has a number
        return Failure(Cause.STALLED, f"no byte from {host} for {timeout_s:g} s")
    if isinstance(error, ConnectionError):  # of http.client as well: RemoteDisconnected is one
        return Failure(Cause.NETWORK, f"{host}: {error.strerror or 'the connection was closed without an answer'}")
    if isinstance(error, OSError):
        return Failure(Cause.NETWORK, f"{host}: {error.strerror or type(error).__name__}")
    if isinstance(error, http.client.IncompleteRead):
        return Failure(Cause.TRUNCATED, f"{host} broke its answer off")
    return Failure(Cause.ANSWER, f"{host} gave no valid HTTP answer ({type(error).__name__})")


def retry_after_s(value: str, now_s: float | None = None) -> float:
    """Read the header Retry-After: seconds, or a date. At most 300; 0 where it says nothing that can be read."""
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _MOST_WAIT_S)
    try:
        then = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, then - (time.time() if now_s is None else now_s)), _MOST_WAIT_S)
