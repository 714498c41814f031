"""Outputs of recoded images: every format, resumed, by any number of workers, with what cannot be decoded left out."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from PIL import Image

import kilotar
from kilotar import PixelWish
from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import SettingsDiffer, StorageFailed, UsageError
from kilotar.events import Event, Outcome, StepEnded, ignore
from kilotar.exec.base import TaskEnded
from kilotar.exec.batch import Lost, Sifted
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Box
from kilotar.pixels import decoders
from kilotar.sinks.base import Sink, find_sink, find_sinks, pixels_of
from kilotar.store.manifest import Manifest
from kilotar.work import recoding, spooling
from kilotar.work.demo_swarm import open_demo_swarm
from kilotar.work.resized_boxes import ResizedBoxes
from tests.doubles.collections import BoxTable
from tests.need import need_module
from tests.work.wishes import Published, prepare, tree_digests

SMALL = PixelWish(resize="8")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give archives with a CMYK JPEG and a PNG that the edition knows, and of either one that it does not know."""
    folder = tmp_path_factory.mktemp("odd")
    return make_tiny(folder, classes=4, flaws=("cmyk", "png", "unlisted-cmyk", "unlisted-png"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("cut"), flaws=("truncated", "html", "val-truncated"))


def rows(root: Path, tiny: Tiny, name: str) -> dict[str, bytes]:
    """Give the images of an output by name."""
    sink = find_sink(name)
    found = sink.read(root / sink.ABOUT.folder, load_edition(str(tiny.toml)))
    return {row.name: row.read() for row in found if row.read is not None}


def manifest(root: Path, name: str) -> Manifest:
    return msgspec.json.decode((root / ".kilotar/exports" / name / "manifest.json").read_bytes(), type=Manifest)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def published(tiny: Tiny, root: Path) -> dict[str, bytes]:
    prepare(root, tiny)
    return rows(root, tiny, "imagefolder")


def test_shards_and_trees_hold_the_same_resized_images_from_one_pass(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []
    report = prepare(root, tiny, events, formats=("imagefolder", "cls-loc", "webdataset", "mds"), pixels=SMALL)
    assert report.outcome is Outcome.DONE and report.exit_code == 0
    images = rows(root, tiny, "imagefolder")
    assert {opened(data).size for data in images.values()} == {(12, 8)} and len(images) == 18
    for name in ("cls-loc", "webdataset", "mds"):
        assert rows(root, tiny, name) == images
    ended = [event.key for event in events if isinstance(event, StepEnded) and event.key.startswith("pixels/")]
    assert len(ended) == len(set(ended)) == 4  # three classes and a run of val, once each
    assert not (root / ".kilotar/pixels").exists()
    assert kilotar.verify(root, level="deep").problems == ()


def test_what_was_done_is_told_by_the_manifest(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",), pixels=PixelWish("max:16", 75, "box"))
    facts = manifest(root, "webdataset").pixels
    assert facts is not None and facts.recoded == 18 and (facts.odd, facts.odd_images) == ("keep", ())
    assert facts.done == "resize=max:16 filter=box quality=75 odd=keep"
    assert facts.recoder == decoders.find_library().stamps
    assert "ICC" in facts.metadata
    carried = json.loads((root / "webdataset/kilotar-manifest.json").read_bytes())
    assert carried["pixels"]["done"] == facts.done


def test_the_policy_of_odd_images_is_told_where_nothing_is_done(root: Path, odd: Tiny) -> None:
    prepare(root, odd)
    facts = manifest(root, "imagefolder").pixels
    assert facts is not None and (facts.odd, facts.done, facts.recoder) == ("keep", "", "")
    assert set(facts.odd_images) == odd.edition.cmyk | odd.edition.png


@pytest.mark.parametrize("resize", ["short:16", "max:24"])
def test_images_that_fit_are_copied_byte_for_byte(resize: str, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(root, tiny, formats=("imagefolder", "webdataset"), pixels=PixelWish(resize))
    plain = published(tiny, tmp_path / "plain")
    assert rows(root, tiny, "imagefolder") == rows(root, tiny, "webdataset") == plain
    facts = manifest(root, "webdataset").pixels
    assert facts is not None and facts.recoded == 0


@pytest.mark.parametrize("name", ["webdataset", "imagefolder", "parquet"])
def test_the_number_of_workers_does_not_show(name: str, root: Path, odd: Tiny) -> None:
    found = []
    for jobs in (1, 2, 4):
        prepare(root / str(jobs), odd, formats=(name,), pixels=PixelWish("crop:8", odd="convert"), jobs=jobs)
        found.append(tree_digests(root / str(jobs)))
        found[-1].pop("report.json")
    assert found[0] == found[1] == found[2]


def test_it_goes_on_by_part_and_ends_with_the_same_bytes(root: Path, tiny: Tiny, tmp_path: Path) -> None:
    wish = {"formats": ("webdataset", "imagefolder"), "pixels": SMALL, "jobs": 1}
    prepare(tmp_path / "whole", tiny, **wish)
    for stop in range(1, 8):
        ended: list[str] = []

        def interrupt(event: Event, ended: list[str] = ended, stop: int = stop) -> None:
            if isinstance(event, StepEnded):
                ended.append(event.key)
                if len(ended) == stop:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kilotar.prepare(root, source=tiny.folder, edition=str(tiny.toml), on_event=interrupt, **wish)  # type: ignore[arg-type]
        assert (root / ".kilotar/pixels").is_dir()
        events: list[Event] = []
        prepare(root, tiny, events, **wish)
        again = {event.key for event in events if isinstance(event, StepEnded) and event.key.startswith("pixels/")}
        assert not again & set(ended)
        assert {k: v for k, v in tree_digests(root).items() if k != "report.json"} == {
            k: v for k, v in tree_digests(tmp_path / "whole").items() if k != "report.json"
        }
        assert not (root / ".kilotar/pixels").exists()
        shutil.rmtree(root)


@pytest.mark.parametrize("sink", [s for s in find_sinks() if s.ABOUT.images], ids=lambda sink: sink.ABOUT.name)
def test_an_image_that_cannot_be_decoded_is_left_out_and_told_by_name(sink: Sink, root: Path, cut: Tiny) -> None:
    for package in sink.ABOUT.needs:
        need_module(package)
    name, own = sink.ABOUT.name, pixels_of(sink, sink.Options())
    report = prepare(root, cut, formats=(name,), pixels=PixelWish() if own.resize else SMALL)
    held = {row.name for row in sink.read(root / sink.ABOUT.folder, load_edition(str(cut.toml)))}
    told = {finding.where.partition(": ")[2] for finding in report.problems if finding.why.endswith("left out")}
    assert len(told) == 3 and len(held) == 12 + 6 - 3
    assert told | {key if "." in key else f"{key}.JPEG" for key in held} == {
        f"{key}.JPEG" for key, truth in cut.truth.items() if truth.split != "test"
    }
    assert report.exit_code == 3
    assert {finding.where.partition(": ")[2] for finding in manifest(root, name).findings} >= told


def test_odd_images_alone_are_converted_and_all_others_keep_their_bytes(root: Path, odd: Tiny, tmp_path: Path) -> None:
    plain = published(odd, tmp_path / "plain")
    known = odd.edition.cmyk | odd.edition.png
    prepare(root, odd, formats=("imagefolder", "webdataset"), pixels=PixelWish(odd="convert"))
    for name in ("imagefolder", "webdataset"):
        held = rows(root, odd, name)
        assert {key for key in plain if held[key] != plain[key]} == known
        assert {(opened(held[key]).format, opened(held[key]).mode) for key in known} == {("JPEG", "RGB")}
        facts = manifest(root, name).pixels
        assert facts is not None and facts.recoded == 2 and set(facts.odd_images) == known and facts.odd == "convert"


def test_odd_images_that_nobody_listed_are_found_where_images_are_looked_at(root: Path, odd: Tiny) -> None:
    prepare(root, odd, pixels=PixelWish("max:24", odd="convert"))  # all images fit
    held = rows(root, odd, "imagefolder")
    assert {(opened(data).format, opened(data).mode) for data in held.values()} == {("JPEG", "RGB")}
    facts = manifest(root, "imagefolder").pixels
    assert facts is not None and facts.recoded == 4


def test_a_format_of_tensorflow_converts_odd_images_unless_it_is_told_not_to(root: Path, odd: Tiny) -> None:
    known = odd.edition.cmyk | odd.edition.png
    prepare(root / "usual", odd, formats=("tfrecord",))
    prepare(root / "kept", odd, formats=("tfrecord",), pixels=PixelWish(odd="keep"))
    usual, kept = rows(root / "usual", odd, "tfrecord"), rows(root / "kept", odd, "tfrecord")
    assert {name for name in usual if usual[name] != kept[name]} == known
    assert all(opened(usual[name]).mode == "RGB" for name in known)
    shard = b"".join(path.read_bytes() for path in sorted((root / "usual/tfrecord").glob("train-*")))
    assert b"CMYK" not in shard and b"CMYK" in b"".join(
        p.read_bytes() for p in (root / "kept/tfrecord").glob("train-*")
    )


def test_with_archives_that_lack_odd_images_nothing_is_recoded(root: Path, tiny: Tiny) -> None:
    events: list[Event] = []
    prepare(root, tiny, events, formats=("tfrecord",))
    assert not [event for event in events if isinstance(event, StepEnded) and event.key.startswith("pixels/")]
    facts = manifest(root, "tfrecord").pixels
    assert facts is not None and (facts.odd, facts.recoder, facts.recoded) == ("convert", "", 0)


def test_two_sizes_in_two_commands_are_two_recipes(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",), pixels=SMALL)
    with pytest.raises(SettingsDiffer, match="webdataset") as caught:
        prepare(root, tiny, formats=("webdataset",), pixels=PixelWish("9"))
    assert "short:9" in caught.value.seen and "short:8" in caught.value.seen
    again = prepare(root, tiny, formats=("webdataset",), pixels=SMALL)
    assert again.outputs[0].outcome is Outcome.KEPT


def test_a_finished_output_outlives_the_libraries_that_made_it(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(root, tiny, formats=("webdataset",), pixels=SMALL)
    other = decoders.find_library(fast=False)
    monkeypatch.setattr("kilotar.work.spool.find_library", lambda: other)
    assert prepare(root, tiny, formats=("webdataset",), pixels=SMALL).outputs[0].outcome is Outcome.KEPT
    shutil.rmtree(root / "webdataset")
    if decoders.find_library().stamps != other.stamps:
        with pytest.raises(SettingsDiffer, match="webdataset"):
            prepare(root, tiny, formats=("webdataset",), pixels=SMALL)


@pytest.mark.parametrize("name", ["imagefolder", "webdataset"])
def test_a_lost_file_is_recoded_again_by_a_repair(name: str, root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=(name,), pixels=SMALL)
    before = tree_digests(root)
    lost = next(path for path in before if path.endswith((".JPEG", ".tar")))
    (root / lost).unlink()
    assert kilotar.verify(root, repair=True).problems == ()
    assert tree_digests(root)[lost] == before[lost]
    assert not (root / ".kilotar/pixels").exists()


def test_xml_as_published_does_not_go_with_another_size(root: Path, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="XML"):
        prepare(root, tiny, formats=("cls-loc",), boxes=True, pixels=SMALL)
    assert prepare(root, tiny, formats=("cls-loc",), boxes=True, pixels=PixelWish(odd="convert")).exit_code == 0


def test_a_plan_counts_recoded_images_and_makes_none(root: Path, tiny: Tiny) -> None:
    forecast = kilotar.plan(root, source=tiny.folder, edition=str(tiny.toml), formats=("webdataset",), pixels=SMALL)
    (line,) = [step for step in forecast.steps if step.name == "pixels"]
    assert line.images == 18 and 0 < line.write_bytes < line.read_bytes
    assert not root.exists()


def test_boxes_lie_where_they_lay_on_the_resized_image() -> None:
    boxes = {"a": (Box("n01440764", 100, 30, 300, 301), Box("n01440764", 0, 0, 2, 300))}
    table = BoxTable(boxes)
    assert table.size("a") == (401, 300)
    half = ResizedBoxes(table, "short:150")
    assert half.size("a") == (201, 150) and half.size("b") == (0, 0) and half.of("b") == ()
    assert [(b.xmin, b.ymin, b.xmax, b.ymax) for b in half.of("a")] == [(50, 15, 150, 150), (0, 0, 1, 150)]
    middle = ResizedBoxes(table, "crop:150")  # 25 pixels go on each side
    assert middle.size("a") == (150, 150)
    assert [(b.xmin, b.ymin, b.xmax, b.ymax) for b in middle.of("a")] == [(24, 15, 124, 150)]
    assert ResizedBoxes(table, "max:900").of("a") == ResizedBoxes(table, "").of("a") == boxes["a"]


def test_an_image_that_kills_its_worker_is_left_out_and_the_others_are_kept(root: Path, tiny: Tiny) -> None:
    kept: list[object] = []
    real = spooling._keep

    def killing(job: spooling._Job, result: TaskEnded, emit: object) -> None:
        values = result.value.values[1:]
        lost = Lost(job.batch().items[0], "crash", "the worker process was killed by SIGSEGV")
        kept.append(job.batch().items[0][0])
        real(job, TaskEnded(result.key, Sifted(values, (lost,))), ignore)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooling, "_keep", killing)
        report = prepare(root, tiny, formats=("imagefolder",), pixels=SMALL)
    assert set(rows(root, tiny, "imagefolder")).isdisjoint(kept) and len(rows(root, tiny, "imagefolder")) == 14
    assert {(f.kind, f.where.partition(": ")[2]) for f in report.problems if f.kind != "count"} == {
        ("crash", name) for name in kept
    }


def test_a_full_disk_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"\xff\xd8")
    targets = [["/dev/full", {"form": "ppm"}]]
    answers = list(recoding.recode_extents(str(tmp_path / "archive"), [["/no/where", {}]], [("a", 0, 2, False)]))
    assert answers == [[["a", [["disk", 2]]]]]
    shutil.copy(Path(__file__), tmp_path / "not-an-image")
    items = [("a", 0, 100, False), ("b", 0, recoding.MAX_IMAGE_BYTES + 1, False)]
    answers = list(recoding.recode_extents(str(tmp_path / "not-an-image"), targets, items))
    assert [answer[0][1][0][:2] for answer in answers] == [["bad", "not-jpeg"], ["bad", "bomb"]]


def test_a_disk_that_refuses_stops_the_run_and_leaves_what_was_made(
    root: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = spooling._keep

    def failing(job: spooling._Job, result: TaskEnded, emit: object) -> None:
        answers = [[name, [["disk", 5]]] for name, _ in result.value.values]
        real(job, TaskEnded(result.key, Sifted(tuple(answers))), ignore)

    monkeypatch.setattr(spooling, "_keep", failing)
    with pytest.raises(StorageFailed, match="recode"):
        prepare(root, tiny, pixels=SMALL)
    monkeypatch.setattr(spooling, "_keep", real)
    assert prepare(root, tiny, pixels=SMALL).exit_code == 0


def test_the_fields_of_pixels_cross_to_a_worker_as_plain_values() -> None:
    from dataclasses import asdict

    wanted = Pixels("crop:8", 75, "box", "convert", "mixed", 0.25, 3)
    assert Pixels(**json.loads(json.dumps(asdict(wanted)))) == wanted


def test_shards_with_converted_odd_images_are_written_while_the_archive_arrives(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_module("libtorrent")
    tiny = make_tiny(tmp_path / "tiny", classes=6, per_class=12, val=24, flaws=("cmyk", "png"))
    options = (("tfrecord", "order", "archive"), ("tfrecord", "shards", "5"))

    def fetch_first(*_: object) -> None:
        raise AssertionError("the shards were to be written while the archive arrives")

    monkeypatch.setattr("kilotar.work.prepare.fetch_archives", fetch_first)
    with open_demo_swarm(tiny, tmp_path / "swarm", ignore) as demo:
        wish = Published(tiny, demo).wish(formats=("tfrecord",), options=options, accept_terms=True)
        report = kilotar.prepare(root, **wish)
    assert report.exit_code == 0
    prepare(tmp_path / "local", tiny, formats=("tfrecord",), options=options)
    shards = {path: digest for path, digest in tree_digests(root / "tfrecord").items() if "-of-" in path}
    local = tree_digests(tmp_path / "local" / "tfrecord")
    assert len(shards) > 5 and shards.items() <= local.items()
    facts = manifest(root, "tfrecord").pixels
    assert facts is not None and facts.recoded == 2
    assert not (root / ".kilotar/pixels").exists()
