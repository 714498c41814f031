"""Releases of the data set as data: the published one, and any that a TOML file describes.

Facts of ImageNet (counts, names, digests, classes) lie in the folders here and in no other place of the program.
"""

from __future__ import annotations

from kilotar.editions.load import edition_names, load_edition

__all__ = ["edition_names", "load_edition"]
