"""One execution as the local service keeps it, and what its states share while it runs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from asfini import _json
from asfini.asl.definition import Definition
from asfini.asl.states import State
from asfini.local.failures import Failure
from asfini.local.journal import Journal, Thread, payload
from asfini.query.scope import Scope

if TYPE_CHECKING:
    from asfini.local.work import Workshop


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
    programs: dict[tuple[int, str], Any] = field(default_factory=dict)
    """Compiled expressions, by the state's identity and its field."""


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
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"

    def abort(self, failure: Failure = Failure(None)) -> None:  # noqa: B008 - it is never changed
        """Stop it."""
        self.journal.add("ExecutionAborted", 0, failure.details(), last=True)
        self.end("ABORTED", failure=failure)

    def end(self, status: str, output: str | None = None, failure: Failure | None = None) -> None:
        """Note its end, wake everybody who waits for it, and cut off what still runs."""
        self.status, self.stop_date, self.output, self.failure = status, self.journal.now(), output, failure
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            wake(waiter)

    async def ended(self) -> None:
        """Wait for its end."""
        if self.running:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    async def more(self, seen: int) -> None:
        """Wait for its end, or until there are more events than some."""
        if self.running and len(self.journal.events) <= seen:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self.journal.watchers.append(lambda: wake(waiter))
            await waiter


def wake(waiter: asyncio.Future[None]) -> None:
    """Let somebody go on who waits for a future, if they still do."""
    if not waiter.done():
        waiter.set_result(None)


class Outcome(NamedTuple):
    """What a state leads to."""

    output: Any
    next: str | None = None
    """The name of the state that follows, if any does."""
    assigned: dict[str, Any] | None = None
    """The variables that it sets."""


class Frame:
    """Where one line of states stands: an execution, a branch of a Parallel or an iteration of a Map.

    Args:
        run: the execution.
        thread: the events that it writes.
        language: the query language of states that name none.
        variables: the variables that it sees, by name.
        item: what the context object says of a Map's item.
    """

    __slots__ = ("_text", "_value", "entered", "item", "language", "retries", "run", "state", "thread", "token", "variables")

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
        self.entered: tuple[int, datetime] = (0, run.start_date)
        """The event with which the state was entered, and when."""
        self.retries = 0
        self.token: str | None = None
        self._value: Any = None
        self._text = "null"

    def text(self, value: Any) -> str:
        """Write a value as JSON; what states hand on unchanged is written once."""
        if value is not self._value:
            self._text = _json.dumps(value)
            self._value = value
        return self._text

    def inner(self, item: dict[str, Any] | None = None) -> "Frame":
        """A frame for a branch or an iteration, which reads this one's variables but sets its own."""
        thread = Thread(self.thread.journal, self.thread.previous)
        return Frame(self.run, thread, self.language, self.variables, item or self.item)

    def enter(self, state: State, value: Any) -> None:
        """Write that a state is entered."""
        self.state, self.retries, self.token = state, 0, None
        details = {"name": state.name, **payload("input", self.text(value))}
        number = self.thread.add(f"{kind(state)}StateEntered", details)
        self.entered = (number, self.thread.journal.events[-1]["timestamp"])

    def exit(self, state: State, output: Any, assigned: dict[str, Any] | None) -> None:
        """Write that a state is left, and make what it assigned visible to the next one."""
        details = {"name": state.name, **payload("output", self.text(output))}
        if assigned:
            details["assignedVariables"] = {name: _json.dumps(value) for name, value in assigned.items()}
            details["assignedVariablesDetails"] = {"truncated": False}
            self.variables = self.variables | assigned
        self.thread.add(f"{kind(state)}StateExited", details)
        self.state = None

    def scope(self, value: Any) -> Scope:
        """What the state's expressions can read, with `$` for a value."""
        return _LazyScope(value, self)

    def context(self) -> dict[str, Any]:
        """The context object: the page "Accessing execution data from the Context object"."""
        run = self.run
        context: dict[str, Any] = {
            "Execution": {
                "Id": run.arn,
                "Input": _json.loads(run.input),
                "Name": run.name,
                "RoleArn": run.machine.role_arn,
                "StartTime": iso(run.start_date),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": run.machine.arn, "Name": run.machine.name},
        }
        if self.state is not None:
            entered = iso(self.entered[1])
            context["State"] = {"Name": self.state.name, "EnteredTime": entered, "RetryCount": self.retries}
        if self.token is not None:
            context["Task"] = {"Token": self.token}
        if self.item is not None:
            context["Map"] = {"Item": self.item}
        return context


class _LazyScope(Scope):
    """A scope that makes the context object only where an expression reads it."""

    __slots__ = ("_frame",)

    def __init__(self, value: Any, frame: Frame) -> None:
        self.input = value
        self.variables = frame.variables
        self.random = frame.run.workshop.random
        self._frame = frame

    @property
    def context(self) -> Any:  # type: ignore[override]
        return self._frame.context()


def kind(state: State) -> str:
    """A state's type, as event types begin."""
    return str(getattr(state, "type", type(state).__name__))


def iso(moment: datetime) -> str:
    """Write a time as the context object does."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


