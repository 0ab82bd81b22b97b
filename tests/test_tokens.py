"""Tasks by token: completed from afar, and done in a block that reports by itself."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

import anyio
import pytest
from faults import Faulty, hangs, late, raises, well
from jobs import settle

from asfini import (
    Client,
    Execution,
    ExecutionFailed,
    InvalidArgument,
    Task,
    TaskFailed,
    construct_state_machine,
)
from asfini.errors import (
    AccessDenied,
    ConnectionFailed,
    InvalidToken,
    ServiceError,
    TaskDoesNotExist,
    TaskTimedOut,
    Throttled,
)

SECRET = "pa55w0rd"
BEAT, SUCCESS, FAILURE = "send_task_heartbeat", "send_task_success", "send_task_failure"


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def tokens() -> list[str]:
    """The tokens of tasks that wait for somebody to complete them."""
    return []


@pytest.fixture
def local_client_options(tokens: list[str]) -> dict[str, Any]:
    return {"handlers": {"sqs:sendMessage.waitForTaskToken": lambda given: tokens.append(given["token"])}}


@pytest.fixture
def service(local_client: Client) -> Faulty:
    return Faulty(local_client.service)


@pytest.fixture
def client(service: Faulty) -> Client:
    return Client(service)


async def asked(client: Client, **fields: Any) -> Execution:
    """An execution that waits for a token to be used."""
    ask = Task("ask", "sqs:sendMessage.waitForTaskToken", parameters={"token.$": "$$.Task.Token"}, **fields)
    machine = construct_state_machine("asks", ask)
    await client.register(machine, allow_update=True)
    execution = await client.start_execution(machine)
    await settle()
    return execution


@pytest.fixture
async def execution(client: Client) -> Execution:
    """An execution that waits for a token to be used, and does not mind how long."""
    return await asked(client)


@pytest.fixture
async def impatient(client: Client) -> Execution:
    """An execution that waits for a token to be used, and for signs of life meanwhile."""
    return await asked(client, heartbeat_seconds=25)


class TestFromAfar:
    async def test_a_task_can_be_completed(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        await client.task(tokens[0]).succeed({"n": 1})
        assert await execution.wait(timeout=60) == {"n": 1}

    async def test_or_failed(self, client: Client, execution: Execution, tokens: list[str]) -> None:
        await client.task(tokens[0]).fail("x" * 300, "y" * 40_000)
        with pytest.raises(ExecutionFailed) as failed:
            await execution.wait(timeout=60)
        assert (failed.value.error, failed.value.cause) == ("x" * 256, "y" * 32_768)

    async def test_or_kept_alive(self, client: Client, impatient: Execution, tokens: list[str]) -> None:
        for _ in range(10):
            await asyncio.sleep(20)
            await client.task(tokens[0]).heartbeat()
        await client.task(tokens[0]).succeed()
        assert await impatient.wait(timeout=60) is None

    @pytest.mark.parametrize("use", ["succeed", "fail", "heartbeat"])
    async def test_but_not_once_it_is_closed(
        self, client: Client, execution: Execution, tokens: list[str], use: str
    ) -> None:
        await client.task(tokens[0]).succeed()
        task = client.task(tokens[0])
        with pytest.raises(TaskTimedOut):
            await (task.fail("Late") if use == "fail" else getattr(task, use)())

    async def test_what_cannot_be_sent_is_refused_before(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        task = client.task(tokens[0])
        with pytest.raises(InvalidArgument, match="the output cannot be written as JSON"):
            await task.succeed(object())
        with pytest.raises(InvalidArgument, match="the output has 262,145 bytes"):
            await task.succeed("x" * 262_143)
        with pytest.raises(InvalidArgument, match="a failure's error is text, not ValueError"):
            await task.fail(ValueError())  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="a failure's cause is text, not None"):
            await task.fail("Error", None)  # type: ignore[arg-type]
        assert not service.of(SUCCESS) + service.of(FAILURE)

    @pytest.mark.parametrize("token", ["", None, 7, b"token"])
    async def test_a_token_is_text(self, client: Client, token: Any) -> None:
        with pytest.raises(InvalidArgument, match="a task's token is text that is not empty"):
            client.task(token)

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "20"])
    async def test_an_interval_is_a_positive_number(self, client: Client, seconds: Any) -> None:
        with pytest.raises(InvalidArgument, match="a task's heartbeat is a positive number of seconds, not "):
            client.task("token", heartbeat=seconds)


async def in_asyncio_timeout(work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(1):
        await work


async def in_scope(work: Coroutine[Any, Any, None]) -> None:
    with anyio.fail_after(1):
        await work


class TestBlock:
    async def test_it_reports_its_output_when_it_ends(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        async with client.task(tokens[0]) as task:
            task.output = {"n": 1}
        assert await execution.wait(timeout=60) == {"n": 1}

    async def test_without_one_null(self, client: Client, execution: Execution, tokens: list[str]) -> None:
        async with client.task(tokens[0]):
            pass
        assert await execution.wait(timeout=60) is None

    async def test_it_sends_heartbeats_from_the_beginning(
        self, client: Client, service: Faulty, impatient: Execution, tokens: list[str]
    ) -> None:
        await asyncio.sleep(20)
        begin = now()
        async with client.task(tokens[0]):
            await asyncio.sleep(90)
        assert await impatient.wait(timeout=60) is None
        assert [call.at - begin for call in service.of(BEAT)] == pytest.approx([0, 20, 40, 60, 80])

    async def test_at_the_interval_that_is_asked_for_or_not_at_all(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        async with client.task(tokens[0], heartbeat=45):
            await asyncio.sleep(100)
        assert len(service.of(BEAT)) == 3
        await asked(client)
        async with client.task(tokens[1], heartbeat=None):
            await asyncio.sleep(100)
        assert len(service.of(BEAT)) == 3

    @pytest.mark.parametrize(
        "error", [ValueError("no"), SystemExit(3), ExceptionGroup("g", [OSError(), KeyError()])]
    )
    async def test_an_exception_is_reported_and_goes_on(
        self, client: Client, execution: Execution, tokens: list[str], error: BaseException
    ) -> None:
        with pytest.raises(type(error)) as raised:
            async with client.task(tokens[0]):
                raise error
        assert raised.value is error
        with pytest.raises(ExecutionFailed, match=type(error).__name__):
            await execution.wait(timeout=60)

    async def test_task_failed_chooses_its_name(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        with pytest.raises(TaskFailed):
            async with client.task(tokens[0]):
                raise TaskFailed("CardDeclined", "over the limit")
        with pytest.raises(ExecutionFailed, match="CardDeclined: over the limit"):
            await execution.wait(timeout=60)

    @pytest.mark.parametrize("output", [object(), "x" * 300_000])
    async def test_an_output_that_cannot_be_sent_fails_the_task(
        self, client: Client, execution: Execution, tokens: list[str], output: Any
    ) -> None:
        with pytest.raises(InvalidArgument, match="the output "):
            async with client.task(tokens[0]) as task:
                task.output = output
        with pytest.raises(ExecutionFailed, match="TaskOutputInvalid: the output "):
            await execution.wait(timeout=60)

    async def test_a_block_that_is_cancelled_fails_the_task(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        service.always(FAILURE, late(1))
        with anyio.move_on_after(10):
            async with client.task(tokens[0]):
                await asyncio.sleep(3600)
        with pytest.raises(ExecutionFailed, match="CancelledError"):
            await execution.wait(timeout=60)

    @pytest.mark.parametrize("limit", [in_asyncio_timeout, in_scope])
    async def test_what_strikes_while_it_reports_does_not_lose_the_output(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str], limit: Any
    ) -> None:
        service.always(SUCCESS, late(5))

        async def work() -> None:
            async with client.task(tokens[0], heartbeat=None) as task:
                task.output = "charged"
            await asyncio.sleep(0)

        begin = now()
        with pytest.raises(TimeoutError):
            await limit(work())
        assert now() - begin == pytest.approx(5)
        assert await execution.wait(timeout=60) == "charged"

    async def test_whoever_cancels_it_twice_does_not_wait_but_is_told(
        self,
        client: Client,
        service: Faulty,
        execution: Execution,
        tokens: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        service.always(SUCCESS, hangs)

        async def work() -> None:
            async with client.task(tokens[0], heartbeat=None):
                pass

        begin, working = now(), asyncio.create_task(work())
        for _ in range(2):
            await settle()
            working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert now() == begin
        assert "whether its end was taken is not known" in caplog.text

    async def test_it_can_be_entered_by_one_task_and_left_by_another(
        self, client: Client, impatient: Execution, tokens: list[str]
    ) -> None:
        stack = contextlib.AsyncExitStack()
        await asyncio.create_task(stack.enter_async_context(client.task(tokens[0])))
        await asyncio.sleep(100)
        await asyncio.create_task(stack.aclose())
        assert await impatient.wait(timeout=60) is None

    async def test_nothing_is_left_behind(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        before = asyncio.all_tasks()
        async with client.task(tokens[0]):
            await settle()
        await execution.wait(timeout=60)
        assert asyncio.all_tasks() <= before


class TestClosedMeanwhile:
    async def test_a_block_is_not_entered_if_its_task_is_closed(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        await client.task(tokens[0]).succeed()
        entered = False
        with pytest.raises(TaskTimedOut):
            async with client.task(tokens[0]):
                entered = True
        assert not entered

    @pytest.mark.parametrize("rejection", [TaskTimedOut("gone"), TaskDoesNotExist("gone")])
    async def test_it_is_cancelled_when_a_heartbeat_tells_so(
        self,
        client: Client,
        service: Faulty,
        execution: Execution,
        tokens: list[str],
        rejection: ServiceError,
    ) -> None:
        async def work() -> None:
            async with client.task(tokens[0]):
                await asyncio.sleep(3600)

        begin = now()
        service.will(BEAT, well, raises(rejection))
        with pytest.raises(type(rejection)) as raised:
            await work()
        assert raised.value is rejection
        assert now() - begin == pytest.approx(20)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert not service.of(SUCCESS) + service.of(FAILURE)

    async def test_it_is_told_at_its_end_if_no_heartbeat_did(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        with pytest.raises(TaskTimedOut):
            async with client.task(tokens[0]):
                await client.task(tokens[0]).succeed("by others")
        assert await execution.wait(timeout=60) == "by others"

    async def test_an_exception_of_its_own_goes_on_all_the_same(
        self, client: Client, execution: Execution, tokens: list[str]
    ) -> None:
        async def fail(token: str, seconds: float) -> None:
            async with client.task(token):
                await client.task(token).succeed("by others")
                try:
                    await asyncio.sleep(seconds)
                finally:
                    raise KeyError("mine")

        await asked(client)
        for token, seconds in zip(tokens, (0, 3600), strict=True):
            with pytest.raises(KeyError):
                await fail(token, seconds)


class TestShakyService:
    @pytest.mark.parametrize(
        "error",
        [Throttled("slow down"), ConnectionFailed("no"), AccessDenied("no"), KeyError("odd")],
        ids=repr,
    )
    async def test_heartbeats_and_the_end_are_tried_again(
        self, client: Client, service: Faulty, impatient: Execution, tokens: list[str], error: Exception
    ) -> None:
        service.will(BEAT, raises(error), raises(error), well, raises(error))
        service.will(SUCCESS, raises(error), raises(error))
        async with client.task(tokens[0]) as task:
            await asyncio.sleep(60)
            task.output = "done"
        assert await impatient.wait(timeout=60) == "done"

    async def test_a_heartbeat_without_an_answer_does_not_hold_up_the_block(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        service.always(BEAT, hangs)
        begin = now()
        async with client.task(tokens[0]):
            assert now() - begin <= 5
        assert await execution.wait(timeout=60) is None

    async def test_an_end_that_is_never_taken_is_an_error(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        service.always(SUCCESS, raises(Throttled("slow down")))
        with pytest.raises(Throttled):
            async with client.task(tokens[0]):
                pass
        assert len(service.of(SUCCESS)) > 3

    async def test_but_does_not_hide_the_one_that_the_block_had(
        self, client: Client, service: Faulty, execution: Execution, tokens: list[str]
    ) -> None:
        service.always(FAILURE, raises(KeyError("odd")))
        with pytest.raises(ValueError, match="mine"):
            async with client.task(tokens[0]):
                raise ValueError("mine")

    async def test_a_token_of_nobody_is_an_error(self, client: Client) -> None:
        with pytest.raises(InvalidToken):
            async with client.task("nonsense"):
                pass

    async def test_logs_have_neither_tokens_nor_payloads(
        self,
        client: Client,
        service: Faulty,
        execution: Execution,
        tokens: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        service.will(BEAT, raises(KeyError(SECRET)), raises(Throttled(SECRET)))
        service.always(FAILURE, raises(KeyError(SECRET)))

        async def fail() -> None:
            async with client.task(tokens[0]):
                await asyncio.sleep(100)
                raise ValueError(SECRET)

        with pytest.raises(ValueError, match=SECRET):
            await fail()
        records = [record for record in caplog.records if record.name == "asfini.tokens"]
        assert len(records) > 3
        for record in caplog.records:
            assert SECRET not in f"{record.getMessage()} {record.__dict__}"
            assert tokens[0] not in f"{record.getMessage()} {record.__dict__}"
