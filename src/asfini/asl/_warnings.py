"""What AWS does not refuse, but is likely to be a mistake.

`NO_DOLLAR`, `NO_PATH` and `PASS_RESULT_IS_STATIC` are AWS's own warnings, the other codes are asfini's.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from asfini.asl import _paths
from asfini.asl._checks import is_expression
from asfini.asl._graph import outgoing
from asfini.asl._objects import COMPARISONS
from asfini.asl._problem import DUPLICATE_NAME, Context, at
from asfini.asl._states import processor_config

_LOOKS_DYNAMIC = re.compile(r"\$\$?[.\[]|States\.[A-Z]\w*\(")
_RESERVED = re.compile(r"States\.")
_KNOWN = re.compile(
    r"States\.(?:ALL|BranchFailed|DataLimitExceeded|ExceedToleratedFailureThreshold|HeartbeatTimeout"
    r"|Http\.(?:Socket|StatusCode\.\d+)|IntrinsicFailure|ItemReaderFailed|NoChoiceMatched|ParameterPathFailure"
    r"|Permissions|QueryEvaluationError|ResultPathMatchFailure|ResultWriterFailed|Runtime|TaskFailed|Timeout)"
)
"""The reserved error names: the developer guide, "Handling errors in Step Functions workflows"."""
_HOLDERS = frozenset({"Branches", "ItemProcessor", "Iterator"})
_DEADLINES = frozenset({"HeartbeatSeconds", "HeartbeatSecondsPath", "TimeoutSeconds", "TimeoutSecondsPath"})


@dataclass(frozen=True)
class _Place:
    """A state, and what is known around it."""

    state: dict[str, Any]
    location: str
    jsonata: bool
    variables: frozenset[str]
    """The names of all variables that are ever set where the state could read them."""


def warn(context: Context, data: dict[str, Any]) -> None:
    """Note what is suspicious in a machine that was found to have the form of one."""
    jsonata = data.get("QueryLanguage") == "JSONata"
    names: dict[str, str] = {}
    refused = {problem.location for problem in context.found if problem.code == DUPLICATE_NAME}
    for place in _places(context, data, "", frozenset(), jsonata=jsonata):
        first = names.setdefault(place.location.rpartition("/")[2], place.location)
        if place.location not in {first, *refused}:
            context.warn(DUPLICATE_NAME, f"A state of this name is also at {first}", place.location)
        for look in _LOOKS:
            look(context, place)


def _places(
    context: Context, data: Any, place: str, outer: frozenset[str], *, jsonata: bool
) -> Iterator[_Place]:
    states = data.get("States") if isinstance(data, dict) else None
    items = states.items() if isinstance(states, dict) else ()
    found = {name: state for name, state in items if isinstance(state, dict)}
    _look_for_islands(context, data, found, place)
    variables = outer.union(*(_assigned(state) for state in found.values()))
    for name, state in found.items():
        location = at(f"{place}/States", name)
        own = state.get("QueryLanguage")
        yield _Place(state, location, own == "JSONata" if own else jsonata, variables)
        distributed = processor_config(state).get("Mode") == "DISTRIBUTED"
        for field, inner in _inner(state):
            readable = frozenset[str]() if distributed else variables
            yield from _places(context, inner, f"{location}/{field}", readable, jsonata=jsonata)


def _inner(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for index, branch in enumerate(_items(state.get("Branches"))):
        yield f"Branches[{index}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield field, state[field]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _assigned(state: dict[str, Any]) -> Iterator[str]:
    for holder in [state, *_items(state.get("Choices")), *_items(state.get("Catch"))]:
        assign = holder.get("Assign") if isinstance(holder, dict) else None
        for name in assign if isinstance(assign, dict) else ():
            yield name.removesuffix(".$")


def _look_for_islands(context: Context, data: Any, states: dict[str, Any], place: str) -> None:
    """Tell of states that only such states lead to as are never entered."""
    start = data.get("StartAt") if states else None
    waiting = [start] if isinstance(start, str) else []
    entered = set(waiting)
    while waiting:
        state = states.get(waiting.pop(), {})
        new = {target for _, target in outgoing(state)} - entered
        entered |= new
        waiting.extend(new)
    named = {target for state in states.values() for _, target in outgoing(state)}
    for name in [name for name in states if name in named - entered]:
        context.warn("UNREACHABLE_STATE", f"State {name!r} is never entered", at(f"{place}/States", name))


def _templates(value: Any, location: str) -> Iterator[tuple[str, str, Any]]:
    """Give all places, keys and values within JSON."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _templates(item, f"{location}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield location, key, item
            yield from _templates(item, at(location, key))


def _look_for_missing_dollars(context: Context, place: _Place) -> None:
    for field in ("Parameters", "ResultSelector", "ItemSelector", "Assign") if not place.jsonata else ():
        for location, key, value in _templates(place.state.get(field), at(place.location, field)):
            if not key.endswith(".$") and _is_dynamic(value):
                message = f"{value!r} is plain text here; for what it stands for, name the field '{key}.$'"
                context.warn("NO_DOLLAR", message, at(location, key))


def _look_for_missing_paths(context: Context, place: _Place) -> None:
    if place.jsonata:
        return
    values = [(field, place.state.get(field), place.location) for field in ("Error", "Cause")]
    for location, key, value in _templates(place.state.get("Choices"), at(place.location, "Choices")):
        if key in COMPARISONS and not key.endswith("Path"):
            values.append((key, value, location))
    for field, value, location in values:
        if _is_dynamic(value):
            message = f"{value!r} is plain text here; for what it stands for, name the field '{field}Path'"
            context.warn("NO_PATH", message, at(location, field))


def _look_at_result(context: Context, place: _Place) -> None:
    if place.state.get("Type") == "Pass" and not place.jsonata:
        for location, key, value in _templates(place.state.get("Result"), at(place.location, "Result")):
            if key.endswith(".$") or _is_dynamic(value):
                message = f"A Result is passed on as it stands; {key!r} is evaluated in Parameters only"
                context.warn("PASS_RESULT_IS_STATIC", message, at(location, key))


def _is_dynamic(value: Any) -> bool:
    return isinstance(value, str) and _LOOKS_DYNAMIC.match(value) is not None


def _look_at_variables(context: Context, place: _Place) -> None:
    own = {key: value for key, value in place.state.items() if key not in _HOLDERS}
    for location, key, value in _templates(own, place.location):
        if isinstance(value, str):
            for name in _variables(key, value, jsonata=place.jsonata):
                if name not in place.variables:
                    message = f"No state sets the variable ${name}"
                    context.warn("UNDEFINED_VARIABLE", message, at(location, key))


def _variables(key: str, value: str, *, jsonata: bool) -> tuple[str, ...]:
    if jsonata and is_expression(value):
        from asfini.query.jsonata import variables

        return tuple(sorted(variables(value) - {"states"}))
    if jsonata:
        return ()
    return _paths.variables(value) if key.endswith((".$", "Path")) or key == "Variable" else ()


def _look_at_callback(context: Context, place: _Place) -> None:
    resource = place.state.get("Resource")
    if not isinstance(resource, str) or not resource.endswith(".waitForTaskToken"):
        return
    given = str([place.state.get("Parameters"), place.state.get("Arguments")])
    if not re.search(r"Task\.Token|\$\$(?:\.Task)?'|states\.context(?:\.Task)?\b(?!\.)", given):
        message = "Nothing is given the task's token, so that nobody can complete the task"
        context.warn("MISSING_TASK_TOKEN", message, place.location)
    if not place.state.keys() & _DEADLINES:
        message = "Without a heartbeat or a time-out the task may wait for a year"
        context.warn("MISSING_HEARTBEAT", message, place.location)


def _look_at_errors(context: Context, place: _Place) -> None:
    for field in ("Retry", "Catch"):
        for location, key, value in _templates(place.state.get(field), at(place.location, field)):
            for name in _items(value) if key == "ErrorEquals" else ():
                if _RESERVED.match(str(name)) and not _KNOWN.fullmatch(str(name)):
                    context.warn("UNKNOWN_ERROR_NAME", f"There is no error {name!r}", at(location, key))


_LOOKS: tuple[Callable[[Context, _Place], None], ...] = (
    _look_for_missing_dollars,
    _look_for_missing_paths,
    _look_at_result,
    _look_at_variables,
    _look_at_callback,
    _look_at_errors,
)
