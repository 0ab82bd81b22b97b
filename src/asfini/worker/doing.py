"""Doing one task: the call, the heartbeats meanwhile, the report."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from asfini import _json, _reports, clock
from asfini._host import meant_for_us
from asfini.activity import CallableActivity, CurrentTask, _current
from asfini.errors import InvalidArgument, InvalidRequest, TaskInputInvalid, TaskOutputInvalid
from asfini.service import Service

_logger = logging.getLogger("asfini.worker")

CLEAN_UP_SECONDS = 5.0
"""How long a coroutine that is cancelled because the worker stops may take to end."""

WORKER_CANCEL = "WorkerCancel"
"""The error of tasks that a worker gave up when it was stopped: sfini's name, which a Retry can match."""


@dataclass(frozen=True)
class Terms:
    """What all the work of a worker has in common."""

    service: Service
    worker_name: str
    max_tasks: int
    max_polls: int
    max_threads: int
    threads: anyio.CapacityLimiter
    """For plain functions. It limits nothing: that is for slots."""
    threads_at_work: set[threading.Thread] = field(default_factory=set)
    """What runs plain functions now."""


class Doing:
    """One task in a worker's hands.

    The function is called in a task of asyncio's own, which is cancelled once, as coroutines written for
    asyncio expect: in a scope of anyio's, all that they await to clean up would be cancelled, too.

    Args:
        terms: the worker's.
        activity: what is to be done.
        token: the task's token.
        text: its input as JSON text.
    """

    def __init__(self, terms: Terms, activity: CallableActivity[Any, Any], token: str, text: Any) -> None:
        self._terms = terms
        self._activity = activity
        self._token = token
        self._text = text
        self._log = _reports.TaskLog(_logger, token, activity.name)
        self._task = CurrentTask(activity, token, None, terms.worker_name, self._heartbeat)
        self._work: asyncio.Task[_reports.Report | None] | None = None
        self._given_up = asyncio.get_running_loop().create_future()
        self._closed = False
        self._in_thread = False

    def give_up(self) -> None:
        """Cancel the work, and report it as failed: the worker stops. Nobody waits for a thread."""
        if not self._given_up.done():
            self._given_up.set_result(None)
        self._task.cancelled = True
        if self._work is not None:
            self._work.cancel()

    async def run(self) -> None:
        """Do the task and report how it ended. Nothing that goes wrong on the way is raised."""
        self._log.debug("begun")
        self._work = work = asyncio.create_task(self._do())
        if self._given_up.done():
            work.cancel()
        async with anyio.create_task_group() as group:
            if self._activity.heartbeat is not None:
                group.start_soon(self._beat, self._activity.heartbeat, work)
            try:
                await asyncio.wait([work, self._given_up], return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self.give_up()
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    await self._finish(work)
                group.cancel_scope.cancel()

    async def _finish(self, work: "asyncio.Task[_reports.Report | None]") -> None:
        """Wait for the end of work that has been given up, but not for ever, and report."""
        if not work.done():
            await asyncio.wait([work], timeout=CLEAN_UP_SECONDS)
        if not work.done():
            self._log.warning("its function does not let itself be cancelled; it is left to itself")
        report = self._report_of(work)
        if report is not None:
            await self._send(report)

    def _report_of(self, work: "asyncio.Task[_reports.Report | None]") -> _reports.Report | None:
        """What to tell of the work, if anything."""
        if self._closed:
            return None
        if work.done() and not work.cancelled():
            if (error := work.exception()) is None:
                return work.result()
            return _reports.failure(type(error).__name__, "nothing more can be told of it")
        if self._task.deferred:
            return None
        if self._given_up.done():
            return _reports.failure(WORKER_CANCEL, "the worker was stopped before the task was done")
        return _reports.failure(
            "CancelledError", "the function cancelled the task of asyncio's that it ran in"
        )

    async def _beat(self, seconds: float, work: "asyncio.Task[_reports.Report | None]") -> None:
        """Send heartbeats, and cancel the work if the task turns out to be closed. A thread is waited for."""
        try:
            await _reports.beat(self._terms.service, self._token, seconds, self._log)
        except _reports.REJECTIONS:
            if not (work.done() or self._task.deferred):
                self._log.warning("it was closed elsewhere; its work is cancelled")
                self._closed = self._task.cancelled = True
                if not self._in_thread:
                    work.cancel()

    async def _heartbeat(self) -> None:
        await _reports.heartbeat(self._terms.service, self._token)

    async def _do(self) -> _reports.Report | None:
        """Call the function; what to report, unless it is left to others."""
        _current.set(self._task)
        try:
            result = await self._result()
            return None if self._task.deferred else _success(result)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or _is_cancellation(error):
                raise
            self._log.info("failed with %s", type(error).__name__)
            if self._task.cancelled:  # and this came of it
                raise asyncio.CancelledError from error
            return _reports.failure_of(error)

    async def _result(self) -> Any:
        self._task.input = _input(self._text)
        call = self._activity.bind(self._task.input)
        result = call() if self._activity.is_async else await self._call_in_thread(call)
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
            await _reports.send(self._terms.service, self._token, report, self._log)
            self._log.debug("reported")
        except _reports.REJECTIONS:
            self._log.warning("done too late: it is closed")
        except Exception as error:  # noqa: BLE001 - nothing of it must end the worker
            self._log.error("its end could not be reported: %s", _reports.reason(error))
            if isinstance(error, InvalidRequest) and report[0] == "send_task_success":
                await self._send(_reports.failure_of(TaskOutputInvalid(error.message)))


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError) and meant_for_us()


def _input(text: Any) -> Any:
    if not isinstance(text, str):
        raise TaskInputInvalid("the task came without an input")
    try:
        return _json.loads(text, "the task's input")
    except InvalidArgument as error:
        raise TaskInputInvalid(str(error)) from error


def _success(result: Any) -> _reports.Report:
    try:
        return _reports.success(result, "the result")
    except InvalidArgument as error:
        raise TaskOutputInvalid(str(error)) from error
