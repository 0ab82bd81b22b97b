"""Running a command in an event loop of its own."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Terminated(Exception):  # noqa: N818 - nothing went wrong
    """SIGTERM came."""


class Unclean(Exception):  # noqa: N818 - nothing went wrong
    """All was done, and what was found is bad news: it has been told already, and status 1 says the rest."""


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
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def terminate() -> None:
        terminated.set()
        if task is not None:
            task.cancel()

    def receive(*_: object) -> None:  # not the loop's own handler: that would act beside a worker's, too
        loop.call_soon_threadsafe(terminate)

    before = None
    with suppress(ValueError):  # outside of the main thread
        before = signal.signal(signal.SIGTERM, receive)
    try:
        await work
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
