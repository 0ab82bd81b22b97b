"""Running a command in an event loop of its own."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Terminated(Exception):  # noqa: N818 - nothing went wrong
    """SIGTERM came."""


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run a command; SIGTERM cancels it in good order, as SIGINT does.

    Raises:
        KeyboardInterrupt: SIGINT came.
        Terminated: SIGTERM came.
    """
    terminated = asyncio.Event()
    try:
        asyncio.run(_heeding(work, terminated))
    except asyncio.CancelledError:
        if terminated.is_set():
            raise Terminated from None
        raise


async def _heeding(work: Coroutine[Any, Any, None], terminated: asyncio.Event) -> None:
    task = asyncio.current_task()

    def terminate() -> None:
        terminated.set()
        if task is not None:
            task.cancel()

    with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; outside of the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    await work
