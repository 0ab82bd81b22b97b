"""The thin path: the API's hot calls past what botocore does anew for each request.

What a request looks like is learned from the first one of its kind, as botocore prepared and signed it: where
it goes, its headers, the region and the name that it is signed for. Later ones differ in body, date and keys
alone. They go over connections of their own, with aiobotocore's TLS, time-outs and limit. Whatever is unusual
is botocore's, as before: a proxy, another signature, a header of somebody's own, a parameter that is refused,
and each answer that is neither the expected one nor one of the API's errors.
"""

import hashlib
import hmac
import json
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]
from botocore.utils import parse_timestamp  # type: ignore[import-untyped]
from yarl import URL

from asfini.aws._http import HttpError, Pool, Server
from asfini.aws.session import Credentials

OPERATIONS = frozenset(
    "describe_execution get_activity_task send_task_failure send_task_heartbeat send_task_success "
    "start_execution".split()
)
"""What workers and those who wait call without end."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature="
)
_SIGNED = "content-type;host;x-amz-date;x-amz-target"
_SIGNED_WITH_TOKEN = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"  # noqa: S105 - headers
_MADE_ANEW = frozenset(
    "amz-sdk-invocation-id amz-sdk-request authorization content-length x-amz-date "
    "x-amz-security-token".split()
)
_USUAL = frozenset({"content-type", "x-amz-target", "user-agent"})
_WORTH_A_TRY = re.compile("Throttl|Expired|Skew|Signature|TooManyRequests|UnrecognizedClient")
"""Errors that another try may mend: with other keys, at another time."""
_KINDS: dict[str, Any] = {"string": str, "boolean": bool, "structure": dict, "timestamp": (int, float, str)}
_CONNECTOR_ARGS = frozenset({"keepalive_timeout", "ttl_dns_cache", "use_dns_cache"})
"""What users may tell aiobotocore of connections that need not hold for ours."""

FAILURES = (HttpError, TimeoutError)
"""How it shows that no answer came, or only a part of one."""


class Unusual(Exception):  # noqa: N818 - no error: botocore is to make the call
    """The thin path is too thin for this call.

    Args:
        tried: whether it was tried all the same.
        unanswered: whether what came of that is not known.
    """

    def __init__(self, *, tried: bool = False, unanswered: bool = False) -> None:
        super().__init__()
        self.tried = tried
        self.unanswered = unanswered


@dataclass(frozen=True)
class Plan:
    """How requests of one operation are made, and what their answers hold."""

    url: URL
    host: str
    headers: dict[str, str]
    region: str
    name: str
    """What the service is called in signatures."""
    parameters: frozenset[str]
    needed: frozenset[str]
    members: Mapping[str, Any]
    """The shapes of the answer's members, by name."""
    always: frozenset[str]
    """What an answer always has."""


@dataclass(frozen=True)
class Route:
    """How requests of an operation get to the service."""

    plan: Plan
    server: Server
    keys: Credentials

    @cached_property
    def head(self) -> str:
        """What all requests begin with."""
        headers = {"Host": self.plan.host, "Accept-Encoding": "identity", **self.plan.headers}
        if self.keys.token is not None:
            headers["X-Amz-Security-Token"] = self.keys.token
        return "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())


class _Rehearsal(Exception):  # noqa: N818 - no error: a request is not to be sent
    """Ends a call that was made to see its request."""


_rehearsed: ContextVar[bool] = ContextVar("asfini_rehearsed", default=False)


class Signer:
    """Signs requests: AWS's Signature Version 4. It keeps the key for a day, the date for a second."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], bytes] = {}
        self._second = 0
        self._date = ""

    def request(self, route: Route, body: bytes) -> bytes:
        """A request, signed."""
        date, authorization = self._signature(route.plan, body, route.keys)
        changing = (
            f"X-Amz-Date: {date}\r\nAuthorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return f"{route.head}{changing}".encode() + body

    def _signature(self, plan: Plan, body: bytes, keys: Credentials) -> tuple[str, str]:
        """The date and the signature: what differs from one request to the next."""
        date = self._now()
        scope = f"{date[:8]}/{plan.region}/{plan.name}/aws4_request"
        token = "" if keys.token is None else f"x-amz-security-token:{keys.token}\n"
        signed = _SIGNED if keys.token is None else _SIGNED_WITH_TOKEN
        request = (
            f"POST\n/\n\ncontent-type:{plan.headers['Content-Type']}\nhost:{plan.host}\nx-amz-date:{date}\n{token}"
            f"x-amz-target:{plan.headers['X-Amz-Target']}\n\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = self._key(keys.secret_key, date[:8], plan.region, plan.name)
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={signed}, "
            f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
        )
        return date, authorization

    def _now(self) -> str:
        """The time, as signatures have it."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        return self._date

    def _key(self, *parts: str) -> bytes:
        """The key to sign with for a day."""
        key = self._keys.get(parts)
        if key is None:
            key = f"AWS4{parts[0]}".encode()
            for part in (*parts[1:], "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys = {parts: key}
        return key


class Line:
    """Makes calls over connections of its own.

    Args:
        pool: the connections.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._signer = Signer()

    async def call(self, route: Route, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call.

        Raises:
            Unusual: botocore is to make it: nothing has come of it here.
            Refused: the service refused.
            HttpError: no answer came, or only a part of one.
            TimeoutError: it did not come in time.
            ResponseParserError: the answer makes no sense.
        """
        request = self._signer.request(route, json.dumps(parameters).encode())
        status, body, _ = await self._pool.ask(route.server, request)
        if status == 200:
            return read(route.plan, body)
        raise refused(status, body)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class ThinPath:
    """Makes the calls of one of aiobotocore's clients that it knows how to make.

    Args:
        client: aiobotocore's client, whose settings hold.
        credentials: gives the keys as they are now.
    """

    def __init__(self, client: Any, credentials: Callable[[], Awaitable[Credentials]]) -> None:
        self._client = client
        self._credentials = credentials
        self._plans: dict[str, Plan] = {}
        self._line: Line | None = None
        self._server: Server | None = None
        self._routes: dict[str, Route] = {}
        self._too_thin = False
        client.meta.events.register("before-send", self._learn)

    @property
    def endpoint(self) -> str:
        """Where calls go."""
        return str(self._client.meta.endpoint_url)

    def knows(self, operation: str) -> bool:
        """Whether a call can be tried here."""
        return operation in self._plans

    async def route(self, operation: str) -> "Route | None":
        """How others may make an operation's requests with connections of their own.

        Returns:
            `None` where something is unusual, so that they must not.

        Raises:
            CredentialsInvalid: the keys cannot be had.
        """
        if not self.knows(operation):
            await self._rehearse(operation)
        plan = self._plans.get(operation)
        try:
            return None if plan is None else await self._route_of(operation, plan)
        except Unusual:
            return None

    async def _rehearse(self, operation: str) -> None:
        """Have botocore make a request that is not sent, to learn from it."""
        token = _rehearsed.set(True)
        try:
            with suppress(_Rehearsal):
                await getattr(self._client, operation)(taskToken="rehearsal")
        finally:
            _rehearsed.reset(token)

    def _learn(self, request: Any, event_name: str, **_: Any) -> None:
        """Note what a request looks like that botocore is about to send, if it is a usual one."""
        self._note(request, event_name)
        if _rehearsed.get():
            raise _Rehearsal

    def _note(self, request: Any, event_name: str) -> None:
        if self._too_thin:
            return
        name = event_name.rpartition(".")[2]
        operation = self._client.meta.service_model.operation_model(name)
        python_name = next(
            (key for key, value in self._client.meta.method_to_api_mapping.items() if value == name), ""
        )
        if python_name in OPERATIONS and (plan := _plan_of(request, operation)) is not None:
            self._plans[python_name] = plan

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call, as `Line.call` does.

        Raises:
            Exception: as there.
        """
        plan = self._plans[operation]
        if not (
            plan.needed <= parameters.keys() <= plan.parameters and all(map(_is_text, parameters.values()))
        ):
            raise Unusual
        route = await self._route_of(operation, plan)
        assert self._line is not None  # noqa: S101 - a route leads over it
        return await self._line.call(route, parameters)

    async def _route_of(self, operation: str, plan: Plan) -> Route:
        """How requests of an operation go, with the keys as they are now.

        Raises:
            Unusual: they must not.
            CredentialsInvalid: the keys cannot be had.
        """
        route, keys = self._routes.get(operation), await self._credentials()
        if route is None or route.keys != keys:
            server = self._server or await self._open(plan.url)
            route = self._routes[operation] = Route(plan, server, keys)
        return route

    async def _open(self, url: URL) -> Server:
        """Make ready for connections as aiobotocore's client would make them.

        Raises:
            Unusual: something about them is unusual: then this path is too thin for good.
        """
        session = await self._session(str(url))
        tls = getattr(getattr(session, "connector", None), "_ssl", None)
        if not isinstance(tls, ssl.SSLContext):
            self._too_thin = True
            self._plans.clear()
            raise Unusual
        seconds = session.timeout.sock_connect, session.timeout.sock_read
        self._line = self._line or Line(Pool(session.connector.limit, *seconds))
        self._server = Server(url.host or "", url.port or 443, tls if url.scheme == "https" else None)
        return self._server

    async def _session(self, url: str) -> Any:
        """What aiobotocore's client connects with; `None` if a proxy or a setting is in the way."""
        args = self._client.meta.config.connector_args
        try:
            http = self._client._endpoint.http_session
            if http._proxy_config.proxy_url_for(url) or not _CONNECTOR_ARGS.issuperset(args):
                return None
            return await http._get_session(None)
        except AttributeError:  # another version of aiobotocore, or another HTTP library beneath it
            return None

    def close(self) -> None:
        """Close the connections."""
        if self._line is not None:
            self._line.close()


class Refused(Exception):  # noqa: N818 - carries what the service said
    """The service refused.

    Args:
        code: the API's error code, or the status of an answer that has none.
        message: the API's message, or what else came.
        status: HTTP's status.
    """

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(code)
        self.response = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        """The refusal as botocore's parsers give it."""
        self.worth_a_try = status >= 429 or _WORTH_A_TRY.search(code) is not None
        """Whether another try may have another answer."""


def _plan_of(request: Any, operation: Any) -> Plan | None:
    """How to make requests like one that botocore signed; `None` if something about it is unusual."""
    headers = {name: _text(value) for name, value in request.headers.items()}
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    kept = {name: value for name, value in headers.items() if name.lower() not in _MADE_ANEW}
    url = URL(request.url, encoded=True)
    if (
        found is None
        or found[3] not in (_SIGNED, _SIGNED_WITH_TOKEN)
        or {name.lower() for name in kept} != _USUAL
        or (request.method, url.raw_path_qs) != ("POST", "/")
    ):
        return None
    given, answer = operation.input_shape, operation.output_shape
    return Plan(
        url,
        url.host_port_subcomponent or "",  # as aiohttp sends it: without a port that goes without saying
        kept,
        found[1],
        found[2],
        frozenset(name for name, shape in given.members.items() if shape.type_name == "string"),
        frozenset(given.required_members),
        {name: shape.type_name for name, shape in answer.members.items()},
        frozenset(answer.required_members),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def told_in(body: bytes, known: Mapping[str, Any]) -> dict[str, Any]:
    """The object that an answer holds.

    Args:
        body: the answer.
        known: the members that it may have, by name.

    Raises:
        ResponseParserError: it holds none, or one in which nothing is known: a proxy's, or half of it.
    """
    try:
        told = json.loads(body) if body or known else {}
    except ValueError:
        told = None
    if not isinstance(told, dict) or (known and told and not told.keys() & known.keys()):
        raise ResponseParserError(f"{len(body)} bytes that begin with {body[:20]!r}")
    return told


def read(plan: Plan, body: bytes) -> dict[str, Any]:
    """Read an answer, as botocore does."""
    told = told_in(body, plan.members)
    if lacking := plan.always - told.keys():
        raise ResponseParserError(f"it lacks {', '.join(sorted(lacking))}")
    return {
        name: _value(name, told[name], kind)
        for name, kind in plan.members.items()
        if told.get(name) is not None
    }


def _value(name: str, value: Any, kind: str) -> Any:
    if not isinstance(value, _KINDS.get(kind, object)):
        raise ResponseParserError(f"its {name} is no {kind}")
    return parse_timestamp(value) if kind == "timestamp" else value


def refused(status: int, body: bytes) -> Exception:
    """What an answer that is no success means."""
    if 300 <= status < 400:
        return Unusual()
    try:
        told = json.loads(body)
        code = told["__type"].rpartition("#")[2]
        return Refused(code, str(told.get("message", told.get("Message", ""))), status)
    except (ValueError, LookupError, AttributeError, TypeError):  # not the API's: a proxy's page, say
        return Refused(str(status), body.decode(errors="replace"), status)
