"""Saying in a few words what a state does, when a rule holds, what is retried and caught."""

import json
import re
from collections.abc import Mapping
from typing import Any

from asfini.view._text import sound

_OPERATOR = re.compile(
    r"(?P<kind>String|Numeric|Boolean|Timestamp)"
    r"(?P<relation>Equals|LessThanEquals|LessThan|GreaterThanEquals|GreaterThan|Matches)(?P<path>Path)?"
)
_RELATIONS = {
    "Equals": "=",
    "LessThan": "<",
    "LessThanEquals": "≤",
    "GreaterThan": ">",
    "GreaterThanEquals": "≥",
    "Matches": "matches",
}
_TESTS = {
    "IsPresent": "present",
    "IsNull": "null",
    "IsBoolean": "a boolean",
    "IsNumeric": "a number",
    "IsString": "text",
    "IsTimestamp": "a time",
}
_PART = r"(?:\$\{[^}]*\}|[^:])*"
"""A part of an ARN, which may have CloudFormation's parameters in it, and their colons."""
_WORK = re.compile(rf"arn:{_PART}:(?:lambda|states):{_PART}:{_PART}:(function|activity|stateMachine):(.+)")
_SERVICE = re.compile(rf"arn:{_PART}:states:{_PART}:{_PART}:(.+)")


def cut(text: str, length: int) -> str:
    """Text of no more than some characters, in one line."""
    line = " ".join(sound(text).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def written(value: Any) -> str:
    """A value as JSON, as it stands in a definition."""
    return json.dumps(value, ensure_ascii=False, default=str)


# Choice


def rule_said(rule: Any, *, inner: bool = False) -> str:
    """When a rule of a Choice holds: `$.pence > 5000 and not $.paid is present`.

    Args:
        rule: the rule's JSON.
        inner: whether it stands inside of another, and needs brackets where it has parts of its own.
    """
    if not isinstance(rule, Mapping):
        return written(rule)
    if "Condition" in rule:
        return expression(rule["Condition"])
    for key, word in (("And", " and "), ("Or", " or ")):
        if isinstance(parts := rule.get(key), list):
            said = word.join(rule_said(part, inner=True) for part in parts)
            return f"({said})" if inner and len(parts) > 1 else said
    if "Not" in rule:
        return f"not {rule_said(rule['Not'], inner=True)}"
    return _comparison(rule)


def _comparison(rule: Mapping[str, Any]) -> str:
    variable = str(rule.get("Variable", "?"))
    for key, value in rule.items():
        if key in _TESTS:
            return f"{variable} {'is not' if value is False else 'is'} {_TESTS[key]}"
        if found := _OPERATOR.fullmatch(key):
            shown = str(value) if found["path"] else written(value)
            return f"{variable} {_RELATIONS[found['relation']]} {shown}"
    return variable


def expression(value: Any) -> str:
    """What a field says: JSONata without its marks, other text as it is, all else as JSON."""
    if not isinstance(value, str):
        return written(value)
    bare = value.strip()
    return bare[2:-2].strip() if bare.startswith("{%") and bare.endswith("%}") else value


# Retry and Catch


def errors_said(clause: Any) -> str:
    """The errors that a Retry or Catch clause names."""
    errors = clause.get("ErrorEquals") if isinstance(clause, Mapping) else None
    return ", ".join(map(str, errors)) if isinstance(errors, list) else "?"


def retry_said(retrier: Any) -> str:
    """What is retried, and how often: `States.Timeout ×3`; without a number it is AWS's default."""
    attempts = retrier.get("MaxAttempts", 3) if isinstance(retrier, Mapping) else 3
    return f"{errors_said(retrier)} ×{expression(attempts)}"


# What a state does


def doing(state: Mapping[str, Any]) -> str:
    """What a state does, beyond its type: whom a Task calls, how long a Wait waits."""
    say = _DOING.get(str(state.get("Type")))
    return "" if say is None else say(state)


def resource_said(resource: Any) -> str:
    """What does a task, without the account: `sqs:sendMessage`, `function resize`, `activity pack`."""
    text = str(resource)
    if found := _WORK.fullmatch(text):
        kind = {"stateMachine": "machine"}.get(found[1], found[1])
        return f"{kind} {found[2]}"
    found = _SERVICE.fullmatch(text)
    return found[1] if found else text


def _waiting(state: Mapping[str, Any]) -> str:
    for field, form in (
        ("Seconds", "{} s"),
        ("SecondsPath", "{} s"),
        ("Timestamp", "until {}"),
        ("TimestampPath", "until {}"),
    ):
        if field in state:
            return form.format(expression(state[field]))
    return ""


def _failing(state: Mapping[str, Any]) -> str:
    return next((expression(state[key]) for key in ("Error", "ErrorPath") if key in state), "")


def _mapping(state: Mapping[str, Any]) -> str:
    return next((expression(state[key]) for key in ("ItemsPath", "Items") if key in state), "")


_DOING = {
    "Task": lambda state: resource_said(state.get("Resource", "")),
    "Wait": _waiting,
    "Fail": _failing,
    "Map": _mapping,
}
