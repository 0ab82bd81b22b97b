"""A worker's life: what it is made of, how it begins, who hears of its errors, what it leaves behind."""

import asyncio
import contextlib
import gc
import re
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from faults import Faulty, raises
from jobs import machine_of, settle, start

from asfini import Activity, ActivityRegistration, CallableActivity, Client, InvalidArgument, Worker
from asfini.errors import AccessDenied, ActivityDoesNotExist, ConnectionFailed

POLL = "get_activity_task"


def now() -> float:
    return asyncio.get_running_loop().time()


async def _echo(given: Any) -> Any:
    return given


echo = CallableActivity("echo", _echo)


class Unknown: ...


@contextlib.asynccontextmanager
async def slow() -> AsyncIterator[None]:
    await asyncio.sleep(5)
    yield


@contextlib.asynccontextmanager
async def endless() -> AsyncIterator[None]:
    await asyncio.get_running_loop().create_future()
    yield


@contextlib.asynccontextmanager
async def noted(log: list[str]) -> AsyncIterator[None]:
    log.append("open")
    try:
        yield
    finally:
        await asyncio.sleep(1)
        log.append("closed")


class TestMaking:
    @pytest.mark.parametrize(
        ("activities", "message"),
        [
            ([], "at least one activity"),
            (ActivityRegistration(), "at least one activity"),
            (Activity("plain"), r"activities with functions, not Activity\('plain'\)"),
            ([echo, Activity("plain")], r"activities with functions, not Activity\('plain'\)"),
            (_echo, "a worker needs activities, not <function _echo"),
            (7, "a worker needs activities, not 7"),
            ("echo", "activities with functions, not 'e'"),
            ([echo, CallableActivity("echo", _echo)], "two activities are named 'echo'"),
        ],
    )
    async def test_what_is_no_activity_with_a_function_is_refused(
        self, local_client: Client, activities: Any, message: str
    ) -> None:
        with pytest.raises(InvalidArgument, match=message):
            Worker(local_client, activities)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_tasks": 0}, "max_tasks is a positive whole number, not 0"),
            ({"max_polls": 1.5}, "max_polls is a positive whole number, not 1.5"),
            ({"max_threads": True}, "max_threads is a positive whole number, not True"),
            ({"grace": -1}, "grace is a number of seconds, not -1"),
            ({"grace": float("nan")}, "grace is a number of seconds, not nan"),
            ({"grace": "30"}, "grace is a number of seconds, not '30'"),
            ({"name": ""}, "a worker has a name of 1 to 80 characters"),
            ({"name": "a b"}, "a worker must not have ' ' in its name"),
            ({"client": "client"}, "a worker needs a client, not 'client'"),
        ],
    )
    async def test_options_that_make_no_sense_are_refused(
        self, local_client: Client, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidArgument, match=re.escape(message)):
            Worker(**{"client": local_client, "activities": echo, **options})

    async def test_a_client_that_was_not_opened_is_told_from_what_is_none(self) -> None:
        connecting: Any = contextlib.nullcontext()
        with pytest.raises(InvalidArgument, match=r"; `async with … as client` gives one$"):
            Worker(connecting, echo)

    async def test_annotations_that_cannot_be_read_are_refused_before_any_task_is_taken(
        self, local_client: Client
    ) -> None:
        async def pay(order: "Order") -> None: ...  # type: ignore[name-defined] # noqa: F821

        async def odd(order: Unknown) -> None: ...

        with pytest.raises(InvalidArgument, match=r"'order' of activity 'pay', .*'Order'.* not defined"):
            Worker(local_client, CallableActivity("pay", pay))
        with pytest.raises(InvalidArgument, match=r"'order' of activity 'odd', annotated as .*Unknown"):
            Worker(local_client, CallableActivity("odd", odd))

    async def test_it_has_a_name_of_its_own_that_histories_tell(self, local_client: Client) -> None:
        names = {Worker(local_client, echo).name for _ in range(3)}
        assert len(names) == 3
        execution = await start(local_client, echo)
        async with Worker(local_client, echo, name="ada") as worker:
            assert worker.name == "ada"
            await execution.wait(timeout=60)
        assert "worker: ada" in await execution.format_history()

    async def test_it_takes_one_activity_several_or_a_group(self, local_client: Client) -> None:
        group = ActivityRegistration()
        group.add_activity(echo)
        for given in (echo, [echo], iter([echo, echo]), group):
            execution = await start(local_client, echo, 1)
            async with Worker(local_client, given) as worker:
                assert {each.name for each in worker.activities} == {"echo"}
                assert await execution.wait(timeout=60) == 1


class TestBeginning:
    async def test_it_can_be_started_and_stopped_by_hand(self, local_client: Client) -> None:
        execution = await start(local_client, echo, 1)
        worker = Worker(local_client, echo)
        await worker.start()
        assert await execution.wait(timeout=60) == 1
        worker.end()
        await worker.join()
        await worker.stop()

    async def test_and_again_after_it_has_ended(self, local_client: Client) -> None:
        worker = Worker(local_client, echo)
        for n in range(3):
            execution = await start(local_client, echo, n)
            async with worker:
                assert await execution.wait(timeout=60) == n

    async def test_but_not_twice_at_once(self, local_client: Client) -> None:
        await local_client.register(echo)
        async with Worker(local_client, echo, name="ada") as worker:
            with pytest.raises(InvalidArgument, match="worker 'ada' works already"):
                await worker.start()
            with pytest.raises(InvalidArgument, match="worker 'ada' works already"):
                await worker.run(signals=False)
            assert await (await start(local_client, echo, 1)).wait(timeout=60) == 1

    async def test_ending_one_that_never_began_does_nothing(self, local_client: Client) -> None:
        worker = Worker(local_client, echo)
        worker.end()
        await worker.join()
        await worker.stop()

    @pytest.mark.parametrize("error", [AccessDenied("no credentials"), ConnectionFailed("no network")])
    async def test_an_account_that_cannot_be_found_out_is_an_error_at_once(
        self, local_client: Client, error: Exception
    ) -> None:
        class Nowhere(Faulty):
            async def account(self) -> Any:
                raise error

        entered = False
        with pytest.raises(type(error), match="no "):
            async with Worker(Client(Nowhere(local_client.service)), echo):
                entered = True
        assert not entered

    async def test_run_works_until_it_is_told_to_end(self, local_client: Client) -> None:
        execution = await start(local_client, echo, 1)
        worker = Worker(local_client, echo)
        running = asyncio.create_task(worker.run(signals=False))
        assert await execution.wait(timeout=60) == 1
        worker.end()
        await running

    async def test_run_ends_by_cancellation_when_its_tasks_are_done(self, local_client: Client) -> None:
        async def slow() -> str:
            await asyncio.sleep(20)
            return "done"

        activity = CallableActivity("slow", slow)
        execution = await start(local_client, activity)
        running = asyncio.create_task(Worker(local_client, activity).run())
        await settle()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await execution.output() == "done"

    async def test_run_raises_what_the_worker_cannot_go_on_for(self, local_client: Client) -> None:
        with pytest.raises(ActivityDoesNotExist, match="activity:echo"):
            await Worker(local_client, echo).run()

    async def test_one_that_is_told_to_end_while_it_begins_sends_no_poll(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(echo)
        worker = Worker(client, echo, resources={"slow": slow})
        starting = asyncio.create_task(worker.start())
        await settle()
        worker.end()
        await starting
        await worker.join()
        assert not service.of(POLL)

    async def test_nor_does_one_that_is_told_so_at_once(self, client: Client, service: Faulty) -> None:
        await client.register(echo)
        worker = Worker(client, echo)
        await worker.start()
        await worker.stop()
        assert not service.of(POLL)

    @pytest.mark.parametrize("stuck", ["account", "resource"])
    async def test_a_signal_while_it_begins_ends_it_at_once(self, local_client: Client, stuck: str) -> None:
        log: list[str] = []

        class Nowhere(Faulty):
            async def account(self) -> Any:
                if stuck == "account":
                    await asyncio.get_running_loop().create_future()
                return await super().account()

        resources = {"first": lambda: noted(log), "endless": endless}
        begin = now()
        running = asyncio.create_task(
            Worker(Client(Nowhere(local_client.service)), echo, resources=resources).run()
        )
        await settle()
        signal.raise_signal(signal.SIGTERM)
        await running
        assert now() - begin == (0 if stuck == "account" else 1)
        assert log == ([] if stuck == "account" else ["open", "closed"])

    async def test_run_gives_signals_back_to_whoever_had_them(self, local_client: Client) -> None:
        heard: list[str] = []
        await local_client.register(echo)
        loop, worker = asyncio.get_running_loop(), Worker(local_client, echo)
        loop.add_signal_handler(signal.SIGTERM, heard.append, "mine")
        before = signal.getsignal(signal.SIGINT)
        try:
            running = asyncio.create_task(worker.run())
            await settle()
            assert signal.getsignal(signal.SIGINT) != before
            worker.end()
            await running
            assert signal.getsignal(signal.SIGINT) == before
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(1)
            assert heard == ["mine"]
        finally:
            loop.remove_signal_handler(signal.SIGTERM)


class TestErrors:
    async def test_an_error_in_the_block_comes_out_as_itself(self, local_client: Client) -> None:
        await local_client.register(echo)
        error = KeyError("mine")
        with pytest.raises(KeyError) as raised:
            async with Worker(local_client, echo):
                raise error
        assert raised.value is error

    @pytest.mark.parametrize(
        "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), ExceptionGroup("g", [OSError()])]
    )
    async def test_so_does_any_other_kind(self, local_client: Client, error: BaseException) -> None:
        await local_client.register(echo)
        with pytest.raises(type(error)) as raised:
            async with Worker(local_client, echo):
                raise error
        assert raised.value is error

    async def test_even_if_the_worker_has_one_of_its_own_meanwhile(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(echo)

        async def work() -> None:
            async with Worker(client, echo):
                service.always(POLL, raises(AccessDenied("no")))
                raise KeyError("mine")

        with pytest.raises(KeyError):
            await work()

    async def test_what_the_block_makes_of_being_interrupted_comes_out(self, local_client: Client) -> None:
        async def work() -> None:
            async with Worker(local_client, echo):
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    raise KeyError("mine") from None

        with pytest.raises(KeyError):
            await work()
        assert not cancelling()

    @pytest.mark.parametrize("inside", ["sleep", "task group", "scope", "timeout", "join"])
    async def test_what_the_worker_cannot_go_on_for_ends_the_block_wherever_it_is(
        self, local_client: Client, inside: str
    ) -> None:
        async def work() -> None:
            async with Worker(local_client, echo) as worker, contextlib.AsyncExitStack() as stack:
                if inside == "task group":
                    group = await stack.enter_async_context(asyncio.TaskGroup())
                    group.create_task(asyncio.sleep(3600))
                elif inside == "scope":
                    other = await stack.enter_async_context(anyio.create_task_group())
                    other.start_soon(asyncio.sleep, 3600)
                    stack.enter_context(anyio.move_on_after(1800))
                elif inside == "timeout":
                    await stack.enter_async_context(asyncio.timeout(1800))
                elif inside == "join":
                    await worker.join()
                await asyncio.sleep(3600)

        begin = now()
        with pytest.raises(ActivityDoesNotExist):
            await work()
        assert now() == begin
        assert not cancelling()

    async def test_a_block_that_takes_no_notice_gets_it_at_its_end(self, local_client: Client) -> None:
        async def work() -> None:
            async with Worker(local_client, echo):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(3600)
                await asyncio.sleep(60)

        begin = now()
        with pytest.raises(ActivityDoesNotExist):
            await work()
        assert now() - begin == pytest.approx(60)
        assert not cancelling()

    async def test_blocks_within_one_another_each_end_with_theirs(self, local_client: Client) -> None:
        other = CallableActivity("other", _echo)
        await local_client.register(other)
        caught = []
        async with Worker(local_client, other):
            try:
                async with Worker(local_client, echo):
                    await asyncio.sleep(3600)
            except ActivityDoesNotExist as error:
                caught.append(error)
            assert await (await start(local_client, other, 1)).wait(timeout=60) == 1
        assert len(caught) == 1
        assert not cancelling()

    async def test_a_cancellation_from_outside_is_not_taken_back(self, local_client: Client) -> None:
        async def work() -> None:
            async with Worker(local_client, echo):
                await asyncio.sleep(3600)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, ActivityDoesNotExist)):
            await task
        assert task.cancelling() >= 1

    async def test_one_who_only_started_it_is_not_interrupted_but_told_when_joining(
        self, local_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        worker = Worker(local_client, echo)
        await worker.start()
        await asyncio.sleep(3600)
        assert "echo: the worker ends, for polls fail with ActivityDoesNotExist" in caplog.text
        for wait in (worker.join, worker.stop):
            with pytest.raises(ActivityDoesNotExist):
                await wait()


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@pytest.fixture
async def working(local_client: Client) -> AsyncIterator[Client]:
    """A fixture of a user's, which pytest-asyncio enters and leaves in two tasks."""
    await local_client.register(echo)
    async with Worker(local_client, echo):
        yield local_client


class TestOtherTasks:
    async def test_a_fixture_can_hold_the_block(self, working: Client) -> None:
        machine = machine_of(echo)
        await working.register(machine)
        assert await working.execute(machine, 1, timeout=60) == 1

    async def test_it_can_be_entered_by_one_task_and_left_by_another(self, local_client: Client) -> None:
        await local_client.register(echo)
        stack = contextlib.AsyncExitStack()
        await asyncio.create_task(stack.enter_async_context(Worker(local_client, echo)))
        assert await (await start(local_client, echo, 1)).wait(timeout=60) == 1
        await asyncio.create_task(stack.aclose())

    async def test_whoever_leaves_gets_the_error(self, local_client: Client) -> None:
        stack = contextlib.AsyncExitStack()
        await asyncio.create_task(stack.enter_async_context(Worker(local_client, echo)))
        await settle()
        leaving = asyncio.create_task(stack.aclose())
        with pytest.raises(ActivityDoesNotExist):
            await leaving
        assert not leaving.cancelling()

    async def test_a_web_application_can_hold_it_while_it_lives(self, local_client: Client) -> None:
        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await local_client.register(echo)
            async with Worker(local_client, echo):
                yield

        app, messages, sent = FastAPI(lifespan=lifespan), asyncio.Queue[Any](), asyncio.Queue[Any]()
        serving = asyncio.create_task(app({"type": "lifespan", "state": {}}, messages.get, sent.put))
        await messages.put({"type": "lifespan.startup"})
        assert (await sent.get())["type"] == "lifespan.startup.complete"
        assert await (await start(local_client, echo, 1)).wait(timeout=60) == 1
        await messages.put({"type": "lifespan.shutdown"})
        assert (await sent.get())["type"] == "lifespan.shutdown.complete"
        await serving


class TestLeaks:
    async def test_nothing_is_left_behind(self, local_client: Client) -> None:
        async def bad() -> None:
            raise OSError

        def threaded(_: Any) -> None: ...

        activities = [
            echo,
            CallableActivity("bad", bad),
            CallableActivity("threaded", threaded, heartbeat=0.001),
        ]
        await local_client.register(*activities)
        tasks, threads = asyncio.all_tasks(), threading.active_count()
        for _ in range(20):
            async with Worker(local_client, activities):
                for execution in [await start(local_client, each, 1) for each in activities]:
                    await execution.wait(timeout=1e6, raise_on_failure=False)
        assert asyncio.all_tasks() == tasks
        assert threading.active_count() <= threads + 1

    async def test_no_task_is_kept_once_it_is_done(self, local_client: Client) -> None:
        class Result(dict[str, int]): ...

        async def make(n: int) -> Result:
            return Result(n=n)

        activity = CallableActivity("make", make)
        await local_client.register(activity)
        async with Worker(local_client, activity):
            for n in range(10):
                await (await start(local_client, activity, n)).wait(timeout=60)
            gc.collect()
            assert not [each for each in gc.get_objects() if isinstance(each, Result)]
