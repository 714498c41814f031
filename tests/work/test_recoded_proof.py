"""Rules: images that were written anew are proved against the archives, one by one, and a wrong one is named."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

import kilotar
from kilotar.editions import tiny_draw
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.events import Outcome
from kilotar.exec.base import TaskEnded
from kilotar.exec.batch import Lost, Sifted
from kilotar.model.pixels import Pixels, PixelWish
from kilotar.model.report import ProofFact, Report
from kilotar.pixels.decoders import find_library
from kilotar.pixels.recode import Recoder
from kilotar.shell.show_report import show_report
from kilotar.sinks.base import find_sink
from kilotar.store.manifest import OWN_MANIFEST
from kilotar.work import recoded_proof
from kilotar.work.likeness import LEAST_PSNR_DB, MOST_CELL, Likeness, compare_pictures
from kilotar.work.retracing import FAR, KEPT, UNREAD, retrace_images
from tests.doubles.images import jpeg, png
from tests.need import need, need_module
from tests.work.wishes import prepare

SMALL = PixelWish(resize="exact:16")


def problems(report: Report) -> set[tuple[str, str]]:
    of_files = {"digest", "size", "truncated"}
    return {(f.kind, f.where.rpartition(": ")[2]) for f in report.problems if f.kind not in of_files}


def proved_by(report: Report) -> tuple[int, int, str]:
    fact = next(fact for fact in report.proofs if fact.subject == "images")
    return fact.checked, fact.wrong, fact.by


def edit_pixels(folder: Path, **fields: object) -> None:
    """Change what the manifest of an export says of its pixels."""
    facts = json.loads((folder / OWN_MANIFEST).read_bytes())
    facts["pixels"] |= fields
    (folder / OWN_MANIFEST).write_text(json.dumps(facts))


def again(path: Path, quality: int = 95) -> None:
    """Write an image once more, as somebody else's program would."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        image.save(path, "JPEG", quality=quality)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give archives whose images are pictures of different things; those of other tests are of one picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_draw, "make_image", lambda rng: jpeg(48, 32, seed=rng.randrange(1 << 30)))
        return make_tiny(tmp_path_factory.mktemp("vivid"))


@pytest.fixture
def tree(root: Path, tiny: Tiny, tmp_path: Path) -> Path:
    """Give a tree of resized images with a manifest of its own."""
    prepare(root, tiny, formats=("imagefolder",), pixels=SMALL, out=tmp_path / "tree")
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("name", "options", "wish"),
    [
        ("webdataset", (), SMALL),
        ("webdataset", (), PixelWish("max:24", 40, "box")),
        ("parquet", (), PixelWish("crop:8", filter="bicubic")),
        ("ffcv", (("ffcv", "mode", "raw"),), PixelWish()),
        ("ffcv", (("ffcv", "mode", "proportion"),), PixelWish()),
        ("npz", (), PixelWish()),
        ("hdf5", (("hdf5", "layout", "biggan"),), PixelWish()),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_every_form_of_pixels_is_recoded_again_to_the_same_bytes(
    name: str, options: tuple[tuple[str, str, str], ...], wish: PixelWish, root: Path, tiny: Tiny
) -> None:
    for package in find_sink(name).ABOUT.needs:
        need_module(package)
    prepare(root, tiny, formats=(name,), options=options, pixels=wish)
    report = kilotar.verify(root / name)
    assert not report.findings and proved_by(report) == (18, 0, "recoded-again")


def test_images_that_changed_places_are_both_named(tree: Path, root: Path) -> None:
    first, second = sorted((tree / "train").rglob("*.JPEG"))[:2]
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    report = kilotar.verify(tree, against=root)
    assert problems(report) == {("pixels", first.name), ("pixels", second.name)}
    assert proved_by(report) == (18, 2, "recoded-again") and report.exit_code == 3
    assert all("PSNR" in finding.why for finding in report.problems if finding.kind == "pixels")


def test_a_damaged_one_is_named(tree: Path, root: Path) -> None:
    victim = sorted((tree / "val").rglob("*.JPEG"))[0]
    victim.write_bytes(victim.read_bytes()[:40])
    assert problems(kilotar.verify(tree, against=root)) == {("pixels", victim.name)}


def test_one_that_was_never_resized_is_named(tree: Path, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    prepare(tmp_path / "plain", tiny)
    victim = sorted((tree / "train").rglob("*.JPEG"))[0]
    victim.write_bytes((tmp_path / "plain" / victim.relative_to(tree)).read_bytes())
    found = [finding for finding in kilotar.verify(tree, against=root).problems if finding.kind == "pixels"]
    assert [finding.where.rpartition(": ")[2] for finding in found] == [victim.name] and "expected 16 x 16" in found[
        0
    ].why


def test_other_bytes_of_the_picture_are_wrong_where_the_same_releases_recode(tree: Path, root: Path) -> None:
    victim = sorted((tree / "train").rglob("*.JPEG"))[0]
    again(victim)
    found = [finding for finding in kilotar.verify(tree, against=root).problems if finding.kind == "bytes"]
    assert [finding.where.rpartition(": ")[2] for finding in found] == [victim.name] and "PSNR" in found[0].why


def test_with_other_releases_pictures_are_compared_and_it_is_said(tree: Path, root: Path) -> None:
    same, other, *_ = sorted((tree / "train").rglob("*.JPEG"))
    again(same)
    other.write_bytes(jpeg(16, 16, seed=9))
    edit_pixels(tree, recoder="Pillow 1.0")
    report = kilotar.verify(tree, against=root)
    assert problems(report) == {("pixels", other.name)}
    assert proved_by(report) == (18, 1, "recoded-alike")
    told = next(finding.why for finding in report.findings if finding.kind == "recoded")
    assert told.startswith("1 images") and "Pillow 1.0" in told and find_library().stamps in told


def test_the_other_way_of_scaling_gives_the_same_pictures(tree: Path, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    need("kilotar[fast]", find_library().stamps != find_library(fast=False).stamps)
    slow = find_library(fast=False)
    recoder = Recoder(slow, [Pixels(resize="exact:16")])
    prepare(tmp_path / "plain", tiny)
    for path in tree.rglob("*.JPEG"):
        made = recoder.recode((tmp_path / "plain" / path.relative_to(tree)).read_bytes(), path.name)[0]
        assert isinstance(made, bytes)
        path.write_bytes(made)
    edit_pixels(tree, recoder=slow.stamps)
    assert proved_by(kilotar.verify(tree, against=root)) == (18, 0, "recoded-alike")


def test_the_number_of_images_that_were_written_anew_is_held_against_the_list(tree: Path, root: Path) -> None:
    edit_pixels(tree, recoded=17)
    assert problems(kilotar.verify(tree, against=root)) == {("bytes", "imagefolder")}


def test_what_was_done_in_words_of_another_time_is_counted_alone_and_it_is_said(tree: Path, root: Path) -> None:
    edit_pixels(tree, done="rotate=90")
    report = kilotar.verify(tree, against=root)
    assert not problems(report) and proved_by(report) == (18, 0, "recoded")


def test_an_image_that_was_left_out_is_missed_with_the_reason_that_was_told_then(root: Path, tmp_path: Path) -> None:
    cut = make_tiny(tmp_path / "cut", flaws=("truncated",))
    prepare(root, cut, formats=("webdataset",), pixels=SMALL)
    report = kilotar.verify(root / "webdataset")
    (missing,) = report.problems
    assert missing.kind == "missing" and missing.why.endswith("left out")
    assert proved_by(report)[1:] == (1, "recoded-again")


def test_converted_odd_images_are_recoded_again_and_no_other(root: Path, tmp_path: Path) -> None:
    odd = make_tiny(tmp_path / "odd", classes=4, flaws=("cmyk", "png"))
    prepare(root, odd, formats=("imagefolder",), pixels=PixelWish(odd="convert"), out=tmp_path / "tree")
    report = kilotar.verify(tmp_path / "tree", against=root)
    assert not report.problems and proved_by(report) == (22, 0, "recoded-again")
    plain, *names = sorted(path for path in (tmp_path / "tree").rglob("*.JPEG"))
    again(plain)
    png_name = next(path for path in names if path.name in odd.edition.png)
    png_name.write_bytes(jpeg(16, 16))
    assert problems(kilotar.verify(tmp_path / "tree", against=root)) == {
        ("bytes", plain.name),
        ("pixels", png_name.name),
    }


def test_an_image_that_kills_its_process_is_named_and_the_rest_goes_on(
    tree: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = recoded_proof.RecodedProof._take, []

    def killing(self: recoded_proof.RecodedProof, result: TaskEnded) -> None:
        bunch = self._under_way[result.key]
        lost.append(bunch.wheres[0])
        gone = Lost([0], "crash", "killed by SIGSEGV")
        real(self, TaskEnded(result.key, Sifted(result.value.values[1:], (gone,))))

    monkeypatch.setattr(recoded_proof.RecodedProof, "_take", killing)
    report = kilotar.verify(tree, against=root)
    assert problems(report) == {("crash", lost[0].rpartition(": ")[2])} and proved_by(report) == (
        18,
        1,
        "recoded-again",
    )


def test_little_is_under_way_at_once_and_nothing_stays(
    tree: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recoded_proof, "_BATCH_IMAGES", 1)
    monkeypatch.setattr(recoded_proof.tempfile, "tempdir", str(tmp_path / "passing"))
    (tmp_path / "passing").mkdir()
    most = [0]
    real = recoded_proof.RecodedProof._submit

    def counting(self: recoded_proof.RecodedProof) -> None:
        real(self)
        most[0] = max(most[0], len(self._under_way), len(list(self._folder.iterdir())))

    monkeypatch.setattr(recoded_proof.RecodedProof, "_submit", counting)
    assert proved_by(kilotar.verify(tree, against=root, jobs=1)) == (18, 0, "recoded-again")
    assert most[0] == 2 and not list((tmp_path / "passing").iterdir())


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """Give what recodes an image of an "archive" and compares it."""

    def retrace(source: bytes, found: bytes, pixels: Pixels, sha256: str = "") -> tuple[str, str]:
        places = []
        for name, data in (("archive", source), ("export", found)):
            (tmp_path / name).write_bytes(b"xx" + data)
            places.append([str(tmp_path / name), 2, len(data)])
        item = [7, "a.JPEG", sha256 or hashlib.sha256(source).hexdigest(), False, *places]
        ((number, word, _, why),) = next(retrace_images(asdict(pixels), [item]))
        assert number == 7
        return word, why

    return retrace


def test_an_image_that_fits_must_be_the_one_of_the_archive(answer: Callable[..., tuple[str, str]]) -> None:
    fits = Pixels(resize="max:96")
    assert answer(jpeg(), jpeg(), fits)[0] == KEPT
    assert answer(jpeg(), jpeg(quality=84), fits) == (FAR, "those of the archive needed no change")


def test_what_cannot_be_decoded_may_stand_only_where_odd_images_alone_are_converted(
    answer: Callable[..., tuple[str, str]],
) -> None:
    cut = jpeg()[:-300]
    assert answer(cut, cut, Pixels(odd="convert"))[0] == KEPT
    assert "cannot be decoded" in answer(cut, cut, Pixels(resize="exact:8"))[1]


def test_an_archive_that_changed_since_it_was_proved_proves_nothing(answer: Callable[..., tuple[str, str]]) -> None:
    assert answer(jpeg(), jpeg(), Pixels(resize="max:96"), sha256="00" * 32)[0] == UNREAD


def test_a_place_that_cannot_be_read_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(jpeg())
    good, gone = [str(tmp_path / "a"), 0, len(jpeg())], [str(tmp_path / "b"), 0, 1]
    large = [str(tmp_path / "a"), 0, 1 << 40]
    items = [[at, "a.JPEG", "", False, good, place] for at, place in enumerate((gone, large))]
    words = [answers[0][:2] for answers in retrace_images({"resize": "exact:8"}, items)]
    assert words == [[0, UNREAD], [1, UNREAD]]


def test_pictures_are_the_same_only_in_kind_size_and_nearly_every_cell() -> None:
    near = compare_pictures(jpeg(), jpeg(quality=75))
    assert isinstance(near, Likeness) and near.is_near and near.psnr_db < 60
    far = compare_pictures(jpeg(), jpeg(seed=3))
    assert isinstance(far, Likeness) and not far.is_near
    assert compare_pictures(jpeg(), jpeg(64, 96)) == "64 x 96 pixels of RGB, expected 96 x 64 pixels of RGB"
    assert "of CMYK" in str(compare_pictures(jpeg(), jpeg(mode="CMYK")))
    assert "cannot be decoded" in str(compare_pictures(jpeg(), png()))
    assert compare_pictures(jpeg(), jpeg()) == Likeness(99.0, 0)


def test_the_tolerance_is_the_one_that_is_told() -> None:
    told = next(line for line in show_report(near_report()) if "NOT the same" in line)
    assert f"PSNR at least {LEAST_PSNR_DB:.0f} dB" in told and f"at most {MOST_CELL} of 255" in told


def near_report() -> Report:
    proof = ProofFact("images", 3, 0, "recoded-alike", "/data")
    return Report("verify", "/data/export", "tiny", Outcome.DONE, proofs=(proof,))


def test_a_blot_in_a_large_picture_is_no_small_thing() -> None:
    with Image.open(io.BytesIO(jpeg(960, 640))) as image:
        image.paste((0, 255, 0), (480, 320, 496, 336))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=95)
    found = compare_pictures(jpeg(960, 640), out.getvalue())
    assert isinstance(found, Likeness) and found.psnr_db > 30 and not found.is_near
