"""Every flag from everywhere, in the promised order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kilotar.shell.cli import build_app
from tests.shell.conftest import Ended, Library

Run = Callable[..., Ended]

# flag, word of the environment, TOML, argument of the library, its value
FLAGS: list[tuple[str, str, str, str, Any]] = [
    ("from", "in", '"in"', "source", Path("in")),
    ("for", "lists,cls-loc", '["lists", "cls-loc"]', "formats", ("lists", "cls-loc")),
    ("splits", "val", '"val"', "splits", ("val",)),
    ("classes", "@my classes.txt", '"@my classes.txt"', "classes", ("@my classes.txt",)),
    ("boxes", "1", "true", "boxes", True),
    ("accept-terms", "yes", "true", "accept_terms", True),
    ("unverified", "true", "true", "unverified", True),
    ("edition", "e.toml", '"e.toml"', "edition", "e.toml"),
    ("jobs", "7", "7", "jobs", 7),
    ("option", "cls-loc.kaggle=yes", '["cls-loc.kaggle=yes"]', "options", (("cls-loc", "kaggle", "yes"),)),
    ("out", "there", '"there"', "out", Path("there")),
    ("link", "never", '"never"', "link", "never"),
]
TALK = {"json", "events", "plain", "quiet", "verbose", "log-file", "config", "debug"}


def test_the_table_of_this_test_holds_every_flag_of_prepare() -> None:
    arguments = build_app()["prepare"].assemble_argument_collection()
    flags = {
        name[2:]
        for argument in arguments
        for name in argument.names
        if name.startswith("--") and name not in argument.negatives
    }

    assert flags == {flag for flag, *_ in FLAGS} | TALK | {"root", "dry-run"}


@pytest.mark.parametrize(("flag", "word", "toml", "name", "value"), FLAGS)
def test_a_flag_may_come_from_the_environment(
    library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch, flag: str, word: str, toml: str, name: str, value: Any
) -> None:
    monkeypatch.setenv("KILOTAR_" + flag.upper().replace("-", "_"), word)

    assert kt("prepare").code == 0
    assert library.words[name] == value


@pytest.mark.parametrize("spelling", ["-", "_"])
@pytest.mark.parametrize(("flag", "word", "toml", "name", "value"), FLAGS)
def test_a_flag_may_come_from_the_projects_toml(
    library: Library, kt: Run, flag: str, word: str, toml: str, name: str, value: Any, spelling: str
) -> None:
    Path("kilotar.toml").write_text(f"{flag.replace('-', spelling)} = {toml}\n")

    assert kt("prepare").code == 0
    assert library.words[name] == value


@pytest.mark.parametrize("flag", sorted(TALK - {"config", "events", "log-file"}))
def test_how_to_talk_may_come_from_everywhere_too(
    library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setenv("KILOTAR_" + flag.upper(), "1")
    assert kt("status").code == 0
    monkeypatch.delenv("KILOTAR_" + flag.upper())

    Path("kilotar.toml").write_text(f"{flag} = true\n")
    assert kt("status").out.startswith("{") == (flag == "json")


def test_the_root_and_the_dry_run_are_settings_too(library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOTAR_ROOT", "/from/env")
    Path("kilotar.toml").write_text("dry-run = true\n")

    kt("prepare")

    assert library.calls[-1][:2] == ("plan", (Path("/from/env"),))


def test_the_order_is_flag_environment_project_user_default(
    library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "kilotar").mkdir(parents=True)
    seen = []

    def jobs(*words: str) -> None:
        kt("prepare", *words)
        seen.append(library.words["jobs"])

    jobs()
    (tmp_path / "home" / "kilotar" / "kilotar.toml").write_text("jobs = 1\n")
    jobs()
    Path("kilotar.toml").write_text("jobs = 2\n")
    jobs()
    Path("mine.toml").write_text("jobs = 3\n")
    jobs("--config", "mine.toml")
    monkeypatch.setenv("KILOTAR_JOBS", "4")
    jobs()
    jobs("--jobs", "5")

    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_table_is_for_the_command_of_its_name(library: Library, kt: Run) -> None:
    Path("kilotar.toml").write_text("jobs = 1\n[verify]\njobs = 9\n[classes]\njson = true\n")

    kt("prepare")
    assert (library.words["jobs"], library.words["classes"]) == (1, ())
    kt("verify")
    assert library.words["jobs"] == 9
    assert kt("classes").out.startswith("{")


def test_a_setting_of_another_command_is_no_error(library: Library, kt: Run) -> None:
    Path("kilotar.toml").write_text("deep = true\nfor = 'lists'\n")

    assert kt("status").code == 0
    assert kt("verify").code == 0
    assert library.words["level"] == "deep"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("job = 1\n", "did you mean jobs?"),
        ("[prepare]\njob = 1\n", "did you mean jobs?"),
        ("[prepair]\njobs = 1\n", "did you mean prepare?"),
        ("no-boxes = true\n", "is not a setting"),
        ("[status]\ndeep = true\n", "is not a setting"),
        ("jobs = [\n", "is not TOML"),
        ("jobs = 'many'\n", "--jobs"),
        ("link = 'maybe'\n", "Choose from"),
        ("boxes = 3.5\n", "--boxes"),
        ("# " + "x" * (1 << 20), "larger than"),
    ],
)
def test_a_settings_file_that_is_wrong_is_a_usage_error(library: Library, kt: Run, text: str, reason: str) -> None:
    Path("kilotar.toml").write_text(text)

    ended = kt("prepare")

    assert ended.code == 2
    assert reason in ended.err
    assert library.calls == []


def test_bytes_that_are_no_text_are_a_usage_error(library: Library, kt: Run) -> None:
    Path("kilotar.toml").write_bytes(b"\xff\xfe\x00")

    assert kt("prepare").code == 2


def test_a_config_file_that_is_named_must_exist(library: Library, kt: Run) -> None:
    ended = kt("prepare", "--config", "nowhere.toml")

    assert ended.code == 2
    assert "nowhere.toml" in ended.err


def test_an_empty_variable_is_no_value(library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOTAR_JOBS", "")
    monkeypatch.setenv("KILOTAR_FROM", "")

    assert kt("prepare").code == 0
    assert (library.words["jobs"], library.words["source"]) == (0, None)


def test_variables_that_are_no_flags_are_let_alone(library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOTAR_LINK_X", "1")
    monkeypatch.setenv("KILOTAR_SOMETHING", "1")

    assert kt("prepare").code == 0


def test_a_wrong_word_in_the_environment_names_its_source(
    library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOTAR_JOBS", "many")

    ended = kt("prepare")

    assert ended.code == 2
    assert "environment" in ended.err
