"""The client: registers machines and activities, starts executions, finds what is there."""

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from asfini import _json
from asfini._arns import MAX_NAME_LENGTH, Account, check_name
from asfini.activity import Activity, ActivityRegistration
from asfini.errors import (
    AccessDenied,
    DoesNotExist,
    ExecutionAlreadyExists,
    InvalidArgument,
    StateMachineAlreadyExists,
)
from asfini.execution import Execution
from asfini.machine import StateMachine
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.tokens import TaskHandle

T = TypeVar("T")
Registrable = StateMachine | Activity | ActivityRegistration
Machine = StateMachine | str
"""A machine, or its name or ARN: of the machine itself, of a version or of an alias."""

DEFAULT_ROLE = "sfiniGenerated"
"""The name of the role that machines are made with where nobody names one: sfini's convention."""
_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")


class Client:
    """Step Functions as a program sees it, whether AWS or this process answers.

    Made by `asfini.aws.connect()` and `asfini.local.connect()`, or by hand around any service.

    Args:
        service: what answers.
        role: the role of machines that name none, an ARN or a name.
    """

    def __init__(self, service: Service, *, role: str | None = None) -> None:
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
            role: the role of machines that name none, an ARN or a name. A machine that is registered already
                keeps the role it has, unless one is named.
            publish: whether machines that are made or changed get a new version.

        Raises:
            DefinitionError: a machine has problems. All are checked before anything is sent.
            StateMachineAlreadyExists: one is registered otherwise, and `allow_update` was not given.
            ServiceError: the service refused; what was registered before stays registered.
        """
        machines, activities = _sorted_out(things)
        for machine in machines:
            machine.check()
        for activity in activities:
            await self.service.call("create_activity", name=activity.name)
        for machine in machines:
            await self._register(machine, allow_update, role, publish)

    async def _register(self, machine: StateMachine, allow_update: bool, role: str | None, publish: bool) -> None:
        account = await self.account()
        wanted = _wanted(machine, account, role or machine.role or self.role)
        try:
            there = await self.service.call("describe_state_machine", stateMachineArn=account.fill_in(machine.arn))
        except DoesNotExist:
            await self._create(machine, account, wanted, publish)
            return
        changes = {name: value for name, value in wanted.items() if not _same(name, value, there.get(name))}
        if not changes:
            return
        if "type" in changes:
            raise StateMachineAlreadyExists(
                f"{machine.name!r} is a {there.get('type')} machine, and a machine's type cannot be changed",
                operation="update_state_machine",
            )
        if not allow_update:
            raise StateMachineAlreadyExists(
                f"{machine.name!r} is registered with another {' and another '.join(sorted(changes))}; "
                "allow_update=True changes it",
                operation="create_state_machine",
            )
        if publish:
            changes["publish"] = True
        await self._explained(machine, "update_state_machine", {"stateMachineArn": there["stateMachineArn"], **changes})

    async def _create(self, machine: StateMachine, account: Account, wanted: dict[str, Any], publish: bool) -> None:
        wanted.setdefault("roleArn", _role_arn(DEFAULT_ROLE, account))
        if machine.tags:
            wanted["tags"] = [{"key": key, "value": value} for key, value in machine.tags.items()]
        if publish:
            wanted["publish"] = True
        await self._explained(machine, "create_state_machine", {"name": machine.name, **wanted})

    async def _explained(self, machine: StateMachine, operation: str, parameters: dict[str, Any]) -> None:
        """Call, and say what a refused role is for."""
        try:
            await self.service.call(operation, **parameters)
        except AccessDenied as error:
            role = parameters.get("roleArn", "the role that it has")
            raise type(error)(
                f"{error.message} (state machine {machine.name!r} acts in the role {role}: it must exist, trust "
                "states.amazonaws.com, and you must be allowed to pass it; name another one with role=…)",
                operation=operation,
                code=error.code,
            ) from error

    async def deregister(self, *things: Registrable | str) -> None:
        """Delete activities and machines: just those that are named. What is not there is no error.

        Args:
            things: machines, activities and groups of activities, or names of machines, or ARNs.
        """
        for thing in things:
            members = list(thing) if isinstance(thing, ActivityRegistration) else [thing]
            for member in members:
                arn = await self._arn(member)
                if ":activity:" in arn:
                    await self.service.call("delete_activity", activityArn=arn)
                else:
                    await self.service.call("delete_state_machine", stateMachineArn=arn)

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
        """Whether the service knows a machine or an activity; a name is a machine's."""
        try:
            await self.describe(thing)
        except DoesNotExist:
            return False
        return True

    async def describe(self, thing: StateMachine | Activity | str) -> dict[str, Any]:
        """What the service tells of a machine or an activity, by the API's own names.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.

        Raises:
            DoesNotExist: it is not registered.
        """
        arn = await self._arn(thing)
        if ":activity:" in arn:
            return await self.service.call("describe_activity", activityArn=arn)
        return await self.service.call("describe_state_machine", stateMachineArn=arn)

    async def machine(self, machine: str) -> StateMachine:
        """Read a machine that is registered, whoever did it.

        Args:
            machine: its name or ARN.
        """
        from asfini.asl.definition import Definition  # noqa: PLC0415 - not every client reads definitions

        told = await self.describe(machine)
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
        input: Any = None,
        *,
        name: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        trace_header: str | None = None,
    ) -> Execution:
        """Start an execution.

        Args:
            machine: the machine, or its name, or an ARN: its own, a version's or an alias's.
            input: what it gets: JSON data, or anything that pydantic makes JSON of; `{}` by default.
            name: the execution's name, at most 80 characters, unique for the machine for 90 days. Without one, a
                name is made before the first try, so that a start which is retried starts one execution.
            if_exists: what happens where the name is taken, by an execution that has ended or has another input:
                `"raise"` an error, or `"return"` that execution.
            trace_header: X-Ray's header.

        Raises:
            InvalidArgument: the name is not one that AWS takes, or the input is not JSON or has more than
                262,144 bytes; nothing was sent.
            ExecutionAlreadyExists: the name is taken.
            StateMachineDoesNotExist: the machine is not registered.
        """
        if if_exists not in ("raise", "return"):
            raise InvalidArgument(f"if_exists is 'raise' or 'return', not {if_exists!r}")
        arn = await self._machine_arn(machine)
        name = _execution_name(arn) if name is None else check_name(name, "an execution")
        text = _json.payload({} if input is None else input, "the input")
        parameters = {"stateMachineArn": arn, "name": name, "input": text}
        if trace_header is not None:
            parameters["traceHeader"] = trace_header
        try:
            started = await self.service.call("start_execution", **parameters)
        except ExecutionAlreadyExists:
            if if_exists == "raise":
                raise
            return Execution(self.service, _execution_arn(arn, name))
        return Execution(self.service, started["executionArn"], {"startDate": started["startDate"]})

    @overload
    async def execute(
        self, machine: Machine, input: Any = None, *, name: str | None = None, timeout: float | None = None
    ) -> Any: ...
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
        input: Any = None,
        *,
        type: type[T],
        name: str | None = None,
        timeout: float | None = None,
    ) -> T: ...
    async def execute(
        self,
        machine: Machine,
        input: Any = None,
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
        """
        execution = await self.start_execution(machine, input, name=name)
        return await execution.wait(type, timeout=timeout)

    def execution(self, arn: str) -> Execution:
        """An execution that was started before, here or elsewhere.

        Raises:
            InvalidArgument: the text is not an execution's ARN.
        """
        if not isinstance(arn, str) or not any(kind in arn for kind in (":execution:", ":express:")):
            raise InvalidArgument(f"an execution's ARN is needed, not {arn!r}")
        return Execution(self.service, arn)

    async def list_executions(self, machine: Machine, *, status: str | None = None) -> AsyncIterator[Execution]:
        """A machine's executions, the youngest first.

        Args:
            machine: the machine, or its name, or an ARN.
            status: only those that are `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or
                `PENDING_REDRIVE`.
        """
        if status is not None and status not in _STATUSES:
            raise InvalidArgument(f"a status is one of {', '.join(_STATUSES)}, not {status!r}")
        filters = {} if status is None else {"statusFilter": status}
        arn = await self._machine_arn(machine)
        async for entry in self._pages("list_executions", "executions", stateMachineArn=arn, **filters):
            yield Execution(self.service, entry["executionArn"], entry)

    # Tasks

    def task(self, token: str, *, heartbeat_seconds: float | None = 20) -> "TaskHandle":
        """A task whose token somebody handed over: complete it, or do it in a block that reports by itself.

        Args:
            token: the task's token.
            heartbeat_seconds: seconds between two heartbeats in a block, the first one at its beginning; `None`
                for none.

        Example:
            >>> async with client.task(token) as task:  # doctest: +SKIP
            ...     task.output = await work()
        """
        from asfini.tokens import TaskHandle  # noqa: PLC0415 - not every client completes tasks

        return TaskHandle(self.service, token, heartbeat_seconds=heartbeat_seconds)

    # Names

    async def _arn(self, thing: StateMachine | Activity | str) -> str:
        """The ARN of whatever has one; a bare name is a machine's."""
        account = await self.account()
        if isinstance(thing, (StateMachine, Activity)):
            return account.fill_in(thing.arn)
        if not isinstance(thing, str):
            raise InvalidArgument(f"a machine, an activity, a name or an ARN is needed, not {thing!r}")
        if thing.startswith("arn:"):
            return account.fill_in(thing)
        name = check_name(thing, "a state machine")
        return account.fill_in(f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{name}")

    async def _machine_arn(self, machine: Machine) -> str:
        if isinstance(machine, Activity):
            raise InvalidArgument(f"a machine is needed, not {machine!r}")
        arn = await self._arn(machine)
        if ":stateMachine:" not in arn:
            raise InvalidArgument(f"a machine's name or ARN is needed, not {machine!r}")
        return arn


def _sorted_out(things: Iterable[Any]) -> tuple[list[StateMachine], list[Activity]]:
    machines: list[StateMachine] = []
    activities: list[Activity] = []
    for thing in things:
        if isinstance(thing, StateMachine):
            machines.append(thing)
        elif isinstance(thing, Activity):
            activities.append(thing)
        elif isinstance(thing, ActivityRegistration):
            activities.extend(thing)
        else:
            raise InvalidArgument(f"machines and activities can be registered, not {thing!r}")
    return machines, activities


def _wanted(machine: StateMachine, account: Account, role: str | None) -> dict[str, Any]:
    """What a machine is to be registered with, by the API's names; what is left open is left out."""
    options = {
        "roleArn": None if role is None else _role_arn(role, account),
        "loggingConfiguration": None if machine.logging is None else dict(machine.logging),
        "tracingConfiguration": None if machine.tracing is None else {"enabled": machine.tracing},
        "encryptionConfiguration": None if machine.encryption is None else dict(machine.encryption),
    }
    definition = account.fill_in(_json.dumps(machine.to_dict(), "the definition"))
    given = {name: value for name, value in options.items() if value is not None}
    return {"definition": definition, "type": machine.type, **given}


def _role_arn(role: str, account: Account) -> str:
    if role.startswith("arn:"):
        return account.fill_in(role)
    return f"arn:{account.partition}:iam::{account.account_id}:role/{role}"


def _same(name: str, wanted: Any, there: Any) -> bool:
    """Whether an option is as it is wanted; a definition may be formatted otherwise."""
    if name == "definition":
        return bool(_json.loads(wanted) == _json.loads(there or "null"))
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(there.get(key) == value for key, value in wanted.items())
    return bool(wanted == there)


def _execution_name(machine_arn: str) -> str:
    """A name that nobody else makes, with the machine's to recognise it by."""
    unique = uuid.uuid4().hex
    machine = machine_arn.split(":")[6]
    return f"{machine[: MAX_NAME_LENGTH - len(unique) - 1]}-{unique}"


def _execution_arn(machine_arn: str, name: str) -> str:
    parts = machine_arn.split(":")
    return ":".join([*parts[:5], "execution", parts[6], name])


