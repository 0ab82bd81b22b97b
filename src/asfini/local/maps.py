"""Maps: what they have in common, and those that run in the execution itself."""

from typing import Any

from asfini.asl.map import ItemProcessor, Map
from asfini.local.branches import together
from asfini.local.dataflow import Flow
from asfini.local.failures import Unsuitable
from asfini.local.interpreter import explained, interpret
from asfini.local.run import Frame
from asfini.query.scope import QueryError

MAX_INLINE_CONCURRENCY = 40
"""How many iterations of an inline Map run at once at the most: the page "Map state processing modes"."""


async def run(flow: Flow, state: Map, frame: Frame, value: Any) -> Any:
    """Run a Map over its items.

    Args:
        flow: the state's data flow.
        state: the state.
        frame: where it stands.
        value: its input, as InputPath selects it.

    Returns:
        The outputs of the iterations, or where they were written to.
    """
    processor = state.item_processor or state.iterator
    if not isinstance(processor, ItemProcessor):
        raise Unsuitable("The Map has no ItemProcessor.")
    if processor.processor_config is not None and processor.processor_config.mode == "DISTRIBUTED":
        from asfini.local import distributed

        return await distributed.run(flow, state, processor, frame, value)
    return await _run_inline(flow, state, processor, frame, value)


async def _run_inline(
    flow: Flow, state: Map, processor: ItemProcessor, frame: Frame, value: Any
) -> list[Any]:
    items = flow.items(frame, state, value)
    most = concurrency(flow, state, frame, value, MAX_INLINE_CONCURRENCY)
    if frame.resumed is None:
        frame.thread.add("MapStateStarted", {"length": len(items)})
    tolerance(flow, state, frame, value)

    async def iteration(inner: Frame, index: int) -> Any:
        given = selected_item(flow, state, frame, inner, value, index, items[index])
        details = {"name": state.name, "index": index}
        if inner.resumed is None:
            inner.thread.add("MapIterationStarted", details)
        inner.iteration = details
        result = await interpret(inner, processor, given)
        inner.iteration = None
        inner.thread.add("MapIterationSucceeded", details)
        return result

    return await together(frame, iteration, len(items), most)


def concurrency(flow: Flow, state: Map, frame: Frame, value: Any, limit: int) -> int:
    """How many iterations run at once."""
    most = flow.setting(frame, state, "max_concurrency", value, "MaxConcurrency", "integer") or limit
    if most < 0:
        raise Unsuitable(f"MaxConcurrency cannot be negative, but is {most}.", "MaxConcurrency")
    return min(int(most), limit)


def tolerance(flow: Flow, state: Map, frame: Frame, value: Any) -> tuple[int | None, float | None]:
    """How many iterations may fail, and which percentage of them; `None` for what is not given."""
    count = flow.setting(frame, state, "tolerated_failure_count", value, "ToleratedFailureCount", "integer")
    share = flow.setting(
        frame, state, "tolerated_failure_percentage", value, "ToleratedFailurePercentage", "number"
    )
    if count is not None and count < 0:
        raise Unsuitable("ToleratedFailureCount cannot be negative.", "ToleratedFailureCount")
    if share is not None and not 0 <= share <= 100:
        raise Unsuitable(
            "ToleratedFailurePercentage must be between 0 and 100.", "ToleratedFailurePercentage"
        )
    return count, share


def selected_item(
    flow: Flow,
    state: Map,
    frame: Frame,
    inner: Frame,
    value: Any,
    index: int,
    item: Any,
    key: str | None = None,
) -> Any:
    """What an iteration gets: its item, or what ItemSelector (or Parameters, its old name) makes of it.

    Args:
        flow: the Map's data flow.
        state: the Map.
        frame: where the Map stands.
        inner: where its iteration stands.
        value: the Map's input, as InputPath selects it.
        index: the item's number.
        item: the item.
        key: its name, where the items are the members of an object.

    Raises:
        Failure: it cannot be made. That is the Map's failure, for the iteration has not begun.
    """
    inner.item = {"Index": index, "Value": item}
    if key is not None:
        inner.item["Key"] = key
        item = {"Key": key, "Value": item}
    field = next((field for field in ("item_selector", "parameters") if state.given(field)), None)
    if field is None:
        return item
    inner.state, inner.entered, inner.token = state, frame.entered, None
    try:
        return flow.filled(inner, state, field, value, "ItemSelector")
    except (QueryError, Unsuitable) as error:
        raise explained(inner, state, error) from None
    finally:
        inner.state = None
