"""Doing one task: the call, the heartbeats meanwhile, the report."""

import logging
import math
from typing import Any

import anyio

from asfini import _json, clock, tokens
from asfini.activity import CallableActivity, CurrentTask, _current
from asfini.errors import InvalidArgument, ServiceError, TaskOutputInvalid
from asfini.service import Service

_logger = logging.getLogger("asfini.worker")

REPORT_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries to report a task's end, besides those that the service itself makes."""

WORKER_CANCEL = "WorkerCancel"
"""The error of tasks that a worker gave up when it was stopped: sfini's name, which a Retry can match."""


class Doing:
    """One task in a worker's hands.

    Args:
        service: where the task came from.
        activity: what is to be done.
        token: the task's token.
        text: its input as JSON text.
        worker_name: who does it.
        threads: limits how many plain functions run at once.
    """

    def __init__(
        self,
        service: Service,
        activity: CallableActivity[Any, Any],
        token: str,
        text: str,
        worker_name: str,
        threads: anyio.CapacityLimiter,
    ) -> None:
        self._service = service
        self._activity = activity
        self._token = token
        self._text = text
        self._threads = threads
        self._task = CurrentTask(activity, token, None, worker_name, self._beat_now)
        self._scope = anyio.CancelScope()

    def give_up(self) -> None:
        """Cancel the work, and report it as failed: the worker stops."""
        self._scope.cancel()

    async def run(self) -> None:
        """Do the task and report how it ended. Nothing that goes wrong on the way is raised."""
        report: tuple[str, dict[str, str]] | None = None
        cut_off = True
        try:
            with self._scope:
                report = await self._outcome()
                cut_off = False
        finally:
            if cut_off and not self._task.deferred:
                report = _failure(WORKER_CANCEL, "the worker was stopped before the task was done")
            if report is not None:
                with anyio.CancelScope(shield=True):
                    await self._report(*report)

    async def _outcome(self) -> tuple[str, dict[str, str]] | None:
        """Work while heartbeats are sent; what to report of it, if there is anything."""
        report = None
        async with anyio.create_task_group() as group:
            if self._activity.heartbeat is not None:
                group.start_soon(self._beat, group.cancel_scope, self._activity.heartbeat)
            report = await self._work()
            group.cancel_scope.cancel()
        return None if self._task.cancelled else report

    async def _beat(self, scope: anyio.CancelScope, seconds: float) -> None:
        await tokens.beat(self._service, self._token, seconds)
        _logger.warning("%s: the task was closed elsewhere; its work is cancelled", self)
        self._task.cancelled = True
        scope.cancel()

    async def _beat_now(self) -> None:
        await tokens.heartbeat(self._service, self._token)

    async def _work(self) -> tuple[str, dict[str, str]] | None:
        reset = _current.set(self._task)
        try:
            result = await self._call()
            return None if self._task.deferred else _success(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if anyio.current_effective_deadline() == -math.inf:
                raise  # the work was cancelled, rather than a failure of its own
            name, cause = tokens.reported(error)
            _logger.info("%s: failed with %s", self, name)
            return _failure(name, cause)
        finally:
            _current.reset(reset)

    async def _call(self) -> Any:
        self._task.input = _json.loads(self._text, "the task's input")
        call = self._activity.bind(self._task.input)
        if self._activity.is_async:
            return await call()
        return await clock.run_in_thread(call, self._threads)

    async def _report(self, operation: str, parameters: dict[str, str]) -> None:
        """Report until it is taken, or cannot be any more."""
        for delay in (*REPORT_DELAYS, None):
            try:
                await self._service.call(operation, taskToken=self._token, **parameters)
                return
            except tokens.REJECTIONS:
                _logger.warning("%s: done too late, the task is closed", self)
                return
            except ServiceError as error:
                _logger.warning("%s: its end was not taken: %s", self, error.code)
            except Exception:
                _logger.exception("%s: its end cannot be reported", self)
                return
            if delay is not None:
                await anyio.sleep(delay)
        _logger.error("%s: its end was not taken after %d tries", self, len(REPORT_DELAYS) + 1)

    def __str__(self) -> str:
        return f"{self._activity.name} task {tokens.short(self._token)}"


def _success(result: Any) -> tuple[str, dict[str, str]]:
    try:
        return "send_task_success", {"output": _json.payload(result, "the result")}
    except InvalidArgument as error:
        raise TaskOutputInvalid(str(error)) from error


def _failure(error: str, cause: str) -> tuple[str, dict[str, str]]:
    cut = {"error": error[: tokens.MAX_ERROR_LENGTH], "cause": cause[: tokens.MAX_CAUSE_LENGTH]}
    return "send_task_failure", cut
