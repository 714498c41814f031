"""The man page and the citation: readers of both take them without a warning."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import kilotar
from tests.need import need_tool

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "man" / "kilotar.1"


def test_the_man_page_is_set_without_a_warning() -> None:
    command = [need_tool("groff"), "-man", "-ww", "-b", "-Tascii", str(PAGE)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", ended.stdout)
    assert "kilotar prepare [ROOT]" in shown
    assert "--accept-terms" in shown


@pytest.mark.parametrize("text", [".so /etc/passwd", "'hidden", "a\\fBb", "--flag", 'say "x"', "a\n.SH b", "\u00e9~^"])
def test_no_text_becomes_a_request(text: str, tmp_path: Path) -> None:
    import sys

    sys.path.insert(0, str(REPOSITORY / "docs"))
    from making.man import roff

    (tmp_path / "page.1").write_text(f".TH X 1\n.SH NAME\nx \\- y\n.SH TEXT\n{roff(text)}\n", encoding="ascii")
    command = [need_tool("groff"), "-man", "-ww", "-Tutf8", "-P-c", str(tmp_path / "page.1")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    shown = re.sub(r".\x08", "", ended.stdout)
    assert ended.stderr == ""
    assert " ".join(text.split()).replace("'", "\u2019") in shown.replace("'", "\u2019")


def test_the_wheel_carries_the_man_page() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {"man/kilotar.1": "share/man/man1/kilotar.1"}


def test_the_citation_is_of_this_release() -> None:
    lines = (REPOSITORY / "CITATION.cff").read_text("utf-8").splitlines()

    assert lines[0] == "cff-version: 1.2.0"
    assert f"version: {kilotar.__version__}" in lines
    assert {"message", "title", "authors", "type"} <= {line.partition(":")[0] for line in lines}
