"""What a format is, and how formats are found.

Rules guarded: a format is one module of this folder with `ABOUT`, `Options`, `place`, `finish` and `read`; importing it
needs the standard library alone; no writer without a reader; an unknown name is answered with the near misses.
A module without `ABOUT` is no format and is passed over.

A sink of images says where each image goes (`place`); the engine writes it there, original bytes, from one read of the
archive for all sinks of a run, or links it where the same image stands in a finished tree of the same file system.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from kilotar.errors import MissingExtra, UsageError
from kilotar.model.edition import Edition
from kilotar.model.sample import Sample
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written

__all__ = ["NoOptions", "Sink", "SinkAbout", "check_needs", "find_sink", "find_sinks", "parse_options"]


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


class DataclassLike(Protocol):
    """An instance of a frozen dataclass: the options of a sink."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For a sink that has no choices."""


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


@cache
def find_sinks() -> tuple[Sink, ...]:
    """Give every format, sorted by name."""
    package = importlib.import_module(__package__)
    modules = (importlib.import_module(f"{__package__}.{info.name}") for info in pkgutil.iter_modules(package.__path__))
    found = [cast(Sink, module) for module in modules if hasattr(module, "ABOUT")]
    return tuple(sorted(found, key=lambda sink: sink.ABOUT.name))


def find_sink(name: str) -> Sink:
    """Give a format by its name.

    Raises: UsageError, naming the near misses.
    """
    names = [sink.ABOUT.name for sink in find_sinks()]
    for sink in find_sinks():
        if sink.ABOUT.name == name:
            return sink
    near = difflib.get_close_matches(name, names, n=3) or names
    raise UsageError(
        f"there is no format {name!r}", seen="formats: " + ", ".join(names), fix=f"did you mean {' or '.join(near)}?"
    )


def parse_options(sink: Sink, given: tuple[tuple[str, str], ...]) -> DataclassLike:
    """Make a sink's options out of words such as ("kaggle", "yes").

    Raises: UsageError for an option the sink has not, or a word that is no yes or no.
    """
    known = {f.name: f for f in fields(sink.Options)}
    values: dict[str, object] = {}
    for name, word in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"format {sink.ABOUT.name} has no option {name!r}", seen=f"its options: {listed}")
        if word.lower() not in _WORDS:
            raise UsageError(f"option {sink.ABOUT.name}.{name} is yes or no", seen=f"given: {word!r}")
        values[name] = _WORDS[word.lower()]
    return cast(DataclassLike, sink.Options(**values))


_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def check_needs(sink: Sink) -> None:
    """Make sure that the packages a format needs are installed.

    Raises: MissingExtra with the line that installs them.
    """
    missing = [name for name in sink.ABOUT.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"format {sink.ABOUT.name} needs {' and '.join(missing)}",
            seen="not installed",
            fix=f"pip install {' '.join(missing)}",
        )
