"""Links between the pages lead somewhere, also when the pages are read as files."""

from __future__ import annotations

from pathlib import Path

from tests.docs.links import broken_in_site, broken_in_sources
from tests.docs.pages import DOCS


def test_links_and_anchors_of_the_sources_lead_somewhere() -> None:
    assert broken_in_sources(DOCS) == []


def test_a_lost_page_a_lost_anchor_and_a_way_out_of_the_docs_are_found(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "outside.md").write_text("# Outside\n")
    (docs / "a.md").write_text("# A b\n[1](b.md) [2](#a-b) [3](#no) [4](../outside.md) [5](https://x.y) `[6](no.md)`\n")

    assert broken_in_sources(docs) == ["a.md: b.md", "a.md: #no", "a.md: ../outside.md"]


def test_a_built_site_is_checked_by_its_anchors(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "index.html").write_text('<a href="b/#x">x</a><a href="b/#no">no</a><img src="no.svg">')
    (tmp_path / "b" / "index.html").write_text('<h1 id="x">x</h1><a href="..">up</a>')

    assert broken_in_site(tmp_path) == ["index.html: b/#no", "index.html: no.svg"]
