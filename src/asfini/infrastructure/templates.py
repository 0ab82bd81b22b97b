"""Machines as resources of CloudFormation's and SAM's templates."""

import re
from collections.abc import Mapping
from typing import Any

from asfini import _json
from asfini._arns import role_arn
from asfini.errors import InvalidArgument
from asfini.infrastructure.policies import required_policy

_PLACEHOLDER = re.compile(r"\$\{(?!AWS::(?:AccountId|Partition|Region|StackName|URLSuffix)\})([^}]*)\}")
"""What Fn::Sub would take for the name of something in the template."""
_ACTIVITY = "AWS::StepFunctions::Activity"
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
        "RoleArn": with_account(role_arn(given)) if isinstance(given, str) else given,
        "DefinitionString": _definition(machine, substitutions or {}),
    }
    options = {
        "LoggingConfiguration": _renamed(machine.logging),
        "TracingConfiguration": None if machine.tracing is None else {"Enabled": machine.tracing},
        "EncryptionConfiguration": _renamed(machine.encryption),
        "Tags": [{"Key": key, "Value": value} for key, value in (machine.tags or {}).items()] or None,
    }
    properties |= {name: with_account(value) for name, value in options.items() if value is not None}
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
    name = _logical_name(machine.name) or "Machine"
    resources = _activity_resources(activities)
    made = list(resources)
    role = machine.role
    if role is None:
        resources[f"{name}Role"] = _role_resource(machine)
        role = {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    resource = cloudformation_resource(machine, role=role, substitutions=substitutions)
    resources[name] = {**resource, "DependsOn": made} if made else resource
    return {"Resources": resources}


def _activity_resources(activities: Any) -> dict[str, dict[str, Any]]:
    registered = getattr(activities, "activities", None)
    names = [each.name for each in (activities if registered is None else registered.values())]
    return {
        f"{_logical_name(name)}Activity": {"Type": _ACTIVITY, "Properties": {"Name": name}} for name in names
    }


def _role_resource(machine: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": _TRUST}
    if (policy := required_policy(machine))["Statement"]:
        properties["Policies"] = [{"PolicyName": "required", "PolicyDocument": with_account(policy)}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _logical_name(name: str) -> str:
    """What a template may call a resource: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", name.title())


def sam_resource(machine: Any, *, substitutions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write a machine as a resource of type `AWS::Serverless::StateMachine`.

    If the machine names no role, SAM makes one, with the least policy that it needs.

    Args:
        machine: the machine.
        substitutions: what the template fills in for `${name}` in the definition, by name.
    """
    definition = machine.to_dict()
    properties: dict[str, Any] = {
        "Name": machine.name,
        "Type": machine.type,
        "Definition": with_account(definition),
    }
    if substitutions:
        properties["DefinitionSubstitutions"] = dict(substitutions)
    if machine.role is not None:
        properties["Role"] = with_account(role_arn(machine.role))
    elif (policy := required_policy(machine))["Statement"]:
        properties["Policies"] = [with_account(policy)]
    options = {
        "Logging": _renamed(machine.logging),
        "Tracing": None if machine.tracing is None else {"Enabled": machine.tracing},
        "Tags": dict(machine.tags) if machine.tags else None,
    }
    properties |= {name: with_account(value) for name, value in options.items() if value is not None}
    return {"Type": "AWS::Serverless::StateMachine", "Properties": properties}


def _definition(machine: Any, substitutions: Mapping[str, Any]) -> Any:
    """The definition as text, and what fills in its placeholders."""
    text = _json.dumps(machine.to_dict(), "the definition", 2)
    if "${" not in text:
        return text
    escaped = _PLACEHOLDER.sub(
        lambda found: found[0] if found[1] in substitutions else f"${{!{found[1]}}}", text
    )
    return {"Fn::Sub": [escaped, dict(substitutions)] if substitutions else escaped}


def with_account(value: Any) -> Any:
    """Have the template fill in pseudo parameters, where texts have some."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            return value
        return {key: with_account(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_account(item) for item in value]
    if isinstance(value, str) and "${AWS::" in value:
        return {"Fn::Sub": value}
    return value


def _renamed(value: Any) -> Any:
    """The API's options by the names that templates have for them."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value
