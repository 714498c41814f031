#!/usr/bin/env python3
"""Step 6: the tree of the CLS-LOC archives of 2014 to 2017 (and of Kaggle). Python 3.6+, standard library only.

Why: books and code for ILSVRC2015 want ILSVRC2015/{Data,Annotations,ImageSets}/CLS-LOC with train_cls.txt and val.txt,
an archive of 166 GB. Its images are those of 2012, which you have; here they become hard links, and the lists are
written.

    python3 06_cls_loc_tree.py imagenet labels imagenet --boxes-train ILSVRC2012_bbox_train_v2.tar.gz \\
        --boxes-val ILSVRC2012_bbox_val_v3.tgz

`imagenet` has train/<wnid> and val/<wnid> (03_unpack_train.py, 05_sort_val.py), and test if you want it; `labels` is of
04_read_devkit.py. A few minutes, and no space where links are possible. The same command again goes on.
It worked if it says 1281167 train and 50000 val, and wc -l ILSVRC2015/ImageSets/CLS-LOC/*.txt says so too.
Exit codes: 0 done, 1 something is refused, 2 cannot be read or written.
"""

import argparse
import os
import re
import shutil
import sys
import tarfile
import zlib

NAMES = {
    "train": re.compile(r"(n[0-9]{8})_[1-9][0-9]{0,8}"),
    "val": re.compile(r"ILSVRC2012_val_[0-9]{8}()"),  # the group is the class folder: none
    "test": re.compile(r"ILSVRC2012_test_[0-9]{8}()"),
}
MOST_XML_BYTES = 1 << 20


class Refused(Exception):
    """A tree, archive or list is not what it should be."""


def find_images(tree, split):
    """Give (class folder or "", name without .JPEG, path) of the images of a split, sorted as text."""
    found = []
    for folder, _, names in os.walk(os.path.join(tree, split)):
        inside = os.path.basename(folder) if folder != os.path.join(tree, split) else ""
        for name in names:
            key = name[: -len(".JPEG")]
            match = NAMES[split].fullmatch(key)
            if not name.endswith(".JPEG") or not match or (split == "train" and match.group(1) != inside):
                raise Refused("{} is no image of {}".format(os.path.join(folder, name), split))
            found.append((inside if split == "train" else "", key, os.path.join(folder, name)))
    return sorted(found)


def place(source, path):
    """Make a hard link, or a copy where that is not possible, unless it is there already."""
    if os.path.isfile(path) and os.path.getsize(path) == os.path.getsize(source):
        return
    if os.path.exists(path + ".part"):
        os.remove(path + ".part")
    try:
        os.link(source, path + ".part")
    except OSError:
        shutil.copyfile(source, path + ".part")
    os.replace(path + ".part", path)


def write(path, data):
    """Write a file under another name first."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


def write_list(path, keys):
    """Write a list with numbers from 1."""
    write(path, "".join("{} {}\n".format(key, number) for number, key in enumerate(keys, 1)).encode("ascii"))


def write_boxes(archive, split, target):
    """Write the XML files of a split as they are; give the names of the images that have boxes."""
    boxed = set()
    with tarfile.open(archive, "r|*") as tar:  # a stream: each member is read when it passes
        for member in tar:
            key = os.path.basename(member.name)[: -len(".xml")]
            match = NAMES[split].fullmatch(key)
            if member.isdir():
                continue
            if not member.isreg() or not match or not member.name.endswith(".xml") or member.size > MOST_XML_BYTES:
                raise Refused("{} holds {!r}".format(archive, member.name))
            xml = tar.extractfile(member).read()
            write(os.path.join(target, split, match.group(1), key + ".xml"), xml)
            if b"<object>" in xml:
                boxed.add(key)
    return boxed


def read_truth(labels):
    """Give {name of a validation image without .JPEG: ilsvrc_id, as text}."""
    with open(os.path.join(labels, "classes.tsv"), encoding="utf-8") as file:
        ids = [line.split("\t")[3] for line in file][1:]
    with open(os.path.join(labels, "val.txt"), encoding="ascii") as file:
        return {line.split()[0][: -len(".JPEG")]: ids[int(line.split()[1])] for line in file}


def build(given):
    """Write the tree; give the number of images by split."""
    top, counts = os.path.join(given.target, "ILSVRC2015"), {}
    lists, truth = os.path.join(top, "ImageSets", "CLS-LOC"), read_truth(given.labels)
    for split in ("train", "val", "test"):
        images = find_images(given.tree, split)
        for inside, key, path in images:
            folder = os.path.join(top, "Data", "CLS-LOC", split, inside)
            os.makedirs(folder, exist_ok=True)
            place(path, os.path.join(folder, key + ".JPEG"))
        keys = ["{}/{}".format(inside, key) if inside else key for inside, key, _ in images]
        if keys:
            counts[split] = len(keys)
            write_list(os.path.join(lists, "train_cls.txt" if split == "train" else split + ".txt"), keys)
        boxes = {"train": given.boxes_train, "val": given.boxes_val}.get(split)
        boxed = write_boxes(boxes, split, os.path.join(top, "Annotations", "CLS-LOC")) if boxes else ()
        if split == "train" and boxes:
            write_list(os.path.join(lists, "train_loc.txt"), [key for key in keys if key.split("/")[-1] in boxed])
        if split == "val" and keys:
            lines = "".join(truth[key] + "\n" for key in keys).encode("ascii")
            write(os.path.join(top, "devkit", "data", "ILSVRC2015_clsloc_validation_ground_truth.txt"), lines)
    with open(os.path.join(given.labels, "map_clsloc.txt"), "rb") as file:
        write(os.path.join(top, "devkit", "data", "map_clsloc.txt"), file.read())
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", help="folder with train and val, in class folders")
    parser.add_argument("labels", help="the folder that 04_read_devkit.py wrote")
    parser.add_argument("target", help="folder in which ILSVRC2015 is made")
    parser.add_argument("--boxes-train", metavar="FILE", help="ILSVRC2012_bbox_train_v2.tar.gz")
    parser.add_argument("--boxes-val", metavar="FILE", help="ILSVRC2012_bbox_val_v3.tgz")
    given = parser.parse_args()
    try:
        counts = build(given)
    except (Refused, tarfile.TarError, zlib.error, EOFError, ValueError, LookupError, OSError) as error:
        is_disk = isinstance(error, OSError)
        print("{}: {}".format("cannot go on" if is_disk else "refused", error), file=sys.stderr)
        return 2 if is_disk else 1
    print(", ".join("{} {}".format(count, split) for split, count in counts.items()) or "no images found")
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main())
