"""What an activity may have of a worker: slots, tasks per second, precedence over others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from faults import Faulty, answers, late, well
from jobs import start

from asfini import CallableActivity, Client, Worker
from asfini.errors import InvalidArgument
from asfini.worker import Limits

POLL = "get_activity_task"


def now() -> float:
    return asyncio.get_running_loop().time()


class Job:
    """An activity that notes when its tasks begin, and how many it does at once."""

    def __init__(self, name: str, begun: list[str], seconds: float = 0) -> None:
        self.begun = begun
        self.times: list[float] = []
        self.running = self.most = 0
        self.seconds = seconds
        self.activity = CallableActivity(name, self._work, heartbeat=None)

    async def _work(self) -> None:
        self.begun.append(self.activity.name)
        self.times.append(now())
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1


async def do_all(client: Client, jobs: Sequence[Job], count: int, **options: Any) -> float:
    """Have tasks of all jobs done by one worker; the time it takes."""
    executions = [await start(client, job.activity) for job in jobs for _ in range(count)]
    begin = now()
    async with Worker(client, [job.activity for job in jobs], **options):
        for execution in executions:
            await execution.wait(timeout=1e6)
        return now() - begin


class TestTasks:
    async def test_one_activity_may_have_fewer_tasks_than_others(self, client: Client) -> None:
        few, many = Job("few", [], 1), Job("many", [], 1)
        await do_all(client, [few, many], 20, max_tasks=10, limits={few.activity: Limits(max_tasks=2)})
        assert (few.most, many.most) == (2, 10)

    async def test_or_more_of_them_by_its_name(self, client: Client) -> None:
        job = Job("job", [], 1)
        await do_all(client, [job], 20, max_tasks=1, limits={"job": Limits(max_tasks=5)})
        assert job.most == 5

    async def test_or_fewer_polls(self, client: Client, service: Faulty) -> None:
        job, most = Job("job", [], 1), 0

        async def watch(hand_on: Any) -> Any:
            nonlocal most
            most = max(most, service.open(POLL))
            return await hand_on()

        service.always(POLL, watch)
        await do_all(client, [job], 20, limits={"job": Limits(max_polls=3)})
        assert most == 3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_tasks": 0}, "max_tasks is a positive whole number, not 0"),
            ({"max_polls": 1001}, "max_polls is at most 1000, which AWS allows, not 1001"),
            ({"tasks_per_second": 0}, "tasks_per_second is a positive number, not 0"),
            ({"priority": "high"}, "priority is a whole number, not 'high'"),
        ],
    )
    def test_limits_that_make_no_sense_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            Limits(**options)


class TestRates:
    @pytest.mark.parametrize("whose", ["activity", "worker"])
    @pytest.mark.parametrize("latency", [0, 0.03, 0.4])
    async def test_so_many_tasks_are_begun_in_a_second(
        self, client: Client, service: Faulty, whose: str, latency: float
    ) -> None:
        job = Job("job", [])
        service.always(POLL, late(latency) if latency else well)
        options: dict[str, Any] = {"tasks_per_second": 10}
        if whose == "activity":
            options = {"limits": {"job": Limits(tasks_per_second=10)}}
        assert await do_all(client, [job], 100, **options) == pytest.approx(9.9, abs=1.5)
        assert max(sum(time <= other < time + 1 for other in job.times) for time in job.times) <= 25

    async def test_it_may_be_less_than_one(self, client: Client) -> None:
        job = Job("job", [])
        await do_all(client, [job], 4, tasks_per_second=0.1)
        assert [time - job.times[0] for time in job.times] == pytest.approx([0, 10, 20, 30])

    async def test_all_slots_stay_in_use_under_it(self, client: Client) -> None:
        job = Job("job", [])
        assert await do_all(client, [job], 100, tasks_per_second=2, max_tasks=5) == pytest.approx(49.5, abs=1)

    async def test_the_workers_is_shared_by_its_activities(self, client: Client) -> None:
        jobs = [Job(name, []) for name in ("one", "two")]
        assert await do_all(client, jobs, 20, tasks_per_second=2) == pytest.approx(19.5, abs=1)

    async def test_an_activitys_own_holds_up_no_other(self, client: Client) -> None:
        slow, fast = Job("slow", []), Job("fast", [])
        await do_all(client, [slow, fast], 20, limits={slow.activity: Limits(tasks_per_second=1)})
        assert fast.times[-1] == fast.times[0]
        assert slow.times[-1] - slow.times[0] == pytest.approx(19)

    async def test_idle_activities_take_nothing_of_it(self, client: Client) -> None:
        idle = [Job(f"idle-{number}", []) for number in range(20)]
        await client.register(*(job.activity for job in idle))
        job = Job("job", [])
        executions = [await start(client, job.activity) for _ in range(10)]
        async with Worker(client, [job.activity, *(each.activity for each in idle)], tasks_per_second=1):
            for execution in executions:
                await execution.wait(timeout=1e6)
        assert job.times[-1] - job.times[0] == pytest.approx(9)

    async def test_what_was_not_used_is_not_saved_up(self, client: Client, service: Faulty) -> None:
        job = Job("job", [])
        async with Worker(client, job.activity, tasks_per_second=5):
            await client.register(job.activity)
            await asyncio.sleep(3600)
            for execution in [await start(client, job.activity) for _ in range(50)]:
                await execution.wait(timeout=1e6)
        assert job.times[-1] - job.times[0] >= 8

    async def test_a_worker_that_waits_for_its_rate_stops_at_once(self, client: Client) -> None:
        job = Job("job", [])
        for _ in range(5):
            await start(client, job.activity)
        async with Worker(client, job.activity, tasks_per_second=0.001):
            await asyncio.sleep(1)
            begin = now()
        assert now() == begin
        assert len(job.times) == 1


class TestPriorities:
    async def test_while_an_activity_has_tasks_those_with_less_priority_wait(self, client: Client) -> None:
        begun: list[str] = []
        low, high, other = (Job(name, begun) for name in ("low", "high", "other"))
        await do_all(
            client,
            [low, high, other],
            6,
            tasks_per_second=1,
            limits={"high": Limits(priority=1), "low": Limits(priority=-1)},
        )
        assert begun == ["low", *["high"] * 6, *["other"] * 6, *["low"] * 5]

    async def test_without_a_rate_too(self, client: Client, service: Faulty) -> None:
        begun: list[str] = []
        low, high = Job("low", begun, 0.1), Job("high", begun, 0.1)
        limits = {"high": Limits(priority=1, max_tasks=1), "low": Limits(max_tasks=1)}
        await do_all(client, [low, high], 20, limits=limits)
        assert begun[2:21] == ["high"] * 19

    async def test_an_idle_activity_holds_up_none(self, client: Client, service: Faulty) -> None:
        idle, low = Job("idle", []), Job("low", [], 1)
        await client.register(idle.activity)
        executions = [await start(client, low.activity) for _ in range(5)]
        limits = {"idle": Limits(priority=9), "low": Limits(max_tasks=1)}
        begin = now()
        async with Worker(client, [idle.activity, low.activity], limits=limits):
            for execution in executions:
                await execution.wait(timeout=1e6)
        assert now() - begin == pytest.approx(5)

    async def test_nor_does_one_whose_slots_are_taken_for_long(self, client: Client, service: Faulty) -> None:
        high, low = Job("high", [], 3600), Job("low", [], 1)
        executions = [await start(client, high.activity), await start(client, high.activity)]
        executions = [await start(client, low.activity) for _ in range(5)]
        limits = {"high": Limits(priority=9, max_tasks=1), "low": Limits(max_tasks=1)}
        begin = now()
        async with Worker(client, [high.activity, low.activity], limits=limits, grace=0):
            for execution in executions:
                await execution.wait(timeout=1e6)
            assert now() - begin <= 10

    async def test_polls_that_bring_nothing_give_way(self, client: Client, service: Faulty) -> None:
        """An answer without a task tells that none waits, however soon it comes."""
        high, low = Job("high", []), Job("low", [])
        await client.register(high.activity)
        execution = await start(client, low.activity)
        async with Worker(client, [high.activity], limits={"high": Limits(priority=9)}):
            service.always(POLL, answers({}))
            await asyncio.sleep(10)
        service.always(POLL, well)
        async with Worker(client, [high.activity, low.activity], limits={"high": Limits(priority=9)}):
            begin = now()
            await execution.wait(timeout=60)
        assert now() == begin
