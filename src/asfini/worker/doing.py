"""Doing one task: the call, the heartbeats meanwhile, the report."""

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio

from asfini import _json, _reports, clock
from asfini._host import meant_for_us
from asfini.activity import CallableActivity, CurrentTask, _current
from asfini.errors import InvalidArgument, InvalidRequest, TaskInputInvalid, TaskOutputInvalid
from asfini.service import Service
from asfini.worker.heartbeats import Beat, Heartbeats, heartbeats
from asfini.worker.middleware import Middleware, Step, around
from asfini.worker.processes import Processes
from asfini.worker.watchdog import Watchdog

_logger = logging.getLogger("asfini.worker")

CLEAN_UP_SECONDS = 5.0
"""How long a coroutine that is cancelled because the worker stops may take to end."""

WORKER_CANCEL = "WorkerCancel"
"""The error of tasks that a worker gave up when it was stopped: sfini's name, which a Retry can match."""

Outcome = Literal["done", "failed", "lost"]


@dataclass
class Terms:
    """What all the work of a worker has in common."""

    service: Service
    worker_name: str
    threads: anyio.CapacityLimiter
    """For plain functions. It limits nothing: that is for slots."""
    threads_at_work: set[threading.Thread] = field(default_factory=set)
    """What runs plain functions now."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """What was opened for all tasks, by name."""
    middleware: Sequence[Middleware] = ()
    """What is called around polls, tasks and reports, the outermost first."""
    hand_back: bool = False
    """Whether tasks that come while the worker stops are given up at once."""
    processes: Processes = field(init=False)
    watchdog: Watchdog = field(default_factory=Watchdog)
    heartbeats: Heartbeats = field(init=False)

    @asynccontextmanager
    async def in_force(self) -> AsyncIterator[None]:
        """Have all there that tasks need."""
        self.processes = Processes(self.service.max_payload)
        async with heartbeats(self.service, self.watchdog) as self.heartbeats:
            try:
                yield
            finally:
                await self.processes.aclose()


class Doing:
    """One task in a worker's hands.

    The function is called in a task of asyncio's own, which is cancelled once, as coroutines written for
    asyncio expect: in a scope of anyio's, all that they await to clean up would be cancelled, too. Another
    one reports, once the function has ended: whatever a function leaves open is no concern of a report.

    Args:
        terms: the worker's.
        activity: what is to be done.
        token: the task's token.
        text: its input as JSON text.
        ended: called when all is over.
    """

    def __init__(
        self,
        terms: Terms,
        activity: CallableActivity[Any, Any],
        token: str,
        text: Any,
        ended: "Callable[[Doing], None]",
    ) -> None:
        self._terms = terms
        self._activity = activity
        self._token = token
        self._text = text
        self._ended = ended
        self._log = _reports.TaskLog(_logger, token, activity.name)
        self._task = CurrentTask(
            activity, token, None, terms.worker_name, self._heartbeat, resources=terms.resources
        )
        self._work: asyncio.Task[_reports.Report | None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._beat: Beat | None = None
        self._given_up = False
        self._closed = False
        self._in_thread = False
        self.outcome: Outcome = "lost"
        """What became of it, as far as the worker knows."""

    def begin(self) -> None:
        """Have the function called, at once; nothing that goes wrong on the way is raised."""
        self._log.debug("begun")
        if self._given_up:
            self._finish_soon()
            return
        self._work = asyncio.create_task(
            self._do(), name=self._activity.name
        )  # the watchdog knows it by that
        self._work.add_done_callback(self._finish_soon)
        if (seconds := self._activity.heartbeat) is not None:
            self._beat = self._terms.heartbeats.begin(self._token, seconds, self._log, self._close)

    def give_up(self) -> None:
        """Cancel the work, and report it as failed: the worker stops. Nobody waits for a thread."""
        self._task.cancelled = True
        if self._given_up:
            return
        self._given_up = True
        if self._work is not None and not self._work.done():
            self._work.cancel()
            asyncio.get_running_loop().call_later(CLEAN_UP_SECONDS, self._finish_soon)

    def _finish_soon(self, _: object = None) -> None:
        """Report, in a task of its own: the work has ended, or does not end though it has been given up."""
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
            self._finishing.add_done_callback(retrieve)

    async def _finish(self) -> None:
        try:
            report = self._report()
            if report is not None:
                await self._send(report)
            elif self._task.deferred:
                self.outcome = "done"
        finally:
            if self._beat is not None:
                self._terms.heartbeats.end(self._beat)
            self._ended(self)

    def _report(self) -> _reports.Report | None:
        """What to tell of the work, if anything."""
        work = self._work
        if work is not None and not work.done():
            self._log.warning("its function does not let itself be cancelled; it is left to itself")
        if self._closed:
            return None
        if work is not None and work.done() and not work.cancelled():
            if (error := work.exception()) is None:
                return work.result()
            return _reports.failure(type(error).__name__, "nothing more can be told of it")
        if self._task.deferred:
            return None
        if self._given_up:
            self._log.warning("given up, for the worker stops%s", self._so_far())
            return _reports.failure(WORKER_CANCEL, "the worker was stopped before the task was done")
        return _reports.failure(
            "CancelledError", "the function cancelled the task of asyncio's that it ran in"
        )

    def _close(self) -> None:
        """Cancel the work, for the task turned out to be closed. A thread is waited for."""
        work = self._work
        if work is not None and not (work.done() or self._task.deferred):
            self._log.warning("it was closed elsewhere; its work is cancelled%s", self._so_far())
            self._closed = self._task.cancelled = True
            if not self._in_thread:
                work.cancel()

    def _so_far(self) -> str:
        """What the function has told of its progress, for logs."""
        try:
            return "" if self._task.progress is None else f" (progress: {self._task.progress})"
        except Exception as error:  # noqa: BLE001 - it is the function's own object
            return f" (progress cannot be told: {type(error).__name__})"

    async def _heartbeat(self) -> None:
        await _reports.heartbeat(self._terms.service, self._token)

    async def _do(self) -> _reports.Report | None:
        """Call the function; what to report, unless it is left to others."""
        _current.set(self._task)
        try:
            result = await self._result()
            return None if self._task.deferred else _success(result, self._terms.service.max_payload)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or _is_cancellation(error):
                raise
            report = _reports.failure_of(error)
            self._log.info("failed with %s", report[1]["error"])
            if self._task.cancelled:  # and this came of it
                raise asyncio.CancelledError from error
            return report

    async def _result(self) -> Any:
        self._task.input = _input(self._text)
        if not self._terms.middleware:
            return await self._call()
        return await around(self._terms.middleware, Step("task", self._activity, self._task), self._call)

    async def _call(self) -> Any:
        if self._activity.runs_in == "process":
            return await self._terms.processes.call(self._activity, self._task, self._text)
        call = self._activity.bind(self._task.input)
        result = call() if self._activity.runs_in == "loop" else await self._call_in_thread(call)
        while inspect.isawaitable(result):
            result = await result
        return result

    async def _call_in_thread(self, call: Callable[[], Any]) -> Any:
        def note_and_call() -> Any:
            self._in_thread = True
            thread = threading.current_thread()
            self._terms.threads_at_work.add(thread)
            try:
                return call()
            finally:
                self._terms.threads_at_work.discard(thread)

        try:
            return await clock.run_in_thread(note_and_call, self._terms.threads)
        finally:
            self._in_thread = False
            if self._closed and self._work is not None:
                self._work.cancel()  # a coroutine that a plain function gave is not begun any more

    async def _send(self, report: _reports.Report) -> None:
        try:
            await self._try_to_send(report)
            self.outcome = "done" if report[0] == "send_task_success" else "failed"
            self._log.debug("reported")
        except _reports.REJECTIONS:
            self._log.warning("done too late: it is closed")
        except Exception as error:  # noqa: BLE001 - nothing of it must end the worker
            self._log.error("its end could not be reported: %s", _reports.reason(error))
            refused = isinstance(error, InvalidRequest | InvalidArgument)
            if refused and report[0] == "send_task_success":
                told = error.message if isinstance(error, InvalidRequest) else str(error)
                await self._send(_reports.failure_of(TaskOutputInvalid(told)))

    async def _try_to_send(self, report: _reports.Report) -> None:
        terms = self._terms
        if not terms.middleware:
            await _reports.send(terms.service, self._token, report, self._log)
            return
        step = Step("report", self._activity, self._task, report[1].get("error"))
        send = functools.partial(_reports.send, terms.service, self._token, report, self._log)
        await around(terms.middleware, step, send)


def retrieve(task: "asyncio.Task[Any]") -> BaseException | None:
    """The exception that a task ended with; one that has come out of the loop is not to be told again."""
    return None if task.cancelled() else task.exception()


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError) and meant_for_us()


def _input(text: Any) -> Any:
    if not isinstance(text, str):
        raise TaskInputInvalid("the task came without an input")
    try:
        return _json.loads(text, "the task's input")
    except InvalidArgument as error:
        raise TaskInputInvalid(str(error)) from error


def _success(result: Any, most: int) -> _reports.Report:
    try:
        return _reports.success(result, "the result", most)
    except InvalidArgument as error:
        raise TaskOutputInvalid(str(error)) from error
