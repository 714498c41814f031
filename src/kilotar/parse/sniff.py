"""What the first bytes of a file are, whatever its name says.

Rule guarded: the kind by content must be the kind by catalogue, so that a log-in page saved as `.tar` is called a page.
"""

from __future__ import annotations

from kilotar.errors import ArchiveRefused
from kilotar.parse.tar_header import BLOCK, has_tar_header

__all__ = ["SNIFF_BYTES", "check_kind", "sniff"]

SNIFF_BYTES = BLOCK  # a tar is known by its first header

# Source: file(1)'s magic database.
_BEGINNINGS = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"%PDF-", "pdf"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"MATLAB 5.0 MAT-file", "mat"),
    (b"d8:announce", "torrent"),
)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")


def sniff(head: bytes) -> str:
    """Name the kind of a file by its first 512 bytes (fewer where it is shorter).

    Returns: "empty", "zeros", "tar", "html", "xml", "text", a word such as "gzip" or "zip", or "unknown".
    """
    head = head[:SNIFF_BYTES]
    if not head:
        return "empty"
    if head.count(0) == len(head):
        return "zeros"
    if has_tar_header(head):
        return "tar"
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    return _text_kind(head.removeprefix(b"\xef\xbb\xbf").lstrip().lower())


def _text_kind(text: bytes) -> str:
    if text.startswith(_HTML):
        return "html"
    if text.startswith(b"<?xml"):
        return "html" if b"<html" in text or b"<!doctype html" in text else "xml"
    return "text" if all(byte >= 0x20 or byte in b"\t\r\n" for byte in text) else "unknown"


_MEANING = {
    "empty": "the file is empty",
    "zeros": "it begins with zeros: a download that has only set the file to its length looks like this",
    "html": "it is a web page: a log-in or error page was saved under the archive's name",
}


def check_kind(head: bytes, expected: str, name: str) -> None:
    """Check that a file is of the kind its catalogue says, by its first 512 bytes.

    Raises: ArchiveRefused, saying what the file is instead.
    """
    kind = sniff(head)
    if kind != expected:
        raise ArchiveRefused(
            f"{name} is not a {expected} file",
            seen=_MEANING.get(kind, f"by its content it is: {kind}; it begins {head[:16]!r}"),
            fix="fetch the archive again from its publisher",
        )
