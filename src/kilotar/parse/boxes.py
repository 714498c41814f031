"""The XML of one image's boxes, read with expat inside limits.

Rules guarded: a DOCTYPE, an entity, a foreign encoding, deep or endless markup is refused; a coordinate is one to six
digits. What is odd in a readable file is recorded and left as it is (corners swapped, outside the image, another name);
what cannot be a box is recorded and left out. Names in it are compared, never used as paths.
Source of the form: PASCAL VOC annotations, as in ILSVRC2012_bbox_train_v2.tar.gz.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from kilotar.errors import BoxesRefused
from kilotar.events import Finding
from kilotar.model.sample import Box

__all__ = ["BoxFile", "BoxLimits", "parse_boxes"]

_ENCODINGS = {"utf-8", "us-ascii", "iso-8859-1"}
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.'-]{0,63}", re.ASCII)
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_ONCE = {("folder",), ("filename",), ("size", "width"), ("size", "height")}
_FIX = "fetch the archive of boxes again"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoxLimits:
    """What is read of one file, and of an archive of them."""

    file_bytes: int = 1 << 20
    depth: int = 16
    elements: int = 10_000
    attributes: int = 16
    text_chars: int = 256
    files: int = 2_000_000
    expanded_bytes: int = (4 << 30) - 1


@dataclass(frozen=True, slots=True)
class BoxFile:
    """What one file says.

    Attributes:
        folder, filename: as in the file, "" where they are missing.
        width, height:    of the image in pixels, 0 where they are missing.
        boxes:            in the order of the file, only those that can be one.
        findings:         what is odd (no problem) or left out (a problem).
    """

    folder: str
    filename: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    findings: tuple[Finding, ...]


def parse_boxes(xml: bytes, where: str, limits: BoxLimits | None = None) -> BoxFile:
    """Give the boxes of one file.

    Args:
        where: its name, for messages; its stem is compared with the file name inside.
    Raises: BoxesRefused, naming the line where there is one.
    """
    reader = _Reader(where, limits or BoxLimits())
    reader.read(xml)
    return _Judge(where).judge(reader)


@dataclass(slots=True)
class _Reader:
    """Collects the texts of leaves by their path below the root, within limits."""

    where: str
    limits: BoxLimits
    path: list[str] = field(default_factory=list)
    elements: int = 0
    text: str = ""
    values: dict[Path, list[str]] = field(default_factory=dict)
    objects: list[dict[Path, list[str]]] = field(default_factory=list)

    def read(self, xml: bytes) -> None:
        if len(xml) > self.limits.file_bytes:
            self._refuse(f"is longer than {self.limits.file_bytes} bytes", len(xml))
        if b"\0" in xml:
            self._refuse("holds NUL bytes, as UTF-16 does", xml[:8])
        parser = expat.ParserCreate(encoding="iso-8859-1" if b"iso-8859-1" in xml[:100].lower() else "utf-8")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(xml, True)
        except expat.ExpatError as error:
            raise BoxesRefused(f"{self.where} is no XML", seen=str(error)[:200], fix=_FIX) from error

    def _declare(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            self._refuse("is in an encoding that is not read", encoding)

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        self._refuse("has a DOCTYPE", name)

    def _entity(self, name: str, *rest: object) -> None:
        self._refuse("declares an entity", name)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        if self.elements > self.limits.elements:
            self._refuse(f"has more than {self.limits.elements} elements")
        if len(self.path) >= self.limits.depth:
            self._refuse(f"is nested more than {self.limits.depth} deep")
        if len(attributes) > self.limits.attributes:
            self._refuse(f"has an element with more than {self.limits.attributes} attributes", name)
        if not self.path and name != "annotation":
            self._refuse("must begin with <annotation>", name)
        self.path.append(name)
        self.text = ""
        if self.path == ["annotation", "object"]:
            self.objects.append({})

    def _end(self, name: str) -> None:
        path = tuple(self.path[1:])
        if path[:1] == ("object",) and len(path) > 1:
            self.objects[-1].setdefault(path[1:], []).append(self.text.strip())
        elif path in _ONCE:
            self.values.setdefault(path, []).append(self.text.strip())
        self.path.pop()
        self.text = ""

    def _characters(self, text: str) -> None:
        if len(self.text) + len(text) > self.limits.text_chars:
            self._refuse(f"has a text longer than {self.limits.text_chars} characters", (self.text + text)[:40])
        self.text += text

    def _refuse(self, why: str, seen: object = "") -> NoReturn:
        raise BoxesRefused(f"{self.where} {why}", seen=repr(seen)[:200] if seen != "" else "", fix=_FIX)


@dataclass(slots=True)
class _Judge:
    """Turns texts into values and notes what is odd."""

    where: str
    findings: list[Finding] = field(default_factory=list)

    def judge(self, reader: _Reader) -> BoxFile:
        width, height = (self._length(reader.values, side) for side in ("width", "height"))
        drawn = (self._box(at, texts, width, height) for at, texts in enumerate(reader.objects, 1))
        boxes = tuple(box for box in drawn if box)
        folder, filename = (self._single(reader.values, (name,), name) or "" for name in ("folder", "filename"))
        stem = self.where.rpartition("/")[2].removesuffix(".xml")
        if filename.removesuffix(".JPEG") != stem:
            self._note("name", f"expected the file name {stem!r}, found {filename!r}")
        if not reader.objects:
            self._note("box", "expected an object, found none")
        if len(set(boxes)) != len(boxes):
            self._note("box", "two objects are the same")
        return BoxFile(folder, filename, width, height, boxes, tuple(self.findings))

    def _box(self, number: int, texts: Mapping[Path, Sequence[str]], width: int, height: int) -> Box | None:
        """Give object `number`, None where it cannot be a box."""
        name = self._single(texts, ("name",), f"object {number} left out: its name", is_problem=True)
        sides = [self._coordinate(texts, number, side) for side in _SIDES]
        if name is None or None in sides:
            return None
        if not _NAME.fullmatch(name):
            self._note("box", f"object {number} left out: its name is {name!r}", is_problem=True)
            return None
        xmin, ymin, xmax, ymax = (side or 0 for side in sides)
        if not (xmin < xmax and ymin < ymax):
            self._note("box", f"object {number}: corners ({xmin}, {ymin}) and ({xmax}, {ymax}) are swapped or equal")
        if (width and max(xmin, xmax) > width + 1) or (height and max(ymin, ymax) > height + 1):
            self._note("box", f"object {number}: ({xmin}, {ymin}, {xmax}, {ymax}) is outside {width} x {height}")
        pose = self._single(texts, ("pose",), f"object {number}, pose", "Unspecified") or "Unspecified"
        flags = (self._flag(texts, number, flag) for flag in ("truncated", "difficult"))
        return Box(name, xmin, ymin, xmax, ymax, pose if _NAME.fullmatch(pose) else "Unspecified", *flags)

    def _coordinate(self, texts: Mapping[Path, Sequence[str]], number: int, side: str) -> int | None:
        text = self._single(texts, ("bndbox", side), f"object {number} left out: {side}", is_problem=True)
        if text is not None and not _NUMBER.fullmatch(text):
            self._note("box", f"object {number} left out: {side} is {text[:20]!r}", is_problem=True)
            return None
        return None if text is None else int(text)

    def _flag(self, texts: Mapping[Path, Sequence[str]], number: int, name: str) -> bool:
        text = self._single(texts, (name,), f"object {number}, {name}", "0")
        if text not in ("0", "1"):
            self._note("box", f"object {number}: {name} is {text!r}, taken as 0")
        return text == "1"

    def _length(self, texts: Mapping[Path, Sequence[str]], side: str) -> int:
        text = self._single(texts, ("size", side), side)
        if text is None or not _NUMBER.fullmatch(text) or int(text) == 0:
            self._note("box", f"the {side} of the image is not known: {text!r}")
            return 0
        return int(text)

    def _single(
        self,
        texts: Mapping[Path, Sequence[str]],
        path: Path,
        what: str,
        default: str | None = None,
        *,
        is_problem: bool = False,
    ) -> str | None:
        """Give a text that stands once, the default where it stands never; else note it and give None."""
        found = texts.get(path, ())
        if len(found) == 1:
            return found[0]
        if not found and default is not None:
            return default
        self._note("box", f"{what} stands {len(found)} times", is_problem=is_problem)
        return None

    def _note(self, kind: str, why: str, *, is_problem: bool = False) -> None:
        self.findings.append(Finding(kind, self.where, why, is_problem=is_problem))
