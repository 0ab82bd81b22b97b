"""Mocked results from a file in the format of Step Functions Local."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from executions import ROLE, ended, history, local_service, machine

from asfini import Activity, Client, InvalidArgument, Task, construct_state_machine, local
from asfini.errors import ExecutionFailed, ValidationException
from asfini.local.mock_config import MockConfig
from asfini.local.service import LocalService
from asfini.testing import virtual_time

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
SHOP = "arn:aws:states:us-east-1:123456789012:stateMachine:shop"
HANDLERS = {name: lambda _given: "really done" for name in ("work", "sqs:sendMessage")}


def task(resource: str = LAMBDA + "work", **fields: Any) -> dict[str, Any]:
    """A Task, the last state but where it says what is next."""
    return {"Type": "Task", "Resource": resource} | ({} if "Next" in fields else {"End": True}) | fields


def config(response: Any, *states: str, **others: Any) -> dict[str, Any]:
    """A configuration whose case `case` gives a response in some states of the machine `shop`."""
    cases = {"case": dict.fromkeys(states or ("work",), "response")}
    return {
        "StateMachines": {"shop": {"TestCases": cases}},
        "MockedResponses": {"response": response},
    } | others


def returns(value: Any) -> dict[str, Any]:
    return {"Return": value}


def throws(error: str, cause: str = "told so") -> dict[str, Any]:
    return {"Throw": {"Error": error, "Cause": cause}}


async def register(
    service: LocalService, definition: Mapping[str, Any], name: str = "shop", kind: str = "STANDARD"
) -> None:
    await service.call(
        "create_state_machine", name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind
    )


async def go(definition: dict[str, Any], mock_config: Any, value: Any = None, **options: Any) -> Any:
    """Run the test case `case` of a machine; gives its description and its events."""
    async with local_service(mock_config=mock_config, handlers=HANDLERS, **options) as service:
        await register(service, definition)
        started = await service.call(
            "start_execution",
            stateMachineArn=f"{SHOP}#case",
            input=json.dumps({} if value is None else value),
        )
        described = await ended(service, started["executionArn"])
        return described, [event["type"] for event in await history(service, started["executionArn"])]


async def result(*arguments: Any, **options: Any) -> Any:
    described, _ = await go(*arguments, **options)
    return json.loads(described["output"]) if "output" in described else described


class TestResults:
    @pytest.mark.parametrize("value", [{"a": 1}, [], "text", 0, None, False])
    async def test_a_task_gives_any_json_that_its_response_returns(self, value: Any) -> None:
        assert await result(machine(work=task()), config({"0": returns(value)})) == value

    async def test_a_task_fails_with_what_its_response_throws(self) -> None:
        described = await result(machine(work=task()), config({"0": throws("Late", "the post")}))
        assert (described["status"], described["error"], described["cause"]) == ("FAILED", "Late", "the post")

    async def test_an_execution_without_a_test_case_has_its_tasks_really_done(self) -> None:
        async with local_service(mock_config=config({"0": returns(1)}), handlers=HANDLERS) as service:
            await register(service, machine(work=task()))
            started = await service.call("start_execution", stateMachineArn=SHOP)
            described = await ended(service, started["executionArn"])
        assert json.loads(described["output"]) == "really done"

    async def test_a_state_that_the_case_does_not_name_is_really_done(self) -> None:
        definition = machine(work=task(ResultPath="$.work", Next="tell"), tell=task(ResultPath="$.tell"))
        assert await result(definition, config({"0": returns(1)})) == {"work": 1, "tell": "really done"}

    async def test_retries_are_invocations_of_their_own(self) -> None:
        retry = [{"ErrorEquals": ["Late"], "MaxAttempts": 5}]
        response = {"3": returns("at last"), "0": throws("Late"), "1-2": throws("Late")}
        described, types = await go(machine(work=task(Retry=retry)), config(response))
        assert json.loads(described["output"]) == "at last"
        assert types.count("LambdaFunctionFailed") == 3

    async def test_a_state_that_is_entered_again_is_one_more_invocation(self) -> None:
        definition = machine(
            work=task(Next="ready"),
            ready={
                "Type": "Choice",
                "Choices": [{"Variable": "$", "BooleanEquals": True, "Next": "done"}],
                "Default": "work",
            },
            done={"Type": "Succeed"},
        )
        _, types = await go(definition, config({"0-3": returns(False), "4": returns(True)}))
        assert types.count("LambdaFunctionScheduled") == 5

    async def test_an_invocation_that_nothing_is_said_of_fails_the_execution(self) -> None:
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "work"}]
        described = await result(machine(work=task(Catch=catch)), config({"0": throws("Late")}))
        assert (described["status"], described["error"]) == ("FAILED", "States.Runtime")
        assert described["cause"] == (
            "mock_config, machine 'shop', test case 'case', state 'work': "
            "the mocked response 'response' says nothing of invocation 1"
        )

    async def test_a_result_that_is_too_large_fails_as_on_aws(self) -> None:
        described = await result(machine(work=task()), config({"0": returns("x" * 262_144)}))
        assert described["error"] == "States.DataLimitExceeded"


class TestResources:
    async def test_an_integrations_result_is_mocked(self) -> None:
        tell = task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "b"})
        described, types = await go(machine(work=tell), config({"0": returns({"MessageId": "1"})}))
        assert json.loads(described["output"]) == {"MessageId": "1"}
        assert types[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]

    @pytest.mark.parametrize("pattern", [".sync", ".sync:2", ".waitForTaskToken"])
    async def test_a_response_is_the_whole_tasks_result_and_nobody_needs_its_token(
        self, pattern: str
    ) -> None:
        start = task(
            f"arn:aws:states:::states:startExecution{pattern}",
            Parameters={"StateMachineArn": SHOP, "Input": {}},
            TimeoutSeconds=60,
        )
        described, types = await go(machine(work=start), config({"0": returns({"done": True})}))
        assert json.loads(described["output"]) == {"done": True}
        assert types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    async def test_a_task_that_waits_for_its_token_can_fail(self) -> None:
        send = task(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            Parameters={"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        )
        assert (await result(machine(work=send), config({"0": throws("Refused")})))["error"] == "Refused"

    async def test_an_activity_needs_no_worker(self) -> None:
        pay = Activity("pay")
        shop = construct_state_machine("shop", Task("work", pay))
        with virtual_time():
            async with local.connect(mock_config=config({"0": returns("paid")})) as client:
                await client.register(pay, shop)
                arn = (await client.describe(shop))["stateMachineArn"]
                started = await client.service.call("start_execution", stateMachineArn=f"{arn}#case")
                execution = client.execution(started["executionArn"])
                assert await execution.wait() == "paid"
                types = [event.type async for event in execution.history()]
        assert types[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


class TestPlaces:
    async def test_states_are_found_in_branches_and_iterations_which_count_together(self) -> None:
        each = {
            "Type": "Map",
            "ItemProcessor": machine(work=task()),
            "MaxConcurrency": 1,
            "End": True,
        }
        both = {"Type": "Parallel", "Branches": [machine(each=each)], "End": True}
        response = {"0": returns("a"), "1": returns("b"), "2": returns("c")}
        assert await result(machine(both=both), config(response), [1, 2, 3]) == [["a", "b", "c"]]

    async def test_states_are_found_in_the_children_of_a_distributed_map(self) -> None:
        processor = machine(work=task()) | {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        }
        each = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 1, "End": True}
        response = {"0": returns("a"), "1": returns("b")}
        assert await result(machine(each=each), config(response), [1, 2]) == ["a", "b"]

    async def test_each_execution_counts_for_itself(self) -> None:
        async with local_service(mock_config=config({"0": returns(1)})) as service:
            await register(service, machine(work=task()))
            for _ in range(2):
                started = await service.call("start_execution", stateMachineArn=f"{SHOP}#case")
                assert (await ended(service, started["executionArn"]))["status"] == "SUCCEEDED"

    async def test_a_synchronous_execution_goes_through_a_test_case(self) -> None:
        async with local_service(mock_config=config({"0": returns("mocked")})) as service:
            await register(service, machine(work=task()), kind="EXPRESS")
            told = await service.call("start_sync_execution", stateMachineArn=f"{SHOP}#case")
        assert json.loads(told["output"]) == "mocked"

    async def test_a_nested_execution_goes_through_the_test_case_that_its_task_names(self) -> None:
        start = task(
            "arn:aws:states:::states:startExecution.sync:2",
            Parameters={"StateMachineArn": f"{SHOP}#case", "Input": {}},
            OutputPath="$.Output",
        )
        async with local_service(mock_config=config({"0": returns("mocked")})) as service:
            await register(service, machine(work=task()))
            await register(service, machine(start=start), "outer")
            outer = SHOP.replace("shop", "outer")
            started = await service.call("start_execution", stateMachineArn=outer)
            described = await ended(service, started["executionArn"])
        assert json.loads(described["output"]) == "mocked"

    async def test_what_tells_of_an_execution_names_the_machine_alone(self) -> None:
        described, _ = await go(machine(work=task()), config({"0": returns(1)}))
        assert described["stateMachineArn"] == SHOP


class TestChoosing:
    @pytest.mark.parametrize(
        ("arn", "reason"),
        [
            (f"{SHOP}#other", "mock_config, machine 'shop': no test case 'other', but 'case'"),
            (f"{SHOP}#", "mock_config, machine 'shop': no test case '', but 'case'"),
            (f"{SHOP}s#case", "mock_config: no machine 'shops', but 'shop'"),
        ],
    )
    async def test_a_case_that_is_not_there_is_refused(self, arn: str, reason: str) -> None:
        async with local_service(mock_config=config({"0": returns(1)})) as service:
            await register(service, machine(work=task()))
            with pytest.raises(ValidationException) as raised:
                await service.call("start_execution", stateMachineArn=arn)
        assert raised.value.message == reason

    async def test_a_case_is_for_a_machines_versions_and_aliases_too(self) -> None:
        async with local_service(mock_config=config({"0": returns("mocked")})) as service:
            await register(service, machine(work=task()))
            await service.call("publish_state_machine_version", stateMachineArn=SHOP)
            routing = [{"stateMachineVersionArn": f"{SHOP}:1", "weight": 100}]
            await service.call("create_state_machine_alias", name="live", routingConfiguration=routing)
            for arn in (f"{SHOP}:1#case", f"{SHOP}:live#case"):
                started = await service.call("start_execution", stateMachineArn=arn)
                described = await ended(service, started["executionArn"])
                assert json.loads(described["output"]) == "mocked"
                assert described["stateMachineVersionArn"] == f"{SHOP}:1"

    async def test_a_state_that_the_machine_does_not_have_is_warned_of(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        definition = machine(work={"Type": "Pass", "End": True})
        await go(definition, config({"0": returns(1)}, "work", "wrok"))
        place = "mock_config, machine 'shop', test case 'case'"
        assert sorted(caplog.messages) == [
            f"{place}: the machine has no Task 'work' to mock",
            f"{place}: the machine has no Task 'wrok' to mock",
        ]

    async def test_a_file_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "MockConfigFile.json"
        file.write_text(json.dumps(config({"0": returns("from the file")})), encoding="utf-8")
        assert await result(machine(work=task()), str(file)) == "from the file"
        with pytest.raises(ValidationException, match=r"MockConfigFile\.json, machine 'shop': no test case"):
            MockConfig(file).split(f"{SHOP}#other")


def without(part: str) -> dict[str, Any]:
    return {name: value for name, value in config({}).items() if name != part}


def cases(given: Any) -> dict[str, Any]:
    return config({"0": returns(1)}, StateMachines={"shop": {"TestCases": given}})


RESPONSE = "mock_config, mocked response 'response'"
MEMBERS = "the members are 'MockedResponses', 'StateMachines', not"


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (3, "mock_config is a path or its content, not 3"),
            ({}, f"mock_config: {MEMBERS} nothing"),
            (without("MockedResponses"), f"mock_config: {MEMBERS} 'StateMachines'"),
            (
                config({}, Machines={}),
                f"mock_config: {MEMBERS} 'StateMachines', 'MockedResponses', 'Machines'",
            ),
            (config({}, StateMachines=[]), "mock_config: StateMachines: an object is needed, not []"),
            (config({}, MockedResponses=1), "mock_config: MockedResponses: an object is needed, not 1"),
            (
                config({}, StateMachines={"shop": {"Cases": {}}}),
                "mock_config, machine 'shop': the members are 'TestCases', not 'Cases'",
            ),
            (cases([]), "mock_config, machine 'shop': TestCases: an object is needed, not []"),
            (cases({"case": 1}), "mock_config, machine 'shop', test case 'case': an object is needed, not 1"),
            (
                cases({"case": {"work": "nothing"}}),
                "mock_config, machine 'shop', test case 'case', state 'work': there is no mocked response "
                "'nothing' in MockedResponses",
            ),
            (
                cases({"case": {"work": []}}),
                "mock_config, machine 'shop', test case 'case', state 'work': there is no mocked response "
                "[] in MockedResponses",
            ),
            (config({"0-2": returns(1), "2": returns(2)}), f"{RESPONSE}: invocation 2 is told of twice"),
            (config({"1": returns(1), "01": returns(2)}), f"{RESPONSE}: invocation 1 is told of twice"),
            (config({"0": {}}), f"{RESPONSE}, '0': either Return or Throw is needed, not nothing"),
            (config({"0": {"Gives": 1}}), f"{RESPONSE}, '0': either Return or Throw is needed, not 'Gives'"),
            (
                config({"0": returns(1) | throws("E")}),
                f"{RESPONSE}, '0': either Return or Throw is needed, not 'Return', 'Throw'",
            ),
            (config({"0": {"Throw": "E"}}), f"{RESPONSE}, '0': Throw: an object is needed, not 'E'"),
            (
                config({"0": {"Throw": {"Error": "E"}}}),
                f"{RESPONSE}, '0': Throw: the members are 'Cause', 'Error', not 'Error'",
            ),
            (
                config({"0": {"Throw": {"Error": "E", "Cause": 1}}}),
                f"{RESPONSE}, '0': Throw: Cause is text, not 1",
            ),
            *(
                (
                    config({key: returns(1)}),
                    f'{RESPONSE}: a key is a number or a range of invocations, "0" or "1-2", not {key!r}',
                )
                for key in ("", "a", "-1", "2-1", "1-", "1 - 2", "²")
            ),
        ],
    )
    def test_what_is_not_of_the_format_is_refused_by_its_place(self, given: Any, reason: str) -> None:
        with pytest.raises(InvalidArgument) as raised:
            LocalService(mock_config=given)
        assert str(raised.value) == reason

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match=r"mock_config cannot be read: .*missing\.json"):
            MockConfig(tmp_path / "missing.json")
        (tmp_path / "broken.json").write_text("{", encoding="utf-8")
        with pytest.raises(InvalidArgument, match=r"broken\.json is not JSON"):
            MockConfig(tmp_path / "broken.json")

    async def test_a_response_without_invocations_is_refused_only_where_it_is_asked_for(self) -> None:
        definition = machine(
            size={
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericGreaterThan": 0, "Next": "work"}],
                "Default": "none",
            },
            work=task(),
            none={"Type": "Succeed"},
        )
        assert await result(definition, config({}), {"n": 0}) == {"n": 0}
        assert "says nothing of invocation 0" in (await result(definition, config({}), {"n": 1}))["cause"]


async def test_without_a_configuration_there_are_no_test_cases() -> None:
    async with local_service() as service:
        client = Client(service)
        shop = construct_state_machine("shop", Task("work", "sqs:sendMessage"))
        await client.register(shop)
        with pytest.raises(ExecutionFailed, match="Nothing here does"):
            await client.execute(shop)
        with pytest.raises(ValidationException, match="no test case 'case', since no mock_config is given"):
            await service.call("start_execution", stateMachineArn=f"{SHOP}#case")
