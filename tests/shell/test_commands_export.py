"""`kilotar export`: words to arguments, and the whole command on a tiny edition."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from kilotar.editions.tiny import make_tiny
from tests.shell.conftest import Ended

Run = Callable[..., Ended]


def test_formats_need_no_folder_of_archives_once_a_root_is_there(kt: Run, tmp_path: Path) -> None:
    tiny, root = make_tiny(tmp_path / "tiny"), str(tmp_path / "root")
    kt("prepare", root, "--from", str(tiny.folder), "--edition", str(tiny.toml))

    ended = kt("export", root, "lists,webdataset", "--shards", "2", "--order", "shuffled", "--seed", "5", "--boxes")

    assert ended.code == 0
    info = json.loads((tmp_path / "root/webdataset/_info.json").read_bytes())
    assert info["splits"]["train"]["shard_lengths"] == [6, 6]
    assert (tmp_path / "root/lists/classes.tsv").is_file()
    assert kt("verify", root).code == 0


def test_two_formats_may_stand_apart_and_an_option_of_one_is_passed_on(kt: Run, tmp_path: Path) -> None:
    tiny, root = make_tiny(tmp_path / "tiny"), str(tmp_path / "root")
    kt("index", root, "--from", str(tiny.folder), "--edition", str(tiny.toml))

    ended = kt("export", root, "lists", "webdataset", "--splits", "val", "--option", "webdataset.idx=no", "--json")

    assert [output["name"] for output in json.loads(ended.out)["outputs"]] == ["lists", "webdataset"]
    assert not list((tmp_path / "root").rglob("*.idx"))


def test_what_cannot_be_done_is_told_with_its_code(kt: Run, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    nowhere, nothing, order = (
        kt("export", root, "webdataset"),
        kt("export", root),
        kt("export", root, "webdataset", "--order", "up"),
    )
    assert (nowhere.code, nothing.code, order.code) == (8, 2, 2)
    assert "kilotar prepare" in nowhere.err


def test_a_selection_and_a_name_come_from_the_command_line_and_are_shown(kt: Run, tmp_path: Path) -> None:
    tiny, root = make_tiny(tmp_path / "tiny"), str(tmp_path / "root")
    kt("index", root, "--from", str(tiny.folder), "--edition", str(tiny.toml))
    few = tmp_path / "few.txt"
    few.write_text("".join(f"{key}.JPEG\n" for key in sorted(tiny.truth) if key.endswith("1")))

    assert kt("export", root, "webdataset", "--name", "wds-2", "--per-class", "2", "--seed", "1").code == 0
    assert kt("export", root, "webdataset", "--name", "wds-few", "--images", str(few)).code == 0
    again = kt("export", root, "webdataset", "--name", "wds-2", "--fraction", "0.5")

    told = kt("status", root).out
    assert "wds-2 (webdataset, 2 of each class, seed 1)" in told
    assert "wds-few (webdataset, the " in told and "images of a list, sha256 " in told
    assert again.code == 9 and "--name" in again.err
    assert kt("verify", root).code == 0


def test_an_export_is_verified_and_becomes_another_format_elsewhere(kt: Run, tmp_path: Path) -> None:
    tiny, root, other = make_tiny(tmp_path / "tiny"), str(tmp_path / "root"), str(tmp_path / "other")
    kt("prepare", root, "--from", str(tiny.folder), "--edition", str(tiny.toml), "--for", "webdataset")
    moved = str((tmp_path / "root/webdataset").rename(tmp_path / "moved"))

    verified = kt("verify", moved, "--against", root)
    made = kt("export", other, "imagefolder", "--from", moved, "--edition", str(tiny.toml))
    (tmp_path / "moved/imagenet1k-train-0000.tar").write_bytes(bytes(10_240))
    wrong = kt("verify", moved, "--edition", str(tiny.toml), "--json")

    assert verified.code == 0 and "every byte as in the archives" in verified.out
    assert made.code == 0 and len(list((tmp_path / "other").rglob("*.JPEG"))) == 18
    facts = json.loads(wrong.out)
    assert wrong.code == 3 and [fact["by"] for fact in facts["proofs"]] == ["sha256", "edition"]
    assert {finding["kind"] for finding in facts["findings"]} >= {"truncated", "count"}
