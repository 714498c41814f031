"""Rules: an address on the command line is where the output goes; a secret in it is refused and shown nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.tiny import make_tiny
from kilotar.shell.show_plan import show_forecast
from tests.doubles.buckets import Buckets, Gateway
from tests.need import need_module
from tests.shell.conftest import FORECAST, Ended

need_module("obstore")
Run = Callable[..., Ended]


def prepared(kt: Run, folder: Path) -> str:
    tiny = make_tiny(folder / "tiny")
    root = str(folder / "root")
    ended = kt("prepare", root, "--from", str(tiny.folder), "--edition", str(tiny.toml), "--for", "lists")
    assert ended.code == 0, ended.err
    return root


def test_an_export_goes_to_a_bucket_and_is_verified_there(
    kt: Run, tmp_path: Path, buckets: Buckets, gateway: Gateway
) -> None:
    root, out = prepared(kt, tmp_path), f"s3://{buckets.make()}/imagenet"
    words = ("--out", out, "--endpoint", gateway.url)

    made = kt("export", root, "webdataset", *words)
    again = kt("export", root, "webdataset", *words, "--json")
    verified = kt("verify", out, "--endpoint", gateway.url)
    status = kt("status", root)

    assert made.code == 0 and out in made.out, made.err
    assert again.code == 0 and json.loads(again.out)["outputs"][0]["outcome"] == "kept"
    assert verified.code == 0 and out in verified.out, verified.err
    assert "images: NOT compared: the export was made of edition tiny" in verified.out
    assert f"webdataset  {out}  complete" in status.out
    assert kt("verify", root).code == 0


def test_an_endpoint_may_be_a_setting_of_all_runs(
    kt: Run, tmp_path: Path, buckets: Buckets, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = prepared(kt, tmp_path), f"s3://{buckets.make()}/imagenet"
    monkeypatch.setenv("KILOTAR_ENDPOINT", gateway.url)

    assert kt("export", root, "webdataset", "--out", out).code == 0
    assert kt("verify", out).code == 0
    assert kt("export", root, "mds").code == 0, "an output in a folder has no use for it, and no quarrel with it"


def test_a_plan_says_what_is_uploaded_and_what_lies_here_meanwhile(
    kt: Run, tmp_path: Path, buckets: Buckets, gateway: Gateway
) -> None:
    root, out = prepared(kt, tmp_path), f"s3://{buckets.make()}/imagenet"

    words = ("--for", "webdataset", "--out", out, "--endpoint", gateway.url, "--json")
    planned = kt("plan", root, *words)

    (step,) = json.loads(planned.out)["steps"]
    assert 0 < step["write_bytes"] <= step["upload_bytes"]
    assert gateway.asked == []


def test_uploads_are_told_in_words() -> None:
    assert "  uploads 1.00 GB, 1 m 40 at 10.00 MB/s; each shard lies here until it is put" in show_forecast(
        replace(FORECAST, upload_bytes=1_000_000_000)
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--out", "s3://AKIA:s3cr3t@bucket/x"),
        ("--out", "az://container/x?sig=s3cr3t"),
        ("--out", "s3://bucket/x", "--endpoint", "https://me:s3cr3t@host"),
    ],
)
@pytest.mark.parametrize("talk", [(), ("--json",), ("--debug",)])
def test_a_secret_in_an_address_is_shown_and_kept_nowhere(
    kt: Run, tmp_path: Path, words: tuple[str, ...], talk: tuple[str, ...]
) -> None:
    root = prepared(kt, tmp_path)

    ended = kt("export", root, "webdataset", *words, *talk)

    assert ended.code == 2
    assert "s3cr3t" not in ended.out + ended.err
    assert not [path for path in Path(root).rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]


def test_an_address_that_is_verified_holds_no_secret_either(kt: Run) -> None:
    ended = kt("verify", "s3://AKIA:s3cr3t@bucket/x")

    assert ended.code == 2 and "s3cr3t" not in ended.out + ended.err


def test_a_tree_is_refused_with_the_formats_that_can(kt: Run, tmp_path: Path) -> None:
    ended = kt("export", prepared(kt, tmp_path), "imagefolder", "--out", "s3://bucket/x")

    assert ended.code == 2 and "cannot be written to s3://" in ended.err and "webdataset" in ended.err


def test_an_output_in_a_bucket_becomes_another_format(
    kt: Run, tmp_path: Path, buckets: Buckets, gateway: Gateway
) -> None:
    root, out = prepared(kt, tmp_path), f"s3://{buckets.make()}/imagenet"
    (toml,) = (str(path) for path in tmp_path.rglob("*.toml"))
    words, edition = ("--endpoint", gateway.url), ("--edition", toml)
    assert kt("export", root, "webdataset", "--out", out, *words).code == 0

    made = kt("export", str(tmp_path / "new"), "imagefolder", "--from", out, *words, *edition)
    alone = kt("verify", out, *words, *edition)
    against = kt("verify", out, *words, "--against", root)

    assert made.code == 0, made.err
    assert len(list((tmp_path / "new").glob("train/*/*.JPEG"))) == 12
    assert "images: name, class, label and counts as edition tiny has them" in alone.out, alone.out
    assert "every byte as in the archives" in against.out and (alone.code, against.code) == (0, 0)
