"""An asyncio SDK for AWS Step Functions: author machines, run them, do their tasks, read their history."""

from typing import TYPE_CHECKING

from asfini import _lazy

if TYPE_CHECKING:
    from asfini import (
        aws as aws,
        codecs as codecs,
        history as history,
        local as local,
        testing as testing,
    )
    from asfini.activity import (
        Activity as Activity,
        ActivityRegistration as ActivityRegistration,
        CallableActivity as CallableActivity,
        CurrentTask as CurrentTask,
        SmartCallableActivity as SmartCallableActivity,
        current_task as current_task,
    )
    from asfini.alias import Alias as Alias
    from asfini.asl import (
        And as And,
        BooleanEquals as BooleanEquals,
        BooleanEqualsPath as BooleanEqualsPath,
        Catcher as Catcher,
        Choice as Choice,
        Comparison as Comparison,
        Condition as Condition,
        Definition as Definition,
        Fail as Fail,
        IsBoolean as IsBoolean,
        IsNull as IsNull,
        IsNumeric as IsNumeric,
        IsPresent as IsPresent,
        IsString as IsString,
        IsTimestamp as IsTimestamp,
        ItemBatcher as ItemBatcher,
        ItemProcessor as ItemProcessor,
        ItemReader as ItemReader,
        Map as Map,
        Not as Not,
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
        Or as Or,
        Parallel as Parallel,
        Pass as Pass,
        Problem as Problem,
        ProcessorConfig as ProcessorConfig,
        ReaderConfig as ReaderConfig,
        Resource as Resource,
        ResultWriter as ResultWriter,
        Retrier as Retrier,
        Rule as Rule,
        State as State,
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
        Succeed as Succeed,
        Task as Task,
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
        Wait as Wait,
        WriterConfig as WriterConfig,
        problems as problems,
    )
    from asfini.cli import CLI as CLI
    from asfini.client import Client as Client
    from asfini.errors import (
        AsfiniError as AsfiniError,
        DefinitionError as DefinitionError,
        ExecutionAborted as ExecutionAborted,
        ExecutionError as ExecutionError,
        ExecutionFailed as ExecutionFailed,
        ExecutionTimedOut as ExecutionTimedOut,
        InvalidArgument as InvalidArgument,
        ServiceError as ServiceError,
        TaskFailed as TaskFailed,
    )
    from asfini.execution import Execution as Execution
    from asfini.functions import Lambda as Lambda
    from asfini.machine import (
        StateMachine as StateMachine,
        construct_state_machine as construct_state_machine,
    )
    from asfini.map_run import MapRun as MapRun
    from asfini.service import Service as Service, ServiceWrapper as ServiceWrapper
    from asfini.state_test import StateTest as StateTest
    from asfini.tokens import TaskHandle as TaskHandle
    from asfini.waiting import as_completed as as_completed, wait_all as wait_all
    from asfini.worker import Worker as Worker

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "activity": (
            "Activity ActivityRegistration CallableActivity CurrentTask SmartCallableActivity current_task"
        ),
        "alias": "Alias",
        "asl": (
            "And BooleanEquals BooleanEqualsPath Catcher Choice Comparison Condition Definition Fail "
            "IsBoolean IsNull IsNumeric IsPresent IsString IsTimestamp ItemBatcher ItemProcessor "
            "ItemReader Map Not NumericEquals NumericEqualsPath NumericGreaterThan "
            "NumericGreaterThanEquals NumericGreaterThanEqualsPath NumericGreaterThanPath "
            "NumericLessThan NumericLessThanEquals NumericLessThanEqualsPath NumericLessThanPath Or "
            "Parallel Pass Problem ProcessorConfig ReaderConfig Resource ResultWriter Retrier Rule "
            "State StringEquals StringEqualsPath StringGreaterThan StringGreaterThanEquals "
            "StringGreaterThanEqualsPath StringGreaterThanPath StringLessThan StringLessThanEquals "
            "StringLessThanEqualsPath StringLessThanPath StringMatches Succeed Task TimestampEquals "
            "TimestampEqualsPath TimestampGreaterThan TimestampGreaterThanEquals "
            "TimestampGreaterThanEqualsPath TimestampGreaterThanPath TimestampLessThan "
            "TimestampLessThanEquals TimestampLessThanEqualsPath TimestampLessThanPath Wait "
            "WriterConfig problems"
        ),
        "aws": "",
        "checking": "",
        "cli": "CLI",
        "client": "Client",
        "clock": "",
        "codecs": "",
        "errors": (
            "AsfiniError DefinitionError ExecutionAborted ExecutionError ExecutionFailed "
            "ExecutionTimedOut InvalidArgument ServiceError TaskFailed"
        ),
        "execution": "Execution",
        "functions": "Lambda",
        "history": "",
        "infrastructure": "",
        "local": "",
        "machine": "StateMachine construct_state_machine",
        "map_run": "MapRun",
        "otel": "",
        "query": "",
        "service": "Service ServiceWrapper",
        "state_test": "StateTest",
        "testing": "",
        "tokens": "TaskHandle",
        "waiting": "as_completed wait_all",
        "view": "",
        "worker": "Worker",
    },
)

__all__ = [
    "CLI",
    "Activity",
    "ActivityRegistration",
    "Alias",
    "And",
    "AsfiniError",
    "BooleanEquals",
    "BooleanEqualsPath",
    "CallableActivity",
    "Catcher",
    "Choice",
    "Client",
    "Comparison",
    "Condition",
    "CurrentTask",
    "Definition",
    "DefinitionError",
    "Execution",
    "ExecutionAborted",
    "ExecutionError",
    "ExecutionFailed",
    "ExecutionTimedOut",
    "Fail",
    "InvalidArgument",
    "IsBoolean",
    "IsNull",
    "IsNumeric",
    "IsPresent",
    "IsString",
    "IsTimestamp",
    "ItemBatcher",
    "ItemProcessor",
    "ItemReader",
    "Lambda",
    "Map",
    "MapRun",
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
    "Service",
    "ServiceError",
    "ServiceWrapper",
    "SmartCallableActivity",
    "State",
    "StateMachine",
    "StateTest",
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
    "TaskFailed",
    "TaskHandle",
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
    "Worker",
    "WriterConfig",
    "as_completed",
    "aws",
    "codecs",
    "construct_state_machine",
    "current_task",
    "history",
    "local",
    "problems",
    "testing",
    "wait_all",
]
