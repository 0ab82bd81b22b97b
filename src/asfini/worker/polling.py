"""Polling for one activity's tasks: never for one that there is no room for."""

import asyncio
import functools
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from asfini import _reports
from asfini.activity import CallableActivity
from asfini.errors import (
    AccessDenied,
    ActivityDoesNotExist,
    ConnectionFailed,
    CredentialsInvalid,
    ServiceClosed,
)
from asfini.worker.doing import Doing, Terms, retrieve
from asfini.worker.limits import Limits
from asfini.worker.middleware import Step, around
from asfini.worker.stats import UNHEALTHY, ActivityStats
from asfini.worker.turns import BUSY, Rate, Turns

_logger = logging.getLogger("asfini.worker")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between a poll that failed and the next one, growing twofold."""

MOMENT = 0.5
"""Seconds that open polls have to end where nothing else has any time."""

_SLACK = 1e-6
"""Seconds that do not matter: less than this, a timer cannot wait for."""

_FATAL = (AccessDenied, ActivityDoesNotExist, ServiceClosed)
"""What no further poll can mend, but for credentials: they are renewed, sooner or later."""


class Polling:
    """The polls and tasks of one activity.

    A slot is taken before a poll is sent, so that whatever comes back is done at once. There is one poll at
    first. Each that brings a task at once lets another be sent beside it, so that their number doubles while
    tasks wait. Of those that come back empty, after a minute, or fail, every second one ends, but the last.

    Args:
        terms: the worker's.
        arn: the activity's ARN.
        activity: what does the tasks.
        limits: how much it may have; slots and polls are given.
        turns: shared with the worker's other activities.
        end: called with the error if there is no sense in further polls.
    """

    def __init__(
        self,
        terms: Terms,
        arn: str,
        activity: CallableActivity[Any, Any],
        limits: Limits,
        turns: Turns,
        end: Callable[[str, Exception], None],
    ) -> None:
        assert limits.max_tasks is not None  # noqa: S101 - the worker sees to it
        assert limits.max_polls is not None  # noqa: S101 - as above
        self._terms = terms
        self._activity = activity
        self._max_polls = limits.max_polls
        self._priority = limits.priority
        self._turns = turns
        self._end = end
        self._call = functools.partial(
            _reports.call,
            terms.service,
            "get_activity_task",
            activityArn=arn,
            workerName=terms.worker_name,
        )
        self._slots = asyncio.Semaphore(limits.max_tasks)
        self._rate = Rate(limits.tasks_per_second)
        self._loop = asyncio.get_running_loop()
        self._polls: set[asyncio.Task[None]] = set()
        """Those that send one poll after the other, with pauses between."""
        self._open: set[asyncio.Task[None] | None] = set()
        """Those of them whose poll has no answer yet."""
        self._spare = False
        self._queued = False
        self._doing: set[Doing] = set()
        self._outcomes: Counter[str] = Counter()
        self._failed_polls = 0
        self._last_poll: float | None = None
        self._closing = False
        self._given_up = False
        self._ended = asyncio.Event()

    def begin(self) -> None:
        """Send polls, until it is closed."""
        self._tell("%s polls for tasks", self._terms.worker_name)
        self._start_poll()

    async def ended(self) -> None:
        """Wait until it is closed, and all polls and tasks have ended."""
        await self._ended.wait()

    @property
    def has_open_polls(self) -> bool:
        """Whether a poll that was sent has no answer yet."""
        return bool(self._open)

    @property
    def healthy(self) -> bool:
        """Whether polls succeed, as far as is known."""
        return self._failed_polls < UNHEALTHY

    def stats(self) -> ActivityStats:
        """What is done now, and was done."""
        return ActivityStats(
            open_polls=len(self._open),
            tasks=len(self._doing),
            done=self._outcomes["done"],
            failed=self._outcomes["failed"],
            lost=self._outcomes["lost"],
            failed_polls=self._failed_polls,
            last_poll=None if self._last_poll is None else self._loop.time() - self._last_poll,
        )

    def close(self) -> None:
        """Send no more polls."""
        if self._closing:
            return
        self._closing = True
        for poll in (
            self._polls - self._open
        ):  # one that is cancelled while it is open may take a task with it
            poll.cancel()
        self._tell("no more polls; tasks in work: %d", len(self._doing))
        self._look_for_end()

    def _tell(self, text: str, *values: Any) -> None:
        name = self._activity.name
        _logger.info(f"%s: {text}", name, *values, extra={"activity": name})

    def give_up(self) -> None:
        """Cancel all tasks, also those that open polls bring later; they are reported as failed."""
        self._given_up = True
        for doing in list(self._doing):
            doing.give_up()

    def hurry(self) -> None:
        """Give up all tasks at once, and polls in a moment, in which the service may end them."""
        self.give_up()
        self._loop.call_later(MOMENT, self.drop_polls)

    def drop_polls(self) -> None:
        """End open polls, though one may take a task with it."""
        if self._open:
            name = self._activity.name
            _logger.warning("%s: %d open polls are dropped", name, len(self._open), extra={"activity": name})
        for poll in self._open:
            if poll is not None:
                poll.cancel()

    def _start_poll(self) -> None:
        poll = asyncio.create_task(self._poll())
        self._polls.add(poll)
        poll.add_done_callback(self._poll_ended)

    def _poll_ended(self, poll: "asyncio.Task[None]") -> None:
        self._polls.remove(poll)
        if isinstance(error := retrieve(poll), Exception):
            self._end(self._activity.name, error)
        self._look_for_end()

    def _look_for_end(self) -> None:
        if self._closing and not self._polls and not self._doing:
            self._ended.set()

    async def _poll(self) -> None:
        """Send one poll after the other. A task is begun before anything is awaited, or may get lost."""
        failures = 0
        while await self._take_slot():
            sent = self._loop.time()
            try:
                found = await self._ask()
            except Exception as error:  # noqa: BLE001 - another poll may do, nearly whatever went wrong
                if isinstance(error, _FATAL) and not isinstance(error, CredentialsInvalid):
                    self._end(self._activity.name, error)
                    return
                failures += 1
                self._failed_polls += 1
                pause = self._pause(failures, error)
            else:
                failures = self._failed_polls = 0
                self._last_poll = now = self._loop.time()
                if found is not None:
                    self._begin(*found, quick=now - sent < BUSY)
                    continue
                pause = SHORTEST_PAUSE if now - sent < SHORTEST_PAUSE else 0  # no long poll answers so fast
            if self._closing or self._is_spare():
                return
            await asyncio.sleep(pause)

    async def _take_slot(self) -> bool:
        """Wait for a slot, and for a turn; false if no poll is to be sent."""
        if self._closing:
            return False
        await self._slots.acquire()
        granted = False
        try:
            granted = not self._wait_seconds() or await self._wait_for_turn()
        finally:
            if not granted:
                self._slots.release()
        return granted

    def _wait_seconds(self) -> float:
        """How long rates and priorities forbid a poll."""
        seconds = max(self._turns.due(self._priority), self._rate.due) - self._loop.time()
        return seconds if seconds > _SLACK else 0

    async def _wait_for_turn(self) -> bool:
        """Wait until rates and priorities allow a poll; false if another one waits already."""
        if self._queued:
            return False
        self._queued = True
        try:
            while seconds := self._wait_seconds():
                if (due := self._turns.rate.due) > self._loop.time():  # others shall not be faster then
                    self._turns.prefer(self._priority, due + BUSY)
                await asyncio.sleep(seconds)
        finally:
            self._queued = False
        return True

    async def _ask(self) -> tuple[str, Any] | None:
        """Send a poll; the token and the input of the task that it brings. Only then the slot is kept."""
        poll, found = asyncio.current_task(), None
        self._open.add(poll)
        try:
            if self._terms.middleware:
                answer = await around(self._terms.middleware, Step("poll", self._activity), self._call)
            else:
                answer = await self._call()
            found = _task_in(answer)
            return found
        finally:
            self._open.remove(poll)
            if found is None:
                self._slots.release()

    def _is_spare(self) -> bool:
        """Whether a poll that brought nothing is to end: every second one, but the last."""
        self._spare = not self._spare and len(self._polls) > 1
        return self._spare

    def _pause(self, failures: int, error: Exception) -> float:
        """Tell of a poll that failed; the seconds until the next one."""
        longest = min(SHORTEST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE)
        seconds: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        name, reason = self._activity.name, _reports.reason(error)
        _logger.warning(
            "%s: a poll failed with %s; the next in %.1f s", name, reason, seconds, extra={"activity": name}
        )
        return seconds

    def _begin(self, token: str, text: Any, *, quick: bool) -> None:
        """Start a task, and one more poll beside this one if there is room for what it may bring."""
        doing = Doing(self._terms, self._activity, token, text, self._end_task)
        if self._given_up or (self._closing and self._terms.hand_back):
            doing.give_up()
        self._doing.add(doing)
        doing.begin()
        self._rate.count()
        self._turns.rate.count()
        if quick:
            self._turns.prefer(self._priority, self._loop.time() + BUSY)
            if self._may_grow():
                self._start_poll()

    def _may_grow(self) -> bool:
        room = len(self._polls) < self._max_polls and not self._slots.locked()
        rates = self._rate, self._turns.rate
        return room and not self._closing and all(rate.room_beside(len(self._open)) for rate in rates)

    def _end_task(self, doing: Doing) -> None:
        self._outcomes[doing.outcome] += 1
        self._doing.remove(doing)
        self._slots.release()
        self._look_for_end()


def _task_in(answer: Any) -> tuple[str, Any] | None:
    """The token and the input in a poll's answer, if there is a task in it.

    Raises:
        ConnectionFailed: the answer makes no sense.
    """
    token = answer.get("taskToken") if isinstance(answer, Mapping) else NotImplemented
    if token is None or token == "":
        return None
    if not isinstance(token, str):
        raise ConnectionFailed("the answer makes no sense", operation="get_activity_task")
    return token, answer.get("input")
