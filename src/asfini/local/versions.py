"""The operations on versions of state machines."""

from typing import Any

from asfini import errors
from asfini.local._operations import Listing, checked_arn
from asfini.local.dates import Dates
from asfini.local.registry import INITIAL, Registry, Version, is_number, qualifier_of


class Versions:
    """Versions.

    Args:
        registry: the machines.
        dates: tells the time.
    """

    def __init__(self, registry: Registry, dates: Dates) -> None:
        self._registry = registry
        self._dates = dates

    async def publish_state_machine_version(
        self, stateMachineArn: str, revisionId: str | None = None, description: str | None = None
    ) -> dict[str, Any]:
        """Publish a machine's revision, or find the version that it has already, whatever its description."""
        record = self._registry.active(stateMachineArn)
        current = record.machine.revision or INITIAL
        if revisionId not in (None, current):
            raise errors.ConflictException(
                f"Failed to publish the State Machine version for revision {revisionId}. "
                f"The current State Machine revision is {current}."
            )
        return _entry(record.publish(description, self._dates.now()))

    async def list_state_machine_versions(
        self, stateMachineArn: str, nextToken: str | None = None, maxResults: int = 0
    ) -> dict[str, Any]:
        """List a machine's versions, the youngest first."""
        versions = [*self._registry.record(stateMachineArn).versions.values()]
        return _LISTING.page(versions[::-1], maxResults, nextToken, stateMachineArn)

    async def delete_state_machine_version(self, stateMachineVersionArn: str) -> dict[str, Any]:
        """Delete a version that no alias leads to; one that is not there is no error."""
        _check_version_arn(stateMachineVersionArn)
        record = self._registry.owner(stateMachineVersionArn)
        version = record.version(stateMachineVersionArn) if record else None
        if record is None or version is None:
            return {}
        aliases = [
            alias.name
            for alias in record.aliases.values()
            if any(route.version_arn == version.arn for route in alias.routes)
        ]
        if aliases:
            raise errors.ConflictException(
                "Version to be deleted must not be referenced by an alias. "
                f"Current list of aliases referencing this version: [{', '.join(aliases)}]"
            )
        del record.versions[version.arn]
        return {}


def _check_version_arn(arn: str) -> None:
    if not is_number(qualifier_of(checked_arn(arn, "stateMachine"))):
        raise errors.ValidationException(f"The ARN of a state machine version is needed, not '{arn}'")


def _entry(version: Version) -> dict[str, Any]:
    return {"stateMachineVersionArn": version.arn, "creationDate": version.created}


_LISTING = Listing("stateMachineVersions", mark=lambda version: -version.number, tell=_entry)
