"""What a running execution waits for."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asfini.asl._error_names import matches
from asfini.asl.states import Retrier, State
from asfini.view.tree import FAILURES, Attempt, StateRun

DEFAULT_INTERVAL, DEFAULT_ATTEMPTS, DEFAULT_RATE = 1, 3, 2.0
"""What a Retrier means where it does not say: the States Language, "Retrying after error"."""
_REFERENCE = re.compile(r"\$(?:\.\w+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A state in which an execution stands, and why it goes no further; or stood, when it was cut off."""

    place: list[str]
    state: str
    type: str
    since: datetime | None
    reason: str
    """What it waits for, for people."""
    until: datetime | None
    """When it goes on, or fails, at the latest; `None` where nobody can tell."""
    resource: str | None
    """What does the task."""

    def __str__(self) -> str:
        since = "" if self.since is None else f", since {self.since:%Y-%m-%d %H:%M:%S %Z}"
        until = "" if self.until is None else f", until {self.until:%Y-%m-%d %H:%M:%S %Z}"
        return f"{' → '.join(self.place)} ({self.type}){since}: {self.reason}{until}"


def standing_of(state: StateRun, found: State | None) -> Standing:
    """Say what a state waits for.

    Args:
        state: the state, which is open, or was when the execution was cut off.
        found: the state as it is written, if the definition is known.
    """
    attempt = state.attempts[-1] if state.attempts else None
    reason, until = _reason(state, found, attempt)
    return Standing(
        place=state.place,
        state=state.name,
        type=state.type,
        since=state.started,
        reason=reason,
        until=until,
        resource=None if attempt is None else attempt.resource,
    )


def _reason(state: StateRun, found: State | None, attempt: Attempt | None) -> tuple[str, datetime | None]:
    if state.type == "Wait":
        until = None if found is None else _wait_until(state, found)
        return "it waits" if until is not None else "it waits as long as its definition says", until
    if attempt is None:
        return "it has just begun", None
    if attempt.status in FAILURES and (state.open or attempt.finished is not None or attempt.lines):
        return _retry(state, found, attempt)
    if attempt.map_run_arn is not None:
        return "the items of its map run are executions of their own", None
    if attempt.scheduled is None or attempt.finished is not None:
        return "it is about to go on", None
    return _task(attempt)


def _wait_until(state: StateRun, found: State) -> datetime | None:
    """When a Wait is over, as far as the definition or a plain path into its input says."""
    for name in ("seconds", "timestamp", "seconds_path", "timestamp_path"):
        value = found.held(name)
        if value is not None:
            value = _looked_up(value, state.input) if name.endswith("_path") else value
            return _time(value, state.started)
    return None


def _looked_up(path: Any, data: Any) -> Any:
    if not isinstance(path, str) or not _REFERENCE.fullmatch(path):
        return None
    for name in path.split(".")[1:]:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _time(value: Any, start: datetime | None) -> datetime | None:
    """A time, or what is some seconds after a start."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return None if start is None else start + timedelta(seconds=value)
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except (ValueError, OverflowError):
        return None
    if not isinstance(time, datetime):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _retry(state: StateRun, found: State | None, attempt: Attempt) -> tuple[str, datetime | None]:
    retrier, done = retrier_of(state, None if found is None else found.held("retriers"))
    reason = f"after try {attempt.number} failed with {attempt.error}, the next one is to come"
    if retrier is None or attempt.ended is None:
        return reason, None
    seconds = interval(retrier, done)
    return reason, None if seconds is None else attempt.ended + timedelta(seconds=seconds)


def retrier_of(state: StateRun, retriers: list[Retrier] | None) -> tuple[Retrier | None, int]:
    """The retrier that names a state's last error, and how many retries it had already."""
    redrives = state.attempts[-1].redrives if state.attempts else 0
    latest = [attempt for attempt in state.attempts if attempt.redrives == redrives]
    named = [_first(retriers, attempt.error) for attempt in latest]
    last = named[-1] if named else None
    return last, 0 if last is None else sum(each is last for each in named[:-1])


def _first(retriers: list[Retrier] | None, error: str | None) -> Retrier | None:
    return next((each for each in retriers or [] if matches(each.error_equals, error)), None)


def interval(retrier: Retrier, done: int) -> float | None:
    """The seconds before a retrier's next retry at the most; `None` where it is an expression that says so.

    Args:
        retrier: the retrier.
        done: how many retries it had already.
    """
    first = DEFAULT_INTERVAL if retrier.interval_seconds is None else retrier.interval_seconds
    rate = DEFAULT_RATE if retrier.backoff_rate is None else retrier.backoff_rate
    longest = float("inf") if retrier.max_delay_seconds is None else retrier.max_delay_seconds
    if isinstance(first, str) or isinstance(rate, str) or isinstance(longest, str):
        return None
    try:
        return float(min(first * rate**done, longest))
    except OverflowError:
        return None


def _task(attempt: Attempt) -> tuple[str, datetime | None]:
    """What a task waits for that was scheduled."""
    scheduled, resource = attempt.scheduled, attempt.resource or ""
    beat = getattr(scheduled, "heartbeat_in_seconds", None)
    alive = "" if beat is None else f", with a sign of life every {beat} s"
    activity = ":activity:" in resource
    if activity and attempt.taken is None:
        return f"no worker has taken its task at {resource}", None
    start = attempt.taken or scheduled
    timeout = getattr(scheduled, "timeout_in_seconds", None)
    until = None if start is None or timeout is None else start.timestamp + timedelta(seconds=timeout)
    if activity:
        worker = getattr(attempt.taken, "worker_name", None)
        return f"{'a worker' if worker is None else f'the worker {worker!r}'} is at its task{alive}", until
    if resource.endswith(".waitForTaskToken"):
        return f"its token has not come back from {resource}{alive}", until
    if attempt.submitted is not None:
        return f"the job that {resource} began has not ended", until
    return f"{resource} has not answered{alive}", until


def span(seconds: float) -> str:
    """A time span, for people."""
    return f"{seconds:.3g} s" if abs(seconds) < 120 else str(timedelta(seconds=round(seconds)))
