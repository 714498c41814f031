"""The doctor: whether this machine and its network can bring the archives, and what helps where they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import kilotar
from kilotar.events import Emit
from kilotar.model.explanations import EXPLANATIONS
from kilotar.shell import machine
from kilotar.shell.commands_make import ROOT
from kilotar.shell.flags import Talk, listed
from kilotar.shell.show_doctor import show_checkup, show_explanations
from kilotar.shell.stage import Answer, perform

__all__ = ["doctor"]

Topic = Literal["", "ipv6-dht", "0-peers", "no-bytes", "99", "all"]
PROBLEMS = 3


def doctor(
    root: Path = ROOT,
    *,
    offline: bool = False,
    explain: Topic = "",
    tracker: tuple[str, ...] = (),
    port: Annotated[tuple[int, ...], Parameter(name="--port")] = (),
    allow_private: bool = False,
    edition: str = "",
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Look at this machine, its disk and its network: less than 15 seconds. Exit 3 where something is in the way.

    Args:
        root: Folder of the data set, for its disk.
        offline: Leave the network alone.
        explain: Explain a state of download clients in words instead: ipv6-dht, 0-peers, no-bytes, 99, all.
        tracker: Ask this tracker too; may be repeated.
        port: Look whether this port can be opened; may be repeated.
        allow_private: Trackers and peers may lie on this machine or in its network.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
    """
    if explain:
        return perform("doctor", talk, lambda _: _explain(explain))

    def work(_: Emit) -> Answer:
        checkup = kilotar.doctor(
            root.expanduser(),
            offline=offline,
            trackers=listed(tracker),
            ports=port or (0,),
            allow_private=allow_private,
            edition=edition,
        )
        facts = {**machine.as_object(checkup), "problems": checkup.problems}
        return Answer(show_checkup(checkup), facts, PROBLEMS if checkup.problems else 0)

    return perform("doctor", talk, work)


def _explain(topic: str) -> Answer:
    chosen = [one for one in EXPLANATIONS if topic in (one.topic, "all")]
    return Answer(show_explanations(chosen), {"explanations": [machine.as_object(one) for one in chosen]})
