"""How fast the report of a long run is: to write, and to use in Chromium where there is one."""

import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measuring import Figure, exit_with, middle

from asfini import Lambda, Map, StateMachine, Task, construct_state_machine
from asfini.view import Run, fold, report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import CHROMIUM, browsing  # it stands where tests find it

EVENTS = 25_000
"""The most that a history can have."""
KEYS = "parcel 17"
RUNS = 3
START = datetime(2026, 1, 1, tzinfo=UTC)


def machine() -> StateMachine:
    """A Map, whose items have two tasks each."""
    pack = Task("pack", Lambda("pack"))
    pack >> Task("weigh", Lambda("weigh"))
    return construct_state_machine("shop", Map("each parcel", pack))


def events() -> Iterator[dict[str, Any]]:
    """A history as long as any, with data as real ones have."""
    numbers, chance = iter(range(1, EVENTS + 1)), random.Random(0)
    time_of = {"now": START}

    def event(type: str, before: int, **details: Any) -> dict[str, Any]:
        time_of["now"] += timedelta(milliseconds=chance.randrange(30))
        common = {"id": next(numbers), "previousEventId": before, "type": type, "timestamp": time_of["now"]}
        return common | details

    items = (EVENTS - 6) // 12
    yield event("ExecutionStarted", 0, executionStartedEventDetails={"input": "[]"})
    yield event("MapStateEntered", 1, stateEnteredEventDetails={"name": "each parcel", "input": "[]"})
    yield event("MapStateStarted", 2, mapStateStartedEventDetails={"length": items})
    for index in range(items):
        given = (
            f'{{"what": "parcel {index}", "grams": {chance.randrange(9000)}, "contents": ["socks", "hats"]}}'
        )
        iteration = {"name": "each parcel", "index": index}
        last = event("MapIterationStarted", 3, mapIterationStartedEventDetails=iteration)
        yield last
        for name in ("pack", "weigh"):
            for kind, details in (
                ("TaskStateEntered", {"stateEnteredEventDetails": {"name": name, "input": given}}),
                (
                    "LambdaFunctionScheduled",
                    {"lambdaFunctionScheduledEventDetails": {"resource": name, "input": given}},
                ),
                ("LambdaFunctionStarted", {}),
                ("LambdaFunctionSucceeded", {"lambdaFunctionSucceededEventDetails": {"output": given}}),
                ("TaskStateExited", {"stateExitedEventDetails": {"name": name, "output": given}}),
            ):
                last = event(kind, last["id"], **details)
                yield last
        yield event("MapIterationSucceeded", last["id"], mapIterationSucceededEventDetails=iteration)


async def used(path: Path) -> tuple[float, float]:
    """Seconds from going to the page until a state was clicked, and of the slowest key in the filter."""
    async with browsing() as page:
        start = time.perf_counter()
        await page.open(path)
        await page.click("document.querySelectorAll('#graph .name')[1]")
        assert await page.text("#inspector h2") == "pack"
        opened = time.perf_counter() - start
        await page.press("/")
        slowest = 0.0
        for key in KEYS:
            start = time.perf_counter()
            await page.press(key)
            slowest = max(slowest, time.perf_counter() - start)
        return opened, slowest


def written(run: Run) -> tuple[str, float]:
    """The page, and the seconds that writing it took."""
    start = time.perf_counter()
    html = report(run, machine(), name="run")
    return html, time.perf_counter() - start


def saved(html: str, folder: str) -> Path:
    """Where the page can be opened."""
    path = Path(folder, "report.html")
    path.write_text(html, encoding="utf-8")
    return path


async def figures() -> AsyncIterator[Figure]:
    """Measure."""
    history = list(events())
    start = time.perf_counter()
    run = fold(history)
    folding = time.perf_counter() - start
    html, seconds = written(run)
    size = f"{len(run.events):,} events, {len(html) / 1e6:.1f} MB"
    yield Figure("reading and folding a history", folding, 3, " s", beside=size)
    yield Figure("writing its report", seconds, 5, " s", beside=size)
    if CHROMIUM is None:
        print("there is no Chromium: the page itself is not measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = saved(html, folder)
        times = [await used(path) for _ in range(RUNS)]
    yield Figure("from navigation to the first click on a state", middle(one for one, _ in times), 3, " s")
    slowest = middle(key for _, key in times)
    yield Figure("a key in the filter, drawn: the slowest of 9", slowest * 1000, 200, " ms")


if __name__ == "__main__":
    exit_with(__doc__, figures)
