"""The least IAM policies: of a machine's role, of a worker's, and of who starts executions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asfini._arns import arn_of, check_name
from asfini.asl.definition import Definition, read_definition
from asfini.errors import InvalidArgument
from asfini.infrastructure._grants import (
    LOGGING,
    TRACING,
    Grant,
    known,
    optimized_grants,
    sdk_grants,
)

Statement = dict[str, Any]

_INTEGRATION = re.compile(
    r"arn:[^:]+:states:[^:]*:[^:]*:([a-z0-9-]+):(.+?)(?:\.(sync|waitForTaskToken)(?::\d)?)?"
)
_QUEUE = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)\.|[^/]*/?)[^/]*/(\d{12})/([^/]+)")
_WRITING = "s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject"


def required_policy(machine: object, *, name: str | None = None) -> dict[str, Any]:
    """The least policy that a machine's role needs, as an IAM document.

    What executions only learn from their input may be anything, and is `*`. Activities need nothing. A task
    with `Credentials` needs to assume that role, whose own policy is not told here. In ARNs, pseudo
    parameters of CloudFormation's stand for the account.

    Args:
        machine: a machine, a definition or JSON data.
        name: the machine's name, for distributed maps, which start executions of it; by default the
            machine's own, or any.

    Raises:
        InvalidArgument: it is none of these.
    """
    own = name or getattr(machine, "name", None) or "*"
    statements = [statement for state in _states(_data(machine)) for statement in _of_state(state, own)]
    statements += _of_options(machine)
    return _policy(statements)


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
    return _policy([_allow("states:GetActivityTask", *arns), _allow(reports, "*")])


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
    arn = arn_of("states", f"stateMachine:{check_name(own, 'a state machine')}")
    if getattr(machine, "type", None) == "EXPRESS":
        starts = "states:DescribeStateMachine states:StartExecution states:StartSyncExecution"
        return _policy([_allow(starts, arn, f"{arn}:*")])
    starts = "states:DescribeStateMachine states:ListExecutions states:StartExecution"
    watching = "states:DescribeExecution states:GetExecutionHistory states:StopExecution"
    return _policy(
        [_allow(starts, arn, f"{arn}:*"), _allow(watching, arn_of("states", f"execution:{own}:*"))]
    )


def _data(machine: object) -> dict[str, Any]:
    definition: Definition = read_definition(machine)
    return definition.to_dict()


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


# Statements


def _allow(actions: str, *resources: str, **conditions: Mapping[str, Any]) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": actions.split(), "Resource": list(resources)}
    return statement | ({"Condition": conditions} if conditions else {})


def _policy(statements: Iterable[Statement]) -> dict[str, Any]:
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
    return statement | {"Resource": resources[0] if len(resources) == 1 else resources}


def _of_options(machine: object) -> Iterator[Statement]:
    logging = getattr(machine, "logging", None)
    if logging and logging.get("level", "OFF") != "OFF":
        yield _allow(LOGGING.actions, "*")
    if getattr(machine, "tracing", None):
        yield _allow(TRACING.actions, "*")
    key = (getattr(machine, "encryption", None) or {}).get("kmsKeyId")
    if isinstance(key, str):
        arn = key if key.startswith("arn:") else arn_of("kms", f"key/{key}")
        yield _allow("kms:Decrypt kms:GenerateDataKey", arn)


def _of_state(state: Mapping[str, Any], machine: str) -> Iterator[Statement]:
    if state.get("Type") == "Task" and isinstance(state.get("Resource"), str):
        yield from _of_task(state)
    elif state.get("Type") == "Map":
        yield from _of_map(state, machine)


def _of_task(state: Mapping[str, Any]) -> Iterator[Statement]:
    if "Credentials" in state:
        role = state["Credentials"].get("RoleArn") if isinstance(state["Credentials"], dict) else None
        yield _allow("sts:AssumeRole", role if known(role) and role else "*")
        return
    resource = str(state["Resource"])
    if ":activity:" in resource:
        return
    found = _INTEGRATION.fullmatch(resource)
    if found is None:
        lambda_arn = resource if ":lambda:" in resource else _arn("lambda", "function:*")
        yield _allow("lambda:InvokeFunction", lambda_arn)
        return
    service, action, pattern = found.groups()
    given = state.get("Parameters", state.get("Arguments"))
    parameters = given if isinstance(given, dict) else {}
    yield from _of_integration(service, action, parameters, sync=pattern == "sync")


def _of_integration(
    service: str, action: str, parameters: Mapping[str, Any], *, sync: bool
) -> Iterator[Statement]:
    key = f"{service}:{action}"
    if key in _SPECIAL:
        yield from _SPECIAL[key](parameters)
        return
    is_sdk = service == "aws-sdk" and ":" in action
    grants = sdk_grants(*action.split(":", 1)) if is_sdk else optimized_grants(service, action)
    for grant in grants:
        if sync or not grant.only:
            yield _granted(grant, parameters)


def _granted(grant: Grant, parameters: Mapping[str, Any]) -> Statement:
    condition = {"StringEquals": {"iam:PassedToService": grant.passed_to}} if grant.passed_to else {}
    return _allow(grant.actions, _resource(grant, parameters.get(grant.field)), **condition)


def _resource(grant: Grant, value: Any) -> str:
    if not grant.service:
        return "*"
    name = value if known(value) and value else "*"
    if queue := _QUEUE.fullmatch(name):
        return f"arn:${{AWS::Partition}}:sqs:{queue[1] or '${AWS::Region}'}:{queue[2]}:{queue[3]}"
    if name.startswith("arn:"):
        if grant.pattern.endswith("{}"):
            return name
        name = name.split(":")[6] if grant.service == "states" else re.split("[:/]", name)[-1]
    elif grant.service == "ecs" and ":" not in name and name != "*":
        name += ":*"  # the newest revision
    elif grant.service == "ssm":
        name = name.lstrip("/")
    return _arn(grant.service, grant.pattern.format(name))


def _arn(service: str, resource: str) -> str:
    """An ARN in the account; buckets are in none, roles in no region, foundation models in no account."""
    if service == "s3":
        return f"arn:${{AWS::Partition}}:s3:::{resource}"
    if service == "iam":
        return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{resource}"
    if service.endswith(":"):
        return f"arn:${{AWS::Partition}}:{service}${{AWS::Region}}::{resource}"
    return arn_of(service, resource)


def _of_http(parameters: Mapping[str, Any]) -> Iterator[Statement]:
    conditions: dict[str, Any] = {}
    if known(method := parameters.get("Method")):
        conditions["StringEquals"] = {"states:HTTPMethod": method}
    if known(endpoint := parameters.get("ApiEndpoint")):
        conditions["StringLike"] = {"states:HTTPEndpoint": endpoint}
    yield _allow("states:InvokeHTTPEndpoint", "*", **conditions)
    holder = parameters.get("Authentication", parameters.get("InvocationConfig"))
    connection = holder.get("ConnectionArn") if isinstance(holder, dict) else None
    arn = connection if isinstance(connection, str) and known(connection) else None
    yield _allow("events:RetrieveConnectionCredentials", arn or _arn("events", "connection/*"))
    secrets = "secretsmanager:DescribeSecret secretsmanager:GetSecretValue"
    yield _allow(secrets, _arn("secretsmanager", "secret:events!connection/*"))


def _of_api(parameters: Mapping[str, Any]) -> Iterator[Statement]:
    parts = [parameters.get(field) for field in ("ApiEndpoint", "Stage", "Method", "Path")]
    endpoint, stage, method, path = (part if known(part) and part else "*" for part in parts)
    resource = f"{endpoint.partition('.')[0]}/{stage}/{method}/{path.lstrip('/')}"
    yield _allow("execute-api:Invoke", _arn("execute-api", resource))


def _of_events(parameters: Mapping[str, Any]) -> Iterator[Statement]:
    entries = parameters.get("Entries")
    if not isinstance(entries, list):
        yield _allow("events:PutEvents", _arn("events", "event-bus/*"))
        return
    for entry in entries:
        bus = entry.get("EventBusName", "default") if isinstance(entry, dict) else None
        dynamic = not known(bus) or "EventBusName.$" in entry
        name = "*" if dynamic else str(bus)
        yield _allow(
            "events:PutEvents", name if name.startswith("arn:") else _arn("events", f"event-bus/{name}")
        )


_SPECIAL = {"apigateway:invoke": _of_api, "events:putEvents": _of_events, "http:invoke": _of_http}
"""Integrations whose resources depend on several parameters."""


# Distributed maps


def _of_map(state: Mapping[str, Any], machine: str) -> Iterator[Statement]:
    processor = state.get("ItemProcessor")
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    if not (isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"):
        return
    yield _allow("states:StartExecution", arn_of("states", f"stateMachine:{machine}"))
    yield _allow("states:DescribeExecution states:StopExecution", arn_of("states", f"execution:{machine}:*"))
    yield _allow("states:RedriveExecution", arn_of("states", f"execution:{machine}/*:*"))
    yield from _of_reader(state.get("ItemReader"))
    writer = state.get("ResultWriter")
    if isinstance(writer, dict) and "Resource" in writer:
        bucket, prefix = _named(writer, "Bucket", "Prefix")
        folder = "" if prefix == "*" else f"{prefix.rstrip('/')}/"
        yield _allow(_WRITING, _arn("s3", f"{bucket}/{folder}*"))


def _of_reader(reader: Any) -> Iterator[Statement]:
    if not isinstance(reader, dict):
        return
    bucket, key, prefix = _named(reader, "Bucket", "Key", "Prefix")
    config = reader.get("ReaderConfig")
    kind = config.get("InputType") if isinstance(config, dict) else None
    if str(reader.get("Resource")).endswith(":listObjectsV2"):
        condition = {} if prefix == "*" else {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
        yield _allow("s3:ListBucket", _arn("s3", bucket), **condition)
        if isinstance(config, dict) and "Transformation" in config:
            yield _allow("s3:GetObject", _arn("s3", f"{bucket}/*"))
    else:
        whole = kind == "MANIFEST" or (isinstance(config, dict) and "ManifestType" in config)
        yield _allow("s3:GetObject", _arn("s3", f"{bucket}/{'*' if whole else key}"))


def _named(holder: Mapping[str, Any], *fields: str) -> list[str]:
    """Parameters as text, or `*` where they are not the same in all executions."""
    given = holder.get("Parameters", holder.get("Arguments"))
    parameters = given if isinstance(given, dict) else {}
    return [str(parameters[each]) if known(parameters.get(each)) else "*" for each in fields]
