"""What expressions compute with: JSON's values as Python's, the undefined value, sequences, functions.

Payloads are shared with the input, so that nothing here changes a dictionary or a list that it was given.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asfini.query._jsonata.run import Run


class _Undefined:
    """The absence of a value, which is not JSON's null."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = _Undefined()


class Function:
    """A value that can be applied to arguments."""

    __slots__ = ()
    arity: int
    """How many arguments a caller that has several to offer gives it."""
    truth = True
    """What it counts as where a condition is wanted."""

    def invoke(self, run: "Run", arguments: list[Any], context: Any) -> Any:
        """Apply it; the context's value stands in for some arguments that are missing."""
        raise NotImplementedError


class Sequence(list[Any]):
    """The values that a path or a function found: one stands for itself, none for the undefined value."""

    __slots__ = ("keep",)

    def __init__(self, items: Any = (), *, keep: bool = False) -> None:
        super().__init__(items)
        self.keep = keep
        """Whether it stays an array even with a single value."""


class Tuples(Sequence):
    """A sequence of dictionaries: each has a value at "@" and what the steps before it bound."""

    __slots__ = ()


class Constructed(list[Any]):
    """An array that `[…]` made as a step of a path: it is not taken apart."""

    __slots__ = ()


def is_function(value: Any) -> bool:
    """Whether a value can be applied."""
    return isinstance(value, Function)


def is_number(value: Any) -> bool:
    """Whether a value is a number; in Python, a boolean would be one too."""
    kind = type(value)
    return kind is int or kind is float


def unwrapped(value: Any) -> Any:
    """What stands for a sequence: its only value, nothing, or itself."""
    if isinstance(value, Sequence) and not isinstance(value, Tuples):
        if not value:
            return UNDEFINED
        if len(value) == 1 and not value.keep:
            return value[0]
    return value


def lookup(value: Any, key: str) -> Any:
    """Read a field of an object, or of all objects of an array."""
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    if not isinstance(value, list):
        return UNDEFINED
    found = Sequence()
    for item in value:
        field = lookup(item, key)
        if isinstance(field, list):
            found.extend(field)
        elif field is not UNDEFINED:
            found.append(field)
    return found


def append(first: Any, second: Any) -> Any:
    """Join two values to one array; one that is undefined leaves the other as it is."""
    if first is UNDEFINED:
        return second
    if second is UNDEFINED:
        return first
    head = first if isinstance(first, list) else [first]
    tail = second if isinstance(second, list) else [second]
    return [*head, *tail]


def deep_equal(run: "Run", first: Any, second: Any) -> bool:
    """Compare two values with all that they hold: `true` is not 1, 1 is 1.0."""
    if type(first) is str:
        return bool(first == second)
    if isinstance(first, list):
        if not isinstance(second, list) or len(first) != len(second):
            return False
        return all(deep_equal(run, *pair) for pair in run.watch(zip(first, second, strict=True)))
    if isinstance(first, dict):
        if not isinstance(second, dict) or first.keys() != second.keys():
            return False
        return all(deep_equal(run, value, second[key]) for key, value in run.watch(first.items()))
    if isinstance(first, Function) or isinstance(second, Function):
        return first is second
    return (first is True or first is False) == (second is True or second is False) and bool(first == second)
