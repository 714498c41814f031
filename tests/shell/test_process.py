"""The command as a process: start-up, pipes, terminals and the lack of them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.need import need_tool

HEAVY = ("numpy", "fsspec", "requests", "libtorrent", "PIL", "mat4py", "torch", "rich.progress", "rich.live")
PROGRAM = """
import sys
import kilotar
from kilotar.events import Finding, Found, Landed, Outcome, Proved, RunStarted, StepEnded
from kilotar.shell.cli import main
from tests.shell.conftest import REPORT

def prepare(root, on_event, **words):
    on_event(RunStarted("prepare", "/", 2, 100, 1000))
    on_event(Landed("train.tar", 0, 71, 100))
    on_event(StepEnded("n01440764", Outcome.DONE, 58, 580))
    on_event(Found(Finding("name", "\\x1b]0;title\\x07[red]x", "odd")))
    on_event(Proved("train.tar", "md5", "1d675b47", True))
    return REPORT

kilotar.prepare = prepare
sys.exit(main(sys.argv[1:]))
"""
ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the real command with nobody at its stdin."""
    return subprocess.run(
        [sys.executable, "-m", "kilotar", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        timeout=60,
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from kilotar.shell.cli import main; code = main(['--help']); "
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]; "
        "ours = [name for name in sys.modules if name.startswith(('kilotar.work', 'kilotar.editions'))]; "
        "print(heavy, ours, file=sys.stderr); sys.exit(code)"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr) == (0, "[] []\n")
    assert "prepare" in ended.stdout


def test_the_module_runs_as_a_program() -> None:
    assert run("--version").stdout.startswith("kilotar ")


@pytest.mark.parametrize("settings", [{"LC_ALL": "C"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_facts_are_shown_on_the_poorest_of_terminals(settings: dict[str, str]) -> None:
    ended = run("classes", "dog", **settings)

    assert ended.returncode == 0
    assert ended.stdout.endswith("118 classes\n")


def test_a_reader_that_goes_away_gets_no_traceback() -> None:
    shell = need_tool("bash")
    script = f'"{sys.executable}" -m kilotar classes | head -1; echo "${{PIPESTATUS[0]}}"'

    ended = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.stderr == ""
    assert ended.stdout.splitlines()[-1] == "0"


def test_closed_streams_are_no_bug() -> None:
    shell = need_tool("bash")
    script = f'"{sys.executable}" -m kilotar formats <&- 2>&- >&-; echo "$?"'

    ended = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.stdout == "0\n"


def on_terminal(*words: str, columns: int = 100, **settings: str) -> tuple[int, str]:
    """Run the program above on a terminal of its own; give its exit code and all that the terminal got."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "PYTHONPATH": str(ROOT), **settings}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        got = b""
        try:
            while chunk := os.read(ours, 65536):
                got += chunk
        except OSError:
            pass  # EIO: the other side is closed
        code = process.wait(60)
    os.close(ours)
    return code, got.decode()


def test_bars_are_drawn_on_a_terminal_and_the_result_below_them() -> None:
    code, text = on_terminal("prepare", "--debug")

    assert code == 0
    assert "58 of 100 images" in text
    assert "█" in text
    assert text.index("58 of 100 images") < text.index("Done in")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_no_name_out_of_data_steers_the_terminal() -> None:
    _, text = on_terminal("prepare")

    assert "\x1b]0;" not in text
    assert "name: \\x1b]0;title\\x07[red]x: odd" in text


@pytest.mark.parametrize(("words", "settings"), [(("--plain",), {}), ((), {"TERM": "dumb"}), (("-q",), {})])
def test_plain_dumb_and_quiet_mean_no_control_codes(words: tuple[str, ...], settings: dict[str, str]) -> None:
    code, text = on_terminal("prepare", *words, **settings)

    assert code == 0
    assert "\x1b" not in text
    assert "Done in" in text


def test_no_color_keeps_the_bars_and_drops_the_colours() -> None:
    _, text = on_terminal("prepare", NO_COLOR="1")

    assert "58 of 100 images" in text
    assert "\x1b[3" not in text


@pytest.mark.parametrize("columns", [1, 10, 40])
def test_a_narrow_terminal_is_no_trouble(columns: int) -> None:
    code, text = on_terminal("prepare", columns=columns)

    assert code == 0
    assert "Traceback" not in text
