"""The worker: polls for activities' tasks, and has them done."""

import platform
import signal
import uuid
from collections.abc import Iterable
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from asfini._arns import MAX_NAME_LENGTH, check_name
from asfini._host import Host
from asfini.activity import Activity, ActivityRegistration, CallableActivity
from asfini.client import Client
from asfini.errors import InvalidArgument, ServiceError
from asfini.worker.polling import Polling

DEFAULT_GRACE = 30.0
"""Seconds that tasks in work have to finish when a worker stops."""


class Worker:
    """Does activities' tasks while its block is active, many at once, in one event loop.

    Coroutine functions run in the loop, plain functions in threads. Heartbeats are sent meanwhile; when one is
    rejected, for the task is closed, its work is cancelled. An exception fails its task with the name of its
    class, and nothing that a function or the service does ends the worker, but for an activity that does not
    exist and for calls that are not allowed: then the block ends with that error.

    When the block ends, no more polls are sent; those that are open end (on AWS that takes up to 60 seconds, for a
    dropped poll may take a task with it); tasks in work have `grace` seconds to finish, and are then cancelled and
    reported as failed with `WorkerCancel`.

    Args:
        client: where tasks come from.
        activities: an activity with a function, several, or a registration.
        name: who does the tasks, as histories tell; by default the host's name and something unique.
        max_tasks: the most tasks of one activity at once.
        max_polls: the most open polls for one activity at once.
        max_threads: the most plain functions that run at once.
        grace: seconds that tasks in work have to finish when the worker stops. On AWS, give a container that stops
            (Kubernetes: `terminationGracePeriodSeconds`) more than that, and more than the 60 seconds of a poll.

    Raises:
        InvalidArgument: an activity has no function, there is none, or a number is not positive.
    """

    def __init__(
        self,
        client: Client,
        activities: Activity | ActivityRegistration | Iterable[Activity],
        *,
        name: str | None = None,
        max_tasks: int = 100,
        max_polls: int = 10,
        max_threads: int = 40,
        grace: float = DEFAULT_GRACE,
    ) -> None:
        for what, number in (("max_tasks", max_tasks), ("max_polls", max_polls), ("max_threads", max_threads)):
            if not isinstance(number, int) or number < 1:
                raise InvalidArgument(f"{what} is a positive whole number, not {number!r}")
        if not isinstance(grace, (int, float)) or grace < 0:
            raise InvalidArgument(f"grace is a number of seconds, not {grace!r}")
        self.client = client
        self.activities = _callable_activities(activities)
        self.name = _default_name() if name is None else check_name(name, "a worker")
        self.grace = grace
        self._max_tasks = max_tasks
        self._max_polls = max_polls
        self._max_threads = max_threads
        self._pollings: list[Polling] = []
        self._ending: anyio.Event | None = None
        self._fatal: ServiceError | None = None
        self._host = Host(self._work)

    async def __aenter__(self) -> Self:
        self._start(interrupt=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._host.release()
        with anyio.CancelScope(shield=True):
            await self.stop()

    async def start(self) -> None:
        """Begin to poll, outside of a block; `stop` ends it.

        Raises:
            InvalidArgument: it works already.
        """
        self._start(interrupt=False)

    def _start(self, *, interrupt: bool) -> None:
        if self._host.running:
            raise InvalidArgument(f"worker {self.name!r} works already")
        self._ending, self._fatal = anyio.Event(), None
        self._host.start(interrupt=interrupt)

    def end(self) -> None:
        """Send no more polls, and let tasks in work finish within `grace`; `join` waits for that."""
        if self._ending is not None:
            self._ending.set()

    async def join(self) -> None:
        """Wait until the worker has ended, and raise its error if it could not go on."""
        await self._host.join()

    async def stop(self) -> None:
        """Send no more polls, let tasks in work finish within `grace`, and wait for that."""
        self.end()
        await self.join()

    async def run(self, *, signals: bool = True) -> None:
        """Work until it is told to end: by `end`, by cancellation or by a signal.

        Args:
            signals: whether SIGINT and SIGTERM end it; a second one leaves no time to tasks in work. Only a
                program's main thread can have them.

        Raises:
            ServiceError: the worker could not go on.
        """
        await self.start()
        try:
            async with anyio.create_task_group() as tasks:
                if signals:
                    tasks.start_soon(self._obey)
                await self.join()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            with anyio.CancelScope(shield=True):
                await self.stop()

    async def _obey(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for _ in received:
                if self._ending is not None and self._ending.is_set():
                    self._abandon()
                self.end()

    async def _work(self) -> None:
        account = await self.client.account()
        threads = anyio.CapacityLimiter(self._max_threads)
        self._pollings = [
            Polling(
                self.client.service,
                account.fill_in(activity.arn),
                activity,
                self.name,
                self._max_tasks,
                self._max_polls,
                threads,
            )
            for activity in self.activities
        ]
        async with anyio.create_task_group() as supervision:
            supervision.start_soon(self._supervise)
            async with anyio.create_task_group() as tasks, anyio.create_task_group() as polls:
                for polling in self._pollings:
                    polls.start_soon(self._poll, polling, tasks)
            supervision.cancel_scope.cancel()
        if self._fatal is not None:
            raise self._fatal

    async def _poll(self, polling: Polling, tasks: TaskGroup) -> None:
        """Poll for one activity; an error that no further poll can mend ends the whole worker, in good order."""
        try:
            await polling.run(tasks)
        except BaseExceptionGroup as group:
            fatal, others = group.split(ServiceError)
            if others is not None or fatal is None:
                raise
            error = only_first(fatal)
            self._fatal = self._fatal or error
            self.end()

    async def _supervise(self) -> None:
        """Wait for the end, then see to it that it comes."""
        assert self._ending is not None  # noqa: S101 - it is made before work begins
        await self._ending.wait()
        for polling in self._pollings:
            polling.close()
        await anyio.sleep(self.grace)
        self._abandon()

    def _abandon(self) -> None:
        for polling in self._pollings:
            polling.abandon()


def only_first(group: BaseExceptionGroup[Any]) -> ServiceError:
    """The first service error in a group, however deep."""
    found: Any = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    error: ServiceError = found
    return error


def _callable_activities(
    activities: Activity | ActivityRegistration | Iterable[Activity],
) -> list[CallableActivity[Any, Any]]:
    given = [activities] if isinstance(activities, Activity) else list(activities)
    for activity in given:
        if not isinstance(activity, CallableActivity):
            raise InvalidArgument(f"a worker needs activities with functions, not {activity!r}")
    if not given:
        raise InvalidArgument("a worker needs at least one activity")
    return [activity for activity in given if isinstance(activity, CallableActivity)]


def _default_name() -> str:
    unique = uuid.uuid4().hex[:8]
    host = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in platform.node())
    return f"{host[: MAX_NAME_LENGTH - len(unique) - 1] or 'worker'}-{unique}"
