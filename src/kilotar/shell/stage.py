"""Between a command and its surroundings: what is printed where, and which exit code it comes to.

Rules guarded: stdout is the result and stderr the talk; an error is four lines and no traceback unless `--debug`; a
surprise is a bug of ours, exit 1, with the traceback in the log; a reader that went away (`| head -1`) ends the
printing, not the work; a signal ends in 128 + its number with the way to go on.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kilotar.errors import KilotarError, MissingExtra, OurError, storage_error
from kilotar.events import Emit
from kilotar.shell import machine
from kilotar.shell.flags import Talk
from kilotar.shell.stop import Stop
from kilotar.shell.text import one_line
from kilotar.shell.voice import Voice

__all__ = ["Answer", "perform", "tell_error"]

STOPPED = "stopped; nothing is lost; run the same command again"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to: the same facts as lines for people and as an object for programs."""

    lines: Sequence[str]
    facts: Mapping[str, object]
    exit_code: int = 0


def perform(command: str, talk: Talk, work: Callable[[Emit], Answer], root: Path | None = None) -> int:
    """Do a command's work and tell its result. Gives the exit code.

    Args:
        command: its name.
        talk:    the common flags.
        work:    calls the library with a reporter and puts its result into words.
        root:    the data set's folder, where the command has one.
    """
    voice: Voice | None = None
    stop = Stop()
    try:
        with stop:
            voice = Voice(command, talk, root)
            voice.check_files()
            answer = work(voice)
            _warn(voice.close())
            return _tell(command, talk, answer, stop)
    except KeyboardInterrupt:
        _close(voice)
        return _tell_stopped(command, talk, stop)
    except KilotarError as error:
        return _tell_failed(command, talk, voice, error)
    except Exception as error:  # noqa: BLE001 - the last net: whatever is not in the tree is a bug and must say so
        return _tell_failed(command, talk, voice, _as_bug(error))


def _close(voice: Voice | None) -> None:
    if voice is not None:
        _warn(voice.close())


def _warn(trouble: str) -> None:
    if trouble:
        _print(sys.stderr, [f"warning: a log or events file could not be kept: {one_line(trouble)}"])


def _tell(command: str, talk: Talk, answer: Answer, stop: Stop) -> int:
    exit_code = stop.exit_code if stop.signal else answer.exit_code
    if talk.json:
        _print(sys.stdout, [machine.to_text(command, exit_code, answer.facts)])
    else:
        _print(sys.stderr if talk.events == "-" else sys.stdout, answer.lines)
    if stop.signal:
        _print(sys.stderr, [STOPPED])
    return exit_code


def _tell_stopped(command: str, talk: Talk, stop: Stop) -> int:
    if talk.json:
        _print(sys.stdout, [machine.to_text(command, stop.exit_code, {"stopped": True})])
    _print(sys.stderr, [STOPPED])
    return stop.exit_code


def _tell_failed(command: str, talk: Talk, voice: Voice | None, error: KilotarError) -> int:
    _close(voice)
    if talk.debug or (isinstance(error, OurError) and voice is not None):
        text = "".join(traceback.format_exception(error.__cause__ or error))
        if voice is not None:
            voice.keep(text)
        if talk.debug:
            _print(sys.stderr, text.splitlines())
    return tell_error(command, error, json=talk.json, log=voice.log if voice else "")


def tell_error(command: str, error: KilotarError, *, json: bool, log: str = "") -> int:
    """Tell an error: four lines on stderr, and an object on stdout with `json`. Gives its exit code."""
    try:
        if json:
            _print(sys.stdout, [machine.to_text(command, error.exit_code, machine.error_object(error))])
    finally:
        _print(sys.stderr, [one_line(line) for line in error.lines(log)])
    return error.exit_code


def _as_bug(error: Exception) -> KilotarError:
    """Name what escaped the tree: a missing package is the person's to install, all else is ours to mend."""
    wrapped: KilotarError
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("kilotar"):
        wrapped = MissingExtra(f"the package {error.name} is not installed", fix=f"pip install {error.name}")
    else:
        wrapped = OurError(
            "a bug in kilotar; nothing that was finished is lost",
            seen=f"{type(error).__name__}: {error}",
            fix="run it again with --debug and report what it prints",
        )
    wrapped.__cause__ = error
    return wrapped


def _print(out: IO[str] | None, lines: Sequence[str]) -> None:
    """Print lines. A reader that went away ends the printing; a full disk under stdout is an error.

    Raises: MachineError.
    """
    if out is None:
        return
    try:
        out.write("".join(f"{line}\n" for line in lines))
        out.flush()
    except BrokenPipeError:
        _send_nowhere(out)
    except OSError as error:
        _send_nowhere(out)
        if out is sys.stdout:
            raise storage_error(error, "print the result") from error


def _send_nowhere(out: IO[str]) -> None:
    """Point the stream's file at nothing, so that what is left in its buffer troubles nobody at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, out.fileno())
    os.close(nothing)
