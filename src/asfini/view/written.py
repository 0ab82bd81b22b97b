"""The states of a run as they are written in its definition."""

from asfini.asl.definition import Definition, definitions_in
from asfini.asl.states import Fail, State
from asfini.view.tree import Run, StateRun


def executed(run: Run, definition: Definition | None) -> Definition | None:
    """The part of a definition that a run is of: children of map runs run a processor of their machine's."""
    first = run.line.states[0].name if run.line.states else None
    if definition is None or first is None or first in definition.states:
        return definition
    inner = (found for state in definition.walk() for found in definitions_in(state))
    return next((found for found in inner if first in found.states), definition)


def written(state: StateRun, definition: Definition | None) -> State | None:
    """The state of a definition that was run; `None` where the definition is another one's."""
    for outer in [*state.within, state]:
        if definition is None:
            return None
        found = definition.states.get(outer.name)
        if outer is state or found is None:
            return found
        definition = _inside(found, state, outer)
    return None


def _inside(found: State, state: StateRun, outer: StateRun) -> Definition | None:
    """The definition inside of a state that holds another one: of branches, the one with its first state."""
    line = next(each.line for each in (*state.within, state) if each.line.parent is outer)
    inner = list(definitions_in(found))
    fitting = [each for each in inner if each.start_at == line.states[0].name]
    return next(iter(fitting or inner), None)


def complete(run: Run, definition: Definition | None) -> None:
    """Fill in what no event tells: the errors of Fail states, and which branch is which."""
    for state in [] if definition is None else run.walk():
        if state.type == "Parallel":
            _number_branches(state, written(state, definition))
        if state.type == "Fail" and state.error is None:
            found = written(state, definition)
            if isinstance(found, Fail):
                _fill(state, _literal(found.error), _literal(found.cause))


def _number_branches(state: StateRun, found: State | None) -> None:
    """Number branches as they are written: those that begin alike in the order in which they began."""
    branches = [] if found is None else found.held("branches") or []
    for attempt in state.attempts:
        left = list(enumerate(branch.start_at for branch in branches))
        for line in attempt.lines:
            start = line.states[0].name if line.states else None
            place = next((each for each in left if each[1] == start), None)
            if place is not None:
                line.index = place[0]
                left.remove(place)


def _literal(text: str | None) -> str | None:
    return None if text is None or text.startswith("{%") else text


def _fill(inner: StateRun, error: str | None, cause: str | None) -> None:
    inner.error, inner.cause = error, cause
    attempt = inner.line.attempt
    while attempt is not None and attempt.failed_in is inner and attempt.error is None:
        attempt.error, attempt.cause = error, cause
        inner = attempt.state
        if inner.error is None:
            inner.error, inner.cause = error, cause
        attempt = inner.line.attempt
