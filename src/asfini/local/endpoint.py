"""The local service over HTTP: AWS JSON 1.0, for any SDK in any language."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp import web

from asfini import _checks, _json, clock, errors
from asfini.client import Client, Registrable
from asfini.local import _account, _disturbed, _wire
from asfini.local._engine import LONG_CALLS, Engine, Front, Remote, VirtualEngine, opened
from asfini.local._guard import Guard, check_host
from asfini.local._http import (
    CallLine,
    ServerLog,
    hung_up,
    is_closed,
    is_gone,
    make_request,
    plain,
    printable,
    read_body,
    refused,
    told,
)
from asfini.local.handlers import Handler
from asfini.local.service import LocalService
from asfini.local.tasks import Delivery, delivery
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.local.faults import Faults
    from asfini.local.quotas import Quotas

_logger = logging.getLogger("asfini.local.endpoint")

DEFAULT_PORT = 8083
"""The port of Step Functions Local."""
SECONDS_IDLE = 75.0
"""Real seconds after which an idle connection, or one whose request does not begin, is closed."""
SECONDS_TO_CLOSE = 1.0
"""Real seconds that answers have to be written when the endpoint closes."""
_LEAST_POLL = 0.1
"""Real seconds that each poll is held at least: tasks may come from another thread."""
_MAX_ADVANCE = 100 * 366 * 24 * 3600.0

_Answer = Callable[["Endpoint", web.BaseRequest], Awaitable[web.Response]]


class Endpoint:
    """A local service that listens. Made by `serve`.

    Args:
        engine: where the service runs.
        front: what answers requests, with whatever is to go wrong.
        client: a client of the service.
        poll_seconds: how long a poll without a task is held, in real time.
        guard: tells which requests are refused.
    """

    def __init__(
        self, engine: Engine, front: Service, client: Client, poll_seconds: float, guard: Guard
    ) -> None:
        self.client = client
        """A client in this process, which needs no HTTP."""
        self.url = ""
        """Where it listens: give it to SDKs as `endpoint_url` or `AWS_ENDPOINT_URL`."""
        self._engine = engine
        self._front = front
        self._poll_seconds = poll_seconds
        self._guard = guard
        self._waiting: set[asyncio.Task[Any] | None] = set()

    async def advance(self, seconds: float) -> None:
        """Move virtual time on by hand; all timers on the way are due in their order.

        Args:
            seconds: how far.

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
            _logger.info("refused %s: %s", printable(f"{request.method} {request.path}"), reason)
            return web.Response(status=403, text=reason, headers={"Connection": "close"})
        answer = _ROUTES.get((request.method, request.path))
        try:
            if answer is None:
                raise _wire.refusal("UnknownOperationException", "requests are sent to / with POST")
            return await answer(self, request)
        except errors.ConnectionFailed:
            return hung_up(request)
        except errors.ServiceError as error:
            return refused(error)

    async def _api(self, request: web.BaseRequest) -> web.Response:
        target = request.headers.get("X-Amz-Target")
        body = await read_body(request)
        if target is None and request.content_type == "application/x-www-form-urlencoded":
            return await self._identify(body)
        line = CallLine(target)
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
            return told(await self._ask(operation, parameters))
        with self._waiting_for_long():
            return told(await self._ask(operation, parameters))

    @contextmanager
    def _waiting_for_long(self) -> Iterator[None]:
        """Let the running task be cancelled when the endpoint closes."""
        task = asyncio.current_task()
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def _ask(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Have the service answer.

        Raises:
            ServiceError: it refuses.
        """
        try:
            return await self._front.call(operation, **parameters)
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
        try:
            with self._waiting_for_long():
                answer = await self._within_a_poll(parameters)
            response = told(answer)
            if answer and not is_gone(request):
                await response.prepare(request)
                await response.write_eof()
                if not is_closed(request):
                    settle = parcel.arrived
            return response
        except errors.ServiceError:  # one made to fail on its way back leaves its task in nobody's hands
            settle = parcel.arrived
            raise
        finally:
            self._engine.post(settle)

    async def _within_a_poll(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Wait for a task, but not longer than a poll is held."""
        try:
            async with asyncio.timeout(max(self._poll_seconds, _LEAST_POLL)):
                return await self._ask("get_activity_task", parameters)
        except TimeoutError:
            return {}

    async def _identify(self, body: bytes) -> web.Response:
        """Answer the Security Token Service's GetCallerIdentity: SDKs ask for the account."""
        request_id = str(uuid.uuid4())
        action = parse_qs(body.decode("ascii", "replace")).get("Action", [""])[0]
        if action == "GetCallerIdentity":
            account = await self.client.account()
            status, text = 200, _wire.identity(account.account_id, account.partition, request_id)
        else:
            message = (
                "A call of Step Functions has a header X-Amz-Target, "
                "and of the Security Token Service only GetCallerIdentity is here"
            )
            status, text = 400, _wire.query_refusal("InvalidAction", message, request_id)
        return web.Response(
            status=status, text=text, content_type="text/xml", headers={"x-amzn-RequestId": request_id}
        )

    async def _health(self, _: web.BaseRequest) -> web.Response:
        return plain({"status": "ok"})

    async def _clock(self, _: web.BaseRequest) -> web.Response:
        state = await self._engine.clock()
        return plain({"now": state.now.isoformat(), "virtual": state.virtual, "stands": state.stands})

    async def _advance(self, request: web.BaseRequest) -> web.Response:
        try:
            given = _json.loads(await read_body(request), "the body")
            if not (isinstance(given, dict) and given.keys() == {"advance"}):
                raise errors.InvalidArgument('the body is like {"advance": 60}')
            await self.advance(given["advance"])
        except errors.InvalidArgument as error:
            raise errors.ValidationException(str(error)) from None
        return await self._clock(request)

    def stop(self) -> None:
        """Let all calls end that wait: the service closes."""
        for task in self._waiting:
            if task is not None:
                task.cancel()


_ROUTES: dict[tuple[str, str], _Answer] = {
    ("POST", "/"): Endpoint._api,
    ("GET", "/health"): Endpoint._health,
    ("HEAD", "/health"): Endpoint._health,
    ("GET", "/clock"): Endpoint._clock,
    ("POST", "/clock"): Endpoint._advance,
}


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
    aws_endpoint: str | None = None,
    http: bool = False,
    region: str = "us-east-1",
    account_id: str = "123456789012",
    seed: int | None = None,
    faults: "Faults | None" = None,
    quotas: "Quotas | None" = None,
) -> AsyncIterator[Endpoint]:
    """Serve Step Functions over HTTP while the block is active; what still runs at the end is dropped.

    Args:
        things: machines and activities to register; activities that are functions get done here.
        host: the address to listen at.
        port: the port, 8083 by default; 0 picks one that is free.
        allow_remote: whether `host` may be one that other machines reach: they could start executions.
        virtual_time: whether the service's own timers jump: Wait, Retry, TimeoutSeconds. Requests and polls
            take real time, and the clock stands while a client has a task in hand. The service is in a thread
            of its own then, and so are handlers. Without it all is in real time, also in `virtual_time()`.
        poll_seconds: how long a poll over HTTP waits for a task; AWS waits for 60 seconds.
        handlers: what stands in for resources, as `connect` takes it.
        mock_config: test cases with mocked results, as `connect` takes them.
        aws_endpoint: where tasks of other services are done that no handler does, as `connect` takes it.
        http: whether HTTP tasks that no handler does may leave the process.
        region: the region that it plays.
        account_id: the account that it plays.
        seed: what random choices follow from, so that runs can be repeated.
        faults: what goes wrong with requests, as `connect` takes it. With `ConnectionFailed` no answer comes.
        quotas: how often requests may come, as `connect` takes it.

    Raises:
        InvalidArgument: one of these makes no sense.
        OSError: the port is taken, or there is no such address.
    """
    check_host(host, allow_remote)
    _checks.flags(allow_remote=allow_remote, virtual_time=virtual_time)
    _checks.seconds(poll_seconds=poll_seconds)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port < 65_536:
        raise errors.InvalidArgument(f"port is a number from 0 to 65535, not {port!r}")
    service = LocalService(
        handlers=handlers,
        mock_config=mock_config,
        aws_endpoint=aws_endpoint,
        http=http,
        account=_account(region, account_id),
        seed=seed,
    )
    run = _virtually if virtual_time else _plainly
    async with run(service, things) as (engine, client):
        front = _disturbed(Front(engine), faults, quotas, seed)
        endpoint = Endpoint(engine, front, client, poll_seconds, Guard(host, allow_remote))
        with clock.hold():  # whoever asks is outside, also where this loop's time is virtual
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
        request_factory=make_request,
        handler_cancellation=True,
        access_log=None,
        keepalive_timeout=SECONDS_IDLE,
        lingering_time=0,
        auto_decompress=False,
        logger=ServerLog(_logger, {}),
    )
    # `localhost` may be two addresses, which would be given two ports where one is to be picked.
    address = "127.0.0.1" if host == "localhost" else host
    listener = await asyncio.get_running_loop().create_server(server, address, port)
    shown = f"[{host}]" if ":" in host else host
    endpoint.url = f"http://{shown}:{listener.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        listener.close()
        endpoint.stop()
        server.pre_shutdown()
        await server.shutdown(SECONDS_TO_CLOSE)
        await listener.wait_closed()
