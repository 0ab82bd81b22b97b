"""A run as a trace that chrome://tracing and Perfetto open: `trace`.

States are slices of a track, with their attempts inside; branches and iterations have tracks of their own, of
which those that follow each other share one.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from asfini.view.tree import Attempt, Line, Run, StateRun

_PROCESS = 1
_COLOURS = {
    "SUCCEEDED": "good",
    "CAUGHT": "bad",
    "FAILED": "terrible",
    "TIMED_OUT": "terrible",
    "ABORTED": "grey",
    "RUNNING": "yellow",
}
"""Colours by the names that trace viewers have for them."""


def trace(run: Run, *, name: str = "execution") -> dict[str, Any]:
    """Make a trace, as JSON data, in Chrome's trace event format.

    Args:
        run: the run, as `fold` makes it. What has not ended lasts until the last event.
        name: what to call the run.
    """
    tracing = _Tracing(run)
    tracing.add_line(run.line, tracing.track("states"))
    process = {"name": "process_name", "ph": "M", "pid": _PROCESS, "tid": 0, "args": {"name": name}}
    told = {"status": run.status, "error": run.error, "cause": run.cause}
    return {
        "displayTimeUnit": "ms",
        "otherData": {key: value for key, value in told.items() if value is not None},
        "traceEvents": [process, *tracing.events],
    }


class _Tracing:
    def __init__(self, run: Run) -> None:
        times = [event.timestamp for event in run.events]
        self.first = min(times, default=None)
        self.last = max(times, default=None)
        self.events: list[dict[str, Any]] = []
        self._tracks = 0
        self._free: dict[tuple[int, str], list[tuple[datetime, int]]] = {}
        """Tracks by what they are for, with the time from which each is free."""

    def track(self, name: str) -> int:
        """Begin another track."""
        self._tracks += 1
        common = {"ph": "M", "pid": _PROCESS, "tid": self._tracks}
        self.events.append({"name": "thread_name", **common, "args": {"name": name}})
        self.events.append({"name": "thread_sort_index", **common, "args": {"sort_index": self._tracks}})
        return self._tracks

    def add_line(self, line: Line, track: int) -> None:
        """Add all states of a line, and what is inside of them."""
        waiting = [(line, track)]
        while waiting:
            current, own = waiting.pop(0)
            for state in current.states:
                self.events.append(self._slice(state.name, state, own, self._of_state(state)))
                for attempt in state.attempts:
                    if len(state.attempts) > 1 or attempt.error is not None:
                        told = self._of_attempt(attempt)
                        self.events.append(self._slice(f"attempt {attempt.number}", attempt, own, told))
                    waiting += [(inner, self._track_for(inner, state, own)) for inner in attempt.lines]

    def _track_for(self, line: Line, state: StateRun, around: int) -> int:
        """A track for a branch or an iteration: one that is free by then, or another."""
        name = f"{state.name}: {'items' if line.kind == 'iteration' else line.label[0]}"
        tracks = self._free.setdefault((around, name), [])
        begin, end = line.started or self.first, line.ended or self.last
        if begin is None or end is None:
            return around
        for place, (free, track) in enumerate(tracks):
            if free <= begin:
                tracks[place] = (end, track)
                return track
        tracks.append((end, self.track(name)))
        return tracks[-1][1]

    def _slice(
        self, name: str, what: StateRun | Attempt, track: int, told: Iterator[tuple[str, Any]]
    ) -> dict[str, Any]:
        begin, end = self._micros(what.started or self.first), self._micros(what.ended or self.last)
        return {
            "name": name,
            "cat": what.status.lower(),
            "ph": "X",
            "ts": begin,
            "dur": max(end - begin, 0),
            "pid": _PROCESS,
            "tid": track,
            "cname": _COLOURS[what.status],
            "args": {key: value for key, value in told if value is not None},
        }

    def _micros(self, time: datetime | None) -> int:
        if time is None or self.first is None:
            return 0
        return round((time - self.first).total_seconds() * 1_000_000)

    def _of_state(self, state: StateRun) -> Iterator[tuple[str, Any]]:
        yield "type", state.type
        yield "status", state.status
        yield "place", " → ".join(state.place)
        yield "input", state.input
        yield "output", state.output

    def _of_attempt(self, attempt: Attempt) -> Iterator[tuple[str, Any]]:
        yield "status", attempt.status
        yield "resource", attempt.resource
        yield "error", attempt.error
        yield "cause", attempt.cause
