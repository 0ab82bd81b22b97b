"""Requests and answers of the endpoint: bodies, headers, lines in the log, and whether a client is there."""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from asfini import errors
from asfini.local import _wire

_logger = logging.getLogger("asfini.local.endpoint")

MAX_BODY_BYTES = 8 * 1024 * 1024
"""The most bytes of a request: a definition of 1 MB, with each of its characters escaped."""
SECONDS_FOR_BODY = 30.0
"""Real seconds in which a request has to come."""


def make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """Make a request of what aiohttp has read, with a limit of size."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


async def read_body(request: web.BaseRequest) -> bytes:
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


def told(answer: Mapping[str, Any]) -> web.Response:
    """Answer as the API does."""
    return web.Response(body=_wire.encode(answer), headers=_headers())


def plain(answer: Mapping[str, Any]) -> web.Response:
    """Answer what the API does not have."""
    return web.Response(body=_wire.encode(answer), content_type="application/json")


def refused(error: errors.ServiceError) -> web.Response:
    """Answer that it cannot be, and why."""
    refusal = _wire.Refusal.of(error)
    headers = _headers() | {"x-amzn-ErrorType": refusal.code}
    return web.Response(status=refusal.status, body=refusal.body, headers=headers)


def hung_up(request: web.BaseRequest) -> web.Response:
    """Close the connection in place of an answer: what is given back cannot be written any more."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _headers() -> dict[str, str]:
    return {"Content-Type": _wire.CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """What the server library logs, without the bytes that came: they may be anybody's payloads and keys."""

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Log, but of what is no HTTP only that it came."""
        error = options.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self.logger.info("refused what is no HTTP: %s", type(error).__name__)
        else:
            super().log(level, msg, *args, **options)


class CallLine:
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
            what = printable(f"{self._name} {subject}".strip())
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


def printable(text: str) -> str:
    """What others sent, as part of a line."""
    return text[:200] if text.isprintable() else ascii(text[:200])


def is_closed(request: web.BaseRequest) -> bool:
    """Whether nothing can be written any more."""
    return request.transport is None or request.transport.is_closing()


def is_gone(request: web.BaseRequest) -> bool:
    """Whether a client has hung up, also where the loop has not heard of it yet."""
    if is_closed(request):
        return True
    raw = request.get_extra_info("socket")
    try:
        with raw.dup() as peer:
            return bool(peer.recv(1, socket.MSG_PEEK) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
