"""Registering machines: what there should be, what there is, and what makes up the difference."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asfini import _json
from asfini._arns import Account, role_arn
from asfini.errors import (
    AccessDenied,
    CredentialsInvalid,
    DoesNotExist,
    InvalidArgument,
    InvalidArn,
    StateMachineAlreadyExists,
)
from asfini.machine import StateMachine
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.asl.differences import Difference

DEFAULT_ROLE = "sfiniGenerated"
"""The name of the role that machines are made with where nobody names one: sfini's convention."""


@dataclass(frozen=True)
class Change:
    """A call that changes what is registered."""

    operation: str
    """`create_activity`, `create_state_machine`, `update_state_machine` or `tag_resource`."""
    name: str
    """The machine's or the activity's."""
    options: tuple[str, ...] = ()
    """What is changed, by the API's names, such as `definition`; the names of tags."""
    differences: "tuple[Difference, ...]" = ()
    """Where the definition differs, by meaning."""

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON data."""
        return {
            "operation": self.operation,
            "name": self.name,
            "options": list(self.options),
            "differences": [difference.to_dict() for difference in self.differences],
        }

    def __str__(self) -> str:
        options = f": {', '.join(self.options)}" if self.options else ""
        return "\n  ".join([f"{self.operation} {self.name}{options}", *map(str, self.differences)])


@dataclass(frozen=True)
class Registration:
    """How a machine is to be registered.

    Args:
        service: where.
        machine: the machine.
        role: the role that it acts in, an ARN or a name; `None` keeps the one that it has.
        new_role: the role that it is made with where no other is named.
        allow_update: whether it is changed if it is registered otherwise.
        publish: whether a new version is made if it is made or changed.
        dry_run: whether nothing is sent.
    """

    service: Service
    machine: StateMachine
    role: str | None
    new_role: str | None
    allow_update: bool
    publish: bool
    dry_run: bool = False

    async def run(self) -> list[Change]:
        """Register the machine, and send nothing if it is registered just so.

        Returns:
            What was changed, or would be.

        Raises:
            StateMachineAlreadyExists: it is registered otherwise, and is not to be changed; or it cannot be,
                which a dry run tells as well.
        """
        account = await self.service.account()
        wanted, arn = self._wanted(account), account.fill_in(self.machine.arn)
        try:
            there = await self.service.call("describe_state_machine", stateMachineArn=arn)
        except DoesNotExist:
            there = {}
        if not there or there.get("status") == "DELETING":  # then AWS says so
            new_role = account.fill_in(role_arn(self.new_role or DEFAULT_ROLE))
            if not self.dry_run:
                await self._create({"roleArn": new_role} | wanted)
            return [Change("create_state_machine", self.machine.name)]
        if self.service.ignores_roles:
            wanted.pop("roleArn", None)
        changes = {key: value for key, value in wanted.items() if not _same(key, value, there.get(key))}
        tags = await self._new_tags(arn)
        self._check_allowed(changes | ({"tags": tags} if tags else {}))
        if changes and not self.dry_run:
            await self._send("update_state_machine", {"stateMachineArn": arn, **changes})
        if tags and not self.dry_run:
            await self.service.call("tag_resource", resourceArn=arn, tags=_tag_list(tags))
        return self._told(changes, tags, there)

    def _told(
        self, changes: Mapping[str, Any], tags: Mapping[str, str], there: Mapping[str, Any]
    ) -> list[Change]:
        name, told = self.machine.name, []
        if changes:
            found = _differences(there.get("definition"), changes.get("definition"))
            told.append(Change("update_state_machine", name, tuple(sorted(changes)), found))
        if tags:
            told.append(Change("tag_resource", name, tuple(sorted(tags))))
        return told

    async def _create(self, wanted: dict[str, Any]) -> None:
        tags = {"tags": _tag_list(self.machine.tags)} if self.machine.tags else {}
        await self._send("create_state_machine", {"name": self.machine.name, **wanted, **tags})

    def _wanted(self, account: Account) -> dict[str, Any]:
        """What the machine is to be registered with, by the API's names; what is left open is left out."""
        machine = self.machine
        options = {
            "definition": _json.dumps(machine.to_dict(), "the definition"),
            "type": machine.type,
            "roleArn": None if self.role is None else role_arn(self.role),
            "loggingConfiguration": machine.logging,
            "tracingConfiguration": None if machine.tracing is None else {"enabled": machine.tracing},
            "encryptionConfiguration": machine.encryption,
        }
        given = {key: value for key, value in options.items() if value is not None}
        wanted: dict[str, Any] = _json.loads(account.fill_in(_json.dumps(given, "the options")))
        return wanted

    async def _new_tags(self, arn: str) -> dict[str, str]:
        """The machine's tags that the registered one lacks, or has otherwise."""
        if not self.machine.tags:
            return {}
        told = await self.service.call("list_tags_for_resource", resourceArn=arn)
        there = {tag["key"]: tag.get("value") for tag in told.get("tags", ())}
        return {key: value for key, value in self.machine.tags.items() if there.get(key) != value}

    def _check_allowed(self, changes: Mapping[str, Any]) -> None:
        name = self.machine.name
        if "type" in changes:
            problem = f"{name!r} is not of type {self.machine.type}, and a machine's type cannot be changed"
        elif changes and not self.allow_update and not self.dry_run:
            differing = " and another ".join(sorted(changes))
            problem = f"{name!r} is registered with another {differing}; allow_update=True changes it"
        else:
            return
        raise StateMachineAlreadyExists(problem, operation="update_state_machine")

    async def _send(self, operation: str, parameters: dict[str, Any]) -> None:
        """Call, and say what a refused role is for."""
        if self.publish:
            parameters["publish"] = True
        try:
            await self.service.call(operation, **parameters)
        except CredentialsInvalid:
            raise
        except (AccessDenied, InvalidArn) as error:
            if "not authorized to perform: states:" in error.message:  # that is not about the role
                raise
            role = parameters.get("roleArn", "that it has")
            message = f"{error.message} ({_ABOUT_ROLES.format(self.machine.name, role)})"
            raise type(error)(message, operation=operation, code=error.code) from error


_ABOUT_ROLES = (
    "state machine {!r} acts in the role {}: it must exist and trust states.amazonaws.com, and you must be "
    "allowed to pass it; role=… names another one"
)


def _same(key: str, wanted: Any, there: Any) -> bool:
    """Whether an option is as it is wanted. A definition may be formatted otherwise, an object have more."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_same("", value, there.get(name)) for name, value in wanted.items())
    if key == "definition" and there is not None:
        return _canonical(wanted) == _canonical(there)
    return bool(wanted == there)


def _differences(before: Any, after: Any) -> "tuple[Difference, ...]":
    """Where two definitions differ, as far as both are told and can be read."""
    from asfini.asl.differences import differences  # seldom needed

    if not (isinstance(before, str) and isinstance(after, str)):
        return ()
    try:
        return tuple(differences(*(_json.loads(text, "the definition") for text in (before, after))))
    except InvalidArgument:
        return ()


def _canonical(text: Any) -> str:
    """Write JSON so that what means the same is the same; 1 and true are not."""
    return json.dumps(_json.loads(text, "the definition"), sort_keys=True)


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
