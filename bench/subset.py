"""What it costs to fetch a few classes out of the training archive in its full length.

    python -m bench.subset [--choices 12] [--work FOLDER]     writes bench/subset.jsonl

The archive has the published length and counts, class tars of the known lengths, and others drawn with the spread of
the known ones (16 % around the mean); its bytes are made when they are read. Two kinds of rows:

- "search": random choices of 1, 10 and 100 classes, with and without a table of positions. Only pieces are counted.
- "fetch": ten classes over loopback from a web seed that makes its bytes, into a sparse file of the full length, each
  piece checked by its SHA-1, each class tar walked strictly at the end. Hashing all 148 GB to make a torrent would only
  measure that; so the table of pieces holds the SHA-1 of those pieces alone that a dry run of the same search touches.
  A piece outside of them would fail its check and end the run.

Needs about 2 GB in FOLDER, and a minute.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.doubles.trains import GeneratedTrain

from bench.generating_seed import generated, published
from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.model.pieces import SHA1_BYTES, PieceTable
from kilotar.model.positions import Position, Positions
from kilotar.parse.tar import walk_members
from kilotar.plan.locate import Locator
from kilotar.sources.http import HttpFetcher, HttpOptions
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.locating import locate

HOME = Path(__file__).resolve().parents[1]
RESULTS = HOME / "bench" / "subset.jsonl"
PIECE_BYTES = 2 << 20  # as in the published torrent
EDITION, ARCHIVE = published()
WNIDS = [synset.wnid for synset in EDITION.classes]


class Looked:
    """A search over an archive at hand: what it looked at, and what it found."""

    def __init__(self, train: GeneratedTrain, wanted: Iterable[str], known: Positions | None = None) -> None:
        self.table = PieceTable(ARCHIVE.name, train.size_bytes, PIECE_BYTES)
        self.pieces: set[int] = set()
        self.rounds = 0
        self.found: list[Position] = []
        self._train = train
        begin = time.process_time()
        locator = Locator(self.table, ARCHIVE, EDITION.classes, wanted, known)
        self.positions = locate(locator, self._want, self._read, located=self.found.append)
        self.cpu_s = time.process_time() - begin

    def _want(self, pieces: tuple[int, ...]) -> None:
        self.rounds += 1
        self.pieces.update(pieces)

    def _read(self, piece: int) -> bytes:
        return self._train.read(self.table.start(piece), self.table.stop(piece))

    @property
    def needed(self) -> set[int]:
        """The pieces that hold the class tars."""
        return {piece for one in self.found for piece in self.table.touching(one.start, one.stop)}

    @property
    def class_bytes(self) -> int:
        return sum(one.stop - one.start for one in self.found)

    def figures(self) -> dict[str, object]:
        fetched = sum(self.table.length(piece) for piece in self.pieces | self.needed)
        return {
            "classes": len(self.found),
            "class_bytes": self.class_bytes,
            "fetched_bytes": fetched,
            "overhead": round(fetched / self.class_bytes - 1, 5),
            "edges": round(len(self.needed) * PIECE_BYTES / self.class_bytes - 1, 5),
            "looks": len(self.pieces),
            "in_vain": len(self.pieces - self.needed),
            "rounds": self.rounds,
            "cpu_s": round(self.cpu_s, 3),
        }


def search_rows(choices: int) -> Iterable[dict[str, object]]:
    for count in (1, 10, 100):
        for number in range(choices if count < 100 else max(1, choices // 4)):
            seed = number % 4
            train = generated(seed)
            wanted = random.Random(f"{count} {number}").sample(WNIDS, count)
            learning = Looked(train, wanted)
            knowing = Looked(train, wanted, learning.positions)
            for table, looked in (("learnt", learning), ("known", knowing)):
                yield {"what": "search", "table": table, "seed": seed, "choice": number, **looked.figures()}


def fetch_rows(folder: Path) -> Iterable[dict[str, object]]:
    train, wanted = generated(0), sorted(random.Random("fetch").sample(WNIDS, 10))
    dry = Looked(train, wanted)
    table = with_hashes(train, dry.table, dry.pieces | dry.needed)
    seed = subprocess.Popen([sys.executable, "-m", "bench.generating_seed", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert seed.stdout is not None
        address = f"http://127.0.0.1:{int(seed.stdout.readline())}"
        for name, known in (("learnt", None), ("known", dry.positions)):
            with tempfile.TemporaryDirectory(dir=folder) as root:
                yield {"what": "fetch", "table": name, **Fetch(address, table, Path(root)).run(wanted, known)}
    finally:
        seed.terminate()
        seed.wait()


def with_hashes(train: GeneratedTrain, table: PieceTable, pieces: set[int]) -> PieceTable:
    """Give the table with the SHA-1 of some pieces; no bytes have the others'."""
    sha1s = bytearray(SHA1_BYTES * table.count)
    for piece in pieces:
        data = train.read(table.start(piece), table.stop(piece))
        sha1s[SHA1_BYTES * piece : SHA1_BYTES * (piece + 1)] = hashlib.sha1(data).digest()
    return replace(table, sha1s=bytes(sha1s), infohash=hashlib.sha1(sha1s).hexdigest())


class Fetch:
    """A download of some classes over HTTP into a sparse file."""

    def __init__(self, address: str, table: PieceTable, root: Path) -> None:
        self._address, self._table = address, table
        self._file: PieceFile = open_pieces(root, table.name, root / "state", table)
        self._file.on_landed = self._on_landed
        self._changed = threading.Condition()
        self._troubles: list[Trouble] = []
        self._fetcher = HttpFetcher(
            f"{address}/{table.name}", self._file, HttpOptions(allow_private=True, proxy=""), self._tell
        )
        self._classes: list[range] = []
        self._rounds = 0

    def run(self, wanted: list[str], known: Positions | None) -> dict[str, object]:
        before, begin = self._sent(), time.perf_counter()
        located: list[Position] = []

        def on_located(position: Position) -> None:
            located.append(position)
            self._classes.append(self._table.touching(position.header_at, position.stop))

        locator = Locator(self._table, ARCHIVE, EDITION.classes, wanted, known)
        locate(locator, self._want, self._ready, located=on_located)
        located_s = time.perf_counter() - begin
        self._fetcher.want(PieceWish(wanted=tuple(self._classes)))
        for pieces in self._classes:
            for piece in pieces:
                self._await(piece)
        self._file.save()
        fetched_s = time.perf_counter() - begin
        images = sum(self._walk(position) for position in located)
        self._fetcher.close()
        class_bytes = sum(one.stop - one.start for one in located)
        figures = {
            "classes": len(located),
            "images": images,
            "class_bytes": class_bytes,
            "sent_bytes": self._sent() - before,
            "overhead": round((self._sent() - before) / class_bytes - 1, 5),
            "disk_bytes": os.stat(self._file.path).st_blocks * 512,
            "apparent_bytes": os.stat(self._file.path).st_size,
            "pieces": self._file.count,
            "rounds": self._rounds,
            "troubles": len(self._troubles),
            "located_s": round(located_s, 2),
            "fetched_s": round(fetched_s, 2),
        }
        self._file.close()
        return figures

    def _walk(self, position: Position) -> int:
        """Walk a class tar strictly; give its number of images."""
        with open(self._file.path, "rb", buffering=0) as file:

            def read(offset: int, size: int) -> bytes:
                return os.pread(file.fileno(), size, offset)

            return sum(1 for _ in walk_members(read, position.start, position.stop, ARCHIVE.strictness))

    def _want(self, pieces: tuple[int, ...]) -> None:
        self._rounds += 1
        self._fetcher.want(PieceWish(urgent=pieces, wanted=tuple(self._classes)))

    def _ready(self, piece: int) -> bytes:
        self._await(piece)
        return self._file.read(piece)

    def _await(self, piece: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._file.has(piece), 120):
                raise TimeoutError(f"piece {piece} did not come: {self._troubles}")

    def _on_landed(self, piece: int, source: str) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tell(self, trouble: Trouble) -> None:
        self._troubles.append(trouble)

    def _sent(self) -> int:
        with urllib.request.urlopen(f"{self._address}/sent") as answer:
            return int(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choices", type=int, default=12, help="random choices of each number of classes (default 12)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="where the sparse file is made")
    asked = parser.parse_args()
    rows = []
    for row in (*search_rows(asked.choices), *fetch_rows(asked.work)):
        rows.append(json.dumps({"suite": "subset", **row}))
        print(rows[-1], file=sys.stderr, flush=True)
    RESULTS.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
