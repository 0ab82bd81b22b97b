"""The seam: whatever answers Step Functions' API.

`AwsService` asks AWS, `LocalService` answers in this process; `Client`, `Execution` and `Worker` cannot tell
which. Something that watches or disturbs calls (a recorder, a fault injector) is a `ServiceWrapper` of a few
lines.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio

from asfini import _json
from asfini._arns import Account
from asfini._mocks import Mock
from asfini.errors import InvalidArgument


class Service(ABC):
    """Step Functions as it answers."""

    ignores_roles: bool = False
    """Whether machines run without a role, so that another one is no change."""
    tells_changes: bool = False
    """Whether `changed` returns as soon as there is something new, so that nobody asks from time to time."""
    quota_share: float = 0.8
    """The part of AWS's quotas that waiting may use; infinite where there are none."""

    max_payload: int = _json.MAX_PAYLOAD_BYTES
    """The most bytes of an input or output."""

    @abstractmethod
    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation of the API.

        Args:
            operation: its name in snake case, as boto3's method: `start_execution`.
            parameters: its parameters by the API's own names: `stateMachineArn=…`.

        Returns:
            The response, by the API's own names.

        Raises:
            ServiceError: the service refused, or could not be reached.
        """

    @abstractmethod
    async def account(self) -> Account:
        """Where calls go: partition, region and account."""

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None = None) -> None:
        """Return when another look at an execution may be worth it.

        Args:
            execution_arn: the execution.
            timeout: seconds after which to return at the latest, unless waking comes by itself.
            events_seen: how many of its events are known, where the next one is worth a look, too; otherwise
                only its end is.
        """
        await anyio.sleep(timeout)

    async def end_polls(self, worker_name: str) -> None:  # noqa: B027 - doing nothing is right for most
        """Answer a worker's open polls now, as ones that found no task, where that can be: the worker stops.

        It never cancels them, for a poll that is cancelled may take a task with it. A service that cannot end
        them, such as AWS, does nothing: they end when their time is up.

        Args:
            worker_name: whose polls.
        """

    def beside(self) -> "AbstractAsyncContextManager[Service] | None":
        """Give this service for heartbeats, to be used by any one loop, also another thread's.

        A worker sends heartbeats there that its own loop is late with, for a function blocks it.

        Returns:
            `None`, where the service lives in its own loop alone.
        """
        return None

    def mock(self, thing: object, **options: Any) -> Mock:
        """Mock tasks, where that can be: see `Client.mock`.

        Args:
            thing: what is mocked.
            options: as `Client.mock` takes them.

        Raises:
            InvalidArgument: this service has its tasks really done.
        """
        raise InvalidArgument("only the local service has mocks: this one has its tasks really done")


class ServiceWrapper(Service):
    """A service that hands everything on to another: override `call` to watch or change what passes.

    Args:
        inner: the service that answers.

    Raises:
        InvalidArgument: that is no service.
    """

    def __init__(self, inner: Service) -> None:
        if not isinstance(inner, Service):
            raise InvalidArgument(f"inner is a Service, not {inner!r}")
        self.inner = inner
        self.ignores_roles = inner.ignores_roles
        self.max_payload = inner.max_payload
        self.tells_changes = inner.tells_changes
        self.quota_share = inner.quota_share

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on."""
        return await self.inner.call(operation, **parameters)

    async def account(self) -> Account:
        """The inner service's account."""
        return await self.inner.account()

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None = None) -> None:
        """Wait as the inner service does."""
        await self.inner.changed(execution_arn, timeout, events_seen)

    async def end_polls(self, worker_name: str) -> None:
        """End them where they are open."""
        await self.inner.end_polls(worker_name)

    def beside(self) -> AbstractAsyncContextManager[Service] | None:
        """A shallow copy of this wrapper around what the inner service is beside itself.

        What the copy's `call` touches is touched by two threads: where that will not do, override this.
        """
        opening = self.inner.beside()
        return None if opening is None else self._around(opening)

    @asynccontextmanager
    async def _around(self, opening: AbstractAsyncContextManager[Service]) -> AsyncIterator[Service]:
        async with opening as inner:
            other = copy.copy(self)
            other.inner = inner
            yield other

    def mock(self, thing: object, **options: Any) -> Mock:
        """Mock tasks of the inner service."""
        return self.inner.mock(thing, **options)
