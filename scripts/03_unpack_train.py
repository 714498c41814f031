#!/usr/bin/env python3
"""Step 3: unpack the training archive, a tar of 1,000 tars, in one pass. Python 3.6+, standard library only.

Why: `tar xf` and then a loop over the 1,000 inner tars reads and writes 148 GB twice, and checks nothing. Here the
inner tars are read where they lie, by several processes, and nothing else than images of the right names is written.

    python3 03_unpack_train.py ILSVRC2012_img_train.tar imagenet/train

It takes 10 to 60 minutes and 148 GB beside the archive. A class stands under its own name when it is whole, and as
.n01440764.part before: stop it anywhere, and the same command goes on with the classes that are missing.
It worked if the last line says 1000 classes and 1281167 images. After a power cut also run 07_check_tree.py.
Exit codes: 0 done, 1 the archive is damaged or refused (what is right was unpacked), 2 cannot be read or written.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tarfile

BLOCK = 512
CLASS_TAR = re.compile(r"(?:\./)?(n[0-9]{8})\.tar")
IMAGE = re.compile(r"(?:\./)?((n[0-9]{8})_[1-9][0-9]{0,8}\.JPEG)")
CHUNK_BYTES = 1 << 20


class Refused(Exception):
    """The archive is not what it should be."""


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


def find_classes(path):
    """Give (wnid, begin, end) of each class tar."""
    found = {}
    with open(path, "rb") as file:
        for name, begin, end in walk_tar(file, 0, os.path.getsize(path)):
            match = CLASS_TAR.fullmatch(name)
            if not match or match.group(1) in found:
                raise Refused("a member named {!r}, or one that stands twice".format(name))
            found[match.group(1)] = (match.group(1), begin, end)
    return list(found.values())


def unpack_class(task):
    """Write the images of a class into a folder that gets its name when it is whole. Give (wnid, images, trouble)."""
    path, target, wnid, begin, end = task
    part, names = os.path.join(target, ".{}.part".format(wnid)), set()
    try:
        shutil.rmtree(part, ignore_errors=True)
        os.mkdir(part)
        with open(path, "rb") as file:
            for name, at, stop in walk_tar(file, begin, end):
                match = IMAGE.fullmatch(name)
                if not match or match.group(2) != wnid or match.group(1) in names:
                    raise Refused("an image named {!r}, or one that stands twice".format(name))
                names.add(match.group(1))
                copy(file, at, stop, os.path.join(part, match.group(1)))
        os.rename(part, os.path.join(target, wnid))
    except Refused as error:
        return wnid, 0, str(error)
    return wnid, len(names), ""


def copy(file, at, stop, path):
    """Write the bytes between two places of a file into a new one."""
    file.seek(at)
    with open(path, "xb") as out:
        while at < stop:
            data = file.read(min(CHUNK_BYTES, stop - at))
            if not data:
                raise Refused("it ends at byte {}".format(at))
            out.write(data)
            at += len(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="ILSVRC2012_img_train.tar")
    parser.add_argument("target", help="folder for the class folders; made")
    parser.add_argument("-j", "--workers", type=int, default=min(4, os.cpu_count() or 1), help="default: %(default)s")
    given = parser.parse_args()
    if given.workers < 1:
        parser.error("--workers must be 1 or more")
    try:
        classes = find_classes(given.archive)
        os.makedirs(given.target, exist_ok=True)
        todo = [each for each in classes if not os.path.isdir(os.path.join(given.target, each[0]))]
        free, needed = shutil.disk_usage(given.target).free, sum(end - begin for _, begin, end in todo)
        if needed > free:
            raise OSError("{} bytes are needed in {}, {} are free".format(needed, given.target, free))
        troubles = 0
        with multiprocessing.Pool(given.workers) as pool:
            tasks = [(given.archive, given.target, *each) for each in todo]
            for number, (wnid, images, trouble) in enumerate(pool.imap_unordered(unpack_class, tasks), 1):
                troubles += bool(trouble)
                print("{} of {}  {}  {}".format(number, len(todo), wnid, trouble or "{} images".format(images)))
        done = [each[0] for each in classes if os.path.isdir(os.path.join(given.target, each[0]))]
        count = sum(len(os.listdir(os.path.join(given.target, wnid))) for wnid in done)
    except Refused as error:
        print("{} is refused: {}".format(given.archive, error), file=sys.stderr)
        return 1
    except OSError as error:
        print("cannot go on: {}".format(error), file=sys.stderr)
        return 2
    print("{} of {} classes, {} images in {}".format(len(done), len(classes), count, given.target))
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
