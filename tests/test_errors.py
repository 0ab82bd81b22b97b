"""The errors' tree, as it is drawn for readers."""

import re
from pathlib import Path

import pytest

from asfini import errors
from asfini.errors import AsfiniError

DOC = Path(__file__).parents[1] / "docs" / "errors.md"
TREES = {"module": errors.__doc__ or "", "documentation": DOC.read_text(encoding="utf-8")}


def drawn(text: str) -> dict[str, tuple[str, str]]:
    """Each name in a tree, with the name above it and what is said of it."""
    path: dict[int, str] = {}
    found = {}
    for indent, name, said in re.findall(r"^([ │├└─]*)(\w*Error\b|(?<=─ )\w+)(.*)$", text, re.MULTILINE):
        above = [each for column, each in path.items() if column < len(indent)]
        path = {column: each for column, each in path.items() if column < len(indent)} | {len(indent): name}
        found[name] = (above[-1] if above else "", said)
    return found


def below(kind: type[AsfiniError]) -> list[type[AsfiniError]]:
    return [each for child in kind.__subclasses__() for each in (child, *below(child))]


CLASSES = {kind.__name__: kind for kind in below(AsfiniError) if kind.__module__ == errors.__name__}


@pytest.mark.parametrize("text", TREES.values(), ids=TREES)
def test_each_error_is_drawn_below_the_one_that_it_is_a_kind_of(text: str) -> None:
    tree = drawn(text)
    assert tree.pop("AsfiniError")[0] == ""
    assert {name: above for name, (above, _) in tree.items()} == {
        name: CLASSES[name].__bases__[0].__name__ for name in tree if name in CLASSES
    }


@pytest.mark.parametrize("text", TREES.values(), ids=TREES)
def test_no_error_is_missing_but_where_only_examples_are_given(text: str) -> None:
    tree = drawn(text)
    missing = {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items() if name not in tree}
    assert {name for name, above in missing.items() if not tree[above][1].endswith("…")} == set()
    examples = [name for _, said in tree.values() if said.endswith("…") for name in re.findall(r"\w+", said)]
    assert {*examples} <= missing.keys()


def test_both_trees_are_the_same() -> None:
    module, documentation = map(drawn, TREES.values())
    assert module == documentation
