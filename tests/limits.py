"""Machines that meet a limit of the service, or another extreme that chance does not lead to."""

from typing import Any

from machines import Case

_HUGE = "$pad('', 300000, 'x')"
_TASK = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:huge"}
_SILENT = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters": {"token.$": "$$.Task.Token"},
    "HeartbeatSeconds": 1,
}
_RETRIER = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5, "BackoffRate": 1e300, "MaxDelaySeconds": 9}
_ITEM_BY_ITEM = {
    "StartAt": "wait",
    "States": {"wait": {"Type": "Wait", "Seconds": 0, "End": True}},
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
}
_ENDLESS = {
    "StartAt": "done",
    "States": {
        "done": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "out"}],
            "Default": "again",
        },
        "again": {"Type": "Pass", "Next": "done"},
        "out": {"Type": "Succeed"},
    },
}


def _one(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"StartAt": "one", "States": {"one": {**state, "End": True}}, **fields}


def _caught(state: dict[str, Any], error: str) -> dict[str, Any]:
    catcher = {"ErrorEquals": [error], "ResultPath": "$.error", "Next": "two"}
    return {
        "StartAt": "one",
        "States": {"one": {**state, "Catch": [catcher], "End": True}, "two": {"Type": "Succeed"}},
    }


def _reading(key: str, **config: Any) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "stock", "Key": key} if key else "all",
        "ReaderConfig": config,
    }


def _distributed(**fields: Any) -> dict[str, Any]:
    return _one({"Type": "Map", "ItemProcessor": _ITEM_BY_ITEM, **fields})


def _passing(expression: str, **fields: Any) -> dict[str, Any]:
    return _one({"Type": "Pass", "Output": f"{{% {expression} %}}", **fields}, QueryLanguage="JSONata")


LIMITS = {
    "an endless loop": Case(_ENDLESS, {}),
    "an endless loop that is stopped": Case(_ENDLESS, {}, end_after=0, seed=2),
    "an endless loop whose machine is deleted": Case(_ENDLESS, {}, end_after=0, seed=0),
    "a huge output": Case(_passing(_HUGE), {}),
    "a huge variable": Case(_passing("1", Assign={"v": f"{{% {_HUGE} %}}"}), {}),
    "a huge result": Case(_one(_TASK), {}),
    "a huge input, with an error": Case(_caught(_TASK, "States.ALL"), {"s": "x" * 262_000}),
    "huge arguments": Case(_one({**_TASK, "Arguments": f"{{% {_HUGE} %}}"}, QueryLanguage="JSONata"), {}),
    "half a surrogate pair": Case(_passing("$parse('\"\\\\ud800\"')"), {}),
    "a deep value": Case(
        _one({"Type": "Pass", "Parameters": {"deep.$": "States.StringToJson($)"}}), "[" * 980 + "]" * 980
    ),
    "intervals beyond all numbers": Case(_one({**_TASK, "Retry": [_RETRIER]}), {}),
    "a missed heartbeat": Case(_caught(_SILENT, "States.Timeout"), {}),
    "an inventory": Case(_distributed(ItemReader=_reading("inventory.json", InputType="MANIFEST")), {}),
    "results of Athena": Case(
        _distributed(
            ItemReader=_reading(
                "results.txt", ManifestType="ATHENA_DATA", InputType="CSV", CSVHeaderLocation="FIRST_ROW"
            )
        ),
        {},
    ),
    "a reader whose parameters are text": Case(_distributed(ItemReader=_reading("", InputType="JSON")), {}),
    "a share that is no number": Case(
        _distributed(ItemsPath="$.items", ToleratedFailurePercentagePath="$.s"), {"items": [1], "s": "ab"}
    ),
    "a tolerance of less than nothing": Case(
        _distributed(ItemsPath="$.items", ToleratedFailureCountPath="$.n"), {"items": [1], "n": -1}
    ),
    "many children": Case(_one({"Type": "Map", "ItemProcessor": _ITEM_BY_ITEM}), list(range(200))),
}
"""By what is extreme, a machine with its input."""
