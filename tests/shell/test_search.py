"""`kilotar archives --search`: the words of the command line, the table and the object."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.editions.tiny import make_tiny
from kilotar.model.catalogue import SearchHit, SearchResult, SiteEntry
from kilotar.shell.show_search import MOST, show_search
from tests.doubles.webs import answer, web
from tests.shell.conftest import Ended

Run = Callable[..., Ended]
ITEM = f"<title>Birds\x1b\u202e of the world</title><infohash>{'b' * 40}</infohash><size>9000</size>"
RSS = f"<rss><item>{ITEM}</item></rss>"


def test_a_search_reads_the_list_once_and_then_needs_no_network(
    kt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toml = make_tiny(tmp_path / "tiny").toml
    with web() as site:
        site.says["/database.xml"] = answer(RSS.replace("\x1b", "").encode())
        toml.write_text(f'torrent_site = "{site.url}"\n' + toml.read_text("utf-8"), "utf-8")
        words = ("archives", "--search", "birds", "--edition", str(toml))

        refused = kt(*words)
        assert (refused.code, "E-HTTP" in refused.err, "--allow-private" in refused.err) == (4, True, True)

        ended = kt(*words, "--allow-private")
        assert ended.code == 0, ended.err
        assert "b" * 40 in ended.out and "9.00 kB" in ended.out and "1 torrent of 1" in ended.out
        assert "\u202e" not in ended.out

    offline = kt(*words, "--offline", "--json")
    found = json.loads(offline.out)
    assert (found["entries"], found["hits"][0]["entry"]["infohash"]) == (1, "b" * 40)


def test_many_hits_are_cut_unless_all_are_asked_for_and_known_ones_are_marked() -> None:
    hits = tuple(SearchHit(SiteEntry(f"t{n}", f"{n:040x}"), "train.tar" if n == 0 else "") for n in range(MOST + 3))
    found = SearchResult("t", "mine", "https://site.example/database.xml", "2026-01-01T00:00:00+00:00", 99, hits)

    lines = show_search(found, verbose=False)

    assert lines[1].split() == ["*", "t0", "0" * 40, "-", "train.tar"]
    assert "  ... 3 more (-v shows all)" in lines
    assert len(show_search(found, verbose=True)) == len(lines) + 2
