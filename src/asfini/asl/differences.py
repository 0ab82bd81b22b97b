"""What differs between two definitions, by meaning."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asfini.asl._problem import at
from asfini.asl.definition import read_definition

_DEFAULTS: dict[str, Any] = {
    "BackoffRate": 2.0,
    "InputPath": "$",
    "IntervalSeconds": 1,
    "MaxAttempts": 3,
    "OutputPath": "$",
    "ResultPath": "$",
    "Version": "1.0",
}
"""What it makes no difference to spell out: the States Language's specification."""
_LANGUAGE = "JSONPath"
_OLD_NAMES: dict[Any, str] = {"Iterator": "ItemProcessor", "Parameters": "ItemSelector"}
"""Fields of a Map that have a new name, and the same meaning."""
_MISSING: Any = object()
_LONGEST = 60


@dataclass(frozen=True)
class Difference:
    """Something that one definition has, and the other has not or has otherwise."""

    kind: Literal["added", "removed", "changed"]
    """Whether it is in the second definition only, in the first only, or in both."""
    location: str
    """Where, as problems name it: `/States/size/Next`."""
    before: Any = None
    """JSON data; `None` too if it was not there."""
    after: Any = None
    """JSON data; `None` too if it is not there any more."""

    def __str__(self) -> str:
        place = self.location or "/"
        if self.kind == "changed":
            return f"~ {place}: {_short(self.before)} -> {_short(self.after)}"
        sign, value = ("+", self.after) if self.kind == "added" else ("-", self.before)
        return f"{sign} {place}: {_short(value)}"

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON data; what was not there is left out."""
        told = {"kind": self.kind, "location": self.location}
        before = {} if self.kind == "added" else {"before": self.before}
        return told | before | ({} if self.kind == "removed" else {"after": self.after})


def differences(before: object, after: object) -> list[Difference]:
    """List what differs between two definitions, in the order of the second one.

    Formatting, the order of keys and of errors, `2` and `2.0`, a Map's old names and defaults that are
    spelled out make no difference.

    Args:
        before: a definition, a machine or JSON data.
        after: the same.

    Raises:
        InvalidArgument: it is none of these.
    """
    old, new = (read_definition(each).to_dict() for each in (before, after))
    return list(_compare(_plain(old, _LANGUAGE), _plain(new, _LANGUAGE), ""))


def _plain(value: Any, language: str | None) -> Any:
    """Leave out defaults, where the language gives them a meaning, and give fields their new names.

    Args:
        value: a machine, or a part of one.
        language: the query language that it has if it names none; `None` of parts that have none.
    """
    if not isinstance(value, dict):
        return value
    names = _OLD_NAMES if value.get("Type") == "Map" else {}
    given: dict[str, Any] = {}
    for key, item in value.items():
        given[names.get(key) or key] = item
    kept = {key: item for key, item in given.items() if not _is_default(key, item, given)}
    if language is not None and kept.get("QueryLanguage") == language:
        del kept["QueryLanguage"]
    own = kept.get("QueryLanguage", language) if "StartAt" in kept else language  # states pass on none
    for field in ("Retry", "Catch", "Choices", "Branches"):
        if isinstance(kept.get(field), list):
            kept[field] = [_plain(item, own if field == "Branches" else None) for item in kept[field]]
    if isinstance(states := kept.get("States"), dict):
        kept["States"] = {name: _plain(state, own) for name, state in states.items()}
    if "ItemProcessor" in kept:
        kept["ItemProcessor"] = _plain(kept["ItemProcessor"], own)
    if _are_names(kept.get("ErrorEquals")):
        kept["ErrorEquals"] = sorted(kept["ErrorEquals"])
    return kept


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_default(key: str, value: Any, holder: Mapping[str, Any]) -> bool:
    if key == "End" and value is False:
        return "Type" in holder
    return key in _DEFAULTS and not isinstance(value, bool) and bool(value == _DEFAULTS[key])


def _compare(before: Any, after: Any, place: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from _compare(before.get(key, _MISSING), after.get(key, _MISSING), at(place, key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old, new = (each[index] if index < len(each) else _MISSING for each in (before, after))
            yield from _compare(old, new, f"{place}[{index}]")
    elif before is _MISSING:
        yield Difference("added", place, after=after)
    elif after is _MISSING:
        yield Difference("removed", place, before=before)
    elif isinstance(before, bool) is not isinstance(after, bool) or before != after:
        yield Difference("changed", place, before, after)


def _short(value: Any) -> str:
    """Write JSON in a line: of a state, no more than its type."""
    if isinstance(value, dict) and isinstance(value.get("Type"), str):
        return f"a {value['Type']} state"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
