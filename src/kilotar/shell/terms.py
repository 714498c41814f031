"""Terms of use: a person is asked on a terminal, and nobody else is.

Rules guarded: without a terminal there is no prompt, ever; only an explicit yes accepts; the answer is asked for on
stderr, because stdout is the result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, TypeVar

from kilotar.errors import DecisionNeeded
from kilotar.shell.text import one_line

__all__ = ["ask", "with_terms"]

T = TypeVar("T")
FLAG = "--accept-terms"


def with_terms(call: Callable[[bool], T], accepted: bool) -> T:
    """Call with what is known of the acceptance; where a person must decide about terms, ask and call again.

    Raises: DecisionNeeded where nobody can be asked, or the answer is not yes.
    """
    try:
        return call(accepted)
    except DecisionNeeded as error:
        if accepted or FLAG not in error.fix or not ask(error.seen, sys.stdin, sys.stderr):
            raise
    return call(True)


def ask(terms: str, answers: IO[str] | None, out: IO[str] | None) -> bool:
    """Ask on a terminal; False where there is none or the answer is not yes."""
    try:
        if answers is None or out is None or not (answers.isatty() and out.isatty()):
            return False
        out.write(f"  {one_line(terms)}\n")
        out.write(f"  Do you have the right to use it and accept these terms? [y/N] (scripts: {FLAG}) ")
        out.flush()
        return answers.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):  # a closed stdin is nobody
        return False
