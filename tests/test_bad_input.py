"""Bad input, parameter by parameter: each gets an error that names the culprit, and nothing is lost.

The tables are held against what there is: a public name, or a parameter, without a row fails a test here.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

import asfini
from asfini import (
    CLI,
    Activity,
    ActivityRegistration,
    Alias,
    CallableActivity,
    Client,
    Execution,
    InvalidArgument,
    Lambda,
    MapRun,
    Pass,
    Service,
    ServiceWrapper,
    SmartCallableActivity,
    StateMachine,
    Succeed,
    TaskFailed,
    TaskHandle,
    Wait,
    Worker,
    aws,
    construct_state_machine,
    local,
    problems,
)
from asfini._arns import Account
from asfini.asl._model import Model
from asfini.errors import ServiceError
from asfini.worker import Limits

PREFIX = "arn:aws:states:us-east-1:123456789012:"
RUN = f"{PREFIX}execution:shop:x"
LONG = "x" * 81
UNWRITABLE = [object(), {"a": object()}, {1: "a", "1": "b"}, float("nan"), "x" * 262_145, "\ud800"]
NO_NAMES = ["", "a b", "a/b", LONG, 5]
NO_MACHINES = [
    5,
    None,
    "",
    "a b",
    LONG,
    "arn:aws:s3:::a",
    "arn:",
    f"{PREFIX}activity:pay",
    RUN,
    Activity("pay"),
]
NO_FLAGS = ["yes", 1, None]
NO_TEXTS = [5, b"bytes", ["a"]]
NO_TIMES = [-1, float("nan"), float("inf"), "5", True]
NO_TYPES = [5, "nothing?", object()]
NO_SERVICES = [5, None, "service", Service]
NO_HEARTBEATS = [0, -1, float("nan"), float("inf"), "20", True]

METHODS: dict[str, dict[str, list[Any]]] = {
    "Client.register": {
        "things": [5, None, "shop", Succeed("s"), [Activity("a")]],
        "allow_update": NO_FLAGS,
        "role": [*NO_TEXTS, ""],
        "publish": NO_FLAGS,
        "dry_run": NO_FLAGS,
    },
    "Client.deregister": {"things": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, Succeed("s")]},
    "Client.deregister_activities": {"prefix": ["", None, 5]},
    "Client.is_registered": {"thing": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN]},
    "Client.describe": {"thing": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, "nothing"]},
    "Client.machine": {"machine": [*NO_MACHINES, "nothing"]},
    "Client.start_execution": {
        "machine": [*NO_MACHINES, "nothing"],
        "input": UNWRITABLE,
        "name": NO_NAMES,
        "if_exists": ["maybe", None, True],
        "trace_header": [*NO_TEXTS, "x" * 257],
    },
    "Client.execution_named": {"machine": NO_MACHINES, "name": NO_NAMES},
    "Client.execute": {
        "machine": [*NO_MACHINES, "nothing"],
        "input": UNWRITABLE,
        "type": NO_TYPES,
        "name": NO_NAMES,
        "timeout": NO_TIMES,
        "stop_on_cancel": NO_FLAGS,
    },
    "Client.start_many": {
        "machine": [*NO_MACHINES, "nothing"],
        "inputs": [5, None, "text", {"a": 1}, *([value] for value in UNWRITABLE)],
        "max_running": [0, -1, 1.5, "5", True, None],
        "name": [5, "text", *(lambda _, made=made: made for made in NO_NAMES)],
        "if_exists": ["maybe", None, True],
        "stop_on_cancel": NO_FLAGS,
    },
    "Client.execution": {"arn": [5, None, "", "x", PREFIX, f"{PREFIX}execution:shop", "x:execution:y:z"]},
    "Client.start_sync_execution": {
        "machine": [*NO_MACHINES, "nothing"],
        "input": UNWRITABLE,
        "name": NO_NAMES,
        "trace_header": [*NO_TEXTS, "x" * 257],
    },
    "Client.list_executions": {
        "machine": [*NO_MACHINES, "nothing"],
        "status": ["running", "", 5],
        "redriven": ["yes", 1],
    },
    "Client.list_map_runs": {"execution": [5, None, "", "x", PREFIX, f"{PREFIX}execution:shop"]},
    "Client.map_run": {"arn": [5, None, "", "x", PREFIX, RUN]},
    "Client.publish": {
        "machine": [*NO_MACHINES, "nothing"],
        "description": [*NO_TEXTS, "x" * 257],
        "revision_id": NO_TEXTS,
    },
    "Client.list_versions": {"machine": [*NO_MACHINES, "nothing"]},
    "Client.list_aliases": {"machine": [*NO_MACHINES, "nothing"]},
    "Client.alias": {"machine": NO_MACHINES, "name": NO_NAMES},
    "Client.create_alias": {
        "machine": [*NO_MACHINES, "nothing"],
        "name": NO_NAMES,
        "routing": [None, 0, -1, True, "7", {}, {1: 50}, {1: 50, 2: 51}, {1: 10, 2: 10, 3: 80}, {1: "100"}],
        "description": [*NO_TEXTS, "x" * 257],
    },
    "Client.tags": {"thing": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, "nothing"]},
    "Client.tag": {
        "thing": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, "nothing"],
        "tags": [5, None, ["a"], {"a": 5}, {5: "a"}],
    },
    "Client.untag": {
        "thing": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, "nothing"],
        "names": [5, None],
    },
    "Client.validate": {
        "machine": [5, None, object()],
        "type": ["standard", "", 5],
        "warnings": NO_FLAGS,
    },
    "Client.test_state": {
        "state": [5, None, object()],
        "input": UNWRITABLE,
        "name": ["", 5],
        "variables": [{"a": object()}, [1]],
        "context": [{"a": object()}, [1]],
        "role": ["", 5],
        "inspection_level": ["info", None, 5],
        "reveal_secrets": NO_FLAGS,
        "mock_result": [object(), float("nan")],
        "mock_error": ["Boom", 5],
        "field_validation_mode": ["strict", "", 5],
        "state_configuration": [5, "x", {"nothing": 5}],
    },
    "Client.get_activity_task": {
        "activity": [5, None, "", "a b", LONG, "arn:aws:s3:::a", RUN, "nothing"],
        "worker_name": NO_NAMES,
        "heartbeat": NO_HEARTBEATS,
    },
    "Client.task": {"token": ["", None, 5], "heartbeat": NO_HEARTBEATS},
    "Client.mock": {
        "thing": [5, "", "a b", Succeed("s"), construct_state_machine("shop", Succeed("s"))],
        "return_value": UNWRITABLE,
        "side_effect": [5, "text", b"text", {"a": 1}],
        "state": ["", 5],
        "machine": [5, "", "a b", "arn:x"],
        "after": [*NO_TIMES, None],
    },
    "Execution.output": {"type": NO_TYPES},
    "Execution.wait": {
        "type": NO_TYPES,
        "timeout": NO_TIMES,
        "raise_on_failure": NO_FLAGS,
        "stop_on_cancel": NO_FLAGS,
    },
    "Execution.stop": {"error": NO_TEXTS, "cause": NO_TEXTS},
    "Execution.history": {"follow": NO_FLAGS, "reverse": NO_FLAGS, "include_data": NO_FLAGS},
    "Execution.explain": {"children": NO_FLAGS},
    "Execution.format_history": {"cause": NO_FLAGS, "input": NO_FLAGS},
}
"""What the parameters of methods that reach the service must not be given."""

GIVEN: dict[str, dict[str, Any]] = {
    "Client.execution_named": {"machine": "shop", "name": "x"},
    "Client.register": {"things": [Activity("new"), construct_state_machine("new", Succeed("s"))]},
    "Client.deregister": {"things": [Activity("pay")]},
    "Client.start_execution": {"machine": "shop"},
    "Client.execute": {"machine": "shop"},
    "Client.start_many": {"machine": "shop", "inputs": [1]},
    "Client.start_sync_execution": {"machine": "shop"},
    "Client.list_executions": {"machine": "shop"},
    "Client.publish": {"machine": "shop"},
    "Client.alias": {"machine": "shop", "name": "live"},
    "Client.create_alias": {"machine": "shop", "name": "live", "routing": 1},
    "Client.tag": {"thing": "shop", "tags": {"a": "b"}},
    "Client.untag": {"thing": "shop", "names": ["a"]},
    "Client.validate": {"machine": Succeed("s")},
    "Client.test_state": {"state": Succeed("s")},
    "Client.get_activity_task": {"activity": Activity("pay")},
    "Client.task": {"token": "token"},
    "Client.mock": {"thing": Activity("pay")},
}
"""What other parameters are given, so that only one is at fault."""


def public_methods(kind: type) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            yield f"{kind.__name__}.{name}", method


def parameters(function: Any) -> set[str]:
    return {name for name in inspect.signature(function).parameters if name != "self"}


def method_rows() -> Iterator[Any]:
    for name, rows in METHODS.items():
        for parameter, values in rows.items():
            for number, value in enumerate(values):
                yield pytest.param(name, parameter, value, id=f"{name}-{parameter}-{number}")


def shown(value: Any) -> str:
    """What names a culprit: its value, or as much of it as an error shows."""
    return re.escape(str(value)[:20])


async def call(method: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Call a method, be it plain, a coroutine or an asynchronous iterator."""
    given = dict(arguments)
    first = [given.pop("thing")] if "names" in given else []
    answer = method(*first, *given.pop("things", ()), *given.pop("names", ()), **given)
    if inspect.isasyncgen(answer):
        async for _ in answer:
            pass
    elif inspect.isawaitable(answer):
        await answer


async def everything(client: Client) -> Any:
    """All that a service knows."""
    machines = [
        await client.describe(entry["stateMachineArn"]) async for entry in client.list_state_machines()
    ]
    activities = [entry async for entry in client.list_activities()]
    executions = [
        await client.execution(found.arn).describe()
        for entry in machines
        async for found in client.list_executions(entry["stateMachineArn"])
    ]
    return machines, activities, executions


class TestMethods:
    def test_every_parameter_of_every_method_has_rows(self) -> None:
        found = {
            name: parameters(method)
            for kind in (Client, Execution)
            for name, method in public_methods(kind)
            if parameters(method)
        }
        assert {name: set(rows) for name, rows in METHODS.items()} == found
        assert all(values for rows in METHODS.values() for values in rows.values())

    @pytest.mark.parametrize(("name", "parameter", "value"), [*method_rows()])
    async def test_a_bad_value_is_named_and_nothing_is_lost(
        self, local_client: Client, name: str, parameter: str, value: Any
    ) -> None:
        waiting = construct_state_machine("shop", Wait("wait", 3600))
        await local_client.register(Activity("pay"), waiting)
        execution = await local_client.start_execution(waiting, {"kept": True}, name="x")
        before = await everything(local_client)
        owner = local_client if name.startswith("Client") else execution
        good = GIVEN.get(name, {})
        bad = [*good.get(parameter, []), value] if parameter in ("things", "names") else value
        with pytest.raises((InvalidArgument, ServiceError)) as caught:
            await call(getattr(owner, name.split(".")[1]), {**good, parameter: bad})
        culprits = [parameter, *NAMES.get(parameter, []), shown(value)]
        assert re.search("|".join(culprits), str(caught.value)), caught.value
        assert await everything(local_client) == before


NAMES: dict[str, list[str]] = {
    "input": ["the input"],
    "inputs": ["the input"],
    "name": ["an execution"],
    "trace_header": ["traceHeader"],
    "arn": ["ARN"],
    "activities": ["activity"],
    "machine": ["state machine", "machine"],
    "thing": ["only Tasks", "a machine does no task"],
    "return_value": ["the result"],
    "routing": ["alias", "weight", "version"],
    "variables": ["the variables"],
    "context": ["the context object"],
    "state_configuration": ["stateConfiguration"],
}
"""What else parameters are called in messages."""


def empty() -> Service:
    """A service that answers nothing."""

    class Empty(Service):
        async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
            raise AssertionError("nothing is to be called")

        async def account(self) -> Account:
            raise AssertionError("nobody is to be asked")

    return Empty()


start = Pass("a")
machine = construct_state_machine("shop", start)
OPTIONS: dict[str, list[Any]] = {
    "type": ["FAST", None, 5],
    "role": [5, ""],
    "logging": ["ALL"],
    "tracing": ["yes"],
    "tags": ["a", {"a": 5}],
    "encryption": ["x"],
}
FUNCTIONS: list[Any] = [5, None, "function"]


def work(value: int) -> int:
    return value


CALLABLES: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, list[Any]]]] = {
    "Activity": (Activity, {"name": "a"}, {"name": NO_NAMES, "heartbeat": NO_HEARTBEATS}),
    "ActivityRegistration": (ActivityRegistration, {}, {"prefix": [5, None]}),
    "CallableActivity": (
        CallableActivity,
        {"name": "a", "function": work},
        {
            "name": NO_NAMES,
            "function": FUNCTIONS,
            "heartbeat": NO_HEARTBEATS,
            "runs_in": ["nowhere", 5, True],
        },
    ),
    "SmartCallableActivity": (
        SmartCallableActivity,
        {"name": "a", "function": work},
        {
            "name": NO_NAMES,
            "function": FUNCTIONS,
            "heartbeat": NO_HEARTBEATS,
            "runs_in": ["nowhere", 5, True],
        },
    ),
    "Lambda": (Lambda, {"name": "a"}, {"name": ["", None, 5]}),
    "StateMachine": (
        StateMachine,
        {"name": "a", "definition": machine.definition},
        {"name": NO_NAMES, "definition": [5, None, "{}"], **OPTIONS},
    ),
    "construct_state_machine": (
        construct_state_machine,
        {"name": "a", "start": start},
        {
            "name": NO_NAMES,
            "start": [5, None, "a", machine],
            "comment": [5],
            "timeout_seconds": [1.5, True],
            "query_language": ["XPath"],
            **OPTIONS,
        },
    ),
    "problems": (
        problems,
        {"definition": machine},
        {
            "definition": [5, None, object()],
            "machine_type": ["FAST"],
            "warnings": ["yes"],
            "template": ["yes", None],
        },
    ),
    "Client": (Client, {"service": empty()}, {"service": NO_SERVICES, "role": [*NO_TEXTS, ""]}),
    "Execution": (
        Execution,
        {"service": empty(), "arn": RUN},
        {"service": NO_SERVICES, "arn": METHODS["Client.execution"]["arn"], "description": [5, "x"]},
    ),
    "Alias": (
        Alias,
        {"service": empty(), "arn": f"{PREFIX}stateMachine:shop:live"},
        {"service": NO_SERVICES, "arn": [5, None, "", PREFIX, f"{PREFIX}stateMachine:shop:1", RUN]},
    ),
    "MapRun": (
        MapRun,
        {"service": empty(), "arn": f"{PREFIX}mapRun:shop/label:x"},
        {"service": NO_SERVICES, "arn": METHODS["Client.map_run"]["arn"]},
    ),
    "ServiceWrapper": (ServiceWrapper, {"inner": empty()}, {"inner": NO_SERVICES}),
    "TaskHandle": (
        TaskHandle,
        {"service": empty(), "token": "x"},
        {"service": NO_SERVICES, "token": ["", None, 5], "heartbeat": NO_HEARTBEATS},
    ),
    "TaskFailed": (TaskFailed, {"error": "E"}, {"error": [5, None], "cause": [5, None]}),
    "Worker": (
        Worker,
        {"client": Client(empty()), "activities": CallableActivity("a", work)},
        {
            "client": [5, None, empty()],
            "activities": [5, None, Activity("a"), [5], []],
            "name": NO_NAMES,
            "max_tasks": [0, -1, 1.5, "5", True],
            "max_polls": [0, -1, 1.5, "5", True, 1001],
            "max_threads": [0, -1, 1.5, "5", True],
            "max_processes": [0, -1, 1.5, "5", True],
            "tasks_per_second": [0, -1, float("inf"), float("nan"), "5", True],
            "limits": [5, [], {"a": 5}, {"b": Limits()}],
            "resources": [5, [], {"db": 5}],
            "middleware": [5, [5], work],
            "grace": [-1, float("nan"), "30", True],
            "late": [None, True, "later"],
        },
    ),
    "CLI": (
        CLI,
        {"state_machine": machine},
        {
            "state_machine": [5, [5]],
            "activities": [5, [5]],
            "role_arn": [5],
            "version": [5],
            "prog": [5],
            "handlers": [5],
            "connect": [5],
        },
    ),
}
"""What makes an object: what it is, what is given to it, and what its parameters must not be given."""

WAITS: dict[str, dict[str, list[Any]]] = {
    "as_completed": {"executions": [5, None, "x", [RUN], [None]], "stop_on_cancel": NO_FLAGS},
    "wait_all": {
        "executions": [5, None, "x", [RUN], [None]],
        "type": NO_TYPES,
        "timeout": NO_TIMES,
        "return_exceptions": NO_FLAGS,
        "stop_on_cancel": NO_FLAGS,
    },
}
"""What functions must not be given that wait for many executions."""

WITHOUT_ROWS = {
    "AsfiniError",
    "CurrentTask",  # made by workers alone, as errors are by services
    "DefinitionError",
    "ExecutionAborted",
    "ExecutionError",
    "ExecutionFailed",
    "ExecutionTimedOut",
    "InvalidArgument",
    "Problem",
    "Resource",  # a protocol
    "Service",  # takes nothing
    "ServiceError",
    "StateTest",  # made by the client alone
    "codecs",
    "aws",  # connect() is tested with the sessions
    "current_task",  # takes nothing
    "history",
    "local",
    "testing",
}
"""Public names that nobody gives anything to."""


def constructed() -> Iterator[Any]:
    for name, (_, _, rows) in CALLABLES.items():
        for parameter, values in rows.items():
            for number, value in enumerate(values):
                yield pytest.param(name, parameter, value, id=f"{name}-{parameter}-{number}")


def models() -> dict[str, type[Model]]:
    found = {name: getattr(asfini, name) for name in asfini.__all__}
    return {name: kind for name, kind in found.items() if inspect.isclass(kind) and issubclass(kind, Model)}


def options(function: Any) -> set[str]:
    """The parameters of a function, with those that `**options` stands for."""
    found = inspect.signature(function).parameters
    names = {name for name, each in found.items() if each.kind is not each.VAR_KEYWORD}
    return names | (set(OPTIONS) if len(names) < len(found) else set())


class TestConstructors:
    def test_every_public_name_has_rows_or_takes_nothing(self) -> None:
        assert {*CALLABLES, *WAITS, *WITHOUT_ROWS, *models()} == set(asfini.__all__)

    @pytest.mark.parametrize("name", CALLABLES)
    def test_every_parameter_has_rows(self, name: str) -> None:
        function, _, rows = CALLABLES[name]
        assert set(rows) == options(function)
        assert all(rows.values())

    def test_every_parameter_of_functions_that_wait_has_rows(self) -> None:
        assert {name: set(rows) for name, rows in WAITS.items()} == {
            name: parameters(getattr(asfini, name)) for name in WAITS
        }

    @pytest.mark.parametrize(
        ("name", "parameter", "value"),
        [
            (name, parameter, value)
            for name, rows in WAITS.items()
            for parameter, values in rows.items()
            for value in values
        ],
    )
    async def test_functions_that_wait_name_a_bad_value(self, name: str, parameter: str, value: Any) -> None:
        with pytest.raises(InvalidArgument, match=f"{parameter}|{shown(value)}"):
            await call(getattr(asfini, name), {"executions": [], parameter: value})

    def test_the_options_of_machines_are_the_dataclasss_own(self) -> None:
        from asfini.machine import MachineOptions

        assert set(typing.get_type_hints(MachineOptions)) == set(OPTIONS)

    @pytest.mark.parametrize(("name", "parameter", "value"), [*constructed()])
    def test_a_bad_value_is_named(self, name: str, parameter: str, value: Any) -> None:
        function, good, _ = CALLABLES[name]
        with pytest.raises(InvalidArgument) as caught:
            function(**{**good, parameter: value})
        culprits = [parameter.replace("_", "."), shown(value), *NAMES.get(parameter, [])]
        assert re.search("|".join(culprits), str(caught.value)), caught.value


class Misfit:
    """Fits no field."""

    def __repr__(self) -> str:
        return "<misfit>"


class TestModels:
    """The language's models: a field that holds JSON takes whatever there is, any other refuses a misfit."""

    def fields(self, kind: type[Model]) -> Iterator[tuple[str, Any]]:
        for name, field in kind.model_fields.items():
            if name != "type":
                yield name, field

    @pytest.mark.parametrize("name", models())
    def test_a_misfit_is_refused_with_the_field_it_was_given_for(self, name: str) -> None:
        kind = models()[name]
        good = {field: GOOD.get((name, field), GOOD.get(field)) for field in kind.required}
        refused = 0
        for field, info in self.fields(kind):
            if info.annotation is Any or field in HOLDS_JSON:
                continue
            with pytest.raises(InvalidArgument) as caught:
                kind(**{**good, field: Misfit()})  # type: ignore[arg-type]
            assert field in str(caught.value)
            assert name in str(caught.value)
            refused += 1
        assert refused

    @pytest.mark.parametrize("name", models())
    def test_a_field_that_there_is_not_is_refused_with_a_hint(self, name: str) -> None:
        kind = models()[name]
        good = {field: GOOD.get((name, field), GOOD.get(field)) for field in kind.required}
        known = next(field for field, _ in self.fields(kind))
        with pytest.raises(TypeError, match=f"{name} has no field '{known}x'; did you mean '{known}'"):
            kind(**{**good, f"{known}x": 1})

    @pytest.mark.parametrize("name", models())
    def test_what_is_lacking_is_named(self, name: str) -> None:
        kind = models()[name]
        if kind.required:
            with pytest.raises(TypeError, match=f"{name} needs .*{kind.required[0]}"):
                kind()


GOOD: dict[Any, Any] = {
    "name": "s",
    "resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
    "error_equals": ["States.ALL"],
    "next": "other",
    "variable": "$.n",
    "value": "$.m",
    "condition": "{% true %}",
    "rules": [],
    "rule": asfini.IsPresent("$.n"),
    "start_at": "s",
    "states": {},
    **{(name, "value"): 1 for name in models() if name.startswith("Numeric") and not name.endswith("Path")},
    **{(name, "value"): True for name in models() if re.match(r"Is|BooleanEquals$", name)},
}
"""Values for what must be given."""
HOLDS_JSON = {"output", "arguments", "parameters", "result", "result_selector", "items", "item_selector"} | {
    *("credentials", "batch_input")
}
"""Fields in which any JSON may stand: what has no JSON form is refused when it is written."""


class TestConnecting:
    @pytest.mark.parametrize(
        ("connect", "given", "culprit"),
        [
            (local.connect, {"region": 5}, "region"),
            (local.connect, {"account_id": "1"}, "account_id"),
            (local.connect, {"handlers": 5}, "handlers"),
            (local.connect, {"handlers": {"sqs:sendMessage": 5}}, "sqs:sendMessage"),
            (local.connect, {"poll_seconds": -1}, "poll_seconds"),
            (local.connect, {"seed": "x"}, "seed"),
            (aws.connect, {"session": 5, "region": "eu-west-1"}, "session"),
            (aws.connect, {"region": "eu-west-1", "endpoint_url": "nowhere"}, "nowhere"),
            (aws.connect, {"region": "eu-west-1", "role": 5}, "role"),
            (aws.connect, {"region": "eu-west-1", "quota_share": 0}, "quota_share"),
        ],
    )
    async def test_a_bad_value_is_named(self, connect: Any, given: dict[str, Any], culprit: str) -> None:
        async with AsyncExitStack() as stack:
            with pytest.raises(InvalidArgument, match=culprit):
                await stack.enter_async_context(connect(**given))
