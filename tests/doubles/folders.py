"""A folder that writes plainly, and a loop that fills it as an engine would, without durability, journal or proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from kilotar.model.seams import Written
from kilotar.sinks.base import Sink
from tests.doubles.collections import Small

__all__ = ["PlainFolder", "lay", "tree"]


class PlainFolder:
    """An `OutFolder` on disk that remembers the largest chunk it was given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.largest_chunk_bytes = 0

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size_bytes = hashlib.sha256(), 0
        with target.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
                digest.update(chunk)
                size_bytes += len(chunk)
                self.largest_chunk_bytes = max(self.largest_chunk_bytes, len(chunk))
        return Written(path, size_bytes, digest.hexdigest())


def lay(sink: Sink, small: Small, folder: Path, options: object = None) -> tuple[Written, ...]:
    """Write an output whole: images and XML where the sink places them, then its side files."""
    folder.mkdir(parents=True, exist_ok=True)
    out = PlainFolder(folder)
    for sample, data in small.samples():
        if path := sink.place(sample):
            out.publish(path, [data])
    for annotation in small.annotations:
        if path := sink.place_annotation(annotation):
            out.publish(path, [annotation.xml])
    return sink.finish(small.collection, out, sink.Options() if options is None else options)


def tree(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
