"""A stand-in for Step Functions that costs next to nothing, so that what is measured is the client.

It answers AWS JSON 1.0 over HTTP/1.1, and over TLS beside it where a certificate is given; checks no
signatures; holds polls open; hands out tasks that it is told of; and notes how long each task in work went
without a heartbeat. What makes and tells of tasks are operations of its own, `Control.…`.

It prints its ports, the one of plain HTTP first.
"""

import argparse
import asyncio
import itertools
import json
import ssl
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/b</Arn><UserId>b</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
TOKEN_LENGTH = 600
"""AWS's tokens are long."""


@dataclass
class Task:
    """A task in somebody's hands."""

    heard: float
    """When its worker was last heard of."""


@dataclass
class Poll:
    """A poll that has no answer yet."""

    connection: "Connection"
    arn: str
    timer: asyncio.TimerHandle


@dataclass
class Service:
    """All that is known: tasks, those who wait for them, and figures."""

    poll_seconds: float
    queues: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    polls: defaultdict[str, deque[Poll]] = field(default_factory=lambda: defaultdict(deque))
    tasks: dict[str, Task] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    most: int = 0
    """The most tasks in work at once."""
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def take(self, connection: "Connection", body: dict[str, Any]) -> None:
        """Answer a poll, at once or later."""
        arn = body["activityArn"]
        if self.queues[arn]:
            self.deliver(connection, self.queues[arn].popleft())
            return
        timer = asyncio.get_running_loop().call_later(self.poll_seconds, self.expire, connection)
        connection.poll = Poll(connection, arn, timer)
        self.polls[arn].append(connection.poll)

    def expire(self, connection: "Connection") -> None:
        """End a poll that brought nothing."""
        self.forget(connection)
        connection.answer({})

    def forget(self, connection: "Connection") -> None:
        """Expect no answer to a connection's poll any more."""
        poll, connection.poll = connection.poll, None
        if poll is not None:
            poll.timer.cancel()
            self.polls[poll.arn].remove(poll)

    def deliver(self, connection: "Connection", text: str) -> None:
        """Answer a poll with a task."""
        token = f"{next(self.numbers):012d}".ljust(TOKEN_LENGTH, "A")
        self.tasks[token] = Task(time.monotonic())
        self.most = max(self.most, len(self.tasks))
        connection.answer({"taskToken": token, "input": text})

    def hear(self, connection: "Connection", token: str, *, end: bool) -> None:
        """Note that a task's worker is there, and maybe done."""
        task = self.tasks.pop(token, None) if end else self.tasks.get(token)
        if task is None:
            connection.answer({"__type": "TaskTimedOut", "message": "Task Timed Out"}, 400)
            return
        now = time.monotonic()
        self.gaps.append(now - task.heard)
        task.heard = now
        connection.answer({})

    def seed(self, connection: "Connection", body: dict[str, Any]) -> None:
        """Make tasks; polls that are open get the first ones."""
        arn, text, count = body["activityArn"], body["input"], body["count"]
        while count and self.polls[arn]:
            waiting = self.polls[arn][0].connection
            self.forget(waiting)
            self.deliver(waiting, text)
            count -= 1
        self.queues[arn].extend([text] * count)
        connection.answer({})

    def tell(self, connection: "Connection", _: dict[str, Any]) -> None:
        """Tell figures."""
        gaps = sorted(self.gaps) or [0.0]
        connection.answer(
            {
                "counts": self.counts,
                "polls": sum(map(len, self.polls.values())),
                "most": self.most,
                "p99_gap": gaps[int(len(gaps) * 0.99)],
                "max_gap": gaps[-1],
            }
        )

    def reset(self, connection: "Connection", _: dict[str, Any]) -> None:
        """Forget tasks and figures."""
        for each in (self.queues, self.tasks, self.gaps, self.counts):
            each.clear()  # type: ignore[attr-defined]
        self.most = 0
        connection.answer({})


ANSWERS: dict[str, Callable[[Service, "Connection", dict[str, Any]], None]] = {
    "GetActivityTask": Service.take,
    "SendTaskSuccess": lambda self, caller, body: self.hear(caller, body["taskToken"], end=True),
    "SendTaskFailure": lambda self, caller, body: self.hear(caller, body["taskToken"], end=True),
    "SendTaskHeartbeat": lambda self, caller, body: self.hear(caller, body["taskToken"], end=False),
    "Seed": Service.seed,
    "Stats": Service.tell,
    "Reset": Service.reset,
}


class Connection(asyncio.Protocol):
    """Somebody who calls, one request after the other."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.poll: Poll | None = None
        self._transport: Any = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Expect nothing more."""
        self.service.forget(self)

    def data_received(self, data: bytes) -> None:
        """Do what a request asks for, once it is whole."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        length = int(_header(head, b"\r\ncontent-length:") or 0)
        if len(self._data) < end + 4 + length:
            return
        target = _header(self._data[:end], b"X-Amz-Target:")
        body, self._data = self._data[end + 4 :], b""
        self._ask(target.rpartition(b".")[2].decode(), body)

    def _ask(self, operation: str, body: bytes) -> None:
        self.service.counts[operation] += 1
        if operation in ANSWERS:
            ANSWERS[operation](self.service, self, json.loads(body))
        elif body.startswith(b"Action=GetCallerIdentity"):
            self.answer(IDENTITY, kind="text/xml")
        else:
            self.answer({"__type": "UnknownOperationException", "message": operation}, 400)

    def answer(self, body: Any, status: int = 200, kind: str = "application/x-amz-json-1.0") -> None:
        """Write an answer."""
        text = body if isinstance(body, str) else json.dumps(body)
        self._transport.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nx-amzn-RequestId: r\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
        )


def _header(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.partition(name)
    return rest.partition(b"\r\n")[0].strip() if found else b""


async def main(given: argparse.Namespace) -> None:
    """Serve until it is killed."""
    service, loop = Service(given.poll_seconds), asyncio.get_running_loop()
    contexts: list[ssl.SSLContext | None] = [None]
    if given.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.certificate)
        contexts.append(tls)
    servers = [
        await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, ssl=tls, backlog=8192)
        for tls in contexts
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poll-seconds", type=float, default=60)
    parser.add_argument("--certificate", help="a file with a certificate and its key")
    if sys.platform == "win32":
        asyncio.run(main(parser.parse_args()))
    else:
        import uvloop

        uvloop.run(main(parser.parse_args()))
