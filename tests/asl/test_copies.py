"""Models keep copies: what becomes of the data that they were made of is no concern of theirs."""

import copy
from typing import Any

import pytest

from asfini import Catcher, Choice, Condition, Definition, InvalidArgument, Map, Parallel, Pass, Task


def data() -> dict[str, Any]:
    return {"a": [1, {"b": []}]}


def spoil(given: dict[str, Any]) -> None:
    given["a"][1]["b"].append("later")
    given["a"].append("later")
    given["c"] = "later"


@pytest.mark.parametrize(
    "make",
    [
        lambda given: Pass("s", result=given),
        lambda given: Pass("s", parameters=given),
        lambda given: Pass("s", output=given, assign=given),
        lambda given: Task("s", "sqs:sendMessage", arguments=given, result_selector=given),
        lambda given: Map("s", Pass("p"), item_selector=given),
        lambda given: Parallel("s", catchers=[Catcher(["States.ALL"], "t", assign=given)]),
        lambda given: Choice("s").add(Condition(True, output=given), Pass("t")),
        lambda given: Definition.from_dict(
            {"StartAt": "s", "States": {"s": {"Type": "Pass", "Result": given}}}
        ),
        lambda given: Definition.from_dict({"StartAt": "s", "States": {}, "unknown": given}),
    ],
)
def test_data_that_changes_later_changes_no_model(make: Any) -> None:
    given = data()
    model = make(given)
    before = copy.deepcopy(model.to_dict())
    spoil(given)
    assert model.to_dict() == before


def test_data_that_is_set_is_copied_too() -> None:
    given, state = data(), Pass("s")
    state.result = given
    spoil(given)
    assert state.result == data()


def test_what_a_model_is_written_as_can_be_changed() -> None:
    for written in (Pass("s", result=data()), Definition.from_dict({"States": {}, "Result": data()})):
        spoil(written.to_dict()["Result"])
        assert written.to_dict()["Result"] == data()


def test_data_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArgument, match="holds itself"):
        Pass("s", result=endless)
