"""What kilotar does, through its public library."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kilotar
import kilotar.work.index
import kilotar.work.prepare
import kilotar.work.verify
from bench.jobs_rivals import Work, in_threads, shuffled_rows
from kilotar.events import Event, Proved, ignore
from kilotar.sinks.base import find_sinks
from kilotar.sources.local import Proof, find_archives

TRAIN = "ILSVRC2012_img_train.tar"


def prepare(source: str, edition: str, out: str, jobs: int, sync: bool, known: str = "") -> Work:
    """Make an ImageFolder.

    Args:
        known: a root whose proof of the same archive is believed; "" for none.
    """
    _make_root(out, known)
    find_sinks()  # imports are nobody's time
    wish: dict[str, Any] = {"source": Path(source), "edition": edition, "splits": ("train",), "accept_terms": True}

    def work() -> dict[str, object]:
        report = kilotar.prepare(out, on_event=_refuse_proof if known else ignore, jobs=jobs, sync=sync, **wish)
        return {"images": report.splits[0].images, "verified": report.verified, "findings": len(report.findings)}

    return work


def index(source: str, edition: str, out: str, jobs: int, known: str) -> Work:
    """Hash every image without writing one; the archive was proved before."""
    _make_root(out, known)

    wish: dict[str, Any] = {"source": Path(source), "edition": edition, "splits": ("train",), "accept_terms": True}

    def work() -> None:
        kilotar.index(out, on_event=_refuse_proof, jobs=jobs, **wish)

    return work


def proof(source: str, edition: str, algorithm: str) -> Work:
    """Take the digest of the whole archive."""
    (local,) = find_archives(Path(source), (kilotar.edition(edition).archive(TRAIN),))

    def work() -> None:
        proving = Proof(local, algorithm)
        proving.allow(local.size_bytes)
        proving.run(lambda read: None)

    return work


def verify(root: str, level: str, jobs: int) -> Work:
    def work() -> dict[str, object]:
        report = kilotar.verify(root, level=level, jobs=jobs)
        return {"images": report.checked, "findings": len(report.findings)}

    return work


def reads(root: str, threads: int) -> Work:
    """Read every image of a split in place, in random order."""
    images = kilotar.open(root, "train")
    order = shuffled_rows(len(images))

    def read(some: list[int]) -> int:
        return sum(len(images[row].read()) for row in some)

    read(order)
    return lambda: {"sum_bytes": in_threads(read, order, threads), "images": len(order)}


def _make_root(out: str, known: str) -> None:
    state = Path(out, ".kilotar")
    state.mkdir(parents=True)
    if known:
        shutil.copyfile(Path(known, ".kilotar", "inputs.jsonl"), state / "inputs.jsonl")


def _refuse_proof(event: Event) -> None:
    """End the measurement of an archive "already proved" where it is proved once more."""
    if isinstance(event, Proved):
        raise SystemExit(f"{event.archive} was proved again: the earlier proof was not believed")


PRODUCT_JOBS: dict[str, Callable[..., Work]] = {
    "prepare": prepare,
    "index": index,
    "proof": proof,
    "verify": verify,
    "reads": reads,
}
