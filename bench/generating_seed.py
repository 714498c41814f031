"""A web seed of a training archive in full length that nobody has to store: its bytes are made when they are asked for.

python -m bench.generating_seed SEED        prints its port; GET /sent gives the bytes of bodies sent so far
"""

from __future__ import annotations

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.doubles.trains import GeneratedTrain

from kilotar.editions import load_edition
from kilotar.model.edition import Archive, Edition, Layout

CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")

# Lengths of class tars out of a listing of the published archive that was quoted in public; the others are drawn.
KNOWN_SIZES = {
    "n01440764": 157_368_320,
    "n01443537": 133_662_720,
    "n01484850": 129_822_720,
    "n01491361": 114_104_320,
    "n01494475": 138_905_600,
    "n01496331": 139_069_440,
    "n01498041": 178_370_560,
    "n13054560": 193_003_520,
    "n13133613": 157_122_560,
    "n15075141": 131_082_240,
}


def published() -> tuple[Edition, Archive]:
    """Give the edition and its training archive."""
    edition = load_edition("ilsvrc2012")
    return edition, next(archive for archive in edition.archives if archive.layout is Layout.TAR_OF_TARS)


def generated(seed: int) -> GeneratedTrain:
    """Give a training archive of the published length."""
    edition, archive = published()
    return GeneratedTrain(edition.classes, seed, known=KNOWN_SIZES, size_bytes=archive.size_bytes)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    train: GeneratedTrain
    sent_bytes = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        if self.path == "/sent":
            self._answer(200, str(_Handler.sent_bytes).encode())
            return
        size = self.train.size_bytes
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        start, stop = (int(asked[1]), min(int(asked[2]) + 1, size)) if asked else (0, size)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", '"generated"')
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        for at in range(start, stop, CHUNK_BYTES):
            data = self.train.read(at, min(at + CHUNK_BYTES, stop))
            self.wfile.write(data)
            with self.lock:
                _Handler.sent_bytes += len(data)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


def main() -> None:
    _Handler.train = generated(int(sys.argv[1]))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
