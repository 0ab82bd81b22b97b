"""The local service over HTTP: AWS JSON 1.0, for any SDK in any language."""

import asyncio
import ipaddress
import logging
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from asfini import _checks, _json, errors
from asfini.client import Client, Registrable
from asfini.local import _account, _wire
from asfini.local._engine import LONG_CALLS, Engine, Remote, VirtualEngine, opened
from asfini.local.handlers import Handler
from asfini.local.service import LocalService
from asfini.local.tasks import Delivery, delivery

_logger = logging.getLogger("asfini.local.endpoint")

DEFAULT_PORT = 8083
"""The port of Step Functions Local."""
MAX_BODY_BYTES = 8 * 1024 * 1024
"""The most bytes of a request: a definition of 1 MB, with each of its characters escaped."""
SECONDS_FOR_BODY = 30.0
"""Real seconds in which a request has to come."""
SECONDS_IDLE = 75.0
"""Real seconds after which an idle connection, or one whose request does not begin, is closed."""
_MAX_ADVANCE = 100 * 366 * 24 * 3600.0

_Answer = Callable[["Endpoint", web.BaseRequest], Awaitable[web.Response]]


class Endpoint:
    """A local service that listens. Made by `serve`.

    Args:
        engine: where the service runs.
        client: a client of the service.
        poll_seconds: how long a poll without a task is held, in real time.
        guard: tells which requests are refused.
    """

    def __init__(self, engine: Engine, client: Client, poll_seconds: float, guard: "_Guard") -> None:
        self.client = client
        """A client in this process, which needs no HTTP."""
        self.url = ""
        """Where it listens: give it to SDKs as `endpoint_url` or `AWS_ENDPOINT_URL`."""
        self._engine = engine
        self._poll_seconds = poll_seconds
        self._guard = guard
        self._waiting: set[asyncio.Task[Any]] = set()

    async def advance(self, seconds: float) -> None:
        """Move virtual time on by hand; all timers on the way are due in their order.

        Raises:
            InvalidArgument: that is no length of time, or time is not virtual.
        """
        _checks.seconds(seconds=seconds)
        if seconds > _MAX_ADVANCE:
            raise errors.InvalidArgument(f"seconds is at most {_MAX_ADVANCE:.0f}, a hundred years")
        try:
            await self._engine.advance(seconds)
        except RuntimeError as error:
            raise errors.InvalidArgument(str(error)) from None

    # What requests are answered with

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if reason := self._guard.refuses(request):
            _logger.info("refused %s: %s", _printable(f"{request.method} {request.path}"), reason)
            return web.Response(status=403, text=reason, headers={"Connection": "close"})
        answer = _ROUTES.get((request.method, request.path))
        try:
            if answer is None:
                raise _wire.refusal("UnknownOperationException", "requests are sent to / with POST")
            return await answer(self, request)
        except errors.ConnectionFailed:
            raise ConnectionResetError from None  # nobody answers: aiohttp closes the connection
        except errors.ServiceError as error:
            return _refused(error)

    async def _api(self, request: web.BaseRequest) -> web.Response:
        target = request.headers.get("X-Amz-Target")
        body = await _body(request)
        if target is None and request.content_type == "application/x-www-form-urlencoded":
            return await self._identify(body)
        line = _Line(target)
        try:
            operation = _wire.operation_of(target)
            line.parameters = _wire.decode(operation, body)
            answer = await self._call(request, operation, line.parameters)
        except errors.ServiceError as error:
            line.end(error.code)
            raise
        line.end("ok")
        return answer

    async def _call(
        self, request: web.BaseRequest, operation: str, parameters: dict[str, Any]
    ) -> web.Response:
        if operation == "get_activity_task":
            return await self._poll(request, parameters)
        if operation not in LONG_CALLS:
            return _told(await self._ask(operation, parameters))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for type checkers
        self._waiting.add(task)
        try:
            return _told(await self._ask(operation, parameters))
        finally:
            self._waiting.discard(task)

    async def _ask(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Have the service answer.

        Raises:
            ServiceError: it refuses.
        """
        try:
            return await self._engine.call(operation, parameters)
        except errors.ServiceError:
            raise
        except errors.InvalidArgument as error:
            if "no such operation" in str(error):
                raise _wire.refusal("UnknownOperationException", str(error)) from None
            raise errors.ValidationException(str(error)) from None
        except Exception:
            _logger.exception("a fault of the local service at %s", operation)
            raise _wire.refusal("InternalFailure", "the local service has a fault; its log tells") from None

    async def _poll(self, request: web.BaseRequest, parameters: dict[str, Any]) -> web.Response:
        """Hand a task out once it is written: a poller that has vanished leaves it to the next one."""
        parcel = Delivery()
        delivery.set(parcel)
        settle = parcel.lost
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for type checkers
        self._waiting.add(task)
        try:
            answer: dict[str, Any] = {}
            try:
                async with asyncio.timeout(self._poll_seconds):
                    answer = await self._ask("get_activity_task", parameters)
            except TimeoutError:
                pass
            response = _told(answer)
            if answer and not _is_gone(request):
                await response.prepare(request)
                await response.write_eof()
                if not _is_closed(request):
                    settle = parcel.arrived
            return response
        finally:
            self._waiting.discard(task)
            self._engine.post(settle)

    async def _identify(self, body: bytes) -> web.Response:
        """Answer the Security Token Service's GetCallerIdentity: SDKs ask for the account."""
        request_id = str(uuid.uuid4())
        action = parse_qs(body.decode("ascii", "replace")).get("Action", [""])[0]
        if action == "GetCallerIdentity":
            account = await self.client.account()
            status, text = 200, _wire.identity(account.account_id, account.partition, request_id)
        else:
            message = "Of the Security Token Service only GetCallerIdentity is here"
            status, text = 400, _wire.query_refusal("InvalidAction", message, request_id)
        return web.Response(
            status=status, text=text, content_type="text/xml", headers={"x-amzn-RequestId": request_id}
        )

    async def _health(self, _: web.BaseRequest) -> web.Response:
        return _plain({"status": "ok"})

    async def _clock(self, _: web.BaseRequest) -> web.Response:
        state = await self._engine.clock()
        told = {"now": state.now.isoformat(), "virtual": state.virtual, "stands": state.stands}
        return _plain(told)

    async def _advance(self, request: web.BaseRequest) -> web.Response:
        try:
            given = _json.loads(await _body(request), "the body")
            if not (isinstance(given, dict) and given.keys() == {"advance"}):
                raise errors.InvalidArgument('the body is like {"advance": 60}')
            await self.advance(given["advance"])
        except errors.InvalidArgument as error:
            raise errors.ValidationException(str(error)) from None
        return await self._clock(request)

    async def _stop(self) -> None:
        """Let all go that wait."""
        for task in self._waiting:
            task.cancel()


_ROUTES: dict[tuple[str, str], _Answer] = {
    ("POST", "/"): Endpoint._api,
    ("GET", "/health"): Endpoint._health,
    ("GET", "/clock"): Endpoint._clock,
    ("POST", "/clock"): Endpoint._advance,
}


async def _body(request: web.BaseRequest) -> bytes:
    """Read a request's body.

    Raises:
        ServiceError: it is too large, or does not come in time.
    """
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(SECONDS_FOR_BODY):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        message = f"a request has at most {MAX_BODY_BYTES:,} bytes"
        raise _wire.refusal("RequestEntityTooLargeException", message) from None
    except TimeoutError:
        raise errors.ConnectionFailed("the request did not come in time") from None
    except web.RequestPayloadError as error:
        raise _wire.refusal("SerializationException", str(error)) from None


def _told(answer: Mapping[str, Any]) -> web.Response:
    return web.Response(body=_wire.encode(answer), headers=_headers())


def _plain(answer: Mapping[str, Any]) -> web.Response:
    return web.Response(body=_wire.encode(answer), content_type="application/json")


def _refused(error: errors.ServiceError) -> web.Response:
    refusal = _wire.Refusal.of(error)
    headers = _headers() | {"x-amzn-ErrorType": refusal.code}
    return web.Response(status=refusal.status, body=refusal.body, headers=headers)


def _headers() -> dict[str, str]:
    return {"Content-Type": _wire.CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}


class _Line:
    """A call's line in the log: what was called, and how that ended; nothing of what was sent but names.

    Args:
        target: the header X-Amz-Target.
    """

    def __init__(self, target: str | None) -> None:
        self._name = (target or "").removeprefix(f"{_wire.TARGET}.")
        self._started = time.perf_counter()
        self.parameters: Mapping[str, Any] = {}

    def end(self, outcome: str) -> None:
        """Write it."""
        if _logger.isEnabledFor(logging.INFO):
            about = next((self.parameters[key] for key in _SUBJECTS if key in self.parameters), "")
            subject = ":".join(about.split(":")[6:]) or about
            what = _printable(f"{self._name} {subject}".strip())
            _logger.info("%s: %s, %.1f ms", what, outcome, (time.perf_counter() - self._started) * 1000)


_SUBJECTS = (
    "executionArn",
    "stateMachineAliasArn",
    "stateMachineVersionArn",
    "stateMachineArn",
    "activityArn",
    "mapRunArn",
    "resourceArn",
    "name",
)
"""The parameters that say what a call is about, the most exact first."""


def _printable(text: str) -> str:
    """What others sent, as part of a line."""
    return text[:200] if text.isprintable() else ascii(text[:200])


def _is_closed(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _is_gone(request: web.BaseRequest) -> bool:
    """Whether a client has hung up, also where the loop has not heard of it yet."""
    if _is_closed(request):
        return True
    raw = request.get_extra_info("socket")
    try:
        with socket.socket(fileno=os.dup(raw.fileno())) as peer:
            return peer.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# Who may ask


class _Guard:
    """Keeps web pages out: a browser says where a page is from, and by which name it found the host.

    Args:
        host: where the endpoint listens.
        allow_remote: whether other machines may ask.
    """

    def __init__(self, host: str, allow_remote: bool) -> None:
        self._hosts = {"localhost", host.lower(), *([socket.gethostname().lower()] if allow_remote else [])}
        self._allow_remote = allow_remote

    def refuses(self, request: web.BaseRequest) -> str | None:
        """Why a request is refused, if it is."""
        if "Origin" in request.headers:
            return "a web page must not ask: the request has an Origin"
        host = request.headers.get("Host", "")
        if self._allows(_name_in(host)):
            return None
        return f"the request is for the host {host[:100]!r}, which is not this one"

    def _allows(self, name: str) -> bool:
        if name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:  # a name without a dot is nothing that the public could register
            return self._allow_remote and name != "" and "." not in name
        return self._allow_remote or address.is_loopback


def _name_in(host: str) -> str:
    """The name in a Host header, without the port, and without what SDKs put before it."""
    name = host.lower().removeprefix("sync-")
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if ":" in name else name


def _check_host(host: str, allow_remote: bool) -> None:
    """Refuse to listen for other machines unless that is wanted.

    Raises:
        InvalidArgument: it is not.
    """
    _checks.names(host=host)
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not (loopback or allow_remote):
        raise errors.InvalidArgument(
            f"host {host!r} would let other machines in, who could start executions: allow_remote=True does"
        )


@asynccontextmanager
async def serve(
    *things: Registrable,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    allow_remote: bool = False,
    virtual_time: bool = False,
    poll_seconds: float = 60,
    handlers: Mapping[Any, Handler] | None = None,
    mock_config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    region: str = "us-east-1",
    account_id: str = "123456789012",
    seed: int | None = None,
) -> AsyncIterator[Endpoint]:
    """Serve Step Functions over HTTP while the block is active; what still runs at the end is dropped.

    Args:
        things: machines and activities to register; activities that are functions get done here.
        host: the address to listen at.
        port: the port; 0 picks one that is free.
        allow_remote: whether `host` may be one that other machines reach: they could start executions.
        virtual_time: whether the service's own timers jump: Wait, Retry, TimeoutSeconds. Requests and polls
            take real time, and the clock stands while a client has a task in hand.
        poll_seconds: how long a poll over HTTP waits for a task; AWS waits for 60 seconds.
        handlers: what stands in for resources, as `connect` takes it.
        mock_config: test cases with mocked results, as `connect` takes them.
        region: the region that it plays.
        account_id: the account that it plays.
        seed: what random choices follow from, so that runs can be repeated.

    Raises:
        InvalidArgument: one of these makes no sense.
        OSError: the port is taken, or there is no such address.
    """
    _check_host(host, allow_remote)
    _checks.flags(allow_remote=allow_remote, virtual_time=virtual_time)
    _checks.seconds(poll_seconds=poll_seconds)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port < 65_536:
        raise errors.InvalidArgument(f"port is a number from 0 to 65535, not {port!r}")
    service = LocalService(
        handlers=handlers, mock_config=mock_config, account=_account(region, account_id), seed=seed
    )
    run = _virtually if virtual_time else _plainly
    async with run(service, things) as (engine, client):
        endpoint = Endpoint(engine, client, poll_seconds, _Guard(host, allow_remote))
        async with _listening(endpoint, host, port):
            yield endpoint


@asynccontextmanager
async def _plainly(
    service: LocalService, things: Iterable[Registrable]
) -> AsyncIterator[tuple[Engine, Client]]:
    async with opened(service, things) as client:
        yield Engine(service), client


@asynccontextmanager
async def _virtually(
    service: LocalService, things: Iterable[Registrable]
) -> AsyncIterator[tuple[Engine, Client]]:
    engine = VirtualEngine(service, things)
    async with engine.running():
        yield engine, Client(Remote(engine))


@asynccontextmanager
async def _listening(endpoint: Endpoint, host: str, port: int) -> AsyncIterator[None]:
    server = web.Server(
        endpoint._handle,
        request_factory=_make_request,
        handler_cancellation=True,
        access_log=None,
        keepalive_timeout=SECONDS_IDLE,
        lingering_time=0,
        logger=_logger,
    )
    listener = await asyncio.get_running_loop().create_server(server, host, port)
    shown = f"[{host}]" if ":" in host else host
    endpoint.url = f"http://{shown}:{listener.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        listener.close()
        await endpoint._stop()
        await server.shutdown(1)
        await listener.wait_closed()


def _make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)
