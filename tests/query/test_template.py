import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asfini.query.intrinsics import IntrinsicFailure
from asfini.query.jsonpath import PathNotFound
from asfini.query.scope import Scope
from asfini.query.template import InvalidExpression, compile_template, compile_value

RECORDED = Path(__file__).parents[2] / "../shared/conformance/asl"

ORDER = {"order": {"id": "o-7", "total": 12.5, "lines": [{"sku": "x"}, {"sku": "y"}]}, "nothing": None}
SCOPE = Scope(ORDER, {"Execution": {"Name": "run-1"}}, {"seen": [4]})


def fill(template: Any, scope: Scope = SCOPE) -> Any:
    return compile_template(template).fill(scope)


@pytest.mark.parametrize(
    "template",
    [
        None,
        1,
        "$.order",
        "States.UUID()",
        [],
        {},
        {"$": 1},
        [{"a": ["$.order", {"b": "$$"}]}],
        {"a.$.b": "$.order"},
    ],
)
def test_a_template_without_paths_is_given_as_it_is(template):
    filled = compile_template(template)
    assert filled.fill(SCOPE) is template
    assert filled.fill(Scope(None)) is template


@pytest.mark.parametrize(
    ("template", "payload"),
    [
        ({"all.$": "$"}, {"all": ORDER}),
        ({"id.$": "$.order.id", "fixed": "$.order.id"}, {"id": "o-7", "fixed": "$.order.id"}),
        ({"name.$": "$$.Execution.Name", "seen.$": "$seen"}, {"name": "run-1", "seen": [4]}),
        ({"skus.$": "$.order.lines[*].sku", "none.$": "$.nothing"}, {"skus": ["x", "y"], "none": None}),
        ({"past.$": "$.order.lines[9]"}, {"past": None}),
        ({"text.$": "States.Format('{}: {}', $.order.id, $seen[0])"}, {"text": "o-7: 4"}),
        ({"a": {"b": {"c.$": "$.order.total"}}, "d": 1}, {"a": {"b": {"c": 12.5}}, "d": 1}),
        ([{"id.$": "$.order.id"}, [1, {"id.$": "$.order.id"}]], [{"id": "o-7"}, [1, {"id": "o-7"}]]),
    ],
)
def test_fields_whose_names_end_in_dollar_are_filled_in(template, payload):
    before = copy.deepcopy(template)
    assert fill(template) == payload
    assert template == before


def test_a_template_is_filled_anew_for_every_scope():
    template = compile_template({"n.$": "$", "list": [{"n.$": "$"}]})
    first, second = template.fill(Scope(1)), template.fill(Scope(2))
    assert (first, second) == ({"n": 1, "list": [{"n": 1}]}, {"n": 2, "list": [{"n": 2}]})


def test_fixed_fields_come_first_and_the_others_in_the_order_of_a_hash_table():
    names = ["customer", "order", "total", "currency", "placed_at"]
    template: dict[str, Any] = {f"{name}.$": "$" for name in names} | {"z": 1, "a": {"n.$": "$"}}
    expected = [
        "z",
        "a",
        "total",
        "currency",
        "placed_at",
        "customer",
        "order",
    ]  # what OpenJDK 17 makes of them
    assert list(fill(template)) == expected


@pytest.mark.parametrize(
    ("path", "searched"),
    [
        ("$.order.none", ORDER),
        ("$.none[0].a", ORDER),
        ("$$.Task.Token", SCOPE.context),
        ("$unknown.a", SCOPE.variables),
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_its_field_and_the_data(path, searched):
    shown = json.dumps(searched, separators=(",", ":"))
    with pytest.raises(PathNotFound) as failure:
        fill({"outer": {"value.$": path}})
    assert str(failure.value) == (
        f"The JSONPath '{path}' specified for the field 'value.$' could not be found in the input '{shown}'"
    )


def test_a_function_that_fails_is_named():
    with pytest.raises(IntrinsicFailure, match=r"Invalid arguments in States\.ArrayLength"):
        fill({"value.$": "States.ArrayLength($)"})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1, "1 is not text"),
        (None, "None is not text"),
        ("", "it is not a call"),
        ("order", "it is not a call"),
        ("{% $x %}", "it is not a call"),
        ("States.Default($.a, 1)", "there is no function States.Default"),
        ("$.a[", "$.a["),
    ],
)
def test_a_field_that_holds_neither_a_path_nor_a_call_is_refused_when_it_is_compiled(value, reason):
    with pytest.raises(InvalidExpression) as refusal:
        compile_template([{"a": {"b.$": value}}])
    assert str(refusal.value) == (
        "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call"
    )
    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    ("text", "value"), [("$.order.id", "o-7"), ("States.Format('no {}', $.order.id)", "no o-7")]
)
def test_a_single_value_is_a_path_or_a_call(text, value):
    assert compile_value(text, "ErrorPath")(SCOPE) == value


def test_a_single_value_that_leads_nowhere_is_named_with_its_field():
    with pytest.raises(
        PathNotFound, match=r"'\$\.none' specified for the field 'CausePath' could not be found"
    ):
        compile_value("$.none", "CausePath")(SCOPE)


def recorded_payloads() -> Iterator[tuple[Any, Scope, Any]]:
    """Give templates of recorded Pass states, what they were filled from, and what the state gave."""
    for file in sorted(RECORDED.glob("*.json")):
        case = json.loads(file.read_text())
        if case["definition"].get("QueryLanguage") == "JSONata" or "nondeterministic-source" in case["tags"]:
            continue
        for state, entered, exited in recorded_passes(case):
            if not {"Parameters"} <= state.keys() <= {"Type", "Parameters", "Comment", "Next", "End"}:
                continue
            if "<" not in json.dumps(exited) and "$$" not in json.dumps(state):
                yield state["Parameters"], Scope(entered, None, recorded_variables(case)), exited


def recorded_passes(case: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    events = case["expected"].get("events", [])
    for name, state in case["definition"]["States"].items():
        found = [
            details[payload]
            for event in events
            for kind, payload in (
                ("stateEnteredEventDetails", "input"),
                ("stateExitedEventDetails", "output"),
            )
            if (details := event.get(kind, {})).get("name") == name and payload in details
        ]
        if state["Type"] == "Pass" and len(found) == 2:
            yield state, *map(recorded_json, found)


def recorded_variables(case: dict[str, Any]) -> dict[str, Any]:
    variables = {}
    for event in case["expected"]["events"]:
        assigned = event.get("stateExitedEventDetails", {}).get("assignedVariables", {})
        variables |= {name: recorded_json(value) for name, value in assigned.items()}
    return variables


def recorded_json(value: Any) -> Any:
    """Objects are kept parsed in the recordings; everything else is JSON text."""
    return json.loads(value) if isinstance(value, str) else value


def test_recorded_templates_are_filled_as_they_were_on_aws():
    if not RECORDED.is_dir():
        pytest.skip(f"no recordings at {RECORDED}")
    payloads = list(recorded_payloads())
    for template, scope, exited in payloads:
        # Compared as text, since the order of members counts, too.
        assert json.dumps(fill(template, scope)) == json.dumps(exited)
    assert len(payloads) > 60
