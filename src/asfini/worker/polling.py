"""Polling for one activity's tasks: never for one that there is no room for."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.abc import TaskGroup

from asfini import _reports
from asfini.activity import CallableActivity
from asfini.errors import (
    AccessDenied,
    ActivityDoesNotExist,
    ConnectionFailed,
    CredentialsInvalid,
    ServiceError,
)
from asfini.worker.doing import Doing, Terms

_logger = logging.getLogger("asfini.worker")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between a poll that failed and the next one, growing twofold."""

MOMENT = 0.5
"""Seconds that open polls have to end where nothing else has any time."""

_FATAL = (AccessDenied, ActivityDoesNotExist)
"""What no further poll can mend, but for credentials: they are renewed, sooner or later."""


class Polling:
    """The polls and tasks of one activity.

    A slot is taken before a poll is sent, so that whatever comes back is done at once. There is one poll at
    first; each task that comes back lets another one be sent beside it, and each that comes back empty ends,
    but the last.

    Args:
        terms: the worker's.
        arn: the activity's ARN.
        activity: what does the tasks.
        end: called with the error if there is no sense in further polls.
    """

    def __init__(
        self,
        terms: Terms,
        arn: str,
        activity: CallableActivity[Any, Any],
        end: Callable[[str, ServiceError], None],
    ) -> None:
        self._terms = terms
        self._arn = arn
        self._activity = activity
        self._end = end
        room = terms.max_tasks if activity.is_async else min(terms.max_tasks, terms.max_threads)
        self._slots = anyio.Semaphore(room, fast_acquire=True)
        self._polls = anyio.create_task_group()
        self._number = 0
        """How many polls are open, or wait for a slot or for the end of a pause."""
        self._open: set[anyio.CancelScope] = set()
        self._doing: set[Doing] = set()
        self._closing = False
        self._given_up = False

    async def run(self, tasks: TaskGroup) -> None:
        """Poll until it is closed and all polls have ended.

        Args:
            tasks: where tasks are done; some may go on.
        """
        self._tell("%s polls for tasks", self._terms.worker_name)
        async with self._polls:
            self._start_poll(tasks)

    @property
    def has_open_polls(self) -> bool:
        """Whether a poll that was sent has no answer yet."""
        return bool(self._open)

    def close(self) -> None:
        """Send no more polls."""
        self._closing = True
        self._polls.cancel_scope.cancel()
        self._tell("no more polls; tasks in work: %d", len(self._doing))

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
        asyncio.get_running_loop().call_later(MOMENT, self.drop_polls)

    def drop_polls(self) -> None:
        """End open polls, though one may take a task with it."""
        if self._open:
            name = self._activity.name
            _logger.warning("%s: %d open polls are dropped", name, len(self._open), extra={"activity": name})
        for scope in list(self._open):
            scope.cancel()

    def _start_poll(self, tasks: TaskGroup) -> None:
        self._number += 1
        self._polls.start_soon(self._poll, tasks)

    async def _poll(self, tasks: TaskGroup) -> None:
        """Send one poll after the other. A task is begun before anything is awaited, or may get lost."""
        failures = 0
        try:
            while not self._closing:
                began = anyio.current_time()
                try:
                    found = await self._next()
                except Exception as error:  # noqa: BLE001 - another poll may do, nearly whatever went wrong
                    if isinstance(error, _FATAL) and not isinstance(error, CredentialsInvalid):
                        self._end(self._activity.name, error)
                        return
                    found, failures = None, failures + 1
                    await self._pause(failures, error)
                else:
                    failures = 0
                if found is not None:
                    self._begin(*found, tasks)
                elif self._number > 1:
                    return
                elif anyio.current_time() - began < SHORTEST_PAUSE:  # whoever answers so fast is no long poll
                    await anyio.sleep(SHORTEST_PAUSE)
        finally:
            self._number -= 1

    async def _next(self) -> tuple[str, Any] | None:
        """Take a slot and poll; the slot is kept only where a task comes back."""
        await self._slots.acquire()
        found = None
        try:
            found = await self._ask()
        finally:
            if found is None:
                self._slots.release()
        return found

    async def _ask(self) -> tuple[str, Any] | None:
        """Send a poll; the token and the input of the task that it brings, if it brings one."""
        with anyio.CancelScope(shield=True) as scope:  # a poll that is cancelled may take a task with it
            self._open.add(scope)
            try:
                answer = await _reports.call(
                    self._terms.service,
                    "get_activity_task",
                    activityArn=self._arn,
                    workerName=self._terms.worker_name,
                )
                return _task_in(answer)
            finally:
                self._open.remove(scope)
        return None

    async def _pause(self, failures: int, error: Exception) -> None:
        longest = min(SHORTEST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE)
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        name, reason = self._activity.name, _reports.reason(error)
        _logger.warning(
            "%s: a poll failed with %s; the next in %.1f s", name, reason, seconds, extra={"activity": name}
        )
        await anyio.sleep(seconds)

    def _begin(self, token: str, text: Any, tasks: TaskGroup) -> None:
        """Start a task, and one more poll beside this one if there is room for what it may bring."""
        doing = Doing(self._terms, self._activity, token, text)
        if self._given_up:
            doing.give_up()
        self._doing.add(doing)
        tasks.start_soon(self._do, doing)
        if not self._closing and self._number < self._terms.max_polls and self._slots.value > 0:
            self._start_poll(tasks)

    async def _do(self, doing: Doing) -> None:
        try:
            await doing.run()
        finally:
            self._doing.remove(doing)
            self._slots.release()


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
