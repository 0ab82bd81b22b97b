"""What a state makes of its input and its result: InputPath … OutputPath; Arguments, Output, Assign."""

from typing import Any

from asfini.asl.states import Catcher, State
from asfini.local.run import Frame, Outcome
from asfini.query.jsonpath import compile_path
from asfini.query.scope import QueryError
from asfini.query.template import compile_template


def speaks_jsonata(frame: Frame, state: State) -> bool:
    """Whether a state's expressions are in JSONata."""
    return (state.query_language or frame.language) == "JSONata"


def read(frame: Frame, path: str, value: Any) -> Any:
    """Read a path, with `$` for a value.

    Raises:
        QueryError: there is nothing at it.
    """
    if path == "$":
        return value
    try:
        return compile_path(path).read(frame.scope(value))
    except QueryError as error:
        raise QueryError(f"Invalid path '{path}' : {error}") from None


def effective_input(frame: Frame, state: State, value: Any) -> Any:
    """What a state sees of its input: InputPath."""
    return _selected(frame, state, "input_path", value)


def _selected(frame: Frame, state: State, field: str, value: Any) -> Any:
    if not state.given(field):
        return value
    path = getattr(state, field)
    return {} if path is None else read(frame, path, value)


def filled(frame: Frame, state: Any, field: str, value: Any) -> Any:
    """Fill in the template that a state's field holds, with `$` for a value; without one, the value itself."""
    if not state.given(field):
        return value
    programs = frame.run.machine.programs
    program = programs.get((id(state), field))
    if program is None:
        program = programs[id(state), field] = compile_template(getattr(state, field))
    return program.fill(frame.scope(value))


def arguments(frame: Frame, state: State, value: Any) -> Any:
    """What a state's work gets: Parameters of what InputPath selects."""
    return filled(frame, state, "parameters", effective_input(frame, state, value))


def passed_on(frame: Frame, state: Any, value: Any, result: Any, following: str | None) -> Outcome:
    """What follows a state whose work gave a result: ResultSelector, ResultPath, OutputPath and Assign."""
    result = filled(frame, state, "result_selector", result) if hasattr(state, "result_selector") else result
    return _left(frame, state, _placed(state, value, result), result, following)


def _left(frame: Frame, state: Any, output: Any, result: Any, following: str | None) -> Outcome:
    assigned = None
    if getattr(state, "assign", None):
        assigned = filled(frame, state, "assign", result)
    return Outcome(_selected(frame, state, "output_path", output), following, assigned)


def _placed(state: Any, value: Any, result: Any) -> Any:
    """Put a result where ResultPath says."""
    if not state.given("result_path"):
        return result
    path = state.result_path
    if path is None:
        return value
    return result if path == "$" else compile_path(path).write(value, result)


def unchanged(frame: Frame, state: Any, value: Any, following: str | None) -> Outcome:
    """What follows a state without a result: what InputPath selects, by OutputPath."""
    selected = effective_input(frame, state, value)
    return _left(frame, state, selected, selected, following)


def caught(frame: Frame, state: State, catcher: Catcher, value: Any, error: dict[str, Any]) -> Outcome:
    """What follows a failure that is caught."""
    output = _placed(catcher, value, error)
    assigned = filled(frame, catcher, "assign", error) if catcher.assign else None
    return Outcome(output, catcher.next, assigned)
