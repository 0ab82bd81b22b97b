"""A service that fails as it is told: raises, answers nonsense, hangs or dawdles, in place of another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from asfini.errors import ConnectionFailed
from asfini.service import Service, ServiceWrapper

HandOn = Callable[[], Awaitable[Any]]
Fault = Callable[[HandOn], Awaitable[Any]]
"""What happens with a call in place of handing it on, which it can do all the same."""


def raises(error: BaseException) -> Fault:
    """The call fails."""

    async def fault(_: HandOn) -> Any:
        raise error

    return fault


def answers(answer: Any) -> Fault:
    """The call gets an answer that is not the service's own."""

    async def fault(_: HandOn) -> Any:
        return answer

    return fault


def late(seconds: float) -> Fault:
    """The call is handed on after a while."""

    async def fault(hand_on: HandOn) -> Any:
        await asyncio.sleep(seconds)
        return await hand_on()

    return fault


async def well(hand_on: HandOn) -> Any:
    """The call is handed on, for once."""
    return await hand_on()


async def lost(hand_on: HandOn) -> Any:
    """The call takes effect, but its answer gets lost."""
    await hand_on()
    raise ConnectionFailed("the answer got lost")


async def hangs(_: HandOn) -> Any:
    """The call never ends."""
    await asyncio.get_running_loop().create_future()


@dataclass(frozen=True)
class Call:
    """A call that came in."""

    operation: str
    parameters: dict[str, Any]
    at: float
    """When, by the loop's clock."""


class Faulty(ServiceWrapper):
    """Does with calls as it is told, and hands on those that it was told nothing of.

    Args:
        inner: the service that answers.
        ends_polls: whether it ends open polls when it is asked to, unlike AWS.

    Example:
        >>> faulty = Faulty(local_client.service)  # doctest: +SKIP
        >>> faulty.will("get_activity_task", raises(Throttled()), answers(None))  # twice, then all is well
        >>> faulty.always("send_task_heartbeat", hangs)
        >>> client = Client(faulty)
    """

    def __init__(self, inner: Service, *, ends_polls: bool = True) -> None:
        super().__init__(inner)
        self._ends_polls = ends_polls
        self.calls: list[Call] = []
        """All calls that came in, in order."""
        self._faults: dict[str, Any] = {}
        self._open: dict[str, int] = {}

    def will(self, operation: str, *faults: Fault) -> None:
        """Say what happens with the next calls of an operation, one after the other."""
        self._faults[operation] = iter(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Say what happens with all calls of an operation from now on."""
        self._faults[operation] = repeat(fault)

    def of(self, operation: str) -> list[Call]:
        """The calls of an operation that came in."""
        return [call for call in self.calls if call.operation == operation]

    def open(self, operation: str) -> int:
        """How many calls of an operation have no answer yet."""
        return self._open.get(operation, 0)

    async def call(self, operation: str, /, **parameters: Any) -> Any:
        self.calls.append(Call(operation, parameters, asyncio.get_running_loop().time()))
        self._open[operation] = self.open(operation) + 1
        try:
            fault = next(self._faults.get(operation, iter(())), well)
            return await fault(lambda: self.inner.call(operation, **parameters))
        finally:
            self._open[operation] -= 1

    async def end_polls(self, worker_name: str) -> None:
        if self._ends_polls:
            await self.inner.end_polls(worker_name)
