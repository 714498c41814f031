"""Read ImageNet by DALI, from RecordIO: python read_dali.py ROOT (after: kilotar export ROOT recordio).

As it stands it decodes on the processor; with a GPU: device_id=0 and decoders.image(..., device="mixed").
"""

import sys
from pathlib import Path

from nvidia.dali import fn, pipeline_def


@pipeline_def(batch_size=16, num_threads=2, device_id=None)
def pipeline(folder: Path):
    rec, idx = str(folder / "train.rec"), str(folder / "train.idx")
    jpegs, labels = fn.readers.mxnet(path=[rec], index_path=[idx], random_shuffle=True, name="train")
    images = fn.decoders.image(jpegs, device="cpu")
    return fn.resize(images, size=(64, 64)), labels


if __name__ == "__main__":
    train = pipeline(Path(sys.argv[1]) / "recordio")
    train.build()
    size = train.reader_meta("train")["epoch_size"]
    images, classes = 0, set()
    while images < size:
        batch, labels = train.run()
        images += len(batch)
        classes |= {int(labels.at(at)[0]) for at in range(len(labels))}
    print(f"dali: {size} images of {len(classes)} classes")
