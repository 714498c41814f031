"""Objects of S3, Google Cloud Storage and Azure, by obstore.

Rules guarded: credentials are found by the client where its users keep them (environment, instance, profile) and pass
through nothing of ours; an error tells the client's verdict in our words, never its text, in which requests and
signatures stand; plain http goes to this machine only, unless the environment allows more.
Source: obstore's documentation of `put`, `from_url`, `RetryConfig` (developmentseed.org/obstore).
"""

from __future__ import annotations

import importlib.util
import mmap
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from kilotar.errors import StoreFailed, UsageError, storage_error
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote
from kilotar.store.objects import AGAIN, ObjectFact, Unanswered, Untold

if TYPE_CHECKING:  # names that are not there when it runs
    from obstore import PutMode
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["Bucket"]

SINGLE_BYTES = (
    256 << 20
)  # what is longer goes in parts, and parts cannot be put on a condition (arrow-rs-object-store 289)
_PART_BYTES = 16 << 20
_MOST_PARTS = 9_000  # S3 takes 10,000
_PARTS_AT_ONCE = 4
_READ_BYTES = 4 << 20
_TAKEN = ("409", "412")  # which of the client's errors they become differs by store (arrow-rs-object-store 829)
_NO_CONDITIONS = "501"  # what Backblaze B2 and others say to If-None-Match
_NOT_SENT = "kind: Connect,"  # there was no connection, and the client has tried for long enough
_REDIRECT = "redirect without LOCATION"  # the client's words for the 301 of another region
_DIGEST = "sha256"  # x-amz-meta-sha256
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_RETRIES: RetryConfig = {
    "max_retries": 8,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=15), "base": 2},
}
_FIXES = {
    "NoSuchBucket": "make the bucket, or check its name in --out",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "get new credentials, then run the same command again",
    "AccessDenied": "give these credentials the right to put and get objects there",
    "PermanentRedirect": "set AWS_REGION to the region of the bucket",
    "AuthorizationHeaderMalformed": "set AWS_REGION to the region of the bucket",
    "IllegalLocationConstraintException": "set AWS_REGION to the region of the bucket",
}
_BY_STATUS = {
    "301": _FIXES["PermanentRedirect"],
    "400": "check AWS_REGION and --endpoint",
    "401": "check the credentials in the environment",
    "403": _FIXES["AccessDenied"],
    "404": _FIXES["NoSuchBucket"],
}


class Bucket:
    """The objects below an address of a bucket (`kilotar.store.objects.ObjectStore`).

    Raises: UsageError for an address or settings that the client does not take.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._looks_first = False
        client: ClientConfig = {"timeout": "15min", "connect_timeout": "10s"}
        if _is_plain(remote):
            client["allow_http"] = True
        settings: dict[str, Any] = {"endpoint": remote.endpoint} if remote.endpoint else {}
        if (provider := _profile(remote)) is not None:
            settings["credential_provider"] = provider
        try:
            self._store = from_url(remote.url, client_options=client, retry_config=_RETRIES, **settings)
        except (BaseError, ValueError) as error:
            raise UsageError(
                f"{remote.url} cannot be opened", seen=_setting(error), fix="check the settings in the environment"
            ) from Untold.of(error)

    def create(self, file: Path, about: Written) -> bool:
        """Send a file as a new object: on condition that there is none, or in parts after a look."""
        try:
            content = _content(file) if about.size_bytes <= SINGLE_BYTES else None
        except OSError as error:
            raise storage_error(error, f"read {file}") from error
        try:
            if (content is None or self._looks_first) and self.look(about.path) is not None:
                return False
            return self._put_parts(file, about) if content is None else self._put_whole(content, about)
        except (AlreadyExistsError, PreconditionError):
            return False
        except (BaseError, FileNotFoundError) as error:
            if _seen(error)[0] in _TAKEN:
                return False
            if _seen(error)[0] == _NO_CONDITIONS and not self._looks_first:
                self.look_first()
                return self.create(file, about)
            failure = self._failure(error, f"put {about.path}")
            if _seen(error)[0] or _NOT_SENT in str(error):
                raise failure from Untold.of(error)
            raise Unanswered(failure) from Untold.of(error)

    def _put_whole(self, content: mmap.mmap | bytes, about: Written) -> bool:
        mode: PutMode = "overwrite" if self._looks_first else "create"
        obstore.put(
            self._store, about.path, content, attributes={_DIGEST: about.sha256}, mode=mode, use_multipart=False
        )
        return True

    def _put_parts(self, file: Path, about: Written) -> bool:
        size = max(_PART_BYTES, -(-about.size_bytes // _MOST_PARTS))
        attributes = {_DIGEST: about.sha256}
        obstore.put(
            self._store,
            about.path,
            file,
            attributes=attributes,
            use_multipart=True,
            chunk_size=size,
            max_concurrency=_PARTS_AT_ONCE,
        )
        return True

    def look_first(self) -> None:
        """Look before every put from now on, and put without a condition."""
        self._looks_first = True

    def look(self, name: str) -> ObjectFact | None:
        """Ask for an object (HEAD)."""
        try:
            found = obstore.get(self._store, name, options={"head": True})
        except FileNotFoundError:
            return None
        except BaseError as error:
            self._fail(error, f"ask for {name}")
        return ObjectFact(found.meta["size"], found.attributes.get(_DIGEST, ""))

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of an object (a GET with a range)."""
        if size_bytes == 0:
            return b""
        try:
            return bytes(obstore.get_range(self._store, name, start=offset, length=size_bytes))
        except (BaseError, FileNotFoundError) as error:
            if _seen(error)[0] == "416":
                return b""
            self._fail(error, f"read {name}")

    def chunks(self, name: str) -> Iterator[memoryview]:
        """Give an object piece by piece."""
        try:
            for chunk in obstore.get(self._store, name).stream(min_chunk_size=_READ_BYTES):
                yield memoryview(chunk)
        except (BaseError, FileNotFoundError) as error:
            self._fail(error, f"read {name}")

    def _fail(self, error: Exception, doing: str) -> NoReturn:
        raise self._failure(error, doing) from Untold.of(error)

    def _failure(self, error: Exception, doing: str) -> StoreFailed:
        status, code = _seen(error)
        kind = "the store refused it" if status else "there was no answer"
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            kind = "access denied"
        words = (kind, f"HTTP {status}" if status else "", code, self._remote.endpoint)
        return StoreFailed(
            f"could not {doing} in {self._remote.url}",
            seen=", ".join(word for word in words if word),
            fix=_FIXES.get(code) or _BY_STATUS.get(status) or AGAIN,
        )


def _content(file: Path) -> mmap.mmap | bytes:
    """Give a file as memory that the kernel can take back: a large put costs no room of ours. Raises OSError."""
    with open(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_size == 0:
            return b""  # which cannot be mapped
        return mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)


def _is_plain(remote: Remote) -> bool:
    """Tell whether the server is spoken to over plain http. Raises UsageError where that would be seen by others."""
    endpoint = remote.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.lower().startswith("http://"):
        return False
    if not (Remote(remote.url, endpoint).is_loopback or os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"):
        raise UsageError(
            "plain http to another machine shows the images to everybody on the way",
            seen=f"the endpoint of {remote.url} begins with http://",
            fix="an endpoint with https://, or AWS_ALLOW_HTTP=true in the environment",
        )
    return True


def _profile(remote: Remote) -> object | None:
    """Give what reads profiles of ~/.aws, where boto3 is there and the environment names no key."""
    if not remote.scheme.startswith("s3") or "AWS_ACCESS_KEY_ID" in os.environ:
        return None
    settings = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    if importlib.util.find_spec("boto3") is None or not (settings.is_file() or "AWS_PROFILE" in os.environ):
        return None
    from obstore.auth.boto3 import Boto3CredentialProvider

    return Boto3CredentialProvider()


def _seen(error: Exception) -> tuple[str, str]:
    """Give HTTP status and the store's own code out of an error's text, "" for what is not in it."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    if _REDIRECT in text:
        return "301", ""
    return status.group(1) if status else "", code.group(1) if code else ""


def _setting(error: Exception) -> str:
    """Say which setting is missing; the client's own words may repeat others."""
    text = str(error)
    if "MissingAccount" in text or "Account must be specified" in text:
        return "AZURE_STORAGE_ACCOUNT_NAME is not set"
    return type(error).__name__
