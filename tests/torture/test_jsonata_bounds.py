"""However hostile an expression is, an event loop does not wait long for it."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from asfini.query.jsonata import JsonataError, JsonataSyntaxError, compile_expression, faults

MOST_SECONDS = 1.0
"""Of the processor's time: several times what an expression may take, which slow and busy machines need."""

MANY = "[1..800000]"
LONG = "$pad('', 6000000, 'é ')"


pytestmark = pytest.mark.usefixtures("nothing_else_collected")


def seconds(work: Callable[[], Any]) -> float:
    """Measure the processor time of what may fail as expressions do."""
    start = time.thread_time()
    with contextlib.suppress(JsonataError, JsonataSyntaxError):
        work()
    return time.thread_time() - start


@pytest.mark.parametrize(
    "expression",
    [
        "[1..1e9]",
        "[1..873782]",
        "[1..873782].$string()",
        "[1..873782][$ < 0]",
        f"{MANY}.[$, $, $]",
        "$range(1, 1e18, 1)",
        "($f := function($x){ 1 + $f($x) }; $f(1))",
        "($f := function($x){ $f($x + 1) }; $f(1))",
        "($f := function($n){ $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(30))",
        "($f := function($x){ $map([$x], $f) }; $f(1))",
        "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 100))",
        "($f := function($s, $n){ $n = 0 ? $s : $f($append($s, $s), $n - 1) }; $f([1], 100))",
        "($f := function($s, $n){ $n = 0 ? $s : $f([[$s], [$s]], $n - 1) }; $string($f(1, 40)))",
        "$pad('x', 1e12)",
        "$pad('x', 6900000, 'ab')",
        "$map([1..2000], function($a){ $map([1..2000], function($b){ $a * $b }) })",
        "$map([1..100000], function($v){ $pad('x', 6000000) })",
        f"$filter({MANY}, function($v){{ $v > 1 }})",
        f"$reduce({MANY}, function($a, $b){{ $append($a, $b) }})",
        f"$sort({MANY})",
        f"$sort({MANY}, function($a, $b){{ $a < $b }})",
        f"{MANY}^(>$)",
        f"$distinct({MANY})",
        f"$shuffle({MANY})",
        f"$reverse({MANY})",
        f"$zip({MANY}, {MANY})",
        f"$sum({MANY})",
        f"$max({MANY})",
        f"$average({MANY})",
        f"$join({MANY}.$string())",
        f"{MANY}{{$string($): $}}",
        f"{MANY} = {MANY}",
        f"{MANY}[-1] in {MANY}",
        f"$partition({MANY}, 1)",
        f"$string({MANY})",
        f"$merge({MANY}.{{$string($): 1}})",
        f"$count({MANY}@$a.({MANY}@$b))",
        f"{MANY}#$i[$i > 5]",
        f"({MANY} ~> |$|{{'a': 1}}|)",
        f"$length({LONG})",
        f"$trim({LONG})",
        f"$uppercase({LONG})",
        f"$encodeUrl({LONG})",
        f"$encodeUrlComponent({LONG})",
        "$decodeUrl($pad('', 6000000, '%41'))",
        f"$base64encode({LONG})",
        "$base64decode($pad('', 6000000, 'QUFB'))",
        f"$split({LONG}, ' ')",
        f"$split({LONG}, '')",
        f"$split({LONG}, / /)",
        f"$replace({LONG}, ' ', '--')",
        f"$replace({LONG}, / /, function($m){{ 'x' }})",
        f"$contains({LONG}, 'zz')",
        f"$substringBefore({LONG}, 'zz')",
        f"$hash({LONG}, 'SHA-512')",
        "$number($pad('1', 6000000, '1'))",
        "$parse('[' & $pad('', 1000000, '1,') & '1]')",
        "$parse($pad('', 1000000, '['))",
        "$formatNumber(1, $pad('#', 6000000, '#'))",
        "$formatNumber(1e300, $pad('0', 100000, '0'))",
        "$formatBase(1e300, 2)",
        "$formatInteger(1e300, 'w')",
        "$formatInteger(1e300, 'I')",
        "$parseInteger($pad('', 1000000, 'M'), 'I')",
        "$parseInteger($pad('', 1000000, 'one '), 'w')",
        "$fromMillis(0, $pad('', 1000000, '[Y]'))",
        "$toMillis($pad('', 1000000, '1'), $pad('', 100000, '[Y]'))",
        "$power(1e300, 1e300)",
        "$match('" + "a" * 45 + "b', /(a|aa)+$/)",
        "$match($pad('', 100000, 'a'), /(a*)*b/)",
        "$replace($pad('', 100000, 'a'), /(a?){50}a{50}c/, 'x')",
        "$match($pad('', 6000000, 'a'), /a/)",
        "$match('a', /((a{100}){100}){100}/)",
    ],
)
def test_no_expression_keeps_the_loop_waiting(expression: str) -> None:
    assert seconds(lambda: compile_expression(expression).evaluate({})) < MOST_SECONDS


def payload(items: int) -> dict[str, Any]:
    return {"states": {"input": [{"id": index, "tags": ["a", "b"]} for index in range(items)]}}


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input",
        "$states.input.**",
        "$states.input.tags",
        "$string($states.input)",
        "$states.input = $reverse($states.input)",
        "$distinct($states.input)",
        "$merge($states.input)",
        "$spread($states.input)",
        "$keys($states.input)",
        "$states.input ~> |$|{'x': $.id}|",
        "$states.input^(<id, >tags[0])",
        "$states.input{$string(id): tags}",
        "$states.input.id.%.tags",
        "$sift($states.input[0], function($v){ $count($states.input.**) > 0 })",
    ],
)
def test_no_expression_over_much_data_keeps_the_loop_waiting(expression: str) -> None:
    bindings = payload(50_000)
    assert seconds(lambda: compile_expression(expression).evaluate(bindings)) < MOST_SECONDS


@pytest.mark.parametrize(
    "expression",
    [
        "1" + "+1" * 16_000,
        "(" * 16_000 + ")" * 16_000,
        "[" * 32_768,
        "-" * 32_767 + "1",
        "a." * 16_000 + "a",
        "$a" * 16_000,
        "%." * 10_000 + "a",
        "a" + ".%" * 16_000,
        "().%." * 6_000 + "a",
        "().%." * 200 + "a",
        "a." * 500 + "%." * 500 + "a",
        "()." * 10_000 + "%." * 30 + "a",
        "a[" * 150 + "%" + "]" * 150,
        "a[" * 10_000 + "]" * 10_000,
        "{" * 32_768,
        "function(" * 3_600,
        "'" + "\\u0041" * 5_000 + "'",
        "/" + "(a|" * 10_000,
        "/" + "a" * 32_000 + "/",
        "1" * 32_768,
        "1" * 10_000_000,
        "/*" + "*" * 32_000,
        "$f(" + "?," * 16_000 + "?)",
        "function($x)<" + "n" * 32_000 + ">{1}",
        "function($x)<" + "x?" * 30 + "f>{1}(" + "1," * 10_000 + "1)",
        "function($x)<" + "x+" * 30 + "f>{1}(" + "1," * 10_000 + "1)",
        "function($x)<" + "x-" * 32 + ">{1}(" + "1," * 40 + "1)",
        "function($x)<" + "(" * 16_000 + ")" * 16_000 + ">{1}",
        " ".join(f"$v{index}:={index};" for index in range(2_000)),
    ],
    ids=lambda expression: expression[:20],
)
def test_no_text_takes_long_to_compile_or_to_examine(expression: str) -> None:
    assert seconds(lambda: compile_expression(expression).evaluate({})) < MOST_SECONDS
    assert seconds(lambda: faults(f"{{% {expression} %}}")) < MOST_SECONDS
