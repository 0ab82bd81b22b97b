"""Heartbeats, whose loop may be another thread's: a small HTTP client of its own, for one operation.

Over aiohttp a heartbeat takes three times as long, and with thousands of tasks that is too long. What is
unusual (a proxy, a redirect, an answer in chunks, any refusal but those that say that the task is closed) is
done by the service itself, on its own loop.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from asfini._arns import Account
from asfini.aws._errors import refusal
from asfini.aws._thin import Refused, Route, Signer, Unusual, read, refused
from asfini.errors import AsfiniError, TaskDoesNotExist, TaskTimedOut
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.aws.service import AwsService

_logger = logging.getLogger(__name__)

OPERATION = "send_task_heartbeat"
CONNECTIONS = 200
"""The most connections: 5,000 heartbeats a second, each answered in 40 ms."""
FRESH = 60.0
"""Seconds for which keys are used without asking again: botocore renews them minutes before their end."""
SOON = 5.0
"""Seconds after which to ask again for keys that could not be had."""
_MAX_HEAD = 65_536
_ODD = (Unusual, Refused, ResponseParserError, OSError)
"""What the service itself knows better how to deal with."""


class Beside(Service):
    """Step Functions at AWS for the event loop that enters and leaves it: its own, or another thread's.

    Heartbeats go over connections of its own, all else is done on the service's own loop.

    Args:
        service: the service; its own loop is the one that runs.
    """

    def __init__(self, service: "AwsService") -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._route: Route | None = None
        self._asked = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._signer = Signer()
        self._pool = Pool()

    async def __aenter__(self) -> Self:
        await self._ask_route()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        self._pool.close()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation; all but heartbeats on the service's own loop.

        Raises:
            ServiceError: the service refused, or there was no answer.
        """
        if operation == OPERATION:
            self._renew()
            if self._route is not None and parameters.keys() == {"taskToken"}:
                try:
                    return await self._send(self._route, parameters)
                except _ODD:
                    pass
        answer: dict[str, Any] = await self._elsewhere(self._service.call(operation, **parameters))
        return answer

    async def account(self) -> Account:
        """The service's account."""
        account: Account = await self._elsewhere(self._service.account())
        return account

    async def _elsewhere(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have something done on the service's own loop."""
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _renew(self) -> None:
        """Ask for a route now and then, without waiting for it: the other loop may be blocked."""
        now = asyncio.get_running_loop().time()
        if now - self._asked > (FRESH if self._route else SOON) and (
            self._asking is None or self._asking.done()
        ):
            self._asking = asyncio.create_task(self._ask_route())

    async def _ask_route(self) -> None:
        """Ask for a route; where there is none, the service sends heartbeats, and says what is wrong."""
        try:
            self._route = await self._elsewhere(self._service.heartbeat_route())
        except AsfiniError as error:
            _logger.debug("no way for heartbeats from a thread: %s", type(error).__name__)
        self._asked = asyncio.get_running_loop().time()

    async def _send(self, route: Route, parameters: dict[str, Any]) -> dict[str, Any]:
        """Send a heartbeat.

        Raises:
            Exception: one of `_ODD`: the service is to send it.
            TaskTimedOut: the task is closed.
            TaskDoesNotExist: the same.
        """
        body = json.dumps(parameters).encode()
        changing = self._signer.signature(route.plan, body, route.keys)
        date, authorization = changing["X-Amz-Date"], changing["Authorization"]
        text = (
            f"{route.head}X-Amz-Date: {date}\r\nAuthorization: {authorization}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        status, answer = await self._pool.ask(route, text.encode() + body)
        if status == 200:
            return read(route.plan, answer)
        failure = refused(status, answer)
        if isinstance(failure, Refused):
            error = refusal(failure.response, OPERATION, str(route.plan.url))
            if isinstance(error, (TaskTimedOut, TaskDoesNotExist)):
                raise error
        raise failure


class Pool:
    """Connections to one server, as many as requests are under way at once."""

    def __init__(self) -> None:
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def ask(self, route: Route, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of the answer.

        Raises:
            Unusual: the answer is none that is understood here.
            OSError: none came.
        """
        async with self._room:
            connection = self._take() or await self._connect(route)
            try:
                return await connection.ask(request)
            finally:
                if connection.is_free:
                    self._idle.append(connection)
                else:
                    self._all.discard(connection)
                    connection.close()

    def _take(self) -> "Connection | None":
        """The connection that was used last, if any is open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_free:
                return connection
            self._all.discard(connection)
        return None

    async def _connect(self, route: Route) -> "Connection":
        url = route.plan.url
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            Connection, url.host or "", url.port or 443, ssl=route.tls
        )
        self._all.add(connection)
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._idle.clear()


class Connection(asyncio.Protocol):
    """A connection: a request, its answer, then the next one."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_free = True
        """Whether a request can be sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for type checkers
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so to whoever waits for an answer."""
        self.is_free = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server hung up"))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Send a request; the status and the body of the answer are to be awaited.

        It fails with `Unusual` where it is not understood here, with an `OSError` where none comes.
        """
        assert self._transport is not None  # noqa: S101 - it is connected
        self.is_free = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Give an answer that is whole to whoever asked."""
        self._received = self._received + data if self._received else data
        if self._answer is None or self._answer.done():  # nobody asked
            self.close()
            return
        try:
            found = _parse(self._received)
        except (Unusual, ValueError):
            self.close()
            self._answer.set_exception(Unusual())
            return
        if found is not None:
            status, answer, stays = found
            self._received, self.is_free = b"", stays
            self._answer.set_result((status, answer))

    def close(self) -> None:
        """Hang up."""
        self.is_free = False
        if self._transport is not None:
            self._transport.abort()


def _parse(received: bytes) -> tuple[int, bytes, bool] | None:
    """An answer's status and body, and whether the connection stays; `None` if there is more to come.

    Raises:
        Unusual: it is none that is understood here.
        ValueError: the same.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > _MAX_HEAD:
            raise Unusual
        return None
    first, *lines = received[:end].lower().split(b"\r\n")
    headers = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if (
        not first.startswith(b"http/1.1 ")
        or b"transfer-encoding" in headers
        or not all(b":" in line for line in lines)
    ):
        raise Unusual
    status, length = int(first[9:12]), int(headers[b"content-length"]) if b"content-length" in headers else -1
    if status < 200 or length < 0:
        raise Unusual
    rest = len(received) - end - 4 - length
    if rest < 0:
        return None
    if rest > 0:
        raise Unusual
    return status, received[end + 4 :], headers.get(b"connection") != b"close"
