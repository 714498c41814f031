"""folder2lmdb's data set under a DataLoader with workers; Caffe's database in DALI's own reader, and by protobuf.

Caffe itself has no release that installs here. Its Datum is read by protobuf's own parser, by the field numbers of
caffe.proto, and by DALI, which has a reader of Caffe's databases.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kilotar.editions.tiny import Tiny
from tests.interop.made import export
from tests.need import need_module

lmdb = need_module("lmdb")
torch_data = need_module("torch.utils.data")
descriptors = need_module("google.protobuf.descriptor_pb2")
pools = need_module("google.protobuf.descriptor_pool")
factories = need_module("google.protobuf.message_factory")
pytestmark = pytest.mark.interop
SPLITS = ("train", "val", "test")
DATUM = {  # caffe.proto, message Datum: name, number, type of descriptor.proto
    "channels": (1, 5),
    "height": (2, 5),
    "width": (3, 5),
    "data": (4, 12),
    "label": (5, 5),
    "encoded": (7, 8),
}


class ImageFolderLMDB(torch_data.Dataset):  # type: ignore[misc, name-defined]
    """Reads as folder2lmdb's class of this name does: by its keys, opened again in each worker."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.transaction: Any = None
        with self._open().begin(write=False) as transaction:
            self.length = pickle.loads(transaction.get(b"__len__"))
            self.keys = pickle.loads(transaction.get(b"__keys__"))

    def _open(self) -> Any:
        return lmdb.open(
            self.path, subdir=os.path.isdir(self.path), readonly=True, lock=False, readahead=False, meminit=False
        )

    def __getitem__(self, index: int) -> tuple[str, tuple[int, int], int]:
        if self.transaction is None:
            self.transaction = self._open().begin(write=False, buffers=True)
        unpacked = pickle.loads(self.transaction.get(self.keys[index]))
        picture = Image.open(io.BytesIO(unpacked[0])).convert("RGB")
        return hashlib.sha256(unpacked[0]).hexdigest(), picture.size, unpacked[1]

    def __len__(self) -> int:
        return int(self.length)


def made(tiny: Tiny, root: Path, layout: str) -> Path:
    return export(tiny, root, "lmdb", ("layout", layout))


def truth(tiny: Tiny, split: str) -> list[tuple[str, int]]:
    return sorted((fact.sha256, fact.label) for fact in tiny.truth.values() if fact.split == split)


def test_folder2lmdb_gives_every_picture_and_label_to_two_workers_complaint_54(tiny: Tiny, tmp_path: Path) -> None:
    folder = made(tiny, tmp_path / "root", "folder2lmdb")
    for split in SPLITS:
        loader = torch_data.DataLoader(
            ImageFolderLMDB(str(folder / f"{split}.lmdb")), batch_size=None, shuffle=True, num_workers=2
        )
        found = [(digest, int(label)) for digest, _, label in loader]
        assert sorted(found) == truth(tiny, split)
    assert not [path for path in folder.iterdir() if "lock" in path.name]


@pytest.fixture(scope="module")
def caffe(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tiny, tmp_path_factory.mktemp("made") / "root", "caffe")


def datums(path: Path) -> Iterator[tuple[str, Any]]:
    """Give key and Datum of every entry, as Caffe's cursor goes: the file is a folder with data.mdb."""
    proto = descriptors.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    message = proto.message_type.add(name="Datum")
    for name, (number, kind) in DATUM.items():
        message.field.add(name=name, number=number, type=kind, label=1)
    pool = pools.DescriptorPool()
    pool.Add(proto)
    kind = factories.GetMessageClass(pool.FindMessageTypeByName("caffe.Datum"))
    with lmdb.open(str(path), readonly=True, lock=False) as base, base.begin() as transaction:
        for key, value in transaction.cursor():
            yield key.decode(), kind.FromString(value)


@pytest.mark.parametrize("split", SPLITS)
def test_protobuf_reads_every_datum_by_the_numbers_of_caffe_proto(caffe: Path, tiny: Tiny, split: str) -> None:
    found = list(datums(caffe / f"ilsvrc12_{split}_lmdb"))
    assert sorted((hashlib.sha256(d.data).hexdigest(), d.label) for _, d in found) == truth(tiny, split)
    assert all(datum.encoded for _, datum in found)
    listed = [line.split(" ") for line in (caffe / f"{split}.txt").read_text().splitlines()]
    assert [(key[9:], str(datum.label)) for key, datum in found] == [(path, label) for path, label in listed]


@pytest.mark.parametrize("split", SPLITS)
def test_dali_reads_caffes_database_complaint_50(caffe: Path, tiny: Tiny, split: str) -> None:
    fn = need_module("nvidia.dali.fn")
    pipeline_def = need_module("nvidia.dali").pipeline_def
    count = len(truth(tiny, split))

    @pipeline_def(batch_size=count, num_threads=2, device_id=None)
    def pipeline() -> object:
        return tuple(fn.readers.caffe(path=str(caffe / f"ilsvrc12_{split}_lmdb")))

    pipe = pipeline()
    pipe.build()
    images, labels = pipe.run()
    digests = [hashlib.sha256(images.at(place).tobytes()).hexdigest() for place in range(count)]
    assert sorted(zip(digests, (int(labels.at(place)[0]) for place in range(count)), strict=True)) == truth(tiny, split)
