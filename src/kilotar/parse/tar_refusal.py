"""How the tar walker says no: the offset, the reason, what was seen, and what helps.

Rule guarded: a refusal names a byte of the file, so that a person can look at it with any tool.
"""

from __future__ import annotations

from kilotar.errors import ArchiveRefused

__all__ = ["refusal", "truncation"]


def refusal(at: int, reason: str, *, seen: str = "", fix: str = "", switch: str = "") -> ArchiveRefused:
    """Give the refusal of a tar archive at byte `at`; `switch` names the field of `Strictness` that would allow it."""
    if switch:
        fix = f"if you trust this archive, set {switch} = true in the strictness of its edition entry"
    return ArchiveRefused(f"tar refused at byte {at}: {reason}", seen=seen, fix=fix or "fetch the archive again")


def truncation(at: int, what: str, needed: int, stop: int, *, switch: str = "") -> ArchiveRefused:
    """Give the refusal of an archive that ends at `stop`, although `what` at byte `at` needs bytes up to `needed`."""
    missing = needed - stop
    fix = "let the download finish, or fetch the archive again"
    if switch:
        fix += f"; if it was made so, set {switch} = true in the strictness of its edition entry"
    return ArchiveRefused(
        f"tar refused at byte {at}: the archive is cut short in {what}",
        seen=f"it ends at byte {stop}; at least {missing} bytes are missing",
        fix=fix,
    )
