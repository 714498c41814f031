"""What a run would do: bytes, files and time of every output, for `--dry-run` and for the refusal of a full disk.

Rules guarded: the counts of a published archive are the published ones; those of any other are counted from its
headers; what is recorded as done is not counted again; a tree that will be linked costs inodes and no bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from kilotar.model.report import Forecast, ForecastStep
from kilotar.plan.steps import Reason, Step
from kilotar.store.index import PartSpan
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import count_images
from kilotar.work.output import BOXES, Output
from kilotar.work.request import Request
from kilotar.work.space import BLOCK_BYTES, STATE_BYTES, forecast, measure_write_rate, nearest_folder
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["forecast_run"]

_TAR_BLOCK_BYTES = 512
ASSUMED_BYTES_PER_S = 200e6  # where the disk is not measured: only sums and refusals are wanted then


def forecast_run(
    request: Request, surveyed: Survey, outputs: tuple[Output, ...], workspace: Workspace, *, measure: bool
) -> Forecast:
    """Give the forecast of a run; with `measure` the disk is written for at most a second.

    Raises: MachineError.
    """
    rate = measure_write_rate(nearest_folder(workspace.root)) if measure else ASSUMED_BYTES_PER_S
    steps: list[ForecastStep] = []
    images = 0
    has_tree = False
    every = sum(count_images(a, span) for a in surveyed.archives for span in a.chosen_parts(surveyed.chosen))
    for output in outputs:
        if output.manifest is not None:
            steps.append(ForecastStep(output.name, 0, 0, 0, 0.0))
            continue
        waiting = _waiting(output, workspace, surveyed.trusted)
        links = has_tree and request.link == "auto"
        size_bytes, files = _needs(surveyed, waiting)
        notes = every if any(step.key.startswith(BOXES) for step in waiting) else 0  # at most one XML an image
        images += files
        has_tree |= output.sink.ABOUT.images
        blocks = (files if not links else files // 16) + 2 * notes  # half a block is lost a file; a link is an entry
        write_bytes = (0 if links else size_bytes) + blocks * BLOCK_BYTES // 2
        write_bytes += every * (output.sink.ABOUT.side_bytes + STATE_BYTES)
        read_bytes = 0 if links else sum(step.size_bytes for step in waiting)
        steps.append(ForecastStep(output.name, read_bytes, write_bytes, files + notes, write_bytes / rate))
    return forecast(workspace.root, steps, images, rate)


def _waiting(output: Output, workspace: Workspace, trusted: frozenset[str]) -> tuple[Step, ...]:
    if output.manifest is not None:
        return ()
    reasons = output.todo(output.recorded(workspace), trusted)
    return tuple(step for step, reason in reasons if reason is not Reason.RECORDED)


def _needs(surveyed: Survey, waiting: Iterable[Step]) -> tuple[int, int]:
    """Give bytes and files of the images of these steps."""
    size_bytes = files = 0
    spans = {f"{a.split}/{span.key}": (a, span) for a in surveyed.archives for span in a.outline.parts}
    for step in waiting:
        if step.key.startswith(BOXES):
            continue
        archive, span = spans[step.key]
        count, content = _content(archive, span)
        files, size_bytes = files + count, size_bytes + content
    return size_bytes, files


def _content(archive: SurveyedArchive, span: PartSpan) -> tuple[int, int]:
    """Give images and bytes of images of a part; an upper bound of the bytes where only its extent is known."""
    count = count_images(archive, span)
    return count, max(0, span.stop - span.start - count * _TAR_BLOCK_BYTES)
