"""A detection edition of three classes and a dozen images: inner tars of a class, of negative images, of a later year.

Rules guarded: real tars and XML in the published form; what is said of images is known here.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Detections", "make_detections"]

CLASSES = ("n02084071", "n02121808", "n02672831")  # dog, domestic cat, accordion
Drawn = Mapping[str, tuple[tuple[str, int, int, int, int], ...]]

TRAIN: Mapping[str, tuple[str, ...]] = {
    "n02672831": ("n02672831_11478", "n02672831_9"),
    "n01756291": ("n01756291_16993",),  # a synset below a class, not one of the classes
    "ILSVRC2013_train_extra0": ("ILSVRC2013_train_00000001", "ILSVRC2013_train_00000002"),
    "ILSVRC2014_train_0000": ("ILSVRC2014_train_00000003", "ILSVRC2014_train_00000004"),
}
VAL = ("ILSVRC2012_val_00000018", "ILSVRC2013_val_00000002")
BOXES: Drawn = {
    "n02672831_11478": (("n02672831", 1, 2, 30, 40),),
    "n02672831_9": tuple(("n02084071", 1 + at, 2, 30 + at, 40) for at in range(30)),
    "n01756291_16993": (("n02121808", 5, 5, 10, 10),),
    "ILSVRC2014_train_00000003": (("n02672831", 3, 3, 9, 9), ("n02121808", 4, 4, 20, 20)),
    "ILSVRC2014_train_00000004": (),  # looked at, and nothing found
}
VAL_BOXES: Drawn = {"ILSVRC2012_val_00000018": (("n02084071", 2, 2, 12, 12),)}

TOML = r"""
name = "tiny-det"
is_detection = true
counts = { train = 7, val = 2 }

[[archives]]
name = "DET_train.tar"
role = "images"
split = "train"
layout = "tar-of-tars"
inner = 'n\d{8}|ILSVRC2013_train_extra\d{1,2}|ILSVRC2014_train_\d{4}'
member = '(?:n\d{8}_\d+|ILSVRC201[34]_train_\d{8})\.JPEG'
strictness = { directories = true }
images = 7

[[archives]]
name = "DET_val.tar"
role = "images"
split = "val"
layout = "flat-tar"
member = 'ILSVRC201[23]_val_(?P<number>\d{8})\.JPEG'
strictness = { directories = true }
images = 2

[[archives]]
name = "DET_bbox_train.tgz"
role = "boxes"
split = "train"
layout = "tar.gz"

[[archives]]
name = "DET_bbox_val.tgz"
role = "boxes"
split = "val"
layout = "tar.gz"
"""


@dataclass(frozen=True, slots=True)
class Detections:
    """Where the archives are, the edition's file, and the bytes of each image by its name."""

    folder: Path
    toml: Path
    images: Mapping[str, bytes]


def make_detections(folder: Path) -> Detections:
    """Write the archives and the edition."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {f"{key}.JPEG": _image(key) for keys in (*TRAIN.values(), VAL) for key in keys}
    inner = {
        f"DET_train/{stem}.tar": _tar({f"{key}.JPEG": images[f"{key}.JPEG"] for key in keys})
        for stem, keys in TRAIN.items()
    }
    (folder / "DET_train.tar").write_bytes(_tar(inner))
    (folder / "DET_val.tar").write_bytes(_tar({f"DET_val/{key}.JPEG": images[f"{key}.JPEG"] for key in VAL}))
    for name, drawn, top in (("train", BOXES, "ILSVRC2014_DET_bbox_train"), ("val", VAL_BOXES, "ILSVRC2013_DET_val")):
        files = {f"{top}/{key.rpartition('_')[0]}/{key}.xml": _xml(key, boxes) for key, boxes in drawn.items()}
        (folder / f"DET_bbox_{name}.tgz").write_bytes(_tar(files, "w:gz"))
    toml = folder / "det.toml"
    toml.write_text(TOML + "".join(f'\n[[classes]]\nwnid = "{wnid}"\n' for wnid in CLASSES))
    return Detections(folder, toml, images)


def _image(key: str) -> bytes:
    return b"\xff\xd8\xff\xe0" + key.encode() * 20 + b"\xff\xd9"


def _xml(key: str, boxes: tuple[tuple[str, int, int, int, int], ...]) -> bytes:
    sides = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
    objects = "".join(f"<object><name>{name}</name>{sides.format(*box)}</object>" for name, *box in boxes)
    size = "<size><width>64</width><height>48</height></size>"
    return f"<annotation><folder>x</folder><filename>{key}</filename>{size}{objects}</annotation>".encode()


def _tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()
