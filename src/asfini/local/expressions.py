"""The data flow of states in JSONata: Arguments, Output, Assign, and expressions in any other field."""

import re
from collections.abc import Callable
from typing import Any

from asfini.asl.choice import Condition, Rule
from asfini.local import rules
from asfini.local.dataflow import Flow, integer, shown, wire
from asfini.local.failures import Unsuitable
from asfini.local.run import Frame, Outcome
from asfini.query.jsonata import compile_expression, compile_jsonata_template, is_expression

Filler = Callable[..., Any]
"""Gets a frame, the state's input, and what else `$states` holds."""

_ELSEWHERE = re.compile(r"\$states(?!\s*\.\s*(?:input|result|errorOutput)\b)")
"""Where an expression may read the context object, which is not made for nothing."""
_EXPECTED = {"integer": "number", "number": "number", "string": "string"}


class ExpressionFlow(Flow):
    """The data flow of one state in JSONata.

    Args:
        state: the state.

    Raises:
        QueryError: an expression of its is none.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self._arguments = _filler_of(state, "arguments")
        self._output = _filler_of(state, "output")
        self._assign = _filler_of(state, "assign")
        self._compiled: dict[tuple[int, str], Filler] = {}

    def selected(self, frame: Frame, value: Any) -> Any:
        """All of it."""
        return value

    def arguments(self, frame: Frame, value: Any) -> Any:
        """Arguments."""
        return value if self._arguments is None else self._arguments(frame, value)

    def filled(self, frame: Frame, owner: Any, field: str, value: Any, place: str) -> Any:
        """Fill in JSON in which texts may be expressions."""
        return self._filler(owner, field, place)(frame, value)

    def _filler(self, owner: Any, field: str, place: str) -> Filler:
        """What fills in a field's template, compiled once."""
        found = self._compiled.get((id(owner), field))
        if found is None:
            found = self._compiled[id(owner), field] = _filler(getattr(owner, field), place)
        return found

    def setting(self, frame: Frame, owner: Any, field: str, value: Any, place: str, kind: str) -> Any:
        """Read a field that may be an expression."""
        given = getattr(owner, field)
        if is_expression(given):
            given = self._read(frame, owner, field, value, place, _EXPECTED[kind])
        if kind != "integer" or given is None:
            return given
        whole = integer(given)
        if whole is None:
            raise Unsuitable(f"The {place} field must be an integer but was: {shown(given)}", place)
        return whole

    def _read(self, frame: Frame, owner: Any, field: str, value: Any, place: str, expected: str) -> Any:
        """Evaluate a field that is one expression."""
        found = self._compiled.get((id(owner), field))
        if found is None:
            found = self._compiled[id(owner), field] = _reader(getattr(owner, field), place, expected)
        return found(frame, value)

    def string(self, frame: Frame, owner: Any, field: str, value: Any) -> Any:
        """Read a text that may be an expression."""
        return self.setting(frame, owner, field, value, wire(field), "string")

    def items(self, frame: Frame, state: Any, value: Any) -> list[Any]:
        """Items, or the whole input."""
        items = value
        if state.given("items"):
            if is_expression(state.items):
                items = self._read(frame, state, "items", value, "Items", "array")
            else:
                items = self.filled(frame, state, "items", value, "Items")
        if not isinstance(items, list):
            raise Unsuitable(f"Map state input must be an array but was: {frame.text(items)}")
        return items

    def seconds(self, frame: Frame, state: Any, value: Any) -> Any:
        """Seconds."""
        seconds = self.setting(frame, state, "seconds", value, "Seconds", "integer")
        if seconds is not None and seconds < 0:
            raise Unsuitable(f"The Seconds field must not be negative but was: {seconds}", "Seconds")
        return seconds

    def timestamp(self, frame: Frame, state: Any, value: Any) -> Any:
        """Timestamp."""
        found = self.string(frame, state, "timestamp", value)
        moment = rules.timestamp(found)
        if moment is None:
            raise Unsuitable(
                "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format "
                f"string: {found}",
                "Timestamp",
            )
        return moment

    def holds(self, frame: Frame, index: int, rule: Rule, value: Any) -> bool:
        """Whether a Condition is true."""
        if not isinstance(rule, Condition):
            raise Unsuitable(f"The rule Choices[{index}] of a state in JSONata has no Condition")
        if isinstance(rule.condition, bool):
            return rule.condition
        place = f"Choices[{index}]/Condition"
        return bool(self._read(frame, rule, "condition", value, place, "boolean"))

    def chosen(
        self, frame: Frame, index: int | None, rule: Any, value: Any, following: str | None
    ) -> Outcome:
        """The Output and Assign of the rule or, by default, of the state."""
        if index is None:
            return self.unchanged(frame, value, following)
        place = f"Choices[{index}]"
        output = self._given(frame, rule, "output", value, f"{place}/Output", value)
        assigned = self._given(frame, rule, "assign", value, f"{place}/Assign", None)
        return Outcome(output, following, assigned, rule)

    def _given(
        self, frame: Frame, owner: Any, field: str, value: Any, place: str, default: Any, **states: Any
    ) -> Any:
        """Fill in a field's template, if the field is given."""
        return self._filler(owner, field, place)(frame, value, **states) if owner.given(field) else default

    def unchanged(self, frame: Frame, value: Any, following: str | None) -> Outcome:
        """Output, or the input."""
        output = value if self._output is None else self._output(frame, value)
        return Outcome(output, following, None if self._assign is None else self._assign(frame, value))

    def passed_on(self, frame: Frame, value: Any, result: Any, following: str | None) -> Outcome:
        """Output, or the result."""
        output = result if self._output is None else self._output(frame, value, result=result)
        assigned = None if self._assign is None else self._assign(frame, value, result=result)
        return Outcome(output, following, assigned)

    def caught(self, frame: Frame, index: int, value: Any, error: dict[str, str]) -> Outcome:
        """The catcher's Output, or the error."""
        catcher = self._state.catchers[index]
        place = f"Catch[{index}]"
        output = self._given(frame, catcher, "output", value, f"{place}/Output", error, errorOutput=error)
        assigned = self._given(frame, catcher, "assign", value, f"{place}/Assign", None, errorOutput=error)
        return Outcome(output, catcher.next, assigned, catcher)


def _filler_of(state: Any, field: str) -> Filler | None:
    """What fills in the template that a state's field holds, if it has the field and holds one."""
    if field not in type(state).model_fields or not state.given(field):
        return None
    return _filler(getattr(state, field), wire(field))


def _filler(template: Any, place: str) -> Filler:
    """What fills in a template."""
    compiled = compile_jsonata_template(template)
    bindings = _bindings if _ELSEWHERE.search(str(template)) else _bindings_without_context

    def filler(frame: Frame, value: Any, **states: Any) -> Any:
        random, now = frame.run.workshop.random, frame.thread.journal.now
        return compiled.fill(bindings(frame, value, states), place, random=random, now=now)

    return filler


def _reader(text: str, place: str, expected: str) -> Filler:
    """What evaluates an expression."""
    expression = compile_expression(text)
    bindings = _bindings if _ELSEWHERE.search(text) else _bindings_without_context

    def reader(frame: Frame, value: Any) -> Any:
        random, now = frame.run.workshop.random, frame.thread.journal.now
        return expression.read(bindings(frame, value, {}), place, expected=expected, random=random, now=now)

    return reader


def _bindings(frame: Frame, value: Any, states: dict[str, Any]) -> dict[str, Any]:
    """The variables of an expression, with the reserved one."""
    return {**frame.variables, "states": {"input": value, **states, "context": frame.context()}}


def _bindings_without_context(frame: Frame, value: Any, states: dict[str, Any]) -> dict[str, Any]:
    return {**frame.variables, "states": {"input": value, **states}}
