"""The Amazon States Language as models whose JSON is what they are: see `asfini.asl.states`."""

from typing import TYPE_CHECKING

from asfini import _lazy

if TYPE_CHECKING:
    from asfini.asl.choice import And as And, Condition as Condition, Not as Not, Or as Or, Rule as Rule
    from asfini.asl.comparisons import (
        BooleanEquals as BooleanEquals,
        BooleanEqualsPath as BooleanEqualsPath,
        Comparison as Comparison,
        IsBoolean as IsBoolean,
        IsNull as IsNull,
        IsNumeric as IsNumeric,
        IsPresent as IsPresent,
        IsString as IsString,
        IsTimestamp as IsTimestamp,
        NumericEquals as NumericEquals,
        NumericEqualsPath as NumericEqualsPath,
        NumericGreaterThan as NumericGreaterThan,
        NumericGreaterThanEquals as NumericGreaterThanEquals,
        NumericGreaterThanEqualsPath as NumericGreaterThanEqualsPath,
        NumericGreaterThanPath as NumericGreaterThanPath,
        NumericLessThan as NumericLessThan,
        NumericLessThanEquals as NumericLessThanEquals,
        NumericLessThanEqualsPath as NumericLessThanEqualsPath,
        NumericLessThanPath as NumericLessThanPath,
        StringEquals as StringEquals,
        StringEqualsPath as StringEqualsPath,
        StringGreaterThan as StringGreaterThan,
        StringGreaterThanEquals as StringGreaterThanEquals,
        StringGreaterThanEqualsPath as StringGreaterThanEqualsPath,
        StringGreaterThanPath as StringGreaterThanPath,
        StringLessThan as StringLessThan,
        StringLessThanEquals as StringLessThanEquals,
        StringLessThanEqualsPath as StringLessThanEqualsPath,
        StringLessThanPath as StringLessThanPath,
        StringMatches as StringMatches,
        TimestampEquals as TimestampEquals,
        TimestampEqualsPath as TimestampEqualsPath,
        TimestampGreaterThan as TimestampGreaterThan,
        TimestampGreaterThanEquals as TimestampGreaterThanEquals,
        TimestampGreaterThanEqualsPath as TimestampGreaterThanEqualsPath,
        TimestampGreaterThanPath as TimestampGreaterThanPath,
        TimestampLessThan as TimestampLessThan,
        TimestampLessThanEquals as TimestampLessThanEquals,
        TimestampLessThanEqualsPath as TimestampLessThanEqualsPath,
        TimestampLessThanPath as TimestampLessThanPath,
    )
    from asfini.asl.definition import Definition as Definition
    from asfini.asl.map import (
        ItemBatcher as ItemBatcher,
        ItemProcessor as ItemProcessor,
        ItemReader as ItemReader,
        Map as Map,
        Parallel as Parallel,
        ProcessorConfig as ProcessorConfig,
        ReaderConfig as ReaderConfig,
        ResultWriter as ResultWriter,
        WriterConfig as WriterConfig,
    )
    from asfini.asl.states import (
        Catcher as Catcher,
        Choice as Choice,
        Fail as Fail,
        Pass as Pass,
        Resource as Resource,
        Retrier as Retrier,
        State as State,
        Succeed as Succeed,
        Task as Task,
        Wait as Wait,
    )
    from asfini.asl.validation import Problem as Problem, problems as problems

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "choice": "And Condition Not Or Rule",
        "comparisons": (
            "BooleanEquals BooleanEqualsPath Comparison IsBoolean IsNull IsNumeric IsPresent "
            "IsString IsTimestamp NumericEquals NumericEqualsPath NumericGreaterThan "
            "NumericGreaterThanEquals NumericGreaterThanEqualsPath NumericGreaterThanPath "
            "NumericLessThan NumericLessThanEquals NumericLessThanEqualsPath NumericLessThanPath "
            "StringEquals StringEqualsPath StringGreaterThan StringGreaterThanEquals "
            "StringGreaterThanEqualsPath StringGreaterThanPath StringLessThan StringLessThanEquals "
            "StringLessThanEqualsPath StringLessThanPath StringMatches TimestampEquals "
            "TimestampEqualsPath TimestampGreaterThan TimestampGreaterThanEquals "
            "TimestampGreaterThanEqualsPath TimestampGreaterThanPath TimestampLessThan "
            "TimestampLessThanEquals TimestampLessThanEqualsPath TimestampLessThanPath"
        ),
        "definition": "Definition",
        "map": (
            "ItemBatcher ItemProcessor ItemReader Map Parallel ProcessorConfig ReaderConfig "
            "ResultWriter WriterConfig"
        ),
        "states": "Catcher Choice Fail Pass Resource Retrier State Succeed Task Wait",
        "validation": "Problem problems",
    },
)

__all__ = [
    "And",
    "BooleanEquals",
    "BooleanEqualsPath",
    "Catcher",
    "Choice",
    "Comparison",
    "Condition",
    "Definition",
    "Fail",
    "IsBoolean",
    "IsNull",
    "IsNumeric",
    "IsPresent",
    "IsString",
    "IsTimestamp",
    "ItemBatcher",
    "ItemProcessor",
    "ItemReader",
    "Map",
    "Not",
    "NumericEquals",
    "NumericEqualsPath",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
    "NumericGreaterThanPath",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericLessThanEqualsPath",
    "NumericLessThanPath",
    "Or",
    "Parallel",
    "Pass",
    "Problem",
    "ProcessorConfig",
    "ReaderConfig",
    "Resource",
    "ResultWriter",
    "Retrier",
    "Rule",
    "State",
    "StringEquals",
    "StringEqualsPath",
    "StringGreaterThan",
    "StringGreaterThanEquals",
    "StringGreaterThanEqualsPath",
    "StringGreaterThanPath",
    "StringLessThan",
    "StringLessThanEquals",
    "StringLessThanEqualsPath",
    "StringLessThanPath",
    "StringMatches",
    "Succeed",
    "Task",
    "TimestampEquals",
    "TimestampEqualsPath",
    "TimestampGreaterThan",
    "TimestampGreaterThanEquals",
    "TimestampGreaterThanEqualsPath",
    "TimestampGreaterThanPath",
    "TimestampLessThan",
    "TimestampLessThanEquals",
    "TimestampLessThanEqualsPath",
    "TimestampLessThanPath",
    "Wait",
    "WriterConfig",
    "problems",
]
