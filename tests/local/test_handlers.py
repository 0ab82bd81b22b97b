"""Functions that stand in for resources, and misbehave: they raise anything, hold on, or meddle."""

import asyncio
import json
from typing import Any

import anyio
import pytest
from executions import ended, history, local_service, machine, run, start

from asfini.local.handlers import Submitted
from asfini.local.service import LocalService

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def task(name: str, **fields: Any) -> dict[str, Any]:
    """A Task that calls a function."""
    return {"Type": "Task", "Resource": ARN + name} | ({} if "Next" in fields else {"End": True}) | fields


CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "after"}]


class Odd(BaseException):
    """Nothing that `except Exception` catches."""


async def await_what_is_cancelled(_given: Any) -> None:
    other = asyncio.ensure_future(asyncio.sleep(10))
    other.cancel()
    await other


def leave_the_program(_given: Any) -> None:
    raise SystemExit(3)


def raise_odd(_given: Any) -> None:
    raise Odd("no")


@pytest.mark.parametrize(
    ("function", "error"),
    [(raise_odd, "Odd"), (leave_the_program, "SystemExit"), (await_what_is_cancelled, "CancelledError")],
)
async def test_whatever_a_function_raises_is_its_tasks_failure(function: Any, error: str) -> None:
    async with local_service(handlers={"work": function}) as service:
        assert (await run(service, machine(work=task("work"))))["error"] == error


async def test_whatever_a_function_raises_can_be_caught() -> None:
    definition = machine(work=task("work", Catch=CATCH), after={"Type": "Succeed"})
    async with local_service(handlers={"work": await_what_is_cancelled}) as service:
        assert (await run(service, definition))["status"] == "SUCCEEDED"


async def test_whatever_a_store_raises_fails_the_map_that_reads_it() -> None:
    definition = machine(
        each={
            "Type": "Map",
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Key": "k"}},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                **machine(same={"Type": "Succeed"}),
            },
            "End": True,
        }
    )
    async with local_service(handlers={"s3:getObject": raise_odd}) as service:
        described = await run(service, definition)
    assert (described["error"], described["cause"]) == ("States.ItemReaderFailed", "no")


class Stubborn:
    """A function that does not let itself be cancelled, and another that must not be called."""

    def __init__(self, then: Exception | None) -> None:
        self.then = then
        self.called = 0

    async def hold_on(self, _given: Any) -> str:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if self.then is not None:
                raise self.then from None
        return "done after all"

    def next(self, _given: Any) -> None:
        self.called += 1

    @property
    def handlers(self) -> dict[str, Any]:
        return {"work": self.hold_on, "next": self.next}


stubborn = pytest.mark.parametrize("then", [None, RuntimeError("cannot tidy up")])


@stubborn
async def test_nothing_goes_on_after_an_execution_was_stopped(then: Exception | None) -> None:
    hands = Stubborn(then)
    definition = machine(work=task("work", Catch=CATCH, Next="after"), after=task("next"))
    async with local_service(handlers=hands.handlers) as service:
        arn = await start(service, definition, {})
        await anyio.sleep(1)
        await service.call("stop_execution", executionArn=arn)
        await anyio.sleep(10)
        assert (await history(service, arn))[-1]["type"] == "ExecutionAborted"
    assert hands.called == 0


@stubborn
async def test_nothing_goes_on_after_an_executions_time_is_over(then: Exception | None) -> None:
    hands = Stubborn(then)
    definition = machine(work=task("work", Catch=CATCH, Next="after"), after=task("next"))
    async with local_service(handlers=hands.handlers) as service:
        arn = await start(service, definition | {"TimeoutSeconds": 5}, {})
        assert (await ended(service, arn))["status"] == "TIMED_OUT"
        await anyio.sleep(10)
        assert (await history(service, arn))[-1]["type"] == "ExecutionTimedOut"
    assert hands.called == 0


@stubborn
async def test_nothing_goes_on_in_a_branch_that_was_cut_off(then: Exception | None) -> None:
    hands = Stubborn(then)
    branches = [
        machine(work=task("work", Catch=[CATCH[0] | {"Next": "then"}], Next="then"), then=task("next")),
        machine(wait={"Type": "Wait", "Seconds": 1, "Next": "fail"}, fail={"Type": "Fail", "Error": "E"}),
    ]
    both = {"Type": "Parallel", "Branches": branches, "Catch": CATCH, "End": True}
    async with local_service(handlers=hands.handlers) as service:
        arn = await start(service, machine(both=both, after=task("next")), {})
        assert (await ended(service, arn))["status"] == "SUCCEEDED"
    assert hands.called == 1


@stubborn
async def test_a_task_that_takes_too_long_times_out_whatever_its_function_says(
    then: Exception | None,
) -> None:
    async with local_service(handlers=Stubborn(then).handlers) as service:
        described = await run(service, machine(work=task("work", TimeoutSeconds=5)))
    assert described["error"] == "States.Timeout"


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("inside", [False, True])
async def test_a_function_can_stop_the_execution_that_calls_it(awaits: bool, inside: bool) -> None:
    called = 0

    async def stop(arn: Any) -> None:
        await service.call("stop_execution", executionArn=arn)
        if awaits:
            await asyncio.sleep(0)

    def after(_given: Any) -> None:
        nonlocal called
        called += 1

    definition = machine(work=task("stop", InputPath="$$.Execution.Id", Next="after"), after=task("after"))
    if inside:
        definition = machine(both={"Type": "Parallel", "Branches": [definition], "End": True})
    service: LocalService
    async with local_service(handlers={"stop": stop, "after": after}) as service:
        arn = await start(service, definition, {})
        assert (await ended(service, arn))["status"] == "ABORTED"
        await anyio.sleep(10)
        assert (await history(service, arn))[-1]["type"] == "ExecutionAborted"
    assert called == 0


async def test_an_execution_whose_task_is_cancelled_from_outside_is_aborted() -> None:
    async with local_service() as service:
        others = asyncio.all_tasks()
        arn = await start(service, machine(rest={"Type": "Wait", "Seconds": 100, "End": True}), {})
        await anyio.sleep(1)
        for cancelled in asyncio.all_tasks() - others:
            cancelled.cancel()
        assert (await ended(service, arn))["status"] == "ABORTED"


async def test_a_function_that_changes_its_event_changes_nothing_else() -> None:
    seen = []

    def work(event: Any) -> int:
        seen.append(dict(event))
        event["n"] = 1
        if len(seen) % 2:
            raise ValueError("once more")
        return 1

    retry = [{"ErrorEquals": ["States.ALL"]}]
    branch = machine(work=task("work", ResultPath="$.r", Retry=retry))
    twice = {"Type": "Parallel", "Branches": [branch], "Next": "again"}
    states = {"made": {"Type": "Pass", "Result": {"a": 1}, "Next": "twice"}, "twice": twice}
    async with local_service(handlers={"work": work}) as service:
        arn = await start(service, machine(**states, again={"Type": "Succeed"}), {})
        assert (await ended(service, arn))["output"] == '[{"a":1,"r":1}]'
        machine_arn = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        arn = (await service.call("start_execution", stateMachineArn=machine_arn))["executionArn"]
        await ended(service, arn)
    assert seen == [{"a": 1}] * 4


async def test_a_function_that_changes_its_result_later_changes_nothing_else() -> None:
    kept: dict[str, Any] = {"a": 1}

    def submit(_given: Any) -> Submitted:
        return Submitted({"JobId": "j"}, kept)

    job = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Next": "change"}
    definition = machine(job=job, change=task("change", ResultPath=None))
    handlers = {"batch:submitJob.sync": submit, "change": lambda _given: kept.clear()}
    async with local_service(handlers=handlers) as service:
        assert (await run(service, definition))["output"] == '{"a":1}'


async def seeded(seed: int) -> tuple[list[Any], Any]:
    """The events of an execution whose task is called with a token and fails, but for their times."""

    def work(_given: Any) -> None:
        raise ValueError("no")

    waits = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    send = {"Type": "Task", "Resource": waits, "Parameters": {"t.$": "$$.Task.Token"}, "TimeoutSeconds": 1}
    definition = machine(send=send | {"Catch": CATCH, "End": True}, after=task("work"))
    handlers = {"work": work, "sqs:sendMessage": lambda _given: None}
    async with local_service(handlers=handlers, seed=seed) as service:
        arn = await start(service, definition, {})
        cause = json.loads((await ended(service, arn))["cause"])
        events = [{**event, "timestamp": None} for event in await history(service, arn)]
        return [arn, *events], cause


async def test_a_seed_repeats_names_tokens_and_ids() -> None:
    first, second, other = await seeded(1), await seeded(1), await seeded(2)
    assert first == second
    assert first[0][0] != other[0][0]
    assert first[1]["requestId"] != other[1]["requestId"]


async def test_the_trace_of_a_functions_error_shows_the_function_alone() -> None:
    _, cause = await seeded(1)
    assert len(cause["stackTrace"]) == 1
    assert "in work" in cause["stackTrace"][0]
