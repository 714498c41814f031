"""The choices of a format, out of words.

Rules guarded: a word is of the kind that the choice's default has; what is none of a format's choices, or no word of
its kind, is refused by name.
"""

from __future__ import annotations

from dataclasses import fields
from typing import cast

from kilotar.errors import UsageError
from kilotar.sinks.base import DataclassLike, Sink

__all__ = ["parse_options"]


def parse_options(sink: Sink, given: tuple[tuple[str, str], ...]) -> DataclassLike:
    """Make a sink's options out of words such as ("kaggle", "yes") or ("shards", "128").

    Raises: UsageError for an option the sink has not, or a word that is none of its kind.
    """
    known = {f.name: f for f in fields(sink.Options)}
    values: dict[str, object] = {}
    for name, word in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"format {sink.ABOUT.name} has no option {name!r}", seen=f"its options: {listed}")
        values[name] = _parse(f"{sink.ABOUT.name}.{name}", word, type(known[name].default))
    return cast(DataclassLike, sink.Options(**values))


def _parse(name: str, word: str, kind: type) -> object:
    """Give a word as a value of the kind that the option's default has."""
    if kind is bool:
        if word.lower() not in _WORDS:
            raise UsageError(f"option {name} is yes or no", seen=f"given: {word!r}")
        return _WORDS[word.lower()]
    if kind is int:
        if not (word.isascii() and word.isdigit()):
            raise UsageError(f"option {name} is a number", seen=f"given: {word!r}")
        return int(word)
    return word


_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
