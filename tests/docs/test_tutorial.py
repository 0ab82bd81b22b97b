"""The tutorial holds: its files are written and its commands run, one by one, in a shell and an empty folder.

What commands print is compared with what the page shows, but for times, names of workers and ports.
"""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
SECONDS = 120
"""After which a shell that says nothing is stuck."""
END = "end-of-the-answer"
ELSEWHERE = {
    "python3 -m venv .venv && . .venv/bin/activate": "the tests have an environment",
    "python -m pip install 'asfini[pytest]'": "and asfini is installed in it",
    "aws cloudformation deploy --stack-name shop --template-file template.json "
    "--capabilities CAPABILITY_IAM": "needs an account",
    "unset AWS_ENDPOINT_URL": "belongs to it",
    "asfini --app shop worker": "would poll there",
}
"""Commands that are not run here, and why."""
VARYING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+(\+00:00)?": "<time>",
    r"[\w.-]+-[0-9a-f]{8}\b": "<worker>",
    r"task [0-9a-f]{8}:": "task <hash>:",
    r"in \d+\.\d+s": "in <seconds>",
}

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def steps(text: str) -> Iterator[tuple[str, str]]:
    """What the page tells its reader to do: files with their text, and commands (`$ …`) with answers."""
    for language, block in _BLOCK.findall(text):
        if language == "console":
            yield from ((f"$ {command}", answer) for command, answer in _COMMAND.findall(block))
        else:
            first, _, rest = block.partition("\n")
            yield first.removeprefix("# "), rest


class Shell:
    """A shell in a folder, which answers one command after the other."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ask(self, command: str, expected: str) -> str:
        """Run a command; what it prints, or what is expected of one in the background once that is said."""
        assert self.process.stdin is not None
        last = f"status=$?; echo {END} $status; (exit $status)"  # so that `echo $?` tells the command's
        self.process.stdin.write(f"{command}\n{last}\n".encode())
        lines: list[str] = []
        ended = False
        awaited = expected.count("\n") if command.endswith("&") else 0
        while not ended or len(lines) < awaited:
            line = await self._line()
            ended |= line.startswith(END)
            lines += [] if line.startswith(END) else [line]
        return "".join(lines)

    async def close(self) -> None:
        """End it, with whatever it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.communicate()

    async def _line(self) -> str:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), SECONDS)
        assert line, "the shell has ended"
        return line.decode()


async def open_shell(folder: Path) -> Shell:
    others = ("AWS_", "PYTEST_", "FORCE_COLOR", "PY_COLORS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(folder), "PYTHONUNBUFFERED": "1", "COLUMNS": "80", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        "bash",
        "--norc",
        cwd=folder,
        env=kept | own,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    return Shell(process)


def without_varying(text: str) -> str:
    for pattern, name in VARYING.items():
        text = re.sub(pattern, name, text)
    return text


def page(port: int) -> str:
    """The tutorial, with a port that nobody else has."""
    text = PAGE.read_text(encoding="utf-8").replace("8083", str(port))
    return text.replace("$ asfini local ", f"$ asfini local --port {port} ")


@pytest.mark.skipif(sys.platform == "win32", reason="its commands are for bash")
async def test_following_the_tutorial_gives_what_it_shows(tmp_path: Path) -> None:
    shell = await open_shell(tmp_path)
    folder, left_out = tmp_path / "shop", set()
    try:
        for what, text in steps(page(free_port())):
            command = what.removeprefix("$ ")
            if command in ELSEWHERE:
                left_out.add(command)
            elif what.startswith("$ "):
                answer = await shell.ask(command, text)
                assert without_varying(answer) == without_varying(text), command
            else:
                (folder / what).write_text(text, encoding="utf-8")
        assert left_out == ELSEWHERE.keys()
    finally:
        await shell.close()
