"""Rules: bytes and inodes are compared with what is free before the first byte; asking changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import DiskFull, InodesFull, LayoutRefused
from kilotar.model.report import Forecast
from kilotar.model.sample import Split
from tests.work.wishes import ALL, Published, prepare, snapshot, tree_digests, wish


def plan(root: Path, tiny: Tiny, **more: object) -> Forecast:
    return kilotar.plan(root, **wish(tiny, **more))


def image_bytes(tiny: Tiny, splits: tuple[str, ...] = ("train", "val")) -> int:
    return sum(truth.size_bytes for truth in tiny.truth.values() if truth.split in splits)


def test_a_forecast_holds_the_bytes_and_files_that_the_run_then_writes(root: Path, tiny: Tiny) -> None:
    found = plan(root, tiny)
    written = prepare(root, tiny).outputs[0]

    assert (found.images, found.files) == (written.images, written.files) == (18, 18)
    assert written.size_bytes <= found.write_bytes <= written.size_bytes + found.files * 8192 + (1 << 20)
    assert found.peak_bytes >= found.write_bytes
    assert found.fits


@pytest.mark.parametrize("more", [{"classes": ("half",)}, {"splits": ("val",)}, {"splits": ALL}])
def test_a_choice_is_counted_as_it_is_written(root: Path, tiny: Tiny, more: dict[str, object]) -> None:
    found = plan(root, tiny, **more)
    written = prepare(root, tiny, **more).outputs[0]

    assert found.files >= written.files
    assert found.write_bytes >= written.size_bytes
    assert found.files <= 18 + 2


def test_a_tree_that_will_be_linked_costs_files_and_next_to_no_bytes(root: Path, tiny: Tiny) -> None:
    found = plan(root, tiny, formats=("imagefolder", "cls-loc"))

    first, second = found.steps
    assert first.write_bytes > image_bytes(tiny)
    assert second.files >= 18
    assert second.write_bytes < first.write_bytes
    assert found.files == first.files + second.files


def test_what_is_done_is_not_counted_again(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    found = plan(root, tiny)

    assert (found.files, found.write_bytes) == (0, 0)
    assert found.fits


def test_asking_leaves_an_untouched_root_untouched(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    before = snapshot(tmp_path)

    plan(root, tiny, formats=("imagefolder", "lists"), boxes=True)

    assert not root.exists()
    assert snapshot(tmp_path) == before


def test_asking_leaves_a_prepared_root_as_it_is(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    before = tree_digests(root)
    state = snapshot(root / ".kilotar")

    plan(root, tiny, formats=("imagefolder", "cls-loc"))

    assert tree_digests(root) == before
    assert snapshot(root / ".kilotar") == state


def test_the_disk_is_measured_and_nothing_of_it_stays(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    root.mkdir()
    found = plan(root, tiny)

    assert found.write_bytes_per_s > 0
    assert found.seconds > 0
    assert os.listdir(root) == []
    assert os.listdir(tmp_path) == ["root"]


def test_a_missing_archive_is_refused_in_the_plan_too(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused):
        plan(root, tiny, source=tmp_path)
    assert not root.exists()


def small_disk(monkeypatch: pytest.MonkeyPatch, *, free_bytes: int = 1 << 40, inodes: int = 1 << 30, free: int) -> None:
    """Let every file system look so large and so full; `inodes` 0 is a file system without a fixed number."""
    real = os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        facts = list(real(path))
        facts[1] = 4096  # f_frsize
        facts[3] = facts[4] = free_bytes // 4096  # f_bfree, f_bavail
        facts[5], facts[6], facts[7] = inodes, free, free
        return os.statvfs_result(facts)

    monkeypatch.setattr(os, "statvfs", statvfs)


def nothing_was_written(root: Path) -> bool:
    return all(path.parts[0] in (".kilotar", "report.json") for path in map(Path, snapshot(root)))


def test_a_disk_too_small_is_refused_before_the_first_image(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_disk(monkeypatch, free_bytes=image_bytes(tiny) - 4096, free=1000)

    with pytest.raises(DiskFull, match="has not the room") as caught:
        prepare(root, tiny)
    assert (caught.value.exit_code, caught.value.code) == (5, "E-DISK")
    assert nothing_was_written(root)
    assert plan(root, tiny).fits is False


def test_a_disk_without_inodes_is_refused_before_the_first_image(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_disk(monkeypatch, free=17)

    with pytest.raises(InodesFull, match="inodes") as caught:
        prepare(root, tiny)
    assert (caught.value.exit_code, caught.value.code) == (5, "E-INODES")
    assert nothing_was_written(root)


def test_a_disk_that_suffices_is_taken(root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(root, tiny)
    small_disk(monkeypatch, free_bytes=found.peak_bytes + 8192, free=found.files + 10)

    assert prepare(root, tiny).exit_code == 0


def test_a_file_system_without_a_fixed_number_of_inodes_is_taken(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_disk(monkeypatch, inodes=0, free=0)

    assert prepare(root, tiny).exit_code == 0


def test_a_root_that_is_done_needs_no_room(root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(root, tiny)
    small_disk(monkeypatch, free_bytes=0, free=0)

    assert prepare(root, tiny).exit_code == 0


def test_an_output_elsewhere_is_measured_where_it_will_stand(
    root: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root lies on a large disk, the output on a full one."""
    out = tmp_path / "other-disk"
    out.mkdir()
    real = os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        facts = list(real(path))
        if Path(path) == out:
            facts[3] = facts[4] = 0
        return os.statvfs_result(facts)

    monkeypatch.setattr(os, "statvfs", statvfs)

    with pytest.raises(DiskFull):
        prepare(root, tiny, out=out / "tree")


def test_a_plan_tells_what_is_to_be_fetched_and_when_the_first_files_can_be_there(
    published: Published, root: Path
) -> None:
    sizes = {a.split: a.size_bytes or 0 for a in published.tiny.edition.archives if a.role == "images"}
    sent = dict(published.demo.web.sent)

    found = kilotar.plan(root, **published.wish(formats=("imagefolder", "webdataset")))

    assert found.fetch_bytes == sizes[Split.TRAIN] + sizes[Split.VAL]
    ready = {step.name: step.ready_bytes for step in found.steps if step.ready_bytes >= 0}
    assert 0 < ready["imagefolder"] < found.fetch_bytes == ready["webdataset"]
    assert (dict(published.demo.web.sent), root.exists()) == (sent, False)


def test_of_what_is_here_nothing_is_waited_for(published: Published, tiny: Tiny, root: Path) -> None:
    found = plan(root, tiny)

    assert (found.fetch_bytes, {step.ready_bytes for step in found.steps}) == (0, {-1})


@pytest.mark.parametrize("size", [8, 64])
def test_files_that_are_copied_beside_the_shards_are_counted_by_the_choices_of_their_format(
    root: Path, tiny: Tiny, size: int
) -> None:
    options = (("npz", "size", str(size)),)
    found = plan(root, tiny, formats=("npz",), options=options)
    written = prepare(root, tiny, formats=("npz",), options=options).outputs[0]

    means_bytes = 2 * 10 * 8 * 3 * size * size  # in both kinds of each batch, however few images there are
    for_images = found.steps[-1].write_bytes
    assert written.size_bytes - means_bytes - 33 * 512 <= for_images <= 18 * (3 * 3 * size * size + 8192) + (1 << 20)
