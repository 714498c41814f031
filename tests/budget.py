"""A bound on time and memory around a piece of a test, so that bad input is shown to be cheap."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["budget"]


@contextmanager
def budget(seconds: float = 2.0, megabytes: float | None = None) -> Iterator[None]:
    """Fail where the block takes longer, or, where a bound is given, holds more memory at its peak.

    The bounds are a hundred times what is needed: they tell bounded work from unbounded work, not fast from slow.
    """
    if megabytes is not None:
        tracemalloc.start()
    started = time.perf_counter()
    try:
        yield
        elapsed = time.perf_counter() - started
        peak = tracemalloc.get_traced_memory()[1] / 1e6 if megabytes is not None else 0.0
    finally:
        if megabytes is not None:
            tracemalloc.stop()
    assert elapsed < seconds, f"took {elapsed:.1f} s, allowed {seconds} s"
    assert megabytes is None or peak < megabytes, f"held {peak:.0f} MB, allowed {megabytes} MB"
