"""`status`: what is under a root and how far it is, without reading an image."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from kilotar.editions.load import load_edition
from kilotar.errors import EditionRefused, LayoutRefused, MachineError, UsageError
from kilotar.events import ignore
from kilotar.model.report import ArchiveFact, DownloadFact, OutputState, Status
from kilotar.plan.selection import ALL_IMAGES
from kilotar.sources.local import FileIdentity, is_still
from kilotar.store.lock import lock_holder
from kilotar.store.workspace import InputRecord, RootFacts, Workspace
from kilotar.work.downloads import Downloads
from kilotar.work.output import Output
from kilotar.work.outputs import begun_outputs
from kilotar.work.settling import edition_source

__all__ = ["status"]


def status(root: Path) -> Status:
    """Give the state of a root. Raises LayoutRefused where nothing was prepared."""
    workspace = Workspace(root)
    facts = workspace.prepared()
    archives = {record.name: record for record in workspace.input_records()}
    return Status(
        root=str(workspace.root),
        edition=facts.edition,
        archives=tuple(
            ArchiveFact(r.name, r.path, r.size_bytes, r.algorithm, r.digest, r.published and not _is_other(r))
            for r in archives.values()
        ),
        outputs=tuple(_state(output, workspace) for output in begun_outputs(workspace)),
        running=lock_holder(workspace.lock),
        downloads=_downloads(workspace, facts),
    )


def _downloads(workspace: Workspace, facts: RootFacts) -> tuple[DownloadFact, ...]:
    """Look at every archive that comes, or came, piece by piece; a run that goes on now is seen as it last saved."""
    try:
        edition = load_edition(edition_source(facts))
    except (UsageError, EditionRefused):
        return ()  # its file is gone: the outputs are known without it
    with closing(Downloads(workspace, edition, None, ignore, writable=False)) as downloads:
        for about in edition.archives:
            downloads.find(about)
        return downloads.facts()


def _is_other(record: InputRecord) -> bool:
    """Tell whether another file stands where an archive was proved; one that is gone has not become another."""
    then = FileIdentity(record.size_bytes, record.mtime_ns, record.ctime_ns, record.inode)
    try:
        return not is_still(Path(record.path), str(then))
    except (MachineError, LayoutRefused):
        return False


def _state(output: Output, workspace: Workspace) -> OutputState:
    complete = output.manifest is not None
    done = output.planned_steps if complete else len({record.key for record in output.recorded(workspace)})
    return OutputState(
        name=output.name,
        folder=output.where,
        plan_id=output.recipe.plan_id,
        steps_done=done,
        steps=output.planned_steps,
        complete=complete,
        format=output.recipe.sink,
        choice=str(output.recipe.choice) if output.recipe.choice != ALL_IMAGES else "",
    )
