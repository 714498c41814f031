"""The readers of boxes, on what `prepare` wrote beside an ImageFolder: pycocotools and torchvision."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from tests.need import need_module

pytestmark = pytest.mark.interop
coco = need_module("pycocotools.coco")
datasets = need_module("torchvision").datasets
SPLITS = ("train", "val")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9, test=2)


@pytest.fixture(scope="module")
def root(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(
        folder, source=tiny.folder, edition=str(tiny.toml), formats=("imagefolder", "coco", "voc"), boxes=True
    )
    return folder


def truth(tiny: Tiny, split: str) -> dict[str, list[tuple[str, int, int, int, int]]]:
    """Give class and corners of all boxes by the key of the image."""
    return {
        key: [(box.wnid, box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes]
        for key, boxes in tiny.boxes.items()
        if tiny.truth[key].split == split
    }


@pytest.mark.parametrize("split", SPLITS)
def test_pycocotools_indexes_every_box_of_every_image_complaint_61(root: Path, tiny: Tiny, split: str) -> None:
    loaded = coco.COCO(str(root / f"coco/annotations/instances_{split}.json"))
    found = {}
    for image in loaded.loadImgs(loaded.getImgIds()):
        boxes = loaded.loadAnns(loaded.getAnnIds(imgIds=image["id"], iscrowd=False))
        wnids = [loaded.loadCats(box["category_id"])[0]["wnid"] for box in boxes]
        corners = [(x, y, x + w, y + h) for x, y, w, h in (box["bbox"] for box in boxes)]
        found[Path(image["file_name"]).stem] = [(wnid, *at) for wnid, at in zip(wnids, corners, strict=True)]
    assert found == truth(tiny, split)


def test_pycocotools_scores_the_truth_itself_as_perfect(root: Path) -> None:
    evaluation = need_module("pycocotools.cocoeval")
    loaded = coco.COCO(str(root / "coco/annotations/instances_val.json"))
    results = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 1.0}
        for a in loaded.dataset["annotations"]
    ]
    judge = evaluation.COCOeval(loaded, loaded.loadRes(results), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx(1.0)


@pytest.mark.parametrize("split", SPLITS)
def test_torchvision_opens_the_images_of_an_imagefolder_by_it(root: Path, tiny: Tiny, split: str) -> None:
    data = datasets.CocoDetection(str(root / split), str(root / f"coco/annotations/instances_{split}.json"))
    assert len(data) == len(truth(tiny, split))
    for picture, boxes in data:
        image = data.coco.loadImgs(boxes[0]["image_id"])[0]
        assert picture.size == (image["width"], image["height"])


@pytest.mark.parametrize("split", SPLITS)
def test_torchvision_takes_the_xml_apart_as_voc(root: Path, tiny: Tiny, split: str) -> None:
    found = {}
    for line in (root / f"voc/ImageSets/Main/{split}.txt").read_text().splitlines():
        assert (root / f"{line}.JPEG").is_file()
        parsed = ElementTree.parse(root / f"voc/Annotations/{line}.xml").getroot()
        boxes = datasets.VOCDetection.parse_voc_xml(parsed)["annotation"]["object"]
        sides = ("xmin", "ymin", "xmax", "ymax")
        found[Path(line).name] = [(box["name"], *(int(box["bndbox"][side]) for side in sides)) for box in boxes]
    assert found == truth(tiny, split)
