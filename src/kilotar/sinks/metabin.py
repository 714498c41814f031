"""torchvision's `meta.bin` without torch: a stored zip around a pickle of plain values.

Rules guarded: the same edition gives the same bytes on every machine and Python (own emitter, fixed times and
attributes); reading runs no pickle machine, only the opcodes that plain tuples, lists, dicts and strings need, on
at most 4 MiB; everything else is refused.
Source: pytorch/vision torchvision/datasets/imagenet.py saves `(wnid -> names, wnids of val in file order)`;
the zip's members are those that torch.load (2.14, weights_only=True) asks for.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from kilotar.errors import LayoutRefused, storage_error

__all__ = ["build_meta_bin", "read_meta_bin"]

T = TypeVar("T")
Meta = tuple[dict[str, tuple[str, ...]], list[str]]

_LIMIT_BYTES = 4 << 20  # the published edition needs 0.3
_FORMS = dict.fromkeys((b"}", b"]", b")", b"(", b"t", b"a", b"e", b"s", b"u", b"\x85", b"\x86", b"\x87"), "") | {
    b"\x80": "<B",
    b"X": "<I",
    b"q": "<B",
    b"r": "<I",
    b"h": "<B",
    b"j": "<I",
}
_MALFORMED = (
    zipfile.BadZipFile,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


def build_meta_bin(names: Mapping[str, Sequence[str]], val_wnids: Sequence[str]) -> bytes:
    """Give the file's bytes.

    Args:
        names:     the words of each class by wnid.
        val_wnids: the class of validation image 1, 2, ...; each one a key of `names`.
    """
    members = (("data.pkl", _pickled(names, val_wnids)), ("byteorder", b"little"), ("version", b"3\n"))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(f"archive/{name}")  # its time is 1980-01-01, always
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
    return whole.getvalue()


def _pickled(names: Mapping[str, Sequence[str]], val_wnids: Sequence[str]) -> bytes:
    place = {wnid: number for number, wnid in enumerate(names)}
    pieces = [b"\x80\x02}("]
    for wnid, words in names.items():
        pieces += [_string(wnid), b"r", struct.pack("<I", place[wnid]), b"(", *map(_string, words), b"t"]
    pieces += [b"u](", *(b"j" + struct.pack("<I", place[wnid]) for wnid in val_wnids), b"e\x86."]
    return b"".join(pieces)


def _string(word: str) -> bytes:
    data = word.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def read_meta_bin(path: Path) -> Meta:
    """Give the words of each class by wnid, and the wnids of val in file order; torchvision's own files too.

    Raises: LayoutRefused for anything but such a file; MachineError.
    """
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ValueError(f"over {_LIMIT_BYTES} bytes")
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            return _checked(_unpickled(_member(archive)))
    except FileNotFoundError as error:
        raise LayoutRefused(f"there is no {path.name}", seen=str(path), fix="prepare the output anew") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    except _MALFORMED as error:
        raise LayoutRefused(
            f"{path} is no meta.bin", seen=str(error) or type(error).__name__, fix="prepare the output anew"
        ) from error


def _member(archive: zipfile.ZipFile) -> bytes:
    (info,) = (info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size > _LIMIT_BYTES:
        raise ValueError(f"{info.filename}: compressed, encrypted or over {_LIMIT_BYTES} bytes")
    return archive.read(info)


def _checked(value: object) -> Meta:
    match value:
        case (dict() as names, list() as wnids):
            if all(_is_words(key, words) for key, words in names.items()) and all(isinstance(w, str) for w in wnids):
                return names, wnids
    raise ValueError("not a pair of a dict of names and a list of wnids")


def _is_words(key: object, words: object) -> bool:
    return isinstance(key, str) and isinstance(words, tuple) and all(isinstance(word, str) for word in words)


def _unpickled(data: bytes) -> object:
    stack: list[object] = []
    marks: list[int] = []
    memo: dict[int, object] = {}
    for opcode, number, word in _opcodes(data):
        match opcode:
            case b"}":
                stack.append({})
            case b"]":
                stack.append([])
            case b")":
                stack.append(())
            case b"(":
                marks.append(len(stack))
            case b"X":
                stack.append(word)
            case b"q" | b"r":
                memo[number] = stack[-1]
            case b"h" | b"j":
                stack.append(memo[number])
            case b"t":
                stack.append(tuple(_cut(stack, marks.pop())))
            case b"\x85" | b"\x86" | b"\x87":
                stack[-number:] = [tuple(stack[-number:])]
            case b"a" | b"e":
                items = _cut(stack, marks.pop()) if opcode == b"e" else [stack.pop()]
                _as(list, stack[-1]).extend(items)
            case b"s" | b"u":
                items = _cut(stack, marks.pop()) if opcode == b"u" else [stack.pop(-2), stack.pop()]
                # Only strings as keys: the hash of nested tuples takes time and stack without end.
                keys = [_as(str, key) for key in items[::2]]
                _as(dict, stack[-1]).update(zip(keys, items[1::2], strict=True))
    (result,) = stack
    return result


def _cut(stack: list[object], start: int) -> list[object]:
    """Take what lies above a mark off the stack."""
    items = stack[start:]
    del stack[start:]
    return items


def _as(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was due")
    return value


def _opcodes(data: bytes) -> Iterator[tuple[bytes, int, str]]:
    """Give (opcode, number, word) up to the end mark. Raises KeyError for an opcode that is not read."""
    at = 0
    while (opcode := data[at : at + 1]) != b".":
        form, number, word = _FORMS[opcode], 0, ""
        at += 1
        if form:
            (number,) = struct.unpack_from(form, data, at)
            at += struct.calcsize(form)
        if opcode == b"X":
            word = str(data[at : at + number], "utf-8")
            at += number
        yield opcode, _TUPLES.get(opcode, number), word
