"""The client: registers machines and activities, starts executions, finds what is there."""

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from asfini import _checks, _json
from asfini._arns import MAX_NAME_LENGTH, Account, Arn, arn_of, check_name, has_pseudo_parameters
from asfini._registration import Registration
from asfini.activity import Activity, ActivityRegistration
from asfini.errors import DoesNotExist, ExecutionAlreadyExists, InvalidArgument
from asfini.execution import Execution, reader
from asfini.machine import StateMachine
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.tokens import TaskHandle

T = TypeVar("T")
Registrable = StateMachine | Activity | ActivityRegistration
Machine = StateMachine | str
"""A machine, or its name or ARN: of the machine itself, of a version or of an alias."""

ENTRIES_PER_PAGE = 1000
"""The most that the API's lists give at a time."""
_EMPTY: Any = {}


class Client:
    """Step Functions as a program sees it, whether AWS or this process answers.

    Made by `asfini.aws.connect()` and `asfini.local.connect()`, or by hand around any service.

    Machines that were deployed by others are asked for by name or ARN, also a version's or an alias's.

    Args:
        service: what answers.
        role: the role of new machines that name none, an ARN or a name.
    """

    def __init__(self, service: Service, *, role: str | None = None) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        _checks.names(role=role)
        self.service = service
        self.role = role

    async def account(self) -> Account:
        """Where the client's calls go: partition, region and account."""
        return await self.service.account()

    # What is there

    async def register(
        self, *things: Registrable, allow_update: bool = False, role: str | None = None, publish: bool = False
    ) -> None:
        """Make activities and machines known to the service. Nothing is sent where nothing has changed.

        Args:
            things: machines, activities and groups of activities.
            allow_update: whether machines that are registered with another definition or other options
                are changed.
            role: the role of the machines, an ARN or a name, before what they name. If neither does, a
                machine that is registered keeps its role, and a new one gets the client's, or else
                `sfiniGenerated`. The local service asks for no role.
            publish: whether machines that are made or changed get a new version.

        Raises:
            DefinitionError: a machine has problems. All are checked before anything is sent.
            StateMachineAlreadyExists: one is registered otherwise, and `allow_update` was not given.
            ServiceError: the service refused; what was registered before stays registered.
        """
        _checks.flags(allow_update=allow_update, publish=publish)
        _checks.names(role=role)
        machines, activities = _sorted_out(things)
        for machine in machines:
            machine.check()
        for activity in activities:
            if not await self.is_registered(activity):
                await self.service.call("create_activity", name=activity.name)
        for machine in machines:
            its_role = role or machine.role
            await Registration(self.service, machine, its_role, self.role, allow_update, publish).run()

    async def deregister(self, *things: Registrable | str) -> None:
        """Delete activities and machines: just those that are named. What is not there is no error.

        Args:
            things: machines, activities and groups of activities; names of machines; or ARNs, of which a
                version's or an alias's stands for no more than that.
        """
        members = [
            member
            for thing in things
            for member in (thing if isinstance(thing, ActivityRegistration) else [thing])
        ]
        for arn in [await self._arn(member) for member in members]:
            operation, parameter = _deletion(arn)
            with suppress(DoesNotExist):  # AWS says so of aliases only
                await self.service.call(operation, **{parameter: str(arn)})

    async def deregister_activities(self, prefix: str) -> list[str]:
        """Delete all activities in the account and region whose names begin alike.

        Args:
            prefix: what their names begin with; not empty, for that would be all.

        Returns:
            The names of those that were deleted.
        """
        if not isinstance(prefix, str) or not prefix:
            raise InvalidArgument(f"a prefix of at least one character is needed, not {prefix!r}")
        found = [entry async for entry in self.list_activities() if entry["name"].startswith(prefix)]
        for entry in found:
            await self.service.call("delete_activity", activityArn=entry["activityArn"])
        return [entry["name"] for entry in found]

    async def is_registered(self, thing: StateMachine | Activity | str) -> bool:
        """Whether the service knows a machine or an activity.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.
        """
        try:
            told = await self.describe(thing)
        except DoesNotExist:
            return False
        return told.get("status") != "DELETING"

    async def describe(self, thing: StateMachine | Activity | str) -> dict[str, Any]:
        """What the service tells of a machine or an activity, by the API's own names.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.

        Raises:
            DoesNotExist: it is not registered.
        """
        arn = await self._arn(thing)
        if arn.kind == "activity":
            return await self.service.call("describe_activity", activityArn=str(arn))
        return await self.service.call("describe_state_machine", stateMachineArn=str(arn))

    async def machine(self, machine: str) -> StateMachine:
        """Read a machine that is registered, whoever did it.

        Args:
            machine: its name or ARN. Of a version or an alias, what was published is read.

        Raises:
            StateMachineDoesNotExist: it is not registered.
        """
        from asfini.asl.definition import Definition  # not every client reads definitions

        told = await self.describe(str(await self._arn(machine, "stateMachine")))
        return StateMachine(
            told["name"],
            Definition.from_json(told["definition"]),
            type=told.get("type", "STANDARD"),
            role=told.get("roleArn"),
            logging=told.get("loggingConfiguration"),
            tracing=told.get("tracingConfiguration", {}).get("enabled"),
            encryption=told.get("encryptionConfiguration"),
        )

    async def list_activities(self) -> AsyncIterator[dict[str, Any]]:
        """All activities in the account and region, as the API tells of them."""
        async for entry in self._pages("list_activities", "activities"):
            yield entry

    async def list_state_machines(self) -> AsyncIterator[dict[str, Any]]:
        """All machines in the account and region, as the API tells of them."""
        async for entry in self._pages("list_state_machines", "stateMachines"):
            yield entry

    async def _pages(self, operation: str, key: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        parameters["maxResults"] = ENTRIES_PER_PAGE
        while True:
            response = await self.service.call(operation, **parameters)
            for entry in response[key]:
                yield entry
            if not response.get("nextToken"):
                return
            parameters["nextToken"] = response["nextToken"]

    # Executions

    async def start_execution(
        self,
        machine: Machine,
        input: Any = _EMPTY,
        *,
        name: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        trace_header: str | None = None,
    ) -> Execution:
        """Start an execution.

        Args:
            machine: the machine, or its name, or an ARN: its own, a version's or an alias's.
            input: what it gets: JSON data, or anything that pydantic makes JSON of; `{}` by default.
            name: the execution's name, at most 80 characters, unique for the machine for 90 days. Without
                one, a name is made before the first try, so that a retried start starts one execution.
            if_exists: what happens where the name is taken, by an execution that has ended or has another
                input: `"raise"` an error, or `"return"` that execution.
            trace_header: X-Ray's header.

        Raises:
            InvalidArgument: the name is not one that AWS takes, or the input is not JSON or has more than
                262,144 bytes; nothing was sent.
            ExecutionAlreadyExists: the name is taken.
            StateMachineDoesNotExist: the machine is not registered.
        """
        _checks.one_of(("raise", "return"), if_exists=if_exists)
        _checks.texts(trace_header=trace_header)
        arn = await self._arn(machine, "stateMachine")
        given = _name_for(arn) if name is None else check_name(name, "an execution")
        text = _json.payload(input, "the input")
        trace = {} if trace_header is None else {"traceHeader": trace_header}
        try:
            started = await self.service.call(
                "start_execution", stateMachineArn=str(arn), name=given, input=text, **trace
            )
        except ExecutionAlreadyExists:
            # A name that was made here is taken by ourselves: the answer to an earlier try got lost.
            if name is not None and if_exists == "raise":
                raise
            return Execution(self.service, str(Arn(arn.account, "execution", (arn.parts[0], given))))
        return Execution(self.service, started["executionArn"], {"startDate": started["startDate"]})

    @overload
    async def execute(
        self,
        machine: Machine,
        input: Any = ...,
        *,
        type: type[T],
        name: str | None = None,
        timeout: float | None = None,
    ) -> T: ...
    @overload
    async def execute(
        self,
        machine: Machine,
        input: Any,
        type: type[T],
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> T: ...
    @overload
    async def execute(
        self,
        machine: Machine,
        input: Any = ...,
        type: Any = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> Any: ...
    async def execute(
        self,
        machine: Machine,
        input: Any = _EMPTY,
        type: Any = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Start an execution and wait for its output.

        Args:
            machine: the machine, or its name, or an ARN.
            input: what it gets; `{}` by default.
            type: what to make of the output, as pydantic does; JSON data by default.
            name: the execution's name; one is made by default.
            timeout: seconds to wait at the most; the execution goes on.

        Raises:
            ExecutionError: the execution ended without success.
            TimeoutError: it had not ended in time.
            ExecutionOutputInvalid: its output does not fit the type.
        """
        reader(type)  # what it cannot be is refused before anything is started
        _checks.seconds(timeout=timeout)
        execution = await self.start_execution(machine, input, name=name)
        return await execution.wait(type, timeout=timeout)

    def execution(self, arn: str) -> Execution:
        """An execution that was started before, here or elsewhere.

        Raises:
            InvalidArgument: the text is not an execution's ARN.
        """
        return Execution(self.service, arn)

    async def list_executions(
        self,
        machine: Machine,
        *,
        status: str | None = None,
    ) -> AsyncIterator[Execution]:
        """A machine's executions, the latest first: by when they ended, or started if they still run.

        Args:
            machine: the machine, or its name, or an ARN; of a version or an alias, those that it started.
            status: only those that are `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
        """
        filters = {}
        if status is not None:
            _checks.one_of(_checks.STATUSES, status=status)
            filters["statusFilter"] = status
        arn = await self._arn(machine, "stateMachine")
        async for entry in self._pages("list_executions", "executions", stateMachineArn=str(arn), **filters):
            yield Execution(self.service, entry["executionArn"], entry)

    # Tasks

    def task(self, token: str, *, heartbeat: float | None = 20) -> "TaskHandle":
        """A task whose token somebody handed over: complete it, or do it in a block that reports by itself.

        Args:
            token: the task's token.
            heartbeat: seconds between two heartbeats in a block, the first one at its beginning;
                `None` for none.

        Example:
            >>> async with client.task(token) as task:  # doctest: +SKIP
            ...     task.output = await work()
        """
        from asfini.tokens import TaskHandle  # not every client completes tasks

        return TaskHandle(self.service, token, heartbeat=heartbeat)

    # Names

    async def _arn(self, thing: object, *kinds: str) -> Arn:
        """The ARN of what has one; a bare name is a machine's.

        Args:
            thing: a machine, an activity, a name or an ARN.
            kinds: what it may be of; by default a machine or an activity.
        """
        text = _arn_text(thing)
        if has_pseudo_parameters(text):
            text = (await self.account()).fill_in(text)
        arn = Arn.parse(text)
        if arn.kind not in (kinds or ("stateMachine", "activity")):
            wanted = "a machine's name or ARN" if kinds else "a machine's or an activity's ARN"
            raise InvalidArgument(f"{wanted} is needed, not {thing!r}")
        return arn


def _arn_text(thing: object) -> str:
    """The ARN of whatever has one, in which pseudo parameters may stand for the account."""
    if isinstance(thing, (StateMachine, Activity)):
        return thing.arn
    if not isinstance(thing, str):
        raise InvalidArgument(f"a machine, an activity, a name or an ARN is needed, not {thing!r}")
    if thing.startswith("arn:"):
        return thing
    return arn_of("states", f"stateMachine:{check_name(thing, 'a state machine')}")


def _sorted_out(things: Iterable[object]) -> tuple[list[StateMachine], list[Activity]]:
    machines: dict[str, StateMachine] = {}
    activities: dict[str, Activity] = {}
    for thing in things:
        if isinstance(thing, StateMachine):
            if machines.setdefault(thing.name, thing) != thing:
                raise InvalidArgument(f"two machines are named {thing.name!r}")
        elif isinstance(thing, Activity):
            activities[thing.name] = thing
        elif isinstance(thing, ActivityRegistration):
            activities |= thing.activities
        else:
            raise InvalidArgument(f"machines and activities can be registered, not {thing!r}")
    return [*machines.values()], [*activities.values()]


def _deletion(arn: Arn) -> tuple[str, str]:
    """What deletes no more than an ARN names: the operation and its parameter."""
    if arn.kind == "activity":
        return "delete_activity", "activityArn"
    if len(arn.parts) == 1:
        return "delete_state_machine", "stateMachineArn"
    if arn.parts[1].isdecimal():
        return "delete_state_machine_version", "stateMachineVersionArn"
    return "delete_state_machine_alias", "stateMachineAliasArn"


def _name_for(machine: Arn) -> str:
    """A name for an execution that nobody else makes, with the machine's to recognise it by."""
    unique = uuid.uuid4().hex
    return f"{machine.parts[0][: MAX_NAME_LENGTH - len(unique) - 1]}-{unique}"
