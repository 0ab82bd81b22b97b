"""Where tasks get done: by activities' workers, by functions, by other machines, by whoever has the token."""

import inspect
import random
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from asfini import _json
from asfini._arns import Account
from asfini.asl.states import Resource, Task
from asfini.errors import InvalidArgument, ServiceError, TaskFailed
from asfini.local import dataflow
from asfini.local.failures import Failure
from asfini.local.journal import payload
from asfini.local.run import Frame
from asfini.local.tasks import ActivityRecord, OpenTask, Tokens
from asfini.query.scope import QueryError

Handler = Callable[[Any], Any]
"""Stands in for a resource: gets the task's input, gives its output, or a coroutine that does."""
StartExecution = Callable[[dict[str, Any], bool], Awaitable[dict[str, Any]]]


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
        parts = arn.split(":", 5)
        resource = parts[5] if len(parts) == 6 else ""
        if resource.startswith("activity:"):
            return cls(arn, "activity", resource.removeprefix("activity:"))
        if resource.startswith("function:"):
            return cls(arn, "function", resource.split(":")[1])
        action, dot, pattern = resource.partition(".")
        return cls(arn, "service", action, dot + pattern)

    @property
    def details(self) -> dict[str, str]:
        """What events say of an integration: its service, and its action with the pattern."""
        service, _, action = self.name.rpartition(":")
        return {"resourceType": service, "resource": action + self.pattern}


class Workshop:
    """Has tasks done.

    Args:
        account: the account that definitions are filled in with.
        activities: the registered activities by ARN.
        tokens: the open tasks.
        handlers: functions that stand in for resources.
        start_execution: starts a machine as a task, and waits for its end if it shall.
        seed: what random choices follow from.
    """

    def __init__(
        self,
        account: Account,
        activities: Mapping[str, ActivityRecord],
        tokens: Tokens,
        handlers: Mapping[Any, Handler],
        start_execution: StartExecution,
        seed: int | None = None,
    ) -> None:
        self.account = account
        self.activities = activities
        self.tokens = tokens
        self.start_execution = start_execution
        self.random = random.Random(seed)  # noqa: S311 - jitter is no secret
        self._handlers = {_handler_key(resource, account): handler for resource, handler in handlers.items()}

    async def do(self, state: Task, frame: Frame, value: Any) -> Any:
        """Have a task done.

        Returns:
            Its result.

        Raises:
            Failure: it failed, or took too long.
            QueryError: what it is to get cannot be made.
        """
        target = Target.parse(self.account.fill_in(state.resource))
        effective = dataflow.effective_input(frame, state, value)
        timeout = _seconds(frame, state, "timeout_seconds", effective)
        heartbeat = _seconds(frame, state, "heartbeat_seconds", effective)
        if target.kind == "activity":
            return await self._activity(target, frame, state, value, timeout, heartbeat)
        if target.kind == "function":
            return await self._function(target, frame, state, value, timeout)
        return await self._integration(target, frame, state, value, timeout, heartbeat)

    async def _activity(
        self, target: Target, frame: Frame, state: Task, value: Any, timeout: float | None, heartbeat: float | None
    ) -> Any:
        text = frame.text(dataflow.arguments(frame, state, value))
        limits = _limits(timeout, heartbeat)
        frame.thread.add("ActivityScheduled", {"resource": target.arn, **payload("input", text), **limits})
        activity = self.activities.get(target.arn)
        if activity is None or activity.deleted:
            cause = f"The activity '{target.arn}' does not exist."
            frame.thread.add("ActivityScheduleFailed", {"error": "States.Runtime", "cause": cause})
            raise Failure("States.Runtime", cause)
        task = self.tokens.add(text, timeout, heartbeat)
        task.on_start = lambda worker: _note(
            frame, "ActivityStarted", {} if worker is None else {"workerName": worker}
        )
        activity.offer(task)
        return await self._finish(task, frame, "Activity", {})

    async def _finish(self, task: OpenTask, frame: Frame, kind: str, details: dict[str, Any]) -> Any:
        """Wait for whoever has a task's token."""
        try:
            text = await task.result
        except Failure as failure:
            _note(frame, kind + _ending(failure), details | failure.details())
            raise
        finally:
            self.tokens.remove(task)
        frame.thread.add(f"{kind}Succeeded", details | payload("output", text))
        return _json.loads(text)

    async def _function(
        self, target: Target, frame: Frame, state: Task, value: Any, timeout: float | None
    ) -> Any:
        given = dataflow.arguments(frame, state, value)
        limits = _limits(timeout, None)
        details = {"resource": target.arn, **payload("input", frame.text(given)), **limits}
        frame.thread.add("LambdaFunctionScheduled", details)
        frame.thread.add("LambdaFunctionStarted")
        try:
            result = await _within(timeout, self._invoke(target, given))
        except Failure as failure:
            frame.thread.add("LambdaFunction" + _ending(failure), failure.details())
            raise
        frame.thread.add("LambdaFunctionSucceeded", payload("output", frame.text(result)))
        return result

    async def _integration(
        self, target: Target, frame: Frame, state: Task, value: Any, timeout: float | None, heartbeat: float | None
    ) -> Any:
        task = None
        if target.pattern == ".waitForTaskToken":
            task = self.tokens.add("", timeout, heartbeat)
            frame.token = task.token
        try:
            given = dataflow.arguments(frame, state, value)
            details = target.details
            frame.thread.add(
                "TaskScheduled",
                {
                    **details,
                    "region": self.account.region,
                    "parameters": frame.text(given),
                    **_limits(timeout, heartbeat),
                },
            )
            frame.thread.add("TaskStarted", details)
            result = await self._call(target, frame, given, timeout, details)
            if task is None:
                frame.thread.add("TaskSucceeded", details | payload("output", frame.text(result)))
                return result
            frame.thread.add("TaskSubmitted", details | payload("output", frame.text(result)))
            task.start()
            return await self._finish(task, frame, "Task", details)
        finally:
            if task is not None:
                self.tokens.remove(task)

    async def _call(
        self, target: Target, frame: Frame, given: Any, timeout: float | None, details: dict[str, Any]
    ) -> Any:
        """Have the function that stands in for a service answer, or start the machine that is asked for."""
        try:
            if target.name == "states:startExecution" and not self._handler(target):
                return await _within(timeout, self._start(target, frame, given, details))
            if target.name == "lambda:invoke" and not self._handler(target):
                function = Target("", "function", str(given.get("FunctionName", "")).split(":function:")[-1].split(":")[0])
                result = await _within(timeout, self._invoke(function, given.get("Payload")))
                return {"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": 200}
            return await _within(timeout, self._invoke(target, given))
        except Failure as failure:
            frame.thread.add("Task" + _ending(failure), details | failure.details())
            raise

    async def _start(self, target: Target, frame: Frame, given: Any, details: dict[str, Any]) -> Any:
        """Run a machine as a task; `.sync` gives its description, `.sync:2` with the output as JSON."""
        sync = target.pattern.startswith(".sync")
        try:
            started = await self.start_execution({**given, "_parent": frame.run.arn}, False)
        except ServiceError as error:
            raise Failure(f"StepFunctions.{error.code}Exception".replace("ExceptionException", "Exception"), error.message) from None
        if not sync:
            return started
        frame.thread.add("TaskSubmitted", details | payload("output", frame.text(started)))
        ended = await self.start_execution({"executionArn": started["ExecutionArn"]}, True)
        if ended["Status"] != "SUCCEEDED":
            raise Failure("States.TaskFailed", _json.dumps(ended))
        if target.pattern == ".sync:2":
            ended["Output"] = _json.loads(ended["Output"])
            ended["Input"] = _json.loads(ended["Input"])
        return ended

    def _handler(self, target: Target) -> Handler | None:
        for key in (target.arn, target.name + target.pattern, target.name):
            if key in self._handlers:
                return self._handlers[key]
        return None

    async def _invoke(self, target: Target, given: Any) -> Any:
        handler = self._handler(target)
        if handler is None:
            name = target.arn or target.name
            cause = (
                f"Nothing here answers for {name!r}. Give local.connect() a function that does: "
                f"handlers={{{(target.name + target.pattern)!r}: function}}."
            )
            raise Failure("States.Runtime", cause)
        try:
            result = handler(given)
            if inspect.isawaitable(result):
                result = await result
            return _json.loads(_json.payload(result, f"the result of {target.name!r}"))
        except Failure:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its task's failure
            raise _failure(error, target) from error


def _handler_key(resource: Any, account: Account) -> str:
    """How a handler's resource is looked up: a Lambda function by its name, anything else by ARN or short name."""
    text = resource.arn if isinstance(resource, Resource) else resource
    if not isinstance(text, str):
        raise InvalidArgument(f"a handler stands in for a resource or its name, not for {resource!r}")
    text = account.fill_in(text)
    if not text.startswith("arn:"):
        return text
    target = Target.parse(text)
    return target.arn if target.kind == "activity" else target.name + target.pattern


def _failure(error: Exception, target: Target) -> Failure:
    """What a function's exception means; a Lambda function's cause is the object that Lambda makes of it."""
    if isinstance(error, TaskFailed):
        return Failure(error.error, error.cause)
    name = type(error).__name__
    if target.kind != "function":
        return Failure(name, str(error))
    report = {
        "errorMessage": str(error),
        "errorType": name,
        "requestId": str(uuid.uuid4()),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
    return Failure(name, _json.dumps(report))


def _ending(failure: Failure) -> str:
    return "TimedOut" if failure.error in {"States.Timeout", "States.HeartbeatTimeout"} else "Failed"


def _note(frame: Frame, kind: str, details: dict[str, Any]) -> None:
    frame.thread.add(kind, details)


async def _within(timeout: float | None, work: Awaitable[Any]) -> Any:
    """Wait for work, but not longer than TimeoutSeconds."""
    if timeout is None:
        return await work
    with anyio.move_on_after(timeout):
        return await work
    raise Failure("States.Timeout")


def _limits(timeout: float | None, heartbeat: float | None) -> dict[str, int]:
    given = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
    return {name: int(seconds) for name, seconds in given.items() if seconds is not None}


def _seconds(frame: Frame, state: Task, field: str, value: Any) -> float | None:
    """A Task's TimeoutSeconds or HeartbeatSeconds, or what its path gives."""
    path = getattr(state, f"{field}_path")
    seconds = getattr(state, field) if path is None else dataflow.read(frame, path, value)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise QueryError(f"{field} must be a positive number of seconds, but is {seconds!r}")
    return float(seconds)
