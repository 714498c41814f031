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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.edition import Edition, Strictness
from kilotar.model.sample import NO_LABEL, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, ShardFact, Written
from kilotar.parse.tar import walk_members
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.tar_shards import END, member, member_bytes

ABOUT = SinkAbout(
    name="webdataset",
    summary="tars of samples, for streaming",
    folder="webdataset",
    reader="webdataset, timm (wds/), DALI, datasets.load_dataset('webdataset')",
    snippet='timm.data.create_dataset("wds/", root="{folder}", split="train", is_training=True, batch_size=256)',
    side_bytes=90,
    shards=True,
    early=True,
)
_NAMES = {Split.TRAIN: ("train", 4, 1024), Split.VAL: ("validation", 2, 64), Split.TEST: ("test", 3, 128)}
_INDEX = "__index__"
_IMAGES_A_SHARD = {
    Split.TRAIN: 1251,
    Split.VAL: 781,
    Split.TEST: 781,
}  # of the published ones; fewer images, fewer shards


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


def place(sample: Sample) -> str:
    """Give "": images stand in shards."""
    return ""


def place_annotation(annotation: object) -> str:
    """Give "": boxes stand beside their images in the shards."""
    return ""


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give the published number of shards for a whole split, and as many as keep their length for a part of one."""
    usual = _NAMES[split][2]
    if options.shards and split is Split.TRAIN:
        return options.shards
    return max(1, min(usual, round(len(sizes) / _IMAGES_A_SHARD[split])))


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
    facts = {"label": label, "filename": sample.name, "wnid": sample.wnid}
    yield "json", json.dumps(facts, sort_keys=True, separators=(",", ":")).encode("ascii")
    if with_boxes:
        lines = (f"{box.wnid} {box.xmin} {box.ymin} {box.xmax} {box.ymax}\n" for box in sample.boxes)
        yield "boxes.txt", "".join(lines).encode("ascii")


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the indexes of all readers."""
    written = [out.publish("_info.json", [_dump(_info(collection))])]
    for table in collection.tables:
        shards = [fact for fact in collection.shards if fact.shard.split is table.split]
        written.append(out.publish(f"{_INDEX}/wids-{_NAMES[table.split][0]}.json", [_dump(_wids(shards))]))
    ranks = {wnid: rank for rank, wnid in enumerate(collection.classes)}
    for fact in collection.shards if options.idx else ():
        lines = _idx(fact.shard, collection, ranks)
        written.append(out.publish(f"{_INDEX}/{fact.shard.path.removesuffix('.tar')}.idx", lines))
    return tuple(written)


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


def _idx(shard: Shard, collection: Collection, ranks: dict[str, int]) -> Iterator[bytes]:
    """Give the lines of DALI's index: for each sample the ending, offset, length and name of every member."""
    yield f"v1.2 {len(shard.rows)}\n".encode("ascii")
    at = 0
    for sample in collection.samples(shard):
        beside = _beside(sample, ranks.get(sample.wnid, NO_LABEL), collection.boxes is not None)
        words = []
        for ending, size in (("jpg", sample.at.size_bytes), *((ending, len(data)) for ending, data in beside)):
            words.append(f"{ending} {at + 512} {size} {sample.key}.{ending}")
            at += member_bytes(size)
        yield (" ".join(words) + "\n").encode("ascii")


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard that `_info.json` names, in order. Raises LayoutRefused, ArchiveRefused, MachineError."""
    try:
        info = json.loads((folder / "_info.json").read_bytes())
        names = {_NAMES[split][0]: split for split in Split}
        shards = [(names[name], file) for name, facts in info["splits"].items() for file in facts["filenames"]]
    except FileNotFoundError as error:
        raise LayoutRefused(f"{folder} holds no webdataset", seen="there is no _info.json") from error
    except OSError as error:
        raise storage_error(error, f"read {folder / '_info.json'}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LayoutRefused(f"{folder}/_info.json is not that of a webdataset", seen=str(error)) from error
    for split, file in shards:
        yield from _read_shard(folder / file, split)


def _read_shard(path: Path, split: Split) -> Iterator[Row]:
    with path.open("rb") as file:

        def pread(offset: int, size: int) -> bytes:
            file.seek(offset)
            return file.read(size)

        members = list(walk_members(pread, 0, path.stat().st_size, Strictness(), max_members=1 << 20))
        images = [(name.decode("ascii"), at, size) for name, at, size in members if name.endswith(b".jpg")]
        facts = (json.loads(pread(at, size)) for name, at, size in members if name.endswith(b".json"))
        for (_, at, size), fact in zip(images, facts, strict=True):
            yield Row(split, fact["filename"], fact["wnid"], fact["label"], _reader(path, at, size))


def _reader(path: Path, at: int, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(size)

    return read
