"""`asfini run`: a definition runs here and now, with mocks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Asfini = Callable[..., Any]

ACTIVITY = "arn:aws:states:eu-west-1:111122223333:activity:shop-charge"
CHARGE: dict[str, Any] = {
    "Type": "Task",
    "Resource": ACTIVITY,
    "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 60, "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["Declined"], "Next": "apologise"}],
    "Next": "note",
}
NOTE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage",
    "Parameters": {"QueueUrl": "https://queue", "MessageBody.$": "$"},
    "ResultPath": "$.message",
    "End": True,
}
SHOP: dict[str, Any] = {
    "StartAt": "cool off",
    "States": {
        "cool off": {"Type": "Wait", "Seconds": 3600, "Next": "charge"},
        "charge": CHARGE,
        "note": NOTE,
        "apologise": {"Type": "Pass", "Result": "sorry", "End": True},
    },
}
PAID = ("--mock", 'charge={"paid": 5}', "--mock", 'note={"MessageId": "m"}')


def one_task(resource: str, **fields: Any) -> str:
    """Write a machine of one Task to a file."""
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    Path("one.asl.json").write_text(json.dumps({"StartAt": "t", "States": {"t": state}}), encoding="utf-8")
    return "one.asl.json"


@pytest.fixture(autouse=True)
def shop() -> None:
    Path("shop.asl.json").write_text(json.dumps(SHOP), encoding="utf-8")


def test_a_definitions_output_is_printed(asfini: Asfini) -> None:
    assert asfini("run", "shop.asl.json", *PAID) == (
        0,
        json_of({"paid": 5, "message": {"MessageId": "m"}}),
        "",
    )


def json_of(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def test_a_definition_may_be_yaml(asfini: Asfini) -> None:
    pytest.importorskip("yamlcore")
    Path("p.yaml").write_text(
        "StartAt: p\nStates:\n  p: {Type: Pass, Result: 1, End: true}\n", encoding="utf-8"
    )
    assert asfini("run", "p.yaml").out == "1\n"


@pytest.mark.parametrize(
    ("given", "stdin", "input"),
    [([], "", {}), (["-i", "[1]"], "", [1]), (["-i", "@order.json"], "", {"n": 1}), (["-i", "-"], "7", 7)],
)
def test_the_input_is_given_as_json_or_in_a_file_or_on_standard_input(
    given: list[str], stdin: str, input: Any, asfini: Asfini
) -> None:
    Path("order.json").write_text('{"n": 1}', encoding="utf-8")
    definition = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}
    Path("p.json").write_text(json.dumps(definition), encoding="utf-8")
    assert json.loads(asfini("run", "p.json", *given, stdin=stdin).out) == input


@pytest.mark.parametrize("name", ["charge", "shop-charge", ACTIVITY], ids=["state", "name", "arn"])
def test_a_mock_is_of_a_task_or_of_what_does_it(name: str, asfini: Asfini) -> None:
    ended = asfini("run", "shop.asl.json", "--mock", f"{name}=error:Declined:no money")
    assert (ended.status, ended.out) == (0, '"sorry"\n')


def test_the_longest_name_counts_where_names_of_states_have_equals_signs(asfini: Asfini) -> None:
    definition = json.dumps(SHOP).replace('"charge"', '"a=b"').replace('"note"', '"a"')
    Path("odd.json").write_text(definition, encoding="utf-8")
    ended = asfini("run", "odd.json", "--mock", 'a=b={"n": 1}', "--mock", "a=2")
    assert json.loads(ended.out) == {"n": 1, "message": 2}


def test_results_come_in_turn_and_the_last_one_from_then_on(asfini: Asfini) -> None:
    busy = ("--mock", "charge=error:Busy")
    assert asfini("run", "shop.asl.json", *busy, *busy, *PAID).status == 0
    ended = asfini("run", "shop.asl.json", *busy, "--json")
    assert (ended.status, json.loads(ended.out)["error"]) == (1, "Busy")


def test_a_result_may_be_in_a_file(asfini: Asfini) -> None:
    Path("paid.json").write_text('{"paid": 1}', encoding="utf-8")
    ended = asfini("run", "shop.asl.json", "--mock", "charge=@paid.json", "--mock", "note=2")
    assert json.loads(ended.out) == {"paid": 1, "message": 2}


def test_a_lambda_function_that_is_invoked_by_name_is_mocked_by_its_name(asfini: Asfini) -> None:
    file = one_task(
        "arn:aws:states:::lambda:invoke",
        Parameters={"FunctionName": "${Resize}", "Payload": {}},
        OutputPath="$.Payload",
    )
    assert asfini("run", file, "--mock", "Resize=[1]").out == json_of([1])


@pytest.mark.parametrize(("resource", "name"), [("${ResizeArn}", "ResizeArn"), ("${Resize.Arn}", "Resize")])
def test_what_a_template_fills_in_later_is_a_function_for_now(
    resource: str, name: str, asfini: Asfini
) -> None:
    assert asfini("run", one_task(resource), "--mock", f"{name}=[1]").out == json_of([1])


def test_what_a_template_fills_in_can_be_filled_in(asfini: Asfini) -> None:
    states = '{"w": {"Type": "Wait", "Seconds": ${Pause}, "Next": "${After}"}, "p": {"Type": "Succeed"}}'
    Path("t.json").write_text(f'{{"StartAt": "w", "States": {states}}}', encoding="utf-8")
    pause, after = ("--substitute", "Pause=5"), ("--substitute", "After=p")
    told = json.loads(asfini("run", "t.json", *pause, *after, "--explain", "--json").out)
    assert told["explanation"]["seconds"] == 5
    ended = asfini("run", "t.json", *after)
    assert ended.status == 2
    assert "; --substitute Pause=VALUE fills in what a template would\n" in ended.err


@pytest.mark.parametrize(
    ("resource", "fields", "way"),
    [
        (ACTIVITY, {}, ", --app MODULE with its function"),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", {}, ", --lambda f=MODULE:FUNCTION"),
        ("arn:aws:states:::sqs:sendMessage", {"Parameters": {"QueueUrl": "q", "MessageBody": "m"}}, ""),
        ("arn:aws:states:::lambda:invoke", {"Parameters": {"FunctionName": "f"}}, ", --lambda f="),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            {"Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}},
            ", --app MODULE with the machine",
        ),
    ],
)
def test_a_task_that_nobody_does_fails_and_says_what_would_help(
    resource: str, fields: dict[str, Any], way: str, asfini: Asfini
) -> None:
    every = [{"ErrorEquals": ["States.ALL"], "Next": "t"}]
    ended = asfini("run", one_task(resource, Catch=every, **fields))
    assert (ended.status, ended.out) == (1, "")
    assert "States.Runtime: nobody here does '" in ended.err
    ways = "use --mock 't=JSON' or 't=error:Name:cause', --mock-config FILE with --test-case CASE"
    assert f"the task of 't'; {ways}{way}" in ended.err


def distributed() -> str:
    """Write a machine to a file that reads its items from S3."""
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}}
    states = {"t": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}}
    states["t"] |= {"Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload"}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "t"}
    each = {
        "Type": "Map",
        "ItemReader": {**reader, "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {**processor, "States": states},
        "End": True,
    }
    Path("all.json").write_text(json.dumps({"StartAt": "each", "States": {"each": each}}), encoding="utf-8")
    return "all.json"


def test_what_a_distributed_map_reads_is_mocked_by_its_resource(asfini: Asfini) -> None:
    read = ("--mock", "s3:getObject=[1, 2]")
    assert asfini("run", distributed(), *read, "--mock", "f=3").out == json_of([3, 3])
    ended = asfini("run", distributed())
    assert "ItemReaderFailed: nobody here does 's3:getObject', the task of 'each'" in ended.err
    assert "use --mock 's3:getObject=JSON'" in ended.err
    assert "nobody here does 'f', the task of 't'" in asfini("run", distributed(), *read, "--explain").out


def test_a_job_and_a_token_are_not_waited_for_where_they_are_mocked(asfini: Asfini) -> None:
    for pattern in ("sqs:sendMessage.waitForTaskToken", "glue:startJobRun.sync"):
        given = {"sqs": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "glue": {"JobName": "j"}}
        file = one_task(f"arn:aws:states:::{pattern}", Parameters=given[pattern.partition(":")[0]])
        assert asfini("run", file, "--mock", "t=7").out == "7\n"


def test_an_apps_functions_and_machines_do_tasks(asfini: Asfini) -> None:
    Path("shop.py").write_text(
        "import asfini\n"
        "activities = asfini.ActivityRegistration(prefix='shop-')\n"
        "@activities.activity()\n"
        "def charge(given: dict) -> dict:\n"
        "    return {'paid': 9}\n"
        "inner = asfini.construct_state_machine('inner', asfini.Pass('p', result=1))\n",
        encoding="utf-8",
    )
    ended = asfini("--app", "shop", "run", "shop.asl.json", "--mock", "note=1")
    assert json.loads(ended.out) == {"paid": 9, "message": 1}
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:inner"
    parameters = {"StateMachineArn": machine}
    file = one_task(
        "arn:aws:states:::states:startExecution.sync:2", Parameters=parameters, OutputPath="$.Output"
    )
    assert asfini("--app", "shop", "run", file).out == "1\n"


def test_functions_stand_in_for_lambda_functions(asfini: Asfini) -> None:
    Path("images.py").write_text("def resize(given):\n    return [given]\n", encoding="utf-8")
    file = one_task("arn:aws:lambda:us-east-1:123456789012:function:resize")
    ended = asfini("run", file, "--lambda", "resize=images:resize", "--input", "5")
    assert ended.out == json_of([5])


def mock_config(machine: str = "store") -> dict[str, Any]:
    cases = {"Paid": {"charge": "paid", "note": "noted"}, "Declined": {"charge": "declined"}}
    responses = {
        "paid": {"0": {"Return": {"paid": 1}}},
        "noted": {"0": {"Return": {"MessageId": "m"}}},
        "declined": {"0": {"Throw": {"Error": "Declined", "Cause": ""}}},
    }
    return {"StateMachines": {machine: {"TestCases": cases}}, "MockedResponses": responses}


@pytest.mark.parametrize(("machine", "name"), [("store", []), ("shop", []), ("shop", ["--name", "shop"])])
def test_a_test_case_of_step_functions_local_is_run(machine: str, name: list[str], asfini: Asfini) -> None:
    Path("mocks.json").write_text(json.dumps(mock_config(machine)), encoding="utf-8")
    case = ("--mock-config", "mocks.json", "--test-case")
    assert asfini("run", "shop.asl.json", *case, "Declined", *name).out == '"sorry"\n'
    ended = asfini("run", "shop.asl.json", *case, "Paid", *name, "--mock", 'note={"MessageId": "other"}')
    assert json.loads(ended.out) == {"paid": 1, "message": {"MessageId": "other"}}


def test_history_explanation_and_report_are_there_on_request(asfini: Asfini) -> None:
    ended = asfini("run", "shop.asl.json", "--mock", "charge=error:Stolen:card", "--history", "--explain")
    assert ended.out.startswith("ExecutionStarted [1] @ ")
    assert "\n  failed in charge (Task)\n" in ended.out
    assert (ended.status, ended.err) == (1, "asfini: error: execution run failed: Stolen: card\n")
    told = json.loads(asfini("run", "shop.asl.json", *PAID, "--json", "--explain", "--report", "r.html").out)
    assert (told["status"], told["report"], told["explanation"]["seconds"]) == ("SUCCEEDED", "r.html", 3600)
    assert "<title>run: SUCCEEDED</title>" in Path("r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("states", "status", "line"),
    [
        ({"Type": "Wait", "Seconds": 9, "End": True}, 3, "execution run timed out"),
        ({"Type": "Fail", "Error": "E", "Cause": "c"}, 1, "execution run failed: E: c"),
    ],
)
def test_the_exit_status_says_how_it_ended(
    states: dict[str, Any], status: int, line: str, asfini: Asfini
) -> None:
    definition = {"StartAt": "s", "TimeoutSeconds": 5, "States": {"s": states}}
    Path("s.json").write_text(json.dumps(definition), encoding="utf-8")
    ended = asfini("run", "s.json")
    assert (ended.status, ended.err.splitlines()[0]) == (status, f"asfini: error: {line}")


MOCKED = ["shop.asl.json", "--mock-config", "mocks.json"]
TOGETHER = "--mock-config FILE and --test-case CASE belong together"
NO_TASK = "no Task and no resource is called so, but 'charge',"


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["broken.json"], "broken.json: the definition is not JSON: "),
        (["wrong.json"], "state machine 'wrong' has 2 problems:\n  /States/a/Next: "),
        (["shop.asl.json", "--input", "{"], "the input is not JSON: "),
        (["shop.asl.json", "--input", "{" * 300], "the input is not JSON: "),
        (["shop.asl.json", "--input", "broken.json"], "; for what is in the file: --input @broken.json"),
        (["shop.asl.json", "--input", "@no.json"], "cannot read no.json: No such file"),
        (["shop.asl.json", "--mock", "charge"], "a mock is given like STATE=JSON or STATE=error:Name:cause"),
        (["shop.asl.json", "--mock", "=1"], "a mock is given like STATE=JSON"),
        (["shop.asl.json", "--mock", "chrge=1"], f"--mock chrge: {NO_TASK}"),
        (["shop.asl.json", "--mock", "apologise=1"], f"--mock apologise: {NO_TASK}"),
        (["shop.asl.json", "--mock", "charge=@no.json"], "cannot read no.json: No such file or directory\n"),
        (["shop.asl.json", "--mock", "charge=paid"], "text has quotes of its own: 'charge=\"…\"'"),
        (["shop.asl.json", "--mock", "charge=error:"], "a failure is given like error:Name or error:Name:"),
        (MOCKED, TOGETHER),
        (["shop.asl.json", "--test-case", "Paid"], TOGETHER),
        ([*MOCKED, "--test-case", "Lost"], "mocks.json has no test case 'Lost', but 'Paid', 'Declined'"),
        (
            [*MOCKED, "--test-case", "Paid", "--name", "other"],
            "mocks.json has no test case 'Paid', but none of 'other'; --name names the machine",
        ),
        (
            ["shop.asl.json", "--mock-config", "no.json", "--test-case", "Paid"],
            "--mock-config cannot be read: ",
        ),
        (["shop.asl.json", "--report", "no/where.html"], "there is no directory no"),
        (["shop.asl.json", "--lambda", "resize"], "a Lambda function is given like 'NAME=module:function'"),
        (["shop.asl.json", "--substitute", "A"], "--substitute is given like NAME=VALUE, not 'A'"),
        (["shop.asl.json", "--substitute", "A=1"], "shop.asl.json has no placeholder ${A} to be filled in"),
        (["shop.asl.json", "--name", "a b"], "a state machine must not have ' ' in its name"),
    ],
)
def test_what_cannot_be_run_is_named(argv: list[str], error: str, asfini: Asfini) -> None:
    Path("mocks.json").write_text(json.dumps(mock_config()), encoding="utf-8")
    Path("broken.json").write_text("{", encoding="utf-8")
    wrong = {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}}}
    Path("wrong.json").write_text(json.dumps(wrong), encoding="utf-8")
    before = sorted(Path().iterdir())
    ended = asfini("run", *argv)
    assert (ended.status, ended.out) == (2, "")
    assert error in ended.err
    assert sorted(Path().iterdir()) == before
