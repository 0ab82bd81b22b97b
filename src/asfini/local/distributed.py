"""Distributed maps: a child execution for every item, or for every batch of items."""

import asyncio
import dataclasses
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from asfini.asl.map import ItemBatcher, ItemProcessor, ItemReader, Map
from asfini.local import datasets
from asfini.local.dataflow import Flow
from asfini.local.datasets import Item
from asfini.local.failures import Failure, RuntimeFailure, Unsuitable
from asfini.local.map_runs import MAX_CONCURRENCY, MapRun
from asfini.local.maps import concurrency, selected_item, tolerance
from asfini.local.redrive import MAX_MAP_RUN_REDRIVES
from asfini.local.results import results
from asfini.local.run import Frame, Machine, identifier, written

TURNS = 64
"""How many inputs are made, or children started, before others on the loop get their turn."""


@dataclass(slots=True)
class Distribution:
    """A distributed Map that runs."""

    flow: Flow
    state: Map
    frame: Frame
    value: Any
    """The Map's input, as InputPath selects it."""
    machine: Machine
    """What its children run."""
    map_run: MapRun

    def fill(self, owner: Any, place: str) -> Any:
        """Fill in the parameters of a reader or a writer, which JSONata calls Arguments."""
        for field, name in (("parameters", "Parameters"), ("arguments", "Arguments")):
            if owner.given(field):
                return self.flow.filled(self.frame, owner, field, self.value, f"{place}/{name}")
        return {}


async def run(flow: Flow, state: Map, processor: ItemProcessor, frame: Frame, value: Any) -> Any:
    """Run a distributed Map.

    Args:
        flow: the Map's data flow.
        state: the Map.
        processor: what its children run.
        frame: where it stands.
        value: its input, as InputPath selects it.

    Returns:
        The children's outputs, or where they were written to.
    """
    resumed, frame.resumed = frame.resumed, None
    if resumed is None or resumed.map_run is None:
        result = await _begin(flow, state, processor, frame, value)
    else:
        result = await _go_on(flow, state, processor, frame, value, resumed.map_run)
    frame.map_run = None
    return result


async def _begin(flow: Flow, state: Map, processor: ItemProcessor, frame: Frame, value: Any) -> Any:
    items = [Item(item) for item in flow.items(frame, state, value)] if state.item_reader is None else None
    most = concurrency(flow, state, frame, value, MAX_CONCURRENCY)
    frame.thread.add("MapStateStarted", {"length": len(items or [])})
    map_run = new_map_run(state, frame, most, tolerance(flow, state, frame, value))
    distribution = Distribution(flow, state, frame, value, _machine(frame, processor, map_run), map_run)
    frame.run.workshop.map_runs.add(map_run)
    async with _told(distribution, "MapRunStarted", {"mapRunArn": map_run.arn}):
        await _prepare(distribution, await read_items(distribution) if items is None else items)
        await _process(distribution, range(len(map_run.inputs)))
        return await results(distribution)


async def _go_on(
    flow: Flow, state: Map, processor: ItemProcessor, frame: Frame, value: Any, map_run: MapRun
) -> Any:
    """Redrive a map run: the children that failed, and those that were never started."""
    frame.map_run = map_run
    if map_run.redrive_count >= MAX_MAP_RUN_REDRIVES:
        raise RuntimeFailure(frame.cause(f"The Map Run was redriven {MAX_MAP_RUN_REDRIVES} times."))
    distribution = Distribution(flow, state, frame, value, _machine(frame, processor, map_run), map_run)
    places = map_run.redrive(frame.thread.journal.now())
    details = {"mapRunArn": map_run.arn, "redriveCount": map_run.redrive_count}
    async with _told(distribution, "MapRunRedriven", details):
        await _process(distribution, places)
        return await results(distribution)


def new_map_run(state: Map, frame: Frame, most: int, tolerated: tuple[int | None, float | None]) -> MapRun:
    """A map run of a Map, which nobody keeps yet."""
    run, now = frame.run, frame.thread.journal.now()
    label = state.label or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run.machine.arn}/{state.name}"))
    machine = f"{run.machine.arn}/{label}"
    arn = f"{machine.replace(':stateMachine:', ':mapRun:')}:{identifier(run.workshop.random)}"
    limit = 0 if most == MAX_CONCURRENCY else most
    return MapRun(arn, label, run.arn, machine, now, limit, *tolerated)


def _machine(frame: Frame, processor: ItemProcessor, map_run: MapRun) -> Machine:
    """The machine that the children run."""
    machine = frame.run.machine
    config = processor.processor_config
    return dataclasses.replace(
        machine,
        arn=map_run.machine_arn,
        name=f"{machine.name}/{map_run.label}",
        kind=(config.execution_type if config is not None else None) or machine.kind,
        definition=processor,
        language=frame.language,
    )


@asynccontextmanager
async def _told(distribution: Distribution, event: str, details: dict[str, Any]) -> AsyncIterator[None]:
    """Write that a map run starts or goes on, and how it ends."""
    thread, map_run = distribution.frame.thread, distribution.map_run
    status = "ABORTED"
    try:
        thread.add(event, details)
        yield
        status = "SUCCEEDED"
        thread.add("MapRunSucceeded")
    except Failure as failure:
        status = "FAILED"
        thread.add("MapRunFailed", failure.details())
        raise
    finally:
        map_run.end(status, thread.journal.now())


async def read_items(distribution: Distribution) -> list[Item]:
    """Read the items that ItemReader tells of.

    Raises:
        Failure: they cannot be read.
    """
    frame, reader = distribution.frame, distribution.state.item_reader or ItemReader()
    parameters = distribution.fill(reader, "ItemReader")
    config = reader.reader_config
    most = None
    if config is not None:
        place = "ItemReader/ReaderConfig/MaxItems"
        most = distribution.flow.setting(frame, config, "max_items", distribution.value, place, "integer")
    try:
        items = await datasets.read(
            frame.run.workshop.store, reader.resource or "", parameters, config, distribution.state.name
        )
    except (datasets.StoreError, datasets.Unreadable) as error:
        raise Failure("States.ItemReaderFailed", str(error)) from None
    return items[:most] if most is not None and most > 0 else items


async def _prepare(distribution: Distribution, items: list[Item]) -> None:
    """Make the inputs of all children: from here on, a redrive goes on with this map run."""
    inputs = []
    for child_input in _inputs(distribution, items):
        inputs.append(child_input)
        if len(inputs) % TURNS == 0:
            await asyncio.sleep(0)
    distribution.map_run.begin(inputs)
    distribution.frame.map_run = distribution.map_run


async def _process(distribution: Distribution, places: Iterable[int]) -> None:
    """Run the children of some places, until all have ended or too many have failed."""
    map_run, waiting = distribution.map_run, deque(places)
    try:
        while not map_run.too_many_failed:
            while waiting and not map_run.full:
                await _start_child(distribution, waiting.popleft())
            if not map_run.running:
                return
            map_run.changed.clear()
            await map_run.changed.wait()
            if distribution.frame.run.leaving:
                distribution.frame.leave()
        raise threshold_exceeded()
    finally:
        for run in list(map_run.running):
            run.abort()  # the Map was cut off


async def _start_child(distribution: Distribution, place: int) -> None:
    map_run, frame = distribution.map_run, distribution.frame
    if place % TURNS == 0:
        await asyncio.sleep(0)
    run = map_run.children[place]
    if run is None:
        text, _ = map_run.inputs[place]
        run = frame.run.workshop.start_child(distribution.machine, text, map_run.arn)
        run.case = frame.run.case
    else:
        await run.settled()
        frame.run.workshop.redrive(run)
    map_run.child_begins(run, place)


def threshold_exceeded() -> Failure:
    """The failure of a Map of which too many items failed."""
    return Failure(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
    )


def limits_failures(state: Map) -> bool:
    """Whether a Map says how many items may fail."""
    return _given(state, "tolerated_failure_count") or _given(state, "tolerated_failure_percentage")


def _given(state: Map, field: str) -> bool:
    return state.given(field) or state.given(f"{field}_path")


def _inputs(distribution: Distribution, items: list[Item]) -> Iterator[tuple[str, int]]:
    """The inputs of the children, each with the number of items that it holds."""
    inputs = (selected(distribution, index, item) for index, item in enumerate(items))
    batcher = distribution.state.item_batcher
    if batcher is None:
        return ((written(item)[0], 1) for item in inputs)
    return batches(distribution, batcher, inputs)


def selected(distribution: Distribution, index: int, item: Item) -> Any:
    """What a child gets of an item."""
    frame = distribution.frame
    flow, state, value = distribution.flow, distribution.state, distribution.value
    return selected_item(flow, state, frame, frame.inner(), value, index, item.value, item.key)


def batches(
    distribution: Distribution, batcher: ItemBatcher, items: Iterator[Any]
) -> Iterator[tuple[str, int]]:
    """Group items into batches within the limits of ItemBatcher."""
    most = _limit(distribution, batcher, "max_items_per_batch", "MaxItemsPerBatch")
    most_bytes = _limit(distribution, batcher, "max_input_bytes_per_batch", "MaxInputBytesPerBatch")
    frame: dict[str, Any] = {}
    if batcher.given("batch_input"):
        place = "ItemBatcher/BatchInput"
        frame["BatchInput"] = distribution.flow.filled(
            distribution.frame, batcher, "batch_input", distribution.value, place
        )
    around, empty = written(frame | {"Items": []})
    around = around[:-2]
    texts: list[str] = []
    size = empty
    for text, length in map(written, items):
        if texts and (len(texts) == most or (most_bytes is not None and size + length + 1 > most_bytes)):
            yield f"{around}{','.join(texts)}]}}", len(texts)
            texts, size = [], empty
        texts.append(text)
        size += length + 1
    if texts:
        yield f"{around}{','.join(texts)}]}}", len(texts)


def _limit(distribution: Distribution, batcher: ItemBatcher, field: str, name: str) -> int | None:
    place = f"ItemBatcher/{name}"
    most: int | None = distribution.flow.setting(
        distribution.frame, batcher, field, distribution.value, place, "integer"
    )
    if most is not None and most <= 0:
        raise Unsuitable(f"{name} must be positive, but is {most}.", place)
    return most
