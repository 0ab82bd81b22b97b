"""Bad input gets an error that names the culprit, and loses nothing.

The tables are complete: a new public name, or a new parameter of a method of `Client` or `Execution`, needs a
row.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import asfini
from asfini import (
    Activity,
    ActivityRegistration,
    Client,
    Execution,
    InvalidArgument,
    Pass,
    ServiceError,
    Wait,
    construct_state_machine,
)
from asfini.errors import DoesNotExist

MACHINE = construct_state_machine("there", Wait("wait", seconds=3600))
ACTIVITY = Activity("there-too")
OTHER = "arn:aws:states:us-east-1:123456789012:stateMachine:elsewhere"
Bad = list[tuple[Any, str]]
"""Bad values, each with what its error must say."""

TEXTS: Bad = [(5, "5"), (b"x", "b'x'")]
FLAGS: Bad = [("yes", "'yes'"), (1, "1")]
MACHINES: Bad = [
    (5, "5"),
    (ACTIVITY, "there-too"),
    ("no name", "'no name'"),
    ("", "''"),
    ("x" * 81, "81"),
    ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
    ("nowhere", "nowhere"),
    (OTHER, "elsewhere"),
]
THINGS: Bad = [(5, "5"), (None, "None"), ("no name", "'no name'"), ("arn:aws:s3:::b", "arn:aws:s3:::b")]
NAMES: Bad = [(5, "5"), ("", "''"), ("no name", "'no name'"), ("x" * 81, "81"), ("a/b", "'/'")]
INPUTS: Bad = [
    (object(), "input"),
    (float("nan"), "input"),
    ("x" * 262_144, "262,146"),
    ({1: "a", "1": "b"}, "1"),
    ("\ud800", "input"),
]
TIMEOUTS: Bad = [("soon", "'soon'"), (-1, "-1"), (float("nan"), "nan")]

CLIENT: dict[str, dict[str, Bad]] = {
    "account": {},
    "deregister": {"things": THINGS},
    "deregister_activities": {"prefix": [("", "''"), (5, "5"), (None, "None")]},
    "describe": {"thing": [*THINGS, ("nowhere", "nowhere")]},
    "execute": {
        "machine": MACHINES,
        "input": INPUTS,
        "type": [(5, "5")],
        "name": NAMES,
        "timeout": TIMEOUTS,
    },
    "execution": {"arn": [("x", "'x'"), (5, "5"), (OTHER, "elsewhere")]},
    "is_registered": {"thing": THINGS},
    "list_activities": {},
    "list_executions": {"machine": MACHINES, "status": [("DONE", "'DONE'"), (5, "5")]},
    "list_state_machines": {},
    "machine": {"machine": [("nowhere", "nowhere"), (5, "5"), ("no name", "'no name'")]},
    "register": {
        "things": [(5, "5"), ("there", "'there'"), (None, "None")],
        "allow_update": FLAGS,
        "role": [(5, "5"), ("", "''")],
        "publish": FLAGS,
    },
    "start_execution": {
        "machine": MACHINES,
        "input": INPUTS,
        "name": NAMES,
        "if_exists": [("ignore", "'ignore'"), (None, "None")],
        "trace_header": [(5, "5"), ("x" * 257, "256")],
    },
    "task": {
        "token": [(5, "token"), ("", "token")],
        "heartbeat": [("often", "'often'"), (0, "0"), (-1, "-1")],
    },
}
EXECUTION: dict[str, dict[str, Bad]] = {
    "describe": {},
    "format_history": {"cause": FLAGS, "input": FLAGS},
    "history": {"follow": FLAGS, "reverse": FLAGS, "include_data": FLAGS},
    "input": {},
    "output": {"type": [(5, "5")]},
    "start_date": {},
    "status": {},
    "stop": {"error": TEXTS, "cause": TEXTS},
    "stop_date": {},
    "wait": {"type": [(5, "5")], "timeout": TIMEOUTS, "raise_on_failure": FLAGS},
}
GOOD: dict[str, Any] = {"machine": MACHINE, "thing": MACHINE, "arn": OTHER, "token": "token"}
"""What a call gets besides the bad value, where it needs something."""


def methods(kind: type) -> dict[str, set[str]]:
    """The public methods of a class, each with its parameters."""
    return {
        name: set(inspect.signature(method).parameters) - {"self"}
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("kind", "table"), [(Client, CLIENT), (Execution, EXECUTION)])
def test_every_parameter_has_rows(kind: type, table: dict[str, dict[str, Bad]]) -> None:
    assert {name: set(rows) for name, rows in table.items()} == methods(kind)
    assert all(rows for parameters in table.values() for rows in parameters.values())


def rows(table: dict[str, dict[str, Bad]]) -> list[Any]:
    return [
        pytest.param(method, parameter, value, said, id=f"{method}-{parameter}-{index}")
        for method, parameters in table.items()
        for parameter, bad in parameters.items()
        for index, (value, said) in enumerate(bad)
    ]


async def state(client: Client) -> Any:
    """All that the service has."""
    machines = [entry["name"] async for entry in client.list_state_machines()]
    activities = [entry["name"] async for entry in client.list_activities()]
    executions = [await execution.describe() async for execution in client.list_executions(MACHINE)]
    return machines, activities, executions, (await client.describe(MACHINE))["definition"]


async def call(target: Any, method: str, parameter: str, value: Any) -> None:
    """Call a method with one bad value, and go through what it gives."""
    function = getattr(target, method)
    needed = inspect.signature(function).parameters
    given = {name: GOOD[name] for name in needed if name in GOOD}
    positional = needed[parameter].kind is inspect.Parameter.VAR_POSITIONAL
    things = [value] if positional else [MACHINE] if "things" in needed else []
    result = function(*things, **(given if positional else given | {parameter: value}))
    if inspect.isawaitable(result):
        result = await result
    if hasattr(result, "__aiter__"):
        async for _ in result:
            pass


@pytest.mark.parametrize(("method", "parameter", "value", "said"), rows(CLIENT))
async def test_a_client_names_the_culprit_and_nothing_is_changed(
    local_client: Client, method: str, parameter: str, value: Any, said: str
) -> None:
    await local_client.register(MACHINE, ACTIVITY)
    await local_client.start_execution(MACHINE, name="runs")
    before = await state(local_client)
    with pytest.raises((InvalidArgument, ServiceError, TypeError), match=re.escape(said)):
        await call(local_client, method, parameter, value)
    assert await state(local_client) == before


@pytest.mark.parametrize(("method", "parameter", "value", "said"), rows(EXECUTION))
async def test_an_execution_names_the_culprit_and_nothing_is_changed(
    local_client: Client, method: str, parameter: str, value: Any, said: str
) -> None:
    await local_client.register(MACHINE, ACTIVITY)
    execution = await local_client.start_execution(MACHINE, name="runs")
    before = await state(local_client)
    with pytest.raises((InvalidArgument, ServiceError, TypeError), match=re.escape(said)):
        await call(execution, method, parameter, value)
    assert await state(local_client) == before


def comparison(name: str) -> tuple[Callable[[], object], str]:
    kind = getattr(asfini, name)
    return lambda: kind("$.x", object()), name


NAMES_OF_COMPARISONS = [
    name
    for name in asfini.__all__
    if re.fullmatch(
        r"(String|Numeric|Timestamp|Boolean)\w+|Is(Boolean|Null|Numeric|Present|String|Timestamp)", name
    )
]
MADE: dict[str, tuple[Callable[..., object], str]] = {
    **{name: comparison(name) for name in NAMES_OF_COMPARISONS},
    "Activity": (lambda: Activity("no name"), "'no name'"),
    "ActivityRegistration": (lambda: ActivityRegistration(5), "5"),  # type: ignore[arg-type]
    "And": (lambda: asfini.And([5]), "5"),  # type: ignore[list-item]
    "CLI": (lambda: asfini.CLI(5), "5"),  # type: ignore[arg-type]
    "CallableActivity": (lambda: asfini.CallableActivity("a", 5), "5"),  # type: ignore[arg-type,var-annotated]
    "Catcher": (lambda: asfini.Catcher(["E"], Pass("p"), resultpath="$"), "resultpath"),  # type: ignore[call-arg]
    "Choice": (lambda: asfini.Choice("c").add(5), "5"),  # type: ignore[arg-type]
    "Comparison": (lambda: asfini.Comparison("$.x"), "value"),  # type: ignore[call-arg]
    "Condition": (lambda: asfini.Condition(5), "5"),  # type: ignore[arg-type]
    "Definition": (lambda: asfini.Definition(start_at=5, states={}), "5"),  # type: ignore[arg-type]
    "Fail": (lambda: asfini.Fail("f", eror="E"), "error"),  # type: ignore[call-arg]
    "ItemBatcher": (lambda: asfini.ItemBatcher(max_items=5), "max_items"),  # type: ignore[call-arg]
    "ItemProcessor": (lambda: asfini.ItemProcessor(start_at="x"), "states"),  # type: ignore[call-arg]
    "ItemReader": (lambda: asfini.ItemReader(resorce="x"), "resource"),  # type: ignore[call-arg]
    "Lambda": (lambda: asfini.Lambda(5), "5"),  # type: ignore[arg-type]
    "Map": (lambda: asfini.Map("m", 5), "5"),
    "Not": (lambda: asfini.Not(5), "5"),  # type: ignore[arg-type]
    "Or": (lambda: asfini.Or(5), "5"),  # type: ignore[arg-type]
    "Parallel": (lambda: asfini.Parallel("p").add(5), "5"),
    "Pass": (lambda: Pass("p", result_pth="$.x"), "result_path"),  # type: ignore[call-arg]
    "ProcessorConfig": (lambda: asfini.ProcessorConfig(mod="INLINE"), "mode"),  # type: ignore[call-arg]
    "ReaderConfig": (lambda: asfini.ReaderConfig(csv_headers=5), "5"),  # type: ignore[arg-type]
    "ResultWriter": (lambda: asfini.ResultWriter(resorce="x"), "resource"),  # type: ignore[call-arg]
    "Retrier": (lambda: asfini.Retrier(5), "5"),  # type: ignore[arg-type]
    "SmartCallableActivity": (lambda: asfini.SmartCallableActivity("a", 5), "5"),  # type: ignore[arg-type,var-annotated]
    "StateMachine": (lambda: asfini.StateMachine("m", 5), "5"),  # type: ignore[arg-type]
    "Succeed": (lambda: asfini.Succeed("s", output_pth="$"), "output_path"),  # type: ignore[call-arg]
    "Task": (lambda: asfini.Task("t", 5), "5"),  # type: ignore[arg-type]
    "TaskFailed": (lambda: asfini.TaskFailed(5), "int"),  # type: ignore[arg-type]
    "Wait": (lambda: Wait("w", seconds=1.5), "1.5"),  # type: ignore[arg-type]
    "WriterConfig": (lambda: asfini.WriterConfig(output="CSV"), "output"),  # type: ignore[call-arg]
    "construct_state_machine": (lambda: construct_state_machine("m", 5), "5"),  # type: ignore[arg-type]
    "current_task": (asfini.current_task, "current_task"),
    "problems": (lambda: asfini.problems(5), "5"),
}
MADE_WITH_A_CLIENT: dict[str, tuple[Callable[[Client], object], str]] = {
    "Client": (lambda client: Client(client.service, role=5), "5"),  # type: ignore[arg-type]
    "Execution": (lambda client: Execution(client.service, "x"), "'x'"),
    "TaskHandle": (lambda client: asfini.TaskHandle(client.service, ""), "token"),
    "Worker": (lambda client: asfini.Worker(client, [ACTIVITY]), "there-too"),
}
TAKES_NOTHING_TO_CHECK = {
    *("AsfiniError", "DefinitionError", "ExecutionAborted", "ExecutionError", "ExecutionFailed"),
    *("ExecutionTimedOut", "InvalidArgument", "ServiceError"),  # errors, made by asfini
    *(
        "CurrentTask",
        "Problem",
        "Resource",
        "Service",
        "ServiceWrapper",
        "Rule",
        "State",
    ),  # made by asfini, or bases
    *("aws", "history", "local", "testing"),  # modules
}


def test_every_public_name_has_a_row() -> None:
    assert {*MADE, *MADE_WITH_A_CLIENT, *TAKES_NOTHING_TO_CHECK} == set(asfini.__all__)


@pytest.mark.parametrize("name", MADE)
def test_making_one_names_the_culprit(name: str) -> None:
    make, said = MADE[name]
    with pytest.raises((asfini.AsfiniError, TypeError), match=re.escape(said)):
        make()


@pytest.mark.parametrize("name", MADE_WITH_A_CLIENT)
async def test_making_one_around_a_client_names_the_culprit(local_client: Client, name: str) -> None:
    make, said = MADE_WITH_A_CLIENT[name]
    with pytest.raises((asfini.AsfiniError, TypeError), match=re.escape(said)):
        make(local_client)


async def test_what_is_not_there_says_so(local_client: Client) -> None:
    with pytest.raises(DoesNotExist, match="elsewhere"):
        await local_client.describe(OTHER)
