"""What aria2 is given: exactly our file, no secret in sight, and its own record of what was verified."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import AccessDenied, StorageFailed
from kilotar.model.profile import ClientOptions, Profile
from kilotar.parse.torrent import make_torrent, parse_torrent
from kilotar.sources.aria2_files import Run, command, control_file, remove_files, write_files
from tests.doubles.landings import payload, table_of

TORRENT = make_torrent(table_of(payload(5 * 16384 + 1), 16384), (("http://t/announce",),), ("http://w/a.tar",))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(
        "aria2c",
        TORRENT,
        tmp_path / "archives" / "a.tar.part",
        tmp_path / "private",
        ClientOptions(),
        Profile(),
        is_seed=False,
        control_port=12345,
        secret="s3cret",
        gid="0123456789abcdef",
        ports=(20001, 20002),
    )


def test_the_control_file_is_as_the_technical_notes_say() -> None:
    found = control_file(TORRENT.table, b"\xa4")

    assert (
        found
        == (
            b"\x00\x01" + b"\x00\x00\x00\x01"  # version, infohash is checked
            b"\x00\x00\x00\x14" + bytes.fromhex(TORRENT.table.infohash) + b"\x00\x00\x40\x00"  # pieces of 16,384
            b"\x00\x00\x00\x00\x00\x01\x40\x01"
            + bytes(8)  # 81,921 bytes; sent so far
            + b"\x00\x00\x00\x01\xa4"
            + bytes(4)  # one byte of bits; no piece in flight
        )
    )


def test_the_command_names_the_file_and_no_secret(run: Run) -> None:
    words = command(run)

    assert f"--dir={run.file.parent}" in words
    assert "--index-out=1=a.tar.part" in words
    assert "--allow-overwrite=false" in words
    assert "--auto-file-renaming=false" in words
    assert "--rpc-listen-all=false" in words
    assert "--seed-time=0" in words
    assert not [word for word in words if "s3cret" in word]


def test_what_the_person_asked_for_is_handed_over(run: Run) -> None:
    options = ClientOptions(
        no_upload=True,
        download_limit_bytes_s=5000,
        trackers=("udp://x:1",),
        dht=False,
        interface="eth0",
        seed_ratio=1.5,
    )
    words = command(replace(run, options=options, profile=Profile(encryption="forced"), is_seed=True))

    asked = {
        "--max-overall-upload-limit=1",
        "--max-overall-download-limit=5000",
        "--bt-tracker=udp://x:1",
        "--enable-dht=false",
        "--interface=eth0",
        "--seed-ratio=1.5",
        "--bt-require-crypto=true",
        "--listen-port=20001,20002",
    }
    assert asked <= set(words)
    assert not [word for word in words if word.startswith("--seed-time")]


def test_files_are_private_and_go_again(run: Run) -> None:
    run.file.parent.mkdir()
    write_files(run, b"\xa4")
    settings = run.folder / "aria2.conf"

    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert settings.read_text() == "rpc-secret=s3cret\n"
    handed = parse_torrent((run.folder / "archive.torrent").read_bytes(), infohash=TORRENT.table.infohash)
    assert handed == replace(TORRENT, web_seeds=())
    assert run.file.with_name("a.tar.part.aria2").read_bytes() == control_file(TORRENT.table, b"\xa4")

    write_files(run, b"\x00")  # over those of a run that was killed
    remove_files(run)
    assert not run.folder.exists()
    assert list(run.file.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(run: Run) -> None:
    run.file.parent.write_text("a file where a folder should be")
    with pytest.raises((StorageFailed, AccessDenied)):
        write_files(run, b"")
