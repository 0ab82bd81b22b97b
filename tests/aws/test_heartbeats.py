"""Heartbeats from another thread: over connections of their own, or by the service where that is better."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from asfini import Service, ServiceWrapper
from asfini.aws import AwsService, AWSSession, Credentials
from asfini.errors import ConnectionFailed, TaskDoesNotExist, TaskTimedOut, Throttled

Open = Callable[..., AwsService]
BODY = {"taskToken": "é"}


async def elsewhere(service: Service, work: Callable[[Service], Awaitable[Any]]) -> Any:
    """Do something with what a service is beside itself, in another thread's loop."""
    opening = service.beside()
    assert opening is not None

    async def main(opening: AbstractAsyncContextManager[Service]) -> Any:
        async with opening as beside, asyncio.timeout(30):
            return await work(beside)

    return await asyncio.to_thread(asyncio.run, main(opening))


async def beat(service: Service) -> dict[str, Any]:
    return await service.call("send_task_heartbeat", **BODY)


def beats(number: int) -> Callable[[Service], Awaitable[list[Any]]]:
    async def work(service: Service) -> list[Any]:
        return [await beat(service) for _ in range(number)]

    return work


def is_ours(request: Any) -> bool:
    """Whether it was not botocore that sent it."""
    return "amz-sdk-invocation-id" not in request.headers


def calls_noted(service: AwsService, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a service is asked to do itself, from now on."""
    noted, call = [], service.call

    async def note(operation: str, /, **parameters: Any) -> dict[str, Any]:
        noted.append(operation)
        return await call(operation, **parameters)

    monkeypatch.setattr(service, "call", note)
    return noted


async def test_they_go_over_a_connection_of_their_own(fake: Any, open_service: Open) -> None:
    fake.will(fake.json({}))
    async with open_service() as service:
        assert await elsewhere(service, beats(3)) == [{}, {}, {}]
    assert [is_ours(request) for request in fake.requests] == [True] * 3
    assert fake.operations == ["SendTaskHeartbeat"] * 3
    assert fake.accepted == 1


async def test_the_loop_may_be_blocked_meanwhile(fake: Any, open_service: Open) -> None:
    """Nothing is asked of the service's own loop, once the other one has entered."""
    fake.will(fake.json({}))

    async def work(beside: Any) -> Any:
        beside._loop = None
        return await beat(beside)

    async with open_service() as service:
        assert await elsewhere(service, work) == {}


@pytest.mark.parametrize("token", [None, "temporary"])
async def test_signatures_are_botocores(fake: Any, boto: AioSession, token: str | None) -> None:
    keys = Credentials("AKID", "secret/key", token)
    fake.will(fake.json({}))
    async with AwsService(
        AWSSession(boto, region="eu-west-1", endpoint_url=fake.url, credentials=keys)
    ) as service:
        await elsewhere(service, beat)
        await service.call("send_task_heartbeat", **BODY)
    ours, other = (request.headers for request in fake.requests)
    assert ours.keys() == other.keys()
    request = AWSRequest(
        "POST", f"{fake.url}/", {name: ours[name] for name in ("x-amz-target", "content-type", "host")}
    )
    request.data = b'{"taskToken": "\\u00e9"}'
    request.context["timestamp"] = request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token is not None:
        request.headers["X-Amz-Security-Token"] = token
    auth = SigV4Auth(BotoCredentials("AKID", "secret/key", token), "states", "eu-west-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert ours["authorization"].endswith(auth.signature(text, request))


@pytest.mark.parametrize("kind", [TaskTimedOut, TaskDoesNotExist])
async def test_a_closed_task_is_told_at_once(fake: Any, open_service: Open, kind: type[Exception]) -> None:
    fake.will(fake.error(kind.__name__, "gone"))
    async with open_service() as service:
        with pytest.raises(kind, match="gone"):
            await elsewhere(service, beat)
    assert len(fake.requests) == 1


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
OTHERS = {
    "throttled": lambda fake: fake.error("ThrottlingException"),
    "failing": lambda fake: fake.error("InternalServerError", status=500),
    "expired keys": lambda fake: fake.error("ExpiredTokenException"),
    "a page": lambda fake: fake.http("<html>", 502),
    "moved": lambda fake: fake.raw(
        f"HTTP/1.1 307 Moved\r\nLocation: {fake.url}/\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "in odd chunks": lambda fake: fake.raw(CHUNKS.replace(b"2\r\n", b"two\r\n")),
    "in a negative chunk": lambda fake: fake.raw(CHUNKS.replace(b"2\r\n", b"-2\r\n")),
    "in another coding": lambda fake: fake.raw(CHUNKS.replace(b"chunked", b"gzip")),
    "half a chunk": lambda fake: fake.raw(CHUNKS[:-9], then="hang up"),
    "too much": lambda fake: fake.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}"),
    "no length": lambda fake: fake.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}"),
    "only a beginning": lambda fake: fake.raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "another protocol": lambda fake: fake.raw(b"HTTP/2 200\r\n\r\n"),
    "no header": lambda fake: fake.raw(b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\n{}"),
    "no status": lambda fake: fake.raw(b"HTTP/1.1 what\r\nContent-Length: 2\r\n\r\n{}"),
    "endless": lambda fake: fake.raw(b"x" * 100_000),
    "half": lambda fake: fake.raw(b"HTTP/1.1 200 OK\r\nContent-Le", then="hang up"),
    "none": lambda fake: fake.raw(b"", then="hang up"),
    "a reset": lambda fake: fake.raw(b"", then="reset"),
    "no json": lambda fake: fake.http("{"),
}


@pytest.mark.parametrize("odd", OTHERS)
async def test_other_answers_have_it_sent_by_the_service(
    fake: Any, open_service: Open, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.will(OTHERS[odd](fake), fake.json({}))
    async with open_service(max_attempts=1) as service:
        noted = calls_noted(service, monkeypatch)
        assert await elsewhere(service, beats(2)) == [{}, {}]
    assert noted == ["send_task_heartbeat"]
    assert len(fake.requests) == 3


UNUSUAL = {
    "in chunks": CHUNKS,
    "in many chunks": CHUNKS.replace(b"2\r\n{}", b"1;of=2\r\n{\r\n01\r\n}").replace(
        b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n"
    ),
    "of unknown length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "of the protocol before": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_unusual_answers_are_understood(
    fake: Any, open_service: Open, unusual: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = "stay" if unusual.endswith("chunks") else "hang up"
    fake.will(fake.raw(UNUSUAL[unusual], then=then), fake.json({}))
    async with open_service(max_attempts=1) as service:
        noted = calls_noted(service, monkeypatch)
        assert await elsewhere(service, beats(2)) == [{}, {}]
    assert not noted
    assert len(fake.requests) == 2


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_they_may_come_byte_by_byte(fake: Any, open_service: Open, unusual: str) -> None:
    data = UNUSUAL[unusual]
    async with open_service(max_attempts=1) as service:
        fake.will(fake.pieces(*(data[place : place + 1] for place in range(len(data))), then="hang up"))
        assert await elsewhere(service, beat) == {}
    assert len(fake.requests) == 1


async def test_what_the_service_meets_then_is_told(fake: Any, open_service: Open) -> None:
    fake.will(fake.error("ThrottlingException"))
    async with open_service(max_attempts=1) as service:
        with pytest.raises(Throttled):
            await elsewhere(service, beat)


async def test_a_connection_that_is_closed_between_two_is_not_used_again(
    fake: Any, open_service: Open
) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n{}"
    fake.will(fake.raw(last), fake.json({}))
    async with open_service() as service:
        assert await elsewhere(service, beats(2)) == [{}, {}]
    assert [is_ours(request) for request in fake.requests] == [True, True]
    assert fake.accepted == 2


async def test_an_answer_may_come_in_pieces(fake: Any, open_service: Open) -> None:
    async with open_service() as service:
        fake.will(fake.pieces(b"HTTP/1.1 200 OK\r\ncontent-length:", b" 2\r\n\r", b"\n{", b"}"))
        assert await elsewhere(service, beat) == {}
    assert is_ours(fake.requests[0])


async def test_one_that_is_cancelled_gives_its_connection_up(fake: Any, open_service: Open) -> None:
    async def work(beside: Service) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(beat(beside), 0.05)
        fake.will(fake.json({}))
        return await beat(beside)

    async with open_service() as service:
        fake.will(fake.json({}, after=asyncio.Event()))
        assert await elsewhere(service, work) == {}
    assert fake.accepted == 2


async def test_other_operations_and_the_account_are_the_services(fake: Any, open_service: Open) -> None:
    async def work(beside: Service) -> Any:
        await beside.account()
        return await beside.call("send_task_success", taskToken="t", output="1")

    fake.will(fake.identity("123456789012"), fake.json({}))
    async with open_service() as service:
        assert await elsewhere(service, work) == {}
    assert fake.operations == ["GetCallerIdentity", "SendTaskSuccess"]


async def test_keys_that_were_renewed_are_used(
    fake: Any, boto: AioSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asfini.aws._heartbeats.FRESH", -1)
    session = AWSSession(boto, region="eu-west-1", endpoint_url=fake.url)

    async def work(beside: Any) -> None:
        session._credentials = Credentials("NEW", "other")
        await beat(beside)
        await beside._asking
        await beat(beside)

    fake.will(fake.json({}))
    async with AwsService(session) as service:
        await elsewhere(service, work)
    assert "Credential=NEW/" in fake.requests[1].headers["authorization"]


async def test_a_proxy_gets_all_requests(
    fake: Any, open_service: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", fake.url)
    monkeypatch.setenv("NO_PROXY", "")
    session = AWSSession(
        region="eu-west-1", endpoint_url="http://elsewhere.invalid", credentials=Credentials("a", "b")
    )
    fake.will(fake.json({}))
    async with AwsService(session) as service:
        await elsewhere(service, beats(2))
    assert [is_ours(request) for request in fake.requests] == [False, False]


async def test_there_are_none_where_the_thin_path_is_switched_off(open_service: Open) -> None:
    async with open_service(thin=False) as service:
        assert service.beside() is None
    assert open_service().beside() is None


async def test_a_wrapper_is_asked_there_too(fake: Any, open_service: Open) -> None:
    class Counting(ServiceWrapper):
        calls: list[str]

        async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
            self.calls.append(operation)
            return await super().call(operation, **parameters)

    fake.will(fake.json({}))
    async with open_service() as service:
        counting = Counting(service)
        counting.calls = []
        await elsewhere(counting, beat)
        assert counting.inner is service
    assert counting.calls == ["send_task_heartbeat"]
    assert is_ours(fake.requests[0])


async def test_over_tls(tls_fake: Any, boto: AioSession, monkeypatch: pytest.MonkeyPatch) -> None:
    session = AWSSession(boto, region="eu-west-1", endpoint_url=tls_fake.url)
    tls_fake.will(tls_fake.json({}))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_fake.certificate))
    async with AwsService(session) as service:
        await elsewhere(service, beats(2))
    assert [is_ours(request) for request in tls_fake.requests] == [True, True]


async def test_certificates_are_checked(tls_fake: Any, boto: AioSession) -> None:
    session = AWSSession(boto, region="eu-west-1", endpoint_url=tls_fake.url)
    async with AwsService(session, max_attempts=1) as service:
        with pytest.raises(ConnectionFailed, match="certificate verify failed"):
            await elsewhere(service, beat)
    assert not tls_fake.requests
