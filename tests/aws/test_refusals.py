"""Workers over HTTP that are refused: for their keys, their rights, or an activity that is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession

from asfini import CallableActivity, Client, Task, Worker, aws, construct_state_machine, local
from asfini.errors import AccessDenied, ActivityDoesNotExist
from asfini.local import Endpoint
from asfini.testing import Fault
from asfini.worker import CallNext, Step

REGION = "us-east-1"
LONG = 60
"""Seconds that nothing here takes."""


async def double(n: int) -> int:
    return n * 2


doubling = CallableActivity("double", double)
machine = construct_state_machine("doubles", Task("double", doubling))


@asynccontextmanager
async def connected(url: str, session: AioSession | None = None) -> AsyncIterator[Client]:
    async with asyncio.timeout(LONG), aws.connect(session, region=REGION, endpoint_url=url) as client:
        yield client


@dataclass
class Gate:
    """Stands before an endpoint, and refuses keys that have expired."""

    endpoint: Endpoint
    url: str = ""
    expired: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    """The operations that it refused."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.endpoint.url.removeprefix("http://").rpartition(":")
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await message(reader):
                key = request.partition(b"Credential=")[2].partition(b"/")[0].decode()
                if key in self.expired:
                    self.refuse(request, writer)
                else:
                    inner_writer.write(request)
                    writer.write(await message(inner_reader))
        for each in (writer, inner_writer):
            each.close()

    def refuse(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.refused.append(request.partition(b"AWSStepFunctions.")[2].partition(b"\r\n")[0].decode())
        self.changed.set()
        body = b'{"__type": "ExpiredTokenException", "message": "The security token has expired"}'
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or 0))


@asynccontextmanager
async def gated(endpoint: Endpoint) -> AsyncIterator[Gate]:
    gate = Gate(endpoint)
    handling: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.create_task(gate.pass_on(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    gate.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    yield gate
    server.close()
    for task in handling:
        task.cancel()
    await asyncio.gather(*handling, return_exceptions=True)


def renewable(boto: AioSession) -> AioRefreshableCredentials:
    """A role's keys, which are renewed when they expire."""
    later = datetime.now(UTC) + timedelta(hours=1)

    async def renew() -> dict[str, Any]:
        return {"access_key": "NEW", "secret_key": "s", "token": "t", "expiry_time": later.isoformat()}

    credentials = AioRefreshableCredentials("OLD", "s", "t", later, renew, "test")
    boto._credentials = credentials
    return credentials


async def test_credentials_that_expire_while_a_worker_works_are_waited_for(boto: AioSession) -> None:
    keys = renewable(boto)
    async with (
        local.serve(machine, port=0, poll_seconds=0.2) as endpoint,
        gated(endpoint) as gate,
        connected(endpoint.url) as other,
        connected(gate.url, boto) as client,
    ):
        await other.register(doubling)
        async with Worker(client, doubling) as worker:
            assert await other.execute(machine, 1) == 2
            gate.expired.add("OLD")
            execution = await other.start_execution(machine, 21)
            await gate.changed.wait()
            keys._expiry_time = datetime.now(UTC)  # as time does
            assert await execution.wait() == 42
            assert worker.stats().healthy
    assert "GetActivityTask" in gate.refused


async def test_so_are_they_for_a_report(boto: AioSession) -> None:
    keys = renewable(boto)
    begun, go = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        begun.set()
        await go.wait()
        return "done"

    working = CallableActivity("work", work)
    works = construct_state_machine("works", Task("work", working))
    async with (
        local.serve(works, port=0, poll_seconds=0.2) as endpoint,
        gated(endpoint) as gate,
        connected(endpoint.url) as other,
        connected(gate.url, boto) as client,
    ):
        await other.register(working)
        execution = await other.start_execution(works)
        async with Worker(client, working, max_tasks=1):
            await begun.wait()
            gate.expired.add("OLD")
            go.set()
            await gate.changed.wait()
            keys._expiry_time = datetime.now(UTC)
            assert await execution.wait() == "done"
    assert gate.refused[0] == "SendTaskSuccess"


async def test_an_activity_that_is_deleted_while_it_is_polled_ends_the_worker_with_that_error() -> None:
    polled = asyncio.Event()

    async def tell(step: Step, call_next: CallNext) -> Any:
        polled.set()
        return await call_next()

    async with (
        local.serve(port=0) as endpoint,
        connected(endpoint.url) as client,
        connected(endpoint.url) as other,
    ):
        await client.register(doubling)
        worker = Worker(client, doubling, middleware=[tell])
        await worker.start()
        await polled.wait()
        await other.deregister(doubling)
        with pytest.raises(ActivityDoesNotExist, match="activity:double"):
            await worker.join()


async def test_an_account_that_may_not_poll_ends_it_too() -> None:
    denied = Fault(AccessDenied("User: arn:… is not authorized to perform: states:GetActivityTask"))
    async with (
        local.serve(port=0, faults={"get_activity_task": denied}) as endpoint,
        connected(endpoint.url) as client,
    ):
        await client.register(doubling)
        with pytest.raises(AccessDenied, match="not authorized to perform: states:GetActivityTask"):
            async with Worker(client, doubling):
                await asyncio.sleep(LONG)


async def test_one_that_may_not_report_has_its_tasks_lost_and_is_told_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asfini._reports.REPORT_DELAYS", (0.01,))
    denied = Fault(AccessDenied("User: arn:… is not authorized to perform: states:SendTaskSuccess"))
    async with (
        local.serve(machine, port=0, poll_seconds=0.1, faults={"send_task_success": denied}) as endpoint,
        connected(endpoint.url) as client,
    ):
        await client.register(doubling)
        tried = asyncio.Event()

        async def tell(step: Step, call_next: CallNext) -> Any:
            try:
                return await call_next()
            finally:
                if step.kind == "report":
                    tried.set()

        execution = await client.start_execution(machine, 1)
        async with Worker(client, doubling, middleware=[tell]) as worker:
            await tried.wait()
        assert worker.stats().activities["double"].lost == 1
        assert await execution.status() == "RUNNING"
    assert "its end could not be reported: AccessDenied" in caplog.text
