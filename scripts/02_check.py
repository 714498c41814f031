#!/usr/bin/env python3
"""Step 2: prove a download, whole or partial, against its .torrent. Python 3.6+, standard library only.

Why: a file of the right size may have holes, which are zeros, and a browser or disk may have damaged it. The .torrent
has the SHA-1 of every piece; whatever program brought the file, this says which pieces are right.

    python3 02_check.py ILSVRC2012_img_train.tar train.torrent

It takes 5 minutes for 148 GB on a fast disk, and reads only. It worked if the last line says "all ... pieces are
right". Give the file to any BitTorrent client, in the folder where it downloads to, to have the named pieces fetched
again.
Exit codes: 0 all pieces right, 1 some are bad or missing, or the .torrent is refused, 2 cannot be read.
"""

import argparse
import hashlib
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

MOST_TORRENT_BYTES = 64 << 20
NUMBER, LENGTH = re.compile(rb"i(0|-?[1-9][0-9]{0,17})e"), re.compile(rb"(0|[1-9][0-9]{0,8}):")


class Refused(Exception):
    """The .torrent is not what it should be."""


def parse_bencode(data, at=0, depth=0):
    """Give (value, end)."""
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
        value, at = parse_bencode(data, at, depth + 1)
        values.append(value)
    if kind == b"l":
        return values, at + 1
    keys = values[::2]
    if len(values) % 2 or not all(isinstance(key, bytes) for key in keys) or len(set(keys)) != len(keys):
        raise Refused("a key is no text, or stands twice")
    return dict(zip(keys, values[1::2])), at + 1


def read_pieces(path):
    """Give size of the file, bytes a piece, and the SHA-1 of each piece."""
    with open(path, "rb") as file:
        data = file.read(MOST_TORRENT_BYTES + 1)
    top, end = parse_bencode(data)
    info = top.get(b"info") if isinstance(top, dict) else None
    if end != len(data) or not isinstance(info, dict):
        raise Refused("no torrent")
    size, piece, sha1s = (info.get(key) for key in (b"length", b"piece length", b"pieces"))
    if not (isinstance(size, int) and isinstance(piece, int) and isinstance(sha1s, bytes)):
        raise Refused("a torrent of a folder or of version 2; this script reads those of one file")
    if not 0 < piece <= 1 << 28 or size <= 0 or len(sha1s) != 20 * -(-size // piece):
        raise Refused("{} bytes in pieces of {}, and {} bytes of hashes".format(size, piece, len(sha1s)))
    return size, piece, [sha1s[at : at + 20] for at in range(0, len(sha1s), 20)]


def check_piece(file, begin, end, sha1):
    """Give "right", "bad", "zeros" (not fetched yet, most likely) or "missing" (beyond the end of the file)."""
    data = os.pread(file, end - begin, begin)
    while 0 < len(data) < end - begin:
        more = os.pread(file, end - begin - len(data), begin + len(data))
        if not more:
            break
        data += more
    if hashlib.sha1(data).digest() == sha1:
        return "right"
    if len(data) < end - begin:
        return "missing"
    return "bad" if data.strip(b"\0") else "zeros"


def check(file, size, piece, sha1s, workers):
    """Give the state of each piece, in their order."""
    states, turn = [], 64 * workers
    with ThreadPoolExecutor(workers) as pool:  # threads are enough: hashing and reading let others run
        for first in range(0, len(sha1s), turn):
            numbers = range(first, min(first + turn, len(sha1s)))
            spans = [(number * piece, min(number * piece + piece, size)) for number in numbers]
            states += pool.map(lambda at, span: check_piece(file, span[0], span[1], sha1s[at]), numbers, spans)
            if sys.stderr.isatty():
                print("\r{} of {} pieces".format(len(states), len(sha1s)), end="", file=sys.stderr)
    return states


def runs(states):
    """Give (state, first, end) of neighbours that are the same."""
    first = 0
    for at in range(1, len(states) + 1):
        if at == len(states) or states[at] != states[first]:
            yield states[first], first, at
            first = at


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the archive, whole or not")
    parser.add_argument("torrent", help="its .torrent")
    parser.add_argument("-j", "--workers", type=int, default=min(4, os.cpu_count() or 1), help="default: %(default)s")
    given = parser.parse_args()
    if given.workers < 1:
        parser.error("--workers must be 1 or more")
    try:
        size, piece, sha1s = read_pieces(given.torrent)
    except Refused as error:
        print("{} is refused: {}".format(given.torrent, error), file=sys.stderr)
        return 1
    except OSError as error:
        print("cannot read {}: {}".format(given.torrent, error), file=sys.stderr)
        return 2
    try:
        with open(given.file, "rb") as file:
            states = check(file.fileno(), size, piece, sha1s, given.workers)
            length = os.fstat(file.fileno()).st_size
    except OSError as error:
        print("cannot read {}: {}".format(given.file, error), file=sys.stderr)
        return 2
    for state, first, end in runs(states):
        if state != "right":
            begin, stop = first * piece, min(end * piece, size)
            print("{}\tpieces {} to {}\tbytes {} to {}".format(state, first, end - 1, begin, stop))
    if length > size:
        print("too long\t{} bytes, {} expected".format(length, size))
    right = states.count("right")
    is_whole = right == len(states) and length == size
    print("{} of {} pieces are right".format("all" if is_whole else right, len(states)))
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
