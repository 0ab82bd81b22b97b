"""Executions in this process, as AWS's operations have them."""

import asyncio
import copy
from typing import Any

import anyio
import pytest

from asfini import Client, Execution, Fail, Pass, StateMachine, Task, Wait, construct_state_machine, local
from asfini.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    StateMachineDoesNotExist,
    StateMachineTypeNotSupported,
    ValidationException,
)
from asfini.testing import virtual_time

PREFIX = "arn:aws:states:us-east-1:123456789012:"
SHOP = f"{PREFIX}stateMachine:shop"


async def register(client: Client, start: Any, **options: Any) -> StateMachine:
    machine = construct_state_machine("shop", start, **options)
    await client.register(machine)
    return machine


async def call(client: Client, operation: str, **parameters: Any) -> dict[str, Any]:
    return await client.service.call(operation, **parameters)


async def start(client: Client, **parameters: Any) -> dict[str, Any]:
    return await call(client, "start_execution", stateMachineArn=SHOP, **parameters)


class TestStart:
    async def test_without_a_name_one_is_made(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        first, second = [await start(local_client) for _ in range(2)]
        assert first["executionArn"] != second["executionArn"]
        assert first["executionArn"].startswith(f"{PREFIX}execution:shop:")

    async def test_a_running_one_is_found_by_the_same_name_and_input(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60))
        first = await start(local_client, name="x", input='{"a": 1}')
        await anyio.sleep(10)
        assert await start(local_client, name="x", input='{"a": 1}') == first
        for other in ('{"a":1}', '{"a": 2}'):
            with pytest.raises(ExecutionAlreadyExists) as caught:
                await start(local_client, name="x", input=other)
            assert caught.value.message == f"Execution Already Exists: '{PREFIX}execution:shop:x'"
        await anyio.sleep(60)
        with pytest.raises(ExecutionAlreadyExists):
            await start(local_client, name="x", input='{"a": 1}')

    async def test_names_are_each_machines_own(self, local_client: Client) -> None:
        for name in ("shop", "other"):
            await local_client.register(construct_state_machine(name, Pass("a")))
            await local_client.start_execution(name, name="x")

    @pytest.mark.parametrize("text", ["", "{", "NaN", "nothing", "{} {}"])
    async def test_an_input_that_is_not_json_starts_nothing(self, local_client: Client, text: str) -> None:
        await register(local_client, Pass("a"))
        with pytest.raises(InvalidExecutionInput, match="Invalid State Machine Execution Input: "):
            await start(local_client, input=text)
        assert [found async for found in local_client.list_executions("shop")] == []

    async def test_it_is_refused_in_awss_words(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        with pytest.raises(InvalidExecutionInput) as caught:
            await start(local_client, input='{"a": "b" R}')
        assert caught.value.message == (
            "Invalid State Machine Execution Input: 'Unexpected character ('R' (code 82)): "
            "was expecting comma to separate Object entries'"
        )

    async def test_of_nothing_nothing_starts(self, local_client: Client) -> None:
        with pytest.raises(StateMachineDoesNotExist) as caught:
            await start(local_client)
        assert caught.value.message == f"State Machine Does Not Exist: '{SHOP}'"

    async def test_express_names_are_free_again_at_once(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60), type="EXPRESS")
        first, second = [await start(local_client, name="x") for _ in range(2)]
        assert first["executionArn"] != second["executionArn"]
        assert first["executionArn"].startswith(f"{PREFIX}express:shop:x:")


class TestDescribe:
    async def test_while_it_runs_there_is_no_end(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60))
        started = await start(local_client, name="x", input="[1]", traceHeader="Root=1")
        told = await call(local_client, "describe_execution", executionArn=started["executionArn"])
        assert told == {
            "executionArn": f"{PREFIX}execution:shop:x",
            "stateMachineArn": SHOP,
            "name": "x",
            "status": "RUNNING",
            "startDate": started["startDate"],
            "input": "[1]",
            "inputDetails": {"included": True},
            "traceHeader": "Root=1",
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        }

    async def test_at_the_end_there_is_output_or_error(self, local_client: Client) -> None:
        await register(local_client, Pass("a", result=1))
        execution = await local_client.start_execution("shop")
        await execution.wait()
        told = await execution.describe()
        assert (told["output"], told["outputDetails"]) == ("1", {"included": True})
        assert told["stopDate"] >= told["startDate"]
        await local_client.register(construct_state_machine("failing", Fail("f", error="E", cause="C")))
        execution = await local_client.start_execution("failing")
        await execution.wait(raise_on_failure=False)
        told = await execution.describe()
        assert (told["status"], told["error"], told["cause"]) == ("FAILED", "E", "C")
        assert "output" not in told

    async def test_an_execution_that_timed_out_has_neither(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60), timeout_seconds=7)
        execution = await local_client.start_execution("shop")
        await execution.wait(raise_on_failure=False)
        told = await execution.describe()
        assert told["status"] == "TIMED_OUT"
        assert not told.keys() & {"error", "cause", "output"}
        assert (told["stopDate"] - told["startDate"]).total_seconds() == 7

    async def test_the_metadata_alone_is_told_on_request(self, local_client: Client) -> None:
        await register(local_client, Fail("f", error="E", cause="C"))
        execution = await local_client.start_execution("shop")
        await execution.wait(raise_on_failure=False)
        told = await call(
            local_client, "describe_execution", executionArn=execution.arn, includedData="METADATA_ONLY"
        )
        assert told["status"] == "FAILED"
        assert not told.keys() & {"error", "cause", "input", "inputDetails"}

    @pytest.mark.parametrize("operation", ["describe_execution", "stop_execution", "get_execution_history"])
    async def test_what_is_not_there_is_not_found(self, local_client: Client, operation: str) -> None:
        arn = f"{PREFIX}execution:shop:x"
        with pytest.raises(ExecutionDoesNotExist) as caught:
            await call(local_client, operation, executionArn=arn)
        assert caught.value.message == f"Execution Does Not Exist: '{arn}'"


class TestStop:
    async def test_the_first_stop_counts(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60))
        execution = await local_client.start_execution("shop")
        await anyio.sleep(10)
        stopped = await call(local_client, "stop_execution", executionArn=execution.arn, error="E")
        await anyio.sleep(10)
        again = await call(local_client, "stop_execution", executionArn=execution.arn, error="F")
        assert again == stopped
        told = await execution.describe()
        assert (told["status"], told["error"], told["stopDate"]) == ("ABORTED", "E", stopped["stopDate"])

    async def test_nothing_happens_after_it(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 60))
        execution = await local_client.start_execution("shop")
        await execution.stop()
        await anyio.sleep(1000)
        types = [event.type async for event in execution.history()]
        assert types[-1] == "ExecutionAborted"

    async def test_an_execution_that_has_not_begun_can_be_stopped(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        started = await start(local_client)
        await call(local_client, "stop_execution", executionArn=started["executionArn"])
        execution = local_client.execution(started["executionArn"])
        assert await execution.status() == "ABORTED"
        assert [event.type async for event in execution.history()] == ["ExecutionStarted", "ExecutionAborted"]


class TestList:
    async def test_the_latest_come_first_by_their_end_or_their_start(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", seconds_path="$"))
        for name, seconds in (("long", 100), ("short", 10), ("running", 1000)):
            await local_client.start_execution("shop", seconds, name=name)
            await anyio.sleep(1)
        await anyio.sleep(200)
        names = [found.name async for found in local_client.list_executions("shop")]
        assert names == ["long", "short", "running"]

    async def test_what_is_told_of_each(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        execution = await local_client.start_execution("shop", name="x")
        await execution.wait()
        answer = await call(local_client, "list_executions", stateMachineArn=SHOP)
        [entry] = answer["executions"]
        assert set(entry) == {
            *("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "redriveCount")
        }

    async def test_pending_redrives_are_map_runs(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        with pytest.raises(ValidationException, match="PENDING_REDRIVE"):
            await call(local_client, "list_executions", stateMachineArn=SHOP, statusFilter="PENDING_REDRIVE")

    async def test_express_executions_are_not_listed(self, local_client: Client) -> None:
        await register(local_client, Pass("a"), type="EXPRESS")
        with pytest.raises(StateMachineTypeNotSupported) as caught:
            await call(local_client, "list_executions", stateMachineArn=SHOP)
        assert caught.value.message == "This operation is not supported by this type of state machine"


class TestHistory:
    async def test_without_data_the_rest_is_told(self, local_client: Client) -> None:
        await register(local_client, Pass("a", result={"secret": 1}) >> Fail("f", error="E", cause="C"))
        execution = await local_client.start_execution("shop", {"secret": 2})
        await execution.wait(raise_on_failure=False)
        answer = await call(
            local_client,
            "get_execution_history",
            executionArn=execution.arn,
            includeExecutionData=False,
        )
        assert "secret" not in str(answer)
        assert answer["events"][0]["executionStartedEventDetails"]["roleArn"]
        assert answer["events"][-1]["executionFailedEventDetails"] == {"error": "E", "cause": "C"}

    async def test_what_is_told_may_be_changed_without_harm(self, local_client: Client) -> None:
        await register(local_client, Pass("a", assign={"n": 1}) >> Fail("f"))
        execution = await local_client.start_execution("shop")
        await execution.wait(raise_on_failure=False)
        before = await call(local_client, "get_execution_history", executionArn=execution.arn)
        kept = copy.deepcopy(before)
        for event in before["events"]:
            for details in [*event.values()]:
                for inner in details.values() if isinstance(details, dict) else []:
                    if isinstance(inner, dict):
                        inner.clear()
                if isinstance(details, dict):
                    details.clear()
            event.clear()
        assert await call(local_client, "get_execution_history", executionArn=execution.arn) == kept

    async def test_times_keep_step_with_the_loops_clock(self, local_client: Client) -> None:
        wait = Wait("wait", 3600)
        wait >> Pass("a")
        await register(local_client, wait)
        execution = await local_client.start_execution("shop")
        await execution.wait()
        events = [event async for event in execution.history()]
        passed = [(event.timestamp - events[0].timestamp).total_seconds() for event in events]
        assert passed == [0, 0, 3600, 3600, 3600, 3600]
        assert all(event.timestamp.microsecond % 1000 == 0 for event in events)


class TestSync:
    async def test_an_express_execution_is_answered_when_it_has_ended(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 10), type="EXPRESS")
        told = await call(local_client, "start_sync_execution", stateMachineArn=SHOP, input="[1]")
        assert (told["status"], told["output"]) == ("SUCCEEDED", "[1]")
        assert told["billingDetails"]["billedDurationInMilliseconds"] == 10_000

    async def test_so_is_one_that_fails(self, local_client: Client) -> None:
        await register(local_client, Fail("f", error="E", cause="C"), type="EXPRESS")
        told = await call(local_client, "start_sync_execution", stateMachineArn=SHOP, name="x")
        arn = told.pop("executionArn")
        assert arn.startswith(f"{PREFIX}express:shop:x:")
        assert told.pop("stopDate") >= told.pop("startDate")
        assert told == {
            "stateMachineArn": SHOP,
            "name": "x",
            "status": "FAILED",
            "error": "E",
            "cause": "C",
            "input": "{}",
            "inputDetails": {"included": True},
            "billingDetails": {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64},
        }

    async def test_and_one_that_takes_more_than_five_minutes(self, local_client: Client) -> None:
        await register(local_client, Wait("wait", 301), type="EXPRESS")
        told = await call(local_client, "start_sync_execution", stateMachineArn=SHOP)
        assert told["status"] == "TIMED_OUT"
        assert told["billingDetails"]["billedDurationInMilliseconds"] == 300_000

    async def test_its_data_is_left_out_on_request(self, local_client: Client) -> None:
        await register(local_client, Pass("a"), type="EXPRESS")
        told = await call(
            local_client, "start_sync_execution", stateMachineArn=SHOP, includedData="METADATA_ONLY"
        )
        assert not told.keys() & {"input", "inputDetails", "output", "outputDetails"}

    async def test_a_standard_one_is_not(self, local_client: Client) -> None:
        await register(local_client, Pass("a"))
        with pytest.raises(StateMachineTypeNotSupported):
            await call(local_client, "start_sync_execution", stateMachineArn=SHOP)

    async def test_nobody_waiting_for_it_ends_it(self, local_client: Client) -> None:
        done: list[int] = []
        async with local.connect(handlers={"sqs:sendMessage": done.append}) as client:
            wait = Wait("wait", 10)
            wait >> Task("t", "sqs:sendMessage")
            await register(client, wait, type="EXPRESS")
            running = asyncio.create_task(call(client, "start_sync_execution", stateMachineArn=SHOP))
            await anyio.sleep(5)
            running.cancel()
            await anyio.sleep(100)
        assert done == []


async def test_ten_thousand_can_be_parked_and_stopped() -> None:
    with virtual_time():
        async with local.connect() as client:
            await register(client, Wait("wait", 3600))
            executions: list[Execution] = [
                await client.start_execution("shop", number) for number in range(2000)
            ]
            await anyio.sleep(1)
            for execution in executions:
                await execution.stop()
            statuses = {await execution.status() for execution in executions}
    assert statuses == {"ABORTED"}
