"""What a person sees who waits: one line, which is in nobody's way."""

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_lines import Terminal

from asfini import checking
from asfini.cli import progress
from asfini.cli.output import print_text

CLEAR = "\r\x1b[K"


class Patient(Terminal):
    """A terminal that tells other threads when it shows something."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.looked_for = awaited
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.looked_for in text:
            self.seen.set()
        return written


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "GAP", 0.001)


def test_work_that_blocks_the_program_is_shown_all_the_same() -> None:
    terminal = Patient("2 calls")
    with redirect_stderr(terminal), progress.shown("asfini report", quiet=False):
        progress.count()
        progress.count()
        assert terminal.seen.wait(30)
    lines = terminal.getvalue().split(CLEAR)
    assert re.fullmatch(r"asfini report: 0:00:\d\d, 2 calls", lines[-2])
    assert lines[-1] == ""


def test_nothing_is_shown_of_what_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 600)
    terminal = Terminal()
    with redirect_stderr(terminal), progress.shown("asfini report", quiet=False):
        progress.count()
    assert terminal.getvalue() == ""


def test_what_is_printed_and_logged_meanwhile_stands_in_lines_of_its_own() -> None:
    terminal = Patient("asfini history")
    with redirect_stderr(terminal), progress.shown("asfini history", quiet=False):
        assert terminal.seen.wait(30)
        print_text("an event", error=True)
    shown = terminal.getvalue()
    before, _, _ = shown.partition("an event\n")
    assert before.endswith(CLEAR)


def test_a_definition_that_takes_long_is_shown_by_the_clock_on_the_wall(
    asfini: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Patient("asfini run: 0:00:")

    def wait(given: Any) -> Any:
        assert terminal.seen.wait(30)
        return given

    monkeypatch.setitem(sys.modules, "functions", SimpleNamespace(wait=wait))
    function = "arn:aws:lambda:us-east-1:123456789012:function:wait"
    states = {
        "nap": {"Type": "Wait", "Seconds": 3600, "Next": "wait"},
        "wait": {"Type": "Task", "Resource": function, "End": True},
    }
    Path("slow.asl.json").write_text(json.dumps({"StartAt": "nap", "States": states}), encoding="utf-8")
    with redirect_stderr(terminal):
        assert asfini("run", "slow.asl.json", "--lambda", "wait=functions:wait").status == 0
    assert "1:00:0" not in terminal.getvalue()
    assert terminal.shown == [""]


def test_a_check_says_how_many_files_are_done(asfini: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Patient("checked 1 of 2 files: 0:00:")
    check_files = checking.check_files

    def check(*args: Any) -> Iterator[Any]:
        for number, result in enumerate(check_files(*args)):
            assert number == 0 or terminal.seen.wait(30)
            yield result

    monkeypatch.setattr(checking, "check_files", check)
    for name in ("one", "two"):
        states = {"s": {"Type": "Succeed"}}
        Path(f"{name}.asl.json").write_text(json.dumps({"StartAt": "s", "States": states}), encoding="utf-8")
    with redirect_stderr(terminal):
        assert asfini("check").status == 0
    assert terminal.shown == ["checked 2 state machines in 2 files: 0 errors, 0 warnings", ""]


def test_a_terminal_that_has_gone_stops_nothing() -> None:
    terminal = Terminal()
    with redirect_stderr(terminal), progress.shown("asfini report", quiet=False):
        terminal.close()
    assert sys.stderr is not terminal
