"""The heartbeats of all tasks in a worker's hands: one timer and one heap, however many tasks there are.

Where the service is asked over HTTP they are sent from a thread, so that a function which blocks the worker's
loop does not stop them.
"""

import asyncio
import heapq
import itertools
import logging
import math
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from asfini import _reports, clock
from asfini.service import Service
from asfini.worker.watchdog import Watchdog

_logger = logging.getLogger("asfini.worker")

COALESCED = 0.005
"""Seconds by which heartbeats from a thread are sent early, with those that are due."""

EARLIEST = 0.5
"""Of its interval, what a task's first heartbeat from a thread waits at least: tasks that come together are
spread out."""


class Beat:
    """A task's heartbeats."""

    __slots__ = ("again", "closed", "due", "is_over", "log", "seconds", "token")

    def __init__(self, token: str, seconds: float, log: _reports.TaskLog, closed: Callable[[], None]) -> None:
        self.token = token
        self.seconds = seconds
        self.log = log
        self.closed = closed
        self.due = 0.0
        self.again = _reports.HEARTBEAT_PAUSE
        self.is_over = False


class Heartbeats:
    """Sends heartbeats at their intervals from the loop that runs; those that fail are sent again soon.

    Args:
        service: where to.
        owner: the loop on which to tell of tasks that are closed, and from which `begin` and `end` are
            called, if it is another one.
    """

    def __init__(self, service: Service, owner: asyncio.AbstractEventLoop | None = None) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._early = 1e-6 if owner is None else COALESCED
        self._lock = threading.Lock()
        self._heap: list[tuple[float, int, Beat]] = []
        self._numbers = itertools.count()
        self._over = 0
        """How many in the heap are over."""
        self._timer: asyncio.TimerHandle | None = None
        self._wake = math.inf
        self._sending: set[asyncio.Task[None]] = set()

    def begin(self, token: str, seconds: float, log: _reports.TaskLog, closed: Callable[[], None]) -> Beat:
        """Begin to send heartbeats at an interval.

        Args:
            token: the task's token.
            seconds: the interval.
            log: where failures are told.
            closed: called once a heartbeat was rejected, for the task is closed.
        """
        beat = Beat(token, seconds, log, closed)
        spread = 1.0 if self._owner is None else random.uniform(EARLIEST, 1.0)  # noqa: S311 - no secret
        self._put(beat, self._loop.time() + seconds * spread)
        return beat

    def end(self, beat: Beat) -> None:
        """Send no more of them."""
        with self._lock:
            beat.is_over = True
            self._over += 1
            if self._over > 100 and self._over > len(self._heap) // 2:
                self._heap = [entry for entry in self._heap if not entry[2].is_over]
                heapq.heapify(self._heap)
                self._over = 0

    def _put(self, beat: Beat, due: float) -> None:
        beat.due = due
        with self._lock:
            heapq.heappush(self._heap, (due, next(self._numbers), beat))
            if due >= self._wake:
                return
            self._wake = due
        if self._owner is None:
            self._arm()
        else:
            self._loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        """Set the timer for what is due first. To be called on the loop that sends."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._wake, self._send_due) if self._wake < math.inf else None

    def _send_due(self) -> None:
        with self._lock:
            beats = list(self._take(self._loop.time() + self._early))
            self._wake = self._heap[0][0] if self._heap else math.inf
        self._arm()
        for beat in beats:
            task = self._loop.create_task(self._send(beat))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def _take(self, until: float) -> Iterator[Beat]:
        while self._heap and self._heap[0][0] <= until:
            beat = heapq.heappop(self._heap)[2]
            if beat.is_over:
                self._over -= 1
            else:
                yield beat

    async def _send(self, beat: Beat) -> None:
        """Send one, and say when the next one is due."""
        began = self._loop.time()
        if began - beat.due > min(_reports.LATE, beat.seconds):
            beat.log.warning("a heartbeat is %.1f s late: something blocks the event loop", began - beat.due)
        try:
            taken = await _reports.try_heartbeat(self._service, beat.token, beat.log)
        except _reports.REJECTIONS:
            self._tell(beat)
            return
        if taken:
            due, beat.again = began + beat.seconds, _reports.HEARTBEAT_PAUSE
        else:
            due, beat.again = self._loop.time() + min(beat.again, beat.seconds), beat.again * 2
        if not beat.is_over:
            self._put(beat, due)

    def _tell(self, beat: Beat) -> None:
        if self._owner is None:
            beat.closed()
        else:
            self._owner.call_soon_threadsafe(beat.closed)

    async def aclose(self) -> None:
        """Send no more, and wait for those on their way."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)


@asynccontextmanager
async def heartbeats(service: Service, watchdog: Watchdog) -> AsyncIterator[Heartbeats]:
    """Heartbeats to a service, from a thread where that can be.

    In virtual time the worker's own loop sends them: a thread would live in real time.
    """
    opening = None if clock.is_virtual() else service.beside()
    if opening is None:
        sent = Heartbeats(service)
        try:
            yield sent
        finally:
            with anyio.CancelScope(shield=True):
                await sent.aclose()
    else:
        thread = _Thread(opening, watchdog)
        try:
            yield await thread.start()
        finally:
            thread.stop()
            with clock.hold(), anyio.CancelScope(shield=True):
                await asyncio.wait([thread.ended])


class _Thread:
    """A thread with a loop from which heartbeats are sent, and the worker's loop is watched.

    Args:
        opening: opens the service there.
        watchdog: watches the worker's loop.
    """

    def __init__(self, opening: AbstractAsyncContextManager[Service], watchdog: Watchdog) -> None:
        self._opening = opening
        self._watchdog = watchdog
        self._owner = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None
        self._begun: asyncio.Future[Heartbeats] = self._owner.create_future()
        self.ended: asyncio.Future[None] = self._owner.create_future()
        """Done when the thread's loop has ended."""

    async def start(self) -> Heartbeats:
        """Start the thread, and wait until it can send heartbeats.

        Raises:
            ServiceError: the service cannot be opened there.
        """
        threading.Thread(target=self._run, name="asfini heartbeats", daemon=True).start()
        with clock.hold():
            return await self._begun

    def stop(self) -> None:
        """Have it end."""
        if self._loop is not None and self._enough is not None:
            try:
                self._loop.call_soon_threadsafe(self._enough.set)
            except RuntimeError:  # it has ended by itself
                _logger.debug("the thread for heartbeats had ended")

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker must know
            self._answer(self._begun, error)
        finally:
            self._answer(self.ended, None)

    def _answer(self, future: "asyncio.Future[None] | asyncio.Future[Heartbeats]", answer: object) -> None:
        """Tell the worker's loop, if it is still there."""

        def settle() -> None:
            if future.done():
                return
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)  # type: ignore[arg-type]

        if not self._owner.is_closed():
            self._owner.call_soon_threadsafe(settle)

    async def _main(self) -> None:
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        async with self._opening as service:
            sent = Heartbeats(service, self._owner)
            watching = asyncio.create_task(self._watchdog.watch())
            self._answer(self._begun, sent)
            try:
                await self._enough.wait()
            finally:
                watching.cancel()
                await asyncio.wait([watching])
                await sent.aclose()
