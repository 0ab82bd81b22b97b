"""Why an execution failed, or what it waits for: `explain`."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from asfini.asl._error_names import matches
from asfini.asl.definition import Definition
from asfini.asl.states import State
from asfini.view.tree import Attempt, Run, StateRun
from asfini.view.waiting import DEFAULT_ATTEMPTS, Standing, retrier_of, span, standing_of
from asfini.view.written import complete, executed, written

_SHOWN = 300
"""How many characters of data and causes the text has."""
_Kind = Literal["Retry", "Catch"]
_MANY = 10
"""How many states the text has where there may be thousands: items of a Map."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
"""What the text does not have, for it is meant for terminals, and a cause may be anybody's."""
_FRAMES = 3
"""How many lines of a stack trace the text has: the innermost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of the state that failed."""

    number: int
    pause: float | None
    """The seconds since the try before; `None` for the first one."""
    seconds: float | None
    """How long it took."""
    status: str
    error: str | None
    cause: str | None
    resource: str | None
    """What did the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A Retry or Catch, and what it did with a failure."""

    state: str
    """The state that has it."""
    kind: _Kind
    number: int
    """Its place among the state's, from 1."""
    error_equals: list[str]
    matches: bool
    """Whether it names the error."""
    verdict: str
    """What it did, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A failure that did not end the execution: it was caught."""

    place: list[str]
    error: str | None
    cause: str | None
    tries: int
    next: str | None
    """The state that came next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became of an execution, and why; as text, it is for people."""

    arn: str | None
    """The execution's."""
    status: str
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    """How long it took; `None` while it runs."""
    redrives: int
    """How often it was redriven."""
    error: str | None
    cause: str | None
    details: dict[str, Any] | None
    """The cause as data, where it is a JSON object: as of Lambda functions and of nested executions."""
    place: list[str]
    """Where it failed, from the outside in: `["each order", "item 3", "charge"]`."""
    state: str | None
    """The innermost state that failed; of an execution whose own time was up, the one it entered last."""
    type: str | None
    """The state's type: `Task`, `Map`, …"""
    input: Any
    """That state's input."""
    input_known: bool
    """Whether the history tells the input, and all of it."""
    tries: list[Try]
    """What was tried, in order."""
    clauses: list[Clause] | None
    """The Retry and Catch of that state, then of those around it; `None` where they are not known."""
    handled: list[Handled]
    """What was caught before."""
    waits: list[Standing]
    """Where a running execution stands; where one stood that was stopped or whose own time was up."""
    executions: list[str]
    """The ARNs of nested executions that have to do with it."""
    map_runs: list[str]
    """The ARNs of the runs of distributed maps that have to do with it."""
    children: "list[Explanation]" = field(default_factory=list)
    """Why executions failed that it is the parent of."""

    def __str__(self) -> str:
        return "\n".join(_CONTROLS.sub("\ufffd", line) for line in _lines(self))

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON data."""
        data: dict[str, Any] = _plain(asdict(replace(self, children=[])))
        return data | {"children": [child.to_dict() for child in self.children]}


def explain(run: Run, definition: Definition | None = None, *, arn: str | None = None) -> Explanation:
    """Say why an execution failed, or what it waits for.

    Args:
        run: its folded history.
        definition: what it ran; without it nothing is said of Retry and Catch. The errors of its Fail states,
            which no event tells, are filled in.
        arn: its ARN.
    """
    definition = executed(run, definition)
    complete(run, definition)
    failed = None if run.status == "ABORTED" else run.ended_in
    standing = run.standing() or run.cut_off
    chain = [] if failed is None else [failed, *failed.within[::-1]]
    details = _parsed(run.cause)
    return Explanation(
        arn=arn,
        status=run.status,
        started=run.started,
        ended=run.ended,
        seconds=run.seconds,
        redrives=len(run.redrives),
        error=run.error,
        cause=run.cause,
        details=details,
        place=[] if failed is None else failed.place,
        state=None if failed is None else failed.name,
        type=None if failed is None else failed.type,
        input=None if failed is None else failed.input,
        input_known=failed is not None and not getattr(failed.entered, "truncated", True),
        tries=[] if failed is None else _tries(failed),
        clauses=_all_clauses(chain, definition),
        handled=[_handled(state) for state in run.walk() if state.status == "CAUGHT"],
        waits=[standing_of(state, written(state, definition)) for state in standing],
        executions=_nested(run, chain, details),
        map_runs=_map_runs(chain or standing),
    )


# What failed


def _tries(state: StateRun) -> list[Try]:
    tries, before = [], None
    for attempt in state.attempts:
        pause = None
        if before is not None and attempt.started is not None:
            pause = (attempt.started - before).total_seconds()
        tries.append(
            Try(
                number=attempt.number,
                pause=pause,
                seconds=attempt.seconds,
                status=attempt.status,
                error=attempt.error,
                cause=attempt.cause,
                resource=attempt.resource,
            )
        )
        before = attempt.ended
    return tries


def _all_clauses(chain: list[StateRun], definition: Definition | None) -> list[Clause] | None:
    found = [(state, written(state, definition)) for state in chain]
    known = [(state, each) for state, each in found if each is not None]
    if len(known) < len(found):
        return None
    return [clause for state, each in known for clause in _clauses(state, each)]


def _clauses(state: StateRun, found: State) -> Iterator[Clause]:
    """What a state's Retry and Catch did with its last failure."""
    fatal = state.error == "States.Runtime" and _innermost(state).type != "Fail"
    yield from _of_kind("Retry", state, found.held("retriers"), fatal=fatal)
    yield from _of_kind("Catch", state, found.held("catchers"), fatal=fatal)


def _of_kind(kind: _Kind, state: StateRun, clauses: list[Any] | None, *, fatal: bool) -> Iterator[Clause]:
    earlier = 0
    for number, clause in enumerate(clauses or [], 1):
        named = matches(clause.error_equals, state.error)
        yield Clause(
            state=state.name,
            kind=kind,
            number=number,
            error_equals=list(clause.error_equals),
            matches=named,
            verdict=_verdict(kind, state, clauses or [], named=named, fatal=fatal, earlier=earlier),
        )
        earlier = earlier or (number if named else 0)


def _innermost(state: StateRun) -> StateRun:
    while state.attempts and state.attempts[-1].failed_in is not None:
        state = state.attempts[-1].failed_in
    return state


def _verdict(
    kind: _Kind, state: StateRun, clauses: list[Any], *, named: bool, fatal: bool, earlier: int
) -> str:
    """What a clause did, for people."""
    if not named:
        return f"does not name {state.error or 'an error without a name'}"
    if fatal:
        return "names it, but where a machine cannot go on, nothing is retried or caught"
    if earlier:
        return f"names it, but {kind} {earlier} does so first"
    if kind == "Catch":
        return "names it, but could not take it: what it makes of the data fails"
    retrier, done = retrier_of(state, clauses)
    most = DEFAULT_ATTEMPTS if retrier is None or retrier.max_attempts is None else retrier.max_attempts
    return f"names it, and had {done} of its {most} retries"


def _handled(state: StateRun) -> Handled:
    states = state.line.states
    place = states.index(state) + 1
    return Handled(
        place=state.place,
        error=state.error,
        cause=state.cause,
        tries=len(state.attempts),
        next=states[place].name if place < len(states) else None,
    )


# Data and links


def _parsed(cause: str | None) -> dict[str, Any] | None:
    """A cause as data, if it is a JSON object."""
    if cause is None or not cause.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(cause)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _nested(run: Run, chain: list[StateRun], details: dict[str, Any] | None) -> list[str]:
    """The ARNs of executions that tasks started: in causes, and in what services said they took."""
    states = chain or run.standing() or run.cut_off
    attempts = [attempt for state in states for attempt in state.attempts[-1:]]
    submitted = [getattr(attempt.submitted, "output", None) for attempt in attempts]
    told = [details, *map(_cause_of, attempts), *submitted]
    arns = [data.get("ExecutionArn") for data in told if isinstance(data, dict)]
    return list(dict.fromkeys(arn for arn in arns if isinstance(arn, str)))


def _cause_of(attempt: Attempt) -> dict[str, Any] | None:
    return _parsed(attempt.cause)


def _map_runs(states: Iterable[StateRun]) -> list[str]:
    arns = [attempt.map_run_arn for state in states for attempt in state.attempts[-1:]]
    return list(dict.fromkeys(arn for arn in arns if arn is not None))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


# Text


def _lines(explanation: Explanation) -> Iterator[str]:
    yield _first_line(explanation)
    yield from (f"  {line}" for line in _body(explanation))
    for child in explanation.children:
        yield ""
        yield from str(child).splitlines()


def _first_line(told: Explanation) -> str:
    name = "the execution" if told.arn is None else f"execution {':'.join(told.arn.split(':')[7:])}"
    since = "" if told.started is None else f" since {told.started:%Y-%m-%d %H:%M:%S %Z}"
    times = f"{told.status}{since}" if told.seconds is None else f"{told.status} after {span(told.seconds)}"
    often = "once" if told.redrives == 1 else f"{told.redrives} times"
    redriven = f", redriven {often}" if told.redrives else ""
    return f"{name}: {times}{redriven}" + (f": {told.error}" if told.error else "")


def _body(told: Explanation) -> Iterator[str]:
    if told.state is not None and told.status == "FAILED":
        yield f"failed in {' → '.join(told.place)} ({told.type})"
    stand = "stands in" if told.status == "RUNNING" else "stood in"
    yield from _many([f"{stand} {wait}" for wait in told.waits])
    if told.state is not None:
        yield f"input: {_short(told.input) if told.input_known else 'not all of it is in the history'}"
    yield from _cause_lines(told)
    for each in told.tries:
        yield _try_line(each)
    for clause in told.clauses or []:
        names = ", ".join(clause.error_equals)
        yield f"{clause.kind} {clause.number} of {clause.state} ({names}): {clause.verdict}"
    if told.state is not None and told.clauses == []:
        yield "nothing retries or catches it"
    yield from _many([_handled_line(handled) for handled in told.handled])
    yield from (f"execution: {arn}" for arn in told.executions)
    yield from (f"map run: {arn}" for arn in told.map_runs)


def _many(lines: list[str]) -> Iterator[str]:
    yield from lines[:_MANY]
    if len(lines) > _MANY:
        yield f"… and {len(lines) - _MANY} more of these"


def _handled_line(handled: Handled) -> str:
    where, tries = " → ".join(handled.place), f" in {handled.tries} tries" if handled.tries > 1 else ""
    after = "" if handled.next is None else f", on to {handled.next}"
    return f"caught before: {where}: {handled.error}{tries}{after}"


def _cause_lines(told: Explanation) -> Iterator[str]:
    """The cause; of a Lambda function, its own error with the innermost calls."""
    details = told.details or {}
    message = details.get("errorMessage")
    if isinstance(message, str):
        yield f"cause: {details.get('errorType', 'error')}: {_cut(message)}"
        trace = details.get("stackTrace") or details.get("trace") or []
        for frame in (trace if isinstance(trace, list) else [])[-_FRAMES:]:
            yield f"  {_cut(' '.join(str(frame).split()))}"
    elif told.cause:
        yield f"cause: {_cut(' '.join(told.cause.split()))}"


def _try_line(each: Try) -> str:
    what = each.error or each.status
    after = "" if each.pause is None else f", {span(each.pause)} later"
    took = "" if each.seconds is None else f", took {span(each.seconds)}"
    resource = "" if each.resource is None else f", {each.resource}"
    return f"try {each.number}{after}: {what}{took}{resource}"


def _short(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
