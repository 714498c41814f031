"""The command line: names of commands, help, and words to a command. The commands are in `commands_*`.

Rules guarded: start-up imports nothing heavy, commands are loaded when they are run; a word that is not understood is a
usage error with the near misses, exit 2.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from typing import IO, Any

from cyclopts import App, CycloptsError, Parameter

import kilotar
from kilotar.errors import KilotarError, UsageError

__all__ = ["build_app", "main"]

COMMANDS = (
    ("make:prepare", "Verify the archives and write the formats you want; the same command again resumes."),
    ("export:export", "Write more formats from the archives that this root remembers."),
    ("make:get", "Fetch the archives and prove every piece; the same command again resumes."),
    ("make:plan", "Show what prepare would read, write and need; change nothing."),
    ("files:adopt", "Take an archive that another program fetched, whole or in part."),
    ("files:repair", "Fetch only the pieces of archives that are wrong or missing."),
    ("files:seed", "Give the archives to others, until Ctrl-C."),
    ("make:index", "Index the archives, so that images can be read in place."),
    ("check:verify", "Check what was prepared, and repair it if asked."),
    ("check:status", "Show what is under a root and how far it is."),
    ("check:why", "Say of each step why it would be done, or kept."),
    ("doctor:doctor", "Say whether this machine and its network can bring the archives, and what helps."),
    ("facts:archives", "Show the published archives, known before any network is touched."),
    ("facts:classes", "Find classes by word, wnid, label, ilsvrc_id or parent."),
    ("facts:formats", "Show the formats that can be written."),
    ("demo:demo", "Bring a tiny ImageNet out of a swarm on this machine and prepare it: a few seconds."),
    ("completion:completion", "Print the script that completes commands and flags in bash, zsh or fish."),
)
EPILOGUE = (
    "Every flag is also an environment variable (KILOTAR_JOBS=4) and a key of ./kilotar.toml (jobs = 4). "
    "Exit codes: 0 done, 1 bug, 2 usage, 3 problems found, 4 network, 5 disk, 6 decision needed, 7 extra missing, "
    "8 data refused, 9 settings differ, 75 another run, 130/143 interrupted."
)


def build_app() -> App:
    """Give the app, with commands that are imported when they are run."""
    app = App(
        name="kilotar",
        help="One command to a verified ImageNet that your trainer can read.",
        help_epilogue=EPILOGUE,
        version=f"kilotar {kilotar.__version__}",
        default_parameter=Parameter(negative=(), show_default=False),
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )

    def settings(*given: Any) -> None:
        from kilotar.shell.settings import Settings

        Settings(app)(*given)

    app.config = (settings,)
    for where, summary in COMMANDS:
        module, _, name = where.partition(":")
        app.command(f"kilotar.shell.commands_{module}:{name}", name=name, help=summary)
    return app


def main(words: Sequence[str]) -> int:
    """Run the command line. Gives the exit code."""
    for stream in (sys.stdout, sys.stderr):
        _be_lenient(stream)
    try:
        code = build_app()(list(words))
    except CycloptsError as error:
        return _tell(_as_usage(error), words)
    except KilotarError as error:
        return _tell(error, words)
    return code if isinstance(code, int) else 0


def _tell(error: KilotarError, words: Sequence[str]) -> int:
    from kilotar.shell.stage import tell_error

    return tell_error("usage", error, json="--json" in words)


def _be_lenient(stream: IO[str] | None) -> None:
    """Let a character that the terminal's encoding has not be written as an escape instead of ending the command."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _near_flag(error: CycloptsError) -> str:
    """Give the near miss where a flag stands in the place of a command."""
    words = getattr(error, "unused_tokens", None) or [""]
    near = difflib.get_close_matches(words[0], ["--help", "--version"], n=1)
    return f"did you mean {near[0]}?" if near else ""


def _as_usage(error: CycloptsError) -> UsageError:
    what, _, advice = str(error).partition(" Did you mean ")
    near = f"did you mean {advice}" if advice else _near_flag(error)
    what = what.partition(" Available commands:")[0].rstrip(".")
    return UsageError(what, seen=near, fix="kilotar --help, or kilotar COMMAND --help")
