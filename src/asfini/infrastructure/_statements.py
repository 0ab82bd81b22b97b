"""Statements of policies: what is known of their resources, and how they are joined and written.

While a policy is made, pseudo parameters have no colons (`${AWS.Region}`), so that ARNs can be taken apart.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from asfini._arns import arn_of
from asfini.infrastructure._grants import Grant

Statement = dict[str, Any]
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class GivenArn(str):
    """A placeholder for which a template fills in an ARN."""

    __slots__ = ()


def prepared(value: Any, substitutions: Mapping[str, Any]) -> Any:
    """Data of which all is known, or `*`.

    Args:
        value: JSON data.
        substitutions: what a template fills in for placeholders, by name; all others may be anything.
    """
    if isinstance(value, dict):
        return {key: prepared(item, substitutions) for key, item in value.items()}
    if isinstance(value, list):
        return [prepared(item, substitutions) for item in value]
    return _filled_in(value, substitutions) if isinstance(value, str) and "${" in value else value


def _filled_in(text: str, substitutions: Mapping[str, Any]) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[1].startswith("AWS::"):
            return found[0].replace("::", ".")
        given = substitutions.get(found[1], "*")
        return found[0] if isinstance(given, Mapping) else str(given)

    filled = PLACEHOLDER.sub(fill, text)
    whole = PLACEHOLDER.fullmatch(filled)
    return GivenArn(filled) if whole and _gives_arn(substitutions.get(whole[1])) else filled


def _gives_arn(function: Any) -> bool:
    """Whether a template's function is sure to give an ARN."""
    if not isinstance(function, Mapping):
        return False
    attribute, text = function.get("Fn::GetAtt"), function.get("Fn::Sub")
    last = attribute[-1] if isinstance(attribute, list) and attribute else attribute
    first = text[0] if isinstance(text, list) and text else text
    return str(last).endswith("Arn") or str(first).startswith("arn:")


def known(value: Any) -> bool:
    """Whether a parameter is the same in all executions."""
    return isinstance(value, str) and not value.startswith("{%")


def name_of(value: Any) -> str:
    """A parameter that is the same in all executions, or `*`."""
    return value if known(value) and value else "*"


# Resources


def is_arn(name: str, field: str = "") -> bool:
    """Whether a name is an ARN: as it looks, or because its parameter takes nothing else."""
    return isinstance(name, GivenArn) or name.startswith("arn:") or (field.endswith("Arn") and "${" in name)


def arn(service: str, resource: str) -> str:
    """An ARN in the account; buckets are in none, roles in no region, foundation models in no account."""
    if service == "s3":
        return f"arn:${{AWS::Partition}}:s3:::{resource}"
    if service == "iam":
        return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{resource}"
    if service.endswith(":"):
        return f"arn:${{AWS::Partition}}:{service}${{AWS::Region}}::{resource}"
    return arn_of(service, resource)


def resource_of(grant: Grant, value: Any) -> str:
    """The resource of a grant, as a parameter names it."""
    if not grant.service:
        return "*"
    name = name_of(value)
    if is_arn(name, grant.field):
        if grant.pattern.endswith("{}"):
            return f"{name}:*" if grant.service == "ecs" and _has_no_revision(name) else name
        name = _name_in(name)
    elif grant.service == "ecs" and ":" not in name and name != "*":
        name += ":*"  # the newest revision
    elif grant.service == "ssm":
        name = name.lstrip("/")
    return arn(grant.service, grant.pattern.format(name))


def _has_no_revision(name: str) -> bool:
    return not isinstance(name, GivenArn) and ":" not in name.rpartition("/")[2] and not name.endswith("*")


def _name_in(name: str) -> str:
    """The name that an ARN ends with; a machine's may have a version or an alias behind it."""
    parts = name.split(":")
    if isinstance(name, GivenArn) or len(parts) < 6:
        return "*"
    return parts[6] if parts[2] == "states" and len(parts) > 6 else re.split("[:/]", name)[-1]


# Statements


def allow(actions: str, *resources: str, **conditions: Mapping[str, Any]) -> Statement:
    """A statement.

    Args:
        actions: separated by blanks.
        resources: their ARNs, or `*`.
        conditions: by operator.
    """
    statement: Statement = {"Effect": "Allow", "Action": actions.split(), "Resource": list(resources)}
    return statement | ({"Condition": conditions} if conditions else {})


def granted(grant: Grant, parameters: Mapping[str, Any]) -> Statement:
    """The statement of a grant."""
    conditions: dict[str, Any] = {}
    if grant.passed_to:
        conditions["StringEquals"] = {"iam:PassedToService": grant.passed_to}
    if grant.named_for:
        conditions["StringLike"] = {"iam:AWSServiceName": grant.named_for}
    return allow(grant.actions, resource_of(grant, parameters.get(grant.field)), **conditions)


def policy_of(statements: Iterable[Statement]) -> dict[str, Any]:
    """Join statements of the same actions or the same resources, each part in order."""
    by_actions: dict[str, Statement] = {}
    for statement in statements:
        _join(by_actions, statement, "Action", "Resource")
    by_resources: dict[str, Statement] = {}
    for statement in by_actions.values():
        _join(by_resources, statement, "Resource", "Action")
    return {"Version": "2012-10-17", "Statement": [_written(each) for each in by_resources.values()]}


def _join(joined: dict[str, Statement], statement: Statement, same: str, other: str) -> None:
    key = repr((sorted(statement[same]), statement.get("Condition")))
    there = joined.setdefault(key, statement | {other: []})
    there[other] = sorted({*there[other], *statement[other]})
    if "*" in there["Resource"]:
        there["Resource"] = ["*"]


def _written(statement: Statement) -> Statement:
    resources = statement["Resource"]
    whole = statement | {"Resource": resources[0] if len(resources) == 1 else resources}
    written: Statement = _restored(whole)
    return written


def _restored(value: Any) -> Any:
    """Write pseudo parameters as they are written."""
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return str(value).replace("${AWS.", "${AWS::")
