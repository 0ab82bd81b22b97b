"""Definitions, checked by the local service: the operation ValidateStateMachineDefinition."""

import json
from typing import Any

import pytest

from asfini import Client

GOOD = {"StartAt": "one", "States": {"one": {"Type": "Pass", "End": True}}}
WARNED = {"StartAt": "one", "States": {"one": {"Type": "Pass", "Parameters": {"n": "$.n"}, "End": True}}}


async def checked(client: Client, definition: Any, **options: Any) -> dict[str, Any]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return await client.service.call("validate_state_machine_definition", definition=text, **options)


async def test_a_good_definition_is_ok(local_client: Client) -> None:
    assert await checked(local_client, GOOD) == {"result": "OK", "diagnostics": [], "truncated": False}


async def test_what_is_wrong_is_told_with_its_place(local_client: Client) -> None:
    told = await checked(local_client, {"States": GOOD["States"]})
    assert told["result"] == "FAIL"
    assert told["diagnostics"] == [
        {
            "severity": "ERROR",
            "code": "SCHEMA_VALIDATION_FAILED",
            "message": "These fields are required: [StartAt]",
            "location": "/",
        }
    ]


async def test_what_has_no_place_is_told_without_one(local_client: Client) -> None:
    (problem,) = (await checked(local_client, " "))["diagnostics"]
    assert problem.keys() == {"severity", "code", "message"}


async def test_warnings_are_told_on_request_and_are_no_failure(local_client: Client) -> None:
    assert (await checked(local_client, WARNED))["diagnostics"] == []
    told = await checked(local_client, WARNED, severity="WARNING")
    assert told["result"] == "OK"
    assert [problem["severity"] for problem in told["diagnostics"]] == ["WARNING"]


async def test_the_type_of_the_machine_matters(local_client: Client) -> None:
    resource = "arn:aws:states:us-east-1:123456789012:activity:pay"
    machine = {"StartAt": "one", "States": {"one": {"Type": "Task", "Resource": resource, "End": True}}}
    assert (await checked(local_client, machine))["result"] == "OK"
    assert (await checked(local_client, machine, type="EXPRESS"))["result"] == "FAIL"


@pytest.mark.parametrize(("most", "count", "truncated"), [(3, 3, True), (4, 4, False), (0, 4, False)])
async def test_no_more_is_told_than_asked_for(
    local_client: Client, most: int, count: int, truncated: bool
) -> None:
    broken = {"StartAt": "0", "States": {str(number): {"Type": "Nap"} for number in range(3)}}
    told = await checked(local_client, broken, maxResults=most)
    assert (len(told["diagnostics"]), told["truncated"]) == (count, truncated)


async def test_a_hundred_problems_are_told_at_most(local_client: Client) -> None:
    broken = {"StartAt": "0", "States": {str(number): {"Type": "Nap"} for number in range(101)}}
    told = await checked(local_client, broken)
    assert (len(told["diagnostics"]), told["truncated"]) == (100, True)
