"""Tasks done by other services: moto's server answers for AWS, and a server that answers as it is told."""

import gzip
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import pytest
from aiobotocore.session import AioSession
from aiohttp import web
from botocore.model import ServiceModel
from executions import ROLE, ended, history, local_service, machine, run, start

from asfini.aws.shapes import first_member
from asfini.errors import InvalidArgument
from asfini.local import objects
from asfini.local.elsewhere import ADAPTERS, Adapter
from asfini.local.jobs import JOBS
from asfini.local.service import LocalService
from asfini.testing import hold, virtual_time

Aws = Callable[[str], Awaitable[Any]]
"""Gives a client of one of moto's services, to prepare and to look at what came of tasks."""


@pytest.fixture
async def service(moto_url: str, nothing_configured: None) -> AsyncIterator[LocalService]:
    """The local service in virtual time, with moto for all other services."""
    async with local_service(aws_endpoint=moto_url) as service:
        yield service


@pytest.fixture
async def aws(moto_url: str, boto: AioSession, nothing_configured: None) -> AsyncIterator[Aws]:
    with hold():
        async with AsyncExitStack() as stack:
            yield partial(_client, stack, boto, moto_url)


async def _client(stack: AsyncExitStack, boto: AioSession, url: str, name: str) -> Any:
    made = boto.create_client(name, region_name="us-east-1", endpoint_url=url)
    return await stack.enter_async_context(made)


@dataclass
class Fake:
    """A server that answers as it is told, the last answer again and again, and notes what it is asked."""

    url: str = ""
    answers: list[Callable[[], web.Response]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    pause: float = 0
    """Seconds before each answer."""
    _changed: anyio.Condition = field(default_factory=anyio.Condition)

    def will(self, *answers: Any, **options: Any) -> None:
        """Say what is answered: JSON data."""
        self.answers = [lambda answer=answer: web.json_response(answer, **options) for answer in answers]

    @property
    def actions(self) -> list[str]:
        """What was asked for, where the service speaks AWS's JSON."""
        return [request.headers["X-Amz-Target"].split(".")[-1] for request in self.requests]

    async def until(self, action: str) -> None:
        """Wait for an action that is asked for."""
        with hold(), anyio.fail_after(30):
            async with self._changed:
                while action not in self.actions:
                    await self._changed.wait()

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append((await request.read()).decode(errors="replace"))
        async with self._changed:
            self._changed.notify_all()
        await anyio.sleep(self.pause)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()


@pytest.fixture
async def fake(nothing_configured: None) -> AsyncIterator[Fake]:
    fake = Fake()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    yield fake
    await runner.cleanup()


def task(resource: str, parameters: Any, **fields: Any) -> dict[str, Any]:
    """A Task of an integration."""
    ending = {} if "Next" in fields else {"End": True}
    arn = f"arn:aws:states:::{resource}"
    return {"Type": "Task", "Resource": arn, "Parameters": parameters} | ending | fields


async def done(service: LocalService, resource: str, parameters: Any) -> Any:
    """The result of a task."""
    described = await run(service, machine(work=task(resource, parameters)))
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


async def failed(service: LocalService, resource: str, parameters: Any) -> tuple[str, str]:
    """The error and the cause of a task that fails."""
    described = await run(service, machine(work=task(resource, parameters)))
    assert described["status"] == "FAILED", described
    return described["error"], described.get("cause", "")


async def stored(s3: Any, key: str) -> str:
    """The text of an object."""
    answer = await s3.get_object(Bucket="shop", Key=key)
    async with answer["Body"] as body:
        return (await body.read()).decode()


async def bodies(sqs: Any, queue: str) -> list[str]:
    """The messages in a queue, sorted, when there are any."""
    received = await sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
    messages = received.get("Messages", [])
    return sorted(message["Body"] for message in messages)


async def shop(aws: Aws, **objects: bytes | str) -> Any:
    """A bucket with some objects; gives S3."""
    s3 = await aws("s3")
    await s3.create_bucket(Bucket="shop")
    for key, body in objects.items():
        data = body if isinstance(body, bytes) else body.encode()
        await s3.put_object(Bucket="shop", Key=key, Body=data)
    return s3


def mapped(action: str, parameters: Any, each: Any = None, **config: Any) -> dict[str, Any]:
    """A distributed Map that reads its items, and by default gives them."""
    reader = {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": parameters, "ReaderConfig": config}
    return {
        "Type": "Map",
        "ItemReader": reader if config else {key: reader[key] for key in ("Resource", "Parameters")},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **(each or machine(same={"Type": "Succeed"})),
        },
        "End": True,
    }


async def items(service: LocalService, action: str, parameters: Any, **config: Any) -> Any:
    """The items that a distributed Map reads."""
    described = await run(service, machine(each=mapped(action, parameters, **config)))
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


async def test_a_machine_writes_to_four_services_and_maps_over_a_table(
    service: LocalService, aws: Aws
) -> None:
    s3 = await shop(aws, orders="id,pence\no-1,250\no-2,9900\n")
    sqs, sns, dynamodb = await aws("sqs"), await aws("sns"), await aws("dynamodb")
    queue = (await sqs.create_queue(QueueName="orders"))["QueueUrl"]
    inbox = (await sqs.create_queue(QueueName="inbox"))["QueueUrl"]
    topic = (await sns.create_topic(Name="news"))["TopicArn"]
    arn = "arn:aws:sqs:us-east-1:123456789012:inbox"
    await sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    await dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S.$": "$.id"}, "pence": {"N.$": "$.pence"}}
    message = {"QueueUrl": queue, "MessageBody": {"order.$": "$.id"}}
    news = {"TopicArn": topic, "Message.$": "$.id"}
    each = machine(
        store=task("dynamodb:putItem", {"TableName": "orders", "Item": item}, ResultPath=None, Next="queue"),
        queue=task("sqs:sendMessage", message, ResultPath=None, Next="tell"),
        tell=task("sns:publish", news, ResultPath=None, OutputPath="$.id"),
    )
    table = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    orders = mapped("getObject", {"Bucket": "shop", "Key": "orders"}, each, **table)
    del orders["End"]
    kept = {"Bucket": "shop", "Key": "done", "Body.$": "$"}
    definition = machine(orders=orders | {"Next": "keep"}, keep=task("aws-sdk:s3:putObject", kept))
    described = await run(service, definition)
    assert described["status"] == "SUCCEEDED", described
    assert await stored(s3, "done") == '["o-1","o-2"]'
    found = await dynamodb.get_item(TableName="orders", Key={"id": {"S": "o-2"}})
    assert found["Item"] == {"id": {"S": "o-2"}, "pence": {"N": "9900"}}
    assert await bodies(sqs, queue) == ['{"order":"o-1"}', '{"order":"o-2"}']
    assert sorted(json.loads(body)["Message"] for body in await bodies(sqs, inbox)) == ["o-1", "o-2"]


class TestResults:
    async def test_optimized_integrations_tell_of_the_call(self, service: LocalService, aws: Aws) -> None:
        queue = (await (await aws("sqs")).create_queue(QueueName="q"))["QueueUrl"]
        result = await done(service, "sqs:sendMessage", {"QueueUrl": queue, "MessageBody": "hello"})
        assert list(result) == ["MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]
        about = result["SdkHttpMetadata"]
        assert list(about) == ["AllHttpHeaders", "HttpHeaders", "HttpStatusCode"]
        assert about["HttpStatusCode"] == 200
        assert about["AllHttpHeaders"]["Content-Type"] == [about["HttpHeaders"]["Content-Type"]]
        assert result["SdkResponseMetadata"] == {"RequestId": about["HttpHeaders"]["x-amzn-RequestId"]}

    async def test_integrations_of_the_sdk_do_not(self, service: LocalService, aws: Aws) -> None:
        await (await aws("sqs")).create_queue(QueueName="q")
        assert list(await done(service, "aws-sdk:sqs:getQueueUrl", {"QueueName": "q"})) == ["QueueUrl"]

    async def test_members_are_in_pascal_case_whatever_the_services_own(self, service: LocalService) -> None:
        result = await done(service, "aws-sdk:ecs:createCluster", {"ClusterName": "c"})
        assert result["Cluster"]["ClusterName"] == "c"

    async def test_members_of_the_sdk_are_named_as_in_java(self, service: LocalService) -> None:
        given = {
            "DbInstanceIdentifier": "d",
            "DbInstanceClass": "db.t3.micro",
            "Engine": "postgres",
            "AllocatedStorage": 10,
            "MasterUsername": "me",
            "MasterUserPassword": "a-password",
        }
        result = await done(service, "aws-sdk:rds:createDBInstance", given)
        assert result["DbInstance"]["DbInstanceIdentifier"] == "d"

    @pytest.mark.parametrize(
        ("body", "text"),
        [("text", "text"), (False, "false"), (["a", 1], '["a",1]'), ({"a": None}, '{"a":null}')],
    )
    async def test_json_is_written_where_text_or_bytes_are_wanted(
        self, service: LocalService, aws: Aws, body: Any, text: str
    ) -> None:
        s3 = await shop(aws)
        await done(service, "aws-sdk:s3:putObject", {"Bucket": "shop", "Key": "k", "Body": body})
        assert await stored(s3, "k") == text

    async def test_objects_are_read_as_text_and_dates_told_in_utc(
        self, service: LocalService, aws: Aws
    ) -> None:
        await shop(aws, k="ü".encode())
        result = await done(service, "aws-sdk:s3:getObject", {"Bucket": "shop", "Key": "k"})
        assert result["Body"] == "ü"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["LastModified"])

    async def test_bytes_that_are_no_text_come_in_base_64(self, service: LocalService, aws: Aws) -> None:
        await shop(aws, k=b"\xff\xfe")
        result = await done(service, "aws-sdk:s3:getObject", {"Bucket": "shop", "Key": "k"})
        assert result["Body"] == "//4="

    async def test_events_name_the_execution_that_they_come_from(
        self, service: LocalService, aws: Aws
    ) -> None:
        events, sqs = await aws("events"), await aws("sqs")
        queue = (await sqs.create_queue(QueueName="q"))["QueueUrl"]
        await events.put_rule(Name="all", EventPattern='{"source":["shop"]}')
        target = {"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}
        await events.put_targets(Rule="all", Targets=[target])
        entry = {"Source": "shop", "DetailType": "Paid", "Detail": {"pence": 5}, "Resources": ["mine"]}
        arn = await start(service, machine(put=task("events:putEvents", {"Entries": [entry]})), {})
        assert (await ended(service, arn))["status"] == "SUCCEEDED"
        [body] = await bodies(sqs, queue)
        told = json.loads(body)
        assert told["detail"] == {"pence": 5}
        assert told["resources"] == [
            "mine",
            arn,
            "arn:aws:states:us-east-1:123456789012:stateMachine:machine",
        ]

    async def test_a_result_that_is_too_large_fails_the_task(self, service: LocalService, aws: Aws) -> None:
        await shop(aws, k=b"a" * 300_000)
        error, cause = await failed(service, "aws-sdk:s3:getObject", {"Bucket": "shop", "Key": "k"})
        assert error == "States.DataLimitExceeded"
        assert "'aws-sdk:s3'" in cause


class TestFailures:
    async def test_of_optimized_integrations(self, service: LocalService) -> None:
        error, cause = await failed(
            service, "dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}
        )
        assert error == "DynamoDB.ResourceNotFoundException"
        pattern = (
            r"Requested resource not found \(Service: AmazonDynamoDBv2; Status Code: 400; "
            r"Error Code: ResourceNotFoundException; Request ID: \w+; Proxy: null\)"
        )
        assert re.fullmatch(pattern, cause)

    async def test_of_the_sdk(self, service: LocalService) -> None:
        given = {"TableName": "none", "Key": {"id": {"S": "1"}}}
        error, cause = await failed(service, "aws-sdk:dynamodb:getItem", given)
        assert error == "DynamoDb.ResourceNotFoundException"
        pattern = (
            r"Requested resource not found \(Service: DynamoDb, Status Code: 400, Request ID: \w+\) "
            r"\(SDK Attempt Count: 1\)"
        )
        assert re.fullmatch(pattern, cause)

    @pytest.mark.parametrize(
        ("resource", "given", "error"),
        [
            ("aws-sdk:s3:listObjectsV2", {"Bucket": "none"}, "S3.NoSuchBucketException"),
            ("aws-sdk:sqs:getQueueUrl", {"QueueName": "none"}, "Sqs.QueueDoesNotExistException"),
            ("aws-sdk:iam:getUser", {"UserName": "none"}, "Iam.NoSuchEntityException"),
            ("aws-sdk:ec2:describeVpcs", {"VpcIds": ["vpc-0"]}, "Ec2.Ec2Exception"),
            (
                "sns:publish",
                {"TopicArn": "arn:aws:sns:us-east-1:123456789012:n", "Message": "m"},
                "SNS.NotFoundException",
            ),
            ("lambda:invoke", {"FunctionName": "none"}, "Lambda.ResourceNotFoundException"),
            (
                "aws-sdk:rds:describeDBInstances",
                {"DbInstanceIdentifier": "none"},
                "Rds.DbInstanceNotFoundException",
            ),
        ],
    )
    async def test_have_the_names_that_definitions_catch(
        self, service: LocalService, resource: str, given: Any, error: str
    ) -> None:
        assert (await failed(service, resource, given))[0] == error

    async def test_an_event_that_is_not_taken_fails_the_task(self, service: LocalService) -> None:
        entries = [
            {"Source": "shop", "DetailType": "Paid", "Detail": {}},
            {"DetailType": "Paid", "Detail": {}},
        ]
        error, cause = await failed(service, "events:putEvents", {"Entries": entries})
        told = json.loads(cause)
        assert error == "EventBridge.FailedEntry"
        assert told["FailedEntryCount"] == 1
        assert told["Entries"][1]["ErrorCode"] == "InvalidArgument"
        assert list(told) == ["Entries", "FailedEntryCount"]

    async def test_parameters_that_do_not_suit_fail_the_execution(self, service: LocalService) -> None:
        error, cause = await failed(service, "dynamodb:getItem", {"TabelName": "t", "Key": [], "Limit": 5})
        assert error == "States.Runtime"
        for fault in (
            "The field 'TabelName' is not supported by Step Functions",
            "The field 'TableName' is required but was missing",
            "The value of the field 'Key' has an invalid format",
        ):
            assert fault in cause

    @pytest.mark.parametrize(
        "resource",
        [
            "aws-sdk:nothing:getItem",
            "aws-sdk:dynamodb:getNothing",
            "aws-sdk:s3:selectObjectContent",
            "eks:call",
        ],
    )
    async def test_what_no_service_has_is_named(self, service: LocalService, resource: str) -> None:
        error, cause = await failed(service, resource, {})
        assert error == "States.Runtime"
        assert f"'{resource}'" in cause

    @pytest.mark.parametrize("answer", [["nonsense"], {"Messages": 5}, {"Messages": [5]}])
    async def test_nonsense_is_a_failure_that_can_be_caught(self, fake: Fake, answer: Any) -> None:
        fake.will(answer)
        catch = [{"ErrorEquals": ["Sqs.SdkClientException"], "Next": "after"}]
        call = task("aws-sdk:sqs:receiveMessage", {"QueueUrl": f"{fake.url}/1/q"}, Catch=catch, Next="after")
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(call=call, after={"Type": "Succeed"}))
        assert json.loads(described["output"]).keys() == {"Error", "Cause"}

    async def test_an_endpoint_that_is_not_there_is_a_failure_that_can_be_retried(
        self, nothing_configured: None, unused_tcp_port: int
    ) -> None:
        with virtual_time():
            async with LocalService(aws_endpoint=f"http://127.0.0.1:{unused_tcp_port}") as service:
                error, cause = await failed(service, "aws-sdk:sqs:listQueues", {})
        assert error == "Sqs.SdkClientException"
        assert str(unused_tcp_port) in cause


class TestWaysOut:
    async def test_without_an_endpoint_nothing_is_called_and_the_ways_out_are_named(self) -> None:
        async with local_service() as service:
            error, cause = await failed(service, "aws-sdk:s3:listBuckets", {})
        assert error == "States.Runtime"
        for way in ("handlers={'aws-sdk:s3:listBuckets'", "client.mock(", "aws_endpoint="):
            assert way in cause

    async def test_handlers_come_before_the_endpoint(self, moto_url: str, nothing_configured: None) -> None:
        handlers = {"aws-sdk:s3:listBuckets": lambda given: "mine"}
        async with local_service(aws_endpoint=moto_url, handlers=handlers) as service:
            assert await done(service, "aws-sdk:s3:listBuckets", {}) == "mine"

    @pytest.mark.parametrize(
        "url",
        [
            "https://s3.us-east-1.amazonaws.com",
            "127.0.0.1:5000",
            "AWS",
            "",
            "http://[::1",
            "http://h:x",
            "http://h:99999",
        ],
    )
    def test_an_endpoint_is_an_emulators_url_or_says_aws(self, url: str) -> None:
        with pytest.raises(InvalidArgument, match="aws_endpoint"):
            LocalService(aws_endpoint=url)

    async def test_that_aws_itself_is_called_is_said_at_the_start(
        self, nothing_configured: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with LocalService(aws_endpoint="aws"):
            pass
        assert [record.getMessage() for record in caplog.records] == [
            "tasks of other services are done by AWS itself, in us-east-1"
        ]

    async def test_emulators_get_none_of_the_users_credentials(
        self, moto_url: str, nothing_configured: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUSERSOWN")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "users-own")
        async with local_service(aws_endpoint=moto_url) as service:
            result = await done(service, "aws-sdk:sts:getCallerIdentity", {})
        assert result["Account"] == "123456789012"


class TestCalls:
    async def test_the_clock_runs_in_real_time_while_one_is_out(self, fake: Fake) -> None:
        fake.will({"QueueUrls": []})
        fake.pause = 0.05
        branches = [
            machine(wait={"Type": "Wait", "Seconds": 3600, "End": True}),
            machine(call=task("aws-sdk:sqs:listQueues", {}, TimeoutSeconds=30)),
        ]
        both = {"Type": "Parallel", "Branches": branches, "End": True}
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(both=both))
        assert json.loads(described["output"]) == [{}, {"QueueUrls": []}]
        assert (described["stopDate"] - described["startDate"]).total_seconds() == pytest.approx(3600, abs=5)

    async def test_one_is_given_up_when_the_execution_is_stopped(self, fake: Fake) -> None:
        fake.will({"QueueUrls": []})
        fake.pause = 1000
        async with local_service(aws_endpoint=fake.url) as service:
            arn = await start(service, machine(call=task("aws-sdk:sqs:listQueues", {})), {})
            await fake.until("ListQueues")
            await service.call("stop_execution", executionArn=arn)
            assert (await ended(service, arn))["status"] == "ABORTED"

    async def test_one_is_given_up_when_the_service_is_left(self, fake: Fake) -> None:
        fake.will({"QueueUrls": []})
        fake.pause = 1000
        with anyio.fail_after(100):
            async with local_service(aws_endpoint=fake.url) as service:
                await start(service, machine(call=task("aws-sdk:sqs:listQueues", {})), {})
                await fake.until("ListQueues")

    async def test_many_go_out_at_once(self, service: LocalService, aws: Aws) -> None:
        await shop(aws, k="[" + ",".join(map(str, range(40))) + "]")
        sqs = await aws("sqs")
        queue = (await sqs.create_queue(QueueName="q"))["QueueUrl"]
        each = machine(send=task("sqs:sendMessage", {"QueueUrl": queue, "MessageBody.$": "$"}))
        found = mapped("getObject", {"Bucket": "shop", "Key": "k"}, each, InputType="JSON")
        assert (await run(service, machine(each=found)))["status"] == "SUCCEEDED"
        told = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
        assert told["Attributes"]["ApproximateNumberOfMessages"] == "40"

    async def test_a_service_opens_again(self, moto_url: str, nothing_configured: None) -> None:
        with virtual_time():
            service = LocalService(aws_endpoint=moto_url)
            for _ in range(2):
                async with service:
                    assert await done(service, "aws-sdk:sqs:listQueues", {}) == {}


class TestStepFunctionsItself:
    async def test_tasks_ask_the_service_that_they_run_in(self) -> None:
        async with local_service() as service:
            result = await done(service, "aws-sdk:sfn:listStateMachines", {})
        assert [entry["Name"] for entry in result["StateMachines"]] == ["machine"]
        assert result["StateMachines"][0]["CreationDate"].endswith("Z")

    async def test_one_execution_answers_for_a_task_of_another(self) -> None:
        tokens: list[str] = []
        handlers = {"sqs:sendMessage": lambda given: tokens.append(given["Body"])}
        async with local_service(handlers=handlers) as service:
            waits = task("sqs:sendMessage.waitForTaskToken", {"Body.$": "$$.Task.Token"})
            arn = await start(service, machine(wait=waits), {})
            await anyio.sleep(1)
            answers = task("aws-sdk:sfn:sendTaskSuccess", {"TaskToken": tokens[0], "Output": {"paid": True}})
            await service.call(
                "create_state_machine",
                name="other",
                roleArn=ROLE,
                definition=json.dumps(machine(answer=answers)),
            )
            other = "arn:aws:states:us-east-1:123456789012:stateMachine:other"
            await service.call("start_execution", stateMachineArn=other)
            assert json.loads((await ended(service, arn))["output"]) == {"paid": True}

    async def test_it_refuses_as_the_sdk_tells_it(self) -> None:
        async with local_service() as service:
            error, cause = await failed(
                service, "aws-sdk:sfn:sendTaskSuccess", {"TaskToken": "none", "Output": "{}"}
            )
        assert error == "Sfn.InvalidTokenException"
        pattern = (
            r"Invalid Token: 'Invalid token' \(Service: Sfn, Status Code: 400, Request ID: [-\w]+\) \(.+\)"
        )
        assert re.fullmatch(pattern, cause)


class TestFunctions:
    async def test_a_function_that_is_here_tells_of_its_call(self) -> None:
        async with local_service(handlers={"double": lambda n: 2 * n}) as service:
            result = await done(service, "lambda:invoke", {"FunctionName": "double", "Payload": 4})
        assert list(result) == [
            "ExecutedVersion",
            "Payload",
            "SdkHttpMetadata",
            "SdkResponseMetadata",
            "StatusCode",
        ]
        assert (result["Payload"], result["StatusCode"]) == (8, 200)
        assert result["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == "1"

    async def test_functions_elsewhere_are_called_with_json(self, fake: Fake) -> None:
        fake.will({"n": 8}, headers={"X-Amz-Executed-Version": "$LATEST"})
        async with local_service(aws_endpoint=fake.url) as service:
            given = {"FunctionName": "double", "Payload": {"n": 4}}
            result = await done(service, "lambda:invoke", given)
        assert (result["Payload"], result["ExecutedVersion"]) == ({"n": 8}, "$LATEST")
        assert [request.path for request in fake.requests] == ["/2015-03-31/functions/double/invocations"]
        assert fake.bodies == ['{"n":4}']

    async def test_functions_elsewhere_stand_in_resources_too(self, fake: Fake) -> None:
        fake.will({"n": 8})
        arn = "arn:aws:lambda:us-east-1:123456789012:function:double"
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(double={"Type": "Task", "Resource": arn, "End": True}), 4)
        assert json.loads(described["output"]) == {"n": 8}

    @pytest.mark.parametrize(
        ("kind", "name"), [("Declined", "Declined"), (5, "Lambda.Unknown"), ("", "Lambda.Unknown")]
    )
    async def test_a_function_elsewhere_fails_as_itself(self, fake: Fake, kind: Any, name: str) -> None:
        report = {"errorMessage": "no", "errorType": kind}
        fake.will(report, headers={"X-Amz-Function-Error": "Unhandled"})
        async with local_service(aws_endpoint=fake.url) as service:
            error, cause = await failed(service, "lambda:invoke", {"FunctionName": "pay"})
        assert error == name
        assert json.loads(cause) == report


CLUSTER = {"Name": "c", "RoleArn": "arn:aws:iam::123456789012:role/r", "ResourcesVpcConfig": {}}
NODES = {"MasterInstanceType": "m4.large", "SlaveInstanceType": "m4.large", "InstanceCount": 2}
NODES["KeepJobFlowAliveWhenNoSteps"] = True


def job_run(state: str) -> dict[str, Any]:
    return {"JobRun": {"Id": "jr-1", "JobName": "sum", "JobRunState": state}}


def members_of(data: Any, service: str, action: str) -> set[str]:
    """The parameters of an action, in PascalCase, by the service's model."""
    adapter = ADAPTERS.get(f"{service}:{action}") or Adapter(service, action)
    model = ServiceModel(data.load_service_model(adapter.service, "service-2"))
    name = next(each for each in model.operation_names if each.lower() == adapter.action.lower())
    given = {first_member(member) for member in model.operation_model(name).input_shape.members}
    return given | {"ClusterId", "StepId"} if adapter.service == "emr" else given


class TestJobs:
    @pytest.mark.parametrize(
        ("resource", "given", "state"),
        [
            ("athena:startQueryExecution.sync", {"QueryString": "SELECT 1"}, "QueryExecution.Status.State"),
            ("eks:createCluster.sync", CLUSTER, "Cluster.Status"),
            (
                "elasticmapreduce:createCluster.sync",
                {"Name": "c", "Instances": NODES},
                "Cluster.Status.State",
            ),
        ],
    )
    async def test_their_end_is_waited_for(
        self, service: LocalService, resource: str, given: Any, state: str
    ) -> None:
        result = await done(service, resource, given)
        for name in state.split("."):
            result = result[name]
        assert result in {"ACTIVE", "SUCCEEDED", "WAITING"}

    async def test_they_are_asked_again_until_they_end(self, fake: Fake) -> None:
        fake.will({"JobRunId": "jr-1"}, job_run("RUNNING"), job_run("RUNNING"), job_run("SUCCEEDED"))
        async with local_service(aws_endpoint=fake.url) as service:
            arn = await start(service, machine(work=task("glue:startJobRun.sync", {"JobName": "sum"})), {})
            described = await ended(service, arn)
            types = [event["type"] for event in await history(service, arn)]
        assert json.loads(described["output"]) == {"Id": "jr-1", "JobName": "sum", "JobRunState": "SUCCEEDED"}
        assert fake.actions == ["StartJobRun", "GetJobRun", "GetJobRun", "GetJobRun"]
        assert types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    async def test_one_that_fails_fails_the_task_with_its_description(self, fake: Fake) -> None:
        fake.will({"JobRunId": "jr-1"}, job_run("TIMEOUT"))
        async with local_service(aws_endpoint=fake.url) as service:
            error, cause = await failed(service, "glue:startJobRun.sync", {"JobName": "sum"})
        assert error == "States.TaskFailed"
        assert json.loads(cause) == {"Id": "jr-1", "JobName": "sum", "JobRunState": "TIMEOUT"}

    async def test_one_is_stopped_when_the_execution_is(self, fake: Fake) -> None:
        fake.will({"JobRunId": "jr-1"}, job_run("RUNNING"))
        async with local_service(aws_endpoint=fake.url) as service:
            arn = await start(service, machine(work=task("glue:startJobRun.sync", {"JobName": "sum"})), {})
            await fake.until("GetJobRun")
            await service.call("stop_execution", executionArn=arn)
            await fake.until("BatchStopJobRun")
        assert json.loads(fake.bodies[-1]) == {"JobName": "sum", "JobRunIds": ["jr-1"]}

    async def test_one_is_stopped_when_its_time_is_over(self, fake: Fake) -> None:
        fake.will({"JobRunId": "jr-1"}, job_run("RUNNING"))
        work = task("glue:startJobRun.sync", {"JobName": "sum"}, TimeoutSeconds=1)
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(work=work))
        assert described["error"] == "States.Timeout"
        assert fake.actions[-1] == "BatchStopJobRun"

    @pytest.mark.parametrize(("code", "status"), [(0, "SUCCEEDED"), (1, "FAILED")])
    async def test_a_container_says_by_its_exit_code_how_it_went(
        self, fake: Fake, code: int, status: str
    ) -> None:
        stopped = {"taskArn": "t-1", "lastStatus": "STOPPED", "containers": [{"exitCode": code}]}
        fake.will({"tasks": [{"taskArn": "t-1"}]}, {"tasks": [stopped]})
        given = {"Cluster": "c", "TaskDefinition": "sum"}
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(work=task("ecs:runTask.sync", given)))
        assert described["status"] == status
        told = json.loads(described["output"] if status == "SUCCEEDED" else described["cause"])
        assert told == {"Containers": [{"ExitCode": code}], "LastStatus": "STOPPED", "TaskArn": "t-1"}
        assert json.loads(fake.bodies[-1]) == {"cluster": "c", "tasks": ["t-1"]}

    def test_all_that_is_asked_for_is_in_the_services_models(self, data: Any) -> None:
        for name, job in JOBS.items():
            service, _, action = name.partition(":")
            for asked, template in [(job.describe, job.parameters), *([job.stop] if job.stop else [])]:
                members = members_of(data, service, asked)
                assert template.keys() <= members, (name, asked)
            assert members_of(data, service, action)


class TestCallbacks:
    async def test_a_token_is_sent_and_waited_for(self, service: LocalService, aws: Aws) -> None:
        sqs = await aws("sqs")
        queue = (await sqs.create_queue(QueueName="q"))["QueueUrl"]
        message = {"token.$": "$$.Task.Token"}
        wait = task("sqs:sendMessage.waitForTaskToken", {"QueueUrl": queue, "MessageBody": message})
        arn = await start(service, machine(wait=wait), {})
        [body] = await bodies(sqs, queue)
        token = json.loads(body)["token"]
        await service.call("send_task_success", taskToken=token, output='"paid"')
        assert (await ended(service, arn))["output"] == '"paid"'
        submitted = next(event for event in await history(service, arn) if event["type"] == "TaskSubmitted")
        assert "MessageId" in json.loads(submitted["taskSubmittedEventDetails"]["output"])


class TestDataSets:
    @pytest.mark.parametrize(
        ("body", "config", "expected"),
        [
            ("a,b\n1,2\n", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, [{"a": "1", "b": "2"}]),
            ('[1,{"a":2}]', {"InputType": "JSON"}, [1, {"a": 2}]),
            ('{"rows":[1,2]}', {"InputType": "JSON", "ItemsPointer": "/rows"}, [1, 2]),
            ('{"a":1}\n{"a":2}\n', {"InputType": "JSONL"}, [{"a": 1}, {"a": 2}]),
            (gzip.compress(b'{"a":1}\n', mtime=0), {"InputType": "JSONL"}, [{"a": 1}]),
        ],
    )
    async def test_objects_are_read(
        self, service: LocalService, aws: Aws, body: Any, config: Any, expected: Any
    ) -> None:
        await shop(aws, k=body)
        assert await items(service, "getObject", {"Bucket": "shop", "Key": "k"}, **config) == expected

    async def test_objects_are_listed_page_by_page(
        self, service: LocalService, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(objects, "PAGE", 2)
        await shop(aws, a1="1", a2="22", a3="333", b="no")
        found = await items(service, "listObjectsV2", {"Bucket": "shop", "Prefix": "a"})
        assert [(entry["Key"], entry["Size"]) for entry in found] == [("a1", 1), ("a2", 2), ("a3", 3)]
        assert list(found[0]) == ["Etag", "Key", "LastModified", "Size", "StorageClass"]
        assert 1.7e9 < found[0]["LastModified"] < 2**33  # in seconds

    @pytest.mark.parametrize("token", ["", "<NextContinuationToken>t</NextContinuationToken>"])
    async def test_a_list_without_end_fails_the_map(self, fake: Fake, token: str) -> None:
        page = f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}</ListBucketResult>"
        fake.answers = [lambda: web.Response(text=page, content_type="text/xml")]
        async with local_service(aws_endpoint=fake.url) as service:
            described = await run(service, machine(each=mapped("listObjectsV2", {"Bucket": "shop"})))
        assert described["error"] == "States.ItemReaderFailed"
        assert "does not say from where" in described["cause"]
        assert len(fake.requests) == 1 + bool(token)

    async def test_listed_objects_are_read_if_they_shall_be_flattened(
        self, service: LocalService, aws: Aws
    ) -> None:
        await shop(aws, a1="[1,2]", a2="[3]")
        config = {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}
        assert await items(service, "listObjectsV2", {"Bucket": "shop", "Prefix": "a"}, **config) == [1, 2, 3]

    async def test_an_inventory_names_tables_of_objects(self, service: LocalService, aws: Aws) -> None:
        manifest = {
            "sourceBucket": "elsewhere",
            "destinationBucket": "arn:aws:s3:::shop",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size",
            "files": [{"key": "table"}],
        }
        rows = b'"elsewhere","cat.jpg","17"\n"elsewhere","dog.jpg","4"\n'
        await shop(aws, manifest=json.dumps(manifest), table=gzip.compress(rows))
        given = {"Bucket": "shop", "Key": "manifest"}
        assert await items(service, "getObject", given, InputType="MANIFEST") == [
            {"Bucket": "elsewhere", "Key": "cat.jpg", "Size": "17"},
            {"Bucket": "elsewhere", "Key": "dog.jpg", "Size": "4"},
        ]

    async def test_a_manifest_of_athenas_names_data(self, service: LocalService, aws: Aws) -> None:
        await shop(aws, manifest="s3://shop/one\ns3://shop/two\n", one='{"a":1}\n', two='{"a":2}\n')
        given = {"Bucket": "shop", "Key": "manifest"}
        config = {"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}
        assert await items(service, "getObject", given, **config) == [{"a": 1}, {"a": 2}]

    async def test_an_object_that_is_not_there_fails_the_map(self, service: LocalService, aws: Aws) -> None:
        await shop(aws)
        each = mapped("getObject", {"Bucket": "shop", "Key": "none"}, InputType="JSON")
        described = await run(service, machine(each=each))
        assert described["error"] == "States.ItemReaderFailed"
        assert described["cause"].startswith("The specified key does not exist. (Service: Amazon S3; Status")

    async def test_results_are_written(self, service: LocalService, aws: Aws) -> None:
        s3 = await shop(aws, k="[1,2]")
        each = mapped("getObject", {"Bucket": "shop", "Key": "k"}, InputType="JSON")
        each["ResultWriter"] = {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "shop", "Prefix": "results"},
            "WriterConfig": {"OutputType": "JSON", "Transformation": "COMPACT"},
        }
        described = await run(service, machine(each=each))
        details = json.loads(described["output"])["ResultWriterDetails"]
        manifest = json.loads(await stored(s3, details["Key"]))
        [file] = manifest["ResultFiles"]["SUCCEEDED"]
        assert details["Bucket"] == "shop"
        assert file["Key"].startswith("results/")
        assert json.loads(await stored(s3, file["Key"])) == [1, 2]


CONNECTION = "arn:aws:events:us-east-1:123456789012:connection/c/1"


def request(url: str, **more: Any) -> dict[str, Any]:
    """The parameters of an HTTP task."""
    given = {"ApiEndpoint": url, "Method": "POST", "Authentication": {"ConnectionArn": CONNECTION}}
    return given | more


class TestHttpTasks:
    async def test_they_stay_in_the_process_unless_they_are_allowed(self, moto_url: str) -> None:
        async with local_service(aws_endpoint=moto_url) as service:
            error, cause = await failed(service, "http:invoke", request("https://example.com"))
        assert error == "States.Runtime"
        assert "http=True" in cause

    async def test_a_response_is_told(self, fake: Fake) -> None:
        fake.will({"paid": True}, headers={"X-Own": "1"})
        more = {
            "Headers": {"X-Mine": "2"},
            "QueryParameters": {"a": "b c", "n": 1},
            "RequestBody": {"pence": 5},
        }
        async with local_service(http=True) as service:
            result = await done(service, "http:invoke", request(f"{fake.url}/pay", **more))
        assert list(result) == ["Headers", "ResponseBody", "StatusCode", "StatusText"]
        assert (result["StatusCode"], result["StatusText"]) == (200, "OK")
        assert result["ResponseBody"] == {"paid": True}
        assert result["Headers"]["X-Own"] == ["1"]
        [asked] = fake.requests
        assert (asked.method, asked.path_qs) == ("POST", "/pay?a=b+c&n=1")
        assert asked.headers["X-Mine"] == "2"
        assert asked.headers["User-Agent"] == "Amazon|StepFunctions|HttpInvoke|us-east-1"
        assert fake.bodies == ['{"pence":5}']

    @pytest.mark.parametrize(
        ("arrays", "body"),
        [
            ("INDICES", "a%5B0%5D=1&a%5B1%5D=2&b%5Bc%5D=d"),
            ("BRACKETS", "a%5B%5D=1&a%5B%5D=2&b%5Bc%5D=d"),
            ("REPEAT", "a=1&a=2&b%5Bc%5D=d"),
            ("COMMAS", "a=1%2C2&b%5Bc%5D=d"),
        ],
    )
    async def test_bodies_are_forms_if_they_shall_be(self, fake: Fake, arrays: str, body: str) -> None:
        fake.will({})
        transform = {
            "RequestBodyEncoding": "URL_ENCODED",
            "RequestEncodingOptions": {"ArrayFormat": arrays},
        }
        given = request(fake.url, RequestBody={"a": [1, 2], "b": {"c": "d"}}, Transform=transform)
        async with local_service(http=True) as service:
            await done(service, "http:invoke", given)
        assert fake.bodies == [body]

    async def test_a_response_of_many_pieces_is_told_whole(self, fake: Fake) -> None:
        fake.answers = [lambda: web.Response(text="x" * 200_000)]
        async with local_service(http=True) as service:
            result = await done(service, "http:invoke", request(fake.url))
        assert result["ResponseBody"] == "x" * 200_000

    @pytest.mark.parametrize(
        ("response", "error"),
        [
            ({"text": "x" * 300_000}, "States.DataLimitExceeded"),
            ({"body": b"\x89PNG", "content_type": "image/png"}, "States.Runtime"),
        ],
    )
    async def test_responses_that_are_no_results(self, fake: Fake, response: Any, error: str) -> None:
        fake.answers = [lambda: web.Response(**response)]
        async with local_service(http=True) as service:
            assert (await failed(service, "http:invoke", request(fake.url)))[0] == error

    async def test_redirections_are_not_followed(self, fake: Fake) -> None:
        fake.will({}, status=302, headers={"Location": "http://127.0.0.1:1/"})
        async with local_service(http=True) as service:
            error, _ = await failed(service, "http:invoke", request(fake.url))
        assert error == "States.Http.StatusCode.302"
        assert len(fake.requests) == 1

    async def test_a_status_that_tells_of_a_failure_is_the_error(self, fake: Fake) -> None:
        fake.will({"message": "no such order"}, status=404)
        async with local_service(http=True) as service:
            error, cause = await failed(service, "http:invoke", request(fake.url))
        assert (error, cause) == ("States.Http.StatusCode.404", '{"message":"no such order"}')

    async def test_an_endpoint_that_is_not_there_fails_the_task(self, unused_tcp_port: int) -> None:
        async with local_service(http=True) as service:
            error, cause = await failed(
                service, "http:invoke", request(f"http://127.0.0.1:{unused_tcp_port}")
            )
        assert error == "States.TaskFailed"
        assert str(unused_tcp_port) in cause

    async def test_a_connection_shows_who_calls(self, fake: Fake, moto_url: str, aws: Aws) -> None:
        events = await aws("events")
        made = await events.create_connection(
            Name="bank",
            AuthorizationType="API_KEY",
            AuthParameters={
                "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"},
                "InvocationHttpParameters": {
                    "BodyParameters": [{"Key": "shop", "Value": "7", "IsValueSecret": False}]
                },
            },
        )
        fake.will({})
        given = request(fake.url, RequestBody={"pence": 5})
        given["Authentication"]["ConnectionArn"] = made["ConnectionArn"]
        async with local_service(http=True, aws_endpoint=moto_url) as service:
            await done(service, "http:invoke", given)
        assert fake.requests[0].headers["X-Key"] == "secret"
        assert json.loads(fake.bodies[0]) == {"pence": 5, "shop": "7"}

    @pytest.mark.parametrize("parameters", [[1], {"header_parameters": ["x"]}, {"body_parameters": 5}])
    async def test_a_connection_that_makes_no_sense_can_be_caught(self, fake: Fake, parameters: Any) -> None:
        secret = json.dumps({"invocation_http_parameters": parameters})
        fake.will({"AuthorizationType": "API_KEY", "SecretArn": "arn"}, {"SecretString": secret})
        catch = [{"ErrorEquals": ["Events.ConnectionResource.InvalidConnectionState"], "Next": "after"}]
        call = task("http:invoke", request(fake.url), Catch=catch, Next="after")
        async with local_service(http=True, aws_endpoint=fake.url) as service:
            told = await run(service, machine(call=call, after={"Type": "Succeed"}))
        assert told["status"] == "SUCCEEDED", told
        assert len(fake.requests) == 2

    async def test_none_gets_another_ones_cookies(self, fake: Fake) -> None:
        fake.will({}, headers={"Set-Cookie": "session=secret; Path=/"})
        async with local_service(http=True) as service:
            for _ in range(2):
                await done(service, "http:invoke", request(fake.url.replace("127.0.0.1", "localhost")))
        assert ["Cookie" in asked.headers for asked in fake.requests] == [False, False]

    @pytest.mark.parametrize("more", [{}, {"Transform": {"RequestBodyEncoding": "URL_ENCODED"}}])
    async def test_half_a_surrogate_pair_can_be_sent(self, fake: Fake, more: Any) -> None:
        fake.will({})
        given = request(fake.url, RequestBody={"a": "\ud800"}, **more)
        async with local_service(http=True) as service:
            await done(service, "http:invoke", given)

    @pytest.mark.parametrize(
        ("given", "fault"),
        [
            ({}, "The field 'ApiEndpoint' is required but was missing"),
            (request("ftp://example.com"), "The value of the field 'ApiEndpoint' has an invalid format"),
            (request("http://[bad"), "The value of the field 'ApiEndpoint' has an invalid format"),
            (request(5), "The value of the field 'ApiEndpoint' has an invalid format"),
            (request("http://h", Method="GIVE"), "The value of the field 'Method' has an invalid format"),
            (request("http://h", Method=["GET"]), "The value of the field 'Method' has an invalid format"),
            (request("http://h", Transform=5), "The value of the field 'Transform' has an invalid format"),
            ({"ApiEndpoint": "http://h", "Method": "GET"}, "The field 'ConnectionArn' is required"),
        ],
    )
    async def test_parameters_that_do_not_suit_fail_the_execution(self, given: Any, fault: str) -> None:
        async with local_service(http=True) as service:
            error, cause = await failed(service, "http:invoke", given)
        assert error == "States.Runtime"
        assert fault in cause

    async def test_apis_behind_api_gateway_are_called(self, fake: Fake) -> None:
        fake.will({"id": 5})
        host = fake.url.removeprefix("http://")
        given = {
            "ApiEndpoint": host,
            "Method": "PUT",
            "Stage": "v1",
            "Path": "orders",
            "QueryParameters": {"a": ["1", "2"]},
            "Headers": {"X-Mine": ["3"]},
            "RequestBody": {"pence": 5},
        }
        async with local_service(http=True) as service:
            result = await done(service, "apigateway:invoke", given)
        assert result["ResponseBody"] == {"id": 5}
        assert fake.requests[0].path_qs == "/v1/orders?a=1&a=2"
        assert fake.requests[0].headers["X-Mine"] == "3"

    @pytest.mark.parametrize(("field", "value"), [("ApiEndpoint", "[bad"), ("Path", 5), ("Stage", [5])])
    async def test_an_api_behind_api_gateway_is_named_in_texts(self, field: str, value: Any) -> None:
        given = {"ApiEndpoint": "127.0.0.1:1", "Method": "GET", field: value}
        async with local_service(http=True) as service:
            error, cause = await failed(service, "apigateway:invoke", given)
        assert error == "States.Runtime"
        assert f"The value of the field '{field}' has an invalid format" in cause

    async def test_an_api_behind_api_gateway_fails_with_its_status(self, fake: Fake) -> None:
        fake.will({"message": "Forbidden"}, status=403)
        given = {"ApiEndpoint": fake.url.removeprefix("http://"), "Method": "GET"}
        async with local_service(http=True) as service:
            error, cause = await failed(service, "apigateway:invoke", given)
        assert (error, cause) == ("ApiGateway.403", '{"message":"Forbidden"}')
