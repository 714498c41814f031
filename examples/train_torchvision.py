"""One epoch of ResNet-18 from the class folders that `kilotar prepare ROOT` writes, read by torchvision.

python train_torchvision.py ROOT        (pip install torch torchvision)
"""

import argparse

import torch
import torchvision
from torchvision.transforms import v2

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", help="the folder that kilotar prepared; it has train in it")
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
train = torchvision.datasets.ImageFolder(f"{given.root}/train", transform)  # label = place of the wnid, sorted
loader = torch.utils.data.DataLoader(train, given.batch, shuffle=True, drop_last=True, num_workers=given.workers)

model = torchvision.models.resnet18(num_classes=len(train.classes)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * given.batch / 256, momentum=0.9, weight_decay=1e-4)
losses = []
for images, labels in loader:
    loss = torch.nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if len(losses) % 100 == 1:
        print(f"step {len(losses)} of {len(loader)}, loss {losses[-1]:.3f}", flush=True)

few = max(1, len(losses) // 5)
print(f"loss {sum(losses[:few]) / few:.3f} at the begin, {sum(losses[-few:]) / few:.3f} at the end")
