"""The worker that one writes first with aiobotocore: some polls, and a coroutine for each heartbeat."""

import asyncio
import gc
import json
import time
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from options import arn, options

GIVEN = options()
CONFIG = AioConfig(read_timeout=75, max_pool_connections=GIVEN.max_polls + 500)


async def work(task: dict[str, float]) -> dict[str, bool]:
    """Wait, or block the loop."""
    if "block" in task:
        time.sleep(task["block"])  # noqa: ASYNC251 - that is what is measured
    elif GIVEN.seconds:
        await asyncio.sleep(GIVEN.seconds)
    return {"ok": True}


async def main() -> None:
    """Work until it is killed."""
    slots, tasks = asyncio.Semaphore(GIVEN.max_tasks), set[asyncio.Task[None]]()

    async with get_session().create_client("stepfunctions", config=CONFIG) as client:

        async def beat(token: str) -> None:
            while True:
                await asyncio.sleep(GIVEN.heartbeat)
                await client.send_task_heartbeat(taskToken=token)

        async def do(found: dict[str, Any]) -> None:
            beating = asyncio.create_task(beat(found["taskToken"]))
            output = await work(json.loads(found["input"]))
            beating.cancel()
            await client.send_task_success(taskToken=found["taskToken"], output=json.dumps(output))
            slots.release()

        async def poll(name: str) -> None:
            while True:
                await slots.acquire()
                found = await client.get_activity_task(activityArn=arn(name), workerName="w")
                if found.get("taskToken"):
                    tasks.add(task := asyncio.create_task(do(found)))
                    task.add_done_callback(tasks.discard)
                else:
                    slots.release()

        polls = [asyncio.create_task(poll(name)) for name in GIVEN.activities for _ in range(GIVEN.max_polls)]
        gc.freeze()
        gc.set_threshold(50_000)  # as is advised where thousands of tasks are in work
        print("ready", flush=True)
        await asyncio.gather(*polls)


if __name__ == "__main__":
    asyncio.run(main())
