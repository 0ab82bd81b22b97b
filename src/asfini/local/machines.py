"""The operations on state machines."""

import copy
from dataclasses import replace
from random import Random
from typing import Any

from asfini import _json, errors
from asfini.asl._references import variable_references
from asfini.asl.definition import Definition
from asfini.asl.validation import problems
from asfini.local._operations import Listing, checked_name
from asfini.local.dates import Dates
from asfini.local.noting import note_machine
from asfini.local.options import configuration
from asfini.local.registry import Record, Registry
from asfini.local.run import Machine, identifier
from asfini.local.tags import tag_dict


class Machines:
    """State machines.

    Args:
        prefix: what a machine's ARN begins with.
        dates: tells the time.
        registry: keeps the machines.
        random: what revisions' ids are drawn from.
    """

    def __init__(self, prefix: str, dates: Dates, registry: Registry, random: Random) -> None:
        self._prefix = prefix
        self._dates = dates
        self._registry = registry
        self._random = random

    async def create_state_machine(
        self,
        name: str,
        definition: str,
        roleArn: str,
        type: str = "STANDARD",
        loggingConfiguration: dict[str, Any] | None = None,
        tags: list[Any] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a machine, or find the same one that is there, whatever its role and tags."""
        _check_description(publish, versionDescription)
        arn = self._prefix + checked_name(name, "a state machine")
        told = configuration({}, loggingConfiguration, tracingConfiguration, encryptionConfiguration)
        publication = (publish, versionDescription)
        if self._registry.known(arn) is None:
            now = self._dates.now()
            made = Machine(arn, name, type, roleArn, definition, _definition(definition, type), "", now, told)
            record = self._registry.add(Record(made, now, tag_dict(tags), publication))
            note_machine(name, definition)
            if publish:
                record.publish(versionDescription, now)
        record = self._registry.active(arn)
        there = record.machine
        same = (there.definition_text, there.kind, there.configuration) == (definition, type, told)
        if not same or record.publication != publication:
            raise errors.StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
        created = {"stateMachineArn": arn, "creationDate": record.created}
        return {**created, "stateMachineVersionArn": f"{arn}:1"} if publish else created

    async def update_state_machine(
        self,
        stateMachineArn: str,
        definition: str | None = None,
        roleArn: str | None = None,
        loggingConfiguration: dict[str, Any] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Change a machine; executions that run keep the one they started with."""
        _check_description(publish, versionDescription)
        record = self._registry.active(stateMachineArn)
        options = (loggingConfiguration, tracingConfiguration, encryptionConfiguration)
        if all(given is None for given in (definition, roleArn, *options)):
            raise errors.MissingRequiredParameter(
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
                "must be specified"
            )
        old = record.machine
        told = configuration(old.configuration, *options)
        new = self._revised(old, definition or old.definition_text, roleArn or old.role_arn, told)
        if publish and record.version_of(new) is None:
            record.check_room()
        record.machine, now = new, self._dates.now()
        updated = {"updateDate": now, **_revision(new)}
        if publish:
            updated["stateMachineVersionArn"] = record.publish(versionDescription, now).arn
        return updated

    def _revised(self, old: Machine, text: str, role_arn: str, told: dict[str, Any]) -> Machine:
        """The machine after an update; one that changes nothing makes no revision."""
        if (text, role_arn, told) == (old.definition_text, old.role_arn, old.configuration):
            return old
        definition = old.definition
        if text != old.definition_text:
            definition = _definition(text, old.kind)
            note_machine(old.name, text)
        return replace(
            old,
            definition=definition,
            definition_text=text,
            role_arn=role_arn,
            configuration=told,
            revision=identifier(self._random),
            updated=self._dates.now(),
            programs={},
            taken=None,
        )

    async def describe_state_machine(
        self, stateMachineArn: str, includedData: str = "ALL_DATA"
    ) -> dict[str, Any]:
        """Tell all about a machine, or about a version of it; an alias stands for its version."""
        record = self._registry.find(stateMachineArn)
        version = self._registry.version(stateMachineArn)
        told = {
            **description(record.machine if version is None else version.machine, includedData),
            "status": "ACTIVE" if record.ending is None else "DELETING",
            "type": record.machine.kind,
            "creationDate": record.created,
        }
        if version is not None:
            told |= {"stateMachineArn": version.arn, "creationDate": version.created}
            if version.description is not None:
                told["description"] = version.description
        return told

    async def list_state_machines(self, maxResults: int = 0, nextToken: str | None = None) -> dict[str, Any]:
        """List machines, by name."""
        return _LISTING.page([*self._registry], maxResults, nextToken)


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
        **copy.deepcopy(machine.configuration),  # whoever gets it may change it
        **_revision(machine),
    }
    if included == "METADATA_ONLY":
        return {**told, "definition": "{}"}
    read = variable_references(_json.loads(machine.definition_text))
    return {**told, "variableReferences": read} if read else told


def _revision(machine: Machine) -> dict[str, str]:
    """A machine has no revision before it is changed."""
    return {"revisionId": machine.revision} if machine.revision else {}


def _definition(text: str, kind: str) -> Definition:
    """Read a definition as CreateStateMachine does, refusing what AWS would: placeholders are text for it."""
    if found := problems(text, machine_type="EXPRESS" if kind == "EXPRESS" else "STANDARD", template=False):
        raise errors.InvalidDefinition(f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
    return Definition.from_json(text)


def _check_description(publish: bool, text: str | None) -> None:
    if text is not None and not publish:
        raise errors.ValidationException("Version description can only be set when publish is true")
