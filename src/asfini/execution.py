"""Executions: one run of a machine, looked at and waited for."""

import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

import anyio

from asfini import _json
from asfini.errors import (
    ExecutionAborted,
    ExecutionError,
    ExecutionFailed,
    ExecutionTimedOut,
    InvalidArgument,
    Throttled,
)
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.history import Event

T = TypeVar("T")

FIRST_LOOK, LONGEST_GAP, GROWTH = 0.1, 3.0, 1.5
"""Seconds before the second look at an execution, between two later ones at most, and how the gap grows."""
EVENTS_PER_PAGE = 1000
"""The most that GetExecutionHistory gives at a time: its page in the API reference."""

_ERRORS: dict[str, type[ExecutionError]] = {
    error.status: error for error in (ExecutionFailed, ExecutionTimedOut, ExecutionAborted)
}
_FINISHED = frozenset({"SUCCEEDED", *_ERRORS})


class Execution:
    """One run of a machine. What it tells comes from the service at each call, until the execution has ended.

    Args:
        service: where it runs.
        arn: its ARN.
        description: what is known of it, by the API's names.
    """

    def __init__(self, service: Service, arn: str, description: dict[str, Any] | None = None) -> None:
        self._service = service
        self.arn = arn
        self._description = description or {}

    @property
    def name(self) -> str:
        """Its name."""
        parts = self.arn.split(":")
        return parts[7] if len(parts) > 7 else parts[-1]

    @property
    def state_machine_arn(self) -> str:
        """The ARN of the machine that it runs."""
        parts = self.arn.split(":")
        return ":".join([*parts[:5], "stateMachine", parts[6]])

    def __repr__(self) -> str:
        return f"Execution({self.arn!r})"

    async def describe(self) -> dict[str, Any]:
        """All that the service tells of it, by the API's own names."""
        return dict(await self._look())

    async def _look(self) -> dict[str, Any]:
        """Ask the service, unless nothing can change any more."""
        if _complete(self._description):
            return self._description
        description = await self._service.call("describe_execution", executionArn=self.arn)
        if _complete(description):
            self._description = description
        return description

    async def status(self) -> str:
        """`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`."""
        return str((await self.describe())["status"])

    async def start_date(self) -> datetime:
        """When it started."""
        date: datetime = self._description.get("startDate") or (await self.describe())["startDate"]
        return date

    async def stop_date(self) -> datetime | None:
        """When it ended; `None` while it runs."""
        date: datetime | None = (await self.describe()).get("stopDate")
        return date

    async def input(self) -> Any:
        """What it was started with, as JSON data."""
        return _json.loads((await self.describe()).get("input", "null"), "the input")

    @overload
    async def output(self) -> Any: ...
    @overload
    async def output(self, type: type[T]) -> T: ...
    async def output(self, type: Any = None) -> Any:
        """What it gave.

        Args:
            type: what to make of it, as pydantic does; JSON data by default.

        Raises:
            ExecutionError: it ended without success.
            InvalidArgument: it has not ended.
        """
        description = await self.describe()
        if description["status"] not in _FINISHED:
            raise InvalidArgument(f"execution {self.arn} has no output yet: it is {description['status']}")
        self._raise_for(description)
        return _read(description, type)

    @overload
    async def wait(self, *, timeout: float | None = None, raise_on_failure: bool = True) -> Any: ...
    @overload
    async def wait(
        self, type: type[T], *, timeout: float | None = None, raise_on_failure: bool = True
    ) -> T: ...
    async def wait(
        self, type: Any = None, *, timeout: float | None = None, raise_on_failure: bool = True
    ) -> Any:
        """Wait for its end.

        Asks the service from time to time, first soon and then every 3 seconds or so; a local service tells
        by itself.

        Args:
            type: what to make of the output, as pydantic does; JSON data by default.
            timeout: seconds to wait at the most; the execution goes on.
            raise_on_failure: whether an execution that ends without success is an error here.

        Returns:
            Its output; `None` where it did not succeed and that is no error.

        Raises:
            ExecutionError: it failed, timed out or was stopped: `ExecutionFailed`, …
            TimeoutError: it had not ended in time.
        """
        description = await (self._end() if timeout is None else self._end_within(timeout))
        if raise_on_failure:
            self._raise_for(description)
        return _read(description, type) if description["status"] == "SUCCEEDED" else None

    async def _end_within(self, seconds: float) -> dict[str, Any]:
        with anyio.move_on_after(seconds):
            return await self._end()
        raise TimeoutError(f"execution {self.arn} had not ended after {seconds} seconds")

    async def _end(self) -> dict[str, Any]:
        """Its description once it has ended. An output may come later than the status that says so."""
        gaps = _gaps()
        while True:
            with contextlib.suppress(Throttled):
                if _complete(description := await self._look()):
                    return description
                del description  # ten thousand may wait here
            await self._service.changed(self.arn, next(gaps))

    def _raise_for(self, description: dict[str, Any]) -> None:
        error = _ERRORS.get(description["status"])
        if error is not None:
            raise error(self.arn, description.get("error"), description.get("cause"))

    async def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Stop it; an execution that has ended stays as it is.

        Args:
            error: a name for the reason, at most 256 characters.
            cause: the reason, for people, at most 32,768 characters.
        """
        given = {"error": error, "cause": cause}
        parameters = {name: value for name, value in given.items() if value is not None}
        await self._service.call("stop_execution", executionArn=self.arn, **parameters)

    async def history(
        self, *, follow: bool = False, reverse: bool = False, include_data: bool = True
    ) -> "AsyncIterator[Event]":
        """Its events, one after the other.

        Args:
            follow: whether to wait for further events until it ends.
            reverse: whether to begin with the latest.
            include_data: whether events come with inputs, outputs, errors and causes.

        Raises:
            InvalidArgument: it is to be followed in reverse.
        """
        from asfini.history import parse_event  # noqa: PLC0415 - only who reads histories needs it

        if follow and reverse:
            raise InvalidArgument("a history is followed from its beginning on, not in reverse")
        seen, gaps = 0, _gaps()
        while True:
            ended = not follow or _complete(await self.describe())
            async for event in self._events(seen, reverse, include_data):
                seen, gaps = seen + 1, _gaps()
                yield parse_event(event)
            if ended:
                return
            await self._service.changed(self.arn, next(gaps), events_seen=seen)

    async def _events(self, skip: int, reverse: bool, include_data: bool) -> AsyncIterator[dict[str, Any]]:
        """Its events from some on, page by page."""
        parameters = {
            "executionArn": self.arn,
            "maxResults": EVENTS_PER_PAGE,
            "reverseOrder": reverse,
            "includeExecutionData": include_data,
        }
        while True:
            response = await self._service.call("get_execution_history", **parameters)
            for event in response["events"][skip:]:
                yield event
            skip = max(0, skip - len(response["events"]))
            if not response.get("nextToken"):
                return
            parameters["nextToken"] = response["nextToken"]

    async def format_history(self, *, cause: bool = False, input: bool = False) -> str:
        """Its history as text, a line or two for each event.

        Args:
            cause: whether to tell the causes of failures.
            input: whether to tell inputs.
        """
        from asfini.history import format_history  # noqa: PLC0415 - only who reads histories needs it

        events = [event async for event in self.history()]
        return format_history(events, cause=cause, input=input)


def _gaps() -> Iterator[float]:
    """Seconds between looks: soon at first, then rarer, and never in step with other waiters."""
    gap = FIRST_LOOK
    while True:
        yield gap * random.uniform(0.8, 1.2)  # noqa: S311 - jitter is no secret
        gap = min(gap * GROWTH, LONGEST_GAP)


def _complete(description: dict[str, Any]) -> bool:
    """Whether nothing more will come: AWS may say SUCCEEDED before it has the output."""
    status = description.get("status")
    if status == "SUCCEEDED":
        withheld = description.get("outputDetails", {}).get("included") is False
        return "output" in description or withheld
    return status in _FINISHED and "input" in description


def _read(description: dict[str, Any], type: Any) -> Any:
    text = description.get("output", "null")
    if type is None:
        return _json.loads(text, "the output")
    from pydantic import TypeAdapter  # noqa: PLC0415 - only typed outputs need it

    return TypeAdapter(type).validate_json(text)
