"""What a history is folded into: a run, with its lines of states, with their attempts.

A `Run` has one `Line`, the execution's own. A line has the runs of its states in order, a `StateRun` the
`Attempt`s of a Task, Parallel or Map, and an attempt of the latter two the lines inside of it: branches or
iterations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from asfini.history import Event

Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "CAUGHT", "ABORTED", "TIMED_OUT"]
"""How a part of a run stands: in the API's words, and `CAUGHT` for a state whose failure a Catch took."""
FAILURES = frozenset({"FAILED", "TIMED_OUT"})


class _Lasting:
    """What has a beginning and mostly an end."""

    __slots__ = ()
    started: datetime | None
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took; `None` while it runs, or where its beginning is not known."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()


@dataclass(slots=True, eq=False)
class Attempt(_Lasting):
    """One try of a state: of a task, of all branches or iterations, or of an expression that failed."""

    state: "StateRun" = field(repr=False)
    number: int
    """Which of the state's it is, from 1; a redrive goes on counting."""
    started: datetime | None
    ended: datetime | None = None
    status: Status = "RUNNING"
    error: str | None = None
    cause: str | None = None
    redrives: int = 0
    """How often the execution had been redriven before: retries count anew each time."""
    events: list[Event] = field(default_factory=list, repr=False)
    """Its own events, without those of the lines inside."""
    scheduled: Event | None = None
    """The event with which a task was scheduled: it tells the resource and the input."""
    taken: Event | None = None
    """The event with which a task was started: of an activity it tells the worker."""
    submitted: Event | None = None
    """The event with which a service took a job that is waited for."""
    finished: Event | None = None
    """The event with which a task or a map run ended."""
    lines: list["Line"] = field(default_factory=list, repr=False)
    """The branches or iterations, in the order in which they began."""
    length: int | None = None
    """How many items a Map has."""
    map_run_arn: str | None = None
    """The run of a distributed Map, whose items are executions of their own."""
    failed_in: "StateRun | None" = field(default=None, repr=False)
    """The state in one of the lines with whose failure this attempt failed."""

    @property
    def resource(self) -> str | None:
        """What does the task: an ARN, or service and action such as `sqs:sendMessage`."""
        found = self.scheduled or self.taken
        name = getattr(found, "integration", None) or getattr(found, "resource", None)
        return None if name is None else str(name)

    @property
    def output(self) -> Any:
        """What a task gave, as JSON data; `None` where it gave nothing."""
        return getattr(self.finished, "output", None)

    @property
    def input(self) -> Any:
        """What a task was given, as JSON data."""
        found = getattr(self.scheduled, "parameters", None)
        return getattr(self.scheduled, "input", None) if found is None else found


@dataclass(slots=True, eq=False)
class StateRun(_Lasting):
    """A state from being entered to being left."""

    name: str
    type: str
    """`Task`, `Map`, …: as the States Language says."""
    line: "Line" = field(repr=False)
    started: datetime | None = None
    ended: datetime | None = None
    status: Status = "RUNNING"
    entered: Event | None = field(default=None, repr=False)
    exited: Event | None = field(default=None, repr=False)
    attempts: list[Attempt] = field(default_factory=list, repr=False)
    """Its tries, of Tasks, Parallels and Maps; of others only those in which an expression failed."""
    error: str | None = None
    """The last error, be it caught or not."""
    cause: str | None = None

    @property
    def input(self) -> Any:
        """Its input, before InputPath is applied, as JSON data."""
        return getattr(self.entered, "input", None)

    @property
    def output(self) -> Any:
        """Its output, after OutputPath is applied, as JSON data; `None` if it was not left."""
        return getattr(self.exited, "output", None)

    @property
    def retries(self) -> int:
        """How often it was tried again, redrives included."""
        return max(len(self.attempts) - 1, 0)

    @property
    def lines(self) -> list["Line"]:
        """The branches or iterations of its last attempt."""
        return self.attempts[-1].lines if self.attempts else []

    @property
    def open(self) -> bool:
        """Whether it has come to no end yet."""
        return self.status == "RUNNING"

    @property
    def within(self) -> "list[StateRun]":
        """The states that it stands in, the outermost first."""
        found: list[StateRun] = []
        state = self.line.parent
        while state is not None:
            found.append(state)
            state = state.line.parent
        return found[::-1]

    @property
    def place(self) -> list[str]:
        """Where it stands, for people: `["fan out", "branch 1", "pay"]`; branches and items count from 0."""
        words: list[str] = []
        for state in (*self.within, self):
            words += [*state.line.label, state.name]
        return words


@dataclass(slots=True, eq=False)
class Line(_Lasting):
    """States that follow each other: the execution itself, a branch or an iteration."""

    kind: Literal["execution", "branch", "iteration"]
    attempt: Attempt | None = field(default=None, repr=False)
    """The attempt that it is inside of."""
    index: int = 0
    """Which branch or item it is, from 0; branches in the order in which they began."""
    started: datetime | None = None
    ended: datetime | None = None
    status: Status = "RUNNING"
    states: list[StateRun] = field(default_factory=list, repr=False)

    @property
    def parent(self) -> StateRun | None:
        """The state that it is inside of."""
        return None if self.attempt is None else self.attempt.state

    @property
    def label(self) -> list[str]:
        """What to call it among its like: `["branch 0"]`; nothing for the execution itself."""
        word = {"branch": "branch", "iteration": "item"}.get(self.kind)
        return [] if word is None else [f"{word} {self.index}"]


@dataclass(slots=True, eq=False)
class Run(_Lasting):
    """An execution, as far as its events tell."""

    line: Line = field(default_factory=lambda: Line("execution"))
    started: datetime | None = None
    ended: datetime | None = None
    status: Status = "RUNNING"
    input: Any = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    events: list[Event] = field(default_factory=list, repr=False)
    """All events, in order."""
    redrives: list[Event] = field(default_factory=list)
    failed_in: StateRun | None = None
    """The innermost state of whose failure it failed, timed out or not."""
    cut_off: list[StateRun] = field(default_factory=list)
    """The innermost states in which it stood when it was stopped, or when its own time was up."""
    loose: list[Event] = field(default_factory=list, repr=False)
    """Events of which it is not known what they belong to: of unknown types, or where others are missing."""

    @property
    def ended_in(self) -> StateRun | None:
        """The state that it failed in; of those that it was cut off in, the one that was entered last."""
        if self.failed_in is not None:
            return self.failed_in
        return max(
            self.cut_off, key=lambda state: 0 if state.entered is None else state.entered.id, default=None
        )

    def walk(self) -> Iterator[StateRun]:
        """All states that were entered, each followed by those inside of it, attempt by attempt."""
        waiting = self.line.states[::-1]
        while waiting:
            state = waiting.pop()
            yield state
            lines = [line for attempt in state.attempts for line in attempt.lines]
            waiting += [inner for line in reversed(lines) for inner in reversed(line.states)]

    def standing(self) -> list[StateRun]:
        """The innermost states in which it stands now."""
        open_states = [state for state in self.walk() if state.open]
        outer = {id(outer) for state in open_states for outer in state.within}
        return [state for state in open_states if id(state) not in outer]
