"""The page of built-in editions: their archives, counts, subsets and odd images, from the editions themselves.

Rules guarded: nothing is said of an edition that it does not say itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import kilotar
from kilotar.editions.load import edition_names
from kilotar.model.edition import Archive, Edition

from .markdown import MADE, cell, flat, table


def editions_page() -> str:
    """Give docs/reference/editions.md."""
    rows = [
        "# Editions",
        MADE,
        "What is built in; `--edition NAME` takes another than the first. An edition of your own is a TOML file: "
        "[your own edition](../editions.md).",
    ]
    for name in edition_names():
        rows += _edition(kilotar.edition(name))
    return "\n\n".join(rows) + "\n"


def _edition(edition: Edition) -> Iterator[str]:
    yield f"## {edition.name}"
    counts = ", ".join(f"{count:,} {split}" for split, count in edition.counts.items())
    yield f"{len(edition.classes):,} classes; images: {counts or 'not counted by split'}."
    if edition.terms:
        yield flat(edition.terms)
    yield "### Archives"
    yield table(["name", "bytes", "infohash", "for"], [_archive(archive) for archive in edition.archives])
    yield "### Digests"
    yield table(
        ["name", "md5", "sha1", "sha256"], [_digests(one) for one in edition.archives if any(_digests(one)[1:])]
    )
    if edition.subsets:
        yield "### Subsets"
        yield table(
            ["`--classes`", "classes", "source"],
            [[f"`{one.name}`", str(len(one.wnids)), cell(one.source)] for one in edition.subsets],
        )
    kinds = (("CMYK", edition.cmyk), ("PNG", edition.png))
    odd = [f"- {kind}: {', '.join(sorted(names))}" for kind, names in kinds if names]
    if odd:
        yield "### Known odd images"
        yield "\n".join(odd)


def _archive(archive: Archive) -> list[str]:
    size = f"{archive.size_bytes:,}" if archive.size_bytes else ""
    infohash = f"`{archive.infohash}`" if archive.infohash else ""
    return [
        f"`{archive.name}`{' (looked for unasked)' if archive.default else ''}",
        size,
        infohash,
        cell(archive.summary),
    ]


def _digests(archive: Archive) -> list[str]:
    known = (archive.md5, archive.sha1, archive.sha256)
    return [f"`{archive.name}`", *(f"`{digest}`" if digest else "" for digest in known)]
