"""Checks of what public methods are given, before anything is sent."""

import math
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence

from asfini.errors import InvalidArgument

STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
"""What executions can be listed by: the API's `ExecutionStatus`, but for redrives that are pending."""


def flags(**given: object) -> None:
    """Demand booleans: whatever else is true or false by accident was meant for another parameter."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} is True or False, not {value!r}")


def texts(**given: object) -> None:
    """Demand texts, or `None`."""
    for name, value in given.items():
        if not (value is None or isinstance(value, str)):
            raise InvalidArgument(f"{name} is text, not {value!r}")


def names(**given: object) -> None:
    """Demand texts that are not empty, or `None`."""
    texts(**given)
    for name, value in given.items():
        if value == "":
            raise InvalidArgument(f"{name} must not be empty: {value!r}")


def seconds(**given: object) -> None:
    """Demand lengths of time, or `None` for no limit."""
    for name, value in given.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and 0 <= value < math.inf):  # type: ignore[operator]
            raise InvalidArgument(f"{name} is a number of seconds, not {value!r}")


def share(**given: object) -> None:
    """Demand parts of something, which may be more than all of it, or `None`."""
    for name, value in given.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and value > 0):  # type: ignore[operator]
            raise InvalidArgument(f"{name} is a number above 0, such as 0.8, not {value!r}")


def counts(**given: object) -> None:
    """Demand whole numbers from 1 on."""
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidArgument(f"{name} is a whole number of at least 1, not {value!r}")


def many(**given: object) -> None:
    """Demand what can be gone through, be it asynchronously; no text, and nothing that has names."""
    for name, value in given.items():
        if not isinstance(value, Iterable | AsyncIterable) or isinstance(value, str | bytes | Mapping):
            raise InvalidArgument(f"{name} are some, in a list or another iterable, not {value!r}")


def functions(**given: object) -> None:
    """Demand functions, or `None`."""
    for name, value in given.items():
        if not (value is None or callable(value)):
            raise InvalidArgument(f"{name} is a function, not {value!r}")


def one_of(allowed: Sequence[str | None], **given: object) -> None:
    """Demand one of some texts."""
    for name, value in given.items():
        if value not in allowed:
            named = ", ".join(text for text in allowed if text is not None)
            raise InvalidArgument(f"{name} is one of {named}, not {value!r}")


def texts_by_name(**given: object) -> None:
    """Demand texts by name."""
    for name, value in given.items():
        if not isinstance(value, Mapping) or not all(
            isinstance(text, str) for tag in value.items() for text in tag
        ):
            raise InvalidArgument(f"{name} is texts by name, not {value!r}")


def mappings(**given: object) -> None:
    """Demand values by name, or `None`."""
    for name, value in given.items():
        if not (value is None or isinstance(value, Mapping)):
            raise InvalidArgument(f"{name} is values by name, not {value!r}")
