"""What can be said in JSONata and in JSONPath: a phrase for each way in which the two languages read data.

About a third fails when it is evaluated, for there are about as many ways to fail.
"""

from itertools import product
from pathlib import Path

BOOK = Path(__file__).parent / "phrasebook"

# What `$formatInteger` and `$formatNumber` write, and how.
_WHOLE = (
    *("0", "1", "4", "11", "12", "13", "20", "21", "42", "99", "100", "345", "1984", "20000", "1234567"),
    *("-7", "2.5", "1e21", "1e30", "1/0"),
)
_WHOLE_PICTURES = (
    *("0", "#,##0", "0000", "#:##0", "0;o", "w", "W", "Ww", "w;o", "I", "i", "A", "a", "\u0661"),
    *("#.##,#0", "*", "0\u0661", "", "1,1,1;o", "##0;c"),
)
_NUMBERS = ("1234.5678", "-0.125", "0", "1e-10", "12345678901234567890", "1/0", "-1/0", "0/0", "$nothing")
_PICTURES = (
    *("#,##0.00", "0", "000.0", "#.##", "0.0e0", "00.000e00", "#0%", "0.0‰", "#,##0.00;(#,##0.00)", "[#]"),
    *(
        "##,##,00.0,00",
        "#,##,##0",
        ".00",
        "#e0",
        "0.00#",
        "$#",
        "+0",
        "\u0661\u0662",
        "0;0;0",
        "0.0.0",
        "0%%",
    ),
    *("0‰‰", "0%‰", ".", "0a0", "0,.0", "0,", "0,,0", "0#", ".#0", "0e0%", "0e#", "a", "", "0e0e0", "0.0,0"),
)
_OPTIONS = (
    "{'decimal-separator': ',', 'grouping-separator': '.'}",
    "{'zero-digit': '\u0660'}",
    "{'minus-sign': '~', 'infinity': 'oo', 'NaN': 'none', 'digit': 'd', 'exponent-separator': 'E'}",
)
# What `$fromMillis` writes, how, and where.
_TIMES = ("1510067557121", "1483228800000", "-1e12", "1230757200000", "1767225600000", "951782400000")
_TIME_PICTURES = (
    "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]",
    "[FNn], [D1o] [MNn,3-3] [Y] [h#1]:[m]:[s] [PN]",
    "[W]/[w]/[X]/[x] [d] [F]",
    "[YI] [MA] [Da] [Dw] [Y,2-2] [Y9,999] [P] [C] [E]",
    "[[literal]] [z] [Z0101] [Z] [Z1] [Fn] [MN]",
    "[xNn] [FN,*-2] [H0] [D#1] [dwo] [Y##] [f] [FW]",
)
_ZONES = ("+0000", "-0530", "+0100")


def _book(name: str) -> tuple[str, ...]:
    """The lines of a file, but for headings and blank ones."""
    lines = (BOOK / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    return tuple(line for line in lines if line and not line.startswith("# "))


JSONATA = (
    *_book("jsonata"),
    *(f"$formatInteger({number}, '{picture}')" for number, picture in product(_WHOLE, _WHOLE_PICTURES)),
    *(f"$formatNumber({number}, '{picture}')" for number, picture in product(_NUMBERS, _PICTURES)),
    *(
        f"$formatNumber({number}, '{picture}', {options})"
        for number, picture, options in product(
            ("-1234.5", "0.5", "0/0"), ("#.##0,00", "\u0660", "d.dd0", "0"), _OPTIONS
        )
    ),
    *(
        f"$fromMillis({millis}, '{picture}', '{zone}')"
        for millis, picture, zone in product(_TIMES, _TIME_PICTURES, _ZONES)
    ),
)
"""Expressions without their delimiters. They read `$states.input`, `$things` and `$shop`."""
JSONPATH = _book("jsonpath")
"""Paths and calls of intrinsic functions."""
MALFORMED_JSONATA = (
    *_book("malformed_jsonata"),
    "",
    "(" * 600 + "1" + ")" * 600,
    "$x." + "a.%." * 3_000 + "b",
    "1 + " * 10_000 + "1",
    f"function($x)<{'n' * 33}> {{ 1 }}",
)
"""What is no expression, or none that Step Functions takes."""
MALFORMED_JSONPATH = _book("malformed_jsonpath")
"""What is neither a path nor a call."""
VARIABLES = {
    "things": [{"a": 1, "b": "x"}, {"a": 2, "b": "y", "c": [{"d": 1}, {"d": 2}]}, {"a": 1}],
    "shop": {"orders": [{"id": 1, "lines": [{"n": 2, "p": 5}, {"n": 1, "p": 7}]}, {"id": 2, "lines": []}]},
}
"""What the phrases in JSONata were made for, besides the input."""
DOCUMENT = {
    "n": 1,
    "s": "ab",
    "x": None,
    "e": [],
    "items": [1, {"p": 1}, None, "a,b", [2], True],
    "m": [
        {"p": 1, "q": "ab", "b": True, "x": None, "big": 2**70},
        {"p": 2.5, "q": "é"},
        {"p": 1, "q": "ab"},
        {"q": ["a"], "b": False},
        7,
    ],
    "o": {"p": 1, "q": "ab", "deep": {"r": [1, 2]}, "b": False},
    "big": 2**70,
    "long": "x" * 10_001,
    "brackets": "[" * 2_000,
    "tower": "[" * 900 + "]" * 900,
    "wide": ["".join(map(chr, range(0x4E00, 0x6300)))],
    "nest": [[[[[[1]]]]]],
    "a,b(c)": 1,
}
"""The input that the phrases were made for."""
