"""Magnet links give an infohash and nothing else."""

from __future__ import annotations

import base64

import pytest

from kilotar.errors import TorrentRefused
from kilotar.parse.magnet import parse_magnet

HEX = "0123456789abcdef0123456789abcdef01234567"
BASE32 = base64.b32encode(bytes.fromhex(HEX)).decode()


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper() + "\n",
        f"magnet:?xt=urn:btih:{HEX}",
        f"MAGNET:?dn=a.tar&xt=urn:btih:{HEX.upper()}&tr=http%3A%2F%2F127.0.0.1%2F&ws=file%3A%2F%2F%2F&x.pe=10.0.0.1:1",
        f"magnet:?xt=urn:btih:{BASE32}",
        f"magnet:?xt.1=urn:btih:{HEX}&xt.2=urn:btmh:1220{'00' * 32}",
        f"magnet:?xt=urn:btih:{HEX}&xt=urn:btih:{BASE32.lower()}",
    ],
)
def test_a_link_gives_its_infohash(text: str) -> None:
    assert parse_magnet(text) == HEX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "magnet:",
        "magnet:?dn=a",
        "http://example.org/a.torrent",
        f"magnet:?xt=urn:btmh:1220{'00' * 32}",
        "magnet:?xt=urn:btih:xyz",
        f"magnet:?xt=urn:btih:{HEX}&xt=urn:btih:{'f' * 40}",
        f"magnet:?xt=urn:btih:{HEX}" + "&a=b" * 300,
        f"magnet:?xt=urn:btih:{HEX}&dn=" + "a" * 20_000,
    ],
)
def test_what_has_no_one_infohash_is_refused(text: str) -> None:
    with pytest.raises(TorrentRefused, match="magnet"):
        parse_magnet(text)
