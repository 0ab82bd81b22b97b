"""The page about the command line holds: its commands run one after the other, and print what it shows."""

import asyncio
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from command_lines import Terminal

from asfini import local
from asfini.cli.options import make_parser

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = {"python": "shop.py", "json": "shop.asl.json"}
"""What the page's blocks are called, by their language."""
WATCH = "asfini watch arn:aws:states:us-east-1:123456789012:execution:shop:order-7"
"""What a terminal shows of this is in the page's only other block."""
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
VARYING = {
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?": "<time>",
    r"\b[\d.]+ m?s\b": "<seconds>",
    r"127\.0\.0\.1:\d+": "<address>",
}


def steps() -> Iterator[tuple[str, str]]:
    """The page's files, and its commands with what they print."""
    for language, block in _BLOCK.findall(TEXT):
        if language == "console":
            yield from _COMMAND.findall(block)
        else:
            yield FILES.get(language, WATCH), block


def settled(text: str) -> str:
    """Text without what differs from run to run."""
    for pattern, name in VARYING.items():
        text = re.sub(pattern, name, text)
    return text


@contextmanager
def served(target: str) -> Iterator[str]:
    """Serve in a thread, as `asfini --app … local &` does."""
    from asfini.cli.app import load

    app, url = load([target]), Queue[Any]()

    async def serve() -> None:
        over = asyncio.Event()
        async with local.serve(*app.machines, *app.activities, port=0) as endpoint:
            url.put((endpoint.url, lambda: loop.call_soon_threadsafe(over.set)))
            loop = asyncio.get_running_loop()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    address, end = url.get(timeout=60)
    try:
        yield address
    finally:
        end()
        thread.join()


class Reader:
    """Somebody who types what the page says."""

    def __init__(self, asfini: Any, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        self._asfini = asfini
        self._monkeypatch = monkeypatch
        self._stack = stack
        self._status: int | str = 0
        self._url = ""

    def type(self, line: str) -> str:
        """Run a command, and give what it prints."""
        stdin = ""
        if line.startswith("echo ") and " | " in line:
            echo, _, line = line.partition(" | ")
            stdin = shlex.split(echo)[1]
        words = shlex.split(line)
        if words == ["echo", "$?"]:
            return f"{self._status}\n"
        if words[0] == "export":
            for name, _, value in (word.partition("=") for word in words[1:]):
                self._monkeypatch.setenv(name, self._url if name == "AWS_ENDPOINT_URL" else value)
            return ""
        assert words[0] == "asfini", line  # what else there is would have to be run in a shell
        if words[-1] == "&":
            assert words == ["asfini", "--app", "shop", "local", "&"]
            self._url = self._stack.enter_context(served("shop"))
            return f"asfini local listening on {self._url}\n"
        self._status, out, err = self._asfini(*words[1:], stdin=stdin)
        return str(out) + str(err)

    def look(self, line: str) -> str:
        """Run a command in a terminal, and give what that shows."""
        self._monkeypatch.setenv("TERM", "xterm")
        self._monkeypatch.setenv("COLUMNS", "100")
        terminal = Terminal()
        with redirect_stdout(terminal):
            self._asfini(*shlex.split(line)[1:])
        return "\n".join(terminal.shown)


def test_the_pages_commands_print_what_it_shows(
    asfini: Any, monkeypatch: pytest.MonkeyPatch, nothing_configured: None
) -> None:
    with ExitStack() as stack:
        reader = Reader(asfini, monkeypatch, stack)
        for step, text in steps():
            if step in FILES.values():
                Path(step).write_text(text, encoding="utf-8")
            elif (step, text.startswith("order-7: ")) == (WATCH, True):
                assert settled(reader.look(step)) == settled(text)
            else:
                assert settled(reader.type(step)) == settled(text), step


def test_every_command_is_on_the_page() -> None:
    parser = make_parser("asfini", None, None)
    [commands] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    rows = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert rows == list(commands)
