"""A library whose verbs only remember how they were called, and give what the test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import kilotar
from kilotar.events import Event, Finding, Outcome
from kilotar.model.checkup import Checkup, Line, Mark
from kilotar.model.edition import Archive, ArchiveRole, Edition, Synset
from kilotar.model.report import (
    ArchiveFact,
    Forecast,
    ForecastStep,
    LabelProof,
    OutputFact,
    OutputState,
    Probe,
    Report,
    SplitFact,
    Status,
    WhyRow,
)
from kilotar.shell.cli import main

VERBS = (
    "prepare",
    "get",
    "adopt",
    "repair",
    "export_positions",
    "seed",
    "plan",
    "index",
    "verify",
    "status",
    "why",
    "doctor",
    "edition",
    "find_classes",
    "find_sinks",
)

PROOF = LabelProof("sorted-wnid, 0-based", (Probe(1, 490, "n01751748", 65, "sea snake"),), "ab" * 32, True)
REPORT = Report(
    verb="prepare",
    root="/data/imagenet",
    edition="ilsvrc2012",
    outcome=Outcome.DONE,
    archives=(ArchiveFact("train.tar", "/in/train.tar", 147_897_477_120, "md5", "1d675b47", True),),
    splits=(
        SplitFact("train", 1_281_167, 1_281_167, 1000, 137 * 10**9),
        SplitFact("val", 50_000, 50_000, 1000, 6 * 10**9),
    ),
    outputs=(
        OutputFact("imagefolder", "/data/imagenet", Outcome.DONE, 1_331_167, 1_331_167, 143, 143, 0, "8c1f" * 16),
    ),
    labels=PROOF,
    seconds=4140.0,
    path="/data/imagenet/report.json",
    next_steps=("kilotar verify /data/imagenet", 'torchvision: ImageFolder("/data/imagenet/train")'),
)
TRUNCATED = Finding("truncated", "train/n02105855/n02105855_2933.JPEG", "size 61,440, expected 129,844", 512)
FORECAST = Forecast(
    root="/data/imagenet",
    steps=(
        ForecastStep("prove train.tar", 147_900_000_000, 0, 0, 0, -1.0),
        ForecastStep("write imagefolder", 147_900_000_000, 143_000_000_000, 1_331_167, 1_331_167, 600.0),
    ),
    images=1_331_167,
    write_bytes=143_000_000_000,
    files=1_331_170,
    peak_bytes=143_100_000_000,
    free_bytes=612_000_000_000,
    free_inodes=38_000_000,
    seconds=612.0,
    write_bytes_per_s=410e6,
    fits=True,
)
STATUS = Status(
    root="/data/imagenet",
    edition="ilsvrc2012",
    archives=(ArchiveFact("train.tar", "/in/train.tar", 147_897_477_120, "md5", "1d675b47", True),),
    outputs=(OutputState("imagefolder", "/data/imagenet", "c0ffee" * 8, 578, 1000, False),),
    running="",
)
WHY = (
    WhyRow("imagefolder", "n01440764", Outcome.KEPT, "recorded"),
    WhyRow("imagefolder", "n01443537", Outcome.DONE, "lost"),
)
CHECKUP = Checkup(
    (
        Line(Mark.OK, "python", "3.12.9, glibc 2.27, Linux"),
        Line(Mark.NOTE, "gateway", "nobody answers", "downloads work, often slower"),
        Line(Mark.PROBLEM, "peer sources", "none of 2 trackers answers\x1b[2J", "try --from http"),
    ),
    2.5,
)
EDITION = Edition(
    name="ilsvrc2012",
    archives=(
        Archive(
            "train.tar", ArchiveRole.IMAGES, size_bytes=147_897_477_120, md5="1d67", images=1_281_167, default=True
        ),
        Archive("patch.tar", ArchiveRole.OTHER, summary="a few fixes", urls=("https://example.org/patch.tar",)),
    ),
    classes=(
        Synset("n01440764", 449, "tench, Tinca tinca", label=0, train_images=1300),
        Synset("n01443537", 450, "goldfish, Carassius auratus", label=1, train_images=1300),
    ),
    terms="Only for research.",
)


@dataclass
class Library:
    """What was called, and what each verb gives: a value, an exception to raise, or a function to call."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    gives: dict[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def verb(self, name: str) -> Callable[..., Any]:
        def called(*args: Any, **words: Any) -> Any:
            self.calls.append((name, args, words))
            for event in self.events:
                words["on_event"](event)
            given = self.gives[name]
            if isinstance(given, BaseException):
                raise given
            return given(*args, **words) if callable(given) else given

        return called

    @property
    def words(self) -> dict[str, Any]:
        """The keyword arguments of the last call of a verb."""
        return next(words for name, _, words in reversed(self.calls) if name not in ("edition", "find_classes"))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Library:
    """Put the double in the place of the library, in an empty working folder."""
    made = Library()
    made.gives = {
        "prepare": REPORT,
        "get": REPORT,
        "adopt": REPORT,
        "repair": REPORT,
        "export_positions": 0,
        "seed": REPORT,
        "plan": FORECAST,
        "index": REPORT,
        "verify": REPORT,
        "status": STATUS,
        "why": WHY,
        "doctor": CHECKUP,
        "edition": EDITION,
        "find_classes": EDITION.classes[1:],
        "find_sinks": (),
    }
    for name in VERBS:
        monkeypatch.setattr(kilotar, name, made.verb(name), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    return made


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def kt(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command line in this process."""

    def run(*words: str) -> Ended:
        code = main(words)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run
