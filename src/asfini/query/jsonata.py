"""JSONata as Step Functions evaluates it: version 2.0.6, with AWS's functions, reading only variables.

An expression is written between `{%` and `%}`. It sees `$states` and the variables assigned before; it has no
context, so that `$`, `$$` and bare names at its top level are refused. Evaluations are bounded in time, depth
and size: none keeps the event loop waiting for more than a quarter of a second.
"""

import functools
import json
import random as randomness
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asfini.query._jsonata import analysis, regexes
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.program import Program, UnsupportedResult
from asfini.query._jsonata.run import Run
from asfini.query._jsonata.values import UNDEFINED
from asfini.query.scope import QueryError

__all__ = [
    "UNDEFINED",
    "Expression",
    "Fault",
    "JsonataError",
    "JsonataSyntaxError",
    "Template",
    "compile_expression",
    "compile_jsonata_template",
    "faults",
    "is_expression",
    "variables",
]

_OPENING, _CLOSING = "{%", "%}"
_INVALID = "INVALID_JSONATA_EXPRESSION"
_UNSUPPORTED = "UNSUPPORTED_JSONATA_EXPRESSION"
Clock = Callable[[], datetime]


class JsonataSyntaxError(QueryError):
    """A text is no expression, or reads what Step Functions does not offer.

    Args:
        code: the code of AWS's diagnostics.
        message: what is wrong, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """The code of AWS's diagnostics."""


class JsonataError(QueryError):
    """An expression failed, or its value is not what is asked for.

    Args:
        message: AWS's detail.
        location: the field that holds the expression, if it is known.
    """

    def __init__(self, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.location = location
        """The field that holds the expression, such as `Output/total`, if that is known."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression."""

    code: str
    """The code of AWS's diagnostics."""
    message: str


def is_expression(value: Any) -> bool:
    """Whether a value is a text from `{%` to `%}`; with blanks around it, it is an ordinary text.

    Args:
        value: any JSON data.
    """
    return (
        isinstance(value, str)
        and len(value) >= len(_OPENING + _CLOSING)
        and value.startswith(_OPENING)
        and value.endswith(_CLOSING)
    )


def _bare(text: str) -> str:
    return text[len(_OPENING) : -len(_CLOSING)].strip() if is_expression(text) else text.strip()


def faults(text: str, *, lacking: Collection[str] = ()) -> list[Fault]:
    """Find what AWS would refuse a definition for.

    `$eval`, which Step Functions lacks, is not among it: AWS finds out when it is called.

    Args:
        text: an expression, with its delimiters or without.
        lacking: fields that `$states` has not where the expression stands: `result`, `errorOutput`.
    """
    try:
        root = _program(_bare(text)).root
    except Failure as failure:
        return [Fault(_INVALID, failure.message)]
    messages = filter(None, (regexes.fault(*regex) for regex in analysis.regexes(root)))
    found = [Fault(_INVALID, message) for message in messages]
    found += [Fault(_UNSUPPORTED, _refusal(name)) for name in analysis.top_level_names(root)]
    missing = [name for name in analysis.fields_of(root, "states") if name in lacking]
    return found + [Fault(_UNSUPPORTED, f"Field '$states.{name}' does not exist.") for name in missing]


def _refusal(name: str) -> str:
    return f"Reference to '{name}' {'' if name == '$$' else 'at the top level '}is not supported."


def variables(text: str) -> set[str]:
    """The names of the variables that an expression reads and does not set itself, without their `$`.

    `states` is one of them, the functions of the library are not. A text that is no expression reads nothing.

    Args:
        text: the expression, with its delimiters or without.
    """
    try:
        return analysis.free_variables(_program(_bare(text)).root)
    except Failure:
        return set()


class Expression:
    """An expression, parsed.

    Args:
        text: the expression without delimiters.

    Raises:
        JsonataSyntaxError: it is none, or reads what Step Functions does not offer.
        MissingExtra: it has a regular expression, and the extra `jsonata` is not installed.
    """

    def __init__(self, text: str) -> None:
        wrong = faults(text)
        if wrong:
            raise JsonataSyntaxError(wrong[0].code, wrong[0].message)
        self.text = text
        """The expression as messages quote it."""
        self._program = _program(text)
        if analysis.regexes(self._program.root):
            regexes.library()

    def evaluate(
        self,
        bindings: Mapping[str, Any],
        *,
        random: randomness.Random | None = None,
        now: Clock | None = None,
    ) -> Any:
        """Evaluate the expression.

        Args:
            bindings: the variables by name, without their `$`; `states` among them. None of it is changed.
            random: where random numbers and identifiers come from.
            now: tells the time for `$now` and `$millis`, by default the system's.

        Returns:
            JSON data, which may share parts with the bindings, or `UNDEFINED`.

        Raises:
            JsonataError: it failed, or exceeded a limit: `T1006: Attempted to invoke a non-function`.
        """
        try:
            return self._program.evaluate(UNDEFINED, bindings, Run(random, now))
        except Failure as failure:
            raise JsonataError(str(failure)) from None
        except UnsupportedResult:
            raise JsonataError("returned an unsupported result type.") from None

    def read(
        self,
        bindings: Mapping[str, Any],
        field: str,
        *,
        expected: str | None = None,
        random: randomness.Random | None = None,
        now: Clock | None = None,
    ) -> Any:
        """Evaluate the expression for a field of a state.

        Args:
            bindings: as for `evaluate`.
            field: the field's name, which errors tell: `Items`, `Output/total`.
            expected: the type that its value must have, as `$type` names it.
            random: as for `evaluate`.
            now: as for `evaluate`.

        Raises:
            JsonataError: it failed, or has no value, or one of another type, in the words of AWS's cause.
        """
        try:
            value = self._program.evaluate(UNDEFINED, bindings, Run(random, now))
        except Failure as failure:
            separator = "." if failure.code else ":"
            raise self._error(field, f"threw an error during evaluation{separator} {failure}") from None
        except UnsupportedResult:
            raise self._error(field, "returned an unsupported result type.") from None
        if value is UNDEFINED:
            raise self._error(field, "returned nothing (undefined).")
        if expected is not None and _type(value) != expected:
            raise self._error(
                field,
                f"returned an unexpected result type. Expected '{expected}', but was '{_type(value)}' "
                f"for value: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}",
            )
        return value

    def _error(self, field: str, what: str) -> JsonataError:
        sentence = f"The JSONata expression '{self.text}' specified for the field '{field}' {what}"
        return JsonataError(sentence, field)


_TYPES = {bool: "boolean", str: "string", int: "number", float: "number", dict: "object", list: "array"}


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "null")


@functools.lru_cache(4096)
def _program(text: str) -> Program:
    return Program(text)


@functools.lru_cache(4096)
def _expression(text: str) -> Expression:
    return Expression(text)


def compile_expression(text: str) -> Expression:
    """Parse an expression, with its delimiters or without; what was parsed before is remembered.

    Args:
        text: the expression: `{% $states.input.n %}`, or what is between the delimiters.

    Raises:
        JsonataSyntaxError: it is none, or reads what Step Functions does not offer.
    """
    return _expression(_bare(text))


class Template:
    """JSON in which texts may be expressions.

    Args:
        value: the JSON.

    Raises:
        JsonataSyntaxError: a text between the delimiters is no expression.
    """

    def __init__(self, value: Any) -> None:
        self._filler = _filler(value, "")
        self.value = value
        """The JSON as it was given."""

    def fill(
        self,
        bindings: Mapping[str, Any],
        field: str,
        *,
        random: randomness.Random | None = None,
        now: Clock | None = None,
    ) -> Any:
        """Put the values of the expressions in their places.

        Args:
            bindings: the variables by name, without their `$`.
            field: the name of the field that holds the template; errors add the way to the expression.
            random: where random numbers and identifiers come from.
            now: tells the time for `$now` and `$millis`, by default the system's.

        Returns:
            JSON data; a template without expressions is itself, and parts may be shared with the bindings.

        Raises:
            JsonataError: an expression failed, or has no value.
        """
        if self._filler is None:
            return self.value
        return self._filler(_Filling(bindings, field, random, now))


@dataclass(frozen=True, slots=True)
class _Filling:
    """What a template is filled with."""

    bindings: Mapping[str, Any]
    field: str
    random: randomness.Random | None
    now: Clock | None


_Filler = Callable[[_Filling], Any]


def _filler(value: Any, place: str) -> _Filler | None:
    """Make what fills in a part of a template, if there is an expression in it.

    Args:
        value: the part.
        place: the way to it, as AWS writes it: `/total`, `/items[0]`.
    """
    if is_expression(value):
        return functools.partial(_evaluated, compile_expression(value), place)
    if isinstance(value, dict):
        fields = {key: _filler(item, f"{place}/{key}") for key, item in value.items()}
        return functools.partial(_filled_object, value, fields) if any(fields.values()) else None
    if isinstance(value, list):
        items = [_filler(item, f"{place}[{index}]") for index, item in enumerate(value)]
        return functools.partial(_filled_array, list(zip(value, items, strict=True))) if any(items) else None
    return None


def _evaluated(expression: Expression, place: str, filling: _Filling) -> Any:
    return expression.read(filling.bindings, filling.field + place, random=filling.random, now=filling.now)


def _filled_object(value: dict[str, Any], fields: dict[str, _Filler | None], filling: _Filling) -> Any:
    return {key: value[key] if filler is None else filler(filling) for key, filler in fields.items()}


def _filled_array(items: list[tuple[Any, _Filler | None]], filling: _Filling) -> Any:
    return [item if filler is None else filler(filling) for item, filler in items]


def compile_jsonata_template(value: Any) -> Template:
    """Prepare JSON in which texts may be expressions, as in Output, Arguments, Assign and Items.

    Args:
        value: the JSON data.

    Raises:
        JsonataSyntaxError: a text between the delimiters is no expression.
    """
    return Template(value)
