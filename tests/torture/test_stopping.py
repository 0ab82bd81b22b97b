"""SIGTERM under load, fifty times: no task is lost, and none fails that could finish within grace.

Workers follow one another, each ended by a signal in the midst of something: as a poll is sent or answered,
as a report is sent or answered, as a function begins, or at any time at all. On the local service time is
virtual; over HTTP it is real, and polls cannot be ended.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from asfini import (
    CallableActivity,
    Client,
    Execution,
    StateMachine,
    Task,
    Worker,
    aws,
    construct_state_machine,
    local,
)
from asfini.worker import CallNext, Step

SIGNALS = 50
AT_ONCE = 20
"""Executions that wait for a worker when it begins, besides those that are left over."""
GRACE, MAX_TASKS = 30, 8
LONG = 300
"""Seconds that nothing here takes."""
MOMENTS = ["poll sent", "poll answered", "task begun", "task done", "report sent", "report answered", "any"]
"""Where in its work a signal meets a worker."""


@dataclass
class Load:
    """Executions that workers have to do, and what was done."""

    client: Client
    random: random.Random
    executions: list[Execution] = field(default_factory=list)
    calls: Counter[int] = field(default_factory=Counter)
    """How often each task's function was called, by its input."""
    running: int = 0
    most: int = 0
    """How many ran at once, at most."""
    signals: Counter[str] = field(default_factory=Counter)

    async def work(self, number: int) -> int:
        self.calls[number] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.random.uniform(0, 0.05))
        self.running -= 1
        return number * 2

    def machine(self, retries: bool) -> tuple[CallableActivity[Any, Any], StateMachine]:
        activity = CallableActivity("work", self.work, heartbeat=5)
        task = Task("work", activity, timeout_seconds=LONG)
        if retries:
            task.retry_for(["WorkerCancel"], interval_seconds=1, max_attempts=SIGNALS, backoff_rate=1.0)
        return activity, construct_state_machine("works", task)

    async def add(self, machine: StateMachine, count: int) -> None:
        for _ in range(count):
            execution = await self.client.start_execution(machine, len(self.executions))
            self.executions.append(execution)

    def killer(self, moment: str, countdown: int) -> Callable[[Step, CallNext], Awaitable[Any]]:
        """Middleware that sends the signal at the so manieth such moment."""
        left = countdown
        ends = {"poll": "poll answered", "task": "task done", "report": "report answered"}
        begins = {"poll": "poll sent", "task": "task begun", "report": "report sent"}

        def met(name: str) -> None:
            nonlocal left
            left -= name == moment
            if left == 0 and name == moment:
                self.signals[moment] += 1
                signal.raise_signal(signal.SIGTERM)

        async def kill(step: Step, call_next: CallNext) -> Any:
            met(begins[step.kind])
            try:
                return await call_next()
            finally:
                met(ends[step.kind])

        return kill

    async def kill_at_any_time(self) -> None:
        await asyncio.sleep(self.random.uniform(0, 0.2))
        self.signals["any"] += 1
        signal.raise_signal(signal.SIGTERM)

    async def meet(self, worker_client: Client, number: int, activity: Any, **options: Any) -> None:
        """Let one worker work until its signal."""
        moment = MOMENTS[number % len(MOMENTS)]
        middleware = self.killer(moment, self.random.randint(1, AT_ONCE))
        worker = Worker(
            worker_client, activity, middleware=[middleware], grace=GRACE, max_tasks=MAX_TASKS, **options
        )
        async with asyncio.timeout(LONG):
            killing = asyncio.create_task(self.kill_at_any_time()) if moment == "any" else None
            await worker.run()
            if killing is not None:
                await killing
        stats = worker.stats().activities["work"]
        assert (stats.open_polls, stats.tasks, stats.lost) == (0, 0, 0)
        assert self.running == 0
        assert self.most <= MAX_TASKS

    async def finish(self, activity: Any) -> None:
        """Have the rest done, and see what has become of all of them."""
        async with asyncio.timeout(LONG), Worker(self.client, activity):
            for number, execution in enumerate(self.executions):
                assert await execution.wait() == number * 2
        assert sum(self.signals.values()) == SIGNALS
        assert set(self.signals) == set(MOMENTS)


async def failures(executions: list[Execution]) -> Counter[str]:
    """What went wrong on the way, by the types of events."""
    found: Counter[str] = Counter()
    for execution in executions:
        found.update([event.type async for event in execution.history()])
    return Counter({kind: n for kind, n in found.items() if "Failed" in kind or "TimedOut" in kind})


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_task_is_done_once_and_none_fails(local_client: Client, seed: int) -> None:
    load = Load(local_client, random.Random(seed))
    activity, machine = load.machine(retries=False)
    await local_client.register(activity, machine)
    for number in range(SIGNALS):
        await load.add(machine, AT_ONCE)
        await load.meet(local_client, number, activity)
    await load.finish(activity)
    assert set(load.calls.values()) == {1}
    assert not await failures(load.executions)


async def test_so_it_is_over_http_where_polls_take_their_time(nothing_configured: None) -> None:
    async with (
        local.serve(port=0, poll_seconds=0.2) as endpoint,
        aws.connect(region="us-east-1", endpoint_url=endpoint.url) as client,
    ):
        load = Load(client, random.Random(3))
        activity, machine = load.machine(retries=False)
        await client.register(activity, machine)
        for number in range(SIGNALS):
            await load.add(machine, AT_ONCE)
            await load.meet(client, number, activity)
        await load.finish(activity)
        assert set(load.calls.values()) == {1}
        assert not await failures(load.executions)


async def test_tasks_that_are_handed_back_are_done_by_the_next_worker(local_client: Client) -> None:
    load = Load(local_client, random.Random(4))
    activity, machine = load.machine(retries=True)
    await local_client.register(activity, machine)
    for number in range(SIGNALS):
        await load.add(machine, AT_ONCE)
        await load.meet(local_client, number, activity, late="hand_back")
    await load.finish(activity)
    assert set(load.calls.values()) == {1}
    assert (await failures(load.executions)).keys() <= {"ActivityFailed"}
