"""What differs between two definitions, by meaning."""

import json
from typing import Any

import pytest

from asfini import Definition, InvalidArgument, Pass, construct_state_machine
from asfini.asl.differences import differences


def machine(**fields: Any) -> dict[str, Any]:
    """A definition whose first state has some fields besides."""
    states = {"a": {"Type": "Pass", "Next": "b"} | fields, "b": {"Type": "Succeed"}}
    return {"StartAt": "a", "States": states}


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(difference) for difference in differences(before, after)]


def test_a_definition_differs_not_from_itself() -> None:
    assert told(machine(), machine()) == []


def test_order_makes_no_difference() -> None:
    turned = {"States": dict(reversed(machine()["States"].items())), "StartAt": "a"}
    assert told(machine(), turned) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"InputPath": "$", "OutputPath": "$", "ResultPath": "$"},
        {"Retry": [{"ErrorEquals": ["a"], "IntervalSeconds": 1.0, "MaxAttempts": 3, "BackoffRate": 2}]},
        {"End": False},
    ],
)
def test_what_is_spelled_out_though_it_is_the_default_makes_no_difference(fields: dict[str, Any]) -> None:
    plain = {"Retry": [{"ErrorEquals": ["a"]}]} if "Retry" in fields else {}
    assert told(machine(**plain), machine(**fields)) == []
    assert told(machine(**fields), machine(**plain)) == []


def test_the_language_of_a_machine_is_jsonpath_unless_it_says_otherwise() -> None:
    assert told(machine(), machine() | {"QueryLanguage": "JSONPath", "Version": "1.0"}) == []
    assert told(machine(), machine() | {"QueryLanguage": "JSONata"}) == ['+ /QueryLanguage: "JSONata"']


def test_a_state_has_the_machines_language_unless_it_says_otherwise() -> None:
    assert told(machine(), machine(QueryLanguage="JSONPath")) == []
    assert told(machine(), machine(QueryLanguage="JSONata")) == ['+ /States/a/QueryLanguage: "JSONata"']
    jsonata = machine() | {"QueryLanguage": "JSONata"}
    spelled_out = machine(QueryLanguage="JSONata") | {"QueryLanguage": "JSONata"}
    assert told(jsonata, spelled_out) == []
    inner = {"StartAt": "c", "States": {"c": {"Type": "Succeed", "QueryLanguage": "JSONata"}}}
    plain = {"StartAt": "c", "States": {"c": {"Type": "Succeed"}}}
    both = (machine(Type="Map", ItemProcessor=each, QueryLanguage="JSONata") for each in (plain, inner))
    assert told(*both) == ['+ /States/a/ItemProcessor/States/c/QueryLanguage: "JSONata"']


def test_the_order_of_errors_makes_no_difference() -> None:
    before, after = (machine(Retry=[{"ErrorEquals": names}]) for names in (["a", "b"], ["b", "a"]))
    assert told(before, after) == []


def test_a_map_by_its_old_names_is_the_same() -> None:
    inner = {"StartAt": "c", "States": {"c": {"Type": "Succeed", "InputPath": "$"}}}
    new = {"StartAt": "c", "States": {"c": {"Type": "Succeed"}}}
    items = {"n.$": "$$.Map.Item.Index"}
    before = machine(Type="Map", Iterator=inner, Parameters=items)
    assert told(before, machine(Type="Map", ItemProcessor=new, ItemSelector=items)) == []
    assert told(machine(Parameters=items), machine(ItemSelector=items)) != []


def test_values_that_are_passed_on_have_no_defaults() -> None:
    found = told(machine(Result={}), machine(Result={"InputPath": "$", "End": False}))
    assert found == ['+ /States/a/Result/InputPath: "$"', "+ /States/a/Result/End: false"]


def test_states_fields_and_transitions_are_told() -> None:
    after = machine(Next="c", Comment="new")
    after["States"]["c"] = after["States"].pop("b") | {"Type": "Fail"}
    assert told(machine(), after) == [
        '+ /States/a/Comment: "new"',
        '~ /States/a/Next: "b" -> "c"',
        "+ /States/c: a Fail state",
        "- /States/b: a Succeed state",
    ]


def test_one_and_true_and_null_and_nothing_differ() -> None:
    assert told(machine(Result=1), machine(Result=True)) == ["~ /States/a/Result: 1 -> true"]
    assert told(machine(Result=None), machine()) == ["- /States/a/Result: null"]
    assert told(machine(Result=1), machine(Result=1.0)) == []


def test_items_are_compared_one_by_one() -> None:
    assert told(machine(Result=[1, 2]), machine(Result=[1, 3, 4])) == [
        "~ /States/a/Result[1]: 2 -> 3",
        "+ /States/a/Result[2]: 4",
    ]


def test_differences_are_plain_json_as_well() -> None:
    found = [difference.to_dict() for difference in differences(machine(Result=1), machine(Comment="x"))]
    assert json.loads(json.dumps(found)) == [
        {"kind": "added", "location": "/States/a/Comment", "after": "x"},
        {"kind": "removed", "location": "/States/a/Result", "before": 1},
    ]


def test_machines_and_definitions_can_be_compared() -> None:
    one = construct_state_machine("one", Pass("a"))
    assert differences(one, Definition.starting_at(Pass("a"))) == []


def test_what_is_too_deeply_nested_is_refused() -> None:
    inner = machine()
    for number in range(100):
        inner = {"StartAt": f"{number}", "States": {f"{number}": {"Type": "Parallel", "Branches": [inner]}}}
    with pytest.raises(InvalidArgument, match="too deeply nested"):
        differences(inner, inner)


def test_what_is_no_definition_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="a definition, a machine or a state is needed, not 3"):
        differences(3, machine())


def test_long_values_are_cut() -> None:
    (found,) = told(machine(), machine(Comment="x" * 100))
    assert len(found) < 100
