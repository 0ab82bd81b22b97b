"""The state machines that there are, with their versions and aliases, by ARN."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import NamedTuple, TypeVar

from asfini import errors
from asfini._arns import Arn
from asfini.local._operations import checked_arn
from asfini.local.run import Machine, Run

Found = TypeVar("Found")

MAX_VERSIONS = 1000
"""The most versions of a machine: PublishStateMachineVersion in the API reference."""
INITIAL = "INITIAL"
"""What PublishStateMachineVersion calls the revision of a machine that was never updated."""


@dataclass(frozen=True, slots=True)
class Version:
    """A machine as it was when it was published."""

    arn: str
    number: int
    machine: Machine
    created: datetime
    description: str | None


class Route(NamedTuple):
    """Where an alias leads, and how often."""

    version_arn: str
    weight: int
    """The percentage of starts."""


@dataclass(slots=True)
class Alias:
    """A name for one or two versions."""

    arn: str
    name: str
    number: int
    """Its place in the order in which the machine's aliases were made."""
    routes: list[Route]
    description: str | None
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Record:
    """A registered machine, with what is no concern of its executions."""

    machine: Machine
    created: datetime
    tags: dict[str, str]
    publication: tuple[bool, str | None]
    """Whether it was published when it was made, and the description that it was given then."""
    versions: dict[str, Version] = field(default_factory=dict)
    """By ARN, in the order in which they were published."""
    published: int = 0
    """How many versions it ever had: a number is never used again."""
    aliases: dict[str, Alias] = field(default_factory=dict)
    """By name, in the order in which they were made."""
    named: int = 0
    """How many aliases it ever had."""
    ending: Sequence[Run] | None = None
    """The executions that ran when it was deleted: it is gone when they have ended."""

    @property
    def gone(self) -> bool:
        """Whether it was deleted, and nothing of it runs any more."""
        return self.ending is not None and not any(run.running for run in self.ending)

    def version_of(self, machine: Machine) -> Version | None:
        """The version of a revision, if it was published."""
        return next((version for version in self.versions.values() if version.machine is machine), None)

    def publish(self, description: str | None, moment: datetime) -> Version:
        """Publish the revision, or find the version that it has.

        Raises:
            ServiceQuotaExceededException: there are as many versions as there may be.
        """
        found = self.version_of(self.machine)
        if found is None:
            self.check_room()
            self.published += 1
            arn = f"{self.machine.arn}:{self.published}"
            found = Version(arn, self.published, self.machine, moment, description)
            self.versions[arn] = found
        return found

    def check_room(self) -> None:
        """Look whether there is room for another version.

        Raises:
            ServiceQuotaExceededException: there is none.
        """
        if len(self.versions) >= MAX_VERSIONS:
            raise errors.ServiceQuotaExceededException(
                f"A state machine has at most {MAX_VERSIONS} versions: '{self.machine.arn}'"
            )

    def version(self, arn: str) -> Version | None:
        """The version of an ARN, if it is there."""
        return self.versions.get(arn)

    def alias(self, arn: str) -> Alias | None:
        """The alias of an ARN, if it is there."""
        return self.aliases.get(qualifier_of(arn))


class Start(NamedTuple):
    """What an execution is started of."""

    machine: Machine
    association: Mapping[str, str]
    """The ARNs of the version and of the alias that it belongs to, by the API's names."""


_UNQUALIFIED: Mapping[str, str] = {}


class Registry:
    """The machines.

    Args:
        random: what an alias's version is drawn from.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._records: dict[str, Record] = {}

    def __iter__(self) -> Iterator[Record]:
        """All machines that are there, by name."""
        return (record for arn in sorted(self._records) if (record := self.known(arn)) is not None)

    def add(self, record: Record) -> Record:
        """Keep a new machine."""
        self._records[record.machine.arn] = record
        return record

    def delete(self, arn: str, running: Sequence[Run]) -> None:
        """Delete a machine as soon as some executions of it have ended; one that is not there is no error."""
        record = self.known(checked_machine_arn(arn))
        if record is not None and record.ending is None:
            record.ending = running

    def known(self, arn: str) -> Record | None:
        """The machine of an ARN that is not qualified, if there is one."""
        record = self._records.get(arn)
        if record is not None and record.gone:
            del self._records[arn]
            return None
        return record

    def record(self, arn: str) -> Record:
        """The machine of an ARN that is not qualified.

        Raises:
            StateMachineDoesNotExist: there is none.
        """
        return _there(self.known(checked_machine_arn(arn)), arn)

    def active(self, arn: str) -> Record:
        """The machine of an ARN that is not qualified, if it can be changed.

        Raises:
            StateMachineDoesNotExist: there is none.
            StateMachineDeleting: it is being deleted.
        """
        return checked_active(self.record(arn))

    def owner(self, arn: str) -> Record | None:
        """The machine of an ARN that may be qualified, if there is one."""
        return self.known(unqualified(checked_machine_arn(arn)))

    def find(self, arn: str) -> Record:
        """The machine of an ARN, if what the ARN says, also of a version or an alias, is there.

        Raises:
            StateMachineDoesNotExist: it is not.
        """
        record = _there(self.owner(arn), arn)
        if qualifier_of(arn):
            _there(record.version(arn) or record.alias(arn), arn)
        return record

    def version(self, arn: str) -> Version | None:
        """The version of a version's ARN, or that of an alias which gets the most starts.

        Raises:
            StateMachineDoesNotExist: there is no such version or alias.
        """
        record = self.find(arn)
        alias = record.alias(arn)
        return record.version(max(alias.routes, key=lambda route: route.weight).version_arn if alias else arn)

    def start(self, arn: str) -> Start:
        """What an execution is to be started of; of an alias with two versions, one is drawn.

        Raises:
            StateMachineDoesNotExist: there is no such machine, version or alias.
            StateMachineDeleting: the machine is being deleted.
        """
        plain = self.known(arn)
        if plain is not None:  # nearly always: there is no need to take the ARN apart
            return Start(checked_active(plain).machine, _UNQUALIFIED)
        record = checked_active(self.find(arn))
        alias = record.alias(arn)
        version = _there(record.version(self._drawn(alias.routes) if alias else arn), arn)
        association = {"stateMachineVersionArn": version.arn}
        return Start(version.machine, association | ({"stateMachineAliasArn": alias.arn} if alias else {}))

    def _drawn(self, routes: list[Route]) -> str:
        if len(routes) == 1:
            return routes[0].version_arn
        weights = [route.weight for route in routes]
        return self._random.choices(routes, weights)[0].version_arn


def checked_machine_arn(arn: str) -> str:
    """A machine's ARN, or that of a version or an alias.

    Raises:
        InvalidArn: it is none.
        ValidationException: it is that of a distributed Map, which stands for no machine of its own.
    """
    if "/" in checked_arn(arn, "stateMachine"):
        raise errors.ValidationException(f"The ARN of a Distributed Map state is not valid here: '{arn}'")
    return arn


def unqualified(arn: str) -> str:
    """A machine's ARN without the version or alias at its end."""
    parsed = Arn.parse(arn)
    return str(Arn(parsed.account, parsed.kind, parsed.parts[:1]))


def qualifier_of(arn: str) -> str:
    """The version or alias at the end of a machine's ARN; empty if there is none."""
    return ":".join(Arn.parse(arn).parts[1:])


def is_number(qualifier: str) -> bool:
    """Whether a qualifier is a version's number; an alias's name never is one."""
    return qualifier.isdecimal()


def checked_active(record: Record) -> Record:
    """A machine that is not being deleted.

    Raises:
        StateMachineDeleting: it is.
    """
    if record.ending is not None:
        raise errors.StateMachineDeleting(f"State Machine is being deleted: '{record.machine.arn}'")
    return record


def _there(found: Found | None, arn: str) -> Found:
    if found is None:
        raise errors.StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
    return found
