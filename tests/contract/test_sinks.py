"""What every format must keep, run over every format that is found; a new one is taken in without being named here."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import cast

import pytest

from kilotar.errors import KilotarError, MissingExtra
from kilotar.model.sample import NO_LABEL, Split, key_of
from kilotar.model.table import SampleTable
from kilotar.sinks.base import Sink, check_needs, find_sinks, keep_boxes_of, pixels_of
from kilotar.store.files import Folder
from tests.doubles.collections import CLASSES, CMYK, PNG, Small, make_small
from tests.doubles.folders import PlainFolder, lay, places, seen, shards_of, tree


def variants() -> Iterator[object]:
    """Give every sink with every combination of its options."""
    for sink in find_sinks():
        names = [field.name for field in fields(sink.Options) if isinstance(field.default, bool)]
        for values in itertools.product((False, True), repeat=len(names)):
            chosen = dict(zip(names, values, strict=True))
            words = [sink.ABOUT.name, *(f"{name}={value}" for name, value in chosen.items())]
            yield pytest.param((sink, sink.Options(**chosen)), id="-".join(words))


every_variant = pytest.mark.parametrize("variant", list(variants()))
every_sink = pytest.mark.parametrize("sink", find_sinks(), ids=lambda sink: sink.ABOUT.name)
Variant = tuple[Sink, object]
Found = tuple[Split, str, str, int, bytes | None]


def expected(sink: Sink, small: Small) -> list[Found]:
    """Give what a reader must find: each sample once, its wnid, its rank among the chosen classes, its bytes."""
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": NO_LABEL}
    return sorted(
        (sample.split, sample.name, sample.wnid, rank[sample.wnid], data if sink.ABOUT.images else None)
        for sample, data in seen(sink, small, sink.Options()).samples()
    )


def found(sink: Sink, small: Small, folder: Path) -> list[Found]:
    rows = sink.read(folder, small.collection.edition)
    return sorted((row.split, row.name, row.wnid, row.label, row.read() if row.read else None) for row in rows)


@every_variant
def test_its_own_reader_finds_every_sample_once_with_wnid_label_and_bytes(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    lay(sink, small, tmp_path, options)
    assert found(sink, small, tmp_path) == expected(sink, small)


@every_variant
def test_a_choice_of_classes_is_labelled_by_rank_and_leaves_no_trace_of_the_others(
    variant: Variant, tmp_path: Path
) -> None:
    sink, options = variant
    small = make_small().only(["n02012849", "n03126707"])
    lay(sink, small, tmp_path, options)
    rows = found(sink, small, tmp_path)
    assert rows == expected(sink, small)
    assert {(wnid, label) for _, _, wnid, label, _ in rows} == {("n02012849", 0), ("n03126707", 1), ("", NO_LABEL)}
    assert not [path for path in tree(tmp_path) if "n01440764" in path]


@every_variant
@pytest.mark.parametrize("split", Split)
def test_a_split_without_images_is_read_back_as_none(variant: Variant, split: Split, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small().with_tables(lambda table: SampleTable(split, ()) if table.split == split else table)
    lay(sink, small, tmp_path, options)
    assert found(sink, small, tmp_path) == expected(sink, small)


@every_variant
@pytest.mark.parametrize("split", Split)
def test_a_split_that_was_not_chosen_is_read_back_as_none(variant: Variant, split: Split, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small().with_tables(lambda table: None if table.split == split else table)
    lay(sink, small, tmp_path, options)
    assert found(sink, small, tmp_path) == expected(sink, small)


@every_variant
def test_without_boxes_it_is_written_and_read_all_the_same(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small().without_boxes()
    lay(sink, small, tmp_path, options)
    assert found(sink, small, tmp_path) == expected(sink, small)


@every_variant
@pytest.mark.parametrize(
    "chosen", [[synset.wnid for synset in CLASSES], ["n02012849", "n03126707"]], ids=["all", "two"]
)
def test_boxes_are_read_back_as_they_are_or_as_the_format_says_that_it_keeps_them(
    variant: Variant, chosen: list[str], tmp_path: Path
) -> None:
    sink, options = variant
    small = make_small().only(chosen)
    lay(sink, small, tmp_path, options)
    keep = keep_boxes_of(sink)
    for row in sink.read(tmp_path, small.collection.edition):
        if row.boxes is not None:
            boxes = small.collection.boxes.of(key_of(row.name))
            kept = keep(boxes, row.wnid, row.read(), frozenset(chosen)) if keep else boxes
            assert row.boxes() == kept


@every_variant
def test_the_same_input_gives_the_same_bytes(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    first = lay(sink, make_small(), tmp_path / "first", options)
    second = lay(sink, make_small(), tmp_path / "second", options)
    assert first == second
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@every_variant
def test_the_order_of_members_in_the_archive_does_not_show(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    lay(sink, small, tmp_path / "first", options)
    backwards = small.with_tables(lambda table: SampleTable(table.split, reversed(table.parts), table.boxes))
    lay(sink, backwards, tmp_path / "second", options)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@every_variant
def test_finishing_twice_changes_nothing(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    first, before = lay(sink, small, tmp_path, options), tree(tmp_path)
    collection, shards = shards_of(sink, small, options, PlainFolder(tmp_path))
    assert (*shards, *sink.finish(collection, PlainFolder(tmp_path), options)) == first
    assert tree(tmp_path) == before


@every_variant
def test_the_durable_folder_is_given_the_same_files_as_a_plain_one(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    (tmp_path / "plain").mkdir()
    (tmp_path / "durable").mkdir()
    collection, plain = shards_of(sink, small, options, PlainFolder(tmp_path / "plain"))
    plain += sink.finish(collection, PlainFolder(tmp_path / "plain"), options)
    collection, durable = shards_of(sink, small, options, Folder(tmp_path / "durable"))
    assert (*durable, *sink.finish(collection, Folder(tmp_path / "durable"), options)) == plain
    assert tree(tmp_path / "durable") == tree(tmp_path / "plain")


@every_variant
def test_what_it_says_it_wrote_is_what_lies_there(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    written = lay(sink, small, tmp_path, options)
    files = tree(tmp_path)
    for file in written:
        assert file.size_bytes == len(files[file.path])
        assert file.sha256 == hashlib.sha256(files[file.path]).hexdigest()
    placed = places(sink, small)
    assert sorted([*filter(None, placed), *(file.path for file in written)]) == sorted(files)


@every_variant
def test_no_two_paths_are_equal_even_where_case_does_not_count_complaint_24(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    placed = places(sink, small)
    written = [file.path for file in lay(sink, small, tmp_path, options)]
    counted = Counter(path.casefold() for path in [*filter(None, placed), *written])
    assert [path for path, times in counted.items() if times > 1] == []


@every_variant
def test_paths_are_relative_and_stay_below_the_folder(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small()
    lay(sink, small, tmp_path / "out", options)
    paths = places(sink, small)
    paths += [file.path for file in lay(sink, small, tmp_path / "out", options)]
    for path in filter(None, paths):
        parts = PurePosixPath(path).parts
        assert path == "/".join(parts)
        assert not {"..", ".", "/"} & set(parts)
        assert path.isascii() and path.isprintable() and not set(path) & set('\\:*?"<>|')
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@every_sink
def test_a_png_and_a_cmyk_file_under_jpeg_names_pass_unchanged_complaint_47(sink: Sink, tmp_path: Path) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    rows = found(sink, small, tmp_path)
    if pixels_of(sink, sink.Options()).every:
        assert all(data.startswith(b"P6") for *_, data in rows)
    elif sink.ABOUT.images:
        assert {PNG, CMYK} <= {data for *_, data in rows}
    else:
        assert all(data is None for *_, data in rows)


@every_sink
def test_xml_lies_where_it_says_byte_for_byte_and_only_for_images_that_have_some(sink: Sink, tmp_path: Path) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    files = tree(tmp_path)
    assert {len(small.collection.boxes.of(sample.key)) for sample, _ in small.samples()} >= {0, 30}
    is_tree = not sink.ABOUT.shards
    placed = {sink.place_annotation(one): one.xml for one in small.annotations} if is_tree else {}
    if set(placed) - {""}:
        assert len(placed) == len(small.annotations)
        assert {path: data for path, data in files.items() if path.endswith(".xml")} == placed
    else:
        assert not [path for path in files if path.endswith(".xml")]


@every_sink
def test_no_test_image_has_a_label_complaint_38(sink: Sink, tmp_path: Path) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    tests = [row for row in sink.read(tmp_path, small.collection.edition) if row.split == Split.TEST]
    assert len(tests) == 3
    assert {(row.wnid, row.label) for row in tests} == {("", NO_LABEL)}


@every_sink
def test_two_classes_of_one_name_stay_two_complaint_35(sink: Sink, tmp_path: Path) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    cranes = {synset.wnid for synset in CLASSES if synset.words == "crane"}
    rows = [row for row in sink.read(tmp_path, small.collection.edition) if row.wnid in cranes]
    assert len({row.label for row in rows}) == len(cranes) == 2


@every_sink
def test_labels_are_zero_based_ranks_of_wnids_never_ids_of_the_kit_complaint_31(sink: Sink, tmp_path: Path) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    edition = small.collection.edition
    val = {row.name: row.label for row in sink.read(tmp_path, edition) if row.split == Split.VAL}
    assert [val[name] for name in sorted(val)] == list(edition.val_labels)


@every_sink
def test_a_folder_with_nothing_in_it_has_no_rows_or_is_refused(sink: Sink, tmp_path: Path) -> None:
    try:
        rows = list(sink.read(tmp_path, make_small().collection.edition))
    except KilotarError as refusal:
        assert refusal.exit_code == 8
    else:
        assert rows == []


@every_variant
def test_side_files_come_in_chunks_however_many_images_there_are_complaint_27(variant: Variant, tmp_path: Path) -> None:
    sink, options = variant
    small = make_small(per_class=2, val=20_000, test=20_000)
    out = PlainFolder(tmp_path)
    collection, _ = shards_of(sink, small, options, PlainFolder(tmp_path))
    sink.finish(collection, out, options)
    assert out.largest_chunk_bytes <= 1 << 20


@every_sink
def test_what_it_is_can_be_shown(sink: Sink) -> None:
    about = sink.ABOUT
    assert about.name == about.name.lower() and about.name.isascii() and " " not in about.name
    assert about.summary and about.reader and not about.summary.endswith(".")
    assert about.folder and not about.folder.startswith("/") and ".." not in about.folder
    assert all(isinstance(field.default, bool | int | str) for field in fields(sink.Options))
    assert [field.name for field in fields(sink.Options) if field.name not in (sink.Options.__doc__ or "")] == []


@every_sink
def test_a_missing_package_gives_the_line_that_installs_it(sink: Sink) -> None:
    needy = SimpleNamespace(ABOUT=replace(sink.ABOUT, needs=(*sink.ABOUT.needs, "no_such_package_is_there")))
    with pytest.raises(MissingExtra, match=sink.ABOUT.name) as refusal:
        check_needs(cast(Sink, needy))
    assert refusal.value.fix.startswith("pip install ") and "no_such_package_is_there" in refusal.value.fix
    check_needs(cast(Sink, SimpleNamespace(ABOUT=replace(sink.ABOUT, needs=("json",)))))


def test_importing_every_format_pulls_in_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from kilotar.sinks.base import find_sinks; found = find_sinks()\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(len(found), *sorted(tops - sys.stdlib_module_names - {'kilotar'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == [str(len(find_sinks()))]
