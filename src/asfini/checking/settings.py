"""Which files are checked, and what is told of them: `[tool.asfini.check]` in pyproject.toml."""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from asfini.checking._reading import DEFINITION, SUFFIXES
from asfini.checking.files import FileResult, check_file
from asfini.checking.rules import RULES
from asfini.errors import InvalidArgument

_PRUNED = frozenset({"__pycache__", "build", "dist", "node_modules", "venv"})
"""Folders that have no files of one's own, besides those whose names begin with a dot."""


@dataclass(frozen=True)
class Settings:
    """What is checked.

    Raises:
        InvalidArgument: there is no such rule.
    """

    include: tuple[str, ...] = ()
    """Patterns of files to check where none are named, such as `infra/**/*.yaml`; without them, all."""
    exclude: tuple[str, ...] = ()
    """Patterns of files that are left out of folders."""
    ignore: tuple[str, ...] = ()
    """Rules that are left out."""
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Rules that are left out by patterns of files."""
    warnings: bool = True
    strict: bool = False
    """Whether warnings count as errors."""
    root: Path = field(default_factory=Path.cwd)
    """What patterns are relative to."""

    def __post_init__(self) -> None:
        for code in [*self.ignore, *(code for codes in self.per_file_ignores.values() for code in codes)]:
            if code not in RULES:
                raise InvalidArgument(f"there is no rule {code!r} to ignore, but {', '.join(RULES)}")

    def fits(self, path: Path, patterns: Iterable[str]) -> bool:
        """Whether a file, or a folder that it is in, has a name of one of some patterns.

        Args:
            path: the file.
            patterns: patterns as of a shell: `*`, `?`, `[…]`.
        """
        try:
            name = path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            name = path.as_posix()
        parts = name.split("/")
        names = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return any(_fits(each, pattern) for pattern in patterns for each in names)

    def check(self, path: Path) -> FileResult:
        """Check a file, and leave out what is ignored.

        Args:
            path: the file.

        Raises:
            InvalidArgument: there is no such file, or it must not be read.
            MissingExtra: it is YAML, and the extra `yaml` is not installed.
        """
        result = check_file(path, warnings=self.warnings)
        result.findings = [
            each for each in result.findings if each.code not in self._ignored(Path(each.path))
        ]
        return result

    def _ignored(self, path: Path) -> set[str]:
        ignored = set(self.ignore)
        for pattern, codes in self.per_file_ignores.items():
            if self.fits(path, [pattern]):
                ignored.update(codes)
        return ignored


def _fits(name: str, pattern: str) -> bool:
    """Whether a name is of a pattern: `**/` may stand for no folder, and one without `/` fits anywhere."""
    if "/" not in pattern.rstrip("/"):
        name = name.rpartition("/")[2]
    pattern = pattern.rstrip("/")
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern.replace("**/", ""))


def read_settings(start: Path | None = None, **options: Any) -> Settings:
    """Read the settings of the pyproject.toml in a folder or the nearest one above it.

    Args:
        start: the folder; by default the current one.
        options: what is given otherwise, by the names of the fields; `ignore` adds to the file's.

    Raises:
        InvalidArgument: they make no sense.
    """
    folder = (start or Path.cwd()).resolve()
    above = [each for each in [folder, *folder.parents] if (each / "pyproject.toml").is_file()]
    found = above[0] if above else None
    table = _table(found / "pyproject.toml") if found is not None else {}
    settings = Settings(
        root=found or folder, **{_name(key): _value(key, value) for key, value in table.items()}
    )
    ignore = (*settings.ignore, *options.pop("ignore", ()))
    return replace(settings, ignore=ignore, **options)


def _table(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"cannot read {file}: {error}") from error
    table = data.get("tool", {}).get("asfini", {}).get("check", {})
    if not isinstance(table, dict):
        raise InvalidArgument(f"tool.asfini.check in {file} is a table, not {table!r}")
    return table


_FIELDS = ("include", "exclude", "ignore", "per-file-ignores", "warnings", "strict")


def _name(key: str) -> str:
    if key not in _FIELDS:
        raise InvalidArgument(f"tool.asfini.check has no {key!r}, but {', '.join(_FIELDS)}")
    return key.replace("-", "_")


def _value(key: str, value: Any) -> Any:
    if key in ("warnings", "strict"):
        if not isinstance(value, bool):
            raise InvalidArgument(f"tool.asfini.check.{key} is true or false, not {value!r}")
        return value
    if key == "per-file-ignores":
        if not isinstance(value, dict):
            raise InvalidArgument(f"tool.asfini.check.{key} is rules by pattern, not {value!r}")
        return {pattern: _texts(f"{key}.{pattern}", codes) for pattern, codes in value.items()}
    return _texts(key, value)


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise InvalidArgument(f"tool.asfini.check.{key} is a list of texts, not {value!r}")
    return tuple(value)


def find_files(paths: Sequence[str | Path], settings: Settings) -> list[Path]:
    """Find the files that some paths mean.

    Args:
        paths: files, folders and patterns such as `**/*.asl.json`; none for all that the settings include.
        settings: what else they say.

    Returns:
        Each file once, in order. Of folders, those that may have definitions by their names.

    Raises:
        InvalidArgument: a path is not there, or nothing has a pattern's form.
    """
    found: dict[Path, None] = {}
    for path in paths or [settings.root if settings.include else "."]:
        for file in _files(Path(path), settings, named=bool(paths)):
            found.setdefault(file)
    return list(found)


def _files(path: Path, settings: Settings, *, named: bool) -> Iterator[Path]:
    if path.is_dir():
        for file in _walk(path):
            included = named or not settings.include or settings.fits(file, settings.include)
            if included and not settings.fits(file, settings.exclude):
                yield file
    elif path.exists():
        yield path
    elif any(letter in str(path) for letter in "*?["):
        anchor = Path(path.anchor or ".")
        pattern = str(path.relative_to(path.anchor)) if path.anchor else str(path)
        files = sorted(file for file in anchor.glob(pattern) if file.is_file() and not _is_others(file, path))
        if not files:
            raise InvalidArgument(f"there is no file like {path}")
        yield from (file for file in files if not settings.fits(file, settings.exclude))
    else:
        raise InvalidArgument(f"there is no file or folder {path}")


def _is_others(file: Path, pattern: Path) -> bool:
    """Whether a file is in a folder that has none of one's own, and that the pattern does not name."""
    return any(_is_pruned(part) for part in file.parts[:-1] if part not in pattern.parts)


def _is_pruned(name: str) -> bool:
    return name in _PRUNED or name.startswith(".")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_pruned(name))
        for file in (Path(parent, name) for name in sorted(names)):
            if file.suffix in SUFFIXES and file.is_file():  # no link to nowhere, no pipe
                yield file


def check_files(files: Iterable[Path], settings: Settings) -> Iterator[FileResult]:
    """Check files, templates first: what they use is checked as that alone.

    Args:
        files: the files, such as `find_files` gives.
        settings: which rules are told, and where.

    Raises:
        InvalidArgument: one is not there, or must not be read.
        MissingExtra: one is YAML, and the extra `yaml` is not installed.
    """
    used: set[Path] = set()
    for file in sorted(files, key=lambda each: DEFINITION.search(each.name) is not None):
        if file.resolve() in used:
            continue
        result = settings.check(file)
        used.update(other.resolve() for other in result.used)
        yield result
