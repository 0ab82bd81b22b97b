"""Step Functions in this process: no account, no container, no polling, one event loop."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asfini import _lazy

if TYPE_CHECKING:
    from os import PathLike

    from asfini._arns import Account
    from asfini.client import Client
    from asfini.local.endpoint import Endpoint as Endpoint, serve as serve
    from asfini.local.faults import Faults
    from asfini.local.handlers import Handler
    from asfini.local.quotas import Quotas
    from asfini.local.service import LocalService as LocalService
    from asfini.service import Service


@asynccontextmanager
async def connect(
    *,
    handlers: "Mapping[Any, Handler] | None" = None,
    mock_config: "str | PathLike[str] | Mapping[str, Any] | None" = None,
    aws_endpoint: str | None = None,
    http: bool = False,
    region: str = "us-east-1",
    account_id: str = "123456789012",
    poll_seconds: float | None = None,
    seed: int | None = None,
    faults: "Faults | None" = None,
    quotas: "Quotas | None" = None,
) -> "AsyncIterator[Client]":
    """Open a service in this process, with a client; what still runs in it at the end is dropped.

    Args:
        handlers: what stands in for resources: a function for each `Lambda`, ARN or short service name (such
            as `"sqs:sendMessage"`). It gets the task's input and gives its output; it may be `async`.
        mock_config: test cases with mocked results, for executions started with `stateMachineArn#TestCase`:
            the path of a file in the format of Step Functions Local's MockConfigFile.json, or its content.
        aws_endpoint: where the tasks of other services that no handler does are done: the URL of an emulator
            that answers for all of AWS, such as moto's server, or `aws`: AWS itself, with your credentials.
            By default they fail: nothing leaves the process.
        http: whether HTTP tasks and calls of API Gateway that no handler does may leave the process.
        region: the region that it plays.
        account_id: the account that it plays.
        poll_seconds: how long a poll waits for a task; by default until there is one (AWS: 60 seconds).
        seed: what random choices (jitter, faults) follow from, so that runs can be repeated.
        faults: what goes wrong with the client's calls, by operation; see `asfini.testing.Fault`.
        quotas: how often the client may call, by operation, or `"aws"` for AWS's own quotas; see
            `asfini.testing.ThrottledService`. By default there is no limit.

    Raises:
        InvalidArgument: one of these makes no sense.
    """
    from asfini.client import Client
    from asfini.local.service import LocalService

    account = _account(region, account_id)
    async with LocalService(
        handlers=handlers,
        mock_config=mock_config,
        aws_endpoint=aws_endpoint,
        http=http,
        account=account,
        poll_seconds=poll_seconds,
        seed=seed,
    ) as service:
        yield Client(_disturbed(service, faults, quotas, seed))


def _disturbed(
    service: "Service", faults: "Faults | None", quotas: "Quotas | None", seed: int | None
) -> "Service":
    """Put in front of a service what is to go wrong with it: calls are throttled last, where they arrive."""
    if quotas is not None:
        from asfini.local.quotas import ThrottledService

        service = ThrottledService(service, quotas)
    if faults is not None:
        from asfini.local.faults import FaultyService

        service = FaultyService(service, faults, seed=seed)
    return service


def _account(region: str, account_id: str) -> "Account":
    from asfini._arns import Account
    from asfini.errors import InvalidArgument

    if not isinstance(region, str) or not region:
        raise InvalidArgument(f"region is AWS's name of one, such as 'us-east-1', not {region!r}")
    if not (isinstance(account_id, str) and len(account_id) == 12 and account_id.isdecimal()):
        raise InvalidArgument(f"account_id is a text of 12 digits, not {account_id!r}")
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rsplit("-", 2)[0], "aws")
    return Account(partition, region, account_id)


__getattr__, __dir__ = _lazy.attributes(__name__, {"endpoint": "Endpoint serve", "service": "LocalService"})

__all__ = ["Endpoint", "LocalService", "connect", "serve"]
