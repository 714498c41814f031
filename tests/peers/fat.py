"""An edition whose images are long enough to be caught on their way: real JPEGs, with comments full of random bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.editions.tiny_toml import write_toml
from kilotar.model.edition import Archive as EditionArchive
from kilotar.model.sample import Split
from kilotar.parse.torrent import make_torrent, write_torrent
from tests.doubles.landings import table_of
from tests.peers.lab import ANNOUNCE, Archive

__all__ = ["Fat", "make_fat"]

_COMMENT_BYTES = 65_533


@dataclass(frozen=True, slots=True)
class Fat:
    """An edition and its archives of images, by split.

    Attributes:
        toml:   of an edition that knows the torrents.
        images: SHA-256 by name of every image.
    """

    toml: Path
    train: Archive
    val: Archive
    images: dict[str, str]
    wnids: tuple[str, ...]


def make_fat(
    folder: Path,
    *,
    classes: int = 3,
    per_class: int = 2,
    val: int = 2,
    image_bytes: int = 1 << 20,
    piece_bytes: int = 256 << 10,
    tracker: str = ANNOUNCE,
    url: str = "",
) -> Fat:
    """Make a tiny edition with images of about so many bytes, and the torrents of its two archives of images.

    Args:
        url: of the folder with the archives, known to the edition; "" for none.
    """
    tiny = make_tiny(folder / "tiny", classes=classes, per_class=per_class, val=val, test=0, boxes=False)
    rng, images = random.Random(7), dict[str, str]()
    made = {
        split: _fatten(tiny, split, folder / str(split), image_bytes, piece_bytes, tracker, rng, images)
        for split in (Split.TRAIN, Split.VAL)
    }
    archives = tuple(_told_of(a, made[a.split], url) if a.split in made else a for a in tiny.edition.archives)
    toml = folder / "edition.toml"
    toml.write_text(write_toml(dataclasses.replace(tiny.edition, archives=archives)), encoding="utf-8")
    wnids = tuple(synset.wnid for synset in tiny.edition.classes)
    return Fat(toml, made[Split.TRAIN], made[Split.VAL], images, wnids)


def _told_of(about: EditionArchive, archive: Archive, url: str) -> EditionArchive:
    return dataclasses.replace(
        about,
        size_bytes=len(archive.data),
        infohash=archive.torrent.table.infohash,
        md5=hashlib.md5(archive.data, usedforsecurity=False).hexdigest(),
        sha1=hashlib.sha1(archive.data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(archive.data).hexdigest(),
        urls=(f"{url}/{about.name}",) if url else (),
    )


def _fatten(
    tiny: Tiny,
    split: Split,
    folder: Path,
    image_bytes: int,
    piece_bytes: int,
    tracker: str,
    rng: random.Random,
    images: dict[str, str],
) -> Archive:
    """Write an archive with longer images, and its torrent."""
    about = next(a for a in tiny.edition.archives if a.role == "images" and a.split is split)
    data = _longer_tar((tiny.folder / about.name).read_bytes(), image_bytes, rng, images)
    table = dataclasses.replace(table_of(data, piece_bytes), name=about.name)
    torrent = make_torrent(table, trackers=((tracker,),) if tracker else ())
    folder.mkdir()
    archive = Archive(torrent, data, folder)
    archive.file.write_bytes(data)
    archive.torrent_file.write_bytes(write_torrent(torrent))
    return archive


def _longer_tar(data: bytes, image_bytes: int, rng: random.Random, images: dict[str, str]) -> bytes:
    """Give a tar with the same members, each image longer, those of inner tars too."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old:
            file = old.extractfile(member)
            content = file.read() if file else b""
            if member.name.endswith(".tar"):
                content = _longer_tar(content, image_bytes, rng, images)
            elif content:
                content = _longer_image(content, image_bytes, rng)
                images[member.name] = hashlib.sha256(content).hexdigest()
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _longer_image(jpeg: bytes, image_bytes: int, rng: random.Random) -> bytes:
    """Give a JPEG with comments behind its first marker."""
    assert jpeg[:2] == b"\xff\xd8"
    comments = bytearray()
    while len(jpeg) + len(comments) < image_bytes:
        text = rng.randbytes(_COMMENT_BYTES)
        comments += b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return jpeg[:2] + bytes(comments) + jpeg[2:]
