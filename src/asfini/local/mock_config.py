"""Mocked results from a file, in the format of Step Functions Local's MockConfigFile.json.

The format is told on the page "Configuration file for mocked service integrations" of the developer guide.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from asfini import _json
from asfini.asl.definition import Definition
from asfini.asl.states import Task
from asfini.errors import InvalidArgument, ValidationException
from asfini.local.failures import Failure, RuntimeFailure

_logger = logging.getLogger(__name__)
_INVOCATIONS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


class Response(NamedTuple):
    """What one or some invocations give."""

    first: int
    last: int
    result: Any
    failure: tuple[str, str] | None
    """The error and the cause, where they fail."""

    def give(self) -> Any:
        """Give the result.

        Raises:
            Failure: the invocation is to fail.
        """
        if self.failure is not None:
            raise Failure(*self.failure)
        return self.result


@dataclass
class Case:
    """A test case, as one execution goes through it.

    Args:
        place: where it stands, for messages: the file, the machine and the case.
        states: the name of the mocked response by the state's name.
        responses: all mocked responses by name.
    """

    place: str
    states: Mapping[str, str]
    responses: Mapping[str, list[Response]]
    _invocations: Counter[str] = field(default_factory=Counter)

    def look_at(self, definition: Definition) -> None:
        """Warn of states that the machine does not have: their tasks would be really done."""
        tasks = {state.name for state in definition.walk() if isinstance(state, Task)}
        for state in self.states.keys() - tasks:
            _logger.warning("%s: the machine has no Task %r to mock", self.place, state)

    def response(self, state: str) -> Response | None:
        """What a Task's next invocation gives; `None` if the case does not mock it.

        Invocations are counted from 0 by the state's name: retries, loops and iterations of a Map alike.

        Raises:
            RuntimeFailure: nothing is said of this invocation, and so the execution fails.
        """
        name = self.states.get(state)
        if name is None:
            return None
        number = self._invocations[state]
        self._invocations[state] += 1
        for response in self.responses[name]:
            if response.first <= number <= response.last:
                return response
        raise RuntimeFailure(
            f"{self.place}, state {state!r}: the mocked response {name!r} says nothing of invocation {number}"
        )


class MockConfig:
    """Test cases by machine, and the responses that they share.

    Args:
        given: the path of a JSON file, or its content as data.

    Raises:
        InvalidArgument: it cannot be read, or is not of the format.
    """

    def __init__(self, given: str | PathLike[str] | Mapping[str, Any]) -> None:
        self.source, content = _content(given)
        parts = _members(self.source, content, {"StateMachines", "MockedResponses"})
        responses = _members(f"{self.source}: MockedResponses", parts["MockedResponses"])
        self._responses = {
            name: _responses(f"{self.source}, mocked response {name!r}", response)
            for name, response in responses.items()
        }
        machines = _members(f"{self.source}: StateMachines", parts["StateMachines"])
        self._machines = {name: self._cases(self._place(name), machine) for name, machine in machines.items()}

    def _place(self, machine: str, case: str | None = None) -> str:
        place = f"{self.source}, machine {machine!r}"
        return place if case is None else f"{place}, test case {case!r}"

    def _cases(self, place: str, machine: Any) -> dict[str, dict[str, str]]:
        cases = _members(f"{place}: TestCases", _members(place, machine, {"TestCases"})["TestCases"])
        for name, states in cases.items():
            for state, response in _members(f"{place}, test case {name!r}", states).items():
                if not isinstance(response, str) or response not in self._responses:
                    _refuse(
                        f"{place}, test case {name!r}, state {state!r}",
                        f"there is no mocked response {response!r} in MockedResponses",
                    )
        return cases

    def split(self, arn: str) -> tuple[str, Case | None]:
        """Take `arn#TestCase` apart: the machine's ARN, and the case for an execution of its own.

        Raises:
            ValidationException: there is no such machine or case; the message tells those that there are.
        """
        arn, mark, name = arn.partition("#")
        if not mark:
            return arn, None
        machine = arn.partition(":stateMachine:")[2].split(":")[0]
        cases = self._machines.get(machine)
        if cases is None:
            raise ValidationException(f"{self.source}: no machine {machine!r}, but {_named(self._machines)}")
        if name not in cases:
            raise ValidationException(f"{self._place(machine)}: no test case {name!r}, but {_named(cases)}")
        return arn, Case(self._place(machine, name), cases[name], self._responses)


def _content(given: object) -> tuple[str, Any]:
    """What to call a configuration in messages, and what is in it."""
    if isinstance(given, Mapping):
        return "mock_config", _json.loads(_json.dumps(given, "mock_config"))
    if not isinstance(given, str | PathLike):
        raise InvalidArgument(f"mock_config is a path or its content, not {given!r}")
    try:
        text = Path(given).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"mock_config cannot be read: {error}") from error
    return str(given), _json.loads(text, str(given))


def _responses(place: str, given: Any) -> list[Response]:
    """Read a mocked response. One without any invocation is fine as long as no state asks for it."""
    found = [_response(place, key, response) for key, response in _members(place, given).items()]
    found.sort(key=lambda response: response.first)
    for one, other in pairwise(found):
        if other.first <= one.last:
            _refuse(place, f"invocation {other.first} is told of twice")
    return found


def _response(place: str, key: str, given: Any) -> Response:
    match = _INVOCATIONS.fullmatch(key)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
    if last < first:
        _refuse(place, f'a key is a number or a range of invocations, "0" or "1-2", not {key!r}')
    place = f"{place}, {key!r}"
    [(kind, value)] = _one_member(place, given)
    if kind == "Return":
        return Response(first, last, value, None)
    thrown = _members(f"{place}: Throw", value, {"Error", "Cause"})
    for name, text in thrown.items():
        if not isinstance(text, str):
            _refuse(f"{place}: Throw", f"{name} is text, not {text!r}")
    return Response(first, last, None, (thrown["Error"], thrown["Cause"]))


def _one_member(place: str, given: Any) -> list[tuple[str, Any]]:
    found = list(_members(place, given).items())
    if len(found) != 1 or found[0][0] not in ("Return", "Throw"):
        _refuse(place, f"either Return or Throw is needed, not {_named(dict(found))}")
    return found


def _members(place: str, given: Any, names: set[str] | None = None) -> dict[str, Any]:
    """The members of an object: any, or just those of some names."""
    if not isinstance(given, Mapping):
        _refuse(place, f"an object is needed, not {given!r}")
    members = dict(given)
    if names is not None and members.keys() != names:
        _refuse(place, f"the members are {_named(sorted(names))}, not {_named(members)}")
    return members


def _named(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"


def _refuse(place: str, reason: str) -> NoReturn:
    raise InvalidArgument(f"{place}: {reason}")
