"""Readers that stream out of a bucket, each by a client of its own, on what was put there."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from tests.doubles.buckets import SECRET, Buckets, Gateway
from tests.need import need_module

need_module("obstore")
pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9)


def put(tiny: Tiny, folder: Path, buckets: Buckets, gateway: Gateway, name: str) -> str:
    """Put an output into a bucket and give its address."""
    url = f"s3://{buckets.make()}/imagenet"
    out = kilotar.place(url, endpoint=gateway.url)
    kilotar.prepare(folder / "root", source=tiny.folder, edition=str(tiny.toml), formats=(name,), out=out)
    gateway.asked.clear()
    return url


def images(tiny: Tiny, split: str) -> set[str]:
    """Give the digest of every image of a split."""
    return {truth.sha256 for truth in tiny.truth.values() if truth.split == split}


def test_polars_scans_parquet_in_a_bucket(tiny: Tiny, tmp_path: Path, buckets: Buckets, gateway: Gateway) -> None:
    polars = need_module("polars")
    url = put(tiny, tmp_path, buckets, gateway, "parquet")
    settings = {"aws_endpoint_url": gateway.url, "aws_region": "us-east-1", "aws_allow_http": "true"}

    rows = polars.scan_parquet(f"{url}/data/train-*.parquet", storage_options=settings).collect()

    assert {hashlib.sha256(row["bytes"]).hexdigest() for row in rows["image"]} == images(tiny, "train")
    assert sorted(rows["label"].unique()) == [0, 1, 2, 3]
    assert gateway.asked


def test_streaming_reads_mds_out_of_a_bucket(
    tiny: Tiny, tmp_path: Path, buckets: Buckets, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaming = need_module("streaming")
    need_module("boto3")
    url = put(tiny, tmp_path, buckets, gateway, "mds")
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_WORLD_SIZE", "1"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("S3_ENDPOINT_URL", gateway.url)

    try:
        cache = str(tmp_path / "cache")
        samples = streaming.StreamingDataset(remote=url, local=cache, split="train", shuffle=False, batch_size=1)
        labels = sorted(int(sample["y"]) for sample in samples)
    finally:
        streaming.base.util.clean_stale_shared_memory()

    assert labels == sorted(truth.label for truth in tiny.truth.values() if truth.split == "train")
    assert gateway.asked


def test_webdataset_reads_shards_out_of_a_pipe_from_a_bucket(
    tiny: Tiny, tmp_path: Path, buckets: Buckets, gateway: Gateway
) -> None:
    webdataset = need_module("webdataset")
    url = put(tiny, tmp_path, buckets, gateway, "webdataset")
    program = tmp_path / "cat.py"
    program.write_text(
        "import sys, obstore\n"
        "from obstore.store import from_url\n"
        f"store = from_url({url!r}, endpoint={gateway.url!r}, client_options={{'allow_http': True}})\n"
        "sys.stdout.buffer.write(bytes(obstore.get(store, sys.argv[1]).bytes()))\n"
    )
    shards = sorted(name for name in map(Path, buckets.objects(url.split("/")[2])) if "-train-" in name.name)
    pipes = [f"pipe:{sys.executable} {program} {path.name}" for path in shards if path.suffix == ".tar"]

    samples = list(webdataset.WebDataset(pipes, shardshuffle=False))

    assert {hashlib.sha256(sample["jpg"]).hexdigest() for sample in samples} == images(tiny, "train")
    assert SECRET not in program.read_text()
