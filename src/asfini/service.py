"""The seam: whatever answers Step Functions' API.

`AwsService` asks AWS, `LocalService` answers in this process; `Client`, `Execution` and `Worker` cannot tell
which. Something that watches or disturbs calls (a recorder, a fault injector) is a `ServiceWrapper` of a few
lines.
"""

from abc import ABC, abstractmethod
from typing import Any

import anyio

from asfini._arns import Account
from asfini.errors import InvalidArgument


class Service(ABC):
    """Step Functions as it answers."""

    cancellable_polls: bool = False
    """Whether a cancelled `get_activity_task` surely takes no task with it.

    Over a network a task may be on its way to a caller that has gone: open polls must be let end. So must
    those of a wrapper that awaits anything between a poll's answer and handing it on.
    """

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


class ServiceWrapper(Service):
    """A service that hands everything on to another: override `call` to watch or change what passes.

    Args:
        inner: the service that answers.
    """

    def __init__(self, inner: Service) -> None:
        if not isinstance(inner, Service):
            raise InvalidArgument(f"inner is a Service, not {inner!r}")
        self.inner = inner
        self.cancellable_polls = inner.cancellable_polls

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on."""
        return await self.inner.call(operation, **parameters)

    async def account(self) -> Account:
        """The inner service's account."""
        return await self.inner.account()

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None = None) -> None:
        """Wait as the inner service does."""
        await self.inner.changed(execution_arn, timeout, events_seen)
