"""One who waits for an execution's end, and when it is next looked at."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from asfini import _lazy
from asfini._budget import GROWTH, jittered

if TYPE_CHECKING:
    import asyncio

    from asfini._watching.machine import Machine
    from asfini._watching.watcher import Watcher
else:
    asyncio = _lazy.module("asyncio")

FIRST_GAP, LONGEST_GAP = 0.1, 3.0
"""Seconds before the second look at an execution, and between two later ones at most."""
HEAD_START = 30.0
"""Seconds by which looks at what has ended come before those at what may still run. Nobody starves so."""
FRESH = 2.0
"""Seconds for which a list may not know an execution that was started: it follows somewhat later."""
LAG = 0.05
"""Seconds after an execution's end before a look is sure to see it."""


class Watch:
    """One who waits for an execution's end, and when it is next looked at.

    Args:
        watcher: looks at it.
        machine: the execution's machine.
        arn: the execution.
        started_at: when it was started, by the loop's clock, if that is known.
        on_look: called when it is known whether the execution runs.
    """

    __slots__ = (
        "_began",
        "_due",
        "_ended",
        "_gap",
        "_machine",
        "_news",
        "_on_look",
        "_started_at",
        "_told",
        "_watcher",
        "arn",
    )

    def __init__(
        self,
        watcher: "Watcher",
        machine: "Machine",
        arn: str,
        started_at: float | None,
        on_look: Callable[[], None] | None,
    ) -> None:
        self.arn = arn
        self._watcher = watcher
        self._machine = machine
        self._started_at = started_at
        self._on_look = on_look
        self._gap = FIRST_GAP
        self._began = self._due = watcher.loop.time()
        self._ended = False
        self._told: dict[str, Any] | None = None
        self._news: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        if not self._watcher.service.tells_changes:
            self._machine.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._watcher.service.tells_changes:
            self._machine.leave(self)

    async def look(self) -> dict[str, Any]:
        """The execution's description, when it is worth a look and the look's turn has come."""
        urgent = self._ended or self._on_look is not None
        description = self._told
        if description is None:
            due = self._due - HEAD_START * urgent
            description = await self._watcher.look(self.arn, self._machine, due, ended=self._ended)
        self._told, self._ended = None, False
        self.looked()
        return description

    def tell(self, description: dict[str, Any]) -> None:
        """Let it know, if it waits for a look, what somebody was told who waits for the same execution."""
        if self._news is not None:
            self._told = description
            self.wake()

    def begin(self) -> Awaitable[None]:
        """Wait for the first look: pages tell of many, and nothing ends at once that never did."""
        now = self._watcher.loop.time()
        if not self._watcher.service.tells_changes:
            age = None if self._started_at is None else now - self._started_at
            if self._on_look is None and age is not None and age < self._machine.quickest / 2:
                self._due = now + self._next_gap()
            return self._until_due()
        return _done()

    def pause(self, *, finished: bool) -> Awaitable[None]:
        """Wait for the next look.

        Args:
            finished: whether the execution has ended, but not all is told of it yet.
        """
        gap = self._next_gap()
        self._due = self._watcher.loop.time() + gap
        if finished:
            return anyio.sleep(gap)
        if self._watcher.service.tells_changes:
            return self._watcher.service.changed(self.arn, gap)
        return self._until_due()

    def _next_gap(self) -> float:
        """Seconds until the next look: more each time, but it is at hand when others had ended."""
        gap, self._gap = jittered(self._gap), min(self._gap * GROWTH, LONGEST_GAP)
        if self._started_at is None:
            return gap
        age = self._watcher.loop.time() - self._started_at
        if age < self._machine.quickest / 2:
            gap, self._gap = jittered(LONGEST_GAP), LONGEST_GAP
        soon = max(self._machine.next_end(age) + LAG, FIRST_GAP)
        if soon < gap and self._machine.is_steady:
            self._gap = FIRST_GAP
        return min(gap, soon)

    async def _until_due(self) -> None:
        """Wait until a look is due, unless pages tell before."""
        loop = self._watcher.loop
        while not self._ended and self._told is None:
            covered = self._machine.is_covered()
            if not covered and self._due <= loop.time():
                return
            self._news = loop.create_future()
            timer = None if covered else loop.call_at(self._due, self.wake)
            try:
                await self._news
            finally:
                self._news = None
                if timer is not None:
                    timer.cancel()

    def wake(self) -> None:
        """Let it see whether a look is due."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def looked(self) -> None:
        """Note that it is known whether the execution runs, by a look or a page."""
        if self._on_look is not None:
            on_look, self._on_look = self._on_look, None
            on_look()

    def missing(self, asked: float) -> None:
        """Note that a list does not tell of it: it has ended, or is too new, and a look tells which.

        Args:
            asked: when the list was asked for.
        """
        fresh = self._started_at is not None and asked < self._started_at + self._fresh()
        if self._news is not None and self._began <= asked and self._due <= asked and not fresh:
            self._ended = True
            self.wake()

    def _fresh(self) -> float:
        return min(FRESH, self._machine.quickest or FRESH)


async def _done() -> None:
    pass
