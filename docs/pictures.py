"""Makes the pictures of the documentation, in `docs/pictures`, from runs of a machine on the local service.

Run by `nox -s docs`. With `--screenshots` it also takes those that need a browser, which are kept with the
sources: it calls `chromium`.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import asfini
from asfini import (
    Choice,
    Fail,
    Lambda,
    Map,
    NumericGreaterThan,
    Parallel,
    StateMachine,
    Succeed,
    Task,
    TaskFailed,
    Wait,
)
from asfini.testing import coverage, virtual_time
from asfini.view import graph

FOLDER = Path(__file__).parent / "pictures"
ORDER = {"id": "order-7", "pence": 6000, "parcels": [{"number": number, "grams": 900} for number in range(9)]}
SCREENSHOT = "1440,1000"


def shop() -> StateMachine:
    """Make a machine with some of everything."""
    check = Task("check the order", Lambda("check"))
    check.retry_for(["Lambda.TooManyRequestsException"], interval_seconds=2, max_attempts=3)
    size, cool_off = Choice("large order?"), Wait("cool off", 20)
    charge = Task("charge the card", Lambda("charge")).retry_for(["Bank.Busy"], interval_seconds=3)
    charge >> Task("write the invoice", Lambda("invoice"))
    prepare = Parallel("prepare", result_path=None).add(Task("reserve stock", Lambda("reserve"))).add(charge)
    prepare.catch(["CardDeclined"], Fail("refused", error="CardDeclined"))
    pack = Task("pack", Lambda("pack")).retry_for(["Busy"], interval_seconds=1, max_attempts=5)
    pack >> Task("weigh", Lambda("weigh"))
    each = Map("each parcel", pack, items_path="$.parcels", max_concurrency=4, result_path=None)
    apologise = Task("apologise", Lambda("apologise"), result_path=None)
    each.catch(["States.ALL"], apologise, result_path="$.error")
    apologise >> Fail("order failed", error="OrderFailed", cause="a parcel could not be sent")
    size.add(NumericGreaterThan("$.pence", 5000), cool_off)
    size.set_default(prepare)
    check >> size
    cool_off >> prepare >> each >> Task("hand over", Lambda("carrier")) >> Succeed("sent")
    return asfini.construct_state_machine("shop", check)


def tutorial() -> StateMachine:
    """Take the machine from the page that has its readers write it."""
    text = (FOLDER.parent / "tutorial.md").read_text(encoding="utf-8")
    module = ModuleType("shop")
    exec(text.split("```python\n# shop.py\n")[1].split("```")[0], module.__dict__)  # noqa: S102 - our own page
    machine: StateMachine = module.machine
    return machine


def workers() -> dict[Any, Callable[[Any], Awaitable[Any]]]:
    """What does the tasks: each takes its time, and some fail."""
    calls: dict[str, int] = {}

    def working(name: str, seconds: float) -> Callable[[Any], Awaitable[Any]]:
        async def work(given: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            await asyncio.sleep(seconds + calls[name] % 3 * 0.4)
            _fail(name, calls[name], given)
            return given

        return work

    seconds = {"check": 1, "reserve": 4, "charge": 2, "invoice": 1, "pack": 2, "weigh": 1, "apologise": 1}
    return {Lambda(name): working(name, took) for name, took in seconds.items()}


def _fail(name: str, call: int, given: Any) -> None:
    if name == "check" and call < 3:
        raise TaskFailed("Lambda.TooManyRequestsException", "Rate Exceeded.")
    if name == "charge" and call == 1:
        raise TaskFailed("Bank.Busy", "the bank asks for patience")
    if name == "pack" and call % 4 == 2:
        raise TaskFailed("Busy", "all hands are packing")
    if name == "weigh" and given["number"] == 7:
        cause = {"errorType": "ScaleBroken", "errorMessage": "scale 3 shows 0 g", "trace": ["weigh.py:12"]}
        raise TaskFailed("ScaleBroken", json.dumps(cause))


async def make() -> None:
    """Make all pictures that need no browser."""
    FOLDER.mkdir(exist_ok=True)
    _write("tutorial.svg", graph(tutorial()).to_svg())
    with virtual_time(), coverage() as measured:
        async with asfini.local.connect(handlers=workers()) as client:
            machine = shop()
            await client.register(machine)
            execution = await client.start_execution(machine, ORDER, name="order-7")
            await execution.wait(raise_on_failure=False)
            _write("machine.svg", graph(machine).to_svg())
            _write("run.svg", await execution.to_svg())
            _write("report.html", await execution.to_html())
    measured.write_html(FOLDER / "coverage")


def _write(name: str, text: str) -> None:
    (FOLDER / name).write_text(text, encoding="utf-8")


def take_screenshots() -> None:
    """Take pictures of pages in Chromium."""
    chromium = shutil.which("chromium") or "chromium"
    (coverage_page,) = (FOLDER / "coverage").glob("shop-*.html")
    pages = {"report.png": FOLDER / "report.html", "coverage.png": coverage_page}
    with tempfile.TemporaryDirectory() as profile:
        options = (
            "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking".split()
        )
        options += [f"--user-data-dir={profile}", f"--window-size={SCREENSHOT}", "--virtual-time-budget=3000"]
        for name, page in pages.items():
            picture = f"--screenshot={FOLDER / name}"
            subprocess.run([chromium, *options, picture, page.as_uri()], check=True)  # noqa: S603


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", action="store_true", help="also take those that need Chromium")
    chosen = parser.parse_args()
    asyncio.run(make())
    if chosen.screenshots:
        take_screenshots()
