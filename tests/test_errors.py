"""Rules: a code never changes its meaning, each class has one exit code, a message is at most four lines."""

from __future__ import annotations

import errno
import inspect
import os
import pickle

import pytest

from kilotar import errors
from kilotar.errors import KilotarError, MachineError, storage_error

EXIT_CODES = {
    "E-BUG": 1,
    "E-USAGE": 2,
    "E-PROBLEMS": 3,
    "E-DISK": 5,
    "E-INODES": 5,
    "E-QUOTA": 5,
    "E-READONLY": 5,
    "E-PERM": 5,
    "E-FILELIMIT": 5,
    "E-IO": 5,
    "E-MEMORY": 5,
    "E-WORKER": 5,
    "E-DECISION": 6,
    "E-EXTRA": 7,
    "E-ARCHIVE": 8,
    "E-DIGEST": 8,
    "E-LABELS": 8,
    "E-BOXES": 8,
    "E-EDITION": 8,
    "E-LAYOUT": 8,
    "E-SETTINGS": 9,
    "E-BUSY": 75,
    "E-TORRENT": 8,
    "E-PEERS": 4,
    "E-HTTP": 4,
    "E-METADATA": 4,
    "E-CLIENT": 4,
    "E-STORE": 4,
}
TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KilotarError)]
LEAVES = [kind for kind in TREE if not kind.__subclasses__()]


def test_every_code_has_the_exit_code_of_the_design() -> None:
    assert {kind.code: kind.exit_code for kind in LEAVES} == EXIT_CODES


def test_no_two_classes_share_a_code() -> None:
    assert len({kind.code for kind in LEAVES}) == len(LEAVES)


def test_a_class_that_is_never_raised_itself_has_the_exit_code_of_its_kind() -> None:
    assert (errors.TheirError.exit_code, errors.MachineError.exit_code) == (8, 5)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: str(kind.__name__))
def test_a_message_is_four_lines(kind: type[KilotarError]) -> None:
    lines = kind("it broke", seen="3 of 4", fix="mend it").lines("run.log")

    assert lines == (
        f"error {kind.code}: it broke",
        "  seen   3 of 4",
        "  try    mend it",
        f"  log    run.log   (exit {kind.exit_code})",
    )


def test_lines_without_evidence_or_advice_are_left_out() -> None:
    assert errors.UsageError("no").lines() == ("error E-USAGE: no", "  log    -   (exit 2)")


@pytest.mark.parametrize("field", ["what", "seen", "fix"])
@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b31m", "a\rb", "\udc80", "\u202eevil", "a\nerror E-FAKE: b"])
def test_names_out_of_archives_cannot_steer_the_terminal_or_forge_lines(field: str, hostile: str) -> None:
    words = {"what": "w", "seen": "s", "fix": "f"} | {field: hostile}

    lines = KilotarError(words["what"], seen=words["seen"], fix=words["fix"]).lines()

    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: str(kind.__name__))
def test_an_error_crosses_a_process_boundary_whole(kind: type[KilotarError]) -> None:
    again = pickle.loads(pickle.dumps(kind("w", seen="s", fix="f")))

    assert (type(again), again.what, again.seen, again.fix, again.args) == (kind, "w", "s", "f", ("w",))


def test_an_error_as_text_is_what_and_evidence() -> None:
    assert str(KilotarError("w", seen="s", fix="f")) == "w; s"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "E-DISK"),
        (errno.EDQUOT, "E-QUOTA"),
        (errno.EROFS, "E-READONLY"),
        (errno.EACCES, "E-PERM"),
        (errno.EPERM, "E-PERM"),
        (errno.EFBIG, "E-FILELIMIT"),
        (errno.EMFILE, "E-FILELIMIT"),
        (errno.ENFILE, "E-FILELIMIT"),
        (errno.EIO, "E-IO"),
        (errno.ESTALE, "E-IO"),
    ],
)
def test_the_errno_of_the_disk_names_the_cause(number: int, code: str) -> None:
    error = storage_error(OSError(number, os.strerror(number), "/data/train"), "write train")

    assert isinstance(error, MachineError)
    assert error.code == code
    assert error.what == "could not write train"
    assert errno.errorcode[number] in error.seen
    assert "'/data/train'" in error.seen
    assert error.fix


def test_an_os_error_without_number_or_with_an_unknown_one_is_told_too() -> None:
    assert storage_error(OSError("odd"), "read").code == "E-IO"
    assert "99999" in storage_error(OSError(99999, "odd"), "read").seen
