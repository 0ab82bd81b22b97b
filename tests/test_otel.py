"""Spans and figures, as OpenTelemetry's own library collects them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from jobs import machine_of, start
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from asfini import (
    CallableActivity,
    Client,
    ExecutionFailed,
    Fail,
    Pass,
    Service,
    Task,
    TaskFailed,
    Wait,
    Worker,
    construct_state_machine,
)
from asfini.codecs import Coded, Gzip
from asfini.errors import InvalidArgument, StateMachineDoesNotExist
from asfini.otel import Traced

SECRET = "pa55w0rd"


class Telemetry:
    """What was collected."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._figures = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider(metric_readers=[self._figures])

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The spans that have ended, by name."""
        return {span.name: span for span in self._spans.get_finished_spans()}

    @property
    def all_spans(self) -> Sequence[ReadableSpan]:
        """All of them, in the order in which they ended."""
        return self._spans.get_finished_spans()

    def figures(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """A figure's values, with their attributes."""
        data = self._figures.get_metrics_data()
        assert data is not None
        metrics = [
            each for of in data.resource_metrics for scope in of.scope_metrics for each in scope.metrics
        ]
        return [
            (dict(point.attributes or {}), getattr(point, "count", None) or getattr(point, "value", None))
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def traced(local_client: Client, telemetry: Telemetry) -> Callable[..., Traced]:
    def make(**options: Any) -> Traced:
        return Traced(
            local_client.service,
            tracer_provider=telemetry.tracers,
            meter_provider=telemetry.meters,
            **options,
        )

    return make


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


async def test_an_execution_leaves_a_span_for_its_start_and_one_for_all_its_time(
    traced: Callable[..., Traced], telemetry: Telemetry
) -> None:
    client = Client(traced())
    machine = construct_state_machine("shop", Wait("cool off", seconds=3600))
    await client.register(machine)
    execution = await client.start_execution(machine, {"card": SECRET})
    await execution.wait()
    begun, whole = telemetry.spans["start_execution shop"], telemetry.spans["execution shop"]
    assert begun.kind is SpanKind.PRODUCER
    assert parent_of(whole) == begun.context.span_id
    assert whole.start_time is not None
    assert whole.end_time is not None
    assert (whole.end_time - whole.start_time) / 1e9 == pytest.approx(3600)
    for span in (begun, whole):
        assert span.attributes is not None
        assert span.attributes["aws.step_functions.execution.arn"] == execution.arn
        assert span.status.status_code is StatusCode.UNSET
    [(attributes, count)] = telemetry.figures("asfini.execution.duration")
    assert (attributes["status"], count) == ("SUCCEEDED", 1)
    await execution.describe()
    assert [name for name in telemetry.spans if name.startswith("execution")] == ["execution shop"]


async def test_a_failure_is_told_by_its_name_alone(
    traced: Callable[..., Traced], telemetry: Telemetry
) -> None:
    async def decline() -> None:
        raise TaskFailed("CardDeclined", SECRET)

    service = traced()
    client = Client(service)
    act = CallableActivity("act", decline)
    execution = await start(client, act)
    async with Worker(client, act, middleware=[service.middleware]):
        with pytest.raises(ExecutionFailed):
            await execution.wait()
    for name in ("task act", "execution does-act"):
        span = telemetry.spans[name]
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == "CardDeclined"
    assert SECRET not in "".join(span.to_json() for span in telemetry.spans.values())
    assert telemetry.figures("asfini.task.reports") == [({"activity": "act", "outcome": "failure"}, 1)]
    assert telemetry.figures("asfini.task.duration") == [({"activity": "act", "outcome": "failure"}, 1)]


async def test_a_start_that_is_refused_is_told(traced: Callable[..., Traced], telemetry: Telemetry) -> None:
    with pytest.raises(StateMachineDoesNotExist):
        await Client(traced()).start_execution("nowhere")
    span = telemetry.spans["start_execution nowhere"]
    assert span.attributes is not None
    assert span.attributes["error.type"] == "StateMachineDoesNotExist"
    assert not span.events


async def test_an_express_execution_leaves_both_spans(
    traced: Callable[..., Traced], telemetry: Telemetry
) -> None:
    client = Client(traced())
    machine = construct_state_machine("quick", Pass("p"), type="EXPRESS")
    await client.register(machine)
    await client.start_sync_execution(machine)
    assert parent_of(telemetry.spans["execution quick"]) == (
        telemetry.spans["start_sync_execution quick"].context.span_id
    )


@pytest.mark.parametrize("error", [None, "Unlucky"])
async def test_an_end_that_only_the_last_event_told_leaves_a_span_too(
    traced: Callable[..., Traced], telemetry: Telemetry, error: str | None
) -> None:
    client = Client(traced())
    wait = Wait("cool off", seconds=60)
    wait >> (Fail("fail", error=error) if error else Pass("pass"))
    machine = construct_state_machine("shop", wait)
    await client.register(machine)
    execution = await client.start_execution(machine)
    await asyncio.sleep(100)
    events = {"reverseOrder": True, "maxResults": 1}
    await client.service.call("get_execution_history", executionArn=execution.arn, **events)
    whole = telemetry.spans["execution shop"]
    assert whole.start_time is not None
    assert whole.end_time is not None
    assert whole.attributes is not None
    assert (whole.end_time - whole.start_time) / 1e9 == pytest.approx(60)
    assert whole.attributes.get("error.type") == error
    await execution.describe()
    [(_, count)] = telemetry.figures("asfini.execution.duration")
    assert count == 1


async def test_each_try_of_a_task_is_a_child_of_the_start(
    traced: Callable[..., Traced], telemetry: Telemetry
) -> None:
    tries = []

    async def work(given: Any) -> None:
        tries.append(given)
        if len(tries) < 3:
            raise TaskFailed("Busy")

    service = traced(carry="_trace")
    client = Client(service)
    act = CallableActivity("act", work)
    task = Task("act", act).retry_for(["Busy"], interval_seconds=1, max_attempts=2)
    machine = construct_state_machine("shop", task)
    await client.register(act, machine)
    async with Worker(client, act, middleware=[service.middleware]):
        await client.execute(machine, {"a": 1})
    begun = telemetry.spans["start_execution shop"]
    spans = [span for span in telemetry.all_spans if span.name == "task act"]
    assert [parent_of(span) for span in spans] == [begun.context.span_id] * 3
    assert len({span.context.span_id for span in spans}) == 3
    assert tries == [{"a": 1}] * 3


@pytest.mark.parametrize("plain", [True, False])
async def test_spans_of_a_function_are_children_of_its_tasks(
    traced: Callable[..., Traced], telemetry: Telemetry, plain: bool
) -> None:
    tracer = telemetry.tracers.get_tracer("mine")

    def work() -> None:
        with tracer.start_as_current_span("mine"):
            pass

    async def work_on() -> None:
        await asyncio.sleep(1)
        work()

    service = traced()
    client = Client(service)
    act = CallableActivity("act", work if plain else work_on)
    execution = await start(client, act)
    async with Worker(client, act, middleware=[service.middleware]):
        await execution.wait()
    assert parent_of(telemetry.spans["mine"]) == telemetry.spans["task act"].context.span_id
    assert telemetry.spans["task act"].kind is SpanKind.CONSUMER
    assert telemetry.spans["task act"].parent is None
    assert telemetry.figures("asfini.task.reports") == [({"activity": "act", "outcome": "success"}, 1)]


async def test_a_trace_goes_along_with_the_input_where_that_is_asked_for(
    traced: Callable[..., Traced], telemetry: Telemetry, local_client: Client
) -> None:
    service = traced(carry="_trace")
    client = Client(service)
    got = []

    async def work(given: Any) -> None:
        got.append(given)

    act = CallableActivity("act", work)
    execution = await start(client, act, {"order": "ö"})
    async with Worker(client, act, middleware=[service.middleware]):
        await execution.wait()
    begun, task = telemetry.spans["start_execution does-act"], telemetry.spans["task act"]
    assert got == [{"order": "ö"}]
    assert task.context.trace_id == begun.context.trace_id
    assert parent_of(task) == begun.context.span_id
    seen = json.loads((await local_client.execution(execution.arn).describe())["input"])
    assert seen.keys() == {"order", "_trace"}
    assert seen["_trace"].keys() == {"traceparent"}


@pytest.mark.parametrize("given", ["text", [1], None, {"_trace": "theirs"}])
async def test_other_inputs_are_done_as_well(
    traced: Callable[..., Traced], telemetry: Telemetry, local_client: Client, given: Any
) -> None:
    service = traced(carry="_trace")
    act = CallableActivity("act", lambda given: given)
    plain = await start(local_client, act, given)
    async with Worker(Client(service), act, middleware=[service.middleware]):
        assert await plain.wait() == given
        if not isinstance(given, dict):
            assert await Client(service).execute(machine_of(act), given) == given
    assert telemetry.spans["task act"].parent is None


@pytest.mark.parametrize("given", [{"order": 1}, "text"], ids=["object", "text"])
@pytest.mark.parametrize("inside", [True, False])
async def test_payloads_in_another_form_may_carry_it_too(
    telemetry: Telemetry, local_client: Client, given: Any, inside: bool
) -> None:
    """What is encoded is an object, whatever it was before."""
    options: dict[str, Any] = {"carry": "_trace", "tracer_provider": telemetry.tracers}
    service: Service = local_client.service
    if inside:
        traced = Traced(service, **options)
        service = Coded(traced, Gzip())
    else:
        service = traced = Traced(Coded(service, Gzip()), **options)
    client = Client(service)
    act = CallableActivity("act", lambda given: given)
    execution = await start(client, act, given)
    async with Worker(client, act, middleware=[traced.middleware]):
        assert await execution.wait() == given
    begun, task = telemetry.spans["start_execution does-act"], telemetry.spans["task act"]
    assert (parent_of(task) == begun.context.span_id) == (inside or isinstance(given, dict))


async def test_an_input_without_room_for_it_goes_without(
    traced: Callable[..., Traced], telemetry: Telemetry, local_client: Client
) -> None:
    client = Client(traced(carry="_trace"))
    act = CallableActivity("act", len)
    for length, carried in ((262_000, True), (262_130, False)):
        execution = await start(client, act, {"text": "x" * length})
        told = await local_client.execution(execution.arn).describe()
        assert ("_trace" in json.loads(told["input"])) == carried


async def test_without_a_library_that_collects_nothing_happens(local_client: Client) -> None:
    service = Traced(local_client.service, carry="_trace")
    act = CallableActivity("act", lambda given: given)
    execution = await start(Client(service), act, {"a": 1})
    async with Worker(Client(service), act, middleware=[service.middleware]):
        assert await execution.wait() == {"a": 1}
    assert not trace.get_current_span().is_recording()


@pytest.mark.parametrize("carry", ["", 1, True])
async def test_what_is_no_name_is_refused(local_client: Client, carry: Any) -> None:
    with pytest.raises(InvalidArgument, match="carry is the name of a member, not "):
        Traced(local_client.service, carry=carry)


def test_without_the_extra_it_is_named() -> None:
    script = """
import sys
sys.modules["opentelemetry"] = None
from asfini import *  # all else is there
try:
    import asfini.otel
except ImportError as error:
    assert "asfini[otel]" in str(error), error
else:
    raise SystemExit("it was imported")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
