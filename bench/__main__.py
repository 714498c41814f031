"""Measure everything that has a target, and write docs/performance.md.

    python -m bench [--work FOLDER] [--rounds N] [--rest SECONDS] [--nice N] [--only NAME ...]
    python -m bench --page            write the page again from the figures of the last run

Needs about 60 GB in FOLDER (what is written is written there; archives are kept for the next run), the photographs of
$KILOTAR_SHARED (or ../shared beside the repository), and a quiet machine for a quarter of an hour. Figures go to
bench/results.jsonl, one line a measurement, and from there to the page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import page
from bench.archives import build, compile_floor
from bench.harness import HOME, Ground, say
from bench.record import Record
from bench.suites import SUITES, Bench

RESULTS = HOME / "bench" / "results.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kilotar-bench")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the warm unpack (default 3)")
    parser.add_argument("--rest", type=float, default=70.0, help="seconds to wait after a mass unlink (default 70)")
    parser.add_argument("--nice", type=int, default=0, help="of everything measured; below 0 needs root (default 0)")
    parser.add_argument("--only", nargs="*", choices=tuple(SUITES), default=tuple(SUITES), help="these alone")
    parser.add_argument("--page", action="store_true", help="write the page from the last figures, measure nothing")
    asked = parser.parse_args()
    if not asked.page:
        os.nice(asked.nice)
        command = f"python -m bench --rounds {asked.rounds} --rest {asked.rest:g} --nice {asked.nice}"
        run(asked.work.absolute(), asked.rounds, asked.rest, asked.only, command)
    lines = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    page.write(HOME / "docs" / "performance.md", lines)
    print("docs/performance.md is written", file=sys.stderr)


def run(work: Path, rounds: int, rest_s: float, only: tuple[str, ...], command: str) -> None:
    ground = Ground(work, rest_s)
    ground.clear()  # of a run that was broken off; its unlink is felt like any other
    small, large = build(work / "t30", 30, 300), build(work / "t100", 100, 300)
    with Record(RESULTS, work, command) as record:
        bench = Bench(ground, record, small, large, compile_floor(work), rounds)
        for name in only:
            say(f"suite {name}")
            SUITES[name](bench)
        record.end()
    shutil.rmtree(work / "rounds", ignore_errors=True)


if __name__ == "__main__":
    main()
