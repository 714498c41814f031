"""Several outputs of shards in one schedule, so that the archive is read once for all of them.

Rules guarded: outputs whose samples come in one order are made side by side, shard beside shard by the place of their
samples in that order: what one of them reads is still in the page cache when the next asks for it, and between two
reads of an image lie no more bytes than the largest shards hold. Each output keeps its own staging, journal, side files
and manifest, so that a kill, a resume and the bytes are the same as if it were made alone.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from kilotar.errors import DigestMismatch
from kilotar.model.sample import Split
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import Step, StepDone
from kilotar.work.engine import Engine, Job, way_for
from kilotar.work.making import Making, Setting
from kilotar.work.output import Output
from kilotar.work.sharding import Sharding

__all__ = ["make_together", "sharing_read"]


def sharing_read(output: Output, others: Iterable[tuple[int, Output]]) -> tuple[int, ...]:
    """Give the numbers of those others that can be made beside an output: shards of the same samples in one order."""
    mine = _ready(output)
    if mine is None:
        return ()
    order = _order(mine)
    ready = ((number, _ready(other)) for number, other in others)
    return tuple(number for number, sharding in ready if sharding is not None and _order(sharding) == order)


def _ready(output: Output) -> Sharding | None:
    """Give the shards of an output that can be begun at once."""
    is_ready = output.manifest is None and output.remote is None and not output.lacks_pixels
    return output.sharding if is_ready else None


def _order(sharding: Sharding) -> bytes:
    """Give what tells whether two outputs read the same bytes in the same order."""
    digest = hashlib.sha256()
    for table in sharding.collection.tables:
        digest.update(f"{table.split} {sorted({part.spool for part in table.parts})}\n".encode())
    for shard in sharding.shards.values():
        digest.update(array("Q", shard.rows).tobytes())
    return digest.digest()


def _places(sharding: Sharding) -> dict[str, tuple[int, int]]:
    """Give where each shard begins: the number of its split, and of its first sample in the order."""
    places: dict[str, tuple[int, int]] = {}
    for number, split in enumerate(Split):
        shards = [shard for shard in sharding.shards.values() if shard.split is split]
        starts = accumulate((len(shard.rows) for shard in shards), initial=0)
        places |= {shard.key: (number, start) for shard, start in zip(shards, starts, strict=False)}
    return places


def make_together(setting: Setting, outputs: Sequence[Output]) -> None:
    """Make outputs of shards side by side, or go on making them.

    Raises: KilotarError; KeyboardInterrupt after a clean stop.
    """
    makings = {output.name: Making(setting, output, None) for output in outputs}
    crew = _Crew(makings)
    try:
        waiting, proofs = crew.begin(outputs), setting.inputs.proofs()
        scheduler = Scheduler(
            waiting,
            {name: proof.total_bytes for name, proof in proofs.items()},
            landed={a.local.name: a.local.size_bytes for a in setting.survey.archives},
            slots=setting.slots,
        )
        job = Job(scheduler, crew.write, proofs, crew.commit, crew.record, crew.seal)
        for making in makings.values():
            making.hire(waiting, way_for(proofs))
        Engine(job, setting.slots, setting.emit).run()
    except DigestMismatch:
        for making in makings.values():
            making.throw_away()
        raise
    finally:
        for making in makings.values():
            making.close()


class _Crew:
    """Hands what the engine asks for to the output that it is of; keys of steps begin with the output's name."""

    def __init__(self, makings: dict[str, Making]) -> None:
        self._makings = makings

    def begin(self, outputs: Sequence[Output]) -> list[Step]:
        """Give the steps that are to be done, in the order of their samples."""
        placed = [placed for output in outputs for placed in self._of(output)]
        return [step for _, step in sorted(placed, key=lambda placed: placed[0])]

    def _of(self, output: Output) -> Iterator[tuple[tuple[int, int], Step]]:
        places = _places(output.sharding) if output.sharding is not None else {}
        for step in self._makings[output.name].begin():
            yield places[step.key], replace(step, key=f"{output.name}/{step.key}")

    def write(self, key: str) -> Callable[[], StepDone]:
        name, _, inner = key.partition("/")
        work = self._makings[name].write(inner)
        return lambda: replace(work(), key=key)

    def commit(self) -> None:
        for making in self._makings.values():
            making.commit()

    def record(self, parts: tuple[StepDone, ...]) -> None:
        for name, making in self._makings.items():
            own = (part for part in parts if part.key.startswith(f"{name}/"))
            making.record(tuple(replace(part, key=part.key.removeprefix(f"{name}/")) for part in own))

    def seal(self) -> None:
        for making in self._makings.values():
            making.seal()
