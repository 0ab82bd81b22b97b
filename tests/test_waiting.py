"""Waiting for many executions at a service that has to be asked, behind AWS's quotas."""

import asyncio
import gc
import logging
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from faults import Faulty, answers, hangs, late, lost, raises, well

from asfini import (
    Client,
    Execution,
    ExecutionAborted,
    ExecutionFailed,
    Fail,
    InvalidArgument,
    NumericLessThan,
    Pass,
    Service,
    StateMachine,
    Wait,
    as_completed,
    construct_state_machine,
    local,
    wait_all,
)
from asfini._arns import Account
from asfini._budget import MAX_OPEN, Budget
from asfini._quotas import Quota
from asfini.aws import AwsService, AWSSession
from asfini.errors import (
    AccessDenied,
    ConnectionFailed,
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionOutputInvalid,
    InvalidToken,
    StateMachineDoesNotExist,
    Throttled,
)
from asfini.service import ServiceWrapper
from asfini.testing import ThrottledService, virtual_time

DESCRIBE, LIST, HISTORY = "describe_execution", "list_executions", "get_execution_history"
START, STOP = "start_execution", "stop_execution"


class Distant(Faulty):
    """The local service as it would be at AWS: behind quotas, and silent about what changes."""

    changed = Service.changed

    def __init__(self, inner: Service, quotas: Any = "aws") -> None:
        super().__init__(ThrottledService(inner, quotas))
        self.tells_changes = False
        self.throttled: Counter[str] = Counter()

    async def call(self, operation: str, /, **parameters: Any) -> Any:
        try:
            return await super().call(operation, **parameters)
        except Throttled:
            self.throttled[operation] += 1
            raise


@pytest.fixture
def service(local_client: Client) -> Distant:
    return Distant(local_client.service)


@pytest.fixture
def client(service: Distant) -> Client:
    return Client(service)


def now() -> float:
    return asyncio.get_running_loop().time()


def waiting(name: str = "waiting") -> StateMachine:
    """Waits for as many seconds as its input says, and gives its input; 13 is bad luck."""
    from asfini import Choice, Succeed

    wait, lucky = Wait("wait", seconds_path="$.seconds"), Choice("lucky")
    wait >> lucky
    lucky.add(NumericLessThan("$.luck", 0), Fail("fail", error="Unlucky", cause="13"))
    lucky.set_default(Succeed("done"))
    return construct_state_machine(name, wait)


def given(seconds: int, luck: int = 1) -> dict[str, int]:
    return {"seconds": seconds, "luck": luck}


def tasks() -> set[Any]:
    """All tasks, but for those that run executions."""
    return {task for task in asyncio.all_tasks() if "Runner" not in repr(task)}


async def started(client: Client, seconds: Iterable[int], machine: str = "waiting") -> list[Execution]:
    """Executions that others started, which take so many seconds each."""
    await client.register(waiting(machine))
    arns = [(await client.start_execution(machine, given(each))).arn for each in seconds]
    return [client.execution(arn) for arn in arns]


async def lag(execution: Execution, seconds: float) -> float:
    """The time from an execution's end until somebody who waits knows."""
    begin = now()
    await execution.wait()
    return now() - begin - seconds


async def lags(executions: list[Execution], seconds: Iterable[float]) -> list[float]:
    return await asyncio.gather(*map(lag, executions, seconds))


class TestBudget:
    async def test_who_is_cancelled_while_others_are_served_holds_up_nobody(
        self, local_client: Client
    ) -> None:
        budget = Budget(Quota(1, 0.1), 1)
        await budget.take(0)
        begin = now()
        first, second = (asyncio.create_task(budget.take(number)) for number in range(2))
        await anyio.lowlevel.checkpoint()
        first.cancel()
        budget.release()  # nobody noticed yet that the first has gone
        await second
        assert now() - begin == pytest.approx(10)

    async def test_who_is_cancelled_with_a_turn_hands_it_on(self, local_client: Client) -> None:
        budget = Budget(Quota(100, 0.1), 1)
        for _ in range(MAX_OPEN):
            await budget.take(0)
        begin = now()
        first, second = (asyncio.create_task(budget.take(number)) for number in range(2))
        await anyio.lowlevel.checkpoint()
        budget.release()
        first.cancel()
        await second
        assert (first.cancelled(), now()) == (True, begin)

    async def test_who_was_due_first_comes_first(self, local_client: Client) -> None:
        budget, order = Budget(Quota(1, 1), 1), []

        async def take(due: float) -> None:
            await budget.take(due)
            order.append(due)

        await asyncio.gather(*map(take, [5, 3, 4, 1, 2]))
        assert order == [5, 1, 2, 3, 4], "the first found a token"

    async def test_the_last_who_is_cancelled_leaves_nothing(self, local_client: Client) -> None:
        budget = Budget(Quota(1, 0.1), 1)
        await budget.take(0)
        waits = [asyncio.create_task(budget.take(number)) for number in range(100)]
        await anyio.lowlevel.checkpoint()
        for wait in waits:
            wait.cancel()
        budget.release()
        await asyncio.wait(waits)
        assert (budget._queue, budget._waiting, budget._timer) == ([], 0, None)

    async def test_it_halves_when_throttled_and_grows_back(self, local_client: Client) -> None:
        budget = Budget(Quota(10, 10), 1)
        assert budget.price(1) == pytest.approx(0.1)
        for _ in range(3):
            budget.throttled(now())
        assert budget.price(1) == pytest.approx(0.2), "what was sent before says nothing new"
        await anyio.sleep(1)
        budget.throttled(now())
        assert budget.price(1) == pytest.approx(0.4)
        for _ in range(200):
            budget.let_through()
        assert budget.price(1) == pytest.approx(0.1)


class TestQuotas:
    async def test_a_thousand_are_waited_for_without_throttling_and_noticed_soon(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        seconds = [30 + number % 90 for number in range(1000)]
        late_by = await lags(
            [client.execution(each.arn) for each in await started(local_client, seconds)], seconds
        )
        assert service.throttled == {}
        assert statistics.median(late_by) <= 1
        assert max(late_by) <= 5
        polling = sum(seconds) / 3
        assert len(service.calls) <= polling / 20

    async def test_each_gets_its_own_output(self, client: Client, local_client: Client) -> None:
        executions = await started(local_client, range(1, 301))
        outputs = await wait_all([client.execution(each.arn) for each in executions])
        assert outputs == [given(seconds) for seconds in range(1, 301)]

    @pytest.mark.parametrize(
        ("share", "region", "quotas"),
        [
            (0.8, "us-east-1", {DESCRIBE: (241, 12), LIST: (161, 4), HISTORY: (321, 16)}),
            (0.1, "us-east-1", {DESCRIBE: (31, 1.5), LIST: (21, 0.5), HISTORY: (41, 2)}),
            (0.8, "eu-north-1", {DESCRIBE: (201, 8), LIST: (81, 1.6), HISTORY: (321, 16)}),
        ],
    )
    async def test_no_more_is_asked_than_the_share_of_the_regions_quotas(
        self, share: float, region: str, quotas: Any
    ) -> None:
        with virtual_time():
            async with local.connect(region=region) as local_client:
                service = Distant(local_client.service, quotas)
                service.quota_share = share
                client, seconds = Client(service), [1 + number % 40 for number in range(500)]
                executions = await started(local_client, seconds, "a")
                executions += await started(local_client, seconds[:50], "b")
                await wait_all([client.execution(each.arn) for each in executions])
                assert service.throttled == {}

    async def test_what_ends_at_once_is_read_from_last_events_too(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [60] * 1000)
        late_by = await lags([client.execution(each.arn) for each in executions], [60] * 1000)
        assert service.throttled == {}
        assert statistics.median(late_by) <= 2
        assert max(late_by) <= 30
        assert len(service.of(HISTORY)) > 300
        assert len(service.of(DESCRIBE)) + len(service.of(HISTORY)) <= 1010

    async def test_a_last_event_tells_outputs_and_failures_as_descriptions_do(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        service.quota_share = 0.01
        await local_client.register(waiting())
        inputs = [given(60, luck=number % 2 - 1) for number in range(40)]
        executions = [
            client.execution((await local_client.start_execution("waiting", each)).arn) for each in inputs
        ]
        results = await wait_all(executions, return_exceptions=True)
        assert len(service.of(HISTORY)) > 10
        for result, number in zip(results, inputs, strict=True):
            if number["luck"] < 0:
                assert isinstance(result, ExecutionFailed)
                assert (result.error, result.cause) == ("Unlucky", "13")
            else:
                assert result == number
        assert [await each.input() for each in executions] == inputs

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "WaitStateEntered"},
            {"type": "ExecutionSucceeded", "executionSucceededEventDetails": {}},
            {
                "type": "ExecutionSucceeded",
                "executionSucceededEventDetails": {"output": "{", "outputDetails": {"truncated": True}},
            },
        ],
    )
    async def test_where_a_last_event_does_not_tell_all_a_description_does(
        self, client: Client, service: Distant, local_client: Client, event: dict[str, Any]
    ) -> None:
        service.quota_share = 0.01
        service.always(HISTORY, answers({"events": [event]}))
        executions = await started(local_client, [60] * 20)
        assert await wait_all([client.execution(each.arn) for each in executions]) == [given(60)] * 20
        assert service.of(HISTORY)

    @pytest.mark.parametrize("error", [AccessDenied("not allowed"), KeyError("odd")])
    async def test_where_histories_are_refused_descriptions_do(
        self, client: Client, service: Distant, local_client: Client, error: Exception
    ) -> None:
        service.quota_share = 0.01
        service.always(HISTORY, raises(error))
        executions = await started(local_client, [60] * 20)
        assert await wait_all([client.execution(each.arn) for each in executions]) == [given(60)] * 20
        assert 1 <= len(service.of(HISTORY)) <= 5

    async def test_all_clients_of_a_service_share_its_budget(self, local_client: Client) -> None:
        service = Distant(local_client.service, {DESCRIBE: (25, 12), LIST: (17, 4), HISTORY: (33, 16)})
        service.quota_share = 0.08
        executions = await started(local_client, [30] * 60)
        clients = [Client(ServiceWrapper(service)) for _ in range(3)]
        for client in clients:
            assert client.service.quota_share == 0.08
        waits = [clients[n % 3].execution(each.arn).wait() for n, each in enumerate(executions)]
        assert len(await asyncio.gather(*waits)) == 60
        assert service.throttled == {}

    async def test_who_waits_for_one_of_its_own_is_not_held_up_by_a_crowd(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        crowd = await started(local_client, [3600] * 500, "crowd")
        [single] = await started(local_client, [100], "single")
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(client.execution(each.arn).wait()) for each in crowd]
            assert await lag(client.execution(single.arn), 100) <= 4
            for wait in waits:
                wait.cancel()
        assert service.throttled == {}

    async def test_nor_is_who_has_no_time_by_others_who_have(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        """Executions of many machines are looked at one by one, and all these looks are overdue."""
        crowd = [each for number in range(150) for each in await started(local_client, [900], f"m{number}")]
        waits = [asyncio.create_task(client.execution(each.arn).wait()) for each in crowd]
        [ended] = await started(local_client, [0], "single")
        await anyio.sleep(60)
        assert await client.execution(ended.arn).wait(timeout=0) == given(0)
        for wait in waits:
            wait.cancel()

    async def test_nobody_starves(self, client: Client, service: Distant, local_client: Client) -> None:
        """More machines than all budgets can look at every few seconds, and new ends all the time."""
        names = [f"m{number}" for number in range(150)]
        seconds = [20 + number for number in range(150)]
        executions = [
            each
            for name, wait in zip(names, seconds, strict=True)
            for each in await started(local_client, [wait] * 3, name)
        ]
        late_by = await lags(
            [client.execution(each.arn) for each in executions], [wait for wait in seconds for _ in range(3)]
        )
        assert service.throttled == {}
        assert max(late_by) <= 60


class TestPages:
    @pytest.mark.parametrize(("count", "listed"), [(3, False), (4, True)])
    async def test_they_take_the_place_of_looks_where_they_cost_less(
        self, client: Client, service: Distant, local_client: Client, count: int, listed: bool
    ) -> None:
        executions = await started(local_client, [60] * count)
        await wait_all([client.execution(each.arn) for each in executions])
        assert bool(service.of(LIST)) == listed
        assert all(call.parameters["statusFilter"] == "RUNNING" for call in service.of(LIST))

    async def test_several_who_wait_for_one_execution_need_none(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        [execution] = await started(local_client, [60])
        service.always(DESCRIBE, late(0.05))
        waits = [client.execution(execution.arn).wait() for _ in range(1000)]
        assert await asyncio.gather(*waits) == [given(60)] * 1000
        assert service.of(LIST) == []
        assert len(service.of(DESCRIBE)) <= 40

    async def test_those_of_other_programs_may_make_them_too_many(
        self, client: Client, service: Distant, local_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini._watching.machine.PAGE_SIZE", 10)
        executions = await started(local_client, [100] * 8)
        await started(local_client, [3600] * 90)
        late_by = await lags([client.execution(each.arn) for each in executions], [100] * 8)
        assert max(late_by) <= 4
        assert len(service.of(LIST)) <= 2 * 3, "they are tried once a minute"

    async def test_all_pages_are_read_that_are_worth_it(
        self, client: Client, service: Distant, local_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini._watching.machine.PAGE_SIZE", 10)
        seconds = [50 + number for number in range(60)]
        executions = await started(local_client, seconds)
        late_by = await lags([client.execution(each.arn) for each in executions], seconds)
        assert max(late_by) <= 4
        assert len(service.of(DESCRIBE)) <= 75
        assert any("nextToken" in call.parameters for call in service.of(LIST))

    @pytest.mark.parametrize("error", [AccessDenied("no"), StateMachineDoesNotExist("gone"), KeyError("x")])
    async def test_where_they_cannot_be_had_executions_are_looked_at(
        self, client: Client, service: Distant, local_client: Client, error: Exception
    ) -> None:
        service.always(LIST, raises(error))
        executions = await started(local_client, [30] * 10)
        late_by = await lags([client.execution(each.arn) for each in executions], [30] * 10)
        assert max(late_by) <= 4
        assert len(service.of(LIST)) == 1

    async def test_a_list_that_does_not_know_executions_yet_costs_few_looks(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        await client.register(waiting())
        service.always(LIST, answers({"executions": []}))
        executions = [await client.start_execution("waiting", given(30)) for _ in range(10)]
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(execution.wait()) for execution in executions]
            await anyio.sleep(1.9)
            assert len(service.of(DESCRIBE)) <= 3
        assert [wait.result() for wait in waits] == [given(30)] * 10
        assert len(service.of(DESCRIBE)) <= 10 * 20

    async def test_a_list_that_lags_behind_is_no_harm(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [10] * 10)
        stale = await local_client.service.call(
            LIST, stateMachineArn=executions[0].state_machine_arn, statusFilter="RUNNING"
        )
        service.will(LIST, *[answers(stale)] * 15)
        late_by = await lags([client.execution(each.arn) for each in executions], [10] * 10)
        assert max(late_by) <= 12

    async def test_a_token_of_a_page_that_has_expired_is_no_harm(
        self, client: Client, service: Distant, local_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini._watching.machine.PAGE_SIZE", 10)
        service.will(LIST, well, raises(InvalidToken("expired")))
        executions = await started(local_client, [30] * 30)
        late_by = await lags([client.execution(each.arn) for each in executions], [30] * 30)
        assert max(late_by) <= 4
        assert len(service.of(LIST)) == 2

    async def test_one_that_is_deleted_meanwhile_says_so(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [30] * 10)
        waits = [asyncio.create_task(client.execution(each.arn).wait()) for each in executions]
        await anyio.sleep(10)
        gone = ExecutionDoesNotExist("gone")
        service.always(LIST, answers({"executions": []}))
        service.always(DESCRIBE, raises(gone))
        service.always(HISTORY, raises(gone))
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(result) for result in results} == {ExecutionDoesNotExist}

    @pytest.mark.parametrize("count", [1, 10])
    async def test_one_that_was_redriven_is_waited_for_until_its_new_end(
        self, client: Client, service: Distant, local_client: Client, count: int
    ) -> None:
        """While others of its machine run on, and by whatever its end is told of."""
        service.quota_share = 0.02
        crowd = await started(local_client, [300] * (count - 1))
        waits = [asyncio.create_task(client.execution(each.arn).wait()) for each in crowd]
        await local_client.register(waiting())
        execution = await client.start_execution("waiting", given(5, luck=-1))
        for _ in range(2):
            with pytest.raises(ExecutionFailed, match="Unlucky"):
                await execution.wait(timeout=200)
            began = now()
            await execution.redrive()
        with pytest.raises(ExecutionFailed, match="Unlucky"):
            await execution.wait(timeout=200)
        assert now() > began
        await asyncio.gather(*waits)

    async def test_an_end_from_before_the_redrive_is_none(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        """AWS's descriptions lag behind."""
        await client.register(waiting())
        execution = await client.start_execution("waiting", given(5, luck=-1))
        assert await execution.wait(raise_on_failure=False) is None
        stale = await execution.describe()
        await execution.redrive()
        service.calls.clear()
        service.will(DESCRIBE, *[answers(stale)] * 3)
        assert await execution.wait(raise_on_failure=False) is None
        assert len(service.of(DESCRIBE)) == 4

    async def test_children_of_a_map_run_are_looked_at_for_no_machine_lists_them(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        [execution] = await started(local_client, [0])
        child = execution.arn.replace(":execution:waiting:", ":execution:waiting/label:")
        results = await wait_all(
            [client.execution(f"{child}{number}") for number in range(10)], return_exceptions=True
        )
        assert {type(result) for result in results} == {ExecutionDoesNotExist}
        assert service.of(LIST) == []

    async def test_they_end_with_the_last_who_waits(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [3600] * 20)
        before = tasks()
        with anyio.move_on_after(30):
            await wait_all([client.execution(each.arn) for each in executions])
        await anyio.lowlevel.checkpoint()
        assert tasks() == before
        asked = len(service.calls)
        await anyio.sleep(100)
        assert len(service.calls) == asked

    async def test_they_begin_again_for_others(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [3600] * 20)
        for _ in range(2):
            service.calls.clear()
            with anyio.move_on_after(0.5):
                await wait_all([client.execution(each.arn) for each in executions])
            with anyio.move_on_after(10):
                await wait_all([client.execution(each.arn) for each in executions])
            assert 5 <= len(service.of(LIST)) <= 14


class TestLearning:
    async def test_what_always_takes_as_long_is_noticed_at_once(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        await client.register(waiting())
        for number in range(5):
            service.calls.clear()
            execution = await client.start_execution("waiting", given(20))
            late_by = await lag(execution, 20)
            if number:
                assert late_by <= 0.1
        assert len(service.of(DESCRIBE)) <= 8

    async def test_what_never_ended_at_once_is_not_asked_for_at_once(
        self, client: Client, service: Distant
    ) -> None:
        await client.register(waiting())
        for _ in range(4):
            service.calls.clear()
            await (await client.start_execution("waiting", given(2))).wait()
        assert len(service.of(DESCRIBE)) == 1

    async def test_one_that_ends_sooner_than_any_other_is_noticed_all_the_same(
        self, client: Client, service: Distant
    ) -> None:
        await client.register(waiting())
        for _ in range(4):
            await (await client.start_execution("waiting", given(3000))).wait()
        assert await lag(await client.start_execution("waiting", given(1)), 1) <= 3.6

    async def test_the_time_before_a_redrive_is_none_that_executions_take(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        await local_client.register(waiting())
        for _ in range(3):
            failed = await local_client.start_execution("waiting", given(1, luck=-1))
            await failed.wait(raise_on_failure=False)
            await anyio.sleep(1000)
            await failed.redrive()
            await client.execution(failed.arn).wait(raise_on_failure=False)
        assert await lag(await client.start_execution("waiting", given(1)), 1) <= 1

    async def test_only_so_many_machines_are_remembered(
        self, client: Client, service: Distant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asfini._watching.watcher.MOST_MACHINES", 3)
        for number in range(10):
            await client.register(waiting(f"m{number}"))
            assert await client.execute(f"m{number}", given(1)) == given(1)
        assert len(vars(service)["_watcher"]._machines) <= 3


class TestTrouble:
    async def test_all_pause_together_when_the_service_is_too_busy(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [5] * 200)
        service.always(DESCRIBE, raises(Throttled("slow down")))
        service.always(LIST, raises(Throttled("slow down")))
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(client.execution(each.arn).wait()) for each in executions]
            await anyio.sleep(100)
            busy = len(service.calls)
            service.will(DESCRIBE)
            service.will(LIST)
        assert busy <= 60
        assert [wait.result() for wait in waits] == [given(5)] * 200

    async def test_who_shares_the_account_with_a_hog_backs_off(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [30] * 400)
        throttled = 0

        async def hog() -> None:
            nonlocal throttled
            while True:
                try:
                    await service.inner.call(DESCRIBE, executionArn=executions[0].arn)
                except Throttled:
                    throttled += 1
                await anyio.sleep(0.1)

        hogging = asyncio.create_task(hog())
        waits = [client.execution(each.arn).wait() for each in executions]
        assert await asyncio.gather(*waits) == [given(30)] * 400
        hogging.cancel()
        assert sum(service.throttled.values()) <= 60

    async def test_one_that_is_not_there_fails_alone(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [10] * 50)
        missing = client.execution(executions[0].arn + "x")
        results = await wait_all(
            [missing, *(client.execution(each.arn) for each in executions)], return_exceptions=True
        )
        assert isinstance(results[0], ExecutionDoesNotExist)
        assert results[1:] == [given(10)] * 50

    async def test_many_who_wait_for_one_that_is_not_there_ask_once(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        [execution] = await started(local_client, [10])
        service.always(DESCRIBE, late(0.5))
        waits = [client.execution(execution.arn + "x").wait() for _ in range(100)]
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(result) for result in results} == {ExecutionDoesNotExist}
        assert len({id(result) for result in results}) == 100  # tracebacks grow on them
        assert len(service.of(DESCRIBE)) == 1

    async def test_one_that_gives_no_answer_holds_up_nobody(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [10] * 4)
        service.will(DESCRIBE, hangs)
        hanging = asyncio.create_task(client.execution(executions[0].arn).wait())
        await anyio.lowlevel.checkpoint()
        late_by = await lags([client.execution(each.arn) for each in executions[1:]], [10] * 3)
        assert max(late_by) <= 4
        hanging.cancel()

    async def test_thousands_tell_of_a_lost_connection_once_a_second(
        self, client: Client, service: Distant, local_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        executions = await started(local_client, [5] * 200)
        begin = now()
        service.will(DESCRIBE, *[raises(ConnectionFailed("no route"))] * 100)
        service.will(LIST, *[raises(ConnectionFailed("no route"))] * 5)
        with caplog.at_level(logging.WARNING, "asfini"):
            outputs = await wait_all([client.execution(each.arn) for each in executions])
        assert outputs == [given(5)] * 200
        assert 1 <= len(caplog.records) <= min(50, now() - begin + 1)

    async def test_who_is_cancelled_disturbs_nobody(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        service.quota_share = 0.05
        executions = await started(local_client, [40] * 100)
        waits = [asyncio.create_task(client.execution(each.arn).wait()) for each in executions]
        for number, wait in enumerate(waits):
            if number % 3:
                await anyio.sleep(0.3)
                wait.cancel()
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert results[::3] == [given(40)] * 34
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 66

    async def test_where_one_of_several_who_look_together_is_cancelled_another_looks(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        [execution] = await started(local_client, [1])
        await anyio.sleep(2)
        service.will(DESCRIBE, hangs)
        first, second = [asyncio.create_task(client.execution(execution.arn).wait()) for _ in range(2)]
        await anyio.sleep(1)
        first.cancel()
        assert await second == given(1)

    async def test_nothing_is_left_of_thousands_who_were_cancelled(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [3600] * 1000)

        async def count() -> int:
            waits = [asyncio.create_task(client.execution(each.arn).wait()) for each in executions]
            await anyio.sleep(20)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
            del waits
            await anyio.sleep(1)
            gc.collect()
            return sum(isinstance(each, asyncio.Future | Execution) for each in gc.get_objects())

        assert await count() == await count()

    async def test_no_time_at_all_is_still_one_look_in_a_crowd(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [0] * 100 + [3600] * 100)
        await anyio.sleep(1)
        begin = now()
        results = await wait_all(
            [client.execution(each.arn) for each in executions], timeout=0, return_exceptions=True
        )
        assert now() - begin <= 5
        assert results[:100] == [given(0)] * 100
        assert all(isinstance(result, TimeoutError) for result in results[100:])


class TestStopOnCancel:
    async def test_a_wait_that_is_cancelled_stops_the_execution_if_it_is_told_so(
        self, client: Client, local_client: Client
    ) -> None:
        kept, stopped = await started(local_client, [60, 60])
        for execution, stop in ((kept, False), (stopped, True)):
            with anyio.move_on_after(5):
                await client.execution(execution.arn).wait(stop_on_cancel=stop)
        assert await kept.status() == "RUNNING"
        with pytest.raises(ExecutionAborted) as caught:
            await stopped.wait()
        assert (caught.value.error, caught.value.cause) == (
            "Cancelled",
            "the program that waited for it was cancelled",
        )

    async def test_so_does_one_that_takes_too_long(self, client: Client, local_client: Client) -> None:
        [execution] = await started(local_client, [60])
        with pytest.raises(TimeoutError):
            await client.execution(execution.arn).wait(timeout=5, stop_on_cancel=True)
        assert await execution.status() == "ABORTED"

    @pytest.mark.parametrize("way", ["scope", "task"])
    async def test_a_task_that_is_cancelled_ends_when_the_execution_has_stopped(
        self, client: Client, service: Distant, local_client: Client, way: str
    ) -> None:
        service.always(STOP, late(2))
        [execution] = await started(local_client, [60])
        begin = now()
        if way == "scope":
            with anyio.move_on_after(5):
                await client.execution(execution.arn).wait(stop_on_cancel=True)
        else:
            task = asyncio.create_task(client.execution(execution.arn).wait(stop_on_cancel=True))
            await anyio.sleep(5)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        assert now() - begin == pytest.approx(7)
        assert await execution.status() == "ABORTED"

    async def test_a_stop_that_is_refused_is_told_and_hides_nothing(
        self, client: Client, service: Distant, local_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.always(STOP, raises(AccessDenied("not allowed")))
        [execution] = await started(local_client, [60])
        with pytest.raises(TimeoutError):
            await client.execution(execution.arn).wait(timeout=5, stop_on_cancel=True)
        assert f"{execution.arn} could not be stopped: " in caplog.text

    async def test_a_stop_that_gives_no_answer_holds_nobody_up_for_long(
        self, client: Client, service: Distant, local_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.always(STOP, hangs)
        [execution] = await started(local_client, [60])
        begin = now()
        with pytest.raises(TimeoutError):
            await client.execution(execution.arn).wait(timeout=5, stop_on_cancel=True)
        assert now() - begin == pytest.approx(35)
        assert f"{execution.arn} could not be stopped within 30 s" in caplog.text

    async def test_thousands_are_stopped_within_the_quota(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        executions = await started(local_client, [3600] * 1500)
        with anyio.move_on_after(5):
            await wait_all([client.execution(each.arn) for each in executions], stop_on_cancel=True)
        assert service.throttled == {}
        assert {await each.status() for each in executions} == {"ABORTED"}

    @pytest.mark.parametrize("way", ["scope", "task"])
    async def test_execute_stops_what_it_was_just_starting(
        self, client: Client, service: Distant, local_client: Client, way: str
    ) -> None:
        await client.register(waiting())
        service.always(START, late(3))
        execute = client.execute("waiting", given(60), name="x", stop_on_cancel=True)
        if way == "scope":
            with anyio.move_on_after(1):
                await execute
        else:
            task = asyncio.create_task(execute)
            await anyio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
        [execution] = [each async for each in local_client.list_executions("waiting")]
        assert await execution.status() == "ABORTED"

    async def test_execute_leaves_what_it_started_otherwise(
        self, client: Client, local_client: Client
    ) -> None:
        await client.register(waiting())
        with anyio.move_on_after(1):
            await client.execute("waiting", given(60))
        with pytest.raises(TimeoutError):
            await client.execute("waiting", given(60), timeout=1)
        found = [await each.status() async for each in local_client.list_executions("waiting")]
        assert found == ["RUNNING", "RUNNING"]


class TestAsCompleted:
    async def test_executions_come_as_they_end(self, client: Client, local_client: Client) -> None:
        seconds = [50, 10, 40, 20, 30]
        executions = [client.execution(each.arn) for each in await started(local_client, seconds)]
        order = [execution async for execution in as_completed(executions)]
        assert order == [executions[place] for place in (1, 3, 4, 2, 0)]

    async def test_ends_are_told_without_asking_again_be_they_good_or_bad(
        self, client: Client, service: Distant
    ) -> None:
        await client.register(waiting())
        lucks = (1, -1, 1, -1)
        executions = [await client.start_execution("waiting", given(5, luck)) for luck in lucks]
        results = []
        async for execution in as_completed(executions):
            service.calls.clear()
            try:
                results.append(await execution.wait())
            except ExecutionFailed as failure:
                results.append(failure.error)
            assert service.calls == []
        assert Counter(map(str, results)) == {"Unlucky": 2, str(given(5)): 2}

    async def test_a_failure_is_asked_for_again_by_a_later_wait(
        self, client: Client, service: Distant
    ) -> None:
        await client.register(waiting())
        execution = await client.start_execution("waiting", given(5, -1))
        assert [each async for each in as_completed([execution])] == [execution]
        for asked in (0, 1):
            service.calls.clear()
            assert await execution.wait(raise_on_failure=False) is None
            assert len(service.of(DESCRIBE)) == asked

    async def test_one_that_is_not_there_says_so_itself(self, client: Client, local_client: Client) -> None:
        executions = await started(local_client, [10, 20])
        missing = client.execution(executions[0].arn + "x")
        order = [each async for each in as_completed([*executions, missing])]
        assert order == [missing, *executions]
        with pytest.raises(ExecutionDoesNotExist):
            await missing.wait()

    async def test_of_none_there_is_none(self) -> None:
        assert [each async for each in as_completed([])] == []

    @pytest.mark.parametrize("stop", [True, False])
    async def test_those_that_still_run_when_it_is_left_are_stopped_or_not(
        self, client: Client, local_client: Client, stop: bool
    ) -> None:
        executions = [client.execution(each.arn) for each in await started(local_client, [5, 600, 600])]
        before = tasks()
        async with aclosing(as_completed(executions, stop_on_cancel=stop)) as ended:
            async for execution in ended:
                assert execution is executions[0]
                break
        assert tasks() == before
        told = [await execution.status() for execution in executions]
        assert told == ["SUCCEEDED", *["ABORTED" if stop else "RUNNING"] * 2]

    @pytest.mark.parametrize("executions", [5, None, ["arn:x"], [5]])
    async def test_anything_else_is_refused(self, executions: Any) -> None:
        with pytest.raises(InvalidArgument, match="executions"):
            await anext(as_completed(executions))


class TestWaitAll:
    async def test_outputs_stand_in_the_order_of_the_executions(
        self, client: Client, local_client: Client
    ) -> None:
        executions = await started(local_client, [30, 10, 20])
        assert await wait_all(executions) == [given(30), given(10), given(20)]
        assert await wait_all(iter(executions), dict[str, int]) == [given(30), given(10), given(20)]
        assert await wait_all([]) == []

    async def test_the_first_error_ends_it_and_the_others_run_on(
        self, client: Client, local_client: Client
    ) -> None:
        executions = await started(local_client, [60, 60])
        failing = await local_client.start_execution("waiting", given(5, -1))
        begin = now()
        with pytest.raises(ExecutionFailed, match=failing.arn):
            await wait_all([*executions, failing])
        assert now() - begin == pytest.approx(5)
        assert [await each.status() for each in executions] == ["RUNNING"] * 2

    async def test_or_they_are_stopped(self, client: Client, local_client: Client) -> None:
        executions = await started(local_client, [60, 60])
        failing = await local_client.start_execution("waiting", given(5, -1))
        with pytest.raises(ExecutionFailed, match=failing.arn):
            await wait_all([*executions, failing], stop_on_cancel=True)
        assert [await each.status() for each in executions] == ["ABORTED"] * 2

    async def test_or_errors_stand_in_the_places_of_outputs(
        self, client: Client, local_client: Client
    ) -> None:
        executions = await started(local_client, [5, 60])
        failing = await local_client.start_execution("waiting", given(5, -1))
        results = await wait_all([*executions, failing], timeout=20, return_exceptions=True)
        assert results[0] == given(5)
        assert [type(result) for result in results[1:]] == [TimeoutError, ExecutionFailed]

    async def test_an_output_that_does_not_fit_is_an_error(
        self, client: Client, local_client: Client
    ) -> None:
        with pytest.raises(ExecutionOutputInvalid):
            await wait_all(await started(local_client, [5]), list[int])

    async def test_cancelled_it_leaves_no_task(self, client: Client, local_client: Client) -> None:
        executions = await started(local_client, [60] * 10)
        before = tasks()
        with anyio.move_on_after(5):
            await wait_all(executions)
        assert tasks() == before


class TestStartMany:
    async def test_each_input_gets_an_execution_and_no_more_run_at_once_than_allowed(
        self, client: Client, local_client: Client
    ) -> None:
        await client.register(waiting())
        most = 0

        async def look() -> None:
            nonlocal most
            while True:
                running = [each async for each in local_client.list_executions("waiting", status="RUNNING")]
                most = max(most, len(running))
                await anyio.sleep(0.5)

        looking = asyncio.create_task(look())
        inputs = [given(1 + number % 7, number) for number in range(100)]
        outputs = [
            await execution.wait() async for execution in client.start_many("waiting", inputs, max_running=10)
        ]
        looking.cancel()
        assert sorted(outputs, key=lambda output: int(output["luck"])) == inputs
        assert most == 10

    async def test_thousands_start_within_the_quota(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        await client.register(giving := construct_state_machine("giving", Pass("give", result=1)))
        begin = now()
        ended = client.start_many(giving, range(3000), max_running=3000)
        assert [await execution.wait() async for execution in ended] == [1] * 3000
        assert service.throttled == {}
        assert now() - begin <= 120

    async def test_throttled_starts_are_tried_again(self, client: Client, service: Distant) -> None:
        await client.register(giving := construct_state_machine("giving", Pass("give", result=1)))
        service.will(START, raises(Throttled()), raises(ConnectionFailed()), lost, raises(Throttled()))
        assert [await each.wait() async for each in client.start_many(giving, range(5))] == [1] * 5
        assert len([each async for each in client.list_executions("giving")]) == 5

    async def test_failures_come_as_well(self, client: Client) -> None:
        await client.register(waiting())
        inputs = [given(1, luck) for luck in (1, -1, 1)]
        statuses = [await each.status() async for each in client.start_many("waiting", inputs)]
        assert sorted(statuses) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]

    async def test_inputs_may_arrive_while_others_run(self, client: Client) -> None:
        await client.register(waiting())
        begin, ends = now(), []

        async def inputs() -> AsyncIterator[Any]:
            for _ in range(3):
                yield given(5)
                await anyio.sleep(60)

        async for execution in client.start_many("waiting", inputs()):
            ends.append(now() - begin)
            await execution.wait()
        assert all(60 * n + 5 <= end <= 60 * n + 9 for n, end in enumerate(ends))
        assert len(ends) == 3

    async def test_who_takes_ends_slowly_holds_up_starts(self, client: Client, service: Distant) -> None:
        await client.register(giving := construct_state_machine("giving", Pass("give", result=1)))
        async with aclosing(client.start_many(giving, range(100), max_running=5)) as ended:
            for taken in range(1, 4):
                await anext(ended)
                await anyio.sleep(60)
                assert len(service.of(START)) == 5 + taken

    async def test_names_are_made_of_inputs_and_a_batch_goes_on_where_it_was(
        self, client: Client, service: Distant
    ) -> None:
        await client.register(waiting())
        inputs = [given(1, luck) for luck in range(10)]

        def name(each: dict[str, int]) -> str:
            return f"order-{each['luck']}"

        first = [each.name async for each in client.start_many("waiting", inputs[:5], name=name)]
        assert sorted(first) == [f"order-{number}" for number in range(5)]
        with pytest.raises(ExecutionAlreadyExists):
            _ = [each async for each in client.start_many("waiting", inputs, name=name)]
        again = client.start_many("waiting", inputs, name=name, if_exists="return")
        assert sorted([(await each.wait())["luck"] async for each in again]) == [*range(10)]

    @pytest.mark.parametrize("stop", [True, False])
    async def test_an_input_that_makes_no_sense_ends_it_and_the_others_are_stopped_or_not(
        self, client: Client, local_client: Client, stop: bool
    ) -> None:
        await client.register(waiting())

        async def inputs() -> AsyncIterator[Any]:
            yield given(600)
            await anyio.sleep(5)
            yield object()

        before = tasks()
        with pytest.raises(InvalidArgument, match="the input"):
            _ = [each async for each in client.start_many("waiting", inputs(), stop_on_cancel=stop)]
        assert tasks() == before
        statuses = [await each.status() async for each in local_client.list_executions("waiting")]
        assert statuses == ["ABORTED" if stop else "RUNNING"]

    async def test_inputs_that_fail_themselves_fail_it(self, client: Client) -> None:
        await client.register(waiting())

        def inputs() -> Iterable[Any]:
            yield given(1)
            raise OSError("the file is gone")

        with pytest.raises(OSError, match="the file is gone"):
            _ = [each async for each in client.start_many("waiting", inputs())]

    async def test_executions_of_express_machines_run_too(self, client: Client) -> None:
        express = construct_state_machine("express", Pass("give", result=1), type="EXPRESS")
        await client.register(express)
        assert [await each.wait() async for each in client.start_many("express", range(20))] == [1] * 20

    async def test_and_are_tried_again_only_where_they_were_throttled(
        self, client: Client, service: Distant
    ) -> None:
        express = construct_state_machine("express", Pass("give", result=1), type="EXPRESS")
        await client.register(express)
        service.will("start_sync_execution", *[raises(Throttled())] * 3)
        assert [await each.wait() async for each in client.start_many("express", range(5))] == [1] * 5
        service.will("start_sync_execution", lost)
        with pytest.raises(ConnectionFailed, match="the answer got lost"):
            _ = [each async for each in client.start_many("express", range(1))]

    async def test_cancelled_it_starts_nothing_more_that_has_no_turn_yet(
        self, client: Client, service: Distant, local_client: Client
    ) -> None:
        await client.register(waiting())
        service.quota_share = 0.01
        service.always(START, late(0.5))
        begin = now()
        with anyio.move_on_after(4.2):
            async for _ in client.start_many("waiting", [given(600)] * 500, stop_on_cancel=True):
                raise AssertionError("nothing ends so soon")
        assert now() - begin <= 20
        started = len(service.of(START))
        assert 10 < started < 40
        await anyio.sleep(30)
        assert len(service.of(START)) == started
        statuses = [await each.status() async for each in local_client.list_executions("waiting")]
        assert statuses == ["ABORTED"] * started

    async def test_cancelled_it_stops_what_still_runs(self, client: Client, local_client: Client) -> None:
        await client.register(waiting())
        before = tasks()
        with anyio.move_on_after(5):
            async with aclosing(
                client.start_many("waiting", [given(600)] * 20, max_running=10, stop_on_cancel=True)
            ) as ended:
                async for _ in ended:
                    raise AssertionError("nothing ends so soon")
        assert tasks() == before
        statuses = [await each.status() async for each in local_client.list_executions("waiting")]
        assert statuses == ["ABORTED"] * 10


class TestInProcess:
    async def test_many_are_waited_for_without_being_asked_for_twice(self, local_client: Client) -> None:
        service = Faulty(local_client.service)
        executions = await started(local_client, [60] * 200)
        await wait_all([Client(service).execution(each.arn) for each in executions])
        assert Counter(call.operation for call in service.calls) == {DESCRIBE: 400}

    async def test_behind_quotas_looks_keep_within_them(self, local_client: Client) -> None:
        service = Faulty(ThrottledService(local_client.service, {DESCRIBE: (241, 12)}))
        executions = await started(local_client, [600] * 400)
        outputs = await wait_all([Client(service).execution(each.arn) for each in executions])
        assert outputs == [given(600)] * 400
        assert len(service.of(DESCRIBE)) == 800


class TestShare:
    @pytest.mark.usefixtures("nothing_configured")
    @pytest.mark.parametrize(
        ("url", "share", "used"),
        [
            (None, None, 0.8),
            ("https://vpce-1.states.eu-west-1.vpce.amazonaws.com", None, 0.8),
            ("http://127.0.0.1:8083", None, float("inf")),
            ("http://127.0.0.1:8083", 0.5, 0.5),
            (None, 2, 2),
        ],
    )
    async def test_quotas_are_aws_s_own_and_most_of_them_is_used(
        self, url: str | None, share: float | None, used: float
    ) -> None:
        session = AWSSession(region="eu-west-1", endpoint_url=url)
        async with AwsService(session, quota_share=share) as service:
            assert service.quota_share == used

    @pytest.mark.parametrize("share", [0, -1, float("nan"), "1", True])
    async def test_a_share_that_is_none_is_refused(self, share: Any) -> None:
        with pytest.raises(InvalidArgument, match="quota_share is a number above 0"):
            AwsService(AWSSession(region="eu-west-1"), quota_share=share)

    async def test_where_there_are_no_quotas_none_are_kept_until_calls_are_throttled(
        self, local_client: Client
    ) -> None:
        service = Distant(local_client.service, {})
        service.quota_share = float("inf")
        executions = await started(local_client, [30] * 1000)
        executions = [Client(service).execution(each.arn) for each in executions]
        service.will(DESCRIBE, raises(Throttled()))
        late_by = await lags(executions, [30] * 1000)
        assert len(late_by) == 1000
        service.calls.clear()
        other = Distant(local_client.service, {})
        other.quota_share = float("inf")
        await started(local_client, [30] * 1000)
        running = [each async for each in local_client.list_executions("waiting", status="RUNNING")]
        late_by = await lags([Client(other).execution(each.arn) for each in running], [30] * 1000)
        assert max(late_by) <= 3


class Ending(Service):
    """A service of no loop in particular, whose executions have ended when they are looked at again."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()

    async def call(self, operation: str, /, **parameters: Any) -> Any:
        arn = parameters["executionArn"]
        self.looks[arn] += 1
        if self.looks[arn] == 1:
            raise Throttled
        ended = {"status": "SUCCEEDED", "output": "1", "startDate": None}
        return ended if self.looks[arn] > 3 else {"status": "RUNNING"}

    async def account(self) -> Account:
        return Account("aws", "eu-west-1", "123456789012")


def test_one_loop_after_another_may_wait_at_a_service() -> None:
    service = Ending()

    async def wait(number: int) -> list[Any]:
        arn = "arn:aws:states:eu-west-1:123456789012:execution:m:{}-{}"
        with virtual_time():
            return await wait_all([Execution(service, arn.format(number, each)) for each in range(3)])

    for number in range(2):
        assert asyncio.run(wait(number)) == [1, 1, 1]
