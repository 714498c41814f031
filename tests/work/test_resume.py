"""Rule: whatever happened to a root in between, the same request and a repair end at the truth, byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.events import Event, Outcome, StepEnded
from tests.work.wishes import ALL, flip, tree_digests, wish

FORMATS = ("imagefolder", "cls-loc")


def _run(root: Path, tiny: Tiny, stop_after: int = 1000, formats: tuple[str, ...] = FORMATS) -> None:
    """Prepare, and press Ctrl-C after some steps."""
    left = [stop_after]

    def report(event: Event) -> None:
        if isinstance(event, StepEnded):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

    try:
        kilotar.prepare(root, on_event=report, **wish(tiny, formats=formats, splits=ALL, jobs=1, sync=False))
    except KeyboardInterrupt:
        return


def _images(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.JPEG"))


def _drop_image(root: Path, tiny: Tiny) -> None:
    for path in _images(root)[:1]:
        path.unlink()


def _cut_image(root: Path, tiny: Tiny) -> None:
    for path in _images(root)[-1:]:
        path.unlink()  # not through the link of the other tree
        path.write_bytes(b"\xff\xd8")


def _drop_class(root: Path, tiny: Tiny) -> None:
    for path in _images(root)[5:6]:
        shutil.rmtree(path.parent)


def _drop_split(root: Path, tiny: Tiny) -> None:
    shutil.rmtree(root / "val", ignore_errors=True)


def _drop_staging(root: Path, tiny: Tiny) -> None:
    for path in root.glob(".kilotar-*"):
        shutil.rmtree(path)


def _drop_index(root: Path, tiny: Tiny) -> None:
    shutil.rmtree(root / ".kilotar" / "index", ignore_errors=True)


def _spoil_index(root: Path, tiny: Tiny) -> None:
    for path in (root / ".kilotar" / "index").rglob("*.rows"):
        flip(path)


def _tear_journals(root: Path, tiny: Tiny) -> None:
    for path in (root / ".kilotar").rglob("*.jsonl"):
        with path.open("ab") as file:
            file.write(b"deadbeef {half a rec")


def _leave_rubbish(root: Path, tiny: Tiny) -> None:
    if (root / ".kilotar").is_dir():
        (root / ".kilotar" / ".1234abcd.7.part").write_bytes(b"x")


def _drop_manifests(root: Path, tiny: Tiny) -> None:
    for path in (root / ".kilotar").rglob("manifest.json"):
        path.unlink()


def _stop(after: int) -> Callable[[Path, Tiny], None]:
    def stop(root: Path, tiny: Tiny) -> None:
        _run(root, tiny, after)

    stop.__name__ = f"_stop_after_{after}"
    return stop


ACTIONS = (
    _stop(1),
    _stop(3),
    _stop(6),
    _run,
    _drop_image,
    _cut_image,
    _drop_class,
    _drop_split,
    _drop_staging,
    _drop_index,
    _spoil_index,
    _tear_journals,
    _leave_rubbish,
    _drop_manifests,
)


@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=8))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_request_and_a_repair_end_at_the_truth(
    tiny: Tiny, actions: list[Callable[[Path, Tiny], None]]
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        for action in actions:
            action(root, tiny)

        _run(root, tiny)
        report = kilotar.verify(root, repair=True)

        assert report.exit_code == 0, report.problems
        assert kilotar.verify(root).findings == ()
        truth = sorted(image.sha256 for image in tiny.truth.values())
        found = {path: sha for path, sha in tree_digests(root).items() if path.endswith(".JPEG")}
        for is_second in (False, True):
            assert sorted(sha for path, sha in found.items() if path.startswith("ILSVRC2015") is is_second) == truth
        assert not list(root.glob(".kilotar-*"))
        assert kilotar.prepare(root, **wish(tiny, formats=FORMATS, splits=ALL)).outcome is Outcome.KEPT
