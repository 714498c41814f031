"""Rules: whatever fsspec writes to gets whole files by a temporary name; what it does not know is refused."""

from __future__ import annotations

import hashlib
import traceback
from pathlib import Path

import fsspec
import pytest
from fsspec.registry import known_implementations

from kilotar.errors import DecisionNeeded, MissingExtra, StoreFailed, UsageError
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote
from kilotar.store.file_systems import FileSystemStore
from kilotar.store.objects import object_sha256, open_store, put_once


def make(folder: Path, content: bytes) -> tuple[Path, Written]:
    (folder / "x").write_bytes(content)
    return folder / "x", Written("a/x.tar", len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"memory://{tmp_path.name}/in"  # memory is one for the whole process


def test_a_file_is_put_whole_and_once(url: str, tmp_path: Path) -> None:
    store = open_store(Remote(url))
    file, about = make(tmp_path, b"some bytes")

    put_once(store, file, about)
    put_once(store, file, about)

    assert isinstance(store, FileSystemStore)
    memory = fsspec.filesystem("memory")
    assert memory.find(url.removeprefix("memory:/")) == [f"{url.removeprefix('memory:/')}/a/x.tar"]
    assert store.read("a/x.tar", 5, 3) == b"byt" and store.read("a/x.tar", 8, 99) == b"es"
    assert object_sha256(store, "a/x.tar") == about.sha256
    assert store.look("a/y.tar") is None


def test_other_bytes_are_refused_by_reading_them(url: str, tmp_path: Path) -> None:
    store = open_store(Remote(url))
    put_once(store, *make(tmp_path, b"some bytes"))

    with pytest.raises(DecisionNeeded, match="holds something else"):
        put_once(store, *make(tmp_path, b"SOME BYTES"))

    assert store.read("a/x.tar", 0, 99) == b"some bytes"


def test_a_protocol_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="no way to write"):
        open_store(Remote("nosuch://host/x"))


def test_a_protocol_whose_package_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known_implementations, "odd", {"class": "not_installed.Odd", "err": "Install not_installed"})

    with pytest.raises(MissingExtra, match="package of fsspec") as caught:
        open_store(Remote("odd://host/x"))

    assert "Install not_installed" in caught.value.seen


class OddError(Exception):
    """What a package of a protocol raises: it is in nobody's tree, and its text may say anything."""


def test_an_error_that_nobody_knows_is_one_of_the_network_too(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(Remote(url))

    def fail(*_: object, **__: object) -> None:
        raise OddError("password s3cr3t refused")

    monkeypatch.setattr(fsspec.filesystem("memory"), "put_file", fail)

    with pytest.raises(StoreFailed) as caught:
        put_once(store, *make(tmp_path, b"some bytes"))

    assert caught.value.seen == "OddError"
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_an_error_of_the_other_side_is_one_of_the_network(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(Remote(url))

    def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(fsspec.filesystem("memory"), "put_file", fail)

    with pytest.raises(StoreFailed) as caught:
        put_once(store, *make(tmp_path, b"some bytes"))

    assert "Connection reset" in caught.value.seen
    assert store.look("a/x.tar") is None
