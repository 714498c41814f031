"""Where an output goes: a folder of this machine, or a prefix in an object store or on another machine.

Rules guarded: an address never carries a secret, and one that does is refused without being repeated; an address has
one spelling, so that the same place is the same place in a later run; a name in it is plain ASCII, so that no client
escapes it in its own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from kilotar.errors import UsageError

__all__ = ["BUCKETS", "Remote", "parse_place"]

BUCKETS = frozenset(("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"))
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_NAMES = re.compile(r"[A-Za-z0-9!_.*'()=+,@~-]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1", re.ASCII)
_NO_SECRETS = "put keys and passwords into the environment (AWS_ACCESS_KEY_ID ...) or a settings file of the store"


@dataclass(frozen=True, slots=True)
class Remote:
    """A place that is no folder of this machine.

    Attributes:
        url:      "s3://bucket/prefix", without a slash at its end.
        endpoint: address of the server, "" for the store's own, or what the environment says.
    """

    url: str
    endpoint: str = ""

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0]

    @property
    def is_bucket(self) -> bool:
        """Whether it is in an object store: its client is obstore, else fsspec."""
        return self.scheme in BUCKETS

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine, so that plain http shows nothing to anybody."""
        return bool(_LOOPBACK.fullmatch(urlsplit(self.endpoint).hostname or ""))

    def __str__(self) -> str:
        return self.url


def parse_place(text: str, endpoint: str = "") -> str | Remote:
    """Give the place that a word means: the path of a folder of this machine, from `file://` or a word without `://`.

    Raises: UsageError, which repeats nothing that may be a secret.
    """
    if not _URL.match(text):
        if endpoint:
            raise UsageError("an endpoint is for --out s3://... or az://...", seen=f"out: {text}")
        return text
    scheme, _, rest = text.partition("://")
    _refuse_secrets(scheme, rest)
    if scheme == "file":
        return _local(rest)
    host, _, path = rest.partition("/")
    names = path.removesuffix("/").split("/") if path else []
    account = host.rpartition("@")[2]
    if not (_HOST.fullmatch(account) or (scheme == "memory" and not host)):
        raise UsageError(f"an address of {scheme} names its bucket or host", seen=f"given: {text}")
    wrong = [name for name in names if name in ("", ".", "..") or not _NAMES.fullmatch(name)]
    if wrong:
        raise UsageError(
            f"{wrong[0]!r} cannot be a name in an address",
            seen="letters, digits and !_.*'()=+,@~- are understood by every store",
            fix="choose a plain prefix, such as s3://bucket/imagenet",
        )
    return Remote("/".join((f"{scheme}://{host}", *names)), _endpoint(scheme, endpoint))


def _refuse_secrets(scheme: str, rest: str) -> None:
    """Refuse passwords and signatures in an address, which would end in a plan, a log and a report."""
    user, at, _ = rest.partition("/")[0].rpartition("@")
    is_container = scheme in ("abfs", "abfss")
    if (at and (":" in user or (scheme in BUCKETS and not is_container))) or any(mark in rest for mark in "?#"):
        raise UsageError(
            f"the address of {scheme} holds a key, a password or a signature",
            seen="it is not repeated here, and nothing was sent",
            fix=_NO_SECRETS,
        )


def _local(rest: str) -> str:
    if not rest.startswith("/"):
        raise UsageError("file:// is followed by a whole path", fix="file:///data/imagenet, or the path alone")
    return rest


def _endpoint(scheme: str, endpoint: str) -> str:
    """Give an endpoint that can be used and shown. Raises UsageError."""
    if not endpoint:
        return ""
    if scheme not in BUCKETS - {"gs"}:
        raise UsageError("an endpoint is for --out s3://... or az://...", seen=f"out: {scheme}://...")
    parts = urlsplit(endpoint)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the endpoint holds a key or a password", seen="it is not repeated here", fix=_NO_SECRETS)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("an endpoint is an address of a web server", fix="--endpoint https://minio.example.org:9000")
    return endpoint.rstrip("/")
