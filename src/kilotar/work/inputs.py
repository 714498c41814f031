"""The archives that a run reads: found, remembered, and proved once.

Rules guarded: a digest is believed without reading again only for the very same file, by inode and change time; a file
that is not the published one is refused unless the person said otherwise, and then every output says so; an archive
whose content changed since the journal was begun is refused with both digests.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from kilotar.errors import DigestMismatch, LayoutRefused, SettingsDiffer
from kilotar.events import Emit, Proved
from kilotar.model.edition import Archive, ArchiveRole, Edition
from kilotar.model.report import ArchiveFact
from kilotar.model.sample import Split
from kilotar.sources.local import FileIdentity, LocalArchive, Proof, find_archives, find_loose, refuse_unpublished
from kilotar.store.journal import Journal, Recollection
from kilotar.store.workspace import InputRecord, Workspace, kept_path
from kilotar.work.downloads import Downloads
from kilotar.work.engine import ProofTask
from kilotar.work.request import Fetching, Request

__all__ = ["Inputs", "image_archives"]

DEFAULT_ALGORITHM = "sha256"


def image_archives(edition: Edition, splits: tuple[Split, ...]) -> tuple[Archive, ...]:
    """Give the archives of images of these splits that may be read, those of `default` first."""
    chosen = [a for split in splits for a in edition.archives if a.role is ArchiveRole.IMAGES and a.split is split]
    return tuple(sorted(chosen, key=lambda a: (splits.index(a.split or Split.TRAIN), not a.default)))


class Inputs:
    """The archives of one root; close it.

    Args:
        workspace: of the root.
        edition:   the release.
        journal:   what the root knows of archives; a recollection for one who only looks.
        unverified: whether files that are not the published ones may be used.
        emit:      is told of every proof.
        downloads: archives that come piece by piece.
    """

    def __init__(
        self,
        workspace: Workspace,
        edition: Edition,
        journal: Journal[InputRecord] | Recollection[InputRecord],
        *,
        unverified: bool,
        emit: Emit,
        downloads: Downloads,
    ) -> None:
        self.downloads = downloads
        self._edition = edition
        self._unverified = unverified
        self._emit = emit
        self._workspace = workspace
        self._journal = journal
        self.found: dict[str, LocalArchive] = {}
        self._promised: tuple[LocalArchive, ...] = ()

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        edition: Edition,
        *,
        unverified: bool,
        emit: Emit,
        fetching: Fetching | None = None,
    ) -> Inputs:
        """Give inputs for a run that holds the lock: what it finds out is remembered, what is missing may be fetched.

        Raises: MachineError.
        """
        journal = Journal(workspace.inputs, InputRecord)
        downloads = Downloads(workspace, edition, fetching, emit, writable=True)
        return cls(workspace, edition, journal, unverified=unverified, emit=emit, downloads=downloads)

    @classmethod
    def open_for(cls, request: Request, workspace: Workspace, edition: Edition, emit: Emit) -> Inputs:
        """Give inputs for a request, as `open` does. Raises: MachineError."""
        return cls.open(workspace, edition, unverified=request.unverified, emit=emit, fetching=request.fetching)

    @classmethod
    def look(
        cls,
        workspace: Workspace,
        edition: Edition,
        *,
        unverified: bool,
        emit: Emit,
        fetching: Fetching | None = None,
    ) -> Inputs:
        """Give inputs for one who only looks: nothing is written or fetched, and no lock is needed.

        Raises: MachineError.
        """
        journal = Recollection(workspace.inputs, InputRecord)
        downloads = Downloads(workspace, edition, fetching, emit, writable=False)
        return cls(workspace, edition, journal, unverified=unverified, emit=emit, downloads=downloads)

    def promise(self, archives: tuple[LocalArchive, ...]) -> None:
        """Let archives that would be made of a packed one be found, for one who only looks."""
        self._promised = archives

    def close(self) -> None:
        self.downloads.close()
        self._journal.close()

    def settle(self) -> None:
        """Give what was fetched whole its own name, and remember it there. Raises MachineError."""
        for download in self.downloads.settle():
            if download.about.name in self.found:
                self.found[download.about.name] = download.local
                self._remember(download.local)

    def find(self, folder: Path | None, splits: tuple[Split, ...]) -> tuple[LocalArchive, ...]:
        """Find one archive of images a split, in `folder` or where the journal remembers them.

        Raises: LayoutRefused, DigestMismatch.
        """
        wanted = image_archives(self._edition, splits)
        came = {about.name: download.local for about in wanted if (download := self.downloads.find(about))}
        present = {archive.name: archive for archive in self._look(folder, wanted)} | came
        chosen = tuple(self._first(split, wanted, present, folder) for split in splits)
        for archive in chosen:
            if not self._unverified:
                refuse_unpublished(archive)
            self.found[archive.name] = archive
            self._remember(archive)
        return chosen

    def find_others(self, folder: Path | None, role: ArchiveRole) -> tuple[LocalArchive, ...]:
        """Give what is there of a role that holds no images: kits, boxes; packed, gunzipped or unpacked."""
        wanted = tuple(a for a in self._edition.archives if a.role is role)
        found = (find_loose(place, wanted) for place in self._places(folder))
        promised = tuple(a for a in self._promised if a.about.role is role)
        return tuple({a.name: a for archives in (*found, promised) for a in archives}.values())

    def _look(self, folder: Path | None, wanted: tuple[Archive, ...]) -> tuple[LocalArchive, ...]:
        found = {a.name: a for place in self._places(folder) for a in find_archives(place, wanted)}
        found |= {a.name: a for a in self._promised}
        return tuple(found[a.name] for a in wanted if a.name in found)

    def _places(self, folder: Path | None) -> tuple[Path, ...]:
        """Give the folder that was named, or those in which this root found its archives, and the root itself."""
        if folder is not None:
            return (Path(os.path.abspath(folder)),)  # remembered, and looked for from another working folder
        records = map(self._workspace.standing, self._journal.records)
        own = {self._workspace.root, self._workspace.archives}
        return tuple(sorted(place for place in own | {Path(r.path).parent for r in records} if place.is_dir()))

    def _first(
        self, split: Split, wanted: tuple[Archive, ...], present: dict[str, LocalArchive], folder: Path | None
    ) -> LocalArchive:
        names = [a.name for a in wanted if a.split is split]
        looked = names if self._edition.packed == () else [about.name for about in self._edition.packed]
        for name in names:
            if name in present:
                return present[name]
        fetched = self.downloads.fetch(tuple(a for a in wanted if a.split is split))
        if fetched is not None:
            return fetched
        where = folder or f"{self._workspace.root}, nor where this root found its archives before"
        raise LayoutRefused(
            f"the archive of the {split} images is not in {where}",
            seen=f"looked for {', '.join(looked) or 'nothing: the edition names none'}; there: "
            + (", ".join(sorted(present)) or "none of the archives"),
            fix="give the folder with --from, "
            + ("" if self._edition.packed else "fetch it with --from torrent, ")
            + "or leave the split out with --splits",
        )

    def _record_of(self, name: str) -> InputRecord | None:
        found = next((r for r in reversed(self._journal.records) if r.name == name), None)
        return self._workspace.standing(found) if found is not None else None

    def _remember(self, archive: LocalArchive) -> None:
        """Remember where an archive lies, with its digest where it is a file that was proved and then moved."""
        known, proved = self._record_of(archive.name), self._digest_of(archive)
        if known is not None and known.path == str(archive.path):
            return
        if proved is not None:
            moved = self._record(archive, proved.algorithm, proved.digest, published=proved.published)
            self._journal.append([moved])
        elif known is None or not known.digest:
            self._journal.append([self._record(archive, "", "", published=False)])

    def _record(self, archive: LocalArchive, algorithm: str, digest: str, *, published: bool) -> InputRecord:
        i = archive.identity
        return InputRecord(
            archive.name,
            kept_path(str(archive.path), self._workspace.root),
            i.size_bytes,
            i.mtime_ns,
            i.ctime_ns,
            i.inode,
            algorithm,
            digest,
            published,
        )

    def is_proved(self, archive: LocalArchive) -> bool:
        """Tell whether this very file was proved before."""
        known = self._digest_of(archive)
        return known is not None and (known.published or self._unverified or not archive.about.digest[1])

    def _digest_of(self, archive: LocalArchive) -> InputRecord | None:
        """Give the record with the digest of this very file, None where it was never taken."""
        known = self._record_of(archive.name)
        if known is None or not known.digest:
            return None
        then = FileIdentity(known.size_bytes, known.mtime_ns, known.ctime_ns, known.inode)
        return known if then == archive.identity else None

    def trusted(self) -> frozenset[str]:
        """Give the identities of the files found, and of all that were proved to be published ones."""
        proved = (
            FileIdentity(r.size_bytes, r.mtime_ns, r.ctime_ns, r.inode) for r in self._journal.records if r.published
        )
        return frozenset(map(str, (*proved, *(archive.identity for archive in self.found.values()))))

    def fact(self, name: str) -> ArchiveFact:
        """Give what is known of a found archive."""
        archive = self.found[name]
        known = self._digest_of(archive)
        if known is None:
            return ArchiveFact(name, str(archive.path), archive.size_bytes)
        return ArchiveFact(name, str(archive.path), archive.size_bytes, known.algorithm, known.digest, known.published)

    def proofs(self) -> dict[str, ProofTask]:
        """Give the proofs that are still to be made of the archives found."""
        waiting = {name: archive for name, archive in self.found.items() if self._is_unproved(archive)}
        return {name: self.proof(archive) for name, archive in waiting.items()}

    def _is_unproved(self, archive: LocalArchive) -> bool:
        download = self.downloads.get(archive.name)
        grows = download is not None and not download.is_settled
        return grows or not self.is_proved(archive)

    def proof(self, archive: LocalArchive) -> ProofTask:
        """Give the proof of an archive as work for the engine: a pass over its bytes, or their arrival."""
        download = self.downloads.get(archive.name)
        if download is not None:
            return download.proof(partial(self._judge, archive))
        algorithm = archive.about.digest[0] or DEFAULT_ALGORITHM
        proof = Proof(archive, algorithm)
        return ProofTask(
            lambda landed: proof.run(lambda stop: landed(0, stop)),
            partial(self._judge, archive, algorithm),
            proof.allow,
            proof.cancel,
            archive.size_bytes,
        )

    def _judge(self, archive: LocalArchive, algorithm: str, digest: str) -> None:
        expected = archive.about.digest[1]
        published = f"{algorithm}:{digest}" in archive.about.published
        if expected and not published and not self._unverified:
            raise DigestMismatch(
                f"{archive.path} is not the published {archive.name}",
                seen=f"{algorithm} {digest}, published {expected}; the length is right, so bytes inside differ",
                fix="get it again (a torrent client's re-check repairs single pieces), or pass --unverified",
            )
        if not published:
            self._refuse_changed(archive, algorithm, digest)
        self._journal.append([self._record(archive, algorithm, digest, published=published)])
        self._emit(Proved(archive.name, algorithm, digest, published))

    def _refuse_changed(self, archive: LocalArchive, algorithm: str, digest: str) -> None:
        earlier = [r for r in self._journal.records if r.name == archive.name and r.algorithm == algorithm]
        if earlier and earlier[-1].digest != digest:
            raise SettingsDiffer(
                f"{archive.path} has changed since this root was begun",
                seen=f"{algorithm} {digest} now, {earlier[-1].digest} then",
                fix="put the first archive back, or prepare this one in another root",
            )
