"""Polling for one activity's tasks: never for one that there is no room for."""

import logging
import random
from collections.abc import Iterator
from typing import Any

import anyio
from anyio.abc import TaskGroup

from asfini.activity import CallableActivity
from asfini.errors import AccessDenied, ActivityDoesNotExist, ServiceError
from asfini.service import Service
from asfini.worker.doing import Doing

_logger = logging.getLogger("asfini.worker")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between a poll that failed and the next one, growing twofold."""
_FATAL = (AccessDenied, ActivityDoesNotExist)
"""What no further poll can mend."""


class Polling:
    """The polls and tasks of one activity.

    A slot is taken before a poll is sent, so that whatever comes back is done at once. There is one poll at first;
    each task that comes back lets another one be sent beside it, and each that comes back empty ends, but the last.

    Args:
        service: where tasks come from.
        arn: the activity's ARN.
        activity: what does the tasks.
        worker_name: who polls.
        max_tasks: the most tasks at once.
        max_polls: the most open polls at once.
        threads: limits how many plain functions run at once.
    """

    def __init__(
        self,
        service: Service,
        arn: str,
        activity: CallableActivity[Any, Any],
        worker_name: str,
        max_tasks: int,
        max_polls: int,
        threads: anyio.CapacityLimiter,
    ) -> None:
        self._service = service
        self._arn = arn
        self._activity = activity
        self._worker_name = worker_name
        self._slots = anyio.Semaphore(max_tasks, fast_acquire=True)
        self._max_polls = max_polls
        self._threads = threads
        self._open = 0
        self._closing = False
        self._doing: set[Doing] = set()
        self._polls: TaskGroup | None = None

    async def run(self, tasks: TaskGroup) -> None:
        """Poll until it is closed and all polls have ended.

        Args:
            tasks: where tasks are done; some may go on.

        Raises:
            ServiceError: the activity is not there, or may not be polled.
        """
        if not self._closing:
            async with anyio.create_task_group() as self._polls:
                self._start_poll(tasks)

    def close(self) -> None:
        """Send no more polls; open ones end, at once where that surely loses no task."""
        self._closing = True
        if self._service.cancellable_polls:
            self._cancel_polls()

    def abandon(self) -> None:
        """Cancel what still goes on: polls, and tasks, which are reported as failed."""
        self._closing = True
        self._cancel_polls()
        for doing in list(self._doing):
            doing.give_up()

    def _cancel_polls(self) -> None:
        if self._polls is not None:
            self._polls.cancel_scope.cancel()

    def _start_poll(self, tasks: TaskGroup) -> None:
        assert self._polls is not None  # noqa: S101 - polls are started from within the group
        self._open += 1
        self._polls.start_soon(self._poll, tasks)

    async def _poll(self, tasks: TaskGroup) -> None:
        """Send one poll after the other, each when there is a slot for what it may bring."""
        pauses = _pauses()
        try:
            while not self._closing:
                answer, pauses = await self._ask(pauses)
                if answer.get("taskToken"):
                    self._begin(answer, tasks)
                elif self._open > 1:
                    return
        finally:
            self._open -= 1

    async def _ask(self, pauses: Iterator[float]) -> tuple[dict[str, Any], Iterator[float]]:
        """Take a slot and poll; the slot is kept only where a task comes back."""
        await self._slots.acquire()
        answer: dict[str, Any] = {}
        pause = 0.0
        try:
            answer = await self._service.call(
                "get_activity_task", activityArn=self._arn, workerName=self._worker_name
            )
        except _FATAL:
            raise
        except Exception as error:
            pause = next(pauses)
            reason = error.code if isinstance(error, ServiceError) else type(error).__name__
            _logger.warning("%s: a poll failed with %s; the next in %.1f s", self._activity.name, reason, pause)
        finally:
            if not answer.get("taskToken"):
                self._slots.release()
        await anyio.sleep(pause)
        return answer, pauses if pause else _pauses()

    def _begin(self, answer: dict[str, Any], tasks: TaskGroup) -> None:
        """Start a task, and one more poll beside this one if there is room for what it may bring."""
        doing = Doing(
            self._service,
            self._activity,
            answer["taskToken"],
            answer.get("input") or "null",
            self._worker_name,
            self._threads,
        )
        self._doing.add(doing)
        tasks.start_soon(self._do, doing)
        if not self._closing and self._open < self._max_polls and self._slots.value > 0:
            self._start_poll(tasks)

    async def _do(self, doing: Doing) -> None:
        try:
            await doing.run()
        finally:
            self._doing.discard(doing)
            self._slots.release()


def _pauses() -> Iterator[float]:
    """Seconds to pause after one failed poll, after two, and so on, never in step with other polls."""
    pause = SHORTEST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        pause = min(pause * 2, LONGEST_PAUSE)
