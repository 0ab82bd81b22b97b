"""What states make of the values that come to them, and where these go on to."""

from collections.abc import Callable, Iterator
from typing import Any

from asfini.asl._flow.reading import Scope, parse_path, write
from asfini.asl._flow.rules import split
from asfini.asl._flow.values import ANY, NOTHING, List, Member, Object, Scalar, Values, join
from asfini.asl._flow.walk import Arrival, Exits, Step, Walk, gathered, together

Given = tuple[Values, Scope]
"""What a state's work gets, and the scope in which that was read."""
Perform = Callable[[Walk, Step, Given, Arrival], Values]
"""Tells what a state's work gives."""


def exits_of(walk: Walk, step: Step, arrivals: list[Arrival]) -> Exits:
    """Tell what of some arrivals goes on, and where to; at last, tasks note what they cannot take instead."""
    kind = step.state["Type"]
    if kind == "Choice":
        return _Choosing(walk, step).exits(arrivals)
    if kind == "Task" and walk.telling:
        for arrival in arrivals:
            walk.tell(step, *_given(walk, step, arrival.values), arrival.ways)
        return []
    left = [arrival.past(step.name, _passed(walk, step, arrival)) for arrival in arrivals]
    exits: Exits = [(step.state.get("Next"), gathered(iter(left)))]
    for catcher in step.state.get("Catch", ()):
        caught = [arrival.past(step.name, _caught(walk, step, catcher, arrival)) for arrival in arrivals]
        exits.append((catcher.get("Next"), [together(caught)] if caught else []))
    return exits


def _passed(walk: Walk, step: Step, arrival: Arrival) -> Values:
    """What a state passes on."""
    values, state = arrival.values, step.state
    result = PERFORM[state["Type"]](walk, step, _given(walk, step, values), arrival)
    if not result:
        return NOTHING
    if step.jsonata:
        scope = walk.scope(step, values, result=result)
        output = scope.expressions(state["Output"]) if "Output" in state else result
    else:
        if "ResultSelector" in state:
            result = walk.scope(step, result).template(state["ResultSelector"])
        scope = walk.scope(step, result)
        output = _left(walk, step, _placed(state, values, result) if "ResultPath" in state else result)
    walk.assign(state.get("Assign"), scope, jsonata=step.jsonata)
    return output


def _given(walk: Walk, step: Step, values: Values) -> Given:
    return (_arguments if step.jsonata else _parameters)(walk, step, values)


def _arguments(walk: Walk, step: Step, values: Values) -> Given:
    """What JSONata gives to the state's work."""
    scope = walk.scope(step, values)
    return scope.expressions(step.state["Arguments"]) if "Arguments" in step.state else values, scope


def _parameters(walk: Walk, step: Step, values: Values) -> Given:
    """What InputPath and Parameters give to the state's work; a Map's Parameters are its ItemSelector."""
    outer = walk.scope(step, values)
    selected = outer.path(step.state["InputPath"]) if "InputPath" in step.state else values
    scope = walk.scope(step, selected)
    scope.lost += outer.lost
    if "Parameters" not in step.state or step.state["Type"] == "Map":
        return selected, scope
    return (scope.template(step.state["Parameters"]) if selected else NOTHING), scope


def _placed(holder: Any, values: Values, result: Values) -> Values:
    """What ResultPath makes of an input and a result."""
    path = holder["ResultPath"]
    if path is None:
        return values
    parsed = parse_path(path) if isinstance(path, str) else None
    return ANY if parsed is None or parsed[0] else write(values, parsed[1], result)


def _left(walk: Walk, step: Step, values: Values) -> Values:
    """What OutputPath leaves of it."""
    return walk.scope(step, values).path(step.state["OutputPath"]) if "OutputPath" in step.state else values


def _caught(walk: Walk, step: Step, catcher: dict[str, Any], arrival: Arrival) -> Values:
    """What a catcher makes of an error."""
    text = Values((Scalar("text", by=step.name),))
    members = {"Error": Member(text), "Cause": Member(text, required=False)}
    error = Values((Object(members, by=step.name),))
    if not step.jsonata:
        scope = walk.scope(step, error)
        output = _placed(catcher, arrival.values, error) if "ResultPath" in catcher else error
    else:
        scope = walk.scope(step, arrival.values, errorOutput=error)
        output = scope.expressions(catcher["Output"]) if "Output" in catcher else error
    walk.assign(catcher.get("Assign"), scope, jsonata=step.jsonata)
    return output


# What each type of state gives


def _pass(_: Walk, step: Step, given: Given, __: Arrival) -> Values:
    values, scope = given
    fixed = "Result" in step.state and not step.jsonata
    return scope.constant(step.state["Result"]) if fixed else values


def _task(walk: Walk, step: Step, given: Given, _: Arrival) -> Values:
    fits = given[0] and walk.misfit(step, *given) is None
    return walk.result(step) if fits else NOTHING


def _unchanged(_: Walk, __: Step, given: Given, ___: Arrival) -> Values:
    return given[0]


def _fail(_: Walk, __: Step, ___: Given, ____: Arrival) -> Values:
    return NOTHING


def _parallel(walk: Walk, step: Step, given: Given, arrival: Arrival) -> Values:
    values = given[0]
    if not values:
        return NOTHING
    inner = [arrival.past(step.name, values)]
    results = [
        join(*(end.values for end in walk.through(branch, f"{step.location}/Branches[{index}]", inner)))
        for index, branch in enumerate(step.state.get("Branches", ()))
    ]
    return Values((List(tuple(results), by=step.name),)) if all(results) else NOTHING


def _map(walk: Walk, step: Step, given: Given, arrival: Arrival) -> Values:
    values, scope = given
    if not values:
        return NOTHING
    field = "ItemProcessor" if "ItemProcessor" in step.state else "Iterator"
    processor = step.state.get(field)
    item = _iterated(walk, step, values, _items(step, values, scope))
    inner = [arrival.past(step.name, item)] if item else []
    ends = walk.through(processor, f"{step.location}/{field}", inner) if inner else []
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    if config is not None and (not isinstance(config, dict) or config.get("Mode", "INLINE") != "INLINE"):
        return ANY  # it may be written elsewhere, and items may have failed
    outputs = join(*(end.values for end in ends))
    return Values((List(rest=outputs or None, by=step.name),))


def _items(step: Step, values: Values, scope: Scope) -> Values:
    """What the items of a Map may be."""
    if "ItemReader" in step.state:
        return ANY
    if step.jsonata:
        items = scope.expressions(step.state["Items"]) if "Items" in step.state else values
    else:
        items = scope.path(step.state["ItemsPath"]) if "ItemsPath" in step.state else values
    if items.unknown or any(part.kind == "object" for part in items.parts):
        return ANY
    return join(*(part.items for part in items.parts if isinstance(part, List)))


def _iterated(walk: Walk, step: Step, values: Values, item: Values) -> Values:
    """What each iteration of a Map gets."""
    selector = next((name for name in ("ItemSelector", "Parameters") if name in step.state), None)
    if selector is not None and item:
        scope = walk.scope(step, values, item)
        fill = scope.expressions if step.jsonata else scope.template
        item = fill(step.state[selector])
    if "ItemBatcher" not in step.state or not item:
        return item
    batch = {"Items": Member(Values((List(rest=item, by=step.name),)))}
    if "BatchInput" in step.state["ItemBatcher"]:
        batch["BatchInput"] = Member(ANY)
    return Values((Object(batch, by=step.name),))


PERFORM: dict[str, Perform] = {
    "Task": _task,
    "Pass": _pass,
    "Wait": _unchanged,
    "Succeed": _unchanged,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}
"""By the types of states; a Choice has nothing to do but to choose."""


class _Choosing:
    """A Choice that sends values on.

    Args:
        walk: the walk that it is part of.
        step: the Choice.
    """

    def __init__(self, walk: Walk, step: Step) -> None:
        self.walk, self.step = walk, step

    def exits(self, arrivals: list[Arrival]) -> Exits:
        """Tell what goes on by each rule, and by the default."""
        rules = [*self.step.state.get("Choices", ())]
        holders = [*rules, self.step.state] if "Default" in self.step.state else rules
        sure: list[list[Arrival]] = [[] for _ in holders]
        likely: list[list[Arrival]] = [[] for _ in holders]
        for arrival in arrivals:
            shares = [*self._shares(arrival.values, rules)]
            taken = [index for index, values in enumerate(shares) if values]
            for index in taken:
                if index < len(holders):
                    left = arrival.past(self.step.name, self._passed(holders[index], shares[index]))
                    (sure if len(taken) == 1 else likely)[index].append(left)
        targets = [holder.get("Default" if holder is self.step.state else "Next") for holder in holders]
        return [
            (target, gathered(_sure_and_likely(sure[index], likely[index])))
            for index, target in enumerate(targets)
        ]

    def _shares(self, values: Values, rules: list[Any]) -> Iterator[Values]:
        """What of some values each rule may send on, and what none does."""
        if not self.step.jsonata and "InputPath" in self.step.state:
            values = self.walk.scope(self.step, values).path(self.step.state["InputPath"])
        for rule in rules:
            holding, values = (values, values) if self.step.jsonata else split(values, rule)
            yield holding
        yield values

    def _passed(self, holder: Any, values: Values) -> Values:
        scope = self.walk.scope(self.step, values)
        self.walk.assign(holder.get("Assign"), scope, jsonata=self.step.jsonata)
        if self.step.jsonata:
            return scope.expressions(holder["Output"]) if "Output" in holder else values
        return _left(self.walk, self.step, values)


def _sure_and_likely(sure: list[Arrival], likely: list[Arrival]) -> Iterator[Arrival]:
    """What goes on for sure stands for itself, all else for what may be any of it."""
    yield from sure
    if likely:
        yield together([*sure, *likely])
