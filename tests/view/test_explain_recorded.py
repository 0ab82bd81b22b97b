"""Explanations of executions recorded on AWS, held against what is read off the raw events in another way."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from asfini.asl.definition import Definition
from asfini.view import explain, fold

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance" / "asl"
ENDS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


def failing() -> list[dict[str, Any]]:
    """The recorded executions that failed, with their events."""
    cases = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RECORDINGS.glob("*.json"))]
    return [case for case in cases if any(event["type"] in ENDS for event in events_of(case))]


def events_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    return case["expected"].get("events") or []


def details(event: dict[str, Any]) -> dict[str, Any]:
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def expected_state(events: list[dict[str, Any]]) -> str | None:
    """The failed state, from the texts and the order of events alone, without their links.

    AWS's cause names a state that could not go on; of all others it is the last one that was entered and not
    left, for whatever holds it was entered before.
    """
    ordered = sorted(events, key=lambda event: event["id"])
    told = re.search(r"executing the state '(.+?)' \(entered", str(details(ordered[-1]).get("cause")))
    if told:
        return told[1]
    left: list[str] = []
    for event in ordered:
        if event["type"].endswith("StateEntered"):
            left.append(details(event)["name"])
        elif event["type"].endswith("StateExited"):
            left.reverse()
            left.remove(details(event)["name"])
            left.reverse()
        elif event["type"] == "EvaluationFailed":
            left.append(details(event)["state"])
    return left[-1] if left else None


def test_every_recorded_failure_is_explained_with_its_state_and_error() -> None:
    if not RECORDINGS.exists():
        pytest.skip("there are no recorded executions")
    wrong, cases = [], failing()
    for case in cases:
        end = max(events_of(case), key=lambda event: int(event["id"]))
        told = explain(fold(events_of(case)), Definition.from_dict(case["definition"]))
        expected = None if end["type"] == "ExecutionAborted" else expected_state(events_of(case))
        error = details(end).get("error")
        if (told.state, told.error, told.status) != (expected, error, case["expected"]["status"]):
            wrong.append((case["id"], expected, error, told.state, told.error))
        assert str(told)
        json.dumps(told.to_dict())
    assert wrong == []
    assert len(cases) > 80
