"""Virtual time: the running loop's clock jumps to the next timer whenever everything waits.

Nothing in asfini has a clock object. Code sleeps and sets deadlines as usual; `virtual_time` changes what
the loop calls time. While something outside of the loop is owed (a thread, a process, a request over the
network) the clock must run at its own speed, or the work would miss every deadline: whoever waits for such a
thing holds the clock meanwhile.
"""

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_ATTRIBUTE = "_asfini_clock"


class _Clock:
    """A loop's time and selector, replaced: time stands still, but for jumps and while held."""

    def __init__(self, loop: asyncio.AbstractEventLoop, selector: Any) -> None:
        self.loop: Any = loop
        self.selector = selector
        self.real_time: Callable[[], float] = loop.time
        self.now = loop.time()
        self.holds = 0
        self.held_since = 0.0

    def time(self) -> float:
        return self.now + (self.real_time() - self.held_since if self.holds else 0.0)

    def hold(self) -> None:
        if not self.holds:
            self.held_since = self.real_time()
        self.holds += 1

    def release(self) -> None:
        self.now = self.time()
        self.holds -= 1
        self.held_since = self.real_time()

    def select(self, timeout: float | None) -> Any:
        """Wait for I/O as the loop's own selector does, but jump over the time in which nothing is owed."""
        if self.holds or timeout is None or timeout <= 0:
            return self.selector.select(timeout)
        events = self.selector.select(0)
        if not events:  # A timer's own time is exact, where the sum of now and the time-out may be rounded.
            timers = self.loop._scheduled
            self.now = max(self.now, timers[0].when() if timers else self.now + timeout)
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self.selector, name)


@contextmanager
def virtual_time() -> Iterator[None]:
    """Let the running loop's time jump to its next timer whenever everything waits.

    An hour's `Wait`, a retry's back-off, a heartbeat's deadline then take as long as the computing between
    them, and time stamps follow exactly: between jumps the clock stands still. It runs in real time while a
    thread of `run_in_thread` works or `hold` is active, so that neither is cut short by a deadline. Other
    I/O (a socket of the user's own) is not known here: put `hold` around it.

    Works on any asyncio loop with a selector, nested or entered twice without harm.

    Raises:
        RuntimeError: no loop runs, or it has no selector (uvloop, Windows' proactor loop).
    """
    loop: Any = asyncio.get_running_loop()
    if hasattr(loop, _ATTRIBUTE):
        yield
        return
    selector = getattr(loop, "_selector", None)
    if selector is None or not hasattr(loop, "_scheduled"):
        kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        raise RuntimeError(f"virtual time needs an asyncio loop with a selector, but {kind} has none")
    clock = _Clock(loop, selector)
    loop._selector, loop.time = clock, clock.time
    setattr(loop, _ATTRIBUTE, clock)
    try:
        yield
    finally:
        loop._selector = selector
        delattr(loop, _ATTRIBUTE)
        _return_to_real_time(loop, clock)


def _return_to_real_time(loop: Any, clock: _Clock) -> None:
    """Go on from where virtual time ended, so that timers set meanwhile keep their distance."""
    offset = clock.time() - clock.real_time()
    if offset:
        real_time = clock.real_time
        loop.time = lambda: real_time() + offset
    else:
        del loop.time


@contextmanager
def hold() -> Iterator[None]:
    """Make virtual time run at the speed of real time while something outside of the loop is waited for.

    Does nothing without virtual time. Enter and leave it on the loop's own thread.
    """
    clock = getattr(asyncio.get_running_loop(), _ATTRIBUTE, None)
    if clock is None:
        yield
        return
    clock.hold()
    try:
        yield
    finally:
        clock.release()


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
    from anyio import to_thread  # noqa: PLC0415 - only programs with threads pay for it

    with hold():
        call = functools.partial(function, *args, **kwargs)
        return await to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)
