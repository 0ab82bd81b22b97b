"""Where commands get definitions from: files, or whatever is known by a name or ARN."""

from pathlib import Path

from asfini.asl.definition import Definition
from asfini.checking._templates import quote_bare
from asfini.errors import InvalidArgument, MissingExtra

_YAML = frozenset({".yaml", ".yml"})
_SUFFIXES = frozenset({".asl", ".json", *_YAML})


def is_file(named: str) -> bool:
    """Whether what is named is a file, and no machine: it is there, or called like one."""
    path = Path(named)
    return path.is_file() or (path.suffix in _SUFFIXES and not named.startswith("arn:"))


def load(path: Path) -> Definition:
    """Read a file with a definition; placeholders of templates may stand in it for whole values.

    Raises:
        InvalidArgument: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path} is not text in UTF-8") from error
    try:
        if path.suffix in _YAML:
            return Definition.from_yaml(text)
        return Definition.from_json(quote_bare(text))
    except MissingExtra:
        raise
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error}") from None
