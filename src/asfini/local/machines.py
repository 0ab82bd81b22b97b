"""The operations on state machines, and on tags."""

import uuid
from typing import Any, Literal

from asfini import errors
from asfini.asl.definition import Definition
from asfini.asl.validation import problems
from asfini.local._operations import checked_arn, checked_name, page, tag_dict, tag_list
from asfini.local.dates import Dates
from asfini.local.run import Machine
from asfini.local.tasks import ActivityRecord


class Machines:
    """State machines.

    Args:
        prefix: what a machine's ARN begins with.
        dates: tells the time.
        activities: the activities by ARN, which can have tags, too.
    """

    def __init__(self, prefix: str, dates: Dates, activities: dict[str, ActivityRecord]) -> None:
        self._prefix = prefix
        self._dates = dates
        self._activities = activities
        self._machines: dict[str, tuple[Machine, dict[str, Any]]] = {}

    def _find(self, arn: str) -> tuple[Machine, dict[str, Any]]:
        found = self._machines.get(checked_arn(arn, "stateMachine"))
        if found is None:
            raise errors.StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
        return found

    async def create_state_machine(
        self,
        name: str,
        definition: str,
        roleArn: str,
        type: Literal["STANDARD", "EXPRESS"] = "STANDARD",
        loggingConfiguration: dict[str, Any] | None = None,
        tags: list[dict[str, str]] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a machine, or find the same one that is there."""
        arn = self._prefix + checked_name(name, "a state machine")
        options = {
            "loggingConfiguration": loggingConfiguration or {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": tracingConfiguration or {"enabled": False},
            "encryptionConfiguration": encryptionConfiguration,
            "tags": tag_dict(tags),
        }
        known = self._machines.get(arn)
        if known is None:
            machine = self._machine(arn, name, type, roleArn, definition)
            known = self._machines[arn] = machine, {"created": machine.updated, **options}
        elif (known[0].definition_text, known[0].role_arn, known[0].kind) != (definition, roleArn, type):
            raise errors.StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
        return {"stateMachineArn": arn, "creationDate": known[1]["created"]}

    def _machine(self, arn: str, name: str, kind: str, role_arn: str, text: str) -> Machine:
        definition = _definition(text, "EXPRESS" if kind == "EXPRESS" else "STANDARD")
        return Machine(arn, name, kind, role_arn, text, definition, str(uuid.uuid4()), self._dates.now())

    async def update_state_machine(
        self,
        stateMachineArn: str,
        definition: str | None = None,
        roleArn: str | None = None,
        loggingConfiguration: dict[str, Any] | None = None,
        tracingConfiguration: dict[str, Any] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Change a machine; executions that run keep the one they started with."""
        machine, options = self._find(stateMachineArn)
        changes = {
            "loggingConfiguration": loggingConfiguration,
            "tracingConfiguration": tracingConfiguration,
            "encryptionConfiguration": encryptionConfiguration,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        if definition is None and roleArn is None and not given:
            raise errors.MissingRequiredParameter(
                "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration "
                "or the EncryptionConfiguration must be specified"
            )
        changed = self._machine(
            machine.arn,
            machine.name,
            machine.kind,
            roleArn or machine.role_arn,
            definition or machine.definition_text,
        )
        self._machines[machine.arn] = changed, options | given
        return {"updateDate": changed.updated, "revisionId": changed.revision}

    async def describe_state_machine(
        self, stateMachineArn: str, includedData: str = "ALL_DATA"
    ) -> dict[str, Any]:
        """Tell all about a machine."""
        machine, options = self._find(stateMachineArn)
        described = {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "status": "ACTIVE",
            "definition": machine.definition_text,
            "roleArn": machine.role_arn,
            "type": machine.kind,
            "creationDate": options["created"],
            "loggingConfiguration": options["loggingConfiguration"],
            "tracingConfiguration": options["tracingConfiguration"],
            "revisionId": machine.revision,
        }
        if options["encryptionConfiguration"]:
            described["encryptionConfiguration"] = options["encryptionConfiguration"]
        if includedData == "METADATA_ONLY":
            del described["definition"]
        return described

    async def delete_state_machine(self, stateMachineArn: str) -> dict[str, Any]:
        """Delete a machine; one that is not there is no error."""
        self._machines.pop(checked_arn(stateMachineArn, "stateMachine"), None)
        return {}

    async def list_state_machines(self, maxResults: int = 0, nextToken: str | None = None) -> dict[str, Any]:
        """List machines, by name."""
        entries = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": machine.kind,
                "creationDate": options["created"],
            }
            for machine, options in sorted(self._machines.values(), key=lambda entry: entry[0].name)
        ]
        return page("stateMachines", entries, maxResults, nextToken)

    async def tag_resource(self, resourceArn: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        """Add tags to a machine or an activity."""
        self._tags(resourceArn).update(tag_dict(tags))
        return {}

    async def untag_resource(self, resourceArn: str, tagKeys: list[str]) -> dict[str, Any]:
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
        if arn in self._activities:
            return self._activities[arn].tags
        if arn in self._machines:
            tags: dict[str, str] = self._machines[arn][1]["tags"]
            return tags
        raise errors.ResourceNotFound(f"Resource not found: '{arn}'")


def _definition(text: str, kind: Literal["STANDARD", "EXPRESS"]) -> Definition:
    """Read a definition as CreateStateMachine does, refusing what AWS would."""
    if found := problems(text, machine_type=kind):
        raise errors.InvalidDefinition(f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
    return Definition.from_json(text)
