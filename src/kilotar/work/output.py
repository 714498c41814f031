"""One output of a run: what was asked, what is recorded of it, where it grows, and how it becomes complete.

Rules guarded: its manifest is written last; what is recorded is believed only after a look at the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import OurError, storage_error
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Annotation, OutFolder, Written
from kilotar.parse.remote import Remote
from kilotar.plan.recipe import Recipe
from kilotar.plan.selection import ALL_IMAGES
from kilotar.plan.steps import Reason, Step, StepDone, todo
from kilotar.sinks.base import DataclassLike, Sink
from kilotar.store.files import Folder, sync_file_system
from kilotar.store.journal import Journal, read_journal
from kilotar.store.manifest import MANIFEST, Manifest
from kilotar.store.objects import open_store
from kilotar.store.remote_folder import RemoteFolder, RemoteStaging
from kilotar.store.staging import Staging
from kilotar.store.workspace import Workspace
from kilotar.work.repair import stands
from kilotar.work.shard_writers import ShardWriter
from kilotar.work.sharding import Sharding
from kilotar.work.spool import Spool
from kilotar.work.stored_plan import read_stored_plan, write_stored_plan

ANY_WNID = "n00000000"
BOXES = "boxes/"  # keys of the steps that write XML

__all__ = [
    "BOXES",
    "Output",
    "takes_annotations",
]


@dataclass(frozen=True, slots=True)
class Output:
    """An output as planned.

    Attributes:
        sink, options: the format and its choices.
        recipe:  what was asked.
        folder:  where it will stand; of one that will stand elsewhere, where its files are made.
        facts:   folder of its plan, list of files and manifest.
        steps:   all of them.
        manifest: of the complete output, None while it is not.
        planned_steps: how many steps there are, also where `steps` were not read back.
        sharding: the plan of its shards, None for an output of single files, or where it was not read back.
        remote:  where it will stand if that is no folder of this machine.
        spool:   of its recoded images, None where none are, or where it was not read back.
        lacks_pixels: whether images are still to be recoded; `sharding` is a guess while it is so.
    """

    sink: Sink
    options: DataclassLike
    recipe: Recipe
    folder: Path
    facts: Path
    steps: tuple[Step, ...]
    manifest: Manifest | None
    planned_steps: int
    sharding: Sharding | None = None
    remote: Remote | None = None
    spool: Spool | None = None
    lacks_pixels: bool = False

    @property
    def name(self) -> str:
        """That of its format, unless a person gave it another."""
        return self.facts.name

    @property
    def where(self) -> str:
        """Folder or address, in words."""
        return str(self.remote or self.folder)

    @property
    def staging(self) -> Staging:
        if self.remote is not None:
            return RemoteStaging(open_store(self.remote), self.where, self.folder, self.recipe.plan_id)
        return Staging(self.folder, self.recipe.plan_id)

    def out_folder(self, *, durable: bool = True) -> OutFolder:
        """Give what takes files of this output. Raises as `kilotar.store.objects.open_store`.

        Args:
            durable: False where `sync` follows.
        """
        if self.remote is None:
            return Folder(self.folder, durable=durable)
        return RemoteFolder(open_store(self.remote), self.folder)

    def sync(self) -> None:
        """Make everything that was written to a folder of this disk durable. Raises MachineError."""
        if self.remote is not None:
            return  # what is put is durable
        try:
            sync_file_system(self.folder)
        except OSError as error:
            raise storage_error(error, f"sync {self.folder}") from error

    def holds(self, file: Written) -> bool:
        """Tell whether a file of this length stands in it. Raises MachineError, StoreFailed."""
        if self.remote is None:
            return stands(f"{self.folder}/{file.path}", file.size_bytes)  # a Path would cost more than the look
        return RemoteFolder(open_store(self.remote), self.folder).holds(file)

    def write_shard(
        self, key: str, folder: Path, *, durable: bool = True, writer: ShardWriter | None = None
    ) -> StepDone:
        """Write a shard of a planned output below a folder; or elsewhere, by way of that folder.

        Args:
            durable: False where the file system of the folder is synced before the shard is recorded.
            writer:  has it written by another process; None: here.
        Raises: as `Sharding.write`; StoreFailed, DecisionNeeded.
        """
        if self.sharding is None:
            raise OurError(f"the shards of {self.name} are not planned")
        done = (writer or self.sharding).write(key, folder, durable=durable and self.remote is None)
        if self.remote is not None:
            file = Written(done.folder, done.written_bytes, done.listing_sha256)
            RemoteFolder(open_store(self.remote), folder).send(file)
        return done

    def top_names(self) -> frozenset[str]:
        """Give the names in the output's folder that its images and XML, or its shards, will take."""
        if self.sharding is not None:
            return self.sharding.top_names()
        paths = self._places()
        if self.recipe.boxes:
            paths += [self.sink.place_annotation(Annotation(Split(s), ANY_WNID, "x", b"")) for s in self.recipe.splits]
        return frozenset(path.partition("/")[0] for path in paths if path)

    def _places(self) -> list[str]:
        """Give where an image of each split would stand."""
        nowhere = Extent("", 0, 0)
        return [self.sink.place(Sample(Split(split), "x.x", nowhere, ANY_WNID)) for split in self.recipe.splits]

    def path_of(self, sample: Sample) -> Path:
        """Give where an image stands in the finished output."""
        return self.folder / self.sink.place(sample)

    def holds_images_of(self, other: Output) -> bool:
        """Tell whether this tree, when it is finished, holds every image of another output."""
        mine, theirs = self.recipe, other.recipe
        return (
            self.sink.ABOUT.images
            and not self.sink.ABOUT.shards
            and (mine.pixels, mine.recoder) == (theirs.pixels, theirs.recoder)
            and mine.edition_sha256 == theirs.edition_sha256
            and set(mine.sources) >= set(theirs.sources)
            and set(mine.splits) >= set(theirs.splits)
            and (not mine.classes or (bool(theirs.classes) and set(mine.classes) >= set(theirs.classes)))
            and mine.choice in (ALL_IMAGES, theirs.choice)
        )

    def shares_tree_with(self, other: Output) -> bool:
        """Tell whether another output's images are these very files: an ImageFolder and torchvision's tree are."""
        if self.sink.ABOUT.shards or other.sink.ABOUT.shards:
            return False
        mine, theirs = self.recipe, other.recipe
        same = (mine.splits, mine.classes, mine.choice) == (theirs.splits, theirs.classes, theirs.choice)
        return same and self.folder == other.folder and self._places() == other._places()

    def finished_ns(self) -> int:
        """Give when the manifest was written, by the clock of its file system. Raises OSError."""
        return os.stat(self.facts / MANIFEST).st_mtime_ns

    def is_new(self) -> bool:
        """Tell whether this output was never begun. Raises LayoutRefused."""
        return read_stored_plan(self.facts) is None

    def begin(self) -> None:
        """Remember the plan. Raises MachineError."""
        try:
            self.facts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.facts}") from error
        write_stored_plan(self.facts, self.recipe, self.remote or self.folder, len(self.steps))

    def journal(self, workspace: Workspace) -> Journal[StepDone]:
        return Journal(workspace.journal(self._journal_name), StepDone)

    def recorded(self, workspace: Workspace) -> tuple[StepDone, ...]:
        """Give what the journal holds, without touching it. Raises MachineError."""
        return read_journal(workspace.journal(self._journal_name), StepDone)

    @property
    def _journal_name(self) -> str:
        """The plan's, with the output's own name: the same may be made twice in one root."""
        plan_id = self.recipe.plan_id
        return plan_id if self.name == self.recipe.sink else f"{plan_id}-{self.name}"

    def is_there(self, workspace: Workspace) -> bool:
        """Tell whether the folders that hold its recorded files still stand; single files are for `verify` to miss."""
        if self.remote is not None:
            return True  # its journal is believed; what is gone there is for `verify` to miss
        tops = {record.folder.partition("/")[0] for record in self.recorded(workspace) if record.folder}
        return all(os.path.lexists(self.folder / top) for top in tops)

    def todo(self, records: Iterable[StepDone], trusted: frozenset[str]) -> tuple[tuple[Step, Reason], ...]:
        """Give every step with the reason why it will be done or is kept.

        Args:
            trusted: identities of the archive files whose bytes the output may hold.
        """
        return todo(self.steps, {record.key: record for record in records}, lambda r: self._probe(r, trusted))

    def _probe(self, record: StepDone, trusted: frozenset[str]) -> Reason:
        """Look whether the files of a recorded step can still be there, without reading them.

        While they are staged, a folder that one step alone fills must hold as many entries as were recorded. Once they
        stand at their final place, or in a store, nothing is asked: each is looked at before the manifest, and mended.
        """
        if self.manifest is not None or not record.folder or self.remote is not None:
            return Reason.RECORDED
        if record.source and record.source not in trusted:
            return Reason.OTHER_SOURCE
        if os.path.lexists(self.folder / record.folder.partition("/")[0]):
            return Reason.RECORDED
        if self.sink.ABOUT.shards:
            return Reason.RECORDED if stands(self.staging.folder / record.folder, record.written_bytes) else Reason.LOST
        try:
            entries = len(os.listdir(self.staging.folder / record.folder))
        except (FileNotFoundError, NotADirectoryError):
            return Reason.LOST
        return Reason.RECORDED if not record.exclusive or entries == record.images else Reason.CHANGED


def takes_annotations(sink: Sink) -> bool:
    """Tell whether a format has a place for the XML of boxes."""
    return not sink.ABOUT.shards and bool(sink.place_annotation(Annotation(Split.TRAIN, ANY_WNID, "x", b"")))
