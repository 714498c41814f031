"""BigGAN's data set of an HDF5 file under a DataLoader; fuel's file, asked as fuel's H5PYDataset asks.

fuel does not install on Pythons of today (its extension does not build). Its class, taken from its source tree with an
older NumPy, was run on our files once: it gives the three splits, and two of them at once, from the joined file.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from tests.need import need_module

h5py = need_module("h5py")
numpy = need_module("numpy")
torch = need_module("torch")
torch_data = need_module("torch.utils.data")
transforms = need_module("torchvision.transforms")
pytestmark = pytest.mark.interop
SPLITS = ("train", "val", "test")


class ILSVRC_HDF5(torch_data.Dataset):  # type: ignore[misc, name-defined]
    """Reads as BigGAN-PyTorch's class of this name does: the file is opened for each image."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.num_imgs = len(h5py.File(root, "r")["labels"])

    def __getitem__(self, index: int) -> tuple[Any, int]:
        with h5py.File(self.root, "r") as file:
            image, target = file["imgs"][index], file["labels"][index]
        return ((torch.from_numpy(image).float() / 255) - 0.5) * 2, int(target)

    def __len__(self) -> int:
        return int(self.num_imgs)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9, test=2, flaws=("cmyk", "png"))


def made(tiny: Tiny, root: Path, *formats: str, **words: str) -> Path:
    kilotar.prepare(
        root,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=formats,
        splits=SPLITS,
        options=tuple(("hdf5", name, word) for name, word in words.items()),
    )
    return root


def test_biggan_gives_what_its_own_script_makes_of_the_images(tiny: Tiny, tmp_path: Path) -> None:
    root = made(tiny, tmp_path / "root", "hdf5", "imagefolder", layout="biggan")
    data = ILSVRC_HDF5(str(root / "hdf5/ILSVRC128.hdf5"))
    with h5py.File(root / "hdf5/ILSVRC128.hdf5") as file:
        names = [name.decode() for (name,) in file["filenames"][:]]
    loader = torch_data.DataLoader(data, batch_size=None, num_workers=2)
    found = dict(zip(names, loader, strict=True))
    assert len(found) == 24
    for path in (root / "train").rglob("*.JPEG"):
        image, label = found[path.name]
        assert image.shape == (3, 128, 128) and label == tiny.truth[path.stem].label
        wanted = scripted(path)
        assert float((image - wanted).abs().mean()) < 0.016  # 2 of 255: cut after resizing, and rounding


def scripted(path: Path) -> Any:
    """Give an image as make_hdf5.py has it: the middle of the longer side cut out, resized, from -1 to 1."""
    picture = Image.open(path).convert("RGB")
    cut = transforms.functional.center_crop(picture, [min(picture.size)] * 2)
    return transforms.functional.to_tensor(transforms.functional.resize(cut, [128, 128])) * 2 - 1


@pytest.mark.parametrize("split", SPLITS)
def test_fuels_splits_hold_every_image_under_its_target_complaint_55(tiny: Tiny, split: str, tmp_path: Path) -> None:
    folder = made(tiny, tmp_path / "root", "hdf5", shards="2") / "hdf5"
    which = {"val": "valid"}.get(split, split)
    with h5py.File(folder / "ilsvrc2012.hdf5", "r") as file:
        rows = [row for row in file.attrs["split"] if row["split"].decode("utf8") == which and row["available"]]
        spans = {row["source"].decode("utf8"): slice(row["start"], row["stop"]) for row in rows}
        data = {source: file[source][span] for source, span in spans.items()}
    numbers = data["targets"].ravel().tolist() if "targets" in data else [-1] * len(data["filenames"])
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in data["encoded_images"]]
    assert all(Image.open(io.BytesIO(image.tobytes())).size for image in data["encoded_images"])
    names = [name.decode().removesuffix(".JPEG") for name in data["filenames"].ravel()]
    assert sorted(zip(names, digests, numbers, strict=True)) == sorted(
        (key, fact.sha256, fact.label) for key, fact in tiny.truth.items() if fact.split == split
    )
