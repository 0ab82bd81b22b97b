"""The thin path: whatever comes back, it says the same as botocore's own."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from asfini.aws import AwsService, AWSSession, Credentials
from asfini.errors import ConnectionFailed, InvalidArgument, TaskTimedOut, Throttled

ARN = "arn:aws:states:eu-west-1:123456789012:"
CALLS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "describe_execution": (
        {"executionArn": f"{ARN}execution:shop:1"},
        {
            "executionArn": f"{ARN}execution:shop:1",
            "stateMachineArn": f"{ARN}stateMachine:shop",
            "status": "SUCCEEDED",
            "startDate": 1.7e9,
            "stopDate": 1700000001.123,
            "output": "1",
            "outputDetails": {"included": True},
            "redriveCount": 0,
        },
    ),
    "get_activity_task": ({"activityArn": f"{ARN}activity:pay"}, {"taskToken": "t", "input": '"é"'}),
    "send_task_failure": ({"taskToken": "t", "error": "E"}, {}),
    "send_task_heartbeat": ({"taskToken": "t"}, {}),
    "send_task_success": ({"taskToken": "t", "output": '"é"'}, {}),
    "start_execution": (
        {"stateMachineArn": f"{ARN}stateMachine:shop", "name": "1", "input": "{}"},
        {"executionArn": f"{ARN}execution:shop:1", "startDate": 1.7e9},
    ),
}
"""The hot operations: what is sent, and what is answered where all is well."""

BODIES: list[Any] = [
    "",
    "{}",
    "{",
    "[]",
    "null",
    '"text"',
    "<html>",
    '{"unknown": 1}',
    '{"taskToken": null, "input": null}',
    '{"taskToken": "t", "input": "1", "new": {"a": 1}}',
    '{"executionArn": "a", "startDate": "2023-01-01T00:00:00Z"}',
    '{"executionArn": "a", "startDate": "soon"}',
    '{"executionArn": "a", "startDate": 1, "stateMachineArn": "b", "status": "RUNNING"}',
]
"""What a server may answer with status 200."""

ERRORS = [
    (400, "TaskTimedOut"),
    (400, "TaskDoesNotExist"),
    (400, "InvalidToken"),
    (400, "ExecutionDoesNotExist"),
    (400, "ExecutionAlreadyExists"),
    (400, "ActivityDoesNotExist"),
    (400, "AccessDeniedException"),
    (400, "ValidationException"),
    (400, "NewException"),
    (400, "KmsThrottlingException"),
    (400, "ThrottlingException"),
    (400, "ExpiredTokenException"),
    (400, "UnrecognizedClientException"),
    (403, "InvalidSignatureException"),
    (404, "UnknownOperationException"),
    (413, "RequestEntityTooLarge"),
    (429, "TooManyRequestsException"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
]


async def outcome(service: AwsService, operation: str) -> Any:
    """What a call gives, or how it fails."""
    try:
        return await service.call(operation, **CALLS[operation][0])
    except Exception as error:  # noqa: BLE001 - whatever it is, both must say it
        url = str(service.session.endpoint_url)
        return type(error).__name__, str(error).replace(f"{url}/", url)


Open = Callable[..., AwsService]


async def both(fake: Any, open_service: Open, operation: str, *answers: Any, **options: Any) -> list[Any]:
    """What a second call comes to on the thin path, and what on botocore's; and how often each was tried."""
    found = []
    for thin in (True, False):
        async with open_service(thin=thin, **{"max_attempts": 1, **options}) as service:
            fake.will(fake.json(CALLS[operation][1]))
            await service.call(operation, **CALLS[operation][0])
            fake.requests.clear()
            fake.will(*answers)
            found.append((await outcome(service, operation), len(fake.requests)))
            if not any(answer.then == "reset" for answer in answers):
                sdk = [request for request in fake.requests if "amz-sdk-invocation-id" in request.headers]
                assert bool(sdk) is not thin or options, "the path is not the one that was asked for"
    return found


EACH = pytest.mark.parametrize("operation", CALLS)
SOME = pytest.mark.parametrize("operation", ["get_activity_task", "start_execution"])


class TestTheSame:
    @EACH
    async def test_good_answers(self, fake: Any, open_service: Open, operation: str) -> None:
        one, other = await both(fake, open_service, operation, fake.json(CALLS[operation][1]))
        assert one == other
        assert one[0] is not None

    @SOME
    @pytest.mark.parametrize("body", BODIES)
    async def test_odd_answers(self, fake: Any, open_service: Open, operation: str, body: str) -> None:
        (one, tries), (other, other_tries) = await both(fake, open_service, operation, fake.http(body))
        assert tries == other_tries
        assert one == other or (one[0] == other[0] == "ConnectionFailed")

    @SOME
    @pytest.mark.parametrize(("status", "code"), ERRORS)
    async def test_refusals(
        self, fake: Any, open_service: Open, operation: str, status: int, code: str
    ) -> None:
        one, other = await both(fake, open_service, operation, fake.error(code, "é", status))
        assert one == other

    @SOME
    @pytest.mark.parametrize("status", [400, 403, 404, 407, 429, 500, 502, 503])
    async def test_pages_that_are_not_the_apis(
        self, fake: Any, open_service: Open, operation: str, status: int
    ) -> None:
        one, other = await both(fake, open_service, operation, fake.http("<html>no", status))
        assert one[1] == other[1]
        assert one[0][0] == other[0][0]
        assert str(status) in one[0][1]

    @SOME
    @pytest.mark.parametrize(
        "half", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"nonsense\r\n\r\n"]
    )
    async def test_broken_connections(
        self, fake: Any, open_service: Open, operation: str, half: bytes
    ) -> None:
        one, other = await both(fake, open_service, operation, fake.raw(half, then="hang up"))
        assert one[0][0] == other[0][0] == "ConnectionFailed"
        assert one[1] == other[1]

    @pytest.mark.parametrize("operation", ["describe_execution", "start_execution"])
    async def test_a_silent_server(self, fake: Any, open_service: Open, operation: str) -> None:
        never = fake.json({}, after=asyncio.Event())
        config = AioConfig(read_timeout=0.2)
        one, other = await both(fake, open_service, operation, never, config=config)
        assert one[0] == other[0]
        assert one[0][0] == "ConnectionFailed"

    @SOME
    @pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
    async def test_a_second_try(self, fake: Any, open_service: Open, operation: str, code: str) -> None:
        status = 500 if code.startswith("Internal") else 400
        bad, good = fake.error(code, "no", status), fake.json(CALLS[operation][1])
        one, other = await both(fake, open_service, operation, bad, good, max_attempts=2)
        assert one == other
        assert one[1] == (1 if operation == "get_activity_task" else 2)

    @EACH
    async def test_tries_have_an_end(self, fake: Any, open_service: Open, operation: str) -> None:
        one, other = await both(
            fake, open_service, operation, fake.error("ThrottlingException"), max_attempts=2
        )
        assert one == other
        assert one[0][0] == Throttled.__name__
        assert one[1] == (1 if operation == "get_activity_task" else 2)

    @pytest.mark.parametrize("operation", ["send_task_success", "send_task_failure"])
    async def test_a_report_that_is_refused_after_one_without_an_answer_may_have_been_taken(
        self, fake: Any, open_service: Open, operation: str
    ) -> None:
        async with open_service(max_attempts=2) as service:
            fake.will(fake.json({}))
            await service.call(operation, **CALLS[operation][0])
            fake.will(fake.raw(b"", then="hang up"), fake.error("TaskTimedOut"))
            with pytest.raises(
                ConnectionFailed, match="no answer came, and the next try was refused with TaskTimedOut"
            ):
                await service.call(operation, **CALLS[operation][0])
            fake.will(fake.error("ThrottlingException"), fake.error("TaskTimedOut"))
            with pytest.raises(TaskTimedOut):
                await service.call(operation, **CALLS[operation][0])

    @EACH
    @pytest.mark.parametrize("wrong", [{"nonsense": "x"}, {"taskToken": 5}, {}])
    async def test_parameters_that_are_refused(
        self, fake: Any, open_service: Open, operation: str, wrong: dict[str, Any]
    ) -> None:
        messages = []
        for thin in (True, False):
            async with open_service(thin=thin) as service:
                fake.will(fake.json(CALLS[operation][1]))
                await service.call(operation, **CALLS[operation][0])
                fake.requests.clear()
                with pytest.raises(InvalidArgument) as caught:
                    await service.call(operation, **wrong)
                messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert not fake.requests


class TestSignatures:
    @pytest.mark.parametrize("token", [None, "temporary"])
    async def test_they_are_botocores(self, fake: Any, boto: AioSession, token: str | None) -> None:
        keys = Credentials("AKID", "secret/key", token)
        session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url, credentials=keys)
        async with AwsService(session) as service:
            fake.will(fake.json({}))
            for _ in range(2):
                await service.call("send_task_success", taskToken="t", output='"é"')
        headers = fake.requests[1].headers
        assert "amz-sdk-invocation-id" not in headers
        body = json.dumps({"taskToken": "t", "output": '"é"'}).encode()
        names = ("x-amz-target", "content-type", "host")
        request = AWSRequest("POST", f"{fake.url}/", {name: headers[name] for name in names}, body)
        request.context["timestamp"] = headers["x-amz-date"]
        auth = SigV4Auth(BotoCredentials("AKID", "secret/key", token), "states", "eu-west-1")
        request.headers["X-Amz-Date"] = headers["x-amz-date"]
        if token is not None:
            request.headers["X-Amz-Security-Token"] = token
        text = auth.string_to_sign(request, auth.canonical_request(request))
        assert headers["authorization"].endswith(auth.signature(text, request))
        assert headers.get("x-amz-security-token") == token

    async def test_keys_that_are_renewed_are_used_at_once(self, fake: Any, boto: AioSession) -> None:
        session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url)
        async with AwsService(session) as service:
            fake.will(fake.json({}))
            await service.call("send_task_heartbeat", taskToken="t")
            session._credentials = Credentials("NEW", "other")
            await service.call("send_task_heartbeat", taskToken="t")
        assert "Credential=NEW/" in fake.requests[1].headers["authorization"]

    async def test_keys_that_have_expired_are_worth_a_second_try(self, fake: Any, open_service: Open) -> None:
        async with open_service() as service:
            fake.will(fake.json({}))
            await service.call("send_task_heartbeat", taskToken="t")
            fake.will(fake.error("ExpiredTokenException"), fake.json({}))
            await service.call("send_task_heartbeat", taskToken="t")
        assert "amz-sdk-invocation-id" in fake.requests[2].headers

    async def test_a_port_that_goes_without_saying_is_not_signed(self, boto: AioSession) -> None:
        session = AWSSession(boto, region="eu-west-1", endpoint_url="https://localhost:443")
        async with AwsService(session) as service:
            route = await service.heartbeat_route()
        assert route is not None
        assert route.plan.host == "localhost"


class TestWhatIsUnusual:
    @EACH
    async def test_answers_are_not_to_be_compressed(
        self, fake: Any, open_service: Open, operation: str
    ) -> None:
        parameters, answer = CALLS[operation]
        async with open_service() as service:
            fake.will(fake.json(answer))
            for _ in range(2):
                await service.call(operation, **parameters)
        assert [request.headers["accept-encoding"] for request in fake.requests] == ["identity"] * 2

    async def test_redirects_are_followed_as_before(self, fake: Any, open_service: Open) -> None:
        async with open_service() as service:
            fake.will(fake.json({}))
            await service.call("send_task_heartbeat", taskToken="t")
            moved = f"HTTP/1.1 307 Moved\r\nLocation: {fake.url}/\r\nContent-Length: 0\r\n\r\n".encode()
            fake.will(fake.raw(moved), fake.raw(moved), fake.json({}))
            await service.call("send_task_heartbeat", taskToken="t")
        assert len(fake.requests) == 4

    async def test_a_proxy_gets_all_requests(
        self, fake: Any, open_service: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", fake.url)
        monkeypatch.setenv("NO_PROXY", "")
        session = AWSSession(
            region="eu-west-1", endpoint_url="http://elsewhere.invalid", credentials=Credentials("a", "b")
        )
        async with AwsService(session) as service:
            fake.will(fake.json({}))
            for _ in range(3):
                await service.call("send_task_heartbeat", taskToken="t")
        assert [request.headers["host"] for request in fake.requests] == ["elsewhere.invalid"] * 3

    async def test_headers_of_somebodys_own_are_kept(self, fake: Any, boto: AioSession) -> None:
        def add(request: Any, **_: Any) -> None:
            request.headers["X-Mine"] = "1"

        boto.get_component("event_emitter").register("request-created.sfn", add)
        session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url)
        async with AwsService(session) as service:
            fake.will(fake.json({}))
            for _ in range(3):
                await service.call("send_task_heartbeat", taskToken="t")
        assert [request.headers.get("x-mine") for request in fake.requests] == ["1"] * 3

    async def test_it_can_be_switched_off(self, fake: Any, open_service: Open) -> None:
        async with open_service(thin=False) as service:
            fake.will(fake.json({}))
            for _ in range(3):
                await service.call("send_task_heartbeat", taskToken="t")
        assert all("amz-sdk-invocation-id" in request.headers for request in fake.requests)

    async def test_settings_of_aiohttps_own_are_for_botocores_calls(
        self, fake: Any, open_service: Open
    ) -> None:
        config = AioConfig(connector_args={"resolver": aiohttp.ThreadedResolver()})
        async with open_service(config=config) as service:
            fake.will(fake.json({}))
            for _ in range(3):
                await service.call("send_task_heartbeat", taskToken="t")
        assert all("amz-sdk-invocation-id" in request.headers for request in fake.requests)

    async def test_a_server_that_is_gone_is_named(self, fake: Any, boto: AioSession) -> None:
        session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url)
        async with AwsService(session, max_attempts=1) as service:
            fake.will(fake.json({}, then="hang up"))
            await service.call("send_task_heartbeat", taskToken="t")
            fake.will(fake.raw(b"", then="hang up"))
            with pytest.raises(ConnectionFailed, match=f"{fake.url} hung up"):
                await service.call("send_task_heartbeat", taskToken="t")


class TestConnections:
    async def call(self, service: AwsService, number: int = 1) -> None:
        await asyncio.gather(
            *(service.call("send_task_heartbeat", taskToken=f"t{each}") for each in range(number))
        )

    async def test_one_serves_calls_one_after_the_other(self, fake: Any, open_service: Open) -> None:
        fake.will(fake.json({}))
        async with open_service() as service:
            for _ in range(5):
                await self.call(service)
        assert fake.accepted == 2  # botocore's, for the first call, and ours

    async def test_there_are_no_more_than_the_settings_allow(self, fake: Any, open_service: Open) -> None:
        answer = asyncio.Event()
        async with open_service(config=AioConfig(max_pool_connections=3)) as service:
            fake.will(fake.json({}))
            await self.call(service)
            fake.will(fake.json({}, after=answer))
            calls = asyncio.create_task(self.call(service, 10))
            await fake.until(lambda: len(fake.requests) == 4)
            answer.set()
            await calls
        assert fake.accepted == 4
        assert len(fake.requests) == 11

    async def test_what_was_idle_for_long_is_not_used_again(
        self, fake: Any, open_service: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini.aws._http.IDLE_SECONDS", -1)
        fake.will(fake.json({}))
        async with open_service() as service:
            for _ in range(4):
                await self.call(service)
            await fake.until(lambda: fake.connections <= 2)
        assert fake.accepted == 4

    async def test_they_are_closed_with_the_service(self, fake: Any, open_service: Open) -> None:
        fake.will(fake.json({}))
        async with open_service() as service:
            for _ in range(2):
                await self.call(service, 5)
        await fake.until(lambda: fake.connections == 0)

    async def test_a_server_that_accepts_none_is_not_waited_for(
        self, fake: Any, open_service: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_service(config=AioConfig(connect_timeout=0.05), max_attempts=1) as service:
            fake.will(fake.json({}))
            await self.call(service)
            never = asyncio.Event()
            monkeypatch.setattr(
                asyncio.get_running_loop(), "create_connection", lambda *_, **__: never.wait()
            )
            with pytest.raises(ConnectionFailed, match="did not answer in time"):
                await self.call(service)

    async def test_a_server_that_is_not_there_any_more_is_named(
        self, fake: Any, open_service: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_service(max_attempts=1) as service:
            fake.will(fake.json({}))
            await self.call(service)

            async def refuse(*_: Any, **__: Any) -> None:
                raise ConnectionRefusedError("nobody listens")

            monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", refuse)
            with pytest.raises(ConnectionFailed, match=f"no connection to {fake.url}: nobody listens"):
                await self.call(service)

    async def test_over_tls(self, tls_fake: Any, boto: AioSession, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_fake.certificate))
        tls_fake.will(tls_fake.json({}))
        async with AwsService(AWSSession(boto, region="eu-west-1", endpoint_url=tls_fake.url)) as service:
            for _ in range(3):
                await self.call(service)
        assert ["amz-sdk-invocation-id" in request.headers for request in tls_fake.requests] == [
            True,
            False,
            False,
        ]
        assert tls_fake.accepted == 2

    async def test_a_call_that_is_cancelled_gives_its_connection_up(
        self, fake: Any, open_service: Open
    ) -> None:
        async with open_service() as service:
            fake.will(fake.json({}))
            await self.call(service)
            fake.will(fake.json({"late": 1}, after=asyncio.Event()))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(self.call(service), 0.05)
            fake.will(fake.json({}))
            await self.call(service)
        assert fake.accepted == 3
