"""What Step Functions lets show of Java: how values read as text, hash tables' order, seeded random numbers.

The service runs on Java, and some of its results follow from that: `States.Format` writes an object as
`{a=1, b=[x]}`, and `States.ArrayUnique` gives its items in the order of a hash set.
"""

import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from types import NoneType
from typing import Any

_INT, _LONG = 1 << 32, 1 << 64


def text(value: Any) -> str:
    """Write a JSON value as `String.valueOf` does: strings bare, objects as `{name=value, …}`."""
    return _TEXT[type(value)](value)


def _float_text(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' * sign}{first}.{''.join(rest) or 0}E{Decimal(repr(value)).adjusted()}"


_TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: _float_text,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "null",
    list: lambda items: f"[{', '.join(map(text, items))}]",
    dict: lambda members: f"{{{', '.join(f'{name}={text(value)}' for name, value in members.items())}}}",
}


def hash_code(value: Any) -> int:
    """Give a JSON value's `hashCode`, as an unsigned number of 32 bits."""
    return _HASH[type(value)](value) % _INT


def _string_hash(value: str) -> int:
    code = 0
    for unit in memoryview(value.encode("utf-16", "surrogatepass")[2:]).cast("H"):
        code = (31 * code + unit) % _INT
    return code


def _integer_hash(value: int) -> int:
    if -_INT // 2 <= value < _INT // 2:
        return value
    if -_LONG // 2 <= value < _LONG // 2:
        return (value ^ value >> 32) % _INT
    magnitude, code = abs(value), 0
    for shift in reversed(range(0, magnitude.bit_length(), 32)):
        code = (31 * code + (magnitude >> shift) % _INT) % _INT
    return code if value > 0 else -code


def _float_hash(value: float) -> int:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return int(bits ^ bits >> 32)


def _list_hash(items: list[Any]) -> int:
    code = 1
    for item in items:
        code = (31 * code + hash_code(item)) % _INT
    return code


_HASH: dict[type, Callable[[Any], int]] = {
    str: _string_hash,
    int: _integer_hash,
    float: _float_hash,
    bool: lambda value: 1231 if value else 1237,
    NoneType: lambda _: 0,
    list: _list_hash,
    dict: lambda members: sum(_string_hash(name) ^ hash_code(value) for name, value in members.items()),
}


def hash_order(values: Iterable[Any], expected: int = 0) -> list[Any]:
    """Sort distinct values into the order in which a hash table walks over them.

    Args:
        values: what is put into the table, in this order.
        expected: how many values the table was made for.
    """
    values = list(values)
    size = 16
    while size <= int(expected / 0.75) or size * 0.75 < len(values):
        size *= 2

    def bucket(value: Any) -> int:
        code = hash_code(value)
        return (code ^ code >> 16) % size

    return sorted(values, key=bucket)


class Random:
    """`java.util.Random`: the same seed gives the same numbers as on AWS."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ 0x5DEECE66D) % (1 << 48)

    def _bits(self, count: int) -> int:
        self._state = (self._state * 0x5DEECE66D + 0xB) % (1 << 48)
        return self._state >> 48 - count

    def below(self, bound: int) -> int:
        """Draw a number from 0 up to, but without, a positive bound of at most 2^31 - 1."""
        if bound & (bound - 1) == 0:
            return bound * self._bits(31) >> 31
        while (bits := self._bits(31)) - bits % bound + bound > 1 << 31:
            pass
        return bits % bound

    def double(self) -> float:
        """Give a number of at least 0 and less than 1: `nextDouble`."""
        return ((self._bits(26) << 27) + self._bits(27)) / (1 << 53)
