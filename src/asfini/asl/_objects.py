"""The objects inside of states, as tables: retriers, catchers, rules, a distributed map's input and output.

Sources: the developer guide's pages on the states and on error handling, and what AWS refused.
"""

import re
from typing import Any

from asfini._arns import check_name
from asfini.asl._checks import (
    boolean,
    dynamic,
    expression,
    expressions,
    is_expression,
    number,
    one_of,
    own_reference,
    reference,
    result_path,
    show,
    template,
    text,
    texts,
    timestamp,
)
from asfini.asl._problem import Check, Context, at
from asfini.asl._shape import Shape
from asfini.errors import InvalidArgument

MAX_INTEGER = 99_999_999
"""The most seconds, and the most attempts: the developer guide, "Handling errors"."""
MAX_DELAY = 31_622_399
MAX_ITEMS = 100_000_000
MAX_BATCH_BYTES = 262_144
MAX_LABEL = 40
MAX_VARIABLE = 80

seconds = number(1, MAX_INTEGER)


def listed(look: Check, *, empty: bool = True) -> Check:
    """Make a check for a list, each of whose items is looked at."""

    def check(context: Context, value: Any, place: str, key: str) -> None:
        if not isinstance(value, list):
            if not context.open(value):
                context.add(f"Expected an array, but found {show(value)}", at(place, key))
        elif not value and not empty:
            context.add("Value cannot be empty", at(place, key))
        else:
            for index, item in enumerate(value):
                look(context, item, place, f"{key}[{index}]")

    return check


def shaped(shape: Shape) -> Check:
    """Make a check for an object."""

    def check(context: Context, value: Any, place: str, key: str) -> None:
        shape.check(context, value, at(place, key))

    return check


# Variables


def assign(context: Context, value: Any, place: str, key: str) -> None:
    """Demand variables by name."""
    if not isinstance(value, dict):
        if not context.open(value):
            context.add(f"Expected an object, but found {show(value)}", at(place, key))
        return
    for name in value:
        bare = name if context.jsonata else name.removesuffix(".$")
        if bare == "states" or not 1 <= len(bare) <= MAX_VARIABLE:
            context.add(f"{name!r} cannot be the name of a variable", at(place, key))
    dynamic(context, value, place, key)


# Errors

RETRIER = Shape(
    {
        "ErrorEquals": texts,
        "Comment": text,
        "IntervalSeconds": number(1, MAX_INTEGER, literal=True),
        "MaxAttempts": number(0, MAX_INTEGER, literal=True),
        "BackoffRate": number(1.0, literal=True),
        "MaxDelaySeconds": number(1, MAX_DELAY, literal=True),
        "JitterStrategy": one_of("FULL", "NONE"),
    },
    required="ErrorEquals",
)
CATCHER = Shape(
    {"ErrorEquals": texts, "Comment": text, "Next": text, "Assign": assign},
    jsonpath={"ResultPath": result_path},
    jsonata={"Output": expressions},
    required="ErrorEquals Next",
)


def retriers(context: Context, value: Any, place: str, key: str) -> None:
    """Look at what is tried again."""
    listed(shaped(RETRIER))(context, value, place, key)
    _check_errors(context, value, at(place, key))


def catchers(context: Context, value: Any, place: str, key: str) -> None:
    """Look at where errors lead."""
    context.catching = True
    listed(shaped(CATCHER))(context, value, place, key)
    context.catching = False
    _check_errors(context, value, at(place, key))


def _check_errors(context: Context, value: Any, location: str) -> None:
    """Let `States.ALL` stand alone, and last."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        names = item.get("ErrorEquals") if isinstance(item, dict) else None
        if not isinstance(names, list) or "States.ALL" not in names:
            continue
        place = f"{location}[{index}]/ErrorEquals"
        if len(names) > 1:
            context.add("'States.ALL' must be the only name in its array", place)
        if index < len(value) - 1:
            context.add("'States.ALL' must come last, for it matches every error", place)


# Rules

_KINDS: dict[str, Check] = {"String": text, "Numeric": number(float("-inf")), "Timestamp": timestamp}
_ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_TESTS = ("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")
COMPARISONS: dict[str, Check] = {
    **{f"{kind}{order}": look for kind, look in _KINDS.items() for order in _ORDERS},
    **{f"{kind}{order}Path": reference for kind in _KINDS for order in _ORDERS},
    **dict.fromkeys(("BooleanEquals", *_TESTS), boolean),
    "BooleanEqualsPath": reference,
    "StringMatches": text,
}


def _condition(context: Context, value: Any, place: str, key: str) -> None:
    if is_expression(value):
        expression(context, value, place, key)
    elif not isinstance(value, bool) and not context.open(value):
        context.add(f"Expected a JSONata expression, but found {show(value)}", at(place, key))


def _rule(context: Context, value: Any, place: str, key: str) -> None:
    _check_rule(context, value, at(place, key), RULE)


def _inner_rule(context: Context, value: Any, place: str, key: str) -> None:
    _check_rule(context, value, at(place, key), INNER_RULE)


_COMBINED: dict[str, Check] = {
    "And": listed(_inner_rule, empty=False),
    "Or": listed(_inner_rule, empty=False),
    "Not": _inner_rule,
}
_TESTED = {"Variable": reference, **COMPARISONS, **_COMBINED}
_OPERATORS = COMPARISONS.keys() | _COMBINED.keys()
RULE = Shape(
    {"Next": text, "Comment": text, "Assign": assign},
    jsonpath=_TESTED,
    jsonata={"Condition": _condition, "Output": expressions},
    required="Next",
)
INNER_RULE = Shape({"Comment": text}, jsonpath=_TESTED)
choices = listed(_rule, empty=False)


def _check_rule(context: Context, value: Any, location: str, shape: Shape) -> None:
    if not shape.check(context, value, location):
        return
    if context.jsonata:
        if "Condition" not in value:
            context.add("These fields are required: [Condition]", location)
        return
    operators = [key for key in value if key in _OPERATORS]
    if not operators:
        context.add("A rule needs a comparison, And, Or or Not", location)
    elif len(operators) > 1:
        context.add(f"There should only be one of the following fields: [{', '.join(operators)}]", location)
    elif operators[0] in COMPARISONS and "Variable" not in value:
        context.add("These fields are required: [Variable]", location)
    elif operators[0] in _COMBINED and "Variable" in value:
        context.add("Field 'Variable' is not supported", location)


# Distributed maps


def label(context: Context, value: Any, place: str, key: str) -> None:
    """Demand a name for map runs."""
    if context.open(value):
        return
    location = at(place, key)
    try:
        check_name(value, "a label")
    except InvalidArgument as error:
        context.add(str(error), location, "INVALID_LABEL_NAME")
    else:
        if len(value) > MAX_LABEL:
            message = f"a label has at most {MAX_LABEL} characters, not {len(value)}: {value!r}"
            context.add(message, location, "INVALID_LABEL_NAME")


_PROCESSOR_CONFIG = Shape(
    {"Mode": one_of("INLINE", "DISTRIBUTED"), "ExecutionType": one_of("STANDARD", "EXPRESS")},
)


def processor_config(context: Context, value: Any, place: str, key: str) -> None:
    """Look at how a processor is run."""
    location = at(place, key)
    if not _PROCESSOR_CONFIG.check(context, value, location):
        return
    if value.get("Mode") == "DISTRIBUTED" and "ExecutionType" not in value:
        context.add("These fields are required: [ExecutionType]", location)


_READER_CONFIG = Shape(
    {
        "InputType": one_of("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"),
        "Transformation": one_of("NONE", "LOAD_AND_FLATTEN"),
        "ManifestType": one_of("ATHENA_DATA", "S3_INVENTORY"),
        "CSVHeaderLocation": one_of("FIRST_ROW", "GIVEN"),
        "CSVHeaders": texts,
        "CSVDelimiter": one_of("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
        "MaxItems": number(0, MAX_ITEMS),
        "ItemsPointer": text,
    },
    jsonpath={"MaxItemsPath": own_reference},
    single=("MaxItems MaxItemsPath",),
)


def _reader_config(context: Context, value: Any, place: str, key: str) -> None:
    location = at(place, key)
    if not _READER_CONFIG.check(context, value, location):
        return
    where = value.get("CSVHeaderLocation")
    if value.get("InputType") == "CSV" and where is None:
        context.add("These fields are required: [CSVHeaderLocation]", location)
    if where == "GIVEN" and "CSVHeaders" not in value:
        context.add("These fields are required: [CSVHeaders]", location)


def _s3(*actions: str) -> Check:
    allowed = re.compile(rf"arn:[^:]+:states:::s3:(?:{'|'.join(actions)})")

    def check(context: Context, value: Any, place: str, key: str) -> None:
        if not (isinstance(value, str) and allowed.fullmatch(value)) and not context.open(value):
            context.add(f"Expected s3:{' or s3:'.join(actions)}, but found {show(value)}", at(place, key))

    return check


ITEM_READER = Shape(
    {"Resource": _s3("getObject", "listObjectsV2"), "ReaderConfig": _reader_config},
    jsonpath={"Parameters": template},
    jsonata={"Arguments": expressions},
    required="Resource",
    some=("Parameters Arguments",),
)
ITEM_BATCHER = Shape(
    {
        "MaxItemsPerBatch": number(1),
        "MaxInputBytesPerBatch": number(1, MAX_BATCH_BYTES),
        "BatchInput": dynamic,
    },
    jsonpath={"MaxItemsPerBatchPath": own_reference, "MaxInputBytesPerBatchPath": own_reference},
    some=("MaxItemsPerBatch MaxItemsPerBatchPath MaxInputBytesPerBatch MaxInputBytesPerBatchPath",),
    single=("MaxItemsPerBatch MaxItemsPerBatchPath", "MaxInputBytesPerBatch MaxInputBytesPerBatchPath"),
)
_WRITER_CONFIG = Shape(
    {"OutputType": one_of("JSON", "JSONL"), "Transformation": one_of("NONE", "COMPACT", "FLATTEN")},
    some=("OutputType Transformation",),
)
RESULT_WRITER = Shape(
    {"Resource": _s3("putObject"), "WriterConfig": shaped(_WRITER_CONFIG)},
    jsonpath={"Parameters": template},
    jsonata={"Arguments": expressions},
    some=("Resource WriterConfig",),
)


# Credentials


def credentials(context: Context, value: Any, place: str, key: str) -> None:
    """Demand the role that a task acts in."""
    location = at(place, key)
    if not isinstance(value, dict):
        if not context.open(value):
            context.add(f"Expected an object, but found {show(value)}", location)
        return
    if "RoleArn" not in value and (context.jsonata or "RoleArn.$" not in value):
        context.add("The field 'RoleArn' is required but was missing", location)
    dynamic(context, value, place, key)
