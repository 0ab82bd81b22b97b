"""Who calls, and where to: sfini's `AWSSession`, awaited."""

import ipaddress
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from asfini._arns import Account
from asfini.clock import hold
from asfini.errors import CredentialsInvalid, InvalidArgument

if TYPE_CHECKING:
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

SERVICE = "stepfunctions"
"""botocore's name for Step Functions."""
NO_REGION = "no region is configured"
"""How the error begins that says so."""


@dataclass(frozen=True)
class Credentials:
    """The keys with which requests are signed."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """The session's token, if the keys are temporary."""


class AWSSession:
    """Credentials, region and endpoint of all that goes to AWS.

    Making one reads nothing: what is not given is looked up when it is first needed, as boto3 does it, in the
    environment, the user's configuration files and the machine's own role.

    Args:
        session: an aiobotocore session, which is left unchanged; by default one is made.
        profile: a profile in the user's configuration files.
        region: AWS's name of a region.
        endpoint_url: where requests go instead of AWS: an emulator, which answers for every service. An
            endpoint of AWS's own, such as one in a VPC, gets the requests for Step Functions only.
        credentials: keys to sign with.
        account_id: the account's twelve digits; by default AWS's Security Token Service is asked for them.
        config: an `aiobotocore.config.AioConfig` for all clients: proxies, time-outs and so on.

    Raises:
        InvalidArgument: the session is of another kind or has its own profile, or the endpoint is no URL.
    """

    def __init__(
        self,
        session: "AioSession | None" = None,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        credentials: Credentials | None = None,
        account_id: str | None = None,
        config: Any = None,
    ) -> None:
        if session is not None:
            self.session = _check_session(session, profile)
        self.endpoint_url = _check_url(endpoint_url)
        """Where requests go instead of AWS, if that was given here."""
        self.config = config
        """Settings for all clients, if some were given here."""
        self._profile = profile
        self._region = region
        self._credentials = credentials
        self._account_id = account_id
        self._asking = anyio.Lock()

    def __repr__(self) -> str:
        given = {"profile": self._profile, "region": self._region, "endpoint_url": self.endpoint_url}
        return f"AWSSession({', '.join(f'{name}={value!r}' for name, value in given.items() if value)})"

    @cached_property
    def session(self) -> "AioSession":
        """The aiobotocore session."""
        from aiobotocore.session import AioSession

        return AioSession(profile=self._profile)

    @property
    def region(self) -> str:
        """The region.

        Raises:
            InvalidArgument: none is configured, or the configuration cannot be read.
        """
        from asfini.aws._errors import translated

        with translated():
            region = self._region or self.session.get_config_variable("region")
        if not region:
            ways = "pass region=…, set AWS_DEFAULT_REGION, or write it into the profile"
            raise InvalidArgument(f"{NO_REGION}: {ways}")
        return str(region)

    @property
    def partition(self) -> str:
        """The part of AWS that the region lies in: `aws`, `aws-cn`, `aws-us-gov` and so on."""
        from botocore.exceptions import UnknownRegionError  # type: ignore[import-untyped]

        try:
            return str(self.session.get_partition_for_region(self.region))
        except UnknownRegionError:  # an emulator's own
            return "aws"

    async def credentials(self) -> Credentials:
        """The keys as they are now: those of a role are renewed before they expire.

        Raises:
            CredentialsInvalid: there are none, or they cannot be had.
        """
        from asfini.aws._errors import translated

        if self._credentials is not None:
            return self._credentials
        with hold(), translated():
            found = await self.session.get_credentials()
            keys = found and await found.get_frozen_credentials()
        if keys is None:
            raise CredentialsInvalid("no credentials are configured")
        return Credentials(keys.access_key, keys.secret_key, keys.token)

    async def account_id(self) -> str:
        """The account's twelve digits. The Security Token Service is asked once, however many ask here.

        Raises:
            ServiceError: it cannot be asked, or refuses.
        """
        if self._account_id is None:
            async with self._asking:
                if self._account_id is None:
                    self._account_id = await self._ask_account_id()
        return self._account_id

    async def account(self) -> Account:
        """Partition, region and account.

        Raises:
            ServiceError: the account cannot be found out.
        """
        return Account(self.partition, self.region, await self.account_id())

    async def _ask_account_id(self) -> str:
        from asfini.aws._clients import settings
        from asfini.aws._errors import translated

        with hold(), translated("get_caller_identity", self.endpoint_url):
            async with self.client("sts", settings(self)) as sts:
                return str((await sts.get_caller_identity())["Account"])

    @asynccontextmanager
    async def client(self, service: str, config: Any = None) -> AsyncIterator[Any]:
        """Open an aiobotocore client of any service: `async with session.client("sqs") as sqs`.

        Args:
            service: botocore's name of it.
            config: an `aiobotocore.config.AioConfig` in place of the session's.

        Raises:
            InvalidArgument: the endpoint that is configured is no URL.
        """
        keys = self._credentials
        elsewhere = service != SERVICE and self.is_aws(self.endpoint_url or "")
        made = self.session.create_client(
            service,
            region_name=self.region,
            endpoint_url=None if elsewhere else self.endpoint_url,
            aws_access_key_id=keys and keys.access_key,
            aws_secret_access_key=keys and keys.secret_key,
            aws_session_token=keys and keys.token,
            config=self.config if config is None else config,
        )
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(made)
            except ValueError as error:
                raise InvalidArgument(f"no client of {service} can be made: {error}") from error
            yield client

    def is_aws(self, url: str) -> bool:
        """Whether an endpoint is AWS's own, by the domains of all partitions that botocore knows.

        Args:
            url: the endpoint's URL.
        """
        partitions = self.session.get_component("data_loader").load_data("partitions")["partitions"]
        outputs = [partition["outputs"] for partition in partitions]
        domains = {output[key] for output in outputs for key in ("dnsSuffix", "dualStackDnsSuffix")}
        host = urlsplit(url).hostname or ""
        return any(host.endswith(f".{domain}") for domain in domains)


async def for_this_machine(session: AWSSession) -> AWSSession:
    """Make up a region and keys where none are configured, if requests stay on this machine.

    Emulators need some, but look at neither. What is configured is used, also where it turns out to be wrong.

    Args:
        session: a session; only the endpoint that was given to it counts.
    """
    from asfini.aws._errors import translated

    if not is_loopback(session.endpoint_url):
        return session
    made = copy(session)
    with hold(), translated():
        made._region = session._region or session.session.get_config_variable("region") or "us-east-1"
        if session._credentials is None and await session.session.get_credentials() is None:
            made._credentials = Credentials("local", "local")
    return made


def as_session(session: "AWSSession | AioSession | None", **options: Any) -> AWSSession:
    """Make an `AWSSession` of whatever stands for one.

    Raises:
        InvalidArgument: it is neither of the two, or an `AWSSession` and options for another one are given.
    """
    if not isinstance(session, AWSSession):
        return AWSSession(session, **options)
    if given := [f"{name}={value!r}" for name, value in options.items() if value is not None]:
        raise InvalidArgument(f"the AWSSession decides alone: {', '.join(given)} cannot be given beside it")
    return session


def _check_session(session: Any, profile: str | None) -> Any:
    module = sys.modules.get("aiobotocore.session")  # whoever has such a session has imported it
    if module is None or not isinstance(session, module.AioSession):
        kind = f"{type(session).__module__}.{type(session).__qualname__}"
        raise InvalidArgument(f"session must be an aiobotocore.session.AioSession, not a {kind}")
    if profile is not None:
        raise InvalidArgument(f"profile={profile!r} cannot be given beside a session, which has its own")
    return session


def _check_url(url: str | None) -> str | None:
    if url and not is_url(url):
        raise InvalidArgument(f"endpoint_url must be like http://localhost:8083, not {url!r}")
    return url


def is_loopback(url: str | None) -> bool:
    """Whether a URL is one of this machine's own, which no request leaves."""
    if not (url and is_url(url)):
        return False
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_url(text: str) -> bool:
    """Whether a text is the URL of a server."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is none
        return False
