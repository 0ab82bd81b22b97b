"""JSON may hold fields that the language does not know: they are kept, and are nothing else."""

import pytest

from asfini import Definition, problems


def holding(**fields: object) -> Definition:
    return Definition.from_dict({"StartAt": "s", "States": {"s": {"Type": "Pass", "End": True, **fields}}})


@pytest.mark.parametrize("field", ["branches", "item_processor", "iterator", "type", "name", "retriers"])
def test_unknown_json_is_written_as_it_was(field: str) -> None:
    definition = holding(**{field: [5]})
    assert [state.name for state in definition.walk()] == ["s"]
    assert definition.to_dict()["States"]["s"] == {"Type": "Pass", "End": True, field: [5]}


def test_a_type_in_small_letters_is_no_type() -> None:
    definition = Definition.from_dict({"StartAt": "s", "States": {"s": {"type": "Pass"}}})
    assert definition.to_dict()["States"] == {"s": {"type": "Pass"}}


def test_unknown_json_called_type_does_not_make_a_definition_express() -> None:
    data = holding().to_dict() | {"type": "EXPRESS"}
    expected = problems(data, machine_type="STANDARD")
    assert problems(Definition.from_dict(data)) == expected


def test_a_class_holds_its_own_fields_alone() -> None:
    state = holding(retriers=[1], Comment="own").states["s"]
    assert (state.held("retriers"), state.held("comment"), state.held("name")) == (None, "own", "s")
