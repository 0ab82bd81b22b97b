"""Tasks that wait for a worker or for whoever has their token."""

import asyncio
import gc
import json
from typing import Any

import anyio
from executions import ROLE, ended, history, local_service, machine, run, start

from asfini.local.service import LocalService
from asfini.local.tasks import OpenTask

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
WAITS = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


async def poll(service: LocalService) -> dict[str, Any]:
    return await service.call("get_activity_task", activityArn=ACTIVITY)


async def test_a_task_that_fills_the_history_when_it_starts_fails_and_the_poll_goes_on() -> None:
    turn = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "again"}
    rule = {"Variable": "$.n", "NumericLessThan": 6248, "Next": "turn"}
    again = {"Type": "Choice", "Choices": [rule], "Default": "first"}
    first, second = {"Type": "Pass", "Next": "second"}, {"Type": "Pass", "Next": "task"}
    task = {"Type": "Task", "Resource": ACTIVITY, "End": True}
    # 1 event of the start, 4 for each of 6,248 turns, 2 for each Pass, and 2 of the task that waits
    definition = machine(turn=turn, again=again, first=first, second=second, task=task)
    async with local_service() as service:
        await service.call("create_activity", name="work")
        arn = await start(service, definition, {"n": 0})
        await anyio.sleep(1)
        assert len(await history(service, arn)) == 24_999
        handed = asyncio.create_task(poll(service))
        described = await ended(service, arn)
        assert described["cause"] == "The execution reached the maximum number of history events (25000)."
        assert len(await history(service, arn)) == 25_000
        await service.call("start_execution", stateMachineArn=_machine_of(arn), input='{"n":6247}')
        assert (await handed)["input"] == '{"n":6248}'


def _machine_of(execution_arn: str) -> str:
    return execution_arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]


async def test_tasks_that_nobody_waits_for_any_more_leave_the_queue() -> None:
    task = {"Type": "Task", "Resource": ACTIVITY, "End": True}
    others = open_tasks()  # what an earlier test may have left to the garbage collector
    async with local_service() as service:
        await service.call("create_activity", name="work")
        arn = await start(service, machine(task=task) | {"TimeoutSeconds": 5}, {})
        for _ in range(9):
            await service.call("start_execution", stateMachineArn=_machine_of(arn))
        await anyio.sleep(1)
        assert len(set(open_tasks()) - set(others)) == 10
        await anyio.sleep(10)
        assert set(open_tasks()) <= set(others)


def open_tasks() -> list[OpenTask]:
    """All tasks that something still holds."""
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, OpenTask)]


async def test_the_time_of_a_task_by_token_counts_once_from_its_start() -> None:
    async def send(_given: Any) -> None:
        await anyio.sleep(6)

    task = {"Type": "Task", "Resource": WAITS, "TimeoutSeconds": 10, "End": True}
    async with local_service(handlers={"sqs:sendMessage": send}) as service:
        described = await run(service, machine(task=task))
    assert described["error"] == "States.Timeout"
    assert (described["stopDate"] - described["startDate"]).total_seconds() == 10


async def test_signs_of_life_are_due_from_when_the_request_was_answered() -> None:
    async def send(_given: Any) -> None:
        await anyio.sleep(6)

    task = {"Type": "Task", "Resource": WAITS, "HeartbeatSeconds": 5, "End": True}
    async with local_service(handlers={"sqs:sendMessage": send}) as service:
        described = await run(service, machine(task=task))
    assert (described["stopDate"] - described["startDate"]).total_seconds() == 11


async def test_an_execution_started_with_a_token_is_not_waited_for_but_the_token_is() -> None:
    resource = "arn:aws:states:::states:startExecution.waitForTaskToken"
    async with local_service() as service:
        child = await start(service, machine(rest={"Type": "Wait", "Seconds": 1000, "End": True}), {})
        parameters = {"StateMachineArn": _machine_of(child), "Input": {"token.$": "$$.Task.Token"}}
        task = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
        created = await service.call(
            "create_state_machine", name="parent", definition=json.dumps(machine(task=task)), roleArn=ROLE
        )
        started = await service.call("start_execution", stateMachineArn=created["stateMachineArn"])
        await anyio.sleep(1)
        await service.call("send_task_success", taskToken=service.open_tokens[0], output="7")
        described = await ended(service, started["executionArn"])
        types = [event["type"] for event in await history(service, started["executionArn"])]
    assert described["output"] == "7"
    assert (described["stopDate"] - described["startDate"]).total_seconds() == 1
    assert types[2:-2] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
