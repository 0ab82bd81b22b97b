"""Comparisons as they are written, and how they combine."""

import pytest

from asfini import IsNull, IsPresent, NumericEquals


def test_a_test_of_kind_asks_whether_it_is_so() -> None:
    assert IsPresent("$.card").to_dict() == {"Variable": "$.card", "IsPresent": True}
    assert IsPresent("$.card", False).to_dict() == {"Variable": "$.card", "IsPresent": False}
    assert IsNull("$.card", value=False).to_dict() == {"Variable": "$.card", "IsNull": False}


def test_a_comparison_without_a_value_says_what_is_missing() -> None:
    with pytest.raises(TypeError, match=r"^NumericEquals needs value$"):
        NumericEquals("$.pence")  # type: ignore[call-arg]


def test_rules_cannot_be_combined_in_a_way_that_loses_one() -> None:
    with pytest.raises(TypeError, match="not with and, or and not"):
        bool(NumericEquals("$.pence", 1) and IsNull("$.card"))
    with pytest.raises(TypeError, match="not with and, or and not"):
        bool(not IsNull("$.card"))
