#!/usr/bin/env python3
"""Step 4: labels out of a development kit, of 2012 or of 2013 to 2017. Python 3.6+, standard library only, no scipy.

Why: validation images have no class in their name. The kit has it as an ILSVRC id, 1 to 1000, which is NOT the label of
trainers: that is the place of the class among the sorted wnids, from 0. Mixing them up gives 0.1 % accuracy.

    python3 04_read_devkit.py ILSVRC2012_devkit_t12.tar.gz labels

The kit is a .tar.gz, a .tar or an unpacked folder. Takes seconds. Writes classes.tsv (wnid, label twice, ilsvrc_id,
words), val.txt (names and labels), synsets.txt, synset_words.txt, map_clsloc.txt, counts.tsv (training images a class).
It worked if it says: 1000 classes, 50000 images, the first of labels [65, 970, 230]
Exit codes: 0 done, 1 the kit is refused, 2 cannot be read or written.
"""

import argparse
import os
import re
import struct
import sys
import tarfile
import zlib

MOST_BYTES = 8 << 20
WANTED = re.compile(r"(.*/)?(meta(_clsloc)?\.mat|map_clsloc\.txt|ILSVRC20\d\d_(clsloc_)?validation_ground_truth\.txt)")
NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
WNID, HEAD = re.compile("n[0-9]{8}"), "wnid\tlabel_in_this_output\tlabel_in_edition\tilsvrc_id\twords"
TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
BAD = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, StopIteration)  # what broken data make
BAD += (EOFError, tarfile.TarError, zlib.error, struct.error)


def walk_elements(data):
    """Give (type, bytes) of each element of a MAT-5 file; MathWorks describes the format."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        begin, end = at + 8, at + 8 + (size if kind == 15 else -(-size // 8) * 8)
        if kind >> 16:  # up to 4 bytes may stand in the tag itself
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if begin + size > len(data) or end < begin + size:
            raise ValueError("meta.mat is cut short")
        yield kind, data[begin : begin + size]
        at = end


def parse_matrix(data, is_inner=False):
    """Give (name, value): a text, a number, a list of numbers, or a list of dictionaries."""
    (_, flags), _, (_, name), *parts = walk_elements(data)
    if flags[0] == 2 and not is_inner:  # an array of structs: length of a field's name, the names, then all values
        (width,) = struct.unpack("<i", parts[0][1])
        block, cells = parts[1][1], [parse_matrix(cell, True)[1] for _, cell in parts[2:]]
        fields = [block[at : at + width].rstrip(b"\0").decode("ascii") for at in range(0, len(block), width)]
        return name, [dict(zip(fields, cells[at : at + len(fields)])) for at in range(0, len(cells), len(fields))]
    if flags[0] == 4:
        return name, "".join(text.decode(TEXTS[of]) for of, text in parts)
    values = [value for of, packed in parts for (value,) in struct.iter_unpack("<" + NUMBERS[of], packed)]
    return name, values[0] if len(values) == 1 else values


def parse_meta(data):
    """Give (ilsvrc_id, wnid, words, training images) of the classes, out of meta.mat."""
    if data[124:128] != b"\x00\x01IM":
        raise ValueError("meta.mat is no little-endian MAT file of version 5")
    for kind, element in walk_elements(data[128:]):
        if kind == 15:
            _, element = next(walk_elements(zlib.decompressobj().decompress(element, MOST_BYTES)))
        name, rows = parse_matrix(element)
        if name == b"synsets":
            rows = [row for row in rows if not row.get("num_children", 0)]
            number = next(key for key in rows[0] if key.endswith("_ID"))
            words = "words" if "words" in rows[0] else "name"
            return [(int(row[number]), row["WNID"], row[words], int(row["num_train_images"])) for row in rows]
    raise ValueError("meta.mat has no variable named synsets")


def parse_map(text):
    """Give the same out of map_clsloc.txt, which has the first word of a class alone, and no number of images."""
    return [(int(id), wnid, word.replace("_", " "), None) for wnid, id, word in map(str.split, text.splitlines())]


def walk_kit(path):
    """Give (name, open file) of each file that matters; nothing is unpacked to the disk."""
    if not os.path.isdir(path):
        with tarfile.open(path, "r|*") as tar:  # a stream: each member is read when it passes
            files = (each for each in tar if each.isreg() and WANTED.fullmatch(each.name))
            yield from ((each.name, tar.extractfile(each)) for each in files)
        return
    for name in sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names):
        if WANTED.fullmatch(name):
            with open(name, "rb") as file:
                yield name, file


def read_kit(path):
    """Give rows as of `parse_meta`, and the ilsvrc_ids of the validation images."""
    found = {}
    for name, file in walk_kit(path):
        kind = "truth" if name.endswith("truth.txt") else os.path.splitext(name)[1]
        if kind in found:
            raise ValueError("{} is the second of its kind".format(name))
        found[kind] = file.read(MOST_BYTES)
    if "truth" not in found or len(found) < 2:
        raise ValueError("it has no ground truth, or no meta.mat and no map_clsloc.txt")
    classes = parse_meta(found[".mat"]) if ".mat" in found else parse_map(found[".txt"].decode("ascii"))
    return sorted(classes), [int(line) for line in found["truth"].decode("ascii").splitlines()]


def make_files(classes, truth):
    """Give {name: lines} of what is written."""
    ids, wnids = [row[0] for row in classes], {row[1] for row in classes if row[2].isprintable()}
    if ids != list(range(1, len(ids) + 1)) or len(wnids) < len(ids) or not all(map(WNID.fullmatch, wnids)):
        raise ValueError("classes must have the ids 1 to {} and a wnid, each once".format(len(ids)))
    if not truth or not set(truth) <= set(ids):
        raise ValueError("the ground truth is empty, or has ids that no class has")
    rows = sorted(classes, key=lambda row: row[1])
    label = {row[0]: at for at, row in enumerate(rows)}
    return {
        "classes.tsv": [HEAD] + ["{1}\t{at}\t{at}\t{0}\t{2}".format(*row, at=label[row[0]]) for row in rows],
        "val.txt": ["ILSVRC2012_val_{:08}.JPEG {}".format(at, label[number]) for at, number in enumerate(truth, 1)],
        "synsets.txt": [row[1] for row in rows],
        "synset_words.txt": ["{} {}".format(row[1], row[2]) for row in rows],
        "map_clsloc.txt": ["{} {} {}".format(r[1], r[0], r[2].split(", ")[0].replace(" ", "_")) for r in classes],
        "counts.tsv": ["{}\t{}".format(row[1], row[3]) for row in rows if row[3] is not None],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", help="ILSVRC20xx_devkit*.tar.gz, or the folder of one")
    parser.add_argument("target", help="folder for the lists; made")
    given = parser.parse_args()
    try:
        files = make_files(*read_kit(given.kit))
        os.makedirs(given.target, exist_ok=True)
        for name, lines in files.items():
            with open(os.path.join(given.target, name + ".part"), "wb") as file:
                file.write("".join(line + "\n" for line in lines).encode("utf-8"))
            os.replace(file.name, file.name[: -len(".part")])
    except (OSError, *BAD) as error:
        is_disk = isinstance(error, OSError)
        print("{} {}: {!r}".format(given.kit, "cannot go on" if is_disk else "is refused", error), file=sys.stderr)
        return 2 if is_disk else 1
    counts, first = map(len, files.values()), [int(line.split()[1]) for line in files["val.txt"][:3]]
    print("{} classes, {} images, the first of labels {}".format(next(counts) - 1, next(counts), first))
    return 0


if __name__ == "__main__":
    sys.exit(main())
