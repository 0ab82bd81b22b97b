"""Heartbeats on the real clock: the service itself times out tasks whose gap is twice the interval."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import asfini
from asfini import CallableActivity, Task, Worker, construct_state_machine
from asfini.aws import AWSSession, Credentials

INTERVAL, TASKS, BLOCKED = 2.0, 50, 10.0


@pytest.fixture
def url() -> Iterator[str]:
    """A service over HTTP, in a thread of its own."""
    ready, told, loops = threading.Event(), [], []

    async def serve() -> None:
        enough = asyncio.Event()
        async with asfini.local.serve(port=0, poll_seconds=1) as endpoint:
            told.append(endpoint.url)
            loops.append((asyncio.get_running_loop(), enough))
            ready.set()
            await enough.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield told[0]
    loop, enough = loops[0]
    loop.call_soon_threadsafe(enough.set)
    thread.join()


@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "busy"])
async def test_a_function_that_blocks_the_loop_makes_no_gap_of_twice_the_interval(
    url: str, busy: bool, nothing_configured: None
) -> None:
    blocking = True

    async def work(_: Any) -> bool:
        nonlocal blocking
        first, blocking = blocking, False
        end = time.monotonic() + BLOCKED
        while first and time.monotonic() < end:
            if not busy:
                time.sleep(BLOCKED)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(2 * INTERVAL)
        return first

    activity = CallableActivity("work", work, heartbeat=INTERVAL)
    machine = construct_state_machine("work", Task("work", activity, heartbeat_seconds=int(2 * INTERVAL)))
    session = AWSSession(region="us-east-1", endpoint_url=url, credentials=Credentials("a", "b"))
    async with asfini.aws.connect(session) as client:
        await client.register(activity, machine, role="arn:aws:iam::123456789012:role/any")
        executions = [await client.start_execution(machine) for _ in range(TASKS)]
        async with Worker(client, activity) as worker, asyncio.timeout(120):
            outputs = [await execution.wait() for execution in executions]
            longest = worker.stats().longest_block
    assert sum(outputs) == 1
    assert longest is not None
    assert longest.activity == "work"
    assert BLOCKED - 2 < longest.seconds < BLOCKED + 5
