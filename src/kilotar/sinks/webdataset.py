"""Tars of samples, as timm and the webdataset library read them.

::

    imagenet1k-train-0000.tar ... imagenet1k-validation-00.tar   members <key>.jpg <key>.cls <key>.json
    _info.json                         what timm asks for: names, lengths of shards, counts
    __index__/wids-<split>.json        what wids asks for, the indexed reader of webdataset up to 0.2.111
    __index__/<shard>.idx              what DALI asks for: offsets of the members

Rules guarded: the members of a sample stand together, `.jpg` first; every sample of an output has the same members;
bytes of images as published (22 are CMYK and one is a PNG under its published name); the key is the file name without
its ending, which has no dot; label -1 for test. Boxes are `<key>.boxes.txt`, a line "wnid xmin ymin xmax ymax" each,
because `datasets` infers types from the first five samples and a list in JSON that is empty there has none. The folder
of indexes begins with "__", so that `datasets` passes it over when it looks for files by the names of splits.
Source: huggingface/pytorch-image-models timm/data/readers/reader_wds.py; webdataset/webdataset wids; NVIDIA/DALI
tools/wds2idx.py; rwightman/imagenet-12k wds/tfds_to_wds.py for names and fields.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition, Strictness
from kilotar.model.sample import Box, Extent, Sample, Split, key_of
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, ShardFact, Written
from kilotar.parse.tar import RawMember, walk_members
from kilotar.plan.worlds import even_count
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import wished
from kilotar.sinks.reading import FileRows, boxes_of, plain_name, read_extent, read_json, refusing, row_at
from kilotar.sinks.tar_shards import END, member, member_bytes
from kilotar.sinks.trees import file_names

ABOUT = SinkAbout(
    name="webdataset",
    summary="tars of samples, for streaming",
    folder="webdataset",
    version=2,
    reader="webdataset, timm (wds/), DALI, datasets.load_dataset('webdataset')",
    snippet='timm.data.create_dataset("wds/", root="{folder}", split="train", is_training=True, batch_size=256)',
    side_bytes=90,
    shards=True,
    early=True,
    detection=True,
)
_NAMES = {Split.TRAIN: ("train", 4, 1024), Split.VAL: ("validation", 2, 64), Split.TEST: ("test", 3, 128)}
_INDEX = "__index__"
_SHARD = re.compile(r"imagenet1k-(train|validation|test)-\d+\.tar")
_IMAGE_ENDINGS = ("jpg", "jpeg", "png")
_TOLERANT = Strictness(directories=True, ustar_prefix=True, short_end=True, pax_headers=True)  # tars of other writers
_IMAGES_A_SHARD = {
    Split.TRAIN: 1251,
    Split.VAL: 781,
    Split.TEST: 781,
}  # of the published ones; fewer images, fewer shards
_QUOTED = json.encoder.encode_basestring_ascii


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: "official" is that of the published shards; see `ShardOptions` for the others, for seed and shards.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for as many as the published ones.
        idx: write the offsets that DALI wants.
    """

    order: str = "official"
    idx: bool = True


def OFFICIAL(sample: Sample) -> int:
    """Give the place of a sample in the order of TFDS, which the published shards have: by an MD5 of its name."""
    split = _NAMES[sample.split][0]
    return int.from_bytes(hashlib.md5(f"{split}{sample.name}".encode(), usedforsecurity=False).digest(), "big")


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give the published number of shards for a whole split; for a part an even one that about keeps their length."""
    kept_length = even_count(round(len(sizes) / _IMAGES_A_SHARD[split]))
    return wished(options, split, min(_NAMES[split][2], kept_length))


def path(split: Split, number: int, count: int) -> str:
    """Give `imagenet1k-<split>-<number>.tar`."""
    name, digits, _ = _NAMES[split]
    return f"imagenet1k-{name}-{number:0{digits}d}.tar"


def encode(
    items: Iterable[Item], shard: Shard, collection: Collection, options: Options
) -> Iterator[bytes | memoryview]:
    """Give the tar of a shard."""
    with_boxes = collection.boxes is not None
    for item in items:
        key = item.sample.key
        yield from member(f"{key}.jpg", item.data)
        for ending, data in _beside(item.sample, item.label, with_boxes):
            yield from member(f"{key}.{ending}", data)
    yield END


def _beside(sample: Sample, label: int, with_boxes: bool) -> Iterator[tuple[str, bytes]]:
    """Give what stands beside the image: ending and content."""
    yield "cls", str(label).encode("ascii")
    yield "json", _facts_json(sample.name, sample.wnid, label).encode("ascii")
    if with_boxes:
        yield "boxes.txt", _box_lines(sample.boxes).encode("ascii")


def _facts_json(name: str, wnid: str, label: int) -> str:
    return f'{{"filename":{_QUOTED(name)},"label":{label},"wnid":{_QUOTED(wnid)}}}'


def _box_lines(boxes: Iterable[Box]) -> str:
    return "".join(f"{box.wnid} {box.xmin} {box.ymin} {box.xmax} {box.ymax}\n" for box in boxes)


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the indexes of all readers."""
    written = [out.publish("_info.json", [_dump(_info(collection))])]
    for table in collection.tables:
        shards = [fact for fact in collection.shards if fact.shard.split is table.split]
        written.append(out.publish(f"{_INDEX}/wids-{_NAMES[table.split][0]}.json", [_dump(_wids(shards))]))
    files = (file for fact in collection.shards for file in beside(fact.shard, collection, options))
    return (*written, *(out.publish(path, lines) for path, lines in files))


def beside(shard: Shard, collection: Collection, options: Options) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give DALI's index of a shard."""
    if options.idx:
        yield f"{_INDEX}/{shard.path.removesuffix('.tar')}.idx", _idx(shard, collection)


def _dump(content: object) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _info(collection: Collection) -> dict[str, Any]:
    splits: dict[str, Any] = {}
    for split in Split:
        facts = [fact for fact in collection.shards if fact.shard.split is split]
        if facts:
            name = _NAMES[split][0]
            lengths = [len(fact.shard.rows) for fact in facts]
            splits[name] = {
                "name": name,
                "filenames": [fact.shard.path for fact in facts],
                "shard_lengths": lengths,
                "num_samples": sum(lengths),
            }
    classes = list(collection.classes)
    return {"name": "imagenet1k", "splits": splits, "label_order": "sorted-wnid, 0-based", "wnids": classes}


def _wids(facts: Iterable[ShardFact]) -> dict[str, Any]:
    shards = [{"url": f"../{f.shard.path}", "nsamples": len(f.shard.rows), "filesize": f.size_bytes} for f in facts]
    return {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards}


def _idx(shard: Shard, collection: Collection) -> Iterator[bytes]:
    """Give the lines of DALI's index: for each sample the ending, offset, length and name of every member."""
    yield f"v1.2 {len(shard.rows)}\n".encode("ascii")
    ranks, with_boxes, at = collection.ranks(), collection.boxes is not None, 0
    for name, wnid, image_bytes, boxes in collection.facts(shard):
        key, label = key_of(name), ranks[wnid]
        sizes = [("jpg", image_bytes), ("cls", len(str(label))), ("json", len(_facts_json(name, wnid, label)))]
        if with_boxes:
            sizes.append(("boxes.txt", len(_box_lines(boxes))))
        words = []
        for ending, size in sizes:
            words.append(f"{ending} {at + 512} {size} {key}.{ending}")
            at += member_bytes(size)
        yield (" ".join(words) + "\n").encode("ascii")


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard that `_info.json` names, in order. Raises LayoutRefused, ArchiveRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give the shards with their rows; where there is no index, those that are called as the published ones.

    Raises: LayoutRefused, MachineError; ArchiveRefused from a shard's rows.
    """
    for split, file in _list_shards(folder):
        yield file, _read_shard(folder / file, split, edition)


def _list_shards(folder: Path) -> list[tuple[Split, str]]:
    names = {_NAMES[split][0]: split for split in Split}
    for index in (folder / "_info.json", folder / "info.json"):
        if index.is_file():
            splits = read_json(index)
            with refusing(index):
                found = [(names[n], file) for n, facts in splits["splits"].items() for file in facts["filenames"]]
                return [(split, plain_name(file)) for split, file in found]
    matches = [match for name in file_names(folder) if (match := _SHARD.fullmatch(name))]
    if not matches:
        raise LayoutRefused(f"{folder} holds no webdataset", seen="neither _info.json nor imagenet1k-train-0000.tar")
    return sorted((names[match[1]], match[0]) for match in matches)


def _read_shard(path: Path, split: Split, edition: Edition) -> Iterator[Row]:
    with refusing(path), path.open("rb") as file:

        def pread(offset: int, size: int) -> bytes:
            file.seek(offset)
            return file.read(size)

        members = walk_members(pread, 0, path.stat().st_size, _TOLERANT, max_members=1 << 20)
        for key, some in groupby(list(members), _key):
            beside = {name.decode("ascii").removeprefix(f"{key}."): (at, size) for name, at, size in some}
            images = [ending for ending in beside if ending.lower() in _IMAGE_ENDINGS]
            if len(images) != 1 or max(size for ending, (_, size) in beside.items() if ending not in images) > 1 << 20:
                raise ValueError(f"sample {key} has {len(images)} images, beside {len(beside) - len(images)} files")
            facts = json.loads(pread(*beside["json"])) if "json" in beside else {}
            label = int(facts["label"] if "label" in facts else pread(*beside["cls"]))
            name = str(facts.get("filename", f"{key}.JPEG")).rpartition("/")[2]
            wnid = str(facts["wnid"]) if "wnid" in facts else edition.classes[label].wnid if label >= 0 else ""
            boxes = partial(_boxes, path, *beside["boxes.txt"]) if "boxes.txt" in beside else None
            yield row_at(split, name, wnid, label, path, *beside[images[0]], boxes)


def _boxes(path: Path, offset: int, size_bytes: int) -> tuple[Box, ...]:
    lines = read_extent(Extent(str(path), offset, size_bytes))()
    with refusing(path):
        words = [line.split(" ") for line in lines.decode("ascii").splitlines()]
        return boxes_of((wnid for wnid, *_ in words), (map(int, sides) for _, *sides in words))


def _key(member: RawMember) -> str:
    """Give the key of the sample that a member belongs to: its name up to the first dot."""
    return member[0].decode("ascii").removeprefix("./").partition(".")[0]
