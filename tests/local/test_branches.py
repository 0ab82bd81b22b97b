"""What becomes of branches and iterations when something ends as one of them fails."""

import asyncio
from typing import Any

import pytest
from executions import chain, ended, history, local_service, machine, run, start

from asfini.local.service import LocalService

RETRY = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 3}]
CATCH = [{"ErrorEquals": ["Boom"], "Next": "after"}]
FAILED_AND_STOPPED = ["WaitStateExited", "FailStateEntered", "ExecutionAborted"]


def fails(name: str) -> dict[str, Any]:
    """A branch that fails after a second."""
    wait = {"Type": "Wait", "Seconds": 1, "Next": f"{name} fails"}
    return machine(**{f"{name} waits": wait, f"{name} fails": {"Type": "Fail", "Error": "Boom"}})


def rests(name: str) -> dict[str, Any]:
    """A branch that takes five seconds."""
    return machine(**{f"{name} rests": {"Type": "Wait", "Seconds": 5, "End": True}})


def parallel(name: str, *branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A Parallel as a definition of its own."""
    return machine(**{name: {"Type": "Parallel", "Branches": list(branches), **fields, "End": True}})


def both(name: str, **fields: Any) -> dict[str, Any]:
    """A Parallel of a branch that fails, and one that takes longer."""
    return parallel(name, fails(name), rests(name), **fields)


async def failing(service: LocalService, arn: str) -> None:
    """Wait until a branch has failed, and the Parallel does not know of it yet."""
    while (events := await history(service, arn))[-1]["type"] != "FailStateEntered":
        await service.changed(arn, 3600, len(events))


async def test_an_execution_that_is_stopped_as_a_branch_fails_does_not_try_again() -> None:
    async with local_service() as service:
        arn = await start(service, parallel("all", fails("one"), Retry=RETRY), {})
        await failing(service, arn)
        await service.call("stop_execution", executionArn=arn)
        await asyncio.sleep(1)  # in virtual time
        assert service._runner.find(arn).task is None
        events = await history(service, arn)
    assert [event["type"] for event in events[4:]] == FAILED_AND_STOPPED


@pytest.mark.parametrize("fields", [{"Retry": RETRY}, {"Catch": CATCH}], ids=["Retry", "Catch"])
async def test_an_execution_whose_time_is_over_as_a_branch_fails_does_not_go_on(
    fields: dict[str, Any],
) -> None:
    definition: dict[str, Any] = {**parallel("all", fails("one"), **fields), "TimeoutSeconds": 1}
    if "Catch" in fields:
        definition["States"]["after"] = {"Type": "Succeed"}
    async with local_service() as service:
        arn = await start(service, definition, {})
        await asyncio.sleep(2)
        assert service._runner.find(arn).task is None
        described = await service.call("describe_execution", executionArn=arn)
        events = await history(service, arn)
    assert described["status"] == "TIMED_OUT"
    assert [event["type"] for event in events[4:]] in (
        ["ExecutionTimedOut"],
        ["FailStateEntered", "ExecutionTimedOut"],
    )


async def test_a_child_of_a_map_run_that_is_stopped_as_a_branch_fails_does_not_try_again() -> None:
    processor = {**parallel("all", fails("one"), Retry=RETRY), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    processor["ProcessorConfig"]["ExecutionType"] = "STANDARD"
    async with local_service() as service:
        arn = await start(
            service, machine(each={"Type": "Map", "ItemProcessor": processor, "End": True}), [1, 2]
        )
        await asyncio.sleep(0.5)
        children = [child for child in service._runner.runs.values() if child.map_run_arn is not None]
        await failing(service, children[-1].arn)
        await service.call("stop_execution", executionArn=arn)
        await asyncio.sleep(1)
        assert [child.task for child in children] == [None, None]
        events = await history(service, children[-1].arn)
    assert [child.status for child in children] == ["ABORTED", "ABORTED"]
    assert [event["type"] for event in events[4:]] == FAILED_AND_STOPPED


async def test_a_service_that_is_left_waits_for_what_has_just_been_cut_off() -> None:
    others = asyncio.all_tasks()
    inner = parallel("inner", rests("one"), rests("two"))
    async with local_service() as service:
        arn = await start(service, parallel("outer", inner, rests("three")) | {"TimeoutSeconds": 1}, {})
        await ended(service, arn)
    assert asyncio.all_tasks() <= others


async def test_lines_that_are_cut_off_write_nothing_of_failures_of_their_own() -> None:
    """Two branches fail in the same turn as the one that ends the execution; only that one is told of."""

    def broken(name: str) -> dict[str, Any]:
        nobody = "arn:aws:states:us-east-1:123456789012:activity:nobody"
        bad = machine(**{f"{name} bad": {"Type": "Task", "Resource": nobody, "End": True}})
        return parallel(name, bad, rests(name))

    faulty = machine(
        start={"Type": "Pass", "Next": "pick"},
        pick={
            "Type": "Choice",
            "Choices": [{"Variable": "$.x", "IsNull": True, "Next": "end"}],
            "Default": "end",
        },
        end={"Type": "Succeed"},
    )
    async with local_service() as service:
        described = await run(service, parallel("all", broken("one"), broken("two"), faulty))
        events = await history(service, described["executionArn"])
    assert described["error"] == "States.Runtime"
    assert not [event for event in events if event["type"].endswith(("StateAborted", "StateFailed"))]
    (kind, previous) = chain(events)[-1]
    assert (kind, events[previous - 1]["type"]) == ("ExecutionFailed", "ChoiceStateEntered")


async def test_of_branches_that_fail_in_one_turn_the_first_is_told_of_and_the_other_as_cut_off() -> None:
    async with local_service() as service:
        described = await run(service, parallel("all", both("one"), both("two")))
        events = await history(service, described["executionArn"])
    ids = {event["id"]: event["type"] for event in events}
    first = next(number for number, kind in ids.items() if kind == "FailStateEntered")
    failed = max(number for number, kind in ids.items() if kind == "FailStateEntered") + 2
    assert ids[failed] == "ParallelStateFailed"
    assert chain(events)[failed - 2 :] == [
        ("WaitStateAborted", first),
        ("ParallelStateFailed", first),
        ("WaitStateAborted", failed),
        ("ParallelStateAborted", failed),
        ("ParallelStateFailed", failed),
        ("ExecutionFailed", failed + 3),
    ]


async def test_each_branch_follows_the_start_of_its_parallel() -> None:
    branches = [machine(one={"Type": "Succeed"}), machine(two={"Type": "Succeed"})]
    async with local_service() as service:
        described = await run(service, machine(all={"Type": "Parallel", "Branches": branches, "End": True}))
        events = chain(await history(service, described["executionArn"]))
    assert events[3:8] == [
        ("SucceedStateEntered", 3),
        ("SucceedStateExited", 4),
        ("SucceedStateEntered", 3),
        ("SucceedStateExited", 6),
        ("ParallelStateSucceeded", 7),
    ]
