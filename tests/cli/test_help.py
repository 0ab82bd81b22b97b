"""What `--help` shows: examples of every command, and each of them is one that the parser takes."""

import re
import shlex
from argparse import ArgumentParser

import pytest

from asfini import CLI
from asfini.cli.options import make_parser, parse

PARSER = make_parser("asfini", None, None)


def commands() -> dict[str, ArgumentParser]:
    [found] = [action.choices for action in PARSER._actions if isinstance(action.choices, dict)]
    return found


def examples(text: str) -> list[str]:
    block = re.search(r"^examples:\n((?:  .*\n)+)", text, re.MULTILINE)
    return [] if block is None else [line.strip() for line in block[1].splitlines()]


ALL = [
    (name, example)
    for name, parser in [("asfini", PARSER), *commands().items()]
    for example in examples(parser.format_help())
]


@pytest.mark.parametrize("name", commands())
def test_every_command_has_examples_and_says_what_it_does(name: str) -> None:
    text = commands()[name].format_help()
    assert examples(text)
    assert all(f" {name}" in example for example in examples(text))
    assert (commands()[name].description or "").rstrip().endswith(".")


@pytest.mark.parametrize(("name", "example"), ALL, ids=[example for _, example in ALL])
def test_an_example_is_one_that_is_taken(name: str, example: str) -> None:
    command = re.search(r"(?<![\w/.-])asfini\b.*?(?=\)\"| {3,}|[|>]| && |$)", example)
    assert command is not None
    if "COMMAND" in example:
        return
    args = parse(PARSER, shlex.split(command[0])[1:])
    assert name in ("asfini", args.command)


@pytest.mark.parametrize("parser", [PARSER, make_parser("shop.py", None, CLI("shop").app)])
def test_what_examples_are_about_stands_in_one_column(parser: ArgumentParser) -> None:
    found = [re.search(r"(?<= {3})\S", line) for line in examples(parser.format_help())]
    assert len({match and match.start() for match in found}) == 1


def test_examples_of_a_program_of_ones_own_name_it() -> None:
    cli = CLI("shop", prog="shop.py")
    text = make_parser(cli.prog, None, cli.app).format_help()
    assert "  shop.py start order.json --wait " in text
    assert "asfini" not in text
