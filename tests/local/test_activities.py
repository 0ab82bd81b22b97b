"""Activities and their tasks in this process, as AWS's operations have them."""

import asyncio
from random import Random
from typing import Any

import anyio
import pytest

from asfini import Activity, Client, Execution, ExecutionFailed, Task, construct_state_machine, local
from asfini.errors import (
    ActivityAlreadyExists,
    ActivityDoesNotExist,
    InvalidName,
    InvalidOutput,
    InvalidToken,
    ServiceError,
    TaskTimedOut,
    ValidationException,
)
from asfini.testing import virtual_time

ARN = "arn:aws:states:us-east-1:123456789012:activity:pay"
pay = Activity("pay")


@pytest.fixture
async def client(local_client: Client) -> Client:
    await local_client.register(pay)
    return local_client


async def start(client: Client, given: Any = None, **fields: Any) -> Execution:
    await client.register(construct_state_machine("shop", Task("pay", pay, **fields)), allow_update=True)
    return await client.start_execution("shop", given)


async def poll(client: Client, **parameters: Any) -> dict[str, Any]:
    return await client.service.call("get_activity_task", activityArn=ARN, **parameters)


async def restless(client: Client, random: Random) -> None:
    """Do tasks, but give half of the polls up soon, and report each task with its input, once."""
    while True:
        polling = asyncio.create_task(poll(client))
        if random.random() < 0.5:
            await anyio.sleep(random.choice([0, 0, 0, 0.5, 1]))
            polling.cancel()
        await asyncio.wait([polling])
        if not polling.cancelled() and (task := polling.result()):
            await client.service.call("send_task_success", taskToken=task["taskToken"], output=task["input"])


class TestActivities:
    async def test_making_one_again_finds_it(self, client: Client) -> None:
        first = await client.service.call("create_activity", name="pay")
        await anyio.sleep(60)
        again = await client.service.call("create_activity", name="pay", tags=[{"key": "a", "value": "b"}])
        assert again == first
        assert first["activityArn"] == ARN
        assert (await client.service.call("list_tags_for_resource", resourceArn=ARN))["tags"] == []

    async def test_but_not_with_another_encryption(self, client: Client) -> None:
        await client.service.call(
            "create_activity", name="pay", encryptionConfiguration={"type": "AWS_OWNED_KEY"}
        )
        key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/x"}
        with pytest.raises(ActivityAlreadyExists, match=ARN):
            await client.service.call("create_activity", name="pay", encryptionConfiguration=key)

    async def test_what_is_told_of_one(self, client: Client) -> None:
        told = await client.describe(pay)
        assert told.pop("creationDate").tzinfo is not None
        assert told == {
            "activityArn": ARN,
            "name": "pay",
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        }

    async def test_one_that_is_deleted_is_gone_and_can_be_made_again(self, client: Client) -> None:
        await client.deregister(pay)
        await client.deregister(pay)
        with pytest.raises(ActivityDoesNotExist) as caught:
            await poll(client)
        assert caught.value.message == f"Activity Does Not Exist: '{ARN}'"
        await client.register(pay)
        assert await client.is_registered(pay)


class TestPolls:
    async def test_a_poll_waits_for_a_task(self, client: Client) -> None:
        polling = asyncio.create_task(poll(client, workerName="me"))
        await anyio.sleep(1000)
        execution = await start(client, {"pence": 3})
        task = await polling
        assert task["input"] == '{"pence":3}'
        events = [event.type async for event in execution.history()]
        assert events[-1] == "ActivityStarted"

    async def test_as_long_as_it_is_told(self) -> None:
        async with local.connect(poll_seconds=0.01) as client:
            await client.register(pay)
            assert await poll(client) == {}

    async def test_each_task_goes_to_one_poll_in_order(self, client: Client) -> None:
        polls = [asyncio.create_task(poll(client)) for _ in range(3)]
        await anyio.sleep(1)
        for number in range(3):
            await start(client, number)
        assert [(await each)["input"] for each in polls] == ["0", "1", "2"]

    async def test_a_poll_that_comes_later_takes_no_task_from_one_that_waits(self, client: Client) -> None:
        first = asyncio.create_task(poll(client))
        await anyio.sleep(1)
        await start(client, 0)
        later = []
        for _ in range(5):
            later.append(asyncio.create_task(poll(client)))
            await asyncio.sleep(0)
        assert first.done()
        assert (await first)["input"] == "0"
        for number in range(1, len(later) + 1):
            await start(client, number)
        assert [(await each)["input"] for each in later] == [
            str(number) for number in range(1, len(later) + 1)
        ]

    async def test_tasks_wait_for_polls_in_order(self, client: Client) -> None:
        for number in range(3):
            await start(client, number)
            await anyio.sleep(1)
        assert [(await poll(client))["input"] for _ in range(3)] == ["0", "1", "2"]

    async def test_a_poll_that_is_cancelled_takes_no_task(self, client: Client) -> None:
        for _ in range(5):
            polling = asyncio.create_task(poll(client))
            await anyio.sleep(1)
            await start(client, "kept")
            polling.cancel()
            await asyncio.wait([polling])
            assert (await poll(client))["input"] == '"kept"'

    async def test_the_next_poll_gets_it_at_once(self, client: Client) -> None:
        first, second = (asyncio.create_task(poll(client)) for _ in range(2))
        await anyio.sleep(1)
        await start(client, "kept")
        first.cancel()
        assert (await second)["input"] == '"kept"'

    async def test_polls_that_wait_need_no_clock_where_none_of_them_ends_by_itself(
        self, client: Client
    ) -> None:
        polls = [asyncio.create_task(poll(client)) for _ in range(1000)]
        begin = asyncio.get_running_loop().time()
        with anyio.move_on_after(3600):
            await asyncio.wait(polls)
        assert asyncio.get_running_loop().time() - begin == pytest.approx(3600)
        await start(client, "for one")
        done, waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        assert [(await each)["input"] for each in done] == ['"for one"']
        assert polls[0] in done
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)

    async def test_a_poll_ends_when_its_activity_is_deleted(self, client: Client) -> None:
        polls = [asyncio.create_task(poll(client)) for _ in range(2)]
        await anyio.sleep(1)
        await client.deregister(pay)
        for each in polls:
            with pytest.raises(ActivityDoesNotExist):
                await each

    async def test_a_workers_name_is_checked_before_it_gets_a_task(self, client: Client) -> None:
        await start(client, "kept")
        with pytest.raises(InvalidName):
            await poll(client, workerName="a b")
        with pytest.raises(ValidationException):
            await poll(client, workerName="x" * 81)
        assert (await poll(client))["input"] == '"kept"'

    @pytest.mark.parametrize("seconds", [None, 1.0])
    @pytest.mark.parametrize("seed", range(5))
    async def test_each_task_is_given_out_once_however_polls_come_and_go(
        self, seed: int, seconds: float | None
    ) -> None:
        with virtual_time():
            async with local.connect(poll_seconds=seconds) as client:
                await client.register(pay)
                polling = [asyncio.create_task(restless(client, Random(seed + n))) for n in range(5)]
                started = []
                for number in range(50):
                    started.append(await start(client, number))
                    await anyio.sleep(number % 3 / 2)
                with anyio.fail_after(3600):
                    outputs = [await execution.wait() for execution in started]
                for each in polling:
                    each.cancel()
                await asyncio.wait(polling)
        assert outputs == list(range(50))

    async def test_a_task_of_a_deleted_activity_goes_to_nobody_but_can_be_reported(
        self, client: Client
    ) -> None:
        held, waiting = [await start(client, number, timeout_seconds=60) for number in range(2)]
        task = await poll(client)
        await client.deregister(pay)
        await client.register(pay)
        again = asyncio.create_task(poll(client))
        await anyio.sleep(1)
        assert not again.done()
        await client.service.call("send_task_success", taskToken=task["taskToken"], output="3")
        assert await held.wait() == 3
        await anyio.sleep(3600)
        assert await waiting.status() == "RUNNING"
        assert not again.done()
        again.cancel()
        await asyncio.wait([again])


class TestReports:
    async def task(self, client: Client, **fields: Any) -> tuple[Execution, str]:
        execution = await start(client, **fields)
        return execution, (await poll(client))["taskToken"]

    async def report(self, client: Client, token: str, how: str, **parameters: Any) -> None:
        await client.service.call(f"send_task_{how}", taskToken=token, **parameters)

    async def test_success_hands_the_output_on(self, client: Client) -> None:
        execution, token = await self.task(client)
        await self.report(client, token, "success", output='{"a": 1.0}')
        assert await execution.wait() == {"a": 1.0}

    async def test_failure_says_why(self, client: Client) -> None:
        execution, token = await self.task(client)
        await self.report(client, token, "failure", error="Declined", cause="no money")
        with pytest.raises(ExecutionFailed, match="Declined: no money"):
            await execution.wait()

    async def test_or_nothing(self, client: Client) -> None:
        execution, token = await self.task(client)
        await self.report(client, token, "failure")
        with pytest.raises(ExecutionFailed) as caught:
            await execution.wait()
        assert caught.value.cause is None

    @pytest.mark.parametrize("output", ["", "{", "NaN", "nothing"])
    async def test_an_output_that_is_not_json_leaves_the_task_open(self, client: Client, output: str) -> None:
        execution, token = await self.task(client)
        with pytest.raises(InvalidOutput, match="Invalid Output"):
            await self.report(client, token, "success", output=output)
        await self.report(client, token, "success", output="1")
        assert await execution.wait() == 1

    @pytest.mark.parametrize(
        ("how", "parameters"),
        [
            ("success", {"output": '"' + "x" * 262_143 + '"'}),
            ("failure", {"error": "x" * 257}),
            ("failure", {"cause": "x" * 32_769}),
        ],
    )
    async def test_so_does_one_that_is_too_long(self, client: Client, how: str, parameters: Any) -> None:
        execution, token = await self.task(client)
        with pytest.raises(ValidationException, match="less than or equal to"):
            await self.report(client, token, how, **parameters)
        assert await execution.status() == "RUNNING"

    @pytest.mark.parametrize("how", ["success", "failure", "heartbeat"])
    async def test_a_closed_task_takes_no_report(self, client: Client, how: str) -> None:
        execution, token = await self.task(client)
        await self.report(client, token, "success", output="1")
        output = {"output": "2"} if how == "success" else {}
        with pytest.raises(TaskTimedOut):
            await self.report(client, token, how, **output)
        assert await execution.wait() == 1

    @pytest.mark.parametrize("how", ["success", "failure", "heartbeat"])
    async def test_a_token_that_was_never_given_is_refused(self, client: Client, how: str) -> None:
        output = {"output": "2"} if how == "success" else {}
        with pytest.raises(InvalidToken):
            await self.report(client, "nonsense", how, **output)

    async def test_a_stopped_executions_task_is_closed(self, client: Client) -> None:
        execution, token = await self.task(client)
        await execution.stop()
        with pytest.raises(TaskTimedOut):
            await self.report(client, token, "heartbeat")

    async def test_without_a_heartbeat_in_time_the_task_times_out(self, client: Client) -> None:
        execution, token = await self.task(client, heartbeat_seconds=30)
        for _ in range(3):
            await anyio.sleep(29)
            await self.report(client, token, "heartbeat")
        begin = asyncio.get_running_loop().time()
        with pytest.raises(ExecutionFailed, match=r"States\.(Heartbeat)?Timeout"):
            await execution.wait()
        assert asyncio.get_running_loop().time() - begin == pytest.approx(30)

    async def test_errors_never_show_a_token(self, client: Client) -> None:
        _, token = await self.task(client)
        await self.report(client, token, "success", output="1")
        with pytest.raises(ServiceError) as caught:
            await self.report(client, token, "heartbeat")
        assert token not in str(caught.value)
