"""Executions: one run of a machine, looked at and waited for."""

import functools
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import anyio

from asfini import _checks, _json
from asfini._arguments import reasons
from asfini._arns import Arn
from asfini._budget import GROWTH, jittered
from asfini._reports import MAX_CAUSE_LENGTH, MAX_ERROR_LENGTH
from asfini._watching import FIRST_GAP, LONGEST_GAP, Watcher, watcher_of
from asfini.errors import (
    AsfiniError,
    ExecutionAborted,
    ExecutionError,
    ExecutionFailed,
    ExecutionOutputInvalid,
    ExecutionTimedOut,
    InvalidArgument,
)
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.history import Event
    from asfini.machine import StateMachine
    from asfini.view.explaining import Explanation
    from asfini.view.graphs import Graph
    from asfini.view.marks import Marks

T = TypeVar("T")
_logger = logging.getLogger(__name__)

FIRST_LOOK = 5.0
"""Seconds for the first look at an execution, even if the wait is to be shorter."""
STOP_SECONDS = 30.0
"""Seconds, at most, for which stopping an execution holds up whoever is cancelled."""
EVENTS_PER_PAGE, LATEST_EVENTS = 1000, 100
"""How many events to ask for: the most that GetExecutionHistory gives, and its default."""

_ERRORS: dict[str, type[ExecutionError]] = {
    error.status: error for error in (ExecutionFailed, ExecutionTimedOut, ExecutionAborted)
}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_FINISHED = frozenset({"SUCCEEDED", *_ERRORS})
_LAST_EVENTS = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})


class Execution:
    """One run of a machine. What it tells comes from the service at each call, until it has succeeded.

    Args:
        service: where it runs.
        arn: its ARN.
        description: what is known of it, by the API's names.

    Raises:
        InvalidArgument: the ARN is not an execution's.
    """

    def __init__(self, service: Service, arn: str, description: dict[str, Any] | None = None) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        taken_apart = Arn.parse(arn)
        if taken_apart.kind not in ("execution", "express") or len(taken_apart.parts) < 2:
            raise InvalidArgument(f"an execution's ARN is needed, not {arn!r}")
        if not (description is None or isinstance(description, dict)):
            raise InvalidArgument(f"description is what describe_execution tells, not {description!r}")
        self._service = service
        self.arn = arn
        """The execution's ARN."""
        self._description = description or {}
        self._redriven: datetime | None = None
        """When it was last redriven from here: what is told of an end before that is out of date."""
        self._started_at: float | None = None
        """When it was started from here, by the loop's clock."""
        self._ended: dict[str, Any] | None = None
        """What is known of its end, where that was noticed; perhaps less than a description."""

    @property
    def name(self) -> str:
        """Its name."""
        return Arn.parse(self.arn).parts[1]

    @property
    def state_machine_arn(self) -> str:
        """The ARN of the machine that it runs."""
        arn = Arn.parse(self.arn)
        return str(Arn(arn.account, "stateMachine", arn.parts[:1]))

    def __repr__(self) -> str:
        return f"Execution({self.arn!r})"

    # Looking

    async def describe(self) -> dict[str, Any]:
        """All that the service tells of it, by the API's own names."""
        if not _final(self._description):
            description = await self._service.call("describe_execution", executionArn=self.arn)
            if not _final(description):
                return description
            self._description = description
        return dict(self._description)

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
        return _json.loads((await self.describe()).get("input", "null"), f"the input of {self.arn}")

    @overload
    async def output(self, type: type[T]) -> T: ...
    @overload
    async def output(self, type: Any = None) -> Any: ...
    async def output(self, type: Any = None) -> Any:
        """What it gave.

        Args:
            type: what to make of it, as pydantic does; JSON data by default.

        Raises:
            ExecutionError: it ended without success.
            ExecutionOutputInvalid: it does not fit the type.
            InvalidArgument: it has not ended, or the type is none.
        """
        read = reader(type)
        description = self._ended or await self.describe()
        if description["status"] not in _FINISHED:
            raise InvalidArgument(f"execution {self.arn} has no output yet: it is {description['status']}")
        self._raise_for(description)
        return read(description, self.arn)

    # Waiting

    @overload
    async def wait(
        self,
        type: type[T],
        *,
        timeout: float | None = None,
        raise_on_failure: Literal[True] = True,
        stop_on_cancel: bool = False,
    ) -> T: ...
    @overload
    async def wait(
        self,
        type: type[T],
        *,
        timeout: float | None = None,
        raise_on_failure: bool,
        stop_on_cancel: bool = False,
    ) -> T | None: ...
    @overload
    async def wait(
        self,
        type: Any = None,
        *,
        timeout: float | None = None,
        raise_on_failure: bool = True,
        stop_on_cancel: bool = False,
    ) -> Any: ...
    async def wait(
        self,
        type: Any = None,
        *,
        timeout: float | None = None,
        raise_on_failure: bool = True,
        stop_on_cancel: bool = False,
    ) -> Any:
        """Wait for its end.

        Asks the service from time to time, first soon and then every 3 seconds or so; thousands that wait at
        once ask together, within AWS's quotas. A local service tells by itself.

        Args:
            type: what to make of the output, as pydantic does; JSON data by default.
            timeout: seconds to wait at the most; the execution goes on. There is time for one look, whatever
                they are: up to 5 seconds.
            raise_on_failure: whether an execution that ends without success is an error here.
            stop_on_cancel: whether the execution is stopped where the wait is cancelled or takes too long.

        Returns:
            Its output; `None` where it did not succeed and that is no error.

        Raises:
            ExecutionError: it failed, timed out or was stopped: `ExecutionFailed`, …
            TimeoutError: it had not ended in time.
            ExecutionOutputInvalid: its output does not fit the type.
        """
        _checks.seconds(timeout=timeout)
        _checks.flags(raise_on_failure=raise_on_failure, stop_on_cancel=stop_on_cancel)
        read = reader(type)
        try:
            description = await (self._looks() if timeout is None else self._end(timeout))
        except (anyio.get_cancelled_exc_class(), TimeoutError):
            if stop_on_cancel:
                await self._abandon()
            raise
        if raise_on_failure:
            self._raise_for(description)
        return read(description, self.arn) if description["status"] == "SUCCEEDED" else None

    async def _end(self, timeout: float) -> dict[str, Any]:
        """Its description once it has ended, if that is in time; once there was a look, the time counts."""
        deadline = anyio.current_time() + timeout
        with anyio.move_on_after(max(timeout, FIRST_LOOK)) as scope:
            return await self._looks(lambda: setattr(scope, "deadline", deadline))
        raise TimeoutError(f"execution {self.arn} had not ended after {timeout} seconds")

    async def _looks(self, on_look: Callable[[], None] | None = None) -> dict[str, Any]:
        """Look until it has ended."""
        if (known := self._known_end()) is not None:
            return known
        with self._watcher().watch(self.arn, started_at=self._started_at, on_look=on_look) as watch:
            await watch.begin()
            while not self._is_end(description := await watch.look()):
                finished = description["status"] in _FINISHED
                del description  # ten thousand may wait here
                await watch.pause(finished=finished)
        if _final(description):
            self._description = description
        self._ended = description if description["status"] == "SUCCEEDED" else None
        return description

    def _known_end(self) -> dict[str, Any] | None:
        """Its description, if its end is known; a failure is known once, for it may be redriven elsewhere."""
        if _final(self._description):
            return self._description
        known = self._ended
        if known is not None and known["status"] != "SUCCEEDED":
            self._ended = None
        return known

    async def _notice(self, *, stop_on_cancel: bool) -> None:
        """Wait for its end, which the next `wait` then gives without asking."""
        try:
            self._ended = await self._looks()
        except anyio.get_cancelled_exc_class():
            if stop_on_cancel:
                await self._abandon()
            raise

    async def _abandon(self) -> None:
        """Stop it, for nobody waits for it any more; failing at that is told, but no error."""
        with anyio.move_on_after(STOP_SECONDS, shield=True) as scope:
            try:
                await self._watcher().call(
                    "stop_execution",
                    executionArn=self.arn,
                    error="Cancelled",
                    cause="the program that waited for it was cancelled",
                )
            except AsfiniError as error:
                _logger.warning("%s could not be stopped: %s", self.arn, error)
        if scope.cancelled_caught:
            _logger.warning("%s could not be stopped within %.0f s", self.arn, STOP_SECONDS)

    def _watcher(self) -> Watcher:
        return watcher_of(self._service, self.arn)

    def _is_end(self, description: dict[str, Any]) -> bool:
        """Whether a description tells all of an end, and of the last one: AWS's may lag behind."""
        finished = description["status"] in _FINISHED and _whole(description)
        return finished and self._is_current(description)

    def _is_current(self, description: dict[str, Any]) -> bool:
        """Whether a description is younger than the last redrive from here: AWS's may lag behind."""
        return self._redriven is None or description.get("redriveDate", _LONG_AGO) >= self._redriven

    def _raise_for(self, description: dict[str, Any]) -> None:
        error = _ERRORS.get(description["status"])
        if error is not None:
            raise error(self.arn, description.get("error"), description.get("cause"))

    async def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Stop it; an execution that has ended stays as it is.

        Args:
            error: a name for the reason; cut to 256 characters.
            cause: the reason, for people; cut to 32,768 characters.
        """
        _checks.texts(error=error, cause=cause)
        parameters = {"executionArn": self.arn}
        if error is not None:
            parameters["error"] = error[:MAX_ERROR_LENGTH]
        if cause is not None:
            parameters["cause"] = cause[:MAX_CAUSE_LENGTH]
        await self._service.call("stop_execution", **parameters)

    async def redrive(self) -> datetime:
        """Let it go on from where it failed, timed out or was stopped; `wait` waits for its new end then.

        Returns:
            The date of the redrive.

        Raises:
            ExecutionNotRedrivable: it succeeded, still runs, ended more than 14 days ago, or is one of an
                EXPRESS machine.
        """
        told = await self._service.call(
            "redrive_execution", executionArn=self.arn, clientToken=str(uuid.uuid4())
        )
        date: datetime = told["redriveDate"]
        self._redriven, self._ended = date, None
        return date

    # What happened

    async def machine(self) -> "StateMachine":
        """The machine that it runs, as it was when it started."""
        from asfini.machine import machine_told

        told = await self._service.call("describe_state_machine_for_execution", executionArn=self.arn)
        express = Arn.parse(self.arn).kind == "express"
        return machine_told({**told, "type": "EXPRESS" if express else "STANDARD"})

    async def history(
        self, *, follow: bool = False, reverse: bool = False, include_data: bool = True
    ) -> "AsyncIterator[Event]":
        """Its events, one after the other.

        Args:
            follow: whether to wait for further events until it ends.
            reverse: whether to begin with the latest.
            include_data: whether events come with their inputs and outputs.

        Raises:
            InvalidArgument: it is to be followed in reverse.
        """
        from asfini.history import parse_event  # only who reads histories needs it

        _checks.flags(follow=follow, reverse=reverse, include_data=include_data)
        if follow and reverse:
            raise InvalidArgument("a history is followed from its beginning on, not in reverse")
        last: dict[str, Any] = {"type": "", "id": 0}
        async for page in self._pages(patient=follow, reverse=reverse, include_data=include_data):
            for last in page:
                yield parse_event(last)
        gap = FIRST_GAP
        while follow and last["type"] not in _LAST_EVENTS:
            await self._service.changed(self.arn, jittered(gap), events_seen=last["id"])
            gap = min(gap * GROWTH, LONGEST_GAP)
            for event in await self._events_after(last["id"], include_data):
                last, gap = event, FIRST_GAP
                yield parse_event(event)

    async def _pages(
        self, *, patient: bool, reverse: bool, include_data: bool, size: int = EVENTS_PER_PAGE
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Its events as the API has them, page by page."""
        call = self._watcher().call if patient else self._service.call
        parameters: dict[str, Any] = {
            "executionArn": self.arn,
            "maxResults": size,
            "reverseOrder": reverse,
            "includeExecutionData": include_data,
        }
        while True:
            response = await call("get_execution_history", **parameters)
            yield response["events"]
            if not response.get("nextToken"):
                return
            parameters["nextToken"] = response["nextToken"]

    async def _events_after(self, seen: int, include_data: bool) -> list[dict[str, Any]]:
        """The events after one that is known by its id, read from the end: they are mostly few."""
        found: dict[int, dict[str, Any]] = {}
        latest = self._pages(patient=True, reverse=True, include_data=include_data, size=LATEST_EVENTS)
        async with aclosing(latest):
            async for page in latest:
                found |= {event["id"]: event for event in page if event["id"] > seen}
                if page and page[0]["id"] > page[-1]["id"] <= seen:  # moto knows no reverse order
                    break
        return [event for _, event in sorted(found.items())]

    async def format_history(self, *, cause: bool = False, input: bool = False) -> str:
        """Its history as text, a line or two for each event.

        Args:
            cause: whether to tell the causes of failures.
            input: whether to tell inputs.
        """
        from asfini.history import format_history  # only who reads histories needs it

        _checks.flags(cause=cause, input=input)
        events = [event async for event in self.history()]
        return format_history(events, cause=cause, input=input)

    async def explain(self, *, children: bool = True) -> "Explanation":
        """Why it failed: where, of what, after which tries; or what it waits for. As text, it is for people.

        Args:
            children: whether to explain nested executions, and a child of a map run, that it failed of.

        Raises:
            ServiceError: it has no history, as those of EXPRESS machines.
        """
        from asfini._inspection import explained  # only who asks needs it

        _checks.flags(children=children)
        return await explained(self._service, self.arn, children=children)

    async def graph(self) -> "tuple[Graph, Marks]":
        """The graph of its machine, and how it went there: `graph.to_svg(marks)` draws both.

        Raises:
            InvalidArgument: what it runs cannot be read.
            ServiceError: it has no history, as those of EXPRESS machines.
        """
        from asfini._inspection import inspect  # only who draws needs all this
        from asfini.view.graphs import graph
        from asfini.view.marks import mark

        found = await inspect(self._service, self.arn)
        if found.definition is None:
            allow = "allow states:DescribeStateMachineForExecution"
            raise InvalidArgument(f"what {self.arn} runs cannot be read: {allow}")
        drawn = graph(found.definition)
        return drawn, mark(drawn, found.run)

    async def to_svg(self) -> str:
        """Draw it over its machine: outcomes, retries, durations.

        Raises:
            InvalidArgument: what it runs cannot be read.
            ServiceError: it has no history, as those of EXPRESS machines.
        """
        drawn, marks = await self.graph()
        return drawn.to_svg(marks)

    async def to_html(self) -> str:
        """Write a page about it: its graph, its timeline, its events with their data. It loads nothing.

        Raises:
            ServiceError: it has no history, as those of EXPRESS machines.
        """
        from asfini._inspection import inspect  # only who asks needs all this
        from asfini.view.reporting import report

        found = await inspect(self._service, self.arn)
        return report(found.run, found.definition, name=self.name, arn=self.arn)

    async def to_trace(self) -> dict[str, Any]:
        """Make a trace of it, JSON data that Perfetto and chrome://tracing open.

        Raises:
            ServiceError: it has no history, as those of EXPRESS machines.
        """
        from asfini._inspection import inspect  # only who asks needs all this
        from asfini.view.tracing import trace

        return trace((await inspect(self._service, self.arn)).run, name=self.name)


def _final(description: dict[str, Any]) -> bool:
    """Whether a description says all that there will ever be to say: only what failed can be redriven."""
    if "billingDetails" in description:  # the response of StartSyncExecution: such ones cannot be described
        return True
    return description.get("status") == "SUCCEEDED" and "startDate" in description and _whole(description)


def _whole(description: dict[str, Any]) -> bool:
    """Whether a finished execution is told of completely: AWS may say SUCCEEDED before it has the output."""
    withheld = description.get("outputDetails", {}).get("included") is False
    return description["status"] != "SUCCEEDED" or "output" in description or withheld


def reader(type: Any) -> Callable[[dict[str, Any], str], Any]:
    """What makes of the output in an execution's description what a type says.

    Args:
        type: anything that pydantic knows; `None` for JSON data.

    Raises:
        InvalidArgument: pydantic does not know it.
    """
    if type is None:
        return _data
    try:
        return functools.partial(_fitted, _adapter(type))
    except TypeError:  # it has no hash
        return functools.partial(_fitted, _adapter.__wrapped__(type))


def _data(description: dict[str, Any], arn: str) -> Any:
    return _json.loads(description.get("output", "null"), f"the output of {arn}")


def _fitted(adapter: Any, description: dict[str, Any], arn: str) -> Any:
    from pydantic import ValidationError

    try:
        return adapter.validate_json(description.get("output", "null"))
    except ValidationError as error:  # it quotes the output, which may be secret
        told = reasons(error, adapter.core_schema)
        raise ExecutionOutputInvalid(f"the output of {arn} does not fit: {told}") from None


@functools.lru_cache(maxsize=256)
def _adapter(type: Any) -> Any:
    from pydantic import TypeAdapter

    try:
        adapter = TypeAdapter(type)
        adapter.rebuild()
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InvalidArgument(f"{type!r} is no type that an output can be made of: {reason}") from error
    return adapter
