"""Error handling: a task that is too slow is tried again, and its error is caught.

Run it: python examples/error_handling.py

The first try takes 15 seconds where 10 are allowed, the second one fails by itself. In virtual time all of
that takes milliseconds, and the history's time stamps are those that AWS would give.
"""

import asyncio

import asfini
from asfini import ActivityRegistration, Fail, Task, Worker, construct_state_machine
from asfini.testing import virtual_time

activities = ActivityRegistration(prefix="errors-")
sleep_times = iter([15, 5])


class MyError(Exception):
    pass


@activities.activity("raiseActivity")
async def raise_activity(data: object) -> None:
    await asyncio.sleep(next(sleep_times))
    raise MyError("foobar")


raise_ = Task("raise", raise_activity, timeout_seconds=10)
raise_.retry_for(["States.Timeout"], interval_seconds=3)
fail = Fail("fail", error="WorkerError", cause="MyError was raised")
raise_.catch(["MyError"], fail, result_path="$.error-info")

machine = construct_state_machine("error-handling", raise_)


async def main() -> None:
    with virtual_time():
        async with asfini.local.connect() as client:
            await client.register(activities, machine)
            async with Worker(client, activities):
                execution = await client.start_execution(machine)
                await execution.wait(raise_on_failure=False)
            print(await execution.format_history())


if __name__ == "__main__":
    asyncio.run(main())
