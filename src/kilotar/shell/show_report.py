"""Reports in words: what exists now, where, the proof, and the next command.

Rules guarded: quiet success, loud problems; every number is the report's; every name out of data is escaped.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from kilotar.events import Finding, Outcome
from kilotar.model.report import ArchiveFact, DownloadFact, LabelProof, OutputFact, ProofFact, Report, SplitFact
from kilotar.shell.text import columns, field, one_line
from kilotar.shell.units import count, counted, duration, size

__all__ = ["download_text", "pieces_text", "seeded_text", "show_labels", "show_problems", "show_report"]

EXAMPLES = 5
DIGITS = 16


def show_report(report: Report) -> list[str]:
    """Give the summary of a run as lines."""
    lines = [_headline(report)]
    if report.verb != "verify":
        partial = {fact.name for fact in report.downloads if fact.proved < fact.pieces}
        lines += [field("proof", _archive_proof(a)) for a in report.archives if a.name not in partial]
    words, tell = ("seeded", seeded_text) if report.verb == "seed" else ("fetched", download_text)
    lines += [field(words, text) for text in map(tell, report.downloads) if text]
    if not report.verified:
        lines.append(field("warning", "archives are not the published ones (--unverified); the provenance says so"))
    lines += [field("folder", _output(output, report.verb)) for output in report.outputs]
    lines += [field("proved", _proof(fact)) for fact in report.proofs]
    lines += show_labels(report.labels)
    lines += show_problems(report.findings)
    if report.path:
        lines.append(field("report", report.path))
    lines += [field("next" if at == 0 else "", step) for at, step in enumerate(report.next_steps)]
    return lines


def _headline(report: Report) -> str:
    split_texts = " + ".join(_split_text(split) for split in report.splits)
    classes = max((split.classes for split in report.splits), default=0)
    parts = [part for part in (split_texts, f"{count(classes)} classes" if classes else "") if part]
    if report.checked and report.verb == "verify":
        parts.append(f"{count(report.checked)} checked")
    parts.append(counted(len(report.problems), "problem"))
    return f"  {_ended(report)}   {', '.join(parts)}"


def _ended(report: Report) -> str:
    verb = "checked" if report.verb == "verify" else "done"
    words = {
        Outcome.DONE: f"{verb.capitalize()} in {duration(report.seconds)}.",
        Outcome.KEPT: f"Nothing to do ({duration(report.seconds)}).",
        Outcome.BLOCKED: f"Stopped after {duration(report.seconds)}; nothing is lost; run the same command again.",
        Outcome.FAILED: f"Not complete, after {duration(report.seconds)}.",
    }
    return words[report.outcome]


def _split_text(split: SplitFact) -> str:
    of = f" of {count(split.expected)}" if split.expected not in (-1, split.images) else ""
    return f"{count(split.images)}{of} {one_line(split.split)} images"


def _archive_proof(archive: ArchiveFact) -> str:
    if not archive.digest:
        return f"{archive.name} {size(archive.size_bytes)}, no digest taken"
    how = "as published" if archive.published else "NOT compared with a published digest"
    return f"{archive.name} {archive.algorithm} {archive.digest[:DIGITS]} {how}"


def download_text(fact: DownloadFact) -> str:
    """Give how far a download is and what this run brought of it; "" where it is whole and nothing came."""
    whole = fact.proved == fact.pieces
    if whole and not fact.brought and not fact.wrong:
        return ""
    part = "" if whole else f" of {size(fact.size_bytes)}"
    parts = [f"{one_line(fact.name)} {size(fact.landed_bytes)}{part} here, {pieces_text(fact)}"]
    parts += [counted(fact.wrong, "wrong piece")] if fact.wrong else []
    parts += [f"from {one_line(name)} {size(size_bytes)}" for name, size_bytes in fact.brought]
    if fact.sent_bytes:
        parts.append(f"sent {size(fact.sent_bytes)} to peers, ratio {fact.sent_bytes / fact.size_bytes:.2f}")
    return "; ".join(parts)


def seeded_text(fact: DownloadFact) -> str:
    """Give what peers got of an archive."""
    ratio = fact.sent_bytes / fact.size_bytes
    return f"{one_line(fact.name)} {size(fact.sent_bytes)} sent, ratio {ratio:.2f}; {pieces_text(fact)}"


def pieces_text(fact: DownloadFact) -> str:
    """Give the pieces that are proved, of all."""
    if fact.proved == fact.pieces:
        return f"all {count(fact.pieces)} pieces proved"
    return f"{count(fact.proved)} of {count(fact.pieces)} pieces proved"


def _output(output: OutputFact, verb: str) -> str:
    parts = [
        f"{count(output.files)} files",
        f"{count(output.images)} images" if output.images else "",
        size(output.size_bytes),
        f"{size(output.written_bytes)} written"
        if verb != "verify" and output.written_bytes != output.size_bytes
        else "",
        f"{count(output.linked)} linked" if output.linked else "",
        f"manifest sha256 {output.manifest_sha256[:DIGITS]}" if output.manifest_sha256 else "",
    ]
    return f"{output.folder}   {output.name} {output.outcome}: {', '.join(part for part in parts if part)}"


_PROOFS = {
    "sha256": "lengths and sha256 as in the list of this export",
    "sizes": "lengths as in the list of this export; no digest was taken",
    "no-list": "NOT compared: this export has no list of its files",
    "archives": "name, class, label and every byte as in the archives of {source}, each once",
    "recoded-again": "name, class, label and every byte as in the archives of {source}, each once; those written anew "
    "were recoded again to the same bytes",
    "recoded-alike": "name, class, label as in the archives of {source}, each once; those written anew were recoded by "
    "other releases to the same pictures (PSNR at least 30 dB, 8 x 8 pixels off by at most 64 of 255), NOT the same "
    "bytes",
    "recoded": "name, class, label as in the archives of {source}, each once, and bytes of all not written anew",
    "boxes": "class and sides of every box as in the archives of {source}",
    "boxes-kept": "class and sides of every box that this format has room for as in the archives of {source}, cut at "
    "the edges of its image",
    "unread": "NOT compared: {source}",
    "edition": "name, class, label and counts as edition {source} has them; bytes NOT compared (--against ROOT does)",
}


def _proof(fact: ProofFact) -> str:
    if not fact.checked:
        return f"{one_line(fact.subject)}: {_PROOFS[fact.by].format(source=one_line(fact.source))}"
    right = f"{count(fact.checked - min(fact.wrong, fact.checked))} of {count(fact.checked)} {one_line(fact.subject)}"
    return f"{right}: {_PROOFS[fact.by].format(source=one_line(fact.source))}"


def show_labels(proof: LabelProof | None) -> list[str]:
    """Give the proof of the label order as lines: known images, and the digest of the whole table."""
    if proof is None:
        return []
    verdict = "as it must be" if proof.agrees else "NOT what it must be"
    lines = [field("labels", f"{proof.order}: {verdict}; table sha256 {proof.table_sha256}")]
    return lines + [
        field("", f"val {p.number} -> {p.label} {p.wnid} {p.words} (ilsvrc_id {p.ilsvrc_id})") for p in proof.probes
    ]


def show_problems(findings: tuple[Finding, ...]) -> list[str]:
    """Give a table of problems, one block a kind with the first few of them, then the known oddities in a line."""
    lines: list[str] = []
    problems = sorted((f for f in findings if f.is_problem), key=lambda f: (f.kind, f.where, f.offset))
    for kind, group in groupby(problems, key=lambda f: f.kind):
        found = list(group)
        rows = [(f.where, str(f.offset) if f.offset >= 0 else "", f.why) for f in found[:EXAMPLES]]
        lines.append(f"  {one_line(kind)}: {count(len(found))}")
        lines += ["  " + line for line in columns(("where", "byte", "why"), rows, frozenset({1}))]
        if len(found) > EXAMPLES:
            lines.append(f"    ... {count(len(found) - EXAMPLES)} more in the report (or: --json)")
    known = Counter(f.kind for f in findings if not f.is_problem)
    if known:
        kinds = ", ".join(f"{count(number)} {kind}" for kind, number in sorted(known.items()))
        lines.append(field("known", f"{kinds}: not errors"))
    return lines
