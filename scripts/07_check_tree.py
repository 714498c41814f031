#!/usr/bin/env python3
"""Step 7: check a tree of class folders. Python 3.6+, standard library only.

Why: loaders take whatever lies there. A class that is short by some images, an image in the wrong folder or one that
was cut shows as a lower accuracy or as a crash in the third epoch; here it has a name.

    python3 07_check_tree.py imagenet labels

`imagenet` has train/<wnid> or val/<wnid> or both; `labels` is of 04_read_devkit.py. About 10 minutes. Checked: number
of images of each class, names, places, begin and end of each image (a wrong bit inside is not found: 02_check.py proves
the archive). 22 training images of the published set are CMYK and one is a PNG: these are known.
It worked if the last line says 0 problems.
Exit codes: 0 no problems, 1 problems, each on a line of its own, 2 cannot be read.
"""

import argparse
import collections
import multiprocessing
import os
import re
import sys

NAMES = {
    "train": re.compile(r"(n[0-9]{8})_[1-9][0-9]{0,8}\.JPEG"),
    "val": re.compile(r"ILSVRC2012_val_[0-9]{8}\.JPEG"),
}
WNID = re.compile(r"n[0-9]{8}")
PNG = {"n02105855_2933.JPEG"}
CMYK = {
    "n01739381_1309.JPEG", "n02077923_14822.JPEG", "n02447366_23489.JPEG", "n02492035_15739.JPEG",
    "n02747177_10752.JPEG", "n03018349_4028.JPEG", "n03062245_4620.JPEG", "n03347037_9675.JPEG",
    "n03467068_12171.JPEG", "n03529860_11437.JPEG", "n03544143_17228.JPEG", "n03633091_5218.JPEG",
    "n03710637_5125.JPEG", "n03961711_5286.JPEG", "n04033995_2932.JPEG", "n04258138_17003.JPEG",
    "n04264628_27969.JPEG", "n04336792_7448.JPEG", "n04371774_5854.JPEG", "n04596742_4225.JPEG",
    "n07583066_647.JPEG", "n13037406_4650.JPEG",
}  # fmt: skip


def read_kind(path):
    """Give "jpeg", "cmyk", "png", or what is wrong."""
    with open(path, "rb") as file:
        begin = file.read(8)
        if not begin or begin == b"\x89PNG\r\n\x1a\n":
            return "png" if begin else "empty"
        if not begin.startswith(b"\xff\xd8\xff"):
            return "no JPEG: begins {!r}".format(begin)
        components = read_components(file)
        file.seek(max(0, os.fstat(file.fileno()).st_size - 1024))
        if components == 0:
            return "cut or damaged: its header does not add up"
        if b"\xff\xd9" not in file.read():  # a few images have bytes behind their end, which all decoders pass over
            return "cut: no end marker"
        return "cmyk" if components == 4 else "jpeg"


def read_components(file):
    """Give the number of colour components that the frame header tells, 0 where there is none before the pixels."""
    at = 2
    for _ in range(1000):
        file.seek(at)
        head = file.read(10)
        if len(head) < 10 or head[0] != 0xFF:
            return 0
        if head[1] == 0xFF:  # fill bytes may stand before a marker
            at += 1
        elif 0xC0 <= head[1] <= 0xCF and head[1] not in (0xC4, 0xC8, 0xCC):
            return head[9]
        elif head[1] in (0xD9, 0xDA):
            return 0
        else:
            at += 2 + int.from_bytes(head[2:4], "big")
    return 0


def check_class(task):
    """Give (images, [(path, problem)], known odd ones) of a class folder."""
    tree, split, wnid, expected = task
    folder, problems, images, odd = os.path.join(tree, split, wnid), [], 0, collections.Counter()
    there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    for name in sorted(there):
        path, match = "{}/{}/{}".format(split, wnid, name), NAMES[split].fullmatch(name)
        if not match or (split == "train" and match.group(1) != wnid) or (split == "val" and name not in expected):
            problems.append((path, "does not belong here"))
            continue
        images += 1
        kind = read_kind(os.path.join(folder, name))
        if (kind == "png" and name in PNG) or (kind == "cmyk" and name in CMYK):
            odd[kind] += 1
        elif kind != "jpeg":
            problems.append((path, "is a {}, which is not known".format(kind) if kind in ("png", "cmyk") else kind))
    if split == "val":
        problems += [("{}/{}/{}".format(split, wnid, name), "missing") for name in sorted(expected - there)]
    elif expected is not None and images != expected:
        problems.append(("{}/{}".format(split, wnid), "{} images, {} expected".format(images, expected)))
    return images, problems, odd


def read_expected(labels):
    """Give {split: {wnid: number of images, names of them, or None where it is not known}}."""
    with open(os.path.join(labels, "classes.tsv"), encoding="utf-8") as file:
        wnids = [line.split("\t")[0] for line in file][1:]
    train, val = dict.fromkeys(wnids), {wnid: set() for wnid in wnids}
    if os.path.isfile(os.path.join(labels, "counts.tsv")):
        with open(os.path.join(labels, "counts.tsv"), encoding="ascii") as file:
            train.update((wnid, int(count)) for wnid, count in map(str.split, file))
    with open(os.path.join(labels, "val.txt"), encoding="ascii") as file:
        for name, label in map(str.split, file):
            val[wnids[int(label)]].add(name)
    return {"train": train, "val": val}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", help="folder with train and val, in class folders")
    parser.add_argument("labels", help="the folder that 04_read_devkit.py wrote")
    parser.add_argument("-j", "--workers", type=int, default=min(4, os.cpu_count() or 1), help="default: %(default)s")
    given = parser.parse_args()
    if given.workers < 1:
        parser.error("--workers must be 1 or more")
    total, problems, odd = collections.Counter(), [], collections.Counter()
    try:
        expected = read_expected(given.labels)
        splits = [split for split in expected if os.path.isdir(os.path.join(given.tree, split))]
        if not splits:
            parser.error("{} has neither train nor val".format(given.tree))
        with multiprocessing.Pool(given.workers) as pool:
            for split in splits:
                strangers = set(os.listdir(os.path.join(given.tree, split))) - set(expected[split])
                problems += [(split + "/" + name, "is no class of this kit") for name in sorted(strangers)]
                tasks = [(given.tree, split, wnid, expected[split][wnid]) for wnid in sorted(expected[split])]
                for images, found, strange in pool.imap(check_class, tasks):
                    total[split] += images
                    problems += found
                    odd += strange
    except (OSError, ValueError, LookupError) as error:
        print("cannot go on: {}".format(error), file=sys.stderr)
        return 2
    for path, problem in problems:
        print("{}\t{}".format(path, problem))
    counts = ", ".join("{} {}".format(count, split) for split, count in sorted(total.items()))
    print(
        "{} images; known odd ones: {} CMYK, {} PNG; {} problems".format(counts, odd["cmyk"], odd["png"], len(problems))
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
