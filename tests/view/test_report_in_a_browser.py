"""Reports in Chromium: they run, load nothing, and do what clicks and keys ask for."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Page, browsing

import asfini
from asfini import Fail, Lambda, Map, Task, construct_state_machine
from asfini.errors import TaskFailed
from asfini.testing import virtual_time

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
LARGE = 12345678901234567890


async def report(path: Path) -> None:
    """Write a report of a run with retries, iterations and a failure that is caught."""
    do = Task("do", Lambda("work")).retry_for(["Busy"], interval_seconds=2, max_attempts=2)
    each = Map("each", do, max_concurrency=1)
    each.catch(["States.ALL"], Fail("end", error="NotDone", cause=HOSTILE))
    machine = construct_state_machine("machine", each)
    with virtual_time():
        async with asfini.local.connect() as client:
            await client.register(machine)
            client.mock("work", side_effect=[1, TaskFailed("Busy"), 2, TaskFailed("Broken", HOSTILE)])
            items = [{"n": LARGE}, {"n": HOSTILE}, {"10": 1, "9": []}]
            execution = await client.start_execution(machine, items, name="run")
            await execution.wait(raise_on_failure=False)
            html = await execution.to_html()
    path.write_text(html, encoding="utf-8")  # noqa: ASYNC240 - nothing else runs


async def opened(page: Page, folder: Path) -> None:
    await report(folder / "report.html")
    await page.open(folder / "report.html")


def state(name: str) -> str:
    """JavaScript that finds a state in the graph by its name."""
    named = f"[...document.querySelectorAll('#graph .name')].find(e => e.textContent === {json.dumps(name)})"
    return f"({named})"


async def rows(page: Page, name: str) -> list[str]:
    found: list[Any] = await page.tell(
        f"[...document.querySelectorAll('#{name} .row')].map(e => e.innerText)"
    )
    return [" ".join(each.split()) for each in found]


async def test_it_opens_at_what_failed_and_loads_nothing(tmp_path: Path) -> None:
    async with browsing() as page:
        await opened(page, tmp_path)
        assert await page.text("#status") == "FAILED"
        assert await page.text("#inspector h2") == "end"
        assert HOSTILE in await page.text("#failure pre")
        assert await page.tell("document.images.length") == 0
        assert page.requests == [(tmp_path / "report.html").as_uri()]
        assert page.complaints == []


async def test_a_click_on_a_state_shows_its_runs_and_filters_the_events(tmp_path: Path) -> None:
    async with browsing() as page:
        await opened(page, tmp_path)
        await page.click(state("do"))
        assert await page.text("#inspector h2") == "do"
        assert "entered 3 times" in await page.text("#inspector")
        assert await page.text("#chosen") == "state: do ×"
        await page.click("document.querySelector('#inspector .run button')")
        assert "each → item 2 → do" in await page.text("#inspector")
        assert '"10": 1,\n  "9": []' in await page.text("#inspector pre")


async def test_payloads_are_shown_as_they_are(tmp_path: Path) -> None:
    async with browsing() as page:
        await opened(page, tmp_path)
        await page.press("Escape")
        shown = await page.text("#inspector pre")
        assert json.loads(shown) == [{"n": LARGE}, {"n": HOSTILE}, {"10": 1, "9": []}]
        assert str(LARGE) in shown


async def test_keys_filter_events_and_walk_in_lists(tmp_path: Path) -> None:
    async with browsing() as page:
        await opened(page, tmp_path)
        for key in ("/", *"busy"):
            await page.press(key)
        assert await page.tell("document.activeElement.id") == "filter"
        found = await rows(page, "events")
        assert [row.split()[2:4] for row in found] == [["LambdaFunctionFailed", "do"]]
        await page.tell("document.getElementById('events').focus()")
        await page.press("End")
        assert await page.text("#inspector h2") == "LambdaFunctionFailed"
        await page.press("Escape")
        assert len(await rows(page, "events")) > 10


async def names(page: Page) -> list[str]:
    """What the rows of the timeline are called, with what folds them."""
    found: list[str] = await page.tell(
        "[...document.querySelectorAll('#timeline .label')].map(e => e.textContent)"
    )
    return found


async def test_the_timeline_folds_and_unfolds(tmp_path: Path) -> None:
    async with browsing() as page:
        await opened(page, tmp_path)
        assert await names(page) == ["▾each", "▾item 0", "do", "▾item 1", "do", "▾item 2", "do", "end"]
        await page.click("document.getElementById('fold')")
        assert await names(page) == ["▸each", "end"]
        await page.tell("document.getElementById('timeline').focus()")
        await page.press("Home")
        await page.press("ArrowRight")
        assert await names(page) == ["▾each", "▸item 0", "▸item 1", "▸item 2", "end"]


async def test_no_text_of_others_is_run(tmp_path: Path) -> None:
    async with browsing() as page:
        await report(tmp_path / "report.html")
        await page.send(
            "Page.addScriptToEvaluateOnNewDocument", source="window.alert = () => { window.hit = 1; }"
        )
        await page.open(tmp_path / "report.html")
        await page.click(state("do"))
        assert await page.tell("window.hit") is None
