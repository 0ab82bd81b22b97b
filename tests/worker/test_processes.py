"""Functions that run in processes: what they are given, how they end, and what a crash does not touch."""

import asyncio
import os
import pickle
import signal
import threading
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
from chores import (
    add,
    chores,
    dawdle,
    decline,
    die,
    exit_politely,
    leave,
    masked,
    postpone,
    square,
    stumble,
    unsayable,
    where,
)
from faults import Faulty, raises
from jobs import do, start

from asfini import CallableActivity, Client, ExecutionFailed, TaskFailed, Worker
from asfini.clock import hold
from asfini.errors import InvalidArgument, TaskTimedOut
from asfini.worker.processes import _Process


async def failure(client: Client, activity: Any, given: Any = None) -> tuple[str | None, str | None]:
    """The error and the cause with which a task fails."""
    with pytest.raises(ExecutionFailed) as failed:
        await do(client, activity, given)
    return failed.value.error, failed.value.cause


async def written(path: Path) -> str:
    """What a process writes into a file, once it does."""
    with hold():
        async with asyncio.timeout(60):
            while not (text := content(path)):  # noqa: ASYNC110 - nothing tells of a file
                await asyncio.sleep(0.01)
    return text


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


async def until_gone(process: int) -> None:
    with hold():
        async with asyncio.timeout(60):
            while is_alive(process):  # noqa: ASYNC110 - nothing tells of its end
                await asyncio.sleep(0.01)


class TestCalls:
    async def test_a_function_runs_in_another_process_with_its_task(self, client: Client) -> None:
        told = await do(client, where, {"x": 1}, name="me")
        assert told.pop("process") != os.getpid()
        assert told == {"point": {"x": 1, "y": 0}, "input": {"x": 1}, "worker": "me"}

    async def test_members_by_name_and_functions_that_are_no_decorated_ones_do_as_well(
        self, client: Client
    ) -> None:
        assert await do(client, add, {"x": 41}) == 42
        assert await do(client, square, 7) == 49

    async def test_a_process_is_kept_for_the_next_task(self, client: Client) -> None:
        executions = [await start(client, where, {"x": n}) for n in range(3)]
        async with Worker(client, where, max_processes=1):
            told = [await each.wait(timeout=1e6) for each in executions]
        assert len({each["process"] for each in told}) == 1
        await until_gone(told[0]["process"])

    async def test_as_many_run_at_once_as_there_may_be_processes(self, client: Client) -> None:
        executions = [await start(client, where, {"x": n}) for n in range(6)]
        async with Worker(client, where, max_processes=2):
            told = [await each.wait(timeout=1e6) for each in executions]
        assert len({each["process"] for each in told}) <= 2

    async def test_a_task_can_be_deferred(self, client: Client, service: Faulty, tmp_path: Path) -> None:
        execution = await start(client, postpone, str(tmp_path / "token"))
        async with Worker(client, postpone):
            token = await written(tmp_path / "token")
        assert not service.of("send_task_success")
        await client.task(token).succeed("by others")
        assert await execution.wait(timeout=60) == "by others"


class TestFailures:
    @pytest.mark.parametrize(
        ("activity", "given", "error", "cause"),
        [
            (decline, "over the limit", "CardDeclined", "over the limit"),
            (stumble, None, "ValueError", "over a stone"),
            (unsayable, None, "TaskOutputInvalid", "the result "),
            (exit_politely, None, "SystemExit", "3"),
            (where, {"x": "one"}, "TaskInputInvalid", "x: Input should be a valid integer"),
            (leave, 7, "ProcessDied", "ended with exit code 7"),
            (leave, 0, "ProcessDied", "ended with exit code 0"),
            (die, int(signal.SIGKILL), "ProcessDied", "ended by SIGKILL"),
            (die, int(signal.SIGSEGV), "ProcessDied", "ended by SIGSEGV"),
        ],
        ids=lambda each: getattr(each, "name", repr(each)),
    )
    async def test_they_are_told_with_their_names(
        self, client: Client, activity: Any, given: Any, error: str, cause: str
    ) -> None:
        name, told = await failure(client, activity, given)
        assert name == error
        assert cause in (told or "")

    async def test_a_crash_fails_its_own_task_alone(self, client: Client) -> None:
        given = [*({"x": n} for n in range(4))]
        fine = [await start(client, where, each) for each in given]
        bad = await start(client, leave, 1)
        async with Worker(client, [where, leave], max_processes=2):
            assert [(await each.wait(timeout=1e6))["input"] for each in fine] == given
            with pytest.raises(ExecutionFailed, match="ProcessDied"):
                await bad.wait(timeout=1e6)
            assert (await (await start(client, where, {"x": 9})).wait(timeout=1e6))["input"] == {"x": 9}

    async def test_a_process_that_dies_while_it_is_idle_is_replaced(self, client: Client) -> None:
        async with Worker(client, where, max_processes=1):
            first = await (await start(client, where, {"x": 1})).wait(timeout=1e6)
            os.kill(first["process"], signal.SIGKILL)
            await until_gone(first["process"])
            second = await (await start(client, where, {"x": 2})).wait(timeout=1e6)
        assert second["process"] != first["process"]

    async def test_one_that_cannot_be_started_fails_its_task_alone(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: Any) -> None:
            raise OSError("too many processes")

        with monkeypatch.context() as patch:
            patch.setattr(SpawnProcess, "start", refuse)
            assert await failure(client, where, {"x": 1}) == (
                "ProcessDied",
                "the process was not started",
            )
        assert (await do(client, where, {"x": 2}))["input"] == {"x": 2}

    async def test_signals_for_the_worker_do_not_end_one_that_just_begins(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = SpawnProcess.start

        def start_and_signal(process: SpawnProcess) -> None:
            start(process)
            assert process.pid is not None
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(process.pid, number)

        monkeypatch.setattr(SpawnProcess, "start", start_and_signal)
        assert (await do(client, where, {"x": 1}))["input"] == {"x": 1}
        assert await do(client, masked) == []

    def test_one_that_is_given_up_before_it_begins_is_not_started(self) -> None:
        process = _Process()
        process.end()
        with pytest.raises(TaskFailed, match="ProcessDied: the process was not started"):
            process.do((pickle.dumps(square), "7", "token", "worker", 100))
        assert not process.is_alive


class TestEnding:
    async def test_a_task_that_is_closed_has_its_process_ended(
        self, client: Client, service: Faulty, tmp_path: Path
    ) -> None:
        execution = await start(client, dawdle, str(tmp_path / "pid"), heartbeat_seconds=3600)
        async with Worker(client, dawdle, grace=0) as worker:
            process = int(await written(tmp_path / "pid"))
            service.always("send_task_heartbeat", raises(TaskTimedOut("gone")))
            await until_gone(process)
            while worker.stats().activities[dawdle.name].tasks:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        assert not service.of("send_task_failure")
        await execution.stop()

    async def test_a_worker_that_stops_ends_processes_after_its_grace(
        self, client: Client, tmp_path: Path
    ) -> None:
        execution = await start(client, dawdle, str(tmp_path / "pid"))
        async with Worker(client, dawdle, grace=0):
            process = int(await written(tmp_path / "pid"))
        with pytest.raises(ExecutionFailed, match="WorkerCancel"):
            await execution.wait(timeout=60)
        await until_gone(process)

    async def test_threads_that_waited_for_a_process_end_with_it(
        self, client: Client, tmp_path: Path
    ) -> None:
        await start(client, dawdle, str(tmp_path / "pid"))
        before = threading.active_count()
        async with Worker(client, dawdle, grace=0):
            process = int(await written(tmp_path / "pid"))
        await until_gone(process)
        assert threading.active_count() <= before + 1


class TestChecks:
    def test_a_function_that_cannot_be_found_by_name_is_refused_early(self, client: Client) -> None:
        local = CallableActivity("local", lambda: 1, runs_in="process")
        message = "'local' runs in a process, so that its function must be found in a module by its name"
        with pytest.raises(InvalidArgument, match=message):
            Worker(client, local)

    def test_an_async_function_runs_in_the_loop(self) -> None:
        async def work() -> None: ...

        with pytest.raises(InvalidArgument, match="the function of 'a' is async, so it runs in the loop"):
            CallableActivity("a", work, runs_in="process")  # type: ignore[arg-type]
        assert CallableActivity("a", work).runs_in == "loop"

    def test_other_places_are_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="runs_in is 'loop', 'thread' or 'process', not 'moon'"):
            CallableActivity("a", print, runs_in="moon")  # type: ignore[arg-type]

    @pytest.mark.parametrize("number", [0, -1, 1.5, True])
    def test_max_processes_is_a_positive_number(self, client: Client, number: Any) -> None:
        with pytest.raises(InvalidArgument, match="max_processes is a positive whole number"):
            Worker(client, square, max_processes=number)

    def test_activities_are_pickled_by_name_or_by_function(self) -> None:
        for activity in chores:
            assert pickle.loads(pickle.dumps(activity)) is activity
        again = pickle.loads(pickle.dumps(square))
        assert (again.name, again.function, again.runs_in) == ("chore-square", square.function, "process")


async def test_a_plain_function_may_run_in_the_loop(client: Client) -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await do(client, CallableActivity("here", where, runs_in="loop")) is True
    assert await do(client, CallableActivity("there", where)) is False
