"""Read ImageNet by LitData: python read_litdata.py ROOT (after: kilotar export ROOT litdata)."""

import sys
from pathlib import Path

import litdata
from torchvision.transforms.v2 import functional


class Train(litdata.StreamingDataset):
    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return functional.resize(image, [64, 64]), label


if __name__ == "__main__":
    train = Train(str(Path(sys.argv[1]) / "litdata" / "train"), shuffle=True)
    images, classes = 0, set()
    for batch, labels in litdata.StreamingDataLoader(train, batch_size=16):
        images += len(batch)
        classes |= set(labels.tolist())
    print(f"litdata: {images} images of {len(classes)} classes")
