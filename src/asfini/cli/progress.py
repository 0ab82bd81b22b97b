"""What a person sees while waiting: one line on standard error, kept up to date, and gone at the end."""

import asyncio
import os
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
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
_lock = threading.Lock()

Teller = Callable[[timedelta], str]
"""Says how far it is, told how long it has taken."""


class _Line:
    """The line, drawn by a thread of its own: the loop may be busy, or its time virtual.

    Args:
        what: what is done, for people.
    """

    def __init__(self, what: str) -> None:
        self.tell: Teller = lambda passed: f"{what}: {passed}{self._counted()}"
        self.calls = 0
        self._over = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._draw, name="asfini-progress", daemon=True)
        self._thread.start()

    def _counted(self) -> str:
        return f", {self.calls} call{'' if self.calls == 1 else 's'}" if self.calls else ""

    def _draw(self) -> None:
        pause = PATIENCE
        while not self._over.wait(pause):
            passed = timedelta(seconds=int(time.monotonic() - self._start))
            with _lock:
                if not self._over.is_set():
                    _write(self.tell(passed)[: shutil.get_terminal_size().columns - 1])
            pause = GAP

    def end(self) -> None:
        """Take it away."""
        self._over.set()
        self._thread.join()
        _erase()


_shown: _Line | None = None
_dirty = False
"""Whether there is something on the line now."""


def watched(*, quiet: bool) -> bool:
    """Whether a person looks at standard error."""
    try:
        return not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it is closed
        return False


@contextmanager
def shown(what: str, *, quiet: bool) -> Iterator[None]:
    """Show what is done, as long as the block lasts, if that is long and a person looks."""
    global _shown
    if not watched(quiet=quiet):
        yield
        return
    line = _shown = _Line(what)
    try:
        yield
    finally:
        hide()
        line.end()


def hide() -> None:
    """Show nothing from now on: something else does."""
    global _shown
    line, _shown = _shown, None
    if line is not None:
        line.end()


def active() -> bool:
    """Whether anything is shown."""
    return _shown is not None


def count() -> None:
    """Count a call of the service."""
    if _shown is not None:
        _shown.calls += 1


def say(tell: Teller) -> None:
    """Say something else from now on."""
    if _shown is not None:
        _shown.tell = tell


@contextmanager
def cleared() -> Iterator[None]:
    """Keep the line free while something else is printed."""
    with _lock:
        _erase()
        yield


def _erase() -> None:
    if _dirty:
        _write("")


def _write(text: str) -> None:
    """Put a line in place of what was shown last; an empty one clears it."""
    global _dirty
    _dirty = bool(text)
    with suppress(OSError, ValueError):  # the terminal has gone
        sys.stderr.write(_CLEAR + text)
        sys.stderr.flush()


@asynccontextmanager
async def following(service: Service, execution: Execution) -> AsyncIterator[None]:
    """Say where an execution stands, as long as the block lasts, if anything is shown."""
    if not active():
        yield
        return
    looking = asyncio.create_task(_look(service, execution))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look(service: Service, execution: Execution) -> None:
    state = ""

    def tell(passed: timedelta) -> str:
        return f"{execution.name}: running for {passed}" + (f", in {state!r}" if state else "")

    await asyncio.sleep(PATIENCE)
    while True:
        state = await _state(service, execution) or state
        say(tell)
        await asyncio.sleep(GAP)


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
