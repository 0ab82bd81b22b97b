"""What flows from state to state: all states are gone through until nothing new comes to any of them.

What comes to a state by several ways is kept apart, so that each way can be told. Where it is not sure that
it goes on by a transition (a rule that may hold, an error that may be caught), it counts only together with
all else that may: what goes there in truth may be any of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from asfini.asl._flow.fitting import Misfit, misfit
from asfini.asl._flow.reading import Scope
from asfini.asl._flow.schemas import Schema, given
from asfini.asl._flow.values import ANY, NOTHING, Values, join
from asfini.asl._graph import outgoing
from asfini.asl._problem import Context, at
from asfini.asl._states import STATES

MAX_WAYS = 8
"""How many ways to a state are kept apart, and how many are remembered of what is not."""
MAX_VISITS = 6
"""How often a state in a loop is looked at, before it may give anything."""
MAX_STEPS = 80
"""How many things may come to states and be held against rules, for each state; else nothing is told."""
_STEPS_BESIDES = 5_000
MAX_ROUNDS = 8
"""How often variables may come to hold something new, before they may hold anything."""

_LANGUAGES = ("JSONPath", "JSONata")
_TELLING = frozenset({"Task", "Parallel", "Map"})
"""The types of states that have activities, or states with activities in them."""

Way = tuple[str, ...]
"""The names of the states on the way to a state."""


class Typed(Protocol):
    """A resource that tells what it takes and gives, as pydantic's core schemas: `is_typed`."""

    name: str

    def input_schema(self) -> Schema | None:
        """What it takes; `None` where that is not known."""
        ...

    def output_schema(self) -> Schema | None:
        """What it gives; `None` where that is not known."""
        ...


def is_typed(resource: object) -> TypeGuard[Typed]:
    """Whether a resource tells what it takes and gives."""
    return hasattr(resource, "input_schema") and hasattr(resource, "output_schema")


class TooLong(Exception):  # noqa: N818 - a signal within this package
    """There is too much to look at."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes to a state, and the ways that it may have come."""

    values: Values
    ways: tuple[Way, ...] = ((),)

    def past(self, name: str, values: Values) -> "Arrival":
        """What has become of it behind a state."""
        return Arrival(values, tuple(_along(way, name) for way in self.ways))


def _along(way: Way, name: str) -> Way:
    return (*(way[: way.index(name)] if name in way else way), name)


@dataclass(frozen=True, slots=True)
class Step:
    """A state that values come to."""

    name: str
    state: Mapping[str, Any]
    location: str
    jsonata: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """An activity that cannot take what comes to it."""

    step: Step
    activity: str
    misfit: Misfit
    ways: tuple[Way, ...]


Exits = list[tuple[str | None, list[Arrival]]]
"""The states that follow, each with what comes to it; `None` stands for the end."""


class Walk:
    """The walk through one machine.

    Args:
        context: knows what may be a placeholder.
        resources: what does the tasks, by the places of their states.
        exits_of: tells what of some arrivals goes on, and where to.
        count: how many states the machine has.
        jsonata: whether states are in JSONata unless they say otherwise.
    """

    def __init__(
        self,
        context: Context,
        resources: Mapping[str, Typed],
        exits_of: "Callable[[Walk, Step, list[Arrival]], Exits]",
        count: int,
        *,
        jsonata: bool,
    ) -> None:
        self.context = context
        self.resources = resources
        self.exits_of = exits_of
        self.jsonata = jsonata
        self.findings: list[Finding] = []
        self.telling = True
        """Whether what is found is noted; not as long as it may still change."""
        self.variables: dict[str, Values] = {}
        self.changed = False
        """Whether a variable has come to hold something new."""
        self.steps_left = _STEPS_BESIDES + MAX_STEPS * count
        self._given: dict[str, Values] = {}
        self._misfits: dict[str, tuple[Values, Misfit | None]] = {}
        """What was found of what came to a task last."""
        self._rounds = 0

    def run(self, data: Any, values: Values = ANY) -> None:
        """Go through a machine.

        Args:
            data: its definition.
            values: what it may be started with.

        Raises:
            TooLong: that takes too much.
        """
        self.changed = True
        while self.changed:
            self.findings, self.changed = [], False
            self._rounds += 1
            self.through(data, "", [Arrival(values)])

    def through(self, data: Any, location: str, arrivals: list[Arrival]) -> list[Arrival]:
        """Go through a machine, a branch or a processor, and tell what comes to its end."""
        states = data.get("States") if isinstance(data, dict) else None
        if not isinstance(states, dict) or not _can_be_followed(data, states):
            return [Arrival(ANY, arrival.ways) for arrival in arrivals]
        course = _Course(self, data["StartAt"], states, location, arrivals)
        telling, self.telling = self.telling, False
        course.settle()
        self.telling = telling
        if telling:
            course.tell()
        return course.ends()

    def scope(self, step: Step, values: Values, item: Values = ANY, **states: Values) -> Scope:
        """What a state's paths and expressions can read."""
        return Scope(step.name, values, self.variable, self.context.open, states, item)

    def variable(self, name: str) -> Values:
        """What a variable may hold."""
        return self.variables.get(name, NOTHING)

    def assign(self, assigned: Any, scope: Scope, *, jsonata: bool) -> None:
        """Note what an Assign sets variables to."""
        for name, value in assigned.items() if isinstance(assigned, dict) else ():
            held = scope.expressions(value) if jsonata else scope.assigned(name, value)
            before = self.variable(name.removesuffix(".$"))
            after = join(before, held) if self._rounds < MAX_ROUNDS else ANY
            if after != before:
                self.variables[name.removesuffix(".$")] = after
                self.changed = True

    def result(self, step: Step) -> Values:
        """What the activity of a task gives."""
        if step.location not in self._given:
            resource = self.resources.get(step.location)
            schema = None if resource is None else resource.output_schema()
            self._given[step.location] = ANY if schema is None else given(schema, step.name)
        return self._given[step.location]

    def misfit(self, step: Step, values: Values, scope: Scope) -> Misfit | None:
        """Tell why the activity of a task can take none of some values.

        Args:
            step: the task.
            values: what the activity gets.
            scope: where that was read.
        """
        schema = self._asked(step)
        if schema is None:
            return None
        if scope.lost and not values:
            path, within = scope.lost[0]
            return Misfit("lost", path, within.parts[0])
        known, found = self._misfits.get(step.location, (None, None))
        if known is not values:
            found = misfit(values, schema)
            self._misfits[step.location] = values, found
        return found

    def tell(self, step: Step, values: Values, scope: Scope, ways: tuple[Way, ...]) -> None:
        """Note it where the activity of a task can take none of some values, which come by some ways."""
        found = self.misfit(step, values, scope)
        if found is not None:
            self.findings.append(Finding(step, self.resources[step.location].name, found, ways))

    def _asked(self, step: Step) -> Schema | None:
        resource = self.resources.get(step.location)
        return None if resource is None else resource.input_schema()


def _can_be_followed(data: dict[str, Any], states: dict[str, Any]) -> bool:
    """Whether all is in place that is gone through; where placeholders stand, it may not be."""
    return data.get("StartAt") in states and all(
        isinstance(state, dict)
        and state.get("Type") in STATES
        and state.get("QueryLanguage", "JSONPath") in _LANGUAGES
        and all(isinstance(state.get(field, []), list) for field in ("Choices", "Catch", "Branches"))
        and all(target in states for _, target in outgoing(state))
        for state in states.values()
    )


class _Course:
    """The way through one definition's states.

    Args:
        walk: the walk that it is part of.
        start: the name of the first state.
        states: the states.
        location: the definition's place.
        arrivals: what comes to the first state.
    """

    def __init__(
        self, walk: Walk, start: str, states: dict[str, Any], location: str, arrivals: list[Arrival]
    ) -> None:
        self.walk = walk
        self.start = start
        self.states = states
        self.location = location
        self.arrivals = arrivals
        self.exits: dict[str, Exits] = {}
        self.entries: dict[str, dict[str, None]] = {}
        """The states that lead to a state."""

    def settle(self) -> None:
        """Go on as long as anything new comes to a state."""
        places = {name: place for place, name in enumerate(self._order())}
        waiting = {self.start}
        visits: Counter[str] = Counter()
        while waiting:
            name = min(waiting, key=places.__getitem__)
            waiting.remove(name)
            visits[name] += 1
            exits = self._exits(name)
            if visits[name] > MAX_VISITS:
                exits = [(target, [Arrival(ANY, each.ways) for each in some]) for target, some in exits]
            before, self.exits[name] = self.exits.get(name, []), exits
            for target in _targets_of_new(before, exits):
                self.entries.setdefault(target, {})[name] = None
                waiting.add(target)

    def tell(self) -> None:
        """Look once more at the states with activities, for nothing changes now."""
        for name in self.exits:
            if self.states[name]["Type"] in _TELLING:
                self._exits(name)

    def _order(self) -> list[str]:
        """The states, each after those that lead to it, but for loops."""
        done: list[str] = []
        seen = {self.start}
        waiting = [(self.start, self._targets(self.start))]
        while waiting:
            name, targets = waiting[-1]
            following = next((target for target in targets if target not in seen), None)
            if following is None:
                done.append(name)
                waiting.pop()
            else:
                seen.add(following)
                waiting.append((following, self._targets(following)))
        return done[::-1]

    def _targets(self, name: str) -> Iterator[str]:
        return reversed([target for _, target in outgoing(self.states[name])])

    def ends(self) -> list[Arrival]:
        """What comes to the end."""
        return gathered(
            arrival
            for exits in self.exits.values()
            for target, arrivals in exits
            if target is None
            for arrival in arrivals
        )

    def _exits(self, name: str) -> Exits:
        state = self.states[name]
        arrivals = gathered(self._arrivals(name))
        self.walk.steps_left -= (1 + len(arrivals)) * (1 + len(state.get("Choices", ())))
        if self.walk.steps_left < 0:
            raise TooLong
        language = state.get("QueryLanguage")
        jsonata = self.walk.jsonata if language is None else language == "JSONata"
        step = Step(name, state, at(f"{self.location}/States", name), jsonata)
        return self.walk.exits_of(self.walk, step, arrivals)

    def _arrivals(self, name: str) -> Iterator[Arrival]:
        if name == self.start:
            yield from self.arrivals
        for source in self.entries.get(name, ()):
            for target, arrivals in self.exits[source]:
                if target == name:
                    yield from arrivals


def _targets_of_new(before: Exits, after: Exits) -> Iterator[str]:
    """The states to which something else comes than before."""
    for index, (target, arrivals) in enumerate(after):
        old = before[index][1] if before else []
        if target is not None and [each.values for each in arrivals] != [each.values for each in old]:
            yield target


def gathered(arrivals: Iterator[Arrival]) -> list[Arrival]:
    """Put the same things that come by several ways together, and all if the ways are too many."""
    found: list[Arrival] = []
    for arrival in arrivals:
        same = next((place for place, each in enumerate(found) if each.values == arrival.values), None)
        if same is not None:
            found[same] = together([found[same], arrival])
        elif arrival.values:
            found.append(arrival)
    return found if len(found) <= MAX_WAYS else [together(found)]


def together(arrivals: list[Arrival]) -> Arrival:
    """Several things that may come as one."""
    ways = dict.fromkeys(way for arrival in arrivals for way in arrival.ways)
    return Arrival(join(*(arrival.values for arrival in arrivals)), tuple(ways)[:MAX_WAYS])
