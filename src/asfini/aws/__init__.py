"""Step Functions at AWS, or wherever else its API is answered over HTTP.

aiobotocore is imported only when something connects.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asfini.aws.service import MAX_POLLS, AwsService
from asfini.aws.session import AWSSession, Credentials, as_session

if TYPE_CHECKING:
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    from asfini.client import Client

__all__ = ["AWSSession", "AwsService", "Credentials", "connect"]


@asynccontextmanager
async def connect(
    session: "AWSSession | AioSession | None" = None,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    role: str | None = None,
    max_polls: int = MAX_POLLS,
    max_attempts: int | None = None,
    thin: bool = True,
    quota_share: float | None = None,
    config: Any = None,
) -> "AsyncIterator[Client]":
    """Open a client of Step Functions at AWS. It may be left by another task than the one that entered.

    What is not given is looked up as boto3 does it: in the environment, the user's configuration files and
    the machine's own role. Connecting itself sends nothing. Calls that are still open at the end fail.

    Args:
        session: an `AWSSession`, or an aiobotocore session; by default one is made.
        profile: a profile in the user's configuration files.
        region: AWS's name of a region.
        endpoint_url: where requests go instead of AWS, as in `AWSSession`.
        role: the role of new machines that name none, an ARN or a name.
        max_polls: how many polls may be open at once, as in `AwsService`.
        max_attempts: how often a call is tried, at most, as in `AwsService`.
        thin: whether hot calls skip what botocore does anew for each request, as in `AwsService`.
        quota_share: the part of AWS's quotas that waiting may use, as in `AwsService`.
        config: an `aiobotocore.config.AioConfig`: proxies, time-outs and so on.

    Raises:
        InvalidArgument: no region is configured, or the configuration makes no sense.
    """
    from asfini.client import Client

    given = as_session(session, profile=profile, region=region, endpoint_url=endpoint_url, config=config)
    async with AwsService(
        given, max_polls=max_polls, max_attempts=max_attempts, thin=thin, quota_share=quota_share
    ) as service:
        yield Client(service, role=role)
