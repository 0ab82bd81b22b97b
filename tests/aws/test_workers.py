"""Workers over HTTP: heartbeats go on while a function blocks the event loop, and that is told."""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiobotocore.session import AioSession

from asfini import CallableActivity, Client, Worker, current_task
from asfini.aws import AwsService, AWSSession
from asfini.testing import virtual_time

from .conftest import Answer, Fake, Request


@dataclass
class Tasks(Fake):
    """A server, in a thread of its own, that gives out tasks, one after the other."""

    left: int = 1
    closed: bool = False
    """Whether heartbeats are rejected."""
    beats: int = 0
    beaten: threading.Event = field(default_factory=threading.Event)
    """Set with each heartbeat."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set with each end of a task."""

    def choose(self, request: Request) -> Answer:
        if request.operation == "GetActivityTask" and self.left:
            self.left -= 1
            return self.json({"taskToken": "t", "input": "null"})
        if request.operation == "GetActivityTask":
            return self.json({}, after=self._never)
        if request.operation == "SendTaskHeartbeat":
            self.beats += 1
            self.beaten.set()
            return self.error("TaskTimedOut") if self.closed else self.json({})
        self.ended.set()
        return self.json({})

    async def run(self, ready: threading.Event) -> None:
        self._loop, self._never = asyncio.get_running_loop(), asyncio.Event()
        self._enough = asyncio.Event()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        ready.set()
        await self._enough.wait()
        server.close()
        await self.stop()

    def drop_polls(self) -> None:
        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._enough.set)

    def wait_for_beats(self, number: int) -> bool:
        """Block until so many heartbeats have come."""
        while self.beats < number:
            if not self.beaten.wait(30):
                return False
            self.beaten.clear()
        return True


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    tasks, ready = Tasks(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(tasks.run(ready)))
    thread.start()
    assert ready.wait(30)
    yield tasks
    tasks.drop_polls()
    thread.join()


@pytest.fixture
async def client(tasks: Tasks, boto: AioSession) -> AsyncIterator[Client]:
    session = AWSSession(boto, region="eu-west-1", endpoint_url=tasks.url, account_id="123456789012")
    async with AwsService(session, max_attempts=1) as service:
        yield Client(service)


@contextlib.asynccontextmanager
async def working(client: Client, tasks: Tasks, *activities: Any) -> AsyncIterator[Worker]:
    """A worker whose open polls end when the block does."""
    worker = Worker(client, activities, grace=0)
    await worker.start()
    try:
        yield worker
    finally:
        worker.end()
        tasks.drop_polls()
        async with asyncio.timeout(30):
            await worker.join()


def activity(function: Any, heartbeat: float | None = 0.2) -> CallableActivity[Any, Any]:
    return CallableActivity("act", function, heartbeat=heartbeat)


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 30)


async def test_heartbeats_go_on_while_a_function_blocks_the_loop(client: Client, tasks: Tasks) -> None:
    seen = []

    async def block() -> None:
        seen.append(tasks.wait_for_beats(4))

    async with working(client, tasks, activity(block)):
        await until(tasks.ended)
    assert seen == [True]


async def test_threads_take_short_turns_only_while_one_sends_what_is_overdue(
    client: Client, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, set_to, change = sys.getswitchinterval(), [], sys.setswitchinterval

    def note(seconds: float) -> None:
        set_to.append(seconds)
        change(seconds)

    async def block() -> bool:
        return tasks.wait_for_beats(3)

    monkeypatch.setattr(sys, "setswitchinterval", note)
    async with working(client, tasks, activity(block)):
        await until(tasks.ended)
    assert min(set_to) == pytest.approx(usual / 10)
    assert sys.getswitchinterval() == pytest.approx(usual)


async def test_while_nothing_blocks_the_loop_it_sends_them(client: Client, tasks: Tasks) -> None:
    async def wait() -> bool:
        return await asyncio.to_thread(tasks.wait_for_beats, 3)

    async with working(client, tasks, activity(wait)):
        await until(tasks.ended)
    sent = [request for request in tasks.requests if request.operation == "SendTaskHeartbeat"]
    assert not any("amz-sdk-invocation-id" in request.headers for request in sent)


async def test_a_function_that_blocks_the_loop_is_named_with_its_place(
    client: Client, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    def dawdle() -> None:
        while "blocks the event loop" not in caplog.text:
            tasks.beaten.wait(0.01)

    async def block() -> None:
        dawdle()

    async with working(client, tasks, activity(block, None)) as worker:
        await until(tasks.ended)
        while worker.stats().blocks == 0:  # noqa: ASYNC110 - nothing tells of it but the log
            await asyncio.sleep(0.01)
        longest = worker.stats().longest_block
    assert longest is not None
    assert longest.activity == "act"
    assert longest.seconds >= 1
    assert any(place.endswith("in dawdle") for place in longest.where)
    told = [record for record in caplog.records if "the event loop" in record.getMessage()]
    assert told[0].getMessage().startswith("act blocks the event loop: ")
    assert told[1].getMessage().startswith("act blocked the event loop for ")
    assert {record.activity for record in told} == {"act"}  # type: ignore[attr-defined]


async def test_a_task_that_is_closed_while_the_loop_is_blocked_is_cancelled_after_it(
    client: Client, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    tasks.closed = True
    cancelled = asyncio.Event()

    async def block() -> None:
        tasks.wait_for_beats(1)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            assert current_task().cancelled
            cancelled.set()
            raise

    async with working(client, tasks, activity(block)), asyncio.timeout(30):
        await cancelled.wait()
    assert "it was closed elsewhere" in caplog.text
    assert not tasks.ended.is_set()


async def test_there_is_one_thread_more_and_it_ends_with_the_worker(client: Client, tasks: Tasks) -> None:
    def threads() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == "asfini heartbeats"]

    async def work() -> None: ...

    async with working(client, tasks, activity(work)):
        await until(tasks.ended)
        assert len(threads()) == 1
    assert threads() == []


async def test_there_is_no_thread_in_virtual_time(client: Client, tasks: Tasks) -> None:
    names = []

    async def work() -> None:
        names.extend(each.name for each in threading.enumerate())

    with virtual_time():
        async with working(client, tasks, activity(work)):
            await until(tasks.ended)
    assert "asfini heartbeats" not in names
