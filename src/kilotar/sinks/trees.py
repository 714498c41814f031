"""Reading folders of images back: what the tree formats share.

Rules guarded: folders and names come in the order of text; a folder that is no class of the edition is refused by name,
because every trainer would count it as a class and shift all labels after it; one folder's names are held at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Row

__all__ = ["class_folders", "file_names", "read_bytes", "read_images", "read_lines"]


def file_names(folder: Path) -> list[str]:
    """Give the names of the files of a folder, sorted, hidden ones left out; [] where there is no such folder."""
    return _names(folder, want_folders=False)


def class_folders(folder: Path, edition: Edition) -> list[str]:
    """Give the wnids that have a folder here, sorted; [] where there is no such folder.

    Raises: LayoutRefused where a folder is no class, or where images lie here without class folders.
    """
    wnids = _names(folder, want_folders=True)
    known = {synset.wnid for synset in edition.classes}
    for wnid in wnids:
        if wnid not in known:
            raise LayoutRefused(
                f"{folder.name}/{wnid} is no class of {edition.name}",
                seen="a trainer would count it as a class and shift the labels after it",
                fix="move it out of the tree",
            )
    if not wnids and (flat := file_names(folder)):
        raise LayoutRefused(
            f"{folder.name} holds images without class folders",
            seen=f"{len(flat)} files, the first is {flat[0]}",
            fix="prepare the tree anew: kilotar sorts val into class folders",
        )
    return wnids


def _names(folder: Path, *, want_folders: bool) -> list[str]:
    try:
        with os.scandir(folder) as found:
            # Hidden folders are shown: ImageFolder counts them as classes. Hidden files it does not.
            return sorted(
                entry.name
                for entry in found
                if entry.is_dir() == want_folders and (want_folders or not entry.name.startswith("."))
            )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, f"list {folder}") from error


def read_images(folder: Path, split: Split, wnid: str, label: int) -> Iterator[Row]:
    """Give every image of one folder as a row of this class."""
    for name in file_names(folder):
        yield Row(split, name, wnid, label, partial(read_bytes, folder / name))


def read_bytes(path: Path) -> bytes:
    """Give the bytes of a file. Raises MachineError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise storage_error(error, f"read {path}") from error


def read_lines(path: Path) -> Iterator[str]:
    """Give the lines of a text file without their ends, one at a time; nothing where there is no such file.

    Raises: LayoutRefused for bytes that are no UTF-8; MachineError.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield line.removesuffix("\n")
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        raise LayoutRefused(f"{path} is no text", seen=str(error), fix="prepare the output anew") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
