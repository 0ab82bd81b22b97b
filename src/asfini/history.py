"""The history of an execution: its events as classes, read from the API, written as text.

`Event` is the base. What happens alike has one class with several types, told apart by `type`::

    async for event in execution.history(follow=True):
        match event:
            case StateEntered(name=name):
                print("entered", name)
            case Failed(type=type, error=error):
                print(type, error)

Fields have the API's names in snake case; those without a default are always there. Inputs and outputs are
parsed JSON, causes stay text.
"""

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from asfini._json import loads
from asfini.errors import InvalidArgument

_WIDTH = 100
"""The columns of a detail, beyond which it is folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in an execution; itself an event of a type that asfini does not know."""

    timestamp: datetime
    """When, with its time zone."""
    type: str
    """The API's name of the event's type."""
    id: int
    """The event's place in the history, from 1."""
    previous_event_id: int = 0
    """The event that led to this one; 0 for none."""
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the event says that no field holds, by the API's own names: usually nothing."""

    def __str__(self) -> str:
        return f"{self.type} [{self.id}] @ {self.timestamp}"

    def to_dict(self) -> dict[str, Any]:
        """Write the event as plain JSON data: fields by name, without those that say nothing."""
        said = {each.name: getattr(self, each.name) for each in fields(self) if _says(self, each.name)}
        return said | {"timestamp": self.timestamp.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEvent(Event):
    """The base of events that carry data: an input, an output, parameters."""

    truncated: bool = False
    """Whether data is not all there: `None` if it was left out, else text that was cut or is not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone(Event):
    """Something began or ended, and there is no more to say about it."""

    type: Literal[
        "LambdaFunctionStarted",
        "MapRunAborted",
        "MapRunSucceeded",
        "MapStateAborted",
        "MapStateFailed",
        "MapStateSucceeded",
        "ParallelStateAborted",
        "ParallelStateFailed",
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "TaskStateAborted",
        "WaitStateAborted",
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted(DataEvent):
    """The execution began."""

    type: Literal["ExecutionStarted"] = "ExecutionStarted"
    input: Any = field(default=None, hash=False)
    """What the execution gets."""
    role_arn: str | None = None
    """The role that it acts in."""
    state_machine_alias_arn: str | None = None
    state_machine_version_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRedriven(Event):
    """The execution had failed, and goes on from where it did."""

    type: Literal["ExecutionRedriven"] = "ExecutionRedriven"
    redrive_count: int | None = None
    """How often it has been redriven, this time included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntered(DataEvent):
    """The execution came to a state."""

    type: Literal[
        "ChoiceStateEntered",
        "FailStateEntered",
        "MapStateEntered",
        "ParallelStateEntered",
        "PassStateEntered",
        "SucceedStateEntered",
        "TaskStateEntered",
        "WaitStateEntered",
    ]
    name: str
    """The state's name."""
    input: Any = field(default=None, hash=False)
    """The state's input, before its InputPath is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateExited(DataEvent):
    """The execution left a state, for the next one or because it ended well."""

    type: Literal[
        "ChoiceStateExited",
        "MapStateExited",
        "ParallelStateExited",
        "PassStateExited",
        "SucceedStateExited",
        "TaskStateExited",
        "WaitStateExited",
    ]
    name: str
    """The state's name."""
    output: Any = field(default=None, hash=False)
    """The state's output, after its OutputPath is applied."""
    assigned_variables: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The variables that the state set, each value parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStateStarted(Event):
    """A Map state knows its items."""

    type: Literal["MapStateStarted"] = "MapStateStarted"
    length: int | None = None
    """How many items there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapIteration(Event):
    """One item of an inline Map began or ended."""

    type: Literal["MapIterationAborted", "MapIterationFailed", "MapIterationStarted", "MapIterationSucceeded"]
    name: str
    """The Map state's name."""
    index: int
    """The item's place, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRunStarted(Event):
    """A distributed Map's run began."""

    type: Literal["MapRunStarted"] = "MapRunStarted"
    map_run_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRunRedriven(Event):
    """A distributed Map's run had failed, and goes on with what had not succeeded."""

    type: Literal["MapRunRedriven"] = "MapRunRedriven"
    map_run_arn: str
    redrive_count: int | None = None
    """How often it has been redriven, this time included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityScheduled(DataEvent):
    """A task waits for a worker of its activity."""

    type: Literal["ActivityScheduled"] = "ActivityScheduled"
    resource: str
    """The activity's ARN."""
    input: Any = field(default=None, hash=False)
    """What the task gets."""
    timeout_in_seconds: int | None = None
    """Seconds after which the task times out, if any."""
    heartbeat_in_seconds: int | None = None
    """Seconds between two signs of life, after which it times out, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityStarted(Event):
    """A worker took the task."""

    type: Literal["ActivityStarted"] = "ActivityStarted"
    worker_name: str | None = None
    """The name that the worker gave, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaFunctionScheduled(DataEvent):
    """A function named by its own ARN is about to be called."""

    type: Literal["LambdaFunctionScheduled"] = "LambdaFunctionScheduled"
    resource: str
    """The function's ARN."""
    input: Any = field(default=None, hash=False)
    """What the function gets."""
    timeout_in_seconds: int | None = None
    """Seconds after which the task times out, if any."""
    task_credentials: Mapping[str, Any] | None = field(default=None, hash=False)
    """Whose role is taken on for the call: `{"roleArn": …}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScheduled(DataEvent):
    """Another service is about to be called."""

    type: Literal["TaskScheduled"] = "TaskScheduled"
    resource_type: str
    """The service, such as `sqs` or `aws-sdk:s3`."""
    resource: str
    """What it is asked to do, and whether to wait for it: `sendMessage.waitForTaskToken`."""
    region: str | None = None
    """The region of the service that is called."""
    parameters: Any = field(default=None, hash=False)
    """What is sent."""
    timeout_in_seconds: int | None = None
    """Seconds after which the task times out, if any."""
    heartbeat_in_seconds: int | None = None
    """Seconds between two signs of life, after which it times out, if any."""
    task_credentials: Mapping[str, Any] | None = field(default=None, hash=False)
    """Whose role is taken on for the call: `{"roleArn": …}`."""

    @property
    def integration(self) -> str:
        """The call as a Task's Resource ends with it: `sqs:sendMessage.waitForTaskToken`."""
        return f"{self.resource_type}:{self.resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(Event):
    """Another service is being called."""

    type: Literal["TaskStarted"] = "TaskStarted"
    resource_type: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSubmitted(DataEvent):
    """Another service took the job, and the task waits for its end or for a token."""

    type: Literal["TaskSubmitted"] = "TaskSubmitted"
    resource_type: str
    resource: str
    output: Any = field(default=None, hash=False)
    """What the service answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSucceeded(DataEvent):
    """A task, a function or the execution ended well."""

    type: Literal["ActivitySucceeded", "ExecutionSucceeded", "LambdaFunctionSucceeded", "TaskSucceeded"]
    output: Any = field(default=None, hash=False)
    """What was given."""
    resource_type: str | None = None
    """The service that was called; of `TaskSucceeded` only."""
    resource: str | None = None
    """What the service did; of `TaskSucceeded` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A task, a function, a map's run or the execution ended badly."""

    type: Literal[
        "ActivityFailed",
        "ActivityScheduleFailed",
        "ActivityTimedOut",
        "EvaluationFailed",
        "ExecutionAborted",
        "ExecutionFailed",
        "ExecutionTimedOut",
        "LambdaFunctionFailed",
        "LambdaFunctionScheduleFailed",
        "LambdaFunctionStartFailed",
        "LambdaFunctionTimedOut",
        "MapRunFailed",
        "TaskFailed",
        "TaskStartFailed",
        "TaskSubmitFailed",
        "TaskTimedOut",
    ]
    error: str | None = None
    """The error's name, if it has one."""
    cause: str | None = None
    """What happened, for people: of functions and nested executions JSON text."""
    resource_type: str | None = None
    """The service that was called; of `Task…` types only."""
    resource: str | None = None
    """What the service was asked to do; of `Task…` types only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFailed(Failed):
    """A JSONata expression could not be evaluated, or gave nothing."""

    type: Literal["EvaluationFailed"] = "EvaluationFailed"
    state: str
    """The name of the state with the expression."""
    location: str | None = None
    """Where in the state the expression stands, if AWS says so."""


EVENT_CLASSES: Mapping[str, type[Event]] = {
    name: kind
    for kind in (
        Milestone,
        ExecutionStarted,
        ExecutionRedriven,
        StateEntered,
        StateExited,
        MapStateStarted,
        MapIteration,
        MapRunStarted,
        MapRunRedriven,
        ActivityScheduled,
        ActivityStarted,
        LambdaFunctionScheduled,
        TaskScheduled,
        TaskStarted,
        TaskSubmitted,
        ObjectSucceeded,
        Failed,
        EvaluationFailed,  # after Failed, whose types it is one of
    )
    for name in get_args(kind.__annotations__["type"])
}
"""The class of each type of event that asfini knows."""


def parse_history(api_events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Read events as the API gives them: see `parse_event`.

    Args:
        api_events: the events of GetExecutionHistory.
    """
    return [parse_event(api_event) for api_event in api_events]


def parse_event(api_event: Mapping[str, Any]) -> Event:
    """Read an event as the API gives it: one of `events` in the response to GetExecutionHistory.

    An event of an unknown type, or without what its type cannot be without, is a plain `Event` with all its
    details; what else is unknown or unfit is kept in the `details` of its class.

    Args:
        api_event: the event. Its timestamp may be a `datetime`, text in ISO 8601 as AWS's command line writes
            it, or seconds since 1970; a time without zone is UTC, and what is no time becomes 1970-01-01.

    Raises:
        InvalidArgument: it has no type.
    """
    if not isinstance(api_event, Mapping) or not isinstance(name := api_event.get("type"), str):
        raise InvalidArgument(f"an event has a type, but this one has {_keys(api_event)}")
    common: dict[str, Any] = {
        "timestamp": _time(api_event.get("timestamp")),
        "type": name,
        "id": _number(api_event.get("id")),
        "previous_event_id": _number(api_event.get("previousEventId")),
    }
    kind, details = EVENT_CLASSES.get(name, Event), _details(api_event)
    rest = dict(details)
    values = _take(kind, rest)
    return Event(**common, details=details) if values is None else kind(**common, **values, details=rest)


def _keys(api_event: object) -> str:
    """What to say of something that is not an event: never its values, which may be secret."""
    if not isinstance(api_event, Mapping):
        return f"not even keys: it is a {type(api_event).__name__}"
    return f"just {', '.join(map(repr, api_event))}" if api_event else "nothing"


def _time(value: object) -> datetime:
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except (ValueError, OverflowError, OSError):
        time = None
    if not isinstance(time, datetime):
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _details(api_event: Mapping[str, Any]) -> dict[str, Any]:
    """All that an event says of its own: what is in `…EventDetails`, and beside it."""
    details: dict[str, Any] = {}
    for key, value in api_event.items():
        if key in {"timestamp", "type", "id", "previousEventId"}:
            continue
        details |= value if str(key).endswith("EventDetails") and isinstance(value, Mapping) else {key: value}
    return details


def _take(kind: type[Event], details: dict[str, Any]) -> dict[str, Any] | None:
    """Take a class's fields out of an event's details; `None` if one that must be there is not."""
    values: dict[str, Any] = {}
    for name, member, required in _MEMBERS.get(kind, ()):
        if read := _DATA.get(name):
            values[name], whole = read(
                details.pop(member, None), _is_cut(details.pop(f"{member}Details", None))
            )
            values["truncated"] = values.get("truncated", False) or not whole
        elif isinstance(details.get(member), _KINDS.get(name, str)):
            values[name] = details.pop(member)
        elif required:
            return None
    return values


def _is_cut(data_details: object) -> bool:
    return isinstance(data_details, Mapping) and data_details.get("truncated") is True


def _members(kind: type[Event]) -> tuple[tuple[str, str, bool], ...]:
    """The fields that a class adds, each with its member in the API, and whether it must be there."""
    common = {"truncated", *(each.name for each in fields(Event))}
    return tuple(
        (each.name, _camel(each.name), each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
        if each.name not in common
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


_MEMBERS: Mapping[type[Event], tuple[tuple[str, str, bool], ...]] = {
    kind: _members(kind) for kind in EVENT_CLASSES.values()
}

_KINDS: dict[str, type] = {
    "heartbeat_in_seconds": int,
    "index": int,
    "length": int,
    "redrive_count": int,
    "task_credentials": dict,
    "timeout_in_seconds": int,
}
"""What fields hold that are neither data nor text."""


def _payload(value: Any, cut: bool) -> tuple[Any, bool]:
    """Parse an input or output, and say whether it is all there."""
    if not isinstance(value, str) or cut:
        return value, value is not None and not cut
    try:
        return loads(value), True
    except InvalidArgument:
        return value, False


def _variables(value: Any, cut: bool) -> tuple[dict[str, Any], bool]:
    """Parse each of the variables that a state set, and say whether they are all there."""
    if not isinstance(value, Mapping):
        return {}, value is None and not cut
    parsed = {name: _payload(text, cut) for name, text in value.items()}
    return {name: data for name, (data, _) in parsed.items()}, all(whole for _, whole in parsed.values())


_DATA: dict[str, Callable[[Any, bool], tuple[Any, bool]]] = {
    "input": _payload,
    "parameters": _payload,
    "output": _payload,
    "assigned_variables": _variables,
}
"""The fields that hold data, each with what reads it."""


def _says(event: Event, name: str) -> bool:
    """Whether a field says something: data may be null, or false, or empty, and still does."""
    value = getattr(event, name)
    if _DATA.get(name) is _payload and isinstance(event, DataEvent):
        return value is not None or not event.truncated
    return value is not None and value is not False and value != {}


_SHOWN: dict[type[Event], dict[str, str]] = {
    StateEntered: {"name": "name"},
    StateExited: {"name": "name"},
    ActivityScheduled: {"resource": "resource"},
    ActivityStarted: {"worker": "worker_name"},
    LambdaFunctionScheduled: {"resource": "resource"},
    TaskScheduled: {"resource": "integration"},
    Failed: {"error": "error"},
    EvaluationFailed: {"error": "error", "state": "state", "location": "location"},
    ExecutionRedriven: {"redrive": "redrive_count"},
    MapStateStarted: {"length": "length"},
    MapIteration: {"name": "name", "index": "index"},
    MapRunStarted: {"map run": "map_run_arn"},
    MapRunRedriven: {"map run": "map_run_arn", "redrive": "redrive_count"},
}
"""The details that are always shown, label by label."""


def format_history(
    events: Iterable[Event],
    *,
    output: Any = ...,
    cause: bool = False,
    input: bool = False,
) -> str:
    """Write a history as text for people: an event a line, its details below it, the output last.

    Args:
        events: the events, in the order in which to write them.
        output: the execution's output; by default that of its ExecutionSucceeded, if it is among the events.
        cause: also write the causes of failures.
        input: also write data: inputs, parameters, outputs, variables.
    """
    lines = []
    for event in events:
        lines.append(format_event(event, cause=cause, input=input))
        if output is ... and isinstance(event, ObjectSucceeded) and event.type == "ExecutionSucceeded":
            output = event.output if _says(event, "output") else ...
    return "\n".join(lines if output is ... else [*lines, f"Output: {json.dumps(output)}"])


def format_event(
    event: Event,
    *,
    cause: bool = False,
    input: bool = False,
) -> str:
    """Write an event as text for people: a line, with its details below.

    Args:
        event: the event.
        cause: also write the cause of a failure.
        input: also write data: inputs, parameters, outputs, variables.
    """
    shown = ((label, getattr(event, name)) for label, name in _SHOWN.get(type(event), {}).items())
    lines = [f"{label}: {value}" for label, value in shown if value not in (None, "")]
    if cause and isinstance(event, Failed) and event.cause:
        lines += _labelled("cause", event.cause, _folded)
    if input:
        lines += _data_lines(event)
    indented = [f"  {line}" if line.strip() else "" for line in lines]
    return "\n".join([f"{event}:", *indented] if lines else [str(event)])


def _data_lines(event: Event) -> Iterator[str]:
    for name in (*_DATA, "details"):
        if hasattr(event, name) and _says(event, name):
            value, label = getattr(event, name), name.replace("_", " ")
            if isinstance(value, str) and isinstance(event, DataEvent) and event.truncated:
                yield from _labelled(f"{label} (truncated)", value, str.splitlines)
            else:
                yield from _labelled(label, _json_text(value), _spread)


def _json_text(value: Any, indent: int | None = None) -> str:
    # Details of unknown events may hold dates.
    return json.dumps(value, ensure_ascii=False, default=str, indent=indent)


def _labelled(label: str, text: str, split: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """Write a text behind its label if it is short, or split into lines below it."""
    if len(text) <= _WIDTH and len(text.splitlines()) <= 1:
        yield f"{label}: {text}"
    else:
        yield f"{label}:"
        yield from (f"  {line}" for line in split(text))


def _spread(text: str) -> list[str]:
    """Split a text into lines; a JSON object or array, as which many causes are written, at its members."""
    try:
        data = loads(text)
        return (_json_text(data, indent=2) if isinstance(data, (dict, list)) else text).splitlines()
    except (InvalidArgument, RecursionError):
        return text.splitlines()


def _folded(text: str) -> Iterator[str]:
    """Split a text into lines and break long ones between words; what is left goes two blanks deeper."""
    for line in _spread(text):
        indent = line[: len(line) - len(line.lstrip())] + "  "
        yield from textwrap.wrap(
            line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
