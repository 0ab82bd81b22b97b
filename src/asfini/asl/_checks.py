"""Checks of single values: types, ranges, paths, templates, expressions."""

import json
from typing import Any

from asfini.asl import _paths, _times
from asfini.asl._problem import INVALID_JSONATA, Check, Context, at

_JSON_TYPES = {
    dict: "an OBJECT",
    list: "an ARRAY",
    bool: "a BOOLEAN",
    int: "a NUMBER",
    float: "a NUMBER",
    type(None): "a NULL",
}


def show(value: Any) -> str:
    """Write a value for a message, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}…"


def anything(context: Context, value: Any, place: str, key: str) -> None:
    """Let any value pass."""


def text(context: Context, value: Any, place: str, key: str) -> None:
    """Demand text."""
    if not isinstance(value, str):
        context.add(f"Expected text, but found {show(value)}", at(place, key))


def boolean(context: Context, value: Any, place: str, key: str) -> None:
    """Demand true or false."""
    if not isinstance(value, bool) and not context.open(value):
        context.add(f"Expected true or false, but found {show(value)}", at(place, key))


def true(context: Context, value: Any, place: str, key: str) -> None:
    """Demand true."""
    if value is not True and not context.open(value):
        context.add(f"Expected true, but found {show(value)}", at(place, key))


def texts(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a list of texts that is not empty."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        if not context.open(value):
            context.add(f"Expected an array of texts, but found {show(value)}", at(place, key))
    elif not value:
        context.add("Value cannot be empty", at(place, key))


def number(minimum: float, maximum: float | None = None, *, literal: bool = False) -> Check:
    """Make a check for a number: a whole one where the limits are whole.

    Args:
        minimum: the lowest.
        maximum: the highest, if there is one.
        literal: whether a JSONata expression may not stand for it.
    """
    whole = isinstance(minimum, int)

    def check(context: Context, value: Any, place: str, key: str) -> None:
        if type(value) is int or (type(value) is float and not whole):
            if value < minimum:
                context.add(f"Minimum value is {minimum}", at(place, key))
            elif maximum is not None and value > maximum:
                context.add(f"Maximum value is {maximum}", at(place, key))
        elif isinstance(value, str) and context.jsonata and not literal and is_expression(value):
            expression(context, value, place, key)
        elif not context.open(value):
            kind = "a whole number" if whole else "a number"
            context.add(f"Expected {kind}, but found {show(value)}", at(place, key))

    return check


def one_of(*names: str) -> Check:
    """Make a check for one of some texts."""
    allowed = frozenset(names)

    def check(context: Context, value: Any, place: str, key: str) -> None:
        if not (isinstance(value, str) and value in allowed) and not context.open(value):
            context.add(f"Value must be one of [{', '.join(names)}], but is {show(value)}", at(place, key))

    return check


def timestamp(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a time in the form of RFC 3339, with `T` and a zone."""
    if context.jsonata and is_expression(value):
        expression(context, value, place, key)
    elif not context.open(value) and _times.timestamp(value) is None:
        context.add("String does not match RFC3339 timestamp", at(place, key))


# Paths


def path(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a JSONPath, or null."""
    if value is None or (isinstance(value, str) and _paths.is_path(value)):
        return
    if not context.open(value):
        context.add("Value must be a valid JSONPath.", at(place, key))


def result_path(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a Reference Path into the state's input, or null."""
    if value is None or (isinstance(value, str) and _paths.is_result_path(value)):
        return
    _not_a_reference(context, value, place, key)


def reference(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a Reference Path."""
    if not isinstance(value, str) or not _paths.is_reference(value):
        _not_a_reference(context, value, place, key)


def own_reference(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a Reference Path that does not read the context object."""
    if not isinstance(value, str) or not _paths.is_reference(value) or _paths.is_context(value):
        _not_a_reference(context, value, place, key)


def _not_a_reference(context: Context, value: Any, place: str, key: str) -> None:
    if context.open(value):
        return
    reason = f"it is {show(value)}"
    if isinstance(value, str) and not value.startswith("$"):
        reason = "Reference path didn't start with '$'"
    context.add(f"Value is not a Reference Path: {reason}", at(place, key))


def text_path(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a JSONPath, or a call of an intrinsic function that gives text."""
    if isinstance(value, str) and (_paths.is_path(value) or _paths.is_intrinsic(value, giving_text=True)):
        return
    if not context.open(value):
        wanted = "a valid JSONPath or a valid intrinsic function call that gives text"
        context.add(f"Value must be {wanted}", at(place, key))


# Templates and expressions


def template(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a payload template: keys that end in `.$` hold paths or calls of intrinsic functions."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                template(context, item, place, f"{key}[{index}]")
    elif isinstance(value, dict):
        below = at(place, key)
        for name, item in value.items():
            if name.endswith(".$"):
                _dynamic(context, name, item, below)
                if name[:-2] in value:
                    context.add(f"Fields {name[:-2]!r} and {name!r} both set {name[:-2]!r}", below)
            elif isinstance(item, (dict, list)):
                template(context, item, below, name)


def _dynamic(context: Context, name: str, value: Any, place: str) -> None:
    if not isinstance(value, str):
        wanted = f"a STRING that contains a JSONPath but was {_JSON_TYPES[type(value)]}"
        context.add(f"The value for the field '{name}' must be {wanted}", place)
    elif not _paths.is_path(value) and not _paths.is_intrinsic(value) and not context.open(value):
        wanted = "a valid JSONPath or a valid intrinsic function call"
        context.add(f"The value for the field '{name}' must be {wanted}", place)


def is_expression(value: Any) -> bool:
    """Whether a value is a JSONata expression: `{% … %}` with nothing around it."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}") and len(value) >= 4


def expressions(context: Context, value: Any, place: str, key: str) -> None:
    """Look through JSON for JSONata expressions."""
    if isinstance(value, str):
        if value.startswith("{%") or value.endswith("%}"):
            expression(context, value, place, key)
    elif isinstance(value, dict):
        below = at(place, key)
        for name, item in value.items():
            expressions(context, item, below, name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            expressions(context, item, place, f"{key}[{index}]")


def composed(context: Context, value: Any, place: str, key: str) -> None:
    """Demand an array, an object or a JSONata expression."""
    if isinstance(value, (list, dict, str)):
        expressions(context, value, place, key)
    else:
        context.add(f"Expected an array, an object or an expression, but found {show(value)}", at(place, key))


def expression(context: Context, value: str, place: str, key: str) -> None:
    """Check one JSONata expression."""
    if context.open(value):
        return
    if not is_expression(value):
        message = f"Expression is not enclosed in {{% and %}}: {show(value)}"
        context.add(message, at(place, key), INVALID_JSONATA)
        return
    from asfini.query import jsonata  # few machines need it

    for fault in jsonata.faults(value, lacking=() if context.catching else ("errorOutput",)):
        context.add(fault.message, at(place, key), fault.code)


def said(context: Context, value: Any, place: str, key: str) -> None:
    """Demand text, or a JSONata expression for it."""
    text(context, value, place, key)
    if context.jsonata:
        expressions(context, value, place, key)


def dynamic(context: Context, value: Any, place: str, key: str) -> None:
    """Check JSON in which the query language's own way of reading data may stand."""
    (expressions if context.jsonata else template)(context, value, place, key)
