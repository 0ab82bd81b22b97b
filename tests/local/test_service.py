"""The local service's life: opened, closed with all that waits, and opened again."""

import asyncio
from typing import Any

import anyio
import pytest

from asfini import Activity, Client, InvalidArgument, Pass, Task, Wait, construct_state_machine, local
from asfini._arns import Account
from asfini.errors import ConnectionFailed, ServiceClosed
from asfini.local import LocalService
from asfini.testing import virtual_time

waiting = construct_state_machine("waiting", Wait("wait", 3600))
pay = Activity("pay")


async def opened(service: LocalService) -> Client:
    await service.__aenter__()
    client = Client(service)
    await client.register(waiting, pay)
    return client


async def left(*works: Any) -> list[Any]:
    """Leave a service while something waits for it; what comes of that."""
    service = LocalService()
    client = await opened(service)
    execution = await client.start_execution(waiting)
    tasks = [asyncio.create_task(work(client, execution)) for work in works]
    await anyio.sleep(1)
    await service.__aexit__(None, None, None)
    done, _ = await asyncio.wait(tasks, timeout=10)
    assert len(done) == len(tasks)
    return [task.exception() for task in tasks]


class TestClosing:
    async def test_whoever_waits_for_an_execution_is_told(self) -> None:
        with virtual_time():
            [error] = await left(lambda _, execution: execution.wait())
        assert isinstance(error, InvalidArgument)
        assert "the local service is closed" in str(error)

    async def test_whoever_follows_a_history_is_told(self) -> None:
        async def follow(_: Client, execution: Any) -> None:
            async for _event in execution.history(follow=True):
                pass

        with virtual_time():
            [error] = await left(follow)
        assert "the local service is closed" in str(error)

    async def test_open_polls_fail(self) -> None:
        def poll(client: Client, _: Any) -> Any:
            arn = "arn:aws:states:us-east-1:123456789012:activity:pay"
            return client.service.call("get_activity_task", activityArn=arn)

        with virtual_time():
            found = await left(poll, poll)
        assert [type(error) for error in found] == [ConnectionFailed] * 2
        assert str(found[0]).startswith("get_activity_task: ConnectionFailed: the service was closed")

    async def test_what_still_runs_is_dropped(self) -> None:
        steps: list[str] = []

        async def slowly(given: Any) -> None:
            steps.append("began")
            try:
                await anyio.sleep(3600)
            finally:
                steps.append("dropped")

        with virtual_time():
            async with local.connect(handlers={"sqs:sendMessage": slowly}) as client:
                machine = construct_state_machine("shop", Task("send", "sqs:sendMessage"))
                await client.register(machine)
                await client.start_execution(machine)
                await anyio.sleep(1)
        assert steps == ["began", "dropped"]

    async def test_nothing_is_left_of_thousands(self) -> None:
        before = len(asyncio.all_tasks())
        with virtual_time():
            async with local.connect() as client:
                await client.register(waiting)
                for _ in range(2000):
                    await client.start_execution(waiting)
                await anyio.sleep(1)
        assert len(asyncio.all_tasks()) == before

    async def test_an_execution_that_was_never_given_a_turn_is_dropped_too(self) -> None:
        async with local.connect() as client:
            await client.register(waiting)
            await client.start_execution(waiting)

    async def test_an_execution_that_was_to_go_on_stays_stopped(self) -> None:
        async def slowly(_given: Any) -> None:
            try:
                await anyio.sleep(3600)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(10)

        with virtual_time():
            before = len(asyncio.all_tasks())
            async with local.connect(handlers={"sqs:sendMessage": slowly}) as client:
                machine = construct_state_machine("shop", Task("send", "sqs:sendMessage"))
                await client.register(machine)
                execution = await client.start_execution(machine)
                await anyio.sleep(1)
                await execution.stop()
                redriving = asyncio.create_task(execution.redrive())
                await anyio.sleep(1)
            with pytest.raises(ServiceClosed, match=r"^cannot redrive an execution: "):
                await redriving
            assert len(asyncio.all_tasks()) == before

    async def test_leaving_is_not_cut_short(self) -> None:
        service = LocalService()
        client = await opened(service)
        await client.start_execution(waiting)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await service.__aexit__(None, None, None)
        assert len(asyncio.all_tasks()) == 1


class TestClosed:
    @pytest.mark.parametrize("once_open", [True, False])
    async def test_a_closed_service_answers_nothing(self, once_open: bool) -> None:
        service = LocalService()
        if once_open:
            await opened(service)
            await service.__aexit__(None, None, None)
        with pytest.raises(InvalidArgument, match="cannot call 'list_activities': the local service is clos"):
            await service.call("list_activities")
        with pytest.raises(InvalidArgument, match="the local service is closed"):
            await service.changed("arn:aws:states:us-east-1:123456789012:execution:a:b", 1)

    async def test_opened_again_it_is_empty(self) -> None:
        service = LocalService()
        for _ in range(2):
            async with service:
                client = Client(service)
                assert [entry async for entry in client.list_activities()] == []
                await client.register(pay)


class TestConnect:
    async def test_the_account_is_the_one_it_plays(self) -> None:
        async with local.connect(region="eu-west-1", account_id="111122223333") as client:
            assert await client.account() == Account("aws", "eu-west-1", "111122223333")

    async def test_open_tokens_are_told_the_oldest_first(self) -> None:
        async with local.connect() as client:
            assert isinstance(client.service, LocalService)
            await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
            for _ in range(2):
                await client.start_execution("shop")
            arn = "arn:aws:states:us-east-1:123456789012:activity:pay"
            tasks = [await client.service.call("get_activity_task", activityArn=arn) for _ in range(2)]
            assert client.service.open_tokens == [task["taskToken"] for task in tasks]

    async def test_two_services_know_nothing_of_each_other(self) -> None:
        async with local.connect() as one, local.connect() as other:
            await one.register(construct_state_machine("shop", Pass("a")))
            assert not await other.is_registered("shop")

    async def test_it_may_be_left_by_another_task(self) -> None:
        block = local.connect()
        client = await asyncio.create_task(block.__aenter__())
        await client.register(waiting)
        await client.start_execution(waiting)
        await block.__aexit__(None, None, None)

    @pytest.mark.parametrize(
        ("options", "culprit"),
        [
            ({"region": ""}, "region"),
            ({"region": 5}, "region"),
            ({"account_id": "12"}, "account_id"),
            ({"account_id": 123456789012}, "account_id"),
            ({"poll_seconds": -1}, "poll_seconds"),
            ({"poll_seconds": "60"}, "poll_seconds"),
            ({"handlers": {"sqs:sendMessage": 5}}, "sqs:sendMessage"),
            ({"handlers": {5: print}}, "5"),
            ({"handlers": 5}, "handlers"),
            ({"seed": "x"}, "seed"),
        ],
    )
    async def test_what_makes_no_sense_is_refused(self, options: Any, culprit: str) -> None:
        with pytest.raises(InvalidArgument, match=culprit):
            async with local.connect(**options):
                pass
