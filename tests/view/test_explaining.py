"""Explanations of executions on the local service: why they failed, what they wait for."""

import json
from typing import Any

import anyio
import pytest

import asfini
from asfini import (
    Client,
    Definition,
    Execution,
    Fail,
    ItemProcessor,
    Lambda,
    Map,
    Parallel,
    Pass,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.errors import AccessDenied, TaskFailed
from asfini.service import Service
from asfini.view import Explanation, explain, fold

WORK = Lambda("work")


def task(name: str = "do", **fields: Any) -> Task:
    return Task(name, WORK, **fields)


def states(start: Any) -> Definition:
    return Definition.starting_at(start)


async def told(client: Client, start: Any, value: Any = None) -> Explanation:
    """Run a machine to its end, and have it explained."""
    machine = construct_state_machine("machine", start)
    await client.register(machine)
    execution = await client.start_execution(machine, {} if value is None else value)
    await execution.wait(raise_on_failure=False)
    return await execution.explain()


async def standing(client: Client, start: Any, seconds: float, value: Any = None) -> Explanation:
    """Have an execution explained after a while."""
    machine = construct_state_machine("machine", start)
    await client.register(machine)
    execution = await client.start_execution(machine, {} if value is None else value)
    await anyio.sleep(seconds)
    return await execution.explain()


async def test_a_failure_is_told_with_its_tries_and_what_retry_and_catch_did(client: Client) -> None:
    pay = task("pay").retry_for(["Busy"], interval_seconds=5, max_attempts=2)
    pay.retry_for(["States.ALL"], max_attempts=1)
    pay.catch(["Declined"], Pass("sorry"))
    client.mock(WORK, side_effect=TaskFailed("Busy", "come again"), after=2)
    explanation = await told(client, Pass("first") >> pay and pay, {"pence": 5})
    assert (explanation.status, explanation.state, explanation.error) == ("FAILED", "pay", "Busy")
    assert explanation.input == {"pence": 5}
    assert [(each.error, each.pause and round(each.pause)) for each in explanation.tries] == [
        ("Busy", None),
        ("Busy", 5),
        ("Busy", 10),
    ]
    assert explanation.seconds == pytest.approx(21)
    assert str(explanation).splitlines()[1:] == [
        "  failed in pay (Task)",
        '  input: {"pence": 5}',
        "  cause: come again",
        "  try 1: Busy, took 2 s, arn:aws:lambda:us-east-1:123456789012:function:work",
        "  try 2, 5 s later: Busy, took 2 s, arn:aws:lambda:us-east-1:123456789012:function:work",
        "  try 3, 10 s later: Busy, took 2 s, arn:aws:lambda:us-east-1:123456789012:function:work",
        "  Retry 1 of pay (Busy): names it, and had 2 of its 2 retries",
        "  Retry 2 of pay (States.ALL): names it, but Retry 1 does so first",
        "  Catch 1 of pay (Declined): does not name Busy",
    ]
    assert str(explanation).splitlines()[0].endswith(": FAILED after 21 s: Busy")


async def test_the_first_clause_that_names_an_error_is_the_one_that_counts(client: Client) -> None:
    pay = task("pay").retry_for(["Other"]).retry_for(["Busy"], max_attempts=1)
    pay.retry_for(["States.ALL"], max_attempts=5)
    client.mock(WORK, side_effect=TaskFailed("Busy"))
    explanation = await told(client, pay)
    assert explanation.clauses is not None
    assert [clause.verdict for clause in explanation.clauses] == [
        "does not name Busy",
        "names it, and had 1 of its 1 retries",
        "names it, but Retry 2 does so first",
    ]


async def test_the_cause_of_a_function_is_taken_apart(client: Client) -> None:
    cause = {"errorMessage": "no such key", "errorType": "KeyError", "stackTrace": ["a", "b", "c", "d\n"]}
    client.mock(WORK, side_effect=TaskFailed("KeyError", json.dumps(cause)))
    explanation = await told(client, task())
    assert explanation.details == cause
    assert str(explanation).splitlines()[3:7] == ["  cause: KeyError: no such key", "    b", "    c", "    d"]


async def test_a_cause_cannot_do_anything_to_a_terminal(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Bad\x1b[2J", "red\x9b31m\nand\x07"))
    explanation = await told(client, task("do\x1b"))
    assert explanation.cause == "red\x9b31m\nand\x07"
    assert not set(str(explanation)) & set("\x1b\x9b\x07")
    assert "  cause: red\ufffd31m and\ufffd" in str(explanation).splitlines()


async def test_a_failure_in_a_branch_or_an_item_is_told_with_its_place(client: Client) -> None:
    inner = Map("each", item_processor=states(task()), items_path="$")
    both = Parallel("both", branches=[states(Pass("fine")), states(inner)])
    both.catch(["Other"], Pass("never"))
    client.mock(WORK, side_effect=["one", TaskFailed("Boom")])
    explanation = await told(client, both, [1, 2])
    assert explanation.place == ["both", "branch 1", "each", "item 1", "do"]
    assert explanation.input == 2
    assert explanation.clauses is not None
    assert [(clause.state, clause.kind, clause.matches) for clause in explanation.clauses] == [
        ("both", "Catch", False)
    ]


def test_branches_are_numbered_as_they_are_written_in_whichever_order_they_begin() -> None:
    both = Parallel("both", branches=[states(Wait("rest", seconds=1)), states(Fail("no", error="No"))])
    events = [
        {"type": "ExecutionStarted", "id": 1},
        {"type": "ParallelStateEntered", "id": 2, "stateEnteredEventDetails": {"name": "both"}},
        {"type": "ParallelStateStarted", "id": 3, "previousEventId": 2},
        {
            "type": "FailStateEntered",
            "id": 4,
            "previousEventId": 3,
            "stateEnteredEventDetails": {"name": "no"},
        },
        {"type": "ParallelStateFailed", "id": 5, "previousEventId": 4},
        {
            "type": "ExecutionFailed",
            "id": 6,
            "previousEventId": 5,
            "executionFailedEventDetails": {"error": "No"},
        },
    ]
    assert explain(fold(events)).place == ["both", "branch 0", "no"]
    assert explain(fold(events), states(both)).place == ["both", "branch 1", "no"]


async def test_a_failure_of_branches_that_is_tried_again_tells_its_retry(client: Client) -> None:
    both = Parallel("both", branches=[states(Fail("no", error="No"))]).retry_for(["No"], max_attempts=1)
    explanation = await told(client, both)
    assert "  Retry 1 of both (No): names it, and had 1 of its 1 retries" in str(explanation).splitlines()


async def test_retries_count_anew_after_a_redrive(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Busy"))
    machine = construct_state_machine("machine", task().retry_for(["Busy"], max_attempts=2))
    await client.register(machine)
    execution = await client.start_execution(machine, {})
    await execution.wait(raise_on_failure=False)
    await execution.redrive()
    await execution.wait(raise_on_failure=False)
    explanation = await execution.explain()
    assert (len(explanation.tries), explanation.redrives) == (6, 1)
    assert "names it, and had 2 of its 2 retries" in str(explanation)
    assert ", redriven once: Busy" in str(explanation)


async def test_what_was_caught_before_is_told_as_well(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Declined"))
    explanation = await told(client, task("pay").catch(["Declined"], Fail("sorry", error="Sorry")))
    assert (explanation.state, explanation.type, explanation.error) == ("sorry", "Fail", "Sorry")
    assert "  caught before: pay: Declined, on to sorry" in str(explanation).splitlines()
    assert "  nothing retries or catches it" in str(explanation).splitlines()


async def test_nothing_catches_a_machine_that_cannot_go_on(client: Client) -> None:
    broken = task(parameters={"n.$": "$.nowhere"}).catch(["States.Runtime"], Pass("never"))
    explanation = await told(client, broken)
    assert (explanation.state, explanation.error) == ("do", "States.Runtime")
    assert explanation.clauses is not None
    assert "nothing is retried or caught" in explanation.clauses[0].verdict


async def test_a_child_of_a_map_run_is_explained_too(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Boom", "in the child"))
    config = asfini.ProcessorConfig(mode="DISTRIBUTED", execution_type="STANDARD")
    processor = ItemProcessor(start_at="do", states={"do": task()}, processor_config=config)
    each = Map("each", item_processor=processor, items_path="$")
    explanation = await told(client, each, [1])
    assert explanation.state == "each"
    assert ":mapRun:" in explanation.map_runs[0]
    [child] = explanation.children
    assert (child.state, child.error, child.cause, child.input) == ("do", "Boom", "in the child", 1)
    assert "cause: in the child" in str(explanation)


async def test_a_nested_execution_is_explained_too(client: Client) -> None:
    nested = construct_state_machine("nested", Fail("no", error="No", cause="not today"))
    await client.register(nested)
    explanation = await told(client, Task("run", nested))
    assert explanation.error == "States.TaskFailed"
    [child] = explanation.children
    assert (child.state, child.error, child.arn) == ("no", "No", explanation.executions[0])


async def test_the_explanation_is_plain_json(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Boom"))
    explanation = await told(client, task())
    assert json.loads(json.dumps(explanation.to_dict()))["tries"][0]["error"] == "Boom"


async def test_an_execution_whose_time_was_up_tells_where_it_stood(client: Client) -> None:
    machine = construct_state_machine("machine", Wait("rest", seconds=60), timeout_seconds=5)
    await client.register(machine)
    execution = await client.start_execution(machine, {"n": 1})
    await execution.wait(raise_on_failure=False)
    explanation = await execution.explain()
    assert (explanation.status, explanation.error) == ("TIMED_OUT", "States.Timeout")
    assert (explanation.state, explanation.type, explanation.input) == ("rest", "Wait", {"n": 1})
    assert "  stood in rest (Wait), since " in str(explanation)
    assert "failed in" not in str(explanation)


async def test_an_execution_that_was_stopped_tells_where_it_stood(client: Client) -> None:
    activity = asfini.Activity("pack")
    await client.register(activity)
    each = Map("each", item_processor=states(Task("do", activity)))
    machine = construct_state_machine("machine", each)
    await client.register(machine)
    execution = await client.start_execution(machine, list(range(12)))
    await anyio.sleep(5)
    await execution.stop(error="Enough")
    explanation = await execution.explain()
    assert (explanation.status, explanation.state, explanation.error) == ("ABORTED", None, "Enough")
    assert [wait.place for wait in explanation.waits] == [["each", f"item {n}", "do"] for n in range(12)]
    assert {wait.reason.partition(" at ")[0] for wait in explanation.waits} == {
        "no worker has taken its task"
    }
    lines = str(explanation).splitlines()
    assert sum(line.startswith("  stood in each → item") for line in lines) == 10
    assert "  … and 2 more of these" in lines


async def test_nothing_is_said_of_retry_and_catch_where_the_definition_is_another_ones(
    client: Client,
) -> None:
    client.mock(WORK, side_effect=TaskFailed("Boom"))
    machine = construct_state_machine("machine", task().catch(["Other"], Pass("never")))
    await client.register(machine)
    execution = await client.start_execution(machine, {})
    await execution.wait(raise_on_failure=False)
    run = fold([event async for event in execution.history()])
    assert explain(run, states(Pass("other"))).clauses is None
    assert "nothing retries or catches it" not in str(explain(run, states(Pass("other"))))
    inside = states(Map("each", item_processor=machine.definition))
    clauses = explain(run, inside).clauses
    assert clauses is not None
    assert [clause.error_equals for clause in clauses] == [["Other"]]


async def test_input_that_is_not_in_the_history_is_not_told_to_be_null(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Boom"))
    machine = construct_state_machine("machine", task())
    await client.register(machine)
    execution = await client.start_execution(machine, {"n": 1})
    await execution.wait(raise_on_failure=False)
    whole = [event async for event in execution.history()]
    bare = [event async for event in execution.history(include_data=False)]
    assert explain(fold(whole)).input_known
    assert not explain(fold(bare)).input_known
    assert "input: not all of it is in the history" in str(explain(fold(bare)))


class Refusing(Service):
    """A service that lists no executions."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        if operation == "list_executions":
            raise AccessDenied("not authorized to perform: states:ListExecutions", operation=operation)
        return await self.service.call(operation, **parameters)

    async def account(self) -> Any:
        return await self.service.account()


async def test_children_that_cannot_be_listed_are_left_out(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Boom"))
    config = asfini.ProcessorConfig(mode="DISTRIBUTED", execution_type="STANDARD")
    processor = ItemProcessor(start_at="do", states={"do": task()}, processor_config=config)
    machine = construct_state_machine("machine", Map("each", item_processor=processor))
    await client.register(machine)
    execution = await client.start_execution(machine, [1])
    await execution.wait(raise_on_failure=False)
    explanation = await Execution(Refusing(client.service), execution.arn).explain()
    assert explanation.state == "each"
    assert explanation.children == []


async def test_an_execution_that_succeeded_has_nothing_to_explain(client: Client) -> None:
    explanation = await told(client, Pass("done"))
    assert (explanation.state, explanation.tries, explanation.clauses) == (None, [], [])
    assert len(str(explanation).splitlines()) == 1


class TestRunning:
    async def test_a_wait_tells_until_when(self, client: Client) -> None:
        explanation = await standing(client, Wait("rest", seconds=60), 5)
        [wait] = explanation.waits
        assert (explanation.status, wait.state, wait.since) == ("RUNNING", "rest", explanation.started)
        assert wait.until is not None
        assert wait.since is not None
        assert (wait.until - wait.since).total_seconds() == 60
        assert "stands in rest (Wait), since" in str(explanation)
        assert f": RUNNING since {wait.since:%Y-%m-%d %H:%M:%S} UTC\n" in str(explanation)

    async def test_a_wait_tells_what_its_input_says(self, client: Client) -> None:
        explanation = await standing(client, Wait("rest", "$.until"), 5, {"until": "2050-01-01T00:00:00Z"})
        assert explanation.waits[0].until is not None
        assert explanation.waits[0].until.year == 2050

    async def test_a_task_tells_that_no_worker_took_it(self, client: Client) -> None:
        activity = asfini.Activity("pack")
        await client.register(activity)
        explanation = await standing(client, Task("do", activity), 5)
        assert explanation.waits[0].reason.startswith("no worker has taken its task at arn:")

    async def test_a_task_tells_its_worker_and_how_long_it_may_be_silent(self, client: Client) -> None:
        activity = asfini.Activity("pack")
        await client.register(activity)
        machine = construct_state_machine(
            "machine", Task("do", activity, timeout_seconds=600, heartbeat_seconds=30)
        )
        await client.register(machine)
        execution = await client.start_execution(machine, {})
        await client.service.call(
            "get_activity_task", activityArn=(await client.account()).fill_in(activity.arn), workerName="joe"
        )
        [wait] = (await execution.explain()).waits
        assert wait.reason == "the worker 'joe' is at its task, with a sign of life every 30 s"
        assert wait.until is not None

    async def test_a_pause_before_a_retry_tells_its_end(self, client: Client) -> None:
        client.mock(WORK, side_effect=[TaskFailed("Busy"), "done"])
        explanation = await standing(client, task().retry_for(["Busy"], interval_seconds=60), 5)
        [wait] = explanation.waits
        assert wait.reason == "after try 1 failed with Busy, the next one is to come"
        assert wait.until is not None
        assert explanation.started is not None
        assert (wait.until - explanation.started).total_seconds() == pytest.approx(60)

    async def test_a_task_that_waits_for_its_token_says_so(self, client: Client) -> None:
        sending = Task(
            "ask",
            "sqs:sendMessage.waitForTaskToken",
            parameters={"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        )
        async with asfini.local.connect(handlers={"sqs:sendMessage": lambda _: {}}) as client:
            explanation = await standing(client, sending, 5)
        assert "its token has not come back" in explanation.waits[0].reason
