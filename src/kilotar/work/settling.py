"""What a root is held to for its life: one edition, and terms that a person accepted."""

from __future__ import annotations

from pathlib import Path

from kilotar.editions.load import DEFAULT_EDITION, edition_names, load_edition
from kilotar.errors import DecisionNeeded, SettingsDiffer
from kilotar.model.edition import Edition
from kilotar.store.workspace import RootFacts, Workspace
from kilotar.work.request import Request

__all__ = ["edition_for", "edition_source", "settle_edition", "settle_terms"]


def edition_for(request: Request, workspace: Workspace) -> Edition:
    """Give the edition that a request means. Raises UsageError, EditionRefused, LayoutRefused."""
    facts = workspace.read_facts()
    begun_with = edition_source(facts) if facts else DEFAULT_EDITION
    return load_edition(request.edition or begun_with)


def edition_source(facts: RootFacts) -> str:
    """Give the name or file that a root's edition is loaded from."""
    return facts.source or facts.edition


def settle_edition(request: Request, edition: Edition, workspace: Workspace) -> None:
    """Hold the root to its edition. Raises SettingsDiffer."""
    facts = workspace.read_facts()
    if facts is None:
        workspace.write_facts(edition.name, _source_of(request.edition or edition.name), terms_accepted=False)
    elif facts.edition != edition.name:
        raise SettingsDiffer(
            f"{workspace.root} was begun with another edition", seen=f"{edition.name} now, {facts.edition} then"
        )


def settle_terms(request: Request, edition: Edition, workspace: Workspace) -> None:
    """Hold the person to the terms of use, once a root. Raises DecisionNeeded."""
    facts = workspace.prepared()
    if not edition.terms or facts.terms_accepted:
        return
    if not request.accept_terms:
        raise DecisionNeeded(
            "the terms of use were not accepted", seen=edition.terms, fix="add --accept-terms if you accept them"
        )
    workspace.write_facts(facts.edition, facts.source, terms_accepted=True)


def _source_of(edition: str) -> str:
    """Give the absolute path of an edition's file, "" for one that is known by name."""
    return "" if edition in edition_names() else str(Path(edition).expanduser().absolute())
