"""The eighteen intrinsic functions.

What each takes, refuses and answers with is AWS's own: the developer guide's page "Intrinsic functions" and,
where that is silent or wrong, what executions on AWS were seen to give.
"""

import base64
import hashlib
import json
import math
import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, Never, TypeVar

from asfini import _jackson
from asfini._json import dumps
from asfini.errors import InvalidArgument
from asfini.query import _java

T = TypeVar("T")

MAX_RANGE = 1_000
"""The most items that `States.ArrayRange` gives: the developer guide, "Intrinsic functions"."""
MAX_CHARACTERS = 10_000
"""The longest text that is encoded, decoded or hashed: the same page."""
ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Refused(Exception):  # noqa: N818 - a signal between this module and the caller of its functions
    """Arguments do not suit a function: why, or nothing where AWS says only that they are invalid."""


def _expect(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise Refused
    return value


def _integer(value: Any, bits: int = 32) -> int:
    """Take a number for an integer of so many bits, cut after the point."""
    limit = 1 << bits - 1
    if type(value) not in (int, float) or not -limit - 1 < value < limit:
        raise Refused
    return int(value)


def _short(value: Any) -> str:
    if len(string := _expect(value, str)) > MAX_CHARACTERS:
        raise Refused
    return string


_PLACEHOLDER = re.compile(r"\\(?P<escaped>[\\'{}])|(?P<place>\{\})|(?P<brace>[{}])")


@lru_cache(maxsize=256)
def _segments(template: str) -> list[str]:
    """Cut a template at its `{}`."""
    segments, end = [""], 0
    for match in _PLACEHOLDER.finditer(template):
        if brace := match["brace"]:
            other = "{" if brace == "}" else "}"
            raise Refused(f"Invalid template in States.Format: matching '{other}' not found for '{brace}'.")
        segments[-1] += template[end : match.start()] + (match["escaped"] or "")
        if match["place"]:
            segments.append("")
        end = match.end()
    segments[-1] += template[end:]
    return segments


def format_(template: Any, *values: Any) -> str:
    first, *rest = _segments(_java.text(template))
    if len(rest) != len(values):
        reason = "number of arguments do not match the occurrences of {}."
        raise Refused(f"Invalid arguments in States.Format: {reason}")
    return first + "".join([_java.text(value) + segment for value, segment in zip(values, rest, strict=True)])


def _finite(number: str) -> float:
    if math.isinf(value := float(number)):
        raise ValueError(f"{number} is too large")
    return value


def _no_number(constant: str) -> Never:
    raise ValueError(f"{constant} is not a JSON value")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number)


def _why_not_json(error: ValueError | RecursionError) -> str:
    """Word a parser's error as AWS's parser, Jackson, does for the commonest mistakes."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    reason, column = _jackson.reason(error)
    source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"{reason}\n at [Source: {source}; line: {error.lineno}, column: {column}]"


def string_to_json(text: Any) -> Any:
    if not _expect(text, str).strip():
        return None
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        reason = f"caused by: {_why_not_json(error)}"
        raise Refused(f"Cannot convert String to Json in States.StringToJson, {reason}") from error


def json_to_string(*values: Any) -> str:
    if len(values) != 1:
        raise Refused("Invalid arguments in States.JsonToString: only a single argument is allowed.")
    try:
        return dumps(values[0])
    except InvalidArgument as error:
        raise Refused(f"Invalid arguments in States.JsonToString: {error}") from error


def array(*items: Any) -> list[Any]:
    return list(items)


def array_partition(items: Any, size: Any) -> list[list[Any]]:
    _expect(items, list)
    if (size := _integer(size)) < 1:
        raise Refused
    return [items[start : start + size] for start in range(0, len(items), size)]


def array_contains(items: Any, wanted: Any) -> bool:
    """Compare as text: `true` is found in `["true"]`, an object only with its members in the same order."""
    text = _java.text(wanted)
    return any(_java.text(item) == text for item in _expect(items, list))


def array_range(start: Any, end: Any, step: Any) -> list[int]:
    start, end, step = _integer(start), _integer(end), _integer(step)
    if step == 0 or len(numbers := range(start, end + (1 if step > 0 else -1), step)) > MAX_RANGE:
        raise Refused
    return list(numbers)


def array_get_item(items: Any, index: Any) -> Any:
    """Give an item; past the end of an empty array there is a null, past that of any other an error."""
    index, last = _integer(index), len(_expect(items, list)) - 1
    if index < 0 or 0 <= last < index:
        raise Refused
    return items[index] if items else None


def array_length(items: Any) -> int:
    return len(_expect(items, list))


def array_unique(items: Any) -> list[Any]:
    """Drop what is equal to an earlier item; the order is that of a hash set."""
    distinct: dict[str, Any] = {}
    for item in _expect(items, list):
        distinct.setdefault(json.dumps(item, sort_keys=True), item)
    return _java.hash_order(distinct.values(), expected=len(items))


def base64_encode(text: Any) -> str:
    return base64.b64encode(_short(text).encode(errors="replace")).decode()


_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def base64_decode(text: Any) -> str:
    """Decode leniently: other characters are skipped, padding may be missing, a first `=` is the end."""
    digits = _NOT_BASE64.sub("", _short(text).partition("=")[0].translate({45: "+", 95: "/"}))
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4)).decode(errors="replace")


def hash_(data: Any, algorithm: Any) -> str:
    if (name := ALGORITHMS.get(_expect(algorithm, str))) is None:
        raise Refused
    encoded = _short(_java.text(data)).encode(errors="replace")
    return hashlib.new(name, encoded, usedforsecurity=False).hexdigest()


def json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    """Merge the top level of two objects; the order is that of a hash table. There is no deep merging."""
    if deep is True:
        raise Refused
    merged = _expect(first, dict) | _expect(second, dict)
    return {name: merged[name] for name in _java.hash_order(merged)}


_UNSEEDED: Any = object()


def math_random(start: Any, end: Any, seed: Any = _UNSEEDED, *, random: Random) -> int:
    """Draw a number from `start` up to, but without, `end`."""
    start, end = _integer(start), _integer(end)
    if not 0 < end - start < 2**31:
        raise Refused
    if seed is _UNSEEDED:
        return random.randrange(start, end)
    return int(start + _java.Random(_integer(seed, bits=64)).below(end - start))


def _rounded(value: Any) -> int:
    """Round to the nearest integer of 32 bits, halves upwards."""
    if type(value) is float and abs(value) <= 2**31:
        whole = math.floor(value)
        value = whole + (value - whole >= 0.5)
    return _integer(value)


def math_add(first: Any, second: Any) -> int:
    return _integer(_rounded(first) + _rounded(second))


def string_split(text: Any, delimiters: Any) -> list[str]:
    """Split at any character of `delimiters`; empty parts are left out."""
    if not _expect(delimiters, str):
        return [text] if _expect(text, str) else []
    first, *rest = delimiters
    one = _expect(text, str).translate(dict.fromkeys(map(ord, rest), first)) if rest else _expect(text, str)
    return [part for part in one.split(first) if part]


def uuid_(*_ignored: Any, random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


INTRINSICS: dict[str, Callable[..., Any]] = {
    "States.Format": format_,
    "States.StringToJson": string_to_json,
    "States.JsonToString": json_to_string,
    "States.Array": array,
    "States.ArrayPartition": array_partition,
    "States.ArrayContains": array_contains,
    "States.ArrayRange": array_range,
    "States.ArrayGetItem": array_get_item,
    "States.ArrayLength": array_length,
    "States.ArrayUnique": array_unique,
    "States.Base64Encode": base64_encode,
    "States.Base64Decode": base64_decode,
    "States.Hash": hash_,
    "States.JsonMerge": json_merge,
    "States.MathRandom": math_random,
    "States.MathAdd": math_add,
    "States.StringSplit": string_split,
    "States.UUID": uuid_,
}
"""The functions by name. A wrong number of arguments is refused when they are called, as on AWS."""
