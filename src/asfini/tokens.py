"""Tasks by token: to complete what an activity deferred, or what waits for a token."""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import anyio

from asfini import _reports
from asfini._host import Host
from asfini.activity import DEFAULT_HEARTBEAT, check_interval
from asfini.errors import InvalidArgument, TaskOutputInvalid
from asfini.service import Service

_logger = logging.getLogger(__name__)


class TaskHandle:
    """A task whose token is known.

    In a block it reports by itself: heartbeats while the block runs, `output` when it ends, or the exception
    that leaves it, which goes on. When a heartbeat tells that the task is closed (it timed out, somebody else
    completed it, its execution has ended), the block is cancelled, and `TaskTimedOut` or `TaskDoesNotExist`
    comes out of it.

    A block that is cancelled while it reports ends once the report is through; one that is cancelled twice
    does not wait, and says so in the log.

    Args:
        service: where the task is.
        token: the task's token.
        heartbeat: seconds between two heartbeats in a block, the first one at its beginning; `None`
            for none.

    Raises:
        InvalidArgument: the token is no text, or the interval not a positive number.
    """

    def __init__(self, service: Service, token: str, *, heartbeat: float | None = DEFAULT_HEARTBEAT) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        if not isinstance(token, str) or not token:
            raise InvalidArgument("a task's token is text that is not empty")
        self._service = service
        self._token = token
        self._seconds = check_interval(heartbeat, "a task's heartbeat")
        self._log = _reports.TaskLog(_logger, token)
        self._beats = Host(self._beat)
        self.input: Any = None
        """What the task gets, as JSON data, where it was polled for here: `Client.get_activity_task`."""
        self.output: Any = None
        """What a block reports when it ends: JSON data, or anything that pydantic makes JSON of."""

    async def succeed(self, output: Any = None) -> None:
        """Complete the task.

        Args:
            output: JSON data, or anything that pydantic makes JSON of.

        Raises:
            InvalidArgument: the output is not JSON, or has more than 262,144 bytes.
            TaskTimedOut: the task is closed.
        """
        await self._end(_reports.success(output, "the output", self._service.max_payload))

    async def fail(self, error: str, cause: str = "") -> None:
        """Fail the task.

        Args:
            error: the error's name, for Retry and Catch; cut to 256 characters.
            cause: what happened, for people; cut to 32,768 characters.

        Raises:
            InvalidArgument: one of them is no text.
            TaskTimedOut: the task is closed.
        """
        for what, text in (("error", error), ("cause", cause)):
            if not isinstance(text, str):
                raise InvalidArgument(f"a failure's {what} is text, not {text!r}")
        await self._end(_reports.failure(error, cause))

    async def _end(self, report: _reports.Report) -> None:
        operation, parameters = report
        await self._service.call(operation, taskToken=self._token, **parameters)

    async def heartbeat(self) -> None:
        """Report that the work goes on.

        Raises:
            TaskTimedOut: the task is closed.
        """
        await _reports.heartbeat(self._service, self._token)

    async def __aenter__(self) -> Self:
        if self._seconds is not None:
            await _reports.try_heartbeat(self._service, self._token, self._log)
        self._beats.start(interrupt=True)
        return self

    async def _beat(self) -> None:
        if self._seconds is not None:
            await _reports.beat(self._service, self._token, self._seconds, self._log)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = self._beats.release()
        with anyio.CancelScope(shield=True):
            try:
                if interrupted and isinstance(error, asyncio.CancelledError):
                    await self._beats.join()
                else:
                    await self._report(self._send_output() if error is None else self._send_failure(error))
            finally:
                await self._beats.stop()

    async def _report(self, sending: Coroutine[Any, Any, None]) -> None:
        """Report in a task of asyncio's own: `task.cancel()` and `asyncio.timeout` go through a shield."""
        report = Host(lambda: sending)
        report.start()
        try:
            await report.wait()
        except asyncio.CancelledError:
            try:
                await report.wait()
            except asyncio.CancelledError:
                self._log.warning("cancelled twice: whether its end was taken is not known")
                await report.stop()
            raise
        await report.join()

    async def _send_output(self) -> None:
        """Report the output; one that is none is the task's failure, too."""
        try:
            report = _reports.success(self.output, "the output", self._service.max_payload)
        except InvalidArgument as error:
            await self._send_failure(TaskOutputInvalid(str(error)))
            raise
        await _reports.send(self._service, self._token, report, self._log)

    async def _send_failure(self, error: BaseException) -> None:
        """Report the exception that leaves the block; what else goes wrong must not hide it."""
        try:
            await _reports.send(self._service, self._token, _reports.failure_of(error), self._log)
        except Exception as refusal:  # noqa: BLE001 - see above
            self._log.warning("its failure cannot be reported: %s", _reports.reason(refusal))
