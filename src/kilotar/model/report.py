"""What a verb gives back: values that a shell prints, a program reads as JSON, and `report.json` stores.

Rules guarded: a report holds numbers and names, never sentences made for one shell; lists are sorted; the JSON form is
these fields, versioned by `kilotar.events.SCHEMA`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kilotar.events import Finding, Outcome

__all__ = [
    "ArchiveFact",
    "DownloadFact",
    "Forecast",
    "ForecastStep",
    "LabelProof",
    "OutputFact",
    "OutputState",
    "Probe",
    "ProofFact",
    "Report",
    "SplitFact",
    "Status",
    "WhyRow",
]


@dataclass(frozen=True, slots=True)
class ArchiveFact:
    """An archive as it was found. `published` tells whether the digest is the published one."""

    name: str
    path: str
    size_bytes: int
    algorithm: str = ""
    digest: str = ""
    published: bool = False


@dataclass(frozen=True, slots=True)
class DownloadFact:
    """An archive that comes, or came, piece by piece.

    Attributes:
        size_bytes, pieces: of the whole archive.
        landed_bytes, proved: of what is here and proved.
        positions:  classes whose place in the archive is known.
        brought:    bytes of this run by who brought them; "this disk" for what was here and found right.
        sent_bytes: sent to peers by this run.
        wrong:      pieces that were here and were found wrong by this run; they count as absent.
    """

    name: str
    path: str
    size_bytes: int
    pieces: int
    landed_bytes: int
    proved: int
    positions: int = 0
    brought: tuple[tuple[str, int], ...] = ()
    sent_bytes: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class SplitFact:
    """Images of a split: found, and expected by the edition (-1 where no count is known for this choice)."""

    split: str
    images: int
    expected: int
    classes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OutputFact:
    """One output: where it is, what is in it, and the digest of its list of files."""

    name: str
    folder: str
    outcome: Outcome
    files: int
    images: int
    size_bytes: int
    written_bytes: int
    linked: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One validation image whose class is known for certain: number, ilsvrc_id, wnid, label, words."""

    number: int
    ilsvrc_id: int
    wnid: str
    label: int
    words: str


@dataclass(frozen=True, slots=True)
class LabelProof:
    """Which order the labels are in, shown on known images and as a hash of the whole table.

    Attributes:
        order:    "sorted-wnid, 0-based".
        probes:   validation images 1, 2 and 3 of the edition.
        table_sha256: SHA-256 of the lines "<wnid> <label>\\n" of all classes, sorted by label, followed by the lines
                  "<number> <label>\\n" of all validation images.
        agrees:   whether the probes are what the edition says they must be.
    """

    order: str
    probes: tuple[Probe, ...]
    table_sha256: str
    agrees: bool


@dataclass(frozen=True, slots=True)
class ProofFact:
    """What was proved of an export, and by what.

    Attributes:
        subject: "files", "images" or "boxes".
        checked, wrong: how many of them.
        by:      of files "sha256" or "sizes" of their list, "no-list" where it has none; of images "archives" (their
            bytes), "recoded-again" (the same, and those that were written anew were recoded again to the same bytes),
            "recoded-alike" (some of these to the same picture in other bytes, by other releases), "recoded" (of these
            the number alone, where nobody knows what was done) or "edition" (names, classes and counts of the
            edition; the bytes are not compared) or "unread" (none: they could not be read here); of boxes "boxes"
            (class, sides and order) or "boxes-kept" (the same of those that the format has room for, cut at the edges
            of their images).
        source:  the root of the archives, or the edition; of what is unread, why.
    """

    subject: str
    checked: int
    wrong: int
    by: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a verb.

    Attributes:
        verb:     "prepare", "verify", ...
        root:     the folder.
        edition:  its name.
        outcome:  DONE, KEPT (nothing was to be done), BLOCKED or FAILED.
        archives, splits, outputs, labels, downloads: what there is.
        findings: everything found in the data, problems and facts.
        checked:  images looked at by this verb.
        seconds:  wall time of this run.
        verified: False when `--unverified` let an unpublished archive through.
        next_steps: commands or lines of code that lead on.
        proofs:   of an export.
    """

    verb: str
    root: str
    edition: str
    outcome: Outcome
    archives: tuple[ArchiveFact, ...] = ()
    splits: tuple[SplitFact, ...] = ()
    outputs: tuple[OutputFact, ...] = ()
    labels: LabelProof | None = None
    findings: tuple[Finding, ...] = ()
    checked: int = 0
    seconds: float = 0.0
    verified: bool = True
    path: str = ""
    next_steps: tuple[str, ...] = ()
    downloads: tuple[DownloadFact, ...] = ()
    proofs: tuple[ProofFact, ...] = ()

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.is_problem)

    @property
    def exit_code(self) -> int:
        """0, or 3 where the check found problems."""
        return 3 if self.problems else 0


@dataclass(frozen=True, slots=True)
class ForecastStep:
    """One line of a plan: what, bytes read and written, files made, images among them, seconds expected.

    Attributes:
        ready_bytes: that must have been fetched until its first file can be written, -1 where it waits for none.
        upload_bytes: that go to a store; written is then what lies here meanwhile.
    """

    name: str
    read_bytes: int
    write_bytes: int
    files: int
    images: int
    seconds: float
    ready_bytes: int = -1
    upload_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do and need. `seconds` comes from a short measurement of this disk, and knows no network.

    Attributes:
        fetch_bytes: that are not here yet.
        upload_bytes: that go to a store.
    """

    root: str
    steps: tuple[ForecastStep, ...]
    images: int
    write_bytes: int
    files: int
    peak_bytes: int
    free_bytes: int
    free_inodes: int
    seconds: float
    write_bytes_per_s: float
    fits: bool
    fetch_bytes: int = 0
    upload_bytes: int = 0


@dataclass(frozen=True, slots=True)
class OutputState:
    """How far an output is: steps recorded of steps planned, and whether its manifest stands.

    Attributes:
        format: that it is of; its name is the same unless a person gave another.
        choice: which images were selected, in words, "" for all.
    """

    name: str
    folder: str
    plan_id: str
    steps_done: int
    steps: int
    complete: bool
    format: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What is under a root, without touching image bytes."""

    root: str
    edition: str
    archives: tuple[ArchiveFact, ...]
    outputs: tuple[OutputState, ...]
    running: str
    downloads: tuple[DownloadFact, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyRow:
    """One step and why it will be done, or is kept: reason in {recorded, new, lost, changed-size, settings}."""

    output: str
    key: str
    outcome: Outcome
    reason: str
