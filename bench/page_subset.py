"""The section of docs/performance.md on a few classes of the full archive, out of bench/subset.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.record import recorded_at

RESULTS = Path(__file__).with_name("subset.jsonl")
Row = dict[str, Any]
_TARGETS = {"learnt": 0.12, "known": 0.04}
_TABLES = {"learnt": "none: positions are learnt", "known": "known"}


def subset() -> Iterator[str]:
    """Give the lines; none where nothing was measured."""
    if not RESULTS.is_file():
        return
    rows: list[Row] = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    yield from ("## A few classes of the full archive", "")
    yield from _METHOD
    yield recorded_at(RESULTS)
    yield from ("", *_table(_SEARCH_HEAD, _search_rows([row for row in rows if row["what"] == "search"])))
    yield from ("", *_table(_FETCH_HEAD, map(_fetch_row, (row for row in rows if row["what"] == "fetch"))))
    yield from _verdict([row for row in rows if row["classes"] == 10])


_METHOD = """\
Measured by `python -m bench.subset`: an archive of the published length (147.9 GB) and counts, pieces of 2 MiB, whose
bytes are made when they are read; the lengths of 10 class tars are the known ones, the others are drawn with their
spread (16 % around 115 kB an image). *overhead* is what is fetched over the bytes of the class tars; *edges* is the
part of it that any client pays, since pieces are fetched whole. A round asks for one look a class, all at once.
""".splitlines()
_NOTES = """\
The bytes sent are counted at the server, which makes them; each piece was checked by its SHA-1, and each class tar
walked strictly. The table of pieces held the hashes of those pieces alone that a dry run had touched, as hashing all
would measure nothing but that: a piece outside of them would have failed. Targets for ten classes, of every run here:
""".splitlines()
_SEARCH_HEAD = (
    "classes, drawn at random",
    "table",
    "choices",
    "overhead (most)",
    "edges",
    "looks",
    "in vain",
    "rounds",
)
_FETCH_HEAD = ("10 classes over HTTP", "GB of classes", "GB sent", "overhead", "GB on disk", "images", "rounds")


def _search_rows(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    for classes, table in dict.fromkeys((row["classes"], row["table"]) for row in rows):
        some = [row for row in rows if (row["classes"], row["table"]) == (classes, table)]
        most = max(row["overhead"] for row in some)
        middles = (f"{median(row[name] for row in some):.0f}" for name in ("looks", "in_vain", "rounds"))
        overhead, edges = (median(row[name] for row in some) for name in ("overhead", "edges"))
        yield (
            str(classes),
            _TABLES[table],
            str(len(some)),
            f"{_percent(overhead)} ({_percent(most)})",
            _percent(edges),
            *middles,
        )


def _fetch_row(row: Row) -> tuple[str, ...]:
    sizes = (f"{row[name] / 1e9:.3f}" for name in ("class_bytes", "sent_bytes"))
    rest = (f"{row['disk_bytes'] / 1e9:.3f} of {row['apparent_bytes'] / 1e9:.1f}", f"{row['images']:,}")
    return (_TABLES[row["table"]], *sizes, _percent(row["overhead"]), *rest, str(row["rounds"]))


def _verdict(rows: list[Row]) -> Iterator[str]:
    yield from ("", *_NOTES, "")
    for table, most in _TARGETS.items():
        worst = max(row["overhead"] for row in rows if row["table"] == table)
        verdict = "met" if worst <= most else "**not met**"
        yield f"- table {_TABLES[table]}: at most {_percent(most)}, measured {_percent(worst)} at most: {verdict}."
    yield ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
