"""What AWS's reader of JSON says of text that is not JSON."""

import pytest

from asfini import _jackson

VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing", f"Unrecognized token 'nothing': was expecting {VALUE}"),
        ('{"a": yes}', f"Unrecognized token 'yes': was expecting {VALUE}"),
        ("[,]", f"Unexpected character (',' (code 44)): expected a valid value {VALUE}"),
        ("{a: 1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name"),
        (
            '{"a" 1}',
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
        ),
        (
            '{"a": [1], "b" : 1 "c"}',
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
        ),
        (
            '{"a]": [1 2]}',
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
        ),
        (
            '["a\nb"]',
            "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be "
            "included in string value",
        ),
        ('["a', "Unexpected end-of-input in VALUE_STRING"),
        ("{", "Unexpected end-of-input"),
        ("[1,", "Unexpected end-of-input"),
    ],
)
def test_jacksons_words(text: str, reason: str) -> None:
    with pytest.raises(KeyError) as caught:
        _jackson.loads(text, KeyError)
    assert caught.value.args == (reason,)


@pytest.mark.parametrize("text", ["NaN", "[" * 100_000, "1 2", '"\\x"', ""])
def test_whatever_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(KeyError):
        _jackson.loads(text, KeyError)


def test_json_is_read() -> None:
    assert _jackson.loads('{"a": [1, null]}', KeyError) == {"a": [1, None]}
