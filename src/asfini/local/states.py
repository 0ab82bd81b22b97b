"""What each type of state does: one coroutine per type."""

import asyncio
from datetime import datetime
from typing import Any, NoReturn

from asfini.asl.map import Map, Parallel
from asfini.asl.states import Choice, Fail, Pass, Succeed, Task, Wait
from asfini.local import dataflow, rules
from asfini.local.branches import together
from asfini.local.failures import Failure
from asfini.local.interpreter import do, interpret
from asfini.local.run import Frame, Outcome
from asfini.query.scope import QueryError

MAX_INLINE_CONCURRENCY = 40
"""How many iterations of an inline Map run at once at the most: the page "Map state processing modes"."""


@do.register
async def _(state: Pass, frame: Frame, value: Any) -> Outcome:
    given = dataflow.arguments(frame, state, value)
    result = state.result if state.given("result") else given
    return dataflow.passed_on(frame, state, value, result, state.next)


@do.register
async def _(state: Succeed, frame: Frame, value: Any) -> Outcome:
    return dataflow.unchanged(frame, state, value, None)


@do.register
async def _(state: Fail, frame: Frame, value: Any) -> NoReturn:
    error = state.error if state.error_path is None else dataflow.read(frame, state.error_path, value)
    cause = state.cause if state.cause_path is None else dataflow.read(frame, state.cause_path, value)
    raise Failure(error, cause)


@do.register
async def _(state: Choice, frame: Frame, value: Any) -> Outcome:
    selected = dataflow.effective_input(frame, state, value)
    for rule in state.choices or []:
        if rules.holds(rule, frame.scope(selected)):
            return dataflow.unchanged(frame, state, value, rule.next)
    if state.default is None:
        raise Failure("States.NoChoiceMatched", f"No choice rule of the state '{state.name}' matched.")
    return dataflow.unchanged(frame, state, value, state.default)


@do.register
async def _(state: Wait, frame: Frame, value: Any) -> Outcome:
    selected = dataflow.effective_input(frame, state, value)
    await asyncio.sleep(_seconds(state, frame, selected))  # anyio's would take 500 bytes more of ten thousand
    return dataflow.unchanged(frame, state, value, state.next)


def _seconds(state: Wait, frame: Frame, value: Any) -> float:
    """How long a Wait lasts from now on."""
    if state.seconds is not None:
        return float(state.seconds)
    if state.seconds_path is not None:
        seconds = dataflow.read(frame, state.seconds_path, value)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise QueryError(
                f"The SecondsPath parameter cannot be parsed as a long value: {state.seconds_path} == {seconds}"
            )
        return float(seconds)
    moment = state.timestamp
    if state.timestamp_path is not None:
        moment = dataflow.read(frame, state.timestamp_path, value)
    until = moment if isinstance(moment, datetime) else rules.timestamp(moment)
    if until is None:
        raise QueryError(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "
            f"format string: {state.timestamp_path} == {moment}"
        )
    return max(0.0, (until - frame.thread.journal.now()).total_seconds())


@do.register
async def _(state: Task, frame: Frame, value: Any) -> Outcome:
    result = await frame.run.workshop.do(state, frame, value)
    return dataflow.passed_on(frame, state, value, result, state.next)


@do.register
async def _(state: Parallel, frame: Frame, value: Any) -> Outcome:
    given = dataflow.arguments(frame, state, value)
    branches = state.branches or []

    async def branch(inner: Frame, index: int) -> Any:
        return await interpret(inner, branches[index], given)

    frame.thread.add("ParallelStateStarted")
    result = await together(frame, branch, len(branches), len(branches))
    frame.thread.add("ParallelStateSucceeded")
    return dataflow.passed_on(frame, state, value, result, state.next)


@do.register
async def _(state: Map, frame: Frame, value: Any) -> Outcome:
    processor = state.item_processor or state.iterator
    selected = dataflow.effective_input(frame, state, value)
    items = dataflow.read(frame, state.items_path, selected) if state.items_path else selected
    if not isinstance(items, list):
        raise QueryError(f"Map state input must be an array but was: {frame.text(items)}")

    async def iteration(inner: Frame, index: int) -> Any:
        details = {"name": state.name, "index": index}
        inner.item = {"Index": index, "Value": items[index]}
        inner.thread.add("MapIterationStarted", details)
        try:
            result = await interpret(inner, processor, _iteration_input(state, inner, selected, items[index]))
        except Failure:
            inner.thread.add("MapIterationFailed", details)
            raise
        inner.thread.add("MapIterationSucceeded", details)
        return result

    frame.thread.add("MapStateStarted", {"length": len(items)})
    result = await together(frame, iteration, len(items), _concurrency(state, frame, selected))
    frame.thread.add("MapStateSucceeded")
    return dataflow.passed_on(frame, state, value, result, state.next)


def _iteration_input(state: Map, frame: Frame, selected: Any, item: Any) -> Any:
    """What an iteration gets: the item, or what ItemSelector (or Parameters, its old name) makes of it."""
    for field in ("item_selector", "parameters"):
        if state.given(field):
            return dataflow.filled(frame, state, field, selected)
    return item


def _concurrency(state: Map, frame: Frame, value: Any) -> int:
    most: Any = state.max_concurrency
    if state.max_concurrency_path is not None:
        most = dataflow.read(frame, state.max_concurrency_path, value)
        if isinstance(most, bool) or not isinstance(most, int):
            raise QueryError(
                f'The MaxConcurrencyPath field refers to value "{most}" which is not a valid integer: '
                f"{state.max_concurrency_path}"
            )
    return min(int(most or MAX_INLINE_CONCURRENCY), MAX_INLINE_CONCURRENCY)
