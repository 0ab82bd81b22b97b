"""What the operators between two values compute."""

import math
import operator
from collections.abc import Callable
from typing import Any

from asfini.query._jsonata.casts import is_integer, is_numeric, text
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.run import MAX_ITEMS, Run, too_large
from asfini.query._jsonata.values import UNDEFINED, Sequence, deep_equal, is_number

EXACT = 2**53
"""Up to here whole numbers are exact: beyond it, JSONata calculates with floats."""


def negated(_: Run, value: Any) -> Any:
    """Compute `-value`."""
    if value is UNDEFINED:
        return UNDEFINED
    if not is_numeric(value):
        raise Failure("D1002", value=value)
    return -value


def _numeric(calculate: Callable[[Any, Any], Any]) -> Callable[[Run, Any, Any], Any]:
    """Make an operator of a calculation with two numbers."""

    def operate(_: Run, left: Any, right: Any) -> Any:
        if type(left) is int and type(right) is int:
            return _rounded(calculate(left, right))
        if left is not UNDEFINED and not is_numeric(left):
            raise Failure("T2001", value=left)
        if right is not UNDEFINED and not is_numeric(right):
            raise Failure("T2002", value=right)
        if left is UNDEFINED or right is UNDEFINED:
            return UNDEFINED
        return calculate(float(left), float(right))

    return operate


def _rounded(result: Any) -> Any:
    return float(result) if type(result) is int and abs(result) > EXACT else result


def _divided(left: Any, right: Any) -> float:
    if right == 0:
        signed = math.copysign(1.0, left) * math.copysign(1.0, right)
        return math.nan if left == 0 else math.copysign(math.inf, signed)
    return float(left) / float(right)


def _remainder(left: Any, right: Any) -> Any:
    """The remainder with the sign of the dividend."""
    if right == 0:
        return math.nan
    remainder = math.fmod(left, right)
    return int(remainder) if type(left) is int and type(right) is int else remainder


def _equal(run: Run, left: Any, right: Any) -> bool:
    return left is not UNDEFINED and right is not UNDEFINED and deep_equal(run, left, right)


def _unequal(run: Run, left: Any, right: Any) -> bool:
    return left is not UNDEFINED and right is not UNDEFINED and not deep_equal(run, left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Run, Any, Any], Any]:
    """Make an operator of a comparison of two numbers or strings."""

    def operate(_: Run, left: Any, right: Any) -> Any:
        for value in (left, right):
            if value is not UNDEFINED and not isinstance(value, str) and not is_number(value):
                raise Failure("T2010", value=value)
        if left is UNDEFINED or right is UNDEFINED:
            return UNDEFINED
        if isinstance(left, str) != isinstance(right, str):
            raise Failure("T2009", value=left, value2=right)
        return compare(left, right)

    return operate


def _joined(run: Run, left: Any, right: Any) -> str:
    first = "" if left is UNDEFINED else text(run, left)
    return run.made(first + ("" if right is UNDEFINED else text(run, right)))


def _included(run: Run, left: Any, right: Any) -> bool:
    """Whether an array holds a value, compared without looking into objects and arrays."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    items = right if isinstance(right, list) else [right]
    if isinstance(left, (list, dict)):
        return any(item is left for item in items)
    plain = (item for item in run.watch(items) if not isinstance(item, (list, dict)))
    return any(deep_equal(run, item, left) for item in plain)


def _range(run: Run, left: Any, right: Any) -> Any:
    for value, code in ((left, "T2003"), (right, "T2004")):
        if value is not UNDEFINED and not is_integer(value):
            raise Failure(code, value=value)
    if left is UNDEFINED or right is UNDEFINED or left > right:
        return UNDEFINED
    size = int(right) - int(left) + 1
    if size > MAX_ITEMS:
        raise too_large()
    run.reserve(size)
    run.check()
    return Sequence(range(int(left), int(right) + 1))


OPERATORS: dict[str, Callable[[Run, Any, Any], Any]] = {
    "+": _numeric(operator.add),
    "-": _numeric(operator.sub),
    "*": _numeric(operator.mul),
    "/": _numeric(_divided),
    "%": _numeric(_remainder),
    "=": _equal,
    "!=": _unequal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "&": _joined,
    "in": _included,
    "..": _range,
}
