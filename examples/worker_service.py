"""A worker service: many activities in one process, until a signal ends it in good order.

Run it: python examples/worker_service.py
That registers, works and starts three executions in this process, ends itself and says what was done.

Run it with an AWS account: python examples/worker_service.py --aws
It then works until SIGINT or SIGTERM: no more polls are sent, tasks in work have 30 seconds to finish.
"""

import asyncio
import logging
import sys
import time

import asfini
from asfini import (
    ActivityRegistration,
    Client,
    Map,
    Parallel,
    Task,
    Worker,
    construct_state_machine,
    current_task,
)

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
activities = ActivityRegistration(prefix="books-")


@activities.smart_activity()
async def count_words(text: str) -> int:
    await asyncio.sleep(0.01)  # a request to somewhere
    return len(text.split())


@activities.smart_activity(heartbeat=5)
def find_longest(text: str) -> str:
    time.sleep(0.01)  # work that blocks runs in a thread
    return max(text.split(), key=len)


@activities.activity("shelve")
async def shelve(findings: list[object]) -> str:
    return f"{current_task().activity.name}: {findings}"


read = Parallel("read")
read.add(Task("count words", count_words))
read.add(Task("find the longest", find_longest))
read >> Task("shelve", shelve)
machine = construct_state_machine("books", Map("every book", read, items_path="$.books"))


async def serve(client: Client) -> None:
    await client.register(activities, machine, allow_update=True)
    await Worker(client, activities, max_tasks=50, grace=30).run()


async def main() -> None:
    if "--aws" in sys.argv:
        async with asfini.aws.connect() as client:
            await serve(client)
        return
    async with asfini.local.connect() as client:
        await client.register(activities, machine)
        async with Worker(client, activities):
            books = {"books": [{"text": "call me Ishmael"}, {"text": "it was the best of times"}]}
            executions = [await client.start_execution(machine, books) for _ in range(3)]
            for execution in executions:
                print(await execution.wait())


if __name__ == "__main__":
    asyncio.run(main())
