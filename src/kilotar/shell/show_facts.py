"""Facts as tables: archives, classes, formats. Nothing here needs a data set or a network."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Protocol

from kilotar.model.edition import Archive, Edition, Synset
from kilotar.shell.text import columns, cut, field, one_line
from kilotar.shell.units import both_units, count

__all__ = ["option_names", "show_archives", "show_classes", "show_formats"]


class About(Protocol):
    """What a shell needs to know of a format; see `kilotar.find_sinks`."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def reader(self) -> str: ...


class Format(Protocol):
    """A format as the library gives it."""

    @property
    def ABOUT(self) -> About: ...
    @property
    def Options(self) -> type[Any]: ...


def show_archives(edition: Edition) -> list[str]:
    """Give every archive of an edition: size, digests, where it is to be had, what it is for."""
    lines = [f"  {one_line(edition.name)}: {count(len(edition.archives))} archives; * is what `prepare` looks for"]
    for archive in edition.archives:
        lines += _archive(archive)
    if edition.terms:
        lines.append(field("terms", edition.terms))
    return lines


def _archive(archive: Archive) -> list[str]:
    size_text = both_units(archive.size_bytes) if archive.size_bytes is not None else "size unknown"
    images = f", {count(archive.images)} images" if archive.images is not None else ""
    lines = [f"{'*' if archive.default else ' '} {one_line(archive.name)}  {size_text}{images}"]
    facts = (
        ("for", archive.summary),
        ("md5", archive.md5),
        ("sha1", archive.sha1),
        ("sha256", archive.sha256),
        ("infohash", archive.infohash),
    )
    lines += ["  " + field(name, text) for name, text in facts if text]
    return lines + ["  " + field("url", url) for url in archive.urls]


def show_classes(classes: Sequence[Synset]) -> list[str]:
    """Give classes as a table; label is 0-based by sorted wnid, ilsvrc_id the development kit's."""
    rows = [
        (str(c.label) if c.label >= 0 else "-", c.wnid, str(c.ilsvrc_id), count(c.train_images), cut(c.words, 60))
        for c in classes
    ]
    table = columns(("label", "wnid", "ilsvrc_id", "train", "words"), rows, frozenset({0, 2, 3}))
    return [*table, f"  {count(len(rows))} classes"]


def show_formats(sinks: Sequence[Format]) -> list[str]:
    """Give every format: what it is, what reads it, its options, and whether what it needs is installed."""
    lines: list[str] = []
    for sink in sinks:
        about = sink.ABOUT
        lines.append(f"  {about.name:<12} {one_line(about.summary)}")
        lacking = [name for name in about.needs if importlib.util.find_spec(name) is None]
        facts = (
            ("folder", "ROOT" if about.folder == "." else f"ROOT/{about.folder}"),
            ("read by", about.reader),
            ("options", " ".join(option_words(sink))),
            ("lacks", f"pip install {' '.join(lacking)}" if lacking else ""),
        )
        lines += ["    " + field(name, text) for name, text in facts if text]
    return lines


def option_words(sink: Format) -> tuple[str, ...]:
    """Give each option of a format as it is said: a switch as what turns it over, all others with their default."""
    turned = {True: "no", False: "yes"}
    defaults = ((option.name, option.default) for option in fields(sink.Options))
    words = ((name, turned[default] if isinstance(default, bool) else str(default)) for name, default in defaults)
    return tuple(f"--option {sink.ABOUT.name}.{name}={word}" for name, word in words if word)


def option_names(sink: Format) -> tuple[str, ...]:
    """Give the names of a format's options."""
    return tuple(option.name for option in fields(sink.Options))
