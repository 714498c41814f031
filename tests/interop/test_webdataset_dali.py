"""DALI's reader of tars, led by our offsets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import make_tiny
from tests.need import need_module

need_module("nvidia.dali")
fn = need_module("nvidia.dali.fn")
pipeline_def = need_module("nvidia.dali").pipeline_def
np = need_module("numpy")
pytestmark = pytest.mark.interop


@pytest.mark.parametrize("boxes", [False, True])
def test_dali_finds_images_and_labels_by_the_offsets_complaint_53(boxes: bool, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "tiny", classes=4, per_class=6, val=9)
    options = (("webdataset", "shards", "3"),)
    kilotar.prepare(
        tmp_path / "root",
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("webdataset",),
        splits=("train",),
        boxes=boxes,
        options=options,
    )
    shards = sorted((tmp_path / "root/webdataset").glob("*.tar"))
    indexes = [shard.parent / "__index__" / f"{shard.stem}.idx" for shard in shards]

    @pipeline_def(batch_size=24, num_threads=1, device_id=None)
    def pipeline() -> tuple[object, object]:
        paths, index_paths = [str(path) for path in shards], [str(path) for path in indexes]
        images, labels = fn.readers.webdataset(paths=paths, index_paths=index_paths, ext=["jpg", "cls"])
        return images, labels

    built = pipeline()
    built.build()
    images, labels = built.run()

    found = {
        (hashlib.sha256(np.array(images[at]).tobytes()).hexdigest(), int(np.array(labels[at]).tobytes()))
        for at in range(24)
    }
    assert found == {(fact.sha256, fact.label) for fact in tiny.truth.values() if fact.split == "train"}
