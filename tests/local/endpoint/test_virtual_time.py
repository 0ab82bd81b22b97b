"""Virtual time behind the endpoint: its own timers jump, and clients outside take the time that they take."""

import asyncio
import json
import sys
import threading
from typing import Any

import anyio.lowlevel
import pytest
from http_caller import Caller

from asfini import ActivityRegistration, Client, Lambda, Task, Wait, Worker, construct_state_machine, local
from asfini.errors import InvalidArgument, ServiceClosed
from asfini.local import Endpoint

ARN = "arn:aws:states:us-east-1:123456789012:activity:pay"
HOUR = 3600
PAY = {"Type": "Task", "Resource": ARN, "End": True}

activities = ActivityRegistration(prefix="virtual-")


@activities.activity()
async def sleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


def wait(seconds: float = HOUR) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds, "End": True}


@pytest.fixture
def options() -> dict[str, Any]:
    return {"virtual_time": True}


async def ended(caller: Caller, execution: str) -> dict[str, Any]:
    """Ask until an execution has ended."""
    async with asyncio.timeout(60):
        while (told := await caller.call("DescribeExecution", executionArn=execution))["status"] == "RUNNING":
            await anyio.lowlevel.checkpoint()
    return told


def seconds(told: dict[str, Any]) -> float:
    return round(told["stopDate"] - told["startDate"], 3)


async def test_an_hour_passes_at_once(caller: Caller) -> None:
    told = await ended(caller, await caller.start(await caller.machine({"w": wait()})))
    assert (told["status"], seconds(told)) == ("SUCCEEDED", HOUR)


BOTO = """
import sys, time, boto3
from botocore.config import Config

arn, url = sys.argv[1:]
client = boto3.client(
    "stepfunctions", endpoint_url=url, region_name="us-east-1",
    aws_access_key_id="any", aws_secret_access_key="thing", config=Config(read_timeout=70),
)
task = client.get_activity_task(activityArn=arn, workerName="boto3")
time.sleep(1)
client.send_task_success(taskToken=task["taskToken"], output=task["input"])
"""


async def test_a_client_in_another_process_has_its_second_beside_an_hour(caller: Caller) -> None:
    await caller.call("CreateActivity", name="pay")
    branches = [
        {"StartAt": "w", "States": {"w": wait()}},
        {"StartAt": "pay", "States": {"pay": PAY | {"TimeoutSeconds": 60, "HeartbeatSeconds": 2}}},
    ]
    machine = await caller.machine({"both": {"Type": "Parallel", "Branches": branches, "End": True}})
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", BOTO, ARN, caller.url)
    try:
        told = await ended(caller, await caller.start(machine, {"pence": 5}))
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert json.loads(told["output"]) == [{"pence": 5}, {"pence": 5}]
    assert seconds(told) == HOUR


class TestTheClock:
    async def test_it_stands_while_a_client_has_a_task(self, caller: Caller) -> None:
        await caller.call("CreateActivity", name="pay")
        paying = await caller.start(await caller.machine({"pay": PAY | {"TimeoutSeconds": 60}}, "pay"))
        task = await caller.call("GetActivityTask", activityArn=ARN)
        assert (await caller.send("GET", "/clock")).body["stands"] is True
        waiting = await caller.start(await caller.machine({"w": wait()}, "wait"))
        for _ in range(20):
            assert await caller.status(waiting) == "RUNNING"
        await caller.call("SendTaskSuccess", taskToken=task["taskToken"], output="1")
        assert seconds(await ended(caller, waiting)) == HOUR
        assert seconds(await ended(caller, paying)) == 0

    async def test_it_stands_while_a_client_knows_a_token(self, caller: Caller) -> None:
        send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True}
        send |= {"Parameters": {"QueueUrl": "https://q", "MessageBody.$": "$$.Task.Token"}}
        async with local.serve(
            port=0, virtual_time=True, handlers={"sqs:sendMessage": lambda _: {"MessageId": "1"}}
        ) as endpoint:
            caller = Caller(endpoint.url, caller.session)
            execution = await caller.start(await caller.machine({"send": send}))
            history = await caller.call("GetExecutionHistory", executionArn=execution)
            scheduled = next(event for event in history["events"] if event["type"] == "TaskScheduled")
            token = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["MessageBody"]
            assert (await caller.send("GET", "/clock")).body["stands"] is True
            await caller.call("SendTaskSuccess", taskToken=token, output="1")
            assert (await caller.send("GET", "/clock")).body["stands"] is False
            assert (await ended(caller, execution))["status"] == "SUCCEEDED"

    async def test_any_answer_can_tell_a_token(self, caller: Caller) -> None:
        child = await caller.machine({"end": {"Type": "Succeed"}}, "child")
        start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken"}
        start |= {"Parameters": {"StateMachineArn": child, "Input.$": "$$.Task.Token"}, "End": True}
        await caller.start(await caller.machine({"start": start}, "parent"))
        listed = await caller.call("ListExecutions", stateMachineArn=child)
        assert (await caller.send("GET", "/clock")).body["stands"] is False
        await caller.call("DescribeExecution", executionArn=listed["executions"][0]["executionArn"])
        assert (await caller.send("GET", "/clock")).body["stands"] is True

    async def test_it_can_be_moved_by_hand_where_it_stands(self, caller: Caller) -> None:
        await caller.call("CreateActivity", name="pay")
        machine = await caller.machine({"pay": PAY | {"TimeoutSeconds": 60}})
        execution = await caller.start(machine)
        await caller.call("GetActivityTask", activityArn=ARN)
        before = (await caller.send("GET", "/clock")).body["now"]
        moved = await caller.send("POST", "/clock", data='{"advance": 59.5}')
        assert moved.body["now"] > before
        assert await caller.status(execution) == "RUNNING"
        await caller.send("POST", "/clock", data='{"advance": 1}')
        told = await ended(caller, execution)
        assert (told["error"], seconds(told)) == ("States.Timeout", 60)

    async def test_all_timers_on_the_way_are_due_in_order(self, caller: Caller, endpoint: Endpoint) -> None:
        await caller.call("CreateActivity", name="pay")
        await caller.start(await caller.machine({"pay": PAY}, "pay"))
        await caller.call("GetActivityTask", activityArn=ARN)
        steps = {f"w{n}": {"Type": "Wait", "Seconds": 10, "Next": f"w{n + 1}"} for n in range(3)}
        execution = await caller.start(await caller.machine(steps | {"w3": wait(10)}, "steps"))
        await endpoint.advance(35)
        assert await caller.status(execution) == "RUNNING"
        await endpoint.advance(5)
        told = await ended(caller, execution)
        assert seconds(told) == 40

    @pytest.mark.parametrize(
        "body", ["", "{}", "[]", '{"advance": -1}', '{"advance": "1"}', '{"advance": 1e99}']
    )
    async def test_moves_that_make_no_sense(self, caller: Caller, body: str) -> None:
        answer = await caller.send("POST", "/clock", data=body)
        assert (answer.status, answer.code) == (400, "ValidationException")

    async def test_real_time_cannot_be_moved(self) -> None:
        async with local.serve(port=0) as endpoint:
            with pytest.raises(InvalidArgument, match="not virtual"):
                await endpoint.advance(1)


class TestWorkers:
    async def test_one_outside_is_waited_for_between_its_tasks(self, caller: Caller) -> None:
        await caller.call("CreateActivity", name="pay")
        pay = {"Type": "Task", "Resource": ARN}
        states = {f"s{n}": pay | {"Next": f"s{n + 1}"} for n in range(3)} | {"s3": PAY}
        execution = await caller.start(await caller.machine(states, TimeoutSeconds=60))
        for _ in states:
            task = await caller.call("GetActivityTask", activityArn=ARN)
            await caller.call("SendTaskSuccess", taskToken=task["taskToken"], output="1")
        told = await ended(caller, execution)
        assert (told["status"], seconds(told)) == ("SUCCEEDED", 0)

    async def test_nobody_is_waited_for_in_vain(
        self, caller: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini.clock.PATIENCE", 0.01)
        await caller.call("CreateActivity", name="pay")
        execution = await caller.start(await caller.machine({"pay": PAY}, TimeoutSeconds=60))
        told = await ended(caller, execution)
        assert (told["status"], seconds(told)) == ("TIMED_OUT", 60)

    async def test_those_of_the_endpoint_itself_are_in_virtual_time(self) -> None:
        short = construct_state_machine("short", Task("sleep", sleep, timeout_seconds=60))
        async with local.serve(activities, short, port=0, virtual_time=True) as endpoint:
            execution = await endpoint.client.start_execution(short, 30)
            assert await execution.wait() == "slept"
            execution = await endpoint.client.start_execution(short, HOUR)
            await execution.wait(raise_on_failure=False)
            told = await execution.describe()
        assert told["error"] == "States.Timeout"
        assert (told["stopDate"] - told["startDate"]).total_seconds() == 60

    async def test_one_on_the_callers_loop_takes_real_time(self, endpoint: Endpoint) -> None:
        machine = construct_state_machine("real", Task("sleep", sleep, timeout_seconds=60))
        hour = construct_state_machine("hour", Wait("hour", seconds=HOUR))
        client = endpoint.client
        await client.register(activities, machine, hour)
        async with Worker(client, activities, grace=0):
            execution = await client.start_execution(machine, 0.2)
            waiting = await client.start_execution(hour)
            assert await execution.wait() == "slept"
            await waiting.wait()
            told = await waiting.describe()
        assert (told["stopDate"] - told["startDate"]).total_seconds() == HOUR


async def test_a_poll_that_is_hardly_held_gets_a_task_all_the_same(caller: Caller) -> None:
    async with local.serve(port=0, virtual_time=True, poll_seconds=0) as endpoint:
        caller = Caller(endpoint.url, caller.session)
        await caller.call("CreateActivity", name="pay")
        await caller.start(await caller.machine({"pay": PAY}))
        async with asyncio.timeout(60):
            while not (task := await caller.call("GetActivityTask", activityArn=ARN)):
                pass
    assert task["input"] == "null"


async def test_whoever_still_asks_at_the_end_is_told_so_and_not_cancelled() -> None:
    async def ask(client: Client) -> None:
        while True:
            await client.service.call("list_activities")

    async with local.serve(port=0, virtual_time=True) as endpoint:
        tasks = [asyncio.create_task(ask(endpoint.client)) for _ in range(20)]
        await endpoint.client.service.call("list_activities")
    async with asyncio.timeout(60):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {ServiceClosed}


async def test_a_function_that_blocks_does_not_keep_the_endpoint_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("asfini.local._engine.SECONDS_TO_END", 0.01)
    blocked, released = threading.Event(), threading.Event()

    def block(_: Any) -> None:
        blocked.set()
        released.wait()

    machine = construct_state_machine("block", Task("block", Lambda("block")))
    handlers = {Lambda("block"): block}
    try:
        async with local.serve(machine, port=0, virtual_time=True, handlers=handlers) as endpoint:
            execution = asyncio.create_task(endpoint.client.start_execution(machine))
            assert await asyncio.to_thread(blocked.wait, 60)
    finally:
        released.set()
    assert "a function blocks the service's thread" in caplog.text
    await asyncio.wait([execution])
    assert isinstance(execution.exception(), ServiceClosed | None)
    for thread in threading.enumerate():
        if thread.name == "asfini-local":
            await asyncio.to_thread(thread.join, 60)


async def test_a_client_that_is_used_after_the_end_is_told_so() -> None:
    async with local.serve(port=0, virtual_time=True) as endpoint:
        pass
    with pytest.raises(InvalidArgument, match="the local service is closed"):
        await endpoint.client.service.call("list_activities")


async def test_what_cannot_be_opened_is_told_where_the_endpoint_is_opened() -> None:
    wrong = Wait("w", seconds=1)
    machine = construct_state_machine("m", wrong)
    wrong.seconds = -1
    with pytest.raises(InvalidArgument):
        async with local.serve(machine, port=0, virtual_time=True):
            pass
