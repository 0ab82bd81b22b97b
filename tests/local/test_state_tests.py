"""Single states, tested on the local service: the operation TestState."""

import functools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiobotocore.session import AioSession
from aiohttp import web

from asfini import Client, local
from asfini.errors import InvalidDefinition, InvalidExecutionInput, ServiceError, ValidationException
from asfini.testing import virtual_time

ROLE = "arn:aws:iam::123456789012:role/shop"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:pay"
PASS = {"Type": "Pass", "End": True}
PAY: dict[str, Any] = {"Type": "Task", "Resource": FUNCTION, "End": True}
DECLINED = {"errorOutput": {"error": "CardDeclined", "cause": "no money"}}
ITEM = {"StartAt": "one", "States": {"one": PASS}}
EACH: dict[str, Any] = {"Type": "Map", "ItemProcessor": ITEM, "End": True}
FAR = {"ItemProcessor": ITEM | {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}}
BOTH: dict[str, Any] = {"Type": "Parallel", "Branches": [ITEM, ITEM], "End": True}
START = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
RETRIED = {
    **PAY,
    "Retry": [
        {"ErrorEquals": ["Other"]},
        {"ErrorEquals": ["CardDeclined"], "IntervalSeconds": 3, "MaxAttempts": 2, "MaxDelaySeconds": 5},
    ],
}
READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}
SEEN = {**PAY, "QueryLanguage": "JSONata", "Output": "{% $states.context %}"}
GOOD = {"ExecutionArn": "arn", "StartDate": "2026-01-01T00:00:00Z"}
CONNECTION = "arn:aws:events:us-east-1:123456789012:connection/shop/1"

Try = Callable[..., Any]


@pytest.fixture
def tried(local_client: Client) -> Try:
    """Makes a test of a state; what is data is written as text, and texts are read."""

    async def make(state: Any, given: Any = None, level: str = "INFO", **options: Any) -> dict[str, Any]:
        options = {
            key: json.dumps(value) if key in {"context", "variables"} else value
            for key, value in options.items()
        }
        told = await local_client.service.call(
            "test_state",
            definition=json.dumps(state),
            input=json.dumps({} if given is None else given),
            inspectionLevel=level,
            **options,
        )
        return read(told)

    return make


def read(told: Any) -> Any:
    """Read what is JSON text in an answer."""
    if isinstance(told, dict):
        return {key: read(value) if key not in {"error", "cause"} else value for key, value in told.items()}
    try:
        return json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return told


def result(value: Any, **options: str) -> dict[str, Any]:
    return {"result": json.dumps(value), **options}


class TestStates:
    async def test_a_state_gives_its_output_and_where_it_leads(self, tried: Try) -> None:
        state = {"Type": "Pass", "Result": 1, "ResultPath": "$.n", "Next": "pay"}
        told = await tried(state, {"a": 0})
        assert told == {"status": "SUCCEEDED", "output": {"a": 0, "n": 1}, "nextState": "pay"}

    async def test_a_state_of_a_machine_is_found_by_its_name_at_any_depth(self, tried: Try) -> None:
        inner = {"StartAt": "inner", "States": {"inner": {"Type": "Pass", "Output": "{% $n %}", "End": True}}}
        machine = {
            "QueryLanguage": "JSONata",
            "StartAt": "both",
            "States": {"both": {"Type": "Parallel", "Branches": [inner], "End": True}},
        }
        told = await tried(machine, stateName="inner", variables={"n": 7})
        assert told == {"status": "SUCCEEDED", "output": 7}
        with pytest.raises(ValidationException, match=r": State not found in definition$"):
            await tried(machine, stateName="other")

    async def test_a_state_that_fails_tells_why(self, tried: Try) -> None:
        told = await tried({"Type": "Fail", "Error": "Broke", "Cause": "no money"})
        assert told == {"status": "FAILED", "error": "Broke", "cause": "no money"}

    async def test_a_choice_tells_which_state_follows(self, tried: Try) -> None:
        rule = {"Variable": "$.n", "NumericGreaterThan": 1, "Next": "many"}
        choice = {"Type": "Choice", "Choices": [rule], "Default": "few"}
        assert (await tried(choice, {"n": 2}))["nextState"] == "many"
        assert (await tried(choice, {"n": 1}))["nextState"] == "few"

    async def test_a_wait_takes_its_time(self, tried: Try, local_client: Client) -> None:
        before = local_client.service.now()  # type: ignore[attr-defined]
        await tried({"Type": "Wait", "Seconds": 200, "End": True})
        assert (local_client.service.now() - before).total_seconds() == 200  # type: ignore[attr-defined]

    async def test_a_test_takes_five_minutes_at_most(self, tried: Try) -> None:
        told = await tried({"Type": "Wait", "Seconds": 301, "End": True})
        assert told == {"status": "FAILED", "error": "States.Timeout"}

    async def test_what_is_unsuitable_fails_the_state(self, tried: Try) -> None:
        told = await tried({"Type": "Wait", "SecondsPath": "$.n", "End": True}, {"n": "soon"})
        assert (told["status"], told["error"]) == ("FAILED", "States.Runtime")

    async def test_a_definition_that_breaks_rules_is_refused(self, tried: Try, local_client: Client) -> None:
        message = (
            r": Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: .* at /States/StateName/Type'$"
        )
        with pytest.raises(InvalidDefinition, match=message):
            await tried({"Type": "Nap"})
        with pytest.raises(InvalidDefinition, match="Definition must be a valid JSON object"):
            await tried([])
        with pytest.raises(InvalidDefinition, match="INVALID_JSON_DESCRIPTION"):
            await local_client.service.call("test_state", definition="{")
        with pytest.raises(InvalidDefinition, match=r"Missing 'Next' target: two at /States/one/Next"):
            await tried(
                {"StartAt": "one", "States": {"one": {"Type": "Pass", "Next": "two"}}}, stateName="one"
            )

    async def test_also_in_states_inside_of_the_state(self, tried: Try) -> None:
        broken = {
            "StartAt": "one",
            "States": {"one": {"Type": "Pass", "Next": "two"}, "end": {"Type": "Fail"}},
        }
        with pytest.raises(InvalidDefinition, match=r"Missing 'Next' target: two"):
            await tried({**EACH, "ItemProcessor": broken}, mock=result([]))

    async def test_but_where_the_state_itself_leads_is_nobodys_concern(self, tried: Try) -> None:
        caught = {**PAY, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "sorry"}]}
        assert (await tried(caught, mock=DECLINED))["nextState"] == "sorry"

    async def test_a_state_that_fails_of_its_data_has_the_interpreters_cause(self, tried: Try) -> None:
        told = await tried({**PASS, "OutputPath": "$.missing"})
        assert (told["status"], told["error"]) == ("FAILED", "States.Runtime")
        assert told["cause"].startswith("An error occurred while executing the state 'StateName' (entered at")

    async def test_an_output_that_is_too_large_fails_the_state(self, tried: Try) -> None:
        output = "{% $pad('', 300000, 'x') %}"
        told = await tried({**PASS, "QueryLanguage": "JSONata", "Output": output})
        assert (told["status"], told["error"]) == ("FAILED", "States.DataLimitExceeded")

    async def test_data_of_any_depth_is_refused_or_done_or_fails_the_state(
        self, local_client: Client
    ) -> None:
        """What can be read may be too deep to be written once it lies deeper; Pythons differ."""
        state = {
            **PASS,
            "Parameters": functools.reduce(lambda inner, _: {"a": inner}, range(20), {"b.$": "$"}),
        }
        found = set()
        for depth in [10, *range(900, 1000, 10), *range(1400, 1500, 10), 100_000]:
            try:
                told = await local_client.service.call(
                    "test_state",
                    definition=json.dumps(state),
                    input=f"{'[' * depth}{']' * depth}",
                    inspectionLevel="DEBUG",
                )
                found.add((told["status"], told.get("error")))
            except InvalidExecutionInput:
                found.add(("REFUSED", None))
        done, refused = ("SUCCEEDED", None), ("REFUSED", None)
        assert {done, refused} <= found <= {done, refused, ("FAILED", "States.Runtime")}

    async def test_variables_that_are_too_large_fail_the_state(self, tried: Try) -> None:
        large = {"n": "{% $pad('', 300000, 'x') %}"}
        told = await tried({**PASS, "QueryLanguage": "JSONata", "Assign": large})
        assert (told["status"], told["error"]) == ("FAILED", "States.DataLimitExceeded")
        catcher = {"ErrorEquals": ["States.ALL"], "Assign": large, "Next": "sorry"}
        told = await tried({**PAY, "QueryLanguage": "JSONata", "Catch": [catcher]}, mock=DECLINED)
        assert (told["status"], told["error"]) == ("FAILED", "States.DataLimitExceeded")

    async def test_input_and_variables_are_json(self, local_client: Client) -> None:
        state = json.dumps(PASS)
        with pytest.raises(InvalidExecutionInput):
            await local_client.service.call("test_state", definition=state, input="{")
        for variables in ("{", "[]"):
            with pytest.raises(ValidationException, match="variables must be a JSON object"):
                await local_client.service.call("test_state", definition=state, variables=variables)


class TestTasks:
    async def test_a_task_is_done_as_in_an_execution(self) -> None:
        with virtual_time():
            async with local.connect(handlers={"pay": lambda pounds: pounds * 100}) as client:
                told = await client.service.call(
                    "test_state", definition=json.dumps(PAY), input="3", roleArn=ROLE
                )
        assert told == {"status": "SUCCEEDED", "output": "300"}

    async def test_a_failure_of_the_function_is_not_tried_again_but_said_to_be_worth_it(self) -> None:
        def pay(_given: Any) -> None:
            calls.append(1)
            raise KeyError("purse")

        calls: list[int] = []
        state = {**PAY, "Retry": [{"ErrorEquals": ["States.ALL"]}]}
        with virtual_time():
            async with local.connect(handlers={"pay": pay}) as client:
                told = await client.service.call("test_state", definition=json.dumps(state), roleArn=ROLE)
        assert (told["status"], told["error"], calls) == ("RETRIABLE", "KeyError", [1])

    async def test_a_task_that_is_not_mocked_needs_a_role(self, tried: Try) -> None:
        with pytest.raises(
            ValidationException, match=r": RoleArn must be specified when testing a Task state$"
        ):
            await tried(PAY)
        assert (await tried(PAY, mock=result(1)))["output"] == 1

    @pytest.mark.parametrize(
        "resource",
        [
            "arn:aws:states:us-east-1:123456789012:activity:pay",
            "arn:aws:states:::states:startExecution.sync",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        ],
    )
    async def test_tasks_that_last_need_a_mock(self, tried: Try, resource: str) -> None:
        arguments = {"Parameters": {"TaskToken.$": "$$.Task.Token"}} if "Token" in resource else {}
        state = {**PAY, "Resource": resource, **arguments}
        with pytest.raises(InvalidDefinition, match="TestState API does not support"):
            await tried(state, roleArn=ROLE)
        mock = result({"done": True}, fieldValidationMode="NONE")
        assert (await tried(state, mock=mock))["output"] == {"done": True}


class TestMocks:
    @pytest.mark.parametrize("kind", ["Pass", "Succeed", "Fail"])
    async def test_only_states_that_work_can_have_one(self, tried: Try, kind: str) -> None:
        state = {"Type": kind} | ({"End": True} if kind == "Pass" else {})
        message = f": State type '{kind}' is not supported when a mock is specified$"
        with pytest.raises(ValidationException, match=message):
            await tried(state, mock=result(1))

    @pytest.mark.parametrize("state", [EACH, BOTH])
    async def test_states_of_states_need_one(self, tried: Try, state: Any) -> None:
        with pytest.raises(InvalidDefinition, match="TestState API does not support Map or Parallel states"):
            await tried(state)

    @pytest.mark.parametrize(
        ("mock", "reason"),
        [
            ({}, "only one of the following fields"),
            (result(1) | DECLINED, "only one of the following fields"),
            ({"result": "{"}, "Mocked result must be valid JSON"),
            ({"errorOutput": {"cause": "?"}}, "An error was not specified"),
        ],
    )
    async def test_mocks_that_make_no_sense_are_refused(self, tried: Try, mock: Any, reason: str) -> None:
        with pytest.raises(ValidationException, match=reason):
            await tried(PAY, mock=mock)

    async def test_a_mocked_task_has_no_secrets(self, tried: Try) -> None:
        with pytest.raises(ValidationException, match="does not support RevealSecrets"):
            await tried(PAY, mock=result(1), revealSecrets=True)

    @pytest.mark.parametrize(
        "options",
        [
            {"context": {}},
            {"stateConfiguration": {"retrierRetryCount": 1}},
            {"stateConfiguration": {"mapItemReaderData": "[]"}},
        ],
    )
    async def test_what_only_makes_sense_beside_a_mock_is_refused(self, tried: Try, options: Any) -> None:
        name = next(iter(options.get("stateConfiguration", options)))
        with pytest.raises(ValidationException, match=f"(?i): TestState does not support {name} when a mock"):
            await tried(PASS, **options)

    async def test_a_parallels_result_has_an_item_for_each_branch(self, tried: Try) -> None:
        assert (await tried(BOTH, mock=result([1, 2])))["output"] == [1, 2]
        with pytest.raises(ValidationException, match="must be an array"):
            await tried(BOTH, mock=result({}))
        with pytest.raises(ValidationException, match="number of Parallel branches"):
            await tried(BOTH, mock=result([1]))

    async def test_texts_come_back_as_they_were_given(self, local_client: Client) -> None:
        told = await local_client.service.call(
            "test_state",
            definition=json.dumps({**PAY, "ResultPath": None}),
            input="[ 1,2 ]",
            mock={"result": "3.0"},
            inspectionLevel="DEBUG",
        )
        assert (told["output"], told["inspectionData"]["result"]) == ("[ 1,2 ]", "3.0")


class TestErrors:
    @pytest.mark.parametrize(("count", "seconds"), [(0, 3), (1, 5)])
    async def test_a_retrier_tells_how_long_it_would_wait(self, tried: Try, count: int, seconds: int) -> None:
        told = await tried(
            RETRIED, level="DEBUG", mock=DECLINED, stateConfiguration={"retrierRetryCount": count}
        )
        assert told["status"] == "RETRIABLE"
        assert told["inspectionData"]["errorDetails"] == {
            "retryIndex": 1,
            "retryBackoffIntervalSeconds": seconds,
        }

    async def test_however_often_it_was_tried_there_is_a_time_to_tell(self, tried: Try) -> None:
        retrier = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 99_999_999, "BackoffRate": 10}
        told = await tried(
            {**PAY, "Retry": [retrier]},
            level="DEBUG",
            mock=DECLINED,
            stateConfiguration={"retrierRetryCount": 5000},
        )
        assert told["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"] == 2**31 - 1

    async def test_a_retrier_that_is_used_up_hands_on_to_a_catcher(self, tried: Try) -> None:
        catcher = {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "sorry"}
        told = await tried(
            {**RETRIED, "Catch": [catcher]},
            {"a": 1},
            "DEBUG",
            mock=DECLINED,
            stateConfiguration={"retrierRetryCount": 2},
        )
        assert (told["status"], told["nextState"]) == ("CAUGHT_ERROR", "sorry")
        assert (told["error"], told["cause"]) == ("CardDeclined", "no money")
        assert told["output"] == {"a": 1, "error": {"Error": "CardDeclined", "Cause": "no money"}}
        assert told["inspectionData"]["errorDetails"] == {"retryIndex": 1, "catchIndex": 0}

    async def test_a_catcher_that_fails_itself_fails_the_state(self, tried: Try) -> None:
        catcher = {"ErrorEquals": ["States.ALL"], "Output": "{% $missing %}", "Next": "sorry"}
        told = await tried({**PAY, "QueryLanguage": "JSONata", "Catch": [catcher]}, mock=DECLINED)
        assert (told["status"], told["error"]) == ("FAILED", "States.QueryEvaluationError")

    async def test_what_a_mocked_task_cannot_get_fails_it(self, tried: Try) -> None:
        broken = {**PAY, "QueryLanguage": "JSONata", "TimeoutSeconds": "{% 'soon' %}"}
        told = await tried(broken, mock=result(1))
        assert (told["status"], told["error"]) == ("FAILED", "States.QueryEvaluationError")
        large = {**PAY, "QueryLanguage": "JSONata", "Arguments": "{% $pad('', 300000, 'x') %}"}
        assert (await tried(large, mock=result(1)))["error"] == "States.DataLimitExceeded"

    async def test_the_context_object_counts_the_tries(self, tried: Try) -> None:
        state = {**PAY, "QueryLanguage": "JSONata", "Output": "{% $states.context.State.RetryCount %}"}
        configuration = {"retrierRetryCount": 4}
        assert (await tried(state, mock=result(1), stateConfiguration=configuration))["output"] == 4


class TestInspection:
    async def test_info_tells_nothing_of_the_way(self, tried: Try) -> None:
        assert "inspectionData" not in await tried(PASS)

    async def test_every_stage_of_a_task_in_jsonpath_is_told(self, tried: Try) -> None:
        state = {
            **PAY,
            "InputPath": "$.order",
            "Parameters": {"p.$": "$.pence"},
            "ResultSelector": {"paid.$": "$.ok"},
            "ResultPath": "$.payment",
            "OutputPath": "$.payment",
        }
        given = {"order": {"pence": 5}}
        told = await tried(state, given, "DEBUG", mock=result({"ok": True}))
        assert told["output"] == {"paid": True}
        assert told["inspectionData"] == {
            "input": given,
            "afterInputPath": {"pence": 5},
            "afterParameters": {"p": 5},
            "result": {"ok": True},
            "afterResultSelector": {"paid": True},
            "afterResultPath": {"order": {"pence": 5}, "payment": {"paid": True}},
        }

    async def test_and_of_a_task_in_jsonata(self, tried: Try) -> None:
        state = {**PAY, "QueryLanguage": "JSONata", "Arguments": {"p": "{% $states.input.n + 1 %}"}}
        told = await tried(state, {"n": 1}, "DEBUG", mock=result("ok"))
        assert told["inspectionData"] == {"input": {"n": 1}, "afterArguments": {"p": 2}, "result": "ok"}

    async def test_a_pass_with_a_result_reads_nothing(self, tried: Try) -> None:
        told = await tried({**PASS, "Result": 7, "ResultPath": "$.n"}, {"a": 1}, "DEBUG")
        assert told["inspectionData"] == {
            "input": {"a": 1},
            "result": 7,
            "afterResultSelector": 7,
            "afterResultPath": {"a": 1, "n": 7},
        }

    @pytest.mark.parametrize("kind", ["Succeed", "Fail"])
    async def test_the_last_states_tell_what_input_path_selects(self, tried: Try, kind: str) -> None:
        told = await tried({"Type": kind}, {"a": 1}, "TRACE")
        assert told["inspectionData"] == {"input": {"a": 1}, "afterInputPath": {"a": 1}}

    async def test_stages_until_a_failure_are_told(self, tried: Try) -> None:
        state = {**PAY, "ResultPath": "$.a.b"}
        told = await tried(state, 1, "DEBUG", mock=result(2))
        assert told["status"] == "FAILED"
        assert told["inspectionData"].keys() == {
            "input",
            "afterInputPath",
            "afterParameters",
            "result",
            "afterResultSelector",
        }

    async def test_variables_are_told_as_they_are_in_the_end(self, tried: Try) -> None:
        state = {**PASS, "Assign": {"n.$": "$.n"}}
        told = await tried(state, {"n": 2}, "DEBUG", variables={"n": 1, "m": 0})
        assert told["inspectionData"]["variables"] == {"n": 2, "m": 0}


class TestMaps:
    async def test_expressions_give_items_and_settings(self, tried: Try) -> None:
        state = {
            **EACH,
            **FAR,
            "QueryLanguage": "JSONata",
            "Items": "{% $states.input.all %}",
            "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
            "MaxConcurrency": "{% $states.input.most %}",
            "ToleratedFailureCount": "{% 1 + 1 %}",
        }
        given = {"all": [5, 6], "most": 7}
        told = await tried(state, given, "DEBUG", mock=result([0, 0]))
        assert told["inspectionData"] == {
            "input": given,
            "afterItemSelector": [{"v": 5}, {"v": 6}],
            "maxConcurrency": 7,
            "toleratedFailureCount": 2,
        }

    async def test_items_that_are_no_list_fail_the_map(self, tried: Try) -> None:
        told = await tried({**EACH, "ItemsPath": "$.n"}, {"n": 1}, "DEBUG", mock=result([]))
        assert (told["error"], told["cause"]) == (
            "States.Runtime",
            'Reference path "$.n" must point to array.',
        )
        assert "maxConcurrency" not in told["inspectionData"]

    async def test_items_and_settings_are_told(self, tried: Try) -> None:
        state = {
            **EACH,
            "ItemsPath": "$.all",
            "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
            "MaxConcurrency": 3,
            "ToleratedFailurePercentage": 50,
        }
        told = await tried(state, {"all": ["a", "b"]}, "DEBUG", mock=result([1, 2]))
        found = told["inspectionData"]
        assert (found["maxConcurrency"], found["toleratedFailurePercentage"]) == (3, 50.0)
        assert "toleratedFailureCount" not in found
        assert found["afterItemsPath"] == ["a", "b"]
        assert found["afterItemSelector"] == [{"i": 0, "v": "a"}, {"i": 1, "v": "b"}]

    async def test_batches_are_told(self, tried: Try) -> None:
        state = {**EACH, **FAR, "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"k": 1}}}
        told = await tried(state, [1, 2, 3], "DEBUG", mock=result(["x", "y"]))
        assert told["inspectionData"]["afterItemBatcher"] == [
            {"BatchInput": {"k": 1}, "Items": [1, 2]},
            {"BatchInput": {"k": 1}, "Items": [3]},
        ]

    @pytest.mark.parametrize(("failed", "status"), [(1, "SUCCEEDED"), (2, "FAILED")])
    async def test_iterations_that_failed_are_tolerated_to_a_limit(
        self, tried: Try, failed: int, status: str
    ) -> None:
        state = {**EACH, **FAR, "ToleratedFailureCount": 1}
        told = await tried(
            state, [1, 2, 3], mock=result([1, 2, 3]), stateConfiguration={"mapIterationFailureCount": failed}
        )
        assert told["status"] == status
        if status == "FAILED":
            assert told["error"] == "States.ExceedToleratedFailureThreshold"

    async def test_without_a_limit_none_are_counted(self, tried: Try) -> None:
        told = await tried(
            {**EACH, **FAR}, [1, 2], mock=result([1, 2]), stateConfiguration={"mapIterationFailureCount": 2}
        )
        assert told["status"] == "SUCCEEDED"

    @pytest.mark.parametrize(("failed", "given"), [(0, [1]), (1, [1, 2, 3, 4]), (4, [1])])
    async def test_results_and_failures_no_run_can_have_are_refused(
        self, tried: Try, failed: int, given: Any
    ) -> None:
        with pytest.raises(ValidationException, match="the Map has 3 iterations"):
            await tried(
                EACH, [1, 2, 3], mock=result(given), stateConfiguration={"mapIterationFailureCount": failed}
            )

    async def test_an_item_reader_reads_what_is_given(self, tried: Try) -> None:
        config = {"InputType": "JSON", "ItemsPointer": "/rows"}
        state = {**EACH, **FAR, "ItemReader": {**READER, "ReaderConfig": config}}
        told = await tried(
            state,
            level="DEBUG",
            mock=result([0, 0]),
            stateConfiguration={"mapItemReaderData": '{"rows": [7, 8]}'},
        )
        assert told["inspectionData"]["afterItemsPointer"] == [7, 8]
        with pytest.raises(ValidationException, match="ItemReader data must be specified"):
            await tried(state, mock=result([]))

    async def test_data_that_cannot_be_read_fails_the_map(self, tried: Try) -> None:
        state = {**EACH, **FAR, "ItemReader": {**READER, "ReaderConfig": {"InputType": "JSON"}}}
        told = await tried(state, mock=result([]), stateConfiguration={"mapItemReaderData": "3"})
        assert (told["status"], told["error"]) == ("FAILED", "States.ItemReaderFailed")

    async def test_a_result_writer_gives_an_object(self, tried: Try) -> None:
        writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
        state = {**EACH, **FAR, "ResultWriter": writer}
        assert (await tried(state, [1], mock=result({"MapRunArn": "x"})))["status"] == "SUCCEEDED"
        with pytest.raises(ValidationException, match="must be a JSON object"):
            await tried(state, [1], mock=result([1]))

    async def test_the_state_that_caused_an_error_is_inside(self, tried: Try) -> None:
        cause = {"errorCausedByState": "one"}
        assert (await tried(EACH, [], mock=DECLINED, stateConfiguration=cause))["error"] == "CardDeclined"
        with pytest.raises(ValidationException, match="State not found"):
            await tried(EACH, [], mock=DECLINED, stateConfiguration={"errorCausedByState": "two"})


class TestContext:
    async def test_a_context_object_is_taken_as_it_is(self, tried: Try) -> None:
        context = {"Execution": {"Name": "mine"}, "State": {}}
        assert (await tried(SEEN, mock=result(1), context=context))["output"] == context

    async def test_without_one_it_is_that_of_an_express_execution(self, tried: Try) -> None:
        told = await tried(SEEN, {"a": 1}, mock=result(1), roleArn=ROLE)
        execution = told["output"]["Execution"]
        assert execution["Id"].split(":")[5] == "express"
        assert execution["Id"].endswith(f":{execution['Name']}")
        assert (execution["Input"], execution["RoleArn"]) == ({"a": 1}, ROLE)
        assert told["output"]["State"]["Name"] == "StateName"
        assert "RedriveCount" not in execution

    async def test_items_are_added_for_a_map(self, tried: Try) -> None:
        selector = {"x.$": "$$.Execution.Name", "v.$": "$$.Map.Item.Value"}
        told = await tried(
            {**EACH, "ItemSelector": selector},
            [5],
            "DEBUG",
            mock=result([0]),
            context={"Execution": {"Name": "mine"}},
        )
        assert told["inspectionData"]["afterItemSelector"] == [{"x": "mine", "v": 5}]

    @pytest.mark.parametrize(
        ("context", "reason"),
        [
            ([], "must be a JSON object"),
            ({"Other": {}}, "Field 'Other' is not allowed"),
            ({"State": {"Other": 1}}, "Field 'Other' is not allowed"),
            ({"State": 1}, "Field 'State' must be an object"),
            ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
            ({"Task": {"Token": "t"}}, "Context object contains 'Task' when state is not a Task state"),
        ],
    )
    async def test_others_are_refused(self, tried: Try, context: Any, reason: str) -> None:
        with pytest.raises(ValidationException, match=reason):
            await tried(PAY, mock=result(1), context=context)


class TestFieldValidation:
    async def test_a_result_of_the_api_is_good(self, tried: Try) -> None:
        assert (await tried(START, mock=result(GOOD)))["output"] == GOOD

    @pytest.mark.parametrize(
        ("resource", "given", "reason"),
        [
            ("states:startExecution", {}, "Required field 'ExecutionArn' is missing"),
            ("states:startExecution", {**GOOD, "StartDate": 1}, "Field 'StartDate' must be a string"),
            ("aws-sdk:sqs:receiveMessage", {"Messages": {}}, "Field 'Messages' must be an array"),
            ("aws-sdk:sqs:receiveMessage", {"Messages": [1]}, "Field 'Messages' must be an object"),
            ("aws-sdk:sqs:getQueueAttributes", {"Attributes": []}, "Field 'Attributes' must be an object"),
            (
                "aws-sdk:sqs:getQueueAttributes",
                {"Attributes": {"x": 1}},
                "Field 'Attributes' must be a string",
            ),
            ("aws-sdk:s3:getObject", {"DeleteMarker": "yes"}, "Field 'DeleteMarker' must be a boolean"),
            ("aws-sdk:s3:getObject", {"ContentLength": True}, "Field 'ContentLength' must be a number"),
            ("aws-sdk:s3:getObject", {"StorageClass": "?"}, "Field 'StorageClass' is not an expected value"),
            ("aws-sdk:kms:encrypt", {"KeyId": ""}, "Field 'KeyId' is smaller than the minimum length"),
            ("aws-sdk:kms:encrypt", {"KeyId": "k" * 2049}, "Field 'KeyId' exceeds the maximum length"),
            (
                "aws-sdk:lambda:getFunction",
                {"Configuration": {"Timeout": 0}},
                "Field 'Timeout' is smaller than the minimum value",
            ),
        ],
    )
    async def test_what_the_api_would_not_give_is_refused(
        self, tried: Try, resource: str, given: Any, reason: str
    ) -> None:
        state = {**START, "Resource": f"arn:aws:states:::{resource}"}
        with pytest.raises(ValidationException, match=f": Mock result schema validation error: {reason}$"):
            await tried(state, mock=result(given))

    async def test_a_result_that_is_deeper_than_any_service_gives_is_refused(self, tried: Try) -> None:
        value: dict[str, Any] = {"S": "x"}
        for _ in range(400):
            value = {"M": {"a": value}}
        state = {**START, "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": {"TableName": "t"}}
        with pytest.raises(ValidationException, match=r"the result is too deeply nested$"):
            await tried(state, mock=result({"Item": {"k": value}}))

    async def test_present_takes_what_lacks_and_none_takes_everything(self, tried: Try) -> None:
        wrong = {"StartDate": 1}
        with pytest.raises(ValidationException):
            await tried(START, mock=result(wrong, fieldValidationMode="PRESENT"))
        assert (await tried(START, mock=result({}, fieldValidationMode="PRESENT")))["output"] == {}
        assert (await tried(START, mock=result(wrong, fieldValidationMode="NONE")))["output"] == wrong

    @pytest.mark.parametrize(
        ("resource", "given"),
        [
            ("lambda:invoke", {"Payload": {"any": "thing"}, "StatusCode": 200}),
            ("apigateway:invoke", [1]),
            ("aws-sdk:sqs:sendMessage.waitForTaskToken", 1),
            ("aws-sdk:sqs:deleteMessage", 1),
            (
                "states:startExecution.sync",
                {"ExecutionArn": "a", "StateMachineArn": "m", "Status": "FAILED", "StartDate": "d"},
            ),
            ("batch:submitJob.sync", 1),
        ],
    )
    async def test_what_no_model_tells_of_is_taken(self, tried: Try, resource: str, given: Any) -> None:
        state = {**START, "Resource": f"arn:aws:states:::{resource}"}
        assert (await tried(state, mock=result(given)))["output"] == given

    @pytest.mark.parametrize("given", [None, 1, {"any": []}])
    async def test_documents_hold_anything(self, tried: Try, given: Any) -> None:
        use = {"ToolUse": {"ToolUseId": "t", "Name": "add", "Input": given}}
        converse = {"Output": {"Message": {"Role": "assistant", "Content": [use]}}}
        state = {**START, "Resource": "arn:aws:states:::aws-sdk:bedrockruntime:converse"}
        assert (await tried(state, mock=result(converse, fieldValidationMode="PRESENT")))[
            "output"
        ] == converse

    async def test_results_are_objects(self, tried: Try) -> None:
        with pytest.raises(ServiceError, match="Mocked result must be a JSON object"):
            await tried(START, mock=result([]))


class TestHttp:
    @pytest.fixture
    async def url(self) -> AsyncIterator[str]:
        """A server that answers with what it was asked."""

        async def answer(request: web.Request) -> web.Response:
            asked = {"key": request.headers.get("x-key"), "body": await request.text()}
            return web.json_response(asked, headers={"X-Shop": "yes"})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def task(self, url: str, connection: str) -> dict[str, Any]:
        parameters = {
            "Method": "POST",
            "ApiEndpoint": f"{url}/pay",
            "InvocationConfig": {"ConnectionArn": connection},
            "QueryParameters": {"q": ["1"]},
            "RequestBody": {"pence": 5},
        }
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::http:invoke",
            "Parameters": parameters,
            "End": True,
        }

    async def test_trace_tells_the_request_and_the_response(self, url: str) -> None:
        with virtual_time():
            async with local.connect(http=True) as client:
                given = {"definition": json.dumps(self.task(url, CONNECTION)), "roleArn": ROLE}
                traced = await client.service.call("test_state", inspectionLevel="TRACE", **given)
                told = await client.service.call("test_state", inspectionLevel="DEBUG", **given)
        assert traced["status"] == "SUCCEEDED", traced
        request, response = (traced["inspectionData"].pop(key) for key in ("request", "response"))
        assert request["protocol"] == "http"
        assert request["method"] == "POST"
        assert request["url"] == f"{url}/pay?q=1"
        assert request["headers"].startswith(
            "[Content-Type: application/json, User-Agent: Amazon|StepFunctions|"
        )
        assert request["body"] == '{"pence":5}'
        assert (response["statusCode"], response["statusMessage"]) == ("200", "OK")
        assert "X-Shop: yes" in response["headers"]
        assert json.loads(response["body"]) == {"key": None, "body": '{"pence":5}'}
        assert told["inspectionData"].keys() == traced["inspectionData"].keys()

    @pytest.mark.parametrize("reveal", [False, True])
    async def test_what_a_connection_adds_is_told_only_on_request(
        self, url: str, moto_url: str, boto: AioSession, nothing_configured: None, reveal: bool
    ) -> None:
        events: Any
        async with boto.create_client("events", region_name="us-east-1", endpoint_url=moto_url) as events:
            made = await events.create_connection(
                Name="shop",
                AuthorizationType="API_KEY",
                AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "sesame"}},
            )
        with virtual_time():
            async with local.connect(http=True, aws_endpoint=moto_url) as client:
                told = await client.service.call(
                    "test_state",
                    definition=json.dumps(self.task(url, made["ConnectionArn"])),
                    roleArn=ROLE,
                    inspectionLevel="TRACE",
                    revealSecrets=reveal,
                )
        assert told["status"] == "SUCCEEDED", told
        assert json.loads(told["inspectionData"]["response"]["body"])["key"] == "sesame"
        assert ("sesame" in told["inspectionData"]["request"]["headers"]) is reveal
