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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONGEST = 10 * 24 * 3600.0
"""Virtual seconds after which a page that still waits is stuck."""
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


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
                    await test(client)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_a_pages_code_runs(page: Path, namespace: dict[str, object]) -> None:
    asyncio.run(asyncio.wait_for(run(page, namespace), LONGEST))


def test_pages_with_code_are_found() -> None:
    assert sum(len(blocks(page)) for page in PAGES) > 20
