"""A worker whose tasks take a while and are then noted in the ledger: its arguments are the service's URL
and the ledger's port. It prints a line once it can be told to end, and checks that it leaves nothing open.
"""

import asyncio
import hashlib
import logging
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asfini import CallableActivity, Worker, aws, current_task


class Ledger:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.turn = reader, writer, asyncio.Lock()

    async def note(self, number: int, token: str) -> None:
        async with self.turn:
            self.writer.write(f"{number} {hashlib.sha256(token.encode()).hexdigest()}\n".encode())
            assert await self.reader.readline() == b"\n"


@asynccontextmanager
async def open_ledger() -> AsyncIterator[Ledger]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    print("ready", flush=True)
    yield Ledger(reader, writer)
    writer.close()
    await writer.wait_closed()


async def work(task: dict[str, Any]) -> int:
    """What the outside sees of a task happens at its end, and is never cancelled halfway."""
    await asyncio.sleep(task["seconds"])
    me = current_task()
    await asyncio.shield(me.resources["ledger"].note(task["number"], me.token))
    return int(task["number"]) * 2


async def main() -> None:
    activity = CallableActivity("work", work, heartbeat=1)
    async with aws.connect(region="us-east-1", endpoint_url=sys.argv[1]) as client:
        worker = Worker(client, activity, max_tasks=40, resources={"ledger": open_ledger})
        await worker.run()
        stats = worker.stats().activities["work"]
        assert (stats.open_polls, stats.tasks) == (0, 0), stats
        print(f"done: {stats}", file=sys.stderr)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    assert threading.active_count() < 10, threading.enumerate()


logging.basicConfig(format="%(asctime)s %(message)s")
asyncio.run(main())
