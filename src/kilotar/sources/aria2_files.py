"""What aria2 is given in files and words: its command, its private settings, the torrent, and what it has already.

Rules guarded:

- it writes exactly the landing's file: one name, never another one when it is there, never from the start again;
- what was verified is handed over as its own control file, so that nothing is hashed twice or fetched twice;
- its remote control listens on loopback only, with a secret that no list of processes shows;
- nothing of the user's own aria2 (settings, DHT table, .netrc) is read or written.

Source: aria2 1.36 manual; "Control File (*.aria2) Format" in its technical notes; measured: a download of 40 MiB with
20 MiB in the control file took 20,971,520 bytes of payload from the seed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.errors import storage_error
from kilotar.model.pieces import PieceTable, Torrent
from kilotar.model.profile import ClientOptions, Profile
from kilotar.parse.torrent import write_torrent

__all__ = ["CONTROL", "Run", "command", "control_file", "remove_files", "write_files"]

CONTROL = ".aria2"
DHT_ENTRY = "router.bittorrent.com:6881"  # without one, a fresh table knows nobody for ever
_HEADER = struct.Struct(">HII20sIQQI")
_CHECKS_INFOHASH = 1
_NAMES = ("aria2.conf", "archive.torrent", "dht.dat", "dht6.dat")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of aria2.

    Attributes:
        program:  path of aria2c.
        torrent:  what to fetch.
        file:     the landing's.
        folder:   private, for its settings.
        options, profile: as for every client.
        is_seed:  go on giving when complete.
        control_port: of the remote control, on loopback.
        secret:   of the remote control.
        gid:      16 hex digits that name the download.
        ports:    to listen on for peers, the first free one is taken.
    """

    program: str
    torrent: Torrent
    file: Path
    folder: Path
    options: ClientOptions
    profile: Profile
    is_seed: bool
    control_port: int = 0
    secret: str = ""
    gid: str = ""
    ports: tuple[int, ...] = ()


def command(run: Run) -> list[str]:
    """Give the command; nothing in it is secret."""
    words = dict(_fixed(run)) | dict(_asked(run))
    return [run.program, *(f"--{name}={value}" for name, value in words.items()), str(run.folder / _NAMES[1])]


def _fixed(run: Run) -> Iterator[tuple[str, str]]:
    yield "conf-path", str(run.folder / _NAMES[0])
    yield "dir", str(run.file.parent)
    yield "index-out", f"1={run.file.name}"
    yield "gid", run.gid
    yield "stop-with-process", str(os.getpid())
    yield "file-allocation", "none"
    for name in ("allow-overwrite", "auto-file-renaming", "check-integrity", "bt-save-metadata", "rpc-listen-all"):
        yield name, "false"
    for name in ("enable-rpc", "no-netrc", "enable-peer-exchange"):
        yield name, "true"
    yield "auto-save-interval", "0"  # what was verified is kept by us
    yield "rpc-listen-port", str(run.control_port)
    for name in ("enable-color", "show-console-readout"):
        yield name, "false"
    yield "console-log-level", "error"
    yield "summary-interval", "0"


def _asked(run: Run) -> Iterator[tuple[str, str]]:
    options = run.options
    ports = ",".join(map(str, run.ports))
    yield "listen-port", ports
    yield "dht-listen-port", ports
    yield "enable-dht", _word(options.dht)
    yield "dht-entry-point", DHT_ENTRY
    yield "dht-file-path", str(run.folder / _NAMES[2])
    yield "dht-file-path6", str(run.folder / _NAMES[3])
    yield "bt-enable-lpd", _word(options.lsd)
    yield "bt-max-peers", str(options.connections)
    yield "max-overall-download-limit", str(options.download_limit_bytes_s)
    # It has no way to send nothing: one byte a second is its least, and 0 would be no limit.
    yield "max-overall-upload-limit", str(1 if options.no_upload else options.upload_limit_bytes_s)
    if (options.encryption or run.profile.encryption) == "forced":
        yield "bt-require-crypto", "true"
        yield "bt-min-crypto-level", "arc4"
    if run.is_seed:
        yield "seed-ratio", str(options.seed_ratio)
    else:
        yield "seed-time", "0"
    if options.trackers:
        yield "bt-tracker", ",".join(options.trackers)
    if options.interface:
        yield "interface", options.interface
    if options.tls_roots:
        yield "ca-certificate", options.tls_roots


def _word(value: bool) -> str:
    return "true" if value else "false"


def control_file(table: PieceTable, bits: bytes) -> bytes:
    """Give aria2's own record of what is in the file.

    Args:
        bits: a bit for each verified piece, the first piece the highest bit of the first byte.
    """
    infohash = bytes.fromhex(table.infohash)
    sizes = table.piece_bytes, table.size_bytes, 0, len(bits)
    return _HEADER.pack(1, _CHECKS_INFOHASH, len(infohash), infohash, *sizes) + bits + bytes(4)


def write_files(run: Run, bits: bytes) -> None:
    """Write what the command names. Raises MachineError."""
    plain = replace(run.torrent, web_seeds=())  # web servers are asked by our own HTTP source
    try:
        run.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(run.folder / _NAMES[0], f"rpc-secret={run.secret}\n".encode())
        _write(run.folder / _NAMES[1], write_torrent(plain))
        _write(_control_path(run), control_file(run.torrent.table, bits))
    except OSError as error:
        raise storage_error(error, f"write the settings of aria2 in {run.folder}") from error


def remove_files(run: Run) -> None:
    """Take away what `write_files` and aria2 left, but not the archive. Raises MachineError."""
    try:
        for path in (_control_path(run), *(run.folder / name for name in _NAMES)):
            path.unlink(missing_ok=True)
        run.folder.rmdir()
    except OSError as error:
        raise storage_error(error, f"remove the settings of aria2 in {run.folder}") from error


def _control_path(run: Run) -> Path:
    return run.file.with_name(run.file.name + CONTROL)


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
