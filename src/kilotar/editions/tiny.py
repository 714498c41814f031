"""A tiny ImageNet: every archive of the published form, real in every byte, made in milliseconds.

Rules guarded: the edition tells the truth about the archives beside it (digests, sizes, counts), also where flaws were
asked for; counts are what a whole set would have, so that a missing image is missed; the same arguments give the same
bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.editions.load import load_edition
from kilotar.editions.tiny_boxes import draw_boxes, write_xml
from kilotar.editions.tiny_draw import FLAWS, Drawn, Truth, choose_internal, draw
from kilotar.editions.tiny_kit import kit_files
from kilotar.editions.tiny_toml import write_toml
from kilotar.errors import UsageError, storage_error
from kilotar.model.edition import Archive, ArchiveRole, Edition, Layout, Strictness, Subset
from kilotar.model.sample import Box, Split

__all__ = ["FLAWS", "Tiny", "Truth", "make_tiny"]

_MTIME = 1339667100  # 2012-06-14, as in the published archive
_SOURCE = "made by kilotar.editions.tiny"
_MEMBER = {
    Split.TRAIN: r"(?P<wnid>n\d{8})_(?P<number>[1-9]\d*)\.JPEG",
    Split.VAL: r"ILSVRC2012_val_(?P<number>\d{8})\.JPEG",
    Split.TEST: r"ILSVRC2012_test_(?P<number>\d{8})\.JPEG",
}
Boxes = Mapping[str, tuple[Box, ...]]
Made = Iterator[tuple[Archive, bytes]]


@dataclass(frozen=True, slots=True)
class Tiny:
    """A tiny edition on disk.

    Attributes:
        folder:  where the archives and the TOML file lie.
        edition: equal to `load_edition(str(toml))`.
        toml:    path of the edition file.
        truth:   what each image is, by its key (the name without ".JPEG"), whole and flawed ones.
        boxes:   the boxes of each image that has some, by its key.
    """

    folder: Path
    edition: Edition
    toml: Path
    truth: Mapping[str, Truth]
    boxes: Boxes


def make_tiny(
    folder: Path,
    *,
    classes: int = 3,
    per_class: int = 4,
    val: int = 6,
    test: int = 2,
    seed: int = 0,
    boxes: bool = True,
    flaws: Iterable[str] = (),
) -> Tiny:
    """Write the archives of a tiny edition and its TOML file into a folder, which is made.

    Args:
        classes:   number of classes, 2 to 1000; they are real ones with their real ancestors.
        per_class: training images a class, at least 1, and at least 4 where there are flaws.
        val, test: images of these splits; 0 leaves the archive out.
        boxes:     whether archives of boxes are written.
        flaws:     words of `FLAWS`.
    Raises: UsageError for a flaw that is not known or does not fit; MachineError.
    """
    wanted = frozenset(flaws)
    if wanted - set(FLAWS) or not 2 <= classes <= 1000 or per_class < (4 if wanted else 1) or (wanted and not val):
        raise UsageError("this tiny edition cannot be made", seen=f"{classes} x {per_class}, flaws {sorted(wanted)}")
    rng = random.Random(seed)
    drawn = draw(classes, per_class, val, test, rng, wanted)
    drawn_boxes = _draw_boxes(drawn, rng) if boxes else {}
    try:
        return _write(folder, drawn, drawn_boxes)
    except OSError as error:
        raise storage_error(error, f"write the tiny edition into {folder}") from error


def _write(folder: Path, drawn: Drawn, boxes: Boxes) -> Tiny:
    folder.mkdir(parents=True, exist_ok=True)
    edition = _edition(drawn)
    made = (*_image_archives(drawn), _kit_archive(edition), *_box_archives(drawn, boxes))
    edition = replace(edition, archives=tuple(_put(folder, archive, data) for archive, data in made))
    toml = folder / "edition.toml"
    toml.write_text(write_toml(edition), encoding="utf-8")
    return Tiny(folder, load_edition(str(toml)), toml, drawn.truth, boxes)


def _edition(drawn: Drawn) -> Edition:
    """Give the edition, still without its archives."""
    half = tuple(synset.wnid for synset in drawn.classes[::2])
    digest = hashlib.sha256("".join(f"{wnid}\n" for wnid in half).encode()).hexdigest()
    return Edition(
        name="tiny",
        archives=(),
        classes=drawn.classes,
        internal=choose_internal(drawn.classes),
        val_labels=drawn.val_labels,
        cmyk=drawn.cmyk,
        png=drawn.png,
        counts={split: count for split, count in _counts(drawn).items() if count},
        label_probes=tuple(enumerate(drawn.val_labels[:3], 1)),
        subsets=(Subset("half", half, digest, _SOURCE),),
        source=_SOURCE,
    )


def _counts(drawn: Drawn) -> dict[Split, int]:
    trained = sum(synset.train_images for synset in drawn.classes)
    return {Split.TRAIN: trained, Split.VAL: len(drawn.val_labels), Split.TEST: len(drawn.test)}


def _draw_boxes(drawn: Drawn, rng: random.Random) -> Boxes:
    """Draw boxes for every validation image and for three of four training images."""
    known = [(key, truth) for key, truth in drawn.truth.items() if truth.wnid]
    return {
        key: draw_boxes(truth.wnid, rng) for at, (key, truth) in enumerate(known) if truth.split is Split.VAL or at % 4
    }


def _image_archives(drawn: Drawn) -> Made:
    counts = _counts(drawn)
    classes = [(f"{wnid}.tar", _tar(files)) for wnid, files in drawn.train.items()]
    yield _images(Split.TRAIN, counts, Layout.TAR_OF_TARS), _tar(classes)
    if drawn.val:
        yield _images(Split.VAL, counts, Layout.FLAT_TAR), _tar(drawn.val)
    if drawn.test:
        archive = replace(_images(Split.TEST, counts, Layout.FLAT_TAR), strictness=Strictness(directories=True))
        yield archive, _tar([("test/", b""), *((f"test/{name}", data) for name, data in drawn.test)])


def _images(split: Split, counts: Mapping[Split, int], layout: Layout) -> Archive:
    return Archive(
        f"tiny_img_{split}.tar",
        ArchiveRole.IMAGES,
        split,
        layout=layout,
        member=_MEMBER[split],
        images=counts[split],
        default=True,
    )


def _kit_archive(edition: Edition) -> tuple[Archive, bytes]:
    return _packed("tiny_devkit.tar.gz", ArchiveRole.DEVKIT), _tar_gz(sorted(kit_files(edition).items()))


def _box_archives(drawn: Drawn, boxes: Boxes) -> Made:
    for split, name in ((Split.TRAIN, "tiny_bbox_train.tar.gz"), (Split.VAL, "tiny_bbox_val.tgz")):
        files = []
        for key, its_boxes in boxes.items():
            truth = drawn.truth[key]
            folder = truth.wnid if split is Split.TRAIN else "val"
            if truth.split is split:
                files.append((f"{folder}/{key}.xml", write_xml(folder, key, its_boxes)))
        if files:
            yield _packed(name, ArchiveRole.BOXES, split), _tar_gz(sorted(files))


def _packed(name: str, role: ArchiveRole, split: Split | None = None) -> Archive:
    return Archive(name, role, split, layout=Layout.TAR_GZ, strictness=Strictness(directories=True), default=True)


def _put(folder: Path, archive: Archive, data: bytes) -> Archive:
    """Write an archive's bytes and give it with its size and digests."""
    (folder / archive.name).write_bytes(data)
    return replace(
        archive,
        size_bytes=len(data),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        summary=f"{archive.role} of the tiny edition",
        source=_SOURCE,
    )


def _tar(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Give a GNU tar as the published ones are: mode 0644, owner 2016, blocks of 10,240 bytes; "x/" is a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.size, info.mtime, info.mode, info.uid, info.gname = len(data), _MTIME, 0o644, 2016, "imagenet"
            if name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _tar_gz(files: Iterable[tuple[str, bytes]]) -> bytes:
    listed = list(files)
    folders = sorted({f"{name.rpartition('/')[0]}/" for name, _ in listed})
    return gzip.compress(_tar([*((folder, b"") for folder in folders), *listed]), mtime=0)
