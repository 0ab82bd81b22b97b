"""Virtual time: the running loop's clock jumps to the next timer whenever everything waits.

Nothing in asfini has a clock object. Code sleeps and sets deadlines as usual; `virtual_time` changes what
the loop calls time. While something outside of the loop is owed (a thread, a process, a request over the
network) the clock must run at its own speed, or the work would miss every deadline: whoever waits for such a
thing holds the clock meanwhile.
"""

import asyncio
import functools
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SILENCE = 2.0
"""Real seconds after which it is said that nothing will happen any more."""
PATIENCE = 5.0
"""Real seconds for workers outside to fetch a task, before time that is virtual for them goes on."""

_ATTRIBUTE = "_asfini_clock"
_HOLDS = "_asfini_holds"
_STANDS = "_asfini_stands"
_logger = logging.getLogger(__name__)


class _Clock:
    """A loop's time and selector, replaced: time stands still but for jumps, unless it must run.

    It neither jumps nor runs while it is told to stand, but can be moved by hand. It stays the loop's clock
    after virtual time has ended, and just runs: timers set meanwhile keep their distance.
    """

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.real_time: Callable[[], float] = loop.time
        self.selector: Any = None
        self.served = False
        self.warned = False
        self.waits = 0
        self.waits_until = 0.0
        self.blocks = 0
        self.holds: int = getattr(loop, _HOLDS, 0)
        self.stands: int = getattr(loop, _STANDS, 0)
        self.target: float | None = None
        self.movers: list[asyncio.Future[None]] = []
        self.now: float = self.real_time()
        self.since = self.now
        loop.time = self.time

    @property
    def runs(self) -> bool:
        return self.blocks == 0 or (self.holds > 0 and self.stands == 0)

    def time(self) -> float:
        return self.now + (self.real_time() - self.since if self.runs else 0.0)

    def change(self, *, blocks: int = 0, holds: int = 0, stands: int = 0) -> None:
        """Note that virtual time, a hold or a stand begins or ends somewhere."""
        self.now, self.since = self.time(), self.real_time()
        self.blocks += blocks
        self.holds += holds
        self.stands += stands

    def wait(self, change: int) -> None:
        """Count what somebody outside has yet to come for; from here they have some time to do so."""
        self.waits += change
        self.waits_until = self.real_time() + PATIENCE

    @property
    def patience(self) -> float:
        """The real seconds for which time must not go on because of those who have yet to come."""
        return max(0.0, self.waits_until - self.real_time()) if self.served and self.waits else 0.0

    def enter(self) -> None:
        self.change(blocks=1)
        if self.blocks == 1:
            self.selector = self.loop._selector
            self.loop._selector = self
            self.loop.run_in_executor = self.run_in_executor

    def leave(self) -> None:
        self.change(blocks=-1)
        if self.blocks == 0:
            self.loop._selector = self.selector
            del self.loop.run_in_executor
            self._arrive()

    def select(self, timeout: float | None) -> Any:
        """Wait for I/O as the loop's own selector does, but jump over the time in which nothing is owed."""
        if timeout is not None and timeout <= 0:
            return self.selector.select(timeout)
        if self.target is not None:
            return self._jump(self.target)
        if self.runs:
            return self.selector.select(timeout)
        if self.stands:
            return self.selector.select(None)
        if patience := self.patience:
            return self.selector.select(patience)
        return self._jump(math.inf) if self._due < math.inf else self._wait_for_outside()

    @property
    def _due(self) -> float:
        """When the next timer is due: never where there is none, or for those who sleep for ever."""
        timers = self.loop._scheduled
        when: float = timers[0].when() if timers else math.inf
        return when

    def _jump(self, most: float) -> Any:
        """Go to the next timer, but not beyond some time, unless there is I/O to be done first."""
        if events := self.selector.select(0):
            return events
        self.now = max(min(self._due, most), self.time())
        self.since = self.real_time()
        # In some months' time 1 ns is less than a float can add, and a timer due now would never be.
        self.loop._clock_resolution = max(self.loop._clock_resolution, math.ulp(self.now))
        if self.target is not None and self.now >= self.target:
            self._arrive()
        return events

    async def move(self, seconds: float) -> None:
        """Jump from timer to timer until some time has passed, even where it stands."""
        self.target = max(self.target or 0.0, self.time() + seconds)
        mover = self.loop.create_future()
        self.movers.append(mover)
        await mover

    def _arrive(self) -> None:
        self.target, movers, self.movers = None, self.movers, []
        for mover in movers:
            if not mover.done():
                mover.set_result(None)

    def _wait_for_outside(self) -> Any:
        """Wait where no timer is set, and say so: most likely nothing will ever happen."""
        events = self.selector.select(SILENCE)
        if not (events or self.served or self.warned):
            self.warned = True
            _logger.warning(
                "everything waits in virtual time, and no timer is set: perhaps a task waits for a Worker "
                "that was not started"
            )
        return events

    def run_in_executor(self, *args: Any) -> Any:
        """Let the clock run while an executor's thread or process works: `asyncio.to_thread` ends here."""
        future = type(self.loop).run_in_executor(self.loop, *args)
        self.change(holds=1)
        future.add_done_callback(lambda _: self.change(holds=-1))
        return future

    def __getattr__(self, name: str) -> Any:
        return getattr(self.selector, name)


@contextmanager
def virtual_time(*, served: bool = False) -> Iterator[None]:
    """Let the running loop's time jump to its next timer whenever everything waits.

    An hour's `Wait`, a retry's back-off, a heartbeat's deadline then take as long as the computing between
    them, and time stamps follow exactly: between jumps the clock stands still. It runs in real time while a
    plain function of a `Worker` or of `asyncio.to_thread` works, or `hold` is active, so that neither is cut
    short by a deadline. Other work outside of the loop (a process, a socket, a thread of `anyio.to_thread`)
    is not known here: put `hold` around it.

    Works on any of asyncio's own loops, nested or entered twice without harm.

    Args:
        served: whether others than this loop's own tasks ask for things and do them: work that waits for them
            has five real seconds to be fetched, and that nothing happens is no reason for a warning.

    Raises:
        RuntimeError: no loop runs, or one that has no selector, such as uvloop's.
    """
    clock = _clock_of(asyncio.get_running_loop())
    clock.served |= served
    clock.enter()
    try:
        yield
    finally:
        clock.leave()


def _clock_of(loop: asyncio.AbstractEventLoop) -> _Clock:
    """The loop's clock, replaced by ours when it is first asked for."""
    if not (hasattr(loop, "_selector") and hasattr(loop, "_scheduled")):
        kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        raise RuntimeError(f"virtual time needs an asyncio loop with a selector, but {kind} has none")
    if not hasattr(loop, _ATTRIBUTE):
        setattr(loop, _ATTRIBUTE, _Clock(loop))
    clock: _Clock = getattr(loop, _ATTRIBUTE)
    return clock


class hold:  # noqa: N801 - used as a function is; a class is twice as fast as a generator
    """Make virtual time run at the speed of real time while something outside of the loop is waited for.

    Counts where virtual time begins later, too. Enter and leave it on the loop's own thread.
    """

    __slots__ = ("_loop",)

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        _hold(self._loop, 1)

    def __exit__(self, *_: object) -> None:
        _hold(self._loop, -1)


@contextmanager
def stand() -> Iterator[None]:
    """Make virtual time neither jump nor run: those outside take their time, and no deadline shall pass.

    Counts where virtual time begins later, too. Enter and leave it on the loop's own thread.
    """
    loop = asyncio.get_running_loop()
    change_stands(loop, 1)
    try:
        yield
    finally:
        change_stands(loop, -1)


def _hold(loop: asyncio.AbstractEventLoop, change: int) -> None:
    """Count a hold, on any loop: its clock is asked only where virtual time has ever begun."""
    if (clock := getattr(loop, _ATTRIBUTE, None)) is not None:
        clock.change(holds=change)
    setattr(loop, _HOLDS, getattr(loop, _HOLDS, 0) + change)


def change_stands(loop: asyncio.AbstractEventLoop, change: int) -> None:
    """Count what virtual time stands for, on its loop's own thread."""
    if (clock := getattr(loop, _ATTRIBUTE, None)) is not None:
        clock.change(stands=change)
    setattr(loop, _STANDS, getattr(loop, _STANDS, 0) + change)


def change_waits(loop: asyncio.AbstractEventLoop, change: int) -> None:
    """Count what somebody outside has yet to come for, and give them time where it is virtual."""
    if (clock := getattr(loop, _ATTRIBUTE, None)) is not None:
        clock.wait(change)


def stands() -> bool:
    """Whether the running loop's virtual time stands, for somebody outside has something to do."""
    clock: _Clock | None = getattr(asyncio.get_running_loop(), _ATTRIBUTE, None)
    return clock is not None and (clock.stands > 0 or clock.patience > 0)


def is_virtual() -> bool:
    """Whether the running loop's time is virtual."""
    clock: _Clock | None = getattr(asyncio.get_running_loop(), _ATTRIBUTE, None)
    return clock is not None and clock.blocks > 0


async def advance(seconds: float) -> None:
    """Move virtual time on by hand; all timers on the way are due in their order.

    Args:
        seconds: how far.

    Raises:
        RuntimeError: the running loop's time is not virtual.
    """
    clock: _Clock | None = getattr(asyncio.get_running_loop(), _ATTRIBUTE, None)
    if clock is None or clock.blocks == 0:
        raise RuntimeError("time is not virtual here, so that nothing can move it")
    await clock.move(seconds)


async def run_in_thread(
    function: Callable[P, T], limiter: Any = None, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run a blocking function in a thread, holding the clock; every thread of asfini's starts here.

    Cancelling waits no longer, but cannot stop the thread: its result is dropped.

    Args:
        function: what to run.
        limiter: an `anyio.CapacityLimiter`; by default anyio's own of 40 threads.
        args: the function's arguments.
        kwargs: the function's keyword arguments.
    """
    from anyio import to_thread

    with hold():
        call = functools.partial(function, *args, **kwargs)
        return await to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)
