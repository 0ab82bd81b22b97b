"""Tasks that are HTTP requests: `http:invoke` and `apigateway:invoke`. They must be allowed."""

import base64
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import anyio

from asfini import _json
from asfini.aws.session import is_url
from asfini.clock import hold
from asfini.errors import InvalidArgument
from asfini.local.failures import Failure, Unsuitable
from asfini.local.integrations import Exchanges, Order, Work, refused

if TYPE_CHECKING:
    from asfini.local.elsewhere import ServiceDoor

SECONDS = 60
"""How long an endpoint has to answer: the page "Call HTTPS APIs in Step Functions workflows"."""
MOST_BYTES = 262_144
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BINARY = ("application/octet-stream", "audio/", "image/", "video/")
"""Contents that AWS does not take."""


@dataclass(frozen=True, slots=True)
class _Request:
    """An HTTP request."""

    method: str
    url: str
    headers: dict[str, str]
    query: list[tuple[str, str]]
    body: bytes | None


class WebDoor:
    """Does HTTP tasks.

    Args:
        region: the region, which endpoints are told of.
        services: where the connections are that name what endpoints are to be shown, if anywhere.
    """

    outside = True

    def __init__(self, region: str, services: "ServiceDoor | None") -> None:
        self._region = region
        self._services = services
        self._session: Any = None

    async def prepare(self, order: Order) -> Work:
        """Hold a task's parameters against what is needed.

        Raises:
            Unsuitable: they do not suit.
        """
        given = order.given
        if faults := list(_faults(given, order.target.name)):
            raise refused(given, faults)
        if order.target.name == "apigateway:invoke":
            return functools.partial(self._gateway, given)
        return functools.partial(self._http, given, order.exchanges)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _http(self, given: dict[str, Any], exchanges: Exchanges | None) -> Any:
        """Do an HTTP task.

        Raises:
            Failure: `States.Http.StatusCode.…` or `States.Http.Socket`, or the endpoint cannot be reached.
        """
        connection = await self._connection(given)
        request = _request(given, connection, self._region)
        if exchanges is not None:
            shown = request if exchanges.reveals_secrets else _request(given, {}, self._region)
            url = (
                f"{shown.url}?{urlencode(shown.query, errors='surrogatepass')}" if shown.query else shown.url
            )
            exchanges.requested(shown.method, url, shown.headers, shown.body)
        told = await self._send(request)
        if exchanges is not None:
            exchanges.responded(told)
        if told["StatusCode"] >= 300:
            raise Failure(f"States.Http.StatusCode.{told['StatusCode']}", _cause(told["ResponseBody"]))
        return told

    async def _gateway(self, given: dict[str, Any]) -> Any:
        """Call an API behind API Gateway.

        Raises:
            Failure: `ApiGateway.…` with the status, or it cannot be reached.
        """
        host = given["ApiEndpoint"]
        scheme = "http" if urlsplit(f"//{host}").hostname in _LOOPBACK else "https"
        path = "/".join(part.strip("/") for part in (given.get("Stage"), given.get("Path")) if part)
        body = given.get("RequestBody")
        content = None if body is None else _json.dumps(body).encode(errors="surrogatepass")
        headers = _texts(given.get("Headers"))
        if content is not None:
            headers = {"Content-Type": "application/json"} | headers
        query = list(_pairs(given.get("QueryParameters")))
        url = f"{scheme}://{host}/{path}"
        told = await self._send(_Request(given["Method"], url, headers, query, content))
        if told["StatusCode"] >= 400:
            raise Failure(f"ApiGateway.{told['StatusCode']}", _cause(told["ResponseBody"]))
        return told

    async def _send(self, request: _Request) -> dict[str, Any]:
        from aiohttp import ClientError, ClientSession, DummyCookieJar

        if self._session is None:
            self._session = ClientSession(cookie_jar=DummyCookieJar())  # tasks know nothing of each other
        try:
            with hold(), anyio.fail_after(SECONDS):
                async with self._session.request(
                    request.method,
                    request.url,
                    params=request.query,
                    headers=request.headers,
                    data=request.body,
                    allow_redirects=False,  # what a connection adds is for its endpoint only
                ) as response:
                    content = await _content(response)
        except TimeoutError:
            raise Failure(
                "States.Http.Socket", f"{request.url} did not answer within {SECONDS} seconds"
            ) from None
        except (ClientError, OSError, ValueError) as error:
            raise Failure("States.TaskFailed", f"{request.url} cannot be reached: {error}") from None
        return _told(response, content)

    async def _connection(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a connection of EventBridge adds to requests; nothing where there are no connections.

        Raises:
            Failure: it cannot be read.
        """
        arn = _connection_arn(given)
        if self._services is None or arn is None:
            return {}
        name = arn.rpartition(":connection/")[2].split("/")[0]
        described = (await self._services.ask("events:describeConnection", {"Name": name})).value
        secret: Any = {}
        if "SecretArn" in described:
            answer = await self._services.ask(
                "secretsmanager:getSecretValue", {"SecretId": described["SecretArn"]}
            )
            secret = _read(answer.value.get("SecretString", "{}"))
        try:
            return _added(described, secret)
        except (AttributeError, LookupError, TypeError):
            reason = f"what the connection '{name}' adds to requests makes no sense"
            raise Failure("Events.ConnectionResource.InvalidConnectionState", reason) from None


def _request(given: dict[str, Any], connection: dict[str, Any], region: str) -> _Request:
    """The request of an HTTP task.

    Raises:
        Unsuitable: its body cannot be joined with what the connection adds.
    """
    headers = {
        **_texts(given.get("Headers")),
        **connection.get("Headers", {}),
        "User-Agent": f"Amazon|StepFunctions|HttpInvoke|{region}",
        "Range": f"bytes=0-{MOST_BYTES}",
    }
    query = [*_pairs(given.get("QueryParameters")), *_pairs(connection.get("Query"))]
    body, kind = _body(given, connection.get("Body", {}))
    if body is not None:
        headers = {"Content-Type": kind} | headers
    return _Request(given["Method"], given["ApiEndpoint"], headers, query, body)


def _connection_arn(given: dict[str, Any]) -> str | None:
    for field in ("InvocationConfig", "Authentication"):
        if isinstance(given.get(field), dict) and isinstance(given[field].get("ConnectionArn"), str):
            arn: str = given[field]["ConnectionArn"]
            return arn
    return None


def _faults(given: Any, name: str) -> Iterator[str]:
    """What is wrong with a task's parameters."""
    given = given if isinstance(given, dict) else {}
    yield from (
        f"The field '{field}' is required but was missing"
        for field in ("ApiEndpoint", "Method")
        if field not in given
    )
    if name == "http:invoke" and _connection_arn(given) is None:
        yield "The field 'ConnectionArn' is required but was missing"
    transform = given.get("Transform") or {}
    wrong = {
        "ApiEndpoint": "ApiEndpoint" in given and not _is_endpoint(given["ApiEndpoint"], name),
        "Headers": not isinstance(given.get("Headers", {}), dict),
        "Method": str(given.get("Method", "GET")) not in METHODS,
        "Path": not isinstance(given.get("Path") or "", str),
        "QueryParameters": not isinstance(given.get("QueryParameters", {}), dict),
        "Stage": not isinstance(given.get("Stage") or "", str),
        "Transform": not isinstance(transform, dict)
        or not isinstance(transform.get("RequestEncodingOptions") or {}, dict),
    }
    yield from (f"The value of the field '{field}' has an invalid format" for field in wrong if wrong[field])


def _is_endpoint(value: Any, name: str) -> bool:
    """Whether a value is a URL, or for API Gateway a host."""
    return isinstance(value, str) and is_url(value if name == "http:invoke" else f"https://{value}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json.dumps(value)


def _texts(values: Any) -> dict[str, str]:
    """Headers as text; one with several values has them in a row."""
    return {
        name: ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
        for name, value in (values or {}).items()
    }


def _pairs(values: Any) -> Iterator[tuple[str, str]]:
    for name, value in (values or {}).items():
        for item in value if isinstance(value, list) else [value]:
            yield name, _text(item)


def _body(given: dict[str, Any], added: dict[str, Any]) -> tuple[bytes | None, str]:
    """A request's body and its type.

    Raises:
        Unsuitable: it cannot be joined with what the connection adds.
    """
    body, transform = given.get("RequestBody"), given.get("Transform") or {}
    if added:
        if not isinstance(body or {}, dict):
            raise Unsuitable("RequestBody must be an object, since the connection adds parameters to it.")
        body = {**(body or {}), **added}
    if body is None:
        return None, ""
    if transform.get("RequestBodyEncoding") == "URL_ENCODED":
        options = transform.get("RequestEncodingOptions") or {}
        pairs = list(_form("", body, options.get("ArrayFormat", "INDICES")))
        return urlencode(pairs, errors="surrogatepass").encode(), "application/x-www-form-urlencoded"
    return _text(body).encode(errors="surrogatepass"), "application/json"


def _form(name: str, value: Any, arrays: str) -> Iterator[tuple[str, str]]:
    """The fields of a form that a value makes."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _form(f"{name}[{key}]" if name else key, item, arrays)
    elif isinstance(value, list) and arrays == "COMMAS":
        yield name, ",".join(map(_text, value))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            suffix = {"BRACKETS": "[]", "REPEAT": ""}.get(arrays, f"[{index}]")
            yield from _form(name + suffix, item, arrays)
    else:
        yield name, _text(value)


async def _content(response: Any) -> bytes:
    """Read a response, but not much more than may be in a result."""
    content = b""
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MOST_BYTES:
            break
    return content


def _told(response: Any, content: bytes) -> dict[str, Any]:
    """A response as a task's result tells it.

    Raises:
        Failure: its content is too large, or no text.
    """
    kind = response.headers.get("Content-Type", "")
    if len(content) > MOST_BYTES:
        raise Failure(
            "States.DataLimitExceeded",
            "The response is larger than the maximum number of bytes service limit.",
        )
    if content and kind.startswith(_BINARY):
        raise Failure("States.Runtime", f"a response of the type {kind} is not supported")
    text = content.decode("utf-8", "replace")
    headers = {name: response.headers.getall(name) for name in response.headers}
    return {
        "Headers": headers,
        "ResponseBody": _read(text) if "json" in kind else text,
        "StatusCode": response.status,
        "StatusText": response.reason or "",
    }


def _read(text: str) -> Any:
    try:
        return _json.loads(text)
    except InvalidArgument:
        return text


def _cause(body: Any) -> str:
    return body if isinstance(body, str) else _json.dumps(body)


def _added(described: dict[str, Any], secret: Any) -> dict[str, Any]:
    """What a connection adds to requests, by its description and its secret.

    Raises:
        Failure: its way of authorization is not known here.
    """
    secret = secret if isinstance(secret, dict) else {}
    more = secret.get("invocation_http_parameters") or {}
    kind, headers = described.get("AuthorizationType"), _values(more.get("header_parameters"))
    if kind == "API_KEY":
        headers[_text(secret.get("api_key_name", ""))] = _text(secret.get("api_key_value", ""))
    elif kind == "BASIC":
        pair = f"{secret.get('username', '')}:{secret.get('password', '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        reason = f"connections with {kind} are not supported here"
        raise Failure("Events.ConnectionResource.InvalidConnectionState", reason)
    return {
        "Body": _values(more.get("body_parameters")),
        "Headers": {name: value for name, value in headers.items() if name},
        "Query": _values(more.get("query_string_parameters")),
    }


def _values(parameters: Any) -> dict[str, str]:
    return {_text(each["key"]): _text(each.get("value", "")) for each in parameters or []}
