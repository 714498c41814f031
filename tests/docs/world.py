"""A world in which the commands of the docs do what they do in ours: a tiny ImageNet under the published names.

Rules guarded: commands are run as they are written; what makes them small are settings from the environment, of which
the pages do not speak: another edition, and leave to talk to this machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.events import ignore
from kilotar.work.demo_swarm import open_demo_swarm
from tests.docs.pages import REPOSITORY

PUBLISHED = {
    "tiny_img_train.tar": "ILSVRC2012_img_train.tar",
    "tiny_img_val.tar": "ILSVRC2012_img_val.tar",
    "tiny_img_test.tar": "ILSVRC2012_img_test_v10102019.tar",
    "tiny_devkit.tar.gz": "ILSVRC2012_devkit_t12.tar.gz",
    "tiny_bbox_train.tar.gz": "ILSVRC2012_bbox_train_v2.tar.gz",
    "tiny_bbox_val.tgz": "ILSVRC2012_bbox_val_v3.tgz",
}
LOOPBACK = {"allow_private": "1", "no_dht": "1", "no_lsd": "1", "no_upnp": "1", "interface": "127.0.0.1"}
_NO_EDITION = ".no-edition"


@dataclass(frozen=True)
class World:
    """Folders that homes are made of, and the environment in which commands run."""

    downloads: Path
    torrents: Path
    programs: Path
    toml: Path

    def make_home(self, home: Path, given: tuple[str, ...]) -> Path:
        """Make a home with what is given: "nothing", "downloads", "torrents", "prepared", "scripts", "no edition"."""
        home.mkdir(parents=True)
        for word in given:
            match word:
                case "downloads" | "torrents":
                    shutil.copytree(getattr(self, word), home / "downloads", dirs_exist_ok=True)
                case "prepared":
                    self._prepare(home / "imagenet")
                case "scripts":
                    (home / "scripts").symlink_to(REPOSITORY / "scripts")
                    (home / "examples").symlink_to(REPOSITORY / "examples")
                case "nothing":
                    pass
                case "no edition":
                    (home / _NO_EDITION).touch()
                case _:
                    raise ValueError(f"nobody can give {word!r}")
        return home

    def _prepare(self, root: Path) -> None:
        toml = str(self.toml)
        kilotar.prepare(root, source=self.downloads, edition=toml, boxes=True, accept_terms=True)

    def run(self, script: str, home: Path) -> subprocess.CompletedProcess[str]:
        """Run a script as a person would type it, in that home."""
        environment = {
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "KILOTAR_EDITION": "" if (home / _NO_EDITION).exists() else str(self.toml),
            **{f"KILOTAR_{flag.upper()}": word for flag, word in LOOPBACK.items()},
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )


@contextlib.contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """Make the tiny set, and publish it on loopback."""
    tiny = _under_published_names(make_tiny(folder / "downloads", classes=10, per_class=20, val=50, test=10))
    with open_demo_swarm(tiny, folder / "swarm", ignore) as there:
        torrents = folder / "torrents"
        torrents.mkdir()
        for torrent in there.torrents:
            name = f"/download/{torrent.table.infohash}.torrent"
            (torrents / f"{torrent.table.name}.torrent").write_bytes(_offered(there.web.url + name))
        yield World(tiny.folder, torrents, _programs(folder / "programs"), there.toml)


def _under_published_names(tiny: Tiny) -> Tiny:
    for name, published in PUBLISHED.items():
        (tiny.folder / name).rename(tiny.folder / published)
    archives = tuple(replace(archive, name=PUBLISHED[archive.name]) for archive in tiny.edition.archives)
    half = tiny.edition.subsets[0]
    subsets = (half, replace(half, name="imagenette"))
    tiny.toml.unlink()
    return replace(tiny, edition=replace(tiny.edition, archives=archives, subsets=subsets))


def _offered(url: str) -> bytes:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return bytes(answer.read())


def _programs(folder: Path) -> Path:
    """Give a folder for PATH with the kilotar and the Python of these tests."""
    folder.mkdir()
    for name, words in (("kilotar", "-m kilotar"), ("python3", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder
