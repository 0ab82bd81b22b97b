"""What AWS's reader of JSON, Jackson, says of text that is not JSON."""

import json
import re
from collections.abc import Callable
from typing import Any

from asfini import _json
from asfini.errors import InvalidArgument

_VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_WORD = re.compile(r"[\w$]+")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def reason(error: json.JSONDecodeError) -> tuple[str, int]:
    """Word an error of Python's reader as Jackson does.

    Returns:
        What is wrong, and the column that Jackson names.
    """
    kind = next((kind for kind in _SAYINGS if error.msg.startswith(kind)), None)
    if kind is None:
        return error.msg, error.colno
    if error.pos >= len(error.doc):
        return "Unexpected end-of-input", error.colno
    word = _WORD.match(error.doc, error.pos) if kind == "Expecting value" else None
    if word is not None:
        return f"Unrecognized token '{word[0]}': was expecting {_VALUE}", error.colno + len(word[0])
    return _SAYINGS[kind](error), error.colno


def loads(text: str, refusal: Callable[[str], Exception]) -> Any:
    """Read JSON text that came over the API.

    Args:
        text: what may be JSON.
        refusal: makes the error to raise of what is wrong with it.
    """
    try:
        return _json.loads(text)
    except InvalidArgument as error:
        cause = error.__cause__
        told = reason(cause)[0] if isinstance(cause, json.JSONDecodeError) else str(cause)
        raise refusal(told) from None


def _unexpected(wanted: str) -> Callable[[json.JSONDecodeError], str]:
    def say(error: json.JSONDecodeError) -> str:
        return f"Unexpected character ({_character(error)}): {wanted}"

    return say


def _character(error: json.JSONDecodeError) -> str:
    letter = error.doc[error.pos]
    return f"'{letter}' (code {ord(letter)})"


def _between(error: json.JSONDecodeError) -> str:
    """Say that a comma is missing, and in what."""
    opened: list[str] = []
    for found in _STRING_OR_BRACKET.finditer(error.doc, 0, error.pos):
        if found[0] in ("[", "{"):
            opened.append(found[0])
        elif found[0] in ("]", "}"):
            opened.pop()
    inside = "Array" if opened[-1:] == ["["] else "Object"
    return _unexpected(f"was expecting comma to separate {inside} entries")(error)


def _control(error: json.JSONDecodeError) -> str:
    code = ord(error.doc[error.pos])
    return (
        f"Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using backslash "
        "to be included in string value"
    )


_SAYINGS: dict[str, Callable[[json.JSONDecodeError], str]] = {
    "Expecting value": _unexpected(f"expected a valid value {_VALUE}"),
    "Expecting property name": _unexpected("was expecting double-quote to start field name"),
    "Expecting ':'": _unexpected("was expecting a colon to separate field name and value"),
    "Expecting ','": _between,
    "Invalid control character": _control,
    "Unterminated string": lambda _: "Unexpected end-of-input in VALUE_STRING",
}
"""What Jackson says, by what Python's reader says first."""
