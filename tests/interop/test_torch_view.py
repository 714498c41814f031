"""`kilotar.open(...).torch()` in PyTorch's own loader, and torchvision on what `prepare` wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from tests.need import need_module

torch = need_module("torch")
torchvision = need_module("torchvision")

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=5, val=9, test=2, flaws=("cmyk", "png"))


@pytest.fixture(scope="module")
def root(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(folder, source=tiny.folder, edition=str(tiny.toml), formats=("torchvision",))
    return folder


def size_of(picture: object) -> object:
    """Be a transform; at module level, so that a spawned worker finds it."""
    return torch.tensor(torchvision.transforms.functional.get_image_size(picture))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_loaders_of_both_kinds_give_every_image_with_its_label(root: Path, tiny: Tiny, method: str) -> None:
    data = kilotar.open(root, "train")
    loader = torch.utils.data.DataLoader(
        data.torch(size_of), batch_size=3, num_workers=2, multiprocessing_context=method
    )
    data[0].read()  # the file is open before the workers begin

    batches = list(loader)

    labels = [int(label) for _, batch in batches for label in batch]
    assert labels == [tiny.truth[image.key].label for image in data]
    assert sum(len(sizes) for sizes, _ in batches) == len(data)


@pytest.mark.parametrize("split", ["train", "val"])
def test_torchvision_gives_the_labels_of_the_archives(root: Path, tiny: Tiny, split: str) -> None:
    imagenet = torchvision.datasets.ImageNet(str(root), split)

    found = {Path(path).stem: label for path, label in imagenet.samples}

    assert found == {key: truth.label for key, truth in tiny.truth.items() if truth.split == split}
    assert all(picture.mode == "RGB" for picture, _ in imagenet)


def test_the_view_decodes_what_torchvision_decodes(root: Path) -> None:
    ours = {image.key: image for image in kilotar.open(root, "val")}
    view = kilotar.open(root, "val").torch()
    pixels = {image.key: view[at][0].tobytes() for at, image in enumerate(kilotar.open(root, "val"))}
    imagenet = torchvision.datasets.ImageNet(str(root), "val")

    theirs = {Path(path).stem: imagenet.loader(path).tobytes() for path, _ in imagenet.samples}

    assert pixels == theirs
    assert set(ours) == set(theirs)
