"""`kilotar get` and `prepare` on the command line, with real programs, through what goes wrong on the way."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.need import need_tool
from tests.peers.clients import small_disk
from tests.peers.commands import INSTALLED, OFFLINE, Command, command, kilotar
from tests.peers.fat import Fat, make_fat
from tests.peers.lab import Lab

MIB = 1 << 20
KILLS = 15
UNFINISHED_BYTES = 2 * MIB  # of a kill: blocks of pieces that were not whole, and what lay in buffers on both sides


@pytest.fixture(scope="module")
def fat(tmp_path_factory: pytest.TempPathFactory) -> Fat:
    """Give an edition with a validation archive of 24 MiB and a training archive of 6 MiB."""
    return make_fat(tmp_path_factory.mktemp("fat"), val=24, image_bytes=MIB)


def val_file(root: Path, fat: Fat) -> Path:
    return root / "archives" / fat.val.file.name


@pytest.mark.slow
def test_where_nobody_is_the_run_ends_with_evidence_and_http_goes_on_in_the_same_file(
    here: Lab, fat: Fat, tmp_path: Path
) -> None:
    seed = here.seed(fat.val, rate_bytes_s=8 * MIB)
    root = tmp_path / "root"
    some = kilotar(here, "get", root, fat, "--splits", "val", "--peer", seed.endpoint, "--no-upload")
    some.until("some pieces", lambda: some.landed_bytes() > 4 * MIB)
    seed.stop()
    some.kill()

    alone = kilotar(here, "get", root, fat, "--splits", "val", "--give-up-after", "5")
    assert alone.ended() == 4
    lines = alone.said().rstrip().splitlines()[-4:]
    assert lines[0] == f"error E-PEERS: no way to the bytes of {fat.val.file.name}"
    assert "10.77.0.1:6969/announce: Connection refused" in lines[1] and "0 peers known" in lines[1]
    assert "--from http" in lines[2] and "kilotar doctor" in lines[2] and "what has arrived is kept" in lines[2]
    assert lines[3].endswith("(exit 4)")

    nginx = here.nginx(fat.val.folder)
    url = f"http://{nginx.address}/"
    again = kilotar(here, "get", root, fat, "--splits", "val", "--from", "http", "--url", url)
    assert again.ended() == 0, again.said()
    (fact,) = again.report()["downloads"]
    assert dict(fact["brought"])[f"web seed {nginx.address}"] <= len(fat.val.data) - 4 * MIB
    assert val_file(root, fat).read_bytes() == fat.val.data


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_goes_on(here: Lab, tmp_path: Path) -> None:
    fat = make_fat(tmp_path / "fat", val=64, image_bytes=MIB)
    seed = here.seed(fat.val, rate_bytes_s=12 * MIB)
    root, dice = tmp_path / "root", random.Random(5)
    words = ("--splits", "val", "--peer", seed.endpoint)
    for _ in range(KILLS):
        run = kilotar(here, "get", root, fat, *words)
        enough = run_bytes = dice.randint(0, 3 * MIB)
        before = -1

        def has_come() -> bool:
            nonlocal before
            events = run.events("Progress")  # noqa: B023
            before = int(events[0]["verified_bytes"]) if events and before < 0 else before
            return bool(events) and run.landed_bytes() - before >= enough  # noqa: B023

        run.until(f"{run_bytes} more bytes", has_come)
        run.kill()

    last = kilotar(here, "get", root, fat, *words)
    assert last.ended() == 0, last.said()
    assert val_file(root, fat).read_bytes() == fat.val.data
    assert list((root / "archives").iterdir()) == [val_file(root, fat)]
    sent = seed.sent_bytes()
    print("sent too much, per kill:", (sent - len(fat.val.data)) / KILLS)
    assert sent <= len(fat.val.data) + KILLS * UNFINISHED_BYTES


@pytest.mark.slow
def test_prepare_killed_at_any_moment_ends_in_the_same_tree(here: Lab, tmp_path: Path) -> None:
    fat = make_fat(tmp_path / "fat", classes=12, per_class=3, val=12, image_bytes=MIB // 2, piece_bytes=128 << 10)
    seeds = [here.seed(archive, rate_bytes_s=4 * MIB) for archive in (fat.train, fat.val)]
    root, dice = tmp_path / "root", random.Random(6)
    words = ["--from", "torrent", "--for", "imagefolder", *(w for seed in seeds for w in ("--peer", seed.endpoint))]
    for _ in range(6):
        run = kilotar(here, "prepare", root, fat, *words)
        number = dice.randint(20, 60)
        run.until(f"{number} events", lambda: len(run.events()) >= number)  # noqa: B023
        run.kill()

    last = kilotar(here, "prepare", root, fat, *words)
    assert last.ended() == 0, last.said()
    assert tree(root) == fat.images
    check = command(here, "verify", str(root))
    assert check.ended() == 0, check.said()
    assert check.report()["problems"] == 0


def tree(root: Path) -> dict[str, str]:
    """Give the SHA-256 of the images of an ImageFolder by their names."""
    found = [path for split in ("train", "val") for path in (root / split).rglob("*.JPEG")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def fill(folder: Path) -> Path:
    """Use up a disk, which others write to meanwhile."""
    filler, step = folder / "in-the-way", MIB
    with filler.open("wb") as file:
        while step >= 4096:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
            except OSError:
                step //= 2
    return filler


@pytest.mark.slow
@pytest.mark.parametrize("way", ["torrent", "http"])
def test_a_disk_that_gets_full_is_waited_for_and_the_run_goes_on(here: Lab, fat: Fat, tmp_path: Path, way: str) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk:
        words = source(here, fat, way)
        run = kilotar(here, "get", disk / "root", fat, *words)
        run.until("some pieces", lambda: run.landed_bytes() > 4 * MIB)
        filler = fill(disk)
        run.until("it is told", lambda: "disk-full" in run.troubles())
        filler.unlink()
        assert run.ended() == 0, run.said()
        assert val_file(disk / "root", fat).read_bytes() == fat.val.data


@pytest.mark.slow
def test_a_disk_that_stays_full_ends_the_run_and_the_same_command_resumes(here: Lab, fat: Fat, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk:
        words = source(here, fat, "torrent")
        run = kilotar(here, "get", disk / "root", fat, *words)
        run.until("some pieces", lambda: run.landed_bytes() > 4 * MIB)
        filler = fill(disk)
        assert run.ended(90) == 5
        assert "error E-DISK" in run.said(), run.said()
        filler.unlink()
        again = kilotar(here, "get", disk / "root", fat, *words)
        assert again.ended() == 0, again.said()
        assert val_file(disk / "root", fat).read_bytes() == fat.val.data
        (fact,) = again.report()["downloads"]
        assert sum(size for who, size in fact["brought"] if who != "this disk") < len(fat.val.data) - 2 * MIB


def source(here: Lab, fat: Fat, way: str) -> tuple[str, ...]:
    """Start a slow source of the validation archive, and give the words that name it."""
    if way == "torrent":
        return ("--splits", "val", "--peer", here.seed(fat.val, rate_bytes_s=6 * MIB).endpoint)
    nginx = here.nginx(fat.val.folder)
    conf = here.folder / f"nginx-{nginx.address}" / "nginx.conf"
    conf.write_text(conf.read_text("utf-8").replace(" root ", f" limit_rate {2 * MIB}; root "), "utf-8")
    nginx.process.terminate()
    nginx.process.wait()
    here.start([str(word) for word in nginx.process.args], nginx.address)  # type: ignore[union-attr]
    return ("--splits", "val", "--from", "http", "--url", f"http://{nginx.address}/")


@pytest.mark.parametrize("client", ["aria2", pytest.param("transmission", marks=pytest.mark.slow)])
def test_an_installed_client_fetches_for_the_command(here: Lab, fat: Fat, tmp_path: Path, client: str) -> None:
    here.tracker(fat.val)
    seed = here.seed(fat.val)
    words, network = ["--client", client, "--splits", "val"], OFFLINE
    if client == "transmission":
        daemon = here.transmission(fat.train, tmp_path / "elsewhere")
        network = INSTALLED
        words += ["--client-url", f"http://{daemon.address}:{daemon.rpc}/transmission/rpc"]
    else:
        need_tool("aria2c")
    run = kilotar(here, "get", tmp_path / "root", fat, *words, network=network)
    assert run.ended() == 0, run.said()
    (fact,) = run.report()["downloads"]
    assert {client in who for who, _ in fact["brought"]} == {True}, fact
    assert val_file(tmp_path / "root", fat).read_bytes() == fat.val.data
    assert seed.sent_bytes() <= 1.05 * len(fat.val.data)


def run_classes(here: Lab, fat: Fat, root: Path, seed: str, wnids: tuple[str, ...], *words: str) -> Command:
    chosen = ("--splits", "train", "--classes", ",".join(wnids), "--peer", seed, *words)
    run = kilotar(here, "get", root, fat, *chosen)
    assert run.ended() == 0, run.said()
    return run


@pytest.mark.slow
def test_of_one_class_only_its_pieces_leave_the_seed(here: Lab, tmp_path: Path) -> None:
    fat = make_fat(tmp_path / "fat", classes=40, per_class=3, image_bytes=MIB, piece_bytes=2 * MIB)
    seed = here.seed(fat.train)
    first, table = tmp_path / "first", tmp_path / "positions.toml"
    run_classes(here, fat, first, seed.endpoint, fat.wnids[20:21])
    learning = seed.sent_bytes()
    run_classes(here, fat, first, seed.endpoint, fat.wnids[20:23])
    adding = seed.sent_bytes() - learning
    export = kilotar(here, "index", first, fat, "--export-positions", str(table))
    assert export.ended() == 0, export.said()
    run_classes(here, fat, tmp_path / "second", seed.endpoint, fat.wnids[20:21], "--positions", str(table))
    knowing = seed.sent_bytes() - learning - adding
    print(len(fat.train.data), learning / MIB, adding / MIB, knowing / MIB)
    assert knowing <= 3 * 2 * MIB
    assert learning <= knowing + 8 * 2 * MIB
    assert adding <= 5 * 2 * MIB


@pytest.mark.slow
def test_an_installed_client_that_brings_nothing_is_told_and_http_takes_over(
    here: Lab, fat: Fat, tmp_path: Path
) -> None:
    need_tool("aria2c")
    nginx = here.nginx(fat.val.folder)
    words = ["--client", "aria2", "--splits", "val", "--url", f"http://{nginx.address}/", "--give-up-after", "20"]
    run = kilotar(here, "get", tmp_path / "root", fat, *words)
    assert run.ended() == 0, run.said()
    assert {"no-bytes", "doctor"} <= run.troubles()
    (fact,) = run.report()["downloads"]
    assert dict(fact["brought"]) == {f"web seed {nginx.address}": len(fat.val.data)}
    assert val_file(tmp_path / "root", fat).read_bytes() == fat.val.data


def scribble(root: Path, fat: Fat) -> None:
    with part_of(root, fat).open("r+b") as file:
        file.seek(2 * MIB + 100)
        file.write(bytes(MIB))


def cut(root: Path, fat: Fat) -> None:
    os.truncate(part_of(root, fat), 3 * MIB)


def spoil_state(root: Path, fat: Fat) -> None:
    spoil(root / ".kilotar" / "pieces")
    spoil(root / ".kilotar" / "swarm")


def spoil(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :: 7] = bytes(len(content[len(content) // 2 :: 7]))
        path.write_bytes(content)


def part_of(root: Path, fat: Fat) -> Path:
    return root / "archives" / f"{fat.val.file.name}.part"


@pytest.mark.slow
@pytest.mark.parametrize("harm", [scribble, cut, spoil_state])
def test_what_was_harmed_between_two_runs_is_found_and_fetched_again(
    here: Lab, fat: Fat, tmp_path: Path, harm: Callable[[Path, Fat], None]
) -> None:
    seed, root = here.seed(fat.val, rate_bytes_s=12 * MIB), tmp_path / "root"
    words = ("--splits", "val", "--peer", seed.endpoint)
    run = kilotar(here, "get", root, fat, *words)
    run.until("half of it", lambda: run.landed_bytes() > 12 * MIB)
    run.peer.process.send_signal(signal.SIGINT)
    assert run.ended() == 130, run.said()
    most = {scribble: 1.25 * MIB, cut: seed.sent_bytes() - 3 * MIB}.get(harm, 0)
    harm(root, fat)

    again = kilotar(here, "get", root, fat, *words)
    assert again.ended() == 0, again.said()
    assert val_file(root, fat).read_bytes() == fat.val.data
    assert not part_of(root, fat).exists()
    assert seed.sent_bytes() <= len(fat.val.data) + most + UNFINISHED_BYTES


def replace_file(root: Path, fat: Fat) -> None:
    other = root / "archives" / "other"
    other.write_bytes(bytes(len(fat.val.data)))
    other.rename(part_of(root, fat))


@pytest.mark.slow
@pytest.mark.parametrize(("way", "harm"), [("torrent", cut), ("http", cut), ("http", replace_file)])
def test_a_file_that_is_cut_or_replaced_while_it_grows_is_never_taken_for_whole(
    here: Lab, fat: Fat, tmp_path: Path, way: str, harm: Callable[[Path, Fat], None]
) -> None:
    words, root = source(here, fat, way), tmp_path / "root"
    run = kilotar(here, "get", root, fat, *words)
    run.until("some of it", lambda: run.landed_bytes() > 6 * MIB)
    harm(root, fat)
    assert run.ended() in (5, 8), run.said()  # the walk over the headers may meet the zeros first
    assert "error E-IO: somebody else changed" in run.said() or "error E-ARCHIVE: " in run.said()
    assert not val_file(root, fat).exists()

    again = kilotar(here, "get", root, fat, *words)
    assert again.ended() == 0, again.said()
    assert val_file(root, fat).read_bytes() == fat.val.data
