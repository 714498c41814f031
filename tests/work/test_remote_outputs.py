"""Rules: an output in a store has the bytes of one on disk, each object put once; resume asks the journal; no secret
of the environment is ever written down; what stands there is never overwritten.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import (
    Busy,
    DecisionNeeded,
    DigestMismatch,
    DiskFull,
    KilotarError,
    LayoutRefused,
    SettingsDiffer,
    StoreFailed,
    UsageError,
)
from kilotar.events import Event, Outcome
from kilotar.model.pixels import PixelWish
from kilotar.sinks.base import find_sinks
from kilotar.store import files
from kilotar.store.manifest import OWN_MANIFEST
from kilotar.store.remote_folder import CLAIM
from kilotar.work import shard_writers
from tests.doubles.buckets import SECRET, Buckets, Fault, Gateway
from tests.need import need_module
from tests.work.wishes import Published, flip, prepare, snapshot

need_module("obstore")
pytestmark = pytest.mark.usefixtures("impatient")

FORMAT = "webdataset"
SHARDS = 6  # five of train and one of val


@pytest.fixture
def name(buckets: Buckets) -> str:
    return buckets.make()


@pytest.fixture
def there(name: str, gateway: Gateway) -> dict[str, Any]:
    """Give the keywords of an output in the bucket."""
    return wish(kilotar.place(f"s3://{name}/imagenet", endpoint=gateway.url))


def wish(out: object) -> dict[str, Any]:
    return {"formats": (FORMAT,), "options": ((FORMAT, "shards", "5"),), "out": out}


def on_disk(tiny: Tiny, folder: Path, prefix: str = "imagenet/") -> dict[str, bytes]:
    """Give the files that the same output has in a folder."""
    prepare(folder / "local", tiny, **wish(folder / "out"))
    made = (path for path in (folder / "out").rglob("*") if path.is_file())
    return {f"{prefix}{path.relative_to(folder / 'out')}": path.read_bytes() for path in made}


def without_claim(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in found.items() if not name.endswith(CLAIM)}


@pytest.mark.parametrize("worth_images", [2_000, 0], ids=["threads", "processes"])
def test_every_object_has_the_bytes_of_the_file_on_disk_and_is_put_once(
    worth_images: int,
    tiny: Tiny,
    root: Path,
    tmp_path: Path,
    buckets: Buckets,
    name: str,
    gateway: Gateway,
    there: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_writers, "_WORTH_IMAGES", worth_images)
    report = prepare(root, tiny, **there, jobs=2)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)
    assert set(gateway.made().values()) == {1}
    assert gateway.made().keys() == buckets.objects(name).keys()
    assert all("list-type" not in target for _, target, _ in gateway.asked)  # nothing is decided by a listing
    assert [target for method, target, _ in gateway.asked if method == "PUT"][-1].endswith(OWN_MANIFEST)
    assert report.outputs[0].folder == f"s3://{name}/imagenet" and report.outputs[0].outcome is Outcome.DONE
    assert list((root / ".kilotar" / "uploads").iterdir()) == []
    assert not [path for path in (root / ".kilotar").rglob("*") if path.suffix == ".idx"]


def test_a_store_that_does_not_heed_conditions_is_found_out_and_overwrites_nothing(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    gateway.has_conditions = False
    gateway.faults.append(Fault("PUT", "train-0003.tar", "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        prepare(root, tiny, **there)
    gateway.faults.clear()
    (path,) = [key for key in on_disk(tiny, tmp_path) if key.endswith("train-0003.tar")]
    buckets.put(name, path, b"a stranger's")
    with pytest.raises(DecisionNeeded):
        prepare(root, tiny, **there)
    buckets.remove(name, path)

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)
    del (made := gateway.made())[f"imagenet/{CLAIM}"]  # which finds it out
    assert set(made.values()) == {1}


def test_no_right_to_list_is_needed(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    gateway.may_list = False
    gateway.faults.append(Fault("PUT", "train-0003.tar", "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        prepare(root, tiny, **there)
    gateway.faults.clear()

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)
    assert kilotar.verify(there["out"]).problems == ()


def test_the_same_again_asks_the_store_nothing(tiny: Tiny, root: Path, gateway: Gateway, there: dict[str, Any]) -> None:
    prepare(root, tiny, **there)
    gateway.asked.clear()

    assert prepare(root, tiny, **there).outcome is Outcome.KEPT
    assert gateway.asked == []


def test_status_and_why_tell_of_it_without_asking_the_store(
    tiny: Tiny, root: Path, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    gateway.asked.clear()

    (state,) = kilotar.status(root).outputs
    rows = kilotar.why(root, source=tiny.folder, **there)

    assert (state.folder, state.steps_done, state.steps, state.complete) == (f"s3://{name}/imagenet", 6, 6, True)
    assert {str(row.reason) for row in rows} == {"recorded"} and len(rows) == SHARDS
    assert gateway.asked == []


def test_a_run_whose_store_fails_goes_on_with_what_is_left(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    gateway.faults.append(Fault("PUT", "train-0003.tar", "500 InternalError", times=99))
    with pytest.raises(StoreFailed, match=r"train-0003\.tar") as caught:
        prepare(root, tiny, jobs=1, **there)
    assert caught.value.exit_code == 4
    assert f"imagenet/{OWN_MANIFEST}" not in buckets.objects(name)
    assert not kilotar.status(root).outputs[0].complete
    before = gateway.made()
    gateway.faults.clear()
    gateway.asked.clear()

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)
    again = {target.partition("/")[2].partition("/")[2] for method, target, _ in gateway.asked if method == "PUT"}
    assert {path for path in before if path.endswith(".tar")} and not {p for p in before if p.endswith(".tar")} & again
    assert set((before + gateway.made()).values()) == {1}


@pytest.mark.parametrize("how", ["cut", "lost", "503 SlowDown", "500 InternalError"])
def test_a_fault_that_passes_is_not_noticed(
    tiny: Tiny,
    root: Path,
    tmp_path: Path,
    buckets: Buckets,
    name: str,
    gateway: Gateway,
    there: dict[str, Any],
    how: str,
) -> None:
    gateway.faults += [Fault("PUT", "train-0002.tar", how), Fault("PUT", OWN_MANIFEST, how), Fault("PUT", CLAIM, how)]

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)


def test_an_object_of_somebody_else_is_refused_and_left(
    tiny: Tiny, root: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    stranger = f"imagenet/{FORMAT}"
    (path,) = [key for key in on_disk(tiny, root.parent) if key.endswith("train-0001.tar")]
    buckets.put(name, path, b"a stranger's")

    with pytest.raises(DecisionNeeded, match=r"train-0001\.tar is there already") as caught:
        prepare(root, tiny, **there)

    assert "nothing was overwritten" in caught.value.seen and stranger not in buckets.objects(name)
    assert buckets.objects(name)[path] == b"a stranger's"


def test_an_object_that_is_replaced_before_the_end_is_seen(
    tiny: Tiny, root: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    gateway.faults.append(Fault("PUT", OWN_MANIFEST, "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        prepare(root, tiny, **there)
    gateway.faults.clear()
    (path,) = [key for key in buckets.objects(name) if key.endswith("train-0001.tar")]
    buckets.put(name, path, b"a stranger's")

    with pytest.raises(DecisionNeeded, match="holds something else"):
        prepare(root, tiny, **there)

    assert f"imagenet/{OWN_MANIFEST}" not in buckets.objects(name)


def test_an_object_that_is_gone_before_the_end_is_put_anew(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    gateway.faults.append(Fault("PUT", OWN_MANIFEST, "403 AccessDenied", times=99))
    with pytest.raises(StoreFailed):
        prepare(root, tiny, **there)
    gateway.faults.clear()
    (path,) = [key for key in buckets.objects(name) if key.endswith("train-0001.tar")]
    buckets.remove(name, path)

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)


def test_two_roots_at_once_put_one_output(
    tiny: Tiny, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            prepare(tmp_path / f"root{number}", tiny, **there)
        except KilotarError as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)
    assert set(gateway.made().values()) == {1}


def test_a_root_that_has_forgotten_everything_finds_it_there(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    before, made = buckets.objects(name), gateway.made()

    prepare(tmp_path / "new", tiny, **there)

    assert (buckets.objects(name), gateway.made()) == (before, made)


def test_a_full_disk_here_ends_the_run_and_the_next_one_goes_on(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write_all", full_after(3, files.write_all))
        with pytest.raises(DiskFull):
            prepare(root, tiny, jobs=1, **there)
    assert f"imagenet/{OWN_MANIFEST}" not in buckets.objects(name)

    prepare(root, tiny, **there)

    assert without_claim(buckets.objects(name)) == on_disk(tiny, tmp_path)


def full_after(number: int, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """Give a write that fails for a shard once some bytes of uploads were written."""
    lengths = iter(range(number))

    def writes(fd: int, data: bytes) -> int:
        is_upload = "/uploads/" in os.readlink(f"/proc/self/fd/{fd}")
        if is_upload and next(lengths, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    return writes


def test_two_runs_of_one_root_exclude_each_other(tiny: Tiny, root: Path, there: dict[str, Any]) -> None:
    told: list[Event] = []
    refused: list[Busy] = []

    def again(event: Event) -> None:
        if not told:
            told.append(event)
            with pytest.raises(Busy) as caught:
                prepare(root, tiny, **there)
            refused.append(caught.value)

    kilotar.prepare(root, on_event=again, source=tiny.folder, edition=str(tiny.toml), **there)

    assert len(refused) == 1


def test_a_prefix_of_another_plan_is_refused(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    before = buckets.objects(name)

    with pytest.raises(SettingsDiffer, match="holds another output"):
        prepare(tmp_path / "other", tiny, **{**there, "options": ((FORMAT, "shards", "3"),)})
    with pytest.raises(SettingsDiffer, match="other settings"):
        prepare(root, tiny, **{**there, "out": tmp_path / "folder"})

    assert buckets.objects(name) == before


def test_nothing_is_put_before_the_archives_are_proved(
    tiny: Tiny, root: Path, tmp_path: Path, gateway: Gateway, there: dict[str, Any]
) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in tiny.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    flip(folder / "tiny_img_train.tar", 2000)

    with pytest.raises(DigestMismatch):
        kilotar.prepare(root, source=folder, edition=str(tiny.toml), **there)

    assert gateway.asked == []


@pytest.mark.parametrize("format_name", [sink.ABOUT.name for sink in find_sinks() if not sink.ABOUT.shards])
def test_formats_without_shards_are_refused_by_name(
    tiny: Tiny, root: Path, there: dict[str, Any], format_name: str
) -> None:
    with pytest.raises(UsageError, match="cannot be written to s3://") as caught:
        prepare(root, tiny, **{**there, "formats": (format_name,), "options": ()})

    assert FORMAT in caught.value.fix


def test_no_secret_is_written_anywhere(
    tiny: Tiny, root: Path, buckets: Buckets, name: str, gateway: Gateway, there: dict[str, Any]
) -> None:
    told: list[Event] = []
    gateway.faults.append(Fault("PUT", "train-0003.tar", f"403 SignatureDoesNotMatch {SECRET}", times=99))
    with pytest.raises(StoreFailed) as caught:
        prepare(root, tiny, told, **there)
    gateway.faults.clear()
    prepare(root, tiny, told, **there)

    assert SECRET not in "".join(caught.value.lines()) and SECRET not in repr(told)
    texts = [*(path.read_bytes() for path in root.rglob("*") if path.is_file()), *buckets.objects(name).values()]
    assert not [text for text in texts if SECRET.encode() in text or b"AKIAIOSFODNN7" in text]


@pytest.mark.parametrize("level", ["quick", "normal"])
def test_verify_finds_nothing_wrong_with_what_was_put(
    tiny: Tiny, root: Path, gateway: Gateway, there: dict[str, Any], level: str
) -> None:
    prepare(root, tiny, **there)
    gateway.asked.clear()

    of_root, alone = kilotar.verify(root, level=level), kilotar.verify(there["out"], level=level)

    assert of_root.problems == alone.problems == ()
    assert (alone.outputs[0].images, alone.checked) == (18, 18)
    assert ("GET" in gateway.methods()) and not {"PUT", "POST", "DELETE"} & gateway.methods().keys()


def test_verify_finds_what_is_gone_cut_and_changed(
    tiny: Tiny, root: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    found = buckets.objects(name)
    gone, cut, changed = (next(key for key in found if f"train-000{number}.tar" in key) for number in range(3))
    buckets.remove(name, gone)
    buckets.put(name, cut, found[cut][:100])
    buckets.put(name, changed, found[changed][::-1])
    expected = {("missing", gone), ("truncated", cut), ("digest", changed)}
    before = snapshot(root / ".kilotar" / "exports")

    for report in (kilotar.verify(root), kilotar.verify(there["out"])):
        assert {(finding.kind, f"imagenet/{finding.where}") for finding in report.problems} == expected
        assert report.exit_code == 3

    assert snapshot(root / ".kilotar" / "exports") == before


def test_repair_puts_what_is_gone_and_leaves_what_was_changed(
    tiny: Tiny, root: Path, tmp_path: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    found = buckets.objects(name)
    gone, side, changed = (next(key for key in found if part in key) for part in ("0000.tar", "_info.json", "0002.tar"))
    buckets.remove(name, gone)
    buckets.remove(name, side)
    buckets.put(name, changed, found[changed][::-1])

    report = kilotar.verify(root, repair=True)

    kinds = {(finding.kind, f"imagenet/{finding.where}") for finding in report.findings}
    assert {("repaired", gone), ("repaired", side), ("digest", changed)} <= kinds
    assert buckets.objects(name) == found | {changed: found[changed][::-1]}


def test_an_output_without_its_manifest_is_none(
    tiny: Tiny, root: Path, buckets: Buckets, name: str, there: dict[str, Any]
) -> None:
    prepare(root, tiny, **there)
    buckets.remove(name, f"imagenet/{OWN_MANIFEST}")

    with pytest.raises(LayoutRefused, match="no complete output"):
        kilotar.verify(there["out"])


def test_an_address_is_verified_and_nothing_else() -> None:
    for keywords in ({"repair": True}, {"names": ("mds",)}, {"format_name": "mds"}, {"level": "deep"}):
        with pytest.raises(UsageError):
            kilotar.verify("s3://bucket/x", **keywords)  # type: ignore[arg-type]


def test_whatever_fsspec_knows_takes_an_output_too(tiny: Tiny, root: Path, tmp_path: Path) -> None:
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")

    assert prepare(root, tiny, **wish(out)).outcome is Outcome.DONE
    assert prepare(root, tiny, **wish(out)).outcome is Outcome.KEPT
    assert kilotar.verify(root).problems == kilotar.verify(out).problems == ()


def test_archives_that_are_fetched_are_whole_and_proved_before_the_first_put(
    published: Published, root: Path, tmp_path: Path
) -> None:
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    ordered = ((FORMAT, "order", "archive"), (FORMAT, "shards", "5"))  # of a folder, they are written while it arrives

    report = kilotar.prepare(root, **published.wish(formats=(FORMAT,), options=ordered, out=out))

    assert report.outcome is Outcome.DONE and kilotar.verify(out).problems == ()


def test_another_export_recoded_and_renamed_goes_to_a_store_too(tiny: Tiny, root: Path, tmp_path: Path) -> None:
    need_module("pyarrow")
    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    prepare(tmp_path / "first", tiny, formats=("parquet",))
    again = {"origin": tmp_path / "first" / "parquet", "edition": str(tiny.toml), "pixels": PixelWish("max:8")}

    kilotar.export(root, FORMAT, **again, name="small", per_class=2, out=out)  # type: ignore[arg-type]

    report = kilotar.verify(out)
    assert (report.problems, report.outputs[0].name, report.checked) == ((), "small", 6 + 6)


@pytest.mark.parametrize("format_name", ["mds", "litdata", "recordio", "tfrecord", "parquet"])
def test_other_formats_of_shards_have_the_bytes_that_they_have_on_disk(
    tiny: Tiny, root: Path, tmp_path: Path, format_name: str
) -> None:
    for package in next(sink.ABOUT.needs for sink in find_sinks() if sink.ABOUT.name == format_name):
        need_module(package)
    import fsspec

    out = kilotar.place(f"memory://{tmp_path.name}/imagenet")
    prepare(root, tiny, formats=(format_name,), out=out)
    prepare(tmp_path / "local", tiny, formats=(format_name,), out=tmp_path / "out")

    memory = fsspec.filesystem("memory")
    base = f"/{tmp_path.name}/imagenet/"
    found = {path.removeprefix(base): memory.cat_file(path) for path in memory.find(base)}
    del found[CLAIM]
    made = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert found == {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in made}
