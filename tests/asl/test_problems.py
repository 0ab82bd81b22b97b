"""What is said to be wrong with definitions: one readable case per rule, and recorded and labelled ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asfini import (
    Activity,
    Choice,
    Definition,
    DefinitionError,
    InvalidArgument,
    Pass,
    Problem,
    StateMachine,
    Task,
    construct_state_machine,
    problems,
)

SHARED = Path(__file__).parents[2] / "../shared"
SCHEMA = "SCHEMA_VALIDATION_FAILED"
LAMBDA = "arn:aws:lambda:eu-west-1:111122223333:function:pay"
DONE = {"Done": {"Type": "Succeed"}}


def machine(state: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A machine with a single state `s`, and `Done` if it leads there."""
    ends = {} if state.get("Type") in ("Succeed", "Fail", "Choice") or "Next" in state else {"End": True}
    states = {"s": state | ends}
    return {"StartAt": "s", "States": states | (DONE if '"Done"' in json.dumps(state) else {}), **top}


def jsonata(state: dict[str, Any]) -> dict[str, Any]:
    return machine(state, QueryLanguage="JSONata")


def passing(**fields: Any) -> dict[str, Any]:
    return machine({"Type": "Pass", **fields})


def task(**fields: Any) -> dict[str, Any]:
    return machine({"Type": "Task", "Resource": LAMBDA, **fields})


def waiting(**fields: Any) -> dict[str, Any]:
    return machine({"Type": "Wait", **fields})


def choosing(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return machine({"Type": "Choice", "Choices": list(rules), "Default": "Done", **fields})


def rule(**fields: Any) -> dict[str, Any]:
    return {"Variable": "$.n", "Next": "Done", **fields}


def mapping(mode: str = "INLINE", **fields: Any) -> dict[str, Any]:
    config = {"Mode": mode} | ({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})
    processor = {"ProcessorConfig": config, "StartAt": "i", "States": {"i": {"Type": "Pass", "End": True}}}
    return machine({"Type": "Map", "ItemProcessor": processor, **fields})


def found(definition: Any, **options: Any) -> list[tuple[str, str, str]]:
    return [(problem.code, problem.location, problem.message) for problem in problems(definition, **options)]


def schema(location: str, message: str) -> tuple[str, str, str]:
    return SCHEMA, location, message


READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    # Fields
    "a field that its type of state does not have": (
        passing(TimeoutSeconds=5),
        "Field 'TimeoutSeconds' is not supported at /States/s",
    ),
    "a field that no definition has": (passing() | {"Owner": "me"}, "Field 'Owner' is not supported at /"),
    "a required field that is missing": (
        machine({"Type": "Task"}),
        "These fields are required: [Resource] at /States/s",
    ),
    "no StartAt": (
        {"States": {"s": {"Type": "Pass", "End": True}}},
        "These fields are required: [StartAt] at /",
    ),
    "no type": (machine({}), "These fields are required: [Type] at /States/s"),
    "an unknown type": (
        machine({"Type": "Nap"}),
        "Value must be one of [Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map], but is "
        '"Nap" at /States/s/Type',
    ),
    "a state that is no object": (
        {
            "StartAt": "s",
            "States": {"s": {"Type": "Choice", "Choices": [rule(IsNull=True)], "Default": "t"}, "t": 1}
            | DONE,
        },
        "Expected an object, but found 1 at /States/t",
    ),
    "no states": ({"StartAt": "s", "States": {}}, "Value cannot be empty at /States"),
    "both of two fields that exclude each other": (
        task(TimeoutSeconds=5, TimeoutSecondsPath="$.t"),
        "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/s",
    ),
    "none of some fields of which one is needed": (
        waiting(),
        "One of these fields is required: [Seconds, Timestamp, SecondsPath, TimestampPath] at /States/s",
    ),
    "both Next and End": (
        machine({"Type": "Pass", "Next": "Done", "End": True}),
        "There should only be one of the following fields: [Next, End] at /States/s",
    ),
    "text where a number should be": (
        task(TimeoutSeconds="5"),
        'Expected a whole number, but found "5" at /States/s/TimeoutSeconds',
    ),
    "a number where text should be": (passing(Comment=5), "Expected text, but found 5 at /States/s/Comment"),
    "a number that is too small": (
        mapping(MaxConcurrency=-1),
        "Minimum value is 0 at /States/s/MaxConcurrency",
    ),
    "a number that is too large": (
        mapping(ToleratedFailurePercentage=100.5),
        "Maximum value is 100.0 at /States/s/ToleratedFailurePercentage",
    ),
    # Names and transitions
    "a state's name of more than 80 characters": (
        {"StartAt": "n" * 81, "States": {"n" * 81: {"Type": "Succeed"}}},
        f"INVALID_STATE_NAME: Invalid State name: State '{'n' * 81}' exceeds the 80-character limit "
        f"allowed by the service at /States/{'n' * 81}",
    ),
    "a name that is also one of an inner state": (
        {
            "StartAt": "p",
            "States": {
                "p": {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "s", "States": {"s": {"Type": "Pass", "End": True}}}],
                    "Next": "s",
                },
                "s": {"Type": "Succeed"},
            },
        },
        "DUPLICATE_STATE_NAME: Duplicate State name: s at /States/s",
    ),
    "a transition to a state that there is not": (
        choosing(rule(IsNull=True, Next="Nowhere")),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/s/Choices[0]/Next",
    ),
    "a catcher that leads nowhere": (
        task(Catch=[{"ErrorEquals": ["E"], "Next": "Nowhere"}]),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/s/Catch[0]/Next",
    ),
    "a state that nothing leads to": (
        passing() | {"States": passing()["States"] | DONE},
        'MISSING_TRANSITION_TARGET: State "Done" is not reachable. at /States/Done',
    ),
    "no end": (
        machine({"Type": "Pass", "Next": "s"}),
        "MISSING_END_STATE: Workflow has no terminal state at null",
    ),
    "a branch with no end": (
        machine(
            {
                "Type": "Parallel",
                "Branches": [{"StartAt": "i", "States": {"i": {"Type": "Pass", "Next": "i"}}}],
            }
        ),
        "MISSING_END_STATE: Workflow has no terminal state at /States/s/Branches[0]",
    ),
    # Query languages
    "an unknown query language": (
        passing(QueryLanguage="SQL"),
        'Value must be one of [JSONPath, JSONata], but is "SQL" at /States/s/QueryLanguage',
    ),
    "a field of the other query language": (
        passing(Output={}),
        "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
        "'JSONata' QueryLanguage at /States/s",
    ),
    "a JSONPath field in JSONata": (
        jsonata({"Type": "Pass", "InputPath": "$.a"}),
        "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the "
        "'JSONPath' QueryLanguage at /States/s",
    ),
    "JSONPath in a machine that is in JSONata": (
        jsonata({"Type": "Pass", "QueryLanguage": "JSONPath"}),
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/s",
    ),
    "JSONata that only the Map around it is in": (
        mapping(
            QueryLanguage="JSONata",
            ItemProcessor={"StartAt": "i", "States": {"i": {"Type": "Pass", "Output": 1, "End": True}}},
        ),
        "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
        "'JSONata' QueryLanguage at /States/s/ItemProcessor/States/i",
    ),
    "a query language of a processor's own": (
        mapping(ItemProcessor={"QueryLanguage": "JSONPath", "StartAt": "i", "States": {"i": DONE["Done"]}}),
        "Field 'QueryLanguage' is not supported at /States/s/ItemProcessor",
    ),
    # Paths
    "a path that is none": (
        passing(OutputPath="name"),
        "Value must be a valid JSONPath. at /States/s/OutputPath",
    ),
    "a path that ends too early": (
        passing(InputPath="$.a["),
        "Value must be a valid JSONPath. at /States/s/InputPath",
    ),
    "a result path into the context object": (
        passing(ResultPath="$$.a"),
        'Value is not a Reference Path: it is "$$.a" at /States/s/ResultPath',
    ),
    "a result path with a wildcard": (
        passing(ResultPath="$.a[*]"),
        'Value is not a Reference Path: it is "$.a[*]" at /States/s/ResultPath',
    ),
    "a variable that is no path": (
        choosing(rule(Variable="n", IsNull=True)),
        "Value is not a Reference Path: Reference path didn't start with '$' at "
        "/States/s/Choices[0]/Variable",
    ),
    "a Map's number read from the context object": (
        mapping(MaxConcurrencyPath="$$.n"),
        'Value is not a Reference Path: it is "$$.n" at /States/s/MaxConcurrencyPath',
    ),
    "a dynamic field without a path": (
        task(Parameters={"deep": [{"name.$": "Ada"}]}),
        "The value for the field 'name.$' must be a valid JSONPath or a valid intrinsic function "
        "call at /States/s/Parameters/deep[0]",
    ),
    "a dynamic field that is no text": (
        task(ResultSelector={"name.$": {}}),
        "The value for the field 'name.$' must be a STRING that contains a JSONPath but was an "
        "OBJECT at /States/s/ResultSelector",
    ),
    "two fields that become one": (
        passing(Parameters={"a": 1, "a.$": "$.a"}),
        "Fields 'a' and 'a.$' both set 'a' at /States/s/Parameters",
    ),
    "a variable that cannot be set": (
        passing(Assign={"states": 1}),
        "'states' cannot be the name of a variable at /States/s/Assign",
    ),
    "an error's path that gives no text": (
        machine({"Type": "Fail", "ErrorPath": "States.StringToJson($.a)"}),
        "Value must be a valid JSONPath or a valid intrinsic function call that gives text at "
        "/States/s/ErrorPath",
    ),
    # Errors
    "States.ALL among other names": (
        task(Retry=[{"ErrorEquals": ["States.ALL", "E"]}]),
        "'States.ALL' must be the only name in its array at /States/s/Retry[0]/ErrorEquals",
    ),
    "States.ALL before other names": (
        task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]),
        "'States.ALL' must come last, for it matches every error at /States/s/Retry[0]/ErrorEquals",
    ),
    "a retrier without errors": (
        task(Retry=[{"MaxAttempts": 1}]),
        "These fields are required: [ErrorEquals] at /States/s/Retry[0]",
    ),
    "a retrier with no name of an error": (
        task(Retry=[{"ErrorEquals": []}]),
        "Value cannot be empty at /States/s/Retry[0]/ErrorEquals",
    ),
    "a back-off rate below 1": (
        task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}]),
        "Minimum value is 1.0 at /States/s/Retry[0]/BackoffRate",
    ),
    "an unknown jitter strategy": (
        task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]),
        'Value must be one of [FULL, NONE], but is "SOME" at /States/s/Retry[0]/JitterStrategy',
    ),
    "Catch that is no array": (
        task(Catch={"ErrorEquals": ["E"]}),
        'Expected an array, but found {"ErrorEquals": ["E"]} at /States/s/Catch',
    ),
    # Tasks
    "a resource that is no ARN": (
        machine({"Type": "Task", "Resource": "pay"}),
        "The resource provided pay is not recognized. The value is not a valid resource ARN, or "
        "the resource is not available in this region. at /States/s/Resource",
    ),
    "a heartbeat as long as the time-out": (
        task(HeartbeatSeconds=60, TimeoutSeconds=60),
        "HeartbeatSeconds must be smaller than TimeoutSeconds: 60 is not smaller than 60 at "
        "/States/s/HeartbeatSeconds",
    ),
    "credentials without a role": (
        task(Credentials={"User": "u"}),
        "The field 'RoleArn' is required but was missing at /States/s/Credentials",
    ),
    # Choices and Waits
    "no rules": (choosing(), "Value cannot be empty at /States/s/Choices"),
    "a rule without a target": (
        choosing({"Variable": "$.n", "IsNull": True}),
        "These fields are required: [Next] at /States/s/Choices[0]",
    ),
    "a rule within a rule that has a target": (
        choosing({"Not": rule(IsNull=True), "Next": "Done"}),
        "Field 'Next' is not supported at /States/s/Choices[0]/Not",
    ),
    "a rule without a comparison": (
        choosing(rule()),
        "A rule needs a comparison, And, Or or Not at /States/s/Choices[0]",
    ),
    "a rule with two comparisons": (
        choosing(rule(IsNull=True, IsString=True)),
        "There should only be one of the following fields: [IsNull, IsString] at /States/s/Choices[0]",
    ),
    "a comparison of nothing": (
        choosing({"IsNull": True, "Next": "Done"}),
        "These fields are required: [Variable] at /States/s/Choices[0]",
    ),
    "text compared as a number": (
        choosing(rule(NumericLessThan="ten")),
        'Expected a number, but found "ten" at /States/s/Choices[0]/NumericLessThan',
    ),
    "a condition that is no expression": (
        jsonata({"Type": "Choice", "Choices": [{"Condition": "n > 1", "Next": "Done"}]}),
        'Expected a JSONata expression, but found "n > 1" at /States/s/Choices[0]/Condition',
    ),
    "a time without a zone": (
        waiting(Timestamp="2026-02-28T12:00:00"),
        "String does not match RFC3339 timestamp at /States/s/Timestamp",
    ),
    "a day that does not exist": (
        waiting(Timestamp="2026-02-30T12:00:00Z"),
        "String does not match RFC3339 timestamp at /States/s/Timestamp",
    ),
    # Parallel and Map
    "no branches": (
        machine({"Type": "Parallel", "Branches": []}),
        "Value cannot be empty at /States/s/Branches",
    ),
    "a Map that does nothing": (
        machine({"Type": "Map"}),
        "One of these fields is required: [ItemProcessor, Iterator] at /States/s",
    ),
    "a reader where no child executions are": (
        mapping(ItemReader=READER),
        "Field 'ItemReader' is only supported for the 'DISTRIBUTED' Mode at /States/s",
    ),
    "a distributed Map that does not say what its executions are": (
        mapping(
            ItemProcessor={
                "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                "StartAt": "i",
                "States": {"i": {"Type": "Pass", "End": True}},
            }
        ),
        "These fields are required: [ExecutionType] at /States/s/ItemProcessor/ProcessorConfig",
    ),
    "too many items": (
        mapping(
            "DISTRIBUTED", ItemReader=READER | {"ReaderConfig": {"InputType": "JSON", "MaxItems": 10**9}}
        ),
        "Maximum value is 100000000 at /States/s/ItemReader/ReaderConfig/MaxItems",
    ),
    "a reader of something else": (
        mapping("DISTRIBUTED", ItemReader=READER | {"Resource": LAMBDA}),
        f'Expected s3:getObject or s3:listObjectsV2, but found "{LAMBDA}" at /States/s/ItemReader/Resource',
    ),
    "headers that are not given": (
        mapping(
            "DISTRIBUTED",
            ItemReader=READER | {"ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}},
        ),
        "These fields are required: [CSVHeaders] at /States/s/ItemReader/ReaderConfig",
    ),
    "a batch of any size": (
        mapping("DISTRIBUTED", ItemBatcher={"BatchInput": {}}),
        "One of these fields is required: [MaxItemsPerBatch, MaxItemsPerBatchPath, "
        "MaxInputBytesPerBatch, MaxInputBytesPerBatchPath] at /States/s/ItemBatcher",
    ),
    "a writer that says nothing": (
        mapping("DISTRIBUTED", ResultWriter={}),
        "One of these fields is required: [Resource, WriterConfig] at /States/s/ResultWriter",
    ),
    "a label with a blank": (
        mapping("DISTRIBUTED", Label="my map"),
        "INVALID_LABEL_NAME: a label must not have ' ' in its name: 'my map' at /States/s/Label",
    ),
    "a label of more than 40 characters": (
        mapping("DISTRIBUTED", Label="m" * 41),
        f"INVALID_LABEL_NAME: a label has at most 40 characters, not 41: '{'m' * 41}' at /States/s/Label",
    ),
}
"""Definitions, and what AWS would say of them; its code is SCHEMA_VALIDATION_FAILED unless one is named."""


@pytest.mark.parametrize("case", REFUSED)
def test_a_definition_is_refused_for(case: str) -> None:
    definition, expected = REFUSED[case]
    assert [str(problem).removeprefix(f"{SCHEMA}: ") for problem in problems(definition)] == [expected]


EXPRESSIONS = {
    "$sum($states.input": ("INVALID_JSONATA_EXPRESSION", 'Expected ")" before end of expression'),
    "1 +": ("INVALID_JSONATA_EXPRESSION", "Unexpected end of expression"),
    "total": (
        "UNSUPPORTED_JSONATA_EXPRESSION",
        "Reference to 'total' at the top level is not supported.",
    ),
    "$": ("UNSUPPORTED_JSONATA_EXPRESSION", "Reference to '$' at the top level is not supported."),
    "$$.total": ("UNSUPPORTED_JSONATA_EXPRESSION", "Reference to '$$' is not supported."),
    "$states.errorOutput.Error": (
        "UNSUPPORTED_JSONATA_EXPRESSION",
        "Field '$states.errorOutput' does not exist.",
    ),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_refused_at_its_place(expression: str) -> None:
    definition = jsonata({"Type": "Pass", "Output": {"list": [0, f"{{% {expression} %}}"]}})
    code, message = EXPRESSIONS[expression]
    assert found(definition) == [(code, "/States/s/Output/list[1]", message)]


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.items[price > 3].name",
        "$states.input.{'total': total, 'all': $}",
        "$sum($map($states.input.items, function($item) { $item.price }))",
        "($n := 3; $n + $states.context.State.RetryCount)",
    ],
)
def test_names_may_stand_where_something_provides_their_values(expression: str) -> None:
    assert found(jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"})) == []


def test_an_expression_must_be_opened_and_closed() -> None:
    definition = jsonata({"Type": "Pass", "Output": "{% $states.input }"})
    message = 'Expression is not enclosed in {% and %}: "{% $states.input }"'
    assert found(definition) == [("INVALID_JSONATA_EXPRESSION", "/States/s/Output", message)]


def test_text_around_an_expression_makes_it_plain_text() -> None:
    assert found(jsonata({"Type": "Pass", "Output": " {% 1 + %} "})) == []


def test_a_catcher_can_read_the_error() -> None:
    catcher = {"ErrorEquals": ["E"], "Next": "Done", "Output": "{% $states.errorOutput.Cause %}"}
    assert found(jsonata({"Type": "Task", "Resource": LAMBDA, "Catch": [catcher]})) == []


@pytest.mark.parametrize(
    "call",
    [
        "States.Format('{} is {}', $.name, States.MathAdd($$.State.RetryCount, -1))",
        r"States.Format('it\'s \{\}', $.a[?(@.b == 'c,)')])",
        "States.UUID()",
        "States.Array()",
        "States.MathRandom(1, $n)",
    ],
)
def test_an_intrinsic_function_can_be_called(call: str) -> None:
    assert found(passing(Parameters={"a.$": call})) == []


@pytest.mark.parametrize(
    "call",
    [
        "States.Format('{}', $.a",
        "States.Format('{}' $.a)",
        'States.Format("{}", $.a)',
        r"States.Format('say \"hi\"')",
        "States.Formatted($.a)",
        "Format($.a)",
        "States.UUID(1)",
        "States.Hash($.a)",
        "States.MathAdd('1', 2)",
    ],
)
def test_a_call_that_cannot_be_is_refused(call: str) -> None:
    assert [code for code, _, _ in found(passing(Parameters={"a.$": call}))] == [SCHEMA]


@pytest.mark.parametrize(
    ("resource", "recognized"),
    [
        ("arn:aws:states:::dynamodb:getItem", True),
        ("arn:aws:states:::dynamodb:query", False),
        ("arn:aws:states:::dynamodb:getItem.sync", False),
        ("arn:aws:states:::aws-sdk:dynamodb:query", True),
        ("arn:aws:states:::aws-sdk:glue:startJobRun.sync", False),
        ("arn:aws:states:::aws-sdk:glue:startJobRun.waitForTaskToken", True),
        ("arn:aws:states:::states:startExecution.sync:2", True),
        ("arn:aws:states:::ecs:runTask.waitForTaskToken", True),
        ("arn:aws-cn:states:cn-north-1:111122223333:activity:pay-2.0", True),
        ("arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:pay", True),
        ("${PayFunction.Arn}", True),
    ],
)
def test_integrations_are_known(resource: str, recognized: bool) -> None:
    assert (found(machine({"Type": "Task", "Resource": resource})) == []) is recognized


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        ("arn:aws:states:eu-west-1:111122223333:activity:pay", "Activity ARN"),
        ("arn:aws:states:::batch:submitJob.sync", "'.sync' service integration"),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "'.waitForTaskToken' service integration "),
    ],
)
def test_express_machines_can_do_less(resource: str, what: str) -> None:
    definition = machine({"Type": "Task", "Resource": resource})
    expected = [schema("/States/s/Resource", f"Express state machine does not support {what}")]
    assert found(definition) == []
    assert found(definition, machine_type="EXPRESS") == expected
    assert found(StateMachine("express", definition, type="EXPRESS")) == expected


def test_the_child_executions_of_a_map_have_a_type_of_their_own() -> None:
    activity = {"Type": "Task", "Resource": "arn:aws:states:eu-west-1:111122223333:activity:pay", "End": True}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "i",
        "States": {"i": activity},
    }
    location = "/States/s/ItemProcessor/States/i/Resource"
    assert [place for _, place, _ in found(mapping(ItemProcessor=processor))] == [location]


@pytest.mark.parametrize("name", ["pay: 10 % (a/b)", "$|^~", "überweisen", "n" * 80])
def test_a_states_name_may_have_any_characters(name: str) -> None:
    assert found({"StartAt": name, "States": {name: {"Type": "Succeed"}}}) == []


def test_a_name_with_a_slash_is_escaped_in_a_location() -> None:
    definition = {"StartAt": "a/b~c", "States": {"a/b~c": {"Type": "Succeed", "Catch": []}}}
    assert found(definition) == [schema("/States/a~1b~0c", "Field 'Catch' is not supported")]


LEFT = "${Value}"
"""A placeholder that no deployment has replaced."""
UNFINISHED = {
    "/States/s/Seconds": waiting(Seconds=LEFT),
    "/States/s/Timestamp": waiting(Timestamp=LEFT),
    "/States/s/InputPath": passing(InputPath=LEFT),
    "/States/s/ResultPath": passing(ResultPath=LEFT),
    "/States/s/TimeoutSeconds": task(TimeoutSeconds=LEFT),
    "/States/s/Retry[0]/ErrorEquals": task(Retry=[{"ErrorEquals": LEFT}]),
    "/States/s/Retry[0]/MaxAttempts": task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": LEFT}]),
    "/States/s/Catch": task(Catch=LEFT),
    "/States/s/Assign": task(Assign=LEFT),
    "/States/s/Resource": task(Resource=LEFT),
    "/States": {"StartAt": "s", "States": LEFT},
    "/States/s/Next": {"StartAt": "s", "States": {"s": {"Type": "Pass", "Next": LEFT}, **DONE}},
    "/States/s/Type": machine({"Type": LEFT, "Anything": 1}),
    "/States/s/Choices[0]/NumericEquals": choosing(rule(NumericEquals=LEFT)),
    "/States/s/Choices[0]/IsNull": choosing(rule(IsNull=LEFT)),
    "/States/s/Choices[0]": machine({"Type": "Choice", "Choices": [LEFT], "Default": "Done"}),
    "/States/s/Output": jsonata({"Type": "Pass", "Output": "{% ${Value} %}"}),
    "/QueryLanguage": machine({"Type": "Pass"}) | {"QueryLanguage": LEFT},
}
"""By the place of a placeholder, where the language wants something else than any text."""


@pytest.mark.parametrize("place", UNFINISHED)
def test_a_placeholder_stands_for_any_value_in_a_template(place: str) -> None:
    assert found(UNFINISHED[place]) == []


@pytest.mark.parametrize("place", UNFINISHED)
def test_a_placeholder_is_text_where_nobody_replaces_it(place: str) -> None:
    assert place in [problem.location for problem in problems(UNFINISHED[place], template=False)]


@pytest.mark.parametrize(
    "definition",
    [
        passing(Comment=LEFT, Result=LEFT, Parameters={"a": LEFT}),
        task(Retry=[{"ErrorEquals": [LEFT]}]),
        machine({"Type": "Fail", "Error": LEFT, "Cause": f"not {LEFT}"}),
        choosing(rule(StringEquals=LEFT)),
        jsonata({"Type": "Pass", "Output": {"a": LEFT}}),
    ],
    ids=json.dumps,
)
def test_a_placeholder_may_stay_where_any_text_may_stand(definition: dict[str, Any]) -> None:
    assert problems(definition, template=False) == []


def test_everything_is_said_at_once() -> None:
    definition = {
        "StartAt": "first",
        "States": {
            "s": {"Type": "Pass", "Next": "t", "Resource": LAMBDA},
            "t": {"Type": "Wait", "End": True},
        },
    }
    assert [location for _, location, _ in found(definition)] == [
        "/States/s",
        "/States/t",
        "/StartAt",
        "/States/s",
    ]


def test_no_end_is_told_after_the_transitions_and_instead_of_unreachable_states() -> None:
    definition = {
        "StartAt": "s",
        "States": {"s": {"Type": "Pass", "Next": "t"}, "u": {"Type": "Pass", "Next": "s"}},
    }
    codes = [code for code, _, _ in found(definition)]
    assert codes == ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]


def test_labels_are_unique() -> None:
    first, second = mapping("DISTRIBUTED", Label="m"), mapping("DISTRIBUTED", Label="m")
    state = first["States"]["s"] | {"Next": "t"}
    del state["End"]
    inner = {"StartAt": "j", "States": {"j": {"Type": "Pass", "End": True}}}
    other = second["States"]["s"] | {"ItemProcessor": second["States"]["s"]["ItemProcessor"] | inner}
    expected = ("DUPLICATE_LABEL_NAME", "/States/t/Label", "Duplicate label: m")
    assert found({"StartAt": "s", "States": {"s": state, "t": other}}) == [expected]


def test_states_that_are_nested_too_deeply_are_refused() -> None:
    definition = passing()
    for level in range(2_000):
        state = {"Type": "Parallel", "Branches": [definition], "End": True}
        definition = {"StartAt": f"s{level}", "States": {f"s{level}": state}}
    expected = ("TOO_DEEPLY_NESTED", "", "The states are too deeply nested")
    assert found(definition)[-1:] == [expected]


@pytest.mark.parametrize("levels", [37, 38])
def test_what_is_accepted_can_be_read(levels: int) -> None:
    definition = passing()
    for level in range(levels):
        state = {"Type": "Parallel", "Branches": [definition], "End": True}
        definition = {"StartAt": f"s{level}", "States": {f"s{level}": state}}
    text = json.dumps(definition)
    if levels == 37:
        assert found(text) == []
        assert Definition.from_json(text).to_dict() == definition
        assert len([*Definition.from_json(text).walk()]) == levels + 1
    else:
        assert found(text) == [("TOO_DEEPLY_NESTED", "", "The states are too deeply nested")]
        with pytest.raises(InvalidArgument, match="too deeply nested: more than 150"):
            Definition.from_json(text)


def test_text_that_is_nested_too_deeply_is_refused() -> None:
    assert [code for code, _, _ in found("[" * 100_000)] == ["TOO_DEEPLY_NESTED"]


# What is given


def test_text_data_definitions_and_machines_are_looked_at() -> None:
    definition = passing(Next=1)
    expected = found(definition)
    assert expected
    assert found(json.dumps(definition)) == expected
    assert found(json.dumps(definition).encode()) == expected
    assert found(Definition.from_dict(definition)) == expected
    assert found(StateMachine("m", definition)) == expected


def test_what_has_no_definition_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="a definition, a machine or JSON is needed, not 5"):
        problems(5)


def test_text_that_is_not_json_is_answered_as_by_aws() -> None:
    source = '[Source: (String)"{"StartAt": oops}"; line: 1, column: 17]'
    tokens = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    message = f"Unrecognized token 'oops': was expecting {tokens}\n at {source}"
    assert found('{"StartAt": oops}') == [("INVALID_JSON_DESCRIPTION", source, message)]


@pytest.mark.parametrize("text", ["", "  ", "[]", "null", "3"])
def test_text_that_is_no_object_is_no_definition(text: str) -> None:
    assert found(text) == [(SCHEMA, "", "Definition must be a valid JSON object")]


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a"', b"\xff"])
def test_other_text_that_is_not_json_is_refused(text: str | bytes) -> None:
    assert [code for code, _, _ in found(text)] == ["INVALID_JSON_DESCRIPTION"]


def test_data_that_has_no_json_form_is_refused() -> None:
    definition = passing() | {"Comment": {1, 2}}
    assert [code for code, _, _ in found(definition)] == ["INVALID_JSON_DESCRIPTION"]


def test_a_state_that_stands_twice_in_text_is_refused() -> None:
    state = '{"Type": "Succeed"}'
    text = f'{{"StartAt": "s", "States": {{"s": {state}, "s": {state}}}}}'
    assert found(text) == [("DUPLICATE_STATE_NAME", "/States/s", "Duplicate State name: s")]


def test_a_definition_is_at_most_a_megabyte() -> None:
    comment = "c" * (1_048_576 - len(json.dumps(passing(Comment=""), separators=(",", ":"))))
    assert found(passing(Comment=comment)) == []
    message = "Definition has 1,048,577 bytes, but at most 1,048,576 are allowed"
    assert found(passing(Comment=comment + "c")) == [schema("/", message)]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["$.a", "{% $a %}", "${A}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
FLOWS = ["Next", "End", "Assign", "Choices", "Default", "Catch", "Retry", "Branches", "ItemProcessor"]
VALUES = ["Output", "Parameters", "Result", "ResultPath", "ErrorPath", "Seconds", "Timestamp", "Credentials"]
FIELDS = st.sampled_from([*FLOWS, *VALUES, "ItemReader", "QueryLanguage", "Label", "Resource"])


@given(
    st.sampled_from(["Pass", "Task", "Choice", "Wait", "Fail", "Parallel", "Map"]),
    st.dictionaries(FIELDS, JSON),
    JSON,
)
def test_whatever_json_is_given_there_is_an_answer(kind: str, fields: dict[str, Any], value: Any) -> None:
    for definition in (
        {"StartAt": "s", "States": {"s": {"Type": kind} | fields}},
        {"StartAt": value, "States": value},
    ):
        for problem in problems(definition, warnings=True):
            assert problem.code
            assert problem.message


def test_keys_that_are_no_text_are_read_as_json_has_them() -> None:
    assert found({"StartAt": "1", "States": {1: {"Type": "Succeed"}}}) == []


# Warnings


TOKEN = {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"

SUSPICIOUS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a path as plain text": (
        passing(Parameters={"a": {"b": "$.c"}}),
        "NO_DOLLAR",
        "/States/s/Parameters/a/b",
    ),
    "a call as plain text": (
        task(ResultSelector={"id": "States.UUID()"}),
        "NO_DOLLAR",
        "/States/s/ResultSelector/id",
    ),
    "a path as an error": (machine({"Type": "Fail", "Error": "$.error"}), "NO_PATH", "/States/s/Error"),
    "a path compared as text": (
        choosing({"Not": {"Variable": "$.a", "StringEquals": "$.b"}, "Next": "Done"}),
        "NO_PATH",
        "/States/s/Choices[0]/Not/StringEquals",
    ),
    "a result with a path": (passing(Result={"a.$": "$.b"}), "PASS_RESULT_IS_STATIC", "/States/s/Result/a.$"),
    "a variable that nothing sets": (
        passing(Parameters={"a.$": "$b.c"}),
        "UNDEFINED_VARIABLE",
        "/States/s/Parameters/a.$",
    ),
    "a variable that nothing sets, in JSONata": (
        jsonata({"Type": "Pass", "Output": "{% $uppercase($b) %}"}),
        "UNDEFINED_VARIABLE",
        "/States/s/Output",
    ),
    "a token that nobody gets": (
        machine(
            {"Type": "Task", "Resource": CALLBACK, "Parameters": {"QueueUrl": "q"}, "HeartbeatSeconds": 9}
        ),
        "MISSING_TASK_TOKEN",
        "/States/s",
    ),
    "a callback that may never come": (
        machine({"Type": "Task", "Resource": CALLBACK, "Parameters": TOKEN}),
        "MISSING_HEARTBEAT",
        "/States/s",
    ),
    "a misspelt error": (
        task(Retry=[{"ErrorEquals": ["States.Timeot"]}]),
        "UNKNOWN_ERROR_NAME",
        "/States/s/Retry[0]/ErrorEquals",
    ),
}


@pytest.mark.parametrize("case", SUSPICIOUS)
def test_a_warning_is_given_on_request_of(case: str) -> None:
    definition, code, location = SUSPICIOUS[case]
    assert problems(definition) == []
    warnings = problems(definition, warnings=True)
    assert [(warning.code, warning.location, warning.severity) for warning in warnings] == [
        (code, location, "WARNING")
    ]


def test_states_that_lead_only_to_each_other_are_a_warning() -> None:
    states = {"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Pass", "Next": "a"}}
    definition = passing() | {"States": passing()["States"] | states}
    assert problems(definition) == []
    warned = [(warning.code, warning.location) for warning in problems(definition, warnings=True)]
    assert warned == [("UNREACHABLE_STATE", "/States/a"), ("UNREACHABLE_STATE", "/States/b")]


def test_branches_with_a_name_in_common_are_a_warning() -> None:
    branch = {"StartAt": "i", "States": {"i": {"Type": "Succeed"}}}
    definition = machine({"Type": "Parallel", "Branches": [branch, branch]})
    assert problems(definition) == []
    warned = [(warning.code, warning.location) for warning in problems(definition, warnings=True)]
    assert warned == [("DUPLICATE_STATE_NAME", "/States/s/Branches[1]/States/i")]


def test_variables_are_seen_where_they_can_be_read() -> None:
    reading = {"StartAt": "i", "States": {"i": {"Type": "Pass", "Parameters": {"n.$": "$n"}, "End": True}}}
    branches = {"Type": "Parallel", "Branches": [reading], "Assign": {"n.$": "$[0]"}}
    assert problems(machine(branches), warnings=True) == []
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    distributed = mapping(ItemProcessor=config | reading, Assign={"n": 1})
    assert [warning.code for warning in problems(distributed, warnings=True)] == ["UNDEFINED_VARIABLE"]


# Machines


def test_a_machine_with_problems_is_refused_and_all_are_named() -> None:
    lost = Choice("lost")
    start = Task("pay", "arn:aws:states:::sqs:receive", timeout_seconds=10, heartbeat_seconds=10)
    start >> lost
    with pytest.raises(DefinitionError) as refusal:
        construct_state_machine("shop", start)
    assert [problem.code for problem in refusal.value.problems] == [
        SCHEMA,
        SCHEMA,
        SCHEMA,
        "MISSING_END_STATE",
    ]
    assert str(refusal.value).splitlines()[:3] == [
        "state machine 'shop' has 4 problems:",
        "  /States/pay/Resource: The resource provided arn:aws:states:::sqs:receive is not recognized. "
        "The value is not a valid resource ARN, or the resource is not available in this region. "
        "[SCHEMA_VALIDATION_FAILED]",
        "  /States/pay/HeartbeatSeconds: HeartbeatSeconds must be smaller than TimeoutSeconds: "
        "10 is not smaller than 10 [SCHEMA_VALIDATION_FAILED]",
    ]


def test_a_machine_without_problems_is_made() -> None:
    made = construct_state_machine("shop", Pass("pay"))
    assert made.definition.to_dict() == {"StartAt": "pay", "States": {"pay": {"Type": "Pass", "End": True}}}


def test_a_problem_as_text_reads_like_a_refusal_of_aws() -> None:
    assert str(Problem("CODE", "/States/s", "It is wrong")) == "CODE: It is wrong at /States/s"
    assert str(Problem("MISSING_END_STATE", "", "Workflow has no terminal state")).endswith(" at null")


# Recorded and labelled definitions


def cases(folder: str) -> list[dict[str, Any]]:
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{folder} is not there")
    read = [json.loads(path.read_text("utf-8")) for path in sorted((SHARED / folder).glob("[!_]*.json"))]
    assert read
    return read


def said(definition: Any, machine_type: Any) -> list[str]:
    return [str(problem) for problem in problems(definition, machine_type=machine_type)]


def test_what_executed_on_aws_has_no_problems() -> None:
    recorded = cases("conformance/asl")
    refused = {case["id"]: said(case["definition"], case.get("machine_type")) for case in recorded}
    assert {case: found for case, found in refused.items() if found} == {}


def test_what_aws_says_of_a_definition_is_said() -> None:
    refusal, wrong = "Invalid State Machine Definition: '{}'", {}
    for case in cases("conformance/static"):
        expected, request = case["expected"], case["request"]
        if expected.get("error", {}).get("code") == "ValidationException":
            continue  # of a parameter of the call, not of the definition
        answers = problems(case["definition_text"], machine_type=request.get("type"))
        if case.get("caveats"):  # the wording is not AWS's
            said, wanted = bool(answers), "error" in expected
        elif "error" in expected:
            said, wanted = refusal.format(", ".join(map(str, answers))), expected["error"]["message"]
        else:
            said = [{name: value for name, value in vars(problem).items() if value} for problem in answers]
            wanted = expected["diagnostics"]
        if said != wanted:
            wrong[case["id"]] = said
    assert wrong == {}


def test_labelled_definitions_are_told_apart() -> None:
    labelled = [case for case in cases("definitions/validation") if not case["disputed"]]
    alarms, missed = {}, []
    for case in labelled:
        definition = "not JSON" if case["definition"] is None else case["definition"]
        answers = said(definition, case.get("machine_type"))
        if case["valid"] and answers:
            alarms[case["id"]] = answers
        elif not case["valid"] and not answers:
            missed.append(case["id"])
    assert alarms == {}
    assert len(missed) <= 0.03 * sum(not case["valid"] for case in labelled), missed


def test_real_machines_are_looked_at_without_an_error() -> None:
    machines = cases("definitions/machines")
    refused = [case["id"] for case in machines if case["kind"] == "sample" and problems(case["definition"])]
    for case in machines:
        definition = case["definition"]
        assert sorted(found(Definition.from_dict(definition))) == sorted(found(definition))
        problems(definition, warnings=True)
    assert len(refused) <= 0.06 * sum(case["kind"] == "sample" for case in machines), refused


@pytest.mark.parametrize(
    "resource",
    ["states:::sqs:sendMessage.sync", "states:::sqs:sendMessages", "states:::aws-sdk:sqs:sendMessage.sync"],
)
def test_resources_are_looked_at_in_whichever_partition(resource: str) -> None:
    for partition in ("aws", "${AWS::Partition}"):
        (problem,) = problems(machine({"Type": "Task", "Resource": f"arn:{partition}:{resource}"}))
        assert problem.message.startswith(
            f"The resource provided arn:{partition}:{resource} is not recognized."
        )


def test_an_express_machine_has_no_activities_and_waits_for_no_jobs_in_whichever_partition() -> None:
    nested = construct_state_machine("nested", Pass("a"))
    for work in (Activity("pay"), nested, "sqs:sendMessage.waitForTaskToken"):
        with pytest.raises(DefinitionError, match="Express state machine does not support"):
            construct_state_machine("outer", Task("do", work, parameters={}), type="EXPRESS")
