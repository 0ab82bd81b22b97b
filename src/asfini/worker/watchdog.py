"""Tells which function blocks the worker's event loop, where, and for how long."""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

from asfini.activity import _current
from asfini.worker.stats import Block

_logger = logging.getLogger("asfini.worker")

LOOK, BLOCKED = 1.0, 1.0
"""Seconds between two looks at the worker's loop, and until one that does not answer counts as blocked."""

_INNERMOST = 8
"""How many places of a stack are told."""


class Watchdog:
    """Watches the running loop from another thread; functions that block it are logged, and counted.

    The log has files, lines and names of functions, never values.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.blocks = 0
        """How often the loop was blocked for more than a second."""
        self.longest: Block | None = None
        """The longest of these times."""

    async def watch(self) -> None:
        """Watch, on the other thread's loop, until the watched one is closed."""
        loop = asyncio.get_running_loop()
        while not self._loop.is_closed():
            answered, asked = asyncio.Event(), loop.time()
            self._loop.call_soon_threadsafe(loop.call_soon_threadsafe, answered.set)
            try:
                await asyncio.wait_for(answered.wait(), BLOCKED)
            except TimeoutError:
                activity, where = self._look()
                self._tell(activity, "blocks the event loop: %s", " < ".join(where) or "nothing to be seen")
                await answered.wait()
                self._count(Block(activity, loop.time() - asked, where))
            await asyncio.sleep(LOOK)

    def _look(self) -> tuple[str | None, tuple[str, ...]]:
        """Whose function runs on the watched loop now, and where it is."""
        frame = sys._current_frames().get(self._thread)
        places = [] if frame is None else list(_places(frame))
        return _activity_of(asyncio.current_task(self._loop)), tuple(places[:_INNERMOST])

    def _count(self, block: Block) -> None:
        self.blocks += 1
        if self.longest is None or block.seconds > self.longest.seconds:
            self.longest = block
        self._tell(block.activity, "blocked the event loop for %.1f s", block.seconds)

    def _tell(self, activity: str | None, text: str, *values: Any) -> None:
        _logger.warning(f"%s {text}", activity or "something", *values, extra={"activity": activity})


def _places(frame: FrameType) -> Iterator[str]:
    """Where a thread is, the innermost first, up to where the event loop called it."""
    for each, line in traceback.walk_stack(frame):
        if each.f_globals.get("__name__", "").startswith(("asyncio.", "asfini.")):
            return
        yield f"{each.f_code.co_filename}:{line} in {each.f_code.co_name}"


def _activity_of(task: "asyncio.Task[Any] | None") -> str | None:
    """The activity whose function runs in a task of asyncio's."""
    if task is None:
        return None
    if getattr(task.get_coro(), "__qualname__", "") == "Doing._do":
        return task.get_name()
    context: Any = getattr(task, "get_context", dict)()  # from Python 3.12 on
    current = context.get(_current)
    return None if current is None else str(current.activity.name)
