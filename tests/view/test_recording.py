"""Executions made into tests that repeat them."""

import json
import runpy
from pathlib import Path
from typing import Any

import anyio
import pytest

import asfini
from asfini import (
    Client,
    Definition,
    Execution,
    InvalidArgument,
    ItemProcessor,
    Lambda,
    Map,
    Parallel,
    Pass,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.errors import TaskFailed
from asfini.testing import record
from asfini.view import Recording, fold, record as record_run

WORK = Lambda("work")


async def run(client: Client, start: Any, value: Any = None, name: str = "first") -> Execution:
    """Run a machine to its end."""
    machine = construct_state_machine("shop", start)
    await client.register(machine)
    execution = await client.start_execution(machine, {} if value is None else value, name=name)
    await execution.wait(raise_on_failure=False)
    return execution


def write(recording: Recording, folder: Path) -> None:
    for name, text in recording.files().items():
        (folder / name).write_text(text, encoding="utf-8")


def change(folder: Path) -> None:
    """Let the recorded machine be another one."""
    path = folder / "first.run.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["definition"]["States"]["do"]["ResultPath"] = "$.elsewhere"
    path.write_text(json.dumps(told), encoding="utf-8")


def run_test_in(folder: Path) -> None:
    """Run the test that was written."""
    [path] = folder.glob("test_*.py")
    [test] = [value for name, value in runpy.run_path(str(path)).items() if name.startswith("test_")]
    test()


async def repeated(recording: Recording, folder: Path) -> None:
    """Repeat a recording in a loop of its own: the test's own is taken."""
    write(recording, folder)
    await anyio.to_thread.run_sync(run_test_in, folder)


async def test_results_stand_by_invocation_and_equal_ones_together(client: Client) -> None:
    do = Task("do", WORK).retry_for(["Busy"], max_attempts=3)
    client.mock(WORK, side_effect=[TaskFailed("Busy", "b"), TaskFailed("Busy", "b"), {"n": 1}])
    recording = await record(await run(client, do))
    assert recording.mock_config == {
        "StateMachines": {"shop": {"TestCases": {"first": {"do": "first do"}}}},
        "MockedResponses": {
            "first do": {"0-1": {"Throw": {"Error": "Busy", "Cause": "b"}}, "2": {"Return": {"n": 1}}}
        },
    }


async def test_a_success_is_repeated(client: Client, tmp_path: Path) -> None:
    do = Task("do", WORK, result_path="$.done").retry_for(["Busy"])
    Wait("rest", seconds=3600) >> do
    client.mock(WORK, side_effect=[TaskFailed("Busy"), [1, "ä"]])
    recording = await record(await run(client, do, {"n": 1}))
    assert (recording.status, recording.output) == ("SUCCEEDED", {"n": 1, "done": [1, "ä"]})
    await repeated(recording, tmp_path)
    assert sorted(recording.files()) == ["first.mocks.json", "first.run.json", "test_first.py"]


async def test_a_failure_is_repeated(client: Client, tmp_path: Path) -> None:
    client.mock(WORK, side_effect=TaskFailed("Declined", "over the limit"))
    recording = await record(await run(client, Task("do", WORK)))
    assert (recording.error, recording.cause) == ("Declined", "over the limit")
    await repeated(recording, tmp_path)


async def test_a_time_out_is_repeated(client: Client, tmp_path: Path) -> None:
    client.mock(WORK, return_value=1, after=60)
    recording = await record(await run(client, Task("do", WORK, timeout_seconds=5)))
    assert (recording.error, recording.cause) == ("States.Timeout", None)
    await repeated(recording, tmp_path)


async def test_the_test_fails_where_the_machine_has_changed(client: Client, tmp_path: Path) -> None:
    client.mock(WORK, return_value=1)
    recording = await record(await run(client, Task("do", WORK)))
    write(recording, tmp_path)
    change(tmp_path)
    with pytest.raises(AssertionError):
        await anyio.to_thread.run_sync(run_test_in, tmp_path)


async def test_a_task_that_was_cut_off_does_not_go_on(client: Client, tmp_path: Path) -> None:
    slow = Task("slow", Lambda("slow"))
    slow >> Pass("never")
    both = Parallel("both", branches=[Definition.starting_at(slow), Definition.starting_at(Task("do", WORK))])
    client.mock("slow", return_value=1, after=60)
    client.mock(WORK, side_effect=TaskFailed("Boom", "no luck"))
    recording = await record(await run(client, both))
    assert recording.error == "Boom"
    await repeated(recording, tmp_path)


async def test_activities_are_there_when_it_is_repeated(client: Client, tmp_path: Path) -> None:
    activity = asfini.Activity("pack")
    await client.register(activity)
    client.mock(activity, return_value="packed")
    recording = await record(await run(client, Task("do", activity)))
    assert recording.activities == ["pack"]
    await repeated(recording, tmp_path)


async def test_children_of_map_runs_are_recorded_too(client: Client, tmp_path: Path) -> None:
    config = asfini.ProcessorConfig(mode="DISTRIBUTED", execution_type="STANDARD")
    processor = ItemProcessor(start_at="do", states={"do": Task("do", WORK)}, processor_config=config)
    client.mock(WORK, side_effect=["a", "b", "c"])
    recording = await record(await run(client, Map("each", item_processor=processor), [1, 2, 3]))
    assert recording.output == ["a", "b", "c"]
    await repeated(recording, tmp_path)


async def test_results_of_items_that_overtook_each_other_stay_theirs(client: Client, tmp_path: Path) -> None:
    first, second = Task("first", Lambda("first")), Task("second", Lambda("second"))
    first >> second.retry_for(["Busy"], interval_seconds=1, max_attempts=9)
    busy = {2, 4}

    async def take_time(item: int) -> int:
        await anyio.sleep(60 - 7 * item)
        return item

    async def answer(item: int) -> str:
        if item in busy:
            busy.remove(item)
            raise TaskFailed("Busy")
        return f"answer {item}"

    client.mock("first", side_effect=take_time)
    client.mock("second", side_effect=answer)
    items = Map("each", item_processor=ItemProcessor.starting_at(first), max_concurrency=3)
    recording = await record(await run(client, items, [0, 1, 2, 3, 4, 5]))
    assert recording.output == [f"answer {item}" for item in range(6)]
    await repeated(recording, tmp_path)


async def test_what_was_redriven_ends_at_once(client: Client, tmp_path: Path) -> None:
    client.mock(WORK, side_effect=[TaskFailed("Boom"), TaskFailed("Busy"), "done"])
    execution = await run(client, Task("do", WORK).retry_for(["Busy"]))
    await execution.redrive()
    assert await execution.wait() == "done"
    recording = await record(execution)
    assert [*recording.mock_config["MockedResponses"]["first do"]] == ["0", "1"]
    await repeated(recording, tmp_path)


async def test_what_came_without_its_data_cannot_be_repeated(client: Client) -> None:
    execution = await run(client, Pass("done"), {"n": 1})
    bare = fold([event async for event in execution.history(include_data=False)])
    with pytest.raises(InvalidArgument, match=f"the input and output of {execution.arn} are not all in"):
        record_run(bare, {}, arn=execution.arn)


async def test_only_what_came_to_an_end_by_itself_is_recorded(client: Client) -> None:
    machine = construct_state_machine("shop", Wait("rest", seconds=60))
    await client.register(machine)
    execution = await client.start_execution(machine, {})
    with pytest.raises(InvalidArgument, match="succeeded or failed can be repeated: arn"):
        await record(execution)
    await execution.stop()
    with pytest.raises(InvalidArgument, match="is ABORTED"):
        await record(execution)
