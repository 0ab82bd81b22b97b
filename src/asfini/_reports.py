"""Reporting on a task by its token: heartbeats, its end, and what an exception says of it."""

import asyncio
import hashlib
import logging
import random
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, NoReturn

import anyio

from asfini import _json
from asfini._host import meant_for_us, only_error
from asfini.errors import (
    AsfiniError,
    ConnectionFailed,
    InvalidArgument,
    InvalidRequest,
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

REPORT_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds, at most, between the tries to report a task's end, besides those that the service itself makes."""

REPORT_PATIENCE = 75.0
"""Seconds to wait for the answer to a report, which is then sent again: AWS's own clients give up before."""

HEARTBEAT_PATIENCE, HEARTBEAT_PAUSE = 4.0, 0.5
"""Seconds to wait for a heartbeat's answer, and before the next try, growing twofold.

An activity's Task allows a heartbeat to be 5 seconds late: that leaves time for a second one.
"""

LATE = 1.0
"""Seconds by which a heartbeat may be late before that is worth a warning."""

_FINAL = (*REJECTIONS, InvalidRequest, InvalidArgument)
"""What another try would meet again."""

Report = tuple[str, dict[str, str]]
"""An operation that ends a task, and its parameters but the token."""


class TaskLog(logging.LoggerAdapter[logging.Logger]):
    """Logs what happens to a task: with its activity and a hash of its token, which itself is secret.

    Args:
        logger: where to.
        token: the task's token.
        activity: the activity's name, if it is known.
    """

    def __init__(self, logger: logging.Logger, token: str, activity: str | None = None) -> None:
        super().__init__(logger)
        self._token = token
        self._activity = activity

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the task in front. Most tasks are never told of, so that the hash is made here."""
        digest = hashlib.sha256(self._token.encode(errors="backslashreplace")).hexdigest()[:8]
        extra = {"activity": self._activity, "token_hash": digest}
        return f"{self._activity or 'a'} task {digest}: {msg}", {**kwargs, "extra": extra}


def success(output: Any, what: str, most: int = _json.MAX_PAYLOAD_BYTES) -> Report:
    """The report of a task's output.

    Raises:
        InvalidArgument: it is not JSON, or has more bytes than there may be.
    """
    return "send_task_success", {"output": _json.payload(output, what, most)}


def failure(error: str, cause: str) -> Report:
    """The report of a task's failure; what is too long is cut."""
    return "send_task_failure", {"error": error[:MAX_ERROR_LENGTH], "cause": cause[:MAX_CAUSE_LENGTH]}


def failure_of(error: BaseException) -> Report:
    """The report of an exception: the name of its class, and how it came about."""
    error = _essence(error)
    if isinstance(error, TaskFailed):
        return failure(_text(error.error) or "TaskFailed", _text(error.cause))
    if isinstance(error, (TaskInputInvalid, TaskOutputInvalid)):
        return failure(type(error).__name__, _text(error))
    trace = theirs(error.__traceback__)
    told = "".join(traceback.format_exception(type(error), error, trace))  # what went wrong is at its end
    return failure(type(error).__name__, _text(told)[-MAX_CAUSE_LENGTH:])


def theirs(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from where it leaves this package."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("asfini."):
        trace = trace.tb_next
    return trace


def _essence(error: BaseException) -> BaseException:
    """The exception that a function raised, without what was wrapped around it on the way."""
    if isinstance(error, BaseExceptionGroup):
        error = only_error(error)
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        return error.__cause__  # coroutines cannot raise it as itself
    return error


def _text(value: Any) -> str:
    """Whatever an exception was given, as text that can be sent: half a surrogate pair cannot."""
    return str(value).encode(errors="backslashreplace").decode()


def reason(error: BaseException) -> str:
    """An error in a word, for logs: its message may quote payloads."""
    return error.code if isinstance(error, ServiceError) else type(error).__name__


async def call(service: Service, operation: str, **parameters: Any) -> Any:
    """Call an operation. What would end the running task is an error like any other, unless it is meant to.

    Raises:
        ServiceError: the service refused; or whatever else a wrapper around it raises.
    """
    try:
        return await service.call(operation, **parameters)
    except (Exception, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # such as a `CancelledError` of something else's
        if meant_for_us():
            raise
        raise ConnectionFailed(f"the call ended with {type(error).__name__}", operation=operation) from error


async def send(service: Service, token: str, report: Report, log: TaskLog) -> None:
    """Report a task's end; try again where that may help.

    One that had no answer and is refused when it is sent again counts as taken: it closed the task itself.

    Raises:
        ServiceError: the task is closed, or the report was refused to the last.
        InvalidArgument: the service is closed, or something on the way to it fails to the last.
    """
    operation, parameters = report
    unanswered = False
    for delay in (*REPORT_DELAYS, None):
        try:
            await _try_to_send(service, operation, taskToken=token, **parameters)
            return
        except REJECTIONS:
            if not unanswered:
                raise
            log.warning("its end was reported before, most likely: the answer was lost")
            return
        except _FINAL:
            raise
        except Exception as error:  # noqa: BLE001 - a result is worth another try, whatever went wrong
            if delay is None:
                _give_up(error)
            log.warning("its end was not taken: %s", reason(error))
            unanswered |= isinstance(error, ConnectionFailed | TimeoutError)
        await anyio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret


def _give_up(error: Exception) -> NoReturn:
    """Raise what a report met at last; an error that is not the service's is told by its name alone."""
    if isinstance(error, AsfiniError | TimeoutError):
        raise error
    raise InvalidArgument(f"the report cannot be sent: {type(error).__name__}") from error


async def _try_to_send(service: Service, operation: str, **parameters: str) -> None:
    async with asyncio.timeout(REPORT_PATIENCE):
        await call(service, operation, **parameters)


async def heartbeat(service: Service, token: str) -> None:
    """Report that the work on a task goes on."""
    await call(service, "send_task_heartbeat", taskToken=token)


async def try_heartbeat(service: Service, token: str, log: TaskLog) -> bool:
    """Send a heartbeat, and give up if no answer comes soon. A failure is only logged.

    Returns:
        Whether it was taken.

    Raises:
        TaskTimedOut: the task is closed.
        TaskDoesNotExist: the same.
    """
    why = "no answer"
    with anyio.move_on_after(HEARTBEAT_PATIENCE):
        try:
            await heartbeat(service, token)
            return True
        except REJECTIONS:
            raise
        except Exception as error:  # noqa: BLE001 - the next one may be taken, whatever went wrong
            why = reason(error)
    log.warning("a heartbeat was not taken: %s", why)
    return False


async def beat(service: Service, token: str, seconds: float, log: TaskLog) -> None:
    """Send heartbeats at an interval until one is rejected. One that fails is sent again soon.

    Raises:
        TaskTimedOut: the task is closed.
        TaskDoesNotExist: the same.
    """
    due, again = anyio.current_time() + seconds, HEARTBEAT_PAUSE
    while True:
        await anyio.sleep_until(due)
        began = anyio.current_time()
        if began - due > min(LATE, seconds):
            log.warning("a heartbeat is %.1f s late: something blocks the event loop", began - due)
        if await try_heartbeat(service, token, log):
            due, again = began + seconds, HEARTBEAT_PAUSE
        else:
            due, again = anyio.current_time() + min(again, seconds), again * 2
