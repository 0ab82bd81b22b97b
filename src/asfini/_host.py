"""Background work that may be entered by one task and left by another.

anyio's task groups must be left by the task that entered them, but a pytest fixture, an exit stack or a
start-up hook may not. So whatever runs between `async with` and its end lives in a task of its own.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from asfini import _lazy

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = _lazy.module("asyncio")


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

    @property
    def error(self) -> BaseException | None:
        """The error with which the work ended, if it did."""
        task = self._task
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

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

    def _ended(self, _: "asyncio.Task[Any]") -> None:
        if self.error is not None and self._owner is not None and not self._owner.done():
            self._interrupted = True
            self._owner.cancel()

    def release(self) -> bool:
        """Interrupt nobody from now on: the block ends.

        Returns:
            Whether the block was interrupted; then its cancellation is hereby taken back.
        """
        owner, self._owner = self._owner, None
        interrupted, self._interrupted = self._interrupted, False
        if interrupted and owner is not None:
            owner.uncancel()
        return interrupted

    async def wait(self) -> None:
        """Wait until the work is done. A caller that is cancelled waits no longer; the work goes on."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def join(self) -> None:
        """Wait until the work is done, and raise its error if it has one."""
        await self.wait()
        if (error := self.error) is not None:
            raise error from error.__cause__

    async def stop(self) -> None:
        """Cancel the work, and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await self.wait()


def only_error(error: BaseException) -> BaseException:
    """The one error in a group, however deep, or else what is given."""
    found = error
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found


def meant_for_us() -> bool:
    """Whether a `CancelledError` cancels the running task; else what it awaits raised it by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
