"""Pages of what tests took of machines: they need nothing but each other, and colour what was taken."""

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import CHROMIUM, browsing

import asfini
from asfini import (
    Choice,
    Client,
    Fail,
    Lambda,
    NumericGreaterThan,
    Pass,
    State,
    Succeed,
    Task,
    construct_state_machine,
)
from asfini.errors import TaskFailed
from asfini.testing import Coverage, coverage, virtual_time
from asfini.view.covering import MachineCoverage, covered

HOSTILE = "<img src=x onerror=alert(1)></style>{body}"
WORK = Lambda("work")


async def taken(client: Client, start: State, given: object) -> MachineCoverage:
    """What an execution takes of a machine."""
    with coverage() as measured:
        machine = construct_state_machine("machine", start)
        await client.register(machine)
        execution = await client.start_execution(machine, given)
        await execution.wait(raise_on_failure=False)
    (found,) = measured.machines
    return found


class Page(HTMLParser):
    """What a page has: its tags, its links, its texts in style sheets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.style = self.policy = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [str(given[name]) for name in ("href", "src") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(given["content"])

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style" and not self.style:
            self.style = data


def read_pages(folder: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


async def test_states_are_marked_by_what_leads_on_from_them(client: Client) -> None:
    work = Task("work", WORK).retry_for(["A"]).retry_for(["B"]).catch(["C"], Fail("failed"))
    which = Choice("which").add(NumericGreaterThan("$", 1), Succeed("many"))
    which.set_default(Pass("few"))
    work >> which
    client.mock(WORK, side_effect=[TaskFailed("B"), 1])
    drawn, marks = covered(await taken(client, work, 1))
    nodes = drawn.nodes
    assert {name: marks.outcome(node) for name, node in nodes.items()} == {
        "work": "caught",
        "which": "caught",
        "few": "succeeded",
        "many": "unreached",
        "failed": "unreached",
    }
    assert nodes["work"].retries == ["✗ A ×3", "B ×3"]
    assert (marks.ended(nodes["few"]), marks.ended(nodes["many"])) == (True, False)
    assert {(edge.target.name, marks.is_taken(edge)) for edge in drawn.edges} == {
        ("which", True),
        ("few", True),
        ("many", False),
        ("failed", False),
    }


async def test_of_several_rules_between_two_states_the_ones_not_taken_are_crossed(client: Client) -> None:
    last, size = Pass("last"), Choice("size")
    size.add(NumericGreaterThan("$", 9), last).add(NumericGreaterThan("$", 0), last)
    size.set_default(last)
    drawn, marks = covered(await taken(client, size, 10))
    assert {(edge.kind, *edge.labels, marks.is_taken(edge)) for edge in drawn.edges} == {
        ("choice", "$ > 9", "✗ $ > 0", False),
        ("default", "✗ otherwise", False),
    }


async def test_pages_lead_to_each_other_and_load_nothing(client: Client, tmp_path: Path) -> None:
    with coverage() as measured:
        for name in ("shop", "Shop", "index", "a.b"):
            await client.register(construct_state_machine(name, Pass(HOSTILE)))
    measured.write_html(tmp_path / "made" / "here")
    pages = read_pages(tmp_path)
    assert len({name.lower() for name in pages}) == 5
    assert sorted(pages["index.html"].links) == sorted(pages.keys() - {"index.html"})
    for name, page in pages.items():
        digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        assert page.policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert {"img", "script", "link"} & {*page.tags} == set()
        assert name == "index.html" or page.links == ["index.html"]


def test_where_there_is_no_machine_nothing_looks_taken(tmp_path: Path) -> None:
    Coverage().write_html(tmp_path)
    assert '<span class="percent none">0 %</span>' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_another_process_tells_cannot_write_into_pages(tmp_path: Path) -> None:
    measured = Coverage()
    text = json.dumps({"StartAt": HOSTILE, "States": {HOSTILE: {"Type": "Pass", "End": True}}})
    measured.add([["machine", HOSTILE, text, {f"/States/{HOSTILE}": 1}]])
    measured.write_html(tmp_path)
    for page in read_pages(tmp_path).values():
        assert {"img", "script", "link"} & {*page.tags} == set()


async def write_pages(folder: Path) -> None:
    """Write pages of a machine that was executed, and of one that was not."""
    with coverage() as measured, virtual_time():
        async with asfini.local.connect() as client:
            await client.register(construct_state_machine("idle", Pass(HOSTILE)))
            await client.register(construct_state_machine("shop", Pass("pay")))
            await client.execute("shop")
    measured.write_html(folder)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
async def test_a_browser_shows_them_and_asks_for_nothing_else(tmp_path: Path) -> None:
    await write_pages(tmp_path)
    rows = "[...document.querySelectorAll('tbody tr')].map(row => row.innerText.split('\\t')[0])"
    async with browsing() as page:
        await page.open(tmp_path / "index.html")
        assert await page.tell(rows) == ["idle never executed", "shop"]
        target = await page.tell("document.querySelector('tbody a').getAttribute('href')")
        await page.open(tmp_path / target)
        assert "alert(1)" in await page.text(".missing")
        missing = "getComputedStyle(document.querySelector('.unreached > .box')).fill"
        assert await page.tell(missing) == "rgb(255, 230, 226)"
        assert page.complaints == []
        assert {Path(address).name for address in page.requests} == {"index.html", target}
