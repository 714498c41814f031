"""What a format is, and how formats are found.

Rules guarded: a format is one module of this folder with `ABOUT`, `Options`, `place`, `finish` and `read`; importing it
needs the standard library alone; no writer without a reader; an unknown name is answered with the near misses.
A module without `ABOUT` is no format and is passed over.

A sink of images says where each image goes (`place`); the engine writes it there, original bytes, from one read of the
archive for all sinks of a run, or links it where the same image stands in a finished tree of the same file system.
A sink of shards (`ShardSink`) says how many shards there are and what they are called, and turns samples into the bytes
of one; which sample stands where is decided once for all of them (`kilotar.plan.order`), and files appear whole.
Where a library must write the file itself, or parts of it are known last, the sink builds it under a temporary name
(`BuildSink`).
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from kilotar.errors import MissingExtra, UsageError
from kilotar.model.edition import Edition
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Box, Sample, Split
from kilotar.model.seams import Annotation, Collection, Item, OutFolder, Row, Shard, Written

__all__ = [
    "BuildSink",
    "KeepBoxes",
    "NoOptions",
    "ShardOptions",
    "ShardSink",
    "Sink",
    "SinkAbout",
    "as_builder",
    "as_shards",
    "beside_of",
    "check_needs",
    "find_sink",
    "find_sinks",
    "keep_boxes_of",
    "pixels_of",
    "side_bytes_of",
]


@dataclass(frozen=True, slots=True)
class SinkAbout:
    """A format as data.

    Attributes:
        name:    as on the command line.
        summary: one line for `kilotar formats` and the docs.
        folder:  where it goes below the root unless told otherwise; "." is the root itself.
        version: raised when the same settings would give other bytes; part of the plan's identity.
        images:  whether it holds images, or only files about them.
        needs:   packages that must be installed, for the install line.
        reader:  what reads it, one line.
        snippet: a line of code that uses it, with {folder}; "" for none.
        side_bytes: size of its side files for each image, measured at full size; for the plan.
        shards:  whether it is a `ShardSink`.
        early:   whether the number of its shards follows from the number of images alone; then they can be written
            while an archive arrives.
        stamped: package whose release shows in the bytes, so that they are the same for the same release; "" for none.
        boxes:   whether it is made of boxes, which are then wanted without being asked for.
        builds:  whether it is a `BuildSink`.
        odd:     what its ecosystem expects of CMYK JPEGs, and of PNG under a JPEG's name: "keep" them as published, or
            "convert" them to RGB JPEGs.
        detection: whether it can hold images that have no class of their own, only boxes.
    """

    name: str
    summary: str
    folder: str
    version: int = 1
    images: bool = True
    needs: tuple[str, ...] = ()
    reader: str = ""
    snippet: str = ""
    side_bytes: int = 0
    shards: bool = False
    early: bool = False
    stamped: str = ""
    boxes: bool = False
    builds: bool = False
    odd: str = "keep"
    detection: bool = False


class DataclassLike(Protocol):
    """An instance of a frozen dataclass: the options of a sink."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For a sink that has no choices."""


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """What every format of shards lets a person choose; a format adds its own.

    Attributes:
        order: "archive": as the images lie in the archives; "windowed": the same, mixed within windows that fit into
            memory and arrive together; "shuffled": mixed, the same on every machine; "official": as the format's own
            tool has it, where it has an order.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for the format's usual number; other splits keep their usual length.
    """

    order: str = "shuffled"  # readers mix a few shards at a time: sorted by class, a batch would be of one class
    seed: int = 0
    shards: int = 0


class Sink(Protocol):
    """The contract of a module in this folder."""

    @property
    def ABOUT(self) -> SinkAbout: ...

    @property
    def Options(self) -> type[Any]: ...

    def place(self, sample: Sample) -> str:
        """Give the path of an image below the output's folder; "" where the sink holds no images."""
        ...

    def place_annotation(self, annotation: Annotation) -> str:
        """Give the path of an image's XML below the output's folder; "" where the sink holds none."""
        ...

    def finish(self, collection: Collection, out: OutFolder, options: Any) -> tuple[Written, ...]:
        """Write the side files, when every image is in place."""
        ...

    def read(self, folder: Path, edition: Edition) -> Iterator[Row]:
        """Read an output back, in any stable order."""
        ...


class ShardSink(Protocol):
    """The contract of a module whose output is shards; `place` and `place_annotation` are not asked for."""

    @property
    def ABOUT(self) -> SinkAbout: ...

    @property
    def Options(self) -> type[Any]: ...

    @property
    def OFFICIAL(self) -> Callable[[Sample], Any] | None:
        """Gives the key by which the format's own tool sorts samples; None where it has no order of its own."""
        ...

    def count(self, split: Split, sizes: Sequence[int], options: Any) -> int:
        """Give the number of shards of a split, at least 1, by the lengths of its images."""
        ...

    def path(self, split: Split, number: int, count: int) -> str:
        """Give where a shard stands below the output's folder."""
        ...

    def encode(
        self, items: Iterable[Item], shard: Shard, collection: Collection, options: Any
    ) -> Iterator[bytes | memoryview]:
        """Give the bytes of a shard, piece by piece; an item's data is passed on before the next is asked for."""
        ...

    def finish(self, collection: Collection, out: OutFolder, options: Any) -> tuple[Written, ...]:
        """Write the side files, when every shard is in place; `collection.shards` has them."""
        ...

    def read(self, folder: Path, edition: Edition) -> Iterator[Row]:
        """Read an output back, shard after shard."""
        ...


class BuildSink(ShardSink, Protocol):
    """The contract of a module that writes the file of a shard by itself instead of giving its bytes.

    `encode` is not asked for.
    """

    def build(self, path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Any) -> None:
        """Write a shard as one new file at `path`, whose folder exists; nothing else may stay beside it.

        It need not be durable: whoever calls syncs, hashes and renames it. Raises OSError.
        """
        ...


def as_shards(sink: Sink | ShardSink) -> ShardSink | None:
    """Give a sink as what it is, None where it writes no shards."""
    return cast(ShardSink, sink) if sink.ABOUT.shards else None


def as_builder(sink: ShardSink) -> BuildSink | None:
    """Give a sink of shards as one that writes its files itself, None where it gives bytes."""
    return cast(BuildSink, sink) if sink.ABOUT.builds else None


def pixels_of(sink: Sink | ShardSink, options: object) -> Pixels:
    """Give what a format needs done to images: what its function `pixels(options)` says, nothing where it has none.

    An item's data then comes in that form.
    """
    own = getattr(sink, "pixels", None)
    return cast(Pixels, own(options)) if own is not None else Pixels()


KeepBoxes = Callable[[tuple[Box, ...], str, bytes, Container[str]], tuple[Box, ...]]
"""Gives what can be read back of an image's boxes, by its wnid, its bytes and the classes of the output."""


def keep_boxes_of(sink: Sink | ShardSink) -> KeepBoxes | None:
    """Give a format's function `keep_boxes`; None where all boxes are read back as they are."""
    return cast(KeepBoxes | None, getattr(sink, "keep_boxes", None))


def side_bytes_of(sink: Sink | ShardSink, options: object) -> int:
    """Give `ABOUT.side_bytes`, or what a format's function `side_bytes(options)` says where it hangs on choices."""
    own = getattr(sink, "side_bytes", None)
    return cast(int, own(options)) if own is not None else sink.ABOUT.side_bytes


@cache
def find_sinks() -> tuple[Sink, ...]:
    """Give every format, sorted by name."""
    modules = (importlib.import_module(f"{__package__}.{name}") for name in _modules())
    found = [cast(Sink, module) for module in modules if hasattr(module, "ABOUT")]
    return tuple(sorted(found, key=lambda sink: sink.ABOUT.name))


def _modules() -> list[str]:
    return [info.name for info in pkgutil.iter_modules(importlib.import_module(__package__).__path__)]


def find_sink(name: str) -> Sink:
    """Give a format by its name, which is that of its module.

    Raises: UsageError, naming the near misses.
    """
    module = name.replace("-", "_")
    if module in _modules():
        found = importlib.import_module(f"{__package__}.{module}")  # alone: a process that writes shards needs one
        if hasattr(found, "ABOUT") and found.ABOUT.name == name:
            return cast(Sink, found)
    names = [sink.ABOUT.name for sink in find_sinks()]
    near = difflib.get_close_matches(name, names, n=3) or names
    raise UsageError(
        f"there is no format {name!r}", seen="formats: " + ", ".join(names), fix=f"did you mean {' or '.join(near)}?"
    )


_DISTRIBUTIONS = {"lance": "pylance"}  # where a package is not called as it is imported: "lance" is somebody else's


def beside_of(
    sink: ShardSink, shard: Shard, collection: Collection, options: DataclassLike
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Give path and content of files that are of one shard alone; `finish` publishes them too, and is what counts."""
    beside = getattr(sink, "beside", None)  # of a sink that has such files
    return beside(shard, collection, options) if beside else iter(())


def check_needs(sink: Sink) -> None:
    """Make sure that the packages a format needs are installed.

    Raises: MissingExtra with the line that installs them.
    """
    missing = [name for name in sink.ABOUT.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"format {sink.ABOUT.name} needs {' and '.join(missing)}",
            seen="not installed",
            fix=f"pip install {' '.join(_DISTRIBUTIONS.get(name, name) for name in missing)}",
        )
