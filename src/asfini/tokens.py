"""Tasks by token: to complete what an activity deferred, or what waits for a token."""

import hashlib
import logging
import traceback
from types import TracebackType
from typing import Any, Self

import anyio

from asfini import _json
from asfini._host import Host, only_error
from asfini.errors import (
    InvalidArgument,
    ServiceError,
    TaskDoesNotExist,
    TaskFailed,
    TaskInputInvalid,
    TaskOutputInvalid,
    TaskTimedOut,
)
from asfini.service import Service

MAX_ERROR_LENGTH, MAX_CAUSE_LENGTH = 256, 32_768
"""The most characters of a failure's name and cause: SendTaskFailure in the API reference."""

REJECTIONS = (TaskTimedOut, TaskDoesNotExist)
"""How the service says that a task is closed: it timed out, was completed, or its execution has ended."""

_logger = logging.getLogger(__name__)


async def succeed(service: Service, token: str, output: Any) -> None:
    """Report a task's output."""
    text = _json.payload(output, "the output")
    await service.call("send_task_success", taskToken=token, output=text)


async def fail(service: Service, token: str, error: str, cause: str) -> None:
    """Report a task's failure; what is too long is cut."""
    await service.call(
        "send_task_failure", taskToken=token, error=error[:MAX_ERROR_LENGTH], cause=cause[:MAX_CAUSE_LENGTH]
    )


async def heartbeat(service: Service, token: str) -> None:
    """Report that the work on a task goes on."""
    await service.call("send_task_heartbeat", taskToken=token)


async def beat(service: Service, token: str, seconds: float) -> None:
    """Send heartbeats at an interval, until one is rejected.

    Errors other than a rejection are logged, and the next heartbeat is tried as usual.

    Returns:
        When the task is closed: it timed out, or its execution has ended.
    """
    while True:
        await anyio.sleep(seconds)
        try:
            await heartbeat(service, token)
        except REJECTIONS:
            return
        except ServiceError as error:
            _logger.warning("task %s: a heartbeat was not taken: %s", short(token), error.code)


def short(token: str) -> str:
    """A short hash of a token, for logs: tokens themselves are secret."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]


def reported(error: BaseException) -> tuple[str, str]:
    """The name and cause with which an exception is reported: its class, and how it came about."""
    if isinstance(error, TaskFailed):
        return error.error, error.cause
    if isinstance(error, BaseExceptionGroup) and not isinstance(only_error(error), BaseExceptionGroup):
        return reported(only_error(error))
    name = type(error).__name__
    if isinstance(error, (TaskInputInvalid, TaskOutputInvalid)):
        return name, str(error)
    return name, "".join(traceback.format_exception(error))[-MAX_CAUSE_LENGTH:]


class TaskHandle:
    """A task whose token is known.

    In a block it reports by itself: heartbeats while the block runs, `output` when it ends, or the exception that
    leaves it, which goes on.

    Args:
        service: where the task is.
        token: the task's token.
        heartbeat_seconds: seconds between two heartbeats in a block; `None` for none.
    """

    def __init__(self, service: Service, token: str, *, heartbeat_seconds: float | None = 20) -> None:
        if not isinstance(token, str) or not token:
            raise InvalidArgument("a task's token is needed")
        self._service = service
        self._token = token
        self._seconds = heartbeat_seconds
        self._beats: Host | None = None
        self.output: Any = None
        """What a block reports when it ends."""

    async def succeed(self, output: Any = None) -> None:
        """Complete the task.

        Args:
            output: JSON data, or anything that pydantic makes JSON of.

        Raises:
            InvalidArgument: the output is not JSON, or has more than 262,144 bytes.
            TaskTimedOut: the task is closed.
        """
        await succeed(self._service, self._token, output)

    async def fail(self, error: str, cause: str = "") -> None:
        """Fail the task.

        Args:
            error: the error's name, for Retry and Catch; cut to 256 characters.
            cause: what happened, for people; cut to 32,768 characters.
        """
        await fail(self._service, self._token, error, cause)

    async def heartbeat(self) -> None:
        """Report that the work goes on.

        Raises:
            TaskTimedOut: the task is closed.
        """
        await heartbeat(self._service, self._token)

    async def __aenter__(self) -> Self:
        if self._seconds is not None:
            seconds = self._seconds
            self._beats = Host(lambda: beat(self._service, self._token, seconds))
            self._beats.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.succeed(self.output)
        finally:
            with anyio.CancelScope(shield=True):
                if self._beats is not None:
                    await self._beats.stop()
                if error is not None:
                    await self._fail_with(error)

    async def _fail_with(self, error: BaseException) -> None:
        """Report the exception that leaves the block; what else goes wrong must not hide it."""
        try:
            await fail(self._service, self._token, *reported(error))
        except ServiceError as refusal:
            _logger.warning("task %s: its failure was not taken: %s", short(self._token), refusal.code)
