"""How an endpoint reaches the service that answers: on its own loop, or in a thread in virtual time."""

import asyncio
import logging
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakSet

from asfini import clock
from asfini._arns import Account
from asfini.activity import ActivityRegistration, CallableActivity
from asfini.client import Client, Registrable
from asfini.errors import ConnectionFailed, ServiceClosed
from asfini.local.service import LocalService
from asfini.local.tasks import Delivery, delivery
from asfini.service import Service
from asfini.worker import Worker

LONG_CALLS = frozenset({"get_activity_task", "start_sync_execution", "test_state"})
"""Operations that may wait for something to happen in the service."""

_BY_WORKERS = frozenset(
    {"get_activity_task", "send_task_failure", "send_task_heartbeat", "send_task_success"}
)
"""Operations that show that somebody is there who does tasks."""


SECONDS_TO_END = 5.0
"""Real seconds for a service's thread to end: a handler may block it for ever."""
_logger = logging.getLogger("asfini.local")


@dataclass(frozen=True)
class ClockState:
    """What the service's clock shows."""

    now: datetime
    virtual: bool
    stands: bool
    """Whether somebody outside has a task in hand, so that the clock waits."""


@asynccontextmanager
async def opened(service: LocalService, things: Iterable[Registrable]) -> AsyncIterator[Client]:
    """Open a service with machines and activities; activities that are functions get done.

    Args:
        service: the service.
        things: machines, activities and groups of activities.
    """
    things = list(things)
    workable = [each for each in _activities(things) if isinstance(each, CallableActivity)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(service)
        client = Client(service)
        await client.register(*things)
        if workable:
            await stack.enter_async_context(Worker(client, workable, grace=0))
        yield client


def _activities(things: Iterable[Registrable]) -> Iterable[Any]:
    for thing in things:
        yield from thing if isinstance(thing, ActivityRegistration) else [thing]


class Engine:
    """A service on the running loop.

    Args:
        service: the service, which is open.
    """

    def __init__(self, service: LocalService) -> None:
        self.service = service

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation."""
        return await self.service.call(operation, **parameters)

    def post(self, function: Callable[[], object]) -> None:
        """Do something where the service runs, after all that was asked of it before."""
        function()

    async def clock(self) -> ClockState:
        """Read the service's clock."""
        return ClockState(self.service.now(), virtual=False, stands=False)

    async def advance(self, seconds: float) -> None:
        """Move virtual time on.

        Raises:
            RuntimeError: time is not virtual.
        """
        await clock.advance(seconds)


class VirtualEngine(Engine):
    """A service in virtual time, on a loop of its own in a thread: real time passes outside of it."""

    def __init__(self, service: LocalService, things: Iterable[Registrable]) -> None:
        super().__init__(service)
        self._things = things
        self._loop = asyncio.SelectorEventLoop()
        self._ready: asyncio.Future[None]
        self._left = asyncio.Event()
        self._calls: set[Future[Any]] = set()
        """What others wait for."""
        self._works: WeakSet[Any] = WeakSet()
        """The coroutines that do it, some of which the thread may never have begun."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the thread."""
        outside = asyncio.get_running_loop()
        self._ready, ended = outside.create_future(), asyncio.Event()

        def run() -> None:
            self._run(outside)
            with suppress(RuntimeError):  # nobody has waited for the end
                outside.call_soon_threadsafe(ended.set)

        thread = threading.Thread(target=run, name="asfini-local", daemon=True)
        thread.start()
        try:
            with clock.hold():
                await self._ready
            yield
        finally:
            self._post(self._left.set)
            with clock.hold(), suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_TO_END):
                    await ended.wait()
            if ended.is_set():
                thread.join()
            else:
                _logger.warning("a function blocks the service's thread, which is left to itself")

    def _run(self, outside: asyncio.AbstractEventLoop) -> None:
        """Be the thread."""

        def tell(error: BaseException | None) -> None:
            if not self._ready.done():
                self._ready.set_exception(error) if error else self._ready.set_result(None)

        error: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live(lambda: outside.call_soon_threadsafe(tell, None)))
        except Exception as failure:  # noqa: BLE001 - it is raised where the endpoint is opened
            error = failure
        finally:
            for call in self._calls.copy():
                call.cancel()
            for work in list(self._works):
                work.close()
            with suppress(RuntimeError):  # nobody has waited for it
                outside.call_soon_threadsafe(tell, error or ConnectionFailed("the service has ended"))

    async def _live(self, ready: Callable[[], object]) -> None:
        with clock.virtual_time(served=True):
            async with opened(self.service, self._things):
                ready()
                await self._left.wait()

    def _post(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is interested any more
            self._loop.call_soon_threadsafe(function)

    def post(self, function: Callable[[], object]) -> None:
        """Do something in the thread, after all that was asked of it before."""
        self._post(function)

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation in the thread; the clock stands meanwhile, but while the call waits."""
        answer: dict[str, Any] = await self._there(self._answer(operation, parameters))
        return answer

    async def _there(self, work: Any) -> Any:
        """Have work done in the thread.

        Raises:
            ServiceClosed: the thread has ended, or ends before the work does.
        """
        try:
            call = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            raise ServiceClosed("the local service is closed") from None
        self._calls.add(call)
        self._works.add(work)
        if self._loop.is_closed():  # and may have looked for calls before this one was there
            call.cancel()
        try:
            with clock.hold():  # the caller's time may be virtual, too
                return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise ServiceClosed("the local service was closed before it answered") from None
        finally:
            self._calls.discard(call)
            if self._loop.is_closed():
                work.close()

    async def _answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        with nullcontext() if operation in LONG_CALLS else clock.stand():
            answer = await self.service.call(operation, **parameters)
        if operation in _BY_WORKERS:
            clock.change_waits(self._loop, 0)
        if operation == "send_task_heartbeat":
            self.service.tokens_left(parameters["taskToken"])
        elif self.service.open_tokens:
            self.service.tokens_left(str(answer))
        return answer

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None) -> None:
        """Wait as the service does."""
        await self._there(self.service.changed(execution_arn, timeout, events_seen))

    async def end_polls(self, worker_name: str) -> None:
        """End a worker's polls."""
        await self._there(self.service.end_polls(worker_name))

    async def clock(self) -> ClockState:
        """Read the thread's clock."""

        async def read() -> ClockState:
            return ClockState(self.service.now(), virtual=True, stands=clock.stands())

        state: ClockState = await self._there(read())
        return state

    async def advance(self, seconds: float) -> None:
        """Move the thread's clock on."""
        await self._there(clock.advance(seconds))


class Front(Service):
    """The service as those see it who call from outside of its loop, in real time.

    Args:
        engine: where the service runs.
    """

    ignores_roles = True
    tells_changes = True
    quota_share = math.inf

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Ask the service; whoever calls may have set a delivery, which is theirs to settle."""
        return await self._engine.call(operation, parameters)

    async def account(self) -> Account:
        """The account that it plays."""
        return await self._engine.service.account()


class Remote(Front):
    """A service in another thread, for a client on this loop.

    Args:
        engine: where the service runs.
    """

    _engine: VirtualEngine

    def __init__(self, engine: VirtualEngine) -> None:
        super().__init__(engine)

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Ask the service; a task is handed out when it is here."""
        if operation != "get_activity_task":
            return await super().call(operation, **parameters)
        parcel = Delivery()
        before = delivery.set(parcel)
        settle = parcel.lost
        try:
            answer = await super().call(operation, **parameters)
            settle = parcel.arrived
            return answer
        finally:
            delivery.reset(before)
            self._engine.post(settle)

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None = None) -> None:
        """Wait as the service does."""
        await self._engine.changed(execution_arn, timeout, events_seen)

    async def end_polls(self, worker_name: str) -> None:
        """End them where they are open."""
        await self._engine.end_polls(worker_name)
