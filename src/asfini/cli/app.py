"""What a command line is about: machines, activities, and what stands in for all else offline."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from asfini.errors import InvalidArgument

if TYPE_CHECKING:
    from asfini.activity import Activity
    from asfini.client import Client
    from asfini.machine import StateMachine


@dataclass(frozen=True)
class App:
    """What commands act on.

    Raises:
        InvalidArgument: two machines or two activities have one name.
    """

    machines: "tuple[StateMachine | str, ...]" = ()
    """Machines; those that are known only by their name or ARN are deployed by others."""
    activities: "tuple[Activity, ...]" = ()
    role: str | None = None
    """The role that machines are registered with."""
    handlers: Mapping[Any, Any] = field(default_factory=dict)
    """What stands in for resources offline, as `asfini.local.connect` takes it."""
    connect: "Callable[..., AbstractAsyncContextManager[Client]] | None" = None
    """How Step Functions is reached; `asfini.aws.connect` by default."""

    def __post_init__(self) -> None:
        _check_unique("machines", map(name_of, self.machines))
        _check_unique("activities", map(name_of, self.activities))

    def machine(self, name: str | None, how: str = "with --machine") -> "StateMachine | str":
        """The machine of a name; without one, the only machine there is.

        Args:
            name: the name.
            how: how the command line gives it, for the message.

        Returns:
            The machine, or the name itself: it may be that of a machine deployed by others, or an ARN.

        Raises:
            InvalidArgument: there is no machine, or a name is needed to tell which.
        """
        known = {name_of(machine): machine for machine in self.machines}
        if name is not None:
            return known.get(name, name)
        if not known:
            raise InvalidArgument(f"there is no state machine here; give one's name or ARN {how}")
        if len(known) > 1:
            raise InvalidArgument(f"which state machine? choose {how}: {', '.join(known)}")
        return next(iter(known.values()))

    def activities_named(self, names: Iterable[str]) -> "list[Activity]":
        """The activities of some names; all of them without names.

        Raises:
            InvalidArgument: there is none, or none of a name.
        """
        known = {activity.name: activity for activity in self.activities}
        if not known:
            raise InvalidArgument("there are no activities here to work at")
        if unknown := [name for name in names if name not in known]:
            raise InvalidArgument(f"there is no activity {unknown[0]!r} here, but {', '.join(known)}")
        return [known[name] for name in dict.fromkeys(names)] or list(self.activities)


def name_of(thing: "StateMachine | Activity | str") -> str:
    """A machine's or activity's name."""
    return thing if isinstance(thing, str) else thing.name


def _check_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidArgument(f"two {what} are named {name!r}")
        seen.add(name)


def machines_in(given: Any) -> "tuple[StateMachine | str, ...]":
    """A machine, a machine's name or ARN, or several of them.

    Raises:
        InvalidArgument: something else is given.
    """
    from asfini.machine import StateMachine

    several = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    for machine in several:
        if not isinstance(machine, (StateMachine, str)):
            raise InvalidArgument(f"a state machine is needed, not {machine!r}")
    return tuple(several)


def activities_in(given: Any) -> "tuple[Activity, ...]":
    """An activity, a group of them, or several of either.

    Raises:
        InvalidArgument: something else is given.
    """
    from asfini.activity import Activity, ActivityRegistration

    if given is None:
        return ()
    if isinstance(given, Activity):
        return (given,)
    if not isinstance(given, (ActivityRegistration, list, tuple, set, frozenset)):
        raise InvalidArgument(f"activities are needed, not {given!r}")
    return tuple(activity for member in given for activity in activities_in(member))


# What --app names


def load(targets: Iterable[str]) -> App:
    """Import what is named by `module` or `module:name`, and join it.

    Raises:
        InvalidArgument: it cannot be imported, or nothing in it can be acted on.
    """
    found = [_find(object_named(target), target) for target in targets]
    if len(found) == 1:
        return found[0]
    return App(
        machines=_distinct(machine for app in found for machine in app.machines),
        activities=_distinct(activity for app in found for activity in app.activities),
        role=next((app.role for app in found if app.role), None),
        handlers={key: handler for app in found for key, handler in app.handlers.items()},
        connect=next((app.connect for app in found if app.connect), None),
    )


def _distinct(things: Iterable[Any]) -> tuple[Any, ...]:
    """Things in order, each once: the same machine may be found under two names."""
    return tuple({id(thing): thing for thing in things}.values())


def object_named(target: str) -> Any:
    """Import what is named by `module` or `module:name`.

    Raises:
        InvalidArgument: it cannot be imported.
    """
    module_name, colon, path = target.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")) or (colon and not path):
        raise InvalidArgument(f"an app is named like 'module' or 'module:name', not {target!r}")
    found: Any = _import(module_name)
    for name in path.split(".") if path else ():
        try:
            found = getattr(found, name)
        except AttributeError:
            raise InvalidArgument(f"cannot find {target!r}: {_called(found)} has no {name!r}") from None
    return found


def _import(name: str) -> ModuleType:
    """Import a module, also from the current directory."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_failed(name, error) from error
        hint = "; a module is named without '.py'" if name.endswith(".py") else ""
        raise InvalidArgument(f"there is no module {error.name!r} in {here}, nor installed{hint}") from None
    except SystemExit as error:
        reason = "it ends the program; what starts it belongs under `if __name__ == '__main__':`"
        raise InvalidArgument(f"cannot import {name!r}: {reason}") from error
    except Exception as error:
        raise _import_failed(name, error) from error


def _import_failed(name: str, error: Exception) -> InvalidArgument:
    """Say what went wrong in a user's module, and where in the current directory."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}, line {frame.lineno}: " for frame in frames if _is_own(Path(frame.filename))]
    return InvalidArgument(f"cannot import {name!r}: {''.join(places[-1:])}{type(error).__name__}: {error}")


def _is_own(file: Path) -> bool:
    """Whether a file is the user's own, rather than a library's."""
    return (
        file.is_relative_to(Path.cwd())
        and not file.is_relative_to(Path(__file__).parents[1])
        and "site-packages" not in file.parts
    )


def _called(found: Any) -> str:
    return f"module {found.__name__!r}" if isinstance(found, ModuleType) else f"a {type(found).__name__}"


def _find(found: Any, target: str) -> App:
    """What can be acted on: the object itself, or what it has."""
    members = [found, *_members(found)]
    clis = [app for app in (getattr(member, "app", None) for member in members) if isinstance(app, App)]
    if len(_distinct(clis)) > 1:
        raise InvalidArgument(f"{target!r} has several CLIs: name one of them")
    if clis:
        return clis[0]
    handlers = getattr(found, "handlers", None)
    app = _gathered(members, handlers if isinstance(handlers, Mapping) else {})
    if not (app.machines or app.activities or app.handlers):
        raise InvalidArgument(
            f"{target!r} is {_called(found)}: neither a CLI, a state machine nor activities, nor has it any"
        )
    return app


def _members(found: Any) -> list[Any]:
    from asfini.activity import Activity, ActivityRegistration
    from asfini.machine import StateMachine

    if isinstance(found, (StateMachine, Activity, ActivityRegistration)):
        return [found]
    if isinstance(found, (list, tuple, set, frozenset)):
        return list(found)
    return [getattr(found, name, None) for name in dir(found) if not name.startswith("_")]


def _gathered(members: Iterable[Any], handlers: Mapping[Any, Any]) -> App:
    from asfini.activity import Activity, ActivityRegistration
    from asfini.machine import StateMachine

    members = list(members)
    groups = [member for member in members if isinstance(member, (Activity, ActivityRegistration))]
    return App(
        machines=_distinct(member for member in members if isinstance(member, StateMachine)),
        activities=_distinct(activities_in(groups)),
        handlers=handlers,
    )
