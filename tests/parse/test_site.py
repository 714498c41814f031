"""A site's lists: good rows are kept, hostile documents are refused, memory stays small."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import TorrentRefused
from kilotar.model.catalogue import SiteEntry
from kilotar.parse.site import walk_collection, walk_database

ONE, TWO = "01" * 20, "ab" * 20
ITEM = f"""<item><title>ImageNet &amp; more &lt;2012&gt;</title><category>Dataset</category>
<infohash>{ONE}</infohash><guid>https://site.example/details/{ONE}</guid>
<link>https://site.example/download/{ONE}</link><description>a &lt;b&gt;long&lt;/b&gt; story</description>
<size>147897477120</size></item>"""
RSS = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>the site</title><link>https://site.example</link>{ITEM}
<item><title><![CDATA[  two
 lines ]]></title><guid>https://site.example/details/{TWO.upper()}</guid><size>many</size></item>
<item><title>no hash</title><size>1</size></item></channel></rss>"""
ENTRIES = [
    SiteEntry("ImageNet & more <2012>", ONE, 147_897_477_120, "Dataset"),
    SiteEntry("two lines", TWO),
]
CSV = f"""TYPE,NAME,INFOHASH,SIZEBYTES,MIRRORS
Dataset,"ImageNet, ""all"" of it
in two lines",{ONE},147897477120,3
Paper,short,{TWO.upper()}
Dataset,no hash,,1,1
"""


@given(st.integers(1, len(RSS)))
def test_a_database_gives_its_items_however_it_is_cut(step: int) -> None:
    data = RSS.encode()

    assert list(walk_database(data[at : at + step] for at in range(0, len(data), step))) == ENTRIES


@given(st.integers(1, len(CSV)))
def test_a_collection_gives_its_rows_however_it_is_cut(step: int) -> None:
    data = b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()

    assert list(walk_collection(data[at : at + step] for at in range(0, len(data), step))) == [
        SiteEntry('ImageNet, "all" of it in two lines', ONE, 147_897_477_120, "Dataset"),
        SiteEntry("short", TWO, -1, "Paper"),
    ]


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel>&b;</channel></rss>'


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "empty"),
        ("<html><head><title>Log in</title></head></html>", "root is <html>"),
        ("<html><title>Log in</title><br></html>", "root is <html>"),
        ("<!doctype html><html>", "web page"),
        (BOMB, "DOCTYPE"),
        ("503 upstream connect error", "503 upstream"),
        ('{"error": 1}', "JSON"),
        ("<rss>" + "<a>" * 50, "deep"),
        (RSS[:-30], "after 3 items"),
        (RSS.replace("utf-8", "utf-7"), "utf-7"),
        ("<rss>&unknown;</rss>", "undefined entity"),
    ],
)
def test_what_is_no_database_is_refused(text: str, seen: str) -> None:
    with pytest.raises(TorrentRefused, match=seen):
        list(walk_database([text.encode()]))


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "INFOHASH"),
        (b"<html><body>log in</body></html>", "INFOHASH"),
        (b"NAME,HASH\na,b\n", "INFOHASH"),
        (b"INFOHASH\n" + b'"' + b"a" * 200_000, "200000|characters|field"),
    ],
)
def test_what_is_no_collection_is_refused(data: bytes, seen: str) -> None:
    with pytest.raises(TorrentRefused, match=seen):
        list(walk_collection([data]))


def test_a_long_database_is_read_in_little_memory() -> None:
    def document() -> Iterator[bytes]:
        yield b"<rss><channel>"
        for number in range(2000):
            yield b"<item><title>%s</title><infohash>%040x</infohash><description>" % (b"t" * 5000, number)
            yield b"d" * 10_000
            yield b"</description></item>"
        yield b"</channel></rss>"

    tracemalloc.start()
    count = sum(len(entry.title) == 300 for entry in walk_database(document()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 2000
    assert peak < 2 << 20
