"""Transitions per second beside moto's interpreter: a chain of Pass states, a loop, a Map.

Both run in this process and by turns; an execution's time runs from its start to its end.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from measuring import Figure, Moto, alternating, chain, exit_with, loop, middle

import asfini
from asfini import Client, Definition, StateMachine

PER_ITEM = {"StartAt": "each", "States": {"each": {"Type": "Pass", "End": True}}}
MAP = {"StartAt": "all", "States": {"all": {"Type": "Map", "ItemProcessor": PER_ITEM, "End": True}}}


@dataclass
class Job:
    """What both run."""

    name: str
    definition: dict[str, Any]
    given: Any
    transitions: int


JOBS = [
    Job("chain of 1,000 Pass states", chain(1_000), {}, 1_000),
    Job("Choice loop of 1,000 rounds", loop(1_000), {}, 2_003),
    Job("Map over 1,000 items", MAP, list(range(1_000)), 1_001),
]


async def compare(client: Client, moto: Moto, job: Job) -> Figure:
    """Measure one job on both."""
    machine = StateMachine(f"m{JOBS.index(job)}", Definition.from_dict(job.definition))
    await client.register(machine)
    arn = moto.create(job.definition)

    async def ours() -> float:
        start = time.perf_counter()
        await client.execute(machine, job.given)
        return time.perf_counter() - start

    async def theirs() -> float:
        return moto.run(arn, job.given)

    pairs = await alternating(ours, theirs)
    own, peer = (job.transitions / middle(times) for times in zip(*pairs, strict=True))
    ratio = middle(theirs / ours for ours, theirs in pairs)
    beside = f"{own:,.0f}/s, {moto.name} {peer:,.0f}/s"
    return Figure(job.name, ratio, 20, " ×", at_least=True, beside=beside)


async def figures() -> AsyncIterator[Figure]:
    """All jobs, one after the other."""
    moto = Moto()
    async with asfini.local.connect() as client:
        for job in JOBS:
            yield await compare(client, moto, job)


if __name__ == "__main__":
    exit_with(__doc__, figures)
