"""An archive of an edition out of its TOML table.

Rules guarded: a digest has its length and is lower-case hex; a name is one plain part of a path; an archive of images
says how they lie, of which split they are and how they are named, with the groups that the split needs.
"""

from __future__ import annotations

import re
from dataclasses import fields

from kilotar.editions.fields import Fields, refuse
from kilotar.model.edition import Archive, ArchiveRole, Layout, Strictness
from kilotar.model.sample import Split

__all__ = ["NAME", "parse_archive"]

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"


def parse_archive(table: Fields, *, is_detection: bool = False) -> Archive:
    """Give the archive; in a detection edition no name says a class. Raises: EditionRefused, naming the field."""
    role = _word(table, "role", ArchiveRole)
    archive = Archive(
        name=table.text("name", pattern=NAME),
        role=ArchiveRole(role),
        split=Split(_word(table, "split", Split)) if table.has("split") else None,
        size_bytes=table.number("size_bytes") if table.has("size_bytes") else None,
        md5=table.text("md5", "", pattern="[0-9a-f]{32}"),
        sha1=table.text("sha1", "", pattern="[0-9a-f]{40}"),
        sha256=table.text("sha256", "", pattern="[0-9a-f]{64}"),
        urls=table.texts("urls"),
        infohash=table.text("infohash", "", pattern="[0-9a-f]{40}"),
        summary=table.text("summary", ""),
        layout=Layout(_word(table, "layout", Layout)) if table.has("layout") else Layout.OTHER,
        member=table.text("member", ""),
        inner=table.text("inner", ""),
        within=table.text("within", ""),
        lists=table.text("lists", ""),
        images=table.number("images") if table.has("images") else None,
        strictness=_parse_strictness(table.table("strictness")),
        default=table.flag("default"),
        source=table.text("source", ""),
    )
    table.end()
    _check_role(archive, table, is_detection)
    return archive


def _word(table: Fields, name: str, words: type[ArchiveRole] | type[Split] | type[Layout]) -> str:
    word = table.text(name)
    known = [str(each) for each in words]
    if word not in known:
        refuse(table.at(name), f"must be one of {', '.join(known)}", word)
    return word


def _parse_strictness(table: Fields) -> Strictness:
    found = Strictness(**{each.name: table.flag(each.name) for each in fields(Strictness)})
    table.end()
    return found


def _check_role(archive: Archive, table: Fields, is_detection: bool) -> None:
    if archive.role in (ArchiveRole.IMAGES, ArchiveRole.BOXES) and archive.split is None:
        refuse(table.at("split"), f"is missing, and {archive.name} holds {archive.role}")
    _compiled(table, "within", archive.within)
    lists = _compiled(table, "lists", archive.lists)
    if archive.lists and "split" not in lists.groupindex:
        refuse(table.at("lists"), "has no group split", archive.lists)
    if archive.role is not ArchiveRole.IMAGES:
        return
    if archive.layout not in (Layout.TAR_OF_TARS, Layout.FLAT_TAR):
        refuse(table.at("layout"), "images lie in a tar-of-tars or a flat-tar", str(archive.layout))
    is_nested = archive.split is Split.TRAIN and not archive.within
    if is_nested is not (archive.layout is Layout.TAR_OF_TARS):
        refuse(table.at("layout"), "a tar-of-tars holds the training images, and only those", str(archive.layout))
    _check_member(archive, table, is_detection)


def _compiled(table: Fields, name: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        refuse(table.at(name), f"is no regular expression ({error})", expression)


def _check_member(archive: Archive, table: Fields, is_detection: bool) -> None:
    pattern = _compiled(table, "member", archive.member)
    _compiled(table, "inner", archive.inner)
    needed = {"wnid"} if archive.split is Split.TRAIN else {"number"}
    missing = needed - set(pattern.groupindex)
    if missing and not is_detection:
        refuse(table.at("member"), f"has no group {missing.pop()}", archive.member)
