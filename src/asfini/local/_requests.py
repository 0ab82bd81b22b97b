"""What each of the API's operations takes: one table for calls in this process and for those over HTTP.

A test compares all of it with the model that botocore ships.
"""

from collections.abc import Mapping
from typing import Any

from asfini import _json, errors
from asfini.local._shapes import Fields, Items, Number, Shape, Text, Truth

_ARN = Text(1, 256)
_LONG_ARN = Text(1, 2000)
_NAME = Text(1, 80)
_ERROR = Text(0, 256, secret=True)
_CAUSE = Text(0, 32_768, secret=True)
_DATA = Text(None, _json.MAX_PAYLOAD_BYTES, secret=True, in_bytes=True)
_DESCRIPTION = Text(None, 256, secret=True)
_STATE_NAME = Text(1, 80, secret=True)
_TAG_KEY = Text(1, 128)
_AT_LEAST_0 = Number(0)

_SHAPES: dict[str, Shape] = {
    "activityArn": _ARN,
    "cause": _CAUSE,
    "clientToken": Text(1, 64, pattern="[!-~]+"),
    "context": _DATA,
    "definition": Text(1, 1_048_576, secret=True, in_bytes=True),
    "description": _DESCRIPTION,
    "encryptionConfiguration": Fields(
        "EncryptionConfiguration",
        {
            "kmsKeyId": Text(1, 2048),
            "kmsDataKeyReusePeriodSeconds": Number(60, 900),
            "type": Text(values=("AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY")),
        },
        ("type",),
    ),
    "error": _ERROR,
    "executionArn": _ARN,
    "includeExecutionData": Truth(),
    "includedData": Text(values=("ALL_DATA", "METADATA_ONLY")),
    "input": _DATA,
    "inspectionLevel": Text(values=("INFO", "DEBUG", "TRACE")),
    "loggingConfiguration": Fields(
        "LoggingConfiguration",
        {
            "level": Text(values=("ALL", "ERROR", "FATAL", "OFF")),
            "includeExecutionData": Truth(),
            "destinations": Items(
                Fields(
                    "LogDestination",
                    {"cloudWatchLogsLogGroup": Fields("CloudWatchLogsLogGroup", {"logGroupArn": _ARN})},
                )
            ),
        },
    ),
    "mapRunArn": _LONG_ARN,
    "maxConcurrency": _AT_LEAST_0,
    "maxResults": Number(0, 1000),
    "mock": Fields(
        "MockInput",
        {
            "result": _DATA,
            "errorOutput": Fields("MockErrorOutput", {"error": _ERROR, "cause": _CAUSE}),
            "fieldValidationMode": Text(values=("STRICT", "PRESENT", "NONE")),
        },
    ),
    "name": _NAME,
    "nextToken": Text(1, 1024),
    "output": _DATA,
    "publish": Truth(),
    "redriveFilter": Text(values=("REDRIVEN", "NOT_REDRIVEN")),
    "resourceArn": _ARN,
    "revealSecrets": Truth(),
    "reverseOrder": Truth(),
    "revisionId": Text(),
    "roleArn": _ARN,
    "routingConfiguration": Items(
        Fields(
            "RoutingConfigurationListItem",
            {"stateMachineVersionArn": _ARN, "weight": Number(0, 100)},
            ("stateMachineVersionArn", "weight"),
        ),
        1,
        2,
    ),
    "severity": Text(values=("ERROR", "WARNING")),
    "stateConfiguration": Fields(
        "TestStateConfiguration",
        {
            "retrierRetryCount": _AT_LEAST_0,
            "errorCausedByState": _STATE_NAME,
            "mapIterationFailureCount": _AT_LEAST_0,
            "mapItemReaderData": _DATA,
        },
    ),
    "stateMachineAliasArn": _ARN,
    "stateMachineArn": _ARN,
    "stateMachineVersionArn": _LONG_ARN,
    "stateName": _STATE_NAME,
    # AWS was seen to list them in this order.
    "statusFilter": Text(
        values=("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING")
    ),
    "tagKeys": Items(_TAG_KEY),
    "tags": Items(Fields("Tag", {"key": _TAG_KEY, "value": Text(0, 256)})),
    "taskToken": Text(1, 2048, secret=True),
    "toleratedFailureCount": _AT_LEAST_0,
    "toleratedFailurePercentage": Number(0, 100, whole=False),
    "traceHeader": Text(0, 256, pattern=r"\p{ASCII}*"),
    "tracingConfiguration": Fields("TracingConfiguration", {"enabled": Truth()}),
    "type": Text(values=("STANDARD", "EXPRESS")),
    "variables": _DATA,
    "versionDescription": _DESCRIPTION,
    "workerName": _NAME,
}
"""The shapes of parameters, by their names."""
_PARTICULAR: dict[tuple[str, str], Shape] = {
    ("create_state_machine_alias", "name"): Text(1, 80, pattern=r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"),
    ("list_executions", "nextToken"): Text(1, 3096),
    ("validate_state_machine_definition", "maxResults"): Number(0, 100),
}
"""Shapes of parameters whose name has another one elsewhere, by operation and name."""
_PARAMETERS = {
    "create_activity": "name! tags encryptionConfiguration",
    "create_state_machine": "name! definition! roleArn! type loggingConfiguration tags tracingConfiguration "
    "publish versionDescription encryptionConfiguration",
    "create_state_machine_alias": "description name! routingConfiguration!",
    "delete_activity": "activityArn!",
    "delete_state_machine": "stateMachineArn!",
    "delete_state_machine_alias": "stateMachineAliasArn!",
    "delete_state_machine_version": "stateMachineVersionArn!",
    "describe_activity": "activityArn!",
    "describe_execution": "executionArn! includedData",
    "describe_map_run": "mapRunArn!",
    "describe_state_machine": "stateMachineArn! includedData",
    "describe_state_machine_alias": "stateMachineAliasArn!",
    "describe_state_machine_for_execution": "executionArn! includedData",
    "get_activity_task": "activityArn! workerName",
    "get_execution_history": "executionArn! maxResults reverseOrder nextToken includeExecutionData",
    "list_activities": "maxResults nextToken",
    "list_executions": "stateMachineArn statusFilter maxResults nextToken mapRunArn redriveFilter",
    "list_map_runs": "executionArn! maxResults nextToken",
    "list_state_machine_aliases": "stateMachineArn! nextToken maxResults",
    "list_state_machine_versions": "stateMachineArn! nextToken maxResults",
    "list_state_machines": "maxResults nextToken",
    "list_tags_for_resource": "resourceArn!",
    "publish_state_machine_version": "stateMachineArn! revisionId description",
    "redrive_execution": "executionArn! clientToken",
    "send_task_failure": "taskToken! error cause",
    "send_task_heartbeat": "taskToken!",
    "send_task_success": "taskToken! output!",
    "start_execution": "stateMachineArn! name input traceHeader",
    "start_sync_execution": "stateMachineArn! name input traceHeader includedData",
    "stop_execution": "executionArn! error cause",
    "tag_resource": "resourceArn! tags!",
    "test_state": "definition! roleArn input inspectionLevel revealSecrets variables stateName mock context "
    "stateConfiguration",
    "untag_resource": "resourceArn! tagKeys!",
    "update_map_run": "mapRunArn! maxConcurrency toleratedFailurePercentage toleratedFailureCount",
    "update_state_machine": "stateMachineArn! definition roleArn loggingConfiguration tracingConfiguration "
    "publish versionDescription encryptionConfiguration",
    "update_state_machine_alias": "stateMachineAliasArn! description routingConfiguration",
    "validate_state_machine_definition": "definition! type severity maxResults",
}
"""The parameters of each operation; what is needed has an exclamation mark."""


def _request(operation: str, parameters: str) -> Fields:
    names = parameters.replace("!", "").split()
    shapes = {name: _PARTICULAR.get((operation, name)) or _SHAPES[name] for name in names}
    return Fields(operation, shapes, tuple(name[:-1] for name in parameters.split() if name.endswith("!")))


REQUESTS = {operation: _request(operation, names) for operation, names in _PARAMETERS.items()}
"""What each operation takes, by its name."""


def check_sent(operation: str, request: Fields, given: Mapping[str, Any]) -> None:
    """Check parameters that do not fit, as an SDK does before it sends them, and then as AWS does.

    Raises:
        InvalidArgument: no SDK would send them.
        ValidationException: they break a limit.
    """
    if misfits := list(request.misfits(given, "")):
        raise errors.InvalidArgument(f"cannot call {operation!r}: {'; '.join(misfits)}")
    _refuse_breaches(request, given)


def received(operation: str, body: Any) -> dict[str, Any]:
    """Read the parameters of a request that came over HTTP, as AWS does.

    Args:
        operation: its name in snake case.
        body: the request's body, as JSON data.

    Returns:
        The parameters, without those that are null or unknown, which is no error.

    Raises:
        ServiceError: something is of another type: a `SerializationException`.
        ValidationException: something is missing, or breaks a limit.
    """
    given: dict[str, Any] = REQUESTS[operation].received(body)
    _refuse_breaches(REQUESTS[operation], given)
    return given


def _refuse_breaches(request: Fields, given: Mapping[str, Any]) -> None:
    if breaches := list(request.breaches(given, "")):
        count = f"{len(breaches)} validation error{'s' * (len(breaches) > 1)} detected: "
        raise errors.ValidationException(count + "; ".join(breaches))
