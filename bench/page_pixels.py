"""The section of docs/performance.md on resizing, out of bench/pixels.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Suite
from bench.pixel_stages import BOTH, DECODE, ENCODE, WEIGHTS
from bench.record import recorded_at

RESULTS = Path(__file__).with_name("pixels.jsonl")
_OURS, _BICUBIC, _PILLOW, _RIVAL = "kilotar, fast", "kilotar, fast, bicubic", "Pillow LANCZOS", "img2dataset"
_TARGETS = {_RIVAL: 1.4, _PILLOW: 2.0}
_NAMES = {"usual": "as published", "large": "shorter side 1,024 and more"}
_HEAD = (
    "photographs",
    "variant",
    "ms of CPU an image",
    "times faster: img2dataset",
    "Pillow LANCZOS",
    "PSNR dB",
    "SSIM",
    "bytes",
)


def pixels() -> Iterator[str]:
    """Give the lines; none where nothing was measured."""
    if not RESULTS.is_file():
        return
    lines: list[dict[str, Any]] = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    library = next(line for line in lines if line["what"] == "library")
    yield from ("## Resize to a shorter side of 256", "")
    yield from _METHOD
    yield f"{library['stamps']}. The load average was {library['load']:.1f}. {recorded_at(RESULTS)}"
    yield from ("", f"| {' | '.join(_HEAD)} |", "|" + " --- |" * len(_HEAD))
    for images in dict.fromkeys(line["images"] for line in lines if line["what"] == "time"):
        times = Suite(
            [{**line, "suite": images} for line in lines if line["what"] == "time" and line["images"] == images], images
        )
        for name in sorted(times.names(), key=lambda name, times=times: times.middle(name, "ms")):  # type: ignore[misc]
            found = next(x for x in lines if x["what"] == "quality" and (x["images"], x["name"]) == (images, name))
            cells = (
                f"{_NAMES[images]} ({found['count']})",
                name,
                f"{times.middle(name, 'ms'):.2f}",
                str(times.ratio(_RIVAL, name, "ms") or ""),
                str(times.ratio(_PILLOW, name, "ms") or ""),
                f"{found['psnr_db']:.2f}",
                f"{found['ssim']:.4f}",
                f"{found['bytes']:,.0f}",
            )
            yield f"| {' | '.join(cells)} |"
    yield from ("", *_verdict(lines), "")


def _verdict(lines: list[dict[str, Any]]) -> Iterator[str]:
    times = Suite([{**x, "suite": "usual"} for x in lines if x["what"] == "time" and x["images"] == "usual"], "usual")
    quality = {x["name"]: x for x in lines if x["what"] == "quality" and x["images"] == "usual"}
    for rival, wanted in _TARGETS.items():
        ratio = times.ratio(rival, _OURS, "ms")
        if ratio is None:
            yield f"- {rival} was not measured."
            continue
        ours, theirs = quality[_OURS], quality[rival]
        better = f"PSNR {ours['psnr_db'] - theirs['psnr_db']:+.2f} dB, SSIM {ours['ssim'] - theirs['ssim']:+.4f}"
        verdict = "met" if ratio.middle >= wanted else "not met in this run"
        yield f"- At least {wanted} times {rival}: {ratio} times, {better}: {verdict}."
    parts = Suite([{**x, "suite": "parts"} for x in lines if x["what"] == "stage"], "parts")
    if times.of(_RIVAL) and parts.lines:
        yield from _limit(times, parts, quality)


def _limit(times: Suite, parts: Suite, quality: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Tell what stands between a resize and the target that was set against the rival."""
    decode, encode, weights = (parts.middle(name, "ms") for name in (DECODE, ENCODE, WEIGHTS))
    scale = parts.middle(BOTH, "ms") - decode
    wanted, rival_ms = _TARGETS[_RIVAL], times.middle(_RIVAL, "ms")
    yield f"- Parts of kilotar's time by `lanczos`: decode {decode:.2f} ms (simplejpeg), scale {scale:.2f}"
    yield f"  (cykooz-resizer; up to {weights:.2f} of it for the weights of the filter, which it computes anew for each"
    yield f"  image), encode {encode:.2f} (Pillow). Decode and encode alone, the floor with these libraries, are"
    yield f"  {rival_ms / (decode + encode):.2f} times {_RIVAL}. {wanted} times would be {rival_ms / wanted:.2f} ms,"
    yield f"  which leaves {rival_ms / wanted - decode - encode:.2f} to scale in."
    bicubic, theirs, ratio = quality[_BICUBIC], quality[_RIVAL], times.ratio(_RIVAL, _BICUBIC, "ms")
    better = f"PSNR {bicubic['psnr_db'] - theirs['psnr_db']:+.2f} dB, SSIM {bicubic['ssim'] - theirs['ssim']:+.4f}"
    yield f"- `--filter bicubic`, whose weights cost little: {ratio} times {_RIVAL}, {better}."


_METHOD = """\
Measured by `python -m bench.pixels`: the same JPEGs in memory for every variant, one process, one core, shuffled
rounds, JPEGs of quality 90 with chroma 4:2:0 out. PSNR and SSIM are of the JPEG that was written, against a whole
decode scaled by LANCZOS in floats. img2dataset is its own `Resizer` with its own choices (INTER_AREA of OpenCV). Where
an image is three times too large at half its size or less, kilotar scales while it decodes; "whole decode" is without.
kilotar's filter is `lanczos`, its default, where none is named.
""".splitlines()
