"""The endpoint's speed beside moto's server, and what it costs while nothing happens.

Both servers run in processes of their own and are asked by turns, by one client that costs next to nothing.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from measuring import ROLE, Figure, alternating, exit_with, middle, moto_name

CONNECTIONS = 8
EXECUTIONS, DESCRIPTIONS = 160, 400
WAITING = 1000
"""Open polls, and as many running executions."""
IDLE_SECONDS = 60
PASS = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}
SERVERS = {
    "asfini": ["asfini", "local", "--port", "0"],
    "moto": ["moto.server", "-H", "127.0.0.1", "-p", "0"],
}
_NUMBERS = itertools.count()


@dataclass
class Server:
    """A server in a process of its own."""

    name: str
    process: asyncio.subprocess.Process
    address: tuple[str, int]
    connections: list["Connection"] = field(default_factory=list)
    arn: str = ""
    """A machine of one Pass."""

    async def connect(self, count: int) -> None:
        """Open connections."""
        for _ in range(count):
            self.connections.append(Connection(self.address, *await asyncio.open_connection(*self.address)))

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation on the first connection."""
        return await self.connections[0].call(operation, **parameters)

    async def start(self, connection: "Connection") -> str:
        """Start an execution of the machine; its ARN. moto needs a name for it."""
        name = f"e{next(_NUMBERS)}"
        started = await connection.call("StartExecution", stateMachineArn=self.arn, name=name, input="{}")
        arn: str = started["executionArn"]
        return arn

    async def machine(self, name: str, definition: dict[str, Any]) -> str:
        """Register a machine; its ARN."""
        made = await self.call(
            "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        arn: str = made["stateMachineArn"]
        return arn


@dataclass
class Connection:
    """A connection that is kept, and knows as much HTTP as it needs."""

    address: tuple[str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation."""
        await self.send(operation, **parameters)
        answer: dict[str, Any] = json.loads(await self.receive())
        if "__type" in answer:
            raise RuntimeError(f"{operation} failed: {answer}")
        return answer

    async def send(self, operation: str, **parameters: Any) -> None:
        """Send a request."""
        body = json.dumps(parameters)
        await self.request(
            f"POST / HTTP/1.1\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            "Authorization: AWS4-HMAC-SHA256 Credential=x/20261122/us-east-1/states/aws4_request\r\n",
            body,
        )

    async def request(self, head: str, body: str = "") -> None:
        """Send a request with any head."""
        host, port = self.address
        length = f"Host: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(f"{head}{length}{body}".encode())
        await self.writer.drain()

    async def receive(self) -> bytes:
        """Read an answer; a server that closes its connections gets a new one."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        found = re.search(r"content-length: (\d+)", head)
        body = await self.reader.readexactly(int(found[1]) if found else 0)
        if "connection: close" in head or head.startswith("http/1.0"):
            self.writer.close()
            self.reader, self.writer = await asyncio.open_connection(*self.address)
        return body


@asynccontextmanager
async def served(name: str) -> AsyncIterator[Server]:
    """Start a server, and wait until it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *SERVERS[name],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while not (found := re.search(rb"http://127.0.0.1:(\d+)", await process.stdout.readline())):
            pass
    draining = asyncio.create_task(drain(process.stdout))
    server = Server(name, process, ("127.0.0.1", int(found[1])))
    try:
        await server.connect(CONNECTIONS)
        if name == "moto":
            switch = '{"stepfunctions": {"execute_state_machine": true}}'
            await server.connections[0].request("POST /moto-api/config HTTP/1.1\r\n", switch)
            await server.connections[0].receive()
        server.arn = await server.machine("pass", PASS)
        yield server
    finally:
        for connection in server.connections:
            connection.writer.close()
        process.terminate()
        await process.wait()
        await draining


async def drain(stream: asyncio.StreamReader) -> None:
    """Read what a server says, or it would stand still when the pipe is full."""
    while await stream.read(65536):
        pass


async def rate(server: Server, count: int, job: Callable[[Connection], Awaitable[None]]) -> float:
    """How often per second a job is done, with all connections at once."""
    left = iter(range(count))

    async def do(connection: Connection) -> None:
        for _ in left:
            await job(connection)

    start = time.perf_counter()
    await asyncio.gather(*map(do, server.connections[:CONNECTIONS]))
    return count / (time.perf_counter() - start)


async def executions(server: Server) -> float:
    """Executions per second, from StartExecution to their end."""

    async def execute(connection: Connection) -> None:
        arn = await server.start(connection)
        status = "RUNNING"
        while status == "RUNNING":
            status = (await connection.call("DescribeExecution", executionArn=arn))["status"]
        assert status == "SUCCEEDED"

    return await rate(server, EXECUTIONS, execute)


async def descriptions(server: Server) -> float:
    """DescribeExecution per second."""
    arn = await server.start(server.connections[0])

    async def describe(connection: Connection) -> None:
        assert (await connection.call("DescribeExecution", executionArn=arn))["executionArn"] == arn

    return await rate(server, DESCRIPTIONS, describe)


async def idle(seconds: float) -> float:
    """The share of a core that a thousand open polls and a thousand running executions take, in percent."""
    async with served("asfini") as server:
        await server.connect(WAITING)
        activity = (await server.call("CreateActivity", name="idle"))["activityArn"]
        wait = {"StartAt": "w", "States": {"w": {"Type": "Wait", "Seconds": 86_400, "End": True}}}
        machine = await server.machine("wait", wait)
        for _ in range(WAITING):
            await server.call("StartExecution", stateMachineArn=machine)
        pollers = [
            asyncio.create_task(poll_on(connection, activity))
            for connection in server.connections[CONNECTIONS:]
        ]
        await asyncio.sleep(5)
        before = cpu_seconds(server.process.pid)
        await asyncio.sleep(seconds)
        taken = cpu_seconds(server.process.pid) - before
        for poller in pollers:
            poller.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)
    return taken / seconds * 100


async def poll_on(connection: Connection, activity: str) -> None:
    """Poll, and poll again when a poll has ended."""
    while True:
        await connection.call("GetActivityTask", activityArn=activity)


def cpu_seconds(pid: int) -> float:
    """The time that a process has computed: Linux tells it in clock ticks."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no file of ours
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def figures() -> AsyncIterator[Figure]:
    """All of it, one after the other."""
    async with served("asfini") as ours, served("moto") as theirs:
        for name, measure in (
            ("StartExecution to finished, per second, to moto's", executions),
            ("DescribeExecution per second, to moto's", descriptions),
        ):
            pairs = await alternating(lambda m=measure: m(ours), lambda m=measure: m(theirs))  # type: ignore[misc]
            ratio = middle(one / other for one, other in pairs)
            own, other = (middle(each) for each in zip(*pairs, strict=True))
            beside = f"{own:,.0f} to {other:,.0f} of {moto_name()}"
            yield Figure(name, ratio, 5, " ×", at_least=True, beside=beside)
    seconds = 15 if "--check" in sys.argv else IDLE_SECONDS
    share = await idle(seconds)
    yield Figure(f"1,000 polls and 1,000 executions idle for {seconds} s", share, 1, " % of a core")


if __name__ == "__main__":
    exit_with(__doc__, figures)
