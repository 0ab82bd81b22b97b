"""Other services of AWS, called as Step Functions calls them: any action, by the names of definitions.

aiobotocore is imported when the first service is called. Importing this module is cheap.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import anyio

from asfini._arns import Account
from asfini.aws import shapes
from asfini.aws.session import AWSSession, Credentials, is_url
from asfini.clock import hold, run_in_thread
from asfini.errors import InvalidArgument

AWS = "aws"
"""What stands for AWS itself where an endpoint is named."""

_CONNECTIONS = 200
_READ_TIMEOUT = 910
"""Seconds. A Lambda function runs for 15 minutes at most, and its caller waits."""

_NAMES = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimev2": "lexv2-runtime",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""botocore's names of the services that definitions call otherwise than by those without hyphens."""

_HEADERS = {
    name.lower(): name
    for name in "Connection Content-Length Content-Type Date Server X-Amz-Executed-Version "
    "X-Amzn-Trace-Id x-amz-crc32 x-amzn-RequestId x-amzn-Remapped-Content-Length".split()
}
"""How headers are written that recordings show; botocore tells them in small letters."""


@dataclass(frozen=True)
class Reply:
    """What a service answered."""

    value: dict[str, Any]
    """The result as tasks get it, without what was said about the call itself."""
    status: int
    headers: dict[str, str]
    request_id: str
    content: bytes = b""
    """What came as a stream, such as S3's objects, as it came."""


class Refusal(Exception):  # noqa: N818 - the task's failure is made of it
    """A service refused.

    Args:
        code: the error's code.
        message: why.
        kind: the name of the exception that the service's model has for it; empty if it has none.
        status: of the HTTP response.
        request_id: the call's id.
        host_id: S3's second id.
    """

    def __init__(
        self, code: str, message: str, kind: str, status: int, request_id: str, host_id: str = ""
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind
        self.status = status
        self.request_id = request_id
        self.host_id = host_id


@dataclass(frozen=True)
class Action:
    """An action of a service."""

    service: str
    """botocore's name of the service."""
    name: str
    """The service's name in errors, such as `DynamoDb`."""
    model: Any
    """botocore's model of the operation."""
    style: shapes.Style

    @property
    def stream(self) -> str:
        """The member of the result that comes as a stream, if any does."""
        shape = self.model.output_shape
        return shape.serialization.get("payload", "") if shape is not None else ""

    def parameters(self, given: Any) -> tuple[Any, list[str]]:
        """Make botocore's parameters of a task's; tells what is wrong with them, too."""
        faults: list[str] = []
        if self.model.input_shape is None:
            return {}, faults
        try:
            return shapes.native(self.model.input_shape, given, faults, self.style), faults
        except RecursionError:
            return {}, ["they are nested too deeply"]

    def result(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Make a task's result of botocore's."""
        shape = self.model.output_shape
        return shapes.told(shape, answer, self.style) if shape is not None else {}


def check_endpoint(endpoint: str) -> None:
    """Look at where services are said to be.

    Raises:
        InvalidArgument: that is no URL, or one of AWS's own.
    """
    if endpoint == AWS:
        return
    if not is_url(endpoint):
        raise InvalidArgument(
            f'aws_endpoint is a URL such as http://127.0.0.1:5000, or "aws", not {endpoint!r}'
        )
    if (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        raise InvalidArgument(f'aws_endpoint={endpoint!r} is AWS itself: say so, aws_endpoint="aws"')


class ServiceCaller:
    """Calls AWS's services at an endpoint. A client per service is made when it is first needed.

    Calls are tried once: what is to be tried again, a definition's Retry says. Emulators get no credentials
    of the user's: the id of the key that requests are signed with is the account's number, which some take
    for the account.

    Args:
        endpoint: the URL of an emulator that answers for all services, or `aws`.
        account: the account and region that are called.
    """

    def __init__(self, endpoint: str, account: Account) -> None:
        self._is_aws = endpoint == AWS
        keys = None if self._is_aws else Credentials(account.account_id, "not-a-secret")
        self._session = AWSSession(
            region=account.region, endpoint_url=None if self._is_aws else endpoint, credentials=keys
        )
        self._actions: dict[tuple[str, str, shapes.Style], Action | None] = {}
        self._clients: dict[str, Any] = {}
        self._making = anyio.Lock()
        self._stack = AsyncExitStack()

    async def find(self, service: str, action: str, style: shapes.Style) -> Action | None:
        """Look an action up.

        Args:
            service: the service as definitions call it, such as `sfn`, or as botocore does.
            action: the action, such as `startExecution`.
            style: how parameters and results are written.

        Returns:
            The action, or `None` if there is no such service or action, or it is a stream of events.
        """
        key = (service, action, style)
        if key not in self._actions:
            with hold():
                self._actions[key] = await run_in_thread(self._find, None, *key)
        return self._actions[key]

    def _find(self, service: str, action: str, style: shapes.Style) -> Action | None:
        name = self._services.get(service)
        if name is None:
            return None
        model = self._model(name)
        found = next((each for each in model.operation_names if each.lower() == action.lower()), None)
        if found is None:
            return None
        operation = model.operation_model(found)
        if operation.has_event_stream_input or operation.has_event_stream_output:
            return None
        java = shapes.service_name(model.metadata["serviceId"])
        return Action(name, java, operation, style)

    @cached_property
    def _services(self) -> dict[str, str]:
        """Botocore's names by those of definitions and, for the few that differ, by botocore's own."""
        names = _loader().list_available_services("service-2")
        plain = {name.replace("-", ""): name for name in names}
        return plain | {name: name for name in names} | _NAMES

    def _model(self, service: str) -> Any:
        import_module("asfini.aws._clients")  # takes a quarter of a second, so not on the loop
        from botocore.model import ServiceModel  # type: ignore[import-untyped]

        self._session.session.register_component("data_loader", _loader())
        _loader().load_service_model(service, "endpoint-rule-set-1")
        return ServiceModel(_loader().load_service_model(service, "service-2"), service)

    async def call(self, action: Action, parameters: Mapping[str, Any]) -> Reply:
        """Call a service. Virtual time runs in real time meanwhile.

        Args:
            action: what is called.
            parameters: botocore's parameters.

        Raises:
            Refusal: the service refused.
            ServiceError: it could not be reached: `ConnectionFailed`, or `CredentialsInvalid`.
            InvalidArgument: botocore refuses the parameters.
        """
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]

        from asfini.aws._errors import translated

        with hold(), translated(endpoint=self._session.endpoint_url):
            client = await self._client(action.service)
            try:
                answer = await _asked(client, action, parameters)
            except ClientError as error:
                raise _refusal(error, action) from None
            return _reply(action, answer)

    async def _client(self, service: str) -> Any:
        if service not in self._clients:
            async with self._making:
                if service not in self._clients:
                    made = self._session.client(service, self._config)
                    self._clients[service] = await self._stack.enter_async_context(made)
        return self._clients[service]

    @cached_property
    def _config(self) -> Any:
        from aiobotocore.config import AioConfig  # type: ignore[import-untyped]

        from asfini.aws._clients import settings

        options: dict[str, Any] = {
            "ignore_configured_endpoint_urls": True,
            "max_pool_connections": _CONNECTIONS,
            "parameter_validation": False,  # as AWS's SDK for Java, which leaves that to the service
            "read_timeout": _READ_TIMEOUT,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
        if not self._is_aws:
            options |= {"inject_host_prefix": False, "s3": {"addressing_style": "path"}}
        return settings(self._session).merge(AioConfig(**options))

    async def aclose(self) -> None:
        """Close the clients and their connections."""
        self._clients.clear()
        with hold():
            await self._stack.aclose()


@cache
def _loader() -> Any:
    """The data files of botocore. Each is read once: tests open many services, and to read one takes long."""
    from botocore.loaders import create_loader  # type: ignore[import-untyped]

    return create_loader()


async def _asked(client: Any, action: Action, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Call botocore, and read what comes as a stream."""
    from botocore import xform_name  # type: ignore[import-untyped]

    method = getattr(client, xform_name(action.model.name))
    answer: dict[str, Any] = await method(**parameters)
    for name, value in answer.items():
        if hasattr(value, "read"):
            async with value as stream:
                answer[name] = await stream.read()
    return answer


def _reply(action: Action, answer: dict[str, Any]) -> Reply:
    about = answer.get("ResponseMetadata", {})
    headers: dict[str, str] = about.get("HTTPHeaders", {})
    return Reply(
        action.result(answer),
        about.get("HTTPStatusCode", 200),
        {_HEADERS.get(name, name): value for name, value in headers.items()},
        about.get("RequestId", ""),
        answer.get(action.stream, b""),
    )


def _refusal(error: Any, action: Action) -> Refusal:
    details = error.response.get("Error", {})
    about = error.response.get("ResponseMetadata", {})
    code = str(details.get("Code") or "")
    model = action.model.service_model
    # Services that once spoke another protocol tell the code of then, and the name beside it.
    shape = model.shape_for_error_code(code) or model.shape_for_error_code(details.get("QueryErrorCode"))
    return Refusal(
        code,
        str(details.get("Message") or ""),
        "" if shape is None else action.style.exception(shape.name),
        about.get("HTTPStatusCode", 0),
        about.get("RequestId", ""),
        about.get("HostId", ""),
    )
