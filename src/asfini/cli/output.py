"""What commands print and write: text on any terminal, JSON, and files that are whole or not there."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from asfini.cli import progress
from asfini.errors import InvalidArgument

_END = "\x1b[0m"


def print_json(value: Any, *, indent: int | None = 2, flush: bool = False) -> None:
    """Print JSON data.

    Args:
        value: the data.
        indent: how far inner lines are indented; `None` for all in one line.
        flush: whether somebody is to read it now.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        _print(text, flush)
    except UnicodeEncodeError:  # standard output's encoding lacks a character, or it is half a surrogate pair
        _print(json.dumps(value, indent=indent), flush)


def print_text(text: str, *, flush: bool = False, error: bool = False) -> None:
    """Print text, on any terminal.

    Args:
        text: the text.
        flush: whether somebody is to read it now.
        error: whether it is for standard error, which has what only people read.
    """
    try:
        _print(text, flush, error=error)
    except UnicodeEncodeError:
        _print(text.encode("ascii", "backslashreplace").decode(), flush, error=error)


def _print(text: str, flush: bool, *, error: bool = False) -> None:
    with progress.cleared():
        print(text, flush=flush, file=sys.stderr if error else sys.stdout)


if TYPE_CHECKING:
    _Handler = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler


class LogHandler(_Handler):
    """Logs beside the line that says how far it is, not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        with progress.cleared():
            super().emit(record)


def is_terminal() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    try:
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it is closed
        return False


def coloured() -> bool:
    """Whether standard output is a terminal that may show colours: see no-color.org."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    """Text in a colour: the codes of SGR that ECMA-48 lists, such as `1;31`; none for an empty one."""
    return f"\x1b[{colour}m{text}{_END}" if colour else text


# Files


def check_writable(path: Path) -> None:
    """Make sure, before there is anything to write, that a file can be written.

    Raises:
        InvalidArgument: it cannot.
    """
    folder = path.parent
    if not folder.is_dir():
        raise InvalidArgument(f"cannot write {path}: there is no directory {folder}")
    if path.is_dir():
        raise InvalidArgument(f"cannot write {path}: it is a directory")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise InvalidArgument(f"cannot write {path}: permission denied")


def write_files(files: Mapping[Path, str]) -> None:
    """Write files, all or none; what was there before stays where one cannot be written.

    Args:
        files: the texts by path; half surrogate pairs, which UTF-8 has not, become `?`.

    Raises:
        InvalidArgument: one of them cannot be written.
    """
    drafts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, text in files.items():
            drafts[path] = _draft(path, text)
        for path, draft in drafts.items():
            if draft != path:
                draft.replace(path.resolve())
    except OSError as error:
        raise InvalidArgument(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        for path, draft in drafts.items():
            if draft != path:
                draft.unlink(missing_ok=True)


def _draft(path: Path, text: str) -> Path:
    """Write beside a file what is to take its place; what is no file, such as a pipe, is written at once."""
    place = path
    if path.is_file() or not path.exists():
        whole = path.resolve()  # of a link, what it leads to
        place = whole.with_name(f".{whole.name}.{os.getpid()}")
    try:
        place.write_text(text, encoding="utf-8", errors="replace")
    except OSError:
        if place != path:
            place.unlink(missing_ok=True)
        raise
    if place != path and path.exists():
        with suppress(OSError):  # a file system without modes
            shutil.copymode(path, place)
    return place
