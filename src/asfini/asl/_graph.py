"""States as a graph: names, where transitions lead, what is entered, where it ends."""

from collections.abc import Iterator
from typing import Any

from asfini.asl._problem import Context, at

MISSING_TARGET = "MISSING_TRANSITION_TARGET"
MISSING_END = "MISSING_END_STATE"


def check_transitions(context: Context, start: Any, states: dict[str, Any], place: str) -> None:
    """Follow the transitions of one definition, which cannot leave it.

    As on AWS, a state counts as reachable when anything names it, and nothing is said of reachability where
    no state ends the execution.
    """
    named = list(transitions(start, states, place))
    for target, location in named:
        if target not in states and not context.open(target):
            context.add(f"Missing 'Next' target: {target}", location, MISSING_TARGET)
    if not any(_ends(context, state) for state in states.values()):
        context.add("Workflow has no terminal state", place, MISSING_END)
        return
    targets = {target for target, _ in named}
    if any(context.open(target) for target in targets):
        return
    for name in states:
        if name not in targets:
            context.add(f'State "{name}" is not reachable.', at(f"{place}/States", name), MISSING_TARGET)


def transitions(start: Any, states: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Give the names of the states that transitions lead to, with their places."""
    if isinstance(start, str):
        yield start, f"{place}/StartAt"
    for name, state in states.items():
        if isinstance(state, dict):
            location = at(f"{place}/States", name)
            for field, target in outgoing(state):
                yield target, f"{location}/{field}"


def outgoing(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the fields in which a state names others, and the names."""
    for field in ("Next", "Default"):
        if isinstance(target := state.get(field), str):
            yield field, target
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and isinstance(target := rule.get("Next"), str):
                yield f"{field}[{index}]/Next", target


def _ends(context: Context, state: Any) -> bool:
    if not isinstance(state, dict):
        return False
    kind = state.get("Type")
    return state.get("End") is True or kind in ("Succeed", "Fail") or context.open(kind)
