"""What a worker opens once for all its tasks, and closes after the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from faults import Faulty
from jobs import settle, start

from asfini import CallableActivity, Client, Worker, current_task


class Pool:
    """Something to be opened and closed, which notes when."""

    def __init__(self, log: list[str], service: Faulty | None = None) -> None:
        self.log = log
        self.service = service

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator["Pool"]:
        await asyncio.sleep(1)
        assert self.service is None or not self.service.of("get_activity_task")
        self.log.append("open")
        try:
            yield self
        finally:
            await asyncio.sleep(1)
            self.log.append("closed")


async def test_a_resource_is_open_from_before_the_first_poll_until_after_the_last_task(
    client: Client, service: Faulty
) -> None:
    log: list[str] = []

    async def work(seconds: float) -> None:
        pool = current_task().resources["db"]
        await asyncio.sleep(seconds)
        pool.log.append(f"used for {seconds:.0f}")

    activity = CallableActivity("work", work)
    executions = [await start(client, activity, seconds) for seconds in (1, 20)]
    async with Worker(client, activity, resources={"db": Pool(log, service)}):
        assert log == ["open"]
        await settle()
    assert log == ["open", "used for 1", "used for 20", "closed"]
    assert [await each.status() for each in executions] == ["SUCCEEDED"] * 2


async def test_plain_functions_have_it_too(client: Client) -> None:
    def work() -> int:
        return len(current_task().resources["db"].log)

    activity = CallableActivity("work", work)
    execution = await start(client, activity)
    async with Worker(client, activity, resources={"db": Pool([])}):
        assert await execution.wait(timeout=60) == 1


async def test_several_are_closed_in_reverse(client: Client) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def opened(name: str) -> AsyncIterator[None]:
        log.append(f"open {name}")
        yield
        log.append(f"close {name}")

    activity = CallableActivity("work", lambda: None)
    await client.register(activity)
    resources = {"a": lambda: opened("a"), "b": lambda: opened("b")}
    worker = Worker(client, activity, resources=resources)
    for _ in range(2):
        async with worker:
            await settle()
    assert log == ["open a", "open b", "close b", "close a"] * 2


async def test_one_that_cannot_be_opened_is_an_error_before_the_block_begins(
    client: Client, service: Faulty
) -> None:
    log: list[str] = []

    def broken() -> AbstractAsyncContextManager[Any]:
        raise OSError("no database")

    activity = CallableActivity("work", lambda: None)
    await client.register(activity)
    worker = Worker(client, activity, resources={"db": Pool(log), "broken": broken})
    for begin in (worker.__aenter__, worker.start, worker.run):
        with pytest.raises(OSError, match="no database"):
            await begin()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    assert log == ["open", "closed"] * 3
    assert not service.of("get_activity_task")


@pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
async def test_whoever_is_cancelled_while_one_is_opened_leaves_none_open(client: Client, limit: Any) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def endless() -> AsyncIterator[None]:
        await asyncio.get_running_loop().create_future()
        yield

    activity = CallableActivity("work", lambda: None)
    await client.register(activity)
    worker = Worker(client, activity, resources={"db": Pool(log), "endless": endless})

    async def start_in_time() -> None:
        async with AsyncExitStack() as stack:
            if limit is asyncio.timeout:
                await stack.enter_async_context(limit(5))
            else:
                stack.enter_context(limit(5))
            await worker.start()

    with pytest.raises(TimeoutError):
        await start_in_time()
    assert log == ["open", "closed"]


async def test_one_that_breaks_when_it_is_closed_is_an_error_of_the_block(client: Client) -> None:
    @asynccontextmanager
    async def breaking() -> AsyncIterator[None]:
        yield
        raise OSError("not flushed")

    activity = CallableActivity("work", lambda: "done")
    execution = await start(client, activity)
    with pytest.raises(OSError, match="not flushed"):
        async with Worker(client, activity, resources={"db": breaking}):
            await execution.wait(timeout=60)


async def test_what_ends_while_it_is_in_use_ends_the_worker_in_good_order(client: Client) -> None:
    """As one with a task group of its own does, when something in it fails."""

    @asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        async def fail() -> None:
            await asyncio.sleep(10)
            raise ConnectionError("lost")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield

    async def work() -> None:
        await asyncio.sleep(3600)

    activity = CallableActivity("work", work)
    execution = await start(client, activity)
    with pytest.raises(ExceptionGroup) as raised:
        async with Worker(client, activity, resources={"db": failing}):
            await asyncio.sleep(100)
    assert raised.group_contains(ConnectionError)
    assert (await execution.describe())["error"] == "WorkerCancel"
