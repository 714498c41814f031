"""The lists of the development kit, made from an edition, byte for byte as the kits of 2012 to 2017 have them.

Rules guarded: these lists speak in ilsvrc_ids, never in labels.
Source: map_clsloc.txt (md5 95c373dfc73b1b467fb7fa8d41f2a3a8) and ILSVRC2012_validation_ground_truth.txt
(md5 1cfce2418d86c664c2e10863eecd0aa3) of the kits.
"""

from __future__ import annotations

from collections.abc import Iterator

from kilotar.model.edition import Edition

__all__ = ["ground_truth_lines", "map_clsloc_lines"]


def map_clsloc_lines(edition: Edition) -> Iterator[str]:
    """Yield the lines of map_clsloc.txt, each with its newline: wnid, ilsvrc_id, first word with "_" for spaces."""
    for synset in sorted(edition.classes, key=lambda synset: synset.ilsvrc_id):
        yield f"{synset.wnid} {synset.ilsvrc_id} {synset.lemmas[0].replace(' ', '_')}\n"


def ground_truth_lines(edition: Edition) -> Iterator[str]:
    """Yield the ilsvrc_id of each validation image in the order of their numbers, each with its newline."""
    lines = [f"{synset.ilsvrc_id}\n" for synset in edition.classes]
    for label in edition.val_labels:
        yield lines[label]
