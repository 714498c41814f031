"""The folders of the CLS-LOC archives of 2014 to 2017 (and of Kaggle), written from the archives of 2012.

::

    Data/CLS-LOC/train/<wnid>/<name>      Data/CLS-LOC/{val,test}/<name>
    Annotations/CLS-LOC/train/<wnid>/<key>.xml      Annotations/CLS-LOC/val/<key>.xml
    ImageSets/CLS-LOC/{train_cls,train_loc,val,test}.txt
    devkit/data/map_clsloc.txt      devkit/data/ILSVRC2015_clsloc_validation_ground_truth.txt

Rules guarded: lists name images without their ending and number the lines from 1; line n of the ground truth is the
class of line n of val.txt, by its ilsvrc_id, also where only some classes were chosen; `map_clsloc.txt` always maps
the whole edition, because ids are never renumbered. The blacklist of the kit is not written.

Verified: the form of train_cls.txt (its first ten lines), of val.txt and of the CSV rows, and the bytes of
map_clsloc.txt (MD5 95c373df...) and of the ground truth (MD5 1cfce241...). Not verified against the published files:
that train_loc.txt numbers its own lines, the order of names within a class (here: as text), and the prediction in
LOC_sample_submission.csv. train_loc.txt lists the images that have boxes; without boxes it is not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from kilotar.editions.kit_lists import map_clsloc_lines
from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Sample, Split, key_of
from kilotar.model.seams import Annotation, Collection, OutFolder, Row, Written
from kilotar.model.table import BoxSource, SampleTable
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.rows import Entry, by_class, by_name, rank, text
from kilotar.sinks.trees import class_folders, file_names, read_bytes, read_lines

ABOUT = SinkAbout(
    name="cls-loc",
    summary="ILSVRC2015/{Data,Annotations,ImageSets}/CLS-LOC with the lists and the kit's tables",
    folder="ILSVRC2015",
    reader="code written for the CLS-LOC archive or Kaggle's object localization challenge",
    side_bytes=64,
)

_DATA = "Data/CLS-LOC"
_LISTS = {Split.TRAIN: "train_cls.txt", Split.VAL: "val.txt", Split.TEST: "test.txt"}
_TRUTH = "devkit/data/ILSVRC2015_clsloc_validation_ground_truth.txt"


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of this format.

    Attributes:
        kaggle: also write LOC_synset_mapping.txt, LOC_sample_submission.csv (where test was chosen) and
                LOC_{train,val}_solution.csv (where boxes are known; they list the images that have some).
    """

    kaggle: bool = False


def place(sample: Sample) -> str:
    """Give the path in `Data`: train by class, val and test flat."""
    inside = f"{sample.wnid}/{sample.name}" if sample.split == Split.TRAIN else sample.name
    return f"{_DATA}/{sample.split}/{inside}"


def place_annotation(annotation: Annotation) -> str:
    """Give the path in `Annotations`, beside which the image of the same key lies in `Data`."""
    inside = f"{annotation.wnid}/{annotation.key}" if annotation.split == Split.TRAIN else annotation.key
    return f"Annotations/CLS-LOC/{annotation.split}/{inside}.xml"


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the lists of the chosen splits, the kit's tables and, on request, Kaggle's files."""
    files = [*_image_sets(collection), *_devkit(collection)]
    if options.kaggle:
        files += _kaggle(collection)
    return tuple(out.publish(path, text(lines)) for path, lines in files)


_File = tuple[str, Iterable[str]]


def _image_sets(collection: Collection) -> Iterator[_File]:
    for table in collection.tables:
        yield f"ImageSets/CLS-LOC/{_LISTS[table.split]}", _numbered(_keys(table))
        if table.split == Split.TRAIN and collection.boxes is not None:
            boxed = (line for line, _ in _boxed(table, collection.boxes))
            yield "ImageSets/CLS-LOC/train_loc.txt", _numbered(boxed)


def _entries(table: SampleTable) -> Iterator[Entry]:
    return by_class(table) if table.split == Split.TRAIN else by_name(table)


def _line(split: Split, entry: Entry) -> str:
    return f"{entry.wnid}/{key_of(entry.name)}" if split == Split.TRAIN else key_of(entry.name)


def _keys(table: SampleTable) -> Iterator[str]:
    return (_line(table.split, entry) for entry in _entries(table))


def _numbered(keys: Iterable[str]) -> Iterator[str]:
    return (f"{key} {number}\n" for number, key in enumerate(keys, start=1))


def _boxed(table: SampleTable, boxes: BoxSource) -> Iterator[tuple[str, str]]:
    """Give (line of the list, "wnid xmin ymin xmax ymax " for each box) of every image that has boxes."""
    for entry in _entries(table):
        if found := boxes.of(key_of(entry.name)):
            words = "".join(f"{box.wnid} {box.xmin} {box.ymin} {box.xmax} {box.ymax} " for box in found)
            yield _line(table.split, entry), words


def _devkit(collection: Collection) -> Iterator[_File]:
    edition = collection.edition
    yield "devkit/data/map_clsloc.txt", map_clsloc_lines(edition)
    if (val := collection.table(Split.VAL)) is not None:
        yield _TRUTH, (f"{edition.by_wnid[entry.wnid].ilsvrc_id}\n" for entry in by_name(val))


def _kaggle(collection: Collection) -> Iterator[_File]:
    words = collection.edition.by_wnid
    yield "LOC_synset_mapping.txt", (f"{wnid} {words[wnid].words}\n" for wnid in collection.classes)
    header = "ImageId,PredictionString\n"
    for table in collection.tables:
        if table.split == Split.TEST:
            some = f"{collection.classes[0]} 0 0 1 1"
            yield "LOC_sample_submission.csv", _headed(header, (f"{key},{some}\n" for key in _keys(table)))
        elif collection.boxes is not None:
            rows = _boxed(table, collection.boxes)
            lines = (f"{line.rpartition('/')[2]},{boxes}\n" for line, boxes in rows)
            yield f"LOC_{table.split}_solution.csv", _headed(header, lines)


def _headed(header: str, lines: Iterable[str]) -> Iterator[str]:
    yield header
    yield from lines


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read what the lists name, in their order. Raises LayoutRefused, MachineError."""
    truth = _read_truth(folder / _TRUTH, edition)
    trained = class_folders(folder / _DATA / Split.TRAIN, edition)
    labels = rank([*trained, *truth])
    for split in Split:
        for number, (inside, name) in enumerate(_listed(folder, split, trained)):
            if split == Split.VAL and number >= len(truth):
                raise _refused(folder / _TRUTH, f"{len(truth)} lines, val.txt has more")
            wnid = truth[number] if split == Split.VAL else inside
            path = folder / _DATA / split / inside / name
            yield Row(split, name, wnid, labels.get(wnid, NO_LABEL), partial(read_bytes, path))


def _listed(folder: Path, split: Split, trained: list[str]) -> Iterator[tuple[str, str]]:
    """Give (class folder or "", file name) of each line of a list."""
    path = folder / "ImageSets/CLS-LOC" / _LISTS[split]
    known = trained if split == Split.TRAIN else [""]
    parts = (line.partition(" ")[0].rpartition("/") for line in read_lines(path))
    for inside, lines in groupby(parts, key=lambda line: line[0]):
        if inside not in known:
            raise _refused(path, f"it names the folder {inside!r}")
        names = {key_of(name): name for name in file_names(folder / _DATA / split / inside)}
        for _, _, key in lines:
            if key not in names:
                raise _refused(path, f"it names {key!r}, and there is no such image")
            yield inside, names[key]


def _read_truth(path: Path, edition: Edition) -> list[str]:
    wnids = {str(synset.ilsvrc_id): synset.wnid for synset in edition.classes}
    try:
        return [wnids[line] for line in read_lines(path)]
    except KeyError as error:
        raise _refused(path, f"{error} is no ilsvrc_id of a class of {edition.name}") from error


def _refused(path: Path, seen: str) -> LayoutRefused:
    return LayoutRefused(f"{path.name} does not fit its tree", seen=seen, fix="prepare the output anew")
