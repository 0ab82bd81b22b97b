"""Looping: count up by an activity until a choice says that it is enough.

Run it: python examples/looping.py
"""

import asyncio

import asfini
from asfini import (
    ActivityRegistration,
    Choice,
    NumericLessThan,
    Pass,
    Succeed,
    Task,
    Worker,
    construct_state_machine,
)

activities = ActivityRegistration(prefix="looping-")


@activities.smart_activity("increment")
async def increment_activity(counter: int, increment: int) -> int:
    return counter + increment


initialise = Pass("initialise", result=0, result_path="$.counter")
increment = Task("increment", increment_activity, result_path="$.counter")
check_counter = Choice("checkCounter")
end = Succeed("end", output_path="$.counter")

initialise >> increment >> check_counter
check_counter.add(NumericLessThan("$.counter", 10), increment)
check_counter.set_default(end)

machine = construct_state_machine("looping", initialise)


async def main() -> None:
    async with asfini.local.connect() as client:
        await client.register(activities, machine)
        async with Worker(client, activities):
            print(await client.execute(machine, {"increment": 3}))


if __name__ == "__main__":
    asyncio.run(main())
