"""The error tree.

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

from kilotar.errors.base import KilotarError, plain
from kilotar.errors.storage import storage_error
from kilotar.errors.tree import (
    AccessDenied,
    ArchiveRefused,
    BoxesRefused,
    Busy,
    ClientFailed,
    DecisionNeeded,
    DigestMismatch,
    DiskFull,
    EditionRefused,
    FileLimit,
    HttpFailed,
    InodesFull,
    LabelsRefused,
    LayoutRefused,
    MachineError,
    MetadataMissing,
    MissingExtra,
    NetworkError,
    NoPeers,
    OurError,
    OutOfMemory,
    ProblemsFound,
    QuotaExceeded,
    ReadOnly,
    SettingsDiffer,
    StorageFailed,
    StoreFailed,
    TheirError,
    TorrentRefused,
    UsageError,
    WorkerLost,
    YourError,
)

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
    "plain",
    "storage_error",
]
