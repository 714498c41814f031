"""The scripts of completion: real shells take them, and bash completes with its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kilotar.shell.cli import COMMANDS, main
from tests.need import need_tool

CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
HERE = [shell for shell in CHECKS if shell == "bash" or shutil.which(shell)]  # the others need not be anywhere


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    from kilotar.shell.cli import build_app

    return {shell: build_app().generate_completion(prog_name="kilotar", shell=shell) for shell in CHECKS}


def complete(script: str, folder: Path, *words: str) -> set[str]:
    """Give what bash would offer for the last word."""
    (folder / "kilotar.bash").write_text(script, encoding="utf-8")
    line = 'source ./kilotar.bash; COMP_WORDS=(kilotar "$@"); COMP_CWORD=$#; _kilotar; printf "%s\\n" "${COMPREPLY[@]}"'
    command = [need_tool("bash"), "--norc", "-c", line, "bash", *words]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=True)
    return {word.strip() for word in ended.stdout.splitlines() if word.strip()}


@pytest.mark.parametrize("shell", CHECKS)
def test_the_command_prints_the_script_and_nothing_else(
    shell: str, scripts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0

    said = capsys.readouterr()
    assert said.out.rstrip("\n") == scripts[shell].rstrip("\n")
    assert said.err == ""


def test_as_json_the_script_is_a_field(scripts: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["script"] == scripts["bash"]


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err


@pytest.mark.parametrize("shell", HERE)
def test_the_shell_understands_its_script(shell: str, scripts: dict[str, str], tmp_path: Path) -> None:
    need_tool(shell)
    (tmp_path / "script").write_text(scripts[shell], encoding="utf-8")

    ended = subprocess.run(
        [*CHECKS[shell], tmp_path / "script"], capture_output=True, text=True, timeout=30, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_bash_completes_commands(scripts: dict[str, str], tmp_path: Path) -> None:
    assert complete(scripts["bash"], tmp_path, "pre") == {"prepare"}
    assert complete(scripts["bash"], tmp_path, "") >= {where.partition(":")[2] for where, _ in COMMANDS}


def test_bash_completes_flags_of_a_command(scripts: dict[str, str], tmp_path: Path) -> None:
    assert "--accept-terms" in complete(scripts["bash"], tmp_path, "prepare", "--acc")
    assert "--deep" in complete(scripts["bash"], tmp_path, "verify", "--de")
    assert complete(scripts["bash"], tmp_path, "completion", "f") >= {"fish"}
