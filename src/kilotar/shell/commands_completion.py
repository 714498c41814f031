"""Completion: the script that lets a shell complete the words of a command line."""

from __future__ import annotations

from typing import Literal

from kilotar.events import Emit
from kilotar.shell.cli import build_app
from kilotar.shell.flags import Talk
from kilotar.shell.stage import Answer, perform

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"], *, talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Print the script that completes commands and flags in a shell; nothing is written or changed.

    Args:
        shell: bash: > ~/.local/share/bash-completion/completions/kilotar; zsh: > a folder of $fpath/_kilotar; fish:
            > ~/.config/fish/completions/kilotar.fish.
    """

    def work(_: Emit) -> Answer:
        script = build_app().generate_completion(prog_name="kilotar", shell=shell)
        return Answer(script.splitlines(), {"shell": shell, "script": script})

    return perform("completion", talk, work)
