"""What becomes of a task in a worker's hands: its result, its failure, its heartbeats."""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anyio
import pytest
from faults import Faulty, answers, hangs, late, lost, raises, well
from jobs import do, settle, start
from pydantic import BaseModel, model_serializer

from asfini import (
    ActivityRegistration,
    CallableActivity,
    Client,
    ExecutionFailed,
    TaskFailed,
    Worker,
    current_task,
)
from asfini._reports import TaskLog
from asfini.clock import hold
from asfini.errors import (
    AccessDenied,
    ConnectionFailed,
    InvalidArgument,
    InvalidOutput,
    ServiceError,
    TaskDoesNotExist,
    TaskTimedOut,
    Throttled,
)
from asfini.worker.heartbeats import Heartbeats

SECRET = "pa55w0rd"


def now() -> float:
    return asyncio.get_running_loop().time()


def activity(function: Callable[..., Any], **options: Any) -> CallableActivity[Any, Any]:
    return CallableActivity("act", function, **options)


async def failure(
    client: Client, function: Callable[..., Any], given: Any = None, **options: Any
) -> tuple[str, str]:
    """The error and the cause with which a task fails, after which the same worker does another one."""

    async def fine() -> str:
        return "fine"

    bad, good = CallableActivity("bad", function), CallableActivity("good", fine)
    await client.register(good)
    execution = await start(client, bad, given)
    async with Worker(client, [bad, good], **options):
        with pytest.raises(ExecutionFailed) as failed:
            await execution.wait(timeout=1e6)
        assert await (await start(client, good)).wait(timeout=1e6) == "fine"
    assert failed.value.error is not None
    return failed.value.error, failed.value.cause or ""


class TestFunctions:
    async def test_a_coroutine_function_is_awaited(self, client: Client) -> None:
        async def double(n: int) -> int:
            await asyncio.sleep(1)
            return n * 2

        assert await do(client, activity(double), 21) == 42

    async def test_a_plain_function_runs_in_a_thread(self, client: Client) -> None:
        def where(_: Any) -> bool:
            return threading.current_thread() is threading.main_thread()

        assert await do(client, activity(where)) is False

    async def test_what_a_plain_function_gives_to_await_is_awaited(self, client: Client) -> None:
        async def later(n: int) -> int:
            return n + 1

        def twice(n: int) -> Any:
            async def outer() -> Any:
                return later(n)

            return outer()

        assert await do(client, activity(lambda n: later(n)), 1) == 2
        assert await do(client, activity(twice), 1) == 2

    async def test_many_activities_share_one_loop(self, client: Client) -> None:
        barrier = asyncio.Barrier(5)
        activities = ActivityRegistration(prefix="meet-")

        async def meet() -> int:
            async with barrier:
                return id(asyncio.get_running_loop())

        for number in range(5):
            activities.activity(str(number))(meet)
        await client.register(activities)
        async with Worker(client, activities):
            executions = [await start(client, each) for each in activities]
            assert {await each.wait(timeout=60) for each in executions} == {id(asyncio.get_running_loop())}

    async def test_a_plain_function_that_is_busy_takes_no_other_ones_threads(self, client: Client) -> None:
        go = threading.Event()
        busy = CallableActivity("busy", go.wait.__get__(go), heartbeat=None)
        other = CallableActivity("other", lambda: "done", heartbeat=None)
        executions = [await start(client, busy, 30) for _ in range(3)]
        await client.register(other)
        async with Worker(client, [busy, other], max_threads=2):
            await settle()
            assert await (await start(client, other)).wait(timeout=60) == "done"
            go.set()
            assert [await each.wait(timeout=60) for each in executions] == [True] * 3

    async def test_a_plain_function_runs_at_once_up_to_max_threads(self, client: Client) -> None:
        running, most, lock, both = 0, 0, threading.Lock(), threading.Barrier(2, timeout=30)

        def work() -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            both.wait()
            with lock:
                running -= 1

        working = CallableActivity("work", work)
        await client.register(working)
        async with Worker(client, working, max_threads=2):
            executions = [await start(client, working) for _ in range(8)]
            for execution in executions:
                await execution.wait(timeout=1e6)
        assert most == 2

    @pytest.mark.parametrize("max_tasks", [1, 10])
    async def test_a_plain_function_gets_no_task_without_a_thread(
        self, client: Client, service: Faulty, max_tasks: int
    ) -> None:
        go = threading.Event()
        blocking = activity(go.wait.__get__(go), heartbeat=None)
        executions = [await start(client, blocking, 30) for _ in range(5)]
        async with Worker(client, blocking, max_threads=2, max_tasks=max_tasks):
            await settle()
            events = [event.type for each in executions async for event in each.history()]
            assert events.count("ActivityStarted") == min(2, max_tasks)
            go.set()
            assert [await each.wait(timeout=60) for each in executions] == [True] * 5


class TestCurrentTask:
    async def test_a_coroutine_function_knows_its_task(self, client: Client) -> None:
        async def who(_: Any) -> list[Any]:
            task = current_task()
            return [task.activity.name, task.worker_name, task.input, task.cancelled, task.deferred]

        assert await do(client, activity(who), {"a": 1}, name="me") == ["act", "me", {"a": 1}, False, False]

    async def test_so_do_functions_in_threads_and_what_they_give_to_await(self, client: Client) -> None:
        async def more(first: Any) -> list[Any]:
            return [first, current_task().input]

        assert await do(client, activity(lambda _: more(current_task().input)), 7) == [7, 7]

    async def test_tasks_at_once_do_not_mix(self, client: Client) -> None:
        async def mine(n: int) -> bool:
            await asyncio.sleep(10 - n)
            return bool(current_task().input == n)

        mines = activity(mine)
        executions = [await start(client, mines, n) for n in range(10)]
        async with Worker(client, mines):
            assert all([await each.wait(timeout=60) for each in executions])

    async def test_a_heartbeat_can_be_sent_at_once(self, client: Client, service: Faulty) -> None:
        async def beat() -> None:
            await current_task().heartbeat()

        await do(client, activity(beat, heartbeat=None))
        assert len(service.of("send_task_heartbeat")) == 1

    async def test_it_shows_neither_token_nor_input(self, client: Client) -> None:
        async def show(_: Any) -> list[str]:
            return [repr(current_task()), current_task().token]

        shown, token = await do(client, activity(show), SECRET)
        assert token not in shown
        assert SECRET not in shown


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def raising_async(error: BaseException) -> Callable[[], Any]:
    async def work() -> None:
        raise error

    return work


class CardDeclined(Exception):
    pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")

    __repr__ = __str__


class Odd(BaseException):
    pass


ERRORS = [
    (ValueError("no"), "ValueError"),
    (CardDeclined(), "CardDeclined"),
    (Unprintable(), "Unprintable"),
    (Odd(), "Odd"),
    (TimeoutError(), "TimeoutError"),
    (SystemExit(3), "SystemExit"),
    (asyncio.CancelledError(), "CancelledError"),
    (GeneratorExit(), "GeneratorExit"),
    (StopIteration(1), "StopIteration"),
    (StopAsyncIteration(), "StopAsyncIteration"),
    (ExceptionGroup("g", [KeyError("k"), ValueError("v")]), "ExceptionGroup"),
    (ExceptionGroup("g", [ExceptionGroup("h", [CardDeclined()])]), "CardDeclined"),
    (BaseExceptionGroup("g", [SystemExit(1), Odd()]), "BaseExceptionGroup"),
    (TaskTimedOut("not mine"), "TaskTimedOut"),
    (AccessDenied("not mine"), "AccessDenied"),
    (ExceptionGroup("g", [TaskFailed("Chosen", "why")]), "Chosen"),
]


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "name"), ERRORS, ids=[repr(type(error)) + name for error, name in ERRORS]
    )
    @pytest.mark.parametrize("kind", [raising, raising_async])
    async def test_an_exception_fails_the_task_with_its_name(
        self, client: Client, kind: Any, error: BaseException, name: str
    ) -> None:
        assert (await failure(client, kind(error)))[0] == name

    async def test_the_cause_tells_how_it_came_about(self, client: Client) -> None:
        def overdraw() -> None:
            raise CardDeclined("over the limit")

        _, cause = await failure(client, overdraw)
        assert "in overdraw" in cause
        assert cause.strip().endswith("CardDeclined: over the limit")

    async def test_endless_recursion_fails_the_task(self, client: Client) -> None:
        def deeper(n: Any) -> Any:
            return deeper(n)

        async def deeper_still(n: Any) -> Any:
            return await deeper_still(n)

        assert (await failure(client, deeper, 1))[0] == "RecursionError"
        assert (await failure(client, deeper_still, 1))[0] == "RecursionError"

    @pytest.mark.parametrize(
        ("error", "reported"),
        [
            (TaskFailed("CardDeclined", "over the limit"), ("CardDeclined", "over the limit")),
            (TaskFailed("CardDeclined"), ("CardDeclined", "")),
            (TaskFailed("x" * 300, "y" * 40_000), ("x" * 256, "y" * 32_768)),
            (TaskFailed("", "nameless"), ("TaskFailed", "nameless")),
            (TaskFailed("half \ud83d", "\udc00"), ("half \\ud83d", "\\udc00")),
        ],
    )
    async def test_task_failed_chooses_name_and_cause(
        self, client: Client, error: TaskFailed, reported: Any
    ) -> None:
        assert await failure(client, raising(error)) == reported

    async def test_an_exception_that_cannot_be_told_is_named(self, client: Client) -> None:
        class Mute(TaskFailed):
            error = property(lambda self: 1 / 0, lambda self, value: None)  # type: ignore[assignment]

        assert (await failure(client, raising(Mute("no"))))[0] == "ZeroDivisionError"

    @pytest.mark.parametrize("given", [(404,), (None,), ("E", {"no": "text"})])
    def test_name_and_cause_are_text(self, given: Any) -> None:
        with pytest.raises(InvalidArgument, match=r"a failure's (error|cause) is text, not of type "):
            TaskFailed(*given)

    async def test_a_long_cause_is_cut_and_keeps_its_end(self, client: Client) -> None:
        _, cause = await failure(client, raising(ValueError("x" * 40_000 + "the end")))
        assert len(cause) == 32_768
        assert cause.strip().endswith("the end")

    async def test_a_function_that_cancels_its_own_task_fails(self, client: Client) -> None:
        async def cancel_myself() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)

        assert (await failure(client, cancel_myself))[0] == "CancelledError"

    async def test_a_function_that_leaves_a_scope_open_does_no_harm(self, client: Client) -> None:
        async def messy() -> str:
            anyio.CancelScope().__enter__()
            anyio.move_on_after(0.001).__enter__()
            return "done"

        assert await do(client, activity(messy)) == "done"

    async def test_a_function_that_leaves_a_task_behind_does_no_harm(self, client: Client) -> None:
        left = []

        async def leave() -> str:
            left.append(asyncio.create_task(asyncio.sleep(3600)))
            return "done"

        assert await do(client, activity(leave)) == "done"
        left[0].cancel()


class Model(BaseModel):
    at: Decimal


class Broken(BaseModel):
    @model_serializer
    def write(self) -> Any:
        raise ZeroDivisionError("broken")


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


class TestResults:
    async def test_a_model_is_written_as_pydantic_does(self, client: Client) -> None:
        assert await do(client, activity(lambda: Model(at=Decimal("1.50")))) == {"at": "1.50"}

    @pytest.mark.parametrize(
        "result",
        [object(), {"deep": [{1, object()}]}, float("nan"), circle(), Broken(), "\ud800", lambda: 0],
        ids=["object", "object deep inside", "nan", "circle", "broken model", "surrogate", "function"],
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    async def test_a_result_that_is_not_json_fails_the_task(self, client: Client, result: Any) -> None:
        error, cause = await failure(client, lambda: result)
        assert error == "TaskOutputInvalid"
        assert cause.startswith("the result ")

    async def test_a_result_that_is_too_large_fails_the_task(self, client: Client) -> None:
        error, cause = await failure(client, lambda: "x" * 262_143)
        assert (error, "262,145 bytes" in cause) == ("TaskOutputInvalid", True)
        assert len(await do(client, activity(lambda: "x" * 262_142))) == 262_142

    async def test_a_result_that_the_service_refuses_fails_the_task(
        self, client: Client, service: Faulty
    ) -> None:
        service.will("send_task_success", raises(InvalidOutput("too odd")))
        assert await failure(client, lambda: "odd") == ("TaskOutputInvalid", "too odd")


class TestInputs:
    async def test_an_input_that_does_not_fit_fails_the_task_without_being_told(self, client: Client) -> None:
        class Login(BaseModel):
            user: str
            pin: int

        async def log_in(login: Login) -> None: ...

        error, cause = await failure(client, log_in, {"user": "ada", "pin": SECRET})
        assert error == "TaskInputInvalid"
        assert cause == (
            "the input of activity 'bad' does not fit: "
            "pin: Input should be a valid integer, unable to parse string as an integer"
        )

    @pytest.mark.parametrize("text", [None, "", "{", "NaN", 7, b"\xff", "[" * 100_000])
    async def test_an_input_that_is_no_json_fails_the_task(
        self, client: Client, service: Faulty, text: Any
    ) -> None:
        async def with_odd_input(hand_on: Any) -> Any:
            return {**await hand_on(), "input": text}

        service.will("get_activity_task", with_odd_input)
        with pytest.raises(ExecutionFailed, match="TaskInputInvalid"):
            await do(client, activity(lambda given: given))


class TestHeartbeats:
    async def test_they_are_sent_at_the_interval_by_themselves(self, client: Client, service: Faulty) -> None:
        async def work() -> None:
            await asyncio.sleep(3610)

        start = now()
        await do(client, activity(work, heartbeat=20))
        assert [call.at - start for call in service.of("send_task_heartbeat")] == pytest.approx(
            range(20, 3601, 20)
        )

    async def test_none_are_sent_for_an_activity_without(self, client: Client, service: Faulty) -> None:
        async def work() -> None:
            await asyncio.sleep(3610)

        await do(client, activity(work, heartbeat=None))
        assert not service.of("send_task_heartbeat")

    async def test_they_are_sent_while_a_thread_works(self, client: Client, service: Faulty) -> None:
        enough = threading.Event()

        async def count(hand_on: Any) -> Any:
            if len(service.of("send_task_heartbeat")) == 3:
                enough.set()
            return await hand_on()

        service.always("send_task_heartbeat", count)
        assert await do(client, activity(lambda: enough.wait(30), heartbeat=0.01)) is True

    @pytest.mark.parametrize(
        "error",
        [
            Throttled("slow down"),
            ConnectionFailed("no"),
            AccessDenied("no"),
            KeyError("odd"),
            asyncio.CancelledError(),
        ],
        ids=repr,
    )
    async def test_one_that_fails_is_sent_again_before_the_task_times_out(
        self, client: Client, service: Faulty, error: BaseException
    ) -> None:
        async def work() -> str:
            await asyncio.sleep(90)
            return "done"

        begin = now()
        service.will("send_task_heartbeat", raises(error), raises(error), well, raises(error))
        assert await do(client, activity(work, heartbeat=20)) == "done"
        sent = [call.at - begin for call in service.of("send_task_heartbeat")]
        assert sent == pytest.approx([20, 20.5, 21.5, 41.5, 42, 62, 82])

    async def test_one_without_an_answer_is_sent_again_before_the_task_times_out(
        self, client: Client, service: Faulty
    ) -> None:
        async def work() -> str:
            await asyncio.sleep(50)
            return "done"

        begin = now()
        service.will("send_task_heartbeat", hangs)
        assert await do(client, activity(work, heartbeat=20)) == "done"
        assert [call.at - begin for call in service.of("send_task_heartbeat")] == pytest.approx(
            [20, 24.5, 44.5]
        )

    async def test_a_slow_answer_does_not_delay_the_next(self, client: Client, service: Faulty) -> None:
        async def work() -> str:
            await asyncio.sleep(70)
            return "done"

        begin = now()
        service.always("send_task_heartbeat", late(3))
        assert await do(client, activity(work, heartbeat=20)) == "done"
        assert [call.at - begin for call in service.of("send_task_heartbeat")] == pytest.approx([20, 40, 60])

    async def test_a_function_that_blocks_the_loop_is_told_of(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def block() -> None:
            await asyncio.sleep(0)
            with hold():
                end = now() + 0.05
                while now() < end:
                    pass
            await asyncio.sleep(1)

        await do(client, activity(block, heartbeat=0.02))
        assert "s late: something blocks the event loop" in caplog.text

    async def test_ones_that_all_fail_become_rarer(self, client: Client, service: Faulty) -> None:
        async def work() -> str:
            await asyncio.sleep(3600)
            return "done"

        service.always("send_task_heartbeat", raises(Throttled("slow down")))
        acting = activity(work, heartbeat=20)
        execution = await start(client, acting, heartbeat_seconds=7200)
        async with Worker(client, acting):
            assert await execution.wait(timeout=1e6) == "done"
        assert 180 <= len(service.of("send_task_heartbeat")) < 200

    async def test_they_go_on_while_the_result_is_not_taken(self, client: Client, service: Faulty) -> None:
        async def work() -> str:
            return "done"

        service.will("send_task_success", *[raises(Throttled("slow down"))] * 6)
        assert await do(client, activity(work, heartbeat=5)) == "done"
        assert len(service.of("send_task_heartbeat")) >= 3

    @pytest.mark.parametrize("rejection", [None, TaskTimedOut("gone"), TaskDoesNotExist("gone")])
    async def test_a_rejected_one_cancels_the_work(
        self, client: Client, service: Faulty, rejection: ServiceError | None
    ) -> None:
        cancelled_at = []

        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(1)  # cleaning up is not cancelled, too
                cancelled_at.append((now() - begin, current_task().cancelled))
                raise

        begin = now()
        acting = activity(work, heartbeat=20)
        execution = await start(client, acting, timeout_seconds=30)
        async with Worker(client, acting, grace=0):
            await settle()
            if rejection is not None:
                service.always("send_task_heartbeat", raises(rejection))
            await asyncio.sleep(100)
        assert cancelled_at == [(pytest.approx(41 if rejection is None else 21), True)]
        assert (await execution.status()) == "FAILED"
        assert not service.of("send_task_failure")

    async def test_what_cleaning_up_raises_is_not_reported(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                raise RuntimeError(SECRET)

        service.always("send_task_heartbeat", raises(TaskTimedOut("gone")))
        acting = activity(work)
        await start(client, acting, timeout_seconds=30)
        async with Worker(client, acting):
            await asyncio.sleep(100)
        assert not service.of("send_task_failure")
        assert SECRET not in caplog.text

    async def test_the_log_tells_by_which_name_a_task_failed_and_not_why(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def work() -> None:
            raise TaskFailed("CardDeclined", SECRET)

        with caplog.at_level(logging.INFO, "asfini.worker"), pytest.raises(ExecutionFailed):
            await do(client, activity(work))
        assert "failed with CardDeclined" in caplog.text
        assert SECRET not in caplog.text

    @pytest.mark.parametrize("closed", [True, False])
    async def test_how_far_a_function_was_is_told_when_its_work_is_cancelled(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture, closed: bool
    ) -> None:
        async def work() -> None:
            current_task().progress = "page 3 of 7"
            await asyncio.sleep(3600)

        if closed:
            service.always("send_task_heartbeat", raises(TaskTimedOut("gone")))
        acting = activity(work)
        await start(client, acting)
        async with Worker(client, acting, grace=0):
            await asyncio.sleep(24 if closed else 1)
        told = (
            "it was closed elsewhere; its work is cancelled" if closed else "given up, for the worker stops"
        )
        assert f"{told} (progress: page 3 of 7)" in caplog.text

    @pytest.mark.parametrize("closed", [True, False])
    async def test_progress_that_cannot_be_told_is_no_hindrance(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture, closed: bool
    ) -> None:
        class Gone:
            def __str__(self) -> str:
                raise RuntimeError(SECRET)

        async def work() -> None:
            current_task().progress = Gone()
            await asyncio.sleep(3600)

        if closed:
            service.always("send_task_heartbeat", raises(TaskTimedOut("gone")))
        acting = activity(work)
        await start(client, acting)
        async with Worker(client, acting, grace=0) as worker:
            await asyncio.sleep(24 if closed else 1)
            assert worker.stats().activities[acting.name].tasks == (0 if closed else 1)
        assert len(service.of("send_task_failure")) == (0 if closed else 1)
        assert "(progress cannot be told: RuntimeError)" in caplog.text
        assert SECRET not in caplog.text

    async def test_a_heartbeat_on_its_way_when_a_worker_ends_is_no_failure(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def work() -> None:
            await asyncio.sleep(21)

        service.always("send_task_heartbeat", hangs)
        acting = activity(work, heartbeat=20)
        await start(client, acting)
        async with Worker(client, acting, grace=3):
            await asyncio.sleep(20)
        assert "a heartbeat was not taken" not in caplog.text

    async def test_hundreds_of_tasks_share_one_timer_and_no_heartbeat_is_forgotten(
        self, client: Client, service: Faulty
    ) -> None:
        async def work(seconds: float) -> None:
            await asyncio.sleep(seconds)

        acting = activity(work, heartbeat=7)
        executions = [await start(client, acting, 30 + n % 10) for n in range(300)]
        async with Worker(client, acting, max_tasks=300):
            for execution in executions:
                await execution.wait(timeout=1e6)
        sent: dict[str, list[float]] = {}
        for call in service.of("send_task_heartbeat"):
            sent.setdefault(call.parameters["taskToken"], []).append(call.at)
        assert len(sent) == 300
        gaps = [later - at for times in sent.values() for at, later in itertools.pairwise(times)]
        assert gaps == pytest.approx([7] * len(gaps))
        assert {len(times) for times in sent.values()} == {4, 5}

    @pytest.mark.parametrize("shared", [True, False])
    async def test_over_http_first_ones_are_spread_out(self, service: Faulty, shared: bool) -> None:
        service.always("send_task_heartbeat", answers({}))
        begin, heartbeats = now(), Heartbeats(service, shared=shared)
        log = TaskLog(logging.getLogger("asfini.worker"), "token")
        for number in range(100):
            heartbeats.begin(f"token {number}", 10, log, lambda: None)
        await asyncio.sleep(10.5)
        await heartbeats.aclose()
        times = [call.at - begin for call in service.of("send_task_heartbeat")]
        assert len(times) == 100
        assert 5 <= min(times) <= max(times) <= 10.1
        assert (max(times) - min(times) > 3) == shared

    async def test_a_thread_whose_task_is_closed_can_tell_and_keeps_its_slot(
        self, client: Client, service: Faulty
    ) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work(n: int) -> str:
            if n == 2:
                return "second"
            loop.call_soon_threadsafe(begun.set)
            task = current_task()
            while not task.cancelled:
                pass
            assert len(service.of("get_activity_task")) == 1
            return "too late"

        acting = activity(work, heartbeat=0.05)
        executions = [await start(client, acting, n) for n in (1, 2)]
        async with Worker(client, acting, max_tasks=1):
            await begun.wait()
            await executions[0].stop()
            assert await executions[1].wait(timeout=60) == "second"
        assert len(service.of("send_task_success")) == 1

    async def test_a_coroutine_that_a_thread_gives_when_its_task_is_closed_is_cancelled(
        self, client: Client, service: Faulty
    ) -> None:
        ended: list[str] = []

        async def more() -> None:
            await asyncio.sleep(1)
            ended.append("more")

        def work() -> Any:
            task = current_task()
            while not task.cancelled:
                pass
            return more()

        service.always("send_task_heartbeat", raises(TaskTimedOut("gone")))
        acting = activity(work, heartbeat=0.05)
        await start(client, acting, timeout_seconds=30)
        async with Worker(client, acting):
            await asyncio.sleep(100)
        assert ended == []


class TestReports:
    @pytest.mark.parametrize(
        "error",
        [
            Throttled("slow down"),
            ConnectionFailed("no"),
            AccessDenied("no"),
            KeyError("odd"),
            asyncio.CancelledError(),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("operation", ["send_task_success", "send_task_failure"])
    async def test_one_that_is_not_taken_is_sent_again(
        self, client: Client, service: Faulty, operation: str, error: BaseException
    ) -> None:
        service.will(operation, raises(error), raises(error))
        if operation == "send_task_success":
            assert await do(client, activity(lambda: "done")) == "done"
        else:
            assert (await failure(client, raising(ValueError())))[0] == "ValueError"
        assert len(service.of(operation)) == 3

    @pytest.mark.parametrize("operation", ["send_task_success", "send_task_failure"])
    @pytest.mark.parametrize(
        "error", [Throttled("slow down"), InvalidOutput("no"), TaskTimedOut("gone"), KeyError(SECRET)]
    )
    async def test_one_that_is_never_taken_does_not_end_the_worker(
        self,
        client: Client,
        service: Faulty,
        operation: str,
        error: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async def fine() -> str:
            return "fine"

        bad = CallableActivity(
            "bad", raising(ValueError()) if "failure" in operation else lambda: 1, heartbeat=None
        )
        good = CallableActivity("good", fine)
        await client.register(good)
        stuck = await start(client, bad, timeout_seconds=300)
        service.always(operation, raises(error))
        async with Worker(client, [bad, good]):
            await stuck.wait(timeout=1e6, raise_on_failure=False)
            service.always(operation, well)
            assert await (await start(client, good)).wait(timeout=60) == "fine"
        assert SECRET not in caplog.text

    @pytest.mark.parametrize("answer", [None, 7, {"no": "sense"}])
    async def test_nonsense_in_answer_to_one_is_ignored(
        self, client: Client, service: Faulty, answer: Any
    ) -> None:
        async def answered(hand_on: Any) -> Any:
            await hand_on()
            return answer

        service.always("send_task_success", answered)
        service.always("send_task_heartbeat", answers(answer))
        assert await do(client, activity(lambda: "done")) == "done"

    @pytest.mark.parametrize("error", [None, "ValueError"])
    async def test_one_whose_answer_is_lost_and_that_is_then_refused_counts_as_taken(
        self, client: Client, service: Faulty, error: str | None
    ) -> None:
        def work() -> str:
            if error:
                raise ValueError
            return "done"

        acting = activity(work)
        execution = await start(client, acting)
        service.will("send_task_failure" if error else "send_task_success", lost, raises(Throttled()))
        async with Worker(client, acting) as worker:
            await execution.wait(timeout=60, raise_on_failure=False)
        assert (await execution.describe()).get("error") == error
        stats = worker.stats().activities["act"]
        assert (stats.done, stats.failed, stats.lost) == ((0, 1, 0) if error else (1, 0, 0))

    async def test_one_that_never_got_there_does_not(self, client: Client, service: Faulty) -> None:
        acting = activity(lambda: "done", heartbeat=None)
        execution = await start(client, acting, timeout_seconds=1)
        service.will("send_task_success", *[raises(Throttled())] * 5)
        async with Worker(client, acting) as worker:
            await execution.wait(timeout=60, raise_on_failure=False)
        assert worker.stats().activities["act"].lost == 1

    async def test_one_that_comes_too_late_does_no_harm(self, client: Client) -> None:
        async def slow() -> None:
            await asyncio.sleep(60)

        acting = activity(slow, heartbeat=None)
        await start(client, acting, timeout_seconds=30)
        async with Worker(client, acting, grace=60):
            await asyncio.sleep(45)


class TestDeferring:
    async def test_a_deferred_task_is_completed_by_its_token(self, client: Client, service: Faulty) -> None:
        tokens: asyncio.Queue[str] = asyncio.Queue()

        async def ask() -> str:
            await tokens.put(current_task().defer())
            return "not this"

        acting = activity(ask, heartbeat=None)
        execution = await start(client, acting)
        async with Worker(client, acting):
            token = await tokens.get()
        assert not service.of("send_task_success")
        await client.task(token).heartbeat()
        await client.task(token).succeed({"approved": True})
        assert await execution.wait(timeout=60) == {"approved": True}

    async def test_a_plain_function_may_defer_and_others_may_fail_the_task(self, client: Client) -> None:
        token: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def ask() -> None:
            token.get_loop().call_soon_threadsafe(token.set_result, current_task().defer())

        acting = activity(ask, heartbeat=None)
        execution = await start(client, acting)
        async with Worker(client, acting):
            await token
        await client.task(token.result()).fail("Refused", "not today")
        with pytest.raises(ExecutionFailed, match="Refused: not today"):
            await execution.wait(timeout=60)

    async def test_an_exception_fails_a_deferred_task_all_the_same(self, client: Client) -> None:
        async def ask() -> None:
            current_task().defer()
            raise CardDeclined

        assert (await failure(client, ask))[0] == "CardDeclined"

    async def test_a_deferred_task_is_not_reported_when_the_worker_stops(
        self, client: Client, service: Faulty
    ) -> None:
        async def ask() -> None:
            current_task().defer()
            await asyncio.sleep(3600)

        acting = activity(ask, heartbeat=None)
        execution = await start(client, acting)
        async with Worker(client, acting, grace=1):
            await settle()
        assert await execution.status() == "RUNNING"

    async def test_a_function_goes_on_when_others_complete_what_it_deferred(self, client: Client) -> None:
        ended = []

        async def ask() -> None:
            await client.task(current_task().defer()).succeed("by others")
            await asyncio.sleep(100)
            ended.append(current_task().cancelled)

        acting = activity(ask, heartbeat=20)
        execution = await start(client, acting)
        async with Worker(client, acting, grace=200):
            assert await execution.wait(timeout=60) == "by others"
        assert ended == [False]


class TestLogs:
    async def test_records_tell_activity_and_a_hash_but_no_payloads_and_no_tokens(
        self, client: Client, service: Faulty, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever happens: good and bad ends, rejected and failing calls."""
        caplog.set_level(logging.DEBUG)
        tokens = []

        def good(given: Any) -> Any:
            tokens.append(current_task().token)
            return [given, SECRET]

        async def bad(given: Any) -> Any:
            tokens.append(current_task().token)
            raise TaskFailed("CardDeclined", given)

        async def long(given: Any) -> Any:
            tokens.append(current_task().token)
            await asyncio.sleep(100)

        async def choosy(given: int) -> Any: ...

        async def odd(given: Any) -> Any:
            return {given, object()}

        leaky = [
            raises(KeyError(SECRET)),
            raises(Throttled(SECRET)),
            raises(ExceptionGroup(SECRET, [KeyError(SECRET)])),
        ]
        service.will("get_activity_task", *leaky, answers(SECRET), answers({"taskToken": [SECRET]}))
        service.will("send_task_success", *leaky)
        service.will("send_task_failure", *leaky)
        service.will("send_task_heartbeat", *leaky, raises(TaskTimedOut(SECRET)))
        activities = [CallableActivity(each.__name__, each) for each in (good, bad, long, choosy, odd)]
        await client.register(*activities)
        async with Worker(client, activities):
            for each in activities:
                execution = await start(client, each, SECRET, timeout_seconds=90)
                await execution.wait(raise_on_failure=False, timeout=1e6)
        told = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert len(tokens) == 3
        assert not [line for line in told if any(secret in line for secret in (SECRET, *tokens))]
        ours = [record for record in caplog.records if record.name.startswith("asfini.worker")]
        assert {record.activity for record in ours} == {each.name for each in activities}  # type: ignore[attr-defined]
        of_tasks = [record for record in ours if hasattr(record, "token_hash")]
        assert len({record.token_hash for record in of_tasks}) == 5
        for record in of_tasks:
            assert record.getMessage().startswith(f"{record.activity} task {record.token_hash}: ")  # type: ignore[attr-defined]
