import json
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asfini.query.jsonpath import (
    PathLimitExceeded,
    PathNotApplicable,
    PathNotFound,
    PathNotWritable,
    PathSyntaxError,
    compile_path,
)
from asfini.query.scope import QueryError, Scope

SUITES = File(__file__).parents[2] / "../shared/definitions/jsonpath"

SHOP = {
    "name": "corner shop",
    "shelf": [
        {"what": "tea", "pence": 300, "tags": ["hot"]},
        {"what": "jam", "pence": 250, "tags": []},
        {"what": "salt", "pence": 90, "tags": None, "sold out": True},
    ],
    "till": {"open": True, "drawer": {"open": False, "coins": [1, None, 5]}},
    "owner": None,
    "limit": 250,
}


def read(path: str, document: Any = SHOP) -> Any:
    return compile_path(path).read(Scope(document))


def suite(name: str) -> dict[str, Any]:
    if not SUITES.is_dir():
        pytest.skip(f"the suites are not at {SUITES}")
    return json.loads((SUITES / name).read_text())


def same(first: Any, second: Any) -> bool:
    """Compare as JSON, where 1, 1.0 and true differ."""
    return json.dumps(first) == json.dumps(second)


def outcome(path: str, document: Any) -> dict[str, Any]:
    """Read as the suites write it down: whether the path is definite, and what it gives or how it fails."""
    try:
        compiled = compile_path(path)
    except PathSyntaxError:
        return {"e": "InvalidPathException"}
    try:
        return {"definite": compiled.definite, "r": compiled.read(Scope(document))}
    except PathNotApplicable:
        return {"definite": compiled.definite, "e": "InvalidPathException"}
    except PathNotFound:
        return {"definite": compiled.definite, "e": "PathNotFoundException"}


def test_every_result_recorded_on_aws_is_given() -> None:
    for case in suite("aws_cases.json")["cases"]:
        given = outcome(case["path"], case["data"])
        if "error" in case:
            assert given.get("e") == "PathNotFoundException", case["path"]
        else:
            assert "r" in given, case["path"]
            assert same(given["r"], case["expected"]), case["path"]


def test_hand_made_cases_have_jayways_outcome() -> None:
    hand = suite("hand_cases.json")
    for case in hand["cases"]:
        assert same(outcome(case["path"], hand["data"]), case["2.0.0"]), case["path"]


@pytest.mark.parametrize(("part", "field"), [("cts", "selector"), ("corpus_paths", "path")])
def test_jayway_and_asfini_take_the_same_texts_for_paths(part: str, field: str) -> None:
    for case in suite("jayway_truth.json")[part]:
        truth = case["2.0.0"]
        try:
            assert compile_path(case[field]).definite == truth.get("definite"), case[field]
        except PathSyntaxError:
            assert "definite" not in truth, case[field]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", SHOP),
        ("$.name", "corner shop"),
        ("$['name']", "corner shop"),
        ("$.shelf[1].what", "jam"),
        ("$.shelf.[1].what", "jam"),
        ("$.shelf[2]['sold out']", True),
        ("$.till.drawer.coins[1]", None),
        ("$.owner", None),
        (" $.limit ", 250),
    ],
)
def test_a_reference_path_gives_the_value(path: str, expected: Any) -> None:
    assert read(path) == expected
    assert compile_path(path).definite
    assert compile_path(path).reference


def test_the_context_object_and_variables_have_roots_of_their_own() -> None:
    scope = Scope({"id": 1}, context={"Task": {"Token": "t"}}, variables={"order": {"id": 2}, "größe": 3})
    paths = [compile_path(text) for text in ("$.id", "$$.Task.Token", "$order.id", "$größe", "$$")]
    assert [path.root for path in paths] == ["", "$", "order", "größe", "$"]
    assert [path.read(scope) for path in paths] == [1, "t", 2, 3, {"Task": {"Token": "t"}}]


def test_in_a_filter_the_root_is_what_the_path_starts_from() -> None:
    scope = Scope({"wanted": 1}, variables={"v": {"wanted": 2, "all": [{"n": 1}, {"n": 2}]}})
    assert compile_path("$v.all[?(@.n == $.wanted)]").read(scope) == [{"n": 2}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.shelf[*].what", ["tea", "jam", "salt"]),
        ("$.shelf[0,2].pence", [300, 90]),
        ("$.shelf[1:].what", ["jam", "salt"]),
        ("$.shelf[:-1].what", ["tea", "jam"]),
        ("$.shelf[-1:].what", ["salt"]),
        ("$.shelf[0:2].what", ["tea", "jam"]),
        ("$.shelf[(@.length-1)].what", "salt"),
        ("$.till.drawer['open', 'coins', 'notes']", {"open": False, "coins": [1, None, 5]}),
        ("$.till.*", [True, {"open": False, "coins": [1, None, 5]}]),
        ("$..open", [True, False]),
        ("$..coins[*]", [1, None, 5]),
        ("$..drawer..coins", [[1, None, 5]]),
        ("$.shelf[*].tags[*]", ["hot"]),
    ],
)
def test_other_paths_give_what_they_match_in_order(path: str, expected: Any) -> None:
    assert read(path) == expected
    assert not compile_path(path).reference


@pytest.mark.parametrize("path", ["$.shelf[7]", "$.shelf[-1]", "$.till.drawer.coins[1]"])
def test_an_index_outside_the_array_gives_null(path: str) -> None:
    assert read(path) is None


def test_what_a_wildcard_or_slice_of_nothing_gives_is_an_empty_list() -> None:
    assert read("$.attic[*]") == read("$.attic.box[1:].what") == read("$.name[*]") == read("$..attic") == []


def test_elements_without_the_name_are_left_out_after_a_wildcard_but_not_after_a_slice() -> None:
    assert read("$.shelf[*]['sold out']") == [True]
    with pytest.raises(PathNotFound, match=r"No results for path: \$\['shelf'\]\[0\]\['sold out'\]"):
        read("$.shelf[0:]['sold out']")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("$.attic", "No results for path: $['attic']"),
        ("$['till']['notes']", "No results for path: $['till']['notes']"),
        ("$.attic.box", "Missing property in path $['attic']"),
        ("$.name.first", "Property ['first'] not found in path $['name']"),
        ("$.name[0].x", "Filter: [0]['x'] can only be applied to arrays. Current context is: corner shop"),
        ("$.shelf.length()", "Property ['length()'] not found in path $['shelf']"),
        ("$.shelf[7].what", "Property ['what'] not found in path $['shelf'][7]"),
        ("$.owner[0]", "The path $['owner'] is null"),
        ("$.till[0]", 'Filter: [0] can only be applied to arrays. Current context is: {"open":true,'),
        ("$.limit[?(@.x)]", "Filter: [?] can not be applied to primitives. Current context is: 250"),
        ("$.till['open','drawer'].x", "Multi properties can only be used as path leafs: $['till']['open'"),
        ("$unknown.x", "No results for path: $unknown"),
        ("$$.Execution", "Property ['Execution'] not found in path $"),
    ],
)
def test_a_path_that_leads_nowhere_says_so_in_awss_words(path: str, detail: str) -> None:
    with pytest.raises(PathNotFound) as caught:
        read(path)
    assert str(caught.value).startswith(detail)


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("@.pence > 250", ["tea"]),
        ("@.pence>=250", ["tea", "jam"]),
        ("@.pence < 250.0", ["salt"]),
        ("@.pence <= 90", ["salt"]),
        ("@.pence != 2.5e2", ["tea", "salt"]),
        ("@.pence == $.limit", ["jam"]),
        ("@.what == 'jam'", ["jam"]),
        ("@.what==jam", ["jam"]),
        ("@['what'] != jam", ["tea", "salt"]),
        ("@.what > 'jam'", ["tea", "salt"]),
        ("@.what == 300", []),
        ("@['sold out']", ["salt"]),
        ("!@['sold out']", ["tea", "jam"]),
        ("@['sold out'] == true", ["salt"]),
        ("@.tags", ["tea", "jam"]),
        ("@.tags == null", ["salt"]),
        ("@.tags == @.tags", ["salt"]),
        ("@.absent != 1", []),
        ("@['what','absent']", []),
        ("@['what','pence']", ["tea", "jam", "salt"]),
        ("@.what == tea || @.pence < 100 && @.what == jam", ["tea"]),
        ("@.pence > 100 && @.pence < 300", ["jam"]),
        ("(@.pence > 100) && (@.what == tea)", ["tea"]),
        ("@.what =~ /[JS]A.*/i", ["jam", "salt"]),
        ("@.what =~ /a/", []),
        ("/t.*/ =~ @.what", ["tea"]),
        ("!(@.pence > 100)", []),
    ],
)
def test_a_filter_keeps_what_its_criteria_hold_for(criteria: str, found: list[str]) -> None:
    assert read(f"$.shelf[?({criteria})].what") == found


def test_a_filter_on_an_object_keeps_or_drops_it() -> None:
    assert read("$.till[?(@.open == true)].drawer.open") == [False]
    assert read("$.till[?(@.open == false)].drawer.open") == []
    assert read("$..[?(@.open == false)].coins") == [[1, None, 5]]


def test_integers_beyond_64_bits_compare_with_nothing() -> None:
    assert read("$[?(@ > 1)]", [2**62, 2**64]) == [2**62]


def test_strings_compare_by_their_utf_16_units() -> None:
    assert read("$[?(@ < '\ufb01')]", ["\U0001f600", "\ufb02"]) == ["\U0001f600"]


@pytest.mark.parametrize(
    ("criteria", "problem"),
    [
        ("@.pence == cheap", "cannot compare 'cheap' with the number 300"),
        ("@.what =~ tea", '"tea" is not a pattern'),
        ("@.what[0] == t", r"can only be applied to arrays"),
    ],
)
def test_a_criterion_that_cannot_be_applied_fails_the_whole_path(criteria: str, problem: str) -> None:
    with pytest.raises(PathNotApplicable, match=problem):
        read(f"$.shelf[?({criteria})]")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "$name-x",
        "$.",
        "$..",
        "$.a.",
        "$.a b",
        "$.a[",
        "$[]",
        "$[:]",
        "$[1-2]",
        "$[99999999999]",
        '$["a"]',
        "$.a['b'",
        "$.a[?]",
        "$.a[?()]",
        "$.a[?(@.b",
        "$.a[?(b)]",
        "$.a[?(@.b == !@.c)]",
        "$.a[?(@.b in [1])]",
        "$.a[?(@.* == 1)]",
        "$.a[?(@.b && )]",
        "$.a[?(@.b == ')]",
        "$.a[(@.count-1)]",
    ],
)
def test_a_text_that_is_no_path_is_refused_and_shown(text: str) -> None:
    with pytest.raises(PathSyntaxError) as caught:
        compile_path(text)
    assert str(caught.value).startswith(f"{text!r} is not a path: ")


def test_a_long_text_that_is_no_path_is_shown_in_part() -> None:
    with pytest.raises(PathSyntaxError) as caught:
        compile_path("$.a[" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a|b+", ["a", "bb"], ["", "ab"]),
        ("(ab)*c?", ["", "abab", "abc"], ["aba", "cc"]),
        (r"\d{2,3}-[^x-z]{1}", ["12-a", "123-!"], ["1-a", "1234-a", "12-y"]),
        ("(?:a{2,}|b{0,1})$", ["aa", "aaa", "b", ""], ["a", "bb"]),
        ("^.*end", ["the end", "end"], ["the\nend", "ending"]),
        (r"\.\u0041\x42", [".AB"], ["xAB"]),
        ("(a|aa)+?b", ["aaab"], ["aaa"]),
        ("", [""], ["a"]),
    ],
)
def test_a_pattern_matches_whole_texts(pattern: str, yes: list[str], no: list[str]) -> None:
    assert read(f"$[?(@ =~ /{pattern}/)]", yes + no) == yes


def test_a_pattern_is_matched_with_the_json_text_of_other_values() -> None:
    assert read(r"$[?(@ =~ /[0-9]+|true|\{.*\}/)]", [12, True, None, {"a": 1}, "x"]) == [12, True, {"a": 1}]


@pytest.mark.parametrize(
    "pattern",
    [r"(a)\1", "(?=a)", "a++", "*a", "(a", "a)", "[a", "a{3,1}", "(a{99}){99}", "(" * 60 + ")" * 60, "[z-a]"],
)
def test_a_pattern_that_needs_going_back_or_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(PathSyntaxError, match="is not a path"):
        compile_path(f"$[?(@ =~ /{pattern}/)]")


def nested(depth: int) -> Any:
    document: Any = {}
    for _ in range(depth):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$" + "[0,0]" * 60, json.loads("[" * 60 + "]" * 60)),
        ("$" + "..[*]" * 6, nested(200)),
        ("$[-2000000000:1]", [1]),
        ("$.all[?($.text =~ /[a-z]*/)]", {"text": "x" * 20_000, "all": [1] * 1_000}),
        ("$.all[?(@ == $.text)]", {"text": "x" * 200_000, "all": ["y"] * 5_000}),
    ],
)
def test_a_path_that_multiplies_the_work_is_stopped(path: str, document: Any) -> None:
    with pytest.raises(PathLimitExceeded, match="200,000"):
        read(path, document)


def test_a_catastrophic_pattern_takes_time_in_proportion_to_the_text() -> None:
    assert read("$[?(@ =~ /(a|aa)+(.*)*(a?)*c/)]", ["a" * 20_000, "a" * 20_000 + "c"]) == ["a" * 20_000 + "c"]


def test_deep_data_and_long_paths_need_no_recursion() -> None:
    deep = nested(40_000)
    assert read("$" + ".a" * 40_000, deep) == {}
    assert len(read("$..a", deep)) == 40_000
    assert len(read("$" + "[*]" * 40_000, deep)) == 1
    with pytest.raises(PathNotFound):
        read("$" + "['a']" * 40_001, deep)


def write(path: str, document: Any, value: Any = "new") -> Any:
    return compile_path(path).write(document, value)


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$", {"a": 1}, "new"),
        ("$.a", {"a": 1, "b": 2}, {"a": "new", "b": 2}),
        ("$.b", {"a": 1}, {"a": 1, "b": "new"}),
        ("$.a.b.c", {"a": {"x": 1}}, {"a": {"x": 1, "b": {"c": "new"}}}),
        ("$['a']['b c']", {}, {"a": {"b c": "new"}}),
        ("$[1].a", [0, {"b": 1}], [0, {"b": 1, "a": "new"}]),
        ("$.a[0]", {"a": [1, 2]}, {"a": ["new", 2]}),
    ],
)
def test_a_result_is_placed_where_its_path_says(path: str, document: Any, expected: Any) -> None:
    before = json.dumps(document)
    assert write(path, document) == expected
    assert json.dumps(document) == before


@pytest.mark.parametrize(
    ("path", "document", "shown"),
    [
        ("$.a", "text", '"text"'),
        ("$.a", None, "null"),
        ("$.a", [1, 2], "[1,2]"),
        ("$.a.b", {"a": 1}, '{"a":1}'),
        ("$.a.b", {"a": None}, '{"a":null}'),
        ("$[1]", [1], "[1]"),
        ("$.a[0]", {}, "{}"),
        ("$.a[0]", {"a": {}}, '{"a":{}}'),
    ],
)
def test_a_result_that_cannot_be_placed_is_refused_in_awss_words(
    path: str, document: Any, shown: str
) -> None:
    with pytest.raises(PathNotWritable) as caught:
        write(path, document)
    assert str(caught.value) == f"Unable to apply ReferencePath {path} to input {shown}"


@pytest.mark.parametrize("path", ["$.a[*]", "$..a", "$.a[-1]", "$['a','b']", "$$.a", "$name"])
def test_only_a_reference_path_into_the_input_can_be_written(path: str) -> None:
    with pytest.raises(PathNotWritable, match="is not a reference path into the input"):
        write(path, {"a": []})


keys = st.lists(st.text("ab é"), min_size=1, max_size=4)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab é", max_size=2), inner, max_size=3)
    ),
)


@given(keys, documents, documents)
def test_what_was_written_is_read_again_and_nothing_else_changes(
    names: list[str], document: Any, value: Any
) -> None:
    path = compile_path("$" + "".join(f"['{name}']" for name in names))
    before = json.dumps(document)
    try:
        written = path.write(document, value)
    except PathNotWritable:
        written = None
    else:
        assert same(path.read(Scope(written)), value)
        assert same(written, document | {names[0]: written[names[0]]})
    assert json.dumps(document) == before


steps = st.sampled_from(
    [
        ".a",
        "['b']",
        "[0]",
        "[-1]",
        "[*]",
        "..",
        "[1:]",
        "[?(@.a)]",
        "[?(@.b == $.a)]",
        "['a','b']",
        "$",
        "[",
        "'",
    ]
)


@given(st.lists(steps, max_size=6), documents)
def test_every_path_gives_a_value_or_a_query_error(parts: list[str], document: Any) -> None:
    try:
        path = compile_path("$" + "".join(parts))
        value = path.read(Scope(document))
    except QueryError:
        return
    assert path.definite or isinstance(value, list)
    json.dumps(value)


def test_a_path_is_compiled_once() -> None:
    assert compile_path("$.compiled.once") is compile_path("$.compiled.once")
