"""Calls within a quota: whoever calls too soon waits for a turn, and who is throttled backs off for all."""

import itertools
import math
import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from asfini import _lazy
from asfini._quotas import Quota

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = _lazy.module("asyncio")

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 3.0, 30.0, 1.5
"""Seconds for which nobody calls after throttling, the most of them, and how they grow until it is over."""
SLOWEST = 1 / 16
"""The part of a budget that is left of it, at least, however often calls are throttled."""
STEP = 1 / 200
"""The part of a budget that each call that is let through gives back."""
MAX_OPEN = 25
"""The most calls of an operation at once: half of a service's connections, for others need some, too."""
USUAL_SHARE = 0.8
"""The part of AWS's quotas that is used by default, where they were thought not to hold."""
_ENOUGH = 1 - 1e-6
"""A token, but for what is lost to rounding."""


class Budget:
    """How often all who wait may call an operation together: a part of its bucket of tokens, and a queue.

    Throttling by the service means that others in the account call as well: all pause together, and the
    budget is halved; it grows back, call by call.

    Args:
        quota: AWS's quota; `None` where there is no known one.
        share: the part of it to be used; infinite for no limit until calls are throttled.
    """

    def __init__(self, quota: Quota | None, share: float) -> None:
        self._quota = quota
        self._most = _part(quota, share)
        self._rate = self._most.per_second
        self._tokens = self._most.bucket
        self._loop = asyncio.get_running_loop()
        self._filled = self._loop.time()
        self._open = 0
        self._throttled_at = self._paused_until = -math.inf
        self._pause = FIRST_PAUSE
        self._queue: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def price(self, calls: int) -> float:
        """Seconds that some more calls would take, were no tokens left from quieter times.

        Without a limit, calls are weighed by AWS's quota.
        """
        rate = self._rate
        if self._quota is not None and math.isinf(rate):
            rate = self._quota.per_second
        return (self._waiting + calls) / rate

    def wait(self) -> float:
        """Seconds until one more call would have its turn."""
        self._fill()
        missing = self._waiting + 1 - self._tokens
        return max(0.0, self._paused_until - self._loop.time(), missing / self._rate)

    async def take(self, due: float) -> None:
        """Wait for a turn: those have it first who were due first. `release` follows when the call is over.

        Args:
            due: since when by the loop's clock, or from when, a call is due.
        """
        if not self._waiting and self._open < MAX_OPEN and self._seconds_to_turn() <= 0:
            self._spend()
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        heappush(self._queue, (due, next(self._numbers), turn))
        self._waiting += 1
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def release(self) -> None:
        """Say that a call is over."""
        self._open -= 1
        self._serve()

    def throttled(self, sent: float) -> None:
        """Say that the service refused a call, for there were too many.

        Args:
            sent: when the call was sent: what was sent before all paused says nothing new.
        """
        if sent <= self._throttled_at:
            return
        self._throttled_at = self._loop.time()
        self._paused_until = self._throttled_at + jittered(self._pause)
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)
        if math.isinf(self._rate):
            self._most = _part(self._quota, USUAL_SHARE)
            self._rate = self._most.per_second
        self._rate = max(self._rate / 2, self._most.per_second * SLOWEST)
        if math.isfinite(self._rate):
            self._tokens, self._filled = 0.0, self._throttled_at

    def let_through(self) -> None:
        """Say that the service answered a call."""
        self._pause = FIRST_PAUSE
        if self._rate < self._most.per_second:
            self._rate = min(self._rate + self._most.per_second * STEP, self._most.per_second)

    def _seconds_to_turn(self) -> float:
        self._fill()
        missing = 0.0 if self._tokens >= _ENOUGH else (1 - self._tokens) / self._rate
        return max(self._paused_until - self._loop.time(), missing)

    def _fill(self) -> None:
        """Put into the bucket what has come since the last time."""
        if math.isfinite(self._rate):
            now = self._loop.time()
            bucket = max(1.0, self._most.bucket * self._rate / self._most.per_second)
            self._tokens = min(bucket, self._tokens + (now - self._filled) * self._rate)
            self._filled = now

    def _spend(self) -> None:
        self._tokens -= 1
        self._open += 1

    def _serve(self) -> None:
        """Give turns to those who wait for them, as many as there can be, or come back for it later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue and self._open < MAX_OPEN:
            if self._queue[0][2].done():
                heappop(self._queue)
            elif (seconds := self._seconds_to_turn()) > 0:
                self._timer = self._loop.call_later(seconds, self._serve)
                return
            else:
                self._spend()
                self._waiting -= 1
                heappop(self._queue)[2].set_result(None)

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        """Go on without one who is cancelled, be it before or after it got its turn."""
        if turn.cancelled():
            self._waiting -= 1
            if not self._waiting:
                self._queue.clear()
        else:
            self._tokens += 1
            self._open -= 1
        self._serve()


def jittered(seconds: float) -> float:
    """A time that is never in step with other waiters'."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter is no secret


def _part(quota: Quota | None, share: float) -> Quota:
    """A part of a quota from which a call can be made at least now and then."""
    if quota is None or math.isinf(share):
        return Quota(math.inf, math.inf)
    return Quota(max(1.0, quota.bucket * share), max(0.01, quota.per_second * share))
