"""Read ImageNet by timm, from a webdataset: python read_timm.py ROOT (after: kilotar export ROOT webdataset).

A tree of class folders is read by the same call with "" in place of "wds/", and ROOT itself as root.
"""

import sys
from pathlib import Path

import timm.data

if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "webdataset"
    train = timm.data.create_dataset("wds/", root=str(folder), split="train", is_training=False, batch_size=16)
    train.transform = timm.data.create_transform(input_size=64, is_training=True)
    labels = []
    for image, label in train:
        assert image.shape == (3, 64, 64)
        labels.append(label)
    print(f"timm: {len(labels)} images of {len(set(labels))} classes")
