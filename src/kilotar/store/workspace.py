"""Every path under a root, and what is remembered there.

Rules guarded: all state lives in `ROOT/.kilotar`; three kinds of truth never mix: bytes (replaced whole), facts
(journals, `root.json`, plans, manifests) and caches (`index/`, deletable at any moment); a folder that is plainly
something else (a home folder, `/`) is refused as a root. What lies in the root is remembered by its path below it, so
that a root may be moved.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from kilotar.errors import LayoutRefused, UsageError, storage_error
from kilotar.store.files import publish, read_file, sweep
from kilotar.store.journal import read_journal

__all__ = ["STATE", "InputRecord", "RootFacts", "Workspace", "kept_path", "new_facts", "standing_path"]

STATE = ".kilotar"
SCHEMA = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")


class InputRecord(msgspec.Struct, frozen=True):
    """A fact about an archive: this very file (by inode and change time) has this digest.

    `ctime_ns` is set by the kernel alone, so a restored copy with its old mtime is a new file here. In the journal
    `path` is as `kept_path` gives it; `Workspace.input_records` gives it whole.
    """

    name: str
    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    algorithm: str = ""
    digest: str = ""
    published: bool = False


def kept_path(path: str, root: Path) -> str:
    """Give a path as it is remembered: below the root relative to it, all others whole."""
    whole = os.path.normpath(path)
    return os.path.relpath(whole, root) if f"{whole}/".startswith(f"{root}/") else path


def standing_path(kept: str, root: Path) -> str:
    """Give the path that was remembered, in the root as it stands now.

    Former releases remembered whole paths: one into the state of a root that was moved is known by that.
    """
    whole = os.path.normpath(root / kept)
    _, is_state, below = whole.rpartition(f"/{STATE}/")
    moved = root / STATE / below
    return str(moved) if is_state and not os.path.lexists(whole) and os.path.lexists(moved) else whole


class RootFacts(msgspec.Struct, frozen=True):
    """What a root is: which edition, the file it was read from ("" when bundled), whether its terms were accepted."""

    schema: int
    edition: str
    source: str = ""
    terms_accepted: bool = False


def new_facts(edition: str, source: str) -> RootFacts:
    """Give the facts of a root that is begun."""
    return RootFacts(SCHEMA, edition, source)


class Workspace:
    """The paths of one root. Nothing is made until `create`.

    Args:
        root:  the folder.
        state: where its state lies, if not in `ROOT/.kilotar`: for looking without touching.
    """

    def __init__(self, root: Path, state: Path | None = None) -> None:
        self.root = Path(os.path.abspath(root.expanduser()))
        self.state = state or self.root / STATE
        self.lock = self.state / "lock"
        self.inputs = self.state / "inputs.jsonl"
        self.index = self.state / "index"
        self.logs = self.state / "log"
        self.archives = self.root / "archives"
        self.pieces = self.state / "pieces"
        self.swarm = self.state / "swarm"
        self.report = self.root / "report.json"

    def input_records(self) -> tuple[InputRecord, ...]:
        """Give what is remembered of archives, with the paths at which they stand now. Raises MachineError."""
        return tuple(map(self.standing, read_journal(self.inputs, InputRecord)))

    def standing(self, record: InputRecord) -> InputRecord:
        """Give a record with its whole path."""
        return msgspec.structs.replace(record, path=standing_path(record.path, self.root))

    def create(self) -> None:
        """Make the folders of the state. Raises MachineError, UsageError for a root that cannot be one."""
        if self.root in (Path("/"), Path.home()):
            raise UsageError(
                f"{self.root} cannot be a root", fix=f"give a folder of its own, such as {self.root / 'imagenet'}"
            )
        try:
            for folder in (self.index, self.logs, self.state / "journal", self.state / "exports"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.state}") from error

    def sweep(self) -> None:
        """Remove temporary files of dead runs from the root and the folders of the state. Call it under the lock.

        Raises: MachineError.
        """
        try:
            sweep(self.root)
            for folder, _, _ in os.walk(self.state):
                sweep(Path(folder))
        except OSError as error:
            raise storage_error(error, f"tidy up {self.state}") from error

    def journal(self, plan_id: str) -> Path:
        return self.state / "journal" / f"{plan_id}.jsonl"

    def uploads(self, plan_id: str) -> Path:
        """Give where files of an output that will stand elsewhere are made."""
        return self.state / "uploads" / plan_id[:12]

    def export(self, name: str) -> Path:
        """Give the folder of facts of an output. Raises UsageError for a name that is no name."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for an output")
        return self.state / "exports" / name

    def exports(self) -> tuple[str, ...]:
        """Give the names of the outputs begun under this root, sorted. Raises MachineError."""
        try:
            return tuple(sorted(entry.name for entry in os.scandir(self.state / "exports") if entry.is_dir()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise storage_error(error, f"look into {self.state}") from error

    def torrent_of(self, infohash: str) -> Path:
        """Give where the .torrent of an archive is kept."""
        return self.state / "torrents" / f"{infohash}.torrent"

    def unpacked_of(self, archive: str) -> Path:
        """Give where archives are made of a packed one."""
        return self.state / "unpacked" / archive

    def index_of(self, archive: str) -> Path:
        return self.index / archive

    def read_facts(self) -> RootFacts | None:
        """Give what the root is, None where it was never prepared.

        Raises: LayoutRefused for a newer schema, MachineError.
        """
        content = read_file(self.state / "root.json")
        if content is None:
            return None
        try:
            facts = msgspec.json.decode(content, type=RootFacts)
        except msgspec.DecodeError as error:
            raise LayoutRefused(f"{self.state}/root.json cannot be read", seen=str(error)) from error
        if facts.schema > SCHEMA:
            raise LayoutRefused(
                f"{self.root} was made by a newer kilotar",
                seen=f"schema {facts.schema}, known {SCHEMA}",
                fix="update kilotar",
            )
        return facts

    def write_facts(self, facts: RootFacts) -> None:
        """Remember what the root is. Raises MachineError."""
        if facts != self.read_facts():
            publish(self.state / "root.json", [msgspec.json.encode(facts)])

    def prepared(self) -> RootFacts:
        """Give what the root is. Raises LayoutRefused, saying what the folder looks like, where it is no root."""
        facts = self.read_facts()
        if facts is None:
            raise LayoutRefused(
                f"nothing was prepared in {self.root}",
                seen=describe_folder(self.root),
                fix=f"kilotar prepare {self.root} --from FOLDER-WITH-THE-ARCHIVES",
            )
        return facts


_SIGNS = (
    ("Data/CLS-LOC", "a Kaggle or ILSVRC2015 CLS-LOC tree, not a prepared root"),
    ("ILSVRC/Data/CLS-LOC", "the parent of a Kaggle CLS-LOC tree, not a prepared root"),
    ("train", "a tree without the state of a root; what was written with --out is verified by its root"),
)


def describe_folder(path: Path) -> str:
    """Say in a few words what a folder that is no root looks like."""
    if not path.is_dir():
        return "there is no such folder" if not path.exists() else "it is a file; give its folder"
    for sign, words in _SIGNS:
        if (path / sign).is_dir():
            return f"it holds {sign}: {words}"
    return "the folder is empty" if not any(os.scandir(path)) else "it has no .kilotar folder"
