"""The transfer of one archive by an installed aria2c.

Rules guarded: aria2 runs as a child of ours, listens to us alone, and ends with us even where we are killed; its last
words are told when it ends by itself; it never begins the file anew.
"""

from __future__ import annotations

import random
import re
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from kilotar.errors import ClientFailed, KilotarError, MissingExtra
from kilotar.model.fetching import Landing, SwarmFacts, Tell
from kilotar.model.pieces import Torrent
from kilotar.model.profile import FIRST, PLAIN_PORTS, ClientOptions, Profile
from kilotar.sources.aria2_files import Run, command, remove_files, write_files
from kilotar.sources.client_words import LastWords, machine_error
from kilotar.sources.external import External, Reading, refuse_foreign
from kilotar.sources.rpc import JsonPost, read_json

__all__ = ["aria2", "aria2_version"]

_START_S = 10.0
_ANSWER_S = 5.0
_PORTS = 3
_FIX = "run the same command again; or leave out --client to use the built-in client"
_STATUS = {
    "status": "status",
    "bitfield": "bitfield",
    "rate_bytes_s": "downloadSpeed",
    "sent_rate_bytes_s": "uploadSpeed",
    "completed_bytes": "completedLength",
    "sent_bytes": "uploadLength",
    "connections": "connections",
    "seeds": "numSeeders",
    "error_code": "errorCode",
    "error_words": "errorMessage",
}
# Source: "EXIT STATUS" in the manual of aria2 1.36; `errorCode` has the same numbers.
_CODES = {
    2: "a time-out",
    6: "a network problem",
    7: "unfinished downloads",
    9: "No space left on device",
    13: "it had no record of the file that was there",
    15: "it could not open the file",
    16: "it could not make the file",
    17: "Input/output error",
    19: "a name that could not be resolved",
    28: "an option that this version does not know",
}


class _Status(msgspec.Struct, frozen=True, rename=_STATUS):
    """`aria2.tellStatus`; numbers are sent as text."""

    status: str
    bitfield: str = ""
    rate_bytes_s: int = 0
    sent_rate_bytes_s: int = 0
    completed_bytes: int = 0
    sent_bytes: int = 0
    connections: int = 0
    seeds: int = 0
    error_code: int = 0
    error_words: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """An answer of JSON-RPC."""

    result: _Status


def aria2_version(program: str = "aria2c") -> tuple[str, str]:
    """Give the path of aria2c and its version, e.g. "1.36.0".

    Raises: MissingExtra where it is not installed, or was built without BitTorrent.
    """
    path = shutil.which(program)
    if path is None:
        raise _missing(f"no {program} in PATH")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=_START_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _missing(f"{path}: {error}") from error
    text = done.stdout.decode("utf-8", "replace")
    version = re.match(r"aria2 version (\S+)", text)
    if version is None or "BitTorrent" not in text:
        raise _missing(f"{path} is no aria2 with BitTorrent")
    return path, version[1]


def _missing(seen: str) -> MissingExtra:
    return MissingExtra("aria2 is not installed", seen=seen, fix="apt install aria2 (brew and conda have it too)")


def aria2(
    torrent: Torrent,
    landing: Landing,
    folder: Path,
    tell: Tell,
    *,
    options: ClientOptions | None = None,
    profile: Profile = FIRST,
    keep_seeding: bool = False,
    program: str = "aria2c",
) -> External:
    """Make the fetcher. Nothing runs until something is wanted.

    Args:
        torrent: with the trackers to ask; its web seeds are not handed over.
        landing: whose file aria2 writes.
        folder:  of its own; made if missing, removed at the end; holds a secret while it runs.
        tell:    hears of troubles.
        options: "no upload" means one byte a second here; addresses of peers and proxies cannot be had.
        keep_seeding: give to others after the archive is complete, until `close`.
    Raises: MissingExtra, UsageError.
    """
    options = options or ClientOptions()
    path, version = aria2_version(program)
    refuse_foreign("aria2", {"--peer": options.peers, "--proxy": options.proxy})
    run = Run(path, torrent, landing.path, folder, options, profile, keep_seeding)
    return External(_Aria2(run, f"aria2 {version}"), landing, tell)


class _Aria2:
    """The child process and its remote control: a `Program`."""

    name = "aria2"
    trusts_us = True

    def __init__(self, run: Run, client: str) -> None:
        self._run = run
        self._client = client
        self._began_bytes = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._last_words: LastWords | None = None
        self._post: JsonPost | None = None

    def start(self, bits: bytes) -> None:
        self._began_bytes = -1
        run = self._run = replace(
            self._run,
            control_port=_free_port(),
            secret=secrets.token_hex(16),
            gid=secrets.token_hex(8),
            ports=_ports(self._run.options, self._run.profile),
        )
        write_files(run, bits)
        try:
            self._child = subprocess.Popen(
                command(run),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        except OSError as error:
            raise ClientFailed(f"{self._client} could not be started", seen=str(error), fix=_FIX) from error
        assert self._child.stdout is not None
        self._last_words = LastWords(self._child.stdout)
        self._post = JsonPost(self._client, f"http://127.0.0.1:{run.control_port}/jsonrpc", timeout_s=_ANSWER_S)
        self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        until_s = time.monotonic() + _START_S
        while True:
            try:
                self._status()
                return
            except ClientFailed:
                self._check_child()
                if time.monotonic() > until_s:
                    raise
            time.sleep(0.05)

    def read(self) -> Reading:
        self._check_child()
        status = self._status()
        if self._began_bytes < 0:
            self._began_bytes = status.completed_bytes
        return Reading(
            bits=_bits(status.bitfield),
            facts=self._facts(status),
            is_done=status.status == "complete" or status.completed_bytes == self._run.torrent.table.size_bytes,
            failure=self._error(status.error_code, status.error_words) if status.status == "error" else None,
        )

    def _facts(self, status: _Status) -> SwarmFacts:
        return SwarmFacts(
            client=self._client,
            received_bytes=max(0, status.completed_bytes - self._began_bytes),
            rate_bytes_s=status.rate_bytes_s,
            sent_bytes=status.sent_bytes,
            sent_rate_bytes_s=status.sent_rate_bytes_s,
            peers=status.connections,
            seeds=status.seeds,
            handshakes=status.connections,
            state=status.status,
        )

    def _status(self) -> _Status:
        answer = self._call("tellStatus", self._run.gid, list(_STATUS.values()))
        return read_json(self._client, answer, _Reply).result

    def _call(self, method: str, *arguments: object) -> bytes:
        assert self._post is not None
        token = f"token:{self._run.secret}"
        content = {"jsonrpc": "2.0", "id": "1", "method": f"aria2.{method}", "params": [token, *arguments]}
        return self._post.ask(content).body

    def _check_child(self) -> None:
        """Raise where the process has ended."""
        assert self._child is not None
        assert self._last_words is not None
        code = self._child.poll()
        if code is not None:
            raise self._error(code, self._last_words.text())

    def _error(self, code: int, words: str) -> KilotarError:
        reason = f"it was ended by signal {-code}" if code < 0 else f"exit status {code}"
        reason = f"{_CODES[code]} ({reason})" if code in _CODES else reason
        seen = f"{reason}: {words}" if words else reason
        cause = machine_error(seen, f"write {self._run.file} with {self._client}")
        return cause or ClientFailed(f"{self._client} ended before the archive was there", seen=seen, fix=_FIX)

    def pause(self) -> None:
        self._call("forcePause", self._run.gid)

    def resume(self) -> None:
        self._call("unpause", self._run.gid)

    def stop(self, grace_s: float) -> None:
        if self._child is None:
            return
        self._child.terminate()  # it says goodbye to the trackers
        try:
            self._child.wait(max(0.1, grace_s - 1))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._post is not None:
            self._post.close()
        remove_files(self._run)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()


def _bits(bitfield: str) -> bytes:
    try:
        return bytes.fromhex(bitfield)
    except ValueError as error:
        raise ClientFailed("aria2 answered with something else than pieces", seen=bitfield[:80], fix=_FIX) from error


def _free_port() -> int:
    """Give a port of loopback that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _ports(options: ClientOptions, profile: Profile) -> tuple[int, ...]:
    """Give ports to try for peers: the person's, or the profile's, or some at random."""
    if options.ports:
        return tuple(options.ports[:100])
    if profile.port:
        return (profile.port,)
    return tuple(random.sample(PLAIN_PORTS, _PORTS))
