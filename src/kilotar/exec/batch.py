"""Work that can cross to another process: a function by name, and items of plain JSON values.

Rules guarded: only names, numbers and lists of them cross, in both directions, as JSON: image bytes never do, and
a worker that was taken over by a hostile image can send back nothing that runs (a pickle could). One item is the unit
that may be lost; all others of its batch are dealt with.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from kilotar.errors import OurError

__all__ = ["Batch", "ItemFunction", "Lost", "Sifted", "resolve"]

ItemFunction = Callable[..., Iterator[Iterable[Any]]]


@dataclass(frozen=True, slots=True)
class Lost:
    """An item that killed its worker twice. `kind` is "crash" or "hang", `why` one line."""

    item: Any
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of a batch: the values of all items in their order, and the items that could not be dealt with."""

    values: tuple[Any, ...]
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """A task of many items. Called, it does them here, without protection.

    Attributes:
        function: "module:name" of a generator function `f(*common, items)` that yields once for each item, in order,
                  the item's values (mostly none), each of them plain JSON.
        common:   first arguments, plain JSON.
        items:    each plain JSON.
    """

    function: str
    common: tuple[Any, ...]
    items: tuple[Any, ...]

    def __call__(self) -> Sifted:
        done = resolve(self.function)(*self.common, self.items)
        return Sifted(tuple(value for values in done for value in values))


def resolve(function: str) -> ItemFunction:
    """Import what "module:name" names. Raises: OurError where there is no such thing."""
    module, _, name = function.partition(":")
    try:
        return cast(ItemFunction, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise OurError(f"no function {function}", seen=str(error)) from error
