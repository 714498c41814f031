"""A folder that writes plainly, and a loop that fills it as an engine would, without durability, journal or proof."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from kilotar.model.sample import NO_LABEL
from kilotar.model.seams import Collection, Item, OutFolder, ShardFact, Written
from kilotar.sinks.base import DataclassLike, Sink, as_builder, as_shards, pixels_of
from kilotar.work.sharding import Sharding
from tests.doubles.collections import Small
from tests.doubles.ppms import as_ppm

__all__ = ["PlainFolder", "lay", "seen", "shards_of", "tree"]


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

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        with (self.path / path).open("rb") as file:
            file.seek(offset)
            return file.read(size_bytes)


def seen(sink: Sink, small: Small, options: object) -> Small:
    """Give the collection with its images as the sink gets them: pixels where it asks for pixels."""
    pixels = pixels_of(sink, options)
    if pixels.form != "ppm" or next(iter(small.images.values()), b"P6").startswith(b"P6"):
        return small
    return as_ppm(small, int(pixels.resize.partition(":")[2] or 7))


def shards_of(sink: Sink, small: Small, options: object, out: OutFolder) -> tuple[Collection, tuple[Written, ...]]:
    """Write the shards of an output; give the collection with them, as `finish` gets it, and the files."""
    shards = as_shards(sink)
    if shards is None:
        return small.collection, ()
    data = {(sample.split, sample.name): image for sample, image in seen(sink, small, options).samples()}
    ranks = {wnid: rank for rank, wnid in enumerate(small.collection.classes)} | {"": NO_LABEL}
    planned = Sharding.of(shards, cast(DataclassLike, options), small.collection, {}).shards.values()
    written = []
    for shard in planned:
        samples = small.collection.samples(shard)
        items = (Item(s, ranks[s.wnid], memoryview(data[s.split, s.name])) for s in samples)
        builder = as_builder(shards)
        if builder is None:
            written.append(out.publish(shard.path, shards.encode(items, shard, small.collection, options)))
            continue
        with TemporaryDirectory() as scratch:
            builder.build(Path(scratch, "built"), items, shard, small.collection, options)
            assert os.listdir(scratch) == ["built"]
            written.append(out.publish(shard.path, [Path(scratch, "built").read_bytes()]))
    facts = (ShardFact(shard, file.size_bytes, file.sha256) for shard, file in zip(planned, written, strict=True))
    return replace(small.collection, shards=tuple(facts)), tuple(written)


def places(sink: Sink, small: Small) -> list[str]:
    """Give where each image, and then each XML, stands by itself, "" where nowhere; nothing for shards."""
    if sink.ABOUT.shards:
        return []
    images = [sink.place(sample) for sample, _ in small.samples()]
    return images + [sink.place_annotation(annotation) for annotation in small.annotations]


def lay(sink: Sink, small: Small, folder: Path, options: object = None) -> tuple[Written, ...]:
    """Write an output whole: images and XML where the sink places them, or shards, then its side files."""
    folder.mkdir(parents=True, exist_ok=True)
    out = PlainFolder(folder)
    options = sink.Options() if options is None else options
    contents = [data for _, data in small.samples()] + [annotation.xml for annotation in small.annotations]
    for path, content in zip(places(sink, small), contents, strict=False):
        if path:
            out.publish(path, [content])
    collection, written = shards_of(sink, small, options, out)
    return (*written, *sink.finish(collection, out, options))


def tree(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
