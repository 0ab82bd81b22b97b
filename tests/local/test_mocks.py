"""Mocks in Python: what tasks give without being done, and what they were asked for."""

import itertools
import traceback
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from asfini import (
    Activity,
    ActivityRegistration,
    Client,
    Fail,
    InvalidArgument,
    Lambda,
    Map,
    Parallel,
    Pass,
    ServiceWrapper,
    StateMachine,
    Task,
    TaskFailed,
    Worker,
    construct_state_machine,
    local,
)
from asfini.aws.service import AwsService
from asfini.errors import ExecutionFailed
from asfini.local.handlers import Submitted
from asfini.testing import virtual_time

pay = Activity("pay")
work = Lambda("work")
CALLBACK: dict[str, Any] = {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}


async def shop(client: Client, task: Task | Any, name: str = "shop") -> StateMachine:
    """A machine of a Task, registered with what it needs."""
    machine = construct_state_machine(name, task)
    await client.register(pay, machine)
    return machine


async def types(client: Client, machine: StateMachine) -> list[str]:
    """The types of the events of a machine's latest execution, but the first and the last ones."""
    execution = await anext(client.list_executions(machine))
    return [event.type async for event in execution.history()][2:-2]


class TestWhatIsMocked:
    async def test_an_activity_needs_no_worker(self, local_client: Client) -> None:
        machine = await shop(local_client, Task("pay", pay))
        local_client.mock(pay, {"paid": True})
        assert await local_client.execute(machine, 100) == {"paid": True}
        assert await types(local_client, machine) == [
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
        ]

    @pytest.mark.parametrize("key", [work, "work", "arn:aws:lambda:us-east-1:123456789012:function:work"])
    async def test_a_lambda_function_is_known_by_any_of_its_names(
        self, local_client: Client, key: Any
    ) -> None:
        local_client.mock(key, "done")
        assert await local_client.execute(await shop(local_client, Task("work", work))) == "done"

    async def test_a_function_that_is_invoked_as_a_service_gives_its_payload(
        self, local_client: Client
    ) -> None:
        mock = local_client.mock(work, "done")
        invoke = Task("work", "lambda:invoke", parameters={"FunctionName": "work", "Payload": {"n": 1}})
        told = await local_client.execute(await shop(local_client, invoke))
        assert told["Payload"] == "done"
        mock.assert_called_once_with({"n": 1})

    async def test_a_service_is_known_by_its_short_name(self, local_client: Client) -> None:
        mock = local_client.mock("sqs:sendMessage", {"MessageId": "1"})
        tell = Task("tell", "sqs:sendMessage", parameters={"QueueUrl": "q", "MessageBody": "b"})
        assert await local_client.execute(await shop(local_client, tell)) == {"MessageId": "1"}
        assert mock.inputs == [{"QueueUrl": "q", "MessageBody": "b"}]

    async def test_a_task_is_known_as_itself_or_by_its_name(self, local_client: Client) -> None:
        first = Task("first", work, result_path="$.first")
        second = Task("second", work, result_path="$.second")
        first >> second
        machine = await shop(local_client, first)
        local_client.mock(first, 1)
        local_client.mock(state="second", return_value=2)
        assert await local_client.execute(machine) == {"first": 1, "second": 2}

    async def test_a_resource_may_be_mocked_in_one_state_only(self, local_client: Client) -> None:
        first = Task("first", work, result_path="$.first")
        first >> Task("second", work, result_path="$.second")
        machine = await shop(local_client, first)
        local_client.mock(work, "anywhere")
        local_client.mock(work, "there", state="second")
        assert await local_client.execute(machine) == {"first": "anywhere", "second": "there"}

    @pytest.mark.parametrize("named", [lambda machine: machine, lambda machine: machine.name])
    async def test_a_task_may_be_mocked_in_one_machine_only(
        self, local_client: Client, named: Callable[[StateMachine], Any]
    ) -> None:
        one = await shop(local_client, Task("work", work), "one")
        other = await shop(local_client, Task("work", work), "other")
        local_client.mock(work, "anywhere")
        local_client.mock(state="work", return_value="in one", machine=named(one))
        assert await local_client.execute(one) == "in one"
        assert await local_client.execute(other) == "anywhere"

    async def test_a_task_in_a_branch_and_in_an_iteration_is_known_by_its_name(
        self, local_client: Client
    ) -> None:
        each = Map("each", Task("pay", pay), max_concurrency=1)
        machine = await shop(local_client, Parallel("both", branches=[each, Task("work", work)]))
        payments = local_client.mock(state="pay", side_effect=lambda pence: pence + 1)
        local_client.mock(state="work", return_value="done")
        assert await local_client.execute(machine, [1, 2]) == [[2, 3], "done"]
        assert payments.inputs == [1, 2]

    async def test_a_nested_execution_is_mocked_in_place_of_being_run(self, local_client: Client) -> None:
        inner = await shop(local_client, Task("work", work), "inner")
        outer = await shop(local_client, Task("run", inner), "outer")
        local_client.mock(state="run", return_value={"Output": "mocked"})
        assert await local_client.execute(outer) == {"Output": "mocked"}
        assert [execution async for execution in local_client.list_executions(inner)] == []

    async def test_the_states_of_a_nested_execution_are_mocked(self, local_client: Client) -> None:
        inner = await shop(local_client, Task("work", work), "inner")
        outer = await shop(local_client, Task("run", inner, output_path="$.Output"), "outer")
        local_client.mock(state="work", return_value="mocked", machine="inner")
        assert await local_client.execute(outer) == "mocked"

    async def test_what_is_not_mocked_is_done_as_ever(self) -> None:
        async with local.connect(handlers={work: lambda _given: "really done"}) as client:
            client.mock(state="another", return_value="mocked")
            assert await client.execute(await shop(client, Task("work", work))) == "really done"

    async def test_a_mock_comes_before_handlers_and_workers(self) -> None:
        activities = ActivityRegistration()

        @activities.activity("pay")
        async def charge(_pence: int) -> str:
            return "really paid"

        first = Task("first", work, result_path="$.first")
        first >> Task("pay", charge, input_path="$.pence", result_path="$.paid")
        async with local.connect(handlers={work: lambda _given: "really done"}) as client:
            machine = await shop(client, first)
            client.mock(work, "mocked")
            async with Worker(client, activities):
                with client.mock(charge, "mocked"):
                    mocked = await client.execute(machine, {"pence": 1})
                real = await client.execute(machine, {"pence": 1})
        assert mocked == {"pence": 1, "first": "mocked", "paid": "mocked"}
        assert real == {"pence": 1, "first": "mocked", "paid": "really paid"}


class TestResults:
    @pytest.mark.parametrize("value", [None, [1, 2], {"a": None}, "text", False])
    async def test_a_return_value_is_any_json(self, local_client: Client, value: Any) -> None:
        local_client.mock(work, value)
        assert await local_client.execute(await shop(local_client, Task("work", work))) == value

    async def test_a_sequence_has_one_for_each_try(self, local_client: Client) -> None:
        task = Task("work", work)
        task.retry_for(["Busy"], interval_seconds=5)
        mock = local_client.mock(work, side_effect=[TaskFailed("Busy", "a lot to do"), TaskFailed("Busy"), 3])
        assert await local_client.execute(await shop(local_client, task)) == 3
        assert [call.retry_count for call in mock.calls] == [0, 1, 2]

    async def test_a_sequence_may_go_on_for_ever(self, local_client: Client) -> None:
        each = Map("each", Task("work", work), max_concurrency=1)
        local_client.mock(work, side_effect=itertools.cycle(["odd", "even"]))
        given = await local_client.execute(await shop(local_client, each), [1, 2, 3])
        assert given == ["odd", "even", "odd"]

    async def test_a_task_for_which_a_sequence_has_nothing_fails_the_execution(
        self, local_client: Client
    ) -> None:
        task = Task("work", work)
        task.retry_for(["States.ALL"])
        local_client.mock(work, side_effect=[TaskFailed("Busy")])
        with pytest.raises(ExecutionFailed) as raised:
            await local_client.execute(await shop(local_client, task), {"n": 1})
        assert raised.value.error == "States.Runtime"
        assert raised.value.cause == (
            "the mock of 'work' was called 2 times with {'n': 1}, {'n': 1}, "
            "but its side_effect has less to give"
        )

    @pytest.mark.parametrize(
        ("effect", "error", "cause"),
        [
            (TaskFailed("Declined", "over the limit"), "Declined", "over the limit"),
            (ValueError("no"), "ValueError", "no"),
            (TimeoutError, "TimeoutError", ""),
        ],
    )
    async def test_an_exception_is_the_tasks_failure(
        self, local_client: Client, effect: Any, error: str, cause: str
    ) -> None:
        task = Task("pay", pay)
        task.catch([error], Fail("failed", error_path="$.Error", cause_path="$.Cause"))
        local_client.mock(pay, side_effect=effect)
        with pytest.raises(ExecutionFailed) as raised:
            await local_client.execute(await shop(local_client, task))
        assert (raised.value.error, raised.value.cause or "") == (error, cause)

    async def test_a_function_gets_the_input_for_its_own(self, local_client: Client) -> None:
        async def double(order: dict[str, int]) -> dict[str, int]:
            await anyio.sleep(1)
            order["n"] *= 2
            return order

        mock = local_client.mock(work, side_effect=double)
        assert await local_client.execute(await shop(local_client, Task("work", work)), {"n": 2}) == {"n": 4}
        mock.assert_called_once_with({"n": 2})

    async def test_a_function_may_stand_in_a_sequence(self, local_client: Client) -> None:
        each = Map("each", Task("work", work), max_concurrency=1)
        local_client.mock(work, side_effect=[lambda n: n + 1, "second"])
        assert await local_client.execute(await shop(local_client, each), [1, 2]) == [2, "second"]

    async def test_what_a_function_raises_is_the_tasks_failure(self, local_client: Client) -> None:
        local_client.mock(pay, side_effect=lambda given: given["nothing"])
        with pytest.raises(ExecutionFailed) as raised:
            await local_client.execute(await shop(local_client, Task("pay", pay)), {})
        assert (raised.value.error, raised.value.cause) == ("KeyError", "'nothing'")

    @pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
    async def test_the_result_of_a_job_is_what_it_came_to(self, local_client: Client, pattern: str) -> None:
        run = Task(
            "run", f"states:startExecution{pattern}", parameters={"StateMachineArn": "arn:x", "Input": {}}
        )
        machine = await shop(local_client, run)
        local_client.mock("states:startExecution", {"Output": "done"})
        assert await local_client.execute(machine) == {"Output": "done"}
        expected = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
        assert await types(local_client, machine) == expected

    async def test_a_task_that_waits_for_its_token_has_its_result(self, local_client: Client) -> None:
        machine = await shop(
            local_client, Task("ask", "sqs:sendMessage.waitForTaskToken", parameters=CALLBACK)
        )
        mock = local_client.mock("sqs:sendMessage", "approved")
        assert await local_client.execute(machine) == "approved"
        assert mock.inputs[0]["MessageBody"]["token"]

    async def test_a_task_can_be_left_waiting_for_its_token(self, local_client: Client) -> None:
        tokens = []

        def send(parameters: dict[str, Any]) -> Submitted:
            tokens.append(parameters["MessageBody"]["token"])
            return Submitted({"MessageId": "1"})

        machine = await shop(
            local_client, Task("ask", "sqs:sendMessage.waitForTaskToken", parameters=CALLBACK)
        )
        local_client.mock("sqs:sendMessage", side_effect=send)
        execution = await local_client.start_execution(machine)
        await anyio.sleep(60)
        await local_client.task(tokens[0]).succeed("approved")
        assert await execution.wait() == "approved"


class TestTime:
    async def test_a_task_takes_as_long_as_it_is_told(self, local_client: Client) -> None:
        local_client.mock(pay, "paid", after=40)
        began = anyio.current_time()
        assert (
            await local_client.execute(await shop(local_client, Task("pay", pay, timeout_seconds=50)))
            == "paid"
        )
        assert anyio.current_time() - began == pytest.approx(40)

    @pytest.mark.parametrize(
        ("task", "error"),
        [
            (Task("work", work, timeout_seconds=30), "States.Timeout"),
            (Task("work", pay, timeout_seconds=30), "States.Timeout"),
            (Task("work", pay, timeout_seconds=50, heartbeat_seconds=5), "States.HeartbeatTimeout"),
            (Task("work", "sqs:sendMessage.waitForTaskToken", parameters=CALLBACK, timeout_seconds=30), None),
        ],
    )
    async def test_a_task_that_takes_too_long_times_out(
        self, local_client: Client, task: Task, error: str | None
    ) -> None:
        mock = local_client.mock(state="work", return_value="too late", after=40)
        with pytest.raises(ExecutionFailed) as raised:
            await local_client.execute(await shop(local_client, task))
        assert raised.value.error == (error or "States.Timeout")
        assert len(mock.calls) == 1

    async def test_a_mock_at_work_ends_with_its_execution(self, local_client: Client) -> None:
        ended = []

        async def work_on(_given: Any) -> None:
            try:
                await anyio.sleep(1000)
            finally:
                ended.append(anyio.current_time())

        local_client.mock(pay, side_effect=work_on)
        execution = await local_client.start_execution(await shop(local_client, Task("pay", pay)))
        await anyio.sleep(10)
        await execution.stop()
        await anyio.sleep(1)
        assert len(ended) == 1

    async def test_a_mock_that_takes_its_time_to_end_is_waited_for(self) -> None:
        ended = []

        async def work_on(_given: Any) -> None:
            try:
                await anyio.sleep(1000)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(5)
                ended.append(True)

        with virtual_time():
            async with local.connect() as client:
                client.mock(pay, side_effect=work_on)
                await client.start_execution(await shop(client, Task("pay", pay)))
                await anyio.sleep(10)
            assert ended == [True]

    async def test_an_exception_that_is_raised_often_does_not_grow(self, local_client: Client) -> None:
        error = ValueError("no")
        local_client.mock(work, side_effect=error)
        task = Task("work", work)
        task.retry_for(["ValueError"], max_attempts=20, backoff_rate=1.0)
        with pytest.raises(ExecutionFailed):
            await local_client.execute(await shop(local_client, task))
        assert len(traceback.extract_tb(error.__traceback__)) < 10


class TestNotes:
    async def test_a_call_tells_whose_task_it_was(self, local_client: Client) -> None:
        machine = await shop(local_client, Task("work", work))
        mock = local_client.mock(work)
        execution = await local_client.start_execution(machine, {"n": 1})
        await execution.wait()
        [call] = mock.calls
        assert (call.input, call.state, call.execution_arn, call.retry_count) == (
            {"n": 1},
            "work",
            execution.arn,
            0,
        )
        assert repr(mock) == "<Mock of 'work', called 1 time>"

    async def test_what_is_asserted_and_does_not_hold_is_told(self, local_client: Client) -> None:
        mock = local_client.mock(work)
        mock.assert_not_called()
        with pytest.raises(AssertionError, match=r"^the mock of 'work' was called 0 times, not once with 1$"):
            mock.assert_called_once_with(1)
        await local_client.execute(await shop(local_client, Task("work", work)), 2)
        mock.assert_called_once_with(2)
        with pytest.raises(AssertionError, match=r"was called 1 time with 2, not once with 1$"):
            mock.assert_called_once_with(1)
        with pytest.raises(AssertionError, match=r"was called 1 time with 2, not never$"):
            mock.assert_not_called()


class TestTakingBack:
    async def test_a_mock_holds_until_its_block_ends(self, local_client: Client) -> None:
        machine = await shop(local_client, Task("work", work))
        local_client.mock(work, "outer")
        with local_client.mock(work, "inner") as inner:
            assert await local_client.execute(machine) == "inner"
        assert await local_client.execute(machine) == "outer"
        assert len(inner.calls) == 1

    async def test_a_mock_holds_until_it_is_stopped(self, local_client: Client) -> None:
        machine = await shop(local_client, Task("work", work))
        mock = local_client.mock(work, "mocked")
        mock.stop()
        mock.stop()
        with pytest.raises(ExecutionFailed, match=r"Nothing here does 'work': .* takes --lambda work="):
            await local_client.execute(machine)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "what is to be mocked? give a resource, a Task, or state='the name of a Task'"),
    ({"thing": Pass("p")}, "only Tasks can be mocked: 'p' is a Pass"),
    ({"thing": 3}, "a handler or a mock stands in for a resource or its name, not for 3"),
    ({"state": ""}, "state is the name of a Task, not ''"),
    ({"state": 3}, "state is the name of a Task, not 3"),
    ({"thing": pay, "machine": 3}, "machine is a machine, or its name or ARN, not 3"),
    ({"thing": pay, "machine": "arn:no"}, "an ARN of Step Functions is needed, not 'arn:no'"),
    ({"thing": "work", "after": -1}, "after is a number of seconds, not -1"),
    ({"thing": "work", "after": None}, "after is a number of seconds, not None"),
    ({"thing": "work", "after": "1"}, "after is a number of seconds, not '1'"),
    (
        {"thing": "work", "return_value": 1, "side_effect": [1]},
        "the mock of 'work' has a return_value and a side_effect: give one of them",
    ),
    (
        {"thing": "work", "side_effect": "text"},
        "the side_effect of the mock of 'work' is an exception, a function or a sequence of results, "
        "not 'text': a result that is always the same is its return_value",
    ),
    (
        {"state": "s", "return_value": "x" * 262_144},
        "the result of the mock of state 's' has 262,146 bytes, but at most 262,144 are allowed",
    ),
    (
        {"thing": "work", "side_effect": [1, {"a": object()}]},
        "the result of the mock of 'work' cannot be written as JSON at /a",
    ),
]


class TestRefusals:
    @pytest.mark.parametrize(("given", "reason"), REFUSED)
    async def test_what_makes_no_sense_is_refused(
        self, local_client: Client, given: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(InvalidArgument) as raised:
            local_client.mock(**given)
        assert str(raised.value).startswith(reason)

    async def test_a_machine_is_mocked_by_the_task_that_starts_it(self, local_client: Client) -> None:
        machine = construct_state_machine("shop", Task("work", work))
        with pytest.raises(InvalidArgument, match="a machine does no task: mock the Task that starts it"):
            local_client.mock(machine)

    async def test_a_result_that_no_task_could_have_fails_it(self, local_client: Client) -> None:
        local_client.mock(pay, side_effect=lambda _given: object())
        with pytest.raises(ExecutionFailed, match="the result of 'pay' cannot be written as JSON"):
            await local_client.execute(await shop(local_client, Task("pay", pay)))

    async def test_an_activity_that_is_not_registered_is_missed_as_on_aws(self, local_client: Client) -> None:
        machine = construct_state_machine("shop", Task("pay", Activity("unknown")))
        await local_client.register(machine)
        local_client.mock(state="pay", return_value="paid")
        with pytest.raises(ExecutionFailed, match="does not exist"):
            await local_client.execute(machine)

    def test_aws_has_its_tasks_really_done(self) -> None:
        class OnAws(AwsService):
            def __init__(self) -> None:
                pass

        with pytest.raises(InvalidArgument, match="only the local service has mocks"):
            Client(OnAws()).mock(pay, "paid")

    async def test_a_wrapper_hands_mocks_on(self, local_client: Client) -> None:
        client = Client(ServiceWrapper(local_client.service))
        client.mock(work, "mocked")
        assert await client.execute(await shop(client, Task("work", work))) == "mocked"


async def test_a_test_case_can_be_started_by_name(local_client: Client) -> None:
    config = {
        "StateMachines": {"shop": {"TestCases": {"case": {"work": "response"}}}},
        "MockedResponses": {"response": {"0": {"Return": "mocked"}}},
    }
    async with local.connect(mock_config=config) as client:
        machine = await shop(client, Task("work", work))
        execution = await client.start_execution(f"{machine.arn}#case")
        assert await execution.wait() == "mocked"
        assert execution.name.startswith("shop-")
        assert await client.execute(f"{(await client.describe(machine))['stateMachineArn']}#case") == "mocked"
        client.mock(work, "by the test")
        assert await client.execute(f"{machine.arn}#case") == "by the test"
