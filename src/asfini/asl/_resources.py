"""What a Task's `Resource` may name."""

import re
from typing import Any

from asfini.asl._problem import Context, at

_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")
_INTEGRATION = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:([a-z0-9-]+):(\w+)((?:\.\w+(?::\d+)?)?)")
_SDK = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:aws-sdk:([a-z0-9]+):([a-z]\w*)((?:\.\w+)?)")

_ACTIONS = {
    "apigateway": "invoke",
    "athena": "getQueryExecution getQueryResults startQueryExecution stopQueryExecution",
    "batch": "submitJob",
    "dynamodb": "deleteItem getItem putItem updateItem",
    "ecs": "runTask",
    "events": "putEvents",
    "http": "invoke",
    "lambda": "invoke",
    "mediaconvert": "createJob",
    "sns": "publish",
    "sqs": "sendMessage",
    "states": "startExecution",
}
"""The actions of optimized integrations with few; the developer guide, "Integrating optimized services"."""
_RUNS_JOBS, _CALLS_BACK = ".sync", ".waitForTaskToken"
_PATTERNS = {
    "apigateway": (_CALLS_BACK,),
    "athena": (_RUNS_JOBS,),
    "batch": (_RUNS_JOBS,),
    "bedrock": (_RUNS_JOBS, _CALLS_BACK),
    "codebuild": (_RUNS_JOBS,),
    "databrew": (_RUNS_JOBS,),
    "dynamodb": (),
    "ecs": (_RUNS_JOBS, _CALLS_BACK),
    "eks": (_RUNS_JOBS, _CALLS_BACK),
    "elasticmapreduce": (_RUNS_JOBS,),
    "emr-containers": (_RUNS_JOBS,),
    "emr-serverless": (_RUNS_JOBS,),
    "events": (_CALLS_BACK,),
    "glue": (_RUNS_JOBS,),
    "http": (),
    "lambda": (_CALLS_BACK,),
    "mediaconvert": (_RUNS_JOBS,),
    "sagemaker": (_RUNS_JOBS,),
    "sns": (_CALLS_BACK,),
    "sqs": (_CALLS_BACK,),
    "states": (_RUNS_JOBS, _CALLS_BACK),
}
"""How optimized integrations can be called besides by request and response: the same page."""


def resource(context: Context, value: Any, place: str, key: str) -> None:
    """Demand the ARN of something that can do work."""
    text = value.replace("${AWS::Partition}", "aws") if isinstance(value, str) else ""
    if not _recognized(text):
        if context.open(text):
            return
        reason = "The value is not a valid resource ARN, or the resource is not available in this region."
        context.add(f"The resource provided {value} is not recognized. {reason}", at(place, key))
    elif context.express and (refused := _refused_by_express(text)):
        context.add(f"Express state machine does not support {refused}", at(place, key))


def _recognized(arn: str) -> bool:
    if sdk := _SDK.fullmatch(arn):
        return sdk[3] in {"", ".waitForTaskToken"}
    if found := _INTEGRATION.fullmatch(arn):
        service, action, pattern = found.groups()
        return service == "activity" or (_has_action(service, action) and _has_pattern(service, pattern))
    return _ARN.fullmatch(arn) is not None


def _has_action(service: str, action: str) -> bool:
    return service not in _ACTIONS or action in _ACTIONS[service].split()


def _has_pattern(service: str, pattern: str) -> bool:
    return not pattern or service not in _PATTERNS or pattern.partition(":")[0] in _PATTERNS[service]


def _refused_by_express(arn: str) -> str:
    if ":activity:" in arn:
        return "Activity ARN"
    if arn.endswith(".waitForTaskToken"):
        return "'.waitForTaskToken' service integration "  # AWS writes the blank
    return "'.sync' service integration" if ".sync" in arn else ""
