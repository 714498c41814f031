"""`export`: more formats from the archives that a root remembers. Arguments to the library, its value to words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import kilotar
from kilotar.events import Emit
from kilotar.shell.commands_make import answer_report, place_of
from kilotar.shell.flags import JOBS, Recoded, Talk, listed, parse_option
from kilotar.shell.stage import Answer, perform

__all__ = ["export"]


def export(
    root: Path,
    *formats: str,
    origin: Annotated[str, Parameter(name="--from")] = "",
    origin_format: Annotated[str, Parameter(name="--from-format")] = "",
    name: str = "",
    out: str = "",
    endpoint: str = "",
    order: Literal["archive", "windowed", "shuffled", "official"] | None = None,
    seed: int | None = None,
    shards: int | None = None,
    splits: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    per_class: int = 0,
    fraction: float = 0.0,
    images: Path | None = None,
    boxes: bool = False,
    option: tuple[str, ...] = (),
    edition: str = "",
    unverified: bool = False,
    accept_terms: bool = False,
    jobs: Annotated[int, JOBS] = 0,
    recoded: Recoded = Recoded(),  # noqa: B008 - frozen
    talk: Talk = Talk(),  # noqa: B008 - frozen
) -> int:
    """Write more formats from the archives that this root remembers, or out of another export; again resumes.

    Args:
        root: Folder of the data set.
        formats: Formats to write; see `kilotar formats`.
        origin: An export in any format, to write from instead of the archives: a folder, or the address of an output;
            ROOT is a new folder then.
        origin_format: Format of that export, if it does not say so itself.
        name: Name of the output and of its folder below ROOT, so that one format can be there with several settings.
        out: Write the output there instead of below ROOT: a folder, or s3://, gs://, az:// ...; for one format.
        endpoint: Address of the server of s3:// or az:// in --from and --out, if it is not the store's own.
        order: How samples follow one another in shards. Default: the format's own.
        seed: Of the mixed orders, and of --per-class and --fraction.
        shards: Number of shards of the training images. Default: the format's usual.
        splits: Only these: train, val, test. Default: train and val.
        classes: Only these classes: a subset's name, a file of wnids, or wnids.
        per_class: Of the training images only so many of each class.
        fraction: Of the training images only this share of each class: 0.01 is 1 %.
        images: Only the images that this file names, one a line; a split of which it names none is whole.
        boxes: Join the bounding boxes too.
        option: An option of one format, as FORMAT.NAME=WORD; may be repeated.
        edition: Edition of an export that does not say it itself: a name, or a TOML file.
        unverified: Take archives that are not the published ones; written into the provenance.
        accept_terms: Accept the terms of use of the data set.
        jobs: Workers at once. Default: one a core, at most 4.
    """
    root = root.expanduser()

    def work(emit: Emit) -> Answer:
        report = kilotar.export(
            root,
            *listed(formats),
            origin=place_of(origin, endpoint),
            origin_format=origin_format,
            name=name,
            order=order or "",
            seed=seed,
            shards=shards,
            out=place_of(out, endpoint),
            splits=listed(splits),
            classes=listed(classes),
            per_class=per_class,
            fraction=fraction,
            images=images,
            boxes=boxes,
            options=tuple(parse_option(text) for text in listed(option)),
            edition=edition,
            unverified=unverified,
            accept_terms=accept_terms,
            jobs=jobs,
            pixels=recoded.wish(),
            on_event=emit,
        )
        return answer_report(report)

    return perform("export", talk, work, root)
