"""The section of docs/performance.md on formats of shards and their official writers, out of bench/writers.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Line, Ratio, Suite
from bench.record import recorded_at

RESULTS = Path(__file__).with_name("writers.jsonl")
_ONE, _TWO = "one core", "two cores"
_OFFICIAL = {"webdataset": 2.5, "mds": 2.5}  # times the official writer; 1.5 for every other
_OTHERS = 1.5
_LIMIT = {"webdataset": 1.6, "tfrecord": 2.0}  # of the time of one file of the same length
_CORES = 1.7
_COLUMNS = (
    "format",
    "at least",
    "one core: official s",
    "kilotar s",
    "times",
    "two cores: official s",
    "kilotar s",
    "times",
    "one core: times limit",
    "times limit, hashed",
    "kilotar: two cores to one",
)
_METHOD = """\
Measured by `python -m bench.writers`: the official writer of each format with its recommended recipe reads the tree of
an ImageFolder, kilotar reads the archive and takes the SHA-256 of what it writes; both in a mixed order, what they read
in memory, until the files are durable. Official writers get as many workers as cores where they can have more than one;
webdataset's and MosaicML's cannot. All variants of one format follow one another. The limit copies the archive into one
file a core, "hashed" with its SHA-256. Ratios are of wall times, medians of rounds with their range. FFCV's own writer
cannot pass JPEGs through: it decodes and encodes them.
webdataset, recordio, mds and tfrecord are two rounds of 811b59c in a calm hour, in which 1 GB went into the page cache
in 0.17 s. The others are three runs of earlier commits (dc37992, a37eb0a, 9ae1a92), in which the host of this virtual
machine gave less and less: right after them the same write took 0.8 to 2.7 s of system time. Those without a range were
measured in one run only.
""".splitlines()
_TWO_CORES = """\
Two cores: processes write the shards. To copy the archive with its SHA-256 is {hashed} times as fast on two cores as on
one, without it {plain} times: the kernel's work on the page cache does not double, and on one core it has the other one
to itself. Formats of one file a split have one writer.
"""


def writers() -> Iterator[str]:
    """Give the lines; none where nothing was measured."""
    if not RESULTS.is_file():
        return
    suite = Suite([json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()], "writers")
    done = Suite([line for line in suite.lines if "wall_s" in line], "writers")
    yield from ("## Writers of formats", "")
    yield from _METHOD
    yield recorded_at(RESULTS)
    yield ""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{' --- |' * len(_COLUMNS)}"
    for name in dict.fromkeys(line["name"].split()[1].rstrip(",") for line in done.lines if "kilotar" in line["name"]):
        yield _row(done, name)
    hashed, plain = (
        done.ratio(f"{limit}, webdataset, {_ONE}", f"{limit}, webdataset, {_TWO}", "wall_s")
        for limit in ("limit, hashed", "limit")
    )
    yield from ("", *_TWO_CORES.format(hashed=hashed, plain=plain).splitlines(), "")
    yield from _left_out(suite)


def _row(done: Suite, name: str) -> str:
    wanted, own = _OFFICIAL.get(name, _OTHERS), f"kilotar {name}, {_ONE}"
    has_official = bool(done.of(f"official {name}, {_ONE}"))
    limit = done.ratio(own, f"limit, {name}, {_ONE}", "wall_s")
    cores = done.ratio(own, f"kilotar {name}, {_TWO}", "wall_s")
    cells = [
        name,
        str(wanted) if has_official else "",
        *_beside(done, name, _ONE, wanted),
        *_beside(done, name, _TWO, wanted),
        f"{limit or ''}{_bound(limit, _LIMIT.get(name))}",
        str(done.ratio(own, f"limit, hashed, {name}, {_ONE}", "wall_s") or ""),
        f"{cores or ''}{' ' + _verdict(cores, least=_CORES) if cores else ''}",
    ]
    return f"| {' | '.join(cells)} |"


def _beside(done: Suite, name: str, where: str, wanted: float) -> list[str]:
    """Give the times of both on so many cores, and how many times as fast ours is."""
    own, official = f"kilotar {name}, {where}", f"official {name}, {where}"
    times = done.ratio(official, own, "wall_s")
    verdict = f"{times} {_verdict(times, least=wanted)}" if times else ""
    return [_time(done, official, "wall_s"), _time(done, own, "wall_s"), verdict]


def _time(done: Suite, name: str, field: str) -> str:
    return f"{done.middle(name, field):.2f}" if done.of(name) else "-"


def _bound(ratio: Ratio | None, most: float | None) -> str:
    if ratio is None or most is None:
        return ""
    return f", at most {most}: {'yes' if ratio.middle <= most else '**no**'}"


def _verdict(ratio: Ratio, least: float) -> str:
    return "yes" if ratio.middle >= least else "**no**"


def _left_out(suite: Suite) -> Iterator[str]:
    lines: list[Line] = [line for line in suite.lines if line.get("why")]
    for name in dict.fromkeys(line["name"] for line in lines):
        yield f"- {name}: not measured ({next(line['why'] for line in lines if line['name'] == name)})"
    if lines:
        yield ""
