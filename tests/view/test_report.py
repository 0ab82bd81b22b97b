"""Reports of runs: pages that need nothing but themselves."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import anyio

import asfini
from asfini import Client, Execution, Fail, Lambda, Map, Pass, Task, Wait, construct_state_machine
from asfini.errors import TaskFailed
from asfini.view import fold, report

WORK = Lambda("work")
HOSTILE = "</script><script>alert(1)</script><!--<script>{policy}{data}\u2028"


async def ended(client: Client, start: Any, value: Any = None) -> Execution:
    machine = construct_state_machine("machine", start)
    await client.register(machine)
    execution = await client.start_execution(machine, value, name="run")
    await execution.wait(raise_on_failure=False)
    return execution


async def sorting(client: Client) -> Execution:
    """A run with retries, iterations and a failure."""
    each = Map(
        "each", Task("do", WORK).retry_for(["Busy"], interval_seconds=2, max_attempts=2), max_concurrency=1
    )
    client.mock(
        WORK, side_effect=[TaskFailed("Busy", "at work"), 1, TaskFailed("Broken", '{"reason": "old"}')]
    )
    return await ended(client, each, [7, 8, 9])


class Page(HTMLParser):
    """The elements of a page, and the texts of its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in self.texts:
            self.texts[self._within][-1] += data


def data_of(html: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Page(html).texts["script"][0])
    return data


async def test_it_tells_how_the_run_went(client: Client) -> None:
    execution = await sorting(client)
    data = data_of(await execution.to_html())
    assert (data["name"], data["arn"], data["status"]) == ("run", execution.arn, "FAILED")
    assert (data["error"], data["cause"]) == ("Broken", '{"reason": "old"}')
    assert data["place"] == "each → item 1 → do"
    facts = dict(data["facts"])
    assert (facts["Took"], facts["States entered"], facts["Retries"]) == ("2.0 s", "3", "1")
    assert [(title, data["texts"][place]) for title, place in data["payloads"]] == [("Input", "[7, 8, 9]")]


async def test_the_timeline_has_states_lines_and_attempts_in_the_order_of_the_tree(client: Client) -> None:
    data = data_of(await (await sorting(client)).to_html())
    rows = data["rows"]
    assert [(row["depth"], row["name"], row["status"]) for row in rows] == [
        (0, "each", "FAILED"),
        (1, "item 0", "SUCCEEDED"),
        (2, "do", "SUCCEEDED"),
        (1, "item 1", "FAILED"),
        (2, "do", "FAILED"),
    ]
    assert [row["end"] for row in rows] == [5, 3, 3, 5, 5]
    assert [row["parent"] for row in rows] == [-1, 0, 1, 0, 3]
    tries = [(attempt["status"], attempt["from"], attempt["error"]) for attempt in rows[2]["tries"]]
    assert tries == [("FAILED", 0, "Busy"), ("SUCCEEDED", 2000, None)]
    assert [attempt["to"] for attempt in rows[2]["tries"]] == [0, 2000]
    assert [row["to"] for row in rows] == [2000] * 5
    assert rows[data["failed"]]["key"] == rows[4]["key"]
    assert data["names"][rows[4]["key"]] == "do"


async def test_what_has_not_ended_is_told_to_last(client: Client) -> None:
    client.mock(WORK, return_value=1, after=100)
    first = Pass("first")
    first >> Task("do", WORK)
    machine = construct_state_machine("machine", first)
    await client.register(machine)
    execution = await client.start_execution(machine)
    await anyio.sleep(5)
    data = data_of(await execution.to_html())
    assert [(row["name"], row["to"]) for row in data["rows"]] == [("first", 0), ("do", None)]
    assert [attempt["to"] for attempt in data["rows"][1]["tries"]] == [None]


async def test_where_a_run_was_cut_off_is_told(client: Client) -> None:
    machine = construct_state_machine("machine", Wait("rest", 60), timeout_seconds=5)
    await client.register(machine)
    execution = await client.start_execution(machine)
    await execution.wait(raise_on_failure=False)
    data = data_of(await execution.to_html())
    assert (data["status"], data["error"], data["place"]) == ("TIMED_OUT", "States.Timeout", "rest")
    assert data["failed"] == 0


async def test_all_events_are_told_with_their_states_and_payloads(client: Client) -> None:
    execution = await sorting(client)
    data = data_of(await execution.to_html())
    events = [event async for event in execution.history()]
    assert [event["id"] for event in data["events"]] == [event.id for event in events]
    entered = [event for event in data["events"] if event["type"] == "TaskStateEntered"]
    assert [json.loads(data["texts"][event["payloads"]["input"]]) for event in entered] == [7, 8]
    assert [data["rows"][event["row"]]["name"] for event in entered] == ["do", "do"]
    failed = next(event for event in data["events"] if event["type"] == "LambdaFunctionFailed")
    assert (failed["what"], failed["detail"]) == ("Busy: at work", {"error": "Busy", "cause": "at work"})


async def test_a_payload_that_goes_from_state_to_state_is_there_once(client: Client) -> None:
    first = Pass("a")
    first >> Pass("b") >> Pass("c")
    html = await (await ended(client, first, {"long": "tale" * 100})).to_html()
    assert html.count("tale" * 100) == 1


async def test_nothing_in_it_can_break_out(client: Client) -> None:
    start = Pass(HOSTILE[:80], result={HOSTILE: HOSTILE})
    start >> Fail("end", error=HOSTILE, cause=HOSTILE)
    execution = await ended(client, start, HOSTILE)
    page = Page(await execution.to_html())
    data = json.loads(page.texts["script"][0])
    assert len(page.texts["script"]) == 2
    assert data["cause"] == HOSTILE
    assert json.loads(data["texts"][data["payloads"][0][1]]) == HOSTILE


async def test_a_hostile_name_is_text_also_in_the_head() -> None:
    page = Page(report(fold([]), name=HOSTILE))
    assert page.texts["title"][0].startswith(HOSTILE)
    assert len(page.texts["script"]) == 2


async def test_its_policy_allows_its_own_script_and_style_only(client: Client) -> None:
    page = Page(await (await sorting(client)).to_html())
    (policy,) = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    allowed = re.findall(r"'sha256-([^']+)'", policy or "")
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (page.texts["script"][1], page.texts["style"][0])
    ]
    assert allowed == digests
    assert (policy or "").startswith("default-src 'none'; script-src 'sha256-")
    assert len(page.texts["style"]) == 1
    assert not [
        attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)
    ]
    assert not [attributes for _, attributes in page.elements if "style" in attributes]


async def test_it_names_nothing_outside(client: Client) -> None:
    html = await (await sorting(client)).to_html()
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {"http://www.w3.org/2000/svg"}
    tags = {tag for tag, attributes in Page(html).elements if {"src", "href"} & attributes.keys()}
    assert tags == set()


def test_a_run_without_events_or_definition_has_a_page() -> None:
    data = data_of(report(fold([])))
    assert (data["rows"], data["events"], data["status"], data["failed"]) == ([], [], "RUNNING", -1)


async def test_a_run_is_reported_without_its_definition_too(client: Client) -> None:
    execution = await sorting(client)
    html = report(fold([event async for event in execution.history()]))
    assert "<svg" not in html
    assert [row["key"] for row in data_of(html)["rows"]] == [""] * 5


async def test_a_second_attempt_of_branches_is_told_apart(client: Client) -> None:
    both = (
        asfini.Parallel("both").add(Task("do", WORK)).retry_for(["Busy"], interval_seconds=1, max_attempts=1)
    )
    client.mock(WORK, side_effect=[TaskFailed("Busy"), 2])
    rows = data_of(await (await ended(client, both)).to_html())["rows"]
    assert [row["name"] for row in rows] == ["both", "branch 0", "do", "branch 0 (attempt 2)", "do"]
