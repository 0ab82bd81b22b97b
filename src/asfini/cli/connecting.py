"""How commands reach Step Functions: where the command line, an ARN or the app says."""

import os
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from asfini import _arns
from asfini.cli import progress
from asfini.cli.app import App
from asfini.client import Client
from asfini.errors import InvalidArgument
from asfini.service import ServiceWrapper


def use_region_of(arn: _arns.Arn, args: Namespace, app: App) -> None:
    """Ask in the region that an ARN names, unless the command line says where."""
    if app.connect is None and args.region is None and args.endpoint_url is None:
        args.region = arn.account.split(":")[3]


def execution_arn(args: Namespace, app: App) -> _arns.Arn:
    """The ARN of the execution that a command is about, which is asked for in its region.

    Raises:
        InvalidArgument: it is none of an execution, or of one that has no history.
    """
    arn = _arns.Arn.parse(args.arn)
    if arn.kind == "stateMachine":
        listing = f"`executions --machine {args.arn}` lists them with --json"
        raise InvalidArgument(f"an execution's ARN is needed, not its machine's; {listing}")
    if arn.kind == "express":
        raise InvalidArgument(
            f"executions of EXPRESS machines have no history but in their logs: {args.arn!r}"
        )
    if arn.kind != "execution" or len(arn.parts) < 2:
        raise InvalidArgument(f"an execution's ARN is needed, not {args.arn!r}")
    use_region_of(arn, args, app)
    return arn


class _Counted(ServiceWrapper):
    """A service whose calls are counted for whoever waits."""

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        progress.count()
        return await super().call(operation, **parameters)


@asynccontextmanager
async def connected(args: Namespace, app: App) -> AsyncIterator[Client]:
    """Reach Step Functions as the command line says."""
    async with _connection(args, app) as client:
        if progress.active():
            client.service = _Counted(client.service)
        yield client


def _connection(args: Namespace, app: App) -> AbstractAsyncContextManager[Client]:
    options = {"region": args.region, "profile": args.profile, "endpoint_url": args.endpoint_url}
    given = {name: value for name, value in options.items() if value is not None}
    if args.local:
        from asfini import local

        return local.connect(handlers=app.handlers, **given)
    return _aws(given) if app.connect is None else app.connect(**given)


@asynccontextmanager
async def _aws(given: dict[str, Any]) -> AsyncIterator[Client]:
    """AWS, or what stands in for it; on this machine without region and keys where none are configured."""
    from asfini import aws
    from asfini.aws.session import for_this_machine

    async with aws.connect(await for_this_machine(aws.AWSSession(**{**_endpoint_here(), **given}))) as client:
        yield client


def _endpoint_here() -> dict[str, str]:
    """The endpoint on this machine that the environment names, unless it tells services apart."""
    from asfini.aws.session import is_loopback

    special = {"AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL_STS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    return {} if special & os.environ.keys() or not is_loopback(url) else {"endpoint_url": url}
