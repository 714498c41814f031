"""The error tree, and the four lines in which a person meets an error.

::

    KilotarError
    ├── YourError            the request cannot be carried out as it was put
    │   ├── UsageError         E-USAGE     2
    │   ├── DecisionNeeded     E-DECISION  6
    │   ├── MissingExtra       E-EXTRA     7
    │   ├── SettingsDiffer     E-SETTINGS  9
    │   └── Busy               E-BUSY     75
    ├── TheirError           the data are not what they should be
    │   ├── ArchiveRefused     E-ARCHIVE   8
    │   ├── DigestMismatch     E-DIGEST    8
    │   ├── LabelsRefused      E-LABELS    8
    │   ├── BoxesRefused       E-BOXES     8
    │   ├── EditionRefused     E-EDITION   8
    │   ├── LayoutRefused      E-LAYOUT    8
    │   ├── TorrentRefused     E-TORRENT   8
    │   └── ProblemsFound      E-PROBLEMS  3
    ├── MachineError         the disk, memory or processes of this machine
    │   ├── DiskFull           E-DISK      5
    │   ├── InodesFull         E-INODES    5
    │   ├── QuotaExceeded      E-QUOTA     5
    │   ├── ReadOnly           E-READONLY  5
    │   ├── AccessDenied       E-PERM      5
    │   ├── FileLimit          E-FILELIMIT 5
    │   ├── StorageFailed      E-IO        5
    │   ├── OutOfMemory        E-MEMORY    5
    │   └── WorkerLost         E-WORKER    5
    ├── NetworkError         the way to the bytes; trying again makes sense
    │   ├── NoPeers            E-PEERS     4
    │   ├── HttpFailed         E-HTTP      4
    │   ├── MetadataMissing    E-METADATA  4
    │   ├── ClientFailed       E-CLIENT    4
    │   └── StoreFailed        E-STORE     4
    └── OurError               E-BUG       1

Rules guarded here: a code never changes its meaning; each class has one exit code; a message says what failed,
the evidence, and the command that helps. Findings about data (a bad image) are values, not exceptions: see
`kilotar.events.Finding`.
"""

from __future__ import annotations

import errno
import os

__all__ = [
    "AccessDenied",
    "ArchiveRefused",
    "BoxesRefused",
    "Busy",
    "ClientFailed",
    "DecisionNeeded",
    "DigestMismatch",
    "DiskFull",
    "EditionRefused",
    "FileLimit",
    "HttpFailed",
    "InodesFull",
    "KilotarError",
    "LabelsRefused",
    "LayoutRefused",
    "MachineError",
    "MetadataMissing",
    "MissingExtra",
    "NetworkError",
    "NoPeers",
    "OurError",
    "OutOfMemory",
    "ProblemsFound",
    "QuotaExceeded",
    "ReadOnly",
    "SettingsDiffer",
    "StorageFailed",
    "StoreFailed",
    "TheirError",
    "TorrentRefused",
    "UsageError",
    "WorkerLost",
    "YourError",
    "storage_error",
]


class KilotarError(Exception):
    """Something stopped the command; carries what a person needs to go on.

    Args:
        what: one line, what failed.
        seen: the evidence: expected, found, where.
        fix:  the command or step that helps.
    """

    code = "E-BUG"
    exit_code = 1

    def __init__(self, what: str, *, seen: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.fix = fix

    def __str__(self) -> str:
        return "; ".join(part for part in (self.what, self.seen) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.seen, self.fix)

    def lines(self, log: str = "") -> tuple[str, ...]:
        """Give the message as at most four lines of plain text, without escapes of the terminal's own."""
        rows = [f"error {self.code}: {plain(self.what)}"]
        rows += [f"  {word:<6} {plain(text)}" for word, text in (("seen", self.seen), ("try", self.fix)) if text]
        rows.append(f"  log    {log or '-'}   (exit {self.exit_code})")
        return tuple(rows)


def _rebuild(kind: type[KilotarError], what: str, seen: str, fix: str) -> KilotarError:
    return kind(what, seen=seen, fix=fix)


def plain(text: str) -> str:
    """Escape line ends, control characters and lone surrogates: names out of archives neither steer nor forge lines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class YourError(KilotarError):
    """The request cannot be carried out as it was put."""


class UsageError(YourError):
    """A word of the command line or an argument of the library is wrong."""

    code, exit_code = "E-USAGE", 2


class DecisionNeeded(YourError):
    """A person must decide (terms, overwriting) and nobody could be asked."""

    code, exit_code = "E-DECISION", 6


class MissingExtra(YourError):
    """A package or program that the request needs is not installed."""

    code, exit_code = "E-EXTRA", 7


class SettingsDiffer(YourError):
    """Settings or input differ from those the journal was begun with."""

    code, exit_code = "E-SETTINGS", 9


class Busy(YourError):
    """Another run holds the lock of this root."""

    code, exit_code = "E-BUSY", 75


class TheirError(KilotarError):
    """The data are not what they should be."""

    exit_code = 8


class ArchiveRefused(TheirError):
    """A tar or gzip file is hostile, damaged, cut short or of a dialect that is not read."""

    code, exit_code = "E-ARCHIVE", 8


class DigestMismatch(TheirError):
    """A file is not the published one."""

    code, exit_code = "E-DIGEST", 8


class LabelsRefused(TheirError):
    """A development kit or a list of labels cannot be trusted."""

    code, exit_code = "E-LABELS", 8


class BoxesRefused(TheirError):
    """A file of bounding boxes cannot be read safely."""

    code, exit_code = "E-BOXES", 8


class EditionRefused(TheirError):
    """An edition file is incomplete or contradicts itself."""

    code, exit_code = "E-EDITION", 8


class LayoutRefused(TheirError):
    """A folder is not what the command expects there."""

    code, exit_code = "E-LAYOUT", 8


class TorrentRefused(TheirError):
    """A .torrent, or an answer in its place, is hostile, damaged or of something else than was asked for."""

    code, exit_code = "E-TORRENT", 8


class ProblemsFound(TheirError):
    """The check ran to its end and found problems; the findings are in the report."""

    code, exit_code = "E-PROBLEMS", 3


class MachineError(KilotarError):
    """The disk, the memory or a process of this machine failed."""

    exit_code = 5


class DiskFull(MachineError):
    """There are not enough free bytes."""

    code, exit_code = "E-DISK", 5


class InodesFull(MachineError):
    """There are not enough free inodes."""

    code, exit_code = "E-INODES", 5


class QuotaExceeded(MachineError):
    """The user's or project's quota is used up."""

    code, exit_code = "E-QUOTA", 5


class ReadOnly(MachineError):
    """The file system does not take writes."""

    code, exit_code = "E-READONLY", 5


class AccessDenied(MachineError):
    """This user may not read or write there."""

    code, exit_code = "E-PERM", 5


class FileLimit(MachineError):
    """A limit on file size or open files was met."""

    code, exit_code = "E-FILELIMIT", 5


class StorageFailed(MachineError):
    """The operating system reported an input or output error."""

    code, exit_code = "E-IO", 5


class OutOfMemory(MachineError):
    """The memory that this process may use is spent."""

    code, exit_code = "E-MEMORY", 5


class WorkerLost(MachineError):
    """Worker processes died more often than a retry can mend."""

    code, exit_code = "E-WORKER", 5


class NetworkError(KilotarError):
    """Bytes could not be had from elsewhere; what has arrived is kept, and the same command goes on from there."""

    exit_code = 4


class NoPeers(NetworkError):
    """No byte comes from the swarm, and no other source has the pieces that are missing."""

    code, exit_code = "E-PEERS", 4


class HttpFailed(NetworkError):
    """A web server could not be reached, or answered with something else than the archive."""

    code, exit_code = "E-HTTP", 4


class MetadataMissing(NetworkError):
    """The .torrent of an archive could not be had from any place that was tried."""

    code, exit_code = "E-METADATA", 4


class ClientFailed(NetworkError):
    """An external download program ended, or did not answer."""

    code, exit_code = "E-CLIENT", 4


class StoreFailed(NetworkError):
    """A store of objects could not be reached, or refused what was asked: no such bucket, no right, another region."""

    code, exit_code = "E-STORE", 4


class OurError(KilotarError):
    """A bug in kilotar."""

    code, exit_code = "E-BUG", 1


_BY_ERRNO: dict[int, tuple[type[MachineError], str]] = {
    errno.ENOSPC: (DiskFull, "make room and run the same command again"),
    errno.EDQUOT: (QuotaExceeded, "ask for more quota, or choose a root elsewhere; then run the same command again"),
    errno.EROFS: (ReadOnly, "remount the file system for writing, or choose another root"),
    errno.EACCES: (AccessDenied, "give this user the right, or choose another root"),
    errno.EPERM: (AccessDenied, "give this user the right, or choose another root"),
    errno.EFBIG: (FileLimit, "raise the limit (ulimit -f unlimited) and run the same command again"),
    errno.EMFILE: (FileLimit, "raise the limit (ulimit -n 1024) and run the same command again"),
    errno.ENFILE: (FileLimit, "close other programs and run the same command again"),
    errno.ENAMETOOLONG: (StorageFailed, "choose a root with a shorter path"),
}


def storage_error(error: OSError, doing: str) -> MachineError:
    """Turn an `OSError` of the disk into the class of the tree that names its cause.

    Args:
        error: what the system call raised.
        doing: what was being done, for the first line ("write train/n01440764").
    Source: errno(3); which cause asks for which advice: reference reliability, rows 1 to 35.
    """
    number = error.errno or errno.EIO
    kind, fix = _BY_ERRNO.get(
        number, (StorageFailed, "check the disk (dmesg, smartctl), then run the same command again")
    )
    where = f" {error.filename!r}" if error.filename is not None else ""
    return kind(
        f"could not {doing}", seen=f"{errno.errorcode.get(number, number)} {os.strerror(number)}{where}", fix=fix
    )
