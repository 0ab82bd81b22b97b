"""One execution as the local service keeps it, and what its states share while it runs."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from asfini import _json
from asfini.asl.definition import Definition
from asfini.asl.states import CanFail, State, Wait
from asfini.errors import InvalidArgument
from asfini.local.dates import iso
from asfini.local.failures import Failure, too_large
from asfini.local.journal import Journal, Thread, wake
from asfini.local.mock_config import Case
from asfini.local.redrive import Place, Redrives, counted, place_of, standing

if TYPE_CHECKING:
    from asfini.local.branches import Lines
    from asfini.local.integrations import Exchanges
    from asfini.local.map_runs import MapRun
    from asfini.local.noting import Taken
    from asfini.local.work import Workshop

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Machine:
    """A registered machine as an execution sees it: updates later on do not reach it."""

    arn: str
    name: str
    kind: str
    role_arn: str
    definition_text: str
    definition: Definition
    revision: str
    updated: datetime
    configuration: dict[str, Any] = field(default_factory=dict)
    """What describing it tells of its options, by the API's names."""
    programs: dict[int, Any] = field(default_factory=dict)
    """What states make of data, compiled, by the state's identity."""
    language: str | None = None
    """The query language of states that name none, where that is not the definition's own."""
    taken: "Taken | None" = None
    """What counts what executions take of it, where somebody wants to know."""


_ENDINGS = {
    "ABORTED": "ExecutionAborted",
    "FAILED": "ExecutionFailed",
    "SUCCEEDED": "ExecutionSucceeded",
    "TIMED_OUT": "ExecutionTimedOut",
}
_NO_FAILURE = Failure(None)
_TIMED_OUT = Failure("States.Timeout")
"""What the event tells of an execution that took too long; its description tells nothing."""
_OPEN = frozenset({"PENDING_REDRIVE", "RUNNING"})
_UNREAD: Any = object()


@dataclass(slots=True, eq=False)
class Run:
    """One execution."""

    arn: str
    name: str
    machine: Machine
    input: str
    start_date: datetime
    journal: Journal
    workshop: "Workshop"
    trace_header: str | None = None
    status: str = "RUNNING"
    output: str | None = None
    failure: Failure | None = None
    stop_date: datetime | None = None
    task: asyncio.Task[None] | None = None
    """What runs it. Tasks of asyncio's own take a third of the memory that anyio's groups take."""
    association: Mapping[str, str] = field(default_factory=dict)
    """The ARNs of the version and of the alias that it was started by, by the API's names."""
    map_run_arn: str | None = None
    """The map run that it is a child of, if it is one."""
    redrivable: bool = True
    """Whether AWS counts its redrives: not for a synchronous one."""
    leaving: bool = False
    """Whether it ends at its next transition, and for good, for its machine is being deleted."""
    case: Case | None = None
    """The test case of mocked results that it goes through, if it goes through one."""
    frame: "Frame | None" = None
    """Where it stands while it runs."""
    place: Place | None = None
    """Where it stood when it ended without success; `None` if it had not begun."""
    redrives: Redrives | None = None
    on_end: Callable[["Run"], None] | None = None
    """What to call when it has ended."""
    _waiters: dict[asyncio.Future[None], None] = field(default_factory=dict)
    _value: Any = _UNREAD

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"

    @property
    def value(self) -> Any:
        """Its input, as data."""
        if self._value is _UNREAD:
            self._value = _json.loads(self.input)
        return self._value

    def abort(self, failure: Failure = _NO_FAILURE) -> None:
        """Stop it."""
        self.end("ABORTED", failure=failure)

    def time_out(self) -> None:
        """Stop it because its time is over."""
        self.end("TIMED_OUT")

    def end(
        self, status: str, *, output: str | None = None, failure: Failure | None = None, previous: int = 0
    ) -> None:
        """Write its end, cut off what still runs, and wake all who wait; once it has ended, do nothing.

        Args:
            status: how it ended.
            output: its output as JSON text.
            failure: why it ended without one.
            previous: the id of the event that led to its end.
        """
        if not self.running:
            return
        details = (failure or _TIMED_OUT).details() if output is None else {"output": output}
        self.journal.add(_ENDINGS[status], previous, details, last=True)
        self.stop_date, self.output, self.failure = self.journal.now(), output, failure
        if self.frame is not None:
            redrivable = output is None and self.machine.kind != "EXPRESS"
            self.place, self.frame = (place_of(self.frame) if redrivable else None), None
        if self.task is not None:
            self.task.cancel()
        self.change(status)
        if self.on_end is not None:
            self.on_end(self)

    def change(self, status: str) -> None:
        """Change its status, and wake all who wait for its end if that is it."""
        self.status = status
        if status not in _OPEN:
            wake(self._waiters)
            self._log()

    def reopen(self, token: str | None = None) -> None:
        """Let it go on after its end.

        Args:
            token: the client's token of the redrive.
        """
        self.stop_date = self.output = self.failure = None
        self.redrives = self.redrives or Redrives()
        self.redrives.add(token, self.journal.now())
        self.journal.reopen()
        self.journal.add("ExecutionRedriven", len(self.journal.events), {"redriveCount": self.redrives.count})
        self.change("RUNNING")

    async def settled(self) -> None:
        """Wait until all that its end cut off has come to an end, too."""
        if not self.running and self.task is not None:
            await asyncio.wait([self.task])

    def _log(self) -> None:
        """Write a line about its end, without any data."""
        if self.stop_date is not None and _logger.isEnabledFor(logging.INFO):
            name = ":".join(self.arn.split(":")[6:])
            seconds = (self.stop_date - self.start_date).total_seconds()
            _logger.info("execution %s: %s after %.3f s", name, self.status.lower(), seconds)

    def told(self, data: Callable[[str], Any], date: Callable[[datetime], Any]) -> dict[str, Any]:
        """Describe it as data of machines do: what `.sync` gives, or a ResultWriter writes.

        Args:
            data: what becomes of its input's and output's texts.
            date: what becomes of dates.
        """
        told = {
            "ExecutionArn": self.arn,
            "Input": data(self.input),
            "InputDetails": {"Included": True},
            "Name": self.name,
            "StartDate": date(self.start_date),
            "StateMachineArn": self.machine.arn,
            "Status": self.status,
            **{_upper(name): arn for name, arn in self.association.items()},
        }
        if self.stop_date is not None:
            told["StopDate"] = date(self.stop_date)
        if self.output is not None:
            told |= {"Output": data(self.output), "OutputDetails": {"Included": True}}
        if self.failure is not None:
            told |= {name.title(): text for name, text in self.failure.details().items()}
        for name, value in standing(self).items() if self.redrivable else ():
            told[_upper(name)] = date(value) if isinstance(value, datetime) else value
        return dict(sorted(told.items()))

    async def ended(self) -> None:
        """Wait for its end."""
        if self.status in _OPEN:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                del self._waiters[waiter]

    async def more(self, seen: int) -> None:
        """Wait for its end, or until there are more events than some."""
        if self.status in _OPEN and len(self.journal.events) <= seen:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = self.journal.watchers[waiter] = None
            try:
                await waiter
            finally:
                del self._waiters[waiter], self.journal.watchers[waiter]


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


class Outcome(NamedTuple):
    """What a state leads to."""

    output: Any
    next: str | None = None
    """The name of the state that follows, if any does."""
    assigned: dict[str, Any] | None = None
    """The variables that it sets."""
    by: Any = None
    """The rule or the catcher that leads there; `None` where it is the state's own way."""


class Frame:
    """Where one line of states stands: an execution, a branch of a Parallel or an iteration of a Map.

    Args:
        run: the execution.
        thread: the events that it writes.
        language: the query language of states that name none.
        variables: the variables that it sees, by name.
        item: what the context object says of a Map's item.
    """

    __slots__ = (
        "_size",
        "_text",
        "_value",
        "entered",
        "item",
        "iteration",
        "language",
        "lines",
        "map_run",
        "resumed",
        "retries",
        "run",
        "state",
        "thread",
        "token",
        "variables",
    )

    def __init__(
        self,
        run: Run,
        thread: Thread,
        language: str,
        variables: dict[str, Any],
        item: dict[str, Any] | None = None,
    ) -> None:
        self.run = run
        self.thread = thread
        self.language = language
        self.variables = variables
        self.item = item
        self.state: State | None = None
        self.entered = 0
        """The id of the event with which the state was entered."""
        self.retries = 0
        self.token: str | None = None
        self.iteration: dict[str, Any] | None = None
        """What events say of the iteration that it is in the middle of."""
        self.lines: Lines | None = None
        """The branches or iterations that its state runs, or failed of."""
        self.map_run: MapRun | None = None
        """The map run whose children its state runs, or failed of."""
        self.resumed: Place | None = None
        """Where it is to go on that stood there when the execution ended."""
        self._value: Any = None
        self._text = "null"
        self._size = 0

    def keep(self, value: Any, text: str) -> None:
        """Note the text of a value, which stays as it is while states hand the value on."""
        self._value, self._text, self._size = value, text, _json.size(text)

    def text(self, value: Any) -> str:
        """Write a value as JSON; what states hand on unchanged is written once."""
        if value is not self._value:
            self._text, self._size = written(value)
            self._value = value
        return self._text

    def fits(self, value: Any) -> bool:
        """Whether a value is within the limit of a payload."""
        self.text(value)
        return self._size <= _json.MAX_PAYLOAD_BYTES

    def inner(self) -> "Frame":
        """A frame for a branch or an iteration, which reads this one's variables but sets its own."""
        thread = Thread(self.thread.journal, self.thread.previous)
        inner = Frame(self.run, thread, self.language, self.variables, self.item)
        inner._value, inner._text, inner._size = self._value, self._text, self._size
        return inner

    @property
    def inner_lines(self) -> list["Frame"]:
        """Where the branches or iterations of its state stand."""
        return [] if self.lines is None else self.lines.frames

    def cut(self) -> None:
        """Let nothing more be written of this line, nor of any inside of it."""
        self.thread.journal = self.thread.journal.shut()
        for inner in self.inner_lines:
            inner.cut()

    def check_open(self) -> None:
        """Go no further where the execution has ended, or the line was cut off, at this very moment.

        Raises:
            CancelledError: so it is.
        """
        if self.thread.journal.closed:
            raise asyncio.CancelledError

    def leave(self) -> None:
        """End the execution, for its machine is being deleted, and go no further.

        Raises:
            CancelledError: always.
        """
        self.run.abort()
        self.check_open()

    def forget(self) -> None:
        """Do all anew that is inside of its state, where it is done once more."""
        self.lines = self.map_run = self.resumed = None

    def resume(self, state: State, place: Place) -> Any:
        """Go on in a state that was entered before the execution ended.

        Returns:
            The state's input.
        """
        self.check_open()
        text = self.thread.journal.events[place.entered - 1]["stateEnteredEventDetails"]["input"]
        value = _json.loads(text)
        self.keep(value, text)
        self.variables = place.variables
        self.resumed = place if place.within else None
        self.state, self.entered, self.retries, self.token = state, place.entered, 0, None
        if kind(state) == "Fail":  # AWS says that it is entered once more; all others are gone on with
            self.enter(state, value)
        return value

    @property
    def exchanges(self) -> "Exchanges | None":
        """What wants to know the requests and responses of HTTP tasks: nothing, but in a test of a state."""
        return None

    def enter(self, state: State, value: Any) -> None:
        """Write that a state is entered."""
        details = {"name": state.name, "input": self.text(value)}
        self.entered = self.thread.add(f"{kind(state)}StateEntered", details)
        self.state, self.retries, self.token = state, 0, None

    def cause(self, reason: str) -> str:
        """Say where the machine could not go on, and why, in AWS's words."""
        name = "" if self.state is None else self.state.name
        where = f"the state '{name}' (entered at the event id #{self.entered})"
        return f"An error occurred while executing {where}. {reason}"

    def evaluation_failed(self, failure: Failure, location: str | None) -> None:
        """Write that an expression failed; on AWS this follows what came before the state was entered."""
        details = {**failure.details(), "state": "" if self.state is None else self.state.name}
        if location is not None:
            details["location"] = location
        if self.thread.previous == self.entered and not isinstance(self.state, Wait):
            self.thread.previous = self.thread.journal.events[self.entered - 1]["previousEventId"]
        self.thread.add("EvaluationFailed", details)

    def exit(self, state: State, outcome: Outcome) -> None:
        """Write that a state is left, and make what it assigned visible to the next one."""
        details: dict[str, Any] = {"name": state.name, "output": self.text(outcome.output)}
        if outcome.assigned:
            texts = {name: written(value) for name, value in outcome.assigned.items()}
            if sum(size for _, size in texts.values()) > _json.MAX_PAYLOAD_BYTES:
                raise too_large(state.name)
            details["assignedVariables"] = {name: text for name, (text, _) in texts.items()}
        self.thread.add(f"{kind(state)}StateExited", details)
        self.state = None
        if outcome.assigned:
            self.variables = self.variables | outcome.assigned

    def context(self) -> dict[str, Any]:
        """The context object: the page "Accessing execution data from the Context object"."""
        run = self.run
        execution = {
            "Id": run.arn,
            "Input": run.value,
            "StartTime": iso(run.start_date),
            "Name": run.name,
            "RoleArn": run.machine.role_arn,
        }
        if run.redrivable:
            redrives = counted(run)
            execution["RedriveCount"] = redrives["redriveCount"]
            if "redriveDate" in redrives:
                execution["RedriveTime"] = iso(redrives["redriveDate"])
        machine = {"Id": run.machine.arn, "Name": run.machine.name}
        context: dict[str, Any] = {"Execution": execution, "StateMachine": machine}
        if self.state is not None:
            context["State"] = self._state_context(self.state)
        if self.token is not None:
            context["Task"] = {"Token": self.token}
        if self.item is not None:
            context["Map"] = {"Item": self.item}
        return context

    def _state_context(self, state: State) -> dict[str, Any]:
        entered = self.thread.journal.events[self.entered - 1]["timestamp"]
        context = {"Name": state.name, "EnteredTime": iso(entered)}
        return context | {"RetryCount": self.retries} if isinstance(state, CanFail) else context


def written(value: Any) -> tuple[str, int]:
    """Write a value as JSON that UTF-8 can hold, and count its bytes."""
    text = _json.dumps(value)
    try:
        return text, _json.size(text)
    except InvalidArgument:  # half of a surrogate pair, which JSON can hold as an escape, but UTF-8 cannot
        text = json.dumps(value, separators=(",", ":"))
        return text, len(text)


def identifier(random: Random) -> str:
    """Draw a UUID, which a seed repeats."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def kind(state: State) -> str:
    """A state's type, as event types begin."""
    return str(state.held("type") or type(state).__name__)
