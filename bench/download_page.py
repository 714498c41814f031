"""What the download bench says, as a part of the page, and as targets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from bench.download import ARIA2, CHECK, OURS_NAME, RESULTS, SHA1SUM, TRANSMISSION
from bench.figures import Line, Ratio, Suite, cpu_s
from bench.targets import Target

MOST_RSS_BYTES = 250e6
_CHECK_NAME = f"{OURS_NAME}, {CHECK}"
_METHOD = """\
Each client has a network of its own with the source in it, started anew for each run; the archive is 1 GiB of random
bytes in pieces of 2 MiB. Ours is timed from the start of its session to the last piece that was read back and matched
its hash; aria2c from its start to its end; transmission-cli to its own word that all is there. CPU and memory are the
client's alone; those of programs hold about 35 MB that they shared with the bench before they began. A Transmission
asks for nothing in its first ten seconds, and sends one peer some 15 MB/s. From nginx aria2c checks nothing.
Suite by suite: `python -m bench.download`.
""".splitlines()


def read_lines(path: Path = RESULTS) -> list[Line]:
    """Give the figures of the last run, none where there was none."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def section(lines: list[Line]) -> Iterator[str]:
    """Give the part of the page."""
    if not lines:
        return
    yield from ("## Download", "", *_METHOD, "")
    for source, suite in by_source(lines).items():
        yield from (f"### {'Re-check of 1 GiB that is there' if source == CHECK else f'From {source}'}", "")
        yield "| who | MB/s (each) | CPU s/GB | peak memory, MB | time to ours | CPU to aria2c |"
        yield "| --- | --- | --- | --- | --- | --- |"
        yield from (_row(suite, name) for name in sorted(suite.names(), key=lambda name: name not in _OURS))
        yield ""


_OURS = {OURS_NAME, _CHECK_NAME}


def _row(suite: Suite, name: str) -> str:
    lines = suite.of(name)
    rates = ", ".join(f"{rate:.0f}" for rate in sorted(line["bytes"] / line["wall_s"] / 1e6 for line in lines))
    cpu = median(cpu_s(line) / line["bytes"] * 1e9 for line in lines)
    ours = OURS_NAME if OURS_NAME in suite.names() else _CHECK_NAME
    slower = suite.ratio(name, ours, "wall_s") if name != ours else None
    busier = cpu_ratio(suite, name, ARIA2) if name != ARIA2 else None
    memory = f"{max(map(memory_bytes, lines)) / 1e6:.0f}"
    return f"| {name} | {rates} | {cpu:.2f} | {memory} | {slower or ''} | {busier or ''} |"


def by_source(lines: Iterable[Line]) -> dict[str, Suite]:
    """Give the lines of each source as a suite of their own."""
    lines = list(lines)
    sources = dict.fromkeys(line["source"] for line in lines)
    return {source: Suite([line for line in lines if line["source"] == source], "download") for source in sources}


def memory_bytes(line: Line) -> int:
    """Give the peak of who did the work: our process, or the program that was started."""
    return int(line["own_peak_rss"] if line["name"] in _OURS else line["child_peak_rss"])


def cpu_ratio(suite: Suite, above: str, below: str) -> Ratio | None:
    """Give the CPU time of one over another's, by rounds."""
    return _ratio(suite, above, (below,), cpu_s, max)


def targets(lines: list[Line]) -> Iterator[Target]:
    """Give every target of the download with what was measured."""
    for source, suite in by_source(lines).items():
        if source == CHECK:
            yield _at_most(
                "re-check: time to sha1sum on as many cores", 1.15, suite.ratio(_CHECK_NAME, SHA1SUM, "wall_s")
            )
            continue
        yield _times_faster(source, suite)
        yield _at_most(f"download from {source}: CPU to aria2c", 1.6, cpu_ratio(suite, OURS_NAME, ARIA2))
    if found := [memory_bytes(line) for line in lines if line["name"] == OURS_NAME]:
        told = f"{max(found) / 1e6:.0f} MB"
        yield Target("download: resident memory", "250 MB", told, max(found) < MOST_RSS_BYTES)


def _times_faster(source: str, suite: Suite) -> Target:
    """Compare with the faster of the others, in each round."""
    others = tuple(name for name in (ARIA2, TRANSMISSION) if name in suite.names())
    slower = _ratio(suite, OURS_NAME, others, lambda line: float(line["wall_s"]), min)
    ratio = Ratio(1 / slower.middle, 1 / slower.high, 1 / slower.low) if slower else None
    met = ratio.middle >= 1 if ratio else None
    return Target(f"download from {source}: times the faster of others", "at least 1.0", str(ratio or ""), met)


def _ratio(suite: Suite, above: str, below: tuple[str, ...], of, which) -> Ratio | None:  # type: ignore[no-untyped-def]
    ratios = []
    for line in suite.of(above):
        others = [of(other) for name in below for other in suite.of(name) if other["round"] == line["round"]]
        if others:
            ratios.append(of(line) / which(others))
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None


def _at_most(what: str, wanted: float, ratio: Ratio | None) -> Target:
    return Target(what, f"at most {wanted}", str(ratio or ""), ratio.middle <= wanted if ratio else None)
