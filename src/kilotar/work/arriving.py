"""The archives of a run that are still on their way: their parts as they become known, and the survey afterwards.

Rules guarded: a part is told once, and only where it is chosen and the edition knows its class; what was known before
is not told again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kilotar.events import Finding
from kilotar.plan.steps import Step
from kilotar.store.index import PartSpan
from kilotar.work.engine import TellSteps
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["Arrivals", "StepsOf"]

StepsOf = Callable[[SurveyedArchive, PartSpan], tuple[Step, ...]]


class Arrivals:
    """The growing archives of a survey.

    Args:
        survey: as it is before.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._growing = {archive.local.name: archive for archive in survey.archives if archive.growth is not None}
        self._known = {archive.step(span).key for archive in survey.archives for span in archive.outline.parts}
        self._grown: dict[str, tuple[PartSpan, ...]] = {}
        self._found: list[Finding] = []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._growing)

    def outlines(self, steps_of: StepsOf) -> dict[str, Callable[[TellSteps], None]]:
        """Give the walks for the engine.

        Args:
            steps_of: gives what is to be done with a part that became known; called in the threads of the walks.
        """
        return {name: partial(self._walk, archive, steps_of) for name, archive in self._growing.items()}

    def _walk(self, archive: SurveyedArchive, steps_of: StepsOf, tell: TellSteps) -> None:
        assert archive.growth is not None
        chosen, edition = self._survey.chosen, archive.join.edition

        def on_part(span: PartSpan) -> None:
            key = archive.step(span).key
            is_chosen = chosen is None or not span.wnid or span.wnid in chosen
            if key not in self._known and is_chosen and (not span.wnid or span.wnid in edition.by_wnid):
                self._known.add(key)
                tell(steps_of(archive, span))

        self._grown[archive.local.name] = archive.growth.walk(on_part, self._found.append)

    def settled(self) -> Survey:
        """Give the survey with every part that is known now; the same one where nothing grew."""
        if not self._grown:
            return self._survey
        survey, grown = self._survey, self._grown
        archives = tuple(a.grown(grown[a.local.name]) if a.local.name in grown else a for a in survey.archives)
        late = (finding for archive in archives if archive.local.name in grown for finding in archive.outline.findings)
        findings = dict.fromkeys((*survey.findings, *late, *self._found))
        return replace(survey, archives=archives, findings=tuple(findings))
