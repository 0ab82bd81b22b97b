"""Runs laid over the graphs of their machines."""

import re
from typing import Any
from xml.etree import ElementTree

import anyio
import pytest

import asfini
from asfini import (
    Client,
    Execution,
    Fail,
    Lambda,
    Map,
    Parallel,
    Pass,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.errors import TaskFailed
from asfini.view import Marks
from asfini.view.marks import lasting

WORK = Lambda("work")


async def started(client: Client, start: Any, value: Any = None) -> Execution:
    machine = construct_state_machine("machine", start)
    await client.register(machine)
    return await client.start_execution(machine, value)


async def ended(client: Client, start: Any, value: Any = None) -> Execution:
    execution = await started(client, start, value)
    await execution.wait(raise_on_failure=False)
    return execution


async def marked(execution: Execution) -> tuple[dict[str, str], dict[str, str], Marks]:
    """By states' names: outcomes, and what is said of them."""
    graph, marks = await execution.graph()
    nodes = {node.name: node for node in graph.walk()}
    said = {name: found.said for name, node in nodes.items() if (found := marks.mark(node))}
    return {name: marks.outcome(node) for name, node in nodes.items()}, said, marks


async def test_states_are_marked_with_outcomes_retries_and_durations(client: Client) -> None:
    pay = Task("pay", WORK).retry_for(["Busy"], interval_seconds=5, max_attempts=2)
    pay.catch(["States.ALL"], Wait("calm down", 60))
    pay >> Succeed("paid")
    client.mock(WORK, side_effect=TaskFailed("Busy"))
    outcomes, said, _ = await marked(await ended(client, pay))
    assert outcomes == {"pay": "caught", "paid": "unreached", "calm down": "succeeded"}
    assert said == {"pay": "2 retries, 15 s", "calm down": "1 min"}


async def test_what_failed_what_was_cut_off_and_what_ended_well_in_branches(client: Client) -> None:
    both = Parallel("both").add(Wait("slow", 100)).add(broken())
    outcomes, said, _ = await marked(await ended(client, both))
    assert outcomes == {"both": "failed", "slow": "aborted", "quick": "succeeded", "broken": "failed"}
    assert said["slow"] == "10 s"


def broken() -> Wait:
    quick = Wait("quick", 10)
    quick >> Fail("broken", error="Broken")
    return quick


async def test_items_of_a_map_are_counted(client: Client) -> None:
    each = Map(
        "each", Task("do", WORK).retry_for(["Busy"], interval_seconds=1, max_attempts=1), max_concurrency=1
    )
    client.mock(WORK, side_effect=[1, TaskFailed("Busy"), 2, TaskFailed("Broken")])
    outcomes, said, _ = await marked(await ended(client, each, [1, 2, 3]))
    assert outcomes == {"each": "failed", "do": "failed"}
    assert said["do"] == "×3, 1 failed, 1 retry, 1.0 s at most"


async def test_two_runs_of_a_state_are_counted(client: Client) -> None:
    outcomes, said, _ = await marked(await ended(client, Map("each", Pass("do")), [1, 2]))
    assert outcomes == {"each": "succeeded", "do": "succeeded"}
    assert said["do"] == "×2"


async def test_where_a_run_stands_is_marked(client: Client) -> None:
    first = Pass("first")
    first >> Wait("wait", 100) >> Pass("last")
    execution = await started(client, first)
    await anyio.sleep(1)
    outcomes, _, _ = await marked(execution)
    assert outcomes == {"first": "succeeded", "wait": "running", "last": "unreached"}


async def test_transitions_that_were_taken_are_told_apart(client: Client) -> None:
    pay = Task("pay", WORK).catch(["Declined"], Pass("sorry"))
    pay >> Pass("thanks")
    client.mock(WORK, side_effect=TaskFailed("Declined"))
    execution = await ended(client, pay)
    graph, marks = await execution.graph()
    assert [(edge.target.name, marks.is_taken(edge)) for edge in graph.edges] == [
        ("thanks", False),
        ("sorry", True),
    ]
    svg = await execution.to_svg()
    assert svg.count('class="link catch taken"') == 1
    assert svg.count('class="link next"') == 1


@pytest.mark.parametrize("catcher", [{}, {"result_path": "$.errors.last"}])
async def test_a_result_that_is_refused_is_caught_though_the_task_succeeded(
    client: Client, catcher: dict[str, str]
) -> None:
    last = Pass("last")
    work = Task("work", WORK, result_path="$.a.b").catch(["States.ALL"], last, **catcher)
    work >> last
    client.mock(WORK, return_value=1)
    execution = await ended(client, work, {"a": 1})
    outcomes, _, marks = await marked(execution)
    graph, _ = await execution.graph()
    assert outcomes == {"work": "caught", "last": "succeeded"}
    assert [edge.kind for edge in graph.edges if marks.is_taken(edge)] == ["catch"]
    explained = await execution.explain()
    assert [handled.error for handled in explained.handled] == ["States.ResultPathMatchFailure"]


async def test_where_only_a_catcher_leads_it_was_taken(client: Client) -> None:
    caught = Pass("caught")
    work = Task("work", WORK, output="{% $pad('', 300000, 'x') %}")
    work.catch(["States.ALL"], caught, output=1)
    work >> Pass("last")
    client.mock(WORK, return_value=1)
    machine = construct_state_machine("machine", work, query_language="JSONata")
    await client.register(machine)
    execution = await client.start_execution(machine)
    await execution.wait(raise_on_failure=False)
    graph, marks = await execution.graph()
    assert [edge.target.name for edge in graph.edges if marks.is_taken(edge)] == ["caught"]


async def test_branches_are_found_whatever_the_order_in_which_they_begin(client: Client) -> None:
    both = Parallel("both").add(Pass("left")).add(Pass("right"))
    execution = await ended(client, both)
    graph, marks = await execution.graph()
    keys = {node.name: node.key for node in graph.walk()}
    assert set(marks.by_key) == set(keys.values())
    assert [run.name for run in marks.by_key[keys["right"]].runs] == ["right"]


async def test_all_formats_show_outcomes(client: Client) -> None:
    execution = await ended(client, broken())
    graph, marks = await execution.graph()
    assert 'class="state Fail failed marked"' in graph.to_svg(marks)
    assert re.search(r"^  class s1 failed$", graph.to_mermaid(marks), re.MULTILINE)
    assert 'fillcolor="#ffe1dd"' in graph.to_dot(marks)
    assert marks.by_key["s0"].said == "10 s"
    assert 'label="quick\\nWait: 10 s\\n10 s"' in graph.to_dot(marks)
    assert '"quick<br/>Wait: 10 s<br/>10 s"' in graph.to_mermaid(marks)
    assert ElementTree.fromstring(await execution.to_svg()) is not None


async def test_a_run_over_another_machine_leaves_out_what_is_not_there(client: Client) -> None:
    execution = await ended(client, broken())
    _, marks = await execution.graph()
    other = asfini.view.graph(Pass("other"))
    run = asfini.view.fold([event async for event in execution.history()])
    assert asfini.view.mark(other, run).by_key == {}
    assert marks.by_key.keys() == {"s0", "s1"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0124, "12 ms"),
        (0.95, "950 ms"),
        (1.24, "1.2 s"),
        (42.4, "42 s"),
        (59.9, "60 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600 * 5 + 61, "5 h 1 min"),
        (86400 * 3, "3 d"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert lasting(seconds) == said
