"""Boxes as VOC XML with lists of images; no images.

::

    Annotations/train/<wnid>/<key>.xml      Annotations/val/<wnid>/<key>.xml     no <wnid> in a detection edition
    ImageSets/Main/{train,val}.txt          images that have XML
    ImageSets/WithoutBoxes/{train,val,test}.txt    all other images: they are not empty, nobody has drawn their boxes
    classes.txt                             the names in the XML: wnids, by label

Rules guarded: XML byte for byte as published; a line of a list is the path of an image without its ending, as
`imagefolder` lays them below its root, and of its XML below `Annotations`; classes are told by their wnids.
Source: the kit of PASCAL VOC 2012; open-mmlab/mmdetection datasets/xml_style.py, whose ids may hold folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Sample, Split, key_of
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written
from kilotar.sinks.base import NoOptions, SinkAbout
from kilotar.sinks.boxed import walk_boxed
from kilotar.sinks.rows import Entry, text
from kilotar.sinks.trees import read_lines

ABOUT = SinkAbout(
    name="voc",
    summary="boxes as VOC XML, as published, with lists for detectors",
    folder="voc",
    images=False,
    boxes=True,
    reader="mmdetection XMLDataset (ann_subdir='voc/Annotations', img_subdir=''), code written for PASCAL VOC",
    side_bytes=64,
    detection=True,
)
_ENDING = ".JPEG"  # of every image that XML is joined to
_CLASSES = "classes.txt"
_LISTS = {"Main": True, "WithoutBoxes": False}  # whether its images have XML


Options = NoOptions


def place(sample: Sample) -> str:
    """Give "": there are no images here."""
    return ""


def place_annotation(annotation: Annotation) -> str:
    """Give the path of the XML, which is that of the image in an `imagefolder`."""
    folder = f"Annotations/{annotation.split}"
    return f"{folder}/{annotation.wnid}/{annotation.key}.xml" if annotation.wnid else f"{folder}/{annotation.key}.xml"


def finish(collection: Collection, out: OutFolder, options: NoOptions) -> tuple[Written, ...]:
    """Write the lists and the names of the classes. Raises MachineError."""
    written = [out.publish(_CLASSES, text(f"{wnid}\n" for wnid in collection.classes))]
    for table in collection.tables:
        for folder, has_boxes in _LISTS.items():
            if not has_boxes or table.split is not Split.TEST:
                boxed = walk_boxed(table, collection.boxes, has_boxes=has_boxes)
                lines = (f"{_id(table.split, each.entry)}\n" for each in boxed)
                written.append(out.publish(f"ImageSets/{folder}/{table.split}.txt", text(lines)))
    return tuple(written)


def _id(split: Split, entry: Entry) -> str:
    return "/".join(word for word in (split, entry.wnid, key_of(entry.name)) if word)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read the lists. Raises LayoutRefused, MachineError."""
    labels = {wnid: label for label, wnid in enumerate(read_lines(folder / _CLASSES))}
    if not labels.keys() <= edition.by_wnid.keys():
        raise LayoutRefused(f"{folder / _CLASSES} has a class that {edition.name} has not")
    for split in Split:
        for kind in _LISTS:
            path = folder / "ImageSets" / kind / f"{split}.txt"
            for number, line in enumerate(read_lines(path), start=1):
                wnid, _, key = line.removeprefix(f"{split}/").rpartition("/")
                if not key or (wnid and wnid not in labels):
                    raise LayoutRefused(f"{path}, line {number} names no image", seen=repr(line[:80]))
                yield Row(split, f"{key}{_ENDING}", wnid, labels.get(wnid, NO_LABEL))
