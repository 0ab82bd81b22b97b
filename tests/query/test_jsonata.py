"""JSONata: the language by its reference suite, and what Step Functions makes of it."""

import copy
import json
import random
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asfini.errors import MissingExtra
from asfini.query._jsonata import evaluator, run
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.program import Program
from asfini.query._jsonata.values import Sequence
from asfini.query.jsonata import (
    UNDEFINED,
    JsonataError,
    JsonataSyntaxError,
    compile_expression,
    compile_jsonata_template,
    faults,
    is_expression,
    variables,
)

SHARED = Path(__file__).parents[2] / "../shared"
SUITE = SHARED / "definitions/jsonata/test-suite"
RECORDED = SHARED / "conformance/asl"
STATES = {"states": {"input": {"name": "Ada", "n": 2, "none": None, "items": [{"v": 1}, {"v": 2}, {"v": 3}]}}}


def evaluate(expression: str, **variables: Any) -> Any:
    return compile_expression(f"{{% {expression} %}}").evaluate({**STATES, **variables})


def failure(expression: str, **variables: Any) -> str:
    with pytest.raises(JsonataError) as caught:
        evaluate(expression, **variables)
    return str(caught.value)


# The language, by its reference suite

LIMITS = frozenset({"U1001", "D2014"})
"""The suite's codes for what takes too long, nests too deeply or is too large."""


def suite() -> Iterator[dict[str, Any]]:
    for file in sorted(SUITE.glob("groups/*/*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        for case in found if isinstance(found, list) else [found]:
            expression = case["expr"] if "expr" in case else (file.parent / case["expr-file"]).read_text()
            yield {**case, "expr": expression}


def longest_range(expression: str) -> int:
    ranges = re.findall(r"\[(\d+)\.\.(\d+)\]", expression)
    return max((int(last) - int(first) + 1 for first, last in ranges), default=0)


def offered_by_aws(case: dict[str, Any]) -> bool:
    """Whether Step Functions has what a case is about: no `$eval`, no array as context, no longer ranges."""
    whole_context = "$string()" in case["expr"] and isinstance(case.get("data"), list)
    too_long = longest_range(case["expr"]) > run.MAX_ITEMS and "code" not in case
    return "$eval(" not in case["expr"] and not whole_context and not too_long


def outcome(case: dict[str, Any]) -> Any:
    data = case.get("data", UNDEFINED)
    if case.get("dataset"):
        data = json.loads((SUITE / f"datasets/{case['dataset']}.json").read_text(encoding="utf-8"))
    context = Sequence([data]) if isinstance(data, list) else data
    names = {**case.get("bindings", {}), "$": data}
    try:
        return Program(case["expr"]).evaluate(context, names, run.Run())
    except Failure as error:
        return error


def alike(found: Any, expected: Any) -> bool:
    """Compare values; floats to twelve digits, for the suite's own are rounded."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(alike(found[key], value) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        number = isinstance(found, (int, float)) and not isinstance(found, bool)
        return number and found == pytest.approx(expected, rel=1e-12, abs=1e-300)
    return type(found) is type(expected) and found == expected


def passes(case: dict[str, Any]) -> bool:
    found = outcome(case)
    code = case.get("code") or case.get("error", {}).get("code")
    if code:
        return isinstance(found, Failure) and (found.code == code or (found.code is None and code in LIMITS))
    if case.get("undefinedResult"):
        return found is UNDEFINED
    if case.get("unordered"):
        return sorted(map(str, found)) == sorted(map(str, case["result"]))
    return alike(found, case["result"])


@pytest.mark.skipif(not SUITE.is_dir(), reason="the reference suite is not beside the project")
def test_the_reference_suite_passes_but_for_what_step_functions_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The suite asks what an expression means, and nests deeper than Step Functions does.
    monkeypatch.setattr(run, "MAX_SECONDS", 60.0)
    monkeypatch.setattr(evaluator, "MAX_DEPTH", 302)
    cases = [case for case in suite() if offered_by_aws(case) and not endless(case)]
    assert len(cases) > 1600
    assert [case["expr"] for case in cases if not passes(case)] == []


def endless(case: dict[str, Any]) -> bool:
    """Whether a case only ends because time does: those are held to the real limit elsewhere."""
    return case.get("code") == "U1001" and case.get("timelimit", 0) > 0 and "$inf()" in case["expr"]


# What Step Functions makes of it

RECORDED_SENTENCE = re.compile(r"The JSONata expression '.*' specified for the field '.*' .*", re.DOTALL)


def recorded_templates() -> Iterator[tuple[str, Any, dict[str, Any], Any]]:
    """The Output of recorded machines that are a single Pass state, its bindings and what came of it."""
    for file in sorted(RECORDED.glob("*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        states = list(case["definition"].get("States", {}).values())
        if len(states) != 1 or states[0].get("Type") != "Pass" or "{%" not in json.dumps(states[0]):
            continue
        bindings = {"states": {"input": case.get("input"), "context": {}}}
        if "placeholder-in-result" not in case["tags"] and "nondeterministic-source" not in case["tags"]:
            yield "Output", states[0].get("Output"), bindings, case["expected"]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings are not beside the project")
def test_recorded_states_give_what_they_gave_on_aws() -> None:
    seen = 0
    for field, template, bindings, expected in recorded_templates():
        seen += 1
        if "cause" in expected:
            sentence = RECORDED_SENTENCE.search(expected["cause"])
            assert sentence is not None
            with pytest.raises(JsonataError, match=re.escape(sentence[0])):
                compile_jsonata_template(template).fill(bindings, field)
        else:
            assert compile_jsonata_template(template).fill(bindings, field) == expected["output"]
    assert seen > 15


@pytest.mark.parametrize("text", ["{% $x %}", "{%$x%}", "{%%}", "{% a %} and {% b %}"])
def test_a_text_from_delimiter_to_delimiter_is_an_expression(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "value", [" {% $x %}", "{% $x %} ", "{% $x", "$x %}", "{%}", "", 1, None, ["{% $x %}"]]
)
def test_anything_else_is_no_expression(value: Any) -> None:
    assert not is_expression(value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.name", "Ada"),
        ("$states.input.items.v", [1, 2, 3]),
        ("$states.input.items[v > 2].v", 3),
        ("$states.input.items[v > 1]", [{"v": 2}, {"v": 3}]),
        ("[$states.input.items[v > 2].v]", [3]),
        ("$sum($states.input.items.v)", 6),
        ("{'greeting': 'Hello ' & $states.input.name}", {"greeting": "Hello Ada"}),
        ("$states.input.none", None),
        ("$exists($states.input.none)", True),
        ("$exists($states.input.missing)", False),
        ("$map($states.input.items, function($i) { $i.v * 2 })", [2, 4, 6]),
        ("$states.input.items^(>v).v", [3, 2, 1]),
        ("$fromMillis(1510067557121)", "2017-11-07T15:12:37.121Z"),
        ("/* a comment */ 1", 1),
    ],
)
def test_expressions_read_the_reserved_variable(expression: str, value: Any) -> None:
    assert evaluate(expression) == value


def test_an_undefined_value_is_not_null() -> None:
    assert evaluate("$states.input.missing") is UNDEFINED
    assert evaluate("$missing") is UNDEFINED
    assert evaluate("null") is None


def test_variables_are_read_by_name_and_hide_functions_of_the_library() -> None:
    assert evaluate("$price * 2", price=21) == 42
    assert evaluate("$count + 1", count=1) == 2


# What AWS was measured to answer is said here in the order of its functions.


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$partition([1, 2, 3, 4, 5], 2)", [[1, 2], [3, 4], [5]]),
        ("$partition([1, 2, 3, 4, 5], 2.9)", [[1, 2], [3, 4], [5]]),
        ("$partition([0], 3)", [[0]]),
        ("$partition([1, 2, 3])", [[1, 2, 3]]),
        ("$partition([], 2)", UNDEFINED),
        ("$partition([1], 0)", UNDEFINED),
        ("$partition([1, 2], -0.5)", UNDEFINED),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(10, 0, -5)", [10, 5, 0]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(5, 1, -1.5)", [5, 4, 3, 2, 1]),
        ("$range(1, 9, 9)", 1),
        ("$range(5, 1, 1)", UNDEFINED),
        ("$range(1, 5, 0)", UNDEFINED),
        ("$range(1, 5)", UNDEFINED),
        ("$hash('Hello', 'MD5')", "8b1a9953c4611296a827abf8c47804d7"),
        ("$hash('input', 'SHA-1')", "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ("$hash('ñ', 'MD5')", "94e9342ecbb1458b6043ecd3bfcbc192"),
        ("$hash('Hello')", UNDEFINED),
        ("$random(42)", 0.7275636800328681),
        ("$random(0)", 0.730967787376657),
        ("$random(0.9)", 0.730967787376657),
        ('$parse(\'{"b": [1, null], "a": 1.0}\')', {"b": [1, None], "a": 1}),
        ("$parse('-0')", 0),
        ("$parse('1e2')", 100),
        ("$parse('9223372036854775807')", 9223372036854775807),
        ("$parse('9223372036854775808')", 9.223372036854776e18),
        ("$exists($parse('null'))", True),
        ("$parse()", UNDEFINED),
        ("$map(['[1]', '[2]'], $parse)", [[1], [2]]),
    ],
)
def test_the_functions_of_step_functions_answer_as_on_aws(expression: str, value: Any) -> None:
    found = evaluate(expression)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$partition(null, 2)", 'T0412: Argument 1 of function "partition" must be an array of undefined'),
        (
            "$partition([1], 'a')",
            'T0410: Argument 2 of function "partition" does not match function signature',
        ),
        ("$partition([1], -1)", "D3137: Second argument must be zero or greater"),
        ("$range(1)", 'T0410: Argument 2 of function "range" does not match function signature'),
        ("$range(1, 5, 1, 'x')", 'T0410: Argument 4 of function "range" does not match function signature'),
        ("$hash(42, 'MD5')", 'T0410: Argument 1 of function "hash" does not match function signature'),
        ("$hash('a', 5)", 'T0410: Argument 2 of function "hash" does not match function signature'),
        (
            "$hash('a', 'md5')",
            "D3137: Hash algorithm 'md5' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
        ),
        ("$random(1, 2)", 'T0410: Argument 2 of function "random" does not match function signature'),
        ("$uuid('x')", 'T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$parse(null)", 'T0410: Argument 1 of function "parse" does not match function signature'),
        ("$parse('')", "D3137: Invalid JSON"),
        ("$parse('{} {}')", "D3137: Invalid JSON"),
        ('$parse(\'{"a": 1, "a": 2}\')', "D3137: Invalid JSON"),
        ("$parse('1e400')", "D3137: Invalid JSON"),
        ("$parse('NaN')", "D3137: Invalid JSON"),
        ("$eval('1 + 1')", "T1006: Attempted to invoke a non-function"),
    ],
)
def test_the_functions_of_step_functions_refuse_as_on_aws(expression: str, message: str) -> None:
    assert failure(expression) == message


def test_random_numbers_come_from_the_given_source() -> None:
    expression = compile_expression("{% [$random(), $uuid(), $shuffle([1..9])] %}")
    first, second = (expression.evaluate({}, random=random.Random(7)) for _ in range(2))
    assert first == second
    assert 0 <= first[0] < 1
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first[1])
    assert sorted(first[2:]) == list(range(1, 10))
    assert expression.evaluate({}) != first


def test_the_time_is_asked_for_once_in_an_evaluation() -> None:
    times = iter([datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
    found = compile_expression("{% [$now(), $millis(), $now('[Y]')] %}").evaluate({}, now=lambda: next(times))
    assert found == ["2026-01-02T03:04:05.678Z", 1767323045678, "2026"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.0", 1),
        ("4 / 2", 2),
        ("1e20", 1e20),
        ("9223372036854775807 + 1", 9.223372036854776e18),
        ("1 / 0", "Infinity"),
        ("[-1 / 0, 0 / 0]", ["-Infinity", "NaN"]),
        ("{'k': 1e308 * 10}", {"k": "Infinity"}),
        ("$parseInteger('abc', '0')", "NaN"),
        ("$string(1e20)", "100000000000000000000"),
        ("$string(1e21)", "1e+21"),
        ("$string(999999999999999868928)", "999999999999999900000"),
        ("$string(1 / 3)", "0.333333333333333"),
        ("$string(1e-7)", "1e-7"),
        ("$string({'n': [1e20, 0.1 + 0.2]})", '{"n":[100000000000000000000,0.3]}'),
    ],
)
def test_numbers_are_written_as_on_aws(expression: str, value: Any) -> None:
    found = evaluate(expression)
    assert found == value
    assert type(found) is type(value)


def test_numbers_of_payloads_are_written_as_on_aws() -> None:
    payload = {"amount": 1.0, "deep": [2.0, 2.5], "large": 2**63, "long": 2**63 - 1}
    found = evaluate("$payload", payload=payload)
    assert json.dumps(found) == (
        '{"amount": 1, "deep": [2, 2.5], "large": 9.223372036854776e+18, "long": 9223372036854775807}'
    )
    assert payload == {"amount": 1.0, "deep": [2.0, 2.5], "large": 2**63, "long": 2**63 - 1}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$doesNotExist(1)", "T1006: Attempted to invoke a non-function"),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$abs('x')", 'T0410: Argument 1 of function "abs" does not match function signature'),
        ("$map(['x'], $abs)", 'T0410: Argument 1 of function "abs" does not match function signature'),
        ("'x' ~> $abs", 'T0410: Argument 1 of function "abs" does not match function signature'),
        ("1 < 'a'", 'T2009: The values 1 and "a" either side of operator "<" must be of the same data type'),
        ("1 + {}", 'T2002: The right side of the "+" operator must evaluate to a number'),
        ("'a' * 2", 'T2001: The left side of the "*" operator must evaluate to a number'),
        ("-'a'", 'D1002: Cannot negate a non-numeric value: "a"'),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        ("{'a': 1, 'a': 2}", 'D1009: Multiple key definitions evaluate to same key: "a"'),
        ("$sqrt(-1)", "D3060: The sqrt function cannot be applied to a negative number: -1"),
        ("$number('x')", 'D3030: Unable to cast value to a number: "x"'),
        (
            "$power(10, 1000)",
            "D3061: The power function has resulted in a value that cannot be represented as a JSON number: "
            "base=10, exponent=1000",
        ),
        (
            "$split('a', 'b', -1)",
            "D3020: Third argument of split function must evaluate to a positive number",
        ),
        (
            "$formatNumber(1, 'x')",
            "D3086: The sub-picture must not contain a passive character that is preceded by "
            "an active character and that is followed by another active character",
        ),
        (
            "$single([1, 2])",
            "D3138: The $single() function expected exactly 1 matching result.  Instead it matched more.",
        ),
        ("$error('out of stock')", "D3137: out of stock"),
        ("$assert(false, 'no')", "D3141: no"),
        ("1 ~> 2", "T2006: The right side of the function application operator ~> must be a function"),
    ],
)
def test_errors_are_worded_as_on_aws(expression: str, message: str) -> None:
    assert failure(expression) == message


def test_an_error_shows_what_no_encoding_has_escaped() -> None:
    assert failure(r"$encodeUrl('\ud800')") == r'D3140: Malformed URL passed to $encodeUrl(): "\ud800"'


def test_what_jsonata_does_not_define_is_an_error_all_the_same() -> None:
    assert failure("$fromMillis(0, $missing, 1)").startswith("T0410")
    assert failure("5 ~> $map(?, $string)").startswith("TypeError: ")


# Fields of states


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("$doesNotExist", "returned nothing (undefined)."),
        ("$nope(1)", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("$fn := function($x){$x}", "returned an unsupported result type."),
        ("[$sum]", "returned an unsupported result type."),
        (
            "$range(1, 360146, 1)",
            "threw an error during evaluation: Expression evaluation memory limit exceeded: "
            "Check for excessive memory usage",
        ),
    ],
)
def test_a_field_tells_what_failed_in_it(expression: str, sentence: str) -> None:
    with pytest.raises(JsonataError) as caught:
        compile_expression(f"{{% {expression} %}}").read({}, "Output/result")
    assert str(caught.value) == (
        f"The JSONata expression '{expression}' specified for the field 'Output/result' {sentence}"
    )
    assert caught.value.location == "Output/result"


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("null", "'null' for value: null"),
        ("true", "'boolean' for value: true"),
        ("1.0", "'number' for value: 1"),
        ("'string'", "'string' for value: \"string\""),
        ("{'foo': 'bär'}", '\'object\' for value: {"foo":"bär"}'),
    ],
)
def test_a_field_refuses_a_value_of_another_type(expression: str, found: str) -> None:
    with pytest.raises(JsonataError) as caught:
        compile_expression(f"{{% {expression} %}}").read({}, "Items", expected="array")
    assert str(caught.value).endswith(
        f"returned an unexpected result type. Expected 'array', but was {found}"
    )


def test_a_field_takes_a_value_of_its_type() -> None:
    assert compile_expression("{% [1..3] %}").read({}, "Items", expected="array") == [1, 2, 3]
    assert compile_expression("{% 1 < 2 %}").read({}, "Condition", expected="boolean") is True


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{% $gone %}", "Output"),
        ({"v": "{% $gone %}"}, "Output/v"),
        ({"a": {"b": [1, "{% $gone %}"]}}, "Output/a/b[1]"),
        ({"a": {"b": [[1, "{% $gone %}"]]}}, "Output/a/b[0][1]"),
        (["{% $gone %}"], "Output[0]"),
    ],
)
def test_a_template_tells_where_an_expression_failed(template: Any, place: str) -> None:
    with pytest.raises(JsonataError) as caught:
        compile_jsonata_template(template).fill({}, "Output")
    assert caught.value.location == place


def test_a_template_is_filled_wherever_it_has_expressions() -> None:
    template = {
        "text": "{% $states.input.name %}",
        "plain": "$states.input.name",
        "blanks": " {% $x %} ",
        "list": [1, "{% $states.input.n + 1 %}", {"none": "{% null %}"}],
        "{% key %}": True,
    }
    before = copy.deepcopy(template)
    assert compile_jsonata_template(template).fill(STATES, "Output") == {
        "text": "Ada",
        "plain": "$states.input.name",
        "blanks": " {% $x %} ",
        "list": [1, 3, {"none": None}],
        "{% key %}": True,
    }
    assert template == before


@pytest.mark.parametrize("template", [{"a": [1, {"b": "text"}]}, [], "text", None, 1.0])
def test_a_template_without_expressions_is_itself(template: Any) -> None:
    assert compile_jsonata_template(template).fill({}, "Output") is template


def test_a_template_with_a_broken_expression_is_refused() -> None:
    with pytest.raises(JsonataSyntaxError, match="Unexpected end of expression"):
        compile_jsonata_template({"a": ["{% 1 + %}"]})


# Payloads


def test_payloads_are_shared_with_the_input() -> None:
    payload = {"deep": {"list": [1, {"a": "b"}]}}
    assert evaluate("$payload.deep", payload=payload) is payload["deep"]
    assert evaluate("{'kept': $payload}", payload=payload)["kept"] is payload


@pytest.mark.parametrize(
    "expression",
    [
        "$payload ~> |items|{'v': 0, 'w': 1}, ['x']|",
        "$payload ~> |$payload.items|{'v': 0}|",
        "{} ~> |$payload|{'v': 0}, 'items'|",
        "$payload.items[v = 1][]",
        "$payload.empty[]{'k': $}",
        "$append($payload.items, 4)",
        "$sort($payload.numbers)",
        "$reverse($payload.numbers)",
        "$payload.items#$i.(v + $i)",
        "$payload.items@$item.$item.v",
        "$payload.items^(>v)",
        "$distinct($payload.numbers)",
        "$merge($payload.items)",
        "($payload := 1; $payload)",
        "$zip($payload.numbers, $payload.items)",
        "$payload.**",
    ],
)
def test_payloads_are_never_changed(expression: str) -> None:
    payload = {"items": [{"v": 2, "x": 1.0}, {"v": 1}], "numbers": [3, 1, 2.0, 3], "empty": []}
    variables = {"payload": payload}
    before = copy.deepcopy(variables)
    compile_expression(f"{{% {expression} %}}").evaluate(variables)
    assert variables == before
    assert variables["payload"] is payload


# What AWS refuses a definition for


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("phone", ["phone"]),
        ("phone[0].number", ["phone"]),
        ("-phone", ["phone"]),
        ("$states.input.a ? phone : 2", ["phone"]),
        ("phone & 'x'", ["phone"]),
        ("phone in $states.input.b", ["phone"]),
        ("$sum(phone)", ["phone"]),
        ("phone(1)", ["phone"]),
        ("phone ~> $string()", ["phone"]),
        ("[1..phone]", ["phone"]),
        ("(phone).other", ["phone"]),
        ("[phone].other", ["phone"]),
        ("{phone: 1}", ["phone"]),
        ("{'k': phone}", ["phone"]),
        ("($x := phone; $x)", ["phone"]),
        ("$map($states.input.a, function($y){ phone })", ["phone"]),
        ("function($y){ $f(phone) }", ["phone"]),
        ("$count(phone[inner])", ["phone"]),
        ("$f(?, phone)", ["phone"]),
        ("aaa + bbb * aaa", ["aaa", "bbb"]),
        ("[bbb, aaa]", ["bbb", "aaa"]),
        ("$", ["$"]),
        ("$.phone", ["$"]),
        ("$[0]", ["$"]),
        ("$string($)", ["$"]),
        ("$map($states.input.a, function($x){ $ })", ["$"]),
    ],
)
def test_names_at_the_top_level_are_refused(expression: str, names: list[str]) -> None:
    assert [fault.message for fault in faults(f"{{% {expression} %}}")] == [
        f"Reference to '{name}' at the top level is not supported." for name in names
    ]
    with pytest.raises(JsonataSyntaxError) as caught:
        compile_expression(f"{{% {expression} %}}")
    assert caught.value.code == "UNSUPPORTED_JSONATA_EXPRESSION"


@pytest.mark.parametrize("expression", ["$$", "$$.phone"])
def test_the_document_is_refused(expression: str) -> None:
    (fault,) = faults(expression)
    assert (fault.code, fault.message) == (
        "UNSUPPORTED_JSONATA_EXPRESSION",
        "Reference to '$$' is not supported.",
    )


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.a[0].phone",
        "$states.input.items[phone > 3]",
        "$states.input.a^(phone)",
        "$states.input.a{'k': phone}",
        "$states.input.a.(phone)",
        "$states.input.a.$phone",
        "$states.input ~> |phone|{'b': 1}|",
        "**.phone",
        "{'k': 1}.phone",
        "$states.input.a[0][phone]",
        "$states.input.a[$ > 1]",
        "$map($states.input.a, function($x){ $x.phone })",
        "'phone'",
        "$now()",
        "$eval('phone')",
        "$undefined",
    ],
)
def test_names_that_something_leads_to_are_accepted(expression: str) -> None:
    assert faults(f"{{% {expression} %}}") == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a[1,2)", 'Expected "]", got ","'),
        ('"unterminated', "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ("", "Unexpected end of expression"),
        ('{"a":}', 'The symbol "}" cannot be used as a unary operator'),
        ("$x :=", "Unexpected end of expression"),
        ('$match("a", /abc', "No terminating / in regular expression"),
        ("phone %.other", 'The symbol "." cannot be used as a unary operator'),
        ("10 + * 2", "Syntax error: 2"),
        ("$sum($states.input.a", 'Expected ")" before end of expression'),
        ("1 ! 2", 'Unknown operator: "!"'),
        ("'\\q'", 'Unsupported escape sequence: \\"q"'),
        ("/* open", "Comment has no closing tag"),
        ("%.a", "The object representing the 'parent' cannot be derived from this expression"),
        ("function(a){1}", "Parameter 1 of function definition must be a variable name (start with $)"),
        ("function($a)<n<n>>{1}", "Type parameters can only be applied to functions and arrays"),
        ("$x.1", "The literal value 1 cannot be used as a step within a path expression"),
        ("(" * 2000 + "1" + ")" * 2000, "The expression is nested too deeply"),
        ("1" * 32_769, "The expression has 32,769 characters, but at most 32,768 are read"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, message: str) -> None:
    (fault,) = faults(f"{{% {expression} %}}")
    assert fault.code == "INVALID_JSONATA_EXPRESSION"
    assert fault.message == message


def test_a_broken_regular_expression_is_refused() -> None:
    (fault,) = faults("{% $match('a', /[b-a]/) %}")
    assert fault.message.startswith("Invalid regular expression: /[b-a]/:")


def test_fields_that_are_not_there_are_refused_where_they_are_not() -> None:
    text = "{% [$states.errorOutput.Cause, $states.result, $states.input.result] %}"
    assert faults(text) == []
    assert [fault.message for fault in faults(text, lacking={"errorOutput", "result"})] == [
        "Field '$states.errorOutput' does not exist.",
        "Field '$states.result' does not exist.",
    ]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("$a + $states.input.b", {"a", "states"}),
        ("$sum($items.price)", {"items"}),
        ("$missing(1)", {"missing"}),
        ("($x := $a; $x + $b)", {"a", "b"}),
        ("($x := $x + 1; $x)", {"x"}),
        ("(($x := 1); $x)", {"x"}),
        ("($f := function($n){ $n = 0 ? $z : $f($n - 1) }; $f(3))", {"z"}),
        ("$items@$i#$p.{'i': $i, 'p': $p, 'q': $q}", {"items", "q"}),
        ("$items[$ > $least]^(>$order)", {"items", "least", "order"}),
        ("$list ~> |$pattern|{'a': $update}, $gone|", {"list", "pattern", "update", "gone"}),
        ("'$a'", set()),
        ("$now()", set()),
        ("1 +", set()),
    ],
)
def test_variables_are_those_that_an_expression_reads_but_does_not_set(
    expression: str, names: set[str]
) -> None:
    assert variables(f"{{% {expression} %}}") == names


def test_expressions_are_parsed_once() -> None:
    assert compile_expression("{% $once + 1 %}") is compile_expression("$once + 1")


def test_without_the_library_regular_expressions_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    assert evaluate("'a' & 'b'") == "ab"
    assert faults("{% $contains('lib', /l+i+b+/) %}") == []
    with pytest.raises(MissingExtra, match=r"asfini\[jsonata\]"):
        compile_expression("{% $contains('lib', /l+i+b+/) %}")


# Limits

RECURSION = "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x - 1) }; $f(%d))"
DOUBLING = "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', %d)))"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1" + "+1" * 99, 100),
        ("(" * 99 + "1" + ")" * 99, 1),
        ("1" + "~>$string" * 99, "1"),
        (RECURSION % 31, 31),
        ("[1..873782] ~> $count()", 873_782),
        ("$count($range(1, 360145, 1))", 360_145),
        (DOUBLING % 22, 2**22),
    ],
)
def test_what_aws_just_evaluates_is_evaluated(expression: str, value: Any) -> None:
    assert evaluate(expression) == value


TOO_DEEP = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
)
TOO_LARGE = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
TOO_SLOW = "Expression evaluation timeout: Check for infinite loop"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1" + "+1" * 100, TOO_DEEP),
        ("1" + "+1" * 5000, TOO_DEEP),
        ("(" * 100 + "1" + ")" * 100, TOO_DEEP),
        ("[" * 100 + "1" + "]" * 100, TOO_DEEP),
        ("1" + "~>$string" * 100, TOO_DEEP),
        (RECURSION % 32, TOO_DEEP),
        ("($f := function($x){ 1 + $f($x) }; $f(1))", TOO_DEEP),
        ("($f := function($x){ $map([$x], $f) }; $f(1))", TOO_DEEP),
        ("[1..873783] ~> $count()", TOO_LARGE),
        ("[1..1e9]", TOO_LARGE),
        ("$range(1, 360146, 1)", TOO_LARGE),
        ("$range(1, 1e18, 1)", TOO_LARGE),
        (DOUBLING % 23, TOO_LARGE),
        ("$pad('x', 1e12)", TOO_LARGE),
        ("$pad('x', -1e300)", TOO_LARGE),
        ("$replace($pad('', 6000000, 'a'), 'a', 'bb')", TOO_LARGE),
        ("$split($pad('', 4000000, 'a,'), ',')", TOO_LARGE),
        ("$append([1..800000], [1..800000])", TOO_LARGE),
        ("$map([1..100000], function($v){ $pad('x', 6000000) })", TOO_LARGE),
        ("$formatInteger(1e300, 'I')", TOO_LARGE),
        ("$fromMillis(0, $pad('', 100000, '[Y]'))", TOO_LARGE),
        ("$parse('[' & $pad('', 2000000, '1,') & '1]')", TOO_LARGE),
        ("($f := function($x){ $f($x + 1) }; $f(1))", TOO_SLOW),
        ("$match('" + "a" * 45 + "b', /(a|aa)+$/)", TOO_SLOW),
        ("$map([1..2000], function($a){ $map([1..2000], function($b){ $a * $b }) })", TOO_SLOW),
        ("$reduce([1..800000], function($a, $b){ $a + $b })", TOO_SLOW),
        ("[1..800000][$ < 0]", TOO_SLOW),
        ("[1..800000].$string()", TOO_SLOW),
        ("[1..800000]^(>$)", TOO_SLOW),
        ("[1..800000]{$string($): $}", TOO_SLOW),
        ("$encodeUrl($pad('', 6000000, 'é'))", TOO_SLOW),
    ],
)
def test_a_hostile_expression_ends_in_an_error(
    expression: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if message != TOO_SLOW:  # or time could be up before, on a slow machine
        monkeypatch.setattr(run, "MAX_SECONDS", 60.0)
    assert failure(expression) == message


def test_a_regular_expression_that_takes_long_to_prepare_is_refused() -> None:
    (fault,) = faults("{% $match('a', /((a{100}){100}){100}/) %}")
    assert fault.message.endswith("it has more than 10,000 parts")
