"""Read ImageNet by MosaicML's streaming: python read_streaming.py ROOT (after: kilotar export ROOT mds).

From an object store: remote="s3://bucket/imagenet", and local is then the folder that keeps what was read.
"""

import sys
from pathlib import Path

from streaming.vision import StreamingImageNet
from torch.utils.data import DataLoader
from torchvision import transforms

if __name__ == "__main__":
    crop = transforms.Compose(
        [transforms.Lambda(lambda image: image.convert("RGB")), transforms.Resize((64, 64)), transforms.ToTensor()]
    )
    folder = str(Path(sys.argv[1]) / "mds")
    one = 1  # machine; with fewer samples than the usual 64 some would come twice
    train = StreamingImageNet(
        local=folder, split="train", batch_size=16, shuffle=True, transform=crop, num_canonical_nodes=one
    )
    images, classes = 0, set()
    for batch, labels in DataLoader(train, batch_size=16):
        images += len(batch)
        classes |= set(labels.tolist())
    print(f"streaming: {images} images of {len(classes)} classes")
