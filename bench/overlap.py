"""How long a run lasts behind the last piece, when images are written while the archive arrives.

    python -m bench.overlap [--work FOLDER] [--rate 100]      writes bench/overlap.jsonl

The archive of the unpack bench (30 x 300 photographs, 1.0 GB) is seeded by libtorrent in a process of its own over
loopback, limited to a rate that a network might have, and prepared as an ImageFolder from there. The same archive is
then prepared from the disk, unproved before, as the conversion by itself. Needs 3 GB in FOLDER, and a minute.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.archives import build
from bench.harness import HOME, say
from kilotar.events import Event, Landed, Progress
from kilotar.model.pieces import PieceTable, Torrent
from kilotar.model.profile import FIRST, ClientOptions
from kilotar.parse.torrent import make_torrent, parse_torrent, write_torrent
from kilotar.work.prepare import prepare
from kilotar.work.request import Fetching, Request

RESULTS = HOME / "bench" / "overlap.jsonl"
PIECE_BYTES = 2 << 20
PORT = 29431
LOCAL = ClientOptions(interface="127.0.0.1", dht=False, lsd=False, upnp=False, allow_private=True)


def torrent_of(archive: Path) -> Torrent:
    """Give the torrent of an archive on disk."""
    sha1s = bytearray()
    with archive.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            sha1s += hashlib.sha1(piece).digest()
    return make_torrent(PieceTable(archive.name, archive.stat().st_size, PIECE_BYTES, bytes(sha1s)))


def edition_with(torrent: Torrent, edition: Path, folder: Path) -> Path:
    """Copy an edition, with our infohash in place of the published one's and no address on the web."""
    shutil.copytree(edition.parent, folder)
    path = folder / edition.name
    before, mark, section = path.read_text(encoding="utf-8").partition(f'name = "{torrent.table.name}"\n')
    section = re.sub(r'(?m)^infohash = ".*"$', f'infohash = "{torrent.table.infohash}"', section, count=1)
    path.write_text(re.sub(r"(?m)^(urls|trackers) = .*\n", "", before + mark + section), encoding="utf-8")
    return path


def seed(archive: Path, torrent_file: Path, state: Path) -> None:
    """Seed an archive until stdin ends: the other process."""
    from kilotar.sources.torrent import Swarm
    from kilotar.store.pieces import OWN_DISK, open_pieces

    torrent = parse_torrent(torrent_file.read_bytes(), infohash="")
    swarm = Swarm(replace(LOCAL, ports=range(PORT, PORT + 1)), FIRST, state, lambda trouble: None)
    pieces = open_pieces(archive.parent, archive.name, state, torrent.table, writable=False)
    for piece in range(torrent.table.count):
        pieces.check(piece, OWN_DISK)
    swarm.add(torrent, pieces)
    print("ready", flush=True)
    sys.stdin.read()
    swarm.close()


def fetched(root: Path, toml: Path, torrent_file: Path, rate: int) -> dict[str, object]:
    """Prepare from the swarm; give the seconds until the last piece, and behind it."""
    swarm = replace(LOCAL, peers=(f"127.0.0.1:{PORT}",), download_limit_bytes_s=rate)
    fetching = Fetching(way="torrent", torrents=(torrent_file,), swarm=swarm, allow_private=True, offline=True)
    landed_s: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Landed):
            landed_s.append(time.monotonic())
        elif isinstance(event, Progress) and event.verified_bytes == event.wanted_bytes:
            landed_s.append(landed_s[-1])

    began_s = time.monotonic()
    prepare(Request(root, fetching=fetching, edition=str(toml), splits=("train",), accept_terms=True), hear)
    ended_s = time.monotonic()
    return {"download_s": landed_s[-1] - began_s, "behind_s": ended_s - landed_s[-1], "wall_s": ended_s - began_s}


def converted(root: Path, toml: Path, folder: Path) -> float:
    began_s = time.monotonic()
    prepare(Request(root, source=folder, edition=str(toml), splits=("train",), accept_terms=True), lambda event: None)
    return time.monotonic() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kilotar-bench")
    parser.add_argument("--rate", type=int, default=100, help="MB a second at which the archive arrives (default 100)")
    parser.add_argument("--seed", nargs=3, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.seed:
        seed(*asked.seed)
        return
    source = build(asked.work / "t30", 30, 300)
    with tempfile.TemporaryDirectory(dir=asked.work, prefix="overlap-") as name:
        folder = Path(name)
        torrent = torrent_of(source.archive)
        torrent_file = folder / f"{torrent.table.infohash}.torrent"
        torrent_file.write_bytes(write_torrent(torrent))
        toml = edition_with(torrent, source.edition, folder / "edition")
        words = [sys.executable, "-m", "bench.overlap", "--seed", str(source.archive), str(torrent_file), str(folder)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None and other.stdout.readline() == "ready\n"
            row = fetched(folder / "fetched", toml, torrent_file, asked.rate * 1_000_000)
            assert other.stdin is not None
            other.stdin.close()
        os.sync()
        row["conversion_s"] = converted(folder / "converted", toml, source.archive.parent)
    row = {"suite": "overlap", "rate_mb_s": asked.rate, **row}
    say(json.dumps(row))
    RESULTS.write_text(json.dumps(row) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
