"""Which variables states read, as DescribeStateMachine tells it."""

from typing import Any

import pytest

from asfini.asl._references import variable_references


def of(state: dict[str, Any], **machine: Any) -> list[str]:
    """The variables that the only state of a machine reads."""
    return variable_references({"StartAt": "s", "States": {"s": state}, **machine}).get("s", [])


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"Type": "Pass", "InputPath": "$a"}, ["a"]),
        ({"Type": "Pass", "InputPath": "$.a", "OutputPath": "$b.c[0]"}, ["b"]),
        ({"Type": "Pass", "Parameters": {"x": {"y.$": "$b"}, "z": [{"w.$": "$a"}]}}, ["a", "b"]),
        ({"Type": "Pass", "Parameters": {"x.$": "States.Format('$no {}', $b, $$.Execution.Id)"}}, ["b"]),
        ({"Type": "Pass", "Parameters": {"x": "$a", "SomePath": "$b"}}, []),
        ({"Type": "Pass", "Assign": {"a.$": "$b", "c": "$d"}}, ["b"]),
        ({"Type": "Pass", "Result": {"x.$": "$a"}, "Comment": "$b"}, []),
        ({"Type": "Choice", "Choices": [{"Variable": "$b", "StringEqualsPath": "$a"}]}, ["a", "b"]),
        ({"Type": "Choice", "Choices": [{"And": [{"Variable": "$b", "IsNull": True}]}]}, ["b"]),
        ({"Type": "Choice", "Choices": [{"Variable": "$.b", "Assign": {"x.$": "$c"}}]}, ["c"]),
        ({"Type": "Fail", "ErrorPath": "$b", "CausePath": "States.Format('{}', $a)"}, ["a", "b"]),
        ({"Type": "Wait", "SecondsPath": "$s"}, ["s"]),
        ({"Type": "Task", "Credentials": {"RoleArn.$": "$role"}}, ["role"]),
        ({"Type": "Map", "ItemReader": {"ReaderConfig": {"MaxItemsPath": "$most"}}}, ["most"]),
        ({"Type": "Map", "ItemReader": {"Parameters": {"KeyPath": "$no", "Key.$": "$key"}}}, ["key"]),
        ({"Type": "Map", "ItemBatcher": {"BatchInput": {"x.$": "$a", "BPath": "$b"}}}, ["a"]),
    ],
)
def test_paths_intrinsic_functions_and_templates_read(fields: dict[str, Any], names: list[str]) -> None:
    assert of(fields) == names


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"Output": "{% $a + $states.input.b %}"}, ["a"]),
        ({"Output": {"x": ["{% $b %}", "{% $sum([$a]) %}"]}}, ["a", "b"]),
        ({"Output": "{% ($c := 1; $c + $d) %}"}, ["d"]),
        ({"Output": "$a", "Comment": "{% $b %}"}, []),
        ({"Assign": {"a": "{% $b %}"}}, ["b"]),
    ],
)
def test_expressions_read(fields: dict[str, Any], names: list[str]) -> None:
    assert of({"Type": "Pass", "QueryLanguage": "JSONata", **fields}) == names
    assert of({"Type": "Pass", **fields}, QueryLanguage="JSONata") == names
    assert of({"Type": "Pass", **fields}) == []


def test_states_within_states_are_told_by_their_own_names() -> None:
    def inner(name: str, variable: str) -> dict[str, Any]:
        return {"StartAt": name, "States": {name: {"Type": "Pass", "InputPath": f"${variable}"}}}

    states = {
        "both": {"Type": "Parallel", "Branches": [inner("left", "a"), inner("right", "b")]},
        "each": {"Type": "Map", "ItemsPath": "$items", "ItemProcessor": inner("item", "c")},
        "old": {"Type": "Map", "Iterator": inner("item", "d")},
        "nothing": {"Type": "Succeed"},
    }
    assert variable_references({"StartAt": "both", "States": states}) == {
        "left": ["a"],
        "right": ["b"],
        "each": ["items"],
        "item": ["c", "d"],
    }


def test_branches_speak_the_machines_language() -> None:
    branch = {"StartAt": "x", "States": {"x": {"Type": "Pass", "Output": "{% $a %}"}}}
    states = {"both": {"Type": "Parallel", "Branches": [branch]}}
    assert variable_references({"QueryLanguage": "JSONata", "States": states}) == {"x": ["a"]}
