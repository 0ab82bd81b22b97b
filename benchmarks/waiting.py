"""What waiting for a thousand executions costs under AWS's quotas, beside polling each every three seconds.

In virtual time, against the local service behind AWS's token buckets and the latency of a network, which does
not tell of changes: one has to ask, as with AWS. So figures are the same on every machine.
"""

import asyncio
import random
import statistics
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from measuring import CHECK, Figure, exit_with

import asfini
from asfini import Client, Execution, Service, ServiceWrapper, StateMachine, Wait, construct_state_machine
from asfini.errors import Throttled
from asfini.testing import ThrottledService, virtual_time

EXECUTIONS, WAITERS = 1000, 2_000 if CHECK else 10_000
LATENCY = 0.05
POLL_SECONDS = 3
START_SECONDS, SHORTEST, LONGEST = 10, 30, 150
"""Seconds over which executions start, and that they take."""


class Remote(ServiceWrapper):
    """The local service as it would be at AWS: behind quotas, far away, silent."""

    changed = Service.changed

    def __init__(self, inner: Service) -> None:
        super().__init__(ThrottledService(inner))
        self.tells_changes = False
        self.calls = self.throttled = 0

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Count a call, and hand it on after a while."""
        self.calls += operation in ("describe_execution", "list_executions", "get_execution_history")
        await asyncio.sleep(LATENCY)
        try:
            return await self.inner.call(operation, **parameters)
        except Throttled:
            self.throttled += 1
            raise


@dataclass
class Outcome:
    """What waiting took."""

    calls: int = 0
    throttled: int = 0
    lags: list[float] = field(default_factory=list)
    """Seconds from the ends of executions until somebody knew."""

    @property
    def lag(self) -> float:
        """The median."""
        return statistics.median(self.lags)


async def ours(execution: Execution) -> None:
    """Wait as asfini does."""
    await execution.wait()


async def polling(execution: Execution) -> None:
    """Wait as everybody's loop does, which takes throttling for a reason to ask again later."""
    while True:
        try:
            if await execution.status() != "RUNNING":
                return
        except Throttled:
            pass
        await asyncio.sleep(POLL_SECONDS)


def machine_named(name: str) -> StateMachine:
    """A machine that waits as long as its input says."""
    return construct_state_machine(name, Wait("wait", seconds_path="$.seconds"))


async def waited(
    wait: Callable[[Execution], Awaitable[None]], *, machines: int = 1, at_once: bool = False
) -> Outcome:
    """Start a thousand executions and wait for all.

    Args:
        wait: how.
        machines: over how many machines they are spread.
        at_once: whether they all end at the same time.
    """
    outcome, numbers = Outcome(), random.Random(1)
    with virtual_time():
        async with asfini.local.connect() as local:
            remote = Remote(local.service)
            client = Client(remote)
            await local.register(*[machine_named(f"m{n}") for n in range(machines)])

            async def one(number: int) -> None:
                seconds = LONGEST if at_once else numbers.randint(SHORTEST, LONGEST)
                await asyncio.sleep(0 if at_once else numbers.uniform(0, START_SECONDS))
                execution = await client.start_execution(f"m{number % machines}", {"seconds": seconds})
                ended = asyncio.get_running_loop().time() + seconds
                await wait(execution)
                outcome.lags.append(max(0, asyncio.get_running_loop().time() - ended))

            async with asyncio.TaskGroup() as group:
                for number in range(EXECUTIONS):
                    group.create_task(one(number))
            outcome.calls, outcome.throttled = remote.calls, remote.throttled
    return outcome


async def bytes_each() -> float:
    """What each of thousands takes that wait for executions at a service that has to be asked."""
    with virtual_time():
        async with asfini.local.connect() as local:
            client = Client(Remote(local.service))
            await local.register(machine_named("m0"))
            executions = [await local.start_execution("m0", {"seconds": 3600}) for _ in range(WAITERS)]
            there = [client.execution(execution.arn) for execution in executions]
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            waiting = [asyncio.create_task(execution.wait()) for execution in there]
            await asyncio.sleep(60)
            taken = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            return taken / WAITERS


def costs(name: str, us: Outcome, them: Outcome) -> Iterator[Figure]:
    """What asfini's waiting asked for, beside polling."""
    beside = f"polling: {them.throttled:,} of {them.calls:,} calls; asfini: {us.calls:,} calls"
    yield Figure(f"{name}: throttled calls", us.throttled, 0, beside=beside)
    yield Figure(f"{name}: calls, to polling's", us.calls / them.calls, 0.1)


def lag(name: str, us: Outcome, them: Outcome) -> Figure:
    """How soon it knew."""
    beside = f"polling: {them.lag:.2f} s; the latest: {max(us.lags):.2f} s, {max(them.lags):.2f} s"
    return Figure(f"{name}: median lag", us.lag, 2, " s", beside=beside)


async def figures() -> AsyncIterator[Figure]:
    """Each way of waiting beside naive polling."""
    polled = await waited(polling)
    ends = {
        "1,000 of one machine": (await waited(ours), polled),
        "1,000 that end at once": (await waited(ours, at_once=True), await waited(polling, at_once=True)),
    }
    for name, (us, them) in ends.items():
        for figure in [*costs(name, us, them), lag(name, us, them)]:
            yield figure
    spread, name = await waited(ours, machines=100), "1,000 of 100 machines"
    for figure in costs(name, spread, polled):
        yield figure
    beside = f"{spread.lag:.2f} s to {polled.lag:.2f} s, for a page tells of ten"
    yield Figure(f"{name}: median lag, to polling's", spread.lag / polled.lag, 0.5, beside=beside)
    yield Figure(f"memory per waiter, of {WAITERS:,}", await bytes_each() / 1000, 8, " kB")


if __name__ == "__main__":
    exit_with(__doc__, figures)
