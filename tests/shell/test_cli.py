"""Words to a command, and a command to its exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import kilotar
from kilotar import PixelWish, errors
from kilotar.events import Finding, Outcome
from kilotar.shell.cli import COMMANDS
from tests.shell.conftest import REPORT, TRUNCATED, Ended, Library

Run = Callable[..., Ended]


def test_prepare_hands_its_flags_to_the_library(library: Library, kt: Run) -> None:
    ended = kt(
        *("prepare", "data", "--from", "in", "--for", "imagefolder,cls-loc", "--for", "lists", "--splits", "val"),
        *("--classes", "imagenette,n01440764", "--boxes", "--accept-terms", "--unverified", "--edition", "e.toml"),
        *("-j", "3", "--option", "cls-loc.kaggle=yes", "--link", "never", "--out", "else where"),
        *("--per-class", "10", "--seed", "3", "--images", "list.txt", "--name", "few"),
        *("--resize", "max:500", "--quality", "85", "--filter", "box", "--odd", "convert"),
    )

    assert ended.code == 0
    assert library.calls[-1][:2] == ("prepare", (Path("data"),))
    words = dict(library.words)
    assert callable(words.pop("on_event"))
    assert words == {
        "source": Path("in"),
        "fetching": None,
        "formats": ("imagefolder", "cls-loc", "lists"),
        "splits": ("val",),
        "classes": ("imagenette", "n01440764"),
        "per_class": 10,
        "fraction": 0.0,
        "seed": 3,
        "images": Path("list.txt"),
        "boxes": True,
        "edition": "e.toml",
        "unverified": True,
        "accept_terms": True,
        "jobs": 3,
        "options": (("cls-loc", "kaggle", "yes"),),
        "name": "few",
        "out": Path("else where"),
        "link": "never",
        "pixels": PixelWish("max:500", 85, "box", "convert"),
    }


def test_without_flags_the_defaults_are_those_of_the_docs(library: Library, kt: Run) -> None:
    kt("prepare")

    assert library.calls[-1][1] == (Path("imagenet"),)
    assert library.words["source"] is None
    assert library.words["formats"] == ("imagefolder",)
    assert library.words["accept_terms"] is False
    assert library.words["edition"] == ""


def test_a_dry_run_is_a_plan_and_never_prepares(library: Library, kt: Run) -> None:
    for flag in ("-n", "--dry-run"):
        assert "Nothing was changed" in kt("prepare", "data", flag).out

    assert {name for name, _, _ in library.calls} == {"plan"}


@pytest.mark.parametrize(
    ("flags", "level"), [((), "normal"), (("--quick",), "quick"), (("--deep", "--repair"), "deep")]
)
def test_verify_has_three_levels(library: Library, kt: Run, flags: tuple[str, ...], level: str) -> None:
    kt("verify", "data", *flags)

    assert library.words["level"] == level
    assert library.words["repair"] == ("--repair" in flags)


def test_verify_takes_names_of_outputs_and_keeps_them_for_the_repair(library: Library, kt: Run) -> None:
    library.gives["verify"] = replace(REPORT, verb="verify", root="/data", findings=(TRUNCATED,))

    ended = kt("verify", "data", "--name", "five,tenth", "--name", "mine")

    assert library.words["names"] == ("five", "tenth", "mine")
    assert ended.out.endswith("  fix      kilotar verify /data --name five,tenth,mine --repair\n")


def test_quick_and_deep_exclude_each_other(library: Library, kt: Run) -> None:
    ended = kt("verify", "--quick", "--deep")

    assert ended.code == 2
    assert library.calls == []


@pytest.mark.parametrize("command", ["prepare", "plan", "index", "get"])
@pytest.mark.parametrize("way", ["torrent", "http"])
def test_archives_may_be_fetched_instead_of_read_from_a_folder(
    library: Library, kt: Run, way: str, command: str
) -> None:
    assert kt(command, "data", "--from", way).code == 0

    assert library.words["fetching"].way == way
    assert library.words.get("source") is None


def test_a_folder_that_is_called_torrent_is_meant_by_its_path(library: Library, kt: Run) -> None:
    kt("prepare", "--from", "./torrent")

    assert (library.words["source"], library.words["fetching"]) == (Path("torrent"), None)


def test_get_asks_peers_and_servers_unless_told_otherwise(library: Library, kt: Run) -> None:
    assert kt("get", "data", "--classes", "imagenette", "--boxes", "--kit").code == 0

    words = library.words
    assert (words["fetching"].way, words["classes"], words["boxes"], words["kit"]) == (
        "torrent",
        ("imagenette",),
        True,
        True,
    )


def test_get_refuses_a_folder_and_names_the_commands_that_take_one(library: Library, kt: Run) -> None:
    ended = kt("get", "--from", "there")

    assert (ended.code, library.calls) == (2, [])
    assert "kilotar prepare --from there" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("--upload-limit", "fast"),
        ("--download-limit", "1T"),
        ("--port", "70000"),
        ("--port", "9-8"),
        ("--port", "6881-"),
        ("--header", "nonsense"),
        ("--seed-ratio", "-1"),
        ("--give-up-after", "nan"),
        ("--connections", "-3"),
    ],
)
def test_a_wrong_word_about_the_network_is_refused_also_where_nothing_is_fetched(
    library: Library, kt: Run, words: tuple[str, str]
) -> None:
    for source in ("torrent", "folder"):
        ended = kt("prepare", "--from", source, *words)

        assert (ended.code, library.calls) == (2, [])
        assert words[0] in ended.err


@pytest.mark.parametrize("option", ["kaggle=yes", "cls-loc.kaggle", "cls-loc.=yes", ".kaggle=yes", "cls-loc.kaggle="])
def test_an_option_that_is_not_format_name_word_is_refused(library: Library, kt: Run, option: str) -> None:
    ended = kt("prepare", "--option", option)

    assert ended.code == 2
    assert "--option cls-loc.kaggle=yes" in ended.err


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("verfy",), 'did you mean "verify"?'),
        (("prepare", "--frm", "x"), "did you mean --from?"),
        (("prepare", "--accept-term"), "did you mean --accept-terms?"),
        (("--versio",), "did you mean --version?"),
        (("prepare", "--link", "maybe"), 'Choose from: "auto", "never"'),
        (("prepare", "-j", "many"), "-j"),
        (("prepare", "a", "b"), "'b'"),
        (("prepare", "--from"), "--from requires an argument"),
    ],
)
def test_a_wrong_word_is_a_usage_error_that_names_the_near_misses(
    library: Library, kt: Run, words: tuple[str, ...], near: str
) -> None:
    ended = kt(*words)

    assert (ended.code, ended.out) == (2, "")
    assert near in ended.err
    assert ended.err.startswith("error E-USAGE: ")
    assert len(ended.err.splitlines()) <= 4
    assert library.calls == []


def test_a_hostile_word_cannot_steer_the_terminal(library: Library, kt: Run) -> None:
    ended = kt("prepare", "--\x1b]0;title\x07=\u202egnp")

    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert "\u202e" not in ended.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.ProblemsFound("x"), 3),
        (errors.DiskFull("x"), 5),
        (errors.InodesFull("x"), 5),
        (errors.ReadOnly("x"), 5),
        (errors.DecisionNeeded("x"), 6),
        (errors.MissingExtra("x"), 7),
        (errors.ArchiveRefused("x"), 8),
        (errors.DigestMismatch("x"), 8),
        (errors.SettingsDiffer("x"), 9),
        (errors.Busy("x"), 75),
        (RuntimeError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_cause_has_its_exit_code(library: Library, kt: Run, error: BaseException, code: int) -> None:
    library.gives["prepare"] = error

    ended = kt("prepare")

    assert ended.code == code
    assert ended.out == ""
    assert "Traceback" not in ended.err


def test_problems_are_exit_3_with_a_table(library: Library, kt: Run) -> None:
    library.gives["verify"] = replace(REPORT, verb="verify", findings=(TRUNCATED,))

    ended = kt("verify")

    assert ended.code == 3
    assert "truncated: 1" in ended.out
    assert "n02105855_2933.JPEG" in ended.out


def test_a_bad_verify_leads_to_the_repair_and_a_repair_not_to_itself(library: Library, kt: Run) -> None:
    library.gives["verify"] = replace(REPORT, verb="verify", root="/my data", findings=(TRUNCATED,))

    assert kt("verify").out.endswith("  fix      kilotar verify '/my data' --repair\n")
    assert "--repair" not in kt("verify", "--repair").out


@pytest.mark.parametrize("kind", ["incomplete", "extra", "archive", "labels"])
def test_no_repair_is_offered_for_what_it_does_not_mend(library: Library, kt: Run, kind: str) -> None:
    library.gives["verify"] = replace(REPORT, verb="verify", findings=(Finding(kind, "somewhere", "something"),))

    assert "--repair" not in kt("verify").out


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.KEPT, 0), (Outcome.FAILED, 3), (Outcome.BLOCKED, 130)])
def test_an_outcome_that_is_not_done_is_not_exit_0_unless_nothing_was_to_do(
    library: Library, kt: Run, outcome: Outcome, code: int
) -> None:
    library.gives["prepare"] = replace(REPORT, outcome=outcome)

    assert kt("prepare").code == code


def test_a_plan_that_does_not_fit_is_exit_5(library: Library, kt: Run) -> None:
    library.gives["plan"] = replace(library.gives["plan"], fits=False)

    ended = kt("plan")

    assert ended.code == 5
    assert "DOES NOT FIT" in ended.out


def test_an_error_is_four_lines_and_its_newlines_forge_none(library: Library, kt: Run) -> None:
    library.gives["prepare"] = errors.ArchiveRefused("bad\nerror E-FAKE: x", seen="a\x1b[2Jb", fix="kilotar x")

    ended = kt("prepare")

    assert ended.err.splitlines() == [
        "error E-ARCHIVE: bad\\nerror E-FAKE: x",
        "  seen   a\\x1b[2Jb",
        "  try    kilotar x",
        "  log    -   (exit 8)",
    ]


def test_debug_shows_the_traceback(library: Library, kt: Run) -> None:
    library.gives["prepare"] = RuntimeError("boom")

    ended = kt("prepare", "--debug")

    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "RuntimeError: boom" in ended.err


def test_a_bug_puts_its_traceback_into_a_log(library: Library, kt: Run) -> None:
    library.gives["prepare"] = RuntimeError("boom")

    ended = kt("prepare")

    log = ended.err.splitlines()[-1].split("log", 1)[1].rsplit("(", 1)[0].strip()
    assert "RuntimeError: boom" in Path(log).read_text("utf-8")


def test_a_missing_package_is_exit_7_with_the_install_line(library: Library, kt: Run) -> None:
    library.gives["prepare"] = ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    ended = kt("prepare")

    assert ended.code == 7
    assert "pip install pyarrow" in ended.err


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("prepare", {"verb", "root", "outcome", "outputs", "labels", "findings", "problems", "next_steps"}),
        ("plan", {"steps", "peak_bytes", "free_inodes", "fits"}),
        ("index", {"verb", "archives"}),
        ("verify", {"verb", "checked", "problems"}),
        ("status", {"outputs", "running"}),
        ("why", {"steps"}),
        ("archives", {"edition", "archives", "terms"}),
        ("classes", {"edition", "classes"}),
        ("formats", {"formats"}),
    ],
)
def test_json_is_one_object_with_its_schema_on_stdout(library: Library, kt: Run, command: str, keys: set[str]) -> None:
    ended = kt(command, "--json")

    assert ended.code == 0
    made = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert (made["schema"], made["command"], made["exit_code"]) == (1, command, 0)
    assert keys <= set(made)


def test_json_of_an_error_is_an_object_too(library: Library, kt: Run) -> None:
    library.gives["prepare"] = errors.Busy("another run", seen="pid 1", fix="wait")

    ended = kt("prepare", "--json")

    assert json.loads(ended.out) == {
        "schema": 1,
        "command": "prepare",
        "exit_code": 75,
        "error": {"code": "E-BUSY", "what": "another run", "seen": "pid 1", "fix": "wait"},
    }
    assert ended.err.startswith("error E-BUSY: another run\n")


def test_json_of_a_usage_error_is_an_object_too(library: Library, kt: Run) -> None:
    assert json.loads(kt("prepare", "--json", "--frm").out)["error"]["code"] == "E-USAGE"


def test_hostile_names_are_escaped_in_json(library: Library, kt: Run) -> None:
    name = "\x1b[31m\u202egpj.\udcff\n<script>"
    library.gives["verify"] = replace(REPORT, findings=(Finding("name", name, "x"),))

    ended = kt("verify", "--json")

    assert ended.out.isascii()
    assert ended.out.count("\n") == 1
    assert json.loads(ended.out)["findings"][0]["where"] == name


def test_version_is_the_packages(kt: Run) -> None:
    assert kt("--version").out == f"kilotar {kilotar.__version__}\n"


def test_help_names_every_command_and_loads_none(kt: Run) -> None:
    ended = kt("--help")

    assert ended.code == 0
    assert all(f" {where.partition(':')[2]} " in ended.out for where, _ in COMMANDS)


@pytest.mark.parametrize("command", [where.partition(":")[2] for where, _ in COMMANDS])
def test_every_command_explains_each_of_its_flags(kt: Run, command: str) -> None:
    ended = kt(command, "--help")

    flags = re.findall(r"^│ \*? *(?:[A-Z]+ )?(--[a-z-]+)(?: -[a-z])?(?: [A-Z.]+)?(.*)│$", ended.out, flags=re.MULTILINE)
    assert {"--json", "--log-file"} <= {flag for flag, _ in flags}
    assert [flag for flag, text in flags if not text.strip()] == []


def test_classes_without_a_query_are_all(library: Library, kt: Run) -> None:
    assert "tench" in kt("classes").out
    assert "tench" not in kt("classes", "goldfish").out
    assert [name for name, _, _ in library.calls] == ["edition", "edition", "find_classes"]


def test_events_on_stdout_and_json_exclude_each_other(library: Library, kt: Run) -> None:
    ended = kt("prepare", "--events", "-", "--json")

    assert ended.code == 2
    assert library.calls == []


def test_a_flag_is_not_taken_for_the_file_of_events(library: Library, kt: Run) -> None:
    assert kt("prepare", "--events", "--json").code == 2
    assert library.calls == []


def test_a_file_of_events_that_cannot_be_written_is_refused_before_any_work(library: Library, kt: Run) -> None:
    ended = kt("prepare", "--events", "no-such-folder/events")

    assert ended.code == 5
    assert library.calls == []
