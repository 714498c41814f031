"""What a web server says to one byte."""

from __future__ import annotations

import pytest

from kilotar.sources.probe.web import ask_web
from tests.sources.probe.pages import http_answer, serve_bytes

PART = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/100\r\nContent-Length: 1\r\n\r\nx"


def test_an_archive_that_is_there_in_parts() -> None:
    with serve_bytes(PART) as (url, _):
        answer = ask_web("archive", url, 100, allow_private=True)

    assert (answer.error, answer.has_ranges) == ("", True)


def test_one_of_another_size_is_another() -> None:
    with serve_bytes(PART) as (url, _):
        assert ask_web("archive", url, 99, allow_private=True).error == "100 bytes, 99 expected"


def test_a_server_that_ignores_ranges_is_seen() -> None:
    with serve_bytes(http_answer(b"d8:announce")) as (url, _):
        answer = ask_web(".torrent", url, allow_private=True)

    assert (answer.error, answer.has_ranges) == ("", False)


@pytest.mark.parametrize(
    "answer",
    [http_answer(b"gone", "404 Not Found"), http_answer(b"<!DOCTYPE html><title>Log in</title>"), b"", None],
    ids=["404", "page", "nothing", "silent"],
)
def test_every_failure_is_told_in_words(answer: bytes | None) -> None:
    with serve_bytes(answer) as (url, _):
        found = ask_web("archive", url, timeout_s=0.3, allow_private=True)

    assert found.error
    assert "Success" not in found.error


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://example.org/", "nonsense"])
def test_what_may_not_be_asked_is_not(url: str) -> None:
    assert ask_web("archive", url, timeout_s=0.3).error


def test_a_password_is_not_kept() -> None:
    answer = ask_web("archive", "http://me:secret@127.0.0.1:1/a?key=secret", timeout_s=0.3)

    assert answer.error
    assert "secret" not in repr(answer)
