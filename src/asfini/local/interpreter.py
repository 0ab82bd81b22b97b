"""From state to state: entering, doing, retrying, catching, leaving."""

import asyncio
from functools import singledispatch
from typing import Any

import anyio

from asfini.asl.definition import Definition
from asfini.asl.map import Map, Parallel
from asfini.asl.states import Retrier, State
from asfini.local.dataflow import flow_of, number, speaks_jsonata
from asfini.local.failures import DATA_LIMIT_EXCEEDED, Failure, RuntimeFailure, Unsuitable, matches, too_large
from asfini.local.run import Frame, Outcome, kind
from asfini.query.scope import QueryError

DEFAULT_INTERVAL, DEFAULT_ATTEMPTS, DEFAULT_RATE = 1.0, 3.0, 2.0
"""What a Retrier means where it does not say: the States Language, "Retrying after error"."""
MAX_WAIT = 2**31 - 1
"""The most seconds that a Wait lasts on AWS, where a time some 68 years ahead was seen to be refused.

No retry is later, either: beyond that, back-off would reach times that are none.
"""
_TURNS = 64
"""How many states may follow each other before others on the loop get their turn."""


@singledispatch
async def do(state: State, frame: Frame, value: Any) -> Outcome:
    """Do a state once; `states` adds a coroutine for each type.

    Raises:
        Failure: it failed.
        QueryError: one of its expressions did.
        Unsuitable: what a field holds or gives does not suit it.
    """
    raise RuntimeFailure(frame.cause("The state is of no known type."))


async def interpret(frame: Frame, definition: Definition, value: Any) -> Any:
    """Run states from the first to the last.

    Returns:
        The output of the last one.

    Raises:
        Failure: a state failed, and nothing retried or caught it.
    """
    place = frame.resumed
    name: str | None = definition.start_at if place is None else place.state
    journal, taken = frame.thread.journal, frame.run.machine.taken
    if taken is not None and place is None:
        taken.went(definition)
    while name is not None:
        if frame.run.leaving:
            frame.leave()
        state = definition.states.get(name)
        if state is None:
            raise RuntimeFailure(f"There is no state named '{name}'.")
        if place is None:
            frame.enter(state, value)
            if taken is not None:
                taken.entered(state)
        else:
            value, place = frame.resume(state, place), None
        journal.turns += 1
        if journal.turns % _TURNS == 0:  # a line that is cut off meanwhile has to stand in some state
            await asyncio.sleep(0)
            frame.check_open()
        outcome = await _perform(frame, state, value)
        frame.exit(state, outcome)
        if taken is not None:
            taken.went(state if outcome.by is None else outcome.by)
        value, name = outcome.output, outcome.next
    return value


async def _perform(frame: Frame, state: State, value: Any) -> Outcome:
    """Do a state until it succeeds, or fails beyond Retry and Catch."""
    attempts: dict[int, int] = {}
    while True:
        try:
            outcome = await do(state, frame, value)
            if not frame.fits(outcome.output):
                raise too_large(state.name)
        except (Failure, QueryError, Unsuitable) as error:
            failure = explained(frame, state, error)
        else:
            return outcome
        delay = _delay(frame, state, failure, attempts)
        if delay is None:
            return caught(frame, state, value, failure)
        frame.forget()
        await anyio.sleep(delay)
        frame.check_open()
        frame.retries += 1


def explained(frame: Frame, state: State, error: Exception) -> Failure:
    """What a failed evaluation means to the state; other failures say so themselves.

    Raises:
        RuntimeFailure: the execution cannot go on.
    """
    if isinstance(error, RuntimeFailure):
        raise error
    if isinstance(error, Failure):
        return error
    cause = frame.cause(str(error))
    if not speaks_jsonata(frame, state):
        raise RuntimeFailure(cause)
    failure = Failure("States.QueryEvaluationError", cause)
    frame.evaluation_failed(failure, getattr(error, "location", None))
    return failure


def _delay(frame: Frame, state: State, failure: Failure, attempts: dict[int, int]) -> float | None:
    """The seconds to wait before the next try; `None` where there is none."""
    index, retrier = retrier_for(state, failure)
    if retrier is None:
        return None
    if (taken := frame.run.machine.taken) is not None:
        taken.went(retrier)
    attempts[index] = attempts.get(index, 0) + 1
    return pause(frame, retrier, attempts[index])


def retrier_for(state: State, failure: Failure) -> tuple[int, Retrier | None]:
    """The first retrier that names a failure, with its place."""
    for index, retrier in enumerate(state.held("retriers") or []):
        if matches(retrier.error_equals, failure.error):
            return index, retrier
    return -1, None


def pause(frame: Frame, retrier: Retrier, attempt: int) -> float | None:
    """The seconds before some retry, counted from 1; `None` beyond the last one."""
    if attempt > _given(retrier.max_attempts, DEFAULT_ATTEMPTS):
        return None
    return _interval(frame, retrier, attempt)


def _interval(frame: Frame, retrier: Retrier, attempt: int) -> float:
    """The States Language: the interval times the rate for each retry before this one, up to the longest."""
    rate, longest = (
        _given(retrier.backoff_rate, DEFAULT_RATE),
        _given(retrier.max_delay_seconds, MAX_WAIT),
    )
    try:
        delay = min(_given(retrier.interval_seconds, DEFAULT_INTERVAL) * rate ** (attempt - 1), longest)
    except OverflowError:
        delay = longest
    return frame.run.workshop.random.uniform(0, delay) if retrier.jitter_strategy == "FULL" else delay


def _given(value: Any, default: float) -> float:
    found = number(value)
    return default if found is None else found


def caught(frame: Frame, state: State, value: Any, failure: Failure) -> Outcome:
    """Go on with the first catcher that names the failure.

    Raises:
        Failure: there is none, or what it makes of the data fails.
    """
    before = frame.thread.previous
    _failed(frame, state)
    index = catcher_for(state, failure)
    if index is None:
        if failure.error == DATA_LIMIT_EXCEEDED:  # a redrive does all of the state anew
            frame.forget()
        raise failure
    error = {"Error": failure.error or "", "Cause": failure.cause or ""}
    try:
        outcome = flow_of(frame, state).caught(frame, index, value, error)
    except (QueryError, Unsuitable) as problem:
        frame.thread.previous = before
        failure = explained(frame, state, problem)
        _failed(frame, state)
        raise failure from None
    frame.forget()
    if not frame.fits(outcome.output):
        raise too_large(state.name)
    return outcome


def catcher_for(state: State, failure: Failure) -> int | None:
    """The place of the first catcher that names a failure."""
    for index, catcher in enumerate(state.held("catchers") or []):
        if matches(catcher.error_equals, failure.error):
            return index
    return None


def _failed(frame: Frame, state: State) -> None:
    """Write that a state with states of its own failed."""
    if isinstance(state, (Map, Parallel)):
        frame.thread.add(f"{kind(state)}StateFailed")
