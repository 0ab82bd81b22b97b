import random
import re
import uuid
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asfini.query._functions import INTRINSICS
from asfini.query.intrinsics import IntrinsicFailure, MalformedIntrinsic, compile_intrinsic
from asfini.query.scope import Scope

SOURCE = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
DATA = {
    "name": "Ada",
    "year": 1815,
    "share": 0.25,
    "nothing": None,
    "order": {"id": "o-7", "lines": [3, {"sku": "x"}]},
    "numbers": [1, 2, 3, 4, 5],
    "empty": [],
    "template": "{} was born in {}",
    "long": "x" * 10_000,
}
CONTEXT = {"Execution": {"Name": "run-1", "Input": {"size": 2}}}


def evaluate(text: str, data: Any = DATA, **scope: Any) -> Any:
    return compile_intrinsic(text)(Scope(data, CONTEXT, **scope))


def test_the_eighteen_functions_are_there():
    names = """Format StringToJson JsonToString Array ArrayPartition ArrayContains ArrayRange ArrayGetItem
        ArrayLength ArrayUnique Base64Encode Base64Decode Hash JsonMerge MathRandom MathAdd StringSplit
        UUID"""
    assert set(INTRINSICS) == {f"States.{name}" for name in names.split()}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("States.Array()", []),
        ("States.Array( )", []),
        ("States.Array(1, -2.5, 1e2, 'x', true, false, null)", [1, -2.5, 100.0, "x", True, False, None]),
        ("States.Array('it\\'s', 'a\\\\b', '\\{\\}', 'one, (two)')", ["it's", "a\\b", "{}", "one, (two)"]),
        ("States.Array('two\nlines')", ["two\nlines"]),
        ("States.Array( $.name ,\n$.order.lines[1].sku )", ["Ada", "x"]),
        (
            "States.Array($['name'], $.order.lines[?(@.sku == 'x')], $.numbers[0,1])",
            ["Ada", [{"sku": "x"}], [1, 2]],
        ),
        ("States.Array($$.Execution.Name, $seen.count)", ["run-1", 4]),
        ("States.Array(States.Array(1), States.Array(States.Array()))  ", [[1], [[]]]),
        ("States.Array($.nothing)", [None]),
        ("States.Array($.numbers[*].none)", [[]]),
    ],
)
def test_arguments_are_literals_paths_and_calls(text, result):
    assert evaluate(text, variables={"seen": {"count": 4}}) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("States.Format('no place')", "no place"),
        ("States.Format('{} {}!', 'Hello', $.name)", "Hello Ada!"),
        ("States.Format($.template, $.name, $.year)", "Ada was born in 1815"),
        ("States.Format('{}{}{}', $.share, $.nothing, true)", "0.25nulltrue"),
        ("States.Format('{}', $.order)", "{id=o-7, lines=[3, {sku=x}]}"),
        ("States.Format('\\{\"name\": \\'{}\\'\\}', $.name)", "{\"name\": 'Ada'}"),
        ("States.Format('C:\\\\{}', $.name)", "C:\\Ada"),
        ("States.Format('{}', '{}')", "{}"),
        ("States.Format(12)", "12"),
        ("States.StringToJson('{\"a\": [1, 1.0, null]}')", {"a": [1, 1.0, None]}),
        ("States.StringToJson('-0')", 0),
        ("States.StringToJson('123456789012345678901234567890')", 123456789012345678901234567890),
        ("States.StringToJson('')", None),
        ("States.StringToJson(' \n ')", None),
        ("States.JsonToString($.order)", '{"id":"o-7","lines":[3,{"sku":"x"}]}'),
        ("States.JsonToString(States.Array('é', 1.0, 10, null))", '["é",1.0,10,null]'),
        ("States.JsonToString('x')", '"x"'),
        ("States.ArrayPartition($.numbers, 2)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayPartition($.numbers, 2.9)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayPartition($.numbers, 2147483647)", [[1, 2, 3, 4, 5]]),
        ("States.ArrayPartition($.empty, 3)", []),
        ("States.ArrayContains($.numbers, 5)", True),
        ("States.ArrayContains($.numbers, 6)", False),
        ("States.ArrayContains($.numbers, '5')", True),
        ("States.ArrayContains($.order.lines, $.order.lines[1])", True),
        ("States.ArrayContains(States.Array(0, ''), false)", False),
        ("States.ArrayContains(States.Array(1), 1.0)", False),
        ("States.ArrayRange(1, 9, 4)", [1, 5, 9]),
        ("States.ArrayRange(1, 8, 4)", [1, 5]),
        ("States.ArrayRange(5.9, -0.9, -2.9)", [5, 3, 1]),
        ("States.ArrayRange(3, 3, -1)", [3]),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.ArrayLength(States.ArrayRange(0, 999, 1))", 1000),
        ("States.ArrayGetItem($.numbers, 4)", 5),
        ("States.ArrayGetItem($.numbers, 1.9)", 2),
        ("States.ArrayGetItem($.empty, 7)", None),
        ("States.ArrayLength($.empty)", 0),
        ("States.ArrayUnique(States.Array(3, 1, 3, 2, 1))", [1, 2, 3]),
        ("States.ArrayUnique(States.Array(true, 1, 1.0, '1', false))", [1.0, 1, "1", False, True]),
        ("States.Base64Encode('a lynx: \\'ø\\'')", "YSBseW54OiAnw7gn"),
        ("States.Base64Decode('YSBseW54OiAnw7gn')", "a lynx: 'ø'"),
        ("States.Base64Decode(' YS Bs\neQ ')", "a ly"),
        ("States.Base64Decode('YQ==bXk')", "a"),
        ("States.Base64Decode('w7_-')", "ÿ\ufffd"),
        ("States.Base64Decode('')", ""),
        ("States.Hash('lynx', 'MD5')", "9d8c21ab6885c241b9ca3cf3cdf03b94"),
        ("States.Hash(12, 'SHA-1')", "7b52009b64fd0a2a49e6d8a939753077792b0554"),
        ("States.ArrayLength(States.StringSplit(States.Hash($.order, 'SHA-512'), 'x'))", 1),
        ("States.MathAdd(1, -1)", 0),
        ("States.MathAdd(2147483646, 1)", 2147483647),
        ("States.MathAdd(0.5, 0)", 1),
        ("States.MathAdd(-0.5, -1.5)", -1),
        ("States.MathAdd(2.4, 2.4)", 4),
        ("States.MathAdd(0.49999999999999994, 0)", 0),
        ("States.StringSplit('a,b;;c,', ',;')", ["a", "b", "c"]),
        ("States.StringSplit('a.b.c', '.')", ["a", "b", "c"]),
        ("States.StringSplit(' , ', ',')", [" ", " "]),
        ("States.StringSplit('abc', '')", ["abc"]),
        ("States.StringSplit('', ',')", []),
        ("States.StringSplit('a\\\\b]c^d-e', '\\\\]^-')", ["a", "b", "c", "d", "e"]),
    ],
)
def test_a_function_gives_what_it_gives_on_aws(text, result):
    found = evaluate(text)
    assert (found, str(found)) == (result, str(result))


def test_merging_takes_the_second_object_where_both_have_a_name():
    data = {"a": {"x": 1, "y": {"deep": 1}}, "b": {"y": {"other": 2}, "z": None}}
    assert evaluate("States.JsonMerge($.a, $.b, false)", data) == {"x": 1, "y": {"other": 2}, "z": None}
    assert data["a"] == {"x": 1, "y": {"deep": 1}}


def test_merging_orders_names_as_a_hash_table_does():
    data = {"a": {"customer": 1, "order": 2}, "b": {"total": 3, "currency": 4, "placed_at": 5}}
    names = list(evaluate("States.JsonMerge($.a, $.b, false)", data))
    assert names == ["total", "currency", "placed_at", "customer", "order"]


def test_unique_objects_are_equal_whatever_the_order_of_their_members():
    assert evaluate("States.ArrayUnique($)", [{"a": 1, "b": 2}, {"b": 2, "a": 1}]) == [{"a": 1, "b": 2}]


def test_an_object_is_contained_only_with_its_members_in_the_same_order():
    data = {"all": [{"a": 1, "b": 2}], "same": {"a": 1, "b": 2}, "turned": {"b": 2, "a": 1}}
    assert evaluate("States.ArrayContains($.all, $.same)", data) is True
    assert evaluate("States.ArrayContains($.all, $.turned)", data) is False


def test_a_seeded_number_is_the_one_that_java_draws():
    assert evaluate("States.MathRandom(0, 1000, 42)") == 130
    assert evaluate("States.MathRandom(-5.9, 1.9, 0)") == -5
    assert evaluate("States.MathRandom(100, 116, 7)") == 111
    assert evaluate("States.MathRandom(0, 9, 1767225600000)") == 7


def test_an_unseeded_number_is_drawn_from_the_scope_below_the_end():
    drawn = {evaluate("States.MathRandom(3, 6)") for _ in range(200)}
    assert drawn == {3, 4, 5}
    first, second = (evaluate("States.MathRandom(0, 1000000)", random=random.Random(5)) for _ in range(2))
    assert first == second


def test_a_uuid_has_version_4_and_repeats_with_the_scopes_seed():
    first, second = (evaluate("States.UUID()", random=random.Random(5)) for _ in range(2))
    assert first == second == str(uuid.UUID(first))
    assert uuid.UUID(first).version == 4
    assert evaluate("States.UUID()") != evaluate("States.UUID('ignored', 2)")


REFUSED = [
    "States.Format()",
    "States.JsonMerge($.order,$.order)",
    "States.MathAdd(1)",
    "States.MathAdd(1,2,3)",
    "States.ArrayLength()",
    "States.ArrayLength($.empty,1)",
    "States.ArrayContains($.empty)",
    "States.StringToJson()",
    "States.StringToJson($.year)",
    "States.StringToJson($.order)",
    "States.ArrayPartition('x',1)",
    "States.ArrayPartition($.numbers,0)",
    "States.ArrayPartition($.numbers,0.9)",
    "States.ArrayPartition($.numbers,-1)",
    "States.ArrayPartition($.numbers,'2')",
    "States.ArrayPartition($.numbers,null)",
    "States.ArrayPartition($.numbers,true)",
    "States.ArrayPartition($.numbers,3000000000)",
    "States.ArrayContains('x','x')",
    "States.ArrayLength('x')",
    "States.ArrayLength($.order)",
    "States.ArrayUnique($.name)",
    "States.ArrayRange(1,1001,1)",
    "States.ArrayRange(1001,1,-1)",
    "States.ArrayRange(1,9,0)",
    "States.ArrayRange(1,9,0.9)",
    "States.ArrayRange('1',9,1)",
    "States.ArrayRange(1,9)",
    "States.ArrayRange(1,9,1,1)",
    "States.ArrayGetItem($.numbers,5)",
    "States.ArrayGetItem($.numbers,-1)",
    "States.ArrayGetItem($.numbers,'1')",
    "States.ArrayGetItem($.empty,-1)",
    "States.ArrayGetItem('x',0)",
    "States.ArrayGetItem($.numbers)",
    "States.Base64Encode(1)",
    "States.Base64Encode($.order)",
    "States.Base64Encode()",
    "States.Base64Encode('a','b')",
    "States.Base64Decode(1)",
    "States.Base64Decode($.nothing)",
    "States.Hash('x')",
    "States.Hash('x','MD5','y')",
    "States.Hash('x','SHA-224')",
    "States.Hash('x','sha-256')",
    "States.Hash('x',1)",
    "States.Hash('x','')",
    "States.JsonMerge($.order,$.order,true)",
    "States.JsonMerge($.order,null,false)",
    "States.JsonMerge($.empty,$.order,false)",
    "States.MathAdd('1',2)",
    "States.MathAdd(null,2)",
    "States.MathAdd(true,2)",
    "States.MathAdd($.numbers,1)",
    "States.MathAdd(2147483647,1)",
    "States.MathAdd(-2147483648,-1)",
    "States.MathAdd(3000000000,1)",
    "States.MathAdd(1e300,1)",
    "States.MathRandom(1,1)",
    "States.MathRandom(2,1)",
    "States.MathRandom(1.1,1.9)",
    "States.MathRandom(1)",
    "States.MathRandom('1',2)",
    "States.MathRandom(1,null)",
    "States.MathRandom(1,9,'x')",
    "States.MathRandom(1,9,null)",
    "States.MathRandom(-2147483648,2147483647)",
    "States.StringSplit(1,',')",
    "States.StringSplit(1,'')",
    "States.StringSplit('a',1)",
    "States.StringSplit($.nothing,',')",
    "States.StringSplit('a')",
]


@pytest.mark.parametrize("text", REFUSED)
def test_unsuitable_arguments_fail_as_on_aws(text):
    function = text.partition("(")[0]
    problem = (
        f"There was an error while evaluating the intrinsic function: {text}. Invalid arguments in {function}"
    )
    with pytest.raises(IntrinsicFailure, match=f"^{re.escape(problem)}$"):
        evaluate(text)


@pytest.mark.parametrize("function", ["Base64Encode({})", "Base64Decode({})", "Hash({}, 'MD5')"])
def test_a_text_of_more_than_10_000_characters_is_refused(function):
    assert evaluate("States." + function.format("$.long"))
    with pytest.raises(IntrinsicFailure, match="Invalid arguments in"):
        evaluate("States." + function.format("$"), "x" * 10_001)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("States.Format('{} {', 1)", "Invalid template in States.Format: matching '}' not found for '{'."),
        ("States.Format('{{}}', 1)", "Invalid template in States.Format: matching '}' not found for '{'."),
        ("States.Format('a}')", "Invalid template in States.Format: matching '{' not found for '}'."),
        ("States.Format('\\\\\\\\{')", "Invalid template in States.Format: matching '}' not found for '{'."),
        (
            "States.Format('{}')",
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.",
        ),
        (
            "States.Format('{}', 1, 2)",
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.",
        ),
        (
            "States.JsonToString($.name, 1)",
            "Invalid arguments in States.JsonToString: only a single argument is allowed.",
        ),
        (
            "States.Array(1, States.ArrayLength(2))",
            "Invalid arguments in States.ArrayLength",
        ),
    ],
)
def test_a_failure_names_the_expression_and_says_why(text, reason):
    problem = f"There was an error while evaluating the intrinsic function: {text}. {reason}"
    with pytest.raises(IntrinsicFailure) as failure:
        evaluate(text)
    assert str(failure.value) == problem


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "lynx",
            "Unrecognized token 'lynx': was expecting (JSON String, Number, Array, Object or token 'null',"
            f" 'true' or 'false')\n at [Source: {SOURCE}; line: 1, column: 5]",
        ),
        (
            '{"a": 1,\n b: 2}',
            "Unexpected character ('b' (code 98)): was expecting double-quote to start field name\n"
            f" at [Source: {SOURCE}; line: 2, column: 2]",
        ),
    ],
)
def test_text_that_is_not_json_fails_with_the_parsers_words(text, reason):
    problem = "Cannot convert String to Json in States.StringToJson, caused by: "
    with pytest.raises(IntrinsicFailure) as failure:
        evaluate("States.StringToJson($)", text)
    assert str(failure.value).endswith(f"States.StringToJson($). {problem}{reason}")


@pytest.mark.parametrize(
    "text", ["{", "[1", '{"a"}', "1 2", "NaN", "1e999", "01", "'a'", '{"a": ', "[" * 100_000]
)
def test_text_that_is_not_json_is_refused(text):
    with pytest.raises(IntrinsicFailure, match="Cannot convert String to Json"):
        evaluate("States.StringToJson($)", text)


@pytest.mark.parametrize(
    ("argument", "shown"),
    [("$.none", "$.none"), ("$.order.none.deep", "$.order.none.deep"), ("$$.Nothing.Here", "$.Nothing.Here")],
)
def test_an_argument_that_is_missing_is_named_with_the_whole_expression_and_the_input(argument, shown):
    text = f"States.Format('{{}}', States.Format('{{}}',{argument}))"
    with pytest.raises(IntrinsicFailure) as failure:
        evaluate(text, {"order": {}})
    assert str(failure.value) == (
        f"The function '{text}' had the following error: "
        f"The JsonPath argument for the field '{shown}' could not be found in the input "
        "'{\"order\":{}}'"
    )


def test_an_index_past_the_end_of_an_array_is_missing_though_a_null_is_not():
    assert evaluate("States.Array($[0])", [None]) == [None]
    with pytest.raises(IntrinsicFailure, match=re.escape("for the field '$[1]' could not be found")):
        evaluate("States.Array($[1])", [None])


def test_a_path_that_does_not_suit_the_data_says_so():
    with pytest.raises(IntrinsicFailure) as failure:
        evaluate("States.Array($.name[0])", {"name": 1})
    assert str(failure.value) == (
        "The function 'States.Array($.name[0])' had the following error: "
        "Filter: [0] can only be applied to arrays. Current context is: 1"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not a call"),
        (" States.Array()", "it is not a call"),
        ("States.Array", "it is not a call"),
        ("States.Array ()", "it is not a call"),
        ("states.Array()", "it is not a call"),
        ("States.Array(", "an argument is missing, or not one"),
        ("States.Array(1", "',' or ')' is missing"),
        ("States.Array(1 2)", "',' or ')' is missing"),
        ("States.Array('it's')", "',' or ')' is missing"),
        ("States.Array() more", "there is more behind the call"),
        ("States.Array())", "there is more behind the call"),
        ("States.Array(,)", "an argument is missing, or not one"),
        ("States.Array(1,)", "an argument is missing, or not one"),
        ('States.Array("x")', "an argument is missing, or not one"),
        ("States.Array('x)", "an argument is missing, or not one"),
        ("States.Array('\\\"')", "an argument is missing, or not one"),
        ("States.Array('\\n')", "an argument is missing, or not one"),
        ("States.Array([1])", "an argument is missing, or not one"),
        ("States.Array(name)", "an argument is missing, or not one"),
        ("States.Array(nulls)", "an argument is missing, or not one"),
        ("States.Array(1.)", "an argument is missing, or not one"),
        ("States.Array(.5)", "an argument is missing, or not one"),
        ("States.Array(007)", "an argument is missing, or not one"),
        ("States.Array(+1)", "an argument is missing, or not one"),
        ("States.Array(1e999)", "1e999 is too large"),
        ("States.Default($.a, 1)", "there is no function States.Default"),
        ("States.Array($.a[)", "$.a[)"),
    ],
)
def test_what_is_not_a_call_is_refused_when_it_is_compiled(text, reason):
    with pytest.raises(MalformedIntrinsic, match=re.escape(reason)):
        compile_intrinsic(text)


def test_an_expression_has_ten_functions_at_most():
    nested, flat = "States.Array(" * 10 + ")" * 10, f"States.Array({', '.join(['States.UUID()'] * 9)})"
    assert evaluate(nested) == [[[[[[[[[[]]]]]]]]]]
    assert len(evaluate(flat)) == 9
    for text in (f"States.Array({nested})", f"States.Array({flat})"):
        with pytest.raises(MalformedIntrinsic, match="more than 10 functions"):
            compile_intrinsic(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_text_read_again_is_the_same_value(value):
    assert evaluate("States.StringToJson(States.JsonToString($))", {"v": value}) == {"v": value}


@given(st.text(max_size=60))
def test_text_decoded_again_is_the_same_text(text):
    assert evaluate("States.Base64Decode(States.Base64Encode($))", text) == text


@given(st.sampled_from(sorted(INTRINSICS)), st.lists(VALUES, max_size=4))
def test_whatever_the_arguments_a_function_answers_or_fails_properly(name, values):
    text = f"{name}({', '.join(f'$[{index}]' for index in range(len(values)))})"
    with suppress(IntrinsicFailure):
        evaluate(text, values)


@given(st.text(alphabet="States.Array(Format)$'\\,{}[]1-.e ntrue\n", max_size=40))
def test_whatever_the_text_it_compiles_or_is_refused_properly(text):
    with suppress(MalformedIntrinsic):
        assert callable(compile_intrinsic(f"States.Array({text})"))
