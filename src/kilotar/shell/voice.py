"""The reporters of one command, chosen by its flags and its surroundings, made when the first event comes.

Rules guarded: bars only on a terminal that can draw; the log begins with the first event, in a root that the engine has
made, so a refused command leaves nothing behind; a log that cannot be kept is told, and does not stop the work.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import platformdirs

from kilotar.errors import UsageError, storage_error
from kilotar.events import Event
from kilotar.shell.flags import Talk
from kilotar.shell.reporters import JsonLines, Lines, Reporter, Tee

__all__ = ["Voice", "can_draw"]

_LOGGER = logging.getLogger("kilotar")
LOG_FOLDER = Path(".kilotar") / "log"


class Voice:
    """A reporter made of those that the flags ask for.

    Args:
        command: its name, for the log's.
        talk:    the common flags.
        root:    the data set's folder; None for commands without one.
    """

    def __init__(self, command: str, talk: Talk, root: Path | None) -> None:
        if talk.events == "-" and talk.json:
            raise UsageError("--events - and --json both want stdout", fix="give --events a file")
        if talk.events.startswith("-") and talk.events != "-":
            raise UsageError(
                "--events needs a file", seen=f"given: {talk.events}", fix="--events FILE, or - for stdout"
            )
        self._command = command
        self._talk = talk
        self._root = root
        self._lock = threading.RLock()
        self._tee: Tee | None = None
        self._log: JsonLines | None = None
        self._handler = _Records(self)
        self.log = ""
        _LOGGER.addHandler(self._handler)

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._tee = self._tee or Tee(*self._reporters())
            if self._log is None and self._may_log():
                self._log = JsonLines(self._open_log, every_byte=False)
        self._tee(event)
        if self._log is not None:
            self._log(event)

    def close(self) -> str:
        """End all reporters. Gives their troubles, "" for none."""
        _LOGGER.removeHandler(self._handler)
        ended = Tee(*[reporter for reporter in (self._tee, self._log) if reporter is not None])
        self._tee = self._log = None
        return ended.close()

    def _reporters(self) -> list[Reporter]:
        made: list[Reporter] = [] if self._talk.quiet else [_for_people(self._talk)]
        if self._talk.events:
            made.append(JsonLines(self._open_events))
        return made

    def _may_log(self) -> bool:
        return bool(self._talk.log_file or (self._root and (self._root / LOG_FOLDER.parent).is_dir()))

    def record(self, facts: Mapping[str, object]) -> None:
        """Put a record of the library's own log into the log file, where there is one."""
        if self._log is not None:
            self._log.note(facts)

    def _open_events(self) -> IO[str]:
        return sys.stdout if self._talk.events == "-" else _open(Path(self._talk.events))

    def _open_log(self) -> IO[str]:
        path = self._talk.log_file or (self._root or Path()) / LOG_FOLDER / _log_name(self._command)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _open(path)
        self.log = str(path)
        return file

    def keep(self, text: str) -> None:
        """Keep a text, such as a traceback, in the log, or in one of the user's own where there is none."""
        path = Path(self.log) if self.log else platformdirs.user_log_path("kilotar") / _log_name(self._command)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:  # there is nowhere left to tell it; --debug shows it
            return
        self.log = str(path)

    def check_files(self) -> None:
        """Make sure that the files the person named can be written, before any work. Raises: MachineError."""
        for path in (Path(self._talk.events) if self._talk.events not in ("", "-") else None, self._talk.log_file):
            if path is not None:
                try:
                    _open(path).close()
                except OSError as error:
                    raise storage_error(error, f"write {path}") from error


class _Records(logging.Handler):
    """Takes what the library's modules log; without it Python would write warnings across the bars."""

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"level": record.levelname.lower(), "logger": record.name, "text": record.getMessage()}
        self._voice.record({"event": "Log", **facts})


def _open(path: Path) -> IO[str]:
    return path.expanduser().open("a", encoding="utf-8")


def _log_name(command: str) -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{command}-{os.getpid()}.jsonl"


def _for_people(talk: Talk) -> Reporter:
    if talk.plain or not can_draw(sys.stderr):
        return Lines(sys.stderr, verbose=talk.verbose)
    from rich.console import Console

    from kilotar.shell.bars import Bars

    return Bars(Console(file=sys.stderr, highlight=False, markup=False, emoji=False), verbose=talk.verbose)


def can_draw(out: IO[str] | None) -> bool:
    """Whether a stream is a terminal that understands control codes."""
    return out is not None and out.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
