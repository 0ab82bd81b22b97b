"""OpenTelemetry: spans and figures of executions and of activities' tasks.

Needs the extra `otel`. `Traced(service)` is a service like any other, whose executions leave spans; its
`middleware` is a worker's, and leaves one for each task.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from asfini._watching.watcher import ENDS
from asfini.errors import InvalidArgument, MissingExtra, TaskFailed
from asfini.service import Service, ServiceWrapper
from asfini.worker.middleware import CallNext, Step

try:
    from opentelemetry import metrics, propagate, trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
except ImportError:
    raise MissingExtra("OpenTelemetry", "otel") from None

T = TypeVar("T")

MAX_REMEMBERED = 10_000
"""Executions, and tasks, of which is remembered where they came from, at most: the oldest are forgotten."""

_STARTS = {"start_execution": SpanKind.PRODUCER, "start_sync_execution": SpanKind.CLIENT}
_MACHINE, _EXECUTION = "aws.step_functions.state_machine.arn", "aws.step_functions.execution.arn"
"""Attributes by the names of OpenTelemetry's semantic conventions."""


class _Start(NamedTuple):
    """An execution that was started here."""

    context: Context
    machine: str
    began: datetime


class Traced(ServiceWrapper):
    """A service whose executions leave spans and figures.

    A start leaves the span `start_execution shop`. Once the service has told of the execution's end, as it
    does to whoever waits for it, the span `execution shop` follows: a child of that, with the times at which
    the execution began and ended. Each task leaves `task charge`, by `middleware`, which is the current span
    while the function runs.

    A task does not know by itself who started its execution: activities do not get X-Ray's header. With
    `carry`, a member of the execution's input says so, where that is an object, and spans of tasks whose
    input still has it are children of the start. Workers take it out before the function gets its input.
    The input then differs with each start, so that one tried again under a name of your own is refused.

    Figures: `asfini.task.duration` and `asfini.execution.duration`, histograms in seconds, and
    `asfini.task.reports`, a counter. None of it has payloads, nor messages of errors.

    Args:
        inner: the service that answers.
        carry: the member of inputs in which the trace's context goes along, such as `"_trace"`; by default
            inputs are left alone.
        tracer_provider: makes spans; by default the global one.
        meter_provider: counts; by default the global one.

    Raises:
        InvalidArgument: `carry` is no name of a member.
    """

    def __init__(
        self,
        inner: Service,
        *,
        carry: str | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        super().__init__(inner)
        if not (carry is None or (isinstance(carry, str) and carry)):
            raise InvalidArgument(f"carry is the name of a member, not {carry!r}")
        self._carry = carry
        self._tracer = trace.get_tracer("asfini", tracer_provider=tracer_provider)
        meter = metrics.get_meter("asfini", meter_provider=meter_provider)
        self._tasks = meter.create_histogram("asfini.task.duration", "s", "How long functions took.")
        self._executions = meter.create_histogram(
            "asfini.execution.duration", "s", "How long executions took, by machine and status."
        )
        self._reports = meter.create_counter("asfini.task.reports", "1", "Ends of tasks that were reported.")
        self._started: OrderedDict[str, _Start] = OrderedDict()
        self._contexts: OrderedDict[str, Context] = OrderedDict()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on, and note what it starts, brings or tells of.

        Raises:
            ServiceError: the service refused.
        """
        if operation in _STARTS:
            return await self._start(operation, parameters)
        answer = await self.inner.call(operation, **parameters)
        if operation == "describe_execution":
            self._see(answer)
        elif operation == "list_executions":
            for each in answer.get("executions", ()):
                self._see(each)
        elif operation == "get_execution_history":
            self._see_end(str(parameters.get("executionArn")), answer.get("events", ()))
        elif operation == "get_activity_task" and self._carry is not None and answer.get("taskToken"):
            return self._unpacked(answer, self._carry)
        return answer

    def beside(self) -> AbstractAsyncContextManager[Service] | None:
        """What the inner service is beside itself: heartbeats leave no spans."""
        return self.inner.beside()

    async def _start(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = str(parameters.get("stateMachineArn"))
        name = f"{operation} {_last(arn)}"
        with self._tracer.start_as_current_span(
            name, kind=_STARTS[operation], record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attribute(_MACHINE, arn)
            if self._carry is not None and isinstance(parameters.get("input"), str):
                parameters["input"] = _packed(parameters["input"], self._carry, self.max_payload)
            try:
                answer = await self.inner.call(operation, **parameters)
            except BaseException as error:
                _fail(span, type(error).__name__)
                raise
            span.set_attribute(_EXECUTION, answer["executionArn"])
            if (began := answer.get("startDate")) is not None:
                start = _Start(trace.set_span_in_context(span), arn, began)
                _remember(self._started, answer["executionArn"], start)
        if operation == "start_sync_execution":
            self._see(answer)
        return answer

    def _see(self, told: Mapping[str, Any]) -> None:
        """Leave a span of an execution that was started here, once it has ended."""
        if told.get("status") in (None, "RUNNING", "PENDING_REDRIVE") or told.get("stopDate") is None:
            return
        start = self._started.pop(str(told.get("executionArn")), None)
        if start is None:
            return
        status, ended, machine = told["status"], told["stopDate"], told.get("stateMachineArn", start.machine)
        span = self._tracer.start_span(
            f"execution {_last(machine)}", start.context, start_time=_nanoseconds(start.began)
        )
        span.set_attributes({_MACHINE: machine, _EXECUTION: told["executionArn"]})
        if status != "SUCCEEDED":
            _fail(span, str(told.get("error") or status))
        span.end(_nanoseconds(ended))
        self._executions.record((ended - start.began).total_seconds(), {_MACHINE: machine, "status": status})

    def _see_end(self, arn: str, events: Iterable[Mapping[str, Any]]) -> None:
        """The same where events tell of the end: whoever waits may have asked for the last one alone."""
        if arn not in self._started:
            return
        for event in events:
            key, status = ENDS.get(event["type"], ("", ""))
            if status:
                error = event.get(key, {}).get("error")
                self._see(
                    {"executionArn": arn, "status": status, "stopDate": event["timestamp"], "error": error}
                )

    def _unpacked(self, answer: dict[str, Any], carry: str) -> dict[str, Any]:
        """A task without the context that it carried."""
        given = _object(answer.get("input"))
        if given is None or not isinstance(carried := given.pop(carry, None), dict):
            return answer
        _remember(self._contexts, answer["taskToken"], propagate.extract(carried))
        return {**answer, "input": json.dumps(given)}

    async def middleware(self, step: Step, call_next: CallNext) -> Any:
        """Leave a span and figures of each task: `Worker(…, middleware=[traced.middleware])`.

        Args:
            step: the task.
            call_next: does it.
        """
        if step.kind == "task" and step.task is not None:
            return await self._do(step.activity.name, step.task.token, call_next)
        result = await call_next()
        if step.kind == "report":
            outcome = "success" if step.error is None else "failure"
            self._reports.add(1, {"activity": step.activity.name, "outcome": outcome})
        return result

    async def _do(self, activity: str, token: str, call_next: CallNext) -> Any:
        began, outcome = time.perf_counter(), "success"
        with self._tracer.start_as_current_span(
            f"task {activity}",
            self._contexts.pop(token, None),
            kind=SpanKind.CONSUMER,
            attributes={"asfini.activity": activity},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await call_next()
            except BaseException as error:
                outcome = "failure"
                _fail(span, str(error.error) if isinstance(error, TaskFailed) else type(error).__name__)
                raise
            finally:
                seconds = time.perf_counter() - began
                self._tasks.record(seconds, {"activity": activity, "outcome": outcome})


def _fail(span: Span, error: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", error)


def _last(arn: str) -> str:
    """A machine's name."""
    return arn.partition(":stateMachine:")[2] or arn


def _nanoseconds(date: datetime) -> int:
    return int(date.timestamp() * 1e9)


def _object(text: Any) -> dict[str, Any] | None:
    """What a JSON text has, if that is an object."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _packed(text: str, carry: str, most: int) -> str:
    """An input with the current context, if it is an object, and has room for it."""
    given = _object(text)
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    if given is None or not carrier:
        return text
    packed = json.dumps({**given, carry: carrier}, ensure_ascii=False)
    return packed if len(packed.encode(errors="surrogatepass")) <= most else text


def _remember(known: "OrderedDict[str, T]", key: str, value: T) -> None:
    known[key] = value
    if len(known) > MAX_REMEMBERED:
        known.popitem(last=False)


__all__ = ["Traced"]
