"""The heartbeats of all tasks in a worker's hands: one timer and one heap, however many tasks there are.

The worker's own loop sends them: two threads that both have much to do would only wait for each other. But
where the service is asked over HTTP, a thread stands by, with a loop and connections of its own, which sends
what is overdue, so that a function that blocks the worker's loop does not stop heartbeats.
"""

import asyncio
import heapq
import itertools
import math
import random
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import anyio

from asfini import _reports, clock
from asfini.service import Service
from asfini.worker.watchdog import Watchdog

LAG, LONGEST_LAG = 0.4, 2.0
"""How late a heartbeat, or its answer, may be before the thread sends it: of its interval, and in seconds."""

TICK = 0.1
"""Seconds between two looks of the thread for what is overdue."""

IDLE_TICK = 0.5
"""The same where no task is in work: none is overdue within that time."""

EARLIEST = 0.5
"""Of its interval, what a task's first heartbeat over HTTP waits at least: tasks that come together are
spread out."""

AT_ONCE = 200
"""The most heartbeats on their way from one loop: those that are answered in 40 ms make 5,000 in a second."""

_EARLY = 1e-6
"""Seconds by which a timer may be early."""

_TURN = 0.0005
"""Seconds that another thread may compute for until one that sends what is overdue has its turn."""


class Beat:
    """A task's heartbeats."""

    __slots__ = ("again", "began", "closed", "due", "is_over", "log", "seconds", "sending", "token", "waits")

    def __init__(self, token: str, seconds: float, log: _reports.TaskLog, closed: Callable[[], None]) -> None:
        self.token = token
        self.seconds = seconds
        self.log = log
        self.closed = closed
        self.due = self.began = 0.0
        self.again = _reports.HEARTBEAT_PAUSE
        self.sending: asyncio.Task[None] | None = None
        self.waits = False
        self.is_over = False

    @property
    def lag(self) -> float:
        """Seconds by which one may be late."""
        return min(self.seconds * LAG, LONGEST_LAG)


class Heartbeats:
    """Sends heartbeats at their intervals from the loop that runs; those that fail are sent again soon.

    Args:
        service: where to.
        shared: whether a thread stands by.
    """

    def __init__(self, service: Service, *, shared: bool = False) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._shared = shared
        self._lock = threading.Lock()
        self._heap: list[tuple[float, int, Beat]] = []
        """When what is due; of a beat's entries all but one are void: that with its own `due`."""
        self._numbers = itertools.count()
        self._live = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wake = math.inf
        self._looked = self._loop.time()
        """When the loop last looked for what is due."""
        self._sending: set[asyncio.Task[None]] = set()
        self._waiting: deque[Beat] = deque()
        """Those that are due, but are not sent yet, for too many others are on their way."""
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether no task needs heartbeats now."""
        return not self._live

    def begin(self, token: str, seconds: float, log: _reports.TaskLog, closed: Callable[[], None]) -> Beat:
        """Begin to send heartbeats at an interval.

        Args:
            token: the task's token.
            seconds: the interval.
            log: where failures are told.
            closed: called on the loop once a heartbeat was rejected, for the task is closed.
        """
        beat = Beat(token, seconds, log, closed)
        spread = random.uniform(EARLIEST, 1.0) if self._shared else 1.0  # noqa: S311 - no secret
        self._live += 1
        self._put(beat, self._loop.time() + seconds * spread)
        self._arm()
        return beat

    def end(self, beat: Beat) -> None:
        """Send no more of them."""
        if beat.is_over:
            return
        beat.is_over = True
        self._live -= 1
        if len(self._heap) > 2 * self._live + 100:
            with self._lock:
                self._heap = [entry for entry in self._heap if _counts(entry)]
                heapq.heapify(self._heap)

    def _put(self, beat: Beat, due: float) -> None:
        """Say when to look after a beat next. May be called by both threads."""
        with self._lock:
            beat.due = due
            heapq.heappush(self._heap, (due, next(self._numbers), beat))

    def _take(self, until: float) -> list[Beat]:
        """The beats to look after by some time."""
        beats = []
        with self._lock:
            while self._heap and self._heap[0][0] <= until:
                entry = heapq.heappop(self._heap)
                if _counts(entry):
                    beats.append(entry[2])
        return beats

    def _arm(self) -> None:
        """Set the timer for what is due first."""
        if self._closed:
            return
        heap = self._heap
        wake = heap[0][0] if heap else math.inf
        if wake >= self._wake:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wake = wake
        self._timer = self._loop.call_at(wake, self._look)

    def _look(self) -> None:
        now, self._wake = self._loop.time(), math.inf
        self._looked = now
        beats = self._take(now + _EARLY)
        if not self._shared:
            _tell_if_late(beats, now)
        for beat in beats:
            self._look_after(beat, now)
        self._arm()

    def _look_after(self, beat: Beat, now: float) -> None:
        """Send one, or see what has become of the one that was sent."""
        if beat.sending is None:
            if len(self._sending) < AT_ONCE:
                self._begin_to_send(beat, now)
            elif not beat.waits:
                beat.waits = True
                self._waiting.append(beat)
        elif now - beat.began >= _reports.HEARTBEAT_PATIENCE - _EARLY:
            beat.sending.cancel()
        wait = beat.lag if self._shared else _reports.HEARTBEAT_PATIENCE
        self._put(beat, min(now + wait, max(now, beat.began) + _reports.HEARTBEAT_PATIENCE))

    def _begin_to_send(self, beat: Beat, now: float) -> None:
        beat.began, beat.waits = now, False
        beat.sending = task = self._loop.create_task(self._send(beat))
        self._sending.add(task)
        task.add_done_callback(self._end_sending)

    def _end_sending(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        while self._waiting:
            beat = self._waiting.popleft()
            if not beat.is_over:
                self._begin_to_send(beat, self._loop.time())
                return

    async def _send(self, beat: Beat) -> None:
        beat.began = self._loop.time()
        try:
            taken = await _taken(self._service, beat)
        except asyncio.CancelledError:
            if self._closed:
                return
            taken = _not_taken(beat, "no answer")
        except _reports.REJECTIONS:
            self._close(beat)
            return
        beat.sending = None
        self._plan_next(beat, taken, self._loop.time())
        self._arm()

    def _close(self, beat: Beat) -> None:
        """Tell that a task is closed, unless its work is over anyway."""
        beat.sending = None
        if not beat.is_over:
            self.end(beat)
            beat.closed()

    def _plan_next(self, beat: Beat, taken: bool, now: float) -> None:
        if beat.is_over:
            return
        if taken:
            beat.again = _reports.HEARTBEAT_PAUSE
            self._put(beat, beat.began + beat.seconds)
        else:
            self._put(beat, now + min(beat.again, beat.seconds))
            beat.again *= 2

    def take_overdue(self, now: float) -> list[Beat]:
        """The beats that the loop should have sent by now, for the other thread, which is to send them.

        A loop that still looks has much to do, but is not blocked: two threads would do less than one.
        """
        overdue = []
        if self._heap and max(self._heap[0][0], self._looked) < now - TICK:
            for beat in self._take(now - TICK):
                if max(beat.due, self._looked) < now - beat.lag:
                    overdue.append(beat)
                    self._put(beat, now + _reports.HEARTBEAT_PATIENCE)
                else:
                    self._put(beat, beat.due)
        return overdue

    async def send_overdue(self, beat: Beat, service: Service) -> None:
        """Send one from the other thread, and let the loop know when the next one is due."""
        loop = asyncio.get_running_loop()
        beat.began = loop.time()
        try:
            with _haste:
                async with asyncio.timeout(_reports.HEARTBEAT_PATIENCE):
                    taken = await _taken(service, beat)
        except TimeoutError:
            taken = _not_taken(beat, "no answer")
        except _reports.REJECTIONS:
            self._loop.call_soon_threadsafe(self._close, beat)
            return
        self._plan_next(beat, taken, loop.time())
        self._loop.call_soon_threadsafe(self._arm)

    async def aclose(self) -> None:
        """Send no more, and wait for those on their way."""
        self._closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)


class _Haste:
    """Makes threads take shorter turns while any thread of this process is in it.

    Each write and each read gives the turn away. A function that computes keeps it for 5 ms, Python's usual
    time, so that a hundred heartbeats would take more than a second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, _TURN))

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                sys.setswitchinterval(self._usual)


_haste = _Haste()


def _counts(entry: tuple[float, int, Beat]) -> bool:
    due, _, beat = entry
    return due == beat.due and not beat.is_over


async def _taken(service: Service, beat: Beat) -> bool:
    """Send a heartbeat, and tell whether it was taken. A failure is only logged.

    Raises:
        TaskTimedOut: the task is closed.
        TaskDoesNotExist: the same.
    """
    try:
        await _reports.heartbeat(service, beat.token)
    except _reports.REJECTIONS:
        raise
    except Exception as error:  # noqa: BLE001 - the next one may be taken, whatever went wrong
        return _not_taken(beat, _reports.reason(error))
    return True


def _not_taken(beat: Beat, why: str) -> bool:
    beat.log.warning("a heartbeat was not taken: %s", why)
    return False


def _tell_if_late(beats: list[Beat], now: float) -> None:
    """Log how late the latest is, where that is worth a warning."""
    latest = min(beats, key=lambda beat: beat.due, default=None)
    if latest is not None and (late := now - latest.due) > min(_reports.LATE, latest.seconds):
        latest.log.warning("a heartbeat is %.1f s late: something blocks the event loop", late)


@asynccontextmanager
async def heartbeats(service: Service, watchdog: Watchdog) -> AsyncIterator[Heartbeats]:
    """Heartbeats to a service, with a thread that stands by where that can be.

    In virtual time there is none: it would live in real time.
    """
    own, others = (None, None) if clock.is_virtual() else (service.beside(), service.beside())
    async with AsyncExitStack() as stack:
        if own is not None:
            service = await stack.enter_async_context(own)
        sent = Heartbeats(service, shared=others is not None)
        stack.push_async_callback(_shielded, sent.aclose)
        if others is not None:
            thread = _Thread(others, sent, watchdog)
            stack.push_async_callback(thread.stop)
            await thread.start()
        yield sent


async def _shielded(work: Callable[[], Awaitable[None]]) -> None:
    with anyio.CancelScope(shield=True):
        await work()


class _Thread:
    """A thread with a loop that sends overdue heartbeats, and watches the worker's loop.

    Args:
        opening: opens the service there.
        sent: the heartbeats.
        watchdog: watches the worker's loop.
    """

    def __init__(
        self, opening: AbstractAsyncContextManager[Service], sent: Heartbeats, watchdog: Watchdog
    ) -> None:
        self._opening = opening
        self._sent = sent
        self._watchdog = watchdog
        self._owner = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None
        self._begun: asyncio.Future[None] = self._owner.create_future()
        self._ended: asyncio.Future[None] = self._owner.create_future()

    async def start(self) -> None:
        """Start the thread, and wait until it can send heartbeats.

        Raises:
            Exception: the service cannot be opened there.
        """
        threading.Thread(target=self._run, name="asfini heartbeats", daemon=True).start()
        with clock.hold():
            await self._begun

    async def stop(self) -> None:
        """Have it end, and wait for that."""
        with clock.hold(), anyio.CancelScope(shield=True):
            if not self._begun.done():
                await asyncio.wait([self._begun, self._ended], return_when=asyncio.FIRST_COMPLETED)
            if self._loop is not None and self._enough is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._enough.set)
            await self._ended

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker must know
            self._answer(self._begun, error)
        finally:
            self._answer(self._ended)

    def _answer(self, future: "asyncio.Future[None]", error: BaseException | None = None) -> None:
        """Tell the worker's loop, if it is still there."""

        def settle() -> None:
            if not future.done():
                future.set_result(None) if error is None else future.set_exception(error)

        if not self._owner.is_closed():
            self._owner.call_soon_threadsafe(settle)

    async def _main(self) -> None:
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        async with self._opening as service, asyncio.TaskGroup() as group:
            working = [group.create_task(self._watchdog.watch()), group.create_task(self._help(service))]
            self._answer(self._begun)
            await self._enough.wait()
            for task in working:
                task.cancel()

    async def _help(self, service: Service) -> None:
        """Send what is overdue, all at once."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(IDLE_TICK if self._sent.is_idle else TICK)
                for beat in self._sent.take_overdue(loop.time()):
                    group.create_task(self._sent.send_overdue(beat, service))
