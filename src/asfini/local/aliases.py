"""The operations on aliases of state machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from asfini import errors
from asfini.local._operations import Listing, checked_arn
from asfini.local.dates import Dates
from asfini.local.registry import (
    Alias,
    Record,
    Registry,
    Route,
    checked_active,
    is_number,
    qualifier_of,
    unqualified,
)

MAX_ALIASES = 100
"""The most aliases of a machine: CreateStateMachineAlias in the API reference."""


class Aliases:
    """Aliases.

    Args:
        registry: the machines.
        dates: tells the time.
    """

    def __init__(self, registry: Registry, dates: Dates) -> None:
        self._registry = registry
        self._dates = dates

    async def create_state_machine_alias(
        self, name: str, routingConfiguration: list[Any], description: str | None = None
    ) -> dict[str, Any]:
        """Make an alias, or find the same one that is there."""
        routes = _routes(routingConfiguration)
        record = checked_active(self._owner(routes[0].version_arn))
        _check_versions(record, routes)
        known = record.aliases.get(name)
        if known is None:
            known = self._made(record, name, routes, description)
        elif (known.routes, known.description) != (routes, description):
            raise errors.ConflictException(
                "Failed to create alias because an alias with the same name and a different routing "
                "configuration already exists."
            )
        return _entry(known)

    def _made(self, record: Record, name: str, routes: list[Route], description: str | None) -> Alias:
        if len(record.aliases) >= MAX_ALIASES:
            raise errors.ServiceQuotaExceededException(
                f"A state machine has at most {MAX_ALIASES} aliases: '{record.machine.arn}'"
            )
        record.named += 1
        now, arn = self._dates.now(), f"{record.machine.arn}:{name}"
        made = record.aliases[name] = Alias(arn, name, record.named, routes, description, now, now)
        return made

    async def update_state_machine_alias(
        self,
        stateMachineAliasArn: str,
        description: str | None = None,
        routingConfiguration: list[Any] | None = None,
    ) -> dict[str, Any]:
        """Change an alias's versions or its description; what changes nothing is no update."""
        if description is None and routingConfiguration is None:
            raise errors.ValidationException(
                "Either the description or the routingConfiguration must be specified"
            )
        record, alias = self._find(stateMachineAliasArn)
        checked_active(record)
        routes = alias.routes if routingConfiguration is None else _routes(routingConfiguration)
        _check_versions(record, routes)
        text = alias.description if description is None else description
        if (routes, text) != (alias.routes, alias.description):
            alias.routes, alias.description, alias.updated = routes, text, self._dates.now()
        return {"updateDate": alias.updated}

    async def describe_state_machine_alias(self, stateMachineAliasArn: str) -> dict[str, Any]:
        """Tell all about an alias."""
        _, alias = self._find(stateMachineAliasArn)
        told = {
            **_entry(alias),
            "name": alias.name,
            "routingConfiguration": [
                {"stateMachineVersionArn": route.version_arn, "weight": route.weight}
                for route in alias.routes
            ],
            "updateDate": alias.updated,
        }
        return told if alias.description is None else {**told, "description": alias.description}

    async def list_state_machine_aliases(
        self, stateMachineArn: str, nextToken: str | None = None, maxResults: int = 0
    ) -> dict[str, Any]:
        """List the aliases of a machine, or those that lead to a version, in the order of their making."""
        record = checked_active(self._registry.find(stateMachineArn))
        version = record.version(stateMachineArn)
        aliases = [
            alias
            for alias in record.aliases.values()
            if version is None or any(route.version_arn == version.arn for route in alias.routes)
        ]
        return _LISTING.page(aliases, maxResults, nextToken, stateMachineArn)

    async def delete_state_machine_alias(self, stateMachineAliasArn: str) -> dict[str, Any]:
        """Delete an alias, but none of its versions; one that is not there is no error."""
        _check_alias_arn(stateMachineAliasArn)
        record = self._registry.owner(stateMachineAliasArn)
        alias = record.alias(stateMachineAliasArn) if record else None
        if record is not None and alias is not None:
            del record.aliases[alias.name]
        return {}

    def _owner(self, arn: str) -> Record:
        record = self._registry.owner(arn)
        if record is None:
            raise _nothing()
        return record

    def _find(self, arn: str) -> tuple[Record, Alias]:
        _check_alias_arn(arn)
        record = self._owner(arn)
        alias = record.alias(arn)
        if alias is None:
            raise _nothing()
        return record, alias


def _nothing() -> errors.ResourceNotFound:
    return errors.ResourceNotFound("Request references a resource that does not exist.")


def _check_alias_arn(arn: str) -> None:
    qualifier = qualifier_of(checked_arn(arn, "stateMachine"))
    if not qualifier or is_number(qualifier):
        raise errors.ValidationException(f"The ARN of a state machine alias is needed, not '{arn}'")


def _routes(given: Sequence[Mapping[str, Any]]) -> list[Route]:
    """Read a routing configuration.

    Raises:
        InvalidArn: a version's ARN is none.
        ValidationException: AWS would not take it.
    """
    routes = [Route(entry["stateMachineVersionArn"], entry["weight"]) for entry in given]
    _check_routes([route.version_arn for route in routes], [route.weight for route in routes])
    return routes


def _check_routes(arns: list[str], weights: list[int]) -> None:
    must = "Routing configuration must contain"
    received = f"Received: [{', '.join(arns)}]"
    if not all(is_number(qualifier_of(checked_arn(arn, "stateMachine"))) for arn in arns):
        raise errors.ValidationException(f"{must} state machine version ARNs. {received}")
    if len(set(arns)) < len(arns):
        raise errors.ValidationException(f"{must} distinct state machine version ARNs. {received}")
    if len(set(map(unqualified, arns))) > 1:
        raise errors.ValidationException(f"{must} versions of the same state machine. {received}")
    if sum(weights) != 100:
        raise errors.ValidationException(
            f"Sum of routing configuration weights must equal 100. Received: {weights}"
        )


def _check_versions(record: Record, routes: list[Route]) -> None:
    """Look whether an alias may lead where it is to.

    Raises:
        ResourceNotFound: there is no such version.
        ValidationException: it is one of another machine.
    """
    for route in routes:
        if unqualified(route.version_arn) != record.machine.arn:
            raise errors.ValidationException(
                "Routing configuration must contain versions of the alias's own state machine. "
                f"Received: [{', '.join(route.version_arn for route in routes)}]"
            )
        if record.version(route.version_arn) is None:
            raise _nothing()


def _entry(alias: Alias) -> dict[str, Any]:
    return {"stateMachineAliasArn": alias.arn, "creationDate": alias.created}


_LISTING = Listing("stateMachineAliases", mark=lambda alias: alias.number, tell=_entry)
