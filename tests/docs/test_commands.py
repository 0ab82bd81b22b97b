"""The commands in the documentation: their options and arguments are some that there are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from asfini.cli import options

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^ *```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^ *\$ (?:[A-Z_]+=\S+ )*asfini (.*?[^\\])$", re.DOTALL | re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            for command in _COMMAND.findall(block):
                yield page.relative_to(ROOT).as_posix(), command.replace("\\\n", " ")


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_a_command_can_be_given_as_it_is_written(page: str, command: str) -> None:
    """Wrong arguments end the program."""
    alone = re.split(r" (?:[|&]|2?>) ?", command)[0]
    parser = options.make_parser("asfini", lambda: "0", None)
    assert options.parse(parser, shlex.split(alone, comments=True)).command


def test_commands_are_found() -> None:
    assert len(set(commands())) > 30
