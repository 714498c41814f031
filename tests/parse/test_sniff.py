from __future__ import annotations

import gzip

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.parse.sniff import check_kind, sniff
from tests.doubles import tars


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (bytes(700), "zeros"),
        (tars.tar([(b"a", b"1")]), "tar"),
        (gzip.compress(b"a", mtime=0), "gzip"),
        (b"PK\x03\x04....", "zip"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\xff\xd8\xff\xe0....", "jpeg"),
        (b"\xef\xbb\xbf \r\n<!DOCTYPE html><title>Log in", "html"),
        (b"<?xml version='1.0'?><!DOCTYPE html>", "html"),
        (b"<?xml version='1.0'?><annotation>", "xml"),
        (b"404: Not Found\n", "text"),
        (tars.header(b"a", checksum=1), "unknown"),
        (tars.header(b"a")[:300], "unknown"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_a_saved_log_in_page_is_said_to_be_one() -> None:
    with pytest.raises(ArchiveRefused) as refused:
        check_kind(b"<html><form action=login>", "tar", "ILSVRC2012_img_train.tar")

    assert "is not a tar file" in refused.value.what
    assert "web page" in refused.value.seen


def test_the_right_kind_passes() -> None:
    check_kind(tars.tar([(b"a", b"1")]), "tar", "train.tar")
