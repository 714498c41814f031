"""Metadata records of tar: GNU long names and pax headers, read only as far as they can be trusted.

Rules guarded: a record may lend a member a longer name (`L`), or repeat what the header says (`x`); it may never change
a member's size, make it sparse, a link, or give it another name than the header (which readers would then resolve
differently: "TARmageddon", CVE-2025-62518).
"""

from __future__ import annotations

import re

from kilotar.parse.tar_refusal import refusal

__all__ = ["check_pax_record", "parse_long_name"]

_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,4}) ").match
_MEANS_ANOTHER_FILE = (b"linkpath", b"hdrcharset", b"GNU.sparse.")


def parse_long_name(record: bytes, at: int) -> bytes:
    """Give the name in a GNU `L` record, whose member's header is at byte `at`.

    Raises: ArchiveRefused for a name that is empty or goes on behind a NUL.
    """
    name = record.rstrip(b"\0")
    if not name or b"\0" in name:
        raise refusal(at, "a long name that is empty or goes on behind its end", seen=repr(name[:64]))
    return name


def check_pax_record(record: bytes, name: bytes, size: int, at: int) -> None:
    """Check that a pax `x` record says nothing else than the member's header at byte `at`.

    Args:
        record: contents of the record: lines of b"<length> <key>=<value>\\n".
        name, size: from the header.
    Raises:
        ArchiveRefused: a line that lies about its length, or a key that would make another member of it.
    """
    says = {b"path": name, b"size": b"%d" % size}
    while record:
        length = _PAX_LENGTH(record)
        line = record[: int(length[1])] if length else b""
        key, equals, value = line[length.end() if length else 0 : -1].partition(b"=")
        if not length or len(line) != int(length[1]) or not line.endswith(b"\n") or not equals or not key:
            raise refusal(at, "a pax header that cannot be parsed", seen=repr(record[:32]))
        if key.startswith(_MEANS_ANOTHER_FILE) or says.get(key, value) != value:
            raise refusal(
                at, f"a pax header that contradicts the member: {key.decode('ascii', 'replace')}", seen=repr(value[:64])
            )
        record = record[len(line) :]
