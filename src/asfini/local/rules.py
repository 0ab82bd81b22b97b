"""Whether a Choice's rule holds."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, singledispatch
from typing import Any

from asfini.asl import _times
from asfini.asl.choice import And, Not, Or, Rule
from asfini.asl.comparisons import ORDERS, Comparison
from asfini.query.scope import QueryError, Scope
from asfini.query.template import compile_value

_MISSING: Any = object()


def timestamp(value: Any) -> datetime | None:
    """The time that a value tells, if it is text in ISO 8601 with a time zone."""
    return value if isinstance(value, datetime) else _times.timestamp(value)


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "Numeric": _number,
    "String": _text,
    "Timestamp": timestamp,
    "Boolean": _boolean,
}
_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp(value) is not None,
}
_OPERATOR = re.compile(r"(Numeric|String|Timestamp|Boolean)(\w+?)(Path)?")


@lru_cache(maxsize=256)
def pattern(text: str) -> Callable[[str], bool]:
    r"""Compile a pattern of `StringMatches`: `*` is any characters, `\\*` a star, `\\\\` a backslash."""
    pieces = [""]
    for part in re.findall(r"\\[*\\]|\*|[^*\\]+|\\", text):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[1:] or part if part[0] == "\\" else part
    return lambda value: _matches(pieces, value)


def _matches(pieces: list[str], value: str) -> bool:
    """Whether pieces follow each other in a text, the first at its start and the last at its end.

    Each piece is taken where it is found first: regular expressions would try all ways to place them.
    """
    if len(pieces) == 1:
        return value == pieces[0]
    first, *inner, last = pieces
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in inner:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


@singledispatch
def holds(rule: Rule, scope: Scope) -> bool:
    """Whether a rule holds.

    Args:
        rule: the rule.
        scope: what it can read.

    Raises:
        QueryError: a path gives nothing where the rule needs something.
    """
    raise QueryError(f"a rule without an operator was met: {rule.to_dict()}")


@holds.register
def _(rule: And, scope: Scope) -> bool:
    return all(holds(inner, scope) for inner in rule.rules)


@holds.register
def _(rule: Or, scope: Scope) -> bool:
    return any(holds(inner, scope) for inner in rule.rules)


@holds.register
def _(rule: Not, scope: Scope) -> bool:
    return not holds(rule.rule, scope)


@holds.register
def _(rule: Comparison, scope: Scope) -> bool:
    name = type(rule).__name__
    if name == "IsPresent":
        return (_read(rule.variable, scope, _MISSING) is not _MISSING) is rule.value
    value = _read(rule.variable, scope)
    if name in _TESTS:
        return _TESTS[name](value) is rule.value
    if name == "StringMatches":
        return isinstance(value, str) and pattern(rule.value)(value)
    return _compares(name, value, rule.value, scope)


def _compares(name: str, value: Any, other: Any, scope: Scope) -> bool:
    """Compare two values; of different kinds they are neither equal nor ordered."""
    read, order, by_path = _operator(name)
    if by_path:
        other = _read(other, scope)
    left, right = read(value), read(other)
    return left is not None and right is not None and order(left, right)


@lru_cache(maxsize=64)
def _operator(name: str) -> tuple[Callable[[Any], Any], Callable[[Any, Any], bool], bool]:
    """What reads the operands of an operator, what compares them, and whether a path gives the second."""
    kind, order, by_path = _OPERATOR.fullmatch(name).groups()  # type: ignore[union-attr]
    return _KINDS[kind], ORDERS[order], by_path is not None


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Callable[[Scope], Any]:
    return compile_value(path, "Variable")


def _read(path: str, scope: Scope, default: Any = ...) -> Any:
    try:
        return _compiled(path)(scope)
    except QueryError as error:
        if default is not ...:
            return default
        raise QueryError(
            f"Invalid path '{path}': The choice state's condition path references an invalid value."
        ) from error
