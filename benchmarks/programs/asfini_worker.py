"""A worker of asfini's, for `workers.py`; see `options.py`."""

import asyncio
import gc
import time

from options import ACCOUNT, options

from asfini import CallableActivity, Client, Worker
from asfini.aws import AwsService, AWSSession

GIVEN = options()


async def work(task: dict[str, float]) -> dict[str, bool]:
    """Wait, or block the loop: once, in the midst of all."""
    if "block" in task:
        end = time.monotonic() + task["block"]
        while time.monotonic() < end:
            sum(range(10_000))
    elif GIVEN.seconds:
        await asyncio.sleep(GIVEN.seconds)
    return {"ok": True}


async def main() -> None:
    """Work until it is killed."""
    session = AWSSession(account_id=ACCOUNT)
    activities = [CallableActivity(name, work, heartbeat=GIVEN.heartbeat) for name in GIVEN.activities]
    room = {"max_tasks": GIVEN.max_tasks, "max_polls": GIVEN.max_polls}
    async with AwsService(session) as service, Worker(Client(service), activities, **room):
        gc.freeze()
        gc.set_threshold(50_000)  # as is advised where thousands of tasks are in work
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
