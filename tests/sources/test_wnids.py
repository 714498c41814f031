"""Lists of classes that a person wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.errors import LabelsRefused, UsageError
from kilotar.sources.wnids import read_wnids
from tests.budget import budget


def test_a_list_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("n02119789\nn01440764\n")
    assert read_wnids(str(tmp_path / "mine.txt")) == ("n02119789", "n01440764")


def test_a_list_that_is_not_there_is_the_callers_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path, tmp_path / "none" / "none.txt"):
        with pytest.raises(UsageError, match="there is no file of classes"):
            read_wnids(str(path))


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("n02119789\ntench\n")
    with pytest.raises(LabelsRefused, match=r"mine\.txt, line 2"):
        read_wnids(str(tmp_path / "mine.txt"))


def test_an_endless_list_is_refused_unread() -> None:
    with budget(megabytes=20), pytest.raises(UsageError, match="too long"):
        read_wnids("/dev/zero")
