"""The code in README and docs runs: each page's blocks one after the other, in virtual time."""

import ast
import asyncio
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import asfini
from asfini.testing import virtual_time

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLLOWED = ROOT / "docs" / "tutorial.md"
"""A page whose blocks are files and commands; a test of its own follows it."""
LONGEST = 10 * 24 * 3600.0
"""Virtual seconds after which a page that still waits is stuck."""
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[str]:
    """The page's blocks of Python, at their lines."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, match.start(1)) + match[1] for match in _BLOCK.finditer(text)]


@pytest.fixture
def namespace() -> Iterator[dict[str, object]]:
    """A module for a page's names, so that annotations in it can be resolved."""
    module = types.ModuleType("a_page")
    sys.modules[module.__name__] = module
    yield module.__dict__
    del sys.modules[module.__name__]


async def run(page: Path, namespace: dict[str, object]) -> None:
    """Run a page's blocks, in which `await` may stand outside of functions, and the tests that they have."""
    with virtual_time():
        for block in blocks(page):
            code = compile(block, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = types.FunctionType(code, namespace)()
            if made is not None:
                await made
        for name, test in list(namespace.items()):
            if name.startswith("test_") and inspect.iscoroutinefunction(test):
                async with asfini.local.connect() as client:
                    await test(*[client] * len(inspect.signature(test).parameters))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page != FOLLOWED], ids=name)
def test_a_pages_code_runs(page: Path, namespace: dict[str, object]) -> None:
    asyncio.run(asyncio.wait_for(run(page, namespace), LONGEST))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_test_that_opens_a_service_itself_does_so_in_virtual_time(page: Path) -> None:
    """Here all pages run in it, but where readers try them only the fixture brings it."""
    nodes = [node for block in blocks(page) for node in ast.walk(ast.parse(block))]
    tests = [
        node for node in nodes if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    opening = [text for text in map(ast.unparse, tests) if "local.connect(" in text]
    assert [text for text in opening if "virtual_time()" not in text] == []


def test_pages_with_code_are_found() -> None:
    assert sum(len(blocks(page)) for page in PAGES) > 20


def calls(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The calls in the second column of a page's tables: what is called, and with which arguments."""
    for row in re.findall(r"^\| .*? \| (.*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE):
        for name, arguments in re.findall(r"(\w+)\(([^()]*)\)", row):
            yield name, [each for each in arguments.split(", ") if each not in ("", "…")]


OWNERS = (
    asfini,
    asfini.history,
    asfini.aws,
    asfini.ActivityRegistration,
    asfini.CallableActivity,
    asfini.Client,
    asfini.Execution,
    asfini.Task,
)


def test_what_stands_in_for_sfinis_calls_takes_the_arguments_that_are_shown() -> None:
    checked = set()
    for name, arguments in calls(ROOT / "docs" / "sfini.md"):
        found = [each for owner in OWNERS if callable(each := getattr(owner, name, None))]
        if found and not hasattr(found[0], "model_fields"):  # of models pydantic takes any arguments at first
            signature = inspect.signature(found[0])
            given = [each for each in arguments if "=" not in each]
            itself = ["itself"] if "self" in signature.parameters else []
            signature.bind_partial(
                *itself, *given, **dict(each.split("=") for each in arguments if "=" in each)
            )
            checked.add(name)
    assert {"Event", "decorate", "smart_activity", "retry_for", "catch", "construct_state_machine"} <= checked
