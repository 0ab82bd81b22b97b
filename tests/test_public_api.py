"""What the packages offer: listed, explained, imported in one direction and only when it is used."""

import ast
import builtins
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

import asfini
import asfini.errors
import asfini.history

SOURCE = Path(asfini.__file__).parent
ORDER = """
    errors clock _lazy _host _json _jackson _arns _checks _mocks _arguments query asl checking
    infrastructure history view machine activity functions _quotas _budget service _watching
    _pages _inspection _reports codecs _registration alias execution map_run state_test tokens waiting
    client worker otel aws local testing pytest_plugin cli __main__
""".split()
"""The parts of the package: each imports only from what stands before it."""
HEAVY = set("botocore aiobotocore aiohttp yaml yamlcore regex argparse asfini.query.jsonata".split())
"""Modules that take long to import."""


def names_of_modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(asfini.__path__, "asfini."):
        if module.name != "asfini.__main__":
            yield module.name


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


MODULES = ["asfini", *names_of_modules()]
PUBLIC = [
    importlib.import_module(name)
    for name in MODULES
    if is_public(name) and "\n__all__ = " in inspect.getsource(importlib.import_module(name))
]
PUBLIC_NAMES = [(module, name) for module in PUBLIC for name in module.__all__]


def tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def is_of(module: ModuleType, value: object) -> bool:
    return (inspect.isroutine(value) or inspect.isclass(value)) and value.__module__ == module.__name__


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


class TestLists:
    @pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
    def test_all_is_sorted_without_doubles(self, module: ModuleType) -> None:
        """Constants come first, then classes, then the others: the order in which ruff sorts imports."""
        kinds = {name: (not name.isupper(), name[0].islower(), name) for name in module.__all__}
        assert module.__all__ == sorted(kinds, key=lambda name: kinds[name])

    @pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
    def test_all_is_complete(self, module: ModuleType) -> None:
        """What a package defines without an underscore, or names for type checkers as its own, is listed."""
        offered = {
            name
            for name, value in vars(module).items()
            if is_public(name) and hasattr(module, "__path__") and is_of(module, value)
        }
        for node in filter(is_type_checking, tree(module).body):
            aliases = [alias for each in ast.walk(node) for alias in getattr(each, "names", ())]
            offered |= {alias.name for alias in aliases if alias.asname == alias.name}
        assert offered <= set(module.__all__)

    @pytest.mark.parametrize(
        ("module", "name"), PUBLIC_NAMES, ids=lambda each: getattr(each, "__name__", each)
    )
    def test_every_listed_name_is_there(self, module: ModuleType, name: str) -> None:
        assert getattr(module, name) is not None

    @pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
    def test_a_name_that_is_not_there_is_named(self, module: ModuleType) -> None:
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'nonsense'"):
            _ = module.nonsense

    def test_what_is_listed_and_every_public_module_can_be_had_from_the_package_alone(self) -> None:
        """Type checkers see modules as soon as anything imports them, so they must be there at run time."""
        modules = {name.split(".")[1] for name in MODULES if "." in name and is_public(name)}
        script = f"""
import asfini
names = {modules - {"pytest_plugin"}} | set(asfini.__all__)
assert names <= set(dir(asfini)), names - set(dir(asfini))
for name in names:
    getattr(asfini, name)
"""
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

    def test_the_packages_are_found(self) -> None:
        packages = {"asfini", "asfini.asl", "asfini.aws", "asfini.local", "asfini.testing", "asfini.worker"}
        assert packages <= {module.__name__ for module in PUBLIC}


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines itself."""
    for name, value in list(vars(kind).items()):
        function = getattr(value, "__func__", getattr(value, "fget", getattr(value, "func", value)))
        if is_public(name) and inspect.isfunction(function) and function.__module__ == kind.__module__:
            yield name, function


def is_explained(thing: Any) -> bool:
    """Whether something has a docstring of its own, rather than one that a dataclass made of its fields."""
    explanation = thing.__doc__ or ""
    return bool(explanation.strip()) and not explanation.startswith(f"{thing.__name__}(")


WHOLE = [asfini.errors, asfini.history]
"""Modules of which everything without an underscore is public."""
PUBLIC_NAMES += [
    (module, name)
    for module in WHOLE
    for name, value in vars(module).items()
    if is_public(name) and is_of(module, value)
]
REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def named(path: str) -> object:
    """What a dotted path leads to, from the package on."""
    thing: object = asfini
    for name in path.split(".")[1:]:
        thing = getattr(thing, name)
    return thing


SHOWN = [
    named(path)
    for page in sorted(REFERENCE.glob("*.md"))
    for path in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]
"""What the reference's pages show."""


def is_written(function: object) -> bool:
    """Whether a function is the package's own, and not made by `dataclass` or for a protocol."""
    return inspect.isfunction(function) and Path(function.__code__.co_filename).is_relative_to(SOURCE)


def parameters(function: Any) -> set[str]:
    return {*inspect.signature(function).parameters} - {"self", "cls", "_"}


def errors_raised(function: Any) -> set[str]:
    """The names of the errors that a function's own text raises."""
    text = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    raised = [node.exc for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise)]
    names = {getattr(each.func if isinstance(each, ast.Call) else each, "id", "") for each in raised if each}
    return {name for name in names if hasattr(asfini.errors, name) or hasattr(builtins, name)}


def callables() -> Iterator[tuple[str, Any, str]]:
    """What can be called by public names: with what is called, and the docstring that is to explain it."""
    for thing in {
        id(thing): thing for thing in (getattr(module, name) for module, name in PUBLIC_NAMES)
    }.values():
        if inspect.isfunction(thing):
            yield thing.__name__, thing, thing.__doc__ or ""
        elif inspect.isclass(thing):
            if is_written(made := vars(thing).get("__init__")) and not issubclass(thing, BaseModel):
                yield thing.__name__, made, thing.__doc__ or ""
            for name, member in members(thing):
                explained = [vars(kind)[name].__doc__ for kind in thing.__mro__ if name in vars(kind)]
                yield f"{thing.__name__}.{name}", member, "\n".join(filter(None, explained))


CALLABLES = [*callables()]


class TestReference:
    def test_every_public_name_has_a_place(self) -> None:
        places = {id(thing) for thing in SHOWN}
        things = {f"{module.__name__}.{name}": getattr(module, name) for module, name in PUBLIC_NAMES}
        assert {
            name for name, thing in things.items() if not inspect.ismodule(thing) and id(thing) not in places
        } == set()


class TestDocstrings:
    @pytest.mark.parametrize("name", MODULES)
    def test_every_module_is_explained(self, name: str) -> None:
        assert (importlib.import_module(name).__doc__ or "").strip()

    @pytest.mark.parametrize(
        ("module", "name"), PUBLIC_NAMES, ids=lambda each: getattr(each, "__name__", each)
    )
    def test_every_public_name_is_explained_with_its_methods(self, module: ModuleType, name: str) -> None:
        thing = getattr(module, name)
        if inspect.isclass(thing):
            assert is_explained(thing)
            assert [name for name, member in members(thing) if not is_explained(member)] == []
        elif callable(thing):
            assert is_explained(thing)

    def test_every_argument_is_explained(self) -> None:
        lacking = {
            name: arguments
            for name, called, explanation in CALLABLES
            if (arguments := {each for each in parameters(called) if f"{each}:" not in explanation})
        }
        assert len(CALLABLES) > 200
        assert lacking == {}

    def test_every_error_that_something_raises_itself_is_explained(self) -> None:
        lacking = {
            name: errors
            for name, called, explanation in CALLABLES
            if (errors := {each for each in errors_raised(called) if f"{each}:" not in explanation})
        }
        assert lacking == {}


def part_of(module: str) -> str:
    return module.split(".")[1]


def imports_of(path: Path) -> Iterator[str]:
    """The modules of asfini that a file imports, be it in a function or for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("asfini."))
        elif isinstance(node, ast.ImportFrom) and node.module == "asfini":
            yield from (f"asfini.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asfini."):
            yield str(node.module)


class TestImports:
    def test_every_part_has_a_place_in_the_order(self) -> None:
        assert {path.stem for path in SOURCE.glob("*") if path.suffix == ".py" or path.is_dir()} - set(
            ORDER
        ) <= {
            "__init__",
            "__pycache__",
        }

    @pytest.mark.parametrize("part", ORDER)
    def test_a_part_imports_only_from_what_stands_before_it(self, part: str) -> None:
        before = ORDER[: ORDER.index(part) + 1]
        path = SOURCE / part
        files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
        wrong = {
            (file.relative_to(SOURCE).as_posix(), module)
            for file in files
            if file.exists()
            for module in imports_of(file)
            if part_of(module) not in before
        }
        assert wrong == set()

    def test_only_the_package_aws_knows_how_aws_is_called(self) -> None:
        knowing = {
            path.relative_to(SOURCE).parts[0]
            for path in SOURCE.rglob("*.py")
            if any(
                name in path.read_text(encoding="utf-8") for name in ("import aiobotocore", "import botocore")
            )
            or "from aiobotocore" in path.read_text(encoding="utf-8")
            or "from botocore" in path.read_text(encoding="utf-8")
        }
        assert knowing == {"aws"}

    @pytest.mark.parametrize(
        "code",
        [
            "import asfini",
            "from asfini import Task, Choice, Worker, construct_state_machine",
            """
from asfini import ActivityRegistration, Task, Worker, construct_state_machine
activities = ActivityRegistration(prefix="hello-")
@activities.activity()
async def greet(name: str) -> str:
    return f"Hello, {name}!"
hello = construct_state_machine("hello", Task("greet", greet))
assert hello.to_dict()["States"]["greet"]["Type"] == "Task"
""",
            """
import asyncio, asfini
from asfini import Pass, construct_state_machine
async def main():
    async with asfini.local.connect() as client:
        await client.register(construct_state_machine("p", Pass("p", result=1)))
        assert await client.execute("p") == 1
asyncio.run(main())
""",
        ],
        ids=["import", "names", "hello", "local"],
    )
    def test_nothing_heavy_is_imported_before_it_is_used(self, code: str) -> None:
        script = f"{code}\nimport sys\nfound = sys.modules.keys() & {HEAVY}\nassert not found, found"
        subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
