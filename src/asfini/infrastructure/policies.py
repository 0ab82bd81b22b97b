"""The least IAM policies: of a machine's role, of a worker's, and of who starts executions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from asfini._arns import arn_of, check_name
from asfini.asl.definition import read_definition
from asfini.errors import InvalidArgument
from asfini.infrastructure._actions import prefix_of
from asfini.infrastructure._grants import GRANTS, LOGGING, TRACING, optimized_grants, sdk_grants
from asfini.infrastructure._special import SPECIAL
from asfini.infrastructure._statements import (
    PLACEHOLDER,
    Statement,
    allow,
    arn,
    granted,
    known,
    name_of,
    policy_of,
    prepared,
)

_INTEGRATION = re.compile(
    r"arn:[^:]+:states:[^:]*:[^:]*:([a-z0-9-]+):(.+?)(?:\.(sync|waitForTaskToken)(?::\d)?)?"
)
_WRITING = "s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject"


def required_policy(
    machine: object, *, name: str | None = None, substitutions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The least policy that a machine's role needs, as an IAM document.

    What executions only learn from their input may be anything, and is `*`. Activities need nothing. A task
    with `Credentials` needs to assume that role, whose own policy is not told here. In ARNs, pseudo
    parameters of CloudFormation's stand for the account.

    Args:
        machine: a machine, a definition or JSON data.
        name: the machine's name, for distributed maps, which start executions of it; by default the
            machine's own, or any.
        substitutions: what a template fills in for `${name}` in the definition, by name; such placeholders
            stay in the policy. Without it they may be anything, too.

    Raises:
        InvalidArgument: it is none of these.
    """
    own = name or getattr(machine, "name", None) or "*"
    data = prepared(_data(machine), substitutions or {})
    statements = [statement for state in _states(data) for statement in _of_state(state, own)]
    statements += _of_options(machine)
    return policy_of(statements)


def worker_policy(machine: object) -> dict[str, Any]:
    """The least policy of a role that workers at a machine's activities need.

    Args:
        machine: a machine, a definition, JSON data, or activities.

    Raises:
        InvalidArgument: it is none of these, or has no activities.
    """
    arns = _activity_arns(machine)
    if not arns:
        raise InvalidArgument("there are no activities that a worker could work at")
    reports = "states:SendTaskFailure states:SendTaskHeartbeat states:SendTaskSuccess"
    return policy_of([allow("states:GetActivityTask", *arns), allow(reports, "*")])


def _activity_arns(machine: object) -> list[str]:
    activities = getattr(machine, "activities", None)
    if isinstance(activities, Mapping):
        return [activity.arn for activity in activities.values()]
    resources = [str(state.get("Resource", "")) for state in _states(_data(machine))]
    return [resource for resource in resources if ":activity:" in resource]


def starter_policy(machine: object, *, name: str | None = None) -> dict[str, Any]:
    """The least policy of a role that starts a machine's executions, waits for them and stops them.

    Args:
        machine: a machine; or its definition, with the name.
        name: the machine's name, if it has none itself.

    Raises:
        InvalidArgument: there is no name.
    """
    own = name or getattr(machine, "name", None)
    if not isinstance(own, str):
        raise InvalidArgument("which machine's executions? give a machine, or its name: name=…")
    machine_arn = arn_of("states", f"stateMachine:{check_name(own, 'a state machine')}")
    if getattr(machine, "type", None) == "EXPRESS":
        starts = "states:DescribeStateMachine states:StartExecution states:StartSyncExecution"
        return policy_of([allow(starts, machine_arn, f"{machine_arn}:*")])
    starts = "states:DescribeStateMachine states:ListExecutions states:StartExecution"
    watching = "states:DescribeExecution states:GetExecutionHistory states:StopExecution"
    executions = arn_of("states", f"execution:{own}:*")
    return policy_of([allow(starts, machine_arn, f"{machine_arn}:*"), allow(watching, executions)])


def _data(machine: object) -> dict[str, Any]:
    data: dict[str, Any] = read_definition(machine).to_dict()
    return data


def _states(data: Any) -> Iterator[Mapping[str, Any]]:
    """All states, with those of branches and processors; what has another form is passed over."""
    states = data.get("States") if isinstance(data, dict) else None
    for state in states.values() if isinstance(states, dict) else ():
        if isinstance(state, dict):
            yield state
            branches = state.get("Branches")
            inner = branches if isinstance(branches, list) else []
            for each in [*inner, state.get("ItemProcessor"), state.get("Iterator")]:
                yield from _states(each)


# Machines' roles


def _of_options(machine: object) -> Iterator[Statement]:
    logging = getattr(machine, "logging", None)
    if logging and logging.get("level", "OFF") != "OFF":
        yield allow(LOGGING.actions, "*")
    if getattr(machine, "tracing", None):
        yield allow(TRACING.actions, "*")
    key = (getattr(machine, "encryption", None) or {}).get("kmsKeyId")
    if isinstance(key, str):
        yield _of_key(key)


def _of_key(key: str) -> Statement:
    """Use of a key; one that has an alias is allowed by that."""
    actions = "kms:Decrypt kms:GenerateDataKey"
    if "alias/" in key:
        alias = {"kms:ResourceAliases": f"alias/{key.partition('alias/')[2]}"}
        return allow(actions, arn_of("kms", "key/*"), **{"ForAnyValue:StringEquals": alias})
    return allow(actions, key if key.startswith("arn:") else arn_of("kms", f"key/{key}"))


def _of_state(state: Mapping[str, Any], machine: str) -> Iterator[Statement]:
    if state.get("Type") == "Task" and isinstance(state.get("Resource"), str):
        yield from _of_task(state)
    elif state.get("Type") == "Map":
        yield from _of_map(state, machine)


def _of_task(state: Mapping[str, Any]) -> Iterator[Statement]:
    if "Credentials" in state:
        given = state["Credentials"]
        yield allow("sts:AssumeRole", name_of(given.get("RoleArn") if isinstance(given, dict) else None))
        return
    resource = state["Resource"]
    if ":activity:" in resource:
        return
    found = _INTEGRATION.fullmatch(resource)
    if found is None:
        is_function = ":lambda:" in resource or PLACEHOLDER.fullmatch(resource) is not None
        yield allow("lambda:InvokeFunction", resource if is_function else arn("lambda", "function:*"))
        return
    service, action, pattern = found.groups()
    given = state.get("Parameters", state.get("Arguments"))
    parameters = given if isinstance(given, dict) else {}
    yield from _of_integration(service, action, parameters, sync=pattern == "sync")


def _of_integration(
    service: str, action: str, parameters: Mapping[str, Any], *, sync: bool
) -> Iterator[Statement]:
    is_sdk = service == "aws-sdk" and ":" in action
    if is_sdk:
        service, action = action.split(":", 1)
    key = f"{prefix_of(service) if is_sdk else service}:{action}"
    if special := SPECIAL.get(key):
        yield from special(parameters)
    grants = sdk_grants(service, action) if is_sdk else optimized_grants(service, action)
    for grant in grants if key in GRANTS or not special else ():
        if sync or not grant.only:
            yield granted(grant, parameters)


# Distributed maps


def _of_map(state: Mapping[str, Any], machine: str) -> Iterator[Statement]:
    processor = state.get("ItemProcessor")
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    if not (isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"):
        return
    yield allow("states:StartExecution", arn_of("states", f"stateMachine:{machine}"))
    yield allow("states:DescribeExecution states:StopExecution", arn_of("states", f"execution:{machine}:*"))
    yield allow("states:RedriveExecution", arn_of("states", f"execution:{machine}/*:*"))
    yield from _of_reader(state.get("ItemReader"))
    writer = state.get("ResultWriter")
    if isinstance(writer, dict) and "Resource" in writer:
        bucket, prefix = _named(writer, "Bucket", "Prefix")
        folder = "" if prefix == "*" else f"{prefix.rstrip('/')}/"
        yield allow(_WRITING, arn("s3", f"{bucket}/{folder}*"))


def _of_reader(reader: Any) -> Iterator[Statement]:
    if not isinstance(reader, dict):
        return
    bucket, key, prefix = _named(reader, "Bucket", "Key", "Prefix")
    config = reader.get("ReaderConfig")
    kind = config.get("InputType") if isinstance(config, dict) else None
    if str(reader.get("Resource")).endswith(":listObjectsV2"):
        condition = {} if prefix == "*" else {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
        yield allow("s3:ListBucket", arn("s3", bucket), **condition)
        if isinstance(config, dict) and "Transformation" in config:
            yield allow("s3:GetObject", arn("s3", f"{bucket}/*"))
    else:
        whole = kind == "MANIFEST" or (isinstance(config, dict) and "ManifestType" in config)
        yield allow("s3:GetObject", arn("s3", f"{bucket}/{'*' if whole else key}"))


def _named(holder: Mapping[str, Any], *fields: str) -> list[str]:
    """Parameters as text, or `*` where they are not the same in all executions."""
    given = holder.get("Parameters", holder.get("Arguments"))
    parameters = given if isinstance(given, dict) else {}
    return [str(parameters[each]) if known(parameters.get(each)) else "*" for each in fields]
