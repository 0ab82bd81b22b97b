"""How a worker ends: polls, tasks in work, tasks that still come, and whoever has no time."""

import asyncio
import contextlib
import math
import threading
from typing import Any

import anyio
import pytest
from faults import Faulty, hangs, raises
from jobs import machine_of, settle, start

from asfini import CallableActivity, Client, Execution, ServiceWrapper, Worker, current_task
from asfini.errors import ConnectionFailed, ExecutionFailed, Throttled

POLL = "get_activity_task"


def now() -> float:
    return asyncio.get_running_loop().time()


class Job:
    """An activity whose tasks take as many seconds as their input says."""

    def __init__(self, name: str = "job") -> None:
        self.running = 0
        self.done: list[float] = []
        self.cancelled: list[float] = []
        self.activity = CallableActivity(name, self._work, heartbeat=None)

    async def _work(self, seconds: float) -> float:
        self.running += 1
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.append(seconds)
            raise
        finally:
            self.running -= 1
        self.done.append(seconds)
        return seconds


async def error_of(execution: Execution) -> str | None:
    with pytest.raises(ExecutionFailed) as failed:
        await execution.wait(timeout=1e6)
    return failed.value.error


class TestDraining:
    async def test_tasks_in_work_finish_within_grace(self, client: Client) -> None:
        job = Job()
        executions = [await start(client, job.activity, seconds) for seconds in (1, 20, 29)]
        begin = now()
        async with Worker(client, job.activity, grace=30):
            await settle()
        assert now() - begin == pytest.approx(29)
        assert [await each.output() for each in executions] == [1, 20, 29]

    async def test_after_grace_they_are_cancelled_and_reported_as_worker_cancel(self, client: Client) -> None:
        job = Job()
        short, long = [await start(client, job.activity, seconds) for seconds in (5, 500)]
        begin = now()
        async with Worker(client, job.activity, grace=30):
            await settle()
        assert now() - begin == pytest.approx(30)
        assert (job.done, job.cancelled) == ([5], [500])
        assert await short.output() == 5
        assert await error_of(long) == "WorkerCancel"

    async def test_a_retry_can_match_worker_cancel(self, client: Client) -> None:
        job = Job()
        machine = machine_of(job.activity)
        machine.definition.states["do it"].retry_for(["WorkerCancel"], interval_seconds=1)
        await client.register(job.activity, machine)
        execution = await client.start_execution(machine, 100)
        async with Worker(client, job.activity, grace=1):
            await settle()
        async with Worker(client, job.activity, grace=1):
            assert await execution.wait(timeout=1e6) == 100

    @pytest.mark.parametrize("grace", [0, 0.5, math.inf])
    async def test_grace_may_be_nothing_or_endless(self, client: Client, grace: float) -> None:
        job = Job()
        execution = await start(client, job.activity, 86_400)
        begin = now()
        async with Worker(client, job.activity, grace=grace):
            await settle()
        assert now() - begin == pytest.approx(min(grace, 86_400))
        if grace == math.inf:
            assert await execution.output() == 86_400
        else:
            assert await error_of(execution) == "WorkerCancel"

    async def test_virtual_time_does_not_jump_to_the_end_of_endless_grace(self, client: Client) -> None:
        loop, go = asyncio.get_running_loop(), asyncio.Event()

        async def work() -> None:
            await go.wait()

        def compute_and_go() -> None:  # in a thread that nobody knows of
            sum(range(1_000_000))
            loop.call_soon_threadsafe(go.set)

        activity = CallableActivity("work", work, heartbeat=None)
        await start(client, activity)
        begin = now()
        async with Worker(client, activity, grace=math.inf) as worker:
            await settle()
            worker.end()
            await settle()
            elsewhere = threading.Thread(target=compute_and_go)
            elsewhere.start()
        elsewhere.join()
        assert now() - begin < 100

    async def test_an_idle_worker_ends_at_once(self, client: Client) -> None:
        job = Job()
        await client.register(job.activity)
        begin = now()
        async with Worker(client, job.activity):
            await asyncio.sleep(1)
        assert now() - begin == pytest.approx(1)

    async def test_so_does_one_that_pauses_after_failed_polls(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        service.always(POLL, raises(Throttled("slow down")))
        begin = now()
        async with Worker(client, job.activity):
            await asyncio.sleep(1000)
        assert now() - begin == pytest.approx(1000)

    async def test_heartbeats_go_on_until_the_end(self, client: Client, service: Faulty) -> None:
        async def work() -> str:
            await asyncio.sleep(100)
            return "done"

        activity = CallableActivity("work", work, heartbeat=20)
        execution = await start(client, activity)
        async with Worker(client, activity, grace=200):
            await settle()
        assert await execution.output() == "done"
        assert len(service.of("send_task_heartbeat")) >= 4

    async def test_functions_are_told_when_grace_is_over(self, client: Client) -> None:
        told: list[tuple[float, bool]] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                told.append((now() - begin, current_task().cancelled))

        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def work_in_a_thread() -> None:
            task = current_task()
            while not task.cancelled:
                pass
            told.append((-1, task.cancelled))
            loop.call_soon_threadsafe(ended.set)

        for function in (work, work_in_a_thread):
            activity = CallableActivity("work", function, heartbeat=None)
            execution, begin = await start(client, activity), now()
            async with Worker(client, activity, grace=0.1):
                await settle()
            assert await error_of(execution) == "WorkerCancel"
        await ended.wait()
        assert told == [(pytest.approx(0.1), True), (-1, True)]

    async def test_a_function_may_still_finish_what_was_cancelled(self, client: Client) -> None:
        async def stubborn() -> str:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
            return "all the same"

        activity = CallableActivity("stubborn", stubborn)
        execution = await start(client, activity)
        async with Worker(client, activity, grace=1):
            await settle()
        assert await execution.output() == "all the same"

    async def test_one_that_is_never_done_does_not_hold_up_the_end(self, client: Client) -> None:
        freed = asyncio.Event()

        async def stubborn() -> str:
            while not freed.is_set():
                try:
                    await freed.wait()
                except asyncio.CancelledError:
                    continue
            return "too late"

        activity = CallableActivity("stubborn", stubborn, heartbeat=None)
        execution = await start(client, activity)
        begin = now()
        async with Worker(client, activity, grace=10):
            await settle()
        assert now() - begin <= 20
        assert await error_of(execution) == "WorkerCancel"
        freed.set()
        await settle()

    async def test_each_is_reported_once_however_long_others_take_to_end(
        self, client: Client, service: Faulty
    ) -> None:
        async def work(seconds: float) -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(seconds)

        working = CallableActivity("work", work, heartbeat=None)
        for seconds in (0, 10):
            await start(client, working, seconds)
        begin = now()
        async with Worker(client, working, grace=0) as worker:
            await settle()
        assert now() - begin == pytest.approx(5)
        assert len(service.of("send_task_success")) == len(service.of("send_task_failure")) == 1
        stats = worker.stats().activities["work"]
        assert (stats.tasks, stats.done, stats.failed, stats.lost) == (0, 1, 1, 0)

    async def test_an_error_from_cleaning_up_is_worker_cancel_too(self, client: Client) -> None:
        async def messy() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                raise KeyError("messy")

        activity = CallableActivity("messy", messy)
        execution = await start(client, activity)
        async with Worker(client, activity, grace=1):
            await settle()
        assert await error_of(execution) == "WorkerCancel"

    async def test_a_thread_is_not_waited_for_after_grace(self, client: Client) -> None:
        begun, go = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def block() -> None:
            loop.call_soon_threadsafe(begun.set)
            go.wait(60)

        activity = CallableActivity("block", block, heartbeat=None)
        execution = await start(client, activity)
        async with Worker(client, activity, grace=0):
            await begun.wait()
        assert await error_of(execution) == "WorkerCancel"
        go.set()

    async def test_the_failure_is_reported_though_the_service_is_shaky(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        execution = await start(client, job.activity, 3600)
        service.will("send_task_failure", *[raises(ConnectionFailed("no"))] * 4)
        async with Worker(client, job.activity, grace=1):
            await settle()
        assert await error_of(execution) == "WorkerCancel"

    async def test_a_report_without_an_answer_is_sent_again(self, client: Client, service: Faulty) -> None:
        job = Job()
        execution = await start(client, job.activity, 1)
        service.will("send_task_success", hangs, hangs)
        async with Worker(client, job.activity):
            await settle()
        assert await execution.output() == 1
        assert len(service.of("send_task_success")) == 3

    async def test_where_no_report_is_answered_the_worker_ends_all_the_same(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        await start(client, job.activity, 1)
        service.always("send_task_success", hangs)
        begin = now()
        async with Worker(client, job.activity) as worker:
            await settle()
        assert now() - begin <= 600
        assert worker.stats().activities["job"].lost == 1


class TestOpenPolls:
    """As on AWS, where a poll that is dropped may take a task with it."""

    @pytest.fixture
    def local_client_options(self) -> dict[str, Any]:
        return {"poll_seconds": 60}

    @pytest.fixture
    def service(self, local_client: Client) -> Faulty:
        return Faulty(local_client.service, ends_polls=False)

    async def test_they_are_let_end(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        begin = now()
        async with Worker(client, job.activity, grace=5):
            await asyncio.sleep(10)
        assert now() - begin == pytest.approx(60)
        assert len(service.of(POLL)) == 1

    async def test_a_task_that_comes_while_the_worker_stops_is_done(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        await client.register(job.activity)
        async with asyncio.TaskGroup() as group, Worker(client, job.activity, grace=30):
            await asyncio.sleep(10)
            coming = group.create_task(self.start_after(client, job, 5, 20))
        assert await coming.result().wait(timeout=60) == 20
        assert len(service.of(POLL)) == 1

    async def test_one_that_comes_after_grace_is_given_back_at_once(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        await client.register(job.activity)
        async with asyncio.TaskGroup() as group, Worker(client, job.activity, grace=5):
            await asyncio.sleep(10)
            coming = group.create_task(self.start_after(client, job, 20, 20))
        assert await error_of(coming.result()) == "WorkerCancel"
        assert (job.done, job.cancelled) == ([], [])

    async def test_it_is_given_back_at_once_where_that_is_the_policy(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        before = await start(client, job.activity, 25)
        async with asyncio.TaskGroup() as group, Worker(client, job.activity, late="hand_back"):
            await asyncio.sleep(10)
            coming = group.create_task(self.start_after(client, job, 5, 0))
        assert await error_of(coming.result()) == "WorkerCancel"
        events = [event async for event in coming.result().history()]
        assert (events[-1].timestamp - events[0].timestamp).total_seconds() == 0
        assert (await before.output(), job.done, job.cancelled) == (25, [25], [])

    async def start_after(self, client: Client, job: Job, seconds: float, given: float) -> Execution:
        await asyncio.sleep(seconds)
        return await start(client, job.activity, given)

    async def test_none_is_sent_by_who_waits_for_a_slot_when_one_gets_free(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        executions = [await start(client, job.activity, 10) for _ in range(2)]
        begin = now()
        async with Worker(client, job.activity, max_tasks=1):
            await settle()
        assert now() - begin == pytest.approx(10)
        assert len(service.of(POLL)) == 1
        assert [await each.status() for each in executions] == ["SUCCEEDED", "RUNNING"]

    async def test_one_that_never_ends_is_dropped_in_the_end(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        service.always(POLL, hangs)
        for grace in (0, 30, 3600, math.inf):
            begin = now()
            async with Worker(client, job.activity, grace=grace):
                await settle()
            assert now() - begin == pytest.approx(75)


class Recorder(ServiceWrapper):
    """Takes its time over each call, before it is handed on and after."""

    async def call(self, operation: str, /, **parameters: Any) -> Any:
        await asyncio.sleep(0.3)
        answer = await super().call(operation, **parameters)
        await asyncio.sleep(0.3)
        return answer


class TestPollsOfASlowWrapper:
    @pytest.mark.parametrize("moment", [0, 0.1, 0.3, 0.5, 0.6, 0.9])
    async def test_no_task_gets_lost_whenever_the_worker_stops(
        self, local_client: Client, moment: float
    ) -> None:
        job = Job()
        await local_client.register(job.activity, machine_of(job.activity))
        async with Worker(Client(Recorder(local_client.service)), job.activity):
            await asyncio.sleep(0.4)
            execution = await local_client.start_execution(machine_of(job.activity), 0)
            await asyncio.sleep(moment)
        async with Worker(local_client, job.activity):
            assert await execution.wait(timeout=60) == 0

    @pytest.mark.parametrize("moment", [0, 0.1, 0.3, 0.5])
    async def test_and_it_stops_soon(self, local_client: Client, moment: float) -> None:
        job = Job()
        await local_client.register(job.activity)
        async with Worker(Client(Recorder(local_client.service)), job.activity):
            await asyncio.sleep(moment)
            begin = now()
        assert now() - begin <= 2

    async def test_polls_that_cannot_be_ended_are_waited_for(
        self, local_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Unkind(ServiceWrapper):
            async def end_polls(self, worker_name: str) -> None:
                raise KeyError(worker_name)

        job = Job()
        await local_client.register(job.activity)
        begin = now()
        async with Worker(Client(Unkind(local_client.service)), job.activity):
            await settle()
        assert now() - begin == pytest.approx(75)
        assert "open polls could not be ended: KeyError" in caplog.text


class TestEndedPolls:
    async def test_no_task_gets_lost_whenever_the_worker_stops(self, client: Client) -> None:
        """The poll is woken and cancelled in the same moment."""
        job = Job()
        await client.register(job.activity)
        for moment in range(30):
            async with Worker(client, job.activity) as worker:
                await settle()
                execution = await start(client, job.activity, 0)
                for _ in range(moment):
                    await asyncio.sleep(0)
                worker.end()
            if [event async for event in execution.history() if event.type == "ActivityStarted"]:
                assert await execution.output() == 0
            else:
                await execution.stop()

    async def test_nor_at_the_very_end(self, client: Client, service: Faulty) -> None:
        """The same, but after the worker's time is up."""
        job = Job()
        await client.register(job.activity)
        for moment in range(30):
            async with Worker(client, job.activity, grace=0) as worker:
                await settle()
                execution = await start(client, job.activity, 3600)
                for _ in range(moment):
                    await asyncio.sleep(0)
                worker.end()
            if [event async for event in execution.history() if event.type == "ActivityStarted"]:
                assert await error_of(execution) == "WorkerCancel"
            else:
                await execution.stop()


class TestCancellation:
    async def test_a_block_that_is_cancelled_drains_and_stays_cancelled(self, client: Client) -> None:
        job = Job()
        execution = await start(client, job.activity, 20)

        async def work() -> None:
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)

        task = asyncio.create_task(work())
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert await execution.output() == 20

    @pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
    async def test_a_deadline_around_the_block_drains_it(self, client: Client, limit: Any) -> None:
        job = Job()
        execution = await start(client, job.activity, 20)

        async def work() -> None:
            async with contextlib.AsyncExitStack() as stack:
                if limit is asyncio.timeout:
                    await stack.enter_async_context(limit(10))
                else:
                    stack.enter_context(limit(10))
                await stack.enter_async_context(Worker(client, job.activity))
                await asyncio.sleep(3600)

        begin = now()
        with pytest.raises(TimeoutError):
            await work()
        assert now() - begin == pytest.approx(20)
        assert await execution.output() == 20

    async def test_cancelling_once_more_leaves_no_time(self, client: Client) -> None:
        job = Job()
        execution = await start(client, job.activity, 20)

        async def work() -> None:
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)

        begin = now()
        task = asyncio.create_task(work())
        for _ in range(2):
            await settle()
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() == begin
        assert await error_of(execution) == "WorkerCancel"

    async def test_it_leaves_little_to_reports_that_are_not_answered(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = Job()
        await start(client, job.activity, 20)
        service.always("send_task_failure", hangs)

        async def work() -> None:
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)

        begin = now()
        task = asyncio.create_task(work())
        for _ in range(2):
            await settle()
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() - begin == pytest.approx(30)
        assert "the worker ends, though reports" in caplog.text

    async def test_it_drops_polls_that_are_open(self, local_client: Client) -> None:
        client = Client(Faulty(local_client.service, ends_polls=False))
        job = Job()
        await client.register(job.activity)

        async def work() -> None:
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)

        begin = now()
        task = asyncio.create_task(work())
        for _ in range(2):
            await settle()
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() == begin

    async def test_a_program_that_ends_without_stopping_gives_its_tasks_back(self, client: Client) -> None:
        """As asyncio.run does at its end: all tasks are cancelled at once."""
        job = Job()
        execution = await start(client, job.activity, 3600)
        before = asyncio.all_tasks()
        worker = Worker(client, job.activity)
        await worker.start()
        await settle()
        ours = [task for task in asyncio.all_tasks() - before if "executions" not in repr(task)]
        for task in ours:
            task.cancel()
        await asyncio.wait(ours)
        assert await error_of(execution) == "WorkerCancel"
