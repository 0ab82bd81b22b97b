"""The library's functions on numbers, but for those that write them by a picture."""

import functools
import math
import operator
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from asfini.query._jsonata import casts
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.operators import EXACT
from asfini.query._jsonata.run import Run
from asfini.query._jsonata.values import UNDEFINED, is_number

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_PREFIXED = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def exact(number: float) -> Any:
    """Make an integer of a whole number that is exactly one."""
    return int(number) if type(number) is float and abs(number) <= EXACT and number.is_integer() else number


def number(_: Run, value: Any = UNDEFINED) -> Any:
    """Make a number of a string or a boolean."""
    if value is UNDEFINED or is_number(value):
        return value
    if value is True or value is False:
        return int(value)
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
            return exact(float(value))
        if _PREFIXED.fullmatch(value):
            return exact(float(int(value, 0)))
    raise Failure("D3030", value=value)


def absolute(_: Run, value: Any = UNDEFINED) -> Any:
    """Drop the sign."""
    return UNDEFINED if value is UNDEFINED else abs(value)


def floor(_: Run, value: Any = UNDEFINED) -> Any:
    """Round down to a whole number."""
    return _towards(math.floor, value)


def ceil(_: Run, value: Any = UNDEFINED) -> Any:
    """Round up to a whole number."""
    return _towards(math.ceil, value)


def _towards(direction: Callable[[float], int], value: Any) -> Any:
    if type(value) is not float or not math.isfinite(value):
        return value
    return exact(float(direction(value)))


def round_(_: Run, value: Any = UNDEFINED, precision: Any = 0) -> Any:
    """Round to so many places behind the point; what lies between two numbers, to the even one."""
    return UNDEFINED if value is UNDEFINED else rounded(value, 0 if precision is UNDEFINED else precision)


def rounded(value: Any, precision: Any = 0) -> Any:
    """Round a number to the nearest, or the nearest even one."""
    if not math.isfinite(value) or abs(precision) > 400:
        return value if precision >= 0 else 0
    shifted = Decimal(repr(value)).scaleb(int(precision))
    nearest = shifted.to_integral_value(ROUND_HALF_EVEN).scaleb(-int(precision))
    return exact(float(nearest)) or 0


def sqrt(_: Run, value: Any = UNDEFINED) -> Any:
    """The square root."""
    if value is UNDEFINED:
        return UNDEFINED
    if value < 0:
        raise Failure("D3060", value=value)
    return exact(math.sqrt(value))


def power(_: Run, base: Any = UNDEFINED, exponent: Any = UNDEFINED) -> Any:
    """Raise a number to a power."""
    if base is UNDEFINED:
        return UNDEFINED
    try:
        result = math.pow(base, exponent) if is_number(exponent) else math.nan
    except (OverflowError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise Failure("D3061", value=base, exp=exponent)
    return exact(result)


def format_base(run: Run, value: Any = UNDEFINED, radix: Any = 10) -> Any:
    """Write a whole number in another base, from 2 to 36."""
    if value is UNDEFINED:
        return UNDEFINED
    base = 10 if radix is UNDEFINED else rounded(radix)
    if not 2 <= base <= 36:
        raise Failure("D3100", value=base)
    whole = rounded(value)
    if base == 10 or not math.isfinite(whole):
        return casts.text(run, whole)
    digits, rest = "", abs(int(whole))
    while rest:
        rest, digit = divmod(rest, int(base))
        digits = _DIGITS[digit] + digits
    return ("-" if whole < 0 else "") + (digits or "0")


def total(_: Run, values: Any = UNDEFINED) -> Any:
    """Add up numbers."""
    return UNDEFINED if values is UNDEFINED else _sum(values)


def _sum(values: list[Any]) -> Any:
    result = functools.reduce(operator.add, values, 0)  # `sum` would correct the errors of floats
    return float(result) if type(result) is int and abs(result) > EXACT else result


def average(_: Run, values: Any = UNDEFINED) -> Any:
    """The average of numbers."""
    return UNDEFINED if values is UNDEFINED or not values else exact(_sum(values) / len(values))


def maximum(_: Run, values: Any = UNDEFINED) -> Any:
    """The largest of numbers."""
    return UNDEFINED if values is UNDEFINED or not values else max(values)


def minimum(_: Run, values: Any = UNDEFINED) -> Any:
    """The smallest of numbers."""
    return UNDEFINED if values is UNDEFINED or not values else min(values)
