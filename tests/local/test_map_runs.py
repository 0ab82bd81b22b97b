"""Map runs: changed while they run, and redriven with the executions that they belong to."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from executions import ended, history, local_service, machine, start

from asfini import errors
from asfini.errors import TaskFailed
from asfini.local.service import LocalService

WORK = "arn:aws:lambda:us-east-1:123456789012:function:work"
DAY = timedelta(days=1).total_seconds()


class Shop:
    """A function that fails of items that begin with "bad" until it is mended, and a store."""

    def __init__(self) -> None:
        self.broken = True
        self.locked = False
        self.calls: list[str] = []
        self.items = ["one", "bad"]
        self.written: dict[str, Any] = {}

    def work(self, item: str) -> str:
        """Do an item."""
        self.calls.append(item)
        if self.broken and item.startswith("bad"):
            raise TaskFailed("Boom")
        return item

    def read(self, _request: Any) -> str:
        """Read the items."""
        if self.locked:
            raise TaskFailed("S3.AccessDenied")
        return json.dumps(self.items)

    def write(self, request: dict[str, Any]) -> None:
        """Write an object."""
        if self.locked:
            raise TaskFailed("S3.AccessDenied")
        self.written[request["Key"].rpartition("/")[2]] = request["Body"]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def service(shop: Shop) -> AsyncIterator[LocalService]:
    async with local_service(handlers={"work": shop.work}) as service:
        yield service


def mapping(*, seconds: int = 0, kind: str = "STANDARD", **fields: Any) -> dict[str, Any]:
    """A machine that is one distributed Map, whose children may rest before they do their items."""
    work = {"Type": "Task", "Resource": WORK, "End": True}
    processor = machine(rest={"Type": "Wait", "Seconds": seconds, "Next": "work"}, work=work)
    config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    each = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, **fields, "End": True}
    return machine(each=each)


async def map_run(service: LocalService, arn: str) -> dict[str, Any]:
    """The description of an execution's only map run."""
    (entry,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
    return await service.call("describe_map_run", mapRunArn=entry["mapRunArn"])


async def children(service: LocalService, arn: str, **filters: Any) -> dict[str, dict[str, Any]]:
    """The children of an execution's map run as they are listed, by their inputs."""
    run = await map_run(service, arn)
    listed = await service.call("list_executions", mapRunArn=run["mapRunArn"], **filters)
    described = {}
    for entry in listed["executions"]:
        child = await service.call("describe_execution", executionArn=entry["executionArn"])
        described[json.loads(child["input"])] = entry
    return described


async def redriven(service: LocalService, arn: str) -> dict[str, Any]:
    """Redrive an execution; gives the description of its end."""
    await service.call("redrive_execution", executionArn=arn)
    return await ended(service, arn)


def counted(counts: dict[str, int]) -> dict[str, int]:
    """Counts that are not zero."""
    return {name: count for name, count in counts.items() if count}


class TestRedrives:
    async def test_children_that_failed_go_on_and_the_others_stay(
        self, service: LocalService, shop: Shop
    ) -> None:
        arn = await start(service, mapping(), ["one", "bad", "two"])
        failed = await ended(service, arn)
        assert failed["error"] == "States.ExceedToleratedFailureThreshold"
        before = await children(service, arn)
        shop.broken = False
        shop.calls.clear()
        described = await redriven(service, arn)
        assert json.loads(described["output"]) == ["one", "bad", "two"]
        assert shop.calls == ["bad"]
        after = await children(service, arn)
        assert {item: child["executionArn"] for item, child in after.items()} == {
            item: child["executionArn"] for item, child in before.items()
        }
        assert {item: child["redriveCount"] for item, child in after.items()} == {
            "one": 0,
            "bad": 1,
            "two": 0,
        }
        types = [event["type"] for event in await history(service, after["bad"]["executionArn"])]
        assert types[types.index("ExecutionFailed") :] == [
            *("ExecutionFailed", "ExecutionRedriven"),
            *("LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
            *("TaskStateExited", "ExecutionSucceeded"),
        ]

    async def test_the_history_says_that_the_map_run_goes_on(self, service: LocalService, shop: Shop) -> None:
        arn = await start(service, mapping(), ["bad"])
        await ended(service, arn)
        shop.broken = False
        await redriven(service, arn)
        events = await history(service, arn)
        types = [event["type"] for event in events]
        begin = types.index("ExecutionRedriven")
        assert types[begin:] == [
            *("ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded"),
            *("MapStateExited", "ExecutionSucceeded"),
        ]
        run = await map_run(service, arn)
        details = {"mapRunArn": run["mapRunArn"], "redriveCount": 1}
        assert events[begin + 1]["mapRunRedrivenEventDetails"] == details

    async def test_the_map_run_counts_its_redrives(self, service: LocalService, shop: Shop) -> None:
        arn = await start(service, mapping(ToleratedFailureCount=1), ["one", "bad 1", "bad 2"])
        await ended(service, arn)
        told = await map_run(service, arn)
        assert (told["redriveCount"], told["status"]) == (0, "FAILED")
        assert "redriveDate" not in told
        shop.broken = False
        await redriven(service, arn)
        told = await map_run(service, arn)
        assert (told["redriveCount"], told["status"]) == (1, "SUCCEEDED")
        assert told["redriveDate"] <= told["stopDate"]
        assert counted(told["itemCounts"]) == {"succeeded": 3, "total": 3, "resultsWritten": 3}

    async def test_children_that_were_cut_off_go_on_and_those_begin_that_had_not(
        self, service: LocalService, shop: Shop
    ) -> None:
        arn = await start(service, mapping(seconds=60, MaxConcurrency=2), ["one", "two", "three"])
        await asyncio.sleep(30)
        await service.call("stop_execution", executionArn=arn)
        described = await redriven(service, arn)
        assert json.loads(described["output"]) == ["one", "two", "three"]
        assert (described["stopDate"] - described["redriveDate"]).total_seconds() == pytest.approx(120, abs=1)
        redrives = {item: child["redriveCount"] for item, child in (await children(service, arn)).items()}
        assert redrives == {"one": 1, "two": 1, "three": 0}

    async def test_express_children_begin_anew_under_their_names(
        self, service: LocalService, shop: Shop
    ) -> None:
        arn = await start(service, mapping(kind="EXPRESS"), ["one", "bad"])
        await ended(service, arn)
        before = await children(service, arn)
        child = await service.call("describe_execution", executionArn=before["bad"]["executionArn"])
        assert child["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
        shop.broken = False
        assert json.loads((await redriven(service, arn))["output"]) == ["one", "bad"]
        bad = (await children(service, arn))["bad"]
        assert bad["executionArn"] == before["bad"]["executionArn"]
        assert "redriveDate" not in bad
        types = [event["type"] for event in await history(service, bad["executionArn"])]
        assert (types[0], types[1]) == ("ExecutionStarted", "WaitStateEntered")

    async def test_children_wait_for_their_redrives_until_there_is_room(
        self, service: LocalService, shop: Shop
    ) -> None:
        definition = mapping(seconds=10, MaxConcurrency=1, ToleratedFailureCount=1)
        definition["States"]["each"]["ItemProcessor"]["States"].update(
            work={"Type": "Task", "Resource": WORK, "Next": "more"},
            more={"Type": "Wait", "Seconds": 10, "End": True},
        )
        arn = await start(service, definition, ["bad 1", "bad 2", "three"])
        await ended(service, arn)
        shop.broken = False
        await service.call("redrive_execution", executionArn=arn)
        await asyncio.sleep(5)
        counts = {"running": 1, "pending": 1, "pendingRedrive": 1, "total": 3}
        assert counted((await map_run(service, arn))["executionCounts"]) == counts
        assert [*await children(service, arn, statusFilter="PENDING_REDRIVE")] == ["bad 2"]
        await service.call("stop_execution", executionArn=arn)
        await asyncio.sleep(1)
        counts = {"aborted": 1, "failed": 1, "pending": 1, "total": 3}
        assert counted((await map_run(service, arn))["executionCounts"]) == counts
        statuses = {item: child["status"] for item, child in (await children(service, arn)).items()}
        assert statuses == {"bad 1": "ABORTED", "bad 2": "FAILED"}
        assert json.loads((await redriven(service, arn))["output"]) == ["bad 1", "bad 2", "three"]

    async def test_a_child_that_waits_for_its_redrive_can_be_waited_for(
        self, service: LocalService, shop: Shop
    ) -> None:
        arn = await start(
            service, mapping(seconds=10, MaxConcurrency=1, ToleratedFailureCount=1), ["bad 1", "bad 2"]
        )
        await ended(service, arn)
        last = (await children(service, arn))["bad 2"]["executionArn"]
        shop.broken = False
        await service.call("redrive_execution", executionArn=arn)
        await asyncio.sleep(0)
        assert (await ended(service, last))["status"] == "SUCCEEDED"

    async def test_children_that_failed_too_long_ago_have_failed_for_good(
        self, service: LocalService, shop: Shop
    ) -> None:
        definition = mapping(seconds=int(8 * DAY), MaxConcurrency=1, ToleratedFailureCount=2)
        arn = await start(service, definition, ["bad 1", "bad 2", "bad 3"])
        await ended(service, arn)
        counts = {"failed": 3, "failuresNotRedrivable": 1, "total": 3}
        assert counted((await map_run(service, arn))["itemCounts"]) == counts
        shop.broken = False
        assert json.loads((await redriven(service, arn))["output"]) == ["bad 2", "bad 3"]
        counts = {"failed": 1, "failuresNotRedrivable": 1, "succeeded": 2, "total": 3, "resultsWritten": 3}
        assert counted((await map_run(service, arn))["itemCounts"]) == counts

    async def test_a_child_cannot_be_redriven_by_itself(self, service: LocalService) -> None:
        arn = await start(service, mapping(), ["bad"])
        await ended(service, arn)
        child = (await children(service, arn))["bad"]["executionArn"]
        described = await service.call("describe_execution", executionArn=child)
        assert described["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
        with pytest.raises(errors.ExecutionNotRedrivable, match="by its Map Run"):
            await service.call("redrive_execution", executionArn=child)

    async def test_a_map_run_can_be_redriven_a_thousand_times(self, service: LocalService) -> None:
        arn = await start(service, mapping(), ["bad"])
        await ended(service, arn)
        causes = {(await redriven(service, arn))["error"] for _ in range(1000)}
        assert causes == {"States.ExceedToleratedFailureThreshold"}
        described = await redriven(service, arn)
        assert (described["error"], described["redriveCount"]) == ("States.Runtime", 1001)
        assert (await map_run(service, arn))["redriveCount"] == 1000


READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Parameters": {"Bucket": "b", "Key": "k"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}


class TestStores:
    @pytest.fixture
    async def service(self, shop: Shop) -> AsyncIterator[LocalService]:
        handlers = {"work": shop.work, "s3:getObject": shop.read, "s3:putObject": shop.write}
        async with local_service(handlers=handlers) as service:
            yield service

    async def test_a_map_run_whose_items_could_not_be_read_is_begun_anew(
        self, service: LocalService, shop: Shop
    ) -> None:
        shop.locked = True
        arn = await start(service, mapping(ItemReader=READER), {})
        assert (await ended(service, arn))["error"] == "States.ItemReaderFailed"
        shop.locked, shop.broken = False, False
        assert json.loads((await redriven(service, arn))["output"]) == ["one", "bad"]
        listed = await service.call("list_map_runs", executionArn=arn)
        described = [
            await service.call("describe_map_run", mapRunArn=run["mapRunArn"]) for run in listed["mapRuns"]
        ]
        assert [(run["status"], run["redriveCount"]) for run in described] == [
            ("SUCCEEDED", 0),
            ("FAILED", 0),
        ]

    async def test_items_are_not_read_twice(self, service: LocalService, shop: Shop) -> None:
        arn = await start(service, mapping(ItemReader=READER), {})
        await ended(service, arn)
        shop.broken, shop.items = False, ["other"]
        assert json.loads((await redriven(service, arn))["output"]) == ["one", "bad"]

    async def test_results_that_could_not_be_written_are_written(
        self, service: LocalService, shop: Shop
    ) -> None:
        shop.locked = True
        arn = await start(service, mapping(ResultWriter=WRITER), ["one"])
        assert (await ended(service, arn))["error"] == "States.ResultWriterFailed"
        shop.locked = False
        assert (await redriven(service, arn))["status"] == "SUCCEEDED"
        assert shop.calls == ["one"]
        (record,) = json.loads(shop.written["SUCCEEDED_0.json"])
        assert record["RedriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"


class TestUpdates:
    async def test_more_children_run_at_once(self, service: LocalService) -> None:
        arn = await start(service, mapping(seconds=100, MaxConcurrency=1), ["one", "two", "three", "four"])
        await asyncio.sleep(50)
        run = await map_run(service, arn)
        await service.call("update_map_run", mapRunArn=run["mapRunArn"], maxConcurrency=3)
        await asyncio.sleep(1)
        told = await map_run(service, arn)
        assert told["maxConcurrency"] == 3
        assert counted(told["executionCounts"]) == {"running": 3, "pending": 1, "total": 4}
        await service.call("update_map_run", mapRunArn=run["mapRunArn"], maxConcurrency=0)
        await asyncio.sleep(1)
        assert counted((await map_run(service, arn))["executionCounts"]) == {"running": 4, "total": 4}

    async def test_fewer_children_begin(self, service: LocalService) -> None:
        arn = await start(service, mapping(seconds=100, MaxConcurrency=2), ["one", "two", "three", "four"])
        await asyncio.sleep(50)
        run = await map_run(service, arn)
        await service.call("update_map_run", mapRunArn=run["mapRunArn"], maxConcurrency=1)
        assert counted((await map_run(service, arn))["executionCounts"])["running"] == 2
        await asyncio.sleep(100)
        counts = {"running": 1, "pending": 1, "succeeded": 2, "total": 4}
        assert counted((await map_run(service, arn))["executionCounts"]) == counts

    @pytest.mark.parametrize(
        "limit", [{"toleratedFailureCount": 0}, {"toleratedFailurePercentage": 24.5}], ids=str
    )
    async def test_a_map_run_that_may_fail_less_fails_at_once(
        self, service: LocalService, limit: dict[str, Any]
    ) -> None:
        definition = mapping(seconds=10, MaxConcurrency=1, ToleratedFailurePercentage=50)
        arn = await start(service, definition, ["bad", "two", "three", "four"])
        await asyncio.sleep(15)
        run = await map_run(service, arn)
        await service.call("update_map_run", mapRunArn=run["mapRunArn"], **limit)
        described = await ended(service, arn)
        assert described["error"] == "States.ExceedToleratedFailureThreshold"
        told = await map_run(service, arn)
        assert {name: told[name] for name in limit} == limit
        assert counted(told["itemCounts"]) == {"failed": 1, "aborted": 1, "pending": 2, "total": 4}

    async def test_a_map_run_that_may_fail_more_goes_on(self, service: LocalService) -> None:
        arn = await start(service, mapping(seconds=10), ["bad", "two"])
        await asyncio.sleep(5)
        run = await map_run(service, arn)
        await service.call("update_map_run", mapRunArn=run["mapRunArn"], toleratedFailurePercentage=50)
        assert json.loads((await ended(service, arn))["output"]) == ["two"]

    async def test_a_map_run_that_has_ended_stays_as_it_is(self, service: LocalService) -> None:
        arn = await start(service, mapping(), ["one"])
        await ended(service, arn)
        run = await map_run(service, arn)
        with pytest.raises(errors.ValidationException, match="SUCCEEDED"):
            await service.call("update_map_run", mapRunArn=run["mapRunArn"], maxConcurrency=1)

    async def test_a_map_run_that_is_not_there_is_refused(self, service: LocalService) -> None:
        arn = "arn:aws:states:us-east-1:123456789012:mapRun:machine/label:none"
        with pytest.raises(errors.ResourceNotFound):
            await service.call("update_map_run", mapRunArn=arn, maxConcurrency=1)


async def test_children_are_listed_with_the_numbers_of_their_items(service: LocalService) -> None:
    definition = mapping(ItemBatcher={"MaxItemsPerBatch": 2})
    definition["States"]["each"]["ItemProcessor"]["StartAt"] = "keep"
    definition["States"]["each"]["ItemProcessor"]["States"] = {"keep": {"Type": "Succeed"}}
    arn = await start(service, definition, ["one", "two", "three"])
    await ended(service, arn)
    run = await map_run(service, arn)
    listed = await service.call("list_executions", mapRunArn=run["mapRunArn"])
    assert [entry["itemCount"] for entry in listed["executions"]] == [1, 2]


async def test_children_are_listed_by_whether_they_were_redriven(service: LocalService, shop: Shop) -> None:
    arn = await start(service, mapping(), ["one", "bad"])
    await ended(service, arn)
    shop.broken = False
    await redriven(service, arn)
    assert [*await children(service, arn, redriveFilter="REDRIVEN")] == ["bad"]
    assert [*await children(service, arn, redriveFilter="NOT_REDRIVEN")] == ["one"]
