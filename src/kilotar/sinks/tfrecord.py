"""TFRecords in the schema of tensorflow/models, as MLPerf, keras-cv and DALI's examples read them.

::

    train-00000-of-01024 ...  validation-00000-of-00128 ...  test-00000-of-00128 ...
    labels.txt                  wnids in the order of labels, the first line is label 1
    idx/<shard>.idx             offsets and lengths of records, for DALI

Rules guarded: labels count from 1, 0 is nobody's ("background"), -1 is that of test; as many shards as readers have
written into them, one for each image where there are fewer images; every key is in every record; bytes of images as
published. `image/channels` is 3 for gray images too, as the original script writes it: it is what they are decoded to.

CMYK images and the PNG become RGB JPEGs of quality 100, as the original script has it, but by Pillow; with
`--odd keep` they keep their bytes, and `image/colorspace`, `image/channels` and `image/format` say so.

Boxes are left out as the original does: those of another class, those without area, and all of an image whose header
has no size (height and width are 0 then).
Height and width take three bytes each, and a record that loses a box outside its image is filled up with a field that
readers pass over: so the lengths of records are known from the names, sizes and boxes of images.

Source: tensorflow/models research/slim/datasets/{build_imagenet_data,process_bounding_boxes}.py, tensorflow/tpu
tools/datasets/imagenet_to_gcs.py, keras-team/keras-cv datasets/imagenet/load.py, NVIDIA/DALI tools/tfrecord2idx.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.model.table import Facts
from kilotar.parse.example import Example, parse_example
from kilotar.parse.jpeg import JpegFacts, probe_jpeg
from kilotar.parse.png import probe_png
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.example import example, example_bytes, features_bytes, floats, ints, padding, text, wide_int
from kilotar.sinks.numbering import wished
from kilotar.sinks.reading import FileRows, boxes_of, refusing, row_at
from kilotar.sinks.tfrecord_frames import FRAME_BYTES, frame, read_frames
from kilotar.sinks.trees import file_names

ABOUT = SinkAbout(
    name="tfrecord",
    summary="TFRecords of tensorflow/models: labels from 1, CMYK and PNG images as RGB",
    folder="tfrecord",
    needs=("google_crc32c",),
    reader="tensorflow/models, MLPerf ResNet, keras-cv, DALI",
    snippet='tf.data.TFRecordDataset(tf.io.gfile.glob("{folder}/train-*"))',
    side_bytes=14,
    shards=True,
    early=True,
    odd="convert",
    version=2,
)
OFFICIAL = None  # the original shuffles what a folder lists first: another order on every machine
_NAMES = {Split.TRAIN: ("train", 1024), Split.VAL: ("validation", 128), Split.TEST: ("test", 128)}
_FILE = re.compile(r"(train|validation|test)-([0-9]{5})-of-([0-9]{5})", re.ASCII)
_IMAGE = "image/encoded"
_MAX_SIDE_PX = (1 << 21) - 1
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_Sides = tuple[float, float, float, float]  # the same, as parts of width and height


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format; see `ShardOptions` for order and seed.

    Attributes:
        shards: of the training images, 0 for the 1024 that readers expect.
        idx: write the offsets that DALI wants.
    """

    idx: bool = True


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give the number that readers expect, or one for each image where there are fewer images."""
    return wished(options, split, min(_NAMES[split][1], len(sizes)))


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>-<number>-of-<count>`."""
    return f"{_NAMES[split][0]}-{number:05d}-of-{count:05d}"


def encode(items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> Iterator[bytes]:
    """Give the records of a shard in their frames."""
    for item in items:
        yield from frame(_record(item.sample, item.label, bytes(item.data), collection.edition))


def _record(sample: Sample, label: int, data: bytes, edition: Edition) -> list[bytes]:
    width, height = _size(data)
    wanted = _own(sample.boxes, sample.wnid)
    boxes = [sides for box in wanted if (sides := _scaled(box, width, height))]
    features = {
        **_class_features(*_class_facts(sample.name, sample.wnid, label, edition)),
        "image/filename": text(sample.name),
        "image/width": wide_int(width),
        "image/height": wide_int(height),
        **_box_features(label, boxes),
    }
    record = example(features, _IMAGE, data)
    if len(boxes) < len(wanted):
        facts = Facts(sample.name, sample.wnid, len(data), sample.boxes)
        record.append(padding(_record_bytes(facts, label, edition) - sum(map(len, record))))
    return record


def _record_bytes(facts: Facts, label: int, edition: Edition) -> int:
    """Give the length of a record, without having its image."""
    name, wnid, image_bytes, boxes = facts
    own = len(_own(boxes, wnid)) if boxes else 0
    return example_bytes(_beside_bytes(len(name), own, *_class_facts(name, wnid, label, edition)), _IMAGE, image_bytes)


@lru_cache(maxsize=1 << 14)
def _beside_bytes(name_chars: int, boxes: int, label: int, *facts: str) -> int:
    """Give the length of every feature but the image, which few samples have alone."""
    return features_bytes(
        {
            **_class_features(label, *facts),
            "image/filename": text("n" * name_chars),
            "image/width": wide_int(0),
            "image/height": wide_int(0),
            **_box_features(label, [(0.0, 0.0, 1.0, 1.0)] * boxes),
        }
    )


def _size(data: bytes) -> tuple[int, int]:
    """Give width and height by the header, (0, 0) where there is none."""
    facts = probe_jpeg(data)
    size = facts if isinstance(facts, JpegFacts) else probe_png(data)
    if size is None or max(size.width_px, size.height_px) > _MAX_SIDE_PX:
        return 0, 0
    return size.width_px, size.height_px


def keep_boxes(boxes: tuple[Box, ...], wnid: str, data: bytes, classes: Container[str]) -> tuple[Box, ...]:
    """Give what is read back of the boxes of an image: those of its own class, cut at its edges, corners in order."""
    width, height = _size(data)
    kept = []
    for box in _own(boxes, wnid):
        if _scaled(box, width, height):
            xmin, xmax = sorted(min(x, width) for x in (box.xmin, box.xmax))
            ymin, ymax = sorted(min(y, height) for y in (box.ymin, box.ymax))
            kept.append(replace(box, wnid=wnid, xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax))
    return tuple(kept)


def _own(boxes: Iterable[Box], wnid: str) -> list[Box]:
    """Give the boxes that have an area and are of the image's class; a name that is no wnid is taken for it."""
    found = []
    for box in boxes:
        foreign = box.wnid != wnid and re.fullmatch("n[0-9]+", box.wnid)
        if not foreign and box.xmin != box.xmax and box.ymin != box.ymax:
            found.append(box)
    return found


def _scaled(box: Box, width: int, height: int) -> _Sides | None:
    """Give a box in parts of its image, cut at its edges; None where nothing is left of it."""
    if not width:
        return None
    left, right = sorted(min(x / width, 1.0) for x in (box.xmin, box.xmax))
    top, bottom = sorted(min(y / height, 1.0) for y in (box.ymin, box.ymax))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _class_facts(name: str, wnid: str, label: int, edition: Edition) -> tuple[int, str, str, str, str]:
    """Give what most images of a class share: label, wnid, words, colour space and format."""
    words = edition.by_wnid[wnid].words if wnid else ""
    return label, wnid, words, "CMYK" if name in edition.cmyk else "RGB", "PNG" if name in edition.png else "JPEG"


@lru_cache(maxsize=4096)
def _class_features(label: int, wnid: str, words: str, colours: str, form: str) -> Mapping[str, bytes]:
    return {
        "image/channels": ints([4 if colours == "CMYK" else 3]),
        "image/colorspace": text(colours),
        "image/format": text(form),
        "image/class/label": ints([_from_one(label)]),
        "image/class/synset": text(wnid),
        "image/class/text": text(words),
    }


def _box_features(label: int, boxes: Sequence[_Sides]) -> Mapping[str, bytes]:
    if not boxes:
        return _NO_BOXES
    return {
        "image/object/bbox/label": ints([_from_one(label)] * len(boxes)),
        **{f"image/object/bbox/{side}": floats([box[at] for box in boxes]) for at, side in enumerate(_SIDES)},
    }


_NO_BOXES = {"image/object/bbox/label": ints([]), **{f"image/object/bbox/{side}": floats([]) for side in _SIDES}}


def _from_one(label: int) -> int:
    return label + 1 if label != NO_LABEL else NO_LABEL


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the list of labels, and DALI's offsets."""
    lines = (f"{wnid}\n".encode("ascii") for wnid in collection.classes)
    labels = out.publish("labels.txt", lines)
    files = (file for fact in collection.shards for file in beside(fact.shard, collection, options))
    return (labels, *(out.publish(path, index) for path, index in files))


def beside(shard: Shard, collection: Collection, options: Options) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give DALI's index of a shard."""
    if options.idx:
        yield f"idx/{shard.path}.idx", _idx(shard, collection)


def _idx(shard: Shard, collection: Collection) -> Iterator[bytes]:
    """Give the lines of DALI's index: offset and length of each record with its frame."""
    ranks, at = collection.ranks(), 0
    for facts in collection.facts(shard):
        size_bytes = FRAME_BYTES + _record_bytes(facts, ranks[facts.wnid], collection.edition)
        yield f"{at} {size_bytes}\n".encode("ascii")
        at += size_bytes


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard, by split and number. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give the shards with their rows. Raises LayoutRefused where one is missing, MachineError."""
    found = sorted(match.groups() for name in file_names(folder) if (match := _FILE.fullmatch(name)))
    if not found:
        raise LayoutRefused(f"{folder} holds no TFRecords", seen="there is no train-00000-of-01024 or the like")
    for split, (name, _) in _NAMES.items():
        numbers = [(int(number), int(count)) for file, number, count in found if file == name]
        if numbers != [(number, len(numbers)) for number in range(len(numbers))]:
            raise LayoutRefused(f"{folder} has not all shards of {name}", seen=f"{len(numbers)} files")
        for number, count in numbers:
            file = path(split, number, count)
            yield file, _read_shard(folder / file, split)


def _read_shard(file: Path, split: Split) -> Iterator[Row]:
    with refusing(file):
        for at, record in read_frames(file):
            facts = parse_example(record)
            image = facts.span(_IMAGE)
            (label,) = facts.ints("image/class/label")
            name, wnid = facts.text("image/filename"), facts.text("image/class/synset")
            boxes = partial(_boxes, file, facts, wnid) if "image/object/bbox/xmin" in facts.lists else None
            rank = label - 1 if label > 0 else NO_LABEL
            yield row_at(split, name, wnid, rank, file, at + image.start, len(image), boxes)


def _boxes(file: Path, facts: Example, wnid: str) -> tuple[Box, ...]:
    """Give the boxes in pixels: all of a record are of its class."""
    with refusing(file):
        parts = list(zip(*(facts.floats(f"image/object/bbox/{side}") for side in _SIDES), strict=True))
        if not parts:
            return ()
        (width,), (height,) = facts.ints("image/width"), facts.ints("image/height")
        scales = (width, height, width, height)
        sides = ([round(part * scale) for part, scale in zip(four, scales, strict=True)] for four in parts)
        return boxes_of([wnid] * len(parts), sides)
