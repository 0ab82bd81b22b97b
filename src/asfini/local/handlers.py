"""Functions that stand in for what AWS would call: Lambda functions, services, other accounts' resources."""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from asfini import _json, _reports
from asfini._arns import Account
from asfini.asl.states import Resource
from asfini.errors import InvalidArgument, TaskFailed
from asfini.local.failures import Failure, too_large
from asfini.local.mock_config import Case
from asfini.local.run import identifier

Handler = Callable[[Any], Any]
"""Gets a task's input, gives its output, or a coroutine that does."""


@dataclass(frozen=True)
class Target:
    """A resource's ARN, taken apart."""

    arn: str
    kind: str
    """`activity`, `function` (a Lambda function) or `service`."""
    name: str
    """The activity's or function's name, or service and action: `sqs:sendMessage`."""
    pattern: str = ""
    """What follows the action: `.sync`, `.sync:2`, `.waitForTaskToken` or nothing."""

    @classmethod
    def parse(cls, arn: str) -> "Target":
        """Take a resource's ARN apart."""
        resource = arn.split(":", 5)[-1]
        if resource.startswith("activity:"):
            return cls(arn, "activity", resource.removeprefix("activity:"))
        if resource.startswith("function:"):
            return cls.function(resource.removeprefix("function:"), arn)
        action, dot, pattern = resource.partition(".")
        return cls(arn, "service", action, dot + pattern)

    @classmethod
    def function(cls, name: str, arn: str = "") -> "Target":
        """A Lambda function, known by its name or ARN, with or without a version."""
        return cls(arn, "function", name.rpartition("function:")[2].split(":")[0])

    @property
    def details(self) -> dict[str, str]:
        """What events say of an integration: its service, and its action with the pattern."""
        service, _, action = self.name.rpartition(":")
        return {"resourceType": service, "resource": action + self.pattern}

    @property
    def keys(self) -> tuple[str, str, str]:
        """What a handler for it may be called, the most exact first."""
        return self.arn, self.name + self.pattern, self.name


@dataclass(frozen=True)
class Submitted:
    """What the handler of a `.sync` or `.waitForTaskToken` task may give: the response, beside the result."""

    response: Any
    result: Any = None
    """What comes of the job, or the exception with which it failed."""
    completed: bool = False
    """Whether a task that waits for its token has this result already, and waits no longer."""


@dataclass(frozen=True)
class Call:
    """A task that is to be done."""

    target: Target
    state: str
    """The name of the state whose task it is."""
    text: str
    """What it gets, as JSON text."""
    machine: str = ""
    """The name of the machine that has the state."""
    execution_arn: str = ""
    retry_count: int = 0
    """How many tries of the state came before."""
    case: Case | None = None
    """The test case that the execution goes through, if it goes through one."""

    @property
    def input(self) -> Any:
        """What it gets, read anew each time: whoever changes it changes nobody else's."""
        return _json.loads(self.text)


OF_THE_WEB = frozenset({"apigateway:invoke", "http:invoke"})
"""Tasks that are HTTP requests."""
StandIn = Callable[[Call], Awaitable[Any] | None]
"""Asked before all handlers: gives an awaitable of the task's result, or None where others are to do it."""


class Handlers:
    """The functions that stand in for resources.

    Args:
        handlers: each function with its resource: an object, an ARN or a short service name.
        account: what ARNs are filled in with.
        stand_in: asked before all of them.
    """

    def __init__(
        self, handlers: Mapping[Any, Handler], account: Account, stand_in: StandIn | None = None
    ) -> None:
        self._handlers: dict[str, Handler] = {}
        self._stand_in = stand_in
        self.mocked: Callable[[Call], Callable[[], Any] | None] = lambda _call: None
        """Asked before all: gives what does a task in place of anything else, if it is mocked."""
        for resource, handler in handlers.items():
            if not callable(handler):
                raise InvalidArgument(f"the handler of {resource!r} is no function: {handler!r}")
            self._handlers[key_of(resource, account)] = handler

    def find(self, call: Call) -> Callable[[], Any] | None:
        """What does a task here, if anything does."""
        if (mocked := self.mocked(call)) is not None:
            return mocked
        if self._stand_in is not None and (answer := self._stand_in(call)) is not None:
            return lambda: answer
        handler = self._find(call.target)
        return None if handler is None else lambda: handler(call.input)

    def _find(self, target: Target) -> Handler | None:
        return next((self._handlers[key] for key in target.keys if key in self._handlers), None)


async def answer(handler: Callable[[], Any] | None, call: Call, random: Random) -> Any:
    """Have a task done by what was found for it.

    Args:
        handler: what was found.
        call: the task.
        random: what the ids of requests are drawn from.

    Raises:
        Failure: nothing was, or it failed.
    """
    if handler is None:
        raise Failure("States.Runtime", nobody(call.target))
    try:
        result = await ask(handler)
        if not isinstance(result, Submitted):
            return plain(result, call.target)
        failed = isinstance(result.result, Exception)
        last = result.result if failed else plain(result.result, call.target)
        return replace(result, response=plain(result.response, call.target), result=last)
    except Raised as raised:
        raise failure_of(raised.error, call.target, random) from raised.error
    except InvalidArgument as error:
        raise failure_of(error, call.target, random) from error


class Raised(Exception):  # noqa: N818 - it carries the error
    """A function raised something."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


async def ask(handler: Callable[[], Any]) -> Any:
    """Call a function that is not ours.

    If we are cut off meanwhile, we are, whatever the function makes of its cancellation.

    Raises:
        Raised: it raised anything at all.
    """
    task = asyncio.current_task()
    cancelling = task.cancelling() if task is not None else 0
    result = raised = None
    try:
        result = handler()
        if inspect.isawaitable(result):
            result = await result
    except (GeneratorExit, KeyboardInterrupt):
        raise  # meant for the program, whoever's function they go through
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the function's own failure
        raised = Raised(error)
    if task is not None and task.cancelling() > cancelling:
        raise asyncio.CancelledError
    if raised is not None:
        raise raised from None
    return result


def plain(result: Any, target: Target) -> Any:
    """A function's result as plain JSON data, within the limit of a payload."""
    text = _json.dumps(result, f"the result of {target.name!r}")
    if _json.size(text) > _json.MAX_PAYLOAD_BYTES:
        raise too_large(target.arn if target.kind == "function" else target.details["resourceType"])
    return _json.loads(text)


def key_of(resource: Any, account: Account) -> str:
    """What a handler or a mock is looked up by: an ARN's last part, unless it is an activity's."""
    text = resource.arn if isinstance(resource, Resource) else resource
    if not isinstance(text, str):
        raise InvalidArgument(
            f"a handler or a mock stands in for a resource or its name, not for {resource!r}"
        )
    text = account.fill_in(text)
    if not text.startswith("arn:"):
        return text
    target = Target.parse(text)
    return target.arn if target.kind == "activity" else target.name + target.pattern


def nobody(target: Target) -> str:
    """Say that nothing stands in for a resource, and what would."""
    name = target.name + target.pattern
    way = f"handlers={{{name!r}: function}}"
    door = "http=True" if target.name in OF_THE_WEB else "aws_endpoint=…"
    option = "--http" if target.name in OF_THE_WEB else "--aws-endpoint"
    function = f"--lambda {name}=module:function or " if target.kind == "function" else ""
    return (
        f"Nothing here does {name!r}: give local.connect() a function that does, {way}, "
        f"mock it, client.mock({name!r}, …), or let it out of the process, {door}. "
        f"The command `asfini local` takes {function}{option}."
    )


def failure_of(error: BaseException, target: Target, random: Random) -> Failure:
    """What a function's exception means; a Lambda function's cause is the object that Lambda makes of it."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, TaskFailed):
        return Failure(error.error, error.cause)
    name = type(error).__name__
    if target.kind != "function":
        return Failure(name, str(error))
    report = {
        "errorMessage": str(error),
        "errorType": name,
        "requestId": identifier(random),
        "stackTrace": traceback.format_tb(_reports.theirs(error.__traceback__)),
    }
    return Failure(name, _json.dumps(report))
