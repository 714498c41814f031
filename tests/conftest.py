"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.buckets import Buckets, Gateway, give_keys, open_buckets

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Give the folder of real photographs and real facts; skip where there is none.

    It is no part of the repository, so its absence is a skip even where everything is required.
    """
    folder = Path(os.environ.get("KILOTAR_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "images").is_dir():
        pytest.skip(f"no folder of real images ({folder}/images; name another with KILOTAR_SHARED)")
    return folder


@pytest.fixture(scope="session")
def real_images(shared_folder: Path) -> tuple[Path, ...]:
    """Give the real photographs, sorted by name."""
    found = tuple(sorted(path for path in (shared_folder / "images").iterdir() if path.suffix in {".JPEG", ".jpg"}))
    if not found:
        pytest.skip(f"no photographs in {shared_folder / 'images'}")
    return found


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[Buckets]:
    with open_buckets() as buckets:
        yield buckets


@pytest.fixture
def buckets(bucket_server: Buckets, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    """Give an S3 server on loopback, with its keys in the environment."""
    give_keys(monkeypatch)
    return bucket_server


@pytest.fixture
def gateway(buckets: Buckets) -> Iterator[Gateway]:
    """Give what stands before that server: it counts what is asked for, and can be made to fail."""
    with buckets.gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session", autouse=True)
def _signals_as_on_a_terminal() -> None:
    """Let hang-ups and Ctrl-C be heard: nohup, and the `&` of a script, have all that is started ignore them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the settings of the person who runs the tests out of them: KILOTAR_<FLAG> and configuration files."""
    for name in [name for name in os.environ if name.startswith("KILOTAR_")]:
        if name not in {"KILOTAR_REQUIRE_ALL", "KILOTAR_SHARED"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/interop, so that `-m interop` and `-m 'not interop'` part the two groups."""
    for item in items:
        if "interop" in item.path.parts:
            item.add_marker(pytest.mark.interop)
