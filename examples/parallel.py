"""Parallel: log a message and print it at the same time, then wait until a time that an activity names.

Run it: python examples/parallel.py

The wait is skipped, for this runs in virtual time; on AWS it takes five seconds for each letter of the
message.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import asfini
from asfini import ActivityRegistration, Parallel, Task, Wait, Worker, construct_state_machine
from asfini.testing import virtual_time

activities = ActivityRegistration(prefix="parallel-")


@activities.smart_activity("logActivity")
async def log_message_activity(level: int, message: str) -> None:
    logging.log(level, message)


@activities.smart_activity("printActivity")
async def print_message_activity(message: str) -> datetime:
    print(message)
    return datetime.now(UTC) + timedelta(seconds=len(message) * 5)


log = Task("log", log_message_activity, result_path=None)
log_machine = construct_state_machine("log", log)

print_ = Task("print", print_message_activity, result_path="$.until")
wait = Wait("wait", "$.until")
print_ >> wait
print_machine = construct_state_machine("print", print_)

print_and_log = Parallel("printAndLog")
print_and_log.add(log_machine)
print_and_log.add(print_machine)

machine = construct_state_machine("parallel", print_and_log)


async def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    with virtual_time():
        async with asfini.local.connect() as client:
            await client.register(activities, machine)
            async with Worker(client, activities):
                print(await client.execute(machine, {"level": logging.INFO, "message": "foo"}))


if __name__ == "__main__":
    asyncio.run(main())
