"""What a person sees while waiting: one line on standard error, kept up to date, and gone at the end."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from asfini.errors import AsfiniError
from asfini.execution import Execution
from asfini.service import Service

PATIENCE = 1.0
"""Seconds before there is anything to see."""
GAP = 1.0
"""Seconds between two looks."""
_EVENTS = 20
"""How many of the latest events are looked through for a state's name."""
_CLEAR = "\r\x1b[K"


def watched(*, quiet: bool) -> bool:
    """Whether a person looks at standard error."""
    try:
        return not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it is closed
        return False


@asynccontextmanager
async def shown(service: Service, execution: Execution, *, quiet: bool) -> AsyncIterator[None]:
    """Show where an execution stands, as long as the block lasts, if a person looks."""
    if not watched(quiet=quiet):
        yield
        return
    drawing = asyncio.create_task(_draw(service, execution))
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


async def _draw(service: Service, execution: Execution) -> None:
    loop = asyncio.get_running_loop()
    start, state = loop.time(), ""
    await asyncio.sleep(PATIENCE)
    try:
        while True:
            state = await _state(service, execution) or state
            write(_line(execution.name, loop.time() - start, state))
            await asyncio.sleep(GAP)
    finally:
        write("")


async def _state(service: Service, execution: Execution) -> str:
    """The state that was entered last, if that can be found out."""
    try:
        answer = await service.call(
            "get_execution_history",
            executionArn=execution.arn,
            maxResults=_EVENTS,
            reverseOrder=True,
            includeExecutionData=False,
        )
    except AsfiniError:  # a display is not worth more calls
        return ""
    entered = (event.get("stateEnteredEventDetails") for event in answer["events"])
    return next((str(details["name"]) for details in entered if details), "")


def _line(name: str, seconds: float, state: str) -> str:
    where = f", in {state!r}" if state else ""
    line = f"{name}: running for {timedelta(seconds=int(seconds))}{where}"
    return line[: shutil.get_terminal_size().columns - 1]


def write(text: str) -> None:
    """Put a line in place of what was shown last; an empty one clears it."""
    with suppress(OSError):  # the terminal has gone
        sys.stderr.write(_CLEAR + text)
        sys.stderr.flush()
