"""FFCV's own Loader on our files: pictures and labels, through its caches and in each of its modes.

It runs in a process of its own: it compiles in threads, which pytest's own use of the compiler does not go with.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.model.edition import Edition
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Collection, Item, Shard
from kilotar.sinks import ffcv
from tests.need import need_module

need_module("ffcv")
np = need_module("numpy")
pytestmark = pytest.mark.interop
MODES = ("jpg", "raw", "proportion")
SPLITS = ("train", "val", "test")
CASES = (("jpg", "train"), ("jpg", "val"), ("jpg", "test"), ("raw", "train"), ("proportion", "train"))
SIDE = 48
LUMA = (0.299, 0.587, 0.114)
LOADING = f"""
import sys
import numpy
from ffcv.fields.decoders import CenterCropRGBImageDecoder, IntDecoder
from ffcv.loader import Loader, OrderOption

if __name__ == "__main__":
    found = {{}}
    for path in sys.argv[2:]:
        pipelines = {{"image": [CenterCropRGBImageDecoder(({SIDE}, {SIDE}), 1.0)], "label": [IntDecoder()]}}
        os_cache = "proportion" in path  # the others by FFCV's own cache, which reads whole pages
        loader = Loader(path, 4, 1, os_cache, OrderOption.SEQUENTIAL, drop_last=False, pipelines=pipelines)
        batches = [(pictures.copy(), labels.copy()) for pictures, labels in loader]
        found[f"{{path}} pictures"] = numpy.concatenate([pictures for pictures, _ in batches])
        found[f"{{path}} labels"] = numpy.concatenate([labels for _, labels in batches]).ravel()
    numpy.savez(sys.argv[1], **found)
"""
WRITING = """
import sys
import numpy
from ffcv.fields import IntField, RGBImageField
from ffcv.writer import DatasetWriter

if __name__ == "__main__":
    pictures = numpy.load(sys.argv[2])
    samples = [(pictures[name], label) for label, name in enumerate(pictures.files)]
    fields = {"image": RGBImageField("raw"), "label": IntField()}
    DatasetWriter(sys.argv[1], fields, page_size=1 << 21, num_workers=1).from_indexed_dataset(samples)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9, test=2, flaws=("cmyk", "png"))


@pytest.fixture(scope="module")
def roots(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make an output of each mode, and a tree of the images as published beside it."""
    made = {mode: tmp_path_factory.mktemp("made") / mode for mode in MODES}
    for mode, root in made.items():
        kilotar.prepare(
            root,
            source=tiny.folder,
            edition=str(tiny.toml),
            formats=("ffcv", "imagefolder"),
            splits=SPLITS,
            options=(("ffcv", "mode", mode), ("ffcv", "page_mib", "2")),
        )
    return made


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """Make a file of JPEGs of several kinds; give their bytes too."""
    images = []
    for mode, options in (
        ("L", {}),
        ("L", {"progressive": True}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
    ):
        file = io.BytesIO()
        gradient = Image.linear_gradient("L").resize((130, 90))
        picture = Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180)))
        picture.convert(mode).save(file, "JPEG", **options)
        images.append(file.getvalue())
    path = tmp_path_factory.mktemp("kinds") / "train.ffcv"
    build(path, images)
    return path, images


def build(path: Path, images: list[bytes]) -> None:
    samples = (Sample(Split.TRAIN, f"n01440764_{n}.JPEG", Extent("a.tar", 0, 0)) for n in range(len(images)))
    items = (Item(sample, n, memoryview(data)) for n, (sample, data) in enumerate(zip(samples, images, strict=True)))
    shard = Shard(Split.TRAIN, 0, 1, "train.ffcv", range(len(images)))
    ffcv.build(path, items, shard, Collection(Edition("none", (), ()), (), ()), ffcv.Options(page_mib=2))


@pytest.fixture(scope="module")
def loaded(roots: dict[str, Path], kinds: tuple[Path, list[bytes]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give what the Loader gives of each file."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "load.py").write_text(LOADING)
    paths = [roots[mode] / "ffcv" / f"{split}.ffcv" for mode, split in CASES]  # each is two seconds of compiling
    command = [sys.executable, folder / "load.py", folder / "found.npz", kinds[0], *paths]
    subprocess.run(command, check=True, timeout=300)
    return np.load(folder / "found.npz")


def expected(data: bytes) -> tuple[Any, bool]:
    """Give what the decoder makes of an image, its middle resized by averaging, and whether it had to be converted."""
    image = Image.open(io.BytesIO(data))
    picture = image.convert("RGB")
    side = min(picture.size)
    left, top = ((whole - side) // 2 for whole in picture.size)
    middle = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(middle), (image.format, image.mode) != ("JPEG", "RGB")


@pytest.mark.parametrize(("mode", "split"), CASES)
def test_it_gives_every_picture_under_its_label_complaint_51(
    mode: str, split: str, roots: dict[str, Path], loaded: Any, tiny: Tiny
) -> None:
    file = roots[mode] / "ffcv" / f"{split}.ffcv"
    names = [line.split("\t")[0] for line in file.with_suffix(".names.tsv").read_text().splitlines()]
    published = {path.name: path.read_bytes() for path in (roots[mode] / split).rglob("*.JPEG")}
    assert sorted(names) == sorted(published)
    pictures, labels = loaded[f"{file} pictures"], loaded[f"{file} labels"]
    for name, picture, label in zip(names, pictures, labels, strict=True):
        assert label == tiny.truth[name.rpartition(".")[0]].label
        wanted, is_converted = expected(published[name])
        off = picture.astype(float) - wanted
        assert np.abs(off @ LUMA).mean() < 12  # of 255
        assert is_converted or np.abs(off).mean() < 12  # colours of noise are lost where a JPEG is made anew


def test_of_pixels_it_is_the_file_that_ffcv_itself_writes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sides = rng.integers(50, 800, (20, 2))
    pictures = [rng.integers(0, 255, (high, wide, 3), dtype=np.uint8) for high, wide in sides]
    np.savez(tmp_path / "pictures.npz", *pictures)
    (tmp_path / "write.py").write_text(WRITING)
    command = [sys.executable, tmp_path / "write.py", tmp_path / "theirs", tmp_path / "pictures.npz"]
    subprocess.run(command, check=True, timeout=120)
    build(tmp_path / "ours", [b"P6\n%d %d\n255\n" % each.shape[1::-1] + each.tobytes() for each in pictures])
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_gray_and_progressive_images_come_out_as_rgb_complaint_51(kinds: tuple[Path, list[bytes]], loaded: Any) -> None:
    path, images = kinds
    pictures = loaded[f"{path} pictures"]
    for picture, data in zip(pictures, images, strict=True):
        wanted, _ = expected(data)
        assert np.abs(picture.astype(float) - wanted).mean() < 4
    assert len(pictures) == 4
