"""Drives a page in Chromium over the DevTools protocol, as far as tests and benchmarks need."""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""Where Chromium is; `None` where there is none."""
_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --remote-debugging-port=0 --window-size=1440,1000"
).split()
_STARTED = "DevToolsActivePort"
"""The file in which Chromium says where it listens."""


class Page:
    """A page that is driven."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.requests: list[str] = []
        """The addresses that were asked for, the page's own included."""
        self.complaints: list[str] = []
        """Exceptions that nobody caught, and what broke the page's policy."""

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return (await self._next(lambda message: message.get("id") == number))["result"]

    async def _next(self, fits: Any) -> dict[str, Any]:
        while True:
            message = json.loads((await self._socket.receive(timeout=60)).data)
            self._note(message)
            if fits(message):
                return message

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])

    async def open(self, path: Path) -> None:
        """Go to a file, and wait until it is loaded."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=path.as_uri())
        await self._next(lambda message: message.get("method") == "Page.loadEventFired")

    async def tell(self, expression: str) -> Any:
        """Evaluate JavaScript; a promise is waited for."""
        answer = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def text(self, selector: str) -> str:
        """The text of an element."""
        return str(await self.tell(f"document.querySelector({json.dumps(selector)}).textContent"))

    async def click(self, element: str) -> None:
        """Click on the middle of what a JavaScript expression gives, as a mouse does."""
        x, y = await self.tell(
            f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def press(self, key: str) -> None:
        """Press a key, and wait until what comes of it is drawn."""
        text = {"text": key} if len(key) == 1 else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        await self.tell("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """Start Chromium with a page, and end it with the block."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank", stdout=quiet, stderr=quiet
        )
        try:
            async with asyncio.timeout(60):
                port = await _port(Path(profile, _STARTED))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                    pages = [each for each in await response.json() if each["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            await process.wait()


async def _port(file: Path) -> int:
    """Where Chromium listens, once it says so."""
    while not (lines := _lines(file)):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.05)
    return int(lines[0])


def _lines(file: Path) -> list[str]:
    """The lines of a file that is whole: two or more."""
    lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else []
    return lines if len(lines) > 1 else []
