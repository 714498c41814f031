"""Read ImageNet by FFCV: python read_ffcv.py ROOT (after: kilotar export ROOT ffcv).

FFCV must be compiled where it is installed (libturbojpeg, OpenCV, numba). Images are as
published here; with `--option ffcv.mode=proportion` the file is the one of FFCV's own recipe.
"""

import sys
from pathlib import Path

from ffcv.fields.decoders import CenterCropRGBImageDecoder, IntDecoder
from ffcv.loader import Loader, OrderOption

if __name__ == "__main__":
    file = str(Path(sys.argv[1]) / "ffcv" / "train.ffcv")
    decoders = {"image": [CenterCropRGBImageDecoder((64, 64), 1.0)], "label": [IntDecoder()]}
    train = Loader(file, batch_size=16, num_workers=2, order=OrderOption.RANDOM, drop_last=False, pipelines=decoders)
    images, classes = 0, set()
    for batch, labels in train:
        images += len(batch)
        classes |= set(labels.ravel().tolist())
    print(f"ffcv: {images} images of {len(classes)} classes")
