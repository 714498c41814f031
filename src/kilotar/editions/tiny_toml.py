"""An edition as the text of a TOML file that `load_edition` reads back to an equal value.

Rules guarded: everything is in the one file; what is empty is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields

from kilotar.model.edition import Archive, Edition, Synset

__all__ = ["write_toml"]


def write_toml(edition: Edition) -> str:
    """Give the text of the file."""
    lines = [f"name = {_value(edition.name)}", f"source = {_value(edition.source)}"]
    for name in ("terms", "torrent_site", "trackers"):
        lines += [f"{name} = {_value(value)}"] if (value := getattr(edition, name)) else []
    lines += ["is_detection = true"] if edition.is_detection else []
    lines.append(f"val_ilsvrc_ids = {[edition.classes[label].ilsvrc_id for label in edition.val_labels]}")
    lines.append(f"label_probes = {[list(probe) for probe in edition.label_probes]}")
    lines += [f"{kind} = {_value(sorted(names))}" for kind, names in (("cmyk", edition.cmyk), ("png", edition.png))]
    lines += ["", "[counts]", *(f"{split} = {count}" for split, count in edition.counts.items())]
    for subset in edition.subsets:
        lines += ["", "[[subsets]]", f"name = {_value(subset.name)}", f"wnids = {_value(list(subset.wnids))}"]
        lines += [f"sha256 = {_value(subset.sha256)}", f"source = {_value(subset.source)}"]
    for archive in edition.archives:
        lines += ["", "[[archives]]", *_archive(archive)]
    for synset in (*edition.classes, *edition.internal):
        lines += ["", "[[classes]]", *_synset(synset)]
    return "\n".join(lines) + "\n"


def _archive(archive: Archive) -> Iterator[str]:
    for each in fields(archive):
        value = getattr(archive, each.name)
        if each.name == "strictness":
            switches = [f"{switch.name} = true" for switch in fields(value) if getattr(value, switch.name)]
            yield f"strictness = {{ {', '.join(switches)} }}"
        elif value not in ("", None, ()):
            yield f"{each.name} = {_value(value)}"


def _synset(synset: Synset) -> Iterator[str]:
    for name in ("wnid", "ilsvrc_id", "words", "gloss", "parents", "train_images"):
        yield f"{name} = {_value(getattr(synset, name))}"


def _value(value: object) -> str:
    """Give text, a number, true, false or a list of them; their JSON is TOML as well."""
    return json.dumps(value, ensure_ascii=False)
