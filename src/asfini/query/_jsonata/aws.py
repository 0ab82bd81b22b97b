"""The functions that Step Functions adds to JSONata, as measured on AWS."""

import hashlib
import json
import math
import uuid as identifiers
from collections.abc import Callable
from typing import Any

from asfini.query._java import Random
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.numbers import exact
from asfini.query._jsonata.run import Run, too_large
from asfini.query._jsonata.values import UNDEFINED, Sequence

_MOST_RANGE = 360_145
"""The items of a `$range`: AWS makes so many and refuses one more."""
_MOST_PARSED = 1_048_576
"""The characters of JSON that `$parse` takes at once; a payload has at most 262,144."""
_LONG = 2**63
_HASHES: dict[str, Callable[..., Any]] = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def _whole(number: Any) -> int:
    """Round towards zero."""
    return int(number) if math.isfinite(number) else 0


def partition(run: Run, items: Any = UNDEFINED, size: Any = UNDEFINED) -> Any:
    """Split an array into arrays of a size; the last may be shorter."""
    if items is UNDEFINED:
        return UNDEFINED
    if not isinstance(items, list):
        raise Failure("T0412", index=1)
    if not items:
        return UNDEFINED
    length = len(items) if size is UNDEFINED else _whole(size)
    if length < 0:
        raise Failure("D3137", message="Second argument must be zero or greater")
    if length == 0:
        return UNDEFINED
    run.reserve(len(items))
    return [list(items[start : start + length]) for start in run.watch(range(0, len(items), length))]


def range_(run: Run, start: Any = UNDEFINED, end: Any = UNDEFINED, step: Any = UNDEFINED) -> Any:
    """List the numbers from one to another; a single one stands for itself."""
    if start is UNDEFINED or end is UNDEFINED or step is UNDEFINED or not _whole(step):
        return UNDEFINED
    first, last, distance = _whole(start), _whole(end), _whole(step)
    count = (last - first) // distance + 1
    if count > _MOST_RANGE:
        raise too_large()
    run.reserve(max(count, 0))
    return Sequence(range(first, first + count * distance, distance))


def hash_(_: Run, text: Any = UNDEFINED, algorithm: Any = UNDEFINED) -> Any:
    """Compute a hash of a string's UTF-8, in hexadecimal digits."""
    if text is UNDEFINED or algorithm is UNDEFINED:
        return UNDEFINED
    if algorithm not in _HASHES:
        names = "SHA-1, SHA-384, SHA-256, SHA-512, MD5"
        raise Failure("D3137", message=f"Hash algorithm '{algorithm}' must be one of {names}")
    octets = text.encode("utf-8", "replace")
    return _HASHES[algorithm](octets, usedforsecurity=False).hexdigest()


def random_(run: Run, seed: Any = UNDEFINED) -> float:
    """A random number of at least 0 and less than 1; with a seed, the first of Java's generator."""
    return run.random.random() if seed is UNDEFINED else Random(_whole(seed)).double()


def uuid(run: Run) -> str:
    """A random UUID."""
    return str(identifiers.UUID(int=run.random.getrandbits(128), version=4))


def parse(run: Run, text: Any = UNDEFINED) -> Any:
    """Read JSON, strictly: no key twice, no number that is too large."""
    if text is UNDEFINED:
        return UNDEFINED
    if len(text) > _MOST_PARSED:
        raise too_large()
    run.check()
    try:
        return json.loads(
            text, parse_constant=_refused, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        raise Failure("D3137", message="Invalid JSON") from None


def _refused(text: str) -> Any:
    raise ValueError(text)


def _float(text: str) -> Any:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return exact(number)


def _int(text: str) -> Any:
    if len(text) > 400:
        raise ValueError(text)
    number = int(text)
    return number if -_LONG <= number < _LONG else _float(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields
