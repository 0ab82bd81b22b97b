"""Tasks that no handler does: by this service itself, by services at an endpoint, or by HTTP."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from asfini import _json
from asfini._arns import Account
from asfini.aws.integrations import check_endpoint
from asfini.errors import InvalidArgument, ServiceError
from asfini.local.datasets import HandlerStore, Store
from asfini.local.failures import Failure, Unsuitable
from asfini.local.handlers import OF_THE_WEB, Handlers, Target
from asfini.local.objects import ServiceStore

if TYPE_CHECKING:
    from asfini.local.elsewhere import ServiceDoor

_logger = logging.getLogger(__name__)

Call = Callable[..., Awaitable[dict[str, Any]]]
"""Calls an operation of this service: `call("start_execution", stateMachineArn=…)`."""
Work = Callable[[], Awaitable[Any]]
"""Does a task; gives its result, or raises `Failure`."""


class Exchanges(Protocol):
    """Takes note of an HTTP task's request and response."""

    reveals_secrets: bool
    """Whether what a connection adds to requests may be told."""

    def requested(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> None:
        """Note a request."""

    def responded(self, told: Mapping[str, Any]) -> None:
        """Note a response, as the task's result tells it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A task that something is to do."""

    target: Target
    given: Any
    """Its parameters."""
    execution_arn: str
    machine_arn: str
    submitted: Callable[[Any], None]
    """To be told the first answer of a job that is then waited for."""
    exchanges: Exchanges | None = None
    """To be told requests and responses of HTTP tasks, if anything wants to know them."""


class Door(Protocol):
    """Has tasks done by something else than handlers."""

    outside: bool
    """Whether that is outside of this process, where tokens can end up in anybody's hands."""

    async def prepare(self, order: Order) -> Work:
        """Get ready to do a task.

        Raises:
            Unsuitable: its parameters cannot be used.
        """
        ...

    async def aclose(self) -> None:
        """Close what was opened."""


class Integrations:
    """Who does which task.

    Args:
        own: does what tasks ask of Step Functions itself.
        services: does what they ask of other services, if anything may.
        web: makes HTTP requests, if they are allowed.
    """

    def __init__(self, own: Door, services: "ServiceDoor | None", web: Door | None) -> None:
        self._own = own
        self._services = services
        self._web = web

    def find(self, target: Target) -> Door | None:
        """What does a task that no handler does, if anything."""
        if target.name.startswith("aws-sdk:sfn:"):
            return self._own
        return self._web if target.name in OF_THE_WEB else self._services

    def store(self, handlers: Handlers) -> Store:
        """Where distributed maps find their objects."""
        return HandlerStore(handlers) if self._services is None else ServiceStore(handlers, self._services)

    async def aclose(self) -> None:
        """Close all doors."""
        for door in (self._services, self._web):
            if door is not None:
                await door.aclose()


def check_door(endpoint: Any, http: Any) -> tuple[str | None, bool]:
    """Look at what says where tasks may be done.

    Raises:
        InvalidArgument: it makes no sense.
    """
    if not (endpoint is None or isinstance(endpoint, str)):
        raise InvalidArgument(f'aws_endpoint is a URL or "aws", not {endpoint!r}')
    if endpoint is not None:
        check_endpoint(endpoint)
    if not isinstance(http, bool):
        raise InvalidArgument(f"http is True or False, not {http!r}")
    return endpoint, http


def opened(
    endpoint: str | None, *, http: bool, account: Account, call: Call, request_id: Callable[[], str]
) -> Integrations:
    """Open what may be used.

    Args:
        endpoint: where other services are; nowhere by default.
        http: whether HTTP requests may be made.
        account: the account that services are called in.
        call: calls an operation of this service.
        request_id: gives a new request's id.
    """
    services, web = None, None
    if endpoint is not None:
        from asfini.local.elsewhere import ServiceDoor

        services = ServiceDoor(endpoint, account)
        if endpoint == "aws":
            _logger.warning("tasks of other services are done by AWS itself, in %s", account.region)
    if http:
        from asfini.local.web import WebDoor

        web = WebDoor(account.region, services)
    return Integrations(OwnDoor(call, request_id), services, web)


def metadata(headers: dict[str, str], status: int, request_id: str) -> dict[str, Any]:
    """What results of optimized integrations tell of the call."""
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def refused(given: Any, faults: list[str]) -> Unsuitable:
    """The refusal of a task's parameters, in AWS's words."""
    return Unsuitable(
        f"The Parameters '{_json.dumps(given)}' could not be used to start the Task: [{', '.join(faults)}]"
    )


class OwnDoor:
    """Does `aws-sdk:sfn:…`: calls this service, where the machines are.

    Args:
        call: calls an operation.
        request_id: gives a new request's id.
    """

    outside = False

    def __init__(self, call: Call, request_id: Callable[[], str]) -> None:
        self._call = call
        self._request_id = request_id

    async def prepare(self, order: Order) -> Work:
        """Get ready to do a task; what its parameters lack shows when it is called."""
        operation = re.sub("(?<!^)(?=[A-Z])", "_", order.target.name.rpartition(":")[2]).lower()
        given = order.given if isinstance(order.given, dict) else {}

        async def call() -> Any:
            try:
                return _renamed(await self._call(operation, **_parameters(given)), _upper)
            except ServiceError as error:
                raise self._failure(error) from None
            except InvalidArgument as error:
                raise Failure("States.Runtime", str(error)) from None

        return call

    async def aclose(self) -> None:
        """Nothing was opened."""

    def _failure(self, error: ServiceError) -> Failure:
        name = error.code.removesuffix("Exception")
        about = f"Service: Sfn, Status Code: 400, Request ID: {self._request_id()}"
        return Failure(f"Sfn.{name}Exception", f"{error.message} ({about}) (SDK Attempt Count: 1)")


_TEXTS = frozenset({"Cause", "Definition", "Input", "Output"})
"""Parameters that are texts of JSON, and may be given as JSON."""


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    return {
        _lower(name): _json.dumps(value)
        if name in _TEXTS and not isinstance(value, str)
        else _renamed(value, _lower)
        for name, value in given.items()
    }


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    """Rename all members, and tell dates as text."""
    if isinstance(value, dict):
        return {rename(name): _renamed(item, rename) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, rename) for item in value]
    return _instant(value) if isinstance(value, datetime) else value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _instant(date: datetime) -> str:
    spec = "milliseconds" if date.microsecond else "seconds"
    return date.isoformat(timespec=spec).replace("+00:00", "Z")
