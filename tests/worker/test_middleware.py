"""What is called around polls, tasks and reports."""

import asyncio
from typing import Any

import pytest
from faults import Faulty, raises
from jobs import settle, start

from asfini import CallableActivity, Client, TaskFailed, Worker, current_task
from asfini.errors import ExecutionFailed, Throttled
from asfini.worker import CallNext, Step


async def double(n: int) -> int:
    await asyncio.sleep(1)
    return n * 2


act = CallableActivity("act", double)


class Log:
    """Notes what it is called around."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.steps: list[Step] = []
        self.said: list[str] = []

    async def __call__(self, step: Step, call_next: CallNext) -> Any:
        self.steps.append(step)
        self.said.append(f"{self.name}before {step.kind}")
        try:
            return await call_next()
        finally:
            self.said.append(f"{self.name}after {step.kind}")


async def test_it_is_called_around_polls_tasks_and_reports(client: Client) -> None:
    log = Log()
    execution = await start(client, act, 21)
    async with Worker(client, act, middleware=[log], max_tasks=1):
        assert await execution.wait(timeout=60) == 42
    kinds = ["poll", "task", "report"]
    assert log.said[:6] == [f"{when} {kind}" for kind in kinds for when in ("before", "after")]
    poll, task, report = log.steps[:3]
    assert (poll.activity, poll.task) == (act, None)
    assert task.task is report.task is not None
    assert (task.task.input, report.error) == (21, None)


async def test_the_first_is_the_outermost(client: Client) -> None:
    said: list[str] = []
    outer, inner = Log("outer "), Log("inner ")
    outer.said = inner.said = said
    execution = await start(client, act, 1)
    async with Worker(client, act, middleware=[outer, inner]):
        await execution.wait(timeout=60)
    tasks = [each for each in said if each.endswith("task")]
    assert tasks == ["outer before task", "inner before task", "inner after task", "outer after task"]


async def test_it_may_change_a_tasks_result_or_make_it_fail(client: Client) -> None:
    async def change(step: Step, call_next: CallNext) -> Any:
        result = await call_next()
        if step.kind == "task" and result > 10:
            raise TaskFailed("TooMuch", str(result))
        return [result] if step.kind == "task" else result

    small, large = await start(client, act, 1), await start(client, act, 10)
    async with Worker(client, act, middleware=[change]):
        assert await small.wait(timeout=60) == [2]
        with pytest.raises(ExecutionFailed, match="TooMuch"):
            await large.wait(timeout=60)


async def test_it_sees_what_a_task_raises_and_what_is_reported(client: Client) -> None:
    seen: list[Any] = []

    async def watch(step: Step, call_next: CallNext) -> Any:
        try:
            return await call_next()
        except ValueError as error:
            seen.append(error)
            raise
        finally:
            if step.kind == "report":
                seen.append(step.error)

    async def fail() -> None:
        raise ValueError("no")

    failing = CallableActivity("fail", fail)
    execution = await start(client, failing)
    async with Worker(client, failing, middleware=[watch]):
        await execution.wait(timeout=60, raise_on_failure=False)
    assert [repr(each) for each in seen] == ["ValueError('no')", "'ValueError'"]


async def test_it_runs_in_the_context_of_its_task(client: Client) -> None:
    async def watch(step: Step, call_next: CallNext) -> Any:
        if step.kind == "task":
            assert current_task() is step.task
        return await call_next()

    execution = await start(client, act, 1)
    async with Worker(client, act, middleware=[watch]):
        assert await execution.wait(timeout=60) == 2


async def test_what_it_raises_around_a_poll_is_a_failed_poll(client: Client, service: Faulty) -> None:
    failures = iter([Throttled("slow down"), KeyError("odd")])

    async def fail(step: Step, call_next: CallNext) -> Any:
        if step.kind == "poll" and (error := next(failures, None)):
            raise error
        return await call_next()

    execution = await start(client, act, 1)
    async with Worker(client, act, middleware=[fail]) as worker:
        await settle()
        assert worker.stats().activities["act"].failed_polls == 1
        assert await execution.wait(timeout=60) == 2


async def test_a_report_that_is_sent_again_is_one_step(client: Client, service: Faulty) -> None:
    log = Log()
    service.will("send_task_success", raises(Throttled("slow down")), raises(Throttled("slow down")))
    execution = await start(client, act, 1)
    async with Worker(client, act, middleware=[log]):
        assert await execution.wait(timeout=60) == 2
    assert log.said.count("before report") == 1


async def test_one_that_breaks_a_report_does_not_end_the_worker(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(step: Step, call_next: CallNext) -> Any:
        if step.kind == "report":
            raise KeyError("secret")
        return await call_next()

    execution = await start(client, act, 1, timeout_seconds=30)
    async with Worker(client, act, middleware=[fail]) as worker:
        await execution.wait(timeout=60, raise_on_failure=False)
        assert worker.stats().activities["act"].lost == 1
    assert "its end could not be reported: KeyError" in caplog.text
    assert "secret" not in caplog.text


class Odd(BaseException):
    """Such as what pytest.fail raises."""


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Odd()], ids=repr)
@pytest.mark.parametrize("kind", ["poll", "task", "report"])
async def test_what_would_end_the_workers_own_tasks_is_an_error_of_the_step_alone(
    client: Client, caplog: pytest.LogCaptureFixture, kind: str, error: BaseException
) -> None:
    errors = iter([error])

    async def interrupt(step: Step, call_next: CallNext) -> Any:
        if step.kind == kind and (found := next(errors, None)):
            raise found
        return await call_next()

    executions = [await start(client, act, number, timeout_seconds=30) for number in (1, 2)]
    async with Worker(client, act, max_tasks=1, middleware=[interrupt]) as worker:
        results = [await each.wait(timeout=60, raise_on_failure=False) for each in executions]
        assert worker.stats().activities["act"].open_polls == 1
    assert results == ([2, 4] if kind == "poll" else [None, 4])
    assert "AsfiniError" in caplog.text or kind == "task"


async def test_the_end_of_a_poll_by_the_worker_itself_is_none(local_client: Client) -> None:
    """A poll that is dropped is not followed by another one."""
    service = Faulty(local_client.service, ends_polls=False)
    client, kinds = Client(service), list[str]()

    async def watch(step: Step, call_next: CallNext) -> Any:
        kinds.append(step.kind)
        return await call_next()

    await client.register(act)
    async with Worker(client, act, middleware=[watch]):
        await settle()
    assert kinds == ["poll"]
