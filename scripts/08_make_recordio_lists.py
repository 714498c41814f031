#!/usr/bin/env python3
"""Step 8: the lists that MXNet's im2rec makes RecordIO files from. Python 3.6+, standard library only.

Why: im2rec can make lists itself, but its labels are then the order in which it met the folders, and those of train and
val may differ. Here the label is the place of the class among the sorted wnids, from 0.

    python3 08_make_recordio_lists.py labels lists --train imagenet/train --val imagenet/val
    python3 im2rec.py --pass-through --num-thread 8 lists/train.lst imagenet/train

Instead of a folder the archive can be given; its order is then that of the list, and nothing is unpacked. --shuffle
mixes the training list, once and for all: im2rec writes records in the order of the list. Seconds to minutes, 60 MB.
It worked if it says 1281167 and 50000 lines. `labels` is of 04_read_devkit.py.
Exit codes: 0 done, 1 something is refused, 2 cannot be read or written.
"""

import argparse
import os
import random
import re
import sys
import tarfile

BLOCK = 512
CLASS_TAR = re.compile(r"(?:\./)?(n[0-9]{8})\.tar")
TRAIN = re.compile(r"(?:\./)?((n[0-9]{8})_[1-9][0-9]{0,8}\.JPEG)")
VAL = re.compile(r"(?:\./)?(?:val/)?(ILSVRC2012_val_[0-9]{8}\.JPEG)")


class Refused(Exception):
    """A folder, archive or list is not what it should be."""


def walk_tar(file, begin, end):
    """Give (name, begin, end) of each file in the tar that lies between two bytes of a file.

    Not by tarfile.open: that takes a damaged header for the end of the archive and says nothing.
    """
    at = begin
    while at + BLOCK <= end:
        file.seek(at)
        header = file.read(BLOCK)
        if header == bytes(BLOCK):
            if end - at > 1 << 20 or file.read(end - at - BLOCK).strip(b"\0"):
                raise Refused("bytes behind the end mark at byte {}".format(at))
            return
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise Refused("no header at byte {}: {}".format(at, error)) from error
        data = at + BLOCK
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not 0 <= member.size <= end - data:
            raise Refused("at byte {} stands {!r}, which is no file that fits".format(at, member.name))
        yield member.name, data, data + member.size
        at = data + -(-member.size // BLOCK) * BLOCK
    raise Refused("it ends at byte {} without an end mark".format(at))


def walk_names(path):
    """Give the names of the images in an archive, in its order, or of a folder, sorted by class and name."""
    if os.path.isdir(path):
        folders = sorted(os.listdir(path))
        yield from (name for folder in folders for name in sorted(os.listdir(os.path.join(path, folder))))
        return
    with open(path, "rb") as file:
        for name, begin, end in walk_tar(file, 0, os.path.getsize(path)):
            if CLASS_TAR.fullmatch(name):
                yield from (inner for inner, _, _ in walk_tar(file, begin, end))
            else:
                yield name


def read_labels(folder):
    """Give {wnid: label} and {name of a validation image: wnid}."""
    with open(os.path.join(folder, "classes.tsv"), encoding="utf-8") as file:
        wnids = [line.split("\t")[0] for line in file][1:]
    with open(os.path.join(folder, "val.txt"), encoding="ascii") as file:
        val = {name: wnids[int(label)] for name, label in map(str.split, file)}
    return {wnid: label for label, wnid in enumerate(wnids)}, val


def find_images(path, split, labels, val):
    """Give (label, path below the folder of the split) of each image, in the order of `path`."""
    found = []
    for name in walk_names(path):
        match = (TRAIN if split == "train" else VAL).fullmatch(name)
        wnid = match and (match.group(2) if split == "train" else val.get(match.group(1)))
        if wnid not in labels:
            raise Refused("{} holds {!r}, which has no label".format(path, name))
        found.append((labels[wnid], "{}/{}".format(wnid, match.group(1))))
    if len(set(found)) != len(found) or not found:
        raise Refused("{} holds no image, or one twice".format(path))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", help="the folder that 04_read_devkit.py wrote")
    parser.add_argument("target", help="folder for train.lst and val.lst; made")
    parser.add_argument("--train", metavar="PATH", help="folder of class folders, or ILSVRC2012_img_train.tar")
    parser.add_argument("--val", metavar="PATH", help="folder of class folders, or ILSVRC2012_img_val.tar")
    parser.add_argument("--shuffle", metavar="SEED", type=int, help="mix the training list, the same for the same seed")
    given = parser.parse_args()
    if not (given.train or given.val):
        parser.error("give --train, --val or both")
    try:
        labels, val = read_labels(given.labels)
        os.makedirs(given.target, exist_ok=True)
        for split, path in (("train", given.train), ("val", given.val)):
            if path:
                images = find_images(path, split, labels, val)
                if split == "train" and given.shuffle is not None:
                    random.Random(given.shuffle).shuffle(images)
                out = os.path.join(given.target, split + ".lst")
                with open(out + ".part", "w", encoding="ascii", newline="\n") as file:
                    file.writelines("{}\t{:f}\t{}\n".format(at, *image) for at, image in enumerate(images))
                os.replace(out + ".part", out)
                print("{} lines in {}".format(len(images), out))
    except (Refused, ValueError, LookupError) as error:
        print("refused: {}".format(error), file=sys.stderr)
        return 1
    except OSError as error:
        print("cannot go on: {}".format(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
