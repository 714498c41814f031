"""Rules: a prefix belongs to one plan; what lies on this disk is dropped, and never believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.errors import DecisionNeeded, SettingsDiffer
from kilotar.parse.remote import Remote
from kilotar.store.objects import ObjectStore, open_store
from kilotar.store.remote_folder import CLAIM, RemoteFolder, RemoteStaging

PLAN, OTHER = "0" * 32, "1" * 32


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(Remote(f"memory://{tmp_path.name}/folder"))


def staging(store: ObjectStore, folder: Path, plan_id: str = PLAN) -> RemoteStaging:
    return RemoteStaging(store, "memory://x", folder / "uploads", plan_id)


def test_a_file_is_put_and_dropped_here(store: ObjectStore, tmp_path: Path) -> None:
    folder = RemoteFolder(store, tmp_path)

    written = folder.publish("a/x.json", [b"so", b"me"])

    assert (written.path, written.size_bytes) == ("a/x.json", 4)
    assert folder.read("a/x.json", 2, 9) == b"me" and folder.holds(written)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_is_refused_is_dropped_too(store: ObjectStore, tmp_path: Path) -> None:
    folder = RemoteFolder(store, tmp_path)
    folder.publish("x", [b"some"])

    with pytest.raises(DecisionNeeded):
        folder.publish("x", [b"more"])

    assert not (tmp_path / "x").exists() and folder.read("x", 0, 9) == b"some"


def test_a_file_of_another_length_does_not_count(store: ObjectStore, tmp_path: Path) -> None:
    folder = RemoteFolder(store, tmp_path)
    written = folder.publish("x", [b"some"])

    assert not folder.holds(type(written)("x", 5, written.sha256))
    assert not folder.holds(type(written)("y", 4, written.sha256))


def test_a_prefix_is_claimed_for_one_plan(store: ObjectStore, tmp_path: Path) -> None:
    staging(store, tmp_path).open()
    staging(store, tmp_path).open()

    with pytest.raises(SettingsDiffer, match="holds another output") as caught:
        staging(store, tmp_path, OTHER).open()

    assert PLAN in caught.value.seen and OTHER in caught.value.seen
    assert store.look(CLAIM) is not None


def test_a_claim_of_a_stranger_is_refused_and_shown_in_part(store: ObjectStore, tmp_path: Path) -> None:
    RemoteFolder(store, tmp_path).publish(CLAIM, [b"\x1b[2J" * 5000])

    with pytest.raises(SettingsDiffer) as caught:
        staging(store, tmp_path).open()

    assert len(caught.value.seen) < 300 and "\x1b" not in "\n".join(caught.value.lines())


def test_what_a_dead_run_left_is_thrown_away(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "uploads" / "a").mkdir(parents=True)
    (tmp_path / "uploads" / "a" / "x.tar").write_bytes(b"half of it")
    stage = staging(store, tmp_path)

    stage.open(swept=True)
    assert list((tmp_path / "uploads").rglob("*")) == []

    stage.sync()
    stage.refuse_taken(frozenset(("x",)))
    stage.move_into_place()
    stage.tidy()
    stage.tidy()
    assert not (tmp_path / "uploads").exists()
