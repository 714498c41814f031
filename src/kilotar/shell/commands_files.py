"""Commands about archives themselves: adopt, repair, seed. Arguments to the library, its value to words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import kilotar
from kilotar.errors import UsageError
from kilotar.events import Emit
from kilotar.shell.commands_make import ROOT, answer_report
from kilotar.shell.flags import Talk
from kilotar.shell.network import Network
from kilotar.shell.stage import Answer, perform
from kilotar.shell.terms import with_terms

__all__ = ["adopt", "repair", "seed"]


def adopt(
    path: Annotated[Path, Parameter(name=("FILE", "--file"))],
    *,
    into: Path = ROOT,
    move: bool = False,
    copy: bool = False,
    archive: str = "",
    edition: str = "",
    unverified: bool = False,
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Take an archive that another program fetched, whole or in part, and prove every piece that it holds.

    Args:
        path: A file of aria2, Transmission, qBittorrent or a browser; or a folder with such files.
        into: Folder of the data set; the archive goes to ROOT/archives.
        move: Move it there, instead of sharing its bytes, which needs no room.
        copy: Copy what is right of it; needs the room twice.
        archive: Name of the archive, where it is not that of the file.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
        unverified: Take an archive that is not the published one.
    """
    into = into.expanduser()

    def work(emit: Emit) -> Answer:
        return answer_report(
            kilotar.adopt(
                path,
                into,
                taking=_taking(move=move, copy=copy),
                archive=archive,
                edition=edition,
                unverified=unverified,
                fetching=network.fetching(),
                on_event=emit,
            )
        )

    return perform("adopt", talk, work, into)


def _taking(*, move: bool, copy: bool) -> Literal["link", "copy", "move"]:
    if move and copy:
        raise UsageError("--move and --copy exclude each other", fix="give one of them, or none to link")
    return "move" if move else "copy" if copy else "link"


def repair(
    path: Annotated[Path, Parameter(name=("FILE", "--file"))] = ROOT,
    *,
    source: Annotated[str, Parameter(name="--from")] = "torrent",
    archive: str = "",
    edition: str = "",
    accept_terms: bool = False,
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Read an archive piece by piece and fetch only what is wrong or missing. For outputs: verify --repair.

    Args:
        path: A file from anywhere, which keeps its name; or ROOT, for all its archives.
        accept_terms: Accept the data set's terms of use.
        source: torrent: from peers and web servers together; http: from web servers alone.
        archive: Name of the archive, where it is not that of the file.
        edition: Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012.
    """

    def work(emit: Emit) -> Answer:
        fetching = network.fetching(source)
        return answer_report(
            with_terms(
                lambda accepted: kilotar.repair(
                    path,
                    archive=archive,
                    edition=edition,
                    accept_terms=accepted,
                    fetching=fetching,
                    on_event=emit,
                ),
                accept_terms,
            )
        )

    return perform("repair", talk, work)


def seed(
    root: Path = ROOT,
    *,
    seconds: float = 0.0,
    network: Network = Network(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Give the archives of ROOT to others, until Ctrl-C, a ratio (--seed-ratio) or a time. Only proved pieces go out.

    Args:
        root: Folder of the data set.
        seconds: End after so many seconds. Default: never.
    """

    def work(emit: Emit) -> Answer:
        if not 0 <= seconds < float("inf"):
            raise UsageError(f"--seconds cannot be {seconds}")
        return answer_report(kilotar.seed(root, for_s=seconds, fetching=network.fetching(), on_event=emit))

    return perform("seed", talk, work, root.expanduser())
