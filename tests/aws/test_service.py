import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import botocore.session
import pytest
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from asfini import aws, errors
from asfini.aws import AwsService, AWSSession
from asfini.errors import (
    AccessDenied,
    ConnectionFailed,
    CredentialsInvalid,
    InvalidArgument,
    ServiceError,
    Throttled,
)
from asfini.testing import virtual_time

ACTIVITY = "arn:aws:states:eu-west-1:123456789012:activity:pay"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:shop:1"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:shop"
ROLE = "arn:aws:iam::123456789012:role/shop"
EMPTY: dict[str, Any] = {}


# What comes back, on moto's server


async def test_an_execution_runs_to_its_end_on_moto(moto):
    definition = {"StartAt": "go", "States": {"go": {"Type": "Pass", "Result": {"ok": True}, "End": True}}}
    machine = await moto.call(
        "create_state_machine", name="shop", definition=json.dumps(definition), roleArn=ROLE
    )
    assert machine.keys() == {"stateMachineArn", "creationDate"}
    started = await moto.call("start_execution", stateMachineArn=MACHINE, name="1", input="{}")
    seen = await _ended(moto, started)
    assert (seen["status"], json.loads(seen["output"])) == ("SUCCEEDED", {"ok": True})
    history = await moto.call("get_execution_history", **_arn(started))
    assert [event["type"] for event in history["events"]] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def _arn(started: dict[str, Any]) -> dict[str, str]:
    return {"executionArn": started["executionArn"]}


async def _ended(moto: AwsService, started: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (seen := await moto.call("describe_execution", **_arn(started)))["status"] == "RUNNING":
            await moto.changed(EXECUTION, 0.01)
    return seen


async def test_an_answer_without_content_is_an_empty_one(fake, moto, service):
    assert await moto.call("delete_activity", activityArn=ACTIVITY) == {}
    fake.will(fake.http(""))
    assert await service.call("delete_activity", activityArn=ACTIVITY) == {}


async def test_an_execution_is_stopped_on_moto(moto):
    definition = {"StartAt": "rest", "States": {"rest": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    await moto.call("create_state_machine", name="shop", definition=json.dumps(definition), roleArn=ROLE)
    started = await moto.call("start_execution", stateMachineArn=MACHINE, name="1", input="{}")
    await moto.call("stop_execution", error="Enough", **_arn(started))  # moto may leave out the date
    assert (await _ended(moto, started))["status"] == "ABORTED"


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("describe_activity", {"activityArn": ACTIVITY}, errors.ActivityDoesNotExist),
        ("describe_activity", {"activityArn": "pay"}, errors.InvalidArn),
        ("describe_execution", {"executionArn": EXECUTION}, errors.ExecutionDoesNotExist),
        ("describe_state_machine", {"stateMachineArn": MACHINE}, errors.StateMachineDoesNotExist),
        ("create_activity", {"name": "a b"}, errors.InvalidName),
        ("send_task_success", {"taskToken": "t", "output": "{}"}, errors.InvalidToken),
        ("send_task_failure", {"taskToken": "t"}, errors.InvalidToken),
        ("send_task_heartbeat", {"taskToken": "t"}, errors.InvalidToken),
    ],
)
async def test_moto_refuses_with_the_errors_of_the_api(moto, operation, parameters, expected):
    with pytest.raises(expected) as caught:
        await moto.call(operation, **parameters)
    assert type(caught.value) is expected
    assert (caught.value.operation, caught.value.code) == (operation, expected.__name__)
    assert str(caught.value) == f"{operation}: {expected.__name__}: {caught.value.message}"


async def test_a_server_that_breaks_down_is_named_with_the_status(moto, moto_url):
    with pytest.raises(ConnectionFailed, match="answered with status 500") as caught:
        await moto.call("get_activity_task", activityArn=ACTIVITY)  # moto implements no polls
    assert moto_url in str(caught.value)


async def test_the_account_is_the_one_that_the_credentials_belong_to(moto):
    account = await moto.account()
    assert (account.partition, account.region, account.account_id) == ("aws", "eu-west-1", "123456789012")


async def test_a_client_registers_and_executes_on_moto(moto_url):
    from asfini import Pass, construct_state_machine

    shop = construct_state_machine("shop", Pass("go", result={"ok": True}))
    async with aws.connect(region="eu-west-1", endpoint_url=moto_url, role="shop") as client:
        await client.register(shop)
        async with asyncio.timeout(30):
            assert await client.execute(shop, {}) == {"ok": True}
        described = await client.service.call("describe_state_machine", stateMachineArn=MACHINE)
        assert described["roleArn"] == ROLE


async def test_a_client_can_be_left_by_another_task_than_the_one_that_entered(moto_url):
    connection = aws.connect(region="eu-west-1", endpoint_url=moto_url)
    client = await asyncio.create_task(connection.__aenter__())
    assert await client.service.call("list_activities") == {"activities": []}
    await asyncio.create_task(connection.__aexit__(None, None, None))


async def test_virtual_time_does_not_jump_while_aws_is_asked(moto):
    with virtual_time():
        async with asyncio.timeout(30):
            for _ in range(5):
                await moto.call("list_activities")
            await moto.account()


# Refusals


def _modelled_errors() -> list[str]:
    model = botocore.session.get_session().get_service_model("stepfunctions")
    return sorted(shape.name for shape in model.error_shapes)


@pytest.mark.parametrize("code", _modelled_errors())
async def test_each_modelled_error_has_a_class_of_its_name(fake, service, code):
    fake.will(fake.error(code, "the reason"))
    with pytest.raises(ServiceError) as caught:
        await service.call("describe_execution", executionArn=EXECUTION)
    assert type(caught.value).__name__ == caught.value.code == code
    assert caught.value.message == "the reason"


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ThrottlingException", 400, Throttled),
        ("Brake", 429, Throttled),
        ("AccessDeniedException", 400, AccessDenied),
        ("NotYours", 403, AccessDenied),
        ("ExpiredTokenException", 400, CredentialsInvalid),
        ("RequestExpired", 400, CredentialsInvalid),
        ("SignatureDoesNotMatch", 403, CredentialsInvalid),
        ("InternalFailure", 500, ConnectionFailed),
        ("ServiceUnavailable", 503, ConnectionFailed),
        ("NewlyInvented", 400, ServiceError),
    ],
)
async def test_other_errors_are_told_apart_by_code_and_status(fake, service, code, status, expected):
    fake.will(fake.error(code, "the reason", status))
    with pytest.raises(ServiceError) as caught:
        await service.call("describe_execution", executionArn=EXECUTION)
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.message) == (code, "the reason")


async def test_an_unknown_operation_is_refused_without_a_request(fake, service):
    with pytest.raises(InvalidArgument, match="'start_executions': Step Functions has no such operation"):
        await service.call("start_executions", stateMachineArn=MACHINE)
    assert fake.requests == []


async def test_wrong_parameters_are_refused_by_name_without_a_request(fake, service):
    with pytest.raises(InvalidArgument) as caught:
        await service.call("list_executions", stateMachineArn=7, limit=1)
    message = str(caught.value)
    assert message.startswith("list_executions: parameter validation failed: ")
    assert '"limit"' in message
    assert "stateMachineArn, value: 7" in message
    assert "\n" not in message
    assert fake.requests == []


async def test_a_payload_of_the_wrong_type_is_not_told_in_full(service):
    with pytest.raises(InvalidArgument) as caught:
        await service.call("start_execution", stateMachineArn=MACHINE, input={"card": "1234 " * 1000})
    assert len(str(caught.value)) < 500


# Answers that are none


NO_ANSWERS: dict[str, Callable[[Any], Any]] = {
    "a reset": lambda fake: fake.raw(b"", then="reset"),
    "a hang-up": lambda fake: fake.raw(b"", then="hang up"),
    "half of the head": lambda fake: fake.raw(b"HTTP/1.1 200 OK\r\nContent-", then="hang up"),
    "half of the body": lambda fake: fake.raw(
        b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"stat', then="hang up"
    ),
    "half of a body of unknown length": lambda fake: fake.raw(
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"taskToken": "t", "in', then="hang up"
    ),
    "half of a body in pieces": lambda fake: fake.raw(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"tas\r\n', then="hang up"
    ),
    "another protocol": lambda fake: fake.raw(b"220 mail.example.com ESMTP\r\n", then="hang up"),
    "nothing": lambda fake: fake.http(""),
    "a page": lambda fake: fake.http("<html><body>Please log in</body></html>"),
    "a list": lambda fake: fake.json([1]),
    "null": lambda fake: fake.json(None),
    "a number": lambda fake: fake.json(7),
    "bytes that are no text": lambda fake: fake.http(b"\xff\xfe{}"),
    "JSON too deep to read": lambda fake: fake.http("[" * 100_000),
    "an error's page": lambda fake: fake.http("<html><body>Bad gateway</body></html>", 502),
    "a refusal's page": lambda fake: fake.http("<html><body>Not from here</body></html>", 403),
    "a wrong path's page": lambda fake: fake.http("<html><body>Not found</body></html>", 404),
    "an error that is a list": lambda fake: fake.json([1], 400),
    "an error whose code is a number": lambda fake: fake.json({"__type": 7}, 500),
}


@pytest.mark.parametrize("operation", ["get_activity_task", "describe_activity"])
@pytest.mark.parametrize("no_answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_no_sensible_answer_means_that_the_connection_failed(fake, service, no_answer, operation):
    fake.will(no_answer(fake))
    with pytest.raises(ConnectionFailed) as caught:
        await service.call(operation, activityArn=ACTIVITY)
    assert caught.value.operation == operation
    assert fake.url in caught.value.message
    assert len(fake.requests) == 1


async def test_an_answer_with_a_date_that_is_none_is_not_sensible(fake, service):
    fake.will(fake.json({"activityArn": ACTIVITY, "name": "pay", "creationDate": "yesterday, I think"}))
    with pytest.raises(ConnectionFailed, match="gave no sensible answer"):
        await service.call("describe_activity", activityArn=ACTIVITY)


@pytest.mark.parametrize("operation", ["get_activity_task", "describe_activity"])
async def test_an_answer_in_which_nothing_is_known_is_not_sensible(fake, service, operation):
    fake.will(fake.json({"message": "Please log in"}))
    with pytest.raises(ConnectionFailed, match="gave no sensible answer: 28 bytes"):
        await service.call(operation, activityArn=ACTIVITY)


@pytest.mark.parametrize(
    ("operation", "answer", "lacking"),
    [
        ("describe_execution", {"executionArn": EXECUTION}, "stateMachineArn, status, startDate"),
        ("start_execution", {"startDate": 1.0}, "executionArn"),
        ("describe_state_machine", {"name": "shop"}, "stateMachineArn, definition"),
        ("get_execution_history", {"nextToken": "x"}, "events"),
        ("get_execution_history", {}, "events"),
        ("get_execution_history", {"events": [{"id": 1}]}, "events.timestamp, events.type"),
        ("list_executions", {"executions": [{"status": "FAILED"}]}, "executions.executionArn"),
        ("list_activities", {"activities": None, "nextToken": "x"}, "activities"),
    ],
)
async def test_an_answer_that_lacks_what_it_must_have_is_not_sensible(
    fake, service, operation, answer, lacking
):
    arns = {"start_execution": "stateMachineArn", "describe_state_machine": "stateMachineArn"}
    arns |= {"list_executions": "stateMachineArn"}
    parameter = arns.get(operation, "executionArn")
    fake.will(fake.json(answer))
    with pytest.raises(ConnectionFailed, match=f"gave no sensible answer: .*it lacks {lacking}"):
        await service.call(operation, **({} if operation == "list_activities" else {parameter: MACHINE}))


async def test_new_members_in_answers_are_left_out(fake, service):
    fake.will(fake.json({"newly": "invented"}), fake.json({"activities": [], "newly": "invented"}))
    assert await service.call("delete_activity", activityArn=ACTIVITY) == {}
    assert await service.call("list_activities") == {"activities": []}


@pytest.mark.parametrize("body", ["{}", '{"taskToken": null, "input": null}'])
async def test_a_poll_that_finds_no_task_answers_nothing(fake, service, body):
    fake.will(fake.http(body))
    assert await service.call("get_activity_task", activityArn=ACTIVITY) == {}


async def test_a_server_that_is_not_there_is_named(unused_tcp_port):
    session = AWSSession(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{unused_tcp_port}")
    async with AwsService(session, max_attempts=1) as service:
        with pytest.raises(ConnectionFailed, match=f"no connection to http://127.0.0.1:{unused_tcp_port}"):
            await service.call("list_activities")


async def test_a_server_that_is_silent_for_too_long_has_not_answered(fake, open_service):
    fake.will(fake.json(EMPTY, after=asyncio.Event()))
    async with open_service(max_attempts=1, config=AioConfig(read_timeout=0.05)) as service:
        with pytest.raises(ConnectionFailed, match="did not answer in time"):
            await service.call("list_activities")


@pytest.mark.parametrize("kept", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", None])
async def test_without_credentials_access_is_denied_before_anything_is_sent(
    fake, open_service, monkeypatch, kept
):
    for name in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} - {kept}:
        monkeypatch.delenv(name)
    async with open_service() as service:
        with pytest.raises(CredentialsInvalid, match="credentials"):
            await service.call("list_activities")
    assert fake.requests == []


# Trying again


async def test_throttling_and_broken_connections_are_tried_again(fake, open_service):
    async with open_service(max_attempts=3) as service:
        fake.will(
            fake.error("ThrottlingException"), fake.raw(b"", then="reset"), fake.json({"activities": []})
        )
        assert await service.call("list_activities") == {"activities": []}
    assert len(fake.requests) == 3


async def test_trying_again_has_an_end(fake, open_service):
    fake.will(fake.error("ThrottlingException"))
    async with open_service(max_attempts=2) as service:
        with pytest.raises(Throttled):
            await service.call("list_activities")
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    ("variable", "options", "times"),
    [
        ({}, {"config": AioConfig(retries={"total_max_attempts": 1})}, 1),
        ({"AWS_MAX_ATTEMPTS": "1"}, {}, 1),
        ({"AWS_MAX_ATTEMPTS": "1"}, {"max_attempts": 2}, 2),
    ],
)
async def test_how_often_is_configured_as_for_boto3(
    fake, open_service, monkeypatch, variable, options, times
):
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    fake.will(fake.error("ThrottlingException"))
    async with open_service(**options) as service:
        with pytest.raises(Throttled):
            await service.call("list_activities")
    assert len(fake.requests) == times


async def test_an_error_of_the_callers_is_not_tried_again(fake, open_service):
    fake.will(fake.error("ActivityDoesNotExist"))
    async with open_service(max_attempts=3) as service:
        with pytest.raises(errors.ActivityDoesNotExist):
            await service.call("describe_activity", activityArn=ACTIVITY)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_activity_task", {"activityArn": ACTIVITY}),
        ("start_sync_execution", {"stateMachineArn": MACHINE}),
        ("test_state", {"definition": "{}"}),
    ],
)
async def test_what_would_take_or_run_something_twice_is_tried_once(
    fake, open_service, operation, parameters
):
    fake.will(fake.error("ThrottlingException"))
    async with open_service(max_attempts=3, config=AioConfig(retries={"max_attempts": 5})) as service:
        with pytest.raises(Throttled):
            await service.call(operation, **parameters)
    assert len(fake.requests) == 1


# Connections


async def test_open_polls_hold_up_no_other_call(fake, open_service):
    task = asyncio.Event()
    fake.will(*[fake.json({"taskToken": "t", "input": "{}"}, after=task)] * 30, fake.json(EMPTY))
    async with open_service(config=AioConfig(max_pool_connections=1)) as service:
        polls = [
            asyncio.create_task(service.call("get_activity_task", activityArn=ACTIVITY)) for _ in range(30)
        ]
        await fake.until(lambda: len(fake.requests) == 30)
        async with asyncio.timeout(30):
            assert await service.call("send_task_heartbeat", taskToken="t") == {}
        task.set()
        assert await asyncio.gather(*polls) == [{"taskToken": "t", "input": "{}"}] * 30


async def test_no_more_polls_are_open_than_wanted(fake, open_service):
    task = asyncio.Event()
    fake.will(fake.json({"taskToken": "t"}, after=task))
    async with open_service(max_polls=2) as service:
        polls = [
            asyncio.create_task(service.call("get_activity_task", activityArn=ACTIVITY)) for _ in range(5)
        ]
        await fake.until(lambda: len(fake.requests) == 2)
        task.set()
        await asyncio.gather(*polls)
        assert fake.connections == 2


async def test_a_poll_outlasts_the_time_out_of_ordinary_calls(fake, open_service):
    task = asyncio.Event()
    fake.will(fake.json({"taskToken": "t"}, after=task), fake.json(EMPTY, after=asyncio.Event()))
    async with open_service(max_attempts=1, config=AioConfig(read_timeout=0.05)) as service:
        poll = asyncio.create_task(service.call("get_activity_task", activityArn=ACTIVITY))
        await fake.until(lambda: len(fake.requests) == 1)
        with pytest.raises(ConnectionFailed, match="in time"):
            await service.call("list_activities")
        task.set()
        assert await poll == {"taskToken": "t"}


async def test_a_cancelled_call_leaves_no_connection_behind(fake, open_service):
    never = asyncio.Event()
    fake.will(fake.json(EMPTY, after=never), fake.json(EMPTY, after=never), fake.json({"activities": []}))
    async with open_service(config=AioConfig(max_pool_connections=1)) as service:
        for asked in (1, 2):
            call = asyncio.create_task(service.call("list_activities"))
            await fake.until(lambda asked=asked: len(fake.requests) == asked)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        await fake.until(lambda: fake.connections == 0)
        assert await service.call("list_activities") == {"activities": []}


async def test_a_first_call_that_is_cancelled_spoils_nothing_for_others(fake, service):
    fake.will(fake.json({"activities": []}))
    first, second = (asyncio.create_task(service.call("list_activities")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == {"activities": []}


async def test_open_calls_end_when_the_service_is_closed(fake, open_service):
    fake.will(fake.json(EMPTY, after=asyncio.Event()))
    async with open_service() as service:
        calls = [
            asyncio.create_task(service.call("get_activity_task", activityArn=ACTIVITY)),
            asyncio.create_task(service.call("list_activities")),
        ]
        await fake.until(lambda: len(fake.requests) == 2)
    for call in calls:
        with pytest.raises(ConnectionFailed, match="closed before an answer came"):
            await call
    await fake.until(lambda: fake.connections == 0)


async def test_a_closed_service_answers_nothing(fake, open_service):
    async with open_service() as service:
        pass
    with pytest.raises(InvalidArgument, match="cannot call 'list_activities': the connection is closed"):
        await service.call("list_activities")


async def test_a_block_that_is_cancelled_still_closes_its_connections(fake, open_service):
    fake.will(fake.json({"activities": []}))
    entered = asyncio.Event()

    async def use() -> None:
        async with open_service() as service:
            await service.call("list_activities")
            entered.set()
            await asyncio.Event().wait()

    user = asyncio.create_task(use())
    await entered.wait()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
    await fake.until(lambda: fake.connections == 0)


async def test_a_scope_that_is_cancelled_still_closes_its_connections(fake, open_service):
    fake.will(fake.json({"activities": []}), fake.json(EMPTY, after=asyncio.Event()))
    with anyio.CancelScope() as scope:
        async with open_service() as service:
            await service.call("list_activities")
            poll = asyncio.create_task(service.call("get_activity_task", activityArn=ACTIVITY))
            await fake.until(lambda: len(fake.requests) == 2)
            scope.cancel()
            await anyio.sleep_forever()
    await fake.until(lambda: fake.connections == 0)
    with pytest.raises(ConnectionFailed):
        await poll


async def test_requests_name_asfini(fake, service):
    fake.will(fake.json({"activities": []}))
    await service.call("list_activities")
    assert fake.requests[0].headers["user-agent"].startswith("asfini/")
    assert " aiobotocore/" in fake.requests[0].headers["user-agent"]


# Where requests go


@pytest.fixture
def configured(request: pytest.FixtureRequest, fake, monkeypatch, tmp_path: Path) -> AWSSession:
    """A session that the argument, the environment or the configuration sends to the fake server."""
    if request.param == "argument":
        return AWSSession(region="eu-west-1", endpoint_url=fake.url)
    if request.param == "profile":
        keys = "aws_access_key_id = a\naws_secret_access_key = s\n"
        settings = f"[profile there]\nregion = eu-west-1\nendpoint_url = {fake.url}\n{keys}"
        (tmp_path / "config").write_text(settings)
        return AWSSession(profile="there")
    monkeypatch.setenv(request.param, fake.url)
    return AWSSession(region="eu-west-1")


@pytest.mark.parametrize(
    "configured", ["argument", "profile", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SFN"], indirect=True
)
async def test_a_custom_endpoint_gets_no_prefix(fake, configured):
    fake.will(fake.json({"status": "SUCCEEDED"}))
    async with AwsService(configured, max_attempts=1) as service:
        assert await service.call("test_state", definition="{}") == {"status": "SUCCEEDED"}
    assert fake.requests[0].headers["host"] == fake.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("region", "endpoint_url", "host"),
    [
        ("eu-west-1", None, "sync-states.eu-west-1.amazonaws.com"),
        ("cn-north-1", None, "sync-states.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", None, "sync-states.us-gov-west-1.amazonaws.com"),
        (
            "eu-west-1",
            "https://vpce-1.states.eu-west-1.vpce.amazonaws.com",
            "vpce-1.states.eu-west-1.vpce.amazonaws.com",
        ),
        ("eu-west-1", "https://states.example.com", "states.example.com"),
    ],
)
async def test_only_public_endpoints_have_a_host_for_waiting_calls(boto, region, endpoint_url, host):
    asked = []
    boto.register("before-send.sfn", lambda request, **_: asked.append(request.url) or _no_network(request))
    async with AwsService(AWSSession(boto, region=region, endpoint_url=endpoint_url)) as service:
        await service.call("test_state", definition="{}")
    assert asked == [f"https://{host}/"]


def _no_network(request: Any) -> AioAWSResponse:
    class Raw:
        async def read(self) -> bytes:
            return b'{"status": "SUCCEEDED"}'

    return AioAWSResponse(request.url, 200, {}, Raw())


# Configuration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no region is configured: pass region="),
        ({"region": "eu west 1"}, "eu west 1"),
        ({"profile": "nobodys"}, r"\(nobodys\) could not be found"),
        (
            {"region": "eu-west-1", "endpoint_url": "localhost:8083"},
            "endpoint_url must be like http://.*'localhost:8083'",
        ),
        (
            {"region": "eu-west-1", "session": 7},
            "session must be an aiobotocore.session.AioSession, not a builtins.int",
        ),
        (
            {"region": "eu-west-1", "config": {"read_timeout": 1}},
            "config must be an aiobotocore.config.AioConfig",
        ),
        ({"region": "eu-west-1", "max_attempts": 0}, "0"),
        ({"region": "eu-west-1", "max_polls": 0}, "max_polls must be at least 1, not 0"),
        ({"session": AioSession(), "profile": "mine"}, "profile='mine' cannot be given beside a session"),
        ({"session": AWSSession(), "region": "eu-west-1"}, "region='eu-west-1' cannot be given beside it"),
    ],
)
async def test_a_configuration_that_makes_no_sense_is_refused_before_anything_is_sent(options, message):
    with pytest.raises(InvalidArgument, match=message):
        async with aws.connect(**options) as client:
            await client.service.call("list_activities")


async def test_an_endpoint_in_the_environment_must_be_a_url(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost")
    async with aws.connect(region="eu-west-1") as client:
        with pytest.raises(InvalidArgument, match="localhost"):
            await client.service.call("list_activities")


async def test_a_session_of_the_users_is_used_with_its_own_settings(fake, boto):
    boto.set_credentials("mine", "secret")
    boto.set_config_variable("region", "eu-central-1")
    boto.set_default_client_config(AioConfig(user_agent="shop/1"))
    fake.will(fake.json({"activities": []}))
    async with aws.connect(boto, endpoint_url=fake.url) as client:
        await client.service.call("list_activities")
    headers = fake.requests[0].headers
    assert "Credential=mine/" in headers["authorization"]
    assert "/eu-central-1/" in headers["authorization"]
    assert headers["user-agent"].startswith("shop/1")


def test_importing_it_and_making_a_session_loads_nothing_heavy():
    program = """
        import sys
        from asfini.aws import AWSSession, AwsService, connect
        AwsService(AWSSession(region="eu-west-1", profile="mine"))
        connect(region="eu-west-1")
        print([name for name in ("aiobotocore", "botocore", "aiohttp", "pydantic") if name in sys.modules])
    """
    lines = [line.strip() for line in program.strip().splitlines()]
    command = [sys.executable, "-c", "\n".join(lines)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"
