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
from kilotar.shell.stage import Answer, perform

__all__ = ["archives", "classes", "formats"]


def archives(*, edition: str = "ilsvrc2012", talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Show the published archives: names, sizes, digests, torrents, and what each is for.

    Args:
        edition: Edition by name, or a TOML file that describes one.
    """

    def work(_: Emit) -> Answer:
        found = kilotar.edition(edition)
        return Answer(show_archives(found), machine.edition_object(found))

    return perform("archives", talk, work)


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
