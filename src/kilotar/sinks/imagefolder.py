"""Class folders with the original files: what most trainers read.

::

    train/<wnid>/<name>   val/<wnid>/<name>   test/<name>         in a detection edition <split>/<name>

Rules guarded: names and bytes as published; val in class folders from the start; no file beside the images, for every
stranger in a split can become a class. The label is the rank of the folder's name among the class folders.
Source: pytorch/vision torchvision/datasets/folder.py; pytorch/examples, timm, MAE, ConvNeXt, LitData, FFCV read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Sample, Split
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written
from kilotar.sinks.base import NoOptions, SinkAbout
from kilotar.sinks.reading import FileRows
from kilotar.sinks.rows import rank
from kilotar.sinks.trees import class_folders, read_images

ABOUT = SinkAbout(
    name="imagefolder",
    summary="class folders with the original files",
    folder=".",
    reader="torchvision.datasets.ImageFolder, timm and most training scripts",
    snippet='torchvision.datasets.ImageFolder("{folder}/train")',
    detection=True,
)
Options = NoOptions


def place(sample: Sample) -> str:
    """Give `<split>/<wnid>/<name>`, or `<split>/<name>` for an image without a class."""
    return f"{sample.split}/{sample.wnid}/{sample.name}" if sample.wnid else f"{sample.split}/{sample.name}"


def place_annotation(annotation: Annotation) -> str:
    """Give "": the tree holds no boxes."""
    return ""


def finish(collection: Collection, out: OutFolder, options: NoOptions) -> tuple[Written, ...]:
    """Write nothing: the folders say it all."""
    return ()


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read train and val by class, then test. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give the folders of classes with their rows; of a detection edition those of splits. Raises as `read`."""
    if edition.is_detection:
        for split in Split:
            yield str(split), read_images(folder / split, split, "", NO_LABEL)
        return
    found = {split: class_folders(folder / split, edition) for split in (Split.TRAIN, Split.VAL)}
    labels = rank(wnid for wnids in found.values() for wnid in wnids)
    for split, wnids in found.items():
        for wnid in wnids:
            yield f"{split}/{wnid}", read_images(folder / split / wnid, split, wnid, labels[wnid])
    yield str(Split.TEST), read_images(folder / Split.TEST, Split.TEST, "", NO_LABEL)
