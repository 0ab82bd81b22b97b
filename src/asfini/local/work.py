"""Where tasks get done, and the events that tell of it: activities, Lambda functions, integrations."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from asfini import _json
from asfini._arns import Account
from asfini.asl.states import Task
from asfini.errors import ServiceError
from asfini.local.dataflow import Flow, flow_of, wire
from asfini.local.datasets import Store
from asfini.local.failures import Failure, Unsuitable, too_large
from asfini.local.handlers import Call, Handlers, Submitted, Target, answer, failure_of, plain
from asfini.local.integrations import Door, Integrations, Order, Work, metadata
from asfini.local.map_runs import MapRuns
from asfini.local.parameters import check_parameters
from asfini.local.run import Frame, Machine, Run, identifier, written
from asfini.local.tasks import ActivityRecord, OpenTask, Tokens

StartExecution = Callable[[dict[str, Any]], Run]
StartChild = Callable[[Machine, str, str], Run]
"""Starts a machine with an input as JSON text, for the map run of an ARN."""
_INVOKE = Target("", "service", "lambda:invoke")
_TIMEOUTS = frozenset({"States.HeartbeatTimeout", "States.Timeout"})


@dataclass(slots=True)
class _Job:
    """A task at one try."""

    state: Task
    frame: Frame
    flow: Flow
    value: Any
    """The state's input."""
    target: Target
    timeout: int | None
    heartbeat: int | None
    credentials: dict[str, str]

    def arguments(self) -> Any:
        given = self.flow.arguments(self.frame, self.value)
        if not self.frame.fits(given):
            raise too_large(self.state.name)
        return given

    def limits(self) -> dict[str, int]:
        given = {"timeoutInSeconds": self.timeout, "heartbeatInSeconds": self.heartbeat}
        return {name: seconds for name, seconds in given.items() if seconds is not None}

    def scheduled(self) -> dict[str, Any]:
        """What the event that schedules the task says of its limits and its role."""
        return self.limits() | ({"taskCredentials": self.credentials} if self.credentials else {})

    def output(self, result: Any) -> dict[str, Any]:
        return {"output": self.frame.text(result)}

    def call(self, given: Any) -> Call:
        run, text = self.frame.run, self.frame.text(given)
        name = run.machine.name
        return Call(self.target, self.state.name, text, name, run.arn, self.frame.retries, run.case)


class Workshop:
    """Has tasks done.

    Args:
        account: the account that definitions are filled in with.
        activities: the registered activities by ARN.
        tokens: the open tasks.
        handlers: what stands in for resources.
        integrations: what does tasks that no handler does.
        start_execution: starts a machine as a task.
        start_child: starts a machine for an item of a distributed Map.
        redrive: lets an execution go on that failed.
        map_runs: keeps the map runs.
        random: what all random choices are drawn from.
    """

    def __init__(
        self,
        account: Account,
        activities: Mapping[str, ActivityRecord],
        tokens: Tokens,
        handlers: Handlers,
        integrations: Integrations,
        start_execution: StartExecution,
        start_child: StartChild,
        redrive: Callable[[Run], None],
        map_runs: MapRuns,
        random: Random,
    ) -> None:
        self._account = account
        self._activities = activities
        self._tokens = tokens
        self._handlers = handlers
        self._integrations = integrations
        self._start_execution = start_execution
        self.start_child = start_child
        self.redrive = redrive
        self.map_runs = map_runs
        self.store: Store = integrations.store(handlers)
        """Where distributed maps read their items from and write their results to."""
        self.random = random
        self._kinds = {
            "activity": self._do_activity,
            "function": self._do_function,
            "service": self._do_integration,
        }

    async def do(self, state: Task, frame: Frame, value: Any) -> Any:
        """Have a task done.

        Returns:
            Its result.

        Raises:
            Failure: it failed, or took too long.
            QueryError: what it is to get cannot be made.
            Unsuitable: its resource cannot do anything with that.
        """
        job = self._job(state, frame, value)
        return await self._kinds[job.target.kind](job)

    def arguments(self, state: Task, frame: Frame, value: Any) -> Any:
        """What a task would get, if it were done.

        Raises:
            QueryError: that, or its settings, cannot be made.
            Unsuitable: its settings are none.
            Failure: it is too large.
        """
        return self._job(state, frame, value).arguments()

    def _job(self, state: Task, frame: Frame, value: Any) -> _Job:
        target = Target.parse(self._account.fill_in(state.resource))
        flow = flow_of(frame, state)
        selected = flow.selected(frame, value)
        timeout = _seconds(flow, frame, state, "timeout_seconds", selected)
        heartbeat = _seconds(flow, frame, state, "heartbeat_seconds", selected)
        credentials = _credentials(flow, frame, state, selected)
        return _Job(state, frame, flow, value, target, timeout, heartbeat, credentials)

    async def _do_activity(self, job: _Job) -> Any:
        thread, arn, call = job.frame.thread, job.target.arn, job.call(job.arguments())
        text = call.text
        thread.add("ActivityScheduled", {"resource": arn, "input": text, **job.limits()})
        activity = self._activities.get(arn)
        if activity is None:
            failure = Failure("States.Runtime", f"The activity '{arn}' does not exist.")
            thread.add("ActivityScheduleFailed", failure.details())
            raise failure
        mocked = self._handlers.mocked(call)
        task = self._tokens.add(text, job.timeout, job.heartbeat)
        task.on_start = lambda worker: _started(job.frame, worker)
        feigning = None if mocked is None else asyncio.create_task(self._feign(task, mocked, call))
        if mocked is None:
            activity.offer(task)
        try:
            return await self._end_of(task, job, "Activity", {})
        finally:
            activity.withdraw(task)
            if feigning is not None:
                feigning.cancel()
                await asyncio.wait([feigning])

    async def _feign(self, task: OpenTask, mocked: Callable[[], Any], call: Call) -> None:
        """Do an activity's task as a mock does, in place of a worker."""
        if task.hand_out(None):
            try:
                task.succeed(written(await answer(mocked, call, self.random))[0])
            except Failure as failure:
                task.fail(failure)

    async def _end_of(self, task: OpenTask, job: _Job, kind: str, details: dict[str, Any]) -> Any:
        """Wait for whoever has a task's token."""
        try:
            text = await task.result
        except Failure as failure:
            raise _written(job, kind, details, failure) from None
        finally:
            self._tokens.remove(task)
        job.frame.thread.add(f"{kind}Succeeded", details | {"output": text})
        return _json.loads(text)

    async def _do_function(self, job: _Job) -> Any:
        given = job.arguments()
        thread, text = job.frame.thread, job.frame.text(given)
        details = {"resource": job.target.arn, "input": text, **job.scheduled()}
        thread.add("LambdaFunctionScheduled", details)
        thread.add("LambdaFunctionStarted")
        call = job.call(given)
        handler = self._handlers.find(call)
        door = None if handler is not None else self._integrations.find(_INVOKE)
        try:
            work = answer(handler, call, self.random) if door is None else self._function(job, door, given)
            result = await _within(job.timeout, work)
        except Failure as failure:
            raise _written(job, "LambdaFunction", {}, failure) from None
        thread.add("LambdaFunctionSucceeded", job.output(result))
        return result

    async def _function(self, job: _Job, door: Door, given: Any) -> Any:
        """Have a Lambda function called that is elsewhere."""
        parameters = {"FunctionName": job.target.arn, "Payload": given}
        work = await door.prepare(self._order(job, _INVOKE, parameters))
        return plain((await work()).get("Payload"), job.target)

    async def _do_integration(self, job: _Job) -> Any:
        if job.target.pattern != ".waitForTaskToken":
            return await self._call(job, None)
        task = self._tokens.add("", job.timeout, job.heartbeat)
        job.frame.token = task.token
        try:
            return await self._call(job, task)
        finally:
            self._tokens.remove(task)

    async def _call(self, job: _Job, task: OpenTask | None) -> Any:
        """Call a service, and wait for the end of what it began if the pattern says so."""
        given, thread, details = job.arguments(), job.frame.thread, job.target.details
        check_parameters(job.target, given)
        work = await self._work(job, given)
        scheduled = {"region": self._account.region, "parameters": job.frame.text(given), **job.scheduled()}
        thread.add("TaskScheduled", details | scheduled)
        thread.add("TaskStarted", details)
        if task is not None:
            task.start()
        try:
            result = await _within(job.timeout, work())
        except Failure as failure:
            raise _written(job, "Task", details, failure) from None
        completed = result if isinstance(result, Submitted) and result.completed else None
        if isinstance(result, Submitted):
            result = result.response if task is not None else result.result
        if task is not None:
            thread.add("TaskSubmitted", details | job.output(result))
            task.beat()
            if completed is not None:
                task.succeed(job.frame.text(completed.result))
            return await self._end_of(task, job, "Task", details)
        thread.add("TaskSucceeded", details | job.output(result))
        return result

    async def _work(self, job: _Job, given: Any) -> Work:
        """Find out what does a task: a function, a machine that is here, or something outside.

        Raises:
            Unsuitable: its parameters cannot be used.
        """
        call = job.call(given)
        handler = self._handlers.find(call)
        if handler is None and isinstance(given, dict):
            if job.target.name == "states:startExecution":
                return partial(self._run_machine, job, given)
            if job.target.name == "lambda:invoke":
                call = replace(
                    job.call(given.get("Payload")), target=Target.function(str(given.get("FunctionName")))
                )
                handler = self._handlers.find(call)
                if handler is not None or self._integrations.find(_INVOKE) is None:
                    return partial(self._invoke, handler, call)
        door = None if handler is not None else self._integrations.find(job.target)
        if door is None:
            return partial(self._answer, job, handler, call)
        if job.frame.token is not None and door.outside:
            self._tokens.go_out(call.text)
        return partial(_plainly, job, await door.prepare(self._order(job, job.target, given)))

    def _order(self, job: _Job, target: Target, given: Any) -> Order:
        run = job.frame.run

        def submitted(response: Any) -> None:
            job.frame.thread.add("TaskSubmitted", job.target.details | job.output(response))

        return Order(target, given, run.arn, run.machine.arn, submitted, job.frame.exchanges)

    async def _answer(self, job: _Job, handler: Callable[[], Any] | None, call: Call) -> Any:
        """Have a function answer."""
        result = await answer(handler, call, self.random)
        if isinstance(result, Submitted) and job.target.pattern.startswith(".sync"):
            job.frame.thread.add("TaskSubmitted", job.target.details | job.output(result.response))
            if isinstance(result.result, Exception):
                raise failure_of(result.result, job.target, self.random)
        return result

    async def _invoke(self, handler: Callable[[], Any] | None, call: Call) -> Any:
        """Call a Lambda function that is here."""
        result = await answer(handler, call, self.random)
        about = self._about({"X-Amz-Executed-Version": "$LATEST"}, _json.dumps(result), "application/json")
        return {"ExecutedVersion": "$LATEST", "Payload": result, **about, "StatusCode": 200}

    def _about(self, headers: dict[str, str], text: str, kind: str) -> dict[str, Any]:
        """What a result tells of its call, as if it had gone over the network."""
        request = identifier(self.random)
        common = {"Content-Length": str(_json.size(text)), "Content-Type": kind, "x-amzn-RequestId": request}
        return metadata(headers | common, 200, request)

    async def _run_machine(self, job: _Job, given: dict[str, Any]) -> Any:
        """Run a machine as a task; `.sync` gives its description, `.sync:2` with its data as JSON."""
        try:
            run = self._start_execution(given)
        except ServiceError as error:
            name = error.code.removesuffix("Exception")
            about = f"Service: AWSStepFunctions; Status Code: 400; Error Code: {error.code}; "
            cause = f"{error.message} ({about}Request ID: {identifier(self.random)}; Proxy: null)"
            raise Failure(f"StepFunctions.{name}Exception", cause) from None
        response = {"executionArn": run.arn, "startDate": run.start_date.timestamp()}
        about_call = self._about({}, _json.dumps(response), "application/x-amz-json-1.0")
        started = {"ExecutionArn": run.arn, **about_call, "StartDate": _milliseconds(run.start_date)}
        if not job.target.pattern.startswith(".sync"):
            return started
        job.frame.thread.add("TaskSubmitted", job.target.details | job.output(started))
        try:
            await run.ended()
        finally:
            run.abort()  # if it still runs: the task that waits was cut off
        return _ended(run, as_json=job.target.pattern == ".sync:2")


async def _plainly(job: _Job, work: Work) -> Any:
    """Give a result that came from outside, within the limit of a payload."""
    return plain(await work(), job.target)


def _started(frame: Frame, worker: str | None) -> None:
    frame.thread.add("ActivityStarted", {} if worker is None else {"workerName": worker})


def _written(job: _Job, kind: str, details: dict[str, Any], failure: Failure) -> Failure:
    """Write that a task failed."""
    ending = "TimedOut" if failure.error in _TIMEOUTS else "Failed"
    job.frame.thread.add(kind + ending, details | failure.details())
    return failure


def _ended(run: Run, *, as_json: bool) -> dict[str, Any]:
    """Describe an execution as the task that waited for it gets it.

    Raises:
        Failure: it did not succeed.
    """
    told = run.told(_json.loads if as_json else str, _milliseconds)
    if run.output is None:
        raise Failure("States.TaskFailed", _json.dumps(told))
    return told


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


async def _within(timeout: float | None, work: Awaitable[Any]) -> Any:
    """Wait for work, but not longer than TimeoutSeconds."""
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError:  # the deadline's: whatever the work raises is a Failure
        raise Failure("States.Timeout") from None


def _seconds(flow: Flow, frame: Frame, state: Task, field: str, value: Any) -> int | None:
    """A Task's TimeoutSeconds or HeartbeatSeconds, or what its path or expression gives."""
    place = wire(field)
    seconds: int | None = flow.setting(frame, state, field, value, place, "integer")
    if seconds is not None and seconds <= 0:
        raise Unsuitable(f"{place} must be a positive number of seconds, but is {seconds}.", place)
    return seconds


def _credentials(flow: Flow, frame: Frame, state: Task, value: Any) -> dict[str, str]:
    """The role that a Task acts in, as events tell it."""
    if state.credentials is None:
        return {}
    given = flow.filled(frame, state, "credentials", value, "Credentials")
    return {"roleArn": given["RoleArn"]} if isinstance(given, dict) and "RoleArn" in given else {}
