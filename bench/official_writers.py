"""The official writer of each format with the recipe that its project recommends, from an ImageFolder.

    PYTHON -m bench.official_writers FORMAT TREE OUT CORES

PYTHON has the packages of tests/interop, for recordio what `make .venv-mxnet/.stamp` installs. Prints a line of JSON:
images, bytes, wall and CPU seconds until the files are durable. Imports are not timed. The bytes of images are passed
through wherever the writer can do that.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.child import cpu_s, sync

Images = list[tuple[str, int]]
Write = Callable[[Images, Path, int], None]


def listed(tree: Path) -> Images:
    """Give path and label of every image, mixed: what every one of these tools is told to do with a training set."""
    images = []
    for label, folder in enumerate(sorted(path for path in tree.iterdir() if path.is_dir())):
        images += [(str(path), label) for path in sorted(folder.iterdir())]
    random.Random(0).shuffle(images)
    return images


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def webdataset() -> Write:
    """webdataset's own ShardWriter (a TarWriter for each shard), as its example for ImageNet writes."""
    import webdataset as wds

    def write(images: Images, out: Path, cores: int) -> None:
        with wds.ShardWriter(f"{out}/imagenet-train-%06d.tar", maxcount=10_000, maxsize=1e9, verbose=0) as sink:
            for number, (path, label) in enumerate(images):
                sink.write({"__key__": f"{number:07d}", "jpg": read(path), "cls": label})

    return write


def mds() -> Write:
    """MosaicML's MDSWriter with the columns and the shard size of its script for ImageNet."""
    from streaming import MDSWriter

    def write(images: Images, out: Path, cores: int) -> None:
        columns = {"i": "int", "x": "jpeg", "y": "int"}
        with MDSWriter(out=str(out / "train"), columns=columns, size_limit=1 << 26) as sink:
            for number, (path, label) in enumerate(images):
                sink.write({"i": number, "x": _jpeg(path), "y": label})

    return write


def _jpeg(path: str) -> Any:
    from PIL import Image

    return Image.open(path)  # opened, not decoded: the writer takes the file's bytes of such a JPEG


def _litdata_sample(one: tuple[str, int]) -> dict[str, Any]:
    return {"image": _jpeg(one[0]), "class": one[1]}


def litdata() -> Write:
    """litdata.optimize with the chunk size of its guide."""
    from litdata import optimize

    def write(images: Images, out: Path, cores: int) -> None:
        optimize(
            fn=_litdata_sample, inputs=images, output_dir=str(out / "train"), num_workers=cores, chunk_bytes="64MB"
        )

    return write


def parquet() -> Write:
    """datasets: a table of paths with the Image feature, embedded and written by to_parquet."""
    import datasets
    from datasets.table import embed_table_storage

    def write(images: Images, out: Path, cores: int) -> None:
        labels = datasets.ClassLabel(num_classes=1000)
        table = {"image": [path for path, _ in images], "label": [label for _, label in images]}
        features = datasets.Features({"image": datasets.Image(), "label": labels})
        whole = datasets.Dataset.from_dict(table, features=features)
        for number in range(8):
            shard = whole.shard(8, number, contiguous=True).with_format("arrow")
            shard = shard.map(embed_table_storage, batched=True, batch_size=100, keep_in_memory=True)
            shard.with_format(None).to_parquet(str(out / f"train-{number:05d}-of-00008.parquet"))

    return write


def array_record() -> Write:
    """array_record's own writer, one record a group, as Grain's guide says."""
    from array_record.python.array_record_module import ArrayRecordWriter

    def write(images: Images, out: Path, cores: int) -> None:
        size = -(-len(images) // 8)
        for number in range(8):
            sink = ArrayRecordWriter(f"{out}/train-{number:05d}-of-00008.array_record", "group_size:1")
            for path, label in images[number * size : (number + 1) * size]:
                sink.write(pickle.dumps((read(path), label)))
            sink.close()

    return write


def tfds() -> Write:
    """download_and_prepare of a builder with the features of TFDS' imagenet2012."""
    import tensorflow_datasets as tfds

    chosen: Images = []

    class Imagenet2012(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
        VERSION = tfds.core.Version("5.1.0")

        def _info(self) -> Any:
            features = {
                "image": tfds.features.Image(encoding_format="jpeg"),
                "label": tfds.features.ClassLabel(num_classes=1000),
                "file_name": tfds.features.Text(),
            }
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
            for path, label in chosen:
                name = os.path.basename(path)
                with open(path, "rb") as file:
                    yield name, {"image": file, "label": label, "file_name": name}

    def write(images: Images, out: Path, cores: int) -> None:
        chosen.extend(images)
        Imagenet2012(data_dir=str(out)).download_and_prepare()

    return write


def lmdb() -> Write:
    """folder2lmdb of the PyTorch recipe: raw bytes out of a loader, a commit every 5,000 images.

    Its loader is torch's with 16 workers, as published; it pickles with Python, for pyarrow has lost its own pickle.
    """
    import lmdb as database
    from torch.utils.data import DataLoader, Dataset

    class Raw(Dataset):  # type: ignore[type-arg]
        def __init__(self, images: Images) -> None:
            self._images = images

        def __len__(self) -> int:
            return len(self._images)

        def __getitem__(self, number: int) -> tuple[bytes, int]:
            path, label = self._images[number]
            return read(path), label

    def write(images: Images, out: Path, cores: int) -> None:
        place = str(out / "train.lmdb")
        db = database.open(place, subdir=False, map_size=1099511627776, readonly=False, meminit=False, map_async=True)
        txn = db.begin(write=True)
        for number, ((image, label),) in enumerate(DataLoader(Raw(images), num_workers=16, collate_fn=lambda x: x)):
            txn.put(f"{number}".encode("ascii"), pickle.dumps((image, label)))
            if number % 5000 == 0:
                txn.commit()
                txn = db.begin(write=True)
        txn.put(b"__keys__", pickle.dumps([f"{number}".encode("ascii") for number in range(len(images))]))
        txn.put(b"__len__", pickle.dumps(len(images)))
        txn.commit()
        db.sync()
        db.close()

    return write


def ffcv() -> Write:
    """FFCV's DatasetWriter in jpg mode, without a limit of the resolution, with the page size of its default."""
    import numpy as np
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    class Folder:
        def __init__(self, images: Images) -> None:
            self._images = images

        def __len__(self) -> int:
            return len(self._images)

        def __getitem__(self, number: int) -> tuple[Any, int]:
            from PIL import Image

            path, label = self._images[number]
            return np.array(Image.open(path).convert("RGB")), label

    def write(images: Images, out: Path, cores: int) -> None:
        fields = {"image": RGBImageField(write_mode="jpg"), "label": IntField()}
        DatasetWriter(str(out / "train.ffcv"), fields, num_workers=cores).from_indexed_dataset(Folder(images))

    return write


def recordio() -> Write:
    """im2rec itself, out of MXNet's wheel, with --pass-through and a --num-thread for each core.

    Its own function writes its list, in the order that all writers are given; the walk of --list is left out. It wants
    OpenCV, but decodes nothing.
    """
    import mxnet

    import_module("cv2")  # here, where it is not timed
    im2rec = str(Path(mxnet.__file__).with_name("tools") / "im2rec.py")

    def write(images: Images, out: Path, cores: int) -> None:
        tree, prefix = Path(images[0][0]).parents[1], str(out / "train")
        rows = [(number, os.path.relpath(path, tree), label) for number, (path, label) in enumerate(images)]
        runpy.run_path(im2rec)["write_list"](f"{prefix}.lst", rows)
        sys.argv = [im2rec, prefix, str(tree), "--pass-through", "--num-thread", str(cores)]
        ended = runpy.run_path(im2rec, run_name="__main__")
        if cores == 1:
            ended["record"].close()  # it leaves that to the end of the process

    return write


WRITERS = {
    "webdataset": webdataset,
    "mds": mds,
    "litdata": litdata,
    "parquet": parquet,
    "array-record": array_record,
    "tfds": tfds,
    "lmdb": lmdb,
    "ffcv": ffcv,
    "recordio": recordio,
}


def main(words: list[str]) -> None:
    name, tree, out, cores = words[0], Path(words[1]), Path(words[2]), int(words[3])
    images = listed(tree)
    write = WRITERS[name]()
    out.mkdir(parents=True)
    before, begun = cpu_s(), time.monotonic()
    write(images, out, cores)
    sync(out)
    wall_s = time.monotonic() - begun
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    figures = {"images": len(images), "bytes": size, "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s() - before, 3)}
    print(json.dumps(figures), flush=True)
    os._exit(0)  # the file is whole and durable; FFCV's processes sometimes wait for each other for ever at the end


if __name__ == "__main__":
    main(sys.argv[1:])
