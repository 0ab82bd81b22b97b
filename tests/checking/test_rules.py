"""Rules: all codes that there are have one, and the page in the docs explains them."""

import ast
from pathlib import Path

from asfini import asl
from asfini.checking import RULES
from asfini.checking.rules import page

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = Path(asl.__file__).parents[1]


def codes() -> set[str]:
    """The texts in the source that are written as codes are, in places where problems are noted."""
    found: set[str] = set()
    for folder in ("asl", "query", "checking"):
        for path in (SOURCE / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {code for node in ast.walk(tree) for code in noted(node)}
    return found


def noted(node: ast.AST) -> list[str]:
    """Codes that are passed on to be noted, or are constants whose names say so."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
        return [str(text) for text in texts if is_code(text)] if name in {"add", "warn", "tell_at"} else []
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and is_code(node.value.value):
        return [str(node.value.value)]
    return []


def is_code(text: object) -> bool:
    return isinstance(text, str) and "_" in text and text.replace("_", "").isalpha() and text.isupper()


def test_each_code_that_is_noted_is_a_rule() -> None:
    found = codes()
    assert "MISSING_TRANSITION_TARGET" in found
    assert "MISSING_HEARTBEAT" in found
    assert found - RULES.keys() == set()


def test_each_rule_is_noted_somewhere() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.name != "rules.py"
    )
    assert [code for code in RULES if f'"{code}"' not in source] == []


def test_the_page_in_the_docs_explains_all_rules() -> None:
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == page()
