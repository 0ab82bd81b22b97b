"""YAML 1.2 text in and out, by the library `yamlcore` of the extra `yaml`."""

import math
from typing import Any

from asfini.errors import InvalidArgument, MissingExtra

try:
    import yaml
    import yamlcore  # type: ignore[import-untyped]
except ImportError:
    raise MissingExtra("YAML", "yaml") from None

LOADER = getattr(yamlcore, "CCoreLoader", yamlcore.CoreLoader)
"""Reads the core schema of YAML 1.2, by libyaml where there is one."""


class _Dumper(getattr(yamlcore, "CCoreDumper", yamlcore.CoreDumper)):  # type: ignore[misc]
    """Writes what stands in two places twice: anchors are not for people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def loads(text: str | bytes) -> Any:
    """Read YAML text.

    Raises:
        InvalidArgument: it is not YAML, the message says where; or has what JSON cannot express.
    """
    try:
        return _json_only(yaml.load(text, Loader=LOADER))  # noqa: S506 - the core schema makes plain data only
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidArgument(f"the definition is not YAML: {error}") from error
    except RecursionError as error:
        raise InvalidArgument("the definition is nested too deeply, or in itself") from error


def _json_only(value: Any, place: str = "") -> Any:
    """Refuse what JSON cannot express: keys that are no text, infinity."""
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise ValueError(
                    f"the key {key!r} of {place or 'its top level'} is no text: put it in quotes"
                )
            _json_only(part, f"{place}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _json_only(part, f"{place}/{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} at {place or 'its top level'} is not a JSON value")
    return value


def dumps(data: Any) -> str:
    """Write plain JSON data as YAML text."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
