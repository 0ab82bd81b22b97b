"""Payload templates: `{"total.$": "$.order.total", "currency": "EUR"}`.

Parameters, ResultSelector, ItemSelector, BatchInput and a JSONPath state's Assign are templates. One is
compiled once and filled many times; its fixed parts are shared by all results: treat these as immutable.
"""

from dataclasses import dataclass
from typing import Any

from asfini._json import dumps
from asfini.query import _java
from asfini.query.intrinsics import Value, compile_intrinsic
from asfini.query.jsonpath import PathNotFound, compile_path
from asfini.query.scope import QueryError, Scope

DYNAMIC = ".$"
"""What ends the name of a field that holds a path or an intrinsic function."""


class InvalidExpression(QueryError):  # noqa: N818 - named as asfini.errors names
    """A field holds what is neither a path nor an intrinsic function. The message is AWS's own."""

    def __init__(self, field: str, reason: str) -> None:
        kinds = "a valid JSONPath or a valid intrinsic function call"
        super().__init__(f"The value for the field '{field}' must be {kinds}")
        self.reason = reason
        """What is wrong with the text, and where."""


@dataclass(frozen=True, slots=True)
class Template:
    """A payload template, ready to be filled."""

    fill: Value
    """Make the payload for a scope. Without any path or call, it is always the same object."""


def compile_template(template: Any) -> Template:
    """Prepare a payload template.

    Raises:
        InvalidExpression: a field whose name ends in `.$` holds neither a path nor an intrinsic function.
    """
    return Template(_compile(template) or (lambda _: template))


def compile_value(text: Any, field: str) -> Value:
    """Prepare a path or an intrinsic function, as in a template, in ErrorPath or in CausePath.

    Args:
        text: `$…`, `$$.…`, `$variable…` or `States.…(…)`.
        field: the name of the field that holds it, which errors show: `total.$`.

    Returns:
        A function of a scope. It raises `PathNotFound` or `IntrinsicFailure`.

    Raises:
        InvalidExpression: the text is neither.
    """
    if not isinstance(text, str):
        raise InvalidExpression(field, f"{text!r} is not text")
    try:
        return _path_value(text, field) if text.startswith("$") else compile_intrinsic(text)
    except QueryError as error:
        raise InvalidExpression(field, str(error)) from error


def _path_value(text: str, field: str) -> Value:
    path = compile_path(text)
    read = path.read

    def value(scope: Scope) -> Any:
        try:
            return read(scope)
        except PathNotFound as error:
            missing = f"The JSONPath '{text}' specified for the field '{field}' could not be found"
            searched = {"": scope.input, "$": scope.context}.get(path.root, scope.variables)
            raise PathNotFound(f"{missing} in the input '{dumps(searched)}'") from error

    return value


def _compile(template: Any) -> Value | None:
    """Compile what depends on the scope; anything else has no need to be filled."""
    if isinstance(template, dict):
        return _compile_members(template)
    if isinstance(template, list):
        return _compile_items(template)
    return None


def _compile_members(template: dict[str, Any]) -> Value | None:
    """Compile an object. As on AWS, its paths and calls come last, in the order of a hash table."""
    fixed = {name: value for name, value in template.items() if not name.endswith(DYNAMIC)}
    paths = {name.removesuffix(DYNAMIC): name for name in template if name.endswith(DYNAMIC)}
    parts = [(name, part) for name, value in fixed.items() if (part := _compile(value))]
    for name in _java.hash_order(paths):
        parts.append((name, compile_value(template[paths[name]], paths[name])))
    return _filler(fixed, parts) if parts else None


def _compile_items(template: list[Any]) -> Value | None:
    parts = [(index, part) for index, item in enumerate(template) if (part := _compile(item))]
    return _filler(template, parts) if parts else None


def _filler(fixed: Any, parts: list[tuple[Any, Value]]) -> Value:
    """Make a function that copies an object or array and puts the parts into it."""

    def fill(scope: Scope) -> Any:
        filled = fixed.copy()
        for place, part in parts:
            filled[place] = part(scope)
        return filled

    return fill
