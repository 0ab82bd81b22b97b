"""JSON text in and out, as Step Functions takes and gives it: the one place that knows how."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from asfini.errors import InvalidArgument

MAX_PAYLOAD_BYTES = 262_144
"""The most bytes, in UTF-8, of any input, output or result: the service quotas page."""


def dumps(value: Any, what: str = "value", indent: int | None = None) -> str:
    """Write a value as JSON: plain data, pydantic models, dataclasses, dates and the like.

    Raises:
        InvalidArgument: something in it has no JSON form; the message says what and where.
    """
    try:
        return _plain_dumps(value, indent)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return _any_dumps(value, indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} cannot be written as JSON{_place(value)}: {error}") from error


def _plain_dumps(value: Any, indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def _any_dumps(value: Any, indent: int | None = None) -> str:
    from pydantic_core import to_jsonable_python

    return _plain_dumps(to_jsonable_python(value, by_alias=True, inf_nan_mode="constants"), indent)


def _place(value: Any) -> str:
    """Say where in a value the part is that has no JSON form."""
    path, inner = "", value
    while isinstance(inner, (Mapping, list, tuple)) and len(path) < 100:  # a list may hold itself
        found = next(((key, part) for key, part in _parts(inner) if not _fits(part)), None)
        if found is None:
            break
        path, inner = f"{path}/{found[0]}", found[1]
    return f" at {path}" if path else ""


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, Mapping) else enumerate(value)


def _fits(value: Any) -> bool:
    try:
        _any_dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def loads(text: str | bytes, what: str = "value") -> Any:
    """Read JSON text.

    Raises:
        InvalidArgument: it is not JSON; the message says where.
    """
    from pydantic_core import from_json  # when it is needed: it takes long to load

    try:
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except (TypeError, ValueError):  # it is fast, but takes no halves of surrogate pairs and no deep nesting
        return _slow_loads(text, what)


def _slow_loads(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} is not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


def size(text: str, what: str = "value") -> int:
    """Count the bytes of a text in UTF-8.

    Raises:
        InvalidArgument: it has no UTF-8 form, for half a surrogate pair is in it.
    """
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} is not valid Unicode text: {error}") from error


def payload(value: Any, what: str, most: int = MAX_PAYLOAD_BYTES) -> str:
    """Write a value as the JSON text of an input or output, within a limit of bytes: AWS's by default.

    Raises:
        InvalidArgument: it has no JSON form, or one with two members of one name, or more bytes.
    """
    text = dumps(value, what)
    _check_keys(value, what)
    if (length := size(text, what)) > most:
        raise InvalidArgument(f"{what} has {length:,} bytes, but at most {most:,} are allowed")
    return text


def _check_keys(value: Any, what: str) -> None:
    """Refuse keys that differ here and not in JSON, such as 1 and "1": each reader would keep another one."""
    containers = [value]
    while containers:
        inner = containers.pop()
        if isinstance(inner, dict):
            if {*map(type, inner)} - {str}:
                _check_names(inner, what)
            inner = inner.values()
        elif not isinstance(inner, (list, tuple)):
            continue
        containers += [part for part in inner if isinstance(part, (dict, list, tuple))]


def _check_names(mapping: Mapping[Any, Any], what: str) -> None:
    seen: dict[str, Any] = {}
    for key in mapping:
        name = next(iter(json.loads(dumps({key: None}))))
        if name in seen:
            raise InvalidArgument(f"{what} has the keys {seen[name]!r} and {key!r}, which JSON writes alike")
        seen[name] = key
