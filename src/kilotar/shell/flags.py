"""The flags, as values: each is written once, and help, environment and TOML follow from it.

Rules guarded: names on the command line are those of the docs; a list may be comma-separated, repeated, or both;
nothing is looked up on the disk here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from kilotar.errors import UsageError
from kilotar.model.pixels import AS_PUBLISHED, PixelWish

__all__ = ["JOBS", "WAYS", "Recoded", "Talk", "Wanted", "listed", "parse_option"]

JOBS = Parameter(name=("--jobs", "-j"))
WAYS = ("torrent", "http")  # words of --from that are no folders; a folder of that name is ./torrent


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How a command talks; the same for every command."""

    json: bool = False
    """Print one JSON object on stdout, and nothing else there."""

    events: Annotated[str, Parameter(allow_leading_hyphen=True)] = ""
    """Write every event as a line of JSON to this file; "-" is stdout."""

    plain: bool = False
    """No bars and no control codes: one plain line a minute and at each step."""

    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"))] = False
    """Say nothing on the way; print the result only."""

    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"))] = False
    """Say every step and every finding."""

    log_file: Path | None = None
    """Write the log here. Default: ROOT/.kilotar/log/."""

    config: Path | None = None
    """Read settings from this TOML file instead of ./kilotar.toml."""

    debug: bool = False
    """Show tracebacks."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Recoded:
    """What is done to the pixels of images."""

    resize: str = ""
    """New size: N or short:N, max:N, box:N, crop:N, exact:N; images that fit N or max:N stay byte for byte."""

    quality: int = 0
    """Of JPEGs that are written anew, 1 to 100. Default: 90."""

    filter: Literal["lanczos", "bicubic", "bilinear", "box"] | None = None
    """How pixels are scaled. Default: lanczos."""

    odd: Literal["keep", "convert"] | None = None
    """CMYK JPEGs, and PNG under a JPEG's name: keep them, or convert them to RGB JPEGs. Default: the format's own."""

    def wish(self) -> PixelWish:
        """Give it as the library takes it. Raises: UsageError."""
        wish = PixelWish(self.resize, self.quality, self.filter or "", self.odd or "")
        wish.over(AS_PUBLISHED, "keep")  # a wrong word is told before anything is looked at
        return wish


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to prepare, and from what."""

    source: Annotated[str, Parameter(name="--from")] = ""
    """Folder that holds the archives; or torrent or http, to fetch them. Default: where this root found them before."""

    formats: Annotated[tuple[str, ...], Parameter(name="--for")] = ("imagefolder",)
    """Formats to write, comma-separated; see `kilotar formats`."""

    splits: tuple[str, ...] = ()
    """Only these: train, val, test."""

    classes: tuple[str, ...] = ()
    """Only these classes: a subset's name, a file of wnids, or wnids."""

    per_class: int = 0
    """Of the training images only so many of each class. Default: all."""

    fraction: float = 0.0
    """Of the training images only this share of each class: 0.01 is 1 %. Default: all."""

    seed: int | None = None
    """Of --per-class and --fraction: which images they take. Default: 0."""

    images: Path | None = None
    """Only the images that this file names, one a line; a split of which it names none is whole."""

    boxes: bool = False
    """Join the bounding boxes too."""

    accept_terms: bool = False
    """Accept the data set's terms of use."""

    unverified: bool = False
    """Take archives that are not the published ones; written into the provenance."""

    edition: str = ""
    """Edition by name, or a TOML file that describes one. Default: the root's, else ilsvrc2012."""

    jobs: Annotated[int, JOBS] = 0
    """Workers at once. Default: one a core, at most 4: more gain nothing."""

    option: tuple[str, ...] = ()
    """An option of a format, as FORMAT.NAME=WORD; may be repeated."""

    name: str = ""
    """Name of the output and of its folder below ROOT, so that one format can be there with several settings."""

    out: str = ""
    """Write the output there instead of below ROOT: a folder, or s3://, gs://, az:// and what fsspec knows."""

    endpoint: str = ""
    """Address of the server of --out s3:// or az://, if it is not the store's own."""

    recoded: Recoded = Recoded()

    link: Literal["auto", "never"] = "auto"
    """Whether a second tree may be hard links of the first."""

    @property
    def is_fetched(self) -> bool:
        """Whether archives that are nowhere are to be fetched."""
        return self.source in WAYS

    def source_path(self) -> Path | None:
        """Give the folder of archives, None where none was named."""
        return Path(self.source).expanduser() if self.source and not self.is_fetched else None

    def options(self) -> tuple[tuple[str, str, str], ...]:
        """Give the options of formats as (format, name, word). Raises: UsageError."""
        return tuple(parse_option(text) for text in listed(self.option))


def listed(words: Iterable[str]) -> tuple[str, ...]:
    """Split comma-separated words and drop empty ones, so that `a,b` and `a` `b` are the same list."""
    return tuple(part.strip() for word in words for part in word.split(",") if part.strip())


def parse_option(text: str) -> tuple[str, str, str]:
    """Take `cls-loc.kaggle=yes` apart. Raises: UsageError."""
    name, equals, word = text.partition("=")
    sink, dot, option = name.partition(".")
    if not (sink and dot and option and equals and word):
        raise UsageError(
            f"--option {text!r} cannot be read", seen="an option is FORMAT.NAME=WORD", fix="--option cls-loc.kaggle=yes"
        )
    return sink, option, word
