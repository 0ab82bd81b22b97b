"""Definitions: gathered from links, read and written as JSON and YAML, walked."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from asfini import (
    Choice,
    Definition,
    DefinitionError,
    Fail,
    InvalidArgument,
    Map,
    NumericEquals,
    Parallel,
    Pass,
    StateMachine,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
    problems,
)
from asfini.asl import comparisons, map as maps
from asfini.asl._model import Model, wire_names
from asfini.errors import MissingExtra

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:tax"
DEFINITIONS = Path(__file__).parents[3] / "shared" / "definitions"


def subclasses(kind: type[Model]) -> list[type[Model]]:
    return [kind, *(each for child in kind.__subclasses__() for each in subclasses(child))]


assert comparisons
assert maps
KEYS = sorted(
    {key for kind in subclasses(Model) for _, key in wire_names(kind)} | {"Type", "Name", "next", "x"}
)
TYPES = ["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map", "Nothing"]
TEXTS = [
    "JSONPath",
    "JSONata",
    "INLINE",
    "true",
    "2020-01-01T00:00:00Z",
    "1",
    "{% $x %}",
    "$.a",
    "FULL",
    "yes",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(TYPES + TEXTS),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), inner, max_size=5),
    ),
    max_leaves=20,
)
states = st.builds(
    lambda kind, fields: {**fields, "Type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=8),
)
machines = st.builds(
    lambda fields, inner: {**fields, "States": inner},
    st.dictionaries(st.sampled_from(KEYS), values, max_size=3),
    st.dictionaries(st.text(max_size=3), st.one_of(states, values), max_size=4),
)
objects = st.one_of(machines, st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), values))


def canonical(data: Any) -> str:
    """JSON text, in which 1, 1.0 and true differ."""
    return json.dumps(data, sort_keys=True)


class TestRoundTrips:
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(objects)
    @example({"States": {"a": {"Type": "Wait", "Timestamp": 5, "Name": "z", "next": None, "End": "true"}}})
    @example({"States": {"a": {"Type": "Task", "Retry": [{"BackoffRate": 2}, {"BackoffRate": 2.0}]}}})
    @example({"States": {"a": {"Type": "Choice", "Choices": ["{% true %}"]}}})
    def test_any_json_object_survives(self, data: dict[str, Any]) -> None:
        before = canonical(data)
        definition = Definition.from_dict(data)
        assert canonical(definition.to_dict()) == before
        assert canonical(data) == before
        assert canonical(Definition.from_json(definition.to_json()).to_dict()) == before
        assert canonical(definition.model_dump()) == before

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(objects)
    def test_so_it_does_as_yaml(self, data: dict[str, Any]) -> None:
        definition = Definition.from_dict(data)
        assert canonical(Definition.from_yaml(definition.to_yaml()).to_dict()) == canonical(data)

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(objects)
    def test_what_is_wrong_is_told_whatever_it_is(self, data: dict[str, Any]) -> None:
        told = [sorted(map(str, problems(each))) for each in (Definition.from_dict(data), data)]
        assert told[0] == told[1]

    def test_real_machines_come_back_as_they_were(self) -> None:
        files = sorted(DEFINITIONS.glob("machines/*.json"))
        if not files:
            pytest.skip(f"no machines are there to read: {DEFINITIONS}")
        for file in files:
            data = json.loads(file.read_text(encoding="utf-8"))
            definition = data.get("definition", data)
            if isinstance(definition, dict):
                read = Definition.from_dict(definition)
                assert canonical(read.to_dict()) == canonical(definition), file.name
                assert canonical(Definition.from_yaml(read.to_yaml()).to_dict()) == canonical(definition)

    def test_keys_keep_their_order_inside_of_data(self) -> None:
        text = Definition("a", {"a": Pass("a", result={"z": 1, "a": 2})}).to_json(None)
        assert text == '{"StartAt":"a","States":{"a":{"Type":"Pass","End":true,"Result":{"z":1,"a":2}}}}'


class TestReading:
    def test_each_state_has_the_class_of_its_type_and_its_name(self) -> None:
        definition = Definition.from_dict({"States": {kind: {"Type": kind} for kind in TYPES}})
        found = {name: type(state).__name__ for name, state in definition.states.items()}
        assert found == {kind: "State" if kind == "Nothing" else kind for kind in TYPES}
        assert [state.name for state in definition.states.values()] == TYPES

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "the definition is not JSON: "),
            ("{", "the definition is not JSON: .*line 1 column 2"),
            ("[]", r"a definition is a JSON object, not \[\]"),
            ('{"a": NaN}', "NaN is not a JSON value"),
            ("null", "not None"),
            ("[" * 100_000, "the definition is not JSON"),
        ],
    )
    def test_what_is_no_json_object_is_refused(self, text: str, message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            Definition.from_json(text)

    def test_bytes_are_read_too(self) -> None:
        assert Definition.from_json('{"Comment": "é"}'.encode()).comment == "é"

    def test_a_definition_that_is_nested_too_deeply_is_refused(self) -> None:
        text = '{"a":' * 5000 + "1" + "}" * 5000
        with pytest.raises(InvalidArgument, match=r"deep|not JSON"):
            Definition.from_json(text)


class TestYaml:
    def test_yaml_is_yaml_1_2(self) -> None:
        text = (
            "StartAt: a\n"
            "States:\n"
            "  a:\n"
            "    Type: Pass\n"
            "    Result: {yes: no, octal: 010, time: 12:30:45, date: 2030-01-01, null: ~}\n"
            "    End: true\n"
        )
        result = Definition.from_yaml(text.replace("null: ~", "nothing: ~")).states["a"].to_dict()["Result"]
        assert result == {
            "yes": "no",
            "octal": 10,
            "time": "12:30:45",
            "date": "2030-01-01",
            "nothing": None,
        }

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: [", "the definition is not YAML: "),
            ("a: 1\na: 2", "not YAML"),
            ("a: !Sub x", "not YAML.*!Sub"),
            ("States: {1: {Type: Pass}}", "the key 1 of /States is no text"),
            ("a: .inf", "inf at /a is not a JSON value"),
            ("- a", "a definition is a JSON object"),
            ("", "a definition is a JSON object"),
            ("a: &a [*a]", "nested too deeply, or in itself"),
        ],
    )
    def test_what_json_cannot_say_is_refused(self, text: str, message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            Definition.from_yaml(text)

    def test_what_stands_in_two_places_is_written_twice(self) -> None:
        shared = {"x": [1]}
        text = Definition("a", {"a": Pass("a", result=[shared, shared])}).to_yaml()
        assert "&" not in text
        assert "*" not in text

    def test_without_the_extra_it_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("yaml", "yamlcore"):
            monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, "asfini.asl._yaml", raising=False)
        monkeypatch.delattr("asfini.asl._yaml", raising=False)
        with pytest.raises(MissingExtra, match=r"asfini\[yaml\]"):
            Definition.from_yaml("a: 1")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "yaml"), [("a.json", False), ("a.asl.json", False), ("a.yaml", True), ("a.yml", True)]
    )
    def test_the_name_tells_the_form(self, tmp_path: Path, name: str, yaml: bool) -> None:
        definition = Definition("a", {"a": Succeed("a", comment="é")})
        file = tmp_path / name
        file.write_text(definition.to_yaml() if yaml else definition.to_json(), encoding="utf-8")
        assert Definition.load(file) == Definition.load(str(file)) == definition

    def test_a_fault_is_told_with_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "broken.json"
        file.write_text("{", encoding="utf-8")
        with pytest.raises(InvalidArgument, match=r"broken\.json: the definition is not JSON"):
            Definition.load(file)


class TestWriting:
    @pytest.mark.parametrize("value", [object(), float("nan"), print])
    def test_what_has_no_json_form_is_refused_with_its_place(self, value: Any) -> None:
        definition = Definition("p", {"p": Pass("p", result={"deep": [value]})})
        with pytest.raises(
            InvalidArgument, match="the definition cannot be written as JSON at /States/p/Result/deep"
        ):
            definition.to_json()

    def test_indentation_is_a_choice(self) -> None:
        definition = Definition("a", {"a": Succeed("a")})
        assert definition.to_json(None) == '{"StartAt":"a","States":{"a":{"Type":"Succeed"}}}'
        assert definition.to_json().startswith('{\n  "StartAt": "a",')


class TestGathering:
    def test_all_that_can_be_reached_is_gathered_in_order(self) -> None:
        first, choice, left, right = Pass("first"), Choice("choice"), Task("left", LAMBDA), Wait("right", 1)
        handler, last = Fail("handler"), Succeed("last")
        first >> choice
        choice.add(NumericEquals("$.n", 1), left)
        choice.set_default(right)
        left.catch(["States.ALL"], handler)
        left >> last
        right >> last
        definition = Definition.starting_at(first, comment="why", timeout_seconds=60)
        assert [*definition.states] == ["first", "choice", "left", "last", "handler", "right"]
        assert (definition.start_at, definition.comment, definition.timeout_seconds) == ("first", "why", 60)

    def test_loops_and_long_ways_are_no_trouble(self) -> None:
        first = state = Pass("0")
        for number in range(1, 5000):
            state = state >> Pass(str(number))
        state >> first
        assert len(Definition.starting_at(first).states) == 5000

    def test_two_states_of_one_name_are_refused(self) -> None:
        first, other = Pass("same"), Succeed("same")
        first >> Pass("between") >> other
        with pytest.raises(InvalidArgument, match="two states are named 'same'"):
            Definition.starting_at(first)

    @pytest.mark.parametrize("start", ["a", None, 5, NumericEquals("$.n", 1)])
    def test_it_starts_at_a_state(self, start: Any) -> None:
        with pytest.raises(InvalidArgument, match="a definition starts at a state, not at"):
            Definition.starting_at(start)

    def test_a_state_stands_under_its_own_name(self) -> None:
        with pytest.raises(InvalidArgument, match="the state 'b' stands under the name 'a'"):
            Definition("a", {"a": Pass("b")})

    def test_what_is_inside_of_states_is_walked_too(self) -> None:
        inner = Map("map", Pass("in map"))
        both = Parallel("both").add(inner).add(Pass("in branch"))
        both >> Succeed("last")
        names = [state.name for state in Definition.starting_at(both).walk()]
        assert names == ["both", "map", "in map", "in branch", "last"]


class TestMachines:
    def test_a_machine_is_constructed_of_its_first_state(self) -> None:
        machine = construct_state_machine(
            "shop", Pass("a"), comment="why", timeout_seconds=60, query_language="JSONata", role="shop"
        )
        assert machine.to_dict() == {
            "Comment": "why",
            "QueryLanguage": "JSONata",
            "TimeoutSeconds": 60,
            "StartAt": "a",
            "States": {"a": {"Type": "Pass", "End": True}},
        }
        assert (machine.name, machine.role, machine.type) == ("shop", "shop", "STANDARD")

    def test_all_problems_are_named_at_once(self) -> None:
        first, other = Pass("a"), Pass("b", next="nowhere", input_path="x")
        first >> other
        with pytest.raises(DefinitionError, match="state machine 'shop' has 3 problems:") as caught:
            construct_state_machine("shop", first)
        assert "nowhere" in str(caught.value)
        assert "/States/b/InputPath" in str(caught.value)
        assert [problem.code for problem in caught.value.problems] == [
            "SCHEMA_VALIDATION_FAILED",
            "MISSING_TRANSITION_TARGET",
            "MISSING_END_STATE",
        ]
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize("name", ["", "a b", "x" * 81, 5])
    def test_its_name_is_one_that_aws_takes(self, name: Any) -> None:
        with pytest.raises(InvalidArgument, match="a state machine"):
            construct_state_machine(name, Pass("a"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"type": "FAST"}, "the type of state machine 'shop' is STANDARD or EXPRESS, not 'FAST'"),
            ({"role": 5}, "the option role of state machine 'shop'"),
            ({"logging": "ALL"}, "the option logging"),
            ({"tracing": "yes"}, "the option tracing"),
            ({"tags": ["a"]}, "the option tags"),
            ({"tags": {"a": 5}}, "the option tags"),
            ({"encryption": "x"}, "the option encryption"),
        ],
    )
    def test_an_option_that_makes_no_sense_is_named(self, options: Any, message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            construct_state_machine("shop", Pass("a"), **options)

    def test_an_option_that_there_is_not_is_named(self) -> None:
        with pytest.raises(TypeError, match="rol"):
            construct_state_machine("shop", Pass("a"), rol="x")  # type: ignore[call-arg]

    def test_a_definition_is_made_of_whatever_has_one(self) -> None:
        definition = Definition("a", {"a": Pass("a")})
        for given_as in (definition, definition.to_dict(), Pass("a"), StateMachine("other", definition)):
            assert StateMachine("shop", given_as).definition == definition  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="a definition, a machine or a state is needed, not 5"):
            StateMachine("shop", 5)  # type: ignore[arg-type]
