"""docs/performance.md out of the figures of a run: every number on it was measured, none was typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from bench.figures import Line, Suite, cpu_s
from bench.page_download import download
from bench.page_overlap import overlap
from bench.page_pixels import pixels
from bench.page_subset import subset
from bench.page_writers import writers
from bench.targets import HASHED, TAR, TORCHVISION, targets

MADE = "<!-- made by `make bench` from bench/results.jsonl; change it in bench/page.py -->"
GB, MB = 1e9, 1e6


def write(path: Path, lines: list[Line]) -> None:
    """Write the page."""
    suites = {name: Suite(lines, name) for name in dict.fromkeys(line["suite"] for line in lines)}
    parts = (
        head(suites),
        summary(suites),
        unpacking(suites),
        *(part(suites) for part in _PARTS),
        pixels(),
        writers(),
        subset(),
        download(),
        overlap(),
    )
    path.write_text("\n".join("\n".join(part) for part in parts).rstrip() + "\n", encoding="utf-8")


def head(suites: dict[str, Suite]) -> Iterator[str]:
    machine = suites["machine"].lines[0]
    loads = [line["load"] for suite in suites.values() for line in suite.lines if "load" in line]
    minutes = [line["minutes"] for line in suites.get("end", Suite([], "")).lines]
    yield from (MADE, "# Speed and memory", "")
    yield f"Measured {machine['date']} with `{machine['command'].strip()}`, kilotar {machine['kilotar']}"
    yield f"(commit {machine['commit']}), in {minutes[0] if minutes else '?'} minutes."
    yield "**Ratios between rows of one table are the result; absolute figures belong to this machine.**"
    yield ""
    yield f"- Machine: {machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB,"
    yield f"  {machine['file_system']}, Linux {machine['kernel']}, Python {machine['python']}; {machine['tar']};"
    yield f"  {' '.join(machine['bsdtar'].split()[:2]) or 'no bsdtar'}."
    yield f"- Noise: the load average was {min(loads):.1f} to {max(loads):.1f} during the run. A variant alone makes up"
    yield f"  to {machine['cores']}; what is above that was others at work on the same cores."
    yield from _METHOD
    yield ""


_METHOD = """\
- Archives: real photographs (110 kB in the mean) in the real structure, tars of classes in a tar; 30 x 300 images
  (1.0 GB) and 100 x 300 (3.3 GB). All read the train tar alone. The SHA-256 of every image is taken by kilotar, and by
  nobody else.
- Method: in every round each variant runs once, in shuffled order, in a process of its own. *wall* is until the work
  returns, *synced* until a `syncfs` behind it returns as well. Imports and the start of the interpreter are not counted
  for any variant; programs that a variant starts are. Ratios are medians of the ratios of each round, with their range.
- Nothing is deleted between the variants of a round, and after a deletion the bench rests: ext4 steps over recently
  deleted inodes whenever it makes a file. Before each variant all free memory is
  taken into use as page cache: first touch of a virtual machine's memory is slow, and felt most by what is fast.
- The archives are "published" ones to kilotar: an edition file names their length, digest and counts, as for the real
  ones. Their proof is that of an earlier run, except where a row says that it was taken in the same run; a measurement
  in which an archive "already proved" is proved once more is none, and ends the bench.
""".splitlines()


def summary(suites: dict[str, Suite]) -> Iterator[str]:
    yield from ("## Targets", "")
    cores = suites["machine"].lines[0]["cores"]
    rows = [(t.what, t.wanted, t.measured, t.verdict, t.limit) for t in targets(suites, cores)]
    yield from table(("what", "target", "measured", "met", "limit here"), rows)
    yield from _LIMIT
    load = median(line["load"] for suite in suites.values() for line in suite.lines if "load" in line)
    if load > cores:
        yield f"**The {cores} cores were shared during this run** (median load average {load:.1f}), so what runs in"
        yield f"{cores} threads got a smaller part of what it can use than what runs in one: ratios of wall time may be"
        yield "too low for kilotar and for the limits. What the CPU time of this run would allow on idle cores is told"
        yield "below the tables as *computed*; it is no measurement, and a target is met only when it is measured."
        yield ""


_LIMIT = """\
*limit here* is what this machine allows, by the same rounds: for an unpack, the same files written out of memory and
hashed, in the same number of threads, without an archive to read or a line of a list to write; for proof, index and
unpack together, their CPU seconds over all cores. Where that misses a target too, the target is out of reach here for
a program that hashes what it writes.

*deep verify finds*: the target is what 200 images of each damage gave, less the 3 points that 200 images leave open.
Of 512 bytes damaged, 98 % is meant of bytes that are not all zero: zeros can be a valid code.

""".splitlines()


def unpacking(suites: dict[str, Suite]) -> Iterator[str]:
    yield from ("## Unpack to an ImageFolder", "")
    for name, title in _UNPACKS.items():
        if name not in suites:
            continue
        suite = suites[name]
        yield from (f"{title} ({suite.rounds()} rounds)", "")
        why = [line["why"] for line in suite.lines if "why" in line]
        if why:
            yield from (f"Not measured: {why[0]}.", "")
            continue
        yield from table(_UNPACK_HEAD, [_unpack_row(suite, variant) for variant in sorted(suite.names())])
        if all(suite.of(variant) for variant in ("kilotar", TAR, HASHED)):
            yield from _by_cpu(suite, suites["machine"].lines[0]["cores"])
    yield from _UNPACK_NOTES


_UNPACKS = {
    "unpack": "30 x 300 images, archive in the page cache, already proved",
    "unpack_large": "100 x 300 images, archive in the page cache, already proved",
    "unpack_cold": "30 x 300 images, archive not in the page cache",
    "unpack_tight": "100 x 300 images in a memory group of 1 GB, archive not in the page cache",
}
_UNPACK_NOTES = """\
*kilotar* runs with `sync=False`: no `syncfs`, as the others have none (its own few lists and its journal are still
fsynced). *kilotar, synced* is what a person gets: a `syncfs` before each line of the journal, so that it goes on after
a power cut. *peak* is how much more disk was used at the worst moment than at the end; *asked to disk* is what reached
the block layer. The limits write the same files out of one buffer in memory; "hashed" takes the SHA-256 of each as
well, which kilotar does and the C floor (which reads the archive) does not.
""".splitlines()
_UNPACK_HEAD = (
    "variant",
    "wall s (best)",
    "synced s",
    "user / sys s",
    "GB read / written by calls",
    "GB asked to disk",
    "peak GB",
    "times faster than GNU tar: wall; synced",
    "than torchvision",
)


def _unpack_row(suite: Suite, name: str) -> tuple[str, ...]:
    middle = suite.middle

    def faster(rival: str) -> str:
        if "read the archive" in name or not suite.of(rival):
            return ""
        return f"{suite.ratio(rival, name, 'wall_s')}; {suite.ratio(rival, name, 'sync_s')}"

    return (
        name + ("" if name != TORCHVISION or suite.of(name)[0].get("real") else " (the same calls)"),
        f"{middle(name, 'wall_s'):.2f} ({suite.best(name, 'wall_s'):.2f})",
        f"{middle(name, 'sync_s'):.2f}",
        f"{middle(name, 'user_s'):.2f} / {middle(name, 'sys_s'):.2f}",
        f"{middle(name, 'called_read') / GB:.2f} / {middle(name, 'called_write') / GB:.2f}",
        f"{middle(name, 'disk_write') / GB:.2f}",
        f"{max(0.0, _extra(suite, name)) / GB:.2f}",
        faster(TAR),
        faster(TORCHVISION),
    )


def _by_cpu(suite: Suite, cores: int) -> Iterator[str]:
    """Say what idle cores would allow, since others were at work."""
    costs = {name: median(cpu_s(line) for line in suite.of(name)) for name in ("kilotar", TAR, HASHED)}
    ours, theirs, limit = costs.values()
    yield f"CPU seconds: {ours:.2f} of kilotar, {ours / theirs:.2f} times those of GNU tar and {ours / limit:.2f} times"
    yield f"those of the files from memory, hashed. Computed, not measured: GNU tar's {theirs:.2f} s run on one core,"
    yield f"kilotar's on {cores}; with all idle, and the CPU the limit, that is {theirs / (ours / cores):.1f} times."
    yield ""


def _extra(suite: Suite, name: str) -> float:
    return float(median(line["peak_bytes"] - line["disk_bytes"] for line in suite.of(name)))


def together(suites: dict[str, Suite]) -> Iterator[str]:
    if "together" not in suites:
        return
    suite = suites["together"]
    cores = suites["machine"].lines[0]["cores"]
    yield from (f"## Proof, index and unpack at once ({suite.rounds()} rounds, 30 x 300 images, warm, no sync)", "")
    rows = []
    for name in suite.names():
        alone = (*_ALONE, f"proof alone, {name.rpartition(', ')[2]}")
        cpu = median(cpu_s(line) for line in suite.of(name))
        ratio = str(suite.to_slowest(name, alone)) if name.startswith("all") else ""
        rows.append((name, f"{suite.middle(name, 'wall_s'):.2f}", f"{cpu:.2f}", f"{cpu / cores:.2f}", ratio))
    yield from table(("run", "wall s", "CPU s", f"CPU s / {cores} cores", "to the slowest alone"), sorted(rows))
    yield "The last but one column is what the cores allow: a run cannot be faster than its CPU time over all of them."
    yield ""


_ALONE = ("index alone", "unpack alone")


def reading(suites: dict[str, Suite]) -> Iterator[str]:
    if "reads" not in suites:
        return
    suite = suites["reads"]
    yield from (f"## Random reads of whole images, warm ({suite.rounds()} rounds)", "")
    rows = []
    for name in sorted(suite.names()):
        count, total = suite.of(name)[0]["images"], {line["sum_bytes"] for line in suite.of(name)}
        rate = f"{count / suite.middle(name, 'wall_s'):,.0f}"
        loose = name.replace("kilotar.open", "loose files")
        ratio = str(suite.ratio(loose, name, "wall_s")) if loose != name else ""
        rows.append((name, rate, ratio, " ".join(f"{size:,}" for size in total)))
    yield from table(("reader", "images/s", "times loose files", "bytes read"), rows)


def headers(suites: dict[str, Suite]) -> Iterator[str]:
    if "headers" not in suites:
        return
    yield from ("## Index", "")
    lines = suites["headers"].lines
    rates = [(line["case"], f"{line['value']:,.0f}", f"{line['best']:,}") for line in lines if "best" in line]
    yield from table(("headers of 30,000 members, warm", "members/s", "best"), rates)
    whole = [(line["case"], f"{line['value']:.2f}", f"{line['peak_mb']:,}") for line in lines if "peak_mb" in line]
    yield from table(("sparse synthetic archive of the full number of members", "s", "peak resident MB"), whole)


def decoding(suites: dict[str, Suite]) -> Iterator[str]:
    if "decode" not in suites:
        return
    lines = suites["decode"].lines
    yield from ("## Deep verify", "")
    rates = [
        (line["of"], f"{line['images_per_cpu_s']:,}", f"{line['best']:,}") for line in lines if line["what"] == "rate"
    ]
    yield from table(("images in memory, one process", "images a CPU second", "best"), rates)
    workers = [(str(line["jobs"]), f"{line['images_per_s']:,}") for line in lines if line["what"] == "workers"]
    yield from table(("supervised worker processes", "images/s, wall"), workers)
    found = [line for line in lines if line["what"] == "detection"]
    decoders = list(dict.fromkeys(line["decoder"] for line in found))
    rows = []
    for damage in dict.fromkeys(line["damage"] for line in found):
        cells = {line["decoder"]: f"{line['percent']} %" for line in found if line["damage"] == damage}
        rows.append((damage, *(cells[decoder] for decoder in decoders)))
    yield from table((f"found, of {found[0]['images']:,} images with", *decoders), rows)


def memory(suites: dict[str, Suite]) -> Iterator[str]:
    yield from ("## Resident memory at its peak, and the start", "")
    rows = []
    for name in ("unpack", "unpack_large", "unpack_tight", "together", "verify", "reads"):
        for variant in suites[name].names() if name in suites else ():
            suite = suites[name]
            if not variant.startswith(("limit", "loose", "GNU", "bsd", "torchvision")):
                own, child = (suite.most(variant, field) / MB for field in ("own_peak_rss", "child_peak_rss"))
                rows.append((f"{name}: {variant}", f"{own:.0f}", f"{child:.0f}" if child else ""))
    yield from table(("run", "MB of its process", "MB of the largest process it started"), rows)
    if "start" in suites:
        times = suites["start"]
        name = times.names()[0]
        yield f"`kilotar --help`: {times.middle(name, 'wall_s') * 1000:.0f} ms (median of {len(times.lines)}, best"
        yield f"{times.best(name, 'wall_s') * 1000:.0f} ms), from the start of the interpreter to the exit."


_PARTS = (together, reading, headers, decoding, memory)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
