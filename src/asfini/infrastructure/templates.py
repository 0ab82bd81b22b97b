"""Machines as resources of CloudFormation's and SAM's templates."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from asfini import _json
from asfini._arns import role_arn
from asfini.errors import InvalidArgument
from asfini.infrastructure.policies import required_policy

_PLACEHOLDER = re.compile(r"\$\{(?!AWS::(?:AccountId|Partition|Region|StackName|URLSuffix)\})([^}]*)\}")
"""What Fn::Sub would take for the name of something in the template."""
_ACTIVITY = "AWS::StepFunctions::Activity"
_NOTHING: Mapping[str, Any] = {}
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def cloudformation_resource(
    machine: Any, *, role: Any = None, substitutions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a machine as a resource of type `AWS::StepFunctions::StateMachine`.

    Args:
        machine: the machine.
        role: its role: an ARN, a name, or a function such as `{"Fn::GetAtt": ["Role", "Arn"]}`; by default
            the one that the machine names.
        substitutions: what the template fills in for `${name}` in the definition, by name: texts or
            functions. All other placeholders but those for account and region stay text.

    Raises:
        InvalidArgument: there is no role.
    """
    given = role if role is not None else machine.role
    if given is None:
        raise InvalidArgument(f"state machine {machine.name!r} needs a role: role=…")
    properties: dict[str, Any] = {
        "StateMachineName": machine.name,
        "StateMachineType": machine.type,
        "RoleArn": _filled_in(role_arn(given)) if isinstance(given, str) else given,
        "DefinitionString": _definition(machine, substitutions or {}),
    }
    options = {
        "LoggingConfiguration": _renamed(machine.logging),
        "TracingConfiguration": None if machine.tracing is None else {"Enabled": machine.tracing},
        "EncryptionConfiguration": _renamed(machine.encryption),
        "Tags": [{"Key": key, "Value": value} for key, value in (machine.tags or {}).items()] or None,
    }
    properties |= {name: _filled_in(value) for name, value in options.items() if value is not None}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def cloudformation_template(
    machine: Any, activities: Any = (), *, substitutions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a template with a machine, and with a role of its own that may do just what it needs.

    Args:
        machine: the machine. If it names a role, that is used, and the template has none.
        activities: those that the template makes as well, before the machine: a registration, or several.
        substitutions: as for `cloudformation_resource`.
    """
    resources: dict[str, Any] = {}
    for name in _names_of(activities):
        activity = {"Type": _ACTIVITY, "Properties": {"Name": name}}
        resources[_free(f"{_logical_name(name)}Activity", resources)] = activity
    made, name, role = (
        list(resources),
        _free(_logical_name(machine.name) or "Machine", resources),
        machine.role,
    )
    if role is None:
        own = _free(f"{name}Role", resources)
        resources[own] = _role_resource(machine, substitutions or {})
        role = {"Fn::GetAtt": [own, "Arn"]}
    resource = cloudformation_resource(machine, role=role, substitutions=substitutions)
    resources[name] = {**resource, "DependsOn": made} if made else resource
    return {"Resources": resources}


def _names_of(activities: Any) -> list[str]:
    registered = getattr(activities, "activities", None)
    return [each.name for each in (activities if registered is None else registered.values())]


def _role_resource(machine: Any, substitutions: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": _TRUST}
    if policy := _policy(machine, substitutions):
        properties["Policies"] = [{"PolicyName": "required", "PolicyDocument": policy}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _policy(machine: Any, substitutions: Mapping[str, Any]) -> Any:
    policy = required_policy(machine, substitutions=substitutions)
    return _filled_in(policy, substitutions, "${") if policy["Statement"] else None


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that nothing in the template has: different names may have the same letters and digits."""
    names = (name, *(f"{name}{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _logical_name(name: str) -> str:
    """What a template may call a resource: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", name.title())


def sam_resource(machine: Any, *, substitutions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write a machine as a resource of type `AWS::Serverless::StateMachine`.

    If the machine names no role, SAM makes one, with the least policy that it needs.

    Args:
        machine: the machine.
        substitutions: what the template fills in for `${name}` in the definition, by name.

    Raises:
        InvalidArgument: it is to be encrypted by a key of one's own, for which SAM has no property.
    """
    if machine.encryption is not None:
        raise InvalidArgument(
            f"SAM cannot encrypt state machine {machine.name!r}: write it for CloudFormation"
        )
    given = substitutions or {}
    properties: dict[str, Any] = {
        "Name": machine.name,
        "Type": machine.type,
        "Definition": _filled_in(machine.to_dict(), given),
    }
    left = set(_placeholders(properties["Definition"]))
    if left & given.keys():
        properties["DefinitionSubstitutions"] = {name: given[name] for name in given if name in left}
    if machine.role is not None:
        properties["Role"] = _filled_in(role_arn(machine.role))
    elif policy := _policy(machine, given):
        properties["Policies"] = [policy]
    options = {
        "Logging": _renamed(machine.logging),
        "Tracing": None if machine.tracing is None else {"Enabled": machine.tracing},
        "Tags": dict(machine.tags) if machine.tags else None,
    }
    properties |= {name: _filled_in(value) for name, value in options.items() if value is not None}
    return {"Type": "AWS::Serverless::StateMachine", "Properties": properties}


def _definition(machine: Any, substitutions: Mapping[str, Any]) -> Any:
    """The definition as text, and what fills in its placeholders."""
    text = _json.dumps(machine.to_dict(), "the definition", 2)
    return _substituted(text, substitutions) if "${" in text else text


def _filled_in(value: Any, substitutions: Mapping[str, Any] = _NOTHING, wanted: str = "${AWS::") -> Any:
    """Have the template fill in placeholders of texts that have some of those wanted."""
    if isinstance(value, dict):
        filled = {key: _filled_in(item, substitutions, wanted) for key, item in value.items()}
        return value if _is_function(value) else filled
    if isinstance(value, list):
        return [_filled_in(item, substitutions, wanted) for item in value]
    return _substituted(value, substitutions) if isinstance(value, str) and wanted in value else value


def _placeholders(value: Any) -> Iterator[str]:
    """The placeholders that are left in texts, for no function of the template's fills them in."""
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, list) or (isinstance(value, dict) and not _is_function(value)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _placeholders(item)


def _is_function(value: dict[str, Any]) -> bool:
    name = next(iter(value), "") if len(value) == 1 else ""
    return name == "Ref" or name.startswith("Fn::")


def _substituted(text: str, substitutions: Mapping[str, Any]) -> Any:
    """A text with its placeholders: `Fn::Sub`, or what fills in the only one."""
    if (whole := _PLACEHOLDER.fullmatch(text)) and whole[1] in substitutions:
        return substitutions[whole[1]]
    named: dict[str, str] = {}
    for name in _PLACEHOLDER.findall(text):
        if name in substitutions and name not in named:
            plain = re.sub(r"\W", "", name, flags=re.ASCII)  # Fn::Sub takes no others
            named[name] = _free(plain or "Value", dict.fromkeys(named.values()))
    filled = _PLACEHOLDER.sub(lambda found: f"${{{named.get(found[1]) or '!' + found[1]}}}", text)
    return {"Fn::Sub": [filled, {named[name]: substitutions[name] for name in named}] if named else filled}


def _renamed(value: Any) -> Any:
    """The API's options by the names that templates have for them."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value
