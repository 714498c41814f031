"""Boxes as COCO json, for detectors; no images.

::

    annotations/instances_{train,val}.json          images that have XML, their boxes, the classes
    annotations/image_info_{train,val,test}.json    all other images: they are not empty, nobody has drawn their boxes

Rules guarded: every box of an image is there, in the order of its XML, as x, y, width, height in pixels with swapped
corners put right; sizes of images are those of the XML; ids count from 1, also of categories, whose id is the label
plus 1; a box of a class that was not chosen has a category behind those; `file_name` is below the folder of the split,
as `imagefolder` lays images; a file is written as a stream.
Source: cocodataset/cocoapi, its format of data; open-mmlab/mmtracking imagenet2coco_det.py for the form of boxes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written
from kilotar.model.table import SampleTable
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.boxed import Boxed, walk_boxed
from kilotar.sinks.rows import class_names, text
from kilotar.sinks.trees import read_lines

ABOUT = SinkAbout(
    name="coco",
    summary="boxes as COCO json, train and val, all boxes of an image",
    folder="coco",
    images=False,
    boxes=True,
    reader="pycocotools, torchvision CocoDetection, mmdetection, detectron2, FiftyOne",
    snippet='torchvision.datasets.CocoDetection("{folder}/../train", "{folder}/annotations/instances_train.json")',
    side_bytes=320,
    detection=True,
)
Object = dict[str, object]  # what json writes as one


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of this format.

    Attributes:
        flat_val: name val images without class folder, as the published archive and `cls-loc` have them.
    """

    flat_val: bool = False


def place(sample: Sample) -> str:
    """Give "": there are no images here."""
    return ""


def place_annotation(annotation: Annotation) -> str:
    """Give "": all boxes of a split are in one file."""
    return ""


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write two files a split, and one for test. Raises MachineError."""
    files = [file for table in collection.tables for file in _files(table, collection, options)]
    return tuple(out.publish(f"annotations/{name}.json", text(pieces)) for name, pieces in files)


def _files(table: SampleTable, collection: Collection, options: Options) -> Iterator[tuple[str, Iterable[str]]]:
    is_flat = table.split is Split.TEST or (table.split is Split.VAL and options.flat_val)
    if table.split is not Split.TEST:
        yield f"instances_{table.split}", _document(table, collection, is_flat=is_flat, has_boxes=True)
    yield f"image_info_{table.split}", _document(table, collection, is_flat=is_flat, has_boxes=False)


def _document(table: SampleTable, collection: Collection, *, is_flat: bool, has_boxes: bool) -> Iterator[str]:
    """Give a file, object by object; categories come last, when all classes of boxes are known."""
    yield f'{{"info": {{"description": "{collection.edition.name} {table.split}"}},\n"licenses": [],\n"images": [\n'
    found = walk_boxed(table, collection.boxes, has_boxes=has_boxes)
    yield from _listed(_image(number, each, is_flat) for number, each in enumerate(found, start=1))
    yield '\n],\n"annotations": [\n'
    names = zip(collection.classes, class_names(collection), strict=True)
    categories = [_category(number, wnid, name) for number, (wnid, name) in enumerate(names, start=1)]
    if has_boxes:
        yield from _listed(_annotations(walk_boxed(table, collection.boxes, has_boxes=True), categories))
    yield '\n],\n"categories": [\n'
    yield from _listed(categories)
    yield "\n]}\n"


def _image(number: int, boxed: Boxed, is_flat: bool) -> Object:
    wnid, name = boxed.entry
    known = {"width": boxed.width, "height": boxed.height} if boxed.width and boxed.height else {}
    return {"id": number, "file_name": name if is_flat or not wnid else f"{wnid}/{name}", **known, "wnid": wnid}


def _category(number: int, wnid: str, name: str) -> Object:
    return {"id": number, "name": name, "supercategory": "", "wnid": wnid}


def _annotations(images: Iterable[Boxed], categories: list[Object]) -> Iterator[Object]:
    """Give every box; classes that are not among the categories are added to them."""
    ids = {str(category["wnid"]): category["id"] for category in categories}
    number = 0
    for image, boxed in enumerate(images, start=1):
        for box in boxed.boxes:
            number += 1
            if box.wnid not in ids:
                ids[box.wnid] = len(ids) + 1
                categories.append(_category(len(ids), box.wnid, box.wnid))
            yield {"id": number, "image_id": image, "category_id": ids[box.wnid], **_shape(box)}


def _shape(box: Box) -> Object:
    width, height = abs(box.xmax - box.xmin), abs(box.ymax - box.ymin)
    sides = [min(box.xmin, box.xmax), min(box.ymin, box.ymax), width, height]
    return {"bbox": sides, "area": width * height, "iscrowd": 0}


def _listed(objects: Iterable[Object]) -> Iterator[str]:
    """Give objects as the elements of a list, one a line."""
    for number, each in enumerate(objects):
        yield (",\n" if number else "") + json.dumps(each, separators=(",", ":"))


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read the images of every file, line by line. Raises LayoutRefused, MachineError."""
    for split in Split:
        for kind in ("instances", "image_info"):
            path = folder / "annotations" / f"{kind}_{split}.json"
            labels = {wnid: number - 1 for number, wnid, _ in _section(path, "categories") if wnid in edition.by_wnid}
            labels[""] = NO_LABEL
            for _, wnid, name in _section(path, "images"):
                if wnid not in labels:
                    raise LayoutRefused(f"{path} names a class that it has not", seen=repr(wnid)[:80])
                yield Row(split, name.rpartition("/")[2], wnid, labels[wnid])


def _section(path: Path, name: str) -> Iterator[tuple[int, str, str]]:
    """Give id, wnid and file name ("" for categories) of each object of a list; nothing where there is no file."""
    is_inside = is_found = False
    number = 0
    for number, line in enumerate(read_lines(path), start=1):
        if line == f'"{name}": [':
            is_inside = is_found = True
        elif line.startswith("]"):
            is_inside = False
        elif is_inside and line:
            try:
                each = json.loads(line.removesuffix(","))
                yield int(each["id"]), str(each["wnid"]), str(each.get("file_name", ""))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise LayoutRefused(f"{path}, line {number} is none of ours", seen=repr(error)[:200]) from error
    if number and not is_found:
        raise LayoutRefused(f"{path} is no COCO file of ours", seen=f"it has no list of {name}")
