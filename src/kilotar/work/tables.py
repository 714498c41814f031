"""From rows of the index to tables of samples.

Rules guarded: rows are tar facts, labels are joined here and nowhere else; a part whose rows are gone (the index is a
cache) is read again from the archive, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kilotar.model.sample import Split
from kilotar.model.seams import Collection
from kilotar.model.table import BoxSource, Part, Rows, SampleTable
from kilotar.store.index import PartSpan
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["RowsOf", "gather", "join_part"]

RowsOf = Callable[[SurveyedArchive, tuple[PartSpan, ...]], Iterable[Rows]]


def join_part(archive: SurveyedArchive, span: PartSpan, rows: Rows, chosen: frozenset[str] | None) -> Part:
    """Give the rows of a part with their classes; only those of the chosen wnids, where some were."""
    part = _join(archive, span, rows)
    return part if chosen is None or archive.split is Split.TEST else part.only(chosen)


def _join(archive: SurveyedArchive, span: PartSpan, rows: Rows) -> Part:
    if span.wnid:
        return Part(span.key, archive.local.name, rows, [span.wnid], [archive.join.edition.label_of(span.wnid)])
    joined = [archive.join.classify(rows.name(row), "") for row in range(len(rows))]
    pairs = [pair for pair in joined if not isinstance(pair, str)]  # the others are told where bytes are read
    if len(pairs) < len(rows):
        rows = rows.take(row for row, pair in enumerate(joined) if not isinstance(pair, str))
    return Part(span.key, archive.local.name, rows, [wnid for wnid, _ in pairs], [label for _, label in pairs])


def gather(survey: Survey, rows_of: RowsOf, boxes: BoxSource | None = None) -> Collection:
    """Give the chosen samples of every archive surveyed.

    Args:
        rows_of: gives the rows of parts, in their order.
        boxes:   joined to the samples.
    Raises: what `rows_of` raises.
    """
    tables = tuple(_table(archive, survey, rows_of, boxes) for archive in survey.archives)
    wnids = survey.classes or tuple(synset.wnid for synset in survey.edition.classes)
    return Collection(survey.edition, tables, wnids, boxes)


def _table(archive: SurveyedArchive, survey: Survey, rows_of: RowsOf, boxes: BoxSource | None) -> SampleTable:
    spans = archive.chosen_parts(survey.chosen)
    pairs = zip(spans, rows_of(archive, spans), strict=True)
    return SampleTable(archive.split, (join_part(archive, span, rows, survey.chosen) for span, rows in pairs), boxes)
