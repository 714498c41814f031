"""What a caller wishes, as the functions of the library take it: folders may be text, and `~` is a home.

Rules guarded: defaults stand in `Request` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from kilotar.events import Event

if TYPE_CHECKING:
    from kilotar.model.pixels import PixelWish
    from kilotar.parse.remote import Remote
    from kilotar.work.request import Fetching, Request

__all__ = ["OnEvent", "Wish", "as_path", "make_request", "place"]

OnEvent = Callable[[Event], None]


class Wish(TypedDict, total=False):
    """The keywords of `prepare`, `export`, `plan`, `why`, `index` and `get`; defaults are those of `Request`.

    `fetching` says how archives that are nowhere are fetched: `Fetching()` from peers and web servers,
    `Fetching(way="http")` from web servers alone.
    """

    source: Path | None
    fetching: Fetching | None
    formats: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    per_class: int
    fraction: float
    seed: int | None
    images: Path | None
    boxes: bool
    edition: str
    unverified: bool
    accept_terms: bool
    jobs: int
    options: tuple[tuple[str, str, str], ...]
    name: str
    out: Path | Remote | None
    link: str
    sync: bool
    pixels: PixelWish


def place(out: Path | str, *, endpoint: str = "") -> Path | Remote:
    """Give where an output may go: a folder; or `s3://`, `gs://`, `az://` and what fsspec knows, as `out` of a wish.

    Args:
        endpoint: address of the server of `s3://` or `az://`, where it is not the store's own.
    Raises: UsageError, also for an address that holds a key or a password, which it does not repeat.
    """
    from kilotar.parse.remote import parse_place

    found = parse_place(str(out), endpoint) if isinstance(out, str) or endpoint else out
    return as_path(found) if isinstance(found, Path | str) else found


def as_path(path: Path | str) -> Path:
    return Path(path).expanduser()


def make_request(root: Path | str, wish: Wish) -> Request:
    """Make the request; a person at a prompt may give folders as text."""
    from kilotar.work.request import Request

    if source := wish.get("source"):
        wish["source"] = as_path(source)
    if images := wish.get("images"):
        wish["images"] = as_path(images)
    if out := wish.get("out"):
        wish["out"] = place(out) if isinstance(out, Path | str) else out
    return Request(as_path(root), **wish)
