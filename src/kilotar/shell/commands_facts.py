"""Commands that show facts which are known before any network or disk is touched: archives, classes, formats."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from cyclopts import Parameter

import kilotar
from kilotar.events import Emit
from kilotar.shell import machine
from kilotar.shell.flags import Talk
from kilotar.shell.show_facts import option_names, show_archives, show_classes, show_formats
from kilotar.shell.show_search import show_search
from kilotar.shell.stage import Answer, perform

__all__ = ["archives", "classes", "formats"]


def archives(
    *,
    search: str = "",
    collection: str = "",
    refresh: bool = False,
    offline: bool = False,
    allow_private: bool = False,
    edition: str = "ilsvrc2012",
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Show the published archives: names, sizes, digests, torrents, and what each is for.

    Args:
        search: Look for these words in the list of the edition's torrent site instead.
        collection: Search this collection of the site only.
        refresh: Read the site's list anew; else it is read once a day.
        offline: Search the list that is kept here; no network.
        allow_private: The site may lie in a private network.
        edition: Edition by name, or a TOML file that describes one.
    """

    def show(_: Emit) -> Answer:
        found = kilotar.edition(edition)
        return Answer(show_archives(found), machine.edition_object(found))

    def find(emit: Emit) -> Answer:
        found = kilotar.search_archives(
            search,
            edition=edition,
            collection=collection,
            refresh=refresh,
            offline=offline,
            allow_private=allow_private,
            on_event=emit,
        )
        return Answer(show_search(found, talk.verbose), machine.as_object(found))

    return perform("archives", talk, find if search or collection else show)


def classes(
    query: Annotated[str, Parameter(name=("QUERY", "--query"))] = "",
    *,
    edition: str = "ilsvrc2012",
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Find classes by word, wnid, label, ilsvrc_id or a parent ("dog" gives its 118 kinds); all without a query.

    Args:
        query: What to look for.
        edition: Edition by name, or a TOML file that describes one.
    """

    def work(_: Emit) -> Answer:
        of = kilotar.edition(edition)
        found = kilotar.find_classes(of, query) if query else of.classes
        return Answer(show_classes(found), {"edition": of.name, "classes": [machine.as_object(one) for one in found]})

    return perform("classes", talk, work)


def formats(*, talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Show the formats that can be written, their options, and what reads them."""

    def work(_: Emit) -> Answer:
        sinks = kilotar.find_sinks()
        facts = [{**dataclasses.asdict(sink.ABOUT), "options": list(option_names(sink))} for sink in sinks]
        return Answer(show_formats(sinks), {"formats": facts})

    return perform("formats", talk, work)
