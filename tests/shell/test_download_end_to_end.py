"""The commands that fetch, whole: real archives from a private swarm, through flags, to words and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kilotar.editions.tiny import make_tiny
from kilotar.events import ignore
from kilotar.work.demo_swarm import DemoSwarm, open_demo_swarm
from tests.need import need_module
from tests.shell.conftest import Ended

Run = Callable[..., Ended]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoSwarm]:
    """Serve a tiny edition on loopback, and let every command stay there."""
    need_module("libtorrent")
    monkeypatch.chdir(tmp_path)
    for name in ("ALLOW_PRIVATE", "NO_DHT", "NO_LSD", "NO_UPNP"):
        monkeypatch.setenv(f"KILOTAR_{name}", "1")
    monkeypatch.setenv("KILOTAR_INTERFACE", "127.0.0.1")
    monkeypatch.setenv("KILOTAR_PLAIN", "1")
    tiny = make_tiny(tmp_path / "tiny", classes=6, per_class=20, val=20)
    with open_demo_swarm(tiny, tmp_path / "swarm", ignore) as demo:
        monkeypatch.setenv("KILOTAR_EDITION", str(demo.toml))
        yield demo


def test_archives_are_fetched_shown_mended_and_given(demo: DemoSwarm, kt: Run) -> None:
    got = kt("get", "root", "--upload-limit", "1M")
    assert got.code == 0
    assert "pieces proved; from" in got.out and "kilotar prepare" in got.out and "kilotar seed" in got.out
    assert "seeds while it works (at most 1,000,000 bytes/s; --no-upload)" in got.err
    assert "get tiny_img_train.tar" in got.err

    train = Path("root/archives/tiny_img_train.tar")
    whole = train.read_bytes()
    train.write_bytes(whole[:20_000] + b"?" + whole[20_001:])
    mended = kt("repair", "root", "--from", "http")
    assert (mended.code, train.read_bytes() == whole) == (0, True)
    assert "1 wrong piece; from" in mended.out

    assert "pieces proved" in kt("status", "root").out
    seeded = kt("seed", "root", "--seconds", "0.1")
    assert seeded.code == 0 and "sent, ratio 0.00" in seeded.out

    adopted = json.loads(kt("adopt", str(train), "--into", "other", "--copy", "--json").out)
    assert [(one["pieces"], one["wrong"]) for one in adopted["downloads"]] == [(adopted["downloads"][0]["proved"], 0)]
    assert kt("prepare", "other", "--from", "torrent", "--for", "lists").code == 0


def test_a_way_that_is_closed_is_exit_4_and_a_later_run_goes_on(demo: DemoSwarm, kt: Run) -> None:
    closed = kt(
        "get", "root", "--from", "http", "--splits", "val", "--proxy", "http://127.0.0.1:9", "--give-up-after", "1"
    )
    assert closed.code == 4 and "error E-HTTP" in closed.err

    assert kt("get", "root", "--splits", "val").code == 0
    assert "Nothing to do" in kt("get", "root", "--splits", "val").out
