"""`asfini watch`: what an execution does, while it does it."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest
from command_lines import Look, Terminal, connecting

from asfini import (
    CLI,
    Activity,
    Client,
    Lambda,
    Parallel,
    Pass,
    StateMachine,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.asl import Map
from asfini.cli import watching
from asfini.errors import TaskFailed
from asfini.testing import virtual_time

ARN = "arn:aws:states:us-east-1:123456789012:execution:shop:order"


def shop() -> StateMachine:
    """A machine with a task that is retried, branches and items."""
    charge = Task("charge", Lambda("charge"), result_path=None)
    charge.retry_for(["Busy"], interval_seconds=1)
    both = Parallel("both", branches=[Pass("left"), Pass("right", result=[1, 2, 3])])
    each = Map("each", item_processor=Task("pack", Lambda("pack")), items_path="$[1]")
    charge >> both >> each >> Task("send", Lambda("send"))
    return construct_state_machine("shop", charge)


def ended(*results: Any) -> Look:
    """Run the shop to its end, with these results of its last task."""

    async def before(client: Client) -> None:
        await client.register(shop())
        client.mock("charge", side_effect=[TaskFailed("Busy", "later"), 1])
        client.mock("pack", side_effect=lambda item: item)
        client.mock("send", side_effect=[*results])
        with virtual_time():
            execution = await client.start_execution("shop", name="order")
            await execution.wait(raise_on_failure=False)

    return before


def watch(connect: Callable[..., Any], *options: str) -> int | str | None:
    try:
        CLI("shop", connect=connect, prog="shop").parse_args(["watch", ARN, *options])
    except SystemExit as end:
        return end.code
    return 0


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(watching, "LEAST_GAP", 0)
    return Terminal()


def without_times(text: str) -> str:
    return re.sub(r"\d[\d.]* (ms|s)\b", "N s", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text))


def test_a_pipe_gets_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(connecting(ended("done"))) == 0
    lines = without_times(capsys.readouterr().out).splitlines()
    assert lines[:5] == [
        "TIME the execution: running",
        "TIME charge: running",
        "TIME charge: try 1 failed: Busy: later",
        "TIME charge: succeeded after N s, 2 tries",
        "TIME both: running",
    ]
    assert "TIME both → branch 1 → right: succeeded after N s" in lines
    assert "TIME each → item 2 → pack: succeeded after N s" in lines
    assert lines[-1] == "TIME the execution: succeeded after N s"


def test_json_has_an_object_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(connecting(ended("done")), "--json") == 0
    changes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = changes[2]
    assert {name: failed[name] for name in ("place", "status", "tries", "error", "cause")} == {
        "place": ["charge"],
        "status": "RUNNING",
        "tries": 1,
        "error": "Busy",
        "cause": "later",
    }
    assert changes[-1]["place"] == []
    assert changes[-1]["status"] == "SUCCEEDED"


def test_a_terminal_gets_a_table_of_states_with_branches_and_counts(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        assert watch(connecting(ended("done"))) == 0
    head, *rows = [without_times(line).rstrip() for line in terminal.shown]
    assert re.fullmatch(r"order: SUCCEEDED after N s, \d+ events", head)
    assert [re.split(r" {2,}", re.sub(r",? ?N s( at most)?", "", row).strip()) for row in rows if row] == [
        ["succeeded", "charge", "Task", "1 retry"],
        ["succeeded", "both", "Parallel"],
        ["succeeded", "branch 0"],
        ["succeeded", "left", "Pass"],
        ["succeeded", "branch 1"],
        ["succeeded", "right", "Pass"],
        ["succeeded", "each", "Map", "3 items: 3 succeeded"],
        ["succeeded", "pack", "Task", "×3"],
        ["succeeded", "send", "Task"],
    ]
    assert "\x1b[32msucceeded\x1b[0m" in terminal.getvalue()


def test_no_colours_are_drawn_where_nobody_wants_them(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stdout(terminal):
        assert watch(connecting(ended("done"))) == 0
    assert re.findall(r"\x1b\[[\d;]*m", terminal.getvalue()) == []


def test_a_failure_is_shown_with_its_error_and_gives_the_exit_status(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = "the van\nis \x1b[2Jfull"
    with redirect_stdout(terminal):
        assert watch(connecting(ended(TaskFailed("Full", cause)))) == 1
    assert re.search(
        r"^failed +send +Task +(\d+ m?s, )?Full: the van is �\[2Jfull$", terminal.shown[9].rstrip()
    )
    assert "shop: error: execution order failed: Full" in capsys.readouterr().err


def stopped(client: Client, terminal: Terminal, seen: list[list[str]]) -> None:
    """Stop the execution when the terminal shows what is awaited, and note what it shows then."""

    async def stop() -> None:
        async with asyncio.timeout(30):
            await terminal.came.wait()
        seen.append(terminal.shown)
        await client.execution(ARN).stop("Enough", "no more")

    stops.add(asyncio.get_running_loop().create_task(stop()))


stops: set[asyncio.Task[None]] = set()


def chain(length: int) -> dict[str, Any]:
    """States that follow each other, the last of which waits."""
    names = [f"state {number}" for number in range(1, length + 1)]
    following = [*names[1:], "nap"]
    states: dict[str, Any] = {
        name: {"Type": "Pass", "Next": after} for name, after in zip(names, following, strict=True)
    }
    return {**states, "nap": {"Type": "Wait", "Seconds": 3600, "End": True}}


@pytest.mark.parametrize(("columns", "lines", "rows"), [(30, 24, 10), (100, 8, 7)])
def test_nothing_is_wider_or_higher_than_the_terminal_until_all_is_drawn_at_the_end(
    columns: int, lines: int, rows: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    terminal.awaited = "nap"
    seen: list[list[str]] = []

    async def before(client: Client) -> None:
        machine = StateMachine("shop", {"StartAt": "state 1", "States": chain(8)})
        await client.register(machine)
        await client.start_execution(machine, name="order")
        stopped(client, terminal, seen)

    with redirect_stdout(terminal):
        assert watch(connecting(before)) == 4
    [shown] = seen
    assert len(shown) - 1 == rows
    assert shown[1].startswith("… 4 more above") is (lines == 8)
    assert len(terminal.shown) - 1 == 10
    assert max(map(len, terminal.shown)) < columns


def test_a_running_state_says_what_it_waits_for_and_is_drawn_over_when_it_goes_on(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "GAP", 0.001)
    terminal.awaited = "no worker has taken"
    waiting = Wait("nap", seconds=30 * 24 * 3600)
    machine = construct_state_machine(
        "shop", Parallel("both", branches=[waiting, Task("ask", Activity("ask"))])
    )
    seen: list[list[str]] = []

    async def start(client: Client) -> None:
        await client.register(Activity("ask"), machine)
        await client.start_execution(machine, name="order")
        stopped(client, terminal, seen)

    with redirect_stdout(terminal):
        assert watch(connecting(start)) == 4
    [shown] = seen
    assert re.fullmatch(r"order: RUNNING for \d+ ms, \d events", shown[0])
    assert re.search(r"^running +nap +Wait +for \d+ ms, it waits, \d+ d( \d+ h)? at most", shown[3])
    assert re.search(
        r"^running +ask +Task +for \d+ ms, no worker has taken its task at activity:ask", shown[5]
    )
    assert terminal.shown[0].startswith("order: ABORTED after ")
    assert re.search(r"^aborted +nap ", terminal.shown[3])


def test_items_of_a_distributed_map_are_counted(terminal: Terminal) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "pack",
        "States": {"pack": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "ItemProcessor": processor, "End": True}

    async def before(client: Client) -> None:
        await client.register(StateMachine("shop", {"StartAt": "each", "States": {"each": each}}))
        execution = await client.start_execution("shop", [1, 2, 3], name="order")
        await execution.wait()

    with redirect_stdout(terminal):
        assert watch(connecting(before)) == 0
    assert re.search(r"^succeeded +each +Map +.*3 items: 3 succeeded", terminal.shown[1])


def test_an_interrupt_leaves_the_execution_running(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = construct_state_machine("shop", Wait("nap", seconds=3600))
    statuses = []

    async def start(client: Client) -> None:
        await client.register(machine)
        await client.start_execution(machine, name="order")

    async def look(client: Client) -> None:
        statuses.append(await client.execution(ARN).status())

    def interrupt(text: str) -> int:
        if "nap: running" in text:
            os.kill(os.getpid(), signal.SIGINT)
        return len(text)

    monkeypatch.setattr(sys.stdout, "write", interrupt)
    assert watch(connecting(start, look)) == 130
    assert statuses == ["RUNNING"]
    assert capsys.readouterr().err == f"the execution goes on: {ARN}\n"


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        ("order", "an ARN of Step Functions is needed, not 'order'"),
        (ARN.replace("execution", "activity"), "an execution's ARN is needed, not 'arn:"),
        (ARN.replace("execution", "stateMachine"), "an execution's ARN is needed, not its machine's; "),
        (ARN.replace("execution", "express") + ":1", "executions of EXPRESS machines have no history"),
    ],
)
@pytest.mark.parametrize("command", ["watch", "explain", "history", "redrive", "record", "report", "trace"])
def test_what_is_no_executions_arn_is_refused(command: str, arn: str, error: str, asfini: Any) -> None:
    status, out, err = asfini(command, arn)
    assert (status, out) == (2, "")
    assert err.startswith(f"asfini: error: {error}")
