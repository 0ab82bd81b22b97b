"""Step Functions in this process: the service's operations over dictionaries, on the running loop."""

import asyncio
import math
from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from random import Random
from typing import Any, Self

import anyio

from asfini import _checks, errors
from asfini._arns import Account
from asfini._mocks import Mock
from asfini.local._operations import Operation, operations_of
from asfini.local.activities import Activities
from asfini.local.aliases import Aliases
from asfini.local.dates import Dates
from asfini.local.definitions import Definitions
from asfini.local.executions import Executions
from asfini.local.handlers import Handler, Handlers, StandIn
from asfini.local.integrations import Integrations, check_door, opened
from asfini.local.machines import Machines
from asfini.local.map_runs import MapRuns
from asfini.local.mock_config import MockConfig
from asfini.local.mocks import Mocks
from asfini.local.registry import Registry
from asfini.local.run import identifier
from asfini.local.runner import Runner
from asfini.local.tags import Tags
from asfini.local.versions import Versions
from asfini.local.work import Workshop
from asfini.service import Service

DEFAULT_ACCOUNT = Account("aws", "us-east-1", "123456789012")


class LocalService(Service):
    """Step Functions in this process. Enter it with `async with`: executions run until it is left.

    Args:
        handlers: what stands in for resources: a function for each `Lambda`, ARN or short service name (such
            as `"sqs:sendMessage"`). It gets the task's input and gives its output; it may be `async`.
            A plain function runs on the loop, so it must not block.
        stand_in: asked before all handlers what a task gives; see `asfini.local.handlers`.
        mock_config: test cases with mocked results, for executions started with `stateMachineArn#TestCase`:
            the path of a file in the format of Step Functions Local's MockConfigFile.json, or its content.
        aws_endpoint: where the tasks of other services that no handler does are done: the URL of an emulator
            that answers for all of AWS, such as moto's server, or `aws`: AWS itself, with your credentials.
            By default they fail: nothing leaves the process.
        http: whether HTTP tasks and calls of API Gateway that no handler does may leave the process.
        account: the account that it plays.
        poll_seconds: how long `get_activity_task` waits for a task; AWS waits for 60 seconds. By default it
            waits until there is one, so that no clock has to stop on the way for an open poll.
        seed: what jitter, intrinsic functions' random values, ids and tokens follow from, so that runs can be
            repeated.
        start_date: the date at which it starts; by default the real one.
    """

    ignores_roles = True
    tells_changes = True
    quota_share = math.inf

    def __init__(
        self,
        *,
        handlers: Mapping[Any, Handler] | None = None,
        stand_in: StandIn | None = None,
        mock_config: str | PathLike[str] | Mapping[str, Any] | None = None,
        aws_endpoint: str | None = None,
        http: bool = False,
        account: Account = DEFAULT_ACCOUNT,
        poll_seconds: float | None = None,
        seed: int | None = None,
        start_date: datetime | None = None,
    ) -> None:
        _checks.seconds(poll_seconds=poll_seconds)
        if not (handlers is None or isinstance(handlers, Mapping)):
            raise errors.InvalidArgument(f"handlers is functions by resource, not {handlers!r}")
        if not (seed is None or isinstance(seed, int)):
            raise errors.InvalidArgument(f"seed is a whole number, not {seed!r}")
        self._account = account
        self._door = check_door(aws_endpoint, http)
        self._integrations: Integrations
        self._handlers = Handlers(handlers or {}, account, stand_in)
        self._mocks = Mocks(account)
        self._handlers.mocked = self._mocks.find
        self._mock_config = None if mock_config is None else MockConfig(mock_config)
        self._poll_seconds = poll_seconds
        self._seed = seed
        self._start_date = start_date
        self._operations: dict[str, Operation] = {}
        self._activities: Activities
        self._runner: Runner
        self._dates: Dates

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._operations = {}
        self._activities.close()
        if tasks := self._runner.close():
            with anyio.CancelScope(shield=True):
                await asyncio.wait(tasks)
        with anyio.CancelScope(shield=True):
            await self._integrations.aclose()

    def _open(self) -> None:
        prefix = self._account.fill_in("arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:")
        dates = Dates(self._start_date)
        random = Random(self._seed)  # noqa: S311 - what is drawn is no secret
        self._dates = dates
        activities = Activities(f"{prefix}activity:", dates, self._poll_seconds, random)
        registry = Registry(random)
        machines = Machines(f"{prefix}stateMachine:", dates, registry, random)
        map_runs = MapRuns()
        runner = Runner(dates, registry.start, self._mock_config)
        endpoint, http = self._door
        self._integrations = opened(
            endpoint, http=http, account=self._account, call=self.call, request_id=lambda: identifier(random)
        )
        runner.workshop = Workshop(
            self._account,
            activities.records,
            activities.tokens,
            self._handlers,
            self._integrations,
            runner.start_as_task,
            runner.start_child,
            runner.redrive,
            map_runs,
            random,
        )
        self._activities, self._runner = activities, runner
        self._operations = operations_of(
            activities,
            machines,
            Versions(registry, dates),
            Aliases(registry, dates),
            Tags(activities.records, registry),
            Executions(registry, runner),
            map_runs,
            Definitions(self._account, dates, runner.workshop),
        )

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Answer an operation as AWS does.

        Raises:
            ServiceError: as AWS would refuse.
            InvalidArgument: there is no such operation, a parameter is missing, unknown or of the wrong type,
                or the service is not open.
        """
        self._check_open(f"cannot call {operation!r}")
        answer = self._operations.get(operation)
        if answer is None:
            raise errors.InvalidArgument(
                f"cannot call {operation!r}: the local service has no such operation"
            )
        try:
            return await answer(**parameters)
        except errors.ServiceError as error:
            raise type(error)(error.message, operation=operation, code=error.code) from None

    @property
    def open_tokens(self) -> list[str]:
        """The tokens of all tasks that are open, the oldest first."""
        return self._activities.tokens.open

    def mock(self, thing: object, **options: Any) -> Mock:
        """Mock tasks: see `Client.mock`."""
        return self._mocks.add(thing, **options)

    def now(self) -> datetime:
        """The date, as its clock tells it."""
        return self._dates.now()

    def tokens_left(self, text: str) -> None:
        """Note that somebody outside reads a text: they have the open tasks whose tokens are in it."""
        self._activities.tokens.go_out(text)

    async def account(self) -> Account:
        """The account that it plays."""
        return self._account

    async def changed(self, execution_arn: str, timeout: float, events_seen: int | None = None) -> None:
        """Wait for an execution's end, or for its next event, however long that takes."""
        self._check_open("cannot wait")
        run = self._runner.find(execution_arn)
        await (run.ended() if events_seen is None else run.more(events_seen))

    async def end_polls(self, worker_name: str) -> None:
        """Answer a worker's open polls now, as ones that found no task."""
        if self._operations:
            self._activities.end_polls(worker_name)

    def _check_open(self, what: str) -> None:
        if not self._operations:
            raise errors.ServiceClosed(f"{what}: the local service is closed")
