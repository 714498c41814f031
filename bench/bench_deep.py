"""Measure `verify --deep`: which damage each decoder finds, and how many images a second a core checks.

    python bench/bench_deep.py [--images N] [--damages N] [--rounds N]

Needs a folder of photographs: $KILOTAR_SHARED/images, or ../shared/images beside the repository. Prints JSON lines:
"detection" (one a damage and decoder: share of damaged images in which a problem was found), "rate" (images a second of
CPU time in one process, median of shuffled rounds), "workers" (images a second of wall time through the supervisor).
The damage is random, by a fixed seed, and lies behind the header; each photograph of the folder is damaged in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kilotar.pixels import check_image, has_fast
from kilotar.work.deep import deep_check, file_batches

Spoil = Callable[[bytes, random.Random], bytes]
EOI = b"\xff\xd9"


def photographs() -> Path:
    """Give the folder of photographs."""
    shared = Path(os.environ.get("KILOTAR_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    folder = shared / "images"
    if not folder.is_dir():
        raise SystemExit(f"no photographs in {folder}; name a folder that has images/ with KILOTAR_SHARED")
    return folder


def overwrite(size: int, fill: Callable[[random.Random, int], bytes]) -> Spoil:
    """Make a damage of `size` bytes between the first scan and the end marker."""

    def spoil(data: bytes, rng: random.Random) -> bytes:
        at = somewhere(data, rng, size)
        return data[:at] + fill(rng, size) + data[at + size :]

    return spoil


def somewhere(data: bytes, rng: random.Random, size: int) -> int:
    begin = data.rindex(b"\xff\xda") + 14
    return rng.randrange(begin, max(begin + 1, len(data) - 2 - size))


def flip_bit(data: bytes, rng: random.Random) -> bytes:
    at = somewhere(data, rng, 1)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def drop(data: bytes, rng: random.Random) -> bytes:
    at = somewhere(data, rng, 512)
    return data[:at] + data[at + 512 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: somewhere(data, rng, 2)]


def zero_tail(data: bytes, rng: random.Random) -> bytes:
    at = somewhere(data, rng, 512)
    return data[:at] + bytes(len(data) - at)


DAMAGES: dict[str, Spoil] = {
    "none": lambda data, rng: data,
    "one bit": flip_bit,
    "one byte": overwrite(1, lambda rng, size: rng.randbytes(size)),
    "512 zero bytes": overwrite(512, lambda rng, size: bytes(size)),
    "4096 zero bytes": overwrite(4096, lambda rng, size: bytes(size)),
    "512 random bytes": overwrite(512, lambda rng, size: rng.randbytes(size)),
    "512 bytes dropped": drop,
    "truncated": cut,
    "truncated, end marker added": lambda data, rng: cut(data, rng) + EOI,
    "zero tail": zero_tail,
}


def decoders() -> dict[str, bool]:
    """Give the decoders that are installed: name, and whether it is the strict one."""
    return {"simplejpeg strict": True, "Pillow": False} if has_fast() else {"Pillow": False}


def detection(paths: list[Path], damages: int) -> Iterator[dict[str, object]]:
    """Measure each damage on so many images; 1,600 make 90 % firm to 1.5 points (two standard errors)."""
    for damage, spoil in DAMAGES.items():
        found, rng = dict.fromkeys(decoders(), 0), random.Random(damage)
        for number in range(damages):
            data = spoil(paths[number % len(paths)].read_bytes(), rng)
            for name, fast in decoders().items():
                found[name] += any(one.is_problem for one in check_image(data, "x.JPEG", fast=fast))
        for name, count in found.items():
            percent = round(100 * count / damages, 1)
            yield {"what": "detection", "damage": damage, "decoder": name, "images": damages, "percent": percent}


def cpu_rate(images: list[bytes], work: Callable[[bytes], object]) -> float:
    begun = time.process_time()
    for data in images:
        work(data)
    return len(images) / (time.process_time() - begun)


def works() -> dict[str, Callable[[bytes], object]]:
    """Give what is measured: the whole check by each decoder, and the limit, which is the decode alone."""
    checks: dict[str, Callable[[bytes], object]] = {"check, Pillow": lambda data: check_image(data, "x", fast=False)}
    if has_fast():
        import simplejpeg

        checks["check, simplejpeg strict"] = lambda data: check_image(data, "x", fast=True)
        checks["limit: simplejpeg strict alone"] = lambda data: simplejpeg.decode_jpeg(
            data, colorspace="GRAY", min_factor=8, strict=True
        )
    return checks


def rates(images: list[bytes], rounds: int) -> Iterator[dict[str, object]]:
    measured: dict[str, list[float]] = {}
    rng = random.Random(1)
    for _ in range(rounds):
        for name, work in rng.sample(sorted(works().items()), len(works())):
            measured.setdefault(name, []).append(cpu_rate(images, work))
    for name, values in sorted(measured.items()):
        median = round(statistics.median(values))
        yield {"what": "rate", "of": name, "images_per_cpu_s": median, "best": round(max(values)), "rounds": rounds}


def workers(folder: Path, images: int, rounds: int) -> Iterator[dict[str, object]]:
    """Measure the whole way, with the start of the interpreters in it, at two lengths: their difference has none."""
    names = sorted(os.listdir(folder))[:images]
    for jobs in sorted({1, min(2, os.cpu_count() or 1)}):
        values = []
        for _ in range(rounds):
            short, long = (walled(folder, names * times, jobs) for times in (1, 4))
            values.append(3 * len(names) / (long - short))
        yield {"what": "workers", "jobs": jobs, "images_per_s": round(statistics.median(values)), "rounds": rounds}


def walled(folder: Path, names: list[str], jobs: int) -> float:
    begun = time.monotonic()
    deep_check(file_batches(folder, names), jobs)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200, help="photographs for the rates (default 200)")
    parser.add_argument("--damages", type=int, default=200, help="images of each damage (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each rate (default 5)")
    given = parser.parse_args()
    folder = photographs()
    paths = sorted(folder.iterdir())
    images = [path.read_bytes() for path in paths[:: max(1, len(paths) // given.images)][: given.images]]
    for lines in (
        detection(paths, given.damages),
        rates(images, given.rounds),
        workers(folder, given.images, given.rounds),
    ):
        for line in lines:
            print(json.dumps({"bench": "deep", **line}), flush=True)


if __name__ == "__main__":
    main()
