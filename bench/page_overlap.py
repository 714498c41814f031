"""The section of docs/performance.md on what is left behind the last piece, out of bench/overlap.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.record import recorded_at

RESULTS = Path(__file__).with_name("overlap.jsonl")
FIXED_S, SHARE = 5.0, 0.02
_METHOD = """\
Measured by `python -m bench.overlap`: 1.0 GB of photographs (30 x 300) comes from a seed over loopback at a fixed rate,
and is written as an ImageFolder meanwhile; the conversion by itself proves and unpacks the same archive.
""".splitlines()


def overlap() -> Iterator[str]:
    """Give the lines; none where nothing was measured."""
    if not RESULTS.is_file():
        return
    yield from ("## Behind the last piece", "")
    yield from _METHOD
    yield recorded_at(RESULTS)
    yield ""
    yield "| arrives at | download s | behind the last piece s | allowed s | conversion by itself s | met |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        allowed_s = FIXED_S + SHARE * row["conversion_s"]
        met = "yes" if row["behind_s"] <= allowed_s else "**no**"
        yield (
            f"| {row['rate_mb_s']} MB/s | {row['download_s']:.1f} | {row['behind_s']:.2f} | {allowed_s:.2f} | "
            f"{row['conversion_s']:.2f} | {met} |"
        )
    yield ""
