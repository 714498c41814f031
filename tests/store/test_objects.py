"""Rules: a file is put once; what stands there is taken when it is the same and refused when not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.errors import DecisionNeeded, MissingExtra, StoreFailed
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote
from kilotar.store import objects
from kilotar.store.objects import ObjectFact, Unanswered, object_sha256, open_store, put_once

SILENT = StoreFailed("could not put x", seen="there was no answer")


class Shelf:
    """A store in memory that answers a put as it is told: True and False are answers, an exception is raised.

    What is put before `Unanswered` is there all the same where `keeps` says so: the answer was lost, not the object.
    """

    def __init__(self, *answers: bool | Exception, keeps: bool = False, has_digests: bool = True) -> None:
        self.things: dict[str, bytes] = {}
        self.digests: dict[str, str] = {}
        self.puts = 0
        self._answers = list(answers)
        self._keeps, self._has_digests = keeps, has_digests

    def create(self, file: Path, about: Written) -> bool:
        self.puts += 1
        answer = self._answers.pop(0) if self._answers else about.path not in self.things
        if answer is True or (self._keeps and isinstance(answer, Exception)):
            self.things[about.path] = file.read_bytes()
            self.digests[about.path] = about.sha256 if self._has_digests else ""
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look_first(self) -> None:
        """It has conditions."""

    def look(self, name: str) -> ObjectFact | None:
        return ObjectFact(len(self.things[name]), self.digests.get(name, "")) if name in self.things else None

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        return self.things[name][offset : offset + size_bytes]

    def chunks(self, name: str) -> Iterator[bytes]:
        yield self.things[name][:2]
        yield self.things[name][2:]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_WAITS_S", (0.0, 0.0, 0.0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "x").write_bytes(b"content")
    return tmp_path / "x"


ABOUT = Written("x", 7, hashlib.sha256(b"content").hexdigest())


def test_a_file_is_put_once(file: Path) -> None:
    shelf = Shelf()

    put_once(shelf, file, ABOUT)

    assert (shelf.things, shelf.puts) == ({"x": b"content"}, 1)


@pytest.mark.parametrize("has_digests", [True, False])
def test_the_same_bytes_are_taken_for_done(file: Path, has_digests: bool) -> None:
    shelf = Shelf(has_digests=has_digests)
    put_once(shelf, file, ABOUT)

    put_once(shelf, file, ABOUT)

    assert object_sha256(shelf, "x") == ABOUT.sha256


@pytest.mark.parametrize("other", [b"another", b"longer than ours"])
def test_other_bytes_are_refused_and_left(file: Path, other: bytes) -> None:
    shelf = Shelf()
    shelf.things["x"] = other

    with pytest.raises(DecisionNeeded, match="holds something else"):
        put_once(shelf, file, ABOUT)

    assert shelf.things["x"] == other


def test_bytes_of_our_digest_that_are_not_ours_are_not_believed_where_the_store_knows_no_digest(file: Path) -> None:
    shelf = Shelf(has_digests=False)
    shelf.things["x"] = b"CONTENT"

    with pytest.raises(DecisionNeeded):
        put_once(shelf, file, ABOUT)


def test_a_lost_answer_is_found_to_have_been_yes(file: Path) -> None:
    shelf = Shelf(Unanswered(SILENT), keeps=True)

    put_once(shelf, file, ABOUT)

    assert (shelf.things, shelf.puts) == ({"x": b"content"}, 2)


def test_silence_is_tried_again_and_ends_as_an_error(file: Path) -> None:
    shelf = Shelf(*[Unanswered(SILENT)] * 4)

    with pytest.raises(StoreFailed, match="could not put x"):
        put_once(shelf, file, ABOUT)

    assert shelf.puts == 4


def test_a_refusal_is_not_tried_again(file: Path) -> None:
    shelf = Shelf(StoreFailed("could not put x", seen="HTTP 403"))

    with pytest.raises(StoreFailed):
        put_once(shelf, file, ABOUT)

    assert shelf.puts == 1


def test_a_name_that_is_taken_and_gone_is_tried_again(file: Path) -> None:
    shelf = Shelf(False)

    put_once(shelf, file, ABOUT)

    assert shelf.things == {"x": b"content"}


def test_a_missing_client_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MissingExtra) as caught:
        open_store(Remote("s3://never-asked-before/x"))

    assert caught.value.fix == "pip install 'kilotar[cloud]'"
