"""Machines of one task, and a worker to do it."""

import asyncio
from typing import Any

from asfini import Activity, Client, Execution, StateMachine, Task, Worker, construct_state_machine


def machine_of(activity: Activity, **fields: Any) -> StateMachine:
    """A machine with one Task, with an activity and other fields."""
    return construct_state_machine(f"does-{activity.name}", Task("do it", activity, **fields))


async def start(client: Client, activity: Activity, given: Any = None, **fields: Any) -> Execution:
    """Start a machine of one task."""
    machine = machine_of(activity, **fields)
    await client.register(activity, machine)
    return await client.start_execution(machine, given)


async def do(client: Client, activity: Any, given: Any = None, **options: Any) -> Any:
    """Have one task done by a worker with some options; its output."""
    execution = await start(client, activity, given)
    async with Worker(client, activity, **options):
        return await execution.wait(timeout=1e6)


async def settle() -> None:
    """Let all that can go on go on, without any time passing."""
    for _ in range(50):
        await asyncio.sleep(0)
