"""aiobotocore's clients of Step Functions and their settings. Imported only when something connects."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import aiobotocore  # type: ignore[import-untyped]
import anyio
from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from asfini.aws._errors import translated
from asfini.aws._thin import Route, ThinPath, told_in
from asfini.aws.session import SERVICE, AWSSession
from asfini.errors import InvalidArgument

_ONCE = {"mode": "standard", "total_max_attempts": 1}

_KINDS: dict[str, dict[str, Any]] = {
    "calls": {},
    # A poll is held open for 60 seconds. One that fails may have lost a task: a second must not hide that.
    "polls": {"read_timeout": 75, "retries": _ONCE},
    # These run for up to five minutes, and a second try would do the work a second time.
    "runs": {"read_timeout": 330, "retries": _ONCE},
}
"""How calls are made. Each kind has connections of its own: those that wait must not hold up the others."""

_THIN_KINDS = frozenset({"calls", "polls"})
"""The kinds with operations that the thin path knows."""

_KIND_OF = {"get_activity_task": "polls", "start_sync_execution": "runs", "test_state": "runs"}

_CONNECTIONS = 50
"""For ordinary calls: with botocore's 10, heartbeats queue behind whoever waits for executions."""


class Clients:
    """A session's clients of Step Functions: each is made when it is first needed, all are closed together.

    Args:
        session: who calls, and where to.
        max_polls: how many calls of a kind that waits may be open at once.
        max_attempts: how often an ordinary call is tried, at most.
        thin: whether hot calls take the thin path.

    Raises:
        InvalidArgument: the settings make no sense.
    """

    def __init__(self, session: AWSSession, max_polls: int, max_attempts: int | None, thin: bool) -> None:
        if max_polls < 1:
            raise InvalidArgument(f"max_polls must be at least 1, not {max_polls}")
        self._session = session
        self._clients: dict[str, Any] = {}
        self._thin_paths: dict[str, ThinPath] | None = {} if thin else None
        self._making = anyio.Lock()
        self._stack = AsyncExitStack()
        with translated():
            ordinary = settings(session, max_attempts)
            waiting = ordinary.merge(AioConfig(max_pool_connections=max_polls))
            self._configs = {
                kind: waiting.merge(AioConfig(**special)) if special else ordinary
                for kind, special in _KINDS.items()
            }
            self.tries = {"polls": 1, "calls": _tries(session, ordinary)}
            """How often calls are tried at most, by their kind."""
            if self.tries["calls"] > 1:
                retries = {**ordinary.retries, "total_max_attempts": self.tries["calls"] - 1}
                self._configs["again"] = ordinary.merge(AioConfig(retries=retries))

    def thin_path(self, operation: str) -> ThinPath | None:
        """The thin path for an operation, if it knows by now how to make the call."""
        path = (self._thin_paths or {}).get(_KIND_OF.get(operation, "calls"))
        return path if path is not None and path.knows(operation) else None

    async def route(self, operation: str) -> Route | None:
        """How an operation's requests may be made elsewhere; `None` if they must not.

        Raises:
            CredentialsInvalid: the credentials cannot be had.
        """
        await self.get(operation)
        path = (self._thin_paths or {}).get(_KIND_OF.get(operation, "calls"))
        return None if path is None else await path.route(operation)

    def can_try_again(self, operation: str) -> bool:
        """Whether an operation that was tried once may be tried a second time."""
        return self.tries.get(_KIND_OF.get(operation, "calls"), 1) > 1

    async def get(self, operation: str, *, again: bool = False) -> Any:
        """The client for an operation.

        Args:
            operation: the operation.
            again: whether it was tried once already, so that there is one try less.

        Raises:
            CredentialsInvalid: the credentials cannot be had.
            InvalidArgument: the configuration makes no sense.
        """
        kind = "again" if again else _KIND_OF.get(operation, "calls")
        if kind not in self._clients:
            async with self._making:
                if kind not in self._clients:
                    self._clients[kind] = await self._make(kind, operation)
        return self._clients[kind]

    async def _make(self, kind: str, operation: str) -> Any:
        with translated(operation, self._session.endpoint_url):
            made = self._session.client(SERVICE, self._configs[kind])
            client = await self._stack.enter_async_context(made)
            if not self._is_public(client.meta.endpoint_url):
                client.meta.config.inject_host_prefix = False
            client.meta.events.register("after-call", _check_answer)
            if self._thin_paths is not None and kind in _THIN_KINDS:
                self._thin_paths[kind] = path = ThinPath(client, self._session.credentials)
                self._stack.callback(path.close)
        return client

    def _is_public(self, endpoint: str) -> bool:
        """Whether an endpoint is one of AWS's public ones.

        Only they have a second host, `sync-states…`, for the operations that wait for a result.
        """
        host = urlsplit(endpoint).hostname or ""
        return host.startswith(("states.", "states-fips.")) and self._session.is_aws(endpoint)

    async def aclose(self) -> None:
        """Close the clients and their connections."""
        self._clients.clear()
        await self._stack.aclose()


def load_data(session: AWSSession) -> None:
    """Read botocore's data files for Step Functions: nine tenths of the time that a first client takes."""
    loader = session.session.get_component("data_loader")
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data_with_path(name)
    for name in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model(SERVICE, name, api_version=None)


def settings(session: AWSSession, max_attempts: int | None = None) -> Any:
    """The settings for ordinary calls: asfini's own, then those of the aiobotocore session, then the user's.

    Raises:
        InvalidArgument: the user's are of another kind.
    """
    if not isinstance(session.config, Config | None):
        raise InvalidArgument(f"config must be an aiobotocore.config.AioConfig, not {session.config!r}")
    merged: Any = AioConfig(user_agent=_user_agent(), max_pool_connections=_CONNECTIONS)
    for given in (session.session.get_default_client_config(), session.config):
        merged = merged.merge(given) if given is not None else merged
    mode = session.session.get_config_variable("retry_mode")
    retries = {"mode": "standard" if mode == "legacy" else mode, **(merged.retries or {})}
    if max_attempts is not None:
        retries["total_max_attempts"] = max_attempts
    return merged.merge(AioConfig(retries=retries))


def _tries(session: AWSSession, settings: Any) -> int:
    """How often ordinary calls are tried, as botocore finds it out: 3 times by default."""
    configured = session.session.get_config_variable("max_attempts")
    return int(settings.retries.get("total_max_attempts") or configured or 3)


def _user_agent() -> str:
    name = "asfini"
    with suppress(PackageNotFoundError):  # where metadata is stripped to make a package small
        name += f"/{version(name)}"
    return f"{name} aiobotocore/{aiobotocore.__version__}"


async def _check_answer(*, http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Refuse an answer that lacks what it must have, or that botocore takes for an empty one.

    Else a proxy's page, or the first half of an answer, would pass for a poll that found no task.
    """
    if http_response.status_code >= 300:
        return
    if not parsed.keys() - {"ResponseMetadata"}:
        told_in(await http_response.content, model.output_shape.members)
    _check_members(model, parsed)


def _check_members(model: Any, parsed: Any) -> None:
    """Demand what the API says is always there, where something is asked for: in answers and lists' entries.

    Emulators leave out dates where something is done, and nobody reads those.
    """
    if model.name.startswith(("Describe", "Get", "List", "Start")):
        missing = list(_missing(model.output_shape, parsed))
        if missing:
            raise ResponseParserError(f"it lacks {', '.join(dict.fromkeys(missing))}")


def _missing(shape: Any, value: Any) -> Iterator[str]:
    """The members that an object must have and does not, and so for each in a list right below it."""
    yield from (name for name in shape.required_members if name not in value)
    for name, member in shape.members.items():
        if member.type_name == "list" and member.member.type_name == "structure":
            yield from (
                f"{name}.{inner}"
                for entry in value.get(name, ())
                for inner in member.member.required_members
                if inner not in entry
            )
