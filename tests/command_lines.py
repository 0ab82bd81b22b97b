"""What tests of the command line share: services to connect to, and terminals."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from asfini import Client, local

Look = Callable[[Client], Awaitable[Any]]


def connecting(before: Look | None = None, after: Look | None = None, **options: Any) -> Callable[..., Any]:
    """Make what connects to a local service, sets something up first and looks at it at the end."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        async with local.connect(**options) as client:
            if before is not None:
                await before(client)
            try:
                yield client
            finally:
                if after is not None:
                    await after(client)

    return connect


class Terminal(io.StringIO):
    """A terminal, and what stands on it after all that was written."""

    encoding = "utf-8"

    def __init__(self, awaited: str = "") -> None:
        super().__init__()
        self.awaited = awaited
        self.came = asyncio.Event()

    def write(self, text: str) -> int:
        if self.awaited and self.awaited in text:
            self.came.set()
        return super().write(text)

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> list[str]:
        lines, row, column = [""], 0, 0
        for number, letter, end, text in re.findall(
            r"\x1b\[([\d;]*)(\w)|([\r\n])|([^\x1b\r\n]+)", self.getvalue()
        ):
            if letter == "F":
                row, column = row - int(number), 0
            elif letter in ("K", "J"):
                lines[row] = lines[row][:column]
                lines = lines[: row + 1] if letter == "J" else lines
            elif end:
                row, column = row + (end == "\n"), 0
                lines += [""] * (row + 1 - len(lines))
            else:
                lines[row] = lines[row][:column] + text + lines[row][column + len(text) :]
                column += len(text)
        return lines
