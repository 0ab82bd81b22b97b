"""The client: registers machines and activities, starts executions, finds what is there."""

import uuid
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import anyio

from asfini import _checks, _json
from asfini._arns import (
    MAX_NAME_LENGTH,
    Account,
    Arn,
    arn_of,
    check_name,
    has_pseudo_parameters,
    role_arn,
)
from asfini._mocks import NOT_MOCKED
from asfini._pages import entries
from asfini._registration import DEFAULT_ROLE, Change, Registration
from asfini._watching import watcher_of
from asfini.activity import Activity, ActivityRegistration, check_interval
from asfini.alias import Alias, Routing, routing_list
from asfini.errors import DoesNotExist, ExecutionAlreadyExists, InvalidArgument, TaskFailed
from asfini.execution import Execution, reader
from asfini.machine import StateMachine, machine_told
from asfini.service import Service
from asfini.waiting import Call, noticed, run_many, sent_surely, unthrottled

if TYPE_CHECKING:
    from asfini._mocks import Mock
    from asfini.asl import Definition, Problem, State
    from asfini.map_run import MapRun
    from asfini.state_test import StateTest
    from asfini.tokens import TaskHandle

T = TypeVar("T")
Registrable = StateMachine | Activity | ActivityRegistration
"""What can be registered."""
Machine = StateMachine | Alias | str
"""A machine or an alias of one, or its name or ARN: of the machine itself, of a version or of an alias."""

MAX_RUNNING = 1000
"""How many executions of a batch run at once by default: about as many as AWS lets start at once."""
_EMPTY: Any = {}


class Client:
    """Step Functions as a program sees it, whether AWS or this process answers.

    Made by `asfini.aws.connect()` and `asfini.local.connect()`, or by hand around any service.

    Machines that were deployed by others are asked for by name or ARN, also a version's or an alias's.

    Args:
        service: what answers.
        role: the role of new machines that name none, an ARN or a name.

    Raises:
        InvalidArgument: what is given is no service, or no name of a role.
    """

    def __init__(self, service: Service, *, role: str | None = None) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        _checks.names(role=role)
        self.service = service
        self.role = role
        self._types: dict[str, str] = {}
        """The types of machines by ARN, as far as they were asked for; they never change."""

    async def account(self) -> Account:
        """Where the client's calls go: partition, region and account."""
        return await self.service.account()

    # What is there

    async def register(
        self,
        *things: Registrable,
        allow_update: bool = False,
        role: str | None = None,
        publish: bool = False,
        dry_run: bool = False,
    ) -> list[Change]:
        """Make activities and machines known to the service. Nothing is sent where nothing has changed.

        Args:
            things: machines, activities and groups of activities.
            allow_update: whether machines that are registered with another definition or other options
                are changed.
            role: the role of the machines, an ARN or a name, before what they name. If neither does, a
                machine that is registered keeps its role, and a new one gets the client's, or else
                `sfiniGenerated`. The local service asks for no role.
            publish: whether machines that are made or changed get a new version.
            dry_run: whether to tell only what would be changed, whatever `allow_update` says. What there is
                is read, and nothing is sent.

        Returns:
            What was changed, or would be, with the `differences` between the definitions by meaning.

        Raises:
            DefinitionError: a machine has problems. All are checked before anything is sent.
            StateMachineAlreadyExists: one is registered otherwise, and `allow_update` was not given.
            ServiceError: the service refused; what was registered before stays registered.
        """
        _checks.flags(allow_update=allow_update, publish=publish, dry_run=dry_run)
        _checks.names(role=role)
        changes: list[Change] = []
        machines, activities = _sorted_out(things)
        for machine in machines:
            machine.check()
        for activity in activities:
            if not await self.is_registered(activity):
                changes.append(Change("create_activity", activity.name))
                if not dry_run:
                    await self.service.call("create_activity", name=activity.name)
        for machine in machines:
            roles = (role or machine.role, self.role)
            registration = Registration(self.service, machine, *roles, allow_update, publish, dry_run)
            changes += await registration.run()
        return changes

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

        Raises:
            InvalidArgument: the prefix is empty; nothing was sent.
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
        return machine_told(await self.describe(str(await self._arn(machine, "stateMachine"))))

    async def list_activities(self) -> AsyncIterator[dict[str, Any]]:
        """All activities in the account and region, as the API tells of them."""
        async for entry in entries(self.service, "list_activities", "activities"):
            yield entry

    async def list_state_machines(self) -> AsyncIterator[dict[str, Any]]:
        """All machines in the account and region, as the API tells of them."""
        async for entry in entries(self.service, "list_state_machines", "stateMachines"):
            yield entry

    # Versions and aliases

    async def publish(
        self, machine: Machine, description: str | None = None, *, revision_id: str | None = None
    ) -> str:
        """Publish a machine as it is now as a version, which stays as it is.

        Args:
            machine: the machine, or its name, or its ARN.
            description: what is to be known of the version, at most 256 characters.
            revision_id: publish only if this is still the machine's revision: `describe` tells it.

        Returns:
            The version's ARN. What was published already, and has not changed since, gets no new one.

        Raises:
            ConflictException: the machine has another revision, or a version with another description.
            StateMachineDoesNotExist: it is not registered.
        """
        _checks.texts(description=description, revision_id=revision_id)
        given = {"description": description, "revisionId": revision_id}
        told = await self.service.call(
            "publish_state_machine_version",
            stateMachineArn=await self._own_arn(machine),
            **{key: value for key, value in given.items() if value is not None},
        )
        return str(told["stateMachineVersionArn"])

    async def list_versions(self, machine: Machine) -> AsyncIterator[dict[str, Any]]:
        """A machine's versions, the latest first, as the API tells of them.

        Args:
            machine: the machine, or its name, or its ARN.
        """
        arn = await self._own_arn(machine)
        operation, key = "list_state_machine_versions", "stateMachineVersions"
        async for entry in entries(self.service, operation, key, stateMachineArn=arn):
            yield entry

    async def create_alias(
        self, machine: Machine, name: str, routing: Routing, *, description: str | None = None
    ) -> Alias:
        """Make an alias, a name by which executions of a machine's version are started.

        Args:
            machine: the machine, or its name, or its ARN.
            name: the alias's name, at most 80 characters; not a number.
            routing: the version, by ARN or number; or one or two versions with the percentage of starts that
                each gets.
            description: at most 256 characters.

        Raises:
            ConflictException: there is such an alias already, which differs.
            ServiceError: there is no such machine or version.
        """
        _checks.texts(description=description)
        arn = await self._own_arn(machine)
        told = await self.service.call(
            "create_state_machine_alias",
            name=check_name(name, "an alias"),
            routingConfiguration=routing_list(arn, routing),
            **({} if description is None else {"description": description}),
        )
        return Alias(self.service, told["stateMachineAliasArn"])

    async def alias(self, machine: Machine, name: str) -> Alias:
        """An alias that was made before: to describe, to shift starts between versions, to delete.

        Args:
            machine: the machine, or its name, or its ARN.
            name: the alias's name.
        """
        return Alias(self.service, f"{await self._own_arn(machine)}:{check_name(name, 'an alias')}")

    async def list_aliases(self, machine: Machine) -> AsyncIterator[Alias]:
        """The aliases of a machine; of a version's ARN, those that lead to the version.

        Args:
            machine: the machine, or its name, or its ARN, or a version's.
        """
        arn = await self._arn(machine, "stateMachine")
        operation, key = "list_state_machine_aliases", "stateMachineAliases"
        async for entry in entries(self.service, operation, key, stateMachineArn=str(arn)):
            yield Alias(self.service, entry["stateMachineAliasArn"])

    # Tags

    async def tags(self, thing: StateMachine | Activity | str) -> dict[str, str]:
        """The tags of a machine or an activity that is registered.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.
        """
        arn = str(await self._arn(thing))
        told = await self.service.call("list_tags_for_resource", resourceArn=arn)
        return {tag["key"]: tag.get("value", "") for tag in told.get("tags", ())}

    async def tag(self, thing: StateMachine | Activity | str, tags: Mapping[str, str]) -> None:
        """Add tags to a machine or an activity that is registered; those of the same names are replaced.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.
            tags: values by name; at most 50 in all.
        """
        _checks.texts_by_name(tags=tags)
        arn = str(await self._arn(thing))
        told = [{"key": key, "value": value} for key, value in tags.items()]
        await self.service.call("tag_resource", resourceArn=arn, tags=told)

    async def untag(self, thing: StateMachine | Activity | str, *names: str) -> None:
        """Remove tags from a machine or an activity that is registered.

        Args:
            thing: a machine or an activity, a machine's name, or an ARN.
            names: the tags' names; one that is not there is no error.
        """
        _checks.texts_by_name(names=dict.fromkeys(names, ""))
        await self.service.call("untag_resource", resourceArn=str(await self._arn(thing)), tagKeys=[*names])

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
        return await self._start(self.service.call, machine, input, name, if_exists, trace_header)

    async def _start(
        self,
        call: Call,
        machine: Machine,
        input: Any,
        name: str | None,
        if_exists: str = "raise",
        trace_header: str | None = None,
    ) -> Execution:
        _checks.one_of(("raise", "return"), if_exists=if_exists)
        _checks.texts(trace_header=trace_header)
        arn = await self._arn(machine, "stateMachine")
        given = _name_for(arn) if name is None else check_name(name, "an execution")
        text = _json.payload(input, "the input", self.service.max_payload)
        trace = {} if trace_header is None else {"traceHeader": trace_header}
        try:
            started = await call("start_execution", stateMachineArn=str(arn), name=given, input=text, **trace)
        except ExecutionAlreadyExists:
            # A name that was made here is taken by ourselves: the answer to an earlier try got lost.
            if name is not None and if_exists == "raise":
                raise
            return self._named(arn, given)
        execution = Execution(self.service, started["executionArn"], {"startDate": started["startDate"]})
        execution._started_at = anyio.current_time()
        return execution

    async def start_sync_execution(
        self,
        machine: Machine,
        input: Any = _EMPTY,
        *,
        name: str | None = None,
        trace_header: str | None = None,
    ) -> Execution:
        """Run an execution of an EXPRESS machine to its end.

        Args:
            machine: the machine, or its name, or an ARN: its own, a version's or an alias's.
            input: what it gets; `{}` by default.
            name: the execution's name, at most 80 characters; AWS makes one by default.
            trace_header: X-Ray's header.

        Returns:
            The execution, which has ended, well or not. Its `wait()` gives its output or raises its failure,
            `describe()` tells all, with `billingDetails`.

        Raises:
            InvalidArgument: the name is not one that AWS takes, or the input is not JSON or has more than
                262,144 bytes; nothing was sent.
            StateMachineTypeNotSupported: the machine is a STANDARD one.
            StateMachineDoesNotExist: the machine is not registered.
        """
        _checks.texts(trace_header=trace_header)
        given = {"name": name if name is None else check_name(name, "an execution")}
        given["traceHeader"] = trace_header
        told = await self.service.call(
            "start_sync_execution",
            stateMachineArn=str(await self._arn(machine, "stateMachine")),
            input=_json.payload(input, "the input", self.service.max_payload),
            **{key: value for key, value in given.items() if value is not None},
        )
        return Execution(self.service, told["executionArn"], told)

    @overload
    async def execute(
        self,
        machine: Machine,
        input: Any = ...,
        *,
        type: type[T],
        name: str | None = None,
        timeout: float | None = None,
        stop_on_cancel: bool = False,
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
        stop_on_cancel: bool = False,
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
        stop_on_cancel: bool = False,
    ) -> Any: ...
    async def execute(
        self,
        machine: Machine,
        input: Any = _EMPTY,
        type: Any = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
        stop_on_cancel: bool = False,
    ) -> Any:
        """Start an execution and wait for its output; one of an EXPRESS machine by `start_sync_execution`.

        Of a machine that is given by name or ARN, the service is asked once which type it has.

        Args:
            machine: the machine, or its name, or an ARN.
            input: what it gets; `{}` by default.
            type: what to make of the output, as pydantic does; JSON data by default.
            name: the execution's name; one is made by default.
            timeout: seconds to wait at the most; the execution goes on, except for one of an EXPRESS machine
                on the local service.
            stop_on_cancel: whether the execution is stopped where this is cancelled or takes too long; one
                of an EXPRESS machine cannot be.

        Raises:
            ExecutionError: the execution ended without success.
            TimeoutError: it had not ended in time.
            ExecutionOutputInvalid: its output does not fit the type.
        """
        reader(type)  # what it cannot be is refused before anything is started
        _checks.seconds(timeout=timeout)
        _checks.flags(stop_on_cancel=stop_on_cancel)
        if await self._type(machine) == "EXPRESS":
            execution = await self._run_express(machine, input, name, timeout)
        else:
            call = sent_surely(self.service) if stop_on_cancel else self.service.call
            execution = await self._start(call, machine, input, name)
        return await execution.wait(type, timeout=timeout, stop_on_cancel=stop_on_cancel)

    async def start_many(
        self,
        machine: Machine,
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        max_running: int = MAX_RUNNING,
        name: Callable[[Any], str] | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        stop_on_cancel: bool = False,
    ) -> AsyncGenerator[Execution, None]:
        """Run an execution for each input, many at a time, and give them as they end, whether well or not.

        Starts keep within AWS's quota. The next `wait()` of each gives its output, or raises its failure,
        without asking the service again.

        Args:
            machine: the machine, or its name, or an ARN.
            inputs: what they get, one each; taken one by one when there is room, perhaps as they arrive.
            max_running: how many executions there are at once, at most, with those that have ended, but were
                not taken from here yet; 1,000 by default.
            name: makes an execution's name of its input; names are made up by default.
            if_exists: what happens where a name is taken, as in `start_execution`: with `"return"`, a batch
                that was interrupted goes on where it was.
            stop_on_cancel: whether those that still run are stopped where the iteration is cancelled or left;
                those of an EXPRESS machine cannot be.

        Raises:
            InvalidArgument: an input or a name makes no sense; nothing more is started then.
            ExecutionAlreadyExists: a name is taken.
            StateMachineDoesNotExist: the machine is not registered.

        Examples:
            >>> async for execution in client.start_many(shop, orders, max_running=100):  # doctest: +SKIP
            ...     print(execution.name, await execution.wait(raise_on_failure=False))
        """
        _checks.counts(max_running=max_running)
        _checks.one_of(("raise", "return"), if_exists=if_exists)
        _checks.flags(stop_on_cancel=stop_on_cancel)
        _checks.many(inputs=inputs)
        _checks.functions(name=name)
        arn = str(await self._arn(machine, "stateMachine"))
        express = await self._type(machine) == "EXPRESS"
        send = sent_surely(self.service) if stop_on_cancel else None
        call = partial(watcher_of(self.service, arn).call, send=send)

        async def run(given: Any) -> Execution:
            named = None if name is None else name(given)
            if express:
                return await unthrottled(partial(self.start_sync_execution, arn, given, name=named))
            execution = await self._start(call, arn, given, named, if_exists)
            return await noticed(execution, stop_on_cancel=stop_on_cancel)

        async with aclosing(run_many(inputs, run, max_running)) as ended:
            async for execution in ended:
                yield execution

    async def _run_express(
        self, machine: Machine, input: Any, name: str | None, timeout: float | None
    ) -> Execution:
        with anyio.move_on_after(timeout):
            return await self.start_sync_execution(machine, input, name=name)
        raise TimeoutError(f"an execution of {_arn_text(machine)} had not ended after {timeout} seconds")

    async def _type(self, machine: Machine) -> str:
        if isinstance(machine, StateMachine):
            return machine.type
        arn = await self._own_arn(machine)
        if arn not in self._types:
            told = await self.service.call("describe_state_machine", stateMachineArn=arn)
            self._types[arn] = told.get("type", "STANDARD")
        return self._types[arn]

    def execution(self, arn: str) -> Execution:
        """An execution that was started before, here or elsewhere.

        Args:
            arn: the execution's ARN.

        Raises:
            InvalidArgument: the text is not an execution's ARN.
        """
        return Execution(self.service, arn)

    async def execution_named(self, machine: Machine, name: str) -> Execution:
        """An execution that was started under a name, such as an order's number. It is not looked up.

        Args:
            machine: the machine, or its name, or an ARN: its own, a version's or an alias's.
            name: the execution's name.

        Raises:
            InvalidArgument: the name is not one that AWS takes.
        """
        return self._named(await self._arn(machine, "stateMachine"), check_name(name, "an execution"))

    def _named(self, machine: Arn, name: str) -> Execution:
        return Execution(self.service, str(Arn(machine.account, "execution", (_name_of(machine), name))))

    async def list_executions(
        self,
        machine: Machine,
        *,
        status: str | None = None,
        redriven: bool | None = None,
    ) -> AsyncIterator[Execution]:
        """A machine's executions, the latest first: by when they ended, or started if they still run.

        Args:
            machine: the machine, or its name, or an ARN; of a version or an alias, those that it started.
            status: only those that are `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
            redriven: only those that were redriven, or only those that were not.
        """
        filters = {}
        if status is not None:
            _checks.one_of(_checks.STATUSES, status=status)
            filters["statusFilter"] = status
        if redriven is not None:
            _checks.flags(redriven=redriven)
            filters["redriveFilter"] = "REDRIVEN" if redriven else "NOT_REDRIVEN"
        arn = str(await self._arn(machine, "stateMachine"))
        operation, key = "list_executions", "executions"
        async for entry in entries(self.service, operation, key, stateMachineArn=arn, **filters):
            yield Execution(self.service, entry["executionArn"], entry)

    async def list_map_runs(self, execution: Execution | str) -> "AsyncIterator[MapRun]":
        """The runs of an execution's distributed maps, the latest first.

        Args:
            execution: the execution or its ARN.
        """
        arn = execution.arn if isinstance(execution, Execution) else self.execution(execution).arn
        async for entry in entries(self.service, "list_map_runs", "mapRuns", executionArn=arn):
            yield self.map_run(entry["mapRunArn"])

    def map_run(self, arn: str) -> "MapRun":
        """A run of a distributed Map: to describe, to change its limits, to look at its children.

        Args:
            arn: the map run's ARN.

        Raises:
            InvalidArgument: the text is not a map run's ARN.
        """
        from asfini.map_run import MapRun  # few have distributed maps

        return MapRun(self.service, arn)

    # Trying out

    async def validate(
        self,
        machine: "StateMachine | Definition | State | Mapping[str, Any] | str",
        *,
        type: Literal["STANDARD", "EXPRESS"] | None = None,
        warnings: bool = False,
    ) -> "list[Problem]":
        """Have the service check a definition; `asfini.problems` does so without one.

        Args:
            machine: the machine, its definition, the first of some linked states, or JSON data or text.
            type: the machine's type; by default its own, or `STANDARD`.
            warnings: whether to tell warnings, too.

        Returns:
            What is wrong, 100 problems at most.
        """
        from asfini.asl import Problem

        _checks.flags(warnings=warnings)
        _checks.one_of(("STANDARD", "EXPRESS", None), type=type)
        told = await self.service.call(
            "validate_state_machine_definition",
            definition=await self._definition_text(machine),
            type=type or (machine.type if isinstance(machine, StateMachine) else "STANDARD"),
            severity="WARNING" if warnings else "ERROR",
        )
        return [
            Problem(found["code"], found.get("location", ""), found["message"], found["severity"])
            for found in told["diagnostics"]
        ]

    async def test_state(
        self,
        state: "State | StateMachine | Definition | Mapping[str, Any] | str",
        input: Any = _EMPTY,
        *,
        name: str | None = None,
        variables: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        role: str | None = None,
        inspection_level: Literal["INFO", "DEBUG", "TRACE"] = "INFO",
        reveal_secrets: bool = False,
        mock_result: Any = NOT_MOCKED,
        mock_error: TaskFailed | None = None,
        field_validation_mode: Literal["STRICT", "PRESENT", "NONE"] | None = None,
        state_configuration: Mapping[str, Any] | None = None,
    ) -> "StateTest":
        """Do one state by itself, without an execution.

        Args:
            state: the state; a machine or a definition that has it, with `name`; or JSON data or text.
            input: what it gets; `{}` by default.
            name: which state of the machine is meant.
            variables: the variables that it finds.
            context: the context object that it finds.
            role: the role that it acts in, an ARN or a name; by default the machine's or the client's. None
                is needed where its result is mocked, and none on the local service.
            inspection_level: how much is told of what became of the data on its way.
            reveal_secrets: whether an HTTP task's secrets are told, with the level `TRACE`.
            mock_result: what the state's task gives, in place of doing it.
            mock_error: what its task fails of, in place of doing it.
            field_validation_mode: how exactly a mocked result is held against the API of the service.
            state_configuration: the API's `stateConfiguration`: attempts before this one, and so on.

        Raises:
            InvalidArgument: both a result and an error are mocked, or an argument makes no sense.
            ServiceError: the service refused, such as a definition that breaks rules.
        """
        from asfini.state_test import StateTest, mock_written

        _checks.one_of(("INFO", "DEBUG", "TRACE"), inspection_level=inspection_level)
        _checks.flags(reveal_secrets=reveal_secrets)
        _checks.names(name=name, role=role)
        _checks.mappings(variables=variables, context=context, state_configuration=state_configuration)
        acting = role or getattr(state, "role", None) or self.role
        if acting is None and self.service.ignores_roles:
            acting = DEFAULT_ROLE
        given = {
            "roleArn": None if acting is None else (await self.account()).fill_in(role_arn(acting)),
            "stateName": name,
            "variables": None if variables is None else _json.dumps(variables, "the variables"),
            "context": None if context is None else _json.dumps(context, "the context object"),
            "mock": mock_written(mock_result, mock_error, field_validation_mode),
            "stateConfiguration": state_configuration,
            "revealSecrets": reveal_secrets or None,
        }
        told = await self.service.call(
            "test_state",
            definition=await self._definition_text(state, as_state=True),
            input=_json.payload(input, "the input"),
            inspectionLevel=inspection_level,
            **{key: value for key, value in given.items() if value is not None},
        )
        return StateTest.of(told)

    async def _definition_text(self, thing: Any, *, as_state: bool = False) -> str:
        """Write a definition, or by itself a state, as JSON text for the account."""
        if not isinstance(thing, str):
            from asfini.asl import State
            from asfini.asl.definition import read_definition

            as_it_is = isinstance(thing, Mapping) or (as_state and isinstance(thing, State))
            data = thing if as_it_is else read_definition(thing)
            thing = _json.dumps(data if isinstance(data, Mapping) else data.to_dict(), "the definition")
        return (await self.account()).fill_in(thing) if has_pseudo_parameters(thing) else thing

    # Tasks

    async def get_activity_task(
        self, activity: Activity | str, *, worker_name: str | None = None, heartbeat: float | None = 20
    ) -> "TaskHandle | None":
        """Poll once for a task of an activity; a `Worker` does so for as long as it runs.

        A poll that is cancelled may take a task with it.

        Args:
            activity: the activity, or its name or ARN.
            worker_name: who is polling, as histories tell it; at most 80 characters.
            heartbeat: seconds between two heartbeats in the task's block; `None` for none.

        Returns:
            The task, with its `input`; `None` if there was none within the service's time, 60 seconds on AWS.

        Raises:
            ActivityDoesNotExist: the activity is not registered.
        """
        if isinstance(activity, str) and not activity.startswith("arn:"):
            activity = Activity(activity)
        check_interval(heartbeat, "a task's heartbeat")
        name = {} if worker_name is None else {"workerName": check_name(worker_name, "a worker")}
        arn = str(await self._arn(activity, "activity"))
        told = await self.service.call("get_activity_task", activityArn=arn, **name)
        if not told.get("taskToken"):
            return None
        handle = self.task(told["taskToken"], heartbeat=heartbeat)
        handle.input = _json.loads(told.get("input", "null"), "the task's input")
        return handle

    def task(self, token: str, *, heartbeat: float | None = 20) -> "TaskHandle":
        """A task whose token somebody handed over: complete it, or do it in a block that reports by itself.

        Args:
            token: the task's token.
            heartbeat: seconds between two heartbeats in a block, the first one at its beginning;
                `None` for none.

        Examples:
            >>> async with client.task(token) as task:  # doctest: +SKIP
            ...     task.output = await work()
        """
        from asfini.tokens import TaskHandle  # not every client completes tasks

        return TaskHandle(self.service, token, heartbeat=heartbeat)

    # Tests

    def mock(
        self,
        thing: Any = None,
        return_value: Any = None,
        *,
        side_effect: Any = None,
        state: str | None = None,
        machine: Machine | None = None,
        after: float = 0,
    ) -> "Mock":
        """Let tasks be done by nobody: give results, and note what they got. For the local service only.

        A mock comes before workers, handlers and whatever else does tasks, and a later one before an earlier
        one. Its result is the task's own, also where a job is waited for (`.sync`) or a token
        (`.waitForTaskToken`).

        Args:
            thing: what is mocked: an activity, a `Lambda`, an ARN, a short service name such as
                `"sqs:sendMessage"`, or a Task; without one, `state`.
            return_value: what each task gives, as `unittest.mock` calls it.
            side_effect: in place of that, an exception that each task fails with, such as a `TaskFailed`; a
                function, which may be `async`, that gets each task's input and gives its result; or a
                sequence of results, exceptions and functions, one for each task or try in turn. When no more
                is left, the execution fails.
            state: the name of the Task that is mocked, in a Parallel or Map, too; with `thing`, only there.
            machine: the machine that has the Task; any by default.
            after: seconds that a task takes; it sends no heartbeats meanwhile.

        Returns:
            The mock, with `calls` and `inputs` to look at. It holds until its `stop`, or the end of its block
            if it is used as a context manager.

        Raises:
            InvalidArgument: the service is not the local one, nothing can be mocked so, or AWS would take
                no such result.

        Examples:
            >>> payment = client.mock(charge, side_effect=[TaskFailed("Busy"), "paid"])  # doctest: +SKIP
            >>> assert await client.execute(shop, {"pence": 100}) == "paid"  # doctest: +SKIP
            >>> assert payment.inputs == [{"pence": 100}] * 2  # doctest: +SKIP
        """
        return self.service.mock(
            thing,
            return_value=return_value,
            side_effect=side_effect,
            state=state,
            machine=machine,
            after=after,
        )

    # Names

    async def _own_arn(self, machine: Machine) -> str:
        """The ARN of a machine itself, whichever version or alias of it is given."""
        arn = await self._arn(machine, "stateMachine")
        return str(Arn(arn.account, arn.kind, (_name_of(arn),)))

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
            wanted = _WANTED[kinds]
            raise InvalidArgument(f"{wanted} is needed, not {thing!r}")
        return arn


_WANTED = {
    (): "a machine's or an activity's ARN",
    ("activity",): "an activity's name or ARN",
    ("stateMachine",): "a machine's name or ARN",
}


def _arn_text(thing: object) -> str:
    """The ARN of whatever has one, in which pseudo parameters may stand for the account."""
    if isinstance(thing, (StateMachine, Activity, Alias)):
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
    return f"{_name_of(machine)[: MAX_NAME_LENGTH - len(unique) - 1]}-{unique}"


def _name_of(machine: Arn) -> str:
    """A machine's name; after it may stand a test case of mocked results."""
    return machine.parts[0].partition("#")[0]
