"""The XML of boxes: hostile files are refused, odd ones recorded, and none repaired."""

from __future__ import annotations

import pytest

from kilotar.editions.tiny_boxes import write_xml
from kilotar.errors import BoxesRefused
from kilotar.model.sample import Box
from kilotar.parse.boxes import BoxFile, parse_boxes
from tests.budget import budget

BOX = Box("n01440764", 1, 2, 10, 12)
WHERE = "n01440764/n01440764_1.xml"
GOOD = write_xml("n01440764", "n01440764_1", (BOX,)).decode()


def parse(xml: str | bytes) -> BoxFile:
    return parse_boxes(xml if isinstance(xml, bytes) else xml.encode(), WHERE)


def changed(old: str, new: str) -> BoxFile:
    assert old in GOOD
    return parse(GOOD.replace(old, new, 1))


def test_a_file_in_order_has_boxes_and_no_finding() -> None:
    boxes = (BOX, Box("n01440764", 0, 0, 25, 17, "Frontal", True, True))
    found = parse(write_xml("n01440764", "n01440764_1", boxes))
    assert found == BoxFile("n01440764", "n01440764_1", 24, 16, boxes, ())


def test_parts_of_an_object_are_not_taken_for_the_object() -> None:
    part = "<part><name>head</name><bndbox><xmin>7</xmin></bndbox></part>"
    assert changed("<bndbox>", part + "<bndbox>").boxes == (BOX,)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "a doctype": ("<!DOCTYPE annotation>" + GOOD, "has a DOCTYPE"),
    "billion laughs": (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><annotation>&l9;</annotation>', "has a DOCTYPE"),
    "quadratic blow-up": (
        f'<!DOCTYPE a [<!ENTITY x "{"x" * 50_000}">]><annotation>{"&x;" * 1000}</annotation>',
        "has a DOCTYPE",
    ),
    "an external entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
        "has a DOCTYPE",
    ),
    "an external DTD": ('<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><annotation/>', "has a DOCTYPE"),
    "deep nesting": ("<annotation>" + "<a>" * 100_000, "nested more than 16 deep"),
    "many elements": ("<annotation>" + "<a/>" * 10_001 + "</annotation>", "more than 10000 elements"),
    "many attributes": (
        "<annotation " + " ".join(f'a{n}="1"' for n in range(90_000)) + "/>",
        "an element with more than 16 attributes",
    ),
    "an unknown encoding": ('<?xml version="1.0" encoding="x-nonsense"?><annotation/>', "encoding that is not read"),
    "another encoding": ('<?xml version="1.0" encoding="utf-7"?><annotation/>', "encoding that is not read"),
    "UTF-16": (GOOD.encode("utf-16"), "holds NUL bytes"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "holds NUL bytes"),
    "a file over 1 MB": ("<annotation>" + " " * (1 << 20) + "</annotation>", "is longer than 1048576 bytes"),
    "an endless text": ("<annotation><folder>" + "x" * 300_000 + "</folder></annotation>", "a text longer than 256"),
    "no XML": ("not XML", "is no XML"),
    "nothing": ("", "is no XML"),
    "a page": ("<html><body>404</body></html>", "must begin with <annotation>"),
    "cut short": (GOOD[:-40], "is no XML"),
    "two roots": (GOOD + GOOD, "is no XML"),
    "an undefined entity": ("<annotation>&nbsp;</annotation>", "is no XML"),
    "a NUL": ("<annotation>\0</annotation>", "holds NUL bytes"),
    "bytes that are no text": (b"<annotation>\xff\xfe</annotation>", "is no XML"),
}


@pytest.mark.parametrize("row", HOSTILE)
def test_a_hostile_file_is_refused(row: str) -> None:
    xml, named = HOSTILE[row]
    with budget(2.0, megabytes=100), pytest.raises(BoxesRefused) as caught:
        parse(xml)
    assert named in str(caught.value) and WHERE in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("<xmax>10</xmax>", "<xmax>1</xmax>", "swapped or equal"),
        ("<xmin>1</xmin>", "<xmin>11</xmin>", "swapped or equal"),
        ("<xmax>10</xmax>", "<xmax>26</xmax>", "is outside 24 x 16"),
        ("<ymax>12</ymax>", "<ymax>18</ymax>", "is outside 24 x 16"),
        ("<width>24</width>", "<width>0</width>", "the width of the image is not known"),
        ("<width>24</width>", "", "width stands 0 times"),
        ("<width>24</width>", "<width>24</width><width>25</width>", "width stands 2 times"),
        ("<filename>n01440764_1<", "<filename>n01440764_2<", "expected the file name 'n01440764_1'"),
        ("<filename>n01440764_1<", "<filename>../../etc/passwd<", "expected the file name 'n01440764_1'"),
        ("<truncated>0</truncated>", "<truncated>maybe</truncated>", "truncated is 'maybe', taken as 0"),
    ],
)
def test_what_is_odd_is_recorded_and_left_as_it_is(old: str, new: str, why: str) -> None:
    found = changed(old, new)
    assert len(found.boxes) == 1
    assert any(why in finding.why for finding in found.findings)
    assert not any(finding.is_problem for finding in found.findings)
    for side in ("xmin", "xmax", "ymax"):
        if f"<{side}>" in new:
            assert f"<{side}>{getattr(found.boxes[0], side)}</{side}>" == new


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("<xmin>1</xmin>", "<xmin>NaN</xmin>", "xmin is 'NaN'"),
        ("<xmin>1</xmin>", "<xmin>1e3</xmin>", "xmin is '1e3'"),
        ("<xmin>1</xmin>", "<xmin>1.5</xmin>", "xmin is '1.5'"),
        ("<xmin>1</xmin>", "<xmin>-1</xmin>", "xmin is '-1'"),
        ("<xmin>1</xmin>", "<xmin>٣</xmin>", "xmin is '٣'"),
        ("<xmin>1</xmin>", f"<xmin>{'9' * 250}</xmin>", "xmin is '999"),
        ("<xmin>1</xmin>", "<xmin></xmin>", "xmin is ''"),
        ("<xmin>1</xmin>", "", "xmin stands 0 times"),
        ("<xmin>1</xmin>", "<xmin>1</xmin><xmin>2</xmin>", "xmin stands 2 times"),
        ("<name>n01440764</name>", "", "its name stands 0 times"),
        ("<name>n01440764</name>", "<name>a</name><name>b</name>", "its name stands 2 times"),
        ("<name>n01440764</name>", "<name>=cmd</name>", "its name is '=cmd'"),
        ("<name>n01440764</name>", "<name>&lt;script&gt;</name>", "its name is '<script>'"),
        ("<name>n01440764</name>", "<name>../x</name>", "its name is '../x'"),
    ],
    ids=range(14),
)
def test_what_cannot_be_a_box_is_left_out_and_is_a_problem(old: str, new: str, why: str) -> None:
    found = changed(old, new)
    assert found.boxes == ()
    assert [why in finding.why for finding in found.findings if finding.is_problem] == [True]


def test_a_number_of_5000_digits_is_refused_quickly() -> None:
    with budget(), pytest.raises(BoxesRefused, match="a text longer"):
        changed("<xmin>1</xmin>", f"<xmin>{'9' * 5000}</xmin>")


def test_no_object_and_the_same_object_twice_are_recorded() -> None:
    none = parse(write_xml("n01440764", "n01440764_1", ()))
    assert none.boxes == () and [finding.why for finding in none.findings] == ["expected an object, found none"]
    twice = parse(write_xml("n01440764", "n01440764_1", (BOX, BOX)))
    assert twice.boxes == (BOX, BOX) and [finding.why for finding in twice.findings] == ["two objects are the same"]


def test_a_good_object_beside_a_bad_one_is_kept() -> None:
    two = write_xml("n01440764", "n01440764_1", (BOX, Box("n01440764", 3, 4, 5, 6))).decode()
    assert parse(two.replace("<xmin>1</xmin>", "<xmin>x</xmin>")).boxes == (Box("n01440764", 3, 4, 5, 6),)
