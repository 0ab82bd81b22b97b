"""Mocks in front of everything that does tasks: which of them stands in for which task."""

from collections.abc import Callable
from typing import Any

from asfini import _json
from asfini._arns import Account, Arn, check_name
from asfini._mocks import Exhausted, Mock, MockCall
from asfini.asl.states import Resource, State, Task
from asfini.errors import InvalidArgument
from asfini.local.failures import RuntimeFailure
from asfini.local.handlers import Call, Submitted, key_of
from asfini.machine import StateMachine

Answer = Callable[[], Any]
"""Gives a task's result, or a coroutine that does."""


class Mocks:
    """The mocks of a service, the latest first.

    Args:
        account: what ARNs are filled in with.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._mocks: dict[Mock, Callable[[Call], bool]] = {}

    def add(
        self,
        thing: object,
        *,
        return_value: Any,
        side_effect: Any,
        state: object,
        machine: object,
        after: float,
    ) -> Mock:
        """Mock tasks; see `Client.mock`.

        Raises:
            InvalidArgument: what is to be mocked is nothing that does tasks, or AWS would not take a result.
        """
        name, key, state = self._what(thing, state)
        wanted = None if machine is None else _machine_name(machine)
        for result in [return_value, *(side_effect if isinstance(side_effect, list | tuple) else [])]:
            _check(name, result)
        mock = Mock(name, return_value, side_effect, after, self._take_back)

        def fits(call: Call) -> bool:
            resource_fits = key is None or key in call.target.keys
            machine_fits = wanted in (None, call.machine.partition("/")[0])
            return resource_fits and state in (None, call.state) and machine_fits

        self._mocks = {mock: fits, **self._mocks}  # a copy: tasks of another thread may be looking
        return mock

    def _take_back(self, mock: Mock) -> None:
        self._mocks = {other: fits for other, fits in self._mocks.items() if other is not mock}

    def _what(self, thing: object, state: object) -> tuple[str, str | None, str | None]:
        """What to call a mock in messages, and which resource and which state it is of."""
        if isinstance(thing, State):
            if not isinstance(thing, Task):
                raise InvalidArgument(f"only Tasks can be mocked: {thing.name!r} is a {type(thing).__name__}")
            state = thing.name if state is None else state
            thing = None
        if not (state is None or (isinstance(state, str) and state)):
            raise InvalidArgument(f"state is the name of a Task, not {state!r}")
        if thing is None and state is None:
            raise InvalidArgument(
                "what is to be mocked? give a resource, a Task, or state='the name of a Task'"
            )
        if thing is None:
            return f"state {state!r}", None, state
        key = self._key(thing)
        return (repr(key) if state is None else f"{key!r} in state {state!r}"), key, state

    def _key(self, thing: object) -> str:
        text = thing.arn if isinstance(thing, Resource) else thing
        if isinstance(thing, StateMachine) or (isinstance(text, str) and ":stateMachine:" in text):
            raise InvalidArgument(
                "a machine does no task: mock the Task that starts it, with state=…, or "
                f"'states:startExecution', not {thing!r}"
            )
        key = key_of(thing, self._account)
        if not key or any(letter.isspace() for letter in key):
            raise InvalidArgument(f"a mock stands in for a resource or its name, not for {thing!r}")
        return key

    def find(self, call: Call) -> Answer | None:
        """What gives a task's result, if it is mocked: by a test, or by the execution's test case."""
        for mock, fits in self._mocks.items():
            if fits(call):
                return lambda: _given(mock, call)
        if call.case is None:
            return None
        response = call.case.response(call.state)
        return None if response is None else lambda: _whole(response.give(), call)


async def _given(mock: Mock, call: Call) -> Any:
    try:
        noted = MockCall(call.input, call.state, call.execution_arn, call.retry_count)
        return _whole(await mock.give(noted, call.input), call)
    except Exhausted as error:
        raise RuntimeFailure(str(error)) from None


def _whole(result: Any, call: Call) -> Any:
    """Let a mocked result be the task's own: nobody has to end its job, or to send it with the token."""
    if isinstance(result, Submitted) or not call.target.pattern:
        return result
    return Submitted(result, result, completed=True)


def _check(name: str, result: Any) -> None:
    """Refuse a result that no task could have."""
    if isinstance(result, BaseException | Submitted) or callable(result):
        return
    _json.payload(result, f"the result of the mock of {name}")


def _machine_name(machine: object) -> str:
    if isinstance(machine, StateMachine):
        return machine.name
    if not isinstance(machine, str) or not machine:
        raise InvalidArgument(f"machine is a machine, or its name or ARN, not {machine!r}")
    if machine.startswith("arn:"):
        return Arn.parse(machine).parts[0]
    return check_name(machine, "a state machine")
