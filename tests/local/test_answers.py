"""Answers of all operations, compared with the model of the API that botocore ships."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import anyio
import pytest
from botocore.loaders import create_loader

from asfini import local
from asfini.local.service import LocalService
from asfini.service import ServiceWrapper
from asfini.testing import virtual_time

MODEL = create_loader().load_service_model("stepfunctions", "service-2")
SHAPES = MODEL["shapes"]
KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "float": (float, int),
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (datetime,),
}
ROLE = "arn:aws:iam::123456789012:role/any"


def snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]


OUTPUTS = {snake(name): operation.get("output") for name, operation in MODEL["operations"].items()}


def misfits(shape: str, value: Any, path: str) -> list[str]:
    """What in a value is not as the model has it: types, members, values, and what must be there."""
    described = SHAPES[shape]
    kind = described["type"]
    if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{path} is {value!r}, no {kind}"]
    if kind == "list":
        inner = [(described["member"]["shape"], item, f"{path}[{i}]") for i, item in enumerate(value)]
    elif kind == "map":
        inner = [(described["value"]["shape"], item, f"{path}.{key}") for key, item in value.items()]
    elif kind == "structure":
        known = described["members"]
        found = [f"{path}.{key} is unknown" for key in value if key not in known]
        found += [f"{path}.{key} is missing" for key in described.get("required", []) if key not in value]
        if found:
            return found
        inner = [(known[key]["shape"], item, f"{path}.{key}") for key, item in value.items()]
    elif kind == "string":
        allowed = described.get("enum")
        return [f"{path} is {value!r}"] if allowed and value not in allowed else []
    else:
        return []
    return [each for part in inner for each in misfits(*part)]


class Watched(ServiceWrapper):
    """Compares each answer with the model, and notes what was called."""

    def __init__(self, inner: LocalService) -> None:
        super().__init__(inner)
        self.called: set[str] = set()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        answer = await super().call(operation, **parameters)
        self.called.add(operation)
        output = OUTPUTS[operation]
        assert misfits(output["shape"], answer, operation) == []
        return answer

    async def __call__(self, operation: str, **parameters: Any) -> Any:
        return await self.call(operation, **parameters)


@pytest.fixture
async def call() -> AsyncIterator[Watched]:
    with virtual_time():
        async with local.connect(handlers={"work": lambda item: item}) as client:
            assert isinstance(client.service, LocalService)
            yield Watched(client.service)


def definition(state: dict[str, Any]) -> str:
    given = {"End": True, **state}
    return json.dumps(
        {"StartAt": "s", "States": {"s": {key: part for key, part in given.items() if part is not None}}}
    )


async def create(call: Watched, name: str, state: dict[str, Any], **options: Any) -> str:
    """Make a machine of one state."""
    made = await call(
        "create_state_machine", name=name, definition=definition(state), roleArn=ROLE, **options
    )
    return str(made["stateMachineArn"])


MAPPING = {
    "Type": "Map",
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "w",
        "States": {"w": {"Type": "Wait", "Seconds": 10, "End": True}},
    },
}


async def try_activities(call: Watched) -> None:
    made = await call("create_activity", name="pay", tags=[{"key": "a", "value": "b"}])
    arn = made["activityArn"]
    machine = await create(call, "paying", {"Type": "Task", "Resource": arn})
    for _ in range(3):
        await call("start_execution", stateMachineArn=machine)
    tokens = [(await call("get_activity_task", activityArn=arn))["taskToken"] for _ in range(3)]
    await call("send_task_heartbeat", taskToken=tokens[0])
    await call("send_task_success", taskToken=tokens[0], output="1")
    await call("send_task_failure", taskToken=tokens[1], error="E", cause="C")
    await call("describe_activity", activityArn=arn)
    await call("list_activities")
    await call("tag_resource", resourceArn=arn, tags=[{"key": "c"}])
    await call("list_tags_for_resource", resourceArn=arn)
    await call("untag_resource", resourceArn=arn, tagKeys=["a"])
    await call("delete_activity", activityArn=arn)


async def try_executions(call: Watched) -> None:
    machine = await create(call, "waiting", {"Type": "Wait", "Seconds": 60})
    running = (await call("start_execution", stateMachineArn=machine, traceHeader="Root=1"))["executionArn"]
    stopped = (await call("start_execution", stateMachineArn=machine))["executionArn"]
    await anyio.sleep(1)
    await call("stop_execution", executionArn=stopped, error="E", cause="C")
    await call("redrive_execution", executionArn=stopped)
    await anyio.sleep(100)
    for arn in (running, stopped):
        await call("describe_execution", executionArn=arn)
        await call("get_execution_history", executionArn=arn)
        await call("get_execution_history", executionArn=arn, includeExecutionData=False)
        await call("describe_state_machine_for_execution", executionArn=arn)
    await call("list_executions", stateMachineArn=machine, maxResults=1)
    express = await create(call, "at-once", {"Type": "Fail", "Error": "E", "End": None}, type="EXPRESS")
    for included in ("ALL_DATA", "METADATA_ONLY"):
        await call("start_sync_execution", stateMachineArn=express, includedData=included)


async def try_machines(call: Watched) -> None:
    machine = await create(call, "shop", {"Type": "Pass"}, publish=True, versionDescription="first")
    await call("list_state_machines")
    updated = await call("update_state_machine", stateMachineArn=machine, definition=definition(MAPPING))
    await call("describe_state_machine", stateMachineArn=machine)
    version = await call(
        "publish_state_machine_version", stateMachineArn=machine, revisionId=updated["revisionId"]
    )
    routes = [{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}]
    alias = await call("create_state_machine_alias", name="live", routingConfiguration=routes)
    arn = alias["stateMachineAliasArn"]
    started = await call("start_execution", stateMachineArn=arn)
    await call("describe_execution", executionArn=started["executionArn"])
    await call("describe_state_machine", stateMachineArn=version["stateMachineVersionArn"])
    await call("describe_state_machine_alias", stateMachineAliasArn=arn)
    await call("list_state_machine_aliases", stateMachineArn=machine)
    await call("list_state_machine_versions", stateMachineArn=machine)
    await call("update_state_machine_alias", stateMachineAliasArn=arn, description="now")
    await call("delete_state_machine_alias", stateMachineAliasArn=arn)
    await call("delete_state_machine_version", stateMachineVersionArn=f"{machine}:1")
    await call("delete_state_machine", stateMachineArn=machine)
    await call("describe_state_machine", stateMachineArn=machine)


async def try_map_runs(call: Watched) -> None:
    machine = await create(call, "mapping", MAPPING)
    started = await call("start_execution", stateMachineArn=machine, input="[1, 2]")
    await anyio.sleep(1)
    runs = (await call("list_map_runs", executionArn=started["executionArn"]))["mapRuns"]
    arn = runs[0]["mapRunArn"]
    await call("update_map_run", mapRunArn=arn, maxConcurrency=1, toleratedFailurePercentage=5)
    for seconds in (0, 60):
        await anyio.sleep(seconds)
        await call("describe_map_run", mapRunArn=arn)
        children = await call("list_executions", mapRunArn=arn)
        for child in children["executions"]:
            await call("describe_execution", executionArn=child["executionArn"])


async def try_definitions(call: Watched) -> None:
    await call("validate_state_machine_definition", definition="{}")
    task = json.dumps({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True})
    for level in ("INFO", "DEBUG", "TRACE"):
        for mock in ({"result": "{}"}, {"errorOutput": {"error": "E", "cause": "C"}}):
            given = {"mock": mock | {"fieldValidationMode": "NONE"}, "inspectionLevel": level}
            await call("test_state", definition=task, input="{}", **given)


async def test_all_answers_are_as_the_model_has_them(call: Watched) -> None:
    for try_some in (try_activities, try_executions, try_machines, try_map_runs, try_definitions):
        await try_some(call)
    assert call.called == set(OUTPUTS)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ({"stateMachineArn": "x", "creationDate": "today"}, "creationDate is 'today', no timestamp"),
        ({"stateMachineArn": "x"}, "creationDate is missing"),
        ({"name": "x"}, "name is unknown"),
    ],
)
def test_the_comparison_sees_what_does_not_fit(answer: dict[str, Any], wrong: str) -> None:
    assert any(wrong in each for each in misfits("CreateStateMachineOutput", answer, "a"))
