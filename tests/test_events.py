"""Rule: the JSON form of an event is flat, named, and made of values that JSON knows."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from kilotar import events
from kilotar.events import Event, Finding, Found, Landed, Outcome, StepEnded, as_json

SAMPLES: tuple[Event, ...] = (
    events.RunStarted("prepare", "/root", 3, 12, 400),
    Landed("train.tar", 0, 10, 20),
    events.Progress("train.tar", 5, 10, 20, 1.5, 3.0, 2, 1, 7, (("peers", 5),), "downloading"),
    events.Trouble("stalled", "train.tar", "no byte for 60 s", "another way is tried"),
    events.Proved("train.tar", "md5", "aa", published=True),
    events.StepStarted("train/n1"),
    StepEnded("train/n1", Outcome.FAILED, 1, 2, "why"),
    Found(Finding("name", "train.tar", "why", 7)),
    events.Note("info", "text"),
    events.RunEnded("prepare", Outcome.BLOCKED),
)


def test_every_kind_of_event_is_tried_here() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(Event))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_survives_json_with_its_name_and_all_its_fields(event: Event) -> None:
    text = json.dumps(as_json(event))

    found = json.loads(text)

    assert found.pop("event") == type(event).__name__
    assert set(found) == set(type(event).__slots__)


def test_an_outcome_is_its_word_in_json() -> None:
    assert json.loads(json.dumps(as_json(StepEnded("k", Outcome.KEPT))))["outcome"] == "kept"


def test_a_finding_is_an_object_of_its_own_in_json() -> None:
    assert as_json(Found(Finding("digest", "a", "b", 3, is_problem=False)))["finding"] == {
        "kind": "digest",
        "where": "a",
        "why": "b",
        "offset": 3,
        "is_problem": False,
    }


def test_no_field_of_an_event_hides_the_name_of_the_event() -> None:
    assert all("event" not in type(event).__slots__ for event in SAMPLES)
