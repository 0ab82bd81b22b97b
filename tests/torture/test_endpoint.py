"""The endpoint under clients that send anything: it answers or hangs up, stays up, and loses no task."""

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from asfini import local
from asfini.local import Endpoint, _http, endpoint as module
from asfini.local._requests import REQUESTS

ARN = "arn:aws:states:us-east-1:123456789012:activity:pay"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:pay"
LONG = 20
"""Seconds that nothing here takes."""
STATUSES = {200, 400, 403, 413}
"""What may be answered: nothing here is the endpoint's fault."""
DEFINITION = {"StartAt": "pay", "States": {"pay": {"Type": "Task", "Resource": ARN, "End": True}}}

TOUCHING = frozenset(
    {"DeleteActivity", "DeleteStateMachine", "GetActivityTask", "StartExecution", "UpdateStateMachine"}
)
"""Operations that could take part in what the clients do on purpose."""

names = sorted("".join(map(str.title, name.split("_"))) for name in REQUESTS)
members = sorted({member for request in REQUESTS.values() for member in request.members})
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([ARN, MACHINE, "arn:", "", "ALL_DATA", json.dumps(DEFINITION), "x" * 300_000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
texts = (
    st.dictionaries(st.sampled_from(members), values, max_size=5).map(json.dumps)
    | values.map(json.dumps)
    | st.sampled_from(
        ["[" * 50_000, '{"a":' * 50_000, "[" * 50_000 + "]" * 50_000, '"\\ud800"', " " * 400_000]
    )
)
bodies = texts.map(lambda text: text.encode()) | st.binary(max_size=200)
targets = (
    st.sampled_from([f"AWSStepFunctions.{name}" for name in names if name not in TOUCHING])
    | st.sampled_from(["AWSStepFunctions.Nonsense", "DynamoDB_20120810.PutItem", "."])
    | st.text("abcXYZ.", max_size=10)
)


@dataclass
class Client:
    """Somebody who does as they like. All are in the endpoint's own loop: nothing is left to luck."""

    endpoint: Endpoint
    started: int = 0
    """How many tasks there are."""
    received: list[str] = field(default_factory=list)
    """The inputs of the tasks that came."""
    open: list[socket.socket] = field(default_factory=list)
    """Connections that are left as they are."""
    pollers: list[socket.socket] = field(default_factory=list)

    async def connect(self) -> socket.socket:
        host, _, port = self.endpoint.url.removeprefix("http://").rpartition(":")
        raw = socket.socket()
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
        return raw

    async def send(self, data: bytes) -> socket.socket:
        raw = await self.connect()
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(raw, data)
        return raw

    async def answer(self, raw: socket.socket) -> bytes:
        """Read an answer to its end, or to the connection's."""
        loop, data = asyncio.get_running_loop(), b""
        with suppress(ConnectionError):
            while not complete(data) and (more := await loop.sock_recv(raw, 1 << 20)):
                data += more
        return data

    async def call(self, target: str, body: bytes) -> bytes:
        raw = await self.send(request(target, body))
        try:
            return await self.answer(raw)
        finally:
            raw.close()

    def hear(self, data: bytes) -> bool:
        """Note the task in a poll's answer."""
        told = json.loads(data.partition(b"\r\n\r\n")[2]) if complete(data) else {}
        if "input" in told:
            self.received.append(json.loads(told["input"]))
        return "input" in told


def request(target: str, body: bytes, head: str = "") -> bytes:
    lines = f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {target}\r\n{head}"
    return f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def complete(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found) and len(body) >= (int(length[0].split(b":")[1]) if length else 0)


def poll() -> bytes:
    return request("AWSStepFunctions.GetActivityTask", json.dumps({"activityArn": ARN}).encode())


# What clients do


async def ask(client: Client, target: str, body: bytes) -> None:
    data = await client.call(target, body)
    if data:
        assert int(data.split()[1]) in STATUSES, data[:500]
        json.loads(data.partition(b"\r\n\r\n")[2])


async def send_anything(client: Client, data: bytes) -> None:
    client.open.append(await client.send(data))


async def send_slowly(client: Client, body: bytes, part: float) -> None:
    data = request("AWSStepFunctions.ListActivities", body, "Content-Type: application/x-amz-json-1.0\r\n")
    client.open.append(await client.send(data[: int(len(data) * part)]))


async def announce_more(client: Client, length: int) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    client.open.append(await client.send(f"{head}{{".encode()))


async def start(client: Client) -> None:
    body = {"stateMachineArn": MACHINE, "input": json.dumps(f"task {client.started}")}
    assert b" 200 " in await client.call("AWSStepFunctions.StartExecution", json.dumps(body).encode())
    client.started += 1


async def begin_poll(client: Client) -> None:
    client.pollers.append(await client.send(poll()))


async def vanish(client: Client, turns: int) -> None:
    """Hang up in the midst of the oldest poll, after so many turns of the loop; what came before, came."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if client.pollers:
        with client.pollers.pop(0) as raw, suppress(BlockingIOError, ConnectionError):
            client.hear(raw.recv(1 << 20))


moves = st.one_of(
    st.tuples(st.just(ask), targets, bodies),
    st.tuples(st.just(send_anything), st.binary(max_size=300)),
    st.tuples(st.just(send_slowly), bodies, st.floats(0, 1, exclude_max=True)),
    st.tuples(st.just(announce_more), st.sampled_from([10, 10**7, 10**12, 10**30])),
    st.tuples(st.just(start)),
    st.tuples(st.just(start)),
    st.tuples(st.just(begin_poll)),
    st.tuples(st.just(begin_poll)),
    st.tuples(st.just(vanish), st.integers(0, 8)),
    st.tuples(st.just(vanish), st.integers(0, 8)),
)


async def play(script: list[Any], *, virtual_time: bool) -> None:
    async with asyncio.timeout(LONG), local.serve(port=0, virtual_time=virtual_time) as endpoint:
        client = Client(endpoint)
        made = {"name": "pay", "definition": json.dumps(DEFINITION), "roleArn": "arn:aws:iam::1:role/r"}
        await client.call("AWSStepFunctions.CreateActivity", b'{"name": "pay"}')
        await client.call("AWSStepFunctions.CreateStateMachine", json.dumps(made).encode())
        try:
            for move, *arguments in script:
                await move(client, *arguments)
            await fetch_the_rest(client)
        finally:
            for raw in (*client.open, *client.pollers):
                raw.close()
        assert sorted(client.received) == sorted(f"task {number}" for number in range(client.started))


async def fetch_the_rest(client: Client) -> None:
    """Read what polls still get, those that are open first: each task came once, and none is left."""
    answers = {asyncio.create_task(client.answer(raw)) for raw in client.pollers}
    while len(client.received) < client.started:
        if not answers:
            await begin_poll(client)
            answers.add(asyncio.create_task(client.answer(client.pollers[-1])))
        done, answers = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert all(client.hear(answer.result()) for answer in done)
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)
    with await client.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as raw:
        assert b'{"status":"ok"}' in await client.answer(raw)


FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@FUZZ
@given(st.lists(moves, max_size=25))
def test_whatever_clients_send_it_stays_up_and_loses_no_task(script: list[Any]) -> None:
    asyncio.run(play(script, virtual_time=False))


@settings(FUZZ, max_examples=25)
@given(st.lists(moves, max_size=25))
def test_nor_does_it_in_virtual_time(script: list[Any]) -> None:
    asyncio.run(play(script, virtual_time=True))


async def test_clients_that_are_too_slow_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_IDLE", 0.1)
    monkeypatch.setattr(_http, "SECONDS_FOR_BODY", 0.1)
    whole = request("AWSStepFunctions.ListActivities", b"{}")
    async with asyncio.timeout(LONG), local.serve(port=0) as endpoint:
        client = Client(endpoint)
        for data in (b"", b"POST /", whole[:60], whole[:-1]):
            with await client.send(data) as raw:
                assert not complete(await client.answer(raw))
        with await client.send(whole) as raw:
            assert b'{"activities":[]}' in await client.answer(raw)
            assert await asyncio.get_running_loop().sock_recv(raw, 1) == b""
