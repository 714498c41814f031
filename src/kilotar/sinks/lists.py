"""Lists and tables about the images, in the forms that trainers ask for; no images.

::

    classes.tsv                            every class with both labels, its ilsvrc_id and its words
    caffe/{train,val,test}.txt  caffe/{synsets,synset_words}.txt
    paddleclas/{train,val}_list.txt        mmpretrain/meta/{train,val,test}.txt
    dinov2/labels.txt  dinov2/extra/*.npy  keras/imagenet_class_index.json  tfds/labels.txt

Rules guarded: a class is told by its wnid, never by its name; labels are 0-based ranks among the chosen wnids, which
are the edition's labels where all were chosen (`classes.tsv` has both); a test image has label -1, and no label at all
in mmpretrain's list, whose reader takes test without; a file is written as a stream.

Source: BVLC/caffe get_ilsvrc_aux.sh; PaddleClas imagenet_dataset.py; open-mmlab/mmpretrain datasets/imagenet.py and
custom.py; synset_words.txt of the published edition has MD5 4d234b58.... Caffe's own test.txt says 0, the label of the
first class; -1 cannot be taken for one. Keras writes names with underscores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Sample, Split
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written
from kilotar.model.table import SampleTable
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.dinov2 import dinov2_files
from kilotar.sinks.rows import Entry, by_class, by_name, rank, text
from kilotar.sinks.trees import read_lines

ABOUT = SinkAbout(
    name="lists",
    summary="lists of images and classes for Caffe, PaddleClas, mmpretrain, DINOv2 and Keras",
    folder="lists",
    images=False,
    reader="Caffe, OpenVINO, MLPerf inference, PaddleClas, mmpretrain, DINOv2, Keras",
    side_bytes=272,
)

_CLASSES = "classes.tsv"
_HEADER = ("wnid", "label_in_this_output", "label_in_edition", "ilsvrc_id", "words")


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of this format.

    Attributes:
        val_folders: lists name val images by class folder, as `imagefolder` lays them, instead of flat, as the
                     published lists and `cls-loc` do.
        dinov2:      write DINOv2's tables; entries-TRAIN.npy takes some 210 MB for the published edition.
    """

    val_folders: bool = False
    dinov2: bool = True


def place(sample: Sample) -> str:
    """Give "": there are no images here."""
    return ""


def place_annotation(annotation: Annotation) -> str:
    """Give "": there are no boxes here."""
    return ""


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write every list. Raises LayoutRefused for names that DINOv2 cannot number, MachineError."""
    lines = [*_about_classes(collection), *_about_images(collection, options)]
    written = [out.publish(path, text(of)) for path, of in lines]
    if options.dinov2:
        written += [out.publish(f"dinov2/{path}", of) for path, of in dinov2_files(collection)]
    return tuple(written)


_File = tuple[str, Iterable[str]]


def _about_classes(collection: Collection) -> Iterator[_File]:
    synsets = [collection.edition.by_wnid[wnid] for wnid in collection.classes]
    index = {str(label): [synset.wnid, synset.lemmas[0].replace(" ", "_")] for label, synset in enumerate(synsets)}
    rows = ((s.wnid, str(label), str(s.label), str(s.ilsvrc_id), s.words) for label, s in enumerate(synsets))
    yield _CLASSES, ("\t".join(row) + "\n" for row in (_HEADER, *rows))
    yield "caffe/synsets.txt", (f"{synset.wnid}\n" for synset in synsets)
    yield "caffe/synset_words.txt", (f"{synset.wnid} {synset.words}\n" for synset in synsets)
    yield "keras/imagenet_class_index.json", [json.dumps(index, ensure_ascii=False)]
    yield "tfds/labels.txt", (f"{synset.wnid}\n" for synset in synsets)


def _about_images(collection: Collection, options: Options) -> Iterator[_File]:
    labels = rank(collection.classes) | {"": NO_LABEL}
    for table in collection.tables:
        split, with_folders = table.split, table.split == Split.TRAIN or options.val_folders
        yield f"caffe/{split}.txt", _labelled("", table, labels, with_folders)
        if split == Split.TEST:
            yield "mmpretrain/meta/test.txt", (f"{entry.name}\n" for entry in by_name(table))
        else:
            yield f"mmpretrain/meta/{split}.txt", _labelled("", table, labels, with_folders)
            yield f"paddleclas/{split}_list.txt", _labelled(f"{split}/", table, labels, with_folders)


def _labelled(prefix: str, table: SampleTable, labels: dict[str, int], with_folders: bool) -> Iterator[str]:
    """Give lines of path and label: by class with folders, by name without."""
    entries = by_class(table) if with_folders else by_name(table)
    return (f"{prefix}{_path(entry, with_folders)} {labels[entry.wnid]}\n" for entry in entries)


def _path(entry: Entry, with_folders: bool) -> str:
    return f"{entry.wnid}/{entry.name}" if with_folders and entry.wnid else entry.name


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read Caffe's lists, with the classes of `classes.tsv`. Raises LayoutRefused, MachineError."""
    wnids = _read_classes(folder / _CLASSES, edition) | {NO_LABEL: ""}
    for split in Split:
        for number, line in enumerate(read_lines(folder / f"caffe/{split}.txt"), start=1):
            path, _, word = line.rpartition(" ")
            label = _label(word)
            if label not in wnids or not path:
                raise LayoutRefused(f"caffe/{split}.txt, line {number} is no image and label", seen=repr(line[:80]))
            yield Row(split, path.rpartition("/")[2], wnids[label], label)


def _read_classes(path: Path, edition: Edition) -> dict[int, str]:
    rows = [line.split("\t") for line in read_lines(path)][1:]
    known = {synset.wnid for synset in edition.classes}
    for label, row in enumerate(rows):
        if len(row) != len(_HEADER) or row[0] not in known or row[1] != str(label):
            raise LayoutRefused(f"{_CLASSES}, line {label + 2} does not fit {edition.name}", seen=repr(row)[:80])
    return {label: row[0] for label, row in enumerate(rows)}


def _label(word: str) -> int | None:
    return int(word) if word.removeprefix("-").isdecimal() and len(word) < 10 else None
