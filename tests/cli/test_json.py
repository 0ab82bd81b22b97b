"""`--json`: one document, or one in each line where things happen in turn, of one form everywhere."""

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
from command_lines import connecting

from asfini import CLI, ActivityRegistration, Client, Lambda, Task, construct_state_machine
from asfini.cli.options import make_parser
from asfini.errors import TaskFailed

ARN = "arn:aws:states:us-east-1:123456789012:execution:shop:order"
COMMANDS: dict[str, type] = {
    "register --allow-update": list,
    "register --dry-run": list,
    "deregister": list,
    "start order.json": dict,
    "start order.json --wait": dict,
    "start order.json --wait --history": dict,
    "executions": list,
    "explain ARN": dict,
    "history ARN": list,
    "history ARN --follow": dict,
    "watch ARN": dict,
    "redrive ARN": dict,
    "redrive ARN --wait": dict,
    "record ARN --directory runs": list,
    "graph": dict,
    "graph --output shop.svg": list,
    "report ARN": list,
    "report ARN --output -": dict,
    "trace ARN": list,
    "check": list,
    "check --explain NO_DOLLAR": dict,
    "diff one.asl.json two.asl.json": list,
    "policy one.asl.json": dict,
    "template one.asl.json": dict,
    "run one.asl.json --history --explain --report run.html": dict,
    "local --port 0": dict,
    "completion bash": dict,
}
"""What is asked, and what comes: an object or an array."""
LINES = {"watch ARN", "history ARN --follow"}
"""What prints a document in each line."""
SILENT = {"worker"}
"""What prints nothing."""
FOREIGN = {"policy one.asl.json", "template one.asl.json"}
"""What prints documents in a form of AWS's."""


async def setting(client: Client) -> None:
    charge = Task("charge", Lambda("charge"))
    await client.register(construct_state_machine("shop", charge))
    client.mock("charge", side_effect=[TaskFailed("Declined", "too much"), *[{"paid": 1}] * 3])
    execution = await client.start_execution("shop", name="order")
    await execution.wait(raise_on_failure=False)


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of all objects in JSON data."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    yield from value.items() if isinstance(value, dict) else []
    for item in items:
        yield from members(item)


def test_every_command_is_in_the_table() -> None:
    parser = make_parser("asfini", None, None)
    [commands] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    assert {command.split()[0] for command in COMMANDS} | SILENT == set(commands)


class Printed(io.StringIO):
    """Standard output; a server that says where it listens is ended."""

    def write(self, text: str) -> int:
        if '"url"' in text:
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


@pytest.fixture
def cli() -> CLI:
    """A machine that has been changed, an activity, and files."""
    for name in ("one", "two"):
        state = {"Type": "Pass", "Result": name, "End": True}
        Path(f"{name}.asl.json").write_text(json.dumps({"StartAt": "p", "States": {"p": state}}))
    Path("wrong.asl.json").write_text('{"StartAt": "p", "States": {"p": {"Type": "Pass"}}}')
    Path("order.json").write_text("{}")
    activities = ActivityRegistration(prefix="shop-")
    activities.activity(name="pack")(lambda: None)
    machine = construct_state_machine("shop", Task("charge", Lambda("charge"), comment="changed"))
    return CLI(machine, activities, prog="asfini", connect=connecting(setting))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_json_of_one_form(command: str, cli: CLI) -> None:
    printed = Printed()
    with redirect_stdout(printed), suppress(SystemExit):
        cli.parse_args([*command.replace("ARN", ARN).split(), "--json"])
    text = printed.getvalue()
    documents = [json.loads(each) for each in (text.splitlines() if command in LINES else [text])]
    assert documents
    for told in documents:
        assert isinstance(told, COMMANDS[command])
        if command not in FOREIGN:
            check_form(told)


def check_form(told: Any) -> None:
    """Names are in snake case, and dates in the form of ISO 8601 with their time zone."""
    for key, value in members(told):
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key), key
        if key in ("started", "ended") or key.endswith(("_date", "timestamp")):
            assert value is None or re.fullmatch(r"[\d-]{10}T[\d:]{8}(\.\d+)?\+00:00", value)
