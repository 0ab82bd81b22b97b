"""Waiting for many executions: for all of them, or for each as it ends, and starting more meanwhile."""

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import anyio

from asfini import _checks, _lazy
from asfini._budget import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, jittered
from asfini.errors import InvalidArgument, ServiceError, Throttled
from asfini.execution import STOP_SECONDS, Execution, reader
from asfini.service import Service

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = _lazy.module("asyncio")

_logger = logging.getLogger(__name__)

T = TypeVar("T")
Call = Callable[..., Awaitable[dict[str, Any]]]
"""What calls an operation, like `Service.call`."""


async def as_completed(
    executions: Iterable[Execution], *, stop_on_cancel: bool = False
) -> AsyncGenerator[Execution, None]:
    """Give executions in the order in which they end, whether well or not.

    The next `wait()` of each gives its output, or raises its failure, without asking the service again. One
    that cannot be waited for, because it does not exist or may not be read, comes as well: its `wait()` says
    why.

    Args:
        executions: the executions, of any service.
        stop_on_cancel: whether those that still run are stopped where the iteration is cancelled or left.

    Raises:
        InvalidArgument: something else than executions is given.

    Examples:
        >>> async for execution in as_completed(executions):  # doctest: +SKIP
        ...     print(execution.name, await execution.wait())
    """
    _checks.flags(stop_on_cancel=stop_on_cancel)
    awaited = _executions(executions)
    async with Crowd[Execution]() as crowd:
        for execution in awaited:
            crowd.add(noticed(execution, stop_on_cancel=stop_on_cancel))
        for _ in awaited:
            yield await crowd.next()


@overload
async def wait_all(
    executions: Iterable[Execution],
    type: type[T],
    *,
    timeout: float | None = None,
    stop_on_cancel: bool = False,
) -> list[T]: ...
@overload
async def wait_all(
    executions: Iterable[Execution],
    type: Any = None,
    *,
    timeout: float | None = None,
    return_exceptions: bool = False,
    stop_on_cancel: bool = False,
) -> list[Any]: ...
async def wait_all(
    executions: Iterable[Execution],
    type: Any = None,
    *,
    timeout: float | None = None,
    return_exceptions: bool = False,
    stop_on_cancel: bool = False,
) -> list[Any]:
    """Wait for all executions.

    Args:
        executions: the executions, of any service.
        type: what to make of each output, as pydantic does; JSON data by default.
        timeout: seconds to wait at the most, as in `Execution.wait`.
        return_exceptions: whether errors stand in the places of outputs, as in `asyncio.gather`; else the
            first one is raised, and nobody waits for the others any more.
        stop_on_cancel: whether those that still run are stopped where nobody waits for them any more: where
            the wait is cancelled, takes too long, or ends with an error.

    Returns:
        The outputs in the order of the executions.

    Raises:
        ExecutionError: one ended without success.
        TimeoutError: one had not ended in time.
        ExecutionOutputInvalid: an output does not fit the type.
    """
    _checks.seconds(timeout=timeout)
    _checks.flags(return_exceptions=return_exceptions, stop_on_cancel=stop_on_cancel)
    reader(type)
    awaited = _executions(executions)
    results: list[Any] = [None] * len(awaited)

    async def wait(place: int) -> None:
        try:
            results[place] = await awaited[place].wait(type, timeout=timeout, stop_on_cancel=stop_on_cancel)
        except Exception as error:
            if not return_exceptions:
                raise
            results[place] = error

    async with Crowd[None]() as crowd:
        for place in range(len(awaited)):
            crowd.add(wait(place))
        for _ in awaited:
            await crowd.next()
    return results


async def run_many(
    inputs: Iterable[Any] | AsyncIterable[Any],
    run: Callable[[Any], Coroutine[Any, Any, Execution]],
    max_running: int,
) -> AsyncGenerator[Execution, None]:
    """Run executions, so many at a time, and give them as they end.

    Args:
        inputs: their inputs, which are taken when there is room.
        run: starts an execution and waits for its end.
        max_running: how many there are at once, with those that have ended and were not taken yet: nothing
            piles up.
    """
    room = asyncio.Semaphore(max_running)
    async with Crowd[Execution | None]() as crowd:

        async def start(given: Any) -> None:
            crowd.add(run(given))
            await room.acquire()

        async def start_all() -> None:
            await room.acquire()
            if isinstance(inputs, AsyncIterable):
                async for given in inputs:
                    await start(given)
            else:
                for given in inputs:
                    await start(given)

        crowd.add(start_all())
        while len(crowd):
            if (ended := await crowd.next()) is not None:
                room.release()
                yield ended


async def noticed(execution: Execution, *, stop_on_cancel: bool) -> Execution:
    """Wait until an execution has ended or cannot be waited for."""
    with suppress(ServiceError, InvalidArgument):  # whoever gets it hears of it
        await execution._notice(stop_on_cancel=stop_on_cancel)
    return execution


async def unthrottled(run: Callable[[], Awaitable[T]]) -> T:
    """Do something; later and later again for as long as the service has too much to do to begin with it."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await run()
        except Throttled as error:
            _logger.debug("it is tried again in about %.0f s: %s", pause, error)
        await anyio.sleep(jittered(pause))
        pause = min(pause * GROWTH, LONGEST_PAUSE)


def sent_surely(service: Service) -> Call:
    """What sends StartExecution: where that is cancelled, it stops what was started all the same."""

    async def send(operation: str, /, **parameters: Any) -> dict[str, Any]:
        sending = asyncio.ensure_future(service.call(operation, **parameters))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            with anyio.move_on_after(STOP_SECONDS, shield=True):
                await asyncio.wait([sending])
                if not sending.cancelled() and sending.exception() is None:
                    await Execution(service, sending.result()["executionArn"])._abandon()
            sending.cancel()
            raise

    return send


class Crowd(Generic[T]):
    """Work that is done at once, with results that are taken as they come. At the block's end all is over."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[T]] = set()
        self._done: deque[asyncio.Task[T]] = deque()
        self._taker: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, work: Coroutine[Any, Any, T]) -> None:
        """Begin with something more."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._arrived)

    def _arrived(self, task: "asyncio.Task[T]") -> None:
        self._done.append(task)
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)

    async def next(self) -> T:
        """The next result, or its error."""
        while not self._done:
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        task = self._done.popleft()
        self._tasks.discard(task)
        return task.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.exception()  # one was raised already; asyncio need not tell of the others


def _executions(given: object) -> list[Execution]:
    executions = [*given] if isinstance(given, Iterable) else None
    if executions is None or not all(isinstance(each, Execution) for each in executions):
        raise InvalidArgument(f"executions are some Execution, not {given!r}")
    return executions
