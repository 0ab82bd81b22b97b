"""Runs as traces."""

import json
from itertools import pairwise
from typing import Any

import anyio

from asfini import Client, Lambda, Map, Parallel, Task, Wait, construct_state_machine
from asfini.errors import TaskFailed
from asfini.view import fold, trace

WORK = Lambda("work")


async def traced(client: Client, start: Any, value: Any = None, seconds: float = 1e6) -> dict[str, Any]:
    machine = construct_state_machine("machine", start)
    await client.register(machine)
    execution = await client.start_execution(machine, value, name="run")
    with anyio.move_on_after(seconds):
        await execution.wait(raise_on_failure=False)
    return await execution.to_trace()


def slices(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in found["traceEvents"] if event["ph"] == "X"]


def tracks(found: dict[str, Any]) -> list[str]:
    return [event["args"]["name"] for event in found["traceEvents"] if event["name"] == "thread_name"]


async def test_states_are_slices_with_their_attempts_inside(client: Client) -> None:
    client.mock(WORK, side_effect=[TaskFailed("Busy", "at work"), 1], after=2)
    found = await traced(client, Task("do", WORK).retry_for(["Busy"], interval_seconds=5))
    assert [(each["name"], each["ts"], each["dur"], each["cat"]) for each in slices(found)] == [
        ("do", 0, 9_000_000, "succeeded"),
        ("attempt 1", 0, 2_000_000, "failed"),
        ("attempt 2", 7_000_000, 2_000_000, "succeeded"),
    ]
    assert slices(found)[1]["args"]["error"] == "Busy"
    assert json.loads(json.dumps(found)) == found


async def test_branches_have_tracks_of_their_own(client: Client) -> None:
    found = await traced(client, Parallel("both").add(Wait("a", 5)).add(Wait("b", 7)))
    assert tracks(found) == ["states", "both: branch 0", "both: branch 1"]
    assert [each["tid"] for each in slices(found)] == [1, 2, 3]


async def test_items_that_follow_each_other_share_a_track(client: Client) -> None:
    found = await traced(client, Map("each", Wait("w", 5), max_concurrency=2), list(range(10)))
    assert tracks(found) == ["states", "each: items", "each: items"]
    for track in (2, 3):
        own = [each for each in slices(found) if each["tid"] == track]
        assert all(one["ts"] + one["dur"] <= other["ts"] for one, other in pairwise(own))
        assert len(own) == 5


async def test_what_has_not_ended_lasts_until_the_last_event(client: Client) -> None:
    start = Wait("a", 5)
    start >> Wait("b", 1000)
    found = await traced(client, start, seconds=60)
    assert [(each["name"], each["dur"], each["cat"]) for each in slices(found)] == [
        ("a", 5_000_000, "succeeded"),
        ("b", 0, "running"),
    ]
    assert found["otherData"] == {"status": "RUNNING"}


def test_nothing_is_a_trace_without_slices() -> None:
    assert slices(trace(fold([]))) == []
