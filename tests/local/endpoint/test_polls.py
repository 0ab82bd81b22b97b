"""Polls over HTTP: they end in time, each task goes to one of them in order, and none is lost."""

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp
import anyio.lowlevel
import pytest
from http_caller import Caller

from asfini import local
from asfini.errors import ConnectionFailed
from asfini.local import Endpoint
from asfini.testing import Fault, virtual_time

ARN = "arn:aws:states:us-east-1:123456789012:activity:pay"
LONG = 10
"""Seconds that nothing here takes."""


@pytest.fixture
async def machine(caller: Caller) -> str:
    """A machine whose task an activity does."""
    await caller.call("CreateActivity", name="pay")
    return await caller.machine({"pay": {"Type": "Task", "Resource": ARN, "End": True}})


def poll(caller: Caller, worker: str | None = None) -> "asyncio.Task[dict[str, Any]]":
    """Begin a poll."""
    return asyncio.create_task(caller.call("GetActivityTask", activityArn=ARN, workerName=worker))


async def until_open(endpoint: Endpoint, count: int) -> None:
    """Wait until so many polls are open."""
    async with asyncio.timeout(LONG):
        while len(endpoint._waiting) != count:
            await anyio.lowlevel.checkpoint()


@contextmanager
def vanishing_poll(endpoint: Endpoint) -> Iterator[socket.socket]:
    """A poll of a client that will hang up; no loop reads from it."""
    host, _, port = endpoint.url.removeprefix("http://").rpartition(":")
    body = json.dumps({"activityArn": ARN, "workerName": "vanished"})
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AWSStepFunctions.GetActivityTask\r\n"
    with socket.create_connection((host, int(port)), timeout=LONG) as raw:
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        raw.setblocking(False)
        yield raw


@contextmanager
def held_thread(endpoint: Endpoint) -> Iterator[None]:
    """Let the service's own thread, which is there in virtual time, do nothing meanwhile."""
    released = threading.Event()
    endpoint._engine.post(released.wait)
    try:
        yield
    finally:
        released.set()


class TestPolls:
    async def test_each_task_goes_to_the_poll_that_waited_longest(
        self, caller: Caller, endpoint: Endpoint, machine: str
    ) -> None:
        polls = []
        for number in range(5):
            polls.append(poll(caller, f"w{number}"))
            await until_open(endpoint, number + 1)
        for number in range(5):
            await caller.start(machine, number)
        assert [(await each)["input"] for each in polls] == ["0", "1", "2", "3", "4"]

    async def test_they_take_real_time_also_on_a_loop_whose_time_is_virtual(self) -> None:
        with virtual_time():
            async with local.serve(port=0) as endpoint, aiohttp.ClientSession() as session:
                caller = Caller(endpoint.url, session)
                await caller.call("CreateActivity", name="pay")
                polling = poll(caller)
                await until_open(endpoint, 1)
                process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
                assert await process.wait() == 0
                assert not polling.done()
                await caller.start(
                    await caller.machine({"p": {"Type": "Task", "Resource": ARN, "End": True}})
                )
                assert (await polling)["input"] == "null"

    async def test_a_task_is_done_over_http(self, caller: Caller, machine: str) -> None:
        execution = await caller.start(machine, {"pence": 5})
        task = await poll(caller, "w")
        await caller.call("SendTaskHeartbeat", taskToken=task["taskToken"])
        await caller.call("SendTaskSuccess", taskToken=task["taskToken"], output='"paid"')
        told = await caller.call("DescribeExecution", executionArn=execution)
        assert (told["status"], told["output"]) == ("SUCCEEDED", '"paid"')

    async def test_the_clients_in_this_process_do_tasks_of_the_same_activities(
        self, caller: Caller, endpoint: Endpoint, machine: str
    ) -> None:
        await caller.start(machine, 1)
        task = await endpoint.client.service.call("get_activity_task", activityArn=ARN)
        assert task["input"] == "1"


class TestPollsThatFindNothing:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"poll_seconds": 0.05}

    async def test_they_end_empty(self, caller: Caller, machine: str) -> None:
        assert await poll(caller) == {}

    async def test_and_the_next_one_finds_what_came_since(self, caller: Caller, machine: str) -> None:
        assert await poll(caller) == {}
        await caller.start(machine, 1)
        assert (await poll(caller))["input"] == "1"


class TestPollersThatVanish:
    async def test_the_next_poller_gets_the_task(
        self, caller: Caller, endpoint: Endpoint, machine: str
    ) -> None:
        with vanishing_poll(endpoint):
            await until_open(endpoint, 1)
        await until_open(endpoint, 0)
        await caller.start(machine, "kept")
        assert (await poll(caller))["input"] == '"kept"'

    @pytest.mark.parametrize("turns", range(6))
    async def test_also_where_its_end_was_not_heard_of_when_the_task_came(
        self, caller: Caller, endpoint: Endpoint, machine: str, turns: int
    ) -> None:
        with vanishing_poll(endpoint) as raw:
            await until_open(endpoint, 1)
            # In this process: between the task's coming and its being written, the endpoint sees no socket.
            told = await endpoint.client.service.call("start_execution", stateMachineArn=machine, input="1")
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            came = b""
            with suppress(BlockingIOError):
                came = raw.recv(1, socket.MSG_PEEK)
            raw.shutdown(socket.SHUT_RDWR)
            worker = "vanished" if came else "there"
            if not came:
                assert (await poll(caller, "there"))["input"] == "1"
        events = (await caller.call("GetExecutionHistory", executionArn=told["executionArn"]))["events"]
        started = [event for event in events if event["type"] == "ActivityStarted"]
        assert [event["activityStartedEventDetails"] for event in started] == [{"workerName": worker}]

    async def test_it_goes_before_those_that_came_later(
        self, caller: Caller, endpoint: Endpoint, machine: str
    ) -> None:
        with vanishing_poll(endpoint) as raw:
            await until_open(endpoint, 1)
            raw.shutdown(socket.SHUT_RDWR)
            for number in range(3):
                await endpoint.client.service.call(
                    "start_execution", stateMachineArn=machine, input=str(number)
                )
        assert [(await poll(caller))["input"] for _ in range(3)] == ["0", "1", "2"]


class TestPollersThatVanishBeforeTheServiceHearsOfThem:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"virtual_time": True}

    async def test_the_next_poller_gets_the_task(
        self, caller: Caller, endpoint: Endpoint, machine: str
    ) -> None:
        await caller.start(machine, "kept")
        with held_thread(endpoint):
            with vanishing_poll(endpoint):
                await until_open(endpoint, 1)
            await until_open(endpoint, 0)
        async with asyncio.timeout(LONG):
            assert (await poll(caller))["input"] == '"kept"'

    @pytest.mark.parametrize("turns", range(1, 4))
    async def test_also_after_one_in_this_process_that_was_cancelled(
        self, caller: Caller, endpoint: Endpoint, machine: str, turns: int
    ) -> None:
        await caller.start(machine, "kept")
        with held_thread(endpoint):
            polling = asyncio.create_task(endpoint.client.service.call("get_activity_task", activityArn=ARN))
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            polling.cancel()
            await asyncio.wait([polling])
        async with asyncio.timeout(LONG):
            task = await poll(caller)
        await caller.call("SendTaskSuccess", taskToken=task["taskToken"], output="1")
        assert (await caller.send("GET", "/clock")).body["stands"] is False


class TestFaults:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        lost = Fault(ConnectionFailed, when="after", calls=[1])
        return {"faults": {"get_activity_task": lost, "list_activities": Fault("ThrottlingException")}}

    async def test_calls_fail_with_the_errors_that_were_asked_for(self, caller: Caller) -> None:
        assert (await caller.ask("ListActivities")).code == "ThrottlingException"

    async def test_a_task_can_be_lost_on_its_way(self, caller: Caller, machine: str) -> None:
        first = await caller.start(machine, "lost")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await poll(caller, "unlucky")
        await caller.start(machine, "second")
        assert (await poll(caller))["input"] == '"second"'
        events = (await caller.call("GetExecutionHistory", executionArn=first))["events"]
        assert events[-1]["type"] == "ActivityStarted"


async def test_whoever_waits_is_let_go_when_the_endpoint_closes() -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(LONG):
        async with local.serve(port=0) as endpoint:
            caller = Caller(endpoint.url, session)
            await caller.call("CreateActivity", name="pay")
            polls = [poll(caller) for _ in range(3)]
            await until_open(endpoint, 3)
        results = await asyncio.gather(*polls, return_exceptions=True)
    assert all(isinstance(result, aiohttp.ClientConnectionError) for result in results), results
