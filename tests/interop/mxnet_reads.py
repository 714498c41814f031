"""Read RecordIO by MXNet's own Python and print what it finds: `python mxnet_reads.py records|boxes STEM`.

It runs in an environment of its own, for MXNet needs a numpy that no other reader takes.
"""

import hashlib
import json
import sys
from typing import Any

import mxnet


def records(stem: str) -> list[Any]:
    """Give key, label and SHA-256 of every record, asked for by its key."""
    reader = mxnet.recordio.MXIndexedRecordIO(f"{stem}.idx", f"{stem}.rec", "r")
    found = []
    for key in reader.keys:
        header, image = mxnet.recordio.unpack(reader.read_idx(key))
        found.append([key, header.id, float(header.label), hashlib.sha256(image).hexdigest()])
    return found


def boxes(stem: str) -> list[Any]:
    """Give the objects of every image, by its place: class, xmin, ymin, xmax, ymax in parts of the image."""
    train = mxnet.io.ImageDetRecordIter(
        path_imgrec=f"{stem}.rec", data_shape=(3, 64, 64), batch_size=1, label_pad_width=200, shuffle=False
    )
    found = []
    for batch in train:
        row = batch.label[0].asnumpy()[0].tolist()
        objects = row[4 + int(row[4]) :]
        found.append([objects[at : at + 5] for at in range(0, len(objects) - 4, 5) if objects[at] >= 0])
    return found


if __name__ == "__main__":
    print(json.dumps({"records": records, "boxes": boxes}[sys.argv[1]](sys.argv[2])))
