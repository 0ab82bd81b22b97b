"""Heartbeats for a loop that may be another thread's: they go over connections of that loop.

What is unusual (a proxy, a redirect, any refusal but those that say that the task is closed) is done by the
service itself, on its own loop.
"""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from asfini._arns import Account
from asfini.aws._errors import refusal
from asfini.aws._http import Pool
from asfini.aws._thin import Line, Refused, Route, Unusual
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
        self._line: Line | None = None

    async def __aenter__(self) -> Self:
        self._line = Line(Pool(CONNECTIONS))
        await self._ask_route()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        if self._line is not None:
            self._line.close()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation; all but heartbeats on the service's own loop.

        Raises:
            ServiceError: the service refused, or there was no answer.
        """
        if operation == OPERATION:
            self._renew()
            if self._line is not None and self._route is not None and parameters.keys() == {"taskToken"}:
                try:
                    return await _send(self._line, self._route, parameters)
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


async def _send(line: Line, route: Route, parameters: dict[str, Any]) -> dict[str, Any]:
    """Send a heartbeat.

    Raises:
        Exception: one of `_ODD`: the service is to send it.
        TaskTimedOut: the task is closed.
        TaskDoesNotExist: the same.
    """
    try:
        return await line.call(route, parameters)
    except Refused as refused:
        error = refusal(refused.response, OPERATION, str(route.plan.url))
        if isinstance(error, (TaskTimedOut, TaskDoesNotExist)):
            raise error from None
        raise
