"""Reading files that may have definitions."""

import json
import re
from pathlib import Path
from typing import Any

from asfini.errors import InvalidArgument

DEFINITION = re.compile(r"\.asl(\.(json|ya?ml))?$")
"""Names of files that are definitions, whatever they have."""
SUFFIXES = frozenset({".asl", ".json", ".template", ".yaml", ".yml"})
"""Files that may have definitions."""
_MENTIONS = re.compile(r"StartAt|AWS::(?:StepFunctions|Serverless)::StateMachine")


_MOST = 1_000_000
"""Values in a file: a definition has a megabyte at the most, but aliases of YAML's can stand for anything."""


class Unreadable(Exception):  # noqa: N818 - it is told as a problem
    """A file that cannot be read, with the line and column if they are known."""

    def __init__(self, message: str, line: int = 1, column: int = 1, *, foreign: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.foreign = foreign
        """Whether it is neither a definition nor a template, though it can be read: several documents."""


def is_yaml(path: Path, text: str) -> bool:
    """Whether a file is YAML, by its name or, where that leaves it open, its first character."""
    if path.suffix in {".yaml", ".yml"}:
        return True
    return path.suffix == ".template" and not text.lstrip().startswith("{")


def read_text(path: Path) -> str:
    """Read a file.

    Raises:
        Unreadable: it is not text in UTF-8.
        InvalidArgument: there is no such file, or it must not be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not text in UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {error.strerror or error}") from error


def mentions_machines(text: str) -> bool:
    """Whether a file can have a definition at all: most have none, and need not be read further."""
    return _MENTIONS.search(text) is not None


def parse(path: Path, text: str) -> Any:
    """Read data.

    Raises:
        Unreadable: it is not JSON or YAML.
        MissingExtra: it is YAML, and the extra is not installed.
    """
    if is_yaml(path, text):
        return _parse_yaml(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise Unreadable("too deeply nested") from None


def _parse_yaml(text: str) -> Any:
    loader = _template_loader()
    import yaml  # it is there now

    try:
        data = yaml.load(text, Loader=loader)  # noqa: S506 - it makes plain data only
        if _size(data, {}) > _MOST:
            raise Unreadable(f"its aliases stand for more than {_MOST:,} values")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        several = error.context == "expected a single document in the stream"
        raise Unreadable(f"not YAML: {error.problem or error.context}", *place, foreign=several) from None
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise Unreadable("nested too deeply, or in itself") from None
    return data


def _size(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are, those that aliases repeat included."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in sizes:
        items = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(item, sizes) for item in items)
    return sizes[id(value)]


_loaders: list[Any] = []


def _template_loader() -> Any:
    """The loader of YAML that knows the short names of templates' functions, such as `!Sub`."""
    if not _loaders:
        from asfini.asl import _yaml

        class Loader(_yaml.LOADER):  # type: ignore[misc]
            pass

        Loader.add_multi_constructor("!", _function)
        _loaders.append(Loader)
    return _loaders[0]


def _function(loader: Any, suffix: str, node: Any) -> Any:
    """Read `!Sub text` as `{"Fn::Sub": text}`."""
    if node.id == "scalar":
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if suffix == "GetAtt" else value
    elif node.id == "sequence":
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}
