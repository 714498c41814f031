"""The bytes of an archive that is made again out of images.

Rules guarded: they follow from names and images alone, sorted by class and name; of images under one name the first is
taken, and the others are told; every image is held against the digest that it came with; the length is never that of a
published archive, so that it is not taken for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain

from kilotar.errors import MachineError
from kilotar.events import Finding
from kilotar.model.edition import Archive, Layout
from kilotar.sinks.tar_shards import END, header, member_bytes
from kilotar.store.piles import Piled, Piles

__all__ = ["RemadeTar"]

_RECORD = 10_240  # published tars are multiples of it


class RemadeTar:
    """The bytes of an archive made of piles; they can be read twice."""

    def __init__(self, about: Archive, piles: Piles, findings: list[Finding]) -> None:
        self._about = about
        self._piles = piles
        self._findings = findings

    def __iter__(self) -> Iterator[bytes]:
        total = 0
        for piece in chain(self._members(), (END,)):
            total += len(piece)
            yield piece
        if total % _RECORD == 0:
            yield bytes(512)

    def _members(self) -> Iterator[bytes]:
        for key in self._piles.classes():
            records = self._sorted(key)
            if self._about.layout is not Layout.TAR_OF_TARS:
                yield from self._images(key, records)
                continue
            size_bytes = sum(member_bytes(record.size_bytes) for record in records) + len(END)
            yield header(f"{key}.tar", size_bytes)
            yield from self._images(key, records)
            yield END

    def _sorted(self, key: str) -> list[Piled]:
        """Give the records of a class by name, of equal names the first."""
        kept: dict[str, Piled] = {}
        for record in self._piles.records(key):
            first = kept.setdefault(record.name, record)
            if first is not record:
                why = "the same bytes" if first.sha256 == record.sha256 else "OTHER bytes"
                finding = Finding("duplicate", record.name, f"{why} stand there under this name; the first were taken")
                if finding not in self._findings:
                    self._findings.append(finding)
        return [kept[name] for name in sorted(kept)]

    def _images(self, key: str, records: Iterable[Piled]) -> Iterator[bytes]:
        with self._piles.path(key).open("rb") as file:
            for record in records:
                file.seek(record.offset)
                data = file.read(record.size_bytes)
                if hashlib.sha256(data).digest() != record.sha256:
                    raise MachineError(f"the disk changed {record.name}", seen=f"in the pile of {key}")
                yield header(record.name, len(data))
                yield data
                yield bytes(-len(data) % 512)
