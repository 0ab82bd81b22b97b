"""Paths: steps over the values that the steps before them found, with predicates, orders and groups."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any

from asfini.query._jsonata.casts import boolean, is_numeric
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.run import MAX_ITEMS, Evaluate, Frame, Run, too_large
from asfini.query._jsonata.syntax import Node
from asfini.query._jsonata.values import (
    UNDEFINED,
    Constructed,
    Sequence,
    Tuples,
    append,
    is_number,
    lookup,
    unwrapped,
)

if TYPE_CHECKING:
    from asfini.query._jsonata.evaluator import Compiler

_HERE = "@"
"""The key of a tuple's own value; its other keys are variables."""


@dataclass(slots=True)
class Stage:
    """What is done to the values of a step, made ready."""

    predicate: Evaluate | None = None
    position: Any = None
    """The index that a predicate gives as a literal."""
    counter: str | None = None
    """The variable that counts the values."""


# Paths of names alone: nearly all there are


def is_plain(node: Node) -> bool:
    """Whether a path consists of names, after a variable perhaps."""
    if node.group is not None or node.keep_singleton or node.keep_array or node.tuple or node.predicates:
        return False
    first, *rest = node.parts
    if first.kind not in ("name", "variable") or (first.kind == "variable" and not first.value):
        return False
    return all(_bare(step) for step in node.parts) and all(step.kind == "name" for step in rest)


def _bare(step: Node) -> bool:
    return not (step.stages or step.predicates or step.group or step.tuple or step.keep_array)


def plain(node: Node) -> Evaluate:
    """Make a closure of a path of names: a walk through objects, until there is an array."""
    names = [str(step.value) for step in node.parts]
    variable = names.pop(0) if node.parts[0].kind == "variable" else None
    if variable is None and len(names) == 1:
        return _field(names[0])

    def evaluate(context: Any, frame: Frame) -> Any:
        value = context if variable is None else frame.lookup(variable)
        for index, name in enumerate(names):
            if type(value) is not dict:
                return _through(value, names[index:], frame.run)
            value = value.get(name, UNDEFINED)
            if value is UNDEFINED:
                return UNDEFINED
        return unwrapped(value)

    return evaluate


def _field(name: str) -> Evaluate:
    """Make a closure of a name."""

    def evaluate(context: Any, _: Frame) -> Any:
        value = context.get(name, UNDEFINED) if type(context) is dict else lookup(context, name)
        return unwrapped(value) if isinstance(value, Sequence) else value

    return evaluate


def _through(value: Any, names: list[str], run: Run) -> Any:
    """Follow names through a value that is no plain object."""
    if not isinstance(value, (list, dict)):
        return UNDEFINED
    found: Any = value if isinstance(value, list) else [value]
    for index, name in enumerate(names, 1):
        fields = [unwrapped(lookup(item, name)) for item in run.watch(found)]
        found = _collected(fields, index == len(names), run)
        if not found:
            break
    return unwrapped(found)


def _collected(found: list[Any], last: bool, run: Run) -> list[Any]:
    """Put together what a step found: sequences and arrays are taken apart."""
    found = [value for value in found if value is not UNDEFINED]
    if last and len(found) == 1 and isinstance(found[0], list) and not isinstance(found[0], Sequence):
        return found[0]
    collected = Sequence()
    for value in found:
        if isinstance(value, list) and not isinstance(value, Constructed):
            run.reserve(len(value), len(collected))
            collected.extend(value)
        else:
            collected.append(value)
    return collected


# Paths of any steps


def path(compiler: "Compiler", node: Node, depth: int) -> Evaluate:
    """Make a closure of a path.

    Args:
        compiler: makes the steps' closures.
        node: the path.
        depth: how deep it is nested.
    """
    steps = [
        _step(compiler, step, depth, first=step is node.parts[0], last=step is node.parts[-1])
        for step in node.parts
    ]
    absolute = node.parts[0].kind == "variable"
    pairs = compiler.pairs(node.group, depth) if node.group else None

    def evaluate(context: Any, frame: Frame) -> Any:
        values = context if isinstance(context, list) and not absolute else [context]
        stream, tuples, found = False, None, values
        for step in steps:
            stream = stream or step.node.tuple
            if stream and not step.constructs:
                tuples = _tuple_step(step, values, tuples, frame)
                continue
            found = step.walk(values, frame)
            if not found and not stream:
                break
            if step.node.focus is None:
                values = found
        if stream:
            found = _of_tuples(tuples or Tuples(), node.tuple)
        if node.keep_singleton:
            found = _singleton(found)
        if pairs is None:
            return found
        return group(pairs, tuples if stream else found, frame)

    return evaluate


def _of_tuples(tuples: Any, remembered: bool) -> Any:
    return tuples if remembered else Sequence(item[_HERE] for item in tuples)


def _singleton(found: Any) -> Any:
    """Keep a path's values an array."""
    if isinstance(found, Constructed):
        found = Sequence([found])
    if isinstance(found, Sequence):
        found.keep = True
    return found


@dataclass(slots=True)
class _Step:
    """A step, made ready."""

    node: Node
    evaluate: Evaluate
    walk: Callable[[list[Any], Frame], Any]
    """Goes from values to values."""
    stages: list[Stage]
    constructs: bool = False
    """It begins the path with an array of its own."""


def _step(compiler: "Compiler", node: Node, depth: int, *, first: bool, last: bool) -> _Step:
    stages = [compiler.stage(stage, depth) for stage in node.stages or ()]
    if node.kind == "sort":
        order = ordered(compiler, node, depth)
        return _Step(node, order, lambda values, frame: _staged(stages, order(values, frame), frame), stages)
    evaluate = compiler.compile(node, depth + 1)
    if first and node.constructs:
        return _Step(node, evaluate, evaluate, stages, constructs=True)

    def walk(values: list[Any], frame: Frame) -> list[Any]:
        found = []
        for item in frame.run.watch(values):
            value = evaluate(item, frame)
            for stage in stages:
                value = select(stage, value, frame)
            found.append(value)
        return _collected(found, last, frame.run)

    return _Step(node, evaluate, walk, stages)


def _staged(stages: list[Stage], values: Any, frame: Frame) -> Any:
    for stage in stages:
        if stage.counter is None:
            values = select(stage, values, frame)
        else:
            for index, item in enumerate(values):
                item[stage.counter] = index
    return values


def _tuple_step(step: _Step, values: list[Any], tuples: Any, frame: Frame) -> Any:
    """Go a step from tuple to tuple, each with what is bound so far."""
    if step.node.kind == "sort":
        if tuples is None:
            counter = step.node.index or ""
            found: Any = Tuples(
                {_HERE: value, counter: index} for index, value in enumerate(step.evaluate(values, frame))
            )
        else:
            found = step.evaluate(tuples, frame)
        return _staged(step.stages, found, frame)
    found = Tuples()
    for item in frame.run.watch([{_HERE: value} for value in values] if tuples is None else tuples):
        results = step.evaluate(item[_HERE], frame.within(item))
        if results is UNDEFINED:
            continue
        if not isinstance(results, list):
            results = [results]
        if len(found) + len(results) > MAX_ITEMS:
            raise too_large()
        remembered = isinstance(results, Tuples)
        found.extend(
            item | result if remembered else _extended(step.node, item, result, index)
            for index, result in enumerate(frame.run.watch(results))
        )
    return _staged(step.stages, found, frame)


def _extended(step: Node, item: dict[str, Any], value: Any, index: int) -> dict[str, Any]:
    """Add to a tuple what a step binds."""
    extended = dict(item)
    extended[step.focus or _HERE] = value
    if step.index:
        extended[step.index] = index
    if step.ancestor is not None:
        extended[step.ancestor.label] = item[_HERE]
    return extended


# Predicates


def filtered(evaluate: Evaluate, stages: list[Stage]) -> Evaluate:
    """Make a closure that selects of what another finds."""

    def evaluate_filtered(context: Any, frame: Frame) -> Any:
        value = evaluate(context, frame)
        for stage in stages:
            value = select(stage, value, frame)
        return value

    return evaluate_filtered


def select(stage: Stage, value: Any, frame: Frame) -> Any:
    """Select of a value's items those for which a predicate is true, or that it gives the index of."""
    items = value if isinstance(value, list) else [value]
    tuples = isinstance(value, Tuples)
    selected = Tuples() if tuples else Sequence()
    if stage.predicate is None:
        item = _at(items, stage.position)
        if isinstance(item, list):
            return item
        if item is not UNDEFINED:
            selected.append(item)
        return selected
    for index, item in enumerate(frame.run.watch(items)):
        context, within = (item[_HERE], frame.within(item)) if tuples else (item, frame)
        result = stage.predicate(context, within)
        if result is True:
            selected.append(item)
        elif result is not False:
            selected.extend([item] * _chosen(result, index, len(items)))
    return selected


def _at(items: list[Any], position: float) -> Any:
    index = floor(position)
    index += len(items) * (index < 0)
    return items[index] if 0 <= index < len(items) else UNDEFINED


def _chosen(result: Any, index: int, length: int) -> int:
    """How often a predicate's result chooses the item with an index."""
    if type(result) is int:
        return int(result + length * (result < 0) == index)
    if is_number(result) and is_numeric(result):
        result = [result]
    if isinstance(result, list) and all(is_numeric(position) for position in result):
        return sum(floor(position) + length * (position < 0) == index for position in result)
    return int(boolean(result))


# Orders


def ordered(compiler: "Compiler", node: Node, depth: int) -> Evaluate:
    """Make a closure that puts values in the order of terms."""
    terms = list(zip(compiler.all(node.parts, depth), node.descending, strict=True))

    def evaluate(values: Any, frame: Frame) -> Any:
        if len(values) <= 1:
            return values
        tuples = isinstance(values, Tuples)
        items = [_Ordered(item, terms, frame, tuples) for item in frame.run.watch(values)]
        return [ordered.item for ordered in sorted(items)]

    return evaluate


class _Ordered:
    """An item and what it is ordered by, computed when first needed."""

    __slots__ = ("frame", "item", "keys", "terms", "tuples")

    def __init__(self, item: Any, terms: list[tuple[Evaluate, bool]], frame: Frame, tuples: bool) -> None:
        self.item = item
        self.terms = terms
        self.frame = frame
        self.tuples = tuples
        self.keys: list[Any] = []

    def key(self, index: int) -> Any:
        """What one of the terms gives for the item."""
        if index == len(self.keys):
            context, within = (
                (self.item[_HERE], self.frame.within(self.item)) if self.tuples else (self.item, self.frame)
            )
            self.keys.append(self.terms[index][0](context, within))
        return self.keys[index]

    def __lt__(self, other: "_Ordered") -> bool:
        run = self.frame.run
        run.tick()
        for index, (_, descending) in enumerate(self.terms):
            order = _compared(other.key(index), self.key(index), descending)
            if order:
                return order > 0
        return False


def _compared(first: Any, second: Any, descending: bool) -> int:
    """Compare two keys; those that are undefined come last."""
    if first is UNDEFINED or second is UNDEFINED:
        return (first is UNDEFINED) - (second is UNDEFINED)
    for value in (first, second):
        if not isinstance(value, str) and not is_number(value):
            raise Failure("T2008", value=value)
    if isinstance(first, str) != isinstance(second, str):
        raise Failure("T2007", value=first, value2=second)
    order = int(first > second) - int(first < second)
    return -order if descending else order


# Groups


def grouped(evaluate: Evaluate, pairs: list[tuple[Evaluate, Evaluate]]) -> Evaluate:
    """Make a closure that makes an object of what another finds."""
    return lambda context, frame: group(pairs, evaluate(context, frame), frame)


def group(pairs: list[tuple[Evaluate, Evaluate]], values: Any, frame: Frame) -> dict[str, Any]:
    """Make an object: each key's value is computed of all items that have the key."""
    tuples = isinstance(values, Tuples)
    items = (values if isinstance(values, list) else [values]) or [
        {_HERE: UNDEFINED} if tuples else UNDEFINED
    ]
    groups: dict[str, _Group] = {}
    for item in frame.run.watch(items):
        context, within = (item[_HERE], frame.within(item)) if tuples else (item, frame)
        for index, (key_of, _) in enumerate(pairs):
            key = key_of(context, within)
            if key is UNDEFINED:
                continue
            if not isinstance(key, str):
                raise Failure("T1003", value=key)
            known = groups.setdefault(key, _Group(index))
            if known.pair != index:
                raise Failure("D1009", value=key)
            known.add(item, frame.run)
    made = {}
    for key, known in groups.items():
        context, within = _reduced(known.data, frame) if tuples else (known.data, frame)
        value = pairs[known.pair][1](context, within)
        if value is not UNDEFINED:
            made[key] = value
    return made


@dataclass(slots=True)
class _Group:
    """The items that have a key."""

    pair: int
    """Which of the pairs gave the key."""
    data: Any = UNDEFINED
    own: bool = False
    """Whether the data is a list made here, which can grow."""

    def add(self, item: Any, run: Run) -> None:
        """Add an item; the items of an array are added one by one."""
        if not self.own:
            first = self.data is UNDEFINED or item is UNDEFINED
            self.data = append(self.data, item)
            self.own = not first
        elif isinstance(item, list):
            run.reserve(len(item), len(self.data))
            self.data.extend(item)
        elif item is not UNDEFINED:
            self.data.append(item)


def _reduced(data: Any, frame: Frame) -> tuple[Any, Frame]:
    """Make one tuple of several, joining what they bind."""
    merged: dict[str, _Group] = {}
    for item in data if isinstance(data, list) else [data]:
        for name, value in item.items():
            merged.setdefault(name, _Group(0)).add(value, frame.run)
    names = {name: known.data for name, known in merged.items()}
    return names.pop(_HERE), frame.within(names)


# Wildcards


def wildcard(value: Any, frame: Frame) -> Any:
    """All values of an object's fields; those of arrays one by one."""
    fields = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = Sequence()
    for field in fields:
        if isinstance(field, list):
            found = _flatten(field, list(found), frame.run)
        else:
            found.append(field)
    return found


def _flatten(values: list[Any], found: Any, run: Run) -> Any:
    for value in run.watch(values):
        if isinstance(value, list):
            _flatten(value, found, run)
        else:
            found.append(value)
    return found


def descendants(value: Any, frame: Frame) -> Any:
    """A value and all values within it, but for arrays: those give their items."""
    found = Sequence()
    if value is not UNDEFINED:
        _descend(value, found, frame.run)
    return found


def _descend(value: Any, found: Sequence, run: Run) -> None:
    if not isinstance(value, list):
        found.append(value)
    items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    for item in run.watch(items):
        _descend(item, found, run)
