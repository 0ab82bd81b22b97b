"""What is expected here was printed by OpenJDK 17."""

import pytest

from asfini.query import _java


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a 'b'", "a 'b'"),
        (None, "null"),
        (True, "true"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        ({"a": 1, "b": [], "c": {"d": "x, y"}}, "{a=1, b=[], c={d=x, y}}"),
        ([None, False, [1, "x"]], "[null, false, [1, x]]"),
        (1.0, "1.0"),
        (12.5, "12.5"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (1e7, "1.0E7"),
        (9999999.5, "9999999.5"),
        (12345678.9, "1.23456789E7"),
        (-1e-10, "-1.0E-10"),
        (1e21, "1.0E21"),
        (-0.0, "-0.0"),
    ],
)
def test_a_value_reads_as_java_prints_it(value, text):
    assert _java.text(value) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", 0),
        ("Ærø 🐟", 1488077334),
        (-5, -5),
        (-5_000_000_000, 705032702),
        (-123456789012345678901234567890, -1915528825),
        (-2.5, -1073479680),
        ({"a": 1, "b": [True]}, 1260),
    ],
)
def test_a_value_has_the_hash_code_that_it_has_in_java(value, code):
    assert _java.hash_code(value) == code % 2**32


def test_values_come_in_the_order_of_a_hash_set():
    values = ["pear", "apple", True, False, 7, None, 2.5, [1, 2], [2, 1]]
    assert _java.hash_order(values) == [None, [2, 1], "apple", "pear", [1, 2], 2.5, False, 7, True]


def test_values_that_fall_into_one_bucket_stay_in_order():
    assert _java.hash_order([20, 3, 17, 36, 1, 33]) == [17, 1, 33, 3, 20, 36]


def test_a_table_made_for_more_values_has_another_order():
    assert _java.hash_order([17, 1, 33]) == [17, 1, 33]
    assert _java.hash_order([17, 1, 33], expected=12) == [1, 33, 17]


@pytest.mark.parametrize(
    ("seed", "bound", "numbers"),
    [
        (0, 6, [0, 4, 1]),
        (7, 16, [11, 10, 11]),
        (42, 1000, [130, 763, 248]),
        (-3, 2**31 - 1, [577165164, 2099436801, 754537216]),
        (42, 2**30 + 1, [117392763, 102948884, 662969970]),
    ],
)
def test_a_seed_gives_the_numbers_that_it_gives_in_java(seed, bound, numbers):
    random = _java.Random(seed)
    assert [random.below(bound) for _ in numbers] == numbers
