"""Distributed maps: their children, their map runs, and where they read and write."""

import asyncio
import csv
import gzip
import json
from typing import Any

import pytest
from executions import ended, history, local_service, machine, run, start

from asfini import errors
from asfini.asl.map import ReaderConfig
from asfini.local import datasets


def mapping(
    *, kind: str = "STANDARD", processor: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A machine that is one distributed Map."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    processor = processor or machine(keep={"Type": "Pass", "End": True})
    return machine(
        each={"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, **fields, "End": True}
    )


REST = machine(rest={"Type": "Wait", "SecondsPath": "$", "End": True})


async def test_each_child_is_an_execution_with_a_history_of_its_own() -> None:
    async with local_service() as service:
        arn = await start(service, mapping(Label="shop"), ["tea"])
        await ended(service, arn)
        (map_run,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
        assert map_run["stateMachineArn"].endswith(":stateMachine:machine/shop")
        (child,) = [run.arn for run in service._runner.runs.values() if run.map_run_arn is not None]
        described = await service.call("describe_execution", executionArn=child)
        assert described["stateMachineArn"] == map_run["stateMachineArn"]
        assert (described["input"], described["output"]) == ('"tea"', '"tea"')
        assert [event["type"] for event in await history(service, child)] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]


async def test_a_map_run_counts_items_and_children() -> None:
    batches = {"MaxItemsPerBatch": 2}
    async with local_service() as service:
        arn = await start(service, mapping(ItemBatcher=batches, MaxConcurrency=5), [1, 2, 3])
        await ended(service, arn)
        (entry,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
        told = await service.call("describe_map_run", mapRunArn=entry["mapRunArn"])
    assert (told["status"], told["maxConcurrency"], told["toleratedFailureCount"]) == ("SUCCEEDED", 5, 0)
    assert told["itemCounts"] == {
        "aborted": 0,
        "failed": 0,
        "failuresNotRedrivable": 0,
        "pending": 0,
        "pendingRedrive": 0,
        "resultsWritten": 3,
        "running": 0,
        "succeeded": 3,
        "timedOut": 0,
        "total": 3,
    }
    assert told["executionCounts"]["succeeded"] == 2


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
async def test_the_children_of_a_map_run_are_listed(kind: str) -> None:
    async with local_service() as service:
        arn = await start(service, mapping(kind=kind, MaxConcurrency=1), [1, 2, 3])
        await ended(service, arn)
        (entry,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
        given = {"mapRunArn": entry["mapRunArn"]}
        first = await service.call("list_executions", **given, maxResults=2)
        rest = await service.call("list_executions", **given, nextToken=first["nextToken"])
        failed = await service.call("list_executions", **given, statusFilter="FAILED")
        children = [*first["executions"], *rest["executions"]]
        inputs = [
            (await service.call("describe_execution", executionArn=child["executionArn"]))["input"]
            for child in children
        ]
    assert inputs == ["3", "2", "1"]
    assert {child["mapRunArn"] for child in children} == {entry["mapRunArn"]}
    assert failed == {"executions": []}


async def test_executions_are_listed_of_a_machine_or_of_a_map_run() -> None:
    prefix = "arn:aws:states:us-east-1:123456789012:"
    both = {"stateMachineArn": f"{prefix}stateMachine:m", "mapRunArn": f"{prefix}mapRun:m/label:run"}
    async with local_service() as service:
        for given in ({}, both):
            with pytest.raises(errors.ValidationException, match="stateMachineArn or a mapRunArn"):
                await service.call("list_executions", **given)
        with pytest.raises(errors.ResourceNotFound):
            await service.call("list_executions", mapRunArn=both["mapRunArn"])


async def test_too_many_failures_abort_the_children_that_still_run() -> None:
    refuse = machine(
        pick={
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "no"}],
            "Default": "rest",
        },
        no={"Type": "Fail", "Error": "Broken"},
        rest={"Type": "Wait", "SecondsPath": "$", "End": True},
    )
    async with local_service() as service:
        arn = await start(service, mapping(processor=refuse, MaxConcurrency=2), [3600, 0, 1])
        described = await ended(service, arn)
        (entry,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
        told = await service.call("describe_map_run", mapRunArn=entry["mapRunArn"])
    assert described["error"] == "States.ExceedToleratedFailureThreshold"
    counts = told["itemCounts"]
    assert told["status"] == "FAILED"
    assert (counts["failed"], counts["aborted"], counts["pending"]) == (1, 1, 1)


async def test_an_execution_that_is_stopped_aborts_its_map_run_and_children() -> None:
    async with local_service() as service:
        arn = await start(service, mapping(processor=REST), [3600])
        await asyncio.sleep(60)  # in virtual time
        await service.call("stop_execution", executionArn=arn)
        parent, child = service._runner.runs.values()
        await asyncio.wait([task for task in (parent.task, child.task) if task is not None])
        (entry,) = (await service.call("list_map_runs", executionArn=arn))["mapRuns"]
        told = await service.call("describe_map_run", mapRunArn=entry["mapRunArn"])
    assert (child.status, told["status"], told["itemCounts"]["aborted"]) == ("ABORTED", "ABORTED", 1)


async def test_express_children_are_named_as_such() -> None:
    async with local_service() as service:
        await run(service, mapping(kind="EXPRESS"), [1])
        (child,) = [run for run in service._runner.runs.values() if run.map_run_arn is not None]
    assert ":express:machine/" in child.arn


async def test_hundreds_of_children_run_at_once() -> None:
    async with local_service() as service:
        arn = await start(service, mapping(processor=REST), [60] * 500)
        assert json.loads((await ended(service, arn))["output"]) == [60] * 500
        events = await history(service, arn)
    assert (events[-1]["timestamp"] - events[0]["timestamp"]).total_seconds() == pytest.approx(60, abs=0.01)


async def test_results_are_written_with_a_manifest() -> None:
    written: dict[str, str] = {}

    def put(request: dict[str, Any]) -> None:
        written[request["Key"]] = request["Body"]

    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}}
    refuse = machine(no={"Type": "Fail", "Error": "Broken", "Cause": "a cup"})
    async with local_service(handlers={"s3:putObject": put}) as service:
        definition = mapping(processor=refuse, ResultWriter=writer, ToleratedFailurePercentage=100)
        output = json.loads((await run(service, definition, ["tea"]))["output"])
    key = output["ResultWriterDetails"]["Key"]
    folder = f"out/{output['MapRunArn'].rpartition(':')[2]}"
    assert key == f"{folder}/manifest.json"
    failed = f"{folder}/FAILED_0.json"
    manifest = json.loads(written[key])
    assert manifest["ResultFiles"] == {
        "FAILED": [{"Key": failed, "Size": len(written[failed])}],
        "PENDING": [],
        "SUCCEEDED": [],
    }
    (record,) = json.loads(written[failed])
    assert (record["Status"], record["Error"], record["Cause"], record["Input"]) == (
        "FAILED",
        "Broken",
        "a cup",
        '"tea"',
    )


async def test_results_are_written_as_lines_without_metadata() -> None:
    written: dict[str, str] = {}

    async def put(request: dict[str, Any]) -> None:
        written[request["Key"]] = request["Body"]

    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b"},
        "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
    }
    async with local_service(handlers={"s3:putObject": put}) as service:
        await run(service, mapping(ResultWriter=writer), ["tea", "milk"])
    (lines,) = [text for key, text in written.items() if key.endswith("SUCCEEDED_0.jsonl")]
    assert lines == '"tea"\n"milk"\n'


async def test_results_that_cannot_be_written_fail_the_map() -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}
    async with local_service() as service:
        described = await run(service, mapping(ResultWriter=writer), [1])
    assert described["error"] == "States.ResultWriterFailed"
    assert "handlers={'s3:putObject': function}" in described["cause"]


async def test_objects_that_a_listing_names_are_read_and_laid_end_to_end() -> None:
    objects = {"p/1": "[1,2]", "p/2": "[3]"}
    reader = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": "b", "Prefix": "p"},
        "ReaderConfig": {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
    }
    handlers = {
        "s3:listObjectsV2": lambda _request: [{"Key": key} for key in objects],
        "s3:getObject": lambda request: objects[request["Key"]].encode(),
    }
    async with local_service(handlers=handlers) as service:
        assert (await run(service, mapping(ItemReader=reader)))["output"] == "[1,2,3]"


@pytest.mark.parametrize(
    ("content", "config", "cause"),
    [
        ("17", {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
        ("[1", {"InputType": "JSON"}, "is not JSON"),
        ("{}", {"InputType": "JSON", "ItemsPointer": "/rows"}, "there is no 'rows'"),
        ("", {"InputType": "PARQUET"}, "PARQUET cannot be read here"),
        (17, {"InputType": "JSONL"}, "text is needed, not int"),
        (b"\x1f\x8b nonsense", {"InputType": "JSONL"}, "cannot be unpacked"),
        (gzip.compress(b"a,b\n", mtime=0)[:-4], {"InputType": "JSONL"}, "its end is missing"),
        (gzip.compress(b"a", mtime=0) * 2 + b"b", {"InputType": "JSONL"}, "cannot be unpacked"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_data_that_is_not_what_it_should_be_fails_the_map(
    content: Any, config: dict[str, Any], cause: str
) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": config,
    }
    async with local_service(handlers={"s3:getObject": lambda _request: content}) as service:
        described = await run(service, mapping(ItemReader=reader))
    assert described["error"] == "States.ItemReaderFailed"
    assert cause in described["cause"]


@pytest.mark.parametrize("most", [8, 9, 10])
async def test_a_little_that_becomes_much_is_not_unpacked(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MOST_BYTES", most)
    parts = [gzip.compress(b"a\n1\n2\n3\n"), gzip.compress(b"4\n" * 1000)]
    config = ReaderConfig(input_type="CSV", csv_header_location="FIRST_ROW")
    for content in (parts[0], parts[0] + b"\0\0"):
        assert [item.value for item in datasets.items_of(content, config)] == [
            {"a": "1"},
            {"a": "2"},
            {"a": "3"},
        ]
    with pytest.raises(datasets.Unreadable, match=f"more than {most} bytes"):
        datasets.items_of(b"".join(parts), config)


async def test_lines_end_with_line_feeds_alone() -> None:
    text = '{"a":"\u2028\x85"}\r\n\n{"a":2}\n'
    items = datasets.items_of(text, ReaderConfig(input_type="JSONL"))
    assert [item.value for item in items] == [{"a": "\u2028\x85"}, {"a": 2}]


async def test_a_field_of_a_table_may_be_long_and_no_limit_of_the_program_is_changed() -> None:
    before, long = csv.field_size_limit(), "x" * 200_000
    config = ReaderConfig(input_type="CSV", csv_header_location="FIRST_ROW")
    assert [item.value for item in datasets.items_of(f"a\n{long}\n", config)] == [{"a": long}]
    assert csv.field_size_limit() == before


async def test_a_map_run_that_is_not_there_is_refused() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:mapRun:machine/label:none"
    async with local_service() as service:
        with pytest.raises(errors.ResourceNotFound):
            await service.call("describe_map_run", mapRunArn=arn)
