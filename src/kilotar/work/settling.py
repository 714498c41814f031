"""What a root is held to for its life: one edition, and terms that a person accepted."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from kilotar.editions.load import DEFAULT_EDITION, edition_names, load_edition
from kilotar.errors import DecisionNeeded, SettingsDiffer
from kilotar.model.edition import Edition
from kilotar.store.workspace import RootFacts, Workspace, new_facts
from kilotar.work.request import Request

__all__ = ["edition_for", "edition_source", "settle"]


def edition_for(request: Request, workspace: Workspace) -> Edition:
    """Give the edition that a request means. Raises UsageError, EditionRefused, LayoutRefused."""
    facts = workspace.read_facts()
    begun_with = edition_source(facts) if facts else DEFAULT_EDITION
    return load_edition(request.edition or begun_with)


def edition_source(facts: RootFacts) -> str:
    """Give the name or file that a root's edition is loaded from."""
    return facts.source or facts.edition


def settle(request: Request, edition: Edition, workspace: Workspace, *, terms: bool = True) -> RootFacts:
    """Hold the root to its edition, and the person to the terms of use; give what the root is to remember.

    Raises: SettingsDiffer, DecisionNeeded.
    """
    facts = workspace.read_facts() or new_facts(edition.name, _source_of(request.edition or edition.name))
    if facts.edition != edition.name:
        raise SettingsDiffer(
            f"{workspace.root} was begun with another edition",
            seen=f"{edition.name} now, {facts.edition} then",
            fix="leave --edition out, or give another root",
        )
    if terms and edition.terms and not (facts.terms_accepted or request.accept_terms):
        raise DecisionNeeded(
            "the terms of use were not accepted", seen=edition.terms, fix="add --accept-terms if you accept them"
        )
    return replace(facts, terms_accepted=facts.terms_accepted or request.accept_terms)


def _source_of(edition: str) -> str:
    """Give the absolute path of an edition's file, "" for one that is known by name."""
    return "" if edition in edition_names() else str(Path(edition).expanduser().absolute())
