"""Rules: all state lives in ROOT/.kilotar; a folder that is plainly something else is refused or described."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, MachineError, UsageError
from kilotar.store.workspace import RootFacts, Workspace, describe_folder


def test_looking_at_a_root_makes_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "root")

    assert workspace.exports() == ()
    assert workspace.read_facts() is None
    assert not (tmp_path / "root").exists()


def test_all_that_is_made_lies_in_the_state_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    workspace.create()

    assert os.listdir(tmp_path) == [".kilotar"]
    for path in (workspace.lock, workspace.inputs, workspace.journal("ab"), workspace.export("x"), workspace.index):
        assert path.is_relative_to(tmp_path / ".kilotar")


def test_a_state_elsewhere_leaves_the_root_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "root", state=tmp_path / "state")
    workspace.create()

    assert os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize("root", [Path("/"), Path("~"), Path("~/x/..")])
def test_the_home_folder_and_the_whole_machine_are_no_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(UsageError, match="cannot be a root"):
        Workspace(root).create()
    assert os.listdir(tmp_path) == []


def test_a_root_is_absolute_and_its_home_sign_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert Workspace(Path("~/imagenet")).root == tmp_path / "imagenet"
    assert Workspace(Path("imagenet")).root == tmp_path / "imagenet"


def test_a_root_that_is_a_file_is_an_error_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("x")

    with pytest.raises(MachineError, match="make the folder"):
        Workspace(tmp_path / "root").create()


def test_what_a_root_is_is_remembered(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()

    workspace.write_facts(RootFacts(1, "tiny", "/editions/tiny.toml", terms_accepted=True))

    assert workspace.prepared() == RootFacts(1, "tiny", "/editions/tiny.toml", terms_accepted=True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"schema": 2, "edition": "tiny"}', "newer kilotar"),
        (b'{"schema": 1}', "cannot be read"),
        (b"{", "cannot be read"),
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_facts_of_a_newer_program_or_damaged_ones_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    (workspace.state / "root.json").write_bytes(content)

    with pytest.raises(LayoutRefused, match=why):
        workspace.prepared()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-x", "x" * 62, "x\n"])
def test_a_name_that_could_leave_the_state_folder_is_no_name_for_an_output(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name for an output"):
        Workspace(tmp_path).export(name)


def test_outputs_are_the_folders_of_their_facts_sorted(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    for name in ("torchvision", "imagefolder"):
        workspace.export(name).mkdir()
    (workspace.state / "exports" / "stray").write_text("x")

    assert workspace.exports() == ("imagefolder", "torchvision")


def test_a_sweep_removes_temporary_files_of_dead_runs_and_nothing_of_a_person(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    (tmp_path / "train").mkdir()
    mine = [workspace.state / ".1.2.part", workspace.index / ".1.2.part"]
    theirs = [tmp_path / "movie.part", tmp_path / "train" / ".1.2.part", workspace.index / "kept.rows"]
    for path in mine + theirs:
        path.touch()

    workspace.sweep()

    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in theirs)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("ILSVRC/Data/CLS-LOC/train", "Kaggle"),
        ("Data/CLS-LOC/train", "CLS-LOC tree"),
        ("train/n01440764", "without the state of a root"),
        (".", "the folder is empty"),
        ("something", "it has no .kilotar folder"),
    ],
)
def test_a_folder_that_is_no_root_is_told_what_it_looks_like(tmp_path: Path, made: str, words: str) -> None:
    (tmp_path / "root" / made).mkdir(parents=True)

    with pytest.raises(LayoutRefused) as caught:
        Workspace(tmp_path / "root").prepared()

    assert words in caught.value.seen


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert describe_folder(tmp_path / "none") == "there is no such folder"
    assert "it is a file" in describe_folder(tmp_path / "file")
