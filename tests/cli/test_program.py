"""The command line, driven in process on the local service."""

import asyncio
import io
import json
import logging
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stderr
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from command_lines import Look, connecting

import asfini
from asfini import (
    CLI,
    Activity,
    ActivityRegistration,
    Client,
    Fail,
    InvalidArgument,
    Lambda,
    Pass,
    ServiceWrapper,
    Task,
    Wait,
    construct_state_machine,
    local,
)
from asfini.cli import main, progress
from asfini.errors import TaskFailed

SHOP = """
import asfini

activities = asfini.ActivityRegistration(prefix="shop-")


@activities.activity()
async def charge(pence: int) -> str:
    return f"charged {pence}"


shop = asfini.construct_state_machine("shop", asfini.Task("charge", charge))
"""


@pytest.fixture
def activities() -> ActivityRegistration:
    group = ActivityRegistration(prefix="shop-")

    @group.activity()
    async def charge(pence: int) -> str:
        return f"charged {pence}"

    return group


@pytest.fixture
def shop(activities: ActivityRegistration) -> asfini.StateMachine:
    return construct_state_machine("shop", Task("charge", activities.activities["shop-charge"]))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text on standard input."""

    def put(text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def status_of(cli: CLI, *argv: str) -> int | str | None:
    """Run a program's command line, and give its exit status."""
    return ending(lambda: cli.parse_args(argv))


def main_status(*argv: str) -> int | str | None:
    """Run the command `asfini`, and give its exit status."""
    return ending(lambda: main(argv))


def ending(run: Callable[[], int | None]) -> int | str | None:
    """Run a program as if pytest did not log, and give its exit status."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        return run() or 0
    except SystemExit as end:
        return end.code or 0
    finally:
        root.handlers = handlers


def python(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


# sfini's class


def test_sfinis_command_line_works_as_written(
    shop: asfini.StateMachine,
    activities: ActivityRegistration,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("order.json").write_text("500")
    monkeypatch.setattr(sys, "argv", ["shop.py", "--local", "start", "order.json", "--wait"])
    asfini.CLI(shop, activities, role_arn="...", version="1.0").parse_args()
    assert capsys.readouterr() == ('"charged 500"\n', "")


def test_the_version_is_shown_and_without_one_there_is_no_such_option(
    shop: asfini.StateMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(CLI(shop, version="1.0 beta"), "-V") == 0
    assert capsys.readouterr().out == "1.0 beta\n"
    assert status_of(CLI(shop), "-V") == 2


def test_help_names_the_program_its_machines_and_its_activities(
    shop: asfini.StateMachine, activities: ActivityRegistration, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = CLI([shop, "50%"], activities, prog="100%shop")
    assert status_of(cli, "--help") == 0
    told = capsys.readouterr().out
    assert "state machine shop, 50% and activities shop-charge" in told
    assert "100%shop start order.json --local" in told
    for command in ("register", "deregister", "start", "worker", "executions"):
        assert status_of(cli, command, "--help") == 0
        assert f"100%shop {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "needs a state machine or activities"),
        ({"state_machine": ActivityRegistration()}, "a state machine is needed, not <"),
        ({"state_machine": ["shop", 3]}, "a state machine is needed, not 3"),
        ({"activities": "shop"}, "activities are needed, not 'shop'"),
        ({"state_machine": ["shop", "shop"]}, "two machines are named 'shop'"),
        ({"activities": [Activity("pay"), [Activity("pay")]]}, "two activities are named 'pay'"),
    ],
)
def test_what_a_command_line_cannot_act_on_is_refused(given: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidArgument, match=error):
        CLI(**given)


async def test_inside_of_a_running_loop_the_error_says_why(shop: asfini.StateMachine) -> None:
    with pytest.raises(RuntimeError, match="runs an event loop of its own"):
        CLI(shop).parse_args(["register"])


# register, deregister


@pytest.mark.parametrize(
    ("option", "machine_there", "activity_there"),
    [([], True, True), (["-s"], True, False), (["-a"], False, True)],
)
def test_registering_takes_machines_activities_or_both(
    option: list[str],
    machine_there: bool,
    activity_there: bool,
    shop: asfini.StateMachine,
    activities: ActivityRegistration,
) -> None:
    async def look(client: Client) -> None:
        assert await client.is_registered(shop) is machine_there
        assert await client.is_registered(activities.activities["shop-charge"]) is activity_there

    assert status_of(CLI(shop, activities, connect=connecting(after=look)), "register", *option) == 0


def test_with_only_a_machine_or_only_activities_everything_else_works(
    shop: asfini.StateMachine, activities: ActivityRegistration, capsys: pytest.CaptureFixture[str]
) -> None:
    for cli in (CLI(shop, connect=connecting()), CLI(activities=activities, connect=connecting())):
        assert status_of(cli, "register") == 0
        assert status_of(cli, "deregister") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("cli", "argv", "error"),
    [
        (CLI(activities=Activity("pay")), ["register", "-s"], "there is no state machine here to register"),
        (CLI("shop"), ["deregister", "-a"], "there is no activity here to deregister"),
        (CLI("shop"), ["register"], "there is nothing here to register"),
        (CLI("shop"), ["worker"], "there are no activities here to work at"),
        (CLI(activities=Activity("pay")), ["worker", "pya"], "there is no activity 'pya' here, but pay"),
        (CLI(activities=Activity("pay")), ["executions"], "there is no state machine here; give one's name"),
        (CLI(["a", "b"]), ["start", "-"], "which state machine? choose with --machine: a, b"),
        (CLI("a"), ["register", "-s", "-a"], "argument -a/--activities-only: not allowed with argument"),
        (CLI("a"), ["executions", "-s", "DONE"], "argument -s/--status: invalid choice: 'DONE'"),
        (CLI("a"), ["start", "-", "--local", "--profile", "me"], "--local and --profile exclude each other"),
        (CLI("a"), ["run", "a.json", "--profile", "me"], "--profile is not for run, which calls nobody"),
        (CLI("a"), ["--local", "worker"], "--local is not for worker, only for start"),
        (CLI("a"), [], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_says_what_is_wrong(
    cli: CLI, argv: list[str], error: str, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("{}")
    assert status_of(cli, *argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"error: {error}" in err.splitlines()[-1]


def test_what_is_registered_is_told_as_lines_or_as_json(
    shop: asfini.StateMachine, activities: ActivityRegistration, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = CLI(shop, activities, connect=connecting())
    prefix = "arn:aws:states:us-east-1:123456789012"
    assert status_of(cli, "register") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"registered {prefix}:activity:shop-charge",
        f"registered {prefix}:stateMachine:shop",
    ]
    assert status_of(cli, "deregister", "-s", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == [{"name": "shop", "arn": f"{prefix}:stateMachine:shop"}]


def test_a_changed_machine_is_updated_only_if_that_is_allowed(
    shop: asfini.StateMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    async def register_other(client: Client) -> None:
        await client.register(construct_state_machine("shop", Pass("nothing")))

    async def look(client: Client) -> None:
        assert "charge" in (await client.machine("shop")).definition.states

    assert status_of(CLI(shop, connect=connecting(register_other)), "register") == 1
    assert "; --allow-update changes it" in capsys.readouterr().err
    assert status_of(CLI(shop, connect=connecting(register_other, look)), "register", "-u") == 0


@pytest.mark.parametrize(("option", "role"), [([], "sellers"), (["--role", "arn:aws:iam::1:role/x"], "x")])
def test_machines_are_registered_with_the_role_that_is_given(
    option: list[str], role: str, shop: asfini.StateMachine
) -> None:
    async def look(client: Client) -> None:
        assert (await client.describe(shop))["roleArn"].endswith(f"role/{role}")

    cli = CLI(shop, role_arn="sellers", connect=connecting(after=look))
    assert status_of(cli, "register", *option) == 0


def test_only_what_is_named_is_deregistered(activities: ActivityRegistration) -> None:
    async def register(client: Client) -> None:
        await client.register(activities, Activity("shop-other"), construct_state_machine("shop", Pass("p")))

    async def look(client: Client) -> None:
        assert [entry["name"] async for entry in client.list_activities()] == ["shop-other"]
        assert await client.is_registered("shop")  # others deploy it: just its name is known

    assert status_of(CLI("shop", activities, connect=connecting(register, look)), "deregister") == 0


def test_the_connection_gets_the_options_that_are_given(shop: asfini.StateMachine) -> None:
    found: list[dict[str, str]] = []

    @asynccontextmanager
    async def connect(**options: str) -> AsyncIterator[Client]:
        found.append(options)
        async with local.connect() as client:
            yield client

    cli = CLI(shop, connect=connect)
    assert status_of(cli, "register") == 0
    argv = ["--region", "eu-west-1", "register", "--profile", "me", "--endpoint-url", "http://localhost:1"]
    assert status_of(cli, *argv) == 0
    assert found == [{}, {"region": "eu-west-1", "profile": "me", "endpoint_url": "http://localhost:1"}]


# start


def register(*things: Any) -> Look:
    async def before(client: Client) -> None:
        await client.register(*things)

    return before


def test_a_start_prints_the_executions_arn_and_does_not_wait(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    nap = construct_state_machine("nap", Wait("nap", seconds=3600))
    cli = CLI(nap, connect=connecting(register(nap)))
    typed("{}")
    assert status_of(cli, "start", "-", "--name", "first") == 0
    assert capsys.readouterr().out == "arn:aws:states:us-east-1:123456789012:execution:nap:first\n"
    typed("{}")
    assert status_of(cli, "start", "-", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"arn": told["arn"], "name": told["arn"].rpartition(":")[2]}


def test_of_several_machines_one_is_chosen_by_name_or_arn(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    machines = [construct_state_machine(name, Pass("p", result=name)) for name in ("one", "two")]
    cli = CLI(machines, connect=connecting(register(*machines)))
    for given in ("two", "arn:aws:states:us-east-1:123456789012:stateMachine:two"):
        typed("{}")
        assert status_of(cli, "start", "-", "-w", "-m", given) == 0
        assert capsys.readouterr().out == '"two"\n'


def test_an_unknown_machine_is_the_services_to_refuse(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("{}")
    assert status_of(CLI("shop", connect=connecting(), prog="shop"), "start", "-") == 1
    err = capsys.readouterr().err
    assert err.startswith("shop: error: start_execution: StateMachineDoesNotExist: ")
    assert err.splitlines()[1:] == [
        "shop: hint: `shop register` makes it known; or it is in another --region, or of another --profile"
    ]


def test_a_failed_execution_ends_with_status_1_and_one_line(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = construct_state_machine("broken", Fail("f", error="Refused", cause="first\n  in short: no"))
    cli = CLI(broken, connect=connecting(register(broken)), prog="shop")
    typed("{}")
    assert status_of(cli, "start", "-", "-w", "-n", "x") == 1
    arn = "arn:aws:states:us-east-1:123456789012:execution:broken:x"
    assert capsys.readouterr() == (
        "",
        f"shop: error: execution x failed: Refused: in short: no\nshop: hint: shop explain {arn}\n",
    )
    typed("{}")
    assert status_of(cli, "start", "-", "-w", "-n", "x", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", "Refused", "first\n  in short: no")


def test_an_error_that_ends_a_traceback_is_said_once(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = construct_state_machine("broken", Fail("f", error="KeyError", cause="Traceback:\nKeyError: 5"))
    typed("{}")
    assert status_of(CLI(broken, prog="shop"), "start", "-", "--local", "-n", "x", "-q") == 1
    assert capsys.readouterr().err == "shop: error: execution x failed: KeyError: 5\n"


def test_all_that_is_known_of_an_execution_is_printed_as_json(
    typed: Callable[[str], None],
    shop: asfini.StateMachine,
    activities: ActivityRegistration,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed("5")
    assert status_of(CLI(shop, activities), "start", "-", "--local", "--json", "--history", "-n", "x") == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["arn", "name", "status", "start_date", "stop_date", "output", "history"]
    assert (told["name"], told["status"], told["output"]) == ("x", "SUCCEEDED", "charged 5")
    assert told["history"][0]["type"] == "ExecutionStarted"
    assert told["history"][-1]["output"] == "charged 5"


def test_a_history_ends_with_the_output_and_tells_causes_when_asked_for_more(
    typed: Callable[[str], None],
    shop: asfini.StateMachine,
    activities: ActivityRegistration,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed("5")
    assert status_of(CLI(shop, activities), "start", "-", "--local", "--history") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ExecutionStarted [1] @ ")
    assert lines[-1] == 'Output: "charged 5"'
    for option, told in (("--history", False), ("--history -v", True)):
        typed('"five"')
        assert status_of(CLI(shop, activities), "start", "-", "--local", *option.split()) == 1
        assert ("  cause:" in capsys.readouterr().out) is told


def test_offline_time_may_be_virtual(
    typed: Callable[[str], None], terminal: "Terminal", capsys: pytest.CaptureFixture[str]
) -> None:
    year = CLI(construct_state_machine("year", Wait("a year", seconds=365 * 86_400)))
    typed("{}")
    with redirect_stderr(terminal):
        assert status_of(year, "start", "-", "--local", "--virtual-time", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    began, ended = (datetime.fromisoformat(told[name]) for name in ("start_date", "stop_date"))
    assert (ended - began).days == 365
    assert "a year" not in terminal.getvalue()
    assert status_of(year, "start", "-", "--virtual-time") == 2
    assert "--virtual-time is for --local: on AWS, time passes" in capsys.readouterr().err


def test_offline_functions_stand_in_for_other_resources(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine = construct_state_machine("m", Task("t", Lambda("price")))
    cli = CLI(machine, handlers={"price": lambda given: given["pence"] * 2})
    typed('{"pence": 7}')
    assert status_of(cli, "start", "-", "--local") == 0
    assert capsys.readouterr().out == "14\n"


def test_offline_an_activity_without_a_function_is_told_and_does_not_hang(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine = construct_state_machine("m", Task("t", Activity("elsewhere")))
    typed("{}")
    assert status_of(CLI(machine, Activity("elsewhere")), "start", "-", "--local") == 1
    warning, error, hint = capsys.readouterr().err.splitlines()
    assert "no function here does arn:aws:states:us-east-1:123456789012:activity:elsewhere" in warning
    assert "failed: States.Runtime: The activity" in error
    assert hint.endswith("hint: --history says more")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{\n  "a": 1,\n}', "order.json is not JSON: .* line 3 column 1"),
        (b"", r"order.json is not JSON: .* line 1 column 1 \(char 0\)"),
        (b"[NaN]", "order.json is not JSON: NaN is not a JSON value"),
        (b'"\xff"', "order.json is not JSON: .* position 1"),
        (None, "cannot read order.json: No such file or directory"),
    ],
)
def test_a_bad_input_is_named_with_its_place(
    content: bytes | None, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path("order.json").write_bytes(content)
    assert status_of(CLI("shop"), "start", "order.json") == 2
    assert re.search(f"error: {error}.*\n$", capsys.readouterr().err)


def test_standard_input_is_named_as_such(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("[1,")
    assert status_of(CLI("shop"), "start", "-") == 2
    assert "error: standard input is not JSON: Expecting value: line 1 column 4" in capsys.readouterr().err


def test_what_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    machine = construct_state_machine("m", Pass("schön", result="gut \u20ac"))
    Path("order.json").write_text("{}")
    assert status_of(CLI(machine), "start", "order.json", "--local") == 0
    assert status_of(CLI(machine), "start", "order.json", "--local", "--history") == 0
    written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert written.startswith('"gut \\u20ac"\n')
    assert "name: sch\\xf6n\n" in written


# Signals and pipes


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_wait_says_that_the_execution_goes_on(
    number: signal.Signals,
    status: int,
    typed: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = construct_state_machine("m", Wait("w", seconds=3600))

    class Interrupting(ServiceWrapper):
        async def changed(self, *args: Any, **options: Any) -> None:
            os.kill(os.getpid(), number)
            await super().changed(*args, **options)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        async with local.connect() as client:
            await client.register(machine)
            yield Client(Interrupting(client.service))

    typed("{}")
    assert status_of(CLI(machine, connect=connect), "start", "-", "-w", "-n", "x") == status
    arn = "arn:aws:states:us-east-1:123456789012:execution:m:x"
    assert capsys.readouterr() == ("", f"the execution goes on: {arn}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_finishes_what_it_has_begun_when_a_signal_comes(number: signal.Signals) -> None:
    group = ActivityRegistration()

    @group.activity()
    async def work(given: str) -> str:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        return f"{given} done"

    machine = construct_state_machine("m", Task("t", work))

    async def start(client: Client) -> None:
        await client.register(group, machine)
        await client.start_execution(machine, "all", name="x")

    async def look(client: Client) -> None:
        assert [await each.output() async for each in client.list_executions(machine)] == ["all done"]

    assert status_of(CLI(machine, group, connect=connecting(start, look)), "worker", "work") == 0


def test_a_worker_of_an_activity_that_is_not_registered_ends_with_status_1(
    activities: ActivityRegistration, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = CLI(activities=activities, connect=connecting(), prog="shop")
    assert status_of(cli, "worker", "shop-charge") == 1
    assert "shop: error: get_activity_task: ActivityDoesNotExist: " in capsys.readouterr().err


def test_a_worker_needs_functions(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(CLI(activities=Activity("pay"), connect=connecting()), "worker") == 2
    assert "a worker needs activities with functions, not Activity('pay')" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_is_left_without_a_word() -> None:
    Path("shop.py").write_text(SHOP)
    Path("order.json").write_text("1")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", "asfini", "--app", "shop", "start", "order.json", "--local"],
            stdout=nobody,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


# executions


async def three_executions(client: Client) -> None:
    machine = construct_state_machine("shop", Pass("p", result=1))
    broken = construct_state_machine("broken", Fail("f", error="Refused", cause="no"))
    await client.register(machine, broken)
    for name in ("first", "second"):
        await client.execute(machine, name=name)
    execution = await client.start_execution(broken, name="third")
    await execution.wait(raise_on_failure=False)


def test_executions_are_listed_with_their_histories_the_youngest_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli = CLI(["shop", "broken"], connect=connecting(three_executions))
    assert status_of(cli, "executions") == 0
    told = capsys.readouterr().out
    assert re.findall(r"^(\w+): (\w+), \d{4}-.* to \d{4}-", told, re.MULTILINE) == [
        ("second", "SUCCEEDED"),
        ("first", "SUCCEEDED"),
        ("third", "FAILED"),
    ]
    assert told.count("ExecutionStarted [1] @ ") == 3
    assert "  error: Refused\n" in told
    assert "cause: no" not in told
    assert status_of(cli, "-v", "executions", "-m", "broken") == 0
    assert "cause: no" in capsys.readouterr().out


def test_executions_are_listed_by_status_and_without_histories(capsys: pytest.CaptureFixture[str]) -> None:
    cli = CLI(["shop", "broken"], connect=connecting(three_executions))
    assert status_of(cli, "executions", "--status", "failed", "--no-history") == 0
    assert re.fullmatch(r"third: FAILED, .* to .*\n", capsys.readouterr().out)


def test_executions_are_listed_as_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    cli = CLI(["shop", "broken"], connect=connecting(three_executions))
    assert status_of(cli, "executions", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["name"], each.get("output"), each.get("error")) for each in told] == [
        ("second", 1, None),
        ("first", 1, None),
        ("third", None, "Refused"),
    ]
    assert all(each["history"][0]["id"] == 1 for each in told)
    assert status_of(cli, "executions", "--json", "-s", "RUNNING") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_running_execution_has_no_stop_date(capsys: pytest.CaptureFixture[str]) -> None:
    async def start(client: Client) -> None:
        machine = construct_state_machine("nap", Wait("nap", seconds=3600))
        await client.register(machine)
        await client.start_execution(machine, name="x")

    cli = CLI("nap", connect=connecting(start))
    assert status_of(cli, "executions", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["stop_date"] is None
    assert status_of(cli, "executions") == 0
    assert re.match(r"x: RUNNING, .* to now\n", capsys.readouterr().out)


# What a person sees


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.named = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "a state" in text or "ending" in text:
            self.named.set()
        return super().write(text)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What a person sees who is shown everything at once."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "GAP", 0.001)
    return Terminal()


@pytest.fixture
def slow(terminal: Terminal) -> CLI:
    """A machine that runs until its state has been shown."""
    machine = construct_state_machine("slow", Task("a state " + "x" * 50, Lambda("wait")))

    async def wait(_: Any) -> str:
        assert await asyncio.to_thread(terminal.named.wait, 30)
        return "done"

    return CLI(machine, handlers={"wait": wait})


def test_whoever_watches_is_shown_where_the_execution_stands(
    slow: CLI, terminal: Terminal, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("{}")
    with redirect_stderr(terminal):
        assert status_of(slow, "start", "-", "--local", "-n", "x") == 0
    *lines, last = terminal.getvalue().split("\r\x1b[K")
    named = [line for line in lines if line and " start: 0:00:" not in line]
    assert named
    assert all(re.fullmatch(r"x: running for 0:00:\d\d, in 'a state x{23}", line) for line in named)
    assert last == ""
    assert capsys.readouterr().out == '"done"\n'


def test_whoever_starts_a_worker_is_told_how_to_end_it(terminal: Terminal) -> None:
    group = ActivityRegistration()

    @group.activity()
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.to_thread(terminal.named.wait, 30)

    machine = construct_state_machine("m", Task("t", work))

    async def start(client: Client) -> None:
        await client.register(group, machine)
        await client.start_execution(machine)

    with redirect_stderr(terminal):
        assert status_of(CLI(machine, group, connect=connecting(start)), "worker") == 0
    first, last = terminal.getvalue().splitlines()
    assert first.startswith("working at work; Ctrl-C ends it")
    assert last.startswith("ending: 1 tasks in work have 30 s, ")


@pytest.mark.parametrize("reason", ["quiet", "dumb", "piped", "closed"])
def test_otherwise_nothing_is_shown(
    reason: str,
    terminal: Terminal,
    typed: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    shop: asfini.StateMachine,
    activities: ActivityRegistration,
) -> None:
    if reason == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    elif reason == "piped":
        monkeypatch.setattr(terminal, "isatty", lambda: False)
    elif reason == "closed":
        terminal.close()
    quiet = ["-q"] if reason == "quiet" else []
    typed("1")
    with redirect_stderr(terminal):
        assert status_of(CLI(shop, activities), "start", "-", "--local", *quiet) == 0
    assert reason == "closed" or terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("argv", "level"),
    [
        ("register", logging.WARNING),
        ("register -v", logging.INFO),
        ("-v register -v", logging.DEBUG),
        ("-vvv register", logging.DEBUG),
        ("register -q", logging.ERROR),
        ("-v register -qq", logging.ERROR),
    ],
)
def test_verbosity_sets_the_level_of_logging_but_not_of_libraries_that_log_payloads(
    argv: str, level: int, shop: asfini.StateMachine
) -> None:
    assert status_of(CLI(shop, connect=connecting()), *argv.split()) == 0
    assert logging.getLogger().level == level
    assert logging.getLogger("botocore.parsers").getEffectiveLevel() == logging.WARNING


def test_a_programs_own_logging_stays_as_it_is(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    own = "logging.basicConfig(level=logging.INFO, format='own: %(message)s')"
    Path("shop.py").write_text(f"import logging\n{own}\n{SHOP}")
    typed("1")
    assert main_status("--app", "shop", "start", "-", "--local", "-n", "x") == 0
    assert capsys.readouterr().err.startswith("own: started arn:")


def test_logs_hold_neither_payloads_nor_tokens() -> None:
    Path("shop.py").write_text(SHOP.replace('f"charged {pence}"', '"sesame" + asfini.current_task().token'))
    Path("order.json").write_text("4711001")
    command = ["-m", "asfini", "--app", "shop", "-vv", "start", "order.json", "--local"]
    ended = python(*command)
    token = json.loads(ended.stdout).removeprefix("sesame")
    assert "INFO] asfini.cli" in ended.stderr
    assert not [secret for secret in ("4711001", "sesame", token) if secret in ended.stderr]


def test_an_unexpected_error_is_one_line_and_its_traceback_is_there_on_request(
    shop: asfini.StateMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(_: Client) -> None:
        raise LookupError("nothing\nthere")

    cli = CLI(shop, connect=connecting(fail), prog="shop")
    assert status_of(cli, "register") == 1
    assert capsys.readouterr().err == "shop: error: LookupError: nothing there (-vv shows where)\n"
    assert status_of(cli, "-vv", "register") == 1
    assert "Traceback (most recent call last):" in capsys.readouterr().err


# asfini --app


def test_a_module_in_the_current_directory_is_run_offline_by_one_command() -> None:
    Path("shop.py").write_text(SHOP)
    command = ["-m", "asfini", "--app", "shop", "start", "-", "--local"]
    ended = python(*command, input="500")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '"charged 500"\n', "")


@pytest.mark.parametrize(
    "apps",
    [
        ["shop"],
        ["shop:cli"],
        ["shop:shop", "shop:activities"],
        ["shop:shop", "shop:charge", "shop"],
        ["shop:both"],
        ["shop:both.inner"],
        ["shop:several"],
        ["clis"],
    ],
)
def test_an_app_is_whatever_has_machines_and_activities(
    apps: list[str], typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shop.py").write_text(
        f"{SHOP}\n"
        "class both:\n"
        "    inner = type('inner', (), {'a': activities, 'm': shop})\n"
        "    a, m = activities, shop\n"
        "several = [shop, activities]\n"
        "def __getattr__(name):\n"
        "    if name == 'cli':\n"
        "        return asfini.CLI(shop, activities)\n"
        "    raise AttributeError(name)\n"
    )
    Path("clis.py").write_text("from shop import *\nimport asfini\ncli = asfini.CLI(shop, activities)\n")
    typed("3")
    assert main_status(*(part for app in apps for part in ("--app", app)), "start", "-", "--local") == 0
    assert capsys.readouterr().out == '"charged 3"\n'


def test_an_app_brings_its_handlers_and_apps_add_up(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prices.py").write_text(
        "import asfini\n"
        "m = asfini.construct_state_machine('prices', asfini.Task('t', asfini.Lambda('price')))\n"
        "handlers = {'price': lambda given: given + 1}\n"
    )
    Path("shop.py").write_text(SHOP)
    typed("3")
    argv = ["--app", "prices", "start", "-", "--local", "--app", "shop", "-m"]
    assert main_status(*argv, "prices") == 0
    typed("3")
    assert main_status(*argv, "shop") == 0
    assert capsys.readouterr().out == '4\n"charged 3"\n'


@pytest.mark.parametrize(
    ("app", "error"),
    [
        ("shpo", "there is no module 'shpo' in .*, nor installed"),
        ("shop.pay", "there is no module 'shop.pay' in"),
        ("shop:pay", "cannot find 'shop:pay': module 'shop' has no 'pay'"),
        ("shop:shop.pay", "cannot find 'shop:shop.pay': a StateMachine has no 'pay'"),
        ("shop:answer", "'shop:answer' is a int: neither a CLI, a state machine nor activities"),
        ("shop.py", r"there is no module 'shop.py' in .*; a module is named without '\.py'"),
        ("shop:", "an app is named like 'module' or 'module:name', not 'shop:'"),
        ("./shop", "an app is named like"),
        ("broken", r"cannot import 'broken': .*broken.py, line 2: ZeroDivisionError: division by zero"),
        ("lacking", r"cannot import 'lacking': .*line 1: ModuleNotFoundError: No module named 'lacked'"),
        ("ending", "cannot import 'ending': it ends the program; .* `if __name__ == '__main__':`"),
        ("faulty", r"faulty.py, line 2: DefinitionError: state machine 'm' has 2 problems:\n  /.*\n  /"),
        ("twins", "'twins' has several CLIs: name one of them"),
    ],
)
def test_an_app_that_cannot_be_had_is_named_with_the_reason(
    app: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shop.py").write_text(f"{SHOP}\nanswer = 42\n")
    Path("broken.py").write_text("x = 1\nx / 0\n")
    Path("lacking.py").write_text("import lacked\n")
    Path("ending.py").write_text("raise SystemExit(3)\n")
    Path("twins.py").write_text("from asfini import CLI\none, two = CLI('a'), CLI('b')\n")
    Path("faulty.py").write_text(
        "import asfini\nasfini.construct_state_machine('m', asfini.Wait('a', seconds=1, timestamp='x'))\n"
    )
    assert main_status("--app", app, "executions") == 2
    err = capsys.readouterr().err
    assert re.search(f"^asfini: error: .*{error}", err, re.DOTALL)
    assert "Traceback" not in err


def test_without_an_app_a_machine_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["executions"], ["start", "-"]):
        assert main_status(*command) == 2
        needed = f"error: {command[0]} needs --app MODULE[:NAME] or --machine NAME\n"
        assert needed in capsys.readouterr().err
    for name in ("register", "deregister", "worker"):
        assert main_status(name) == 2
        assert f"error: {name} needs --app MODULE[:NAME]\n" in capsys.readouterr().err


def test_the_version_is_asfinis_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_status("--version") == 0
    assert re.fullmatch(r"asfini \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_help_loads_nothing_heavy() -> None:
    slow = ("aiohttp", "anyio", "asyncio", "botocore", "pydantic")
    ended = python(
        "-c",
        "import sys, asfini.cli\n"
        "try: asfini.cli.main(['start', '--help'])\n"
        f"except SystemExit: print('loaded', [name for name in {slow} if name in sys.modules])",
    )
    assert ended.stdout.splitlines()[-1] == "loaded []"


# explain, history, redrive, record


def running(value: Any = None) -> Look:
    """Run a machine, whose task fails with an order of more than ten, to its end."""

    async def before(client: Client) -> None:
        charge = Task("charge", Lambda("charge"), parameters={"n.$": "$"})
        machine = construct_state_machine("shop", Pass("note") >> charge and charge)
        await client.register(machine)
        client.mock("charge", side_effect=[TaskFailed("Declined", "too much"), {"paid": True}])
        execution = await client.start_execution(machine, value, name="order")
        await execution.wait(raise_on_failure=False)

    return before


ORDER = "arn:aws:states:us-east-1:123456789012:execution:shop:order"


def of_order(capsys: pytest.CaptureFixture[str], *argv: str, after: Look | None = None) -> str:
    """Run a command about an execution that failed, and give what it prints."""
    command, *options = argv
    assert status_of(CLI("shop", connect=connecting(running(), after)), command, ORDER, *options) == 0
    return capsys.readouterr().out


def test_a_failure_is_explained_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    lines = of_order(capsys, "explain").splitlines()
    assert lines[0].startswith("execution order: FAILED after ")
    assert lines[1:4] == ["  failed in charge (Task)", "  input: null", "  cause: too much"]
    assert json.loads(of_order(capsys, "explain", "--json"))["error"] == "Declined"


def test_a_history_is_printed_whole_or_by_state_and_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert "ExecutionFailed [6] @ " in of_order(capsys, "history")
    told = json.loads(of_order(capsys, "history", "--json", "--state", "char*"))
    assert [event["type"] for event in told] == [
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionFailed",
    ]
    text = of_order(capsys, "history", "--type", "*Failed", "-v")
    assert re.findall(r"^\w+", text, re.MULTILINE) == ["LambdaFunctionFailed", "ExecutionFailed"]
    assert text.count("cause: too much") == 2
    assert "input: null" in of_order(capsys, "history", "--type", "TaskStateEntered", "--data")


def test_a_history_that_is_followed_is_a_line_of_json_for_each_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = of_order(capsys, "history", "--follow", "--json").splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, len(lines) + 1))


def test_an_execution_is_redriven_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(of_order(capsys, "redrive", "--wait")) == {"paid": True}
    assert of_order(capsys, "redrive") == f"goes on: {ORDER}\n"
    assert json.loads(of_order(capsys, "redrive", "--json"))["arn"] == ORDER


def test_an_execution_is_recorded_in_files_that_are_not_written_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = of_order(capsys, "record", "--directory", "runs", "--name", "declined")
    assert told.splitlines() == [
        f"wrote {Path('runs') / name}"
        for name in ("test_declined.py", "declined.run.json", "declined.mocks.json")
    ]
    runpy.run_path("runs/test_declined.py")["test_declined_fails_as_recorded"]()
    again = CLI("shop", connect=connecting(running()))
    assert status_of(again, "record", ORDER, "-d", "runs", "-n", "declined") == 2
    assert "test_declined.py is there already; --force" in capsys.readouterr().err
    assert (
        len(json.loads(of_order(capsys, "record", "-d", "runs", "-n", "declined", "--force", "--json"))) == 3
    )


@pytest.mark.parametrize("command", ["explain", "history", "redrive", "record"])
def test_commands_about_executions_need_their_arn_and_no_app(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_status(command, "order") == 2
    assert "an ARN of Step Functions is needed, not 'order'" in capsys.readouterr().err


# graph, report, trace


def test_a_files_machine_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = construct_state_machine("shop", Pass("note"))
    Path("shop.asl.json").write_text(machine.to_json(), encoding="utf-8")
    assert main_status("graph", "shop.asl.json") == 0
    assert capsys.readouterr().out == machine.to_svg()
    assert main_status("graph", "shop.asl.json", "--format", "mermaid") == 0
    assert capsys.readouterr().out == machine.to_mermaid()
    assert main_status("graph", "shop.asl.json", "--output", "shop.dot") == 0
    assert capsys.readouterr().out == "wrote shop.dot\n"
    assert Path("shop.dot").read_text(encoding="utf-8") == machine.to_dot()


def test_a_graph_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    machine = construct_state_machine("shop", Pass("note"))
    cli = CLI(machine, connect=connecting())
    assert status_of(cli, "graph", "--json", "--format", "dot") == 0
    assert json.loads(capsys.readouterr().out) == {"format": "dot", "graph": machine.to_dot()}
    assert status_of(cli, "graph", "shop", "--json", "-o", "shop.mmd") == 0
    assert json.loads(capsys.readouterr().out) == ["shop.mmd"]
    assert Path("shop.mmd").read_text(encoding="utf-8") == machine.to_mermaid()


def test_a_machine_that_is_registered_is_drawn_and_a_run_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    cli = CLI("shop", connect=connecting(running()))
    assert status_of(cli, "graph") == 0
    assert 'class="state Task"' in capsys.readouterr().out
    assert status_of(cli, "graph", ORDER) == 0
    assert 'class="state Task failed marked"' in capsys.readouterr().out


def test_a_report_and_a_trace_are_files_named_like_the_execution(capsys: pytest.CaptureFixture[str]) -> None:
    assert of_order(capsys, "report") == "wrote order.html\n"
    assert "<title>order: FAILED</title>" in Path("order.html").read_text(encoding="utf-8")
    assert of_order(capsys, "report", "--output", "-").startswith("<!doctype html>")
    assert json.loads(of_order(capsys, "trace", "--json")) == ["order.trace.json"]
    names = {event["name"] for event in json.loads(Path("order.trace.json").read_bytes())["traceEvents"]}
    assert {"charge", "attempt 1"} <= names


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["graph"], "which machine? give a file with its definition, its name or its ARN"),
        (["graph", "nowhere.json"], "cannot read nowhere.json: "),
        (["graph", "binary.json"], "binary.json is not text in UTF-8"),
        (["graph", "wrong.json"], "wrong.json: "),
        (["report", "order"], "an ARN of Step Functions is needed, not 'order'"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("binary.json").write_bytes(b"\xff\xfe\x00")
    Path("wrong.json").write_text("{", encoding="utf-8")
    assert main_status(*argv) == 2
    assert told in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    cli = CLI(construct_state_machine("shop", Pass("note")), connect=connecting())
    assert status_of(cli, "graph", "-o", "no/where.svg") == 2
    assert f"cannot write {Path('no/where.svg')}: " in capsys.readouterr().err
