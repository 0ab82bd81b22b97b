"""Redriving executions: they go on in the states that they stood in when they ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from executions import chain, ended, history, local_service, machine, start

from asfini import errors
from asfini.errors import TaskFailed
from asfini.local.service import LocalService

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"


class Shop:
    """Functions that fail until they are mended, and count how often each name was given to them."""

    def __init__(self) -> None:
        self.broken = True
        self.calls: list[str] = []

    def work(self, given: Any) -> Any:
        """Fail of names that begin with "bad" while it is broken; give anything else back."""
        self.calls.append(str(given))
        if self.broken and str(given).startswith("bad"):
            raise TaskFailed("Boom", "it is broken")
        return given


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def service(shop: Shop) -> AsyncIterator[LocalService]:
    async with local_service(handlers={"work": shop.work}) as service:
        yield service


def work(name: str | None = None, **fields: Any) -> dict[str, Any]:
    """A state that has the function do something."""
    given = {} if name is None else {"Parameters": name}
    return {"Type": "Task", "Resource": f"{LAMBDA}work", **given, **({"End": True} | fields)}


def then(following: str, state: dict[str, Any]) -> dict[str, Any]:
    """A state with another one behind it."""
    return {**{name: value for name, value in state.items() if name != "End"}, "Next": following}


async def redriven(service: LocalService, arn: str) -> dict[str, Any]:
    """Redrive an execution; gives the description of its end."""
    await service.call("redrive_execution", executionArn=arn)
    return await ended(service, arn)


async def types(service: LocalService, arn: str) -> list[str]:
    """The types of an execution's events since it was redriven, without their beginning."""
    found = [event["type"] for event in await history(service, arn)]
    return found[found.index("ExecutionRedriven") :]


async def failed(service: LocalService, definition: dict[str, Any], value: Any = None) -> str:
    """Run a machine that fails; gives the execution's ARN."""
    arn = await start(service, definition, value)
    assert (await ended(service, arn))["status"] == "FAILED"
    return arn


async def test_an_execution_goes_on_in_the_state_that_failed(service: LocalService, shop: Shop) -> None:
    arn = await failed(service, machine(before={"Type": "Pass", "Result": "bad", "Next": "bad"}, bad=work()))
    before = await history(service, arn)
    shop.broken = False
    described = await redriven(service, arn)
    events = await history(service, arn)
    assert events[: len(before)] == before
    assert chain(events)[len(before) :] == [
        ("ExecutionRedriven", 8),
        ("LambdaFunctionScheduled", 9),
        ("LambdaFunctionStarted", 10),
        ("LambdaFunctionSucceeded", 11),
        ("TaskStateExited", 12),
        ("ExecutionSucceeded", 13),
    ]
    assert [event["id"] for event in events] == list(range(1, 15))
    assert (described["status"], described["output"]) == ("SUCCEEDED", '"bad"')
    assert shop.calls == ["bad", "bad"]
    assert "error" not in described


async def test_states_behind_it_get_its_result(service: LocalService, shop: Shop) -> None:
    arn = await failed(service, machine(bad=then("after", work("bad")), after=work()))
    shop.broken = False
    assert (await redriven(service, arn))["output"] == '"bad"'
    assert shop.calls == ["bad", "bad", "bad"]


async def test_redrives_are_counted_and_dated(service: LocalService, shop: Shop) -> None:
    arn = await failed(service, machine(bad=work("bad")))
    first = await service.call("describe_execution", executionArn=arn)
    assert (first["redriveCount"], first["redriveStatus"]) == (0, "REDRIVABLE")
    assert not {"redriveDate", "redriveStatusReason"} & first.keys()
    await asyncio.sleep(60)  # in virtual time
    again = await redriven(service, arn)
    assert (again["status"], again["redriveCount"]) == ("FAILED", 1)
    assert again["redriveDate"] - first["stopDate"] == timedelta(seconds=60)
    shop.broken = False
    last = await redriven(service, arn)
    assert (last["redriveCount"], last["redriveStatus"]) == (2, "NOT_REDRIVABLE")
    assert last["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    redrives = [event for event in await history(service, arn) if event["type"] == "ExecutionRedriven"]
    assert [event["executionRedrivenEventDetails"]["redriveCount"] for event in redrives] == [1, 2]


async def test_the_context_object_tells_of_redrives(service: LocalService, shop: Shop) -> None:
    parameters = {"count.$": "$$.Execution.RedriveCount"}
    arn = await failed(
        service,
        machine(
            first={"Type": "Pass", "Parameters": parameters, "ResultPath": "$.first", "Next": "bad"},
            bad=then("last", work("bad", ResultPath=None)),
            last={
                "Type": "Pass",
                "Parameters": parameters | {"time.$": "$$.Execution.RedriveTime"},
                "ResultPath": "$.last",
                "End": True,
            },
        ),
        {},
    )
    shop.broken = False
    described = await redriven(service, arn)
    date = described["redriveDate"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert json.loads(described["output"]) == {"first": {"count": 0}, "last": {"count": 1, "time": date}}


async def test_variables_are_what_they_were(service: LocalService, shop: Shop) -> None:
    arn = await failed(
        service,
        {
            "QueryLanguage": "JSONata",
            **machine(
                note={"Type": "Pass", "Assign": {"n": "{% $states.input.n %}"}, "Output": {}, "Next": "bad"},
                bad={
                    "Type": "Task",
                    "Resource": f"{LAMBDA}work",
                    "Arguments": "bad",
                    "Output": "{% $n + 1 %}",
                    "End": True,
                },
            ),
        },
        {"n": 41},
    )
    shop.broken = False
    assert (await redriven(service, arn))["output"] == "42"


async def test_attempts_count_anew(service: LocalService, shop: Shop) -> None:
    retry = [{"ErrorEquals": ["Boom"], "MaxAttempts": 2}]
    arn = await failed(service, machine(bad=work("bad", Retry=retry)))
    assert (await redriven(service, arn))["status"] == "FAILED"
    assert shop.calls == ["bad"] * 6


async def test_an_execution_that_was_stopped_or_took_too_long_goes_on_with_all_of_its_time(
    service: LocalService,
) -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 60, "End": True}) | {"TimeoutSeconds": 70}
    arn = await start(service, definition, {})
    await asyncio.sleep(50)
    await service.call("stop_execution", executionArn=arn)
    described = await redriven(service, arn)
    assert (described["status"], described["output"]) == ("SUCCEEDED", "{}")
    assert (described["stopDate"] - described["redriveDate"]).total_seconds() == pytest.approx(60, abs=0.01)
    assert await types(service, arn) == ["ExecutionRedriven", "WaitStateExited", "ExecutionSucceeded"]


async def test_time_can_be_over_once_more(service: LocalService) -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 60, "End": True}) | {"TimeoutSeconds": 20}
    arn = await start(service, definition, {})
    assert (await ended(service, arn))["status"] == "TIMED_OUT"
    again = await redriven(service, arn)
    assert again["status"] == "TIMED_OUT"
    assert (again["stopDate"] - again["redriveDate"]).total_seconds() == pytest.approx(20, abs=0.01)


async def test_an_execution_that_had_not_begun_begins(service: LocalService) -> None:
    arn = await start(service, machine(only={"Type": "Pass", "End": True}), {"n": 1})
    await service.call("stop_execution", executionArn=arn)
    assert (await redriven(service, arn))["output"] == '{"n": 1}'


async def test_a_fail_state_is_entered_once_more(service: LocalService) -> None:
    arn = await failed(service, machine(no={"Type": "Fail", "Error": "No"}))
    assert (await redriven(service, arn))["error"] == "No"
    assert await types(service, arn) == ["ExecutionRedriven", "FailStateEntered", "ExecutionFailed"]


async def test_the_definition_is_the_one_that_it_began_with(service: LocalService, shop: Shop) -> None:
    arn = await failed(service, machine(bad=work("bad")))
    other = json.dumps(machine(other={"Type": "Succeed"}))
    machine_arn = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    await service.call("update_state_machine", stateMachineArn=machine_arn, definition=other)
    shop.broken = False
    assert (await redriven(service, arn))["output"] == '"bad"'


class TestParallel:
    DEFINITION = machine(
        all={
            "Type": "Parallel",
            "Branches": [
                machine(one=then("two", work("good 1")), two=work("good 2")),
                machine(
                    pause={"Type": "Wait", "Seconds": 1, "Next": "three"},
                    three=then("bad", work("good 3")),
                    bad=then("four", work("bad")),
                    four=work(),
                ),
                machine(rest={"Type": "Wait", "Seconds": 60, "Next": "five"}, five=work("good 5")),
            ],
            "End": True,
        }
    )

    async def test_only_branches_go_on_that_had_not_ended(self, service: LocalService, shop: Shop) -> None:
        arn = await failed(service, self.DEFINITION)
        assert sorted(shop.calls) == ["bad", "good 1", "good 2", "good 3"]
        shop.broken = False
        shop.calls.clear()
        described = await redriven(service, arn)
        assert json.loads(described["output"]) == ["good 2", "bad", "good 5"]
        assert shop.calls == ["bad", "bad", "good 5"]
        assert await types(service, arn) == [
            "ExecutionRedriven",
            *("LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
            *("TaskStateExited", "TaskStateEntered"),
            *("LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
            "TaskStateExited",
            *("WaitStateExited", "TaskStateEntered"),
            *("LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
            *("TaskStateExited", "ParallelStateSucceeded", "ParallelStateExited", "ExecutionSucceeded"),
        ]

    async def test_what_has_ended_stays_so_however_often_it_is_redriven(
        self, service: LocalService, shop: Shop
    ) -> None:
        arn = await failed(service, self.DEFINITION)
        shop.calls.clear()
        for _ in range(3):
            assert (await redriven(service, arn))["status"] == "FAILED"
        assert shop.calls == ["bad"] * 3
        shop.broken = False
        assert json.loads((await redriven(service, arn))["output"]) == ["good 2", "bad", "good 5"]

    async def test_branches_within_branches_go_on(self, service: LocalService, shop: Shop) -> None:
        inner = {
            "Type": "Parallel",
            "Branches": [machine(a=work("good")), machine(b=work("bad"))],
            "End": True,
        }
        outer = {"Type": "Parallel", "Branches": [machine(c=inner), machine(d=work("good"))], "End": True}
        arn = await failed(service, machine(all=outer))
        shop.broken = False
        shop.calls.clear()
        assert json.loads((await redriven(service, arn))["output"]) == [["good", "bad"], "good"]
        assert shop.calls == ["bad"]

    async def test_all_branches_are_done_anew_where_their_results_were_too_large(
        self, service: LocalService, shop: Shop
    ) -> None:
        large = [
            machine(**{name: {"Type": "Pass", "Parameters": {"of.$": "$.text"}, "Next": f"{name} works"}})
            for name in "ab"
        ]
        for name, branch in zip("ab", large, strict=True):
            branch["States"][f"{name} works"] = work("good", ResultPath="$.n")
        arn = await failed(
            service,
            machine(all={"Type": "Parallel", "Branches": large, "End": True}),
            {"text": "x" * 140_000},
        )
        assert (await ended(service, arn))["error"] == "States.DataLimitExceeded"
        shop.calls.clear()
        await redriven(service, arn)
        assert shop.calls == ["good", "good"]


class TestInlineMaps:
    async def test_only_iterations_go_on_that_had_not_ended(self, service: LocalService, shop: Shop) -> None:
        rest = {"Type": "Wait", "Seconds": 1, "Next": "work"}
        each = machine(first=then("rest", work()), rest=rest, work=then("last", work()), last=work())
        definition = machine(each={"Type": "Map", "ItemProcessor": each, "MaxConcurrency": 2, "End": True})
        shop.broken = False
        arn = await start(service, definition, ["one", "two", "bad", "four", "five"])
        await asyncio.sleep(1.5)
        shop.broken = True
        assert (await ended(service, arn))["status"] == "FAILED"
        assert shop.calls[-2:] == ["four", "bad"]
        shop.broken = False
        shop.calls.clear()
        described = await redriven(service, arn)
        assert json.loads(described["output"]) == ["one", "two", "bad", "four", "five"]
        assert sorted(shop.calls) == ["bad", "bad", "five", "five", "five", "four", "four"]
        found = await types(service, arn)
        assert "MapStateStarted" not in found
        assert found.count("MapIterationStarted") == 1
        assert found.count("MapIterationSucceeded") == 3

    async def test_iterations_know_their_items_and_variables(self, service: LocalService, shop: Shop) -> None:
        each = machine(
            note={"Type": "Pass", "Assign": {"seen.$": "$"}, "Next": "work"},
            work=then("tell", work()),
            tell={
                "Type": "Pass",
                "Parameters": {"seen.$": "$seen", "index.$": "$$.Map.Item.Index"},
                "End": True,
            },
        )
        definition = machine(each={"Type": "Map", "ItemProcessor": each, "End": True})
        arn = await failed(service, definition, ["good", "bad"])
        shop.broken = False
        output = json.loads((await redriven(service, arn))["output"])
        assert output == [{"seen": "good", "index": 0}, {"seen": "bad", "index": 1}]


class TestRefusals:
    async def test_what_runs_or_succeeded_cannot_be_redriven(self, service: LocalService) -> None:
        arn = await start(service, machine(rest={"Type": "Wait", "Seconds": 60, "End": True}), {})
        for status in ("RUNNING", "SUCCEEDED"):
            with pytest.raises(
                errors.ExecutionNotRedrivable, match=f"Execution is {status} and cannot be redriven"
            ):
                await service.call("redrive_execution", executionArn=arn)
            await ended(service, arn)

    async def test_there_are_fourteen_days_for_it(self, service: LocalService) -> None:
        arn = await failed(service, machine(bad=work("bad")))
        await asyncio.sleep(timedelta(days=14).total_seconds())
        assert (await redriven(service, arn))["redriveCount"] == 1
        await asyncio.sleep(timedelta(days=14, seconds=1).total_seconds())
        with pytest.raises(errors.ExecutionNotRedrivable, match="Execution redrivable period exceeded"):
            await service.call("redrive_execution", executionArn=arn)
        described = await service.call("describe_execution", executionArn=arn)
        assert described["redriveStatus"] == "NOT_REDRIVABLE"
        assert described["redriveStatusReason"] == "Execution redrivable period exceeded"

    async def test_an_execution_is_open_for_a_year_at_the_most(self, service: LocalService) -> None:
        days = timedelta(days=364).total_seconds()
        definition = machine(rest={"Type": "Wait", "Seconds": int(days), "Next": "no"}, no={"Type": "Fail"})
        arn = await failed(service, definition)
        await asyncio.sleep(timedelta(days=2).total_seconds())
        with pytest.raises(errors.ExecutionNotRedrivable, match="exceeded the max execution time"):
            await service.call("redrive_execution", executionArn=arn)

    async def test_there_must_be_room_in_the_history(self, service: LocalService) -> None:
        end = {"Variable": "$.end", "IsPresent": True, "Next": "end"}
        loop = machine(
            pick={"Type": "Choice", "Choices": [end], "Default": "again"},
            again={"Type": "Pass", "Next": "pick"},
            end={"Type": "Succeed"},
        )
        arn = await failed(service, loop)
        assert len(await history(service, arn)) == 25_000
        with pytest.raises(errors.ExecutionNotRedrivable, match="Execution history event limit exceeded"):
            await service.call("redrive_execution", executionArn=arn)

    async def test_executions_of_deleted_machines_cannot_be_redriven(self, service: LocalService) -> None:
        arn = await failed(service, machine(bad=work("bad")))
        machine_arn = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        await service.call("delete_state_machine", stateMachineArn=machine_arn)
        with pytest.raises(errors.ExecutionNotRedrivable, match="State machine is in DELETING status"):
            await service.call("redrive_execution", executionArn=arn)

    async def test_express_executions_cannot_be_redriven(self, service: LocalService) -> None:
        arn = await start(service, machine(bad=work("bad")), {}, "EXPRESS")
        await ended(service, arn)
        with pytest.raises(errors.InvalidArn):
            await service.call("redrive_execution", executionArn=arn)

    async def test_an_execution_that_is_not_there_is_refused(self, service: LocalService) -> None:
        arn = "arn:aws:states:us-east-1:123456789012:execution:machine:none"
        with pytest.raises(errors.ExecutionDoesNotExist):
            await service.call("redrive_execution", executionArn=arn)


class TestTokens:
    async def test_a_request_that_is_repeated_redrives_once(self, service: LocalService) -> None:
        arn = await failed(service, machine(bad=work("bad")))
        first = await service.call("redrive_execution", executionArn=arn, clientToken="one")
        await asyncio.sleep(14 * 60)
        assert await service.call("redrive_execution", executionArn=arn, clientToken="one") == first
        assert (await ended(service, arn))["redriveCount"] == 1

    async def test_a_token_is_good_for_a_quarter_of_an_hour(self, service: LocalService) -> None:
        arn = await failed(service, machine(bad=work("bad")))
        await service.call("redrive_execution", executionArn=arn, clientToken="one")
        await asyncio.sleep(15 * 60 + 1)
        await service.call("redrive_execution", executionArn=arn, clientToken="one")
        assert (await ended(service, arn))["redriveCount"] == 2

    async def test_ten_tokens_are_remembered(self, service: LocalService) -> None:
        arn = await failed(service, machine(bad=work("bad")))
        for number in range(11):
            await service.call("redrive_execution", executionArn=arn, clientToken=f"token-{number}")
            await ended(service, arn)
        for token, count in (("token-1", 11), ("token-0", 12)):
            await service.call("redrive_execution", executionArn=arn, clientToken=token)
            assert (await ended(service, arn))["redriveCount"] == count


async def test_executions_are_listed_by_whether_they_were_redriven(service: LocalService) -> None:
    arn = await failed(service, machine(bad=work("bad")))
    other = await failed(service, machine(bad=work("bad")))
    await asyncio.sleep(1)
    await redriven(service, arn)
    machine_arn = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    for given, found in (
        ({"redriveFilter": "REDRIVEN"}, [arn]),
        ({"redriveFilter": "NOT_REDRIVEN"}, [other]),
        ({}, [arn, other]),
    ):
        listed = await service.call("list_executions", stateMachineArn=machine_arn, **given)
        assert [entry["executionArn"] for entry in listed["executions"]] == found
    assert [entry["redriveCount"] for entry in listed["executions"]] == [1, 0]


async def test_a_machine_that_is_a_task_is_started_anew(service: LocalService, shop: Shop) -> None:
    child = await service.call(
        "create_state_machine",
        name="child",
        definition=json.dumps(machine(bad=work("bad"))),
        roleArn="arn:aws:iam::123456789012:role/tests",
    )
    run_child = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child["stateMachineArn"], "Input": {}},
        "OutputPath": "$.Output",
        "End": True,
    }
    arn = await failed(service, machine(run=run_child))
    shop.broken = False
    assert (await redriven(service, arn))["output"] == '"bad"'
    listed = await service.call("list_executions", stateMachineArn=child["stateMachineArn"])
    assert [entry["status"] for entry in listed["executions"]] == ["SUCCEEDED", "FAILED"]
    assert [entry["redriveCount"] for entry in listed["executions"]] == [0, 0]
