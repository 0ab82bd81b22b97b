"""The operations on state machines, and on tags."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from asfini import errors
from asfini._arns import Arn
from asfini.asl.definition import Definition
from asfini.asl.validation import problems
from asfini.local._operations import Listing, checked_arn, checked_name, tag_dict, tag_list
from asfini.local.dates import Dates
from asfini.local.run import Machine, Run
from asfini.local.tasks import ActivityRecord

_NO_VERSIONS = "the local service keeps no versions: leave publish and versionDescription out"


@dataclass(slots=True)
class Record:
    """A registered machine, with what is no concern of its executions."""

    machine: Machine
    created: datetime
    tags: dict[str, str]
    ending: Sequence[Run] | None = None
    """The executions that ran when it was deleted: it is gone when they have ended."""

    @property
    def gone(self) -> bool:
        """Whether it was deleted, and nothing of it runs any more."""
        return self.ending is not None and not any(run.running for run in self.ending)


class Machines:
    """State machines.

    Args:
        prefix: what a machine's ARN begins with.
        dates: tells the time.
        activities: the activities by ARN, which can have tags, too.
    """

    def __init__(self, prefix: str, dates: Dates, activities: Mapping[str, ActivityRecord]) -> None:
        self._prefix = prefix
        self._dates = dates
        self._activities = activities
        self._records: dict[str, Record] = {}

    def find(self, arn: str) -> Machine:
        """A registered machine.

        Raises:
            StateMachineDoesNotExist: there is none.
        """
        return self._record(arn).machine

    def find_active(self, arn: str) -> Machine:
        """A machine that executions can be started of.

        Raises:
            StateMachineDoesNotExist: there is none.
            StateMachineDeleting: it is being deleted.
        """
        return self._active(arn).machine

    def delete(self, arn: str, running: Sequence[Run]) -> None:
        """Delete a machine as soon as some executions of it have ended; one that is not there is no error."""
        record = self._known(checked_arn(arn, "stateMachine"))
        if record is not None and record.ending is None:
            record.ending = running

    def _known(self, arn: str) -> Record | None:
        record = self._records.get(arn)
        if record is not None and record.gone:
            del self._records[arn]
            return None
        return record

    def _record(self, arn: str) -> Record:
        record = self._known(checked_arn(arn, "stateMachine"))
        if record is None:
            qualified = len(Arn.parse(arn).parts) > 1
            hint = " (the local service keeps no versions and aliases)" if qualified else ""
            raise errors.StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'{hint}")
        return record

    def _active(self, arn: str) -> Record:
        record = self._record(arn)
        if record.ending is not None:
            raise errors.StateMachineDeleting(f"State Machine is being deleted: '{arn}'")
        return record

    async def create_state_machine(
        self,
        name: str,
        definition: str,
        roleArn: str,
        type: str = "STANDARD",
        loggingConfiguration: dict[str, Any] | None = None,
        tags: list[Any] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
    ) -> dict[str, Any]:
        """Make a machine, or find the same one that is there, whatever its role and tags."""
        _refuse_versions(publish, versionDescription)
        arn = self._prefix + checked_name(name, "a state machine")
        told = _configuration({}, loggingConfiguration, tracingConfiguration, encryptionConfiguration)
        known = self._known(arn)
        if known is None:
            now = self._dates.now()
            made = Machine(arn, name, type, roleArn, definition, _definition(definition, type), "", now, told)
            known = self._records[arn] = Record(made, now, tag_dict(tags))
        machine = self._active(arn).machine
        if (machine.definition_text, machine.kind, machine.configuration) != (definition, type, told):
            raise errors.StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
        return {"stateMachineArn": arn, "creationDate": known.created}

    async def update_state_machine(
        self,
        stateMachineArn: str,
        definition: str | None = None,
        roleArn: str | None = None,
        loggingConfiguration: dict[str, Any] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
    ) -> dict[str, Any]:
        """Change a machine; executions that run keep the one they started with."""
        _refuse_versions(publish, versionDescription)
        record = self._active(stateMachineArn)
        options = (loggingConfiguration, tracingConfiguration, encryptionConfiguration)
        if all(given is None for given in (definition, roleArn, *options)):
            raise errors.MissingRequiredParameter(
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
                "must be specified"
            )
        old = record.machine
        told = _configuration(old.configuration, *options)
        record.machine = self._revised(old, definition or old.definition_text, roleArn or old.role_arn, told)
        return {"updateDate": self._dates.now(), **_revision(record.machine)}

    def _revised(self, old: Machine, text: str, role_arn: str, told: dict[str, Any]) -> Machine:
        """The machine after an update; one that changes nothing makes no revision."""
        if (text, role_arn, told) == (old.definition_text, old.role_arn, old.configuration):
            return old
        definition = old.definition if text == old.definition_text else _definition(text, old.kind)
        return replace(
            old,
            definition=definition,
            definition_text=text,
            role_arn=role_arn,
            configuration=told,
            revision=str(uuid.uuid4()),
            updated=self._dates.now(),
            programs={},
        )

    async def describe_state_machine(
        self, stateMachineArn: str, includedData: str = "ALL_DATA"
    ) -> dict[str, Any]:
        """Tell all about a machine."""
        record = self._record(stateMachineArn)
        return {
            **description(record.machine, includedData),
            "status": "ACTIVE" if record.ending is None else "DELETING",
            "type": record.machine.kind,
            "creationDate": record.created,
        }

    async def list_state_machines(self, maxResults: int = 0, nextToken: str | None = None) -> dict[str, Any]:
        """List machines, by name."""
        records = [record for arn in sorted(self._records) if (record := self._known(arn)) is not None]
        return _LISTING.page(records, maxResults, nextToken)

    async def delete_state_machine_version(self, stateMachineVersionArn: str) -> dict[str, Any]:
        """Delete a version: there is none, which is no error."""
        checked_arn(stateMachineVersionArn, "stateMachine")
        return {}

    async def delete_state_machine_alias(self, stateMachineAliasArn: str) -> dict[str, Any]:
        """Delete an alias: there is none."""
        checked_arn(stateMachineAliasArn, "stateMachine")
        raise errors.ResourceNotFound(
            f"Request references a resource that does not exist: {stateMachineAliasArn}"
        )

    async def tag_resource(self, resourceArn: str, tags: list[Any]) -> dict[str, Any]:
        """Add tags to a machine or an activity."""
        there = self._tags(resourceArn)
        there.update(tag_dict([*tag_list(there), *tags]))
        return {}

    async def untag_resource(self, resourceArn: str, tagKeys: list[Any]) -> dict[str, Any]:
        """Remove tags from a machine or an activity."""
        tags = self._tags(resourceArn)
        for key in tagKeys:
            tags.pop(key, None)
        return {}

    async def list_tags_for_resource(self, resourceArn: str) -> dict[str, Any]:
        """List the tags of a machine or an activity."""
        return {"tags": tag_list(self._tags(resourceArn))}

    def _tags(self, arn: str) -> dict[str, str]:
        checked_arn(arn, "stateMachine|activity")
        found = self._activities.get(arn) or self._known(arn)
        if found is None:
            raise errors.ResourceNotFound(f"Resource not found: '{arn}'")
        return found.tags


_LISTING = Listing(
    "stateMachines",
    mark=lambda record: record.machine.name,
    tell=lambda record: {
        "stateMachineArn": record.machine.arn,
        "name": record.machine.name,
        "type": record.machine.kind,
        "creationDate": record.created,
    },
)


def description(machine: Machine, included: str) -> dict[str, Any]:
    """What is told of a machine as it is, and as it was when an execution of it started."""
    told = {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "definition": machine.definition_text,
        "roleArn": machine.role_arn,
        **machine.configuration,
        **_revision(machine),
    }
    if included == "METADATA_ONLY":
        del told["definition"]
    return told


def _revision(machine: Machine) -> dict[str, str]:
    """A machine has no revision before it is changed."""
    return {"revisionId": machine.revision} if machine.revision else {}


def _definition(text: str, kind: str) -> Definition:
    """Read a definition as CreateStateMachine does, refusing what AWS would: placeholders are text for it."""
    if found := problems(text, machine_type="EXPRESS" if kind == "EXPRESS" else "STANDARD", template=False):
        raise errors.InvalidDefinition(f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
    return Definition.from_json(text)


def _configuration(
    there: Mapping[str, Any],
    logging: Mapping[str, Any] | None,
    tracing: Mapping[str, Any] | None,
    encryption: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What is told of a machine's options: what is given, what was there, or AWS's defaults."""
    return {
        "loggingConfiguration": (
            there.get("loggingConfiguration", _NO_LOGS) if logging is None else _checked_logging(logging)
        ),
        "tracingConfiguration": dict(tracing or there.get("tracingConfiguration") or {"enabled": False}),
        "encryptionConfiguration": dict(
            encryption or there.get("encryptionConfiguration") or {"type": "AWS_OWNED_KEY"}
        ),
    }


_NO_LOGS = {"level": "OFF", "includeExecutionData": False}


def _checked_logging(given: Mapping[str, Any]) -> dict[str, Any]:
    told = {**_NO_LOGS, **given}
    destinations = told.get("destinations", [])
    if len(destinations) != 1 and (destinations or told["level"] != "OFF"):
        raise errors.InvalidLoggingConfiguration(
            "Invalid Logging Configuration: Must specify exactly one Log Destination."
        )
    return told


def _refuse_versions(publish: bool, text: str | None) -> None:
    if text is not None and not publish:
        raise errors.ValidationException("Version description can only be set when publish is true")
    if publish:
        raise errors.InvalidArgument(_NO_VERSIONS)
