"""Aliases: names for one version of a machine, or for two between which starts are shared out."""

from collections.abc import Mapping
from typing import Any

from asfini import _checks
from asfini._arns import Arn
from asfini._pages import entries
from asfini.errors import InvalidArgument
from asfini.service import Service

Version = str | int
"""A version of a machine: its ARN, or its number."""
Routing = Version | Mapping[Version, int]
"""One version, or one or two, each with the percentage of starts that it gets."""


class Alias:
    """An alias of a machine, by which executions are started: `client.start_execution(alias)`.

    Made by `Client.alias`, `Client.create_alias` and `Client.list_aliases`.

    Args:
        service: what answers.
        arn: its ARN.

    Raises:
        InvalidArgument: the ARN is not an alias's.

    Examples:
        >>> live = await client.alias("shop", "live")  # doctest: +SKIP
        >>> await live.shift(7, 10)  # one start in ten goes to version 7
        >>> await live.shift(7)  # and now all
        >>> await live.rollback()  # and all to the version before it
    """

    def __init__(self, service: Service, arn: str) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        parsed = Arn.parse(arn)
        if parsed.kind != "stateMachine" or len(parsed.parts) != 2 or parsed.parts[1].isdecimal():
            raise InvalidArgument(f"an alias's ARN is needed, not {arn!r}")
        self._service = service
        self.arn = arn
        """The alias's ARN."""

    @property
    def name(self) -> str:
        """Its name."""
        return Arn.parse(self.arn).parts[1]

    @property
    def state_machine_arn(self) -> str:
        """The ARN of the machine whose versions it names."""
        arn = Arn.parse(self.arn)
        return str(Arn(arn.account, arn.kind, arn.parts[:1]))

    def __repr__(self) -> str:
        return f"Alias({self.arn!r})"

    async def describe(self) -> dict[str, Any]:
        """All that the service tells of it, by the API's own names."""
        return await self._service.call("describe_state_machine_alias", stateMachineAliasArn=self.arn)

    async def routing(self) -> dict[str, int]:
        """The percentage of starts that each version gets, by the version's ARN."""
        told = (await self.describe())["routingConfiguration"]
        return {entry["stateMachineVersionArn"]: entry["weight"] for entry in told}

    async def update(self, routing: Routing | None = None, *, description: str | None = None) -> None:
        """Change where it leads, or its description.

        Args:
            routing: a version, or one or two with percentages that sum up to 100.
            description: at most 256 characters.

        Raises:
            InvalidArgument: neither is given, or the routing makes no sense.
            ServiceError: there is no such version or alias.
        """
        _checks.texts(description=description)
        changes: dict[str, Any] = {} if description is None else {"description": description}
        if routing is not None:
            changes["routingConfiguration"] = routing_list(self.state_machine_arn, routing)
        if not changes:
            raise InvalidArgument("what is to be changed: the routing, the description or both?")
        await self._service.call("update_state_machine_alias", stateMachineAliasArn=self.arn, **changes)

    async def shift(self, version: Version, weight: int = 100) -> None:
        """Let a version have a share of the starts; the version that has most of the others keeps the rest.

        Args:
            version: the version's ARN or number.
            weight: the percentage of starts that it gets; all by default.

        Raises:
            InvalidArgument: the percentage is none, or there is no other version to keep the rest.
        """
        target = version_arn(self.state_machine_arn, version)
        _check_weight(weight)
        others = {arn: share for arn, share in (await self.routing()).items() if arn != target}
        if weight < 100 and not others:
            raise InvalidArgument(f"{target} has all starts: no other version is there to take the rest")
        routing: dict[Version, int] = {}
        if weight < 100:
            routing[max(others, key=lambda arn: others[arn])] = 100 - weight
        await self.update({**routing, target: weight})

    async def rollback(self) -> str:
        """Let all starts go to the older one of its two versions, or to the one before its only version.

        Returns:
            The ARN of the version that has all starts now.

        Raises:
            InvalidArgument: there is no older version.
        """
        routed = sorted(await self.routing(), key=_number)
        target = routed[0] if len(routed) > 1 else await self._before(routed[0])
        await self.update(target)
        return target

    async def _before(self, version: str) -> str:
        """The version that was published before another one, of those that are left."""
        machine = self.state_machine_arn
        async for entry in entries(
            self._service, "list_state_machine_versions", "stateMachineVersions", stateMachineArn=machine
        ):
            found: str = entry["stateMachineVersionArn"]
            if _number(found) < _number(version):  # the list begins with the youngest
                return found
        raise InvalidArgument(f"cannot roll back {self.arn}: there is no version before {version}")

    async def delete(self) -> None:
        """Delete it; its versions stay.

        Raises:
            DoesNotExist: it is not there.
        """
        await self._service.call("delete_state_machine_alias", stateMachineAliasArn=self.arn)


def routing_list(machine_arn: str, routing: Routing) -> list[dict[str, Any]]:
    """Write where an alias leads as the API has it.

    Args:
        machine_arn: the machine, whose versions may be given by number.
        routing: one version, or one or two with percentages.

    Raises:
        InvalidArgument: it makes no sense.
    """
    weights: Mapping[Version, int] = routing if isinstance(routing, Mapping) else {routing: 100}
    if not 1 <= len(weights) <= 2:
        raise InvalidArgument(f"an alias leads to one or two versions, not to {len(weights)}: {routing!r}")
    for weight in weights.values():
        _check_weight(weight)
    if sum(weights.values()) != 100:
        raise InvalidArgument(f"the percentages of an alias's routing sum up to 100: {routing!r}")
    return [
        {"stateMachineVersionArn": version_arn(machine_arn, version), "weight": weight}
        for version, weight in weights.items()
    ]


def version_arn(machine_arn: str, version: object) -> str:
    """The ARN of a machine's version that is given by its ARN or number.

    Raises:
        InvalidArgument: it is neither, or another machine's.
    """
    if isinstance(version, int) and not isinstance(version, bool) and version > 0:
        return f"{machine_arn}:{version}"
    if isinstance(version, str) and version.startswith("arn:"):
        arn = Arn.parse(version)
        if len(arn.parts) == 2 and arn.parts[1].isdecimal() and version.startswith(f"{machine_arn}:"):
            return version
    raise InvalidArgument(f"a version of {machine_arn} is needed, its ARN or number, not {version!r}")


def _number(version: str) -> int:
    return int(version.rpartition(":")[2])


def _check_weight(weight: object) -> None:
    if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= 100:
        raise InvalidArgument(f"a weight is a whole percentage from 0 to 100, not {weight!r}")
