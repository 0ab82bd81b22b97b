"""An HTTP proxy through which requests go wrong. Its arguments: the service's port, their share, a seed.

It prints its port, and at SIGTERM how often each thing went wrong, how many requests there were of each
operation, and how many tasks were lost with the answer to a poll.
"""

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from contextlib import suppress

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


def operation(request: bytes) -> str:
    """What is asked for."""
    return request.partition(b"AWSStepFunctions.")[2].partition(b"\r\n")[0].decode() or "others"


async def serve(reader: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
    """Serve a caller. The service does not notice when they hang up: a poll may still take a task."""
    there, service = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await hand_on(await message(reader), caller, there, service):
                pass
    finally:
        service.close()
        caller.transport.abort()


async def hand_on(
    request: bytes, caller: asyncio.StreamWriter, there: asyncio.StreamReader, service: asyncio.StreamWriter
) -> bool:
    """Answer a request; whether the connection lives on."""
    struck = RANDOM.random() < SHARE and b"AWSStepFunctions." in request  # other services' errors differ
    COUNTS["requests"] += 1
    COUNTS[operation(request)] += 1
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
    COUNTS["lost tasks"] += bool(fault) and b'"taskToken"' in answered
    if fault == "half an answer":
        caller.write(answered[: RANDOM.randrange(len(answered))])
        await asyncio.sleep(0)
    elif not fault:
        caller.write(answered)
    return not fault


async def main() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(COUNTS), flush=True)


asyncio.run(main())
