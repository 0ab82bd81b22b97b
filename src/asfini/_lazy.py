"""Modules, and packages' names, that are imported when they are first used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def module(name: str) -> Any:
    """Stand for a module that takes long to import, until something in it is used."""
    return _Module(name)


def attributes(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's `__getattr__` and `__dir__`.

    Args:
        package: the package's name.
        modules: each submodule that can be had without importing it by name, with the names that it gives to
            the package, separated by blanks.
    """
    homes = {name: module for module, names in modules.items() for name in [module, *names.split()]}

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes just that
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{homes[name]}")
        value = module if name == homes[name] else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807 - as above
        return sorted(vars(sys.modules[package]).keys() | homes.keys())

    return __getattr__, __dir__
