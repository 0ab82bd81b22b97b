"""Executions recorded on AWS, drawn over their machines, as reports and as traces."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from asfini.view import fold, graph, mark, report, trace

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance" / "asl"
FILES = sorted(RECORDINGS.glob("*.json"))
if not FILES:
    pytest.skip(f"no recordings in {RECORDINGS}", allow_module_level=True)


def recorded() -> list[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """The recorded executions: names, definitions and events."""
    cases = [(file.name, json.loads(file.read_text(encoding="utf-8"))) for file in FILES]
    return [
        (name, case["definition"], case["expected"]["events"])
        for name, case in cases
        if isinstance(case.get("definition"), dict) and case["expected"].get("events")
    ]


def entered(events: list[dict[str, Any]]) -> set[str]:
    """The names of the states that events tell of, read off them in another way."""
    found = (re.search(r"^(\w+)StateEntered$", event["type"]) and event for event in events)
    return {event["stateEnteredEventDetails"]["name"] for event in found if event}


def test_the_states_that_were_entered_are_marked_and_no_others() -> None:
    wrong = []
    for name, definition, events in recorded():
        drawn = graph(definition)
        marks = mark(drawn, fold(events))
        marked = {node.name for node in drawn.walk() if marks.mark(node)}
        if marked != entered(events) & {node.name for node in drawn.walk()}:
            wrong.append((name, marked ^ entered(events)))
        ElementTree.fromstring(drawn.to_svg(marks))
    assert wrong == []


def test_each_has_a_report_with_all_its_events_in_their_states() -> None:
    for name, definition, events in recorded():
        if not all(isinstance(event["id"], int) for event in events):
            continue  # it was recorded without ids, by which events belong to states
        html = report(fold(events), definition)
        data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', html)[0])
        assert len(data["events"]) == len(events), name
        of_tasks = [
            event for event in data["events"] if event["type"].startswith(("Task", "Lambda", "Activity"))
        ]
        assert [event for event in of_tasks if event["row"] < 0] == [], name


def test_each_has_a_trace_with_a_slice_for_each_state() -> None:
    for name, _, events in recorded():
        run = fold(events)
        slices = [event for event in trace(run)["traceEvents"] if event["ph"] == "X"]
        states = sum(1 for _ in run.walk())
        assert len([each for each in slices if "type" in each["args"]]) == states, name
