"""Plans and states in words: what would be done, what is there, and why.

Rules guarded: both units of bytes once, in the plan; a time that is not known is a dash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kilotar.events import Outcome
from kilotar.model.report import DownloadFact, Forecast, OutputState, Status, WhyRow
from kilotar.shell.show_report import pieces_text
from kilotar.shell.text import columns, field, one_line
from kilotar.shell.units import both_units, count, duration, size

__all__ = ["show_forecast", "show_status", "show_why"]

FEW = 20
_EXAMPLE_BYTES_S = 10_000_000
_START = "  To start: kilotar prepare with the same flags, without --dry-run."


def show_forecast(forecast: Forecast) -> list[str]:
    """Give the plan as a table, then what it needs and whether it fits."""
    rows = [
        (
            step.name,
            size(step.read_bytes) if step.read_bytes else "-",
            size(step.write_bytes) if step.write_bytes else "-",
            count(step.files) if step.files else "-",
            duration(step.seconds) if step.seconds >= 0 else "overlaps",
        )
        for step in forecast.steps
    ]
    fits = "" if forecast.fits else "  IT DOES NOT FIT."
    rate = f" (this disk writes {size(forecast.write_bytes_per_s)}/s)" if forecast.write_bytes_per_s > 0 else ""
    return [
        f"  Plan for {one_line(forecast.root)}   free {both_units(forecast.free_bytes)}",
        *columns(("step", "reads", "writes", "files", "about"), rows, frozenset({1, 2, 3, 4})),
        f"  {count(forecast.images)} images; writes {both_units(forecast.write_bytes)}; "
        f"peak disk {both_units(forecast.peak_bytes)}.{fits}",
        f"  inodes needed {count(forecast.files)} of {_inodes(forecast.free_inodes)} free.  "
        f"total about {duration(forecast.seconds)}{rate}",
        *_fetched(forecast),
        *_uploaded(forecast),
        "  Nothing was changed." + (_START if forecast.fits else ""),
    ]


def _fetched(forecast: Forecast) -> list[str]:
    """Give what is to be fetched, and when the first files can be there: nobody knows how fast a network is."""
    if not forecast.fetch_bytes:
        return []
    at = f"at {size(_EXAMPLE_BYTES_S)}/s"
    ready = [
        f"{one_line(step.name)} after {size(step.ready_bytes)} ({duration(step.ready_bytes / _EXAMPLE_BYTES_S)} {at})"
        for step in forecast.steps
        if step.ready_bytes >= 0
    ]
    lines = [f"  fetches {size(forecast.fetch_bytes)}, {duration(forecast.fetch_bytes / _EXAMPLE_BYTES_S)} {at}"]
    return lines + ([f"  first files: {'; '.join(ready)}"] if ready else [])


def _uploaded(forecast: Forecast) -> list[str]:
    """Give what goes to a store."""
    if not forecast.upload_bytes:
        return []
    at = f"{duration(forecast.upload_bytes / _EXAMPLE_BYTES_S)} at {size(_EXAMPLE_BYTES_S)}/s"
    return [f"  uploads {size(forecast.upload_bytes)}, {at}; each shard lies here until it is put"]


def _inodes(free: int) -> str:
    return count(free) if free >= 0 else "an unknown number"


def show_status(status: Status) -> list[str]:
    """Give what is under a root."""
    lines = [f"  {one_line(status.root)}   edition {one_line(status.edition or '-')}"]
    partial = {fact.name for fact in status.downloads if fact.proved < fact.pieces}
    lines += [
        field("archive", f"{a.name}  {size(a.size_bytes)}  {'proved, as published' if a.published else 'not proved'}")
        for a in status.archives
        if a.name not in partial
    ]
    lines += [field("download", _download(fact)) for fact in status.downloads]
    lines += [
        field(
            "output",
            f"{o.name}{_what(o)}  {o.folder}  {_how_far(o)}, plan {o.plan_id[:12]}",
        )
        for o in status.outputs
    ]
    lines.append(field("running", status.running or "nothing"))
    if not status.outputs:
        source = "" if status.downloads else " --from FOLDER"
        lines.append(field("next", f"kilotar prepare {status.root}{source}"))
    return lines


def _download(fact: DownloadFact) -> str:
    places = f", places of {count(fact.positions)} classes known" if fact.positions else ""
    here = f"{size(fact.landed_bytes)} of {size(fact.size_bytes)}"
    return f"{one_line(fact.name)}  {here}, {pieces_text(fact)}{places}"


def _what(output: OutputState) -> str:
    """Give what a name does not say: another format's, a selection."""
    words = [output.format if output.format != output.name else "", output.choice]
    told = ", ".join(word for word in words if word)
    return f" ({told})" if told else ""


def _how_far(output: OutputState) -> str:
    return "complete" if output.complete else f"{count(output.steps_done)} of {count(output.steps)} steps"


def show_why(rows: Sequence[WhyRow], verbose: bool) -> list[str]:
    """Give each step's reason: counted, then the steps that are to be done (all of them with `verbose`)."""
    totals = Counter((row.output, str(row.outcome), row.reason) for row in rows)
    lines = columns(
        ("output", "steps", "outcome", "reason"),
        [(output, count(number), outcome, reason) for (output, outcome, reason), number in sorted(totals.items())],
        frozenset({1}),
    )
    told = [row for row in rows if verbose or row.outcome is not Outcome.KEPT]
    shown = told if verbose else told[:FEW]
    lines += [f"    {one_line(row.output)} {one_line(row.key)}: {row.outcome}, {one_line(row.reason)}" for row in shown]
    if len(shown) < len(told):
        lines.append(f"    ... {count(len(told) - len(shown))} more (-v shows all)")
    return lines
