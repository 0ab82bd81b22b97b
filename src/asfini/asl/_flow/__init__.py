"""Whether activities can take what flows to them: warnings for machines whose activities are annotated.

`values` are sets of JSON values, `schemas` makes them of annotations, and `fitting` holds them against
others. `reading` knows paths, templates and expressions, `rules` those of a Choice, `states` what states do
with data, `walk` goes from state to state, and `telling` has the words.
"""

from collections.abc import Iterator
from typing import Any

from asfini.asl._flow.states import exits_of
from asfini.asl._flow.telling import message
from asfini.asl._flow.walk import Finding, TooLong, Typed, Walk, is_typed
from asfini.asl._problem import Context, at
from asfini.asl.definition import Definition
from asfini.asl.states import State, Task

UNFIT_INPUT = "UNFIT_INPUT"


def warn_of_misfits(context: Context, definition: object, data: Any) -> None:
    """Note where an activity surely cannot take what flows to it.

    Args:
        context: the notebook.
        definition: the definition as it was given; only objects know the activities of their tasks.
        data: the same as JSON data, in which nothing is wrong.
    """
    language = data.get("QueryLanguage", "JSONPath")
    whole = _definition_of(definition)
    if whole is None or context.open(language):
        return
    states = [*_states(whole, "", "")]
    walk = Walk(context, _typed(states), exits_of, len(states), jsonata=language == "JSONata")
    try:
        walk.run(data)
    except (TooLong, RecursionError):
        return
    holders = {state.name: holder for state, _, holder in states if holder}
    told: dict[object, Finding] = {}
    for finding in walk.findings:
        told.setdefault((finding.step.location, finding.misfit.path, finding.misfit.part.by), finding)
    for finding in told.values():
        context.warn(UNFIT_INPUT, message(finding, holders), finding.step.location)


def _definition_of(given: object) -> Definition | None:
    """The definition that something has or is, if it has tasks whose activities say what they take."""
    while given is not None and not isinstance(given, Definition):
        given = getattr(given, "definition", None)
    tasks = [] if given is None else [state for state in given.walk() if isinstance(state, Task)]
    resources = (task.done_by for task in tasks)
    return given if any(_takes_something(each) for each in resources if each is not None) else None


def _takes_something(resource: object) -> bool:
    return is_typed(resource) and resource.input_schema() is not None


def _typed(states: list[tuple[State, str, str]]) -> dict[str, Typed]:
    """What does the tasks, by their places, where it says what it takes and gives."""
    found: dict[str, Typed] = {}
    for state, location, _ in states:
        resource = state.done_by if isinstance(state, Task) else None
        if is_typed(resource):
            found[location] = resource
    return found


def _states(definition: Definition, place: str, holder: str) -> Iterator[tuple[State, str, str]]:
    """Give all states with their places, and the names of those that they are in."""
    for name, state in definition.states.items():
        location = at(f"{place}/States", name)
        yield state, location, holder
        for index, branch in enumerate(state.held("branches") or []):
            yield from _states(branch, f"{location}/Branches[{index}]", name)
        for field, key in (("item_processor", "ItemProcessor"), ("iterator", "Iterator")):
            if (inner := state.held(field)) is not None:
                yield from _states(inner, f"{location}/{key}", name)
