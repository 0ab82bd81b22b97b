"""What the rules of a Choice tell of the values that they let pass."""

import re
from collections.abc import Callable
from typing import Any

from asfini.asl._flow.reading import Key, parse_path
from asfini.asl._flow.values import ANY, NOTHING, Member, Object, Part, Scalar, Values, join, scalar
from asfini.asl._problem import PLACEHOLDER
from asfini.asl.comparisons import ORDERS

Verdict = bool | None
"""Whether a test holds for all values of a part; `None` where it may hold or not."""

_OPERATOR = re.compile(r"^(String|Numeric|Boolean|Timestamp)(\w+?)(Path)?$")
_KINDS = {"String": "text", "Numeric": "number", "Boolean": "boolean", "Timestamp": "text"}
_TESTS = {"IsNull": "null", "IsNumeric": "number", "IsString": "text", "IsBoolean": "boolean"}


def split(values: Values, rule: Any) -> tuple[Values, Values]:
    """Tell the values for which a rule may hold, and those for which it may not.

    Values for which it fails, since what it compares is not there, are in neither.

    Args:
        values: what the Choice gets.
        rule: the rule, as JSON data.
    """
    if not isinstance(rule, dict) or values.unknown:
        return values, values
    if isinstance(rules := rule.get("And"), list):
        return _all(values, rules)
    if isinstance(rules := rule.get("Or"), list):
        holding, failing = _all(values, [{"Not": inner} for inner in rules])
        return failing, holding
    if "Not" in rule:
        holding, failing = split(values, rule["Not"])
        return failing, holding
    return _compare(values, rule)


def _all(values: Values, rules: list[Any]) -> tuple[Values, Values]:
    """All of some rules, which are looked at one after the other, up to the first that does not hold."""
    failing = NOTHING
    for rule in rules:
        values, other = split(values, rule)
        failing = join(failing, other)
    return values, failing


def _compare(values: Values, rule: dict[str, Any]) -> tuple[Values, Values]:
    variable = rule.get("Variable")
    parsed = parse_path(variable) if isinstance(variable, str) else None
    name = next((key for key in rule if key in _TESTS or key == "IsPresent" or _OPERATOR.fullmatch(key)), "")
    if parsed is None or parsed[0] or not parsed[1] or not name or _is_open(rule[name]):
        return values, values
    keys = parsed[1]
    if name == "IsPresent":
        there, lacking = narrow(values, keys, lambda found: found), without(values, keys)
        return (there, lacking) if rule[name] else (lacking, there)
    test = _test(name, rule[name])
    holding = narrow(values, keys, lambda found: _kept(found, test, wanted=True))
    failing = narrow(values, keys, lambda found: _kept(found, test, wanted=False))
    return (holding, failing) if name not in _TESTS or rule[name] else (failing, holding)


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and PLACEHOLDER.search(value) is not None


def _test(name: str, value: Any) -> Callable[[Part], Verdict]:
    """What tells of a part whether an operator holds for it."""
    if name in _TESTS:
        return lambda part: part.kind == _TESTS[name]
    type_, order, path = _OPERATOR.findall(name)[0]
    kind, compare = _KINDS[type_], ORDERS.get(order)
    exact = [part.kind for part in scalar(value).parts] == [kind] and not path and type_ != "Timestamp"
    if kind == "text" and order != "Equals":
        exact = False  # in which order texts are is the service's own matter

    def test(part: Part) -> Verdict:
        if part.kind != kind:
            return False
        if not isinstance(part, Scalar) or part.value is ... or compare is None or not exact:
            return None
        return compare(part.value, value)

    return test


def _kept(values: Values, test: Callable[[Part], Verdict], *, wanted: bool) -> Values:
    """The parts for which a test may turn out as wanted."""
    if values.unknown:
        return ANY
    parts = (each for part in values.parts for each in _each(part))
    return Values(tuple(part for part in parts if test(part) is not (not wanted)))


def _each(part: Part) -> tuple[Part, ...]:
    """The values of a part, where they are few."""
    if part.kind != "boolean" or not isinstance(part, Scalar) or part.value is not ...:
        return (part,)
    return Scalar("boolean", True, part.by), Scalar("boolean", False, part.by)


def narrow(values: Values, keys: tuple[Key, ...], keep: Callable[[Values], Values]) -> Values:
    """The values that have something at a path, and of that what is kept."""
    if values.unknown:
        return values
    if not keys:
        return keep(values)
    return join(*(_narrowed(part, keys, keep) for part in values.parts))


def _narrowed(part: Part, keys: tuple[Key, ...], keep: Callable[[Values], Values]) -> Values:
    key = keys[0]
    if not isinstance(part, Object) or not isinstance(key, str):
        return Values((part,))
    inner = narrow(part.member(key).values, keys[1:], keep)
    return Values((part.having(key, Member(inner)),)) if inner else NOTHING


def without(values: Values, keys: tuple[Key, ...]) -> Values:
    """The values that have nothing at a path."""
    if values.unknown:
        return values
    return join(*(_lacking(part, keys) for part in values.parts))


def _lacking(part: Part, keys: tuple[Key, ...]) -> Values:
    key = keys[0]
    if not isinstance(part, Object) or not isinstance(key, str):
        return Values((part,))
    member = part.member(key)
    absent = NOTHING if member.required else Values((part.having(key, Member(NOTHING, required=False)),))
    if len(keys) == 1:
        return absent
    inner = without(member.values, keys[1:])
    return join(absent, Values((part.having(key, Member(inner)),)) if inner else NOTHING)
