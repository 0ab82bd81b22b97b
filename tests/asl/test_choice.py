"""Choices and their rules: the 39 comparisons, combined and in JSONata, added and removed."""

from datetime import UTC, datetime
from typing import Any

import pytest

import asfini
from asfini import (
    And,
    Choice,
    Comparison,
    Condition,
    Definition,
    InvalidArgument,
    IsNull,
    IsPresent,
    Not,
    NumericEquals,
    NumericGreaterThan,
    Or,
    Pass,
    Rule,
    StringEquals,
    StringMatches,
    Succeed,
    TimestampEquals,
)
from asfini.asl.choice import OPERATORS, read_rule

KINDS = ("String", "Numeric", "Timestamp")
ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
TESTS = ("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")
COMPARISONS = [
    *(f"{kind}{order}{path}" for kind in KINDS for order in ORDERS for path in ("", "Path")),
    *("BooleanEquals", "BooleanEqualsPath", "StringMatches"),
    *TESTS,
]
"""All that the States Language has: its section "Choice State"."""
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def value_for(name: str) -> Any:
    """A value that a comparison takes."""
    if name.endswith("Path"):
        return "$.other"
    if name.startswith(("Boolean", "Is")):
        return True
    return {"S": "a", "N": 1, "T": "2030-01-01T12:00:00Z"}[name[0]]


class TestComparisons:
    def test_there_are_39_of_them(self) -> None:
        assert len(COMPARISONS) == 39
        assert set(OPERATORS) == {*COMPARISONS, "And", "Or", "Not", "Condition"}

    @pytest.mark.parametrize("name", COMPARISONS)
    def test_each_has_a_class_of_its_name_and_survives_json(self, name: str) -> None:
        kind = getattr(asfini, name)
        rule = kind("$.n", value_for(name), "there")
        assert rule.to_dict() == {"Next": "there", "Variable": "$.n", name: value_for(name)}
        again = read_rule(rule.to_dict())
        assert again == rule
        assert type(again) is kind
        assert isinstance(again, Comparison)
        assert again.value == value_for(name)

    @pytest.mark.parametrize("name", COMPARISONS)
    def test_each_takes_keywords(self, name: str) -> None:
        kind = getattr(asfini, name)
        given = {"variable": "$.n", "value": value_for(name), "next": "there"}
        assert kind(**given) == kind("$.n", value_for(name), "there")

    @pytest.mark.parametrize("name", [name for name in COMPARISONS if value_for(name) != "a"])
    def test_a_value_of_another_type_is_refused(self, name: str) -> None:
        wrong = 5 if isinstance(value_for(name), (str, bool)) else "text"
        with pytest.raises(InvalidArgument, match=f"{name}: value: .*{wrong}"):
            getattr(asfini, name)("$.n", wrong)

    @pytest.mark.parametrize("value", [True, "5", None, [1], "$.n"])
    def test_a_number_is_compared_to_a_number(self, value: Any) -> None:
        with pytest.raises(InvalidArgument, match="NumericEquals: value: "):
            NumericEquals("$.n", value)

    @pytest.mark.parametrize("value", [1, 1.0, 0.1, 10**20, -5])
    def test_numbers_are_written_as_they_are(self, value: Any) -> None:
        written = NumericEquals("$.n", value).to_dict()["NumericEquals"]
        assert (written, type(written)) == (value, type(value))

    def test_what_a_deployment_fills_in_stands_for_any_value(self) -> None:
        assert NumericEquals("$.n", "${Limit}").to_dict()["NumericEquals"] == "${Limit}"  # type: ignore[arg-type]

    def test_a_time_is_a_date_with_a_zone_or_text(self) -> None:
        assert TimestampEquals("$.t", NOON).to_dict()["TimestampEquals"] == "2030-01-01T12:00:00+00:00"
        with pytest.raises(InvalidArgument, match="time zone"):
            TimestampEquals("$.t", datetime(2030, 1, 1))

    @pytest.mark.parametrize("name", TESTS)
    def test_a_test_asks_for_yes_unless_it_says_no(self, name: str) -> None:
        kind = getattr(asfini, name)
        assert kind("$.n").to_dict() == {"Variable": "$.n", name: True}
        assert kind("$.n", False).to_dict() == {"Variable": "$.n", name: False}


class TestCombining:
    a, b, c = IsPresent("$.a"), IsNull("$.b"), StringMatches("$.c", "x*")

    def test_operators_and_classes_say_the_same(self) -> None:
        assert (self.a & self.b) == And([self.a, self.b])
        assert (self.a | self.b) == Or([self.a, self.b])
        assert ~self.a == Not(self.a)
        assert ((self.a | ~self.b) & self.c).to_dict() == {
            "And": [
                {
                    "Or": [
                        {"Variable": "$.a", "IsPresent": True},
                        {"Not": {"Variable": "$.b", "IsNull": True}},
                    ]
                },
                {"Variable": "$.c", "StringMatches": "x*"},
            ]
        }

    def test_pythons_own_operators_are_refused(self) -> None:
        for combine in (
            lambda: self.a and self.b,
            lambda: self.a or self.b,
            lambda: not self.a,
        ):
            with pytest.raises(TypeError, match=r"&, \| and ~"):
                combine()

    def test_combined_rules_survive_json(self) -> None:
        rule = Or([~(self.a & self.b), self.c], next="there", comment="why", assign={"x": 1})
        again = read_rule(rule.to_dict())
        assert again == rule
        assert isinstance(again, Or)
        assert isinstance(again.rules[0], Not)

    @pytest.mark.parametrize("rules", [5, "{% true %}", [5], ["{% true %}"], [Pass("p")]])
    def test_only_rules_are_combined(self, rules: Any) -> None:
        with pytest.raises(InvalidArgument, match="And: rules"):
            And(rules)


class TestReading:
    @pytest.mark.parametrize(
        "data",
        [
            {"Variable": "$.n", "NumericEquals": 1, "Next": "a", "New": [1]},
            {"Variable": "$.n", "NumericEquals": "text", "Next": 5},
            {"Variable": "$.n", "NumericLikes": 1},
            {"Variable": "$.n", "NumericEquals": 1, "StringEquals": "a"},
            {"And": 5},
            {"And": [5, {"Variable": "$.n"}]},
            {"Not": {"Not": {"Not": []}}},
            {"Condition": "{% $n > 1 %}", "Next": "a", "Output": {"a": 1}, "Assign": {"b": 2}},
            {"Condition": True},
            {},
        ],
    )
    def test_whatever_is_read_is_written_again(self, data: dict[str, Any]) -> None:
        assert read_rule(data).to_dict() == data

    def test_the_operator_tells_the_class(self) -> None:
        assert type(read_rule({"Condition": "{% true %}"})) is Condition
        assert type(read_rule({"Variable": "$.a", "IsNull": False})) is IsNull
        assert type(read_rule({"Variable": "$.a"})) is Rule


class TestChoice:
    def test_rules_come_in_the_order_they_were_added(self) -> None:
        small, large, other = Pass("small"), Pass("large"), Succeed("other")
        size = Choice("size")
        assert size.add(NumericGreaterThan("$.n", 10), large) is size
        size.add("{% $n > 5 %}", small)
        size.add(StringEquals("$.s", "x", "elsewhere"))
        size.set_default(other)
        assert size.to_dict() == {
            "Type": "Choice",
            "Choices": [
                {"Next": "large", "Variable": "$.n", "NumericGreaterThan": 10},
                {"Next": "small", "Condition": "{% $n > 5 %}"},
                {"Next": "elsewhere", "Variable": "$.s", "StringEquals": "x"},
            ],
            "Default": "other",
        }
        assert [*size.linked()] == [large, small, other]
        assert not size.ends

    def test_a_rule_leads_to_a_state_given_with_it(self) -> None:
        last = Succeed("last")
        size = Choice("size").add(NumericEquals("$.n", 1, next=last))  # type: ignore[arg-type]
        assert set(Definition.starting_at(size).states) == {"size", "last"}

    def test_a_rule_that_leads_nowhere_is_refused(self) -> None:
        size = Choice("size")
        with pytest.raises(InvalidArgument, match=r"a rule of 'size' does not say where to go: .*\$\.n"):
            size.add(NumericEquals("$.n", 1))
        assert size.choices is None

    def test_a_rule_is_not_led_elsewhere_in_silence(self) -> None:
        rule = NumericEquals("$.n", 1)
        first = Choice("first").add(rule, Pass("a"))
        with pytest.raises(InvalidArgument, match="leads elsewhere than to 'b'"):
            Choice("second").add(rule, Pass("b"))
        assert first.to_dict()["Choices"][0]["Next"] == "a"

    @pytest.mark.parametrize(
        ("rule", "state"),
        [(5, Pass("a")), (None, Pass("a")), (NumericEquals("$.n", 1), "a"), (Pass("a"), Pass("b"))],
    )
    def test_what_is_no_rule_or_no_state_is_refused(self, rule: Any, state: Any) -> None:
        with pytest.raises(InvalidArgument, match=r"needed|can go to a state only"):
            Choice("size").add(rule, state)

    def test_a_rule_can_be_removed(self) -> None:
        a, b = Pass("a"), Pass("b")
        size = Choice("size").add(NumericEquals("$.n", 1), a).add(NumericEquals("$.n", 2), b)
        size.remove(NumericEquals("$.n", 1, "a"))
        assert [*size.linked()] == [b]
        with pytest.raises(InvalidArgument, match="'size' has no such rule: NumericEquals"):
            size.remove(NumericEquals("$.n", 1, "a"))

    def test_the_last_default_counts(self) -> None:
        size = Choice("size", default="a")
        size.set_default(Succeed("b"))
        assert size.default == "b"
        size.default = "c"
        assert [*size.linked()] == []

    def test_rules_may_be_given_at_once(self) -> None:
        rule = NumericEquals("$.n", 1, "a")
        assert Choice("size", choices=[rule]).to_dict()["Choices"] == [rule.to_dict()]
        data = {"Variable": "$.n", "NumericEquals": 1, "Next": "a"}
        [read] = Choice("size", choices=[data]).choices or []  # type: ignore[list-item]
        assert read == rule
