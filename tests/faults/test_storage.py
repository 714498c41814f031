"""Disks that are full, small, read-only, forbidden, poor or failing: named, exit 5, and the same command goes on."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.faults.bench import Bench
from tests.faults.command import begin, contents, finish, run
from tests.faults.shim import Ended, Fault
from tests.need import need, need_tool

NOBODY = 65534


@pytest.fixture(scope="module")
def larger(quick_folder: Path) -> Tiny:
    """Give an edition of some megabytes, so that room is a matter of images."""
    return make_tiny(quick_folder / "larger", classes=20, per_class=40, val=40, test=0, boxes=False)


Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Give a function that mounts a file system in memory with these options."""
    need("root, to mount file systems", os.geteuid() == 0)
    place = tmp_path / "mounted"
    place.mkdir()

    def do(options: str) -> Path:
        done = subprocess.run(
            [need_tool("mount"), "-t", "tmpfs", "-o", options, "none", place], capture_output=True, text=True
        )
        need(f"the right to mount ({done.stderr.strip()})", done.returncode == 0)
        return place

    yield do
    subprocess.run([need_tool("umount"), "-l", place], capture_output=True)


def words(root: Path, tiny: Tiny, formats: str = "imagefolder") -> tuple[str | Path, ...]:
    return ("prepare", root, "--from", tiny.folder, "--edition", tiny.toml, "--for", formats, "-q")


def refused(ended: Ended, code: str, *evidence: str) -> None:
    """See that a command was refused by this name, with this evidence in its four lines."""
    lines = [line for line in ended.err.splitlines() if not line.startswith("warning: a log")]
    assert ended.code == 5, ended.err
    assert lines[0].startswith(f"error {code}:"), ended.err
    assert len(lines) == 4
    for text in evidence:
        assert text in ended.err


def done(ended: Ended) -> None:
    assert ended.code == 0, ended.err


def images(root: Path) -> int:
    return len(list(root.glob("train/**/*.JPEG")))


def test_too_little_room_is_refused_before_the_first_image(mount: Mount, larger: Tiny) -> None:
    root = mount("size=2m") / "root"

    refused(run(*words(root, larger)), "E-DISK", "needs", "free")
    assert not list(root.rglob("*.JPEG"))
    assert not list(root.glob(".kilotar-*"))


def test_too_few_inodes_are_refused_before_the_first_image(mount: Mount, larger: Tiny) -> None:
    root = mount("size=64m,nr_inodes=300") / "root"

    refused(run(*words(root, larger)), "E-INODES", "inodes free")
    assert not list(root.rglob("*.JPEG"))


def test_a_disk_that_fills_up_midway_is_named_and_the_run_goes_on_after_room_is_made(
    mount: Mount, larger: Tiny, library: Path
) -> None:
    """Another program takes the room once the run has planned."""
    disk = mount("size=32m")
    root, other = disk / "root", disk / "other"
    slow = Fault("slow", number=1000).environment(library, str(root))
    process = begin(*words(root, larger), "--events", "-", **slow)
    assert process.stdout is not None
    assert "RunStarted" in process.stdout.readline()
    fill(other)

    refused(finish(process), "E-DISK", "ENOSPC")
    assert images(root) == 0
    other.unlink()
    done(run(*words(root, larger)))
    assert images(root) == 800
    done(run("verify", root))


def fill(path: Path) -> None:
    """Take all the room there is."""
    chunk = bytes(1 << 16)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(fd, chunk):
            pass
    except OSError as error:
        assert error.errno == errno.ENOSPC
    finally:
        os.close(fd)


def test_a_disk_that_is_full_to_the_last_byte_is_named(mount: Mount, larger: Tiny) -> None:
    disk = mount("size=1m")
    fill(disk / "other")

    refused(run(*words(disk / "root", larger)), "E-DISK")


def test_a_read_only_disk_is_named(mount: Mount, tiny: Tiny) -> None:
    refused(run(*words(mount("size=8m,ro") / "root", tiny)), "E-READONLY", "EROFS")


def test_a_disk_that_becomes_read_only_is_named_and_the_run_goes_on_afterwards(
    mount: Mount, tiny: Tiny, library: Path
) -> None:
    disk = mount("size=8m")
    done(run(*words(disk / "root", tiny)))
    subprocess.run([need_tool("mount"), "-o", "remount,ro", disk], check=True)

    refused(run(*words(disk / "root", tiny, "imagefolder,cls-loc")), "E-READONLY")
    subprocess.run([need_tool("mount"), "-o", "remount,rw", disk], check=True)
    done(run(*words(disk / "root", tiny, "imagefolder,cls-loc")))


def as_nobody(*command: str | Path) -> Ended:
    """Run a command as a user without rights."""
    need("root, to become another user", os.geteuid() == 0)
    line = [need_tool("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", sys.executable]
    done = subprocess.run(
        [*line, "-m", "kilotar", *map(str, command)], capture_output=True, text=True, env={"HOME": "/nonexistent"}
    )
    need("a Python that other users may run", done.returncode not in (126, 127) and "ModuleNotFound" not in done.stderr)
    return Ended(done.returncode, False, 0, done.stdout, done.stderr)


@pytest.fixture
def open_folder(tiny: Tiny) -> Iterator[Path]:
    """Give a folder that everybody may enter, with archives that everybody may read."""
    memory = Path("/dev/shm")
    folder = Path(memory if memory.is_dir() else "/tmp") / f"kilotar-open-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    shutil.copytree(tiny.folder, folder / "archives")
    yield folder
    shutil.rmtree(folder)


def test_a_root_of_somebody_else_is_named(open_folder: Path, tiny: Tiny) -> None:
    there = make_words(open_folder, tiny)

    refused(as_nobody(*there), "E-PERM", "EACCES")
    assert not (open_folder / "root").exists()


def test_an_archive_of_somebody_else_is_named(open_folder: Path, tiny: Tiny) -> None:
    (open_folder / "archives/tiny_img_train.tar").chmod(0o600)
    os.chown(open_folder, NOBODY, NOBODY)

    refused(as_nobody(*make_words(open_folder, tiny)), "E-PERM", "tiny_img_train.tar")


def test_a_folder_of_archives_of_somebody_else_is_named(open_folder: Path, tiny: Tiny) -> None:
    locked = open_folder / "locked"
    (open_folder / "archives").rename(locked)
    shutil.copytree(locked, open_folder / "archives")
    locked.chmod(0o600)
    os.chown(open_folder, NOBODY, NOBODY)

    line = [locked if str(word).endswith("archives") else word for word in make_words(open_folder, tiny)]

    refused(as_nobody(*line), "E-PERM", "locked")


def make_words(folder: Path, tiny: Tiny) -> tuple[str | Path, ...]:
    toml = folder / "archives" / tiny.toml.name
    return ("prepare", folder / "root", "--from", folder / "archives", "--edition", toml, "-q")


@pytest.mark.parametrize("call", ["link", "copy_file_range"])
def test_a_poor_file_system_gives_the_same_bytes(bench: Bench, tmp_path: Path, call: str) -> None:
    """Every call of this kind is refused, as on exFAT or an old network file system."""
    strace = need_tool("strace")
    bench.clear()
    # Where links are refused the files are copied, so both kinds are refused for the plainest way of all.
    calls = {"link": "linkat:error=EPERM", "copy_file_range": "link,linkat:error=EPERM"}[call]
    inject = ["-e", f"inject={calls}"] + (["-e", "inject=copy_file_range:error=EXDEV"] if "copy" in call else [])
    line = [strace, "-f", "-qq", "-o", tmp_path / "trace", "-e", "trace=link,linkat,copy_file_range", *inject]
    done = subprocess.run(
        [*map(str, line), sys.executable, "-m", "kilotar", *map(str, bench.words)], capture_output=True, text=True
    )
    need(f"the right to trace ({done.stderr.strip()[-80:]})", "ptrace" not in done.stderr)

    assert done.returncode == 0, done.stderr
    assert "INJECTED" in (tmp_path / "trace").read_text()
    bench.look_at_whole()


def test_files_that_may_not_grow_are_named(bench: Bench, larger: Tiny) -> None:
    bench.clear()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    refused(limited(limit, *words(bench.root, larger)), "E-FILELIMIT", "EFBIG")
    done(run(*words(bench.root, larger)))
    assert images(bench.root) == 800


def test_64_open_files_are_enough(bench: Bench, larger: Tiny) -> None:
    bench.clear()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    ended = limited(limit, *words(bench.root, larger), "-j", "8")

    assert ended.code == 0, ended.err
    assert images(bench.root) == 800


def limited(limit: Callable[[], None], *line: str | Path) -> Ended:
    """Run a command under a limit of the system."""
    done = subprocess.run(
        [sys.executable, "-m", "kilotar", *map(str, line)], capture_output=True, text=True, preexec_fn=limit
    )
    return Ended(done.returncode, False, 0, done.stdout, done.stderr)


def test_an_archive_that_cannot_be_read_is_named_with_the_place(bench: Bench) -> None:
    """Each read fails in turn: no image that was not read is written, and the same command goes on."""
    archives = str(bench.tiny.folder)
    bench.clear()
    reads = bench.prepare(Fault(read=archives)).calls
    assert reads > 10
    for at in range(1, reads + 1, 3):
        bench.clear()
        ended = bench.prepare(Fault("once", at, errno.EIO, read=archives))
        if ended.code == 0:  # the columns of a part that could not be read are made up for by a second look
            bench.look_at_whole()
            continue
        refused(ended, "E-IO", "EIO", Path(ended.hit.split()[-1]).name)
        bench.mend()


@pytest.mark.parametrize(
    "verb", ["prepare", "prepare --for imagefolder,torchvision", "verify", "verify --quick", "status", "why", "index"]
)
def test_state_that_cannot_be_read_is_named_and_never_a_bug(bench: Bench, verb: str) -> None:
    """Each read below a finished root fails in turn."""
    line = command_of(bench, verb)
    bench.clear()
    assert bench.prepare().code == 0
    reads = bench.runner.run(*line, fault=Fault(read=str(bench.root))).calls
    for at in range(1, reads + 1):
        ended = bench.runner.run(*line, fault=Fault("once", at, errno.EIO, read=str(bench.root)))
        assert "Traceback" not in ended.err, ended.err
        assert ended.code in (0, 3, 5), (ended.hit, ended.err)
        if ended.code == 5:
            refused(ended, "E-IO", "EIO")


def command_of(bench: Bench, verb: str) -> tuple[str | Path, ...]:
    name, *flags = verb.split()
    if name in ("prepare", "why"):
        return (name, *bench.words[1:], *flags)
    edition = ("--from", bench.tiny.folder, "--edition", bench.tiny.toml) if name == "index" else ()
    return (name, bench.root, *edition, *flags, *(() if name == "status" else ("-q",)))


def test_reads_that_give_only_half_at_a_time_change_nothing(bench: Bench) -> None:
    bench.clear()

    assert bench.prepare(Fault("short", read=str(bench.tiny.folder))).code == 0
    bench.look_at_whole()


def test_a_root_behind_a_link_is_as_good(bench: Bench, tmp_path: Path) -> None:
    bench.clear()
    bench.root.mkdir()
    link = tmp_path / "link"
    link.symlink_to(bench.root)
    line = [link if word == bench.root else word for word in bench.words]

    done(run(*line))
    found = contents(bench.root)
    differing = {path for path in bench.undisturbed if found.get(path) != bench.undisturbed[path][0]}
    assert all(path.endswith("/plan.json") for path in differing)  # they name the folder
    done(run("verify", link))
    done(run("verify", bench.root))


def test_archives_behind_links_are_as_good(bench: Bench, tmp_path: Path) -> None:
    for path in bench.tiny.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    bench.clear()
    line = [tmp_path if word == bench.tiny.folder else word for word in bench.words]

    done(run(*line))
    bench.look_at_whole()


def test_a_root_whose_path_is_too_long_is_refused(bench: Bench) -> None:
    deep = bench.root / "/".join(["d" * 200] * 21)

    ended = run(*words(deep, bench.tiny))

    assert (ended.code, "Traceback" in ended.err, "E-BUG" in ended.err) == (5, False, False), ended.err
