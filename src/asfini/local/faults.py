"""Faults in front of any service, to see whether a program survives them: seeded, so that they repeat."""

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from asfini import _checks
from asfini.errors import ConnectionFailed, InvalidArgument, ServiceError, service_error
from asfini.local._requests import REQUESTS
from asfini.service import Service, ServiceWrapper

_SERVER_ERRORS = frozenset({"InternalFailure", "InternalServerError", "ServiceUnavailable"})
"""Codes with a status of 500 or more, which clients of AWS take for a connection that failed."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with calls, and with which: with all, or those that one of the last three fields tells.

    Raises:
        InvalidArgument: it does nothing, or something makes no sense.
    """

    error: ServiceError | type[ServiceError] | str | None = None
    """What the caller gets in place of the answer: an error, its class, or AWS's code of one."""
    when: Literal["before", "after"] = "before"
    """Whether it strikes on the way there, so that the call has no effect, or on the way back."""
    delay: float | tuple[float, float] = 0
    """Seconds by which it is late, or the least and the most of them."""
    probability: float | None = None
    """The share of calls that it strikes, by chance."""
    every: int | None = None
    """It strikes each so manieth call."""
    calls: Collection[int] | None = None
    """The numbers of the calls that it strikes; the first is 1."""

    def __post_init__(self) -> None:
        if self.error is not None:
            _error(self.error, "call")
        _checks.one_of(("before", "after"), when=self.when)
        if _delays(self.delay)[1] == 0 and self.error is None:
            raise InvalidArgument("a fault has an error or a delay, or it does nothing")
        choices = (self.probability, self.every, self.calls)
        if sum(choice is not None for choice in choices) > 1:
            raise InvalidArgument("a fault has one of probability, every and calls")
        if self.probability is not None and not (_is_number(self.probability) and 0 <= self.probability <= 1):
            raise InvalidArgument(f"probability is a number from 0 to 1, not {self.probability!r}")
        if self.every is not None and not (_is_whole(self.every) and self.every >= 1):
            raise InvalidArgument(f"every is a positive whole number, not {self.every!r}")
        if self.calls is not None and not (
            isinstance(self.calls, Collection) and all(map(_is_whole, self.calls))
        ):
            raise InvalidArgument(f"calls is the numbers of calls, not {self.calls!r}")

    def strikes(self, number: int, random: Random) -> bool:
        """Whether it strikes a call.

        Args:
            number: the call's, among those of its operation; the first is 1.
            random: what chance is drawn from.
        """
        if self.probability is not None:
            return random.random() < self.probability
        if self.calls is not None:
            return number in self.calls
        return number % (self.every or 1) == 0

    async def strike(self, operation: str, random: Random) -> None:
        """Let the time go by, and raise the error if there is one.

        Args:
            operation: the operation that is called, for the error's message.
            random: what is left to chance comes from here.
        """
        least, most = _delays(self.delay)
        if most:
            await asyncio.sleep(random.uniform(least, most))
        if self.error is not None:
            raise _error(self.error, operation)


class Struck(NamedTuple):
    """A call that a fault struck."""

    operation: str
    number: int
    """The call's, among those of its operation; the first is 1."""
    fault: Fault


Faults = Mapping[str, Fault | Sequence[Fault]]
"""Faults by the operation's name, or by `"*"` for each operation that is not named."""


class FaultyService(ServiceWrapper):
    """A service whose calls go wrong as they are told to.

    Several faults may strike one call: their delays add up, and the first error is raised. A poll that fails
    on its way back may have brought a task with it, which is then in nobody's hands, as on AWS.

    Args:
        inner: the service that answers.
        faults: by the operation's name a fault, or several, such as
            `{"start_execution": Fault("ThrottlingException", every=3)}`; `"*"` stands for each operation that
            is not named.
        seed: what chance follows from, so that runs can be repeated: each operation's calls meet the same
            faults in the same order, whatever other operations do.

    Raises:
        InvalidArgument: faults is something else.
    """

    def __init__(self, inner: Service, faults: Faults, *, seed: int | None = None) -> None:
        super().__init__(inner)
        self._faults = _checked(faults)
        if not (seed is None or _is_whole(seed)):
            raise InvalidArgument(f"seed is a whole number, not {seed!r}")
        self._seed = seed
        self._random: dict[str, Random] = {}
        self._numbers: Counter[str] = Counter()
        self.struck: list[Struck] = []
        """The calls that faults struck, in order."""

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on, with whatever goes wrong on the way there and back.

        Raises:
            ServiceError: that does, or the service refuses.
        """
        self._numbers[operation] += 1
        number = self._numbers[operation]
        faults, random = self._chosen(operation, number)
        await self._strike("before", faults, operation, number, random)
        answer = await self.inner.call(operation, **parameters)
        await self._strike("after", faults, operation, number, random)
        return answer

    def _chosen(self, operation: str, number: int) -> tuple[list[Fault], Random]:
        """The faults that are to strike a call, and what their delays are drawn from."""
        random = self._random.get(operation)
        if random is None:
            seed = None if self._seed is None else f"{self._seed} {operation}"
            random = self._random[operation] = Random(seed)  # noqa: S311 - what is drawn is no secret
        faults = self._faults.get(operation, self._faults.get("*", []))
        return [fault for fault in faults if fault.strikes(number, random)], random

    async def _strike(
        self, when: str, faults: list[Fault], operation: str, number: int, random: Random
    ) -> None:
        for fault in faults:
            if fault.when == when:
                self.struck.append(Struck(operation, number, fault))
                await fault.strike(operation, random)


def _checked(faults: object) -> dict[str, list[Fault]]:
    if not isinstance(faults, Mapping):
        raise InvalidArgument(f"faults is faults by operation, not {faults!r}")
    checked = {}
    for operation, given in faults.items():
        found = list(given) if isinstance(given, Sequence) else [given]
        if not isinstance(operation, str) or not all(isinstance(fault, Fault) for fault in found):
            raise InvalidArgument(f"faults[{operation!r}] is a Fault or several, not {given!r}")
        if operation not in REQUESTS and operation != "*":
            raise InvalidArgument(f"faults[{operation!r}]: the API has no such operation")
        checked[operation] = found
    return checked


def _error(given: object, operation: str) -> ServiceError:
    """The error that a caller gets: each time another object, for tracebacks grow on them."""
    if isinstance(given, ServiceError):
        return type(given)(given.message, operation=operation, code=given.code)
    if isinstance(given, type) and issubclass(given, ServiceError):
        return given("a fault that was asked for", operation=operation)
    if isinstance(given, str) and given:
        told = "a fault that was asked for"
        if given in _SERVER_ERRORS:
            return ConnectionFailed(told, operation=operation, code=given)
        return service_error(given, told, operation)
    raise InvalidArgument(f"error is a ServiceError, its class, or a code of AWS's, not {given!r}")


def _delays(given: Any) -> tuple[float, float]:
    """The least and the most seconds of a delay."""
    pair: Any = given if isinstance(given, tuple) and len(given) == 2 else (given, given)
    least, most = pair
    if not (_is_number(least) and _is_number(most) and 0 <= least <= most < math.inf):
        raise InvalidArgument(f"delay is seconds, or the least and the most of them, not {given!r}")
    return least, most


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
