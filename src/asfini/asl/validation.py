"""What the States Language forbids, said all at once.

The tables are in `_states` and `_objects`, what is looked at in values in `_checks`, transitions in `_graph`.
"""

from typing import Any, Literal

from asfini import _checks
from asfini.asl import _source
from asfini.asl._checks import show
from asfini.asl._depth import is_too_deep
from asfini.asl._graph import check_transitions
from asfini.asl._model import Model
from asfini.asl._problem import DUPLICATE_NAME, Context, Problem, at
from asfini.asl._shape import Shape
from asfini.asl._states import BRANCH, FURTHER, MACHINE, PROCESSOR, STATES, processor_config

__all__ = ["Problem", "problems"]

MAX_NAME = 80
"""The longest name of a state; there is no character that it must not have."""


def problems(
    definition: object,
    *,
    machine_type: Literal["STANDARD", "EXPRESS"] | None = None,
    warnings: bool = False,
    template: bool = True,
) -> list[Problem]:
    """List everything that is wrong with a definition, as AWS's ValidateStateMachineDefinition would.

    Args:
        definition: a definition, whatever has one (a machine), or JSON, as data or as text.
        machine_type: the type of the machine that it is for; by default the given machine's own, or STANDARD.
        warnings: whether to list also what is not refused but likely to be a mistake.
        template: whether CloudFormation's placeholders, `${…}`, may stand for any value. Where they do not,
            they are text, as for Step Functions, which fills in none.

    Returns:
        The problems, by and large in the order of the definition.

    Raises:
        InvalidArgument: it is none of these.
    """
    _checks.one_of(("STANDARD", "EXPRESS", None), machine_type=machine_type)
    _checks.flags(warnings=warnings, template=template)
    context = Context([], template)
    own_type = None if isinstance(definition, Model) else getattr(definition, "type", None)
    express = (machine_type or own_type) == "EXPRESS"
    try:
        _check(context, definition, express=express, warnings=warnings)
    except RecursionError:
        _refuse_depth(context)
    return context.found


def _check(context: Context, definition: object, *, express: bool, warnings: bool) -> None:
    data = _source.read(definition, context)
    if is_too_deep(data):
        _refuse_depth(context)
        return
    if data is not None:
        _Machine(context, data).check_definition(data, "", MACHINE, express=express)
    if data is not None and warnings:
        from asfini.asl._warnings import warn  # seldom asked for

        warn(context, data)
        if all(problem.severity == "WARNING" for problem in context.found):
            from asfini.asl._flow import warn_of_misfits

            warn_of_misfits(context, definition, data)


def _refuse_depth(context: Context) -> None:
    context.add("The states are too deeply nested", "", "TOO_DEEPLY_NESTED")


class _Machine:
    """The walk through one machine."""

    def __init__(self, context: Context, data: dict[str, Any]) -> None:
        self.context = context
        self.jsonata = self._is_jsonata(data, "", default=False)
        """Whether its states are in JSONata unless they say otherwise, at whatever depth."""
        self.names: dict[str, list[str]] = {}
        """Where each name was given: the places of the definitions."""
        self.labels: set[str] = set()

    def check_definition(self, value: Any, place: str, shape: Shape, *, express: bool) -> None:
        """Look at a machine, a branch or a processor with all its states."""
        if not shape.check(self.context, value, place):
            return
        states = value.get("States")
        if not isinstance(states, dict) or not states:
            if "States" in value and not self.context.open(states):
                wanted = f"Expected an object, but found {show(states)}"
                self.context.add("Value cannot be empty" if states == {} else wanted, f"{place}/States")
            return
        for name in getattr(states, "keys_twice", ()):
            self._repeated(name, at(f"{place}/States", name))
        for name, state in states.items():
            self._check_name(name, place)
            self._check_state(state, at(f"{place}/States", name), express=express)
        if isinstance(start := value.get("StartAt"), str):
            check_transitions(self.context, start, states, place)

    def _check_state(self, state: Any, location: str, *, express: bool) -> None:
        if not isinstance(state, dict):
            self.context.add(f"Expected an object, but found {show(state)}", location)
            return
        self.context.jsonata = self._language(state, location)
        self.context.express = express
        kind = state.get("Type")
        shape = STATES.get(kind) if isinstance(kind, str) else None
        if shape is None:
            self._refuse_type(state, location)
            return
        shape.check(self.context, state, location)
        if kind in FURTHER:
            FURTHER[kind](self.context, state, location)
        if self.context.inner:
            self._check_inner(state, express=express)
        self._check_label(state.get("Label"), location)

    def _check_inner(self, state: dict[str, Any], *, express: bool) -> None:
        inner, self.context.inner = self.context.inner, []
        config = processor_config(state)
        if config.get("Mode") == "DISTRIBUTED":
            express = config.get("ExecutionType") == "EXPRESS"
        for value, place, field in inner:
            shape = BRANCH if field.startswith("Branches") else PROCESSOR
            self.check_definition(value, place, shape, express=express)

    def _check_name(self, name: str, place: str) -> None:
        location = at(f"{place}/States", name)
        if not 1 <= len(name) <= MAX_NAME:
            fault = f"exceeds the {MAX_NAME}-character limit allowed by the service" if name else "is empty"
            self.context.add(f"Invalid State name: State '{name}' {fault}", location, "INVALID_STATE_NAME")
        others = self.names.setdefault(name, [])
        if any(_within(place, other) or _within(other, place) for other in others):
            self._repeated(name, location)
        others.append(place)

    def _repeated(self, name: str, location: str) -> None:
        self.context.add(f"Duplicate State name: {name}", location, DUPLICATE_NAME)

    def _check_label(self, label: Any, location: str) -> None:
        if isinstance(label, str):
            if label in self.labels and not self.context.open(label):
                self.context.add(f"Duplicate label: {label}", at(location, "Label"), "DUPLICATE_LABEL_NAME")
            self.labels.add(label)

    def _language(self, state: dict[str, Any], location: str) -> bool:
        """Whether a state is in JSONata."""
        if "QueryLanguage" not in state:
            return self.jsonata
        jsonata = self._is_jsonata(state, location, default=self.jsonata)
        if self.jsonata and not jsonata:
            whole = "if set to 'JSONata' for whole state machine"
            self.context.add(f"'QueryLanguage' can not be 'JSONPath' {whole}", location)
        return jsonata

    def _is_jsonata(self, holder: dict[str, Any], location: str, *, default: bool) -> bool:
        """Read a QueryLanguage: on AWS, whatever is not JSONPath is JSONata."""
        language = holder.get("QueryLanguage", "JSONata" if default else "JSONPath")
        if language not in ("JSONPath", "JSONata") and not self.context.open(language):
            allowed = "Value must be one of [JSONPath, JSONata]"
            self.context.add(f"{allowed}, but is {show(language)}", at(location, "QueryLanguage"))
        return language != "JSONPath" if not self.context.open(language) else default

    def _refuse_type(self, state: dict[str, Any], location: str) -> None:
        if "Type" not in state:
            self.context.add("These fields are required: [Type]", location)
        elif not self.context.open(kind := state["Type"]):
            allowed = f"Value must be one of [{', '.join(STATES)}]"
            self.context.add(f"{allowed}, but is {show(kind)}", at(location, "Type"))


def _within(place: str, other: str) -> bool:
    return f"{place}/".startswith(f"{other}/")
