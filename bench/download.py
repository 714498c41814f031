"""A gigabyte from peers and from a web server, side by side: our sources, aria2c and transmission-cli.

    python -m bench.download [--work FOLDER] [--rounds N] [--only SOURCE ...]        writes bench/download.jsonl

Needs root (each download has a network of its own, with addresses of its own), transmission-daemon, transmission-cli,
aria2c, opentracker and nginx, 6 GB in FOLDER, and a quarter of an hour. In every round each client runs once from each
source, in shuffled order; the source is started anew for each, for a Transmission remembers who has become a seed.
The clock runs from the start of the client's session to its last verified byte (ours), or from the start of its
process to its end (aria2c) or to its own word that all is there (transmission-cli). The CPU and memory are the
client's alone; what it takes our own process to start is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.peers.lab import ANNOUNCE, OURS, PORT, Archive, Lab, lab

from bench.child import counted
from bench.figures import Line
from bench.harness import HOME, Ground, Variant, read_through, say, shuffled
from kilotar.model.fetching import Fetcher, PieceWish
from kilotar.model.pieces import PieceTable
from kilotar.model.profile import FIRST, ClientOptions
from kilotar.parse.torrent import make_torrent, parse_torrent, write_torrent
from kilotar.store.pieces import PieceFile, open_pieces

RESULTS = HOME / "bench" / "download.jsonl"
PIECE_BYTES = 2 << 20  # as in the published torrent
SLOW_BYTES_S = 20 << 20
CHECK = "re-check"
OURS_NAME, ARIA2, TRANSMISSION = "kilotar", "aria2c", "transmission-cli"
SHA1SUM = "sha1sum"


def archive_in(folder: Path, size_bytes: int) -> Archive:
    """Give an archive of random bytes and its torrent; it is made once and kept."""
    file, torrent_file = folder / "archive.tar", folder / "archive.torrent"
    if not torrent_file.is_file() or file.stat().st_size != size_bytes:
        folder.mkdir(parents=True, exist_ok=True)
        sha1s = bytearray()
        with file.open("wb") as out:
            for start in range(0, size_bytes, PIECE_BYTES):
                piece = os.urandom(min(PIECE_BYTES, size_bytes - start))
                sha1s += hashlib.sha1(piece).digest()
                out.write(piece)
        table = PieceTable(file.name, size_bytes, PIECE_BYTES, bytes(sha1s), "0" * 40)
        torrent_file.write_bytes(write_torrent(make_torrent(table, ((ANNOUNCE,),))))
    torrent = parse_torrent(torrent_file.read_bytes(), infohash="", allow_private=True)
    return Archive(torrent, b"", folder)


# Where the bytes come from


def from_transmission(here: Lab, archive: Archive) -> str:
    here.tracker(archive)
    here.transmission(archive, archive.folder)
    return ""


def from_libtorrent(here: Lab, archive: Archive) -> str:
    here.tracker(archive)
    here.seed(archive)
    return ""


def from_three_slow(here: Lab, archive: Archive) -> str:
    here.tracker(archive)
    for _ in range(3):
        here.seed(archive, rate_bytes_s=SLOW_BYTES_S)
    return ""


def from_nginx(here: Lab, archive: Archive) -> str:
    return f"http://{here.nginx(archive.folder).address}/{archive.file.name}"


SOURCES: dict[str, Callable[[Lab, Archive], str]] = {
    "a libtorrent seed": from_libtorrent,
    "nginx": from_nginx,
    "three seeds of 21 MB/s each": from_three_slow,
    "a Transmission seed": from_transmission,
}


# Who fetches them: each in a process of its own


def fetch_ours(archive: Archive, url: str, out: Path) -> Callable[[], object]:
    """Make our source ready to fetch into a piece file as `kilotar get` does."""
    from kilotar.sources.http import HttpFetcher, HttpOptions
    from kilotar.sources.torrent import Swarm

    table = archive.torrent.table
    pieces = open_pieces(out, table.name, out / "state", table)
    options = ClientOptions(interface=OURS, dht=False, lsd=False, upnp=False, allow_private=True)

    def fetcher() -> Fetcher:
        if url:
            return HttpFetcher(url, pieces, HttpOptions(allow_private=True, proxy=""), say_trouble)
        return Swarm(options, FIRST, out / "swarm", say_trouble).add(archive.torrent, pieces)

    def work() -> None:
        bringing = fetcher()
        bringing.want(PieceWish(wanted=(range(table.count),)))
        await_all(pieces)

    return work


def say_trouble(trouble: object) -> None:
    say(str(trouble))


def await_all(pieces: PieceFile) -> None:
    while not pieces.is_complete:
        time.sleep(0.01)


def fetch_aria2(archive: Archive, url: str, out: Path) -> Callable[[], object]:
    """Give aria2c with the settings that its users are told to take: no preallocation, no seeding."""
    words = ["aria2c", "--no-conf", "-q", f"--dir={out}", "--file-allocation=none", f"--interface={OURS}"]
    if url:
        words += ["--split=4", "--max-connection-per-server=4", "--min-split-size=1M", url]
    else:
        words += ["--enable-dht=false", "--bt-enable-lpd=false", f"--listen-port={PORT}", "--seed-time=0"]
        words += ["--bt-max-peers=200", str(archive.torrent_file)]
    return lambda: subprocess.run(words, check=True)


def fetch_transmission(archive: Archive, url: str, out: Path) -> Callable[[], object]:
    """Give transmission-cli, which is ended when it says that all is there."""
    home, done = out / "home", out / "done"
    home.mkdir()
    settings = {"bind-address-ipv4": OURS, "peer-port": PORT, "utp-enabled": False, "dht-enabled": False}
    (home / "settings.json").write_text(json.dumps({**settings, "lpd-enabled": False}))
    script = out / "finish"
    script.write_text(f"#!/bin/sh\ntouch {done}\n")
    script.chmod(0o755)
    words = ["transmission-cli", "-g", str(home), "-w", str(out), "-M", "-f", str(script), str(archive.torrent_file)]

    def work() -> None:
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not done.exists():
                time.sleep(0.02)
            process.kill()

    return work


def check_ours(archive: Archive, url: str, out: Path) -> Callable[[], object]:
    """Read a whole archive again, as at the start of a run whose bitmap is not believed."""
    from kilotar.exec.threads import map_in_order
    from kilotar.work.rehash import CHECK_THREADS

    os.link(archive.file, out / (archive.file.name + ".part"))
    pieces = open_pieces(out, archive.file.name, out / "state", archive.torrent.table)
    pieces.suspect_data()

    def work() -> None:
        for _ in map_in_order(pieces.recheck, pieces.suspects, CHECK_THREADS):
            pass
        if not pieces.is_complete:
            raise ValueError(f"{pieces.count} of {pieces.table.count} pieces are right")

    return work


def check_sha1sum(archive: Archive, url: str, out: Path) -> Callable[[], object]:
    """Let sha1sum read as much, on as many cores: a part of the archive each."""
    from kilotar.work.rehash import CHECK_THREADS

    parts = [archive.folder / f"part-{number}-of-{CHECK_THREADS}" for number in range(CHECK_THREADS)]
    size_bytes = archive.torrent.table.size_bytes
    bounds = [size_bytes * number // CHECK_THREADS for number in range(CHECK_THREADS + 1)]
    with archive.file.open("rb") as file:
        for part, start, stop in zip(parts, bounds, bounds[1:], strict=False):
            if not part.is_file() or part.stat().st_size != stop - start:
                with part.open("wb") as copy:
                    os.sendfile(copy.fileno(), file.fileno(), start, 0)
                    while (at := copy.seek(0, os.SEEK_END)) < stop - start:
                        os.sendfile(copy.fileno(), file.fileno(), start + at, stop - start - at)
            read_through(part)

    def work() -> None:
        for one in [subprocess.Popen(["sha1sum", str(part)], stdout=subprocess.DEVNULL) for part in parts]:
            if one.wait():
                raise ValueError("sha1sum failed")

    return work


JOBS = {
    OURS_NAME: fetch_ours,
    ARIA2: fetch_aria2,
    TRANSMISSION: fetch_transmission,
    f"{OURS_NAME}, {CHECK}": check_ours,
    SHA1SUM: check_sha1sum,
}


def child(job: str, folder: str, url: str, out: str) -> None:
    """Do one job in this process, print its figures, and end without tidying up."""
    archive = archive_in(Path(folder), (Path(folder) / "archive.tar").stat().st_size)
    work = JOBS[job](archive, url, Path(out))
    before, begin = counted(), time.monotonic()
    work()
    wall_s = time.monotonic() - begin
    after = counted()
    figures = {key: round(after[key] - before[key], 3) for key in ("user_s", "sys_s")}
    import resource

    both = {
        name: resource.getrusage(who).ru_maxrss * 1024
        for name, who in (("own_peak_rss", resource.RUSAGE_SELF), ("child_peak_rss", resource.RUSAGE_CHILDREN))
    }
    print(json.dumps({"wall_s": round(wall_s, 3), **figures, **both, "load": os.getloadavg()[0]}), flush=True)
    os._exit(0)


# The rounds


class Rounds:
    """Measures every client from every source.

    Args:
        work:    folder for the archive and what is fetched.
        archive: what is fetched.
        keep:    takes the lines.
    """

    def __init__(self, work: Path, archive: Archive, keep: Callable[[Line], None]) -> None:
        self._work, self._archive, self._keep = work, archive, keep
        self._ground = Ground(work, 0.0)

    def download(self, source: str, number: int) -> None:
        clients = [OURS_NAME, ARIA2] + [TRANSMISSION] * (source != "nginx")
        with tempfile.TemporaryDirectory(dir=self._work) as folder:  # nothing is deleted inside of a round
            for variant in shuffled([Variant(name, name) for name in clients], number):
                out = Path(folder) / variant.name
                out.mkdir()
                self._ready()
                with _lab(Path(folder) / f"lab-{len(os.listdir(folder))}") as here:
                    url = SOURCES[source](here, self._archive)
                    time.sleep(3)  # the seed has told the tracker, and has checked its file
                    self._measure(source, number, variant.name, url, out)
        self._rest()

    def check(self, number: int) -> None:
        names = [f"{OURS_NAME}, {CHECK}", SHA1SUM]
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            for variant in shuffled([Variant(name, name) for name in names], number):
                out = Path(folder) / variant.name
                out.mkdir()
                self._ready()
                self._measure(CHECK, number, variant.name, "", out)

    def _measure(self, source: str, number: int, job: str, url: str, out: Path) -> None:
        words = [sys.executable, "-m", "bench.download", "--child", job, str(self._archive.folder), url, str(out)]
        done = subprocess.run(words, cwd=HOME, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
        size_bytes = self._archive.torrent.table.size_bytes
        figures = json.loads(done.stdout.splitlines()[-1])
        self._keep(
            {"suite": "download", "source": source, "round": number, "name": job, **figures, "bytes": size_bytes}
        )

    def _ready(self) -> None:
        """Give every variant the same footing: the source in the page cache, memory in use once, nothing to write."""
        os.sync()
        self._ground.fill_memory()
        read_through(self._archive.file)

    def _rest(self) -> None:
        os.sync()
        time.sleep(2)  # some files were deleted, not thousands


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[Lab]:
    folder.mkdir()
    folder.chmod(0o755)
    with lab(folder) as here:
        yield here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kilotar-bench")
    parser.add_argument("--rounds", type=int, default=3, help="of every source (default 3)")
    parser.add_argument("--mib", type=int, default=1024, help="size of the archive (default 1024)")
    parser.add_argument("--only", nargs="*", choices=(*SOURCES, CHECK), default=(*SOURCES, CHECK), help="these alone")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--add", action="store_true", help="to the figures that are there")
    asked = parser.parse_args()
    if asked.child:
        child(*asked.child)
    archive = archive_in(asked.work / "download", asked.mib << 20)
    with asked.results.open("a" if asked.add else "w", encoding="utf-8") as file:

        def keep(line: Line) -> None:
            print(json.dumps(line), file=file, flush=True)
            say(json.dumps(line))

        rounds = Rounds(asked.work, archive, keep)
        for source in asked.only:
            for number in range(asked.rounds):
                rounds.check(number) if source == CHECK else rounds.download(source, number)


if __name__ == "__main__":
    main()
