"""What `watch` does: it follows an execution, and draws or prints what happens."""

import asyncio
import shutil
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import anyio

from asfini.asl.definition import Definition
from asfini.cli.app import App
from asfini.cli.commands import Work
from asfini.cli.connecting import connected, execution_arn
from asfini.cli.live import Table, change, clipped, laid_out
from asfini.cli.output import coloured, is_terminal, print_json, print_text
from asfini.client import Client
from asfini.errors import AsfiniError
from asfini.execution import Execution
from asfini.history import Event
from asfini.view.folding import Folding

GAP = 1.0
"""Seconds between two drawings where nothing happens: how long it waits goes on."""
LEAST_GAP = 0.1
"""Seconds between two drawings at the least."""
MAP_RUN_GAP = 3.0
"""Seconds between two looks at map runs, of which the history says nothing."""
_UP, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[{}F", "\x1b[K", "\x1b[J"


def prepare(args: Namespace, app: App) -> Work:
    """Check the command's arguments, and give what watches.

    Raises:
        InvalidArgument: it is no execution's ARN.
    """
    execution_arn(args, app)

    async def watch() -> None:
        async with connected(args, app) as client:
            execution = client.execution(args.arn)
            try:
                if is_terminal() and not args.json:
                    await _draw(client, execution)
                else:
                    await _print(execution, as_json=args.json)
                await execution.wait()
            except asyncio.CancelledError:
                print_text(f"the execution goes on: {execution.arn}", error=True)
                raise

    return watch()


async def _print(execution: Execution, *, as_json: bool) -> None:
    """Print a line for each change."""
    folding = Folding()
    async for event in execution.history(follow=True):
        found = change(folding, event)
        if found is None:
            continue
        if as_json:
            print_json(found.to_dict(), indent=None, flush=True)
        else:
            print_text(str(found), flush=True)


async def _draw(client: Client, execution: Execution) -> None:
    screen = _Screen(execution.name, await _definition(execution))
    async with _drawing(client, screen):
        async for event in execution.history(follow=True):
            screen.take(event)
        await screen.count_items(client)


async def _definition(execution: Execution) -> Definition | None:
    """What it runs; not everybody who may read a history may read definitions."""
    with suppress(AsfiniError):
        return (await execution.machine()).definition
    return None


@asynccontextmanager
async def _drawing(client: Client, screen: "_Screen") -> AsyncIterator[None]:
    """Draw from time to time, and all of it at the end of the block."""
    drawing = asyncio.create_task(_redraw(client, screen))
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        screen.draw(whole=True)


async def _redraw(client: Client, screen: "_Screen") -> None:
    loop = asyncio.get_running_loop()
    due = 0.0
    while True:
        if loop.time() >= due:
            await screen.count_items(client)
            due = loop.time() + MAP_RUN_GAP
        with anyio.move_on_after(GAP):
            await screen.news.wait()
        screen.news.clear()
        screen.draw()
        await asyncio.sleep(LEAST_GAP)


class _Screen:
    """A table that is drawn in place of what was drawn before.

    Args:
        name: the execution's name.
        definition: what it runs, if that is known.
    """

    def __init__(self, name: str, definition: Definition | None) -> None:
        self.news = asyncio.Event()
        self._name = name
        self._definition = definition
        self._folding = Folding()
        self._items: dict[str, dict[str, int]] = {}
        self._counted: set[str] = set()
        """The map runs whose items are counted for good."""
        self._drawn = 0
        """How many lines there are to draw over."""

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._folding.take(event)
        self.news.set()

    async def count_items(self, client: Client) -> None:
        """Ask how map runs stand that run."""
        for arn in self._folding.map_runs.keys() - self._counted:
            with suppress(AsfiniError):  # a display is not worth more calls
                described = await client.map_run(arn).describe()
                self._items[arn] = described["itemCounts"]
                if described["status"] != "RUNNING":
                    self._counted.add(arn)

    def draw(self, *, whole: bool = False) -> None:
        """Draw what is known.

        Args:
            whole: whether all is drawn, also what the terminal is not high enough for.
        """
        columns, height = shutil.get_terminal_size()
        table = Table(self._folding.run, self._definition, self._items, datetime.now(UTC))
        rows = table.rows()
        left_out = 0 if whole else max(len(rows) - (height - 3), 0)
        more = [f"… {left_out} more above"] if left_out else []
        head = clipped(table.head(self._name), columns - 1)
        lines = [head, *more, *laid_out(rows[left_out:], columns - 1, colours=coloured())]
        text = "".join(f"{line}{_CLEAR_LINE}\n" for line in lines)
        up = _UP.format(self._drawn) if self._drawn else ""
        with suppress(OSError, ValueError):  # the terminal has gone
            sys.stdout.write(_shown(f"{up}{text}{_CLEAR_BELOW}"))
            sys.stdout.flush()
        self._drawn = len(lines)


def _shown(text: str) -> str:
    """Text as the terminal's encoding can have it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
