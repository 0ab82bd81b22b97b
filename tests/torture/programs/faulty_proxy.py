"""An HTTP proxy through which requests go wrong. Its arguments: the service's port, their share, a seed.

It prints its port, and at SIGTERM how often each thing went wrong.
"""

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

PORT, SHARE, RANDOM = int(sys.argv[1]), float(sys.argv[2]), random.Random(int(sys.argv[3]))
COUNTS: Counter[str] = Counter()
HANG_SECONDS = 5


def answer(status: int, code: str) -> bytes:
    body = json.dumps({"__type": code, "message": "a fault"})
    kind = "Content-Type: application/x-amz-json-1.0"
    return f"HTTP/1.1 {status} X\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


BEFORE = {
    "reset": None,
    "time-out": None,
    "500": answer(500, "InternalFailure"),
    "503": answer(503, "ServiceUnavailable"),
    "throttled": answer(400, "ThrottlingException"),
}
"""Faults of requests that do not arrive, with what is answered."""
AFTER = ("half an answer", "lost answer")
"""Faults of requests that take effect."""
FAULTS = (*BEFORE, *AFTER, "lost answer")


async def message(reader: asyncio.StreamReader) -> bytes:
    """A whole request, or answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    length = int(rest.partition(b"\r\n")[0]) if found else 0
    return head + await reader.readexactly(length)


class Caller(asyncio.StreamReaderProtocol):
    """Somebody who calls. Once they hang up, so does the proxy on the service: an open poll must end."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.task: asyncio.Task[None] | None = None
        super().__init__(self.reader)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.task = asyncio.create_task(serve(self.reader, transport))
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def eof_received(self) -> bool:
        super().eof_received()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.task is not None:
            self.task.cancel()


async def serve(reader: asyncio.StreamReader, caller: asyncio.Transport) -> None:
    there, service = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await hand_on(await message(reader), caller, there, service):
                pass
    finally:
        service.close()
        caller.abort()


async def hand_on(
    request: bytes, caller: asyncio.Transport, there: asyncio.StreamReader, service: asyncio.StreamWriter
) -> bool:
    """Answer a request; whether the connection lives on."""
    struck = RANDOM.random() < SHARE and b"AWSStepFunctions." in request  # other services' errors differ
    COUNTS["requests"] += 1
    fault = RANDOM.choice(FAULTS) if struck else ""
    if fault:
        COUNTS[fault] += 1
    if fault == "time-out":
        await asyncio.sleep(HANG_SECONDS)
    if fault in BEFORE:
        caller.write(BEFORE[fault] or b"")
        return BEFORE[fault] is not None
    service.write(request)
    answered = await message(there)
    if fault == "half an answer":
        caller.write(answered[: RANDOM.randrange(len(answered))])
        await asyncio.sleep(0)
    elif not fault:
        caller.write(answered)
    return not fault


async def main() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(Caller, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(COUNTS), flush=True)


asyncio.run(main())
