"""A collection in memory: an edition of five real classes, its images as bytes, its XML; no archive, no index.

Images are heads of JPEGs with noise behind: they have a size and no picture.
It keeps what trips formats up: two classes named "crane", one name with a comma and one with a blank, ids in another
order than labels, members of val in no order, an image without boxes and one with thirty, a PNG and a CMYK JPEG under
JPEG names.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random

from kilotar.model.edition import Edition, Synset
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Annotation, Collection
from kilotar.model.table import Part, RowsBuilder, SampleTable

CLASSES = (
    Synset("n01440764", 4, "tench, Tinca tinca", label=0),
    Synset("n01484850", 1, "great white shark, white shark", label=1),
    Synset("n02012849", 5, "crane", label=2),
    Synset("n02093428", 3, "American Staffordshire terrier, pit bull terrier", label=3),
    Synset("n03126707", 2, "crane", label=4),
)


def jpeg_head(width_px: int, height_px: int, components: int = 3) -> bytes:
    """Give frame and begin of the scan of a JPEG, as far as a probe of its size reads."""
    of_frame = b"".join(bytes((number + 1, 0x11, 0)) for number in range(components))
    of_scan = b"".join(bytes((number + 1, 0)) for number in range(components))
    frame = struct.pack(">2sHBHHB", b"\xff\xc0", 8 + 3 * components, 8, height_px, width_px, components) + of_frame
    return frame + struct.pack(">2sHB", b"\xff\xda", 6 + 2 * components, components) + of_scan + b"\x00\x3f\x00"


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 31, 17) + bytes(range(256))
CMYK = b"\xff\xd8\xff\xee\x00\x0eAdobe\x00d\x00\x00\x00\x00\x02" + jpeg_head(23, 19, 4) + bytes(reversed(range(256)))


class BoxTable:
    """Boxes by key, as a `BoxSource`."""

    def __init__(self, boxes: dict[str, tuple[Box, ...]]) -> None:
        self.boxes = boxes

    def size(self, key: str) -> tuple[int, int]:
        """Give a size for every image that has boxes, and another one for each length of name."""
        return (400 + len(key), 300) if key in self.boxes else (0, 0)

    def of(self, key: str) -> tuple[Box, ...]:
        return self.boxes.get(key, ())


@dataclass(frozen=True)
class Small:
    """A collection with everything an engine would stream beside it."""

    collection: Collection
    images: dict[tuple[Split, str], bytes]
    annotations: tuple[Annotation, ...]

    def samples(self) -> Iterator[tuple[Sample, bytes]]:
        """Give every chosen sample with its bytes, in the order of the archives."""
        for table in self.collection.tables:
            for sample in table:
                yield sample, self.images[sample.split, sample.name]

    def only(self, wnids: Iterable[str]) -> Small:
        """Give the collection as it is where these classes were chosen; test, which has none, keeps its images."""
        chosen = frozenset(wnids)
        return self._with(
            replace(
                self.collection,
                tables=tuple(t if t.split == Split.TEST else t.only(chosen) for t in self.collection.tables),
                classes=tuple(sorted(chosen)),
            )
        )

    def with_tables(self, change: Callable[[SampleTable], SampleTable | None]) -> Small:
        """Give the collection with each table changed, or dropped where the change gives None."""
        changed = [change(table) for table in self.collection.tables]
        return self._with(replace(self.collection, tables=tuple(table for table in changed if table is not None)))

    def without_boxes(self) -> Small:
        tables = tuple(SampleTable(table.split, table.parts) for table in self.collection.tables)
        return Small(replace(self.collection, tables=tables, boxes=None), self.images, ())

    def unreadable(self) -> Small:
        """Give the collection with zeros for images, of which no probe tells a size."""
        return replace(self, images={key: bytes(len(data)) for key, data in self.images.items()})

    def _with(self, collection: Collection) -> Small:
        keys = {sample.key for table in collection.tables for sample in table}
        return Small(collection, self.images, tuple(a for a in self.annotations if a.key in keys))


def make_small(per_class: int = 3, val: int = 7, test: int = 3, seed: int = 0) -> Small:
    """Make the collection.

    Args:
        per_class: training images a class, named by numbers of different width.
        val, test: images of the flat archives.
        seed:      of the order of members and of the bytes.
    """
    rng = Random(seed)
    images: dict[tuple[Split, str], bytes] = {}
    train = []
    for synset in CLASSES:
        names = [f"{synset.wnid}_{7 * 11**number + synset.label}.JPEG" for number in range(per_class)]
        images |= {(Split.TRAIN, name): _bytes(rng, name) for name in names}
        if synset is CLASSES[0]:
            images |= {(Split.TRAIN, name): odd for name, odd in zip(names, (PNG, CMYK), strict=False)}
        train.append(_part(synset.wnid, "train.tar", rng, names, images, Split.TRAIN, lambda _, s=synset: s))
    val_labels = tuple((3 * number + 1) % len(CLASSES) for number in range(val))
    edition = Edition("small", (), CLASSES, val_labels=val_labels)
    tables: tuple[SampleTable, ...] = (
        SampleTable(Split.TRAIN, train),
        _flat(Split.VAL, val, rng, images, lambda number: CLASSES[val_labels[number]]),
        _flat(Split.TEST, test, rng, images, lambda _: None),
    )
    boxes, annotations = _boxes(tables, rng)
    book = BoxTable(boxes)
    tables = tuple(SampleTable(table.split, table.parts, book) for table in tables)
    return Small(Collection(edition, tables, tuple(s.wnid for s in CLASSES), book), images, annotations)


_ClassOf = Callable[[int], Synset | None]


def _flat(split: Split, count: int, rng: Random, images: dict[tuple[Split, str], bytes], of: _ClassOf) -> SampleTable:
    names = [f"ILSVRC2012_{split}_{number:08d}.JPEG" for number in range(1, count + 1)]
    images |= {(split, name): _bytes(rng, name) for name in names}
    rng.shuffle(names)
    halves = (names[: count // 2], names[count // 2 :])
    by_number = lambda name: of(int(name[-13:-5]) - 1)  # noqa: E731
    parts = [
        _part(f"{key:05d}", f"{split}.tar", rng, half, images, split, by_number)
        for key, half in enumerate(halves)
        if half
    ]
    return SampleTable(split, parts)


def _part(
    key: str,
    archive: str,
    rng: Random,
    names: list[str],
    images: dict[tuple[Split, str], bytes],
    split: Split,
    class_of: Callable[[str], Synset | None],
) -> Part:
    rows = RowsBuilder()
    offset = 512
    for name in rng.sample(names, len(names)):
        data = images[split, name]
        rows.add(name, offset, len(data), hashlib.sha256(data).digest())
        offset += len(data) + 1024
    built = rows.rows()
    synsets = [class_of(built.name(row)) for row in range(len(built))]
    wnids = [synset.wnid if synset else "" for synset in synsets]
    labels = [synset.label if synset else NO_LABEL for synset in synsets]
    if len(set(wnids)) == 1:
        wnids, labels = wnids[:1], labels[:1]
    return Part(key, archive, built, wnids, labels)


def _bytes(rng: Random, name: str) -> bytes:
    comment = b"\xff\xd8\xff\xfe" + struct.pack(">H", 2 + len(name)) + name.encode("ascii")
    return comment + jpeg_head(40 + len(name), 30) + rng.randbytes(rng.randrange(1, 700)) + b"\xff\xd9"


def _boxes(tables: Iterable[SampleTable], rng: Random) -> tuple[dict[str, tuple[Box, ...]], tuple[Annotation, ...]]:
    """Give the first image of train none, the second thirty, the others of train and val one or two."""
    boxes: dict[str, tuple[Box, ...]] = {}
    annotations = []
    labelled = [sample for table in tables if table.split != Split.TEST for sample in table]
    for place, sample in enumerate(labelled):
        count = {0: 0, 1: 30}.get(place, 1 + place % 2)
        if count:
            boxes[sample.key] = tuple(
                Box(sample.wnid, n, n + 1, n + 20, n + rng.randrange(30, 60)) for n in range(count)
            )
            xml = f"<annotation><filename>{sample.key}</filename>{'<object/>' * count}</annotation>\r\n".encode()
            annotations.append(Annotation(sample.split, sample.wnid, sample.key, xml))
    return boxes, tuple(annotations)
