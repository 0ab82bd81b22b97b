"""The command `asfini`, run in this process in a directory of its own."""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from asfini.cli import main


class Ended(NamedTuple):
    """What came of a command."""

    status: int | str
    out: str
    err: str


Asfini = Callable[..., Ended]


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Work in a directory of its own, and put back what a command line changes in its process."""
    loggers = [logging.getLogger(name) for name in ("", "asfini.local", "botocore", "aiobotocore", "aiohttp")]
    levels = [logger.level for logger in loggers]
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def asfini(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Asfini:
    """Run the command, perhaps with something on standard input, as if pytest did not log."""

    def run(*argv: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        root = logging.getLogger()
        handlers, root.handlers = root.handlers, []
        try:
            status: int | str = main(argv)
        except SystemExit as end:
            status = end.code or 0
        finally:
            root.handlers = handlers
        return Ended(status, *capsys.readouterr())

    return run
