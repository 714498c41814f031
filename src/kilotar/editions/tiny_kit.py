"""The development kit of a small edition: meta.mat and the files beside it, as the kit of 2012 has them.

Rules guarded: meta.mat is a real MAT-5 file of the published shape, one struct array `synsets` of n rows; only what the
published file needs is written (ASCII text, whole numbers, row vectors).
Source: MAT-File Format, Level 5, of MathWorks; field names of ILSVRC2012_devkit_t12/data/meta.mat.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from kilotar.editions.kit_lists import ground_truth_lines
from kilotar.model.edition import Edition, Synset

__all__ = ["kit_files", "write_meta_mat"]

_MI_INT8, _MI_INT32, _MI_UINT32, _MI_MATRIX, _MI_COMPRESSED, _MI_UTF8 = 1, 5, 6, 14, 15, 16
_MX_STRUCT, _MX_CHAR, _MX_DOUBLE = 2, 4, 6
_NAME_BYTES = 17
_FIELDS = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]


def kit_files(edition: Edition) -> dict[str, bytes]:
    """Give the files of a kit of 2012 by their paths."""
    folder = "ILSVRC2012_devkit_t12"
    return {
        f"{folder}/readme.txt": b"The development kit of a small edition.\n",
        f"{folder}/data/meta.mat": write_meta_mat(edition),
        f"{folder}/data/ILSVRC2012_validation_ground_truth.txt": "".join(ground_truth_lines(edition)).encode(),
    }


def write_meta_mat(edition: Edition) -> bytes:
    """Give meta.mat, one compressed variable, little endian."""
    synsets = sorted(edition.by_wnid.values(), key=lambda synset: synset.ilsvrc_id)
    names = b"".join(name.encode().ljust(_NAME_BYTES, b"\0") for name in _FIELDS)
    cells = b"".join(_cell(value) for synset in synsets for value in _row(synset, synsets))
    body = _element(_MI_INT32, struct.pack("<i", _NAME_BYTES)) + _element(_MI_INT8, names) + cells
    packed = zlib.compress(_matrix(_MX_STRUCT, (len(synsets), 1), body, b"synsets"))
    head = b"MATLAB 5.0 MAT-file, of a small edition".ljust(116) + bytes(8) + b"\x00\x01IM"
    return head + struct.pack("<II", _MI_COMPRESSED, len(packed)) + packed


def _row(synset: Synset, synsets: Sequence[Synset]) -> tuple[str | list[int] | int, ...]:
    children = [each.ilsvrc_id for each in synsets if synset.wnid in each.parents]
    return (
        synset.ilsvrc_id,
        synset.wnid,
        synset.words,
        synset.gloss,
        len(children),
        children,
        _height(synset, synsets),
        synset.train_images,
    )


def _height(synset: Synset, synsets: Sequence[Synset]) -> int:
    return max((1 + _height(each, synsets) for each in synsets if synset.wnid in each.parents), default=0)


def _cell(value: str | list[int] | int) -> bytes:
    if isinstance(value, str):
        text = value.encode("ascii")
        return _matrix(_MX_CHAR, (1 if text else 0, len(text)), _element(_MI_UTF8, text))
    numbers = value if isinstance(value, list) else [value]
    data = struct.pack(f"<{len(numbers)}i", *numbers)
    return _matrix(_MX_DOUBLE, (1 if numbers else 0, len(numbers)), _element(_MI_INT32, data))


def _matrix(kind: int, dims: tuple[int, int], body: bytes, name: bytes = b"") -> bytes:
    head = _element(_MI_UINT32, struct.pack("<II", kind, 0)) + _element(_MI_INT32, struct.pack("<ii", *dims))
    return _element(_MI_MATRIX, head + _element(_MI_INT8, name) + body)


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)
