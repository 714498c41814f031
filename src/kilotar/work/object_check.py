"""Objects held against the list that was made when they were put.

Rules guarded: what differs is a finding, never an exception; a store that does not answer ends the check, because then
nothing is known; lengths and digests are asked object by object, never taken from a listing.
"""

from __future__ import annotations

from collections.abc import Callable

from kilotar.events import Finding
from kilotar.model.seams import Written
from kilotar.store.objects import ObjectStore, object_sha256

__all__ = ["CHUNK_OBJECTS", "ObjectCheck", "compare_sha256", "digest_object", "measure_object"]

CHUNK_OBJECTS = 8
Look = Callable[[ObjectStore, Written], Finding | None]


class ObjectCheck:
    """Some objects of a list, to be looked at in a thread.

    Args:
        look: `measure_object` or `digest_object`.
    """

    def __init__(self, store: ObjectStore, files: tuple[Written, ...], look: Look) -> None:
        self._store = store
        self.files = files
        self._look = look

    def __call__(self) -> tuple[Finding, ...]:
        """Give what differs. Raises: StoreFailed."""
        looks = (self._look(self._store, file) for file in self.files)
        return tuple(finding for finding in looks if finding is not None)


def measure_object(store: ObjectStore, file: Written) -> Finding | None:
    """Compare the length of an object, and the digest that it was given, with those in its list. Raises StoreFailed."""
    found = store.look(file.path)
    if found is None:
        return Finding("missing", file.path, f"it is gone; {file.size_bytes:,} bytes")
    if found.size_bytes != file.size_bytes:
        kind = "truncated" if found.size_bytes < file.size_bytes else "size"
        return Finding(kind, file.path, f"{found.size_bytes:,} bytes, expected {file.size_bytes:,}")
    return compare_sha256(found.sha256 or file.sha256, file)


def digest_object(store: ObjectStore, file: Written) -> Finding | None:
    """Compare length and SHA-256 of an object, which is read, with those in its list. Raises StoreFailed."""
    finding = measure_object(store, file)
    return finding if finding is not None else compare_sha256(object_sha256(store, file.path), file)


def compare_sha256(sha256: str, file: Written) -> Finding | None:
    """Compare the digest of what was read with that in its list."""
    if sha256 == file.sha256:
        return None
    return Finding("digest", file.path, f"sha256 {sha256[:16]}..., expected {file.sha256[:16]}...")
