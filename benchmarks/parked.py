"""What waiting costs in this process: ten thousand executions in a Wait, a year of idle activities.

All in virtual time, so that seconds are those of computing.
"""

import asyncio
import random
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

from measuring import Figure, exit_with

import asfini
from asfini import ActivityRegistration, Client, Task, Wait, Worker, construct_state_machine
from asfini.testing import virtual_time

EXECUTIONS, TASKS, TASKS_AT_ONCE = 10_000, 1_000, 100
HOUR, YEAR = 3600, 365 * 24 * 3600

activities = ActivityRegistration(prefix="parked-")


@activities.activity()
async def work(number: int) -> int:
    return number + 1


idle = ActivityRegistration(prefix="idle-")
for number in range(50):
    idle.activity(str(number))(work.function)

parked = construct_state_machine("parked", Wait("an hour", seconds=HOUR))
worked = construct_state_machine("worked", Task("work", work))
yearly = construct_state_machine("yearly", Wait("a year", seconds=YEAR))


async def park(client: Client) -> None:
    """Run an execution that waits for an hour, and wait for it."""
    await (await client.start_execution(parked, {"n": 1})).wait()


async def spread(client: Client) -> None:
    """Wait for ten thousand executions that start, and so wake, all over an hour; do tasks meanwhile."""
    numbers, slots = random.Random(1), asyncio.Semaphore(TASKS_AT_ONCE)

    async def park_after(seconds: float) -> None:
        await asyncio.sleep(seconds)
        await park(client)

    async def task(number: int) -> None:
        async with slots:
            assert await client.execute(worked, number) == number + 1

    async with Worker(client, activities, max_tasks=TASKS_AT_ONCE), asyncio.TaskGroup() as group:
        for _ in range(EXECUTIONS):
            group.create_task(park_after(numbers.uniform(0, HOUR)))
        for each in range(TASKS):
            group.create_task(task(each))


async def year(client: Client) -> None:
    """Wait for a year while fifty activities are polled in vain."""
    async with Worker(client, idle):
        await client.execute(yearly)


async def bytes_each(client: Client) -> float:
    """What each of ten thousand executions takes that wait, with whoever waits for it."""
    await park(client)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    waiting = [asyncio.create_task(park(client)) for _ in range(EXECUTIONS)]
    await asyncio.sleep(1)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    await asyncio.gather(*waiting)
    return taken / EXECUTIONS


async def with_client(job: Callable[[Client], Awaitable[float | None]]) -> tuple[float, float | None]:
    """The seconds that a job takes on a service of its own, and what it gives."""
    with virtual_time():
        async with asfini.local.connect() as client:
            await client.register(activities, idle, parked, worked, yearly)
            start = time.perf_counter()
            given = await job(client)
            return time.perf_counter() - start, given


async def figures() -> AsyncIterator[Figure]:
    """All of it, one after the other."""
    seconds, _ = await with_client(spread)
    yield Figure("10,000 parked for an hour, 1,000 tasks", seconds, 60, " s")
    _, taken = await with_client(bytes_each)
    yield Figure("memory per parked execution", (taken or 0) / 1000, 8, " kB")
    seconds, _ = await with_client(year)
    yield Figure("a year's Wait, 50 idle activities polled", seconds, 2, " s")


if __name__ == "__main__":
    exit_with(__doc__, figures)
