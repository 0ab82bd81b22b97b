"""How a worker polls: with room for what comes, as often as there is work, and whatever goes wrong."""

import asyncio
from typing import Any

import pytest
from faults import Fault, Faulty, answers, hangs, late, raises, well
from jobs import do, settle, start

from asfini import CallableActivity, Client, Worker, local
from asfini.clock import virtual_time
from asfini.errors import (
    AccessDenied,
    ActivityDoesNotExist,
    ActivityWorkerLimitExceeded,
    ConnectionFailed,
    CredentialsInvalid,
    InvalidArgument,
    InvalidArn,
    ServiceClosed,
    ServiceError,
    Throttled,
)

POLL = "get_activity_task"


def now() -> float:
    return asyncio.get_running_loop().time()


class Job:
    """An activity whose tasks take a while, and how many were done at once."""

    def __init__(self, name: str = "job", seconds: float = 10) -> None:
        self.running = self.most = self.done = 0
        self.seconds = seconds
        self.activity = CallableActivity(name, self._work, heartbeat=None)

    async def _work(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        self.done += 1


class Odd(BaseException):
    """Such as what pytest.fail raises."""


def endless(seconds: float) -> Fault:
    """Each poll brings a task that nobody knows of, after a while."""

    async def fault(_: Any) -> Any:
        await asyncio.sleep(seconds)
        return {"taskToken": "unknown", "input": "null"}

    return fault


class TestSlots:
    @pytest.mark.parametrize("max_tasks", [1, 2, 7])
    async def test_no_more_tasks_are_taken_than_are_done_at_once(
        self, client: Client, service: Faulty, max_tasks: int
    ) -> None:
        job = Job()
        executions = [await start(client, job.activity) for _ in range(20)]
        async with Worker(client, job.activity, max_tasks=max_tasks):
            await settle()
            events = [event.type for each in executions async for event in each.history()]
            assert events.count("ActivityStarted") == job.running == max_tasks
            assert service.open(POLL) == 0
            for each in executions:
                await each.wait(timeout=1e6)
        assert job.most == max_tasks

    async def test_an_activity_that_is_busy_or_idle_holds_up_no_other(
        self, client: Client, service: Faulty
    ) -> None:
        busy, idle, other = Job("busy", 3600), Job("idle"), Job("other", 1)
        await client.register(idle.activity)
        for _ in range(5):
            await start(client, busy.activity)
        executions = [await start(client, other.activity) for _ in range(5)]
        begin = now()
        async with Worker(client, [busy.activity, idle.activity, other.activity], max_tasks=1, grace=0):
            for each in executions:
                await each.wait(timeout=60)
            assert now() - begin == pytest.approx(5)
        assert (busy.most, other.done) == (1, 5)

    async def test_a_failed_poll_frees_its_slot(self, client: Client, service: Faulty) -> None:
        service.will(
            POLL, *[raises(Throttled("slow down"))] * 3, answers(None), answers({}), answers({"taskToken": 7})
        )
        assert await do(client, CallableActivity("echo", lambda given: given), 1, max_tasks=1) == 1

    async def test_polls_that_brought_nothing_or_failed_leave_no_room_for_more(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        await client.register(job.activity)
        service.will(POLL, *[answers({})] * 5, *[raises(ConnectionFailed("no"))] * 5)
        async with Worker(client, job.activity, max_tasks=3, grace=0):
            await asyncio.sleep(600)
            for _ in range(20):
                await start(client, job.activity)
            await asyncio.sleep(25)
        assert job.most == 3


class TestGrowth:
    @pytest.fixture
    def local_client_options(self) -> dict[str, Any]:
        return {"poll_seconds": 60}

    async def test_polls_grow_under_load_up_to_max_polls_and_shrink_to_one(
        self, client: Client, service: Faulty
    ) -> None:
        job, most = Job(seconds=1), 0

        async def watch(hand_on: Any) -> Any:
            nonlocal most
            most = max(most, service.open(POLL))
            return await hand_on()

        service.always(POLL, watch)
        await client.register(job.activity)
        async with Worker(client, job.activity, max_polls=4):
            await settle()
            assert service.open(POLL) == 1
            executions = [await start(client, job.activity) for _ in range(50)]
            for each in executions:
                await each.wait(timeout=60)
            assert service.open(POLL) == most == 4
            await asyncio.sleep(125)
            assert service.open(POLL) == 1
            await asyncio.sleep(86_400)
            assert service.open(POLL) == 1
            assert await (await start(client, job.activity)).wait(timeout=60) is None

    async def test_an_idle_activity_is_polled_once_a_minute(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        async with Worker(client, job.activity):
            await asyncio.sleep(3590)
        assert len(service.of(POLL)) == 60

    async def test_there_is_no_second_poll_without_a_second_slot(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job()
        for _ in range(3):
            await start(client, job.activity)
        async with Worker(client, job.activity, max_tasks=1, max_polls=10):
            for _ in range(100):
                assert service.open(POLL) + job.running <= 1
                await asyncio.sleep(1)
        assert job.done == 3

    async def test_they_double_with_every_answer_until_no_slot_is_free(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job(seconds=5)
        for _ in range(300):
            await start(client, job.activity)
        service.always(POLL, late(0.1))
        found = []
        async with Worker(client, job.activity, grace=0):
            for _ in range(9):
                await settle()
                found.append(service.open(POLL))
                await asyncio.sleep(0.1)
        assert found == [1, 2, 4, 8, 16, 32, 37, 0, 0]  # 100 slots, of which 63 are taken by then

    async def test_there_are_at_most_as_many_as_aws_allows(self, client: Client, service: Faulty) -> None:
        job = Job(seconds=0)
        await client.register(job.activity)
        service.always(POLL, endless(0.1))
        async with Worker(client, job.activity, max_tasks=5000, grace=0) as worker:
            most = 0
            for _ in range(15):
                await asyncio.sleep(0.1)
                most = max(most, worker.stats().activities["job"].open_polls)
            service.always(POLL, answers({}))
        assert most == 1000

    async def test_they_halve_with_every_minute_that_brings_nothing(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job(seconds=0)
        await client.register(job.activity)
        service.always(POLL, endless(0.1))
        async with Worker(client, job.activity, max_tasks=64) as worker:
            await asyncio.sleep(2)
            service.always(POLL, well)
            found = []
            for _ in range(10):
                await asyncio.sleep(60)
                found.append(worker.stats().activities["job"].open_polls)
        assert found == [64, 32, 16, 8, 4, 2, 1, 1, 1, 1]

    async def test_tasks_that_come_now_and_then_need_no_second_poll(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job(seconds=0)
        await client.register(job.activity)
        async with Worker(client, job.activity) as worker:
            for _ in range(100):
                await asyncio.sleep(10)
                await (await start(client, job.activity)).wait(timeout=60)
                assert worker.stats().activities["job"].open_polls <= 1

    @pytest.mark.parametrize("error", [Throttled("slow down"), ActivityWorkerLimitExceeded("too many")])
    async def test_fewer_are_sent_when_the_service_has_too_many(
        self, client: Client, service: Faulty, error: ServiceError
    ) -> None:
        job = Job(seconds=0)
        await client.register(job.activity)
        service.always(POLL, endless(0.1))
        async with Worker(client, job.activity, max_tasks=64) as worker:
            await asyncio.sleep(2)
            service.will(POLL, *[raises(error)] * 64)
            await asyncio.sleep(5)
            assert worker.stats().activities["job"].open_polls == 32


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            Throttled("slow down"),
            ConnectionFailed("no"),
            CredentialsInvalid("expired"),
            ActivityWorkerLimitExceeded("too many"),
            InvalidArn("odd"),
            ServiceError("odd", code="InternalFailure"),
            InvalidArgument("the connection is closed"),
            KeyError("odd"),
            TimeoutError(),
            ExceptionGroup("odd", [ValueError()]),
            asyncio.CancelledError(),
            StopAsyncIteration(),
            Odd(),
        ],
        ids=repr,
    )
    async def test_a_poll_that_fails_is_followed_by_another(
        self, client: Client, service: Faulty, error: BaseException
    ) -> None:
        service.will(POLL, *[raises(error)] * 5)
        assert await do(client, CallableActivity("echo", lambda given: given), 1) == 1
        assert len(service.of(POLL)) >= 6

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            "text",
            7,
            [],
            {},
            {"taskToken": None},
            {"taskToken": ""},
            {"taskToken": 7, "input": "1"},
            {"input": "{}"},
        ],
        ids=repr,
    )
    async def test_so_is_one_that_is_answered_with_nonsense(
        self, client: Client, service: Faulty, answer: Any
    ) -> None:
        service.will(POLL, *[answers(answer)] * 5)
        assert await do(client, CallableActivity("echo", lambda given: given), 1) == 1

    async def test_polls_that_keep_failing_become_rarer(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        service.always(POLL, raises(Throttled("slow down")))
        async with Worker(client, job.activity):
            await asyncio.sleep(3600)
        assert 120 <= len(service.of(POLL)) <= 260
        times = [call.at for call in service.of(POLL)]
        assert times[1] - times[0] <= 1
        assert 15 <= times[-1] - times[-2] <= 30

    async def test_and_after_one_that_does_not_fail_come_soon_again(
        self, client: Client, service: Faulty
    ) -> None:
        job = Job(seconds=0)
        failing = [raises(Throttled("slow down"))] * 20
        service.will(POLL, *failing)
        execution = await start(client, job.activity)
        async with Worker(client, job.activity):
            await execution.wait(timeout=1e6)
            service.will(POLL, raises(Throttled("slow down")))
            await settle()
            await (await start(client, job.activity)).wait(timeout=1e6)
            execution, begin = await start(client, job.activity), now()
            await execution.wait(timeout=1e6)
            assert now() - begin <= 2

    async def test_one_that_finds_nothing_is_answered_as_well(self, client: Client, service: Faulty) -> None:
        job = Job()
        await client.register(job.activity)
        failing = raises(Throttled("slow down"))
        service.will(POLL, *[failing] * 8, answers({}), failing, hangs)
        async with Worker(client, job.activity, grace=0):
            await asyncio.sleep(300)
            times = [call.at for call in service.of(POLL)]
            assert times[8] - times[7] >= 15
            assert times[10] - times[9] <= 1

    @pytest.mark.parametrize("answer", [None, {}, {"taskToken": None}])
    async def test_empty_answers_at_once_are_not_asked_for_without_a_pause(
        self, client: Client, service: Faulty, answer: Any
    ) -> None:
        job = Job()
        await client.register(job.activity)
        service.always(POLL, answers(answer))
        async with Worker(client, job.activity):
            await asyncio.sleep(3600)
        assert len(service.of(POLL)) <= 7300

    @pytest.mark.parametrize("kind", [AccessDenied, ActivityDoesNotExist, ServiceClosed])
    async def test_one_that_no_poll_can_mend_ends_the_block_with_that_error(
        self, client: Client, service: Faulty, kind: type[Exception]
    ) -> None:
        job = Job()
        await client.register(job.activity)
        service.will(POLL, raises(kind("no, and never")))
        with pytest.raises(kind, match="no, and never") as raised:
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)
        assert now() - service.calls[-1].at == 0
        assert raised.value.__cause__ is None

    async def test_so_does_an_activity_that_is_deleted_after_all_tasks_are_done(
        self, client: Client, service: Faulty
    ) -> None:
        deleted, other = Job("deleted", 5), Job("other", 10)
        executions = [await start(client, job.activity) for job in (deleted, other) for _ in range(3)]

        async def work() -> None:
            async with Worker(client, [deleted.activity, other.activity]):
                await asyncio.sleep(1)
                await client.deregister(deleted.activity)
                await asyncio.sleep(3600)

        begin = now()
        with pytest.raises(ActivityDoesNotExist, match="activity:deleted"):
            await work()
        assert now() - begin == pytest.approx(10)
        assert (deleted.done, other.done) == (3, 3)
        assert {await each.status() for each in executions} == {"SUCCEEDED"}

    async def test_other_polls_of_an_activity_that_may_not_be_polled_still_bring_their_tasks(
        self, local_client: Client
    ) -> None:
        service = Faulty(local_client.service, ends_polls=False)
        client, job = Client(service), Job(seconds=1)
        execution = await start(client, job.activity)
        denied = asyncio.Event()

        async def late_task(hand_on: Any) -> Any:
            await denied.wait()
            return await hand_on()

        async def denial(hand_on: Any) -> Any:
            second = await start(local_client, job.activity)
            executions.append(second)
            denied.set()
            raise AccessDenied("no more")

        executions = [execution]
        service.will(POLL, well, late_task, denial)
        with pytest.raises(AccessDenied):
            async with Worker(client, job.activity):
                await asyncio.sleep(3600)
        assert {await each.status() for each in executions} == {"SUCCEEDED"}

    async def test_one_that_comes_when_the_worker_ends_anyway_is_no_error(self, local_client: Client) -> None:
        service = Faulty(local_client.service, ends_polls=False)
        client, job = Client(service), Job()
        await client.register(job.activity)
        async with Worker(client, job.activity) as worker:
            await settle()
            worker.end()
            await client.deregister(job.activity)

    async def test_a_poll_that_never_ends_holds_up_no_other_activity(
        self, client: Client, service: Faulty
    ) -> None:
        stuck, other = Job("stuck"), Job("other")
        await client.register(stuck.activity)
        service.will(POLL, hangs)
        execution = await start(client, other.activity)
        async with Worker(client, [stuck.activity, other.activity]):
            await execution.wait(timeout=60)

    async def test_a_client_that_is_closed_ends_the_worker_with_that_error(self) -> None:
        job = Job()
        with virtual_time():
            async with local.connect() as client:
                await client.register(job.activity)
                worker = Worker(client, job.activity)
                await worker.start()
                await settle()
            async with asyncio.timeout(60):
                with pytest.raises(ServiceClosed, match="the local service is closed"):
                    await worker.join()
