"""What the documentation says of running the endpoint."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from yamlcore import CoreLoader  # type: ignore[import-untyped]

from asfini.cli.options import make_parser, parse

PAGE = (Path(__file__).parents[3] / "docs" / "endpoint.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [
    command
    for kind, block in BLOCKS
    for command in re.findall(r"asfini (local\b[^\n\"&`]*)", block)
    if kind != "python" and "listening" not in command
]
GENERAL = set("--app --region --verbose --quiet --json --local --profile --endpoint-url --help".split())


def parser() -> Any:
    return make_parser("asfini", None, None)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_understood(command: str) -> None:
    assert parse(parser(), command.split()).command == "local"


def test_commands_are_found() -> None:
    assert len(COMMANDS) == 4


def test_its_table_has_every_option() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    told = {option for row in rows for option in re.findall(r"--[\w-]+", row)} - {"---"}
    local = parser()._subparsers._group_actions[0].choices["local"]
    options = {each for action in local._actions for each in action.option_strings if each.startswith("--")}
    assert told - GENERAL == options - GENERAL


@pytest.mark.parametrize("block", [block for kind, block in BLOCKS if kind == "yaml"], ids=["compose", "ci"])
def test_its_yaml_is_yaml(block: str) -> None:
    assert isinstance(yaml.load(block, Loader=CoreLoader), dict)
