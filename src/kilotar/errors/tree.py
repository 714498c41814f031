"""The classes of errors; `kilotar.errors` draws them as a tree, with their codes."""

from __future__ import annotations

from kilotar.errors.base import KilotarError


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
