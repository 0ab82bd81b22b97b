"""A small HTTP/1.1 client for the calls that are made without end: many requests with a body to one server.

Over aiohttp a call takes twice its time. Redirects, proxies, cookies and compressed answers are not for here.
"""

import asyncio
import math
import socket
import ssl
from collections import deque
from typing import NamedTuple, cast

MAX_HEAD, MAX_ANSWER = 65_536, 16_777_216
"""The most bytes of an answer's headers, and of all of it: ten times what the API may answer."""

IDLE_SECONDS = 12.0
"""How long a connection may be idle and be used again: servers hang up on older ones. As in aiobotocore."""


class HttpError(ConnectionError):
    """There was no answer, or only a part of one."""


class NoConnection(HttpError):  # noqa: N818 - says it
    """The server cannot be reached, or is not who it should be."""


class BadAnswer(HttpError):  # noqa: N818 - says it
    """What came is not HTTP/1.1, or nothing that is understood here."""


class Server(NamedTuple):
    """Where requests go."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes
    stays: bool
    """Whether the connection can be used again."""


class Pool:
    """Connections to one server, as many as requests are under way at once.

    Args:
        connections: how many there may be; further requests wait.
        connect_seconds: how long the making of one may take.
        answer_seconds: how long a whole answer may take.
    """

    def __init__(
        self, connections: int, connect_seconds: float | None = None, answer_seconds: float | None = None
    ) -> None:
        self._room = asyncio.Semaphore(connections)
        self._connect_seconds = connect_seconds
        self._answer_seconds = math.inf if answer_seconds is None else answer_seconds
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        """The one that was used last is the last."""
        self._all: set[Connection] = set()

    async def ask(self, server: Server, request: bytes) -> Answer:
        """Send a request.

        Raises:
            HttpError: there was no answer that is understood here.
            TimeoutError: none came in time.
        """
        async with self._room:
            connection = self._take() or await self._connect(server)
            try:
                return await connection.ask(request, self._answer_seconds)
            finally:
                self._give_back(connection)

    def _take(self) -> "Connection | None":
        """The connection that was used last, if one is fit for use."""
        oldest = self._loop.time() - IDLE_SECONDS
        while self._idle and (self._idle[0].idle_since < oldest or not self._idle[0].is_free):
            self._drop(self._idle.popleft())
        while self._idle:
            connection = self._idle.pop()
            if connection.is_free:
                return connection
            self._drop(connection)
        return None

    def _give_back(self, connection: "Connection") -> None:
        if connection.is_free:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: "Connection") -> None:
        self._all.discard(connection)
        connection.close()

    async def _connect(self, server: Server) -> "Connection":
        async with asyncio.timeout(self._connect_seconds):
            try:
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop), server.host, server.port, ssl=server.tls
                )
            except OSError as error:
                raise NoConnection(str(error)) from error
        self._all.add(connection)
        return connection

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._idle.clear()


class Connection(asyncio.Protocol):
    """A connection: a request, its answer, then the next one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_free = True
        """Whether a request can be sent."""
        self.idle_since = 0.0
        """The loop's time at which the last answer had come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        if (raw := transport.get_extra_info("socket")) is not None:  # a poll is silent for a minute
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for an answer, which may end here."""
        self.is_free = False
        if self._waits:
            self._look(at_end=True)
            self._fail(HttpError(str(exc or "the server hung up")))

    def ask(self, request: bytes, seconds: float) -> "asyncio.Future[Answer]":
        """Send a request; the answer is to be awaited.

        Args:
            request: all of it.
            seconds: after which it fails with a `TimeoutError`.
        """
        assert self._transport is not None  # noqa: S101 - it is connected
        self.is_free = False
        self._answer = self._loop.create_future()
        if seconds < math.inf:
            self._timer = self._loop.call_later(seconds, self._fail, TimeoutError())
        self._transport.write(request)
        return self._answer

    @property
    def _waits(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def data_received(self, data: bytes) -> None:
        """Give an answer that is whole to whoever asked."""
        self._received = self._received + data if self._received else data
        if self._waits:
            self._look()
        else:  # nobody asked
            self.close()

    def _look(self, *, at_end: bool = False) -> None:
        """See whether the answer is whole."""
        try:
            answer = parse(self._received, at_end=at_end)
        except BadAnswer as error:
            self._fail(error)
            return
        if answer is not None and self._answer is not None:
            self._received, self.is_free = b"", answer.stays
            self._stop_timer()
            self._answer.set_result(answer)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Hang up."""
        self.is_free = False
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()


def parse(received: bytes, *, at_end: bool = False) -> Answer | None:
    """Read an answer; `None` if there is more to come.

    Args:
        received: all that came.
        at_end: whether nothing more comes, which ends an answer of unknown length.

    Raises:
        BadAnswer: it is none that is understood here.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        _check(len(received) <= MAX_HEAD, "its headers have no end")
        return None
    _check(len(received) <= MAX_ANSWER, "it has no end")
    first, *lines = received[:end].lower().split(b"\r\n")
    _check(first[:7] == b"http/1." and first[8:9] == b" " and first[9:12].isdigit(), "it is not HTTP/1.1")
    status = int(first[9:12])
    _check(status >= 200 and all(b":" in line for line in lines), "it is not HTTP/1.1")
    headers = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    stays = first[7:8] == b"1" and headers.get(b"connection") != b"close"
    found = _body(received, end + 4, headers, at_end=at_end)
    if found is None:
        return None
    body, after = found
    _check(after == len(received), "there is more of it than it says")
    return Answer(status, body, stays and not at_end)


def _check(sensible: bool, otherwise: str) -> None:
    if not sensible:
        raise BadAnswer(otherwise)


def _body(
    received: bytes, begin: int, headers: dict[bytes, bytes], *, at_end: bool
) -> tuple[bytes, int] | None:
    """An answer's body, and where it ends."""
    if (coding := headers.get(b"transfer-encoding")) is not None:
        _check(coding == b"chunked", "its coding is not known")
        return _chunks(received, begin)
    length = headers.get(b"content-length")
    if length is None:
        return (received[begin:], len(received)) if at_end else None
    _check(length.isdigit(), "its length is no number")
    end = begin + int(length)
    return (received[begin:end], end) if len(received) >= end else None


def _chunks(received: bytes, begin: int) -> tuple[bytes, int] | None:
    """A body that comes in chunks, and where it ends."""
    chunks: list[bytes] = []
    while (end := received.find(b"\r\n", begin)) >= 0:
        try:
            size = int(received[begin:end].partition(b";")[0], 16)
        except ValueError:
            raise BadAnswer("a chunk's length is no number") from None
        _check(size >= 0, "a chunk's length is no number")
        if size == 0:
            return _end_of_trailer(received, end, b"".join(chunks))
        chunks.append(received[end + 2 : end + 2 + size])
        begin = end + 2 + size + 2
    return None


def _end_of_trailer(received: bytes, begin: int, body: bytes) -> tuple[bytes, int] | None:
    end = received.find(b"\r\n\r\n", begin)
    return (body, end + 4) if end >= 0 else None
