"""YAML 1.2 text in and out, by the library `yamlcore` of the extra `yaml`."""

from typing import Any

from asfini.errors import InvalidArgument, MissingExtra

try:
    import yaml
    import yamlcore  # type: ignore[import-untyped]
except ImportError:
    raise MissingExtra("YAML", "yaml") from None

_LOADER = getattr(yamlcore, "CCoreLoader", yamlcore.CoreLoader)
_DUMPER = getattr(yamlcore, "CCoreDumper", yamlcore.CoreDumper)


def loads(text: str | bytes) -> Any:
    """Read YAML text.

    Raises:
        InvalidArgument: it is not YAML; the message says where.
    """
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - the core schema makes plain data only
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidArgument(f"the definition is not YAML: {error}") from error


def dumps(data: Any) -> str:
    """Write plain JSON data as YAML text."""
    return str(yaml.dump(data, Dumper=_DUMPER, sort_keys=False, allow_unicode=True))
