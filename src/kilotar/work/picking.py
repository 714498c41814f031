"""The selection of a survey, made: which images of which part are taken.

Rules guarded: it is made once, for all outputs of a run, when the headers of all archives can be read, so an archive
that still comes is waited for; a name of a list that is no image is refused, with how many there are and what was
perhaps meant; names of other splits or of classes that were not chosen are passed over.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from kilotar.errors import UsageError
from kilotar.model.edition import ArchiveRole
from kilotar.model.sample import key_of
from kilotar.model.table import SampleTable
from kilotar.plan.selection import pick
from kilotar.work.gathering import Gatherer
from kilotar.work.survey import Survey

__all__ = ["is_unpicked", "pick_images"]

_NEAR_POOL = 5_000  # names that are looked through for a near miss


def is_unpicked(surveyed: Survey) -> bool:
    """Tell whether a selection waits for archives that are on their way."""
    return bool(surveyed.selection) and any(archive.picks is None for archive in surveyed.archives)


def pick_images(surveyed: Survey) -> Survey:
    """Give the survey with its selection made; itself where there is none, or where archives are still to come.

    Raises: UsageError for names that are no images; ArchiveRefused, MachineError.
    """
    if not surveyed.selection or any(archive.is_coming for archive in surveyed.archives):
        return surveyed
    tables = Gatherer(surveyed).gather(False).tables
    _refuse_unknown(surveyed, tables)
    if surveyed.edition.is_detection and (surveyed.selection.per_class or surveyed.selection.fraction):
        raise UsageError("images of detection have no one class", fix="choose them by a list: --images FILE")
    picked = (pick(table, surveyed.selection) for table in tables)
    archives = (replace(a, picks=rows) for a, rows in zip(surveyed.archives, picked, strict=True))
    return replace(surveyed, archives=tuple(archives))


def _refuse_unknown(surveyed: Survey, tables: tuple[SampleTable, ...]) -> None:
    unknown = set(surveyed.selection.names)
    for key in _keys(tables) if unknown else ():
        unknown.discard(key)
    left_out = _LeftOut(surveyed)
    wrong = sorted(name for name in unknown if not left_out.holds(name))
    if wrong:
        near = difflib.get_close_matches(wrong[0], _pool(tables, wrong[0]), n=1)
        raise UsageError(
            f"{len(wrong):,} of {len(surveyed.selection.names):,} names in the list of images are no image here",
            seen=", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else ""),
            fix=f"did you mean {near[0]}?" if near else "take them out of the list",
        )


class _LeftOut:
    """Names of images that a person may list although they are not asked for: of other splits and other classes."""

    def __init__(self, surveyed: Survey) -> None:
        asked = {archive.split for archive in surveyed.archives}
        images = (about for about in surveyed.edition.archives if about.role is ArchiveRole.IMAGES)
        self._others = [about.member_pattern() for about in images if about.split not in asked]
        self._joins = [archive.join for archive in surveyed.archives]
        self._chosen = surveyed.chosen

    def holds(self, name: str) -> bool:
        file = f"{name}.JPEG"
        if any(pattern.fullmatch(file) for pattern in self._others):
            return True
        classes = (join.classify(file, "") for join in self._joins if self._chosen is not None)
        return any(not isinstance(found, str) and found[0] not in (self._chosen or ()) for found in classes)


def _keys(tables: Iterable[SampleTable]) -> Iterator[str]:
    for part in (part for table in tables for part in table.parts):
        for row in range(len(part)):
            name = part.rows.name(row)
            yield key_of(name)


def _pool(tables: tuple[SampleTable, ...], name: str) -> list[str]:
    """Give names among which a near miss is looked for: those that begin alike."""
    begin = name.rpartition("_")[0]
    return list(islice((key for key in _keys(tables) if key.startswith(begin)), _NEAR_POOL))
