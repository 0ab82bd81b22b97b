"""Executions: waited for, read, stopped, and their histories followed."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, Literal

import anyio
import pydantic
import pytest
from faults import Faulty, answers, hangs, late, raises, well

from asfini import (
    Activity,
    Choice,
    Client,
    Execution,
    ExecutionAborted,
    ExecutionFailed,
    ExecutionTimedOut,
    Fail,
    InvalidArgument,
    NumericLessThan,
    Pass,
    Service,
    StateMachine,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.errors import (
    AccessDenied,
    ConnectionFailed,
    ExecutionDoesNotExist,
    ExecutionOutputInvalid,
    Throttled,
)
from asfini.history import ExecutionStarted, StateEntered

DESCRIBE = "describe_execution"
HISTORY = "get_execution_history"
HOUR = 3600


class Polling(Faulty):
    """Answers as the local service does, but does not tell of changes: one has to ask, as over a network."""

    changed = Service.changed

    def __init__(self, inner: Service) -> None:
        super().__init__(inner)
        self.tells_changes = False


@pytest.fixture
def service(local_client: Client) -> Polling:
    return Polling(local_client.service)


@pytest.fixture
def client(service: Polling) -> Client:
    return Client(service)


def now() -> float:
    return asyncio.get_running_loop().time()


async def start(client: Client, machine: StateMachine, given: Any = None) -> Execution:
    await client.register(machine)
    return await client.start_execution(machine, given, name="x")


def giving(result: Any) -> StateMachine:
    return construct_state_machine("giving", Pass("give", result=result))


def waiting(seconds: int = HOUR, **fields: Any) -> StateMachine:
    wait = Wait("wait", seconds)
    wait >> Succeed("done")
    return construct_state_machine("waiting", wait, **fields)


failing = construct_state_machine("failing", Fail("f", error="Declined", cause="over the limit"))


class TestWait:
    async def test_looks_come_soon_at_first_and_then_every_three_seconds_or_so(
        self, client: Client, service: Polling
    ) -> None:
        execution = await start(client, waiting(120))
        begin = now()
        await execution.wait()
        looks = [call.at - begin for call in service.of(DESCRIBE)]
        gaps = [later - earlier for earlier, later in pairwise(looks)]
        assert looks[0] == 0
        assert 0.08 <= gaps[0] <= 0.12
        for number, gap in enumerate(gaps):
            usual = min(0.1 * 1.5**number, 3)
            assert 0.8 * usual <= gap <= 1.2 * usual
        assert len(set(gaps[10:])) > 1, "waiters must not keep step"
        assert 120 <= looks[-1] <= 123.6

    async def test_a_busy_service_is_asked_less_often(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting(5))
        service.will(DESCRIBE, *[raises(Throttled("slow down"))] * 8)
        begin = now()
        await execution.wait()
        looks = [call.at - begin for call in service.of(DESCRIBE)]
        gaps = [later - earlier for earlier, later in pairwise(looks)]
        for number, gap in enumerate(gaps):
            usual = min(3 * 1.5**number, 30)
            assert 0.8 * usual <= gap <= 1.2 * usual
        assert len(looks) == 9

    async def test_a_lost_connection_is_outlived_and_told(
        self, client: Client, service: Polling, caplog: pytest.LogCaptureFixture
    ) -> None:
        execution = await start(client, giving(1))
        service.will(DESCRIBE, *[raises(ConnectionFailed("no route"))] * 3)
        with caplog.at_level(logging.WARNING, "asfini"):
            assert await execution.wait() == 1
        assert [execution.arn in record.getMessage() for record in caplog.records] == [True] * 3

    async def test_after_trouble_it_looks_as_often_as_before(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting(20))
        service.will(DESCRIBE, well, raises(Throttled()))
        begin = now()
        await execution.wait()
        looks = [call.at - begin for call in service.of(DESCRIBE)]
        assert looks[2] - looks[1] >= 2.4
        assert looks[3] - looks[2] <= 0.3

    async def test_the_deadline_holds_even_if_nobody_answers(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting())
        for fault in (raises(ConnectionFailed()), hangs):
            service.always(DESCRIBE, fault)
            begin = now()
            with pytest.raises(TimeoutError, match=f"{execution.arn} had not ended after 100 seconds"):
                await execution.wait(timeout=100)
            assert now() - begin == pytest.approx(100)

    async def test_any_other_refusal_comes_out(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting())
        service.will(DESCRIBE, raises(AccessDenied("expired")))
        with pytest.raises(AccessDenied):
            await execution.wait()
        with pytest.raises(ExecutionDoesNotExist):
            await client.execution(execution.arn + "y").wait()

    async def test_an_output_that_comes_after_the_status_is_waited_for(
        self, client: Client, service: Polling
    ) -> None:
        execution = await start(client, giving(1))
        early = {"status": "SUCCEEDED", "executionArn": execution.arn}
        service.will(DESCRIBE, answers(early), answers(early))
        assert await execution.wait() == 1
        assert len(service.of(DESCRIBE)) == 3

    async def test_that_holds_for_a_service_that_tells_of_changes_too(self, local_client: Client) -> None:
        faulty = Faulty(local_client.service)
        execution = await start(Client(faulty), giving(1))
        early = {"status": "SUCCEEDED", "executionArn": execution.arn}
        faulty.will(DESCRIBE, *[answers(early)] * 5, raises(Throttled()))
        begin = now()
        assert await execution.wait() == 1
        assert now() - begin >= 0.1

    async def test_an_output_that_is_withheld_is_not_waited_for(
        self, client: Client, service: Polling
    ) -> None:
        execution = await start(client, giving(1))
        service.will(DESCRIBE, answers({"status": "SUCCEEDED", "outputDetails": {"included": False}}))
        assert await execution.wait() is None

    async def test_a_redrive_that_is_pending_is_not_the_end(self, client: Client, service: Polling) -> None:
        execution = await start(client, giving(1))
        service.will(DESCRIBE, answers({"status": "PENDING_REDRIVE"}), answers({"status": "PENDING_REDRIVE"}))
        assert await execution.wait() == 1

    async def test_in_this_process_nothing_asks_twice(self, local_client: Client) -> None:
        faulty = Faulty(local_client.service)
        execution = await start(Client(faulty), waiting())
        await execution.wait()
        assert len(faulty.of(DESCRIBE)) == 2

    async def test_thousands_wait_at_once(self, local_client: Client) -> None:
        await local_client.register(waiting())
        executions = [await local_client.start_execution("waiting", number) for number in range(3000)]
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(execution.wait()) for execution in executions]
        assert [wait.result() for wait in waits] == [*range(3000)]

    async def test_a_thousand_wait_for_one(self, local_client: Client) -> None:
        execution = await start(local_client, waiting(), "all")
        again = [local_client.execution(execution.arn) for _ in range(1000)]
        assert await asyncio.gather(*(each.wait() for each in again)) == ["all"] * 1000

    @pytest.mark.parametrize("polling", [True, False])
    async def test_a_wait_that_is_cancelled_leaves_nothing(self, local_client: Client, polling: bool) -> None:
        service = (Polling if polling else Faulty)(local_client.service)
        execution = await start(Client(service), waiting())

        async def follow() -> None:
            async for _ in execution.history(follow=True):
                pass

        async def cancelled(work: Any) -> "weakref.ref[asyncio.Task[Any]]":
            task = asyncio.create_task(work)
            await anyio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            return weakref.ref(task)

        tasks = [await cancelled(work) for _ in range(3) for work in (execution.wait(), follow())]
        gc.collect()
        assert [task() for task in tasks] == [None] * 6
        assert await execution.status() == "RUNNING"

    async def test_waits_with_deadlines_add_nothing_to_what_is_kept(self, local_client: Client) -> None:
        execution = await start(local_client, waiting())

        async def count() -> int:
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    await execution.wait(timeout=1)
            gc.collect()
            return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())

        assert await count() == await count()

    @pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1", True])
    async def test_a_deadline_that_is_none_is_refused(self, client: Client, timeout: Any) -> None:
        execution = await start(client, waiting())
        with pytest.raises(InvalidArgument, match="timeout is a number of seconds, not"):
            await execution.wait(timeout=timeout)

    async def test_no_time_at_all_is_one_look(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting())
        begin = now()
        with pytest.raises(TimeoutError):
            await execution.wait(timeout=0)
        assert (len(service.of(DESCRIBE)), now()) == (1, pytest.approx(begin))

    @pytest.mark.parametrize("timeout", [0, 0.5])
    async def test_what_has_ended_is_seen_whatever_a_look_takes(
        self, client: Client, service: Polling, timeout: float
    ) -> None:
        execution = await start(client, giving(7))
        service.will(DESCRIBE, late(1))
        assert await execution.wait(timeout=timeout) == 7

    async def test_one_look_takes_a_few_seconds_at_the_most(self, client: Client, service: Polling) -> None:
        execution = await start(client, giving(7))
        service.always(DESCRIBE, hangs)
        begin = now()
        with pytest.raises(TimeoutError):
            await execution.wait(timeout=0)
        assert now() - begin == pytest.approx(5)


class TestEndings:
    async def test_success_gives_the_output(self, client: Client) -> None:
        execution = await start(client, giving({"a": [1, None]}))
        assert await execution.wait() == {"a": [1, None]}
        assert await execution.output() == {"a": [1, None]}
        assert await execution.status() == "SUCCEEDED"

    @pytest.mark.parametrize(
        ("machine", "error", "status", "said"),
        [
            (failing, ExecutionFailed, "FAILED", ("Declined", "over the limit")),
            (waiting(HOUR, timeout_seconds=60), ExecutionTimedOut, "TIMED_OUT", (None, None)),
        ],
    )
    async def test_failure_is_an_error_with_all_that_is_known(
        self, client: Client, machine: StateMachine, error: Any, status: str, said: Any
    ) -> None:
        execution = await start(client, machine)
        for look in (execution.wait, execution.output):
            with pytest.raises(error, match=execution.arn) as caught:
                await look()
            assert (caught.value.error, caught.value.cause) == said
            assert (caught.value.execution_arn, caught.value.status) == (execution.arn, status)
        assert await execution.status() == status

    async def test_or_no_error_if_that_is_preferred(self, client: Client) -> None:
        execution = await start(client, failing)
        assert await execution.wait(raise_on_failure=False) is None
        assert await execution.status() == "FAILED"
        await client.register(giving(3))
        execution = await client.start_execution("giving")
        assert await execution.wait(int, raise_on_failure=False) == 3

    async def test_a_stopped_execution_was_aborted_for_a_reason(self, client: Client) -> None:
        execution = await start(client, waiting())
        await execution.stop("Closed", "shop closed")
        with pytest.raises(ExecutionAborted, match="aborted: Closed: shop closed"):
            await execution.wait()

    async def test_or_for_none(self, client: Client) -> None:
        execution = await start(client, waiting())
        await execution.stop()
        with pytest.raises(ExecutionAborted) as caught:
            await execution.wait()
        assert (caught.value.error, caught.value.cause) == (None, None)

    async def test_reasons_that_are_too_long_are_cut(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting())
        await execution.stop("e" * 300, "c" * 40_000)
        told = await execution.describe()
        assert (len(told["error"]), len(told["cause"])) == (256, 32_768)

    async def test_stopping_what_has_ended_changes_nothing(self, client: Client) -> None:
        execution = await start(client, giving(1))
        await execution.wait()
        await execution.stop("late")
        assert await execution.status() == "SUCCEEDED"

    async def test_what_still_runs_has_no_output(self, client: Client) -> None:
        execution = await start(client, waiting())
        with pytest.raises(InvalidArgument, match=f"{execution.arn} has no output yet: it is RUNNING"):
            await execution.output()


class Receipt(pydantic.BaseModel):
    paid: int
    method: Literal["card", "cash"] = "card"


class TestTypes:
    @pytest.mark.parametrize(
        ("output", "kind", "read"),
        [
            ({"paid": 3}, Receipt, Receipt(paid=3)),
            ([{"paid": 3}], list[Receipt], [Receipt(paid=3)]),
            (None, Receipt | None, None),
            ({"a": 1}, dict[str, int], {"a": 1}),
            (5, int, 5),
            (5, float, 5.0),
        ],
    )
    async def test_an_output_is_made_what_is_asked_for(
        self, client: Client, output: Any, kind: Any, read: Any
    ) -> None:
        execution = await start(client, giving(output))
        assert await execution.wait(kind) == read
        assert await execution.output(kind) == read

    async def test_one_that_does_not_fit_names_the_execution_and_the_places(self, client: Client) -> None:
        execution = await start(client, giving({"paid": "secret", "method": "gold"}))
        with pytest.raises(ExecutionOutputInvalid) as caught:
            await execution.wait(Receipt)
        text = str(caught.value)
        assert execution.arn in text
        assert "paid: " in text
        assert "method: " in text
        assert "secret" not in text
        assert isinstance(caught.value, ValueError)

    async def test_a_failure_is_not_read(self, client: Client) -> None:
        execution = await start(client, failing)
        assert await execution.wait(Receipt, raise_on_failure=False) is None

    @pytest.mark.parametrize("kind", [5, "Receipt?", object()])
    async def test_what_is_no_type_is_refused_before_the_wait(
        self, client: Client, service: Polling, kind: Any
    ) -> None:
        execution = await start(client, giving(1))
        with pytest.raises(InvalidArgument, match="is no type"):
            await execution.wait(kind)
        assert service.of(DESCRIBE) == []


class TestTelling:
    async def test_dates_and_input_are_told(self, client: Client) -> None:
        execution = await start(client, waiting(), {"a": 1})
        assert await execution.input() == {"a": 1}
        begin = await execution.start_date()
        assert await execution.stop_date() is None
        await execution.wait()
        end = await execution.stop_date()
        assert end is not None
        assert (end - begin).total_seconds() == HOUR

    async def test_a_success_is_asked_for_once(self, client: Client, service: Polling) -> None:
        execution = await start(client, giving(1))
        await execution.wait()
        service.calls.clear()
        assert (await execution.output(), await execution.status(), await execution.input()) == (
            1,
            "SUCCEEDED",
            None,
        )
        assert service.calls == []

    async def test_a_failure_may_be_redriven_and_is_asked_for_again(
        self, client: Client, service: Polling
    ) -> None:
        execution = await start(client, failing)
        await execution.wait(raise_on_failure=False)
        service.will(DESCRIBE, answers({"status": "RUNNING"}))
        assert await execution.status() == "RUNNING"

    async def test_a_description_can_be_changed_without_harm(self, client: Client) -> None:
        execution = await start(client, giving(1))
        await execution.wait()
        (await execution.describe()).clear()
        assert await execution.status() == "SUCCEEDED"

    async def test_it_is_known_by_its_arn(self, client: Client) -> None:
        execution = await start(client, giving(1))
        prefix = "arn:aws:states:us-east-1:123456789012:"
        assert execution.arn == f"{prefix}execution:giving:x"
        assert repr(execution) == f"Execution('{prefix}execution:giving:x')"
        assert (execution.name, execution.state_machine_arn) == ("x", f"{prefix}stateMachine:giving")


def loop(rounds: int) -> StateMachine:
    """A machine with some 7 events for each round."""
    count = Pass("count", parameters={"n.$": "States.MathAdd($.n, 1)"})
    again = Choice("again")
    count >> again
    again.add(NumericLessThan("$.n", rounds), count)
    again.set_default(Succeed("done"))
    return construct_state_machine("loop", count)


class TestHistory:
    async def types(self, events: AsyncIterator[Any]) -> list[str]:
        return [event.type async for event in events]

    async def test_events_come_in_order_over_many_pages(self, client: Client, service: Polling) -> None:
        execution = await start(client, loop(600), {"n": 0})
        await execution.wait()
        events = [event async for event in execution.history()]
        assert [event.id for event in events] == [*range(1, len(events) + 1)]
        assert len(events) > 2000
        assert len(service.of(HISTORY)) == -(-len(events) // 1000)

    async def test_or_the_latest_first(self, client: Client) -> None:
        execution = await start(client, loop(600), {"n": 0})
        await execution.wait()
        events = [event async for event in execution.history(reverse=True)]
        assert [event.id for event in events] == [*range(len(events), 0, -1)]

    async def test_without_data_inputs_and_outputs_are_missing(self, client: Client) -> None:
        execution = await start(client, giving({"secret": 1}), {"secret": 2})
        await execution.wait()
        events = [event async for event in execution.history(include_data=False)]
        assert isinstance(events[0], ExecutionStarted)
        assert events[0].input is None
        assert isinstance(events[1], StateEntered)
        assert events[1].name == "give"
        assert "secret" not in repr(events)

    @pytest.mark.parametrize("told", [True, False])
    async def test_followed_it_goes_on_until_the_end(self, local_client: Client, told: bool) -> None:
        service = (Faulty if told else Polling)(local_client.service)
        pay = Activity("pay")
        await local_client.register(pay)
        task, wait = Task("pay", pay), Wait("wait", HOUR)
        wait >> task
        client = Client(service)
        execution = await start(client, construct_state_machine("shop", wait))
        seen: list[str] = []

        async def follow() -> None:
            async for event in execution.history(follow=True):
                seen.append(event.type)

        async with asyncio.TaskGroup() as group:
            group.create_task(follow())
            await anyio.sleep(10)
            assert seen == ["ExecutionStarted", "WaitStateEntered"]
            arn = (await client.account()).fill_in(pay.arn)
            poll = await service.call("get_activity_task", activityArn=arn)
            await anyio.sleep(5)
            assert seen[-1] == "ActivityStarted"
            await service.call("send_task_success", taskToken=poll["taskToken"], output="1")
        assert seen == await self.types(execution.history())
        assert seen[-1] == "ExecutionSucceeded"

    async def test_what_happens_at_once_is_all_followed(self, client: Client, service: Polling) -> None:
        execution = await start(client, loop(200), {"n": 0})
        ids = [event.id async for event in execution.history(follow=True)]
        assert ids == [*range(1, len(ids) + 1)]
        assert len(ids) > 700
        assert service.of(DESCRIBE) == []

    async def test_a_followed_history_outlives_trouble(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting(60))
        service.will(HISTORY, raises(Throttled()), well, raises(ConnectionFailed()), raises(Throttled()))
        ids = [event.id async for event in execution.history(follow=True)]
        assert ids == [*range(1, len(ids) + 1)]

    async def test_one_that_is_only_read_does_not(self, client: Client, service: Polling) -> None:
        execution = await start(client, waiting(60))
        service.will(HISTORY, raises(Throttled()))
        with pytest.raises(Throttled):
            await anext(execution.history())

    async def test_a_late_look_finds_many_events_again_over_pages(
        self, client: Client, service: Polling
    ) -> None:
        wait = Wait("first", 30)
        count = Pass("count", parameters={"n.$": "States.MathAdd($.n, 1)"})
        again = Choice("again")
        wait >> count >> again
        again.add(NumericLessThan("$.n", 100), count)
        again.set_default(Succeed("done"))
        execution = await start(client, construct_state_machine("late", wait), {"n": 0})
        ids = [event.id async for event in execution.history(follow=True)]
        assert ids == [*range(1, len(ids) + 1)]
        assert len(ids) > 300

    async def test_a_service_that_knows_no_reverse_order_is_followed_all_the_same(
        self, client: Client, service: Polling
    ) -> None:
        class Forward(Polling):
            async def call(self, operation: str, /, **parameters: Any) -> Any:
                parameters.pop("reverseOrder", None)
                return await super().call(operation, **parameters)

        wait = Wait("first", 30)
        wait >> Pass("a") >> Pass("b")
        execution = await start(Client(Forward(service)), construct_state_machine("few", wait))
        ids = [event.id async for event in execution.history(follow=True)]
        assert ids == [*range(1, 9)]

    @pytest.mark.parametrize("machine", [failing, waiting(HOUR, timeout_seconds=60)])
    async def test_following_ends_with_failures_too(self, client: Client, machine: StateMachine) -> None:
        execution = await start(client, machine)
        types = await self.types(execution.history(follow=True))
        assert types[-1] in ("ExecutionFailed", "ExecutionTimedOut")

    async def test_stopped_while_followed(self, client: Client) -> None:
        execution = await start(client, waiting())
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self.types(execution.history(follow=True)))
            await anyio.sleep(5)
            await execution.stop()
        assert following.result()[-1] == "ExecutionAborted"

    async def test_it_is_not_followed_in_reverse(self, client: Client) -> None:
        execution = await start(client, giving(1))
        with pytest.raises(InvalidArgument, match="in reverse"):
            await anext(execution.history(follow=True, reverse=True))

    async def test_one_that_is_left_early_asks_for_no_more(self, client: Client, service: Polling) -> None:
        execution = await start(client, loop(600), {"n": 0})
        await execution.wait()
        async for _ in execution.history():
            break
        assert len(service.of(HISTORY)) == 1

    async def test_as_text_it_reads_as_sfini_wrote_it(self, client: Client) -> None:
        execution = await start(client, failing, {"a": 1})
        await execution.wait(raise_on_failure=False)
        date = await execution.start_date()
        assert await execution.format_history() == "\n".join(
            [
                f"ExecutionStarted [1] @ {date}",
                f"FailStateEntered [2] @ {date}:\n  name: f",
                f"ExecutionFailed [3] @ {date}:\n  error: Declined",
            ]
        )
        told = await execution.format_history(cause=True, input=True)
        assert "over the limit" in told
        assert '"a"' in told
