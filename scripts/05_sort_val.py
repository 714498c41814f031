#!/usr/bin/env python3
"""Step 5: put the validation images into class folders. Python 3.6+, standard library only.

Why: the archive of validation images is flat, and trainers want a folder a class. Which image is of which class is in
the development kit: run 04_read_devkit.py first.

    python3 05_sort_val.py ILSVRC2012_img_val.tar labels imagenet/val

The first argument is the archive, or a folder that it was unpacked to; its images are then linked where possible. A
minute or two, 6.7 GB. Stop it anywhere; the same command keeps the images that are whole and goes on with the others.
It worked if the last line says 50000 images in 1000 classes.
Exit codes: 0 done, 1 the archive or the labels are refused, or images are missing, 2 cannot be read or written.
"""

import argparse
import os
import re
import shutil
import sys
import tarfile

BLOCK = 512
IMAGE = re.compile(r"(?:\./)?(?:val/)?(ILSVRC2012_val_[0-9]{8}\.JPEG)")
WNID = re.compile(r"n[0-9]{8}")
CHUNK_BYTES = 1 << 20


class Refused(Exception):
    """The archive or the labels are not what they should be."""


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


def read_labels(folder):
    """Give {name of an image: wnid}."""
    with open(os.path.join(folder, "classes.tsv"), encoding="utf-8") as file:
        wnids = [line.split("\t")[0] for line in file][1:]
    with open(os.path.join(folder, "val.txt"), encoding="ascii") as file:
        rows = [line.split() for line in file]
    if not all(WNID.fullmatch(wnid) for wnid in wnids) or not all(IMAGE.fullmatch(row[0]) for row in rows):
        raise Refused("{} is not what 04_read_devkit.py writes".format(folder))
    return {name: wnids[int(label)] for name, label in rows}


def sort_archive(path, wnid_of, target):
    """Write each image of the archive to its class; give the names of those that are there now."""
    done = set()
    with open(path, "rb") as file:
        for name, begin, end in walk_tar(file, 0, os.path.getsize(path)):
            match = IMAGE.fullmatch(name)
            if not match or match.group(1) not in wnid_of or match.group(1) in done:
                raise Refused("an image named {!r}, which has no label or stands twice".format(name))
            done.add(match.group(1))
            out = os.path.join(target, wnid_of[match.group(1)], match.group(1))
            if not (os.path.isfile(out) and os.path.getsize(out) == end - begin):
                file.seek(begin)
                with open(out + ".part", "wb") as part:
                    for at in range(begin, end, CHUNK_BYTES):
                        part.write(file.read(min(CHUNK_BYTES, end - at)))
                os.replace(out + ".part", out)
    return done


def sort_folder(path, wnid_of, target):
    """Link each image of a flat folder to its class, or copy it; give the names of those that are there now."""
    done = set()
    for name in sorted(os.listdir(path)):
        if name not in wnid_of:
            raise Refused("{!r} has no label".format(name))
        out = os.path.join(target, wnid_of[name], name)
        if not (os.path.isfile(out) and os.path.getsize(out) == os.path.getsize(os.path.join(path, name))):
            if os.path.exists(out + ".part"):
                os.remove(out + ".part")
            try:
                os.link(os.path.join(path, name), out + ".part")
            except OSError:
                shutil.copyfile(os.path.join(path, name), out + ".part")
            os.replace(out + ".part", out)
        done.add(name)
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="ILSVRC2012_img_val.tar, or a flat folder of its images")
    parser.add_argument("labels", help="the folder that 04_read_devkit.py wrote")
    parser.add_argument("target", help="folder for the class folders; made")
    given = parser.parse_args()
    try:
        wnid_of = read_labels(given.labels)
        for wnid in set(wnid_of.values()):
            os.makedirs(os.path.join(given.target, wnid), exist_ok=True)
        sort = sort_folder if os.path.isdir(given.source) else sort_archive
        done = sort(given.source, wnid_of, given.target)
    except (Refused, ValueError, LookupError) as error:
        print("{} is refused: {}".format(given.source, error), file=sys.stderr)
        return 1
    except OSError as error:
        print("cannot go on: {}".format(error), file=sys.stderr)
        return 2
    missing = sorted(set(wnid_of) - done)
    if missing:
        print("{} images are missing, the first is {}".format(len(missing), missing[0]), file=sys.stderr)
    print("{} images in {} classes in {}".format(len(done), len(set(wnid_of.values())), given.target))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
