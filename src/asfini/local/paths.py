"""The data flow of states in JSONPath: InputPath, Parameters, ResultSelector, ResultPath and so on."""

from collections.abc import Callable
from typing import Any

from asfini.asl.choice import Rule
from asfini.asl.states import State
from asfini.local import rules
from asfini.local.dataflow import KINDS, NUMBERS, Flow, integer, shown, wire
from asfini.local.failures import Failure, Unsuitable
from asfini.local.run import Frame, Outcome
from asfini.query.jsonpath import PathNotWritable, compile_path
from asfini.query.scope import QueryError, Scope
from asfini.query.template import compile_template, compile_value

Reader = Callable[[Frame, Any], Any]


class PathScope(Scope):
    """What a state's paths can read. The context object is made only where one reads it."""

    __slots__ = ("_context", "_frame")

    def __init__(self, value: Any, frame: Frame) -> None:
        self.input = value
        self.variables = frame.variables
        self.random = frame.run.workshop.random
        self._frame = frame
        self._context: Any = None

    @property
    def context(self) -> Any:
        """The context object."""
        if self._context is None:
            self._context = self._frame.context()
        return self._context


class PathFlow(Flow):
    """The data flow of one state in JSONPath.

    Args:
        state: the state.

    Raises:
        QueryError: a path of its is none.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self._read_input = _reader_of(state, "input_path")
        self._read_output = _reader_of(state, "output_path")
        self._parameters = _filler_of(state, "parameters")
        self._selector = _filler_of(state, "result_selector")
        self._assign = _filler_of(state, "assign")
        self._place = _placer_of(state)
        self._compiled: dict[tuple[int, str], Any] = {}

    def selected(self, frame: Frame, value: Any) -> Any:
        """InputPath."""
        return value if self._read_input is None else self._read_input(frame, value)

    def arguments(self, frame: Frame, value: Any) -> Any:
        """Parameters, of what InputPath selects."""
        selected = self.selected(frame, value)
        return selected if self._parameters is None else self._parameters(PathScope(selected, frame))

    def filled(self, frame: Frame, owner: Any, field: str, value: Any, place: str) -> Any:
        """Fill in a payload template, with `$` for what InputPath selects."""
        fill = self._once(owner, field, lambda: compile_template(getattr(owner, field)).fill)
        return fill(PathScope(value, frame))

    def setting(self, frame: Frame, owner: Any, field: str, value: Any, place: str, kind: str) -> Any:
        """Read a field, or what the path in its twin of the name `…Path` gives."""
        path = owner.held(f"{field}_path")
        given = getattr(owner, field) if path is None else self._reader(owner, field, path)(frame, value)
        if given is None and path is None:
            return None
        number = NUMBERS[kind](given)
        if number is None:
            name, at = (place, "") if path is None else (f"{place}Path", f": {path}")
            raise Unsuitable(
                f'The {name} field refers to value "{shown(given)}" which is not a valid {KINDS[kind]}{at}'
            )
        return number

    def string(self, frame: Frame, owner: Any, field: str, value: Any) -> Any:
        """Read a field, or what the path or intrinsic function in its twin of the name `…Path` gives."""
        path = getattr(owner, f"{field}_path")
        if path is None:
            return getattr(owner, field)
        place = f"{wire(field)}Path"
        found = self._once(owner, field, lambda: compile_value(path, place))(PathScope(value, frame))
        if not isinstance(found, str):
            raise Unsuitable(f"The {place} field must reference a string but was: {shown(found)}")
        return found

    def items(self, frame: Frame, state: Any, value: Any) -> list[Any]:
        """ItemsPath."""
        path = state.items_path or "$"
        items = self._reader(state, "items", path)(frame, value)
        if not isinstance(items, list):
            # Of a path into the context object AWS shows what follows the first dollar sign.
            shown_path = path.removeprefix("$") if path.startswith("$$") else path
            raise Unsuitable(f'Reference path "{shown_path}" must point to array.')
        return items

    def seconds(self, frame: Frame, state: Any, value: Any) -> Any:
        """Seconds, or SecondsPath."""
        path = state.seconds_path
        if path is None:
            return self.setting(frame, state, "seconds", value, "Seconds", "integer")
        found = self._referenced(frame, state, "seconds", value, path)
        seconds = integer(found)
        if seconds is None:
            raise Unsuitable(
                f"The SecondsPath parameter cannot be parsed as a long value: {path} == {shown(found)}"
            )
        if seconds < 0:
            raise Unsuitable(
                f"The SecondsPath parameter references a negative value: {path} == {shown(found)}"
            )
        return seconds

    def timestamp(self, frame: Frame, state: Any, value: Any) -> Any:
        """Timestamp, or TimestampPath."""
        path = state.timestamp_path
        given = state.timestamp if path is None else self._referenced(frame, state, "timestamp", value, path)
        moment = rules.timestamp(given)
        if moment is None:
            name, at = ("Timestamp", "") if path is None else ("TimestampPath", f"{path} == ")
            raise Unsuitable(
                f"The {name} parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {at}{shown(given)}"
            )
        return moment

    def _referenced(self, frame: Frame, state: Any, field: str, value: Any, path: str) -> Any:
        try:
            return self._reader(state, field, path)(frame, value)
        except QueryError:
            raise Unsuitable(
                f"The {wire(field)}Path parameter does not reference an input value: {path}"
            ) from None

    def _reader(self, owner: Any, field: str, path: str) -> Reader:
        reader: Reader = self._once(owner, field, lambda: _reader(path))
        return reader

    def _once(self, owner: Any, field: str, compiler: Callable[[], Any]) -> Any:
        """What a field's text compiles to."""
        found = self._compiled.get((id(owner), field))
        if found is None:
            found = self._compiled[id(owner), field] = compiler()
        return found

    def holds(self, frame: Frame, index: int, rule: Rule, value: Any) -> bool:
        """Whether a rule of comparisons holds."""
        return rules.holds(rule, PathScope(value, frame))

    def chosen(
        self, frame: Frame, index: int | None, rule: Any, value: Any, following: str | None
    ) -> Outcome:
        """OutputPath, and the Assign of the rule or, by default, of the state."""
        selected = self.selected(frame, value)
        assigned = None
        if rule.given("assign"):
            assigned = self.filled(frame, rule, "assign", selected, "Assign")
        return self._left(frame, selected, following, assigned, None if index is None else rule)

    def unchanged(self, frame: Frame, value: Any, following: str | None) -> Outcome:
        """What InputPath selects, by OutputPath; Assign reads the same."""
        selected = self.selected(frame, value)
        return self._left(frame, selected, following, self._assigned(frame, selected))

    def passed_on(self, frame: Frame, value: Any, result: Any, following: str | None) -> Outcome:
        """ResultSelector, ResultPath, OutputPath; Assign reads what ResultSelector gives."""
        if self._selector is not None:
            result = self._selector(PathScope(result, frame))
        output = result if self._place is None else self._place(value, result)
        return self._left(frame, output, following, self._assigned(frame, result))

    def caught(self, frame: Frame, index: int, value: Any, error: dict[str, str]) -> Outcome:
        """The catcher's ResultPath and Assign, which reads the error."""
        catcher = self._state.catchers[index]
        place = self._once(catcher, "result_path", lambda: _placer_of(catcher) or _replaced)
        assigned = None
        if catcher.given("assign"):
            assigned = self.filled(frame, catcher, "assign", error, "Assign")
        return Outcome(place(value, error), catcher.next, assigned, catcher)

    def _assigned(self, frame: Frame, value: Any) -> Any:
        return None if self._assign is None else self._assign(PathScope(value, frame))

    def _left(
        self, frame: Frame, output: Any, following: str | None, assigned: Any, by: Any = None
    ) -> Outcome:
        if self._read_output is not None:
            output = self._read_output(frame, output)
        return Outcome(output, following, assigned, by)


def _reader_of(state: State, field: str) -> Reader | None:
    """What reads a state's InputPath or OutputPath; nothing has to where it selects everything."""
    if not state.given(field):
        return None
    path = getattr(state, field)
    if path is None:
        return lambda _frame, _value: {}
    return None if path == "$" else _reader(path)


def _reader(path: str) -> Reader:
    """What reads a path, with `$` for a value."""
    read = compile_path(path).read

    def reader(frame: Frame, value: Any) -> Any:
        try:
            return read(PathScope(value, frame))
        except QueryError as error:
            raise QueryError(f"Invalid path '{path}' : {error}") from None

    return reader


def _filler_of(state: State, field: str) -> Callable[[Scope], Any] | None:
    """What fills in the template that a state's field holds, if it has the field and holds one."""
    if field not in type(state).model_fields or not state.given(field):
        return None
    return compile_template(getattr(state, field)).fill


def _placer_of(owner: Any) -> Callable[[Any, Any], Any] | None:
    """What puts a result where ResultPath says; nothing has to where it takes the input's place."""
    if "result_path" not in type(owner).model_fields or not owner.given("result_path"):
        return None
    path = owner.result_path
    if path is None:
        return lambda value, _result: value
    return None if path == "$" else _placer(path)


def _placer(path: str) -> Callable[[Any, Any], Any]:
    write = compile_path(path).write

    def placer(value: Any, result: Any) -> Any:
        try:
            return write(value, result)
        except PathNotWritable as error:
            raise Failure("States.ResultPathMatchFailure", str(error)) from None

    return placer


def _replaced(_value: Any, result: Any) -> Any:
    return result
