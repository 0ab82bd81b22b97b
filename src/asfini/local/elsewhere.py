"""Tasks done by other services of AWS, at an endpoint: what is called, what results and failures look like.

Integrations named `aws-sdk:service:action` and optimized ones tell results and errors differently: Step
Functions calls the former with the second generation of AWS's SDK for Java and most of the latter with the
first.
"""

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio

from asfini import _json
from asfini._arns import Account
from asfini.aws.integrations import Action, Refusal, Reply, ServiceCaller
from asfini.aws.shapes import FIRST, SECOND
from asfini.clock import hold
from asfini.errors import InvalidArgument, ServiceError
from asfini.local.failures import Failure
from asfini.local.integrations import Order, Work, metadata, refused
from asfini.local.jobs import JOBS, Job, filled, look_up

FIRST_LOOK, LAST_LOOK = 0.1, 10.0
"""Seconds between looks at a job: the first, and the longest."""
STOP_SECONDS = 10.0
"""How long a service has for the answer that it will stop a job."""


@dataclass(frozen=True, slots=True)
class Optimized:
    """How the failures of an optimized integration are named."""

    prefix: str
    """What stands before the error's name."""
    service: str
    """What causes call the service."""

    @property
    def base(self) -> str:
        """The exception for errors that the service's model does not tell of."""
        return f"{self.service.removesuffix('v2').replace(' ', '')}Exception"


OPTIMIZED: dict[str, Optimized] = {
    "athena": Optimized("Athena", "AmazonAthena"),
    "batch": Optimized("Batch", "AWSBatch"),
    "codebuild": Optimized("CodeBuild", "AWSCodeBuild"),
    "databrew": Optimized("DataBrew", "AWSGlueDataBrew"),
    "dynamodb": Optimized("DynamoDB", "AmazonDynamoDBv2"),
    "ecs": Optimized("ECS", "AmazonECS"),
    "eks": Optimized("EKS", "AmazonEKS"),
    "elasticmapreduce": Optimized("ElasticMapReduce", "AmazonElasticMapReduce"),
    "emr-containers": Optimized("EMRContainers", "AmazonEMRContainers"),
    "events": Optimized("EventBridge", "AmazonEventBridge"),
    "glue": Optimized("Glue", "AWSGlue"),
    "lambda": Optimized("Lambda", "AWSLambda"),
    "mediaconvert": Optimized("MediaConvert", "AWSMediaConvert"),
    "s3": Optimized("S3", "Amazon S3"),
    "sagemaker": Optimized("SageMaker", "AmazonSageMaker"),
    "sns": Optimized("SNS", "AmazonSNS"),
    "sqs": Optimized("SQS", "AmazonSQS"),
}
"""Integrations that call with the SDK's first generation; others, such as `bedrock`, with the second."""
_PREFIXES = {"bedrock": "Bedrock", "emr-serverless": "EmrServerless"}
"""What stands before the names of errors of the others."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An optimized action that is called otherwise in the service's API."""

    service: str
    action: str
    given: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given
    result: Callable[[dict[str, Any]], dict[str, Any]] = lambda result: result


def _swapped(given: dict[str, Any], old: str, new: str, *, as_list: bool = False) -> dict[str, Any]:
    """Rename a member, and perhaps make a list of it."""
    rest = {name: value for name, value in given.items() if name != old}
    return rest | ({new: [given[old]] if as_list else given[old]} if old in given else {})


def _step(given: dict[str, Any]) -> dict[str, Any]:
    return _swapped(_swapped(given, "ClusterId", "JobFlowId"), "Step", "Steps", as_list=True)


def _job_flows(given: dict[str, Any]) -> dict[str, Any]:
    return _swapped(given, "ClusterId", "JobFlowIds", as_list=True)


ADAPTERS: dict[str, Adapter] = {
    "bedrock:invokeModel": Adapter("bedrock-runtime", "invokeModel"),
    "elasticmapreduce:addStep": Adapter(
        "emr", "addJobFlowSteps", _step, lambda result: {"StepId": look_up("StepIds.0", result)}
    ),
    "elasticmapreduce:cancelStep": Adapter(
        "emr",
        "cancelSteps",
        lambda given: _swapped(given, "StepId", "StepIds", as_list=True),
        lambda result: look_up("CancelStepsInfoList.0", result) or {},
    ),
    "elasticmapreduce:createCluster": Adapter(
        "emr", "runJobFlow", result=lambda result: _swapped(result, "JobFlowId", "ClusterId")
    ),
    "elasticmapreduce:describeCluster": Adapter("emr", "describeCluster"),
    "elasticmapreduce:describeStep": Adapter("emr", "describeStep"),
    "elasticmapreduce:setClusterTerminationProtection": Adapter(
        "emr", "setTerminationProtection", _job_flows
    ),
    "elasticmapreduce:terminateCluster": Adapter("emr", "terminateJobFlows", _job_flows),
}


class ServiceDoor:
    """Does tasks by calling services.

    Args:
        endpoint: where they answer: a URL, or `aws`.
        account: the account and region that are called.
    """

    outside = True

    def __init__(self, endpoint: str, account: Account) -> None:
        self._caller = ServiceCaller(endpoint, account)

    async def prepare(self, order: Order) -> Work:
        """Look up what is called, and hold the parameters against its model.

        Raises:
            Unsuitable: they do not suit.
            Failure: there is no such service or action.
        """
        given = _prepared(order)
        called = await _Called.find(self._caller, order.target.name)
        parameters = called.parameters(given)
        return functools.partial(self._do, order, called, parameters)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._caller.aclose()

    async def ask(self, name: str, given: dict[str, Any]) -> Reply:
        """Call an action that no task asks for itself.

        Args:
            name: service and action, such as `s3:getObject`.
            given: its parameters.

        Raises:
            Unsuitable: the parameters do not suit.
            Failure: the service refuses, or there is none.
        """
        called = await _Called.find(self._caller, name)
        return await called.ask(called.parameters(given))

    async def _do(self, order: Order, called: "_Called", parameters: Any) -> Any:
        reply = await called.ask(parameters)
        result = called.adapter.result(reply.value)
        job = JOBS.get(order.target.name) if order.target.pattern.startswith(".sync") else None
        if job is None:
            finish: Result = _RESULTS.get(order.target.name, _with_metadata)
            return finish(result, reply, called)
        order.submitted(_with_metadata(result, reply, called))
        with hold():  # the job runs outside
            end = await self._followed(order, job, {**order.given, **result})
        return result | end if job.tells_start else end

    async def _followed(self, order: Order, job: Job, known: dict[str, Any]) -> Any:
        """Wait for a job's end; stop it if we are cut off meanwhile."""
        service = order.target.name.partition(":")[0]
        try:
            return await self._end_of(service, job, known)
        except BaseException as error:
            if job.stop is not None and not isinstance(error, Failure):
                with anyio.move_on_after(STOP_SECONDS, shield=True):
                    await self._stop(service, job.stop, known)
            raise

    async def _stop(self, service: str, stop: tuple[str, Any], known: dict[str, Any]) -> None:
        action, template = stop
        called = await _Called.find(self._caller, f"{service}:{action}")
        with contextlib.suppress(Failure):  # it has ended, or nobody can be asked to stop it
            await called.ask(called.parameters(filled(template, known)))

    async def _end_of(self, service: str, job: Job, known: dict[str, Any]) -> Any:
        if failures := known.get("Failures"):
            raise Failure("AmazonECS.Unknown", _json.dumps(failures))
        called = await _Called.find(self._caller, f"{service}:{job.describe}")
        parameters = called.parameters(filled(job.parameters, known))
        pause = FIRST_LOOK
        while True:
            try:
                reply = await called.ask(parameters)
            except Failure as failure:
                if job.ends_gone and "NotFound" in (failure.error or ""):
                    return {}
                raise
            result, status = look_up(job.result, reply.value), look_up(job.status, reply.value)
            if status in job.failed.split() or (status in job.succeeded.split() and not job.is_good(result)):
                raise Failure("States.TaskFailed", _json.dumps(result))
            if status in job.succeeded.split():
                return {job.name: result} if job.name else result
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK)


@dataclass(frozen=True)
class _Called:
    """What a task calls."""

    caller: ServiceCaller
    action: Action
    adapter: Adapter
    names: Optimized | None
    """How its failures are named by the SDK's first generation; `None` for the second."""
    prefix: str
    """What stands before the names of its errors."""

    @classmethod
    async def find(cls, caller: ServiceCaller, name: str) -> "_Called":
        """Look up what `service:action` calls.

        Raises:
            Failure: there is no such thing.
        """
        service, _, action = name.removeprefix("aws-sdk:").partition(":")
        is_sdk = name.startswith("aws-sdk:")
        adapter = Adapter(service, action) if is_sdk else ADAPTERS.get(name) or Adapter(service, action)
        names = None if is_sdk else OPTIMIZED.get(service)
        found = await caller.find(adapter.service, adapter.action, FIRST if names else SECOND)
        if found is None:
            raise Failure(
                "States.Runtime", f"no service has the action '{name}': a handler may do it, or a mock"
            )
        prefix = names.prefix if names else "" if is_sdk else _PREFIXES.get(service, "")
        return cls(caller, found, adapter, names, prefix or found.name)

    def parameters(self, given: Any) -> Any:
        """Make botocore's parameters of a task's.

        Raises:
            Unsuitable: they do not suit.
        """
        adapted = self.adapter.given(given) if isinstance(given, dict) else given
        parameters, faults = self.action.parameters(adapted)
        if faults:
            raise refused(given, faults)
        return parameters

    async def ask(self, parameters: Any) -> Reply:
        """Call it.

        Raises:
            Failure: it refuses, or cannot be reached.
        """
        try:
            return await self.caller.call(self.action, parameters)
        except Refusal as refusal:
            raise self._failure(refusal) from None
        except (InvalidArgument, ServiceError) as error:
            raise Failure(f"{self.prefix}.SdkClientException", str(error)) from None

    def _failure(self, refusal: Refusal) -> Failure:
        status, request = f"Status Code: {refusal.status}", f"Request ID: {refusal.request_id}"
        if self.names is None:
            name = refusal.kind or f"{self.action.name}Exception"
            more = f", Extended Request ID: {refusal.host_id}" if refusal.host_id else ""
            about = f"(Service: {self.action.name}, {status}, {request}{more}) (SDK Attempt Count: 1)"
            return Failure(f"{self.prefix}.{name}", f"{refusal.message} {about}")
        about = f"Service: {self.names.service}; {status}; Error Code: {refusal.code}; {request}; Proxy: null"
        name = refusal.kind or self.names.base
        return Failure(f"{self.prefix}.{name}", f"{refusal.message} ({about})")


Result = Callable[[dict[str, Any], Reply, _Called], Any]
"""Makes a task's result of what the API gave."""


def _prepared(order: Order) -> Any:
    """Add to a task's parameters what Step Functions adds: to events, the execution that they come from."""
    given = order.given
    if order.target.name != "events:putEvents" or not isinstance(given, dict):
        return given
    entries = given.get("Entries")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return given
    ours = [order.execution_arn, order.machine_arn]
    added = [{**entry, "Resources": [*(entry.get("Resources") or []), *ours]} for entry in entries]
    return {**given, "Entries": added}


def _with_metadata(result: Any, reply: Reply, called: _Called) -> Any:
    """Add what results of the SDK's first generation tell of the call."""
    if called.names is None or not isinstance(result, dict):
        return result
    return dict(sorted((result | metadata(reply.headers, reply.status, reply.request_id)).items()))


def _of_lambda(result: dict[str, Any], reply: Reply, called: _Called) -> Any:
    """A function's result, with what it gave as JSON.

    Raises:
        Failure: the function failed.
    """
    text = result.get("Payload", "")
    if "FunctionError" in result:
        report = _read(text)
        kind = report.get("errorType") if isinstance(report, dict) else None
        raise Failure(kind if kind and isinstance(kind, str) else "Lambda.Unknown", text)
    payload = {"Payload": _read(text)} if "Payload" in result else {}
    return _with_metadata(result | payload, reply, called)


def _of_events(result: dict[str, Any], reply: Reply, called: _Called) -> Any:
    """What EventBridge says of events.

    Raises:
        Failure: it did not take one.
    """
    if result.get("FailedEntryCount"):
        raise Failure("EventBridge.FailedEntry", _json.dumps(result))
    return _with_metadata(result, reply, called)


def _of_a_model(result: dict[str, Any], _reply: Reply, _called: _Called) -> Any:
    return result | {"Body": _read(result.get("Body", ""))}


def _read(text: str) -> Any:
    """JSON data, or the text if it is none."""
    try:
        return _json.loads(text) if text else None
    except InvalidArgument:
        return text


_RESULTS: dict[str, Result] = {
    "bedrock:invokeModel": _of_a_model,
    "events:putEvents": _of_events,
    "lambda:invoke": _of_lambda,
}
