"""The least IAM policies: of machines' roles, of workers and starters."""

import json
from pathlib import Path
from typing import Any

import pytest

from asfini import (
    Activity,
    ActivityRegistration,
    Definition,
    InvalidArgument,
    Pass,
    StateMachine,
    Task,
    construct_state_machine,
)
from asfini.cli import main
from asfini.infrastructure import required_policy, starter_policy, worker_policy

HERE = "${AWS::Region}:${AWS::AccountId}"
EVENTS = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]


def task(resource: str, **parameters: Any) -> dict[str, Any]:
    """A definition with just a task of a service."""
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return {"StartAt": "a", "States": {"a": state}}


def allowed(machine: object, **options: Any) -> dict[str, list[str]]:
    """What a policy allows: resources by action."""
    found: dict[str, list[str]] = {}
    for statement in required_policy(machine, **options)["Statement"]:
        resources = statement["Resource"]
        for action in statement["Action"]:
            found.setdefault(action, []).extend([resources] if isinstance(resources, str) else resources)
    return found


def arn(service: str, resource: str) -> str:
    return f"arn:${{AWS::Partition}}:{service}:{HERE}:{resource}"


def test_activities_and_states_without_tasks_need_nothing() -> None:
    assert required_policy(construct_state_machine("m", Pass("a")))["Statement"] == []
    assert required_policy(construct_state_machine("m", Task("a", Activity("a"))))["Statement"] == []


@pytest.mark.parametrize(
    ("definition", "actions"),
    [
        (
            task("arn:aws:lambda:eu-west-1:123456789012:function:f"),
            {"lambda:InvokeFunction": ["arn:aws:lambda:eu-west-1:123456789012:function:f"]},
        ),
        (
            task("arn:aws:states:::lambda:invoke.waitForTaskToken", FunctionName="f"),
            {"lambda:InvokeFunction": [arn("lambda", "function:f")]},
        ),
        (
            task("arn:aws:states:::lambda:invoke", **{"FunctionName.$": "$.f"}),
            {"lambda:InvokeFunction": [arn("lambda", "function:*")]},
        ),
        (
            task("arn:aws:states:::lambda:invoke", FunctionName="{% $f %}"),
            {"lambda:InvokeFunction": [arn("lambda", "function:*")]},
        ),
        (
            task("arn:aws:states:::dynamodb:putItem", TableName="t"),
            {"dynamodb:PutItem": [arn("dynamodb", "table/t")]},
        ),
        (
            task("arn:aws:states:::sns:publish", TopicArn="arn:aws:sns:eu-west-1:123456789012:t"),
            {"sns:Publish": ["arn:aws:sns:eu-west-1:123456789012:t"]},
        ),
        (
            task(
                "arn:aws:states:::sqs:sendMessage",
                QueueUrl="https://sqs.eu-west-1.amazonaws.com/123456789012/q",
            ),
            {"sqs:SendMessage": ["arn:${AWS::Partition}:sqs:eu-west-1:123456789012:q"]},
        ),
        (
            task("arn:aws:states:::events:putEvents", Entries=[{"Detail": 1}, {"EventBusName": "b"}]),
            {"events:PutEvents": [arn("events", "event-bus/b"), arn("events", "event-bus/default")]},
        ),
        (
            task("arn:aws:states:::aws-sdk:s3:getObject", Bucket="b", Key="k"),
            {"s3:GetObject": ["arn:${AWS::Partition}:s3:::b/*"]},
        ),
        (task("arn:aws:states:::aws-sdk:sfn:listStateMachines"), {"states:ListStateMachines": ["*"]}),
        (
            task(
                "arn:aws:states:::apigateway:invoke", ApiEndpoint="x.execute-api.a", Method="GET", Stage="s"
            ),
            {"execute-api:Invoke": [arn("execute-api", "x/s/GET/*")]},
        ),
        (task("arn:aws:states:::batch:submitJob"), {"batch:SubmitJob": ["*"]}),
    ],
)
def test_tasks_need_their_actions_on_what_they_name(
    definition: dict[str, Any], actions: dict[str, list[str]]
) -> None:
    assert allowed(definition) == actions


@pytest.mark.parametrize(
    ("resource", "parameters", "resources"),
    [
        ("lambda:invoke", {"FunctionName": "f", "Qualifier": "live"}, [arn("lambda", "function:f:live")]),
        ("lambda:invoke", {"FunctionName": "f", "Qualifier.$": "$.q"}, [arn("lambda", "function:f:*")]),
        ("lambda:invoke", {"FunctionName": "123456789012:function:f"}, [arn("lambda", "function:f")]),
        ("aws-sdk:lambda:invoke", {"FunctionName": "f"}, [arn("lambda", "function:f")]),
        (
            "sqs:sendMessage",
            {"QueueUrl": "https://sqs.${AWS::Region}.a.b/${AWS::AccountId}/q"},
            [arn("sqs", "q")],
        ),
        ("sqs:sendMessage", {"QueueUrl": "${Queue}"}, [arn("sqs", "*")]),
        ("sns:publish", {"PhoneNumber.$": "$.phone"}, ["*"]),
        ("sns:publish", {"TargetArn": "arn:aws:sns:a:1:endpoint/GCM/a/1"}, ["*"]),
        (
            "ecs:runTask",
            {"TaskDefinition": "arn:aws:ecs:a:1:task-definition/d"},
            ["arn:aws:ecs:a:1:task-definition/d:*"],
        ),
        (
            "ecs:runTask",
            {"TaskDefinition": "arn:aws:ecs:a:1:task-definition/d:3"},
            ["arn:aws:ecs:a:1:task-definition/d:3"],
        ),
        (
            "aws-sdk:dynamodb:query",
            {"TableName": "t", "IndexName": "i"},
            [arn("dynamodb", "table/t"), arn("dynamodb", "table/t/index/i")],
        ),
        (
            "aws-sdk:sfn:startExecution",
            {"StateMachineArn": "arn:aws:states:a:1:stateMachine:n"},
            ["arn:aws:states:a:1:stateMachine:n"],
        ),
        (
            "aws-sdk:eventbridge:putEvents",
            {"Entries": [{"EventBusName": "b"}]},
            [arn("events", "event-bus/b")],
        ),
        (
            "bedrock:invokeModel",
            {"ModelId": "amazon.nova"},
            ["arn:${AWS::Partition}:bedrock:${AWS::Region}::foundation-model/amazon.nova"],
        ),
        (
            "aws-sdk:bedrockruntime:converse",
            {"ModelId": "eu.amazon.nova"},
            [
                "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:inference-profile/eu.amazon.nova",
                "arn:${AWS::Partition}:bedrock:*::foundation-model/amazon.nova",
            ],
        ),
        (
            "bedrock:invokeModel",
            {"ModelId": "arn:aws:bedrock:a:1:inference-profile/eu.amazon.nova"},
            [
                "arn:${AWS::Partition}:bedrock:*::foundation-model/*",
                "arn:aws:bedrock:a:1:inference-profile/eu.amazon.nova",
            ],
        ),
        (
            "bedrock:invokeModel",
            {"ModelId": "arn:aws:bedrock:a:1:provisioned-model/m"},
            ["arn:aws:bedrock:a:1:provisioned-model/m"],
        ),
        ("ecs:runTask", {"TaskDefinition.$": "$.d"}, [arn("ecs", "task-definition/*")]),
        ("ecs:runTask", {"TaskDefinition": "d"}, [arn("ecs", "task-definition/d:*")]),
        (
            "bedrock:invokeModel",
            {"ModelId.$": "$.m"},
            [arn("bedrock", "*"), "arn:${AWS::Partition}:bedrock:*::foundation-model/*"],
        ),
        ("eks:call", {"ClusterName": "c"}, []),
    ],
)
def test_resources_are_those_that_parameters_name(
    resource: str, parameters: dict[str, Any], resources: list[str]
) -> None:
    found = allowed(task(f"arn:aws:states:::{resource}", **parameters))
    found.pop("iam:PassRole", None)
    assert list(found.values()) == ([resources] if resources else [])


def test_resources_may_be_in_whichever_partition() -> None:
    nested = construct_state_machine("nested", Pass("a"))
    found = allowed(construct_state_machine("outer", Task("run", nested)))
    assert found["states:StartExecution"] == [arn("states", "stateMachine:nested")]
    assert found["states:DescribeExecution"] == [arn("states", "execution:nested:*")]
    assert "lambda:InvokeFunction" not in found
    sending = Task("send", "sqs:sendMessage", parameters={"QueueUrl": "q", "MessageBody": "m"})
    assert allowed(construct_state_machine("m", sending)) == {"sqs:SendMessage": [arn("sqs", "q")]}


def test_what_a_template_fills_in_may_be_anything_unless_it_is_told() -> None:
    definition = task("arn:aws:states:::dynamodb:putItem", TableName="orders-${Stage}")
    assert allowed(definition) == {"dynamodb:PutItem": [arn("dynamodb", "table/orders-*")]}
    assert allowed(definition, substitutions={"Stage": "live"}) == {
        "dynamodb:PutItem": [arn("dynamodb", "table/orders-live")]
    }
    assert allowed(definition, substitutions={"Stage": {"Ref": "Stage"}}) == {
        "dynamodb:PutItem": [arn("dynamodb", "table/orders-${Stage}")]
    }
    function = task("${Tell}")
    assert allowed(function) == {"lambda:InvokeFunction": [arn("lambda", "function:*")]}
    assert allowed(function, substitutions={"Tell": {"Ref": "Tell"}}) == {
        "lambda:InvokeFunction": ["${Tell}"]
    }


@pytest.mark.parametrize(
    "function",
    [
        {"Fn::GetAtt": ["T", "Arn"]},
        {"Fn::GetAtt": "T.Arn"},
        {"Fn::Sub": "arn:aws:x:${T}"},
        {"Fn::Sub": ["arn:aws:x:${T}", {"T": "t"}]},
    ],
)
def test_arns_that_a_template_fills_in_are_the_whole_resource(function: dict[str, Any]) -> None:
    definition = task("arn:aws:states:::dynamodb:putItem", TableName="${Table}")
    assert allowed(definition, substitutions={"Table": function}) == {"dynamodb:PutItem": ["${Table}"]}


def test_queries_may_do_to_tables_what_they_say() -> None:
    reading = allowed(task("arn:aws:states:::athena:startQueryExecution", QueryString=" SELECT 1"))
    assert "glue:GetTable" in reading
    assert "glue:CreateTable" not in reading
    for parameters in ({"QueryString": "CREATE TABLE t AS SELECT 1"}, {"QueryString.$": "$.q"}):
        writing = allowed(task("arn:aws:states:::athena:startQueryExecution", **parameters))
        assert {"glue:GetTable", "glue:CreateTable", "s3:PutObject"} <= writing.keys()
    assert "athena:BatchGetQueryExecution" in allowed(
        task("arn:aws:states:::athena:startQueryExecution.sync", WorkGroup="w")
    )


@pytest.mark.parametrize(
    ("role", "resource"),
    [
        ({"RoleArn": "arn:aws:iam::1:role/r"}, "arn:aws:iam::1:role/r"),
        ({"RoleArn": "r"}, "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/r"),
        ({"RoleArn.$": "$.r"}, "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"),
    ],
)
def test_roles_are_passed_to_the_service_alone(role: dict[str, str], resource: str) -> None:
    definition = task("arn:aws:states:::sagemaker:createTrainingJob", TrainingJobName="j", **role)
    statements = required_policy(definition)["Statement"]
    (passing,) = [each for each in statements if each["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == resource
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert allowed(definition)["sagemaker:CreateTrainingJob"] == [arn("sagemaker", "training-job/j")]


@pytest.mark.parametrize("job", ["HyperParameterTuningJob", "LabelingJob", "ProcessingJob", "TransformJob"])
def test_jobs_of_sagemaker_are_watched_and_stopped(job: str) -> None:
    resource = f"arn:aws:states:::sagemaker:create{job}.sync"
    found = allowed(task(resource, **{f"{job}Name": "j"}))
    actions = {f"sagemaker:{verb}{job}" for verb in ("Create", "Describe", "Stop")}
    assert {tuple(found[action]) for action in actions} == {tuple(found["sagemaker:AddTags"])}
    assert found["sagemaker:AddTags"][0].endswith("-job/j")
    assert found.keys() >= {*EVENTS, "iam:PassRole", "sagemaker:ListTags"}


def test_a_service_may_be_allowed_to_make_its_own_role() -> None:
    definition = task("arn:aws:states:::emr-serverless:createApplication.sync")
    (statement,) = [each for each in required_policy(definition)["Statement"] if "Condition" in each]
    assert statement["Action"] == ["iam:CreateServiceLinkedRole"]
    assert statement["Condition"] == {
        "StringLike": {"iam:AWSServiceName": "ops.emr-serverless.amazonaws.com"}
    }


def test_waiting_for_a_job_needs_its_rule() -> None:
    found = allowed(task("arn:aws:states:::batch:submitJob.sync"))
    assert found.keys() == {"batch:SubmitJob", "batch:DescribeJobs", "batch:TerminateJob", *EVENTS}
    assert found["events:PutRule"] == [arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule")]


def test_waiting_for_an_execution_needs_to_look_at_it() -> None:
    nested = "arn:aws:states:eu-west-1:123456789012:stateMachine:nested"
    found = allowed(task("arn:aws:states:::states:startExecution.sync:2", StateMachineArn=nested))
    assert found["states:StartExecution"] == [nested]
    assert found["states:DescribeExecution"] == [arn("states", "execution:nested:*")]
    assert found.keys() >= set(EVENTS)


def test_jobs_that_are_not_documented_may_have_any_rule() -> None:
    found = allowed(task("arn:aws:states:::newest:startJob.sync"))
    assert found["newest:StartJob"] == ["*"]
    assert found["events:PutRule"] == [arn("events", "rule/StepFunctionsGetEvent*")]


def test_http_tasks_need_their_endpoint_and_connection() -> None:
    connection = "arn:aws:events:eu-west-1:123456789012:connection/c/1"
    definition = task(
        "arn:aws:states:::http:invoke",
        ApiEndpoint="https://example.com/",
        Method="GET",
        Authentication={"ConnectionArn": connection},
    )
    found = allowed(definition)
    assert found["events:RetrieveConnectionCredentials"] == [connection]
    (statement,) = [each for each in required_policy(definition)["Statement"] if "Condition" in each]
    assert statement["Condition"] == {
        "StringEquals": {"states:HTTPMethod": "GET"},
        "StringLike": {"states:HTTPEndpoint": "https://example.com/"},
    }


def test_a_task_in_another_role_needs_that_alone() -> None:
    definition = task("arn:aws:states:::lambda:invoke", FunctionName="f")
    definition["States"]["a"]["Credentials"] = {"RoleArn": "arn:aws:iam::123456789012:role/r"}
    assert allowed(definition) == {"sts:AssumeRole": ["arn:aws:iam::123456789012:role/r"]}


def test_distributed_maps_start_executions_and_read_and_write_objects() -> None:
    place = {"Bucket": "in", "Key": "a.csv"}
    processor = task("arn:aws:lambda:eu-west-1:123456789012:function:f")
    state = {
        "Type": "Map",
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": place},
        "ItemProcessor": processor
        | {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "out", "Prefix": "p"},
        },
        "End": True,
    }
    found = allowed({"StartAt": "a", "States": {"a": state}}, name="m")
    assert found["states:StartExecution"] == [arn("states", "stateMachine:m")]
    assert found["states:DescribeExecution"] == [arn("states", "execution:m:*")]
    assert found["states:RedriveExecution"] == [arn("states", "execution:m/*:*")]
    assert set(found["s3:GetObject"]) == {
        "arn:${AWS::Partition}:s3:::in/a.csv",
        "arn:${AWS::Partition}:s3:::out/p/*",
    }
    assert found["s3:PutObject"] == ["arn:${AWS::Partition}:s3:::out/p/*"]
    assert "lambda:InvokeFunction" in found


@pytest.mark.parametrize(
    ("config", "actions"),
    [
        ({}, {"s3:ListBucket"}),
        ({"Transformation": "LOAD_AND_FLATTEN"}, {"s3:ListBucket", "s3:GetObject"}),
    ],
)
def test_listed_objects_are_read_where_they_are_the_items(config: dict[str, Any], actions: set[str]) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": "in", "Prefix": "p"},
        "ReaderConfig": config,
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "b", "States": {}}
    writer = {"WriterConfig": {"OutputType": "JSON"}}
    state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "ResultWriter": writer}
    found = allowed({"StartAt": "a", "States": {"a": state}})
    assert {action for action in found if action.startswith("s3:")} == actions
    (listing,) = [
        each
        for each in required_policy({"StartAt": "a", "States": {"a": state}})["Statement"]
        if "s3:ListBucket" in each["Action"]
    ]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["p*"]}}


@pytest.mark.parametrize(
    ("config", "objects"),
    [
        ({"InputType": "CSV"}, "in/list.csv"),
        ({"InputType": "MANIFEST"}, "in/*"),
        ({"InputType": "CSV", "ManifestType": "ATHENA_DATA"}, "in/*"),
    ],
)
def test_what_a_manifest_lists_is_read_as_well(config: dict[str, Any], objects: str) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Arguments": {"Bucket": "in", "Key": "list.csv"},
        "ReaderConfig": config,
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "b", "States": {}}
    state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor}
    found = allowed({"StartAt": "a", "States": {"a": state}})
    assert found["s3:GetObject"] == [f"arn:${{AWS::Partition}}:s3:::{objects}"]


def test_logs_traces_and_keys_need_more() -> None:
    definition = Definition.starting_at(Pass("a", end=True))
    encryption = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
    machine = StateMachine("m", definition, logging={"level": "ALL"}, tracing=True, encryption=encryption)
    found = allowed(machine)
    assert found.keys() >= {"logs:CreateLogDelivery", "logs:PutLogEvents", "xray:PutTraceSegments"}
    assert found["kms:Decrypt"] == [arn("kms", "key/k")]
    assert allowed(StateMachine("m", definition, logging={"level": "OFF"}, tracing=False)) == {}
    by_alias = StateMachine("m", definition, encryption=encryption | {"kmsKeyId": "alias/k"})
    (statement,) = required_policy(by_alias)["Statement"]
    assert statement["Condition"] == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/k"}}


def test_what_has_not_the_form_of_states_is_passed_over() -> None:
    broken = {"Type": "Map", "ItemProcessor": {"StartAt": "b"}, "Iterator": None, "End": True}
    assert allowed({"StartAt": "a", "States": {"a": broken}}) == {}
    assert (
        allowed({"StartAt": "a", "States": {"a": {"Type": "Task"}, "b": {"Type": "Task", "Resource": 5}}})
        == {}
    )
    assert (
        allowed({"StartAt": "a", "States": {"a": {"Type": "Pass", "Resource": "arn:aws:lambda:a:1:b"}}}) == {}
    )


def test_the_same_action_is_told_once() -> None:
    first = Task("a", "arn:aws:states:::sns:publish", parameters={"TopicArn": "arn:aws:sns:a:1:t"})
    first >> Task("b", "arn:aws:states:::sns:publish", parameters={"TopicArn": "arn:aws:sns:a:1:u"})
    (statement,) = required_policy(construct_state_machine("m", first))["Statement"]
    assert statement["Resource"] == ["arn:aws:sns:a:1:t", "arn:aws:sns:a:1:u"]


def test_workers_take_and_report_tasks_of_their_activities() -> None:
    group = ActivityRegistration(prefix="shop-")
    group.add_activity(Activity("shop-pay"))
    machine = construct_state_machine("m", Task("a", Activity("shop-pay")))
    take, report = worker_policy(machine)["Statement"]
    assert (take["Action"], take["Resource"]) == (
        ["states:GetActivityTask"],
        arn("states", "activity:shop-pay"),
    )
    assert report["Action"] == [
        "states:SendTaskFailure",
        "states:SendTaskHeartbeat",
        "states:SendTaskSuccess",
    ]
    assert worker_policy(group) == worker_policy(machine)
    with pytest.raises(InvalidArgument, match="there are no activities"):
        worker_policy(construct_state_machine("m", Pass("a")))


def test_starters_start_and_watch_one_machines_executions() -> None:
    machine = construct_state_machine("m", Pass("a"))
    text = json.dumps(starter_policy(machine))
    assert all(
        each in text for each in ("states:StartExecution", "states:DescribeExecution", "execution:m:*")
    )
    express = json.dumps(starter_policy(StateMachine("m", machine.definition, type="EXPRESS")))
    assert "states:StartSyncExecution" in express
    assert "states:DescribeExecution" not in express
    with pytest.raises(InvalidArgument, match="which machine's executions"):
        starter_policy(machine.definition)


def test_the_command_prints_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.asl.json"
    path.write_text(json.dumps(task("arn:aws:states:::lambda:invoke", FunctionName="f")), encoding="utf-8")
    assert main(["policy", str(path), "--account", "123456789012", "--region", "eu-west-1"]) == 0
    (statement,) = json.loads(capsys.readouterr().out)["Statement"]
    assert statement["Resource"] == "arn:aws:lambda:eu-west-1:123456789012:function:f"
    assert main(["policy", str(path), "--account", "123456789012", "--region", "cn-north-1"]) == 0
    assert "arn:aws-cn:lambda:cn-north-1:123456789012:function:f" in capsys.readouterr().out
    assert main(["policy", str(path), "--for", "starter", "--name", "m"]) == 0
    assert "stateMachine:m" in capsys.readouterr().out
    assert main(["policy", str(path), "--for", "worker"]) == 2
    assert main(["policy"]) == 2
