"""Folding histories of random machines: everything finds a place, and the right one."""

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
from machines import Case, cases
from runs import run

from asfini.asl.definition import Definition
from asfini.history import EVENT_CLASSES
from asfini.view import Line, Run, explain, fold

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(cases("JSONPath", mixed=True) | cases("JSONata"))
def test_every_event_of_a_random_machine_finds_its_place(case: Case) -> None:
    told = run(case)
    folded = fold(told.events)
    assert folded.loose == []
    assert folded.status == told.described["status"]
    assert not (folded.status != "RUNNING" and folded.standing())
    assert (folded.failed_in is not None) == (folded.status == "FAILED")
    check_counts(folded)
    check_line(folded.line, case.definition)


@SETTINGS
@given(cases("JSONPath", mixed=True) | cases("JSONata"))
def test_a_part_of_a_history_is_folded_as_far_as_it_goes(case: Case) -> None:
    events = run(case).events
    assert outline(fold(events[::-1])) == outline(fold(events))
    for count in {len(events) // 3, len(events) // 2}:
        assert len(list(fold(events[:count]).walk())) == entered(events[:count])
        assert len(list(fold(events[count:]).walk())) == entered(events[count:])
    assert len(list(fold(events[::3]).walk())) == entered(events[::3])


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A definition, and a history of it in which anything may be missing, doubled, displaced or nonsense."""
    case = draw(cases("JSONPath", mixed=True))
    events = [dict(event) for event in run(case).events]
    for _ in range(draw(st.integers(1, 30))):
        at = draw(st.integers(0, len(events) - 1))
        events.insert(draw(st.integers(0, len(events))), dict(events[at]))
        spoil(draw, events[at])
    return case.definition, events


def spoil(draw: st.DrawFn, event: dict[str, Any]) -> None:
    """Change one member of an event, or take it away; its type stays some type."""
    key = draw(st.sampled_from([*event]))
    if key == "type":
        event[key] = draw(st.sampled_from([*EVENT_CLASSES]))
    elif draw(st.booleans()):
        del event[key]
    else:
        event[key] = draw(st.none() | st.integers(0, 40) | st.text() | st.just({"name": 1, "index": -1}))


@SETTINGS
@given(spoilt())
def test_no_history_is_too_odd_to_be_folded_and_explained(
    given: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    definition, events = given
    folded = fold(events)
    assert len(folded.events) == len(events)
    told = explain(folded, Definition.from_dict(definition))
    assert str(told)
    assert json.loads(json.dumps(told.to_dict()))["status"] == folded.status


def test_a_history_that_is_nested_without_end_is_folded() -> None:
    events: list[dict[str, Any]] = [{"type": "ExecutionStarted", "id": 1}]
    for _ in range(3000):
        entered = {"type": "ParallelStateEntered", "stateEnteredEventDetails": {"name": "deeper"}}
        for event in (entered, {"type": "ParallelStateStarted"}):
            events.append({**event, "id": len(events) + 1, "previousEventId": len(events)})
    for kind in ("ExecutionTimedOut", "ExecutionRedriven", "ExecutionFailed"):
        events.append({"type": kind, "id": len(events) + 1, "previousEventId": len(events)})
    assert len(list(fold(events).walk())) == 3000


def entered(events: list[dict[str, Any]]) -> int:
    return sum(event["type"].endswith("StateEntered") for event in events)


def outline(run: Run) -> list[Any]:
    return [
        (state.place, state.status, state.error, [attempt.status for attempt in state.attempts])
        for state in run.walk()
    ]


def check_counts(run: Run) -> None:
    types = Counter(event.type for event in run.events)
    states = list(run.walk())
    lines = [line for state in states for attempt in state.attempts for line in attempt.lines]
    attempts = [attempt for state in states for attempt in state.attempts]
    ended = [
        attempt for attempt in attempts if attempt.finished is not None and attempt.scheduled is not None
    ]
    assert len(states) == sum(count for name, count in types.items() if name.endswith("StateEntered"))
    assert sum(state.exited is not None for state in states) == sum(
        count for name, count in types.items() if name.endswith("StateExited")
    )
    assert sum(line.kind == "iteration" for line in lines) == types["MapIterationStarted"]
    assert sum(attempt.scheduled is not None for attempt in attempts) == sum(
        count for name, count in types.items() if name.endswith("Scheduled")
    )
    assert (
        sum(attempt.finished.type == "TaskFailed" for attempt in ended if attempt.finished)
        == types["TaskFailed"]
    )


def check_line(line: Line, definition: dict[str, Any]) -> None:
    """A line's states are those of its definition, and so are those inside of them."""
    for state in line.states:
        written = definition["States"][state.name]
        assert written["Type"] == state.type
        assert state.exited is None or state.exited.name == state.name  # type: ignore[attr-defined]
        for attempt in state.attempts:
            for inner in attempt.lines:
                check_line(inner, inside(written, inner))
    names = [state.name for state in line.states]
    assert names[:1] in ([], [definition["StartAt"]])


def inside(written: dict[str, Any], line: Line) -> dict[str, Any]:
    if line.kind == "branch":
        start = line.states[0].name
        found: dict[str, Any] = next(each for each in written["Branches"] if each["StartAt"] == start)
        return found
    processor: dict[str, Any] = written.get("ItemProcessor") or written["Iterator"]
    return processor
