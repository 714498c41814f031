#!/usr/bin/env python3
"""Step 1: find the torrents, and read what a .torrent says. Python 3.6+, standard library only.

Why: a .torrent has the SHA-1 of every piece, so with it any copy of the archive can be proved. A magnet link has none
and must first find somebody who sends them. The titles on the site say "Object Detection"; they are the right ones.

    python3 01_find.py https://academictorrents.com/database.xml imagenet 2012
    python3 01_find.py https://academictorrents.com/download/INFOHASH.torrent --save train.torrent
    python3 01_find.py train.torrent --pieces

The first argument is an address, or a file on this disk. It worked if the infohash is the one on the page of the site:
training a306397ccf9c2ead27155983c254227c0fd938e2, validation 5d6d0df7ed81efd49ca99ea4737e0ae5e3a5f2e5.
Exit codes: 0 found, 1 nothing found or not what it should be, 2 cannot be read.
"""

import argparse
import hashlib
import os
import re
import sys
import urllib.request
from xml.parsers import expat

MOST_BYTES = 512 << 20
NUMBER, LENGTH = re.compile(rb"i(0|-?[1-9][0-9]{0,17})e"), re.compile(rb"(0|[1-9][0-9]{0,8}):")


class Refused(Exception):
    """The file is not what it should be."""


def parse_bencode(data, at=0, depth=0):
    """Give (value, end). Values of a dictionary are (value, begin, end), so that the bytes of one can be hashed."""
    if depth > 20:
        raise Refused("nested too deep")
    kind, number, length = data[at : at + 1], NUMBER.match(data, at), LENGTH.match(data, at)
    if number:
        return int(number.group(1)), number.end()
    if length and length.end() + int(length.group(1)) <= len(data):
        end = length.end() + int(length.group(1))
        return data[length.end() : end], end
    if kind not in (b"d", b"l"):
        raise Refused("byte {} is no bencode".format(at))
    values, at = [], at + 1
    while data[at : at + 1] != b"e":
        value, end = parse_bencode(data, at, depth + 1)
        values.append((value, at, end))
        at = end
    if kind == b"l":
        return [value for value, _, _ in values], at + 1
    keys = [key for key, _, _ in values[::2]]
    if len(values) % 2 or not all(isinstance(key, bytes) for key in keys) or len(set(keys)) < len(keys):
        raise Refused("a key is no text, or stands twice")
    return dict(zip(keys, values[1::2])), at + 1


def read_torrent(data):
    """Give name, size, bytes a piece, SHA-1s, infohash, trackers and web seeds of the torrent of one file."""
    top, end = parse_bencode(data)
    if end != len(data) or not isinstance(top, dict) or not isinstance(top.get(b"info", [0])[0], dict):
        raise Refused("no torrent")
    info, begin, stop = top[b"info"]
    name, size, piece, sha1s = (info.get(key, [None])[0] for key in (b"name", b"length", b"piece length", b"pieces"))
    if not (isinstance(name, bytes) and isinstance(size, int) and isinstance(piece, int) and isinstance(sha1s, bytes)):
        raise Refused("a torrent of a folder or of version 2; this script reads those of one file")
    if size <= 0 or piece <= 0 or len(sha1s) != 20 * -(-size // piece):
        raise Refused("{} bytes in pieces of {}, and {} bytes of hashes".format(size, piece, len(sha1s)))
    tiers, webs = (top.get(key, [[]])[0] for key in (b"announce-list", b"url-list"))
    tiers = tiers or [[top.get(b"announce", [b""])[0]]]
    urls = [url for tier in tiers if isinstance(tier, list) for url in tier if isinstance(url, bytes)]
    webs = [url for url in (webs if isinstance(webs, list) else [webs]) if isinstance(url, bytes)]
    return name, size, piece, sha1s, hashlib.sha1(data[begin:stop]).hexdigest(), urls, webs


def show_torrent(data, with_pieces):
    """Print what a torrent says."""
    name, size, piece, sha1s, infohash, trackers, webs = read_torrent(data)
    print("name      {}\nsize      {} bytes\ninfohash  {}".format(plain(name), size, infohash))
    print("pieces    {} of {} bytes, each with its SHA-1".format(len(sha1s) // 20, piece))
    for word, urls in (("tracker", trackers), ("web seed", webs)):
        for url in urls:
            print("{:<9} {}".format(word, plain(url)))
    for at in range(0, len(sha1s) if with_pieces else 0, 20):
        begin = at // 20 * piece
        print("{}\t{}\t{}\t{}".format(at // 20, begin, min(begin + piece, size), sha1s[at : at + 20].hex()))


def show_entries(data, words):
    """Print the entries of a database.xml whose titles have all words; give their number."""
    found, item, path = [], {}, []

    def take(text):
        if "item" in path:
            item[path[-1]] = item.get(path[-1], "") + text

    def end(name):
        path.pop()
        if name == "item":
            title, infohash, size = (" ".join(item.pop(key, "?").split()) for key in ("title", "infohash", "size"))
            if re.fullmatch("[0-9a-fA-F]{40}", infohash) and all(word.lower() in title.lower() for word in words):
                found.append(infohash)
                print("{}  {:>15}  {}".format(infohash.lower(), plain(size), plain(title)))
            item.clear()

    def refuse(*_):
        raise Refused("it has a DOCTYPE or an entity")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = (lambda name, _: path.append(name)), end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = take, refuse
    parser.Parse(data, True)
    return len(found)


def plain(text):
    """Give text without control characters: what strangers wrote must not steer a terminal."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="database.xml or a .torrent: its address, or a file")
    parser.add_argument("words", nargs="*", help="words that the title must have")
    parser.add_argument("--pieces", action="store_true", help="also number, begin, end and SHA-1 of each piece")
    parser.add_argument("--save", metavar="FILE", help="keep what was read, if it is what it should be")
    given = parser.parse_args()
    try:
        is_address = re.match("https?://", given.source)
        with urllib.request.urlopen(given.source, timeout=60) if is_address else open(given.source, "rb") as source:
            data = source.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise Refused("longer than {} bytes".format(MOST_BYTES))
        count = show_entries(data, given.words) if data.lstrip().startswith(b"<") else show_torrent(data, given.pieces)
        if given.save:
            with open(given.save + ".part", "wb") as file:
                file.write(data)
            os.replace(given.save + ".part", given.save)
        return 1 if count == 0 else 0
    except (Refused, expat.ExpatError, OSError, ValueError) as error:
        is_read = isinstance(error, (Refused, expat.ExpatError))
        why = "is no .torrent and no database.xml" if is_read else "cannot be read or saved"
        print("{} {}: {}".format(given.source, why, error), file=sys.stderr)
        return 1 if is_read else 2


if __name__ == "__main__":
    sys.exit(main())
