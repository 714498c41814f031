"""The real commands on a tiny edition, one after another, as a person would type them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.shell.conftest import Ended

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def given(tiny: Tiny, tmp_path: Path) -> tuple[str, ...]:
    return (str(tmp_path / "root"), "--from", str(tiny.folder), "--edition", str(tiny.toml))


def test_plan_prepare_again_status_why_and_verify(given: tuple[str, ...], kt: Run, tmp_path: Path) -> None:
    root = tmp_path / "root"

    assert "Nothing was changed" in kt("plan", *given).out
    assert not root.exists()
    assert "12 train images + 6 val images, 3 classes, 0 problems" in kt("prepare", *given).out
    assert len(list(root.glob("train/*/*.JPEG"))) == 12
    assert "Nothing to do" in kt("prepare", *given).out
    assert "complete" in kt("status", str(root)).out
    assert "recorded" in kt("why", *given).out
    assert "18 checked, 0 problems" in kt("verify", str(root)).out


def test_the_packages_inside_hide_no_verb() -> None:
    program = (
        "import kilotar, kilotar.work.prepare; "
        "print([name for name in kilotar.__all__ if not callable(getattr(kilotar, name))])"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "[]\n"


def test_damage_is_exit_3_and_the_line_that_it_prints_repairs_it(
    given: tuple[str, ...], kt: Run, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    kt("prepare", *given)
    image = next(root.glob("train/*/*.JPEG"))
    whole = image.read_bytes()
    image.write_bytes(whole[:-1])

    bad = kt("verify", str(root))

    assert bad.code == 3
    assert image.name in bad.out
    fix = next(line for line in bad.out.splitlines() if line.startswith("  fix")).split("kilotar ")[1]
    kt(*fix.split())
    assert image.read_bytes() == whole
    assert kt("verify", str(root)).code == 0


def test_each_refusal_has_its_code_and_leaves_no_output(given: tuple[str, ...], kt: Run, tmp_path: Path) -> None:
    root, *rest = given

    assert kt("prepare", root, *rest, "--for", "imagefoldr").code == 2
    assert kt("prepare", root, "--from", str(tmp_path / "nowhere"), *rest[2:]).code == 8
    assert kt("verify", str(tmp_path / "nowhere")).code == 8
    assert not (tmp_path / "root" / "train").exists()


def test_other_settings_for_what_is_there_are_exit_9(given: tuple[str, ...], kt: Run) -> None:
    kt("prepare", *given)

    assert kt("prepare", *given, "--splits", "val").code == 9


def test_the_terms_of_the_real_edition_are_asked_for(kt: Run, tiny: Tiny, tmp_path: Path) -> None:
    ended = kt("prepare", str(tmp_path / "root"), "--from", str(tiny.folder))

    assert ended.code == 6
    assert "--accept-terms" in ended.err


def test_json_of_every_verb_says_what_came_of_it(given: tuple[str, ...], kt: Run) -> None:
    made = json.loads(kt("prepare", *given, "--json").out)

    assert (made["outcome"], made["problems"], made["verified"]) == ("done", 0, True)
    assert made["labels"]["agrees"] is True
    assert [split["images"] for split in made["splits"]] == [12, 6]
    assert json.loads(kt("verify", given[0], "--json").out)["checked"] == 18
    assert json.loads(kt("status", given[0], "--json").out)["outputs"][0]["complete"] is True


def test_a_run_that_is_terminated_goes_on_with_the_same_command(
    given: tuple[str, ...], kt: Run, tmp_path: Path
) -> None:
    big = make_tiny(tmp_path / "big", classes=60, per_class=60, val=60, boxes=False)
    words = (str(tmp_path / "root"), "--from", str(big.folder), "--edition", str(big.toml), "--jobs", "1")
    command = [sys.executable, "-m", "kilotar", "prepare", *words, "--events", "-"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            next(line for line in process.stdout if '"StepEnded"' in line)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()

    assert (process.returncode, err.splitlines()[-1]) == (
        143,
        "stopped; nothing is lost; run the same command again",
    )
    assert "3,600 train images + 60 val images" in kt("prepare", *words).out
    assert len(os.listdir(tmp_path / "root" / "train")) == 60
    assert kt("verify", words[0]).code == 0
