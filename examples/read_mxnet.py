"""Read ImageNet by MXNet, from RecordIO: python read_mxnet.py ROOT (after: kilotar export ROOT recordio).

MXNet has ended. Its last release still installs up to Python 3.11: pip install mxnet==1.9.1 "numpy<1.24"
The same files are read by DALI: read_dali.py.
"""

import sys
from pathlib import Path

import mxnet

if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "recordio"
    train = mxnet.io.ImageRecordIter(
        path_imgrec=str(folder / "train.rec"),
        path_imgidx=str(folder / "train.idx"),
        data_shape=(3, 64, 64),
        resize=64,
        batch_size=16,
        shuffle=True,
    )
    images, classes = 0, set()
    for batch in train:
        images += batch.data[0].shape[0] - batch.pad
        classes |= set(batch.label[0].asnumpy().astype(int).tolist())
    print(f"mxnet: {images} images of {len(classes)} classes")
