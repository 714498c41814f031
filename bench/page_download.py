"""The section of docs/performance.md on downloads, out of bench/download.jsonl."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

from bench.download import ARIA2, CHECK, OURS_NAME, RESULTS, SHA1SUM, TRANSMISSION
from bench.figures import Line, Ratio, Suite, cpu_s, wall_s
from bench.record import recorded_at
from bench.targets import Target

MOST_RSS_BYTES = 250e6
_CHECK_NAME = f"{OURS_NAME}, {CHECK}"
_METHOD = """\
Measured by `python -m bench.download`. Each client has a network of its own with the source in it, started anew for
each run; the archive is 1 GiB of random bytes in pieces of 2 MiB. Ours is timed from the start of its session to the
last piece that was read back and matched its hash; aria2c from its start to its end; transmission-cli to its own word
that all is there. CPU and memory are the client's alone; of programs nothing below 35 MB can be told, which they share
with the bench before they begin. A Transmission asks for nothing in its first ten seconds, and sends one peer 7 to
15 MB/s. aria2c checks nothing that it has from nginx.
""".splitlines()


def download(path: Path = RESULTS) -> Iterator[str]:
    """Give the lines; none where nothing was measured."""
    if not path.is_file():
        return
    lines: list[Line] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    loads = [line["load"] for line in lines]
    yield from ("## Downloads", "", *_METHOD, recorded_at(path))
    yield from (
        f"The load average was {min(loads):.1f} to {max(loads):.1f}: others were at work on the same cores.",
        "",
    )
    rows = [(one.what, one.wanted, one.measured, one.verdict) for one in targets(lines)]
    yield from _table(("what", "target", "measured", "met"), rows)
    for source, suite in by_source(lines).items():
        yield f"**{'Re-check of 1 GiB that is there' if source == CHECK else f'From {source}'}**"
        yield ""
        names = sorted(suite.names(), key=lambda name: name not in _OURS)
        yield from _table(_HEAD, [_row(suite, name) for name in names])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


_HEAD = ("who", "MB/s, each round", "CPU s/GB", "peak memory, MB", "time to ours", "CPU to aria2c")
_OURS = {OURS_NAME, _CHECK_NAME}


def _row(suite: Suite, name: str) -> tuple[str, ...]:
    lines = suite.of(name)
    rates = ", ".join(f"{rate:.0f}" for rate in sorted(line["bytes"] / line["wall_s"] / 1e6 for line in lines))
    cpu = median(cpu_s(line) / line["bytes"] * 1e9 for line in lines)
    ours = OURS_NAME if OURS_NAME in suite.names() else _CHECK_NAME
    slower = suite.ratio(name, ours, "wall_s") if name != ours else None
    busier = cpu_ratio(suite, name) if name != ARIA2 else None
    memory = f"{max(map(memory_bytes, lines)) / 1e6:.0f}"
    return name, rates, f"{cpu:.2f}", memory, str(slower or ""), str(busier or "")


def by_source(lines: Iterable[Line]) -> dict[str, Suite]:
    """Give the lines of each source as a suite of their own."""
    lines = list(lines)
    sources = dict.fromkeys(line["source"] for line in lines)
    return {source: Suite([line for line in lines if line["source"] == source], "download") for source in sources}


def memory_bytes(line: Line) -> int:
    """Give the peak of who did the work: our process, or the program that was started."""
    return int(line["own_peak_rss"] if line["name"] in _OURS else line["child_peak_rss"])


def cpu_ratio(suite: Suite, name: str) -> Ratio | None:
    """Give the CPU time of one over that of aria2c, by rounds."""
    return _ratio(suite, name, (ARIA2,), cpu_s)


def targets(lines: list[Line]) -> Iterator[Target]:
    """Give every target of the download with what was measured."""
    for source, suite in by_source(lines).items():
        if source == CHECK:
            yield _at_most(
                "re-check: time to sha1sum on as many cores", 1.15, suite.ratio(_CHECK_NAME, SHA1SUM, "wall_s")
            )
            continue
        yield _times_faster(source, suite)
        yield _at_most(f"download from {source}: CPU to aria2c", 1.6, cpu_ratio(suite, OURS_NAME))
    if found := [memory_bytes(line) for line in lines if line["name"] == OURS_NAME]:
        told = f"{max(found) / 1e6:.0f} MB"
        yield Target("download: resident memory", "250 MB", told, max(found) < MOST_RSS_BYTES)


def _times_faster(source: str, suite: Suite) -> Target:
    """Compare with the faster of the others, in each round."""
    others = tuple(name for name in (ARIA2, TRANSMISSION) if name in suite.names())
    slower = _ratio(suite, OURS_NAME, others, wall_s)
    ratio = Ratio(1 / slower.middle, 1 / slower.high, 1 / slower.low) if slower else None
    met = ratio.middle >= 1 if ratio else None
    return Target(f"download from {source}: times the faster of others", "at least 1.0", str(ratio or ""), met)


def _ratio(suite: Suite, name: str, others: tuple[str, ...], cost: Callable[[Line], float]) -> Ratio | None:
    """Give the cost of one over that of the cheapest of others, by rounds."""
    ratios = []
    for line in suite.of(name):
        found = [cost(one) for other in others for one in suite.of(other) if one["round"] == line["round"]]
        ratios += [cost(line) / min(found)] if found else []
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None


def _at_most(what: str, wanted: float, ratio: Ratio | None) -> Target:
    return Target(what, f"at most {wanted}", str(ratio or ""), ratio.middle <= wanted if ratio else None)
