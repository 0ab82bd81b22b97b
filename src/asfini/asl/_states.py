"""The eight types of states as tables, and the definitions that hold them.

Sources: the developer guide's pages on the states, the States Language specification, and what AWS refused.
"""

from typing import Any

from asfini.asl import _objects as objects
from asfini.asl._checks import (
    anything,
    composed,
    dynamic,
    expressions,
    number,
    own_reference,
    path,
    reference,
    result_path,
    said,
    template,
    text,
    text_path,
    timestamp,
    true,
)
from asfini.asl._objects import MAX_INTEGER, seconds, shaped
from asfini.asl._problem import Check, Context, at
from asfini.asl._resources import resource
from asfini.asl._shape import Shape


def _definition(context: Context, value: Any, place: str, key: str) -> None:
    """Put a definition by, to be looked at after the state that holds it."""
    context.inner.append((value, at(place, key), key))


_COMMON: dict[str, Check] = {"Type": anything, "Comment": text, "QueryLanguage": anything}
_FLOW: dict[str, Check] = {"Next": text, "End": true, "Assign": objects.assign}
_CAN_FAIL: dict[str, Check] = {"Retry": objects.retriers, "Catch": objects.catchers}
_PATHS: dict[str, Check] = {"InputPath": path, "OutputPath": path}
_RESULT: dict[str, Check] = {"Parameters": template, "ResultPath": result_path}
_SELECTOR: dict[str, Check] = {"ResultSelector": template}
_OUTPUT: dict[str, Check] = {"Output": expressions}
_ARGUMENTS: dict[str, Check] = {"Arguments": composed}
_NEXT = ("Next End",)

STATES = {
    "Pass": Shape(
        {**_COMMON, **_FLOW},
        jsonpath={**_PATHS, **_RESULT, "Result": anything},
        jsonata=_OUTPUT,
        some=_NEXT,
        single=_NEXT,
    ),
    "Task": Shape(
        {
            **_COMMON,
            **_FLOW,
            **_CAN_FAIL,
            "Resource": resource,
            "Credentials": objects.credentials,
            "TimeoutSeconds": seconds,
            "HeartbeatSeconds": seconds,
        },
        jsonpath={
            **_PATHS,
            **_RESULT,
            **_SELECTOR,
            "TimeoutSecondsPath": reference,
            "HeartbeatSecondsPath": reference,
        },
        jsonata={**_OUTPUT, **_ARGUMENTS},
        required="Resource",
        some=_NEXT,
        single=(*_NEXT, "TimeoutSeconds TimeoutSecondsPath", "HeartbeatSeconds HeartbeatSecondsPath"),
    ),
    "Choice": Shape(
        {**_COMMON, "Choices": objects.choices, "Default": text, "Assign": objects.assign},
        jsonpath=_PATHS,
        jsonata=_OUTPUT,
        required="Choices",
    ),
    "Wait": Shape(
        {**_COMMON, **_FLOW, "Seconds": number(0, MAX_INTEGER), "Timestamp": timestamp},
        jsonpath={**_PATHS, "SecondsPath": reference, "TimestampPath": reference},
        jsonata=_OUTPUT,
        some=(*_NEXT, "Seconds Timestamp SecondsPath TimestampPath"),
        single=(*_NEXT, "Seconds Timestamp SecondsPath TimestampPath"),
    ),
    "Succeed": Shape(_COMMON, jsonpath=_PATHS, jsonata=_OUTPUT),
    "Fail": Shape(
        {**_COMMON, "Error": said, "Cause": said},
        jsonpath={"ErrorPath": text_path, "CausePath": text_path},
        single=("Error ErrorPath", "Cause CausePath"),
    ),
    "Parallel": Shape(
        {**_COMMON, **_FLOW, **_CAN_FAIL, "Branches": objects.listed(_definition, empty=False)},
        jsonpath={**_PATHS, **_RESULT, **_SELECTOR},
        jsonata={**_OUTPUT, **_ARGUMENTS},
        required="Branches",
        some=_NEXT,
        single=_NEXT,
    ),
    "Map": Shape(
        {
            **_COMMON,
            **_FLOW,
            **_CAN_FAIL,
            "ItemProcessor": _definition,
            "Iterator": _definition,
            "ItemSelector": dynamic,
            "ItemReader": shaped(objects.ITEM_READER),
            "ItemBatcher": shaped(objects.ITEM_BATCHER),
            "ResultWriter": shaped(objects.RESULT_WRITER),
            "MaxConcurrency": number(0),
            "ToleratedFailureCount": number(0),
            "ToleratedFailurePercentage": number(0.0, 100.0),
            "Label": objects.label,
        },
        jsonpath={
            **_PATHS,
            **_RESULT,
            **_SELECTOR,
            "ItemsPath": reference,
            "MaxConcurrencyPath": own_reference,
            "ToleratedFailureCountPath": own_reference,
            "ToleratedFailurePercentagePath": own_reference,
        },
        jsonata={**_OUTPUT, "Items": composed},
        some=(*_NEXT, "ItemProcessor Iterator"),
        single=(
            *_NEXT,
            "ItemProcessor Iterator",
            "Parameters ItemSelector",
            "MaxConcurrency MaxConcurrencyPath",
            "ToleratedFailureCount ToleratedFailureCountPath",
            "ToleratedFailurePercentage ToleratedFailurePercentagePath",
        ),
    ),
}
"""The states by type."""

_STATES: dict[str, Check] = {"Comment": text, "StartAt": text, "States": anything}
MACHINE = Shape(
    {
        **_STATES,
        "Version": text,
        "TimeoutSeconds": number(1, MAX_INTEGER, literal=True),
        "QueryLanguage": anything,
    },
    required="StartAt States",
)
BRANCH = Shape(_STATES, required="StartAt States")
PROCESSOR = Shape({**_STATES, "ProcessorConfig": objects.processor_config}, required="StartAt States")


def check_task(context: Context, state: dict[str, Any], location: str) -> None:
    """Let a heartbeat come before the time-out."""
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        message = (
            f"HeartbeatSeconds must be smaller than TimeoutSeconds: {heartbeat} is not smaller than {timeout}"
        )
        context.add(message, at(location, "HeartbeatSeconds"))


def check_map(context: Context, state: dict[str, Any], location: str) -> None:
    """Let only distributed maps read, batch and write items."""
    mode = processor_config(state).get("Mode")
    if mode == "DISTRIBUTED":
        if context.express:
            context.add("Express state machine does not support distributed maps", location)
    elif not context.open(mode):
        for field in ("ItemReader", "ItemBatcher", "ResultWriter"):
            if field in state:
                context.add(f"Field '{field}' is only supported for the 'DISTRIBUTED' Mode", location)


def processor_config(state: dict[str, Any]) -> dict[str, Any]:
    """Give a map's ProcessorConfig, as far as there is one."""
    processor = state.get("ItemProcessor", state.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return config if isinstance(config, dict) else {}


FURTHER = {"Task": check_task, "Map": check_map}
"""What no table can say, by type."""
