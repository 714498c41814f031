"""The demo: a tiny ImageNet comes out of a private swarm, as the real one comes out of the public one, and is proved.

Rules guarded: it takes the way that everything takes; nothing asks or listens outside this machine, also where the
environment names a proxy; the folder is the person's, so nothing in it is deleted.
"""

from __future__ import annotations

from pathlib import Path

from kilotar.editions.tiny import make_tiny
from kilotar.events import Emit, Note
from kilotar.model.report import Report
from kilotar.sources.http.options import HttpOptions
from kilotar.work.demo_swarm import LOOPBACK, open_demo_swarm
from kilotar.work.prepare import prepare
from kilotar.work.request import Fetching, Request
from kilotar.work.verify import parse_level, verify

__all__ = ["FORMATS", "demo"]

FORMATS = ("imagefolder", "torchvision", "cls-loc", "lists")
_HTTP = HttpOptions(proxy="", allow_private=True)


def demo(folder: Path, emit: Emit) -> tuple[Report, Report]:
    """Make a tiny ImageNet, publish it on loopback, download, prepare and verify it; again, it has nothing to do.

    Args:
        folder: gets `published` (what others serve), `swarm` (their state) and `imagenet` (the root).
    Returns: the reports of `prepare` and of a deep `verify`.
    Raises: KilotarError.
    """
    root = folder / "imagenet"
    emit(Note("info", f"making the archives of a tiny ImageNet in {folder / 'published'}"))
    tiny = make_tiny(folder / "published", classes=10, per_class=20, val=50, test=10)
    with open_demo_swarm(tiny, folder / "swarm", emit) as there:
        emit(Note("info", f"a tracker, a seed and a web seed serve them on {there.web.url}, to this machine alone"))
        prepared = prepare(_request(root, there.toml), emit)
    return prepared, verify(root, level=parse_level("deep"), repair=False, jobs=0, emit=emit)


def _request(root: Path, toml: Path) -> Request:
    return Request(
        root,
        fetching=Fetching(swarm=LOOPBACK, http=_HTTP, allow_private=True),
        formats=FORMATS,
        edition=str(toml),
        boxes=True,
        accept_terms=True,
    )
