"""What is started, waited for, listed, stopped and looked at, whichever service answers."""

import json
from typing import Any

import anyio
import pytest
from shops import (
    PATIENCE,
    PREFIX,
    branching,
    ended,
    failing,
    machine,
    mapping,
    pay,
    paying,
    retrying,
    sorting,
    waiting,
)

from asfini import (
    Client,
    ExecutionAborted,
    ExecutionFailed,
    InvalidArgument,
    Pass,
    Wait,
    construct_state_machine,
)
from asfini.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionOutputInvalid,
    ServiceError,
    StateMachineDoesNotExist,
)
from asfini.history import Failed, StateEntered

VALUES = [True, 0, -1, 2.5, ["é ü 漢 🙂", ""], [], {}, [1, [2, {}]], {"a": {"b": None}}]


class TestStarting:
    @pytest.mark.parametrize("value", VALUES, ids=repr)
    async def test_input_becomes_output(self, client: Client, value: Any) -> None:
        execution = await ended(client, machine(), value)
        assert await execution.output() == value
        assert await execution.input() == value

    async def test_without_input_it_is_an_empty_object(self, client: Client) -> None:
        await client.register(machine())
        with anyio.fail_after(PATIENCE):
            assert await client.execute("shop") == {}

    async def test_output_is_read_as_a_type(self, client: Client) -> None:
        await client.register(machine())
        with anyio.fail_after(PATIENCE):
            assert await client.execute("shop", [1], type=tuple[int]) == (1,)
            with pytest.raises(ExecutionOutputInvalid, match="does not fit"):
                await client.execute("shop", "secret", type=int)

    async def test_the_name_is_in_the_arn(self, client: Client) -> None:
        execution = await ended(client, machine(), name="x")
        assert execution.arn == f"{PREFIX}execution:shop:x"
        assert (execution.name, execution.state_machine_arn) == ("x", f"{PREFIX}stateMachine:shop")

    async def test_names_are_made_where_none_is_given(self, client: Client) -> None:
        name = "m" * 80
        await client.register(machine(name))
        first, second = [await client.start_execution(name) for _ in range(2)]
        assert first.name != second.name
        assert len(first.name) <= 80

    async def test_a_taken_name_is_an_error_or_its_execution(self, client: Client) -> None:
        first = await ended(client, machine(), 1, name="x")
        with pytest.raises(ExecutionAlreadyExists):
            await client.start_execution("shop", 2, name="x")
        again = await client.start_execution("shop", 2, name="x", if_exists="return")
        assert (again.arn, await again.output()) == (first.arn, 1)

    async def test_a_start_that_is_repeated_finds_what_runs(self, client: Client) -> None:
        await client.register(waiting)
        first = await client.start_execution(waiting, {"n": 1}, name="x")
        again = await client.start_execution(waiting, {"n": 1}, name="x")
        assert first.arn == again.arn
        await first.stop()

    async def test_a_machine_that_is_not_there(self, client: Client) -> None:
        with pytest.raises(StateMachineDoesNotExist):
            await client.start_execution("shop")

    async def test_many_at_once(self, client: Client) -> None:
        await client.register(machine())
        outputs: list[int] = []

        async def one(number: int) -> None:
            outputs.append(await client.execute("shop", number))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    tasks.start_soon(one, number)
        assert sorted(outputs) == [*range(20)]


class TestLanguage:
    @pytest.mark.parametrize(("pence", "size"), [(6000, ["large"]), (5000, ["small"])])
    async def test_a_choice(self, client: Client, pence: int, size: list[str]) -> None:
        assert await (await ended(client, sorting(), {"pence": pence})).output() == size

    @pytest.mark.parametrize("items", [[], [1], [1, 2, 3]], ids=repr)
    async def test_a_map(self, client: Client, items: list[int]) -> None:
        assert await (await ended(client, mapping(), {"items": items})).output() == items

    async def test_a_parallel(self, client: Client) -> None:
        assert await (await ended(client, branching())).output() == [1, 2]

    async def test_a_catcher(self, client: Client) -> None:
        execution = await ended(client, retrying(), {"n": 1})
        assert await execution.output() == {"Error": "Boom", "Cause": "bang"}

    async def test_a_short_wait(self, client: Client) -> None:
        wait = Wait("wait", 1)
        wait >> Pass("after", result=["done"])
        assert await (await ended(client, construct_state_machine("slow", wait))).output() == ["done"]

    async def test_a_result_path(self, client: Client) -> None:
        keep = construct_state_machine("keep", Pass("keep", result=[1], result_path="$.found"))
        assert await (await ended(client, keep, {"n": 1})).output() == {"n": 1, "found": [1]}

    async def test_parameters(self, client: Client) -> None:
        given = {"n.$": "$.a.b", "fixed": True, "sum.$": "States.MathAdd($.a.b, 1)"}
        made = construct_state_machine("made", Pass("make", parameters=given))
        assert await (await ended(client, made, {"a": {"b": 2}})).output() == {
            "n": 2,
            "fixed": True,
            "sum": 3,
        }


class TestEnds:
    async def test_a_failure_comes_with_error_and_cause(self, client: Client) -> None:
        execution = await ended(client, failing)
        with pytest.raises(ExecutionFailed) as caught:
            await execution.wait()
        assert (caught.value.error, caught.value.cause) == ("Declined", "over the limit")
        assert await execution.status() == "FAILED"

    async def test_what_is_described(self, client: Client) -> None:
        execution = await ended(client, machine(), {"n": 1}, name="x")
        told = await execution.describe()
        assert (told["executionArn"], told["name"], told["status"]) == (execution.arn, "x", "SUCCEEDED")
        assert told["stateMachineArn"] == f"{PREFIX}stateMachine:shop"
        assert (json.loads(told["input"]), json.loads(told["output"])) == ({"n": 1}, {"n": 1})
        assert told["startDate"] <= told["stopDate"]

    async def test_what_runs_can_be_looked_at(self, client: Client) -> None:
        await client.register(waiting)
        execution = await client.start_execution(waiting, {"n": 1})
        assert await execution.status() == "RUNNING"
        assert await execution.input() == {"n": 1}
        assert (await execution.start_date()).tzinfo is not None
        assert await execution.stop_date() is None
        with pytest.raises(InvalidArgument, match="no output yet"):
            await execution.output()
        await execution.stop()

    async def test_a_wait_that_takes_too_long(self, client: Client) -> None:
        await client.register(waiting)
        execution = await client.start_execution(waiting)
        with pytest.raises(TimeoutError):
            await execution.wait(timeout=0.3)
        await execution.stop()

    async def test_what_runs_is_stopped(self, client: Client) -> None:
        await client.register(waiting)
        execution = await client.start_execution(waiting)
        await execution.stop("Closed", "shop closed")
        with anyio.fail_after(PATIENCE), pytest.raises(ExecutionAborted):
            await execution.wait()
        assert await execution.stop_date() is not None

    async def test_stopping_what_has_ended_changes_nothing(self, client: Client) -> None:
        execution = await ended(client, machine(), 1)
        await execution.stop("Late")
        assert await execution.status() == "SUCCEEDED"

    async def test_what_is_not_there_is_not_found(self, client: Client) -> None:
        await client.register(machine())
        execution = client.execution(f"{PREFIX}execution:shop:nothing")
        for look in (execution.status, execution.stop):
            with pytest.raises(ExecutionDoesNotExist):
                await look()
        with pytest.raises(ExecutionDoesNotExist):
            [event async for event in execution.history()]

    async def test_the_machine_that_it_runs(self, client: Client) -> None:
        execution = await ended(client, machine(result=5))
        read = await execution.machine()
        assert (read.name, read.definition) == ("shop", machine(result=5).definition)


class TestLists:
    async def test_by_machine(self, client: Client) -> None:
        mine, _ = await ended(client, machine()), await ended(client, failing)
        assert [found.arn async for found in client.list_executions("shop")] == [mine.arn]

    @pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "ABORTED"])
    async def test_by_status(self, client: Client, status: str) -> None:
        size = sorting()
        await client.register(waiting, size, failing)
        running = await client.start_execution(waiting, name="running")
        aborted = await client.start_execution(waiting, name="aborted")
        await aborted.stop()
        with pytest.raises(ExecutionAborted):  # moto takes a moment
            await aborted.wait(timeout=PATIENCE)
        found = [each.arn async for each in client.list_executions(waiting, status=status)]
        assert found == {"RUNNING": [running.arn], "ABORTED": [aborted.arn]}.get(status, [])
        await running.stop()

    async def test_all_of_many(self, client: Client) -> None:
        await client.register(machine())
        with anyio.fail_after(PATIENCE):
            for number in range(7):
                await client.execute("shop", number, name=f"x-{number}")
        names = {found.name async for found in client.list_executions("shop")}
        assert names == {f"x-{number}" for number in range(7)}

    async def test_page_by_page(self, client: Client) -> None:
        await client.register(machine())
        for number in range(5):
            await client.execute("shop", number, name=f"x-{number}")
        arn = f"{PREFIX}stateMachine:shop"
        first = await client.service.call("list_executions", stateMachineArn=arn, maxResults=3)
        rest = await client.service.call(
            "list_executions", stateMachineArn=arn, maxResults=3, nextToken=first["nextToken"]
        )
        assert (len(first["executions"]), len(rest["executions"])) == (3, 2)
        names = {entry["name"] for entry in first["executions"] + rest["executions"]}
        assert len(names) == 5

    async def test_of_a_machine_that_is_not_there(self, client: Client) -> None:
        with pytest.raises(StateMachineDoesNotExist):
            [found async for found in client.list_executions("shop")]


class TestHistories:
    async def test_events_come_in_order(self, client: Client) -> None:
        execution = await ended(client, machine())
        events = [event async for event in execution.history()]
        assert [event.type for event in events] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
        assert [event.id for event in events] == [1, 2, 3, 4]
        assert [event.previous_event_id for event in events] == [0, 0, 2, 3]

    async def test_states_are_named(self, client: Client) -> None:
        execution = await ended(client, sorting(), {"pence": 1})
        names = [event.name async for event in execution.history() if isinstance(event, StateEntered)]
        assert names == ["size", "small"]

    async def test_a_failure_is_told(self, client: Client) -> None:
        execution = await ended(client, failing)
        events = [event async for event in execution.history()]
        assert isinstance(events[-1], Failed)
        assert (events[-1].error, events[-1].cause) == ("Declined", "over the limit")

    async def test_one_is_followed_to_its_end(self, client: Client) -> None:
        wait = Wait("wait", 1)
        wait >> Pass("after")
        slow = construct_state_machine("slow", wait)
        await client.register(slow)
        execution = await client.start_execution(slow)
        with anyio.fail_after(PATIENCE):
            types = [event.type async for event in execution.history(follow=True)]
        assert (types[0], types[-1]) == ("ExecutionStarted", "ExecutionSucceeded")
        assert types == [event.type async for event in execution.history()]

    async def test_as_text(self, client: Client) -> None:
        execution = await ended(client, failing)
        text = await execution.format_history(cause=True)
        assert "FailStateEntered" in text
        assert "over the limit" in text

    async def test_a_parallel_tells_of_its_branches(self, client: Client) -> None:
        execution = await ended(client, branching())
        types = [event.type async for event in execution.history()]
        assert types.count("PassStateEntered") == types.count("PassStateExited") == 2
        assert "ParallelStateStarted" in types
        assert "ParallelStateSucceeded" in types


class TestTasks:
    async def test_one_is_completed_by_its_token(self, client: Client) -> None:
        await client.register(pay, paying)
        execution = await client.start_execution(paying, {"pence": 5})
        task = await client.get_activity_task(pay, worker_name="me")
        assert task is not None
        assert task.input == {"pence": 5}
        await task.heartbeat()
        await task.succeed({"paid": True})
        with anyio.fail_after(PATIENCE):
            assert await execution.wait() == {"paid": True}

    async def test_one_is_failed_by_its_token(self, client: Client) -> None:
        await client.register(pay, paying)
        execution = await client.start_execution(paying)
        task = await client.get_activity_task("pay")
        assert task is not None
        await task.fail("Declined", "no money")
        with anyio.fail_after(PATIENCE), pytest.raises(ExecutionFailed, match="Declined: no money"):
            await execution.wait()

    @pytest.mark.parametrize("report", ["succeed", "heartbeat"])
    async def test_a_token_that_was_never_given_is_refused(self, client: Client, report: str) -> None:
        with pytest.raises(ServiceError):
            await getattr(client.task("nonsense"), report)()


class TestMapRuns:
    async def test_an_inline_map_has_none(self, client: Client) -> None:
        execution = await ended(client, mapping(), {"items": [1]})
        assert [found async for found in client.list_map_runs(execution)] == []
