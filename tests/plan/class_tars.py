"""Tars of tars in memory with their truth, and a search over them that counts what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kilotar.events import Finding
from kilotar.model.edition import Archive, ArchiveRole, Layout, Strictness, Synset
from kilotar.model.pieces import PieceTable
from kilotar.model.positions import Position, Positions
from kilotar.plan.locate import Locator
from kilotar.plan.locate_steps import Done, Located, Probe, Refused
from tests.doubles.tars import END, header, member, padded, tar

MOST_ROUNDS = 3000


def archive(**strictness: bool) -> Archive:
    """Give the facts of an archive of classes."""
    return Archive(
        "train.tar",
        ArchiveRole.IMAGES,
        layout=Layout.TAR_OF_TARS,
        member=r"(?P<wnid>n\d{8})_(?P<number>[1-9]\d*)\.JPEG",
        strictness=Strictness(**strictness),
    )


def synsets(count: int, images: int = 3) -> tuple[Synset, ...]:
    """Give classes n00000010, n00000020 ... with published counts."""
    return tuple(Synset(f"n{10 * (n + 1):08d}", n + 1, "", label=n, train_images=images) for n in range(count))


def class_tar(wnid: str, images: Sequence[bytes]) -> bytes:
    return tar((f"{wnid}_{7 * n + 1}.JPEG".encode(), data) for n, data in enumerate(images))


def tar_of_tars(tars: Iterable[tuple[str, bytes]], end: bytes = END) -> tuple[bytes, dict[str, Position]]:
    """Give an archive and where its class tars lie; a name that is no wnid becomes a plain member."""
    data, truth = bytearray(), {}
    for name, content in tars:
        if name.startswith("n"):
            start = len(data) + 512
            truth[name] = Position(len(data), start, start + len(content), name)
        data += member(f"{name}.tar".encode() if name.startswith("n") else name.encode(), content)
    return bytes(data + end), truth


def fake_tar(wnid: str, claimed_bytes: int, images: Sequence[bytes] = ()) -> bytes:
    """Give bytes that look like the beginning of a class tar, to be hidden in an image."""
    return header(f"{wnid}.tar".encode(), claimed_bytes) + b"".join(
        header(f"{wnid}_{n + 1}.JPEG".encode(), len(data)) + padded(data) for n, data in enumerate(images)
    )


@dataclass(slots=True)
class Outcome:
    """How a search went."""

    found: dict[str, Position] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    looked: set[int] = field(default_factory=set)
    rounds: int = 0
    refused: Refused | None = None
    positions: Positions | None = None

    @property
    def missing(self) -> set[str]:
        return {finding.why.rpartition(" ")[2] for finding in self.findings if finding.kind == "missing"}

    @property
    def has_walked(self) -> bool:
        return any("from header to header" in finding.why for finding in self.findings)

    @property
    def has_distrusted(self) -> bool:
        return any("table of positions is" in finding.why for finding in self.findings)


def search(locator: Locator, table: PieceTable, read: Callable[[int, int], bytes]) -> Outcome:
    """Run a search to its end, all pieces of a round at once."""
    outcome = Outcome()
    while True:
        step = locator.next()
        if isinstance(step, Probe):
            assert step.pieces and len(set(step.pieces)) == len(step.pieces)
            assert locator.next() == step
            outcome.rounds += 1
            assert outcome.rounds <= MOST_ROUNDS
            outcome.looked.update(step.pieces)
            for piece in step.pieces:
                locator.on(piece, memoryview(read(table.start(piece), table.stop(piece))))
        elif isinstance(step, Located):
            assert step.position.wnid not in outcome.found
            outcome.found[step.position.wnid] = step.position
        elif isinstance(step, Finding):
            outcome.findings.append(step)
        elif isinstance(step, Refused):
            outcome.refused = step
            return outcome
        elif isinstance(step, Done):
            outcome.positions = step.positions
            return outcome


def find(
    data: bytes,
    classes: Sequence[Synset],
    wanted: Iterable[str],
    piece_bytes: int,
    known: Positions | None = None,
    about: Archive | None = None,
) -> Outcome:
    """Search an archive in memory."""
    table = PieceTable("train.tar", len(data), piece_bytes)
    locator = Locator(table, about or archive(), classes, wanted, known)
    return search(locator, table, lambda start, stop: data[start:stop])


def overhead(outcome: Outcome, table: PieceTable) -> float:
    """Give the bytes of all pieces fetched, for looks and for the classes found, over the bytes of these classes."""
    pieces = set(outcome.looked)
    for position in outcome.found.values():
        pieces.update(table.touching(position.header_at, position.stop))
    fetched = sum(table.length(piece) for piece in pieces)
    return fetched / sum(position.stop - position.start for position in outcome.found.values()) - 1


def shifted(truth: Mapping[str, Position], by: int) -> list[Position]:
    """Give positions that are all wrong by some bytes."""
    return [Position(p.header_at + by, p.start + by, p.stop + by, p.wnid) for p in truth.values()]
