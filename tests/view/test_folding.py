"""Folding histories of the local service into trees."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from executions import ended, history, local_service, machine, start

from asfini import InvalidArgument
from asfini.errors import TaskFailed
from asfini.history import parse_history
from asfini.local.service import LocalService
from asfini.view import Run, StateRun, fold

WORK = "arn:aws:lambda:us-east-1:123456789012:function:work"
BUSY = {"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 5, "MaxAttempts": 2}]}


class Hands:
    """A function that fails as long as there are errors to fail with."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    async def work(self, given: Any) -> Any:
        await anyio.sleep(2)
        if self.errors:
            raise TaskFailed(self.errors.pop(0), "no luck")
        return given


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def service(hands: Hands) -> AsyncIterator[LocalService]:
    async with local_service(handlers={"work": hands.work}) as service:
        yield service


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": WORK, **({} if "Next" in fields else {"End": True}), **fields}


async def folded(service: LocalService, definition: dict[str, Any], value: Any = None) -> Run:
    arn = await start(service, definition, {} if value is None else value)
    await ended(service, arn)
    return fold(await history(service, arn))


def one(run: Run, name: str) -> StateRun:
    [found] = [state for state in run.walk() if state.name == name]
    return found


async def test_states_follow_each_other_with_their_data_and_times(service: LocalService) -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 3, "Next": "do"}, do=task(ResultPath="$.done"))
    run = await folded(service, definition, {"n": 1})
    rest, do = run.line.states
    assert (rest.name, rest.type, rest.status, rest.attempts) == ("rest", "Wait", "SUCCEEDED", [])
    assert rest.seconds == pytest.approx(3)
    assert (do.input, do.output) == ({"n": 1}, {"n": 1, "done": {"n": 1}})
    assert do.attempts[0].input == do.attempts[0].output == {"n": 1}
    assert do.attempts[0].resource == WORK
    assert do.attempts[0].seconds == do.seconds == pytest.approx(2)
    assert (run.status, run.input, run.output) == ("SUCCEEDED", {"n": 1}, do.output)
    assert run.seconds == pytest.approx(5)


async def test_retries_are_attempts_of_one_state(service: LocalService, hands: Hands) -> None:
    hands.errors = ["Busy", "Busy"]
    [do] = (await folded(service, machine(do=task(**BUSY)))).line.states
    assert [(each.number, each.status, each.error) for each in do.attempts] == [
        (1, "FAILED", "Busy"),
        (2, "FAILED", "Busy"),
        (3, "SUCCEEDED", None),
    ]
    assert (do.status, do.retries, do.attempts[0].cause) == ("SUCCEEDED", 2, "no luck")


async def test_a_failure_that_is_caught_is_told_apart(service: LocalService, hands: Hands) -> None:
    hands.errors = ["Declined"]
    catch = [{"ErrorEquals": ["Declined"], "Next": "sorry"}]
    run = await folded(service, machine(do=task(Catch=catch), sorry={"Type": "Succeed"}))
    assert [(state.name, state.status, state.error) for state in run.line.states] == [
        ("do", "CAUGHT", "Declined"),
        ("sorry", "SUCCEEDED", None),
    ]
    assert run.failed_in is None


async def test_a_time_out_is_told_apart(service: LocalService) -> None:
    run = await folded(service, machine(do=task(TimeoutSeconds=1)))
    assert (one(run, "do").status, one(run, "do").attempts[0].status) == ("TIMED_OUT", "TIMED_OUT")
    assert (run.status, run.failed_in) == ("FAILED", one(run, "do"))


async def test_of_branches_one_fails_and_the_others_are_cut_off(service: LocalService, hands: Hands) -> None:
    hands.errors = ["Boom"]
    rest = {"Type": "Wait", "Seconds": 60, "End": True}
    quick = {"Type": "Pass", "End": True}
    branches = [machine(quick=quick), machine(do=task()), machine(rest=rest)]
    definition = machine(all={"Type": "Parallel", "Branches": branches, "End": True})
    run = await folded(service, definition)
    assert [(line.index, line.status) for line in one(run, "all").lines] == [
        (0, "SUCCEEDED"),
        (1, "FAILED"),
        (2, "ABORTED"),
    ]
    assert [state.status for state in run.walk()] == ["FAILED", "SUCCEEDED", "FAILED", "ABORTED"]
    assert run.failed_in is one(run, "do")
    assert one(run, "do").place == ["all", "branch 1", "do"]
    assert (one(run, "all").error, one(run, "all").attempts[0].failed_in) == ("Boom", one(run, "do"))


async def test_a_parallel_that_is_tried_again_has_its_branches_twice(
    service: LocalService, hands: Hands
) -> None:
    hands.errors = ["Busy"]
    parallel = {"Type": "Parallel", "Branches": [machine(do=task())], "End": True, **BUSY}
    run = await folded(service, machine(all=parallel))
    [parallel_run] = run.line.states
    assert [(each.status, each.error) for each in parallel_run.attempts] == [
        ("FAILED", "Busy"),
        ("SUCCEEDED", None),
    ]
    assert [[line.status for line in each.lines] for each in parallel_run.attempts] == [
        ["FAILED"],
        ["SUCCEEDED"],
    ]
    first, second = parallel_run.attempts
    assert first.ended is not None
    assert second.started is not None
    assert (second.started - first.ended).total_seconds() == pytest.approx(5)


async def test_iterations_have_their_items_numbers(service: LocalService, hands: Hands) -> None:
    items = {"Type": "Map", "ItemProcessor": machine(do=task()), "MaxConcurrency": 1, "End": True}
    hands.errors = ["Boom"]
    run = await folded(service, machine(each=items | BUSY), ["a", "b"])
    assert run.failed_in is not None
    assert run.failed_in.place == ["each", "item 0", "do"]
    assert (await folded_again(service, items, ["a", "b"])) == [(0, "a"), (1, "b")]


async def folded_again(service: LocalService, items: dict[str, Any], value: Any) -> list[Any]:
    machine_arn = (await service.call("list_state_machines"))["stateMachines"][0]["stateMachineArn"]
    await service.call("delete_state_machine", stateMachineArn=machine_arn)
    await anyio.sleep(1000)
    run = await folded(service, machine(each=items), value)
    assert run.line.states[0].attempts[0].length == len(value)
    return [(line.index, line.states[0].input) for line in run.line.states[0].lines]


async def test_an_expression_that_fails_is_an_attempt(service: LocalService) -> None:
    wrong = {"Type": "Pass", "Output": "{% $nothing %}", "End": True}
    run = await folded(service, {"QueryLanguage": "JSONata", **machine(wrong=wrong)})
    [state] = run.line.states
    assert [each.error for each in state.attempts] == ["States.QueryEvaluationError"]
    assert (state.status, run.failed_in) == ("FAILED", state)


async def test_a_distributed_map_has_its_run(service: LocalService, hands: Hands) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    items = {"Type": "Map", "ItemProcessor": {**machine(do=task()), **processor}, "End": True}
    hands.errors = ["Boom"]
    run = await folded(service, machine(each=items), [1, 2])
    [attempt] = run.line.states[0].attempts
    assert attempt.map_run_arn is not None
    assert ":mapRun:" in attempt.map_run_arn
    assert (attempt.error, run.failed_in) == ("States.ExceedToleratedFailureThreshold", run.line.states[0])


async def test_a_redrive_goes_on_in_the_branches_that_it_cut_off(service: LocalService, hands: Hands) -> None:
    hands.errors = ["Boom"]
    rest = {"Type": "Wait", "Seconds": 60, "Next": "too"}
    branches = [machine(do=task()), machine(rest=rest, too={"Type": "Succeed"})]
    arn = await start(service, machine(all={"Type": "Parallel", "Branches": branches, "End": True}), {})
    await ended(service, arn)
    await service.call("redrive_execution", executionArn=arn)
    await ended(service, arn)
    run = fold(await history(service, arn))
    assert run.loose == []
    assert (run.status, len(run.redrives), run.failed_in) == ("SUCCEEDED", 1, None)
    assert [state.status for state in run.walk()] == ["SUCCEEDED"] * 4
    assert [each.status for each in one(run, "do").attempts] == ["FAILED", "SUCCEEDED"]
    assert [[state.name for state in line.states] for line in one(run, "all").lines] == [
        ["do"],
        ["rest", "too"],
    ]


async def test_a_running_execution_stands_in_its_innermost_states(service: LocalService) -> None:
    rest = {"Type": "Wait", "Seconds": 60, "End": True}
    branches = [machine(do=task()), machine(rest=rest)]
    arn = await start(service, machine(all={"Type": "Parallel", "Branches": branches, "End": True}), {})
    await anyio.sleep(1)
    run = fold(await history(service, arn))
    assert [state.name for state in run.standing()] == ["do", "rest"]
    assert (run.status, run.seconds) == ("RUNNING", None)
    await service.call("stop_execution", executionArn=arn, error="Enough")
    run = fold(await history(service, arn))
    assert [state.status for state in run.walk()] == ["ABORTED"] * 3
    assert (run.status, run.error, run.standing()) == ("ABORTED", "Enough", [])


async def test_a_history_without_data_or_in_reverse_has_the_same_tree(
    service: LocalService, hands: Hands
) -> None:
    hands.errors = ["Busy", "Boom"]
    arn = await start(service, machine(do=task(**BUSY)), {})
    await ended(service, arn)
    bare = await service.call("get_execution_history", executionArn=arn, includeExecutionData=False)
    full = parse_history(await history(service, arn))
    for run in (fold(bare["events"]), fold(full), fold(full[::-1])):
        assert [each.error for each in one(run, "do").attempts] == ["Busy", "Boom"]
    assert one(fold(bare["events"]), "do").input is None


def test_unknown_events_are_kept_aside() -> None:
    run = fold([{"type": "MoonRose", "id": 1}, {"type": "TaskSucceeded", "id": 2}])
    assert [event.type for event in run.loose] == ["MoonRose", "TaskSucceeded"]
    assert (run.status, list(run.walk())) == ("RUNNING", [])


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="an event has a type"):
        fold([{"id": 1}])


async def test_a_state_whose_end_is_missing_ended_where_the_next_one_begins(service: LocalService) -> None:
    definition = machine(
        rest={"Type": "Wait", "Seconds": 3, "Next": "more"}, more={"Type": "Wait", "Seconds": 3, "End": True}
    )
    arn = await start(service, definition, {})
    await ended(service, arn)
    events = [event for event in await history(service, arn) if event["type"] != "WaitStateExited"]
    run = fold(events[:-1])
    assert [(state.name, state.status, state.seconds) for state in run.walk()] == [
        ("rest", "SUCCEEDED", 3.0),
        ("more", "RUNNING", None),
    ]
    assert [state.name for state in run.standing()] == ["more"]


async def test_what_an_execution_stood_in_is_kept_until_it_goes_on(service: LocalService) -> None:
    inner = machine(rest={"Type": "Wait", "Seconds": 60, "End": True})
    both = {
        "Type": "Parallel",
        "Branches": [inner, machine(wait={"Type": "Wait", "Seconds": 1, "End": True})],
    }
    arn = await start(service, machine(both=both | {"End": True}) | {"TimeoutSeconds": 5}, {})
    await ended(service, arn)
    run = fold(await history(service, arn))
    assert (run.status, run.failed_in) == ("TIMED_OUT", None)
    assert [state.place for state in run.cut_off] == [["both", "branch 0", "rest"]]
    assert run.ended_in is run.cut_off[0]
    await service.call("redrive_execution", executionArn=arn)
    assert fold(await history(service, arn)).cut_off == []
