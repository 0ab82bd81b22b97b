"""JSON text in and out, as Step Functions takes and gives it: the one place that knows how."""

import json
from typing import Any

from asfini.errors import InvalidArgument

MAX_PAYLOAD_BYTES = 262_144
"""The most bytes, in UTF-8, of any input, output or result: the service quotas page."""

_UNSET: Any = object()


def dumps(value: Any, what: str = "value") -> str:
    """Write a value as JSON: plain data, pydantic models, dataclasses, dates and the like.

    Raises:
        InvalidArgument: something in it has no JSON form; it is named with its place.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return _dumps_any(value, what)


def _dumps_any(value: Any, what: str) -> str:
    from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415 - slow

    try:
        plain = to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} cannot be written as JSON: {error}") from error


def loads(text: str | bytes, what: str = "value") -> Any:
    """Read JSON text.

    Raises:
        InvalidArgument: it is not JSON; the message says where.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} is not JSON: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def size(text: str, what: str = "value") -> int:
    """Count the bytes of a text in UTF-8."""
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} is not valid Unicode text: {error}") from error


def payload(value: Any, what: str) -> str:
    """Write a value as the JSON text of an input or output, within AWS's limit.

    Raises:
        InvalidArgument: it has no JSON form, or more than 262,144 bytes.
    """
    text = dumps(value, what)
    if (length := size(text, what)) > MAX_PAYLOAD_BYTES:
        raise InvalidArgument(f"{what} has {length:,} bytes, but at most {MAX_PAYLOAD_BYTES:,} are allowed")
    return text
