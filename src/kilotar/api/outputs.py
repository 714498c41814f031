"""Making outputs out of archives, and saying beforehand what that would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from kilotar.api.wish import OnEvent, Wish, as_path, make_request, place
from kilotar.events import ignore

if TYPE_CHECKING:
    from kilotar.model.report import Forecast, Report, WhyRow
    from kilotar.parse.remote import Remote

__all__ = ["demo", "export", "index", "plan", "prepare", "why"]


def prepare(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Make verified outputs under `root` from archives on disk or on their way; the same call again resumes.

    Args:
        root: folder of the state and the outputs.
        on_event: gets every event of the run; see `kilotar.events`.
        wish: the keywords of `Wish`; what each means is said in `kilotar.work.request.Request`.
    Raises: KilotarError; KeyboardInterrupt after a clean stop.
    """
    from kilotar.work import prepare as verb

    return verb.prepare(make_request(root, wish), on_event)


def export(
    root: Path | str,
    *names: str,
    order: str = "",
    shards: int | None = None,
    origin: Path | Remote | str | None = None,
    origin_format: str = "",
    on_event: OnEvent = ignore,
    **wish: Unpack[Wish],
) -> Report:
    """Write formats from the archives that `root` remembers, or out of another export; the same call again resumes.

    Args:
        names: of formats; see `find_sinks`.
        origin: folder of an export in any format that is read here, or address of an output in a store, as for `place`;
            archives are made of it first and kept in `root`.
        origin_format: of an export that does not say it itself.
        order, shards: choices of every format named that has them, "" and None for the format's own.
        wish: as for `prepare`; its `seed` is that of the order too.
    Raises: LayoutRefused where the root knows no archives; UsageError for a choice that no format has; as `prepare`.
    """
    from kilotar.work import export as verb

    wish["formats"] = names or wish.get("formats", ())
    seed = wish.pop("seed", None)
    where = place(origin) if isinstance(origin, Path | str) else origin
    given = None if where is None else verb.Origin(where, origin_format)
    return verb.export(make_request(root, wish), verb.Shared(order, seed, shards), on_event, given)


def plan(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Forecast:
    """Say what `prepare` would do and need: bytes, files, inodes, time. Nothing is changed. Raises as `prepare`."""
    from kilotar.work import prepare as verb

    return verb.plan(make_request(root, wish), on_event)


def why(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> tuple[WhyRow, ...]:
    """Give every step with what `prepare` would do with it, and the reason. Nothing is changed. Raises as `prepare`."""
    from kilotar.work import prepare as verb

    return verb.why(make_request(root, wish), on_event)


def index(root: Path | str, *, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Prove the archives and take the digest of every image in one pass, writing none. Raises as `prepare`."""
    from kilotar.work import index as verb

    return verb.index(make_request(root, wish), on_event)


def demo(folder: Path | str, *, on_event: OnEvent = ignore) -> tuple[Report, Report]:
    """Publish a tiny ImageNet on loopback, download, prepare and check it, in seconds; nothing leaves this machine.

    Args:
        folder: gets the archives as published, the state of those who serve them, and the root `imagenet`.
    Returns: the reports of `prepare` and of `verify`. Raises: KilotarError.
    """
    from kilotar.work import demo as verb

    return verb.demo(as_path(folder), on_event)
