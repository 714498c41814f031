"""An output in a store of objects: files are made in a folder of this disk, put once, and dropped here.

Rules guarded: a prefix belongs to one plan, claimed by the first object that is put there (`kilotar-plan.json`, on
condition that there is none), so that no two plans mix and no put can meet another of ours; what lies on this disk
is of this run alone and never believed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from kilotar.errors import DecisionNeeded, SettingsDiffer, storage_error
from kilotar.model.seams import Written
from kilotar.store.files import Folder
from kilotar.store.objects import ObjectStore, Unanswered, put_once
from kilotar.store.staging import Staging

__all__ = ["CLAIM", "RemoteFolder", "RemoteStaging"]

CLAIM = "kilotar-plan.json"
_MOST_CLAIM_BYTES = 80


class RemoteFolder:
    """A folder of a store as sinks see it (`kilotar.model.seams.OutFolder`): whole objects by relative path.

    Args:
        store: gets the files.
        uploads: folder of this disk in which they are made.
    """

    def __init__(self, store: ObjectStore, uploads: Path) -> None:
        self._store = store
        self._uploads = uploads

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        """Put one object; another of that name is kept if it is the same, and refused if not.

        Raises: MachineError, StoreFailed, DecisionNeeded.
        """
        return self.send(Folder(self._uploads).publish(path, chunks))

    def send(self, file: Written) -> Written:
        """Put a file that was made among the uploads, and drop it there. Raises as `publish`."""
        made = self._uploads / file.path
        try:
            put_once(self._store, made, file)
        finally:
            _drop(made)
        return file

    def overwrites(self, path: str, content: bytes) -> bool:
        """Put the same again, and tell whether the store let it: then it heeds no conditions. Raises as `publish`."""
        file = Folder(self._uploads).publish(path, [content])
        try:
            return self._store.create(self._uploads / path, file)
        except Unanswered as error:
            raise error.failure from error
        finally:
            _drop(self._uploads / path)

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of an object; fewer where it ends before. Raises: StoreFailed."""
        return self._store.read(path, offset, size_bytes)

    def holds(self, file: Written) -> bool:
        """Tell whether an object of this length, and of this digest where the store knows it, has this name."""
        found = self._store.look(file.path)
        return found is not None and not found.differs_from(file)


class RemoteStaging(Staging):
    """The uploads in the place of a staging folder: nothing is to be synced or moved, all is put by then.

    Args:
        store:   of the output.
        where:   its address, for messages.
        uploads: folder of this disk.
        plan_id: of the output.
    """

    def __init__(self, store: ObjectStore, where: str, uploads: Path, plan_id: str) -> None:
        super().__init__(uploads, plan_id)
        self._store, self._where, self._plan_id = store, where, plan_id
        self.folder = uploads

    def open(self, *, swept: bool = False) -> None:
        """Empty the uploads, and claim the prefix. Raises MachineError, StoreFailed, SettingsDiffer."""
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.folder}") from error
        claim, folder = f'{{"plan_id": "{self._plan_id}"}}\n'.encode(), RemoteFolder(self._store, self.folder)
        try:
            folder.publish(CLAIM, [claim])
            if folder.overwrites(CLAIM, claim):
                self._store.look_first()
        except DecisionNeeded as error:
            there = self._store.read(CLAIM, 0, _MOST_CLAIM_BYTES)
            raise SettingsDiffer(
                f"{self._where} holds another output",
                seen=f"{CLAIM} there: {there.decode('ascii', 'replace').strip()}; ours: {self._plan_id}",
                fix="give --out another prefix, or the settings of that output; or remove what is there",
            ) from error

    def sync(self) -> None:
        """What is put is durable."""

    def refuse_taken(self, names: frozenset[str]) -> None:
        """Names are looked at one by one, when they are put."""

    def move_into_place(self) -> None:
        """Objects stand in their place."""

    def tidy(self) -> None:
        """Remove the folder of the uploads, which are all put. Raises MachineError."""
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, f"remove {self.folder}") from error


def _drop(file: Path) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, f"remove {file}") from error
