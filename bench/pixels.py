"""Measure resizing: milliseconds of CPU an image on one core, and how near the result is to a float reference.

    python -m bench.pixels [--images N] [--rounds N]

Needs photographs (bench/bench_deep.py says where), the extra `fast`, scikit-image, and, for its row, img2dataset with
opencv and albumentations: its own `Resizer` is called, out of its own file. Those want a newer glibc than kilotar does,
so they are for this bench alone. Writes bench/pixels.jsonl, and prints it.

Each variant gets the same JPEGs in memory and gives JPEGs of quality 90 with chroma 4:2:0, in shuffled rounds in one
process. The reference is a whole decode, scaled by LANCZOS in 32-bit floats to the size that the variant gave; PSNR and
SSIM are of the JPEG that was written, decoded again. "large" are photographs whose shorter side is 1,024 pixels or
more, where the decode is scaled. Parts of the work (bench/pixel_stages.py) are measured in the same rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.bench_deep import photographs
from bench.harness import HOME
from bench.pixel_stages import Stages
from kilotar.model.pixels import Pixels
from kilotar.pixels import recode
from kilotar.pixels.decoders import find_library
from kilotar.pixels.recode import Recoder

RESULTS = HOME / "bench" / "pixels.jsonl"
SIDE_PX, QUALITY = 256, 90
LARGE_PX = 1024
Resize = Callable[[bytes], bytes]
Part = Callable[[bytes], object]
NO_PARTS: dict[str, Part] = {}


def ours(*, fast: bool, scaled: bool = True, filter: str = "lanczos") -> Resize:
    recoder = Recoder(find_library(fast=fast), [Pixels(resize=f"short:{SIDE_PX}", quality=QUALITY, filter=filter)])

    def resize(data: bytes) -> bytes:
        recode.MARGIN = 3 if scaled else 1 << 20
        (made,) = recoder.recode(data, "")
        return made if isinstance(made, bytes) else data

    return resize


def pillow(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        rgb, out = image.convert("RGB"), io.BytesIO()
        factor = SIDE_PX / min(rgb.size)
        size = round(rgb.width * factor), round(rgb.height * factor)
        rgb.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=QUALITY)
        return out.getvalue()


def img2dataset() -> Resize | None:
    """Give the resizer of img2dataset as it comes, without the packages that only its downloads need."""
    spec = importlib.util.find_spec("img2dataset")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], "resizer.py")
    found = importlib.util.spec_from_file_location("img2dataset_resizer", path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    resizer = module.Resizer(SIDE_PX, "keep_ratio", True, encode_quality=QUALITY)

    def resize(data: bytes) -> bytes:
        made, *_, error = resizer(io.BytesIO(data))
        assert error is None, error
        return bytes(made)

    return resize


def reference(data: bytes, size: tuple[int, int]) -> Any:
    bands = Image.open(io.BytesIO(data)).convert("RGB").split()
    scaled = (np.asarray(band.convert("F").resize(size, Image.Resampling.LANCZOS)) for band in bands)
    return np.clip(np.stack(list(scaled), axis=-1), 0, 255)


def qualities(resizes: dict[str, Resize], images: list[bytes]) -> Iterator[dict[str, Any]]:
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in resizes}
    for data in images:
        wanted: dict[tuple[int, int], Any] = {}
        for name, resize in resizes.items():
            made = resize(data)
            image = Image.open(io.BytesIO(made))
            if image.size not in wanted:
                wanted[image.size] = reference(data, image.size)
            found[name].append((*likeness(wanted[image.size], np.asarray(image, dtype=np.float32)), len(made)))
    for name, figures in found.items():
        psnr_db, ssim, size_bytes = (float(np.mean(values)) for values in zip(*figures, strict=True))
        yield {"name": name, "psnr_db": psnr_db, "ssim": ssim, "bytes": size_bytes}


def likeness(wanted: Any, got: Any) -> tuple[float, float]:
    from skimage.metrics import structural_similarity

    psnr_db = 10 * np.log10(255**2 / max(np.mean((wanted - got) ** 2), 1e-9))
    return float(psnr_db), float(structural_similarity(wanted, got, channel_axis=-1, data_range=255))


def variants() -> dict[str, Resize]:
    rival = img2dataset()
    found = {
        "kilotar, fast": ours(fast=True),
        "kilotar, fast, bicubic": ours(fast=True, filter="bicubic"),
        "kilotar, Pillow": ours(fast=False),
        "Pillow LANCZOS": pillow,
    }
    return found if rival is None else found | {"img2dataset": rival}


def measure(
    name: str, resizes: dict[str, Resize], images: list[bytes], rounds: int, parts: dict[str, Part] = NO_PARTS
) -> Iterator[dict[str, Any]]:
    runs: dict[str, Part] = {**resizes, **parts}
    for run in runs.values():
        run(images[0])
    for number in range(rounds):
        for variant, run in random.Random(number).sample(list(runs.items()), len(runs)):
            begun = time.process_time()
            for data in images:
                run(data)
            each_ms = (time.process_time() - begun) / len(images) * 1e3
            yield {
                "what": "stage" if variant in parts else "time",
                "images": name,
                "name": variant,
                "round": number,
                "ms": each_ms,
                "count": len(images),
            }
    for found in qualities(resizes, images):
        yield {"what": "quality", "images": name, "count": len(images), **found}


def is_photograph(data: bytes, least_px: int) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        return image.format == "JPEG" and image.mode == "RGB" and min(image.size) >= least_px


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if importlib.util.find_spec("cv2"):
        import cv2

        cv2.setNumThreads(1)
    paths = sorted(path for path in photographs().rglob("*") if path.is_file())
    every = [
        data for path in random.Random(0).sample(paths, len(paths)) if is_photograph(data := path.read_bytes(), 257)
    ]
    usual = every[: asked.images]
    large = [data for data in every if is_photograph(data, LARGE_PX)][: asked.images]
    whole = {"kilotar, fast, whole decode": ours(fast=True, scaled=False)}
    parts = Stages(usual, f"short:{SIDE_PX}", QUALITY).parts()
    lines = list(measure("usual", variants(), usual, asked.rounds, parts))
    if large:
        lines += measure("large", variants() | whole, large, asked.rounds)
    lines.insert(0, {"what": "library", "stamps": find_library(fast=True).stamps, "load": os.getloadavg()[0]})
    RESULTS.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    for images in ("usual", "large"):
        for name in dict.fromkeys(line["name"] for line in lines if line.get("images") == images):
            some = [line for line in lines if line.get("images") == images and line["name"] == name]
            middle = statistics.median(line["ms"] for line in some if "ms" in line)
            print(f"{images:6} {name:28} {middle:6.2f} ms", some[-1], file=sys.stderr)


if __name__ == "__main__":
    main()
