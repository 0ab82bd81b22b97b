"""The executions of one machine that are waited for: how long they take, and lists of what runs."""

import logging
import math
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING, Any

import anyio

from asfini import _lazy
from asfini._budget import jittered
from asfini._watching.watch import LONGEST_GAP, Watch

if TYPE_CHECKING:
    import asyncio

    from asfini._watching.watcher import Watcher
else:
    asyncio = _lazy.module("asyncio")

SHORTEST_PAGE_GAP = 1.0
"""Seconds between two lists of a machine's executions, at least."""
PAGE_PRICE = 3
"""What a page costs of AWS's quotas, in looks: it grants a third as many."""
PAGE_SIZE = 1000
"""The most executions on a page."""
REST = 60.0
"""Seconds before what the service refused, or what was too many pages, is tried again."""
MOST_DURATIONS, ENOUGH_DURATIONS = 32, 3
"""How many durations are remembered of a machine, and how many tell how soon its executions end at best."""
STEADY = 1.25
"""How much longer than the quickest the slowest execution takes, at most, where all take about as long."""

_logger = logging.getLogger(__name__)


class Machine:
    """The executions of one machine that are waited for, and what is known of how long they take.

    Args:
        watcher: looks at them.
        arn: the machine's ARN.
        listed: whether the service lists them.
    """

    def __init__(self, watcher: "Watcher", arn: str, *, listed: bool) -> None:
        self.watches: dict[str, list[Watch]] = {}
        """Who waits, by the execution's ARN."""
        self._watcher = watcher
        self._arn = arn
        self._durations: deque[float] = deque(maxlen=MOST_DURATIONS)
        self._pages = 1
        self._listed_from = -math.inf if listed else math.inf
        self._pager: asyncio.Task[None] | None = None

    def join(self, watch: Watch) -> None:
        """Wait with others."""
        self.watches.setdefault(watch.arn, []).append(watch)

    def leave(self, watch: Watch) -> None:
        """Wait no longer."""
        others = self.watches[watch.arn]
        others.remove(watch)
        if not others:
            del self.watches[watch.arn]
        if not self.watches and self._pager is not None:
            self._pager.cancel()

    def looked(self, arn: str, description: dict[str, Any]) -> None:
        """Note what a look told: for all who wait for the same execution, and to learn how long it took."""
        for watch in self.watches.get(arn, ()):
            watch.tell(description)
        begin, end = description.get("startDate"), description.get("stopDate")
        if begin is not None and end is not None and not description.get("redriveCount"):
            self._durations.append((end - begin).total_seconds())

    # Durations

    @property
    def quickest(self) -> float:
        """Seconds that an execution takes at least, as far as is known; zero where too few are known."""
        return min(self._durations) if len(self._durations) >= ENOUGH_DURATIONS else 0.0

    @property
    def is_steady(self) -> bool:
        """Whether all executions take about as long, as far as is known."""
        return 0 < max(self._durations, default=0.0) <= self.quickest * STEADY

    def next_end(self, age: float) -> float:
        """Seconds until the next time at which others had ended, for an execution of some age."""
        return min((seconds for seconds in self._durations if seconds > age), default=math.inf) - age

    # Pages

    def is_covered(self) -> bool:
        """Whether pages tell of ends, so that nobody has to look; if they are worth it, they begin."""
        if self._pager is None and self._is_worth_pages(self._pages):
            self._pager = self._watcher.loop.create_task(self._page(), context=Context())
            self._pager.add_done_callback(self._pages_ended)
        return self._pager is not None

    def _pages_ended(self, pager: "asyncio.Task[None]") -> None:
        """Let all look by themselves. Whatever is wrong with pages, looks may do."""
        self._pager = None
        if not pager.cancelled() and (error := pager.exception()) is not None:
            _logger.debug("executions of %s are looked at one by one: %r", self._arn, error)
            self._listed_from = self._watcher.loop.time() + REST
        for watch in [watch for watches in self.watches.values() for watch in watches]:
            watch.wake()

    def _is_worth_pages(self, pages: int) -> bool:
        """Whether so many pages are had sooner than looks at all executions that are waited for."""
        if self._watcher.loop.time() < self._listed_from:
            return False
        looks, lists = map(self._watcher.budget, ("describe_execution", "list_executions"))
        return looks.price(len(self.watches)) > lists.price(pages)

    async def _page(self) -> None:
        """List what runs from time to time, and tell those who wait for what does not."""
        while self._is_worth_pages(self._pages):
            asked = self._watcher.loop.time()
            running = await self._running()
            if running is None:
                return
            self._compare(running, asked)
            await anyio.sleep(jittered(self._page_gap()))

    def _page_gap(self) -> float:
        """Seconds between two lists: they never cost more than looks at all, every three seconds, would."""
        gap = LONGEST_GAP * PAGE_PRICE * self._pages / max(1, len(self.watches))
        return min(max(gap, SHORTEST_PAGE_GAP), LONGEST_GAP)

    async def _running(self) -> set[str] | None:
        """What runs, as far as anybody wants to know; `None` if that are too many pages."""
        running: set[str] = set()
        pages, more = 0, dict[str, Any]()
        while True:
            pages += 1
            page = await self._watcher.call(
                "list_executions",
                stateMachineArn=self._arn,
                statusFilter="RUNNING",
                maxResults=PAGE_SIZE,
                **more,
            )
            running.update(entry["executionArn"] for entry in page["executions"])
            if not page.get("nextToken") or self.watches.keys() <= running:
                self._pages = pages
                return running
            if not self._is_worth_pages(pages + 1):
                self._listed_from = self._watcher.loop.time() + REST
                return None
            more = {"nextToken": page["nextToken"]}

    def _compare(self, running: set[str], asked: float) -> None:
        """Tell those who wait what a list says that was asked for at some time."""
        for arn, watches in [*self.watches.items()]:
            for watch in [*watches]:
                if arn in running:
                    watch.looked()
                else:
                    watch.missing(asked)
