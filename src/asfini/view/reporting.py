"""A run as a page of its own: `report`."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asfini.history import Event
from asfini.view._html import asset, filled, page
from asfini.view._svg import style as graph_style, svg
from asfini.view.graphs import Graph, graph
from asfini.view.marks import lasting, mark
from asfini.view.tree import Attempt, Line, Run, StateRun

_COMMON = frozenset({"timestamp", "type", "id", "previous_event_id"})
_LONGEST_SUMMARY = 200
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_PAYLOADS = ("input", "output", "parameters", "assigned_variables")
_SUMMED_UP = ("error", "resource", "worker_name", "index", "length", "map_run_arn", "redrive_count")
"""What the table says of an event besides its state: the first of these, and an error's cause."""


def report(run: Run, definition: Any = None, *, name: str = "", arn: str = "") -> str:
    """Write a page about a run: its graph, its timeline, its events. It needs nothing but itself.

    Args:
        run: the run, as `fold` makes it.
        definition: the machine's definition as it was when the run started; without it there is no graph.
        name: what to call the run.
        arn: its ARN.

    Returns:
        HTML, whose policy lets it run its own script and nothing else, and load nothing.
    """
    drawn = None if definition is None else graph(definition)
    css, script = _style(), asset("report.js")
    parts = {
        "graph": "" if drawn is None else svg(drawn, mark(drawn, run), styled=False),
        "data": _embedded(_Data(run, drawn).told(name, arn)),
        "script": script,
    }
    body = filled(asset("report.html"), parts)
    return page(f"{name or 'Run'}: {run.status}", css, body, script=script)


def _style() -> str:
    return f"{graph_style()}\n{asset('report.css')}"


def _embedded(data: Any) -> str:
    r"""JSON that can stand in a script element: no `<` ends it, or hides its end in a comment."""
    return json.dumps(data, separators=(",", ":"), default=str).replace("<", "\\u003c")


class _Data:
    """What the page's script is told."""

    def __init__(self, run: Run, drawn: Graph | None) -> None:
        self.run = run
        self.began = run.started or (run.events[0].timestamp if run.events else None)
        self.rows: list[dict[str, Any]] = []
        self.row_of: dict[int, int] = {}
        """Rows by the identity of their states, and of their states' events."""
        self.texts: dict[str, int] = {}
        """Payloads as JSON text, each once: from state to state they are often the same."""
        self.place_of = {id(event): place for place, event in enumerate(run.events)}
        self.names = {} if drawn is None else {node.key: node.name for node in drawn.walk()}
        self.keys = {} if drawn is None else _keys(drawn, run)

    def told(self, name: str, arn: str) -> dict[str, Any]:
        """All of it, as JSON data."""
        self._add_rows()
        events = [self._event(event) for event in self.run.events]
        run, failed = self.run, self.run.ended_in
        last = max((event.timestamp for event in run.events), default=None)
        return {
            "name": name or "Run",
            "arn": arn,
            "status": run.status,
            "error": run.error,
            "cause": run.cause,
            "place": " → ".join(failed.place) if failed else "",
            "failed": self.row_of.get(id(failed), -1),
            "facts": self._facts(),
            "payloads": [
                [title, self._shared(value)]
                for title, value in (("Input", run.input), ("Output", run.output))
                if value is not None
            ],
            "length": self._after(run.ended or last),
            "names": self.names,
            "rows": self.rows,
            "events": events,
            "texts": list(self.texts),
        }

    def _facts(self) -> list[tuple[str, str]]:
        run, states = self.run, list(self.run.walk())
        counts = Counter(state.status for state in states)
        retries = sum(state.retries for state in states)
        said = [
            ("Began", "" if self.began is None else self.began.isoformat(sep=" ", timespec="milliseconds")),
            ("Took", "" if run.seconds is None else lasting(run.seconds)),
            ("States entered", f"{len(states)}"),
            ("of them failed", f"{counts['FAILED'] + counts['TIMED_OUT'] or ''}"),
            ("Retries", f"{retries or ''}"),
            ("Redrives", f"{len(run.redrives) or ''}"),
            ("Events", f"{len(run.events)}"),
        ]
        return [(what, text) for what, text in said if text]

    def _after(self, time: datetime | None) -> float:
        """Milliseconds since the beginning."""
        if time is None or self.began is None:
            return 0.0
        return round((time - self.began).total_seconds() * 1000, 3)

    # Rows

    def _add_rows(self) -> None:
        """Add states, and the lines inside of them, each followed by what is inside; depth first."""
        waiting: list[tuple[StateRun | Line | int, int, int]] = [
            (state, -1, 0) for state in reversed(self.run.line.states)
        ]
        while waiting:
            thing, parent, depth = waiting.pop()
            if isinstance(thing, int):
                self.rows[thing]["end"] = len(self.rows)
                continue
            at = len(self.rows)
            inside: list[Any] = self._inside(thing)
            self.rows.append(self._row(thing, parent, depth))
            waiting.append((at, 0, 0))
            waiting += [(inner, at, depth + 1) for inner in reversed(inside)]

    def _inside(self, thing: StateRun | Line) -> list[Any]:
        if isinstance(thing, Line):
            return thing.states
        return [line for attempt in thing.attempts for line in attempt.lines]

    def _row(self, thing: StateRun | Line, parent: int, depth: int) -> dict[str, Any]:
        row = {
            "parent": parent,
            "depth": depth,
            "status": thing.status,
            "from": self._after(thing.started),
            "to": None if thing.ended is None else self._after(thing.ended),
        }
        self.row_of[id(thing)] = len(self.rows)
        return row | (self._line(thing) if isinstance(thing, Line) else self._state(thing))

    def _line(self, line: Line) -> dict[str, Any]:
        nothing = {"key": "", "entered": -1, "exited": -1, "tries": [], "lines": 0, "type": "", "place": ""}
        several = line.attempt is not None and line.attempt.number > 1
        again = f" (attempt {line.attempt.number})" if line.attempt and several else ""
        return nothing | {"name": f"{' '.join(line.label)}{again}", "line": True}

    def _state(self, state: StateRun) -> dict[str, Any]:
        at = len(self.rows)
        for event in (state.entered, state.exited, *(own for each in state.attempts for own in each.events)):
            if event is not None:
                self.row_of[id(event)] = at
        place = " → ".join(state.place)
        return {
            "name": state.name,
            "type": state.type,
            "key": self.keys.get(id(state), ""),
            "place": "" if place == state.name else place,
            "entered": self.place_of.get(id(state.entered), -1),
            "exited": self.place_of.get(id(state.exited), -1),
            "lines": max((len(attempt.lines) for attempt in state.attempts), default=0),
            "tries": [self._attempt(attempt) for attempt in state.attempts],
            "line": False,
        }

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "status": attempt.status,
            "from": self._after(attempt.started),
            "to": None if attempt.ended is None else self._after(attempt.ended),
            "error": attempt.error,
            "cause": attempt.cause,
        }

    # Events

    def _event(self, event: Event) -> dict[str, Any]:
        detail = {name: value for name, value in event.to_dict().items() if name not in _COMMON}
        payloads = {name: self._shared(detail.pop(name)) for name in _PAYLOADS if name in detail}
        return {
            "id": event.id,
            "type": event.type,
            "after": self._after(event.timestamp),
            "row": self.row_of.get(id(event), -1),
            "what": _summary(detail),
            "detail": detail,
            "payloads": payloads,
        }

    def _shared(self, payload: Any) -> int:
        """The place of a payload's text among all texts."""
        return self.texts.setdefault(_encode(payload), len(self.texts))


def _summary(detail: Mapping[str, Any]) -> str:
    """What there is to say of an event in a line."""
    if "resource_type" in detail:
        return f"{detail['resource_type']}:{detail.get('resource', '')} {detail.get('error', '')}".strip()
    name = next((name for name in _SUMMED_UP if name in detail), None)
    said = "" if name is None else f"{detail[name]}"
    return f"{said}: {detail['cause']}"[:_LONGEST_SUMMARY] if "cause" in detail else said


def _keys(drawn: Graph, run: Run) -> dict[int, str]:
    """The keys of the graph's nodes by the identity of the states' runs."""
    marks = mark(drawn, run)
    return {id(state): key for key, found in marks.by_key.items() for state in found.runs}
