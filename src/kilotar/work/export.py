"""`export`: more formats of a root whose archives are known, with the choices that formats of shards share.

Rules guarded: a choice goes to every named format that has it, and is refused where none has; the seed is that of a
choice of images too; what is said for one format goes before what is said for all; everything else is `prepare`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from kilotar.errors import LayoutRefused, UsageError
from kilotar.events import Emit, ignore
from kilotar.model.report import Report
from kilotar.sinks.base import find_sink
from kilotar.store.workspace import Workspace
from kilotar.work.prepare import prepare
from kilotar.work.request import Request

__all__ = ["Shared", "export"]


@dataclass(frozen=True, slots=True)
class Shared:
    """Choices for all formats of a request; "" and None leave the choice to the format.

    Attributes:
        order, seed, shards: as in `kilotar.sinks.base.ShardOptions`.
    """

    order: str = ""
    seed: int | None = None
    shards: int | None = None

    def words(self) -> Iterator[tuple[str, str]]:
        """Give name and word of what was chosen."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in ("", None):
                yield field.name, str(value)


def export(request: Request, shared: Shared = Shared(), emit: Emit = ignore) -> Report:
    """Write formats from the archives that a root remembers; the same request again resumes.

    Raises: LayoutRefused where nothing was begun and no folder of archives is named; as `prepare`.
    """
    if request.source is None and request.fetching is None and Workspace(request.root).read_facts() is None:
        raise LayoutRefused(
            f"{request.root} knows no archives",
            seen="nothing was prepared or fetched there",
            fix="kilotar prepare ROOT --from DIR, or --from torrent",
        )
    given = tuple(_spread(request, shared))
    seed = shared.seed if request.is_capped else None
    return prepare(replace(request, options=(*given, *request.options), seed=seed), emit)


def _spread(request: Request, shared: Shared) -> Iterator[tuple[str, str, str]]:
    """Give shared choices as (format, option, word). Raises UsageError."""
    own = {(sink, option) for sink, option, _ in request.options}
    has = {name: {field.name for field in fields(find_sink(name).Options)} for name in request.formats}
    for option, word in shared.words():
        takers = [name for name in has if option in has[name]]
        if not takers and not (option == "seed" and request.is_capped):
            raise UsageError(
                f"no format here has a choice of {option}",
                seen=f"formats: {', '.join(has)}",
                fix=f"leave --{option} out; formats of shards have it",
            )
        yield from ((name, option, word) for name in takers if (name, option) not in own)
