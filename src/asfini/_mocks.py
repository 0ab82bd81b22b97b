"""A mock: what a task gives without being done, and what it was asked for.

It knows no service: the local one asks it, and tests look at what it noted.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from asfini import _checks
from asfini.errors import InvalidArgument

NOT_MOCKED: Any = object()
"""Stands for a result that is not mocked, for `None` is one that can be."""


@dataclass(frozen=True)
class MockCall:
    """A task that a mock was asked for."""

    input: Any
    """What the task got, as JSON data: an activity's or a function's input, or a service's parameters."""
    state: str
    """The name of the state whose task it was."""
    execution_arn: str
    retry_count: int
    """How many tries of the state came before: 0 at the first one, as the context object's `RetryCount`."""


class Exhausted(Exception):  # noqa: N818 - a signal to the service, which fails the execution
    """A mock was asked for more than its `side_effect` has."""


class Mock:
    """What stands in for tasks, made by `Client.mock`; as a context manager, until its block ends.

    Args:
        name: what is mocked, for messages.
        return_value: what every call gives.
        side_effect: instead of it, what calls do; see `Client.mock`.
        after: how many seconds a task takes.
        take_back: called when the mock is to stand in for nothing any more.

    Raises:
        InvalidArgument: one of these makes no sense.
    """

    def __init__(
        self,
        name: str,
        return_value: Any,
        side_effect: Any,
        after: float,
        take_back: Callable[["Mock"], None],
    ) -> None:
        if return_value is not None and side_effect is not None:
            raise InvalidArgument(
                f"the mock of {name} has a return_value and a side_effect: give one of them"
            )
        if after is None:
            raise InvalidArgument(f"after is a number of seconds, not {after!r}")
        _checks.seconds(after=after)
        self._name = name
        self._return_value = return_value
        self._one, self._many = _effects(name, side_effect)
        self._after = after
        self._take_back = take_back
        self.calls: list[MockCall] = []
        """The tasks that it was asked for, in order."""

    @property
    def inputs(self) -> list[Any]:
        """What the tasks got, in order."""
        return [call.input for call in self.calls]

    def assert_called_once_with(self, input: Any) -> None:
        """Assert that there was one task, with this input.

        Args:
            input: the task's input, as JSON data.

        Raises:
            AssertionError: there was none, or more than one, or its input was another.
        """
        if self.inputs != [input]:
            raise AssertionError(f"{self._told()}, not once with {input!r}")

    def assert_not_called(self) -> None:
        """Assert that there was no task.

        Raises:
            AssertionError: there was one.
        """
        if self.calls:
            raise AssertionError(f"{self._told()}, not never")

    def _told(self) -> str:
        inputs = ", ".join(repr(input) for input in self.inputs)
        return f"the mock of {self._name} was called {self._times}" + (f" with {inputs}" if inputs else "")

    @property
    def _times(self) -> str:
        return f"{len(self.calls)} time{'s' * (len(self.calls) != 1)}"

    def stop(self) -> None:
        """Stand in for nothing any more."""
        self._take_back(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Mock of {self._name}, called {self._times}>"

    async def give(self, call: MockCall, input: Any) -> Any:
        """Note a task, and give what it gives.

        Args:
            call: the task.
            input: its input, for a function that may change it.

        Raises:
            Exhausted: there is nothing left to give.
            BaseException: the task is to fail with that, or a function did.
        """
        self.calls.append(call)
        effect = self._next()  # before others have their turn: the first one asked for is the first one given
        if self._after:
            await asyncio.sleep(self._after)
        if isinstance(effect, BaseException):
            raise effect.with_traceback(None)  # it would grow with each raise
        if _is_exception(effect):
            raise effect
        if callable(effect):
            effect = effect(input)
            if inspect.isawaitable(effect):
                effect = await effect
        return effect

    def _next(self) -> Any:
        if self._one is not None:
            return self._one
        if self._many is None:
            return self._return_value
        try:
            return next(self._many)
        except StopIteration:
            raise Exhausted(f"{self._told()}, but its side_effect has less to give") from None


def _effects(name: str, side_effect: Any) -> tuple[Any, Iterator[Any] | None]:
    """What every call does, or what one call after the other does."""
    if side_effect is None or isinstance(side_effect, BaseException) or callable(side_effect):
        return side_effect, None
    if isinstance(side_effect, Iterable) and not isinstance(side_effect, str | bytes | dict):
        return None, iter(side_effect)
    raise InvalidArgument(
        f"the side_effect of the mock of {name} is an exception, a function or a sequence of results, "
        f"not {side_effect!r}: a result that is always the same is its return_value"
    )


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)
