"""Which tree another tree can be linked from, instead of being written again.

Rules guarded: links are made only within one file system, and only from a tree that holds every image wanted; a tree in
the very same place is shared, not linked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from kilotar.store.workspace import Workspace
from kilotar.work.output import Output
from kilotar.work.outputs import begun_outputs
from kilotar.work.space import nearest_folder

__all__ = ["find_tree", "finished_trees"]


def finished_trees(workspace: Workspace) -> tuple[Output, ...]:
    """Give the complete outputs of a root that hold images. Raises LayoutRefused."""
    return tuple(o for o in begun_outputs(workspace) if o.manifest is not None and o.sink.ABOUT.images)


def find_tree(output: Output, trees: Iterable[Output], link: str) -> Output | None:
    """Give the tree that an output can share, or be linked from; None where it must be written.

    Args:
        trees: that are finished, or will be before this output is begun.
        link:  "never" leaves only sharing.
    Raises: OSError.
    """
    if not output.sink.ABOUT.images or output.sink.ABOUT.shards:
        return None
    holding = [tree for tree in trees if tree.holds_images_of(output)]
    shared = next((tree for tree in holding if output.shares_tree_with(tree)), None)
    if shared is not None or link == "never" or output.spool is not None:  # of recoded images no part knows a digest
        return shared
    device = os.stat(nearest_folder(output.folder)).st_dev
    return next((tree for tree in holding if os.stat(nearest_folder(tree.folder)).st_dev == device), None)
