"""The class folders of `imagefolder` with torchvision's `meta.bin` beside them.

::

    train/<wnid>/<name>   val/<wnid>/<name>   test/<name>   meta.bin

Rules guarded: `torchvision.datasets.ImageNet(root, split)` takes the tree as it stands and asks for no archive and no
development kit; `meta.bin` describes the whole edition, whichever classes were chosen, in the kit's order, as
torchvision's own does. Its readers find the label in the folders, never in `meta.bin`.
Source: pytorch/vision torchvision/datasets/imagenet.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.seams import Collection, OutFolder, Row, Written
from kilotar.sinks import imagefolder
from kilotar.sinks.base import NoOptions, SinkAbout
from kilotar.sinks.metabin import build_meta_bin, read_meta_bin

ABOUT = SinkAbout(
    name="torchvision",
    summary="class folders and the meta.bin of torchvision.datasets.ImageNet",
    folder=".",
    reader="torchvision.datasets.ImageNet, without archives, development kit or scipy",
    snippet='torchvision.datasets.ImageNet("{folder}", "train")',
)
Options = NoOptions
META_BIN = "meta.bin"

place = imagefolder.place
place_annotation = imagefolder.place_annotation


def finish(collection: Collection, out: OutFolder, options: NoOptions) -> tuple[Written, ...]:
    """Write `meta.bin`."""
    edition = collection.edition
    names = {synset.wnid: synset.lemmas for synset in sorted(edition.classes, key=lambda synset: synset.ilsvrc_id)}
    val_wnids = [edition.classes[label].wnid for label in edition.val_labels]
    return (out.publish(META_BIN, [build_meta_bin(names, val_wnids)]),)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read the tree, and refuse a class that `meta.bin` does not name. Raises LayoutRefused, MachineError."""
    names, _ = read_meta_bin(folder / META_BIN)
    for row in imagefolder.read(folder, edition):
        if row.wnid and row.wnid not in names:
            raise LayoutRefused(
                f"{META_BIN} does not name class {row.wnid}",
                seen=f"it names {len(names)} classes",
                fix="prepare the output anew",
            )
        yield row
