"""The library's functions on arrays and objects, and those that apply functions to them."""

from typing import Any

from asfini.query._jsonata import casts, values
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.run import Run
from asfini.query._jsonata.values import UNDEFINED, Function, Sequence, is_function

_UNWATCHED = 20_000
"""So many values are sorted without looking at the time: it takes a few milliseconds."""


def boolean(_: Run, value: Any = UNDEFINED) -> Any:
    """Whether a value counts as true: functions do not."""
    return UNDEFINED if value is UNDEFINED else not is_function(value) and casts.boolean(value)


def not_(run: Run, value: Any = UNDEFINED) -> Any:
    """Whether a value does not count as true."""
    return UNDEFINED if value is UNDEFINED else not boolean(run, value)


def exists(_: Run, value: Any = UNDEFINED) -> bool:
    """Whether there is a value."""
    return value is not UNDEFINED


def type_(_: Run, value: Any = UNDEFINED) -> Any:
    """The name of a value's type."""
    if value is UNDEFINED:
        return UNDEFINED
    if casts.is_numeric(value):
        return "number"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    return "object"


_TYPES: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (str, "string"),
    (bool, "boolean"),
    (list, "array"),
    (Function, "function"),
)


def count(_: Run, items: Any = UNDEFINED) -> int:
    """Count the items of an array."""
    return 0 if items is UNDEFINED else len(items)


def append(run: Run, first: Any = UNDEFINED, second: Any = UNDEFINED) -> Any:
    """Join two arrays."""
    run.reserve(sum(len(value) if isinstance(value, list) else 1 for value in (first, second)))
    return values.append(first, second)


def reverse(run: Run, items: Any = UNDEFINED) -> Any:
    """Turn an array round."""
    if items is UNDEFINED or len(items) <= 1:
        return items
    run.reserve(len(items))
    return items[::-1]


def shuffle(run: Run, items: Any = UNDEFINED) -> Any:
    """Put an array in a random order."""
    if items is UNDEFINED or len(items) <= 1:
        return items
    run.reserve(len(items))
    shuffled: list[Any] = []
    for index, item in enumerate(run.watch(items)):
        place = int(run.random.random() * (index + 1))
        shuffled.append(item)
        shuffled[index], shuffled[place] = shuffled[place], item
    return shuffled


def distinct(run: Run, items: Any = UNDEFINED) -> Any:
    """Take each value of an array once."""
    if not isinstance(items, list) or len(items) <= 1:
        return items
    run.reserve(len(items))
    found: list[Any] = Sequence() if isinstance(items, Sequence) else []
    seen = set()
    for item in run.watch(items):
        key = _key(item)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found


def _key(value: Any) -> Any:
    """Something hashable that is equal for equal values only."""
    if isinstance(value, dict):
        return "object", frozenset((name, _key(field)) for name, field in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_key, value))
    return (value is True or value is False), id(value) if is_function(value) else value


def zip_(run: Run, *arrays: Any) -> list[Any]:
    """Make arrays of what several arrays have at the same index."""
    shortest = min((len(array) if isinstance(array, list) else 0 for array in arrays), default=0)
    run.reserve(shortest * (len(arrays) + 1))
    return [[array[index] for array in arrays] for index in run.watch(range(shortest))]


def sort(run: Run, items: Any = UNDEFINED, comparator: Any = UNDEFINED) -> Any:
    """Sort numbers, strings, or anything by a function that tells whether its first argument comes later."""
    if items is UNDEFINED or len(items) <= 1:
        return items
    run.reserve(len(items))
    if comparator is not UNDEFINED:
        return [item.value for item in sorted(_Sorted(item, run, comparator) for item in run.watch(items))]
    if not _all_numbers(items) and not all(isinstance(item, str) for item in items):
        raise Failure("D3070")
    if len(items) <= _UNWATCHED:
        return sorted(items)
    return [item.value for item in sorted(_Sorted(item, run, None) for item in run.watch(items))]


def _all_numbers(items: list[Any]) -> bool:
    return all(casts.is_numeric(item) for item in items)


class _Sorted:
    """A value that a sort compares with others, looking at the time now and then."""

    __slots__ = ("comparator", "run", "value")

    def __init__(self, value: Any, run: Run, comparator: Any) -> None:
        self.value = value
        self.run = run
        self.comparator = comparator

    def __lt__(self, other: "_Sorted") -> bool:
        self.run.tick()
        if self.comparator is None:
            return bool(self.value < other.value)
        later = self.run.call(self.comparator, other.value, self.value)
        return isinstance(later, (list, dict, Function)) or bool(later)


# Functions of functions


def _offered(function: Any, *arguments: Any) -> tuple[Any, ...]:
    """As many of the arguments as a function takes, but at least one."""
    return arguments[: max(1, getattr(function, "arity", 1))]


def map_(run: Run, items: Any = UNDEFINED, function: Any = UNDEFINED) -> Any:
    """Apply a function to each item."""
    if items is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    for index, item in enumerate(run.watch(items)):
        value = run.call(function, *_offered(function, item, index, items))
        if value is not UNDEFINED:
            found.append(value)
    return found


def filter_(run: Run, items: Any = UNDEFINED, function: Any = UNDEFINED) -> Any:
    """Take the items for which a function gives what counts as true."""
    if items is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    for index, item in enumerate(run.watch(items)):
        if casts.boolean(run.call(function, *_offered(function, item, index, items))):
            found.append(item)
    return found


def single(run: Run, items: Any = UNDEFINED, function: Any = UNDEFINED) -> Any:
    """Take the only item for which a function gives what counts as true."""
    if items is UNDEFINED:
        return UNDEFINED
    found = []
    for index, item in enumerate(run.watch(items)):
        if function is UNDEFINED or casts.boolean(
            run.call(function, *_offered(function, item, index, items))
        ):
            found.append(item)
        if len(found) > 1:
            raise Failure("D3138")
    if not found:
        raise Failure("D3139")
    return found[0]


def reduce(run: Run, items: Any = UNDEFINED, function: Any = UNDEFINED, start: Any = UNDEFINED) -> Any:
    """Apply a function to what it gave before and the next item, over all items."""
    if items is UNDEFINED:
        return UNDEFINED
    if function.arity < 2:
        raise Failure("D3050")
    first = int(start is UNDEFINED and len(items) > 0)
    result = items[0] if first else start
    for index in run.watch(range(first, len(items))):
        result = run.call(function, *_offered(function, result, items[index], index, items))
    return result


def each(run: Run, value: Any = UNDEFINED, function: Any = UNDEFINED) -> Any:
    """Apply a function to each field's value and name."""
    found = Sequence()
    for name, field in run.watch(_fields(value)):
        result = run.call(function, *_offered(function, field, name, value))
        if result is not UNDEFINED:
            found.append(result)
    return found


def sift(run: Run, value: Any = UNDEFINED, function: Any = UNDEFINED) -> Any:
    """Take the fields for which a function gives what counts as true."""
    kept = {}
    for name, field in run.watch(_fields(value)):
        if casts.boolean(run.call(function, *_offered(function, field, name, value))):
            kept[name] = field
    return kept or UNDEFINED


def _fields(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


# Objects


def keys(run: Run, value: Any = UNDEFINED) -> Any:
    """The names of an object's fields, or of all objects in an array."""
    names: dict[str, None] = {}
    _add_keys(run, value, names)
    return Sequence(names)


def _add_keys(run: Run, value: Any, names: dict[str, None]) -> None:
    if isinstance(value, dict):
        names.update(dict.fromkeys(value))
    elif isinstance(value, list):
        for item in run.watch(value):
            _add_keys(run, item, names)


def lookup(_: Run, value: Any = UNDEFINED, name: Any = UNDEFINED) -> Any:
    """Read a field whose name is computed."""
    return values.lookup(value, name) if isinstance(name, str) else UNDEFINED


def spread(run: Run, value: Any = UNDEFINED) -> Any:
    """Make an object of each field."""
    if isinstance(value, dict):
        return Sequence({name: field} for name, field in value.items())
    if not isinstance(value, list):
        return value
    found: Any = Sequence()
    for index, item in enumerate(run.watch(value)):
        part = spread(run, item)
        if index == 0:
            found = values.append(found, part)
        elif part is not UNDEFINED:
            found.extend(part if isinstance(part, list) else [part])
    return found


def merge(run: Run, objects: Any = UNDEFINED) -> Any:
    """Put the fields of several objects into one."""
    if objects is UNDEFINED:
        return UNDEFINED
    merged: dict[str, Any] = {}
    for item in run.watch(objects):
        merged.update(item)
    return merged


def clone(run: Run, value: Any = UNDEFINED) -> Any:
    """Copy a value with all that it holds."""
    if isinstance(value, dict):
        return {name: clone(run, field) for name, field in value.items()}
    if isinstance(value, list):
        run.reserve(len(value))
        return [clone(run, item) for item in run.watch(value)]
    return "" if is_function(value) else value


# Failing on purpose


def error(_: Run, message: Any = UNDEFINED) -> Any:
    """Fail with a message."""
    raise Failure("D3137", message=message or "$error() function evaluated")


def assert_(_: Run, condition: Any = UNDEFINED, message: Any = UNDEFINED) -> Any:
    """Fail with a message unless a condition is true."""
    if condition is UNDEFINED or not condition:
        raise Failure("D3141", message=message or "$assert() statement failed")
    return UNDEFINED
