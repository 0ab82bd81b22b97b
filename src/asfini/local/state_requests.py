"""What a test of a state is asked to do: read, and refused in AWS's words where it makes no sense."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asfini import _json, errors
from asfini._arns import Account
from asfini.asl._graph import MISSING_END, MISSING_TARGET
from asfini.asl.definition import Definition, definitions_in
from asfini.asl.map import Map, Parallel
from asfini.asl.states import State, Task
from asfini.asl.validation import Problem, problems
from asfini.local._operations import read_input
from asfini.local.failures import Failure
from asfini.local.handlers import Target
from asfini.local.mock_results import check_result

STATE_NAME = "StateName"
"""What AWS calls a state that is tested by itself."""
_NEEDS_ONE_MOCK = "A test mock should have only one of the following fields: [result, errorOutput]."
_MAPS_NEED_MOCKS = (
    "TestState API does not support Map or Parallel states. Supported state types include: "
    "[Task, Wait, Pass, Succeed, Fail, Choice]"
)
_NO_SUCH_STATE = "State not found in definition"
_CONTEXT: dict[str, frozenset[str]] = {
    "Execution": frozenset("Id Input Name RedriveCount RedriveTime RoleArn StartTime".split()),
    "State": frozenset("EnteredTime Name RetryCount".split()),
    "StateMachine": frozenset("Id Name".split()),
    "Task": frozenset({"Token"}),
}
"""What a context object may hold: the page "Accessing execution data from the Context object"."""


@dataclass(frozen=True)
class Given:
    """The parameters of TestState, as they come."""

    definition: str
    input: str
    state_name: str | None
    role_arn: str | None
    variables: str | None
    mock: Mapping[str, Any] | None
    context: str | None
    configuration: Mapping[str, Any]
    """The API's stateConfiguration."""
    level: str
    """How much is told of the data on its way."""
    reveals_secrets: bool


@dataclass(frozen=True)
class Mock:
    """What stands for the work of a state: a result, or an error."""

    text: str | None = None
    """The result as JSON text."""
    failure: Failure | None = None
    result: Any = None


@dataclass(frozen=True)
class Request:
    """A test that is to be made."""

    given: Given
    whole: Definition
    """The machine that has the state, if only that one."""
    state: State
    language: str
    """The query language of states that name none."""
    value: Any
    """The input."""
    variables: dict[str, Any]
    mock: Mock | None
    context: dict[str, Any] | None


async def read_request(given: Given, account: Account) -> Request:
    """Read what is asked for.

    Args:
        given: the operation's parameters.
        account: the account that is played.

    Raises:
        InvalidDefinition: the definition breaks rules, or the state cannot be tested like this.
        InvalidExecutionInput: the input is no JSON.
        ValidationException: something else makes no sense.
    """
    if given.mock is None:
        _refuse_without_mock(given)
    whole, state = _state_of(given.definition, given.state_name)
    _check_mock(given, state)
    return Request(
        given,
        whole,
        state,
        whole.query_language or "JSONPath",
        read_input(given.input),
        _object(given.variables, "variables"),
        None if given.mock is None else await _mock(state, given.mock, account),
        None if given.context is None else _context(given.context, state),
    )


def _refuse_without_mock(given: Given) -> None:
    """Refuse what makes sense only beside a mock."""
    names = [*given.configuration, *(["context"] if given.context is not None else [])]
    if names:
        name = names[0][:1].upper() + names[0][1:]
        raise errors.ValidationException(f"TestState does not support {name} when a mock is not specified.")


def _state_of(text: str, name: str | None) -> tuple[Definition, State]:
    """Read a machine and the state of a name in it, at whatever depth, or a state by itself.

    Raises:
        InvalidDefinition: it breaks rules.
        ValidationException: there is no state of the name.
    """
    if name is None:
        found, data = _problems_of_state(text)
    else:
        found, data = problems(text, template=False), None
    if found:
        raise errors.InvalidDefinition(f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
    whole = Definition.from_json(text) if data is None else Definition.from_dict(data)
    state = next((each for each in whole.walk() if each.name == (name or STATE_NAME)), None)
    if state is None:
        raise errors.ValidationException(_NO_SUCH_STATE)
    return whole, state


def _problems_of_state(text: str) -> tuple[list[Problem], dict[str, Any] | None]:
    """What is wrong with a state by itself, but for where it leads to, and a machine of it alone."""
    try:
        data = _json.loads(text)
    except (errors.InvalidArgument, RecursionError):
        data = None
    if not isinstance(data, dict):
        return problems(text, template=False), None
    machine = {"StartAt": STATE_NAME, "States": {STATE_NAME: data}}
    return [
        problem for problem in problems(machine, template=False) if not _is_of_the_graph(problem)
    ], machine


def _is_of_the_graph(problem: Problem) -> bool:
    """Whether a problem lies in what surrounds the state."""
    inside = problem.location.removeprefix(f"/States/{STATE_NAME}")
    return problem.code in (MISSING_TARGET, MISSING_END) and "/" not in inside.removesuffix("/Next")[1:]


def _check_mock(given: Given, state: State) -> None:
    """Refuse tests of states that need a mock or cannot have one, and mocks that make no sense."""
    mock = given.mock
    if mock is None:
        _check_not_mocked(state, given.role_arn)
        return
    if not isinstance(state, Task | Map | Parallel):
        kind = state.held("type")
        raise errors.ValidationException(f"State type '{kind}' is not supported when a mock is specified")
    if given.reveals_secrets:
        raise errors.ValidationException("TestState does not support RevealSecrets when a mock is specified.")
    if ("result" in mock) == ("errorOutput" in mock):
        raise errors.ValidationException(_NEEDS_ONE_MOCK)
    if "errorOutput" in mock and not mock["errorOutput"].get("error"):
        raise errors.ValidationException("An error was not specified in the mocked error output.")
    _check_configuration(given.configuration, state)


def _check_configuration(configuration: Mapping[str, Any], state: State) -> None:
    culprit = configuration.get("errorCausedByState")
    if culprit is not None and culprit not in _names_inside(state):
        raise errors.ValidationException(_NO_SUCH_STATE)
    if isinstance(state, Map) and state.item_reader is not None and "mapItemReaderData" not in configuration:
        raise errors.ValidationException(
            "ItemReader data must be specified when testing a Map state with ItemReader specified."
        )


def _check_not_mocked(state: State, role_arn: str | None) -> None:
    if isinstance(state, Map | Parallel):
        raise errors.InvalidDefinition(_MAPS_NEED_MOCKS)
    if not isinstance(state, Task):
        return
    target = Target.parse(state.resource)
    if target.kind == "activity" or target.pattern:
        raise errors.InvalidDefinition(
            "TestState API does not support Activity tasks, '.sync' or '.waitForTaskToken' service "
            "integration patterns when a mock is not specified."
        )
    if role_arn is None:
        raise errors.ValidationException("RoleArn must be specified when testing a Task state")


def _names_inside(state: State) -> Iterator[str | None]:
    return (inner.name for definition in definitions_in(state) for inner in definition.walk())


def _check_list(state: State, result: Any) -> None:
    """Demand what a Map or a Parallel gives: a list, or of a Map with a ResultWriter what that writes."""
    if isinstance(state, Map) and state.result_writer is not None:
        if not isinstance(result, dict):
            raise errors.ValidationException("Mocked result must be a JSON object.")
    elif not isinstance(result, list):
        raise errors.ValidationException("Mocked result must be an array.")
    elif isinstance(state, Parallel) and len(result) != len(state.branches or []):
        raise errors.ValidationException(
            "Mocked result must contain the same number of items as number of Parallel branches."
        )


def _object(text: str | None, what: str) -> dict[str, Any]:
    """Read an object."""
    try:
        found = {} if text is None else _json.loads(text)
    except errors.InvalidArgument:
        found = None
    if not isinstance(found, dict):
        raise errors.ValidationException(f"The {what} must be a JSON object")
    return found


def _context(text: str, state: State) -> dict[str, Any]:
    """Read a context object."""
    context = _object(text, "context")
    fault = next(_faults(context, state), None)
    if fault is not None:
        raise errors.ValidationException(f"Invalid Context object provided: {fault}")
    return context


def _faults(context: Mapping[str, Any], state: State) -> Iterator[str]:
    """Say what is wrong with a context object, in AWS's words where they are known."""
    if "Map" in context:
        yield "'Map' field is not supported when mocking a Context object"
    for name, value in context.items():
        if name not in _CONTEXT:
            yield f"Field '{name}' is not allowed"
        elif not isinstance(value, dict):
            yield f"Field '{name}' must be an object"
        else:
            yield from (f"Field '{key}' is not allowed" for key in value if key not in _CONTEXT[name])
    if "Task" in context and not (isinstance(state, Task) and Target.parse(state.resource).pattern):
        yield (
            "Context object contains 'Task' when state is not a Task state with a '.sync' or "
            "'.waitForTaskToken' service integration pattern"
        )


async def _mock(state: State, mock: Mapping[str, Any], account: Account) -> Mock:
    """Read a mock, and hold its result against what the state's work gives."""
    if (error := mock.get("errorOutput")) is not None:
        return Mock(failure=Failure(error["error"], error.get("cause")))
    text = str(mock["result"])
    try:
        result = _json.loads(text)
    except errors.InvalidArgument:
        raise errors.ValidationException("Mocked result must be valid JSON") from None
    if isinstance(state, Task):
        mode = mock.get("fieldValidationMode", "STRICT")
        if mode != "NONE":
            target = Target.parse(account.fill_in(state.resource))
            await check_result(target, result, account, complete=mode == "STRICT")
    else:
        _check_list(state, result)
    return Mock(text, None, result)
