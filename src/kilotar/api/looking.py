"""Looking at what there is: outputs, this machine, editions and formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kilotar.api.wish import OnEvent, as_path, place
from kilotar.events import ignore

if TYPE_CHECKING:
    from kilotar.errors import UsageError
    from kilotar.model.checkup import Checkup
    from kilotar.model.edition import Edition, Synset
    from kilotar.model.report import Report, Status
    from kilotar.parse.remote import Remote
    from kilotar.sinks.base import Sink
    from kilotar.work.dataset import Dataset

__all__ = ["doctor", "edition", "find_classes", "find_sinks", "open", "status", "verify"]


def verify(
    root: Path | Remote | str,
    *,
    level: str = "normal",
    repair: bool = False,
    names: Sequence[str] = (),
    against: Path | str | None = None,
    format_name: str = "",
    edition: str = "",
    jobs: int = 0,
    on_event: OnEvent = ignore,
) -> Report:
    """Prove what was prepared under a root, or an export that stands anywhere.

    Args:
        root:    a root; the folder of an export; or what `place` gives for an address in a store of objects.
        level:   "quick", "normal" or "deep".
        repair:  write bad files of a root anew.
        names:   of a root, the outputs that are checked, and not the archives; () for all of it.
        against: of an export, the root whose archives it is held against; by default the one above its folder.
        format_name, edition: of an export that does not say it itself.
    Raises: LayoutRefused where nothing was prepared; Busy; MachineError; StoreFailed; UsageError for another level,
        or for what is for roots alone.
    """
    where = place(root) if isinstance(root, str) else root
    if not isinstance(where, Path):
        if repair or names or format_name:
            raise _for_folders(where)
        from kilotar.work.verify import parse_level
        from kilotar.work.verify_remote import verify_remote

        parsed, other = parse_level(level), None if against is None else as_path(against)
        return verify_remote(where, level=parsed, against=other, edition=edition, jobs=jobs, emit=on_event)
    from kilotar.work import verify as verb
    from kilotar.work.exported import is_root

    parsed, where, says = verb.parse_level(level), as_path(where), {"format_name": format_name, "edition": edition}
    if against is None and not format_name and is_root(where):  # which knows its edition
        return verb.verify(where, level=parsed, repair=repair, names=names, jobs=jobs, emit=on_event)
    if names:
        raise _for_roots(where, names)
    from kilotar.work.proving import verify_export

    other = None if against is None else as_path(against)
    return verify_export(where, level=parsed, repair=repair, against=other, jobs=jobs, emit=on_event, **says)


def _for_roots(where: Path, names: Sequence[str]) -> UsageError:
    from kilotar.errors import UsageError

    return UsageError(
        "--name chooses among the outputs of a root",
        seen=f"{where} is none, or is taken for an export by --against or --format",
        fix=f"kilotar verify ROOT --name {names[0]}; or leave --name out",
    )


def _for_folders(remote: Remote) -> UsageError:
    from kilotar.errors import UsageError

    return UsageError(
        "--repair, --name and --format are for folders",
        seen=f"{remote} is an address",
        fix="an output is repaired by its root: kilotar verify ROOT --repair",
    )


def status(root: Path | str) -> Status:
    """Give what is under a root and how far it is. Raises LayoutRefused where nothing was prepared."""
    from kilotar.work import status as verb

    return verb.status(as_path(root))


def open(root: Path | str, split: str, *, format_name: str = "", edition: str = "") -> Dataset:
    """Open a split of a prepared root, or of an export that stands anywhere, as a sequence of images read in place.

    Boxes come with them: of a root those of the XML beside its archives, of an export those that it holds.

    Args:
        format_name, edition: of an export that does not say it itself.
    Raises: LayoutRefused where neither its archive nor a finished tree is there, or the export is none; UsageError for
        another split.
    """
    from kilotar.work.dataset import open_dataset

    return open_dataset(as_path(root), split, format_name, edition)


def doctor(
    root: Path | str | None = None,
    *,
    offline: bool = False,
    trackers: tuple[str, ...] = (),
    ports: tuple[int, ...] = (0,),
    allow_private: bool = False,
    edition: str = "",
) -> Checkup:
    """Look at this machine, the disk of `root` and the network, in less than 15 seconds; nothing is changed.

    Raises: UsageError, EditionRefused for an edition that is none.
    """
    from kilotar.work import doctor as verb

    where = as_path(root) if root is not None else None
    return verb.doctor(verb.Inquiry(where, edition, trackers, ports, is_offline=offline, allow_private=allow_private))


def edition(name: str = "ilsvrc2012") -> Edition:
    """Give an edition by its name, or from a TOML file. Raises UsageError, EditionRefused."""
    from kilotar.editions.load import load_edition

    return load_edition(name)


def find_classes(of: Edition, query: str) -> tuple[Synset, ...]:
    """Give the classes that a word, wnid, label, ilsvrc_id or parent means; see `kilotar.editions.choose`."""
    from kilotar.editions import choose

    return choose.find_classes(of, query)


def find_sinks() -> tuple[Sink, ...]:
    """Give every format that can be written."""
    from kilotar.sinks import base

    return base.find_sinks()
