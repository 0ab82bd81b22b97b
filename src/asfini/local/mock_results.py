"""Whether a mocked result is what the API of a task's service gives, by the service's model."""

from collections.abc import Callable, Mapping
from typing import Any

from asfini import errors
from asfini._arns import Account
from asfini.aws.integrations import Action, ServiceCaller
from asfini.aws.shapes import FIRST, SECOND
from asfini.local.handlers import Target

_UNCHECKED = ("apigateway:", "eks:", "elasticmapreduce:", "http:")
"""Integrations that are no actions of a service's API, or not with the same results."""
_FREE: Mapping[str, frozenset[str]] = {"lambda:invoke": frozenset({"Payload"})}
"""Fields of integrations that hold JSON data where the API has other things."""
_LIMITS = {("lambda", "MemorySize"): (128, 10_240)}
"""Limits that AWS was seen to hold results to where botocore's newer models tell others."""
_JOB_ACTIONS = {"states:startExecution": ("describeExecution", frozenset({"Input", "Output"}))}
"""Jobs that `.sync` waits for: what describes them, and the fields that may be data instead of text."""


async def check_result(target: Target, result: Any, account: Account, *, complete: bool) -> None:
    """Hold a mocked result against what the service would give.

    Args:
        target: the task's resource.
        result: the mocked result.
        account: the account in which it would be called.
        complete: whether what is required must be there.

    Raises:
        ValidationException: it does not suit, in AWS's words.
    """
    if target.kind != "service" or target.pattern == ".waitForTaskToken":
        return
    action, free = target.name, _FREE.get(target.name, frozenset())
    if target.pattern:
        job = _JOB_ACTIONS.get(target.name)
        if job is None:
            return
        action, free = f"{target.name.partition(':')[0]}:{job[0]}", job[1]
    found = None if action.startswith(_UNCHECKED) else await _action(action, account)
    if found is not None and found.model.output_shape is not None:
        try:
            _Check(found, free, complete=complete).structure(found.model.output_shape, result, "")
        except RecursionError:
            raise _misfit("the result is too deeply nested") from None


async def _action(name: str, account: Account) -> Action | None:
    """An action of a service, if there is such a one."""
    service, _, action = name.removeprefix("aws-sdk:").partition(":")
    style = SECOND if name.startswith("aws-sdk:") else FIRST
    caller = ServiceCaller("http://localhost", account)  # it looks up, and calls nothing
    return await caller.find("sfn" if service == "states" else service, action, style)


class _Check:
    """The walk through one result.

    Args:
        action: what would be called.
        free: names of fields that may hold anything.
        complete: whether what is required must be there.
    """

    def __init__(self, action: Action, free: frozenset[str], *, complete: bool) -> None:
        self._service = action.service
        self._name = action.style.member
        self._free = free
        self._complete = complete

    def structure(self, shape: Any, value: Any, name: str) -> None:
        """Look at an object and its members; those that the model does not know may be anything."""
        if not isinstance(value, dict):
            raise _misfit(f"Field '{name}' must be an object") if name else _no_object()
        members = {self._name(member): inner for member, inner in shape.members.items()}
        if self._complete:
            for required in map(self._name, shape.required_members):
                if required not in value:
                    raise _misfit(f"Required field '{required}' is missing")
        for key, inner in value.items():
            if key in members and key not in self._free:
                self._value(members[key], inner, key)

    def _value(self, shape: Any, value: Any, name: str) -> None:
        if getattr(shape, "is_document_type", False):
            return
        check = _CHECKS.get(shape.type_name)
        if check is not None:
            check(self, shape, value, name)
            return
        noun, kinds = _PLAIN.get(shape.type_name, _NUMBER)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _misfit(f"Field '{name}' must be {noun}")
        if getattr(shape, "enum", None) and value not in shape.enum:
            raise _misfit(f"Field '{name}' is not an expected value")
        self._limits(shape, value, name)

    def _list(self, shape: Any, value: Any, name: str) -> None:
        if not isinstance(value, list):
            raise _misfit(f"Field '{name}' must be an array")
        self._limits(shape, value, name)
        for item in value:
            self._value(shape.member, item, name)

    def _map(self, shape: Any, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise _misfit(f"Field '{name}' must be an object")
        self._limits(shape, value, name)
        for item in value.values():
            self._value(shape.value, item, name)

    def _limits(self, shape: Any, value: Any, name: str) -> None:
        limits = shape.metadata.get("min"), shape.metadata.get("max")
        least, most = _LIMITS.get((self._service, shape.name), limits)
        what, size = ("length", len(value)) if isinstance(value, (str, list, dict)) else ("value", value)
        if least is not None and size < least:
            raise _misfit(f"Field '{name}' is smaller than the minimum {what}")
        if most is not None and size > most:
            raise _misfit(f"Field '{name}' exceeds the maximum {what}")


_CHECKS: dict[str, Callable[[_Check, Any, Any, str], None]] = {
    "list": _Check._list,
    "map": _Check._map,
    "structure": _Check.structure,
}
_NUMBER: tuple[str, tuple[type, ...]] = ("a number", (int, float))
_PLAIN: dict[str, tuple[str, tuple[type, ...]]] = {
    "blob": ("a string", (str,)),
    "boolean": ("a boolean", (bool,)),
    "string": ("a string", (str,)),
    "timestamp": ("a string", (str,)),
}
"""What values must be by the types of their shapes; all others are numbers."""


def _misfit(reason: str) -> errors.ServiceError:
    return errors.ValidationException(f"Mock result schema validation error: {reason}")


def _no_object() -> errors.ServiceError:
    return errors.ValidationException("Mocked result must be a JSON object.")
