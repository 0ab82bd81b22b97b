"""Definitions as plain JSON data, whatever they come as."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from asfini import _jackson
from asfini.asl._model import Model
from asfini.asl._problem import SCHEMA, Context
from asfini.errors import InvalidArgument

MAX_BYTES = 1_048_576
"""The longest definition: the API's `CreateStateMachine`."""
INVALID_JSON = "INVALID_JSON_DESCRIPTION"


class Repeated(dict[str, Any]):
    """A JSON object in whose text some keys stand more than once."""

    keys_twice: tuple[str, ...] = ()


def read(definition: object, context: Context) -> Any:
    """Give a definition as plain JSON data; none, with an error noted, where that cannot be.

    Raises:
        InvalidArgument: it is neither a definition, nor has one, nor JSON.
        RecursionError: it is nested too deeply.
    """
    if isinstance(definition, (str, bytes)):
        return _read_text(definition, context)
    if isinstance(definition, Model):
        data: Any = definition.to_dict()
    elif isinstance(definition, Mapping):
        data = dict(definition)
    elif (inner := getattr(definition, "definition", None)) is not None:
        return read(inner, context)
    else:
        raise InvalidArgument(f"a definition, a machine or JSON is needed, not {definition!r}")
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        context.add(f"Definition cannot be written as JSON: {error}", "", INVALID_JSON)
        return None
    _check_size(text, context)
    return data if isinstance(definition, Model) else json.loads(text)


def _read_text(source: str | bytes, context: Context) -> Any:
    try:
        text = source if isinstance(source, str) else source.decode()
        _check_size(text, context)
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse) if text.strip() else None
    except json.JSONDecodeError as error:
        message, location = _as_aws_says(error)
        context.add(message, location, INVALID_JSON)
        return None
    except ValueError as error:
        context.add(f"Definition is not JSON: {error}", "", INVALID_JSON)
        return None
    if not isinstance(data, dict):
        context.add("Definition must be a valid JSON object", "", SCHEMA)
        return None
    return data


def _check_size(text: str, context: Context) -> None:
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        context.add(f"Definition has {size:,} bytes, but at most {MAX_BYTES:,} are allowed", "/", SCHEMA)


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    data = dict(pairs)
    if len(data) == len(pairs):
        return data
    repeated = Repeated(data)
    names = [name for name, _ in pairs]
    repeated.keys_twice = tuple(name for name in data if names.count(name) > 1)
    return repeated


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def _as_aws_says(error: json.JSONDecodeError) -> tuple[str, str]:
    """Word an error as AWS's parser does where the commonest mistake was made."""
    message, column = _jackson.reason(error)
    rest = len(error.doc) - 500
    source = f'"{error.doc[:500]}"' + (f"[truncated {rest} chars]" if rest > 0 else "")
    place = f"[Source: (String){source}; line: {error.lineno}, column: {column}]"
    return f"{message}\n at {place}", place
