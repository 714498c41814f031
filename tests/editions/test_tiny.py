"""The tiny edition is what it says: real archives, true digests, one order that is not another."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from kilotar.editions import load_edition
from kilotar.editions.tiny import FLAWS, Tiny, make_tiny
from kilotar.errors import DiskFull, MachineError, UsageError
from kilotar.model.sample import NO_LABEL, Split
from tests.budget import budget

NO_PICTURE = {"truncated", "html", "empty", "val-truncated"}


def images(tiny: Tiny) -> dict[str, bytes]:
    """Give every member of the archives of images by its name, read with the library that we do not use."""
    found: dict[str, bytes] = {}
    for name in ("tiny_img_val.tar", "tiny_img_test.tar"):
        found |= members((tiny.folder / name).read_bytes())
    for inner in members((tiny.folder / "tiny_img_train.tar").read_bytes()).values():
        found |= members(inner)
    return found


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = [(info, tar.extractfile(info)) for info in tar]
        return {info.name.rpartition("/")[2]: file.read() for info, file in files if file}


def test_the_truth_is_what_the_archives_hold(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path)
    found = {name.removesuffix(".JPEG"): data for name, data in images(tiny).items()}
    assert set(found) == set(tiny.truth) and len(found) == 3 * 4 + 6 + 2
    for key, truth in tiny.truth.items():
        assert (hashlib.sha256(found[key]).hexdigest(), len(found[key])) == (truth.sha256, truth.size_bytes)
        assert tiny.edition.label_of(truth.wnid) == truth.label if truth.wnid else truth.label == NO_LABEL


def test_every_image_decodes_and_no_two_are_the_same(tmp_path: Path) -> None:
    found = images(make_tiny(tmp_path))
    assert len(set(found.values())) == len(found)
    for data in found.values():
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (24, 16))


def test_the_edition_tells_the_truth_about_its_archives(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path)
    assert load_edition(str(tiny.toml)) == tiny.edition
    assert {archive.name for archive in tiny.edition.archives} == {
        path.name for path in tmp_path.iterdir() if path != tiny.toml
    }
    for archive in tiny.edition.archives:
        data = (tmp_path / archive.name).read_bytes()
        assert (archive.size_bytes, archive.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert (archive.md5, archive.sha1) == (hashlib.md5(data).hexdigest(), hashlib.sha1(data).hexdigest())
    assert tiny.edition.counts == {Split.TRAIN: 12, Split.VAL: 6, Split.TEST: 2}


def test_no_order_is_another_by_accident(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path)
    assert not [synset for synset in tiny.edition.classes if synset.ilsvrc_id - 1 == synset.label]
    names = list(members((tmp_path / "tiny_img_val.tar").read_bytes()))
    assert names != sorted(names)
    assert len(set(tiny.edition.val_labels)) == 3


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, two, other = (make_tiny(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one.edition == two.edition and one.truth == two.truth
    assert one.edition.archives[0].sha256 != other.edition.archives[0].sha256


def test_it_is_made_quickly(tmp_path: Path) -> None:
    with budget(2.0):  # 0.03 s measured
        make_tiny(tmp_path, classes=10, per_class=20, val=50, test=10)


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_a_flaw_is_in_the_archives_and_the_digests_are_true_all_the_same(tmp_path: Path, flaw: str) -> None:
    whole, flawed = make_tiny(tmp_path / "whole"), make_tiny(tmp_path / "flawed", flaws=[flaw])
    changed = [
        one.name
        for one, two in zip(whole.edition.archives, flawed.edition.archives, strict=True)
        if one.sha256 != two.sha256 and "img" in one.name
    ]
    assert ("tiny_img_val.tar" if flaw.startswith("val-") else "tiny_img_train.tar") in changed
    assert flawed.edition.counts == whole.edition.counts
    for archive in flawed.edition.archives:
        data = (flawed.folder / archive.name).read_bytes()
        assert archive.sha256 == hashlib.sha256(data).hexdigest()
    broken = [name for name, data in images(flawed).items() if name.endswith(".JPEG") and not decodes(data)]
    assert len(broken) == (1 if flaw in NO_PICTURE else 0)


def decodes(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except OSError:
        return False
    return True


def test_odd_images_are_known_only_where_they_shall_be(tmp_path: Path) -> None:
    listed = make_tiny(tmp_path / "a", flaws=["cmyk", "png"]).edition
    unlisted = make_tiny(tmp_path / "b", flaws=["unlisted-cmyk", "unlisted-png"]).edition
    assert (len(listed.cmyk), len(listed.png), len(unlisted.cmyk), len(unlisted.png)) == (1, 1, 0, 0)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    for arguments in ({"flaws": ["nonsense"]}, {"classes": 1}, {"per_class": 0}, {"per_class": 3, "flaws": ["html"]}):
        with pytest.raises(UsageError):
            make_tiny(tmp_path / "none", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_the_machines_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MachineError) as caught:
        make_tiny(tmp_path / "file" / "below")
    assert not isinstance(caught.value, DiskFull)
