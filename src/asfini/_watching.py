"""Watching executions for all who wait for them: looks within the service's quotas, many at once by pages.

A look at one execution is a `DescribeExecution`, of which AWS grants some 15 a second. A page of
`ListExecutions` tells which thousand executions of a machine still run, so that only what has ended is looked
at: pages take the place of looks wherever they are had sooner.
"""

import copy
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from asfini import _lazy
from asfini._arns import Arn
from asfini._budget import GROWTH, LONGEST_PAUSE, Budget, jittered
from asfini._quotas import aws_quotas
from asfini.errors import ConnectionFailed, ServiceError, Throttled
from asfini.service import Service, ServiceWrapper

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = _lazy.module("asyncio")

FIRST_GAP, LONGEST_GAP = 0.1, 3.0
"""Seconds before the second look at an execution, and between two later ones at most."""
SHORTEST_PAGE_GAP = 1.0
"""Seconds between two lists of a machine's executions, at least."""
PAGE_PRICE = 3
"""What a page costs of AWS's quotas, in looks: it grants a third as many."""
PAGE_SIZE = 1000
"""The most executions on a page."""
REST = 60.0
"""Seconds before pages are tried again where the service refused them, or there were too many."""
WORTH = 0.5
"""Seconds by which an execution's last event is had sooner than a description, to be asked for."""
FRESH = 2.0
"""Seconds for which a list may not know an execution that was started: it follows somewhat later."""
HEAD_START = 30.0
"""Seconds by which looks at what has ended come before those at what may still run. Nobody starves so."""
LAG = 0.05
"""Seconds after an execution's end before a look is sure to see it."""
MOST_DURATIONS, ENOUGH_DURATIONS = 32, 3
"""How many durations are remembered of a machine, and how many tell how soon its executions end at best."""
STEADY = 1.25
"""How much longer than the quickest the slowest execution takes, at most, where all take about as long."""
MOST_MACHINES = 1000
"""How many machines are remembered that nobody waits for."""

_ENDS = {
    f"Execution{word}": (f"execution{word}EventDetails", status)
    for word, status in {
        "Succeeded": "SUCCEEDED",
        "Failed": "FAILED",
        "TimedOut": "TIMED_OUT",
        "Aborted": "ABORTED",
    }.items()
}
"""Where events tell of an end, and of which, by their types."""
_logger = logging.getLogger(__name__)


class Watcher:
    """Looks at executions for all who wait at a service. It works only while somebody waits.

    Args:
        service: what is asked.
        region: where it is, for the quotas.
    """

    def __init__(self, service: Service, region: str) -> None:
        self.service = service
        self.loop = asyncio.get_running_loop()
        self._region = region
        self._budgets = _shared_budgets(service, self.loop)
        self._machines: dict[str, Machine] = {}
        self._looks: dict[str, asyncio.Future[Any]] = {}
        self._told_at = self._events_from = -math.inf

    def budget(self, operation: str) -> Budget:
        """The budget of an operation."""
        if operation not in self._budgets:
            quota = aws_quotas(self._region).get(operation)
            self._budgets[operation] = Budget(quota, self.service.quota_share)
        return self._budgets[operation]

    def watch(
        self, arn: str, *, started_at: float | None = None, on_look: Callable[[], None] | None = None
    ) -> "Watch":
        """Begin to wait for an execution's end: a block.

        Args:
            arn: the execution.
            started_at: when it was started, by the loop's clock, if that is known.
            on_look: called when a look at it, or a page, has told whether it runs.
        """
        return Watch(self, self._machine(arn), arn, started_at, on_look)

    def _machine(self, arn: str) -> "Machine":
        parts = Arn.parse(arn)
        of = str(Arn(parts.account, "stateMachine", parts.parts[:1]))
        if of not in self._machines:
            self._forget_machines()
            # Children of a distributed map are listed by their map run, and EXPRESS executions not at all.
            self._machines[of] = Machine(self, of, listed=parts.kind == "execution" and "/" not in of)
        return self._machines[of]

    def _forget_machines(self) -> None:
        if len(self._machines) >= MOST_MACHINES:
            self._machines = {of: machine for of, machine in self._machines.items() if machine.watches}

    async def look(self, arn: str, machine: "Machine", due: float, *, ended: bool) -> dict[str, Any]:
        """Describe an execution; whoever wants to know the same meanwhile gets the same answer.

        Args:
            arn: the execution.
            machine: its machine.
            due: since when a look is due; a head start makes it earlier.
            ended: whether it has most likely ended, so that its last event tells enough.
        """
        while (look := self._looks.get(arn)) is not None:
            if (told := await asyncio.shield(look)) is not None:
                if isinstance(told, ServiceError):
                    raise copy.copy(told)
                return dict(told)
        look = self._looks[arn] = self.loop.create_future()
        told = None
        try:
            if ended:
                told = await self._last_event(arn, due)
            told = told or await self.call("describe_execution", due, executionArn=arn)
            machine.looked(arn, told)
            return told
        except ServiceError as error:
            told = copy.copy(error)
            raise
        finally:
            del self._looks[arn]
            look.set_result(told)

    async def _last_event(self, arn: str, due: float) -> dict[str, Any] | None:
        """What an execution's last event tells of its end, if that is had sooner than a description.

        AWS grants 20 histories a second, besides the descriptions.
        """
        describing, now = self.budget("describe_execution").wait(), self.loop.time()
        if now < self._events_from or describing <= max(self.budget("get_execution_history").wait(), WORTH):
            return None
        only_last = {"reverseOrder": True, "maxResults": 1}
        try:
            told = await self.call("get_execution_history", due, executionArn=arn, **only_last)
        except ServiceError as error:
            _logger.debug("ends are described, for histories cannot be had: %s", error)
            self._events_from = now + REST
            return None
        return next((end_told(arn, event) for event in told["events"]), None)

    async def call(self, operation: str, due: float | None = None, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation within its budget, again and again if the service is too busy or out of reach.

        Args:
            operation: the operation.
            due: since when the call is due by the loop's clock; by default now.
            parameters: its parameters.
        """
        budget, pause = self.budget(operation), LONGEST_GAP
        due = self.loop.time() if due is None else due
        while True:
            await budget.take(due)
            sent = self.loop.time()
            try:
                answer = await self.service.call(operation, **parameters)
            except Throttled as error:
                budget.throttled(sent)
                _logger.debug("all who wait pause, for %s was refused: %s", operation, error)
                continue
            except ConnectionFailed as error:
                self._tell(parameters, pause, error)
            else:
                budget.let_through()
                return answer
            finally:
                budget.release()
            await anyio.sleep(jittered(pause))
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _tell(self, parameters: dict[str, Any], pause: float, error: ConnectionFailed) -> None:
        """Tell of lost connections, of one in a second: thousands may wait."""
        now = self.loop.time()
        level = logging.WARNING if now - self._told_at >= 1 else logging.DEBUG
        self._told_at = now if level == logging.WARNING else self._told_at
        whom = parameters.get("executionArn") or parameters.get("stateMachineArn")
        _logger.log(level, "%s will be asked for again in about %.0f s: %s", whom, pause, error)


class Machine:
    """The executions of one machine that are waited for, and what is known of how long they take.

    Args:
        watcher: looks at them.
        arn: the machine's ARN.
        listed: whether the service lists them.
    """

    def __init__(self, watcher: Watcher, arn: str, *, listed: bool) -> None:
        self.watches: dict[str, list[Watch]] = {}
        """Who waits, by the execution's ARN."""
        self._watcher = watcher
        self._arn = arn
        self._durations: deque[float] = deque(maxlen=MOST_DURATIONS)
        self._pages = 1
        self._listed_from = -math.inf if listed else math.inf
        self._pager: asyncio.Task[None] | None = None

    def join(self, watch: "Watch") -> None:
        """Wait with others."""
        self.watches.setdefault(watch.arn, []).append(watch)

    def leave(self, watch: "Watch") -> None:
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
        pages, more = 0, dict[str, str]()
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
        watcher: Watcher,
        machine: Machine,
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


def end_told(arn: str, event: dict[str, Any]) -> dict[str, Any] | None:
    """An execution's description, as far as its last event tells of its end; `None` if it tells of none."""
    key, status = _ENDS.get(event["type"], ("", ""))
    details = event.get(key, {})
    if not status or (status == "SUCCEEDED" and "output" not in details):
        return None
    if details.get("outputDetails", {}).get("truncated"):
        return None
    known = {name: details[name] for name in ("output", "error", "cause") if name in details}
    return {"executionArn": arn, "status": status, "stopDate": event["timestamp"], **known}


def watcher_of(service: Service, arn: str) -> Watcher:
    """The watcher of a service in the running loop.

    Args:
        service: what is asked.
        arn: any ARN in its region.
    """
    watcher: Watcher | None = vars(service).get("_watcher")
    if watcher is None or watcher.loop is not asyncio.get_running_loop():
        watcher = vars(service)["_watcher"] = Watcher(service, region=arn.split(":")[3])
    return watcher


def _shared_budgets(service: Service, loop: "asyncio.AbstractEventLoop") -> dict[str, Budget]:
    """The budgets of a service, which all wrappers around it share."""
    while isinstance(service, ServiceWrapper) and service.inner.quota_share == service.quota_share:
        service = service.inner
    budgets: dict[str, Budget]
    kept, budgets = vars(service).get("_budgets", (None, {}))
    if kept is not loop:
        budgets = {}
        vars(service)["_budgets"] = loop, budgets
    return budgets
