"""An edition out of a TOML document and the files beside it.

Rules guarded: what two places say must agree (counts and lists, probes and labels, archives and counts); a file beside
the document is named by plain parts, so that no document reaches out of its folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from kilotar.editions.archives import NAME, parse_archive
from kilotar.editions.fields import Fields, refuse
from kilotar.editions.synsets import WNID, Hierarchy, parse_classes, parse_synsets
from kilotar.errors import EditionRefused
from kilotar.model.edition import Archive, ArchiveRole, Edition, Subset
from kilotar.model.lines import strict_lines
from kilotar.model.sample import Split

__all__ = ["FILE", "parse_edition"]

FILE = rf"{NAME}(/{NAME}){{0,3}}"
SITE = r"https?://[^/\s?#]+(/[^/\s?#]+)*"
TRACKER = r"(https?|udp)://[^/\s]+(/\S*)?"
ReadFile = Callable[[str], bytes]


def parse_edition(document: Mapping[str, object], where: str, read_file: ReadFile) -> Edition:
    """Give the edition that a document describes.

    Args:
        document:  as `tomllib` gives it.
        where:     its name, for messages.
        read_file: gives the bytes of a file beside the document.
    Raises: EditionRefused, naming field or line; whatever `read_file` raises.
    """
    top = Fields(document, where)
    hierarchy = _parse_hierarchy(top, read_file)
    odd = _parse_odd(top, read_file)
    is_detection = top.flag("is_detection")
    edition = Edition(
        name=top.text("name", pattern=NAME),
        archives=tuple(parse_archive(table, is_detection=is_detection) for table in top.tables("archives")),
        classes=hierarchy.classes,
        internal=hierarchy.internal,
        val_labels=_parse_val(top, hierarchy, read_file),
        cmyk=frozenset(name for name, kind in odd if kind == "cmyk"),
        png=frozenset(name for name, kind in odd if kind == "png"),
        counts=_parse_counts(top),
        label_probes=_parse_probes(top),
        subsets=tuple(_parse_subset(table, hierarchy, read_file) for table in top.tables("subsets")),
        terms=top.text("terms", ""),
        source=top.text("source", ""),
        torrent_site=top.text("torrent_site", "", pattern=SITE),
        trackers=_parse_trackers(top),
        is_detection=is_detection,
    )
    top.end()
    _check_agreement(edition, where)
    return edition


def _parse_hierarchy(top: Fields, read_file: ReadFile) -> Hierarchy:
    if top.has("synsets") and top.has("classes"):
        refuse(top.at("classes"), "stands beside synsets; one of them is enough")
    if top.has("classes"):
        return parse_classes(top.tables("classes"), top.where)
    name = top.text("synsets", pattern=FILE)
    return parse_synsets(read_file(name), name)


def _parse_val(top: Fields, hierarchy: Hierarchy, read_file: ReadFile) -> tuple[int, ...]:
    """Give the labels of the validation images out of a list, or a file, of ilsvrc_ids."""
    if not top.has("val_ilsvrc_ids"):
        return ()
    where, words = _val_words(top, read_file)
    labels = {str(synset.ilsvrc_id): synset.label for synset in hierarchy.classes}
    try:
        return tuple([labels[word] for word in words])
    except KeyError as error:
        line = words.index(error.args[0]) + 1
        refuse(f"{where}, line {line}", f"must be an ilsvrc_id, 1 to {len(labels)}", error.args[0])


def _val_words(top: Fields, read_file: ReadFile) -> tuple[str, list[str]]:
    if isinstance(top.value("val_ilsvrc_ids"), str):
        name = top.text("val_ilsvrc_ids", pattern=FILE)
        return name, strict_lines(read_file(name), name, EditionRefused)
    rows = top.rows("val_ilsvrc_ids")
    return top.at("val_ilsvrc_ids"), [str(row) if type(row) is int else repr(row) for row in rows]


def _parse_odd(top: Fields, read_file: ReadFile) -> list[tuple[str, str]]:
    """Give (name, "cmyk" or "png") of the images that are not what their name says."""
    found = [(name, kind) for kind in ("cmyk", "png") for name in top.texts(kind)]
    if not top.has("odd"):
        return found
    name = top.text("odd", pattern=FILE)
    for number, line in enumerate(strict_lines(read_file(name), name, EditionRefused), 1):
        match = re.fullmatch(rf"({NAME})\t(cmyk|png)", line, re.ASCII)
        if match:
            found.append((match[1], match[2]))
        elif number != 1 or line != "name\tkind":
            refuse(f"{name}, line {number}", "must be a name, a tab, and cmyk or png", line)
    return found


def _parse_counts(top: Fields) -> dict[Split, int]:
    table = top.table("counts")
    counts = {split: table.number(split) for split in Split if table.has(split)}
    table.end()
    return counts


def _parse_probes(top: Fields) -> tuple[tuple[int, int], ...]:
    probes = []
    for row in top.rows("label_probes"):
        if not isinstance(row, list) or [type(each) for each in row] != [int, int]:
            refuse(top.at("label_probes"), "must be pairs of validation number and label", row)
        probes.append((row[0], row[1]))
    return tuple(probes)


def _parse_subset(table: Fields, hierarchy: Hierarchy, read_file: ReadFile) -> Subset:
    if table.has("file"):
        name = table.text("file", pattern=FILE)
        wnids = tuple(strict_lines(read_file(name), name, EditionRefused))
    else:
        wnids = table.texts("wnids")
    known = {synset.wnid for synset in hierarchy.classes}
    unknown = [wnid for wnid in wnids if not re.fullmatch(WNID, wnid, re.ASCII) or wnid not in known]
    if unknown or not wnids:
        refuse(table.where, "must list classes of this edition", unknown[:3])
    if list(wnids) != sorted(set(wnids)):
        refuse(table.where, "must be sorted, each class once")
    digest = hashlib.sha256("".join(f"{wnid}\n" for wnid in wnids).encode()).hexdigest()
    subset = Subset(table.text("name", pattern=NAME), wnids, table.text("sha256", digest), table.text("source", ""))
    if subset.sha256 != digest:
        refuse(table.at("sha256"), "is not the digest of the list", digest)
    table.end()
    return subset


def _parse_trackers(top: Fields) -> tuple[str, ...]:
    trackers = top.texts("trackers")
    for tracker in trackers:
        if not re.fullmatch(TRACKER, tracker, re.ASCII):
            refuse(top.at("trackers"), "must be addresses of http, https or udp", tracker)
    return trackers


def _check_agreement(edition: Edition, where: str) -> None:
    trained = sum(synset.train_images for synset in edition.classes)
    for split, images in ((Split.TRAIN, trained), (Split.VAL, len(edition.val_labels))):
        if images and edition.counts.get(split, images) != images:
            refuse(f"{where}, field counts.{split}", f"the classes and lists say {images}", edition.counts[split])
    for number, label in edition.label_probes:
        if not 1 <= number <= len(edition.val_labels) or edition.val_labels[number - 1] != label:
            refuse(f"{where}, field label_probes", f"val {number} has not the label {label}")
    for kind, names in (
        ("archives", [archive.name for archive in edition.archives]),
        ("subsets", [subset.name for subset in edition.subsets]),
    ):
        if len(set(names)) != len(names):
            refuse(f"{where}, {kind}", "a name stands twice", sorted(names))
    for archive in edition.archives:
        _check_images(archive, edition, where)
        _check_within(archive, edition, where)


def _check_images(archive: Archive, edition: Edition, where: str) -> None:
    if archive.role is not ArchiveRole.IMAGES or archive.images is None or archive.split is None:
        return
    if edition.counts.get(archive.split, archive.images) != archive.images:
        refuse(f"{where}, {archive.name}, field images", f"counts.{archive.split} differs", archive.images)


def _check_within(archive: Archive, edition: Edition, where: str) -> None:
    """What is made of a packed archive needs one; and training images in a flat tar have no class."""
    if not archive.within:
        return
    if not edition.packed or archive.role not in (ArchiveRole.IMAGES, ArchiveRole.BOXES):
        refuse(f"{where}, {archive.name}, field within", "is for images and boxes in an archive of role packed")
    if not edition.is_detection:
        refuse(f"{where}, {archive.name}, field within", "is for editions with is_detection")
