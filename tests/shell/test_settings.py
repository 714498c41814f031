"""Every flag from everywhere, in the promised order."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from kilotar import PixelWish
from kilotar.shell.cli import build_app
from tests.shell.conftest import Ended, Library

Run = Callable[..., Ended]

# flag, word of the environment, TOML, argument of the library, its value
FLAGS: list[tuple[str, str, str, str, Any]] = [
    ("from", "in", '"in"', "source", Path("in")),
    ("for", "lists,cls-loc", '["lists", "cls-loc"]', "formats", ("lists", "cls-loc")),
    ("splits", "val", '"val"', "splits", ("val",)),
    ("classes", "@my classes.txt", '"@my classes.txt"', "classes", ("@my classes.txt",)),
    ("per-class", "10", "10", "per_class", 10),
    ("fraction", "0.01", "0.01", "fraction", 0.01),
    ("seed", "3", "3", "seed", 3),
    ("images", "1percent.txt", '"1percent.txt"', "images", Path("1percent.txt")),
    ("boxes", "1", "true", "boxes", True),
    ("accept-terms", "yes", "true", "accept_terms", True),
    ("unverified", "true", "true", "unverified", True),
    ("edition", "e.toml", '"e.toml"', "edition", "e.toml"),
    ("jobs", "7", "7", "jobs", 7),
    ("option", "cls-loc.kaggle=yes", '["cls-loc.kaggle=yes"]', "options", (("cls-loc", "kaggle", "yes"),)),
    ("name", "few", '"few"', "name", "few"),
    ("out", "there", '"there"', "out", Path("there")),
    ("link", "never", '"never"', "link", "never"),
    ("resize", "256", "256", "pixels", PixelWish("256")),
    ("quality", "75", "75", "pixels", PixelWish(quality=75)),
    ("filter", "box", '"box"', "pixels", PixelWish(filter="box")),
    ("odd", "convert", '"convert"', "pixels", PixelWish(odd="convert")),
]
# the same for the flags of the network; the value is looked up in what the library gets as `fetching`
NETWORK: list[tuple[str, str, str, str, Any]] = [
    ("torrent", "a.torrent", '["a.torrent"]', "torrents", (Path("a.torrent"),)),
    (
        "url",
        "https://h.example/,https://i.example/a.tar",
        '["https://h.example/", "https://i.example/a.tar"]',
        "urls",
        ("https://h.example/", "https://i.example/a.tar"),
    ),
    ("cookie", "s=1", '"s=1"', "http.cookie", "s=1"),
    ("header", "X-Token: 1", '["X-Token: 1"]', "http.headers", (("X-Token", "1"),)),
    ("proxy", "socks5://h:1", '"socks5://h:1"', "swarm.proxy", "socks5://h:1"),
    ("port", "6881-6889", '"6881-6889"', "swarm.ports", range(6881, 6890)),
    ("interface", "10.0.0.1", '"10.0.0.1"', "swarm.interface", "10.0.0.1"),
    ("encryption", "forced", '"forced"', "swarm.encryption", "forced"),
    ("upload-limit", "500k", '"500k"', "swarm.upload_limit_bytes_s", 500_000),
    ("download-limit", "1.5M", '"1.5M"', "swarm.download_limit_bytes_s", 1_500_000),
    ("no-upload", "1", "true", "swarm.no_upload", True),
    ("seed-ratio", "1.5", "1.5", "swarm.seed_ratio", 1.5),
    ("peer", "10.0.0.2:6881", '["10.0.0.2:6881"]', "swarm.peers", ("10.0.0.2:6881",)),
    ("tracker", "http://t/announce", '["http://t/announce"]', "swarm.trackers", ("http://t/announce",)),
    ("no-dht", "1", "true", "swarm.dht", False),
    ("no-lsd", "1", "true", "swarm.lsd", False),
    ("no-upnp", "1", "true", "swarm.upnp", False),
    ("allow-private", "1", "true", "allow_private", True),
    ("client", "aria2", '"aria2"', "client", "aria2"),
    ("client-url", "http://h:9091", '"http://h:9091"', "client_url", "http://h:9091"),
    ("positions", "p.tsv", '"p.tsv"', "positions", Path("p.tsv")),
    ("give-up-after", "600", "600", "give_up_after_s", 600.0),
    ("connections", "8", "8", "http.connections", 8),
    ("offline", "1", "true", "offline", True),
]
ELSEWHERE = {"endpoint"}  # goes with --out s3://...: test_remote_outputs.py
TALK = {"json", "events", "plain", "quiet", "verbose", "log-file", "config", "debug"}


def test_the_table_of_this_test_holds_every_flag_of_prepare() -> None:
    arguments = build_app()["prepare"].assemble_argument_collection()
    flags = {
        name[2:]
        for argument in arguments
        for name in argument.names
        if name.startswith("--") and name not in argument.negatives
    }

    assert flags == {flag for flag, *_ in (*FLAGS, *NETWORK)} | TALK | {"root", "dry-run", *ELSEWHERE}


@pytest.mark.parametrize("spelling", ["environment", "toml", "command line"])
@pytest.mark.parametrize(("flag", "word", "toml", "name", "value"), NETWORK)
def test_a_flag_of_the_network_may_come_from_everywhere(
    library: Library,
    kt: Run,
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
    word: str,
    toml: str,
    name: str,
    value: Any,
    spelling: str,
) -> None:
    words = ["prepare", "--from", "torrent"]
    if spelling == "environment":
        monkeypatch.setenv("KILOTAR_" + flag.upper().replace("-", "_"), word)
    elif spelling == "toml":
        Path("kilotar.toml").write_text(f"{flag} = {toml}\n")
    else:
        words += [f"--{flag}"] if toml == "true" else [f"--{flag}", word]

    assert kt(*words).code == 0
    assert attrgetter(name)(library.words["fetching"]) == value


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
        ("[prepar]\njobs = 1\n", "did you mean prepare"),
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
