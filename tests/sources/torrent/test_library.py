"""The library is imported when a session is made, and its absence is told with the ways around it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kilotar.errors import MissingExtra
from kilotar.model.profile import FIRST, ClientOptions
from kilotar.sources.torrent import Swarm
from kilotar.sources.torrent.library import trust_roots


def test_the_package_imports_without_the_library() -> None:
    code = "import sys, kilotar.sources.torrent; sys.exit('libtorrent' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_where_it_is_missing_the_other_ways_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "libtorrent", None)

    with pytest.raises(MissingExtra) as caught:
        Swarm(ClientOptions(), FIRST, tmp_path, print)
    for way in ("--from http", "--client", "3.12"):
        assert way in caught.value.fix


def test_the_person_s_bundle_comes_before_the_environment_s_and_that_before_the_system_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/from/environment")
    assert trust_roots() == "/from/environment"
    assert trust_roots("/from/person") == os.environ["SSL_CERT_FILE"] == "/from/person"


def test_without_any_the_system_s_or_certifi_s_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    found = trust_roots()

    assert Path(found).read_bytes().startswith((b"-----BEGIN", b"#", b"\n"))
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setattr("kilotar.sources.torrent.library.BUNDLES", ())
    assert trust_roots().endswith("cacert.pem")
