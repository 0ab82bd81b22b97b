"""First steps: an activity that adds, a machine that uses it, an execution, its history.

Run it: python examples/first_steps.py
"""

import asyncio

import asfini
from asfini import ActivityRegistration, Task, Worker, construct_state_machine

activities = ActivityRegistration(prefix="first-steps-")


@activities.activity("addActivity")
async def add_activity(data: dict[str, int]) -> int:
    return data["a"] + data["b"]


add = Task("add", add_activity)
machine = construct_state_machine("first-steps", add)


async def main() -> None:
    async with asfini.local.connect() as client:  # with an AWS account: asfini.aws.connect()
        await client.register(activities, machine)
        execution = await client.start_execution(machine, {"a": 3, "b": 42})
        async with Worker(client, activities):
            print(await execution.wait())
        print(await execution.format_history())
        await client.deregister(machine, activities)


if __name__ == "__main__":
    asyncio.run(main())
