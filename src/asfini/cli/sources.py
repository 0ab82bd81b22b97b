"""Where commands get definitions from: files, or whatever is known by a name or ARN."""

from collections.abc import Mapping
from pathlib import Path

from asfini._arns import MAX_NAME_LENGTH
from asfini.asl.definition import Definition
from asfini.checking._templates import quote_bare
from asfini.errors import InvalidArgument, MissingExtra

_YAML = frozenset({".yaml", ".yml"})
_SUFFIXES = frozenset({".asl", ".json", *_YAML})


def is_there(named: str) -> bool:
    """Whether there is a file of a name, or what may be none."""
    try:
        return Path(named).is_file()
    except (OSError, ValueError):  # no file can be called so
        return False


def is_file(named: str) -> bool:
    """Whether what is named is a file, and no machine: it is there, or called like one."""
    if named.startswith("arn:"):
        return False
    return is_there(named) or len(named) > MAX_NAME_LENGTH or Path(named).suffix in _SUFFIXES


def load(path: Path, substitutions: Mapping[str, str] | None = None) -> Definition:
    """Read a file with a definition; placeholders of templates may stand in it for whole values.

    Args:
        path: the file.
        substitutions: what is filled in for placeholders, by name, as CloudFormation does: text for text.

    Raises:
        InvalidArgument: it cannot be read, is no definition, or has no such placeholder.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path} is not text in UTF-8") from error
    for name, value in (substitutions or {}).items():
        if f"${{{name}}}" not in text:
            raise InvalidArgument(f"{path} has no placeholder ${{{name}}} to be filled in")
        text = text.replace(f"${{{name}}}", value)
    try:
        read = Definition.from_yaml if path.suffix in _YAML else Definition.from_json
        definition = read(text if path.suffix in _YAML else quote_bare(text))
    except MissingExtra:
        raise
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error}") from None
    if not definition.to_dict().keys() & {"StartAt", "States"}:
        message = f"{path} is no definition, for it has neither StartAt nor States"
        raise InvalidArgument(f"{message}; those in templates are only read by `check`")
    return definition
