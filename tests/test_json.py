"""Reading JSON text: what comes of it, and what is said of text that is none."""

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asfini._json import loads
from asfini.errors import InvalidArgument

DEEP = 300
"""Levels that are more than a fast reader takes, and fewer than Python's."""


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, each part of the same type and each zero of the same sign."""
    return repr(one) == repr(other)


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_TEXT = st.text(st.characters(exclude_categories=()))
_JSON = st.recursive(
    _PLAIN | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_any_json_is_read_as_it_was_written(value: Any, escaped: bool) -> None:
    assert same(loads(json.dumps(value, ensure_ascii=escaped)), value)


@given(st.integers(0, 2**64 - 1), st.sampled_from(("%r", "%.17e", "%.25g", "%.20E", "%.30f")))
def test_numbers_of_any_length_are_read_as_python_reads_them(bits: int, form: str) -> None:
    number: float = struct.unpack("d", bits.to_bytes(8, "little"))[0]
    if math.isfinite(number):
        text = form % number
        assert same(loads(text), json.loads(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        ('[{"": 1, "": {"c": 1, "c": 2}}]', [{"": {"c": 2}}]),
        ("-0", 0),
        ("-0.0", -0.0),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1E400", math.inf),
        ("-1E400", -math.inf),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("9223372036854775808", 2**63),
        ("-9223372036854775809", -(2**63) - 1),
        ("1" * 4300, int("1" * 4300)),
        (" \n1\t ", 1),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud83d"', "\ud83d"),
        ('"\udc00"', "\udc00"),
        (r'"\u0000\/"', "\0/"),
        ('"é"'.encode(), "é"),
        ('"é"'.encode("utf-8-sig"), "é"),
        ('"é"'.encode("utf-16"), "é"),
    ],
    ids=repr,
)
def test_rare_json_is_read_as_python_reads_it(text: str | bytes, value: Any) -> None:
    assert same(loads(text), value)


def test_deep_nesting_is_read() -> None:
    value = loads("[" * DEEP + "1" + "]" * DEEP)
    for _ in range(DEEP):
        (value,) = value
    assert value == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("{} 2", "Extra data: line 1 column 4 (char 3)"),
        ("{a: 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('["one\n"]', "Invalid control character at: line 1 column 6 (char 5)"),
        ("01", "Extra data: line 1 column 2 (char 1)"),
        ("NaN", "NaN is not a JSON value"),
        ('{"a": [Infinity]}', "Infinity is not a JSON value"),
        ("-Infinity", "-Infinity is not a JSON value"),
        ("1" * 5000, "Exceeds the limit (4300 digits) for integer string conversion"),
        ("[" * 100_000, "maximum recursion depth exceeded"),
        (b"\xff1", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_what_is_no_json_is_refused_saying_where(text: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        loads(text, "the input")
    assert str(refused.value).startswith(f"the input is not JSON: {reason}")


@pytest.mark.parametrize("text", [None, 1, {}])
def test_only_text_is_read(text: Any) -> None:
    with pytest.raises(TypeError, match="must be str, bytes or bytearray"):
        loads(text)
