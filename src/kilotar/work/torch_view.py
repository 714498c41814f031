"""A data set as PyTorch sees one. Importing this module imports torch."""

from __future__ import annotations

import io
from collections.abc import Callable

import PIL.Image

from kilotar.errors import MissingExtra
from kilotar.work.dataset import Dataset

try:
    from torch.utils.data import Dataset as _TorchBase
except ImportError as error:
    raise MissingExtra("PyTorch is not installed", seen=str(error), fix="pip install torch") from error

__all__ = ["TorchDataset", "view"]


class TorchDataset(_TorchBase):  # type: ignore[misc]
    """Map-style data set of (image, label): `label` is 0-based in sorted-WNID order, as in torchvision.

    It pickles as its root and split, so a `DataLoader` may fork or spawn its workers.
    """

    def __init__(self, data: Dataset, transform: Callable[[object], object] | None) -> None:
        self.data = data
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[object, int]:
        image = self.data[index]
        with PIL.Image.open(io.BytesIO(image.read()), formats=["JPEG", "PNG"]) as opened:
            picture: object = opened.convert("RGB")
        return (self.transform(picture) if self.transform else picture), image.label


def view(data: Dataset, transform: Callable[[object], object] | None) -> TorchDataset:
    """Give the view of a data set."""
    return TorchDataset(data, transform)
