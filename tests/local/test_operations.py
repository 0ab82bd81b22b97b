"""The local service's operations as a whole: what they take, how they refuse, how they page."""

import base64
import inspect
import json
import math
from typing import Any

import anyio
import pytest
from botocore.loaders import create_loader

from asfini import Client, InvalidArgument, Succeed, Wait, construct_state_machine
from asfini.errors import (
    InvalidArn,
    InvalidName,
    InvalidToken,
    ServiceError,
    TooManyTags,
    ValidationException,
)
from asfini.local._requests import REQUESTS, received
from asfini.local._shapes import Fields, Items, Number, Shape, Text, Truth
from asfini.local.service import LocalService

MODEL = create_loader().load_service_model("stepfunctions", "service-2")
SHAPES = MODEL["shapes"]
PREFIX = "arn:aws:states:us-east-1:123456789012:"
SHOP = f"{PREFIX}stateMachine:shop"


def snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]


MEMBERS = {
    snake(name): SHAPES[operation["input"]["shape"]] for name, operation in MODEL["operations"].items()
}


@pytest.fixture
def service(local_client: Client) -> LocalService:
    assert isinstance(local_client.service, LocalService)
    return local_client.service


@pytest.fixture
async def shop(local_client: Client) -> str:
    await local_client.register(construct_state_machine("shop", Wait("wait", 3600)))
    return SHOP


def by_model(name: str) -> tuple[Any, ...]:
    """What the model says of a shape."""
    shape = SHAPES[name]
    limits = (shape.get("min"), shape.get("max"))
    match shape["type"]:
        case "string":
            return ("text", *limits, {*shape.get("enum", [])}, shape.get("pattern"), "sensitive" in shape)
        case "boolean":
            return ("truth",)
        case "list":
            return ("items", *limits, by_model(shape["member"]["shape"]))
        case "structure":
            members = {key: by_model(member["shape"]) for key, member in shape["members"].items()}
            return ("fields", name, list(members), members, {*shape.get("required", [])})
        case number:
            return ("number", *limits, number in {"integer", "long"})


def by_table(shape: Shape) -> tuple[Any, ...]:
    """What our table says of a shape."""
    match shape:
        case Text(least, most, values, pattern, secret):
            return ("text", least, most, {*values}, pattern, secret)
        case Truth():
            return ("truth",)
        case Items(of, least, most):
            return ("items", least, most, by_table(of))
        case Fields(name, members, needed):
            return ("fields", name, list(members), {k: by_table(v) for k, v in members.items()}, {*needed})
        case _:
            assert isinstance(shape, Number)
            return ("number", shape.least, shape.most, shape.whole)


class TestTheModel:
    """What is written by hand is compared with the model of the API that botocore ships."""

    def test_the_table_has_all_operations(self) -> None:
        assert set(REQUESTS) == set(MEMBERS)
        assert len(REQUESTS) == 37

    @pytest.mark.parametrize("operation", MODEL["operations"])
    def test_each_takes_what_the_model_says(self, operation: str) -> None:
        _, name, *told = by_table(REQUESTS[snake(operation)])
        _, _, *wanted = by_model(MODEL["operations"][operation]["input"]["shape"])
        assert name == snake(operation)
        assert told == wanted

    async def test_what_the_local_service_answers_takes_the_same(self, service: LocalService) -> None:
        for name, operation in service._operations.items():
            taken = inspect.signature(operation._method).parameters  # type: ignore[attr-defined]
            request = REQUESTS[name]
            assert set(taken) == set(request.members), name
            needed = {key for key, value in taken.items() if value.default is value.empty}
            assert needed == set(request.needed), name


class TestRefusals:
    @pytest.mark.parametrize(
        ("operation", "parameters", "message"),
        [
            ("describe_execution", {}, "missing parameter 'executionArn'"),
            ("describe_execution", {"executionArn": None}, "missing parameter 'executionArn'"),
            ("describe_execution", {"executionArn": 5}, "executionArn is text, not of type int"),
            ("describe_activity", {"activityArm": "x"}, "unknown parameter 'activityArm'; missing parameter"),
            ("list_activities", {"maxResults": "5"}, "maxResults is a whole number, not of type str"),
            ("list_activities", {"maxResults": True}, "maxResults is a whole number, not of type bool"),
            (
                "get_execution_history",
                {"executionArn": "x", "reverseOrder": 1},
                "reverseOrder is True or False",
            ),
            ("tag_resource", {"resourceArn": "x", "tags": {"a": "b"}}, "tags is a list, not of type dict"),
            (
                "create_activity",
                {"name": "a", "encryptionConfiguration": "x"},
                "is an object, not of type str",
            ),
            (
                "create_activity",
                {"name": "a", "encryptionConfiguration": {"kmsKey": "x"}},
                "unknown parameter 'encryptionConfiguration.kmsKey'; "
                "missing parameter 'encryptionConfiguration.type'",
            ),
            (
                "create_activity",
                {"name": "a", "tags": [{"key": None}]},
                r"tags\[0\].key is text, not of type NoneType",
            ),
            ("untag_resource", {"resourceArn": "x", "tagKeys": ["a", 5]}, r"tagKeys\[1\] is text"),
            ("no_such_thing", {}, "cannot call 'no_such_thing': the local service has no such operation"),
            (
                "start_execution",
                {"stateMachineArn": SHOP, "input": {"secret": 1}},
                "input is text, not of type",
            ),
        ],
    )
    async def test_what_no_sdk_would_send_is_an_invalid_argument(
        self, service: LocalService, operation: str, parameters: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidArgument, match=message) as caught:
            await service.call(operation, **parameters)
        assert operation in str(caught.value)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("operation", "parameters", "message"),
        [
            (
                "list_activities",
                {"maxResults": 1001},
                "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
                "Member must have value less than or equal to 1000",
            ),
            (
                "list_activities",
                {"maxResults": -1},
                "1 validation error detected: Value '-1' at 'maxResults' failed to satisfy constraint: "
                "Member must have value greater than or equal to 0",
            ),
            (
                "list_executions",
                {"stateMachineArn": SHOP, "statusFilter": "succeeded"},
                "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy "
                "constraint: Member must satisfy enum value set: "
                "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
            ),
            (
                "list_executions",
                {"stateMachineArn": SHOP, "nextToken": "x" * 3097, "maxResults": 1001},
                "2 validation errors detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
                "Member must have value less than or equal to 1000; "
                f"Value '{'x' * 3097}' at 'nextToken' failed to satisfy "
                "constraint: Member must have length less than or equal to 3096",
            ),
            (
                "create_activity",
                {"name": "x" * 81},
                f"1 validation error detected: Value '{'x' * 81}' at 'name' failed to satisfy constraint: "
                "Member must have length less than or equal to 80",
            ),
            (
                "start_execution",
                {"stateMachineArn": SHOP, "input": '"' + "é" * 131_072 + '"'},
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                "Member must have length less than or equal to 262144",
            ),
            (
                "send_task_failure",
                {"taskToken": "x", "error": "x" * 257},
                "1 validation error detected: Value at 'error' failed to satisfy constraint: "
                "Member must have length less than or equal to 256",
            ),
            (
                "start_execution",
                {"stateMachineArn": SHOP, "traceHeader": "é"},
                "1 validation error detected: Value 'é' at 'traceHeader' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: \\p{ASCII}*",
            ),
            (
                "create_activity",
                {"name": "a", "tags": [{"key": "a"}, {"key": "", "value": "x" * 257}]},
                "2 validation errors detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1; "
                f"Value '{'x' * 257}' at 'tags.2.member.value' failed to satisfy constraint: "
                "Member must have length less than or equal to 256",
            ),
            (
                "create_activity",
                {"name": "a", "encryptionConfiguration": {"type": "NONE", "kmsDataKeyReusePeriodSeconds": 1}},
                "2 validation errors detected: Value '1' at "
                "'encryptionConfiguration.kmsDataKeyReusePeriodSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 60; "
                "Value 'NONE' at 'encryptionConfiguration.type' failed to satisfy constraint: "
                "Member must satisfy enum value set: [AWS_OWNED_KEY, CUSTOMER_MANAGED_KMS_KEY]",
            ),
        ],
    )
    async def test_what_breaks_a_limit_is_refused_in_awss_words(
        self, service: LocalService, operation: str, parameters: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValidationException) as caught:
            await service.call(operation, **parameters)
        assert caught.value.message == message
        assert caught.value.operation == operation

    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({"name": 1}, "SerializationException", "NUMBER_VALUE can not be converted to a String"),
            ({"name": True}, "SerializationException", "TRUE_VALUE can not be converted to a String"),
            ({"name": []}, "SerializationException", "Start of list found where not expected"),
            (
                {"name": {}},
                "SerializationException",
                "Start of structure or map found where not expected.",
            ),
            ({"tags": "x"}, "SerializationException", "Expected list or null"),
            ({"tags": [1]}, "SerializationException", "Expected null"),
            ({"encryptionConfiguration": "x"}, "SerializationException", "Expected null"),
            (
                {"encryptionConfiguration": {"kmsDataKeyReusePeriodSeconds": "1"}},
                "SerializationException",
                "STRING_VALUE can not be converted to an Integer",
            ),
            ("x", "SerializationException", "Expected null"),
            (
                {"name": None, "encryptionConfiguration": {}},
                "ValidationException",
                "2 validation errors detected: Value null at 'name' failed to satisfy constraint: "
                "Member must not be null; Value null at 'encryptionConfiguration.type' failed to satisfy "
                "constraint: Member must not be null",
            ),
        ],
    )
    def test_what_comes_over_http_is_refused_as_awss_reader_does(
        self, body: Any, code: str, message: str
    ) -> None:
        with pytest.raises(ServiceError) as caught:
            received("create_activity", body)
        assert (caught.value.code, caught.value.message) == (code, message)

    @pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
    async def test_no_number_of_these_is_taken(self, service: LocalService, number: float) -> None:
        with pytest.raises(ServiceError, match="NUMBER_VALUE can not be converted to an Integer"):
            received("list_activities", {"maxResults": number})
        with pytest.raises(ValidationException, match="'toleratedFailurePercentage' failed to satisfy"):
            await service.call("update_map_run", mapRunArn="x", toleratedFailurePercentage=number)

    def test_what_is_null_or_unknown_there_is_left_out(self) -> None:
        given = {"name": "a", "colour": 5, "tags": [None, {"key": "a", "value": None, "x": 1}]}
        assert received("create_activity", given) == {"name": "a", "tags": [{"key": "a"}]}
        assert received("list_activities", {"maxResults": 5.0}) == {"maxResults": 5}

    @pytest.mark.parametrize(
        ("routing", "message"),
        [
            (
                [{"stateMachineVersionArn": "v", "weight": 101}],
                "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed "
                "to satisfy constraint: Member must have value less than or equal to 100",
            ),
            (
                [{"stateMachineVersionArn": "v", "weight": 1}] * 3,
                "1 validation error detected: Value '["
                + ", ".join(["RoutingConfigurationListItem(stateMachineVersionArn=v, weight=1)"] * 3)
                + "]' at 'routingConfiguration' failed to satisfy constraint: "
                "Member must have length less than or equal to 2",
            ),
        ],
    )
    def test_lists_are_refused_with_what_is_in_them(self, routing: list[Any], message: str) -> None:
        with pytest.raises(ValidationException) as caught:
            received("create_state_machine_alias", {"name": "live", "routingConfiguration": routing})
        assert caught.value.message == message

    def test_a_secret_is_shown_nowhere(self) -> None:
        mock = {"result": "x" * 262_145, "errorOutput": {"error": "hush" * 100}}
        with pytest.raises(ValidationException, match="2 validation errors") as caught:
            received("test_state", {"definition": "{}", "mock": mock})
        assert "hush" not in caught.value.message
        assert "xx" not in caught.value.message

    @pytest.mark.parametrize(
        ("operation", "key", "kind"),
        [
            ("describe_activity", "activityArn", "activity"),
            ("delete_activity", "activityArn", "activity"),
            ("get_activity_task", "activityArn", "activity"),
            ("describe_state_machine", "stateMachineArn", "stateMachine"),
            ("update_state_machine", "stateMachineArn", "stateMachine"),
            ("delete_state_machine", "stateMachineArn", "stateMachine"),
            ("start_execution", "stateMachineArn", "stateMachine"),
            ("list_executions", "stateMachineArn", "stateMachine"),
            ("describe_execution", "executionArn", "execution"),
            ("stop_execution", "executionArn", "execution"),
            ("get_execution_history", "executionArn", "execution"),
            ("describe_state_machine_for_execution", "executionArn", "execution"),
            ("list_tags_for_resource", "resourceArn", "stateMachine"),
        ],
    )
    async def test_an_arn_of_another_kind_is_refused(
        self, service: LocalService, operation: str, key: str, kind: str
    ) -> None:
        with pytest.raises(InvalidArn) as caught:
            await service.call(operation, **{key: "nothing"})
        assert caught.value.message == "Invalid Arn: 'Invalid ARN prefix: nothing'"
        other = f"{PREFIX}mapRun:a/b:c"
        with pytest.raises(InvalidArn) as caught:
            await service.call(operation, **{key: other})
        assert caught.value.message == "Invalid Arn: 'Resource type not valid in this context: mapRun'"
        with pytest.raises(InvalidArn, match="arn:aws:s3:::bucket"):
            await service.call(operation, **{key: "arn:aws:s3:::bucket"})

    @pytest.mark.parametrize("character", [*' \t\n<>{}[]?*"#%\\^|~`$&,;:/\x00\x1f\x7f\x9f\ufffe\ud800'])
    @pytest.mark.parametrize("operation", ["create_activity", "create_state_machine"])
    async def test_a_name_with_a_character_that_aws_forbids_is_refused(
        self, service: LocalService, operation: str, character: str
    ) -> None:
        name = f"a{character}b"
        definition = {"definition": "{}", "roleArn": "x"} if "machine" in operation else {}
        with pytest.raises(InvalidName) as caught:
            await service.call(operation, name=name, **definition)
        assert caught.value.message == f"Invalid Name: '{name}'"

    @pytest.mark.parametrize("name", ["a", "ä", "a.b-c_d", "A" * 80, "1", "名"])
    async def test_any_other_name_is_taken(self, service: LocalService, name: str) -> None:
        assert (await service.call("create_activity", name=name))["activityArn"].endswith(f":{name}")

    async def test_an_error_says_which_operation_it_is_of(self, service: LocalService) -> None:
        with pytest.raises(ServiceError, match=r"^describe_state_machine: StateMachineDoesNotExist: "):
            await service.call("describe_state_machine", stateMachineArn=SHOP)


class TestTags:
    @pytest.mark.parametrize("kind", ["machine", "activity"])
    async def test_tags_are_set_told_and_removed(self, service: LocalService, kind: str, shop: str) -> None:
        arn = shop
        if kind == "activity":
            made = await service.call("create_activity", name="a", tags=[{"key": "old", "value": "1"}])
            arn = made["activityArn"]
            await service.call("untag_resource", resourceArn=arn, tagKeys=["old"])
        await service.call(
            "tag_resource", resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b"}, {"key": "a"}]
        )
        told = await service.call("list_tags_for_resource", resourceArn=arn)
        assert told == {"tags": [{"key": "a", "value": ""}, {"key": "b", "value": ""}]}
        await service.call("untag_resource", resourceArn=arn, tagKeys=["a", "nothing"])
        assert (await service.call("list_tags_for_resource", resourceArn=arn))["tags"] == [
            {"key": "b", "value": ""}
        ]

    @pytest.mark.parametrize(
        "tag",
        [
            5,
            "a",
            {},
            {"value": "x"},
            {"key": None, "value": "x"},
            {"key": "a", "value": 5},
            {"key": "a", "v": "b"},
        ],
    )
    async def test_what_is_no_tag_is_refused(self, service: LocalService, shop: str, tag: Any) -> None:
        with pytest.raises((InvalidArgument, ValidationException), match=r"tags(\[1\]|\.2\.)"):
            await service.call("tag_resource", resourceArn=shop, tags=[{"key": "fine"}, tag])
        assert (await service.call("list_tags_for_resource", resourceArn=shop))["tags"] == []

    async def test_fifty_tags_are_the_most(self, service: LocalService, shop: str) -> None:
        fifty = [{"key": str(number), "value": ""} for number in range(50)]
        await service.call("tag_resource", resourceArn=shop, tags=fifty)
        await service.call("tag_resource", resourceArn=shop, tags=fifty[:3])
        with pytest.raises(TooManyTags):
            await service.call("tag_resource", resourceArn=shop, tags=[{"key": "more", "value": ""}])


class TestPages:
    async def pages(
        self, service: LocalService, operation: str, key: str, **parameters: Any
    ) -> list[list[Any]]:
        """All pages of a list, as the tokens lead through it."""
        pages = []
        while True:
            answer = await service.call(operation, **parameters)
            pages.append(answer[key])
            if "nextToken" not in answer:
                return pages
            parameters["nextToken"] = answer["nextToken"]

    @pytest.mark.parametrize(
        ("size", "sizes"), [(0, [100, 100, 50]), (1000, [250]), (125, [125, 125]), (249, [249, 1])]
    )
    async def test_a_page_has_as_many_entries_as_asked_for(
        self, service: LocalService, size: int, sizes: list[int]
    ) -> None:
        for number in range(250):
            await service.call("create_activity", name=f"a-{number:03}")
        pages = await self.pages(service, "list_activities", "activities", maxResults=size)
        assert [len(page) for page in pages] == sizes
        names = [entry["name"] for page in pages for entry in page]
        assert names == [f"a-{number:03}" for number in range(250)]

    async def test_nothing_is_missed_or_told_twice_while_others_come_and_go(
        self, service: LocalService
    ) -> None:
        for number in range(100, 110):
            await service.call("create_activity", name=f"a-{number}")
        first = await service.call("list_activities", maxResults=5)
        await service.call("create_activity", name="a-000")
        for number in (101, 104, 105):
            await service.call("delete_activity", activityArn=f"{PREFIX}activity:a-{number}")
        rest = await service.call("list_activities", maxResults=100, nextToken=first["nextToken"])
        assert [entry["name"] for entry in rest["activities"]] == ["a-106", "a-107", "a-108", "a-109"]

    async def test_executions_that_start_meanwhile_move_nothing(
        self, service: LocalService, shop: str
    ) -> None:
        for number in range(4):
            await service.call("start_execution", stateMachineArn=shop, name=f"x-{number}")
        first = await service.call("list_executions", stateMachineArn=shop, maxResults=2)
        await service.call("start_execution", stateMachineArn=shop, name="late")
        rest = await service.call("list_executions", stateMachineArn=shop, nextToken=first["nextToken"])
        names = [entry["name"] for page in (first, rest) for entry in page["executions"]]
        assert names == ["x-3", "x-2", "x-1", "x-0"]

    async def test_events_that_come_meanwhile_move_nothing_in_reverse(
        self, service: LocalService, shop: str
    ) -> None:
        started = await service.call("start_execution", stateMachineArn=shop)
        asked = {"executionArn": started["executionArn"], "reverseOrder": True, "maxResults": 1}
        await service.changed(started["executionArn"], 0, events_seen=1)
        first = await service.call("get_execution_history", **asked)
        await service.call("stop_execution", executionArn=started["executionArn"])
        rest = await service.call("get_execution_history", nextToken=first["nextToken"], **asked)
        assert [event["id"] for page in (first, rest) for event in page["events"]] == [2, 1]

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "é",
            "eA==",
            base64.urlsafe_b64encode(b'["executions", [0, 0]]').decode(),
            "bnVsbA==",
            "WzFd",
            "WyJhY3Rpdml0aWVzIiwxXQ==",
        ],
    )
    async def test_a_token_that_was_never_given_is_refused(self, service: LocalService, token: str) -> None:
        await service.call("create_activity", name="a")
        with pytest.raises(InvalidToken) as caught:
            await service.call("list_activities", nextToken=token)
        assert caught.value.message == "Invalid Token: 'Invalid token'"

    async def test_a_token_is_good_for_a_day(self, service: LocalService) -> None:
        for name in ("a", "b", "c"):
            await service.call("create_activity", name=name)
        token = (await service.call("list_activities", maxResults=1))["nextToken"]
        await anyio.sleep(24 * 3600 - 1)
        page = await service.call("list_activities", maxResults=1, nextToken=token)
        assert [entry["name"] for entry in page["activities"]] == ["b"]
        await anyio.sleep(2)
        with pytest.raises(InvalidToken, match="Invalid Token: 'Invalid token'"):
            await service.call("list_activities", nextToken=token)
        page = await service.call("list_activities", nextToken=page["nextToken"])
        assert [entry["name"] for entry in page["activities"]] == ["c"]

    async def test_and_for_the_list_that_it_was_given_for(self, service: LocalService, shop: str) -> None:
        first, second = [await service.call("start_execution", stateMachineArn=shop) for _ in range(2)]
        await service.changed(first["executionArn"], 0, events_seen=1)
        asked = {"executionArn": first["executionArn"], "maxResults": 1}
        token = (await service.call("get_execution_history", **asked))["nextToken"]
        for wrong in ({**asked, "executionArn": second["executionArn"]}, {**asked, "reverseOrder": True}):
            with pytest.raises(InvalidToken):
                await service.call("get_execution_history", nextToken=token, **wrong)
        page = await service.call("get_execution_history", nextToken=token, **asked)
        assert [event["id"] for event in page["events"]] == [2]

    async def test_machines_come_by_name(self, local_client: Client, service: LocalService) -> None:
        for name in ("c", "a", "b"):
            await local_client.register(construct_state_machine(name, Succeed("done")))
        pages = await self.pages(service, "list_state_machines", "stateMachines", maxResults=2)
        assert [[entry["name"] for entry in page] for page in pages] == [["a", "b"], ["c"]]
        assert set(pages[0][0]) == set(SHAPES["StateMachineListItem"]["members"])


def mapping(name: str, **fields: Any) -> dict[str, Any]:
    """A distributed Map that does nothing with its items."""
    passing = {"StartAt": name + "p", "States": {name + "p": {"Type": "Pass", "End": True}}}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **passing}
    return {"Type": "Map", "ItemProcessor": processor, **fields}


LISTS = {
    "list_activities": "activities",
    "list_state_machines": "stateMachines",
    "list_state_machine_versions": "stateMachineVersions",
    "list_state_machine_aliases": "stateMachineAliases",
    "list_executions": "executions",
    "list_map_runs": "mapRuns",
    "get_execution_history": "events",
}


class TestAllLists:
    """All lists have three entries or more, and are read one by one."""

    @pytest.fixture
    async def asked(self, service: LocalService) -> dict[str, list[dict[str, Any]]]:
        """What each list is asked for."""
        states = {
            "a": mapping("a", Next="b"),
            "b": mapping("b", Next="c"),
            "c": mapping("c", End=True),
        }
        text = json.dumps({"StartAt": "a", "States": states})
        for name in ("x", "y", "z"):
            await service.call("create_activity", name=name)
            await service.call("create_state_machine", name=name, definition=text, roleArn="r")
        arn = f"{PREFIX}stateMachine:z"
        for name in ("one", "two", "three"):
            await service.call("update_state_machine", stateMachineArn=arn, roleArn=name)
            version = await service.call("publish_state_machine_version", stateMachineArn=arn)
            routes = [{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}]
            await service.call("create_state_machine_alias", name=name, routingConfiguration=routes)
            run = await service.call("start_execution", stateMachineArn=arn, name=name, input="[1, 2, 3]")
            await anyio.sleep(10)
        execution = {"executionArn": run["executionArn"]}
        runs = await service.call("list_map_runs", **execution)
        return {
            "list_activities": [{}],
            "list_state_machines": [{}],
            "list_state_machine_versions": [{"stateMachineArn": arn}],
            "list_state_machine_aliases": [{"stateMachineArn": arn}],
            "list_executions": [{"stateMachineArn": arn}, {"mapRunArn": runs["mapRuns"][0]["mapRunArn"]}],
            "list_map_runs": [execution],
            "get_execution_history": [execution, {**execution, "reverseOrder": True}],
        }

    @pytest.mark.parametrize("operation", LISTS)
    async def test_one_by_one_they_are_what_they_are_at_once(
        self, service: LocalService, asked: dict[str, list[dict[str, Any]]], operation: str
    ) -> None:
        for parameters in asked[operation]:
            whole = (await service.call(operation, **parameters))[LISTS[operation]]
            assert len(whole) >= 3
            found: list[Any] = []
            page: dict[str, Any] = {"nextToken": None}
            while "nextToken" in page:
                page = await service.call(operation, **parameters, maxResults=1, nextToken=page["nextToken"])
                found += page[LISTS[operation]]
                assert len(page[LISTS[operation]]) == 1
            assert found == whole

    async def test_a_token_of_one_is_none_of_another(
        self, service: LocalService, asked: dict[str, list[dict[str, Any]]]
    ) -> None:
        requests = [(name, parameters) for name, each in asked.items() for parameters in each]
        for operation, parameters in requests:
            page = await service.call(operation, **parameters, maxResults=1)
            for other, given in requests:
                if (other, given) != (operation, parameters):
                    with pytest.raises(InvalidToken):
                        await service.call(other, **given, nextToken=page["nextToken"])


async def test_every_operation_says_what_it_does(service: LocalService) -> None:
    assert set(service._operations) == set(MEMBERS)
    for operation in service._operations.values():
        assert operation._method.__doc__  # type: ignore[attr-defined]


async def test_tokens_tell_nothing_but_a_place() -> None:
    from asfini.local._operations import Listing

    page = Listing("letters", mark=lambda letter: letter).page("abc", 2, None)
    name, mark, expiry = json.loads(base64.urlsafe_b64decode(page["nextToken"]))
    assert (name, mark) == ("letters-0", "b")
    assert expiry > 0
