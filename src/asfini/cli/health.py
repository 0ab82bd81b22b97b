"""What probes of a worker get: answers over HTTP, made of its own figures."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from http import HTTPStatus

from asfini.errors import InvalidArgument
from asfini.worker import Worker, WorkerStats

_logger = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_SECONDS = 10.0
"""In which a request has to come, and its answer to go."""


def address_given(given: str) -> tuple[str, int]:
    """Read where to listen: `PORT` or `HOST:PORT`.

    Raises:
        InvalidArgument: it is written otherwise.
    """
    host, colon, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else _HOST
    if not (host and port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise InvalidArgument(f"--health is a port, or HOST:PORT, not {given!r}")
    return host, int(port)


@asynccontextmanager
async def answering(worker: Worker, host: str, port: int) -> AsyncIterator[int]:
    """Answer probes: `/ready` asks the worker whether it is healthy, `/live` its event loop.

    Args:
        worker: whose health is told.
        host: the address to listen at.
        port: the port; 0 picks one.

    Yields:
        The port.

    Raises:
        InvalidArgument: nobody can listen there.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):  # a TimeoutError is an OSError
            async with asyncio.timeout(_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(request.decode("latin-1"), worker.stats()))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, host, port)
    except OSError as error:
        number = error.errno or 0  # a name that leads nowhere has one below 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise InvalidArgument(f"cannot listen with --health {host}:{port}: {reason}") from error
    try:
        port = server.sockets[0].getsockname()[1]
        _logger.info("answers GET /ready and GET /live at %s, port %d", host, port)
        yield port
    finally:
        server.close()


def _answer(request: str, stats: WorkerStats) -> bytes:
    """Answer a request, the same to whoever asks: figures, and nothing of tasks or code."""
    method, target = (*request.partition("\r\n")[0].split(" "), "", "")[:2]
    ready = HTTPStatus.OK if stats.healthy else HTTPStatus.SERVICE_UNAVAILABLE
    status = {"/ready": ready, "/live": HTTPStatus.OK}.get(target.partition("?")[0], HTTPStatus.NOT_FOUND)
    status = status if method in ("GET", "HEAD") else HTTPStatus.METHOD_NOT_ALLOWED
    told = {
        name: value for name, value in asdict(stats).items() if name in ("healthy", "stopping", "activities")
    }
    body = json.dumps(told).encode() if status in (ready, HTTPStatus.OK) else b""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
