"""From state to state: entering, doing, retrying, catching, leaving."""

from collections import Counter
from functools import singledispatch
from typing import Any

import anyio

from asfini import _json
from asfini.asl.definition import Definition
from asfini.asl.states import Retrier, State
from asfini.local import dataflow
from asfini.local.failures import Failure, RuntimeFailure, matches
from asfini.local.run import Frame, Outcome
from asfini.query.scope import QueryError

DEFAULT_INTERVAL, DEFAULT_ATTEMPTS, DEFAULT_RATE = 1, 3, 2.0
"""What a Retrier means where it does not say: the States Language, "Retrying after error"."""


@singledispatch
async def do(state: State, frame: Frame, value: Any) -> Outcome:
    """Do a state once; `states` adds a coroutine for each type.

    Raises:
        Failure: it failed.
        QueryError: one of its expressions did.
    """
    raise RuntimeFailure(f"The state '{state.name}' is of no known type.")


async def interpret(frame: Frame, definition: Definition, value: Any) -> Any:
    """Run states from the first to the last.

    Returns:
        The output of the last one.

    Raises:
        Failure: a state failed, and nothing retried or caught it.
    """
    name: str | None = definition.start_at
    while name is not None:
        state = definition.states[name]
        frame.enter(state, value)
        value, name, assigned = await _perform(frame, state, value)
        frame.exit(state, value, assigned)
    return value


async def _perform(frame: Frame, state: State, value: Any) -> Outcome:
    """Do a state until it succeeds, or fails beyond Retry and Catch."""
    attempts: Counter[int] = Counter()
    while True:
        try:
            outcome = await do(state, frame, value)
            _check_size(frame, state, outcome.output)
        except (Failure, QueryError) as error:
            failure = _explained(frame, state, error)
        else:
            return outcome
        delay = _delay(frame, state, failure, attempts)
        if delay is None:
            return _caught(frame, state, value, failure)
        await anyio.sleep(delay)
        frame.retries += 1


def _explained(frame: Frame, state: State, error: Failure | QueryError) -> Failure:
    """Say where the machine could not go on, in AWS's words; other failures say so themselves."""
    if isinstance(error, Failure):
        return error
    where = f"the state '{state.name}' (entered at the event id #{frame.entered[0]})"
    return Failure(error.error, f"An error occurred while executing {where}. {error}")


def _check_size(frame: Frame, state: State, value: Any) -> None:
    if _json.size(frame.text(value)) > _json.MAX_PAYLOAD_BYTES:
        cause = (
            f"The state/task '{state.name}' returned a result with a size exceeding "
            "the maximum number of bytes service limit."
        )
        raise Failure("States.DataLimitExceeded", cause)


def _delay(frame: Frame, state: State, failure: Failure, attempts: Counter[int]) -> float | None:
    """The seconds to wait before the next try; `None` where there is none."""
    for index, retrier in enumerate(getattr(state, "retriers", None) or []):
        if matches(retrier.error_equals, failure.error):
            most = DEFAULT_ATTEMPTS if retrier.max_attempts is None else retrier.max_attempts
            if attempts[index] >= most:
                return None
            attempts[index] += 1
            return _interval(frame, retrier, attempts[index])
    return None


def _interval(frame: Frame, retrier: Retrier, attempt: int) -> float:
    """The States Language: the interval times the rate for each retry before this one, up to the longest."""
    first = DEFAULT_INTERVAL if retrier.interval_seconds is None else float(retrier.interval_seconds)
    rate = DEFAULT_RATE if retrier.backoff_rate is None else float(retrier.backoff_rate)
    longest = float("inf") if retrier.max_delay_seconds is None else float(retrier.max_delay_seconds)
    try:
        delay = min(first * rate ** (attempt - 1), longest)
    except OverflowError:
        delay = longest
    return frame.run.workshop.random.uniform(0, delay) if retrier.jitter_strategy == "FULL" else delay


def _caught(frame: Frame, state: State, value: Any, failure: Failure) -> Outcome:
    """Go on with the first catcher that names the failure, or fail."""
    for catcher in getattr(state, "catchers", None) or []:
        if matches(catcher.error_equals, failure.error):
            error = {"Error": failure.error or "", "Cause": failure.cause or ""}
            try:
                return dataflow.caught(frame, state, catcher, value, error)
            except QueryError as problem:
                raise _explained(frame, state, problem) from None
    raise failure
