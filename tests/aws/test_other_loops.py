"""Clients, waits and workers on uvloop's event loop, against an endpoint on one of asyncio's own."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from asfini import CallableActivity, Task, Worker, aws, construct_state_machine, local, wait_all

uvloop = pytest.importorskip("uvloop")


class Endpoint:
    """An endpoint in a thread of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.ready = threading.Event()

    async def serve(self) -> None:
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        async with local.serve(port=0, poll_seconds=0.2) as endpoint:
            self.url = endpoint.url
            self.ready.set()
            await self._enough.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._enough.set)


@pytest.fixture
def url() -> Iterator[str]:
    endpoint = Endpoint()
    thread = threading.Thread(target=lambda: asyncio.run(endpoint.serve()))
    thread.start()
    assert endpoint.ready.wait(30)
    yield endpoint.url
    endpoint.end()
    thread.join()


async def double(number: int) -> int:
    await asyncio.sleep(0.3)
    return number * 2


def triple(number: int) -> int:
    return number * 3


def test_uvloop_s_loop_does_as_well(url: str) -> None:
    activities = [CallableActivity("double", double, heartbeat=0.1), CallableActivity("triple", triple)]
    machines = [construct_state_machine(each.name, Task("work", each)) for each in activities]

    async def work() -> list[int]:
        async with aws.connect(region="us-east-1", endpoint_url=url) as client:
            await client.register(*activities, *machines)
            async with asyncio.timeout(30), Worker(client, activities):
                executions = [await client.start_execution(each, 7) for each in machines for _ in range(5)]
                return await wait_all(executions)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(work()) == [14] * 5 + [21] * 5
