"""The worker: polls for activities' tasks, and has them done."""

import contextlib
import logging
import math
import os
import platform
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from asfini import _lazy
from asfini._arns import MAX_NAME_LENGTH, check_name
from asfini._host import Host
from asfini.activity import Activity, ActivityRegistration, CallableActivity
from asfini.errors import InvalidArgument, ServiceError

if TYPE_CHECKING:
    import asyncio

    import anyio
    from anyio.abc import TaskGroup

    from asfini.client import Client
    from asfini.worker.polling import Polling
else:  # Programs that only define machines import the name, but do not work.
    anyio, asyncio = _lazy.module("anyio"), _lazy.module("asyncio")

_logger = logging.getLogger("asfini.worker")

DEFAULT_GRACE = 30.0
"""Seconds that tasks in work have to finish when a worker stops."""

LONGEST_POLL = 75.0
"""Seconds after which a poll is surely lost: AWS holds one for 60, and an answer may be slow to come."""


class Worker:
    """Does activities' tasks while its block is active, many at once, in one event loop.

    Coroutine functions run in the loop, plain functions in threads. Heartbeats are sent meanwhile; when one
    is rejected, for the task is closed, its work is cancelled. An exception fails its task with the name of
    its class, and nothing that a function or the service does ends the worker, but for an activity that does
    not exist and for polls that are not allowed: then the block ends with that error, once all tasks are
    done.

    When the block ends, no more polls are sent; those that are open end, and what they still bring is done,
    too (on AWS that takes up to 60 seconds, for a dropped poll may take a task with it). Tasks have `grace`
    seconds to finish, and are then cancelled and reported as failed with `WorkerCancel`, as are those that
    come later. Whoever cancels the end of a block, too, leaves no time at all.

    The block may be left by another task than the one that entered it, as fixtures and exit stacks do. The
    one that entered is the one that an error interrupts.

    Args:
        client: where tasks come from.
        activities: an activity with a function, several, or a registration.
        name: who does the tasks, as histories tell; by default the host's name and something unique.
        max_tasks: the most tasks of one activity at once.
        max_polls: the most open polls for one activity at once.
        max_threads: the most tasks of one activity at once if it is a plain function, which needs a thread.
        grace: seconds that tasks in work have to finish when the worker stops. On AWS, give a container that
            stops (Kubernetes: `terminationGracePeriodSeconds`) more than that, and more than the 60 seconds
            of a poll.

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
        max_polls: int = 10,
        max_threads: int = 40,
        grace: float = DEFAULT_GRACE,
    ) -> None:
        from asfini.client import Client

        for what, number in (
            ("max_tasks", max_tasks),
            ("max_polls", max_polls),
            ("max_threads", max_threads),
        ):
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise InvalidArgument(f"{what} is a positive whole number, not {number!r}")
        if not isinstance(grace, (int, float)) or isinstance(grace, bool) or not grace >= 0:
            raise InvalidArgument(f"grace is a number of seconds, not {grace!r}")
        if not isinstance(client, Client):
            raise InvalidArgument(f"a worker needs a client, not {client!r}")
        self.client = client
        self.activities = _checked(activities)
        self.name = _default_name() if name is None else check_name(name, "a worker")
        self.grace = grace
        self._limits = (max_tasks, max_polls, max_threads)
        self._pollings: list[Polling] = []
        self._ending: anyio.Event | None = None
        self._fatal: ServiceError | None = None
        self._host = Host(self._work)
        self._threads_at_work: set[threading.Thread] = set()
        self._signals = 0

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
        """
        await self._start(interrupt=False)

    async def _start(self, *, interrupt: bool) -> None:
        from asfini.worker.doing import Terms
        from asfini.worker.polling import Polling

        account = await self.client.account()
        if self._host.running:
            raise InvalidArgument(f"worker {self.name!r} works already")
        terms = Terms(self.client.service, self.name, *self._limits, anyio.CapacityLimiter(math.inf))
        self._threads_at_work = terms.threads_at_work
        self._pollings = [
            Polling(terms, account.fill_in(activity.arn), activity, self._cannot_go_on)
            for activity in self.activities
        ]
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
        """Send no more polls, let tasks in work finish within `grace`, and wait for that.

        Raises:
            ServiceError: the worker could not go on.
        """
        self.end()
        await self.join()

    async def run(self, *, signals: bool = True) -> None:
        """Work until it is told to end: by `end`, by cancellation or by a signal.

        Args:
            signals: whether SIGINT and SIGTERM end it; a second one leaves no time to tasks in work. Only a
                program's main thread can have them. Functions that still run in threads then do not keep the
                process: it ends with the main thread.

        Raises:
            ServiceError: the worker could not go on.
        """
        self._signals = 0
        with _received(self._obey) if signals else contextlib.nullcontext():
            await self.start()
            if self._signals:  # meanwhile
                self.end()
            try:
                await self.join()
            finally:
                await self._drain()
                if self._signals and self._threads_at_work:
                    _end_with_main_thread(self._threads_at_work)

    def _obey(self) -> None:
        """End at a signal; at one more, leave no time."""
        self._signals += 1
        if self._host.running:
            if self._ending is not None and self._ending.is_set():
                self._hurry()
            self.end()

    async def _work(self) -> None:
        async with anyio.create_task_group() as supervision:
            supervision.start_soon(self._supervise, supervision)
            async with anyio.create_task_group() as tasks:
                for polling in self._pollings:
                    tasks.start_soon(polling.run, tasks)
            supervision.cancel_scope.cancel()
        if self._fatal is not None:
            raise self._fatal

    def _cannot_go_on(self, activity: str, error: ServiceError) -> None:
        """Note an error that no further poll can mend. It ends the whole worker, but in good order."""
        if self._fatal is None and self._ending is not None and not self._ending.is_set():
            extra = {"activity": activity}
            _logger.error("%s: the worker ends, for polls fail with %s", activity, error.code, extra=extra)
            self._fatal = error
            self.end()

    async def _supervise(self, group: "TaskGroup") -> None:
        """Wait for the end, then see to it that it comes."""
        assert self._ending is not None  # noqa: S101 - it is made before work begins
        await self._ending.wait()
        for polling in self._pollings:
            polling.close()
        group.start_soon(self._end_polls)
        began = anyio.current_time()
        deadlines: list[tuple[float, Callable[[Polling], None]]] = [
            (self.grace, lambda polling: polling.give_up()),
            (LONGEST_POLL, lambda polling: polling.drop_polls()),
        ]
        for seconds, end in sorted(deadlines, key=lambda deadline: deadline[0]):
            if math.isinf(seconds):  # virtual time must not jump there
                return
            await anyio.sleep_until(began + seconds)
            for polling in self._pollings:
                end(polling)

    async def _end_polls(self) -> None:
        """Have open polls ended, again and again: one may still be on its way to the service."""
        while any(polling.has_open_polls for polling in self._pollings):
            try:
                await self.client.service.end_polls(self.name)
            except Exception as error:  # noqa: BLE001 - they end by themselves, if later
                _logger.warning("open polls could not be ended: %s", type(error).__name__)
            await anyio.sleep(1)

    def _abandon(self) -> None:
        """Leave no time to anything."""
        for polling in self._pollings:
            polling.give_up()
            polling.drop_polls()

    def _hurry(self) -> None:
        """Leave no more time to anything, but a moment to polls that the service can end."""
        for polling in self._pollings:
            polling.hurry()


@contextlib.contextmanager
def _received(obey: Callable[[], None]) -> Iterator[None]:
    """Have signals obeyed on the loop; afterwards they are whose they were before."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(*_: object) -> None:
        loop.call_soon_threadsafe(obey)

    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _end_with_main_thread(abandoned: set[threading.Thread]) -> None:
    """Let threads whose tasks were given up not keep the process; Python would wait for them."""

    def end() -> None:
        threading.main_thread().join()
        for thread in threading.enumerate():
            if not (thread.daemon or thread in abandoned or thread is threading.main_thread()):
                thread.join()
        if abandoned:
            logging.shutdown()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(1 if hasattr(sys, "last_value") else 0)  # what ended the main thread, if it was an error

    threading.Thread(target=end, name="asfini ends", daemon=True).start()


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
    return checked


def _default_name() -> str:
    unique = uuid.uuid4().hex[:8]
    host = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in platform.node())
    return f"{host[: MAX_NAME_LENGTH - len(unique) - 1] or 'worker'}-{unique}"
