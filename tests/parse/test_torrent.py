"""Torrents: the one that was asked for is read to the byte, every other is refused by name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.editions.load import load_edition
from kilotar.errors import TorrentRefused
from kilotar.model.pieces import PieceTable
from kilotar.parse.bencode import Value, encode
from kilotar.parse.torrent import make_torrent, parse_info, parse_torrent, write_torrent

PIECE = 16 << 10
GOOD: dict[bytes, Value] = {
    b"length": 2 * PIECE + 1,
    b"name": b"a.tar",
    b"piece length": PIECE,
    b"pieces": bytes(range(60)),
}


def file(info: dict[bytes, Value], **outer: Value) -> bytes:
    return encode({b"info": info, **{key.replace("_", "-").encode(): value for key, value in outer.items()}})


def changed(**parts: Value) -> dict[bytes, Value]:
    return {**GOOD, **{key.replace("_", " ").encode(): value for key, value in parts.items()}}


def digest(info: dict[bytes, Value]) -> str:
    return hashlib.sha1(encode(info)).hexdigest()


def test_a_good_torrent_is_read_whole() -> None:
    torrent = parse_torrent(file(GOOD), infohash=digest(GOOD).upper(), name="a.tar", size_bytes=2 * PIECE + 1)

    assert torrent.table == PieceTable("a.tar", 2 * PIECE + 1, PIECE, bytes(range(60)), digest(GOOD))
    assert (torrent.info, torrent.trackers, torrent.web_seeds) == (encode(GOOD), (), ())


def test_the_hash_is_of_the_bytes_as_they_came_also_with_keys_that_nobody_knows() -> None:
    info = changed(private=0, source=b"a site", x_y=[1, {b"z": b""}])

    assert parse_torrent(file(info), infohash=digest(info)).info == encode(info)


def test_a_site_may_add_keys_outside_in_any_order() -> None:
    data = b"d4:info" + encode(GOOD) + b"8:announce20:http://example.org/ae\r\n"

    assert parse_torrent(data, infohash=digest(GOOD)).trackers == (("http://example.org/a",),)


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "empty"),
        (b"<!doctype html><title>Log in</title>", "Log in"),
        (b'{"error": 1}', "JSON"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"upstream connect error", "text"),
        (b"d14:failure reason17:Invalid info_hashe", "Invalid info_hash"),
        (b"de", "no info"),
        (file(GOOD)[:-1], "byte"),
        (file(GOOD) + b"x", "follow"),
        (b"d4:info" + b"l" * 5000, "deeper"),
    ],
)
def test_what_is_no_torrent_is_said_to_be_what_it_is(data: bytes, seen: str) -> None:
    with pytest.raises(TorrentRefused) as caught:
        parse_torrent(data, infohash=digest(GOOD))
    assert seen in caught.value.seen
    assert caught.value.fix


@pytest.mark.parametrize(
    ("info", "what"),
    [
        (changed(meta_version=2), "version 2"),
        (changed(file_tree={}), "version 2"),
        (changed(files=[{b"length": 1, b"path": [b"x"]}]), "folder"),
        (changed(files=b""), "folder"),
        (changed(attr=b"l"), "plain file"),
        (changed(attr=b"x"), "plain file"),
        (changed(attr=b"h"), "plain file"),
        (changed(symlink_path=[b"etc"]), "plain file"),
        (changed(name=b""), "plain file name"),
        (changed(name=b".."), "plain file name"),
        (changed(name=b".bashrc"), "plain file name"),
        (changed(name=b"-rf"), "plain file name"),
        (changed(name=b"../a.tar"), "plain file name"),
        (changed(name=b"/etc/passwd"), "plain file name"),
        (changed(name=b"a\\b"), "plain file name"),
        (changed(name=b"C:a"), "plain file name"),
        (changed(name=b"a\0b"), "plain file name"),
        (changed(name=b"a\nb"), "plain file name"),
        (changed(name="a\u202erat".encode()), "plain file name"),
        (changed(name=b"\xff\xfe"), "plain file name"),
        (changed(name=b"a" * 300), "plain file name"),
        (changed(name=b"a. "), "plain file name"),
        (changed(name=[b"a"]), "plain file name"),
        (changed(name=7), "plain file name"),
        ({**GOOD, b"name.utf-8": b"../b"}, "two names"),
        (changed(length=0), "no length"),
        (changed(length=-1), "no length"),
        (changed(length=b"1"), "no length"),
        (changed(piece_length=0), "no piece length"),
        (changed(piece_length=-PIECE), "no piece length"),
        (changed(piece_length=PIECE + 1), "not sane"),
        (changed(piece_length=1), "not sane"),
        (changed(piece_length=1 << 40), "not sane"),
        (changed(pieces=b""), "do not fit"),
        (changed(pieces=bytes(59)), "do not fit"),
        (changed(pieces=bytes(80)), "do not fit"),
        (changed(pieces=[b"a"]), "do not fit"),
        (changed(length=1 << 62), "too many pieces"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_hostile_torrent_is_refused_even_when_it_has_the_infohash(info: dict[bytes, Value], what: str) -> None:
    with pytest.raises(TorrentRefused, match=what):
        parse_torrent(file(info), infohash=digest(info))


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_torrent_without_one_of_its_parts_is_refused(key: bytes) -> None:
    info = {name: value for name, value in GOOD.items() if name != key}

    with pytest.raises(TorrentRefused):
        parse_torrent(file(info), infohash=digest(info))


def test_an_infohash_or_name_or_size_that_was_not_asked_for_is_refused_with_both() -> None:
    with pytest.raises(TorrentRefused, match=f"{digest(GOOD)}, expected {'0' * 40}"):
        parse_torrent(file(GOOD), infohash="0" * 40)
    with pytest.raises(TorrentRefused, match=r"a\.tar.*b\.tar"):
        parse_torrent(file(GOOD), infohash=digest(GOOD), name="b.tar")
    with pytest.raises(TorrentRefused, match="32769 bytes, expected 9"):
        parse_torrent(file(GOOD), infohash=digest(GOOD), size_bytes=9)


def test_a_torrent_with_the_layers_of_version_2_is_refused() -> None:
    with pytest.raises(TorrentRefused, match="version 2"):
        parse_torrent(encode({b"info": GOOD, b"piece layers": {}}), infohash=digest(GOOD))


def test_addresses_that_lead_inside_are_left_out_and_told_without_secrets() -> None:
    told: list[tuple[str, str]] = []
    data = file(
        GOOD,
        announce=b"http://ignored.example/a",
        announce_list=[
            [b"udp://tracker.example:1337/a", b"http://10.0.0.1/0123456789abcdef0123/announce?passkey=x"],
            [b"file:///etc/passwd"],
            [b"wss://example.org/x"],
        ],
        url_list=[b"https://mirror.example/a.tar", b"https://mirror.example/", b"", b"http://169.254.169.254/a"],
    )

    torrent = parse_torrent(data, infohash=digest(GOOD), leave_out=lambda *what: told.append(what))

    assert torrent.trackers == (("udp://tracker.example:1337/a",),)
    assert torrent.web_seeds == ("https://mirror.example/a.tar",)
    assert [address for address, _ in told] == [
        "http://10.0.0.1/***/announce",
        "(no address)",
        "wss://example.org/x",
        "http://169.254.169.254/a",
    ]
    assert "private" in told[0][1]


def test_addresses_that_lead_inside_are_kept_where_that_is_allowed() -> None:
    data = file(GOOD, announce=b"http://127.0.0.1:6969/announce", url_list=b"http://10.0.0.1/")

    torrent = parse_torrent(data, infohash=digest(GOOD), allow_private=True)

    assert torrent.trackers == (("http://127.0.0.1:6969/announce",),)
    assert torrent.web_seeds == ("http://10.0.0.1/a.tar",)


@pytest.mark.parametrize(
    "outer",
    [
        {"announce": 7},
        {"announce_list": b"http://example.org"},
        {"announce_list": [b"http://example.org"]},
        {"announce_list": [[{}]]},
        {"announce_list": [[b"http://example.org/%d" % number for number in range(200)]]},
        {"url_list": [[b"x"]]},
        {"url_list": {}},
    ],
)
def test_absurd_addresses_are_refused(outer: dict[str, Value]) -> None:
    with pytest.raises(TorrentRefused):
        parse_torrent(file(GOOD, **outer), infohash=digest(GOOD))


def test_info_alone_is_checked_the_same_way() -> None:
    assert parse_info(encode(GOOD), infohash=digest(GOOD)).table.count == 3
    for bad in (b"", b"<html>", encode(GOOD)[:-1]):
        with pytest.raises(TorrentRefused):
            parse_info(bad, infohash=hashlib.sha1(bad).hexdigest())


@given(
    st.integers(1, 200 * PIECE),
    st.sampled_from([PIECE, 3 * PIECE, 2 << 20]),
    st.lists(
        st.lists(st.sampled_from(["http://a.example/x", "udp://b.example:1/"]), min_size=1, max_size=3), max_size=3
    ),
    st.lists(st.sampled_from(["https://m.example/a", "http://n.example/b"]), max_size=2, unique=True),
)
def test_what_was_written_is_read_back_equal(
    size_bytes: int, piece_bytes: int, tiers: list[list[str]], seeds: list[str]
) -> None:
    count = -(-size_bytes // piece_bytes)
    table = PieceTable("x.tar", size_bytes, piece_bytes, bytes(20 * count))
    made = make_torrent(table, tuple(map(tuple, tiers)), tuple(seeds))

    read = parse_torrent(write_torrent(made), infohash=made.table.infohash, name="x.tar", size_bytes=size_bytes)

    assert read == made


@given(st.binary(max_size=200) | st.builds(lambda cut, tail: file(GOOD)[:cut] + tail, st.integers(0, 200), st.binary()))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        torrent = parse_torrent(data, infohash="")
    except TorrentRefused as refused:
        assert refused.seen
    else:
        assert write_torrent(torrent)


def test_the_real_torrents_are_those_of_the_edition() -> None:
    folder = Path(os.environ.get("KILOTAR_SHARED", Path(__file__).parents[2].parent / "shared")) / "torrents"
    found = sorted(folder.glob("*.torrent"))
    if not found:
        pytest.skip(f"no real torrents in {folder}")  # they are no part of the repository
    edition = load_edition("ilsvrc2012")
    for path in found:
        archive = edition.archive(path.stem)

        torrent = parse_torrent(
            path.read_bytes(), infohash=archive.infohash, name=archive.name, size_bytes=archive.size_bytes
        )

        assert torrent.table.piece_bytes == 2 << 20
        assert parse_info(torrent.info, infohash=archive.infohash).table == torrent.table
        assert [url for tier in torrent.trackers for url in tier][-1].startswith("udp://")
