"""Rules: a secret in an address is refused and not repeated; a place has one spelling; file:// is a folder."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.parse.remote import Remote, parse_place


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("gs://bucket/imagenet", "gs://bucket/imagenet"),
        ("az://container/x", "az://container/x"),
        ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ("sftp://me@host:2222/data", "sftp://me@host:2222/data"),
        ("memory://x/y", "memory://x/y"),
    ],
)
def test_an_address_has_one_spelling(text: str, url: str) -> None:
    assert parse_place(text) == Remote(url)


@pytest.mark.parametrize("text", ["out", "/data/out", "s3:/bucket", "C:\\x", "~/out"])
def test_a_word_without_an_address_is_a_folder(text: str) -> None:
    assert parse_place(text) == text


def test_a_file_address_is_a_folder() -> None:
    assert parse_place("file:///data/out") == "/data/out"
    with pytest.raises(UsageError, match="whole path"):
        parse_place("file://data/out")


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIA:s3cr3t@bucket/x",
        "s3://s3cr3t@bucket/x",
        "sftp://me:s3cr3t@host/x",
        "az://container/x?sv=1&sig=s3cr3t",
        "gs://bucket/x#s3cr3t",
        "file:///data?s3cr3t",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_place(text)

    assert "s3cr3t" not in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    "text", ["s3:///x", "s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a b", "s3://bucket/ä", "s3://b/%41"]
)
def test_a_name_that_clients_spell_differently_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_place(text)


def test_an_endpoint_goes_with_a_bucket_and_holds_no_secret() -> None:
    assert parse_place("s3://b/x", "http://127.0.0.1:9000/").endpoint == "http://127.0.0.1:9000"  # type: ignore[union-attr]
    for text, endpoint in (("out", "http://h"), ("gs://b", "http://h"), ("s3://b", "ftp://h"), ("s3://b", "h:9000")):
        with pytest.raises(UsageError):
            parse_place(text, endpoint)
    with pytest.raises(UsageError) as caught:
        parse_place("s3://b", "https://me:s3cr3t@h")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "is_loopback"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000", True),
        ("http://[::1]:9000", True),
        ("http://127.evil.example", False),
        ("http://minio.example:9000", False),
        ("", False),
    ],
)
def test_plain_http_is_for_this_machine(endpoint: str, is_loopback: bool) -> None:
    assert Remote("s3://b", endpoint).is_loopback is is_loopback
