"""The script that makes environments: it takes a Python that works, and says what to do where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "environment"

# Stands for a Python: says yes to every question, and notes what it is told to do.
WORKS = """#!/bin/sh
case "$1" in
    -c) exit 0 ;;
    --version) echo Python 3.11.2 ;;
    *) echo "$(basename "$0") $*" >>"$NOTES"
       if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi ;;
esac
"""
SHIM = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"
WITHOUT_VENV = WORKS.replace("-c) exit 0 ;;", '-c) case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac ;;')
UV = '#!/bin/sh\necho "uv $*" >>"$NOTES"\n'


class Machine:
    """A PATH that holds the least a shell script needs, and the programs a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "path"
        self.path.mkdir()
        self.notes = folder / "notes"
        self.notes.touch()
        self.folder = folder
        for name in ("sh", "cp", "mkdir", "rm", "head", "basename"):
            (self.path / name).symlink_to(str(shutil.which(name)))

    def put(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")
        (self.path / name).chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.path), "NOTES": str(self.notes)}
        command = [str(SCRIPT), "env", "-e", "."]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def told(self) -> list[str]:
        return self.notes.read_text("utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_python_that_works_is_taken_and_a_shim_is_passed_over(machine: Machine) -> None:
    machine.put("python3.13", SHIM)
    machine.put("python3.12", WORKS)
    machine.put("python3.11", WORKS)

    ended = machine.run()

    assert ended.returncode == 0, ended.stderr
    assert machine.told() == [
        "python3.12 -m venv env",
        "python -m pip install --quiet --disable-pip-version-check -e .",
    ]


def test_an_environment_that_works_is_used_again(machine: Machine) -> None:
    machine.put("python3", WORKS)
    machine.run()

    machine.run()

    assert [line.split()[2] for line in machine.told()] == ["venv", "pip", "pip"]


def test_uv_does_it_where_it_is_installed_without_any_python(machine: Machine) -> None:
    machine.put("uv", UV)

    machine.run()

    assert machine.told() == [
        "uv venv --quiet --seed --python 3.12 env",
        "uv pip install --quiet --python env/bin/python -e .",
    ]


def test_no_python_is_told_with_what_helps(machine: Machine) -> None:
    machine.put("python3", SHIM)

    ended = machine.run()

    assert ended.returncode == 7
    assert "3.11, 3.12 or 3.13" in ended.stderr
    assert "install uv" in ended.stderr


def test_a_python_without_venv_is_told_with_the_package_to_install(machine: Machine) -> None:
    machine.put("python3", WITHOUT_VENV)

    ended = machine.run()

    assert ended.returncode == 7
    assert "apt-get install python3-venv" in ended.stderr
