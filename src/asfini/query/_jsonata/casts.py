"""From one type to another: what counts as true, and how values are written as text."""

import json
import math
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import repeat
from typing import TYPE_CHECKING, Any

from asfini.query._jsonata.errors import Failure, escaped
from asfini.query._jsonata.values import UNDEFINED, Function, is_number

if TYPE_CHECKING:
    from asfini.query._jsonata.run import Run

_FULL_UNTIL = 1e21
"""From here on JavaScript writes whole numbers with an exponent."""
_FIFTEEN = Context(prec=15, rounding=ROUND_HALF_UP)


def is_numeric(value: Any) -> bool:
    """Whether a value is a number to calculate with.

    Raises:
        Failure: it is infinite.
    """
    if type(value) is int:
        return True
    if type(value) is not float or math.isnan(value):
        return False
    if math.isinf(value):
        raise Failure("D1001", value=value)
    return True


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number."""
    return type(value) is int or (type(value) is float and value.is_integer())


def boolean(value: Any) -> bool:
    """Whether a value counts as true; the undefined value does not."""
    if value is True or value is False or value is UNDEFINED:
        return value is True
    if isinstance(value, list):
        return any(boolean(item) for item in value)
    if isinstance(value, (str, dict)):
        return len(value) > 0
    if isinstance(value, Function):
        return value.truth
    return is_numeric(value) and value != 0


def text(run: "Run", value: Any, indent: int = 0) -> str:
    """Write a value as text: strings as they are, functions as nothing, all else as JSON.

    Raises:
        Failure: the value is, or holds, an infinite number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Function):
        return ""
    if is_number(value):
        if not math.isfinite(value):
            raise Failure("D3001", value=value)
        return number_text(value)
    return run.made("".join(_json(run, value, indent, 0)))


def number_text(number: float) -> str:
    """Write a finite number as AWS does: whole ones in full, others with up to 15 digits."""
    if number == 0:
        return "0"
    if abs(number) < _FULL_UNTIL and (type(number) is int or float(number).is_integer()):
        return str(number) if type(number) is int else _whole(number)
    number = float(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    if len(digits) > _FIFTEEN.prec:
        sign, digits, exponent = _FIFTEEN.create_decimal_from_float(number).normalize(_FIFTEEN).as_tuple()
    return ("-" if sign else "") + _scripted("".join(map(str, digits)), int(exponent))


def _whole(number: float) -> str:
    """Write a whole float by the shortest digits that read as it, zeros behind."""
    if abs(number) < 2**53:
        return str(int(number))
    digits, _, exponent = repr(number).partition("e+")
    head, _, tail = digits.partition(".")
    if not exponent:
        return head
    return (head + tail).ljust(len(head) + int(exponent), "0")


def _scripted(digits: str, exponent: int) -> str:
    """Place the point, or write an exponent, where JavaScript does."""
    point = len(digits) + exponent
    if 0 < point <= 21:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
        return f"{whole}.{fraction}" if fraction else whole
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _json(run: "Run", value: Any, indent: int, level: int) -> Iterator[str]:
    """Write a value as JSON, as JavaScript's `JSON.stringify` does."""
    if isinstance(value, str):
        yield escaped(json.dumps(value, ensure_ascii=False))
    elif value is None or value is UNDEFINED:
        yield "null"
    elif value is True or value is False:
        yield "true" if value else "false"
    elif isinstance(value, dict):
        colon = ": " if indent else ":"
        labels = (escaped(json.dumps(key, ensure_ascii=False)) + colon for key in value)
        yield from _bracketed(run, "{}", zip(labels, value.values(), strict=True), indent, level)
    elif isinstance(value, list):
        yield from _bracketed(run, "[]", zip(repeat(""), value, strict=False), indent, level)
    elif isinstance(value, Function):
        yield '""'
    elif is_numeric(value):
        yield number_text(value)
    else:
        yield "null"


def _bracketed(
    run: "Run", brackets: str, items: Iterable[tuple[str, Any]], indent: int, level: int
) -> Iterator[str]:
    separator = "," + "\n" * bool(indent) + " " * (indent * (level + 1))
    before = brackets[0] + separator[1:]
    for label, item in run.watch(items):
        yield before + label
        yield from _json(run, item, indent, level + 1)
        before = separator
    empty = before is not separator
    yield brackets if empty else ("\n" + " " * (indent * level)) * bool(indent) + brackets[1]
