"""Background work that may be entered by one task and left by another.

anyio's task groups must be left by the task that entered them, but a pytest fixture, an exit stack or a start-up
hook may not. So whatever runs between `async with` and its end lives in a task of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Host:
    """Runs a coroutine in a task of its own while a block is active.

    Args:
        main: runs until it is cancelled, or until its work is done.
    """

    def __init__(self, main: Callable[[], Awaitable[Any]]) -> None:
        self._main = main
        self._task: asyncio.Task[Any] | None = None
        self._owner: asyncio.Task[Any] | None = None
        self._interrupted = False

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        return self._task is not None and not self._task.done()

    def start(self, *, interrupt: bool = False) -> None:
        """Begin.

        Args:
            interrupt: cancel the task that calls, wherever it then is, when the work ends with an error.
        """
        self._owner = asyncio.current_task() if interrupt else None
        self._interrupted = False
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        await self._main()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        failed = not task.cancelled() and task.exception() is not None
        if failed and self._owner is not None and not self._owner.done():
            self._interrupted = True
            self._owner.cancel()

    async def join(self) -> None:
        """Wait until the work is done, and raise its error if it has one.

        A caller that is cancelled waits no longer; the work goes on.
        """
        if self._task is not None:
            await asyncio.wait([self._task])
            self._raise()

    async def stop(self) -> None:
        """Cancel the work, wait for its end, and raise its error if it has one."""
        if self._task is not None:
            self._owner = None
            self._task.cancel()
            await asyncio.wait([self._task])
            self._raise()

    def release(self) -> None:
        """Let the work end without interrupting anybody from now on."""
        self._owner = None

    def _raise(self) -> None:
        """Raise the work's error in place of the cancellation with which it interrupted its owner."""
        task = self._task
        if self._interrupted:
            self._interrupted = False
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()
        if task is not None and not task.cancelled() and (error := task.exception()) is not None:
            raise error from None


def only_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The one error in a group, however deep, or else the group."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found
