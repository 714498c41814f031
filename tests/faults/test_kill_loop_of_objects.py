"""Rules: kill -9 between a put and its record, and the same command again: each object stands once, with its bytes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.shell.cli import main
from kilotar.store.manifest import OWN_FILES, OWN_MANIFEST
from kilotar.store.remote_folder import CLAIM
from tests.doubles.buckets import Buckets, Fault, Gateway
from tests.faults.command import begin, finish, run
from tests.need import need_module

need_module("obstore")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def expected(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give the files of the same output on disk."""
    folder = tmp_path_factory.mktemp("local")
    assert main([str(word) for word in words(tiny, folder / "root", folder / "out")]) == 0
    files = (path for path in (folder / "out").rglob("*") if path.is_file())
    return {str(path.relative_to(folder / "out")): path.read_bytes() for path in files}


def words(tiny: Tiny, root: Path, out: str | Path) -> tuple[str | Path, ...]:
    prepare = ("prepare", root, "--from", tiny.folder, "--edition", tiny.toml, "-q", "-j", "1")
    return (*prepare, "--for", "webdataset", "--option", "webdataset.shards=4", "--out", out)


class Killer(Fault):
    """Kills a process when a request comes; the request is served, and its answer meets nobody."""

    process: subprocess.Popen[str] | None = None

    def takes(self, method: str, target: str) -> bool:
        if super().takes(method, target):
            assert self.process is not None
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return True
        return False


@pytest.mark.parametrize("part", [CLAIM, "train-0002.tar", OWN_FILES, OWN_MANIFEST])
def test_a_run_that_is_killed_in_a_put_is_finished_by_the_next(
    tiny: Tiny, tmp_path: Path, buckets: Buckets, gateway: Gateway, expected: dict[str, bytes], part: str
) -> None:
    root, name = tmp_path / "root", buckets.make()
    killer = Killer("PUT", part, "lost")
    gateway.faults.append(killer)
    killed = begin(*words(tiny, root, f"s3://{name}/in"), AWS_ENDPOINT_URL=gateway.url)
    killer.process = killed

    assert finish(killed).code == -signal.SIGKILL
    assert part == OWN_MANIFEST or f"in/{OWN_MANIFEST}" not in buckets.objects(name)
    ended = run(*words(tiny, root, f"s3://{name}/in"), AWS_ENDPOINT_URL=gateway.url)

    assert ended.code == 0, ended.err
    there = {path.removeprefix("in/"): content for path, content in buckets.objects(name).items()}
    del there[CLAIM]
    assert there == expected
    assert set(gateway.made().values()) == {1}
    assert list((root / ".kilotar" / "uploads").iterdir()) == []


@pytest.mark.parametrize("part", [OWN_MANIFEST, "_info.json", "train-0000.tar", "train-0002.tar", "validation-00.tar"])
def test_an_export_out_of_a_bucket_that_is_killed_in_a_read_goes_on(
    tiny: Tiny, tmp_path: Path, buckets: Buckets, gateway: Gateway, expected: dict[str, bytes], part: str
) -> None:
    name = buckets.make()
    for path, content in expected.items():
        buckets.put(name, f"in/{path}", content)
    root, again = tmp_path / "root", tmp_path / "again"
    killer = Killer("GET", part, "lost")
    gateway.faults.append(killer)
    killed = begin(*turned(tiny, root, f"s3://{name}/in"), AWS_ENDPOINT_URL=gateway.url)
    killer.process = killed

    assert finish(killed).code == -signal.SIGKILL
    for place in (root, again):
        ended = run(*turned(tiny, place, f"s3://{name}/in"), AWS_ENDPOINT_URL=gateway.url)
        assert ended.code == 0, ended.err

    assert files_of(root) == files_of(again)
    assert "mds/train/index.json" in files_of(root)
    assert not list((root / ".kilotar" / "from").glob("*-files"))


def turned(tiny: Tiny, root: Path, origin: str) -> tuple[str | Path, ...]:
    return ("export", root, "mds", "--from", origin, "--edition", tiny.toml, "-q", "-j", "1")


def files_of(root: Path) -> dict[str, bytes]:
    """Give the files of the output and the archives that were made for it."""
    found = [*(root / "mds").rglob("*"), *(root / ".kilotar" / "from").rglob("*.tar")]
    return {str(path.relative_to(root)): path.read_bytes() for path in found if path.is_file()}
