"""Rules: the wnid is the key; tar and name agree; validation images go by their number; the order is proved."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny
from kilotar.errors import LabelsRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL
from kilotar.work.labels import LabelJoin, prove_labels


def join(tiny: Tiny, split: str) -> LabelJoin:
    return LabelJoin.of(tiny.edition, tiny.edition.archive(f"tiny_img_{split}.tar"))


def test_a_training_image_belongs_to_the_class_of_its_name(tiny: Tiny) -> None:
    for synset in tiny.edition.classes:
        name = f"{synset.wnid}_7.JPEG"
        assert join(tiny, "train").classify(name, synset.wnid) == (synset.wnid, synset.label)
        assert join(tiny, "train").classify(name, "") == (synset.wnid, synset.label)


def test_a_training_image_in_the_tar_of_another_class_has_none(tiny: Tiny) -> None:
    one, other = tiny.edition.classes[:2]

    why = join(tiny, "train").classify(f"{one.wnid}_7.JPEG", other.wnid)

    assert why == f"its name says {one.wnid}, its class tar {other.wnid}"


def test_a_validation_image_gets_its_class_by_its_number(tiny: Tiny) -> None:
    for number, label in enumerate(tiny.edition.val_labels, 1):
        found = join(tiny, "val").classify(f"ILSVRC2012_val_{number:08d}.JPEG", "")
        assert found == (tiny.edition.classes[label].wnid, label)


@pytest.mark.parametrize("number", [0, 7, 99_999_999])
def test_a_validation_number_outside_the_list_has_no_class(tiny: Tiny, number: int) -> None:
    why = join(tiny, "val").classify(f"ILSVRC2012_val_{number:08d}.JPEG", "")

    assert why == f"it has no class: {number} is not in the edition"


def test_a_test_image_has_no_class_and_that_is_right(tiny: Tiny) -> None:
    assert join(tiny, "test").classify("ILSVRC2012_test_00000001.JPEG", "") == ("", NO_LABEL)


@pytest.mark.parametrize("name", ["x.JPEG", "n01440764_7.JPEG.exe", "n0144_7.JPEG", ""])
def test_a_name_of_another_form_has_no_class(tiny: Tiny, name: str) -> None:
    assert join(tiny, "train").classify(name, "") == "its name is not of the published form"


def test_a_class_that_is_no_leaf_or_unknown_gives_a_reason(tiny: Tiny) -> None:
    internal = tiny.edition.internal[0].wnid

    for wnid in ("n99999999", internal):
        assert join(tiny, "train").classify(f"{wnid}_7.JPEG", "") == f"it has no class: {wnid} is not in the edition"


def test_the_proof_shows_the_known_images_of_the_published_edition() -> None:
    proof = prove_labels(load_edition("ilsvrc2012"))

    assert proof.agrees
    assert [(probe.number, probe.label) for probe in proof.probes] == [(1, 65), (2, 970), (3, 230)]
    assert [probe.wnid for probe in proof.probes] == ["n01751748", "n09193705", "n02105855"]


def test_the_hash_of_the_proof_is_over_classes_and_validation_labels(tiny: Tiny) -> None:
    lines = [f"{synset.wnid} {synset.label}\n" for synset in tiny.edition.classes]
    lines += [f"{number} {label}\n" for number, label in enumerate(tiny.edition.val_labels, 1)]

    assert prove_labels(tiny.edition).table_sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def swapped(edition: Edition) -> Edition:
    """Give the edition with its first validation label told wrong."""
    first = (edition.val_labels[0] + 1) % len(edition.classes)
    return replace(edition, val_labels=(first, *edition.val_labels[1:]))


def test_labels_in_another_order_are_refused(tiny: Tiny) -> None:
    with pytest.raises(LabelsRefused, match="validation image 1 differs"):
        prove_labels(swapped(tiny.edition))


def test_one_changed_label_changes_the_hash(tiny: Tiny) -> None:
    silent = replace(tiny.edition, label_probes=())

    assert prove_labels(swapped(silent)).table_sha256 != prove_labels(silent).table_sha256
