"""One epoch of ResNet-18 from shards of the webdataset library: long reads, for network disks and object stores.

kilotar prepare ROOT --for webdataset
python train_webdataset.py ROOT         (pip install webdataset torch torchvision)
"""

import argparse
import json
from pathlib import Path

import torch
import torchvision
import webdataset
from torchvision.transforms import v2

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", help="the folder that kilotar prepared; it has webdataset in it")
parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--workers", type=int, default=4)
given = parser.parse_args()

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
transform = v2.Compose(
    [
        v2.RandomResizedCrop(given.size),
        v2.RandomHorizontalFlip(),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)
shards = sorted(map(str, Path(given.root, "webdataset").glob("imagenet1k-train-*.tar")))
train = (
    webdataset.WebDataset(shards, shardshuffle=len(shards), seed=0)
    .shuffle(5000, seed=0)
    .decode("pil")
    .to_tuple("jpg", "cls")
    .map_tuple(transform, int)
)
workers = min(given.workers, len(shards))  # each takes shards of its own
loader = torch.utils.data.DataLoader(train, given.batch, drop_last=True, num_workers=workers)

classes = json.loads(Path(given.root, "webdataset", "_info.json").read_text())["wnids"]
model = torchvision.models.resnet18(num_classes=len(classes)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * given.batch / 256, momentum=0.9, weight_decay=1e-4)
losses = []
for images, labels in loader:
    loss = torch.nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if len(losses) % 100 == 1:
        print(f"step {len(losses)}, loss {losses[-1]:.3f}", flush=True)

few = max(1, len(losses) // 5)
print(f"loss {sum(losses[:few]) / few:.3f} at the begin, {sum(losses[-few:]) / few:.3f} at the end")
