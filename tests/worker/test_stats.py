"""What a worker tells of itself: figures, and whether it is healthy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faults import Faulty, hangs, raises
from jobs import settle, start

from asfini import CallableActivity, Client, Worker, current_task
from asfini.errors import TaskTimedOut, Throttled
from asfini.worker import ActivityStats

POLL = "get_activity_task"


async def sleep(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def fail() -> None:
    raise ValueError


async def defer() -> None:
    current_task().defer()


class TestFigures:
    async def test_tasks_are_counted_in_work_and_by_how_they_ended(self, client: Client) -> None:
        activities = [
            CallableActivity("sleep", sleep, heartbeat=None),
            CallableActivity("fail", fail),
            CallableActivity("defer", defer),
        ]
        await client.register(*activities)
        async with Worker(client, activities, grace=0) as worker:
            for seconds in (1, 1, 100, 200):
                await start(client, activities[0], seconds)
            failing, _ = await start(client, activities[1]), await start(client, activities[2])
            await failing.wait(timeout=60, raise_on_failure=False)
            await asyncio.sleep(2)
            found = worker.stats().activities
            assert {name: (each.tasks, each.done, each.failed) for name, each in found.items()} == {
                "sleep": (2, 2, 0),
                "fail": (0, 0, 1),
                "defer": (0, 1, 0),
            }
        found = worker.stats().activities
        assert (found["sleep"].tasks, found["sleep"].done, found["sleep"].failed) == (0, 2, 2)

    async def test_so_are_those_that_were_closed_meanwhile(self, client: Client, service: Faulty) -> None:
        sleeping = CallableActivity("sleep", sleep, heartbeat=20)
        late = CallableActivity("late", sleep, heartbeat=None)
        await start(client, sleeping, 1000, timeout_seconds=30)
        await start(client, late, 50, timeout_seconds=30)
        async with Worker(client, [sleeping, late], grace=0) as worker:
            await asyncio.sleep(100)
            found = worker.stats().activities.values()
            assert [(each.tasks, each.done, each.failed, each.lost) for each in found] == [(0, 0, 0, 1)] * 2

    async def test_and_those_whose_report_was_never_taken(self, client: Client, service: Faulty) -> None:
        sleeping = CallableActivity("sleep", sleep)
        execution = await start(client, sleeping, 0)
        service.always("send_task_success", raises(Throttled("slow down")))
        async with Worker(client, sleeping) as worker:
            await asyncio.sleep(100)
            assert worker.stats().activities["sleep"].lost == 1
            await execution.stop()

    async def test_polls_are_counted_while_they_are_open(self, client: Client, service: Faulty) -> None:
        sleeping = CallableActivity("sleep", sleep)
        await client.register(sleeping)
        async with Worker(client, sleeping) as worker:
            await settle()
            stats = worker.stats().activities["sleep"]
            assert (stats.open_polls, stats.last_poll) == (1, None)
            await (await start(client, sleeping, 0)).wait(timeout=60)
            await asyncio.sleep(30)
            stats = worker.stats().activities["sleep"]
            assert stats.last_poll == pytest.approx(30)
            assert stats.open_polls == service.open(POLL) > 0
        assert worker.stats().activities["sleep"].open_polls == 0

    async def test_they_begin_anew_when_the_worker_does(self, client: Client) -> None:
        sleeping = CallableActivity("sleep", sleep)
        worker = Worker(client, sleeping)
        assert worker.stats().activities == {}
        for _ in range(2):
            execution = await start(client, sleeping, 0)
            async with worker:
                await execution.wait(timeout=60)
            assert worker.stats().activities["sleep"].done == 1

    def test_they_are_values_that_do_not_change(self) -> None:
        stats = ActivityStats(1, 0, 0, 0, 0, 0, None)
        with pytest.raises(AttributeError):
            stats.done = 7  # type: ignore[misc]


class TestHealth:
    @pytest.fixture
    def local_client_options(self) -> dict[str, Any]:
        return {"poll_seconds": 60}

    async def test_a_worker_is_healthy_from_its_beginning_until_it_stops(self, client: Client) -> None:
        sleeping = CallableActivity("sleep", sleep, heartbeat=None)
        await start(client, sleeping, 20)
        worker = Worker(client, sleeping)
        assert not worker.stats().healthy
        async with worker:
            await settle()
            assert worker.stats().healthy
            worker.end()
            stats = worker.stats()
            assert (stats.healthy, stats.stopping) == (False, True)
        stats = worker.stats()
        assert (stats.healthy, stats.stopping) == (False, False)

    async def test_one_that_still_opens_its_resources_is_not(self, client: Client) -> None:
        @asynccontextmanager
        async def slow() -> AsyncIterator[None]:
            await asyncio.sleep(10)
            yield

        sleeping = CallableActivity("sleep", sleep)
        await client.register(sleeping)
        worker = Worker(client, sleeping, resources={"slow": slow})
        running = asyncio.create_task(worker.run(signals=False))
        found = []
        for _ in range(3):
            await asyncio.sleep(4)
            found.append(worker.stats().healthy)
        assert found == [False, False, True]
        worker.end()
        await running

    async def test_polls_that_keep_failing_are_not_healthy_until_one_is_answered(
        self, client: Client, service: Faulty
    ) -> None:
        sleeping, other = CallableActivity("sleep", sleep), CallableActivity("other", sleep)
        await client.register(sleeping, other)
        async with Worker(client, [sleeping, other]) as worker:
            service.will(POLL, *[raises(Throttled("slow down"))] * 4)
            await settle()
            assert worker.stats().healthy
            await asyncio.sleep(10)
            assert worker.stats().healthy  # two each
            service.always(POLL, raises(Throttled("slow down")))
            await asyncio.sleep(600)
            assert not worker.stats().healthy
            assert worker.stats().activities["sleep"].failed_polls >= 3
            service.will(POLL)
            await asyncio.sleep(100)
            assert worker.stats().healthy
            assert worker.stats().activities["sleep"].failed_polls == 0

    async def test_one_that_could_not_go_on_is_not_healthy(self, client: Client) -> None:
        worker = Worker(client, CallableActivity("missing", sleep))
        await worker.start()
        await asyncio.sleep(1)
        assert not worker.stats().healthy

    async def test_tasks_that_go_wrong_do_not_matter(self, client: Client, service: Faulty) -> None:
        failing = CallableActivity("fail", fail)
        service.always("send_task_failure", raises(TaskTimedOut("gone")))
        service.always("send_task_heartbeat", hangs)
        async with Worker(client, failing) as worker:
            for _ in range(5):
                await start(client, failing, timeout_seconds=30)
            await asyncio.sleep(40)
            assert worker.stats().healthy
