"""What came in the place of a .torrent is said to be what it is."""

from __future__ import annotations

import gzip
import re

import pytest

from kilotar.parse.body import describe_body


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (bytes(600), "zeros"),
        (b"<!DOCTYPE html><html><head><title>Log in &amp; go\n on</title>", 'web page.*"Log in & go on"'),
        (b"<html><body><h1>503 Service Unavailable</h1>", "503 Service Unavailable"),
        (b"<html><body>nothing to say", "a web page: a log-in page or the error of a server or proxy$"),
        (b'{"error": "not found"}', 'JSON.*"error": "not found"'),
        (b"Forbidden by your proxy\nask them", r'text \("Forbidden by your proxy"\)'),
        (b"a" * 1000, r"a{80}\.\.\."),
        (gzip.compress(b"d4:infod", mtime=0), "gzip"),
        (b"<?xml version='1.0'?><rss>", "XML"),
    ],
)
def test_a_body_is_described(data: bytes, words: str) -> None:

    assert re.search(words, describe_body(data))
