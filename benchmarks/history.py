"""Whether a transition costs the same late as early, among many as alone, with much data as with little."""

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from measuring import ROUNDS, Figure, alternating, chain, exit_with, loop, middle

import asfini
from asfini import Client, Definition, Execution, StateMachine
from asfini.service import Service

EVENTS, EVENTS_PER_ROUND = 24_000, 9
TICKS = EVENTS // EVENTS_PER_ROUND
LAP = 1_000 // EVENTS_PER_ROUND
"""The rounds of a loop that write a thousand events."""
MANY = 10_000
STEPS = 2
TASK = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage"}
WAIT = {"Type": "Wait", "Seconds": 3_600, "End": True}
SLACK = 1.4
"""Half the bar of a ratio that should be 1: twice as far from it."""


def ticking(rounds: int) -> StateMachine:
    """A loop whose rounds each call a function."""
    done = {"Variable": "$.n", "NumericGreaterThanEquals": rounds, "Next": "done"}
    states = {
        "enough": {"Type": "Choice", "Choices": [done], "Default": "tick"},
        "tick": {**TASK, "Next": "more"},
        "more": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "enough"},
        "done": {"Type": "Succeed"},
    }
    return StateMachine("ticking", Definition.from_dict({"StartAt": "enough", "States": states}))


async def late_and_early() -> float:
    """The cost of an event among the last thousand of 24,000, in parts of one among the first."""
    ticks: list[float] = []

    def tick(given: Any) -> Any:
        ticks.append(time.process_time())
        return given

    machine = ticking(TICKS)
    async with asfini.local.connect(handlers={"sqs:sendMessage": tick}) as client:
        await client.register(machine)
        await client.execute(machine, {"n": 0})
    return (ticks[-1] - ticks[-1 - LAP]) / (ticks[LAP] - ticks[0])


async def while_others_wait() -> float:
    """The cost of a transition while 10,000 executions wait, in parts of one on a service of its own."""
    waiting = StateMachine("waiting", Definition.from_dict({"StartAt": "wait", "States": {"wait": WAIT}}))
    working = StateMachine("working", Definition.from_dict(loop(1_000)))
    async with asfini.local.connect() as empty, asfini.local.connect() as full:
        for client in (empty, full):
            await client.register(waiting, working)
        for _ in range(MANY):
            await full.start_execution(waiting)
        await asyncio.sleep(0)
        pairs = await alternating(lambda: seconds(empty, working), lambda: seconds(full, working))
    return middle(full / empty for empty, full in pairs)


async def seconds(client: Client, machine: StateMachine) -> float:
    """How long an execution takes."""
    start = time.process_time()
    await client.execute(machine, {})
    return time.process_time() - start


async def by_turns() -> tuple[float, float]:
    """The cost of a transition in 10,000 executions that take turns, and in as many one after the other."""
    states: dict[str, Any] = {}
    for step in range(STEPS):
        states[f"task{step}"] = {**TASK, "Next": f"pass{step}"}
        states[f"pass{step}"] = {"Type": "Pass", "Next": f"task{step + 1}"}
    states[f"pass{STEPS - 1}"] = {"Type": "Pass", "End": True}
    machine = StateMachine("polite", Definition.from_dict({"StartAt": "task0", "States": states}))
    costs = []
    for at_once in (MANY, 1):
        async with asfini.local.connect(handlers={"sqs:sendMessage": others_first}) as client:
            await client.register(machine)
            costs.append(await per_transition(client, machine, at_once))
    return costs[0], costs[1]


async def others_first(given: Any) -> Any:
    """Let all other executions take their step."""
    await asyncio.sleep(0)
    return given


async def per_transition(client: Client, machine: StateMachine, at_once: int) -> float:
    """The seconds that a transition takes, in 10,000 executions of which so many run at once."""
    gc.collect()
    start = time.process_time()
    for _ in range(MANY // at_once):
        running: list[Execution] = [await client.start_execution(machine) for _ in range(at_once)]
        for execution in running:
            await execution.wait()
    return (time.process_time() - start) / (MANY * 2 * STEPS)


def payload(kilobytes: int) -> str:
    """Rows of data as JSON of so many kB."""
    row = {"id": 1_000, "name": "a name of something", "price": 12.5, "ordered": True, "note": "x" * 21}
    rows = [row | {"id": 1_000 + number} for number in range(kilobytes * 10)]
    return json.dumps({"rows": rows}, separators=(",", ":"))


async def with_payload(service: Service, arn: str, text: str) -> float:
    """The seconds that an execution takes with some input, from JSON text to JSON text."""
    start = time.process_time()
    started = await service.call("start_execution", stateMachineArn=arn, input=text)
    await service.changed(started["executionArn"], 0)
    described = await service.call("describe_execution", executionArn=started["executionArn"])
    passed = time.process_time() - start
    if len(described["output"]) != len(text):
        raise RuntimeError(f"the chain gave {described['status']}")
    return passed


@asynccontextmanager
async def registered() -> AsyncIterator[tuple[Service, str]]:
    """A service with a chain of 100 states."""
    async with asfini.local.connect() as client:
        machine = StateMachine("chain", Definition.from_dict(chain(100)))
        await client.register(machine)
        yield client.service, (await client.describe(machine))["stateMachineArn"]


async def at_the_peak(text: str) -> float:
    """The most megabytes that an execution adds, its history included."""
    async with registered() as (service, arn):
        await with_payload(service, arn, "{}")
        gc.collect()
        tracemalloc.start()
        await with_payload(service, arn, text)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak / 1e6


async def figures() -> AsyncIterator[Figure]:
    """All that should not grow."""
    await late_and_early()
    ratio = middle([await late_and_early() for _ in range(ROUNDS)])
    yield Figure("an event: last 1,000 of 24,000 to first 1,000", ratio, 1.2, slack=SLACK)
    ratio = middle([await while_others_wait() for _ in range(ROUNDS)])
    yield Figure("a transition: while 10,000 executions wait, to alone", ratio, 1.2, slack=SLACK)
    pairs = [await by_turns() for _ in range(ROUNDS)]
    ratio = middle(crowd / single for crowd, single in pairs)
    beside = to_each_other(pairs, 1e6, "µs")
    yield Figure("a transition: of 10,000 by turns, to one by one", ratio, 1.2, slack=SLACK, beside=beside)
    little, much = payload(1), payload(200)
    async with registered() as (service, arn):
        pairs = await alternating(
            lambda: with_payload(service, arn, much), lambda: with_payload(service, arn, little)
        )
    ratio, beside = middle(more / less for more, less in pairs), to_each_other(pairs, 1e3, "ms")
    yield Figure("100 Pass states: 200 kB of input to 1 kB", ratio, 3, " ×", beside=beside)
    added = await at_the_peak(much) - await at_the_peak(little)
    yield Figure("the same: what 200 kB adds to the peak of memory", added, 2, " MB")


def to_each_other(pairs: list[tuple[float, float]], factor: float, unit: str) -> str:
    """Write two medians."""
    one, other = (middle(times) * factor for times in zip(*pairs, strict=True))
    return f"{one:.1f} {unit} to {other:.1f} {unit}"


if __name__ == "__main__":
    exit_with(__doc__, figures)
