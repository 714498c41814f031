"""A release of the data set as a value: its archives, classes, labels and quirks.

Rules guarded: every count, name and digest of a release comes from such a value, so that a tiny edition for tests, or
somebody's own tar of tars, is just another value; the published release is data in `kilotar.editions`, not code.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kilotar.model.sample import Split

__all__ = ["Archive", "ArchiveRole", "Edition", "Layout", "Strictness", "Subset", "Synset"]


class ArchiveRole(enum.StrEnum):
    """What an archive is for."""

    IMAGES = "images"
    DEVKIT = "devkit"
    BOXES = "boxes"
    PACKED = "packed"  # archives of images and boxes in one; they are made of it, and read instead of it
    OTHER = "other"


class Layout(enum.StrEnum):
    """How images lie in an archive."""

    TAR_OF_TARS = "tar-of-tars"  # outer members "<wnid>.tar", images flat inside
    FLAT_TAR = "flat-tar"
    TAR_GZ = "tar.gz"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Strictness:
    """What the tar walker tolerates in one archive. Everything is refused unless it is switched on here, by name.

    Attributes:
        directories:     entries of type 5 with size 0 are passed over.
        ustar_prefix:    names may use the ustar prefix field.
        short_end:       one zero block, or none, may end the archive.
        nonzero_padding: bytes between the end of a member and the next block need not be zero.
        long_names:      GNU `L` records (at most 64 kB, at most one a member).
        pax_headers:     pax `x` records whose path or size agree with the ustar header.
    """

    directories: bool = False
    ustar_prefix: bool = False
    short_end: bool = False
    nonzero_padding: bool = False
    long_names: bool = False
    pax_headers: bool = False


@dataclass(frozen=True, slots=True)
class Archive:
    """One published file.

    Attributes:
        name:       file name as published.
        role:       what it is for.
        split:      the split of its images or boxes; None for a kit.
        size_bytes: published length, None where it is not known.
        md5, sha1, sha256: published digests in lower-case hex, "" where not known.
        urls:       where it is, or was, to be had.
        infohash:   of its torrent, 40 hex digits or "".
        summary:    one line: what it is for.
        layout:     see `Layout`.
        member:     regular expression for a whole member name (the last part of its path); groups `wnid`, `number`.
        inner:      regular expression for the stem of an inner tar that is no class's; "" where inner tars are classes.
        within:     regular expression for folders of the packed archive whose files this one is made of, from its top;
            "" for an archive that is published as it is.
        lists:      regular expression for the path of a list of images in a packed archive; group `split`.
        images:     published number of images, None where not known.
        strictness: what the walker tolerates in it.
        default:    whether `prepare` looks for it unasked.
        source:     where these facts come from.
    """

    name: str
    role: ArchiveRole
    split: Split | None = None
    size_bytes: int | None = None
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    urls: tuple[str, ...] = ()
    infohash: str = ""
    summary: str = ""
    layout: Layout = Layout.OTHER
    member: str = ""
    inner: str = ""
    within: str = ""
    lists: str = ""
    images: int | None = None
    strictness: Strictness = Strictness()
    default: bool = False
    source: str = ""

    @property
    def digest(self) -> tuple[str, str]:
        """The strongest published digest as (algorithm, hex), ("", "") where none is known."""
        pairs = (("sha256", self.sha256), ("sha1", self.sha1), ("md5", self.md5))
        return next(((name, value) for name, value in pairs if value), ("", ""))

    @property
    def published(self) -> frozenset[str]:
        """Every published "algorithm:digest" that proves the file; "btih" is the infohash, by its pieces."""
        pairs = (("sha256", self.sha256), ("sha1", self.sha1), ("md5", self.md5), ("btih", self.infohash))
        return frozenset(f"{name}:{value}" for name, value in pairs if value)

    def member_pattern(self) -> re.Pattern[str]:
        """The compiled `member` expression; use `fullmatch`."""
        return re.compile(self.member, re.ASCII)


@dataclass(frozen=True, slots=True)
class Synset:
    """One node of the hierarchy. Leaves are the classes; internal nodes serve to find and to choose them.

    Attributes:
        wnid:      WordNet id, "n" and eight digits.
        ilsvrc_id: the development kit's number, 1-based.
        words:     as in the kit, lemmas separated by ", ".
        gloss:     WordNet's explanation.
        parents:   wnids of the direct parents.
        label:     0-based rank among the leaves sorted by wnid, -1 for internal nodes.
        train_images: published number of training images, 0 for internal nodes.
    """

    wnid: str
    ilsvrc_id: int
    words: str
    gloss: str = ""
    parents: tuple[str, ...] = ()
    label: int = -1
    train_images: int = 0

    @property
    def lemmas(self) -> tuple[str, ...]:
        return tuple(self.words.split(", "))


@dataclass(frozen=True, slots=True)
class Subset:
    """A named choice of classes.

    Attributes:
        name:   "imagenette".
        wnids:  of its classes, sorted.
        sha256: of the list as text, one wnid a line, each line ended by "\\n".
        source: who published the list.
    """

    name: str
    wnids: tuple[str, ...]
    sha256: str
    source: str = ""


@dataclass(frozen=True)
class Edition:
    """A release.

    Attributes:
        name:        "ilsvrc2012".
        archives:    every file that belongs to it.
        classes:     the leaves, sorted by wnid, so that `classes[label]` is the class of a label.
        internal:    the other synsets, by ilsvrc_id.
        val_labels:  label of validation image `number` at `val_labels[number - 1]`.
        cmyk:        names of images that are CMYK JPEGs; known oddities, not errors.
        png:         names of images that are PNG under a JPEG name; likewise.
        counts:      published number of images of each split.
        label_probes: (validation number, label) pairs shown in every label proof.
        subsets:     named choices of classes.
        terms:       the terms of use in a sentence, "" where none need accepting.
        source:      where the facts come from.
        torrent_site: address of the site that has its torrents, "" where there is none: SITE/download/INFOHASH.torrent,
            SITE/database.xml and SITE/collection/NAME.csv are asked for.
        trackers:    announce addresses, for torrents that name none.
        is_detection: its images have boxes of many classes each and no class of their own; `classes` are those of the
            boxes. Images without XML are normal: nothing was searched for in them, or nothing was found.
    """

    name: str
    archives: tuple[Archive, ...]
    classes: tuple[Synset, ...]
    internal: tuple[Synset, ...] = ()
    val_labels: tuple[int, ...] = ()
    cmyk: frozenset[str] = frozenset()
    png: frozenset[str] = frozenset()
    counts: Mapping[Split, int] = field(default_factory=dict)
    label_probes: tuple[tuple[int, int], ...] = ()
    subsets: tuple[Subset, ...] = ()
    terms: str = ""
    source: str = ""
    torrent_site: str = ""
    trackers: tuple[str, ...] = ()
    is_detection: bool = False

    @cached_property
    def by_wnid(self) -> Mapping[str, Synset]:
        """Leaves and internal synsets by wnid."""
        return {synset.wnid: synset for synset in (*self.classes, *self.internal)}

    @property
    def packed(self) -> tuple[Archive, ...]:
        """Archives that hold others; any of them stands for all."""
        return tuple(archive for archive in self.archives if archive.role is ArchiveRole.PACKED)

    def archive(self, name: str) -> Archive:
        """Give an archive by its name. Raises KeyError."""
        for archive in self.archives:
            if archive.name == name:
                return archive
        raise KeyError(name)

    def label_of(self, wnid: str) -> int:
        """Give the label of a class. Raises KeyError for a wnid that is not a leaf."""
        synset = self.by_wnid[wnid]
        if synset.label < 0:
            raise KeyError(wnid)
        return synset.label

    def val_wnid(self, number: int) -> str:
        """Give the class of validation image `number` (1-based). Raises KeyError outside the list."""
        if not 1 <= number <= len(self.val_labels):
            raise KeyError(number)
        return self.classes[self.val_labels[number - 1]].wnid
