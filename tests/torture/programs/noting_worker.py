"""A worker whose tasks take a while and are then noted in the ledger: its arguments are the service's URL,
the ledger's port, and how often each call is tried. It prints a line once it can be told to end, and checks
that it leaves nothing open, and tells the truth about what it did.
"""

import asyncio
import gc
import hashlib
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asfini import CallableActivity, Worker, aws, current_task

NAME = f"worker-{os.getpid()}"
MAX_TASKS = 40
at_work, noted = 0, 0


class Ledger:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.turn = reader, writer, asyncio.Lock()

    async def note(self, number: int, token: str) -> None:
        async with self.turn:
            self.writer.write(f"{number} {hashlib.sha256(token.encode()).hexdigest()} {NAME}\n".encode())
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
    global at_work, noted
    at_work += 1
    assert at_work <= MAX_TASKS
    try:
        await asyncio.sleep(task["seconds"])
        me = current_task()
        noted += 1
        await asyncio.shield(me.resources["ledger"].note(task["number"], me.token))
    finally:
        at_work -= 1
    return int(task["number"]) * 2


def open_files() -> list[str]:
    return [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]


async def main() -> None:
    activity, files = CallableActivity("work", work, heartbeat=1), open_files()
    options: Any = {"region": "us-east-1", "endpoint_url": sys.argv[1], "max_attempts": int(sys.argv[3])}
    async with aws.connect(**options) as client:
        worker = Worker(client, activity, name=NAME, max_tasks=MAX_TASKS, resources={"ledger": open_ledger})
        await worker.run()
        stats = worker.stats().activities["work"]
        assert (stats.open_polls, stats.tasks, stats.failed) == (0, 0, 0), stats
        assert stats.done <= noted <= stats.done + stats.lost, (noted, stats)
        assert stats.last_poll is None or stats.last_poll < 20, stats  # polls are answered every 2 seconds
        print(f"done: {stats}", file=sys.stderr)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    assert threading.active_count() < 10, threading.enumerate()
    gc.collect()
    assert len(open_files()) <= len(files), open_files()


logging.basicConfig(format="%(asctime)s %(message)s")
asyncio.run(main())
