"""The commands about archives: words to arguments, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shell.conftest import Ended, Library

Run = Callable[..., Ended]


@pytest.mark.parametrize(("words", "taking"), [((), "link"), (("--copy",), "copy"), (("--move",), "move")])
def test_adopt_says_how_a_file_is_taken(library: Library, kt: Run, words: tuple[str, ...], taking: str) -> None:
    assert kt("adopt", "a.tar", "--into", "data", "--archive", "train.tar", "--offline", *words).code == 0

    assert library.calls[-1][1] == (Path("a.tar"), Path("data"))
    assert (library.words["taking"], library.words["archive"]) == (taking, "train.tar")
    assert library.words["fetching"].offline


def test_repair_takes_a_file_or_a_root_and_a_way(library: Library, kt: Run) -> None:
    assert kt("repair", "a.tar", "--from", "http", "--url", "https://h.example/").code == 0
    assert library.calls[-1][1] == (Path("a.tar"),)
    assert (library.words["fetching"].way, library.words["fetching"].urls) == ("http", ("https://h.example/",))

    assert kt("repair").code == 0
    assert library.calls[-1][1] == (Path("imagenet"),)
    assert library.words["fetching"].way == "torrent"


def test_seed_takes_a_ratio_and_a_time(library: Library, kt: Run) -> None:
    assert kt("seed", "data", "--seed-ratio", "2", "--seconds", "60", "--upload-limit", "1M").code == 0

    assert library.calls[-1][1] == (Path("data"),)
    assert library.words["for_s"] == 60
    swarm = library.words["fetching"].swarm
    assert (swarm.seed_ratio, swarm.upload_limit_bytes_s) == (2.0, 1_000_000)


@pytest.mark.parametrize(
    "words", [("adopt",), ("adopt", "a.tar", "--copy", "--move"), ("seed", "--seconds", "-1"), ("seed", "--port", "x")]
)
def test_what_cannot_be_meant_is_a_usage_error(library: Library, kt: Run, words: tuple[str, ...]) -> None:
    assert (kt(*words).code, library.calls) == (2, [])


@pytest.mark.parametrize("command", ["seed", "repair"])
def test_settings_for_prepare_do_not_get_into_the_way(library: Library, kt: Run, command: str) -> None:
    Path("kilotar.toml").write_text("for = ['lists']\nfrom = '/data/folder'\nlink = 'never'\n")

    assert kt(command).code == 0
    assert kt("adopt", "a.tar").code == 0
    assert library.words["taking"] == "link"


def test_index_may_only_hand_on_what_is_known_of_places(library: Library, kt: Run) -> None:
    library.gives["export_positions"] = 12

    ended = kt("index", "data", "--export-positions", "out.tsv")

    assert (ended.code, ended.out) == (0, "  12 places of classes in out.tsv\n")
    assert [(name, args) for name, args, _ in library.calls] == [("export_positions", (Path("data"), Path("out.tsv")))]
