"""A table of the places of classes: learnt by one, used by another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import kilotar
from kilotar.errors import LayoutRefused
from tests.work.wishes import Published


def of_train(published: Published, root: Path, *, classes: tuple[str, ...] = (), table: Path | None = None) -> int:
    """Fetch from the training archive; give how many bytes came."""
    wish = published.wish("http", classes=classes, splits=("train",))
    fetching = wish["fetching"]
    assert fetching is not None
    wish["fetching"] = replace(fetching, positions=table)
    (fact,) = kilotar.get(root, **wish).downloads
    return sum(size_bytes for _, size_bytes in fact.brought)


def test_a_table_of_a_whole_archive_saves_others_the_search(published: Published, root: Path, tmp_path: Path) -> None:
    table, few = tmp_path / "train.tsv", published.wnids[4:6]
    of_train(published, root)

    assert kilotar.export_positions(root, table) == len(published.wnids)
    with_table = of_train(published, tmp_path / "second", classes=few, table=table)
    without = of_train(published, tmp_path / "third", classes=few)

    assert with_table < without
    kilotar.prepare(tmp_path / "second", classes=few, splits=("train",))


def test_what_was_learnt_of_a_few_classes_can_be_handed_on_too(
    published: Published, root: Path, tmp_path: Path
) -> None:
    of_train(published, root, classes=published.wnids[:2])

    known = kilotar.export_positions(root, tmp_path / "some.tsv")

    assert 2 <= known < len(published.wnids)
    assert (tmp_path / "some.tsv").read_text().count("\nn") == known


def test_an_export_harms_no_index(published: Published, root: Path, tmp_path: Path) -> None:
    kilotar.index(root, **published.wish("http", splits=("train",)))
    before = {path: path.stat().st_mtime_ns for path in (root / ".kilotar" / "index").rglob("*")}

    kilotar.export_positions(root, tmp_path / "train.tsv")

    assert {path: path.stat().st_mtime_ns for path in (root / ".kilotar" / "index").rglob("*")} == before


def test_without_an_archive_there_is_nothing_to_export(published: Published, root: Path, tmp_path: Path) -> None:
    kilotar.get(root, **published.wish("http", splits=("val",)))

    with pytest.raises(LayoutRefused, match="no place of a class"):
        kilotar.export_positions(root, tmp_path / "none.tsv")
    assert not (tmp_path / "none.tsv").exists()
