"""What a run would do: bytes, files and time of every output, for `--dry-run` and for the refusal of a full disk.

Rules guarded: the counts of a published archive are the published ones; those of any other are counted from its
headers; what is recorded as done is not counted again; a tree that will be linked costs inodes and no bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kilotar.model.pixels import Pixels
from kilotar.model.report import Forecast, ForecastStep
from kilotar.plan.selection import Selection
from kilotar.plan.steps import Reason, Step
from kilotar.sinks.base import side_bytes_of
from kilotar.store.index import PartSpan
from kilotar.store.workspace import Workspace
from kilotar.work.downloads import Downloads
from kilotar.work.gathering import count_images
from kilotar.work.linking import find_tree, finished_trees
from kilotar.work.output import BOXES, Output
from kilotar.work.request import Request
from kilotar.work.space import ASSUMED_RATE, BLOCK_BYTES, STATE_BYTES, DiskRate, forecast, measure_disk, nearest_folder
from kilotar.work.spool import Spool
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["forecast_run"]

_TAR_BLOCK_BYTES = 512
_FRAME_BYTES = 2048  # of a sample in a shard, at most: two members of a tar beside the image
_RECODE_S = 2.5e-3  # of an image on one core, with the fast libraries
_JPEG_BYTES_PX = 0.4  # of photographs at quality 90
_USUAL_PX = 500 * 375
_ENTRY_BYTES = 64  # of a second name in its folder


def forecast_run(
    request: Request,
    surveyed: Survey,
    outputs: tuple[Output, ...],
    workspace: Workspace,
    downloads: Downloads,
    *,
    measure: bool,
) -> Forecast:
    """Give the forecast of a run; with `measure` the disk is written for at most two seconds.

    Raises: MachineError.
    """
    place = request.out if isinstance(request.out, Path) else workspace.root
    rate = measure_disk(nearest_folder(place)) if measure else ASSUMED_RATE
    every = _count(surveyed)
    trees = list(finished_trees(workspace))
    lacking = [archive for archive in surveyed.archives if downloads.lacks(archive.local)]
    steps = [_get(archive, surveyed, downloads, rate) for archive in lacking]
    fetch_bytes = sum(s.write_bytes for s, a in zip(steps, lacking, strict=True) if not a.local.about.within)
    steps += [_pixels(spool, surveyed, request.jobs, rate) for spool in _unmade(outputs)]
    for output in outputs:
        tree = find_tree(output, trees, request.link)
        shares = tree is not None and output.shares_tree_with(tree)
        waiting = () if shares else _waiting(output, workspace, surveyed.trusted)
        each_bytes = side_bytes_of(output.sink, output.options) + STATE_BYTES
        side_bytes = every * each_bytes if output.manifest is None else 0
        if output.sink.ABOUT.shards:
            step = _shards(output, surveyed, waiting, side_bytes, rate)
            steps.append(step if output.remote is None else _passing(step, request.threads))
        else:
            links = tree is not None
            steps.append(_line(output, surveyed, waiting, side_bytes, rate, links=links))
        if fetch_bytes and steps[-1].write_bytes:
            first = fetch_bytes if output.sink.ABOUT.shards else _first_part(lacking, surveyed, fetch_bytes)
            steps[-1] = replace(steps[-1], ready_bytes=first)
        trees.append(output)
    upload_bytes = sum(step.upload_bytes for step in steps)
    return replace(forecast(place, steps, every, rate), fetch_bytes=fetch_bytes, upload_bytes=upload_bytes)


def _passing(step: ForecastStep, threads: int) -> ForecastStep:
    """Give the line of an output that goes to a store: here there are as many shards at once as there are threads."""
    files = min(threads, step.files)
    here = -(-step.write_bytes * files // max(1, step.files))
    return replace(step, write_bytes=here, files=files, upload_bytes=step.write_bytes)


def _unmade(outputs: Iterable[Output]) -> Iterable[Spool]:
    """Give the spools that are to be made, each once."""
    lacking = (output for output in outputs if output.lacks_pixels and output.manifest is None)
    return {output.recipe.pixels: output.spool for output in lacking if output.spool is not None}.values()


def _pixels(spool: Spool, surveyed: Survey, jobs: int, rate: DiskRate) -> ForecastStep:
    """Give the line of images that are recoded; what lies there of a run that was stopped is counted again."""
    spans = [(archive, span) for archive in surveyed.archives for span in archive.chosen_parts(surveyed.chosen)]
    contents = [_content(archive, span, surveyed.selection) for archive, span in spans]
    images, size_bytes = sum(count for count, _ in contents), sum(content for _, content in contents)
    if spool.pixels.is_odd_only:
        odd = min(images, len(surveyed.edition.cmyk | surveyed.edition.png))
        images, size_bytes = odd, size_bytes * odd // max(1, images)
    write_bytes = recoded_bytes(spool.pixels, images, size_bytes)
    seconds = rate.seconds(write_bytes, len(spans)) + images * _RECODE_S / (jobs or os.cpu_count() or 1)
    return ForecastStep("pixels", size_bytes, write_bytes, 2 * len(spans) if images else 0, images, seconds)


def recoded_bytes(pixels: Pixels, images: int, size_bytes: int) -> int:
    """Give about how many bytes images take when something is done to them.

    Args:
        size_bytes: of them as published.
    """
    if not pixels.every:
        return size_bytes
    kind, _, number = pixels.resize.partition(":")
    share = {"short": 4 / 3, "max": 3 / 4}.get(kind, 1.0)  # photographs are three by four
    each_px = share * int(number) ** 2 if number else _USUAL_PX
    jpeg_bytes = images * each_px * _JPEG_BYTES_PX
    if kind in ("short", "max", ""):
        jpeg_bytes = min(jpeg_bytes, size_bytes)  # none is enlarged
    raw_share = {"ppm": 1.0, "mixed": pixels.raw_share}.get(pixels.form, 0.0)
    return int(raw_share * images * each_px * 3 + (1 - raw_share) * jpeg_bytes)


def _count(surveyed: Survey) -> int:
    spans = ((a, span) for a in surveyed.archives for span in a.chosen_parts(surveyed.chosen))
    return sum(_content(archive, span, surveyed.selection)[0] for archive, span in spans)


def _first_part(lacking: list[SurveyedArchive], surveyed: Survey, fetch_bytes: int) -> int:
    """Give how much must come until the first part is there; all archives come at once, the smallest part is first."""
    spans = [span for archive in lacking for span in archive.chosen_parts(surveyed.chosen)[:1]]
    return min((span.stop - span.start for span in spans), default=fetch_bytes)


def _get(archive: SurveyedArchive, surveyed: Survey, downloads: Downloads, rate: DiskRate) -> ForecastStep:
    """Give the line of an archive that is to be fetched, nobody knows how fast it comes, or made of a packed one."""
    spans = archive.chosen_parts(surveyed.chosen)
    wanted = sum(span.stop - span.start for span in spans) if surveyed.chosen and spans else archive.local.size_bytes
    missing = max(0, wanted - downloads.landed_bytes(archive.local))
    verb = "unpack" if archive.local.about.within else "get"
    return ForecastStep(f"{verb} {archive.local.name}", missing, missing, 1, 0, rate.seconds(missing, 1))


def _line(
    output: Output, surveyed: Survey, waiting: tuple[Step, ...], side_bytes: int, rate: DiskRate, *, links: bool
) -> ForecastStep:
    """Give the line of one output."""
    size_bytes, images = _needs(surveyed, waiting)
    has_notes = any(step.key.startswith(BOXES) for step in waiting)
    notes = (images or _count(surveyed)) if has_notes else 0  # at most one XML an image
    lost_bytes = (images * BLOCK_BYTES // 2 if not links else images * _ENTRY_BYTES) + notes * BLOCK_BYTES
    size_bytes = recoded_bytes(output.recipe.pixels, images, size_bytes)
    write_bytes = (0 if links else size_bytes) + lost_bytes + side_bytes
    read_bytes = 0 if links else size_bytes if surveyed.selection else sum(step.size_bytes for step in waiting)
    seconds = rate.seconds(write_bytes, images + notes)
    return ForecastStep(output.name, read_bytes, write_bytes, images + notes, images, seconds)


def _shards(
    output: Output, surveyed: Survey, waiting: tuple[Step, ...], side_bytes: int, rate: DiskRate
) -> ForecastStep:
    """Give the line of an output in shards; of one whose shards are not planned yet, by all images there will be."""
    spans = [(a, span) for a in surveyed.archives for span in a.chosen_parts(surveyed.chosen)]
    selection = surveyed.selection
    contents = [_content(archive, span, selection) for archive, span in spans] if output.manifest is None else []
    images, size_bytes = sum(count for count, _ in contents), sum(content for _, content in contents)
    if output.sharding is not None and images:
        left = sum(step.members for step in waiting)
        images, size_bytes = left, size_bytes * left // images
    size_bytes = recoded_bytes(output.recipe.pixels, images, size_bytes)
    write_bytes = size_bytes + images * _FRAME_BYTES + side_bytes
    files = len(waiting) or (1 if images else 0)
    return ForecastStep(output.name, size_bytes, write_bytes, files, images, rate.seconds(write_bytes, files))


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
        count, content = _content(archive, span, surveyed.selection)
        files, size_bytes = files + count, size_bytes + content
    return size_bytes, files


def _content(archive: SurveyedArchive, span: PartSpan, selection: Selection) -> tuple[int, int]:
    """Give images and bytes of images of a part; an upper bound of the bytes where only its extent is known."""
    if (picked := archive.picked(span)) is not None:
        return len(picked), picked.size_bytes
    count = count_images(archive, span)
    taken = selection.quota(count, archive.split) if span.wnid else count
    return taken, max(0, span.stop - span.start - count * _TAR_BLOCK_BYTES) * taken // max(1, count)
