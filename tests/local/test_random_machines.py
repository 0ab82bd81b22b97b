"""Random machines on the local service: each ends, twice the same, and none finds a fault in the service."""

import os
import re
from itertools import pairwise
from typing import Any

import phrases
import pytest
from hypothesis import HealthCheck, given, settings
from limits import LIMITS
from machines import Case, cases, reciting, saying, unfinished
from runs import Run, run

from asfini.asl.validation import problems
from asfini.errors import InvalidDefinition
from asfini.history import Event, parse_history

ENDS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}
KINDS = {
    "JSONPath": cases("JSONPath"),
    "JSONata": cases("JSONata"),
    "both languages": cases("JSONPath", mixed=True),
    "EXPRESS": cases("JSONata", type="EXPRESS") | cases("JSONPath", mixed=True, type="EXPRESS"),
}
TOGETHER = 100
"""So many phrases in a machine: each makes up to eight events."""
MALFORMED = {"JSONata": phrases.MALFORMED_JSONATA, "JSONPath": phrases.MALFORMED_JSONPATH}
settings.register_profile(
    "machines", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "machines in CI", settings.get_profile("machines"), max_examples=750, derandomize=True, database=None
)
PROFILE = settings.get_profile("machines in CI" if os.environ.get("CI") else "machines")


@pytest.mark.parametrize("kind", KINDS)
def test_random_machines_end_twice_alike_without_a_fault(kind: str) -> None:
    settings(PROFILE)(given(KINDS[kind])(ends_twice_alike))()


@pytest.mark.parametrize("start", range(0, len(phrases.JSONATA), TOGETHER))
def test_all_phrases_of_jsonata_are_said_twice_alike_without_a_fault(start: int) -> None:
    some = phrases.JSONATA[start : start + TOGETHER]
    machine = reciting(some, phrases.VARIABLES, phrases.DOCUMENT)
    ends_twice_alike(machine)
    assert run(machine).described["status"] == "SUCCEEDED"


def test_all_phrases_of_jsonpath_are_said_twice_alike_without_a_fault() -> None:
    for phrase in phrases.JSONPATH:
        ends_twice_alike(Case(alone(phrase, "JSONPath"), phrases.DOCUMENT))


@pytest.mark.parametrize("language", MALFORMED)
def test_no_machine_says_what_is_malformed(language: str) -> None:
    for phrase in MALFORMED[language]:
        with pytest.raises(InvalidDefinition, match="/States/one"):
            run(Case(alone(phrase, language), {}))


def alone(phrase: str, language: str) -> dict[str, Any]:
    """A machine that says one phrase."""
    return {"QueryLanguage": language, "StartAt": "one", "States": {"one": saying(phrase, language)}}


@pytest.mark.parametrize("limit", LIMITS)
def test_machines_at_the_limits_end_twice_alike_without_a_fault(limit: str) -> None:
    ends_twice_alike(LIMITS[limit])


@pytest.mark.parametrize("kind", KINDS)
def test_random_machines_left_unfinished_are_refused_or_run_without_a_fault(kind: str) -> None:
    settings(PROFILE, max_examples=PROFILE.max_examples // 3)(
        given(unfinished(KINDS[kind]))(refused_or_run)
    )()


def refused_or_run(case: Case) -> None:
    """Let a placeholder be text where any text may stand, and be refused elsewhere."""
    if refused := problems(case.definition, machine_type=case.type, template=False):
        with pytest.raises(InvalidDefinition, match=re.escape(str(refused[0]))):
            run(case)
    else:
        ran = run(case)
        assert ran.faults == []
        if ran.described["status"] != "RUNNING":  # a placeholder may stand where a token should
            check_result(ran)


def ends_twice_alike(case: Case) -> None:
    assert problems(case.definition, machine_type=case.type, template=False) == []
    first = run(case)
    assert first.faults == []
    check_result(first)
    if case.type == "STANDARD":
        check_history(parse_history(first.events), first.described["status"])
    assert run(case) == first


def check_result(run: Run) -> None:
    """Hold what is told of an execution against what is true of all of them."""
    assert run.described["status"] in ENDS
    assert ("output" in run.described) == (run.described["status"] == "SUCCEEDED")
    for name in ("error", "cause", "output"):
        assert isinstance(run.described.get(name, ""), str)


def check_history(events: list[Event], status: str) -> None:
    """Hold a history against what is true of all of them."""
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(event.previous_event_id < event.id for event in events)
    assert all(before.timestamp <= after.timestamp for before, after in pairwise(events))
    assert [event.type for event in events if type(event) is Event] == []
    assert events[0].type == "ExecutionStarted"
    assert events[-1].type == ENDS[status]
