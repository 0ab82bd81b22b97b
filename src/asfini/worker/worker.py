"""The worker: polls for activities' tasks, and has them done."""

import contextlib
import logging
import math
import os
import platform
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from asfini import _checks, _lazy
from asfini._arns import MAX_NAME_LENGTH, check_name
from asfini._host import Host
from asfini.activity import Activity, ActivityRegistration, CallableActivity
from asfini.errors import InvalidArgument, ServiceError
from asfini.worker.limits import Limits, check_count, check_rate, limits_by_name
from asfini.worker.stats import WorkerStats

if TYPE_CHECKING:
    import asyncio

    import anyio

    from asfini.client import Client
    from asfini.worker.doing import Terms
    from asfini.worker.middleware import Middleware
    from asfini.worker.polling import Polling
else:  # Programs that only define machines import the name, but do not work.
    anyio, asyncio = _lazy.module("anyio"), _lazy.module("asyncio")

_logger = logging.getLogger("asfini.worker")

LAST_REPORTS = 30.0
"""Seconds for reports where nothing else has any time: without an answer a worker would never end."""

DEFAULT_GRACE = 30.0
"""Seconds that tasks in work have to finish when a worker stops."""

LONGEST_POLL = 75.0
"""Seconds after which a poll is surely lost: AWS holds one for 60, and an answer may be slow to come."""


class Worker:
    """Does activities' tasks while its block is active, many at once, in one event loop.

    Coroutine functions run in the loop, plain functions in threads or, where their activity says so, in
    processes. Heartbeats are sent meanwhile; when one
    is rejected, for the task is closed, its work is cancelled. An exception fails its task with the name of
    its class, and nothing that a function or the service does ends the worker, but for an activity that does
    not exist and for polls that are not allowed: then the block ends with that error, once all tasks are
    done.

    When the block ends, no more polls are sent; those that are open end, and what they still bring is done,
    too (on AWS that takes up to 60 seconds, for a dropped poll may take a task with it). Tasks have `grace`
    seconds to finish, while heartbeats go on, and are then cancelled and reported as failed with
    `WorkerCancel`, as are those that come later. Whoever cancels the end of a block, too, leaves no time to
    them, and 30 seconds to reports that are not answered.

    The block may be left by another task than the one that entered it, as fixtures and exit stacks do. The
    one that entered is the one that an error interrupts.

    Args:
        client: where tasks come from.
        activities: an activity with a function, several, or a registration.
        name: who does the tasks, as histories tell; by default the host's name and something unique.
        max_tasks: the most tasks of one activity at once.
        max_polls: the most open polls for one activity at once; by default the 1,000 that AWS allows. There
            are never more than free slots: of `max_tasks`, what is not in work.
        max_threads: the most tasks of one activity at once if it is a plain function, which needs a thread.
        max_processes: the most tasks of one activity at once if it runs in processes; by default as many as
            the machine has processors.
        tasks_per_second: how many tasks of all activities together are begun in a second, on average; by
            default as many as come.
        limits: what differs for single activities, by activity or its name.
        resources: what all tasks share, by name, such as a database's pool: functions that give asynchronous
            context managers. These are entered before the first poll and left after the last task;
            `current_task().resources` has what they gave.
        middleware: functions that are called around each poll, task and report, the first outermost: see
            `asfini.worker.Step`.
        grace: seconds that tasks in work have to finish when the worker stops, 30 by default. On AWS, give a
            container that stops (Kubernetes: `terminationGracePeriodSeconds`) more than that, and more than
            the 60 seconds of a poll.
        late: what becomes of tasks that open polls bring while the worker stops: `"run"` does them as far as
            `grace` allows, `"hand_back"` reports them as failed with `WorkerCancel` at once, so that a
            Retry gives them to another worker.

    Raises:
        InvalidArgument: an activity has no function or one that no input fits, two have one name, there is
            none, or a number cannot be.
    """

    def __init__(
        self,
        client: "Client",
        activities: Activity | ActivityRegistration | Iterable[Activity],
        *,
        name: str | None = None,
        max_tasks: int = 100,
        max_polls: int = 1000,
        max_threads: int = 40,
        max_processes: int | None = None,
        tasks_per_second: float | None = None,
        limits: Mapping[Any, Limits] | None = None,
        resources: Mapping[str, Callable[[], AbstractAsyncContextManager[Any]]] | None = None,
        middleware: "Sequence[Middleware]" = (),
        grace: float = DEFAULT_GRACE,
        late: Literal["run", "hand_back"] = "run",
    ) -> None:
        from asfini.client import Client

        check_count("max_tasks", max_tasks)
        check_count("max_polls", max_polls)
        check_count("max_threads", max_threads)
        if max_processes is not None:
            check_count("max_processes", max_processes)
        check_rate(tasks_per_second)
        if not isinstance(grace, (int, float)) or isinstance(grace, bool) or not grace >= 0:
            raise InvalidArgument(f"grace is a number of seconds, not {grace!r}")
        _checks.one_of(("run", "hand_back"), late=late)
        if not isinstance(client, Client):
            hint = "; `async with … as client` gives one" if hasattr(client, "__aenter__") else ""
            raise InvalidArgument(f"a worker needs a client, not {client!r}{hint}")
        self.client = client
        self.activities = _checked(activities)
        self.name = _default_name() if name is None else check_name(name, "a worker")
        """Who does the tasks, as histories tell."""
        self.grace = grace
        """Seconds that tasks in work have to finish when the worker stops."""
        self._rate = tasks_per_second
        self._limits = self._limits_of_all(limits, max_tasks, max_polls, max_threads, max_processes)
        self._resources = _callables(resources)
        self._middleware = _functions(middleware)
        self._hand_back = late == "hand_back"
        self._opened: dict[str, Any] = {}
        self._terms: Terms | None = None
        self._pollings: dict[str, Polling] = {}
        self._ending: asyncio.Event | None = None
        self._begun: asyncio.Event | None = None
        self._fatal: Exception | None = None
        self._host = Host(self._work)
        self._threads_at_work: set[threading.Thread] = set()
        self._signals = 0
        self._starting: anyio.CancelScope | None = None
        self._last: float | None = None
        self._waiting: asyncio.Timeout | None = None

    def _limits_of_all(
        self,
        given: Mapping[Any, Limits] | None,
        max_tasks: int,
        max_polls: int,
        max_threads: int,
        max_processes: int | None,
    ) -> dict[str, Limits]:
        """Each activity's limits, where the worker's stand for what is not given."""
        by_name = limits_by_name(given, {each.name: each for each in self.activities})
        rooms = {"loop": max_tasks, "thread": max_threads, "process": max_processes or os.cpu_count() or 1}
        found = {}
        for activity in self.activities:
            limits = by_name.get(activity.name, Limits())
            room = min(max_tasks, rooms[activity.runs_in])
            found[activity.name] = replace(
                limits, max_tasks=limits.max_tasks or room, max_polls=limits.max_polls or max_polls
            )
        return found

    async def __aenter__(self) -> Self:
        await self._start(interrupt=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = self._host.release()
        await self._drain()
        if error is None or (interrupted and isinstance(error, asyncio.CancelledError)):
            await self._host.join()

    async def _drain(self) -> None:
        """End, and wait for that, come what may. Being cancelled meanwhile leaves no time to tasks."""
        self.end()
        with anyio.CancelScope(shield=True):
            try:
                await self._host.wait()
            except asyncio.CancelledError:
                self._abandon()
                await self._host.wait()
                raise

    async def start(self) -> None:
        """Begin to poll, outside of a block; `stop` ends it.

        Raises:
            InvalidArgument: it works already.
            ServiceError: the account cannot be found out.
            Exception: what a resource raised that cannot be opened.
        """
        await self._start(interrupt=False)

    async def _start(self, *, interrupt: bool) -> None:
        from asfini.worker.doing import Terms
        from asfini.worker.polling import Polling
        from asfini.worker.turns import Turns

        account = await self.client.account()
        if self._host.running:
            raise InvalidArgument(f"worker {self.name!r} works already")
        self._opened = {}
        terms = Terms(
            self.client.service,
            self.name,
            anyio.CapacityLimiter(math.inf),
            resources=self._opened,
            middleware=self._middleware,
            hand_back=self._hand_back,
        )
        self._terms, self._threads_at_work = terms, terms.threads_at_work
        turns = Turns(self._rate, (limits.priority for limits in self._limits.values()))
        self._pollings = {
            each.name: Polling(
                terms, account.fill_in(each.arn), each, self._limits[each.name], turns, self._cannot_go_on
            )
            for each in self.activities
        }
        self._ending, self._begun, self._fatal = asyncio.Event(), asyncio.Event(), None
        self._last = None
        self._host.start(interrupt=interrupt)
        if self._resources:
            await self._wait_for_resources(self._begun)

    async def _wait_for_resources(self, begun: "asyncio.Event") -> None:
        """Wait until resources are open; if one cannot be opened, raise what it raised."""
        try:
            await begun.wait()
        except asyncio.CancelledError:
            if not self._host.release():
                with anyio.CancelScope(shield=True):
                    await self._host.stop()
                raise
        if not self._host.running:
            self._host.release()
            await self._host.join()

    def end(self) -> None:
        """Send no more polls, and let tasks in work finish within `grace`; `join` waits for that."""
        if self._ending is not None:
            self._ending.set()

    async def join(self) -> None:
        """Wait until the worker has ended, and raise its error if it could not go on."""
        await self._host.join()

    async def stop(self) -> None:
        """Send no more polls, let tasks in work finish within `grace`, and wait for that.

        Raises:
            ServiceError: the worker could not go on.
        """
        self.end()
        await self.join()

    def stats(self) -> WorkerStats:
        """What is done now, and was done since the worker was started; for metrics, and probes of its health.

        Examples:
            >>> def ready(worker: Worker) -> int:  # the status that a readiness probe gets
            ...     return 200 if worker.stats().healthy else 503
        """
        stopping = self._ending is not None and self._ending.is_set()
        begun = self._begun is not None and self._begun.is_set()
        healthy = all(polling.healthy for polling in self._pollings.values())
        return WorkerStats(
            healthy=healthy and begun and self._host.running and not stopping,
            stopping=stopping and self._host.running,
            activities={name: polling.stats() for name, polling in self._pollings.items()},
            blocks=0 if self._terms is None else self._terms.watchdog.blocks,
            longest_block=None if self._terms is None else self._terms.watchdog.longest,
        )

    async def run(self, *, signals: bool = True) -> None:
        """Work until it is told to end: by `end`, by cancellation or by a signal.

        Args:
            signals: whether SIGINT and SIGTERM end it, at once while it still begins; a second one leaves no
                time to tasks in work. Only a program's main thread can have them. Functions that still run
                in threads then do not keep the process: it ends with the main thread.

        Raises:
            ServiceError: the worker could not go on.
        """
        from asfini.worker._signals import end_with_main_thread, received

        self._signals = 0
        with received(self._obey) if signals else contextlib.nullcontext():
            with anyio.CancelScope() as self._starting:
                await self.start()
            if self._starting.cancelled_caught:
                return
            if self._signals:  # meanwhile
                self.end()
            try:
                await self.join()
            finally:
                await self._drain()
                if self._signals and self._threads_at_work:
                    end_with_main_thread(self._threads_at_work)

    def _obey(self) -> None:
        """End at a signal; at one more, leave no time. What has not begun yet does not."""
        self._signals += 1
        if self._starting is not None:
            self._starting.cancel()
        if self._host.running:
            if self._ending is not None and self._ending.is_set():
                self._hurry()
            else:
                text = "told to end: tasks have %g s, open polls %g; once more leaves no time to either"
                _logger.info(text, self.grace, LONGEST_POLL)
            self.end()

    async def _work(self) -> None:
        assert self._begun is not None  # noqa: S101 - it is made before work begins
        assert self._terms is not None  # noqa: S101 - as above
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._terms.in_force())
                for name, open_resource in self._resources.items():
                    self._opened[name] = await stack.enter_async_context(open_resource())
                self._begun.set()
                await self._poll()
        finally:
            self._begun.set()
        if self._fatal is not None:
            raise self._fatal

    async def _poll(self) -> None:
        """Poll, and do tasks, until all that has ended; being cancelled leaves no time to tasks."""
        from asfini.worker.doing import retrieve

        assert self._ending is not None  # noqa: S101 - it is made before work begins
        if not self._ending.is_set():
            for polling in self._pollings.values():
                polling.begin()
        supervision = [asyncio.create_task(each) for each in (self._end_polls(), self._keep_deadlines())]
        try:
            await self._wait_for_ends()
        except asyncio.CancelledError:
            self._abandon()
            await self._wait_for_ends()
            raise
        finally:
            for task in supervision:
                task.add_done_callback(retrieve)
                task.cancel()
            await asyncio.wait(supervision)

    async def _wait_for_ends(self) -> None:
        """Wait for the end of polls and tasks, but not for ever where nobody has any time."""
        try:
            async with asyncio.timeout_at(self._last) as self._waiting:
                for polling in self._pollings.values():
                    await polling.ended()
        except TimeoutError:
            _logger.error("the worker ends, though reports of tasks that were given up have no answer yet")
        finally:
            self._waiting = None

    def _cannot_go_on(self, activity: str, error: Exception) -> None:
        """Note an error that no further poll can mend. It ends the whole worker, but in good order."""
        if self._fatal is None and self._ending is not None and not self._ending.is_set():
            reason = error.code if isinstance(error, ServiceError) else type(error).__name__
            extra = {"activity": activity}
            _logger.error("%s: the worker ends, for polls fail with %s", activity, reason, extra=extra)
            self._fatal = error
            self.end()

    async def _close(self) -> None:
        """Wait for the end, then send no more polls."""
        assert self._ending is not None  # noqa: S101 - it is made before work begins
        await self._ending.wait()
        for polling in self._pollings.values():
            polling.close()

    async def _keep_deadlines(self) -> None:
        """Once the end has come, leave no more time to tasks than they have, nor to polls."""
        await self._close()
        began = anyio.current_time()
        deadlines: list[tuple[float, Callable[[Polling], None]]] = [
            (self.grace, lambda polling: polling.give_up()),
            (LONGEST_POLL, lambda polling: polling.drop_polls()),
        ]
        for seconds, end in sorted(deadlines, key=lambda deadline: deadline[0]):
            if math.isinf(seconds):  # virtual time must not jump there
                return
            await anyio.sleep_until(began + seconds)
            for polling in self._pollings.values():
                end(polling)

    async def _end_polls(self) -> None:
        """Have open polls ended, again and again: one may still be on its way to the service."""
        await self._close()
        while any(polling.has_open_polls for polling in self._pollings.values()):
            try:
                await self.client.service.end_polls(self.name)
            except Exception as error:  # noqa: BLE001 - they end by themselves, if later
                _logger.warning("open polls could not be ended: %s", type(error).__name__)
            await anyio.sleep(1)

    def _abandon(self) -> None:
        """Leave no time to anything."""
        for polling in self._pollings.values():
            polling.close()
            polling.give_up()
            polling.drop_polls()
        self._limit_reports()

    def _hurry(self) -> None:
        """Leave no more time to anything, but a moment to polls that the service can end."""
        for polling in self._pollings.values():
            polling.hurry()
        self._limit_reports()

    def _limit_reports(self) -> None:
        if self._last is None:
            self._last = asyncio.get_running_loop().time() + LAST_REPORTS
            if self._waiting is not None:
                self._waiting.reschedule(self._last)


def _checked(
    activities: Activity | ActivityRegistration | Iterable[Activity],
) -> list[CallableActivity[Any, Any]]:
    """The activities that a worker is given, each once, all with functions that inputs can be made to fit."""
    if not isinstance(activities, Iterable | Activity):
        raise InvalidArgument(f"a worker needs activities, not {activities!r}")
    group = ActivityRegistration()
    checked = []
    for activity in [activities] if isinstance(activities, Activity) else activities:
        if not isinstance(activity, CallableActivity):
            raise InvalidArgument(f"a worker needs activities with functions, not {activity!r}")
        activity.check()
        group.add_activity(activity)
        checked.append(activity)
    if not checked:
        raise InvalidArgument("a worker needs at least one activity")
    if any(activity.runs_in == "process" for activity in checked):
        from asfini.worker.processes import check

        check(checked)
    return checked


def _callables(
    resources: Mapping[str, Callable[[], AbstractAsyncContextManager[Any]]] | None,
) -> dict[str, Callable[[], AbstractAsyncContextManager[Any]]]:
    """The resources that a worker is given, all of which can be called."""
    if not isinstance(resources, Mapping | None):
        raise InvalidArgument(f"resources are functions by name, not {resources!r}")
    for name, each in (resources or {}).items():
        if not callable(each):
            raise InvalidArgument(f"resources are functions that open them, but {name!r} is {each!r}")
    return dict(resources or {})


def _functions(middleware: "Sequence[Middleware]") -> "tuple[Middleware, ...]":
    """The middleware that a worker is given, all of which can be called."""
    if not isinstance(middleware, Sequence) or not all(map(callable, middleware)):
        raise InvalidArgument(f"middleware is a list of functions, not {middleware!r}")
    return tuple(middleware)


def _default_name() -> str:
    unique = uuid.uuid4().hex[:8]
    host = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in platform.node())
    return f"{host[: MAX_NAME_LENGTH - len(unique) - 1] or 'worker'}-{unique}"
