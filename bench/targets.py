"""The targets, and whether they were met: said plainly, either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.figures import Ratio, Suite, cpu_s

TAR, TORCHVISION = "GNU tar, two-level loop", "torchvision"
MEMORY, HASHED, FLOOR = "limit: files from memory", "limit: files from memory, hashed", "limit: C floor"
Suites = dict[str, Suite]
_UNPACKS = {
    "unpack": "1.0 GB, warm",
    "unpack_large": "3.3 GB, warm",
    "unpack_cold": "1.0 GB, cold",
    "unpack_tight": "3.3 GB, cold, in 1 GB of memory",
}


# Share of damaged images that a strict decode finds, in percent: measured on 200 images
# each. By so few it is known to about 3 points, and so much less is enough here.
_EXAM = {
    "one bit": 14,
    "one byte": 26,
    "512 zero bytes": 92,
    "4096 zero bytes": 99,
    "512 random bytes": 98,
    "512 bytes dropped": 100,
    "truncated": 100,
    "truncated, end marker added": 100,
    "zero tail": 100,
}
_EXAM_SLACK = 3


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table. `met` is None where it was not measured; `limit` is what the machine allows, if known."""

    what: str
    wanted: str
    measured: str
    met: bool | None
    limit: str = ""

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "**no**", None: "not measured"}[self.met]


def targets(suites: Suites, cores: int) -> Iterator[Target]:
    """Give every target with what was measured."""
    for suite, where in _UNPACKS.items():
        if suite in suites and not any("why" in line for line in suites[suite].lines):
            yield from _unpack(suites[suite], where)
    if "unpack" in suites:
        yield from _limits(suites["unpack"])
    if "together" in suites:
        yield from _together(suites["together"], cores)
    for name, part in _OTHERS.items():
        if name in suites:
            yield from part(suites[name])
    yield from _resident(suites)


def _unpack(suite: Suite, where: str) -> Iterator[Target]:
    rows = (("", TAR, 3.3, "kilotar"), ("", TORCHVISION, 3.5, "kilotar"), (", synced", TAR, 2.2, "kilotar, synced"))
    for how, rival, wanted, ours in rows:
        field = "sync_s" if how else "wall_s"
        name = "GNU tar" if rival == TAR else rival
        limit = suite.ratio(rival, HASHED, field)
        yield _at_least(f"unpack, {where}{how}: times {name}", wanted, suite.ratio(rival, ours, field), limit)


def _limits(suite: Suite) -> Iterator[Target]:
    for limit in (MEMORY, HASHED, FLOOR):
        if suite.of(limit):
            yield _at_most(f"unpack, 1.0 GB, warm: time to {limit}", 1.25, suite.ratio("kilotar", limit, "wall_s"))
    line = suite.of("kilotar")[0]
    images = suite.of(MEMORY)[0]["called_write"]
    over = line["called_write"] / images - 1
    yield Target("bytes written beyond those of the images", "0", f"{100 * over:.2f} % (index, lists)", over < 0.01)
    extra = min(one["peak_bytes"] - one["disk_bytes"] for one in suite.of("kilotar"))
    yield Target("extra peak disk", "0", f"{max(0, extra) / 1e6:.1f} MB", extra < 0.01 * images)


def _together(suite: Suite, cores: int) -> Iterator[Target]:
    for algorithm in ("SHA-256", "MD5"):
        alone = (f"proof alone, {algorithm}", "index alone", "unpack alone")
        ratio = suite.to_slowest(f"all together, {algorithm}", alone)
        limit = suite.to_slowest(f"all together, {algorithm}", alone, lambda line: cpu_s(line) / cores)
        yield _at_most(f"proof ({algorithm}), index and unpack: time to the slowest alone", 1.15, ratio, limit)


def _headers(suite: Suite) -> Iterator[Target]:
    rates = [line for line in suite.lines if "best" in line]
    fastest = max(rates, key=lambda line: line["value"])
    checked = max((line for line in rates if "names checked" in line["case"]), key=lambda line: line["value"])
    told = f"{checked['value']:,.0f} with names checked, {fastest['value']:,.0f} walker and columns"
    yield Target("header-only index, members/s warm", "200,000", told, checked["value"] >= 200_000)
    for line in suite.lines:
        if line["case"].startswith("open"):
            told = f"{line['value']:.2f} s, {line['peak_mb']:,} MB"
            yield Target(line["case"], "2 s, 500 MB", told, line["value"] < 2 and line["peak_mb"] < 500)


def _reads(suite: Suite) -> Iterator[Target]:
    for threads in (1, 2):
        ratio = suite.ratio(f"loose files, threads: {threads}", f"kilotar.open, threads: {threads}", "wall_s")
        yield _at_least(f"random reads, threads: {threads}: times loose files", 1.5, ratio)


def _decode(suite: Suite) -> Iterator[Target]:
    rates = {line["of"]: line for line in suite.lines if line["what"] == "rate"}
    for name, wanted in (("check, simplejpeg strict", 1000), ("check, Pillow", 0)):
        if name in rates:
            rate = rates[name]["images_per_cpu_s"]
            told = f"{rate:,} (best {rates[name]['best']:,})"
            yield Target(f"deep {name}: images/s a core", f"{wanted:,}" if wanted else "none", told, rate >= wanted)
    for line in suite.lines:
        if line["what"] == "detection" and line["damage"] in _EXAM and line["decoder"].startswith("simplejpeg"):
            exam, share = _EXAM[line["damage"]], line["percent"]
            met = share >= exam - _EXAM_SLACK
            yield Target(f"deep verify finds: {line['damage']}", f"{exam} - {_EXAM_SLACK} %", f"{share} %", met)


def _start(suite: Suite) -> Iterator[Target]:
    middle = suite.middle("kilotar --help", "wall_s") * 1000
    yield Target("`kilotar --help`", "200 ms", f"{middle:.0f} ms", middle < 200)


def _resident(suites: Suites) -> Iterator[Target]:
    most = 0.0
    for name in (*_UNPACKS, "together", "verify"):
        for variant in suites[name].names() if name in suites else ():
            if not variant.startswith(("limit", "GNU", "bsd", "torchvision")):
                fields = ("own_peak_rss", "child_peak_rss")
                most = max(most, *(suites[name].most(variant, field) for field in fields))
    if most:
        yield Target("resident memory of a process, unpack and verify", "150 MB", f"{most / 1e6:.0f} MB", most < 150e6)


_OTHERS: dict[str, Callable[[Suite], Iterator[Target]]] = {
    "headers": _headers,
    "reads": _reads,
    "decode": _decode,
    "start": _start,
}


def _at_least(what: str, wanted: float, ratio: Ratio | None, limit: Ratio | None = None) -> Target:
    met = ratio.middle >= wanted if ratio else None
    return Target(what, f"at least {wanted}", str(ratio or ""), met, f"{limit.middle:.2f}" if limit else "")


def _at_most(what: str, wanted: float, ratio: Ratio | None, limit: Ratio | None = None) -> Target:
    met = ratio.middle <= wanted if ratio else None
    return Target(what, f"at most {wanted}", str(ratio or ""), met, f"{limit.middle:.2f}" if limit else "")
