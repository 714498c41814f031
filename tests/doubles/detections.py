"""A detection edition of three classes and a dozen images: inner tars of a class, of negative images, of a later year.

Rules guarded: real tars and XML in the published form; what is said of images is known here.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Detections", "make_detections", "make_packed", "packed_files", "packed_toml"]

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


PACKED_TOML = r"""
name = "tiny-packed-det"
is_detection = true
counts = { train = 7, val = 2 }

[[archives]]
name = "PACKED_DET.tar.gz"
role = "packed"
layout = "tar.gz"
lists = 'ILSVRC(?:2015)?/ImageSets/DET/(?P<split>train|val|test)(?:_[0-9]{1,3})?\.txt'
strictness = { directories = true }
default = true

[[archives]]
name = "DET_train.tar"
role = "images"
split = "train"
layout = "flat-tar"
within = 'ILSVRC(?:2015)?/Data/DET/train/(?:ILSVRC2013_train/n\d{8}|ILSVRC201[34]_train_(?:extra)?\d{1,4})'
member = '(?:n\d{8}_\d+|ILSVRC201[34]_train_\d{8})\.JPEG'
images = 7

[[archives]]
name = "DET_val.tar"
role = "images"
split = "val"
layout = "flat-tar"
within = 'ILSVRC(?:2015)?/Data/DET/val'
member = 'ILSVRC201[23]_val_(?P<number>\d{8})\.JPEG'
images = 2

[[archives]]
name = "DET_test.tar"
role = "images"
split = "test"
layout = "flat-tar"
within = 'ILSVRC(?:2015)?/Data/DET/test'
member = 'ILSVRC201[2-7]_test_(?P<number>\d{8})\.JPEG'

[[archives]]
name = "DET_bbox_train.tar"
role = "boxes"
split = "train"
within = 'ILSVRC(?:2015)?/Annotations/DET/train/.*'

[[archives]]
name = "DET_bbox_val.tar"
role = "boxes"
split = "val"
within = 'ILSVRC(?:2015)?/Annotations/DET/val'
"""
TEST = ("ILSVRC2012_test_00000001", "ILSVRC2017_test_00000002")


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


def make_packed(folder: Path, top: str = "ILSVRC") -> Detections:
    """Write the same images, boxes and lists as one .tar.gz in the form of 2015 to 2017, and the edition."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "PACKED_DET.tar.gz").write_bytes(_tar(packed_files(top), "w:gz"))
    images = {f"{key}.JPEG": _image(key) for keys in (*TRAIN.values(), VAL, TEST) for key in keys}
    return Detections(folder, packed_toml(folder), images)


def packed_toml(folder: Path) -> Path:
    """Write the edition of the packed archive."""
    toml = folder / "packed.toml"
    toml.write_text(PACKED_TOML + "".join(f'\n[[classes]]\nwnid = "{wnid}"\n' for wnid in CLASSES))
    return toml


def packed_files(top: str = "ILSVRC") -> dict[str, bytes]:
    """Give every file of the packed archive by its path; boxes stand before images, lists behind them."""
    places = {key: f"{_inside(folder)}/{key}" for folder, keys in TRAIN.items() for key in keys}
    files = {f"{top}/Annotations/DET/train/{places[key]}.xml": _xml(key, boxes) for key, boxes in BOXES.items()}
    files |= {f"{top}/Annotations/DET/val/{key}.xml": _xml(key, boxes) for key, boxes in VAL_BOXES.items()}
    files |= {f"{top}/Data/DET/test/{key}.JPEG": _image(key) for key in TEST}
    files |= {f"{top}/Data/DET/train/{place}.JPEG": _image(key) for key, place in places.items()}
    files |= {f"{top}/Data/DET/val/{key}.JPEG": _image(key) for key in VAL}
    sets = f"{top}/ImageSets/DET"
    for number, wnid in enumerate(CLASSES, 1):
        lines = [f"{places[key]} {_example(BOXES.get(key), wnid)}\n" for key in places]
        files[f"{sets}/train_{number}.txt"] = "".join(lines).encode()
    for split, keys in (("val", VAL), ("test", TEST)):
        files[f"{sets}/{split}.txt"] = "".join(f"{key} {at}\n" for at, key in enumerate(keys, 1)).encode()
    return files | {f"{top}/devkit/readme.txt": b"of the kit"}


def _inside(folder: str) -> str:
    """Give the folder below `train` of what the archives of 2013 and 2014 have in an inner tar."""
    return f"ILSVRC2013_train/{folder}" if folder.startswith("n") else folder


def _example(boxes: tuple[tuple[str, int, int, int, int], ...] | None, wnid: str) -> int:
    return 1 if any(box[0] == wnid for box in boxes or ()) else -1


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
