"""How many images there are, against how many were published.

Rules guarded: a count is compared where the archive has the published length, of the whole split and of each class of
train; a count that differs is a problem, not a note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kilotar.events import Finding
from kilotar.model.sample import Split
from kilotar.model.table import SampleTable
from kilotar.work.survey import Survey

__all__ = ["count_findings", "expected_images"]


def expected_images(surveyed: Survey, split: Split) -> int:
    """Give the published number of the chosen images, -1 where the archive is not the published one.

    Its length tells; its digest is compared when it is proved. Of a detection edition no length is published: its
    counts are all that can be compared.
    """
    archive, edition = surveyed.archive_of(split), surveyed.edition
    if archive is None or (archive.local.about.size_bytes != archive.local.size_bytes and not edition.is_detection):
        return -1
    selection = surveyed.selection
    if selection.names or (selection and archive.picks is None):
        return -1  # nobody has published how many are in a list
    is_capped = bool(selection) and split is Split.TRAIN
    if not is_capped and (surveyed.chosen is None or split is Split.TEST):
        return edition.counts.get(split, -1)
    labels = {edition.label_of(wnid) for wnid in surveyed.classes} or range(len(edition.classes))
    if split is Split.VAL:
        return sum(label in labels for label in edition.val_labels)
    return sum(selection.quota(edition.classes[label].train_images, split) for label in labels)


def count_findings(surveyed: Survey, tables: Iterable[SampleTable]) -> tuple[Finding, ...]:
    """Give a finding for each count that differs: of a split, and of a class of train."""
    return tuple(finding for table in tables for finding in _compare(surveyed, table))


def _compare(surveyed: Survey, table: SampleTable) -> Iterator[Finding]:
    expected = expected_images(surveyed, table.split)
    if expected < 0:
        return
    if expected != len(table):
        yield Finding("count", str(table.split), _words(len(table), expected))
    if table.split is not Split.TRAIN:
        return
    found = _by_class(table)
    for synset in surveyed.edition.classes:
        is_chosen = surveyed.chosen is None or synset.wnid in surveyed.chosen
        published = surveyed.selection.quota(synset.train_images, Split.TRAIN)
        if is_chosen and found[synset.wnid] != published:
            yield Finding("count", f"train/{synset.wnid}", _words(found[synset.wnid], published))


def _by_class(table: SampleTable) -> Counter[str]:
    found: Counter[str] = Counter()
    for part in table.parts:
        found.update({part.wnids[0]: len(part)} if len(part.wnids) == 1 else part.wnids)
    return found


def _words(found: int, published: int) -> str:
    return f"{found:,} images, published {published:,}"
